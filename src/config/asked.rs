//! What a configuration asks of its sources, in words that may be kept and read by people long after the files have
//! changed: the query as it stands in the files and as it is compared, the window and the cycle it is bound to. Never a
//! secret, a header or an address. Knows no store.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::check::canonical;
use super::login::{is_login, passwords};
use super::secret::Setting;
use super::spec::{
    Body, Config, Empty, Extract, Format, HttpMeasure, JiraValue, Measure, Method, Poll,
};
use super::spec::{SiteMetric, SourceSpec};
use super::veil::logins;
use crate::domain::id::KeyResultId;

/// What stands where a secret would.
const HIDDEN: &str = "***";

/// What is asked for each key result that is polled: a JSON object with `source`, `type`, `window`, `cycle` and what the
/// kind of source takes.
#[must_use]
pub fn asked(config: &Config) -> Vec<(KeyResultId, String)> {
    let polls = config.polls.iter();
    let each = |poll: &Poll| (poll.key_result.clone(), question(config, poll).to_string());
    polls.map(each).collect()
}

fn question(config: &Config, poll: &Poll) -> Value {
    let spec = config.sources.get(&poll.source);
    let mut told = Map::new();
    let mut tell = |key: &str, value: Value| told.insert(key.to_owned(), value);
    tell("source", poll.source.as_str().into());
    tell("type", spec.map(SourceSpec::kind).into());
    tell("window", poll.window.to_string().into());
    if let Some(cycle) = config.goals.cycles.get(&poll.key_result.cycle) {
        let days = json!({
            "starts": cycle.first_day.to_string(),
            "ends": cycle.last_day.to_string(),
            "timezone": cycle.zone.iana_name(),
        });
        tell("cycle", days);
    }
    match &poll.measure {
        Measure::Sql { query, takes } => {
            tell("query", veiled(query).into());
            // Only where something is said, as the files do.
            if takes.no_row {
                tell("on_empty", "zero".into());
            }
            if takes.null {
                tell("null_as_zero", true.into());
            }
        }
        Measure::Jira { jql, value } => {
            tell("jql", veiled(jql).into());
            let value = match value {
                JiraValue::Count => json!("count"),
                JiraValue::Sum(field) => json!({ "sum": field }),
                JiraValue::Avg(field) => json!({ "avg": field }),
                JiraValue::RatioOf(other) => json!({ "ratio_of": veiled(other) }),
            };
            tell("value", value);
        }
        Measure::Http(http) => told.extend(over_http(http)),
        Measure::Site { metric, goal } => {
            let word = SiteMetric::ALL.iter().find(|(_, m)| m == metric);
            tell("metric", word.map(|(word, _)| *word).into());
            if let Some(goal) = goal {
                tell("goal", veiled(goal).into());
            }
        }
        Measure::Expression { language, text } => {
            tell(language.key(), veiled(text).into());
        }
    }
    if let Some((key, subject)) = spec.and_then(SourceSpec::subject) {
        told.insert(key.to_owned(), veiled(subject).into());
    }
    if matches!(poll.measure, Measure::Sql { .. } | Measure::Jira { .. })
        && let Some(compared) = canonical(&poll.measure, spec).get(1)
    {
        told.insert("compared_as".into(), veiled(compared).into());
    }
    Value::Object(told)
}

