//! The scorecard as it stood at each instant of the past: what was agreed by then, judged by what was known by then. The
//! judgement is that of the present; only goals and knowledge are those of the instant. Knows no store and no clock.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;

use super::card::KeyResultCard;
use super::cycle::Cycle;
use super::derive;
use super::forecast::{Forecast, Trend};
use super::goals::{Feed, Goals, KeyResult, Objective};
use super::history::{Counts, History, Point, Record};
use super::id::{KeyResultId, ObjectiveId};
use super::judge::{judge_along, turns};
use super::quality::Quality;
use super::scorecard::{Scorecard, Standings};
use super::status::Status;
use super::verdict::{Kept, KeptObjective};

/// One value of a key result.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Told {
    /// From when on it was known. Of one that was asked or told afterwards the instant that it describes: it stands for
    /// the answer that would have come then.
    pub from: Timestamp,
    /// The value, in the units of the definition in force.
    pub point: Point,
    /// What is known against it.
    pub quality: Quality,
    /// The counts behind a ratio.
    pub counts: Option<Counts>,
}

/// All that is known of a key result.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lore {
    /// From when on it is told of at all: the first instant of which anything is known of it. `None` when nothing is.
    pub begins: Option<Timestamp>,
    /// Its values; none of a computed one, which follow from those of others.
    pub values: Vec<Told>,
    /// How likely people held it to be met, and when.
    pub confidences: Vec<(Timestamp, f64)>,
}

/// Goes through the past once, forwards.
#[derive(Debug)]
pub struct Retrace<'g> {
    goals: &'g Goals,
    agreed: Vec<Arc<Objective>>,
    rows: HashMap<KeyResultId, Row>,
    history: History,
    closings: Vec<(ObjectiveId, KeptObjective)>,
    /// Instants at which something else is agreed or begins to be told, the next one last.
    boundaries: Vec<Timestamp>,
    standings: Standings,
    /// The objectives as they stood, in the order of the standings.
    standing: Vec<Arc<Objective>>,
}

/// One key result.
#[derive(Debug)]
struct Row {
    lore: Lore,
    /// How many values and confidences are entered.
    values: usize,
    confidences: usize,
    trend: Trend,
    /// Whether its days changed since the trend was drawn.
    outdated: bool,
    /// When time alone changes it next.
    turns: Option<Timestamp>,
    /// The status last told as the store knows it, until that instant has come.
    told: Option<(Status, Timestamp)>,
    kept: Option<Kept>,
    /// What its figures are divided by to stand in the units of then.
    factor: f64,
    card: Option<Arc<KeyResultCard>>,
    /// How it stood each time that it had just got another status.
    turned: Vec<Arc<KeyResultCard>>,
}

impl<'g> Retrace<'g> {
    /// The past of those of the goals whose cycle is `wanted`. `lore` is what is known of each, `today` what is known of
    /// them by now: baselines that were frozen, what was kept at a close, the status last told.
    #[must_use]
    pub fn new(
        goals: &'g Goals,
        wanted: impl Fn(&Cycle) -> bool,
        mut lore: HashMap<KeyResultId, Lore>,
        today: &History,
    ) -> Self {
        let of_cycle = |objective: &&Arc<Objective>| {
            let cycle = goals.cycles.get(&objective.id.cycle);
            cycle.is_some_and(&wanted)
        };
        let agreed: Vec<_> = goals.objectives.iter().filter(of_cycle).cloned().collect();
        let mut history = History::default();
        let mut rows = HashMap::new();
        for key_result in agreed.iter().flat_map(|o| &o.key_results) {
            let id = &key_result.id;
            let mut lore = lore.remove(id).unwrap_or_default();
            lore.values.sort_by_key(|told| told.from);
            lore.confidences.sort_by_key(|(at, _)| *at);
            let known = today.get(id);
            // What was measured otherwise before cannot be compared with what is agreed now.
            let unlike = known.and_then(|record| record.unlike_until);
            lore.begins = lore.begins.max(unlike.filter(|_| lore.begins.is_some()));
            *history.record(id) = Record {
                frozen: known.and_then(|record| record.frozen),
                half_time: known.and_then(|record| record.half_time),
                unlike_until: unlike,
                ..Record::default()
            };
            rows.insert(id.clone(), Row::new(lore, known));
        }
        let closings = agreed.iter().filter_map(|objective| {
            let kept = today.closing(&objective.id)?;
            Some((objective.id.clone(), *kept))
        });
        let mut retrace = Self {
            goals,
            closings: closings.collect(),
            boundaries: Vec::new(),
            standings: Standings::new(goals, Vec::new()),
            standing: Vec::new(),
            agreed,
            rows,
            history,
        };
        retrace.boundaries = retrace.all_boundaries().into_iter().rev().collect();
        retrace
    }

