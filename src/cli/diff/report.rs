//! What a diff has to tell, whatever the format: changes grouped by what they are about, the verdict, who must approve, the
//! effect on today's figures, findings that are new. Formats choose words and lines and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::diff::{Change, Class, Diff, OnRecord, Subject};
use crate::config::finding::{Finding, Severity};
use crate::config::spec::Config;
use crate::domain::effect::{Effects, Figures};
use crate::domain::goals::Goals;
use crate::domain::id::{KeyResultId, ObjectiveId, Slug};
use crate::domain::number::show;

/// Both configurations.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sides<'c> {
    /// Before.
    pub old: &'c Config,
    /// After.
    pub new: &'c Config,
}

/// What surrounds the changes.
#[derive(Debug)]
pub(super) struct Circumstances {
    /// What it was compared with.
    pub base: String,
    /// What of the base could not be compared, a line each.
    pub unread: Vec<String>,
    /// Where current values come from, or why there are none.
    pub values: String,
    /// Findings of the check that the base has not.
    pub findings: Vec<Finding>,
}

/// Everything that is told.
#[derive(Debug)]
pub(super) struct Report<'d> {
    /// What surrounds the changes.
    pub about: Circumstances,
    /// Changes, grouped by what they are about, in the order of subjects.
    pub groups: Vec<Group<'d>>,
    /// How many changes there are of each class that has any.
    pub counts: Vec<(Class, usize)>,
    /// Changes that need an act before it may be merged.
    pub acts: usize,
    /// The effect on today's figures; `None` without values.
    pub effects: Option<Effects>,
    /// Who must approve, and why.
    pub owners: Vec<(String, BTreeSet<&'static str>)>,
    units: BTreeMap<String, String>,
}

/// The changes of one subject.
#[derive(Debug)]
pub(super) struct Group<'d> {
    /// What it is about.
    pub subject: &'d Subject,
    /// Its title of now, or of before where it is gone; empty where it has none.
    pub title: String,
    /// What changed, what matters most first.
    pub changes: Vec<&'d Change>,
}

impl<'d> Report<'d> {
    /// Puts it together.
    pub(super) fn new(
        sides: Sides<'_>,
        diff: &'d Diff,
        effects: Option<Effects>,
        about: Circumstances,
    ) -> Self {
        let mut groups: Vec<Group<'d>> = Vec::new();
        for change in &diff.changes {
            match groups.last_mut() {
                Some(group) if *group.subject == change.subject => group.changes.push(change),
                _ => groups.push(Group {
                    subject: &change.subject,
                    title: title(sides, &change.subject),
                    changes: vec![change],
                }),
            }
        }
        let counts = Class::ALL.into_iter().filter_map(|class| {
            let many = diff.changes.iter().filter(|c| c.class == class).count();
            (many > 0).then_some((class, many))
        });
        let units = sides.new.goals.key_results();
        Self {
            counts: counts.collect(),
            acts: diff.changes.iter().filter(|c| c.needs_an_act()).count(),
            owners: owners(sides, diff),
            units: units
                .map(|(_, kr)| (kr.id.full(), kr.unit.clone()))
                .collect(),
            about,
            groups,
            effects,
        }
    }

    /// The first line: whether it may be merged.
    pub(super) fn verdict(&self) -> String {
        let acts = match self.acts {
            0 => {
                return match self.groups.is_empty() {
                    true => "Nothing changed that means anything.".to_owned(),
                    false => "Nothing here needs an act.".to_owned(),
                };
            }
            1 => "1 change needs an act".to_owned(),
            many => format!("{many} changes need an act"),
        };
        format!("{acts} before this is merged.")
    }

    /// `2 goalpost, 1 cosmetic`.
    pub(super) fn summary(&self) -> String {
        let each = self.counts.iter();
        let each = each.map(|(class, many)| format!("{many} {}", class.as_str()));
        each.collect::<Vec<_>>().join(", ")
    }

