//! Who may do what. A request that needs more than is open to all must bring a credential: a token (RFC 6750) or a user with
//! a password (RFC 7617). There are no cookies and no answer lets pages of other sites read it, so that a browser lends its
//! rights to nobody. What is known of credentials comes in as a trait; knows no file.

use async_trait::async_trait;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::peer::Peer;
use super::problem::Problem;
use super::tries::Tries;

/// What may be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// To see: page, metrics and API.
    Read,
    /// To record values.
    Write,
    /// To ask for a reload.
    Reload,
}

/// A set of scopes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scopes(u8);

impl Scopes {
    /// With one more.
    #[must_use]
    pub fn with(self, scope: Scope) -> Self {
        Self(self.0 | 1 << scope as u8)
    }

    /// Whether it is among them.
    #[must_use]
    pub fn has(self, scope: Scope) -> bool {
        self.0 & 1 << scope as u8 != 0
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        scopes.into_iter().fold(Self::default(), Self::with)
    }
}

/// What a request brings to show who asks.
#[derive(Clone, Copy)]
pub enum Credential<'a> {
    /// `Authorization: Bearer TOKEN`.
    Token(&'a str),
    /// `Authorization: Basic`.
    User {
        /// Who.
        name: &'a str,
        /// Secret.
        password: &'a str,
    },
}

/// Someone who knows the credentials.
#[async_trait]
pub trait Keys: Send + Sync {
    /// What is open to all.
    fn open(&self) -> Scopes;

    /// Whether there are users with passwords.
    fn has_users(&self) -> bool;

    /// What a credential allows; `None` when it is none. Takes no less time for one that is nearly right.
    ///
    /// # Errors
    /// Why it cannot be told, for the log.
    async fn admits(&self, credential: Credential<'_>) -> Result<Option<Scopes>, String>;
}

/// Reading and reloading for all and writing for nobody: a server without credentials.
#[derive(Clone, Copy, Debug, Default)]
pub struct Open;

#[async_trait]
impl Keys for Open {
    fn open(&self) -> Scopes {
        [Scope::Read, Scope::Reload].into_iter().collect()
    }

    fn has_users(&self) -> bool {
        false
    }

    async fn admits(&self, _: Credential<'_>) -> Result<Option<Scopes>, String> {
        Ok(None)
    }
}

/// That the request comes from one who may do this.
pub(super) async fn admit(
    keys: &dyn Keys,
    scope: Scope,
    headers: &HeaderMap,
    tries: &Tries,
    peer: Option<Peer>,
) -> Result<(), Response> {
    if keys.open().has(scope) {
        return Ok(());
    }
    let users = keys.has_users() && scope != Scope::Write;
    let given = Given::of(headers);
    let Some(credential) = given.as_ref().and_then(Given::credential) else {
        return Err(unauthorized(users, expected(scope, users)));
    };
    let Ok(tried) = tries.begin(peer).await else {
        let detail =
            "too many wrong credentials came from this address; try again in a few seconds";
        let mut response = Problem::new(StatusCode::TOO_MANY_REQUESTS, detail).into_response();
        let later = HeaderValue::from_static("5");
        response.headers_mut().insert(header::RETRY_AFTER, later);
        return Err(response);
    };
    match keys.admits(credential).await {
        Ok(Some(scopes)) if scopes.has(scope) => Ok(()),
        Ok(Some(_)) => Err(Problem::new(StatusCode::FORBIDDEN, lacking(scope)).into_response()),
        Ok(None) => {
            tried.was_wrong().await;
            Err(unauthorized(users, "this credential is not known here"))
        }
        Err(error) => {
            tracing::error!(error, "a credential cannot be looked at");
            let detail = "the credential cannot be looked at; the log of okrd says more";
            Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).into_response())
        }
    }
}

/// The header as it was sent, decoded where need be.
enum Given {
    Token(String),
    User(String, String),
}

