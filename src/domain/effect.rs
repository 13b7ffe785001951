//! What a change of the goals makes of the same measurements: two scorecards of one instant, before and after, set side by
//! side. Formulas: the OKR method, "What a definition change means". Knows no file, no store and no clock.

use super::card::KeyResultCard;
use super::id::{KeyResultId, ObjectiveId};
use super::scorecard::{ObjectiveCard, Scorecard};
use super::share::EPSILON;
use super::status::Status;

/// The figures that a reviewer looks at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figures {
    /// The newest value; `None` for an objective, and where none is believed or comparable.
    pub value: Option<f64>,
    /// The share of the way, unclamped for a key result.
    pub progress: Option<f64>,
    /// The status.
    pub status: Status,
    /// Where it plausibly ends; of a key result.
    pub forecast: Option<f64>,
}

/// Before and after.
#[derive(Clone, Debug, PartialEq)]
pub struct Effect<Id> {
    /// Its id of now.
    pub id: Id,
    /// How it stood before the change.
    pub before: Figures,
    /// How it stands with it.
    pub after: Figures,
}

impl<Id> Effect<Id> {
    /// By how much of the way it is further with the change: above 0 it is easier, below 0 harder. `None` where either side
    /// is not known.
    #[must_use]
    pub fn gain(&self) -> Option<f64> {
        let gain = self.after.progress? - self.before.progress?;
        Some(if gain.abs() < EPSILON { 0.0 } else { gain })
    }
}

/// Everything whose figures another change of the goals moves, or that was asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Effects {
    /// Key results, in the order of the goals.
    pub key_results: Vec<Effect<KeyResultId>>,
    /// Objectives, in the order of the goals.
    pub objectives: Vec<Effect<ObjectiveId>>,
}

/// Sets two scorecards side by side. `key_results` and `objectives` pair the ids before with those after.
#[must_use]
pub fn effects(
    before: &Scorecard,
    after: &Scorecard,
    key_results: &[(KeyResultId, KeyResultId)],
    objectives: &[(ObjectiveId, ObjectiveId)],
    asked_for: impl Fn(&KeyResultId) -> bool,
) -> Effects {
    use std::collections::HashMap;
    let cards: HashMap<&KeyResultId, &KeyResultCard> = before
        .key_results()
        .map(|(_, card)| (&card.key_result.id, &**card))
        .collect();
    let was: HashMap<&KeyResultId, &KeyResultId> =
        key_results.iter().map(|(old, new)| (new, old)).collect();
    let of_key_results = after.key_results().filter_map(|(_, card)| {
        let id = &card.key_result.id;
        let effect = Effect {
            before: figures(cards.get(was.get(id)?)?),
            after: figures(card),
            id: id.clone(),
        };
        (differs(&effect) || asked_for(id)).then_some(effect)
    });
    let of_key_results: Vec<_> = of_key_results.collect();
    let cards: HashMap<&ObjectiveId, &ObjectiveCard> = before
        .objectives()
        .map(|card| (&card.objective.id, card))
        .collect();
    let was: HashMap<&ObjectiveId, &ObjectiveId> =
        objectives.iter().map(|(old, new)| (new, old)).collect();
    let of_objectives = after.objectives().filter_map(|card| {
        let id = &card.objective.id;
        let effect = Effect {
            before: of_objective(cards.get(was.get(id)?)?),
            after: of_objective(card),
            id: id.clone(),
        };
        differs(&effect).then_some(effect)
    });
    Effects {
        objectives: of_objectives.collect(),
        key_results: of_key_results,
    }
}

fn figures(card: &KeyResultCard) -> Figures {
    Figures {
        value: card.value.filter(|_| !card.stale).map(|(value, _)| value),
        progress: card.progress_raw,
        status: card.status,
        forecast: card.forecast.as_ref().ok().map(|forecast| forecast.value),
    }
}

fn of_objective(card: &ObjectiveCard) -> Figures {
    Figures {
        value: None,
        progress: card.progress,
        status: card.status,
        forecast: None,
    }
}

