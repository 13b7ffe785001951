//! The page of one key result: its chart, how it is measured, what was changed since it was agreed, what is tried and was
//! learned. Shows only what the board says, names no person and ranks nothing.

use jiff::Timestamp;
use maud::{Markup, html};

use super::api;
use super::page::{Size, frame, initiatives, key_result, tongue};
use crate::domain::card::KeyResultCard;
use crate::domain::id::KeyResultRef;
use crate::domain::scorecard::ObjectiveCard;
use crate::engine::board::Board;
use crate::words::Tongue;

/// The page of the key result that is named as on every command; `None` when there is none.
#[must_use]
pub(super) fn page(board: &Board, name: &str, now: Timestamp) -> Option<String> {
    let (objective, card) = find(board, name, now)?;
    let t = tongue(board);
    let id = &card.key_result.id;
    let inside = html! {
        nav.ended { a href="./" { (t.all_objectives()) } }
        section.cycle {
            header { h2 { (id.cycle) } }
            section.objective {
                header { h3 { (objective.objective.title) } }
                ul.key-results { li { (key_result(board, objective, card, Size::Large, now)) } }
                (initiatives(t, &objective.objective, Some(&id.key_result)))
            }
        }
        (measured(t, board, card, now))
        (changed(t, card))
    };
    Some(frame(board, now, &inside))
}

fn find<'b>(
    board: &'b Board,
    name: &str,
    now: Timestamp,
) -> Option<(&'b ObjectiveCard, &'b KeyResultCard)> {
    let (card, _) = api::find(board, &KeyResultRef::parse(name).ok()?, now)?;
    let id = card.key_result.id.objective_id();
    let mut all = board.scorecard.objectives();
    Some((all.find(|objective| objective.objective.id == id)?, card))
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
