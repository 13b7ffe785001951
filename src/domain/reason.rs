//! Why a key result has its status: what there is to say, with the numbers of its card, and in no language. Neutral: it
//! says what is, not who or how good. Values that `judge` finds and of which `words` makes a sentence.

use jiff::civil::{Date, DateTime};

use super::fault::FaultClass;
use super::method::Ambition;
use super::target::{Hold, TargetError};
use super::verdict::Closing;

/// Why a key result has its status. Numbers are in its unit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reason {
    /// What makes the status what it is.
    pub said: Said,
    /// Since which day it is measured differently, and by which factor earlier figures are carried over.
    pub rebased: Option<(Date, f64)>,
    /// Until which day it was measured in a way that does not compare.
    pub unlike_until: Option<Date>,
    /// The sentence that was kept when its cycle was closed, in English.
    pub kept: Option<String>,
}

/// What makes a status what it is.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Said {
    /// Nothing is known of it but a sentence that was kept.
    #[default]
    Nothing,
    /// The cycle begins on this day.
    Begins(Date),
    /// Never measured; how the newest attempt failed.
    NothingYet(Option<FaultClass>),
    /// The newest value is too old.
    TooOld {
        /// The newest value.
        value: Option<f64>,
        /// When it was so, in the zone of the cycle.
        on: DateTime,
        /// For how many seconds a value counts.
        counts_for: u64,
        /// How the newest attempt failed.
        failed: Option<FaultClass>,
    },
    /// Days on which it was measured, of those that make a baseline.
    Collected(Collected),
    /// The first measurement will be the baseline.
    FirstIsBaseline,
    /// A baseline that leads to no target.
    NoWay {
        /// The baseline.
        baseline: f64,
        /// Why.
        error: TargetError,
    },
    /// The cycle is over.
    Over {
        /// What came of it.
        end: End,
        /// The score and the verdict.
        closing: Option<Closing>,
        /// How high its objective aimed.
        ambition: Ambition,
    },
    /// What has been made is all there is to say.
    Made(Made),
    /// The target is met.
    AtTarget {
        /// The newest value.
        value: Option<f64>,
        /// The target.
        target: Option<f64>,
        /// Met only when past it.
        strict: bool,
        /// So early that the target may be too safe.
        too_safe: bool,
    },
    /// Too little was due by now to judge it.
    TooEarly {
        /// What has been made.
        made: Made,
        /// The share that was due by now.
        planned: f64,
        /// A plan of its own says so, not the clock.
        by_plan: bool,
    },
    /// Where it lies beside the plan, as shares of the way.
    Gap {
        /// What has been made.
        made: Made,
        /// Ahead of the plan, or behind it when below zero.
        gap: f64,
        /// What the plan expects by now.
        planned: f64,
    },
    /// What an objective of its ambition expects by now.
    Paced {
        /// What has been made.
        made: Made,
        /// How high its objective aims.
        ambition: Ambition,
        /// At which share of the way it is on pace.
        expected: f64,
    },
    /// A band judged by single values.
    Band(InBand),
    /// A band judged by the time in it.
    Holding {
        /// The newest value and the band.
        place: Place,
        /// The share of the known time in the band.
        compliance: Option<f64>,
        /// The share of the allowed time outside that is left; `None` when it is spent.
        left: Option<f64>,
    },
}

/// Days on which it was measured, of those that make a baseline.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Collected {
    /// So many.
    pub found: f64,
    /// Of so many.
    pub wanted: u32,
}

/// What came of a key result whose cycle is over.
#[derive(Clone, Debug, PartialEq)]
pub enum End {
    /// Nothing was measured.
    NotMeasured,
    /// A baseline was collected.
    Collected(Collected),
    /// A band judged by single values.
    Band(InBand),
    /// So much was made.
    Made(Made),
    /// A band was held for this share of the known time.
    Held {
        /// The band, and the share that was agreed.
        hold: Hold,
        /// The share that it was.
        compliance: f64,
    },
    /// A value that there is nothing to judge by.
    Unjudged(Option<f64>),
}

/// What has been made.
#[derive(Clone, Debug, PartialEq)]
pub enum Made {
    /// Milestones: so many of so many, and their share by weight.
    Milestones {
        /// How many are done.
        done: Option<f64>,
        /// Of how many.
        of: usize,
        /// Their share by weight.
        share: f64,
    },
    /// A thing to be so, which is so or not.
    So(bool),
    /// A share of the way; below zero it is further from the target than the baseline.
    Way {
        /// The newest value.
        value: Option<f64>,
        /// The share of the way.
        share: f64,
        /// The baseline.
        from: Option<f64>,
        /// The target.
        to: Option<f64>,
    },
}

/// A band judged by single values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum InBand {
    /// The newest value.
    Newest(Place),
    /// A value of the cycle lay outside.
    OnceOutside(Hold),
}

/// Where a value lies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// The value.
    pub value: Option<f64>,
    /// Whether it lies in the band.
    pub inside: bool,
    /// The band.
    pub hold: Hold,
}

/// A sentence that was kept, of which nothing else is known.
impl From<&str> for Reason {
    fn from(kept: &str) -> Self {
        Self {
            kept: Some(kept.to_owned()),
            ..Self::default()
        }
    }
}
