//! What is old is let go: single values of days that are long past, of which the row of the day stays for ever, and old
//! attempts. In small steps, each a transaction of its own, so that no commit waits long for one. Knows no clock and no
//! thread.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rusqlite::{Connection, OptionalExtension, params};

use super::days::Days;
use super::memory::{day_zone, sealed_until, set_sealed_until};
use crate::config::spec::Retention;

/// How many rows one step deletes at most, and reads at most to find them.
const BATCH: usize = 5_000;
const READ: usize = 20_000;
/// As many free pages are left for what is written next; of more the file is relieved, so many in one step.
const FREE_PAGES: i64 = 1_000;
const PAGES: usize = 1_000;

/// What was let go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Tidied {
    /// Single values.
    pub values: usize,
    /// Attempts.
    pub attempts: usize,
    /// Pages that were given back to the file system.
    pub pages: usize,
}

impl std::ops::AddAssign for Tidied {
    fn add_assign(&mut self, step: Self) {
        self.values += step.values;
        self.attempts += step.attempts;
        self.pages += step.pages;
    }
}

/// A tidying that is under way.
#[derive(Debug)]
pub(super) struct Tidying {
    /// Days before this one keep no single values.
    before: i64,
    failures_before: i64,
    attempts_before: i64,
    kept: Kept,
    day: Option<Day>,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Single values; the days up to this one are done.
    Values(i64),
    /// Attempts; those up to this slot are done.
    Attempts(i64),
    Pages,
}

/// A day whose values are being deleted.
#[derive(Debug)]
struct Day {
    number: i64,
    /// First and last instant of each series.
    series: HashMap<i64, (i64, i64)>,
    /// The slots among which they are; those before the first of these two are done.
    slots: (i64, i64),
}

/// Values that stay whatever their age: the newest of each series, what its source said last, and what a closed cycle
/// ended with.
#[derive(Debug)]
struct Kept {
    newest: HashMap<i64, (i64, Option<i64>)>,
    final_: HashSet<(i64, i64)>,
}

impl Kept {
    fn read(connection: &Connection) -> rusqlite::Result<Self> {
        let mut newest: HashMap<i64, (i64, Option<i64>)> = HashMap::new();
        let mut statement = connection.prepare(
            "SELECT series_id, max(last_at), max(polled_slot) FROM measurement_day GROUP BY series_id",
        )?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            newest.insert(row.get(0)?, (row.get(1)?, row.get(2)?));
        }
        let mut statement = connection.prepare(
            "SELECT s.id, c.as_of FROM closing AS c JOIN kr ON kr.uid = c.uid JOIN series AS s ON s.kr_id = kr.id
             WHERE c.as_of IS NOT NULL",
        )?;
        let final_ = statement
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<rusqlite::Result<_>>()?;
        Ok(Self { newest, final_ })
    }

    fn has(&self, series: i64, slot: i64, as_of: i64) -> bool {
        let newest = self.newest.get(&series);
        newest.is_some_and(|(at, polled)| *at == as_of || *polled == Some(slot))
            || self.final_.contains(&(series, as_of))
    }
}

impl Tidying {
    /// As it is to be done at `now`.
    pub(super) fn begin(
        connection: &Connection,
        keep: Retention,
        now: Timestamp,
    ) -> rusqlite::Result<Self> {
        let zone = day_zone(connection)?.and_then(|name| TimeZone::get(&name).ok());
        let mut days = Days::new(zone.unwrap_or(TimeZone::UTC));
        let before = |kept: Duration| {
            let kept = i64::try_from(kept.as_millis()).unwrap_or(i64::MAX);
            now.as_millisecond().saturating_sub(kept)
        };
        Ok(Self {
            before: days.of(before(keep.values)),
            failures_before: before(keep.failures),
            attempts_before: before(keep.attempts),
            kept: Kept::read(connection)?,
            day: None,
            stage: Stage::Values(i64::MIN),
        })
    }

    /// One step, inside a transaction. `None` when nothing is left to be done.
    pub(super) fn step(&mut self, connection: &Connection) -> rusqlite::Result<Option<Tidied>> {
        match self.stage {
            Stage::Values(done) => self.values(connection, done).map(Some),
            Stage::Attempts(done) => self.attempts(connection, done).map(Some),
            Stage::Pages => pages(connection),
        }
    }

