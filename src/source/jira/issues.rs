//! The first issues behind a number, for people who ask what was counted. Typed fetching by `jira_query`, which
//! downloads whole issues, checks no status and may page without end: so it is handed a few ids that our own line
//! found, runs against our deadline, and what it cannot read is asked for once more by ourselves. Nothing here is
//! ever measured.

use std::time::Duration;

use jira_query::{JiraInstance, JiraQueryError};
use reqwest_jira::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

use super::line::Line;
use super::pages::FoundIssue;
use super::{Api, Jira, login, within};
use crate::config::secret::SecretRef;
use crate::config::spec::Auth;
use crate::domain::fault::{Fault, FaultClass};
use crate::domain::window::Moments;
use crate::net::client::{CONNECT_TIMEOUT, USER_AGENT};
use crate::net::tls;
use crate::source::endpoint::unreadable;

/// More are never listed.
const MOST: usize = 50;

/// One issue, for people only: its words may be anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    /// Such as `SHOP-2`.
    pub key: String,
    /// Its title.
    pub summary: String,
    /// The name of its status.
    pub status: String,
}

impl Jira {
    /// The first issues of a JQL, in its order: at most `limit`, never more than 50.
    ///
    /// # Errors
    /// As [`Source::measure`](crate::source::Source::measure).
    pub async fn issues(
        &self,
        jql: &str,
        moments: &Moments,
        limit: usize,
        timeout: Duration,
    ) -> Result<Vec<Issue>, Fault> {
        let line = self.open(timeout);
        within(timeout, self.list(&line, jql, moments, limit))
            .await
            .map_err(|fault| line.veil(fault))
    }

    async fn list(
        &self,
        line: &Line<'_>,
        jql: &str,
        moments: &Moments,
        limit: usize,
    ) -> Result<Vec<Issue>, Fault> {
        let api = self.api(line).await?;
        let jql = self.fill(line, api, jql, moments).await?;
        let found = api.first(line, &jql, &["id"], limit.clamp(1, MOST)).await?;
        let typed = self.instance(line, api)?;
        if line.has_login() {
            self.verify(line, api, &typed).await?;
        }
        let ids: Vec<&str> = found.iter().map(|issue| issue.id.as_str()).collect();
        // A server that repeats a page would keep the crate busy for ever; half of the time is ours.
        let fetched = tokio::time::timeout(line.left() / 2, fetch(&typed, &ids)).await;
        match fetched.ok().flatten() {
            Some(issues) => Ok(issues),
            None => ask_again(line, api, &ids).await,
        }
    }

    /// A list may be short only because Jira did not know us.
    async fn verify(&self, line: &Line<'_>, api: Api, typed: &JiraInstance) -> Result<(), Fault> {
        match typed.verify_authentication().await {
            Ok(()) => Ok(()),
            Err(JiraQueryError::AuthenticationFailed {
                status: 401 | 403, ..
            }) => Err(
                Fault::new(FaultClass::Auth, "Jira did not accept the credentials")
                    .help(login::RENEW),
            ),
            // Its other errors have lost status and headers; our own line tells them.
            Err(_) => self.ask_account(line, api).await.map(|_| ()),
        }
    }

    fn instance(&self, line: &Line<'_>, api: Api) -> Result<JiraInstance, Fault> {
        let unusable = |why: String| {
            Fault::new(
                FaultClass::Config,
                format!("issues cannot be fetched: {why}"),
            )
        };
        let tls = tls::client_config(self.spec.ca_file.as_deref())?;
        let client = reqwest_jira::Client::builder()
            .use_preconfigured_tls(tls)
            .user_agent(USER_AGENT)
            .default_headers(self.headers()?)
            .redirect(reqwest_jira::redirect::Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(line.left())
            .build()
            .map_err(|e| unusable(e.to_string()))?;
        let base = self.spec.url.read().map_err(|e| unreadable(&e))?;
        let instance = JiraInstance::at(base.expose().trim_end_matches('/').to_owned())
            .map_err(|e| unusable(e.to_string()))?
            .authenticate(self.login()?)
            .with_client(client);
        Ok(match api {
            Api::Cloud => instance.for_cloud(),
            Api::DataCenter => instance,
        })
    }

    fn login(&self) -> Result<jira_query::Auth, Fault> {
        let read = |token: &SecretRef| {
            let token = token.read().map_err(|e| unreadable(&e))?;
            Ok(token.expose().to_owned())
        };
        Ok(match &self.spec.auth {
            Some(Auth::Basic { user, token }) => jira_query::Auth::Basic {
                user: user.clone(),
                password: read(token)?,
            },
            Some(Auth::Bearer { token }) => jira_query::Auth::ApiKey(read(token)?),
            None => jira_query::Auth::Anonymous,
        })
    }

    fn headers(&self) -> Result<HeaderMap, Fault> {
        let not_a_header = |name: &str| {
            Fault::new(
                FaultClass::Config,
                format!("header `{}` cannot be sent", name.escape_debug()),
            )
        };
        let mut headers = HeaderMap::new();
        for (name, setting) in &self.spec.headers {
            let value = setting.read().map_err(|e| unreadable(&e))?;
            let mut value =
                HeaderValue::from_str(value.expose()).map_err(|_| not_a_header(name))?;
            value.set_sensitive(true);
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| not_a_header(name))?;
            headers.insert(name, value);
        }
        Ok(headers)
    }
}

/// The issues in the order of the ids; `None` when one of them does not fit the crate's model.
async fn fetch(typed: &JiraInstance, ids: &[&str]) -> Option<Vec<Issue>> {
    // Ids go into a URL unescaped.
    if !ids.iter().all(|id| id.bytes().all(|b| b.is_ascii_digit())) {
        return None;
    }
    let fetched = typed.issues(ids).await.ok()?;
    let find = |id: &&str| fetched.iter().find(|issue| issue.id == **id);
    let described = |issue: &jira_query::Issue| Issue {
        key: issue.key.clone(),
        summary: issue.fields.summary.clone(),
        status: issue.fields.status.name.clone(),
    };
    ids.iter().map(|id| find(id).map(described)).collect()
}

/// The same issues by our own line, two fields of each: the data, or the real reason why there are none. One that
/// vanished in between is left out.
async fn ask_again(line: &Line<'_>, api: Api, ids: &[&str]) -> Result<Vec<Issue>, Fault> {
    let jql = format!("id in ({})", ids.join(", "));
    let again = api.all(line, &jql, &["summary", "status"]).await?;
    let found = ids
        .iter()
        .filter_map(|id| again.iter().find(|issue| issue.id == **id));
    Ok(found.map(described).collect())
}

fn described(issue: &FoundIssue) -> Issue {
    let field = |name: &str| issue.fields.as_ref().and_then(|fields| fields.get(name));
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    Issue {
        key: issue.key.clone().unwrap_or_else(|| issue.id.clone()),
        summary: text(field("summary")),
        status: text(field("status").and_then(|status| status.get("name"))),
    }
}
