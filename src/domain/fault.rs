//! Faults: why an attempt to measure gave no number. A closed set of classes, so that a metric label, a row
//! in the store and a decision to try again all speak of the same thing. Knows no protocol.

use std::fmt;
use std::time::Duration;

/// The class of a fault. The set is closed: `okrd_source_poll_failures_total{reason}` shows each from the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FaultClass {
    /// The connection failed or broke.
    Net,
    /// The host's name has no address.
    Dns,
    /// No safe connection: certificate, host name or protocol.
    Tls,
    /// Time ran out.
    Timeout,
    /// The source says the request is wrong (4xx other than the next two).
    Http4xx,
    /// The source refuses the credentials, or did not recognise them.
    Auth,
    /// The source asks for patience.
    RateLimited,
    /// The source is broken (5xx).
    Http5xx,
    /// The source answers with a redirect, which is not followed.
    Redirect,
    /// The answer is larger than the cap.
    TooLarge,
    /// The answer is of another kind, such as a login page.
    BadType,
    /// The answer cannot be read.
    BadBody,
    /// The answer holds no finite number where one is expected.
    BadValue,
    /// The answer is not whole.
    Partial,
    /// The answer is a number that is not to be believed.
    Suspect,
    /// The statement does more than read.
    SqlRefused,
    /// The database reports an error.
    SqlError,
    /// The definition cannot work as it stands.
    Config,
    /// Our own store failed, not the source.
    Store,
    /// A fault of okrd itself.
    Internal,
}

/// What the caller can do about a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// It may heal by itself: one more try in the same slot.
    RetryOnce,
    /// The whole source must be left alone for a while.
    HoldSource,
    /// Nothing before the next slot.
    NextSlot,
}

impl FaultClass {
    /// All classes, in the order of their declaration.
    pub const ALL: [Self; 20] = [
        Self::Net,
        Self::Dns,
        Self::Tls,
        Self::Timeout,
        Self::Http4xx,
        Self::Auth,
        Self::RateLimited,
        Self::Http5xx,
        Self::Redirect,
        Self::TooLarge,
        Self::BadType,
        Self::BadBody,
        Self::BadValue,
        Self::Partial,
        Self::Suspect,
        Self::SqlRefused,
        Self::SqlError,
        Self::Config,
        Self::Store,
        Self::Internal,
    ];

    /// The word for it in metrics, store and JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Net => "net",
            Self::Dns => "dns",
            Self::Tls => "tls",
            Self::Timeout => "timeout",
            Self::Http4xx => "http_4xx",
            Self::Auth => "auth",
            Self::RateLimited => "rate_limited",
            Self::Http5xx => "http_5xx",
            Self::Redirect => "redirect",
            Self::TooLarge => "too_large",
            Self::BadType => "bad_type",
            Self::BadBody => "bad_body",
            Self::BadValue => "bad_value",
            Self::Partial => "partial",
            Self::Suspect => "suspect",
            Self::SqlRefused => "sql_refused",
            Self::SqlError => "sql_error",
            Self::Config => "config",
            Self::Store => "store",
            Self::Internal => "internal",
        }
    }

    /// The class behind a word.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.as_str() == text)
    }

    /// What to do about it.
    #[must_use]
    pub fn remedy(self) -> Remedy {
        match self {
            Self::Net | Self::Dns | Self::Http5xx => Remedy::RetryOnce,
            Self::Auth | Self::RateLimited => Remedy::HoldSource,
            _ => Remedy::NextSlot,
        }
    }
}

/// A failed attempt: its class and what a person should read. Never holds a secret or a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The class.
    pub class: FaultClass,
    /// What happened, what was found and what was expected: one line, at most 300 characters.
    pub message: String,
    /// What to do about it; may be empty.
    pub help: String,
    /// How long the source asked us to stay away.
    pub retry_after: Option<Duration>,
    /// The refusal may be of this question alone: the login itself may be right.
    pub this_alone: bool,
}

impl Fault {
    const LONGEST: usize = 300;

    /// A fault with its one-line message; control and direction characters are removed and length is capped.
    #[must_use]
    pub fn new(class: FaultClass, message: impl AsRef<str>) -> Self {
        Self {
            class,
            message: one_line(message.as_ref()),
            help: String::new(),
            retry_after: None,
            this_alone: false,
        }
    }

    /// The same fault with its remedy for people.
    #[must_use]
    pub fn help(mut self, help: impl AsRef<str>) -> Self {
        self.help = one_line(help.as_ref());
        self
    }

    /// The same fault, of this question alone perhaps.
    #[must_use]
    pub fn perhaps_this_alone(mut self, is_so: bool) -> Self {
        self.this_alone = is_so;
        self
    }

    /// The same fault with the time the source asked for.
    #[must_use]
    pub fn after(mut self, wait: Option<Duration>) -> Self {
        self.retry_after = wait;
        self
    }
}

/// Whether a character changes the reading order of what follows, and with it what a reader believes to see.
#[must_use]
pub fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// One line of at most 300 characters without control and direction characters, so that a remote body can neither forge
/// log lines nor show other words than it sent.
fn one_line(text: &str) -> String {
    let breaks = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    let kept = text.chars().filter(|c| !is_bidi_control(*c));
    let clean = kept.map(|c| if breaks(c) { ' ' } else { c });
    let mut line: String = clean.take(Fault::LONGEST + 1).collect();
    if line.chars().count() > Fault::LONGEST {
        line = line.chars().take(Fault::LONGEST - 1).collect();
        line.push('…');
    }
    line
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.class.as_str(), self.message)?;
        if !self.help.is_empty() {
            write!(f, " ({})", self.help)?;
        }
        Ok(())
    }
}

impl std::error::Error for Fault {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_has_one_word() {
        for class in FaultClass::ALL {
            assert_eq!(FaultClass::parse(class.as_str()), Some(class));
        }
        let mut words: Vec<_> = FaultClass::ALL.map(FaultClass::as_str).to_vec();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), FaultClass::ALL.len());
    }

    #[test]
    fn messages_are_one_capped_line() {
        let fault = Fault::new(
            FaultClass::BadBody,
            format!("a\n\u{1b}[31m\u{202e}\u{2067}\u{2028}{}", "x".repeat(400)),
        )
        .help("b\u{202d}c\u{2029}");
        let disguises = ['\n', '\u{1b}', '\u{202e}', '\u{2067}', '\u{2028}'];
        assert!(!fault.message.contains(disguises), "{fault}");
        assert_eq!(fault.help, "bc ");
        assert_eq!(fault.message.chars().count(), 300);
        assert_eq!(
            Fault::new(FaultClass::Net, "down")
                .help("start it")
                .to_string(),
            "net: down (start it)"
        );
    }
}
