//! Rebases: what two definitions of a key result gave at one instant, so that the figures of the earlier one can be carried
//! over. Plain values; what follows from them stands in `epoch`.

use jiff::Timestamp;
use jiff::civil::Date;

/// A change of the measure whose both sides were measured at one instant.
#[derive(Clone, Debug, PartialEq)]
pub struct Rebase {
    /// The day of the change.
    pub date: Date,
    /// What the old definition gave; finite and not 0.
    pub old: f64,
    /// What the new definition gave for the same instant; finite, not 0, of the same sign.
    pub new: f64,
    /// That instant, where it is told.
    pub at: Option<Timestamp>,
    /// The first digits of the old definition; `None` for the one that was measured last before the one that follows.
    pub from: Option<String>,
    /// Why it is measured otherwise.
    pub reason: String,
    /// Whose decision it was.
    pub approved_by: String,
}

impl Rebase {
    /// k = new / old: how many of the new units one of the old ones counts.
    #[must_use]
    pub fn factor(&self) -> f64 {
        self.new / self.old
    }
}
