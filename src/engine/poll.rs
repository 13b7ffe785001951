//! One poll: a source is asked for one key result's number in one slot, once more when the fault may heal by itself.
//! Ends with an outcome whatever the source does, a panic included. Knows no schedule and no store but its entry.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use jiff::Timestamp;

use super::clock::Clock;
use super::dispatch::PollIndex;
use super::policy;
use crate::config::spec::Poll;
use crate::domain::cycle::Cycle;
use crate::domain::fault::{Fault, FaultClass, Remedy};
use crate::domain::id::KeyResultId;
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
    /// Who takes the same answer.
    pub with: Vec<Rider>,
    /// Whether it may be asked a second time: not while the source is in trouble.
    pub retries: bool,
    /// What the source's credentials looked like when it was sent out.
    pub asked_as: u64,
}

/// A key result that puts the same question for the same slot as another, and takes the answer to that one.
pub struct Rider {
    /// Its place in the plan.
    pub index: PollIndex,
    /// Which key result.
    pub key_result: KeyResultId,
    /// Its definition in force.
    pub definition: Arc<str>,
    /// Its cycle.
    pub cycle: Arc<Cycle>,
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
    /// What the source's credentials looked like when it was sent out.
    pub asked_as: u64,
    /// It was answered by another's question.
    pub shared: bool,
    /// What the store keeps of it.
    pub entry: Entry,
}

/// A source that keeps to its timeout never meets this; one that does not is cut off so much later.
const GRACE: Duration = Duration::from_secs(2);

impl Errand {
    /// Asks, and once more if that may help.
    pub async fn run(self, clock: &dyn Clock) -> Outcome {
        let (started_at, began) = (clock.now(), tokio::time::Instant::now());
        let mut tries = 1;
        let mut outcome = self.ask(self.instant(started_at)).await;
        if let Err(fault) = &outcome
            && fault.class.remedy() == Remedy::RetryOnce
            && fault.retry_after.is_none()
            && self.retries
        {
            tokio::time::sleep(policy::retry_delay(&self.poll.key_result, self.slot)).await;
            tries = 2;
            outcome = self.ask(self.instant(clock.now())).await;
        }
        Outcome {
            generation: self.generation,
            index: self.index,
            asked_as: self.asked_as,
            shared: false,
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

    /// Asks for all who put the same question: one outcome for each, its own first.
    pub async fn run_for_all(mut self, clock: &dyn Clock) -> Vec<Outcome> {
        let with = std::mem::take(&mut self.with);
        let own = self.run(clock).await;
        let others = with.into_iter().map(|rider| Outcome {
            index: rider.index,
            shared: true,
            entry: Entry {
                key_result: rider.key_result,
                definition: rider.definition,
                cycle: rider.cycle,
                ..own.entry.clone()
            },
            ..own
        });
        let others: Vec<Outcome> = others.collect();
        std::iter::once(own).chain(others).collect()
    }

    /// The instant that the question is about.
    fn instant(&self, now: Timestamp) -> Timestamp {
        match self.asks {
            Asks::Now => now,
            Asks::Past => self.slot,
        }
    }

    async fn ask(&self, now: Timestamp) -> Result<Reading, Fault> {
        let timeout = self.poll.timeout;
        let moments = Moments::at(now, &self.cycle, self.poll.window).ok_or_else(|| {
            Fault::new(
                FaultClass::Config,
                format!("the window {} is still empty at {now}", self.poll.window),
            )
        })?;
        let question = Question {
            measure: &self.poll.measure,
            moments: &moments,
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
