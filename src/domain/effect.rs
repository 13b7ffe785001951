//! What a change of the goals does to the figures today: the same measurements judged by the goals before it and after it,
//! key result by key result and up the chain of parents. Knows no file, no store and no clock: `now` is an argument.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use super::card::KeyResultCard;
use super::goals::{Goals, KeyResult, Objective, Parent, ParentLink};
use super::history::History;
use super::id::{KeyResultId, ObjectiveId};
use super::objective::ObjectiveCard;
use super::scorecard::{Scorecard, score};
use super::share::EPSILON;
use super::status::Status;

/// Names that changed: what stands before the change under the first is after it the second. Everything else keeps its name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Renamed {
    /// Objectives.
    pub objectives: BTreeMap<ObjectiveId, ObjectiveId>,
    /// Key results that have another name than their objective's new one and their own old one make together.
    pub key_results: BTreeMap<KeyResultId, KeyResultId>,
}

impl Renamed {
    /// What an objective is called after the change.
    #[must_use]
    pub fn objective(&self, old: &ObjectiveId) -> ObjectiveId {
        self.objectives.get(old).unwrap_or(old).clone()
    }

    /// What a key result is called after the change.
    #[must_use]
    pub fn key_result(&self, old: &KeyResultId) -> KeyResultId {
        if let Some(new) = self.key_results.get(old) {
            return new.clone();
        }
        let of = self.objective(&old.objective_id());
        KeyResultId {
            cycle: of.cycle,
            objective: of.objective,
            key_result: old.key_result.clone(),
        }
    }
}

/// Whether a change makes a goal easier to reach: the sign of the change of its progress; where that stays, of what the
/// plan expects by now, of which less is easier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ease {
    /// More progress for the same measurements.
    Easier,
    /// Less progress for the same measurements.
    Harder,
    /// The same.
    Same,
    /// One side has no progress to compare.
    Unknown,
}

impl Ease {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Easier => "easier",
            Self::Harder => "harder",
            Self::Same => "same",
            Self::Unknown => "unknown",
        }
    }

    fn of(made: (Option<f64>, Option<f64>), planned: (Option<f64>, Option<f64>)) -> Self {
        let grows = |(before, after): (Option<f64>, Option<f64>)| Some(after? - before?);
        match grows(made) {
            Some(by) if by > EPSILON => Self::Easier,
            Some(by) if by < -EPSILON => Self::Harder,
            Some(_) => match grows(planned) {
                Some(by) if by < -EPSILON => Self::Easier,
                Some(by) if by > EPSILON => Self::Harder,
                _ => Self::Same,
            },
            None => Self::Unknown,
        }
    }
}

/// One thing judged by both.
#[derive(Clone, Debug, PartialEq)]
pub struct Shift<C> {
    /// As the goals stood; `None` of what is new.
    pub before: Option<Arc<C>>,
    /// As they will stand; `None` of what goes.
    pub after: Option<Arc<C>>,
    /// Whether it becomes easier.
    pub ease: Ease,
}

/// What the change does.
#[derive(Clone, Debug, PartialEq)]
pub struct Effect {
    /// The instant it was judged at.
    pub at: Timestamp,
    /// Key results that are agreed, measured or judged otherwise, in the order of the files after the change; what goes
    /// stands last.
    pub key_results: Vec<Shift<KeyResultCard>>,
    /// The objectives of these, those whose own agreement changed, and all above them, likewise.
    pub objectives: Vec<Shift<ObjectiveCard>>,
}

impl Effect {
    /// Whether no figure moves and nothing that moves figures changes.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.key_results.is_empty() && self.objectives.is_empty()
    }

    /// The key result that has this name after the change, or had it before if it goes.
    #[must_use]
    pub fn key_result(&self, id: &KeyResultId) -> Option<&Shift<KeyResultCard>> {
        let mut all = self.key_results.iter();
        all.find(|shift| shift.card().is_some_and(|card| card.key_result.id == *id))
    }

    /// The status of a key result that goes.
    #[must_use]
    pub fn status_of_gone(&self, id: &KeyResultId) -> Option<Status> {
        let shift = self.key_result(id).filter(|shift| shift.after.is_none())?;
        Some(shift.before.as_ref()?.status)
    }
}

