//! The dispatcher: whose turn it is. A state machine that is told of firings, of ended polls and of the time, and
//! answers which polls to start and which slots pass by. Polls go first: a past slot is filled only with a permit that no
//! poll waits for, and gives way to one that comes. Knows no task, no source and no store.

mod turns;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::event::Skip;
use super::lane::{Follows, Held, Lane, Why};
use super::pace::{Hosts, Terms};
use super::policy::{self, later};
use crate::config::schedule::Schedule;
use crate::domain::fault::{Fault, FaultClass};
use crate::store::{SourceState, Stretch};

/// The place of a poll in the plan.
pub type PollIndex = usize;
/// The place of a source in the plan.
pub type LaneIndex = usize;

/// What the dispatcher knows of one poll before it begins.
#[derive(Clone, Debug)]
pub struct Planned {
    /// The source it asks.
    pub lane: LaneIndex,
    /// When it is due.
    pub schedule: Schedule,
    /// Which firing announces its slots; `None` for `every N`, whose slots the dispatcher finds itself.
    pub group: Option<usize>,
    /// Its stable delay after each slot.
    pub splay: Duration,
    /// Those that put the same question share this number, and one answer in slots that they have in common.
    pub twins: Option<usize>,
    /// It is polled from here …
    pub from: Timestamp,
    /// … until before here.
    pub until: Timestamp,
    /// A slot from before that is still asked for until here.
    pub closes: Timestamp,
    /// The newest slot that was already asked, from the store.
    pub last_slot: Option<Timestamp>,
    /// Every slot before this instant was asked or is accounted for. `None` when it was never asked: nothing passed then.
    pub accounted: Option<Timestamp>,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Start this poll.
    Start {
        /// Which.
        poll: PollIndex,
        /// For which slot.
        slot: Timestamp,
        /// Others that put the same question for the same slot: they take the same answer.
        with: Vec<PollIndex>,
        /// Whether it may be asked a second time in its slot.
        retries: bool,
    },
    /// This slot passes without a poll.
    Skip {
        /// Whose.
        poll: PollIndex,
        /// Why.
        why: Skip,
    },
    /// So many past slots of a source are filled no more for now: polls need their permits.
    GiveWay {
        /// Whose.
        lane: LaneIndex,
        /// How many, at least.
        fills: usize,
    },
}

/// Whose turn it is.
#[derive(Debug, Default)]
pub struct Dispatch {
    polls: Vec<Poll>,
    lanes: Vec<Lane>,
    hosts: Hosts,
    groups: Vec<Vec<PollIndex>>,
    /// Polls that put the same question.
    twins: Vec<Vec<PollIndex>>,
    due: BinaryHeap<Reverse<Due>>,
    /// Stretches that passed without a poll and are not told yet.
    passed: Vec<(PollIndex, Stretch)>,
    /// For each group the stretch last looked at, and whether it holds a slot: its members share their slots.
    looked: Vec<Option<(Stretch, bool)>>,
    /// Whether what passes counts: not where everything is asked once, whatever its schedule.
    counts: bool,
    /// How far the time of the intervals stands ahead of the clock, which was set back by so much. `every N` keeps to no
    /// hour of the day; so it goes on at its pace, in slots to come, where a pattern waits until the clock has caught up.
    lead: SignedDuration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Due {
    at: Timestamp,
    poll: PollIndex,
    slot: Timestamp,
    /// A slot of `every N`: when it comes up, the next one is planned.
    repeats: bool,
}

#[derive(Debug)]
struct Poll {
    planned: Planned,
    stage: Stage,
    /// In its lane's queue, for this slot.
    waiting: Option<Timestamp>,
    /// When it was put there.
    queued: Timestamp,
    /// Whether its newest slot was not accounted for before it was spoken for: one that failed before may be asked again.
    newly: bool,
    /// A slot that fired is among the due; later firings need no entry of their own.
    announced: bool,
    /// The newest slot that passed by while its source was held, or while an outdated question was under way, or was asked
    /// in vain because the source is to be asked later.
    owed: Option<Timestamp>,
    /// The slot that is being asked for.
    asked: Option<Timestamp>,
    /// Another's question is answered for it, too; it takes no permit.
    rides: bool,
    /// It alone is refused, and left out until then.
    left_out: Option<Timestamp>,
    /// What is under way asks for another definition than the one in force, so it stands for no slot of this one.
    outdated: bool,
}

/// How far a poll is. The next may begin only when the outcome of this one is on disk: should the store fail, polling
/// comes to rest by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Nothing under way.
    Idle,
    /// Its source is being asked.
    Asking,
    /// Its source answered; the outcome is not on disk yet.
    Recording,
}

