//! What the board says, as metric families: cycles, objectives, key results, sources, configuration, store. Samples
//! are made afresh from each board, so that what was removed disappears at once. Computes no figure of its own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::names::{self, Metric};
use super::writer::{Family, Labels, Sample, Value};
use crate::domain::forecast::Forecast;
use crate::domain::goals::Objective;
use crate::domain::scorecard::{KeyResultCard, ObjectiveCard, Scorecard};
use crate::domain::status::Status;
use crate::domain::target::{Aim, Band};
use crate::engine::board::{Board, SourceBoard};

/// The longest title in a label, in characters.
const LONGEST_TITLE: usize = 120;

/// All families of a board, in the order of the table.
#[must_use]
pub fn families(board: &Board) -> Vec<Family> {
    let mut all = first(&board.scorecard);
    all.extend(goals(&board.scorecard.objectives));
    all.extend(rest(board));
    all
}

/// What follows from a scorecard alone: the families of cycles, objectives and key results, of now or of any instant.
#[must_use]
pub fn judged(scorecard: &Scorecard) -> Vec<Family> {
    let mut all = cycles(scorecard);
    all.extend(goals(&scorecard.objectives));
    all
}

/// The families of company and cycles, which come first.
pub(super) fn first(scorecard: &Scorecard) -> Vec<Family> {
    let mut all = vec![company(scorecard)];
    all.extend(cycles(scorecard));
    all
}

/// The families of objectives and their key results.
fn goals(cards: &[Arc<ObjectiveCard>]) -> Vec<Family> {
    let cards = in_order(cards);
    let mut all = objectives(&cards);
    all.extend(key_results(&members(&cards)));
    all
}

/// The families of sources, configuration and store, which come last.
pub(super) fn rest(board: &Board) -> Vec<Family> {
    let mut all = sources(&board.sources);
    all.extend(daemon(board));
    all
}

/// One gauge over many things: a sample for each thing that has a value.
fn gauge<'a, T: 'a>(
    metric: &'static Metric,
    things: &'a [(Arc<Labels>, T)],
    value: impl Fn(&T) -> Option<f64>,
) -> Family {
    let sample = |(labels, thing): &(Arc<Labels>, T)| {
        Some((Arc::clone(labels), Value::Number(value(thing)?)))
    };
    Family::new(metric, things.iter().filter_map(sample))
}

fn company(scorecard: &Scorecard) -> Family {
    let company = &scorecard.company;
    let labels = Labels::new([
        ("name", short(&company.name)),
        (
            "vision",
            short(company.vision.as_deref().unwrap_or_default()),
        ),
    ]);
    Family::new(&names::COMPANY_INFO, [number(labels, 1.0)])
}

fn cycles(scorecard: &Scorecard) -> Vec<Family> {
    let cycles: Vec<_> = scorecard
        .cycles
        .iter()
        .map(|cycle| {
            let labels = Labels::new([("cycle", cycle.name.as_str().to_owned())]);
            (Arc::new(labels), cycle)
        })
        .collect();
    let mut counts = BTreeMap::new();
    for card in scorecard.objectives().flat_map(|o| &o.key_results) {
        *counts
            .entry((&card.key_result.id.cycle, card.status))
            .or_insert(0_u32) += 1;
    }
    let closed: BTreeMap<_, _> = scorecard
        .objectives()
        .filter_map(|card| Some((&card.objective.id.cycle, card.closed_at?)))
        // Of an instant in the past it was not known yet.
        .filter(|(_, at)| *at <= scorecard.at)
        .collect();
    let per_status = cycles.iter().flat_map(|(labels, cycle)| {
        Status::ALL.map(|status| {
            let count = counts.get(&(&cycle.name, status)).copied().unwrap_or(0);
            number(labels.with("status", status.as_str()), f64::from(count))
        })
    });
    vec![
        gauge(&names::CYCLE_START, &cycles, |c| seconds(c.start())),
        gauge(&names::CYCLE_END, &cycles, |c| seconds(c.end())),
        gauge(&names::CYCLE_CLOSED, &cycles, |c| {
            closed.get(&c.name).and_then(|at| seconds(*at))
        }),
        Family::new(&names::KEY_RESULTS, per_status),
    ]
}

