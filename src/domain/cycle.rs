//! A cycle: its days, its instants and how much of it has passed. Knows no clock: `now` is an argument.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::id::CycleName;

/// A stretch of whole days in one time zone, such as a quarter.
#[derive(Clone, Debug, PartialEq)]
pub struct Cycle {
    /// Its name, `2026-Q4`.
    pub name: CycleName,
    /// First day.
    pub first_day: Date,
    /// Last day, included.
    pub last_day: Date,
    /// The zone whose midnights bound the days.
    pub zone: TimeZone,
    start: Timestamp,
    end: Timestamp,
}

/// How long a cycle is, in the words that people plan in; cycles of one length follow one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// Up to 45 days.
    Month,
    /// Up to 135 days: a quarter or a third of a year.
    Quarter,
    /// Up to 270 days.
    HalfYear,
    /// Up to 540 days.
    Year,
    /// More than that.
    Longer,
}

impl Length {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Month => "month",
            Self::Quarter => "quarter",
            Self::HalfYear => "half-year",
            Self::Year => "year",
            Self::Longer => "cycle of several years",
        }
    }
}

/// Why two days make no cycle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CycleError {
    /// The last day lies before the first.
    EndsBeforeStart,
    /// A midnight that cannot be told as an instant (year out of range).
    OutOfRange,
}

impl Cycle {
    /// A cycle from its first to its last day, both included.
    ///
    /// # Errors
    /// When the days stand in the wrong order or out of range.
    pub fn new(
        name: CycleName,
        first_day: Date,
        last_day: Date,
        zone: TimeZone,
    ) -> Result<Self, CycleError> {
        if last_day < first_day {
            return Err(CycleError::EndsBeforeStart);
        }
        let midnight = |day: Date| zone.to_zoned(day.at(0, 0, 0, 0)).map(|z| z.timestamp());
        let day_after = last_day
            .checked_add(1.day())
            .map_err(|_| CycleError::OutOfRange)?;
        let start = midnight(first_day).map_err(|_| CycleError::OutOfRange)?;
        let end = midnight(day_after).map_err(|_| CycleError::OutOfRange)?;
        Ok(Self {
            name,
            first_day,
            last_day,
            zone,
            start,
            end,
        })
    }

    /// Midnight at which the first day begins.
    #[must_use]
    pub fn start(&self) -> Timestamp {
        self.start
    }

    /// Midnight after the last day: the cycle is `[start, end)`.
    #[must_use]
    pub fn end(&self) -> Timestamp {
        self.end
    }

    /// How long it is, by its days.
    #[must_use]
    pub fn length(&self) -> Length {
        let days = self.last_day.duration_since(self.first_day).as_hours() / 24 + 1;
        match days {
            ..=45 => Length::Month,
            46..=135 => Length::Quarter,
            136..=270 => Length::HalfYear,
            271..=540 => Length::Year,
            541.. => Length::Longer,
        }
    }

    /// The share of the cycle that has passed, 0 to 1, measured on instants so that days of 23 and 25
    /// hours count as long as they are.
    #[must_use]
    pub fn elapsed(&self, now: Timestamp) -> f64 {
        let seconds = |a: Timestamp, b: Timestamp| b.duration_since(a).as_secs_f64();
        (seconds(self.start, now) / seconds(self.start, self.end)).clamp(0.0, 1.0)
    }

    /// Whether a value that describes `instant` belongs to the cycle: the one of its last midnight still does, for it
    /// tells how the cycle ended.
    #[must_use]
    pub fn covers(&self, instant: Timestamp) -> bool {
        self.start <= instant && instant <= self.end
    }

    /// Whether `now` lies in the cycle.
    #[must_use]
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.start <= now && now < self.end
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn quarter(zone: &str) -> Cycle {
        let zone = jiff::tz::TimeZoneDatabase::bundled().get(zone).unwrap();
        Cycle::new(
            CycleName::parse("2026-Q1").unwrap(),
            date(2026, 1, 1),
            date(2026, 3, 31),
            zone,
        )
        .unwrap()
    }

    /// The [V] rows of the method's cycle section.
    #[test]
    fn elapsed_share_matches_the_vectors() {
        let utc = quarter("UTC");
        for (now, share) in [
            ("2026-01-10T00:00:00Z", 0.1),
            ("2026-02-15T00:00:00Z", 0.5),
            ("2026-02-15T12:00:00Z", 0.505_555_555_555),
            ("2025-12-31T00:00:00Z", 0.0),
            ("2026-06-01T00:00:00Z", 1.0),
        ] {
            assert!(
                (utc.elapsed(now.parse().unwrap()) - share).abs() < 1e-9,
                "{now}"
            );
        }
        let amsterdam = quarter("Europe/Amsterdam");
        assert_eq!(
            amsterdam.end().duration_since(amsterdam.start()).as_secs(),
            7_772_400
        );
        let noon = date(2026, 2, 15)
            .at(12, 0, 0, 0)
            .to_zoned(amsterdam.zone.clone())
            .unwrap()
            .timestamp();
        assert!((amsterdam.elapsed(noon) - 0.505_789_717_5).abs() < 1e-9);
    }