impl Dispatch {
    /// A plan with nothing due yet. `terms` tells for each source how it may be asked.
    #[must_use]
    pub fn new(polls: Vec<Planned>, terms: &[Terms]) -> Self {
        let groups = gather(&polls, |planned| planned.group);
        let twins = gather(&polls, |planned| planned.twins);
        Self {
            polls: polls
                .into_iter()
                .map(|planned| Poll {
                    planned,
                    stage: Stage::Idle,
                    waiting: None,
                    queued: Timestamp::UNIX_EPOCH,
                    newly: false,
                    announced: false,
                    owed: None,
                    asked: None,
                    rides: false,
                    left_out: None,
                    outdated: false,
                })
                .collect(),
            lanes: terms.iter().map(Lane::new).collect(),
            hosts: Hosts::new(terms),
            twins,
            looked: vec![None; groups.len()],
            groups,
            due: BinaryHeap::new(),
            passed: Vec::new(),
            counts: false,
            lead: SignedDuration::ZERO,
        }
    }

    /// Begins: what was never asked is due at once, what missed its newest slot too, or after a downtime each after its own
    /// delay; `every N` plans its next slot.
    pub fn begin(&mut self, now: Timestamp, after_downtime: bool) {
        self.counts = true;
        let intervals = self.polls.iter().filter(|poll| poll.follows_lead(now));
        // What was asked in vain or passed counts as well: it is told already, and must not come again.
        let newest = intervals
            .filter_map(|poll| poll.planned.last_slot.max(poll.planned.accounted))
            .max();
        let ahead = newest.map(|slot| slot.duration_since(now));
        self.lead = ahead.map_or(self.lead, |ahead| ahead.max(self.lead));
        for poll in 0..self.polls.len() {
            let time = self.time_of(poll, now);
            let planned = &self.polls[poll].planned;
            let until = planned.until;
            if let Some(slot) = planned.missed_slot(now, time) {
                let at = planned.catches_up(slot, now, time, after_downtime);
                self.announce(poll, slot, at);
            } else if now >= until {
                self.pass(poll, until);
            }
            self.plan_next_interval(poll, time);
        }
    }

    /// Goes on in the time of an earlier plan.
    pub fn follow(&mut self, earlier: &Self) {
        self.lead = earlier.lead;
    }

    /// The clock jumped by so much; forward is positive. What was to happen in a while happens in the same while, unless
    /// the clock went forward: that may have been a sleep, and then the while is over.
    pub fn clock_jumped(&mut self, by: SignedDuration) {
        let shift = by.min(self.lead);
        self.lead = self.lead.saturating_sub(shift);
        let due = std::mem::take(&mut self.due).into_iter();
        let shifted = due.map(|Reverse(due)| {
            let at = moved(due.at, shift);
            Reverse(Due { at, ..due })
        });
        self.due = shifted.collect();
        for lane in &mut self.lanes {
            lane.clock_jumped(shift);
        }
        self.hosts.clock_jumped(shift);
        for poll in &mut self.polls {
            poll.left_out = poll.left_out.map(|until| moved(until, shift));
        }
    }

    /// The time by which the slots of a poll are counted.
    fn time_of(&self, poll: PollIndex, now: Timestamp) -> Timestamp {
        match self.polls[poll].planned.group {
            Some(_) => now,
            None => moved(now, self.lead),
        }
    }

