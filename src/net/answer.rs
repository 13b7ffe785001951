//! A complete answer: status, headers and the whole body. Says whether it may be believed at all; what it means is the
//! asker's affair. Never shows its body but for a short, cleaned snippet without secrets.

use std::fmt;

use reqwest::header::{CONTENT_TYPE, HeaderMap};
use serde_json::Value;

use super::request::Hidden;
use super::{fault, json};
use crate::domain::fault::{Fault, FaultClass};

/// A complete answer; redirects never get this far.
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The whole body, decompressed.
    pub body: Vec<u8>,
    /// The URL asked, without user, query and fragment.
    pub url_shown: String,
    /// Method and shown URL, to open a message with.
    pub asked: String,
    /// The secrets that went out with the request.
    pub hidden: Hidden,
}

impl Answer {
    /// The answer itself if its status is below 400.
    ///
    /// # Errors
    /// `auth` for 401 and 403, `rate_limited` for 429, 5xx with `Retry-After` and exhausted 403s, `timeout` for 408,
    /// `http_4xx` and `http_5xx` for the rest; `retry_after` is set whenever the server named a time.
    pub fn fail_on_status(&self) -> Result<&Self, Fault> {
        if self.status < 400 {
            return Ok(self);
        }
        let snippet = self.snippet();
        Err(fault::of_status(
            &self.asked,
            self.status,
            &self.headers,
            &snippet,
        ))
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// `bad_type` when the answer is of another kind, such as a login page; `bad_body` when it is not exactly one JSON
    /// document in UTF-8 without byte order mark, duplicate keys and bottomless nesting; `bad_value` when it
    /// holds a number beyond every float.
    pub fn json(&self) -> Result<Value, Fault> {
        self.fail_on_type()?;
        json::parse(&self.body).map_err(|why| {
            Fault::new(why.class, format!("{}: {}", self.asked, why.message)).help(why.help)
        })
    }

    /// Fails when the answer says, or shows by its first byte, that it is a page for people: for answers that are no JSON.
    ///
    /// # Errors
    /// `bad_type`.
    pub fn fail_on_page(&self) -> Result<(), Fault> {
        let kind = self.sent_type().to_ascii_lowercase();
        let first = self.body.iter().find(|b| !b.is_ascii_whitespace());
        if !kind.contains("html") && first != Some(&b'<') {
            return Ok(());
        }
        let fault = Fault::new(
            FaultClass::BadType,
            format!("{}: found a page, expected data", self.asked),
        );
        Err(fault.help("a login page perhaps: check the source's auth and url"))
    }

    /// Fails when the answer says, or shows by its first byte, that it is no JSON. Servers of static files call JSON
    /// text or bytes, so these pass.
    ///
    /// # Errors
    /// `bad_type`.
    pub fn fail_on_type(&self) -> Result<(), Fault> {
        let kind = self
            .sent_type()
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase();
        let is_json = kind.ends_with("/json") || kind.ends_with("+json");
        let may_be = matches!(
            kind.as_str(),
            "" | "text/plain"
                | "application/octet-stream"
                | "application/javascript"
                | "text/javascript"
        );
        let first = self.body.iter().find(|b| !b.is_ascii_whitespace());
        let looks_like_markup = first == Some(&b'<');
        // The type of nothing says nothing.
        let no_content = self.status == 204 && self.body.is_empty();
        if (is_json || may_be || no_content) && !looks_like_markup {
            return Ok(());
        }
        let found = match self.content_type() {
            none if none.is_empty() => "no content type to show".into(),
            found => found,
        };
        let looks = if looks_like_markup {
            " whose first character is `<`"
        } else {
            ""
        };
        let fault = Fault::new(
            FaultClass::BadType,
            format!("{}: found {found}{looks}, expected JSON", self.asked),
        );
        Err(fault.help("a login page perhaps: check the source's auth and url, and whether a proxy stands in between"))
    }

    /// The content type as sent: to decide by, not to show.
    fn sent_type(&self) -> &str {
        let value = self.headers.get(CONTENT_TYPE);
        value.map_or("", |v| v.to_str().unwrap_or("?"))
    }

    /// The content type as it may be shown, cut; empty if there is none or if it repeats a secret.
    #[must_use]
    pub fn content_type(&self) -> String {
        let shown: String = self.sent_type().chars().take(60).collect();
        if self.gives_away(self.sent_type()) {
            String::new()
        } else {
            shown
        }
    }

    /// The first 80 printable characters of a JSON or plain text body, for an error message; empty for other kinds and
    /// when the body repeats any part of a secret that was sent.
    #[must_use]
    pub fn snippet(&self) -> String {
        const LONGEST: usize = 80;
        self.excerpt(LONGEST)
    }

    /// The same, of at most this many characters.
    #[must_use]
    pub fn excerpt(&self, longest: usize) -> String {
        const LOOKED_AT: usize = 4096;
        let kind = self.sent_type().to_ascii_lowercase();
        if !(kind.contains("json")
            || kind.starts_with("text/plain")
            || kind.starts_with("text/csv"))
        {
            return String::new();
        }
        // Far more than is shown, far less than a body may be.
        let start = self.body.get(..LOOKED_AT).unwrap_or(&self.body);
        let text = String::from_utf8_lossy(start);
        let snippet = shorten(&text, longest);
        if self.gives_away(&text) || self.gives_away(&snippet) {
            return String::new();
        }
        snippet
    }

    /// The same fault, if need be without words that repeat a secret that was sent: every fault made of what an answer
    /// says must pass here.
    #[must_use]
    pub fn guard(&self, fault: Fault) -> Fault {
        self.hidden.guard(&self.asked, fault)
    }

    /// Whether a text holds part of a secret that was sent with the request.
    #[must_use]
    pub fn gives_away(&self, text: &str) -> bool {
        self.hidden.gives_away(text)
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {}, {} bytes",
            self.asked,
            self.status,
            self.body.len()
        )
    }
}

