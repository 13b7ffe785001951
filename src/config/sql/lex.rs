//! Cuts one SQL statement into tokens, as far as needed to tell names and keywords from strings, quoted
//! identifiers and comments. Knows the quoting rules of three dialects and no grammar. Where a server would cut
//! otherwise, a string of ours might be its code: hence spaces are ASCII, a number ends where it ends for the server,
//! and what servers take for a space or a line's end in different ways is a token that the gate refuses.

use std::ops::Range;

/// Whose quoting rules hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// SQLite: `[x]`, `"x"` and `` `x` `` are identifiers.
    Sqlite,
    /// PostgreSQL with `standard_conforming_strings` on: dollar quotes, `E''`, nested comments, `::` casts.
    Postgres,
    /// MySQL and MariaDB without `ANSI_QUOTES` and `NO_BACKSLASH_ESCAPES`: `"x"` is a string, `#` a comment.
    Mysql,
}

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A keyword, bare identifier or number.
    Word,
    /// A quoted identifier; the text keeps its quotes.
    Quoted,
    /// A string, whichever way it is quoted.
    Str,
    /// `:name`; the text is the name alone.
    Name,
    /// A comment that is no comment: `/*! … */` is run by the server, `/*+ … */` instructs it.
    Hint,
    /// One character of punctuation; `::`, `:=` and MySQL's `\N` are one token each.
    Punct,
    /// A control character outside quotes, in a comment too: a lone carriage return ends one for some servers only.
    Control,
}

/// One token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token<'a> {
    /// What it is.
    pub kind: Kind,
    /// Its text.
    pub text: &'a str,
    /// The byte where it starts; for a name the colon's.
    pub at: usize,
}

impl Token<'_> {
    /// Whether it is this keyword, in any case.
    #[must_use]
    pub fn is(&self, keyword: &str) -> bool {
        self.kind == Kind::Word && self.text.eq_ignore_ascii_case(keyword)
    }

    /// Whether it is this punctuation.
    #[must_use]
    pub fn is_punct(&self, text: &str) -> bool {
        self.kind == Kind::Punct && self.text == text
    }

    /// Its bytes in the statement, a name's colon included.
    #[must_use]
    pub fn span(&self) -> Range<usize> {
        let colon = usize::from(self.kind == Kind::Name);
        self.at..self.at + colon + self.text.len()
    }

    /// Whether it is a placeholder of the server's own, which nothing fills: `$1`, `?`, and what else SQLite takes.
    #[must_use]
    pub fn is_own_placeholder(&self, dialect: Dialect) -> bool {
        let word_after_dollar = (self.kind == Kind::Word)
            .then(|| self.text.strip_prefix('$'))
            .flatten()
            .filter(|rest| !rest.is_empty());
        match dialect {
            Dialect::Postgres => {
                word_after_dollar.is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit()))
            }
            Dialect::Sqlite => {
                word_after_dollar.is_some() || self.is_punct("?") || self.is_punct("@")
            }
            Dialect::Mysql => self.is_punct("?"),
        }
    }

    /// The identifier it stands for in lower case, without quotes; `None` for anything else.
    #[must_use]
    pub fn identifier(&self) -> Option<String> {
        match self.kind {
            Kind::Word => Some(self.text.to_ascii_lowercase()),
            Kind::Quoted => {
                let inner = self.text.get(1..self.text.len().saturating_sub(1));
                inner.map(str::to_ascii_lowercase)
            }
            _ => None,
        }
    }
}

/// Cuts a statement into tokens; spaces and comments are dropped. Never fails: what is left open reaches to the end,
/// and the server says what it thinks of it.
#[must_use]
pub fn tokens(sql: &str, dialect: Dialect) -> Vec<Token<'_>> {
    let mut lexer = Lexer {
        sql,
        at: 0,
        dialect,
        brackets: 0,
        escaped: None,
        out: Vec::new(),
    };
    while lexer.step() {}
    lexer.out
}

