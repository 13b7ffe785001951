//! Objectives and key results of both sides: which one is which, what came, what went, what was renamed; then each pair.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::measure::{Polls, polls};
use super::{Class, Comparing, Lean, OnRecord, Subject, plain, short};
use crate::config::finding::Code;
use crate::domain::goals::{Initiative, KeyResult, Objective, Parent, ParentLink};
use crate::domain::id::{KeyResultId, ObjectiveId, Slug};
use crate::domain::status::Phase;

type Objectives<'c> = BTreeMap<&'c ObjectiveId, &'c Arc<Objective>>;
type KeyResults<'c> = BTreeMap<&'c KeyResultId, &'c Arc<KeyResult>>;
/// The ids before of objectives that have another now, by that one.
type RenamedObjectives = BTreeMap<ObjectiveId, ObjectiveId>;

impl Comparing<'_> {
    pub(super) fn goals(&mut self) {
        let (old, new) = (self.old, self.new);
        let before: Objectives<'_> = old.goals.objectives.iter().map(|o| (&o.id, o)).collect();
        let after: Objectives<'_> = new.goals.objectives.iter().map(|o| (&o.id, o)).collect();
        let mut gone: BTreeSet<&ObjectiveId> = before.keys().copied().collect();
        let mut came: Vec<&Arc<Objective>> = Vec::new();
        let mut pairs: Vec<(&Arc<Objective>, &Arc<Objective>)> = Vec::new();
        for (id, objective) in &after {
            let was = new.records.renamed_objectives.get(*id).unwrap_or(id);
            let was = if before.contains_key(*id) { *id } else { was };
            match before.get(was) {
                Some(earlier) if gone.remove(was) => pairs.push((earlier, objective)),
                _ => came.push(objective),
            }
        }
        // What looks like a rename and is not said to be one.
        came.retain(|objective| {
            let twin = gone.iter().copied().find(|id| {
                let earlier = before.get(id);
                earlier.is_some_and(|earlier| is_twin(earlier, objective))
            });
            let Some(twin) = twin else { return true };
            gone.remove(twin);
            pairs.extend(before.get(twin).map(|earlier| (*earlier, *objective)));
            false
        });
        let (old_polls, new_polls) = (polls(old), polls(new));
        let mut left: KeyResults<'_> = KeyResults::new();
        let mut fresh: KeyResults<'_> = KeyResults::new();
        for (earlier, objective) in pairs {
            let ids = (earlier.id.clone(), objective.id.clone());
            self.diff.objectives.push(ids);
            self.objective(earlier, objective);
            left.extend(earlier.key_results.iter().map(|kr| (&kr.id, kr)));
            fresh.extend(objective.key_results.iter().map(|kr| (&kr.id, kr)));
        }
        self.key_results(left, &fresh, (&old_polls, &new_polls));
        for objective in came {
            self.objective_came(objective);
        }
        for id in gone {
            if let Some(objective) = before.get(id) {
                self.objective_went(objective);
            }
        }
    }

    /// Pairs the key results of objectives that are on both sides.
    fn key_results(
        &mut self,
        mut left: KeyResults<'_>,
        fresh: &KeyResults<'_>,
        (old_polls, new_polls): (&Polls<'_>, &Polls<'_>),
    ) {
        let mut came = Vec::new();
        let mut pairs = Vec::new();
        let renamed = self.diff.objectives.iter().filter(|(old, new)| old != new);
        let renamed: RenamedObjectives = renamed
            .map(|(old, new)| (new.clone(), old.clone()))
            .collect();
        for (id, key_result) in fresh {
            let known = self.before_of(id, &renamed);
            match left.remove(&known) {
                Some(earlier) => pairs.push((earlier, *key_result, known != **id)),
                None => came.push(*key_result),
            }
        }
        came.retain(|key_result| {
            let twin = left
                .iter()
                .find(|(_, earlier)| same_number(earlier, key_result));
            let Some(earlier) = twin.map(|(_, earlier)| *earlier) else {
                return true;
            };
            left.remove(&earlier.id);
            pairs.push((earlier, key_result, true));
            false
        });
        for (earlier, key_result, renamed) in pairs {
            let ids = (earlier.id.clone(), key_result.id.clone());
            self.diff.key_results.push(ids);
            if renamed {
                self.key_result_renamed(earlier, key_result);
            }
            let before = (&**earlier, old_polls.get(&earlier.id).copied());
            let after = (&**key_result, new_polls.get(&key_result.id).copied());
            self.key_result(before, after);
        }
        for key_result in came {
            self.key_result_came(key_result);
        }
        for key_result in left.into_values() {
            self.key_result_went(key_result);
        }
    }

    /// The id that a key result of the new side had before.
    fn before_of(&self, id: &KeyResultId, renamed: &RenamedObjectives) -> KeyResultId {
        if let Some(was) = self.new.records.renamed.get(id) {
            // Said already by the side before: the rename is an old one.
            let known = self.old.records.renamed.get(id) == Some(was);
            if !known {
                return was.clone();
            }
        }
        let objective = renamed.get(&id.objective_id());
        KeyResultId {
            objective: objective
                .map_or(&id.objective, |old| &old.objective)
                .clone(),
            ..id.clone()
        }
    }

    fn key_result_renamed(&mut self, earlier: &KeyResult, key_result: &KeyResult) {
        // With its objective renamed, that is told there.
        if earlier.id.key_result == key_result.id.key_result {
            return;
        }
        let said = self.new.records.renamed.get(&key_result.id) == Some(&earlier.id);
        let subject = Subject::KeyResult(key_result.id.clone());
        let was = &earlier.id.key_result;
        self.renamed(subject, was, &key_result.id.key_result, said);
    }

    fn renamed(&mut self, subject: Subject, was: &Slug, is: &Slug, said: bool) {
        let mut change = plain(subject, Class::Identity, "id");
        (change.before, change.after) = (Some(was.to_string()), Some(is.to_string()));
        if said {
            change.record = OnRecord::Yes(format!("was = \"{was}\""));
        } else {
            change.record = OnRecord::No(format!(
                "add was = \"{was}\", or nobody finds what was measured under that id"
            ));
            let words = "it looks renamed and does not say so".to_owned();
            change.remarks.push((Code::ChgId, words));
        }
        self.push(change);
    }

    fn key_result_came(&mut self, key_result: &KeyResult) {
        let subject = Subject::KeyResult(key_result.id.clone());
        let mut change = plain(subject, Class::Goalpost, "key result");
        change.after = Some(short(&key_result.title));
        if self.has_begun(&key_result.id.cycle) {
            change.lean = Lean::Open;
        }
        self.push(change);
    }

    fn key_result_went(&mut self, key_result: &KeyResult) {
        let id = &key_result.id;
        let subject = Subject::KeyResult(id.clone());
        let mut change = plain(subject, Class::Goalpost, "key result");
        change.before = Some(short(&key_result.title));
        (change.record, change.lean) = self.dropped(&id.objective_id(), Some(&id.key_result));
        self.remark_drop(&mut change);
        self.push(change);
    }

    fn objective_came(&mut self, objective: &Objective) {
        let mut change = plain(
            Subject::Objective(objective.id.clone()),
            Class::Goalpost,
            "objective",
        );
        change.after = Some(short(&objective.title));
        self.push(change);
    }

    fn objective_went(&mut self, objective: &Objective) {
        let subject = Subject::Objective(objective.id.clone());
        let mut change = plain(subject, Class::Goalpost, "objective");
        change.before = Some(short(&objective.title));
        (change.record, change.lean) = self.dropped(&objective.id, None);
        self.remark_drop(&mut change);
        self.push(change);
    }

    fn remark_drop(&self, change: &mut super::Change) {
        if change.needs_an_act() {
            let words = "given up after the start of its cycle".to_owned();
            change.remarks.push((Code::ChgDrop, words));
        }
    }

    /// Whether it is on record that something was given up. Before its cycle begins and once it is closed nobody asks.
    fn dropped(&self, objective: &ObjectiveId, key_result: Option<&Slug>) -> (OnRecord, Lean) {
        match self.phase(&objective.cycle) {
            Phase::Pending => return (OnRecord::NotNeeded, Lean::Neither),
            Phase::Closed => return (OnRecord::NotNeeded, Lean::Neither),
            _ => {}
        }
        let found = self.new.records.dropped.iter().find(|dropped| {
            dropped.cycle == objective.cycle
                && dropped.objective == objective.objective
                && dropped.key_result.as_ref() == key_result
        });
        let record = match found {
            Some(dropped) => OnRecord::Yes(format!(
                "dropped on {} by {}",
                dropped.date, dropped.approved_by
            )),
            None => {
                let id = key_result.map_or_else(
                    || objective.objective.to_string(),
                    |key_result| format!("{}/{key_result}", objective.objective),
                );
                OnRecord::No(format!(
                    "add [[dropped]] with id = \"{id}\", date, reason and approved_by to a file of {}",
                    objective.cycle
                ))
            }
        };
        (record, Lean::Open)
    }

    fn objective(&mut self, old: &Objective, new: &Objective) {
        let Objective {
            id,
            title,
            why,
            team,
            parent,
            ambition,
            key_results: _,
            initiatives,
        } = old;
        let subject = Subject::Objective(new.id.clone());
        if id.objective != new.id.objective {
            let said = self.new.records.renamed_objectives.get(&new.id) == Some(id);
            self.renamed(subject.clone(), &id.objective, &new.id.objective, said);
        }
        let text = |text: &Option<String>| text.as_deref().map(short);
        let slug = |slug: &Option<Slug>| {
            Some(
                slug.as_ref()
                    .map_or_else(|| "the company".to_owned(), Slug::to_string),
            )
        };
        for (class, field, was, is) in [
            (
                Class::Cosmetic,
                "title",
                Some(short(title)),
                Some(short(&new.title)),
            ),
            (Class::Cosmetic, "why", text(why), text(&new.why)),
            (Class::Accountability, "team", slug(team), slug(&new.team)),
            (
                Class::Accountability,
                "parent",
                linked(parent),
                linked(&new.parent),
            ),
        ] {
            // Of a long text the beginning may be the same.
            let same = match field {
                "title" => *title == new.title,
                "why" => *why == new.why,
                _ => was == is,
            };
            if !same {
                let mut change = plain(subject.clone(), class, field);
                (change.before, change.after) = (was, is);
                let counts = |parent: &Option<Parent>| {
                    parent
                        .as_ref()
                        .is_some_and(|p| p.link == ParentLink::Contributes)
                };
                if field == "parent" && (counts(parent) || counts(&new.parent)) {
                    change.lean = Lean::Open;
                }
                self.push(change);
            }
        }
        if *ambition != new.ambition {
            self.ambition(old, new);
        }
        self.initiatives(&new.id, initiatives, &new.initiatives);
    }

    fn ambition(&mut self, old: &Objective, new: &Objective) {
        let mut change = plain(
            Subject::Objective(new.id.clone()),
            Class::Goalpost,
            "ambition",
        );
        let (was, is) = (old.ambition.as_str(), new.ambition.as_str());
        (change.before, change.after) = (Some(was.into()), Some(is.into()));
        change.lean = if new.ambition.expected_score() < old.ambition.expected_score() {
            Lean::Easier
        } else {
            Lean::Harder
        };
        let noted = |config: &'_ crate::config::spec::Config, id: &ObjectiveId| {
            config
                .records
                .objectives
                .get(id)
                .cloned()
                .unwrap_or_default()
        };
        let (known, noted) = (noted(self.old, &old.id), noted(self.new, &new.id));
        let found = noted
            .iter()
            .find(|n| n.field == "ambition" && n.to.trim_matches('`') == is && !known.contains(n));
        let told = found.map(|n| format!("amended on {} by {}", n.date, n.approved_by));
        let remedy = format!(
            "add [[objectives.{}.amendments]] with field = \"ambition\", from = \"{was}\", to = \"{is}\", date, reason and approved_by",
            new.id.objective
        );
        self.goalpost(change, &old.id.cycle, told, remedy);
    }

    /// Work is tried and dropped freely: none of it is judged.
    fn initiatives(&mut self, objective: &ObjectiveId, old: &[Initiative], new: &[Initiative]) {
        for initiative in new {
            let subject = Subject::Initiative(objective.clone(), initiative.id.clone());
            match old.iter().find(|o| o.id == initiative.id) {
                None => {
                    let mut change = plain(subject, Class::Cosmetic, "initiative");
                    change.after = Some(short(&initiative.title));
                    self.push(change);
                }
                Some(earlier) if earlier.state != initiative.state => {
                    let mut change = plain(subject, Class::Cosmetic, "state");
                    change.before = Some(earlier.state.as_str().into());
                    change.after = Some(initiative.state.as_str().into());
                    self.push(change);
                }
                Some(earlier) if earlier != initiative => {
                    let mut change = plain(subject, Class::Cosmetic, "initiative");
                    change.after = Some(short(&initiative.title));
                    self.push(change);
                }
                Some(_) => {}
            }
        }
        for earlier in old {
            if !new.iter().any(|n| n.id == earlier.id) {
                let subject = Subject::Initiative(objective.clone(), earlier.id.clone());
                let mut change = plain(subject, Class::Cosmetic, "initiative");
                change.before = Some(short(&earlier.title));
                self.push(change);
            }
        }
    }
}

/// `reflex (counts)`.
fn linked(parent: &Option<Parent>) -> Option<String> {
    let parent = parent.as_ref()?;
    Some(match parent.link {
        ParentLink::Supports => parent.objective.to_string(),
        ParentLink::Contributes => format!("{} (counts in its score)", parent.objective),
    })
}

/// Whether two key results ask the same question of the same objective and are called alike: then it is one with another id.
fn same_number(old: &KeyResult, new: &KeyResult) -> bool {
    old.id.cycle == new.id.cycle
        && old.id.objective == new.id.objective
        && old.definition == new.definition
        && (old.title == new.title || old.aim == new.aim)
}

/// Whether two objectives of a cycle are one: of one title, or with the same key results.
fn is_twin(old: &Objective, new: &Objective) -> bool {
    let ids = |objective: &Objective| -> Vec<(String, String)> {
        let all = objective.key_results.iter();
        all.map(|kr| (kr.id.key_result.to_string(), kr.definition.clone()))
            .collect()
    };
    old.id.cycle == new.id.cycle
        && old.team == new.team
        && (old.title == new.title || (!old.key_results.is_empty() && ids(old) == ids(new)))
}
