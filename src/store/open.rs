//! The start-up check: is the file the store that was here, whole, and of a schema we know? Makes a new one only
//! where there never was one. Knows no rows.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension};

use super::error::StoreError;
use super::files::{beside, exists, file_id, resolve, size, sync_folder};
use super::filesystem::{self, remote};
use super::holder;
use super::incident::take_notes;
use super::lock::Lock;
use super::memory::{meta, set_meta};
use super::migrate::{STEPS, migrate, version};
use crate::config::spec::{Retention, StoreSpec, Synchronous};

/// How long a write waits for another process that writes.
pub(super) const BUSY_TIMEOUT_MS: u64 = 5_000;

/// As long as a command has the lock while it makes or migrates a store.
const A_MOMENT: Duration = Duration::from_secs(1);

/// `okrd` in ASCII: SQLite's header carries it, so that no other program's file is taken for ours.
pub(super) const APPLICATION_ID: i64 = 0x6F6B_7264;

/// Up to this size the whole file is checked at every start; a larger one, which would take more than a quarter of a
/// minute, only when it was not closed in order.
const CHECKED_ALWAYS: u64 = 2 << 30;

/// A write-ahead log of this size is folded in and cut off as soon as no reader needs it.
const LOG_LIMIT: u64 = 64 << 20;

/// Under which keys of `meta` it is noted whether the daemon closed the store, and which process it was.
const CLOSED: &str = "clean_shutdown";
const HOLDER: &str = "holder";

/// Who opens the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// The one daemon: takes the lock.
    Daemon,
    /// A short-lived command beside it.
    Guest,
}

/// A wish to open a store.
#[derive(Debug)]
pub(super) struct Opening {
    path: PathBuf,
    pub(super) app_version: String,
    now: Timestamp,
    access: Access,
    synchronous: Synchronous,
    allow_remote: bool,
    pub(super) keep: Retention,
    pub(super) busy_timeout: Duration,
    pub(super) log_limit: u64,
    /// Asks the system on what kind of file system a folder lies.
    pub(super) kind: filesystem::Kind,
}

/// A store that passed the check, and all that is needed to connect to it again.
#[derive(Debug)]
pub(super) struct Opened {
    opening: Opening,
    /// What the file is to the system: another number means that it was replaced or removed under us.
    file_id: (u64, u64),
    store_id: String,
    pub(super) connection: Connection,
    _lock: Option<Lock>,
}

impl Opening {
    pub(super) fn new(spec: &StoreSpec, app_version: &str, now: Timestamp, access: Access) -> Self {
        Self {
            path: spec.path.clone(),
            app_version: app_version.to_owned(),
            now,
            access,
            synchronous: spec.synchronous,
            allow_remote: spec.allow_network_filesystem,
            keep: spec.keep,
            busy_timeout: Duration::from_millis(BUSY_TIMEOUT_MS),
            log_limit: LOG_LIMIT,
            kind: filesystem::kind,
        }
    }

    pub(super) fn open(mut self) -> Result<Opened, StoreError> {
        self.path = resolve(&self.path)?;
        self.must_be_local()?;
        let mut lock = match self.access {
            Access::Daemon => Some(Lock::take(&self.path, A_MOMENT)?),
            Access::Guest => None,
        };
        if !exists(&self.path)? {
            if lock.is_none() {
                lock = self.lock_to_make()?;
            }
            // Whoever had the lock a moment ago may have made it.
            if !exists(&self.path)? {
                self.create()?;
            }
        }
        let mut connection = self.connect(false)?;
        if self.access == Access::Daemon {
            held_by_another(&connection, &self.path)?;
        }
        if recognise(&connection, &self.path)? != STEPS.len() {
            if lock.is_none() {
                lock = Some(Lock::take(&self.path, self.busy_timeout)?);
            }
            migrate(&mut connection, &self.path, STEPS)?;
        }
        if self.access == Access::Guest {
            lock = None;
        }
        let store_id = self.compare_marker(&connection)?;
        take_notes(&mut connection, &self.path)?;
        if self.access == Access::Daemon {
            sign(&connection, &self.path)?;
        }
        Ok(Opened {
            file_id: file_id(&self.path)?,
            store_id,
            connection,
            _lock: lock,
            opening: self,
        })
    }

