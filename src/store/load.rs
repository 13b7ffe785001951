//! From rows to what the scorecard needs: thinned series, last attempts, last slots, held sources. One pass over the days of
//! all key results instead of one question for each. Knows no file and no writer.

use std::collections::{BTreeMap, HashMap};
use std::ops::RangeInclusive;

use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use rusqlite::{Connection, Row};

use super::closing;
use super::days::{self, Days, Sealed};
use super::entry::{from_ms, one_line};
use super::forecasts;
use super::incident::{self, Incident};
use super::memory::{self, day_zone};
use super::owed::{self, Stretch};
use super::people::load_check_ins;
use super::reader::fault_class;
use super::rows::{point_of, quality};
use super::sources::{self, SourceState};
use crate::domain::cycle::Cycle;
use crate::domain::epoch::{Carried, Epoch, Line};
use crate::domain::forecast::{KeptForecast, half_time};
use crate::domain::goals::{Goals, KeyResult};
use crate::domain::guard::Doubted;
use crate::domain::history::{Counts, History, LastAttempt, Point, Series};
use crate::domain::id::{KeyResultId, Slug};
use crate::domain::quality::Quality;
use crate::domain::status::Status;

/// What the store knows of the goals in force.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Loaded {
    /// By key result: its points under the definition in force, and those of earlier ones that its rebases carry over, from the start of its cycle to the end (a value to reach:
    /// the first, then the last of each local day; a band to hold: all, and those before that may still hold; when there
    /// are none, the newest from before), its baseline, its newest poll, its status and since when, what
    /// people said last, the forecast of half-time; and how closed cycles ended.
    pub history: History,
    /// The newest slot that was measured under the definition in force. One that was asked in vain does not count: after
    /// a restart or a change it is asked again, since whoever did that may have mended what was wrong.
    pub last_slot: HashMap<KeyResultId, Timestamp>,
    /// The first instant that is not accounted for under the definition in force: every slot before it was asked for,
    /// in vain or not, or is counted as missed, or owed. None of a key result that was never asked for.
    pub accounted: HashMap<KeyResultId, Timestamp>,
    /// Slots that passed and are still to be asked for under the definition in force, oldest first.
    pub owed: HashMap<KeyResultId, Vec<Stretch>>,
    /// Why sources are left alone, and when they were resumed.
    pub sources: BTreeMap<Slug, SourceState>,
    /// When the newest of these polls began: a clock that stands before it is wrong.
    pub newest_poll: Option<Timestamp>,
    /// What the wall clock showed when something was last written, at most a minute off, whatever became of the key
    /// results since; `None` of a store that never noted it.
    pub last_wall: Option<Timestamp>,
    /// When the whole store was last read, and whether all was well.
    pub checked: Option<(Timestamp, bool)>,
    /// What befell the store and nobody acknowledged yet.
    pub incidents: Vec<Incident>,
}

/// The one zone of all cycles, when it has a name that can be kept.
pub(super) fn common_zone(goals: &Goals) -> Option<TimeZone> {
    let mut zones = goals.cycles.values().map(|cycle| &cycle.zone);
    let first = zones.next()?;
    let named = first.iana_name().is_some();
    (named && zones.all(|zone| zone == first)).then(|| first.clone())
}

/// A key result while it is read.
struct Wanted<'g> {
    key_result: &'g KeyResult,
    cycle: &'g Cycle,
    /// First and last of its days.
    days: RangeInclusive<i64>,
    /// Whether the stored days are those of its cycle's zone and tell all it needs.
    by_days: bool,
    /// Of the stored days, the one in which its points begin.
    since_day: i64,
    /// What its definition in force measured.
    own: Gathered,
    /// What earlier definitions measured; their points only where it has rebases.
    earlier: Vec<(String, Gathered)>,
    status_since: Option<(Status, Timestamp)>,
    measured_slot: Option<i64>,
    /// The first instant that is not accounted for, apart from measured slots.
    accounted: Option<i64>,
    last_poll: Option<LastPoll>,
    /// Series and slot of the newest number that its source gave.
    measured: Option<(i64, i64)>,
    note: Option<(i64, String)>,
    counts: Option<(i64, Counts)>,
    quality: Option<(i64, Quality)>,
    doubted: Option<Doubted>,
    half_time: Option<KeptForecast>,
}

struct LastPoll {
    at: i64,
    fault: Option<(String, String)>,
}