struct Lexer<'a> {
    sql: &'a str,
    at: usize,
    dialect: Dialect,
    brackets: usize,
    /// Where PostgreSQL's last `E''` string ended: one that follows on another line goes on with its rules.
    escaped: Option<usize>,
    out: Vec<Token<'a>>,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        self.sql.get(self.at..).unwrap_or_default()
    }

    /// Takes one token, comment or space; `false` at the end.
    fn step(&mut self) -> bool {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else {
            return false;
        };
        let postgres = self.dialect == Dialect::Postgres;
        match first {
            ' ' | '\t' | '\n' => self.at += 1,
            '\r' if rest.starts_with("\r\n") => self.at += 2,
            c if c.is_ascii_control() => self.take(Kind::Control, 1),
            '-' if rest.starts_with("--") && self.dashes_comment(rest) => self.skip_line(),
            '#' if self.dialect == Dialect::Mysql => self.skip_line(),
            '/' if rest.starts_with("/*") => self.comment(rest),
            '\'' => self.string(rest),
            '"' if self.dialect == Dialect::Mysql => self.take(Kind::Str, quoted(rest, '"', true)),
            '"' => self.take(Kind::Quoted, quoted(rest, '"', false)),
            '`' if !postgres => self.take(Kind::Quoted, quoted(rest, '`', false)),
            '[' if self.dialect == Dialect::Sqlite => {
                self.take(Kind::Quoted, rest.find(']').map_or(rest.len(), |i| i + 1));
            }
            '$' if postgres && dollar_quote(rest).is_some() => {
                self.take(Kind::Str, dollar_quote(rest).unwrap_or(rest.len()));
            }
            ':' => self.colon(rest),
            '\\' if self.dialect == Dialect::Mysql && rest.starts_with("\\N") => {
                self.take(Kind::Punct, 2);
            }
            c if number(rest) > 0 || is_word(c) => {
                let end = match number(rest) {
                    0 => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
                    digits => digits,
                };
                self.take(Kind::Word, end);
            }
            c => {
                match c {
                    '[' => self.brackets += 1,
                    ']' => self.brackets = self.brackets.saturating_sub(1),
                    _ => {}
                }
                self.take(Kind::Punct, c.len_utf8());
            }
        }
        true
    }

    fn take(&mut self, kind: Kind, length: usize) {
        let text = self.rest().get(..length).unwrap_or_default();
        self.out.push(Token {
            kind,
            text,
            at: self.at,
        });
        self.at += length;
    }

    /// MySQL wants a space after two dashes: `5--1` is six there.
    fn dashes_comment(&self, rest: &str) -> bool {
        let third = rest.as_bytes().get(2);
        self.dialect != Dialect::Mysql || third.is_none_or(|c| *c == b' ' || c.is_ascii_control())
    }

    /// Passes a comment up to the line's end.
    fn skip_line(&mut self) {
        let ends: &[char] = match self.dialect {
            Dialect::Postgres => &['\n', '\r'],
            Dialect::Sqlite | Dialect::Mysql => &['\n'],
        };
        let rest = self.rest();
        self.skip(rest.find(ends).unwrap_or(rest.len()));
    }

    /// Passes a comment of this length, all but its control characters.
    fn skip(&mut self, length: usize) {
        let end = self.at + length;
        while let Some(odd) = self.sql.get(self.at..end).and_then(control) {
            self.at += odd;
            // Its line feed may be the first character behind the comment.
            if self.rest().starts_with("\r\n") {
                self.at += 1;
            } else {
                self.take(Kind::Control, 1);
            }
        }
        self.at = end;
    }

    fn comment(&mut self, rest: &'a str) {
        let nested = self.dialect == Dialect::Postgres;
        let length = comment_length(rest, nested);
        let speaks = ["/*!", "/*M!", "/*+"].iter().any(|s| rest.starts_with(s));
        if self.dialect == Dialect::Mysql && speaks {
            self.take(Kind::Hint, length);
        } else {
            self.skip(length);
        }
    }

    fn string(&mut self, rest: &'a str) {
        let backslash = self.backslashes();
        self.take(Kind::Str, quoted(rest, '\'', backslash));
        self.escaped = backslash.then_some(self.at);
    }

    /// Whether a backslash escapes in the string that starts here: always in MySQL, in PostgreSQL after `E`, and in
    /// what continues such a string on another line.
    fn backslashes(&self) -> bool {
        match self.dialect {
            Dialect::Mysql => true,
            Dialect::Sqlite => false,
            Dialect::Postgres => self.out.last().is_some_and(|t| {
                let behind = |end: usize| end == t.span().end;
                let between = self.sql.get(t.span().end..self.at).unwrap_or_default();
                (t.is("e") && between.is_empty())
                    || (self.escaped.is_some_and(behind) && between.contains(['\n', '\r']))
            }),
        }
    }

    fn colon(&mut self, rest: &'a str) {
        if rest.starts_with("::") || rest.starts_with(":=") {
            return self.take(Kind::Punct, 2);
        }
        let name = rest.get(1..).unwrap_or_default();
        let starts = name
            .chars()
            .next()
            .is_some_and(|c| is_word(c) && !c.is_ascii_digit());
        if !starts || self.slice_colon() {
            return self.take(Kind::Punct, 1);
        }
        let end = name.find(|c| !is_word(c)).unwrap_or(name.len());
        self.out.push(Token {
            kind: Kind::Name,
            text: name.get(..end).unwrap_or_default(),
            at: self.at,
        });
        self.at += 1 + end;
    }

    /// In PostgreSQL's `a[low:high]` the colon follows a value.
    fn slice_colon(&self) -> bool {
        self.dialect == Dialect::Postgres
            && self.brackets > 0
            && self.out.last().is_some_and(|t| match t.kind {
                Kind::Punct => t.text == ")" || t.text == "]",
                Kind::Word => !BEFORE_A_VALUE.iter().any(|word| t.is(word)),
                _ => true,
            })
    }
}

