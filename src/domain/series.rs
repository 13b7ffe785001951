//! Numbers in the order of the instants they describe. Plain values; knows no key result, no store and no clock.

use jiff::Timestamp;

use super::cycle::Cycle;

/// Of how many how many were counted: k of n.
pub type Counts = (f64, f64);

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
}