/// The families of some objectives: always the same families in the same order.
pub(super) fn objectives(cards: &[Arc<ObjectiveCard>]) -> Vec<Family> {
    let cards: Vec<_> = cards
        .iter()
        .map(|card| {
            let id = &card.objective.id;
            let labels = Labels::new([
                ("cycle", id.cycle.as_str().to_owned()),
                ("objective", id.objective.as_str().to_owned()),
            ]);
            (Arc::new(labels), card)
        })
        .collect();
    let info = cards.iter().map(|(labels, card)| {
        let objective = &card.objective;
        let parent = objective
            .parent
            .as_ref()
            .map_or("", |p| p.objective.as_str());
        let labels = labels
            .with("team", objective.team.as_ref().map_or("", |t| t.as_str()))
            .with("parent", parent)
            .with("title", short(&objective.title));
        number(labels, 1.0)
    });
    let status = cards
        .iter()
        .map(|(labels, card)| number(labels.with("status", card.status.as_str()), 1.0));
    vec![
        Family::new(&names::OBJECTIVE_INFO, info),
        gauge(&names::OBJECTIVE_SCORE, &cards, |c| c.progress),
        gauge(&names::OBJECTIVE_EXPECTED_SCORE, &cards, |c| c.expected),
        gauge(&names::OBJECTIVE_COVERAGE, &cards, |c| Some(c.coverage)),
        Family::new(&names::OBJECTIVE_STATUS, status),
    ]
}

/// A key result with the objective that it belongs to.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) objective: Arc<Objective>,
    pub(super) card: Arc<KeyResultCard>,
}

/// Objectives in the order of their labels.
pub(super) fn in_order(cards: &[Arc<ObjectiveCard>]) -> Vec<Arc<ObjectiveCard>> {
    let mut cards = cards.to_vec();
    cards.sort_by(|a, b| {
        let (a, b) = (&a.objective.id, &b.objective.id);
        let cycles = ended(a.cycle.as_str()).cmp(ended(b.cycle.as_str()));
        cycles.then_with(|| ended(a.objective.as_str()).cmp(ended(b.objective.as_str())))
    });
    cards
}

/// The key results of objectives that are in order, in the order of their labels.
pub(super) fn members(cards: &[Arc<ObjectiveCard>]) -> Vec<Member> {
    let of_card = cards.iter().flat_map(|card| {
        let mut all = card.key_results.clone();
        all.sort_by(|a, b| {
            let [a, b] = [a, b].map(|card| ended(card.key_result.id.key_result.as_str()));
            a.cmp(b)
        });
        let objective = &card.objective;
        all.into_iter().map(|card| Member {
            objective: Arc::clone(objective),
            card,
        })
    });
    of_card.collect()
}

/// A value as it is written, where a quote ends it: what decides the order of labels.
fn ended(text: &str) -> impl Iterator<Item = u8> {
    text.bytes().chain([b'"'])
}

