//! Rules for texts and names: how long, which characters, which words. Each says what is wrong and what to do; knows
//! neither files nor findings.

use super::suggest::did_you_mean;
use crate::config::finding::{Code, quoted};
use crate::config::keys::{Names, Shape};
use crate::config::schedule::parse_duration;
use crate::domain::fault::is_bidi_control;
use crate::domain::id::{CycleName, Slug};
use crate::domain::window::Window;

/// The longest line for people, in characters.
const LONGEST_LINE: usize = 300;
/// The longest text for people, in characters.
const LONGEST_PROSE: usize = 10_000;
/// The longest query, in bytes.
const LONGEST_CODE: usize = 64 * 1024;
/// Whether a text can be the name of an environment variable.
pub(super) fn is_variable(name: &str) -> bool {
    name.chars()
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Why a name breaks its rule.
pub(super) fn bad_name(names: Names, name: &str) -> Option<String> {
    match names {
        Names::Slug => Slug::parse(name).err().map(|_| id_rule(name)),
        Names::Cycle => CycleName::parse(name)
            .err()
            .map(|e| format!("{} is not a name: expected {}", quoted(name), e.expected)),
        Names::Header => {
            let ok = !name.is_empty()
                && name.len() <= 100
                && name
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+.^_`|~-".contains(&b));
            (!ok).then(|| "this is not the name of a header".to_owned())
        }
        Names::Any => {
            let ok =
                !name.is_empty() && name.chars().count() <= 200 && !name.contains(char::is_control);
            (!ok).then(|| "this is not a name: expected 1 to 200 characters on one line".to_owned())
        }
    }
}

fn id_rule(name: &str) -> String {
    let expected = Slug::parse(name).err().map_or("", |e| e.expected);
    format!("{} is not an id: expected {expected}", quoted(name))
}

/// Why a text breaks the rule of its shape, and what to do. `named` is what the text may be called aloud.
pub(super) fn text_fits(shape: &Shape, text: &str, named: &str) -> Result<(), (String, String)> {
    let wrong = |why: String, help: &str| Err((why, help.to_owned()));
    match shape {
        Shape::Line | Shape::Label if text.trim().is_empty() => wrong(
            "the text is empty".into(),
            "write something; only a key that may be absent can be removed",
        ),
        Shape::Line | Shape::Label => readable(text, LONGEST_LINE, |_| false),
        Shape::Prose => readable(text, LONGEST_PROSE, |c| matches!(c, '\n' | '\r' | '\t')),
        Shape::Code | Shape::Setting | Shape::Parameter => machine_readable(text),
        Shape::Path if text.is_empty() => wrong("the path is empty".into(), "name a file"),
        Shape::Path if text.starts_with('~') => wrong(
            format!("{named} starts with `~`"),
            "write the path out; `~` means something to shells only",
        ),
        Shape::Path => readable(text, 4096, |_| false),
        Shape::Slug => Slug::parse(text).map(drop).map_err(|e| {
            let why = format!("{named} is not an id: expected {}", e.expected);
            (why, "correct the name".to_owned())
        }),
        Shape::CycleName => CycleName::parse(text).map(drop).map_err(|e| {
            (
                format!("{} is not a name: expected {}", named, e.expected),
                "correct the name".to_owned(),
            )
        }),
        Shape::Words(words) | Shape::SomeWords(words, _) if !words.contains(&text) => Err((
            format!("found {named}, expected {}", shape.expected()),
            did_you_mean(text, words.iter().copied(), "words"),
        )),
        Shape::Lint if Code::parse(text).is_none() => Err((
            format!("{named} is not the code of a lint"),
            did_you_mean(text, Code::WORDS.into_iter(), "codes"),
        )),
        Shape::Duration => parse_duration(text).map(drop).map_err(|_| {
            (
                format!("{named} is not a duration"),
                "write a whole number and a unit, such as \"90s\", \"15m\", \"6h\" or \"30d\""
                    .to_owned(),
            )
        }),
        // A number with a sign would be taken further down, but not by the schema.
        Shape::Window if text.starts_with('+') || Window::parse(text).is_err() => Err((
            format!("{named} is not a window"),
            format!("write one of {}", Window::NAMES),
        )),
        Shape::Size if parse_size(text).is_none() => wrong(
            format!("{named} is not a size from 1KiB to 1GiB"),
            "write a whole number and KiB, MiB or GiB, such as \"8MiB\"",
        ),
        _ => Ok(()),
    }
}

/// A size such as "8MiB", from 1 KiB to 1 GiB, in bytes.
pub(super) fn parse_size(text: &str) -> Option<usize> {
    let split = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(split);
    let factor: usize = match unit {
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    let bytes = number.parse::<usize>().ok()?.checked_mul(factor)?;
    (1 << 10..=1 << 30).contains(&bytes).then_some(bytes)
}

/// Text for people: not too long, nothing invisible that would forge lines or turn the reading order.
fn readable(
    text: &str,
    longest: usize,
    allowed: impl Fn(char) -> bool,
) -> Result<(), (String, String)> {
    let length = text.chars().count();
    if length > longest {
        return Err((
            format!("the text has {length} characters, at most {longest} are allowed"),
            "shorten it".into(),
        ));
    }
    let bad = text
        .chars()
        .find(|c| (c.is_control() && !allowed(*c)) || is_bidi_control(*c));
    match bad {
        Some(c) => Err((
            format!(
                "the text holds the invisible character {}",
                c.escape_unicode()
            ),
            "remove that character".into(),
        )),
        None => Ok(()),
    }
}

/// Text for machines: not too long, and no NUL, at which other programs stop reading.
fn machine_readable(text: &str) -> Result<(), (String, String)> {
    if text.len() > LONGEST_CODE {
        return Err((
            format!(
                "the text has {} bytes, at most {LONGEST_CODE} are allowed",
                text.len()
            ),
            "shorten it".into(),
        ));
    }
    if text.contains('\0') {
        return Err((
            "the text holds a NUL character".into(),
            "remove that character".into(),
        ));
    }
    Ok(())
}
