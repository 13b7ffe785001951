//! What can go wrong with the store: a closed set, each message naming the file, what was found, what was expected
//! and the remedy. Knows no exit and no log.

use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

/// Why the store cannot be opened, read or written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Another daemon holds it.
    #[error(
        "store {}: held by {}, expected no other daemon on it: stop that one or name another store.path", .file.display(), holder(*.pid)
    )]
    Held {
        /// The database.
        file: PathBuf,
        /// The holder, when it told.
        pid: Option<u32>,
    },
    /// There is no store yet, and only reading was asked for.
    #[error("store {}: found no file, expected a store: `okrd run` makes it", .file.display())]
    Missing {
        /// The database.
        file: PathBuf,
    },
    /// There was a store, and now there is nothing of it.
    #[error(
        "store {}: found {found}, expected the store that was here: restore it from a backup (`okrd store restore FILE`), or remove {} to begin with an empty one",
        .file.display(), .remove.display()
    )]
    Vanished {
        /// The database.
        file: PathBuf,
        /// What there is instead.
        found: &'static str,
        /// What stands against beginning anew.
        remove: PathBuf,
    },
    /// The name of a new file is taken.
    #[error("{}: found a file of that name, expected none, since nothing is overwritten: name another, or put it aside (a store by `okrd store quarantine`)", .file.display())]
    Occupied {
        /// The file.
        file: PathBuf,
    },
    /// The file belongs to someone else.
    #[error(
        "store {}: found {found}, expected a store of okrd: name another store.path; the file was left as it is", .file.display()
    )]
    Foreign {
        /// The database.
        file: PathBuf,
        /// What it is.
        found: String,
    },
    /// The file is another store than the one that was here.
    #[error(
        "store {}: found store {found}, expected store {expected}: put that one back, or remove {} if the exchange was meant",
        .file.display(), .remove.display()
    )]
    Exchanged {
        /// The database.
        file: PathBuf,
        /// Its id.
        found: String,
        /// The id of the store that was here.
        expected: String,
        /// What remembers it.
        remove: PathBuf,
    },
    /// A newer okrd wrote it.
    #[error(
        "store {}: found schema version {found}, expected at most {expected}: run the okrd that wrote it, or a newer one", .file.display()
    )]
    Newer {
        /// The database.
        file: PathBuf,
        /// The schema version in the file.
        found: i64,
        /// The newest this program knows.
        expected: i64,
    },
    /// An older okrd wrote it, and only reading was asked for.
    #[error(
        "store {}: found schema version {found}, expected {expected}: `okrd run` migrates it", .file.display()
    )]
    Older {
        /// The database.
        file: PathBuf,
        /// The schema version in the file.
        found: i64,
        /// The version this program reads.
        expected: i64,
    },
    /// The file is damaged.
    #[error(
        "store {}: found damage ({found}), expected a sound database: stop okrd, put the store aside by `okrd store quarantine`, and put a backup in its place by `okrd store restore {}`{}", .file.display(), backup.as_ref().map_or_else(|| "FILE".into(), |b| b.display().to_string()), newest(backup.is_some())
    )]
    Corrupt {
        /// The database.
        file: PathBuf,
        /// What the check said.
        found: String,
        /// The newest sound backup that was found.
        backup: Option<PathBuf>,
    },
    /// Another process keeps the database locked.
    #[error(
        "store {}: found it locked by another program, expected it free within {waited_ms} ms: end what else writes to it", .file.display()
    )]
    Busy {
        /// The database.
        file: PathBuf,
        /// How long was waited.
        waited_ms: u64,
    },
    /// A read took too long.
    #[error("store {}: found a read that was not done within 5 s, expected it sooner, since it keeps the write-ahead log from being folded in: ask for a shorter time, or look at the disk", .file.display())]
    Slow {
        /// The database.
        file: PathBuf,
    },
    /// No room.
    #[error("store {}: found the disk full, expected room to write: make some; okrd goes on by itself", .file.display())]
    Full {
        /// The database.
        file: PathBuf,
    },
    /// No permission to write.
    #[error(
        "store {}: found it read-only, expected to write: give the user of okrd write permission on the file and its folder, or mount it writable", .file.display()
    )]
    ReadOnly {
        /// The database.
        file: PathBuf,
    },
    /// It lies on a file system whose locks are not to be trusted.
    #[error(
        "store {}: found its folder on {found}, expected a local disk, since a store on a shared file system may be damaged: set store.path to a local one, or store.allow_network_filesystem to true at your own risk", .file.display()
    )]
    Remote {
        /// The database.
        file: PathBuf,
        /// The kind of file system.
        found: &'static str,
    },
    /// The system refuses to open, read or write.
    #[error(
        "store {}: found {found}, expected to read and write it: check that its folder exists, its permissions and the disk", .file.display()
    )]
    Io {
        /// The database.
        file: PathBuf,
        /// The system's words.
        found: String,
    },
    /// An entry that must not be kept.
    #[error("store {}: found {found}, expected an entry that the schema allows: this is a fault of okrd, please report it", .file.display())]
    Refused {
        /// The database.
        file: PathBuf,
        /// What is wrong with it.
        found: String,
    },
    /// The writing thread has ended.
    #[error("store {}: found it closed, expected it open: start okrd anew", .file.display())]
    Ended {
        /// The database.
        file: PathBuf,
    },
}

