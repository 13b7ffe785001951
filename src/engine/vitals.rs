//! Signs of life of the process itself, cheap to read at any time: the scheduler's heartbeat, readiness, polls in
//! flight. A failing source never shows here.

use std::borrow::Cow;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

/// Signs of life.
#[derive(Debug)]
pub struct Vitals {
    last_tick_ms: AtomicI64,
    in_flight: AtomicUsize,
    lag_ms: AtomicU64,
    not_ready: Mutex<Option<Cow<'static, str>>>,
}

impl Vitals {
    /// A process that is starting.
    #[must_use]
    pub fn starting(now: Timestamp) -> Self {
        Self {
            last_tick_ms: AtomicI64::new(now.as_millisecond()),
            in_flight: AtomicUsize::new(0),
            lag_ms: AtomicU64::new(0),
            not_ready: Mutex::new(Some(
                "starting: configuration and store are not open yet".into(),
            )),
        }
    }

    /// The scheduler loop went round.
    pub fn tick(&self, now: Timestamp) {
        self.last_tick_ms
            .store(now.as_millisecond(), Ordering::Relaxed);
    }

    /// When the scheduler loop last went round.
    #[must_use]
    pub fn last_tick(&self) -> Timestamp {
        Timestamp::from_millisecond(self.last_tick_ms.load(Ordering::Relaxed))
            .unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// So long the poll that waits longest for its turn has waited; zero when none waits.
    pub fn lags(&self, lag: Duration) {
        let ms = u64::try_from(lag.as_millis()).unwrap_or(u64::MAX);
        self.lag_ms.store(ms, Ordering::Relaxed);
    }

    /// How long the poll that waits longest for its turn has waited.
    #[must_use]
    pub fn lag(&self) -> Duration {
        Duration::from_millis(self.lag_ms.load(Ordering::Relaxed))
    }

    /// Ready to serve, or why not.
    pub fn set_readiness(&self, not_ready: Option<&'static str>) {
        self.note(not_ready.map(Cow::Borrowed));
    }

    /// Not ready, for this reason.
    pub fn wait_for(&self, reason: String) {
        self.note(Some(reason.into()));
    }

    fn note(&self, not_ready: Option<Cow<'static, str>>) {
        let mut noted = self
            .not_ready
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *noted = not_ready;
    }

    /// `None` when ready, else the reason.
    #[must_use]
    pub fn not_ready(&self) -> Option<Cow<'static, str>> {
        let noted = self
            .not_ready
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        noted.clone()
    }

    /// A poll began.
    pub fn poll_began(&self) {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
    }

    /// A poll ended.
    pub fn poll_ended(&self) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
    }

    /// Polls in flight now.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }
}
