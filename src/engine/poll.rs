//! One poll: a source is asked for one key result's number in one slot, once more when the fault may heal by itself.
//! Ends with an outcome whatever the source does, a panic included. Knows no schedule and no store but its entry.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use jiff::{SignedDuration, Timestamp};

use super::clock::Clock;
use super::dispatch::PollIndex;
use super::policy;
use crate::config::spec::{Canary, Measure, Poll};
use crate::domain::cycle::Cycle;
use crate::domain::fault::{Fault, FaultClass, Remedy};
use crate::domain::guard::{self, Known, Turn};
use crate::domain::quality::Flag;
use crate::domain::reading::Reading;
use crate::domain::window::Moments;
use crate::source::{Question, Source};
use crate::store::{Entry, Origin};

/// A poll as it is sent out.
pub struct Errand {
    /// The plan it belongs to.
    pub generation: u64,
    /// Its place in that plan.
    pub index: PollIndex,
    /// What to ask.
    pub poll: Arc<Poll>,
    /// The definition in force.
    pub definition: Arc<str>,
    /// The cycle of the key result.
    pub cycle: Arc<Cycle>,
    /// Whom to ask.
    pub source: Arc<dyn Source>,
    /// For which slot.
    pub slot: Timestamp,
    /// For the number of which instant.
    pub asks: Asks,
    /// What its answer is held against.
    pub known: Known,
}

/// Of which instant a number is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asks {
    /// Of now: a poll whose slot is due.
    Now,
    /// Of its slot, long after: only a replayable measure gives the number of that time.
    Past,
}

/// How a poll ended.
#[derive(Debug)]
pub struct Outcome {
    /// The plan it belongs to.
    pub generation: u64,
    /// Its place in that plan.
    pub index: PollIndex,
    /// What the store keeps of it.
    pub entry: Entry,
}

/// How long after the end of a cycle, beside its jitter, a poll for its last slot is on time.
const AFTER_END: SignedDuration = SignedDuration::from_mins(15);

/// A source that keeps to its timeout never meets this; one that does not is cut off so much later.
const GRACE: Duration = Duration::from_secs(2);

impl Errand {
    /// Asks, and once more if that may help.
    pub async fn run(self, clock: &dyn Clock) -> Outcome {
        let (started_at, began) = (clock.now(), tokio::time::Instant::now());
        let mut tries = 1;
        let mut outcome = self.ask(started_at).await;
        if let Err(fault) = &outcome
            && fault.class.remedy() == Remedy::RetryOnce
        {
            tokio::time::sleep(policy::retry_delay(&self.poll.key_result, self.slot)).await;
            tries = 2;
            outcome = self.ask(clock.now()).await;
        }
        Outcome {
            generation: self.generation,
            index: self.index,
            entry: Entry {
                key_result: self.poll.key_result.clone(),
                slot: self.slot,
                started_at,
                took: began.elapsed(),
                tries,
                definition: self.definition,
                cycle: self.cycle,
                origin: match self.asks {
                    Asks::Now => Origin::Polled,
                    Asks::Past => Origin::Backfilled,
                },
                outcome,
            },
        }
    }

    /// The instant that the question is about: what comes after the end of the cycle is still asked for its slot, which
    /// lies in the cycle.
    fn instant(&self, now: Timestamp) -> Timestamp {
        match self.asks {
            Asks::Now if now < self.cycle.end() => now,
            Asks::Now | Asks::Past => self.slot,
        }
    }

    async fn ask(&self, now: Timestamp) -> Result<Reading, Fault> {
        let about = self.instant(now);
        let moments = Moments::at(about, &self.cycle, self.poll.window).ok_or_else(|| {
            Fault::new(
                FaultClass::Config,
                format!("the window {} is still empty at {about}", self.poll.window),
            )
        })?;
        let mut reading = self.put(&self.poll.measure, &moments).await?;
        let guard = &self.poll.guard;
        if self.asks == Asks::Past {
            // The slot is what was asked about, whatever the data are of by now.
            reading.as_of = None;
        }
        let reading = guard.plausible(reading, now)?;
        if let Some(canary) = &self.poll.canary {
            self.look_at(canary, &reading, &moments).await?;
        }
        let reading = guard.believe(reading, &self.known, self.turn())?;
        Ok(self.of_its_cycle(reading, now))
    }

    /// Asks for what must be there whatever the number is.
    async fn look_at(
        &self,
        canary: &Canary,
        reading: &Reading,
        moments: &Moments,
    ) -> Result<(), Fault> {
        let seen = self.put(&canary.measure, moments).await;
        let seen = seen.map_err(|fault| Fault {
            message: Fault::new(fault.class, format!("canary: {}", fault.message)).message,
            ..fault
        })?;
        guard::canary(seen.value, canary.at_least, reading)
    }

    fn turn(&self) -> Turn {
        match self.asks {
            Asks::Now => {
                let next = self.poll.schedule.next_after(self.slot);
                Turn::Now(self.slot, next.filter(|next| *next < self.cycle.end()))
            }
            Asks::Past => Turn::Past,
        }
    }

    /// What came after the end of the cycle belongs to its last slot; if long after, it is marked.
    fn of_its_cycle(&self, mut reading: Reading, now: Timestamp) -> Reading {
        let end = self.cycle.end();
        if self.asks == Asks::Past || now < end {
            return reading;
        }
        let told = reading.as_of.filter(|as_of| *as_of < end);
        reading.as_of = Some(told.unwrap_or(self.slot));
        let jitter = SignedDuration::try_from(self.poll.jitter).unwrap_or_default();
        if now.duration_since(end) > AFTER_END.saturating_add(jitter) {
            reading.quality = reading.quality.with(Flag::Late);
        }
        reading
    }

    async fn put(&self, measure: &Measure, moments: &Moments) -> Result<Reading, Fault> {
        let timeout = self.poll.timeout;
        let question = Question {
            measure,
            moments,
            timeout,
        };
        let answer = AssertUnwindSafe(self.source.measure(question)).catch_unwind();
        match tokio::time::timeout(timeout + GRACE, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_panic)) => Err(Fault::new(
                FaultClass::Internal,
                format!(
                    "okrd itself failed while it asked source {}: see the log",
                    self.poll.source
                ),
            )),
            Err(_elapsed) => Err(Fault::new(
                FaultClass::Timeout,
                format!(
                    "source {} gave no answer within {} seconds",
                    self.poll.source,
                    timeout.as_secs_f64()
                ),
            )),
        }
    }
}
