//! Measures: from their tables to what a source is asked, and what can be said of a query before it runs. Reaches
//! no source; what runs filters judges them.

use std::collections::BTreeMap;

use toml::de::DeValue;

use super::FilterJudge;
use super::braces::{FORMS, braces};
use super::preset;
use super::shape::{literal_secret, speakable};
use super::source::settings;
use super::statement::sql;
use super::suggest::nearest;
use super::table::{At, Table, number};
use crate::config::finding::{Code, Finding, Severity, quoted};
use crate::config::login::{holds_password, is_credential, is_password};
use crate::config::replay::dialect;
use crate::config::secret::Setting;
use crate::config::spec::{
    Body, Empty, Extract, Format, HttpMeasure, JiraValue, Measure, Method, SiteMetric, SourceSpec,
};
use crate::config::sql::lex::{Dialect, tokens};
use crate::domain::quality::Flag;
use crate::domain::window::Moments;

/// Reads the measure of a source of this type; `None` when something essential is missing.
pub(super) fn measure(
    table: Table<'_>,
    kind: &str,
    filters: FilterJudge,
    out: &mut Vec<Finding>,
) -> Option<Measure> {
    match kind {
        "sqlite" => sql(table, Dialect::Sqlite, out),
        "postgres" => sql(table, Dialect::Postgres, out),
        "mysql" => sql(table, Dialect::Mysql, out),
        "jira" => jira(table, out),
        "http" => http(table, filters, out).map(Measure::Http),
        _ => preset::measure(table, kind, out),
    }
}

fn jira(table: Table<'_>, out: &mut Vec<Finding>) -> Option<Measure> {
    let value = jira_value(table, out);
    let at = table.text("jql")?;
    jql(&at, out);
    Some(Measure::Jira {
        jql: at.value.to_owned(),
        value: value?,
    })
}

fn jql(at: &At<'_, &str>, out: &mut Vec<Finding>) {
    if at.value.trim().is_empty() {
        let finding = at.finding(
            Code::CfgValue,
            "the JQL is empty; Jira refuses to search everything",
        );
        out.push(finding.help("restrict it, for example `project = CARE`"));
    }
    template(at, &[], out);
}

fn jira_value(table: Table<'_>, out: &mut Vec<Finding>) -> Option<JiraValue> {
    let Some(value) = table.table("value") else {
        return Some(JiraValue::Count);
    };
    let given: Vec<_> = ["sum", "avg", "ratio_of"]
        .into_iter()
        .filter(|key| value.has(key))
        .collect();
    // A key that is none of the three has a finding of its own already.
    if given.is_empty() && !value.entries().is_empty() {
        return None;
    }
    let [only] = given.as_slice() else {
        let message = format!(
            "`value` holds {} of sum, avg and ratio_of, expected exactly one",
            given.len()
        );
        out.push(
            value
                .finding(Code::CfgValue, message)
                .help("write for example { sum = \"Story Points\" }, or \"count\""),
        );
        return None;
    };
    let at = value.text(only)?;
    let text = at.value.to_owned();
    Some(match *only {
        "sum" => JiraValue::Sum(text),
        "avg" => JiraValue::Avg(text),
        _ => {
            jql(&at, out);
            JiraValue::RatioOf(text)
        }
    })
}

fn http(table: Table<'_>, filters: FilterJudge, out: &mut Vec<Finding>) -> Option<HttpMeasure> {
    let query = settings(table, "query", out);
    let body = body(table, out);
    let method = match (table.text("method").map(|at| at.value), &body) {
        (Some("POST"), _) => Method::Post,
        (Some(_), _) | (None, Body::None) => Method::Get,
        (None, _) => Method::Post,
    };
    if method == Method::Get && body != Body::None {
        let finding = table.finding(
            Code::CfgValue,
            "a GET request sends no body, found `body`, `json` or `form`",
        );
        out.push(finding.help("remove `method`, or write method = \"POST\""));
    }
    for key in ["path", "body", "query", "json", "form"] {
        templates(table.get(key), out);
    }
    unused_window(table, out);
    for key in ["fail_if", "require"] {
        if let Some(at) = table.text(key) {
            unbound(&at, false, out);
            filter(key, &at, filters, out);
        }
    }
    Some(HttpMeasure {
        path: path(table, out),
        query,
        method,
        body,
        value: extract("value", &table.text("value")?, filters, out),
        fail_if: table.owned("fail_if"),
        require: table.owned("require"),
        format: format(table, out),
        empty: match table.text("empty").map(|at| at.value) {
            Some("zero") => Empty::Zero,
            Some("skip") => Empty::Skip,
            _ => Empty::Error,
        },
        as_of: (table.text("as_of")).map(|at| extract("as_of", &at, filters, out)),
        quality: flags(table, filters, out),
    })
}

