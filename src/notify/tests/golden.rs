//! Every kind of message as each receiver gets it, word for word: read the difference after `UPDATE_GOLDEN=1`.

use std::fmt::Write as _;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::spec;
use crate::config::notify::{EmailSpec, NotifySpec, Security, Way};
use crate::config::spec::{Deployment, HttpSpec};
use crate::domain::language::Language;
use crate::domain::news::{Change, News, Turn};
use crate::domain::scorecard::Scorecard;
use crate::domain::status::Status;
use crate::metrics::sample;
use crate::notify::message::{Kind, Message};
use crate::notify::post::{self, Address};
use crate::notify::{digest, status};
use crate::store::Letter;

fn card(language: Language) -> Scorecard {
    let mut card = sample::board().scorecard;
    Arc::make_mut(&mut card.company).language = language;
    card
}

fn http() -> HttpSpec {
    match spec().way {
        Way::SlackWebhook(http) => http,
        _ => panic!("the channel of these tests is a webhook of Slack"),
    }
}

/// Each way to tell, by a name for its file.
fn ways() -> Vec<(&'static str, Way)> {
    let jira = |deployment| Way::Jira {
        http: http(),
        deployment,
        link: true,
        comment: true,
    };
    let email = EmailSpec {
        server: "smtp.acme.example".into(),
        port: 587,
        security: Security::StartTls,
        auth: None,
        ca_file: None,
        from: "okrd@acme.example".into(),
        to: vec!["all@acme.example".into()],
    };
    let bot = Way::SlackBot {
        http: http(),
        channel: "#okrs".into(),
    };
    let webhook = Way::Webhook {
        http: http(),
        secret: None,
    };
    vec![
        ("slack-webhook", Way::SlackWebhook(http())),
        ("slack-bot", bot),
        ("webhook", webhook),
        ("email", Way::Email(email)),
        ("jira-cloud", jira(Deployment::Cloud)),
        ("jira-data-center", jira(Deployment::DataCenter)),
    ]
}

/// Changes of three key results of one objective, and a cycle that closed.
fn news(card: &Scorecard) -> Vec<News> {
    let since = sample::now() - SignedDuration::from_hours(7);
    let change = |from, to, turn| Change {
        from,
        to,
        since,
        turn,
    };
    let changed = card.objectives[1].key_results.iter().take(3);
    let turned = News {
        objective: Arc::clone(&card.objectives[1]),
        changed: changed
            .map(|kr| {
                let change = change(Status::OnTrack, kr.status, Turn::Judged);
                (Arc::clone(kr), change)
            })
            .collect(),
        closed: None,
    };
    let closed = News {
        objective: Arc::clone(&card.objectives[3]),
        changed: Vec::new(),
        closed: Some(change(Status::OnTrack, Status::Closed, Turn::Closed)),
    };
    vec![turned, closed]
}

fn letters(spec: &NotifySpec, card: &Scorecard) -> Vec<Letter> {
    let now = sample::now();
    let mut letters: Vec<Letter> = news(card)
        .iter()
        .flat_map(|news| status::letters(spec, card, news, now))
        .collect();
    if !matches!(spec.way, Way::Jira { .. }) {
        let slot = (now, now - SignedDuration::from_hours(7 * 24));
        letters.extend(digest::letters(spec, card, slot, now));
    }
    letters
}

fn shown(spec: &NotifySpec, letters: &[(String, String, Message)], now: Timestamp) -> String {
    let post = post::open(spec, &jiff::tz::TimeZone::UTC);
    let mut text = String::new();
    for (key, place, message) in letters {
        let to = Address {
            key,
            place,
            thread: None,
            at: now,
        };
        let _ = writeln!(text, "--- {key}\n{}\n", post.preview(to, message));
    }
    text
}