    /// The scorecard as it stood at `at`. Instants come in their order.
    pub fn at(&mut self, at: Timestamp) -> Scorecard {
        while let Some(boundary) = self.boundaries.last().copied().filter(|b| *b <= at) {
            self.boundaries.pop();
            self.play(boundary);
            self.agree(boundary);
            self.judge_all(boundary, false);
        }
        self.play(at);
        self.judge_all(at, true);
        let came = |(_, kept): &(ObjectiveId, KeptObjective)| kept.at <= at;
        for (id, kept) in self.closings.extract_if(.., |closing| came(closing)) {
            self.history.close(id, kept);
        }
        let (rows, all) = (&self.rows, 0..self.standing.len());
        self.standings
            .judge_again(all, &self.history, at, |_, objective, _| {
                let of_it = objective.key_results.iter();
                of_it
                    .filter_map(|kr| rows.get(&kr.id)?.card.clone())
                    .collect()
            });
        self.standings.scorecard(at)
    }

    /// How a key result stood each time that it had just got another status, oldest first, up to the newest instant asked
    /// for. A status that stood for no time at all is left out.
    #[must_use]
    pub fn turned(&self, key_result: &KeyResultId) -> &[Arc<KeyResultCard>] {
        self.rows.get(key_result).map_or(&[], |row| &row.turned)
    }

    fn all_boundaries(&self) -> BTreeSet<Timestamp> {
        let mut all = BTreeSet::new();
        for objective in &self.agreed {
            let Some(cycle) = self.goals.cycles.get(&objective.id.cycle) else {
                continue;
            };
            for key_result in &objective.key_results {
                let amended = key_result.amendments.iter().map(|a| a.date);
                let days = amended.chain(key_result.rebases.iter().map(|r| r.date));
                all.extend(days.map(|day| midnight(cycle, day)));
                all.extend(self.begins(objective, key_result));
            }
        }
        all
    }

    /// From when on a key result is told of. One that no source is asked for may be silent for long; it stands beside
    /// the others of its objective.
    fn begins(&self, objective: &Objective, key_result: &KeyResult) -> Option<Timestamp> {
        let of = |id: &KeyResultId| self.rows.get(id).and_then(|row| row.lore.begins);
        match key_result.feed {
            Feed::Polled { .. } => of(&key_result.id),
            Feed::Recorded | Feed::Computed(_) | Feed::Stated => {
                let all = objective.key_results.iter();
                all.filter_map(|kr| of(&kr.id)).min()
            }
        }
    }

    /// What was agreed at `at` is in force from now on.
    fn agree(&mut self, at: Timestamp) {
        let mut standing = Vec::new();
        for objective in &self.agreed {
            let Some(cycle) = self.goals.cycles.get(&objective.id.cycle) else {
                continue;
            };
            let told = |key_result: &&Arc<KeyResult>| {
                let begins = self.begins(objective, key_result);
                begins.is_some_and(|begins| begins <= at)
            };
            let key_results = objective.key_results.iter().filter(told);
            let key_results: Vec<_> = key_results.map(|kr| as_agreed(kr, cycle, at)).collect();
            if key_results.is_empty() && !objective.key_results.is_empty() {
                continue;
            }
            for key_result in &key_results {
                if let Some(row) = self.rows.get_mut(&key_result.id) {
                    row.outdated = true;
                    let later = key_result.rebases.iter();
                    let later = later.filter(|rebase| midnight(cycle, rebase.date) > at);
                    row.factor = later.fold(1.0, |all, rebase| all * rebase.factor());
                }
            }
            standing.push(Arc::new(Objective {
                key_results,
                ..Objective::clone(objective)
            }));
        }
        self.standings = Standings::new(self.goals, standing.clone());
        self.standing = standing;
    }