/// What kind of text the answer is.
fn format(table: Table<'_>, out: &mut Vec<Finding>) -> Format {
    let word = table.text("format").map_or("json", |at| at.value);
    let separator = table.text("separator");
    if let Some(at) = separator.as_ref().filter(|_| word != "csv") {
        let finding = at.finding(Code::CfgRef, format!("{word} has no columns to separate"));
        let finding = finding.severity(Severity::Warning).label("without effect");
        out.push(finding.help("remove `separator`, or write format = \"csv\""));
    }
    match word {
        "csv" => Format::Csv {
            separator: separator
                .and_then(|at| at.value.chars().next())
                .unwrap_or(','),
        },
        "text" => Format::Text,
        _ => Format::Json,
    }
}

/// The filters that raise flags.
fn flags(table: Table<'_>, filters: FilterJudge, out: &mut Vec<Finding>) -> Vec<(Flag, String)> {
    let Some(quality) = table.table("quality") else {
        return Vec::new();
    };
    let told = Flag::ALL.into_iter().filter_map(|flag| {
        let at = quality.text(flag.as_str())?;
        unbound(&at, false, out);
        filter(flag.as_str(), &at, filters, out);
        Some((flag, at.value.to_owned()))
    });
    told.collect()
}

/// A window that nothing asks about changes nothing, and was hardly meant so.
fn unused_window(table: Table<'_>, out: &mut Vec<Finding>) {
    let Some(window) = table.key("window") else {
        return;
    };
    let keys = [
        "path", "body", "query", "json", "form", "value", "fail_if", "require",
    ];
    let mut waiting: Vec<&DeValue<'_>> = keys
        .iter()
        .filter_map(|key| table.get(key).map(|at| at.value))
        .collect();
    while let Some(value) = waiting.pop() {
        match value {
            DeValue::String(text) if text.contains("window_") => return,
            DeValue::Array(list) => waiting.extend(list.iter().map(toml::Spanned::get_ref)),
            DeValue::Table(table) => waiting.extend(table.values().map(toml::Spanned::get_ref)),
            _ => {}
        }
    }
    let finding = window.finding(Code::CfgRef, "nothing in this measure uses its `window`");
    let finding = finding.severity(Severity::Warning).label("without effect");
    out.push(finding.help("use {window_start} and {window_end} in its texts, `$window_start` in its filters, or remove it"));
}

/// The path with its leading slash; what would change the address any further is refused.
fn path(table: Table<'_>, out: &mut Vec<Finding>) -> String {
    let Some(at) = table.text("path") else {
        return String::new();
    };
    if at.value.contains(['?', '#']) || at.value.contains("://") {
        let finding = at.finding(Code::CfgValue, "`path` holds more than a path");
        out.push(
            finding
                .help("put parameters into `query`; scheme and host belong to the source's `url`"),
        );
    }
    let climbs = |part: &str| {
        let part = part.to_ascii_lowercase().replace("%2e", ".");
        part == ".." || part == "."
    };
    if at.value.split(['/', '\\']).any(climbs) {
        let finding = at.finding(Code::CfgValue, "`path` climbs out of the source's `url`");
        out.push(finding.help("write the path without `.` and `..`, or another `url`"));
    }
    match at.value.trim_start_matches('/') {
        "" => String::new(),
        rest => format!("/{rest}"),
    }
}

/// Names in braces mean nothing to a filter or a pointer: a comparison with one would find nothing and count 0.
fn unbound(at: &At<'_, &str>, is_pointer: bool, out: &mut Vec<Finding>) {
    let ours = braces(at.value).into_iter();
    for brace in ours.filter(|brace| brace.is_ours(&FORMS)) {
        let part = at.part(&brace.span);
        let message = format!("{} is not replaced here", quoted(part.value));
        let name = brace.name;
        let finding = part.finding(Code::CfgRef, message).label("stays as it is");
        out.push(finding.help(if is_pointer {
            format!("a JSON Pointer knows no moments: write a jq filter with `${name}`")
        } else {
            format!("write `${name}`, outside of quotes: filters know the moments of the poll as variables")
        }));
    }
}

