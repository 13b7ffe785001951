//! What one transaction writes: entries, revisions, statuses, forecasts, holds and zones as rows. Knows no thread and no file.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rusqlite::{CachedStatement, Connection, OptionalExtension, Row, params};

use super::closing::{self, Close};
use super::days::{Days, Sealed};
use super::entry::{Entry, Origin, from_ms};
use super::forecasts::{self, DayForecast};
use super::incident;
use super::memory::{self, Known, Memory, Series, set_meta, set_wall};
use super::outbox::{self, Step};
use super::owed::{self, Account};
use super::people::{Annotation, ToldCheckIn, keep_annotation, keep_check_in};
use super::provenance::{self, Questions};
use super::sources::{self, SourceState};
use crate::domain::history::{Point, frozen};
use crate::domain::id::{KeyResultId, Slug};
use crate::domain::quality::{Flag, Quality};
use crate::domain::reading::Reading;
use crate::domain::status::Status;

/// Something to be written whole or not at all.
#[derive(Debug)]
pub(super) enum Write {
    /// Attempts and recorded values.
    Entries(Vec<Entry>),
    /// The same, and what becomes of slots that passed without a poll.
    Accounted(Vec<Entry>, Vec<Account>),
    /// The configuration of this process.
    Revision {
        sha256: String,
        at: Timestamp,
        questions: Questions,
        /// Whether it is the daemon's, and so holds for everybody who tells of none.
        in_force: bool,
    },
    /// Ids that key results had, and have now.
    Renames(Vec<(KeyResultId, KeyResultId)>),
    /// Statuses and since when.
    Status(Vec<(KeyResultId, Status, Timestamp)>),
    /// The last forecasts of days.
    Forecasts(Vec<DayForecast>),
    /// Sources to be left alone until; `None` lifts it.
    Holds(Vec<(Slug, Option<Timestamp>)>),
    /// Why sources are left alone.
    Sources(Vec<(Slug, SourceState)>),
    /// A source is to be asked again.
    Resume(Slug, Timestamp),
    /// A step of a channel through which people are told.
    Step(Slug, Step),
    /// A channel is to be told again.
    ResumeChannel(Slug, Timestamp),
    /// What a person said of a key result.
    CheckIn(ToldCheckIn),
    /// A few words about a stretch of time.
    Annotation(Annotation),
    /// How a cycle ended.
    Close(Close),
    /// The zone whose midnights bound the days: makes `measurement_day` anew.
    Zone(TimeZone),
    /// That the whole store was read at this instant, and whether all was well.
    Checked(Timestamp, bool),
    /// That somebody knows what befell the store.
    Acknowledged(Timestamp, Option<String>),
}

/// The rows of one transaction; statements are prepared once and stay cached with the connection.
pub(super) struct Rows<'c> {
    connection: &'c Connection,
    memory: &'c mut Memory,
    app_version: &'c str,
    measurement: CachedStatement<'c>,
    day: CachedStatement<'c>,
    attempt: CachedStatement<'c>,
    miss: CachedStatement<'c>,
    /// When the newest of these attempts ended.
    wall: Option<i64>,
}

/// How far the noted time may be behind: a daemon that wants to know whether its clock is wrong asks for no more.
const WALL_EVERY_MS: u64 = 60_000;

const MEASUREMENT: &str = "
    INSERT INTO measurement (slot_at, series_id, recorded, started_at, ms, tries, value, told_as_of, value_text,
                             approximate, revision_id, note, author, backfilled, k, n, flags)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)
    ON CONFLICT DO NOTHING";

const DAY: &str = "
    INSERT INTO measurement_day (day, series_id, first_at, first_value, last_at, last_value, low_slot,
                                 polled_slot, polled_at, n, low_value, high_value, sum, high_slot)
    VALUES (?1, ?2, ?3, ?4, ?3, ?4, ?5, iif(?6 IS NULL, NULL, ?5), ?6, 1, ?4, ?4, ?4, ?5)
    ON CONFLICT (day, series_id) DO UPDATE SET
      n           = n + 1,
      low_value   = min(?4, ifnull(low_value, ?4)),
      high_value  = max(?4, ifnull(high_value, ?4)),
      sum         = ifnull(sum, 0) + ?4,
      high_slot   = max(?5, ifnull(high_slot, ?5)),
      first_value = iif(?3 <= first_at, ?4, first_value),
      first_at    = min(?3, first_at),
      last_value  = iif(?3 >= last_at, ?4, last_value),
      last_at     = max(?3, last_at),
      low_slot    = min(?5, low_slot),
      polled_slot = iif(?6 IS NULL, polled_slot, max(?5, ifnull(polled_slot, ?5))),
      polled_at   = iif(?6 IS NULL, polled_at, max(?6, ifnull(polled_at, ?6)))";