    /// The unit of a key result; empty when it has none.
    pub(super) fn unit(&self, id: &KeyResultId) -> &str {
        self.units.get(&id.full()).map_or("", String::as_str)
    }
}

/// `target: 1,200 → 1,000`.
pub(super) fn words(change: &Change) -> String {
    let field = change.field;
    match (&change.before, &change.after) {
        (Some(before), Some(after)) => format!("{field}: {before} → {after}"),
        (Some(before), None) if is_whole(change) => format!("{field} removed: {before}"),
        (None, Some(after)) if is_whole(change) => format!("{field} added: {after}"),
        (Some(before), None) => format!("{field}: {before} → nothing"),
        (None, Some(after)) => format!("{field}: {after}"),
        (None, None) => format!("{field}: changed"),
    }
}

/// Whether the change is that something came or went.
fn is_whole(change: &Change) -> bool {
    let things = [
        "key result",
        "objective",
        "initiative",
        "cycle",
        "team",
        "source",
    ];
    let about_itself = match &change.subject {
        Subject::KeyResult(_) => change.field == "key result",
        Subject::Objective(_) => change.field == "objective",
        _ => true,
    };
    about_itself && things.contains(&change.field)
}

/// The record of a change, for people; `None` where none is needed.
pub(super) fn record(change: &Change) -> Option<&str> {
    match &change.record {
        OnRecord::NotNeeded => None,
        OnRecord::Yes(told) => Some(told),
        OnRecord::No(remedy) => Some(remedy),
    }
}

/// What a subject is called: `2026-Q4 more-visitors/subscribers`.
pub(super) fn name(subject: &Subject) -> String {
    match subject {
        Subject::KeyResult(id) => format!("{} {id}", id.cycle),
        Subject::Objective(id) => format!("{} {}", id.cycle, id.objective),
        Subject::Initiative(id, initiative) => {
            format!("{} {}, initiative {initiative}", id.cycle, id.objective)
        }
        Subject::Cycle(name) => format!("cycle {name}"),
        Subject::Team(id) => format!("team {id}"),
        Subject::Source(id) => format!("source {id}"),
        Subject::Company => "the company".to_owned(),
        Subject::Daemon => "the daemon".to_owned(),
    }
}

fn title(sides: Sides<'_>, subject: &Subject) -> String {
    let goals = [&sides.new.goals, &sides.old.goals];
    let found = goals.into_iter().find_map(|goals| match subject {
        Subject::KeyResult(id) => goals.key_result(id).map(|kr| kr.title.clone()),
        Subject::Objective(id) => objective(goals, id).map(|o| o.title.clone()),
        Subject::Initiative(id, initiative) => {
            let all = &objective(goals, id)?.initiatives;
            let found = all.iter().find(|i| i.id == *initiative);
            found.map(|i| i.title.clone())
        }
        _ => None,
    });
    found.unwrap_or_default()
}

fn objective<'g>(
    goals: &'g Goals,
    id: &ObjectiveId,
) -> Option<&'g crate::domain::goals::Objective> {
    let mut all = goals.objectives.iter();
    all.find(|o| o.id == *id).map(|o| &**o)
}

