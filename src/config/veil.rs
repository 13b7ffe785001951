//! What of a file's text may be shown: only what the key tables know and call harmless. Everything else may be a secret
//! and is veiled, whatever is wrong with the file around it. Reads the text as far as it can be read, sound or not;
//! knows no finding.

use std::ops::Range;

use super::check::suggest::nearest;
use super::keys::{ROOT, Shape, TableKind, lints, measure, source};
use super::login::{is_login, is_speakable, passwords};

/// Keys of a source whose values hold no secret.
const OF_SOURCE: [&str; 3] = ["type", "deployment", "refresh"];
/// Keys of a measure whose values hold no secret.
const OF_MEASURE: [&str; 14] = [
    "refresh", "source", "formula", "jql", "fail_if", "window", "metric", "goal", "method",
    "empty", "promql", "hogql", "search", "issues",
];
/// Words with which a statement begins, whether it may run or not.
const OF_SQL: [&str; 23] = [
    "select", "with", "values", "table", "insert", "update", "delete", "replace", "merge",
    "create", "drop", "alter", "truncate", "set", "call", "do", "explain", "copy", "begin",
    "pragma", "vacuum", "attach", "show",
];

/// The parts of one text that may be shown.
#[derive(Debug, Default)]
pub(crate) struct Veil {
    /// In order, none touching the other.
    shown: Vec<Range<usize>>,
}

impl Veil {
    /// Reads a text.
    pub(crate) fn over(text: &str) -> Self {
        let mut scan = Scan {
            text,
            at: if text.starts_with('\u{feff}') { 3 } else { 0 },
            shown: Vec::new(),
            table: Ground::Table(&ROOT),
            open: Vec::new(),
            next: Next::Key,
            fresh: true,
        };
        while scan.step() {}
        Self { shown: scan.shown }
    }

    /// Whether all of a span may be shown.
    pub(crate) fn shows(&self, span: &Range<usize>) -> bool {
        let nth = self.shown.partition_point(|shown| shown.end < span.end);
        self.shown
            .get(nth)
            .is_some_and(|shown| shown.start <= span.start && span.end <= shown.end)
    }

    /// A line of the text with as many `*` in place of what may be secret, so that columns stay where they are.
    /// `hidden` are further bytes of the text that must not be seen.
    pub(crate) fn line(&self, text: &str, line: &Range<usize>, hidden: &[Range<usize>]) -> String {
        let words = text.get(line.clone()).unwrap_or_default();
        let mut logins = logins(words);
        logins.extend(passwords(words));
        let touched = |span: &&Range<usize>| span.start < line.end && line.start < span.end;
        let hidden: Vec<_> = hidden.iter().filter(touched).collect();
        let mut nth = self.shown.partition_point(|shown| shown.end <= line.start);
        let each = |(at, c): (usize, char)| {
            while self
                .shown
                .get(nth)
                .is_some_and(|shown| shown.end <= line.start + at)
            {
                nth += 1;
            }
            let shown = self
                .shown
                .get(nth)
                .is_some_and(|shown| shown.contains(&(line.start + at)))
                && !logins.iter().any(|login| login.contains(&at))
                && !hidden.iter().any(|span| span.contains(&(line.start + at)));
            if shown || matches!(c, '"' | '\'') {
                c
            } else {
                '*'
            }
        };
        words.char_indices().map(each).collect()
    }
}

/// `user:password` in front of the host of a URL.
pub(super) fn logins(line: &str) -> Vec<Range<usize>> {
    let login = |(at, _): (usize, &str)| {
        let rest = line.get(at + 3..)?;
        let end = rest
            .find(['/', '"', '\'', ' ', '?', '#'])
            .unwrap_or(rest.len());
        let host = rest.get(..end)?.rfind('@')?;
        Some(at + 3..at + 3 + host)
    };
    line.match_indices("://").filter_map(login).collect()
}

