//! One read-only connection to a SQLite file and the one number a statement gives on it. The authorizer is the gate:
//! it sees what a statement does rather than how it is spelled. Knows no queue and no thread.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::limits::Limit;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Error, ErrorCode, OpenFlags, Statement, ffi};

use super::bind;
use crate::config::sql::lex::Dialect;
use crate::domain::fault::{Fault, FaultClass};
use crate::domain::reading::Reading;
use crate::domain::window::Moments;

/// How long another process may hold the file before we give up.
const BUSY: Duration = Duration::from_secs(2);
/// Prepared statements kept for each connection.
const STATEMENTS: usize = 2048;
/// Pages kept for each connection, in KiB when negative: there may be many connections, and the system keeps pages too.
const CACHE: i32 = -512;
/// Virtual machine steps between two looks at the clock: some 20 microseconds.
const STEPS: i32 = 1000;
/// The largest text, blob or row. One step of the virtual machine cannot be interrupted, so it must be small.
const LARGEST: i32 = 1_000_000;

/// When a question ends.
#[derive(Clone, Debug)]
pub(super) struct Until {
    pub(super) deadline: Instant,
    pub(super) given_up: Arc<AtomicBool>,
}

impl Until {
    fn is_over(&self) -> bool {
        self.given_up.load(Ordering::Relaxed) || Instant::now() >= self.deadline
    }
}

/// A read-only connection.
pub(super) struct Reader {
    connection: Connection,
    path: PathBuf,
    identity: Identity,
    until: Arc<Mutex<Option<Until>>>,
    busy: Duration,
}

/// What tells one file from another under the same name, or from its former self.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    device: u64,
    inode: u64,
    modified: (i64, i64),
    size: u64,
}

impl Identity {
    /// Looks at the file.
    ///
    /// # Errors
    /// A `net` fault when there is none, `config` when it is no file.
    pub(super) fn of(path: &Path) -> Result<Self, Fault> {
        use std::os::unix::fs::MetadataExt;
        let found = std::fs::metadata(path).map_err(|e| {
            Fault::new(FaultClass::Net, format!("{}: {e}", path.display()))
                .help("is the path right, and may okrd read the file and its directory?")
        })?;
        if !found.is_file() {
            return Err(Fault::new(
                FaultClass::Config,
                format!("{} is no file, expected a SQLite database", path.display()),
            ));
        }
        Ok(Self {
            device: found.dev(),
            inode: found.ino(),
            modified: (found.mtime(), found.mtime_nsec()),
            size: found.size(),
        })
    }
}

impl Reader {
    /// Opens the file read-only, with everything off that a measure does not need.
    ///
    /// # Errors
    /// The fault of a file that cannot be opened.
    pub(super) fn open(path: &Path, identity: Identity) -> Result<Self, Fault> {
        if identity.size == 0 {
            return Err(Fault::new(
                FaultClass::SqlError,
                format!("{} is empty, expected a SQLite database", path.display()),
            ));
        }
        let until = Arc::new(Mutex::new(None));
        let connection = connect(path, &until).map_err(|e| open_fault(path, &e))?;
        Ok(Self {
            connection,
            path: path.to_owned(),
            identity,
            until,
            busy: BUSY,
        })
    }

    /// Whether the file is still the one that was opened, unchanged from outside SQLite as far as one look tells.
    pub(super) fn is_of(&self, identity: Identity) -> bool {
        self.identity == identity
    }

