//! What a key result aims for: a value to reach from a baseline, a band to hold, milestones, a thing to be so, or a
//! baseline to be measured. Formulas: the OKR method, "Progress of one KR". Knows no samples and no time.

use std::fmt;

use super::anchors::Anchors;
use super::milestones::Milestones;
use super::number::show as number;

/// The aim of a key result.
#[derive(Clone, Debug, PartialEq)]
pub enum Aim {
    /// Go from a baseline to a target.
    Reach(Reach),
    /// Keep a level within a band, scored by the time spent in it.
    Hold(Hold),
    /// Do what was agreed, step by step.
    Milestones(Milestones),
    /// Make it so: the value becomes 1 by the end of the cycle.
    Done,
    /// Collect a baseline for the next cycle: so many days with a good value, 1 or more.
    Baseline(u32),
}

/// Go from a baseline to a target; which of the two is larger tells the direction.
#[derive(Clone, Debug, PartialEq)]
pub struct Reach {
    /// Where it starts.
    pub baseline: Baseline,
    /// Where it should end.
    pub target: Target,
    /// Met only when past the target, not on it.
    pub strict: bool,
    /// Which values stand for which shares; straight from baseline to target when nothing is said. With anchors the
    /// baseline is their first value and the target their last.
    pub anchors: Option<Anchors>,
}

/// Where a key result starts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Baseline {
    /// A known number.
    Fixed(f64),
    /// The first good measurement of the cycle, frozen.
    First,
}

/// Where a key result should end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target {
    /// A plain number.
    Absolute(f64),
    /// A share of the baseline on top of it: `"+30%"` is 0.3, `"-25%"` is -0.25.
    Share(f64),
    /// So many units on top of the baseline: `"+150"`, and percentage points in `"+5pp"`.
    Plus(f64),
}

/// Why a baseline and a target make no way to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetError {
    /// Baseline and target are the same number: a level to hold is a band.
    Flat,
    /// A share of a baseline that is zero or negative points nowhere or the wrong way.
    ShareOfNonPositive,
    /// A number that is not finite.
    NotFinite,
}

impl fmt::Display for TargetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Flat => "baseline and target are equal",
            Self::ShareOfNonPositive => "a percentage of a baseline that is not above zero",
            Self::NotFinite => "baseline or target is not a finite number",
        })
    }
}

impl Reach {
    /// The straight way from a known baseline, the target included.
    #[must_use]
    pub fn straight(baseline: f64, target: Target) -> Self {
        Self {
            baseline: Baseline::Fixed(baseline),
            target,
            strict: false,
            anchors: None,
        }
    }

    /// The target as a number, seen from this baseline. For instance 2000 "+30%" is 2600, and 40 "+5pp" is 45.
    ///
    /// # Errors
    /// When the two make no way to go; see [`TargetError`].
    pub fn resolve(&self, baseline: f64) -> Result<f64, TargetError> {
        let target = match self.target {
            Target::Absolute(target) => target,
            Target::Share(_) if baseline <= 0.0 => return Err(TargetError::ShareOfNonPositive),
            // Not b · (1 + share), which makes 114.99999999999999 of 100 "+15%".
            Target::Share(share) => baseline + baseline * share,
            Target::Plus(delta) => baseline + delta,
        };
        if !(baseline.is_finite() && target.is_finite()) {
            return Err(TargetError::NotFinite);
        }
        if baseline == target {
            return Err(TargetError::Flat);
        }
        Ok(target)
    }
}

/// Keep a level within a band.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hold {
    /// The band.
    pub band: Band,
    /// Bounds themselves lie outside.
    pub strict: bool,
    /// Expected share of known time in the band, c*; 0.9 unless set.
    pub compliance: f64,
    /// What counts.
    pub score_by: ScoreBy,
}

/// What counts of the values that a band is held to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ScoreBy {
    /// The share of time in the band.
    #[default]
    Time,
    /// The newest value: 1 in the band, else 0.
    Latest,
    /// The worst value of the cycle: 1 when none lay outside, else 0.
    Worst,
}

impl Hold {
    /// The expected share of time in the band when nothing else is said.
    pub const DEFAULT_COMPLIANCE: f64 = 0.9;
}

impl fmt::Display for Hold {
    /// "at most 300".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match (self.band, self.strict) {
            (Band::AtLeast(low), false) => format!("at least {}", number(low)),
            (Band::AtLeast(low), true) => format!("above {}", number(low)),
            (Band::AtMost(high), false) => format!("at most {}", number(high)),
            (Band::AtMost(high), true) => format!("below {}", number(high)),
            (Band::Between(low, high), false) => {
                format!("from {} to {}", number(low), number(high))
            }
            (Band::Between(low, high), true) => {
                format!("strictly between {} and {}", number(low), number(high))
            }
        };
        f.pad(&text)
    }
}

/// The values that count as good.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Band {
    /// This or more.
    AtLeast(f64),
    /// This or less.
    AtMost(f64),
    /// From the first to the second.
    Between(f64, f64),
}

