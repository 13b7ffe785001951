//! Damped Holt: where a level goes whose steps become smaller and smaller. Formula and smoothing factors: the OKR
//! method, "Forecast of the final value". Knows no days: its values are one a week.

/// Weight of the newest value in the level, α.
const LEVEL: f64 = 0.5;
/// Weight of the newest step in the trend, β.
const TREND: f64 = 0.2;
/// What is left of the trend from one week to the next, φ.
const DAMPING: f64 = 0.9;
/// So many steps in a row must become smaller before a level counts as one that saturates.
const SHRINKING_STEPS: usize = 4;

/// A level and its trend after the newest value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Holt {
    /// The smoothed level, l.
    pub level: f64,
    /// The smoothed step from one week to the next, b.
    pub trend: f64,
}

impl Holt {
    /// What values of one a week come to, oldest first. `None` for fewer than two, and when a number gets too large.
    #[must_use]
    pub fn of(weekly: &[f64]) -> Option<Self> {
        let [first, second, ..] = weekly else {
            return None;
        };
        let start = Self {
            level: *first,
            trend: second - first,
        };
        let end = weekly.iter().skip(1).fold(start, |before, value| {
            let carried = DAMPING * before.trend;
            let level = LEVEL * value + (1.0 - LEVEL) * (before.level + carried);
            Self {
                level,
                trend: TREND * (level - before.level) + (1.0 - TREND) * carried,
            }
        });
        (end.level.is_finite() && end.trend.is_finite()).then_some(end)
    }

    /// The level so many weeks later: `l + b · Σφ^k`, k from 1 to `weeks`, written as the closed sum, which also knows
    /// parts of a week. Infinitely many give the limit.
    #[must_use]
    pub fn after(&self, weeks: f64) -> f64 {
        let sum = DAMPING * (1.0 - DAMPING.powf(weeks.max(0.0))) / (1.0 - DAMPING);
        self.level + self.trend * sum
    }
}

/// Whether a level saturates: its four newest weekly steps go the same way, each smaller than the one before, and the
/// last is at most half of the first of them. Kept strict on purpose: chance alone makes four steps of one direction
/// shrink one after the other in fewer than one of 190 cases, and where it is in doubt a straight line is the
/// assumption that people can check by eye.
#[must_use]
pub fn saturates(weekly: &[f64]) -> bool {
    let steps: Vec<f64> = weekly
        .iter()
        .zip(weekly.iter().skip(1))
        .map(|(before, after)| after - before)
        .collect();
    let Some(from) = steps.len().checked_sub(SHRINKING_STEPS) else {
        return false;
    };
    let newest = steps.get(from..).unwrap_or_default();
    let shrinks = |(before, after): (&f64, &f64)| {
        before.signum() == after.signum() && after.abs() > 0.0 && after.abs() < before.abs()
    };
    let halved = newest
        .first()
        .zip(newest.last())
        .is_some_and(|(first, last)| last.abs() <= first.abs() / 2.0);
    halved && newest.iter().zip(newest.iter().skip(1)).all(shrinks)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The seven weekly values of the method.
    const VALUES: [f64; 7] = [640.0, 655.0, 690.0, 700.0, 735.0, 742.0, 780.0];

    fn close(found: f64, expected: f64) -> bool {
        (found - expected).abs() < 1e-6
    }

    #[test]
    fn damped_holt_matches_the_vectors() {
        let holt = Holt::of(&VALUES).unwrap();
        assert!(
            close(holt.level, 765.844_805) && close(holt.trend, 15.805_876),
            "{holt:?}"
        );
        assert!(close(holt.after(7.0), 840.058_576), "{}", holt.after(7.0));
        // The method prints 908.097698; l + 9b of its own l and b is 908.097690.
        assert!((holt.after(f64::INFINITY) - 908.097_698).abs() < 1e-5);
        assert_eq!(holt.after(0.0), holt.level);
        // The closed sum is the sum.
        let sum: f64 = (1..=3).map(|k| DAMPING.powi(k)).sum();
        assert!(close(holt.after(3.0), holt.level + holt.trend * sum));
    }

    #[test]
    fn one_value_has_no_trend_and_a_constant_stays() {
        assert_eq!(Holt::of(&[]), None);
        assert_eq!(Holt::of(&[1.0]), None);
        assert_eq!(Holt::of(&[f64::MIN, f64::MAX]), None);
        let constant = Holt::of(&[7.0; 5]).unwrap();
        assert_eq!((constant.level, constant.after(9.0)), (7.0, 7.0));
    }

    /// Weekly values, whether they saturate.
    #[test]
    fn only_steps_that_shrink_again_and_again_saturate() {
        for (weekly, expected) in [
            (&VALUES[..], false),
            (&[0.0, 100.0, 180.0, 230.0, 250.0], true),
            (&[250.0, 150.0, 70.0, 20.0, 0.0], true),
            // Three shrinking steps are chance.
            (&[0.0, 10.0, 110.0, 190.0, 240.0], false),
            (&[100.0, 180.0, 230.0, 250.0], false),
            // The last step is still more than half of the first.
            (&[0.0, 100.0, 190.0, 270.0, 340.0], false),
            // It turned round, or stands still.
            (&[0.0, 100.0, 180.0, 230.0, 210.0], false),
            (&[0.0, 100.0, 180.0, 230.0, 230.0], false),
            (&[5.0, 5.0, 5.0, 5.0, 5.0], false),
            (&[], false),
        ] {
            assert_eq!(saturates(weekly), expected, "{weekly:?}");
        }
    }
}