/// What one definition measured.
#[derive(Default)]
struct Gathered {
    points: Vec<Point>,
    /// The newest from before the points.
    newest: Option<Point>,
    frozen: Option<Point>,
    /// The lowest slot of its points.
    low_slot: Option<i64>,
    /// The instants of its earliest and its newest value.
    ends: Option<(Timestamp, Timestamp)>,
}

/// Which of its definitions a stored series of a key result has.
#[derive(Clone, Copy)]
enum Under {
    InForce,
    /// Its place among the earlier ones.
    Earlier(usize),
}

/// Which stored series stands for which wanted key result.
#[derive(Default)]
struct Index {
    /// By series id.
    wanted: Vec<Option<(usize, Under)>>,
    series: usize,
    oldest_day: Option<i64>,
}

/// Reads all that is known of `goals`.
pub(super) fn load(connection: &Connection, goals: &Goals) -> rusqlite::Result<Loaded> {
    let zone = day_zone(connection)?;
    let mut stored_days = zone
        .and_then(|name| TimeZoneDatabase::bundled().get(&name).ok())
        .map(Days::new);
    let mut wanted: Vec<Wanted<'_>> = goals
        .key_results()
        .filter_map(|(_, kr)| {
            let cycle = goals.cycles.get(&kr.id.cycle)?;
            Some(Wanted::new(kr, cycle, stored_days.as_mut()))
        })
        .collect();
    let index = read_names(connection, &mut wanted)?;
    let sealed = read_days(connection, &index, &mut wanted)?;
    read_points(connection, &index, &sealed, &mut wanted)?;
    read_notes(connection, &mut wanted)?;
    read_half_times(connection, goals, &index, &mut wanted)?;
    let mut loaded = Loaded {
        sources: sources::load(connection)?,
        checked: memory::checked(connection)?,
        incidents: incident::open_ones(connection)?,
        last_wall: memory::wall(connection)?.map(from_ms),
        ..Loaded::default()
    };
    read_owed(connection, &index, &wanted, &mut loaded)?;
    for kr in wanted {
        kr.deliver(&mut loaded);
    }
    load_check_ins(connection, goals, &mut loaded.history)?;
    closing::load(connection, goals, &mut loaded.history)?;
    Ok(loaded)
}

impl<'g> Wanted<'g> {
    fn new(key_result: &'g KeyResult, cycle: &'g Cycle, stored: Option<&mut Days>) -> Self {
        let zone = stored.as_ref().and_then(|days| days.zone_name());
        let thinned = !key_result.aim.needs_every_value();
        let by_days = thinned && zone.is_some() && cycle.zone.iana_name() == zone;
        let mut wanted = Self {
            key_result,
            cycle,
            days: days::number(cycle.first_day)..=days::number(cycle.last_day),
            by_days,
            since_day: i64::MIN,
            own: Gathered::default(),
            earlier: Vec::new(),
            status_since: None,
            measured_slot: None,
            accounted: None,
            last_poll: None,
            measured: None,
            note: None,
            counts: None,
            quality: None,
            doubted: None,
            half_time: None,
        };
        if let Some(days) = stored {
            wanted.since_day = days.of(wanted.since_ms());
        }
        wanted
    }

    /// From which instant on its single points are read.
    fn since_ms(&self) -> i64 {
        let start = self.cycle.start().as_millisecond();
        if !self.key_result.aim.needs_every_value() {
            return start;
        }
        // What was measured last before the cycle still holds for a while.
        let stale = self.key_result.stale_after.as_millis();
        start.saturating_sub(i64::try_from(stale).unwrap_or(i64::MAX))
    }

    fn gathered(&mut self, under: Under) -> Option<&mut Gathered> {
        match under {
            Under::InForce => Some(&mut self.own),
            Under::Earlier(nth) => self.earlier.get_mut(nth).map(|(_, gathered)| gathered),
        }
    }

    /// Whether the points of this series may be judged.
    fn needs_points(&self, under: Under) -> bool {
        matches!(under, Under::InForce) || !self.key_result.rebases.is_empty()
    }

    /// Takes one stored day, first and last of its points.
    fn day(&mut self, under: Under, day: i64, first: Point, last: Point) {
        let (days, end) = (self.days.clone(), self.cycle.end());
        let Some(gathered) = self.gathered(under) else {
            return;
        };
        if day < *days.start() {
            gathered.before(last);
        } else if days.contains(&day) {
            if gathered.points.is_empty() && first.as_of < last.as_of {
                gathered.points.push(first);
            }
            gathered.points.push(last);
        } else if first.as_of == end {
            // The midnight at which the cycle ends opens the day after it.
            gathered.points.push(first);
        }
    }

