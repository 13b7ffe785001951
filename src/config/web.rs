//! The file of `server.web_config`: TLS and passwords of okrd's own server, in the format that Prometheus and its exporters
//! share (prometheus/exporter-toolkit, docs/web-configuration.md). Unknown keys are errors, and so is what okrd cannot do:
//! leaving it out silently would promise more than is kept. Reads through `secret`; no message shows a value of the file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::secret::{Secret, SecretError, SecretRef};

/// What the file says.
#[derive(Clone, Debug)]
pub struct WebConfig {
    /// TLS; plain HTTP without it.
    pub tls: Option<TlsSpec>,
    /// Headers that every answer gets, in place of okrd's own of that name.
    pub headers: Vec<(String, String)>,
    /// Users with the bcrypt hashes of their passwords.
    pub users: BTreeMap<String, Secret>,
}

/// How TLS is spoken.
#[derive(Clone, Debug)]
pub struct TlsSpec {
    /// The certificate.
    pub cert: Pem,
    /// Its key.
    pub key: Pem,
    /// Who must show one, too.
    pub clients: Clients,
    /// The oldest version.
    pub min_version: TlsVersion,
    /// The newest.
    pub max_version: TlsVersion,
    /// Ciphers of TLS 1.2 by their IANA names; all when empty.
    pub cipher_suites: Vec<String>,
    /// Curves by their Go names, preferred first; all when empty.
    pub curves: Vec<String>,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// RFC 5246.
    Tls12,
    /// RFC 8446.
    Tls13,
}

/// Which clients must show a certificate of these authorities.
#[derive(Clone, Debug)]
pub enum Clients {
    /// None.
    Nobody,
    /// Who shows one at all.
    IfGiven(Pem),
    /// All.
    Everyone(Pem),
}

impl Clients {
    /// The authorities.
    #[must_use]
    pub fn authorities(&self) -> Option<&Pem> {
        match self {
            Self::Nobody => None,
            Self::IfGiven(pem) | Self::Everyone(pem) => Some(pem),
        }
    }
}

/// Something in PEM.
#[derive(Clone, Debug)]
pub enum Pem {
    /// In a file of its own.
    File(PathBuf),
    /// In this file.
    Inline(Secret),
}

impl Pem {
    /// Reads it.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read(&self) -> Result<Secret, SecretError> {
        match self {
            Self::File(path) => SecretRef::File(path.clone()).read(),
            Self::Inline(pem) => Ok(pem.clone()),
        }
    }
}

/// The cheapest and the dearest bcrypt that is taken. Each step doubles the time: 15 takes a second or two, and each start of
/// a client waits for it.
const COSTS: std::ops::RangeInclusive<u32> = 4..=15;

impl WebConfig {
    /// Reads the file's text; paths in it are relative to `folder`.
    ///
    /// # Errors
    /// What is wrong, where, and the remedy.
    pub fn parse(text: &str, folder: &Path) -> Result<Self, String> {
        let options = serde_saphyr::options! { with_snippet: false, strict_booleans: true };
        let read = serde_saphyr::from_str_with_options::<Option<Raw>>(text, options);
        let raw = read.map_err(|error| told(&error))?.unwrap_or_default();
        let server = raw.http_server_config.unwrap_or_default();
        if raw.rate_limit.is_some() {
            return Err("`rate_limit` is not supported: okrd bounds connections and wrong credentials by itself; remove it".into());
        }
        let users = raw.basic_auth_users.unwrap_or_default();
        for (name, hash) in &users {
            bcrypt_cost(hash.0.expose()).map_err(|why| {
                format!(
                    "the password of user `{}` in `basic_auth_users` {why}",
                    name.escape_debug()
                )
            })?;
        }
        Ok(Self {
            tls: (raw.tls_server_config)
                .map(|tls| tls.checked(folder))
                .transpose()?,
            headers: server.headers.unwrap_or_default().all()?,
            users: users
                .into_iter()
                .map(|(name, Kept(hash))| (name, hash))
                .collect(),
        })
    }
}

