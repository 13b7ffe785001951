//! Floor 2: the sources. Each file knows one kind of source and none of the others, nor the store, nor the engine.
//! A source is asked one question at a time and answers with a reading or a fault; it never records anything.

mod as_of;
pub mod endpoint;
pub mod extract;
pub mod github;
pub mod gitlab;
pub mod http;
pub mod jira;
pub mod jq;
pub mod matomo;
mod number;
pub mod plausible;
mod pointer;
pub mod posthog;
pub mod promql;
pub mod rows;
mod session;
pub mod sql;
pub mod template;
pub mod umami;
pub mod worker;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::config::spec::{HttpSpec, Language, Measure, Preset, SiteMetric, SourceSpec};
use crate::domain::fault::{Fault, FaultClass};
use crate::domain::reading::Reading;
use crate::domain::window::Moments;
use crate::domain::work::Work;

/// One question to a source.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// What to measure.
    pub measure: &'a Measure,
    /// The moments it may bind.
    pub moments: &'a Moments,
    /// How long the whole answer may take.
    pub timeout: Duration,
}

impl<'a> Question<'a> {
    /// What is asked in this language.
    ///
    /// # Errors
    /// `internal`: whoever asks took another source for this one.
    fn expression(&self, wanted: Language) -> Result<&'a str, Fault> {
        match self.measure {
            Measure::Expression { language, text } if *language == wanted => Ok(text),
            _ => Err(Self::misled()),
        }
    }

    /// Metric and goal that are asked for of a site.
    ///
    /// # Errors
    /// As [`Self::expression`].
    fn of_site(&self) -> Result<(SiteMetric, Option<&'a str>), Fault> {
        match self.measure {
            Measure::Site { metric, goal } => Ok((*metric, goal.as_deref())),
            _ => Err(Self::misled()),
        }
    }

    fn misled() -> Fault {
        let why = "a source was asked a question of another kind";
        Fault::new(FaultClass::Internal, why)
    }
}

/// Something that can be asked for a number.
#[async_trait]
pub trait Source: Send + Sync {
    /// Asks once: no retry, no record, no write. Ends within the question's timeout and a second, and leaves nothing
    /// running behind.
    ///
    /// # Errors
    /// A fault of a class that tells the caller what to do.
    async fn measure(&self, question: Question<'_>) -> Result<Reading, Fault>;

    /// How many questions it takes at a time.
    fn permits(&self) -> usize;

    /// A few of the things behind the number, one line each, for someone who wonders what is counted; empty where a
    /// source cannot tell.
    ///
    /// # Errors
    /// As [`Source::measure`].
    async fn examples(&self, question: Question<'_>, most: usize) -> Result<Vec<String>, Fault> {
        let _ = (question, most);
        Ok(Vec::new())
    }

    /// How far the work under an issue is, whose key was checked; `None` of a source that knows no issues, and of an issue
    /// with none under it.
    ///
    /// # Errors
    /// As [`Source::measure`].
    async fn work(&self, issue: &str, timeout: Duration) -> Result<Option<Work>, Fault> {
        let _ = (issue, timeout);
        Ok(None)
    }

    /// What the newest answer showed besides its number, for someone who checks a configuration: one line each, empty
    /// where there is nothing to remark.
    fn remarks(&self) -> Vec<String> {
        Vec::new()
    }

    /// Told of each measure that it will be asked, before the first question: some keep secrets of their own.
    fn expect(&self, measure: &Measure) {
        let _ = measure;
    }

    /// Waits until whatever a dropped question left at work elsewhere was told to stop; some seconds at most.
    async fn settle(&self) {}

    /// A value that changes when its secrets do, so that a source held back for its credentials is asked
    /// again as soon as someone rotated them. Secrets that cannot be read count as a value of their own.
    fn credentials(&self) -> u64 {
        0
    }
}

/// The host and port behind a source, so that those of one host can share its limits; `None` for a file, a socket and an
/// address that cannot be read now.
#[must_use]
pub fn host(spec: &SourceSpec) -> Option<String> {
    let (url, usual) = match spec {
        SourceSpec::Sqlite { .. } => return None,
        SourceSpec::Postgres { url } => (url, 5432),
        SourceSpec::Mysql { url } => (url, 3306),
        SourceSpec::Jira { http, .. } | SourceSpec::Preset { http, .. } => (&http.url, 443),
        SourceSpec::Http(http) => (&http.url, 443),
    };
    let url = url::Url::parse(url.read().ok()?.expose()).ok()?;
    let host = url.host_str().filter(|host| !host.is_empty())?;
    let port = url.port_or_known_default().unwrap_or(usual);
    Some(format!("{}:{port}", host.to_ascii_lowercase()))
}

/// How many questions a host takes at a time, as far as a source of this kind with so many permits is concerned: two
/// databases of one server do not wait for each other.
#[must_use]
pub fn host_permits(spec: &SourceSpec, permits: usize) -> usize {
    match spec {
        SourceSpec::Postgres { .. } | SourceSpec::Mysql { .. } => permits.max(2),
        _ => permits,
    }
}

/// The registry: a source of each kind. Never connects; what cannot work shows at the first question. Those that filter
/// share the workers.
#[must_use]
pub fn open(spec: &SourceSpec, workers: &Arc<worker::Workers>) -> Arc<dyn Source> {
    match spec {
        SourceSpec::Sqlite { path } => Arc::new(sql::sqlite::Sqlite::new(path.clone())),
        SourceSpec::Postgres { url } => Arc::new(sql::postgres::Postgres::new(url.clone())),
        SourceSpec::Mysql { url } => Arc::new(sql::mysql::Mysql::new(url.clone())),
        SourceSpec::Jira { http, deployment } => Arc::new(jira::Jira::new(http, *deployment)),
        SourceSpec::Http(http) => Arc::new(http::HttpSource::new(http, Arc::clone(workers))),
        SourceSpec::Preset { http, preset } => preset_of(http, preset),
    }
}

/// The source behind a preset: the one place that a new one must be added to on this floor.
fn preset_of(http: &HttpSpec, preset: &Preset) -> Arc<dyn Source> {
    match preset {
        Preset::Plausible { site } => Arc::new(plausible::PlausibleSource::new(http, site)),
        Preset::Umami { site } => Arc::new(umami::UmamiSource::new(http, site)),
        Preset::Matomo { site } => Arc::new(matomo::MatomoSource::new(http, site)),
        Preset::Prometheus => Arc::new(promql::PromqlSource::new(http)),
        Preset::Github => Arc::new(github::GithubSource::new(http)),
        Preset::Gitlab { project } => Arc::new(gitlab::GitlabSource::new(http, project)),
        Preset::Posthog { project } => Arc::new(posthog::PosthogSource::new(http, project)),
    }
}
