//! What the board says of objectives and key results, in pieces: each family of each group of objectives is a text of its
//! own. A new board writes only the groups in which something changed, and keeps every text that came out the same, so
//! that whoever compresses or sends texts knows it again by its address. Knows no HTTP.

use std::cmp::Ordering;
use std::sync::Arc;

use super::names::Metric;
use super::scorecard;
use super::writer;
use crate::domain::scorecard::ObjectiveCard;

/// How many objectives make a group: few enough for one change to cost little, enough for texts that compress well.
const GROUP: usize = 64;

/// Some objectives with their key results, as they are exported.
#[derive(Debug)]
pub(super) struct Group {
    cards: Vec<Arc<ObjectiveCard>>,
    /// The samples of each family, none for a family without any.
    texts: Vec<(&'static Metric, Arc<String>)>,
}

/// All groups of a board, in the order of the labels; those of an earlier board in the same place are used again as far
/// as nothing changed.
pub(super) fn groups(cards: &[Arc<ObjectiveCard>], earlier: &[Arc<Group>]) -> Vec<Arc<Group>> {
    let mut cards: Vec<_> = cards.iter().map(Arc::clone).collect();
    cards.sort_by(|a, b| in_order(a, b));
    let chunks = cards.chunks(GROUP).enumerate();
    let group = |(place, cards)| Group::of(cards, earlier.get(place));
    chunks.map(group).collect()
}

/// The families of all groups, one after the other: what each is, and its texts.
pub(super) fn families(
    groups: &[Arc<Group>],
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

/// As their labels are ordered once they are written, where a quote ends each value.
fn in_order(a: &ObjectiveCard, b: &ObjectiveCard) -> Ordering {
    let (a, b) = (&a.objective.id, &b.objective.id);
    let cycles = ended(a.cycle.as_str()).cmp(ended(b.cycle.as_str()));
    cycles.then_with(|| ended(a.objective.as_str()).cmp(ended(b.objective.as_str())))
}

fn ended(text: &str) -> impl Iterator<Item = u8> {
    text.bytes().chain([b'"'])
}

impl Group {
    fn of(cards: &[Arc<ObjectiveCard>], earlier: Option<&Arc<Self>>) -> Arc<Self> {
        if let Some(earlier) = earlier
            && earlier.cards.len() == cards.len()
            && earlier
                .cards
                .iter()
                .zip(cards)
                .all(|(a, b)| Arc::ptr_eq(a, b))
        {
            return Arc::clone(earlier);
        }
        let mut known = earlier.map(|earlier| earlier.texts.iter());
        let texts = scorecard::grouped(cards).into_iter().map(|family| {
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
            cards: cards.to_vec(),
        })
    }
}