    /// A pattern fired: its key results become due, each after its own delay.
    pub fn fired(&mut self, group: usize, now: Timestamp) {
        let members = self.groups.get(group).cloned().unwrap_or_default();
        for poll in members {
            let planned = &self.polls[poll].planned;
            let Some(slot) = planned.schedule.at_or_before(now) else {
                continue;
            };
            if planned.wants(slot) {
                let at = later(slot, planned.splay);
                self.announce(poll, slot, at);
            }
        }
    }

    /// Makes a slot due; one that is due already stands for all that come before its turn.
    fn announce(&mut self, poll: PollIndex, slot: Timestamp, at: Timestamp) {
        if !std::mem::replace(&mut self.polls[poll].announced, true) {
            self.due.push(Reverse(Due {
                at,
                poll,
                slot,
                repeats: false,
            }));
        }
    }

    /// Everything to be done at `now`.
    pub fn acts(&mut self, now: Timestamp) -> Vec<Act> {
        let mut acts = Vec::new();
        self.end_holds(now);
        for lane in 0..self.lanes.len() {
            self.turn_away(lane, now, &mut acts);
        }
        while let Some(Reverse(due)) = self.due.peek().copied() {
            if due.at > now {
                break;
            }
            self.due.pop();
            let time = self.time_of(due.poll, now);
            if due.repeats {
                self.plan_next_interval(due.poll, time.max(due.slot));
            } else {
                self.polls[due.poll].announced = false;
            }
            // After a sleep, or a store that took no writes, newer slots may have passed: the newest is asked.
            let newest = self.polls[due.poll].planned.newest(now, time);
            let slot = newest.map_or(due.slot, |newest| newest.max(due.slot));
            acts.extend(self.admit(due.poll, slot, now));
        }
        for host in 0..self.hosts.count() {
            self.start_waiting(host, now, &mut acts);
        }
        acts
    }

    /// When something will be due next, if anything is known to be.
    #[must_use]
    pub fn next_wake(&self, now: Timestamp) -> Option<Timestamp> {
        let due = self.due.peek().map(|Reverse(due)| due.at);
        let lanes = self.lanes.iter().enumerate();
        let lanes = lanes.filter_map(|(index, lane)| {
            let paced = lane.held(now).is_none()
                && !lane.waiting.is_empty()
                && lane.has_permit(now)
                && self.hosts.has_permit(index);
            match paced {
                true => lane
                    .waits_until(now)
                    .max(self.hosts.waits_until(index, now)),
                false => lane.lets_go(now),
            }
        });
        due.into_iter().chain(lanes).min()
    }

    /// A poll got its answer; its source may be asked the next question. A fault may hold the whole source.
    pub fn answered(&mut self, poll: PollIndex, fault: Option<&Fault>, now: Timestamp) {
        let rides = self.ended(poll);
        let Some(state) = self.polls.get_mut(poll) else {
            return;
        };
        let Some(lane) = self.lanes.get_mut(state.planned.lane) else {
            return;
        };
        // Whoever rode along shares the answer; the source gave it once.
        let follows = match (rides, fault) {
            (false, _) => lane.heard(Some(poll), fault, now),
            (true, Some(_)) if lane.held(now).is_some() => Follows::AskAgain,
            (true, Some(fault)) if fault.class == FaultClass::Auth => {
                Follows::LeftOut(later(now, policy::REFUSED_ALONE))
            }
            (true, _) => Follows::Nothing,
        };
        match follows {
            Follows::Nothing => state.left_out = None,
            Follows::AskAgain => state.owed = state.owed.max(state.asked),
            Follows::LeftOut(until) => state.left_out = Some(until),
        }
    }

    /// A poll was refused with a secret that is not in use any more: it is asked once more as soon as that is on disk.
    pub fn answered_too_late(&mut self, poll: PollIndex) {
        self.ended(poll);
        if let Some(state) = self.polls.get_mut(poll) {
            state.owed = state.owed.max(state.asked);
        }
    }

