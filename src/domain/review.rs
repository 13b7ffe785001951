//! What is remarked on a set of goals by what was measured and said of them, beside any score: a start that was not the
//! baseline, a target that asks for nothing or too much, silence. Thresholds: the OKR method, "Lints". Facts go in, a
//! closed set of remarks comes out. Knows no file, no store, no source and no level of a finding.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::card::KeyResultCard;
use super::cycle::Cycle;
use super::forecast::TheilSen;
use super::goals::{Feed, Kind, Role};
use super::history::{CheckIn, Point, Record, Series};
use super::objective::ObjectiveCard;
use super::progress::Way;
use super::quality::Flag;
use super::reading::Reading;
use super::share::{EPSILON, at_least};
use super::status::Phase;
use super::target::{Aim, Baseline, Reach};

/// A question that takes longer is a load on its source.
pub const SLOW: Duration = Duration::from_secs(30);
/// A source should be kept busy for this share of its time at most.
pub const LOAD: f64 = 0.7;
/// Up to this share of its cycle a first value tells of the start; what comes later may be progress.
const START: f64 = 0.1;
/// How far the first value may lie from the baseline, as a share of the way.
const NEAR: f64 = 0.1;
/// A target needs at least this times the past trend, and at most that.
const TIMES: (f64, f64) = (1.0, 3.0);
/// A trend comes of at least so many days that were measured, as many days apart.
const LEAST_DAYS: (usize, f64) = (6, 14.0);
/// The days of which a trend is made, the newest ones.
const MOST_DAYS: usize = 366;
/// How likely the people who draft a key result should at least hold its target to be met, and at most.
const CONFIDENCE: (f64, f64) = (0.25, 0.9);
/// The share of its weights that must be known of an objective.
const COVERAGE: f64 = 0.5;
/// How long nothing may move after the start, and nobody speak: two of the weeks in which people check in.
const QUIET: SignedDuration = SignedDuration::from_hours(14 * 24);
const DAY: f64 = 86_400.0;

/// What is remarked on one key result.
#[derive(Clone, Debug, PartialEq)]
pub enum Remark {
    /// The first value meets the target.
    Done {
        /// The first value.
        value: f64,
        /// The target.
        target: f64,
    },
    /// The first value lies away from the baseline.
    Start {
        /// The first value.
        value: f64,
        /// The baseline.
        baseline: f64,
        /// How far, as a share of the way; above a tenth.
        off: f64,
    },
    /// The target needs another trend than the past one.
    Reach {
        /// Units a day from baseline to target.
        needed: f64,
        /// Units a day in the past.
        past: f64,
        /// The first by the second; below 1 or above 3.
        times: f64,
    },
    /// Those who drafted it are almost sure, or hardly believe in it.
    Confidence {
        /// The mean of what they said, 0 to 1.
        mean: f64,
        /// How many said it.
        told: usize,
    },
    /// The newest value is too old to be believed.
    Stale {
        /// What it describes.
        as_of: Timestamp,
    },
    /// No value is another than the first one.
    Unmoved {
        /// That value; `None` when there is none.
        value: Option<f64>,
    },
    /// Nobody checked in.
    Unspoken {
        /// When somebody last did.
        last: Option<Timestamp>,
    },
}

/// The share of its time for which a source is busy with questions, each asked so long and every so often, of which
/// `at_a_time` are under way at a time and begin `gap` apart at least. Above 1 it never gets round.
#[must_use]
pub fn load(
    questions: impl IntoIterator<Item = (Duration, Duration)>,
    at_a_time: usize,
    gap: Duration,
) -> f64 {
    let (mut busy, mut begun) = (0.0, 0.0);
    for (takes, every) in questions {
        let every = every.as_secs_f64();
        busy += takes.as_secs_f64() / every;
        begun += gap.as_secs_f64() / every;
    }
    f64::max(busy / at_a_time.max(1) as f64, begun)
}

/// Whether an answer took so long that it is a load on its source.
#[must_use]
pub fn is_slow(took: Duration) -> bool {
    took > SLOW
}

