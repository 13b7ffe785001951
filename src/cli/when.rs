//! Instants as people type them: a day, an instant, or an age such as `7d`.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::exit::Failure;
use crate::config::schedule::parse_duration;

/// The instant behind a text. A day means its first instant in `zone`, an age so long before `now`.
///
/// # Errors
/// When the text is none of the three.
pub fn parse(text: &str, now: Timestamp, zone: &TimeZone) -> Result<Timestamp, Failure> {
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Ok(instant);
    }
    if let Ok(day) = text.parse::<Date>()
        && let Ok(midnight) = zone.to_zoned(day.at(0, 0, 0, 0))
    {
        return Ok(midnight.timestamp());
    }
    if let Ok(age) = parse_duration(text)
        && let Ok(age) = SignedDuration::try_from(age)
        && let Ok(instant) = now.checked_sub(age)
    {
        return Ok(instant);
    }
    Err(Failure::usage(format!(
        "`{}` is no instant: expected a day (2026-11-01), an instant (2026-11-01T06:00:00Z) or an age (7d)",
        text.escape_debug()
    )))
}

/// An instant as a person reads it, to the second, in a zone that is named.
pub fn show(t: Timestamp, zone: &TimeZone) -> String {
    t.to_zoned(zone.clone())
        .strftime("%Y-%m-%d %H:%M:%S %Z")
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_instants_and_ages_are_understood() {
        let now = "2026-11-24T12:00:00Z".parse().unwrap();
        let zone = jiff::tz::TimeZoneDatabase::bundled()
            .get("Europe/Amsterdam")
            .unwrap();
        let cases = [
            ("2026-11-01", "2026-10-31T23:00:00Z"),
            ("2026-11-01T06:00:00Z", "2026-11-01T06:00:00Z"),
            ("2026-11-01T06:00:00+01:00", "2026-11-01T05:00:00Z"),
            ("7d", "2026-11-17T12:00:00Z"),
            ("90s", "2026-11-24T11:58:30Z"),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text, now, &zone).unwrap().to_string(), expected);
        }
        for text in ["", "yesterday", "7", "2026-13-01", "-7d"] {
            assert!(parse(text, now, &zone).is_err(), "{text}");
        }
    }
}
