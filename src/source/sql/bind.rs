//! A statement with its `:names`: finds them, refuses unknown ones and rewrites them to the server's placeholders
//! with their types. Values are always bound, never pasted into the text. Knows no connection.
//!
//! Instants are told in UTC, `:today` is the local day. SQLite gets the text that its own `datetime()` yields,
//! PostgreSQL `timestamptz` and `date`, MySQL and MariaDB `DATETIME(6)` in a session whose zone is UTC and `DATE`.

use jiff::Timestamp;

use super::refused;
use crate::config::spec::Takes;
use crate::config::sql::gate::{self, Found};
use crate::config::sql::lex::{Dialect, Kind, Token, tokens};
use crate::domain::fault::{Fault, FaultClass};
use crate::domain::window::Moments;

/// A statement ready for a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Statement {
    /// The text with the server's placeholders, without trailing `;`.
    pub(super) text: String,
    /// Which moment each placeholder stands for, in their order.
    pub(super) names: Vec<&'static str>,
    /// What passes for a number; nothing beside one unless its writer says so.
    pub(super) takes: Takes,
    /// Where the text leaves the original: (byte in `text`, byte in the original) behind each replacement.
    shifts: Vec<(usize, usize)>,
}

impl Statement {
    /// Reads one statement for a server.
    ///
    /// # Errors
    /// `sql_refused` when it is not one reading statement, `config` for an unknown `:name` or a placeholder of
    /// the server's own.
    pub(super) fn parse(sql: &str, dialect: Dialect) -> Result<Self, Fault> {
        let tokens = tokens(sql, dialect);
        admit(&tokens, dialect)?;
        let end = gate::end(&tokens).unwrap_or(sql.len());
        let mut statement = Self {
            text: String::with_capacity(sql.len() + 32),
            names: Vec::new(),
            takes: Takes::default(),
            shifts: vec![(0, 0)],
        };
        let mut copied = 0;
        for token in tokens.iter().filter(|t| t.at < end) {
            if token.is_own_placeholder(dialect) {
                return Err(foreign_placeholder(token.text));
            }
            if token.kind != Kind::Name {
                continue;
            }
            let name = known(token.text)?;
            statement.text += sql.get(copied..token.at).unwrap_or_default();
            let placeholder = statement.placeholder(name, dialect);
            statement.text += &placeholder;
            copied = token.at + 1 + token.text.len();
            statement.shifts.push((statement.text.len(), copied));
        }
        statement.text += sql.get(copied..end).unwrap_or_default();
        Ok(statement)
    }

    fn placeholder(&mut self, name: &'static str, dialect: Dialect) -> String {
        let day = name == "today";
        match dialect {
            Dialect::Sqlite => {
                self.number(name);
                format!(":{name}")
            }
            Dialect::Postgres => {
                let number = self.number(name);
                let kind = if day { "date" } else { "timestamptz" };
                format!("(${number}::{kind})")
            }
            Dialect::Mysql => {
                self.names.push(name);
                let kind = if day { "DATE" } else { "DATETIME(6)" };
                format!("CAST(? AS {kind})")
            }
        }
    }

    /// The number of a name's placeholder, the same each time it is used.
    fn number(&mut self, name: &'static str) -> usize {
        if let Some(i) = self.names.iter().position(|n| *n == name) {
            return i + 1;
        }
        self.names.push(name);
        self.names.len()
    }

    /// The byte of the original that stands behind a byte of the rewritten text.
    pub(super) fn original(&self, at: usize) -> usize {
        let from = self.shifts.iter().rev().find(|(here, _)| *here <= at);
        from.map_or(at, |(here, there)| there + (at - here))
    }
}

fn admit(tokens: &[Token<'_>], dialect: Dialect) -> Result<(), Fault> {
    let Some(objection) = gate::objections(tokens, dialect).into_iter().next() else {
        return Ok(());
    };
    Err(refused(match objection.found {
        Found::Nothing => "found an empty statement, expected a SELECT".into(),
        Found::Opening(word) => format!(
            "found a statement that starts with `{word}`, expected one of {}",
            gate::READS.join(", ")
        ),
        Found::Second(word) => {
            format!("found a second statement at `{word}`, expected exactly one")
        }
        Found::Act(act) => {
            format!("found {act} in the statement, expected one that only reads")
        }
        Found::Hidden(c) => format!(
            "found the character U+{:04X} in the statement, expected plain spaces and line ends outside quotes",
            u32::from(c)
        ),
    }))
}

/// What a name stands for, as the dialect's text.
pub(super) fn value(name: &str, moments: &Moments, dialect: Dialect) -> String {
    let Some(instant) = moments.instant(name) else {
        return moments.today.to_string();
    };
    match dialect {
        Dialect::Sqlite => sqlite_instant(instant),
        Dialect::Postgres => instant.to_string(),
        Dialect::Mysql => instant.strftime("%Y-%m-%d %H:%M:%S%.6f").to_string(),
    }
}

/// `YYYY-MM-DD HH:MM:SS`, as SQLite's `datetime()` and `CURRENT_TIMESTAMP` write it, so that texts compare; with
/// milliseconds only when there are any.
fn sqlite_instant(instant: Timestamp) -> String {
    let format = if instant.as_millisecond() % 1000 == 0 {
        "%Y-%m-%d %H:%M:%S"
    } else {
        "%Y-%m-%d %H:%M:%S%.3f"
    };
    instant.strftime(format).to_string()
}

/// The known name behind a text.
///
/// # Errors
/// A `config` fault that lists the known ones.
pub(super) fn known(name: &str) -> Result<&'static str, Fault> {
    Moments::NAMES
        .into_iter()
        .find(|known| *known == name)
        .ok_or_else(|| {
            Fault::new(
                FaultClass::Config,
                format!(
                    "the statement binds `:{name}`, expected one of :{}",
                    Moments::NAMES.join(" :")
                ),
            )
        })
}

