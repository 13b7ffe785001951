//! A model test: whatever is appended, by whom and across which restarts, the store gives back what a few maps in
//! memory give.

use std::collections::BTreeMap;

use jiff::civil::Date;
use proptest::prelude::*;
use rusqlite::Connection;

use super::super::{Loaded, Reader, SourceState};
use super::*;
use crate::domain::history::{Point, Series};
use crate::domain::rebase::Rebase;
use crate::domain::status::Status;

#[derive(Clone, Debug)]
struct Draft {
    kr: usize,
    definition: usize,
    slot: i64,
    late: i64,
    told: Option<i64>,
    outcome: Result<i32, usize>,
    recorded: bool,
}

#[derive(Clone, Debug)]
enum Op {
    Append(Vec<Draft>),
    AppendAsGuest(Vec<Draft>),
    Status(usize, usize, i64),
    Hold(usize, Option<i64>),
    Close,
    Drop,
    Load(usize),
}

const NAMES: [&str; 3] = ["users", "revenue", "complaints"];
const DEFINITIONS: [&str; 2] = ["d1", "d2"];
const SOURCES: [&str; 2] = ["crm", "site"];
const ZONES: [&str; 3] = ["UTC", "Europe/Amsterdam", "America/St_Johns"];

fn draft() -> impl Strategy<Value = Draft> {
    (
        0..NAMES.len(),
        0..DEFINITIONS.len(),
        0..40_i64,
        0..400_i64,
        proptest::option::of(-30..30_i64),
        prop_oneof![3 => (-5..5_i32).prop_map(Ok), 1 => (0..FaultClass::ALL.len()).prop_map(Err)],
        proptest::bool::weighted(0.2),
    )
        .prop_map(
            |(kr, definition, slot, late, told, outcome, recorded)| Draft {
                kr,
                definition,
                slot,
                late,
                told,
                outcome,
                // People tell numbers, not faults.
                recorded: recorded && outcome.is_ok(),
            },
        )
}

fn op() -> impl Strategy<Value = Op> {
    let drafts = || proptest::collection::vec(draft(), 1..12);
    prop_oneof![
        6 => drafts().prop_map(Op::Append),
        2 => drafts().prop_map(Op::AppendAsGuest),
        1 => (0..NAMES.len(), 0..Status::ALL.len(), 0..100_i64).prop_map(|(k, s, t)| Op::Status(k, s, t)),
        1 => (0..SOURCES.len(), proptest::option::of(0..100_i64)).prop_map(|(s, t)| Op::Hold(s, t)),
        1 => Just(Op::Close),
        1 => Just(Op::Drop),
        2 => (0..ZONES.len()).prop_map(Op::Load),
    ]
}

/// Six hours a step, from two days before the cycle on.
fn step(number: i64) -> Timestamp {
    at("2026-09-29T00:00:00Z") + jiff::SignedDuration::from_hours(6 * number)
}

/// `nth` gives every poll instants of its own, even to begin and odd to be told, so that no two points coincide.
fn entry(draft: &Draft, nth: i64) -> Entry {
    let own = jiff::SignedDuration::from_millis(2 * nth);
    let slot = step(draft.slot);
    let started_at = slot + jiff::SignedDuration::from_hours(draft.late) + own;
    let outcome = match draft.outcome {
        Ok(value) => Ok(Reading {
            value: f64::from(value) / 4.0,
            exact: None,
            as_of: (draft.told)
                .map(|hours| {
                    slot + jiff::SignedDuration::from_hours(hours)
                        + own
                        + jiff::SignedDuration::from_millis(1)
                })
                .filter(|_| !draft.recorded),
            approximate: false,
            counts: None,
            note: None,
        }),
        Err(class) => Err(Fault::new(FaultClass::ALL[class], format!("fault {nth}"))),
    };
    Entry {
        key_result: kr(NAMES[draft.kr]),
        slot,
        started_at,
        took: Duration::from_millis(7),
        tries: 1,
        definition: DEFINITIONS[draft.definition].into(),
        cycle: Arc::new(short(TimeZone::UTC)),
        origin: if draft.recorded {
            Origin::Recorded {
                note: None,
                author: Some("ann".into()),
            }
        } else {
            Origin::Polled
        },
        outcome,
    }
}

