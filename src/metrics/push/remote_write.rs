//! Prometheus remote write 1.0 (prometheus.io/docs/specs/prw/remote_write_spec): series with labels in the order of their
//! names, one sample each, a marker for each series that has ended, as protobuf packed by snappy. Knows no net.

use jiff::Timestamp;
use prost::Message;

use super::parcel::{CHUNK, Frame, Point, Series};
use crate::metrics::writer::Value;

/// What a request says of its body beside its type.
pub(super) const HEADERS: [(&str, &str); 2] = [
    ("content-encoding", "snappy"),
    ("x-prometheus-remote-write-version", "0.1.0"),
];

/// The NaN that says that a series has ended; any other is a value.
const STALE: f64 = f64::from_bits(0x7ff0_0000_0000_0002);

#[derive(Clone, PartialEq, Message)]
struct WriteRequest {
    #[prost(message, repeated, tag = "1")]
    timeseries: Vec<TimeSeries>,
}

#[derive(Clone, PartialEq, Message)]
struct TimeSeries {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<Label>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<Sample>,
}

#[derive(Clone, PartialEq, Message)]
struct Label {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    value: String,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct Sample {
    #[prost(double, tag = "1")]
    value: f64,
    /// Milliseconds since 1970.
    #[prost(int64, tag = "2")]
    timestamp: i64,
}

/// Bodies of requests.
pub(super) fn encode(points: &[Point<'_>], frame: &Frame, at: Timestamp) -> Vec<Vec<u8>> {
    let mut out = Out {
        frame,
        timestamp: at.as_millisecond(),
        request: WriteRequest::default(),
        done: Vec::new(),
    };
    for (series, value) in points {
        out.series(series, *value);
    }
    out.finish();
    out.done
}

struct Out<'f> {
    frame: &'f Frame,
    timestamp: i64,
    request: WriteRequest,
    done: Vec<Vec<u8>>,
}

impl Out<'_> {
    fn series(&mut self, series: &Series, value: Option<&Value>) {
        #[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
        let counted = |count: u64| count as f64;
        let (counts, sum, count) = match value {
            Some(Value::Number(number)) => return self.push(series, "", None, *number),
            None if series.bounds.is_empty() => return self.push(series, "", None, STALE),
            None => (vec![STALE; series.bounds.len()], STALE, STALE),
            Some(Value::Buckets {
                cumulative,
                sum,
                count,
            }) => {
                let counts = cumulative.iter().map(|(_, count)| counted(*count));
                (counts.collect(), *sum, counted(*count))
            }
        };
        for (bound, counted) in series.bounds.iter().zip(counts) {
            // As the exposition writes it.
            self.push(series, "_bucket", Some(format!("{bound:?}")), counted);
        }
        self.push(series, "_bucket", Some("+Inf".to_owned()), count);
        self.push(series, "_sum", None, sum);
        self.push(series, "_count", None, count);
    }

    fn push(&mut self, series: &Series, suffix: &str, le: Option<String>, value: f64) {
        let label = |name: &str, value: &str| Label {
            name: name.to_owned(),
            value: value.to_owned(),
        };
        let name = format!("{}{suffix}", series.metric.name);
        let mut labels = vec![label("__name__", &name)];
        labels.extend(le.map(|le| label("le", &le)));
        let own = series.labels.pairs();
        labels.extend(own.iter().map(|(name, value)| label(name, value)));
        // What okrd writes itself stays its own.
        for (name, value) in &self.frame.labels {
            if labels.iter().all(|own| own.name != *name) {
                labels.push(label(name, value));
            }
        }
        // An empty label is none.
        labels.retain(|label| !label.value.is_empty());
        labels.sort_by(|a, b| a.name.cmp(&b.name));
        self.request.timeseries.push(TimeSeries {
            labels,
            samples: vec![Sample {
                value,
                timestamp: self.timestamp,
            }],
        });
        if self.request.timeseries.len() >= CHUNK {
            self.finish();
        }
    }

