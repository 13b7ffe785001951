//! A Slack that refuses what Slack refuses: payloads beyond its limits, unknown channels and threads, tokens it does not
//! know, more than a message a second in one channel. Serves an incoming webhook at `/services/…` and `chat.postMessage`
//! at `/api/…`. What mentions somebody, or the whole channel, is kept as such, so that a test sees it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::wire::{Act, Asked, Wire, json as answer, respond};

/// The one path of the webhook that is known.
pub(crate) const HOOK: &str = "/services/T0HOOK/B0HOOK/hook-canary-4711";
/// The one token that is known.
pub(crate) const TOKEN: &str = "xoxb-token-canary-4711";

/// A message that was taken.
#[derive(Clone, Debug)]
pub(crate) struct Posted {
    pub(crate) channel: String,
    pub(crate) ts: String,
    pub(crate) payload: Value,
}

impl Posted {
    /// All that people read of it.
    pub(crate) fn text(&self) -> String {
        let mut all = Vec::new();
        collect(&self.payload["blocks"], &mut all);
        all.join("\n")
    }

    pub(crate) fn thread(&self) -> Option<&str> {
        self.payload["thread_ts"].as_str()
    }
}

/// Every text of blocks, in order.
fn collect(value: &Value, all: &mut Vec<String>) {
    match value {
        Value::Array(list) => list.iter().for_each(|v| collect(v, all)),
        Value::Object(members) => match &members.get("text") {
            Some(Value::String(text)) => all.push(text.clone()),
            _ => members.values().for_each(|v| collect(v, all)),
        },
        _ => {}
    }
}

/// What happens to the next requests.
#[derive(Clone, Debug)]
pub(crate) enum Trouble {
    /// The connection is reset before anything is taken.
    Reset,
    /// Taken, and the connection is reset before the answer.
    TakenAndReset,
    /// So many seconds of patience are asked for.
    Patience(u64),
    /// A status and a body.
    Answer(u16, &'static str),
    /// Taken, and no answer comes.
    TakenAndSilent,
}

#[derive(Default)]
struct State {
    posted: Vec<Posted>,
    channels: BTreeMap<String, Option<&'static str>>,
    /// What comes next, once each.
    next: VecDeque<Trouble>,
    /// What comes as long as it stands here.
    down: Option<Trouble>,
    last: BTreeMap<String, Instant>,
    requests: usize,
    hurried: usize,
}

/// The server.
#[derive(Clone)]
pub(crate) struct Slack {
    pub(crate) wire: Wire,
    state: Arc<Mutex<State>>,
}

impl Slack {
    /// One with these channels for bots.
    pub(crate) async fn start(channels: &[&str]) -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let known = channels.iter().map(|name| ((*name).to_owned(), None));
        state.lock().unwrap().channels = known.collect();
        let own = Arc::clone(&state);
        let wire = Wire::plain(move |asked| own.lock().unwrap().serve(asked)).await;
        Self { wire, state }
    }

    pub(crate) fn hook(&self) -> String {
        format!("{}{HOOK}", self.wire.url())
    }

    pub(crate) fn api(&self) -> String {
        format!("{}/api", self.wire.url())
    }

    pub(crate) fn posted(&self) -> Vec<Posted> {
        self.state.lock().unwrap().posted.clone()
    }

    pub(crate) fn requests(&self) -> usize {
        self.state.lock().unwrap().requests
    }

    /// How often somebody came too soon after the message before.
    pub(crate) fn hurried(&self) -> usize {
        self.state.lock().unwrap().hurried
    }

    pub(crate) fn next(&self, trouble: Trouble) {
        self.state.lock().unwrap().next.push_back(trouble);
    }

    pub(crate) fn down(&self, trouble: Option<Trouble>) {
        self.state.lock().unwrap().down = trouble;
    }

    /// From now on a channel answers so; `None` that it takes messages.
    pub(crate) fn channel(&self, name: &str, error: Option<&'static str>) {
        let mut state = self.state.lock().unwrap();
        state.channels.insert(name.into(), error);
    }

    pub(crate) fn remove(&self, name: &str) {
        self.state.lock().unwrap().channels.remove(name);
    }
}

impl State {
    fn serve(&mut self, asked: &Asked) -> Vec<Act> {
        self.requests += 1;
        let trouble = self.down.clone().or_else(|| self.next.pop_front());
        match &trouble {
            None | Some(Trouble::TakenAndReset | Trouble::TakenAndSilent) => {}
            Some(Trouble::Reset) => return vec![Act::Reset],
            Some(Trouble::Patience(seconds)) => return patience(*seconds),
            Some(Trouble::Answer(status, body)) => {
                return respond(*status, &[("Content-Type", "text/plain")], body.as_bytes());
            }
        }
        let acts = if asked.target.starts_with("/api/") {
            self.method(asked)
        } else {
            self.webhook(asked)
        };
        match trouble {
            Some(Trouble::TakenAndReset) => vec![Act::Reset],
            Some(Trouble::TakenAndSilent) => vec![Act::Stall],
            _ => acts,
        }
    }