    /// That the store lies where locks hold, unless that was waived.
    fn must_be_local(&self) -> Result<(), StoreError> {
        let folder = self.path.parent().unwrap_or(Path::new("/"));
        // Where the system tells nothing, opening will tell what is wrong.
        let kind = (self.kind)(folder).unwrap_or(0);
        match remote(kind) {
            Some(found) if !self.allow_remote => Err(StoreError::Remote {
                file: self.path.clone(),
                found,
            }),
            _ => Ok(()),
        }
    }

    /// The lock, or none when whoever has it made the store meanwhile.
    fn lock_to_make(&self) -> Result<Option<Lock>, StoreError> {
        let ends = Instant::now() + self.busy_timeout;
        loop {
            match Lock::take(&self.path, A_MOMENT) {
                Err(StoreError::Held { .. }) if exists(&self.path)? => return Ok(None),
                Err(StoreError::Held { .. }) if Instant::now() < ends => {}
                taken => return taken.map(Some),
            }
        }
    }

    /// Makes the database under another name first, so that a half-made one is never met again. It gets its name with
    /// the write-ahead log on: a switch later, cut short, leaves a rollback that a reader may not carry out.
    fn create(&self) -> Result<(), StoreError> {
        let file = &self.path;
        let unfinished = beside(file, ".new");
        for leftover in ["", "-journal", "-wal", "-shm"] {
            drop(fs::remove_file(beside(&unfinished, leftover)));
        }
        let made = (|| {
            let mut connection =
                Connection::open(&unfinished).map_err(|e| StoreError::of_sqlite(file, &e))?;
            // Before the first table, or it has no effect.
            connection
                .execute_batch("PRAGMA auto_vacuum = INCREMENTAL; PRAGMA synchronous = FULL;")
                .and_then(|()| connection.pragma_update(None, "application_id", APPLICATION_ID))
                .map_err(|e| StoreError::of_sqlite(file, &e))?;
            migrate(&mut connection, file, STEPS)?;
            self.fill_meta(&connection)
                .and_then(|()| turn_on_log(&connection, file))?;
            connection
                .close()
                .map_err(|(_, e)| StoreError::of_sqlite(file, &e))
        })();
        made.and_then(|()| {
            fs::rename(&unfinished, file)
                .and_then(|()| sync_folder(file))
                .map_err(|e| StoreError::of_system(file, "the new database", &e))
        })
        .inspect_err(|_| drop(fs::remove_file(&unfinished)))
    }

    fn fill_meta(&self, connection: &Connection) -> Result<(), StoreError> {
        let id = uuid::Uuid::new_v4().to_string();
        for (key, value) in [
            ("store_uuid", id.as_str()),
            ("created_at", &self.now.as_millisecond().to_string()),
            ("app_version", &self.app_version),
            ("day_zone", "UTC"),
        ] {
            connection
                .execute("INSERT INTO meta (k, v) VALUES (?1, ?2)", [key, value])
                .map_err(|e| StoreError::of_sqlite(&self.path, &e))?;
        }
        Ok(())
    }

