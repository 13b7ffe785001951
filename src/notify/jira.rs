//! The issues of initiatives: a link that shows how the key result stands, and a comment on each change of its status.
//! Writes to issues that the goals name and to no other, with an account that is no source's.
//!
//! API: developer.atlassian.com/cloud/jira/platform/rest/v3 ("Issue remote links": the same `globalId` updates; "Issue
//! comments": a document in Atlassian's format) and Data Center's REST v2, where a comment is wiki text.

use async_trait::async_trait;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::english::{self, Paper, paper};
use super::message::{KeyResultNote, Message};
use super::post::{Address, DEADLINE, Post, Refusal};
use super::visible::visible;
use crate::config::spec::{Deployment, HttpSpec};
use crate::domain::fault::{Fault, FaultClass};
use crate::domain::status::Status;
use crate::net::answer::Answer;
use crate::net::request::Method;
use crate::source::endpoint::Endpoint;

/// What is written: the key of a letter begins with one of these. A link that is kept up to date …
pub(super) const LINK: &str = "link";
/// … or a comment.
pub(super) const COMMENT: &str = "comment";
/// The longest title, summary and id of a link.
const LONGEST: usize = 255;

/// A Jira site.
pub struct Jira {
    endpoint: Endpoint,
    zone: TimeZone,
    deployment: Deployment,
    cloud: OnceCell<bool>,
}

impl Jira {
    /// The site at this address.
    #[must_use]
    pub fn new(spec: &HttpSpec, deployment: Deployment, zone: &TimeZone) -> Self {
        Self {
            endpoint: Endpoint::new(spec),
            zone: zone.clone(),
            deployment,
            cloud: OnceCell::new(),
        }
    }

    /// Whether it is Jira Cloud.
    async fn is_cloud(&self) -> Result<bool, Refusal> {
        match self.deployment {
            Deployment::Cloud => Ok(true),
            Deployment::DataCenter => Ok(false),
            Deployment::Auto => self.cloud.get_or_try_init(|| self.ask()).await.copied(),
        }
    }

    async fn ask(&self) -> Result<bool, Refusal> {
        let path = "/rest/api/2/serverInfo";
        let request = self.endpoint.request(Method::Get, path, None, DEADLINE)?;
        let answer = self.endpoint.send(request).await?;
        let document = answer.fail_on_status().and_then(Answer::json);
        let document =
            document.map_err(|fault| Refusal::of(answer.guard(fault), Some(answer.status)))?;
        Ok(document["deploymentType"] == "Cloud")
    }

    async fn post(
        &self,
        issue: &str,
        what: &str,
        cloud: bool,
        body: &Value,
    ) -> Result<(), Refusal> {
        let version = if cloud { 3 } else { 2 };
        let path = format!("/rest/api/{version}/issue/{issue}/{what}");
        let body = Some(("application/json", body.to_string().into_bytes()));
        let request = self.endpoint.request(Method::Post, &path, body, DEADLINE)?;
        let request = request.header("x-atlassian-token", "no-check")?;
        judge(&self.endpoint.send(request).await?)
    }
}

#[async_trait]
impl Post for Jira {
    async fn deliver(&self, to: Address<'_>, message: &Message) -> Result<Option<String>, Refusal> {
        // It was checked when the goals were; what becomes part of a path is looked at again.
        if !is_key(to.place) {
            let fault = Fault::new(
                FaultClass::Config,
                "the initiative's `jira` is no issue's key",
            );
            return Err(Refusal::Never(fault));
        }
        let cloud = self.is_cloud().await?;
        let sent = match what(to, message) {
            What::Link(note) => {
                self.post(to.place, "remotelink", cloud, &link(note, message))
                    .await
            }
            What::Comment => {
                let body = comment(&paper(message, &self.zone), cloud);
                self.post(to.place, "comment", cloud, &body).await
            }
        };
        sent.map(|()| None)
    }

    fn preview(&self, to: Address<'_>, message: &Message) -> String {
        let body = match what(to, message) {
            What::Link(note) => link(note, message),
            What::Comment => {
                let cloud = self.deployment != Deployment::DataCenter;
                comment(&paper(message, &self.zone), cloud)
            }
        };
        format!("{}: {body:#}", to.place)
    }

    fn credentials(&self) -> u64 {
        self.endpoint.credentials()
    }
}

enum What<'m> {
    Link(&'m KeyResultNote),
    Comment,
}

fn what<'m>(to: Address<'_>, message: &'m Message) -> What<'m> {
    let mut notes = message.objectives.iter().flat_map(|o| &o.key_results);
    let is_link = to.key.split('/').next() == Some(LINK);
    match notes.next().filter(|_| is_link) {
        Some(note) => What::Link(note),
        None => What::Comment,
    }
}

