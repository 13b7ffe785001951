//! Whether a file is TOML at all: every syntax fault of the file at once, and what could be read all the same.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::config::files::File;
use crate::config::finding::{Code, Finding, quoted};
use crate::config::veil::Veil;

/// Parses a file as far as it goes.
pub(super) fn parse(file: &File) -> (Spanned<DeTable<'_>>, Vec<Finding>) {
    let (table, errors) = DeTable::parse_recoverable(file.text());
    let mut findings: Vec<Finding> = Vec::new();
    let mut twice = 0..0;
    let mut veil = None;
    for error in errors {
        if findings.len() >= super::MOST_FINDINGS {
            break;
        }
        let span = error.span().unwrap_or(file.text().len()..file.text().len());
        // What the parser says of no place at all follows from what it said before.
        if span == (0..0) && !findings.is_empty() {
            continue;
        }
        let finding = if error.message() == "duplicate key" {
            // Whatever stands twice in a table that stands twice is no fault of its own.
            if twice.contains(&span.start) {
                continue;
            }
            twice = section(file, span.start);
            let veil = veil.get_or_insert_with(|| Veil::over(file.text()));
            duplicate(file, table.get_ref(), &span, veil)
        } else {
            let finding = file.finding(
                &span,
                Code::CfgSyntax,
                format!("not TOML: {}", error.message()),
            );
            let rest = span.start..file.line(span.start).end.max(span.start);
            finding
                .label("here")
                .help(help(error.message(), file.slice(&rest)))
        };
        // One slip often breaks the rest of its line in several ways; the first tells it best.
        let told = |f: &Finding| f.line == finding.line && f.code == Code::CfgSyntax;
        if !findings.last().is_some_and(told) {
            findings.push(finding);
        }
    }
    (table, findings)
}

/// What to do about a fault; `rest` is the line from there on. Never quotes it: it may be a secret.
fn help(message: &str, rest: &str) -> &'static str {
    let says = |part: &str| message.contains(part);
    let rest = rest.trim();
    if says("must be quoted") && (rest.is_empty() || rest.starts_with('#')) {
        "write a value behind the `=`: a text in quotes, a number, true, false or a date"
    } else if says("must be quoted") && rest.starts_with(['“', '”', '„', '‘', '’', '«', '`'])
    {
        "write straight quotes, \" or '"
    } else if says("must be quoted") && rest.starts_with(['+', '-']) {
        "write a change in quotes, such as \"+30%\""
    } else if says("must be quoted") && rest.starts_with(|c: char| c.is_ascii_digit()) {
        "write a number with digits alone, or a text in quotes"
    } else if says("must be quoted") {
        "put the text in quotes"
    } else if says("keys cannot be empty") {
        "write the name of a key in front of the `=`"
    } else if says("unquoted key") {
        "use letters without accents, digits, `-` and `_`, or put the key in quotes"
    } else if says("extra `=`") {
        "write one `=`"
    } else if says("date") || says("time") {
        "write a day that exists as year, month and day, such as 2026-02-28, or a text in quotes"
    } else if says("boolean") {
        "write true or false in small letters, or a text in quotes"
    } else if says("zero") || says("digits") || says("sign") {
        "write a number such as 10, -3 or 0.5, or a text in quotes"
    } else if says("escape") {
        "write `\\\\` for a backslash, or put the text in single quotes"
    } else if says("unclosed table") || says("unclosed array table") {
        "close the header with the brackets it began with"
    } else if says("array") {
        "close the list with `]` and put commas between its entries"
    } else if says("inline table") || says("key-value pairs") {
        "close the table with `}` on the same line and put commas between its keys"
    } else if says("unexpected key or value") && rest.starts_with(',') {
        "write one `key = value` a line, and numbers without separators"
    } else if says("unexpected key or value") {
        "write one `key = value` a line; a text that holds one kind of quote stands in the other"
    } else if says("quote") || says("string") {
        "close the text with the quote it began with; texts of several lines take three quotes"
    } else if says("recursion") {
        "nest less deeply"
    } else {
        "write `key = value` lines under [table] headers; texts stand in quotes"
    }
}

