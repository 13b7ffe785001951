//! The channels through which people are told, as plain values. Made only by `check`; reaches none.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use super::quiet::Quiet;
use super::schedule::Schedule;
use super::secret::SecretRef;
use super::spec::{Auth, Deployment, HttpSpec};
use crate::domain::id::Slug;

/// A channel: what is told there, of whom, when and how.
#[derive(Clone, Debug, PartialEq)]
pub struct NotifySpec {
    /// How it is told.
    pub way: Way,
    /// Whether changes of status are told.
    pub status: bool,
    /// When the digest is; `None`: there is none.
    pub digest: Option<Schedule>,
    /// Of which teams; `None`: of all.
    pub teams: Option<BTreeSet<Slug>>,
    /// Whether of the company as well.
    pub company: bool,
    /// How long a status must have stood before it is told.
    pub hold: Duration,
    /// When nothing is sent.
    pub quiet: Quiet,
    /// Where people find the page, without a slash at its end.
    pub page: Option<String>,
}

impl NotifySpec {
    /// Whether what a team does is told here; `None` is the company.
    #[must_use]
    pub fn tells_of(&self, team: Option<&Slug>) -> bool {
        match (team, &self.teams) {
            (None, _) => self.company,
            (Some(_), None) => true,
            (Some(team), Some(teams)) => teams.contains(team),
        }
    }
}

/// How people are told.
#[derive(Clone, Debug, PartialEq)]
pub enum Way {
    /// Into the one channel of a Slack webhook, whose whole URL is a secret.
    SlackWebhook(HttpSpec),
    /// As a Slack bot.
    SlackBot {
        /// Slack's API, and the token.
        http: HttpSpec,
        /// The channel for what has none of its own.
        channel: String,
    },
    /// JSON to a program.
    Webhook {
        /// How to reach it; the URL is the whole address.
        http: HttpSpec,
        /// The key by which messages are signed.
        secret: Option<SecretRef>,
    },
    /// E-mail.
    Email(EmailSpec),
    /// To the issues of initiatives.
    Jira {
        /// How to reach it.
        http: HttpSpec,
        /// Which of the two APIs it speaks.
        deployment: Deployment,
        /// Whether a link on the issue is kept up to date.
        link: bool,
        /// Whether each change is a comment.
        comment: bool,
    },
}

impl Way {
    /// The word of its `type`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::SlackWebhook(_) | Self::SlackBot { .. } => "slack",
            Self::Webhook { .. } => "webhook",
            Self::Email(_) => "email",
            Self::Jira { .. } => "jira",
        }
    }
}

/// How e-mail is sent.
#[derive(Clone, Debug, PartialEq)]
pub struct EmailSpec {
    /// The server's name.
    pub server: String,
    /// Its port.
    pub port: u16,
    /// How the connection is made safe.
    pub security: Security,
    /// How to log in.
    pub auth: Option<Auth>,
    /// A private certificate authority (PEM), absolute path.
    pub ca_file: Option<PathBuf>,
    /// Whom it comes from: an address, or a name and an address in angle brackets.
    pub from: String,
    /// Whom it goes to.
    pub to: Vec<String>,
}

/// How a connection to an e-mail server is made safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// Before anything is told.
    StartTls,
    /// From the start.
    Tls,
    /// Not at all.
    None,
}
