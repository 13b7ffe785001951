//! What a supervisor such as systemd wants to hear of a service (`Type=notify`, `WatchdogSec=`, sd_notify(3)): that it is
//! ready, or alive and needs longer to be, that it is ending, and again and again that it is alive, which follows the scheduler's own heartbeat. A source
//! that fails never shows here.

use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::engine::clock::{Clock, SystemClock};
use crate::engine::vitals::Vitals;

/// How often readiness is looked at until it is told.
const READY_EVERY: Duration = Duration::from_millis(50);
/// How often a start that takes long asks for more time, and for how much.
const ASKS_EVERY: Duration = Duration::from_secs(1);
const ASKS_FOR: Duration = Duration::from_secs(60);
/// What a store may take to be brought up to date and looked through, during which nothing can be told.
const OPENING: Duration = Duration::from_mins(30);
/// Age of the scheduler's last tick, which comes each second, from which nothing is told any more.
const STALLED_AFTER: Duration = Duration::from_secs(60);

/// The supervisor that asked to be told.
#[derive(Debug)]
pub struct Supervisor {
    socket: UnixDatagram,
    to: SocketAddr,
    /// How often it must hear that we are alive.
    every: Option<Duration>,
}

impl Supervisor {
    /// The one that the environment names; `None` when there is none, or it cannot be reached.
    #[must_use]
    pub fn of_environment() -> Option<Self> {
        let read = |name: &str| std::env::var(name).ok();
        let mine = read("WATCHDOG_PID").is_none_or(|pid| pid == std::process::id().to_string());
        let patience = read("WATCHDOG_USEC").filter(|_| mine);
        let patience = patience.and_then(|micros| micros.parse().ok());
        Self::at(&read("NOTIFY_SOCKET")?, patience.map(Duration::from_micros))
    }

    fn at(name: &str, patience: Option<Duration>) -> Option<Self> {
        let to = match name.strip_prefix('@') {
            Some(name) => SocketAddr::from_abstract_name(name),
            None => SocketAddr::from_pathname(name),
        };
        Some(Self {
            socket: UnixDatagram::unbound().ok()?,
            to: to.ok()?,
            // Well within its patience, as sd_watchdog_enabled(3) advises.
            every: patience.map(|patience| patience / 3),
        })
    }

    /// Tells one thing. A supervisor that has gone hears nothing, and nothing depends on it.
    fn tell(&self, what: &str) {
        let _ = self.socket.send_to_addr(what.as_bytes(), &self.to);
    }

    /// Tells that the store is being opened, which takes its time after an upgrade.
    pub fn opening(&self) {
        self.needs(OPENING, "opening the store");
    }

    /// Asks for so much time from now; without it, a start that takes longer than the supervisor's patience is broken off.
    fn needs(&self, time: Duration, why: &str) {
        let micros = time.as_micros();
        self.tell(&format!("EXTEND_TIMEOUT_USEC={micros}\nSTATUS={why}"));
    }

    /// Tells that it is ending.
    pub fn ending(&self) {
        self.tell("STOPPING=1\nSTATUS=ending: what was measured is written");
    }

    /// Tells when it is ready, and from then on that it is alive while the scheduler goes round.
    pub async fn keep_told(self: Arc<Self>, vitals: Arc<Vitals>) {
        let mut asked: Option<Instant> = None;
        while let Some(why) = vitals.not_ready() {
            // Such as a clock that nobody has set yet: another start would mend nothing, a loop that stands still it would.
            if asked.is_none_or(|at| at.elapsed() >= ASKS_EVERY) && goes_round(&vitals) {
                self.needs(ASKS_FOR, &why);
                asked = Some(Instant::now());
            }
            tokio::time::sleep(READY_EVERY).await;
        }
        self.tell("READY=1\nSTATUS=polling by the schedules");
        let Some(every) = self.every else { return };
        loop {
            if goes_round(&vitals) {
                self.tell("WATCHDOG=1");
            }
            tokio::time::sleep(every).await;
        }
    }
}

/// Whether the scheduler's heart has beaten lately.
fn goes_round(vitals: &Vitals) -> bool {
    let idle = SystemClock.now().duration_since(vitals.last_tick());
    idle.as_secs_f64() < STALLED_AFTER.as_secs_f64()
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan as _;

    use super::*;

    #[tokio::test]
    async fn f65_a_scheduler_that_is_stuck_is_not_called_alive() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let heard = UnixDatagram::bind(&path).unwrap();
        heard.set_nonblocking(true).unwrap();
        let hear = || {
            let mut said = [0; 256];
            let length = heard.recv(&mut said).ok()?;
            Some(String::from_utf8_lossy(&said[..length]).into_owned())
        };
        let patience = Some(Duration::from_millis(30));
        let supervisor = Supervisor::at(path.to_str().unwrap(), patience).unwrap();
        let now = SystemClock.now();
        let vitals = Arc::new(Vitals::starting(now));
        let telling = tokio::spawn(Arc::new(supervisor).keep_told(Arc::clone(&vitals)));
        let listen = async || {
            for _ in 0..500 {
                if let Some(said) = hear() {
                    return Some(said);
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            None
        };
        // While it starts it asks for time, and again before that is over.
        for _ in 0..2 {
            let why = listen().await.unwrap();
            let expected = "EXTEND_TIMEOUT_USEC=60000000\nSTATUS=starting: ";
            assert!(why.starts_with(expected), "{why}");
        }
        // A loop that stands still gets none.
        vitals.tick(now - 61.seconds());
        tokio::time::sleep(Duration::from_millis(100)).await;
        while hear().is_some() {}
        tokio::time::sleep(ASKS_EVERY + Duration::from_millis(200)).await;
        assert_eq!(hear(), None);
        vitals.tick(SystemClock.now());
        assert!(listen().await.unwrap().starts_with("EXTEND_TIMEOUT_USEC="));
        vitals.set_readiness(None);
        let ready = listen().await.unwrap();
        assert!(ready.starts_with("READY=1\nSTATUS="), "{ready}");
        for _ in 0..3 {
            assert_eq!(listen().await.as_deref(), Some("WATCHDOG=1"));
        }
        // The loop is stuck: nothing is said, however often there is a turn.
        vitals.tick(now - 61.seconds());
        tokio::time::sleep(Duration::from_millis(100)).await;
        while hear().is_some() {}
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(hear(), None);
        vitals.tick(SystemClock.now());
        assert_eq!(listen().await.as_deref(), Some("WATCHDOG=1"));
        telling.abort();
    }
}
