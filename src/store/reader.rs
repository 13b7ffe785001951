//! Reads the store beside whoever writes it, in short read transactions. Cannot write.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rusqlite::{Connection, OptionalExtension, Row, named_params};

use super::closing::closed_at;
use super::days::Days;
use super::entry::{Attempt, Measurement, Origin, from_ms};
use super::error::StoreError;
use super::forecasts::{self, DayForecast};
use super::incident::{self, Incident};
use super::load::{Loaded, load};
use super::memory;
use super::open::open_to_read;
use super::outbox::{self, Outbox};
use super::people::{self, Annotation, ToldCheckIn};
use super::provenance::{self, Beginning, Provenance};
use super::rows::quality;
use super::sealed;
use super::sources::{self, SourceState};
use crate::domain::epoch::Epoch;
use crate::domain::fault::{Doubt, Fault, FaultClass};
use crate::domain::goals::Goals;
use crate::domain::id::{CycleName, KeyResultId, Slug};

/// How long one read transaction may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many rows are read in one.
const PAGE: usize = 20_000;
/// After so many steps of SQLite's machine the time is looked at.
const STEPS_BETWEEN_LOOKS: i32 = 10_000;

/// A read-only connection to a store.
#[derive(Debug)]
pub struct Reader {
    file: PathBuf,
    connection: Connection,
    ends: Ends,
    pub(super) patience: Duration,
    pub(super) page: usize,
}

/// When the read that is under way must have ended.
#[derive(Clone, Debug, Default)]
struct Ends(Arc<Mutex<Option<Instant>>>);

impl Ends {
    fn set(&self, at: Option<Instant>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = at;
    }

    fn have_passed(&self) -> bool {
        let ends = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ends.is_some_and(|ends| Instant::now() >= ends)
    }
}

/// Walks the distinct slots of a table clustered by slot and picks the rows of one key result at each: a few thousand
/// seeks where a scan would read every row of every key result.
macro_rules! by_slot {
    ($table:literal, $columns:literal) => {
        concat!(
            "WITH RECURSIVE slot (at) AS (
               SELECT min(slot_at) FROM ",
            $table,
            " WHERE slot_at >= :since
               UNION ALL
               SELECT (SELECT min(slot_at) FROM ",
            $table,
            " WHERE slot_at > slot.at) FROM slot
               WHERE slot.at < :until)
             SELECT ",
            $columns,
            " FROM slot CROSS JOIN ",
            $table,
            " AS t ON t.slot_at = slot.at
               AND t.series_id IN (SELECT s.id FROM series AS s JOIN kr ON kr.id = s.kr_id WHERE kr.uid = :uid)
             JOIN series ON series.id = t.series_id
             WHERE slot.at < :until"
        )
    };
}

