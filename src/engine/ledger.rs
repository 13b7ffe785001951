//! The ledger: what is known of each key result and how it is judged. Only what is on disk is entered; a new
//! scorecard judges again only what changed, along trends that are drawn again only where a day changed. Knows no source
//! and no schedule.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::diary::Diary;
use super::spread::spread;
use crate::domain::card::KeyResultCard;
use crate::domain::cycle::Cycle;
use crate::domain::derive;
use crate::domain::forecast::{KeptForecast, Trend};
use crate::domain::goals::{Feed, Goals, KeyResult, Objective};
use crate::domain::guard::Known;
use crate::domain::history::History;
use crate::domain::id::{CycleName, KeyResultId};
use crate::domain::judge::{judge_along, turns};
use crate::domain::scorecard::{Scorecard, Standings};
use crate::domain::status::Status;
use crate::store::{DayForecast, Entry, Origin};

/// How many pairs of days may be looked at in one go, some five milliseconds: what is left is done a moment later, so
/// that ten thousand new values hold up nobody.
const PAIRS_AT_ONCE: usize = 500_000;
/// The trend of so many pairs (a hundred days) is drawn whenever a day changes.
const FEW_PAIRS: usize = 5_000;
/// A longer one not sooner than this after the last time, however often its source is asked.
const LONG_TRENDS_REST: SignedDuration = SignedDuration::from_mins(1);

/// What is known and how it is judged.
#[derive(Debug)]
pub struct Ledger {
    goals: Goals,
    history: History,
    rows: Vec<Row>,
    places: HashMap<KeyResultId, usize>,
    /// Rows to be judged again; in order, since neighbours lie beside each other in memory.
    changed: BTreeSet<usize>,
    /// The objectives and the rows of each.
    standings: Standings,
    of_objective: Vec<Range<usize>>,
    /// Objectives that are to be judged again though no row of theirs changed.
    aged: bool,
    /// Rows whose trend is to be drawn again, and from when on.
    outdated: BTreeSet<(Timestamp, usize)>,
    /// When time alone changes which row next.
    turns: BTreeSet<(Timestamp, usize)>,
    /// Forecasts that wait to be written.
    forecasts: Vec<DayForecast>,
}

/// One key result.
#[derive(Debug)]
struct Row {
    objective: Arc<Objective>,
    /// Its place among the objectives.
    place: usize,
    key_result: Arc<KeyResult>,
    cycle: Arc<Cycle>,
    /// Where its days lead, as drawn at this instant.
    trend: Trend,
    drawn: Timestamp,
    /// Since when it stands among the outdated, if it does.
    outdated: Option<Timestamp>,
    card: Arc<KeyResultCard>,
    /// When time alone changes it next.
    turns: Option<Timestamp>,
    diary: Diary,
}

/// A status that is told anew: of which key result, which, since when.
pub type StatusChange = (KeyResultId, Status, Timestamp);

impl Ledger {
    /// Goals and what the store knows of them, judged at `now`.
    #[must_use]
    pub fn new(mut goals: Goals, history: History, now: Timestamp) -> Self {
        let cycles: HashMap<CycleName, Arc<Cycle>> = goals
            .cycles
            .iter()
            .map(|(name, cycle)| (name.clone(), Arc::new(cycle.clone())))
            .collect();
        // The check upholds this; without a cycle there is nothing to judge by.
        goals
            .objectives
            .retain(|objective| cycles.contains_key(&objective.id.cycle));
        let mut drafts = Vec::new();
        let mut of_objective = Vec::new();
        for (place, objective) in goals.objectives.iter().enumerate() {
            let first = drafts.len();
            let Some(cycle) = cycles.get(&objective.id.cycle) else {
                continue;
            };
            let key_results = objective.key_results.iter();
            drafts.extend(key_results.map(|key_result| (place, objective, key_result, cycle)));
            of_objective.push(first..drafts.len());
        }
        let rows = spread(&drafts, |(place, objective, key_result, cycle)| {
            let record = derive::record(objective, key_result, &history);
            let record = record.as_deref();
            let trend = record.map(|record| Trend::draw(key_result, cycle, &record.series, now));
            let trend = trend.unwrap_or_default();
            let terms = goals.terms(objective);
            let card = judge_along(key_result, terms, cycle, record, &trend, now);
            Row {
                objective: Arc::clone(objective),
                place: *place,
                key_result: Arc::clone(key_result),
                cycle: Arc::clone(cycle),
                trend,
                drawn: now,
                outdated: None,
                turns: turns(&card, cycle, now),
                card,
                diary: Diary::default(),
            }
        });
        let places = rows
            .iter()
            .enumerate()
            .map(|(place, row)| (row.key_result.id.clone(), place))
            .collect();
        let turns = rows.iter().enumerate();
        let turns = turns.filter_map(|(place, row)| Some((row.turns?, place)));
        let mut ledger = Self {
            standings: Standings::new(&goals, goals.objectives.clone()),
            goals,
            history,
            changed: (0..rows.len()).collect(),
            of_objective,
            aged: true,
            outdated: BTreeSet::new(),
            turns: turns.collect(),
            forecasts: Vec::new(),
            rows,
            places,
        };
        for place in 0..ledger.rows.len() {
            ledger.await_next_point(place, now);
        }
        ledger.judge_objectives(BTreeSet::new(), now);
        ledger
    }

