//! What PostgreSQL and MySQL have in common: the URL that names a server, how its connection is secured, how long a
//! question may take, and errors without secrets. Knows neither protocol.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::time::Duration;

use futures_util::TryStreamExt;
use futures_util::stream::BoxStream;
use sqlx::Error;
use tokio::time::Instant;
use url::Url;

use crate::config::secret::{Secret, Setting};
use crate::config::sql::lex::Dialect;
use crate::domain::fault::{Fault, FaultClass};
use crate::net::fault::of_shortage;

/// How long a connection may take to come about.
pub(super) const CONNECT: Duration = Duration::from_secs(5);
/// How long a connection is kept.
pub(super) const LIFETIME: Duration = Duration::from_mins(30);
/// How long after its own limit a server may take to say that it gave up, before we cancel.
const GRACE: Duration = Duration::from_millis(150);
/// How long a cancellation may take.
pub(super) const CANCEL: Duration = Duration::from_millis(700);
/// How long a reused connection may take to answer at all.
pub(super) const WAKE: Duration = Duration::from_secs(2);
/// How long a server may take to forget a question.
pub(super) const TIDY: Duration = Duration::from_millis(500);

/// Where a server is and how to log in.
#[derive(Clone)]
pub(super) struct Address {
    pub(super) host: Host,
    pub(super) port: u16,
    pub(super) user: Option<String>,
    pub(super) password: Option<Secret>,
    pub(super) database: Option<String>,
    pub(super) tls: Tls,
    scheme: &'static str,
}

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Host {
    /// A name or an address.
    Tcp(String),
    /// A Unix socket: PostgreSQL's directory, MySQL's file.
    Socket(PathBuf),
}

/// How the connection is secured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Tls {
    /// Not: only where nobody can listen, on a Unix socket or the loopback.
    Off,
    /// The certificate is checked, and the host name in it when `host_name`.
    On {
        host_name: bool,
        ca: Option<PathBuf>,
        cert: Option<PathBuf>,
        key: Option<PathBuf>,
    },
}

impl Address {
    /// Reads the URL of a server: `postgres://user:password@host:port/database?sslmode=…`.
    ///
    /// Understood beside it: `sslmode` (`disable` only for a Unix socket or the loopback, `verify-ca`,
    /// `verify-full`), `sslrootcert`, `sslcert`, `sslkey`, `host` or `socket` (a Unix socket).
    ///
    /// # Errors
    /// A `config` fault without any part of the URL that may be secret.
    pub(super) fn parse(text: &str, dialect: Dialect) -> Result<Self, Fault> {
        let (schemes, scheme, port) = match dialect {
            Dialect::Mysql => (["mysql", "mariadb"], "mysql", 3306),
            _ => (["postgres", "postgresql"], "postgres", 5432),
        };
        let expected = format!("expected {scheme}://user:password@host:port/database");
        let url = Url::parse(text.trim())
            .map_err(|e| config(format!("the URL cannot be read ({e}), {expected}")))?;
        if !schemes.contains(&url.scheme()) {
            return Err(config(format!(
                "the URL starts with `{}`, {expected}",
                url.scheme()
            )));
        }
        let behind = [url.path(), url.query().unwrap_or_default()];
        if behind.iter().any(|part| part.contains('@')) || url.fragment().is_some() {
            return Err(config(format!(
                "the URL has an `@` or `#` behind the host, {expected}"
            ))
            .help("percent-encode / ? # @ in user and password, such as %40 for @"));
        }
        let mut parts = Parts::default();
        for (key, value) in url.query_pairs() {
            parts.set(&key, value.into_owned())?;
        }
        let host = match (parts.socket, url.host_str().filter(|h| !h.is_empty())) {
            (Some(path), _) => Host::Socket(path),
            (None, Some(host)) => host_of(&decoded(host)?),
            (None, None) => return Err(config(format!("the URL names no host, {expected}"))),
        };
        let database = url.path().trim_matches('/');
        Ok(Self {
            tls: parts.tls.secure(&host)?,
            host,
            port: url.port().unwrap_or(port),
            user: some(decoded(url.username())?),
            password: url.password().map(decoded).transpose()?.map(Secret::new),
            database: some(decoded(database)?),
            scheme,
        })
    }

