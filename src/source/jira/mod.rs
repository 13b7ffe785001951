//! Jira, Cloud and Data Center: numbers over the issues of a JQL. Counts never download an issue; sums read one field
//! page by page, all or nothing. What an answer is worth depends on who Jira takes us for, so a number is told only when
//! our login is known to hold. Knows no store and no schedule.

mod api;
mod cloud;
mod data_center;
mod epic;
pub mod fields;
pub mod issues;
pub mod jql;
mod kept;
mod line;
pub mod login;
mod pages;
mod refusal;
mod trust;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::tz::TimeZone;
use serde::Deserialize;

pub use self::api::Api;
use self::fields::Field;
use self::kept::Kept;
use self::line::Line;
use self::login::Account;
use self::pages::FoundIssue;
use self::trust::Figure;
use super::endpoint::Endpoint;
use super::{Question, Source};
use crate::config::spec::{Deployment, HttpSpec, JiraValue, Measure};
use crate::domain::fault::{Fault, FaultClass};
use crate::domain::reading::Reading;
use crate::domain::window::Moments;
use crate::domain::work::Work;
use crate::net::fault::shown_time;

/// How long an account's time zone is taken for granted. It vouches for no answer.
const ACCOUNT_HOLDS: Duration = Duration::from_secs(15 * 60);
/// How long the list of fields is taken for granted.
const FIELDS_HOLD: Duration = Duration::from_secs(10 * 60);

/// A Jira site.
pub struct Jira {
    spec: HttpSpec,
    deployment: Deployment,
    endpoint: Endpoint,
    detected: Mutex<Option<Api>>,
    account: Kept<Account>,
    fields: Kept<Arc<[Field]>>,
}

/// What a site says of itself and of us.
#[derive(Clone, Debug, PartialEq)]
pub struct Identity {
    /// Which API it speaks.
    pub api: Api,
    /// The account behind the credentials; `None` without credentials.
    pub account: Option<Account>,
    /// Whether it may browse any project; `None` when the site does not say.
    pub browses: Option<bool>,
}

/// An answer of `/mypermissions`, cut to what is needed here.
#[derive(Deserialize)]
struct Permissions {
    permissions: HashMap<String, Permission>,
}

#[derive(Deserialize)]
struct Permission {
    #[serde(rename = "havePermission")]
    have: bool,
}

/// The permission without which every JQL finds nothing.
const BROWSE: &str = "BROWSE_PROJECTS";

#[derive(Deserialize)]
struct ServerInfo {
    #[serde(rename = "deploymentType")]
    deployment_type: Option<String>,
    version: String,
}

impl Jira {
    /// A site; reads no secret and connects nowhere.
    #[must_use]
    pub fn new(spec: &HttpSpec, deployment: Deployment) -> Self {
        Self {
            endpoint: Endpoint::new(spec),
            spec: spec.clone(),
            deployment,
            detected: Mutex::new(None),
            account: Kept::new(ACCOUNT_HOLDS),
            fields: Kept::new(FIELDS_HOLD),
        }
    }

    /// Asks the site which API it speaks and who we are.
    ///
    /// # Errors
    /// As [`Source::measure`].
    pub async fn identify(&self, timeout: Duration) -> Result<Identity, Fault> {
        let line = self.open(timeout);
        within(timeout, self.introduce(&line))
            .await
            .map_err(|fault| line.veil(fault))
    }

    async fn introduce(&self, line: &Line<'_>) -> Result<Identity, Fault> {
        let api = self.api(line).await?;
        if !line.has_login() {
            return Ok(Identity {
                api,
                account: None,
                browses: self.browses(line, api).await,
            });
        }
        let mut account = self.ask_account(line, api).await?;
        if line.gives_away(&account.name) {
            account.name = "an account whose name repeats a secret".into();
        }
        Ok(Identity {
            api,
            account: Some(account),
            browses: self.browses(line, api).await,
        })
    }

    /// Whether we may browse any project. A site that does not say is asked no more: this is told beside the rest.
    async fn browses(&self, line: &Line<'_>, api: Api) -> Option<bool> {
        let path = api.path(&format!("mypermissions?permissions={BROWSE}"));
        let answer: Permissions = line.get(&path).await.ok()?;
        answer.permissions.get(BROWSE).map(|may| may.have)
    }

