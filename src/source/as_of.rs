//! The instant that data describe, as sources write it. Knows no source.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

/// Seconds since 1970 above this are milliseconds: the year 5138.
const MILLISECONDS_FROM: f64 = 1e11;

/// The instant behind a text: RFC 3339, or a date with or without a time, which is UTC.
#[must_use]
pub(super) fn of_text(text: &str) -> Option<Timestamp> {
    let utc = |t: DateTime| TimeZone::UTC.to_timestamp(t).ok();
    let instant = text.parse::<Timestamp>().ok();
    let civil = || text.parse::<DateTime>().ok().and_then(utc);
    let day = || text.parse::<Date>().ok().map(DateTime::from).and_then(utc);
    instant.or_else(civil).or_else(day)
}

/// The instant behind a number: seconds since 1970, or milliseconds when there are too many.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    reason = "a number beyond time is refused by `Timestamp`; the fraction of a millisecond is nothing"
)]
pub(super) fn of_number(number: f64) -> Option<Timestamp> {
    let ms = if number.abs() < MILLISECONDS_FROM {
        number * 1000.0
    } else {
        number
    };
    Timestamp::from_millisecond(ms as i64).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f24_instants_are_read_as_sources_write_them() {
        for text in [
            "2026-11-02T09:30:00Z",
            "2026-11-02T10:30:00+01:00",
            "2026-11-02 09:30:00",
            "2026-11-02T09:30:00.000",
        ] {
            let found = of_text(text).map(|at| at.to_string());
            assert_eq!(found.as_deref(), Some("2026-11-02T09:30:00Z"), "{text}");
        }
        assert_eq!(
            of_text("2026-11-02").unwrap().to_string(),
            "2026-11-02T00:00:00Z"
        );
        for text in ["", "yesterday", "02.11.2026", "2026-13-01", "1793611800"] {
            assert_eq!(of_text(text), None, "{text}");
        }
        for number in [1_793_611_800.0, 1_793_611_800_000.0] {
            assert_eq!(
                of_number(number).unwrap().to_string(),
                "2026-11-02T09:30:00Z"
            );
        }
        assert_eq!(of_number(1e300), None);
    }
}
