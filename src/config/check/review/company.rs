//! Lints of all objectives together: how many there are at a time, whether teams serve the company, whether anybody
//! works for what the company aims at, and days that no cycle holds.

use std::collections::{BTreeMap, BTreeSet};

use jiff::ToSpan;

use super::Review;
use crate::config::check::goals::Draft;
use crate::config::check::table::At;
use crate::config::finding::{Code, Finding, Rests};
use crate::domain::cycle::Cycle;
use crate::domain::id::{CycleName, Slug};

/// The most objectives of the company in one cycle.
const MOST_OF_COMPANY: usize = 5;
/// The most objectives of a team in one cycle.
const MOST_OF_TEAM: usize = 3;

/// The lints of the whole configuration.
pub(super) fn company(review: &Review<'_, '_>, out: &mut Vec<Finding>) {
    counts(review.drafts, out);
    links(review.drafts, out);
    gaps(review, out);
}

fn counts(drafts: &[Draft<'_>], out: &mut Vec<Finding>) {
    let mut all: BTreeMap<(&CycleName, Option<&Slug>), Vec<&Draft<'_>>> = BTreeMap::new();
    for draft in drafts {
        let objective = &draft.objective;
        let of = (&objective.id.cycle, objective.team.as_ref());
        all.entry(of).or_default().push(draft);
    }
    for ((cycle, team), drafts) in all {
        let (who, most) = match team {
            Some(team) => (format!("team {team}"), MOST_OF_TEAM),
            None => ("the company".to_owned(), MOST_OF_COMPANY),
        };
        if let Some(first) = drafts.get(most) {
            let message = format!(
                "{who} has {} objectives in cycle {cycle}, expected at most {most}",
                drafts.len()
            );
            let finding = first.name.finding(Code::ObjCount, message);
            out.push(
                finding
                    .label("one too many")
                    .help("keep those that matter most now; the others wait for the next cycle"),
            );
        }
    }
}

/// Teams' objectives without a parent, and the company's without a child.
fn links(drafts: &[Draft<'_>], out: &mut Vec<Finding>) {
    let of_company = |draft: &&Draft<'_>| draft.objective.team.is_none();
    let cycle = |draft: &Draft<'_>| draft.objective.id.cycle.clone();
    let aimed: BTreeSet<CycleName> = drafts.iter().filter(of_company).map(cycle).collect();
    let teams: BTreeSet<CycleName> = drafts
        .iter()
        .filter(|d| !of_company(d))
        .map(cycle)
        .collect();
    let served: BTreeSet<(&CycleName, &Slug)> = drafts
        .iter()
        .filter_map(|d| {
            Some((
                &d.objective.id.cycle,
                &d.objective.parent.as_ref()?.objective,
            ))
        })
        .collect();
    for draft in drafts {
        let id = &draft.objective.id;
        let start = draft.table.span().start;
        if draft.objective.team.is_some() {
            // Where the company aims in cycles of another kind only, there is nothing to name.
            let possible = aimed.is_empty() || aimed.contains(&id.cycle);
            if possible && !draft.table.has("parent") {
                let message = "the team's objective serves none of the company's";
                let finding = draft.name.finding(Code::AlnOrphan, message);
                out.push(
                    finding
                        .rests_on(Rests::Table(start))
                        .label("no `parent`")
                        .help("name the objective that it serves as `parent`; what the company aims for stands in a file without `team`"),
                );
            }
            continue;
        }
        let alone = !served.contains(&(&id.cycle, &id.objective));
        // Without teams the company works on its own aims.
        if alone && teams.contains(&id.cycle) && draft.objective.initiatives.is_empty() {
            let message = "no team's objective serves this one, and it has no initiative";
            let finding = draft.name.finding(Code::AlnEmpty, message);
            out.push(
                finding
                    .rests_on(Rests::AllFiles)
                    .label("nobody works for it")
                    .help(
                        "let a team's objective name it as `parent`, add an initiative, or drop it",
                    ),
            );
        }
    }
}

/// Days between cycles that no cycle holds.
fn gaps(review: &Review<'_, '_>, out: &mut Vec<Finding>) {
    let mut cycles: Vec<&Cycle> = review.cycles.values().collect();
    cycles.sort_by_key(|cycle| (cycle.first_day, cycle.last_day));
    let mut before: Option<&Cycle> = None;
    for cycle in cycles {
        if let Some(before) = before
            && let (Ok(from), Ok(to)) = (
                before.last_day.checked_add(1.day()),
                cycle.first_day.checked_sub(1.day()),
            )
            && from <= to
        {
            out.extend(gap(review, before, cycle, &format!("from {from} to {to}")));
        }
        if before.is_none_or(|before| before.last_day < cycle.last_day) {
            before = Some(cycle);
        }
    }
}

fn gap(review: &Review<'_, '_>, before: &Cycle, after: &Cycle, days: &str) -> Option<Finding> {
    let at = declared(review, after)?;
    let message = format!("no cycle holds the days {days}");
    let finding = at
        .finding(Code::CycGap, message)
        .label("begins later")
        .rests_on(Rests::AllFiles);
    let finding = match declared(review, before) {
        Some(other) => finding.also(other.file, &other.span, "ends before"),
        None => finding,
    };
    Some(finding.help("let the next cycle begin on the day after the last one of this, or declare one between them"))
}

fn declared<'a>(review: &Review<'a, '_>, cycle: &Cycle) -> Option<At<'a, &'a str>> {
    let mut all = review.roots.iter().flat_map(|root| root.tables("cycles"));
    all.find(|(at, _)| at.value == cycle.name.as_str())
        .map(|(at, _)| at)
}