    /// Whether a text repeats the password, so that it must not be shown.
    pub(super) fn gives_away(&self, text: &str) -> bool {
        let password = self.password.as_ref().map(Secret::expose);
        password.is_some_and(|password| {
            text == password || (password.len() >= 3 && text.contains(password))
        })
    }

    /// The same fault without the password, should a server or a library have repeated it.
    pub(super) fn scrub(&self, mut fault: Fault) -> Fault {
        if let Some(password) = self.password.as_ref().map(Secret::expose)
            && password.len() >= 3
        {
            fault.message = fault.message.replace(password, "…");
            fault.help = fault.help.replace(password, "…");
        }
        fault
    }

    /// Says whether the host has an address, so that a name without one is told apart from a dead server.
    ///
    /// # Errors
    /// A `dns` fault.
    pub(super) async fn resolve(&self) -> Result<(), Fault> {
        let Host::Tcp(host) = &self.host else {
            return Ok(());
        };
        let found = tokio::net::lookup_host((host.as_str(), self.port)).await;
        match found.map(|mut addresses| addresses.next().is_some()) {
            Ok(true) => Ok(()),
            Ok(false) => Err(Fault::new(
                FaultClass::Dns,
                format!("{host} has no address"),
            )),
            Err(e) => Err(Fault::new(
                FaultClass::Dns,
                format!("{host} has no address: {e}"),
            )),
        }
    }
}

/// Without user, password and database: whoever keeps the URL elsewhere keeps all of it a secret.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Tcp(host) => write!(f, "{}://{host}:{}", self.scheme, self.port),
            Host::Socket(path) => write!(f, "{}:{}", self.scheme, path.display()),
        }
    }
}

/// What stands in the query of a URL.
#[derive(Default)]
struct Parts {
    socket: Option<PathBuf>,
    tls: TlsParts,
}

#[derive(Default)]
struct TlsParts {
    mode: Option<String>,
    ca: Option<PathBuf>,
    cert: Option<PathBuf>,
    key: Option<PathBuf>,
}

impl Parts {
    fn set(&mut self, key: &str, value: String) -> Result<(), Fault> {
        match key {
            "sslmode" | "ssl-mode" => {
                self.tls.mode = Some(value.to_ascii_lowercase().replace('_', "-"))
            }
            "sslrootcert" | "ssl-ca" => self.tls.ca = Some(value.into()),
            "sslcert" | "ssl-cert" => self.tls.cert = Some(value.into()),
            "sslkey" | "ssl-key" => self.tls.key = Some(value.into()),
            "host" | "socket" if value.starts_with('/') => self.socket = Some(value.into()),
            _ => {
                return Err(config(format!(
                    "the URL has the parameter `{key}`, expected sslmode, sslrootcert, sslcert, sslkey or socket=/PATH"
                )));
            }
        }
        Ok(())
    }
}

impl TlsParts {
    fn secure(self, host: &Host) -> Result<Tls, Fault> {
        let near = match host {
            Host::Socket(_) => true,
            Host::Tcp(name) => {
                let bare = name.trim_matches(['[', ']']);
                name == "localhost"
                    || bare
                        .parse::<std::net::IpAddr>()
                        .is_ok_and(|ip| ip.is_loopback())
            }
        };
        let host_name = match self.mode.as_deref() {
            Some("disable" | "disabled") if near => return Ok(Tls::Off),
            None if near && self.ca.is_none() => return Ok(Tls::Off),
            None | Some("verify-full" | "verify-identity") => true,
            Some("verify-ca") => false,
            Some("disable" | "disabled") => {
                return Err(config(
                    "the URL says sslmode=disable, expected verify-full: only a Unix socket or the loopback goes without TLS",
                ));
            }
            Some(mode) => {
                return Err(config(format!(
                    "the URL says sslmode={mode}, expected verify-full, verify-ca or (loopback only) disable"
                ))
                .help("prefer, allow and require do not prove who answers"));
            }
        };
        Ok(Tls::On {
            host_name,
            ca: self.ca,
            cert: self.cert,
            key: self.key,
        })
    }
}

fn host_of(host: &str) -> Host {
    if host.starts_with('/') {
        Host::Socket(host.into())
    } else {
        Host::Tcp(host.trim_matches(['[', ']']).to_owned())
    }
}

