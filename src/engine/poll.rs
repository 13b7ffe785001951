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
use crate::domain::id::KeyResultId;
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
    /// What the answer is held against for it.
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
    /// What the source's credentials looked like when it was sent out.
    pub asked_as: u64,
    /// It was answered by another's question.
    pub shared: bool,
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
        let (poll, turn, known) = (Arc::clone(&self.poll), self.turn(), self.known);
        let mut seen = self.look(clock).await;
        seen.entry.outcome = seen.entry.outcome.and_then(|reading| {
            let reading = poll.guard.believe(reading, &known, turn)?;
            let at = (seen.entry.slot, seen.entry.started_at);
            Ok(of_its_cycle(reading, turn, at, &seen.entry.cycle, &poll))
        });
        seen
    }

    /// What the source shows, not yet held against what was there before.
    async fn look(self, clock: &dyn Clock) -> Outcome {
        let (started_at, began) = (clock.now(), tokio::time::Instant::now());
        let mut tries = 1;
        let mut outcome = self.ask(started_at).await;
        if let Err(fault) = &outcome
            && fault.class.remedy() == Remedy::RetryOnce
            && fault.retry_after.is_none()
            && self.retries
        {
            tokio::time::sleep(policy::retry_delay(&self.poll.key_result, self.slot)).await;
            tries = 2;
            outcome = self.ask(clock.now()).await;
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

    /// Asks for all who put the same question: one outcome for each, its own first. Each holds the number against its own
    /// last good value.
    pub async fn run_for_all(mut self, clock: &dyn Clock) -> Vec<Outcome> {
        let with = std::mem::take(&mut self.with);
        let (poll, turn, known) = (Arc::clone(&self.poll), self.turn(), self.known);
        let seen = self.look(clock).await;
        let held = |entry: &Entry, cycle: &Cycle, known: &Known| {
            let reading = poll.guard.believe(entry.outcome.clone()?, known, turn)?;
            let at = (entry.slot, entry.started_at);
            Ok(of_its_cycle(reading, turn, at, cycle, &poll))
        };
        let others = with.into_iter().map(|rider| Outcome {
            index: rider.index,
            shared: true,
            entry: Entry {
                outcome: held(&seen.entry, &rider.cycle, &rider.known),
                key_result: rider.key_result,
                definition: rider.definition,
                cycle: rider.cycle,
                ..seen.entry.clone()
            },
            ..seen
        });
        let others: Vec<Outcome> = others.collect();
        let outcome = held(&seen.entry, &seen.entry.cycle, &known);
        let own = Outcome {
            entry: Entry {
                outcome,
                ..seen.entry
            },
            ..seen
        };
        std::iter::once(own).chain(others).collect()
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
        Ok(reading)
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

/// What came after the end of the cycle belongs to the slot it was asked for; if long after, it is marked.
fn of_its_cycle(
    mut reading: Reading,
    turn: Turn,
    (slot, started_at): (Timestamp, Timestamp),
    cycle: &Cycle,
    poll: &Poll,
) -> Reading {
    let end = cycle.end();
    if turn == Turn::Past || started_at < end {
        return reading;
    }
    let told = reading.as_of.filter(|as_of| *as_of < end);
    reading.as_of = Some(told.unwrap_or(slot));
    let jitter = SignedDuration::try_from(poll.jitter).unwrap_or_default();
    if started_at.duration_since(end) > AFTER_END.saturating_add(jitter) {
        reading.quality = reading.quality.with(Flag::Late);
    }
    reading
}