/// After a correction: the value before is in the sums, and was perhaps the highest. Of a day whose single values are gone
/// nothing can be counted again.
const RECOUNT: &str = "
    UPDATE measurement_day AS d SET (n, low_value, high_value, sum) = (
      SELECT count(*), min(m.value), max(m.value), total(m.value) FROM measurement AS m
      WHERE m.slot_at BETWEEN d.low_slot AND d.high_slot AND m.series_id = d.series_id
        AND m.as_of BETWEEN d.first_at AND d.last_at)
    WHERE day = ?1 AND series_id = ?2 AND sealed = 0";

const ATTEMPT: &str = "
    INSERT INTO attempt (slot_at, series_id, n, started_at, ms, tries, class, message, help, value, revision_id)
    VALUES (?1, ?2, (SELECT ifnull(max(n), 0) + 1 FROM attempt WHERE slot_at = ?1 AND series_id = ?2),
            ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";

const CORRECTED: &str = "
    INSERT INTO attempt (slot_at, series_id, n, started_at, ms, tries, value, revision_id)
    SELECT slot_at, series_id, (SELECT ifnull(max(n), 0) + 1 FROM attempt WHERE slot_at = ?1 AND series_id = ?2),
           started_at, ms, tries, value, revision_id
    FROM measurement WHERE slot_at = ?1 AND series_id = ?2 AND recorded = 1";

const MISS: &str = "
    INSERT INTO last_miss (series_id, slot_at, started_at, class, message, help, doubted_slot, doubted_value)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?8, ?9)
    ON CONFLICT (series_id) DO UPDATE SET
      slot_at = max(slot_at, ?2),
      class   = iif(?3 >= started_at, ?4, class),
      message = iif(?3 >= started_at, ?5, message),
      help    = iif(?3 >= started_at, ?6, help),
      doubted_slot  = iif(?7, ?8, doubted_slot),
      doubted_value = iif(?7, ?9, doubted_value),
      started_at = max(started_at, ?3)";

impl<'c> Rows<'c> {
    /// Inside a transaction of `connection`.
    pub(super) fn new(
        connection: &'c Connection,
        memory: &'c mut Memory,
        app_version: &'c str,
    ) -> rusqlite::Result<Self> {
        Ok(Self {
            connection,
            memory,
            app_version,
            measurement: connection.prepare_cached(MEASUREMENT)?,
            day: connection.prepare_cached(DAY)?,
            attempt: connection.prepare_cached(ATTEMPT)?,
            miss: connection.prepare_cached(MISS)?,
            wall: None,
        })
    }

    /// Notes what the wall clock showed, where the last note is a minute off. A clock that was set back is believed:
    /// otherwise one that once ran ahead would be right for ever.
    pub(super) fn note_wall(&mut self) -> rusqlite::Result<()> {
        let Some(wall) = self.wall else {
            return Ok(());
        };
        if (self.memory.wall).is_some_and(|noted| noted.abs_diff(wall) < WALL_EVERY_MS) {
            return Ok(());
        }
        set_wall(self.connection, wall)?;
        self.memory.wall = Some(wall);
        Ok(())
    }

    pub(super) fn write(&mut self, write: &Write) -> rusqlite::Result<()> {
        match write {
            Write::Entries(entries) => entries.iter().try_for_each(|entry| self.entry(entry)),
            Write::Accounted(entries, accounts) => {
                entries.iter().try_for_each(|entry| self.entry(entry))?;
                accounts
                    .iter()
                    .try_for_each(|account| self.account(account))
            }
            Write::Revision {
                sha256,
                at,
                questions,
                in_force,
            } => self.revision(sha256, *at, questions, *in_force),
            Write::Renames(renames) => renames.iter().try_for_each(|r| self.renamed(r)),
            Write::Status(changes) => changes.iter().try_for_each(|c| self.status(c)),
            Write::Forecasts(forecasts) => forecasts.iter().try_for_each(|f| self.forecast(f)),
            Write::Holds(holds) => {
                let mut holds = holds.iter();
                holds.try_for_each(|(source, until)| sources::hold(self.connection, source, *until))
            }
            Write::Sources(states) => {
                let mut states = states.iter();
                states.try_for_each(|(source, state)| sources::keep(self.connection, source, state))
            }
            Write::Resume(source, at) => sources::resume(self.connection, source, *at),
            Write::Step(channel, step) => outbox::keep(self.connection, channel, step),
            Write::ResumeChannel(channel, at) => outbox::resume(self.connection, channel, *at),
            Write::CheckIn(told) => keep_check_in(self.connection, told),
            Write::Annotation(told) => keep_annotation(self.connection, told),
            Write::Close(close) => closing::keep(self.connection, close, self.memory.revision),
            Write::Zone(zone) => self.zone(zone),
            Write::Checked(at, sound) => memory::set_checked(self.connection, *at, *sound),
            Write::Acknowledged(at, by) => {
                incident::acknowledge(self.connection, *at, by.as_deref())
            }
        }
    }

