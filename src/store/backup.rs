//! Copies of a store: made beside a running daemon, checked, put back; and a store put aside. Nothing is overwritten and
//! nothing is deleted. Knows no configuration and no rows but their number.

use std::ffi::OsStr;
use std::fs;
use std::io::{ErrorKind, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::Connection;

use super::entry::from_ms;
use super::error::StoreError;
use super::files::{beside, resolve, size, sync_folder};
use super::incident::{QUARANTINED, RESTORED, leave_note};
use super::lock::Lock;
use super::open::{APPLICATION_ID, held_by_another, open_any_to_read, store_id, turn_on_log};

/// How long a daemon that ends may still take.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a check of a whole store found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The file, as resolved.
    pub file: PathBuf,
    /// Bytes of the database, without its write-ahead log.
    pub bytes: u64,
    /// How many key results were ever measured.
    pub key_results: u64,
    /// How many measurements there are.
    pub measurements: u64,
    /// The newest instant that any of them describes.
    pub newest: Option<Timestamp>,
    /// What is wrong, a line each; empty when nothing was found. SQLite has no checksums, so a changed digit inside a
    /// value passes.
    pub damage: Vec<String>,
}

/// Reads every page of the store and says what is there. Blocks: about 3 s for a gigabyte.
///
/// # Errors
/// When there is none, it is no store of okrd, a newer one, or so damaged that it cannot be opened.
pub fn verify(store: &Path) -> Result<Verified, StoreError> {
    let (file, connection, _) = open_any_to_read(store)?;
    let failed = |e: rusqlite::Error| StoreError::of_sqlite(&file, &e);
    let lines = connection
        .prepare("PRAGMA integrity_check")
        .and_then(|mut check| {
            let lines = check.query_map([], |row| row.get(0))?;
            lines.collect::<rusqlite::Result<Vec<String>>>()
        })
        .map_err(failed)?;
    let damage: Vec<String> = lines.into_iter().filter(|line| line != "ok").collect();
    // What cannot be counted is damage that was found already.
    let counted = count(&connection);
    if damage.is_empty()
        && let Err(error) = counted
    {
        return Err(failed(error));
    }
    let (key_results, measurements, newest) = counted.unwrap_or_default();
    Ok(Verified {
        bytes: size(&file),
        file,
        key_results,
        measurements,
        newest: newest.map(from_ms),
        damage,
    })
}

fn count(connection: &Connection) -> rusqlite::Result<(u64, u64, Option<i64>)> {
    connection.query_row(
        "SELECT (SELECT count(DISTINCT kr_id) FROM series), (SELECT count(*) FROM measurement),
                (SELECT max(last_at) FROM measurement_day)",
        [],
        |row| {
            let number = |n: i64| u64::try_from(n).unwrap_or(0);
            Ok((number(row.get(0)?), number(row.get(1)?), row.get(2)?))
        },
    )
}

/// Copies the store into a new file, beside whoever writes to it, and checks the copy before it gets its name.
///
/// # Errors
/// When there is no store, the name is taken, or the copy is not sound; nothing is left of it then.
pub fn back_up(store: &Path, to: &Path) -> Result<Verified, StoreError> {
    let (file, connection, _) = open_any_to_read(store)?;
    let to = resolve(to)?;
    free(&to)?;
    let unfinished = beside(&to, ".unfinished");
    let copied = copy(&connection, &file, &unfinished)
        .and_then(|()| sound(&unfinished))
        .and_then(|verified| name(&unfinished, &to).map(|()| verified));
    let verified = copied.inspect_err(|_| drop(fs::remove_file(&unfinished)))?;
    // Only a help for whoever needs it one day: who may read the store and not write beside it makes backups, too.
    drop(fs::write(
        beside(&file, ".backup"),
        to.as_os_str().as_bytes(),
    ));
    Ok(Verified {
        file: to,
        ..verified
    })
}

/// How many backups are read at most to find a sound one.
const LOOKED_AT: usize = 3;

/// The newest sound backup of a store: the one made last, as far as it is noted, or one that lies beside the store. Blocks: a
/// backup is read as a whole.
#[must_use]
pub fn newest_backup(store: &Path) -> Option<PathBuf> {
    let made_last = fs::read(beside(store, ".backup")).ok();
    let made_last = made_last.map(|path| PathBuf::from(OsStr::from_bytes(&path)));
    let entries = fs::read_dir(store.parent()?).ok()?;
    let beside_it = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let is_other = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        path.as_path() != store && !name.contains(".corrupt-") && is_ours(path)
    };
    let mut found: Vec<_> = (made_last.into_iter().chain(beside_it))
        .filter(is_other)
        .filter_map(|path| Some((fs::metadata(&path).ok()?.modified().ok()?, path)))
        .collect();
    found.sort();
    found.dedup();
    let mut newest = found
        .into_iter()
        .rev()
        .map(|(_, path)| path)
        .take(LOOKED_AT);
    newest.find(|path| sound(path).is_ok())
}

/// Whether the head of the file is that of a store.
fn is_ours(file: &Path) -> bool {
    // <https://www.sqlite.org/fileformat2.html#the_database_header>
    let mut head = [0; 72];
    let read = fs::File::open(file).and_then(|mut file| file.read_exact(&mut head));
    let id = head
        .last_chunk::<4>()
        .map_or(0, |id| i64::from(u32::from_be_bytes(*id)));
    read.is_ok() && head.starts_with(b"SQLite format 3\0") && id == APPLICATION_ID
}