/// What the key tables say of a place.
#[derive(Clone, Copy)]
enum Ground {
    Table(&'static TableKind),
    /// Entries with free names.
    Named(&'static Shape),
    Source,
    Measure,
    /// The `value` of a measure: a text, or a table of texts.
    Value,
    /// A text that may be shown when it is a statement.
    Statement,
    /// A value that may be shown.
    Open,
    /// Unknown, or where secrets stand.
    Dark,
}

impl Ground {
    fn of(shape: &'static Shape) -> Self {
        match shape {
            Shape::Table(kind) | Shape::Tables(kind) if kind.secretive => Self::Dark,
            Shape::Table(kind) | Shape::Tables(kind) => Self::Table(kind),
            Shape::Map(_, each) => match each {
                Shape::Setting | Shape::Parameter | Shape::Secret => Self::Dark,
                each => Self::Named(each),
            },
            Shape::Source => Self::Source,
            Shape::Measure => Self::Measure,
            // Whatever is said of a channel, its address may be a secret.
            Shape::Notify => Self::Dark,
            Shape::Secret | Shape::Setting | Shape::Parameter | Shape::Later => Self::Dark,
            Shape::List(each) => Self::of(each),
            _ => Self::Open,
        }
    }

    /// What stands under a key.
    fn step(self, key: &str) -> Self {
        match self {
            // A slip in a harmless key is no secret, either.
            Self::Table(kind) => {
                let known = kind.keys.iter().map(|key| key.name);
                let meant = kind.key(key).or_else(|| kind.key(nearest(key, known)?));
                meant.map_or(Self::Dark, |key| Self::of(&key.shape))
            }
            Self::Named(each) => Self::of(each),
            Self::Source if key == "allow" => Self::Table(&lints::ALLOWED),
            Self::Source if OF_SOURCE.contains(&key) => Self::Open,
            Self::Measure if OF_MEASURE.contains(&key) => Self::Open,
            Self::Measure if key == "query" => Self::Statement,
            Self::Measure if key == "value" => Self::Value,
            Self::Value if ["sum", "avg"].contains(&key) => Self::Open,
            Self::Value if key == "ratio_of" => Self::Open,
            _ => Self::Dark,
        }
    }

    /// Whether a key that stands here may be shown.
    fn shows_key(self, key: &str) -> bool {
        match self {
            Self::Table(_) | Self::Named(_) => true,
            _ => is_known(key) || (is_speakable(key) && is_login(key)),
        }
    }

    /// Whether a value that stands here may be shown.
    fn shows(self, value: &str) -> bool {
        match self {
            Self::Open | Self::Value => true,
            Self::Statement => is_statement(value),
            _ => false,
        }
    }
}

/// Whether sources or measures have such a key.
fn is_known(key: &str) -> bool {
    let kinds = source::TYPES.iter().chain(&measure::TYPES);
    kinds
        .map(|(_, kind)| *kind)
        .chain([&source::AUTH, &source::SECRET])
        .chain([&measure::JIRA_VALUE, &measure::FORMULA])
        .any(|kind| kind.key(key).is_some())
}

fn is_statement(text: &str) -> bool {
    let text = text.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '(' | ';'));
    let end = text.find(|c: char| !c.is_ascii_alphabetic());
    let (word, rest) = text.split_at(end.unwrap_or(text.len()));
    let word = word.to_ascii_lowercase();
    text.is_empty()
        || text.starts_with("--")
        || text.starts_with("/*")
        || (OF_SQL.contains(&word.as_str()) && !rest.starts_with(['=', ':']))
}

/// What is read next.
#[derive(Clone, Copy)]
enum Next {
    Key,
    Value(Ground),
    /// A comma or the end of what is open.
    End,
}

/// A bracket that is not closed yet.
#[derive(Clone, Copy)]
enum Open {
    Table(Ground),
    List(Ground),
}

struct Scan<'t> {
    text: &'t str,
    at: usize,
    shown: Vec<Range<usize>>,
    /// What the header above says.
    table: Ground,
    open: Vec<Open>,
    next: Next,
    /// Whether nothing but spaces stood in this line yet.
    fresh: bool,
}

impl<'t> Scan<'t> {
    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn show(&mut self, length: usize) {
        self.pass(length, true);
    }

    /// Goes on, showing or hiding what is passed.
    fn pass(&mut self, length: usize, shown: bool) {
        let span = self.at..self.at + length;
        self.at = span.end;
        if !shown || span.is_empty() {
            return;
        }
        match self.shown.last_mut() {
            Some(last) if last.end == span.start => last.end = span.end,
            _ => self.shown.push(span),
        }
    }