impl Given {
    /// Several headers, or one that cannot be read, are none.
    fn of(headers: &HeaderMap) -> Option<Self> {
        let mut all = headers.get_all(header::AUTHORIZATION).into_iter();
        let (Some(only), None) = (all.next(), all.next()) else {
            return None;
        };
        let (scheme, given) = only.to_str().ok()?.split_once(' ')?;
        let given = given.trim();
        if given.is_empty() {
            None
        } else if scheme.eq_ignore_ascii_case("bearer") {
            Some(Self::Token(given.to_owned()))
        } else if scheme.eq_ignore_ascii_case("basic") {
            let decoded = String::from_utf8(BASE64_STANDARD.decode(given).ok()?).ok()?;
            let (name, password) = decoded.split_once(':')?;
            Some(Self::User(name.to_owned(), password.to_owned()))
        } else {
            None
        }
    }

    fn credential(&self) -> Option<Credential<'_>> {
        Some(match self {
            Self::Token(token) => Credential::Token(token),
            Self::User(name, password) => Credential::User { name, password },
        })
    }
}

fn expected(scope: Scope, users: bool) -> &'static str {
    match (scope, users) {
        (Scope::Write, _) => {
            "expected the header `Authorization: Bearer` with a token that may write: that of `server.write_token`, or one \
             under `server.tokens` with the scope `write`"
        }
        (Scope::Read, true) => {
            "expected a user of the file that `server.web_config` names, or the header `Authorization: Bearer` with a token \
             that has the scope `read`"
        }
        (Scope::Read, false) => {
            "expected the header `Authorization: Bearer` with a token under `server.tokens` that has the scope `read`"
        }
        (Scope::Reload, true) => {
            "expected a user of the file that `server.web_config` names, or the header `Authorization: Bearer` with a token \
             that has the scope `reload`"
        }
        (Scope::Reload, false) => {
            "expected the header `Authorization: Bearer` with a token under `server.tokens` that has the scope `reload`"
        }
    }
}

fn lacking(scope: Scope) -> &'static str {
    match scope {
        Scope::Read => "this credential may not read; give its token the scope `read`",
        Scope::Write => {
            "this credential may not record values; use a token that has the scope `write`"
        }
        Scope::Reload => "this credential may not reload; give its token the scope `reload`",
    }
}

fn unauthorized(users: bool, detail: &'static str) -> Response {
    let mut response = Problem::new(StatusCode::UNAUTHORIZED, detail).into_response();
    let headers = response.headers_mut();
    if users {
        let basic = HeaderValue::from_static("Basic realm=\"okrd\", charset=\"UTF-8\"");
        headers.append(header::WWW_AUTHENTICATE, basic);
    }
    let bearer = HeaderValue::from_static("Bearer realm=\"okrd\"");
    headers.append(header::WWW_AUTHENTICATE, bearer);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_is_read_as_it_was_sent() {
        let read = |values: &[&str]| {
            let all = values.iter();
            let all = all.map(|value| (header::AUTHORIZATION, value.parse().unwrap()));
            let mut headers = HeaderMap::new();
            all.for_each(|(name, value): (_, HeaderValue)| _ = headers.append(name, value));
            match Given::of(&headers) {
                Some(Given::Token(token)) => token,
                Some(Given::User(name, password)) => format!("{name} {password}"),
                None => "none".into(),
            }
        };
        // `Aladdin:open sesame`, the example of RFC 7617; a colon belongs to the password.
        let basic = "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==";
        for (values, expected) in [
            (vec!["Bearer let-me"], "let-me"),
            (vec!["bearer   let-me "], "let-me"),
            (vec![basic], "Aladdin open sesame"),
            (vec!["basic YTpiOmM="], "a b:c"),
            (vec!["Basic nonsense!"], "none"),
            (vec!["Basic QQ=="], "none"),
            (vec!["Bearer "], "none"),
            (vec!["Digest x"], "none"),
            (vec!["Bearer a", "Bearer b"], "none"),
            (vec![], "none"),
        ] {
            assert_eq!(read(&values), expected, "{values:?}");
        }
    }
}
