//! Messages about changes of status: from news to letters, one for each objective and place. Decides no news.

use std::fmt::Write as _;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

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
    match &spec.way {
        Way::Jira { link, comment, .. } => {
            let forms = [(*link, "link"), (*comment, "comment")];
            let forms: Vec<&str> = forms
                .iter()
                .filter(|(on, _)| *on)
                .map(|(_, f)| *f)
                .collect();
            to_issues(spec, card, news, &forms, now)
        }
        _ => {
            let letter = letter(card, news, spec, now);
            let team = news.objective.objective.team.as_ref();
            let each = places(spec, card, team).into_iter().map(|place| Letter {
                key: match place.as_str() {
                    "" => letter.key.clone(),
                    place => format!("{}/{place}", letter.key),
                },
                place,
                ..letter.clone()
            });
            each.collect()
        }
    }
}

fn letter(card: &Scorecard, news: &News, spec: &NotifySpec, now: Timestamp) -> Letter {
    let objective = &news.objective.objective;
    let team = objective.team.as_ref();
    let kind = match news.closed {
        Some(_) => Kind::Closed,
        None => Kind::Status,
    };
    let mut message = Message::new(kind, card, spec.page.as_ref(), now);
    let mut note = ObjectiveNote::of(&news.objective, team.and_then(|team| card.teams.get(team)));
    note.key_results = match news.closed {
        Some(_) => news
            .objective
            .key_results
            .iter()
            .map(|kr| KeyResultNote::of(kr))
            .collect(),
        None => {
            let changed = news.changed.iter();
            changed
                .map(|(kr, change)| KeyResultNote {
                    was: Some(change.from),
                    ..KeyResultNote::of(kr)
                })
                .collect()
        }
    };
    let uid = note.id.clone();
    message.objectives.push(note);
    Letter {
        key: format!("{}/{uid}/{}", word(kind), tell_apart(news)),
        place: String::new(),
        thread: Some(uid),
        body: message.body(),
        made: now,
        due: now,
        tries: 0,
    }
}

/// To the issue of each initiative that is meant to move a key result that changed.
fn to_issues(
    spec: &NotifySpec,
    card: &Scorecard,
    news: &News,
    forms: &[&str],
    now: Timestamp,
) -> Vec<Letter> {
    let whole = letter(card, news, spec, now);
    let Some(message) = Message::of_body(&whole.body) else {
        return Vec::new();
    };
    let mut letters = Vec::new();
    for initiative in &news.objective.objective.initiatives {
        let Some(issue) = &initiative.jira else {
            continue;
        };
        for (objective, note) in each_key_result(&message) {
            let moved = initiative.key_results.iter();
            let mut moved = moved.filter(|kr| note.id.rsplit('/').next() == Some(kr.as_str()));
            if moved.next().is_none() {
                continue;
            }
            let mut one = message.clone();
            one.objectives = vec![ObjectiveNote {
                key_results: vec![note.clone()],
                ..objective.clone()
            }];
            letters.extend(forms.iter().map(|form| Letter {
                key: format!("{form}/{issue}/{}/{}", note.id, whole.key),
                place: issue.clone(),
                body: one.body(),
                ..whole.clone()
            }));
        }
    }
    letters
}

fn each_key_result(message: &Message) -> impl Iterator<Item = (&ObjectiveNote, &KeyResultNote)> {
    let objectives = message.objectives.iter();
    objectives.flat_map(|o| o.key_results.iter().map(move |kr| (o, kr)))
}

fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Status => "status",
        Kind::Closed => "closed",
        Kind::Digest => "digest",
        Kind::Test => "test",
    }
}

/// What tells these changes from all others: which key results, from what to what, since when.
fn tell_apart(news: &News) -> String {
    let mut all = String::new();
    for (kr, change) in &news.changed {
        let (from, to, since) = (change.from, change.to, change.since.as_millisecond());
        let _ = writeln!(all, "{} {from} {to} {since}", kr.key_result.id.key_result);
    }
    if let Some(closed) = news.closed {
        let _ = writeln!(all, "{}", closed.from);
    }
    let digest = Sha256::digest(all.as_bytes());
    digest
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
