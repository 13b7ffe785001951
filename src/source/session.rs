//! A token that a service gives for a login: got once, kept in memory, got anew when the login changed, when its time is
//! over or when the service no longer takes it. Whoever asks beside it waits for the same token. Knows no service.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::config::secret::Secret;
use crate::domain::fault::Fault;

/// A token as it was given.
#[derive(Clone, Debug)]
pub(super) struct Granted {
    /// What is sent with each question.
    pub(super) token: Secret,
    /// How long it holds, if that was told.
    pub(super) holds: Option<Duration>,
}

#[derive(Debug)]
struct Kept {
    granted: Granted,
    /// What the login was made of: another one must not use the old token.
    credentials: u64,
    since: Instant,
}

impl Kept {
    /// Some time before the end it counts as over: the question that carries it takes its time, too.
    fn is_good(&self, credentials: u64, refused: Option<&Secret>) -> bool {
        const BEFORE: Duration = Duration::from_secs(60);
        let left = self.granted.holds.map(|holds| holds.saturating_sub(BEFORE));
        let over = left.is_some_and(|left| self.since.elapsed() >= left);
        let refused = refused.is_some_and(|it| it.expose() == self.granted.token.expose());
        self.credentials == credentials && !over && !refused
    }
}

/// The place where it is kept.
#[derive(Debug, Default)]
pub(super) struct Session(Mutex<Option<Kept>>);

impl Session {
    /// The token that is kept, or a new one; never `refused`, which the service just did not take.
    ///
    /// # Errors
    /// As `login`.
    pub(super) async fn token(
        &self,
        credentials: u64,
        refused: Option<&Secret>,
        login: impl Future<Output = Result<Granted, Fault>>,
    ) -> Result<Secret, Fault> {
        let mut kept = self.0.lock().await;
        if let Some(kept) = kept.as_ref().filter(|k| k.is_good(credentials, refused)) {
            return Ok(kept.granted.token.clone());
        }
        *kept = None;
        let granted = login.await?;
        let token = granted.token.clone();
        *kept = Some(Kept {
            granted,
            credentials,
            since: Instant::now(),
        });
        Ok(token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn ask(session: &Session, login: u64, refused: Option<&str>, gives: &str) -> String {
        let refused = refused.map(|text| Secret::new(text.to_owned()));
        let granted = Granted {
            token: Secret::new(gives.to_owned()),
            holds: Some(Duration::from_secs(600)),
        };
        let token = session.token(login, refused.as_ref(), async { Ok(granted) });
        token.await.unwrap().expose().to_owned()
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_is_kept_until_login_time_or_service_say_otherwise() {
        let session = Session::default();
        assert_eq!(ask(&session, 1, None, "a").await, "a");
        assert_eq!(ask(&session, 1, None, "b").await, "a");
        assert_eq!(ask(&session, 2, None, "c").await, "c");
        assert_eq!(ask(&session, 2, Some("a"), "d").await, "c");
        assert_eq!(ask(&session, 2, Some("c"), "e").await, "e");
        tokio::time::advance(Duration::from_secs(541)).await;
        assert_eq!(ask(&session, 2, None, "f").await, "f");
    }
}
