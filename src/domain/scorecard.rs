//! The scorecard: goals and history judged at one instant. Every face (metrics, page, JSON, terminal) reads its
//! figures from here and computes none of its own. Pure: `now` is an argument.

use std::sync::Arc;

use jiff::Timestamp;

use super::cycle::Cycle;
use super::goals::{Company, Goals, KeyResult, Objective};
use super::history::{History, LastAttempt, Record};
use super::id::ObjectiveId;
use super::status::Status;

/// Everything that was agreed, judged.
#[derive(Clone, Debug, PartialEq)]
pub struct Scorecard {
    /// The instant it was judged at.
    pub at: Timestamp,
    /// The company.
    pub company: Company,
    /// All cycles, by start.
    pub cycles: Vec<Cycle>,
    /// All objectives, in the order of their files.
    pub objectives: Vec<ObjectiveCard>,
}

/// An objective, judged.
#[derive(Clone, Debug, PartialEq)]
pub struct ObjectiveCard {
    /// What was agreed.
    pub objective: Arc<Objective>,
    /// The weighted mean of what is known, 0 to 1; `None` when nothing is.
    pub progress: Option<f64>,
    /// The score that the plan expects by now: S times the planned share, weighted alike.
    pub expected: Option<f64>,
    /// The share of the weights that is known, 0 to 1.
    pub coverage: f64,
    /// The worst status of what counts, capped by guardrails.
    pub status: Status,
    /// Its key results, in order.
    pub key_results: Vec<Arc<KeyResultCard>>,
}

/// A key result, judged.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyResultCard {
    /// What was agreed.
    pub key_result: Arc<KeyResult>,
    /// The newest good value and its instant, however old.
    pub value: Option<(f64, Timestamp)>,
    /// Whether `value` is too old to be believed; progress and score are then `None`.
    pub stale: bool,
    /// The baseline, once known; `None` for a band.
    pub baseline: Option<f64>,
    /// The target, once known; `None` for a band.
    pub target: Option<f64>,
    /// Share of the way from baseline to target, unclamped. For a band: compliance times elapsed share.
    pub progress_raw: Option<f64>,
    /// The same, clamped to 0..1.
    pub progress: Option<f64>,
    /// The planned share q of the way by now.
    pub expected_progress: Option<f64>,
    /// The planned value by now; `None` for a band.
    pub expected_value: Option<f64>,
    /// Share of known time in the band; `None` unless a band.
    pub compliance: Option<f64>,
    /// Share of the allowed time outside the band that is left (may be negative); `None` unless a band.
    pub budget_left: Option<f64>,
    /// Pace: progress against what the plan expects, 1 is as planned.
    pub pace: Option<f64>,
    /// The status.
    pub status: Status,
    /// One sentence that says why.
    pub reason: String,
    /// Since when it has this status.
    pub status_since: Timestamp,
    /// How the newest attempt to measure ended.
    pub last_attempt: Option<LastAttempt>,
    /// The newest confidence told by people.
    pub confidence: Option<f64>,
}

/// Judges all goals at `now`: the heart of the house.
#[must_use]
pub fn score(goals: &Goals, history: &History, now: Timestamp) -> Scorecard {
    let _ = (goals, history, now);
    unimplemented!()
}