    fn finish(&mut self) {
        if self.request.timeseries.is_empty() {
            return;
        }
        let bytes = std::mem::take(&mut self.request).encode_to_vec();
        // Only what is larger than 4 GiB does not fit, and a chunk is far from that.
        let packed = snap::raw::Encoder::new().compress_vec(&bytes);
        self.done.extend(packed);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use super::*;
    use crate::config::spec::Protocol;
    use crate::metrics::names;
    use crate::metrics::push::parcel::Packer;
    use crate::metrics::writer::{Family, Labels};

    fn decoded(bodies: &[Vec<u8>]) -> Vec<TimeSeries> {
        let body = |body: &Vec<u8>| {
            let bytes = snap::raw::Decoder::new().decompress_vec(body).unwrap();
            WriteRequest::decode(&*bytes).unwrap().timeseries
        };
        bodies.iter().flat_map(body).collect()
    }

    fn frame() -> Frame {
        let labels = [("job", "okrd"), ("source", "not this one"), ("zone", "eu")];
        Frame {
            labels: labels.map(|(n, v)| (n.to_owned(), v.to_owned())).into(),
            version: "0",
            started: Timestamp::UNIX_EPOCH,
        }
    }

    fn shown(series: &TimeSeries) -> (String, String) {
        let labels = series.labels.iter();
        let labels: Vec<_> = labels.map(|l| format!("{}={}", l.name, l.value)).collect();
        let value = series.samples[0].value;
        let value = if value.to_bits() == STALE.to_bits() {
            "ended".to_owned()
        } else {
            value.to_string()
        };
        (labels.join(","), value)
    }

    fn up(sources: &[&str]) -> Family {
        let sample = |source: &&str| {
            let labels = Labels::new([("source", (*source).to_owned())]);
            (Arc::new(labels), Value::Number(1.0))
        };
        Family::new(&names::SOURCE_UP, sources.iter().map(sample))
    }

    fn durations(sources: &[&str]) -> Family {
        let sample = |source: &&str| {
            let labels = Labels::new([("source", (*source).to_owned())]);
            let value = Value::Buckets {
                cumulative: vec![(0.5, 1), (1.0, 2)],
                sum: 9.5,
                count: 3,
            };
            (Arc::new(labels), value)
        };
        Family::new(&names::SOURCE_POLL_DURATION, sources.iter().map(sample))
    }

    #[test]
    fn series_are_sorted_and_told_to_have_ended_until_that_arrived() {
        let at = Timestamp::from_millisecond(1_700_000_000_123).unwrap();
        let mut packer = Packer::new(Protocol::RemoteWrite, frame());
        let all: BTreeMap<String, String> = decoded(
            &packer
                .pack(&[up(&["a", ""]), durations(&["a"])], at)
                .requests,
        )
        .iter()
        .map(|series| {
            assert!(series.labels.is_sorted_by(|a, b| a.name < b.name));
            assert_eq!(series.samples[0].timestamp, 1_700_000_000_123);
            shown(series)
        })
        .collect();
        let rest = "job=okrd,source=a,zone=eu";
        let bucket = |le: &str| {
            format!(
                "__name__=okrd_source_poll_duration_seconds_bucket,job=okrd,le={le},source=a,zone=eu"
            )
        };
        let expected = [
            (format!("__name__=okrd_source_up,{rest}"), "1"),
            // An empty label is none, and what is not there may be added.
            ("__name__=okrd_source_up,job=okrd,zone=eu".into(), "1"),
            (bucket("0.5"), "1"),
            (bucket("1.0"), "2"),
            (bucket("+Inf"), "3"),
            (
                format!("__name__=okrd_source_poll_duration_seconds_sum,{rest}"),
                "9.5",
            ),
            (
                format!("__name__=okrd_source_poll_duration_seconds_count,{rest}"),
                "3",
            ),
        ];
        let expected: BTreeMap<_, _> = expected.map(|(k, v)| (k, v.to_owned())).into();
        assert_eq!(all, expected);

        let ended = |parcel: &crate::metrics::push::parcel::Parcel| {
            let all = decoded(&parcel.requests);
            all.iter().filter(|s| shown(s).1 == "ended").count()
        };
        let gone = packer.pack(&[up(&["b"])], at);
        assert_eq!(ended(&gone), 7, "two of source up, five of the histogram");
        assert_eq!(ended(&packer.pack(&[up(&["b"])], at)), 0, "told once");
        packer.lost(gone);
        assert_eq!(
            ended(&packer.pack(&[up(&["a", "b"])], at)),
            6,
            "one is back"
        );
    }

    #[test]
    fn many_series_are_sent_in_several_requests() {
        let sources: Vec<String> = (0..12_001).map(|n| format!("s{n}")).collect();
        let sources: Vec<&str> = sources.iter().map(String::as_str).collect();
        let mut packer = Packer::new(Protocol::RemoteWrite, frame());
        let parcel = packer.pack(&[up(&sources)], Timestamp::UNIX_EPOCH);
        assert_eq!(parcel.requests.len(), 3);
        assert_eq!(decoded(&parcel.requests).len(), 12_001);
    }
}