impl Reader {
    /// Opens the store to read.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when there is none yet; else when it is not a store this program reads.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let (file, mut connection) = open_to_read(path)?;
        let ends = Ends::default();
        let look = ends.clone();
        connection
            .progress_handler(STEPS_BETWEEN_LOOKS, Some(move || look.have_passed()))
            .map_err(|e| StoreError::of_sqlite(&file, &e))?;
        Ok(Self {
            file,
            connection,
            ends,
            patience: PATIENCE,
            page: PAGE,
        })
    }

    /// All that is known of these goals.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn load(&self, goals: &Goals) -> Result<Loaded, StoreError> {
        self.reading_whole(|connection| load(connection, goals))
    }

    /// Why sources are left alone, and when they were resumed.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn sources(&self) -> Result<BTreeMap<Slug, SourceState>, StoreError> {
        self.reading(sources::load)
    }

    /// All that is known of a channel through which people are told.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn outbox(&self, channel: &Slug) -> Result<Outbox, StoreError> {
        self.reading(|connection| outbox::load(connection, channel))
    }

    /// The measurements of a key result, slots `[since, until)`, oldest slot first, under all its definitions. Of days whose
    /// single values are no longer kept the last one, with what is known of all.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn series(
        &self,
        id: &KeyResultId,
        since: Option<Timestamp>,
        until: Option<Timestamp>,
    ) -> Result<Vec<Measurement>, StoreError> {
        Ok(self.series_up_to(id, since, until, usize::MAX)?.0)
    }

    /// The same, but no more slots are read than give `most` measurements; with the slot from which on there may be more. What
    /// stands before that slot is complete, though it may be fewer: of the days that are let go one stands for all.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn series_up_to(
        &self,
        id: &KeyResultId,
        since: Option<Timestamp>,
        until: Option<Timestamp>,
        most: usize,
    ) -> Result<(Vec<Measurement>, Option<Timestamp>), StoreError> {
        const SERIES: &str = by_slot!(
            "measurement",
            "t.slot_at, t.started_at, t.ms, t.tries, t.as_of, t.value, t.value_text, t.approximate, t.recorded,
             t.note, t.author, series.definition, t.backfilled, t.k, t.n, t.flags"
        );
        let (values, rest) = self.of_key_result(SERIES, id, since, until, most, measurement)?;
        let rest = rest.map(from_ms);
        // Asked after the values: what is let go between the two is in the days then, and not in neither.
        let days = self.reading(|connection| sealed::of_key_result(connection, id))?;
        if days.is_empty() {
            return Ok((values, rest));
        }
        Ok((sealed::join(values, &days, since, rest.or(until)), rest))
    }

    /// The definitions by which a key result was measured, in the order in which they came into force first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn epochs(&self, id: &KeyResultId) -> Result<Vec<Epoch>, StoreError> {
        self.reading(|connection| {
            connection
                .prepare_cached(
                    "SELECT s.definition, min(d.first_at), max(d.last_at)
                     FROM kr JOIN series AS s ON s.kr_id = kr.id
                     JOIN measurement_day AS d ON d.series_id = s.id AND d.day >= s.first_day
                     WHERE kr.uid = ?1 GROUP BY s.id ORDER BY s.id",
                )?
                .query_map([id.full()], |row| {
                    Ok(Epoch {
                        definition: row.get(0)?,
                        first: from_ms(row.get(1)?),
                        last: from_ms(row.get(2)?),
                    })
                })?
                .collect()
        })
    }

    /// Under which configuration a measurement of a key result came about, and what was asked for it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn provenance(&self, id: &KeyResultId, m: &Measurement) -> Result<Provenance, StoreError> {
        self.reading(|connection| provenance::of_measurement(connection, id, m))
    }

    /// How each definition of a key result came about, the oldest first, measured by or not.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn beginnings(&self, id: &KeyResultId) -> Result<Vec<Beginning>, StoreError> {
        self.reading(|connection| provenance::beginnings(connection, id))
    }

    /// Those of these slots that have no measurement of a key result under this definition, in their order. One seek for
    /// each.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn unmeasured(
        &self,
        id: &KeyResultId,
        definition: &str,
        slots: &[Timestamp],
    ) -> Result<Vec<Timestamp>, StoreError> {
        self.reading(|connection| {
            let series: Option<i64> = connection
                .prepare_cached(
                    "SELECT s.id FROM series AS s JOIN kr ON kr.id = s.kr_id
                     WHERE kr.uid = ?1 AND s.definition = ?2",
                )?
                .query_row([&*id.full(), definition], |row| row.get(0))
                .optional()?;
            let Some(series) = series else {
                return Ok(slots.to_vec());
            };
            let mut measured = connection.prepare_cached(
                "SELECT 1 FROM measurement WHERE slot_at = ?1 AND series_id = ?2",
            )?;
            let mut sealed = connection.prepare_cached(
                "SELECT 1 FROM measurement_day WHERE day = ?1 AND series_id = ?2 AND sealed > 0",
            )?;
            let zone = memory::day_zone(connection)?.and_then(|name| TimeZone::get(&name).ok());
            let mut days = Days::new(zone.unwrap_or(TimeZone::UTC));
            let mut missing = Vec::new();
            for slot in slots {
                let at = slot.as_millisecond();
                // Of a day whose single values are gone nobody knows which slots had one.
                if !measured.exists([at, series])? && !sealed.exists([days.of(at), series])? {
                    missing.push(*slot);
                }
            }
            Ok(missing)
        })
    }

    /// The attempts that made no measurement, likewise.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn attempts(
        &self,
        id: &KeyResultId,
        since: Option<Timestamp>,
        until: Option<Timestamp>,
    ) -> Result<Vec<Attempt>, StoreError> {
        const ATTEMPTS: &str = by_slot!(
            "attempt",
            "t.slot_at, t.started_at, t.ms, t.tries, t.class, t.message, t.help, t.value"
        );
        let attempts = self.of_key_result(ATTEMPTS, id, since, until, usize::MAX, attempt)?;
        Ok(attempts.0)
    }

    /// The forecasts that were kept of a key result, one a day, oldest first, under all its definitions.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn forecasts(&self, id: &KeyResultId) -> Result<Vec<DayForecast>, StoreError> {
        self.reading(|connection| forecasts::of_key_result(connection, id))
    }

    /// What people said of a key result, oldest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn check_ins(&self, id: &KeyResultId) -> Result<Vec<ToldCheckIn>, StoreError> {
        self.reading(|connection| people::check_ins(connection, id))
    }

    /// What was noted of a key result or of everything, by the time it is about.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn annotations(&self, id: &KeyResultId) -> Result<Vec<Annotation>, StoreError> {
        self.reading(|connection| people::annotations(connection, id))
    }

    /// When a cycle was closed for good; `None` while it was not.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn closed_at(&self, cycle: &CycleName) -> Result<Option<Timestamp>, StoreError> {
        self.reading(|connection| closed_at(connection, cycle))
    }

    /// What befell the store and nobody acknowledged yet, oldest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn incidents(&self) -> Result<Vec<Incident>, StoreError> {
        self.reading(incident::open_ones)
    }

    /// SQLite's full check, line by line; empty when all is well. Reads the whole file.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn integrity(&self) -> Result<Vec<String>, StoreError> {
        let mut lines = self.reading_whole(|connection| {
            connection
                .prepare("PRAGMA integrity_check")?
                .query_map([], |row| row.get(0))?
                .collect::<rusqlite::Result<Vec<String>>>()
        })?;
        lines.retain(|line| line != "ok");
        Ok(lines)
    }

    pub(super) fn day_zone(&self) -> Result<Option<String>, StoreError> {
        self.reading(memory::day_zone)
    }

    fn of_key_result<T>(
        &self,
        sql: &str,
        id: &KeyResultId,
        since: Option<Timestamp>,
        until: Option<Timestamp>,
        most: usize,
        make: fn(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<(Vec<T>, Option<i64>), StoreError> {
        let until = until.map_or(i64::MAX, Timestamp::as_millisecond);
        let mut from = Some(since.map_or(i64::MIN, Timestamp::as_millisecond));
        let mut found = Vec::new();
        // Page by page, each a transaction of its own: a long one would keep the write-ahead log from being folded in.
        while let Some(since) = from {
            if found.len() >= most {
                return Ok((found, Some(since)));
            }
            let page = self.page.min(most - found.len());
            from = self.reading(|connection| {
                let mut statement = connection.prepare_cached(sql)?;
                let mut rows = statement
                    .query(named_params! { ":uid": id.full(), ":since": since, ":until": until })?;
                let (mut many, mut last) = (0, None);
                while let Some(row) = rows.next()? {
                    let slot: i64 = row.get(0)?;
                    // What has one slot is read together.
                    if many >= page && last != Some(slot) {
                        return Ok(Some(slot));
                    }
                    found.push(make(row)?);
                    (many, last) = (many + 1, Some(slot));
                }
                Ok(None)
            })?;
        }
        Ok((found, None))
    }

    /// One read transaction: everything read in it is of one instant. It may not take long, or it would hold up whoever
    /// folds in the write-ahead log.
    fn reading<T>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        self.ends.set(Some(Instant::now() + self.patience));
        let result = self.reading_whole(read);
        self.ends.set(None);
        result
    }

    /// The same of what is read once, as at the start, and may take its time.
    fn reading_whole<T>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let result = self
            .connection
            .unchecked_transaction()
            .and_then(|transaction| read(&transaction));
        result.map_err(|e| StoreError::of_sqlite(&self.file, &e))
    }
}

