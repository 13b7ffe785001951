//! The scorecard: goals and history judged at one instant. Every face (metrics, page, JSON, terminal) reads its
//! figures from here and computes none of its own. Pure: `now` is an argument.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::Timestamp;

pub use super::card::KeyResultCard;
use super::cycle::Cycle;
use super::derive;
use super::goals::{Company, Goals, KeyResult, Objective, ParentLink, Team};
use super::history::History;
use super::id::{CycleName, ObjectiveId, Slug};
use super::judge::judge;
use super::method::Terms;
use super::rollup::{Missing, Part, roll_up};
use super::status::{Phase, Status};
use super::target::Aim;
use super::verdict::{Closing, Outcome, Verdict};

/// Everything that was agreed, judged.
#[derive(Clone, Debug, PartialEq)]
pub struct Scorecard {
    /// The instant it was judged at.
    pub at: Timestamp,
    /// The company.
    pub company: Company,
    /// Teams by id.
    pub teams: BTreeMap<Slug, Team>,
    /// All cycles, by start.
    pub cycles: Vec<Cycle>,
    /// All objectives, in the order of their files.
    pub objectives: Vec<ObjectiveCard>,
}

/// An objective, judged.
#[derive(Clone, Debug, PartialEq)]
pub struct ObjectiveCard {
    /// What was agreed.
    pub objective: Arc<Objective>,
    /// The weighted mean of what is known, 0 to 1; `None` when nothing is.
    pub progress: Option<f64>,
    /// The score that the plan expects by now: S times the planned share (c* times it for a band), weighted alike
    /// over all that counts, known or not; `None` when nothing counts.
    pub expected: Option<f64>,
    /// The share of the weights that is known, 0 to 1; 0 when nothing counts.
    pub coverage: f64,
    /// The worst status of what counts, capped by guardrails.
    pub status: Status,
    /// How it ended, once the cycle is closed.
    pub closing: Option<Closing>,
    /// When that was kept for good.
    pub closed_at: Option<Timestamp>,
    /// Its key results, in order.
    pub key_results: Vec<Arc<KeyResultCard>>,
}

impl ObjectiveCard {
    /// What its final score says, once the cycle is closed.
    #[must_use]
    pub fn verdict(&self) -> Option<Verdict> {
        self.closing.map(|closing| closing.as_amended.verdict)
    }
}

impl Scorecard {
    /// Every key result with its objective, in order.
    pub fn key_results(&self) -> impl Iterator<Item = (&ObjectiveCard, &Arc<KeyResultCard>)> {
        self.objectives
            .iter()
            .flat_map(|o| o.key_results.iter().map(move |kr| (o, kr)))
    }

    /// The cycles as people want to read them: open ones first, then those to come, then those that ended; the newest
    /// first within each.
    #[must_use]
    pub fn in_reading_order(&self, now: Timestamp) -> Vec<&Cycle> {
        let mut cycles: Vec<_> = self.cycles.iter().collect();
        cycles.sort_by_key(|cycle| {
            let ended = cycle.end() <= now;
            (ended, !cycle.is_open(now), std::cmp::Reverse(cycle.start()))
        });
        cycles
    }

    /// The cycle of this name.
    #[must_use]
    pub fn cycle(&self, name: &CycleName) -> Option<&Cycle> {
        self.cycles.iter().find(|cycle| cycle.name == *name)
    }
}

/// Judges all goals at `now`: the heart of the house.
#[must_use]
pub fn score(goals: &Goals, history: &History, now: Timestamp) -> Scorecard {
    assemble(goals, history, now, |objective, key_result, cycle| {
        let record = derive::record(objective, key_result, history);
        judge(
            key_result,
            goals.terms(objective),
            cycle,
            record.as_deref(),
            now,
        )
    })
}

