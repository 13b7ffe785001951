//! The rota: the plan in force with its dispatcher and its sources. Sends out errands, hears how they ended, and
//! carries what goes on over from one plan to the next. Knows no store and no judgement.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::board::SourceBoard;
use super::dispatch::{Act, Dispatch, PollIndex, Stage};
use super::event::{Event, Observe};
use super::plan::Plan;
use super::poll::{Asks, Errand, Outcome};
use super::sources::{Open, Sources};
use super::ticker::Tick;
use crate::config::schedule::CronSchedule;
use crate::config::spec::Config;
use crate::domain::id::{KeyResultId, Slug};

/// The plan in force.
#[derive(Default)]
pub struct Rota {
    plan: Plan,
    generation: u64,
    dispatch: Dispatch,
    sources: Sources,
    places: HashMap<KeyResultId, PollIndex>,
    /// Polls under way of key results that this plan does not have; should one come back, it must not overlap itself.
    strays: HashMap<KeyResultId, Stray>,
}

/// A poll that an earlier plan sent out.
#[derive(Clone, Debug)]
struct Stray {
    stage: Stage,
    definition: Arc<str>,
}

/// What the store remembers of earlier runs.
#[derive(Debug, Default)]
pub struct Remembered {
    /// The newest slot in which each key result was measured.
    pub last_slots: HashMap<KeyResultId, Timestamp>,
    /// Until when sources are held.
    pub holds: Vec<(Slug, Timestamp)>,
}

impl Rota {
    /// Puts a configuration in force: after a start with what the store remembers, after a reload with what goes on.
    #[must_use]
    pub fn next(
        self,
        config: &Config,
        open: &Arc<Open>,
        remembered: Remembered,
        now: Timestamp,
    ) -> Self {
        let plan = Plan::of(config, now);
        let places: HashMap<_, _> = plan
            .polls
            .iter()
            .enumerate()
            .map(|(index, p)| (p.poll.key_result.clone(), index))
            .collect();
        let mut under_way = self.under_way();
        let mut last_slots = remembered.last_slots;
        last_slots.extend(self.last_slots(config, |key_result, definition| {
            let planned = places.get(key_result).and_then(|i| plan.polls.get(*i));
            planned.is_some_and(|planned| *planned.definition == *definition)
        }));
        let mut holds = remembered.holds;
        holds.extend(self.holds(config));
        let sources = Sources::open(config, &plan, open, self.sources, now);
        let mut dispatch = Dispatch::new(plan.for_dispatch(&last_slots), &sources.permits());
        under_way.retain(|key_result, stray| {
            let Some((index, planned)) = places
                .get(key_result)
                .and_then(|index| Some((*index, plan.polls.get(*index)?)))
            else {
                return true;
            };
            let outdated = planned.definition != stray.definition;
            dispatch.take_over(index, stray.stage, outdated);
            false
        });
        for (name, until) in holds {
            if let Some(lane) = sources.lane(&name).filter(|_| until > now) {
                dispatch.hold(lane, until);
            }
        }
        Self {
            generation: self.generation + 1,
            plan,
            dispatch,
            sources,
            places,
            strays: under_way,
        }
    }

    /// The number of this plan; firings and outcomes of earlier ones carry a smaller one.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The patterns that must be ticked.
    #[must_use]
    pub fn patterns(&self) -> &[Arc<CronSchedule>] {
        &self.plan.patterns
    }

    /// Begins by the schedules.
    pub fn begin(&mut self, now: Timestamp) {
        self.dispatch.begin(now);
    }

    /// Begins by asking everything once.
    pub fn begin_once(&mut self, now: Timestamp) {
        self.dispatch.ask_all(now);
    }

    /// Hears a firing.
    pub fn fired(&mut self, tick: Tick, now: Timestamp) {
        if tick.generation == self.generation {
            self.dispatch.fired(tick.group, now);
        }
    }

    /// The errands to send out at `now`.
    pub fn errands(&mut self, now: Timestamp, observe: &dyn Observe) -> Vec<Errand> {
        let acts = self.dispatch.acts(now);
        acts.into_iter()
            .filter_map(|act| match act {
                Act::Start { poll, slot } => self.errand(poll, slot, now),
                Act::Skip { poll, why } => {
                    let poll = self.plan.polls.get(poll)?;
                    observe.observe(&Event::PollSkipped {
                        source: &poll.poll.source,
                        key_result: &poll.poll.key_result,
                        why,
                    });
                    None
                }
            })
            .collect()
    }