    /// Enters what became known up to `until`, and judges whatever changed at the very instant at which it did: so each
    /// status has begun when it began.
    fn play(&mut self, until: Timestamp) {
        for place in 0..self.standing.len() {
            let objective = Arc::clone(&self.standing[place]);
            let Some(cycle) = self.goals.cycles.get(&objective.id.cycle) else {
                continue;
            };
            loop {
                let all = objective.key_results.iter();
                let next = all.filter_map(|kr| self.rows.get(&kr.id)?.next());
                let Some(at) = next.min().filter(|at| *at <= until) else {
                    break;
                };
                let mut changed = BTreeSet::new();
                for (nth, key_result) in objective.key_results.iter().enumerate() {
                    let Some(row) = self.rows.get_mut(&key_result.id) else {
                        continue;
                    };
                    if row.turns.is_some_and(|turn| turn <= at) {
                        row.turns = None;
                        row.outdated = true;
                        changed.insert(nth);
                    }
                    let record = self.history.record(&key_result.id);
                    if !row.enter(record, key_result, cycle, at) {
                        continue;
                    }
                    changed.insert(nth);
                    for id in derive::dependents(&objective, &key_result.id) {
                        let mut all = objective.key_results.iter();
                        changed.extend(all.position(|kr| kr.id == *id));
                        self.rows
                            .get_mut(id)
                            .into_iter()
                            .for_each(|row| row.outdated = true);
                    }
                }
                for nth in changed {
                    self.judge(&objective, nth, cycle, at, false);
                }
            }
        }
    }

    fn judge_all(&mut self, at: Timestamp, whole: bool) {
        for place in 0..self.standing.len() {
            let objective = Arc::clone(&self.standing[place]);
            let Some(cycle) = self.goals.cycles.get(&objective.id.cycle) else {
                continue;
            };
            for nth in 0..objective.key_results.len() {
                self.judge(&objective, nth, cycle, at, whole);
            }
        }
    }

    /// Judges one key result; the trend, which no status follows, only when it is to be shown.
    fn judge(
        &mut self,
        objective: &Objective,
        nth: usize,
        cycle: &Cycle,
        at: Timestamp,
        whole: bool,
    ) {
        let key_result = &objective.key_results[nth];
        let Some(row) = self.rows.get_mut(&key_result.id) else {
            return;
        };
        let own = self.history.record(&key_result.id);
        let told = row.told.take_if(|(_, since)| *since <= at);
        own.status_since = told.or(own.status_since);
        own.kept = row.kept.take_if(|kept| kept.at <= at).or(own.kept.take());
        let terms = self.goals.terms(objective);
        let record = derive::record(objective, key_result, &self.history);
        let record = record.as_deref();
        if whole && std::mem::take(&mut row.outdated) {
            let trend = record.map(|r| Trend::draw(key_result, cycle, &r.series, at));
            row.trend = trend.unwrap_or_default();
        }
        let mut card = judge_along(key_result, terms, cycle, record, &row.trend, at);
        row.turns = turns(&card, cycle, at);
        let since = Some((card.status, card.status_since));
        if (row.factor - 1.0).abs() > 0.0 {
            in_units_of_then(Arc::make_mut(&mut card), row.factor);
        }
        row.note_turn(&card);
        row.card = Some(card);
        self.history.record(&key_result.id).status_since = since;
    }
}

impl Row {
    fn new(lore: Lore, known: Option<&Record>) -> Self {
        Self {
            lore,
            values: 0,
            confidences: 0,
            trend: Trend::default(),
            outdated: true,
            turns: None,
            told: known.and_then(|record| record.status_since),
            kept: known.and_then(|record| record.kept.clone()),
            factor: 1.0,
            card: None,
            turned: Vec::new(),
        }
    }

    fn note_turn(&mut self, card: &Arc<KeyResultCard>) {
        let turned = &mut self.turned;
        if turned.last().is_some_and(|last| last.status == card.status) {
            return;
        }
        while turned
            .last()
            .is_some_and(|last| last.status_since >= card.status_since)
        {
            turned.pop();
        }
        if turned.last().is_none_or(|last| last.status != card.status) {
            turned.push(Arc::clone(card));
        }
    }

    /// The next instant at which it changes.
    fn next(&self) -> Option<Timestamp> {
        let value = self.lore.values.get(self.values).map(|told| told.from);
        let word = self.lore.confidences.get(self.confidences);
        let word = word.map(|(at, _)| *at);
        [value, word, self.turns].into_iter().flatten().min()
    }