#[derive(Default)]
struct Model {
    /// By key result and definition.
    frozen: BTreeMap<(usize, usize), Point>,
    /// By key result, slot, definition and whether a person told it.
    measurements: BTreeMap<(usize, i64, usize, bool), Entry>,
    attempts: Vec<(usize, Timestamp, Result<f64, Fault>)>,
    polls: Vec<(usize, usize, Entry)>,
    status: BTreeMap<usize, (Status, Timestamp)>,
    sources: BTreeMap<Slug, SourceState>,
}

impl Model {
    fn append(&mut self, draft: &Draft, entry: &Entry) {
        let key = (draft.kr, draft.slot, draft.definition, draft.recorded);
        if !draft.recorded {
            self.polls.push((draft.kr, draft.definition, entry.clone()));
        }
        let value = match &entry.outcome {
            Ok(reading) => reading.value,
            Err(fault) => {
                return self
                    .attempts
                    .push((draft.kr, entry.slot, Err(fault.clone())));
            }
        };
        // Seven days after its end the cycle is closed.
        if entry.started_at >= at("2026-10-13T00:00:00Z") {
            return self.attempts.push((draft.kr, entry.slot, Ok(value)));
        }
        match self.measurements.get(&key) {
            Some(first) if draft.recorded => {
                let earlier = first.outcome.as_ref().unwrap().value;
                self.attempts.push((draft.kr, entry.slot, Ok(earlier)));
            }
            Some(_) => return self.attempts.push((draft.kr, entry.slot, Ok(value))),
            None => {}
        }
        self.measurements.insert(key, entry.clone());
        let point = entry.point().unwrap();
        if entry.cycle.covers(point.as_of) {
            let key = (draft.kr, draft.definition);
            let first = self.frozen.entry(key).or_insert(point);
            if first.as_of == point.as_of {
                *first = point;
            }
        }
    }

    fn measured(&self, kr: usize, definition: usize) -> BTreeMap<Timestamp, Point> {
        let mine = self.measurements.iter();
        let mine = mine.filter(|((k, _, d, _), _)| *k == kr && *d == definition);
        let points = mine.map(|(_, e)| e.point().unwrap());
        points.map(|p| (p.as_of, p)).collect()
    }

    /// Until when the other definition measured what is not compared.
    fn unlike_until(&self, kr: usize, goals: &Goals) -> Option<Timestamp> {
        let rebased = !goals.objectives[0].key_results[kr].rebases.is_empty();
        let (own, other) = (self.measured(kr, 0), self.measured(kr, 1));
        let (first, last) = (*other.first_key_value()?.0, *other.last_key_value()?.0);
        let begun = own.first_key_value().is_some_and(|(own, _)| *own <= first);
        let before = last < goals.cycles.values().next()?.start();
        (!rebased && !begun && !before).then_some(last)
    }

    /// The rule in its plainest words, on civil dates.
    fn series(&self, kr: usize, goals: &Goals) -> Series {
        let cycle = goals.cycles.values().next().unwrap();
        let key_result = &goals.objectives[0].key_results[kr];
        let mut all = self.measured(kr, 0);
        let day = |p: &Point| -> Date { p.as_of.to_zoned(cycle.zone.clone()).date() };
        let own: Vec<Point> = all.values().copied().collect();
        for point in self
            .measured(kr, 1)
            .into_values()
            .filter(|_| !key_result.rebases.is_empty())
        {
            let earlier = |o: &Point| day(o) == day(&point) && o.as_of <= point.as_of;
            if !own.iter().any(earlier) {
                let value = 2.0 * point.value;
                all.insert(point.as_of, Point { value, ..point });
            }
        }
        let holds = matches!(key_result.aim, Aim::Hold(_));
        let since = if holds {
            cycle.start() - key_result.stale_after
        } else {
            cycle.start()
        };
        let within = all.range(since..=cycle.end());
        let within: Vec<Point> = within.map(|(_, p)| *p).collect();
        if within.is_empty() {
            let before = all.range(..since).next_back();
            return before.map(|(_, p)| *p).into_iter().collect();
        }
        if holds {
            return within.into_iter().collect();
        }
        let last_of_days: BTreeMap<Date, Point> = within.iter().map(|p| (day(p), *p)).collect();
        std::iter::once(within[0])
            .chain(last_of_days.into_values())
            .collect()
    }