    /// Takes one point of those that are read one by one.
    fn point(&mut self, under: Under, point: Point) {
        let (since, end) = (self.since_ms(), self.cycle.end());
        let Some(gathered) = self.gathered(under) else {
            return;
        };
        if point.as_of.as_millisecond() < since {
            gathered.before(point);
        } else if point.as_of <= end {
            gathered.points.push(point);
        }
    }

    /// A poll, and the slot it measured if it did.
    fn polled(&mut self, slot: Option<i64>, poll: LastPoll) {
        self.measured_slot = self.measured_slot.max(slot);
        if self
            .last_poll
            .as_ref()
            .is_none_or(|last| last.at <= poll.at)
        {
            self.last_poll = Some(poll);
        }
    }

    fn series(&mut self, carried: Vec<Point>) -> Series {
        if self.own.points.is_empty() && carried.is_empty() {
            return self.own.newest.into_iter().collect();
        }
        let whole = carried.is_empty() && self.by_days;
        let points = std::mem::take(&mut self.own.points).into_iter();
        let ordered: Series = points.chain(carried).collect();
        if whole || self.key_result.aim.needs_every_value() {
            return ordered;
        }
        let mut days = Days::new(self.cycle.zone.clone());
        let mut kept: Vec<(i64, Point)> = Vec::new();
        for point in ordered.points() {
            let day = days.of(point.as_of.as_millisecond());
            // The first point stays, and the last of each day.
            if kept.len() > 1 && kept.last().is_some_and(|(last, _)| *last == day) {
                kept.pop();
            }
            kept.push((day, *point));
        }
        kept.into_iter().map(|(_, point)| point).collect()
    }

    /// The definitions of which anything was measured, each with its place among the earlier ones.
    fn epochs(&self) -> (Vec<Epoch>, Vec<Under>) {
        let earlier = self.earlier.iter().enumerate();
        let earlier = earlier.map(|(nth, (name, gathered))| (Under::Earlier(nth), name, gathered));
        let in_force = (Under::InForce, &self.key_result.definition, &self.own);
        let all = std::iter::once(in_force).chain(earlier);
        let epoch = |(under, name, gathered): (Under, &String, &Gathered)| {
            let (first, last) = gathered.ends?;
            let definition = name.clone();
            Some((
                Epoch {
                    definition,
                    first,
                    last,
                },
                under,
            ))
        };
        all.filter_map(epoch).unzip()
    }

    /// What its rebases carry over of earlier definitions: their points, where no newer definition measured the day, and
    /// the frozen baseline of the earliest one that has any.
    fn carried(&mut self, spliced: &[Carried], places: &[Under]) -> Vec<Point> {
        let mut line = Line::new(self.cycle.zone.clone());
        let mut joined: Vec<Point> = Vec::new();
        let own = self.own.points.iter().chain(&self.own.newest);
        own.for_each(|point| line.enter(point.as_of));
        for Carried { epoch, factor } in spliced {
            let times = |point: Point| Point {
                value: point.value * factor,
                ..point
            };
            let place = places.get(*epoch).copied();
            let Some(earlier) = place.and_then(|under| self.gathered(under)) else {
                continue;
            };
            let points = std::mem::take(&mut earlier.points).into_iter().map(times);
            let points: Vec<Point> = points.filter(|point| line.takes(point.as_of)).collect();
            let (newest, frozen) = (earlier.newest.map(times), earlier.frozen.map(times));
            points.iter().for_each(|point| line.enter(point.as_of));
            joined.extend(points);
            if let Some(newest) = newest.filter(|newest| line.takes(newest.as_of)) {
                self.own.before(newest);
                line.enter(newest.as_of);
            }
            let frozen = frozen.filter(|point| self.cycle.covers(point.as_of));
            self.own.frozen = frozen.or(self.own.frozen);
        }
        joined
    }

