//! A source as the dispatcher sees it: who waits for it, how many questions are under way, and whether it is left alone:
//! because it asked for patience, because it fails, or because it refused our login. A pure state machine, told of answers
//! and of the time. Knows no schedule and no store.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};

use super::breaker::{Admits, Breaker};
use super::dispatch::{PollIndex, moved};
use super::pace::{Pace, Terms};
use super::policy;
use crate::domain::fault::{Fault, FaultClass};
use crate::store::SourceState;

/// Why a source is left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// It refused our login: until its secret changes or somebody resumes it.
    Login {
        /// Since when.
        since: Timestamp,
    },
    /// It asked for patience.
    Patience {
        /// Until when.
        until: Timestamp,
        /// It asked for longer than is granted.
        cut: bool,
    },
    /// It failed several times in a row.
    Trouble {
        /// Until when; then one question at a time tells whether it is back.
        until: Timestamp,
        /// How often in a row that was so.
        times: u32,
    },
}

impl Held {
    /// Until when; `None` when someone must act.
    #[must_use]
    pub fn until(self) -> Option<Timestamp> {
        match self {
            Self::Login { .. } => None,
            Self::Patience { until, .. } | Self::Trouble { until, .. } => Some(until),
        }
    }

    /// The reason without its instants.
    #[must_use]
    pub fn why(self) -> Why {
        match self {
            Self::Login { .. } => Why::Login,
            Self::Patience { .. } => Why::Patience,
            Self::Trouble { .. } => Why::Trouble,
        }
    }
}

/// The reason why a source is left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It refused our login.
    Login,
    /// It asked for patience.
    Patience,
    /// It failed several times in a row.
    Trouble,
}

/// What follows for a key result from how its question ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follows {
    /// Nothing: its next slot is its next turn.
    Nothing,
    /// Its slot was asked in vain and is asked again once the source may be.
    AskAgain,
    /// It is refused while others are answered: it alone is left out until then.
    LeftOut(Timestamp),
}

/// A source.
#[derive(Debug)]
pub(super) struct Lane {
    terms: Terms,
    pub(super) running: usize,
    /// Past slots that are being asked for; each takes a permit, too.
    pub(super) fills: usize,
    /// Who waits, for which slot. An entry may be outdated: whoever rode along with another waits no more.
    pub(super) waiting: VecDeque<(PollIndex, Timestamp)>,
    /// The poll whose fault holds it.
    pub(super) held_by: Option<PollIndex>,
    pace: Pace,
    patience: Option<Timestamp>,
    /// It asked for longer.
    cut: bool,
    /// How often in a row it asked for patience.
    limited: u32,
    breaker: Breaker,
    suspended: Option<Timestamp>,
    /// Whose question was answered last.
    answered_by: Option<PollIndex>,
    /// Who was refused since then, alone.
    refused_alone: Option<PollIndex>,
    /// It was left alone when last looked at.
    was_held: bool,
    /// What outlives a restart changed since it was last taken.
    changed: bool,
}

impl Lane {
    pub(super) fn new(terms: &Terms) -> Self {
        Self {
            terms: Terms {
                permits: terms.permits.max(1),
                ..terms.clone()
            },
            running: 0,
            fills: 0,
            waiting: VecDeque::new(),
            held_by: None,
            pace: Pace::new(terms.gap),
            patience: None,
            cut: false,
            limited: 0,
            breaker: Breaker::default(),
            suspended: None,
            answered_by: None,
            refused_alone: None,
            was_held: false,
            changed: false,
        }
    }

    /// Why it is left alone at `now`; of several reasons the one that lasts.
    pub(super) fn held(&self, now: Timestamp) -> Option<Held> {
        if let Some(since) = self.suspended {
            return Some(Held::Login { since });
        }
        let cut = self.cut;
        let patience = self
            .patience
            .filter(|until| now < *until)
            .map(|until| Held::Patience { until, cut });
        let trouble = match self.breaker.admits(now) {
            Admits::NoneUntil(until) => Some(Held::Trouble {
                until,
                times: self.breaker.times_opened(),
            }),
            Admits::All | Admits::One => None,
        };
        patience
            .into_iter()
            .chain(trouble)
            .max_by_key(|held| held.until())
    }

    /// Whether it failed and one question at a time tells whether it is back.
    pub(super) fn is_probed(&self, now: Timestamp) -> bool {
        self.breaker.admits(now) == Admits::One
    }

    /// Whether a permit is free, the pace aside.
    pub(super) fn has_permit(&self, now: Timestamp) -> bool {
        let permits = match self.breaker.admits(now) {
            Admits::All => self.terms.permits,
            Admits::One => 1,
            Admits::NoneUntil(_) => 0,
        };
        self.running + self.fills < permits
    }

    /// The clock was set back or forth by so much: what was to last a while lasts the same while.
    pub(super) fn clock_jumped(&mut self, shift: SignedDuration) {
        self.patience = self.patience.map(|until| moved(until, shift));
        self.breaker.clock_jumped(shift);
        self.pace.clock_jumped(shift);
    }