    /// Asks for one number. When it returns, no statement is open and no lock is held.
    ///
    /// # Errors
    /// The fault of a statement or value that gives none.
    pub(super) fn ask(
        &mut self,
        sql: &str,
        moments: &Moments,
        until: &Until,
    ) -> Result<Reading, Fault> {
        let left = until.deadline.saturating_duration_since(Instant::now());
        if until.is_over() {
            return Err(late(None));
        }
        self.wait_no_longer_than(left);
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) = Some(until.clone());
        let answer = self.one_number(sql, moments);
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) = None;
        match answer {
            // What came after the deadline was not asked for any more.
            Ok(_) if until.is_over() => Err(late(None)),
            other => other,
        }
    }

    /// Prepares a statement and runs nothing.
    ///
    /// # Errors
    /// As [`Self::ask`], as far as preparing shows it.
    pub(super) fn describe(&self, sql: &str) -> Result<(), Fault> {
        let statement = self.prepare(sql)?;
        names(&statement).try_for_each(|name| name.map(|_| ()))
    }

    fn prepare(&self, sql: &str) -> Result<rusqlite::CachedStatement<'_>, Fault> {
        let statement = self
            .connection
            .prepare_cached(sql)
            .map_err(|e| self.fault(sql, &e))?;
        if statement.is_explain() != 0 {
            return Err(super::refused("found EXPLAIN, expected a SELECT".into()));
        }
        super::one_column(statement.column_count())?;
        Ok(statement)
    }

    fn one_number(&self, sql: &str, moments: &Moments) -> Result<Reading, Fault> {
        let mut statement = self.prepare(sql)?;
        let count = statement.parameter_count();
        for i in 1..=count {
            let name = name_at(&statement, i)?;
            statement
                .raw_bind_parameter(i, bind::value(name, moments, Dialect::Sqlite))
                .map_err(|e| self.fault(sql, &e))?;
        }
        // Dropping the rows resets the statement, which ends its read transaction.
        let mut rows = statement.raw_query();
        let row = rows.next().map_err(|e| self.fault(sql, &e))?;
        let row = row.ok_or_else(super::no_row)?;
        let reading = number(row.get_ref(0).map_err(|e| self.fault(sql, &e))?)?;
        match rows.next().map_err(|e| self.fault(sql, &e))? {
            None => Ok(reading),
            Some(_) => Err(super::more_rows()),
        }
    }

    fn wait_no_longer_than(&mut self, left: Duration) {
        let busy = left.min(BUSY);
        if busy != self.busy && self.connection.busy_timeout(busy).is_ok() {
            self.busy = busy;
        }
    }

    fn fault(&self, sql: &str, error: &Error) -> Fault {
        match error {
            Error::MultipleStatement => {
                super::refused("found a second statement, expected exactly one".into())
            }
            Error::SqlInputError { msg, offset, .. } => {
                let byte = usize::try_from(*offset).unwrap_or(0);
                Fault::new(
                    FaultClass::SqlError,
                    format!("{msg} at {}", super::place(sql.trim_start(), byte)),
                )
            }
            Error::SqliteFailure(e, message) => {
                let said = message.clone().unwrap_or_else(|| e.to_string());
                failure(&self.path, *e, &said)
            }
            other => Fault::new(FaultClass::SqlError, other.to_string()),
        }
    }
}

/// Opens and arms a connection: first what must be set by statements of ours, last the authorizer.
fn connect(path: &Path, until: &Arc<Mutex<Option<Until>>>) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut c = Connection::open_with_flags(path, flags)?;
    c.busy_timeout(BUSY)?;
    c.set_prepared_statement_cache_capacity(STATEMENTS);
    c.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    c.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    // Otherwise a misspelled "column" is a string, and its count a plausible 0.
    c.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
    for (limit, value) in [
        (Limit::SQLITE_LIMIT_LENGTH, LARGEST),
        (Limit::SQLITE_LIMIT_SQL_LENGTH, 100_000),
        (Limit::SQLITE_LIMIT_EXPR_DEPTH, 200),
        (Limit::SQLITE_LIMIT_COMPOUND_SELECT, 100),
        (Limit::SQLITE_LIMIT_ATTACHED, 0),
        (Limit::SQLITE_LIMIT_WORKER_THREADS, 0),
    ] {
        c.set_limit(limit, value)?;
    }
    c.pragma_update(None, "query_only", true)?;
    c.pragma_update(None, "cell_size_check", true)?;
    c.pragma_update(None, "mmap_size", 0)?;
    c.pragma_update(None, "cache_size", CACHE)?;
    let watched = Arc::clone(until);
    c.progress_handler(
        STEPS,
        Some(move || {
            let until = watched.lock().unwrap_or_else(PoisonError::into_inner);
            until.as_ref().is_some_and(Until::is_over)
        }),
    )?;
    c.authorizer(Some(only_reads))?;
    Ok(c)
}

