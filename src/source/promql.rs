//! Prometheus and what speaks its HTTP API: one expression, evaluated at the end of the window, whose answer is exactly
//! one sample. An empty answer is no zero: nobody said so.

use async_trait::async_trait;
use serde_json::Value;
use url::form_urlencoded::Serializer;

use super::endpoint::{Endpoint, PERMITS};
use super::number::{kind, of_answer};
use super::template::fill;
use super::{Question, Source};
use crate::config::spec::{HttpSpec, Language};
use crate::domain::fault::{Fault, FaultClass};
use crate::domain::quality::Flag;
use crate::domain::reading::Reading;
use crate::net::request::Method;

/// A Prometheus.
#[derive(Debug)]
pub struct PromqlSource {
    endpoint: Endpoint,
}

impl PromqlSource {
    /// A source; neither reads secrets nor connects.
    #[must_use]
    pub fn new(http: &HttpSpec) -> Self {
        Self {
            endpoint: Endpoint::new(http),
        }
    }
}

#[async_trait]
impl Source for PromqlSource {
    async fn measure(&self, question: Question<'_>) -> Result<Reading, Fault> {
        let text = question.expression(Language::Promql)?;
        let moments = question.moments;
        let form = Serializer::new(String::new())
            .append_pair("query", &fill(text, moments, str::to_owned))
            .append_pair("time", &moments.window.end.as_second().to_string())
            .append_pair("timeout", &format!("{}ms", question.timeout.as_millis()))
            .finish();
        let body = Some(("application/x-www-form-urlencoded", form.into_bytes()));
        let request =
            self.endpoint
                .request(Method::Post, "/api/v1/query", body, question.timeout)?;
        let answer = self.endpoint.send(request).await?;
        answer
            .fail_on_status()
            .map_err(|fault| explain(answer.status, fault))?;
        let reading = read(&answer.json()?);
        reading.map_err(|fault| answer.guard(of_answer(&answer.asked, fault)))
    }

    fn permits(&self) -> usize {
        PERMITS
    }

    fn credentials(&self) -> u64 {
        self.endpoint.credentials()
    }
}

/// The one sample of an answer. What it was warned of may mean that a part of the series is missing.
fn read(document: &Value) -> Result<Reading, Fault> {
    let text = |key: &str| document.get(key).and_then(Value::as_str);
    if text("status") != Some("success") {
        let told = text("error").unwrap_or("no status `success` in the answer");
        let told: String = told.chars().take(200).collect();
        return Err(Fault::new(FaultClass::BadBody, told));
    }
    let data = document.get("data").unwrap_or(&Value::Null);
    let result = data.get("result").unwrap_or(&Value::Null);
    let sample = match data.get("resultType").and_then(Value::as_str) {
        Some("vector") => one(result)?,
        Some("scalar") => result,
        other => {
            let found = other.unwrap_or("nothing");
            let why = format!("found a result of type {found}, expected one sample");
            let fault = Fault::new(FaultClass::BadValue, why);
            return Err(fault.help("wrap it, for example sum(increase(orders_total[30d]))"));
        }
    };
    let digits = sample.get(1).and_then(Value::as_str).ok_or_else(|| {
        let why = format!(
            "found {} for a sample, expected time and value",
            kind(sample)
        );
        Fault::new(FaultClass::BadBody, why)
    })?;
    let mut reading = Reading::parse(digits)?;
    let warnings = document.get("warnings").and_then(Value::as_array);
    if let Some(first) = warnings.and_then(|list| list.first()) {
        let first: String = first
            .as_str()
            .unwrap_or_default()
            .chars()
            .take(120)
            .collect();
        reading.quality = reading.quality.with(Flag::Approximate);
        reading.note = Some(format!("Prometheus warns: {}", first.escape_debug()));
    }
    Ok(reading)
}

/// The sample of the only series.
fn one(result: &Value) -> Result<&Value, Fault> {
    let series = result.as_array().map(Vec::as_slice).unwrap_or_default();
    let bad = |why: String| Fault::new(FaultClass::BadValue, why);
    match series {
        [] => {
            let fault = bad("found no series, which is not 0".into());
            Err(fault.help("check the names; where none means 0, write … or vector(0)"))
        }
        [only] => only.get("value").ok_or_else(|| {
            let fault = bad("found a histogram, expected a number".into());
            fault.help("ask for histogram_quantile, histogram_count or histogram_sum")
        }),
        many => {
            let fault = bad(format!("found {} series, expected one", many.len()));
            Err(fault.help("sum them, or name the labels of one"))
        }
    }
}

/// The remedies that the statuses of its API call for.
fn explain(status: u16, fault: Fault) -> Fault {
    match status {
        400 => fault.help("the expression cannot be parsed: try it on the server's own page"),
        422 => fault.help("the expression cannot be evaluated: try it on the server's own page"),
        404 => fault.help("check that the url leads to the server itself, without /api/v1"),
        503 => {
            fault.help("the server stopped the query: a shorter range or a recording rule helps")
        }
        _ => fault,
    }
}
