//! Passwords against their bcrypt hashes. A user that does not exist takes as long as one that does, few are looked at at a
//! time, and what was found right is remembered as a keyed digest, so that a scrape each second costs nothing. Knows no
//! file and no request.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;

use crate::config::secret::Secret;
use crate::config::web::bcrypt_cost;

/// Right ones that are remembered.
const REMEMBERED: usize = 100;
/// Hashes at a time: each takes a core as long as it is meant to take.
const AT_ONCE: usize = 1;
/// Stands in for the hash of a user that does not exist: no password is known that gives it.
const NOBODY: &str = "abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01232";

/// Looks at passwords.
#[derive(Debug)]
pub struct Passwords {
    /// Of this process alone; without it nothing is remembered.
    key: Option<[u8; 32]>,
    right: Mutex<VecDeque<[u8; 32]>>,
    turns: Semaphore,
}

impl Default for Passwords {
    fn default() -> Self {
        let mut key = [0; 32];
        let random = rustls::crypto::ring::default_provider().secure_random;
        Self {
            key: random.fill(&mut key).ok().map(|()| key),
            right: Mutex::default(),
            turns: Semaphore::new(AT_ONCE),
        }
    }
}

impl Passwords {
    /// Whether this is the password of this one of the users.
    pub async fn are_right(
        &self,
        users: &BTreeMap<String, Secret>,
        name: &str,
        password: &str,
    ) -> bool {
        let user = users.get(name);
        let hash = user.map_or_else(|| nobody(users), |hash| hash.expose().to_owned());
        let digest = self.digest([name, &hash, password]);
        if user.is_some() && digest.is_some_and(|digest| self.is_remembered(digest)) {
            return true;
        }
        let Ok(_turn) = self.turns.acquire().await else {
            return false;
        };
        let password = Secret::new(password.to_owned());
        let looked_at = tokio::task::spawn_blocking(move || {
            bcrypt::verify(password.expose(), &hash).unwrap_or(false)
        });
        let right = looked_at.await.unwrap_or(false) && user.is_some();
        if let Some(digest) = digest.filter(|_| right) {
            self.remember(digest);
        }
        right
    }

    fn digest(&self, parts: [&str; 3]) -> Option<[u8; 32]> {
        let mut digest = Sha256::new_with_prefix(self.key?);
        for part in parts {
            digest.update(part.len().to_le_bytes());
            digest.update(part);
        }
        Some(digest.finalize().into())
    }

    fn is_remembered(&self, digest: [u8; 32]) -> bool {
        let right = self.right.lock().unwrap_or_else(PoisonError::into_inner);
        right.contains(&digest)
    }

    fn remember(&self, digest: [u8; 32]) {
        let mut right = self.right.lock().unwrap_or_else(PoisonError::into_inner);
        if right.len() >= REMEMBERED {
            right.pop_front();
        }
        right.push_back(digest);
    }
}

/// A hash as dear as the dearest of the users'.
fn nobody(users: &BTreeMap<String, Secret>) -> String {
    let costs = users
        .values()
        .filter_map(|hash| bcrypt_cost(hash.expose()).ok());
    format!("$2b${:02}${NOBODY}", costs.max().unwrap_or(10))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn users(cost: u32) -> BTreeMap<String, Secret> {
        let hash = bcrypt::hash("open sesame", cost).unwrap();
        BTreeMap::from([("alice".to_owned(), Secret::new(hash))])
    }

    #[tokio::test]
    async fn only_the_password_of_that_very_user_is_right() {
        let (passwords, users) = (Passwords::default(), users(4));
        for _ in 0..2 {
            for (name, password, right) in [
                ("alice", "open sesame", true),
                ("alice", "open sesam", false),
                ("alice", "", false),
                ("bob", "open sesame", false),
                ("", "", false),
            ] {
                let found = passwords.are_right(&users, name, password).await;
                assert_eq!(found, right, "{name}");
            }
        }
        // Another hash of the same user: what was remembered is worth nothing.
        let changed = bcrypt::hash("another", 4).unwrap();
        let changed = BTreeMap::from([("alice".to_owned(), Secret::new(changed))]);
        assert!(!passwords.are_right(&changed, "alice", "open sesame").await);
        assert!(
            !passwords
                .are_right(&BTreeMap::new(), "alice", "open sesame")
                .await
        );
        // The hash that stands for nobody is one that is really worked through.
        assert!(bcrypt::verify("x", &nobody(&users)).is_ok());
    }

    #[tokio::test]
    async fn f77_a_stranger_takes_as_long_as_a_user_and_a_right_one_is_not_worked_out_twice() {
        let (passwords, users) = (Passwords::default(), users(8));
        let took = async |name: &str, password: &str| {
            let mut times = Vec::new();
            for _ in 0..5 {
                let began = Instant::now();
                passwords.are_right(&users, name, password).await;
                times.push(began.elapsed());
            }
            times.sort_unstable();
            times[2]
        };
        let (known, unknown) = (took("alice", "wrong").await, took("bob", "wrong").await);
        let ratio = known.as_secs_f64() / unknown.as_secs_f64();
        assert!((0.3..3.0).contains(&ratio), "{known:?} against {unknown:?}");
        let right = took("alice", "open sesame").await;
        assert!(
            right < known / 4 && right < Duration::from_millis(50),
            "{right:?}"
        );
    }
}
