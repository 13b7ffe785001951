//! What is remembered of sources: why one is left alone, and when somebody said that it is to be asked again. Knows no source.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::entry::from_ms;
use crate::domain::id::Slug;

/// Why a source is left alone, as far as that outlives a restart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SourceState {
    /// It asked to be left alone until then.
    pub not_before: Option<Timestamp>,
    /// How often in a row it did.
    pub limited: u32,
    /// After failures in a row it is not asked until then, and then with one question at a time; `None` when all is well.
    pub open_until: Option<Timestamp>,
    /// How often in a row that was so.
    pub opened: u32,
    /// It refused our login then, and is not asked until its secret changes or somebody resumes it.
    pub suspended: Option<Timestamp>,
    /// By what to tell whether its secret changed since.
    pub refused: Option<u16>,
    /// When somebody last resumed it; told by `okrd resume` alone.
    pub resumed: Option<Timestamp>,
}

/// Keeps the state of a source; when it was resumed stays as it is.
pub(super) fn keep(
    connection: &Connection,
    source: &Slug,
    state: &SourceState,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO source_state (source, not_before, limited, open_until, opened, suspended_at, refused)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             ON CONFLICT (source) DO UPDATE SET not_before = ?2, limited = ?3, open_until = ?4, opened = ?5,
               suspended_at = ?6, refused = ?7",
        )?
        .execute(params![
            source.as_str(),
            state.not_before.map(Timestamp::as_millisecond),
            state.limited,
            state.open_until.map(Timestamp::as_millisecond),
            state.opened,
            state.suspended.map(Timestamp::as_millisecond),
            state.refused,
        ])
        .map(drop)
}

/// Keeps until when a source is to be left alone, and nothing else; `None` lifts that.
pub(super) fn hold(
    connection: &Connection,
    source: &Slug,
    until: Option<Timestamp>,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO source_state (source, not_before) VALUES (?1, ?2)
             ON CONFLICT (source) DO UPDATE SET not_before = ?2",
        )?
        .execute(params![
            source.as_str(),
            until.map(Timestamp::as_millisecond)
        ])
        .map(drop)
}

/// Lets a source be asked again, whatever it refused or failed at. The patience that it asked for stays.
pub(super) fn resume(
    connection: &Connection,
    source: &Slug,
    at: Timestamp,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO source_state (source, resumed_at) VALUES (?1, ?2)
             ON CONFLICT (source) DO UPDATE SET open_until = NULL, opened = 0, suspended_at = NULL, refused = NULL,
               resumed_at = max(?2, ifnull(resumed_at, 0) + 1)",
        )?
        .execute(params![source.as_str(), at.as_millisecond()])
        .map(drop)
}

/// What is remembered of each source.
pub(super) fn load(connection: &Connection) -> rusqlite::Result<BTreeMap<Slug, SourceState>> {
    let mut statement = connection.prepare_cached(
        "SELECT source, not_before, limited, open_until, opened, suspended_at, refused, resumed_at FROM source_state",
    )?;
    let states = statement.query_map([], |row| {
        let at = |column| Ok::<_, rusqlite::Error>(row.get::<_, Option<i64>>(column)?.map(from_ms));
        let state = SourceState {
            not_before: at(1)?,
            limited: row.get(2)?,
            open_until: at(3)?,
            opened: row.get(4)?,
            suspended: at(5)?,
            refused: row.get(6)?,
            resumed: at(7)?,
        };
        let source = Slug::parse(row.get_ref(0)?.as_str()?).ok();
        Ok(source.zip(Some(state)))
    })?;
    states.filter_map(Result::transpose).collect()
}
