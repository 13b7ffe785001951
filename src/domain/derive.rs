//! What is known of a key result that no source is asked for: the record of a formula follows from those of the key
//! results it reads. Nothing of it is stored, so it can never disagree with them. Knows no store and no clock.

use std::borrow::Cow;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::formula::Formula;
use super::goals::{Feed, KeyResult, Objective};
use super::history::{Counts, History, Point, Record, Series};
use super::id::KeyResultId;
use super::quality::Quality;

/// The record by which a key result of `objective` is judged; `None` when nothing is known of it.
#[must_use]
pub fn record<'h>(
    objective: &Objective,
    key_result: &KeyResult,
    history: &'h History,
) -> Option<Cow<'h, Record>> {
    let own = history.get(&key_result.id);
    let Feed::Computed(formula) = &key_result.feed else {
        return own.map(Cow::Borrowed);
    };
    let empty = Series::default();
    let inputs: Vec<Input<'_>> = formula
        .inputs()
        .iter()
        .map(|slug| {
            let known = objective
                .key_results
                .iter()
                .find(|kr| kr.id.key_result == *slug);
            let record = known.and_then(|kr| history.get(&kr.id));
            let series = record.map(|record| &record.series);
            Input {
                quality: (record.and_then(|record| record.quality))
                    .map_or_else(Quality::default, |(_, quality)| quality),
                points: series.unwrap_or(&empty).points(),
                believed: known.map_or(Duration::ZERO, |kr| kr.stale_after),
            }
        })
        .collect();
    let mut record = own.cloned().unwrap_or_default();
    let computed = computed(formula, &inputs);
    let newest = computed.series.points().last();
    let own = newest.map(|p| end_of(p.as_of, key_result.stale_after));
    // What is held against one of the numbers is held against what follows from them.
    let quality = inputs.iter().map(|input| input.quality);
    let quality = quality.fold(Quality::default(), Quality::and);
    record.quality = newest
        .map(|p| (p.as_of, quality))
        .filter(|_| !quality.is_clear());
    record.believed_until = computed.believed_until.min(own);
    record.series = computed.series;
    record.counts = computed.counts;
    Some(Cow::Owned(record))
}

/// The key results of `objective` that are computed from this one.
pub fn dependents<'o>(
    objective: &'o Objective,
    id: &'o KeyResultId,
) -> impl Iterator<Item = &'o KeyResultId> {
    let reads = |kr: &KeyResult| match &kr.feed {
        Feed::Computed(formula) => formula.inputs().contains(&id.key_result),
        Feed::Polled { .. } | Feed::Recorded | Feed::Stated => false,
    };
    let all = objective.key_results.iter();
    all.filter(move |kr| reads(kr)).map(|kr| &kr.id)
}

/// What a formula reads of one key result.
struct Input<'h> {
    /// What is held against its newest value.
    quality: Quality,
    points: &'h [Point],
    believed: Duration,
}

#[derive(Default)]
struct Computed {
    series: Series,
    believed_until: Option<Timestamp>,
    counts: Option<(Timestamp, Counts)>,
}

