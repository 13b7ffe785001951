//! Expositions made ahead: while somebody scrapes, each new board is written and compressed before the next scrape asks
//! for it, so that no scrape waits for the writing. Knows no metric; what making means comes from outside.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::negotiate::Format;
use crate::engine::board::Board;

/// How long a kind of scrape is made ahead for after it was asked for last: longer than any usual scrape interval.
const WANTED: Duration = Duration::from_secs(150);
/// How much older than the newest board the one may be that is served.
const LAG: Duration = Duration::from_secs(1);

/// What a scrape asks for: which format, and whether compressed.
pub(super) type Kind = (Format, bool);

/// What is asked for, and what stands ready.
#[derive(Default)]
pub(super) struct Ahead {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    asked: Vec<(Kind, Instant)>,
    ready: Option<(Arc<Board>, Vec<Kind>)>,
}

impl Ahead {
    /// Notes a scrape, and tells which board to serve: the one that stands ready, unless it is too old or of another
    /// configuration; then the newest, which is written on the spot.
    pub(super) fn board(&self, newest: Arc<Board>, kind: Kind) -> Arc<Board> {
        let mut state = self.lock();
        state.asked.retain(|(asked, _)| *asked != kind);
        state.asked.push((kind, Instant::now()));
        let ready = state.ready.as_ref().filter(|(board, kinds)| {
            let lag = newest.scorecard.at.duration_since(board.scorecard.at);
            kinds.contains(&kind) && board.config == newest.config && lag.unsigned_abs() <= LAG
        });
        ready.map_or(newest, |(board, _)| Arc::clone(board))
    }

    /// What was asked for lately.
    pub(super) fn wanted(&self) -> Vec<Kind> {
        let mut state = self.lock();
        state.asked.retain(|(_, at)| at.elapsed() < WANTED);
        state.asked.iter().map(|(kind, _)| *kind).collect()
    }

    /// Notes that a board stands ready.
    pub(super) fn made(&self, board: Arc<Board>, kinds: Vec<Kind>) {
        self.lock().ready = Some((board, kinds));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
