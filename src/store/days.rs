//! Local days as plain numbers, fast for instants that come close together; and which of them are sealed.

use std::collections::HashMap;

use jiff::civil::Date;
use jiff::tz::TimeZone;

use rusqlite::Connection;

use super::entry::from_ms;

const EPOCH: Date = jiff::civil::date(1970, 1, 1);

/// Tells the local day of an instant, and remembers the stretch of the last one asked for.
#[derive(Clone, Debug)]
pub(super) struct Days {
    zone: TimeZone,
    /// `[first, end)` in milliseconds, all of it on `day`.
    known: (i64, i64),
    day: i64,
}

/// Days from 1970-01-01 to this one.
pub(super) fn number(day: Date) -> i64 {
    day.since(EPOCH)
        .map_or(0, |span| i64::from(span.get_days()))
}

/// The day behind such a number; `None` beyond all calendars.
pub(super) fn date(number: i64) -> Option<Date> {
    let days = jiff::Span::new().try_days(number).ok()?;
    EPOCH.checked_add(days).ok()
}

impl Days {
    pub(super) fn new(zone: TimeZone) -> Self {
        Self {
            zone,
            known: (0, 0),
            day: 0,
        }
    }

    /// The zone's IANA name.
    pub(super) fn zone_name(&self) -> Option<&str> {
        self.zone.iana_name()
    }

    /// The local day of an instant in milliseconds. Days follow one another: where a clock is set back across
    /// midnight, the repeated hour belongs to the day that has begun.
    pub(super) fn of(&mut self, ms: i64) -> i64 {
        let (first, end) = self.known;
        if !(first..end).contains(&ms) {
            self.look_up(ms);
        }
        self.day
    }

    fn look_up(&mut self, ms: i64) {
        let local = from_ms(ms).to_zoned(self.zone.clone());
        let begins = |day: Date| {
            let midnight = day.to_zoned(self.zone.clone()).ok()?;
            Some(midnight.timestamp().as_millisecond())
        };
        let mut day = local.date();
        let mut next = day.tomorrow().ok();
        if let Some(begun) = next.filter(|next| begins(*next).is_some_and(|at| at <= ms)) {
            day = begun;
            next = begun.tomorrow().ok();
        }
        self.day = number(day);
        // At the edges of time nothing is remembered.
        self.known = match (begins(day), next.and_then(begins)) {
            (Some(first), Some(end)) => (first, end),
            _ => (0, 0),
        };
    }
}

/// The stretches of series of which only the rows of days are left. A few single values stay in them, kept for what stands
/// beside them; whoever counts values must not count those.
#[derive(Debug, Default)]
pub(super) struct Sealed(HashMap<i64, Vec<(i64, i64)>>);

impl Sealed {
    /// Those of all series.
    pub(super) fn read(connection: &Connection) -> rusqlite::Result<Self> {
        let mut sealed = Self::default();
        let mut statement = connection.prepare(
            "SELECT series_id, first_at, last_at FROM measurement_day INDEXED BY measurement_day_sealed
             WHERE sealed > 0 ORDER BY series_id, day",
        )?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            sealed.add(row.get(0)?, row.get(1)?, row.get(2)?);
        }
        Ok(sealed)
    }

    /// Adds a day, later than those before it.
    pub(super) fn add(&mut self, series: i64, first: i64, last: i64) {
        self.0.entry(series).or_default().push((first, last));
    }

    /// Whether this instant is in one of them.
    pub(super) fn holds(&self, series: i64, at: i64) -> bool {
        let Some(days) = self.0.get(&series) else {
            return false;
        };
        let next = days.partition_point(|(first, _)| *first <= at);
        let day = next.checked_sub(1).and_then(|day| days.get(day));
        day.is_some_and(|(_, last)| at <= *last)
    }
}

#[cfg(test)]
mod tests {
    use super::{Days, number};
    use jiff::civil::date;
    use jiff::{Timestamp, ToSpan};

    fn days(zone: &str) -> Days {
        Days::new(jiff::tz::TimeZoneDatabase::bundled().get(zone).unwrap())
    }

    /// Quarter hours through years with every odd change: half-hour shifts, a skipped day, shifts at midnight.
    #[test]
    fn f35_days_agree_with_the_calendar_whatever_was_asked_before() {
        for (zone, year) in [
            ("UTC", 2026),
            ("Europe/Amsterdam", 2026),
            ("Australia/Lord_Howe", 2026),
            ("America/Sao_Paulo", 2017),
            ("Africa/Cairo", 2024),
            ("Pacific/Apia", 2011),
        ] {
            let mut asked = days(zone);
            let start: Timestamp = format!("{year}-01-01T00:00:00Z").parse().unwrap();
            let mut at = start;
            let mut before = i64::MIN;
            while at < start + (366 * 24).hours() {
                let calendar = at.to_zoned(asked.zone.clone()).date();
                let told = asked.of(at.as_millisecond());
                assert_eq!(told, number(calendar), "{zone} {at}");
                assert_eq!(told, days(zone).of(at.as_millisecond()), "{zone} {at}");
                assert!(told >= before, "{zone} {at}");
                before = told;
                at += 15.minutes();
            }
        }
    }

    #[test]
    fn an_hour_repeated_across_midnight_stays_on_the_day_that_began() {
        // St John's set its clocks back at 00:01 to 23:01 of the day before.
        let mut asked = days("America/St_Johns");
        let first: Timestamp = "2010-11-07T02:30:30Z".parse().unwrap();
        let repeated: Timestamp = "2010-11-07T02:45:00Z".parse().unwrap();
        assert_eq!(
            asked.of(first.as_millisecond()),
            number(date(2010, 11, 7)),
            "before the clocks go back"
        );
        assert_eq!(
            asked.of(repeated.as_millisecond()),
            number(date(2010, 11, 7))
        );
        let mut fresh = days("America/St_Johns");
        assert_eq!(
            fresh.of(repeated.as_millisecond()),
            number(date(2010, 11, 7))
        );
    }
}