    /// A secret in another header than these is the affair of a proxy.
    fn open(&self, timeout: Duration) -> Line<'_> {
        let logs_in = |name: &String| {
            name.eq_ignore_ascii_case("authorization") || name.eq_ignore_ascii_case("cookie")
        };
        let has_login = self.spec.auth.is_some() || self.spec.headers.keys().any(logs_in);
        Line::open(&self.endpoint, has_login, timeout)
    }

    async fn figure(&self, line: &Line<'_>, question: Question<'_>) -> Result<Reading, Fault> {
        let Measure::Jira { jql, value } = question.measure else {
            return Err(Fault::new(
                FaultClass::Internal,
                "a Jira source was asked for something else than a JQL",
            ));
        };
        let api = self.api(line).await?;
        let read = self.read(line, api, jql, value, question.moments).await;
        self.settle(line, api, read).await
    }

    async fn read(
        &self,
        line: &Line<'_>,
        api: Api,
        jql: &str,
        value: &JiraValue,
        moments: &Moments,
    ) -> Result<Figure, Fault> {
        let jql = self.fill(line, api, jql, moments).await?;
        match value {
            JiraValue::Count => {
                let count = api.count(line, &jql).await?;
                let mut reading = Reading::whole(count.into());
                reading.quality = api.quality();
                Ok(Figure {
                    reading: Ok(reading),
                    empty: count == 0,
                })
            }
            JiraValue::RatioOf(whole) => {
                let whole = self.fill(line, api, whole, moments).await?;
                let part = api.count(line, &jql).await?;
                let whole = api.count(line, &whole).await?;
                let reading = ratio(part, whole).map(|mut reading| {
                    reading.quality = api.quality();
                    reading
                });
                Ok(Figure {
                    reading,
                    empty: part == 0 || whole == 0,
                })
            }
            JiraValue::Sum(field) | JiraValue::Avg(field) => {
                let field = &self.field(line, api, field).await?;
                let tally = tally(field, &api.whole(line, &jql, &[field]).await?)?;
                let number = match value {
                    JiraValue::Avg(_) => tally.mean(field),
                    _ => tally.sum(field),
                };
                let reading = number.and_then(Reading::new).map(|mut reading| {
                    reading.note = tally.note();
                    reading
                });
                Ok(Figure {
                    empty: tally.issues() == 0,
                    reading,
                })
            }
        }
    }

    /// The JQL with its moments, told in the zone in which Jira will read them.
    async fn fill(
        &self,
        line: &Line<'_>,
        api: Api,
        jql: &str,
        moments: &Moments,
    ) -> Result<String, Fault> {
        let zone = self.zone(line, api, jql).await?;
        jql::fill(jql, moments, zone.as_ref())
    }

    async fn zone(&self, line: &Line<'_>, api: Api, jql: &str) -> Result<Option<TimeZone>, Fault> {
        if !jql::binds_an_instant(jql) || !line.has_login() {
            return Ok(None);
        }
        Ok(self.account(line, api).await?.zone)
    }

    /// Which API the site speaks; asked once and kept until an address turns out not to exist.
    async fn api(&self, line: &Line<'_>) -> Result<Api, Fault> {
        match self.deployment {
            Deployment::Cloud => return Ok(Api::Cloud),
            Deployment::DataCenter => return Ok(Api::DataCenter),
            Deployment::Auto => {}
        }
        let detected = *self.detected.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(api) = detected {
            return Ok(api);
        }
        let info: ServerInfo = line
            .get("/rest/api/2/serverInfo")
            .await
            .map_err(or_write_the_deployment)?;
        // Servers before version 7 tell no type; Data Center calls itself Server.
        let api = match info.deployment_type.as_deref() {
            Some("Cloud") => Api::Cloud,
            Some("Server" | "DataCenter" | "Data Center") | None => Api::DataCenter,
            Some(other) => {
                return Err(Fault::new(
                    FaultClass::BadBody,
                    format!(
                        "Jira {} calls itself {other}, expected Cloud or Server",
                        info.version
                    ),
                )
                .help("write deployment = \"cloud\" or \"data_center\""));
            }
        };
        *self.detected.lock().unwrap_or_else(PoisonError::into_inner) = Some(api);
        Ok(api)
    }

    /// What was learnt of a site that seems to have become another.
    fn forget_site(&self) {
        *self.detected.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.fields.forget();
    }

    /// The id of the field that is meant. The list is long and seldom changes, so it is kept for a while; but only a fresh
    /// one says that there is no such field.
    async fn field(&self, line: &Line<'_>, api: Api, wanted: &str) -> Result<String, Fault> {
        if let Some(known) = self.fields.get(line.secrets())
            && let Ok(id) = fields::resolve(&known, wanted)
        {
            return Ok(id.to_owned());
        }
        let fields: Arc<[Field]> = line.get::<Vec<Field>>(&api.path("field")).await?.into();
        let id = fields::resolve(&fields, wanted)?.to_owned();
        self.fields.put(line.secrets(), fields);
        Ok(id)
    }
}

