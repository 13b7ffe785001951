//! One receiver: a push at each interval, kept while the receiver is away and sent again with growing patience, in their
//! order and one at a time. What it refuses for good is dropped, and the log says so. Judges no figure.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::parcel::{Frame, Packer, Parcel};
use super::{Figures, otlp, remote_write};
use crate::config::spec::{Protocol, PushSpec};
use crate::domain::fault::{Fault, FaultClass};
use crate::domain::id::Slug;
use crate::net::answer::Answer;
use crate::net::request::Method;
use crate::source::endpoint::Endpoint;

/// What is kept while a receiver is away: so many pushes, or bytes.
const MOST_KEPT: usize = 60;
const MOST_BYTES: usize = 16 * 1024 * 1024;
/// The first wait after a failure; each one after it is twice as long.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// The longest patience that a receiver may ask for.
const LONGEST_PATIENCE: Duration = Duration::from_secs(3600);
/// How long one request may take, if the interval is not shorter.
const DEADLINE: Duration = Duration::from_secs(30);
/// How long the last push may take, all requests together.
pub(super) const LAST: Duration = Duration::from_secs(2);
const PROTOBUF: &str = "application/x-protobuf";

/// How a receiver is left.
#[derive(Clone, Debug, Default)]
pub(super) struct Leave {
    /// The daemon ends: it is sent what stands now.
    pub(super) ending: CancellationToken,
    /// It is configured no more, or otherwise: it is told that all series have ended.
    pub(super) dropped: CancellationToken,
}

/// One receiver.
pub(super) struct Target {
    name: Slug,
    spec: PushSpec,
    endpoint: Endpoint,
    figures: Arc<Figures>,
    packer: Packer,
    kept: Kept,
    failures: u32,
    not_before: Option<Instant>,
    /// What the log says of it: nothing while it takes everything.
    said: Option<String>,
}

/// Pushes that wait, oldest first.
#[derive(Debug, Default)]
struct Kept {
    parcels: VecDeque<Parcel>,
    /// Requests of the first one that were taken already.
    taken: usize,
}

impl Kept {
    fn is_empty(&self) -> bool {
        self.parcels.is_empty()
    }

    /// The next request to send; `None` when all of the first parcel was taken.
    fn request(&self) -> Option<Vec<u8>> {
        let first = self.parcels.front()?;
        first.requests.get(self.taken).cloned()
    }

    fn pop(&mut self) -> Option<Parcel> {
        self.taken = 0;
        self.parcels.pop_front()
    }

    /// Keeps one more, and gives those for which there is no room any longer.
    fn push(&mut self, parcel: Parcel) -> Vec<Parcel> {
        self.parcels.push_back(parcel);
        let mut size: usize = self.parcels.iter().map(Parcel::size).sum();
        let mut dropped = Vec::new();
        while self.parcels.len() > MOST_KEPT || (self.parcels.len() > 1 && size > MOST_BYTES) {
            let Some(oldest) = self.pop() else { break };
            size = size.saturating_sub(oldest.size());
            dropped.push(oldest);
        }
        dropped
    }
}

/// Why a request was not taken.
enum Refusal {
    /// It may be taken later.
    Now(Fault),
    /// It never will.
    ForGood(Fault),
}

impl Target {
    pub(super) fn new(name: Slug, spec: PushSpec, figures: Arc<Figures>) -> Self {
        Self {
            name,
            endpoint: Endpoint::new(&spec.http),
            packer: packer(&spec, &figures),
            spec,
            figures,
            kept: Kept::default(),
            failures: 0,
            not_before: None,
            said: None,
        }
    }

    /// Pushes until it is left.
    pub(super) async fn run(mut self, leave: Leave) {
        let mut ticks = interval(self.spec.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            let next = self.not_before.unwrap_or_else(Instant::now);
            tokio::select! {
                biased;
                () = leave.dropped.cancelled() => {
                    self.kept = Kept::default();
                    return self.finish(true).await;
                }
                () = leave.ending.cancelled() => return self.finish(false).await,
                _ = ticks.tick() => self.pack(false).await,
                () = sleep_until(next), if !self.kept.is_empty() => {
                    // Whoever leaves does not wait for an answer: what was under way is sent once more.
                    tokio::select! {
                        () = self.send_first() => {}
                        () = leave.dropped.cancelled() => {}
                        () = leave.ending.cancelled() => {}
                    }
                }
            }
        }
    }

    /// Takes what stands now, or that nothing stands any more, and keeps it to be sent.
    async fn pack(&mut self, empty: bool) {
        let figures = Arc::clone(&self.figures);
        let mut packer = std::mem::replace(&mut self.packer, packer(&self.spec, &figures));
        // Many series take their time; the tasks that poll and answer do not wait for it.
        let packed = tokio::task::spawn_blocking(move || {
            let families = if empty { Vec::new() } else { figures.all() };
            let parcel = packer.pack(&families, figures.clock.now());
            (packer, parcel)
        });
        let Ok((packer, parcel)) = packed.await else {
            return;
        };
        self.packer = packer;
        for parcel in self.kept.push(parcel) {
            self.packer.lost(parcel);
        }
    }

