//! What a site told, kept for a while and for the secrets it was told to. Saves requests and never vouches for an answer.
//! Knows neither what it keeps nor how it was asked for.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Something told, kept for so long.
pub(super) struct Kept<T> {
    holds: Duration,
    told: Mutex<Option<Told<T>>>,
}

struct Told<T> {
    what: T,
    secrets: u64,
    at: Instant,
}

impl<T: Clone> Kept<T> {
    /// Nothing yet; what is put in holds for `holds`.
    pub(super) fn new(holds: Duration) -> Self {
        Self {
            holds,
            told: Mutex::default(),
        }
    }

    /// What was told for these secrets, if that is not too long ago.
    pub(super) fn get(&self, secrets: u64) -> Option<T> {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let told = told.as_ref()?;
        let holds = told.secrets == secrets && told.at.elapsed() < self.holds;
        holds.then(|| told.what.clone())
    }

    /// Keeps what was told for these secrets.
    pub(super) fn put(&self, secrets: u64, what: T) {
        let at = Instant::now();
        *self.told.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(Told { what, secrets, at });
    }

    /// Keeps it no longer.
    pub(super) fn forget(&self) {
        *self.told.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