    fn values(&mut self, connection: &Connection, done: i64) -> rusqlite::Result<Tidied> {
        let Some(day) = &mut self.day else {
            match next_day(connection, done, self.before)? {
                Some(day) => self.day = Some(day),
                None => self.stage = Stage::Attempts(i64::MIN),
            }
            return Ok(Tidied::default());
        };
        let mut statement = connection.prepare_cached(
            "SELECT slot_at, series_id, recorded, as_of FROM measurement WHERE slot_at BETWEEN ?1 AND ?2
             ORDER BY slot_at, series_id, recorded",
        )?;
        let mut delete = connection.prepare_cached(
            "DELETE FROM measurement WHERE slot_at = ?1 AND series_id = ?2 AND recorded = ?3",
        )?;
        let mut old: Vec<(i64, i64, bool)> = Vec::new();
        let mut rows = statement.query([day.slots.0, day.slots.1])?;
        let (mut read, mut next) = (0, None);
        while let Some(row) = rows.next()? {
            let (slot, series, as_of): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(3)?);
            // The rows of a slot are done together, or the next step would find those that stay again and again.
            if (read >= READ || old.len() >= BATCH) && slot > day.slots.0 {
                next = Some(slot);
                break;
            }
            read += 1;
            let is_of_day =
                (day.series.get(&series)).is_some_and(|(a, b)| (*a..=*b).contains(&as_of));
            if is_of_day && !self.kept.has(series, slot, as_of) {
                old.push((slot, series, row.get(2)?));
            }
        }
        drop(rows);
        for (slot, series, recorded) in &old {
            delete.execute(params![slot, series, recorded])?;
        }
        match next {
            Some(slot) => day.slots.0 = slot,
            None => {
                connection
                    .prepare_cached(
                        "UPDATE measurement_day SET sealed = 2 WHERE day = ?1 AND sealed = 1",
                    )?
                    .execute([day.number])?;
                self.stage = Stage::Values(day.number);
                self.day = None;
            }
        }
        Ok(Tidied {
            values: old.len(),
            ..Tidied::default()
        })
    }

    fn attempts(&mut self, connection: &Connection, done: i64) -> rusqlite::Result<Tidied> {
        let mut statement = connection.prepare_cached(
            "SELECT slot_at, series_id, n, started_at, class IS NOT NULL FROM attempt
             WHERE slot_at > ?1 AND slot_at < ?2 ORDER BY slot_at",
        )?;
        // What began long after its slot is met again when its slot is older.
        let newest = self.failures_before.max(self.attempts_before);
        let mut rows = statement.query([done, newest])?;
        let mut old: Vec<(i64, i64, i64)> = Vec::new();
        let (mut read, mut last, mut more) = (0, done, false);
        while let Some(row) = rows.next()? {
            let slot: i64 = row.get(0)?;
            if (read >= READ || old.len() >= BATCH) && slot > last {
                more = true;
                break;
            }
            (read, last) = (read + 1, slot);
            let failed: bool = row.get(4)?;
            let before = if failed {
                self.failures_before
            } else {
                self.attempts_before
            };
            if row.get::<_, i64>(3)? < before {
                old.push((slot, row.get(1)?, row.get(2)?));
            }
        }
        drop(rows);
        let mut delete = connection.prepare_cached(
            "DELETE FROM attempt WHERE slot_at = ?1 AND series_id = ?2 AND n = ?3",
        )?;
        for (slot, series, n) in &old {
            delete.execute([slot, series, n])?;
        }
        self.stage = if more {
            Stage::Attempts(last)
        } else {
            Stage::Pages
        };
        Ok(Tidied {
            attempts: old.len(),
            ..Tidied::default()
        })
    }
}

/// The next day whose single values are to go. From here on its row alone counts.
fn next_day(connection: &Connection, done: i64, before: i64) -> rusqlite::Result<Option<Day>> {
    let number: Option<i64> = connection
        .prepare_cached(
            "SELECT day FROM measurement_day WHERE day > ?1 AND day < ?2 AND sealed < 2 ORDER BY day LIMIT 1",
        )?
        .query_row([done, before], |row| row.get(0))
        .optional()?;
    let Some(number) = number else {
        return Ok(None);
    };
    connection
        .prepare_cached("UPDATE measurement_day SET sealed = 1 WHERE day = ?1 AND sealed = 0")?
        .execute([number])?;
    if sealed_until(connection)?.is_none_or(|known| known < number) {
        set_sealed_until(connection, number)?;
    }
    let mut statement = connection.prepare_cached(
        "SELECT series_id, first_at, last_at, low_slot, ifnull(high_slot, low_slot) FROM measurement_day
         WHERE day = ?1 AND sealed = 1",
    )?;
    let mut rows = statement.query([number])?;
    let mut series = HashMap::new();
    let mut slots = (i64::MAX, i64::MIN);
    while let Some(row) = rows.next()? {
        series.insert(row.get(0)?, (row.get(1)?, row.get(2)?));
        slots = (slots.0.min(row.get(3)?), slots.1.max(row.get(4)?));
    }
    Ok(Some(Day {
        number,
        series,
        slots,
    }))
}

/// Gives free pages back to the file system.
fn pages(connection: &Connection) -> rusqlite::Result<Option<Tidied>> {
    let free: i64 = connection.pragma_query_value(None, "freelist_count", |row| row.get(0))?;
    if free <= FREE_PAGES {
        return Ok(None);
    }
    let mut vacuum = connection.prepare(&format!("PRAGMA incremental_vacuum({PAGES})"))?;
    let mut rows = vacuum.query([])?;
    while rows.next()?.is_some() {}
    let left: i64 = connection.pragma_query_value(None, "freelist_count", |row| row.get(0))?;
    let pages = usize::try_from(free - left).unwrap_or(0);
    // A store that an early build made without room for this keeps its free pages and fills them again.
    Ok((pages > 0).then_some(Tidied {
        pages,
        ..Tidied::default()
    }))
}
