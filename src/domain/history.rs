//! What is known of each key result: what was measured, the last attempt, what people said. Plain values;
//! knows no store and no clock.

use std::collections::HashMap;

use jiff::Timestamp;

use super::cycle::Cycle;
use super::fault::FaultClass;
use super::forecast::KeptForecast;
use super::guard::{Doubted, Known};
use super::id::{KeyResultId, ObjectiveId};
use super::quality::Quality;
pub use super::series::{Counts, Point, Series};
use super::status::Status;
use super::verdict::{Kept, KeptObjective};

/// How the newest attempt to measure ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastAttempt {
    /// When it began.
    pub at: Timestamp,
    /// `None` when it gave a number, else the class and one line.
    pub fault: Option<(FaultClass, String)>,
}

/// What people said of a key result at one time, without who said it.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckIn {
    /// When.
    pub at: Timestamp,
    /// How likely they held the target to be met, 0 to 1.
    pub confidence: Option<f64>,
    /// A few words.
    pub note: Option<String>,
}

/// All that is known of one key result.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    /// Its measurements under the definition in force, and before them those of earlier ones that its rebases carry over.
    pub series: Series,
    /// The first of these that was entered for its cycle, see [`frozen`]; `None` when that was not noted.
    pub frozen: Option<Point>,
    /// The newest attempt.
    pub last_attempt: Option<LastAttempt>,
    /// What the source's newest number came with, and the instant that number describes.
    pub note: Option<(Timestamp, String)>,
    /// The status last told and since when.
    pub status_since: Option<(Status, Timestamp)>,
    /// The newest confidence told by people, 0 to 1.
    pub confidence: Option<f64>,
    /// Until when the newest value is believed, that instant included, where that is another than the key result's own
    /// `stale_after` says: of a computed value, whose inputs age each for itself.
    pub believed_until: Option<Timestamp>,
    /// The counts k and n behind the newest value of a ratio, and the instant that value describes.
    pub counts: Option<(Timestamp, Counts)>,
    /// What is known against the newest value, and the instant that value describes.
    pub quality: Option<(Timestamp, Quality)>,
    /// What its source showed once since the newest value and is not believed yet.
    pub doubted: Option<Doubted>,
    /// The newest forecast that was kept in the two weeks before the middle of the cycle.
    pub half_time: Option<KeptForecast>,
    /// The newest check-in, with or without a confidence.
    pub check_in: Option<CheckIn>,
    /// Until when it was measured by an earlier definition whose values are not compared; `None` when it was not, see
    /// [`super::goals::KeyResult::unlike_until`].
    pub unlike_until: Option<Timestamp>,
    /// How it ended, once that was kept.
    pub kept: Option<Kept>,
}

impl Record {
    /// The measurement that `baseline = "first"` means in `cycle`.
    #[must_use]
    pub fn baseline(&self, cycle: &Cycle) -> Option<Point> {
        let noted = self.frozen.filter(|p| cycle.covers(p.as_of));
        let first = || self.series.first_since(cycle.start());
        noted.or_else(|| first().filter(|p| cycle.covers(p.as_of)))
    }

    /// What an answer for now is held against.
    #[must_use]
    pub fn known(&self) -> Known {
        Known {
            last_good: self.series.points().last().map(|p| p.value),
            doubted: self.doubted,
        }
    }

    /// What an answer for a past slot is held against: the value before it.
    #[must_use]
    pub fn known_at(&self, slot: Timestamp) -> Known {
        Known {
            last_good: self.series.latest(slot).map(|p| p.value),
            doubted: None,
        }
    }

    /// Enters a measurement: notes the baseline if it is one, and keeps the point. With `daily` the series keeps one a
    /// day. What lies after the cycle is of no account.
    pub fn enter(&mut self, point: Point, cycle: &Cycle, daily: bool) {
        if point.as_of > cycle.end() {
            return;
        }
        self.frozen = frozen(self.baseline(cycle), point, cycle);
        if daily {
            self.series.push_daily(point, cycle);
        } else {
            self.series.push(point);
        }
    }
}

/// The baseline once `point` is entered: the first measurement of the cycle stays it, even when a value is told later for
/// an earlier instant. Only another word on that very instant corrects it.
#[must_use]
pub fn frozen(known: Option<Point>, point: Point, cycle: &Cycle) -> Option<Point> {
    let known = known.filter(|p| cycle.covers(p.as_of));
    let counts = point.value.is_finite() && cycle.covers(point.as_of);
    match known {
        Some(baseline) if baseline.as_of != point.as_of => Some(baseline),
        known => Some(point).filter(|_| counts).or(known),
    }
}

/// All that is known, by key result.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    records: HashMap<KeyResultId, Record>,
    closings: HashMap<ObjectiveId, KeptObjective>,
}

impl History {
    /// The record of a key result, if it has one.
    #[must_use]
    pub fn get(&self, id: &KeyResultId) -> Option<&Record> {
        self.records.get(id)
    }

    /// How an objective ended, once that was kept.
    #[must_use]
    pub fn closing(&self, id: &ObjectiveId) -> Option<&KeptObjective> {
        self.closings.get(id)
    }

    /// Enters how an objective ended.
    pub fn close(&mut self, id: ObjectiveId, kept: KeptObjective) {
        self.closings.insert(id, kept);
    }

    /// The record of a key result, made when missing.
    pub fn record(&mut self, id: &KeyResultId) -> &mut Record {
        self.records.entry(id.clone()).or_default()
    }

    /// Forgets key results that `keep` does not want.
    pub fn retain(&mut self, keep: impl Fn(&KeyResultId) -> bool) {
        self.records.retain(|id, _| keep(id));
    }
}
