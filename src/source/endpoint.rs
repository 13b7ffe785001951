//! One HTTP endpoint as configured: base URL, login, headers, certificate authority. Reads its secrets at each use, so
//! that rotated ones work without a restart. Knows no vendor and no measure.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::time::Duration;

use url::Url;

use crate::config::secret::{Secret, SecretError, SecretRef, Setting};
use crate::config::spec::{Auth, HttpSpec};
use crate::domain::fault::{Fault, FaultClass};
use crate::net::answer::Answer;
use crate::net::client::{Client, ClientOptions};
use crate::net::request::{Method, Request};

/// Requests in flight to one HTTP source.
pub(super) const PERMITS: usize = 4;

/// An endpoint and its client.
#[derive(Clone, Debug)]
pub struct Endpoint {
    spec: HttpSpec,
    client: Client,
}

impl Endpoint {
    /// An endpoint; neither reads secrets nor connects.
    #[must_use]
    pub fn new(spec: &HttpSpec) -> Self {
        let options = ClientOptions {
            ca_file: spec.ca_file.clone(),
        };
        Self {
            spec: spec.clone(),
            client: Client::new(options),
        }
    }

    /// A request to the base URL with `path` appended (a query may follow it), login and headers set. `body` is
    /// content type and bytes; a configured `Content-Type` wins.
    ///
    /// # Errors
    /// `config` when a secret cannot be read or URL and headers cannot be sent.
    pub fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<(&str, Vec<u8>)>,
        deadline: Duration,
    ) -> Result<Request, Fault> {
        let mut request = Request::get(self.join(path)?, deadline).max_body(self.spec.max_body);
        request.method = method;
        if let Some((kind, bytes)) = body {
            let configured = self.configured("content-type").map(Setting::read);
            let configured = configured.transpose().map_err(|e| unreadable(&e))?;
            let kind = configured.as_ref().map_or(kind, Secret::expose);
            request.body = Some((kind.to_owned(), bytes));
        }
        if matches!(self.spec.url, Setting::Secret(_)) {
            let base = self.join("")?;
            request = hide_path(request, base.path());
        }
        self.log_in(self.add_headers(request)?)
    }

    /// Sends a request made here.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn send(&self, request: Request) -> Result<Answer, Fault> {
        self.client.send(request).await
    }

    /// A value that changes when any of the secrets does; see [`Source::credentials`](super::Source::credentials).
    #[must_use]
    pub fn credentials(&self) -> u64 {
        self.credentials_with(&[])
    }

    /// The same, for secrets at these places too.
    #[must_use]
    pub fn credentials_with(&self, places: &[SecretRef]) -> u64 {
        let mut hash = DefaultHasher::new();
        let mut add = |read: Result<Secret, SecretError>| match read {
            Ok(secret) => secret.expose().hash(&mut hash),
            Err(e) => e.to_string().hash(&mut hash),
        };
        add(self.spec.url.read());
        if let Some(Auth::Basic { token, .. } | Auth::Bearer { token }) = &self.spec.auth {
            add(token.read());
        }
        for setting in self.spec.headers.values() {
            add(setting.read());
        }
        for place in places {
            add(place.read());
        }
        hash.finish()
    }

    fn configured(&self, header: &str) -> Option<&Setting> {
        let mut headers = self.spec.headers.iter();
        headers.find_map(|(name, value)| name.eq_ignore_ascii_case(header).then_some(value))
    }

    /// Base URL and path as one URL of the same origin.
    fn join(&self, path: &str) -> Result<Url, Fault> {
        let base = self.spec.url.read().map_err(|e| unreadable(&e))?;
        let base = base.expose().trim_end_matches('/');
        let home = Url::parse(base).map_err(|e| not_a_base(&e.to_string()))?;
        if !matches!(home.scheme(), "http" | "https") {
            return Err(not_a_base(&format!("its scheme is {}", home.scheme())));
        }
        if !home.username().is_empty() || home.password().is_some() {
            return Err(not_a_base(
                "it holds a user or password, which belong in auth",
            ));
        }
        if home.query().is_some() || home.fragment().is_some() {
            return Err(not_a_base(
                "it holds a query or fragment, which belong in the measure",
            ));
        }
        let slash = if path.is_empty() || path.starts_with(['/', '?']) {
            ""
        } else {
            "/"
        };
        let url = Url::parse(&format!("{base}{slash}{path}"));
        url.ok()
            .filter(|url| url.origin() == home.origin())
            .ok_or_else(|| {
                Fault::new(
                    FaultClass::Config,
                    "the measure's path cannot be appended to the source's url",
                )
            })
    }

    fn add_headers(&self, mut request: Request) -> Result<Request, Fault> {
        if self.configured("accept").is_none() {
            request = request.header("accept", "application/json")?;
        }
        for (name, setting) in &self.spec.headers {
            if name.eq_ignore_ascii_case("content-type") {
                continue;
            }
            request = match setting {
                Setting::Plain(text) => request.header(name, text)?,
                Setting::Secret(place) => {
                    let secret = place.read().map_err(|e| unreadable(&e))?;
                    request.secret_header(name, secret.expose())?
                }
            };
        }
        Ok(request)
    }

    fn log_in(&self, request: Request) -> Result<Request, Fault> {
        match &self.spec.auth {
            Some(Auth::Basic { user, token }) => {
                let token = token.read().map_err(|e| unreadable(&e))?;
                Ok(request.basic(user, token.expose()))
            }
            Some(Auth::Bearer { token }) => {
                let token = token.read().map_err(|e| unreadable(&e))?;
                request.bearer(token.expose())
            }
            None => Ok(request),
        }
    }
}

