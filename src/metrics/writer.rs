//! One writer for both text formats: Prometheus text 0.0.4 and OpenMetrics 1.0
//! (prometheus.io/docs/instrumenting/exposition_formats, RFC-style OpenMetrics specification). Knows no okrd values.
//! Each family is written once, its samples sorted, a second sample of the same labels left out, no timestamps.

use std::fmt::Write;
use std::sync::Arc;

use super::names::{Kind, Metric, Unit};

/// How the exposition is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Prometheus text 0.0.4.
    Text,
    /// OpenMetrics 1.0.0.
    OpenMetrics,
}

/// The labels of a sample and their written form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels {
    pairs: Vec<(&'static str, String)>,
    text: String,
}

/// The value of a sample.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A finite number.
    Number(f64),
    /// Observations in buckets.
    Buckets {
        /// Upper bound and count of all observations up to it, ascending, without the last, infinite one.
        cumulative: Vec<(f64, u64)>,
        /// Sum of all observations.
        sum: f64,
        /// Number of all observations.
        count: u64,
    },
}

/// One sample.
pub type Sample = (Arc<Labels>, Value);

/// A metric with its samples.
#[derive(Clone, Debug, PartialEq)]
pub struct Family {
    metric: &'static Metric,
    samples: Vec<Sample>,
}

impl Labels {
    /// Labels in the order in which they are written.
    #[must_use]
    pub fn new(pairs: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        let mut labels = Self::default();
        for (name, value) in pairs {
            labels.push(name, value);
        }
        labels
    }

    /// These labels and one more.
    #[must_use]
    pub fn with(&self, name: &'static str, value: impl Into<String>) -> Self {
        let mut more = self.clone();
        more.push(name, value.into());
        more
    }

    /// As they are written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Names and values.
    #[must_use]
    pub fn pairs(&self) -> &[(&'static str, String)] {
        &self.pairs
    }

    /// How labels are written whose names are not known beforehand.
    pub(super) fn text_of(pairs: &[(String, String)]) -> String {
        let mut text = String::new();
        for (name, value) in pairs {
            label(&mut text, name, value);
        }
        text
    }

    fn push(&mut self, name: &'static str, value: String) {
        label(&mut self.text, name, &value);
        self.pairs.push((name, value));
    }
}

impl Family {
    /// A family in its final order. Numbers that are not finite are left out (a value is known or absent), and so is
    /// a later sample with the labels of an earlier one: one such row would spoil the whole scrape.
    #[must_use]
    pub fn new(metric: &'static Metric, samples: impl IntoIterator<Item = Sample>) -> Self {
        let known = |(_, value): &Sample| match value {
            Value::Number(number) => number.is_finite(),
            Value::Buckets { sum, .. } => sum.is_finite(),
        };
        let mut samples: Vec<Sample> = samples.into_iter().filter(known).collect();
        samples.sort_by(|(a, _), (b, _)| a.text.cmp(&b.text));
        samples.dedup_by(|(later, _), (earlier, _)| later.text == earlier.text);
        Self { metric, samples }
    }

    /// What it is.
    #[must_use]
    pub fn metric(&self) -> &'static Metric {
        self.metric
    }

    /// Its samples, in order.
    #[must_use]
    pub fn samples(&self) -> &[Sample] {
        &self.samples
    }
}

/// Appends families; one without samples is left out.
pub fn write(out: &mut String, families: &[Family], format: Format) {
    for family in families.iter().filter(|family| !family.samples.is_empty()) {
        head(out, family.metric, format);
        samples(out, family);
    }
}

/// Appends the samples of a family: the same in both formats.
pub fn samples(out: &mut String, family: &Family) {
    let name = family.metric.name;
    for (labels, value) in &family.samples {
        match value {
            Value::Number(number) => {
                sample(out, name, "", &labels.text, "", |out| float(out, *number));
            }
            Value::Buckets {
                cumulative,
                sum,
                count,
            } => buckets(out, name, &labels.text, cumulative, *sum, *count),
        }
    }
}

/// Appends what ends an exposition.
pub fn finish(out: &mut String, format: Format) {
    if format == Format::OpenMetrics {
        out.push_str("# EOF\n");
    }
}

