//! The generic HTTP source: asks any endpoint that answers JSON and takes one number out of the answer. Reads secrets at
//! each use. Knows no vendor.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;
use url::form_urlencoded::{Serializer, byte_serialize};

use super::endpoint::{Endpoint, PERMITS, unreadable};
use super::extract::{Extraction, Rule};
use super::rows;
use super::template::{fill, variables};
use super::worker::Workers;
use super::{Question, Source};
use crate::config::secret::{SecretRef, Setting};
use crate::config::spec::{Body, Format, HttpMeasure, HttpSpec, Measure, Method};
use crate::domain::fault::{Fault, FaultClass};
use crate::domain::reading::Reading;
use crate::domain::window::Moments;
use crate::net::answer::Answer;
use crate::net::request::{self, Request};

/// An endpoint that answers JSON.
#[derive(Debug)]
pub struct HttpSource {
    endpoint: Endpoint,
    workers: Arc<Workers>,
    max_body: usize,
    /// Rules that were found to compile.
    sound: Mutex<HashSet<Rule>>,
    /// Where the secrets of the questions are kept, beside those of the endpoint.
    places: Mutex<Vec<SecretRef>>,
}

impl HttpSource {
    /// A source whose filters run on these workers; neither reads secrets nor connects.
    #[must_use]
    pub fn new(spec: &HttpSpec, workers: Arc<Workers>) -> Self {
        Self {
            endpoint: Endpoint::new(spec),
            max_body: spec.max_body,
            workers,
            sound: Mutex::default(),
            places: Mutex::default(),
        }
    }

    /// Remembers where a question's secrets are kept: a source that refused them is asked again when they change.
    fn remember(&self, measure: &HttpMeasure) {
        let form = match &measure.body {
            Body::Form(fields) => Some(fields.values()),
            _ => None,
        };
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        for setting in measure.query.values().chain(form.into_iter().flatten()) {
            if let Setting::Secret(place) = setting
                && !places.contains(place)
            {
                places.push(place.clone());
            }
        }
    }

    /// The rule of a measure, once it was found to compile: nothing is asked for what can never be read.
    fn rule(&self, measure: &HttpMeasure) -> Result<Rule, Fault> {
        let rule = Rule::from(measure);
        let mut sound = self.sound.lock().unwrap_or_else(PoisonError::into_inner);
        if !sound.contains(&rule) {
            let compiled = Extraction::compile(&rule);
            compiled.map_err(|why| Fault::new(FaultClass::Config, why))?;
            sound.insert(rule.clone());
        }
        Ok(rule)
    }

    /// The number in a body. Only filters need a worker, so that a pointer never waits for one.
    async fn read(
        &self,
        rule: Rule,
        moments: &Moments,
        body: Vec<u8>,
        within: Duration,
    ) -> Result<Reading, Fault> {
        if rule.filters() {
            let moments = variables(moments);
            return self.workers.read(&rule, &moments, &body, within).await;
        }
        let pointed = move || {
            let extraction = Extraction::compile(&rule);
            let extraction = extraction.map_err(|why| Fault::new(FaultClass::Config, why))?;
            extraction.evaluate(&body, &[])
        };
        off_the_runtime(pointed).await
    }

    fn request(
        &self,
        measure: &HttpMeasure,
        moments: &Moments,
        deadline: Duration,
    ) -> Result<Request, Fault> {
        let mut secrets = Vec::new();
        let place = |value: &str| byte_serialize(value.as_bytes()).collect();
        let mut path = fill(&measure.path, moments, place);
        if !measure.query.is_empty() {
            path.push(if path.contains('?') { '&' } else { '?' });
            path.push_str(&encode(&measure.query, moments, &mut secrets)?);
        }
        let plain = |text: &str| fill(text, moments, str::to_owned).into_bytes();
        let body = match &measure.body {
            Body::None => None,
            Body::Text(text) => Some(("text/plain; charset=utf-8", plain(text))),
            // The values hold neither quotes nor backslashes, so the document stays JSON, its numbers as written.
            Body::Json(text) => Some(("application/json", plain(text))),
            Body::Form(fields) => Some((
                "application/x-www-form-urlencoded",
                encode(fields, moments, &mut secrets)?.into_bytes(),
            )),
        };
        let method = match measure.method {
            Method::Get => request::Method::Get,
            Method::Post => request::Method::Post,
        };
        let request = self.endpoint.request(method, &path, body, deadline)?;
        Ok(secrets.iter().fold(request, |r, secret| r.hide(secret)))
    }
}

