//! Delivering one message to one receiver: what it may answer, and who does it for which channel. Knows neither when nor
//! how often.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::email::Email;
use super::jira::Jira;
use super::message::Message;
use super::slack::{bot::Bot, hook::Hook};
use super::webhook::Webhook;
use crate::config::notify::{NotifySpec, Way};
use crate::domain::fault::{Fault, FaultClass};

/// How long one delivery may take.
pub const DEADLINE: Duration = Duration::from_secs(10);

/// Why a message was not taken.
#[derive(Clone, Debug, PartialEq)]
pub enum Refusal {
    /// It may be taken later.
    Later(Fault),
    /// It never will, others may.
    Never(Fault),
    /// No message is taken at this place until somebody acts.
    Place(Fault),
    /// No message is taken at all until somebody acts.
    All(Fault),
    /// The thread that it belongs to is gone.
    NoThread(Fault),
}

impl Refusal {
    /// What happened.
    #[must_use]
    pub fn fault(&self) -> &Fault {
        let (Self::Later(fault)
        | Self::Never(fault)
        | Self::Place(fault)
        | Self::All(fault)
        | Self::NoThread(fault)) = self;
        fault
    }

    /// What a fault of the connection, or of a status that says nothing more, means: a login that is refused and an
    /// address that is gone stay so, a request that is wrong stays wrong, all else may pass.
    #[must_use]
    pub fn of(fault: Fault, status: Option<u16>) -> Self {
        match (fault.class, status) {
            (FaultClass::Auth, _) | (_, Some(404 | 410)) => Self::All(fault),
            (FaultClass::Config, _) => Self::Later(fault),
            (FaultClass::Http4xx, _) => Self::Never(fault),
            _ => Self::Later(fault),
        }
    }
}

/// A fault from before there was an answer.
impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self::of(fault, None)
    }
}

/// Where a message goes and what it belongs to.
#[derive(Clone, Copy, Debug)]
pub struct Address<'a> {
    /// The letter's key: the same each time it is sent.
    pub key: &'a str,
    /// Where in the channel.
    pub place: &'a str,
    /// What the receiver calls its thread, if it has one.
    pub thread: Option<&'a str>,
    /// When it is sent.
    pub at: Timestamp,
}

/// Delivers messages.
#[async_trait]
pub trait Post: Send + Sync {
    /// Sends one message. `Ok` means that the receiver acknowledged it, and tells what it calls the thread that the
    /// message may begin.
    async fn deliver(&self, to: Address<'_>, message: &Message) -> Result<Option<String>, Refusal>;

    /// The message as it would be sent, for people: no secret is in it.
    fn preview(&self, to: Address<'_>, message: &Message) -> String;

    /// A value that changes when a secret does.
    fn credentials(&self) -> u64;
}

/// Who delivers for a channel; neither reads secrets nor connects. Instants are told in `zone`.
#[must_use]
pub fn open(spec: &NotifySpec, zone: &TimeZone) -> Box<dyn Post> {
    match &spec.way {
        Way::SlackWebhook(http) => Box::new(Hook::new(http, zone)),
        Way::SlackBot { http, .. } => Box::new(Bot::new(http, zone)),
        Way::Webhook { http, secret } => Box::new(Webhook::new(http, secret.as_ref())),
        Way::Jira {
            http, deployment, ..
        } => Box::new(Jira::new(http, *deployment, zone)),
        Way::Email(email) => Box::new(Email::new(email, zone)),
    }
}
