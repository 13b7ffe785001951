//! Windows: "cycle to date", "30d", "previous month" resolved to explicit instants and days in a zone,
//! and the moments a measure may bind. Vendor shortcuts disagree on what "30d" means; these do not.
//! Knows no vendor and no clock.

use std::fmt;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::cycle::Cycle;

/// The stretch of time a measure asks about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Window {
    /// From the cycle's first midnight until now (or its end).
    #[default]
    CycleToDate,
    /// From the first of this month until now.
    MonthToDate,
    /// From the first of this calendar quarter until now.
    QuarterToDate,
    /// From the first of January until now.
    YearToDate,
    /// The last N whole days, today excluded: today is partial and would bend every rate.
    LastDays(u16),
    /// The calendar month before this one.
    PreviousMonth,
}

/// Why a text names no window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WindowError {
    /// The text as found.
    pub found: String,
}

impl fmt::Display for WindowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is not a window: expected one of {}",
            self.found.escape_debug(),
            Window::NAMES
        )
    }
}

impl std::error::Error for WindowError {}

/// A resolved window: half-open in instants, both ends included in days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// First instant.
    pub start: Timestamp,
    /// First instant after the window.
    pub end: Timestamp,
    /// First local day.
    pub first_day: Date,
    /// Last local day that the window touches.
    pub last_day: Date,
}

impl Window {
    /// What may be written, for messages.
    pub const NAMES: &'static str = "cycle_to_date, month_to_date, quarter_to_date, year_to_date, previous_month, or a number of whole days such as 30d";

    /// Parses the name of a window.
    ///
    /// # Errors
    /// When the text is none of [`Window::NAMES`].
    pub fn parse(text: &str) -> Result<Self, WindowError> {
        let unknown = || WindowError { found: text.into() };
        Ok(match text {
            "cycle_to_date" => Self::CycleToDate,
            "month_to_date" => Self::MonthToDate,
            "quarter_to_date" => Self::QuarterToDate,
            "year_to_date" => Self::YearToDate,
            "previous_month" => Self::PreviousMonth,
            _ => {
                let days: u16 = text
                    .strip_suffix('d')
                    .filter(|n| n.starts_with(|c: char| matches!(c, '1'..='9')))
                    .and_then(|n| n.parse().ok())
                    .ok_or_else(unknown)?;
                if !(1..=5000).contains(&days) {
                    return Err(unknown());
                }
                Self::LastDays(days)
            }
        })
    }

    /// The window's instants and days as seen at `now` in the cycle's zone.
    ///
    /// Returns `None` when the window would be empty, as the cycle to date is before its start.
    #[must_use]
    pub fn resolve(self, now: Timestamp, cycle: &Cycle) -> Option<Span> {
        let today = now.to_zoned(cycle.zone.clone()).date();
        let midnight = |day: Date| {
            cycle
                .zone
                .to_zoned(day.at(0, 0, 0, 0))
                .ok()
                .map(|z| z.timestamp())
        };
        let to_date = |first_day: Date| {
            let span = Span {
                start: midnight(first_day)?,
                end: now,
                first_day,
                last_day: today,
            };
            (span.start < span.end).then_some(span)
        };
        let whole = |first_day: Date, last_day: Date| {
            let end = midnight(last_day.checked_add(1.day()).ok()?)?;
            Some(Span {
                start: midnight(first_day)?,
                end,
                first_day,
                last_day,
            })
        };
        let yesterday = today.checked_sub(1.day()).ok()?;
        match self {
            Self::CycleToDate if now >= cycle.end() => whole(cycle.first_day, cycle.last_day),
            Self::CycleToDate => to_date(cycle.first_day),
            Self::MonthToDate => to_date(today.first_of_month()),
            Self::QuarterToDate => {
                to_date(Date::new(today.year(), (today.month() - 1) / 3 * 3 + 1, 1).ok()?)
            }
            Self::YearToDate => to_date(today.first_of_year()),
            Self::LastDays(days) => {
                whole(today.checked_sub(i64::from(days).days()).ok()?, yesterday)
            }
            Self::PreviousMonth => {
                let last = today.first_of_month().checked_sub(1.day()).ok()?;
                whole(last.first_of_month(), last)
            }
        }
    }

    /// How many days one value looks back over, at most; `None` when it counts from a first day on instead.
    #[must_use]
    pub fn days(self) -> Option<u16> {
        match self {
            Self::LastDays(days) => Some(days),
            Self::PreviousMonth => Some(31),
            Self::CycleToDate | Self::MonthToDate | Self::QuarterToDate | Self::YearToDate => None,
        }
    }

    /// Whether it counts from a first day on and begins anew within the cycle, as the month to date does in a quarter.
    #[must_use]
    pub fn begins_anew_in(self, cycle: &Cycle) -> bool {
        let second = jiff::SignedDuration::from_secs(1);
        let first_day = |now| self.resolve(now, cycle).map(|span| span.first_day);
        self.days().is_none()
            && first_day(cycle.start() + second) != first_day(cycle.end() - second)
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CycleToDate => f.write_str("cycle_to_date"),
            Self::MonthToDate => f.write_str("month_to_date"),
            Self::QuarterToDate => f.write_str("quarter_to_date"),
            Self::YearToDate => f.write_str("year_to_date"),
            Self::LastDays(days) => write!(f, "{days}d"),
            Self::PreviousMonth => f.write_str("previous_month"),
        }
    }
}

