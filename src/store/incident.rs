//! What befell a store: that one was put aside, that a backup was put in its place. Noted in a file beside the place where
//! the store belongs while there is none, and in the store from its next opening on, until somebody says that they know.
//! Knows no thread.

use std::fs;
use std::path::Path;

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::entry::from_ms;
use super::error::StoreError;
use super::files::{beside, sync_folder};

/// Something that befell the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incident {
    /// When.
    pub at: Timestamp,
    /// `quarantined` or `restored`.
    pub what: String,
    /// Where the store is that was put aside; which backup was put back.
    pub file: String,
}

pub(super) const QUARANTINED: &str = "quarantined";
pub(super) const RESTORED: &str = "restored";

/// Leaves a note beside the place of the store.
pub(super) fn leave_note(
    store: &Path,
    at: Timestamp,
    what: &str,
    file: &Path,
) -> Result<(), StoreError> {
    let note = beside(store, ".incident");
    let failed = |e: std::io::Error| StoreError::of_system(store, "its .incident file", &e);
    let mut text = match fs::read_to_string(&note) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(e) => return Err(failed(e)),
    };
    let name = file.display().to_string().replace(['\n', '\r'], "?");
    text.push_str(&format!("{} {what} {name}\n", at.as_millisecond()));
    let unfinished = beside(&note, ".new");
    fs::write(&unfinished, text)
        .and_then(|()| fs::File::open(&unfinished)?.sync_all())
        .and_then(|()| fs::rename(&unfinished, &note))
        .and_then(|()| sync_folder(store))
        .map_err(failed)
}

/// Takes the notes that lie beside the store into it.
pub(super) fn take_notes(connection: &mut Connection, store: &Path) -> Result<(), StoreError> {
    let note = beside(store, ".incident");
    let Ok(text) = fs::read_to_string(&note) else {
        return Ok(());
    };
    let kept = (|| {
        let transaction =
            connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        for line in text.lines() {
            let mut words = line.splitn(3, ' ');
            if let (Some(at), Some(what), Some(file)) = (words.next(), words.next(), words.next())
                && let Ok(at) = at.parse::<i64>()
            {
                transaction.execute(
                    "INSERT INTO incident (at, what, file) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
                    params![at, what, file],
                )?;
            }
        }
        transaction.commit()
    })();
    kept.map_err(|e: rusqlite::Error| StoreError::of_sqlite(store, &e))?;
    fs::remove_file(&note).map_err(|e| StoreError::of_system(store, "its .incident file", &e))
}

/// What nobody has acknowledged yet, oldest first.
pub(super) fn open_ones(connection: &Connection) -> rusqlite::Result<Vec<Incident>> {
    connection
        .prepare_cached(
            "SELECT at, what, file FROM incident WHERE acknowledged_at IS NULL ORDER BY at, id",
        )?
        .query_map([], |row| {
            Ok(Incident {
                at: from_ms(row.get(0)?),
                what: row.get(1)?,
                file: row.get(2)?,
            })
        })?
        .collect()
}

/// Notes that somebody knows of all of them.
pub(super) fn acknowledge(
    connection: &Connection,
    at: Timestamp,
    by: Option<&str>,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE incident SET acknowledged_at = ?1, acknowledged_by = ?2 WHERE acknowledged_at IS NULL",
        )?
        .execute(params![at.as_millisecond(), by])
        .map(drop)
}
