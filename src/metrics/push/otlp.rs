//! OTLP 1.x metrics (opentelemetry.io/docs/specs/otlp, "OTLP/HTTP", binary protobuf): gauges, monotonic sums since the start
//! of the process, histograms, under the names that the exposition has. A point without a value says that its series has
//! ended. Knows no net.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use prost::Message;

use super::parcel::{CHUNK, Frame, Point, Series};
use crate::metrics::names::{self, Kind, Unit};
use crate::metrics::writer::Value;

/// What a request says of its body beside its type.
pub(super) const HEADERS: [(&str, &str); 1] = [("content-encoding", "gzip")];

/// Counted since a start, not since the last time.
const CUMULATIVE: i32 = 2;
/// The point says that there is no value any more.
const NO_RECORDED_VALUE: u32 = 1;

#[derive(Clone, PartialEq, Message)]
struct ExportRequest {
    #[prost(message, repeated, tag = "1")]
    resource_metrics: Vec<ResourceMetrics>,
}

#[derive(Clone, PartialEq, Message)]
struct ResourceMetrics {
    #[prost(message, optional, tag = "1")]
    resource: Option<Resource>,
    #[prost(message, repeated, tag = "2")]
    scope_metrics: Vec<ScopeMetrics>,
}

#[derive(Clone, PartialEq, Message)]
struct Resource {
    #[prost(message, repeated, tag = "1")]
    attributes: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct KeyValue {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(message, optional, tag = "2")]
    value: Option<AnyValue>,
}

/// Of the kinds of value only text is used.
#[derive(Clone, PartialEq, Message)]
struct AnyValue {
    #[prost(string, optional, tag = "1")]
    string_value: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
struct ScopeMetrics {
    #[prost(message, optional, tag = "1")]
    scope: Option<Scope>,
    #[prost(message, repeated, tag = "2")]
    metrics: Vec<Metric>,
}

#[derive(Clone, PartialEq, Message)]
struct Scope {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    version: String,
}

/// Exactly one of the last three is there.
#[derive(Clone, PartialEq, Message)]
struct Metric {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    description: String,
    #[prost(string, tag = "3")]
    unit: String,
    #[prost(message, optional, tag = "5")]
    gauge: Option<Gauge>,
    #[prost(message, optional, tag = "7")]
    sum: Option<Sum>,
    #[prost(message, optional, tag = "9")]
    histogram: Option<Histogram>,
}

#[derive(Clone, PartialEq, Message)]
struct Gauge {
    #[prost(message, repeated, tag = "1")]
    data_points: Vec<NumberPoint>,
}

#[derive(Clone, PartialEq, Message)]
struct Sum {
    #[prost(message, repeated, tag = "1")]
    data_points: Vec<NumberPoint>,
    #[prost(int32, tag = "2")]
    aggregation_temporality: i32,
    #[prost(bool, tag = "3")]
    is_monotonic: bool,
}

#[derive(Clone, PartialEq, Message)]
struct Histogram {
    #[prost(message, repeated, tag = "1")]
    data_points: Vec<HistogramPoint>,
    #[prost(int32, tag = "2")]
    aggregation_temporality: i32,
}

#[derive(Clone, PartialEq, Message)]
struct NumberPoint {
    #[prost(fixed64, tag = "2")]
    start_time_unix_nano: u64,
    #[prost(fixed64, tag = "3")]
    time_unix_nano: u64,
    #[prost(double, optional, tag = "4")]
    as_double: Option<f64>,
    #[prost(message, repeated, tag = "7")]
    attributes: Vec<KeyValue>,
    #[prost(uint32, tag = "8")]
    flags: u32,
}

#[derive(Clone, PartialEq, Message)]
struct HistogramPoint {
    #[prost(fixed64, tag = "2")]
    start_time_unix_nano: u64,
    #[prost(fixed64, tag = "3")]
    time_unix_nano: u64,
    #[prost(fixed64, tag = "4")]
    count: u64,
    #[prost(double, optional, tag = "5")]
    sum: Option<f64>,
    /// Of each bucket by itself, the infinite one too.
    #[prost(fixed64, repeated, tag = "6")]
    bucket_counts: Vec<u64>,
    #[prost(double, repeated, tag = "7")]
    explicit_bounds: Vec<f64>,
    #[prost(message, repeated, tag = "9")]
    attributes: Vec<KeyValue>,
    #[prost(uint32, tag = "10")]
    flags: u32,
}

/// What a receiver answers.
#[derive(Clone, PartialEq, Message)]
struct ExportResponse {
    #[prost(message, optional, tag = "1")]
    partial_success: Option<PartialSuccess>,
}

#[derive(Clone, PartialEq, Message)]
struct PartialSuccess {
    #[prost(int64, tag = "1")]
    rejected_data_points: i64,
    #[prost(string, tag = "2")]
    error_message: String,
}

/// How many points the receiver did not take, and its words, when it took only a part.
pub(super) fn refused(answer: &[u8]) -> Option<(i64, String)> {
    let partial = ExportResponse::decode(answer).ok()?.partial_success?;
    (partial.rejected_data_points > 0)
        .then_some((partial.rejected_data_points, partial.error_message))
}

/// Bodies of requests.
pub(super) fn encode(points: &[Point<'_>], frame: &Frame, at: Timestamp) -> Vec<Vec<u8>> {
    let mut out = Out {
        frame,
        at: nanos(at),
        started: nanos(frame.started),
        metrics: Vec::new(),
        points: 0,
        done: Vec::new(),
    };
    for (series, value) in points {
        out.point(series, *value);
    }
    out.finish();
    out.done
}

fn nanos(at: Timestamp) -> u64 {
    u64::try_from(at.as_nanosecond()).unwrap_or(0)
}

/// As UCUM writes it. A plain number has none: "1" would make a ratio of it.
fn unit(unit: Unit) -> &'static str {
    match unit {
        Unit::None => "",
        Unit::Seconds => "s",
        Unit::Bytes => "By",
        Unit::Ratio => "1",
    }
}

fn text(key: &str, value: &str) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue {
            string_value: Some(value.to_owned()),
        }),
    }
}

