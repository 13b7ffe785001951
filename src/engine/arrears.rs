//! Arrears: slots that passed without a poll and are still to be asked for, and whose turn is next. Oldest first: those
//! fall out of `catch_up` first, and what is left stays one stretch. Sources take turns among their key results, one slot
//! of each at a time. Knows no task, no source and no store.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::dispatch::{LaneIndex, PollIndex};
use super::past;
use super::past::Slots;
use super::policy;
use super::poll::Outcome;
use crate::config::schedule::Schedule;
use crate::domain::fault::{Fault, Remedy};
use crate::domain::id::Slug;
use crate::store::{Account, Stretch};

/// Slots of a key result that passed without a poll, and what becomes of them.
#[derive(Clone, Debug)]
pub struct Passing {
    /// The source that was not asked.
    pub source: Slug,
    /// What the store keeps of it.
    pub account: Account,
    /// Those whose number is lost: their measure cannot be asked for the past, or they are too old.
    pub missed: Option<Slots>,
    /// Those that will be asked for.
    pub owed: Option<Slots>,
}

/// What is to be kept of a fill.
#[derive(Debug)]
pub struct Kept {
    /// The source that was asked.
    pub source: Slug,
    /// What it answered; `None` where somebody else had filled the slot.
    pub outcome: Option<Outcome>,
    /// What is owed no more.
    pub account: Option<Account>,
    /// The source was reached and has no number for the slot.
    pub lost: bool,
}

/// What is owed of all key results.
#[derive(Debug, Default)]
pub struct Arrears {
    all: HashMap<PollIndex, Arrear>,
    lanes: Vec<Lane>,
}

/// What is owed of one key result.
#[derive(Clone, Debug)]
pub struct Arrear {
    /// The stretches, oldest first; each begins with a slot.
    owed: Vec<Stretch>,
    /// From where on the next slot is looked for.
    from: Timestamp,
    asking: Option<Timestamp>,
    troubles: usize,
    rests_until: Option<Timestamp>,
    /// Among those whose turn comes.
    queued: bool,
}

#[derive(Debug, Default)]
struct Lane {
    turns: VecDeque<PollIndex>,
    rest: Duration,
    /// When it was asked last.
    asked: Option<Timestamp>,
}

/// How the question for a past slot ended.
#[derive(Clone, Copy, Debug)]
pub enum Ended<'f> {
    /// It gave way to a poll; nothing is known.
    GaveWay,
    /// The slot has a value by now.
    There,
    /// The source answered, with a number or a fault.
    Answered(Option<&'f Fault>),
}

/// What follows from it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Follows {
    /// These are owed no more: the slot, up to the next.
    pub settled: Option<Stretch>,
    /// The slot is settled without a value: the source was reached and has none for it.
    pub lost: bool,
    /// The filling of this key result rests: the source is in trouble.
    pub rests: bool,
}

/// How many key results are looked at for one that can be asked, so that a turn costs the same however many there are.
const LOOKS: usize = 16;

impl Arrears {
    /// Nothing owed yet, in lanes of which each rests so long between two questions.
    #[must_use]
    pub fn new(rests: impl IntoIterator<Item = Duration>) -> Self {
        let lanes = rests.into_iter().map(|rest| Lane {
            rest,
            ..Lane::default()
        });
        Self {
            all: HashMap::new(),
            lanes: lanes.collect(),
        }
    }

    /// Takes in a stretch that begins with a slot.
    pub fn owe(&mut self, poll: PollIndex, lane: LaneIndex, stretch: Stretch) {
        let arrear = self.all.entry(poll).or_insert_with(Arrear::empty);
        let place = arrear.owed.partition_point(|s| s.from < stretch.from);
        arrear.owed.insert(place, stretch);
        self.wake(poll, lane);
    }

    /// A key result may be asked now, if it owes anything.
    pub fn wake(&mut self, poll: PollIndex, lane: LaneIndex) {
        if let (Some(arrear), Some(lane)) = (self.all.get_mut(&poll), self.lanes.get_mut(lane))
            && !std::mem::replace(&mut arrear.queued, true)
        {
            lane.turns.push_back(poll);
        }
    }

    /// What is owed of a key result, oldest first.
    #[must_use]
    pub fn of(&self, poll: PollIndex) -> &[Stretch] {
        self.all.get(&poll).map_or(&[], |arrear| &arrear.owed)
    }

    /// The slot of a key result that is being asked for.
    #[must_use]
    pub fn asking(&self, poll: PollIndex) -> Option<Timestamp> {
        self.all.get(&poll).and_then(|arrear| arrear.asking)
    }