/// HELP, TYPE and UNIT. OpenMetrics names the family without `_total` and `_info`, text 0.0.4 knows neither info nor
/// unit and does not escape quotes in help.
pub fn head(out: &mut String, metric: &Metric, format: Format) {
    let open = format == Format::OpenMetrics;
    let (suffix, word) = match metric.kind {
        Kind::Gauge => ("", "gauge"),
        Kind::Info if open => ("_info", "info"),
        Kind::Info => ("", "gauge"),
        Kind::Counter if open => ("_total", "counter"),
        Kind::Counter => ("", "counter"),
        Kind::Histogram => ("", "histogram"),
    };
    let name = metric.name.strip_suffix(suffix).unwrap_or(metric.name);
    let _ = write!(out, "# HELP {name} ");
    escape(out, metric.help, open);
    let _ = writeln!(out, "\n# TYPE {name} {word}");
    if open && metric.unit != Unit::None {
        let _ = writeln!(out, "# UNIT {name} {}", metric.unit.as_str());
    }
}

fn buckets(
    out: &mut String,
    name: &str,
    labels: &str,
    cumulative: &[(f64, u64)],
    sum: f64,
    count: u64,
) {
    let mut bucket = |bound: &str, count: u64| {
        sample(out, name, "_bucket", labels, bound, |out| {
            let _ = write!(out, "{count}");
        });
    };
    for (bound, count) in cumulative {
        // Debug writes 1.0, the form Prometheus 3 normalises to; a mere 1 would be another series there.
        bucket(&format!("le=\"{bound:?}\""), *count);
    }
    bucket("le=\"+Inf\"", count);
    sample(out, name, "_sum", labels, "", |out| float(out, sum));
    sample(out, name, "_count", labels, "", |out| {
        let _ = write!(out, "{count}");
    });
}

/// One line: name and suffix, labels and one more label, value.
fn sample(
    out: &mut String,
    name: &str,
    suffix: &str,
    labels: &str,
    more: &str,
    value: impl FnOnce(&mut String),
) {
    out.push_str(name);
    out.push_str(suffix);
    if !(labels.is_empty() && more.is_empty()) {
        out.push('{');
        out.push_str(labels);
        if !(labels.is_empty() || more.is_empty()) {
            out.push(',');
        }
        out.push_str(more);
        out.push('}');
    }
    out.push(' ');
    value(out);
    out.push('\n');
}

/// Appends a label to those before it.
fn label(text: &mut String, name: &str, value: &str) {
    if !text.is_empty() {
        text.push(',');
    }
    text.push_str(name);
    text.push_str("=\"");
    escape(text, value, true);
    text.push('"');
}

/// The shortest decimal that reads back as the same number.
pub(super) fn float(out: &mut String, number: f64) {
    let _ = write!(out, "{number}");
}