/// Of a URL from a secret place no path is shown, and no answer that repeats a part of the path it came with. Parts too
/// short to be a secret would make most answers look like one.
fn hide_path(request: Request, path: &str) -> Request {
    const LEAST: usize = 6;
    let parts = path.split('/').filter(|part| part.len() >= LEAST);
    parts.fold(request.hide_path(), Request::hide)
}

/// A secret that cannot be read fails its source only; the next slot tries again.
pub(super) fn unreadable(error: &SecretError) -> Fault {
    Fault::new(FaultClass::Config, error.to_string())
}

fn not_a_base(why: &str) -> Fault {
    Fault::new(
        FaultClass::Config,
        format!("the source's url cannot be used: {why}"),
    )
    .help("expected http:// or https:// with a host and perhaps a path")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn endpoint(url: &str) -> Endpoint {
        Endpoint::new(&HttpSpec {
            url: Setting::Plain(url.into()),
            auth: None,
            headers: BTreeMap::new(),
            ca_file: None,
            max_body: HttpSpec::DEFAULT_MAX_BODY,
        })
    }

    #[test]
    fn paths_are_appended_and_never_change_the_host() {
        for (base, path, joined) in [
            ("http://h.example/v1", "/a?b=c", "http://h.example/v1/a?b=c"),
            ("http://h.example/v1/", "a", "http://h.example/v1/a"),
            ("http://h.example", "", "http://h.example/"),
            ("http://h.example/v1", "", "http://h.example/v1"),
            ("http://h.example/v1", "?x=1", "http://h.example/v1?x=1"),
            (
                "http://h.example",
                "@other.example/",
                "http://h.example/@other.example/",
            ),
            ("http://h.example", ":81/", "http://h.example/:81/"),
            (
                "http://h.example",
                "//other.example/",
                "http://h.example//other.example/",
            ),
        ] {
            assert_eq!(endpoint(base).join(path).unwrap().as_str(), joined);
        }
    }

    #[test]
    fn f71_a_base_that_cannot_be_used_is_not_shown() {
        for base in [
            "canary",
            "ftp://canary.example",
            "http://canary:canary@h.example",
            "http://h.example/?canary",
            "http://h.example/#canary",
        ] {
            let fault = endpoint(base)
                .request(Method::Get, "/x", None, Duration::from_secs(1))
                .unwrap_err();
            assert_eq!(fault.class, FaultClass::Config);
            assert!(!fault.to_string().contains("canary"), "{fault}");
        }
    }

    #[test]
    fn f71_the_path_of_a_secret_url_is_a_secret_too() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("url");
        std::fs::write(&file, "http://h.example/v1/canary-4711").unwrap();
        let mut endpoint = endpoint("");
        endpoint.spec.url = Setting::Secret(SecretRef::File(file));
        let second = Duration::from_secs(1);
        let request = endpoint.request(Method::Get, "/subscribers", None, second);
        let request = request.unwrap();
        assert_eq!(request.shown_url(), "http://h.example/…");
        assert!(request.gives_away("no such page: /v1/canary-4711"));
        assert!(!request.gives_away("no such page: /v1/subscribers"));
    }

    #[test]
    fn f18_credentials_change_with_the_secret() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        let mut endpoint = endpoint("http://h.example");
        endpoint.spec.auth = Some(Auth::Bearer {
            token: SecretRef::File(path.clone()),
        });
        let missing = endpoint.credentials();
        std::fs::write(&path, "one").unwrap();
        let one = endpoint.credentials();
        std::fs::write(&path, "two").unwrap();
        let two = endpoint.credentials();
        assert!(missing != one && one != two);
        std::fs::write(&path, "one\n").unwrap();
        assert_eq!(endpoint.credentials(), one);
    }
}
