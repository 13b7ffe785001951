//! One read-only connection to a SQLite file and the one number a statement gives on it. The authorizer is the gate:
//! it sees what a statement does rather than how it is spelled. Knows no queue and no thread.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::limits::Limit;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Error, ErrorCode, InterruptHandle, Statement, ffi};

use super::bind;
use super::file::{self, Identity};
use crate::config::sql::lex::Dialect;
use crate::domain::fault::{Fault, FaultClass};
use crate::domain::reading::Reading;
use crate::domain::window::Moments;
use crate::net::fault::of_shortage;

/// How long another process may hold the file before we give up.
const BUSY: Duration = Duration::from_secs(2);
/// Prepared statements kept for each connection.
const STATEMENTS: usize = 2048;
/// Pages kept for each connection, in KiB when negative: there may be many connections, and the system keeps pages too.
const CACHE: i32 = -512;
/// Virtual machine steps between two looks at the clock: some 20 microseconds.
const STEPS: i32 = 1000;
/// The largest text, blob or row. A function's step cannot be interrupted, so what it works on must be small.
const LARGEST: i32 = 1_000_000;
/// The longest pattern of LIKE and GLOB, whose time may grow with its power.
const PATTERN: i32 = 1000;
/// What okrd's own store has for `application_id`: "okrd".
const OWN_STORE: i32 = 0x6F6B_7264;

/// When a question ends, and how to end it from outside.
pub(super) struct Until {
    deadline: Instant,
    given_up: OnceLock<Instant>,
    /// The connection that works on the question, only while it does: an interrupt must not hit the next one.
    at_work: Mutex<Option<Arc<InterruptHandle>>>,
}

