//! Blocks of known height spread over as many slides as they need, so that each slide has about as much. Knows nothing of
//! what stands in them.

use maud::Markup;

/// Something that stands on one slide as a whole.
#[derive(Debug)]
pub(super) struct Block {
    /// How high it is at most, what stands around it included.
    pub(super) height: f64,
    /// Whether it stands on one slide with the next one, as a heading does.
    pub(super) leads: bool,
    /// It.
    pub(super) markup: Markup,
}

/// How often the height is halved in which all of them find room.
const STEPS: u32 = 12;

/// The blocks slide by slide, each of which has room for so much.
pub(super) fn flow(blocks: Vec<Block>, room: f64) -> Vec<Vec<Markup>> {
    let heights: Vec<_> = blocks.iter().map(|b| (b.height, b.leads)).collect();
    let needed = starts(&heights, room).len();
    let (mut low, mut high) = (0.0, room);
    for _ in 0..STEPS {
        let middle = f64::midpoint(low, high);
        if starts(&heights, middle).len() <= needed {
            high = middle;
        } else {
            low = middle;
        }
    }
    let starts = starts(&heights, high);
    let mut slides = Vec::new();
    for (nth, block) in blocks.into_iter().enumerate() {
        if starts.contains(&nth) {
            slides.push(Vec::new());
        }
        if let Some(slide) = slides.last_mut() {
            slide.push(block.markup);
        }
    }
    slides
}

/// With which blocks a slide begins when each has room for so much. One that is higher than that has a slide of its own.
fn starts(heights: &[(f64, bool)], room: f64) -> Vec<usize> {
    let mut starts = Vec::new();
    let mut used = f64::INFINITY;
    let mut nth = 0;
    while nth < heights.len() {
        let leading = heights[nth..].iter().take_while(|(_, leads)| *leads);
        let end = (nth + leading.count() + 1).min(heights.len());
        let height: f64 = heights[nth..end].iter().map(|(height, _)| height).sum();
        // A heading that finds no room together with what it leads is followed as if it led nothing.
        let (end, height) = if height > room {
            (nth + 1, heights[nth].0)
        } else {
            (end, height)
        };
        if used + height > room {
            starts.push(nth);
            used = 0.0;
        }
        used += height;
        nth = end;
    }
    starts
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_fits_stands_on_one_slide_and_more_is_spread_evenly() {
        assert_eq!(starts(&[(4.0, false); 3], 12.0), [0]);
        let counts = |n: usize| -> Vec<usize> {
            let block = || Block {
                height: 4.0,
                leads: false,
                markup: maud::html! {},
            };
            let blocks = (0..n).map(|_| block()).collect();
            flow(blocks, 20.0).iter().map(Vec::len).collect()
        };
        assert_eq!(counts(5), [5]);
        assert_eq!(counts(6), [3, 3]);
        assert_eq!(counts(11), [4, 4, 3]);
        assert_eq!(counts(0), [0; 0]);
    }

    #[test]
    fn a_heading_stays_with_what_it_leads() {
        let heights = [(6.0, false), (1.0, true), (1.0, true), (4.0, false)];
        assert_eq!(starts(&heights, 11.0), [0, 1]);
        assert_eq!(starts(&heights, 12.0), [0]);
    }

    proptest! {
        /// Nothing is lost, and no slide holds more than it has room for unless it is one block.
        #[test]
        fn every_block_stands_somewhere(
            heights in prop::collection::vec((0.1..14.0_f64, any::<bool>()), 0..40),
        ) {
            let found = starts(&heights, 10.0);
            prop_assert_eq!(found.first().copied(), (!heights.is_empty()).then_some(0));
            for (nth, start) in found.iter().enumerate() {
                let end = found.get(nth + 1).copied().unwrap_or(heights.len());
                let sum: f64 = heights[*start..end].iter().map(|(height, _)| height).sum();
                prop_assert!(sum <= 10.0 + 1e-9 || end - start == 1, "{:?}", &heights[*start..end]);
            }
        }
    }
}