fn measurement(row: &Row<'_>) -> rusqlite::Result<Measurement> {
    let recorded: bool = row.get(8)?;
    let note: Option<String> = row.get(9)?;
    let (note, written) = if recorded { (None, note) } else { (note, None) };
    Ok(Measurement {
        slot: from_ms(row.get(0)?),
        started_at: from_ms(row.get(1)?),
        took: took(row.get(2)?),
        tries: row.get(3)?,
        as_of: from_ms(row.get(4)?),
        value: row.get(5)?,
        exact: row.get(6)?,
        quality: quality(row.get(7)?, row.get_ref(15)?.as_str_or_null()?),
        counts: row.get::<_, Option<f64>>(13)?.zip(row.get(14)?),
        note,
        origin: if recorded {
            Origin::Recorded {
                note: written,
                author: row.get(10)?,
            }
        } else if row.get(12)? {
            Origin::Backfilled
        } else {
            Origin::Polled
        },
        definition: row.get::<_, Arc<str>>(11)?,
        day: None,
    })
}

fn attempt(row: &Row<'_>) -> rusqlite::Result<Attempt> {
    let class: Option<String> = row.get(4)?;
    let message: Option<String> = row.get(5)?;
    let help: Option<String> = row.get(6)?;
    let value: Option<f64> = row.get(7)?;
    Ok(Attempt {
        slot: from_ms(row.get(0)?),
        started_at: from_ms(row.get(1)?),
        took: took(row.get(2)?),
        tries: row.get(3)?,
        outcome: match class {
            None => Ok(value.unwrap_or_default()),
            Some(class) => Err(Fault {
                doubt: value.map(Doubt::never),
                ..Fault::new(fault_class(&class), message.unwrap_or_default())
                    .help(help.unwrap_or_default())
            }),
        },
    })
}

/// The class behind a stored word; one that a later version brought is ours to name as internal.
pub(super) fn fault_class(word: &str) -> FaultClass {
    FaultClass::parse(word).unwrap_or(FaultClass::Internal)
}

fn took(ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}