    /// A question is under way no more. Returns whether it rode along with another.
    fn ended(&mut self, poll: PollIndex) -> bool {
        let Some(state) = self.polls.get_mut(poll) else {
            return false;
        };
        state.stage = Stage::Recording;
        let rides = std::mem::take(&mut state.rides);
        if !rides && let Some(lane) = self.lanes.get_mut(state.planned.lane) {
            lane.running = lane.running.saturating_sub(1);
            self.hosts.ended(state.planned.lane);
        }
        rides
    }

    /// The outcome of a poll is on disk; only now may the same key result be asked again.
    pub fn recorded(&mut self, poll: PollIndex, now: Timestamp) {
        let Some(state) = self.polls.get_mut(poll) else {
            return;
        };
        state.stage = Stage::Idle;
        state.outdated = false;
        let lane = self.lanes.get(state.planned.lane);
        let held = lane.is_none_or(|lane| lane.held(now).is_some());
        if !held && let Some(slot) = state.owed.take() {
            self.queue(poll, slot, now);
        }
    }

    fn queue(&mut self, poll: PollIndex, slot: Timestamp, now: Timestamp) {
        self.pass(poll, slot);
        let state = &mut self.polls[poll];
        if let Some(lane) = self.lanes.get_mut(state.planned.lane) {
            state.waiting = Some(slot);
            state.queued = now;
            lane.waiting.push_back((poll, slot));
        }
    }

    /// A slot takes the place of an older one that still waits for a permit: that one passed without being asked.
    fn replace(&mut self, poll: PollIndex, older: Timestamp, slot: Timestamp) {
        let state = &mut self.polls[poll];
        state.take_back(older);
        state.waiting = Some(slot);
        if let Some(lane) = self.lanes.get_mut(state.planned.lane) {
            let mut places = lane.waiting.iter_mut();
            if let Some(place) = places.find(|place| **place == (poll, older)) {
                place.1 = slot;
            }
        }
        self.pass(poll, slot);
    }

    /// Everything of a poll before `slot` that is not accounted for has passed without being asked, and `slot` is spoken
    /// for.
    fn pass(&mut self, poll: PollIndex, slot: Timestamp) {
        let state = &mut self.polls[poll];
        let planned = &mut state.planned;
        let spoken_for = later(slot, A_MILLISECOND);
        let before = planned.accounted;
        state.newly = before.is_none_or(|before| before < spoken_for);
        // Never back: asked again after the clock was set back, what came since is accounted for all the same.
        planned.accounted = before.max(Some(spoken_for));
        let Some(from) = before else {
            return;
        };
        let from = from.max(planned.from);
        let stretch = Stretch { from, until: slot };
        if self.counts && from < slot && self.holds_a_slot(poll, stretch) {
            self.passed.push((poll, stretch));
        }
    }

    fn holds_a_slot(&mut self, poll: PollIndex, stretch: Stretch) -> bool {
        let planned = &self.polls[poll].planned;
        let looked = planned.group.and_then(|group| self.looked.get_mut(group));
        if let Some(Some((known, holds))) = &looked
            && *known == stretch
        {
            return *holds;
        }
        let newest = planned.schedule.at_or_before(earlier_by_one(stretch.until));
        let holds = newest.is_some_and(|newest| newest >= stretch.from);
        if let Some(looked) = looked {
            *looked = Some((stretch, holds));
        }
        holds
    }

    /// The stretches that passed without a poll since this was asked last, each with at least one slot.
    pub fn take_passed(&mut self) -> Vec<(PollIndex, Stretch)> {
        std::mem::take(&mut self.passed)
    }

    /// Whether a source may be asked for a past slot now: no poll waits for it and it has a permit to spare.
    #[must_use]
    pub fn has_room(&self, lane: LaneIndex, now: Timestamp) -> bool {
        let host = self.hosts.has_permit(lane) && self.hosts.waits_until(lane, now).is_none();
        self.lanes.get(lane).is_some_and(|lane| {
            host && lane.is_free(now)
                && !lane.is_probed(now)
                && lane.waiting.is_empty()
                && lane.fills < policy::FILLS
        })
    }

