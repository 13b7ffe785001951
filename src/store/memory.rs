//! What the writer knows without asking the database: numbers of names, the revision in force, the zone of the days.
//! Knows no entries.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use rusqlite::{Connection, OptionalExtension};

use super::days::Days;
use super::entry::from_ms;
use super::provenance::Under;
use crate::domain::history::Point;
use crate::domain::id::KeyResultId;

/// What the writer remembers between transactions so that it need not ask the database. A transaction that is rolled
/// back may have filled it with rows that never were: then it begins anew.
#[derive(Debug)]
pub(super) struct Memory {
    pub(super) series: HashMap<KeyResultId, Vec<Known>>,
    pub(super) days: Days,
    pub(super) revision: Option<i64>,
    /// The configuration that this process reads; `None` when it told of none, and measures under the one in force.
    pub(super) under: Option<Under>,
    /// Series whose question was noted under it.
    pub(super) asked: HashSet<i64>,
    /// The newest day of which only the row of the day is left.
    pub(super) sealed_until: Option<i64>,
    /// What the wall clock showed when it was noted last.
    pub(super) wall: Option<i64>,
}

/// A key result under one definition.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) definition: Arc<str>,
    pub(super) series: Series,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Series {
    pub(super) id: i64,
    /// The local day of its first measurement.
    pub(super) first_day: Option<i64>,
    /// The first measurement of its cycle that was entered.
    pub(super) baseline: Option<Point>,
    /// Made by this process: then its baseline was noted with the first measurement, and none before it was missed.
    pub(super) made_here: bool,
}

impl Memory {
    /// What every writer must know before its first row.
    pub(super) fn read(connection: &Connection) -> rusqlite::Result<Self> {
        let zone =
            day_zone(connection)?.and_then(|name| TimeZoneDatabase::bundled().get(&name).ok());
        let mut memory = Self {
            series: HashMap::new(),
            days: Days::new(zone.unwrap_or(TimeZone::UTC)),
            revision: None,
            under: None,
            asked: HashSet::new(),
            sealed_until: None,
            wall: wall(connection)?,
        };
        memory.refresh(connection)?;
        Ok(memory)
    }

    /// The same under the configuration that this process told of before.
    pub(super) fn under(mut self, under: Option<Under>) -> Self {
        if let Some(under) = &under {
            self.revision = Some(under.revision);
        }
        self.under = under;
        self
    }

    /// Reads again what another process may have changed.
    pub(super) fn refresh(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let revision: Option<String> = meta(connection, "revision")?;
        // What this process told of stays its own, whatever another one has in force.
        if self.under.is_none() {
            self.revision = revision.and_then(|id| id.parse().ok());
        }
        self.sealed_until = sealed_until(connection)?;
        let zone = day_zone(connection)?;
        if zone.as_deref() != self.days.zone_name()
            && let Some(zone) = zone.and_then(|name| TimeZoneDatabase::bundled().get(&name).ok())
        {
            self.days = Days::new(zone);
        }
        Ok(())
    }
}

/// The zone whose midnights bound the days of `measurement_day`.
pub(super) fn day_zone(connection: &Connection) -> rusqlite::Result<Option<String>> {
    meta(connection, "day_zone")
}

/// What the wall clock showed at a commit not long before the last one, in milliseconds.
pub(super) fn wall(connection: &Connection) -> rusqlite::Result<Option<i64>> {
    Ok(meta(connection, WALL)?.and_then(|ms| ms.parse().ok()))
}

/// Notes what it shows.
pub(super) fn set_wall(connection: &Connection, ms: i64) -> rusqlite::Result<()> {
    set_meta(connection, WALL, &ms.to_string())
}

/// When the whole store was last read, and whether all was well.
pub(super) fn checked(connection: &Connection) -> rusqlite::Result<Option<(Timestamp, bool)>> {
    let noted = meta(connection, CHECKED)?;
    Ok(noted.and_then(|noted| {
        let (at, sound) = noted.split_once(' ')?;
        Some((from_ms(at.parse().ok()?), sound == "sound"))
    }))
}

/// Notes it.
pub(super) fn set_checked(
    connection: &Connection,
    at: Timestamp,
    sound: bool,
) -> rusqlite::Result<()> {
    let verdict = if sound { "sound" } else { "damaged" };
    set_meta(
        connection,
        CHECKED,
        &format!("{} {verdict}", at.as_millisecond()),
    )
}

/// The newest day of which only its row may be left.
pub(super) fn sealed_until(connection: &Connection) -> rusqlite::Result<Option<i64>> {
    Ok(meta(connection, SEALED)?.and_then(|day| day.parse().ok()))
}

/// Notes it.
pub(super) fn set_sealed_until(connection: &Connection, day: i64) -> rusqlite::Result<()> {
    set_meta(connection, SEALED, &day.to_string())
}

const SEALED: &str = "sealed_until";
const CHECKED: &str = "integrity_check";
const WALL: &str = "last_wall_ms";

/// What `meta` holds under a key.
pub(super) fn meta(connection: &Connection, key: &str) -> rusqlite::Result<Option<String>> {
    connection
        .prepare_cached("SELECT v FROM meta WHERE k = ?1")?
        .query_row([key], |row| row.get(0))
        .optional()
}

/// Sets it.
pub(super) fn set_meta(connection: &Connection, key: &str, value: &str) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO meta (k, v) VALUES (?1, ?2) ON CONFLICT (k) DO UPDATE SET v = ?2",
        )?
        .execute([key, value])
        .map(drop)
}