    /// The goals judged here.
    #[must_use]
    pub fn goals(&self) -> &Goals {
        &self.goals
    }

    /// Takes the store's word for everything, as after another process wrote to it.
    pub fn take_history(&mut self, history: History) {
        let places = self.rows.iter().enumerate();
        let other_days = places.filter(|(_, row)| {
            let id = &row.key_result.id;
            if matches!(row.key_result.feed, Feed::Computed(_)) {
                return true;
            }
            let before = self.history.get(id).map(|record| &record.series);
            before != history.get(id).map(|record| &record.series)
        });
        let other_days: Vec<usize> = other_days.map(|(place, _)| place).collect();
        self.history = history;
        self.age();
        for place in other_days {
            self.outdate(place, Timestamp::MIN);
        }
    }

    /// Enters what the store acknowledged. An entry of a definition no longer in force is kept on disk only.
    pub fn enter(&mut self, entry: &Entry) {
        let Some(&place) = self.places.get(&entry.key_result) else {
            return;
        };
        let row = &self.rows[place];
        if *row.key_result.definition != *entry.definition {
            return;
        }
        let record = self.history.record(&entry.key_result);
        if let Some(attempt) = entry.last_attempt() {
            record.last_attempt = Some(attempt);
        }
        if let Some(doubted) = entry.doubted() {
            record.doubted = doubted;
        }
        if let Some(point) = entry.point().filter(|_| !entry.is_late()) {
            if entry.origin == Origin::Polled {
                record.note = entry.note();
                record.counts = entry.counts();
                record.quality = entry.quality();
            }
            // The way to a target needs one point a day; a long cycle polled each minute would fill the memory.
            let daily = !row.key_result.aim.needs_every_value();
            record.enter(point, &row.cycle, daily);
            let from = match entry.origin {
                Origin::Polled if row.trend.pairs() > FEW_PAIRS => {
                    let rested = row.drawn.checked_add(LONG_TRENDS_REST);
                    rested.unwrap_or(Timestamp::MAX)
                }
                // People look at what they just told.
                Origin::Polled | Origin::Backfilled | Origin::Recorded { .. } => Timestamp::MIN,
            };
            // What is computed from it has new days, too.
            let computed = derive::dependents(&row.objective, &entry.key_result);
            let computed = computed.filter_map(|id| self.places.get(id).copied());
            let computed: Vec<usize> = computed.collect();
            for place in computed {
                self.outdate(place, from);
                self.changed.insert(place);
            }
            self.outdate(place, from);
        }
        self.changed.insert(place);
    }

    /// What an answer for this key result is held against, of a past slot or of now.
    #[must_use]
    pub fn known(&self, id: &KeyResultId, past: Option<Timestamp>) -> Known {
        let record = self.history.get(id);
        let known = record.map(|record| match past {
            Some(slot) => record.known_at(slot),
            None => record.known(),
        });
        known.unwrap_or_default()
    }

    /// Marks everything as to be judged again, since time went on.
    pub fn age(&mut self) {
        self.changed.extend(0..self.rows.len());
        self.aged = true;
    }

    /// The instant at which time alone changes a card next.
    #[must_use]
    pub fn turns(&self) -> Option<Timestamp> {
        let first = |of: &BTreeSet<(Timestamp, usize)>| of.first().map(|(at, _)| *at);
        let both = [first(&self.turns), first(&self.outdated)];
        both.into_iter().flatten().min()
    }

