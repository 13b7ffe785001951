//! Messages about changes of status: from news to letters, one for each objective and place. Decides no news.

use std::fmt::Write as _;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::jira::{COMMENT, LINK};
use super::message::{KeyResultNote, Kind, Message, ObjectiveNote};
use crate::config::notify::{NotifySpec, Way};
use crate::domain::id::Slug;
use crate::domain::news::News;
use crate::domain::scorecard::Scorecard;
use crate::store::Letter;

/// Where what is of this team, or of the company, is told: one place, but of e-mail each receiver.
#[must_use]
pub fn places(spec: &NotifySpec, card: &Scorecard, team: Option<&Slug>) -> Vec<String> {
    match &spec.way {
        Way::SlackBot { channel, .. } => {
            let team = team.and_then(|team| card.teams.get(team));
            let own = team.and_then(|team| team.slack.as_ref());
            vec![own.map_or(channel, |own| own).trim().to_owned()]
        }
        Way::Email(email) => email.to.clone(),
        Way::SlackWebhook(_) | Way::Webhook { .. } | Way::Jira { .. } => vec![String::new()],
    }
}

/// The letters that tell one piece of news.
#[must_use]
pub fn letters(spec: &NotifySpec, card: &Scorecard, news: &News, now: Timestamp) -> Vec<Letter> {
    let message = message(spec, card, news, now);
    let key = key(&message, news);
    if let Way::Jira { link, comment, .. } = &spec.way {
        let forms = [(*link, LINK), (*comment, COMMENT)];
        let forms = forms.into_iter().filter(|(on, _)| *on);
        let forms: Vec<&str> = forms.map(|(_, form)| form).collect();
        return to_issues(&message, &key, news, &forms, now);
    }
    let team = news.objective.objective.team.as_ref();
    let each = places(spec, card, team).into_iter().map(|place| {
        let key = match place.as_str() {
            "" => key.clone(),
            place => format!("{key}/{place}"),
        };
        letter(&message, news, key, place, now)
    });
    each.collect()
}

fn message(spec: &NotifySpec, card: &Scorecard, news: &News, now: Timestamp) -> Message {
    let team = news.objective.objective.team.as_ref();
    let mut note = ObjectiveNote::of(&news.objective, team.and_then(|team| card.teams.get(team)));
    let (kind, key_results) = if news.closed.is_some() {
        let all = news.objective.key_results.iter();
        (Kind::Closed, all.map(|kr| KeyResultNote::of(kr)).collect())
    } else {
        let changed = news.changed.iter().map(|(kr, change)| KeyResultNote {
            was: Some(change.from),
            ..KeyResultNote::of(kr)
        });
        (Kind::Status, changed.collect())
    };
    note.key_results = key_results;
    Message {
        objectives: vec![note],
        ..Message::new(kind, card, spec.page.as_ref(), now)
    }
}

fn letter(message: &Message, news: &News, key: String, place: String, now: Timestamp) -> Letter {
    Letter {
        key,
        place,
        thread: Some(news.objective.objective.id.full()),
        body: message.body(),
        made: now,
        due: now,
        tries: 0,
    }
}

/// To the issue of each initiative that is meant to move a key result that is told of.
fn to_issues(
    message: &Message,
    key: &str,
    news: &News,
    forms: &[&str],
    now: Timestamp,
) -> Vec<Letter> {
    let mut letters = Vec::new();
    for initiative in &news.objective.objective.initiatives {
        let Some(issue) = &initiative.jira else {
            continue;
        };
        for objective in &message.objectives {
            let moved = |note: &&KeyResultNote| {
                let name = note.id.rsplit('/').next();
                let mut meant = initiative.key_results.iter();
                meant.any(|key_result| name == Some(key_result.as_str()))
            };
            for note in objective.key_results.iter().filter(moved) {
                let one = Message {
                    objectives: vec![ObjectiveNote {
                        key_results: vec![note.clone()],
                        ..objective.clone()
                    }],
                    ..message.clone()
                };
                letters.extend(forms.iter().map(|form| {
                    let key = format!("{form}/{issue}/{}/{key}", note.id);
                    letter(&one, news, key, issue.clone(), now)
                }));
            }
        }
    }
    letters
}

/// What tells these changes from all others: which key results, from what to what, since when.
fn key(message: &Message, news: &News) -> String {
    let mut all = String::new();
    for (kr, change) in &news.changed {
        let (from, to, since) = (change.from, change.to, change.since.as_millisecond());
        let _ = writeln!(all, "{} {from} {to} {since}", kr.key_result.id.key_result);
    }
    if let Some(closed) = news.closed {
        let _ = writeln!(all, "{}", closed.from);
    }
    let (kind, uid) = (message.kind.as_str(), news.objective.objective.id.full());
    format!("{kind}/{uid}/{:.16x}", Sha256::digest(all))
}