impl<C> Shift<C> {
    /// The card after the change, or of what goes the one before.
    #[must_use]
    pub fn card(&self) -> Option<&C> {
        self.after.as_deref().or(self.before.as_deref())
    }
}

/// What changes between two states of the goals, told by what must be judged: objectives by the names they have after the
/// change, and of those that go by the one they had.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// What is told: objectives that changed and all above them.
    pub told: BTreeSet<ObjectiveId>,
    /// What must be judged for it before the change: those and all that count in their scores.
    pub before: BTreeSet<ObjectiveId>,
    /// And after it.
    pub after: BTreeSet<ObjectiveId>,
}

/// Finds what a change of the goals can move. Titles, reasons, teams and initiatives move nothing.
#[must_use]
pub fn reach(old: &Goals, new: &Goals, renamed: &Renamed) -> Reach {
    let earlier = by_new_name(old, renamed);
    let present: BTreeMap<ObjectiveId, &Objective> = new
        .objectives
        .iter()
        .map(|objective| (objective.id.clone(), &**objective))
        .collect();
    let judged_alike = old.method == new.method;
    let same = |id: &ObjectiveId| match (earlier.get(id), present.get(id)) {
        (Some(before), Some(after)) => {
            let cycle = |goals: &Goals, of: &Objective| goals.cycles.get(&of.id.cycle).cloned();
            judged_alike
                && cycle(old, before) == cycle(new, after)
                && agreed_alike(before, after, renamed)
        }
        _ => false,
    };
    let all: BTreeSet<&ObjectiveId> = earlier.keys().chain(present.keys()).collect();
    let mut told = BTreeSet::new();
    let mut next: Vec<ObjectiveId> = all.into_iter().filter(|id| !same(id)).cloned().collect();
    while let Some(id) = next.pop() {
        if !told.insert(id.clone()) {
            continue;
        }
        let before = earlier.get(&id).and_then(|o| above(o));
        next.extend(before.map(|parent| renamed.objective(&parent)));
        next.extend(present.get(&id).and_then(|o| above(o)));
    }
    told.retain(|id| earlier.contains_key(id) || present.contains_key(id));
    let before = told
        .iter()
        .filter_map(|id| Some(earlier.get(id)?.id.clone()));
    Reach {
        before: with_all_below(old, before.collect()),
        after: with_all_below(new, told.iter().cloned().collect()),
        told,
    }
}

/// The goals without the objectives that are not named: enough to judge these by.
#[must_use]
pub fn only(goals: &Goals, objectives: &BTreeSet<ObjectiveId>) -> Goals {
    let all = goals.objectives.iter();
    Goals {
        objectives: all
            .filter(|objective| objectives.contains(&objective.id))
            .cloned()
            .collect(),
        company: goals.company.clone(),
        cycles: goals.cycles.clone(),
        teams: goals.teams.clone(),
        method: goals.method,
    }
}

/// Lets what was measured follow a new name: a key result of another name and the same definition has the record that stands
/// under its old one, unless it has one of its own.
pub fn follow(old: &Goals, new: &Goals, renamed: &Renamed, known: &History, to: &mut History) {
    for (_, before) in old.key_results() {
        let name = renamed.key_result(&before.id);
        if name == before.id {
            continue;
        }
        let after = new.key_result(&name);
        let same = after.is_some_and(|after| after.definition == before.definition);
        let own = to.get(&name);
        let silent = own.is_none_or(|record| record.series.points().is_empty());
        if let Some(record) = known.get(&before.id).filter(|_| same && silent) {
            *to.record(&name) = record.clone();
        }
    }
}