    /// Opens the existing file, checks that it is ours before anything is written to it, and that it is whole.
    fn connect(&self, in_doubt: bool) -> Result<Connection, StoreError> {
        let file = &self.path;
        let failed = |e: rusqlite::Error| of_opening(file, &e);
        // What the last process left unfolded tells that it did not close the store.
        let folded = size(&beside(file, "-wal")) == 0;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(file, flags).map_err(failed)?;
        connection.busy_timeout(self.busy_timeout).map_err(failed)?;
        // Or SQLite plans a prepared statement anew whenever a value is bound to it.
        connection
            .set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)
            .map_err(failed)?;
        connection
            .execute_batch("PRAGMA cache_size = -2048; PRAGMA trusted_schema = OFF;")
            .map_err(failed)?;
        recognise(&connection, file)?;
        let trusted = || -> Result<bool, StoreError> {
            let closed = meta(&connection, CLOSED).map_err(failed)?;
            Ok(folded && closed.is_none_or(|closed| closed == "1"))
        };
        let must_check = in_doubt || self.access == Access::Daemon;
        if must_check && (in_doubt || size(file) <= CHECKED_ALWAYS || !trusted()?) {
            check(&connection, file)?;
        }
        turn_on_log(&connection, file)?;
        connection
            .execute_batch(&format!(
                "PRAGMA synchronous = {}; PRAGMA foreign_keys = ON;
                 PRAGMA wal_autocheckpoint = 1000; PRAGMA journal_size_limit = {LOG_LIMIT};",
                self.synchronous.as_str()
            ))
            .map_err(failed)?;
        connection.set_prepared_statement_cache_capacity(32);
        Ok(connection)
    }

    /// The marker remembers beside the database which store was here; written when there is none yet.
    fn compare_marker(&self, connection: &Connection) -> Result<String, StoreError> {
        let file = &self.path;
        let failed = |e: std::io::Error| StoreError::of_system(file, "its .id file", &e);
        let found = store_id(connection, file)?;
        let marker = beside(file, ".id");
        match fs::read_to_string(&marker) {
            Ok(expected) if expected.trim() == found => {}
            Ok(expected) => {
                return Err(StoreError::Exchanged {
                    file: file.clone(),
                    found,
                    expected: expected.trim().chars().take(36).collect(),
                    remove: marker,
                });
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                // Several may write it at a time, all the same text: under one name each would move the other's away.
                let own = format!(".{}.new", uuid::Uuid::new_v4().simple());
                let unfinished = beside(&marker, &own);
                fs::write(&unfinished, format!("{found}\n"))
                    .and_then(|()| fs::File::open(&unfinished)?.sync_all())
                    .and_then(|()| fs::rename(&unfinished, &marker))
                    .and_then(|()| sync_folder(file))
                    .inspect_err(|_| drop(fs::remove_file(&unfinished)))
                    .map_err(failed)?;
            }
            Err(e) => return Err(failed(e)),
        }
        Ok(found)
    }
}

impl Opened {
    pub(super) fn path(&self) -> &Path {
        &self.opening.path
    }

    pub(super) fn access(&self) -> Access {
        self.opening.access
    }

    pub(super) fn app_version(&self) -> &str {
        &self.opening.app_version
    }

    /// That the file is still the one that was opened: SQLite would go on writing into a deleted file, and what it
    /// acknowledged would be gone.
    pub(super) fn still_there(&self) -> Result<(), StoreError> {
        if file_id(self.path()).is_ok_and(|id| id == self.file_id) {
            return Ok(());
        }
        Err(self.vanished())
    }

    fn vanished(&self) -> StoreError {
        StoreError::Vanished {
            file: self.path().to_owned(),
            found: "it removed or replaced while it was open",
            remove: beside(self.path(), ".id"),
        }
    }

    /// Connects again after an error that leaves doubt about what the connection believes. Everything is checked
    /// as at the start, and the write-ahead log is folded in and begun anew: after a sync that failed, the system may
    /// hold pages for written that never reached the disk, and what was appended behind them would be lost with them.
    pub(super) fn reconnect(&mut self) -> Result<(), StoreError> {
        self.still_there()?;
        // Whatever the old one still holds, it lets go of.
        self.connection =
            Connection::open_in_memory().map_err(|e| StoreError::of_sqlite(self.path(), &e))?;
        let connection = self.opening.connect(true)?;
        if store_id(&connection, self.path())? != self.store_id {
            return Err(self.vanished());
        }
        fold(&connection, self.path())?;
        self.connection = connection;
        Ok(())
    }

