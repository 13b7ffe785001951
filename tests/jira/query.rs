//! A small JQL of our own for the fake Jira: enough that a count depends on the text that arrived. Knows strings,
//! escapes, dates in the caller's zone, AND, OR, NOT and parentheses; refuses what it does not know, as Jira does.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::Value;

/// One issue of the fixture.
#[derive(Clone, Debug)]
pub(crate) struct Issue {
    pub(crate) id: u64,
    pub(crate) project: String,
    pub(crate) summary: String,
    pub(crate) status: String,
    pub(crate) created: Timestamp,
    pub(crate) resolved: Option<Timestamp>,
    /// Custom fields this issue carries, by id.
    pub(crate) custom: BTreeMap<String, Value>,
    /// Whether the model of strict clients chokes on it: `reporter` is null.
    pub(crate) odd: bool,
    /// The key of the epic it belongs to.
    pub(crate) epic: Option<String>,
}

impl Issue {
    pub(crate) fn new(id: u64, project: &str, status: &str, created: &str) -> Self {
        Self {
            id,
            project: project.into(),
            summary: format!("Issue number {id}"),
            status: status.into(),
            created: created.parse().unwrap(),
            resolved: None,
            custom: BTreeMap::new(),
            odd: false,
            epic: None,
        }
    }

    pub(crate) fn key(&self) -> String {
        format!("{}-{}", self.project, self.id % 10_000)
    }

    pub(crate) fn category(&self) -> &'static str {
        match self.status.as_str() {
            "Done" | "Closed" => "Done",
            "To Do" => "To Do",
            _ => "In Progress",
        }
    }
}

/// Who asks: what JQL means depends on it.
#[derive(Clone, Debug)]
pub(crate) struct Asker {
    pub(crate) zone: TimeZone,
    /// The projects it may browse.
    pub(crate) sees: Vec<String>,
    pub(crate) anonymous: bool,
    /// Cloud takes a bare word as a text search.
    pub(crate) bare_words: bool,
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    Sign(String),
}

#[derive(Debug)]
enum Expr {
    All(Vec<Expr>),
    Any(Vec<Expr>),
    Not(Box<Expr>),
    Term {
        field: String,
        op: String,
        values: Vec<Token>,
    },
    Contains(String),
}

/// A parsed query.
#[derive(Debug)]
pub(crate) struct Query {
    filter: Option<Expr>,
}

const RESERVED: &str = "{}*/%^$#@?;+|&.`";

fn tokens(jql: &str) -> Result<Vec<Token>, String> {
    let mut found = Vec::new();
    let mut chars = jql.chars().enumerate().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            _ if c.is_whitespace() => {}
            '"' | '\'' => {
                let mut text = String::new();
                loop {
                    match chars.next() {
                        Some((_, '\\')) => text.extend(chars.next().map(|(_, c)| c)),
                        Some((_, end)) if end == c => break,
                        Some((_, c)) => text.push(c),
                        None => {
                            return Err(format!(
                                "Error in the JQL Query: The quoted string '{text}' has not been completed. (line 1, character {})",
                                at + 1
                            ));
                        }
                    }
                }
                found.push(Token::Text(text));
            }
            '(' | ')' | ',' | '=' | '~' => found.push(Token::Sign(c.into())),
            '!' | '<' | '>' => {
                let mut sign = String::from(c);
                if let Some((_, next)) = chars.next_if(|(_, n)| *n == '=' || *n == '~') {
                    sign.push(next);
                }
                found.push(Token::Sign(sign));
            }
            _ if RESERVED.contains(c) => {
                return Err(format!(
                    "Error in the JQL Query: The character '{c}' is a reserved JQL character. You must enclose it in a string or use the escape '\\u{:04x}' instead. (line 1, character {})",
                    c as u32,
                    at + 1
                ));
            }
            _ => {
                let mut word = String::from(c);
                while let Some((_, next)) = chars.next_if(|(_, n)| {
                    !n.is_whitespace() && !"\"'(),=~!<>".contains(*n) && !RESERVED.contains(*n)
                }) {
                    word.push(next);
                }
                found.push(Token::Word(word));
            }
        }
    }
    Ok(found)
}

/// Parses; the error is what Jira would print.
pub(crate) fn parse(jql: &str, asker: &Asker) -> Result<Query, String> {
    let mut parser = Parser {
        tokens: tokens(jql)?,
        at: 0,
        bare_words: asker.bare_words,
    };
    let filter = match parser.peek_word().as_deref() {
        None if parser.tokens.is_empty() => None,
        Some("order") => None,
        _ => Some(parser.any()?),
    };
    parser.order_by()?;
    Ok(Query { filter })
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    bare_words: bool,
}