impl Until {
    pub(super) fn new(deadline: Instant) -> Self {
        Self {
            deadline,
            given_up: OnceLock::new(),
            at_work: Mutex::new(None),
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.is_over_for(Duration::ZERO)
    }

    /// Whether nobody has waited for the answer for so long.
    pub(super) fn is_over_for(&self, long: Duration) -> bool {
        let given_up = self.given_up.get().copied();
        let since = given_up.map_or(self.deadline, |at| at.min(self.deadline));
        Instant::now() >= since + long
    }

    /// Nobody waits for the answer any more.
    pub(super) fn give_up(&self) {
        // Given up before: then that is what counts.
        let _ = self.given_up.set(Instant::now());
        self.interrupt();
    }

    /// Stops a statement at work, also within a step that never looks at the clock, such as `count(*)` of a table.
    pub(super) fn interrupt(&self) {
        if let Some(connection) = &*self.at_work() {
            connection.interrupt();
        }
    }

    fn at_work(&self) -> MutexGuard<'_, Option<Arc<InterruptHandle>>> {
        self.at_work.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A read-only connection.
pub(super) struct Reader {
    connection: Connection,
    interrupt: Arc<InterruptHandle>,
    path: PathBuf,
    identity: Identity,
    /// The `-wal` that must not come up, of a file that is read as if nobody could write to it.
    frozen: Option<PathBuf>,
    until: Arc<Mutex<Option<Arc<Until>>>>,
    busy: Duration,
}

impl Reader {
    /// Opens the file read-only, with everything off that a measure does not need.
    ///
    /// # Errors
    /// The fault of a file that cannot be opened.
    pub(super) fn open(path: &Path, identity: Identity, until: &Until) -> Result<Self, Fault> {
        if identity.size == 0 {
            return Err(Fault::new(
                FaultClass::SqlError,
                format!("{} is empty, expected a SQLite database", path.display()),
            ));
        }
        let left = until.deadline.saturating_duration_since(Instant::now());
        let busy = left.min(BUSY);
        let user = rustix::process::geteuid().as_raw();
        let frozen = file::at_rest(path, identity, user, busy)?;
        let watched = Arc::new(Mutex::new(None));
        let connection = connect(path, frozen.is_some(), busy, &watched);
        let mut connection = connection.map_err(|e| open_fault(path, &e))?;
        if is_own_store(&connection).map_err(|e| open_fault(path, &e))? {
            let message = format!(
                "{} is a store that okrd keeps its measurements in, expected another database",
                path.display()
            );
            return Err(Fault::new(FaultClass::Config, message)
                .help("name the database of the system that is measured"));
        }
        connection
            .authorizer(Some(only_reads))
            .map_err(|e| open_fault(path, &e))?;
        Ok(Self {
            interrupt: Arc::new(connection.get_interrupt_handle()),
            connection,
            path: path.to_owned(),
            identity,
            frozen,
            until: watched,
            busy,
        })
    }

    /// Whether the file is still the one that was opened, unchanged from outside SQLite as far as one look tells.
    pub(super) fn is_of(&self, identity: Identity) -> bool {
        self.identity == identity
    }

    /// Whether a number read just now is the file's. Without locks it is not when someone wrote meanwhile.
    pub(super) fn held_still(&self) -> bool {
        self.frozen.as_ref().is_none_or(|wal| {
            file::holds_nothing(wal) && Identity::of(&self.path).is_ok_and(|now| self.is_of(now))
        })
    }

    /// Asks for one number, or without moments only prepares the statement. When it returns, no statement is open, no
    /// lock is held, and no interrupt can reach what comes next.
    ///
    /// # Errors
    /// The fault of a statement or value that gives none.
    pub(super) fn ask(
        &mut self,
        sql: &str,
        moments: Option<&Moments>,
        until: &Arc<Until>,
    ) -> Result<Reading, Fault> {
        let left = until.deadline.saturating_duration_since(Instant::now());
        self.wait_no_longer_than(left);
        *self.watched() = Some(Arc::clone(until));
        *until.at_work() = Some(Arc::clone(&self.interrupt));
        let answer = if until.is_over() {
            Err(late(None))
        } else {
            match moments {
                Some(moments) => self.one_number(sql, moments),
                None => self.describe(sql),
            }
        };
        *until.at_work() = None;
        *self.watched() = None;
        match answer {
            // What came after the deadline was not asked for any more.
            Ok(_) if until.is_over() => Err(late(None)),
            other => other,
        }
    }

    fn watched(&self) -> MutexGuard<'_, Option<Arc<Until>>> {
        self.until.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The reading is a dummy.
    fn describe(&self, sql: &str) -> Result<Reading, Fault> {
        let statement = self.prepare(sql)?;
        names(&statement).try_for_each(|name| name.map(|_| ()))?;
        Ok(Reading::whole(0))
    }

    fn prepare(&self, sql: &str) -> Result<rusqlite::CachedStatement<'_>, Fault> {
        let statement = self
            .connection
            .prepare_cached(sql)
            .map_err(|e| self.fault(sql, &e))?;
        if statement.is_explain() != 0 {
            return Err(super::refused("found EXPLAIN, expected a SELECT".into()));
        }
        if !statement.readonly() {
            return Err(super::refused("the statement does more than read".into()));
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
                // Counted in what rusqlite hands on, which is without the space before it.
                let byte = sql.len() - sql.trim_start().len() + byte;
                let fault = Fault::new(
                    FaultClass::SqlError,
                    format!("{msg} at {}", super::place(sql, byte)),
                );
                if msg.contains("no such column: \"") {
                    fault.help("double quotes name a column; a text stands in single quotes, in the views that are read too")
                } else {
                    fault
                }
            }
            Error::SqliteFailure(e, message) => {
                let said = message.clone().unwrap_or_else(|| e.to_string());
                failure(&self.path, *e, &said)
            }
            other => Fault::new(FaultClass::SqlError, other.to_string()),
        }
    }
}

/// Opens and arms a connection; the authorizer comes last, it refuses statements of ours too.
fn connect(
    path: &Path,
    frozen: bool,
    busy: Duration,
    until: &Arc<Mutex<Option<Arc<Until>>>>,
) -> rusqlite::Result<Connection> {
    let mut c = file::open(path, if frozen { "immutable=1" } else { "" })?;
    c.busy_timeout(busy)?;
    c.set_prepared_statement_cache_capacity(STATEMENTS);
    c.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    c.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    // Otherwise a misspelled "column" is a string, and its count a plausible 0.
    c.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
    for (limit, value) in [
        (Limit::SQLITE_LIMIT_LENGTH, LARGEST),
        (Limit::SQLITE_LIMIT_LIKE_PATTERN_LENGTH, PATTERN),
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
            until.as_ref().is_some_and(|until| until.is_over())
        }),
    )?;
    Ok(c)
}

/// Whatever the path says: a link leads to the same file.
fn is_own_store(connection: &Connection) -> rusqlite::Result<bool> {
    let id: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    Ok(id == OWN_STORE)
}

