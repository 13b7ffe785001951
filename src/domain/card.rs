//! The card of a key result: every figure that a face may show, as judged at one instant. Made by `judge`; computes
//! nothing but what follows from the card itself.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;

use super::forecast::{Forecast, ForecastError, NoForecast, Rate};
use super::goals::{Ambition, KeyResult, Role};
use super::history::{CheckIn, LastAttempt, Point};
use super::method::PaceBy;
use super::quality::Quality;
use super::reason::Reason;
use super::status::{Guardrail, Status, contradicts};
use super::target::{Aim, Direction};
use super::verdict::{Closing, Verdict};

/// A key result, judged.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyResultCard {
    /// What was agreed.
    pub key_result: Arc<KeyResult>,
    /// The newest good value and its instant, however old; after the cycle's end the newest one up to the end.
    pub value: Option<(f64, Timestamp)>,
    /// What people should know beside `value`, such as that a part of it may be missing.
    pub note: Option<String>,
    /// What is known against `value`.
    pub quality: Quality,
    /// Whether `value` is too old to be believed; progress and pace are then `None`.
    pub stale: bool,
    /// Until when `value` is believed, that instant included; `None` when there is none, or when it does not age.
    pub believed_until: Option<Timestamp>,
    /// What was measured in its cycle, thinned for a chart; the newest may come a minute late.
    pub curve: Arc<[Point]>,
    /// Which way is good, as far as known by now.
    pub direction: Direction,
    /// The baseline, once known; `None` for a band.
    pub baseline: Option<f64>,
    /// The target, once known; `None` for a band.
    pub target: Option<f64>,
    /// Share of the way from baseline to target, unclamped. For a band: compliance times elapsed share.
    pub progress_raw: Option<f64>,
    /// The same, clamped to 0..1: the score.
    pub progress: Option<f64>,
    /// The planned share q of the way by now.
    pub expected_progress: Option<f64>,
    /// The planned value by now; `None` for a band.
    pub expected_value: Option<f64>,
    /// Whether `value` lies in the band; `None` unless a band.
    pub in_band: Option<bool>,
    /// Share of known time in the band; `None` unless a band.
    pub compliance: Option<f64>,
    /// Share of the elapsed time for which it is known whether the value lay in the band; `None` unless a band.
    pub coverage: Option<f64>,
    /// Share of the allowed time outside the band that is left (may be negative); `None` unless a band.
    pub budget_left: Option<f64>,
    /// Pace: progress against what the plan expects, 1 is as planned.
    pub pace: Option<f64>,
    /// How the status sees the pace.
    pub pace_by: PaceBy,
    /// Where it plausibly ends, or why that is not told. It stands beside the status and decides nothing.
    pub forecast: Result<Forecast, NoForecast>,
    /// The newest day on which a flow was corrected downward, while its cycle runs.
    pub corrected: Option<Date>,
    /// The rate that is needed from now on beside the actual one; `None` when no rate is needed or none can be told.
    pub rate: Option<Rate>,
    /// The status.
    pub status: Status,
    /// Why.
    pub reason: Reason,
    /// Since when it has this status.
    pub status_since: Timestamp,
    /// How the newest attempt to measure ended.
    pub last_attempt: Option<LastAttempt>,
    /// The newest confidence told by people.
    pub confidence: Option<f64>,
    /// The newest check-in.
    pub check_in: Option<CheckIn>,
    /// Whether the target may be too safe: all of it is reached while less than half of the cycle has passed.
    pub may_be_too_safe: bool,
    /// How it ended, once the cycle is closed.
    pub closing: Option<Closing>,
    /// When that was kept for good.
    pub closed_at: Option<Timestamp>,
    /// How far the forecast that stood at half-time was off, once the cycle is closed; `None` when none stood.
    pub forecast_error: Option<ForecastError>,
}

impl KeyResultCard {
    /// Its weight in its objective; a guardrail has none.
    #[must_use]
    pub fn weight(&self) -> f64 {
        self.key_result.counts_for()
    }

    /// The share that is made by now and may be set against [`Self::planned`]: of the way, unclamped; for a band of the
    /// time in it. `None` when it is not known or not believed.
    #[must_use]
    pub fn made(&self) -> Option<f64> {
        match self.key_result.aim {
            Aim::Reach(_) | Aim::Milestones(_) | Aim::Done | Aim::Baseline(_) => self.progress_raw,
            Aim::Hold(_) => self.compliance.filter(|_| !self.stale),
        }
    }

    /// The share that the plan expects by now, as the status sees it: the expected score of the objective's ambition at
    /// the planned share of the way, S · q, or q alone where the pace is a gap; for a band c*, the share of time that is expected at any time.
    #[must_use]
    pub fn planned(&self, ambition: Ambition) -> Option<f64> {
        match &self.key_result.aim {
            Aim::Reach(_) | Aim::Milestones(_) | Aim::Done | Aim::Baseline(_) => {
                let at_end = self.pace_by.expected_at_end(ambition);
                self.expected_progress.map(|share| share * at_end)
            }
            Aim::Hold(hold) => Some(hold.compliance),
        }
    }

    /// Whether what is due by now follows a plan of its own instead of the clock.
    #[must_use]
    pub fn is_planned(&self) -> bool {
        let stepwise = matches!(self.key_result.aim, Aim::Milestones(_) | Aim::Done);
        stepwise || self.key_result.plan.is_some()
    }

    /// How it guards its objective; `None` when it counts instead.
    #[must_use]
    pub fn guardrail(&self) -> Option<Guardrail> {
        (self.key_result.role == Role::Guardrail).then_some(Guardrail {
            status: self.status,
            in_band: self.in_band,
        })
    }

    /// What its final score says, once the cycle is closed.
    #[must_use]
    pub fn verdict(&self) -> Option<Verdict> {
        self.closing.map(|closing| closing.as_amended.verdict)
    }

    /// The rate that is needed, and the actual one as far as it is known, with two digits that count; `None` when nothing is
    /// needed any more.
    #[must_use]
    pub fn rate_needed(&self) -> Option<(f64, Option<f64>)> {
        let way_up = self.target? > self.baseline?;
        self.rate?.still_needed(way_up)
    }

    /// Whether what people believe contradicts the status: worth a word at the next check-in.
    #[must_use]
    pub fn is_contradicted(&self) -> bool {
        self.confidence
            .is_some_and(|confidence| contradicts(confidence, self.status))
    }
}