impl Parser {
    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token
    }

    fn peek_word(&self) -> Option<String> {
        match self.tokens.get(self.at) {
            Some(Token::Word(word)) => Some(word.to_lowercase()),
            _ => None,
        }
    }

    fn take_sign(&mut self, sign: &str) -> bool {
        let there = self.tokens.get(self.at) == Some(&Token::Sign(sign.into()));
        self.at += usize::from(there);
        there
    }

    fn take_word(&mut self, word: &str) -> bool {
        let there = self.peek_word().as_deref() == Some(word);
        self.at += usize::from(there);
        there
    }

    fn any(&mut self) -> Result<Expr, String> {
        let mut parts = vec![self.all()?];
        while self.take_word("or") {
            parts.push(self.all()?);
        }
        Ok(Expr::Any(parts))
    }

    fn all(&mut self) -> Result<Expr, String> {
        let mut parts = vec![self.one()?];
        while self.take_word("and") {
            parts.push(self.one()?);
        }
        Ok(Expr::All(parts))
    }

    fn one(&mut self) -> Result<Expr, String> {
        if self.take_word("not") {
            return Ok(Expr::Not(Box::new(self.one()?)));
        }
        if self.take_sign("(") {
            let inner = self.any()?;
            return match self.take_sign(")") {
                true => Ok(inner),
                false => {
                    Err("Error in the JQL Query: Expecting ')' before the end of the query.".into())
                }
            };
        }
        let field = match self.next() {
            Some(Token::Word(field) | Token::Text(field)) => field,
            Some(Token::Sign(sign)) => {
                return Err(format!(
                    "Error in the JQL Query: Expecting a field name but got '{sign}'. You must surround '{sign}' in quotation marks to use it as a field name."
                ));
            }
            None => {
                return Err(
                    "Error in the JQL Query: Expecting a field name at the end of the query."
                        .into(),
                );
            }
        };
        self.term(field)
    }

    fn term(&mut self, field: String) -> Result<Expr, String> {
        let op = match self.tokens.get(self.at) {
            Some(Token::Sign(sign)) if sign != "(" && sign != ")" && sign != "," => sign.clone(),
            Some(Token::Word(word))
                if ["in", "is", "not"].contains(&word.to_lowercase().as_str()) =>
            {
                word.to_lowercase()
            }
            _ if self.bare_words => return Ok(Expr::Contains(field.to_lowercase())),
            _ => {
                return Err(format!(
                    "Error in the JQL Query: Expecting operator after '{field}'. The valid operators are '=', '!=', '<', '>', '<=', '>=', '~', '!~', 'IN', 'NOT IN', 'IS' and 'IS NOT'."
                ));
            }
        };
        self.at += 1;
        let (op, values) = match op.as_str() {
            "is" if self.take_word("not") => ("is not".into(), self.value()?),
            "not" if self.take_word("in") => ("not in".into(), self.list()?),
            "in" => (op, self.list()?),
            _ => (op, self.value()?),
        };
        Ok(Expr::Term { field, op, values })
    }

    fn value(&mut self) -> Result<Vec<Token>, String> {
        match self.next() {
            Some(token @ (Token::Word(_) | Token::Text(_))) => Ok(vec![token]),
            _ => Err("Error in the JQL Query: Expecting either a value, list or function.".into()),
        }
    }

    fn list(&mut self) -> Result<Vec<Token>, String> {
        let broken =
            || "Error in the JQL Query: Expecting a list of values in parentheses.".to_owned();
        if !self.take_sign("(") {
            return Err(broken());
        }
        let mut values = self.value()?;
        while self.take_sign(",") {
            values.extend(self.value()?);
        }
        self.take_sign(")").then_some(values).ok_or_else(broken)
    }

    fn order_by(&mut self) -> Result<(), String> {
        if self.at >= self.tokens.len() {
            return Ok(());
        }
        if !(self.take_word("order") && self.take_word("by")) {
            return Err(format!(
                "Error in the JQL Query: Expecting either 'OR' or 'AND' but got '{:?}'.",
                self.tokens[self.at.min(self.tokens.len() - 1)]
            ));
        }
        loop {
            match self.next() {
                Some(Token::Word(_) | Token::Text(_)) => {}
                _ => {
                    return Err(
                        "Error in the JQL Query: Expecting a field name after 'ORDER BY'.".into(),
                    );
                }
            }
            let _ = self.take_word("asc") || self.take_word("desc");
            if self.at >= self.tokens.len() {
                return Ok(());
            }
            if !self.take_sign(",") {
                return Err(
                    "Error in the JQL Query: Expecting ',' or the end after 'ORDER BY'.".into(),
                );
            }
        }
    }
}

