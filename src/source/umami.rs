//! Umami, its cloud and servers of one's own: one metric of one website over a window. The cloud takes an API key; a
//! server gives a token for user and password, which may die at any time. Believes the answers of its versions 1 to 3.

use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::time::Instant;
use url::form_urlencoded::Serializer;

use super::endpoint::{Endpoint, PERMITS, unreadable};
use super::number::{count, counted, kind, of_answer, percent};
use super::session::Session;
use super::{Question, Source};
use crate::config::secret::{Secret, SecretRef, Setting};
use crate::config::spec::{Auth, HttpSpec, SiteMetric};
use crate::domain::fault::{Fault, FaultClass};
use crate::domain::reading::Reading;
use crate::domain::window::Span;
use crate::net::answer::Answer;
use crate::net::request::Method;

/// A website in Umami.
#[derive(Debug)]
pub struct UmamiSource {
    endpoint: Endpoint,
    site: String,
    /// User and password of a server of one's own; without them the endpoint itself logs in.
    login: Option<(String, SecretRef)>,
    session: Session,
}

/// What of an answer makes the number.
#[derive(Clone, Copy, Debug)]
enum Wanted {
    /// A metric of all visits.
    Stat(&'static str),
    /// Bounces among visits.
    Bounces,
    /// A metric of an event.
    Event(&'static str),
    /// Who reached a goal among all visitors.
    Goal,
}

impl UmamiSource {
    /// A source; neither reads secrets nor connects.
    #[must_use]
    pub fn new(http: &HttpSpec, site: &str) -> Self {
        let mut http = http.clone();
        let login = match http.auth.take() {
            Some(Auth::Basic { user, token }) => Some((user, token)),
            // The cloud takes its key in a header of its own.
            Some(Auth::Bearer { token }) => {
                let name = "x-umami-api-key".to_owned();
                http.headers.insert(name, Setting::Secret(token));
                None
            }
            None => None,
        };
        Self {
            endpoint: Endpoint::new(&http),
            site: site.to_owned(),
            login,
            session: Session::default(),
        }
    }

    /// The cloud's base holds all of the path, that of a server ends before `/api`.
    fn path(&self, rest: &str) -> String {
        let api = if self.login.is_some() { "/api" } else { "" };
        format!("{api}{rest}")
    }

    async fn log_in(
        &self,
        user: &str,
        password: &SecretRef,
        deadline: Duration,
    ) -> Result<Secret, Fault> {
        let password = password.read().map_err(|e| unreadable(&e))?;
        let body = json!({"username": user, "password": password.expose()}).to_string();
        let body = Some(("application/json", body.into_bytes()));
        let request = self
            .endpoint
            .request(Method::Post, "/api/auth/login", body, deadline)?
            .hide(password.expose());
        let answer = self.endpoint.send(request).await?;
        answer
            .fail_on_status()
            .map_err(|fault| match answer.status {
                401 => fault.help("Umami knows no such user or another password: check auth"),
                404 => fault.help("check that the url is that of the server itself, without /api"),
                _ => fault,
            })?;
        let document = answer.json()?;
        let token = document.get("token").and_then(Value::as_str);
        let token = token.filter(|token| !token.is_empty()).ok_or_else(|| {
            let why = "found no token in the answer to the login";
            of_answer(&answer.asked, Fault::new(FaultClass::BadBody, why))
        })?;
        Ok(Secret::new(token.to_owned()))
    }

    /// Asks with a token where one is needed; a kept token that is refused is replaced once.
    async fn ask(&self, path: &str, body: Option<&Value>, ends: Instant) -> Result<Answer, Fault> {
        let left = || ends.saturating_duration_since(Instant::now());
        let send = async |token: Option<&Secret>| {
            let method = if body.is_some() {
                Method::Post
            } else {
                Method::Get
            };
            let bytes = body.map(|body| ("application/json", body.to_string().into_bytes()));
            let mut request = self.endpoint.request(method, path, bytes, left())?;
            if let Some(token) = token {
                request = request.bearer(token.expose())?;
            }
            self.endpoint.send(request).await
        };
        let Some((user, password)) = &self.login else {
            return send(None).await;
        };
        let credentials = self.credentials();
        let log_in = || self.log_in(user, password, left());
        let token = self.session.token(credentials, None, log_in()).await?;
        let answer = send(Some(&token)).await?;
        if answer.status != 401 {
            return Ok(answer);
        }
        let newer = self.session.token(credentials, Some(&token), log_in());
        send(Some(&newer.await?)).await
    }

    /// The document of an answer that is whole and no refusal.
    async fn document(
        &self,
        path: &str,
        body: Option<&Value>,
        ends: Instant,
    ) -> Result<(Value, Answer), Fault> {
        let answer = self.ask(path, body, ends).await?;
        answer
            .fail_on_status()
            .map_err(|fault| explain(answer.status, fault))?;
        Ok((answer.json()?, answer))
    }
}

#[async_trait]
impl Source for UmamiSource {
    async fn measure(&self, question: Question<'_>) -> Result<Reading, Fault> {
        let (metric, goal) = question.of_site()?;
        let ends = Instant::now() + question.timeout;
        let wanted = Wanted::of(metric, goal)?;
        let window = &question.moments.window;
        let goal = goal.unwrap_or_default();
        let (path, body) = wanted.request(&self.site, goal, window);
        let (document, answer) = self
            .document(&self.path(&path), body.as_ref(), ends)
            .await?;
        let reading = wanted.read(&document);
        reading.map_err(|fault| answer.guard(of_answer(&answer.asked, fault)))
    }

    fn permits(&self) -> usize {
        PERMITS
    }

    fn credentials(&self) -> u64 {
        let password = self.login.iter().map(|(_, password)| password.clone());
        self.endpoint
            .credentials_with(&password.collect::<Vec<_>>())
    }
}

impl Wanted {
    fn of(metric: SiteMetric, goal: Option<&str>) -> Result<Self, Fault> {
        Ok(match (metric, goal) {
            (SiteMetric::Visitors, None) => Self::Stat("visitors"),
            (SiteMetric::Visits, None) => Self::Stat("visits"),
            (SiteMetric::Pageviews, None) => Self::Stat("pageviews"),
            (SiteMetric::BounceRate, None) => Self::Bounces,
            (SiteMetric::Visitors, Some(_)) => Self::Event("visitors"),
            (SiteMetric::Visits, Some(_)) => Self::Event("visits"),
            (SiteMetric::Conversions, Some(_)) => Self::Event("events"),
            (SiteMetric::ConversionRate, Some(_)) => Self::Goal,
            (SiteMetric::Conversions | SiteMetric::ConversionRate, None) => {
                let why = "conversions and conversion_rate mean nothing without a goal";
                return Err(Fault::new(FaultClass::Config, why));
            }
            (SiteMetric::Pageviews | SiteMetric::BounceRate, Some(_)) => {
                let why = "Umami tells neither page views nor bounces of an event";
                return Err(Fault::new(FaultClass::Config, why));
            }
        })
    }

    /// Path with query, and what is sent. Both ends of a window are in, to the millisecond.
    fn request(self, site: &str, goal: &str, window: &Span) -> (String, Option<Value>) {
        let (start, end) = (
            window.start.as_millisecond(),
            window.end.as_millisecond() - 1,
        );
        let mut query = Serializer::new(String::new());
        query.append_pair("startAt", &start.to_string());
        query.append_pair("endAt", &end.to_string());
        match self {
            Self::Stat(_) | Self::Bounces => {
                (format!("/websites/{site}/stats?{}", query.finish()), None)
            }
            Self::Event(_) => {
                query.append_pair("event", goal);
                let query = query.finish();
                (format!("/websites/{site}/events/stats?{query}"), None)
            }
            Self::Goal => {
                let day = |milliseconds| {
                    let at = jiff::Timestamp::from_millisecond(milliseconds);
                    at.map(|at| at.to_string()).unwrap_or_default()
                };
                let body = json!({
                    "websiteId": site,
                    "type": "goal",
                    "filters": {},
                    "parameters": {
                        "startDate": day(start),
                        "endDate": day(end),
                        "type": "event",
                        "value": goal,
                    },
                });
                ("/reports/goal".to_owned(), Some(body))
            }
        }
    }

    fn read(self, document: &Value) -> Result<Reading, Fault> {
        if !document.is_object() {
            let why = format!("found {}, expected an object", kind(document));
            let fault = Fault::new(FaultClass::BadBody, why);
            return Err(fault.help("check that the url leads to Umami itself"));
        }
        let stat = |name: &'static str| count(name, field(document, name));
        match self {
            Self::Stat(name) => Ok(counted(stat(name)?)),
            Self::Bounces => {
                let visits = stat("visits")?;
                // A visit that is still going on may count as a bounce already.
                let bounces = stat("bounces")?.min(visits);
                percent("bounce_rate", (bounces, visits), ("bounces", "visits"))
            }
            Self::Event(name) => {
                let of_event = document.get("data").and_then(|data| field(data, name));
                Ok(counted(count(name, of_event)?))
            }
            Self::Goal => {
                let of = (stat("num")?, stat("total")?);
                percent("conversion_rate", of, ("who reached the goal", "visitors"))
            }
        }
    }
}

/// A metric as version 3 writes it, or as 2 and 1 did: an object with the number as `value`; 1 called visitors `uniques`.
fn field<'d>(document: &'d Value, name: &str) -> Option<&'d Value> {
    let older = || {
        (name == "visitors")
            .then(|| document.get("uniques"))
            .flatten()
    };
    let found = document.get(name).or_else(older)?;
    Some(found.get("value").unwrap_or(found))
}

/// The remedies that Umami's statuses call for.
fn explain(status: u16, fault: Fault) -> Fault {
    match status {
        401 => fault.help("Umami answers 401 alike for a wrong login and for a website that the user may not see or that does not exist: check auth and site"),
        404 => fault.help("write the url of a server of your own without /api, that of the cloud as https://api.umami.is/v1; auth with user and password belongs to the former, token alone to the latter"),
        429 => fault.help("Umami's cloud allows 50 calls in 15 seconds for a key: set per_minute = 120"),
        _ => fault,
    }
}
