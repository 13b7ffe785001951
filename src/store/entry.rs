//! What goes into the store and comes back: entries, measurements, attempts. Plain values; knows no SQL.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::domain::cycle::Cycle;
use crate::domain::fault::Fault;
use crate::domain::history::{Counts, LastAttempt, Point};
use crate::domain::id::KeyResultId;
use crate::domain::reading::Reading;
use crate::domain::status::Phase;

/// One attempt to measure, however it ended, or one value told by a person.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// For which key result.
    pub key_result: KeyResultId,
    /// The nominal instant it was due; for a recorded value the instant it describes.
    pub slot: Timestamp,
    /// When it really began; for a recorded value when it was told.
    pub started_at: Timestamp,
    /// How long it took, retry included.
    pub took: Duration,
    /// How often the source was asked.
    pub tries: u32,
    /// `KeyResult::definition` in force: what the value is comparable with.
    pub definition: Arc<str>,
    /// The cycle of the key result, which tells what counts and what is its first measurement.
    pub cycle: Arc<Cycle>,
    /// Where it comes from.
    pub origin: Origin,
    /// The number, or why there is none.
    pub outcome: Result<Reading, Fault>,
}

/// Where an entry comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A source was asked.
    Polled,
    /// A source was asked later, for the past instant of the slot.
    Backfilled,
    /// A person told it.
    Recorded {
        /// What they wrote beside it.
        note: Option<String>,
        /// Who they are.
        author: Option<String>,
    },
}

impl Origin {
    /// The word for it.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Polled => "polled",
            Self::Backfilled => "backfilled",
            Self::Recorded { .. } => "recorded",
        }
    }
}

impl Entry {
    /// The point it adds to the history, exactly as a later load gives it (milliseconds); `None` for a fault. The
    /// number describes the instant the source told, or else the start of the poll, or the slot of a recorded or
    /// backfilled value.
    #[must_use]
    pub fn point(&self) -> Option<Point> {
        let reading = self.outcome.as_ref().ok()?;
        Some(Point {
            as_of: from_ms(self.as_of_ms(reading)),
            value: reading.value,
        })
    }

    /// Whether it came when its cycle had closed: then it is kept among the attempts and counts for nothing, since the
    /// score is final.
    #[must_use]
    pub fn is_late(&self) -> bool {
        Phase::of(&self.cycle, self.started_at) == Phase::Closed
    }

    /// How it ended, exactly as a later load gives it; `None` for a recorded value, which says nothing of a source, and
    /// for a backfilled one, which says nothing of how it stands now.
    #[must_use]
    pub fn last_attempt(&self) -> Option<LastAttempt> {
        (self.origin == Origin::Polled).then(|| LastAttempt {
            at: from_ms(self.started_at.as_millisecond()),
            fault: (self.outcome.as_ref().err())
                .map(|fault| (fault.class, one_line(&fault.message, &fault.help))),
        })
    }

    /// What its number came with and the instant that describes, exactly as a later load gives it; `None` where a person
    /// told the number or it was backfilled.
    #[must_use]
    pub fn note(&self) -> Option<(Timestamp, String)> {
        let reading = self.outcome.as_ref().ok()?;
        let note = reading.note.clone()?;
        (self.origin == Origin::Polled).then(|| (from_ms(self.as_of_ms(reading)), note))
    }

    /// The counts behind its ratio and the instant they describe, likewise.
    #[must_use]
    pub fn counts(&self) -> Option<(Timestamp, Counts)> {
        let reading = self.outcome.as_ref().ok()?;
        let counts = reading.counts?;
        (self.origin == Origin::Polled).then(|| (from_ms(self.as_of_ms(reading)), counts))
    }

    pub(super) fn as_of_ms(&self, reading: &Reading) -> i64 {
        match self.origin {
            Origin::Polled => reading.as_of.unwrap_or(self.started_at),
            Origin::Backfilled => reading.as_of.unwrap_or(self.slot),
            Origin::Recorded { .. } => self.slot,
        }
        .as_millisecond()
    }
}

/// A stored reading.
#[derive(Clone, Debug, PartialEq)]
pub struct Measurement {
    /// The nominal instant it was due.
    pub slot: Timestamp,
    /// The instant the number describes.
    pub as_of: Timestamp,
    /// When the poll began, or when the value was told.
    pub started_at: Timestamp,
    /// How long the poll took.
    pub took: Duration,
    /// How often the source was asked.
    pub tries: u32,
    /// The number, finite.
    pub value: f64,
    /// The exact digits, where `value` cannot hold them all.
    pub exact: Option<String>,
    /// Whether the source calls it an estimate.
    pub approximate: bool,
    /// Of a ratio k/n the two counts, where the source told both.
    pub counts: Option<Counts>,
    /// What the source's number came with; what a person wrote is in `origin`.
    pub note: Option<String>,
    /// Under which definition it was measured.
    pub definition: Arc<str>,
    /// Where it comes from.
    pub origin: Origin,
    /// Of a day whose single values are no longer kept: what is known of all of them. This one is the last.
    pub day: Option<Box<DayTotals>>,
}

/// What is kept of all values of one local day.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DayTotals {
    /// How many there were.
    pub n: u64,
    /// The first of them.
    pub first: f64,
    /// The lowest.
    pub low: f64,
    /// The highest.
    pub high: f64,
    /// All of them together.
    pub sum: f64,
}

impl DayTotals {
    /// What they were on average; `None` where their sum is beyond all numbers.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "no day has so many values")]
        let mean = self.sum / self.n as f64;
        mean.is_finite().then_some(mean)
    }
}

/// An attempt that made no measurement.
#[derive(Clone, Debug, PartialEq)]
pub struct Attempt {
    /// The nominal instant it was due.
    pub slot: Timestamp,
    /// When it began.
    pub started_at: Timestamp,
    /// How long it took.
    pub took: Duration,
    /// How often the source was asked.
    pub tries: u32,
    /// The fault; or else the number that was not kept: the slot had a measurement already, a person corrected it, or
    /// its cycle had closed.
    pub outcome: Result<f64, Fault>,
}

/// Message and remedy in one line.
pub(super) fn one_line(message: &str, help: &str) -> String {
    if help.is_empty() {
        message.to_owned()
    } else {
        format!("{message} ({help})")
    }
}

/// The instant of a stored column. Only values that were instants are stored; a damaged one is held at the edge of
/// time rather than trusted.
pub(super) fn from_ms(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap_or(if ms < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    })
}
