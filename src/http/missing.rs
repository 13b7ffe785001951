//! The page for an address that names a cycle, team or key result that is not there: says so in the company's language
//! and leads to what is there.

use jiff::Timestamp;
use maud::{Markup, html};

use super::page::{View, frame, tongue};
use crate::engine::board::Board;
use crate::words::{Tongue, one_line};

/// The longest name that is repeated, in characters.
const LONGEST: usize = 60;

/// What was asked for in vain.
#[derive(Clone, Copy, Debug)]
pub(super) enum Missing<'q> {
    /// A cycle of this name.
    Cycle(&'q str),
    /// A team.
    Team(&'q str),
    /// A key result.
    KeyResult(&'q str),
}

/// The page that says so.
#[must_use]
pub(super) fn page(board: &Board, missing: Missing<'_>, now: Timestamp) -> String {
    let t = tongue(board);
    let inside = html! {
        section.health {
            h2 { (said(t, missing)) }
            p { a href="./" { (t.all_objectives()) } }
        }
        @match missing {
            Missing::Cycle(_) => (cycles(t, board)),
            Missing::Team(_) => (teams(t, board)),
            Missing::KeyResult(_) => {},
        }
    };
    frame(board, now, &inside)
}

fn said(t: Tongue, missing: Missing<'_>) -> String {
    let short = |name: &str| one_line(&name.chars().take(LONGEST).collect::<String>());
    match missing {
        Missing::Cycle(name) => t.no_such_cycle(short(name)),
        Missing::Team(name) => t.no_such_team(short(name)),
        Missing::KeyResult(name) => t.no_such_key_result(short(name)),
    }
}

fn teams(t: Tongue, board: &Board) -> Markup {
    html! {
        nav.ended aria-label=(t.teams()) {
            @for (id, team) in board.scorecard.teams.iter() {
                @let view = View { team: Some(id), ..View::default() };
                a href=(view.address()) { (team.name) } " "
            }
        }
    }
}

fn cycles(t: Tongue, board: &Board) -> Markup {
    html! {
        nav.ended {
            @for cycle in board.scorecard.cycles.iter() {
                @let view = View { cycle: Some(cycle), ..View::default() };
                a href=(view.address()) { (cycle.name) ", " (t.cycle_days(cycle)) } " "
            }
        }
    }
}
