//! What this process counts as it happens: polls, faults, writes, reloads, requests, pushes, log lines. Each series that can be
//! foreseen exists from the start, with 0. Hears the engine's events; knows no board figures.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use prometheus::core::Collector;
use prometheus::proto::{self, MetricFamily};
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Opts, Registry,
};
use tracing::{Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

use super::names::{self, Kind, Metric};
use super::scorecard::seconds;
use super::writer::{Family, Labels, Value};
use crate::domain::fault::FaultClass;
use crate::domain::id::Slug;
use crate::engine::event::{Event, Observe, Skip};

/// Upper bounds of the poll duration in seconds.
const BOUNDS: [f64; 9] = [0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];
/// Where the clock can jump.
const FORWARD: &str = "forward";
const BACK: &str = "back";
const LEVELS: [Level; 5] = [
    Level::ERROR,
    Level::WARN,
    Level::INFO,
    Level::DEBUG,
    Level::TRACE,
];

/// The counters of this process.
#[derive(Debug)]
pub struct Counters {
    registry: Registry,
    reloads: IntCounter,
    reload_failures: IntCounter,
    polls: IntCounterVec,
    poll_failures: IntCounterVec,
    poll_duration: HistogramVec,
    polls_skipped: IntCounterVec,
    polls_held: IntCounterVec,
    slots_missed: IntCounterVec,
    clock_jumps: IntCounterVec,
    store_writes: IntCounter,
    store_write_failures: IntCounter,
    requests: IntCounterVec,
    log_messages: IntCounterVec,
    pushes: IntCounterVec,
    push_failures: IntCounterVec,
    sources: Mutex<BTreeSet<Slug>>,
    receivers: Mutex<BTreeMap<Slug, Pushed>>,
}

/// What became of the newest push to a receiver.
#[derive(Clone, Copy, Debug, Default)]
struct Pushed {
    up: Option<bool>,
    taken: Option<Timestamp>,
}

impl Counters {
    /// Counters at 0.
    ///
    /// # Errors
    /// When the table of names holds a name or label that Prometheus refuses; a test shows that it does not.
    pub fn new() -> Result<Self, prometheus::Error> {
        let counter = |metric: &Metric| IntCounter::with_opts(Opts::new(metric.name, metric.help));
        let counters = |metric: &Metric| {
            IntCounterVec::new(Opts::new(metric.name, metric.help), metric.labels)
        };
        let duration = &names::SOURCE_POLL_DURATION;
        let duration_opts =
            HistogramOpts::new(duration.name, duration.help).buckets(BOUNDS.to_vec());
        let this = Self {
            registry: Registry::new(),
            reloads: counter(&names::CONFIG_RELOADS)?,
            reload_failures: counter(&names::CONFIG_RELOAD_FAILURES)?,
            polls: counters(&names::SOURCE_POLLS)?,
            poll_failures: counters(&names::SOURCE_POLL_FAILURES)?,
            poll_duration: HistogramVec::new(duration_opts, duration.labels)?,
            polls_skipped: counters(&names::SCHEDULER_POLLS_SKIPPED)?,
            polls_held: counters(&names::SCHEDULER_POLLS_HELD)?,
            slots_missed: counters(&names::SCHEDULER_SLOTS_MISSED)?,
            clock_jumps: counters(&names::SCHEDULER_CLOCK_JUMPS)?,
            store_writes: counter(&names::STORE_WRITES)?,
            store_write_failures: counter(&names::STORE_WRITE_FAILURES)?,
            requests: counters(&names::HTTP_REQUESTS)?,
            log_messages: counters(&names::LOG_MESSAGES)?,
            pushes: counters(&names::PUSHES)?,
            push_failures: counters(&names::PUSH_FAILURES)?,
            sources: Mutex::default(),
            receivers: Mutex::default(),
        };
        for collector in this.collectors() {
            this.registry.register(collector)?;
        }
        for level in LEVELS {
            count(&this.log_messages, &[word(level)], 0);
        }
        for direction in [FORWARD, BACK] {
            count(&this.clock_jumps, &[direction], 0);
        }
        Ok(this)
    }

    fn collectors(&self) -> [Box<dyn Collector>; 15] {
        [
            Box::new(self.reloads.clone()),
            Box::new(self.reload_failures.clone()),
            Box::new(self.polls.clone()),
            Box::new(self.poll_failures.clone()),
            Box::new(self.poll_duration.clone()),
            Box::new(self.polls_skipped.clone()),
            Box::new(self.polls_held.clone()),
            Box::new(self.slots_missed.clone()),
            Box::new(self.clock_jumps.clone()),
            Box::new(self.store_writes.clone()),
            Box::new(self.store_write_failures.clone()),
            Box::new(self.requests.clone()),
            Box::new(self.log_messages.clone()),
            Box::new(self.pushes.clone()),
            Box::new(self.push_failures.clone()),
        ]
    }

    /// Makes the series of new sources at 0 and forgets those of sources that are gone.
    pub fn know_sources(&self, names: &BTreeSet<Slug>) {
        let mut known = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        for source in names.difference(&known) {
            let source = source.as_str();
            count(&self.polls, &[source], 0);
            count(&self.polls_skipped, &[source], 0);
            count(&self.polls_held, &[source], 0);
            count(&self.slots_missed, &[source], 0);
            for class in FaultClass::ALL {
                count(&self.poll_failures, &[source, class.as_str()], 0);
            }
            let _ = self.duration(source);
        }
        for source in known.difference(names) {
            let source = source.as_str();
            let _ = self.polls.remove_label_values(&[source]);
            let _ = self.polls_skipped.remove_label_values(&[source]);
            let _ = self.polls_held.remove_label_values(&[source]);
            let _ = self.slots_missed.remove_label_values(&[source]);
            for class in FaultClass::ALL {
                let _ = self
                    .poll_failures
                    .remove_label_values(&[source, class.as_str()]);
            }
            let _ = self.poll_duration.remove_label_values(&[source]);
        }
        known.clone_from(names);
    }

    /// Makes the series of new receivers at 0 and forgets those of receivers that are gone.
    pub fn know_receivers(&self, names: &BTreeSet<Slug>) {
        let mut known = self.receivers();
        for name in names {
            known.entry(name.clone()).or_insert_with(|| {
                count(&self.pushes, &[name.as_str()], 0);
                count(&self.push_failures, &[name.as_str()], 0);
                Pushed::default()
            });
        }
        known.retain(|name, _| {
            let stays = names.contains(name);
            if !stays {
                let _ = self.pushes.remove_label_values(&[name.as_str()]);
                let _ = self.push_failures.remove_label_values(&[name.as_str()]);
            }
            stays
        });
    }

    /// Metrics were sent to a receiver, which took them or not.
    pub fn pushed(&self, name: &Slug, taken: bool, at: Timestamp) {
        let mut known = self.receivers();
        // One that was dropped meanwhile does not come back by its last push.
        let Some(pushed) = known.get_mut(name) else {
            return;
        };
        pushed.up = Some(taken);
        count(&self.pushes, &[name.as_str()], 1);
        if taken {
            pushed.taken = Some(at);
        } else {
            count(&self.push_failures, &[name.as_str()], 1);
        }
    }

    fn receivers(&self) -> MutexGuard<'_, BTreeMap<Slug, Pushed>> {
        self.receivers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// How it stands with each receiver.
    fn of_receivers(&self) -> [Family; 2] {
        let known = self.receivers();
        let family = |metric: &'static Metric, value: fn(&Pushed) -> Option<f64>| {
            let samples = known.iter().filter_map(|(name, pushed)| {
                let labels = Labels::new([("push", name.as_str().to_owned())]);
                Some((Arc::new(labels), Value::Number(value(pushed)?)))
            });
            Family::new(metric, samples)
        };
        [
            family(&names::PUSH_UP, |pushed| {
                pushed.up.map(|up| f64::from(u8::from(up)))
            }),
            family(&names::PUSH_LAST_SUCCESS, |pushed| {
                pushed.taken.and_then(seconds)
            }),
        ]
    }

    /// Makes the series of these routes at 0, for the answer 200.
    pub fn know_handlers(&self, handlers: &[&str]) {
        for handler in handlers {
            count(&self.requests, &[handler, "200"], 0);
        }
    }

    /// A request was answered. `handler` is a route pattern, never the path that was asked for.
    pub fn served(&self, handler: &str, code: u16) {
        count(&self.requests, &[handler, &code.to_string()], 1);
    }

    /// Counts log messages by level.
    #[must_use]
    pub fn log_layer(&self) -> LogCounter {
        LogCounter(self.log_messages.clone())
    }

    /// The counters as families.
    #[must_use]
    pub fn families(&self) -> Vec<Family> {
        let counted = self.registry.gather();
        let counted = counted.iter().filter_map(family);
        counted.chain(self.of_receivers()).collect()
    }

    fn duration(&self, source: &str) -> Option<Histogram> {
        self.poll_duration
            .get_metric_with_label_values(&[source])
            .ok()
    }

    fn poll_ended(&self, source: &Slug, took: Duration, class: Option<FaultClass>) {
        if let Some(histogram) = self.duration(source.as_str()) {
            histogram.observe(took.as_secs_f64());
        }
        if let Some(class) = class {
            count(&self.poll_failures, &[source.as_str(), class.as_str()], 1);
        }
    }
}

