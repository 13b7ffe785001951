//! Content negotiation (RFC 9110, 12.5): which exposition format and which coding a client wants. Pure.

use axum::http::{HeaderMap, HeaderName, header};

/// The format of an exposition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Prometheus text 0.0.4.
    Text,
    /// OpenMetrics 1.0.0.
    OpenMetrics,
}

/// How a scraper may ask for names to be escaped; ours are plain ASCII, so that all of them give the same bytes.
const ESCAPING: [&str; 4] = ["allow-utf-8", "underscores", "dots", "values"];

/// The format for a client and its `Content-Type`. Text 0.0.4 unless OpenMetrics is named and wanted no less; whoever
/// accepts neither gets text as well, as Prometheus clients expect.
#[must_use]
pub fn exposition(headers: &HeaderMap) -> (Format, String) {
    let ranges: Vec<_> = items(headers, header::ACCEPT).collect();
    let (text, open) = (
        best(&ranges, text_specificity),
        best(&ranges, open_specificity),
    );
    let weight = |found: Option<&Item>| found.map_or(0.0, |item| item.q);
    let (format, found, media_type) = if weight(open) > 0.0 && weight(open) >= weight(text) {
        (
            Format::OpenMetrics,
            open,
            "application/openmetrics-text; version=1.0.0",
        )
    } else {
        (Format::Text, text, "text/plain; version=0.0.4")
    };
    let escaping = found.and_then(|item| item.parameter("escaping"));
    let escaping = ESCAPING.iter().find(|known| Some(**known) == escaping);
    let escaping = escaping.map_or_else(String::new, |known| format!("; escaping={known}"));
    (format, format!("{media_type}; charset=utf-8{escaping}"))
}

/// Whether the client takes gzip, and no less gladly than plain bytes.
#[must_use]
pub fn gzip(headers: &HeaderMap) -> bool {
    let codings: Vec<_> = items(headers, header::ACCEPT_ENCODING).collect();
    let weight = |names: &[&str]| {
        let found = codings
            .iter()
            .find(|item| names.contains(&item.name.as_str()));
        found.map(|item| item.q)
    };
    let gzip = weight(&["gzip", "x-gzip"])
        .or_else(|| weight(&["*"]))
        .unwrap_or(0.0);
    gzip > 0.0 && gzip >= weight(&["identity"]).unwrap_or(0.0)
}

/// Whether the client takes JSON; whoever says nothing takes anything.
#[must_use]
pub fn json(headers: &HeaderMap) -> bool {
    let ranges: Vec<_> = items(headers, header::ACCEPT).collect();
    let found = best(&ranges, json_specificity);
    found.map_or(ranges.is_empty(), |item| item.q > 0.0)
}

/// One entry of a header that lists what a client takes.
#[derive(Debug)]
struct Item {
    name: String,
    parameters: Vec<(String, String)>,
    q: f64,
}

impl Item {
    fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.parameters.iter().find(|(found, _)| found == name);
        found.map(|(_, value)| value.as_str())
    }
}

fn items(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = Item> {
    let lines = headers
        .get_all(name)
        .into_iter()
        .filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(',')).filter_map(item)
}

/// `name;parameter=value;q=0.5`; an entry whose weight cannot be read is left out.
fn item(text: &str) -> Option<Item> {
    let mut parts = text.split(';').map(str::trim);
    let name = parts
        .next()
        .filter(|name| !name.is_empty())?
        .to_ascii_lowercase();
    let mut item = Item {
        name,
        parameters: Vec::new(),
        q: 1.0,
    };
    for part in parts {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let name = name.trim().to_ascii_lowercase();
        let value = value.trim().trim_matches('"').to_ascii_lowercase();
        if name == "q" {
            item.q = value.parse().ok().filter(|q| (0.0..=1.0).contains(q))?;
        } else {
            item.parameters.push((name, value));
        }
    }
    Some(item)
}

/// The entry that speaks of a format: the most specific one, however small its weight.
fn best(items: &[Item], specificity: fn(&Item) -> u8) -> Option<&Item> {
    // max_by_key takes the last of equals; the first written is meant.
    let meant = items.iter().rev().max_by_key(|item| specificity(item));
    meant.filter(|item| specificity(item) > 0)
}

