//! The scorecard: goals and history judged at one instant. Every face (metrics, page, JSON, terminal) reads its
//! figures from here and computes none of its own. Pure: `now` is an argument.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

pub use super::card::KeyResultCard;
use super::contributions::Contributions;
use super::cycle::Cycle;
use super::derive;
use super::goals::{Company, Goals, Objective, Team};
use super::history::History;
use super::id::{CycleName, Slug};
use super::judge::judge;
use super::method::{Method, Terms};
pub use super::objective::ObjectiveCard;
use super::objective::judge_objective;

/// Everything that was agreed, judged. Cheap to clone: it shares the cards it is made of.
#[derive(Clone, Debug, PartialEq)]
pub struct Scorecard {
    /// The instant it was judged at.
    pub at: Timestamp,
    /// The company.
    pub company: Arc<Company>,
    /// Teams by id.
    pub teams: Arc<BTreeMap<Slug, Team>>,
    /// All cycles, by start.
    pub cycles: Arc<[Cycle]>,
    /// The settings of the method that it was judged by.
    pub method: Method,
    /// All objectives, in the order of their files.
    pub objectives: Vec<Arc<ObjectiveCard>>,
}

impl Scorecard {
    /// Every objective, in order.
    pub fn objectives(&self) -> impl Iterator<Item = &ObjectiveCard> {
        self.objectives.iter().map(|card| &**card)
    }

