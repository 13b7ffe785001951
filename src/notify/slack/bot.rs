//! A bot: `chat.postMessage` into the channel of each team, with a thread for each objective. Slack answers 200 to what it
//! refuses; what counts is `ok`.
//!
//! Answers: docs.slack.dev/reference/methods/chat.postMessage ("Errors").

use std::time::Duration;

use async_trait::async_trait;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::blocks::payload;
use crate::config::spec::HttpSpec;
use crate::domain::fault::{Fault, FaultClass};
use crate::domain::status::Status;
use crate::net::answer::Answer;
use crate::net::request::Method;
use crate::notify::english::paper;
use crate::notify::message::{Kind, Message};
use crate::notify::post::{Address, DEADLINE, Post, Refusal};
use crate::source::endpoint::Endpoint;

/// Refusals of the token: nothing is taken anywhere.
const ALL: [&str; 12] = [
    "not_authed",
    "invalid_auth",
    "account_inactive",
    "token_revoked",
    "token_expired",
    "no_permission",
    "missing_scope",
    "not_allowed_token_type",
    "org_login_required",
    "ekm_access_denied",
    "accesslimited",
    "team_access_not_granted",
];
/// Refusals of the channel.
const PLACE: [&str; 9] = [
    "channel_not_found",
    "not_in_channel",
    "is_archived",
    "is_inactive",
    "restricted_action",
    "restricted_action_read_only_channel",
    "restricted_action_thread_only_channel",
    "restricted_action_non_threadable_channel",
    "messages_tab_disabled",
];
/// Refusals of the message.
const WRONG: [&str; 9] = [
    "msg_too_long",
    "msg_blocks_too_long",
    "invalid_blocks",
    "invalid_blocks_format",
    "no_text",
    "too_many_attachments",
    "invalid_arguments",
    "invalid_json",
    "json_not_object",
];
/// Refusals of the thread.
const THREAD: [&str; 4] = [
    "thread_not_found",
    "message_not_found",
    "cannot_reply_to_message",
    "restricted_action_thread_locked",
];

/// A bot.
pub struct Bot {
    endpoint: Endpoint,
    zone: TimeZone,
}

impl Bot {
    /// The bot of this token.
    #[must_use]
    pub fn new(spec: &HttpSpec, zone: &TimeZone) -> Self {
        Self {
            endpoint: Endpoint::new(spec),
            zone: zone.clone(),
        }
    }

    fn body(&self, to: Address<'_>, message: &Message) -> Value {
        let mut body = payload(&paper(message, &self.zone));
        if let Some(members) = body.as_object_mut() {
            members.insert("channel".into(), to.place.into());
            members.insert("unfurl_links".into(), false.into());
            members.insert("unfurl_media".into(), false.into());
            if let Some(thread) = to.thread {
                members.insert("thread_ts".into(), thread.into());
                members.insert("reply_broadcast".into(), is_for_all(message).into());
            }
        }
        body
    }
}

/// Whether a change should be seen by everybody in the channel, and not only by who follows the thread.
fn is_for_all(message: &Message) -> bool {
    let seen = |status| matches!(status, Status::AtTarget | Status::OffTrack);
    let mut changed = message.objectives.iter().flat_map(|o| &o.key_results);
    message.kind == Kind::Closed || changed.any(|kr| seen(kr.status))
}

#[async_trait]
impl Post for Bot {
    async fn deliver(&self, to: Address<'_>, message: &Message) -> Result<Option<String>, Refusal> {
        let body = self.body(to, message).to_string().into_bytes();
        let body = Some(("application/json; charset=utf-8", body));
        let path = "/chat.postMessage";
        let request = self.endpoint.request(Method::Post, path, body, DEADLINE)?;
        let answer = self.endpoint.send(request).await?;
        let named = judge(&answer, to.place)?;
        // Replies to a reply belong to the first message.
        Ok(to.thread.is_none().then_some(named).flatten())
    }

    fn preview(&self, to: Address<'_>, message: &Message) -> String {
        format!("{:#}", self.body(to, message))
    }

    fn credentials(&self) -> u64 {
        self.endpoint.credentials()
    }
}

/// What an answer means; the name of the message if it was taken.
fn judge(answer: &Answer, place: &str) -> Result<Option<String>, Refusal> {
    if let Err(fault) = answer.fail_on_status() {
        return Err(Refusal::of(answer.guard(fault), Some(answer.status)));
    }
    let document = answer.json();
    let document = document.map_err(|fault| Refusal::Later(answer.guard(fault)))?;
    let said = |key: &str| document.get(key).and_then(Value::as_str);
    if document.get("ok") == Some(&Value::Bool(true)) {
        return Ok(said("ts").map(str::to_owned));
    }
    let word: String = said("error")
        .unwrap_or("nothing")
        .chars()
        .take(60)
        .collect();
    let needed = said("needed").map(|scope| format!(", scope needed: {scope:.60}"));
    let class = match word.as_str() {
        "ratelimited" | "rate_limited" => FaultClass::RateLimited,
        word if ALL.contains(&word) => FaultClass::Auth,
        "internal_error" | "fatal_error" | "service_unavailable" | "request_timeout" => {
            FaultClass::Http5xx
        }
        _ => FaultClass::Http4xx,
    };
    let asked = &answer.asked;
    let message = format!(
        "{asked}: Slack says {word} of {place}{}",
        needed.unwrap_or_default()
    );
    let patience = (class == FaultClass::RateLimited).then_some(Duration::from_secs(30));
    let fault = answer.guard(Fault::new(class, message).help(help(&word)).after(patience));
    Err(match word.as_str() {
        word if ALL.contains(&word) => Refusal::All(fault),
        word if PLACE.contains(&word) => Refusal::Place(fault),
        word if WRONG.contains(&word) => Refusal::Never(fault),
        word if THREAD.contains(&word) => Refusal::NoThread(fault),
        // What is not known may pass; it is kept as long as any other.
        _ => Refusal::Later(fault),
    })
}

fn help(word: &str) -> &'static str {
    match word {
        "not_in_channel" => "invite the bot into the channel, then run okrd resume",
        "channel_not_found" => {
            "check its name, or invite the bot into it if it is private; then run okrd resume"
        }
        "is_archived" => "name another channel, or open it again and run okrd resume",
        "missing_scope" => "give the bot the scope chat:write",
        word if ALL.contains(&word) => "put another token where the secret is",
        _ => "",
    }
}
