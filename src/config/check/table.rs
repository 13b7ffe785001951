//! A table as it was written, read by key: values with their places, nothing but `None` where the shape is wrong,
//! because the shapes were checked before and wrong ones have their finding. Knows no meaning.

use std::ops::Range;

use jiff::Timestamp;
use jiff::civil::Date;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::config::files::File;
use crate::config::finding::{Code, Finding};

/// A table and the file it stands in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Table<'a> {
    pub(super) file: &'a File,
    map: &'a DeTable<'a>,
    start: usize,
    end: usize,
}

/// A value and its place.
#[derive(Clone, Debug)]
pub(super) struct At<'a, T> {
    pub(super) value: T,
    pub(super) file: &'a File,
    pub(super) span: Range<usize>,
}

impl<'a, T> At<'a, T> {
    /// A finding at this value.
    pub(super) fn finding(&self, code: Code, message: impl AsRef<str>) -> Finding {
        self.file.finding(&self.span, code, message)
    }

    /// Another value at this place.
    pub(super) fn with<U>(&self, value: U) -> At<'a, U> {
        At {
            value,
            file: self.file,
            span: self.span.clone(),
        }
    }
}

impl<'a> At<'a, &'a str> {
    /// A part of a text with its own place, whatever escapes stand before it.
    pub(super) fn part(&self, span: &Range<usize>) -> At<'a, &'a str> {
        let part = self.value.get(span.clone()).unwrap_or("");
        let written = written(self.file.slice(&self.span), self.value);
        let place = written.filter(|_| !part.is_empty()).and_then(|places| {
            let start = places.get(span.start)?;
            // One behind the last character, which may be an escape.
            let end = places.get(span.end)?;
            Some(self.span.start + start..self.span.start + end)
        });
        At {
            value: part,
            file: self.file,
            span: place.unwrap_or_else(|| self.span.clone()),
        }
    }
}

/// Where each byte of a text stands as it was written, and where the text ends; `None` where that cannot be told.
fn written(raw: &str, text: &str) -> Option<Vec<usize>> {
    let quote = raw.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let thrice: String = std::iter::repeat_n(quote, 3).collect();
    let mark = if raw.starts_with(&thrice) { 3 } else { 1 };
    let body = raw.get(mark..raw.len().checked_sub(mark)?)?;
    let first = match body {
        _ if mark == 1 => 0,
        body if body.starts_with("\r\n") => 2,
        body => usize::from(body.starts_with('\n')),
    };
    let (mut decoded, mut places) = (String::with_capacity(text.len()), Vec::new());
    let mut at = first;
    while let Some(c) = body.get(at..).and_then(|rest| rest.chars().next()) {
        let rest = body.get(at..).unwrap_or_default();
        let (length, c) = if c == '\\' && quote == '"' {
            escape(rest)?
        } else {
            (c.len_utf8(), Some(c))
        };
        if let Some(c) = c {
            decoded.push(c);
            places.resize(decoded.len(), mark + at);
        }
        at += length;
    }
    places.push(mark + at);
    (decoded == text).then_some(places)
}

/// The length of an escape and the character that it stands for; a backslash at the end of a line stands for none.
fn escape(text: &str) -> Option<(usize, Option<char>)> {
    let after = text.get(1..)?;
    let hex = |digits: usize| {
        let code = u32::from_str_radix(after.get(1..=digits)?, 16).ok()?;
        Some((digits + 2, Some(char::from_u32(code)?)))
    };
    let one = |c| Some((2, Some(c)));
    match after.chars().next()? {
        'b' => one('\u{8}'),
        't' => one('\t'),
        'n' => one('\n'),
        'f' => one('\u{c}'),
        'r' => one('\r'),
        'e' => one('\u{1b}'),
        c @ ('"' | '\\') => one(c),
        'x' => hex(2),
        'u' => hex(4),
        'U' => hex(8),
        c if c.is_whitespace() => Some((text.len() - after.trim_start().len(), None)),
        _ => None,
    }
}

impl<'a> Table<'a> {
    /// The top of a file.
    pub(super) fn root(file: &'a File, map: &'a DeTable<'a>) -> Self {
        Self {
            file,
            map,
            start: 0,
            end: 0,
        }
    }

    /// Where it stands: its header, or all of it when it is written inline.
    pub(super) fn span(&self) -> Range<usize> {
        self.start..self.end
    }

    /// A finding at this table.
    pub(super) fn finding(&self, code: Code, message: impl AsRef<str>) -> Finding {
        self.file.finding(&self.span(), code, message)
    }

    /// Whether the key is there, whatever its value.
    pub(super) fn has(&self, key: &str) -> bool {
        self.map.contains_key(key)
    }

