//! Theil–Sen: the line whose slope is the median of the slopes between all pairs of points, so that one odd day bends
//! nothing. Formula: the OKR method, "Forecast of the final value". Knows no days and no unit.

/// z of the range: 95 % if the points were independent, which days are not; hence "plausible" and no probability.
const Z: f64 = 1.96;

/// A line through points, and the slopes between which the true one plausibly lies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TheilSen {
    /// The median slope, in units of y for one of x.
    pub slope: f64,
    /// The median of `y − slope · x`.
    pub intercept: f64,
    /// The lowest and the highest plausible slope; `None` for five points or fewer.
    pub slopes: Option<(f64, f64)>,
    /// The median x and the median y, from which the range is projected.
    pub middle: (f64, f64),
}

impl TheilSen {
    /// The line through points (x, y) in any order; those of equal x make no slope. Looks at every pair: 67,000 slopes
    /// for the 366 days of a year, which is below a millisecond, and 4,005 for a quarter.
    ///
    /// `None` when no two points differ in x, and when a number gets too large.
    #[must_use]
    pub fn through(points: &[(f64, f64)]) -> Option<Self> {
        let mut slopes = slopes(points);
        let slope = median(&mut slopes)?;
        let mut rests: Vec<f64> = points.iter().map(|(x, y)| y - slope * x).collect();
        let mut xs: Vec<f64> = points.iter().map(|(x, _)| *x).collect();
        let mut ys: Vec<f64> = points.iter().map(|(_, y)| *y).collect();
        let intercept = median(&mut rests)?;
        let line = Self {
            slope,
            intercept,
            slopes: plausible(&mut slopes, points.len()),
            middle: (median(&mut xs)?, median(&mut ys)?),
        };
        (slope.is_finite() && intercept.is_finite()).then_some(line)
    }

    /// The height of the line at `x`.
    #[must_use]
    pub fn at(&self, x: f64) -> f64 {
        self.intercept + self.slope * x
    }

    /// The plausible range at an `x` to the right of the middle, the lower end first.
    #[must_use]
    pub fn range_at(&self, x: f64) -> Option<(f64, f64)> {
        let (x0, y0) = self.middle;
        let project = |slope: f64| y0 + slope * (x - x0);
        self.slopes.map(|(low, high)| (project(low), project(high)))
    }
}

/// The slopes between all pairs.
fn slopes(points: &[(f64, f64)]) -> Vec<f64> {
    let mut slopes = Vec::with_capacity(points.len() * points.len().saturating_sub(1) / 2);
    for (i, (xi, yi)) in points.iter().enumerate() {
        let later = points.iter().skip(i + 1);
        let later = later.filter(|(xj, _)| xj != xi);
        slopes.extend(later.map(|(xj, yj)| (yj - yi) / (xj - xi)));
    }
    slopes
}

/// The slopes of 1-based ranks `floor((N − C) / 2)` and `ceil((N + C) / 2) + 1`, the latter at most N.
fn plausible(slopes: &mut [f64], points: usize) -> Option<(f64, f64)> {
    let (low, high) = ranks(points, slopes.len())?;
    let low = nth(slopes, low.checked_sub(1)?)?;
    let high = nth(slopes, high.checked_sub(1)?)?;
    (low.is_finite() && high.is_finite()).then_some((low, high))
}

/// The two ranks of the plausible slopes among `count` slopes of so many points; `None` when the lower is below 1.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rank lies between 0 and the number of slopes, and negative ones become 0"
)]
fn ranks(points: usize, count: usize) -> Option<(usize, usize)> {
    let (n, slopes) = (points as f64, count as f64);
    let c = Z * (n * (n - 1.0) * (2.0 * n + 5.0) / 18.0).sqrt();
    let low = ((slopes - c) / 2.0).floor() as usize;
    let high = ((slopes + c) / 2.0).ceil() as usize + 1;
    (low >= 1).then_some((low, high.min(count)))
}

/// The number of this 0-based rank; the others change their places.
fn nth(numbers: &mut [f64], rank: usize) -> Option<f64> {
    (rank < numbers.len()).then(|| *numbers.select_nth_unstable_by(rank, f64::total_cmp).1)
}

