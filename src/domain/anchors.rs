//! Anchors: values that stand for agreed shares of the way, straight lines between them. For a way whose steps are not
//! equally hard. Formulas: the OKR method, "Progress of one KR". Knows no samples and no time.

use std::sync::Arc;

use super::polyline::along;

/// At least two points, value → share, strictly monotone in both, from share 0 to share 1. Cheap to clone.
#[derive(Clone, Debug, PartialEq)]
pub struct Anchors(Arc<[(f64, f64)]>);

/// Why points are no anchors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnchorsError {
    /// Fewer than two points.
    TooFew,
    /// A number that is not finite.
    NotFinite,
    /// Shares that do not begin at 0, rise and end at 1.
    Shares,
    /// Values that neither rise all the way nor fall all the way.
    Values,
}

impl Anchors {
    /// Anchors in the order in which the way is made: shares from 0 to 1, values rising or falling.
    ///
    /// # Errors
    /// When the points make no way; see [`AnchorsError`].
    pub fn new(points: &[(f64, f64)]) -> Result<Self, AnchorsError> {
        let (Some(first), Some(last)) = (points.first(), points.last()) else {
            return Err(AnchorsError::TooFew);
        };
        if points.len() < 2 {
            return Err(AnchorsError::TooFew);
        }
        if !points.iter().all(|(v, s)| v.is_finite() && s.is_finite()) {
            return Err(AnchorsError::NotFinite);
        }
        #[expect(clippy::float_cmp, reason = "as written, not computed")]
        let whole = first.1 == 0.0 && last.1 == 1.0;
        let pairs = || points.iter().zip(points.iter().skip(1));
        if !whole || !pairs().all(|(a, b)| a.1 < b.1) {
            return Err(AnchorsError::Shares);
        }
        if !pairs().all(|(a, b)| a.0 < b.0) && !pairs().all(|(a, b)| a.0 > b.0) {
            return Err(AnchorsError::Values);
        }
        Ok(Self(points.into()))
    }

    /// The points, value and share, in the order in which the way is made.
    #[must_use]
    pub fn points(&self) -> &[(f64, f64)] {
        &self.0
    }

    /// The same shares for values in other units, `k` of them for one; `None` when that makes no way.
    #[must_use]
    pub fn times(&self, k: f64) -> Option<Self> {
        let points: Vec<_> = (self.0.iter())
            .map(|(value, share)| (value * k, *share))
            .collect();
        Self::new(&points).ok()
    }

    /// The value at share 0.
    #[must_use]
    pub fn baseline(&self) -> f64 {
        self.0.first().map_or(0.0, |(value, _)| *value)
    }

    /// The value at share 1.
    #[must_use]
    pub fn target(&self) -> f64 {
        self.0.last().map_or(0.0, |(value, _)| *value)
    }

    /// The share that a value stands for, 0 to 1: flat outside of the anchors.
    #[must_use]
    pub fn share(&self, value: f64) -> f64 {
        along(&self.0, value).unwrap_or(0.0)
    }

    /// The value that stands for a share.
    #[must_use]
    pub fn value_at(&self, share: f64) -> f64 {
        let turned: Vec<_> = self
            .0
            .iter()
            .map(|(value, share)| (*share, *value))
            .collect();
        along(&turned, share).unwrap_or_else(|| self.baseline())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RISING: [(f64, f64); 4] = [(1000.0, 0.0), (1200.0, 0.3), (1300.0, 0.7), (1600.0, 1.0)];
    const FALLING: [(f64, f64); 3] = [(100.0, 0.0), (60.0, 0.7), (20.0, 1.0)];

    /// The [V] rows: value, share. A falling way must not be sorted by its values.
    #[test]
    fn anchors_match_the_vectors() {
        let rising = Anchors::new(&RISING).unwrap();
        for (value, share) in [
            (900.0, 0.0),
            (1100.0, 0.15),
            (1250.0, 0.5),
            (1450.0, 0.85),
            (2000.0, 1.0),
        ] {
            assert!((rising.share(value) - share).abs() < 1e-9, "{value}");
        }
        let falling = Anchors::new(&FALLING).unwrap();
        for (value, share) in [
            (110.0, 0.0),
            (80.0, 0.35),
            (40.0, 0.85),
            (20.0, 1.0),
            (10.0, 1.0),
        ] {
            assert!((falling.share(value) - share).abs() < 1e-9, "{value}");
        }
        for share in [0.0, 0.35, 0.7, 0.9, 1.0] {
            assert!(
                (falling.share(falling.value_at(share)) - share).abs() < 1e-9,
                "{share}"
            );
            assert!(
                (rising.share(rising.value_at(share)) - share).abs() < 1e-9,
                "{share}"
            );
        }
        assert!(
            (falling.baseline() - 100.0).abs() < 1e-9 && (falling.target() - 20.0).abs() < 1e-9
        );
    }

    #[test]
    fn points_that_make_no_way_are_refused() {
        for (points, error) in [
            (&[(1.0, 0.0)] as &[(f64, f64)], AnchorsError::TooFew),
            (&[], AnchorsError::TooFew),
            (&[(1.0, 0.0), (f64::NAN, 1.0)], AnchorsError::NotFinite),
            (&[(1.0, 0.0), (2.0, 0.9)], AnchorsError::Shares),
            (&[(1.0, 0.1), (2.0, 1.0)], AnchorsError::Shares),
            (
                &[(1.0, 0.0), (2.0, 0.5), (3.0, 0.5), (4.0, 1.0)],
                AnchorsError::Shares,
            ),
            (&[(1.0, 0.0), (3.0, 0.5), (2.0, 1.0)], AnchorsError::Values),
            (&[(1.0, 0.0), (1.0, 1.0)], AnchorsError::Values),
        ] {
            assert_eq!(Anchors::new(points), Err(error), "{points:?}");
        }
    }
}