/// Judges both states of the goals at `now`, as far as `reach` says. `known` is the history under the old definitions
/// and under the new ones: a key result that is measured otherwise has no comparable value unless a rebase carries it over.
#[must_use]
pub fn effect(
    (old, new): (&Goals, &Goals),
    (before, after): (&History, &History),
    renamed: &Renamed,
    reach: &Reach,
    now: Timestamp,
) -> Effect {
    let before = score(&only(old, &reach.before), before, now);
    let after = score(&only(new, &reach.after), after, now);
    let pairs = pair(&before, &after, renamed);
    let told: Vec<_> = pairs
        .into_iter()
        .filter(|(id, ..)| reach.told.contains(id))
        .collect();
    let key_results = told.iter().flat_map(|(_, before, after)| {
        let moved = key_results(before.as_deref(), after.as_deref(), renamed);
        moved.into_iter().filter(|shift| is_moved(shift, renamed))
    });
    let (mut stay, gone): (Vec<_>, Vec<_>) = key_results.partition(|shift| shift.after.is_some());
    stay.extend(gone);
    let objectives = told.into_iter().map(|(_, before, after)| Shift {
        ease: Ease::of(
            both(&before, &after, |card| card.progress),
            both(&before, &after, |card| card.expected),
        ),
        before,
        after,
    });
    Effect {
        at: now,
        objectives: objectives.collect(),
        key_results: stay,
    }
}

fn by_new_name<'g>(old: &'g Goals, renamed: &Renamed) -> BTreeMap<ObjectiveId, &'g Objective> {
    let all = old.objectives.iter();
    all.map(|objective| (renamed.objective(&objective.id), &**objective))
        .collect()
}

fn above(objective: &Objective) -> Option<ObjectiveId> {
    objective.parent.as_ref().map(|parent| ObjectiveId {
        cycle: objective.id.cycle.clone(),
        objective: parent.objective.clone(),
    })
}

/// Whether two states of an objective are judged alike when their measurements are.
fn agreed_alike(before: &Objective, after: &Objective, renamed: &Renamed) -> bool {
    let parent = |of: &Objective, name: &dyn Fn(ObjectiveId) -> ObjectiveId| {
        let link = of.parent.as_ref().map(|Parent { link, .. }| *link);
        above(of).map(name).zip(link)
    };
    let alike = |(before, after): (&Arc<KeyResult>, &Arc<KeyResult>)| {
        before == after || judged_by(before, renamed) == judged_by(after, &Renamed::default())
    };
    before.ambition == after.ambition
        && parent(before, &|id| renamed.objective(&id)) == parent(after, &|id| id)
        && before.key_results.len() == after.key_results.len()
        && (in_order(before, renamed).into_iter())
            .zip(in_order(after, &Renamed::default()))
            .all(alike)
}

/// Its key results by the names that they have after the change, so that their order in the file says nothing.
fn in_order<'o>(objective: &'o Objective, renamed: &Renamed) -> Vec<&'o Arc<KeyResult>> {
    let mut all: Vec<_> = objective.key_results.iter().collect();
    all.sort_by_cached_key(|key_result| renamed.key_result(&key_result.id));
    all
}

/// A key result with nothing but what it is judged by.
fn judged_by(key_result: &KeyResult, renamed: &Renamed) -> KeyResult {
    KeyResult {
        id: renamed.key_result(&key_result.id),
        title: String::new(),
        why: None,
        ..key_result.clone()
    }
}

fn with_all_below(goals: &Goals, tops: Vec<ObjectiveId>) -> BTreeSet<ObjectiveId> {
    let mut below: BTreeMap<ObjectiveId, Vec<&ObjectiveId>> = BTreeMap::new();
    for objective in &goals.objectives {
        let link = objective.parent.as_ref().map(|parent| parent.link);
        if let Some(parent) = above(objective).filter(|_| link == Some(ParentLink::Contributes)) {
            below.entry(parent).or_default().push(&objective.id);
        }
    }
    let mut all = BTreeSet::new();
    let mut next = tops;
    while let Some(id) = next.pop() {
        if all.insert(id.clone()) {
            next.extend(below.get(&id).into_iter().flatten().map(|id| (*id).clone()));
        }
    }
    all
}

type Paired = (
    ObjectiveId,
    Option<Arc<ObjectiveCard>>,
    Option<Arc<ObjectiveCard>>,
);