/// The cost of a bcrypt hash: `$2y$10$` and 53 characters.
///
/// # Errors
/// What is wrong with it, after "the password …".
pub fn bcrypt_cost(hash: &str) -> Result<u32, String> {
    let mut parts = hash.split('$');
    let (empty, version, cost, rest) = (parts.next(), parts.next(), parts.next(), parts.next());
    let is_base64 = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '/';
    let whole = empty == Some("")
        && version.is_some_and(|version| ["2a", "2b", "2y"].contains(&version))
        && rest.is_some_and(|rest| rest.len() == 53 && rest.chars().all(is_base64))
        && parts.next().is_none();
    let cost = cost.filter(|cost| whole && cost.len() == 2);
    let Some(cost) = cost.and_then(|cost| cost.parse::<u32>().ok()) else {
        return Err(
            "is no bcrypt hash; make one with `htpasswd -nBC 10 \"\" | tr -d ':\\n'`".into(),
        );
    };
    if !COSTS.contains(&cost) {
        return Err(format!(
            "has the bcrypt cost {cost}, expected {} to {}; 10 is usual",
            COSTS.start(),
            COSTS.end()
        ));
    }
    Ok(cost)
}

/// What the reader has against a text, without anything that might be a secret in it.
fn told(error: &serde_saphyr::Error) -> String {
    let mut message = String::new();
    for (nth, part) in error.to_string().split('"').enumerate() {
        // Between quotes stands what was found.
        message.push_str(if nth.is_multiple_of(2) {
            part
        } else {
            "\"…\""
        });
    }
    let message: String = message
        .lines()
        .next()
        .unwrap_or_default()
        .chars()
        .take(300)
        .collect();
    match error.location() {
        Some(at) if !message.contains("line ") => {
            format!("line {}, column {}: {message}", at.line(), at.column())
        }
        _ => message,
    }
}

/// A text that is not shown.
struct Kept(Secret);

impl<'de> Deserialize<'de> for Kept {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Secret::new(text)))
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    tls_server_config: Option<RawTls>,
    http_server_config: Option<RawHttp>,
    basic_auth_users: Option<BTreeMap<String, Kept>>,
    rate_limit: Option<serde::de::IgnoredAny>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTls {
    cert: Option<Kept>,
    key: Option<Kept>,
    client_ca: Option<Kept>,
    cert_file: Option<PathBuf>,
    key_file: Option<PathBuf>,
    client_auth_type: Option<String>,
    client_ca_file: Option<PathBuf>,
    client_allowed_sans: Option<Vec<String>>,
    min_version: Option<String>,
    max_version: Option<String>,
    cipher_suites: Option<Vec<String>>,
    /// The server's preference is what rustls follows in any case.
    #[serde(rename = "prefer_server_cipher_suites")]
    _prefer_server_cipher_suites: Option<bool>,
    curve_preferences: Option<Vec<String>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawHttp {
    /// A permission, and HTTP/1.1 is what is spoken.
    #[serde(rename = "http2")]
    _http2: Option<bool>,
    headers: Option<RawHeaders>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawHeaders {
    #[serde(rename = "Content-Security-Policy")]
    content_security_policy: Option<String>,
    #[serde(rename = "X-Frame-Options")]
    frame_options: Option<String>,
    #[serde(rename = "X-Content-Type-Options")]
    content_type_options: Option<String>,
    #[serde(rename = "X-XSS-Protection")]
    xss_protection: Option<String>,
    #[serde(rename = "Strict-Transport-Security")]
    strict_transport_security: Option<String>,
}

impl RawHeaders {
    /// Those that are not blank.
    fn all(self) -> Result<Vec<(String, String)>, String> {
        let all = [
            ("content-security-policy", self.content_security_policy),
            ("x-frame-options", self.frame_options),
            ("x-content-type-options", self.content_type_options),
            ("x-xss-protection", self.xss_protection),
            ("strict-transport-security", self.strict_transport_security),
        ];
        let all = all
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)));
        let mut set = Vec::new();
        for (name, value) in all.filter(|(_, value)| !value.is_empty()) {
            if !value.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
                return Err(format!("header `{name}`: expected one line of plain ASCII"));
            }
            set.push((name.to_owned(), value));
        }
        Ok(set)
    }
}

