//! A history in pages. A page begins where the one before ended: at a slot, after so many of its values. So no value is
//! given twice or left out, whatever is measured meanwhile; only what is entered before that place stays behind it. Pure.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use jiff::Timestamp;

use crate::domain::epoch::Past;

/// Values in a page unless the client says otherwise.
pub const USUAL: usize = 1_000;
/// Values in a page at most.
pub const MOST: usize = 10_000;

/// Where a page begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    /// A slot …
    pub at: Timestamp,
    /// … of which so many values were given.
    pub given: usize,
}

/// What is wanted of a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// The first slot.
    pub from: Timestamp,
    /// The first slot after it.
    pub to: Timestamp,
    /// Where to go on; at `from` unless it is given.
    pub after: Option<Cursor>,
    /// How many values at most.
    pub limit: usize,
}

/// A page, with what is around it as far as it decides what belongs to one line.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Portion {
    /// Values, the page's among them.
    pub past: Past,
    /// Which of them are the page.
    pub page: Range<usize>,
    /// Where the next page begins, if there is one.
    pub next: Option<Cursor>,
}

impl Stretch {
    /// Where the page begins.
    #[must_use]
    pub fn begin(&self) -> Cursor {
        self.after.unwrap_or(Cursor {
            at: self.from,
            given: 0,
        })
    }

    /// Which of the values at these slots, in order and from [`Self::begin`] on, are the page, and where the next one
    /// begins. `rest` is a slot from which on there are more than these.
    #[must_use]
    pub fn cut(
        &self,
        slots: &[Timestamp],
        rest: Option<Timestamp>,
    ) -> (Range<usize>, Option<Cursor>) {
        let begin = self.begin();
        let of_first = slots.iter().take_while(|slot| **slot == begin.at).count();
        let start = begin.given.min(of_first);
        let end = start.saturating_add(self.limit).min(slots.len());
        let next = match slots.get(end) {
            Some(slot) => {
                let before = slots.get(..end).unwrap_or_default();
                let given = before.iter().rev().take_while(|s| *s == slot).count();
                Some(Cursor { at: *slot, given })
            }
            None => rest.map(|at| Cursor { at, given: 0 }),
        };
        (start..end, next)
    }
}

/// As clients carry it: `2026-10-01T06:00:00Z~0`.
impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}~{}", self.at, self.given)
    }
}

impl FromStr for Cursor {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (at, given) = text.split_once('~').ok_or(())?;
        Ok(Self {
            at: at.parse().map_err(|_| ())?,
            given: given.parse().map_err(|_| ())?,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// Reads everything page by page from what a store has; values may arrive between two pages.
    fn all_pages(mut store: Vec<i64>, arriving: &[i64], limit: usize) -> Vec<(i64, usize)> {
        let mut stretch = Stretch {
            from: at(0),
            to: at(100),
            after: None,
            limit,
        };
        let (mut seen, mut arriving) = (Vec::new(), arriving.iter());
        loop {
            let slots: Vec<_> = store.iter().map(|s| at(*s)).collect();
            let first = slots.partition_point(|slot| *slot < stretch.begin().at);
            let (page, next) = stretch.cut(&slots[first..], None);
            for place in page {
                let slot = store[first + place];
                let nth = store[..first + place]
                    .iter()
                    .rev()
                    .take_while(|s| **s == slot);
                seen.push((slot, nth.count()));
            }
            let Some(next) = next else { return seen };
            assert_eq!(next.to_string().parse(), Ok(next));
            stretch.after = Some(next);
            if let Some(new) = arriving.next() {
                let place = store.partition_point(|slot| slot <= new);
                store.insert(place, *new);
            }
        }
    }

    proptest! {
        #[test]
        fn no_value_is_given_twice_or_left_out(
            mut store in prop::collection::vec(0i64..20, 0..60),
            arriving in prop::collection::vec(0i64..20, 0..20),
            limit in 1usize..8,
        ) {
            store.sort_unstable();
            let seen = all_pages(store.clone(), &arriving, limit);
            let mut distinct = seen.clone();
            distinct.dedup();
            prop_assert_eq!(&distinct, &seen);
            for (place, slot) in store.iter().enumerate() {
                let nth = store[..place].iter().rev().take_while(|s| *s == slot).count();
                prop_assert!(seen.contains(&(*slot, nth)), "{slot} {nth}");
            }
        }
    }

    #[test]
    fn a_page_may_be_shorter_than_what_is_left() {
        let stretch = Stretch {
            from: at(0),
            to: at(100),
            after: None,
            limit: 5,
        };
        let (page, next) = stretch.cut(&[at(1), at(2)], Some(at(7)));
        assert_eq!(
            (page, next),
            (
                0..2,
                Some(Cursor {
                    at: at(7),
                    given: 0
                })
            )
        );
        assert_eq!(stretch.cut(&[at(1), at(2)], None), (0..2, None));
        let (page, next) = stretch.cut(&[at(1); 7], None);
        assert_eq!(
            (page, next),
            (
                0..5,
                Some(Cursor {
                    at: at(1),
                    given: 5
                })
            )
        );
        for nonsense in [
            "",
            "~",
            "2026-10-01T06:00:00Z",
            "2026-10-01T06:00:00Z~-1",
            "x~1",
        ] {
            assert!(nonsense.parse::<Cursor>().is_err());
        }
    }
}