/// A filter that does not compile would fail at each poll.
fn filter(key: &str, at: &At<'_, &str>, filters: FilterJudge, out: &mut Vec<Finding>) {
    if let Err(why) = filters(at.value) {
        let message = format!("`{key}` is not a jq filter that can run: {why}");
        let finding = at.finding(Code::CfgValue, message).label("not a filter");
        out.push(finding.help(match key {
            "value" => "write a jq filter that yields one number, such as `.total`, or a JSON Pointer, such as `/total`",
            "as_of" => "write a jq filter that yields an instant, such as `.updated`, or a JSON Pointer, such as `/updated`",
            _ => "write a jq filter that yields true or false, such as `.status != \"ok\"`",
        }));
    }
}

/// Where in an answer something stands: `value` or `as_of`.
fn extract(key: &str, at: &At<'_, &str>, filters: FilterJudge, out: &mut Vec<Finding>) -> Extract {
    let text = at.value.to_owned();
    let is_pointer = text.is_empty() || text.starts_with('/');
    unbound(at, is_pointer, out);
    if !is_pointer {
        filter(key, at, filters, out);
        return Extract::Jq(text);
    }
    let tail = text.split('~').skip(1);
    if tail.clone().any(|rest| !rest.starts_with(['0', '1'])) {
        let finding = at.finding(
            Code::CfgValue,
            format!("`{key}` is not a JSON Pointer: `~` must be written `~0`"),
        );
        out.push(
            finding.help("write `~0` for `~` and `~1` for `/` inside a name, or use a jq filter"),
        );
    }
    Extract::Pointer(text)
}

fn body(table: Table<'_>, out: &mut Vec<Finding>) -> Body {
    let given: Vec<_> = ["body", "json", "form"]
        .into_iter()
        .filter(|key| table.has(key))
        .collect();
    if given.len() > 1 {
        let message = format!("found {}, which exclude each other", given.join(" and "));
        out.push(
            table
                .finding(Code::CfgValue, message)
                .help("keep one of them"),
        );
    }
    if let Some(at) = table.text("body").filter(|at| holds_password(at.value)) {
        out.push(literal_secret(&at, "body"));
    }
    if let Some(at) = table.get("json") {
        logins(&at, "json", out);
    }
    match given.first() {
        Some(&"body") => table.owned("body").map_or(Body::None, Body::Text),
        Some(&"form") => Body::Form(settings(table, "form", out)),
        Some(_) => table
            .get("json")
            .map_or(Body::None, |at| Body::Json(json(at.value).to_string())),
        None => Body::None,
    }
}

/// Secrets in a document that is sent: those that stand in it, and those that it only seems to name.
fn logins(at: &At<'_, &DeValue<'_>>, key: &str, out: &mut Vec<Finding>) {
    let mut waiting = vec![(at.value, at.span.clone(), key.to_owned())];
    while let Some((value, span, key)) = waiting.pop() {
        let here = At {
            value: (),
            file: at.file,
            span,
        };
        match value {
            DeValue::String(text)
                if is_credential(text) || (is_password(&key) && !text.is_empty()) =>
            {
                out.push(literal_secret(&here, speakable(&key)));
            }
            DeValue::Array(list) => {
                waiting.extend(list.iter().map(|v| (v.get_ref(), v.span(), key.clone())));
            }
            DeValue::Table(table) => {
                if here.span != at.span && names_a_secret(table) {
                    let message = format!(
                        "`json` cannot hold a secret: `{}` would be sent as it stands",
                        speakable(&key)
                    );
                    let finding = here.finding(Code::CfgUnsupported, message);
                    out.push(finding.label("sent as it stands").help(
                        "send the secret in `form`, `query` or the source's `headers`, which may hold { env = \"NAME\" }; if this is no secret, write the document as `body`",
                    ));
                }
                for (name, value) in table {
                    waiting.push((value.get_ref(), value.span(), name.get_ref().to_string()));
                }
            }
            _ => {}
        }
    }
}

/// Whether a table has the form of a secret that is kept elsewhere.
fn names_a_secret(table: &toml::de::DeTable<'_>) -> bool {
    let mut entries = table.iter();
    let (Some((name, value)), None) = (entries.next(), entries.next()) else {
        return false;
    };
    ["env", "file", "credential"].contains(&name.get_ref().as_ref()) && value.get_ref().is_str()
}