impl RawTls {
    fn checked(self, folder: &Path) -> Result<TlsSpec, String> {
        if self
            .client_allowed_sans
            .is_some_and(|sans| !sans.is_empty())
        {
            return Err("`client_allowed_sans` is not supported: let an authority of its own sign the clients that may come, and name it as `client_ca_file`".into());
        }
        let pem = |name: &str, file: Option<PathBuf>, inline: Option<Kept>| match (file, inline) {
            (Some(_), Some(_)) => Err(format!(
                "`{name}` and `{name}_file` are both given, expected one"
            )),
            (Some(path), None) => Ok(Some(Pem::File(folder.join(path)))),
            (None, inline) => Ok(inline.map(|Kept(pem)| Pem::Inline(pem))),
        };
        let missing = |name: &str| format!("`tls_server_config` needs `{name}_file` or `{name}`");
        let authorities = pem("client_ca", self.client_ca_file, self.client_ca)?;
        let spec = TlsSpec {
            cert: pem("cert", self.cert_file, self.cert)?.ok_or_else(|| missing("cert"))?,
            key: pem("key", self.key_file, self.key)?.ok_or_else(|| missing("key"))?,
            clients: clients(self.client_auth_type.as_deref(), authorities)?,
            min_version: version(
                "min_version",
                self.min_version.as_deref(),
                TlsVersion::Tls12,
            )?,
            max_version: version(
                "max_version",
                self.max_version.as_deref(),
                TlsVersion::Tls13,
            )?,
            cipher_suites: self.cipher_suites.unwrap_or_default(),
            curves: self.curve_preferences.unwrap_or_default(),
        };
        if spec.min_version > spec.max_version {
            return Err("`min_version` is newer than `max_version`".into());
        }
        Ok(spec)
    }
}

fn clients(kind: Option<&str>, authorities: Option<Pem>) -> Result<Clients, String> {
    let kind = kind.unwrap_or("NoClientCert");
    match (kind, authorities) {
        ("NoClientCert" | "", None) => Ok(Clients::Nobody),
        ("NoClientCert" | "", Some(_)) => Err("`client_ca_file` without a `client_auth_type` that looks at it: add `client_auth_type: RequireAndVerifyClientCert`".into()),
        ("VerifyClientCertIfGiven", Some(pem)) => Ok(Clients::IfGiven(pem)),
        ("RequireAndVerifyClientCert", Some(pem)) => Ok(Clients::Everyone(pem)),
        ("VerifyClientCertIfGiven" | "RequireAndVerifyClientCert", None) => {
            Err(format!("`client_auth_type: {kind}` needs `client_ca_file`"))
        }
        ("RequestClientCert" | "RequireAnyClientCert", _) => Err(format!(
            "`client_auth_type: {kind}` is not supported, since it believes any certificate: use RequireAndVerifyClientCert"
        )),
        _ => Err("`client_auth_type` is none of NoClientCert, VerifyClientCertIfGiven, RequireAndVerifyClientCert".into()),
    }
}