fn some(text: String) -> Option<String> {
    Some(text).filter(|t| !t.is_empty())
}

/// Percent-decodes a part of a URL.
fn decoded(text: &str) -> Result<String, Fault> {
    // A form pair decodes percent signs and takes `+` for a space, which is protected first.
    let pair = format!("x={}", text.replace('+', "%2B").replace('&', "%26"));
    let value = url::form_urlencoded::parse(pair.as_bytes())
        .next()
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default();
    if value.contains(['\u{fffd}', '\0']) {
        return Err(config(
            "the URL holds percent-encoded bytes that are not UTF-8 text",
        ));
    }
    Ok(value)
}

/// A secret setting as read at one moment, and the value that changes with it.
pub(super) fn read(setting: &Setting) -> Result<(Secret, u64), Fault> {
    let secret = setting
        .read()
        .map_err(|e| Fault::new(FaultClass::Config, format!("the URL: {e}")))?;
    let hash = hash(secret.expose());
    Ok((secret, hash))
}

/// The value that changes with a setting; one that cannot be read has a value of its own.
pub(super) fn credentials(setting: &Setting) -> u64 {
    match setting.read() {
        Ok(secret) => hash(secret.expose()),
        Err(e) => hash(&format!("unreadable: {e}")),
    }
}

fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

fn config(message: impl AsRef<str>) -> Fault {
    Fault::new(FaultClass::Config, message)
}

/// The time one question may take, seen from both ends of the wire.
///
/// The server gives up first and says so; if it does not, we cancel `GRACE` later. An answer that comes when the
/// server's limit was over is not believed: a cut statement may look like a whole one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    asked: Instant,
    limit: Duration,
}

impl Clock {
    pub(super) fn start(timeout: Duration) -> Self {
        Self {
            asked: Instant::now(),
            limit: timeout,
        }
    }

    /// What is left for the server, at least a millisecond: zero would mean no limit at all.
    pub(super) fn left(&self) -> Duration {
        self.limit
            .saturating_sub(self.asked.elapsed())
            .max(Duration::from_millis(1))
    }

    /// When to cancel.
    pub(super) fn cancel_at(&self) -> Instant {
        self.asked + self.limit + GRACE
    }

    /// Whether an answer comes too late to be believed. A server counts whole milliseconds, hence the margin.
    pub(super) fn is_over(&self) -> bool {
        self.asked.elapsed() + Duration::from_millis(2) >= self.limit
    }

    /// The fault of a question that took too long.
    pub(super) fn fault(&self) -> Fault {
        Fault::new(
            FaultClass::Timeout,
            format!("no answer within {:?}", self.limit),
        )
        .help("make the statement faster, such as with an index, or raise `timeout`")
    }
}

/// Whether the rows that nobody wants end soon; if not, the connection that brings them is to be given up.
pub(super) async fn drain<R>(mut rows: BoxStream<'_, Result<R, Error>>) -> bool {
    let rest = async {
        for _ in 0..1000 {
            if !matches!(rows.try_next().await, Ok(Some(_))) {
                return true;
            }
        }
        false
    };
    tokio::time::timeout(Duration::from_millis(200), rest)
        .await
        .unwrap_or(false)
}