impl Observe for Counters {
    fn observe(&self, event: &Event<'_>) {
        match event {
            Event::PollStarted { source } => count(&self.polls, &[source.as_str()], 1),
            Event::PollEnded {
                source,
                took,
                fault,
                ..
            } => {
                self.poll_ended(source, *took, fault.map(|fault| fault.class));
            }
            Event::PollSkipped {
                source,
                why: Skip::StillRunning,
                ..
            } => {
                count(&self.polls_skipped, &[source.as_str()], 1);
            }
            Event::PollSkipped {
                source,
                why: Skip::SourceHeld(_),
                ..
            } => count(&self.polls_held, &[source.as_str()], 1),
            // Seen as okrd_source_suspended and okrd_source_breaker_open.
            Event::HeldBack { .. } | Event::LetGo { .. } => {}
            Event::ClockJumped { by } => {
                let direction = if by.is_positive() { FORWARD } else { BACK };
                count(&self.clock_jumps, &[direction], 1);
            }
            Event::SlotsPassed {
                source,
                missed: Some(missed),
                ..
            } => count(&self.slots_missed, &[source.as_str()], missed.count),
            Event::SlotFilled {
                source, lost: true, ..
            } => count(&self.slots_missed, &[source.as_str()], 1),
            Event::SlotsPassed { .. } | Event::SlotFilled { .. } | Event::FillingRests { .. } => {}
            Event::StoreWrote => self.store_writes.inc(),
            Event::StoreFailed { .. } => self.store_write_failures.inc(),
            Event::Reloaded { accepted } => {
                self.reloads.inc();
                if !accepted {
                    self.reload_failures.inc();
                }
            }
        }
    }
}