impl Hold {
    /// Whether a value lies in the band.
    #[must_use]
    pub fn contains(&self, value: f64) -> bool {
        let (at_least, at_most) = (
            |low: f64| {
                if self.strict {
                    value > low
                } else {
                    value >= low
                }
            },
            |high: f64| {
                if self.strict {
                    value < high
                } else {
                    value <= high
                }
            },
        );
        match self.band {
            Band::AtLeast(low) => at_least(low),
            Band::AtMost(high) => at_most(high),
            Band::Between(low, high) => at_least(low) && at_most(high),
        }
    }
}

impl Band {
    /// The lower and the upper bound, as far as there is one.
    #[must_use]
    pub fn bounds(&self) -> (Option<f64>, Option<f64>) {
        match *self {
            Self::AtLeast(low) => (Some(low), None),
            Self::AtMost(high) => (None, Some(high)),
            Self::Between(low, high) => (Some(low), Some(high)),
        }
    }
}

/// Which way is good, told in the info metric and on the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Up to the target.
    Increase,
    /// Down to the target.
    Decrease,
    /// Within a band.
    Hold,
    /// Step by step, or so or not.
    Done,
    /// Not known before the baseline is measured.
    Unknown,
}

impl Direction {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Increase => "increase",
            Self::Decrease => "decrease",
            Self::Hold => "hold",
            Self::Done => "done",
            Self::Unknown => "unknown",
        }
    }
}

impl Aim {
    /// Whether it is judged by every single value: the time in a band is; of all else one value a day is enough.
    #[must_use]
    pub fn needs_every_value(&self) -> bool {
        matches!(self, Self::Hold(_))
    }

    /// The word for it.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Reach(_) => "target",
            Self::Hold(_) => "band",
            Self::Milestones(_) => "milestones",
            Self::Done => "boolean",
            Self::Baseline(_) => "baseline",
        }
    }

    /// Which way is good, seen from the definition alone.
    #[must_use]
    pub fn direction(&self) -> Direction {
        let sign = |x: f64| {
            if x > 0.0 {
                Direction::Increase
            } else {
                Direction::Decrease
            }
        };
        match self {
            Self::Hold(_) => Direction::Hold,
            Self::Milestones(_) | Self::Done => Direction::Done,
            Self::Baseline(_) => Direction::Unknown,
            Self::Reach(Reach {
                target: Target::Share(delta) | Target::Plus(delta),
                ..
            }) => sign(*delta),
            Self::Reach(Reach {
                target: Target::Absolute(target),
                baseline: Baseline::Fixed(b),
                ..
            }) => sign(target - b),
            Self::Reach(_) => Direction::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(target: Target) -> Reach {
        Reach {
            baseline: Baseline::First,
            target,
            strict: false,
            anchors: None,
        }
    }

    /// The [V] rows on relative targets.
    #[test]
    fn relative_targets_match_the_vectors() {
        for (baseline, target, expected) in [
            (2000.0, Target::Share(0.3), 2600.0),
            (48000.0, Target::Share(0.5), 72000.0),
            (12.0, Target::Share(-0.25), 9.0),
            (40.0, Target::Plus(5.0), 45.0),
            (40.0, Target::Share(0.05), 42.0),
        ] {
            assert!((reach(target).resolve(baseline).unwrap() - expected).abs() < 1e-6);
        }
        // A round number stays one.
        assert_eq!(reach(Target::Share(0.15)).resolve(100.0), Ok(115.0));
    }

    #[test]
    fn ways_to_nowhere_are_refused() {
        assert_eq!(
            reach(Target::Share(0.3)).resolve(0.0),
            Err(TargetError::ShareOfNonPositive)
        );
        assert_eq!(
            reach(Target::Share(0.3)).resolve(-100.0),
            Err(TargetError::ShareOfNonPositive)
        );
        assert_eq!(
            reach(Target::Absolute(5.0)).resolve(5.0),
            Err(TargetError::Flat)
        );
        assert_eq!(
            reach(Target::Plus(0.0)).resolve(5.0),
            Err(TargetError::Flat)
        );
        assert_eq!(
            reach(Target::Absolute(f64::INFINITY)).resolve(5.0),
            Err(TargetError::NotFinite)
        );
        assert_eq!(
            reach(Target::Absolute(1.0)).resolve(f64::NAN),
            Err(TargetError::NotFinite)
        );
    }

    #[test]
    fn bands_include_their_bounds_unless_strict() {
        let hold = |band, strict| Hold {
            band,
            strict,
            compliance: Hold::DEFAULT_COMPLIANCE,
            score_by: ScoreBy::Time,
        };
        assert!(hold(Band::AtMost(300.0), false).contains(300.0));
        assert!(!hold(Band::AtMost(300.0), true).contains(300.0));
        assert!(hold(Band::Between(1.0, 2.0), false).contains(1.0));
        assert!(!hold(Band::Between(1.0, 2.0), false).contains(2.1));
        assert!(!hold(Band::AtLeast(1.0), true).contains(1.0));
    }
}
