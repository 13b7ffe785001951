//! What the routes answer from, and the traits by which other floors give it. Knows no route.

use std::sync::Arc;

use async_trait::async_trait;
use axum::http::{HeaderName, HeaderValue};
use jiff::Timestamp;
use tokio::sync::watch;

use super::access::Keys;
use super::body::Parts;
use super::hosts::Loopback;
use super::measurements::Recorder;
use super::negotiate::Format;
use super::paging::{Portion, Stretch};
use crate::domain::card::KeyResultCard;
use crate::domain::cycle::Cycle;
use crate::domain::goals::{KeyResult, Objective};
use crate::domain::history::CheckIn;
use crate::domain::method::Method;
use crate::engine::board::Board;
use crate::engine::vitals::Vitals;

/// What the routes answer from.
#[derive(Clone)]
pub struct State {
    /// The newest picture of everything.
    pub board: watch::Receiver<Arc<Board>>,
    /// Signs of life.
    pub vitals: Arc<Vitals>,
    /// Writes the metrics and counts requests.
    pub exposition: Arc<dyn Exposition>,
    /// Loads the configuration anew; `None` when the lifecycle API is off.
    pub lifecycle: Option<Arc<dyn Reload>>,
    /// Records what programs tell; `None` when no token may write.
    pub recorder: Option<Arc<dyn Recorder>>,
    /// Knows who may do what.
    pub keys: Arc<dyn Keys>,
    /// Headers that every answer gets, in place of ours.
    pub headers: Headers,
    /// The names it answers to.
    pub loopback: Loopback,
    /// Reads measurements from the store.
    pub history: Arc<dyn HistoryReader>,
    /// The clock.
    pub clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

/// Headers as they are configured at this moment.
pub type Headers = Arc<dyn Fn() -> Arc<[(HeaderName, HeaderValue)]> + Send + Sync>;

/// Someone who writes metrics.
pub trait Exposition: Send + Sync {
    /// All metrics now. Must not wait for anything.
    fn render(&self, board: &Arc<Board>, vitals: &Vitals, format: Format) -> Parts;

    /// A request was answered; `route` is one of [`super::router::ROUTES`] or [`super::router::OTHER`].
    fn served(&self, route: &str, code: u16);
}

/// Someone who can load the configuration anew.
#[async_trait]
pub trait Reload: Send + Sync {
    /// Loads it; gives in one line what changed.
    ///
    /// # Errors
    /// The findings, for people, when it is rejected; the old one then stays in force.
    async fn reload(&self) -> Result<String, String>;
}

/// How a key result came to where it stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Chronicle {
    /// How it stood each time that it had just got another status, oldest first.
    pub turns: Vec<Arc<KeyResultCard>>,
    /// What people said and noted, without who it was, oldest first.
    pub said: Vec<Saying>,
}

/// A word of somebody.
#[derive(Clone, Debug, PartialEq)]
pub struct Saying {
    /// When, how sure they were and what they said.
    pub said: CheckIn,
    /// Whether it was noted beside the figures instead of said at a check-in.
    pub is_note: bool,
}

/// Someone who can read measurements.
#[async_trait]
pub trait HistoryReader: Send + Sync {
    /// A page of what was measured of a key result of an objective, oldest first. May block: it is called on a thread of its
    /// own.
    ///
    /// # Errors
    /// What went wrong, for the log.
    async fn series(
        &self,
        objective: &Objective,
        key_result: &KeyResult,
        cycle: &Cycle,
        stretch: Stretch,
    ) -> Result<Portion, String>;

    /// How a key result of an objective came to where it stands at `now`, judged by `method`. May block: it is called on a
    /// thread of its own.
    ///
    /// # Errors
    /// What went wrong, for the log.
    async fn chronicle(
        &self,
        objective: &Arc<Objective>,
        key_result: &KeyResult,
        cycle: &Cycle,
        method: Method,
        now: Timestamp,
    ) -> Result<Chronicle, String>;
}
