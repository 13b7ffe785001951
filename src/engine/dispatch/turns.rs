//! Turns: who of those that wait is asked now, as permits and pace allow, and what becomes of them while their source is left
//! alone.

use jiff::Timestamp;

use super::{Act, Dispatch, LaneIndex, PollIndex, Stage};
use crate::engine::event::Skip;

impl Dispatch {
    /// What waited when its source was held is owed.
    pub(super) fn turn_away(&mut self, lane: LaneIndex, now: Timestamp, acts: &mut Vec<Act>) {
        let state = &mut self.lanes[lane];
        let Some(held) = state.held(now) else { return };
        for (poll, slot) in state.waiting.drain(..) {
            let state = &mut self.polls[poll];
            if state.waiting.take() != Some(slot) {
                continue;
            }
            state.owed = Some(slot);
            // Should a newer one be asked in its stead, it passed.
            state.take_back(slot);
            acts.push(Act::Skip {
                poll,
                why: Skip::SourceHeld(held.why()),
            });
        }
    }

    /// Starts what waits for the sources of a host, as far as its permits and theirs reach; they take turns.
    pub(super) fn start_waiting(&mut self, host: usize, now: Timestamp, acts: &mut Vec<Act>) {
        while let Some(act) = self
            .hosts
            .in_turn(host)
            .into_iter()
            .find_map(|lane| self.start_next(lane, now))
        {
            acts.push(act);
        }
        let lanes = self.hosts.in_turn(host);
        let waits = |lane: &LaneIndex| !self.lanes[*lane].waiting.is_empty();
        let crowded = lanes.iter().any(|lane| {
            let state = &self.lanes[*lane];
            waits(lane) && state.held(now).is_none() && !self.hosts.has_permit(*lane)
        });
        for lane in lanes {
            let state = &self.lanes[lane];
            let gives_way = waits(&lane) && !state.has_permit(now);
            let fills = match crowded {
                true => state.fills,
                false if gives_way => state.fills.min(state.waiting.len()),
                false => 0,
            };
            if fills > 0 {
                acts.push(Act::GiveWay { lane, fills });
            }
        }
    }

    /// Starts the next that waits in a lane, and with it whoever puts the same question for the same slot.
    fn start_next(&mut self, lane: LaneIndex, now: Timestamp) -> Option<Act> {
        let state = &mut self.lanes[lane];
        while state.is_free(now)
            && self.hosts.has_permit(lane)
            && self.hosts.waits_until(lane, now).is_none()
        {
            let (poll, slot) = state.waiting.pop_front()?;
            // Whoever rode along meanwhile waits no more.
            if self.polls[poll].waiting != Some(slot) {
                continue;
            }
            self.polls[poll].waiting = None;
            if now >= self.polls[poll].planned.closes {
                // Its time ended while it waited; the next start counts it as missed.
                self.polls[poll].take_back(slot);
                continue;
            }
            let retries = state.began(now);
            self.hosts.began(lane, now);
            self.polls[poll].begins(slot, false);
            let twins = self.polls[poll].planned.twins;
            let twins = twins.and_then(|place| self.twins.get(place));
            let with: Vec<PollIndex> = twins
                .into_iter()
                .flatten()
                .copied()
                .filter(|twin| {
                    let twin = &self.polls[*twin];
                    twin.waiting == Some(slot) && now < twin.planned.closes
                })
                .collect();
            for twin in &with {
                self.polls[*twin].begins(slot, true);
            }
            return Some(Act::Start {
                poll,
                slot,
                with,
                retries,
            });
        }
        None
    }

    pub(super) fn end_holds(&mut self, now: Timestamp) {
        for lane in 0..self.lanes.len() {
            if self.lanes[lane].comes_back(now) {
                self.ask_owed(lane, now);
            }
        }
    }

    /// After a hold, each key result that missed slots is asked once, for the newest of them. The one that caused the
    /// hold comes last: should it cause the next as well, the others were asked before.
    fn ask_owed(&mut self, lane: LaneIndex, now: Timestamp) {
        let culprit = self.lanes[lane].held_by.take();
        let all = (0..self.polls.len()).filter(|poll| Some(*poll) != culprit);
        for poll in all.chain(culprit).collect::<Vec<_>>() {
            let time = self.time_of(poll, now);
            let state = &mut self.polls[poll];
            if state.planned.lane != lane || state.outdated {
                continue;
            }
            // What is under way is asked again when its outcome is on disk.
            if state.stage != Stage::Idle || state.waiting.is_some() {
                continue;
            }
            if let Some(slot) = state.owed.take()
                && now < state.planned.closes
            {
                // Should its next one be due this very moment, that is the newest.
                let newest = state.planned.newest(now, time);
                let newest = newest.filter(|newest| state.planned.wants(*newest));
                let slot = newest.map_or(slot, |newest| newest.max(slot));
                state.planned.last_slot = state.planned.last_slot.max(Some(slot));
                self.queue(poll, slot, now);
            }
        }
    }
}
