//! One way to write the white space of a file, and nothing else: every key, value and comment stays, in its order. Works
//! on the tokens of the text, since a tree of tables would put dotted keys together and lose line ends. Pure.

use toml_parser::Source;
use toml_parser::parser::{Event, EventKind, parse_document};
use unicode_width::UnicodeWidthStr;

use super::check::syntax_faults;
use super::files::File;
use super::finding::Finding;

/// Why a file has no formatted text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unformatted {
    /// It is not TOML; these say where and why.
    Faulty(Vec<Finding>),
    /// What came out would mean something else: a mistake of okrd's, told rather than written.
    Altered,
}

/// The text of a file with its white space in order:
///
/// - no white space at the ends of lines, no indentation of keys and headers, one line end at the end; line ends as in
///   the first line (LF or CRLF);
/// - one blank line before a header and the comment that belongs to it, never two in a row, none at the start;
/// - one space around `=`, unless it stands in one column with that of a neighbouring line; one space behind commas and
///   inside braces where a value takes one line. Values of several lines and the columns of comments stay as they are.
///
/// # Errors
/// When the file is not TOML.
pub fn format(file: &File) -> Result<String, Unformatted> {
    let faults = syntax_faults(file);
    if !faults.is_empty() {
        return Err(Unformatted::Faulty(faults));
    }
    let formatted = Layout::of(file.text()).written();
    let same = significant(file.text()) == significant(&formatted)
        && meaning(file.text()) == meaning(&formatted);
    if same {
        Ok(formatted)
    } else {
        Err(Unformatted::Altered)
    }
}

/// The lines of a text, from 1, that its formatted text has otherwise; blank lines count for the line below them, or for
/// the last. Only numbers, since a line may hold what must not be shown.
#[must_use]
pub fn changed_lines(text: &str, formatted: &str) -> Vec<usize> {
    let (before, after) = (lines(text), lines(formatted));
    let changed = before.iter().zip(&after).filter(|(one, other)| {
        (one.text, one.end, one.above) != (other.text, other.end, other.above)
    });
    changed.map(|(line, _)| line.number).collect()
}

/// A line that holds something, or what stands below the last of them.
struct Seen<'a> {
    number: usize,
    /// The blank lines above it, with the white space in them.
    above: &'a str,
    text: &'a str,
    end: bool,
}

fn lines(text: &str) -> Vec<Seen<'_>> {
    let mut seen = Vec::new();
    // Where the blank lines begin, and where this line does.
    let (mut from, mut here) = (0, 0);
    let mut last = 1;
    for (at, line) in text.split_inclusive('\n').enumerate() {
        last = at + 1;
        let next = here + line.len();
        if !line.trim().is_empty() {
            seen.push(Seen {
                number: last,
                above: text.get(from..here).unwrap_or_default(),
                text: line.trim_end_matches('\n'),
                end: line.ends_with('\n'),
            });
            from = next;
        }
        here = next;
    }
    seen.push(Seen {
        number: last,
        above: text.get(from..).unwrap_or_default(),
        text: "",
        end: false,
    });
    seen
}

/// Everything that is not white space, in order.
fn significant(text: &str) -> Vec<&str> {
    let events = events(text);
    let visible = events.iter().filter(|event| !is_space(event));
    visible
        .map(|event| slice(text, event).trim_end_matches([' ', '\t']))
        .collect()
}

/// What the file says to whoever reads its values; compared as text, since NaN equals nothing.
fn meaning(text: &str) -> Option<String> {
    let table = toml::from_str::<toml::Table>(text).ok()?;
    Some(format!("{table:?}"))
}

fn events(text: &str) -> Vec<Event> {
    let tokens = Source::new(text).lex().into_vec();
    let mut events = Vec::with_capacity(tokens.len());
    // The text was parsed before, nesting within bounds: no error comes of it.
    parse_document(&tokens, &mut events, &mut ());
    events
}

fn slice<'a>(text: &'a str, event: &Event) -> &'a str {
    let span = event.span();
    text.get(span.start()..span.end()).unwrap_or_default()
}

fn is_space(event: &Event) -> bool {
    matches!(event.kind(), EventKind::Whitespace | EventKind::Newline)
}

/// A line of the file; a value of several lines counts as one.
#[derive(Debug)]
enum Line {
    Blank,
    Comment(String),
    Header(String, Option<Remark>),
    Pair(Pair, Option<Remark>),
}

/// `key = value`.
#[derive(Debug)]
struct Pair {
    key: String,
    /// The white space between key and `=`.
    gap: String,
    value: String,
}