    /// The value of a key.
    pub(super) fn get(&self, key: &str) -> Option<At<'a, &'a DeValue<'a>>> {
        let value = self.map.get(key)?;
        Some(self.at(value))
    }

    fn at(&self, value: &'a Spanned<DeValue<'a>>) -> At<'a, &'a DeValue<'a>> {
        At {
            value: value.get_ref(),
            file: self.file,
            span: value.span(),
        }
    }

    /// The name of the key itself, with its place.
    pub(super) fn key(&self, key: &str) -> Option<At<'a, &'a str>> {
        let (name, _) = self.map.get_key_value(key)?;
        Some(At {
            value: name.get_ref().as_ref(),
            file: self.file,
            span: name.span(),
        })
    }

    /// A text.
    pub(super) fn text(&self, key: &str) -> Option<At<'a, &'a str>> {
        let at = self.get(key)?;
        Some(at.with(at.value.as_str()?))
    }

    /// A text of one's own; `None` when absent.
    pub(super) fn owned(&self, key: &str) -> Option<String> {
        self.text(key).map(|at| at.value.to_owned())
    }

    /// A finite number.
    pub(super) fn number(&self, key: &str) -> Option<At<'a, f64>> {
        let at = self.get(key)?;
        Some(at.with(number(at.value).filter(|n| n.is_finite())?))
    }

    /// true or false.
    pub(super) fn flag(&self, key: &str) -> Option<bool> {
        self.get(key)?.value.as_bool()
    }

    /// A local date.
    pub(super) fn date(&self, key: &str) -> Option<At<'a, Date>> {
        let at = self.get(key)?;
        Some(at.with(date(at.value)?))
    }

    /// An instant.
    pub(super) fn instant(&self, key: &str) -> Option<At<'a, Timestamp>> {
        let at = self.get(key)?;
        Some(at.with(instant(at.value)?))
    }

    /// A table.
    pub(super) fn table(&self, key: &str) -> Option<Table<'a>> {
        self.get(key)?.table()
    }

    /// The entries of a list.
    pub(super) fn list(&self, key: &str) -> Vec<At<'a, &'a DeValue<'a>>> {
        let list = self.get(key).and_then(|at| at.value.as_array());
        list.map(|list| list.iter().map(|v| self.at(v)).collect())
            .unwrap_or_default()
    }

    /// The texts of a list.
    pub(super) fn texts(&self, key: &str) -> Vec<At<'a, &'a str>> {
        let list = self.list(key);
        list.iter()
            .filter_map(|at| Some(at.with(at.value.as_str()?)))
            .collect()
    }

    /// Every key with its value, in the order in which they were written.
    pub(super) fn entries(&self) -> Vec<(At<'a, &'a str>, At<'a, &'a DeValue<'a>>)> {
        let mut entries: Vec<_> = self
            .map
            .iter()
            .map(|(name, value)| {
                let name = At {
                    value: name.get_ref().as_ref(),
                    file: self.file,
                    span: name.span(),
                };
                (name, self.at(value))
            })
            .collect();
        entries.sort_by_key(|(name, _)| name.span.start);
        entries
    }

    /// Every entry of a table of tables, in the order in which they were written.
    pub(super) fn tables(&self, key: &str) -> Vec<(At<'a, &'a str>, Table<'a>)> {
        let entries = self.table(key).map(|t| t.entries()).unwrap_or_default();
        entries
            .into_iter()
            .filter_map(|(name, at)| Some((name, at.table()?)))
            .collect()
    }
}

impl<'a> At<'a, &'a DeValue<'a>> {
    /// The value as a table.
    pub(super) fn table(&self) -> Option<Table<'a>> {
        Some(Table {
            file: self.file,
            map: self.value.as_table()?,
            start: self.span.start,
            end: self.span.end,
        })
    }
}

/// A number as f64, finite or not; `None` for anything else.
pub(super) fn number(value: &DeValue<'_>) -> Option<f64> {
    match value {
        DeValue::Integer(n) if n.radix() == 10 => n.as_str().parse().ok(),
        #[expect(
            clippy::cast_precision_loss,
            reason = "larger than 2^53 is refused as inexact"
        )]
        DeValue::Integer(n) => i128::from_str_radix(n.as_str(), n.radix())
            .ok()
            .map(|n| n as f64),
        DeValue::Float(n) => n.as_str().parse().ok(),
        _ => None,
    }
}

/// A local date without a time; `None` for anything else, years that jiff does not know among it.
pub(super) fn date(value: &DeValue<'_>) -> Option<Date> {
    let at = value.as_datetime()?;
    let (date, None, None) = (at.date?, at.time, at.offset) else {
        return None;
    };
    let part = |n: u8| i8::try_from(n).ok();
    Date::new(
        i16::try_from(date.year).ok()?,
        part(date.month)?,
        part(date.day)?,
    )
    .ok()
}

/// A date with its time and its offset from UTC; `None` for anything else.
pub(super) fn instant(value: &DeValue<'_>) -> Option<Timestamp> {
    let at = value.as_datetime()?;
    at.offset?;
    at.to_string().parse().ok()
}

/// What a value is, for messages.
pub(super) fn found(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(true) => "true",
        DeValue::Boolean(false) => "false",
        DeValue::Datetime(at) if at.time.is_some() => "a time",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The part `:x` of the value of `a`, as it stands in the file.
    fn place(text: &str) -> (String, usize) {
        let file = File::new("x", "/", text.to_owned());
        let map = DeTable::parse(file.text()).unwrap();
        let at = Table::root(&file, map.get_ref()).text("a").unwrap();
        let start = at.value.rfind(":x").unwrap();
        let span = at.part(&(start..start + 2)).span;
        let column = file.place(span.start).column;
        (file.slice(&span).to_owned(), column)
    }

    #[test]
    fn parts_of_a_text_keep_their_place_behind_escapes() {
        for (text, column) in [
            ("a = ':x'", 6),
            ("a = \":xy :x\"", 10),
            ("a = \"\\\":xy\\\" \\u00e9 :x\"", 21),
            ("a = \"\"\"\nb\n:x\"\"\"", 1),
            ("a = \"\"\"\r\nb \\\r\n   é:x\"\"\"", 5),
            ("a = '''\n  \\q :x'''", 6),
        ] {
            assert_eq!(place(text), (":x".to_owned(), column), "{text}");
        }
    }
}