/// The fault of a placeholder that is none of ours.
pub(super) fn foreign_placeholder(text: &str) -> Fault {
    Fault::new(
        FaultClass::Config,
        format!(
            "the statement has the placeholder `{text}`, which nothing fills: expected :{}",
            Moments::NAMES.join(" :")
        ),
    )
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::domain::cycle::Cycle;
    use crate::domain::id::CycleName;
    use crate::domain::window::Window;
    use jiff::civil::date;

    /// 23:30 UTC on the 23rd, which is the 24th in Berlin.
    pub(crate) fn moments(now: &str) -> Moments {
        let zone = jiff::tz::TimeZoneDatabase::bundled()
            .get("Europe/Berlin")
            .unwrap();
        let name = CycleName::parse("2026-Q4").unwrap();
        let cycle = Cycle::new(name, date(2026, 10, 1), date(2026, 12, 31), zone).unwrap();
        Moments::at(now.parse().unwrap(), &cycle, Window::CycleToDate).unwrap()
    }

    #[test]
    fn each_server_gets_its_placeholders_and_types() {
        let sql = "SELECT count(*) FROM t WHERE at < :now AND at >= :window_start AND at < :now AND day = :today;";
        let pg = Statement::parse(sql, Dialect::Postgres).unwrap();
        assert_eq!(
            pg.text,
            "SELECT count(*) FROM t WHERE at < ($1::timestamptz) AND at >= ($2::timestamptz) AND at < ($1::timestamptz) AND day = ($3::date)"
        );
        assert_eq!(pg.names, ["now", "window_start", "today"]);
        let my = Statement::parse(sql, Dialect::Mysql).unwrap();
        assert_eq!(
            my.text,
            "SELECT count(*) FROM t WHERE at < CAST(? AS DATETIME(6)) AND at >= CAST(? AS DATETIME(6)) AND at < CAST(? AS DATETIME(6)) AND day = CAST(? AS DATE)"
        );
        assert_eq!(my.names, ["now", "window_start", "now", "today"]);
        let lite = Statement::parse(sql, Dialect::Sqlite).unwrap();
        assert_eq!(lite.text, sql.trim_end_matches(';'));
    }

    #[test]
    fn values_are_utc_instants_and_the_local_day() {
        let m = moments("2026-11-23T23:30:00.25Z");
        for (dialect, name, expected) in [
            (Dialect::Sqlite, "now", "2026-11-23 23:30:00.250"),
            (Dialect::Sqlite, "cycle_start", "2026-09-30 22:00:00"),
            (Dialect::Sqlite, "today", "2026-11-24"),
            (Dialect::Postgres, "now", "2026-11-23T23:30:00.25Z"),
            (Dialect::Postgres, "today", "2026-11-24"),
            (Dialect::Mysql, "now", "2026-11-23 23:30:00.250000"),
            (Dialect::Mysql, "cycle_end", "2026-12-31 23:00:00.000000"),
        ] {
            assert_eq!(value(name, &m, dialect), expected, "{dialect:?} {name}");
        }
    }

    #[test]
    fn f90_unknown_names_and_own_placeholders_are_refused() {
        for (dialect, sql, word) in [
            (Dialect::Postgres, "SELECT :yesterday", ":yesterday"),
            (Dialect::Postgres, "SELECT $1", "$1"),
            (Dialect::Mysql, "SELECT ?", "?"),
            (Dialect::Sqlite, "SELECT :Now", ":Now"),
        ] {
            let fault = Statement::parse(sql, dialect).unwrap_err();
            assert_eq!(fault.class, FaultClass::Config, "{sql}");
            assert!(fault.message.contains(word), "{}", fault.message);
        }
        // A question mark is an operator of PostgreSQL's jsonb.
        assert!(
            Statement::parse("SELECT count(*) FROM t WHERE j ? 'a'", Dialect::Postgres).is_ok()
        );
    }

    #[test]
    fn positions_lead_back_to_the_original() {
        let sql = "SELECT :now, :today, wrong";
        let pg = Statement::parse(sql, Dialect::Postgres).unwrap();
        let there = pg.text.find("wrong").unwrap();
        assert_eq!(pg.original(there), sql.find("wrong").unwrap());
        assert_eq!(pg.original(3), 3);
    }
}
