//! Plausible Analytics, Stats API v2: one metric of one site over the days of the window, in one request. Sends the days
//! themselves, because its shortcuts disagree on today, and believes only an answer to exactly that question.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::endpoint::{Endpoint, PERMITS};
use super::{Question, Source};
use crate::config::spec::{HttpSpec, SiteMetric};
use crate::domain::fault::{Fault, FaultClass};
use crate::domain::reading::Reading;
use crate::domain::window::{Moments, Span};
use crate::net::answer::Answer;
use crate::net::request::Method;

/// A site in Plausible.
#[derive(Debug)]
pub struct PlausibleSource {
    endpoint: Endpoint,
    site: String,
    /// How the newest answer counted its days, if not as it was asked to.
    other_days: Mutex<Option<String>>,
}

impl PlausibleSource {
    /// A source; neither reads secrets nor connects.
    #[must_use]
    pub fn new(http: &HttpSpec, site: &str) -> Self {
        Self {
            endpoint: Endpoint::new(http),
            site: site.to_owned(),
            other_days: Mutex::default(),
        }
    }

    fn other_days(&self) -> MutexGuard<'_, Option<String>> {
        self.other_days
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    async fn ask(&self, query: &Query<'_>, deadline: Duration) -> Result<Reading, Fault> {
        let body = query.to_json(&self.site);
        let bytes = body.to_string().into_bytes();
        let body_sent = Some(("application/json", bytes));
        let request = self
            .endpoint
            .request(Method::Post, "/api/v2/query", body_sent, deadline)?;
        let answer = self.endpoint.send(request).await?;
        answer
            .fail_on_status()
            .map_err(|fault| explain(answer.status, fault))?;
        let (reading, other_days) = query
            .read(&body, &answer)
            .map_err(|fault| answer.guard(fault))?;
        *self.other_days() = other_days;
        Ok(reading)
    }
}

#[async_trait]
impl Source for PlausibleSource {
    async fn measure(&self, question: Question<'_>) -> Result<Reading, Fault> {
        let (metric, goal) = question.of_site()?;
        let ends = Instant::now() + question.timeout;
        let query = Query::new(metric, goal, question.moments)?;
        let reading = self.ask(&query, question.timeout).await?;
        let Some(whole) = query.denominator().filter(|_| reading.value == 0.0) else {
            return Ok(reading);
        };
        // Plausible also says 0 % of nobody, which nobody measured.
        let left = ends.saturating_duration_since(Instant::now());
        if self.ask(&whole, left).await?.value == 0.0 {
            return Err(Fault::new(
                FaultClass::BadValue,
                format!(
                    "{} has no value from {} to {}: there were no {} to be a share of",
                    query.metric, query.days.first_day, query.days.last_day, whole.metric
                ),
            ));
        }
        Ok(reading)
    }

    fn permits(&self) -> usize {
        PERMITS
    }

    fn remarks(&self) -> Vec<String> {
        self.other_days().clone().into_iter().collect()
    }

    fn credentials(&self) -> u64 {
        self.endpoint.credentials()
    }
}

/// One metric, perhaps of those who reached a goal, over whole local days of the site.
#[derive(Clone, Copy, Debug)]
struct Query<'a> {
    /// Plausible's own word.
    metric: &'static str,
    goal: Option<&'a str>,
    days: &'a Span,
    /// The zone whose days they are meant to be.
    zone: &'a TimeZone,
}

impl<'a> Query<'a> {
    /// Conversions are the `events` of a goal: `visitors` of a goal are people, who count once each.
    fn new(metric: SiteMetric, goal: Option<&'a str>, moments: &'a Moments) -> Result<Self, Fault> {
        if metric.needs_goal() && goal.is_none() {
            return Err(Fault::new(
                FaultClass::Config,
                "conversions and conversion_rate mean nothing without a goal",
            ));
        }
        let metric = match metric {
            SiteMetric::Visitors => "visitors",
            SiteMetric::Visits => "visits",
            SiteMetric::Pageviews => "pageviews",
            SiteMetric::Conversions => "events",
            SiteMetric::ConversionRate => "conversion_rate",
            SiteMetric::BounceRate => "bounce_rate",
        };
        Ok(Self {
            metric,
            goal,
            days: &moments.window,
            zone: &moments.zone,
        })
    }

    /// What a rate is a share of.
    fn denominator(&self) -> Option<Self> {
        match self.metric {
            "conversion_rate" => Some(Self {
                metric: "visitors",
                goal: None,
                ..*self
            }),
            "bounce_rate" => Some(Self {
                metric: "visits",
                ..*self
            }),
            _ => None,
        }
    }

    fn to_json(self, site: &str) -> Value {
        let days = [
            self.days.first_day.to_string(),
            self.days.last_day.to_string(),
        ];
        let mut query = json!({"site_id": site, "metrics": [self.metric], "date_range": days});
        if let (Some(goal), Some(query)) = (self.goal, query.as_object_mut()) {
            query.insert("filters".into(), json!([["is", "event:goal", [goal]]]));
        }
        query
    }