    /// Enters what is known by `at`; tells whether there was anything.
    fn enter(
        &mut self,
        record: &mut Record,
        key_result: &KeyResult,
        cycle: &Cycle,
        at: Timestamp,
    ) -> bool {
        let before = (self.values, self.confidences);
        while let Some(told) = self.lore.values.get(self.values).filter(|v| v.from <= at) {
            self.values += 1;
            let as_of = told.point.as_of;
            record.quality = (!told.quality.is_clear()).then_some((as_of, told.quality));
            record.counts = told.counts.map(|counts| (as_of, counts));
            record.enter(told.point, cycle, !key_result.aim.needs_every_value());
            self.outdated = true;
        }
        let words = &self.lore.confidences;
        while let Some((_, word)) = words.get(self.confidences).filter(|(said, _)| *said <= at) {
            self.confidences += 1;
            record.confidence = Some(*word);
        }
        before != (self.values, self.confidences)
    }
}

/// The key result as it was agreed at `at`: amendments of later days undone.
fn as_agreed(key_result: &Arc<KeyResult>, cycle: &Cycle, at: Timestamp) -> Arc<KeyResult> {
    let later = key_result.amendments.iter();
    let later: Vec<_> = later
        .filter(|amendment| midnight(cycle, amendment.date) > at)
        .cloned()
        .collect();
    if later.is_empty() {
        return Arc::clone(key_result);
    }
    Arc::new(key_result.without(&later))
}

/// The first instant of a day of the cycle.
fn midnight(cycle: &Cycle, day: Date) -> Timestamp {
    let midnight = cycle.zone.to_ambiguous_zoned(day.at(0, 0, 0, 0));
    midnight
        .compatible()
        .map_or(Timestamp::MIN, |midnight| midnight.timestamp())
}