    fn deliver(mut self, loaded: &mut Loaded) {
        let (epochs, places) = self.epochs();
        let spliced = self.key_result.spliced(&epochs);
        let begins = self.cycle.start();
        let unlike_until = self.key_result.unlike_until(&epochs, begins);
        let carried = self.carried(&spliced, &places);
        let series = self.series(carried);
        let poll = self.last_poll.take();
        let id = &self.key_result.id;
        let behind_measured = self.measured_slot.map(|slot| slot.saturating_add(1));
        if let Some(accounted) = self.accounted.max(behind_measured) {
            loaded.accounted.insert(id.clone(), from_ms(accounted));
        }
        let silent = series.points().is_empty() && poll.is_none() && self.half_time.is_none();
        if silent && self.status_since.is_none() && unlike_until.is_none() {
            return;
        }
        let record = loaded.history.record(id);
        record.series = series;
        record.frozen = self.own.frozen;
        record.unlike_until = unlike_until;
        record.status_since = self.status_since;
        record.note = self.note.map(|(as_of, note)| (from_ms(as_of), note));
        record.counts = (self.counts).map(|(as_of, counts)| (from_ms(as_of), counts));
        record.quality = (self.quality).map(|(as_of, quality)| (from_ms(as_of), quality));
        let measured = self.measured_slot.map(from_ms);
        let since_then = |doubted: &Doubted| measured.is_none_or(|slot| slot < doubted.slot);
        record.doubted = self.doubted.filter(since_then);
        record.half_time = self.half_time;
        if let Some(poll) = poll {
            let at = from_ms(poll.at);
            loaded.newest_poll = loaded.newest_poll.max(Some(at));
            record.last_attempt = Some(LastAttempt {
                at,
                fault: poll.fault.map(|(class, line)| (fault_class(&class), line)),
            });
        }
        if let Some(slot) = self.measured_slot {
            loaded.last_slot.insert(id.clone(), from_ms(slot));
        }
    }
}

impl Gathered {
    /// Takes a value from before the points.
    fn before(&mut self, point: Point) {
        if self.newest.is_none_or(|newest| newest.as_of <= point.as_of) {
            self.newest = Some(point);
        }
    }

    /// Learns that values reach from one of these instants to the other.
    fn reaches(&mut self, first: Timestamp, last: Timestamp) {
        self.ends = Some(match self.ends {
            Some((from, to)) => (from.min(first), to.max(last)),
            None => (first, last),
        });
    }
}

/// Names to numbers: which series holds the values of each key result under its definition in force, and which under
/// earlier ones. On the way: statuses and the newest poll that failed.
fn read_names(connection: &Connection, wanted: &mut [Wanted<'_>]) -> rusqlite::Result<Index> {
    let places: HashMap<String, usize> = (wanted.iter().enumerate())
        .map(|(place, kr)| (kr.key_result.id.full(), place))
        .collect();
    let mut index = Index::default();
    let mut statement = connection.prepare_cached(
        "SELECT kr.uid, kr.status, kr.status_since, s.id, s.definition, s.first_day,
                m.started_at, m.class, m.message, m.help, s.baseline_at, s.baseline_value,
                m.slot_at, s.passed_until, m.doubted_slot, m.doubted_value
         FROM kr LEFT JOIN series AS s ON s.kr_id = kr.id LEFT JOIN last_miss AS m ON m.series_id = s.id",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        index.series += 1;
        let place = places.get(row.get_ref(0)?.as_str()?).copied();
        let Some((place, kr)) = place.and_then(|p| Some((p, wanted.get_mut(p)?))) else {
            continue;
        };
        kr.status_since = status_since(row)?;
        let Some(definition) = row.get_ref(4)?.as_str_or_null()? else {
            continue;
        };
        let frozen = point_of(row, 10)?;
        let in_force = definition == kr.key_result.definition;
        let under = if in_force {
            kr.own.frozen = frozen;
            Under::InForce
        } else {
            let gathered = Gathered {
                frozen,
                ..Gathered::default()
            };
            kr.earlier.push((definition.to_owned(), gathered));
            Under::Earlier(kr.earlier.len() - 1)
        };
        index.insert(row.get(3)?, place, under);
        index.oldest_day = match (index.oldest_day, row.get(5)?) {
            (Some(a), Some(b)) => Some(i64::min(a, b)),
            (a, b) => a.or(b),
        };
        if !in_force {
            continue;
        }
        if let Some(at) = row.get(6)? {
            let fault = fault(row)?;
            kr.polled(None, LastPoll { at, fault });
        }
        let (doubted_slot, doubted_value): (Option<i64>, Option<f64>) =
            (row.get(14)?, row.get(15)?);
        kr.doubted = doubted_slot
            .zip(doubted_value)
            .map(|(slot, value)| Doubted {
                slot: from_ms(slot),
                value,
            });
        let missed: Option<i64> = row.get(12)?;
        kr.accounted = missed.map(|slot| slot.saturating_add(1)).max(row.get(13)?);
    }
    Ok(index)
}

impl Index {
    fn insert(&mut self, series: i64, place: usize, under: Under) {
        let Ok(series) = usize::try_from(series) else {
            return;
        };
        if self.wanted.len() <= series {
            self.wanted.resize(series + 1, None);
        }
        if let Some(entry) = self.wanted.get_mut(series) {
            *entry = Some((place, under));
        }
    }

    fn find<'w, 'g>(
        &self,
        series: i64,
        wanted: &'w mut [Wanted<'g>],
    ) -> Option<(&'w mut Wanted<'g>, Under)> {
        let series = usize::try_from(series).ok()?;
        let (place, under) = (*self.wanted.get(series)?)?;
        Some((wanted.get_mut(place)?, under))
    }
}

