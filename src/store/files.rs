//! The files of a store: how they are called and whether they are there. The database itself is never opened here,
//! since closing it would drop the locks that SQLite holds on it.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::error::StoreError;

/// The path with `suffix` added to its name.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// The one name of the file, so that two ways to it lead to one lock.
pub(super) fn resolve(path: &Path) -> Result<PathBuf, StoreError> {
    let failed = |e: std::io::Error| StoreError::of_system(path, "its folder", &e);
    match fs::canonicalize(path) {
        Ok(path) => Ok(path),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            let folder = match path.parent() {
                Some(folder) if !folder.as_os_str().is_empty() => folder,
                _ => Path::new("."),
            };
            let name = path.file_name().ok_or_else(|| failed(e))?;
            Ok(fs::canonicalize(folder).map_err(failed)?.join(name))
        }
        Err(e) => Err(failed(e)),
    }
}

/// Whether there is a database; an error when there is none but was one.
pub(super) fn exists(file: &Path) -> Result<bool, StoreError> {
    let vanished = |found, remove| {
        Err(StoreError::Vanished {
            file: file.to_owned(),
            found,
            remove,
        })
    };
    match fs::metadata(file) {
        Ok(found) if !found.is_file() => Err(StoreError::Foreign {
            file: file.to_owned(),
            found: "something that is no file".into(),
        }),
        // SQLite takes an empty file for a healthy empty database.
        Ok(found) if found.len() == 0 => vanished("an empty file", file.to_owned()),
        Ok(_) => Ok(true),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            let marker = beside(file, ".id");
            let log = beside(file, "-wal");
            if marker.exists() {
                vanished("no file", marker)
            } else if size(&log) > 0 {
                vanished("its write-ahead log only", log)
            } else {
                Ok(false)
            }
        }
        Err(e) => Err(StoreError::of_system(file, "the database", &e)),
    }
}

/// What the file is to the system.
pub(super) fn file_id(file: &Path) -> Result<(u64, u64), StoreError> {
    fs::metadata(file)
        .map(|m| (m.dev(), m.ino()))
        .map_err(|e| StoreError::of_system(file, "the database", &e))
}

/// Its bytes; 0 when there is none.
pub(super) fn size(file: &Path) -> u64 {
    fs::metadata(file).map_or(0, |m| m.len())
}

/// A rename is only on disk once its folder is.
pub(super) fn sync_folder(file: &Path) -> std::io::Result<()> {
    match file.parent() {
        Some(folder) => fs::File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}