    /// How long a write waits for another process that writes.
    pub(super) fn busy_timeout(&self) -> Duration {
        self.opening.busy_timeout
    }

    /// Above which size the write-ahead log is cut off.
    pub(super) fn log_limit(&self) -> u64 {
        self.opening.log_limit
    }

    /// How long what is kept.
    pub(super) fn keep(&self) -> Retention {
        self.opening.keep
    }

    /// Notes that the store was closed in order, as whoever opens it next wants to know.
    pub(super) fn sign_off(&self) -> Result<(), StoreError> {
        if self.access() == Access::Guest {
            return Ok(());
        }
        self.still_there()?;
        self.connection
            .execute_batch(&format!(
                "BEGIN IMMEDIATE; UPDATE meta SET v = '1' WHERE k = '{CLOSED}';
                 DELETE FROM meta WHERE k = '{HOLDER}'; COMMIT;"
            ))
            .map_err(|e| StoreError::of_sqlite(self.path(), &e))
    }
}

/// That no daemon has the store which the lock does not tell of, since somebody removed the lock's file.
pub(super) fn held_by_another(connection: &Connection, file: &Path) -> Result<(), StoreError> {
    let noted = meta(connection, HOLDER).map_err(|e| StoreError::of_sqlite(file, &e))?;
    match noted.and_then(|noted| holder::lives(&noted)) {
        None => Ok(()),
        pid => Err(StoreError::Held {
            file: file.to_owned(),
            pid,
        }),
    }
}

/// Notes that this process has the store, and has not closed it yet.
fn sign(connection: &Connection, file: &Path) -> Result<(), StoreError> {
    let signed = (|| {
        connection.execute_batch("BEGIN IMMEDIATE")?;
        set_meta(connection, CLOSED, "0")?;
        match holder::me() {
            Some(me) => set_meta(connection, HOLDER, &me)?,
            None => drop(connection.execute("DELETE FROM meta WHERE k = ?1", [HOLDER])?),
        }
        connection.execute_batch("COMMIT")
    })();
    signed.map_err(|e: rusqlite::Error| StoreError::of_sqlite(file, &e))
}

/// Folds the write-ahead log into the database and cuts it off, so that the file alone is the whole store.
///
/// # Errors
/// [`StoreError::Busy`] while somebody reads what the log still holds.
pub(super) fn fold(connection: &Connection, file: &Path) -> Result<(), StoreError> {
    let busy: bool = connection
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
        .map_err(|e| StoreError::of_sqlite(file, &e))?;
    if busy {
        return Err(StoreError::Busy {
            file: file.to_owned(),
            waited_ms: BUSY_TIMEOUT_MS,
        });
    }
    Ok(())
}

/// Opens the store to read, beside whoever writes.
pub(super) fn open_to_read(path: &Path) -> Result<(PathBuf, Connection), StoreError> {
    let (file, connection, found) = open_any_to_read(path)?;
    if found != STEPS.len() {
        return Err(StoreError::Older {
            file,
            found: i64::try_from(found).unwrap_or(0),
            expected: i64::try_from(STEPS.len()).unwrap_or(i64::MAX),
        });
    }
    Ok((file, connection))
}

/// The same of any schema version that we know, told with it.
pub(super) fn open_any_to_read(path: &Path) -> Result<(PathBuf, Connection, usize), StoreError> {
    let file = resolve(path)?;
    if !exists(&file)? {
        return Err(StoreError::Missing { file });
    }
    let (connection, found) = match connect_to_read(&file, file.as_os_str()) {
        // Reading a log needs a file beside the database that we may not make here. Where there is no log, nobody
        // writes and nothing but the database is to be read.
        Err(StoreError::ReadOnly { .. } | StoreError::Io { .. })
            if size(&beside(&file, "-wal")) == 0 =>
        {
            connect_to_read(&file, unchanging(&file).as_ref())?
        }
        connected => connected?,
    };
    Ok((file, connection, found))
}