    #[test]
    fn cycles_of_one_length_are_of_one_kind() {
        let length = |first, last| {
            let name = CycleName::parse("x").unwrap();
            Cycle::new(name, first, last, TimeZone::UTC)
                .unwrap()
                .length()
        };
        for (first, last, expected) in [
            (date(2026, 2, 1), date(2026, 2, 28), Length::Month),
            (date(2026, 1, 1), date(2026, 1, 31), Length::Month),
            (date(2026, 1, 1), date(2026, 2, 14), Length::Month),
            (date(2026, 1, 1), date(2026, 2, 15), Length::Quarter),
            (date(2026, 1, 1), date(2026, 3, 31), Length::Quarter),
            (date(2026, 9, 1), date(2026, 12, 31), Length::Quarter),
            (date(2026, 7, 1), date(2026, 12, 31), Length::HalfYear),
            (date(2028, 1, 1), date(2028, 12, 31), Length::Year),
            (date(2026, 1, 1), date(2028, 12, 31), Length::Longer),
            (date(2026, 1, 1), date(2026, 1, 1), Length::Month),
        ] {
            assert_eq!(length(first, last), expected, "{first} {last}");
        }
    }

    /// Days of 23 and of 25 hours, and the last one to its end, in zones on both sides and where midnight is skipped.
    #[test]
    fn cycles_begin_and_end_at_midnights_of_their_zone() {
        for (zone, first, last, start, end) in [
            (
                "Europe/Amsterdam",
                date(2026, 10, 1),
                date(2026, 12, 31),
                "2026-09-30T22:00:00Z",
                "2026-12-31T23:00:00Z",
            ),
            (
                "Europe/Amsterdam",
                date(2026, 3, 29),
                date(2026, 3, 29),
                "2026-03-28T23:00:00Z",
                "2026-03-29T22:00:00Z",
            ),
            (
                "Europe/Amsterdam",
                date(2026, 10, 25),
                date(2026, 10, 25),
                "2026-10-24T22:00:00Z",
                "2026-10-25T23:00:00Z",
            ),
            (
                "America/New_York",
                date(2026, 1, 1),
                date(2026, 3, 31),
                "2026-01-01T05:00:00Z",
                "2026-04-01T04:00:00Z",
            ),
            (
                "Pacific/Auckland",
                date(2026, 1, 1),
                date(2026, 12, 31),
                "2025-12-31T11:00:00Z",
                "2026-12-31T11:00:00Z",
            ),
            // In Beirut the clocks go from 00:00 to 01:00: that day begins at 01:00, one hour late and no second earlier.
            (
                "Asia/Beirut",
                date(2026, 3, 29),
                date(2026, 3, 29),
                "2026-03-28T22:00:00Z",
                "2026-03-29T21:00:00Z",
            ),
        ] {
            let zone_of = jiff::tz::TimeZoneDatabase::bundled().get(zone).unwrap();
            let name = CycleName::parse("x").unwrap();
            let cycle = Cycle::new(name, first, last, zone_of).unwrap();
            assert_eq!(cycle.start(), start.parse().unwrap(), "{zone} {first}");
            assert_eq!(cycle.end(), end.parse().unwrap(), "{zone} {last}");
            let second = jiff::SignedDuration::from_secs(1);
            assert!(cycle.is_open(cycle.start()) && !cycle.is_open(cycle.start() - second));
            assert!(cycle.is_open(cycle.end() - second) && !cycle.is_open(cycle.end()));
            assert!(cycle.covers(cycle.end()) && !cycle.covers(cycle.end() + second));
            assert!(cycle.elapsed(cycle.end() - second) < 1.0);
            let end = cycle.elapsed(cycle.end());
            assert!((end - 1.0).abs() < f64::EPSILON);
        }
    }

    #[test]
    fn the_last_day_belongs_to_the_cycle() {
        let utc = quarter("UTC");
        assert!(utc.is_open("2026-03-31T23:59:59Z".parse().unwrap()));
        assert!(!utc.is_open("2026-04-01T00:00:00Z".parse().unwrap()));
        let name = CycleName::parse("x").unwrap();
        let backwards = Cycle::new(name, date(2026, 2, 2), date(2026, 2, 1), TimeZone::UTC);
        assert_eq!(backwards, Err(CycleError::EndsBeforeStart));
    }
}
