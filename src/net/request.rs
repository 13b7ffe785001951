//! A request as plain values: where, what, how long, how much. Keeps track of every secret it carries so that
//! neither an error nor an echoing server can show one. Knows no client.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::fault::shown_url;
use crate::domain::fault::{Fault, FaultClass};

/// GET or POST; nothing that okrd asks ever writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// GET.
    Get,
    /// POST of a question.
    Post,
}

/// One request.
#[derive(Clone)]
pub struct Request {
    /// How it is asked.
    pub method: Method,
    /// Where; `http` or `https`.
    pub url: Url,
    /// Headers; secret ones are marked sensitive.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Content type and bytes.
    pub body: Option<(String, Vec<u8>)>,
    /// How long everything may take, name look-up to the last byte.
    pub deadline: Duration,
    /// The time that faults speak of: the deadline, or that of the whole question which this request is a part of.
    pub(super) allowed: Duration,
    /// The largest answer in bytes, counted after decompression.
    pub max_body: usize,
    pub(super) login: Option<(String, SecretString)>,
    hidden: Vec<SecretString>,
    path_is_secret: bool,
}

impl Request {
    /// The largest answer when nothing else is said: 8 MiB.
    pub const DEFAULT_MAX_BODY: usize = 8 * 1024 * 1024;

    /// A GET.
    #[must_use]
    pub fn get(url: Url, deadline: Duration) -> Self {
        Self {
            method: Method::Get,
            url,
            headers: Vec::new(),
            body: None,
            deadline,
            allowed: deadline,
            max_body: Self::DEFAULT_MAX_BODY,
            login: None,
            hidden: Vec::new(),
            path_is_secret: false,
        }
    }

    /// A POST of `bytes`.
    #[must_use]
    pub fn post(url: Url, content_type: &str, bytes: Vec<u8>, deadline: Duration) -> Self {
        Self {
            method: Method::Post,
            body: Some((content_type.to_owned(), bytes)),
            ..Self::get(url, deadline)
        }
    }

    /// As a part of a question that may take `whole`: the deadline is what is left of that, which tells people nothing.
    #[must_use]
    pub fn part_of(mut self, whole: Duration) -> Self {
        self.allowed = whole;
        self
    }

    /// With another cap on the answer.
    #[must_use]
    pub fn max_body(mut self, bytes: usize) -> Self {
        self.max_body = bytes;
        self
    }

    /// With a header that is no secret.
    ///
    /// # Errors
    /// [`FaultClass::Config`] when name or value cannot stand in a header.
    pub fn header(mut self, name: &str, value: &str) -> Result<Self, Fault> {
        let value = HeaderValue::from_str(value).map_err(|_| not_a_header(name))?;
        self.headers.push((header_name(name)?, value));
        Ok(self)
    }

    /// With a header that is a secret.
    ///
    /// # Errors
    /// [`FaultClass::Config`] when name or value cannot stand in a header; the value is not told.
    pub fn secret_header(mut self, name: &str, secret: &str) -> Result<Self, Fault> {
        self.push_sensitive(header_name(name)?, secret)?;
        Ok(self.hide(secret))
    }

    /// With `Authorization: Bearer`.
    ///
    /// # Errors
    /// [`FaultClass::Config`] when the token cannot stand in a header.
    pub fn bearer(mut self, token: &str) -> Result<Self, Fault> {
        self.push_sensitive(AUTHORIZATION, &format!("Bearer {token}"))?;
        Ok(self.hide(token))
    }

    /// With `Authorization: Basic` (RFC 7617, UTF-8).
    #[must_use]
    pub fn basic(mut self, user: &str, token: &str) -> Self {
        self.login = Some((user.to_owned(), SecretString::from(token)));
        self.hide(token)
    }

    /// Also keep this text out of every fault: a secret that travels in the query or the body.
    #[must_use]
    pub fn hide(mut self, secret: &str) -> Self {
        self.hidden.push(SecretString::from(secret));
        self
    }

    /// Show no path in faults: the base URL itself came from a secret place.
    #[must_use]
    pub fn hide_path(mut self) -> Self {
        self.path_is_secret = true;
        self
    }

    /// The URL as faults may show it: no user, query or fragment.
    #[must_use]
    pub fn shown_url(&self) -> String {
        if self.path_is_secret {
            return format!("{}/…", self.url.origin().ascii_serialization());
        }
        let shown = shown_url(&self.url);
        if self.gives_away(&shown) {
            return format!("{}/…", self.url.origin().ascii_serialization());
        }
        shown
    }

    /// Whether a text holds a part of a secret that this request carries; six characters in a row count.
    #[must_use]
    pub fn gives_away(&self, text: &str) -> bool {
        gives_away(&self.hidden, text)
    }