    /// A past slot is being asked for.
    pub fn fill_began(&mut self, lane: LaneIndex, now: Timestamp) {
        if let Some(state) = self.lanes.get_mut(lane) {
            state.fill_began(now);
            self.hosts.began(lane, now);
        }
    }

    /// A past slot is asked for no more; `answer` is what the source said, if it was asked. Returns whether the source is
    /// held now.
    pub fn fill_ended(
        &mut self,
        lane: LaneIndex,
        answer: Option<Option<&Fault>>,
        now: Timestamp,
    ) -> bool {
        let Some(state) = self.lanes.get_mut(lane) else {
            return false;
        };
        state.fills = state.fills.saturating_sub(1);
        self.hosts.ended(lane);
        if let Some(fault) = answer {
            state.heard(None, fault, now);
        }
        state.held(now).is_some()
    }

    /// Lets a source be asked again, since its credentials changed or somebody said so.
    pub fn release(&mut self, lane: LaneIndex) {
        if let Some(state) = self.lanes.get_mut(lane) {
            state.release();
        }
        for poll in self.polls.iter_mut().filter(|p| p.planned.lane == lane) {
            poll.left_out = None;
        }
    }

    /// Goes on with a source as it was known before a restart or a reload.
    pub fn restore(&mut self, lane: LaneIndex, state: &SourceState, now: Timestamp) {
        if let Some(lane) = self.lanes.get_mut(lane) {
            lane.restore(state, now);
        }
    }

    /// Has the state of a source kept, whatever was kept of it before.
    pub fn keep(&mut self, lane: LaneIndex) {
        if let Some(lane) = self.lanes.get_mut(lane) {
            lane.keep();
        }
    }

    /// What is to be remembered of a source.
    #[must_use]
    pub fn state(&self, lane: LaneIndex) -> SourceState {
        self.lanes.get(lane).map(Lane::state).unwrap_or_default()
    }

    /// The sources whose state changed since this was asked last.
    pub fn take_changed(&mut self) -> Vec<LaneIndex> {
        let lanes = self.lanes.iter_mut().enumerate();
        let changed = lanes.filter_map(|(index, lane)| lane.take_changed().then_some(index));
        changed.collect()
    }

    /// Since when the one that waits longest for its turn has been waiting. `None`: nobody waits.
    #[must_use]
    pub fn waits_since(&self) -> Option<Timestamp> {
        let longest = self.lanes.iter().filter_map(|lane| {
            let mut waiting = lane.waiting.iter();
            let first = waiting.find(|(poll, slot)| self.polls[*poll].waiting == Some(*slot))?;
            Some(self.polls[first.0].queued)
        });
        longest.min()
    }

    /// Why a source is left alone, if it is.
    #[must_use]
    pub fn held(&self, lane: LaneIndex, now: Timestamp) -> Option<Held> {
        self.lanes.get(lane).and_then(|lane| lane.held(now))
    }

    /// Whether a source failed so often that one question at a time tells whether it is back.
    #[must_use]
    pub fn is_probed(&self, lane: LaneIndex, now: Timestamp) -> bool {
        self.lanes.get(lane).is_some_and(|lane| lane.is_probed(now))
    }

    /// How far a poll is.
    #[must_use]
    pub fn stage(&self, poll: PollIndex) -> Stage {
        self.polls.get(poll).map_or(Stage::Idle, |p| p.stage)
    }

    /// The newest slot a poll was asked for; `None` while one waits for its turn, since that one must not be lost.
    #[must_use]
    pub fn last_slot(&self, poll: PollIndex) -> Option<Timestamp> {
        let state = self.polls.get(poll)?;
        let waits = state.waiting.is_some() || state.owed.is_some();
        state.planned.last_slot.filter(|_| !waits)
    }

    /// Every slot of a poll before this instant was asked or is accounted for. One that waits is not, unless it waits to be
    /// asked again.
    #[must_use]
    pub fn accounted(&self, poll: PollIndex) -> Option<Timestamp> {
        let state = self.polls.get(poll)?;
        let waiting = state.waiting.filter(|_| state.newly);
        waiting.or(state.planned.accounted)
    }

