//! Everything that happens in the engine, as one closed enum: whoever counts or logs implements [`Observe`].
//! Knows no metric names and no log format.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::lane::{Held, Why};
use super::past::Slots;
use crate::domain::fault::Fault;
use crate::domain::id::{KeyResultId, Slug};

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// A poll began.
    PollStarted {
        /// The source asked.
        source: &'a Slug,
    },
    /// A poll ended.
    PollEnded {
        /// The source asked.
        source: &'a Slug,
        /// For which key result.
        key_result: &'a KeyResultId,
        /// How long it took, retry included.
        took: Duration,
        /// What went wrong, if anything.
        fault: Option<&'a Fault>,
    },
    /// A slot passed without a poll: the previous one still ran, or the source is held back.
    PollSkipped {
        /// The source not asked.
        source: &'a Slug,
        /// For which key result.
        key_result: &'a KeyResultId,
        /// Why.
        why: Skip,
    },
    /// A source is left alone from now on, or for longer, or for another reason.
    HeldBack {
        /// Which.
        source: &'a Slug,
        /// Why and until when.
        held: Held,
    },
    /// A source that was left alone is asked as ever.
    LetGo {
        /// Which.
        source: &'a Slug,
    },
    /// Slots passed without a poll, as while the daemon was down; what becomes of them is on disk.
    SlotsPassed {
        /// The source not asked.
        source: &'a Slug,
        /// For which key result.
        key_result: &'a KeyResultId,
        /// Those whose number is lost.
        missed: Option<Slots>,
        /// Those that are filled afterwards.
        owed: Option<Slots>,
    },
    /// A past slot was asked for; the answer is on disk.
    SlotFilled {
        /// The source asked.
        source: &'a Slug,
        /// For which key result.
        key_result: &'a KeyResultId,
        /// Which slot.
        slot: Timestamp,
        /// What went wrong, if anything.
        fault: Option<&'a Fault>,
        /// Whether its number is lost for good.
        lost: bool,
    },
    /// The filling of a key result rests, since its source was in trouble.
    FillingRests {
        /// The source.
        source: &'a Slug,
        /// Which key result.
        key_result: &'a KeyResultId,
    },
    /// The wall clock was set, or the machine slept.
    ClockJumped {
        /// By how much; forward is positive.
        by: SignedDuration,
    },
    /// The store committed a transaction.
    StoreWrote,
    /// The store refused a write.
    StoreFailed {
        /// Its words.
        message: &'a str,
    },
    /// A configuration was offered.
    Reloaded {
        /// Whether it was accepted.
        accepted: bool,
    },
}

/// Why a slot passed without a poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skip {
    /// The previous poll of the key result still ran.
    StillRunning,
    /// The source is left alone.
    SourceHeld(Why),
}

/// Someone who wants to know.
pub trait Observe: Send + Sync {
    /// Told of each event, on the task where it happened; must return at once.
    fn observe(&self, event: &Event<'_>);
}