    /// Marks what time has changed by `now` as to be judged again.
    pub fn turn(&mut self, now: Timestamp) {
        let due = self.turns.range(..=(now, usize::MAX));
        self.changed.extend(due.map(|(_, place)| *place));
    }

    /// Judges what changed and tells each status that is another than before.
    pub fn judge(&mut self, now: Timestamp) -> Vec<StatusChange> {
        self.draw_trends(now);
        let mut changes = Vec::new();
        let mut objectives = BTreeSet::new();
        let places: Vec<usize> = std::mem::take(&mut self.changed).into_iter().collect();
        let cards = spread(&places, |place| {
            let row = &self.rows[*place];
            let record = derive::record(&row.objective, &row.key_result, &self.history);
            let record = record.as_deref();
            let (terms, trend) = (self.goals.terms(&row.objective), &row.trend);
            let card = judge_along(&row.key_result, terms, &row.cycle, record, trend, now);
            let told = Some((card.status, card.status_since));
            let is_news = record.and_then(|record| record.status_since) != told;
            (card, is_news)
        });
        for (place, (card, is_news)) in places.into_iter().zip(cards) {
            let row = &mut self.rows[place];
            objectives.insert(row.place);
            if is_news {
                let id = &row.key_result.id;
                changes.push((id.clone(), card.status, card.status_since));
                let told = Some((card.status, card.status_since));
                self.history.record(id).status_since = told;
            }
            let next = turns(&card, &row.cycle, now);
            if row.turns != next {
                row.turns.map(|turn| self.turns.remove(&(turn, place)));
                self.turns.extend(next.map(|turn| (turn, place)));
                row.turns = next;
            }
            row.card = card;
            let forecast = row.card.forecast.as_ref().ok();
            let to_write = row.diary.note(forecast, &row.cycle, now);
            let key_result = &row.key_result;
            let to_write = to_write.into_iter().flatten();
            self.forecasts
                .extend(to_write.map(|forecast| of(key_result, forecast)));
        }
        self.judge_objectives(objectives, now);
        changes
    }

    /// Judges the objectives at these places again, or all when time went on.
    fn judge_objectives(&mut self, places: BTreeSet<usize>, now: Timestamp) {
        let places = if std::mem::take(&mut self.aged) {
            (0..self.of_objective.len()).collect()
        } else {
            places
        };
        let (rows, of_objective) = (&self.rows, &self.of_objective);
        self.standings
            .judge_again(places, &self.history, now, |place, _, _| {
                let rows = rows[of_objective[place].clone()].iter();
                rows.map(|row| Arc::clone(&row.card)).collect()
            });
    }

    /// Takes the forecasts that have come to be written.
    pub fn take_forecasts(&mut self) -> Vec<DayForecast> {
        std::mem::take(&mut self.forecasts)
    }

    /// Takes the newest forecast of each key result as far as another is written, for when there is no next judgement.
    pub fn take_last_forecasts(&mut self) -> Vec<DayForecast> {
        let mut all = self.take_forecasts();
        for row in &mut self.rows {
            let last = row.diary.last();
            all.extend(last.map(|forecast| of(&row.key_result, forecast)));
        }
        all
    }

    /// Enters forecasts that are on disk: the newest before the middle of a cycle is the one that stood at half-time.
    pub fn enter_forecasts(&mut self, kept: &[DayForecast]) {
        for told in kept {
            let Some(&place) = self.places.get(&told.key_result) else {
                continue;
            };
            let row = &self.rows[place];
            if *row.key_result.definition == *told.definition
                && told.forecast.is_of_half_time(&row.cycle)
            {
                let half_time = &mut self.history.record(&told.key_result).half_time;
                if half_time.is_none_or(|known| known.at <= told.forecast.at) {
                    *half_time = Some(told.forecast);
                }
            }
        }
    }

