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
use super::lock::Lock;
use super::migrate::{STEPS, migrate, version};

/// How long a write waits for another process that writes.
pub(super) const BUSY_TIMEOUT_MS: u64 = 5_000;

/// As long as a command has the lock while it makes or migrates a store.
const A_MOMENT: Duration = Duration::from_millis(300);

/// `okrd` in ASCII: SQLite's header carries it, so that no other program's file is taken for ours.
const APPLICATION_ID: i64 = 0x6F6B_7264;

/// Up to this size the check of the whole file costs less than 100 ms and is made at every start.
const CHECKED_ALWAYS: u64 = 8 << 20;

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
    pub(super) busy_timeout: Duration,
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
    pub(super) fn new(path: &Path, app_version: &str, now: Timestamp, access: Access) -> Self {
        Self {
            path: path.to_owned(),
            app_version: app_version.to_owned(),
            now,
            access,
            busy_timeout: Duration::from_millis(BUSY_TIMEOUT_MS),
        }
    }

    pub(super) fn open(mut self) -> Result<Opened, StoreError> {
        self.path = resolve(&self.path)?;
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
        let mut connection = self.connect()?;
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
        Ok(Opened {
            file_id: file_id(&self.path)?,
            store_id,
            connection,
            _lock: lock,
            opening: self,
        })
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
    fn connect(&self) -> Result<Connection, StoreError> {
        let file = &self.path;
        let failed = |e: rusqlite::Error| of_opening(file, &e);
        // What the last process left unfolded tells that it did not close the store.
        let closed_well = size(&beside(file, "-wal")) == 0;
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
        if self.access == Access::Daemon && (!closed_well || size(file) <= CHECKED_ALWAYS) {
            check(&connection, file)?;
        }
        turn_on_log(&connection, file)?;
        connection
            .execute_batch(
                "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;
                 PRAGMA wal_autocheckpoint = 1000; PRAGMA journal_size_limit = 67108864;",
            )
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
                let unfinished = beside(&marker, ".new");
                fs::write(&unfinished, format!("{found}\n"))
                    .and_then(|()| fs::File::open(&unfinished)?.sync_all())
                    .and_then(|()| fs::rename(&unfinished, &marker))
                    .and_then(|()| sync_folder(file))
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
        Err(StoreError::Vanished {
            file: self.path().to_owned(),
            found: "it removed or replaced while it was open",
            remove: beside(self.path(), ".id"),
        })
    }

    /// Connects again after an error that leaves doubt about what the connection believes. Everything is checked
    /// as at the start.
    pub(super) fn reconnect(&mut self) -> Result<(), StoreError> {
        self.still_there()?;
        let connection = self.opening.connect()?;
        if store_id(&connection, self.path())? != self.store_id {
            return self.still_there();
        }
        self.connection = connection;
        Ok(())
    }
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
        let opening = Opening::new(&file, "0.0.1", Timestamp::UNIX_EPOCH, Access::Daemon);
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
        Opening::new(&file, "0.0.1", Timestamp::UNIX_EPOCH, Access::Daemon)
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
                let opened = Opening::new(&file, "0.0.1", Timestamp::UNIX_EPOCH, access).open();
                opened.map(drop)
            })
        };
        let all = [Access::Guest, Access::Guest, Access::Guest, Access::Daemon].map(open);
        for opened in all {
            opened.join().unwrap().unwrap();
        }
    }
}
