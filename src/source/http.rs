//! The generic HTTP source: asks any endpoint that answers JSON and takes one number out of the answer. Reads secrets at
//! each use. Knows no vendor.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;
use url::form_urlencoded::{Serializer, byte_serialize};

use super::endpoint::{Endpoint, unreadable};
use super::extract::Extraction;
use super::template::fill;
use super::{Question, Source};
use crate::config::secret::Setting;
use crate::config::spec::{Body, HttpMeasure, HttpSpec, Measure, Method};
use crate::domain::fault::{Fault, FaultClass};
use crate::domain::reading::Reading;
use crate::domain::window::Moments;
use crate::net::answer::Answer;
use crate::net::request::{self, Request};

/// Requests in flight to one HTTP source.
pub(super) const PERMITS: usize = 4;

/// An endpoint that answers JSON.
#[derive(Debug)]
pub struct HttpSource {
    endpoint: Endpoint,
    /// Compiled filters by what they were compiled from.
    extractions: Mutex<HashMap<String, Arc<Extraction>>>,
}

impl HttpSource {
    /// A source; neither reads secrets nor connects.
    #[must_use]
    pub fn new(spec: &HttpSpec) -> Self {
        Self {
            endpoint: Endpoint::new(spec),
            extractions: Mutex::default(),
        }
    }

    fn extraction(&self, measure: &HttpMeasure) -> Result<Arc<Extraction>, Fault> {
        let key = format!("{:?}", (&measure.value, &measure.fail_if, measure.empty));
        let mut kept = self
            .extractions
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(extraction) = kept.get(&key) {
            return Ok(Arc::clone(extraction));
        }
        let compiled = Extraction::compile(measure);
        let compiled = compiled.map_err(|why| Fault::new(FaultClass::Config, why))?;
        Ok(Arc::clone(kept.entry(key).or_insert(Arc::new(compiled))))
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
        let extraction = self.extraction(measure)?;
        let request = self.request(measure, question.moments, question.timeout)?;
        let mut answer = self.endpoint.send(request).await?;
        answer.fail_on_status()?;
        fail_on_unfinished(&answer)?;
        answer.fail_on_type()?;
        let body = std::mem::take(&mut answer.body);
        let left = ends.saturating_duration_since(Instant::now()).max(LEAST);
        let read = extraction.read(body, left).await;
        read.map_err(|fault| tell(&answer, fault))
    }

    fn permits(&self) -> usize {
        PERMITS
    }

    fn credentials(&self) -> u64 {
        self.endpoint.credentials()
    }
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

/// A success that is not the whole answer: 202 promises one for later, 206 is a part of it.
fn fail_on_unfinished(answer: &Answer) -> Result<(), Fault> {
    let why = match answer.status {
        202 => "the answer is not ready yet",
        206 => "the answer is a part of the whole",
        _ => return Ok(()),
    };
    Err(Fault::new(
        FaultClass::Partial,
        format!("{} answered {}: {why}", answer.asked, answer.status),
    ))
}

/// The same fault with what was asked before it; words of the source that repeat a secret are dropped.
fn tell(answer: &Answer, mut fault: Fault) -> Fault {
    let words = if answer.gives_away(&fault.message) {
        "the answer cannot be used, and its words repeat a secret"
    } else {
        fault.message.as_str()
    };
    fault.message = Fault::new(fault.class, format!("{}: {words}", answer.asked)).message;
    fault
}
