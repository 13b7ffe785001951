//! SQL sources: one statement, one row, one number, read-only. A file for each engine; what they share is how a
//! statement is bound (`bind`), how a server is reached (`server`) and asked (`turn`), and what counts as one number.
//!
//! The layers that keep a statement from writing or staying: an account that may only SELECT, a read-only
//! connection or transaction, one prepared statement that opens with a reading keyword and has a column, limits on
//! the server and on our side, and a rollback at the end whatever happened.

mod bind;
mod file;
mod grants;
mod line;
pub mod mysql;
pub mod postgres;
mod reader;
mod server;
pub mod sqlite;
mod turn;

use std::time::Duration;

use crate::config::spec::{Measure, SourceSpec, Takes};
use crate::domain::fault::{Fault, FaultClass};
use crate::domain::reading::Reading;

/// Asks the source whether it would accept a statement: prepares it, with its parameters and its columns, and runs
/// nothing.
///
/// # Errors
/// The fault that asking would end in, as far as it shows before running.
pub async fn describe(spec: &SourceSpec, query: &str, timeout: Duration) -> Result<(), Fault> {
    match spec {
        SourceSpec::Sqlite { path } => {
            sqlite::Sqlite::new(path.clone())
                .describe(query, timeout)
                .await
        }
        SourceSpec::Postgres { url } => {
            postgres::Postgres::new(url.clone())
                .describe(query, timeout)
                .await
        }
        SourceSpec::Mysql { url } => {
            mysql::Mysql::new(url.clone())
                .describe(query, timeout)
                .await
        }
        other => Err(Fault::new(
            FaultClass::Internal,
            format!("a {} source takes no SQL", other.kind()),
        )),
    }
}

/// Something that an account may do beyond reading: the boundary behind all others has a hole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Power {
    /// What, to stand behind "okrd's account".
    pub what: String,
    /// Whether it leads past the database, to files, programs or everything; otherwise it may write somewhere.
    pub grave: bool,
}

impl Power {
    fn grave(what: impl Into<String>) -> Self {
        let what = what.into();
        Self { what, grave: true }
    }

    fn writes(what: impl Into<String>) -> Self {
        let what = what.into();
        Self { what, grave: false }
    }
}

/// Asks a server what else the account may do, by statements that only read; of a file nothing is to be told.
///
/// # Errors
/// The fault of a server that does not answer, or that does not know the question.
pub async fn powers(spec: &SourceSpec, timeout: Duration) -> Result<Vec<Power>, Fault> {
    match spec {
        SourceSpec::Postgres { url } => postgres::Postgres::new(url.clone()).powers(timeout).await,
        SourceSpec::Mysql { url } => mysql::Mysql::new(url.clone()).powers(timeout).await,
        _ => Ok(Vec::new()),
    }
}

/// Whom a server takes us for: the account and the database, in words.
///
/// # Errors
/// The fault of a server that does not answer; of a source that knows no accounts.
pub async fn account(spec: &SourceSpec, timeout: Duration) -> Result<String, Fault> {
    match spec {
        SourceSpec::Postgres { url } => postgres::Postgres::new(url.clone()).account(timeout).await,
        SourceSpec::Mysql { url } => mysql::Mysql::new(url.clone()).account(timeout).await,
        other => Err(Fault::new(
            FaultClass::Internal,
            format!("a {} source knows no accounts", other.kind()),
        )),
    }
}

/// The statement of a measure, and what passes for a number.
fn query_of(measure: &Measure) -> Result<(&str, Takes), Fault> {
    match measure {
        Measure::Sql { query, takes } => Ok((query, *takes)),
        _ => Err(Fault::new(
            FaultClass::Internal,
            "an SQL source was asked something that is no SQL",
        )),
    }
}

/// Where the number stands in a row, and where the instant of the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Columns {
    value: usize,
    as_of: Option<usize>,
}

/// Exactly one column, whatever its name, or `value` and `as_of`.
fn columns(names: &[&str]) -> Result<Columns, Fault> {
    let named = |name: &str| names.iter().position(|n| n.eq_ignore_ascii_case(name));
    match (names.len(), named("value"), named("as_of")) {
        (1, ..) => Ok(Columns {
            value: 0,
            as_of: None,
        }),
        (0, ..) => Err(refused(
            "the statement gives no rows, expected a SELECT".into(),
        )),
        (2, Some(value), Some(as_of)) => Ok(Columns {
            value,
            as_of: Some(as_of),
        }),
        (n, ..) => Err(bad_value(format!("found {n} columns, expected one"))
            .help("SELECT the number alone, or two columns named `value` and `as_of`")),
    }
}

/// The fault of an instant that is none, with what would be one.
fn no_instant(found: &str, expected: &str) -> Fault {
    bad_value(format!("as_of: found {found}, expected an instant")).help(expected)
}

/// The fault of a statement that does more than read.
fn refused(message: String) -> Fault {
    Fault::new(FaultClass::SqlRefused, message)
        .help("a measure is one SELECT that gives one number; sources are never written")
}

/// An answer without a row: a fault, unless the statement's writer says that it is 0.
fn no_row(takes: Takes) -> Result<Reading, Fault> {
    if takes.no_row {
        return Ok(Reading::whole(0));
    }
    Err(bad_value("found no row, expected exactly one").help(
        "count(*) and other aggregates without GROUP BY always give one row; or write on_empty = \"zero\" if none means 0",
    ))
}

fn more_rows() -> Fault {
    bad_value("found more than one row, expected exactly one")
        .help("aggregate, or add a condition that leaves one row; LIMIT 1 would pick any")
}

/// NULL: a fault, unless the statement's writer says that it is 0.
fn null(takes: Takes) -> Result<Reading, Fault> {
    if takes.null {
        return Ok(Reading::whole(0));
    }
    Err(bad_value("found NULL, expected a number").help(
        "SUM, AVG, MIN and MAX of nothing are NULL: COALESCE(…, 0) or null_as_zero = true, if nothing means 0",
    ))
}

/// The fault of a value that is no number, with the cast that would make it one.
fn no_number(found: &str, cast: &str) -> Fault {
    bad_value(format!("found {found}, expected a number")).help(cast)
}

fn bad_value(message: impl AsRef<str>) -> Fault {
    Fault::new(FaultClass::BadValue, message)
}

/// `line 2, column 8` of a byte in a statement.
fn place(sql: &str, byte: usize) -> String {
    let before = sql.get(..byte).unwrap_or(sql);
    let line = before.matches('\n').count() + 1;
    let column = before
        .rsplit('\n')
        .next()
        .unwrap_or_default()
        .chars()
        .count()
        + 1;
    format!("line {line}, column {column}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f86_one_column_or_two_by_name() {
        let of = |value, as_of| Some(Columns { value, as_of });
        for (names, found) in [
            (&["n"][..], of(0, None)),
            (&["as_of"], of(0, None)),
            (&["value", "as_of"], of(0, Some(1))),
            (&["AS_OF", "Value"], of(1, Some(0))),
            (&["value", "value"], None),
            (&["a", "b"], None),
            (&["value", "updated"], None),
            (&["value", "as_of", "as_of"], None),
            (&[], None),
        ] {
            assert_eq!(columns(names).ok(), found, "{names:?}");
        }
        let fault = columns(&["a", "b"]).unwrap_err();
        assert_eq!(fault.class, FaultClass::BadValue);
        assert!(fault.help.contains("`value` and `as_of`"), "{fault}");
    }
}
