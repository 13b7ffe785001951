//! One poll's line to a Jira site: the endpoint, the deadline, and what the answers showed of our login. Sends questions
//! and passes only answers that may be believed. Knows no JQL.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::Instant;

use super::login::{self, Login};
use super::refusal;
use crate::domain::fault::{Fault, FaultClass};
use crate::net::answer::Answer;
use crate::net::request::{Hidden, Method};
use crate::source::endpoint::Endpoint;

/// The line.
pub(super) struct Line<'a> {
    endpoint: &'a Endpoint,
    has_login: bool,
    secrets: u64,
    /// The time of the whole question.
    timeout: Duration,
    ends: Instant,
    /// Whether some answer left open whether our credentials were accepted.
    doubtful: AtomicBool,
    /// Whether something was refused to us, and the answer left open whether the login or the question was at fault.
    refused: AtomicBool,
    /// Whether something was not where this deployment has it.
    misplaced: AtomicBool,
    /// What went out and must not come back in words of ours.
    hidden: Mutex<Vec<Hidden>>,
}

impl<'a> Line<'a> {
    /// A line that ends in `timeout`; connects nowhere. `has_login`: Jira is expected to know us.
    pub(super) fn open(endpoint: &'a Endpoint, has_login: bool, timeout: Duration) -> Self {
        Self {
            endpoint,
            has_login,
            // Taken before any question: an account that answers later is never filed under a newer secret.
            secrets: endpoint.credentials(),
            timeout,
            ends: Instant::now() + timeout,
            doubtful: AtomicBool::new(false),
            refused: AtomicBool::new(false),
            misplaced: AtomicBool::new(false),
            hidden: Mutex::default(),
        }
    }

    /// Whether Jira is expected to know us.
    pub(super) fn has_login(&self) -> bool {
        self.has_login
    }

    /// Whether some answer so far left open whether our credentials were accepted.
    pub(super) fn is_doubtful(&self) -> bool {
        self.has_login && self.doubtful.load(Ordering::Relaxed)
    }

    /// Whether something was refused to us and nobody has said yet whether our login holds.
    pub(super) fn is_refused(&self) -> bool {
        self.has_login && self.refused.load(Ordering::Relaxed)
    }

    /// Takes note that the account was asked for: what it said settles every refusal before.
    pub(super) fn settle_refusals(&self) {
        self.refused.store(false, Ordering::Relaxed);
    }

    /// Whether an address did not exist: the site may have become another deployment.
    pub(super) fn is_misplaced(&self) -> bool {
        self.misplaced.load(Ordering::Relaxed)
    }

    /// A value that changes with the secrets.
    pub(super) fn secrets(&self) -> u64 {
        self.secrets
    }

    /// Whether the secrets are still those with which the poll began.
    pub(super) fn has_its_secrets(&self) -> bool {
        self.endpoint.credentials() == self.secrets
    }

    /// The fault, without words that repeat a secret that was sent.
    pub(super) fn veil(&self, fault: Fault) -> Fault {
        let hidden = self.hidden.lock().unwrap_or_else(PoisonError::into_inner);
        hidden
            .iter()
            .fold(fault, |fault, hidden| hidden.veil(fault))
    }

    /// Whether a text repeats a secret that was sent.
    pub(super) fn gives_away(&self, text: &str) -> bool {
        let hidden = self.hidden.lock().unwrap_or_else(PoisonError::into_inner);
        hidden.iter().any(|hidden| hidden.gives_away(text))
    }

    /// How much of the poll's time is left.
    pub(super) fn left(&self) -> Duration {
        self.ends.saturating_duration_since(Instant::now())
    }

    /// Asks by GET.
    ///
    /// # Errors
    /// Those of [`Endpoint`] and [`Answer::fail_on_status`]; [`FaultClass::Auth`] when Jira took us for anybody,
    /// `bad_type` and `bad_body` when the answer is not the document that was asked for.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Fault> {
        self.ask(Method::Get, path, None).await
    }

    /// Asks by POST; a question all the same.
    ///
    /// # Errors
    /// As [`Line::get`].
    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &Value,
    ) -> Result<T, Fault> {
        let bytes = body.to_string().into_bytes();
        self.ask(Method::Post, path, Some(("application/json", bytes)))
            .await
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<(&str, Vec<u8>)>,
    ) -> Result<T, Fault> {
        let request = self
            .endpoint
            .request(method, path, body, self.left())?
            .part_of(self.timeout)
            // Without the check against forged requests switched off, Jira answers some POSTs by 403.
            .header("x-atlassian-token", "no-check")?;
        let answer = self.endpoint.send(request).await?;
        self.remember(&answer.hidden);
        self.judge(&answer)?;
        let document = answer.json()?;
        refusal::fail_on_errors(&answer, &document)?;
        serde_json::from_value(document).map_err(|e| {
            // Serde's words may quote a value of the answer.
            let why = e.to_string();
            let why = if answer.gives_away(&why) {
                String::new()
            } else {
                format!(": {why}")
            };
            Fault::new(
                FaultClass::BadBody,
                format!(
                    "{} answered something else than Jira would{why}",
                    answer.asked
                ),
            )
        })
    }

    /// Login first: a refused login explains every other oddity. A rate limit says nothing of the login, though.
    fn judge(&self, answer: &Answer) -> Result<(), Fault> {
        if matches!(answer.status, 404 | 405 | 410) {
            self.misplaced.store(true, Ordering::Relaxed);
        }
        if !self.has_login || matches!(answer.status, 429 | 500..) {
            return refusal::fail_on_status(answer);
        }
        let login = login::told(&answer.headers)?;
        let untold = login == Login::Untold;
        self.doubtful.fetch_or(untold, Ordering::Relaxed);
        refusal::fail_on_status(answer).map_err(|fault| match login {
            Login::Held(name) if fault.class == FaultClass::Auth => {
                refusal::not_allowed(name.as_deref(), &fault)
            }
            _ => {
                let refused = fault.class == FaultClass::Auth;
                self.refused.fetch_or(refused, Ordering::Relaxed);
                fault
            }
        })
    }

    fn remember(&self, sent: &Hidden) {
        let mut hidden = self.hidden.lock().unwrap_or_else(PoisonError::into_inner);
        // One entry but for a poll during which the secrets change.
        if !hidden.iter().any(|known| known.same_as(sent)) {
            hidden.push(sent.clone());
        }
    }
}
