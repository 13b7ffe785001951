//! A token that a service gives for a login: got once, kept in memory, got anew when the login changed or when the service no
//! longer takes it. Whoever asks beside it waits for the same token. Knows no service.

use tokio::sync::Mutex;

use crate::config::secret::Secret;
use crate::domain::fault::Fault;

#[derive(Debug)]
struct Kept {
    token: Secret,
    /// What the login was made of: another one must not use the old token.
    credentials: u64,
}

impl Kept {
    fn is_good(&self, credentials: u64, refused: Option<&Secret>) -> bool {
        let refused = refused.is_some_and(|it| it.expose() == self.token.expose());
        self.credentials == credentials && !refused
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
        login: impl Future<Output = Result<Secret, Fault>>,
    ) -> Result<Secret, Fault> {
        let mut kept = self.0.lock().await;
        if let Some(kept) = kept.as_ref().filter(|k| k.is_good(credentials, refused)) {
            return Ok(kept.token.clone());
        }
        *kept = None;
        let token = login.await?;
        *kept = Some(Kept {
            token: token.clone(),
            credentials,
        });
        Ok(token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn ask(session: &Session, login: u64, refused: Option<&str>, gives: &str) -> String {
        let refused = refused.map(|text| Secret::new(text.to_owned()));
        let given = Secret::new(gives.to_owned());
        let token = session.token(login, refused.as_ref(), async { Ok(given) });
        token.await.unwrap().expose().to_owned()
    }

    #[tokio::test]
    async fn a_token_is_kept_until_login_or_service_say_otherwise() {
        let session = Session::default();
        assert_eq!(ask(&session, 1, None, "a").await, "a");
        assert_eq!(ask(&session, 1, None, "b").await, "a");
        assert_eq!(ask(&session, 2, None, "c").await, "c");
        assert_eq!(ask(&session, 2, Some("a"), "d").await, "c");
        assert_eq!(ask(&session, 2, Some("c"), "e").await, "e");
    }
}