/// A key or table that is there already: names both places.
fn duplicate(file: &File, table: &DeTable<'_>, span: &Range<usize>, veil: &Veil) -> Finding {
    // Among logins a key may be a secret that slipped.
    let mut message = if veil.shows(span) {
        format!("{} is defined twice", quoted(file.slice(span)))
    } else {
        "a key is defined twice".to_owned()
    };
    let first = first_header(file, span).or_else(|| first_key(file, table, span));
    if let Some(first) = &first {
        let line = file.place(first.start).line;
        message = format!("{message}, first in {} line {line}", file.shown());
    }
    let finding = file
        .finding(span, Code::CfgDuplicate, message)
        .label("second definition")
        .help("keep one of the two, or rename one");
    match first {
        Some(first) => finding.also(file, &first, "first definition"),
        None => finding,
    }
}

/// The first header that reads like the one around `span`.
fn first_header(file: &File, span: &Range<usize>) -> Option<Range<usize>> {
    let plain = |line: &str| -> Option<String> {
        let line = line.trim();
        let end = line.find(']')?;
        line.starts_with('[')
            .then(|| line.get(..end).unwrap_or("").split_whitespace().collect())
    };
    let wanted = plain(file.slice(&file.line(span.start)))?;
    let mut at = 0;
    for line in file.text().split_inclusive('\n') {
        if at + line.len() > span.start {
            return None;
        }
        if plain(line).is_some_and(|header| header == wanted) {
            return Some(file.line(at));
        }
        at += line.len();
    }
    None
}

/// The bytes from a header to the next one; empty where the offset stands in no header.
fn section(file: &File, offset: usize) -> Range<usize> {
    let line = file.line(offset);
    if !file.slice(&line).trim_start().starts_with('[') {
        return 0..0;
    }
    let mut end = line.end;
    for next in file
        .text()
        .get(line.end..)
        .unwrap_or("")
        .split_inclusive('\n')
        .skip(1)
    {
        if next.trim_start().starts_with('[') {
            break;
        }
        end += next.len();
    }
    line.start..end + 1
}

/// The nearest key of this name before another, both at the start of their lines or both within: nearly always the
/// first definition of the same table.
fn first_key(file: &File, table: &DeTable<'_>, second: &Range<usize>) -> Option<Range<usize>> {
    let name = file.slice(second).trim_matches(['"', '\'']);
    let leads = |at: usize| file.slice(&(file.line(at).start..at)).trim().is_empty();
    let mut nearest: Option<Range<usize>> = None;
    let mut waiting = vec![table];
    while let Some(table) = waiting.pop() {
        if let Some((key, _)) = table.get_key_value(name) {
            let span = key.span();
            let nearer = nearest.as_ref().is_none_or(|n| n.start < span.start);
            if span.start < second.start && nearer && leads(span.start) == leads(second.start) {
                nearest = Some(span);
            }
        }
        for value in table.values() {
            match value.get_ref() {
                DeValue::Table(inner) => waiting.push(inner),
                DeValue::Array(list) => {
                    waiting.extend(list.iter().filter_map(|v| v.get_ref().as_table()))
                }
                _ => {}
            }
        }
    }
    nearest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f52_common_slips_have_their_own_remedy() {
        for (text, remedy) in [
            ("title = Acme", "put the text in quotes"),
            ("title = “Acme”", "straight quotes"),
            ("target = +30%", "\"+30%\""),
            ("a = ", "a value behind the `=`"),
            ("a = # later", "a value behind the `=`"),
            ("= 3", "in front of the `=`"),
            ("[x.ß]", "without accents"),
            ("a = 2026-02-30", "a day that exists"),
            ("a = True", "small letters"),
            ("a = 1,000", "without separators"),
            ("a = 10%", "digits alone"),
            ("a = 007", "a number such as"),
            ("a = 'it's'", "stands in the other"),
            ("a = \"x\\q\"", "single quotes"),
            ("a = \"x", "close the text"),
            ("a = [1,\n2", "close the list"),
            ("a = {b = 1", "close the table"),
            ("[a", "close the header"),
            ("a == 1", "one `=`"),
            ("a 1", "`key = value` lines"),
        ] {
            let file = File::new("x", "/", format!("{text}\n"));
            let (_, findings) = parse(&file);
            let help = &findings.first().unwrap().help;
            assert!(help.contains(remedy), "{text}: {findings:?}");
            assert!(findings.iter().all(|f| f.span != (0..0) || f.line == 1));
        }
    }

    #[test]
    fn a_slip_is_told_once_and_where_it_is() {
        let file = File::new("x", "/", "[a]\nwhy == \"x\"\n".into());
        let (_, findings) = parse(&file);
        let places: Vec<_> = findings.iter().map(|f| (f.line, f.column)).collect();
        assert_eq!(places, [(2, 6)]);
    }
}