fn differs<Id>(effect: &Effect<Id>) -> bool {
    let (a, b) = (effect.before, effect.after);
    let other = |x: Option<f64>, y: Option<f64>| match (x, y) {
        (Some(x), Some(y)) => (x - y).abs() > EPSILON * x.abs().max(1.0),
        (x, y) => x.is_some() != y.is_some(),
    };
    a.status != b.status
        || other(a.value, b.value)
        || other(a.progress, b.progress)
        || other(a.forecast, b.forecast)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::epoch::in_first_units;
    use crate::domain::example::{day, goals, key_result, objective, reach, record};
    use crate::domain::goals::{Goals, KeyResult};
    use crate::domain::history::History;
    use crate::domain::rebase::Rebase;
    use crate::domain::scorecard::score;
    use crate::domain::target::{Aim, Baseline, Target};
    use jiff::civil::date;

    fn visitors(target: f64) -> KeyResult {
        let aim = reach(Baseline::Fixed(48_000.0), Target::Absolute(target));
        key_result("more/visitors", "visits", aim)
    }

    fn agreed(key_result: KeyResult) -> Goals {
        goals(vec![objective("more", vec![key_result])])
    }

    fn measured(value: f64) -> History {
        let mut history = History::default();
        let goals = agreed(visitors(72_000.0));
        let (_, key_result) = goals.key_results().next().unwrap();
        *history.record(&key_result.id) = record(&[(44.0, value)]);
        history
    }

    fn side_by_side(old: &Goals, new: &Goals, before: &History, after: &History) -> Effects {
        let pairs: Vec<_> = old
            .key_results()
            .map(|(_, kr)| (kr.id.clone(), kr.id.clone()))
            .collect();
        let all: Vec<_> = (old.objectives.iter())
            .map(|o| (o.id.clone(), o.id.clone()))
            .collect();
        let now = day(45.0);
        let (before, after) = (score(old, before, now), score(new, after, now));
        effects(&before, &after, &pairs, &all, |_| true)
    }

    /// Target 72000 → 66000 at 57000, from 48000: 0.375 → 0.5, easier.
    #[test]
    fn a_nearer_target_is_more_progress_up_to_the_objective() {
        let history = measured(57_000.0);
        let (old, new) = (agreed(visitors(72_000.0)), agreed(visitors(66_000.0)));
        let effects = side_by_side(&old, &new, &history, &history);
        let [key_result] = effects.key_results.as_slice() else {
            panic!("one key result");
        };
        assert_eq!(key_result.before.progress, Some(0.375));
        assert_eq!(key_result.after.progress, Some(0.5));
        assert!((key_result.gain().unwrap() - 0.125).abs() < 1e-12);
        let [objective] = effects.objectives.as_slice() else {
            panic!("its objective moves with it");
        };
        assert_eq!(objective.before.progress, Some(0.375));
        assert_eq!(objective.after.progress, Some(0.5));
    }

    /// Old 57000 and new 61000 at one instant: k = 1.0701754, b' 51368.4211, t' 77052.6316, progress stays 0.375.
    #[test]
    fn a_rebase_moves_the_numbers_and_not_the_progress() {
        let rebase = Rebase {
            date: date(2026, 2, 14),
            old: 57_000.0,
            new: 61_000.0,
            at: None,
            from: None,
            reason: "R".into(),
            approved_by: "lead".into(),
        };
        let rebased = KeyResult {
            rebases: vec![rebase],
            ..visitors(72_000.0)
        };
        let rebased = rebased.carried_over().unwrap();
        let Aim::Reach(carried) = &rebased.aim else {
            panic!("a way stays a way");
        };
        assert!((rebased.factor() - 1.070_175_4).abs() < 1e-6);
        assert!(matches!(carried.baseline, Baseline::Fixed(b) if (b - 51_368.421_1).abs() < 1e-4));
        assert!(matches!(carried.target, Target::Absolute(t) if (t - 77_052.631_6).abs() < 1e-4));
        let again = in_first_units(&rebased);
        let Aim::Reach(again) = &again.aim else {
            panic!("a way stays a way");
        };
        assert!(matches!(again.target, Target::Absolute(t) if (t - 72_000.0).abs() < 1e-6));

        let (before, after) = (measured(57_000.0), measured(61_000.0));
        let effects = side_by_side(
            &agreed(visitors(72_000.0)),
            &agreed(rebased),
            &before,
            &after,
        );
        let [key_result] = effects.key_results.as_slice() else {
            panic!("one key result");
        };
        assert_eq!(key_result.gain(), Some(0.0));
        assert!((key_result.after.progress.unwrap() - 0.375).abs() < 1e-9);
        assert_eq!(effects.objectives, [], "nothing moves above it");
    }

    #[test]
    fn what_is_not_known_on_one_side_is_neither_easier_nor_harder() {
        let history = measured(57_000.0);
        let goals = agreed(visitors(72_000.0));
        let effects = side_by_side(&goals, &goals, &history, &History::default());
        assert_eq!(effects.key_results[0].gain(), None);
        assert_eq!(effects.key_results[0].after.value, None);
    }
}