/// Puts a backup, or a store that was put aside, where the store belongs. The backup is checked and stays as it is.
///
/// # Errors
/// When a daemon runs, when there is a store already, or the backup is not sound.
pub fn restore(backup: &Path, store: &Path, now: Timestamp) -> Result<Verified, StoreError> {
    let file = resolve(store)?;
    let _lock = Lock::take(&file, PATIENCE)?;
    free(&file)?;
    // A log that holds something belongs to a store that has lost its database.
    let log = beside(&file, "-wal");
    if size(&log) > 0 {
        return Err(StoreError::Occupied { file: log });
    }
    let (from, connection, _) = open_any_to_read(backup)?;
    let id = store_id(&connection, &from)?;
    let unfinished = beside(&file, ".new");
    let copied = copy(&connection, &from, &unfinished)
        .and_then(|()| sound(&unfinished))
        .and_then(|verified| {
            logged(&unfinished)?;
            remember(&file, &id)?;
            name(&unfinished, &file)?;
            leave_note(&file, now, RESTORED, &from)?;
            Ok(verified)
        });
    let verified = copied.inspect_err(|_| drop(fs::remove_file(&unfinished)))?;
    Ok(Verified { file, ..verified })
}

/// Renames the store with its write-ahead log, so that another can take its place: `.corrupt-` and the instant are added to
/// its name. Gives the new name.
///
/// # Errors
/// When a daemon runs, or there is nothing to put aside.
pub fn quarantine(store: &Path, now: Timestamp) -> Result<PathBuf, StoreError> {
    let file = resolve(store)?;
    let _lock = Lock::take(&file, PATIENCE)?;
    // Of a store too damaged to be read nobody can tell more than the lock does.
    if let Ok((_, connection, _)) = open_any_to_read(&file) {
        match held_by_another(&connection, &file) {
            Err(held @ StoreError::Held { .. }) => return Err(held),
            _ => drop(connection),
        }
    }
    let parts = ["", "-wal", "-shm", ".id"];
    let is_there = |suffix: &&str| beside(&file, suffix).exists();
    if !parts.iter().any(is_there) {
        return Err(StoreError::Missing { file });
    }
    let aside = beside(
        &file,
        &format!(".corrupt-{}", now.strftime("%Y%m%dT%H%M%SZ")),
    );
    free(&aside)?;
    // The database first: without its log it would pass for a whole one.
    for suffix in parts {
        match fs::rename(beside(&file, suffix), beside(&aside, suffix)) {
            Ok(()) => {}
            Err(e) if e.kind() == ErrorKind::NotFound => {}
            Err(e) => return Err(StoreError::of_system(&file, "putting it aside", &e)),
        }
    }
    sync_folder(&file).map_err(|e| StoreError::of_system(&file, "its folder", &e))?;
    leave_note(&file, now, QUARANTINED, &aside)?;
    Ok(aside)
}

/// That nothing has this name.
fn free(file: &Path) -> Result<(), StoreError> {
    match fs::symlink_metadata(file) {
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
        Err(e) => Err(StoreError::of_system(file, "its folder", &e)),
        Ok(_) => Err(StoreError::Occupied {
            file: file.to_owned(),
        }),
    }
}

fn copy(connection: &Connection, file: &Path, to: &Path) -> Result<(), StoreError> {
    let Some(name) = to.to_str() else {
        return Err(StoreError::Io {
            file: file.to_owned(),
            found: format!("{}, a name that is not UTF-8", to.display()),
        });
    };
    drop(fs::remove_file(to));
    connection
        .execute("VACUUM INTO ?1", [name])
        .map_err(|e| StoreError::of_sqlite(file, &e))?;
    fs::File::open(to)
        .and_then(|copy| copy.sync_all())
        .map_err(|e| StoreError::of_system(file, "the copy", &e))
}

fn sound(copy: &Path) -> Result<Verified, StoreError> {
    let verified = verify(copy)?;
    match verified.damage.first() {
        None => Ok(verified),
        Some(line) => Err(StoreError::Corrupt {
            file: copy.to_owned(),
            found: line.clone(),
            backup: None,
        }),
    }
}

/// A store has its log from the moment it has its name: a reader may not finish the switch.
fn logged(file: &Path) -> Result<(), StoreError> {
    let failed = |e: rusqlite::Error| StoreError::of_sqlite(file, &e);
    let connection = Connection::open(file).map_err(failed)?;
    turn_on_log(&connection, file)?;
    connection.close().map_err(|(_, e)| failed(e))
}

/// Notes beside the database which store is here from now on.
fn remember(file: &Path, id: &str) -> Result<(), StoreError> {
    let marker = beside(file, ".id");
    let unfinished = beside(&marker, ".new");
    fs::write(&unfinished, format!("{id}\n"))
        .and_then(|()| fs::File::open(&unfinished)?.sync_all())
        .and_then(|()| fs::rename(&unfinished, &marker))
        .map_err(|e| StoreError::of_system(file, "its .id file", &e))
}

/// Gives the finished file its name, unless another has it by now.
fn name(unfinished: &Path, file: &Path) -> Result<(), StoreError> {
    let failed = |e: std::io::Error| StoreError::of_system(file, "the copy", &e);
    match fs::hard_link(unfinished, file) {
        Ok(()) => fs::remove_file(unfinished),
        Err(e) if e.kind() == ErrorKind::AlreadyExists => {
            return Err(StoreError::Occupied {
                file: file.to_owned(),
            });
        }
        // Some file systems know no second name.
        Err(_) => free(file).map(|()| fs::rename(unfinished, file))?,
    }
    .and_then(|()| sync_folder(file))
    .map_err(failed)
}