/// The median; of an even number the mean of the two in the middle.
fn median(numbers: &mut [f64]) -> Option<f64> {
    let half = numbers.len() / 2;
    let upper = nth(numbers, half)?;
    if !numbers.len().is_multiple_of(2) {
        return Some(upper);
    }
    // All that is lower stands before it now.
    let lower = numbers.iter().take(half).copied();
    lower
        .max_by(f64::total_cmp)
        .map(|lower| lower.midpoint(upper))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn close(found: f64, expected: f64) -> bool {
        (found - expected).abs() < 1e-6
    }

    fn points(xs: impl Iterator<Item = u32>, ys: &[f64]) -> Vec<(f64, f64)> {
        xs.map(f64::from).zip(ys.iter().copied()).collect()
    }

    #[test]
    fn one_odd_day_bends_nothing() {
        let ys = [
            100.0, 102.0, 104.0, 106.0, 108.0, 110.0, 112.0, 114.0, 160.0, 118.0,
        ];
        let line = TheilSen::through(&points(0..10, &ys)).unwrap();
        assert!(close(line.slope, 2.0) && close(line.intercept, 100.0));
        assert!(close(line.at(90.0), 280.0));
    }

    #[test]
    fn the_line_and_its_range_match_the_vectors() {
        let ys = [640.0, 655.0, 690.0, 700.0, 735.0, 742.0, 780.0];
        let line = TheilSen::through(&points((0..=42).step_by(7), &ys)).unwrap();
        assert!(close(line.slope, 3.214_285_7) && close(line.intercept, 640.0));
        assert!(close(line.at(90.0), 929.285_714_3));
        assert_eq!(ranks(7, 21), Some((3, 19)));
        let (low, high) = line.slopes.unwrap();
        assert!(close(low, 2.142_857_1) && close(high, 5.0));
        let (low, high) = line.range_at(90.0).unwrap();
        assert!(close(low, 847.857_142_9) && close(high, 1045.0));
    }

    #[test]
    fn five_points_have_a_line_and_no_range() {
        assert_eq!(ranks(5, 10), None);
        let line = TheilSen::through(&points(0..5, &[1.0, 2.0, 3.0, 4.0, 5.0])).unwrap();
        assert_eq!((line.slope, line.range_at(9.0)), (1.0, None));
    }

    #[test]
    fn what_makes_no_slope_makes_no_line() {
        assert_eq!(TheilSen::through(&[]), None);
        assert_eq!(TheilSen::through(&[(1.0, 2.0)]), None);
        assert_eq!(TheilSen::through(&[(1.0, 2.0), (1.0, 3.0)]), None);
        assert_eq!(TheilSen::through(&[(0.0, f64::MIN), (1.0, f64::MAX)]), None);
    }

    proptest! {
        #[test]
        fn the_order_of_points_does_not_matter(
            (given, mixed) in prop::collection::btree_map(0_u32..400, -1e6..1e6, 2..40).prop_flat_map(|points| {
                let points: Vec<(f64, f64)> = points.into_iter().map(|(x, y)| (f64::from(x), y)).collect();
                (Just(points.clone()), Just(points).prop_shuffle())
            }),
        ) {
            prop_assert_eq!(TheilSen::through(&given), TheilSen::through(&mixed));
        }

        #[test]
        fn the_range_is_never_upside_down_and_holds_the_slope(
            ys in prop::collection::vec(-1e6..1e6, 6..60),
        ) {
            let line = TheilSen::through(&points(0.., &ys)).unwrap();
            let (low, high) = line.slopes.unwrap();
            prop_assert!(low <= line.slope && line.slope <= high, "{line:?}");
            let (low, high) = line.range_at(400.0).unwrap();
            prop_assert!(low <= high, "{line:?}");
        }

        #[test]
        fn a_straight_line_finds_itself(slope in -1e3..1e3, start in -1e6..1e6, n in 2_u32..60) {
            let points: Vec<_> = (0..n).map(f64::from).map(|x| (x, start + slope * x)).collect();
            let line = TheilSen::through(&points).unwrap();
            let missed: f64 = line.at(400.0) - (start + slope * 400.0);
            prop_assert!(close(line.slope, slope) && missed.abs() < 1e-3, "{line:?}");
        }
    }
}