    /// Draws trends that are outdated, those that wait longest first, until it has been enough for once.
    fn draw_trends(&mut self, now: Timestamp) {
        let mut pairs = PAIRS_AT_ONCE;
        while let Some(&(from, place)) = self.outdated.first()
            && from <= now
            && pairs > 0
        {
            self.outdated.pop_first();
            let row = &mut self.rows[place];
            let record = derive::record(&row.objective, &row.key_result, &self.history);
            let record = record.as_deref();
            let trend = record.map(|r| Trend::draw(&row.key_result, &row.cycle, &r.series, now));
            row.trend = trend.unwrap_or_default();
            (row.drawn, row.outdated) = (now, None);
            pairs = pairs.saturating_sub(row.trend.pairs().max(1));
            self.changed.insert(place);
            self.await_next_point(place, now);
        }
    }

    /// From this instant on the trend of a row is to be drawn again; or earlier, if that was said before.
    fn outdate(&mut self, place: usize, from: Timestamp) {
        let row = &mut self.rows[place];
        if row.outdated.is_some_and(|earlier| earlier <= from) {
            return;
        }
        if let Some(later) = row.outdated.replace(from) {
            self.outdated.remove(&(later, place));
        }
        self.outdated.insert((from, place));
    }

    /// A value that was told of a time to come joins the trend then.
    fn await_next_point(&mut self, place: usize, now: Timestamp) {
        let record = self.history.get(&self.rows[place].key_result.id);
        if let Some(next) = record.and_then(|record| record.series.next(now)) {
            self.outdate(place, next.as_of);
        }
    }

    /// Everything as last judged, put together.
    #[must_use]
    pub fn scorecard(&self, now: Timestamp) -> Scorecard {
        self.standings.scorecard(now)
    }
}