/// A comment behind something.
#[derive(Debug)]
struct Remark {
    text: String,
    /// The white space before it.
    gap: String,
    /// What stood before that, without indentation.
    after: String,
}

/// The lines of a text.
struct Layout {
    lines: Vec<Line>,
    line_end: &'static str,
    /// Whether the text begins with a byte order mark.
    marked: bool,
}

impl Layout {
    fn of(text: &str) -> Self {
        let events = events(text);
        let first_end = events
            .iter()
            .find(|event| event.kind() == EventKind::Newline);
        let line_end = match first_end.map(|event| slice(text, event)) {
            Some("\r\n") => "\r\n",
            _ => "\n",
        };
        let mut lines = Vec::new();
        let mut depth = 0_usize;
        let mut from = 0;
        for (at, event) in events.iter().enumerate() {
            match event.kind() {
                EventKind::ArrayOpen | EventKind::InlineTableOpen => depth += 1,
                EventKind::ArrayClose | EventKind::InlineTableClose => {
                    depth = depth.saturating_sub(1);
                }
                EventKind::Newline if depth == 0 => {
                    lines.push(line(text, &events[from..at], line_end));
                    from = at + 1;
                }
                _ => {}
            }
        }
        lines.push(line(text, &events[from..], line_end));
        Self {
            lines,
            line_end,
            marked: text.starts_with('\u{feff}'),
        }
    }

    /// The text in order.
    fn written(mut self) -> String {
        self.part();
        self.space();
        let mut text = String::new();
        if self.marked {
            text.push('\u{feff}');
        }
        for line in &self.lines {
            text.push_str(&line.written());
            text.push_str(self.line_end);
        }
        text
    }

    /// Blank lines: one before each header, never two, none at either end.
    fn part(&mut self) {
        let mut parted: Vec<Line> = Vec::with_capacity(self.lines.len());
        for line in self.lines.drain(..) {
            let redundant = matches!(parted.last(), None | Some(Line::Blank));
            if matches!(line, Line::Blank) && redundant {
                continue;
            }
            if matches!(line, Line::Header(..)) {
                let at = above(&parted);
                if at > 0 && !matches!(parted[at - 1], Line::Blank) {
                    parted.insert(at, Line::Blank);
                }
            }
            parted.push(line);
        }
        while matches!(parted.last(), Some(Line::Blank)) {
            parted.pop();
        }
        self.lines = parted;
    }

    /// One space before `=`, but where a column was made of several.
    fn space(&mut self) {
        let mut lone = Vec::new();
        let mut before: Option<(usize, Option<usize>)> = None;
        let mut together = vec![false; self.lines.len()];
        for (at, line) in self.lines.iter().enumerate() {
            match line {
                Line::Pair(pair, _) => {
                    let column = pair.column();
                    if let Some((earlier, its)) = before
                        && column.is_some()
                        && its == column
                    {
                        together[earlier] = true;
                        together[at] = true;
                    }
                    before = Some((at, column));
                    lone.push(at);
                }
                Line::Comment(_) => {}
                Line::Blank | Line::Header(..) => before = None,
            }
        }
        for at in lone.into_iter().filter(|at| !together[*at]) {
            if let Line::Pair(pair, _) = &mut self.lines[at] {
                " ".clone_into(&mut pair.gap);
            }
        }
    }
}

/// Where the blank line before a header goes: above the comment that belongs to it, if one does.
fn above(lines: &[Line]) -> usize {
    let comments = lines.iter().rev();
    let comments = comments.take_while(|line| matches!(line, Line::Comment(_)));
    let start = lines.len() - comments.count();
    let of_table_before = start > 0 && matches!(lines[start - 1], Line::Header(..));
    // A key that is commented out belongs to the table before.
    let key_out = lines.last().is_some_and(
        |line| matches!(line, Line::Comment(text) if is_pair(text.trim_start_matches('#'))),
    );
    if of_table_before || key_out {
        lines.len()
    } else {
        start
    }
}

fn is_pair(text: &str) -> bool {
    text.contains('=') && toml::from_str::<toml::Table>(text).is_ok()
}