/// The teams of before and after of everything whose meaning changes, each with the classes that concern it.
fn owners(sides: Sides<'_>, diff: &Diff) -> Vec<(String, BTreeSet<&'static str>)> {
    let mut owners: BTreeMap<String, BTreeSet<&'static str>> = BTreeMap::new();
    let team = |goals: &Goals, id: &ObjectiveId| {
        let team = objective(goals, id)?.team.clone();
        Some(called(goals, team.as_ref()))
    };
    for change in &diff.changes {
        if matches!(change.class, Class::Operational | Class::Cosmetic) {
            continue;
        }
        let id = match &change.subject {
            Subject::KeyResult(id) => id.objective_id(),
            Subject::Objective(id) => id.clone(),
            Subject::Initiative(..) | Subject::Source(_) | Subject::Daemon => continue,
            Subject::Team(id) => {
                let team = called(&sides.new.goals, Some(id));
                owners
                    .entry(team)
                    .or_default()
                    .insert(change.class.as_str());
                continue;
            }
            Subject::Cycle(_) | Subject::Company => {
                let company = called(&sides.new.goals, None);
                owners
                    .entry(company)
                    .or_default()
                    .insert(change.class.as_str());
                continue;
            }
        };
        let before = diff.objectives.iter().find(|(_, new)| *new == id);
        let before = before.map_or(&id, |(old, _)| old);
        let mut teams: Vec<String> = [team(&sides.old.goals, before), team(&sides.new.goals, &id)]
            .into_iter()
            .flatten()
            .collect();
        if let (Subject::Objective(_), "parent") = (&change.subject, change.field) {
            teams.extend(parents(sides, before, &id));
        }
        for team in teams {
            owners
                .entry(team)
                .or_default()
                .insert(change.class.as_str());
        }
    }
    owners.into_iter().collect()
}

/// Whoever answers for the parents of before and after.
fn parents(sides: Sides<'_>, before: &ObjectiveId, after: &ObjectiveId) -> Vec<String> {
    let of = |goals: &Goals, id: &ObjectiveId| {
        let parent = objective(goals, id)?.parent.clone()?;
        let parent = ObjectiveId {
            cycle: id.cycle.clone(),
            objective: parent.objective,
        };
        Some(called(goals, objective(goals, &parent)?.team.as_ref()))
    };
    [of(&sides.old.goals, before), of(&sides.new.goals, after)]
        .into_iter()
        .flatten()
        .collect()
}

fn called(goals: &Goals, team: Option<&Slug>) -> String {
    match team {
        None => "the company level".to_owned(),
        Some(id) => match goals.teams.get(id) {
            Some(team) if team.name != id.as_str() => format!("{} (team {id})", team.name),
            _ => format!("team {id}"),
        },
    }
}

/// Findings that the other side has not, wherever they stand: of equal ones those that are more than before.
pub(super) fn new_findings(known: &[Finding], findings: &[Finding]) -> Vec<Finding> {
    let key = |finding: &Finding| (finding.code, finding.message.clone());
    let mut left: BTreeMap<_, usize> = BTreeMap::new();
    for finding in known {
        *left.entry(key(finding)).or_default() += 1;
    }
    let is_new = |finding: &&Finding| match left.get_mut(&key(finding)) {
        Some(many) if *many > 0 => {
            *many -= 1;
            false
        }
        _ => true,
    };
    let mut new: Vec<Finding> = findings.iter().filter(is_new).cloned().collect();
    new.sort_by_key(|finding| match finding.severity {
        Severity::Error => 0,
        Severity::Warning => 1,
        Severity::Info => 2,
    });
    new
}

/// A figure before and after, `same` where it did not move.
pub(super) fn step(
    before: Option<f64>,
    after: Option<f64>,
    shown: impl Fn(f64) -> String,
) -> String {
    let told = |x: Option<f64>| x.map_or_else(|| "not known".to_owned(), &shown);
    let (before, after) = (told(before), told(after));
    if before == after {
        return before;
    }
    format!("{before} → {after}")
}

/// A share of the way in percent, with a decimal where it has one.
pub(super) fn percent(share: f64) -> String {
    format!("{} %", show((share * 1000.0).round() / 10.0))
}

/// A status before and after.
pub(super) fn statuses(before: Figures, after: Figures) -> String {
    let (was, is) = (before.status, after.status);
    if was == is {
        return was.to_string();
    }
    format!("{was} → {is}")
}

/// `easier`, `harder`, or nothing to say.
pub(super) fn lean_of(gain: Option<f64>) -> &'static str {
    match gain {
        Some(gain) if gain > 0.0 => "easier",
        Some(gain) if gain < 0.0 => "harder",
        Some(_) => "same",
        None => "not known",
    }
}
