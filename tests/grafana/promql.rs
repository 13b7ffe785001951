//! As much of PromQL as the rules look at: which series an expression selects, over which range, inside which function.
//! Whether it is valid is for Prometheus to say (`data.rs`). Knows no rule.

/// One selector.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Selector {
    pub(crate) name: String,
    /// Label, operator, value.
    pub(crate) matchers: Vec<(String, String, String)>,
    /// What stands in brackets right behind it.
    pub(crate) range: Option<String>,
    /// The function whose argument it is; empty for plain parentheses and aggregations.
    pub(crate) function: String,
}

impl Selector {
    pub(crate) fn has(&self, label: &str, operator: &str, value: &str) -> bool {
        self.matchers
            .iter()
            .any(|(l, o, v)| (l.as_str(), o.as_str(), v.as_str()) == (label, operator, value))
    }
}

/// Words that name no series.
const WORDS: [&str; 8] = [
    "and",
    "or",
    "unless",
    "bool",
    "offset",
    "group_left",
    "group_right",
    "inf",
];
/// Words whose parentheses hold labels.
const LABELS: [&str; 6] = [
    "by",
    "without",
    "on",
    "ignoring",
    "group_left",
    "group_right",
];

/// All selectors of an expression.
pub(crate) fn selectors(expr: &str) -> Vec<Selector> {
    let mut at = Cursor { rest: expr };
    let mut found = Vec::new();
    let mut open: Vec<String> = Vec::new();
    loop {
        at.spaces();
        let Some(first) = at.rest.chars().next() else {
            return found;
        };
        if first.is_ascii_digit() {
            at.take(|c| c.is_ascii_alphanumeric() || c == '.');
        } else if first == '$' {
            // A variable of Grafana.
            at.skip(1);
            at.take(|c| c.is_ascii_alphanumeric() || c == '_');
        } else if first == '"' {
            at.string();
        } else if first.is_ascii_alphabetic() || first == '_' {
            let word = at.take(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':');
            at.spaces();
            if at.rest.starts_with('(') {
                if LABELS.contains(&word) {
                    at.take(|c| c != ')');
                    at.skip(1);
                } else {
                    at.skip(1);
                    open.push(word.to_owned());
                }
            } else if !WORDS.contains(&word) && !is_grouped(at.rest) {
                let matchers = at.matchers();
                let range = at.brackets();
                let function = open.last().cloned().unwrap_or_default();
                found.push(Selector {
                    name: word.to_owned(),
                    matchers,
                    range,
                    function,
                });
            }
        } else {
            match first {
                '(' => open.push(String::new()),
                ')' => {
                    open.pop();
                }
                // A subquery: the selector has taken its own range along.
                '[' => {
                    at.brackets();
                    continue;
                }
                _ => {}
            }
            at.skip(first.len_utf8());
        }
    }
}

/// `sum by (team) (…)`: what stands before `by` is an aggregation.
fn is_grouped(rest: &str) -> bool {
    ["by", "without"].iter().any(|w| {
        rest.strip_prefix(w)
            .is_some_and(|r| r.trim_start().starts_with('('))
    })
}

struct Cursor<'a> {
    rest: &'a str,
}

impl<'a> Cursor<'a> {
    fn skip(&mut self, bytes: usize) {
        self.rest = &self.rest[bytes..];
    }

    fn spaces(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn take(&mut self, fits: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !fits(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    /// What stands between quotes; no string of ours holds a quote.
    fn string(&mut self) -> &'a str {
        self.skip(1);
        let inner = self.take(|c| c != '"');
        self.skip(1);
        inner
    }

    fn matchers(&mut self) -> Vec<(String, String, String)> {
        let mut found = Vec::new();
        if !self.rest.starts_with('{') {
            return found;
        }
        self.skip(1);
        loop {
            self.take(|c| c == ' ' || c == ',');
            if self.rest.starts_with('}') {
                self.skip(1);
                return found;
            }
            let label = self.take(|c| c.is_ascii_alphanumeric() || c == '_');
            let operator = self.take(|c| "=!~".contains(c));
            assert!(self.rest.starts_with('"'), "a value before {}", self.rest);
            let value = self.string();
            found.push((label.into(), operator.into(), value.into()));
        }
    }

    fn brackets(&mut self) -> Option<String> {
        self.rest.strip_prefix('[')?;
        self.skip(1);
        let inner = self.take(|c| c != ']');
        self.skip(1);
        Some(inner.to_owned())
    }
}

#[test]
fn selectors_are_found_with_range_and_function() {
    let found = selectors(
        r#"sum by (a, b) (rate(x_total{job=~"$job", c!="d e"}[$__rate_interval])) / on (a) group_left (t) y{}
           or last_over_time(timestamp(z{q="1"})[400d:1h] @ end()) - clamp_min(1e10 * w offset $__interval, 0)"#,
    );
    let seen: Vec<_> = found
        .iter()
        .map(|s| (s.name.as_str(), s.function.as_str(), s.range.as_deref()))
        .collect();
    let expected = [
        ("x_total", "rate", Some("$__rate_interval")),
        ("y", "", None),
        ("z", "timestamp", None),
        ("w", "clamp_min", None),
    ];
    assert_eq!(seen, expected);
    assert!(found[0].has("job", "=~", "$job") && found[0].has("c", "!=", "d e"));
    assert!(found[3].matchers.is_empty());
}