    fn webhook(&mut self, asked: &Asked) -> Vec<Act> {
        let text =
            |status, body: &str| respond(status, &[("Content-Type", "text/html")], body.as_bytes());
        if asked.target != HOOK {
            return text(404, "no_service");
        }
        if asked.method != "POST" || !is_json(asked) {
            return text(400, "invalid_payload");
        }
        let Ok(payload) = serde_json::from_slice::<Value>(&asked.body) else {
            return text(400, "invalid_payload");
        };
        // A webhook cannot choose its channel.
        if payload.get("channel").is_some() {
            return text(400, "invalid_payload");
        }
        if let Err(error) = fits(&payload) {
            return text(400, error);
        }
        match self.take("", payload) {
            Ok(_) => text(200, "ok"),
            Err(acts) => acts,
        }
    }

    fn method(&mut self, asked: &Asked) -> Vec<Act> {
        let refuse = |error: &str| answer(200, &json!({ "ok": false, "error": error }).to_string());
        if asked.target != "/api/chat.postMessage" {
            return refuse("unknown_method");
        }
        match asked.header("authorization") {
            None => return refuse("not_authed"),
            Some(token) if token != format!("Bearer {TOKEN}") => return refuse("invalid_auth"),
            Some(_) => {}
        }
        if !is_json(asked) {
            return refuse("invalid_post_type");
        }
        let Ok(payload) = serde_json::from_slice::<Value>(&asked.body) else {
            return refuse("invalid_json");
        };
        let channel = payload["channel"].as_str().unwrap_or_default().to_owned();
        match self.channels.get(&channel) {
            None => return refuse("channel_not_found"),
            Some(Some(error)) => return refuse(error),
            Some(None) => {}
        }
        if let Err(error) = fits(&payload) {
            return refuse(error);
        }
        if let Some(thread) = payload["thread_ts"].as_str() {
            let is_there =
                |p: &Posted| p.channel == channel && p.ts == thread && p.thread().is_none();
            if !self.posted.iter().any(is_there) {
                return refuse("thread_not_found");
            }
        } else if payload.get("reply_broadcast").is_some() {
            return refuse("invalid_arguments");
        }
        match self.take(&channel, payload) {
            Ok(ts) => answer(
                200,
                &json!({ "ok": true, "channel": "C0", "ts": ts }).to_string(),
            ),
            Err(acts) => acts,
        }
    }

    /// Takes a message, unless one was taken within the second in the same channel.
    fn take(&mut self, channel: &str, payload: Value) -> Result<String, Vec<Act>> {
        let now = Instant::now();
        let soon = |last: &Instant| now.duration_since(*last) < Duration::from_millis(950);
        if self.last.get(channel).is_some_and(soon) {
            self.hurried += 1;
            return Err(patience(1));
        }
        self.last.insert(channel.into(), now);
        let ts = format!("1790000000.{:06}", self.posted.len() + 1);
        self.posted.push(Posted {
            channel: channel.into(),
            ts: ts.clone(),
            payload,
        });
        Ok(ts)
    }
}

fn patience(seconds: u64) -> Vec<Act> {
    let headers = [
        ("Retry-After", &*seconds.to_string()),
        ("Content-Type", "application/json"),
    ]
    .map(|(name, value)| (name, value.to_owned()));
    let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
    respond(429, &headers, br#"{"ok":false,"error":"ratelimited"}"#)
}

fn is_json(asked: &Asked) -> bool {
    asked
        .header("content-type")
        .is_some_and(|kind| kind.starts_with("application/json"))
}

/// What a block counts beside its text. Slack documents neither this nor the limit: it was seen to refuse 11,341
/// characters of text in blocks, and to take 13,296 in a single one (slackapi/bolt-js, issues 2867 and 2509).
const BLOCK: usize = 30;

/// Block Kit's rules, as far as okrd uses them; every other block is refused.
fn fits(payload: &Value) -> Result<(), &'static str> {
    let text = payload["text"].as_str().ok_or("no_text")?;
    if text.is_empty() || text.chars().count() > 40_000 {
        return Err("msg_too_long");
    }
    let blocks = payload["blocks"].as_array().ok_or("invalid_blocks")?;
    if blocks.is_empty() || blocks.len() > 50 {
        return Err("invalid_blocks");
    }
    let mut texts = Vec::new();
    collect(&payload["blocks"], &mut texts);
    let length: usize = texts.iter().map(|text| text.chars().count()).sum();
    if length + blocks.len() * BLOCK > 12_000 {
        return Err("msg_blocks_too_long");
    }
    for block in blocks {
        let members = block.as_object().ok_or("invalid_blocks")?;
        let holds = |keys: &[&str]| members.keys().all(|key| keys.contains(&key.as_str()));
        let sound = match block["type"].as_str().ok_or("invalid_blocks")? {
            "header" => holds(&["type", "text"]) && object(&block["text"], 150, false),
            "section" => holds(&["type", "text"]) && object(&block["text"], 3000, true),
            "context" => block["elements"].as_array().is_some_and(|elements| {
                let sound = |e: &Value| object(e, 3000, true);
                holds(&["type", "elements"])
                    && (1..=10).contains(&elements.len())
                    && elements.iter().all(sound)
            }),
            "divider" => holds(&["type"]),
            _ => false,
        };
        if !sound {
            return Err("invalid_blocks");
        }
    }
    Ok(())
}

/// A text object.
fn object(value: &Value, most: usize, markdown: bool) -> bool {
    let length = value["text"]
        .as_str()
        .map_or(0, |text| text.chars().count());
    let kind = value["type"].as_str().unwrap_or_default();
    let sound_kind = kind == "plain_text" || (markdown && kind == "mrkdwn");
    let emoji = kind == "plain_text" || value.get("emoji").is_none();
    sound_kind && emoji && (1..=most).contains(&length)
}