/// One line made of its tokens, its line end left out.
fn line(text: &str, events: &[Event], line_end: &str) -> Line {
    let events = trimmed(events);
    let (events, comment) = match events {
        [rest @ .., last] if last.kind() == EventKind::Comment => {
            (rest, Some(slice(text, last).trim_end().to_owned()))
        }
        _ => (events, None),
    };
    let gap = match events.last() {
        Some(last) if is_space(last) => slice(text, last).to_owned(),
        _ => String::new(),
    };
    let events = trimmed(events);
    let (Some(first), Some(last)) = (events.first(), events.last()) else {
        return comment.map_or(Line::Blank, Line::Comment);
    };
    let after = text.get(first.span().start()..last.span().end());
    let remark = comment.map(|text| Remark {
        text,
        gap,
        after: after.unwrap_or_default().to_owned(),
    });
    let equals = events
        .iter()
        .position(|event| event.kind() == EventKind::KeyValSep);
    match equals {
        Some(at) => Line::Pair(
            pair(text, &events[..at], &events[at + 1..], line_end),
            remark,
        ),
        None => Line::Header(visible(text, events), remark),
    }
}

fn pair(text: &str, key: &[Event], value: &[Event], line_end: &str) -> Pair {
    let gap = key.last().filter(|event| is_space(event));
    let value = trimmed(value);
    let lines = value.iter().any(|event| event.kind() == EventKind::Newline);
    Pair {
        key: visible(text, key),
        gap: gap.map_or("", |event| slice(text, event)).to_owned(),
        value: if lines {
            as_it_stands(text, value, line_end)
        } else {
            in_one_line(text, value)
        },
    }
}

/// The tokens without white space at either end.
fn trimmed(mut events: &[Event]) -> &[Event] {
    while let [first, rest @ ..] = events
        && is_space(first)
    {
        events = rest;
    }
    while let [rest @ .., last] = events
        && is_space(last)
    {
        events = rest;
    }
    events
}

/// The tokens without white space: a key or a header.
fn visible(text: &str, events: &[Event]) -> String {
    let seen = events.iter().filter(|event| !is_space(event));
    seen.map(|event| slice(text, event)).collect()
}

/// A value of several lines: only the ends of its lines change.
fn as_it_stands(text: &str, events: &[Event], line_end: &str) -> String {
    let mut written = String::new();
    for (at, event) in events.iter().enumerate() {
        let ends = events
            .get(at + 1)
            .is_some_and(|next| next.kind() == EventKind::Newline);
        match event.kind() {
            EventKind::Whitespace if ends => {}
            EventKind::Newline => written.push_str(line_end),
            EventKind::Comment => written.push_str(slice(text, event).trim_end()),
            _ => written.push_str(slice(text, event)),
        }
    }
    written
}

/// A value of one line: `[1, 2]`, `{ a = 1, b = 2 }`.
fn in_one_line(text: &str, events: &[Event]) -> String {
    let mut written = String::new();
    let mut before = None;
    for event in events.iter().filter(|event| !is_space(event)) {
        let kind = event.kind();
        let spaced = match (before, kind) {
            (None, _) | (Some(EventKind::ValueSep), EventKind::ArrayClose) => false,
            (Some(EventKind::InlineTableOpen), kind) => kind != EventKind::InlineTableClose,
            (_, EventKind::KeyValSep | EventKind::InlineTableClose) => true,
            (Some(before), _) => matches!(before, EventKind::ValueSep | EventKind::KeyValSep),
        };
        if spaced {
            written.push(' ');
        }
        written.push_str(slice(text, event));
        before = Some(kind);
    }
    written
}

impl Line {
    fn written(&self) -> String {
        let with = |text: String, remark: &Option<Remark>| match remark {
            Some(remark) => remark.behind(text),
            None => text,
        };
        match self {
            Self::Blank => String::new(),
            Self::Comment(text) => text.clone(),
            Self::Header(text, remark) => with(text.clone(), remark),
            Self::Pair(Pair { key, gap, value }, remark) => {
                with(format!("{key}{gap}= {value}"), remark)
            }
        }
    }
}

impl Pair {
    /// The column in which `=` stands; `None` where nothing or a tab stands before it.
    fn column(&self) -> Option<usize> {
        let spaces = !self.gap.is_empty() && !self.gap.contains('\t');
        spaces.then(|| self.key.width() + self.gap.width())
    }
}