    /// The last push, for which there is little time.
    async fn finish(mut self, empty: bool) {
        let last = async {
            self.pack(empty).await;
            while !self.kept.is_empty() {
                let failures = self.failures;
                self.send_first().await;
                if self.failures > failures {
                    return;
                }
            }
        };
        let _ = timeout(LAST, last).await;
    }

    /// Sends what is left of the first parcel, as far as it is taken.
    async fn send_first(&mut self) {
        while let Some(request) = self.kept.request() {
            let answer = self.send(request).await;
            let taken = answer.is_ok();
            let now = self.figures.clock.now();
            self.figures.metrics.pushed(&self.name, taken, now);
            match answer {
                Ok(()) => {
                    self.kept.taken += 1;
                    (self.failures, self.not_before) = (0, None);
                }
                Err(Refusal::Now(fault)) => {
                    let doubled = FIRST_WAIT.saturating_mul(1 << self.failures.min(6));
                    let asked = fault.retry_after.unwrap_or_default().min(LONGEST_PATIENCE);
                    self.failures = self.failures.saturating_add(1);
                    self.not_before = Some(Instant::now() + doubled.min(LONGEST_WAIT).max(asked));
                    self.say(&fault, "kept and sent again");
                    return;
                }
                Err(Refusal::ForGood(fault)) => {
                    (self.failures, self.not_before) = (0, None);
                    self.say(&fault, "dropped");
                    if let Some(parcel) = self.kept.pop() {
                        self.packer.lost(parcel);
                    }
                    return;
                }
            }
        }
        self.kept.pop();
        if self.said.take().is_some() {
            tracing::info!(push = %self.name, "metrics are pushed again");
        }
    }

    async fn send(&self, body: Vec<u8>) -> Result<(), Refusal> {
        let deadline = self.spec.interval.min(DEADLINE);
        let headers: &[(&str, &str)] = match self.spec.protocol {
            Protocol::RemoteWrite => &remote_write::HEADERS,
            Protocol::Otlp => &otlp::HEADERS,
        };
        let built = self
            .endpoint
            .request(Method::Post, "", Some((PROTOBUF, body)), deadline);
        let request = headers
            .iter()
            .try_fold(built.map_err(Refusal::Now)?, |request, (name, value)| {
                request.header(name, value).map_err(Refusal::ForGood)
            })?;
        let answer = self.endpoint.send(request).await.map_err(of_transport)?;
        let fault = match answer.fail_on_status() {
            Ok(_) => return self.taken_whole(&answer),
            Err(fault) => answer.guard(fault),
        };
        Err(match (answer.status, self.spec.protocol) {
            (429, _) | (500.., Protocol::RemoteWrite) | (502..=504, Protocol::Otlp) => {
                Refusal::Now(fault)
            }
            _ => Refusal::ForGood(fault),
        })
    }

    /// An OTLP receiver may take a part and say so; that part is not sent again.
    fn taken_whole(&self, answer: &Answer) -> Result<(), Refusal> {
        let refused = match self.spec.protocol {
            Protocol::RemoteWrite => None,
            Protocol::Otlp => otlp::refused(&answer.body),
        };
        let Some((points, why)) = refused else {
            return Ok(());
        };
        let why: String = why.chars().filter(|c| !c.is_control()).take(200).collect();
        let asked = &answer.asked;
        let fault = Fault::new(
            FaultClass::Partial,
            format!("{asked}: {points} points were not taken: {why}"),
        );
        Err(Refusal::ForGood(answer.guard(fault)))
    }

    /// Tells what went wrong, once as long as it stays the same.
    fn say(&mut self, fault: &Fault, then: &str) {
        let told = format!("{} {}", fault.class.as_str(), then);
        if self.said.as_ref() != Some(&told) {
            let fault = worded(fault);
            tracing::warn!(push = %self.name, "metrics are not pushed ({then}): {fault}");
            self.said = Some(told);
        }
    }
}

/// One that knows of no push yet.
fn packer(spec: &PushSpec, figures: &Figures) -> Packer {
    let frame = Frame {
        labels: spec.labels.clone(),
        version: figures.metrics.version(),
        started: figures.metrics.started(),
    };
    Packer::new(spec.protocol, frame)
}

/// What was sent may not have come, or its answer may not be one.
fn of_transport(fault: Fault) -> Refusal {
    match fault.class {
        FaultClass::Redirect | FaultClass::TooLarge | FaultClass::BadBody => {
            Refusal::ForGood(fault)
        }
        _ => Refusal::Now(fault),
    }
}

/// The net speaks of sources; this is none.
fn worded(fault: &Fault) -> String {
    fault
        .to_string()
        .replace("the source's", "the push's")
        .replace("the source", "the receiver")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_for_a_receiver_that_is_away_has_an_end() {
        let mut kept = Kept::default();
        let mut lost = 0;
        for _ in 0..500 {
            lost += kept.push(Parcel::of(vec![vec![0; 10]])).len();
        }
        assert_eq!((kept.parcels.len(), lost), (MOST_KEPT, 440));
        // Whatever one push weighs, it is kept until the next one comes.
        let large = || Parcel::of(vec![vec![0; MOST_BYTES]]);
        assert_eq!(kept.push(large()).len(), MOST_KEPT);
        assert_eq!(kept.parcels.len(), 1);
        kept.taken = 1;
        assert_eq!(kept.push(large()).len(), 1);
        assert_eq!((kept.parcels.len(), kept.taken), (1, 0));
    }
}
