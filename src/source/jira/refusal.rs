//! What Jira says when it refuses: JSON with `errorMessages`, a gateway's `message`, plain text or an HTML page. Makes
//! one fault of it, classified by status and headers and never by the text. Knows no query.

use std::time::Duration;

use crate::net::headers::{DATE, HeaderMap};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::domain::fault::{Fault, FaultClass};
use crate::net::answer::Answer;

/// No more than this of an error page is read.
const LONGEST: usize = 64 * 1024;

/// Passes an answer with a status below 400.
///
/// # Errors
/// The class is that of `net` for the status, but for a token that is known and too narrow; message and help speak of
/// Jira.
pub(super) fn fail_on_status(answer: &Answer) -> Result<(), Fault> {
    let Err(fault) = answer.fail_on_status() else {
        return Ok(());
    };
    let said = said(answer);
    let after = if said.is_empty() { "" } else { ": " };
    let message = match answer.status {
        400 => format!("Jira refuses the query (400){after}{said}"),
        status => format!("{} answered {status}{after}{said}", answer.asked),
    };
    let wait = (fault.class == FaultClass::RateLimited)
        .then(|| wait(&answer.headers))
        .flatten();
    let help = help(answer.status, fault.class, &said).map_or(fault.help, str::to_owned);
    // The one text that is looked at: who says so has recognised the token.
    let too_narrow = answer.status == 401 && said.contains("scope does not match");
    let class = match too_narrow {
        true => FaultClass::Http4xx,
        false => fault.class,
    };
    Err(Fault::new(class, message)
        .help(help)
        .after(fault.retry_after.max(wait)))
}

fn help(status: u16, class: FaultClass, said: &str) -> Option<&'static str> {
    Some(match status {
        400 => "try the JQL in Jira's issue search, logged in as the account of this source",
        401 if said.contains("scope") => {
            "give the token the scopes read:jira-work and read:jira-user"
        }
        401 => {
            "the secret is wrong or expired; a token with scopes is taken at https://api.atlassian.com/ex/jira/CLOUD_ID only"
        }
        403 if class == FaultClass::Auth => {
            "the account lacks a permission, or the site wants user and token where a token alone was sent, or the reverse"
        }
        404 | 405 => "check the source's url (context path, cloud id) and its deployment",
        410 => "this Jira has removed that address: write deployment = \"cloud\"",
        _ => return None,
    })
}

/// A refusal by a Jira that knows who asks: it is about this question only, and the next one may be allowed.
pub(super) fn not_allowed(name: Option<&str>, fault: &Fault) -> Fault {
    let whom = name.map_or_else(String::new, |name| format!(" as {name}"));
    Fault::new(
        FaultClass::Http4xx,
        format!("logged in{whom}, not allowed: {}", fault.message),
    )
    .help("the account lacks a permission for this question: grant it in Jira, or measure what it may see")
}

/// A 200 that is an error all the same.
///
/// # Errors
/// [`FaultClass::BadBody`] when the document carries `errorMessages` or `errors`.
pub(super) fn fail_on_errors(answer: &Answer, document: &Value) -> Result<(), Fault> {
    let told = |key: &str| match document.get(key) {
        Some(Value::Array(list)) => !list.is_empty(),
        Some(Value::Object(map)) => !map.is_empty(),
        _ => false,
    };
    if told("errorMessages") || told("errors") {
        return Err(Fault::new(
            FaultClass::BadBody,
            format!(
                "{} answered 200 with errors: {}",
                answer.asked,
                said(answer)
            ),
        ));
    }
    Ok(())
}

/// What the body says, as one line; empty when it says nothing or would give a secret away.
fn said(answer: &Answer) -> String {
    let bytes = answer.body.get(..LONGEST).unwrap_or(&answer.body);
    let text = String::from_utf8_lossy(bytes);
    if answer.gives_away(&text) {
        return String::new();
    }
    if let Ok(document) = serde_json::from_str::<Value>(&text) {
        return from_json(&document).join("; ");
    }
    let plain: String = without_tags(&text).chars().take(200).collect();
    match (plain.is_empty(), answer.content_type()) {
        (true, _) => String::new(),
        (false, kind) if kind.contains("html") => format!("an HTML page, `{plain}`"),
        (false, _) => plain,
    }
}