/// The families of some key results: always the same families in the same order.
pub(super) fn key_results(members: &[Member]) -> Vec<Family> {
    let all: Vec<_> = members
        .iter()
        .map(|kr| {
            let id = &kr.card.key_result.id;
            let labels = Labels::new([
                ("cycle", id.cycle.as_str().to_owned()),
                ("objective", id.objective.as_str().to_owned()),
                ("key_result", id.key_result.as_str().to_owned()),
            ]);
            (Arc::new(labels), kr)
        })
        .collect();
    let info = all
        .iter()
        .map(|(labels, kr)| number(key_result_info(labels, kr), 1.0));
    let status = all
        .iter()
        .map(|(labels, kr)| number(labels.with("status", kr.card.status.as_str()), 1.0));
    let band = all.iter().flat_map(|(labels, kr)| {
        let ends = band(&kr.card).into_iter();
        ends.map(|(bound, value)| number(labels.with("bound", bound), value))
    });
    let quality = all.iter().filter(|(_, kr)| !kr.card.stale);
    let quality = quality.flat_map(|(labels, kr)| {
        let flags = kr.card.quality.flags();
        flags.map(|flag| number(labels.with("flag", flag.as_str()), 1.0))
    });
    let g = |metric, value: fn(&KeyResultCard) -> Option<f64>| {
        gauge(metric, &all, |kr| value(&kr.card))
    };
    // What is stale is not believed, and not exported either: the scraper then marks the series as ended.
    vec![
        Family::new(&names::KEY_RESULT_INFO, info),
        g(&names::KEY_RESULT_VALUE, |c| {
            fresh(c, c.value.map(|(value, _)| value))
        }),
        g(&names::KEY_RESULT_BASELINE, |c| c.baseline),
        g(&names::KEY_RESULT_TARGET, |c| c.target),
        Family::new(&names::KEY_RESULT_BAND, band),
        g(&names::KEY_RESULT_EXPECTED, |c| c.expected_value),
        g(&names::KEY_RESULT_FORECAST, |c| {
            fresh(c, forecast(c).map(|forecast| forecast.value))
        }),
        g(&names::KEY_RESULT_FORECAST_ERROR, |c| {
            c.forecast_error.map(|told| told.error)
        }),
        g(&names::KEY_RESULT_PROGRESS, |c| fresh(c, c.progress_raw)),
        g(&names::KEY_RESULT_EXPECTED_PROGRESS, |c| {
            c.expected_progress
        }),
        g(&names::KEY_RESULT_FORECAST_PROGRESS, |c| {
            fresh(c, forecast(c).map(|forecast| forecast.progress))
        }),
        g(&names::KEY_RESULT_SCORE, |c| fresh(c, c.progress)),
        g(&names::KEY_RESULT_CONFIDENCE, |c| c.confidence),
        g(&names::KEY_RESULT_WEIGHT, |c| Some(c.weight())),
        Family::new(&names::KEY_RESULT_STATUS, status),
        g(&names::KEY_RESULT_STATUS_SINCE, |c| seconds(c.status_since)),
        g(&names::KEY_RESULT_LAST_MEASUREMENT, |c| {
            c.value.and_then(|(_, at)| seconds(at))
        }),
        g(&names::KEY_RESULT_LAST_MEASUREMENT_SUCCESSFUL, |c| {
            c.last_attempt
                .as_ref()
                .map(|attempt| truth(attempt.fault.is_none()))
        }),
        g(&names::KEY_RESULT_MAX_AGE, |c| {
            Some(c.key_result.stale_after.as_secs_f64())
        }),
        Family::new(&names::KEY_RESULT_QUALITY, quality),
    ]
}

fn key_result_info(labels: &Labels, kr: &Member) -> Labels {
    let key_result = &kr.card.key_result;
    let team = kr.objective.team.as_ref();
    labels
        .with("team", team.map_or("", |team| team.as_str()))
        .with("unit", short(&key_result.unit))
        .with("direction", kr.card.direction.as_str())
        .with("source", key_result.feed.source())
        .with("title", short(&key_result.title))
}

/// The ends of the band that is to be held, by the words of the configuration.
fn band(card: &KeyResultCard) -> Vec<(&'static str, f64)> {
    let Aim::Hold(hold) = &card.key_result.aim else {
        return Vec::new();
    };
    match hold.band {
        Band::AtLeast(low) => vec![("at_least", low)],
        Band::AtMost(high) => vec![("at_most", high)],
        Band::Between(low, high) => vec![("at_least", low), ("at_most", high)],
    }
}

fn forecast(card: &KeyResultCard) -> Option<&Forecast> {
    card.forecast.as_ref().ok()
}

fn fresh(card: &KeyResultCard, value: Option<f64>) -> Option<f64> {
    value.filter(|_| !card.stale)
}