#[test]
fn every_message_reads_as_it_did() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/messages");
    let mut unlike = Vec::new();
    for language in Language::ALL {
        let card = card(language);
        for (name, way) in ways() {
            let spec = NotifySpec {
                way,
                page: Some("https://okrd.acme.example".into()),
                ..spec()
            };
            let kept = letters(&spec, &card).into_iter();
            let mut all: Vec<_> = kept
                .map(|letter| {
                    let message = Message::of_body(&letter.body).unwrap();
                    (letter.key, letter.place, message)
                })
                .collect();
            let now = sample::now();
            let test = Message::new(Kind::Test, &card, spec.page.as_ref(), now);
            all.push(("test".into(), "#okrs".into(), test));
            let text = shown(&spec, &all, now);
            let path = format!("{folder}/{name}.{}.txt", language.as_str());
            if std::env::var_os("UPDATE_GOLDEN").is_some() {
                std::fs::create_dir_all(folder).unwrap();
                std::fs::write(&path, &text).unwrap();
            }
            if std::fs::read_to_string(&path).unwrap_or_default() != text {
                unlike.push(path);
            }
        }
    }
    assert!(unlike.is_empty(), "{unlike:#?} differ");
}

/// Of a company of any size, nothing is left out and nothing is refused for its length.
#[test]
fn a_digest_of_many_objectives_comes_in_parts_that_slack_takes() {
    let spec = spec();
    let mut card = card(Language::English);
    let objective = Arc::clone(&card.objectives[1]);
    card.objectives = std::iter::repeat_n(objective, 60).collect();
    let now = sample::now();
    let messages = digest::messages(&spec, &card, now, now);
    let told: usize = messages.iter().map(|(_, m)| m.objectives.len()).sum();
    assert_eq!(told, 60);
    assert!(messages.len() > 5, "{}", messages.len());
    for (n, (place, message)) in messages.iter().enumerate() {
        assert_eq!(message.part, Some((n + 1, messages.len())));
        let to = Address {
            key: "digest",
            place,
            thread: None,
            at: now,
        };
        let sent = post::open(&spec, &jiff::tz::TimeZone::UTC).preview(to, message);
        assert!(!sent.contains("no room here"), "{sent}");
        let sent: serde_json::Value = serde_json::from_str(&sent).unwrap();
        let subject = sent["text"].as_str().unwrap();
        let part = format!("stand ({} of {})", n + 1, messages.len());
        assert!(subject.ends_with(&part), "{subject}");
        let blocks = sent["blocks"].as_array().unwrap();
        let texts = blocks.iter().filter_map(|b| b["text"]["text"].as_str());
        let length: usize = texts.map(|text| text.chars().count()).sum();
        assert!(
            blocks.len() <= 50 && length <= 9_000,
            "{} {length}",
            blocks.len()
        );
    }
    // One mail, and one body for a program, hold it all.
    let mut ways = ways().into_iter();
    let (_, mail) = ways.find(|(name, _)| *name == "email").unwrap();
    let spec = NotifySpec { way: mail, ..spec };
    let messages = digest::messages(&spec, &card, now, now);
    assert_eq!((messages.len(), messages[0].1.part), (1, None));
}

/// What could not be made to fit says so, and is still within the limits.
#[test]
fn what_does_not_fit_is_said_to_be_left_out() {
    let spec = spec();
    let mut card = card(Language::English);
    let mut objective = card.objectives[1].as_ref().clone();
    let first = Arc::clone(&objective.key_results[0]);
    objective.key_results = std::iter::repeat_n(first, 200).collect();
    card.objectives = vec![Arc::new(objective)];
    let now = sample::now();
    let messages = digest::messages(&spec, &card, now, now);
    assert_eq!(messages.len(), 1);
    let to = Address {
        key: "digest",
        place: "",
        thread: None,
        at: now,
    };
    let sent = post::open(&spec, &jiff::tz::TimeZone::UTC).preview(to, &messages[0].1);
    let blocks: serde_json::Value = serde_json::from_str(&sent).unwrap();
    let blocks = blocks["blocks"].as_array().unwrap();
    assert!(blocks.len() <= 50 && sent.chars().count() < 13_000);
    assert!(
        sent.contains("and more, for which there is no room here"),
        "{sent}"
    );
}
