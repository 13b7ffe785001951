//! Numbers in the order of the instants they describe. Plain values; knows no key result, no store and no clock.

use std::sync::Arc;

use jiff::Timestamp;

use super::cycle::Cycle;

/// Of how many how many were counted: k of n.
pub type Counts = (f64, f64);

/// The stretches of a cycle that a chart tells apart: about three days each of a quarter.
pub const STRETCHES: u32 = 30;

/// One good measurement.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// The instant the number describes.
    pub as_of: Timestamp,
    /// The number, finite.
    pub value: f64,
}

/// Points in order of their instants; one per instant, the later one told wins.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series(Vec<Point>);

impl Series {
    /// Adds a point in its place; a point at the same instant is replaced. Non-finite values are not taken.
    /// Appending the newest costs constant time.
    pub fn push(&mut self, point: Point) {
        if !point.value.is_finite() {
            return;
        }
        let place = match self.0.last() {
            Some(last) if last.as_of < point.as_of => self.0.len(),
            _ => self.0.partition_point(|p| p.as_of < point.as_of),
        };
        match self.0.get_mut(place) {
            Some(same) if same.as_of == point.as_of => *same = point,
            _ => self.0.insert(place, point),
        }
    }

    /// Replaces the newest point when `same` says that it stands for the same stretch (such as a day), so that a
    /// long series stays short; the first point always stays.
    pub fn push_thinned(&mut self, point: Point, same: impl Fn(Timestamp, Timestamp) -> bool) {
        if self.0.len() > 1
            && let Some(last) = self.0.last()
            && last.as_of < point.as_of
            && point.value.is_finite()
            && same(last.as_of, point.as_of)
        {
            self.0.pop();
        }
        self.push(point);
    }

    /// Adds a point and keeps one per local day of the cycle's zone, the newest; the first of all and the first
    /// since the cycle's start stay, for the latter may be the baseline. Enough for a value to reach; the time in a
    /// band needs every point.
    pub fn push_daily(&mut self, point: Point, cycle: &Cycle) {
        let day = |t: Timestamp| t.to_zoned(cycle.zone.clone()).date();
        let first = self.first_since(cycle.start()).map(|p| p.as_of);
        self.push_thinned(point, |last, new| {
            first != Some(last) && day(last) == day(new)
        });
    }

    /// All points, oldest first.
    #[must_use]
    pub fn points(&self) -> &[Point] {
        &self.0
    }

    /// The points from `from` to `until`, both included, for a chart: where there are more than four for each of so many
    /// stretches of equal length, each of them keeps its first, least, greatest and newest, so that no peak is lost.
    #[must_use]
    pub fn for_chart(&self, from: Timestamp, until: Timestamp, stretches: u32) -> Arc<[Point]> {
        let (first, end) = (
            self.0.partition_point(|p| p.as_of < from),
            self.0.partition_point(|p| p.as_of <= until),
        );
        let within = self.0.get(first..end).unwrap_or_default();
        let most = usize::try_from(stretches).unwrap_or(usize::MAX);
        if within.len() <= most.saturating_mul(4) {
            return within.into();
        }
        let length = until.duration_since(from).as_millis() / i128::from(stretches.max(1));
        let place = |p: &Point| p.as_of.duration_since(from).as_millis() / length.max(1);
        let all = within.chunk_by(|a, b| place(a) == place(b));
        all.flat_map(outline).collect()
    }

    /// The newest point not after `until`.
    #[must_use]
    pub fn latest(&self, until: Timestamp) -> Option<Point> {
        // Nearly always it is the last one.
        if let Some(last) = self.0.last().filter(|p| p.as_of <= until) {
            return Some(*last);
        }
        let place = self.0.partition_point(|p| p.as_of <= until);
        place.checked_sub(1).and_then(|i| self.0.get(i)).copied()
    }

    /// The first point after `after`, such as one that was told of a day to come.
    #[must_use]
    pub fn next(&self, after: Timestamp) -> Option<Point> {
        let place = self.0.partition_point(|p| p.as_of <= after);
        self.0.get(place).copied()
    }

    /// The first point at or after `from`.
    #[must_use]
    pub fn first_since(&self, from: Timestamp) -> Option<Point> {
        self.0
            .get(self.0.partition_point(|p| p.as_of < from))
            .copied()
    }
}

/// First, least, greatest and newest of a stretch, in their order, none twice.
fn outline(stretch: &[Point]) -> Vec<Point> {
    let by_value = |a: &&Point, b: &&Point| a.value.total_cmp(&b.value);
    let mut kept: Vec<Point> = [
        stretch.first(),
        stretch.iter().min_by(by_value),
        stretch.iter().max_by(by_value),
        stretch.last(),
    ]
    .into_iter()
    .flatten()
    .copied()
    .collect();
    kept.sort_by_key(|p| p.as_of);
    kept.dedup_by_key(|p| p.as_of);
    kept
}