/// Whether two answers to the same question contradict each other: they describe one instant and differ by more than
/// the rounding of sums taken in another order. Estimates may differ.
#[must_use]
pub fn contradict(first: &Reading, second: &Reading) -> bool {
    let estimates = [first, second].map(|r| r.quality.has(Flag::Approximate));
    let estimates = estimates.contains(&true);
    let size = first.value.abs().max(second.value.abs());
    let differ = (first.value - second.value).abs() > EPSILON * size || first.exact != second.exact;
    !estimates && first.as_of == second.as_of && differ
}

/// What the first value of a cycle says of baseline and target: [`Remark::Done`] or [`Remark::Start`]. Before the cycle
/// begins it is the value as of now. One that came when a tenth of the cycle was over says nothing.
#[must_use]
pub fn start(aim: &Aim, cycle: &Cycle, first: Point) -> Option<Remark> {
    let Aim::Reach(reach) = aim else {
        return None;
    };
    let Baseline::Fixed(baseline) = reach.baseline else {
        return None;
    };
    let (way, value) = (way(reach, baseline)?, first.value);
    if !at_least(START, cycle.elapsed(first.as_of)) {
        return None;
    }
    if way.is_met(value) {
        let target = way.target();
        return Some(Remark::Done { value, target });
    }
    let off = (value - way.baseline()).abs() / (way.target() - way.baseline()).abs();
    let baseline = way.baseline();
    (!at_least(NEAR, off)).then_some(Remark::Start {
        value,
        baseline,
        off,
    })
}

/// The way of an aim whose baseline is known; with anchors from the first of them to the last.
fn way(reach: &Reach, baseline: f64) -> Option<Way> {
    Way::from(reach, baseline).ok()
}

/// How fast a number moved in an earlier cycle, in units a day: of a flow all of it by the days it took, of anything else
/// the median line through its days. `None` for too few days.
#[must_use]
pub fn trend(kind: Kind, cycle: &Cycle, series: &Series) -> Option<f64> {
    let (least, span) = LEAST_DAYS;
    let points = series.points().iter().filter(|p| cycle.covers(p.as_of));
    let days = |p: &Point| p.as_of.duration_since(cycle.start()).as_secs_f64() / DAY;
    let mut points: Vec<(f64, f64)> = points.map(|p| (days(p), p.value)).collect();
    points.drain(..points.len().saturating_sub(MOST_DAYS));
    let (first, last) = (points.first()?, points.last()?);
    match kind {
        Kind::Cumulative => (last.0 >= span).then(|| last.1 / last.0),
        Kind::Level | Kind::Window | Kind::Ratio => {
            let enough = points.len() >= least && last.0 - first.0 >= span;
            let line = enough.then(|| TheilSen::through(&points))?;
            line.map(|line| line.slope)
        }
    }
}

/// What a target needs beside a past trend, both in units a day. Where nothing moved, or the other way, there is nothing
/// to be a multiple of.
#[must_use]
pub fn reach(baseline: f64, target: f64, cycle: &Cycle, past: f64) -> Option<Remark> {
    let days = cycle.end().duration_since(cycle.start()).as_secs_f64() / DAY;
    let needed = (target - baseline) / days;
    let times = needed / past;
    let (least, most) = TIMES;
    let fits = at_least(times, least) && at_least(most, times);
    (times.is_finite() && times > 0.0 && !fits).then_some(Remark::Reach {
        needed,
        past,
        times,
    })
}

/// Whether a check-in belongs to the draft: it was told before the cycle began or in its first week, when people agree.
#[must_use]
pub fn is_of_the_draft(said: &CheckIn, cycle: &Cycle) -> bool {
    said.at.duration_since(cycle.start()) < QUIET / 2
}

/// What the confidences of a draft come to, one of each who told one.
#[must_use]
pub fn confidence(told: &[f64]) -> Option<Remark> {
    #[expect(clippy::cast_precision_loss, reason = "people can be counted")]
    let mean = told.iter().sum::<f64>() / told.len() as f64;
    let (least, most) = CONFIDENCE;
    let fits = at_least(mean, least) && at_least(most, mean);
    (mean.is_finite() && !fits).then_some(Remark::Confidence {
        mean,
        told: told.len(),
    })
}