/// Words that may stand in brackets and are no value themselves.
const BEFORE_A_VALUE: [&str; 19] = [
    "select", "distinct", "where", "having", "on", "by", "limit", "offset", "case", "when", "then",
    "else", "and", "or", "not", "between", "in", "like", "from",
];

/// To all three servers every character beyond ASCII may stand in a name, whatever it looks like.
fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '$' || !c.is_ascii()
}

/// The length of the number that starts here, or of PostgreSQL's `$1`; 0 without one. A word may follow at once:
/// `1.5INTO` is two tokens to MySQL.
fn number(text: &str) -> usize {
    let digits = |from: usize| {
        let rest = text.get(from..).unwrap_or_default();
        rest.bytes().take_while(u8::is_ascii_digit).count()
    };
    if text.starts_with('$') && digits(1) > 0 {
        return 1 + digits(1);
    }
    let whole = digits(0);
    let mut end = whole;
    if text.as_bytes().get(end) == Some(&b'.') {
        let part = digits(end + 1);
        if whole + part == 0 {
            return 0;
        }
        end += 1 + part;
    }
    let mut exponent = text.get(end..).unwrap_or_default().chars();
    if end > 0 && matches!(exponent.next(), Some('e' | 'E')) {
        let signed = usize::from(matches!(exponent.next(), Some('+' | '-')));
        let power = digits(end + 1 + signed);
        if power > 0 {
            end += 1 + signed + power;
        }
    }
    end
}

/// Where the first control character is that is no space to every server.
fn control(text: &str) -> Option<usize> {
    text.find(|c: char| c.is_ascii_control() && c != '\t' && c != '\n')
}

/// The length of a quoted text, both quotes included; a doubled quote stands for one.
fn quoted(text: &str, quote: char, backslash: bool) -> usize {
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((i, c)) = chars.next() {
        if c == '\\' && backslash {
            chars.next();
        } else if c == quote {
            if chars.peek().is_none_or(|(_, next)| *next != quote) {
                return i + c.len_utf8();
            }
            chars.next();
        }
    }
    text.len()
}

/// The length of `$tag$ … $tag$`, if one starts here.
fn dollar_quote(text: &str) -> Option<usize> {
    let tag_end = text.get(1..)?.find('$')? + 1;
    let tag = text.get(1..tag_end)?;
    let named = tag.is_empty()
        || (tag.chars().all(|c| is_word(c) && c != '$')
            && !tag.starts_with(|c: char| c.is_ascii_digit()));
    if !named {
        return None;
    }
    let mark = text.get(..=tag_end)?;
    let body = text.get(tag_end + 1..)?;
    Some(
        body.find(mark)
            .map_or(text.len(), |i| tag_end + 1 + i + mark.len()),
    )
}