    /// Whether a poll neither runs nor waits.
    #[must_use]
    pub fn rests(&self, poll: PollIndex) -> bool {
        let state = self.polls.get(poll);
        state.is_some_and(|state| state.stage == Stage::Idle && state.waiting.is_none())
    }

    /// Whether another's question is answered for a poll, too.
    #[must_use]
    pub fn rides(&self, poll: PollIndex) -> bool {
        self.polls.get(poll).is_some_and(|state| state.rides)
    }

    /// Takes over from an earlier plan how far a poll is, and whether another's question is answered for it; `outdated` when
    /// it asks for another definition.
    pub fn take_over(&mut self, poll: PollIndex, stage: Stage, rides: bool, outdated: bool) {
        let Some(state) = self.polls.get_mut(poll) else {
            return;
        };
        state.stage = stage;
        state.rides = rides;
        state.outdated = outdated;
        if stage == Stage::Asking
            && !rides
            && let Some(lane) = self.lanes.get_mut(state.planned.lane)
        {
            lane.running += 1;
            self.hosts.goes_on(state.planned.lane);
        }
    }

    /// Makes everything in its time due at once, whatever its schedule.
    pub fn ask_all(&mut self, now: Timestamp) {
        for poll in 0..self.polls.len() {
            let planned = &self.polls[poll].planned;
            if (planned.from..planned.until).contains(&now) {
                // Behind the newest, should the clock have been set back: whoever asks wants an answer.
                let behind = planned.last_slot.map(|last| later(last, A_MILLISECOND));
                let behind = behind.max(planned.accounted);
                self.announce(poll, behind.map_or(now, |behind| behind.max(now)), now);
            }
        }
    }

    /// Nothing is due, waits or runs, and nothing will be due without a firing.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.due.is_empty()
            && self.lanes.iter().all(Lane::is_idle)
            && self.polls.iter().all(|poll| poll.stage == Stage::Idle)
    }

    /// Lets a due slot into its lane, or says why not.
    fn admit(&mut self, poll: PollIndex, slot: Timestamp, now: Timestamp) -> Option<Act> {
        let state = &mut self.polls[poll];
        if !state.planned.wants(slot) || now >= state.planned.closes {
            return None;
        }
        state.planned.last_slot = Some(slot);
        if state.outdated {
            state.owed = Some(slot);
            return None;
        }
        if state.stage != Stage::Idle {
            // It passed: the next that is asked counts it, or has it filled.
            let why = Skip::StillRunning;
            return Some(Act::Skip { poll, why });
        }
        if let Some(older) = state.waiting {
            self.replace(poll, older, slot);
            return None;
        }
        if let Some(held) = self.lanes.get(state.planned.lane)?.held(now) {
            state.owed = Some(slot);
            let why = Skip::SourceHeld(held.why());
            return Some(Act::Skip { poll, why });
        }
        if state.left_out.is_some_and(|until| now < until) {
            let why = Skip::SourceHeld(Why::Login);
            return Some(Act::Skip { poll, why });
        }
        self.queue(poll, slot, now);
        None
    }

    /// `every N` finds its next slot itself, `after` an instant of its own time.
    fn plan_next_interval(&mut self, poll: PollIndex, after: Timestamp) {
        let planned = &self.polls[poll].planned;
        if planned.group.is_some() {
            return;
        }
        let after = after.max(earlier_by_one(planned.from));
        let Some(slot) = planned.schedule.next_after(after) else {
            return;
        };
        let back = SignedDuration::ZERO.saturating_sub(self.lead);
        let at = moved(later(slot, planned.splay), back);
        if moved(slot, back) < planned.until {
            self.due.push(Reverse(Due {
                at,
                poll,
                slot,
                repeats: true,
            }));
        }
    }
}

impl Poll {
    /// It is being asked; or it `rides` along with another's question.
    fn begins(&mut self, slot: Timestamp, rides: bool) {
        self.stage = Stage::Asking;
        self.waiting = None;
        self.asked = Some(slot);
        self.rides = rides;
    }
}

