//! PostHog's query API: one statement in its SQL that gives one row with one number. Asks for a fresh answer and takes no
//! kept one; an answer that is put off is waited for until the deadline.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::endpoint::Endpoint;
use super::number::{kind, of_answer};
use super::template::fill;
use super::{Question, Source};
use crate::config::spec::{HttpSpec, Language};
use crate::domain::fault::{Fault, FaultClass};
use crate::domain::reading::Reading;
use crate::net::answer::Answer;
use crate::net::request::Method;

/// PostHog works at three queries of a team at a time; one is left to its people.
const PERMITS: usize = 2;
/// From one question for an answer that was put off to the next.
const BETWEEN: Duration = Duration::from_millis(500);

/// A project in PostHog.
#[derive(Debug)]
pub struct PosthogSource {
    endpoint: Endpoint,
    project: String,
}

impl PosthogSource {
    /// A source; neither reads secrets nor connects.
    #[must_use]
    pub fn new(http: &HttpSpec, project: &str) -> Self {
        Self {
            endpoint: Endpoint::new(http),
            project: project.to_owned(),
        }
    }

    async fn ask(
        &self,
        rest: &str,
        body: Option<&Value>,
        ends: Instant,
    ) -> Result<(Value, Answer), Fault> {
        let path = format!("/api/projects/{}/query/{rest}", self.project);
        let method = if body.is_some() {
            Method::Post
        } else {
            Method::Get
        };
        let bytes = body.map(|body| ("application/json", body.to_string().into_bytes()));
        let left = ends.saturating_duration_since(Instant::now());
        let request = self.endpoint.request(method, &path, bytes, left)?;
        let answer = self.endpoint.send(request).await?;
        answer
            .fail_on_status()
            .map_err(|fault| explain(answer.status, fault))?;
        Ok((answer.json()?, answer))
    }
}

#[async_trait]
impl Source for PosthogSource {
    async fn measure(&self, question: Question<'_>) -> Result<Reading, Fault> {
        let text = question.expression(Language::Hogql)?;
        let ends = Instant::now() + question.timeout;
        let statement = fill(text, question.moments, str::to_owned);
        let body = json!({
            "query": {"kind": "HogQLQuery", "query": statement},
            "refresh": "force_blocking",
        });
        let (mut document, mut answer) = self.ask("", Some(&body), ends).await?;
        while let Some(id) = put_off(&document, answer.status)? {
            let left = ends.saturating_duration_since(Instant::now());
            if left <= BETWEEN {
                let why = "the answer was put off and is not ready";
                let fault = Fault::new(FaultClass::Timeout, why);
                return Err(answer.guard(of_answer(&answer.asked, fault)));
            }
            tokio::time::sleep(BETWEEN).await;
            (document, answer) = self.ask(&format!("{id}/"), None, ends).await?;
        }
        // The answer that was put off lies one deeper.
        let whole = document
            .pointer("/query_status/results")
            .unwrap_or(&document);
        let reading = read(whole);
        reading.map_err(|fault| answer.guard(of_answer(&answer.asked, fault)))
    }

    fn permits(&self) -> usize {
        PERMITS
    }

    fn credentials(&self) -> u64 {
        self.endpoint.credentials()
    }
}

/// The id to ask for an answer that was put off, while it is not complete.
fn put_off(document: &Value, status: u16) -> Result<Option<String>, Fault> {
    let Some(told) = document.get("query_status").filter(|it| it.is_object()) else {
        if status == 202 {
            let why = "the answer is put off without a name to ask for it";
            return Err(Fault::new(FaultClass::BadBody, why));
        }
        return Ok(None);
    };
    if told.get("error").is_some_and(|error| error == true) {
        let why = "the query failed after it was put off";
        return Err(Fault::new(FaultClass::BadBody, why).help("try it in PostHog's SQL editor"));
    }
    if told.get("complete").is_some_and(|done| done == true) {
        return Ok(None);
    }
    let plain = |id: &&str| {
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        !id.is_empty() && id.chars().all(fits)
    };
    let id = told.get("id").and_then(Value::as_str).filter(plain);
    let id = id.ok_or_else(|| {
        Fault::new(
            FaultClass::BadBody,
            "the answer is put off under a name that cannot be asked for",
        )
    })?;
    Ok(Some(id.to_owned()))
}

/// The one number of the one row, with the instant at which PostHog computed it.
fn read(document: &Value) -> Result<Reading, Fault> {
    let rows = document.get("results").and_then(Value::as_array);
    let rows = rows.ok_or_else(|| {
        let why = "found no results, expected the rows of a query";
        Fault::new(FaultClass::BadBody, why).help("the url is that of PostHog itself, such as https://eu.posthog.com, and not where events are sent")
    })?;
    let bad = |why: String| Fault::new(FaultClass::BadValue, why);
    let [row] = rows.as_slice() else {
        return Err(bad(format!("found {} rows, expected one", rows.len())));
    };
    let [value] = row.as_array().map(Vec::as_slice).unwrap_or_default() else {
        return Err(bad(
            "found a row of other than one column, expected one number".into(),
        ));
    };
    let mut reading = match value {
        Value::Number(number) => Reading::parse(&number.to_string())?,
        Value::String(text) => Reading::parse(text)?,
        other => return Err(bad(format!("found {}, expected a number", kind(other)))),
    };
    let computed = document.get("last_refresh").and_then(Value::as_str);
    reading.as_of = computed.and_then(|text| text.parse::<Timestamp>().ok());
    Ok(reading)
}

/// The remedies that PostHog's statuses call for.
fn explain(status: u16, fault: Fault) -> Fault {
    match status {
        400 => fault.help("PostHog refuses the statement: try it in its SQL editor"),
        401 | 403 => fault.help(
            "the key needs the scope query:read and access to the project: check auth and project",
        ),
        429 => fault.help("PostHog allows 240 queries a minute and 2400 an hour: poll less often"),
        _ => fault,
    }
}
