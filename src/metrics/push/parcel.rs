//! One push: the families of an instant as requests, and what has ended since the one before. A receiver cannot see that
//! a series is gone, so it is told. Knows no net.

use std::collections::{BTreeMap, HashSet};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use jiff::Timestamp;

use super::{otlp, remote_write};
use crate::config::spec::Protocol;
use crate::metrics::names::Metric;
use crate::metrics::writer::{Family, Labels, Value};

/// So many series, or points, are sent in one request: some hundred kilobytes.
pub(super) const CHUNK: usize = 5_000;

/// One series as the exposition has it; all buckets of a histogram are one.
#[derive(Clone, Debug)]
pub(super) struct Series {
    pub(super) metric: &'static Metric,
    pub(super) labels: Arc<Labels>,
    /// The upper bounds of a histogram, without the last, infinite one.
    pub(super) bounds: Arc<[f64]>,
}

/// A series and its value; `None` when it has ended.
pub(super) type Point<'f> = (Series, Option<&'f Value>);

/// What goes out with every series.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    /// Labels as a scrape adds them.
    pub(super) labels: BTreeMap<String, String>,
    /// okrd's version.
    pub(super) version: &'static str,
    /// Since when counters count.
    pub(super) started: Timestamp,
}

/// One push.
#[derive(Debug)]
pub(super) struct Parcel {
    /// Bodies of requests, to be sent in this order.
    pub(super) requests: Vec<Vec<u8>>,
    /// Series that it tells to have ended.
    ended: Vec<Series>,
}

/// Makes parcels for one receiver and knows what the last one held.
#[derive(Debug)]
pub(super) struct Packer {
    protocol: Protocol,
    frame: Frame,
    known: HashSet<Series>,
}

impl Series {
    pub(super) fn of(family: &Family) -> impl Iterator<Item = (Self, &Value)> {
        family.samples().iter().map(|(labels, value)| {
            let bounds = match value {
                Value::Number(_) => Arc::default(),
                Value::Buckets { cumulative, .. } => cumulative.iter().map(|(b, _)| *b).collect(),
            };
            let series = Self {
                metric: family.metric(),
                labels: Arc::clone(labels),
                bounds,
            };
            (series, value)
        })
    }
}

impl PartialEq for Series {
    fn eq(&self, other: &Self) -> bool {
        self.metric.name == other.metric.name && self.labels.text() == other.labels.text()
    }
}

impl Eq for Series {}

impl Hash for Series {
    fn hash<H: Hasher>(&self, hash: &mut H) {
        self.metric.name.hash(hash);
        self.labels.text().hash(hash);
    }
}

impl Parcel {
    /// One that tells of no end.
    #[cfg(test)]
    pub(super) fn of(requests: Vec<Vec<u8>>) -> Self {
        Self {
            requests,
            ended: Vec::new(),
        }
    }

    /// Its size in bytes.
    pub(super) fn size(&self) -> usize {
        self.requests.iter().map(Vec::len).sum()
    }
}

impl Packer {
    pub(super) fn new(protocol: Protocol, frame: Frame) -> Self {
        Self {
            protocol,
            frame,
            known: HashSet::new(),
        }
    }

    /// These families as of `at`. What the last parcel held and they do not has ended.
    pub(super) fn pack(&mut self, families: &[Family], at: Timestamp) -> Parcel {
        let all = families.iter().flat_map(Series::of);
        let now: HashSet<Series> = all.map(|(series, _)| series).collect();
        let before = std::mem::replace(&mut self.known, now);
        let gone = |series: &Series| !self.known.contains(series);
        let ended: Vec<Series> = before.into_iter().filter(gone).collect();
        let values = families.iter().flat_map(Series::of);
        let values = values.map(|(series, value)| (series, Some(value)));
        let none = ended.iter().map(|series| (series.clone(), None));
        let mut points: Vec<Point<'_>> = none.chain(values).collect();
        // What belongs to one metric stands together.
        points.sort_by_key(|(series, _)| series.metric.name);
        let encode = match self.protocol {
            Protocol::RemoteWrite => remote_write::encode,
            Protocol::Otlp => otlp::encode,
        };
        let requests = encode(&points, &self.frame, at);
        Parcel { requests, ended }
    }

    /// A parcel that the receiver never took: what it told to have ended is told again, if it is not there again.
    pub(super) fn lost(&mut self, parcel: Parcel) {
        self.known.extend(parcel.ended);
    }
}