    fn push_sensitive(&mut self, name: HeaderName, secret: &str) -> Result<(), Fault> {
        let mut value = HeaderValue::from_str(secret).map_err(|_| not_a_header(name.as_str()))?;
        value.set_sensitive(true);
        self.headers.push((name, value));
        Ok(())
    }

    pub(super) fn hidden(&self) -> Hidden {
        Hidden(self.hidden.clone().into())
    }
}

/// The secrets that went out with a request, so that nothing said of its answer repeats one.
#[derive(Clone, Default)]
pub struct Hidden(Arc<[SecretString]>);

impl Hidden {
    /// Whether a text holds a part of one of them; see [`Request::gives_away`].
    #[must_use]
    pub fn gives_away(&self, text: &str) -> bool {
        gives_away(&self.0, text)
    }

    /// The same fault, if need be without words that repeat one of them: the one place through which faults of a
    /// request and its answer pass. What was asked was looked at when it was made.
    #[must_use]
    pub fn guard(&self, asked: &str, mut fault: Fault) -> Fault {
        let words = fault.message.strip_prefix(asked).unwrap_or(&fault.message);
        if self.gives_away(words) {
            let colon = if asked.is_empty() { "" } else { ": " };
            let message = format!(
                "{asked}{colon}what the source answered repeats a secret that was sent and is not shown"
            );
            fault.message = Fault::new(fault.class, message).message;
        }
        if self.gives_away(&fault.help) {
            fault.help.clear();
        }
        fault
    }

    /// As [`Hidden::guard`], for a fault that does not tell what was asked.
    #[must_use]
    pub fn veil(&self, fault: Fault) -> Fault {
        self.guard("", fault)
    }

    /// Whether these are the same secrets.
    #[must_use]
    pub fn same_as(&self, other: &Self) -> bool {
        let exposed = |hidden: &Self| {
            hidden
                .0
                .iter()
                .map(|s| s.expose_secret().to_owned())
                .collect::<Vec<_>>()
        };
        exposed(self) == exposed(other)
    }
}

impl From<Vec<SecretString>> for Hidden {
    fn from(secrets: Vec<SecretString>) -> Self {
        Self(secrets.into())
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} secrets", self.0.len())
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.shown_url())
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Get => "GET",
            Self::Post => "POST",
        })
    }
}

fn gives_away(hidden: &[SecretString], text: &str) -> bool {
    if hidden.is_empty() {
        return false;
    }
    let texts = readings(text);
    hidden.iter().any(|secret| {
        let secrets = readings(secret.expose_secret());
        secrets.iter().any(|s| texts.iter().any(|t| repeats(s, t)))
    })
}

/// Whether a text holds six characters in a row of a secret, or all of a shorter one.
fn repeats(secret: &str, text: &str) -> bool {
    const RUN: usize = 6;
    let secret: Vec<char> = secret.chars().collect();
    !secret.is_empty()
        && secret
            .windows(RUN.min(secret.len()))
            .any(|run| text.contains(&run.iter().collect::<String>()))
}

/// A text as it stands and as it reads once its escapes are undone: servers echo what they got percent-encoded, as a
/// form, in JSON or in a page, and some of it twice over.
fn readings(text: &str) -> Vec<String> {
    const ROUNDS: usize = 3;
    let mut found = vec![text.to_owned()];
    for _ in 0..ROUNDS {
        let Some(next) = found.last().map(|text| unescape(text)) else {
            break;
        };
        if found.contains(&next) {
            break;
        }
        found.push(next);
    }
    // A form's plus is a space, and no secret is told from another by its case.
    let same = |text: String| text.to_lowercase().replace('+', " ");
    found.into_iter().map(same).collect()
}

/// The text with one layer of `%2F`, `\/`, `\u002f`, `&amp;` and `&#47;` undone; what is no escape stays.
fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (plain, length) = escaped(rest).unwrap_or_else(|| {
            let mut own = [0; 4];
            (
                first.encode_utf8(&mut own).as_bytes().to_vec(),
                first.len_utf8(),
            )
        });
        bytes.extend(plain);
        rest = rest.get(length..).unwrap_or_default();
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The bytes behind the escape that a text begins with, and how long it is.
fn escaped(text: &str) -> Option<(Vec<u8>, usize)> {
    let hex = |from: usize, to: usize| u32::from_str_radix(text.get(from..to)?, 16).ok();
    let char = |code: u32| Some(char::from_u32(code)?.to_string().into_bytes());
    match text.as_bytes() {
        [b'%', ..] => Some((vec![u8::try_from(hex(1, 3)?).ok()?], 3)),
        [b'\\', b'u', ..] => Some((char(hex(2, 6)?)?, 6)),
        [b'\\', b'x', ..] => Some((char(hex(2, 4)?)?, 4)),
        [b'\\', plain @ (b'"' | b'\'' | b'\\' | b'/'), ..] => Some((vec![*plain], 2)),
        [b'&', b'#', ..] => {
            let end = text.find(';').filter(|end| *end <= 9)?;
            let code = match text.get(2..3)? {
                "x" | "X" => hex(3, end)?,
                _ => text.get(2..end)?.parse().ok()?,
            };
            Some((char(code)?, end + 1))
        }
        [b'&', ..] => {
            const NAMED: [(&str, u8); 5] = [
                ("&amp;", b'&'),
                ("&lt;", b'<'),
                ("&gt;", b'>'),
                ("&quot;", b'"'),
                ("&apos;", b'\''),
            ];
            let (name, plain) = NAMED.iter().find(|(name, _)| text.starts_with(name))?;
            Some((vec![*plain], name.len()))
        }
        _ => None,
    }
}

