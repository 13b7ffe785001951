//! The dispatcher: whose turn it is. A state machine that is told of firings, of ended polls and of the time, and
//! answers which polls to start and which slots pass by. Polls go first: a past slot is filled only with a permit that no
//! poll waits for, and gives way to one that comes. Knows no task, no source and no store.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::event::Skip;
use super::policy;
use crate::config::schedule::Schedule;
use crate::domain::fault::Fault;
use crate::store::Stretch;

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
    /// It is polled from here …
    pub from: Timestamp,
    /// … until before here.
    pub until: Timestamp,
    /// The newest slot that was already asked, from the store.
    pub last_slot: Option<Timestamp>,
    /// Every slot before this instant was asked or is accounted for. `None` when it was never asked: nothing passed then.
    pub accounted: Option<Timestamp>,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Start this poll.
    Start {
        /// Which.
        poll: PollIndex,
        /// For which slot.
        slot: Timestamp,
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
    groups: Vec<Vec<PollIndex>>,
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
    /// A slot that fired is among the due; later firings need no entry of their own.
    announced: bool,
    /// The newest slot that passed by while its source was held, or while an outdated question was under way.
    owed: Option<Timestamp>,
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

/// A source as the dispatcher sees it.
#[derive(Debug)]
struct Lane {
    permits: usize,
    running: usize,
    /// Past slots that are being asked for; each takes a permit, too.
    fills: usize,
    waiting: VecDeque<(PollIndex, Timestamp)>,
    held_until: Option<Timestamp>,
    /// The poll whose fault holds it.
    held_by: Option<PollIndex>,
}

impl Dispatch {
    /// A plan with nothing due yet. `permits` tells for each source how many questions it takes at a time.
    #[must_use]
    pub fn new(polls: Vec<Planned>, permits: &[usize]) -> Self {
        let mut groups: Vec<Vec<PollIndex>> = Vec::new();
        for (index, planned) in polls.iter().enumerate() {
            if let Some(group) = planned.group {
                if groups.len() <= group {
                    groups.resize_with(group + 1, Vec::new);
                }
                groups[group].push(index);
            }
        }
        Self {
            polls: polls
                .into_iter()
                .map(|planned| Poll {
                    planned,
                    stage: Stage::Idle,
                    waiting: None,
                    announced: false,
                    owed: None,
                    outdated: false,
                })
                .collect(),
            lanes: permits.iter().map(|p| Lane::new(*p)).collect(),
            looked: vec![None; groups.len()],
            groups,
            due: BinaryHeap::new(),
            passed: Vec::new(),
            counts: false,
            lead: SignedDuration::ZERO,
        }
    }

    /// Begins: what was never asked, or missed its newest slot, is due at once; `every N` plans its next slot.
    pub fn begin(&mut self, now: Timestamp) {
        self.counts = true;
        let intervals = self.polls.iter().filter(|poll| poll.follows_lead(now));
        let newest = intervals.filter_map(|poll| poll.planned.last_slot).max();
        let ahead = newest.map(|slot| slot.duration_since(now));
        self.lead = ahead.map_or(self.lead, |ahead| ahead.max(self.lead));
        for poll in 0..self.polls.len() {
            let until = self.polls[poll].planned.until;
            if now >= until {
                self.pass(poll, until);
                continue;
            }
            let time = self.time_of(poll, now);
            let planned = &self.polls[poll].planned;
            if let Some(slot) = planned.missed_slot(now, time) {
                self.announce(poll, slot, now);
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
            lane.held_until = lane.held_until.map(|until| moved(until, shift));
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
            let newest = self.polls[due.poll].planned.schedule.at_or_before(time);
            let slot = newest.map_or(due.slot, |newest| newest.max(due.slot));
            acts.extend(self.admit(due.poll, slot, now));
        }
        for lane in 0..self.lanes.len() {
            self.start_waiting(lane, now, &mut acts);
        }
        acts
    }

    /// When something will be due next, if anything is known to be.
    #[must_use]
    pub fn next_wake(&self) -> Option<Timestamp> {
        let due = self.due.peek().map(|Reverse(due)| due.at);
        let released = self.lanes.iter().filter_map(|lane| lane.held_until).min();
        due.into_iter().chain(released).min()
    }

    /// A poll got its answer; its source may be asked the next question. A fault may hold the whole source.
    /// Returns until when, if it does.
    pub fn answered(
        &mut self,
        poll: PollIndex,
        fault: Option<&Fault>,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let state = self.polls.get_mut(poll)?;
        let lane = self.lanes.get_mut(state.planned.lane)?;
        state.stage = Stage::Recording;
        lane.running = lane.running.saturating_sub(1);
        let until = lane.hold(fault, now)?;
        lane.held_by = Some(poll);
        Some(until)
    }

    /// The outcome of a poll is on disk; only now may the same key result be asked again.
    pub fn recorded(&mut self, poll: PollIndex) {
        let Some(state) = self.polls.get_mut(poll) else {
            return;
        };
        state.stage = Stage::Idle;
        let held = self
            .lanes
            .get(state.planned.lane)
            .is_none_or(|lane| lane.held_until.is_some());
        if std::mem::take(&mut state.outdated)
            && !held
            && let Some(slot) = state.owed.take()
        {
            self.queue(poll, slot);
        }
    }

    fn queue(&mut self, poll: PollIndex, slot: Timestamp) {
        self.pass(poll, slot);
        let state = &mut self.polls[poll];
        if let Some(lane) = self.lanes.get_mut(state.planned.lane) {
            state.waiting = Some(slot);
            lane.waiting.push_back((poll, slot));
        }
    }

    /// Everything of a poll before `slot` that is not accounted for has passed without being asked, and `slot` is spoken
    /// for.
    fn pass(&mut self, poll: PollIndex, slot: Timestamp) {
        let planned = &mut self.polls[poll].planned;
        let spoken_for = later(slot, A_MILLISECOND);
        let before = planned.accounted;
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
    pub fn has_room(&self, lane: LaneIndex) -> bool {
        self.lanes.get(lane).is_some_and(|lane| {
            lane.held_until.is_none()
                && lane.waiting.is_empty()
                && lane.running + lane.fills < lane.permits
                && lane.fills < policy::FILLS
        })
    }

    /// A past slot is being asked for.
    pub fn fill_began(&mut self, lane: LaneIndex) {
        if let Some(lane) = self.lanes.get_mut(lane) {
            lane.fills += 1;
        }
    }

    /// A past slot is asked for no more. Returns until when its source is held, if the fault says so.
    pub fn fill_ended(
        &mut self,
        lane: LaneIndex,
        fault: Option<&Fault>,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let lane = self.lanes.get_mut(lane)?;
        lane.fills = lane.fills.saturating_sub(1);
        lane.hold(fault, now)
    }

    /// Holds a source until an instant, as the store remembers it from before a restart.
    pub fn hold(&mut self, lane: LaneIndex, until: Timestamp) {
        if let Some(lane) = self.lanes.get_mut(lane) {
            lane.held_until = Some(until);
        }
    }

    /// Lets a source be asked again, since its credentials changed.
    pub fn release(&mut self, lane: LaneIndex, now: Timestamp) {
        if let Some(state) = self.lanes.get_mut(lane) {
            state.held_until = None;
            self.ask_owed(lane, now);
        }
    }

    /// Until when a source is held.
    #[must_use]
    pub fn held_until(&self, lane: LaneIndex) -> Option<Timestamp> {
        self.lanes.get(lane).and_then(|lane| lane.held_until)
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

    /// Every slot of a poll before this instant was asked or is accounted for.
    #[must_use]
    pub fn accounted(&self, poll: PollIndex) -> Option<Timestamp> {
        let state = self.polls.get(poll)?;
        state.waiting.or(state.planned.accounted)
    }

    /// Whether a poll neither runs nor waits.
    #[must_use]
    pub fn rests(&self, poll: PollIndex) -> bool {
        let state = self.polls.get(poll);
        state.is_some_and(|state| state.stage == Stage::Idle && state.waiting.is_none())
    }

    /// Takes over from an earlier plan how far a poll is; `outdated` when it asks for another definition.
    pub fn take_over(&mut self, poll: PollIndex, stage: Stage, outdated: bool) {
        let Some(state) = self.polls.get_mut(poll) else {
            return;
        };
        state.stage = stage;
        state.outdated = outdated;
        if stage == Stage::Asking
            && let Some(lane) = self.lanes.get_mut(state.planned.lane)
        {
            lane.running += 1;
        }
    }

    /// Makes everything in its time due at once, whatever its schedule.
    pub fn ask_all(&mut self, now: Timestamp) {
        for poll in 0..self.polls.len() {
            let planned = &self.polls[poll].planned;
            if (planned.from..planned.until).contains(&now) {
                // Behind the newest, should the clock have been set back: whoever asks wants an answer.
                let behind = planned.last_slot.map(|last| later(last, A_MILLISECOND));
                self.announce(poll, behind.map_or(now, |behind| behind.max(now)), now);
            }
        }
    }

    /// Nothing is due, waits or runs, and nothing will be due without a firing.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.due.is_empty()
            && self
                .lanes
                .iter()
                .all(|lane| lane.running == 0 && lane.waiting.is_empty())
            && self.polls.iter().all(|poll| poll.stage == Stage::Idle)
    }

    /// Lets a due slot into its lane, or says why not.
    fn admit(&mut self, poll: PollIndex, slot: Timestamp, now: Timestamp) -> Option<Act> {
        let state = &mut self.polls[poll];
        if !state.planned.wants(slot) || now >= state.planned.until {
            return None;
        }
        state.planned.last_slot = Some(slot);
        if state.outdated {
            state.owed = Some(slot);
            return None;
        }
        if state.stage != Stage::Idle || state.waiting.is_some() {
            let why = Skip::StillRunning;
            self.pass(poll, slot);
            return Some(Act::Skip { poll, why });
        }
        if self.lanes.get(state.planned.lane)?.held_until.is_some() {
            state.owed = Some(slot);
            let why = Skip::SourceHeld;
            return Some(Act::Skip { poll, why });
        }
        self.queue(poll, slot);
        None
    }

    /// Starts what waits in a lane, as far as its permits reach. What waited when the source was held is owed.
    fn start_waiting(&mut self, lane: LaneIndex, now: Timestamp, acts: &mut Vec<Act>) {
        let state = &mut self.lanes[lane];
        if state.held_until.is_some() {
            for (poll, slot) in state.waiting.drain(..) {
                let state = &mut self.polls[poll];
                state.waiting = None;
                state.owed = Some(slot);
                // Should a newer one be asked in its stead, it passed.
                state.planned.take_back(slot);
                acts.push(Act::Skip {
                    poll,
                    why: Skip::SourceHeld,
                });
            }
            return;
        }
        while state.running + state.fills < state.permits {
            let Some((poll, slot)) = state.waiting.pop_front() else {
                return;
            };
            self.polls[poll].waiting = None;
            if now >= self.polls[poll].planned.until {
                // Its time ended while it waited; the next start counts it as missed.
                self.polls[poll].planned.take_back(slot);
                continue;
            }
            self.polls[poll].stage = Stage::Asking;
            state.running += 1;
            acts.push(Act::Start { poll, slot });
        }
        let fills = state.fills.min(state.waiting.len());
        if fills > 0 {
            acts.push(Act::GiveWay { lane, fills });
        }
    }

    fn end_holds(&mut self, now: Timestamp) {
        for lane in 0..self.lanes.len() {
            if self.lanes[lane]
                .held_until
                .is_some_and(|until| until <= now)
            {
                self.release(lane, now);
            }
        }
    }

    /// After a hold, each key result that missed slots is asked once, for the newest of them. The one that caused the
    /// hold comes last: should it cause the next as well, the others were asked before.
    fn ask_owed(&mut self, lane: LaneIndex, now: Timestamp) {
        let culprit = self.lanes[lane].held_by.take();
        let all = (0..self.polls.len()).filter(|poll| Some(*poll) != culprit);
        for poll in all.chain(culprit).collect::<Vec<_>>() {
            let state = &mut self.polls[poll];
            if state.planned.lane != lane || state.outdated {
                continue;
            }
            let Some(slot) = state.owed.take() else {
                continue;
            };
            if state.stage == Stage::Idle && state.waiting.is_none() && now < state.planned.until {
                self.queue(poll, slot);
            }
        }
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

impl Lane {
    /// Holds it when the fault says so, and tells until when.
    fn hold(&mut self, fault: Option<&Fault>, now: Timestamp) -> Option<Timestamp> {
        let until = fault.and_then(policy::hold).map(|hold| later(now, hold))?;
        let until = self.held_until.map_or(until, |old| old.max(until));
        self.held_until = Some(until);
        Some(until)
    }

    fn new(permits: usize) -> Self {
        Self {
            permits: permits.max(1),
            running: 0,
            fills: 0,
            waiting: VecDeque::new(),
            held_until: None,
            held_by: None,
        }
    }
}

impl Planned {
    /// Whether a slot has come in the time of the key result and was not asked yet: a clock set back asks nothing twice.
    /// That its time is not over is for whoever knows what the clock says.
    fn wants(&self, slot: Timestamp) -> bool {
        slot >= self.from && self.last_slot.is_none_or(|last| last < slot)
    }

    /// A slot that was spoken for is not asked after all.
    fn take_back(&mut self, slot: Timestamp) {
        if self.accounted == Some(later(slot, A_MILLISECOND)) {
            self.accounted = Some(slot);
        }
    }

    /// The newest slot at `now`, or at what `time` it is for its schedule, if it was not asked yet. A cycle that began
    /// after its newest slot is asked at once all the same: its first slot is then the cycle's start.
    fn missed_slot(&self, now: Timestamp, time: Timestamp) -> Option<Timestamp> {
        if now < self.from || now >= self.until {
            return None;
        }
        let slot = self.schedule.at_or_before(time)?.max(self.from);
        self.wants(slot).then_some(slot)
    }
}

impl Poll {
    /// Whether it keeps to the time of the intervals, now.
    fn follows_lead(&self, now: Timestamp) -> bool {
        self.planned.group.is_none() && now < self.planned.until
    }
}

/// What the store tells instants apart by.
const A_MILLISECOND: Duration = Duration::from_millis(1);

fn later(t: Timestamp, by: Duration) -> Timestamp {
    t.saturating_add(jiff::SignedDuration::try_from(by).unwrap_or(jiff::SignedDuration::MAX))
        .unwrap_or(Timestamp::MAX)
}

fn moved(t: Timestamp, by: SignedDuration) -> Timestamp {
    t.saturating_add(by).unwrap_or(t)
}

fn earlier_by_one(t: Timestamp) -> Timestamp {
    t.checked_sub(jiff::SignedDuration::from_nanos(1))
        .unwrap_or(t)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::fault::FaultClass;
    use jiff::tz::TimeZone;
    use proptest::prelude::*;

    fn at(text: &str) -> Timestamp {
        format!("2026-11-24T{text}Z").parse().unwrap()
    }

    fn every(seconds: u64, lane: LaneIndex) -> Planned {
        Planned {
            lane,
            schedule: Schedule::Every(Duration::from_secs(seconds)),
            group: None,
            splay: Duration::ZERO,
            from: at("00:00:00"),
            until: "2027-01-01T00:00:00Z".parse().unwrap(),
            last_slot: None,
            accounted: None,
        }
    }

    fn cron(pattern: &str, lane: LaneIndex, splay: u64) -> Planned {
        Planned {
            schedule: Schedule::parse(pattern, &TimeZone::UTC, "UTC").unwrap(),
            group: Some(0),
            splay: Duration::from_secs(splay),
            ..every(1, lane)
        }
    }

    fn starts(acts: &[Act]) -> Vec<(PollIndex, Timestamp)> {
        acts.iter()
            .filter_map(|act| match act {
                Act::Start { poll, slot } => Some((*poll, *slot)),
                Act::Skip { .. } | Act::GiveWay { .. } => None,
            })
            .collect()
    }

    fn skips(acts: &[Act]) -> Vec<Skip> {
        acts.iter()
            .filter_map(|act| match act {
                Act::Skip { why, .. } => Some(*why),
                Act::Start { .. } | Act::GiveWay { .. } => None,
            })
            .collect()
    }

    #[test]
    fn what_was_never_asked_is_asked_at_start_for_its_newest_slot() {
        let mut dispatch = Dispatch::new(vec![cron("0 * * * *", 0, 9), every(900, 0)], &[4]);
        dispatch.begin(at("10:20:00"));
        assert_eq!(
            starts(&dispatch.acts(at("10:20:00"))),
            [(0, at("10:00:00")), (1, at("10:15:00"))]
        );
    }

    #[test]
    fn what_was_asked_in_its_newest_slot_waits_for_the_next() {
        let mut planned = every(900, 0);
        planned.last_slot = Some(at("10:15:00"));
        let mut dispatch = Dispatch::new(vec![planned], &[4]);
        dispatch.begin(at("10:20:00"));
        assert_eq!(dispatch.acts(at("10:20:00")), []);
        assert_eq!(dispatch.next_wake(), Some(at("10:30:00")));
        assert_eq!(
            starts(&dispatch.acts(at("10:30:00"))),
            [(0, at("10:30:00"))]
        );
    }

    #[test]
    fn outside_its_cycle_nothing_is_asked() {
        let mut planned = every(60, 0);
        planned.from = at("12:00:00");
        planned.until = at("12:02:00");
        let mut dispatch = Dispatch::new(vec![planned], &[1]);
        dispatch.begin(at("11:00:00"));
        assert_eq!(dispatch.acts(at("11:59:59")), []);
        let mut asked = Vec::new();
        for minute in 0..5 {
            let now = at(&format!("12:0{minute}:00"));
            asked.extend(starts(&dispatch.acts(now)));
            dispatch.answered(0, None, now);
            dispatch.recorded(0);
        }
        assert_eq!(asked, [(0, at("12:00:00")), (0, at("12:01:00"))]);
    }

    #[test]
    fn a_firing_becomes_due_after_the_splay() {
        let mut planned = cron("0 * * * *", 0, 9);
        planned.last_slot = Some(at("09:00:00"));
        let mut dispatch = Dispatch::new(vec![planned], &[4]);
        dispatch.begin(at("09:20:00"));
        dispatch.fired(0, at("10:00:00.4"));
        assert_eq!(dispatch.acts(at("10:00:08")), []);
        assert_eq!(
            starts(&dispatch.acts(at("10:00:09"))),
            [(0, at("10:00:00"))]
        );
        // The same firing told twice asks once.
        dispatch.fired(0, at("10:00:10"));
        assert_eq!(dispatch.acts(at("10:00:30")), []);
    }

    #[test]
    fn f61_a_key_result_never_overlaps_itself_until_its_outcome_is_on_disk() {
        let mut dispatch = Dispatch::new(vec![every(1, 0)], &[4]);
        dispatch.begin(at("10:00:00"));
        assert_eq!(starts(&dispatch.acts(at("10:00:00"))).len(), 1);
        assert_eq!(skips(&dispatch.acts(at("10:00:01"))), [Skip::StillRunning]);
        dispatch.answered(0, None, at("10:00:01.5"));
        assert_eq!(skips(&dispatch.acts(at("10:00:02"))), [Skip::StillRunning]);
        dispatch.recorded(0);
        assert_eq!(starts(&dispatch.acts(at("10:00:03"))).len(), 1);
    }

    #[test]
    fn a_source_is_asked_no_more_than_its_permits_at_a_time() {
        let mut dispatch = Dispatch::new((0..5).map(|_| every(60, 0)).collect(), &[2]);
        dispatch.begin(at("10:00:00"));
        let first = starts(&dispatch.acts(at("10:00:00")));
        assert_eq!(first.len(), 2);
        dispatch.answered(first[0].0, None, at("10:00:00.1"));
        assert_eq!(starts(&dispatch.acts(at("10:00:00.1"))).len(), 1);
    }

    #[test]
    fn f18_refused_credentials_hold_the_whole_source_and_what_is_owed_is_asked_after() {
        let mut dispatch = Dispatch::new(vec![every(60, 0), every(60, 0), every(60, 1)], &[1, 1]);
        dispatch.begin(at("10:00:00"));
        dispatch.acts(at("10:00:00"));
        let refused = Fault::new(FaultClass::Auth, "401");
        let until = dispatch.answered(0, Some(&refused), at("10:00:01"));
        assert_eq!(until, Some(at("10:15:01")));
        dispatch.recorded(0);
        dispatch.answered(2, None, at("10:00:01"));
        dispatch.recorded(2);
        // The second key result waited for a permit; it is not asked.
        assert_eq!(skips(&dispatch.acts(at("10:00:02"))), [Skip::SourceHeld]);
        let acts = dispatch.acts(at("10:01:00"));
        assert_eq!(skips(&acts), [Skip::SourceHeld, Skip::SourceHeld]);
        assert_eq!(
            starts(&acts),
            [(2, at("10:01:00"))],
            "the other source goes on"
        );
        dispatch.release(0, at("10:01:30"));
        assert_eq!(
            starts(&dispatch.acts(at("10:01:30"))),
            [(1, at("10:01:00"))],
            "whoever was refused comes last"
        );
    }

    #[test]
    fn a_slot_that_still_waits_does_not_count_as_asked() {
        let mut dispatch = Dispatch::new(vec![every(60, 0), every(60, 0)], &[1]);
        dispatch.begin(at("10:00:00"));
        dispatch.acts(at("10:00:00"));
        assert_eq!(dispatch.last_slot(0), Some(at("10:00:00")));
        assert_eq!(dispatch.last_slot(1), None, "a reload must ask it");
    }

    #[test]
    fn f31_a_clock_set_back_asks_no_slot_twice() {
        let mut dispatch = Dispatch::new(vec![cron("* * * * *", 0, 0)], &[1]);
        dispatch.begin(at("10:30:00"));
        assert_eq!(starts(&dispatch.acts(at("10:30:00"))).len(), 1);
        dispatch.answered(0, None, at("10:30:01"));
        dispatch.recorded(0);
        dispatch.fired(0, at("09:31:00"));
        assert_eq!(dispatch.acts(at("09:31:00")), []);
    }

    /// Told of a jump, intervals go on at their pace in slots to come; whatever was held stays held as long.
    #[test]
    fn f31_a_clock_set_back_holds_up_no_interval() {
        let mut dispatch = Dispatch::new(vec![every(60, 0), every(60, 1)], &[1, 1]);
        let hour = SignedDuration::from_hours(1);
        dispatch.begin(at("10:30:00"));
        assert_eq!(starts(&dispatch.acts(at("10:30:00"))).len(), 2);
        dispatch.answered(0, None, at("10:30:01"));
        let slow = Fault::new(FaultClass::RateLimited, "slow down");
        dispatch.answered(1, Some(&slow), at("10:30:01"));
        dispatch.recorded(0);
        dispatch.recorded(1);
        dispatch.clock_jumped(-hour);
        assert_eq!(dispatch.acts(at("09:30:59")), []);
        assert_eq!(dispatch.held_until(1), Some(at("09:31:01")));
        let mut asked = Vec::new();
        for minute in 31..40 {
            let now = at(&format!("09:{minute}:01"));
            for (poll, slot) in starts(&dispatch.acts(now)) {
                asked.extend((poll == 0).then_some(slot));
                dispatch.answered(poll, None, now);
                dispatch.recorded(poll);
            }
        }
        let slots: Vec<_> = (31..40).map(|m| at(&format!("10:{m}:00"))).collect();
        assert_eq!(asked, slots);
        assert_eq!(dispatch.take_passed(), [], "nothing passed without a poll");

        // Another start knows the newest slot alone, and goes on from there as well.
        let mut known = every(60, 0);
        (known.last_slot, known.accounted) = (Some(at("10:39:00")), Some(at("10:39:01")));
        let mut later = Dispatch::new(vec![known], &[1]);
        later.begin(at("09:39:30"));
        assert_eq!(starts(&later.acts(at("09:39:30"))), []);
        assert_eq!(starts(&later.acts(at("09:40:30"))), [(0, at("10:40:00"))]);
        // Set right again, the clock finds the interval where it would be.
        later.answered(0, None, at("09:40:31"));
        later.recorded(0);
        later.clock_jumped(hour);
        let acts = later.acts(at("10:41:00"));
        assert_eq!(starts(&acts), [(0, at("10:41:00"))]);
        assert_eq!(later.take_passed(), []);
    }

    /// The slots that an interval takes while the clock is behind lie ahead of it; it is polled as long as the clock says.
    #[test]
    fn f31_an_interval_ahead_of_the_clock_ends_with_its_cycle() {
        let mut planned = every(60, 0);
        planned.until = at("11:00:00");
        planned.last_slot = Some(at("11:29:00"));
        let mut dispatch = Dispatch::new(vec![planned], &[1]);
        dispatch.begin(at("10:50:00"));
        let mut asked = 0;
        for second in 0..1200 {
            let now = later(at("10:50:00"), Duration::from_secs(second));
            for (poll, _) in starts(&dispatch.acts(now)) {
                asked += 1;
                assert!(now < at("11:00:00"), "{now}");
                dispatch.answered(poll, None, now);
                dispatch.recorded(poll);
            }
        }
        assert_eq!(asked, 9);
    }

    #[test]
    fn a_slot_whose_cycle_ends_while_it_waits_is_not_spoken_for() {
        let mut planned = every(60, 0);
        planned.until = at("10:00:30");
        planned.accounted = Some(at("10:00:00"));
        let mut dispatch = Dispatch::new(vec![every(60, 0), planned], &[1]);
        dispatch.begin(at("10:00:00"));
        dispatch.acts(at("10:00:00"));
        assert_eq!(dispatch.accounted(1), Some(at("10:00:00")));
        dispatch.answered(0, None, at("10:00:31"));
        assert_eq!(dispatch.acts(at("10:00:31")), []);
        assert_eq!(
            dispatch.accounted(1),
            Some(at("10:00:00")),
            "still to be counted"
        );
    }

    #[test]
    fn f30_f33_a_leap_over_many_slots_asks_once() {
        let mut dispatch = Dispatch::new(vec![every(1, 0)], &[1]);
        dispatch.begin(at("10:00:00"));
        dispatch.acts(at("10:00:00"));
        dispatch.answered(0, None, at("10:00:00"));
        dispatch.recorded(0);
        let acts = dispatch.acts(at("15:00:00"));
        assert_eq!(starts(&acts), [(0, at("15:00:00"))], "the newest slot");
        assert_eq!(acts.len(), 1, "{acts:?}");
        dispatch.answered(0, None, at("15:00:00"));
        dispatch.recorded(0);
        assert_eq!(dispatch.next_wake(), Some(at("15:00:01")));
    }

    /// As while the store takes no writes: firings go on, and nobody asks what is due.
    #[test]
    fn f33_firings_that_nobody_takes_up_do_not_pile_up_and_the_newest_slot_is_asked() {
        let mut dispatch = Dispatch::new(vec![cron("* * * * *", 0, 0)], &[1]);
        dispatch.begin(at("10:00:00"));
        dispatch.acts(at("10:00:00"));
        dispatch.answered(0, None, at("10:00:00"));
        dispatch.recorded(0);
        for minute in 1..60 {
            dispatch.fired(0, at(&format!("10:{minute:02}:00")));
        }
        assert_eq!(dispatch.due.len(), 1);
        let acts = dispatch.acts(at("10:59:30"));
        assert_eq!(
            acts,
            [Act::Start {
                poll: 0,
                slot: at("10:59:00")
            }]
        );
    }

    #[test]
    fn a_new_definition_is_asked_once_the_question_of_the_old_one_is_through() {
        let mut dispatch = Dispatch::new(vec![cron("0 6 * * *", 0, 0)], &[1]);
        dispatch.take_over(0, Stage::Asking, true);
        dispatch.begin(at("10:00:00"));
        assert_eq!(dispatch.acts(at("10:00:00")), []);
        dispatch.answered(0, None, at("10:00:03"));
        assert_eq!(dispatch.acts(at("10:00:03")), []);
        dispatch.recorded(0);
        let started = starts(&dispatch.acts(at("10:00:04")));
        assert_eq!(started, [(0, at("06:00:00"))]);
    }

    #[test]
    fn whoever_is_refused_alone_does_not_keep_the_others_from_being_asked() {
        let mut dispatch = Dispatch::new((0..3).map(|_| every(60, 0)).collect(), &[1]);
        dispatch.begin(at("10:00:00"));
        let mut now = at("10:00:00");
        let mut asked = Vec::new();
        for _ in 0..4 {
            for (poll, _) in starts(&dispatch.acts(now)) {
                asked.push(poll);
                let refused = Fault::new(FaultClass::Auth, "403");
                dispatch.answered(poll, (poll == 0).then_some(&refused), now);
                dispatch.recorded(poll);
            }
            now = dispatch
                .held_until(0)
                .unwrap_or(later(now, Duration::from_secs(1)));
        }
        assert_eq!(asked, [0, 1, 2, 0]);
    }

    proptest! {
        /// Whatever happens, no slot is asked twice, none overlaps, permits hold, and all come in order.
        #[test]
        fn slots_are_asked_once_and_in_order(
            steps in proptest::collection::vec((0u64..3_000, any::<bool>(), 0usize..6), 1..200),
            permits in 1usize..3,
        ) {
            let mut dispatch = Dispatch::new((0..4).map(|n| every(1 + n, 0)).collect(), &[permits]);
            let mut now = at("10:00:00");
            dispatch.begin(now);
            let mut running: Vec<PollIndex> = Vec::new();
            let mut newest = [None; 4];
            for (ms, refuse, finish) in steps {
                now = later(now, Duration::from_millis(ms));
                for (poll, slot) in starts(&dispatch.acts(now)) {
                    prop_assert!(!running.contains(&poll));
                    prop_assert!(newest[poll] < Some(slot));
                    prop_assert!(slot <= now);
                    newest[poll] = Some(slot);
                    running.push(poll);
                }
                prop_assert!(running.len() <= permits);
                if finish < running.len() {
                    let poll = running.swap_remove(finish);
                    let fault = Fault::new(FaultClass::RateLimited, "slow down");
                    dispatch.answered(poll, refuse.then_some(&fault), now);
                    dispatch.recorded(poll);
                }
            }
        }
    }
}