/// The fault of an error that is none of the database's own.
pub(super) fn transport(error: &Error, address: &Address) -> Fault {
    if let Error::Io(error) = error
        && let Some(shortage) = of_shortage(error)
    {
        return shortage;
    }
    let insecure = |why: &dyn fmt::Display| {
        (
            FaultClass::Tls,
            format!("{address}: no safe connection: {why}"),
            "name a private certificate authority with sslrootcert=PATH in the URL",
        )
    };
    let (class, message, help) = match error {
        Error::Io(e) if e.kind() == std::io::ErrorKind::ConnectionRefused => (
            FaultClass::Net,
            format!("{address} refuses connections"),
            "is the server running, and is the port right?",
        ),
        Error::Io(e) if e.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()) => insecure(e),
        Error::Io(e) => (FaultClass::Net, format!("{address}: {e}"), ""),
        Error::Tls(e) => insecure(e),
        Error::Configuration(e) => (FaultClass::Config, format!("{address}: {e}"), ""),
        Error::Protocol(e) => (FaultClass::Net, format!("{address}: {e}"), ""),
        other => (FaultClass::Internal, format!("{address}: {other}"), ""),
    };
    address.scrub(Fault::new(class, message).help(help))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pg(url: &str) -> Result<Address, Fault> {
        Address::parse(url, Dialect::Postgres)
    }

    #[test]
    fn f71_a_url_is_read_and_shown_without_who_what_and_how() {
        let a = pg("postgres://crm:p%40ss+w%2Frd@db.example:6543/crm%20db").unwrap();
        assert_eq!(a.host, Host::Tcp("db.example".into()));
        assert_eq!((a.port, a.user.as_deref()), (6543, Some("crm")));
        assert_eq!(a.password.as_ref().unwrap().expose(), "p@ss+w/rd");
        assert_eq!(a.database.as_deref(), Some("crm db"));
        assert_eq!(a.to_string(), "postgres://db.example:6543");
        let my = Address::parse("mariadb://u@h/d", Dialect::Mysql).unwrap();
        assert_eq!((my.port, my.to_string()), (3306, "mysql://h:3306".into()));
        let socket = pg("postgres://u@%2Frun%2Fpg/d").unwrap();
        assert_eq!(socket.host, Host::Socket("/run/pg".into()));
        let socket = pg("postgres:///d?host=/run/pg").unwrap();
        assert_eq!(socket.host, Host::Socket("/run/pg".into()));
    }

    #[test]
    fn tls_is_the_rule_and_its_absence_the_exception() {
        let full = |host_name| Tls::On {
            host_name,
            ca: None,
            cert: None,
            key: None,
        };
        for (url, tls) in [
            ("postgres://db.example/d", full(true)),
            ("postgres://db.example/d?sslmode=verify-ca", full(false)),
            ("postgres://127.0.0.1/d?sslmode=verify-full", full(true)),
            ("postgres://127.0.0.1/d", Tls::Off),
            ("postgres://[::1]/d", Tls::Off),
            ("postgres://localhost/d?sslmode=disable", Tls::Off),
        ] {
            assert_eq!(pg(url).unwrap().tls, tls, "{url}");
        }
        for mode in ["prefer", "require", "allow", "disable", "x"] {
            let url = format!("postgres://db.example/d?sslmode={mode}");
            let fault = pg(&url).err().unwrap();
            assert_eq!(fault.class, FaultClass::Config);
            assert!(fault.message.contains(mode), "{fault}");
        }
        let my = Address::parse(
            "mysql://db.example/d?ssl-mode=VERIFY_IDENTITY",
            Dialect::Mysql,
        );
        assert_eq!(my.unwrap().tls, full(true));
    }

    #[test]
    fn f71_a_url_that_cannot_be_read_is_not_repeated() {
        for url in [
            "postgres://u:hunter2/x@db.example/d",
            "postgres://u:12/hunter2@db.example/d",
            "postgres://u:1#hunter2@db.example/d",
            "postgres://u:1?hunter2@db.example/d",
            "hunter2",
            "postgres://u:hunter2@:1/d",
            "mysql://u:hunter2@db/d",
            "postgres://u:hunter2@db/d?password=hunter2",
            "postgres://u:%ff%fehunter2@db/d",
        ] {
            let fault = pg(url).err().unwrap();
            assert_eq!(fault.class, FaultClass::Config, "{url}");
            assert!(!fault.to_string().contains("hunter2"), "{fault}");
        }
    }

    #[test]
    fn f71_a_password_is_taken_out_of_errors() {
        let a = pg("postgres://u:hunter2@db/d").unwrap();
        let fault = a.scrub(Fault::new(FaultClass::Auth, "no hunter2 here").help("hunter2"));
        assert_eq!(fault.to_string(), "auth: no … here (…)");
    }

    #[test]
    fn credentials_change_with_the_secret() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("url");
        let setting = Setting::Secret(crate::config::secret::SecretRef::File(path.clone()));
        let missing = credentials(&setting);
        std::fs::write(&path, "a").unwrap();
        let first = credentials(&setting);
        std::fs::write(&path, "b").unwrap();
        assert!(missing != first && first != credentials(&setting));
        std::fs::write(&path, "a\n").unwrap();
        assert_eq!(first, credentials(&setting));
    }
}