struct Out<'f> {
    frame: &'f Frame,
    at: u64,
    started: u64,
    metrics: Vec<Metric>,
    points: usize,
    done: Vec<Vec<u8>>,
}

impl Out<'_> {
    fn point(&mut self, series: &Series, value: Option<&Value>) {
        let labels = series.labels.pairs().iter();
        let labels = labels.filter(|(_, value)| !value.is_empty());
        let attributes = labels.map(|(name, value)| text(name, value)).collect();
        let flags = if value.is_none() {
            NO_RECORDED_VALUE
        } else {
            0
        };
        let (at, started) = (self.at, self.started);
        let metric = self.metric(series.metric);
        let number = |start_time_unix_nano| NumberPoint {
            start_time_unix_nano,
            time_unix_nano: at,
            as_double: match value {
                Some(Value::Number(number)) => Some(*number),
                _ => None,
            },
            attributes,
            flags,
        };
        if let Some(gauge) = &mut metric.gauge {
            gauge.data_points.push(number(0));
        } else if let Some(sum) = &mut metric.sum {
            sum.data_points.push(number(started));
        } else if let Some(histogram) = &mut metric.histogram {
            histogram
                .data_points
                .push(buckets(number(started), series, value));
        }
        self.points += 1;
        if self.points >= CHUNK {
            self.finish();
        }
    }

    /// The metric that points are gathered for; families come one after another.
    fn metric(&mut self, of: &'static names::Metric) -> &mut Metric {
        if self.metrics.last().is_none_or(|last| last.name != of.name) {
            let mut metric = Metric {
                name: of.name.to_owned(),
                description: of.help.to_owned(),
                unit: unit(of.unit).to_owned(),
                ..Metric::default()
            };
            match of.kind {
                Kind::Gauge | Kind::Info => metric.gauge = Some(Gauge::default()),
                Kind::Counter => {
                    metric.sum = Some(Sum {
                        aggregation_temporality: CUMULATIVE,
                        is_monotonic: true,
                        ..Sum::default()
                    });
                }
                Kind::Histogram => {
                    metric.histogram = Some(Histogram {
                        aggregation_temporality: CUMULATIVE,
                        ..Histogram::default()
                    });
                }
            }
            self.metrics.push(metric);
        }
        let last = self.metrics.len() - 1;
        &mut self.metrics[last]
    }

    fn finish(&mut self) {
        if self.points == 0 {
            return;
        }
        self.points = 0;
        let labels = self.frame.labels.iter();
        let labels = labels.filter(|(_, value)| !value.is_empty());
        let attributes = labels.map(|(name, value)| {
            // As Prometheus has them the other way round.
            let name = match name.as_str() {
                "job" => "service.name",
                "instance" => "service.instance.id",
                other => other,
            };
            text(name, value)
        });
        // Without a name a service is called unknown.
        let named = self
            .frame
            .labels
            .get("job")
            .is_some_and(|job| !job.is_empty());
        let name = (!named).then(|| text("service.name", "okrd"));
        let version = text("service.version", self.frame.version);
        let request = ExportRequest {
            resource_metrics: vec![ResourceMetrics {
                resource: Some(Resource {
                    attributes: attributes.chain(name).chain([version]).collect(),
                }),
                scope_metrics: vec![ScopeMetrics {
                    scope: Some(Scope {
                        name: "okrd".to_owned(),
                        version: self.frame.version.to_owned(),
                    }),
                    metrics: std::mem::take(&mut self.metrics),
                }],
            }],
        };
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        // Memory takes whatever is written.
        let _ = packed.write_all(&request.encode_to_vec());
        self.done.extend(packed.finish());
    }
}

fn buckets(of: NumberPoint, series: &Series, value: Option<&Value>) -> HistogramPoint {
    let mut point = HistogramPoint {
        start_time_unix_nano: of.start_time_unix_nano,
        time_unix_nano: of.time_unix_nano,
        attributes: of.attributes,
        flags: of.flags,
        ..HistogramPoint::default()
    };
    let Some(Value::Buckets {
        cumulative,
        sum,
        count,
    }) = value
    else {
        return point;
    };
    point.count = *count;
    point.sum = Some(*sum);
    point.explicit_bounds = series.bounds.to_vec();
    let ends = cumulative.iter().map(|(_, count)| *count).chain([*count]);
    let mut below = 0;
    point.bucket_counts = ends
        .map(|end| {
            let own = end.saturating_sub(below);
            below = end;
            own
        })
        .collect();
    point
}