    fn entry(&mut self, entry: &Entry) -> rusqlite::Result<()> {
        let ended = entry
            .started_at
            .as_millisecond()
            .saturating_add(took_ms(entry));
        self.wall = self.wall.max(Some(ended));
        let counts = entry.outcome.as_ref().ok().filter(|_| !entry.is_late());
        let as_of = counts.map(|r| entry.as_of_ms(r));
        let day = as_of.map(|as_of| self.memory.days.of(as_of));
        let series = self.series(&entry.key_result, &entry.definition, day)?;
        if !matches!(entry.origin, Origin::Recorded { .. }) {
            let asked = (&entry.key_result, &*entry.definition);
            provenance::keep_question(self.connection, self.memory, series.id, asked)?;
        }
        let ((Ok(reading), Some(as_of)), Some(day)) = ((&entry.outcome, as_of), day) else {
            return self.missed(entry, series.id);
        };
        let corrects = match entry.origin {
            Origin::Recorded { .. } => self.replaced(entry, series.id)?,
            // Whether the slot had a value is not known any more; the day had some.
            Origin::Polled | Origin::Backfilled if self.is_sealed(day, series.id)? => {
                return self.missed(entry, series.id);
            }
            Origin::Polled | Origin::Backfilled => false,
        };
        if !self.measured(entry, series.id, reading)? {
            return self.missed(entry, series.id);
        }
        // Before its day is noted, for the days before tell whether it is the first.
        self.freeze(entry, series)?;
        let polled = entry.origin == Origin::Polled;
        self.day.execute(params![
            day,
            series.id,
            as_of,
            reading.value,
            entry.slot.as_millisecond(),
            polled.then(|| entry.started_at.as_millisecond()),
        ])?;
        if corrects {
            let mut recount = self.connection.prepare_cached(RECOUNT)?;
            recount.execute([day, series.id])?;
        }
        if series.first_day.is_none_or(|first| day < first) {
            self.begins(entry, series.id, day)?;
        }
        Ok(())
    }

    /// Whether the single values of a day are gone. What was measured today is asked for nothing.
    fn is_sealed(&mut self, day: i64, series: i64) -> rusqlite::Result<bool> {
        if self.memory.sealed_until.is_none_or(|sealed| sealed < day) {
            return Ok(false);
        }
        self.connection
            .prepare_cached(
                "SELECT 1 FROM measurement_day WHERE day = ?1 AND series_id = ?2 AND sealed > 0",
            )?
            .exists([day, series])
    }

    /// One measurement; `false` when the slot has one already.
    fn measured(
        &mut self,
        entry: &Entry,
        series: i64,
        reading: &Reading,
    ) -> rusqlite::Result<bool> {
        let (recorded, note, author) = match &entry.origin {
            Origin::Polled | Origin::Backfilled => (false, reading.note.as_deref(), None),
            Origin::Recorded { note, author } => (true, note.as_deref(), author.as_deref()),
        };
        let backfilled = entry.origin == Origin::Backfilled;
        let told_as_of = match entry.origin {
            Origin::Polled => reading.as_of,
            Origin::Backfilled => reading.as_of.or(Some(entry.slot)),
            Origin::Recorded { .. } => None,
        };
        let revision = self.revision_of(entry);
        let rows = self.measurement.execute(params![
            entry.slot.as_millisecond(),
            series,
            recorded,
            entry.started_at.as_millisecond(),
            took_ms(entry),
            entry.tries,
            reading.value,
            told_as_of.map(Timestamp::as_millisecond),
            reading.exact.as_deref(),
            reading.quality.has(Flag::Approximate),
            revision,
            note,
            author,
            backfilled,
            reading.counts.map(|(k, _)| k),
            reading.counts.map(|(_, n)| n),
            flags(reading.quality),
        ])?;
        Ok(rows > 0)
    }