/// One point at each instant at which an input changed, where all of them had a value that was still believed.
fn computed(formula: &Formula, inputs: &[Input<'_>]) -> Computed {
    let mut instants: Vec<Timestamp> = inputs
        .iter()
        .flat_map(|input| input.points)
        .map(|p| p.as_of)
        .collect();
    instants.sort_unstable();
    instants.dedup();
    let mut out = Computed::default();
    let mut next: Vec<usize> = vec![0; inputs.len()];
    for at in instants {
        let mut values = Vec::with_capacity(inputs.len());
        let mut until: Option<Timestamp> = None;
        for (input, next) in inputs.iter().zip(&mut next) {
            while input.points.get(*next).is_some_and(|p| p.as_of <= at) {
                *next += 1;
            }
            let Some(point) = next.checked_sub(1).and_then(|i| input.points.get(i)) else {
                break;
            };
            let believed = end_of(point.as_of, input.believed);
            if believed < at {
                break;
            }
            values.push(point.value);
            until = Some(until.map_or(believed, |until| until.min(believed)));
        }
        if values.len() < inputs.len() {
            continue;
        }
        if let Some(value) = formula.value(&values) {
            out.series.push(Point { as_of: at, value });
            out.believed_until = until;
            out.counts = formula.counts(&values).map(|counts| (at, counts));
        }
    }
    out
}

/// Until when a value is believed, that instant included.
#[must_use]
pub fn end_of(as_of: Timestamp, believed: Duration) -> Timestamp {
    let believed = SignedDuration::try_from(believed).ok();
    believed
        .and_then(|believed| as_of.checked_add(believed).ok())
        .unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::example::{
        day, days, goals, key_result, objective, reach, record as samples,
    };
    use crate::domain::scorecard::score;
    use crate::domain::status::Status;
    use crate::domain::target::{Baseline, Target};

    fn rate() -> Objective {
        let aim = || reach(Baseline::Fixed(0.0), Target::Absolute(5.0));
        let input = |path, stale| KeyResult {
            stale_after: days(stale),
            ..key_result(path, "", aim())
        };
        let rate = KeyResult {
            feed: Feed::Computed(Formula::parse("100 * signups / visitors").unwrap()),
            ..key_result("more/rate", "%", aim())
        };
        objective(
            "more",
            vec![rate, input("more/signups", 3), input("more/visitors", 5)],
        )
    }

    type Samples<'a> = &'a [(f64, f64)];

    fn history(signups: Samples<'_>, visitors: Samples<'_>) -> History {
        let mut history = History::default();
        for (path, points) in [("more/signups", signups), ("more/visitors", visitors)] {
            *history.record(&key_result(path, "", reach(Baseline::First, Target::Plus(1.0))).id) =
                samples(points);
        }
        history
    }

    fn points(history: &History) -> Vec<(Timestamp, f64)> {
        let rate = rate();
        let record = record(&rate, &rate.key_results[0], history).unwrap();
        record
            .series
            .points()
            .iter()
            .map(|p| (p.as_of, p.value))
            .collect()
    }

    #[test]
    fn a_formula_has_a_value_wherever_all_its_inputs_have_one() {
        let known = history(&[(1.0, 2.0), (3.0, 4.0)], &[(2.0, 100.0), (3.0, 200.0)]);
        assert_eq!(points(&known), [(day(2.0), 2.0), (day(3.0), 2.0)]);
        assert_eq!(points(&history(&[(1.0, 2.0)], &[])), []);
        // Nothing was measured where it would divide by 0, and where an input was too old.
        assert_eq!(points(&history(&[(1.0, 2.0)], &[(2.0, 0.0)])), []);
        assert_eq!(points(&history(&[(1.0, 2.0)], &[(4.5, 100.0)])), []);
    }

    #[test]
    fn it_is_stale_as_soon_as_one_of_its_inputs_is() {
        let goals = goals(vec![rate()]);
        let known = history(&[(10.0, 3.0)], &[(11.0, 100.0)]);
        for (now, status) in [(12.9, Status::OnTrack), (13.5, Status::Stale)] {
            let card = score(&goals, &known, day(now));
            let rate = &card.objectives[0].key_results[0];
            assert_eq!(
                (rate.status, rate.value.map(|v| v.0)),
                (status, Some(3.0)),
                "{now}"
            );
        }
    }

    #[test]
    fn its_counts_are_pooled() {
        let known = history(&[(10.0, 12.0)], &[(11.0, 200.0)]);
        let rate = rate();
        let record = record(&rate, &rate.key_results[0], &known).unwrap();
        assert_eq!(record.counts, Some((day(11.0), (12.0, 200.0))));
        let ids: Vec<_> = dependents(&rate, &rate.key_results[2].id).collect();
        assert_eq!(ids, [&rate.key_results[0].id]);
    }
}
