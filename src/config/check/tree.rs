//! What objectives say of each other: ids are unique in their cycle, parents exist in the same cycle, nothing leads
//! in a circle and the company serves no team.

use std::collections::{BTreeMap, BTreeSet};

use super::daemon::twice;
use super::goals::Draft;
use super::suggest::did_you_mean;
use crate::config::finding::{Code, Finding, Rests, quoted};
use crate::domain::id::{CycleName, Slug};

type ById<'d, 'a> = BTreeMap<(&'d CycleName, &'d Slug), &'d Draft<'a>>;

/// Checks the tree of all objectives.
pub(super) fn tree(drafts: &[Draft<'_>], out: &mut Vec<Finding>) {
    let mut by_id: ById<'_, '_> = BTreeMap::new();
    for draft in drafts {
        let id = (&draft.objective.id.cycle, &draft.objective.id.objective);
        if let Some(first) = by_id.get(&id) {
            let what = format!(
                "objective {} of cycle {}",
                quoted(draft.name.value),
                draft.objective.id.cycle
            );
            out.push(twice(&draft.name, &first.name, &what));
        } else {
            by_id.insert(id, draft);
        }
    }
    for draft in drafts {
        if out.len() >= super::MOST_FINDINGS {
            return;
        }
        parent(draft, &by_id, drafts, out);
    }
    circles(drafts, &by_id, out);
}

fn parent(draft: &Draft<'_>, by_id: &ById<'_, '_>, drafts: &[Draft<'_>], out: &mut Vec<Finding>) {
    let (Some(at), Some(link)) = (&draft.parent, &draft.objective.parent) else {
        return;
    };
    let cycle = &draft.objective.id.cycle;
    let Some(parent) = by_id.get(&(cycle, &link.objective)) else {
        let elsewhere = drafts
            .iter()
            .find(|d| d.objective.id.objective == link.objective);
        let same_cycle = drafts
            .iter()
            .filter(|d| d.objective.id.cycle == *cycle)
            .map(|d| d.name.value);
        let help = match elsewhere {
            Some(other) => format!(
                "it belongs to cycle {}: a parent stands in the same cycle",
                other.objective.id.cycle
            ),
            None => did_you_mean(at.value, same_cycle, "objectives of the cycle"),
        };
        let message = format!(
            "no objective of cycle {cycle} is called {}",
            quoted(at.value)
        );
        return out.push(
            at.finding(Code::AlnCycle, message)
                .label("unknown parent")
                .rests_on(Rests::AllFiles)
                .help(help),
        );
    };
    if draft.objective.team.is_none()
        && let Some(team) = &parent.objective.team
    {
        let message = format!("an objective of the company serves an objective of team {team}");
        let finding = at
            .finding(Code::AlnLevel, message)
            .label("the parent belongs to a team");
        out.push(
            finding
                .also(parent.name.file, &parent.name.span, "the parent")
                .help("let the team's objective serve the company's, not the other way round"),
        );
    }
}

/// Finds each circle once, at the first of its objectives.
fn circles(drafts: &[Draft<'_>], by_id: &ById<'_, '_>, out: &mut Vec<Finding>) {
    let mut finished: BTreeSet<(&CycleName, &Slug)> = BTreeSet::new();
    for draft in drafts {
        let cycle = &draft.objective.id.cycle;
        let mut way: Vec<&Slug> = Vec::new();
        let mut on_way: BTreeMap<&Slug, usize> = BTreeMap::new();
        let mut next = Some(&draft.objective.id.objective);
        while let Some(id) = next.filter(|id| !finished.contains(&(cycle, *id))) {
            if let Some(start) = on_way.get(id) {
                circle(
                    by_id.get(&(cycle, id)).copied(),
                    way.get(*start..).unwrap_or_default(),
                    out,
                );
                break;
            }
            on_way.insert(id, way.len());
            way.push(id);
            let here = by_id
                .get(&(cycle, id))
                .and_then(|d| d.objective.parent.as_ref());
            next = here.map(|parent| &parent.objective);
        }
        finished.extend(way.iter().map(|id| (cycle, *id)));
    }
}

fn circle(first: Option<&Draft<'_>>, ids: &[&Slug], out: &mut Vec<Finding>) {
    const MOST: usize = 10;
    let Some((draft, at)) = first.and_then(|draft| Some((draft, draft.parent.as_ref()?))) else {
        return;
    };
    let mut names: Vec<&str> = ids.iter().take(MOST).map(|id| id.as_str()).collect();
    if ids.len() > MOST {
        names.push("…");
    }
    names.push(draft.name.value);
    let message = format!("the parents lead in a circle: {}", names.join(" → "));
    let finding = at.finding(Code::AlnCycle, message).label("leads back here");
    out.push(finding.help("remove one of these parents, usually that of the widest objective"));
}