/// The instants and days that a query may bind: what `:now`, `{cycle_start}` and their kin stand for.
#[derive(Clone, Debug, PartialEq)]
pub struct Moments {
    /// The instant the poll asks about.
    pub now: Timestamp,
    /// The local day of `now`.
    pub today: Date,
    /// First instant of the cycle.
    pub cycle_start: Timestamp,
    /// First instant after the cycle.
    pub cycle_end: Timestamp,
    /// The resolved window.
    pub window: Span,
    /// The zone in which days are told.
    pub zone: TimeZone,
}

impl Moments {
    /// What a measure of this cycle may bind at `now`; `None` when its window is still empty.
    #[must_use]
    pub fn at(now: Timestamp, cycle: &Cycle, window: Window) -> Option<Self> {
        Some(Self {
            now,
            today: now.to_zoned(cycle.zone.clone()).date(),
            cycle_start: cycle.start(),
            cycle_end: cycle.end(),
            window: window.resolve(now, cycle)?,
            zone: cycle.zone.clone(),
        })
    }

    /// The instant behind a name of [`Moments::NAMES`] other than `today`.
    #[must_use]
    pub fn instant(&self, name: &str) -> Option<Timestamp> {
        Some(match name {
            "now" => self.now,
            "cycle_start" => self.cycle_start,
            "cycle_end" => self.cycle_end,
            "window_start" => self.window.start,
            "window_end" => self.window.end,
            _ => return None,
        })
    }

    /// Every name that may be bound.
    pub const NAMES: [&'static str; 6] = [
        "now",
        "today",
        "cycle_start",
        "cycle_end",
        "window_start",
        "window_end",
    ];
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::CycleName;
    use jiff::civil::date;

    fn berlin() -> Cycle {
        let zone = jiff::tz::TimeZoneDatabase::bundled()
            .get("Europe/Berlin")
            .unwrap();
        Cycle::new(
            CycleName::parse("2026-Q4").unwrap(),
            date(2026, 10, 1),
            date(2026, 12, 31),
            zone,
        )
        .unwrap()
    }

    fn at(text: &str, window: &str) -> (String, String, String, String) {
        let span = Window::parse(window)
            .unwrap()
            .resolve(text.parse().unwrap(), &berlin())
            .unwrap();
        (
            span.start.to_string(),
            span.end.to_string(),
            span.first_day.to_string(),
            span.last_day.to_string(),
        )
    }

    fn four(a: &str, b: &str, c: &str, d: &str) -> (String, String, String, String) {
        (a.into(), b.into(), c.into(), d.into())
    }

    #[test]
    fn windows_are_whole_local_days_or_reach_until_now() {
        let now = "2026-11-23T21:00:00Z";
        assert_eq!(
            at(now, "cycle_to_date"),
            four("2026-09-30T22:00:00Z", now, "2026-10-01", "2026-11-23")
        );
        assert_eq!(
            at(now, "month_to_date"),
            four("2026-10-31T23:00:00Z", now, "2026-11-01", "2026-11-23")
        );
        assert_eq!(
            at(now, "quarter_to_date"),
            four("2026-09-30T22:00:00Z", now, "2026-10-01", "2026-11-23")
        );
        assert_eq!(
            at(now, "year_to_date"),
            four("2025-12-31T23:00:00Z", now, "2026-01-01", "2026-11-23")
        );
        // 30 days back crosses the autumn change: midnight to midnight in Berlin, not 30 x 86,400 s.
        assert_eq!(
            at(now, "30d"),
            four(
                "2026-10-23T22:00:00Z",
                "2026-11-22T23:00:00Z",
                "2026-10-24",
                "2026-11-22"
            )
        );
        assert_eq!(
            at(now, "previous_month"),
            four(
                "2026-09-30T22:00:00Z",
                "2026-10-31T23:00:00Z",
                "2026-10-01",
                "2026-10-31"
            )
        );
        // After the end the cycle to date is the whole cycle.
        assert_eq!(
            at("2027-02-01T00:00:00Z", "cycle_to_date"),
            four(
                "2026-09-30T22:00:00Z",
                "2026-12-31T23:00:00Z",
                "2026-10-01",
                "2026-12-31"
            )
        );
    }

    #[test]
    fn leap_days_and_month_ends_resolve() {
        let zone = TimeZone::UTC;
        let cycle = Cycle::new(
            CycleName::parse("c").unwrap(),
            date(2028, 1, 1),
            date(2028, 3, 31),
            zone,
        )
        .unwrap();
        let span = Window::PreviousMonth
            .resolve("2028-03-31T12:00:00Z".parse().unwrap(), &cycle)
            .unwrap();
        assert_eq!(
            (span.first_day, span.last_day),
            (date(2028, 2, 1), date(2028, 2, 29))
        );
    }

    #[test]
    fn an_empty_window_is_none_and_bad_names_are_refused() {
        assert!(
            Window::CycleToDate
                .resolve("2026-09-01T00:00:00Z".parse().unwrap(), &berlin())
                .is_none()
        );
        for bad in [
            "",
            "d",
            "0d",
            "5001d",
            "30",
            "-3d",
            "+30d",
            "030d",
            "last_month",
        ] {
            assert!(Window::parse(bad).is_err(), "{bad:?}");
        }
        for good in ["30d", "cycle_to_date", "previous_month"] {
            assert_eq!(Window::parse(good).unwrap().to_string(), good);
        }
    }
}