fn escape(out: &mut String, text: &str, quotes: bool) {
    if !text.contains(['\\', '\n', '"']) {
        return out.push_str(text);
    }
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '"' if quotes => out.push_str("\\\""),
            _ => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::metrics::names;

    /// What the strict parser below read: sample name and labels to value, and types by family name.
    #[derive(Debug, Default)]
    struct Parsed {
        samples: BTreeMap<(String, Vec<(String, String)>), f64>,
        types: BTreeMap<String, String>,
        ended: bool,
    }

    /// A strict reader of both formats, written from the format descriptions: no line may be left over, no series may
    /// appear twice, a type stands before its samples.
    fn parse(text: &str) -> Parsed {
        let mut parsed = Parsed::default();
        assert!(text.ends_with('\n'));
        for line in text[..text.len() - 1].split('\n') {
            assert!(!parsed.ended, "something after # EOF: {line:?}");
            if line == "# EOF" {
                parsed.ended = true;
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').unwrap();
                let before = parsed.types.insert(name.into(), kind.into());
                assert!(before.is_none(), "{name} twice");
            } else if !line.starts_with("# ") {
                let (key, value) = parse_sample(line);
                let before = parsed.samples.insert(key, value);
                assert!(before.is_none(), "series twice: {line}");
            }
        }
        parsed
    }

    fn parse_sample(line: &str) -> ((String, Vec<(String, String)>), f64) {
        let end = line.find(['{', ' ']).expect(line);
        let (name, mut rest) = line.split_at(end);
        let mut labels = Vec::new();
        if let Some(inside) = rest.strip_prefix('{') {
            rest = inside;
            while !rest.starts_with('}') {
                let (label, after) = rest.split_once("=\"").expect(line);
                let (value, after) = unquote(after);
                labels.push((label.to_owned(), value));
                rest = after.strip_prefix(',').unwrap_or(after);
            }
            rest = &rest[1..];
        }
        let value = rest.strip_prefix(' ').expect(line).parse().expect(line);
        ((name.to_owned(), labels), value)
    }

    fn unquote(text: &str) -> (String, &str) {
        let mut value = String::new();
        let mut chars = text.char_indices();
        while let Some((place, c)) = chars.next() {
            match c {
                '"' => return (value, &text[place + 1..]),
                '\\' => value.push(match chars.next().unwrap().1 {
                    '\\' => '\\',
                    'n' => '\n',
                    '"' => '"',
                    other => panic!("unknown escape {other}"),
                }),
                _ => value.push(c),
            }
        }
        panic!("label without end: {text}");
    }

    fn render(families: &[Family], format: Format) -> String {
        let mut out = String::new();
        write(&mut out, families, format);
        finish(&mut out, format);
        out
    }

    fn hostile() -> impl Strategy<Value = String> {
        prop_oneof![
            any::<String>(),
            "[\\\\\"\n\r,{}= #\u{2028}\u{0}]{0,12}",
            "[a-z]{0,9}",
        ]
    }

    proptest! {
        #[test]
        fn f72_hostile_labels_come_back_as_they_were(
            rows in prop::collection::vec((hostile(), hostile(), any::<f64>()), 0..12),
            open in any::<bool>(),
        ) {
            let format = if open { Format::OpenMetrics } else { Format::Text };
            let mut expected = BTreeMap::new();
            let samples = rows.iter().map(|(a, b, value)| {
                let labels = Labels::new([("source", a.clone()), ("kind", b.clone())]);
                if value.is_finite() {
                    expected.entry((a.clone(), b.clone())).or_insert(*value);
                }
                (Arc::new(labels), Value::Number(*value))
            });
            let family = Family::new(&names::SOURCE_INFO, samples);
            let text = render(&[family], format);
            if text.is_empty() {
                prop_assert!(expected.is_empty());
                return Ok(());
            }
            let parsed = parse(&text);
            prop_assert_eq!(parsed.ended, open);
            let found: BTreeMap<_, _> = parsed
                .samples
                .into_iter()
                .map(|((name, labels), value)| {
                    assert_eq!(name, "okrd_source_info");
                    ((labels[0].1.clone(), labels[1].1.clone()), value)
                })
                .collect();
            prop_assert_eq!(found, expected);
        }
    }

    fn histogram() -> Family {
        let value = Value::Buckets {
            cumulative: vec![(0.1, 1), (1.0, 2)],
            sum: 7.25,
            count: 3,
        };
        let labels = Labels::new([("source", "crm".to_owned())]);
        Family::new(&names::SOURCE_POLL_DURATION, [(Arc::new(labels), value)])
    }

    #[test]
    fn openmetrics_drops_suffixes_in_the_head_only_and_ends() {
        let one = || (Arc::new(Labels::default()), Value::Number(1.0));
        let families = [
            Family::new(&names::PROCESS_CPU, [one()]),
            Family::new(&names::BUILD_INFO, [one()]),
            histogram(),
        ];
        let text = render(&families, Format::OpenMetrics);
        assert_eq!(
            text,
            "# HELP process_cpu_seconds User and system CPU time spent\n\
             # TYPE process_cpu_seconds counter\n\
             # UNIT process_cpu_seconds seconds\n\
             process_cpu_seconds_total 1\n\
             # HELP okrd_build How okrd was built, always 1\n\
             # TYPE okrd_build info\n\
             okrd_build_info 1\n\
             # HELP okrd_source_poll_duration_seconds How long polls took, retry included\n\
             # TYPE okrd_source_poll_duration_seconds histogram\n\
             # UNIT okrd_source_poll_duration_seconds seconds\n\
             okrd_source_poll_duration_seconds_bucket{source=\"crm\",le=\"0.1\"} 1\n\
             okrd_source_poll_duration_seconds_bucket{source=\"crm\",le=\"1.0\"} 2\n\
             okrd_source_poll_duration_seconds_bucket{source=\"crm\",le=\"+Inf\"} 3\n\
             okrd_source_poll_duration_seconds_sum{source=\"crm\"} 7.25\n\
             okrd_source_poll_duration_seconds_count{source=\"crm\"} 3\n\
             # EOF\n"
        );
        let parsed = parse(&render(&families, Format::Text));
        assert_eq!(parsed.types["process_cpu_seconds_total"], "counter");
        assert_eq!(parsed.types["okrd_build_info"], "gauge");
        assert!(!parsed.ended);
    }

    #[test]
    fn a_family_without_samples_says_nothing() {
        let empty = Family::new(
            &names::STORE_UP,
            [(Arc::default(), Value::Number(f64::NAN))],
        );
        assert_eq!(render(&[empty], Format::Text), "");
    }

    #[test]
    fn numbers_are_written_so_that_they_read_back() {
        let mut out = String::new();
        for number in [0.0, -0.5, 1e21, 1_764_000_000.123, f64::MIN_POSITIVE] {
            out.clear();
            float(&mut out, number);
            assert_eq!(out.parse::<f64>().unwrap().to_bits(), number.to_bits());
        }
    }
}