    /// Hides what is left of the line.
    fn give_up(&mut self) {
        let rest = self.rest();
        self.pass(rest.find('\n').unwrap_or(rest.len()), false);
    }

    fn step(&mut self) -> bool {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else {
            return false;
        };
        let fresh = self.fresh;
        self.fresh &= first.is_whitespace();
        match first {
            '\n' => self.line_break(),
            ' ' | '\t' | '\r' => self.show(1),
            '#' => self.give_up(),
            '[' if fresh && self.is_header() => self.header(),
            '}' | ']' => self.close(),
            ',' => self.comma(),
            _ => match self.next {
                Next::Key => self.key(),
                Next::Value(ground) => self.value(first, ground),
                Next::End => self.give_up(),
            },
        }
        true
    }

    fn line_break(&mut self) {
        self.show(1);
        self.fresh = true;
        if !matches!(self.open.last(), Some(Open::List(_))) {
            self.next = Next::Key;
        }
    }

    fn close(&mut self) {
        if self.open.pop().is_none() {
            return self.give_up();
        }
        self.show(1);
        self.next = Next::End;
    }

    fn comma(&mut self) {
        self.next = match self.open.last() {
            Some(Open::Table(_)) => Next::Key,
            Some(Open::List(ground)) => Next::Value(*ground),
            None => return self.give_up(),
        };
        self.show(1);
    }

    /// Whether the bracket here opens a header. Inside of other brackets only what names a table of ours does.
    fn is_header(&self) -> bool {
        if self.open.is_empty() {
            return true;
        }
        let name = self.rest().trim_start_matches('[').trim_start();
        let end = name.find(|c| !is_bare(c)).unwrap_or(name.len());
        name.get(..end).is_some_and(|name| ROOT.key(name).is_some())
    }

    fn header(&mut self) {
        self.open.clear();
        let rest = self.rest();
        self.show(if rest.starts_with("[[") { 2 } else { 1 });
        let (keys, length) = keys(self.rest());
        let end = self.at + length;
        self.table = self.show_keys(&keys, Ground::Table(&ROOT));
        self.show(end - self.at);
        let rest = self.rest();
        if keys.is_empty() || !rest.starts_with(']') {
            return self.give_up();
        }
        self.show(if rest.starts_with("]]") { 2 } else { 1 });
        self.next = Next::End;
    }

    /// Shows the parts of a key as far as they may be; what stands under them.
    fn show_keys(&mut self, keys: &[Range<usize>], from: Ground) -> Ground {
        let (start, mut ground) = (self.at, from);
        for key in keys {
            let word = self.text.get(start + key.start..start + key.end);
            let word = word.unwrap_or_default().trim_matches(['"', '\'']);
            self.show(start + key.start - self.at);
            self.pass(key.len(), ground.shows_key(word));
            ground = ground.step(word);
        }
        ground
    }

    fn here(&self) -> Ground {
        match self.open.last() {
            Some(Open::Table(ground) | Open::List(ground)) => *ground,
            None => self.table,
        }
    }

    fn key(&mut self) {
        let (keys, length) = keys(self.rest());
        let end = self.at + length;
        let follows = self.rest().get(length..).unwrap_or_default();
        let word = |key: &Range<usize>| self.rest().get(key.clone()).unwrap_or_default();
        let under = keys.iter().fold(self.here(), |ground, key| {
            ground.step(word(key).trim_matches(['"', '\'']))
        });
        // Without its `=` it may be anything, the rest of a text of several lines for one.
        if keys.is_empty() || !(follows.starts_with('=') || matches!(under, Ground::Open)) {
            if let ([key], true) = (
                keys.as_slice(),
                is_known(word(&keys.first().cloned().unwrap_or_default())),
            ) {
                self.show(key.end);
            }
            return self.give_up();
        }
        self.show_keys(&keys, self.here());
        self.show(end - self.at);
        self.show(usize::from(follows.starts_with('=')));
        self.next = Next::Value(under);
    }

