//! The end as it is asked for: politely at first, then at once. Knows no signal and nothing that ends.

use tokio_util::sync::CancellationToken;

/// A wish to end that several hear.
#[derive(Clone, Debug, Default)]
pub struct Ending {
    asked: CancellationToken,
    at_once: CancellationToken,
}

impl Ending {
    /// Asks: polls under way may finish. Asked again, nothing is waited for but what is being written.
    pub fn ask(&self) {
        if self.asked.is_cancelled() {
            self.at_once.cancel();
        }
        self.asked.cancel();
    }

    /// Cancelled when the end was asked for.
    #[must_use]
    pub fn asked(&self) -> &CancellationToken {
        &self.asked
    }

    /// Cancelled when it was asked for again.
    #[must_use]
    pub fn at_once(&self) -> &CancellationToken {
        &self.at_once
    }
}