fn version(name: &str, given: Option<&str>, usual: TlsVersion) -> Result<TlsVersion, String> {
    match given {
        None | Some("") => Ok(usual),
        Some("TLS12") => Ok(TlsVersion::Tls12),
        Some("TLS13") => Ok(TlsVersion::Tls13),
        Some("TLS10" | "TLS11") => Err(format!(
            "`{name}`: TLS 1.0 and 1.1 are not supported, since they protect nothing any more: use TLS12"
        )),
        Some(_) => Err(format!("`{name}` is none of TLS12 and TLS13")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// bcrypt of "secret" at the lowest cost; the form is what matters here.
    const HASH: &str = "$2y$04$8nPVkBh9SuYsUBaT8oeZb.xj5W9PH4DyfyTN7ktGCDDZ0GbxtGhMa";

    fn parse(text: &str) -> Result<WebConfig, String> {
        WebConfig::parse(text, Path::new("/etc/okrd"))
    }

    #[test]
    fn the_format_of_the_toolkit_is_read() {
        let text = format!(
            "# As exporters have it.\ntls_server_config:\n  cert_file: tls/server.crt\n  key_file: /run/server.key\n  \
             client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem\n  min_version: TLS13\n  \
             prefer_server_cipher_suites: true\nhttp_server_config:\n  http2: true\n  headers:\n    \
             Strict-Transport-Security: max-age=31536000\n    X-XSS-Protection: ''\nbasic_auth_users:\n  alice: {HASH}\n  \
             'bob b': '{HASH}'\n"
        );
        let read = parse(&text).unwrap();
        let tls = read.tls.unwrap();
        assert!(
            matches!(tls.cert, Pem::File(path) if path == Path::new("/etc/okrd/tls/server.crt"))
        );
        assert!(matches!(tls.key, Pem::File(path) if path == Path::new("/run/server.key")));
        assert!(matches!(tls.clients, Clients::Everyone(Pem::File(_))));
        assert_eq!(
            (tls.min_version, tls.max_version),
            (TlsVersion::Tls13, TlsVersion::Tls13)
        );
        let hsts = (
            "strict-transport-security".to_owned(),
            "max-age=31536000".to_owned(),
        );
        assert_eq!(read.headers, [hsts]);
        assert_eq!(read.users.keys().collect::<Vec<_>>(), ["alice", "bob b"]);
        for empty in ["", "# nothing\n", "{}", "basic_auth_users:\n"] {
            let read = parse(empty).unwrap();
            assert!(read.tls.is_none() && read.users.is_empty());
        }
    }

    #[test]
    fn what_is_wrong_or_cannot_be_done_is_said_without_any_secret() {
        let tls = "tls_server_config:\n  cert_file: a\n  key_file: b\n";
        for (text, said) in [
            ("tls_config:\n".to_owned(), "unknown field `tls_config`"),
            (format!("{tls}  cert_fil: x\n"), "cert_fil"),
            (
                "tls_server_config:\n  cert_file: a\n".into(),
                "needs `key_file`",
            ),
            (format!("{tls}  cert: x\n"), "both given"),
            (
                format!("{tls}  client_ca_file: x\n"),
                "RequireAndVerifyClientCert",
            ),
            (
                format!("{tls}  client_auth_type: RequireAnyClientCert\n"),
                "believes any",
            ),
            (format!("{tls}  client_auth_type: Often\n"), "none of"),
            (
                format!("{tls}  client_allowed_sans: [a]\n"),
                "not supported",
            ),
            (format!("{tls}  min_version: TLS10\n"), "TLS12"),
            (
                format!("{tls}  min_version: TLS13\n  max_version: TLS12\n"),
                "newer",
            ),
            ("rate_limit:\n  burst: 3\n".into(), "not supported"),
            ("basic_auth_users:\n  a: hunter2\n".into(), "no bcrypt hash"),
            (
                format!("basic_auth_users:\n  a: {}\n", HASH.replace("04", "31")),
                "cost 31",
            ),
            (format!("basic_auth_users: \"{HASH}\"\n"), ""),
            (
                format!("basic_auth_users:\n  a: {HASH}\n  a: {HASH}\n"),
                "a",
            ),
            (format!("basic_auth_users:\n a: [{HASH}\n"), ""),
            ("http_server_config:\n  http2: \"hunter2\"\n".into(), "line"),
            (
                "http_server_config:\n  headers:\n    Server: x\n".into(),
                "Server",
            ),
            (
                "http_server_config:\n  headers:\n    X-Frame-Options: \"a\\nb\"\n".into(),
                "one line",
            ),
        ] {
            let error = parse(&text).unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
            assert!(
                !error.contains("hunter2") && !error.contains("8nPVk"),
                "{error}"
            );
            assert!(!error.contains('\n'), "{error}");
        }
    }
}