/// Shows a card in the units of an earlier definition, of which `factor` of the later ones make one.
fn in_units_of_then(card: &mut KeyResultCard, factor: f64) {
    let turn = |number: &mut f64| *number /= factor;
    card.value.iter_mut().for_each(|(value, _)| turn(value));
    let mut curve = card.curve.to_vec();
    curve.iter_mut().for_each(|point| turn(&mut point.value));
    card.curve = curve.into();
    let numbers = [
        &mut card.baseline,
        &mut card.target,
        &mut card.expected_value,
    ];
    numbers.into_iter().flatten().for_each(turn);
    if let Ok(forecast) = &mut card.forecast {
        let Forecast {
            value,
            low,
            high,
            per_day,
            way,
            ..
        } = forecast;
        [value, per_day, way].into_iter().for_each(turn);
        low.iter_mut().chain(high).for_each(turn);
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;
    use crate::domain::amendment::{Amendment, Change, Step};
    use crate::domain::example::{
        at_most, day, days, goals, key_result, objective, quarter, reach,
    };
    use crate::domain::formula::Formula;
    use crate::domain::goals::{Kind, ParentLink};
    use crate::domain::rebase::Rebase;
    use crate::domain::scorecard::score;
    use crate::domain::target::{Baseline, Target};

    fn told(from: f64, as_of: f64, value: f64) -> Told {
        Told {
            from: day(from),
            point: Point {
                as_of: day(as_of),
                value,
            },
            quality: Quality::default(),
            counts: None,
        }
    }

    fn lore(values: &[(f64, f64)]) -> Lore {
        Lore {
            begins: values.first().map(|(at, _)| day(*at)),
            values: values
                .iter()
                .map(|(at, value)| told(*at, *at, *value))
                .collect(),
            confidences: Vec::new(),
        }
    }

    fn id(path: &str) -> KeyResultId {
        KeyResultId::parse_full(&format!("{}:{path}", quarter().name)).unwrap()
    }

    fn way(target: f64) -> crate::domain::target::Aim {
        reach(Baseline::Fixed(0.0), Target::Absolute(target))
    }

    fn retrace<'g>(goals: &'g Goals, all: Vec<(&str, Lore)>) -> Retrace<'g> {
        let lore = all.into_iter().map(|(path, lore)| (id(path), lore));
        Retrace::new(goals, |_| true, lore.collect(), &History::default())
    }

    fn card(scorecard: &Scorecard, path: &str) -> Arc<KeyResultCard> {
        let mut all = scorecard.key_results();
        let found = all.find(|(_, card)| card.key_result.id == id(path));
        Arc::clone(found.unwrap().1)
    }

    /// Behind, ahead, silent for too long, behind again: each turn with the day on which it came.
    #[test]
    fn each_turn_of_a_status_is_remembered() {
        let silent = 20.0;
        let kr = KeyResult {
            stale_after: std::time::Duration::from_secs(20 * 86_400),
            ..key_result("a/up", "", way(100.0))
        };
        let goals = goals(vec![objective("a", vec![kr])]);
        let values = [(2.0, 1.0), (10.0, 0.5), (11.0, 60.0), (60.0, 20.0)];
        let mut past = retrace(&goals, vec![("a/up", lore(&values))]);
        assert!(past.turned(&id("a/up")).is_empty());
        past.at(day(61.0));
        let turned = past.turned(&id("a/up"));
        let found: Vec<_> = turned
            .iter()
            .map(|card| (card.status, card.status_since))
            .collect();
        // It counts to the end of that instant.
        let silent_at = |value: f64| day(value + silent) + jiff::SignedDuration::from_millis(1);
        assert_eq!(
            found.last().map(|(_, since)| *since),
            Some(day(60.0)),
            "{found:?}"
        );
        assert!(found.contains(&(Status::OnTrack, day(11.0))), "{found:?}");
        assert!(
            found.contains(&(Status::Stale, silent_at(11.0))),
            "{found:?}"
        );
        assert!(
            found
                .windows(2)
                .all(|two| two[0].0 != two[1].0 && two[0].1 < two[1].1),
            "{found:?}"
        );
        assert!(past.turned(&id("a/none")).is_empty());
    }

    #[test]
    fn a_target_is_what_it_was_then() {
        let mut amended = key_result("o/k", "", way(60.0));
        let change = |from, to| {
            Change::Target(Step {
                from: Target::Absolute(from),
                to: Target::Absolute(to),
            })
        };
        let on = |month, day, change| Amendment {
            date: date(2026, month, day),
            change,
            reason: "R".into(),
            approved_by: "lead".into(),
        };
        amended.amendments = vec![on(2, 10, change(100.0, 80.0)), on(3, 1, change(80.0, 60.0))];
        let goals = goals(vec![objective("o", vec![amended])]);
        let mut retrace = retrace(&goals, vec![("o/k", lore(&[(0.0, 0.0), (30.0, 40.0)]))]);
        let cycle = quarter();
        let begins = |month, day| midnight(&cycle, date(2026, month, day));
        let before = |at: Timestamp| at - jiff::SignedDuration::from_millis(1);
        for (at, target) in [
            (day(0.5), 100.0),
            (before(begins(2, 10)), 100.0),
            (begins(2, 10), 80.0),
            (before(begins(3, 1)), 80.0),
            (begins(3, 1), 60.0),
        ] {
            let card = card(&retrace.at(at), "o/k");
            assert_eq!(card.target, Some(target), "{at}");
            let value = card.value.unwrap().0;
            assert_eq!(card.progress_raw, Some(value / target), "{at}");
        }
    }

    #[test]
    fn figures_stand_in_the_units_of_then() {
        let mut rebased = key_result("o/k", "", way(200.0));
        rebased.rebases = vec![Rebase {
            date: date(2026, 2, 10),
            old: 10.0,
            new: 20.0,
            at: None,
            from: None,
            reason: "R".into(),
            approved_by: "lead".into(),
        }];
        let goals = goals(vec![objective("o", vec![rebased])]);
        let mut retrace = retrace(&goals, vec![("o/k", lore(&[(0.0, 0.0), (30.0, 80.0)]))]);
        let of = |card: &KeyResultCard| (card.value.unwrap().0, card.target.unwrap());
        let earlier = card(&retrace.at(day(31.0)), "o/k");
        let later = card(&retrace.at(day(60.0)), "o/k");
        assert_eq!((of(&earlier), of(&later)), ((40.0, 100.0), (80.0, 200.0)));
        assert_eq!(earlier.progress_raw, later.progress_raw);
    }

    #[test]
    fn a_status_has_begun_when_it_began_and_not_at_a_step() {
        let short = KeyResult {
            stale_after: days(2),
            ..key_result("o/k", "", way(100.0))
        };
        let goals = goals(vec![objective("o", vec![short])]);
        let values = lore(&[(0.1, 0.0), (10.25, 99.0)]);
        let mut retrace = retrace(&goals, vec![("o/k", values)]);
        for (at, status, since) in [
            (1.0, Status::TooEarly, day(0.1)),
            (
                5.0,
                Status::Stale,
                day(2.1) + jiff::SignedDuration::from_millis(1),
            ),
            (11.0, Status::OnTrack, day(10.25)),
        ] {
            let card = card(&retrace.at(day(at)), "o/k");
            assert_eq!((card.status, card.status_since), (status, since), "{at}");
        }
    }

    #[test]
    fn what_nobody_knew_of_is_not_told() {
        let late = lore(&[(20.0, 5.0)]);
        let goals = goals(vec![
            objective(
                "o",
                vec![
                    key_result("o/early", "", way(10.0)),
                    polled(key_result("o/late", "", way(10.0))),
                ],
            ),
            objective("silent", vec![key_result("silent/k", "", way(10.0))]),
        ]);
        let mut retrace = retrace(
            &goals,
            vec![("o/early", lore(&[(1.0, 5.0)])), ("o/late", late)],
        );
        let names = |scorecard: &Scorecard| -> Vec<String> {
            let all = scorecard.key_results();
            all.map(|(_, card)| card.key_result.id.key_result.to_string())
                .collect()
        };
        assert!(retrace.at(day(0.5)).objectives.is_empty());
        assert_eq!(names(&retrace.at(day(1.5))), ["early"]);
        assert_eq!(names(&retrace.at(day(20.5))), ["early", "late"]);
    }

    fn polled(key_result: KeyResult) -> KeyResult {
        let source = crate::domain::id::Slug::parse("crm").unwrap();
        KeyResult {
            feed: Feed::Polled { source },
            ..key_result
        }
    }

    /// A tree of objectives with each kind of key result.
    fn everything() -> Goals {
        let kinds = [Kind::Cumulative, Kind::Level, Kind::Window, Kind::Ratio];
        let of_kind = |(nth, kind): (usize, Kind)| KeyResult {
            kind,
            stale_after: days(9),
            ..key_result(&format!("o/k{nth}"), "", way(100.0))
        };
        let mut all: Vec<_> = kinds.into_iter().enumerate().map(of_kind).collect();
        all.push(KeyResult {
            feed: Feed::Computed(Formula::parse("k0 + k1").unwrap()),
            ..key_result("o/sum", "", way(100.0))
        });
        let band = KeyResult {
            stale_after: days(3),
            ..key_result("below/band", "", at_most(50.0))
        };
        let first = key_result(
            "below/first",
            "",
            reach(Baseline::First, Target::Plus(50.0)),
        );
        goals(vec![
            objective("o", all),
            crate::domain::example::under(
                "o",
                ParentLink::Contributes,
                objective("below", vec![band, first]),
            ),
        ])
    }

    const PATHS: [&str; 6] = ["o/k0", "o/k1", "o/k2", "o/k3", "below/band", "below/first"];

    /// Since when a status stands follows from what was judged before; all else is that of a judgement from scratch.
    fn without_since(scorecard: &Scorecard) -> Vec<KeyResultCard> {
        let cards = scorecard.key_results().map(|(_, card)| KeyResultCard {
            status_since: Timestamp::UNIX_EPOCH,
            ..KeyResultCard::clone(card)
        });
        cards.collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        /// However values come in and wherever one looks: what is told is what a judgement from scratch says of what was
        /// known by then.
        #[test]
        fn each_step_is_judged_like_the_present(
            arrivals in prop::collection::vec((0_usize..6, -2.0..100.0_f64, 0.0..4.0_f64, 0.0..120.0_f64), 1..60),
            steps in prop::collection::btree_set(0_u32..1050, 1..20),
        ) {
            let goals = everything();
            let mut all: HashMap<KeyResultId, Lore> = HashMap::new();
            for path in PATHS {
                all.entry(id(path)).or_default().begins = Some(day(-3.0));
            }
            for (nth, from, late, value) in &arrivals {
                let told = told(*from, from - late, *value);
                all.entry(id(PATHS[*nth])).or_default().values.push(told);
            }
            let mut retrace = Retrace::new(&goals, |_| true, all.clone(), &History::default());
            for step in steps {
                let now = f64::from(step) / 10.0;
                let mut known = History::default();
                for (id, lore) in &all {
                    let mut values = lore.values.clone();
                    values.sort_by_key(|told| told.from);
                    let of = goals.key_result(id).unwrap();
                    for told in values.iter().filter(|told| told.from <= day(now)) {
                        let daily = !of.aim.needs_every_value();
                        known.record(id).enter(told.point, &quarter(), daily);
                    }
                }
                let found = retrace.at(day(now));
                let expected = score(&goals, &known, day(now));
                let pairs = without_since(&found).into_iter().zip(without_since(&expected));
                for (found, expected) in pairs {
                    prop_assert_eq!(found, expected, "day {}", now);
                }
                let sums = |scorecard: &Scorecard| -> Vec<_> {
                    let all = scorecard.objectives();
                    all.map(|o| (o.progress, o.expected, o.coverage, o.status)).collect()
                };
                prop_assert_eq!(sums(&found), sums(&expected));
            }
        }
    }
}