    fn loaded(&self, goals: &Goals) -> Loaded {
        let mut loaded = Loaded {
            sources: self.sources.clone(),
            ..Loaded::default()
        };
        for (k, name) in NAMES.iter().enumerate() {
            let series = self.series(k, goals);
            let polls = self.polls.iter().filter(|(kr, d, _)| *kr == k && *d == 0);
            let newest = polls
                .clone()
                .map(|(_, _, e)| e)
                .max_by_key(|e| e.started_at);
            let status = self.status.get(&k).copied();
            let asked = polls.clone().map(|(_, _, e)| e.slot).max();
            if let Some(slot) = asked {
                let behind = slot + Duration::from_millis(1);
                loaded.accounted.insert(kr(name), behind);
            }
            let unlike_until = self.unlike_until(k, goals);
            let known = newest.is_some() || status.is_some() || unlike_until.is_some();
            if series.points().is_empty() && !known {
                continue;
            }
            let record = loaded.history.record(&kr(name));
            record.series = series;
            let rebased = !goals.objectives[0].key_results[k].rebases.is_empty();
            let earlier = self.frozen.get(&(k, 1)).filter(|_| rebased);
            let earlier = earlier.map(|p| Point {
                value: 2.0 * p.value,
                ..*p
            });
            // In another zone what was noted may lie outside of the cycle.
            let cycle = goals.cycles.values().next().unwrap();
            let earlier = earlier.filter(|p| cycle.covers(p.as_of));
            record.frozen = earlier.or(self.frozen.get(&(k, 0)).copied());
            record.unlike_until = unlike_until;
            record.status_since = status;
            record.last_attempt = newest.and_then(Entry::last_attempt);
            loaded.newest_poll = loaded.newest_poll.max(newest.map(|e| e.started_at));
            let measured = polls.filter(|(_, _, e)| e.outcome.is_ok() && !e.is_late());
            if let Some(slot) = measured.map(|(_, _, e)| e.slot).max() {
                loaded.last_slot.insert(kr(name), slot);
            }
        }
        loaded
    }
}

/// What was loaded, without the time of the last write: it hangs on what is committed together.
fn timeless(loaded: Loaded) -> Loaded {
    Loaded {
        last_wall: None,
        ..loaded
    }
}

fn goals_in(zone: usize) -> Goals {
    let mut goals = goals(
        ZONES[zone],
        &[(NAMES[0], reach()), (NAMES[1], reach()), (NAMES[2], hold())],
    );
    for cycle in goals.cycles.values_mut() {
        *cycle = short(cycle.zone.clone());
    }
    // The second and the third carry over what the other definition measured.
    for key_result in &mut Arc::get_mut(&mut goals.objectives[0]).unwrap().key_results[1..] {
        Arc::get_mut(key_result).unwrap().rebases = vec![Rebase {
            date: date(2026, 10, 3),
            old: 1.0,
            new: 2.0,
            at: None,
            from: None,
            reason: "R".into(),
            approved_by: "lead".into(),
        }];
    }
    goals
}

/// Five days, so that what is drafted lies before, in and after them.
fn short(zone: TimeZone) -> Cycle {
    let name = CycleName::parse("2026-Q4").unwrap();
    Cycle::new(name, date(2026, 10, 1), date(2026, 10, 5), zone).unwrap()
}