/// Objectives in the order of the files after the change; what goes stands last.
fn pair(before: &Scorecard, after: &Scorecard, renamed: &Renamed) -> Vec<Paired> {
    let mut earlier: BTreeMap<ObjectiveId, &Arc<ObjectiveCard>> = before
        .objectives
        .iter()
        .map(|card| (renamed.objective(&card.objective.id), card))
        .collect();
    let mut pairs: Vec<Paired> = Vec::new();
    for card in &after.objectives {
        let id = card.objective.id.clone();
        let before = earlier.remove(&id).cloned();
        pairs.push((id, before, Some(Arc::clone(card))));
    }
    let gone = earlier.into_iter();
    pairs.extend(gone.map(|(id, card)| (id, Some(Arc::clone(card)), None)));
    pairs
}

fn key_results(
    before: Option<&ObjectiveCard>,
    after: Option<&ObjectiveCard>,
    renamed: &Renamed,
) -> Vec<Shift<KeyResultCard>> {
    let cards = |of: Option<&ObjectiveCard>| of.map_or_else(Vec::new, |o| o.key_results.clone());
    let mut earlier = cards(before);
    let mut shifts = Vec::new();
    for after in cards(after) {
        let id = &after.key_result.id;
        let place = earlier
            .iter()
            .position(|before| renamed.key_result(&before.key_result.id) == *id);
        shifts.push((place.map(|place| earlier.remove(place)), Some(after)));
    }
    shifts.extend(earlier.into_iter().map(|before| (Some(before), None)));
    let shifts = shifts.into_iter().map(|(before, after)| Shift {
        ease: Ease::of(
            both(&before, &after, |card| card.progress_raw),
            both(&before, &after, |card| card.expected_progress),
        ),
        before,
        after,
    });
    shifts.collect()
}

fn both<C, T>(
    before: &Option<Arc<C>>,
    after: &Option<Arc<C>>,
    of: impl Fn(&C) -> Option<T>,
) -> (Option<T>, Option<T>) {
    let of = |card: &Option<Arc<C>>| card.as_deref().and_then(&of);
    (of(before), of(after))
}