fn over_http(http: &HttpMeasure) -> Map<String, Value> {
    let mut told = Map::new();
    let mut tell = |key: &str, value: Value| told.insert(key.to_owned(), value);
    let method = match http.method {
        Method::Get => "GET",
        Method::Post => "POST",
    };
    tell("method", method.into());
    tell("path", veiled(&http.path).into());
    if !http.query.is_empty() {
        tell("query", settings(&http.query));
    }
    match &http.body {
        Body::None => {}
        Body::Text(text) => {
            tell("body", veiled(text).into());
        }
        Body::Json(text) => {
            tell("json", veiled(text).into());
        }
        Body::Form(form) => {
            tell("form", settings(form));
        }
    }
    let value = match &http.value {
        Extract::Pointer(pointer) => json!(pointer),
        Extract::Jq(filter) => json!({ "jq": veiled(filter) }),
    };
    tell("value", value);
    if let Some(filter) = &http.fail_if {
        tell("fail_if", veiled(filter).into());
    }
    if let Some(filter) = &http.require {
        tell("require", veiled(filter).into());
    }
    match http.format {
        Format::Json => {}
        Format::Csv { separator } => {
            tell("format", "csv".into());
            tell("separator", separator.to_string().into());
        }
        Format::Text => {
            tell("format", "text".into());
        }
    }
    let empty = match http.empty {
        Empty::Error => None,
        Empty::Zero => Some("zero"),
        Empty::Skip => Some("skip"),
    };
    if let Some(empty) = empty {
        tell("empty", empty.into());
    }
    match &http.as_of {
        Some(Extract::Pointer(pointer)) => {
            tell("as_of", json!(pointer));
        }
        Some(Extract::Jq(filter)) => {
            tell("as_of", json!({ "jq": veiled(filter) }));
        }
        None => {}
    }
    told
}

fn settings(settings: &BTreeMap<String, Setting>) -> Value {
    let each = |(name, setting): (&String, &Setting)| {
        let shown = match setting {
            Setting::Plain(text) if !is_login(name) => veiled(text),
            Setting::Plain(_) | Setting::Secret(_) => HIDDEN.to_owned(),
        };
        (name.clone(), Value::String(shown))
    };
    Value::Object(settings.iter().map(each).collect())
}

/// A text without what may be a login in it. The check refuses such texts; what it does not know is hidden here as well,
/// since it would be kept.
fn veiled(text: &str) -> String {
    let mut spans = logins(text);
    spans.extend(passwords(text));
    spans.sort_by_key(|span| span.start);
    let mut shown = String::with_capacity(text.len());
    let mut at = 0;
    for span in spans {
        // A password in quotes reaches to where they end, whatever stands between.
        let quote = text
            .get(..span.start)
            .and_then(|before| before.chars().next_back());
        let quote = quote.filter(|c| matches!(c, '"' | '\''));
        let rest = text.get(span.start..).unwrap_or_default();
        let closed = quote.and_then(|quote| rest.find(quote));
        let end = closed.map_or(span.end, |length| span.end.max(span.start + length));
        if span.start >= at {
            shown.push_str(text.get(at..span.start).unwrap_or_default());
            shown.push_str(HIDDEN);
        }
        at = at.max(end);
    }
    shown.push_str(text.get(at..).unwrap_or_default());
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::secret::SecretRef;

    #[test]
    fn f71_what_logs_in_is_not_kept_with_a_question() {
        for (text, shown) in [
            ("SELECT count(*) FROM users", "SELECT count(*) FROM users"),
            ("/stats?token=hunter2&days=7", "/stats?token=***&days=7"),
            ("see http://me:hunter2@host/x", "see http://***@host/x"),
            (
                r#"{"password": "correct horse", "a": 1}"#,
                r#"{"password": "***", "a": 1}"#,
            ),
            ("dblink('password=hunter2')", "dblink('password=***')"),
            ("password = {now}", "password = {now}"),
        ] {
            assert_eq!(veiled(text), shown);
        }
        let plain = |text: &str| Setting::Plain(text.into());
        let kept = SecretRef::Env("HIDDEN".into());
        let all = BTreeMap::from([
            ("site".to_owned(), plain("acme")),
            ("sig".to_owned(), plain("hunter2")),
            ("t".to_owned(), Setting::Secret(kept)),
        ]);
        assert_eq!(
            settings(&all),
            json!({"site": "acme", "sig": "***", "t": "***"})
        );
    }
}