fn status_since(row: &Row<'_>) -> rusqlite::Result<Option<(Status, Timestamp)>> {
    let status = row.get_ref(1)?.as_str_or_null()?.and_then(Status::parse);
    let since: Option<i64> = row.get(2)?;
    Ok(status.zip(since.map(from_ms)))
}

fn fault(row: &Row<'_>) -> rusqlite::Result<Option<(String, String)>> {
    let class: Option<String> = row.get(7)?;
    let message = row.get_ref(8)?.as_str_or_null()?.unwrap_or_default();
    let help = row.get_ref(9)?.as_str_or_null()?.unwrap_or_default();
    Ok(class.map(|class| (class, one_line(message, help))))
}

/// First and last of each day, all series in one pass.
fn read_days(
    connection: &Connection,
    index: &Index,
    wanted: &mut [Wanted<'_>],
) -> rusqlite::Result<Sealed> {
    let mut sealed = Sealed::default();
    let Some(oldest) = index.oldest_day else {
        return Ok(sealed);
    };
    let mut statement = connection.prepare_cached(
        "SELECT series_id, day, first_at, first_value, last_at, last_value, polled_slot, polled_at,
                low_slot, sealed
         FROM measurement_day WHERE day >= ?1 ORDER BY day, series_id",
    )?;
    let mut rows = statement.query([oldest])?;
    while let Some(row) = rows.next()? {
        let Some((kr, under)) = index.find(row.get(0)?, wanted) else {
            continue;
        };
        let day: i64 = row.get(1)?;
        let (Some(first), Some(last)) = (point_of(row, 2)?, point_of(row, 4)?) else {
            continue;
        };
        if let Some(gathered) = kr.gathered(under) {
            gathered.reaches(first.as_of, last.as_of);
        }
        if let (Under::InForce, Some(at)) = (under, row.get(7)?) {
            let slot: Option<i64> = row.get(6)?;
            // Days come in their order, so the newest is the last.
            kr.measured = Some(row.get(0)?).zip(slot).or(kr.measured);
            kr.polled(slot, LastPoll { at, fault: None });
        }
        if !kr.needs_points(under) {
            continue;
        }
        if kr.by_days {
            kr.day(under, day, first, last);
            continue;
        }
        let series: i64 = row.get(0)?;
        if row.get(9)? {
            // First and last are all that is left of its points.
            sealed.add(
                series,
                first.as_of.as_millisecond(),
                last.as_of.as_millisecond(),
            );
            kr.point(under, first);
            if first.as_of < last.as_of {
                kr.point(under, last);
            }
            continue;
        }
        let since_day = kr.since_day;
        let Some(gathered) = kr.gathered(under) else {
            continue;
        };
        if day < since_day {
            gathered.before(last);
        } else {
            // Its points are read one by one, from the lowest slot on that any of them can have.
            let slot: i64 = row.get(8)?;
            gathered.low_slot = Some(gathered.low_slot.map_or(slot, |low| low.min(slot)));
        }
    }
    Ok(sealed)
}

/// Every point of those whose days do not suffice.
fn read_points(
    connection: &Connection,
    index: &Index,
    sealed: &Sealed,
    wanted: &mut [Wanted<'_>],
) -> rusqlite::Result<()> {
    let (mut series, mut since) = (Vec::new(), None::<i64>);
    for (id, entry) in index.wanted.iter().enumerate() {
        let low_slot = entry.and_then(|(place, under)| {
            let gathered = wanted.get_mut(place)?.gathered(under)?;
            gathered.low_slot
        });
        if let Some(slot) = low_slot {
            series.push(id);
            since = Some(since.map_or(slot, |low| low.min(slot)));
        }
    }
    let Some(since) = since else {
        return Ok(());
    };
    let few = series.len() * SEEK_COSTS < index.series;
    let mut statement = connection.prepare_cached(if few { FEW } else { MANY })?;
    let mut rows = if few {
        let ids = series
            .iter()
            .map(usize::to_string)
            .collect::<Vec<_>>()
            .join(",");
        statement.query((since, format!("[{ids}]")))?
    } else {
        statement.query([since])?
    };
    while let Some(row) = rows.next()? {
        let found = index.find(row.get(0)?, wanted);
        let Some((kr, under)) = found.filter(|(kr, u)| !kr.by_days && kr.needs_points(*u)) else {
            continue;
        };
        if sealed.holds(row.get(0)?, row.get(1)?) {
            continue;
        }
        if let Some(point) = point_of(row, 1)? {
            kr.point(under, point);
        }
    }
    Ok(())
}

/// What the newest number of each source came with: one seek each, next to one another where slots are shared.
fn read_notes(connection: &Connection, wanted: &mut [Wanted<'_>]) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "SELECT as_of, note, k, n, approximate, flags FROM measurement
         WHERE slot_at = ?1 AND series_id = ?2 AND recorded = 0
           AND (note IS NOT NULL OR k IS NOT NULL OR approximate OR flags IS NOT NULL)",
    )?;
    for kr in wanted {
        let Some((series, slot)) = kr.measured else {
            continue;
        };
        let mut rows = statement.query([slot, series])?;
        if let Some(row) = rows.next()? {
            let as_of: i64 = row.get(0)?;
            let counts = row.get::<_, Option<f64>>(2)?.zip(row.get(3)?);
            kr.note = row.get::<_, Option<String>>(1)?.map(|note| (as_of, note));
            kr.counts = counts.map(|counts| (as_of, counts));
            let quality = quality(row.get(4)?, row.get_ref(5)?.as_str_or_null()?);
            kr.quality = Some((as_of, quality)).filter(|_| !quality.is_clear());
        }
    }
    Ok(())
}

/// The forecasts that stood at half-time, in one pass over the two weeks before it for each cycle.
fn read_half_times(
    connection: &Connection,
    goals: &Goals,
    index: &Index,
    wanted: &mut [Wanted<'_>],
) -> rusqlite::Result<()> {
    for cycle in goals.cycles.values() {
        let (from, until) = half_time(cycle);
        let day = |at: Timestamp| at.to_zoned(cycle.zone.clone()).date();
        forecasts::each(connection, day(from)..=day(until), |series, forecast| {
            // A forecast of another definition is none of this one.
            if let Some((kr, Under::InForce)) = index.find(series, wanted)
                && kr.cycle.name == cycle.name
                && forecast.is_of_half_time(cycle)
            {
                kr.half_time = Some(forecast);
            }
        })?;
    }
    Ok(())
}

/// One seek costs as much as reading about this many rows in passing.
const SEEK_COSTS: usize = 8;

const MANY: &str = "
    SELECT series_id, as_of, value FROM measurement WHERE slot_at >= ?1
    ORDER BY slot_at, series_id, recorded";

const FEW: &str = "
    WITH RECURSIVE slot (at) AS (
      SELECT min(slot_at) FROM measurement WHERE slot_at >= ?1
      UNION ALL
      SELECT (SELECT min(slot_at) FROM measurement WHERE slot_at > slot.at) FROM slot WHERE slot.at IS NOT NULL)
    SELECT series_id, as_of, value
    FROM slot CROSS JOIN measurement AS m ON m.slot_at = slot.at
      AND m.series_id IN (SELECT value FROM json_each(?2))";

/// What is owed, of those of the wanted that have such.
fn read_owed(
    connection: &Connection,
    index: &Index,
    wanted: &[Wanted<'_>],
    loaded: &mut Loaded,
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached("SELECT DISTINCT series_id FROM owed")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let series: i64 = row.get(0)?;
        let place = usize::try_from(series)
            .ok()
            .and_then(|series| *index.wanted.get(series)?);
        if let Some((place, Under::InForce)) = place
            && let Some(kr) = wanted.get(place)
        {
            let stretches = owed::of_series(connection, series)?;
            loaded.owed.insert(kr.key_result.id.clone(), stretches);
        }
    }
    Ok(())
}