    /// Notes that the days of a series begin earlier than known.
    fn begins(&mut self, entry: &Entry, series: i64, day: i64) -> rusqlite::Result<()> {
        self.connection
            .prepare_cached(
                "UPDATE series SET first_day = min(ifnull(first_day, ?2), ?2) WHERE id = ?1",
            )?
            .execute([series, day])?;
        self.remember(entry, series, |known| known.first_day = Some(day));
        Ok(())
    }

    fn remember(&mut self, entry: &Entry, series: i64, note: impl Fn(&mut Series)) {
        let known = self.memory.series.get_mut(&entry.key_result);
        let mut known = known.into_iter().flatten();
        if let Some(known) = known.find(|known| known.series.id == series) {
            note(&mut known.series);
        }
    }

    /// Notes the measurement as the baseline of its series if it is the first of its cycle, or corrects that one.
    fn freeze(&mut self, entry: &Entry, series: Series) -> rusqlite::Result<()> {
        let Some(point) = entry.point() else {
            return Ok(());
        };
        if frozen(series.baseline, point, &entry.cycle) == series.baseline {
            return Ok(());
        }
        // Another process may have noted one since we looked, and a store of version 1 did not note any.
        let noted = self
            .connection
            .prepare_cached("SELECT baseline_at, baseline_value FROM series WHERE id = ?1")?
            .query_row([series.id], |row| point_of(row, 0))?;
        let known = match noted {
            Some(noted) => Some(noted),
            None if series.made_here => None,
            None => self.earliest(entry, series)?,
        };
        let baseline = frozen(known, point, &entry.cycle);
        self.connection
            .prepare_cached(
                "UPDATE series SET baseline_at = ?2, baseline_value = ?3 WHERE id = ?1",
            )?
            .execute(params![
                series.id,
                baseline.map(|p| p.as_of.as_millisecond()),
                baseline.map(|p| p.value),
            ])?;
        self.remember(entry, series.id, |known| known.baseline = baseline);
        Ok(())
    }

    /// The measurement with the earliest instant in the cycle.
    fn earliest(&mut self, entry: &Entry, series: Series) -> rusqlite::Result<Option<Point>> {
        let (start, end) = (entry.cycle.start(), entry.cycle.end());
        let first_day = self.memory.days.of(start.as_millisecond());
        self.connection
            .prepare_cached(
                "SELECT first_at, first_value FROM measurement_day
                 WHERE day >= ?1 AND series_id = ?2 AND first_at BETWEEN ?3 AND ?4
                 ORDER BY day LIMIT 1",
            )?
            .query_row(
                [
                    series.first_day.map_or(first_day, |day| day.max(first_day)),
                    series.id,
                    start.as_millisecond(),
                    end.as_millisecond(),
                ],
                |row| point_of(row, 0),
            )
            .optional()
            .map(Option::flatten)
    }

    /// An attempt that makes no measurement: for its fault, or because the slot had one.
    fn missed(&mut self, entry: &Entry, series: i64) -> rusqlite::Result<()> {
        let slot = entry.slot.as_millisecond();
        let started = entry.started_at.as_millisecond();
        let fault = entry.outcome.as_ref().err();
        let class = fault.map(|f| f.class.as_str());
        let message = fault.map(|f| f.message.as_str());
        let help = fault.map(|f| f.help.as_str()).filter(|h| !h.is_empty());
        let value = match &entry.outcome {
            Ok(reading) => Some(reading.value),
            Err(fault) => fault.doubt.map(|doubt| doubt.value),
        };
        let revision = self.revision_of(entry);
        self.attempt.execute(params![
            slot,
            series,
            started,
            took_ms(entry),
            entry.tries,
            class,
            message,
            help,
            value,
            revision,
        ])?;
        if entry.origin == Origin::Polled {
            // A number that came to nothing, as where its slot had one, settles no doubt.
            let doubted = fault.and_then(|_| entry.doubted());
            let seen = doubted.flatten();
            self.miss.execute(params![
                series,
                slot,
                started,
                class,
                message,
                help,
                doubted.is_some(),
                seen.map(|seen| seen.slot.as_millisecond()),
                seen.map(|seen| seen.value),
            ])?;
        }
        Ok(())
    }