    /// When its pace allows the next question, if that is not now.
    pub(super) fn waits_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.pace.waits_until(now)
    }

    /// Whether a question may begin.
    pub(super) fn is_free(&self, now: Timestamp) -> bool {
        self.held(now).is_none() && self.has_permit(now) && self.waits_until(now).is_none()
    }

    /// A question begins. Returns whether it may be asked a second time in its slot.
    pub(super) fn began(&mut self, now: Timestamp) -> bool {
        self.running += 1;
        self.pace.began(now);
        !self.breaker.is_shaken()
    }

    /// A question for a past slot begins.
    pub(super) fn fill_began(&mut self, now: Timestamp) {
        self.fills += 1;
        self.pace.began(now);
    }

    /// Hears what came of a question: whose it was, `None` for one about the past, and the fault if it failed.
    pub(super) fn heard(
        &mut self,
        poll: Option<PollIndex>,
        fault: Option<&Fault>,
        now: Timestamp,
    ) -> Follows {
        let before = self.state();
        let follows = match fault {
            None => {
                self.breaker.worked();
                self.limited = 0;
                self.answered_by = poll.or(self.answered_by);
                self.refused_alone = None;
                Follows::Nothing
            }
            Some(fault) => self.failed(poll, fault, now),
        };
        if self.state() != before {
            self.changed = true;
            if self.held(now).is_some() {
                self.was_held = true;
                self.held_by = poll.or(self.held_by);
            }
        }
        follows
    }

    fn failed(&mut self, poll: Option<PollIndex>, fault: &Fault, now: Timestamp) -> Follows {
        let seed = policy::mixed(self.terms.seed, now);
        if fault.class == FaultClass::Auth {
            self.breaker.worked();
            if fault.this_alone && self.refuses_alone(poll) {
                self.refused_alone = poll;
                return Follows::LeftOut(policy::later(now, policy::REFUSED_ALONE));
            }
            self.suspended = self.suspended.or(Some(now));
            return Follows::AskAgain;
        }
        if fault.class == FaultClass::RateLimited || fault.retry_after.is_some() {
            let patient = self.patience.is_some_and(|until| now < until);
            let patience = policy::patience(fault, self.limited, self.terms.longest_patience, seed);
            let until = policy::later(now, patience.wait);
            // Questions that were on their way together are refused once.
            if !patient {
                self.limited = self.limited.saturating_add(1);
                self.cut = false;
            }
            self.cut |= patience.cut;
            self.patience = Some(
                self.patience
                    .filter(|_| patient)
                    .map_or(until, |u| u.max(until)),
            );
            return Follows::AskAgain;
        }
        if policy::is_trouble(fault) {
            self.breaker.failed(now, seed);
        } else {
            self.breaker.worked();
        }
        Follows::Nothing
    }

    /// Whether others were answered and nobody else was refused since: then the login holds, and one question is not allowed.
    fn refuses_alone(&self, poll: Option<PollIndex>) -> bool {
        self.answered_by.is_some_and(|other| Some(other) != poll)
            && (self.refused_alone.is_none() || self.refused_alone == poll)
    }

    /// Lets it be asked again, since somebody changed its secret or said so. The patience that it asked for stays.
    pub(super) fn release(&mut self) {
        let before = self.state();
        self.suspended = None;
        self.breaker = Breaker::default();
        self.answered_by = None;
        self.refused_alone = None;
        self.changed |= self.state() != before;
    }

    /// Whether it was left alone until now and is no more.
    pub(super) fn comes_back(&mut self, now: Timestamp) -> bool {
        let held = self.held(now).is_some();
        std::mem::replace(&mut self.was_held, held) && !held
    }

    /// When it will be let go by itself.
    pub(super) fn lets_go(&self, now: Timestamp) -> Option<Timestamp> {
        self.held(now).and_then(Held::until)
    }

    /// What outlives a restart.
    pub(super) fn state(&self) -> SourceState {
        SourceState {
            not_before: self.patience,
            limited: self.limited,
            open_until: self.breaker.open_until(),
            opened: self.breaker.times_opened(),
            suspended: self.suspended,
            refused: None,
            resumed: None,
        }
    }

    /// Goes on from what was known before.
    pub(super) fn restore(&mut self, state: &SourceState, now: Timestamp) {
        // A wait that is longer than any that would be granted was noted by another clock.
        let longest = policy::later(now, policy::longest(self.terms.longest_patience));
        self.patience = state.not_before.filter(|until| *until <= longest);
        self.limited = state.limited;
        if let Some(until) = state.open_until {
            self.breaker = Breaker::opened(state.opened, until);
        }
        self.suspended = state.suspended;
        self.was_held = self.held(now).is_some();
    }

    /// Whether what outlives a restart changed since this was asked last.
    pub(super) fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// Has what it is like kept, whatever was kept before.
    pub(super) fn keep(&mut self) {
        self.changed = true;
    }

    /// Nothing is under way and nobody waits.
    pub(super) fn is_idle(&self) -> bool {
        self.running == 0 && self.waiting.is_empty()
    }
}