/// Allows what a SELECT needs and nothing else.
fn only_reads(context: AuthContext<'_>) -> Authorization {
    match context.action {
        AuthAction::Select | AuthAction::Read { .. } | AuthAction::Recursive => {
            Authorization::Allow
        }
        // FTS5 asks whether the file changed.
        AuthAction::Pragma {
            pragma_name: "data_version",
            pragma_value: None,
        } => Authorization::Allow,
        // An R*Tree prepares its writes when it is opened, and runs none of them for a SELECT. A statement that writes
        // there itself is not `readonly()`.
        AuthAction::Insert { table_name }
        | AuthAction::Delete { table_name }
        | AuthAction::Update { table_name, .. }
            if ["_node", "_rowid", "_parent"]
                .iter()
                .any(|part| table_name.ends_with(part)) =>
        {
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
        ErrorCode::ReadOnly if error.extended_code == ffi::SQLITE_READONLY_ROLLBACK => Fault::new(
            FaultClass::SqlError,
            format!("{shown}: the program that writes it broke off in the middle, and its -journal must be rolled back first: {said}"),
        )
        .help("let that program open the file once; okrd does not write to it"),
        ErrorCode::ReadOnly => Fault::new(FaultClass::SqlError, format!("{shown}: {said}")).help(
            "the file is in WAL mode and its -shm cannot be used: let the program that writes it open it once, or run okrd as the file's owner",
        ),
        ErrorCode::CannotOpen | ErrorCode::PermissionDenied => {
            // SQLite does not say why; whether any file can be opened does.
            let any = std::fs::File::open("/dev/null");
            if let Some(shortage) = any.err().and_then(|error| of_shortage(&error)) {
                return shortage;
            }
            Fault::new(FaultClass::SqlError, format!("{shown}: {said}"))
                .help("may okrd read the file and, if they are there, its -wal and -shm?")
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

#[cfg(test)]
mod tests {
    use super::super::bind::tests::moments;
    use super::*;

    #[test]
    fn f91_a_number_read_without_locks_counts_only_if_nobody_wrote_meanwhile() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.db");
        let app = || {
            let c = Connection::open(&path).unwrap();
            c.pragma_update(None, "journal_mode", "wal").unwrap();
            c
        };
        app().execute_batch("CREATE TABLE t(a)").unwrap();
        let moments = moments("2026-11-23T23:30:00Z");
        let until = Arc::new(Until::new(Instant::now() + Duration::from_secs(20)));
        let count = |reader: &mut Reader| {
            let reading = reader.ask("SELECT count(*) FROM t", Some(&moments), &until);
            (reading.unwrap().value, reader.held_still())
        };
        let open = || {
            let until = Until::new(Instant::now() + Duration::from_secs(20));
            Reader::open(&path, Identity::of(&path).unwrap(), &until).unwrap()
        };
        let mut frozen = open();
        assert_eq!(count(&mut frozen), (0.0, true));
        let writer = app();
        writer.execute_batch("INSERT INTO t VALUES (1)").unwrap();
        assert_eq!(count(&mut frozen), (0.0, false));
        assert_eq!(count(&mut open()), (1.0, true));
        // Gone again, and the file is another one.
        drop(writer);
        assert!(!frozen.held_still());
        assert_eq!(count(&mut open()), (1.0, true));
    }

    #[test]
    fn an_interrupt_reaches_only_the_question_it_is_meant_for() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.db");
        let app = Connection::open(&path).unwrap();
        app.execute_batch("CREATE TABLE t(a)").unwrap();
        let soon = || Arc::new(Until::new(Instant::now() + Duration::from_secs(20)));
        let moments = moments("2026-11-23T23:30:00Z");
        let mut reader = Reader::open(&path, Identity::of(&path).unwrap(), &soon()).unwrap();
        let first = soon();
        assert!(reader.ask("SELECT 1", Some(&moments), &first).is_ok());
        first.give_up();
        let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
        let second = soon();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while second.at_work().is_none() {
                    std::thread::yield_now();
                }
                first.interrupt();
                second.give_up();
            });
            let stopped = reader.ask(endless, Some(&moments), &second).unwrap_err();
            assert_eq!(stopped.class, FaultClass::Timeout);
        });
        assert!(reader.ask("SELECT 1", Some(&moments), &soon()).is_ok());
    }
}