/// Allows what a SELECT needs and nothing else.
fn only_reads(context: AuthContext<'_>) -> Authorization {
    match context.action {
        AuthAction::Select | AuthAction::Read { .. } | AuthAction::Recursive => {
            Authorization::Allow
        }
        AuthAction::Function { function_name }
            if !function_name.eq_ignore_ascii_case("load_extension") =>
        {
            Authorization::Allow
        }
        _ => Authorization::Deny,
    }
}

fn names<'a>(
    statement: &'a Statement<'_>,
) -> impl Iterator<Item = Result<&'static str, Fault>> + 'a {
    (1..=statement.parameter_count()).map(|i| name_at(statement, i))
}

/// The moment that a parameter stands for.
fn name_at(statement: &Statement<'_>, i: usize) -> Result<&'static str, Fault> {
    match statement.parameter_name(i) {
        Some(name) => match name.strip_prefix(':') {
            Some(name) => bind::known(name),
            None => Err(bind::foreign_placeholder(name)),
        },
        None => Err(bind::foreign_placeholder("?")),
    }
}

/// The number, judged by the value's own type: a column's declared type binds nothing in SQLite.
fn number(value: ValueRef<'_>) -> Result<Reading, Fault> {
    match value {
        ValueRef::Integer(i) => Ok(Reading::whole(i128::from(i))),
        ValueRef::Real(x) => Reading::new(x),
        ValueRef::Null => Err(super::null()),
        ValueRef::Text(text) => {
            let start: String = String::from_utf8_lossy(text).chars().take(40).collect();
            Err(super::no_number(
                &format!("the text `{}`", start.escape_debug()),
                "CAST(… AS INTEGER) or CAST(… AS REAL), if it always is a number",
            ))
        }
        ValueRef::Blob(blob) => Err(super::no_number(
            &format!("a blob of {} bytes", blob.len()),
            "select a number instead, such as length(…)",
        )),
    }
}

fn open_fault(path: &Path, error: &Error) -> Fault {
    match error {
        Error::SqliteFailure(e, message) => {
            let said = message.clone().unwrap_or_else(|| e.to_string());
            failure(path, *e, &said)
        }
        other => Fault::new(FaultClass::SqlError, format!("{}: {other}", path.display())),
    }
}

fn failure(path: &Path, error: ffi::Error, said: &str) -> Fault {
    let shown = path.display();
    match error.code {
        ErrorCode::OperationInterrupted => late(None),
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => late(Some(&format!(
            "{shown} stayed locked by another process: {said}"
        )))
        .help("writers that keep transactions short, or journal_mode=WAL, let readers in"),
        ErrorCode::AuthorizationForStatementDenied => {
            super::refused(format!("the statement does more than read: {said}"))
        }
        // Without write access to the directory a file in WAL mode cannot be read: its index must be created.
        ErrorCode::ReadOnly => Fault::new(FaultClass::SqlError, format!("{shown}: {said}")).help(
            "the file is in WAL mode: give okrd write access to its directory, so that -shm and -wal can be made",
        ),
        ErrorCode::CannotOpen | ErrorCode::PermissionDenied => {
            Fault::new(FaultClass::SqlError, format!("{shown}: {said}"))
                .help("may okrd read the file, and write its directory if it is in WAL mode?")
        }
        ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt => {
            Fault::new(FaultClass::SqlError, format!("{shown}: {said}"))
                .help("is it a SQLite database, copied whole?")
        }
        ErrorCode::TooBig => Fault::new(FaultClass::TooLarge, format!("{said}, limit {LARGEST} bytes")),
        _ => Fault::new(FaultClass::SqlError, said),
    }
}

/// The fault of a question that took too long.
pub(super) fn late(why: Option<&str>) -> Fault {
    let message = why.unwrap_or("no answer within the timeout, the statement was stopped");
    Fault::new(FaultClass::Timeout, message)
        .help("make the statement faster, such as with an index, or raise `timeout`")
}
