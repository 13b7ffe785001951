//! Hides what may be a secret in a line of a file before anyone sees it: what a finding calls secret, and whatever
//! stands behind a key or in a URL that looks like a login. Rather too much than too little.

use std::ops::Range;

/// Keys in front of text that may be shown even where logins are described.
const HARMLESS: [&str; 7] = [
    "user",
    "env",
    "file",
    "credential",
    "type",
    "source",
    "Accept",
];
/// Parts of keys behind which a secret may stand.
const MARKS: [&str; 9] = [
    "auth",
    "cookie",
    "token",
    "key",
    "secret",
    "pass",
    "credential",
    "signature",
    "pwd",
];

/// The line with its secrets replaced by as many `*`, so that columns stay where they are. `spans` are bytes of the
/// line that a finding calls secret; `all_texts` hides every text in quotes.
pub(super) fn mask(line: &str, spans: &[Range<usize>], all_texts: bool) -> String {
    let mut hidden: Vec<Range<usize>> = spans.to_vec();
    hidden.extend(texts(line, all_texts));
    hidden.extend(logins(line));
    line.char_indices()
        .map(|(at, c)| {
            let inside = hidden.iter().any(|span| span.contains(&at));
            if inside && !matches!(c, '"' | '\'') {
                '*'
            } else {
                c
            }
        })
        .collect()
}

/// Texts in quotes whose key looks like a login.
fn texts(line: &str, all: bool) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut open: Option<(usize, char)> = None;
    let (mut key, mut word, mut escaped) = (String::new(), String::new(), false);
    for (at, c) in line.char_indices() {
        match open {
            Some(_) if escaped => escaped = false,
            Some((_, '"')) if c == '\\' => escaped = true,
            Some((start, quote)) if c == quote => {
                let is_key = line
                    .get(at + 1..)
                    .is_some_and(|rest| rest.trim_start().starts_with('='));
                if !is_key && (is_login(&key) || (all && !is_harmless(&key))) {
                    found.push(start..at);
                }
                line.get(start + 1..at).unwrap_or("").clone_into(&mut word);
                open = None;
            }
            Some(_) => {}
            None if c == '#' => break,
            None if matches!(c, '"' | '\'') => open = Some((at, c)),
            None if c == '=' => key = std::mem::take(&mut word),
            None if c.is_alphanumeric() || matches!(c, '_' | '-') => word.push(c),
            None if c == '.' => word.clear(),
            None if matches!(c, ',' | '{' | '}' | '[' | ']') => word.clear(),
            None => {}
        }
    }
    // A text that is never closed: what follows belongs to it.
    if let Some((start, _)) = open.filter(|_| is_login(&key) || (all && !is_harmless(&key))) {
        found.push(start..line.len());
    }
    found
}

fn is_harmless(key: &str) -> bool {
    HARMLESS.contains(&key)
}

fn is_login(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    !is_harmless(&key)
        && !key.starts_with("key_result")
        && MARKS.iter().any(|mark| key.contains(mark))
}

/// `user:password` in front of the host of a URL.
fn logins(line: &str) -> Vec<Range<usize>> {
    let login = |(at, _): (usize, &str)| {
        let rest = line.get(at + 3..)?;
        let end = rest
            .find(['/', '"', '\'', ' ', '?', '#'])
            .unwrap_or(rest.len());
        let host = rest.get(..end)?.rfind('@')?;
        Some(at + 3..at + 3 + host)
    };
    line.match_indices("://").filter_map(login).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f71_what_looks_like_a_login_is_hidden() {
        for (line, shown) in [
            ("token = \"hunter2\" # x", "token = \"*******\" # x"),
            (
                "auth = { user = \"a\", token = \"hunter2\" }",
                "auth = { user = \"a\", token = \"*******\" }",
            ),
            ("\"X-Api-Key\" = 'hunter2'", "\"X-Api-Key\" = '*******'"),
            ("token = { env = \"NAME\" }", "token = { env = \"NAME\" }"),
            (
                "url = \"https://me:hunter2@host/x\"",
                "url = \"https://**********@host/x\"",
            ),
            ("password = \"hunter2", "password = \"*******"),
            ("key_results = [\"a\"]", "key_results = [\"a\"]"),
            ("title = \"é\" ", "title = \"é\" "),
        ] {
            assert_eq!(mask(line, &[], false), shown);
        }
        assert_eq!(
            mask("tokn = \"é hunter2\"", &[], true),
            "tokn = \"*********\""
        );
        assert_eq!(
            mask("x = hunter2", std::slice::from_ref(&(4..11)), false),
            "x = *******"
        );
    }
}