impl Extend<Point> for Series {
    fn extend<I: IntoIterator<Item = Point>>(&mut self, points: I) {
        points.into_iter().for_each(|p| self.push(p));
    }
}

impl FromIterator<Point> for Series {
    fn from_iter<I: IntoIterator<Item = Point>>(points: I) -> Self {
        let mut series = Self::default();
        points.into_iter().for_each(|p| series.push(p));
        series
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(second: i64, value: f64) -> Point {
        Point {
            as_of: Timestamp::from_second(second).unwrap(),
            value,
        }
    }

    #[test]
    fn order_of_arrival_does_not_matter() {
        let forward: Series = [point(1, 1.0), point(2, 2.0), point(3, 3.0)]
            .into_iter()
            .collect();
        let backward: Series = [point(3, 3.0), point(1, 1.0), point(2, 2.0)]
            .into_iter()
            .collect();
        assert_eq!(forward, backward);
        assert_eq!(
            forward.latest(Timestamp::from_second(2).unwrap()),
            Some(point(2, 2.0))
        );
        assert_eq!(forward.latest(Timestamp::from_second(0).unwrap()), None);
        assert_eq!(
            forward.next(Timestamp::from_second(2).unwrap()),
            Some(point(3, 3.0))
        );
        assert_eq!(forward.next(Timestamp::from_second(3).unwrap()), None);
        assert_eq!(
            forward.first_since(Timestamp::from_second(2).unwrap()),
            Some(point(2, 2.0))
        );
    }

    #[test]
    fn the_later_word_on_an_instant_wins_and_nan_is_not_taken() {
        let series: Series = [point(1, 1.0), point(1, 5.0), point(2, f64::NAN)]
            .into_iter()
            .collect();
        assert_eq!(series.points(), [point(1, 5.0)]);
    }

    #[test]
    fn thinning_keeps_the_first_and_the_newest_of_each_stretch() {
        let mut series = Series::default();
        for second in 0..30 {
            #[expect(clippy::cast_precision_loss, reason = "small numbers")]
            series.push_thinned(point(second, second as f64), |a, b| {
                a.as_second() / 10 == b.as_second() / 10
            });
        }
        let kept: Vec<i64> = series
            .points()
            .iter()
            .map(|p| p.as_of.as_second())
            .collect();
        assert_eq!(kept, [0, 9, 19, 29]);
    }

    /// The baseline `"first"` must not move during the day on which the cycle starts.
    #[test]
    fn daily_thinning_keeps_the_first_point_of_the_cycle() {
        use jiff::civil::date;
        let name = crate::domain::id::CycleName::parse("2026-Q1").unwrap();
        let zone = jiff::tz::TimeZoneDatabase::bundled()
            .get("Europe/Berlin")
            .unwrap();
        let cycle = Cycle::new(name, date(2026, 1, 1), date(2026, 3, 31), zone).unwrap();
        let mut series = Series::default();
        for (at, value) in [
            ("2025-12-31T20:00:00Z", 1.0),
            ("2025-12-31T22:00:00Z", 2.0),
            ("2025-12-31T23:00:00Z", 3.0),
            ("2026-01-01T08:00:00Z", 4.0),
            ("2026-01-01T09:00:00Z", 5.0),
            ("2026-01-02T08:00:00Z", 6.0),
            // Late news of an earlier time takes its place and thins nothing.
            ("2026-01-01T12:00:00Z", 7.0),
        ] {
            let as_of = at.parse().unwrap();
            series.push_daily(Point { as_of, value }, &cycle);
        }
        let kept: Vec<f64> = series.points().iter().map(|p| p.value).collect();
        assert_eq!(kept, [1.0, 2.0, 3.0, 5.0, 7.0, 6.0]);
        assert_eq!(series.first_since(cycle.start()).unwrap().value, 3.0);
    }

    #[test]
    fn a_chart_keeps_every_peak_and_few_points() {
        let at = |second: i64| Timestamp::from_second(second).unwrap();
        let series: Series = (0..10_000)
            .map(|second| match second {
                4_321 => point(second, 99.0),
                7_777 => point(second, -99.0),
                _ => point(second, (second % 60) as f64 / 60.0),
            })
            .collect();
        let shown = series.for_chart(at(1_000), at(9_000), 50);
        assert!((100..=204).contains(&shown.len()), "{}", shown.len());
        assert!(shown.is_sorted_by(|a, b| a.as_of < b.as_of));
        for (second, value) in [(4_321, 99.0), (7_777, -99.0)] {
            assert!(shown.contains(&point(second, value)));
        }
        let ends = [shown.first(), shown.last()].map(|p| p.unwrap().as_of);
        assert_eq!(ends, [at(1_000), at(9_000)]);
        // What is short is shown as it is.
        let few = series.for_chart(at(0), at(199), 50);
        assert_eq!(few[..], series.points()[..200]);
        assert!(series.for_chart(at(20_000), at(30_000), 50).is_empty());
        assert!(series.for_chart(at(5), at(4), 50).is_empty());
    }
}