fn from_json(document: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for key in ["errorMessages", "warningMessages"] {
        let list = document.get(key).and_then(Value::as_array);
        found.extend(
            list.into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .map(one_line),
        );
    }
    let errors = document.get("errors").and_then(Value::as_object);
    for (field, why) in errors.into_iter().flatten() {
        found.extend(why.as_str().map(|why| one_line(&format!("{field}: {why}"))));
    }
    for key in ["message", "error", "errorMessage"] {
        found.extend(document.get(key).and_then(Value::as_str).map(one_line));
    }
    found.retain(|text| !text.is_empty());
    found
}

fn one_line(text: &str) -> String {
    text.split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

fn without_tags(page: &str) -> String {
    let mut text = String::new();
    let mut in_tag = false;
    for c in page.chars() {
        match c {
            '<' => in_tag = true,
            '>' if in_tag => {
                in_tag = false;
                text.push(' ');
            }
            _ if !in_tag => text.push(c),
            _ => {}
        }
    }
    one_line(&text)
}

/// How long a rate limit holds where `Retry-After` does not say: Cloud's `X-RateLimit-Reset` (`yyyy-MM-ddTHH:mmZ`, read
/// against the server's own `Date`), or one interval of Data Center's bucket.
fn wait(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    let reset = || {
        let date = jiff::fmt::rfc2822::parse(headers.get(DATE)?.to_str().ok()?).ok()?;
        let then = instant(text("x-ratelimit-reset")?)?;
        Duration::try_from(then.duration_since(date.timestamp())).ok()
    };
    let interval = || {
        let seconds: u64 = text("x-ratelimit-interval-seconds")?.parse().ok()?;
        Some(Duration::from_secs(seconds))
    };
    reset().or_else(interval).filter(|wait| !wait.is_zero())
}

fn instant(text: &str) -> Option<Timestamp> {
    let to_the_minute = || {
        let civil = DateTime::strptime("%Y-%m-%dT%H:%M", text.strip_suffix('Z')?).ok()?;
        Some(TimeZone::UTC.to_zoned(civil).ok()?.timestamp())
    };
    text.parse().ok().or_else(to_the_minute)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_form_of_error_body_is_read() {
        for (body, said) in [
            (
                json!({"errorMessages":["Error in the JQL Query:\n 'x' (line 1, character 9)"],"errors":{}}),
                "Error in the JQL Query: 'x' (line 1, character 9)",
            ),
            (
                json!({"errorMessages":["a"],"warningMessages":["b"]}),
                "a; b",
            ),
            (
                json!({"errorMessages":[],"errors":{"jql":"too long"}}),
                "jql: too long",
            ),
            (
                json!({"code":401,"message":"Unauthorized; scope does not match"}),
                "Unauthorized; scope does not match",
            ),
            (
                json!({"error":"Failed to parse\u{1b}[31m it"}),
                "Failed to parse [31m it",
            ),
            (json!({"errorMessages":[7, null]}), ""),
            (json!([1]), ""),
        ] {
            assert_eq!(from_json(&body).join("; "), said);
        }
        assert_eq!(
            without_tags("<html><head><title>Log in</title></head>\n<body>to  go on</body>"),
            "Log in to go on"
        );
    }

    #[test]
    fn f14_rate_limit_headers_of_both_deployments() {
        let waits = |pairs: &[(&'static str, &str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.insert(*name, value.parse().unwrap());
            }
            wait(&headers).map(|wait| wait.as_secs())
        };
        let date = ("date", "Thu, 05 Mar 2026 10:00:30 GMT");
        assert_eq!(
            waits(&[date, ("x-ratelimit-reset", "2026-03-05T10:05Z")]),
            Some(270)
        );
        assert_eq!(
            waits(&[date, ("x-ratelimit-reset", "2026-03-05T10:05:00Z")]),
            Some(270)
        );
        assert_eq!(
            waits(&[date, ("x-ratelimit-reset", "2026-03-05T09:00Z")]),
            None
        );
        assert_eq!(waits(&[("x-ratelimit-reset", "2026-03-05T10:05Z")]), None);
        assert_eq!(waits(&[date, ("x-ratelimit-reset", "soon")]), None);
        assert_eq!(waits(&[("x-ratelimit-interval-seconds", "60")]), Some(60));
    }
}
