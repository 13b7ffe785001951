//! Names of things: slugs, cycle names and the ids made of them. Parsed once, trusted after.
//! Knows nothing of where a name was written.

use std::fmt;
use std::sync::Arc;

/// A short name `[a-z0-9][a-z0-9_-]{0,62}`: teams, sources, objectives, key results, initiatives.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slug(Arc<str>);

/// The name of a cycle, such as `2026-Q4`: a slug that may also use capitals and dots.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CycleName(Arc<str>);

/// Why a text is no name: what was found and what a name looks like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameError {
    /// The text as found.
    pub found: String,
    /// The rule it breaks, readable after "expected".
    pub expected: &'static str,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is not a name: expected {}",
            self.found.escape_debug(),
            self.expected
        )
    }
}

impl std::error::Error for NameError {}

const SLUG_RULE: &str = "1 to 63 of a-z, 0-9, `_` and `-`, starting with a letter or digit";
const CYCLE_RULE: &str =
    "1 to 63 of letters, digits, `.`, `_` and `-`, starting with a letter or digit";

fn is_name(text: &str, extra: impl Fn(u8) -> bool) -> bool {
    let inner =
        |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-' || extra(b);
    let first = |b: u8| inner(b) && b.is_ascii_alphanumeric();
    text.len() <= 63 && text.bytes().next().is_some_and(first) && text.bytes().all(inner)
}

impl Slug {
    /// Parses a slug.
    ///
    /// # Errors
    /// When the text is empty, longer than 63 bytes or uses another character.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if is_name(text, |_| false) {
            Ok(Self(text.into()))
        } else {
            Err(NameError {
                found: text.into(),
                expected: SLUG_RULE,
            })
        }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl CycleName {
    /// Parses a cycle name.
    ///
    /// # Errors
    /// When the text is empty, longer than 63 bytes or uses another character.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if is_name(text, |b| b.is_ascii_uppercase() || b == b'.') {
            Ok(Self(text.into()))
        } else {
            Err(NameError {
                found: text.into(),
                expected: CYCLE_RULE,
            })
        }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

macro_rules! shown_as_text {
    ($($name:ident),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }
    )*};
}
shown_as_text!(Slug, CycleName);

/// An objective in its cycle.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectiveId {
    /// The cycle it belongs to.
    pub cycle: CycleName,
    /// Its name, unique in the cycle.
    pub objective: Slug,
}

impl ObjectiveId {
    /// The name that is unique over all cycles: `2026-Q4:objective`.
    #[must_use]
    pub fn full(&self) -> String {
        format!("{}:{}", self.cycle, self.objective)
    }
}

/// A key result in its objective and cycle. Shown as `objective/key_result`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyResultId {
    /// The cycle it belongs to.
    pub cycle: CycleName,
    /// Its objective.
    pub objective: Slug,
    /// Its name, unique in the objective.
    pub key_result: Slug,
}

impl KeyResultId {
    /// The name that is unique over all cycles: `2026-Q4:objective/key_result`.
    #[must_use]
    pub fn full(&self) -> String {
        format!("{}:{}/{}", self.cycle, self.objective, self.key_result)
    }

    /// Parses what [`KeyResultId::full`] wrote.
    ///
    /// # Errors
    /// When a part is missing or no name.
    pub fn parse_full(text: &str) -> Result<Self, NameError> {
        match KeyResultRef::parse(text)? {
            KeyResultRef {
                cycle: Some(cycle),
                objective,
                key_result,
            } => Ok(Self {
                cycle,
                objective,
                key_result,
            }),
            KeyResultRef { cycle: None, .. } => Err(NameError {
                found: text.into(),
                expected: "`cycle:objective/key_result`",
            }),
        }
    }

    /// The objective it belongs to.
    #[must_use]
    pub fn objective_id(&self) -> ObjectiveId {
        ObjectiveId {
            cycle: self.cycle.clone(),
            objective: self.objective.clone(),
        }
    }
}

impl fmt::Display for KeyResultId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}/{}", self.objective, self.key_result))
    }
}

/// A key result as people name it: `objective/key_result` or `2026-Q3:objective/key_result`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyResultRef {
    /// The cycle, when named; otherwise the newest open one that has the key result is meant.
    pub cycle: Option<CycleName>,
    /// The objective.
    pub objective: Slug,
    /// The key result.
    pub key_result: Slug,
}

impl KeyResultRef {
    /// Parses a reference.
    ///
    /// # Errors
    /// When the slash is missing or a part is no name.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let (cycle, path) = match text.split_once(':') {
            Some((cycle, path)) => (Some(CycleName::parse(cycle)?), path),
            None => (None, text),
        };
        let (objective, key_result) = path.split_once('/').ok_or_else(|| NameError {
            found: text.into(),
            expected: "`objective/key_result` or `cycle:objective/key_result`",
        })?;
        Ok(Self {
            cycle,
            objective: Slug::parse(objective)?,
            key_result: Slug::parse(key_result)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_follow_the_rule() {
        for good in ["a", "0", "more-visitors", "a_b", &"x".repeat(63)] {
            assert_eq!(Slug::parse(good).unwrap().as_str(), good);
        }
        for bad in [
            "",
            "-a",
            "_a",
            "A",
            "a.b",
            "a b",
            "é",
            &"x".repeat(64),
            "a/b",
            "a\n",
        ] {
            assert!(Slug::parse(bad).is_err(), "{bad:?} must be refused");
        }
        assert!(CycleName::parse("2026-Q4.b").is_ok());
        assert!(CycleName::parse(".2026").is_err());
    }

    #[test]
    fn references_name_the_cycle_or_leave_it_open() {
        let plain = KeyResultRef::parse("more/subs").unwrap();
        assert_eq!(
            (
                plain.cycle,
                plain.objective.as_str(),
                plain.key_result.as_str()
            ),
            (None, "more", "subs")
        );
        let full = KeyResultId::parse_full("2026-Q3:more/subs").unwrap();
        assert_eq!(full.full(), "2026-Q3:more/subs");
        assert_eq!(full.to_string(), "more/subs");
        assert!(KeyResultRef::parse("subs").is_err());
        assert!(KeyResultId::parse_full("more/subs").is_err());
    }
}