async fn run(ops: Vec<Op>) {
    let place = Place::new();
    let mut store = Some(place.open());
    let mut model = Model::default();
    let mut nth = 0;
    for op in ops {
        let open = store.take().unwrap_or_else(|| place.open());
        let mut drafted = |drafts: &[Draft]| -> Vec<Entry> {
            let drafts = drafts.iter().map(|draft| {
                nth += 1;
                let entry = entry(draft, nth);
                model.append(draft, &entry);
                entry
            });
            drafts.collect()
        };
        match op {
            Op::Append(drafts) => open.append(drafted(&drafts)).await.unwrap(),
            Op::AppendAsGuest(drafts) => {
                let guest = Store::open_shared(&place.path(), "0.0.1", now()).unwrap();
                guest.append(drafted(&drafts)).await.unwrap();
            }
            Op::Status(k, status, since) => {
                let change = (Status::ALL[status], step(since));
                model.status.insert(k, change);
                open.keep_status(vec![(kr(NAMES[k]), change.0, change.1)])
                    .await
                    .unwrap();
            }
            Op::Hold(source, until) => {
                let source = Slug::parse(SOURCES[source]).unwrap();
                let until = until.map(step);
                let state = model.sources.entry(source.clone()).or_default();
                state.not_before = until;
                open.keep_holds(vec![(source, until)]).await.unwrap();
            }
            Op::Close => {
                open.close().await.unwrap();
                continue;
            }
            Op::Drop => continue,
            Op::Load(zone) => {
                let goals = goals_in(zone);
                assert_eq!(timeless(open.load(&goals).unwrap()), model.loaded(&goals));
            }
        }
        store = Some(open);
    }
    drop(store);
    compare(&place, &model);
}

fn compare(place: &Place, model: &Model) {
    let reader = Reader::open(&place.path()).unwrap();
    assert!(reader.integrity().unwrap().is_empty());
    for (number, zone) in ZONES.iter().enumerate() {
        let goals = goals_in(number);
        assert_eq!(
            timeless(reader.load(&goals).unwrap()),
            model.loaded(&goals),
            "{zone}"
        );
    }
    let order = |outcome: &Result<f64, Fault>| format!("{outcome:?}");
    for (k, name) in NAMES.iter().enumerate() {
        let found = reader.series(&kr(name), None, None).unwrap();
        let mut found: Vec<_> = (found.into_iter())
            .map(|m| {
                (
                    m.slot,
                    m.definition.to_string(),
                    m.origin != Origin::Polled,
                    m.as_of,
                    m.value,
                )
            })
            .collect();
        let mine = model.measurements.iter().filter(|((kr, ..), _)| *kr == k);
        let mut expected: Vec<_> = mine
            .map(|((_, slot, d, told), e)| {
                let point = e.point().unwrap();
                (
                    step(*slot),
                    DEFINITIONS[*d].to_owned(),
                    *told,
                    point.as_of,
                    point.value,
                )
            })
            .collect();
        found.sort_by(|a, b| a.partial_cmp(b).unwrap());
        expected.sort_by(|a, b| a.partial_cmp(b).unwrap());
        assert_eq!(found, expected);

        let attempts = reader.attempts(&kr(name), None, None).unwrap();
        let mut found: Vec<_> = attempts
            .iter()
            .map(|a| (a.slot, order(&a.outcome)))
            .collect();
        let mine = model.attempts.iter().filter(|(kr, ..)| *kr == k);
        let mut expected: Vec<_> = mine
            .map(|(_, slot, outcome)| (*slot, order(outcome)))
            .collect();
        found.sort();
        expected.sort();
        assert_eq!(found, expected);
    }
    days_agree(&place.raw());
}

/// The days that are kept along agree with the measurements, in the zone they are kept in.
fn days_agree(raw: &Connection) {
    let zone: String = raw
        .query_row("SELECT v FROM meta WHERE k = 'day_zone'", [], |r| r.get(0))
        .unwrap();
    let mut days = super::super::days::Days::new(TimeZone::get(&zone).unwrap());
    let mut expected: BTreeMap<(i64, i64), (i64, i64)> = BTreeMap::new();
    let mut all = raw
        .prepare("SELECT series_id, as_of FROM measurement")
        .unwrap();
    let mut rows = all.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        let as_of: i64 = row.get(1).unwrap();
        let key = (days.of(as_of), row.get(0).unwrap());
        let span = expected.entry(key).or_insert((as_of, as_of));
        *span = (span.0.min(as_of), span.1.max(as_of));
    }
    let found: BTreeMap<(i64, i64), (i64, i64)> = raw
        .prepare("SELECT day, series_id, first_at, last_at FROM measurement_day")
        .unwrap()
        .query_map([], |r| Ok(((r.get(0)?, r.get(1)?), (r.get(2)?, r.get(3)?))))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    assert_eq!(found, expected);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]
    #[test]
    fn the_store_is_a_few_maps_that_survive(ops in proptest::collection::vec(op(), 1..25)) {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(run(ops));
    }
}
