//! A link that people follow: `http` or `https`, a host, and nobody's login in it. So whoever shows one needs to know
//! nothing more about it. Opens nothing.

use std::fmt;

/// The address of a page about something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link(String);

/// Why a text is no link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkError {
    /// Something else than `http://` or `https://` in front.
    Scheme,
    /// No host behind it.
    Host,
    /// A user, perhaps with a password, before the host.
    Login,
    /// A space, a quote or an invisible character.
    Character,
}

impl Link {
    /// The longest link, in bytes.
    pub const LONGEST: usize = 2000;

    /// Reads a link.
    ///
    /// # Errors
    /// When the text is none, see [`LinkError`].
    pub fn parse(text: &str) -> Result<Self, LinkError> {
        let behind = |scheme| text.strip_prefix(scheme);
        let rest = behind("https://").or_else(|| behind("http://"));
        let rest = rest.ok_or(LinkError::Scheme)?;
        let strange = |c: char| !c.is_alphanumeric() && !"-._~:/?#[]@!$&()*+,;=%".contains(c);
        if text.len() > Self::LONGEST || text.contains(strange) {
            return Err(LinkError::Character);
        }
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if authority.contains('@') {
            return Err(LinkError::Login);
        }
        let host = authority.split(':').next().unwrap_or_default();
        if host.is_empty() {
            return Err(LinkError::Host);
        }
        Ok(Self(text.to_owned()))
    }

    /// The whole address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Host and path, as people recognise it.
    #[must_use]
    pub fn shown(&self) -> &str {
        let (_, rest) = self.0.split_once("://").unwrap_or(("", &self.0));
        let place = rest.split(['?', '#']).next().unwrap_or(rest);
        place.trim_end_matches('/')
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_to_a_host_and_hold_no_login() {
        for (text, shown) in [
            (
                "https://wiki.acme.example/letter?v=2#top",
                "wiki.acme.example/letter",
            ),
            ("http://acme.example/", "acme.example"),
            ("https://acme.example:8443/@jan", "acme.example:8443/@jan"),
            ("https://[::1]/x", "[::1]/x"),
            ("https://bücher.example/é", "bücher.example/é"),
        ] {
            let link = Link::parse(text).unwrap();
            assert_eq!((link.as_str(), link.shown()), (text, shown));
        }
        for (text, why) in [
            ("javascript:alert(1)", LinkError::Scheme),
            ("HTTPS://acme.example", LinkError::Scheme),
            ("acme.example/x", LinkError::Scheme),
            ("ftp://acme.example", LinkError::Scheme),
            ("", LinkError::Scheme),
            ("https://", LinkError::Host),
            ("https:///x", LinkError::Host),
            ("https://:80/x", LinkError::Host),
            ("https://jan:hunter2@acme.example/x", LinkError::Login),
            ("https://jan@acme.example", LinkError::Login),
            ("https://acme.example/a b", LinkError::Character),
            ("https://acme.example/\"><script>", LinkError::Character),
            ("https://acme.example/\u{202e}", LinkError::Character),
            ("https://acme.example\\x", LinkError::Character),
        ] {
            assert_eq!(Link::parse(text), Err(why), "{text}");
        }
        let long = format!("https://acme.example/{}", "x".repeat(Link::LONGEST));
        assert_eq!(Link::parse(&long), Err(LinkError::Character));
    }
}
