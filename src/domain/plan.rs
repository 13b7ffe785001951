//! A plan in phases: which value is due when, straight lines between the points. Formulas: the OKR method, "Cycle time".
//! Knows no samples and no clock: `now` is an argument.

use std::sync::Arc;

use jiff::Timestamp;

use super::cycle::Cycle;
use super::polyline::along;
use super::progress::{Way, clamped};

/// Values that are due at instants, in their order. Cheap to clone.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan(Arc<[(Timestamp, f64)]>);

impl Plan {
    /// A plan of these points; values that are not finite are left out.
    #[must_use]
    pub fn new(mut points: Vec<(Timestamp, f64)>) -> Self {
        points.retain(|(_, value)| value.is_finite());
        points.sort_by_key(|(at, _)| *at);
        Self(points.into())
    }

    /// The points, in their order.
    #[must_use]
    pub fn points(&self) -> &[(Timestamp, f64)] {
        &self.0
    }

    /// The same plan in other units, `k` of them for one; `None` when a value is no longer finite.
    #[must_use]
    pub fn times(&self, k: f64) -> Option<Self> {
        let points = self.0.iter().map(|(at, value)| (*at, value * k));
        let carried = Self::new(points.collect());
        (carried.0.len() == self.0.len()).then_some(carried)
    }

    /// The value that is due at `now`: the plan begins at (start, b) and ends at (end, t), whether it says so or not.
    #[must_use]
    pub fn value_at(&self, way: &Way, cycle: &Cycle, now: Timestamp) -> f64 {
        let (start, end) = (cycle.start(), cycle.end());
        let inner = self
            .0
            .iter()
            .filter(|(at, _)| start < *at && *at < end)
            .copied();
        let ends = [(start, way.baseline()), (end, way.target())];
        let seconds = |at: Timestamp| at.duration_since(start).as_secs_f64();
        let points: Vec<_> = ends
            .into_iter()
            .chain(inner)
            .map(|(at, value)| (seconds(at), value))
            .collect();
        along(&points, seconds(now)).unwrap_or_else(|| way.baseline())
    }

    /// The planned share q at `now`, 0 to 1.
    #[must_use]
    pub fn share_at(&self, way: &Way, cycle: &Cycle, now: Timestamp) -> f64 {
        clamped(way.progress_raw(self.value_at(way, cycle, now)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::example::{day, quarter};
    use crate::domain::target::{Reach, Target};

    /// The [V] rows: b 0, t 1000, due on the days 31, 59 and 90 of the quarter.
    #[test]
    fn a_plan_matches_the_vectors() {
        let way = Way::from(&Reach::straight(0.0, Target::Absolute(1000.0)), 0.0).unwrap();
        let points = [(31.0, 100.0), (59.0, 400.0), (90.0, 1000.0)];
        let whole = Plan::new(points.map(|(at, value)| (day(at), value)).to_vec());
        // The end need not be said, and the order does not matter.
        let short = Plan::new(vec![
            (day(59.0), 400.0),
            (day(31.0), 100.0),
            (day(40.0), f64::NAN),
        ]);
        for plan in [&whole, &short] {
            for (at, value, q) in [
                (45.0, 250.0, 0.25),
                (74.5, 700.0, 0.7),
                (-3.0, 0.0, 0.0),
                (200.0, 1000.0, 1.0),
            ] {
                assert!(
                    (plan.value_at(&way, &quarter(), day(at)) - value).abs() < 1e-6,
                    "{at}"
                );
                assert!(
                    (plan.share_at(&way, &quarter(), day(at)) - q).abs() < 1e-9,
                    "{at}"
                );
            }
        }
    }

    #[test]
    fn a_plan_that_overshoots_plans_no_more_than_all() {
        let way = Way::from(&Reach::straight(100.0, Target::Absolute(60.0)), 100.0).unwrap();
        let plan = Plan::new(vec![(day(30.0), 110.0), (day(60.0), 50.0)]);
        assert!(plan.share_at(&way, &quarter(), day(30.0)).abs() < 1e-9);
        assert!((plan.share_at(&way, &quarter(), day(60.0)) - 1.0).abs() < 1e-9);
    }
}
