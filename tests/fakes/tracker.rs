//! A Jira that is written to: links from issues and comments on them, Cloud or Data Center, and nothing else. Refuses what
//! Jira refuses (issues it does not show, a document that is none, a token it does not know) and keeps what it took.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::fakes::wire::{Act, Asked, Wire, json as answer, respond};

pub(crate) const TOKEN: &str = "comments-canary-4711";

/// What was written: issue, `remotelink` or `comment`, the body.
pub(crate) type Written = (String, String, Value);

#[derive(Default)]
struct State {
    written: Vec<Written>,
    cloud: bool,
    /// Everything that was asked, as `METHOD path`.
    asked: Vec<String>,
    patience: bool,
}

/// The site; its one issue is `CONT-12`.
#[derive(Clone)]
pub(crate) struct Tracker {
    pub(crate) wire: Wire,
    state: Arc<Mutex<State>>,
}

impl Tracker {
    pub(crate) async fn start(cloud: bool) -> Self {
        let state = Arc::new(Mutex::new(State {
            cloud,
            ..State::default()
        }));
        let own = Arc::clone(&state);
        let wire = Wire::plain(move |asked| own.lock().unwrap().serve(asked)).await;
        Self { wire, state }
    }

    pub(crate) fn written(&self) -> Vec<Written> {
        self.state.lock().unwrap().written.clone()
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.state.lock().unwrap().asked.clone()
    }

    /// The next request is asked for patience.
    pub(crate) fn asks_for_patience(&self) {
        self.state.lock().unwrap().patience = true;
    }
}

impl State {
    fn serve(&mut self, asked: &Asked) -> Vec<Act> {
        self.asked
            .push(format!("{} {}", asked.method, asked.target));
        if asked.target == "/rest/api/2/serverInfo" {
            let kind = if self.cloud { "Cloud" } else { "Server" };
            return answer(200, &json!({ "deploymentType": kind }).to_string());
        }
        if std::mem::take(&mut self.patience) {
            let headers = [("Retry-After", "1"), ("Content-Type", "text/html")];
            return respond(429, &headers, b"<html>Too many requests</html>");
        }
        let login = crate::jira::base64(&format!("okrd@acme.example:{TOKEN}"));
        if asked.header("authorization") != Some(&*format!("Basic {login}")) {
            let headers = [("X-Seraph-LoginReason", "AUTHENTICATED_FAILED")];
            return respond(404, &headers, b"");
        }
        let version = if self.cloud { "3" } else { "2" };
        let path = asked
            .target
            .strip_prefix(&format!("/rest/api/{version}/issue/"));
        let Some((issue, what)) = path.and_then(|path| path.split_once('/')) else {
            return respond(404, &[("Content-Type", "text/html")], b"<html>");
        };
        if issue != "CONT-12" {
            let why = json!({ "errorMessages": ["Issue does not exist or you do not have permission to see it."], "errors": {} });
            return answer(404, &why.to_string());
        }
        let body: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
        let sound = asked.method == "POST"
            && match what {
                "remotelink" => is_link(&body),
                "comment" if self.cloud => is_document(&body["body"]),
                "comment" => body["body"].as_str().is_some_and(|text| !text.is_empty()),
                _ => false,
            };
        if !sound {
            return answer(
                400,
                "{\"errorMessages\":[],\"errors\":{\"body\":\"not valid\"}}",
            );
        }
        self.written.push((issue.into(), what.into(), body));
        answer(201, "{\"id\":10000}")
    }
}

fn is_link(body: &Value) -> bool {
    let short = |value: &Value| {
        value
            .as_str()
            .is_some_and(|t| (1..=255).contains(&t.chars().count()))
    };
    let object = &body["object"];
    let url = object["url"]
        .as_str()
        .is_some_and(|url| url.starts_with("https://"));
    short(&body["globalId"]) && url && short(&object["title"])
}

/// Atlassian's document format, as far as okrd uses it.
fn is_document(body: &Value) -> bool {
    let paragraphs = body["content"].as_array();
    body["version"] == 1
        && body["type"] == "doc"
        && paragraphs.is_some_and(|all| {
            all.iter().all(|p| {
                let text = |t: &Value| {
                    t["type"] == "text" && t["text"].as_str().is_some_and(|t| !t.is_empty())
                };
                p["type"] == "paragraph"
                    && p["content"].as_array().is_some_and(|c| c.iter().all(text))
            })
        })
}