fn sources(boards: &[SourceBoard]) -> Vec<Family> {
    let all: Vec<_> = boards
        .iter()
        .map(|source| {
            let labels = Labels::new([("source", source.name.as_str().to_owned())]);
            (Arc::new(labels), source)
        })
        .collect();
    let info = all
        .iter()
        .map(|(labels, source)| number(labels.with("kind", source.kind), 1.0));
    let g = |metric, value: fn(&SourceBoard) -> Option<f64>| gauge(metric, &all, |s| value(s));
    vec![
        Family::new(&names::SOURCE_INFO, info),
        g(&names::SOURCE_UP, |s| s.up.map(truth)),
        g(&names::SOURCE_SUSPENDED, |s| Some(truth(s.suspended))),
        g(&names::SOURCE_BREAKER_OPEN, |s| Some(truth(s.breaker_open))),
        g(&names::SOURCE_POLL_INTERVAL, |s| {
            s.interval.map(|i: Duration| i.as_secs_f64())
        }),
        g(&names::SOURCE_LAST_POLL, |s| s.last_poll.and_then(seconds)),
        g(&names::SOURCE_LAST_SUCCESS, |s| {
            s.last_success.and_then(seconds)
        }),
        g(&names::SOURCE_NEXT_POLL, |s| s.next_poll.and_then(seconds)),
    ]
}

fn daemon(board: &Board) -> Vec<Family> {
    let (config, store) = (&board.config, &board.store);
    vec![
        plain(
            &names::CONFIG_LAST_RELOAD_SUCCESSFUL,
            Some(truth(config.last_load_accepted)),
        ),
        plain(
            &names::CONFIG_LAST_RELOAD_SUCCESS,
            seconds(config.loaded_at),
        ),
        plain(&names::CONFIG_WARNINGS, Some(whole(config.warnings))),
        plain(&names::STORE_UP, Some(truth(store.up))),
        plain(&names::STORE_SIZE, Some(bytes(store.size_bytes))),
        plain(&names::STORE_LOG_SIZE, Some(bytes(store.log_bytes))),
        plain(&names::STORE_INCIDENT, Some(truth(store.incident))),
        plain(
            &names::STORE_CHECKED,
            store.checked.and_then(|(at, _)| seconds(at)),
        ),
        plain(
            &names::STORE_SOUND,
            store.checked.map(|(_, sound)| truth(sound)),
        ),
        plain(&names::STORE_LAST_WRITE, store.last_write.and_then(seconds)),
    ]
}

/// A family of one sample without labels, if it has a value.
pub(super) fn plain(metric: &'static Metric, value: Option<f64>) -> Family {
    Family::new(metric, value.map(|value| number(Labels::default(), value)))
}

/// An instant as seconds since 1970, to the millisecond; the epoch itself stands for "never".
pub(super) fn seconds(at: Timestamp) -> Option<f64> {
    #[expect(
        clippy::cast_precision_loss,
        reason = "milliseconds of any calendar year fit into 53 bits"
    )]
    let seconds = at.as_millisecond() as f64 / 1000.0;
    (at != Timestamp::UNIX_EPOCH).then_some(seconds)
}

#[expect(clippy::cast_precision_loss, reason = "sizes far below 2^53")]
pub(super) fn bytes(size: u64) -> f64 {
    size as f64
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
pub(super) fn whole(count: usize) -> f64 {
    count as f64
}

fn number(labels: Labels, value: f64) -> Sample {
    (Arc::new(labels), Value::Number(value))
}

fn truth(yes: bool) -> f64 {
    f64::from(u8::from(yes))
}

/// A title as a label: one line of at most [`LONGEST_TITLE`] characters.
fn short(title: &str) -> String {
    let line = title.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut cut: String = line.take(LONGEST_TITLE).collect();
    if title.chars().nth(LONGEST_TITLE).is_some() {
        cut.pop();
        cut.push('…');
    }
    cut
}
