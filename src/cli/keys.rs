//! The credentials of the server: tokens of the configuration and users of `server.web_config`. Secrets are read at each use,
//! so that a changed one counts at once.

use std::sync::Arc;

use async_trait::async_trait;
use sha2::{Digest as _, Sha256};

use super::web::Web;
use crate::config::secret::SecretRef;
use crate::config::spec::Server;
use crate::http::access::{Credential, Keys, Scope, Scopes};
use crate::http::passwords::Passwords;

/// Who may do what.
pub struct Keyring {
    tokens: Vec<(SecretRef, Scopes)>,
    web: Option<Arc<Web>>,
    passwords: Passwords,
}

impl Keyring {
    /// As it was configured.
    pub fn new(server: &Server, web: Option<Arc<Web>>) -> Self {
        let write = Scopes::default().with(Scope::Write);
        let old = server
            .write_token
            .iter()
            .map(|token| (token.clone(), write));
        let named = server.tokens.values().map(|spec| {
            let scopes = [
                (spec.read, Scope::Read),
                (spec.write, Scope::Write),
                (spec.reload, Scope::Reload),
            ];
            let scopes = scopes.into_iter().filter(|(has, _)| *has);
            (spec.token.clone(), scopes.map(|(_, scope)| scope).collect())
        });
        Self {
            tokens: old.chain(named).collect(),
            web,
            passwords: Passwords::default(),
        }
    }

    /// Whether anybody may record values.
    pub fn lets_write(&self) -> bool {
        self.has_token_for(Scope::Write)
    }

    fn has_token_for(&self, scope: Scope) -> bool {
        self.tokens.iter().any(|(_, scopes)| scopes.has(scope))
    }
}

#[async_trait]
impl Keys for Keyring {
    fn open(&self) -> Scopes {
        if self.has_users() || self.has_token_for(Scope::Read) {
            return Scopes::default();
        }
        let read = Scopes::default().with(Scope::Read);
        if self.has_token_for(Scope::Reload) {
            return read;
        }
        read.with(Scope::Reload)
    }

    fn has_users(&self) -> bool {
        let web = self.web.as_ref();
        web.is_some_and(|web| !web.live().users.is_empty())
    }

    /// Users may read and reload. They may not write: a browser sends their passwords along with whatever a page elsewhere
    /// makes it send.
    async fn admits(&self, credential: Credential<'_>) -> Result<Option<Scopes>, String> {
        match credential {
            Credential::User { name, password } => {
                let Some(web) = &self.web else {
                    return Ok(None);
                };
                let live = web.live();
                let right = self.passwords.are_right(&live.users, name, password);
                let scopes = [Scope::Read, Scope::Reload].into_iter().collect();
                Ok(right.await.then_some(scopes))
            }
            Credential::Token(token) => {
                let (given, tokens) = (digest(token), self.tokens.clone());
                let looked = tokio::task::spawn_blocking(move || look(&given, &tokens));
                looked.await.map_err(|error| error.to_string())?
            }
        }
    }
}

type Fingerprint = [u8; 32];

fn digest(token: &str) -> Fingerprint {
    Sha256::digest(token).into()
}

/// All tokens are looked at, whichever fits; how long a comparison of digests takes tells nothing of the texts.
fn look(given: &Fingerprint, tokens: &[(SecretRef, Scopes)]) -> Result<Option<Scopes>, String> {
    let (mut found, mut unread) = (None, None);
    for (place, scopes) in tokens {
        match place.read() {
            Ok(secret) if digest(secret.expose()) == *given => found = Some(*scopes),
            Ok(_) => {}
            Err(error) => unread = Some(error.to_string()),
        }
    }
    match (found, unread) {
        (None, Some(error)) => Err(error),
        (found, _) => Ok(found),
    }
}