/// A connection that reads, and the schema version found.
fn connect_to_read(file: &Path, name: &OsStr) -> Result<(Connection, usize), StoreError> {
    let failed = |e: rusqlite::Error| of_opening(file, &e);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(name, flags).map_err(failed)?;
    connection
        .busy_timeout(Duration::from_millis(BUSY_TIMEOUT_MS))
        .and_then(|()| {
            connection.execute_batch("PRAGMA cache_size = -1024; PRAGMA trusted_schema = OFF;")
        })
        .map_err(failed)?;
    let found = recognise(&connection, file)?;
    Ok((connection, found))
}

/// The name under which SQLite reads a file without its log and without a lock. <https://www.sqlite.org/uri.html>
fn unchanging(file: &Path) -> OsString {
    let mut name = OsString::from("file:");
    for part in file
        .as_os_str()
        .as_bytes()
        .chunk_by(|a, b| plain(*a) == plain(*b))
    {
        match part {
            [first, ..] if plain(*first) => name.push(OsStr::from_bytes(part)),
            escaped => name.push(
                escaped
                    .iter()
                    .map(|b| format!("%{b:02x}"))
                    .collect::<String>(),
            ),
        }
    }
    name.push("?immutable=1");
    name
}

fn plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"/-_.".contains(&byte)
}

/// That the file is a store of okrd and of a schema we know: the version found.
fn recognise(connection: &Connection, file: &Path) -> Result<usize, StoreError> {
    let failed = |e: rusqlite::Error| of_opening(file, &e);
    let application: i64 = connection
        .pragma_query_value(None, "application_id", |row| row.get(0))
        .map_err(failed)?;
    if application != APPLICATION_ID {
        return Err(StoreError::Foreign {
            file: file.to_owned(),
            found: "the SQLite database of another program".into(),
        });
    }
    let found = version(connection).map_err(failed)?;
    match usize::try_from(found) {
        Ok(known) if known <= STEPS.len() => Ok(known),
        _ => Err(StoreError::Newer {
            file: file.to_owned(),
            found,
            expected: i64::try_from(STEPS.len()).unwrap_or(i64::MAX),
        }),
    }
}

/// Turns the write-ahead log on; nothing happens where it is.
pub(super) fn turn_on_log(connection: &Connection, file: &Path) -> Result<(), StoreError> {
    let mode: String = connection
        .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))
        .map_err(|e| of_opening(file, &e))?;
    if mode == "wal" {
        return Ok(());
    }
    Err(StoreError::Io {
        file: file.to_owned(),
        found: format!("journal mode {mode} where a write-ahead log is needed"),
    })
}

/// SQLite's check of the whole file. It has no checksums: a changed digit inside a value passes.
fn check(connection: &Connection, file: &Path) -> Result<(), StoreError> {
    let verdict: String = connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(|e| of_opening(file, &e))?;
    if verdict == "ok" {
        return Ok(());
    }
    Err(StoreError::Corrupt {
        file: file.to_owned(),
        found: verdict.lines().collect::<Vec<_>>().join(" "),
        backup: None,
    })
}

pub(super) fn store_id(connection: &Connection, file: &Path) -> Result<String, StoreError> {
    connection
        .query_row("SELECT v FROM meta WHERE k = 'store_uuid'", [], |row| {
            row.get(0)
        })
        .optional()
        .map_err(|e| of_opening(file, &e))?
        .ok_or_else(|| StoreError::Corrupt {
            file: file.to_owned(),
            found: "no id of the store in it".into(),
            backup: None,
        })
}

