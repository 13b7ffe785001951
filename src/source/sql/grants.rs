//! What grants amount to: reads the lines of `SHOW GRANTS`, which may hold a password's hash and are never repeated, and
//! says in words what an account may write. Knows no connection.

use super::Power;

/// Privileges that change nothing in the data and reach no file. What is not among them may write.
const HARMLESS: [&str; 16] = [
    "USAGE",
    "SELECT",
    "SHOW VIEW",
    "SHOW DATABASES",
    "SHOW CREATE ROUTINE",
    "SHOW_ROUTINE",
    "EXECUTE",
    "REFERENCES",
    "LOCK TABLES",
    "PROCESS",
    "REPLICATION CLIENT",
    "BINLOG MONITOR",
    "REPLICA MONITOR",
    "SLAVE MONITOR",
    "REPLICATION SLAVE",
    "PROXY",
];

/// What the lines of `SHOW GRANTS` allow beyond reading.
pub(super) fn powers(lines: &[String]) -> Vec<Power> {
    let mut words: Vec<&str> = Vec::new();
    let mut objects: Vec<&str> = Vec::new();
    for (privileges, object) in lines.iter().filter_map(|line| grant(line)) {
        let everywhere = object == "*.*";
        for privilege in privileges {
            let all = matches!(privilege, "ALL PRIVILEGES" | "ALL");
            if everywhere && (all || matches!(privilege, "FILE" | "SUPER")) {
                let what = if all { "ALL PRIVILEGES" } else { privilege };
                return vec![Power::grave(format!("has {what} on *.*"))];
            }
            if HARMLESS.contains(&privilege) {
                continue;
            }
            if !words.contains(&privilege) {
                words.push(privilege);
            }
            if !objects.contains(&object) {
                objects.push(object);
            }
        }
    }
    let Some(first) = objects.first() else {
        return Vec::new();
    };
    vec![writes(&words.join(", "), &objects.len().to_string(), first)]
}

/// The power to write to something, by these words.
pub(super) fn writes(words: &str, count: &str, first: &str) -> Power {
    let more = match count.parse::<usize>() {
        Ok(count) if count > 1 => format!(" and {} more", count - 1),
        _ => String::new(),
    };
    Power::writes(format!("may {words} on {first}{more}"))
}

/// The roles that the lines of `SHOW GRANTS` give, as they are written.
pub(super) fn roles(lines: &[String]) -> Vec<&str> {
    let roles = lines.iter().filter_map(|line| {
        let rest = line.strip_prefix("GRANT ")?;
        let (roles, _) = bare(rest, " TO ")?;
        bare(roles, " ON ").is_none().then_some(roles)
    });
    roles.collect()
}

/// The privileges of a line and what they are on; `None` for the grant of a role.
fn grant(line: &str) -> Option<(Vec<&str>, &str)> {
    let rest = line.strip_prefix("GRANT ")?;
    let (mut list, rest) = bare(rest, " ON ")?;
    let (object, whom) = bare(rest, " TO ")?;
    // MariaDB is installed with a database to play in, for everybody.
    if whom.starts_with("PUBLIC") && object.starts_with("`test") {
        return None;
    }
    let mut privileges = Vec::new();
    loop {
        let (first, more) =
            bare(list, ", ").map_or((list, None), |(first, more)| (first, Some(more)));
        // Of `UPDATE (a, b)` the word counts.
        privileges.push(first.split(" (").next().unwrap_or(first));
        match more {
            Some(more) => list = more,
            None => return Some((privileges, object)),
        }
    }
}

/// The text before and behind the first of these that stands in no quotes and parentheses.
fn bare<'a>(text: &'a str, mark: &str) -> Option<(&'a str, &'a str)> {
    let (mut quote, mut depth) = (None, 0_usize);
    for (i, c) in text.char_indices() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '`' | '\'' | '"') => quote = Some(c),
            (None, '(') => depth += 1,
            (None, ')') => depth = depth.saturating_sub(1),
            (None, _) if depth == 0 => {
                if let Some(behind) = text.get(i..).and_then(|rest| rest.strip_prefix(mark)) {
                    return Some((text.get(..i)?, behind));
                }
            }
            (None, _) => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(lines: &[&str]) -> Vec<(String, bool)> {
        let lines: Vec<String> = lines.iter().map(|&line| line.to_owned()).collect();
        let powers = powers(&lines).into_iter();
        powers.map(|power| (power.what, power.grave)).collect()
    }

    #[test]
    fn f79_grants_are_told_by_what_they_allow() {
        let hash = "IDENTIFIED BY PASSWORD '*ABC'";
        for line in [
            "GRANT USAGE ON *.* TO `okrd`@`%`",
            "GRANT SELECT, SHOW VIEW ON `shop`.* TO `okrd`@`%`",
            "GRANT SELECT (`a`, `b ON c`), REFERENCES (`a`) ON `shop`.`t` TO `okrd`@`%`",
            "GRANT EXECUTE ON FUNCTION `shop`.`f` TO `okrd`@`%`",
            "GRANT `writers` TO `okrd`@`%`",
            "GRANT SELECT, INSERT ON `test`.* TO PUBLIC",
            "GRANT PROXY ON ''@'%' TO 'okrd'@'%' WITH GRANT OPTION",
        ] {
            assert_eq!(told(&[line]), [], "{line}");
        }
        for (lines, what, grave) in [
            (
                vec![format!(
                    "GRANT ALL PRIVILEGES ON *.* TO `root`@`%` {hash} WITH GRANT OPTION"
                )],
                "has ALL PRIVILEGES on *.*",
                true,
            ),
            (
                vec!["GRANT SELECT, FILE ON *.* TO `okrd`@`%`".into()],
                "has FILE on *.*",
                true,
            ),
            (
                vec!["GRANT SELECT, INSERT, SUPER ON *.* TO `okrd`@`%`".into()],
                "has SUPER on *.*",
                true,
            ),
            (
                vec![
                    format!("GRANT USAGE ON *.* TO `okrd`@`%` {hash}"),
                    "GRANT SELECT, INSERT (`a`, `b`), UPDATE ON `shop`.`t ON u` TO `okrd`@`%`"
                        .into(),
                    "GRANT UPDATE, CREATE ON `crm`.* TO `okrd`@`%`".into(),
                ],
                "may INSERT, UPDATE, CREATE on `shop`.`t ON u` and 1 more",
                false,
            ),
            (
                vec!["GRANT ALL PRIVILEGES ON `shop`.* TO PUBLIC".into()],
                "may ALL PRIVILEGES on `shop`.*",
                false,
            ),
        ] {
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            assert_eq!(told(&lines), [(what.to_owned(), grave)]);
        }
    }

    #[test]
    fn roles_are_told_apart_from_grants() {
        let lines = [
            "GRANT SELECT ON `a`.* TO `u`@`%`".to_owned(),
            "GRANT `r`@`%`,`s`@`%` TO `u`@`%`".to_owned(),
        ];
        assert_eq!(roles(&lines), ["`r`@`%`,`s`@`%`"]);
    }
}