impl Planned {
    /// Whether a slot has come in the time of the key result and was not asked yet: a clock set back asks nothing twice.
    /// The slots of an interval may lie ahead of the clock: whether its time is over then is for whoever knows the clock.
    fn wants(&self, slot: Timestamp) -> bool {
        let in_its_time = slot >= self.from && (self.group.is_none() || slot < self.until);
        in_its_time && self.last_slot.is_none_or(|last| last < slot) && !self.is_over(slot)
    }

    /// The newest slot at `now`, or at what `time` it is for its schedule, if it was not asked yet. A cycle that began
    /// after its newest slot is asked at once all the same: its first slot is then the cycle's start.
    fn missed_slot(&self, now: Timestamp, time: Timestamp) -> Option<Timestamp> {
        // What was never asked while its time was is not begun when that is over.
        let begun = now < self.until || self.last_slot.is_some() || self.accounted.is_some();
        if now < self.from || now >= self.closes || !begun {
            return None;
        }
        let slot = self.newest(now, time)?.max(self.from);
        self.wants(slot).then_some(slot)
    }

    /// Whether a later slot was spoken for already, and with it this one was asked or has passed: so it is when the clock
    /// was set back.
    fn is_over(&self, slot: Timestamp) -> bool {
        let later = self.accounted.filter(|at| *at > later(slot, A_MILLISECOND));
        // Nothing to look up on a good day.
        later.is_some_and(|accounted| {
            let next = self.schedule.next_after(slot);
            next.is_some_and(|next| next <= accounted)
        })
    }

    /// The newest slot at `now`, which is `time` for its schedule; once its time is over, the last of all.
    fn newest(&self, now: Timestamp, time: Timestamp) -> Option<Timestamp> {
        let last = moved(earlier_by_one(self.until), time.duration_since(now));
        self.schedule.at_or_before(time.min(last))
    }

    /// When a missed slot is caught up with: after a downtime each key result after its own delay, so that not all come at
    /// once; one whose delay is not over yet keeps to it.
    fn catches_up(
        &self,
        slot: Timestamp,
        now: Timestamp,
        time: Timestamp,
        after_downtime: bool,
    ) -> Timestamp {
        let asked_before = self.last_slot.is_some() || self.accounted.is_some();
        let lead = time.duration_since(now);
        let in_its_time = moved(
            later(slot, self.splay),
            SignedDuration::ZERO.saturating_sub(lead),
        );
        match asked_before {
            true if in_its_time > now => in_its_time,
            true if after_downtime => later(now, self.splay),
            _ => now,
        }
    }
}

/// The polls by a number that some of them have.
fn gather(polls: &[Planned], of: impl Fn(&Planned) -> Option<usize>) -> Vec<Vec<PollIndex>> {
    let mut gathered: Vec<Vec<PollIndex>> = Vec::new();
    for (index, planned) in polls.iter().enumerate() {
        if let Some(place) = of(planned) {
            if gathered.len() <= place {
                gathered.resize_with(place + 1, Vec::new);
            }
            gathered[place].push(index);
        }
    }
    gathered
}

impl Poll {
    /// A slot that was spoken for is not asked after all. One that was asked before, in an earlier life perhaps, keeps what
    /// came of it.
    fn take_back(&mut self, slot: Timestamp) {
        let spoken_for = self.planned.accounted == Some(later(slot, A_MILLISECOND));
        if spoken_for && self.newly {
            self.planned.accounted = Some(slot);
        }
    }

    /// Whether it keeps to the time of the intervals, now.
    fn follows_lead(&self, now: Timestamp) -> bool {
        self.planned.group.is_none() && now < self.planned.until
    }
}

/// What the store tells instants apart by.
const A_MILLISECOND: Duration = Duration::from_millis(1);

pub(super) fn moved(t: Timestamp, by: SignedDuration) -> Timestamp {
    t.saturating_add(by).unwrap_or(t)
}

fn earlier_by_one(t: Timestamp) -> Timestamp {
    t.checked_sub(jiff::SignedDuration::from_nanos(1))
        .unwrap_or(t)
}

#[cfg(test)]
mod tests;
