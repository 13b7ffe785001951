//! Numbers as Grafana writes them in the units that our dashboards use, with words and colours by value mappings and
//! thresholds. Knows no panel type.

use serde_json::Value;

use crate::dashboards::{list, text};
use crate::frames::{Cell, property};

/// What is read, and its colour if it has one.
pub(crate) fn show(panel: &Value, field: &str, cell: &Cell, now: f64) -> (String, Option<String>) {
    let key = match cell {
        Cell::Text(text) => text.clone(),
        Cell::Number(number) => number.to_string(),
    };
    for mapping in list(property(panel, field, "mappings")) {
        let found = &mapping["options"][&key];
        if found.is_object() {
            let colour = found["color"].as_str().map(str::to_owned);
            return (text(&found["text"]).to_owned(), colour);
        }
    }
    let Cell::Number(number) = cell else {
        return (key, None);
    };
    let unit = text(property(panel, field, "unit"));
    let decimals = property(panel, field, "decimals").as_u64();
    (
        number_in(*number, unit, decimals, now),
        threshold(panel, *number),
    )
}

fn threshold(panel: &Value, number: f64) -> Option<String> {
    let steps = list(&panel["fieldConfig"]["defaults"]["thresholds"]["steps"]).iter();
    let mut reached = steps.filter(|step| step["value"].as_f64().is_none_or(|from| number >= from));
    reached
        .next_back()
        .and_then(|step| step["color"].as_str())
        .map(str::to_owned)
}

/// A number with its unit.
pub(crate) fn number_in(number: f64, unit: &str, decimals: Option<u64>, now: f64) -> String {
    match unit {
        "percentunit" => format!("{}%", plain(number * 100.0, decimals.or(Some(1)))),
        "locale" => thousands(number, decimals),
        "bytes" => scaled(number, 1024.0, &[" B", " KiB", " MiB", " GiB"], decimals),
        "short" => scaled(number, 1000.0, &["", " K", " Mil", " Bil"], decimals),
        "wps" => format!("{} w/s", plain(number, decimals)),
        "s" => duration(number, decimals),
        "dateTimeFromNow" => from_now(number / 1000.0 - now),
        _ => plain(number, decimals),
    }
}

fn plain(number: f64, decimals: Option<u64>) -> String {
    let places = decimals.and_then(|d| usize::try_from(d).ok());
    let text = match places {
        Some(places) => format!("{number:.places$}"),
        // Three digits that mean something, as Grafana has it.
        None if number.abs() >= 100.0 => format!("{number:.0}"),
        None if number.abs() >= 10.0 => format!("{number:.1}"),
        None => format!("{number:.2}"),
    };
    if places.is_none() && text.contains('.') {
        return text.trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    text
}

/// With a comma at each thousand, as a browser in English writes it.
fn thousands(number: f64, decimals: Option<u64>) -> String {
    let text = match decimals {
        Some(_) => plain(number, decimals),
        None => ((number * 100.0).round() / 100.0).to_string(),
    };
    let whole = text.split('.').next().unwrap().len();
    let digits = text.char_indices().map(|(at, digit)| {
        let comma = at > 0 && at < whole && (whole - at).is_multiple_of(3);
        let comma = comma && !text[..at].ends_with('-');
        format!("{}{digit}", if comma { "," } else { "" })
    });
    digits.collect()
}

fn scaled(number: f64, by: f64, units: &[&str], decimals: Option<u64>) -> String {
    let mut rest = number;
    for unit in units {
        if rest.abs() < by {
            return format!("{}{unit}", plain(rest, decimals));
        }
        rest /= by;
    }
    format!("{number:e}")
}

fn duration(seconds: f64, decimals: Option<u64>) -> String {
    let steps = [
        (86_400.0 * 7.0, "weeks"),
        (86_400.0, "days"),
        (3600.0, "hours"),
        (60.0, "mins"),
        (1.0, "s"),
    ];
    let found = steps.iter().find(|(size, _)| seconds.abs() >= *size);
    match found {
        Some((size, unit)) => format!("{} {unit}", plain(seconds / size, decimals)),
        None => format!("{} ms", plain(seconds * 1000.0, decimals)),
    }
}

fn from_now(seconds: f64) -> String {
    let far = seconds.abs();
    let words = match far {
        f if f < 45.0 => "a few seconds".to_owned(),
        f if f < 90.0 => "a minute".to_owned(),
        f if f < 2700.0 => format!("{:.0} minutes", f / 60.0),
        f if f < 5400.0 => "an hour".to_owned(),
        f if f < 79_200.0 => format!("{:.0} hours", f / 3600.0),
        f if f < 129_600.0 => "a day".to_owned(),
        f if f < 2_246_400.0 => format!("{:.0} days", f / 86_400.0),
        f if f < 3_888_000.0 => "a month".to_owned(),
        f => format!("{:.0} months", f / 2_629_800.0),
    };
    if seconds < 0.0 {
        format!("{words} ago")
    } else {
        format!("in {words}")
    }
}

#[test]
fn numbers_read_as_in_grafana() {
    for (number, unit, decimals, expected) in [
        (0.4267, "percentunit", Some(0), "43%"),
        (45_600.0, "short", None, "45.6 K"),
        (7.5, "short", None, "7.5"),
        (-123_456.257, "locale", None, "-123,456.26"),
        (998.0, "locale", None, "998"),
        (1000.0, "short", Some(0), "1 K"),
        (172_800.0, "s", None, "2 days"),
        (0.25, "s", None, "250 ms"),
        (1024.0 * 1536.0, "bytes", None, "1.5 MiB"),
        (-7_200_000.0, "dateTimeFromNow", None, "2 hours ago"),
        (34.2, "none", Some(0), "34"),
    ] {
        assert_eq!(number_in(number, unit, decimals, 0.0), expected);
    }
}