impl Query {
    /// Whether it has a restriction besides an order.
    pub(crate) fn is_bounded(&self) -> bool {
        self.filter.is_some()
    }

    /// The issues that match and that the asker may see, by key; or what Jira would complain of.
    pub(crate) fn run<'a>(
        &self,
        issues: &'a [Issue],
        asker: &Asker,
    ) -> Result<Vec<&'a Issue>, String> {
        let mut found = Vec::new();
        for issue in issues {
            // Evaluated for every issue, so that a wrong value is found whatever the data.
            let hit = self
                .filter
                .as_ref()
                .map_or(Ok(true), |f| hit(f, issue, asker))?;
            if hit && asker.sees.contains(&issue.project) {
                found.push(issue);
            }
        }
        Ok(found)
    }
}

fn hit(expr: &Expr, issue: &Issue, asker: &Asker) -> Result<bool, String> {
    match expr {
        Expr::All(parts) => parts
            .iter()
            .try_fold(true, |all, part| Ok(hit(part, issue, asker)? && all)),
        Expr::Any(parts) => parts
            .iter()
            .try_fold(false, |any, part| Ok(hit(part, issue, asker)? || any)),
        Expr::Not(inner) => Ok(!hit(inner, issue, asker)?),
        Expr::Contains(word) => Ok(issue.summary.to_lowercase().contains(word)),
        Expr::Term { field, op, values } => term(field, op, values, issue, asker),
    }
}

fn term(
    field: &str,
    op: &str,
    values: &[Token],
    issue: &Issue,
    asker: &Asker,
) -> Result<bool, String> {
    let no_value =
        |value: &str| format!("The value '{value}' does not exist for the field '{field}'.");
    match field.to_lowercase().as_str() {
        "project" => one_of(op, values, &issue.project, |value| {
            asker
                .sees
                .iter()
                .any(|p| p == value)
                .then_some(())
                .ok_or_else(|| no_value(value))
        }),
        "status" => one_of(op, values, &issue.status, |value| {
            ["To Do", "Doing", "Done", "Closed"]
                .contains(&value)
                .then_some(())
                .ok_or_else(|| no_value(value))
        }),
        "statuscategory" => one_of(op, values, issue.category(), |value| {
            ["To Do", "In Progress", "Done"]
                .contains(&value)
                .then_some(())
                .ok_or_else(|| no_value(value))
        }),
        "id" | "key" | "issuekey" => {
            let by_id = one_of(op, values, &issue.id.to_string(), |_| Ok(()))?;
            Ok(by_id || one_of(op, values, &issue.key(), |_| Ok(()))?)
        }
        "summary" => match (op, text(values)) {
            ("~", Some(words)) => {
                let phrase = words.trim_matches('"').to_lowercase();
                Ok(issue.summary.to_lowercase().contains(&phrase))
            }
            _ => Err(format!(
                "The operator '{op}' is not supported by the 'summary' field."
            )),
        },
        // Cloud knows a parent and deprecated the link; Data Center has the link alone. Neither knows a key that is no issue.
        "parent" if asker.bare_words => under(op, values, issue, &no_value),
        "epic link" if !asker.bare_words => under(op, values, issue, &no_value),
        "created" => in_time(op, Some(issue.created), field, values, asker),
        "resolved" | "resolutiondate" => in_time(op, issue.resolved, field, values, asker),
        "cf[10016]" => match op {
            "is" => Ok(number_of(issue).is_none()),
            "is not" => Ok(number_of(issue).is_some()),
            _ => Err(format!(
                "The operator '{op}' is not supported by the '{field}' field."
            )),
        },
        _ if asker.anonymous => Err(format!(
            "Field '{field}' does not exist or this field cannot be viewed by anonymous users."
        )),
        _ => Err(format!(
            "Field '{field}' does not exist or you do not have permission to view it."
        )),
    }
}

fn under(
    op: &str,
    values: &[Token],
    issue: &Issue,
    no_value: &dyn Fn(&str) -> String,
) -> Result<bool, String> {
    one_of(
        op,
        values,
        issue.epic.as_deref().unwrap_or_default(),
        |key| {
            ["SHOP-1", "SHOP-2"]
                .contains(&key)
                .then_some(())
                .ok_or_else(|| no_value(key))
        },
    )
}

fn number_of(issue: &Issue) -> Option<f64> {
    issue
        .custom
        .get("customfield_10016")
        .and_then(Value::as_f64)
}

