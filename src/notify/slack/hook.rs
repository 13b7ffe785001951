//! An incoming webhook: one channel, no threads, and a few words as answer.
//!
//! Answers: docs.slack.dev/messaging/sending-messages-using-incoming-webhooks ("Handling errors").

use async_trait::async_trait;
use jiff::tz::TimeZone;

use super::blocks::payload;
use crate::config::spec::HttpSpec;
use crate::domain::fault::{Fault, FaultClass};
use crate::net::answer::Answer;
use crate::net::request::Method;
use crate::notify::english::paper;
use crate::notify::message::Message;
use crate::notify::post::{Address, DEADLINE, Post, Refusal};
use crate::source::endpoint::Endpoint;

/// What says that the message is at fault.
const WRONG: [&str; 8] = [
    "invalid_payload",
    "invalid_blocks",
    "invalid_blocks_format",
    "no_text",
    "too_many_attachments",
    "user_not_found",
    "msg_too_long",
    "missing_text_or_fallback_or_attachments",
];
/// What says that no message gets through any more.
const SHUT: [&str; 11] = [
    "no_service",
    "no_service_id",
    "no_active_hooks",
    "no_team",
    "team_disabled",
    "invalid_token",
    "action_prohibited",
    "posting_to_general_channel_denied",
    "channel_not_found",
    "channel_is_archived",
    "user_not_in_channel",
];

/// An incoming webhook.
pub struct Hook {
    endpoint: Endpoint,
    zone: TimeZone,
}

impl Hook {
    /// The webhook at this address.
    #[must_use]
    pub fn new(spec: &HttpSpec, zone: &TimeZone) -> Self {
        Self {
            endpoint: Endpoint::new(spec),
            zone: zone.clone(),
        }
    }
}

#[async_trait]
impl Post for Hook {
    async fn deliver(&self, _: Address<'_>, message: &Message) -> Result<Option<String>, Refusal> {
        let body = payload(&paper(message, &self.zone))
            .to_string()
            .into_bytes();
        let body = Some(("application/json; charset=utf-8", body));
        let request = self.endpoint.request(Method::Post, "", body, DEADLINE)?;
        judge(&self.endpoint.send(request).await?)
    }

    fn preview(&self, _: Address<'_>, message: &Message) -> String {
        format!("{:#}", payload(&paper(message, &self.zone)))
    }

    fn credentials(&self) -> u64 {
        self.endpoint.credentials()
    }
}

/// What an answer means.
fn judge(answer: &Answer) -> Result<Option<String>, Refusal> {
    let word = word(answer);
    if answer.status == 200 && word.as_deref() == Some("ok") {
        return Ok(None);
    }
    let fault = match answer.fail_on_status() {
        Ok(_) => Fault::new(
            FaultClass::BadBody,
            format!("{}: the answer is not `ok`, as Slack says it", answer.asked),
        ),
        Err(fault) => fault,
    };
    let fault = answer.guard(fault);
    Err(match word.as_deref() {
        _ if matches!(answer.status, 429 | 500..) => Refusal::Later(fault),
        Some(word) if WRONG.contains(&word) => Refusal::Never(fault),
        Some(word) if SHUT.contains(&word) => Refusal::All(fault.help(help(word))),
        _ => Refusal::of(fault, Some(answer.status)),
    })
}

/// The one word that Slack answers with.
fn word(answer: &Answer) -> Option<String> {
    let text = std::str::from_utf8(answer.body.get(..64).unwrap_or(&answer.body)).ok()?;
    let text = text.trim();
    let plain = |b: u8| b.is_ascii_lowercase() || b == b'_';
    (!text.is_empty() && text.bytes().all(plain)).then(|| text.to_owned())
}

fn help(word: &str) -> &'static str {
    match word {
        "channel_is_archived" | "channel_not_found" => {
            "make a webhook for another channel, then run okrd resume"
        }
        "action_prohibited" | "posting_to_general_channel_denied" => {
            "an admin of the workspace forbids it; ask them, then run okrd resume"
        }
        _ => "the webhook is no more: make a new one, and keep its address where the secret is",
    }
}