    /// Hears how a poll ended. Returns the source and until when it is held, when the fault says so.
    pub fn answered(&mut self, outcome: &Outcome, now: Timestamp) -> Option<(Slug, Timestamp)> {
        let index = self.index_of(outcome)?;
        let lane = self.plan.polls.get(index)?.lane;
        let held = self.dispatch.held_until(lane).is_some();
        self.sources.answered(lane, outcome, held, now);
        let fault = outcome.entry.outcome.as_ref().err();
        let until = self.dispatch.answered(index, fault, now)?;
        Some((self.sources.name(lane)?.clone(), until))
    }

    /// Hears that the outcome of a poll is on disk.
    pub fn recorded(&mut self, outcome: &Outcome) {
        match self.index_of(outcome) {
            Some(index) => self.dispatch.recorded(index),
            None => drop(self.strays.remove(&outcome.entry.key_result)),
        }
    }

    /// Lets sources be asked again whose credentials changed since they were refused; returns their names.
    pub fn release_with_new_credentials(&mut self, now: Timestamp) -> Vec<Slug> {
        let lanes = self.sources.with_new_credentials();
        for lane in &lanes {
            self.dispatch.release(*lane, now);
        }
        lanes
            .iter()
            .filter_map(|lane| self.sources.name(*lane).cloned())
            .collect()
    }

    /// When something will be due.
    #[must_use]
    pub fn next_wake(&self) -> Option<Timestamp> {
        self.dispatch.next_wake()
    }

    /// Nothing is due, waits or is under way.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.dispatch.is_idle()
    }

    /// Waits until the sources have told whomever they asked that nobody waits any more.
    pub async fn settle(&self) {
        self.sources.settle().await;
    }

    /// What the board shows of the sources.
    #[must_use]
    pub fn board(&mut self, now: Timestamp) -> Vec<SourceBoard> {
        self.sources.board(&self.dispatch, now)
    }

    /// The source that asks for this key result.
    #[must_use]
    pub fn source_of(&self, outcome: &Outcome) -> Option<&Slug> {
        let index = self.index_of(outcome)?;
        self.plan.polls.get(index).map(|p| &p.poll.source)
    }

    fn errand(&mut self, index: PollIndex, slot: Timestamp, now: Timestamp) -> Option<Errand> {
        let planned = self.plan.polls.get(index)?;
        let source = self.sources.get(planned.lane)?;
        self.sources.asked(planned.lane, now);
        Some(Errand {
            generation: self.generation,
            index,
            poll: Arc::clone(&planned.poll),
            definition: Arc::clone(&planned.definition),
            cycle: Arc::clone(&planned.cycle),
            source,
            slot,
            asks: Asks::Now,
        })
    }

    /// The place of an outcome's poll in this plan, whichever plan sent it out.
    fn index_of(&self, outcome: &Outcome) -> Option<PollIndex> {
        if outcome.generation == self.generation {
            return Some(outcome.index);
        }
        self.places.get(&outcome.entry.key_result).copied()
    }

    /// What is under way, strays included.
    fn under_way(&self) -> HashMap<KeyResultId, Stray> {
        let mut all = self.strays.clone();
        all.extend(self.each_poll(|index| {
            let stage = self.dispatch.stage(index);
            let definition = Arc::clone(&self.plan.polls.get(index)?.definition);
            (stage != Stage::Idle).then_some(Stray { stage, definition })
        }));
        all
    }

    /// The newest slots asked for. A key result that means something else from now on, or whose source was changed, is
    /// to be asked at once.
    fn last_slots(
        &self,
        next: &Config,
        same: impl Fn(&KeyResultId, &str) -> bool,
    ) -> Vec<(KeyResultId, Timestamp)> {
        self.each_poll(|index| {
            let planned = self.plan.polls.get(index)?;
            let kept = self.sources.spec(planned.lane) == next.sources.get(&planned.poll.source);
            (kept && same(&planned.poll.key_result, &planned.definition))
                .then(|| self.dispatch.last_slot(index))
                .flatten()
        })
    }

    fn each_poll<T>(&self, look: impl Fn(PollIndex) -> Option<T>) -> Vec<(KeyResultId, T)> {
        let polls = self.plan.polls.iter().enumerate();
        polls
            .filter_map(|(index, p)| Some((p.poll.key_result.clone(), look(index)?)))
            .collect()
    }

    /// The holds of the sources that stay as they are; whoever changed a source wants it asked.
    fn holds(&self, next: &Config) -> Vec<(Slug, Timestamp)> {
        let lanes = self.plan.lanes.iter().enumerate();
        lanes
            .filter(|(lane, name)| self.sources.spec(*lane) == next.sources.get(*name))
            .filter_map(|(lane, name)| Some((name.clone(), self.dispatch.held_until(lane)?)))
            .collect()
    }
}