/// Whether anything of a key result changed that people would see in its figures.
fn is_moved(shift: &Shift<KeyResultCard>, renamed: &Renamed) -> bool {
    let (Some(before), Some(after)) = (&shift.before, &shift.after) else {
        return true;
    };
    let forecast = |card: &KeyResultCard| card.forecast.as_ref().ok().map(|told| told.value);
    let agreed =
        judged_by(&before.key_result, renamed) != judged_by(&after.key_result, &Renamed::default());
    agreed
        || shift.ease != Ease::Same && shift.ease != Ease::Unknown
        || before.status != after.status
        || before.value != after.value
        || before.progress_raw.is_some() != after.progress_raw.is_some()
        || forecast(before) != forecast(after)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::example::{
        at_most, day, goals, key_result, objective, reach as aim, record, slug, under,
    };
    use crate::domain::method::Ambition;
    use crate::domain::rebase::Rebase;
    use crate::domain::target::{Baseline, Target};

    fn to(path: &str, baseline: f64, target: f64) -> KeyResult {
        let (baseline, target) = (Baseline::Fixed(baseline), Target::Absolute(target));
        key_result(path, "", aim(baseline, target))
    }

    fn visitors(target: f64) -> KeyResult {
        to("more/visitors", 48_000.0, target)
    }

    /// A company objective in which the team's counts beside one other.
    fn company(visitors: KeyResult) -> Goals {
        let link = ParentLink::Contributes;
        goals(vec![
            objective("reflex", vec![]),
            under("reflex", link, objective("more", vec![visitors])),
            under(
                "reflex",
                link,
                objective("other", vec![to("other/k", 0.0, 10.0)]),
            ),
            objective("apart", vec![to("apart/k", 0.0, 10.0)]),
        ])
    }

    fn id(path: &str) -> KeyResultId {
        key_result(path, "", at_most(1.0)).id
    }

    fn measured(values: &[(&str, f64)]) -> History {
        let mut history = History::default();
        for (path, value) in values {
            *history.record(&id(path)) = record(&[(44.0, *value)]);
        }
        history
    }

    fn judged(old: &Goals, new: &Goals, before: &History, after: &History) -> Effect {
        let renamed = Renamed::default();
        let within = reach(old, new, &renamed);
        effect((old, new), (before, after), &renamed, &within, day(45.0))
    }

    fn close(found: Option<f64>, expected: f64) -> bool {
        found.is_some_and(|x| (x - expected).abs() < 1e-7)
    }

    /// [V] target 72000 to 66000 at v 57000, b 48000: progress 0.375 to 0.5, easier.
    #[test]
    fn a_lower_target_is_easier_and_moves_every_parent() {
        let (old, new) = (company(visitors(72_000.0)), company(visitors(66_000.0)));
        let known = measured(&[("more/visitors", 57_000.0), ("other/k", 1.0)]);
        let effect = judged(&old, &new, &known, &known);
        let [shift] = effect.key_results.as_slice() else {
            panic!("one key result: {:?}", effect.key_results);
        };
        let (before, after) = (shift.before.clone().unwrap(), shift.after.clone().unwrap());
        assert!(close(before.progress, 0.375) && close(after.progress, 0.5));
        assert_eq!(shift.ease, Ease::Easier);
        assert_eq!(
            (before.target, after.target),
            (Some(72_000.0), Some(66_000.0))
        );
        let told: Vec<_> = effect.objectives.iter().filter_map(Shift::card).collect();
        let names: Vec<&str> = told
            .iter()
            .map(|c| c.objective.id.objective.as_str())
            .collect();
        assert_eq!(names, ["reflex", "more"]);
        let reflex = &effect.objectives[0];
        assert!(close(
            reflex.before.as_ref().unwrap().progress,
            (0.375 + 0.1) / 2.0
        ));
        assert!(close(
            reflex.after.as_ref().unwrap().progress,
            (0.5 + 0.1) / 2.0
        ));
        assert_eq!(reflex.ease, Ease::Easier);
        let back = judged(&new, &old, &known, &known);
        assert_eq!(back.key_results[0].ease, Ease::Harder);
        assert_eq!(back.objectives[0].ease, Ease::Harder);
    }

    /// [V] 57000 and 61000 at one instant: k 1.0701754, b' 51368.4211, t' 77052.6316, progress stays 0.375.
    #[test]
    fn a_rebase_moves_nothing_and_no_rebase_leaves_nothing_to_compare() {
        let old = company(visitors(72_000.0));
        let changed = KeyResult {
            definition: "c".repeat(16),
            ..visitors(72_000.0)
        };
        let rebased = KeyResult {
            rebases: vec![Rebase {
                date: jiff::civil::date(2026, 2, 14),
                old: 57_000.0,
                new: 61_000.0,
                at: None,
                from: None,
                reason: "R".into(),
                approved_by: "content team lead".into(),
            }],
            ..changed.clone()
        };
        assert!((rebased.factor() - 1.070_175_4).abs() < 1e-7);
        let before = measured(&[("more/visitors", 57_000.0)]);
        let after = measured(&[("more/visitors", 57_000.0 * rebased.factor())]);
        let carried = company(rebased.carried_over().unwrap());
        let effect = judged(&old, &carried, &before, &after);
        let shift = &effect.key_results[0];
        let card = shift.after.as_ref().unwrap();
        assert!((card.baseline.unwrap() - 51_368.421_1).abs() < 1e-4);
        assert!((card.target.unwrap() - 77_052.631_6).abs() < 1e-4);
        assert!(close(card.progress, 0.375));
        assert_eq!(shift.ease, Ease::Same);

        let effect = judged(&old, &company(changed), &before, &History::default());
        let shift = &effect.key_results[0];
        assert_eq!(shift.ease, Ease::Unknown);
        assert!(shift.before.as_ref().unwrap().value.is_some());
        assert_eq!(shift.after.as_ref().unwrap().value, None);
    }

    #[test]
    fn words_and_order_move_nothing() {
        let old = company(visitors(72_000.0));
        let mut new = company(KeyResult {
            title: "T".into(),
            why: Some("W".into()),
            ..visitors(72_000.0)
        });
        new.objectives.reverse();
        assert_eq!(reach(&old, &new, &Renamed::default()), Reach::default());
        let known = measured(&[("more/visitors", 57_000.0)]);
        let effect = judged(&old, &new, &known, &known);
        assert!(effect.key_results.is_empty() && effect.objectives.is_empty());
    }

    #[test]
    fn what_goes_has_its_status_and_its_objective_another_score() {
        let two = |with: &[KeyResult]| goals(vec![objective("more", with.to_vec())]);
        let (slow, fast) = (to("more/slow", 0.0, 10.0), to("more/fast", 0.0, 10.0));
        let (old, new) = (two(&[slow, fast.clone()]), two(&[fast]));
        let known = measured(&[("more/slow", 0.5), ("more/fast", 8.0)]);
        let effect = judged(&old, &new, &known, &known);
        assert_eq!(
            effect.status_of_gone(&id("more/slow")),
            Some(Status::OffTrack)
        );
        assert_eq!(effect.status_of_gone(&id("more/fast")), None);
        let more = &effect.objectives[0];
        assert_eq!(more.ease, Ease::Easier);
        assert!(close(more.before.as_ref().unwrap().progress, 0.425));
        assert!(close(more.after.as_ref().unwrap().progress, 0.8));
        let back = judged(&new, &old, &known, &known);
        assert_eq!(back.key_results[0].before, None);
        assert_eq!(back.objectives[0].ease, Ease::Harder);
    }

    #[test]
    fn a_new_name_keeps_what_was_measured() {
        let old = company(visitors(72_000.0));
        let mut new = company(to("more/readers", 48_000.0, 66_000.0));
        let renamed = Renamed {
            key_results: [(id("more/visitors"), id("more/readers"))].into(),
            ..Renamed::default()
        };
        let known = measured(&[("more/visitors", 57_000.0)]);
        let followed = |new: &Goals| {
            let mut after = known.clone();
            follow(&old, new, &renamed, &known, &mut after);
            let within = reach(&old, new, &renamed);
            effect((&old, new), (&known, &after), &renamed, &within, day(45.0))
        };
        let [shift] = &followed(&new).key_results[..] else {
            panic!("one key result");
        };
        assert!(close(shift.before.as_ref().unwrap().progress, 0.375));
        assert!(close(shift.after.as_ref().unwrap().progress, 0.5));
        // Measured otherwise under its new name, nothing follows.
        new = company(KeyResult {
            definition: "c".repeat(16),
            ..to("more/readers", 48_000.0, 72_000.0)
        });
        assert_eq!(followed(&new).key_results[0].ease, Ease::Unknown);
    }

    #[test]
    fn a_renamed_objective_is_the_same_one() {
        let old = company(visitors(72_000.0));
        let mut new = company(visitors(72_000.0));
        let more = Arc::make_mut(&mut new.objectives[1]);
        more.id.objective = slug("wider");
        for kr in &mut more.key_results {
            Arc::make_mut(kr).id.objective = slug("wider");
        }
        let renamed = Renamed {
            objectives: [(old.objectives[1].id.clone(), new.objectives[1].id.clone())].into(),
            ..Renamed::default()
        };
        assert_eq!(reach(&old, &new, &renamed), Reach::default());
        assert_eq!(reach(&old, &new, &Renamed::default()).told.len(), 3);
    }

    #[test]
    fn ambition_moves_what_is_expected_and_not_the_progress() {
        let old = company(visitors(72_000.0));
        let mut new = old.clone();
        Arc::make_mut(&mut new.objectives[1]).ambition = Ambition::Committed;
        let known = measured(&[("more/visitors", 57_000.0)]);
        let effect = judged(&old, &new, &known, &known);
        assert_eq!(effect.objectives[0].ease, Ease::Harder);
        let shift = &effect.key_results[0];
        assert_eq!(shift.before.as_ref().unwrap().status, Status::OnTrack);
        assert_eq!(shift.after.as_ref().unwrap().status, Status::AtRisk);
    }
}
