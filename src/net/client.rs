//! The one HTTP client: no redirects, no proxies from the environment, one deadline over everything, a cap on the
//! decompressed body, verified TLS only. It asks once; trying again is the engine's affair.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, LOCATION};
use reqwest::redirect::Policy;
use reqwest::{Response, Url};
use secrecy::ExposeSecret;
use tokio::time::{Instant, timeout_at};

use super::answer::Answer;
use super::fault::{broke_before_answer, of_transport, shown_time};
use super::overheard;
use super::request::{Method, Request};
use super::resolve::BoundedResolver;
use super::tls;
use crate::domain::fault::{Fault, FaultClass};

/// How we introduce ourselves.
pub const USER_AGENT: &str = concat!("okrd/", env!("CARGO_PKG_VERSION"));

/// How long a connection may take to come about, TLS included.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long an idle connection is kept: polls of one slot share it, between slots none is open.
const KEPT: Duration = Duration::from_secs(20);

/// What a client is made of.
#[derive(Clone, Debug, Default)]
pub struct ClientOptions {
    /// A private certificate authority (PEM) that is trusted beside the system's.
    pub ca_file: Option<PathBuf>,
}

/// The client. Clones share connections. Certificates are loaded with the first `https` request and, should that fail,
/// again with the next.
#[derive(Clone, Debug)]
pub struct Client {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    options: ClientOptions,
    /// For `http`: works where no certificates are installed.
    plain: OnceLock<reqwest::Client>,
    /// For `https`.
    secure: OnceLock<reqwest::Client>,
    /// When the last whole answer came: for a while after it there may be a kept connection.
    answered: Mutex<Option<Instant>>,
}

impl Client {
    /// A client; neither reads files nor connects.
    #[must_use]
    pub fn new(options: ClientOptions) -> Self {
        Self {
            shared: Arc::new(Shared {
                options,
                plain: OnceLock::new(),
                secure: OnceLock::new(),
                answered: Mutex::default(),
            }),
        }
    }

    /// The TLS configuration of this client, for a second HTTP stack.
    ///
    /// # Errors
    /// As [`tls::client_config`].
    pub fn tls_config(&self) -> Result<rustls::ClientConfig, Fault> {
        tls::client_config(self.shared.options.ca_file.as_deref())
    }

    /// Sends the request once and reads the whole answer, whatever its status below 300 or from 400 up.
    ///
    /// # Errors
    /// `config` for a URL that is neither http nor https, `dns`, `tls`, `net` and `timeout` for the connection,
    /// `redirect` for a 3xx, `too_large` beyond the cap, `bad_body` for an encoding not asked for or broken.
    pub async fn send(&self, request: Request) -> Result<Answer, Fault> {
        if !overheard::is_heard() {
            return self.ask(request).await;
        }
        let told = overheard::of(&request);
        let outcome = self.ask(request).await;
        overheard::tell(told, &outcome);
        outcome
    }

    async fn ask(&self, request: Request) -> Result<Answer, Fault> {
        let ends = Instant::now() + request.deadline;
        let url_shown = request.shown_url();
        let asked = format!("{} {url_shown}", request.method);
        let client = self.for_scheme(&request.url, &asked)?;
        let built = build(&client, &request)
            .build()
            .map_err(|e| of_transport(&asked, &e.without_url()))?;
        let request = hide_login(request, &built);
        let hidden = request.hidden();
        let answered = self.exchange(&client, built, &asked, &request, ends).await;
        // The target of a redirect and the name of an encoding are the server's words.
        let (status, headers, body) = answered.map_err(|fault| hidden.guard(&asked, fault))?;
        Ok(Answer {
            status,
            headers,
            body,
            url_shown,
            asked,
            hidden,
        })
    }

    /// Sends and reads, all before `ends`: status, headers and body.
    async fn exchange(
        &self,
        client: &reqwest::Client,
        built: reqwest::Request,
        asked: &str,
        request: &Request,
        ends: Instant,
    ) -> Result<(u16, HeaderMap, Vec<u8>), Fault> {
        let late = |what: &str| {
            let time = shown_time(request.allowed);
            Fault::new(
                FaultClass::Timeout,
                format!("{asked}: {what} within {time}"),
            )
        };
        let response = timeout_at(ends, self.execute(client, built))
            .await
            .map_err(|_| late("no answer"))?
            .map_err(|e| of_transport(asked, &e.without_url()))?;
        fail_on_redirect(asked, &response)?;
        fail_on_encoding(asked, &response)?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = timeout_at(ends, read(response, asked, request.max_body))
            .await
            .map_err(|_| late("the answer is not complete"))??;
        *self.answered() = Some(Instant::now());
        Ok((status, headers, body))
    }

