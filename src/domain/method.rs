//! The settings of the method, the same for everything that a company agrees: how a pace is told, and where one verdict
//! ends and the next begins. Plain values; the rules stand in `status` and `verdict`.

use super::goals::Ambition;
use super::verdict::Boundaries;

/// The settings of the method.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Method {
    /// How a pace is told.
    pub pace: PaceBy,
    /// Where one verdict ends and the next begins.
    pub boundaries: Boundaries,
}

/// How progress is set against the plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PaceBy {
    /// As a ratio, `p / (S · q)`: what is planned is the score that the ambition expects.
    #[default]
    Ratio,
    /// As a gap, `p − q`, in shares of the way: what is planned is all of it, whatever the ambition.
    Gap,
}

impl PaceBy {
    /// The share of the way that the plan expects by the end: S, or all of it.
    #[must_use]
    pub fn expected_at_end(self, ambition: Ambition) -> f64 {
        match self {
            Self::Ratio => ambition.expected_score(),
            Self::Gap => 1.0,
        }
    }
}

/// What a key result is judged by beside its aim.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Terms {
    /// How high its objective aims.
    pub ambition: Ambition,
    /// The settings of the method.
    pub method: Method,
}

impl From<Ambition> for Terms {
    /// The method as it is when nothing is set.
    fn from(ambition: Ambition) -> Self {
        Self {
            ambition,
            method: Method::default(),
        }
    }
}
