//! Progress: how much of the way from a baseline to a target a value has made, and how much was planned by now.
//! Formulas: the OKR method, "Progress of one KR" and "Pace and status". Knows no samples and no clock.

use super::anchors::Anchors;
use super::share::share;
pub use super::share::{EPSILON, at_least, clamped};
use super::target::{Direction, Reach, TargetError};

/// Progress against what the plan expects by now: `raw / (S · q)`, 1 is as planned.
///
/// `None` while nothing was planned: there is nothing to divide by.
#[must_use]
pub fn pace(raw: f64, expected: f64) -> Option<f64> {
    (expected > EPSILON).then(|| finite(raw / expected))
}

/// The way from a known baseline to a known target.
#[derive(Clone, Debug, PartialEq)]
pub struct Way {
    baseline: f64,
    target: f64,
    strict: bool,
    anchors: Option<Anchors>,
}

impl Way {
    /// The way that `reach` means, seen from this baseline.
    ///
    /// # Errors
    /// When baseline and target make no way; see [`TargetError`].
    pub fn from(reach: &Reach, baseline: f64) -> Result<Self, TargetError> {
        Ok(Self {
            baseline,
            target: reach.resolve(baseline)?,
            strict: reach.strict,
            anchors: reach.anchors.clone(),
        })
    }

    /// Where it starts.
    #[must_use]
    pub fn baseline(&self) -> f64 {
        self.baseline
    }

    /// Where it ends.
    #[must_use]
    pub fn target(&self) -> f64 {
        self.target
    }

    /// Whether only a value past the target meets it.
    #[must_use]
    pub fn is_strict(&self) -> bool {
        self.strict
    }

    /// Which way is good.
    #[must_use]
    pub fn direction(&self) -> Direction {
        if self.target > self.baseline {
            Direction::Increase
        } else {
            Direction::Decrease
        }
    }

    /// `(v − b) / (t − b)`: the share of the way that `value` has made; below 0 on the wrong side of the baseline,
    /// above 1 past the target. With anchors the share that they say, 0 to 1. Always finite.
    #[must_use]
    pub fn progress_raw(&self, value: f64) -> f64 {
        match &self.anchors {
            Some(anchors) => anchors.share(value),
            None => finite(share(self.baseline, self.target, value)),
        }
    }

    /// Whether `value` meets the target: reaches it, or lies past it when the target is strict.
    #[must_use]
    pub fn is_met(&self, value: f64) -> bool {
        if !self.strict {
            return at_least(self.progress_raw(value), 1.0);
        }
        // A relative target is a product, so it may be off by its last digits.
        let rounding = 4.0 * f64::EPSILON * self.target.abs();
        match self.direction() {
            Direction::Decrease => value < self.target - rounding,
            _ => value > self.target + rounding,
        }
    }

    /// The value that the plan asks for when the share `q` (0..1) of the way is due.
    #[must_use]
    pub fn value_at(&self, q: f64) -> f64 {
        if let Some(anchors) = &self.anchors {
            return anchors.value_at(q);
        }
        self.baseline * (1.0 - q) + self.target * q + 0.0
    }
}