impl StoreError {
    /// What the process exits with: 4 when another holds the store, 3 for everything else.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Held { .. } => 4,
            _ => 3,
        }
    }

    /// The same with the newest sound backup, where one is found: it is what whoever reads the message needs next. Blocks: a
    /// backup is read as a whole.
    #[must_use]
    pub fn advised(self) -> Self {
        match self {
            Self::Corrupt {
                file,
                found,
                backup: None,
            } => Self::Corrupt {
                backup: super::backup::newest_backup(&file),
                file,
                found,
            },
            other => other,
        }
    }

    /// Whether the next write may succeed without anyone opening the file anew.
    pub(super) fn leaves_connection_sound(&self) -> bool {
        matches!(
            self,
            Self::Busy { .. } | Self::Full { .. } | Self::Refused { .. }
        )
    }

    /// SQLite's error in our words.
    pub(super) fn of_sqlite(file: &Path, error: &rusqlite::Error) -> Self {
        let file = file.to_owned();
        let found = error.to_string();
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy {
                file,
                waited_ms: super::open::BUSY_TIMEOUT_MS,
            },
            Some(ErrorCode::OperationInterrupted) => Self::Slow { file },
            Some(ErrorCode::DiskFull) => Self::Full { file },
            Some(ErrorCode::ReadOnly) => Self::ReadOnly { file },
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Corrupt {
                file,
                found,
                backup: None,
            },
            Some(ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch) => {
                Self::Refused { file, found }
            }
            _ => Self::Io { file, found },
        }
    }

    /// The system's error in our words.
    pub(super) fn of_system(file: &Path, doing: &str, error: &std::io::Error) -> Self {
        let file = file.to_owned();
        match error.kind() {
            std::io::ErrorKind::ReadOnlyFilesystem | std::io::ErrorKind::PermissionDenied => {
                Self::ReadOnly { file }
            }
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                Self::Full { file }
            }
            _ => Self::Io {
                file,
                found: format!("{error} on {doing}"),
            },
        }
    }
}

fn newest(known: bool) -> &'static str {
    if known {
        " (the newest sound one that was found)"
    } else {
        ""
    }
}

fn holder(pid: Option<u32>) -> String {
    pid.map_or_else(
        || "another process".into(),
        |pid| format!("the process {pid}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::ffi;

    #[test]
    fn what_sqlite_reports_has_a_class_and_names_file_and_remedy() {
        let file = Path::new("/data/okrd.db");
        for (code, start) in [
            (ffi::SQLITE_BUSY, "found it locked"),
            (ffi::SQLITE_LOCKED, "found it locked"),
            (ffi::SQLITE_FULL, "found the disk full"),
            (ffi::SQLITE_READONLY, "found it read-only"),
            (ffi::SQLITE_READONLY_DBMOVED, "found it read-only"),
            (ffi::SQLITE_CORRUPT, "found damage"),
            (ffi::SQLITE_NOTADB, "found damage"),
            (ffi::SQLITE_CONSTRAINT_CHECK, "found"),
            (ffi::SQLITE_IOERR_WRITE, "found"),
            (ffi::SQLITE_IOERR_FSYNC, "found"),
            (ffi::SQLITE_CANTOPEN, "found"),
        ] {
            let error = rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
            let text = StoreError::of_sqlite(file, &error).to_string();
            let rest = text.strip_prefix("store /data/okrd.db: ").unwrap();
            assert!(rest.starts_with(start), "{text}");
            assert!(
                rest.contains(", expected ") && rest.contains(": "),
                "{text}"
            );
            assert!(!text.ends_with('.'), "{text}");
        }
    }

    #[test]
    fn only_the_holder_has_an_exit_code_of_its_own() {
        let file = PathBuf::from("okrd.db");
        let held = StoreError::Held {
            file: file.clone(),
            pid: Some(7),
        };
        assert_eq!(held.exit_code(), 4);
        assert!(held.to_string().contains("the process 7"));
        assert_eq!(StoreError::Full { file: file.clone() }.exit_code(), 3);
        assert_eq!(StoreError::Ended { file }.exit_code(), 3);
    }

    /// After these the connection is believed; after all others it is made anew and the file checked.
    #[test]
    fn f44_a_failed_sync_leaves_doubt() {
        let class = |code| {
            let error = rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
            StoreError::of_sqlite(Path::new("okrd.db"), &error).leaves_connection_sound()
        };
        assert!(class(ffi::SQLITE_BUSY) && class(ffi::SQLITE_FULL));
        assert!(!class(ffi::SQLITE_IOERR_FSYNC) && !class(ffi::SQLITE_CORRUPT));
        assert!(!class(ffi::SQLITE_READONLY));
    }
}
