//! One objective judged at one instant: the cards of its key results and of the objectives that contribute to it go
//! in, its own card comes out. Knows no samples and no clock.

use std::sync::Arc;

use jiff::Timestamp;

use super::card::KeyResultCard;
use super::cycle::Cycle;
use super::goals::{Objective, ParentLink};
use super::history::History;
use super::method::Terms;
use super::rollup::{Missing, Part, roll_up};
use super::status::{Phase, Status};
use super::target::Aim;
use super::verdict::{Closing, Outcome, Verdict};

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
    /// The final score with all amendments, once closed.
    #[must_use]
    pub fn final_score(&self) -> Option<f64> {
        self.closing?.as_amended.score
    }

    /// What its final score says, once the cycle is closed.
    #[must_use]
    pub fn verdict(&self) -> Option<Verdict> {
        self.closing.map(|closing| closing.as_amended.verdict)
    }

    /// The title of what makes its status what it is, where that asks for attention and there are several that could: a
    /// key result or contributing objective that has that status, or else the guardrail that caps it. `all` are the
    /// objectives of its cycle.
    #[must_use]
    pub fn decided_by<'a>(&'a self, all: &[&'a Self]) -> Option<&'a str> {
        let asks = matches!(
            self.status,
            Status::OffTrack | Status::AtRisk | Status::Stale | Status::NoData
        );
        let id = &self.objective.id.objective;
        let contributes = |child: &&&'a Self| {
            let parent = child.objective.parent.as_ref();
            parent.is_some_and(|p| p.objective == *id && p.link == ParentLink::Contributes)
        };
        let children: Vec<_> = all.iter().filter(contributes).collect();
        if !asks || self.key_results.len() + children.len() < 2 {
            return None;
        }
        let own = || self.key_results.iter();
        let counts = own().find(|kr| kr.weight() > 0.0 && kr.status == self.status);
        let child = || children.iter().find(|child| child.status == self.status);
        let guards = |kr: &&Arc<KeyResultCard>| {
            kr.guardrail()
                .is_some_and(|guard| guard.is_breached() || guard.status == self.status)
        };
        counts
            .map(|kr| kr.key_result.title.as_str())
            .or_else(|| child().map(|child| child.objective.title.as_str()))
            .or_else(|| own().find(guards).map(|kr| kr.key_result.title.as_str()))
    }
}

/// Judges one objective by its key results and the objectives that contribute to it, each of those with weight 1. What
/// `history` kept of its closing is shown instead of what the files of today make of it.
#[must_use]
pub fn judge_objective(
    objective: &Arc<Objective>,
    terms: Terms,
    cycle: &Cycle,
    key_results: Vec<Arc<KeyResultCard>>,
    children: &[&ObjectiveCard],
    history: &History,
    now: Timestamp,
) -> ObjectiveCard {
    let phase = Phase::of(cycle, now);
    let missing = match phase {
        Phase::Closed => Missing::IsZero,
        Phase::Pending | Phase::Open => Missing::LeftOut,
    };
    let weighed = |of_card: &dyn Fn(&KeyResultCard) -> Option<f64>,
                   of_child: &dyn Fn(&ObjectiveCard) -> Option<f64>| {
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
    let mut card = ObjectiveCard {
        objective: Arc::clone(objective),
        closing,
        closed_at: None,
        progress: made.share,
        expected: expected.share,
        coverage: made.coverage,
        status,
        key_results,
    };
    show_kept(&mut card, history);
    card
}

/// How an objective ended, with its key results as amended and as first committed.
fn close(
    terms: Terms,
    score: Option<f64>,
    key_results: &[Arc<KeyResultCard>],
    children: &[&ObjectiveCard],
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
        share: child.closing.and_then(|closing| closing.as_committed.score),
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
        at_most, day, goals, guardrail, history, key_result, objective, reach, under,
    };
    use crate::domain::goals::KeyResult;
    use crate::domain::scorecard::score;
    use crate::domain::target::{Baseline, Target};

    fn to(path: &str) -> KeyResult {
        key_result(
            path,
            "",
            reach(Baseline::Fixed(0.0), Target::Absolute(100.0)),
        )
    }

    /// What decides the status of the first of these objectives, halfway through the cycle.
    fn decided(objectives: Vec<Objective>, values: &[(&str, f64)]) -> Option<String> {
        let samples: Vec<_> = values
            .iter()
            .map(|(path, x)| (*path, [(44.0, *x)]))
            .collect();
        let samples: Vec<_> = samples.iter().map(|(path, x)| (*path, &x[..])).collect();
        let card = score(&goals(objectives), &history(&samples), day(45.0));
        let all: Vec<&ObjectiveCard> = card.objectives().collect();
        all[0].decided_by(&all).map(str::to_owned)
    }

    #[test]
    fn what_makes_a_status_what_it_is_is_named() {
        let two = || objective("o", vec![to("o/a"), to("o/b")]);
        assert_eq!(
            decided(vec![two()], &[("o/a", 60.0), ("o/b", 5.0)]).as_deref(),
            Some("o/b")
        );
        assert_eq!(
            decided(vec![two()], &[("o/a", 60.0)]).as_deref(),
            Some("o/b")
        );
        // What is well needs no cause, and what is alone no name.
        assert_eq!(decided(vec![two()], &[("o/a", 60.0), ("o/b", 60.0)]), None);
        let one = objective("o", vec![to("o/a")]);
        assert_eq!(decided(vec![one], &[("o/a", 5.0)]), None);
    }

    #[test]
    fn children_that_contribute_and_guardrails_decide_too() {
        let child = |link| under("o", link, objective("child", vec![to("child/a")]));
        let of = |link| {
            let own = objective("o", vec![to("o/a")]);
            decided(vec![own, child(link)], &[("o/a", 60.0), ("child/a", 5.0)])
        };
        assert_eq!(of(ParentLink::Contributes).as_deref(), Some("child"));
        assert_eq!(of(ParentLink::Supports), None);
        let guarded = objective(
            "o",
            vec![
                to("o/a"),
                guardrail(key_result("o/guard", "", at_most(3.0))),
            ],
        );
        let found = decided(vec![guarded], &[("o/a", 60.0), ("o/guard", 5.0)]);
        assert_eq!(found.as_deref(), Some("o/guard"));
    }
}
