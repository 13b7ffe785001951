//! The settings of the method, the same for everything that a company agrees: how a pace is told, and where one verdict
//! ends and the next begins; and how high an objective aims. Plain values; the rules stand in `status` and `verdict`.

/// The settings of the method.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Method {
    /// How a pace is told.
    pub pace: PaceBy,
    /// Where one verdict ends and the next begins.
    pub boundaries: Boundaries,
}

/// Where one verdict ends and the next begins, as scores.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Boundaries {
    /// From here on it is partial.
    pub partial_at: f64,
    /// From here on it is achieved.
    pub achieved_at: f64,
    /// Up to here, itself included, reaches the sweet spot; above it is strong.
    pub sweet_spot_to: f64,
    /// From here on it was too easy.
    pub too_easy_at: f64,
}

impl Default for Boundaries {
    fn default() -> Self {
        Self {
            partial_at: 0.4,
            achieved_at: 0.6,
            sweet_spot_to: 0.7,
            too_easy_at: 1.0,
        }
    }
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

/// How high an objective aims.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ambition {
    /// 60 to 70 % is achieved.
    #[default]
    Aspirational,
    /// All of it is due.
    Committed,
}

impl Ambition {
    /// The score expected at the end of the cycle, S.
    #[must_use]
    pub fn expected_score(self) -> f64 {
        match self {
            Self::Aspirational => 0.7,
            Self::Committed => 1.0,
        }
    }

    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Aspirational => "aspirational",
            Self::Committed => "committed",
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
