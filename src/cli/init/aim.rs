//! What people type for an aim, and ids made of titles. Reads the form only; whether an aim makes sense is the check's to
//! say.

use super::plan::quoted;
use crate::config::finding;

/// How an aim is written, for people.
pub const FORMS: &str = "such as `640 -> 1000`, `48000 -> +50%`, `at most 300` or `at least 99.9`";

/// From where to where, as TOML values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Aim {
    /// From a baseline to a target.
    Way(String, String),
    /// A level to hold: this or less.
    AtMost(String),
    /// A level to hold: this or more.
    AtLeast(String),
}

impl Aim {
    /// Reads an aim, with its unit if one is behind it: `640 -> 1000 subscribers`.
    ///
    /// # Errors
    /// What was found and what is expected.
    pub fn parse(text: &str) -> Result<(Self, Option<String>), String> {
        let wrong = || format!("found {}, expected an aim {FORMS}", finding::quoted(text));
        let text_ = text.trim();
        let lower = text_.to_lowercase();
        for (word, level) in [
            ("at most ", Self::AtMost as fn(String) -> Self),
            ("at least ", Self::AtLeast),
        ] {
            if lower.starts_with(word) {
                let (number, unit) = first_word(text_.get(word.len()..).unwrap_or_default());
                return Ok((level(value(number)?), unit));
            }
        }
        let way = match lower.strip_prefix("from ") {
            Some(_) => text_.get("from ".len()..).unwrap_or_default(),
            None => text_,
        };
        let (from, rest) = ["->", "→", " to "]
            .iter()
            .find_map(|arrow| way.split_once(arrow))
            .ok_or_else(wrong)?;
        let (to, unit) = first_word(rest);
        let from = from.trim();
        if from.is_empty() || to.is_empty() || from.contains(char::is_whitespace) {
            return Err(wrong());
        }
        Ok((Self::Way(value(from)?, value(to)?), unit))
    }

    /// The lines of the file.
    pub fn lines(&self) -> String {
        match self {
            Self::Way(from, to) => format!("baseline = {from}\ntarget = {to}\n"),
            Self::AtMost(level) => format!("at_most = {level}\n"),
            Self::AtLeast(level) => format!("at_least = {level}\n"),
        }
    }
}

fn first_word(text: &str) -> (&str, Option<String>) {
    let text = text.trim();
    match text.split_once(char::is_whitespace) {
        Some((word, rest)) => (word, Some(rest.trim().to_owned())),
        None => (text, None),
    }
}

/// A number as TOML has it, or else a text: a change such as "+50%", the word "first", or what the check will refuse.
fn value(text: &str) -> Result<String, String> {
    if text.starts_with('+') {
        return Ok(quoted(text));
    }
    if let Ok(whole) = text.parse::<i64>() {
        return Ok(whole.to_string());
    }
    let digits = text
        .trim_start_matches('-')
        .starts_with(|c: char| c.is_ascii_digit() || c == '.');
    match text.parse::<f64>() {
        Ok(number) if digits && number.is_finite() => Ok(format!("{number:?}")),
        _ if digits && text.contains(',') => Err(format!(
            "found {}, expected a number with digits and perhaps one `.`, such as 1000 or 0.5",
            finding::quoted(text)
        )),
        _ => Ok(quoted(text)),
    }
}

/// The longest id made of a title.
const LONGEST: usize = 32;

/// An id made of a title: its first words in small letters, a number behind them where the id is taken.
pub fn id<'a>(title: &str, otherwise: &str, taken: impl Iterator<Item = &'a str>) -> String {
    let mut plain = String::new();
    for c in title.chars() {
        match c {
            'a'..='z' | '0'..='9' => plain.push(c),
            'A'..='Z' => plain.push(c.to_ascii_lowercase()),
            // Apostrophes and separators of thousands stand inside words.
            '\'' | '’' | ',' => {}
            _ => match letters(c) {
                "" => plain.push(' '),
                letters => plain.push_str(letters),
            },
        }
    }
    let mut id = String::new();
    let mut whole = true;
    for word in plain.split_whitespace() {
        if id.is_empty() {
            id.push_str(word.get(..word.len().min(LONGEST)).unwrap_or(word));
        } else if id.len() + 1 + word.len() <= LONGEST {
            id.push('-');
            id.push_str(word);
        } else {
            whole = false;
            break;
        }
    }
    // Cut off behind a small word it would sound unfinished.
    while let Some((start, last)) = id.rsplit_once('-')
        && !whole
        && last.len() < 3
    {
        id = start.to_owned();
    }
    if id.is_empty() {
        otherwise.clone_into(&mut id);
    }
    let taken: Vec<&str> = taken.collect();
    let numbered = (2..).map(|n| format!("{id}-{n}"));
    std::iter::once(id.clone())
        .chain(numbered)
        .find(|id| !taken.contains(&id.as_str()))
        .unwrap_or(id)
}