    fn value(&mut self, first: char, ground: Ground) {
        let rest = self.rest();
        self.next = Next::End;
        match first {
            '{' | '[' => {
                self.show(1);
                let list = first == '[';
                self.open.push(if list {
                    Open::List(ground)
                } else {
                    Open::Table(ground)
                });
                self.next = if list { Next::Value(ground) } else { Next::Key };
            }
            '=' => {
                self.show(1);
                self.next = Next::Value(ground);
            }
            '"' | '\'' => {
                let (mark, length) = text(rest, first);
                let inner = rest.get(mark..length).unwrap_or_default();
                let shown = ground.shows(inner.trim_end_matches(first));
                self.pass(length, shown);
            }
            _ => {
                let inside = !self.open.is_empty();
                let ends = |c: char| {
                    matches!(c, '\n' | '#' | '=' | '"') || (inside && matches!(c, ',' | '}' | ']'))
                };
                let value = rest.get(..rest.find(ends).unwrap_or(rest.len()));
                let length = value
                    .unwrap_or_default()
                    .trim_end()
                    .len()
                    .max(first.len_utf8());
                self.pass(length, ground.shows(rest.get(..length).unwrap_or_default()));
            }
        }
    }
}

fn is_bare(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-')
}

/// The parts of a dotted key, quotes included, and the length up to what follows it and its spaces.
fn keys(text: &str) -> (Vec<Range<usize>>, usize) {
    let spaces = |at: usize| {
        let rest = text.get(at..).unwrap_or_default();
        at + rest.len() - rest.trim_start_matches([' ', '\t']).len()
    };
    let mut keys = Vec::new();
    let mut at = spaces(0);
    loop {
        let rest = text.get(at..).unwrap_or_default();
        let length = match rest.chars().next() {
            Some(quote @ ('"' | '\'')) => match line_text(rest, quote) {
                Some(length) => length,
                None => return (Vec::new(), 0),
            },
            _ => rest.find(|c| !is_bare(c)).unwrap_or(rest.len()),
        };
        if length == 0 {
            return (Vec::new(), 0);
        }
        keys.push(at..at + length);
        at = spaces(at + length);
        if !text.get(at..).is_some_and(|rest| rest.starts_with('.')) {
            return (keys, at);
        }
        at = spaces(at + 1);
    }
}

