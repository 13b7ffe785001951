//! Conditional requests (RFC 9110, 13): an answer carries a tag, and whoever has that answer already is told so instead of
//! being sent it again. Tags are weak, since the same answer goes out compressed and plain. There is no `Last-Modified`:
//! its second is too coarse for what may change ten times within one. Knows no route.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use sha2::{Digest as _, Sha256};

/// What tells one state of an answer from another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tag(String);

impl Tag {
    /// The tag of whatever these bytes are all of.
    pub(super) fn of<'b>(bytes: impl IntoIterator<Item = &'b [u8]>) -> Self {
        let mut digest = Sha256::new();
        for part in bytes {
            // Lengths keep the parts apart.
            digest.update(part.len().to_le_bytes());
            digest.update(part);
        }
        Self(format!("W/\"{:.24x}\"", digest.finalize()))
    }

    /// The answer, or that it is the one that the client has.
    pub(super) fn answer(&self, request: &HeaderMap, make: impl FnOnce() -> Response) -> Response {
        let mut response = if self.is_known(request) {
            let mut response = StatusCode::NOT_MODIFIED.into_response();
            let vary = HeaderValue::from_static("Accept-Encoding");
            response.headers_mut().insert(header::VARY, vary);
            response
        } else {
            make()
        };
        if let Ok(tag) = HeaderValue::from_str(&self.0) {
            response.headers_mut().insert(header::ETAG, tag);
        }
        response
    }

    /// Whether the client names this tag, or any.
    fn is_known(&self, request: &HeaderMap) -> bool {
        let opaque = |tag: &str| tag.strip_prefix("W/").unwrap_or(tag).to_owned();
        let own = opaque(&self.0);
        let lines = request.get_all(header::IF_NONE_MATCH).into_iter();
        let lines = lines.filter_map(|line| line.to_str().ok());
        // No tag of ours has a comma in it.
        let mut named = lines.flat_map(|line| line.split(',')).map(str::trim);
        named.any(|tag| tag == "*" || opaque(tag) == own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_known_in_every_way_it_may_be_written() {
        let tag = Tag::of([&b"a"[..], b"b"]);
        assert_ne!(tag, Tag::of([&b"ab"[..], b""]));
        let strong = tag.0.strip_prefix("W/").unwrap();
        for (named, known) in [
            (tag.0.clone(), true),
            (strong.to_owned(), true),
            (format!("\"x\", {}", tag.0), true),
            ("*".to_owned(), true),
            ("\"x\"".to_owned(), false),
            (strong.trim_matches('"').to_owned(), false),
            (String::new(), false),
        ] {
            let named = named.parse().unwrap();
            let headers = HeaderMap::from_iter([(header::IF_NONE_MATCH, named)]);
            assert_eq!(tag.is_known(&headers), known, "{headers:?}");
        }
        assert!(!tag.is_known(&HeaderMap::new()));
    }
}