/// A layer of the log that counts its messages.
#[derive(Clone, Debug)]
pub struct LogCounter(IntCounterVec);

impl<S: Subscriber> Layer<S> for LogCounter {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        count(&self.0, &[word(*event.metadata().level())], 1);
    }
}

fn word(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warn",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    }
}

/// Adds to one counter of a vector, which is made when it is missing. The number of labels is always the table's, so
/// that the error of the crate cannot arise.
fn count(counters: &IntCounterVec, labels: &[&str], by: u64) {
    if let Ok(counter) = counters.get_metric_with_label_values(labels) {
        counter.inc_by(by);
    }
}

/// A family of the registry in our own form.
fn family(found: &MetricFamily) -> Option<Family> {
    let metric = names::find(found.name())?;
    let samples = found.get_metric().iter().map(|sample| {
        let value = match metric.kind {
            Kind::Histogram => buckets(sample.get_histogram()),
            _ => Value::Number(sample.get_counter().get_value()),
        };
        (Arc::new(labels(metric, sample)), value)
    });
    Some(Family::new(metric, samples))
}

/// The labels in the order of the table; the registry sorts them by name.
fn labels(metric: &Metric, sample: &proto::Metric) -> Labels {
    let value = |name: &str| {
        let pair = sample.get_label().iter().find(|pair| pair.name() == name);
        pair.map_or_else(String::new, |pair| pair.value().to_owned())
    };
    Labels::new(metric.labels.iter().map(|name| (*name, value(name))))
}

fn buckets(histogram: &proto::Histogram) -> Value {
    let bucket = |bucket: &proto::Bucket| (bucket.upper_bound(), bucket.cumulative_count());
    Value::Buckets {
        cumulative: histogram.get_bucket().iter().map(bucket).collect(),
        sum: histogram.get_sample_sum(),
        count: histogram.get_sample_count(),
    }
}
