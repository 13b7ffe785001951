//! The circuit breaker of a source: after failures in a row it is given up on for a while, longer each time, and then one
//! probe tells whether it is back. A pure state machine, told of answers and of the time. Knows no poll.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::dispatch::moved;
use super::policy;

/// So many answers in a row that show the source itself in trouble open the breaker.
pub const FAILURES_TO_OPEN: u32 = 5;
/// How long it stays open the first time; twice as long with each probe that fails.
pub const FIRST_REST: Duration = Duration::from_secs(5);
/// The longest it stays open, and so the longest that a source which is back goes unnoticed, but for the jitter.
pub const LONGEST_REST: Duration = Duration::from_secs(5 * 60);

/// A breaker; a new one is closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Breaker {
    /// Failures in a row.
    failures: u32,
    /// How often in a row it opened.
    opened: u32,
    /// Open until then; from then on half-open.
    open_until: Option<Timestamp>,
}

/// What a breaker lets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admits {
    /// Closed: everything.
    All,
    /// Half-open: one question at a time, a probe.
    One,
    /// Open: nothing until then.
    NoneUntil(Timestamp),
}

impl Breaker {
    /// A breaker that opened so often in a row and is open until then.
    #[must_use]
    pub fn opened(opened: u32, open_until: Timestamp) -> Self {
        Self {
            failures: FAILURES_TO_OPEN,
            opened,
            open_until: Some(open_until),
        }
    }

    /// The clock was set back or forth by so much.
    pub(super) fn clock_jumped(&mut self, shift: SignedDuration) {
        self.open_until = self.open_until.map(|until| moved(until, shift));
    }

    /// What it lets through at `now`.
    #[must_use]
    pub fn admits(&self, now: Timestamp) -> Admits {
        match self.open_until {
            None => Admits::All,
            Some(until) if now < until && !is_absurd(until.duration_since(now)) => {
                Admits::NoneUntil(until)
            }
            Some(_) => Admits::One,
        }
    }

    /// The source gave an answer that shows it at work, be it a number or a fault of one question.
    pub fn worked(&mut self) {
        *self = Self::default();
    }

    /// The source is in trouble. `seed` spreads the end of the rest.
    pub fn failed(&mut self, now: Timestamp, seed: u64) {
        self.failures = self.failures.saturating_add(1);
        // What was on its way when it opened tells nothing new.
        let open = matches!(self.admits(now), Admits::NoneUntil(_));
        let probed = self.open_until.is_some();
        if open || !probed && self.failures < FAILURES_TO_OPEN {
            return;
        }
        let doubled = FIRST_REST.saturating_mul(1 << self.opened.min(16));
        let rest = policy::jittered(doubled.min(LONGEST_REST), seed);
        self.opened = self.opened.saturating_add(1);
        self.open_until = Some(policy::later(now, rest));
    }

    /// Until when it is or was open; `None` when it is closed.
    #[must_use]
    pub fn open_until(&self) -> Option<Timestamp> {
        self.open_until
    }

    /// How often in a row it opened.
    #[must_use]
    pub fn times_opened(&self) -> u32 {
        self.opened
    }

    /// Whether the newest answer showed the source in trouble: then nobody tries a second time in a slot, so that an
    /// outage brings no more questions than a good day.
    #[must_use]
    pub fn is_shaken(&self) -> bool {
        self.failures > 0
    }
}

/// No rest is that long: the clock was set back.
fn is_absurd(rest: SignedDuration) -> bool {
    rest.unsigned_abs() > LONGEST_REST * 2
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    fn open(now: i64) -> Breaker {
        let mut breaker = Breaker::default();
        for _ in 0..FAILURES_TO_OPEN {
            breaker.failed(at(now), 0);
        }
        breaker
    }

    #[test]
    fn f15_failures_in_a_row_open_it_and_a_good_answer_between_them_does_not() {
        let mut breaker = Breaker::default();
        for _ in 0..10 {
            for _ in 1..FAILURES_TO_OPEN {
                breaker.failed(at(0), 0);
                assert!(breaker.is_shaken());
            }
            breaker.worked();
            assert_eq!(breaker.admits(at(0)), Admits::All);
            assert!(!breaker.is_shaken());
        }
        assert_eq!(open(0).admits(at(0)), Admits::NoneUntil(at(5)));
    }

    #[test]
    fn f15_it_rests_twice_as_long_after_each_probe_that_fails_up_to_five_minutes() {
        let mut breaker = open(0);
        let (mut now, mut rests) = (0, Vec::new());
        for _ in 0..9 {
            let until = breaker.open_until().unwrap().as_second() - 1_800_000_000;
            rests.push(until - now);
            now = until;
            assert_eq!(breaker.admits(at(now)), Admits::One);
            breaker.failed(at(now), 0);
        }
        assert_eq!(rests, [5, 10, 20, 40, 80, 160, 300, 300, 300]);
        breaker.worked();
        assert_eq!(breaker, Breaker::default());
    }

    #[test]
    fn f15_what_was_on_its_way_when_it_opened_does_not_prolong_the_rest() {
        let mut breaker = open(0);
        let until = breaker.open_until();
        breaker.failed(at(3), 0);
        assert_eq!((breaker.open_until(), breaker.times_opened()), (until, 1));
    }

    #[test]
    fn f31_a_clock_set_back_does_not_keep_it_open_for_days() {
        assert_eq!(open(0).admits(at(-86_400)), Admits::One);
    }

    proptest! {
        /// Whatever comes, it is never open for longer than the longest rest with its jitter, and never by less than
        /// so many failures in a row.
        #[test]
        fn f15_it_opens_late_and_closes_in_time(
            steps in proptest::collection::vec((0_i64..100, any::<bool>(), any::<u64>()), 1..200),
        ) {
            let (mut breaker, mut now, mut row) = (Breaker::default(), 0, 0);
            for (seconds, fails, seed) in steps {
                now += seconds;
                if fails { breaker.failed(at(now), seed) } else { breaker.worked() }
                row = if fails { row + 1 } else { 0 };
                match breaker.admits(at(now)) {
                    Admits::All => prop_assert!(row < FAILURES_TO_OPEN),
                    Admits::One => prop_assert!(row >= FAILURES_TO_OPEN),
                    Admits::NoneUntil(until) => {
                        prop_assert!(row >= FAILURES_TO_OPEN);
                        let rest = until.duration_since(at(now)).unsigned_abs();
                        prop_assert!(rest <= LONGEST_REST + LONGEST_REST / 5);
                    }
                }
            }
        }
    }
}