    /// Makes room for a corrected value; the earlier one stays among the attempts.
    /// Tells whether there was one.
    fn replaced(&mut self, entry: &Entry, series: i64) -> rusqlite::Result<bool> {
        let key = [entry.slot.as_millisecond(), series];
        let mut moved = self.connection.prepare_cached(CORRECTED)?;
        if moved.execute(key)? == 0 {
            return Ok(false);
        }
        self.connection
            .prepare_cached(
                "DELETE FROM measurement WHERE slot_at = ?1 AND series_id = ?2 AND recorded = 1",
            )?
            .execute(key)?;
        Ok(true)
    }

    /// A forecast, in the series of its definition.
    fn forecast(&mut self, kept: &DayForecast) -> rusqlite::Result<()> {
        let series = self.series(&kept.key_result, &kept.definition, None)?;
        forecasts::keep(self.connection, series.id, &kept.forecast)
    }

    /// The series of a key result under this definition, made when it is new; `day` is the one of its first measurement.
    fn series(
        &mut self,
        key_result: &KeyResultId,
        definition: &Arc<str>,
        day: Option<i64>,
    ) -> rusqlite::Result<Series> {
        let known = self.memory.series.get(key_result);
        let same = |known: &&Known| {
            Arc::ptr_eq(&known.definition, definition) || known.definition == *definition
        };
        if let Some(known) = known.and_then(|all| all.iter().find(same)) {
            return Ok(known.series);
        }
        let series = self.find_or_make(&key_result.full(), definition, day)?;
        let all = self.memory.series.entry(key_result.clone());
        all.or_default().push(Known {
            definition: Arc::clone(definition),
            series,
        });
        Ok(series)
    }

    fn find_or_make(
        &self,
        uid: &str,
        definition: &str,
        day: Option<i64>,
    ) -> rusqlite::Result<Series> {
        let found: Option<(i64, Option<Series>)> = self
            .connection
            .prepare_cached(
                "SELECT kr.id, s.id, s.first_day, s.baseline_at, s.baseline_value FROM kr
                 LEFT JOIN series AS s ON s.kr_id = kr.id AND s.definition = ?2 WHERE kr.uid = ?1",
            )?
            .query_row([uid, definition], |row| {
                let known: Option<i64> = row.get(1)?;
                let (first_day, baseline) = (row.get(2)?, point_of(row, 3)?);
                let series = known.map(|id| Series {
                    id,
                    first_day,
                    baseline,
                    made_here: false,
                });
                Ok((row.get(0)?, series))
            })
            .optional()?;
        let kr = match found {
            Some((_, Some(series))) => return Ok(series),
            Some((kr, None)) => kr,
            None => self
                .connection
                .prepare_cached("INSERT INTO kr (uid) VALUES (?1)")?
                .insert([uid])?,
        };
        let id = self
            .connection
            .prepare_cached(
                "INSERT INTO series (kr_id, definition, revision_id, first_day) VALUES (?1, ?2, ?3, ?4)",
            )?
            .insert(params![kr, definition, self.memory.revision, day])?;
        Ok(Series {
            id,
            first_day: day,
            baseline: None,
            made_here: true,
        })
    }

    fn account(&self, account: &Account) -> rusqlite::Result<()> {
        let uid = account.key_result.full();
        let series = self.find_or_make(&uid, &account.definition, None)?;
        owed::keep(self.connection, series.id, account.change)
    }

    fn revision(
        &mut self,
        sha256: &str,
        at: Timestamp,
        questions: &Questions,
        in_force: bool,
    ) -> rusqlite::Result<()> {
        let (connection, app_version) = (self.connection, self.app_version);
        let read = (sha256, at);
        let id = provenance::keep_revision(connection, self.memory, app_version, read, questions)?;
        if in_force {
            provenance::enforce(connection, id, at)?;
            set_meta(connection, "revision", &id.to_string())?;
            set_meta(connection, "app_version", app_version)?;
        }
        Ok(())
    }

