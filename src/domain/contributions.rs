//! Which objectives count in the score of which others, and in what order they are judged: those below first. Knows no
//! figures. Where links run in a circle, which checked goals never do, they count for nothing.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::goals::{Objective, ParentLink};
use super::id::ObjectiveId;

/// The links among objectives that are told by their places in one list.
#[derive(Clone, Debug, Default)]
pub struct Contributions {
    above: Vec<Option<usize>>,
    below: Vec<Vec<usize>>,
    /// How many objectives stand above.
    depth: Vec<usize>,
}

impl Contributions {
    /// The links of these objectives. One to an objective that is not among them leads nowhere.
    #[must_use]
    pub fn of(objectives: &[Arc<Objective>]) -> Self {
        let places: HashMap<&ObjectiveId, usize> = objectives
            .iter()
            .enumerate()
            .map(|(place, objective)| (&objective.id, place))
            .collect();
        let told: Vec<Option<usize>> = objectives
            .iter()
            .map(|objective| places.get(&contributes_to(objective)?).copied())
            .collect();
        let depth: Vec<Option<usize>> = (0..told.len()).map(|place| depth(place, &told)).collect();
        let above: Vec<Option<usize>> = told
            .iter()
            .zip(&depth)
            .map(|(above, depth)| above.filter(|_| depth.is_some()))
            .collect();
        let mut below = vec![Vec::new(); above.len()];
        for (place, above) in above.iter().enumerate() {
            if let Some(above) = above {
                below[*above].push(place);
            }
        }
        Self {
            above,
            below,
            depth: depth.into_iter().map(Option::unwrap_or_default).collect(),
        }
    }

    /// Those that count in the objective at this place.
    #[must_use]
    pub fn below(&self, place: usize) -> &[usize] {
        &self.below[place]
    }

    /// These objectives and all in whose score they count, each once, those below before those above.
    pub fn upwards(&self, places: impl IntoIterator<Item = usize>) -> Vec<usize> {
        let mut all = BTreeSet::new();
        for place in places {
            let mut next = Some(place);
            // What is above a known one is known, too.
            while let Some(place) = next.filter(|place| all.insert(*place)) {
                next = self.above[place];
            }
        }
        let mut all: Vec<usize> = all.into_iter().collect();
        all.sort_by_key(|place| Reverse(self.depth[*place]));
        all
    }
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
fn depth(place: usize, above: &[Option<usize>]) -> Option<usize> {
    let mut at = place;
    for depth in 0..=above.len() {
        match above[at] {
            Some(next) => at = next,
            None => return Some(depth),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::example::{objective, under};

    fn links(parents: &[(&str, Option<&str>)]) -> Contributions {
        let objectives = parents.iter().map(|(name, parent)| {
            let own = objective(name, Vec::new());
            Arc::new(match parent {
                Some(parent) => under(parent, ParentLink::Contributes, own),
                None => own,
            })
        });
        Contributions::of(&objectives.collect::<Vec<_>>())
    }

    #[test]
    fn what_changed_is_judged_before_what_stands_above_it() {
        let links = links(&[
            ("company", None),
            ("team", Some("company")),
            ("other", Some("company")),
            ("squad", Some("team")),
            ("alone", None),
        ]);
        assert_eq!(links.below(0), [1, 2]);
        assert_eq!(links.upwards([3]), [3, 1, 0]);
        assert_eq!(links.upwards([2, 3, 1]), [3, 1, 2, 0]);
        assert_eq!(links.upwards([4]), [4]);
        assert_eq!(links.upwards(0..5).len(), 5);
    }

    #[test]
    fn a_circle_and_an_unknown_parent_count_for_nothing() {
        let links = links(&[
            ("a", Some("b")),
            ("b", Some("a")),
            ("c", Some("b")),
            ("d", Some("gone")),
        ]);
        for place in 0..4 {
            assert!(links.below(place).is_empty());
            assert_eq!(links.upwards([place]), [place]);
        }
    }
}
