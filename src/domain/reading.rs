//! A reading: one number that a source or a person gave, with what is known of its truth.
//! Made only by complete answers that passed every check. Knows no source.

use jiff::Timestamp;

use super::fault::{Fault, FaultClass};
use super::quality::Quality;
use super::series::Counts;

/// One number as it was answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// The number, always finite; -0.0 has become 0.0.
    pub value: f64,
    /// The exact digits, where `value` cannot hold them all.
    pub exact: Option<String>,
    /// The instant the data describe, when the source tells; otherwise the poll's instant holds.
    pub as_of: Option<Timestamp>,
    /// What is known against it.
    pub quality: Quality,
    /// Of a ratio k/n the two counts, where the source was asked for both.
    pub counts: Option<Counts>,
    /// What people should know beside the number, such as that a part of it may be missing: one line of our own words.
    pub note: Option<String>,
}

/// The largest whole number up to which f64 holds every integer: 2^53.
const WHOLE: f64 = 9_007_199_254_740_992.0;

impl Reading {
    /// A reading of a finite number.
    ///
    /// # Errors
    /// A [`FaultClass::BadValue`] fault for NaN and the infinities.
    pub fn new(value: f64) -> Result<Self, Fault> {
        if !value.is_finite() {
            return Err(Fault::new(
                FaultClass::BadValue,
                format!("found {value}, expected a finite number"),
            ));
        }
        Ok(Self {
            value: value + 0.0,
            exact: None,
            as_of: None,
            quality: Quality::default(),
            counts: None,
            note: None,
        })
    }

    /// A reading of a plain decimal number as text (`-12`, `3.5`, `6.02e23`); keeps the digits beside the
    /// nearest f64 when that rounds.
    ///
    /// # Errors
    /// A [`FaultClass::BadValue`] fault for anything else: empty text, `NaN`, `1,234`, `45%`, `1e999`, hexadecimal.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let bad = || {
            let found: String = text.chars().take(40).collect();
            Fault::new(
                FaultClass::BadValue,
                format!(
                    "found `{}`, expected a plain decimal number",
                    found.escape_debug()
                ),
            )
        };
        if !is_plain_decimal(text) {
            return Err(bad());
        }
        let value: f64 = text.parse().map_err(|_| bad())?;
        let mut reading = Self::new(value).map_err(|_| bad())?;
        let digits = text.bytes().filter(u8::is_ascii_digit).count();
        if digits > 15 && (value.abs() >= WHOLE || text.contains('.')) && format!("{value}") != text
        {
            reading.exact = Some(text.to_owned());
        }
        Ok(reading)
    }

    /// A reading of a whole number; keeps the digits beside the nearest f64 when that rounds.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "the exact digits are kept beside the rounded value"
    )]
    pub fn whole(value: i128) -> Self {
        let rounded = value as f64;
        let exact = (rounded.abs() >= WHOLE && rounded as i128 != value).then(|| value.to_string());
        Self {
            value: rounded,
            exact,
            as_of: None,
            quality: Quality::default(),
            counts: None,
            note: None,
        }
    }
}

/// `-`? digits (`.` digits)? (`e` sign? digits)? and nothing else.
fn is_plain_decimal(text: &str) -> bool {
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let unsigned = mantissa.strip_prefix('-').unwrap_or(mantissa);
    let mantissa_ok = match unsigned.split_once('.') {
        Some((whole, part)) => digits(whole) && digits(part),
        None => digits(unsigned),
    };
    mantissa_ok && exponent.is_none_or(|e| digits(e.strip_prefix(['-', '+']).unwrap_or(e)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f25_numbers_that_are_none_are_refused() {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(Reading::new(value).unwrap_err().class, FaultClass::BadValue);
        }
        for text in [
            "NaN", "inf", "Infinity", "1e999", "-1e999", "", " ", "1 ", "0x10", "1_000", "+1",
            ".5", "5.", "1e", "--1",
        ] {
            assert_eq!(
                Reading::parse(text).unwrap_err().class,
                FaultClass::BadValue,
                "{text:?}"
            );
        }
    }

    #[test]
    fn f26_digits_beyond_f64_are_kept() {
        let big = Reading::parse("9007199254740993").unwrap();
        assert_eq!(big.exact.as_deref(), Some("9007199254740993"));
        assert_eq!(
            Reading::whole(9_007_199_254_740_993).exact.as_deref(),
            Some("9007199254740993")
        );
        assert_eq!(
            Reading::whole(i128::from(u64::MAX)).exact.as_deref(),
            Some("18446744073709551615")
        );
        assert_eq!(Reading::whole(42).exact, None);
        assert_eq!(Reading::parse("0.1").unwrap().exact, None);
        assert!(Reading::parse(&"9".repeat(400)).is_err());
    }

    #[test]
    fn f27_locale_numbers_are_refused() {
        for text in ["1,234", "45%", "1.234,5", "€5"] {
            assert!(Reading::parse(text).is_err(), "{text:?}");
        }
        assert_eq!(Reading::parse("-12.50").unwrap().value, -12.5);
    }

    #[test]
    fn f29_negative_zero_becomes_zero() {
        assert!(Reading::new(-0.0).unwrap().value.is_sign_positive());
        assert!(Reading::parse("-0").unwrap().value.is_sign_positive());
    }
}
