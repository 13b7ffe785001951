//! Whether a team, or the company, has objectives in two cycles of one kind that share days: what is done on those days
//! would be scored twice. A year beside its quarters is usual and no fault.

use std::collections::{BTreeMap, BTreeSet};

use super::goals::Draft;
use super::table::{At, Table};
use crate::config::finding::{Code, Finding, Rests};
use crate::domain::cycle::Cycle;
use crate::domain::id::{CycleName, Slug};

/// Checks each pair of cycles once; the finding stands at the later one.
pub(super) fn overlap(
    roots: &[Table<'_>],
    cycles: &BTreeMap<CycleName, Cycle>,
    drafts: &[Draft<'_>],
    out: &mut Vec<Finding>,
) {
    let mut busy: BTreeMap<&CycleName, BTreeSet<Option<&Slug>>> = BTreeMap::new();
    for draft in drafts {
        let id = &draft.objective.id;
        let teams = busy.entry(&id.cycle).or_default();
        teams.insert(draft.objective.team.as_ref());
    }
    let mut in_use: Vec<(&Cycle, &BTreeSet<Option<&Slug>>)> = busy
        .iter()
        .filter_map(|(name, teams)| Some((cycles.get(name)?, teams)))
        .collect();
    in_use.sort_by_key(|(cycle, _)| cycle.start());
    for (nth, (first, teams)) in in_use.iter().enumerate() {
        for (second, others) in in_use.iter().skip(nth + 1) {
            // All that follow begin later still.
            if second.first_day > first.last_day || out.len() >= super::MOST_FINDINGS {
                break;
            }
            let both: Vec<_> = teams.intersection(others).copied().collect();
            if first.length() == second.length() && !both.is_empty() {
                out.extend(finding(roots, first, second, &both));
            }
        }
    }
}

fn finding(
    roots: &[Table<'_>],
    first: &Cycle,
    second: &Cycle,
    teams: &[Option<&Slug>],
) -> Option<Finding> {
    const MOST: usize = 5;
    let at = declared(roots, &second.name)?;
    let mut who: Vec<String> = teams
        .iter()
        .take(MOST)
        .map(|team| team.map_or_else(|| "the company".to_owned(), |id| format!("team {id}")))
        .collect();
    if teams.len() > MOST {
        who.push("…".to_owned());
    }
    let (from, to) = (second.first_day, second.last_day.min(first.last_day));
    let shared = if from == to {
        from.to_string()
    } else {
        format!("the days from {from} to {to}")
    };
    let message = format!(
        "objectives of {} stand in both {} and {}, which share {shared}: expected one {} at a time",
        who.join(", "),
        first.name,
        second.name,
        first.length().as_str(),
    );
    let finding = at
        .finding(Code::CycOverlap, message)
        .label("begins before the other ends")
        .rests_on(Rests::AllFiles);
    let finding = match declared(roots, &first.name) {
        Some(other) => finding.also(other.file, &other.span, "the other cycle"),
        None => finding,
    };
    Some(
        finding.help(
            "let one cycle end before the next begins, or move the objectives to one of them",
        ),
    )
}

/// Where a cycle is declared.
fn declared<'a>(roots: &[Table<'a>], name: &CycleName) -> Option<At<'a, &'a str>> {
    let mut all = roots.iter().flat_map(|root| root.tables("cycles"));
    all.find(|(at, _)| at.value == name.as_str())
        .map(|(at, _)| at)
}