/// "Not a database" means damage where a store was, and someone else's file where none was.
fn of_opening(file: &Path, error: &rusqlite::Error) -> StoreError {
    let not_a_database = error.sqlite_error_code() == Some(rusqlite::ErrorCode::NotADatabase);
    if not_a_database && !beside(file, ".id").exists() {
        return StoreError::Foreign {
            file: file.to_owned(),
            found: "a file that is no SQLite database".into(),
        };
    }
    StoreError::of_sqlite(file, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Killed right after the file got its name, the next one may be a reader, which cannot finish a switch of modes.
    #[test]
    fn f39_a_store_has_its_log_from_the_moment_it_has_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("okrd.db");
        let opening = Opening::new(
            &StoreSpec::at(file.clone()),
            "0.0.1",
            Timestamp::UNIX_EPOCH,
            Access::Daemon,
        );
        for leftover in ["", "-journal", "-wal"] {
            fs::write(
                beside(&beside(&file, ".new"), leftover),
                "of a life cut short",
            )
            .unwrap();
        }
        opening.create().unwrap();
        // The file format's read and write versions: 2 is the log, 1 a rollback journal.
        assert_eq!(fs::read(&file).unwrap()[18..20], [2, 2]);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        let (_, connection) = open_to_read(&file).unwrap();
        assert_eq!(recognise(&connection, &file).unwrap(), STEPS.len());
    }

    /// As another user has it who may read and not write, or a mount that is read-only.
    #[test]
    fn a_store_at_rest_is_read_where_nothing_may_be_written() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a b?c#%41.db");
        Opening::new(
            &StoreSpec::at(file.clone()),
            "0.0.1",
            Timestamp::UNIX_EPOCH,
            Access::Daemon,
        )
        .create()
        .unwrap();
        let name = unchanging(&file);
        let (connection, found) = connect_to_read(&file, &name).unwrap();
        assert_eq!(found, STEPS.len());
        let one: i64 = connection
            .query_row("SELECT 1", [], |row| row.get(0))
            .unwrap();
        assert_eq!(one, 1);
        assert_eq!(
            fs::read_dir(folder.path()).unwrap().count(),
            1,
            "no log was made"
        );
    }

    #[test]
    fn those_who_make_a_store_at_the_same_time_wait_for_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("okrd.db");
        let open = |access| {
            let file = file.clone();
            std::thread::spawn(move || {
                let opened = Opening::new(
                    &StoreSpec::at(file.clone()),
                    "0.0.1",
                    Timestamp::UNIX_EPOCH,
                    access,
                )
                .open();
                opened.map(drop)
            })
        };
        let all = [Access::Guest, Access::Guest, Access::Guest, Access::Daemon].map(open);
        for opened in all {
            opened.join().unwrap().unwrap();
        }
    }

    /// Each finds no marker and begins to write it before the first is done.
    #[test]
    fn those_who_write_the_marker_at_the_same_time_do_not_take_it_from_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("okrd.db");
        let opening = || {
            Opening::new(
                &StoreSpec::at(file.clone()),
                "0.0.1",
                Timestamp::UNIX_EPOCH,
                Access::Guest,
            )
        };
        drop(opening().open().unwrap());
        let writers = 4;
        for _ in 0..20 {
            fs::remove_file(beside(&file, ".id")).unwrap();
            let start = std::sync::Barrier::new(writers);
            std::thread::scope(|scope| {
                let writes = (0..writers).map(|_| {
                    scope.spawn(|| {
                        let opening = opening();
                        let connection = opening.connect(false).unwrap();
                        start.wait();
                        opening.compare_marker(&connection).map(drop)
                    })
                });
                let writes: Vec<_> = writes.collect();
                for written in writes {
                    written.join().unwrap().unwrap();
                }
            });
        }
        let marks = fs::read_dir(folder.path()).unwrap().filter(|entry| {
            let name = entry.as_ref().unwrap().file_name();
            name.to_string_lossy().contains(".id")
        });
        assert_eq!(marks.count(), 1, "nothing unfinished is left");
    }
}
