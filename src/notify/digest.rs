//! The digest: how everything stands, for the company and for each team, one for each place. What is over or not begun
//! is left out. Files' order throughout: nothing is ranked.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::message::{InitiativeNote, KeyResultNote, Kind, Message, ObjectiveNote};
use super::status;
use crate::config::notify::NotifySpec;
use crate::domain::id::Slug;
use crate::domain::scorecard::{ObjectiveCard, Scorecard};
use crate::domain::status::Status;
use crate::store::Letter;

/// As many objectives stand in one message; of more there are several.
const MOST: usize = 15;

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
        let of = objectives.len().div_ceil(MOST);
        let team = only_team(&objectives);
        let parts: Vec<_> = objectives
            .chunks(MOST)
            .enumerate()
            .map(|(n, objectives)| {
                let mut message = Message::new(Kind::Digest, card, spec.page.as_ref(), now);
                message.since = Some(since);
                message.part = (of > 1).then_some((n + 1, of));
                message.team = team
                    .and_then(|team| card.teams.get(team))
                    .map(|team| team.name.clone());
                message.objectives = objectives.iter().map(|o| note(card, o, since)).collect();
                (place.clone(), message)
            })
            .collect();
        parts
    });
    each.collect()
}

/// The team, if all are of one.
fn only_team<'a>(objectives: &[&'a ObjectiveCard]) -> Option<&'a Slug> {
    let first = objectives.first()?.objective.team.as_ref()?;
    let alike = |o: &&ObjectiveCard| o.objective.team.as_ref() == Some(first);
    objectives.iter().all(alike).then_some(first)
}

fn note(card: &Scorecard, objective: &ObjectiveCard, since: Timestamp) -> ObjectiveNote {
    let team = objective.objective.team.as_ref();
    let mut note = ObjectiveNote::of(objective, team.and_then(|team| card.teams.get(team)));
    let key_results = objective.key_results.iter();
    note.key_results = key_results
        .map(|kr| KeyResultNote {
            is_new: kr.status_since >= since,
            ..KeyResultNote::of(kr)
        })
        .collect();
    let initiatives = objective.objective.initiatives.iter();
    note.initiatives = initiatives.filter_map(InitiativeNote::of).collect();
    note
}
