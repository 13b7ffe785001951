//! What must hold of every text that strangers write: one function for each kind, which takes any bytes and panics where
//! something does not hold. The fuzzer calls them with what it makes up (`fuzz/`), the tests with what it found so far.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::date;
use jiff::tz::TimeZone;
use okrd::config::check::check;
use okrd::config::files::{File, Files};
use okrd::config::format;
use okrd::config::spec::{Empty, Extract};
use okrd::domain::cycle::Cycle;
use okrd::domain::id::CycleName;
use okrd::domain::window::{Moments, Window};
use okrd::metrics::names;
use okrd::metrics::writer::{Family, Format, Labels, Value, write};
use okrd::net::fault::retry_after;
use okrd::net::headers::{HeaderMap, HeaderValue};
use okrd::source::extract::{Extraction, Rule};
use okrd::source::jira::jql;
use okrd::source::template;

/// A kind of text, by the name of its corpus, and what must hold of it.
pub(crate) type Target = (&'static str, fn(&[u8]));

/// All of them.
pub(crate) const TARGETS: [Target; 5] = [
    ("configuration", configuration),
    ("templates", templates),
    ("retry_after", patience),
    ("values", values),
    ("labels", labels),
];

fn now() -> Timestamp {
    Timestamp::from_second(1_795_500_000).unwrap_or_default()
}

/// TOML of any kind: it is checked to the end, every finding stands inside the file, the same text gives the same
/// findings, and putting white space in order is done once and changes nothing that is told.
pub(crate) fn configuration(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let file = |text: &str| File::new("okrd.toml", "/nowhere", text.to_owned());
    let findings = |text: &str| check(&Files::one(file(text)), |_| Ok(()), now());
    let (config, found) = findings(text);
    let lines = text.split('\n').count() + 1;
    for finding in &found {
        assert!((1..=lines).contains(&finding.line), "{finding:?}");
        assert!(text.get(finding.span.clone()).is_some(), "{finding:?}");
    }
    assert!(config.is_some() || !found.is_empty(), "refused in silence");
    if let Ok(formatted) = format::format(&file(text)) {
        let again = format::format(&file(&formatted)).ok();
        assert_eq!(again.as_ref(), Some(&formatted), "twice is not once");
        let codes = |found: &[okrd::config::finding::Finding]| {
            let mut codes: Vec<_> = found.iter().map(|f| f.code.as_str()).collect();
            codes.sort_unstable();
            codes
        };
        assert_eq!(codes(&findings(&formatted).1), codes(&found));
    }
}

fn moments() -> Option<Moments> {
    let zone = TimeZone::get("Europe/Amsterdam").ok()?;
    let (first, last) = (date(2026, 10, 1), date(2026, 12, 31));
    let cycle = Cycle::new(CycleName::parse("2026-Q4").ok()?, first, last, zone).ok()?;
    Moments::at(now(), &cycle, Window::CycleToDate)
}

/// JQL and the texts of HTTP measures: only the known names are replaced, what is put in holds no brace, and a text
/// without a brace stays as it is.
pub(crate) fn templates(bytes: &[u8]) {
    let (Ok(text), Some(moments)) = (std::str::from_utf8(bytes), moments()) else {
        return;
    };
    let braces = |text: &str| text.matches(['{', '}']).count();
    let filled = template::fill(text, &moments, str::to_owned);
    assert!(braces(&filled) <= braces(text));
    if braces(&filled) == braces(text) {
        assert_eq!(filled, text, "something was replaced that is no name");
    }
    let bare = jql::without_order(text);
    assert!(text.contains(bare));
    assert_eq!(jql::without_order(bare), bare, "an order behind the order");
    for zone in [None, Some(&moments.zone)] {
        let Ok(filled) = jql::fill(text, &moments, zone) else {
            assert!(jql::binds_an_instant(text), "nothing is bound, and refused");
            continue;
        };
        assert!(braces(&filled) <= braces(text));
        if !jql::binds_an_instant(text) && !text.contains("{today}") {
            assert_eq!(filled, text);
        }
    }
}

/// `Retry-After`, `Date` and the rate limit headers, one line of input each: what is asked for is something and ten years
/// at most, and of several requests the longest holds.
pub(crate) fn patience(bytes: &[u8]) {
    const NAMES: [&str; 4] = [
        "retry-after",
        "date",
        "x-ratelimit-remaining",
        "x-ratelimit-reset",
    ];
    let mut headers = HeaderMap::new();
    for line in bytes.split(|byte| *byte == b'\n').take(8) {
        let Some((name, value)) = line.split_first() else {
            continue;
        };
        if let Ok(value) = value.try_into() {
            headers.append(NAMES[usize::from(*name) % NAMES.len()], value);
        }
    }
    let asked = retry_after(&headers);
    assert!(asked.is_none_or(|wait| !wait.is_zero() && wait.as_secs() <= 10 * 366 * 86_400));
    // The rate limit speaks only where no Retry-After does; one more of these never shortens the wait.
    headers.remove("x-ratelimit-remaining");
    let asked = retry_after(&headers);
    headers.append("retry-after", HeaderValue::from_static("30"));
    let longer = retry_after(&headers).expect("half a minute was asked for");
    assert!(longer >= asked.unwrap_or_default().max(Duration::from_secs(30)));
}

/// A pointer, a line break, a body: the number is the one that another reader of JSON finds there, as a number or as the
/// whole of a text, or there is none.
pub(crate) fn values(bytes: &[u8]) {
    let mut halves = bytes.splitn(2, |byte| *byte == b'\n');
    let (Some(pointer), Some(body)) = (halves.next(), halves.next()) else {
        return;
    };
    let Ok(pointer) = std::str::from_utf8(pointer) else {
        return;
    };
    let rule = Rule {
        value: Extract::Pointer(pointer.to_owned()),
        fail_if: None,
        require: None,
        empty: Empty::Error,
        as_of: None,
        quality: Vec::new(),
    };
    let Ok(extraction) = Extraction::compile(&rule) else {
        return;
    };
    let Ok(reading) = extraction.evaluate(body, &[]) else {
        return;
    };
    assert!(reading.value.is_finite());
    assert!(reading.value != 0.0 || reading.value.is_sign_positive());
    let document: serde_json::Value =
        serde_json::from_slice(body).expect("a number was read from what is no JSON");
    let there = document.pointer(pointer).expect("nothing stands there");
    let text = there.as_str().map(str::trim);
    let there = text.map_or(there.as_f64(), |text| text.parse().ok());
    let there = there.expect("a number was read from where none stands");
    // The other reader may be one step off in the last digit.
    let off = (there - reading.value).abs();
    assert!(
        off <= there.abs() * 1e-15,
        "{there} is not {}",
        reading.value
    );
}

/// Any text as a label: it comes back from both formats as it was, on one line, and the line has one value.
pub(crate) fn labels(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let metric = &names::KEY_RESULT_VALUE;
    let labels = Labels::new([("objective", text.to_owned()), ("key_result", "kr".into())]);
    let family = Family::new(metric, [(Arc::new(labels), Value::Number(7.0))]);
    for format in [Format::Text, Format::OpenMetrics] {
        let mut out = String::new();
        write(&mut out, std::slice::from_ref(&family), format);
        let mut samples = out.split('\n').filter(|line| !line.starts_with('#'));
        let sample = samples.next().expect("a sample is written");
        assert_eq!(samples.next(), Some(""), "and nothing behind it");
        let rest = sample
            .strip_prefix(metric.name)
            .and_then(|rest| rest.strip_prefix("{objective=\""))
            .expect("the label comes first");
        let (read, rest) = unquote(rest);
        assert_eq!(read, text);
        assert_eq!(rest, ",key_result=\"kr\"} 7");
    }
}

/// A label's value up to its closing quote, by the three escapes of the format, and what follows.
fn unquote(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => break,
            '\\' => value.push(match chars.next() {
                Some('n') => '\n',
                Some(c @ ('\\' | '"')) => c,
                other => panic!("an escape that is none: {other:?}"),
            }),
            c => value.push(c),
        }
    }
    (value, chars.as_str())
}
