//! What an answer of Jira is worth. A number is told only when our login is known to have held while all of it came: the
//! headers of every answer say so, or the account does, asked for afterwards and with the same secrets. What the account
//! said earlier vouches for nothing. Knows no JQL and no pages.

use super::line::Line;
use super::login::{Account, Myself};
use super::{Api, Jira, refusal};
use crate::domain::fault::{Fault, FaultClass};
use crate::domain::reading::Reading;

/// What was read, not yet believed. An empty answer may also be one that gives no number.
pub(super) struct Figure {
    pub(super) reading: Result<Reading, Fault>,
    pub(super) empty: bool,
}

impl Figure {
    /// Whether it is what somebody would see who may see nothing.
    fn is_nothing(&self) -> bool {
        self.empty || self.reading.as_ref().is_ok_and(|r| r.value == 0.0)
    }
}

impl Jira {
    /// Believes what was read, or says why not.
    pub(super) async fn settle(
        &self,
        line: &Line<'_>,
        api: Api,
        read: Result<Figure, Fault>,
    ) -> Result<Reading, Fault> {
        if line.is_misplaced() {
            self.forget_site();
        }
        let figure = match read {
            Ok(figure) => figure,
            Err(fault) => return Err(self.explain(line, api, fault).await),
        };
        // Nothing is what a lost login looks like, whatever the headers say.
        if line.has_login() && (figure.is_nothing() || line.is_doubtful()) {
            self.vouch(line, api).await?;
        }
        if figure.reading.is_err() {
            self.fields.forget();
        }
        figure.reading
    }

    /// Makes sure that our login held while the answer came: asks for the account now that all of it is here. A token that
    /// fails does not come back, so one that holds now held before; but only the same one.
    async fn vouch(&self, line: &Line<'_>, api: Api) -> Result<(), Fault> {
        self.ask_account(line, api).await?;
        if line.has_its_secrets() {
            return Ok(());
        }
        Err(Fault::new(
            FaultClass::Suspect,
            "the source's secret changed while Jira was asked: nobody can tell for whom it answered",
        )
        .help("the next poll asks with the new secret alone"))
    }

    /// The fault as it is once the account was asked for, where that tells more: what Jira hides from anybody, such as a
    /// project or a field, looks like a mistake in the definition; and a refusal may be meant for the login or for the
    /// question.
    async fn explain(&self, line: &Line<'_>, api: Api, fault: Fault) -> Fault {
        let looks_like_a_mistake = matches!(
            fault.class,
            FaultClass::Http4xx | FaultClass::Config | FaultClass::BadValue | FaultClass::Partial
        );
        if looks_like_a_mistake {
            self.fields.forget();
        }
        let refused = line.is_refused();
        if !line.is_doubtful() || !(refused || looks_like_a_mistake) {
            return fault;
        }
        match self.ask_account(line, api).await {
            Ok(account) if refused => refusal::not_allowed(Some(&account.name), &fault),
            Err(other) if refused || other.class == FaultClass::Auth => other,
            _ => fault,
        }
    }

    /// The account, as known for these secrets or asked for: good enough for its time zone.
    pub(super) async fn account(&self, line: &Line<'_>, api: Api) -> Result<Account, Fault> {
        match self.account.get(line.secrets()) {
            Some(account) => Ok(account),
            None => self.ask_account(line, api).await,
        }
    }

    /// The account, asked for.
    ///
    /// # Errors
    /// [`FaultClass::Auth`] when Jira does not know us.
    pub(super) async fn ask_account(&self, line: &Line<'_>, api: Api) -> Result<Account, Fault> {
        let asked = line.get::<Myself>(&api.path("myself")).await;
        line.settle_refusals();
        let account = asked.and_then(|myself| {
            myself.account().ok_or_else(|| {
                Fault::new(
                    FaultClass::Auth,
                    "Jira names no account for the credentials, expected accountId or name",
                )
            })
        });
        match &account {
            Ok(account) => self.account.put(line.secrets(), account.clone()),
            Err(_) => self.account.forget(),
        }
        account
    }
}