fn of(key_result: &KeyResult, forecast: KeptForecast) -> DayForecast {
    DayForecast {
        key_result: key_result.id.clone(),
        definition: key_result.definition.as_str().into(),
        forecast,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::example::{day, days, goals, key_result, objective, quarter, reach};
    use crate::domain::forecast::{Forecast, NoForecast, Rate};
    use crate::domain::goals::Kind;
    use crate::domain::history::Point;
    use crate::domain::reading::Reading;
    use crate::domain::scorecard;
    use crate::domain::target::{Baseline, Target};
    use jiff::civil::date;
    use proptest::prelude::*;

    /// Key results `o/k0`, `o/k1`, … of the given kinds, from 0 to 100 and stale after nine days.
    fn agreed(kinds: &[Kind]) -> Goals {
        let aim = reach(Baseline::Fixed(0.0), Target::Absolute(100.0));
        let all = kinds.iter().enumerate().map(|(i, kind)| KeyResult {
            kind: *kind,
            stale_after: days(9),
            ..key_result(&format!("o/k{i}"), "things", aim.clone())
        });
        goals(vec![objective("o", all.collect())])
    }

    fn id(i: usize) -> KeyResultId {
        KeyResultId::parse_full(&format!("{}:o/k{i}", quarter().name)).unwrap()
    }

    fn entry(i: usize, at: f64, value: f64, origin: Origin) -> Entry {
        Entry {
            key_result: id(i),
            slot: day(at),
            started_at: day(at),
            took: Duration::ZERO,
            tries: 1,
            definition: "0".repeat(16).into(),
            cycle: Arc::new(quarter()),
            origin,
            outcome: Reading::new(value),
        }
    }

    fn recorded() -> Origin {
        Origin::Recorded {
            note: None,
            author: None,
        }
    }

    type Ahead = (Result<Forecast, NoForecast>, Option<Rate>);

    fn ahead(scorecard: &Scorecard) -> Vec<Ahead> {
        let cards = scorecard.key_results();
        cards.map(|(_, card)| (card.forecast, card.rate)).collect()
    }

    /// A point on each of so many days for each key result, on a curve, so that each day counts.
    fn measured(goals: &Goals, until: u32) -> History {
        let mut history = History::default();
        for (i, (_, kr)) in goals.key_results().enumerate() {
            let tilt = f64::from(u32::try_from(i % 7).unwrap());
            for d in 0..until {
                let value = f64::from(d * d) + tilt * f64::from(d);
                let as_of = day(f64::from(d));
                history.record(&kr.id).series.push(Point { as_of, value });
            }
        }
        history
    }

    fn forecast(ledger: &Ledger, i: usize) -> Result<Forecast, NoForecast> {
        ledger.rows[ledger.places[&id(i)]].card.forecast
    }

    proptest! {
        /// However values come in, and whatever was kept from earlier judgements: forecasts are those of a scorecard made
        /// from scratch at the same instant.
        #[test]
        fn forecasts_are_those_of_a_scorecard_from_scratch(
            arrivals in prop::collection::vec((0_usize..4, 0.0..3.0, prop::option::of(-30.0..0.0), -1e3..1e3), 1..60),
        ) {
            let goals = agreed(&[Kind::Cumulative, Kind::Level, Kind::Window, Kind::Ratio]);
            let mut ledger = Ledger::new(goals.clone(), History::default(), day(-1.0));
            let mut whole = History::default();
            let mut now = -1.0;
            for (i, later, told, value) in arrivals {
                now += later;
                let entry = match told {
                    Some(ago) => entry(i, now + ago, value, recorded()),
                    None => entry(i, now, value, Origin::Polled),
                };
                let entry = Entry { started_at: day(now), ..entry };
                ledger.enter(&entry);
                if let Some(point) = entry.point().filter(|_| !entry.is_late()) {
                    whole.record(&id(i)).enter(point, &quarter(), false);
                }
                ledger.age();
                ledger.judge(day(now));
                let scratch = scorecard::score(&goals, &whole, day(now));
                prop_assert_eq!(ahead(&ledger.scorecard(day(now))), ahead(&scratch), "day {}", now);
            }
        }
    }

    /// 300 key results of 90 days: some 1.2 million pairs, of which one judgement looks at half a million.
    #[test]
    fn many_changed_trends_are_drawn_bit_by_bit_until_all_are() {
        let goals = agreed(&[Kind::Level; 300]);
        let history = measured(&goals, 89);
        let now = day(88.25);
        let mut ledger = Ledger::new(goals.clone(), history.clone(), now);
        ledger.judge(now);
        let before = ahead(&ledger.scorecard(now));
        assert_eq!(before, ahead(&scorecard::score(&goals, &history, now)));

        let mut after = history;
        let now = day(88.5);
        for i in 0..300 {
            ledger.enter(&entry(i, 88.5, 500.0, Origin::Polled));
            let as_of = day(88.5);
            let record = after.record(&id(i));
            record.series.push(Point {
                as_of,
                value: 500.0,
            });
        }
        let expected = ahead(&scorecard::score(&goals, &after, now));
        let differing = |ledger: &Ledger| {
            let found = ahead(&ledger.scorecard(now));
            let pairs = found.iter().zip(&expected);
            pairs
                .filter(|(found, expected)| found.0 != expected.0)
                .count()
        };
        let mut left = vec![differing(&ledger)];
        loop {
            ledger.judge(now);
            left.push(differing(&ledger));
            if ledger.turns().is_none_or(|turn| turn > now) {
                break;
            }
            ledger.turn(now);
        }
        assert_eq!(left.first(), Some(&300));
        assert_eq!(left.last(), Some(&0), "{left:?}");
        assert!(
            left.len() == 4 && left.is_sorted_by(|a, b| a > b),
            "{left:?}"
        );
    }

    /// A year of days is drawn again once a minute however often its source is asked, and at once for what people tell.
    #[test]
    fn a_long_trend_rests_between_two_polls_but_not_for_people() {
        let mut goals = agreed(&[Kind::Level]);
        let year = Cycle::new(
            quarter().name,
            date(2026, 1, 1),
            date(2026, 12, 31),
            quarter().zone,
        );
        let year = Arc::new(year.unwrap());
        goals.cycles.insert(quarter().name, (*year).clone());
        let history = measured(&goals, 200);
        let second = |n: i64| day(199.5) + SignedDuration::from_secs(n);
        let mut ledger = Ledger::new(goals, history, second(0));
        ledger.judge(second(0));
        assert!(forecast(&ledger, 0).is_ok());
        let poll = |n: i64, origin: Origin| {
            let at = second(n);
            Entry {
                slot: at,
                started_at: at,
                cycle: Arc::clone(&year),
                ..entry(0, 0.0, 1e6, origin)
            }
        };
        ledger.enter(&poll(1, Origin::Polled));
        ledger.judge(second(1));
        assert_eq!(ledger.rows[0].drawn, second(0));
        assert_eq!(ledger.turns(), Some(second(60)));
        ledger.turn(second(60));
        ledger.judge(second(60));
        assert_eq!(ledger.rows[0].drawn, second(60));
        ledger.enter(&Entry {
            slot: day(3.0),
            ..poll(62, recorded())
        });
        ledger.judge(second(62));
        assert_eq!(ledger.rows[0].drawn, second(62));
    }

    #[test]
    fn a_value_of_a_time_to_come_joins_when_it_comes() {
        let goals = agreed(&[Kind::Level]);
        let mut ledger = Ledger::new(goals.clone(), measured(&goals, 15), day(14.25));
        ledger.judge(day(14.25));
        let before = forecast(&ledger, 0).unwrap();
        let told = Entry {
            started_at: day(14.25),
            ..entry(0, 15.75, 90.0, recorded())
        };
        ledger.enter(&told);
        ledger.judge(day(14.5));
        assert_eq!(forecast(&ledger, 0), Ok(before));
        assert_eq!(ledger.turns(), Some(day(15.75)));
        ledger.turn(day(15.75));
        ledger.judge(day(15.75));
        assert_ne!(forecast(&ledger, 0), Ok(before));
    }

    /// Thousands of judgements a day cost one write in the morning and one at midnight for each key result.
    #[test]
    fn forecasts_are_written_twice_a_day_however_often_is_judged() {
        let goals = agreed(&[Kind::Level, Kind::Cumulative]);
        let mut ledger = Ledger::new(goals.clone(), measured(&goals, 20), day(19.25));
        let mut written = Vec::new();
        for hour in 0..48 {
            let now = 19.25 + f64::from(hour) / 24.0;
            ledger.enter(&entry(0, now, 400.0 + f64::from(hour), Origin::Polled));
            ledger.age();
            ledger.judge(day(now));
            written.push(ledger.take_forecasts().len());
        }
        // The first of day 19, the last of it and the first of day 20, and so on. One wild value moves no median, so the
        // last of a level says what is written.
        let of = |hour: usize| written.get(hour).copied();
        assert_eq!((of(0), of(18), of(42)), (Some(2), Some(3), Some(3)));
        assert_eq!(written.iter().sum::<usize>(), 8, "{written:?}");
        assert_eq!(ledger.take_last_forecasts().len(), 1);
        assert_eq!(ledger.take_last_forecasts(), []);
    }

    /// The middle of the quarter is day 45: what was on disk by then is set against the final value.
    #[test]
    fn the_forecast_that_stood_at_half_time_meets_the_final_value() {
        let goals = agreed(&[Kind::Level]);
        let mut ledger = Ledger::new(goals.clone(), measured(&goals, 44), day(43.5));
        let mut stood = None;
        for now in [43.5, 44.5, 45.5, 46.5] {
            ledger.age();
            ledger.judge(day(now));
            let written = ledger.take_forecasts();
            stood = stood.or_else(|| {
                written
                    .iter()
                    .find(|told| told.forecast.at == day(44.5))
                    .cloned()
            });
            ledger.enter_forecasts(&written);
        }
        let error = |ledger: &Ledger| ledger.rows[0].card.forecast_error;
        ledger.enter(&entry(0, 89.0, 70.0, Origin::Polled));
        for (now, known) in [(89.5, false), (96.5, false), (97.5, true)] {
            ledger.age();
            ledger.judge(day(now));
            assert_eq!(error(&ledger).is_some(), known, "{now}");
        }
        let (stood, found) = (stood.unwrap().forecast, error(&ledger).unwrap());
        assert_eq!((found.forecast, found.at), (stood.value, day(44.5)));
        assert_eq!(found.error, (stood.value - 70.0).abs());
    }

    /// Another process wrote: its days count, and trends whose days are the same are not drawn again.
    #[test]
    fn what_another_process_wrote_is_drawn_and_nothing_else() {
        let goals = agreed(&[Kind::Level, Kind::Level]);
        let history = measured(&goals, 20);
        let now = day(19.5);
        let mut ledger = Ledger::new(goals.clone(), history.clone(), now);
        ledger.judge(now);
        let mut other = history;
        let as_of = day(19.25);
        other
            .record(&id(1))
            .series
            .push(Point { as_of, value: 99.0 });
        ledger.take_history(other.clone());
        assert_eq!(ledger.outdated.len(), 1);
        ledger.judge(now);
        let scratch = scorecard::score(&goals, &other, now);
        assert_eq!(ahead(&ledger.scorecard(now)), ahead(&scratch));
    }
}
