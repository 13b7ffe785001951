//! JSON Pointers (RFC 6901): one place in a document, found without building the document, so that a number at the end
//! of a large answer costs no more memory than the answer. Knows nothing of what is made of the place.

use std::fmt;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::value::RawValue;

/// A place in a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pointer {
    text: String,
    keys: Vec<String>,
}

impl Pointer {
    /// Reads a pointer.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        Ok(Self {
            text: text.to_owned(),
            keys: keys(text)?,
        })
    }

    /// As it was written.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The text of the value it points at; `None` when it points at nothing. The document must have been found valid.
    pub(super) fn follow<'d>(&self, document: &'d [u8]) -> Option<&'d str> {
        let mut reader = serde_json::Deserializer::from_slice(document);
        let found = Seek(&self.keys).deserialize(&mut reader).ok()?;
        found.map(RawValue::get)
    }
}

/// The keys of a pointer, unescaped.
fn keys(text: &str) -> Result<Vec<String>, String> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let Some(rest) = text.strip_prefix('/') else {
        return Err(format!(
            "found `{text}`, expected a JSON Pointer that begins with `/`"
        ));
    };
    let keys = rest.split('/').map(|key| {
        let mut escapes = key.split('~').skip(1);
        if escapes.any(|after| !after.starts_with(['0', '1'])) {
            return Err(format!(
                "found `~` in `{key}`, expected ~0 for `~` or ~1 for `/`"
            ));
        }
        Ok(key.replace("~1", "/").replace("~0", "~"))
    });
    keys.collect()
}

/// What is left of the way.
struct Seek<'k>(&'k [String]);

impl<'de> DeserializeSeed<'de> for Seek<'_> {
    type Value = Option<&'de RawValue>;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        match self.0.split_first() {
            None => Deserialize::deserialize(reader).map(Some),
            Some((key, rest)) => reader.deserialize_any(Step { key, rest }),
        }
    }
}

/// One key of the way, in whatever stands here.
struct Step<'k> {
    key: &'k str,
    rest: &'k [String],
}

impl<'de> Visitor<'de> for Step<'_> {
    type Value = Option<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let wanted = index(self.key);
        let (mut found, mut at) = (None, 0);
        loop {
            if wanted == Some(at) {
                match items.next_element_seed(Seek(self.rest))? {
                    Some(value) => found = value,
                    None => return Ok(found),
                }
            } else if items.next_element::<IgnoredAny>()?.is_none() {
                return Ok(found);
            }
            at += 1;
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(is_it) = entries.next_key_seed(Is(self.key))? {
            if is_it {
                found = entries.next_value_seed(Seek(self.rest))?;
            } else {
                entries.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

/// Whether a key is the one looked for.
struct Is<'k>(&'k str);

impl<'de> DeserializeSeed<'de> for Is<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<bool, D::Error> {
        reader.deserialize_str(self)
    }
}

impl Visitor<'_> for Is<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<bool, E> {
        Ok(key == self.0)
    }
}

/// RFC 6901 section 4: digits without a leading zero.
fn index(key: &str) -> Option<usize> {
    let digits = !key.is_empty() && key.bytes().all(|b| b.is_ascii_digit());
    let canonical = digits && (key == "0" || !key.starts_with('0'));
    canonical.then(|| key.parse().ok()).flatten()
}
