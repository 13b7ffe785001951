//! Wrong tokens and passwords: each keeps its sender waiting longer, a few at a time, and nobody else. So guessing is slow however
//! many connections it has, and a right token is not answered sooner than a wrong one would be looked at. Knows none of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep};

use super::peer::Peer;

/// Tries of one sender that are looked at, or kept waiting, at a time.
const AT_ONCE: usize = 4;
/// How much longer each wrong one waits than the one before.
const STEP: Duration = Duration::from_millis(100);
/// The longest wait.
const LONGEST: Duration = Duration::from_secs(2);
/// How long wrong tries are remembered after the newest.
const MEMORY: Duration = Duration::from_secs(60);
/// The most senders that are remembered.
const SENDERS: usize = 4096;

/// Who tried wrong tokens of late.
#[derive(Debug, Default)]
pub(super) struct Tries(Mutex<HashMap<Option<Peer>, Sender>>);

#[derive(Debug)]
struct Sender {
    turns: Arc<Semaphore>,
    wrong: u32,
    newest: Instant,
}

impl Sender {
    fn is_suspect(&self) -> bool {
        self.wrong > 0 && self.newest.elapsed() < MEMORY
    }
}

/// Leave to have a token looked at.
#[derive(Debug)]
pub(super) struct Try<'t> {
    tries: &'t Tries,
    peer: Option<Peer>,
    _turn: OwnedSemaphorePermit,
}

/// There are too many wrong ones to look at another now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooMany;

impl Tries {
    fn senders(&self) -> MutexGuard<'_, HashMap<Option<Peer>, Sender>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a turn; one that sent a wrong token of late is sent away instead.
    pub(super) async fn begin(&self, peer: Option<Peer>) -> Result<Try<'_>, TooMany> {
        let (turns, suspect) = {
            let mut senders = self.senders();
            if senders.len() >= SENDERS && !senders.contains_key(&peer) {
                forget(&mut senders);
            }
            let sender = senders.entry(peer).or_insert_with(|| Sender {
                turns: Arc::new(Semaphore::new(AT_ONCE)),
                wrong: 0,
                newest: Instant::now(),
            });
            (Arc::clone(&sender.turns), sender.is_suspect())
        };
        let turn = if suspect {
            turns.try_acquire_owned().ok()
        } else {
            turns.acquire_owned().await.ok()
        };
        let turn = turn.ok_or(TooMany)?;
        Ok(Try {
            tries: self,
            peer,
            _turn: turn,
        })
    }
}

/// Makes room for another sender: of those who did nothing wrong of late, or of the one that did so longest ago.
fn forget(senders: &mut HashMap<Option<Peer>, Sender>) {
    senders.retain(|_, sender| sender.is_suspect());
    if senders.len() >= SENDERS {
        let oldest = senders.iter().min_by_key(|(_, sender)| sender.newest);
        if let Some(peer) = oldest.map(|(peer, _)| *peer) {
            senders.remove(&peer);
        }
    }
}

impl Try<'_> {
    /// The token was wrong: waits, with the turn, as long as the sender has to.
    pub(super) async fn was_wrong(self) {
        let wrong = {
            let mut senders = self.tries.senders();
            let Some(sender) = senders.get_mut(&self.peer) else {
                return;
            };
            sender.wrong = if sender.is_suspect() {
                sender.wrong.saturating_add(1)
            } else {
                1
            };
            sender.newest = Instant::now();
            sender.wrong
        };
        if wrong == 1 || wrong.is_multiple_of(100) {
            let peer = self.peer.map(Peer::address);
            tracing::warn!(?peer, wrong, "a wrong token or password was sent");
        }
        sleep((STEP * wrong).min(LONGEST)).await;
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;

    use super::*;

    fn peer(last: u8) -> Option<Peer> {
        Some(Peer::of([192, 0, 2, last].into()))
    }

    /// How many of so many tries at once are looked at, and how long that takes.
    async fn guess(tries: &Tries, who: u8, count: usize) -> (usize, Duration) {
        let began = Instant::now();
        let guesses = (0..count).map(|_| async {
            match tries.begin(peer(who)).await {
                Ok(looked_at) => {
                    looked_at.was_wrong().await;
                    1
                }
                Err(TooMany) => 0,
            }
        });
        let looked_at = join_all(guesses).await.into_iter().sum();
        (looked_at, began.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn f77_a_thousand_guesses_take_their_time_and_nobody_else_s() {
        let tries = Tries::default();
        let (mut looked_at, mut took) = (0, Duration::ZERO);
        let began = Instant::now();
        while looked_at < 1000 {
            let (more, time) = guess(&tries, 1, 50).await;
            looked_at += more;
            took += time;
            // Somebody else is served at once in the middle of it.
            let other = Instant::now();
            assert!(tries.begin(peer(2)).await.is_ok());
            assert_eq!(other.elapsed(), Duration::ZERO);
        }
        assert!(began.elapsed() > Duration::from_secs(400), "{took:?}");
        // Who has left it alone for a minute is no suspect any more.
        tokio::time::advance(MEMORY).await;
        let (looked_at, took) = guess(&tries, 1, 1).await;
        assert_eq!((looked_at, took), (1, STEP));
    }

    #[tokio::test(start_paused = true)]
    async fn f77_many_right_tokens_at_once_are_all_looked_at() {
        let tries = Tries::default();
        let began = Instant::now();
        let right = (0..100).map(|_| async { tries.begin(peer(1)).await.is_ok() });
        assert!(join_all(right).await.into_iter().all(|admitted| admitted));
        assert_eq!(began.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn f77_memory_has_an_end() {
        let tries = Tries::default();
        for number in 0..6000u32 {
            let peer = Some(Peer::of(std::net::Ipv4Addr::from_bits(number).into()));
            let Ok(looked_at) = tries.begin(peer).await else {
                panic!("a sender of its own");
            };
            looked_at.was_wrong().await;
        }
        assert!(tries.senders().len() <= SENDERS);
    }
}
