//! GitLab's statistics of issues: how many of a project are opened, closed or there at all, under filters. A project that
//! the token may not see is a 404, so nothing is counted that is not seen.

use async_trait::async_trait;
use url::form_urlencoded::{Serializer, byte_serialize, parse};

use super::endpoint::Endpoint;
use super::number::{count, counted, of_answer};
use super::template::fill;
use super::{Question, Source};
use crate::config::secret::Setting;
use crate::config::spec::{Auth, HttpSpec, Language};
use crate::domain::fault::{Fault, FaultClass};
use crate::domain::reading::Reading;
use crate::domain::window::Moments;
use crate::net::request::Method;

const PERMITS: usize = 2;

/// A project in GitLab.
#[derive(Debug)]
pub struct GitlabSource {
    endpoint: Endpoint,
    project: String,
}

impl GitlabSource {
    /// A source; neither reads secrets nor connects.
    #[must_use]
    pub fn new(http: &HttpSpec, project: &str) -> Self {
        let mut http = http.clone();
        if let Some(Auth::Bearer { token } | Auth::Basic { token, .. }) = http.auth.take() {
            let name = "private-token".to_owned();
            http.headers.insert(name, Setting::Secret(token));
        }
        Self {
            endpoint: Endpoint::new(&http),
            project: byte_serialize(project.as_bytes()).collect(),
        }
    }

    /// The path with its query, and the state that is counted.
    fn path(&self, filters: &str, moments: &Moments) -> Result<(String, String), Fault> {
        let mut query = Serializer::new(String::new());
        // Without it GitLab counts what the token's owner has written.
        query.append_pair("scope", "all");
        let mut state = None;
        for (name, value) in parse(filters.as_bytes()) {
            if name == "state" {
                state = Some(value.into_owned());
            } else {
                query.append_pair(&name, &fill(&value, moments, str::to_owned));
            }
        }
        let state = state.filter(|s| ["opened", "closed", "all"].contains(&s.as_str()));
        let state = state.ok_or_else(|| {
            let why = "the filters do not say which state is counted: opened, closed or all";
            Fault::new(FaultClass::Config, why)
        })?;
        let query = query.finish();
        let project = &self.project;
        let path = format!("/api/v4/projects/{project}/issues_statistics?{query}");
        Ok((path, state))
    }
}

#[async_trait]
impl Source for GitlabSource {
    async fn measure(&self, question: Question<'_>) -> Result<Reading, Fault> {
        let text = question.expression(Language::Issues)?;
        let (path, state) = self.path(text, question.moments)?;
        let request = self
            .endpoint
            .request(Method::Get, &path, None, question.timeout)?;
        let answer = self.endpoint.send(request).await?;
        answer
            .fail_on_status()
            .map_err(|fault| explain(answer.status, fault))?;
        let document = answer.json()?;
        let counts = document.pointer("/statistics/counts");
        let found = count(&state, counts.and_then(|counts| counts.get(&state)));
        let reading = found.map(counted);
        reading.map_err(|fault| answer.guard(of_answer(&answer.asked, fault)))
    }

    fn permits(&self) -> usize {
        PERMITS
    }

    fn credentials(&self) -> u64 {
        self.endpoint.credentials()
    }
}

/// The remedies that GitLab's statuses call for.
fn explain(status: u16, fault: Fault) -> Fault {
    match status {
        404 => fault.help("GitLab answers 404 for a project that is not there and for one that the token may not see: check project and auth"),
        401 | 403 => fault.help("the token is wrong, has ended or lacks the scope read_api: check auth"),
        400 => fault.help("GitLab refuses the filters: check their names and values"),
        _ => fault,
    }
}
