//! Amendments: changes to what was agreed, made after the cycle began. Plain values; knows no key result, no file and no
//! samples.

use jiff::civil::Date;

use super::anchors::Anchors;
use super::rollup::Role;
use super::target::{Baseline, Target};

/// One change: when, what, why and by whom. `approved_by` is a role as written in the file and no figure's label.
#[derive(Clone, Debug, PartialEq)]
pub struct Amendment {
    /// The day of the change.
    pub date: Date,
    /// What was changed.
    pub change: Change,
    /// Why.
    pub reason: String,
    /// Whose decision it was.
    pub approved_by: String,
}

/// What it was and what it became.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step<T> {
    /// What it was.
    pub from: T,
    /// What it became.
    pub to: T,
}

/// The field that was changed, with both of its values.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Where it should end.
    Target(Step<Target>),
    /// Where it starts.
    Baseline(Step<Baseline>),
    /// The upper bound of a band.
    AtMost(Step<f64>),
    /// The lower bound of a band.
    AtLeast(Step<f64>),
    /// Both bounds of a band.
    Between(Step<(f64, f64)>),
    /// Which values stand for which shares of the way.
    Anchors(Step<Anchors>),
    /// How many days make a baseline.
    BaselineDays(Step<u32>),
    /// Whether bounds and target themselves lie outside.
    Strict(Step<bool>),
    /// The expected share of time in a band.
    Compliance(Step<f64>),
    /// The weight in the objective.
    Weight(Step<f64>),
    /// Whether it counts or guards.
    Role(Step<Role>),
}

impl Change {
    /// The field's key in the file.
    #[must_use]
    pub fn field(&self) -> &'static str {
        match self {
            Self::Target(_) => "target",
            Self::Baseline(_) => "baseline",
            Self::AtMost(_) => "at_most",
            Self::AtLeast(_) => "at_least",
            Self::Between(_) => "between",
            Self::Anchors(_) => "anchors",
            Self::BaselineDays(_) => "baseline_days",
            Self::Strict(_) => "strict",
            Self::Compliance(_) => "compliance",
            Self::Weight(_) => "weight",
            Self::Role(_) => "role",
        }
    }
}
