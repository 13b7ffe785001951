//! What an answer needs from the store, read on a thread of its own and a few at a time, so that the store is left to the
//! engine. Knows no route and no page.

use std::future::Future;
use std::sync::Arc;

use axum::http::StatusCode;
use jiff::Timestamp;

use super::house::House;
use super::paging::{Portion, Stretch};
use super::problem::Problem;
use super::state::{Chronicle, HistoryReader};
use crate::domain::cycle::Cycle;
use crate::domain::goals::Objective;
use crate::domain::id::KeyResultId;
use crate::domain::scorecard::KeyResultCard;
use crate::engine::board::Board;

/// A page of what was measured of a key result.
pub(super) async fn portion(
    house: &House,
    board: &Board,
    card: &KeyResultCard,
    cycle: &Cycle,
    stretch: Stretch,
) -> Result<Portion, Problem> {
    let objective = objective(board, card)?;
    let (key_result, cycle) = (Arc::clone(&card.key_result), cycle.clone());
    read(house, &card.key_result.id, move |reader| async move {
        reader
            .series(&objective, &key_result, &cycle, stretch)
            .await
    })
    .await
}

/// How a key result came to where it stands.
pub(super) async fn chronicle(
    house: &House,
    board: &Board,
    card: &KeyResultCard,
    cycle: &Cycle,
    now: Timestamp,
) -> Result<Chronicle, Problem> {
    let (objective, method) = (objective(board, card)?, board.scorecard.method);
    let (key_result, cycle) = (Arc::clone(&card.key_result), cycle.clone());
    read(house, &card.key_result.id, move |reader| async move {
        let read = reader.chronicle(&objective, &key_result, &cycle, method, now);
        read.await
    })
    .await
}

fn objective(board: &Board, card: &KeyResultCard) -> Result<Arc<Objective>, Problem> {
    let id = card.key_result.id.objective_id();
    let mut all = board.scorecard.objectives.iter();
    let found = all.find(|card| card.objective.id == id);
    found
        .map(|card| Arc::clone(&card.objective))
        .ok_or_else(|| Problem::of(StatusCode::NOT_FOUND))
}

async fn read<T, F>(
    house: &House,
    id: &KeyResultId,
    work: impl FnOnce(Arc<dyn HistoryReader>) -> F + Send + 'static,
) -> Result<T, Problem>
where
    T: Send + 'static,
    F: Future<Output = Result<T, String>>,
{
    let busy = || {
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "other histories are being read; try again in a second",
        )
    };
    let permit = Arc::clone(&house.histories)
        .try_acquire_owned()
        .map_err(|_| busy())?;
    let reader = Arc::clone(&house.state.history);
    // With its permit: a store that hangs holds neither the server nor a later reader.
    let read = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        tokio::runtime::Handle::current().block_on(work(reader))
    });
    match read.await {
        Ok(Ok(found)) => Ok(found),
        Ok(Err(error)) => {
            tracing::warn!(key_result = %id, error, "a history could not be read");
            let detail = "the store did not give the history; the log of okrd says more";
            Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail))
        }
        Err(_) => Err(Problem::of(StatusCode::INTERNAL_SERVER_ERROR)),
    }
}