#[async_trait]
impl Source for Jira {
    async fn measure(&self, question: Question<'_>) -> Result<Reading, Fault> {
        let line = self.open(question.timeout);
        within(question.timeout, self.figure(&line, question))
            .await
            .map_err(|fault| line.veil(fault))
    }

    async fn work(&self, issue: &str, timeout: Duration) -> Result<Option<Work>, Fault> {
        self.work_under(issue, timeout).await
    }

    async fn examples(&self, question: Question<'_>, most: usize) -> Result<Vec<String>, Fault> {
        let Measure::Jira { jql, .. } = question.measure else {
            return Ok(Vec::new());
        };
        let issues = self.issues(jql, question.moments, most, question.timeout);
        let line =
            |issue: issues::Issue| format!("{} {} ({})", issue.key, issue.summary, issue.status);
        Ok(issues.await?.into_iter().map(line).collect())
    }

    /// Jira's burst limits are per account and address: two at a time stay clear of them.
    fn permits(&self) -> usize {
        2
    }

    fn credentials(&self) -> u64 {
        self.endpoint.credentials()
    }
}

/// The fault of the question for the deployment, with the way round it where one would help: a site that is down or
/// refuses us does so whatever its deployment.
fn or_write_the_deployment(fault: Fault) -> Fault {
    let is_of_the_question = matches!(
        fault.class,
        FaultClass::Http4xx | FaultClass::BadType | FaultClass::BadBody | FaultClass::Redirect
    );
    if !is_of_the_question {
        return fault;
    }
    let way = "write deployment = \"cloud\" or \"data_center\" so that the site need not be asked";
    let help = match fault.help.as_str() {
        "" => way.to_owned(),
        help => format!("{help}; or {way}"),
    };
    fault.help(help)
}

fn tally(field: &str, issues: &[FoundIssue]) -> Result<fields::Tally, Fault> {
    let mut tally = fields::Tally::default();
    for issue in issues {
        tally.add(field, issue.fields.as_ref())?;
    }
    Ok(tally)
}

#[expect(clippy::cast_precision_loss, reason = "no Jira holds 2^53 issues")]
fn ratio(part: u64, whole: u64) -> Result<Reading, Fault> {
    if whole == 0 {
        return Err(Fault::new(
            FaultClass::BadValue,
            format!("{part} issues of 0: the JQL of ratio_of matches none, so there is no ratio"),
        ));
    }
    let counts = (part as f64, whole as f64);
    let mut reading = Reading::new(counts.0 / counts.1)?;
    reading.counts = Some(counts);
    Ok(reading)
}

/// One deadline over everything, whatever the single requests think.
async fn within<T>(
    timeout: Duration,
    work: impl Future<Output = Result<T, Fault>>,
) -> Result<T, Fault> {
    tokio::time::timeout(timeout, work)
        .await
        .unwrap_or_else(|_| {
            Err(Fault::new(
                FaultClass::Timeout,
                format!("Jira: no complete answer within {}", shown_time(timeout)),
            ))
        })
}
