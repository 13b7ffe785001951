//! A line through points, straight between them: what anchors (value → share) and plans (date → value) are made of.
//! Knows neither.

use super::share::share;

/// The height of a line through `points` at `x`: straight between points, flat outside. Made for anchors (value →
/// share) and plans (date → value); the points may rise or fall in `x` and are put in order here.
///
/// `None` without points, or when one is not finite.
#[must_use]
pub fn along(points: &[(f64, f64)], x: f64) -> Option<f64> {
    let finite = |p: &(f64, f64)| p.0.is_finite() && p.1.is_finite();
    if !x.is_finite() || !points.iter().all(finite) {
        return None;
    }
    let mut points = points.to_vec();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    let after = points.partition_point(|p| p.0 <= x);
    let left = after.checked_sub(1).and_then(|i| points.get(i));
    Some(match (left, points.get(after)) {
        (Some(&(x0, y0)), Some(&(x1, y1))) => {
            let share = share(x0, x1, x);
            y0 * (1.0 - share) + y1 * share
        }
        (Some(&(_, y)), None) | (None, Some(&(_, y))) => y,
        (None, None) => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_line_needs_points_that_are_numbers() {
        assert_eq!(along(&[], 1.0), None);
        assert_eq!(along(&[(0.0, f64::NAN)], 1.0), None);
        assert_eq!(along(&[(0.0, 1.0)], f64::NAN), None);
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
        fn a_line_stays_between_its_points(points in prop::collection::vec((number(), 0.0..=1.0), 1..6), x in number()) {
            let share = along(&points, x).unwrap();
            prop_assert!((-1e-12..=1.0 + 1e-12).contains(&share), "{}", share);
        }
    }
}