    /// The next key result of a lane to be asked, and for which slot. Whoever cannot be asked now is left out until it is
    /// woken.
    pub fn next<'s>(
        &mut self,
        lane: LaneIndex,
        now: Timestamp,
        may: impl Fn(PollIndex) -> bool,
        schedule: impl Fn(PollIndex) -> Option<&'s Schedule>,
    ) -> Option<(PollIndex, Timestamp)> {
        if self.rests_until(lane, now).is_some() {
            return None;
        }
        let state = self.lanes.get_mut(lane)?;
        for _ in 0..LOOKS.min(state.turns.len()) {
            let poll = state.turns.pop_front()?;
            let Some(arrear) = self.all.get_mut(&poll) else {
                continue;
            };
            arrear.queued = false;
            if !may(poll) {
                continue;
            }
            if let Some(slot) = schedule(poll).and_then(|schedule| arrear.next(schedule, now)) {
                arrear.asking = Some(slot);
                state.asked = Some(now);
                return Some((poll, slot));
            }
        }
        None
    }

    /// Until when a lane rests that has something to ask.
    #[must_use]
    pub fn rests_until(&self, lane: LaneIndex, now: Timestamp) -> Option<Timestamp> {
        let lane = self.lanes.get(lane).filter(|lane| !lane.turns.is_empty())?;
        let rest = SignedDuration::try_from(lane.rest).ok()?;
        let until = lane.asked?.checked_add(rest).ok()?;
        // A clock that was set back must not make it rest for days.
        (now < until && until.duration_since(now) <= rest).then_some(until)
    }

    /// Whether a lane has somebody to ask.
    #[must_use]
    pub fn has_turns(&self, lane: LaneIndex) -> bool {
        let lane = self.lanes.get(lane);
        lane.is_some_and(|lane| !lane.turns.is_empty())
    }

    /// Hears how the question for the slot ended that was being asked for.
    pub fn ended(
        &mut self,
        poll: PollIndex,
        lane: LaneIndex,
        ended: Ended<'_>,
        schedule: &Schedule,
        now: Timestamp,
    ) -> Follows {
        let Some(arrear) = self.all.get_mut(&poll) else {
            return Follows::default();
        };
        let follows = arrear.ended(ended, schedule, now);
        if arrear.owed.is_empty() {
            self.all.remove(&poll);
        } else {
            self.wake(poll, lane);
        }
        follows
    }
}

impl Arrear {
    fn empty() -> Self {
        Self {
            owed: Vec::new(),
            from: Timestamp::MIN,
            asking: None,
            troubles: 0,
            rests_until: None,
            queued: false,
        }
    }

    /// The next slot, if it can be asked for now. At the end of what is owed it begins anew, after a rest: what is left
    /// was trouble.
    fn next(&mut self, schedule: &Schedule, now: Timestamp) -> Option<Timestamp> {
        let rests =
            |until: Timestamp| now < until && until.duration_since(now) <= policy::FILL_RESTS;
        if self.asking.is_some() || self.rests_until.is_some_and(rests) {
            return None;
        }
        self.rests_until = None;
        let slots = self.owed.iter().filter_map(|stretch| {
            let slot = past::first(schedule, stretch.from.max(self.from))?;
            (slot < stretch.until).then_some(slot)
        });
        let Some(slot) = slots.min() else {
            self.rest(now);
            self.from = Timestamp::MIN;
            return None;
        };
        // A clock that stood ahead may have left some of a time to come.
        (slot <= now).then_some(slot)
    }

    fn ended(&mut self, ended: Ended<'_>, schedule: &Schedule, now: Timestamp) -> Follows {
        let mut follows = Follows::default();
        let Some(slot) = self.asking.take() else {
            return follows;
        };
        match ended {
            Ended::GaveWay => {}
            Ended::There => follows.settled = Some(self.settle(slot, schedule)),
            Ended::Answered(None) => {
                self.troubles = 0;
                follows.settled = Some(self.settle(slot, schedule));
            }
            // The whole source is held; the slot is asked for again when it is not.
            Ended::Answered(Some(fault))
                if fault.class.remedy() == Remedy::HoldSource && !fault.this_alone => {}
            Ended::Answered(Some(fault)) if policy::is_trouble(fault) || fault.this_alone => {
                self.from = behind(slot, schedule);
                self.troubles += 1;
                if self.troubles >= policy::TROUBLES {
                    self.rest(now);
                    follows.rests = true;
                }
            }
            Ended::Answered(Some(_)) => {
                self.troubles = 0;
                follows.settled = Some(self.settle(slot, schedule));
                follows.lost = true;
            }
        }
        follows
    }

    fn rest(&mut self, now: Timestamp) {
        self.troubles = 0;
        self.rests_until = now.checked_add(policy::FILL_RESTS).ok();
    }

    fn settle(&mut self, slot: Timestamp, schedule: &Schedule) -> Stretch {
        let until = behind(slot, schedule);
        let cut = Stretch { from: slot, until };
        let owed = self.owed.drain(..).flat_map(|stretch| stretch.without(cut));
        self.owed = owed.collect();
        self.from = until;
        cut
    }
}

/// The slot after one; the end of time where there is none.
fn behind(slot: Timestamp, schedule: &Schedule) -> Timestamp {
    schedule.next_after(slot).unwrap_or(Timestamp::MAX)
}