fn header_name(name: &str) -> Result<HeaderName, Fault> {
    HeaderName::from_bytes(name.as_bytes()).map_err(|_| not_a_header(name))
}

fn not_a_header(name: &str) -> Fault {
    Fault::new(
        FaultClass::Config,
        format!(
            "header `{}` cannot be sent: name or value holds characters that no header may hold",
            name.escape_debug()
        ),
    )
    .help("look for line breaks or control characters, in a secret file for instance")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(url: &str) -> Request {
        Request::get(Url::parse(url).unwrap(), Duration::from_secs(1))
    }

    #[test]
    fn f71_a_request_never_shows_its_secrets() {
        let request = request("https://u:hunter22@h.example/p/tok-123456?k=hunter22#f")
            .bearer("tok-123456")
            .unwrap()
            .header("accept", "application/json")
            .unwrap();
        assert_eq!(request.shown_url(), "https://h.example/…");
        assert_eq!(format!("{request:?}"), "GET https://h.example/…");
        assert!(!format!("{:?}", request.headers).contains("tok-"));
        assert!(request.gives_away("you sent TOK-12345!"));
        assert!(!request.gives_away("no valid bearer token"));
        assert!(!request.gives_away("not found"));
    }

    #[test]
    fn f71_a_secret_is_known_again_in_other_clothes() {
        let secret = r#"p@s/w"r&d+x=\ü"#;
        let request = request("http://h.example/").hide(secret);
        let form: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
        let json = serde_json::to_string(secret).unwrap();
        let percent = form.replace('+', "%20");
        for echo in [
            secret.to_owned(),
            form.clone(),
            percent.to_lowercase(),
            percent.replace('%', "%25"),
            json.clone(),
            json.replace('/', r"\/"),
            serde_json::to_string(&json).unwrap(),
            serde_json::to_string(&form).unwrap(),
            r"\u0070\u0040\u0073\u002f\u0077\u0022".to_owned(),
            "p&#64;s&#x2F;w&quot;r&amp;d+x".to_owned(),
        ] {
            assert!(request.gives_away(&format!("you sent <{echo}>")), "{echo}");
        }
        for other in [
            "100%",
            "%zz",
            r"\u12",
            "&#;",
            "&#999999999;",
            "&nbsp;",
            "p@s",
        ] {
            assert!(!request.gives_away(other), "{other}");
        }
        // A secret that is kept encoded is known when it comes back decoded.
        let encoded = request.hide("a%2Fb%2Fc%2Fd");
        assert!(encoded.gives_away("no such thing: a/b/c/d"));
    }

    #[test]
    fn f71_a_guarded_fault_keeps_its_class_and_what_was_asked() {
        let request = request("http://h.example/").hide("hunter22");
        let asked = "GET http://hunter22.example/";
        let fault = |words: &str| {
            let message = format!("{asked}: {words}");
            let fault = Fault::new(FaultClass::Partial, message).help(words);
            request.hidden().guard(asked, fault)
        };
        assert_eq!(fault("too few").message, format!("{asked}: too few"));
        let kept = fault("you are HUNTER22");
        assert_eq!(kept.class, FaultClass::Partial);
        assert!(kept.message.starts_with(asked) && !kept.to_string().contains("HUNTER"));
    }

    #[test]
    fn urls_are_shown_without_user_query_and_fragment() {
        let shown = request("http://u:p@127.0.0.1:8080/a/b?c=d#e").shown_url();
        assert_eq!(shown, "http://127.0.0.1:8080/a/b");
        let secret = request("http://h.example/hook/s3cr3t").hide_path();
        assert_eq!(secret.shown_url(), "http://h.example/…");
    }

    #[test]
    fn a_header_that_cannot_be_sent_is_a_config_fault_without_its_value() {
        let fault = request("http://h.example/")
            .secret_header("x-api-key", "two\nlines")
            .unwrap_err();
        assert_eq!(fault.class, FaultClass::Config);
        assert!(fault.message.contains("x-api-key") && !fault.to_string().contains("two"));
    }
}
