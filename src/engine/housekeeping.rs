//! The chores of the store, beside the engine and never in its way: what is old is let go once a day, and once a week the
//! whole file is read to see whether it is sound. Knows no source and no judgement.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::mpsc;

use super::clock::Clock;
use crate::store::{Reader, Store, StoreError, Tidied};

/// The first look after the start, when the first polls are over; and how long between two looks.
const FIRST: Duration = Duration::from_secs(300);
const LOOK_EVERY: Duration = Duration::from_secs(3600);
const TIDY_EVERY: SignedDuration = SignedDuration::from_hours(24);
const CHECK_EVERY: SignedDuration = SignedDuration::from_hours(7 * 24);

/// What a look at the whole store found.
pub(super) type Found = (Timestamp, Result<(), StoreError>);

/// Does the chores for ever, and tells what each look at the whole store found.
pub(super) async fn keep_house(
    store: Store,
    clock: Arc<dyn Clock>,
    mut checked: Option<Timestamp>,
    tell: mpsc::UnboundedSender<Found>,
) {
    let mut tidied: Option<Timestamp> = None;
    tokio::time::sleep(FIRST).await;
    loop {
        let now = clock.now();
        // A clock that was set back makes a chore due rather than never.
        let due = |last: Option<Timestamp>, every: SignedDuration| {
            last.is_none_or(|last| now < last || now.duration_since(last) >= every)
        };
        if due(tidied, TIDY_EVERY) {
            tidied = Some(now);
            tidy(&store, now).await;
        }
        if due(checked, CHECK_EVERY) {
            checked = Some(now);
            let found = check(&store).await;
            if matches!(found, Ok(()) | Err(StoreError::Corrupt { .. })) {
                // Whoever listened has ended, and so will this.
                let _ = tell.send((now, found));
            }
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn tidy(store: &Store, now: Timestamp) {
    match store.tidy(now).await {
        Ok(done) if done == Tidied::default() => {}
        Ok(done) => tracing::info!(
            values = done.values,
            attempts = done.attempts,
            pages = done.pages,
            "let go of what is older than the store keeps it; of each day one row stays"
        ),
        // The next commit tells of it with all consequences.
        Err(error) => tracing::warn!(%error, "could not let go of what is old"),
    }
}

/// Reads the whole store beside whoever writes.
async fn check(store: &Store) -> Result<(), StoreError> {
    let path = store.path().to_owned();
    let read = tokio::task::spawn_blocking(move || {
        let damage = Reader::open(&path)?.integrity()?;
        match damage.first() {
            None => Ok(()),
            Some(first) => Err(StoreError::Corrupt {
                file: path,
                found: first.clone(),
                backup: None,
            }),
        }
    });
    let found = read.await.unwrap_or(Ok(()));
    match &found {
        Ok(()) => tracing::info!("the store was read as a whole: it is sound"),
        Err(error @ StoreError::Corrupt { .. }) => tracing::error!(%error, "the store is damaged"),
        Err(error) => tracing::warn!(%error, "the store could not be read as a whole"),
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::clock::SimulatedClock;

    /// Two months of simulated time: the whole store is read each week, the last look before included.
    #[tokio::test(start_paused = true)]
    async fn f45_the_whole_store_is_read_once_a_week() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("okrd.db");
        let clock = SimulatedClock::at("2026-11-01T00:00:00Z");
        let began = clock.now();
        let store = Store::open(&path, "test", began).unwrap();
        let (tell, mut told) = mpsc::unbounded_channel();
        let three_days_ago = began - SignedDuration::from_hours(72);
        let house = keep_house(store.clone(), Arc::new(clock), Some(three_days_ago), tell);
        let house = tokio::spawn(house);
        let mut at = Vec::new();
        while at.len() < 8 {
            let (when, found) = told.recv().await.unwrap();
            assert_eq!(found, Ok(()));
            at.push(when.duration_since(began).as_hours() / 24);
        }
        assert_eq!(at, [4, 11, 18, 25, 32, 39, 46, 53]);

        // A bad disk changes the database between two looks.
        store.clone().close().await.unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[4096..middle].fill(0xA5);
        std::fs::write(&path, bytes).unwrap();
        let (_, found) = told.recv().await.unwrap();
        assert!(
            matches!(found, Err(StoreError::Corrupt { .. })),
            "{found:?}"
        );
        house.abort();
    }
}