/// Puts a scorecard together from the cards of its key results: `card_of` is asked once for each, in the order of
/// [`Goals::key_results`], and may answer with a card made earlier. Only objectives are judged here, so that a single
/// new value costs one [`judge`] and this.
///
/// With the cards that [`judge`] makes at `now` the outcome is that of [`score`]; figures that follow the clock are
/// as old as their cards. An objective whose cycle is not among the goals is left out.
#[must_use]
pub fn assemble(
    goals: &Goals,
    history: &History,
    now: Timestamp,
    mut card_of: impl FnMut(&Objective, &Arc<KeyResult>, &Cycle) -> Arc<KeyResultCard>,
) -> Scorecard {
    let mut cycles: Vec<Cycle> = goals.cycles.values().cloned().collect();
    cycles.sort_by_key(Cycle::start);
    let drafts = goals.objectives.iter().filter_map(|objective| {
        let cycle = goals.cycles.get(&objective.id.cycle)?;
        let key_results = objective.key_results.iter();
        let key_results = key_results.map(|kr| card_of(objective, kr, cycle));
        Some(Draft {
            objective,
            terms: goals.terms(objective),
            cycle,
            key_results: key_results.collect(),
        })
    });
    Scorecard {
        at: now,
        company: goals.company.clone(),
        teams: goals.teams.clone(),
        cycles,
        objectives: judge_objectives(drafts.collect(), history, now),
    }
}

/// An objective whose key results have been judged.
struct Draft<'a> {
    objective: &'a Arc<Objective>,
    terms: Terms,
    cycle: &'a Cycle,
    key_results: Vec<Arc<KeyResultCard>>,
}

/// What an objective adds to the one it contributes to.
#[derive(Clone, Copy)]
struct Child {
    progress: Option<f64>,
    expected: Option<f64>,
    /// Its score as first committed, once closed.
    committed: Option<f64>,
    status: Status,
}