#[async_trait]
impl Source for HttpSource {
    async fn measure(&self, question: Question<'_>) -> Result<Reading, Fault> {
        // Parsing and filtering get what is left of the time, but never nothing: the answer is here by then.
        const LEAST: Duration = Duration::from_millis(500);
        let Measure::Http(measure) = question.measure else {
            return Err(Fault::new(
                FaultClass::Internal,
                "an http source was asked a question of another kind",
            ));
        };
        let ends = Instant::now() + question.timeout;
        let rule = self.rule(measure)?;
        self.remember(measure);
        let request = self.request(measure, question.moments, question.timeout)?;
        let mut answer = self.endpoint.send(request).await?;
        answer.fail_on_status()?;
        fail_on_unfinished(&answer)?;
        match measure.format {
            Format::Json => answer.fail_on_type()?,
            Format::Csv { .. } | Format::Text => answer.fail_on_page()?,
        }
        let body = std::mem::take(&mut answer.body);
        let format = measure.format;
        let most = self.max_body;
        let read = move || Ok(rows::to_json(&body, format, most)?.unwrap_or(body));
        let body = off_the_runtime(read).await;
        let body = body.map_err(|fault| tell(&answer, fault))?;
        let left = ends.saturating_duration_since(Instant::now()).max(LEAST);
        let read = self.read(rule, question.moments, body, left).await;
        read.map_err(|fault| tell(&answer, fault))
    }

    fn permits(&self) -> usize {
        PERMITS
    }

    fn expect(&self, measure: &Measure) {
        if let Measure::Http(measure) = measure {
            self.remember(measure);
        }
    }

    fn credentials(&self) -> u64 {
        let places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let places = places.clone();
        self.endpoint.credentials_with(&places)
    }
}

/// Runs work that surely ends but may take a while on a thread for such work.
async fn off_the_runtime<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Fault> + Send + 'static,
) -> Result<T, Fault> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_panic| {
        let why = "okrd itself failed while it read the answer";
        Err(Fault::new(FaultClass::Internal, why))
    })
}

/// Names and values as a form or query: plain values are filled, secret ones are sent as they are and remembered.
fn encode(
    fields: &BTreeMap<String, Setting>,
    moments: &Moments,
    secrets: &mut Vec<String>,
) -> Result<String, Fault> {
    let mut encoded = Serializer::new(String::new());
    for (name, setting) in fields {
        match setting {
            Setting::Plain(text) => {
                encoded.append_pair(name, &fill(text, moments, str::to_owned));
            }
            Setting::Secret(place) => {
                let secret = place.read().map_err(|e| unreadable(&e))?;
                encoded.append_pair(name, secret.expose());
                secrets.push(secret.expose().to_owned());
            }
        }
    }
    Ok(encoded.finish())
}

/// What is no error and no whole answer either: 202 promises one for later, 206 is a part of it, 205 and what is below
/// 200 speak of something else. Nothing of it may pass for an empty answer.
fn fail_on_unfinished(answer: &Answer) -> Result<(), Fault> {
    let (class, why) = match answer.status {
        202 => (FaultClass::Partial, "the answer is not ready yet"),
        206 => (FaultClass::Partial, "the answer is a part of the whole"),
        205 | ..200 | 300.. => (
            FaultClass::BadBody,
            "this answers no question, expected 200",
        ),
        _ => return Ok(()),
    };
    Err(Fault::new(
        class,
        format!("{} answered {}: {why}", answer.asked, answer.status),
    ))
}

/// The same fault with what was asked before it.
fn tell(answer: &Answer, mut fault: Fault) -> Fault {
    let message = format!("{}: {}", answer.asked, fault.message);
    fault.message = Fault::new(fault.class, message).message;
    answer.guard(fault)
}
