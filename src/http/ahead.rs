//! Expositions made ahead: while somebody scrapes, each new board is written and compressed before the next scrape asks
//! for it, so that no scrape waits for the writing. Knows no metric; what making means comes from outside.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::negotiate::Format;
use crate::engine::board::Board;

/// A scrape is expected again for so many of the intervals between its last two …
const INTERVALS: u32 = 3;
/// … and for so long at least …
const SHORTEST: Duration = Duration::from_secs(2);
/// … and at most.
const LONGEST: Duration = Duration::from_secs(150);
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
    asked: Vec<Asked>,
    ready: Option<(Arc<Board>, Vec<Kind>)>,
}

/// A kind of scrape that came once at least.
struct Asked {
    kind: Kind,
    last: Instant,
    /// Until when it is expected again; a single scrape announces no other.
    expected: Instant,
}

impl Ahead {
    /// Notes a scrape, and tells which board to serve: the one that stands ready, unless it is too old or of another
    /// configuration; then the newest, which is written on the spot.
    pub(super) fn board(&self, newest: Arc<Board>, kind: Kind) -> Arc<Board> {
        let mut state = self.lock();
        state.note(kind);
        let ready = state.ready.as_ref().filter(|(board, kinds)| {
            let lag = newest.scorecard.at.duration_since(board.scorecard.at);
            kinds.contains(&kind) && board.config == newest.config && lag.unsigned_abs() <= LAG
        });
        ready.map_or(newest, |(board, _)| Arc::clone(board))
    }

    /// What is expected to be asked for again.
    pub(super) fn wanted(&self) -> Vec<Kind> {
        let mut state = self.lock();
        state.asked.retain(|asked| asked.last.elapsed() < LONGEST);
        let now = Instant::now();
        let expected = state.asked.iter().filter(|asked| now < asked.expected);
        expected.map(|asked| asked.kind).collect()
    }

    /// Notes that a board stands ready.
    pub(super) fn made(&self, board: Arc<Board>, kinds: Vec<Kind>) {
        self.lock().ready = Some((board, kinds));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn note(&mut self, kind: Kind) {
        let now = Instant::now();
        match self.asked.iter_mut().find(|asked| asked.kind == kind) {
            Some(asked) => {
                let interval = now.duration_since(asked.last);
                asked.expected = now + (interval * INTERVALS).clamp(SHORTEST, LONGEST);
                asked.last = now;
            }
            None => self.asked.push(Asked {
                kind,
                last: now,
                expected: now,
            }),
        }
    }
}