fn text_specificity(item: &Item) -> u8 {
    match (item.name.as_str(), item.parameter("version")) {
        ("text/plain", Some("0.0.4")) => 4,
        ("text/plain", None) => 3,
        ("text/*", _) => 2,
        ("*/*", _) => 1,
        _ => 0,
    }
}

fn json_specificity(item: &Item) -> u8 {
    match item.name.as_str() {
        "application/json" => 3,
        "application/*" => 2,
        "*/*" => 1,
        _ => 0,
    }
}

/// A mere `*/*` does not ask for OpenMetrics.
fn open_specificity(item: &Item) -> u8 {
    match (item.name.as_str(), item.parameter("version")) {
        ("application/openmetrics-text", Some("1.0.0")) => 4,
        ("application/openmetrics-text", None) => 3,
        ("application/*", _) => 2,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().unwrap())])
    }

    #[test]
    fn formats_follow_the_weights() {
        for (accept, expected) in [
            // What Prometheus 2.42 sends.
            (
                "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                "application/openmetrics-text; version=1.0.0; charset=utf-8",
            ),
            // What Prometheus 3 sends.
            (
                "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
                "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8",
            ),
            (
                "application/openmetrics-text;version=1.0.0;escaping=\"Dots\"",
                "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=dots",
            ),
            (
                "application/openmetrics-text;escaping=evil",
                "application/openmetrics-text; version=1.0.0; charset=utf-8",
            ),
            (
                "text/plain, application/openmetrics-text;q=0.9",
                "text/plain; version=0.0.4; charset=utf-8",
            ),
            (
                "application/openmetrics-text;q=0, */*",
                "text/plain; version=0.0.4; charset=utf-8",
            ),
            (
                "text/plain;q=0, application/openmetrics-text;q=0.1",
                "application/openmetrics-text; version=1.0.0; charset=utf-8",
            ),
            (
                "application/openmetrics-text;version=9.0.0",
                "text/plain; version=0.0.4; charset=utf-8",
            ),
            ("*/*", "text/plain; version=0.0.4; charset=utf-8"),
            (
                "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
                "text/plain; version=0.0.4; charset=utf-8",
            ),
            (
                "application/json",
                "text/plain; version=0.0.4; charset=utf-8",
            ),
            ("", "text/plain; version=0.0.4; charset=utf-8"),
            (";;q=,=;q=2", "text/plain; version=0.0.4; charset=utf-8"),
        ] {
            assert_eq!(
                exposition(&headers(header::ACCEPT, accept)).1,
                expected,
                "{accept}"
            );
        }
        assert_eq!(exposition(&HeaderMap::new()).0, Format::Text);
    }

    #[test]
    fn json_for_all_who_do_not_leave_it_out() {
        for (accept, expected) in [
            ("application/json", true),
            ("application/problem+json, application/json;q=0.1", true),
            ("application/*;q=0.5", true),
            ("*/*", true),
            ("", true),
            ("text/html,application/xhtml+xml,*/*;q=0.8", true),
            ("text/html", false),
            ("application/json;q=0, */*", false),
            ("application/xml, application/problem+json", false),
        ] {
            assert_eq!(json(&headers(header::ACCEPT, accept)), expected, "{accept}");
        }
        assert!(json(&HeaderMap::new()));
    }

    #[test]
    fn gzip_only_for_those_who_ask() {
        for (accept, expected) in [
            ("gzip", true),
            ("deflate, GZIP;q=0.5", true),
            ("*", true),
            ("gzip;q=0", false),
            ("gzip;q=0, *", false),
            ("identity, gzip;q=0.5", false),
            ("br", false),
            ("", false),
            ("gzip;q=much", false),
        ] {
            assert_eq!(
                gzip(&headers(header::ACCEPT_ENCODING, accept)),
                expected,
                "{accept}"
            );
        }
        assert!(!gzip(&HeaderMap::new()));
    }
}