/// The nearest finite number; -0.0 becomes 0.0.
fn finite(x: f64) -> f64 {
    x.clamp(f64::MIN, f64::MAX) + 0.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::target::Target;
    use proptest::prelude::*;

    fn way(baseline: f64, target: Target, strict: bool) -> Way {
        let reach = Reach {
            strict,
            ..Reach::straight(baseline, target)
        };
        Way::from(&reach, baseline).unwrap()
    }

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-6
    }

    /// The table "Linear (increase and decrease)": b, t, v, raw, progress.
    #[test]
    fn linear_progress_matches_the_vectors() {
        for (b, t, v, raw, progress) in [
            (0.0, 100.0, 20.0, 0.2, 0.2),
            (20.0, 100.0, 0.0, -0.25, 0.0),
            (0.0, 100.0, 150.0, 1.5, 1.0),
            (100.0, 60.0, 80.0, 0.5, 0.5),
            (100.0, 60.0, 50.0, 1.25, 1.0),
            (100.0, 60.0, 100.0, 0.0, 0.0),
            (100.0, 60.0, 110.0, -0.25, 0.0),
            (-50.0, 50.0, 0.0, 0.5, 0.5),
            (-10.0, -30.0, -20.0, 0.5, 0.5),
            (48_000.0, 72_000.0, 45_600.0, -0.1, 0.0),
            (
                99.85,
                99.95,
                99.91,
                0.599_999_999_999_97,
                0.599_999_999_999_97,
            ),
        ] {
            let found = way(b, Target::Absolute(t), false).progress_raw(v);
            assert!((found - raw).abs() < 1e-13, "{b} {t} {v}: {found}");
            assert!((clamped(found) - progress).abs() < 1e-13, "{b} {t} {v}");
            assert!(
                found != 0.0 || found.is_sign_positive(),
                "{b} {t} {v}: -0.0"
            );
        }
        // True 0.6 minus a rounding error is still 0.6 to every rule.
        let nearly = way(99.85, Target::Absolute(99.95), false).progress_raw(99.91);
        assert!(nearly < 0.6 && at_least(nearly, 0.6));
    }

    /// b, target as written, t: the [V] rows on relative targets, which the number itself must meet.
    #[test]
    fn relative_targets_are_met_on_their_number() {
        for (b, target, t) in [
            (2000.0, Target::Share(0.3), 2600.0),
            (48_000.0, Target::Share(0.5), 72_000.0),
            (12.0, Target::Share(-0.25), 9.0),
            (40.0, Target::Plus(5.0), 45.0),
            (40.0, Target::Share(0.05), 42.0),
        ] {
            let way = way(b, target, false);
            assert!(close(way.target(), t), "{b} {target:?}");
            assert!(
                way.is_met(t) && close(way.progress_raw(t), 1.0),
                "{b} {target:?}"
            );
        }
    }

    /// Strict, b 640, t 1000: v, raw, met.
    #[test]
    fn strict_targets_match_the_vectors() {
        for (v, raw, met) in [(1000.0, 1.0, false), (1001.0, 1.002_777_8, true)] {
            let strict = way(640.0, Target::Absolute(1000.0), true);
            assert!(close(strict.progress_raw(v), raw));
            assert_eq!(strict.is_met(v), met, "{v}");
        }
        let falling = way(100.0, Target::Absolute(60.0), true);
        assert!(!falling.is_met(60.0) && falling.is_met(59.0) && !falling.is_met(61.0));
        let falling = way(100.0, Target::Absolute(60.0), false);
        assert!(falling.is_met(60.0) && falling.is_met(59.0) && !falling.is_met(61.0));
        // 50 less 58 % is 21.000000000000004 in f64: 21 is on the target, not past it.
        let product = way(50.0, Target::Share(-0.58), true);
        assert!(product.target() > 21.0 && !product.is_met(21.0) && product.is_met(20.99));
        // The last unit of a large number counts all the same.
        let large = way(0.0, Target::Absolute(1e12), true);
        assert!(!large.is_met(1e12) && large.is_met(1e12 + 1.0));
    }

    #[test]
    fn the_planned_value_runs_from_baseline_to_target() {
        let way = way(100.0, Target::Absolute(60.0), false);
        assert_eq!(
            (way.value_at(0.0), way.value_at(0.5), way.value_at(1.0)),
            (100.0, 80.0, 60.0)
        );
    }

    #[test]
    fn differences_beyond_f64_overflow_nothing() {
        let widest = way(f64::MIN, Target::Absolute(f64::MAX), false);
        assert_eq!(widest.progress_raw(f64::MAX), 1.0);
        assert_eq!(widest.progress_raw(0.0), 0.5);
        assert_eq!(widest.value_at(0.5), 0.0);
        let narrow = way(0.0, Target::Absolute(5e-324), false);
        assert_eq!(narrow.progress_raw(f64::MAX), f64::MAX);
        assert_eq!(narrow.progress_raw(f64::MIN), f64::MIN);
    }

    #[test]
    fn nothing_planned_is_no_division_by_zero() {
        assert_eq!(pace(0.2, 0.0), None);
        assert!(close(pace(0.42, 0.35).unwrap(), 1.2));
    }

    /// Any finite number, the awkward ones included.
    fn number() -> impl Strategy<Value = f64> {
        prop_oneof![
            -1e6..1e6,
            any::<f64>().prop_filter("finite", |x| x.is_finite()),
            prop::sample::select(vec![
                0.0,
                -0.0,
                f64::MAX,
                f64::MIN,
                f64::MIN_POSITIVE,
                5e-324
            ]),
        ]
    }

    proptest! {
        #[test]
        fn progress_is_finite_and_clamped(b in number(), t in number(), v in number(), q in 0.0..=1.0) {
            let reach = Reach::straight(b, Target::Absolute(t));
            prop_assume!(b != t);
            let way = Way::from(&reach, b).unwrap();
            let raw = way.progress_raw(v);
            prop_assert!(raw.is_finite());
            prop_assert!((0.0..=1.0).contains(&clamped(raw)));
            prop_assert!(way.value_at(q).is_finite());
            prop_assert!(pace(raw, 0.7 * q).is_none_or(f64::is_finite));
        }

        #[test]
        fn more_of_the_good_is_never_less_progress(b in -1e6..1e6, t in -1e6..1e6, v in -1e6..1e6, w in -1e6..1e6) {
            prop_assume!(b != t);
            let way = way(b, Target::Absolute(t), false);
            let better = match way.direction() {
                Direction::Decrease => f64::min(v, w),
                _ => f64::max(v, w),
            };
            prop_assert!(way.progress_raw(better) >= way.progress_raw(v));
            prop_assert!(way.progress_raw(better) >= way.progress_raw(w));
        }
    }
}
