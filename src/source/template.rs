//! `{now}`, `{window_start:date}` and their kin in the texts of an HTTP measure. Only these names are replaced, every
//! other brace is literal: JSON is full of them. Knows no HTTP; who places the text says how values are written.

use jiff::Timestamp;

use crate::domain::window::Moments;

/// Replaces every name, each value passed through `place` (percent-encoding for a path, nothing for a body).
///
/// `{name}` is an instant as RFC 3339 in UTC to the second, `{today}` a day. A format may follow: `{name:rfc3339}`,
/// `{name:unix}` in whole seconds, `{name:date}` for the local day; of `today` the first two are its first instant. The days of `window_end` and `cycle_end` are the last
/// ones inside: APIs that take days count both ends in, while the instants are the first ones after.
#[must_use]
pub fn fill(text: &str, moments: &Moments, place: impl Fn(&str) -> String) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = rest.find('{') {
        let (before, from_brace) = rest.split_at(open);
        filled.push_str(before);
        let inside = from_brace.get(1..).unwrap_or_default();
        let named = inside.split_once('}');
        if let Some((value, after)) = named.and_then(|(n, after)| Some((value(n, moments)?, after)))
        {
            filled.push_str(&place(&value));
            rest = after;
        } else {
            filled.push('{');
            rest = inside;
        }
    }
    filled.push_str(rest);
    filled
}

/// What the variables of a filter stand for, in the order of [`Moments::NAMES`]: each as `{name}` would be written.
#[must_use]
pub fn variables(moments: &Moments) -> Vec<String> {
    let values = Moments::NAMES.map(|name| value(name, moments));
    values.into_iter().map(Option::unwrap_or_default).collect()
}

fn split(inside: &str) -> (&str, Option<&str>) {
    match inside.split_once(':') {
        Some((name, format)) => (name, Some(format)),
        None => (inside, None),
    }
}

fn allows(format: Option<&str>) -> bool {
    matches!(format, None | Some("date" | "unix" | "rfc3339"))
}

fn value(inside: &str, moments: &Moments) -> Option<String> {
    let (name, format) = split(inside);
    if !allows(format) {
        return None;
    }
    if name == "today" && matches!(format, None | Some("date")) {
        return Some(moments.today.to_string());
    }
    let instant = match name {
        "today" => midnight(moments)?,
        _ => moments.instant(name)?,
    };
    Some(match format {
        Some("date") => day(name, instant, moments),
        Some("unix") => instant.as_second().to_string(),
        _ => whole_second(instant).to_string(),
    })
}

fn midnight(moments: &Moments) -> Option<Timestamp> {
    let midnight = moments.today.at(0, 0, 0, 0);
    Some(moments.zone.to_zoned(midnight).ok()?.timestamp())
}

fn day(name: &str, instant: Timestamp, moments: &Moments) -> String {
    let local = |t: Timestamp| t.to_zoned(moments.zone.clone()).date();
    let day = match name {
        "window_start" => moments.window.first_day,
        "window_end" => moments.window.last_day,
        // The instant after the last day's last nanosecond.
        "cycle_end" => local(
            instant
                .checked_sub(jiff::SignedDuration::from_nanos(1))
                .unwrap_or(instant),
        ),
        _ => local(instant),
    };
    day.to_string()
}

/// Many servers refuse fractions of a second.
fn whole_second(instant: Timestamp) -> Timestamp {
    Timestamp::from_second(instant.as_second()).unwrap_or(instant)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::cycle::Cycle;
    use crate::domain::id::CycleName;
    use crate::domain::window::Window;
    use jiff::civil::date;

    fn moments(now: &str, window: Window) -> Moments {
        let zone = jiff::tz::TimeZoneDatabase::bundled()
            .get("Europe/Amsterdam")
            .unwrap();
        let cycle = Cycle::new(
            CycleName::parse("2026-Q4").unwrap(),
            date(2026, 10, 1),
            date(2026, 12, 31),
            zone,
        )
        .unwrap();
        Moments::at(now.parse().unwrap(), &cycle, window).unwrap()
    }

    fn filled(text: &str) -> String {
        let moments = moments("2026-11-23T23:30:15.123456789Z", Window::CycleToDate);
        fill(text, &moments, str::to_owned)
    }

    #[test]
    fn names_become_moments() {
        for (text, expected) in [
            ("{now}", "2026-11-23T23:30:15Z"),
            ("{now:rfc3339}", "2026-11-23T23:30:15Z"),
            ("{now:unix}", "1795476615"),
            // Half past midnight in Amsterdam is already the next day.
            ("{now:date}", "2026-11-24"),
            ("{today}", "2026-11-24"),
            ("{today:date}", "2026-11-24"),
            ("{today:rfc3339}", "2026-11-23T23:00:00Z"),
            ("{today:unix}", "1795474800"),
            ("{cycle_start}", "2026-09-30T22:00:00Z"),
            ("{cycle_start:date}", "2026-10-01"),
            ("{cycle_end}", "2026-12-31T23:00:00Z"),
            ("{cycle_end:date}", "2026-12-31"),
            (
                "{window_start:date}..{window_end:date}",
                "2026-10-01..2026-11-24",
            ),
            ("{window_end:unix}000", "1795476615000"),
        ] {
            assert_eq!(filled(text), expected, "{text}");
        }
    }

    #[test]
    fn windows_of_whole_days_end_on_their_last_day_across_a_change_of_clocks() {
        let moments = moments("2026-11-23T12:00:00Z", Window::LastDays(30));
        let text = "{window_start}/{window_end} {window_start:date}/{window_end:date}";
        assert_eq!(
            fill(text, &moments, str::to_owned),
            "2026-10-23T22:00:00Z/2026-11-22T23:00:00Z 2026-10-24/2026-11-22"
        );
    }

    #[test]
    fn every_other_brace_is_literal() {
        for text in [
            "{",
            "}",
            "{}",
            "{{}}",
            "{Now}",
            "{ now }",
            "{now",
            "{now:week}",
            "{today:iso}",
            "{\"now\":1}",
            "{now:}",
            "query { viewer { zones(filter: {x: 1}) } }",
            "{yesterday}",
            "{é}",
        ] {
            assert_eq!(filled(text), text);
        }
        assert_eq!(filled("{{today}}"), "{2026-11-24}");
    }

    #[test]
    fn values_are_placed_as_asked() {
        let moments = moments("2026-11-23T23:30:15Z", Window::CycleToDate);
        assert_eq!(
            fill("a:b/{now}", &moments, |v| v.replace(':', "%3A")),
            "a:b/2026-11-23T23%3A30%3A15Z"
        );
    }
}
