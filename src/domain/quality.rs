//! What is known against a number that is kept all the same: it is an estimate, a part of the data, came late. A set of
//! flags, so that store, metric and page speak of the same thing. Knows no source.

use std::fmt;

/// One thing known against a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Flag {
    /// Its source calls it an estimate.
    Approximate,
    /// It was made of a sample of the data.
    Sampled,
    /// Its source left rows out, as too small to be shown.
    Thresholded,
    /// Its source lumped rows together as "other".
    Other,
    /// It was asked for the last slot of its cycle when the cycle had ended for a while.
    Late,
}

impl Flag {
    /// All of them, in the order of their declaration.
    pub const ALL: [Self; 5] = [
        Self::Approximate,
        Self::Sampled,
        Self::Thresholded,
        Self::Other,
        Self::Late,
    ];

    /// The word for it in metrics, store and JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Approximate => "approximate",
            Self::Sampled => "sampled",
            Self::Thresholded => "thresholded",
            Self::Other => "other",
            Self::Late => "late",
        }
    }

    /// The flag behind a word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|flag| flag.as_str() == word)
    }

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// A set of flags; empty for a number of which nothing is known against it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Quality(u8);

impl Quality {
    /// The same with a flag.
    #[must_use]
    pub fn with(self, flag: Flag) -> Self {
        Self(self.0 | flag.bit())
    }

    /// The flags of both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether it has a flag.
    #[must_use]
    pub fn has(self, flag: Flag) -> bool {
        self.0 & flag.bit() != 0
    }

    /// Nothing is known against the number.
    #[must_use]
    pub fn is_clear(self) -> bool {
        self.0 == 0
    }

    /// Its flags, in their order.
    pub fn flags(self) -> impl Iterator<Item = Flag> {
        Flag::ALL.into_iter().filter(move |flag| self.has(*flag))
    }

    /// Its words.
    #[must_use]
    pub fn words(self) -> Vec<&'static str> {
        self.flags().map(Flag::as_str).collect()
    }

    /// The set behind words with commas between them. What a later version calls by another word is left out.
    #[must_use]
    pub fn parse(words: &str) -> Self {
        words.split(',').filter_map(Flag::parse).collect()
    }
}

impl FromIterator<Flag> for Quality {
    fn from_iter<I: IntoIterator<Item = Flag>>(flags: I) -> Self {
        flags.into_iter().fold(Self::default(), Self::with)
    }
}

/// Its words with commas between them; nothing when it is clear.
impl fmt::Display for Quality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words().join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f23_flags_come_out_as_they_went_in() {
        for bits in 0..1_u8 << Flag::ALL.len() {
            let quality: Quality = Flag::ALL
                .into_iter()
                .filter(|flag| bits & flag.bit() != 0)
                .collect();
            assert_eq!(Quality::parse(&quality.to_string()), quality);
            assert_eq!(quality.is_clear(), bits == 0);
            assert_eq!(quality.words().len(), bits.count_ones() as usize);
        }
        assert_eq!(
            Quality::parse("sampled,of_a_later_version").words(),
            ["sampled"]
        );
    }
}
