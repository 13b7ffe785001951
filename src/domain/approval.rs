//! Who has a say in a change of the goals: the teams that own what changes, before and after it, those of the objectives it
//! leaves or joins, and whoever the new amendments and rebases name. Knows no file.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::effect::Renamed;
use super::goals::{Goals, KeyResult, Objective};
use super::id::{CycleName, ObjectiveId, Slug};

/// Someone who should agree.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Approver {
    /// The team of this id.
    Team(Slug),
    /// Whoever speaks for the company level.
    Company,
    /// A role as an amendment or a rebase names it.
    Named(String),
}

/// Everyone who should agree, each with the objectives for which; of the company level also for cycles and method.
#[must_use]
pub fn approvers(
    old: &Goals,
    new: &Goals,
    renamed: &Renamed,
) -> BTreeMap<Approver, BTreeSet<String>> {
    let mut all: BTreeMap<Approver, BTreeSet<String>> = BTreeMap::new();
    let mut ask = |who: Approver, what: String| {
        all.entry(who).or_default().insert(what);
    };
    let earlier: BTreeMap<ObjectiveId, &Objective> = (old.objectives.iter())
        .map(|objective| (renamed.objective(&objective.id), &**objective))
        .collect();
    let present: BTreeMap<ObjectiveId, &Objective> = (new.objectives.iter())
        .map(|objective| (objective.id.clone(), &**objective))
        .collect();
    let ids: BTreeSet<&ObjectiveId> = earlier.keys().chain(present.keys()).collect();
    for id in ids {
        let sides = [earlier.get(id), present.get(id)];
        let [before, after] = sides;
        if before == after {
            continue;
        }
        let name = id.objective.to_string();
        for owned in sides.into_iter().flatten() {
            ask(owner(owned), name.clone());
        }
        let parent = |of: Option<&&Objective>| of.and_then(|o| o.parent.clone());
        let (left, joined) = (parent(before), parent(after));
        if left != joined {
            let links = [(&left, old), (&joined, new)];
            let parents = links.into_iter().filter_map(|(parent, goals)| {
                let id = ObjectiveId {
                    cycle: id.cycle.clone(),
                    objective: parent.as_ref()?.objective.clone(),
                };
                goals.objectives.iter().find(|o| o.id == id)
            });
            for parent in parents {
                ask(owner(parent), name.clone());
            }
        }
        for (role, what) in named(before.copied(), after.copied()) {
            ask(Approver::Named(role), what);
        }
    }
    let cycles: BTreeSet<&CycleName> = old.cycles.keys().chain(new.cycles.keys()).collect();
    for cycle in cycles {
        // A new cycle changes nothing that was agreed.
        if old.cycles.contains_key(cycle) && old.cycles.get(cycle) != new.cycles.get(cycle) {
            ask(Approver::Company, format!("the cycle {cycle}"));
        }
    }
    if old.method != new.method {
        ask(Approver::Company, "the settings of the method".to_owned());
    }
    all
}

fn owner(objective: &Objective) -> Approver {
    (objective.team.clone()).map_or(Approver::Company, Approver::Team)
}

/// The roles that new amendments and rebases name, each with the key result.
fn named(before: Option<&Objective>, after: Option<&Objective>) -> Vec<(String, String)> {
    let list = |of: Option<&Objective>| -> Vec<Arc<KeyResult>> {
        of.map_or_else(Vec::new, |objective| objective.key_results.clone())
    };
    let earlier = list(before);
    let mut roles = Vec::new();
    for key_result in list(after) {
        let id = key_result.id.to_string();
        // A record that was written for another name is an old one all the same.
        let mut amendments = earlier.iter().flat_map(|kr| &kr.amendments);
        let new = key_result.amendments.iter();
        let new = new.filter(|amendment| !amendments.any(|old| old == *amendment));
        roles.extend(new.map(|amendment| (amendment.approved_by.clone(), id.clone())));
        let mut rebases = earlier.iter().flat_map(|kr| &kr.rebases);
        let new = key_result.rebases.iter();
        let new = new.filter(|rebase| !rebases.any(|old| old == *rebase));
        roles.extend(new.map(|rebase| (rebase.approved_by.clone(), id.clone())));
    }
    roles.retain(|(role, _)| !role.is_empty());
    roles
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::amendment::{Amendment, Change, Step};
    use crate::domain::example::{goals, key_result, objective, reach, slug, under};
    use crate::domain::goals::ParentLink;
    use crate::domain::target::{Baseline, Target};

    fn owned(name: &str, team: Option<&str>, target: f64) -> Objective {
        let aim = reach(Baseline::Fixed(0.0), Target::Absolute(target));
        let key_result = key_result(&format!("{name}/k"), "", aim);
        Objective {
            team: team.map(slug),
            ..objective(name, vec![key_result])
        }
    }

    fn told(old: Vec<Objective>, new: Vec<Objective>) -> Vec<(Approver, Vec<String>)> {
        let all = approvers(&goals(old), &goals(new), &Renamed::default());
        let list = all.into_iter();
        list.map(|(who, what)| (who, what.into_iter().collect()))
            .collect()
    }

    #[test]
    fn both_owners_are_asked() {
        let (content, shop) = (
            Approver::Team(slug("content")),
            Approver::Team(slug("shop")),
        );
        let more = |team| {
            vec![
                owned("more", team, 10.0),
                owned("other", Some("people"), 1.0),
            ]
        };
        assert_eq!(
            told(more(Some("content")), more(Some("shop"))),
            [
                (content.clone(), vec!["more".into()]),
                (shop, vec!["more".into()])
            ]
        );
        assert_eq!(
            told(more(Some("content")), more(None)),
            [
                (content, vec!["more".into()]),
                (Approver::Company, vec!["more".into()])
            ]
        );
        assert_eq!(told(more(None), more(None)), []);
    }

    #[test]
    fn the_objectives_that_are_left_and_joined_are_asked() {
        let tree = |parent: &str| {
            vec![
                owned("a", Some("first"), 1.0),
                owned("b", Some("second"), 1.0),
                under(
                    parent,
                    ParentLink::Contributes,
                    owned("c", Some("third"), 1.0),
                ),
            ]
        };
        let asked: Vec<Approver> = told(tree("a"), tree("b"))
            .into_iter()
            .map(|(w, _)| w)
            .collect();
        let team = |name| Approver::Team(slug(name));
        assert_eq!(asked, [team("first"), team("second"), team("third")]);
    }

    #[test]
    fn who_approved_a_new_amendment_is_named_once() {
        let amended = |target: f64, approved_by: &str| {
            let mut objective = owned("more", None, target);
            Arc::make_mut(&mut objective.key_results[0]).amendments = vec![Amendment {
                date: jiff::civil::date(2026, 2, 2),
                change: Change::Target(Step {
                    from: Target::Absolute(20.0),
                    to: Target::Absolute(10.0),
                }),
                reason: "R".into(),
                approved_by: approved_by.into(),
            }];
            objective
        };
        let lead = Approver::Named("content team lead".into());
        assert_eq!(
            told(
                vec![owned("more", None, 20.0)],
                vec![amended(10.0, "content team lead")]
            ),
            [
                (Approver::Company, vec!["more".into()]),
                (lead, vec!["more/k".into()])
            ]
        );
        // One that was there before has been approved.
        let again = told(
            vec![amended(10.0, "content team lead")],
            vec![amended(11.0, "content team lead")],
        );
        assert_eq!(again, [(Approver::Company, vec!["more".into()])]);
    }
}