/// Judges all objectives, those that contribute before those they contribute to; the answer keeps the order given.
/// Where links run in a circle, which checked goals never do, they count for nothing.
fn judge_objectives(
    drafts: Vec<Draft<'_>>,
    history: &History,
    now: Timestamp,
) -> Vec<ObjectiveCard> {
    let links: HashMap<&ObjectiveId, ObjectiveId> = drafts
        .iter()
        .filter_map(|draft| Some((&draft.objective.id, contributes_to(draft.objective)?)))
        .collect();
    let mut order: Vec<(Option<usize>, usize, Draft<'_>)> = Vec::with_capacity(drafts.len());
    let depths: Vec<Option<usize>> = drafts
        .iter()
        .map(|draft| depth(&draft.objective.id, &links))
        .collect();
    for (place, (depth, draft)) in depths.into_iter().zip(drafts).enumerate() {
        order.push((depth, place, draft));
    }
    order.sort_by_key(|(depth, ..)| Reverse(*depth));

    let mut children: HashMap<ObjectiveId, Vec<Child>> = HashMap::new();
    let mut judged: Vec<(usize, ObjectiveCard)> = Vec::with_capacity(order.len());
    for (depth, place, draft) in order {
        let own = children.remove(&draft.objective.id).unwrap_or_default();
        let parent = depth.and_then(|_| contributes_to(draft.objective));
        let mut card = judge_objective(draft, &own, now);
        show_kept(&mut card, history);
        if let Some(parent) = parent {
            children.entry(parent).or_default().push(Child {
                progress: card.progress,
                expected: card.expected,
                committed: card.closing.and_then(|c| c.as_committed.score),
                status: card.status,
            });
        }
        judged.push((place, card));
    }
    judged.sort_by_key(|(place, _)| *place);
    judged.into_iter().map(|(_, card)| card).collect()
}

/// The objective in whose score this one counts.
fn contributes_to(objective: &Objective) -> Option<ObjectiveId> {
    let parent = objective.parent.as_ref()?;
    (parent.link == ParentLink::Contributes).then(|| ObjectiveId {
        cycle: objective.id.cycle.clone(),
        objective: parent.objective.clone(),
    })
}

/// How many objectives stand above this one; `None` when the links never end.
fn depth(id: &ObjectiveId, links: &HashMap<&ObjectiveId, ObjectiveId>) -> Option<usize> {
    let mut at = id;
    for above in 0..=links.len() {
        match links.get(at) {
            Some(parent) => at = parent,
            None => return Some(above),
        }
    }
    None
}

/// Judges one objective by its key results and the children that contribute to it, each of those with weight 1.
fn judge_objective(draft: Draft<'_>, children: &[Child], now: Timestamp) -> ObjectiveCard {
    let Draft {
        objective,
        terms,
        cycle,
        key_results,
    } = draft;
    let phase = Phase::of(cycle, now);
    let missing = match phase {
        Phase::Closed => Missing::IsZero,
        Phase::Pending | Phase::Open => Missing::LeftOut,
    };
    let weighed = |of_card: &dyn Fn(&KeyResultCard) -> Option<f64>,
                   of_child: &dyn Fn(&Child) -> Option<f64>| {
        let part = |weight, share| Part { weight, share };
        let own = key_results.iter().map(|kr| part(kr.weight(), of_card(kr)));
        let others = children.iter().map(|child| part(1.0, of_child(child)));
        own.chain(others).collect::<Vec<Part>>()
    };
    let made = roll_up(
        &weighed(&|kr| kr.progress, &|child| child.progress),
        missing,
    );
    let due = |kr: &KeyResultCard| {
        let share = kr.expected_progress.unwrap_or_else(|| cycle.elapsed(now));
        Some(due_at_end(kr, terms) * share)
    };
    let expected = roll_up(&weighed(&due, &|child| child.expected), Missing::LeftOut);

    let counting = key_results.iter().filter(|kr| kr.weight() > 0.0);
    let counting = counting.map(|kr| kr.status);
    let status = Status::of_objective(
        phase,
        counting.chain(children.iter().map(|child| child.status)),
        key_results.iter().filter_map(|kr| kr.guardrail()),
    );
    let closing =
        (phase == Phase::Closed).then(|| close(terms, made.share, &key_results, children));
    ObjectiveCard {
        objective: Arc::clone(objective),
        closing,
        closed_at: None,
        progress: made.share,
        expected: expected.share,
        coverage: made.coverage,
        status,
        key_results,
    }
}

/// How an objective ended, with its key results as amended and as first committed.
fn close(
    terms: Terms,
    score: Option<f64>,
    key_results: &[Arc<KeyResultCard>],
    children: &[Child],
) -> Closing {
    let own = key_results.iter().map(|card| {
        let first = card.key_result.as_first_committed();
        Part {
            weight: first.map_or_else(|| card.weight(), |first| first.counts_for()),
            share: card.closing.and_then(|closing| closing.as_committed.score),
        }
    });
    let others = children.iter().map(|child| Part {
        weight: 1.0,
        share: child.committed,
    });
    let parts: Vec<Part> = own.chain(others).collect();
    let committed = roll_up(&parts, Missing::IsZero).share;
    Closing {
        as_amended: Outcome::of_objective(score, terms),
        as_committed: Outcome::of_objective(committed, terms),
    }
}

/// Shows what was kept at the close instead of what the files of today make of it.
fn show_kept(card: &mut ObjectiveCard, history: &History) {
    let kept = history.closing(&card.objective.id);
    if let Some(kept) = kept.filter(|_| card.status == Status::Closed) {
        card.progress = kept.closing.as_amended.score;
        card.coverage = kept.coverage;
        card.closing = Some(kept.closing);
        card.closed_at = Some(kept.at);
    }
}

/// The score that is expected of a key result at the end: S, or all where the pace is a gap; c* for a band.
fn due_at_end(card: &KeyResultCard, terms: Terms) -> f64 {
    match &card.key_result.aim {
        Aim::Reach(_) | Aim::Milestones(_) | Aim::Done | Aim::Baseline(_) => {
            terms.method.pace.expected_at_end(terms.ambition)
        }
        Aim::Hold(hold) => hold.compliance,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::example::{
        at_most, day, days, goals, guardrail, key_result, objective, quarter, reach, record, under,
    };
    use crate::domain::history::Record;
    use crate::domain::id::KeyResultId;
    use crate::domain::target::{Baseline, Reach, Target};
    use proptest::prelude::*;

    fn to(path: &str, baseline: f64, target: f64) -> KeyResult {
        key_result(
            path,
            "",
            reach(Baseline::Fixed(baseline), Target::Absolute(target)),
        )
    }

    fn history(records: &[(&str, &[(f64, f64)])]) -> History {
        let mut history = History::default();
        for (path, samples) in records {
            let id = KeyResultId::parse_full(&format!("{}:{path}", quarter().name)).unwrap();
            *history.record(&id) = record(samples);
        }
        history
    }

    fn close(found: Option<f64>, expected: f64) -> bool {
        found.is_some_and(|x| (x - expected).abs() < 1e-6)
    }

    /// The worked example: aspirational, half of the cycle has passed.
    fn visitors() -> Goals {
        let strict = Aim::Reach(Reach {
            baseline: Baseline::Fixed(640.0),
            target: Target::Absolute(1000.0),
            strict: true,
            anchors: None,
        });
        let share = |b, share| reach(Baseline::Fixed(b), Target::Share(share));
        goals(vec![objective(
            "more",
            vec![
                key_result("more/subscribers", "subscribers", strict),
                key_result("more/accounts", "accounts", share(2000.0, 0.3)),
                key_result("more/visitors", "visits", share(48_000.0, 0.5)),
            ],
        )])
    }

    #[test]
    fn the_worked_example_comes_out() {
        let measured = history(&[
            ("more/subscribers", &[(44.0, 910.0)]),
            ("more/accounts", &[(44.0, 2300.0)]),
            ("more/visitors", &[(44.0, 45_600.0)]),
        ]);
        let card = score(&visitors(), &measured, day(45.0));
        let [more] = card.objectives.as_slice() else {
            panic!("one objective");
        };
        for (i, progress, pace, status) in [
            (0, 0.75, 2.142_857_1, Status::OnTrack),
            (1, 0.5, 1.428_571_4, Status::OnTrack),
            (2, -0.1, -0.285_714_3, Status::OffTrack),
        ] {
            let kr = &more.key_results[i];
            assert!(
                close(kr.progress_raw, progress) && close(kr.pace, pace),
                "{kr:?}"
            );
            assert_eq!(kr.status, status, "{}", kr.key_result.id);
        }
        assert!(close(more.progress, 0.416_666_7) && close(more.expected, 0.35));
        assert_eq!((more.coverage, more.status), (1.0, Status::OffTrack));
        assert_eq!((card.at, card.cycles.len()), (day(45.0), 1));
    }

    #[test]
    fn a_source_that_died_before_its_first_sample_is_no_zero() {
        let measured = history(&[
            ("more/subscribers", &[(44.0, 910.0)]),
            ("more/accounts", &[(44.0, 2300.0)]),
        ]);
        let open = &score(&visitors(), &measured, day(45.0)).objectives[0];
        assert!(close(open.progress, 0.625) && close(Some(open.coverage), 0.666_666_7));
        assert_eq!(open.status, Status::NoData);
        assert!(
            close(open.expected, 0.35),
            "the plan does not hang on who answers"
        );
        // Once closed it counts as nothing achieved.
        let closed = &score(&visitors(), &measured, day(97.0)).objectives[0];
        assert!(close(closed.progress, 0.416_666_7) && close(Some(closed.coverage), 0.666_666_7));
        assert_eq!(closed.status, Status::Closed);
        // Nothing known at all stays unknown.
        let nothing = &score(&visitors(), &History::default(), day(97.0)).objectives[0];
        assert_eq!((nothing.progress, nothing.coverage), (None, 0.0));
    }

    /// Key results .27 and .18 and a child of .73; the child's child counts through it.
    fn tree(link: ParentLink) -> (Goals, History) {
        let goals = goals(vec![
            objective(
                "top",
                vec![to("top/a", 0.0, 100.0), to("top/b", 0.0, 100.0)],
            ),
            under("top", link, objective("mid", vec![to("mid/a", 0.0, 100.0)])),
            under("mid", link, objective("low", vec![to("low/a", 0.0, 100.0)])),
        ]);
        let measured = history(&[
            ("top/a", &[(44.0, 27.0)]),
            ("top/b", &[(44.0, 18.0)]),
            ("mid/a", &[(44.0, 96.0)]),
            ("low/a", &[(44.0, 50.0)]),
        ]);
        (goals, measured)
    }

    #[test]
    fn children_that_contribute_count_with_weight_one() {
        let (mut goals, measured) = tree(ParentLink::Contributes);
        let card = score(&goals, &measured, day(45.0));
        let progress: Vec<_> = card
            .objectives
            .iter()
            .map(|o| o.progress.unwrap())
            .collect();
        assert!(close(Some(progress[0]), 0.393_333_3), "{progress:?}");
        assert!(close(Some(progress[1]), 0.73), "{progress:?}");
        // What a child lacks shows in its parents: silence is passed on.
        let silent = score(&goals, &history(&[("top/a", &[(44.0, 80.0)])]), day(45.0));
        assert_eq!(silent.objectives[0].status, Status::NoData);
        assert!(close(Some(silent.objectives[0].coverage), 1.0 / 3.0));
        // The order of the files changes nothing.
        goals.objectives.reverse();
        let mut turned = score(&goals, &measured, day(45.0));
        turned.objectives.reverse();
        assert_eq!(turned, card);
    }

    #[test]
    fn children_that_support_are_drawn_only() {
        let (goals, measured) = tree(ParentLink::Supports);
        let card = score(&goals, &measured, day(45.0));
        assert!(close(card.objectives[0].progress, 0.225));
        assert!(close(card.objectives[1].progress, 0.96));
    }

    #[test]
    fn links_in_a_circle_count_for_nothing() {
        let link = ParentLink::Contributes;
        let goals = goals(vec![
            under("b", link, objective("a", vec![to("a/k", 0.0, 100.0)])),
            under("a", link, objective("b", vec![to("b/k", 0.0, 100.0)])),
            under("nowhere", link, objective("c", vec![to("c/k", 0.0, 100.0)])),
        ]);
        let measured = history(&[("a/k", &[(44.0, 10.0)]), ("b/k", &[(44.0, 90.0)])]);
        let card = score(&goals, &measured, day(45.0));
        assert!(close(card.objectives[0].progress, 0.1) && close(card.objectives[1].progress, 0.9));
        assert_eq!(card.objectives[2].progress, None);
    }

    #[test]
    fn guardrails_cap_the_status_and_weigh_nothing() {
        let fine = to("more/subscribers", 640.0, 1000.0);
        // A weight by mistake does not make a guardrail count.
        let complaints = KeyResult {
            weight: 5.0,
            ..guardrail(key_result("more/complaints", "", at_most(300.0)))
        };
        let goals = goals(vec![objective("more", vec![fine, complaints])]);
        for (complaints, status) in [
            (&[(0.0, 250.0)][..], Status::AtTarget),
            (&[(0.0, 250.0), (44.0, 320.0)], Status::AtRisk),
            (&[], Status::NoData),
        ] {
            let measured = history(&[
                ("more/subscribers", &[(44.0, 1200.0)]),
                ("more/complaints", complaints),
            ]);
            let more = &score(&goals, &measured, day(45.0)).objectives[0];
            assert_eq!((more.progress, more.coverage), (Some(1.0), 1.0));
            assert!(close(more.expected, 0.35), "only what counts is expected");
            assert_eq!(more.status, status, "{complaints:?}");
        }
    }

    #[test]
    fn a_band_is_expected_to_hold_for_its_own_share() {
        let band = key_result("more/complaints", "", at_most(300.0));
        let goals = goals(vec![objective("more", vec![band, to("more/k", 0.0, 1.0)])]);
        let more = &score(&goals, &History::default(), day(45.0)).objectives[0];
        assert!(close(more.expected, (0.9 * 0.5 + 0.7 * 0.5) / 2.0));
    }

    /// b 48000, t 72000 (written "+50%") amended to 66000, final 63000.
    #[test]
    fn what_was_amended_keeps_two_scores() {
        use crate::domain::amendment::{Amendment, Change, Step};
        use crate::domain::verdict::Verdict;
        let mut visitors = to("more/visitors", 48_000.0, 66_000.0);
        visitors.amendments = vec![Amendment {
            date: jiff::civil::date(2026, 2, 2),
            change: Change::Target(Step {
                from: Target::Share(0.5),
                to: Target::Absolute(66_000.0),
            }),
            reason: "R".into(),
            approved_by: "content team lead".into(),
        }];
        let plain = to("more/plain", 0.0, 10.0);
        let goals = goals(vec![
            under(
                "top",
                ParentLink::Contributes,
                objective("more", vec![visitors, plain]),
            ),
            objective("top", vec![]),
        ]);
        let measured = history(&[
            ("more/visitors", &[(80.0, 63_000.0)]),
            ("more/plain", &[(80.0, 3.0)]),
        ]);
        let open = &score(&goals, &measured, day(96.0)).objectives[0];
        assert_eq!((open.closing, open.key_results[0].closing), (None, None));
        let card = score(&goals, &measured, day(97.0));
        let [more, top] = card.objectives.as_slice() else {
            panic!("two objectives");
        };
        let closing = more.key_results[0].closing.unwrap();
        assert!(close(closing.as_committed.score, 0.625));
        assert_eq!(closing.as_committed.verdict, Verdict::Achieved);
        assert!(close(closing.as_amended.score, 0.833_333_3));
        assert_eq!(closing.as_amended.verdict, Verdict::Strong);
        let reason = &more.key_results[0].reason;
        assert!(
            reason.ends_with("As first committed it is 0.6, achieved."),
            "{reason}"
        );
        let plain = more.key_results[1].closing.unwrap();
        assert_eq!(plain.committed_otherwise(), None);
        // The objective and the one it counts in are rolled up twice too.
        for objective in [more, top] {
            let closing = objective.closing.unwrap();
            assert!(close(closing.as_committed.score, (0.625 + 0.3) / 2.0));
            assert!(close(closing.as_amended.score, (0.833_333_3 + 0.3) / 2.0));
        }
    }

    /// What was first committed counted with the weights of that time.
    #[test]
    fn amended_weights_and_roles_count_in_the_amended_score_only() {
        use crate::domain::amendment::{Amendment, Change, Step};
        use crate::domain::goals::Role;
        let on_first = |change| Amendment {
            date: jiff::civil::date(2026, 2, 1),
            change,
            reason: String::new(),
            approved_by: String::new(),
        };
        let mut heavy = to("more/heavy", 0.0, 10.0);
        heavy.weight = 3.0;
        heavy.amendments = vec![on_first(Change::Weight(Step { from: 1.0, to: 3.0 }))];
        let mut spared = guardrail(to("more/spared", 0.0, 10.0));
        spared.amendments = vec![on_first(Change::Role(Step {
            from: Role::Contributes,
            to: Role::Guardrail,
        }))];
        let goals = goals(vec![objective(
            "more",
            vec![heavy, spared, to("more/plain", 0.0, 10.0)],
        )]);
        let measured = history(&[
            ("more/heavy", &[(80.0, 8.0)]),
            ("more/spared", &[(80.0, 0.0)]),
            ("more/plain", &[(80.0, 4.0)]),
        ]);
        let closing = score(&goals, &measured, day(97.0)).objectives[0].closing;
        assert!(close(
            closing.unwrap().as_amended.score,
            (3.0 * 0.8 + 0.4) / 4.0
        ));
        assert!(close(
            closing.unwrap().as_committed.score,
            (0.8 + 0.0 + 0.4) / 3.0
        ));
    }

    #[test]
    fn an_objective_of_no_known_cycle_is_left_out() {
        let mut goals = visitors();
        goals.cycles.clear();
        assert!(
            score(&goals, &History::default(), day(45.0))
                .objectives
                .is_empty()
        );
    }

    #[test]
    fn cards_at_hand_are_shared_not_made_again() {
        let first = score(&visitors(), &History::default(), day(45.0));
        let mut cards = first.key_results().map(|(_, kr)| Arc::clone(kr));
        let second = assemble(&visitors(), &History::default(), day(45.0), |_, _, _| {
            cards.next().unwrap()
        });
        let pairs = first.key_results().zip(second.key_results());
        assert_eq!(pairs.filter(|(a, b)| Arc::ptr_eq(a.1, b.1)).count(), 3);
        assert_eq!(first, second);
        assert!(second.cycle(&quarter().name).is_some());
    }

    /// Objectives (each under an earlier one or none) of key results (kind of aim, weight, guardrail).
    type Shape = Vec<(Option<prop::sample::Index>, bool, Vec<(u8, f64, bool)>)>;

    fn shape() -> impl Strategy<Value = Shape> {
        let key_result = (0_u8..3, prop_oneof![0.0..5.0, Just(0.0)], any::<bool>());
        let key_results = prop::collection::vec(key_result, 0..4);
        let objective = (
            prop::option::of(any::<prop::sample::Index>()),
            any::<bool>(),
            key_results,
        );
        prop::collection::vec(objective, 1..5)
    }

    fn build(shape: &Shape) -> Goals {
        let mut objectives = Vec::new();
        for (i, (parent, contributes, key_results)) in shape.iter().enumerate() {
            let key_results = key_results
                .iter()
                .enumerate()
                .map(|(k, (aim, weight, guards))| {
                    let aim = match aim {
                        0 => at_most(50.0),
                        1 => reach(Baseline::First, Target::Share(0.5)),
                        _ => reach(Baseline::Fixed(0.0), Target::Absolute(100.0)),
                    };
                    let plain = KeyResult {
                        weight: *weight,
                        stale_after: days(20),
                        ..key_result(&format!("o{i}/k{k}"), "", aim)
                    };
                    if *guards { guardrail(plain) } else { plain }
                });
            let own = objective(&format!("o{i}"), key_results.collect());
            let link = if *contributes {
                ParentLink::Contributes
            } else {
                ParentLink::Supports
            };
            objectives.push(match parent {
                Some(parent) if i > 0 => under(&format!("o{}", parent.index(i)), link, own),
                _ => own,
            });
        }
        goals(objectives)
    }

    fn samples() -> impl Strategy<Value = Vec<(f64, f64)>> {
        prop::collection::vec((-5.0..110.0, -20.0..150.0), 0..6)
    }

    fn fill(goals: &Goals, all: &[Vec<(f64, f64)>]) -> History {
        let mut history = History::default();
        for ((_, kr), samples) in goals.key_results().zip(all.iter().cycle()) {
            *history.record(&kr.id) = record(samples);
        }
        history
    }

    proptest! {
        #[test]
        fn a_scorecard_is_always_sound(
            shape in shape(), all in prop::collection::vec(samples(), 1..16), now in -5.0..110.0,
        ) {
            let goals = build(&shape);
            let card = score(&goals, &fill(&goals, &all), day(now));
            prop_assert_eq!(card.objectives.len(), goals.objectives.len());
            for (of, from) in card.objectives.iter().zip(&goals.objectives) {
                prop_assert!(Arc::ptr_eq(&of.objective, from));
                for share in [of.progress, of.expected, Some(of.coverage)] {
                    prop_assert!(share.is_none_or(|s| (0.0..=1.0).contains(&s)), "{:?}", of);
                }
                prop_assert_eq!(of.progress.is_some(), of.coverage > 0.0);
                let silent = of.key_results.iter()
                    .any(|kr| kr.weight() > 0.0 && matches!(kr.status, Status::NoData | Status::Stale));
                let green = matches!(of.status, Status::OnTrack | Status::AtTarget | Status::TooEarly);
                prop_assert!(!(silent && green), "silence is never green: {:?}", of);
            }
        }

        /// New values for some key results: judging those and taking the other cards along gives what judging all does.
        #[test]
        fn a_card_at_a_time_comes_to_the_whole(
            shape in shape(),
            before in prop::collection::vec(samples(), 1..16),
            changes in prop::collection::vec((any::<prop::sample::Index>(), samples()), 0..6),
            now in -5.0..110.0,
        ) {
            let goals = build(&shape);
            let now = day(now);
            let mut history = fill(&goals, &before);
            let mut cards: HashMap<KeyResultId, Arc<KeyResultCard>> = score(&goals, &history, now)
                .key_results()
                .map(|(_, kr)| (kr.key_result.id.clone(), Arc::clone(kr)))
                .collect();
            let all: Vec<_> = goals.key_results().collect();
            for (at, samples) in changes {
                if all.is_empty() { break; }
                let (objective, kr) = at.get(&all);
                let changed: Record = record(&samples);
                *history.record(&kr.id) = changed;
                let card = judge(kr, goals.terms(objective), &quarter(), history.get(&kr.id), now);
                cards.insert(kr.id.clone(), card);
            }
            let assembled = assemble(&goals, &history, now, |_, kr, _| Arc::clone(&cards[&kr.id]));
            prop_assert_eq!(assembled, score(&goals, &history, now));
        }

        /// The order in which an objective lists its key results changes none of its figures.
        #[test]
        fn the_order_of_key_results_does_not_matter(
            (given, mixed) in prop::collection::vec((samples(), 0.0..5.0), 1..6)
                .prop_flat_map(|krs| (Just(krs.clone()), Just(krs).prop_shuffle())),
            now in 0.0..110.0,
        ) {
            let judged = |krs: &[(Vec<(f64, f64)>, f64)]| {
                let mut history = History::default();
                let list = krs.iter().enumerate().map(|(i, (samples, weight))| {
                    let kr = KeyResult { weight: *weight, ..to(&format!("o/k{i}"), 0.0, 100.0) };
                    *history.record(&kr.id) = record(samples);
                    kr
                });
                let goals = goals(vec![objective("o", list.collect())]);
                score(&goals, &history, day(now)).objectives.remove(0)
            };
            let (a, b) = (judged(&given), judged(&mixed));
            prop_assert_eq!(a.status, b.status);
            prop_assert!((a.coverage - b.coverage).abs() < 1e-9);
            prop_assert_eq!(a.progress.is_some(), b.progress.is_some());
            prop_assert!((a.progress.unwrap_or(0.0) - b.progress.unwrap_or(0.0)).abs() < 1e-9);
        }
    }
}
