//! Keys for tests: one token that may write, and everything else open.

use async_trait::async_trait;

use super::okrd::http::access::{Credential, Keys, Open, Scope, Scopes};

/// One token that may write; everything else is open.
pub(crate) struct OneToken;

#[async_trait]
impl Keys for OneToken {
    fn open(&self) -> Scopes {
        Open.open()
    }

    fn has_users(&self) -> bool {
        false
    }

    async fn admits(&self, credential: Credential<'_>) -> Result<Option<Scopes>, String> {
        let right = matches!(credential, Credential::Token("let-me"));
        Ok(right.then(|| Scopes::default().with(Scope::Write)))
    }
}