    /// Gives all that is known under an earlier id to the one of now, if nothing was measured or said under that one yet.
    /// What a closed cycle told stays under the id it had.
    fn renamed(&self, (was, is): &(KeyResultId, KeyResultId)) -> rusqlite::Result<()> {
        let ids = [&was.full(), &is.full()];
        outbox::rename(self.connection, was, is)?;
        // A status alone is no reason to keep two apart: it is told of what was never measured, too.
        self.connection
            .prepare_cached(
                "DELETE FROM kr WHERE uid = ?2 AND EXISTS (SELECT 1 FROM kr WHERE uid = ?1)
                 AND NOT EXISTS (SELECT 1 FROM series WHERE kr_id = kr.id)
                 AND NOT EXISTS (SELECT 1 FROM checkin WHERE kr_id = kr.id)
                 AND NOT EXISTS (SELECT 1 FROM annotation WHERE kr_id = kr.id)",
            )?
            .execute(ids)?;
        self.connection
            .prepare_cached(
                "UPDATE kr SET uid = ?2 WHERE uid = ?1
                 AND NOT EXISTS (SELECT 1 FROM kr WHERE uid = ?2)
                 AND NOT EXISTS (SELECT 1 FROM closing WHERE uid = ?1)",
            )?
            .execute(ids)
            .map(drop)
    }

    /// The revision under which an attempt began.
    fn revision_of(&self, entry: &Entry) -> Option<i64> {
        match &self.memory.under {
            Some(under) => {
                let began = entry.started_at;
                Some(under.revision_of(&entry.definition, &entry.key_result, began))
            }
            None => self.memory.revision,
        }
    }

    fn status(
        &self,
        (id, status, since): &(KeyResultId, Status, Timestamp),
    ) -> rusqlite::Result<()> {
        self.connection
            .prepare_cached(
                "INSERT INTO kr (uid, status, status_since) VALUES (?1, ?2, ?3)
                 ON CONFLICT (uid) DO UPDATE SET status = ?2, status_since = ?3",
            )?
            .execute(params![id.full(), status.as_str(), since.as_millisecond()])
            .map(drop)
    }

    /// Makes the days anew from the measurements.
    fn zone(&mut self, zone: &TimeZone) -> rusqlite::Result<()> {
        let mut days = Days::new(zone.clone());
        let Some(name) = days.zone_name().map(str::to_owned) else {
            return Ok(());
        };
        // Days whose single values are gone stay as they were counted.
        let sealed = Sealed::read(self.connection)?;
        self.connection
            .execute("DELETE FROM measurement_day WHERE sealed = 0", [])?;
        let mut all = self.connection.prepare(
            "SELECT as_of, series_id, value, slot_at, iif(recorded OR backfilled, NULL, started_at)
             FROM measurement ORDER BY slot_at, series_id, recorded",
        )?;
        let mut rows = all.query([])?;
        while let Some(row) = rows.next()? {
            let (as_of, series): (i64, i64) = (row.get(0)?, row.get(1)?);
            if sealed.holds(series, as_of) {
                continue;
            }
            let (value, slot, started): (f64, i64, Option<i64>) =
                (row.get(2)?, row.get(3)?, row.get(4)?);
            self.day
                .execute(params![days.of(as_of), series, as_of, value, slot, started])?;
        }
        self.connection.execute(
            "UPDATE series SET first_day = NULL WHERE first_day IS NOT NULL",
            [],
        )?;
        self.connection.execute(
            "UPDATE series SET first_day = d.day
             FROM (SELECT series_id, min(day) AS day FROM measurement_day GROUP BY series_id) AS d
             WHERE d.series_id = series.id",
            [],
        )?;
        set_meta(self.connection, "day_zone", &name)?;
        self.memory.series.clear();
        self.memory.days = days;
        Ok(())
    }
}

/// A point that stands in two columns from `column` on; `None` when they are empty.
pub(super) fn point_of(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Point>> {
    let (at, value): (Option<i64>, Option<f64>) = (row.get(column)?, row.get(column + 1)?);
    Ok(at.zip(value).map(|(at, value)| Point {
        as_of: from_ms(at),
        value,
    }))
}

/// The words of the flags that have no column of their own.
fn flags(quality: Quality) -> Option<String> {
    let own: Quality = quality
        .flags()
        .filter(|flag| *flag != Flag::Approximate)
        .collect();
    (!own.is_clear()).then(|| own.to_string())
}

/// The set behind both columns.
pub(super) fn quality(approximate: bool, flags: Option<&str>) -> Quality {
    let own = flags.map_or_else(Quality::default, Quality::parse);
    if approximate {
        own.with(Flag::Approximate)
    } else {
        own
    }
}

fn took_ms(entry: &Entry) -> i64 {
    i64::try_from(entry.took.as_millis()).unwrap_or(i64::MAX)
}
