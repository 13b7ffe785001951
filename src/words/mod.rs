//! Floor 1, what okrd says to people: every phrase in every language, numbers and dates as its readers write them. Knows
//! the values of the domain, no markup and no message; whoever speaks to people stands above it. A phrase for a new face
//! is a line of a table in a file of its own, listed in [`tables`].

mod card;
mod figures;
mod forecast;
mod judged;
mod message;
mod page;
mod phrase;
mod printable;
mod reason;
mod report;

pub use self::phrase::Phrase;
pub use self::printable::{one_line, printable};
use crate::domain::language::Language;

/// How okrd speaks: all phrases and figures in one language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tongue(Language);

/// What the terminal, the files of the store and programs are told in.
pub const ENGLISH: Tongue = Tongue(Language::English);

impl Tongue {
    /// The tongue of a language.
    #[must_use]
    pub const fn of(language: Language) -> Self {
        Self(language)
    }

    /// Its language.
    #[must_use]
    pub const fn language(self) -> Language {
        self.0
    }
}

/// Every table of phrases, with what it is for.
#[must_use]
pub fn tables() -> [(&'static str, &'static [Phrase]); 7] {
    [
        ("figures", figures::PHRASES),
        ("judged", judged::PHRASES),
        ("reason", reason::PHRASES),
        ("forecast", forecast::PHRASES),
        ("page", page::PHRASES),
        ("message", message::PHRASES),
        ("report", report::PHRASES),
    ]
}

#[cfg(test)]
mod tests;
