//! The digest: how everything stands, for the company and for each team, one for each place. What is over or not begun
//! is left out. Files' order throughout: nothing is ranked.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::message::{InitiativeNote, KeyResultNote, Kind, Message, ObjectiveNote};
use super::paper::{Part, paper};
use super::{slack, status};
use crate::config::notify::{NotifySpec, Way};
use crate::domain::id::Slug;
use crate::domain::scorecard::{ObjectiveCard, Scorecard};
use crate::domain::status::Status;
use crate::store::Letter;
use crate::words::Tongue;

/// The letters of the digest of the slot, made at `now`; `since` is the slot before.
#[must_use]
pub fn letters(
    spec: &NotifySpec,
    card: &Scorecard,
    (slot, since): (Timestamp, Timestamp),
    now: Timestamp,
) -> Vec<Letter> {
    let messages = messages(spec, card, since, now);
    let letters = messages.into_iter().map(|(place, message)| {
        let part = message.part.map_or(1, |(part, _)| part);
        Letter {
            key: format!("digest/{slot}/{place}/{part}"),
            place,
            thread: None,
            body: message.body(),
            made: now,
            due: now,
            tries: 0,
        }
    });
    letters.collect()
}

/// The messages by place.
#[must_use]
pub fn messages(
    spec: &NotifySpec,
    card: &Scorecard,
    since: Timestamp,
    now: Timestamp,
) -> Vec<(String, Message)> {
    let mut places: BTreeMap<String, Vec<&ObjectiveCard>> = BTreeMap::new();
    let running = card
        .objectives()
        .filter(|o| !matches!(o.status, Status::Pending | Status::Closed));
    for objective in running.filter(|o| spec.tells_of(o.objective.team.as_ref())) {
        for place in status::places(spec, card, objective.objective.team.as_ref()) {
            places.entry(place).or_default().push(objective);
        }
    }
    let each = places.into_iter().flat_map(|(place, mut objectives)| {
        // The company's come first, then team by team, each in the order of the files.
        objectives.sort_by_key(|o| o.objective.team.clone());
        let team = only_team(&objectives).and_then(|team| card.teams.get(team));
        let whole = Message {
            since: Some(since),
            team: team.map(|team| team.name.clone()),
            objectives: objectives.iter().map(|o| note(card, o, since)).collect(),
            ..Message::new(Kind::Digest, card, spec.page.as_ref(), now)
        };
        let parts = split(whole, room(&spec.way));
        parts.into_iter().map(move |part| (place.clone(), part))
    });
    each.collect()
}

/// How much stands in one message.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    /// Objectives at most.
    pub objectives: usize,
    /// Characters of theirs at most.
    pub characters: usize,
}

/// `None` where a message may be as long as it gets.
fn room(way: &Way) -> Option<Room> {
    match way {
        Way::SlackWebhook(_) | Way::SlackBot { .. } => Some(slack::ROOM),
        Way::Webhook { .. } | Way::Email(_) | Way::Jira { .. } => None,
    }
}

/// The message in as many as it takes so that each has room for its objectives; one that has none by itself stands alone.
fn split(whole: Message, room: Option<Room>) -> Vec<Message> {
    let Some(room) = room else {
        return vec![whole];
    };
    let lengths = paper(&whole, &TimeZone::UTC).parts;
    let lengths = lengths.iter().map(Part::length);
    let mut parts: Vec<Vec<ObjectiveNote>> = Vec::new();
    let mut left = 0;
    for (note, length) in whole.objectives.iter().zip(lengths) {
        match parts.last_mut() {
            Some(part) if length <= left && part.len() < room.objectives => {
                part.push(note.clone());
                left -= length;
            }
            _ => {
                parts.push(vec![note.clone()]);
                left = room.characters.saturating_sub(length);
            }
        }
    }
    let all = parts.len();
    let numbered = parts
        .into_iter()
        .enumerate()
        .map(|(n, objectives)| Message {
            part: (all > 1).then_some((n + 1, all)),
            objectives,
            ..whole.clone()
        });
    numbered.collect()
}

/// The team, if all are of one.
fn only_team<'a>(objectives: &[&'a ObjectiveCard]) -> Option<&'a Slug> {
    let first = objectives.first()?.objective.team.as_ref()?;
    let alike = |o: &&ObjectiveCard| o.objective.team.as_ref() == Some(first);
    objectives.iter().all(alike).then_some(first)
}

fn note(card: &Scorecard, objective: &ObjectiveCard, since: Timestamp) -> ObjectiveNote {
    let t = Tongue::of(card.company.language);
    let team = objective.objective.team.as_ref();
    let mut note = ObjectiveNote::of(objective, team.and_then(|team| card.teams.get(team)), t);
    let key_results = objective.key_results.iter();
    note.key_results = key_results
        .map(|kr| KeyResultNote {
            is_new: kr.status_since >= since,
            ..KeyResultNote::of(kr, t)
        })
        .collect();
    let initiatives = objective.objective.initiatives.iter();
    note.initiatives = initiatives.filter_map(InitiativeNote::of).collect();
    note
}
