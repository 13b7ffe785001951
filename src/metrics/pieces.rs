//! What the board says of objectives and key results, in pieces: each family of some of them is a text of its own. A new
//! board writes only the groups in which something changed, and keeps every text that came out the same, so that whoever
//! compresses or sends texts knows it again by its address. Knows no HTTP.

use std::sync::Arc;

use super::names::Metric;
use super::scorecard::{self, Member};
use super::writer::{self, Family};
use crate::domain::scorecard::ObjectiveCard;

/// How many make a group: few enough for one change to cost little, enough for texts that compress well.
const OBJECTIVES: usize = 64;
const KEY_RESULTS: usize = 256;

/// All groups of a board, in the order of the labels.
#[derive(Clone, Debug, Default)]
pub(super) struct Groups {
    objectives: Vec<Arc<Group<Arc<ObjectiveCard>>>>,
    key_results: Vec<Arc<Group<Member>>>,
}

/// Some things, as they are exported.
#[derive(Debug)]
struct Group<T> {
    of: Vec<T>,
    /// The samples of each family, none for a family without any.
    texts: Vec<(&'static Metric, Arc<String>)>,
}

/// Something of which an unchanged one is the very same.
trait Same: Clone {
    fn is(&self, other: &Self) -> bool;
}

impl Same for Arc<ObjectiveCard> {
    fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(self, other)
    }
}

impl Same for Member {
    fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.objective, &other.objective) && Arc::ptr_eq(&self.card, &other.card)
    }
}

impl Groups {
    /// Those of a board; those of an earlier one in the same places are used again as far as nothing changed.
    pub(super) fn of(cards: &[Arc<ObjectiveCard>], earlier: &Self) -> Self {
        let cards = scorecard::in_order(cards);
        let members = scorecard::members(&cards);
        Self {
            objectives: groups(
                &cards,
                OBJECTIVES,
                &earlier.objectives,
                scorecard::objectives,
            ),
            key_results: groups(
                &members,
                KEY_RESULTS,
                &earlier.key_results,
                scorecard::key_results,
            ),
        }
    }

    /// Whether nothing is gained by pieces: any change writes nearly all.
    pub(super) fn is_small(&self) -> bool {
        self.key_results.len() < 2
    }

    /// The families, one after the other: what each is, and its texts.
    pub(super) fn families(&self) -> impl Iterator<Item = (&'static Metric, Vec<Arc<String>>)> {
        families(&self.objectives).chain(families(&self.key_results))
    }
}

fn groups<T: Same>(
    all: &[T],
    size: usize,
    earlier: &[Arc<Group<T>>],
    write: fn(&[T]) -> Vec<Family>,
) -> Vec<Arc<Group<T>>> {
    let chunks = all.chunks(size).enumerate();
    let group = |(place, of)| Group::of(of, earlier.get(place), write);
    chunks.map(group).collect()
}

fn families<T>(
    groups: &[Arc<Group<T>>],
) -> impl Iterator<Item = (&'static Metric, Vec<Arc<String>>)> {
    let first = groups.first().map(|group| group.texts.as_slice());
    let each = first.unwrap_or_default().iter().enumerate();
    each.filter_map(|(family, (metric, _))| {
        let texts = groups.iter().map(|group| &group.texts[family].1);
        let texts: Vec<_> = texts
            .filter(|text| !text.is_empty())
            .map(Arc::clone)
            .collect();
        (!texts.is_empty()).then_some((*metric, texts))
    })
}

impl<T: Same> Group<T> {
    fn of(of: &[T], earlier: Option<&Arc<Self>>, write: fn(&[T]) -> Vec<Family>) -> Arc<Self> {
        if let Some(earlier) = earlier
            && earlier.of.len() == of.len()
            && earlier.of.iter().zip(of).all(|(a, b)| a.is(b))
        {
            return Arc::clone(earlier);
        }
        let mut known = earlier.map(|earlier| earlier.texts.iter());
        let texts = write(of).into_iter().map(|family| {
            let mut text = String::new();
            let known = known.as_mut().and_then(Iterator::next);
            // It was about as long the last time.
            text.reserve(known.map_or(0, |(_, text)| text.len() + text.len() / 16));
            writer::samples(&mut text, &family);
            let text = match known {
                Some((_, known)) if **known == text => Arc::clone(known),
                _ => {
                    text.shrink_to_fit();
                    Arc::new(text)
                }
            };
            (family.metric(), text)
        });
        Arc::new(Self {
            texts: texts.collect(),
            of: of.to_vec(),
        })
    }
}