fn text(values: &[Token]) -> Option<&str> {
    match values.first()? {
        Token::Word(text) | Token::Text(text) => Some(text),
        Token::Sign(_) => None,
    }
}

fn one_of(
    op: &str,
    values: &[Token],
    found: &str,
    exists: impl Fn(&str) -> Result<(), String>,
) -> Result<bool, String> {
    let mut among = false;
    for value in values {
        let value = text(std::slice::from_ref(value)).unwrap_or_default();
        exists(value)?;
        among |= value.eq_ignore_ascii_case(found);
    }
    match op {
        "=" | "in" => Ok(among),
        "!=" | "not in" => Ok(!among),
        _ => Err(format!("The operator '{op}' is not supported here.")),
    }
}

fn in_time(
    op: &str,
    found: Option<Timestamp>,
    field: &str,
    values: &[Token],
    asker: &Asker,
) -> Result<bool, String> {
    if op == "is" || op == "is not" {
        return Ok(found.is_none() == (op == "is"));
    }
    let wanted = values
        .first()
        .and_then(|value| instant(value, asker))
        .ok_or_else(|| {
            format!(
                "Date value '{}' for field '{field}' is invalid. Valid formats include: 'yyyy/MM/dd HH:mm', 'yyyy-MM-dd HH:mm', 'yyyy/MM/dd', 'yyyy-MM-dd', or a period format e.g. '-5d', '4w 2d'.",
                text(values).unwrap_or_default()
            )
        })?;
    let Some(found) = found else { return Ok(false) };
    Ok(match op {
        "<" => found < wanted,
        "<=" => found <= wanted,
        ">" => found > wanted,
        ">=" => found >= wanted,
        "=" => found == wanted,
        "!=" => found != wanted,
        _ => {
            return Err(format!(
                "The operator '{op}' is not supported by the '{field}' field."
            ));
        }
    })
}

/// Dates are read in the asker's zone, to the minute; epoch milliseconds stand unquoted.
fn instant(value: &Token, asker: &Asker) -> Option<Timestamp> {
    let text = match value {
        Token::Word(word) if word.bytes().all(|b| b.is_ascii_digit()) => {
            return Timestamp::from_millisecond(word.parse().ok()?).ok();
        }
        Token::Word(text) | Token::Text(text) => text,
        Token::Sign(_) => return None,
    };
    let civil = ["%Y/%m/%d %H:%M", "%Y-%m-%d %H:%M"]
        .into_iter()
        .find_map(|format| DateTime::strptime(format, text).ok())
        .or_else(|| {
            ["%Y/%m/%d", "%Y-%m-%d"]
                .into_iter()
                .find_map(|format| jiff::civil::Date::strptime(format, text).ok())
                .map(|date| date.at(0, 0, 0, 0))
        })?;
    Some(asker.zone.to_zoned(civil).ok()?.timestamp())
}

#[test]
fn the_small_jql_answers_like_the_large_one() {
    let mut issue = Issue::new(10_002, "SHOP", "Done", "2026-10-01T00:30:00Z");
    issue.summary = "Pay & ship \"now\"".into();
    let asker = Asker {
        zone: jiff::tz::TimeZoneDatabase::bundled()
            .get("Europe/Berlin")
            .unwrap(),
        sees: vec!["SHOP".into()],
        anonymous: false,
        bare_words: false,
    };
    let asked = |jql: &str| {
        let query = parse(jql, &asker)?;
        Ok::<_, String>(query.run(std::slice::from_ref(&issue), &asker)?.len())
    };
    for (jql, count) in [
        (
            "project = SHOP AND statusCategory = Done ORDER BY created DESC, key",
            1,
        ),
        (
            "project = SHOP AND (status = 'To Do' OR NOT status = Done)",
            0,
        ),
        (
            "created >= '2026/10/01 02:30' AND created < 1790814601000",
            1,
        ),
        ("created < 2026-10-01", 0),
        (r#"summary ~ "pay & ship""#, 1),
        (r#"summary ~ "\"now\"" AND resolved is EMPTY"#, 1),
        ("key in (SHOP-2, SHOP-3) AND project not in ('SHOP')", 0),
        ("", 1),
    ] {
        assert_eq!(asked(jql), Ok(count), "{jql}");
    }
    for jql in [
        "status = Done AND",
        "project = CARE",
        "status = Dun",
        "colour = red",
        "shop",
        "created > {now}",
        "created > '{now}'",
        "summary ~ \"open",
        "(project = SHOP",
        "project = SHOP garbage",
    ] {
        assert!(asked(jql).is_err(), "{jql}");
    }
}
