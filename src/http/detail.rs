//! The page of one key result: its chart, how it is measured, what was changed since it was agreed, what is tried and was
//! learned. Shows only what the board says, names no person and ranks nothing.

use jiff::Timestamp;
use maud::{Markup, html};

use super::api;
use super::page::{Size, badge_of, frame, initiatives, key_result, tongue};
use super::state::{Chronicle, Saying};
use crate::domain::card::KeyResultCard;
use crate::domain::cycle::Cycle;
use crate::domain::id::KeyResultRef;
use crate::domain::scorecard::ObjectiveCard;
use crate::engine::board::Board;
use crate::words::Tongue;

/// How many changes of status and words of people are told; of more the newest.
const MOST: usize = 30;

/// The key result that a page is about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subject<'b> {
    /// Its objective.
    pub(super) objective: &'b ObjectiveCard,
    /// How it stands.
    pub(super) card: &'b KeyResultCard,
    /// Its cycle.
    pub(super) cycle: &'b Cycle,
}

/// The one that is named as on every command; `None` when there is none.
#[must_use]
pub(super) fn find<'b>(board: &'b Board, name: &str, now: Timestamp) -> Option<Subject<'b>> {
    let (card, cycle) = api::find(board, &KeyResultRef::parse(name).ok()?, now)?;
    let id = card.key_result.id.objective_id();
    let mut all = board.scorecard.objectives();
    let objective = all.find(|objective| objective.objective.id == id)?;
    Some(Subject {
        objective,
        card,
        cycle,
    })
}

/// Its page; without its `past` when that cannot be read.
#[must_use]
pub(super) fn page(
    board: &Board,
    subject: Subject<'_>,
    past: Option<&Chronicle>,
    now: Timestamp,
) -> String {
    let (objective, card) = (subject.objective, subject.card);
    let t = tongue(board);
    let id = &card.key_result.id;
    let inside = html! {
        nav.ended { a href="./" { (t.all_objectives()) } }
        section.cycle {
            header { h2 { (id.cycle) } }
            section.objective {
                header { h3 { (objective.objective.title) } }
                ul.key-results { li { (key_result(board, objective, card, Size::Large, now)) } }
                (initiatives(board, &objective.objective, Some(&id.key_result), now))
            }
        }
        (turned(t, past, subject))
        (said(t, past, subject.cycle))
        (measured(t, board, card, now))
        (changed(t, card))
    };
    frame(board, now, &inside)
}

/// Each change of its status with the reason that was told then, the newest first.
fn turned(t: Tongue, past: Option<&Chronicle>, subject: Subject<'_>) -> Markup {
    html! {
        section.health {
            h2 { (t.how_its_status_changed()) }
            @match past {
                None => { p { (t.past_unread()) } },
                Some(past) if past.turns.is_empty() => { p { (t.nothing_measured_yet()) } },
                Some(past) => {
                    ul {
                        @for card in past.turns.iter().rev().take(MOST) {
                            li {
                                (day(t, card.status_since, subject.cycle)) " "
                                (badge_of(card.status, t.status(card.status))) " "
                                span.reason { (t.reason(card)) }
                            }
                        }
                        (earlier(t, past.turns.len()))
                    }
                },
            }
        }
    }
}

/// What people said of it, the newest first.
fn said(t: Tongue, past: Option<&Chronicle>, cycle: &Cycle) -> Markup {
    let all = past.map(|past| past.said.as_slice()).unwrap_or_default();
    if all.is_empty() {
        return html! {};
    }
    html! {
        section.health {
            h2 { (t.what_was_said()) }
            ul {
                @for Saying { said, is_note } in all.iter().rev().take(MOST) {
                    @let day = t.date(said.at.to_zoned(cycle.zone.clone()).date());
                    li { (t.word(day, said.confidence, said.note.as_deref(), *is_note)) }
                }
                (earlier(t, all.len()))
            }
        }
    }
}

fn earlier(t: Tongue, of: usize) -> Markup {
    html! { @if of > MOST { li { (t.so_many_earlier(of - MOST)) } } }
}

/// The day of an instant, the exact time on pointing at it.
fn day(t: Tongue, at: Timestamp, cycle: &Cycle) -> Markup {
    let local = at.to_zoned(cycle.zone.clone());
    html! { time datetime=(at) title=(local.strftime("%H:%M %Z")) { (t.date(local.date())) } }
}

/// The definition of the number, as far as it is in the files: no secret is in it.
fn measured(t: Tongue, board: &Board, card: &KeyResultCard, now: Timestamp) -> Markup {
    let key_result = &card.key_result;
    let asked = board.config.asked.get(&key_result.id);
    let asked = asked.and_then(|asked| serde_json::from_str::<serde_json::Value>(asked).ok());
    let seconds = key_result.stale_after.as_secs();
    html! {
        section.health {
            h2 { (t.how_it_is_measured()) }
            ul {
                li { (t.measured_by(key_result.feed.source())) }
                @if card.believed_until.is_some() { li { (t.counts_for(t.span(seconds))) } }
                li { (t.stands_so_since(t.status(card.status), t.ago(card.status_since, now))) }
                @if let Some(asked) = asked { li { pre { code { (format!("{asked:#}")) } } } }
            }
        }
    }
}

/// Amendments and rebases, in the order of the files.
fn changed(t: Tongue, card: &KeyResultCard) -> Markup {
    let key_result = &card.key_result;
    html! {
        section.health {
            h2 { (t.what_was_changed()) }
            @if key_result.amendments.is_empty() && key_result.rebases.is_empty() {
                p { (t.nothing_was_changed()) }
            }
            ul {
                @for amendment in &key_result.amendments {
                    @let (field, from, to) = t.amended(&amendment.change);
                    @let amended = t.amended_on(field, from, to, t.date(amendment.date));
                    li { (t.amended_why(amended, &amendment.reason, &amendment.approved_by)) }
                }
                @for rebase in &key_result.rebases {
                    li { (t.rebased_on(t.date(rebase.date), t.number(rebase.old), t.number(rebase.new), &rebase.reason)) }
                }
            }
        }
    }
}