/// What is remarked on the silence of a key result while its cycle runs.
#[must_use]
pub fn silence(
    card: &KeyResultCard,
    record: Option<&Record>,
    cycle: &Cycle,
    now: Timestamp,
) -> Vec<Remark> {
    if !cycle.is_open(now) {
        return Vec::new();
    }
    let stale = card.value.filter(|_| card.stale);
    let stale = stale.map(|(_, as_of)| Remark::Stale { as_of });
    let is_quiet = |since: Timestamp| now.duration_since(since) >= QUIET;
    let unmoved = is_quiet(cycle.start()) && expects_movement(card);
    let unmoved = unmoved.then(|| unmoved_of(record, cycle, now)).flatten();
    let last = card.check_in.as_ref().map(|said| said.at);
    let spoke = last.map_or(cycle.start(), |last| last.max(cycle.start()));
    let unspoken = is_quiet(spoke).then_some(Remark::Unspoken { last });
    stale.into_iter().chain(unmoved).chain(unspoken).collect()
}

/// Whether something should have moved by now: a value on its way of which a part is due. A guardrail rests, milestones
/// and what is so or not have days of their own, and of a formula the key results that it reads are told.
fn expects_movement(card: &KeyResultCard) -> bool {
    let key_result = &card.key_result;
    let on_its_way = matches!(key_result.aim, Aim::Reach(_)) && key_result.role != Role::Guardrail;
    let computed = matches!(key_result.feed, Feed::Computed(_));
    on_its_way && !computed && card.expected_progress.is_some_and(|due| due > 0.0)
}

fn unmoved_of(record: Option<&Record>, cycle: &Cycle, now: Timestamp) -> Option<Remark> {
    let points = record.map_or(&[][..], |record| record.series.points());
    let of_cycle = |p: &&Point| cycle.covers(p.as_of) && p.as_of <= now;
    let mut values = points.iter().filter(of_cycle).map(|p| p.value);
    let first = record.and_then(|record| record.baseline(cycle));
    let value = first.map(|p| p.value).or_else(|| values.clone().next());
    let same = values.all(|v| Some(v) == value);
    same.then_some(Remark::Unmoved { value })
}

/// The share of an objective's weights that is known, where that is too little to tell its score and its cycle runs.
#[must_use]
pub fn uncovered(card: &ObjectiveCard, cycle: &Cycle, now: Timestamp) -> Option<f64> {
    let counts = card.key_results.iter().any(|kr| kr.weight() > 0.0);
    let little = counts && cycle.is_open(now) && !at_least(card.coverage, COVERAGE);
    little.then_some(card.coverage)
}

