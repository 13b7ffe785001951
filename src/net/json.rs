//! JSON read strictly: one document, UTF-8, no byte order mark, no key twice, bounded nesting. What is ambiguous
//! is refused, because a number must not depend on which of two keys a parser prefers.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use crate::domain::fault::FaultClass;

/// Why bytes are no JSON document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonError {
    /// `bad_body`, `bad_value` for a number beyond every float, or `too_large` for too many values.
    pub class: FaultClass,
    /// What is wrong, without the bytes themselves.
    pub message: String,
    /// The remedy; may be empty.
    pub help: &'static str,
}

/// The most values in one document, each item and entry counted. Small ones take a hundred times their bytes once they
/// are built.
const MOST: u32 = 1_000_000;

/// Reads one document.
///
/// # Errors
/// As [`validate`].
pub fn parse(bytes: &[u8]) -> Result<Value, JsonError> {
    validate(bytes)?;
    serde_json::from_slice(bytes).map_err(|e| bad(format!("the body is not JSON: {e}"), ""))
}

/// Checks that the bytes are exactly one document, without building it.
///
/// # Errors
/// As [`JsonError`] says; nesting is refused beyond 128 levels, a document beyond a million values.
pub fn validate(bytes: &[u8]) -> Result<(), JsonError> {
    if bytes.is_empty() {
        return Err(bad("the body is empty, expected JSON".into(), ""));
    }
    const MARKS: [&[u8]; 3] = [b"\xef\xbb\xbf", b"\xfe\xff", b"\xff\xfe"];
    if MARKS.iter().any(|mark| bytes.starts_with(mark)) {
        return Err(bad(
            "the body begins with a byte order mark, expected plain UTF-8 JSON".into(),
            "RFC 8259 forbids the mark; the server must drop it",
        ));
    }
    let text = std::str::from_utf8(bytes).map_err(|e| {
        let good = e.valid_up_to();
        bad(format!("the body is not UTF-8 after byte {good}"), "")
    })?;
    let mut reader = serde_json::Deserializer::from_str(text);
    let left = Cell::new(MOST);
    let read = Strict(&left).deserialize(&mut reader);
    let read = read.and_then(|()| reader.end());
    read.map_err(|e| {
        if left.get() == 0 {
            return JsonError {
                class: FaultClass::TooLarge,
                message: format!("the answer holds more than {MOST} values"),
                help: "ask for less: fields, page size, a count instead of a list",
            };
        }
        if e.to_string().starts_with("number out of range") {
            return JsonError {
                class: FaultClass::BadValue,
                message: format!("the body holds a number beyond every float: {e}"),
                help: "",
            };
        }
        let help = match e.classify() {
            serde_json::error::Category::Eof => "the answer is cut off",
            _ => "",
        };
        bad(format!("the body is not JSON as it should be: {e}"), help)
    })
}

fn bad(message: String, help: &'static str) -> JsonError {
    JsonError {
        class: FaultClass::BadBody,
        message,
        help,
    }
}

/// Walks a document, keeps nothing, and refuses a key that stands twice in one object. The key is not told: it is
/// the server's text.
#[derive(Clone, Copy)]
struct Strict<'a>(&'a Cell<u32>);

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        let left = self.0.get().saturating_sub(1);
        self.0.set(left);
        if left == 0 {
            return Err(D::Error::custom("too many values"));
        }
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(self)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let mut seen = HashSet::new();
        while let Some(key) = entries.next_key_seed(Key)? {
            if !seen.insert(key) {
                return Err(A::Error::custom("a key stands twice in one object"));
            }
            entries.next_value_seed(self)?;
        }
        Ok(())
    }
}

/// A key, copied only when it is written with escapes.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(key))
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(key.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f12_bad_json_is_refused_without_a_panic() {
        let deep = "[".repeat(10_000) + &"]".repeat(10_000);
        let deep_objects = "{\"a\":".repeat(10_000);
        let long_cut = format!("[{}", "1,".repeat(100_000));
        let texts: [&[u8]; 18] = [
            b"",
            b"\xef\xbb\xbf{}",
            b"\xff\xfe{\0}\0",
            b"\xff\xff",
            b"{\"a\":\"\xc3\x28\"}",
            br#"{"a":1,"a":2}"#,
            br#"{"x":[{"a":1,"\u0061":2}]}"#,
            deep.as_bytes(),
            deep_objects.as_bytes(),
            long_cut.as_bytes(),
            b"1 2",
            b"{}{}",
            b"{\"a\":1}\n{\"a\":2}\n",
            b"{'a':1}",
            b"NaN",
            b"[1,]",
            b"\"a\x01\"",
            b"01",
        ];
        for text in texts {
            let error = parse(text).unwrap_err();
            assert_eq!(error.class, FaultClass::BadBody, "{text:?}");
        }
    }

    #[test]
    fn f20_a_document_of_too_many_values_is_too_large() {
        let list = |items: usize| format!("[{}0]", "[],".repeat(items - 1));
        assert!(validate(list(900_000).as_bytes()).is_ok());
        let error = validate(list(1_000_000).as_bytes()).unwrap_err();
        assert_eq!(error.class, FaultClass::TooLarge);
    }

    #[test]
    fn f25_a_number_beyond_every_float_is_a_bad_value() {
        for text in ["1e999", "[-1e999]", &"9".repeat(400)] {
            assert_eq!(
                parse(text.as_bytes()).unwrap_err().class,
                FaultClass::BadValue
            );
        }
    }

    #[test]
    fn good_documents_come_out_as_written() {
        let text = r#"{"a":[1,-2,3.5,null,true,"x"],"b":18446744073709551615,"":{}}"#;
        assert_eq!(
            parse(text.as_bytes()).unwrap(),
            serde_json::from_str::<Value>(text).unwrap()
        );
        assert_eq!(parse(b" 7612781\n").unwrap(), 7_612_781);
    }
}
