//! The clock: the only place where okrd asks what time it is. Everything else is told.

use jiff::Timestamp;

/// Something that knows the time.
pub trait Clock: Send + Sync {
    /// The wall clock's instant.
    fn now(&self) -> Timestamp;
}

/// The clock of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the clock"
    )]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// A clock that follows tokio's time from a given instant, so that a test with paused time lives through days.
#[cfg(test)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct SimulatedClock {
    began: tokio::time::Instant,
    at: Timestamp,
}

#[cfg(test)]
impl SimulatedClock {
    /// A clock that shows `at` now.
    pub(crate) fn at(at: &str) -> Self {
        let at = at.parse().unwrap();
        Self {
            began: tokio::time::Instant::now(),
            at,
        }
    }
}

#[cfg(test)]
impl Clock for SimulatedClock {
    fn now(&self) -> Timestamp {
        let gone = jiff::SignedDuration::try_from(self.began.elapsed()).unwrap_or_default();
        self.at.checked_add(gone).unwrap_or(Timestamp::MAX)
    }
}