    /// Sends once, and once more if the connection broke before the answer and may have been a kept one: servers close
    /// those as they please, and nothing that okrd asks does harm when it is asked twice.
    async fn execute(
        &self,
        client: &reqwest::Client,
        request: reqwest::Request,
    ) -> Result<Response, reqwest::Error> {
        let kept = self.answered().is_some_and(|at| at.elapsed() <= KEPT);
        let again = request.try_clone().filter(|_| kept);
        match (client.execute(request).await, again) {
            (Err(e), Some(again)) if broke_before_answer(&e) => client.execute(again).await,
            (result, _) => result,
        }
    }

    fn answered(&self) -> MutexGuard<'_, Option<Instant>> {
        let answered = self.shared.answered.lock();
        answered.unwrap_or_else(PoisonError::into_inner)
    }

    fn for_scheme(&self, url: &Url, asked: &str) -> Result<reqwest::Client, Fault> {
        let kept = match url.scheme() {
            "http" => &self.shared.plain,
            "https" => &self.shared.secure,
            scheme => {
                return Err(Fault::new(
                    FaultClass::Config,
                    format!("{asked}: found scheme {scheme}, expected http or https"),
                ));
            }
        };
        if let Some(client) = kept.get() {
            return Ok(client.clone());
        }
        let tls = match url.scheme() {
            "https" => self.tls_config()?,
            _ => tls::trusting_nobody()?,
        };
        let client = client(tls)?;
        Ok(kept.get_or_init(|| client).clone())
    }
}

fn client(tls: rustls::ClientConfig) -> Result<reqwest::Client, Fault> {
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .dns_resolver(Arc::new(BoundedResolver))
        .user_agent(USER_AGENT)
        .redirect(Policy::none())
        .referer(false)
        .no_proxy()
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(KEPT)
        .build()
        .map_err(|e| Fault::new(FaultClass::Internal, format!("no HTTP client: {e}")))
}

fn build(client: &reqwest::Client, request: &Request) -> reqwest::RequestBuilder {
    let url = request.url.clone();
    let mut builder = match request.method {
        Method::Get => client.get(url),
        Method::Post => client.post(url),
    };
    if let Some((kind, bytes)) = &request.body {
        builder = builder.header(CONTENT_TYPE, kind).body(bytes.clone());
    }
    for (name, value) in &request.headers {
        builder = builder.header(name, value);
    }
    if let Some((user, token)) = &request.login {
        builder = builder.basic_auth(user, Some(token.expose_secret()));
    }
    builder
}

/// A login is sent in base64; a server that echoes it would give it away just as well.
fn hide_login(request: Request, built: &reqwest::Request) -> Request {
    let sent = built
        .headers()
        .get(AUTHORIZATION)
        .filter(|_| request.login.is_some());
    let pair = sent.and_then(|v| v.to_str().ok()?.strip_prefix("Basic ").map(str::to_owned));
    match pair {
        Some(pair) => request.hide(&pair),
        None => request,
    }
}

fn fail_on_redirect(asked: &str, response: &Response) -> Result<(), Fault> {
    let status = response.status();
    if !status.is_redirection() {
        return Ok(());
    }
    let location = response
        .headers()
        .get(LOCATION)
        .and_then(|l| l.to_str().ok());
    let target = location
        .and_then(|l| response.url().join(l).ok())
        .map(|target| target.origin().ascii_serialization());
    let to = target.map_or_else(String::new, |host| format!(" to {host}"));
    Err(Fault::new(
        FaultClass::Redirect,
        format!("{asked} answered {}{to}; redirects are not followed", status.as_u16()),
    )
    .help("write the final address as the source's url, or check the auth: a login page is often reached this way"))
}

/// gzip is the only encoding asked for, and the stack removes its mark when it decodes it.
fn fail_on_encoding(asked: &str, response: &Response) -> Result<(), Fault> {
    let encoding = response.headers().get(CONTENT_ENCODING);
    match encoding.map(|e| e.to_str().unwrap_or("?")) {
        None | Some("identity" | "") => Ok(()),
        Some(found) => Err(Fault::new(
            FaultClass::BadBody,
            format!(
                "{asked}: found content encoding {}, expected gzip or none",
                found.escape_debug().take(40).collect::<String>()
            ),
        )),
    }
}

/// Reads the body piece by piece and stops at the cap, so that neither an endless body nor a gzip bomb fills the memory.
async fn read(mut response: Response, asked: &str, max_body: usize) -> Result<Vec<u8>, Fault> {
    let too_large = || {
        Fault::new(
            FaultClass::TooLarge,
            format!("{asked}: the answer is larger than {max_body} bytes"),
        )
        .help("ask for less (fields, page size, a count instead of a list), or raise the source's max_body")
    };
    if response
        .content_length()
        .is_some_and(|n| n > max_body as u64)
    {
        return Err(too_large());
    }
    let mut body = Vec::new();
    loop {
        let chunk = response.chunk().await;
        let Some(chunk) = chunk.map_err(|e| of_transport(asked, &e.without_url()))? else {
            return Ok(body);
        };
        if body.len() + chunk.len() > max_body {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
}