    /// Every key result with its objective, in order.
    pub fn key_results(&self) -> impl Iterator<Item = (&ObjectiveCard, &Arc<KeyResultCard>)> {
        self.objectives()
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

/// Judges all goals at `now`: the heart of the house. An objective whose cycle is not among the goals is left out.
#[must_use]
pub fn score(goals: &Goals, history: &History, now: Timestamp) -> Scorecard {
    let sound = |objective: &&Arc<Objective>| goals.cycles.contains_key(&objective.id.cycle);
    let objectives: Vec<_> = goals.objectives.iter().filter(sound).cloned().collect();
    let mut standings = Standings::new(goals, objectives);
    let all = 0..standings.objectives.len();
    standings.judge_again(all, history, now, |_, objective, cycle| {
        let judged = objective.key_results.iter().map(|key_result| {
            let record = derive::record(objective, key_result, history);
            judge(
                key_result,
                goals.terms(objective),
                cycle,
                record.as_deref(),
                now,
            )
        });
        judged.collect()
    });
    standings.scorecard(now)
}

/// All objectives as they were judged last. Where a key result changed, its objective and those above it are judged again
/// and no other, so that one new value costs what one key result costs.
#[derive(Clone, Debug)]
pub struct Standings {
    company: Arc<Company>,
    teams: Arc<BTreeMap<Slug, Team>>,
    cycles: Arc<[Cycle]>,
    method: Method,
    objectives: Vec<Arc<Objective>>,
    terms: Vec<Terms>,
    links: Contributions,
    /// One for each objective; `None` until it is judged.
    cards: Vec<Option<Arc<ObjectiveCard>>>,
}

impl Standings {
    /// These objectives of the goals, none of them judged yet.
    #[must_use]
    pub fn new(goals: &Goals, objectives: Vec<Arc<Objective>>) -> Self {
        let mut cycles: Vec<Cycle> = goals.cycles.values().cloned().collect();
        cycles.sort_by_key(Cycle::start);
        Self {
            company: Arc::new(goals.company.clone()),
            teams: Arc::new(goals.teams.clone()),
            cycles: cycles.into(),
            method: goals.method,
            links: Contributions::of(&objectives),
            cards: vec![None; objectives.len()],
            terms: objectives.iter().map(|o| goals.terms(o)).collect(),
            objectives,
        }
    }

    /// Judges the objectives at these places again and those in whose score they count. `cards_of` gives the cards of the
    /// key results of the one at a place, in their order; made by [`judge`] at `now`, or earlier where nothing changed.
    pub fn judge_again(
        &mut self,
        places: impl IntoIterator<Item = usize>,
        history: &History,
        now: Timestamp,
        mut cards_of: impl FnMut(usize, &Objective, &Cycle) -> Vec<Arc<KeyResultCard>>,
    ) {
        for place in self.links.upwards(places) {
            let objective = &self.objectives[place];
            let of_it = |cycle: &&Cycle| cycle.name == objective.id.cycle;
            let Some(cycle) = self.cycles.iter().find(of_it) else {
                continue;
            };
            let below = self.links.below(place).iter();
            let below: Vec<&ObjectiveCard> =
                below.filter_map(|i| self.cards[*i].as_deref()).collect();
            let own = cards_of(place, objective, cycle);
            let card = judge_objective(
                objective,
                self.terms[place],
                cycle,
                own,
                &below,
                history,
                now,
            );
            self.cards[place] = Some(Arc::new(card));
        }
    }

    /// All that was judged, as it stands at `now`; figures that follow the clock are as old as their cards.
    #[must_use]
    pub fn scorecard(&self, now: Timestamp) -> Scorecard {
        Scorecard {
            at: now,
            company: Arc::clone(&self.company),
            teams: Arc::clone(&self.teams),
            cycles: Arc::clone(&self.cycles),
            method: self.method,
            objectives: self.cards.iter().flatten().cloned().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::example::{
        at_most, day, days, goals, guardrail, key_result, objective, quarter, reach, record, under,
    };
    use crate::domain::goals::{KeyResult, ParentLink};
    use crate::domain::history::Record;
    use crate::domain::id::KeyResultId;
    use crate::domain::status::Status;
    use crate::domain::target::{Aim, Baseline, Reach, Target};
    use proptest::prelude::*;
    use std::collections::HashMap;

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
        let reason = crate::words::ENGLISH.reason(&more.key_results[0]);
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
    fn what_did_not_change_is_shared_and_not_made_again() {
        let alone = |name| objective(name, vec![to(&format!("{name}/k"), 0.0, 10.0)]);
        let company = goals(vec![
            alone("company"),
            under("company", ParentLink::Contributes, alone("team")),
            under("company", ParentLink::Supports, alone("drawn")),
        ]);
        let now = day(45.0);
        let mut standings = Standings::new(&company, company.objectives.clone());
        assert!(standings.scorecard(now).objectives.is_empty());
        let cards_of = |_, objective: &Objective, cycle: &Cycle| {
            let judged = objective.key_results.iter();
            let judged = judged.map(|kr| judge(kr, company.terms(objective), cycle, None, now));
            judged.collect()
        };
        standings.judge_again(0..3, &History::default(), now, cards_of);
        let first = standings.scorecard(now);
        standings.judge_again([1], &History::default(), now, cards_of);
        let second = standings.scorecard(now);
        assert_eq!(first, second);
        let pairs = first.objectives.iter().zip(&second.objectives);
        let shared: Vec<bool> = pairs.map(|(a, b)| Arc::ptr_eq(a, b)).collect();
        assert_eq!(shared, [false, false, true]);
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

        /// New values for some key results: judging those, and their objectives with what stands above, gives what judging
        /// all does.
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
            let mut standings = Standings::new(&goals, goals.objectives.clone());
            let at_hand = |cards: &HashMap<KeyResultId, Arc<KeyResultCard>>, objective: &Objective| {
                objective.key_results.iter().map(|kr| Arc::clone(&cards[&kr.id])).collect()
            };
            standings.judge_again(0..goals.objectives.len(), &history, now, |_, o, _| at_hand(&cards, o));
            let all: Vec<_> = goals.key_results().collect();
            let mut places = Vec::new();
            for (at, samples) in changes {
                if all.is_empty() { break; }
                let (objective, kr) = at.get(&all);
                let changed: Record = record(&samples);
                *history.record(&kr.id) = changed;
                let card = judge(kr, goals.terms(objective), &quarter(), history.get(&kr.id), now);
                cards.insert(kr.id.clone(), card);
                places.extend(goals.objectives.iter().position(|o| o.id == objective.id));
            }
            standings.judge_again(places, &history, now, |_, o, _| at_hand(&cards, o));
            prop_assert_eq!(standings.scorecard(now), score(&goals, &history, now));
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
                Arc::clone(&score(&goals, &history, day(now)).objectives[0])
            };
            let (a, b) = (judged(&given), judged(&mixed));
            prop_assert_eq!(a.status, b.status);
            prop_assert!((a.coverage - b.coverage).abs() < 1e-9);
            prop_assert_eq!(a.progress.is_some(), b.progress.is_some());
            prop_assert!((a.progress.unwrap_or(0.0) - b.progress.unwrap_or(0.0)).abs() < 1e-9);
        }
    }
}