/// The length of a text in quotes that ends in its line.
fn line_text(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            '\n' => return None,
            _ if escaped => escaped = false,
            '\\' if quote == '"' => escaped = true,
            c if c == quote => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// The length of the quotes that open a text and its whole length. One that is never closed ends with its line.
fn text(text: &str, quote: char) -> (usize, usize) {
    let line = text.find('\n').unwrap_or(text.len());
    let thrice: String = std::iter::repeat_n(quote, 3).collect();
    if !text.starts_with(&thrice) {
        return (1, line_text(text, quote).unwrap_or(line));
    }
    let mut at = 3;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with(&thrice) {
            let quotes = rest.chars().take_while(|c| *c == quote).count();
            return (3, at + quotes.min(5));
        }
        let mut chars = rest.chars();
        at += chars.next().map_or(1, char::len_utf8);
        if quote == '"' && rest.starts_with('\\') {
            at += chars.next().map_or(0, char::len_utf8);
        }
    }
    (3, line)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The last line of a text as it may be shown.
    fn last(text: &str) -> String {
        let start = text.rfind('\n').map_or(0, |at| at + 1);
        Veil::over(text).line(text, &(start..text.len()), &[])
    }

    #[test]
    fn f71_what_may_be_a_secret_is_veiled() {
        for (head, line, shown) in [
            ("[sources.a.auth]", "token = hunter2", "token = *******"),
            ("[sources.a.auth]", "token: \"x\"", "token**\"*\""),
            ("[sources.a.auth]", "token == \"x\"", "token == \"*\""),
            ("[sources.a.auth]", "token = “x”", "token = ***"),
            ("[sources.a.auth]", "token = \"ab\"x\"", "token = \"**\"*\""),
            ("[sources.a.auth]", "hunter2 = \"x\"", "******* = \"*\""),
            (
                "[sources.a.auth]",
                "token = \"x\" # hunter2",
                "token = \"*\" *********",
            ),
            ("[sources.a.auth]", "hunter2", "*******"),
            ("[sources.a.auth", "token = hunter2", "token = *******"),
            ("[sources.a]", "type = \"postgrs\"", "type = \"postgrs\""),
            ("[sources.a]", "dsn = \"x\"", "*** = \"*\""),
            (
                "[sources.a]",
                "headers = { \"X-Api-Key\" = x, Accept = \"y\" }",
                "headers = { \"X-Api-Key\" = *, ****** = \"*\" }",
            ),
            (
                "[sources.a]",
                "auth = {token = {env = x}}",
                "auth = {token = {env = *}}",
            ),
            ("", "tokn = \"x\"", "tokn = \"*\""),
            ("", "sources = \"x\"", "sources = \"*\""),
            (
                "",
                "notify = {webhook = \"x\"}",
                "notify = {webhook = \"*\"}",
            ),
            (
                "[notify.chat]",
                "webhook = {env = x}",
                "******* = {env = *}",
            ),
            (
                "[objectives.a.key_results.b]",
                "measure = { source = \"s\", tokn = \"x\", path = \"/y\" }",
                "measure = { source = \"s\", **** = \"*\", path = \"**\" }",
            ),
            (
                "[objectives.a.key_results.b.measure]",
                "query = { pw = [\"x\"] }",
                "query = { pw = [\"*\"] }",
            ),
            (
                "[objectives.a.key_results.b.measure]",
                "query = \"token=hunter2\"",
                "query = \"*************\"",
            ),
        ] {
            assert_eq!(last(&format!("{head}\n{line}")), shown, "{head} {line}");
        }
        let continued = "[sources.a.auth]\ntoken = \"\"\"\n[objectives.a]\ntitle = \"hunter2\"";
        assert_eq!(
            last(&format!("{continued}\"\"\"")),
            "********\"*******\"\"\"\""
        );
        let list = "[sources.a]\nx = [\n[\"hunter2\"]";
        assert_eq!(last(list), "[\"*******\"]");
    }

    #[test]
    fn what_people_must_see_is_shown() {
        for (head, line) in [
            ("", "timezone = \"x\""),
            ("", "include = [\"okrs/*.toml\"]"),
            ("[cycles.\"2026-Q4\"]", "starts = \"2026-10-01\""),
            ("[objectives.a]", "title = Acme"),
            ("[objectives.a]", "title == \"Acme\""),
            ("[objectives.a]", "title \"Acme\""),
            ("[objectives.a]", "title = \"open"),
            ("[objectives.a]", "key_results.b.target = \"30 %\""),
            ("[objectives.a]", "[objectives.a.key_results.\"B C\"]"),
            ("[objectives.a]", "[sources.tracker.auth]"),
            (
                "[objectives.a.key_results]",
                "b = { title = \"B\", at_most = 1 }",
            ),
            (
                "[objectives.a.key_results.b]",
                "measure = { source = \"s\", query = \"SELECT :nwo\", value = { sum = \"x\" } }",
            ),
            (
                "[objectives.a.key_results.b.measure]",
                "query = '''\nDELETE FROM t'''",
            ),
            ("[[objectives.a.key_results.b.amendments]]", "from = 1200"),
        ] {
            let shown = line.rsplit('\n').next().unwrap();
            assert_eq!(last(&format!("{head}\n{line}")), shown);
        }
        let veil = Veil::over("title = \"é\"\n[company]\nname = 'x'");
        assert!(veil.shows(&(13..22)) && veil.shows(&(23..27)) && !veil.shows(&(8..12)));
    }

    #[test]
    fn logins_inside_of_harmless_texts_are_veiled() {
        let title = "[objectives.a]\ntitle = \"see https://me:hunter2@host/x\"";
        assert_eq!(last(title), "title = \"see https://**********@host/x\"");
        let title = "[objectives.a]\ntitle = \"password=hunter2 é\"";
        assert_eq!(last(title), "title = \"password=******* é\"");
        let text = "[company]\nname = \"hunter2\"";
        let hidden = Veil::over(text).line(text, &(10..26), std::slice::from_ref(&(17..26)));
        assert_eq!(hidden, "name = \"*******\"");
    }

    #[test]
    fn any_text_is_read_to_its_end() {
        for text in [
            "", "\u{feff}", "[", "[[", "a.", "\"", "'''", "a = [[[", "]}", "= =", "a.'b", "ß = \\",
        ] {
            let veil = Veil::over(text);
            assert_eq!(
                veil.line(text, &(0..text.len()), &[]).chars().count(),
                text.chars().count()
            );
        }
    }
}