/// Whether a cycle is over and settled, and nobody closed it.
#[must_use]
pub fn is_left_open(cycle: &Cycle, closed_at: Option<Timestamp>, now: Timestamp) -> bool {
    Phase::of(cycle, now) == Phase::Closed && closed_at.is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::example::{
        at_most, day, days, goals, guardrail, key_result, objective, quarter, reach as aim, record,
    };
    use crate::domain::goals::{Goals, KeyResult};
    use crate::domain::history::History;
    use crate::domain::plan::Plan;
    use crate::domain::quality::Quality;
    use crate::domain::scorecard::{Scorecard, score};
    use crate::domain::target::Target;
    use Baseline::{First, Fixed};
    use Target::{Absolute, Share};

    fn first(at: f64, value: f64) -> Point {
        let as_of = day(at);
        Point { as_of, value }
    }

    /// The word of a remark, for tables.
    fn word(remark: Option<&Remark>) -> &'static str {
        match remark {
            None => "",
            Some(Remark::Done { .. }) => "done",
            Some(Remark::Start { .. }) => "start",
            Some(Remark::Reach { .. }) => "reach",
            Some(Remark::Confidence { .. }) => "confidence",
            Some(Remark::Stale { .. }) => "stale",
            Some(Remark::Unmoved { .. }) => "unmoved",
            Some(Remark::Unspoken { .. }) => "unspoken",
        }
    }

    #[test]
    fn a_probe_is_slow_beyond_thirty_seconds() {
        for (ms, slow) in [(0, false), (30_000, false), (30_001, true), (90_000, true)] {
            assert_eq!(is_slow(Duration::from_millis(ms)), slow, "{ms}");
        }
    }

    #[test]
    fn two_answers_for_one_instant_agree_or_are_estimates() {
        let told = |value: f64| Reading::new(value).unwrap();
        assert!(!contradict(&told(7.0), &told(7.0)));
        assert!(contradict(&told(7.0), &told(8.0)));
        assert!(contradict(&told(0.0), &told(1e-12)));
        // The same numbers added up in another order.
        assert!(!contradict(&told(0.1 + 0.2 + 0.3), &told(0.3 + 0.2 + 0.1)));
        let estimate = Reading {
            quality: Quality::default().with(Flag::Approximate),
            ..told(8.0)
        };
        assert!(!contradict(&told(7.0), &estimate) && !contradict(&estimate, &told(7.0)));
        let of = |as_of: f64, value| Reading {
            as_of: Some(day(as_of)),
            ..told(value)
        };
        assert!(contradict(&of(1.0, 7.0), &of(1.0, 8.0)));
        assert!(!contradict(&of(1.0, 7.0), &of(2.0, 8.0)));
        // Digits that no f64 tells apart.
        let large = |digits: i128| Reading::whole(digits);
        let last = 9_007_199_254_740_993;
        assert!(contradict(&large(last), &large(last + 2)));
    }

    #[test]
    fn a_first_value_lies_near_the_baseline_and_short_of_the_target() {
        for (baseline, target, at, value, expected) in [
            (Fixed(100.0), Absolute(200.0), 0.5, 100.0, ""),
            // 10 % of the way to either side is near.
            (Fixed(100.0), Absolute(200.0), 0.5, 110.0, ""),
            (Fixed(100.0), Absolute(200.0), 0.5, 90.0, ""),
            (Fixed(100.0), Absolute(200.0), 0.5, 110.1, "start"),
            (Fixed(100.0), Absolute(200.0), 0.5, 89.9, "start"),
            (Fixed(100.0), Absolute(200.0), 0.5, 199.9, "start"),
            (Fixed(100.0), Absolute(200.0), 0.5, 200.0, "done"),
            (Fixed(100.0), Absolute(200.0), 0.5, 300.0, "done"),
            (Fixed(200.0), Absolute(100.0), 0.5, 190.0, ""),
            (Fixed(200.0), Absolute(100.0), 0.5, 150.0, "start"),
            (Fixed(200.0), Absolute(100.0), 0.5, 80.0, "done"),
            (Fixed(2000.0), Share(0.3), 0.5, 2060.0, ""),
            (Fixed(2000.0), Share(0.3), 0.5, 2061.0, "start"),
            (Fixed(2000.0), Share(0.3), 0.5, 2600.0, "done"),
            // Before the cycle, at a tenth of it, and when it may be progress.
            (Fixed(100.0), Absolute(200.0), -30.0, 150.0, "start"),
            (Fixed(100.0), Absolute(200.0), 9.0, 150.0, "start"),
            (Fixed(100.0), Absolute(200.0), 9.1, 150.0, ""),
            (Fixed(100.0), Absolute(200.0), 45.0, 200.0, ""),
            // The first value is the baseline itself.
            (First, Absolute(200.0), 0.5, 300.0, ""),
        ] {
            let aim = aim(baseline, target);
            let found = start(&aim, &quarter(), first(at, value));
            let row = format!("{baseline:?} {target:?} {at} {value}");
            assert_eq!(word(found.as_ref()), expected, "{row}");
        }
        assert_eq!(start(&at_most(3.0), &quarter(), first(0.5, 9.0)), None);
        let aim = aim(Fixed(100.0), Absolute(200.0));
        let told = start(&aim, &quarter(), first(0.5, 150.0));
        let half = Remark::Start {
            value: 150.0,
            baseline: 100.0,
            off: 0.5,
        };
        assert_eq!(told, Some(half));
    }

    #[test]
    fn a_strict_target_is_not_met_on_it() {
        let strict = |value| {
            let Aim::Reach(reach) = aim(Fixed(100.0), Absolute(200.0)) else {
                panic!("a value to reach");
            };
            let aim = Aim::Reach(Reach {
                strict: true,
                ..reach
            });
            start(&aim, &quarter(), first(0.0, value))
        };
        assert_eq!(word(strict(200.0).as_ref()), "start");
        assert_eq!(word(strict(201.0).as_ref()), "done");
    }

    #[test]
    fn a_target_asks_for_one_to_three_times_the_past_trend() {
        // The quarter has 90 days.
        for (baseline, target, past, expected) in [
            (0.0, 90.0, 1.0, ""),
            (0.0, 90.0, 1.0 / 3.0, ""),
            (0.0, 90.0, 0.33, "reach"),
            (0.0, 90.0, 1.01, "reach"),
            (90.0, 0.0, -1.0, ""),
            (90.0, 0.0, -2.0, "reach"),
            (90.0, 0.0, -0.1, "reach"),
            // Nothing moved, or the other way: there is nothing to be a multiple of.
            (0.0, 90.0, 0.0, ""),
            (0.0, 90.0, -1.0, ""),
        ] {
            let found = reach(baseline, target, &quarter(), past);
            let row = format!("{baseline} {target} {past}");
            assert_eq!(word(found.as_ref()), expected, "{row}");
        }
        let told = reach(0.0, 90.0, &quarter(), 0.25);
        let fourfold = Remark::Reach {
            needed: 1.0,
            past: 0.25,
            times: 4.0,
        };
        assert_eq!(told, Some(fourfold));
    }

    #[test]
    fn a_past_trend_needs_two_weeks_and_six_days() {
        let daily = |days: u32| {
            let samples: Vec<(f64, f64)> = (0..days)
                .map(|d| (f64::from(d), 100.0 + 2.0 * f64::from(d)))
                .collect();
            record(&samples).series
        };
        let level = |days| trend(Kind::Level, &quarter(), &daily(days));
        assert_eq!(level(90), Some(2.0));
        assert_eq!(level(15), Some(2.0));
        assert_eq!(level(14), None);
        assert_eq!(trend(Kind::Level, &quarter(), &Series::default()), None);
        let few = record(&[(0.0, 1.0), (20.0, 2.0), (40.0, 3.0)]).series;
        assert_eq!(trend(Kind::Window, &quarter(), &few), None);
        // A flow counts from the start of its cycle; what lies outside belongs to another one.
        let flow = record(&[(-1.0, 500.0), (10.0, 5.0), (80.0, 40.0), (91.0, 9.0)]).series;
        assert_eq!(trend(Kind::Cumulative, &quarter(), &flow), Some(0.5));
        let young = record(&[(13.0, 40.0)]).series;
        assert_eq!(trend(Kind::Cumulative, &quarter(), &young), None);
    }

    #[test]
    fn a_draft_is_neither_safe_nor_hopeless() {
        for (told, expected) in [
            (&[][..], ""),
            (&[0.4, 0.75], ""),
            (&[0.9], ""),
            (&[0.25], ""),
            (&[0.95, 0.9], "confidence"),
            (&[0.2, 0.25, 0.28], "confidence"),
            (&[1.0, 0.5], ""),
        ] {
            assert_eq!(word(confidence(told).as_ref()), expected, "{told:?}");
        }
        let at = |days| CheckIn {
            at: day(days),
            confidence: Some(0.5),
            note: None,
        };
        for (days, expected) in [(-20.0, true), (0.0, true), (6.9, true), (7.0, false)] {
            assert_eq!(is_of_the_draft(&at(days), &quarter()), expected, "{days}");
        }
    }

    fn judged(
        key_result: KeyResult,
        record: Option<Record>,
        now: f64,
    ) -> (Goals, History, Scorecard) {
        let goals = goals(vec![objective("o", vec![key_result])]);
        let mut history = History::default();
        if let Some(record) = record {
            let id = goals.key_results().next().unwrap().1.id.clone();
            *history.record(&id) = record;
        }
        let scorecard = score(&goals, &history, day(now));
        (goals, history, scorecard)
    }

    /// The words of what is remarked on the silence of a key result.
    fn silent(key_result: KeyResult, record: Option<Record>, now: f64) -> Vec<&'static str> {
        let (_, history, scorecard) = judged(key_result, record, now);
        let (_, card) = scorecard.key_results().next().unwrap();
        let record = history.get(&card.key_result.id);
        let remarks = silence(card, record, &quarter(), day(now));
        remarks.iter().map(|remark| word(Some(remark))).collect()
    }

    #[test]
    fn silence_is_told_two_weeks_after_the_start() {
        let kr = || key_result("o/k", "u", aim(Fixed(0.0), Absolute(100.0)));
        let flat = || Some(record(&[(1.0, 3.0), (8.0, 3.0), (13.0, 3.0)]));
        assert_eq!(silent(kr(), flat(), 13.9), [""; 0]);
        assert_eq!(silent(kr(), flat(), 14.0), ["unmoved", "unspoken"]);
        assert_eq!(silent(kr(), None, 14.0), ["unmoved", "unspoken"]);
        let moved = Some(record(&[(1.0, 3.0), (8.0, 3.0), (13.0, 3.5)]));
        assert_eq!(silent(kr(), moved, 14.0), ["unspoken"]);
        let said = |at: f64| Record {
            check_in: Some(CheckIn {
                at: day(at),
                confidence: None,
                note: Some("fine".into()),
            }),
            ..record(&[(1.0, 3.0), (13.0, 4.0)])
        };
        assert_eq!(silent(kr(), Some(said(10.0)), 20.0), [""; 0]);
        assert_eq!(silent(kr(), Some(said(10.0)), 24.0), ["unspoken"]);
        // What was said of the draft is no check-in of the cycle, but gives it its two weeks.
        assert_eq!(silent(kr(), Some(said(-30.0)), 13.0), [""; 0]);
        // Before and after the cycle nothing is told.
        assert_eq!(silent(kr(), None, -1.0), [""; 0]);
        assert_eq!(silent(kr(), flat(), 90.0), [""; 0]);
    }

    #[test]
    fn what_rests_or_is_due_later_has_not_failed_to_start() {
        let flat = || Some(record(&[(1.0, 3.0), (13.0, 3.0)]));
        let band = key_result("o/k", "u", at_most(5.0));
        assert_eq!(silent(band, flat(), 20.0), ["unspoken"]);
        let way = || key_result("o/k", "u", aim(Fixed(0.0), Absolute(100.0)));
        assert_eq!(silent(guardrail(way()), flat(), 20.0), ["unspoken"]);
        let late = [(day(31.0), 0.0), (day(90.0), 100.0)];
        let later = KeyResult {
            plan: Some(Plan::new(late.to_vec())),
            ..way()
        };
        assert_eq!(silent(later, flat(), 20.0), ["unspoken"]);
    }

    #[test]
    fn a_value_that_is_too_old_and_an_objective_that_is_unknown_are_told() {
        let kr = || KeyResult {
            stale_after: days(3),
            ..key_result("o/k", "u", aim(Fixed(0.0), Absolute(100.0)))
        };
        let samples = || Some(record(&[(1.0, 3.0), (2.0, 4.0)]));
        assert_eq!(silent(kr(), samples(), 5.0), [""; 0]);
        assert_eq!(silent(kr(), samples(), 5.1), ["stale"]);
        for (record, now, expected) in [
            (samples(), 5.0, None),
            (samples(), 5.1, Some(0.0)),
            (None, 1.0, Some(0.0)),
            (None, -1.0, None),
            (samples(), 90.0, None),
        ] {
            let (_, _, scorecard) = judged(kr(), record, now);
            let card = scorecard.objectives().next().unwrap();
            assert_eq!(uncovered(card, &quarter(), day(now)), expected, "{now}");
        }
    }

    #[test]
    fn half_of_the_weights_is_enough() {
        let kr = |path| key_result(path, "u", aim(Fixed(0.0), Absolute(100.0)));
        let goals = goals(vec![objective("o", vec![kr("o/a"), kr("o/b")])]);
        let mut history = History::default();
        let (_, a) = goals.key_results().next().unwrap();
        *history.record(&a.id) = record(&[(1.0, 3.0)]);
        let scorecard = score(&goals, &history, day(2.0));
        let card = scorecard.objectives().next().unwrap();
        assert_eq!(card.coverage, 0.5);
        assert_eq!(uncovered(card, &quarter(), day(2.0)), None);
    }

    #[test]
    fn a_cycle_is_to_be_closed_once_it_has_settled() {
        let settled = 97.0;
        for (now, closed, left) in [
            (89.0, None, false),
            (96.9, None, false),
            (settled, None, true),
            (settled, Some(day(97.0)), false),
        ] {
            assert_eq!(is_left_open(&quarter(), closed, day(now)), left, "{now}");
        }
    }
}