impl Remark {
    /// The comment behind a text: where it stood, if it stood apart.
    fn behind(&self, text: String) -> String {
        let gap = match self.gap.as_str() {
            "" => " ".to_owned(),
            gap if text == self.after || gap.len() <= 2 || gap.contains('\t') => gap.to_owned(),
            gap => {
                let column = self.after.width() + gap.width();
                " ".repeat(column.saturating_sub(text.width()).max(1))
            }
        };
        format!("{text}{gap}{}", self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn formatted(text: &str) -> String {
        format(&File::new("okrd.toml", "/", text.to_owned())).unwrap()
    }

    /// Text, and what becomes of it; each result stays as it is.
    const ROWS: &[(&str, &str)] = &[
        ("", ""),
        (" \n\t\n", ""),
        ("a=1", "a = 1\n"),
        ("a   =   1\n\n\n\nb\t=\t2  \n\n", "a = 1\n\nb = 2\n"),
        ("\n\n# head\n\n\na = 1", "# head\n\na = 1\n"),
        (
            "  # indented\n  a = 1\n  [ b . \"c d\" ]  # why\n    c=2",
            "# indented\na = 1\n\n[b.\"c d\"]  # why\nc = 2\n",
        ),
        ("[[m]]\n[[ m ]]\n", "[[m]]\n\n[[m]]\n"),
        // A column that people made stays; one that nobody shares does not.
        ("title = 1\nwhy   = 2\n", "title = 1\nwhy   = 2\n"),
        (
            "title = 1\n# between\nwhy   = 2\n",
            "title = 1\n# between\nwhy   = 2\n",
        ),
        ("title = 1\n\nwhy   = 2\n", "title = 1\n\nwhy = 2\n"),
        ("title  =1\nwhy   = 2\n", "title = 1\nwhy = 2\n"),
        ("a=1\nb=2\n", "a = 1\nb = 2\n"),
        (
            "\"größe\" = 1\n\"maß\"   = 2\n",
            "\"größe\" = 1\n\"maß\"   = 2\n",
        ),
        // Dotted keys stay in their order, which a tree of tables would not keep.
        ("a . b = 1\nc = 2\na.d = 3\n", "a.b = 1\nc = 2\na.d = 3\n"),
        (
            "[z]\na = 1\n[a.y]\n[a]\nz = 1\nb = 2\n",
            "[z]\na = 1\n\n[a.y]\n\n[a]\nz = 1\nb = 2\n",
        ),
        // Comments: with the header below, but a key that is commented out with the table above.
        ("a = 1\n# about b\n[b]\n", "a = 1\n\n# about b\n[b]\n"),
        ("[a]\n# x\n[b]\n", "[a]\n# x\n\n[b]\n"),
        ("[a]\nx = 1\n# y = 2\n[b]\n", "[a]\nx = 1\n# y = 2\n\n[b]\n"),
        ("#:schema ./x.json\n[a]\n", "#:schema ./x.json\n[a]\n"),
        ("a = 1# tight\n", "a = 1 # tight\n"),
        ("a=1      # apart\n", "a = 1    # apart\n"),
        ("a = 1      # apart  \n", "a = 1      # apart\n"),
        ("a   = 1 # one\n", "a = 1 # one\n"),
        // Values of one line.
        (
            "a = {b=1,c . d=[ 1,2 , 3 ]}\n",
            "a = { b = 1, c.d = [1, 2, 3] }\n",
        ),
        ("a = {  }\nb = [ ]\n", "a = {}\nb = []\n"),
        ("a = [1,2,]\n", "a = [1, 2,]\n"),
        (
            "a = [ [ 2026-11-01,7 ] , {x=1} ]\n",
            "a = [[2026-11-01, 7], { x = 1 }]\n",
        ),
        // Values of several lines keep their shape, texts every character.
        (
            "a = [  \n  1,   2, # x  \n\n  3\n  ] \n",
            "a = [\n  1,   2, # x\n\n  3\n  ]\n",
        ),
        (
            "a = \"\"\"\n x  \n\n\n y\"\"\"\n",
            "a = \"\"\"\n x  \n\n\n y\"\"\"\n",
        ),
        ("a = '''\r\nx  \n'''\n", "a = '''\r\nx  \n'''\n"),
        // Line ends as in the first line; a byte order mark stays.
        ("a=1\r\nb=[\n1]\n", "a = 1\r\nb = [\r\n1]\r\n"),
        ("\u{feff}a=1\n", "\u{feff}a = 1\n"),
        ("a=nan\n", "a = nan\n"),
    ];

    #[test]
    fn white_space_comes_in_order() {
        for (text, expected) in ROWS {
            assert_eq!(formatted(text), *expected, "of {text:?}");
            assert_eq!(formatted(expected), *expected, "again");
        }
    }

    #[test]
    fn the_lines_that_change_are_known() {
        for (text, expected) in [
            ("a = 1\n", &[][..]),
            ("a=1\nb = 2\nc=3\n", &[1, 3]),
            ("a = 1\n\n\nb = 2\n", &[4]),
            ("\na = 1\n[b]\n", &[2, 3]),
            ("a = 1\n\n", &[2]),
            ("a = 1", &[1]),
            ("a=1\r\n", &[1]),
            ("a = [\n 1, \n 2]\n", &[2]),
            (" \n", &[1]),
        ] {
            assert_eq!(
                changed_lines(text, &formatted(text)),
                expected,
                "of {text:?}"
            );
        }
    }

    #[test]
    fn what_is_not_toml_has_no_form() {
        for text in ["a = ", "a = 1\na = 2\n", "[a\n", "a = \"x\n"] {
            let result = format(&File::new("okrd.toml", "/", text.to_owned()));
            let Err(Unformatted::Faulty(findings)) = result else {
                panic!("{text:?} gave {result:?}");
            };
            assert!(!findings.is_empty());
        }
    }

    /// What the program holds against itself before anything is written.
    #[test]
    fn a_changed_meaning_would_be_seen() {
        let of = |text| (significant(text), meaning(text));
        assert_eq!(of("a=1 # x \n"), of("a = 1 # x\n"));
        for (one, other) in [
            ("a = 1\n", "a = 2\n"),
            ("a = 1 # x\n", "a = 1\n"),
            ("a = 1\nb = 2\n", "b = 2\na = 1\n"),
            ("a = 'x '\n", "a = 'x'\n"),
            ("# x\na = 1\n", "# y\na = 1\n"),
        ] {
            assert_ne!(of(one), of(other));
        }
    }

    fn space() -> impl Strategy<Value = &'static str> {
        prop::sample::select(vec!["", " ", "   ", "\t", " \t "])
    }

    /// A line of any kind with white space of any kind; keys are numbered, so that none stands twice.
    fn any_line() -> impl Strategy<Value = (String, String)> {
        let value = prop::sample::select(vec![
            "1",
            "'x  '",
            "[1,2 ]",
            "[ ]",
            "{ }",
            "{a=1,b = 'y'}",
            "[\n 1 , # in\n\n\t2]",
            "\"\"\"\n a \n\"\"\"",
            "2026-10-01",
            "nan",
            "[{x = [1]}, {}]",
            "\"é #\"",
        ]);
        let name = prop::sample::select(vec!["k", "long-key", "\"q u\".r", "\"é\""]);
        let kind = 0..5_u8;
        (
            kind,
            name,
            value,
            (space(), space(), space(), space()),
            any::<bool>(),
        )
            .prop_map(|(kind, name, value, (a, b, c, d), remark)| {
                let remark = if remark {
                    format!("{d}# why {c}")
                } else {
                    d.to_owned()
                };
                match kind {
                    0 => (a.to_owned(), String::new()),
                    1 => (format!("{a}# note{b}"), String::new()),
                    2 => (format!("{a}[{b}t"), format!("{c}]{remark}")),
                    3 => (
                        format!("{a}#{name}{b}={c}{value}").replace('\n', ""),
                        String::new(),
                    ),
                    _ => (format!("{a}{name}.n"), format!("{b}={c}{value}{remark}")),
                }
            })
    }

    #[test]
    fn white_space_in_a_blank_line_is_a_change() {
        let text = "#a\n \n#b\n";
        assert_eq!(formatted(text), "#a\n\n#b\n");
        assert_eq!(changed_lines(text, &formatted(text)), [3]);
    }

    proptest! {
        /// Whatever the white space: formatted twice is formatted once, and nothing that is seen changes.
        #[test]
        fn formatting_is_idempotent_and_keeps_everything(
            lines in prop::collection::vec(any_line(), 0..14),
            end in prop::sample::select(vec!["\n", "\r\n"]),
            last in any::<bool>(),
        ) {
            let numbered = lines.iter().enumerate().map(|(n, (head, tail))| {
                if tail.is_empty() { head.clone() } else { format!("{head}{n}{tail}") }
            });
            let mut text = numbered.collect::<Vec<_>>().join("\n").replace('\n', end);
            if last {
                text.push_str(end);
            }
            let once = formatted(&text);
            prop_assert_eq!(formatted(&once), once.clone());
            prop_assert_eq!(significant(&once), significant(&text));
            // The same without any notion of a token.
            let bare = |text: &str| text.replace([' ', '\t', '\r', '\n'], "");
            prop_assert_eq!(bare(&once), bare(&text));
            prop_assert_eq!(changed_lines(&text, &once).is_empty(), once == text);
            prop_assert_eq!(meaning(&once), meaning(&text));
            prop_assert!(meaning(&text).is_some(), "{:?}", text);
            for line in once.lines().filter(|line| !line.contains(" a ")) {
                prop_assert_eq!(line.trim_end(), line);
            }
        }
    }
}