/// A letter with an accent as letters without; nothing for all other characters.
fn letters(c: char) -> &'static str {
    match c {
        'à' | 'á' | 'â' | 'ã' | 'å' | 'ā' | 'ą' | 'À' | 'Á' | 'Â' | 'Ã' | 'Å' | 'Ā' | 'Ą' => {
            "a"
        }
        'ä' | 'æ' | 'Ä' | 'Æ' => "ae",
        'ç' | 'ć' | 'č' | 'Ç' | 'Ć' | 'Č' => "c",
        'ď' | 'đ' | 'Ď' | 'Đ' => "d",
        'è' | 'é' | 'ê' | 'ë' | 'ē' | 'ę' | 'ě' | 'È' | 'É' | 'Ê' | 'Ë' | 'Ē' | 'Ę' | 'Ě' => {
            "e"
        }
        'ì' | 'í' | 'î' | 'ï' | 'ī' | 'Ì' | 'Í' | 'Î' | 'Ï' | 'Ī' => "i",
        'ł' | 'Ł' => "l",
        'ñ' | 'ń' | 'ň' | 'Ñ' | 'Ń' | 'Ň' => "n",
        'ò' | 'ó' | 'ô' | 'õ' | 'ő' | 'Ò' | 'Ó' | 'Ô' | 'Õ' | 'Ő' => "o",
        'ö' | 'ø' | 'œ' | 'Ö' | 'Ø' | 'Œ' => "oe",
        'ř' | 'Ř' => "r",
        'ś' | 'š' | 'ş' | 'Ś' | 'Š' | 'Ş' => "s",
        'ß' => "ss",
        'ť' | 'Ť' => "t",
        'ù' | 'ú' | 'û' | 'ū' | 'ů' | 'ű' | 'Ù' | 'Ú' | 'Û' | 'Ū' | 'Ů' | 'Ű' => "u",
        'ü' | 'Ü' => "ue",
        'ý' | 'ÿ' | 'Ý' => "y",
        'ź' | 'ż' | 'ž' | 'Ź' | 'Ż' | 'Ž' => "z",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::Slug;

    #[test]
    fn aims_are_read_as_people_write_them() {
        let way = |from: &str, to: &str| Aim::Way(from.into(), to.into());
        for (text, aim, unit) in [
            ("640 -> 1000", way("640", "1000"), None),
            (
                "640->1000 subscribers",
                way("640", "1000"),
                Some("subscribers"),
            ),
            (
                "0.50 → 0.8 share of all",
                way("0.5", "0.8"),
                Some("share of all"),
            ),
            ("48000 -> +50%", way("48000", "\"+50%\""), None),
            (
                "640 to 1000 subscribers",
                way("640", "1000"),
                Some("subscribers"),
            ),
            ("From 3 to 4 to-dos", way("3", "4"), Some("to-dos")),
            (
                "3 -> 4 answers to questions",
                way("3", "4"),
                Some("answers to questions"),
            ),
            (
                "first -> -25% errors",
                way("\"first\"", "\"-25%\""),
                Some("errors"),
            ),
            ("-3 -> -1 °C", way("-3", "-1"), Some("°C")),
            (
                "At most 300 complaints",
                Aim::AtMost("300".into()),
                Some("complaints"),
            ),
            ("at least 99.9 %", Aim::AtLeast("99.9".into()), Some("%")),
            // The check says what is wrong with these.
            ("many -> more", way("\"many\"", "\"more\""), None),
            ("inf -> 3", way("\"inf\"", "3"), None),
        ] {
            assert_eq!(
                Aim::parse(text),
                Ok((aim, unit.map(str::to_owned))),
                "{text}"
            );
        }
        for text in [
            "",
            "1000",
            "->",
            "640 ->",
            "-> 3",
            "3 4",
            "from 3",
            "by 3 to 4",
            "1,000 -> 2,000",
            "at most 1,5",
        ] {
            let why = Aim::parse(text).unwrap_err();
            assert!(
                why.starts_with("found `") && why.contains("expected"),
                "{why}"
            );
        }
    }

    #[test]
    fn ids_come_of_titles() {
        for (title, expected) in [
            ("Pass 1,000 subscribers", "pass-1000-subscribers"),
            (
                "More people find their way to our website",
                "more-people-find-their-way",
            ),
            (
                "Looking it up with us becomes a reflex",
                "looking-it-up-with-us-becomes",
            ),
            ("Be the first to go", "be-the-first-to-go"),
            (
                "Größere Öfen für Zoë’s Café",
                "groessere-oefen-fuer-zoes-cafe",
            ),
            ("  --  ", "objective"),
            ("目標", "objective"),
            ("Taken", "taken-3"),
            (
                "Donaudampfschifffahrtsgesellschaftskapitän",
                "donaudampfschifffahrtsgesellscha",
            ),
        ] {
            let made = id(title, "objective", ["taken", "taken-2"].into_iter());
            assert_eq!(made, expected);
            assert!(Slug::parse(&made).is_ok());
        }
    }
}
