//! Which metrics and labels a PromQL expression names. Reads words, not grammar: Prometheus itself judges that.

use std::collections::BTreeSet;

/// What an expression names.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Names {
    /// Metrics, each with the labels that its selector asks for.
    pub(crate) selectors: Vec<(String, Vec<String>)>,
    /// Labels by which series are grouped or matched.
    pub(crate) grouping: BTreeSet<String>,
}

const GROUPING: &[&str] = &[
    "by",
    "without",
    "on",
    "ignoring",
    "group_left",
    "group_right",
];
/// Operators, which no bracket follows as it follows a function.
const WORDS: &[&str] = &["and", "or", "unless", "bool", "offset", "start", "end"];

/// Reads an expression.
pub(crate) fn names(expr: &str) -> Names {
    let mut names = Names::default();
    let mut rest = expr;
    while let Some(c) = rest.chars().next() {
        if c == '"' {
            rest = after_text(rest);
        } else if c == '[' {
            // A range, such as [10m].
            rest = rest.split_once(']').map_or("", |(_, rest)| rest);
        } else if c == '#' {
            rest = rest.split_once('\n').map_or("", |(_, rest)| rest);
        } else if c.is_ascii_alphabetic() || c == '_' || c == ':' {
            let part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
            let end = rest.find(|c| !part(c)).unwrap_or(rest.len());
            let (word, then) = rest.split_at(end);
            let then = then.trim_start();
            rest = then;
            if GROUPING.contains(&word) {
                if let Some(list) = then.strip_prefix('(') {
                    let (list, after) = list.split_once(')').unwrap();
                    let labels = list.split(',').map(str::trim).filter(|l| !l.is_empty());
                    names.grouping.extend(labels.map(str::to_owned));
                    rest = after;
                }
            } else if let Some(list) = then.strip_prefix('{') {
                let (labels, after) = labels(list);
                names.selectors.push((word.to_owned(), labels));
                rest = after;
            } else if !then.starts_with('(') && !WORDS.contains(&word) {
                // An aggregation with its grouping in front is none: `sum without (x) (…)`.
                let next = then.split(|c: char| !part(c)).next().unwrap_or_default();
                if !["by", "without"].contains(&next) {
                    names.selectors.push((word.to_owned(), Vec::new()));
                }
            }
        } else if c.is_ascii_digit() {
            // A number or a duration.
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '.');
            rest = &rest[end.unwrap_or(rest.len())..];
        } else {
            rest = &rest[c.len_utf8()..];
        }
    }
    names
}

/// The label names of a selector after its `{`, and what comes after its `}`.
fn labels(mut rest: &str) -> (Vec<String>, &str) {
    let mut labels = Vec::new();
    loop {
        rest = rest.trim_start_matches([' ', ',', '\n']);
        if let Some(after) = rest.strip_prefix('}') {
            return (labels, after);
        }
        let (name, text) = rest.split_once('"').unwrap();
        labels.push(name.trim_end_matches(['=', '!', '~', ' ']).to_owned());
        rest = after_text(&rest[rest.len() - text.len() - 1..]);
    }
}

/// What comes after a text in double quotes.
fn after_text(quoted: &str) -> &str {
    let mut escaped = false;
    for (at, c) in quoted.char_indices().skip(1) {
        match c {
            '"' if !escaped => return &quoted[at + 1..],
            _ => escaped = c == '\\' && !escaped,
        }
    }
    ""
}

#[test]
fn metrics_and_labels_are_told_from_functions_texts_and_ranges() {
    let expr = r#"
        sum without (reason) (increase(okrd_a_total{reason!="b{\"c",source=~"d|e"}[1h])) / x:y:z > 3 * 86400
        # a word
        or on (job) group_left () okrd_b offset 1d unless clamp(time(), 0, 1) and topk by (job) (1, process_c)
        and avg(okrd_d) by (team)"#;
    let found = names(expr);
    let selector = |name: &str, labels: &[&str]| {
        let labels = labels.iter().map(|label| (*label).to_owned()).collect();
        (name.to_owned(), labels)
    };
    assert_eq!(
        found.selectors,
        [
            selector("okrd_a_total", &["reason", "source"]),
            selector("x:y:z", &[]),
            selector("okrd_b", &[]),
            selector("process_c", &[]),
            selector("okrd_d", &[]),
        ]
    );
    let grouping: Vec<_> = found.grouping.iter().map(String::as_str).collect();
    assert_eq!(grouping, ["job", "reason", "team"]);
}