    /// The number, and how its days differ from those that were meant, if they do.
    fn read(&self, asked: &Value, answer: &Answer) -> Result<(Reading, Option<String>), Fault> {
        let document = answer.json()?;
        let fault = |class, what: String| Fault::new(class, format!("{}: {what}", answer.asked));
        let found: Found = serde_json::from_value(document).map_err(|_| {
            fault(
                FaultClass::BadBody,
                "found JSON of another shape, expected results, query and meta of the Stats API v2"
                    .into(),
            )
            .help("check that the url leads to Plausible itself, without /api")
        })?;
        same_question(asked, &found.query).map_err(|what| {
            fault(
                FaultClass::Suspect,
                format!("the answer is for another question: {what}"),
            )
        })?;
        if let Some(warning) = found
            .meta
            .get("metric_warnings")
            .and_then(|w| w.get(self.metric))
        {
            let code = warning
                .get("code")
                .and_then(Value::as_str)
                .unwrap_or("no code");
            return Err(fault(
                FaultClass::Partial,
                format!("{} comes with a warning: {code}", self.metric),
            ));
        }
        let [row] = found.results.as_slice() else {
            let rows = found.results.len();
            return Err(fault(
                FaultClass::BadValue,
                format!("found {rows} rows, expected one"),
            ));
        };
        let [value] = row.metrics.as_slice() else {
            let values = row.metrics.len();
            return Err(fault(
                FaultClass::BadValue,
                format!("found {values} values, expected one"),
            ));
        };
        let reading = self.number(value);
        let reading = reading.map_err(|what| fault(FaultClass::BadValue, what))?;
        Ok((reading, self.other_days(&found.query)))
    }

    /// The days are right by then, but a site in another zone begins and ends them at another hour. Its zone is its
    /// owner's to choose, so this is no fault.
    fn other_days(&self, understood: &Value) -> Option<String> {
        let echoed = understood.get("date_range")?.get(0)?.as_str()?;
        let found: Timestamp = echoed.parse().ok()?;
        let begins = self.days.first_day.to_zoned(self.zone.clone()).ok()?;
        if found == begins.timestamp() {
            return None;
        }
        let zone = self.zone.iana_name().unwrap_or("the cycle");
        Some(format!(
            "the days of the site begin at {found}, those of {zone} at {}: give the site and okrd the same time zone",
            begins.timestamp()
        ))
    }

    /// A whole number for counts, 0 to 100 for rates.
    fn number(&self, value: &Value) -> Result<Reading, String> {
        let is_rate = self.denominator().is_some();
        let expected = if is_rate {
            "a percentage from 0 to 100"
        } else {
            "a count"
        };
        let not = |found: String| format!("{}: found {found}, expected {expected}", self.metric);
        if let Some(count) = value.as_u64().filter(|_| !is_rate) {
            return Ok(Reading::whole(count.into()));
        }
        match value.as_f64() {
            Some(rate) if is_rate && (0.0..=100.0).contains(&rate) => {
                Reading::new(rate).map_err(|fault| fault.message)
            }
            Some(number) => Err(not(number.to_string())),
            None if value.is_null() => Err(not("null".into())),
            None => Err(not("no number".into())),
        }
    }
}

/// What is read of an answer.
#[derive(Deserialize)]
struct Found {
    results: Vec<Row>,
    query: Value,
    #[serde(default)]
    meta: Value,
}

#[derive(Deserialize)]
struct Row {
    metrics: Vec<Value>,
}

/// The server repeats the question as it understood it: site, metrics and filters word for word, the days as instants
/// with the site's offset.
fn same_question(asked: &Value, understood: &Value) -> Result<(), String> {
    let none = json!([]);
    let part = |query: &Value, key: &str| query.get(key).cloned().unwrap_or_else(|| none.clone());
    for key in ["site_id", "metrics", "filters", "dimensions"] {
        if part(asked, key) != part(understood, key) {
            return Err(format!("{key} differs"));
        }
    }
    let days = |query: &Value| -> Vec<String> {
        let range = part(query, "date_range");
        let ends = range
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str);
        ends.map(|end| end.chars().take(10).collect()).collect()
    };
    let (asked, understood) = (days(asked), days(understood));
    if asked == understood {
        return Ok(());
    }
    Err(format!(
        "found the days {}, expected {}",
        understood.join(" to "),
        asked.join(" to ")
    ))
}

/// The remedies that Plausible's statuses call for.
fn explain(status: u16, fault: Fault) -> Fault {
    match status {
        400 => fault.help("check metric and goal: a goal must be configured in Plausible under this very name"),
        401 => fault.help("Plausible answers 401 alike for a missing key, a wrong key and a site that the key may not see: check auth and site"),
        402 => fault.help("the site's plan has no Stats API, or the site is locked"),
        404 => fault.help("check that the url leads to Plausible itself, without /api, and that it is new enough for the Stats API v2"),
        429 => fault.help("Plausible allows 600 requests an hour for a key by default: poll less often"),
        _ => fault,
    }
}