/// A TOML value as JSON; dates become texts. Depth and numbers were checked with the shapes, and what was refused
/// there ends here as null.
fn json(value: &DeValue<'_>) -> serde_json::Value {
    match value {
        DeValue::String(text) => text.as_ref().into(),
        DeValue::Boolean(flag) => (*flag).into(),
        DeValue::Datetime(at) => at.to_string().into(),
        DeValue::Array(list) => list.iter().map(|v| json(v.get_ref())).collect(),
        DeValue::Table(table) => {
            let entry = |(k, v): (&toml::Spanned<_>, &toml::Spanned<DeValue<'_>>)| {
                let key: &std::borrow::Cow<'_, str> = k.get_ref();
                (key.to_string(), json(v.get_ref()))
            };
            serde_json::Value::Object(table.iter().map(entry).collect())
        }
        DeValue::Integer(n) => match i64::from_str_radix(n.as_str(), n.radix()) {
            Ok(n) => n.into(),
            Err(_) => serde_json::Value::Null,
        },
        DeValue::Float(_) => number(value).into(),
    }
}

/// Looks for misspelt names in every text of a value.
fn templates(value: Option<At<'_, &DeValue<'_>>>, out: &mut Vec<Finding>) {
    let Some(at) = value else { return };
    let mut waiting = vec![(at.value, at.span.clone())];
    while let Some((value, span)) = waiting.pop() {
        match value {
            DeValue::String(text) => {
                let text: &str = text;
                let text = At {
                    value: text,
                    file: at.file,
                    span,
                };
                template(&text, &FORMS, out);
            }
            DeValue::Array(list) => waiting.extend(list.iter().map(|v| (v.get_ref(), v.span()))),
            DeValue::Table(table) => {
                waiting.extend(table.values().map(|v| (v.get_ref(), v.span())))
            }
            _ => {}
        }
    }
}

/// Looks for names in braces that are nearly ours. Every other brace is literal, so this can only warn.
pub(super) fn template(at: &At<'_, &str>, forms: &[&str], out: &mut Vec<Finding>) {
    for brace in braces(at.value) {
        let whole = at.part(&brace.span).value;
        let known = Moments::NAMES.contains(&brace.name);
        let help = match (known, brace.form) {
            (true, None) => continue,
            (true, Some(form)) if forms.contains(&form) => continue,
            (true, Some(_)) if forms.is_empty() => {
                format!("write {{{}}}; forms are for HTTP texts", brace.name)
            }
            (true, Some(_)) => format!("forms are {}", forms.join(", ")),
            (false, _) => match nearest(brace.name, Moments::NAMES.into_iter()) {
                Some(near) => format!("did you mean `{{{near}}}`?"),
                None => continue,
            },
        };
        let message = format!(
            "{} is none of okrd's names and is sent as it stands",
            quoted(whole)
        );
        let finding = at.part(&brace.span).finding(Code::CfgRef, message);
        out.push(
            finding
                .severity(Severity::Warning)
                .label("sent as it stands")
                .help(help),
        );
    }
}

/// What makes the values of two measures comparable, as texts to be hashed: what is asked, not how it is spaced,
/// and never a secret. Written out by hand so that no rename inside okrd changes it.
pub(in crate::config) fn canonical(measure: &Measure, source: Option<&SourceSpec>) -> Vec<String> {
    let plain = |text: &str| spaced(text, &['"', '\'']);
    let settings = |settings: &BTreeMap<String, Setting>| {
        let each = |(name, setting): (&String, &Setting)| match setting {
            Setting::Plain(text) => format!("{name}={text}"),
            Setting::Secret(_) => format!("{name}:secret"),
        };
        settings.iter().map(each).collect::<Vec<_>>().join("\n")
    };
    match measure {
        Measure::Sql { query, takes } => {
            let dialect = source.map_or(Dialect::Sqlite, dialect);
            let mut parts = vec!["sql".into(), spaced_sql(query, dialect)];
            // Only where something is said, so that a definition from before stays what it was.
            match (takes.no_row, takes.null) {
                (false, false) => {}
                (true, false) => parts.push("no row is 0".into()),
                (false, true) => parts.push("NULL is 0".into()),
                (true, true) => parts.push("no row is 0, NULL is 0".into()),
            }
            parts
        }
        Measure::Jira { jql, value } => {
            let (how, of) = match value {
                JiraValue::Count => ("count", String::new()),
                JiraValue::Sum(field) => ("sum", field.clone()),
                JiraValue::Avg(field) => ("avg", field.clone()),
                JiraValue::RatioOf(other) => ("ratio_of", plain(other)),
            };
            vec!["jira".into(), plain(jql), how.into(), of]
        }
        Measure::Http(http) => {
            let (method, empty) = (
                match http.method {
                    Method::Get => "GET",
                    Method::Post => "POST",
                },
                match http.empty {
                    Empty::Error => "error",
                    Empty::Zero => "zero",
                    Empty::Skip => "skip",
                },
            );
            let body = match &http.body {
                Body::None => String::new(),
                Body::Text(text) => format!("text {text}"),
                Body::Json(text) => format!("json {text}"),
                Body::Form(form) => format!("form {}", settings(form)),
            };
            let value = match &http.value {
                Extract::Pointer(pointer) => format!("pointer {pointer}"),
                Extract::Jq(filter) => format!("jq {}", spaced_jq(filter)),
            };
            let mut parts = vec![
                "http".into(),
                http.path.clone(),
                settings(&http.query),
                method.into(),
                body,
                value,
                empty.into(),
            ];
            // Only where something is said, so that a definition from before stays what it was.
            match http.format {
                Format::Json => {}
                Format::Csv { separator } => parts.push(format!("csv {separator}")),
                Format::Text => parts.push("text".into()),
            }
            parts
        }
        Measure::Site { metric, goal } => {
            let word = SiteMetric::ALL
                .iter()
                .find(|(_, m)| m == metric)
                .map_or("", |(word, _)| *word);
            vec![
                source.map_or("plausible", SourceSpec::kind).into(),
                word.into(),
                goal.clone().unwrap_or_default(),
            ]
        }
        Measure::Expression { language, text } => vec![language.key().into(), plain(text)],
    }
}

