//! What all answers are made from, and what is kept between them. Knows no route.

use std::sync::{Arc, Mutex, PoisonError};

use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use jiff::Timestamp;
use tokio::sync::Semaphore;

use super::ahead::Ahead;
use super::body::{Gzip, Parts};
use super::state::State;
use super::tries::Tries;
use crate::engine::board::Board;

/// The state and what is kept between answers.
pub(super) struct House {
    pub(super) state: State,
    pub(super) ahead: Ahead,
    pub(super) gzip: Gzip,
    pub(super) page: Snapshot,
    pub(super) scorecard: Snapshot,
    pub(super) histories: Arc<Semaphore>,
    pub(super) tries: Tries,
}

/// A text made once per board and second, so that many readers cost as much as one.
#[derive(Default)]
pub(super) struct Snapshot(Mutex<Option<Made>>);

struct Made {
    of: Arc<Board>,
    second: i64,
    text: Arc<String>,
}

impl Snapshot {
    pub(super) fn get(
        &self,
        board: &Arc<Board>,
        now: Timestamp,
        make: impl FnOnce() -> String,
    ) -> Arc<String> {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(made) = slot.as_ref()
            && Arc::ptr_eq(&made.of, board)
            && made.second == now.as_second()
        {
            return Arc::clone(&made.text);
        }
        let text = Arc::new(make());
        *slot = Some(Made {
            of: Arc::clone(board),
            second: now.as_second(),
            text: Arc::clone(&text),
        });
        text
    }
}

impl House {
    pub(super) fn board(&self) -> Arc<Board> {
        Arc::clone(&self.state.board.borrow())
    }

    pub(super) fn now(&self) -> Timestamp {
        (self.state.clock)()
    }

    pub(super) fn shared(
        &self,
        request: &HeaderMap,
        content_type: &'static str,
        shared: Arc<String>,
    ) -> Response {
        let content_type = HeaderValue::from_static(content_type);
        self.gzip
            .answer(request, content_type, Parts::shared(shared))
    }
}
