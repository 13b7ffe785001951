//! A SQLite file as the system sees it: which file it is, and how to open it so that opening makes no other file. In
//! WAL mode SQLite makes a `-wal` and a `-shm` when they are missing, and what belongs to okrd's user then keeps the
//! application from writing for ever. Knows no statement.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, Error, ErrorCode, OpenFlags};

use crate::domain::fault::{Fault, FaultClass};

/// What tells one file from another under the same name, or from its former self.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    device: u64,
    inode: u64,
    modified: (i64, i64),
    pub(super) size: u64,
    owner: u32,
}

impl Identity {
    /// Looks at the file.
    ///
    /// # Errors
    /// A `net` fault when there is none, `config` when it is no file.
    pub(super) fn of(path: &Path) -> Result<Self, Fault> {
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
            owner: found.uid(),
        })
    }
}

/// A read-only connection, with a parameter of SQLite's URIs.
pub(super) fn open(path: &Path, parameter: &str) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_URI;
    Connection::open_with_flags(uri(path, parameter), flags)
}

/// The `-wal` of a file in WAL mode when it holds nothing: all there is stands in the file itself, which can be read
/// without a `-wal`, a `-shm` and locks for as long as that is so. `None` for a file to be opened the usual way.
///
/// # Errors
/// When opening it the usual way would make a file that the application could not write.
pub(super) fn at_rest(
    path: &Path,
    identity: Identity,
    user: u32,
    busy: Duration,
) -> Result<Option<PathBuf>, Fault> {
    let wal = beside(path, "-wal");
    if holds_nothing(&wal) {
        return Ok(is_in_wal_mode(path, busy).then_some(wal));
    }
    let shm = beside(path, "-shm");
    // What the owner makes is the owner's, and what root makes beside a database SQLite hands to its owner.
    if shm.exists() || user == 0 || user == identity.owner {
        return Ok(None);
    }
    let (wal, shm) = (wal.display(), shm.display());
    let message = format!("{wal} is there without {shm}: the program that writes it broke off");
    Err(Fault::new(FaultClass::SqlError, message)
        .help("let that program open the database once, or run okrd as the file's owner"))
}

/// Whether a `-wal` has no changes that are not in the database yet.
pub(super) fn holds_nothing(wal: &Path) -> bool {
    std::fs::metadata(wal).map_or(true, |found| found.size() == 0)
}

/// SQLite itself must look: who opens and closes the file beside it takes its locks away. Without locks there is no
/// WAL for it, and it says so before it makes any file.
fn is_in_wal_mode(path: &Path, busy: Duration) -> bool {
    let look = || {
        let connection = open(path, "nolock=1")?;
        connection.busy_timeout(busy)?;
        connection.pragma_query_value(None, "schema_version", |_| Ok(()))
    };
    matches!(look(), Err(Error::SqliteFailure(e, _)) if e.code == ErrorCode::CannotOpen)
}

/// Such a file stands beside the one that a link leads to.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let mut name = real.into_os_string().into_vec();
    name.extend(ending.as_bytes());
    OsString::from_vec(name).into()
}

/// Whatever the path looks like, it is a path.
fn uri(path: &Path, parameter: &str) -> String {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut uri = "file://".to_owned();
    for byte in path.as_os_str().as_bytes() {
        if byte.is_ascii_alphanumeric() || b"/-_.~".contains(byte) {
            uri.push(char::from(*byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    if !parameter.is_empty() {
        uri.push('?');
        uri.push_str(parameter);
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUSY: Duration = Duration::from_millis(100);

    fn database(name: &str, journal: &str) -> (tempfile::TempDir, PathBuf, Connection) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        let c = Connection::open(&path).unwrap();
        c.pragma_update(None, "journal_mode", journal).unwrap();
        c.execute_batch("CREATE TABLE t(a); INSERT INTO t VALUES (1)")
            .unwrap();
        (dir, path, c)
    }

    #[test]
    fn f91_only_a_file_in_wal_mode_that_nobody_writes_is_at_rest() {
        for (journal, name, at_rest) in [
            ("wal", "a b#1?x=%41&é.db", true),
            ("wal", "file:x.db?mode=memory", true),
            ("delete", "a.db", false),
            ("truncate", "a.db", false),
        ] {
            let (dir, path, open) = database(name, journal);
            let look = || {
                let identity = Identity::of(&path).unwrap();
                at_rest_of(&path, identity.owner).unwrap()
            };
            assert_eq!(look(), None, "{name} is open");
            drop(open);
            let files = || std::fs::read_dir(dir.path()).unwrap().count();
            let before = files();
            let wal = path.with_file_name(format!("{name}-wal"));
            assert_eq!(look(), at_rest.then_some(wal), "{name} in mode {journal}");
            assert_eq!(files(), before, "looking at {name} made no file");
        }
    }

    #[test]
    fn f91_a_file_that_would_be_ours_is_not_made() {
        let (dir, path, open) = database("a.db", "wal");
        let left = dir.path().join("left.db");
        for end in ["", "-wal"] {
            let from = dir.path().join(format!("a.db{end}"));
            std::fs::copy(from, dir.path().join(format!("left.db{end}"))).unwrap();
        }
        let owner = Identity::of(&left).unwrap().owner;
        let fault = at_rest_of(&left, owner + 1).unwrap_err();
        assert!(fault.message.contains("left.db-shm"), "{fault}");
        assert_eq!(at_rest_of(&left, owner).unwrap(), None);
        // Links lead to the files beside the one they lead to.
        let link = dir.path().join("link.db");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert_eq!(at_rest_of(&link, owner + 1).unwrap(), None);
        drop(open);
        assert!(at_rest_of(&link, owner + 1).unwrap().is_some());
    }

    fn at_rest_of(path: &Path, user: u32) -> Result<Option<PathBuf>, Fault> {
        at_rest(path, Identity::of(path)?, user, BUSY)
    }
}
