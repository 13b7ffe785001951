//! Status: the ten words in which okrd judges, and their order when several meet.
//! The rules: the OKR method, "Pace and status". Knows no clock and no samples but those it is given.

use std::fmt;

/// How a key result or objective stands. The words are the contract's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// The cycle has ended and settled.
    Closed,
    /// The cycle has not begun.
    Pending,
    /// Never measured.
    NoData,
    /// The newest value is too old to judge.
    Stale,
    /// Collecting a baseline.
    Measuring,
    /// The target is met now; a level can fall back.
    AtTarget,
    /// Less than a tenth of the plan was due so far.
    TooEarly,
    /// On pace.
    OnTrack,
    /// Behind pace.
    AtRisk,
    /// Far behind pace.
    OffTrack,
}

impl Status {
    /// All statuses, in the order of the contract.
    pub const ALL: [Self; 10] = [
        Self::Closed,
        Self::Pending,
        Self::NoData,
        Self::Stale,
        Self::Measuring,
        Self::AtTarget,
        Self::TooEarly,
        Self::OnTrack,
        Self::AtRisk,
        Self::OffTrack,
    ];

    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Pending => "pending",
            Self::NoData => "no_data",
            Self::Stale => "stale",
            Self::Measuring => "measuring",
            Self::AtTarget => "at_target",
            Self::TooEarly => "too_early",
            Self::OnTrack => "on_track",
            Self::AtRisk => "at_risk",
            Self::OffTrack => "off_track",
        }
    }

    /// The status behind a word.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
