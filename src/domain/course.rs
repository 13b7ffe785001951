//! The course of a key result: where what is planned for its value bends, for who draws it. Knows no measurement.

use super::cycle::Cycle;
use super::goals::KeyResult;
use super::progress::Way;
use super::series::Point;
use super::target::Aim;

/// The corners of what was planned for a value to reach, from the start of its cycle to its end: what
/// [`super::card::KeyResultCard::expected_value`] follows. Empty for every other aim, and when baseline and target make no way.
#[must_use]
pub fn corners(key_result: &KeyResult, baseline: f64, cycle: &Cycle) -> Vec<Point> {
    let Aim::Reach(reach) = &key_result.aim else {
        return Vec::new();
    };
    let Ok(way) = Way::from(reach, baseline) else {
        return Vec::new();
    };
    let (start, end) = (cycle.start(), cycle.end());
    let length = end.duration_since(start).as_secs_f64();
    let at_share = |q: f64| {
        let after = jiff::SignedDuration::try_from_secs_f64(length * q).unwrap_or_default();
        let as_of = start.checked_add(after).unwrap_or(end);
        let value = way.value_at(q);
        Point { as_of, value }
    };
    match (&key_result.plan, &reach.anchors) {
        (Some(plan), _) => {
            let inner = plan.points().iter().map(|(at, _)| *at);
            let inner = inner.filter(|at| start < *at && *at < end);
            let value = |as_of| plan.value_at(&way, cycle, as_of);
            let point = |as_of| Point {
                as_of,
                value: value(as_of),
            };
            std::iter::once(start)
                .chain(inner)
                .chain([end])
                .map(point)
                .collect()
        }
        (None, Some(anchors)) => anchors.points().iter().map(|(_, q)| at_share(*q)).collect(),
        (None, None) => vec![at_share(0.0), at_share(1.0)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::anchors::Anchors;
    use crate::domain::example::{at_most, day, key_result, quarter, reach};
    use crate::domain::plan::Plan;
    use crate::domain::target::{Baseline, Reach, Target};

    #[test]
    fn the_corners_are_where_the_plan_bends() {
        let whole = |aim, plan| {
            let key_result = KeyResult {
                plan,
                ..key_result("o/k", "things", aim)
            };
            let all = corners(&key_result, 100.0, &quarter());
            let share = |p: &Point| quarter().elapsed(p.as_of);
            all.iter().map(|p| (share(p), p.value)).collect::<Vec<_>>()
        };
        let straight = reach(Baseline::Fixed(100.0), Target::Absolute(60.0));
        assert_eq!(whole(straight.clone(), None), [(0.0, 100.0), (1.0, 60.0)]);
        let plan = Plan::new(vec![(day(45.0), 90.0), (day(120.0), 0.0)]);
        let bent = [(0.0, 100.0), (0.5, 90.0), (1.0, 60.0)];
        assert_eq!(whole(straight, Some(plan)), bent);
        let anchors = Anchors::new(&[(100.0, 0.0), (80.0, 0.25), (60.0, 1.0)]).unwrap();
        let anchored = Aim::Reach(Reach {
            anchors: Some(anchors),
            ..Reach::straight(100.0, Target::Absolute(60.0))
        });
        let bent = [(0.0, 100.0), (0.25, 80.0), (1.0, 60.0)];
        assert_eq!(whole(anchored, None), bent);
        assert_eq!(whole(at_most(3.0), None), []);
        let flat = reach(Baseline::First, Target::Absolute(100.0));
        assert_eq!(whole(flat, None), []);
    }
}