/// `ABC-12`.
fn is_key(text: &str) -> bool {
    let parts = text.split_once('-');
    parts.is_some_and(|(project, number)| {
        let name = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        !project.is_empty()
            && project.bytes().all(name)
            && !number.is_empty()
            && number.bytes().all(|b| b.is_ascii_digit())
    })
}

/// What an answer means. Cloud serves a token that it does not know as anonymous, and says so only in a header.
fn judge(answer: &Answer) -> Result<(), Refusal> {
    let login = answer.headers.get_all("x-seraph-loginreason");
    let failed = login.iter().any(|reason| {
        reason
            .to_str()
            .is_ok_and(|r| r.contains("FAILED") || r.contains("DENIED"))
    });
    if failed {
        let message = format!("{}: the login was not accepted", answer.asked);
        return Err(Refusal::All(Fault::new(FaultClass::Auth, message)));
    }
    let Err(fault) = answer.fail_on_status() else {
        return Ok(());
    };
    let fault = answer.guard(fault);
    Err(match answer.status {
        // Of this issue alone.
        404 => {
            Refusal::Never(fault.help("the issue does not exist, or okrd's account may not see it"))
        }
        403 if fault.class == FaultClass::Auth => {
            Refusal::Place(fault.help("okrd's account may not write to this issue"))
        }
        status => Refusal::of(fault, Some(status)),
    })
}

/// The link: one for each key result on an issue, always at the newest.
fn link(note: &KeyResultNote, message: &Message) -> Value {
    let cut = |text: &str| -> String { visible(text, LONGEST) };
    let met = matches!(note.status, Status::AtTarget);
    json!({
        "globalId": cut(&format!("okrd:{}", note.id)),
        "application": { "type": "okrd", "name": "okrd" },
        "relationship": "is meant to move",
        "object": {
            "url": message.page,
            "title": cut(&format!("{}: {}", note.title, english::status(note.status))),
            "summary": cut(&note.reason),
            "status": { "resolved": met },
        },
    })
}

fn comment(paper: &Paper, cloud: bool) -> Value {
    let mut lines = vec![paper.subject.clone()];
    for part in &paper.parts {
        lines.extend(
            part.paragraphs
                .iter()
                .flat_map(|p| p.lines().map(str::to_owned)),
        );
    }
    lines.push(paper.below.clone());
    let lines = lines.iter().map(|line| visible(line, 2000));
    if !cloud {
        let page = paper.page.iter().map(|page| format!("[okrd|{page}]"));
        let text: Vec<String> = lines.map(|line| wiki(&line)).chain(page).collect();
        return json!({ "body": text.join("\n\n") });
    }
    let paragraph = |text: Value| json!({ "type": "paragraph", "content": [text] });
    let plain = lines.map(|line| paragraph(json!({ "type": "text", "text": line })));
    let page = paper.page.iter().map(|page| {
        let marks = json!([{ "type": "link", "attrs": { "href": page } }]);
        paragraph(json!({ "type": "text", "text": "Open okrd", "marks": marks }))
    });
    let content: Vec<Value> = plain.chain(page).collect();
    json!({ "body": { "version": 1, "type": "doc", "content": content } })
}

/// Text that wiki markup shows as it is: what could mean something is written as its number.
fn wiki(text: &str) -> String {
    let mut shown = String::new();
    for c in text.chars() {
        if c.is_ascii_punctuation()
            && !matches!(c, '.' | ',' | ':' | ';' | '(' | ')' | '%' | '\'' | '"')
        {
            shown.push_str(&format!("&#{};", u32::from(c)));
        } else {
            shown.push(c);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_keys_of_issues_become_part_of_a_path() {
        assert!(is_key("CONT-12") && is_key("A_1-9"));
        for text in [
            "",
            "CONT",
            "CONT-",
            "-1",
            "CONT-12/../x",
            "CONT-1?x",
            "CONT-1 ",
            "C NT-1",
        ] {
            assert!(!is_key(text), "{text}");
        }
    }

    #[test]
    fn f74_what_people_write_stays_text_in_a_comment() {
        let paper = Paper {
            subject: "[~admin] {color:red}*x* !http://evil/x.png! \\\\ a\u{202e}b".into(),
            page: Some("https://okrd.acme.example".into()),
            ..Paper::default()
        };
        let wiki = comment(&paper, false);
        let text = wiki["body"].as_str().unwrap();
        let written = text.split("\n\n").next().unwrap();
        assert!(
            !written.contains(['[', '{', '*', '!', '\\', '~', '\u{202e}']),
            "{written}"
        );
        assert!(text.ends_with("[okrd|https://okrd.acme.example]"));
        let adf = comment(&paper, true);
        let first = &adf["body"]["content"][0]["content"][0];
        assert_eq!(
            first["text"],
            "[~admin] {color:red}*x* !http://evil/x.png! \\\\ ab"
        );
        assert!(first.get("marks").is_none());
    }
}
