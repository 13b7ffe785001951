//! Jira, Cloud and Data Center: numbers over the issues of a JQL. Counts never download an issue; sums read one field
//! page by page, all or nothing. What an answer is worth depends on who Jira takes us for, so a number is told only when
//! our login is known to hold. Knows no store and no schedule.

mod api;
mod cloud;
mod data_center;
pub mod fields;
pub mod issues;
pub mod jql;
mod line;
pub mod login;
mod pages;
mod refusal;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::tz::TimeZone;
use serde::Deserialize;
use tokio::time::Instant;

pub use self::api::Api;
use self::line::Line;
use self::login::{Account, Myself};
use self::pages::FoundIssue;
use super::endpoint::Endpoint;
use super::{Question, Source};
use crate::config::spec::{Deployment, HttpSpec, JiraValue, Measure};
use crate::domain::fault::{Fault, FaultClass};
use crate::domain::reading::Reading;
use crate::domain::window::Moments;

/// How long an account once seen vouches for the same secrets. A zero is never believed on that ground.
const ACCOUNT_HOLDS: Duration = Duration::from_secs(15 * 60);

/// A Jira site.
pub struct Jira {
    spec: HttpSpec,
    deployment: Deployment,
    endpoint: Endpoint,
    detected: Mutex<Option<Api>>,
    account: Mutex<Option<Seen>>,
}

/// What a site says of itself and of us.
#[derive(Clone, Debug, PartialEq)]
pub struct Identity {
    /// Which API it speaks.
    pub api: Api,
    /// The account behind the credentials; `None` without credentials.
    pub account: Option<Account>,
}

/// An account and what it stands for.
struct Seen {
    account: Account,
    secrets: u64,
    at: Instant,
}

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
            account: Mutex::new(None),
        }
    }

    /// Asks the site which API it speaks and who we are.
    ///
    /// # Errors
    /// As [`Source::measure`].
    pub async fn identify(&self, timeout: Duration) -> Result<Identity, Fault> {
        within(timeout, async {
            let line = self.open(timeout);
            let api = self.api(&line).await?;
            let account = match line.has_login() {
                true => Some(self.ask_account(&line, api).await?),
                false => None,
            };
            Ok(Identity { api, account })
        })
        .await
    }

    /// A secret in another header than these is the affair of a proxy.
    fn open(&self, timeout: Duration) -> Line<'_> {
        let logs_in = |name: &String| {
            name.eq_ignore_ascii_case("authorization") || name.eq_ignore_ascii_case("cookie")
        };
        let has_login = self.spec.auth.is_some() || self.spec.headers.keys().any(logs_in);
        Line::open(&self.endpoint, has_login, timeout)
    }

    async fn figure(&self, question: Question<'_>) -> Result<Reading, Fault> {
        let Measure::Jira { jql, value } = question.measure else {
            return Err(Fault::new(
                FaultClass::Internal,
                "a Jira source was asked for something else than a JQL",
            ));
        };
        let line = self.open(question.timeout);
        let api = self.api(&line).await?;
        let read = self.read(&line, api, jql, value, question.moments).await;
        self.settle(&line, api, read).await
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
                reading.approximate = api.estimates();
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
                    reading.approximate = api.estimates();
                    reading
                });
                Ok(Figure {
                    reading,
                    empty: part == 0 || whole == 0,
                })
            }
            JiraValue::Sum(field) | JiraValue::Avg(field) => {
                let fields: Vec<fields::Field> = line.get(&api.path("field")).await?;
                let field = fields::resolve(&fields, field)?;
                let tally = tally(field, &api.all(line, &jql, &[field]).await?)?;
                let number = match value {
                    JiraValue::Avg(_) => tally.mean(field),
                    _ => tally.sum(field),
                };
                Ok(Figure {
                    empty: tally.issues() == 0,
                    reading: number.and_then(Reading::new),
                })
            }
        }
    }

    /// Believes what was read, or says why not. Without the account's word neither an empty answer nor one whose headers
    /// are silent is believed; and a query that fails may be one that fails for anybody only.
    async fn settle(
        &self,
        line: &Line<'_>,
        api: Api,
        read: Result<Figure, Fault>,
    ) -> Result<Reading, Fault> {
        if line.is_misplaced() {
            self.forget_api();
        }
        match read {
            Ok(figure) => {
                if line.has_login() && figure.empty {
                    self.ask_account(line, api).await?;
                } else if line.is_doubtful() {
                    self.account(line, api).await?;
                }
                figure.reading
            }
            Err(fault) if may_be_the_login(fault.class) && line.is_doubtful() => {
                match self.ask_account(line, api).await {
                    Err(other) if other.class == FaultClass::Auth => Err(other),
                    _ => Err(fault),
                }
            }
            Err(fault) => Err(fault),
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
        let info: ServerInfo = line.get("/rest/api/2/serverInfo").await.map_err(|fault| {
            let way = "write deployment = \"cloud\" or \"data_center\" so that the site need not be asked";
            let help = match fault.help.as_str() {
                "" => way.to_owned(),
                help => format!("{help}; or {way}"),
            };
            fault.help(help)
        })?;
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

    fn forget_api(&self) {
        *self.detected.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// The account, as known for these secrets or asked for.
    async fn account(&self, line: &Line<'_>, api: Api) -> Result<Account, Fault> {
        if let Some(account) = self.known_account(line) {
            return Ok(account);
        }
        self.ask_account(line, api).await
    }

    fn known_account(&self, line: &Line<'_>) -> Option<Account> {
        let seen = self.account.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = seen.as_ref()?;
        let holds = seen.secrets == line.secrets() && seen.at.elapsed() < ACCOUNT_HOLDS;
        holds.then(|| seen.account.clone())
    }

    async fn ask_account(&self, line: &Line<'_>, api: Api) -> Result<Account, Fault> {
        let asked = line.get::<Myself>(&api.path("myself")).await;
        let account = asked.and_then(|myself| {
            myself.account().ok_or_else(|| {
                Fault::new(
                    FaultClass::Auth,
                    "Jira names no account for the credentials, expected accountId or name",
                )
            })
        });
        let mut seen = self.account.lock().unwrap_or_else(PoisonError::into_inner);
        *seen = account.as_ref().ok().map(|account| Seen {
            account: account.clone(),
            secrets: line.secrets(),
            at: Instant::now(),
        });
        account
    }
}

#[async_trait]
impl Source for Jira {
    async fn measure(&self, question: Question<'_>) -> Result<Reading, Fault> {
        within(question.timeout, self.figure(question)).await
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

/// What was read, not yet believed. An empty answer may also be one that gives no number.
struct Figure {
    reading: Result<Reading, Fault>,
    empty: bool,
}

/// What Jira hides from anybody, such as a project or a field, looks like a mistake in the definition.
fn may_be_the_login(class: FaultClass) -> bool {
    matches!(
        class,
        FaultClass::Http4xx | FaultClass::Config | FaultClass::BadValue
    )
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
    Reading::new(part as f64 / whole as f64)
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
                format!(
                    "Jira: no complete answer within {} s",
                    timeout.as_secs_f64()
                ),
            ))
        })
}