fn comment_length(text: &str, nested: bool) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with("*/") {
            depth = depth.saturating_sub(1);
            at += 2;
            if depth == 0 {
                return at;
            }
        } else if rest.starts_with("/*") && (nested || depth == 0) {
            depth += 1;
            at += 2;
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn names(sql: &str, dialect: Dialect) -> Vec<&str> {
        tokens(sql, dialect)
            .into_iter()
            .filter(|t| t.kind == Kind::Name)
            .map(|t| t.text)
            .collect()
    }

    #[test]
    fn names_are_found_only_where_they_are_names() {
        use Dialect::{Mysql, Postgres, Sqlite};
        for (dialect, sql, expected) in [
            (Sqlite, "SELECT :now", vec!["now"]),
            (
                Sqlite,
                "SELECT ':now', [a:now], `:now`, \":now\" -- :now\n, :today",
                vec!["today"],
            ),
            (Sqlite, "SELECT 'it''s :now' /* :now */ , :x", vec!["x"]),
            (Postgres, "SELECT :now::date, a::text", vec!["now"]),
            (
                Postgres,
                "SELECT $$ :now $$, $a$ $$ :now $a$, :today",
                vec!["today"],
            ),
            (Postgres, "SELECT E'\\':now', '\\', :today", vec!["today"]),
            (
                Postgres,
                "/* a /* b */ :now */ SELECT \"a:now\", :today",
                vec!["today"],
            ),
            (
                Postgres,
                "SELECT a[1:now], a[lo:hi], a[f(x):hi], ARRAY[:now,:today]",
                vec!["now", "today"],
            ),
            (Postgres, "SELECT a$b$ + :now $b$", vec!["now"]),
            (
                Mysql,
                "SELECT \"a\\\" :now\", '\\' :now', `:now`, :today",
                vec!["today"],
            ),
            (Mysql, "SELECT 1 # :now\n, 5--:today", vec!["today"]),
            (
                Postgres,
                "SELECT a::date, b::text[] FROM t WHERE c >= :now::timestamptz",
                vec!["now"],
            ),
            (
                Sqlite,
                "SELECT [a:b], x[1] FROM t WHERE y = :today",
                vec!["today"],
            ),
            (Sqlite, "SELECT é:now, 'é :x', '", vec!["now"]),
            (Mysql, "SELECT 1 -- :now", vec![]),
            (Mysql, "SELECT @a := 1", vec![]),
            (Mysql, "SELECT '12:30', 1 : 2", vec![]),
            (Mysql, "SELECT 'open :now", vec![]),
            (
                Postgres,
                "SELECT ARRAY[CASE WHEN :now > a THEN :today END], a[b:c]",
                vec!["now", "today"],
            ),
            (Postgres, "SELECT 1 -- x\r, :now", vec!["now"]),
            (Mysql, "SELECT 1 -- x\r, :now", vec![]),
            (Mysql, "SELECT 1--\u{a0}:now", vec!["now"]),
            (Postgres, "SELECT $\u{a0}$ :now $\u{a0}$", vec![]),
            (
                Postgres,
                "SELECT E'a' -- x\n'\\':now', :today",
                vec!["today"],
            ),
            (Postgres, "SELECT E'a', '\\', :today", vec!["today"]),
            (
                Postgres,
                "SELECT a[1:now], a[1.5:now], $1, 2.:now",
                vec!["now"],
            ),
        ] {
            assert_eq!(names(sql, dialect), expected, "{sql}");
        }
    }

    #[test]
    fn comments_that_speak_are_kept() {
        let found = tokens("SELECT /*! SLEEP(9), */ 1 /* quiet */", Dialect::Mysql);
        assert_eq!(found.iter().filter(|t| t.kind == Kind::Hint).count(), 1);
        assert!(
            tokens("SELECT /*+ x */ 1", Dialect::Postgres)
                .iter()
                .all(|t| t.kind != Kind::Hint)
        );
    }

    #[test]
    fn identifiers_lose_quotes_and_case() {
        let found = tokens("\"Set_Config\" SET_CONFIG 'x'", Dialect::Postgres);
        let ids: Vec<_> = found.iter().map(Token::identifier).collect();
        assert_eq!(ids.first().unwrap().as_deref(), Some("set_config"));
        assert_eq!(ids.get(1).unwrap().as_deref(), Some("set_config"));
        assert_eq!(ids.get(2).unwrap(), &None);
    }

    proptest! {
        #[test]
        fn any_text_is_cut_without_panic_and_in_order(sql in "[ -~é\u{a0}\r'\"$:\\[\\]/*#\\n`-]{0,60}") {
            for dialect in [Dialect::Sqlite, Dialect::Postgres, Dialect::Mysql] {
                let mut end = 0;
                for token in tokens(&sql, dialect) {
                    prop_assert!(token.at >= end);
                    prop_assert!(sql.get(token.at..).unwrap().contains(token.text));
                    end = token.at + token.text.len();
                }
            }
        }
    }
}
