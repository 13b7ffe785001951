//! The one table behind all phrases: each stands in every language beside the others, so that one that is missing in a
//! language does not compile. A blank is named (`{share}`) and filled with text that is in the language already.

/// A phrase as it stands in the table, its blanks unfilled.
#[derive(Clone, Copy, Debug)]
pub struct Phrase {
    /// What the code calls it.
    pub name: &'static str,
    /// In English.
    pub english: &'static str,
    /// In Dutch.
    pub dutch: &'static str,
}

/// Makes a method of [`super::Tongue`] of each line, and the list of the lines:
/// `name = "English", "Dutch";` gives a `&'static str`, `name(blank) = "English {blank}", "Dutch {blank}";` a `String`.
macro_rules! phrases {
    ($($name:ident $(($($blank:ident),+))? = $english:tt, $dutch:tt;)+) => {
        /// Every phrase of this table.
        pub(super) const PHRASES: &[$crate::words::phrase::Phrase] = &[
            $($crate::words::phrase::Phrase {
                name: stringify!($name),
                english: $english,
                dutch: $dutch,
            }),+
        ];

        impl $crate::words::Tongue {
            $($crate::words::phrase::phrase! { $name [$($($blank)+)?] $english $dutch })+
        }
    };
}

/// One line of it.
macro_rules! phrase {
    ($name:ident [] $english:tt $dutch:tt) => {
        #[doc = concat!("“", $english, "”")]
        #[must_use]
        pub fn $name(self) -> &'static str {
            match self.language() {
                $crate::domain::language::Language::English => $english,
                $crate::domain::language::Language::Dutch => $dutch,
            }
        }
    };
    ($name:ident [$($blank:ident)+] $english:tt $dutch:tt) => {
        #[doc = concat!("“", $english, "”")]
        #[must_use]
        pub fn $name(self, $($blank: impl std::fmt::Display),+) -> String {
            match self.language() {
                $crate::domain::language::Language::English => format!($english),
                $crate::domain::language::Language::Dutch => format!($dutch),
            }
        }
    };
}

pub(super) use {phrase, phrases};