/// One line of at most `longest` characters, runs of white space and control characters made one space.
fn shorten(text: &str, longest: usize) -> String {
    let mut line = String::new();
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()) {
        if word.is_empty() {
            continue;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        if line.len() > longest * 4 {
            break;
        }
    }
    if line.chars().count() > longest {
        line = line.chars().take(longest - 1).collect();
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::SecretString;

    fn answer(status: u16, kind: &str, body: &str) -> Answer {
        let mut headers = HeaderMap::new();
        if !kind.is_empty() {
            headers.insert(CONTENT_TYPE, kind.parse().unwrap());
        }
        Answer {
            status,
            headers,
            body: body.into(),
            url_shown: "http://h.example/p".into(),
            asked: "GET http://h.example/p".into(),
            hidden: vec![SecretString::from("canary-4711")].into(),
        }
    }

    #[test]
    fn f9_pages_are_told_from_json() {
        for (kind, body, good) in [
            ("application/json", "1", true),
            ("application/json; charset=utf-8", "{}", true),
            ("application/vnd.github+json", "{}", true),
            ("text/plain", "[1]", true),
            ("", "7612781", true),
            ("application/octet-stream", "7", true),
            ("text/html; charset=utf-8", "<!doctype html>", false),
            ("text/html", "7", false),
            ("application/json", " \n<html>", false),
            ("", "<html>", false),
            ("text/csv", "a;b", false),
            ("application/xml", "<a/>", false),
        ] {
            let read = answer(200, kind, body).json();
            assert_eq!(read.is_ok(), good, "{kind} {body}");
            if let Err(fault) = read {
                assert_eq!(fault.class, FaultClass::BadType, "{kind} {body}");
            }
        }
    }

    #[test]
    fn f9_an_empty_page_is_a_page_too() {
        for (status, kind, good) in [
            (200, "text/html", false),
            (200, "application/json", true),
            (200, "", true),
            (204, "text/html", true),
        ] {
            let read = answer(status, kind, "").fail_on_type();
            assert_eq!(read.is_ok(), good, "{status} {kind}");
        }
    }

    #[test]
    fn f9_a_type_that_repeats_a_secret_is_judged_and_not_shown() {
        let page = answer(200, "text/canary-4711", "7");
        let fault = page.fail_on_type().unwrap_err();
        assert!(!fault.to_string().contains("canary"), "{fault}");
    }

    #[test]
    fn f71_a_snippet_never_repeats_a_secret() {
        let fault = |kind: &str, body: &str| {
            answer(400, kind, body)
                .fail_on_status()
                .unwrap_err()
                .to_string()
        };
        let told = fault("application/json", "{\"error\":\n\t\"no such goal\"}");
        assert!(told.contains(r#"{"error": "no such goal"}"#), "{told}");
        for body in [
            "you sent canary-4711",
            "CANARY-4711",
            "canary%2D4711",
            "nary-4 ",
        ] {
            assert!(
                !fault("text/plain", body).to_lowercase().contains("nary"),
                "{body}"
            );
        }
        assert!(!fault("text/html", "a page").contains("page"));
        let long = fault("text/plain", &"x".repeat(5000));
        assert!(long.contains(&"x".repeat(79)) && !long.contains(&"x".repeat(80)));
    }
}