/// Whether what is asked depends on where days and cycles begin, and so on the time zone.
pub(super) fn counts_days(measure: &Measure) -> bool {
    let local = ["today", "cycle_", "window_"];
    let names = |text: &String| local.iter().any(|name| text.contains(name));
    let sites = matches!(measure, Measure::Site { .. });
    sites || canonical(measure, None).iter().any(names)
}

/// A text with one space where there are several outside of quotes; what stands in quotes is part of the question.
fn spaced(text: &str, quotes: &[char]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.trim().chars();
    let mut inside: Option<char> = None;
    while let Some(c) = chars.next() {
        if inside.is_none() && c.is_whitespace() {
            if !out.ends_with(' ') {
                out.push(' ');
            }
            continue;
        }
        out.push(c);
        match inside {
            Some(_) if c == '\\' => out.extend(chars.next()),
            Some(quote) if c == quote => inside = None,
            None if quotes.contains(&c) => inside = Some(c),
            _ => {}
        }
    }
    out
}

/// A statement with one space for whatever stands between two tokens, comments among it.
fn spaced_sql(query: &str, dialect: Dialect) -> String {
    let mut out = String::with_capacity(query.len());
    let mut end = 0;
    for token in tokens(query, dialect) {
        let span = token.span();
        if !out.is_empty() && span.start > end {
            out.push(' ');
        }
        end = span.end;
        out += query.get(span).unwrap_or_default();
    }
    out
}

/// A filter likewise; as it is where a comment or a text within a text makes spaces part of it.
fn spaced_jq(filter: &str) -> String {
    if filter.contains('#') || filter.contains("\\(") {
        return filter.trim().to_owned();
    }
    spaced(filter, &['"'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spaces_count_only_in_quotes() {
        let jql = |text: &str| spaced(text, &['"', '\'']);
        assert_eq!(jql("  a =\n b  AND c "), "a = b AND c");
        assert_eq!(jql("a ~ \"x  y\"  AND b"), "a ~ \"x  y\" AND b");
        assert_eq!(jql(r#"a ~ "x\"  y"  z"#), r#"a ~ "x\"  y" z"#);
        assert_eq!(jql("a = 'it  is' \t b"), "a = 'it  is' b");
        let sql = |text: &str| spaced_sql(text, Dialect::Postgres);
        assert_eq!(sql("SELECT\n  1 -- one\n + 1 "), "SELECT 1 + 1");
        assert_eq!(sql("SELECT 1 -- one + 1"), "SELECT 1");
        assert_eq!(
            sql("SELECT a/* b */FROM t WHERE c = 'x  y'"),
            "SELECT a FROM t WHERE c = 'x  y'"
        );
        assert_eq!(sql("SELECT x::int, :now"), "SELECT x::int, :now");
        assert_eq!(spaced_jq(" .a  |\n .b "), ".a | .b");
        assert_eq!(spaced_jq(" .a # b\n|  .c "), ".a # b\n|  .c");
        assert_eq!(spaced_jq(".a  + \"x  y\""), ".a + \"x  y\"");
    }
}
