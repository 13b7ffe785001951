//! The board: one immutable picture of everything, made anew after each change and read by every face. Reading it
//! never waits for a source or the store. Knows no face.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::lane::Held;
use crate::domain::id::{KeyResultId, ObjectiveId, Slug};
use crate::domain::scorecard::Scorecard;
use crate::domain::work::Work;

/// One picture of everything.
#[derive(Clone, Debug, PartialEq)]
pub struct Board {
    /// Goals, judged.
    pub scorecard: Scorecard,
    /// Sources by name.
    pub sources: Vec<SourceBoard>,
    /// The configuration in force.
    pub config: ConfigBoard,
    /// The store.
    pub store: StoreBoard,
    /// How far the work of initiatives is.
    pub works: Works,
}

/// An initiative, by its objective and its own name.
pub type InitiativeId = (ObjectiveId, Slug);

/// How far the work of each initiative was, and when that was counted; none of those of which nobody knows.
pub type Works = Arc<BTreeMap<InitiativeId, (Work, Timestamp)>>;

/// How a source does.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceBoard {
    /// Its name.
    pub name: Slug,
    /// The word of its `type`.
    pub kind: &'static str,
    /// Whether the newest poll worked; `None` before the first.
    pub up: Option<bool>,
    /// It refused our login: polling is held back until its secret changes or somebody resumes it.
    pub suspended: bool,
    /// It failed several times in a row: nothing is asked but one question at a time that tells whether it is back.
    pub breaker_open: bool,
    /// Why it is left alone now, if it is.
    pub held: Option<Held>,
    /// When it was last asked.
    pub last_poll: Option<Timestamp>,
    /// When it last gave a number.
    pub last_success: Option<Timestamp>,
    /// When it is asked next, holds included.
    pub next_poll: Option<Timestamp>,
    /// The shortest configured interval of its key results.
    pub interval: Option<Duration>,
    /// The newest fault, one line for people; `None` when the newest poll worked.
    pub fault: Option<String>,
}

/// What is asked for each key result that is polled: a JSON object without secrets, see [`crate::config::asked`].
pub type Asked = Arc<HashMap<KeyResultId, String>>;

/// The configuration in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigBoard {
    /// Whether the newest load was accepted.
    pub last_load_accepted: bool,
    /// When the configuration in force was loaded.
    pub loaded_at: Timestamp,
    /// Lint warnings in it.
    pub warnings: usize,
    /// What it asks.
    pub asked: Asked,
}

/// How the store does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreBoard {
    /// Whether the newest write worked.
    pub up: bool,
    /// Bytes of the database and its WAL.
    pub size_bytes: u64,
    /// Bytes of the WAL alone.
    pub log_bytes: u64,
    /// When something was last written.
    pub last_write: Option<Timestamp>,
    /// Whether a store was put aside or a backup put back, and nobody acknowledged it yet.
    pub incident: bool,
    /// When the whole store was last read, and whether it was sound.
    pub checked: Option<(Timestamp, bool)>,
}
