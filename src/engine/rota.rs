//! The rota: the plan in force with its dispatcher, its sources and what is owed. Sends out errands and fills, hears how
//! they ended, and carries what goes on over from one plan to the next. Knows no store and no judgement.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use super::arrears::{Arrears, Ended, Kept, Passing};
use super::board::{self, SourceBoard};
use super::dispatch::{Act, Dispatch, LaneIndex, PollIndex, Stage};
use super::event::{Event, Observe};
use super::fill::{Answer, Fill, Filled};
use super::lane::Held;
use super::past::Slots;
use super::plan::Plan;
use super::policy;
use super::poll::{Asks, Errand, Outcome, Rider};
use super::sources::{Open, Sources};
use super::ticker::Tick;
use super::work::{Ask, Heard, Works};
use crate::config::schedule::CronSchedule;
use crate::config::spec::Config;
use crate::domain::guard::Known;
use crate::domain::id::{KeyResultId, Slug};
use crate::store::{Change, Loaded, SourceState, Stretch};

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
    /// What is owed, and before the plan begins what is remembered of it.
    arrears: Arrears,
    owed: Vec<(PollIndex, Stretch)>,
    /// Fills under way.
    fills: BTreeMap<PollIndex, (LaneIndex, CancellationToken)>,
    /// Polls whose newest answer was a fault: as long as that is so, their past is not asked for.
    failing: HashSet<PollIndex>,
    /// How far back slots are filled.
    catch_up: Duration,
    works: Works,
}

/// Slots of stretches that were counted already; key results that share a pattern share most of them, too.
type Counted = HashMap<(Option<usize>, Stretch), Option<Slots>>;

/// A poll that an earlier plan sent out.
#[derive(Clone, Debug)]
struct Stray {
    stage: Stage,
    rides: bool,
    definition: Arc<str>,
}

/// What the store remembers of earlier runs.
#[derive(Debug, Default)]
pub struct Remembered {
    /// The newest slot in which each key result was measured.
    pub last_slots: HashMap<KeyResultId, Timestamp>,
    /// From when on the slots of each key result are not accounted for.
    pub accounted: HashMap<KeyResultId, Timestamp>,
    /// Which slots of each key result are still to be asked for.
    pub owed: HashMap<KeyResultId, Vec<Stretch>>,
    /// Why sources are left alone.
    pub sources: Vec<(Slug, SourceState)>,
}

/// A source that is left alone from now on, or for another reason, or no more.
#[derive(Clone, Debug)]
pub struct Changed {
    /// Which.
    pub source: Slug,
    /// What is to be kept of it.
    pub state: SourceState,
    /// Why it is left alone, if it is.
    pub held: Option<Held>,
}

impl From<Loaded> for Remembered {
    fn from(loaded: Loaded) -> Self {
        Self {
            last_slots: loaded.last_slot,
            accounted: loaded.accounted,
            owed: loaded.owed,
            sources: loaded.sources.into_iter().collect(),
        }
    }
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
        let (mut accounted, mut owed) = (remembered.accounted, remembered.owed);
        self.carry_accounts(&plan, &places, &mut accounted, &mut owed, now);
        let mut last_slots = remembered.last_slots;
        last_slots.extend(self.last_slots(config, |key_result, definition| {
            let planned = places.get(key_result).and_then(|i| plan.polls.get(*i));
            planned.is_some_and(|planned| *planned.definition == *definition)
        }));
        let mut states = remembered.sources;
        let (kept, changed) = self.states(config);
        states.extend(kept);
        let mut sources = Sources::open(config, &plan, open, self.sources, now);
        let mut dispatch = Dispatch::new(
            plan.for_dispatch(&last_slots, &accounted),
            &sources.terms(config),
        );
        dispatch.follow(&self.dispatch);
        under_way.retain(|key_result, stray| {
            let Some((index, planned)) = places
                .get(key_result)
                .and_then(|index| Some((*index, plan.polls.get(*index)?)))
            else {
                return true;
            };
            let outdated = planned.definition != stray.definition;
            dispatch.take_over(index, stray.stage, stray.rides, outdated);
            false
        });
        for (name, mut state) in states {
            let Some(lane) = sources.lane(&name) else {
                continue;
            };
            if state.suspended.is_some() && !sources.still_refuses(lane, state.refused) {
                state.suspended = None;
                dispatch.keep(lane);
            }
            dispatch.restore(lane, &state, now);
            // After a start somebody may have forgotten by now why it is silent.
            if self.generation == 0 && dispatch.held(lane, now).is_some() {
                dispatch.keep(lane);
            }
        }
        for name in changed {
            if let Some(lane) = sources.lane(&name) {
                dispatch.keep(lane);
            }
        }
        let at = |(id, owed): (KeyResultId, Vec<Stretch>)| Some((*places.get(&id)?, owed));
        let owed = owed.into_iter().filter_map(at);
        let owed = owed.flat_map(|(index, all)| all.into_iter().map(move |one| (index, one)));
        // Always in the same order, so that the same days give the same records.
        let mut owed: Vec<_> = owed.collect();
        owed.sort_by_key(|(index, stretch)| (*index, stretch.from));
        let rests = config.sources.values().map(policy::rest);
        Self {
            arrears: Arrears::new(rests),
            owed,
            fills: BTreeMap::new(),
            failing: HashSet::new(),
            catch_up: config.catch_up,
            works: self.works.next(config),
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

    /// Begins by the schedules; the first plan of a process does so after a downtime.
    pub fn begin(&mut self, now: Timestamp) {
        self.dispatch.begin(now, self.generation == 1);
        self.works.begin(now);
    }

    /// What becomes of slots that passed without a poll by `now`, and of those that were owed when the plan began.
    pub fn passings(&mut self, now: Timestamp) -> Vec<Passing> {
        let mut counted = Counted::new();
        let owed = std::mem::take(&mut self.owed);
        let owed = owed
            .into_iter()
            .map(|(index, stretch)| (index, stretch, true));
        let passed = self.dispatch.take_passed().into_iter();
        let all: Vec<_> = owed
            .chain(passed.map(|(index, s)| (index, s, false)))
            .collect();
        all.into_iter()
            .filter_map(|(index, stretch, known)| {
                self.account(index, stretch, known, now, &mut counted)
            })
            .collect()
    }

    /// Owes what can be filled of a stretch, and tells what cannot. One that is `known` to the store is told of only where
    /// that changed.
    fn account(
        &mut self,
        index: PollIndex,
        stretch: Stretch,
        known: bool,
        now: Timestamp,
        counted: &mut Counted,
    ) -> Option<Passing> {
        let planned = self.plan.polls.get(index)?;
        let oldest = planned.fillable_since(self.catch_up, now);
        let split = oldest.unwrap_or(stretch.until);
        let split = split.clamp(stretch.from, stretch.until);
        let mut slots = |stretch: Stretch| {
            let key = (planned.group, stretch);
            let count = || Slots::of(&planned.poll.schedule, stretch);
            match planned.group {
                Some(_) => *counted.entry(key).or_insert_with(count),
                None => count(),
            }
        };
        let missed = slots(Stretch {
            until: split,
            ..stretch
        });
        let owed = slots(Stretch {
            from: split,
            ..stretch
        });
        let until = stretch.until;
        let left = owed.map(|owed| Stretch {
            from: owed.first,
            until,
        });
        let (lane, source) = (planned.lane, planned.poll.source.clone());
        let settled = Stretch {
            until: left.map_or(until, |left| left.from),
            ..stretch
        };
        let change = match known {
            false => Change::Passed { until, owed: left },
            true => Change::Settled(settled),
        };
        let account = planned.account(change);
        if let Some(left) = left {
            self.arrears.owe(index, lane, left);
        }
        let owed = owed.filter(|_| !known);
        let changes = !known || settled.from < settled.until;
        changes.then_some(Passing {
            source,
            account,
            missed,
            owed,
        })
    }

    /// Past slots to ask for at `now`, with what permits the polls leave.
    pub fn fills(&mut self, now: Timestamp) -> Vec<Fill> {
        let mut fills = Vec::new();
        for lane in 0..self.plan.lanes.len() {
            while self.arrears.has_turns(lane) && self.dispatch.has_room(lane, now) {
                let Some(fill) = self.fill(lane, now) else {
                    break;
                };
                fills.push(fill);
            }
        }
        fills
    }

    fn fill(&mut self, lane: LaneIndex, now: Timestamp) -> Option<Fill> {
        let (dispatch, failing, polls) = (&self.dispatch, &self.failing, &self.plan.polls);
        let may = |index| dispatch.rests(index) && !failing.contains(&index);
        let schedule = |index: PollIndex| polls.get(index).map(|p| &p.poll.schedule);
        let (index, slot) = self.arrears.next(lane, now, may, schedule)?;
        let errand = Errand {
            slot,
            asks: Asks::Past,
            ..self.errand(index, slot, now)?
        };
        let gives_way = CancellationToken::new();
        self.dispatch.fill_began(lane, now);
        self.fills.insert(index, (lane, gives_way.clone()));
        Some(Fill { errand, gives_way })
    }

    /// Hears how a fill ended. One of an earlier plan was told to give way; whatever it learned is asked for again.
    pub fn filled(
        &mut self,
        filled: Filled,
        now: Timestamp,
        observe: &dyn Observe,
    ) -> Option<Kept> {
        if filled.generation != self.generation {
            return None;
        }
        let (lane, _) = self.fills.remove(&filled.index)?;
        let outcome = match filled.answer {
            Answer::Came(outcome) => Ok(*outcome),
            Answer::There => Err(Ended::There),
            Answer::GaveWay => Err(Ended::GaveWay),
        };
        let answer = outcome.as_ref().ok();
        let too_late = answer.is_some_and(|o| self.sources.is_too_late(lane, o));
        let answer = answer.filter(|_| !too_late);
        let answer = answer.map(|o| o.entry.outcome.as_ref().err());
        let held = self.dispatch.held(lane, now).is_some();
        let holds = self.dispatch.fill_ended(lane, answer, now);
        if holds
            && !too_late
            && let Ok(outcome) = &outcome
        {
            self.sources.answered(lane, outcome, held, now);
        }
        let planned = self.plan.polls.get(filled.index)?;
        let ended = match &outcome {
            Ok(outcome) => Ended::Answered(outcome.entry.outcome.as_ref().err()),
            Err(ended) => *ended,
        };
        let schedule = &planned.poll.schedule;
        let follows = self.arrears.ended(filled.index, lane, ended, schedule, now);
        if follows.rests {
            observe.observe(&Event::FillingRests {
                source: &planned.poll.source,
                key_result: &planned.poll.key_result,
            });
        }
        Some(Kept {
            source: planned.poll.source.clone(),
            outcome: outcome.ok(),
            account: follows
                .settled
                .map(|cut| planned.account(Change::Settled(cut))),
            lost: follows.lost,
        })
    }

    /// The sources that are left alone since this was asked last, or are no more: what is to be kept of each, and why.
    pub fn take_changed(&mut self, now: Timestamp) -> Vec<Changed> {
        let lanes = self.dispatch.take_changed();
        let each = lanes.into_iter().filter_map(|lane| {
            let mut state = self.dispatch.state(lane);
            state.refused = state.suspended.and_then(|_| self.sources.mark(lane));
            Some(Changed {
                source: self.sources.name(lane)?.clone(),
                state,
                held: self.dispatch.held(lane, now),
            })
        });
        each.collect()
    }

    /// Lets sources be asked again that somebody resumed.
    pub fn resume(&mut self, sources: &[Slug]) {
        for name in sources {
            let Some(lane) = self.sources.lane(name) else {
                continue;
            };
            self.sources.resumed(lane);
            self.dispatch.release(lane);
        }
    }

    /// Lets no fill go on.
    pub fn give_way(&self) {
        self.fills.values().for_each(|(_, fill)| fill.cancel());
    }

    /// Lets at least so many fills of a lane give way. Those that do already count.
    fn give_way_in(&self, lane: LaneIndex, fills: usize) {
        let here = self.fills.values().filter(|(of, _)| *of == lane);
        let (giving_way, going_on): (Vec<_>, Vec<_>) =
            here.partition(|(_, fill)| fill.is_cancelled());
        let more = fills.saturating_sub(giving_way.len());
        going_on
            .iter()
            .take(more)
            .for_each(|(_, fill)| fill.cancel());
    }

    /// Begins by asking everything once.
    pub fn begin_once(&mut self, now: Timestamp) {
        self.owed.clear();
        self.dispatch.ask_all(now);
    }

    /// Hears that the clock jumped; forward is positive.
    pub fn clock_jumped(&mut self, by: SignedDuration) {
        self.dispatch.clock_jumped(by);
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
                Act::Start {
                    poll,
                    slot,
                    with,
                    retries,
                } => {
                    for poll in with.iter().chain([&poll]) {
                        if let Some((_, fill)) = self.fills.get(poll) {
                            fill.cancel();
                        }
                    }
                    let lane = self.plan.polls.get(poll)?.lane;
                    let mut errand = self.errand(poll, slot, now)?;
                    errand.with = self.riders(&with);
                    errand.retries = retries;
                    self.sources.asked(lane, now);
                    Some(errand)
                }
                Act::GiveWay { lane, fills } => {
                    self.give_way_in(lane, fills);
                    None
                }
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

    /// The questions about initiatives that are due.
    pub(super) fn asks_of_work(&mut self, now: Timestamp) -> Vec<Ask> {
        let held = |lane| self.dispatch.held(lane, now).is_some();
        self.works.asks(&self.sources, held, now)
    }

    /// Hears what came of them.
    pub(super) fn heard_of_work(&mut self, heard: Heard, now: Timestamp) {
        self.works.heard(heard, now);
    }

    /// What the board shows of initiatives.
    #[must_use]
    pub(super) fn works(&self) -> board::Works {
        self.works.shown()
    }

    /// Hears how a poll ended.
    pub fn answered(&mut self, outcome: &Outcome, now: Timestamp) {
        let Some(index) = self.index_of(outcome) else {
            return;
        };
        let Some(lane) = self.plan.polls.get(index).map(|planned| planned.lane) else {
            return;
        };
        let fault = outcome.entry.outcome.as_ref().err();
        if fault.is_some() {
            self.failing.insert(index);
        } else {
            self.failing.remove(&index);
        }
        if self.sources.is_too_late(lane, outcome) {
            return self.dispatch.answered_too_late(index);
        }
        let held = self.dispatch.held(lane, now).is_some();
        self.dispatch.answered(index, fault, now);
        self.sources.answered(lane, outcome, held, now);
    }

    /// Hears that the outcome of a poll is on disk.
    pub fn recorded(&mut self, outcome: &Outcome, now: Timestamp) {
        match self.index_of(outcome) {
            Some(index) => {
                self.dispatch.recorded(index, now);
                if let Some(planned) = self.plan.polls.get(index) {
                    self.arrears.wake(index, planned.lane);
                }
            }
            None => drop(self.strays.remove(&outcome.entry.key_result)),
        }
    }

    /// Lets sources be asked again whose credentials changed since they were refused.
    pub fn release_with_new_credentials(&mut self) {
        for lane in self.sources.with_new_credentials() {
            self.dispatch.release(lane);
        }
    }

    /// When something will be due.
    #[must_use]
    pub fn next_wake(&self, now: Timestamp) -> Option<Timestamp> {
        let lanes = 0..self.plan.lanes.len();
        let fills = lanes
            .filter(|lane| self.arrears.has_turns(*lane) && self.dispatch.has_room(*lane, now))
            .map(|lane| self.arrears.rests_until(lane, now).unwrap_or(now));
        fills.chain(self.dispatch.next_wake(now)).min()
    }

    /// Nothing is due, waits or is under way.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.dispatch.is_idle()
    }

    /// How long the poll that waits longest for its turn has waited.
    pub(super) fn lag(&self, now: Timestamp) -> Duration {
        let waited = self
            .dispatch
            .waits_since()
            .map(|since| now.duration_since(since));
        // None when the clock was set back meanwhile.
        waited
            .and_then(|waited| waited.try_into().ok())
            .unwrap_or_default()
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
        let asked_as = self.sources.credentials(planned.lane, now);
        Some(Errand {
            generation: self.generation,
            index,
            poll: Arc::clone(&planned.poll),
            definition: Arc::clone(&planned.definition),
            cycle: Arc::clone(&planned.cycle),
            source,
            slot,
            asks: Asks::Now,
            known: Known::default(),
            with: Vec::new(),
            retries: true,
            asked_as,
        })
    }

    fn riders(&self, with: &[PollIndex]) -> Vec<Rider> {
        let each = with.iter().filter_map(|index| {
            let planned = self.plan.polls.get(*index)?;
            Some(Rider {
                index: *index,
                key_result: planned.poll.key_result.clone(),
                definition: Arc::clone(&planned.definition),
                cycle: Arc::clone(&planned.cycle),
                known: Known::default(),
            })
        });
        each.collect()
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
            let rides = self.dispatch.rides(index);
            (stage != Stage::Idle).then_some(Stray {
                stage,
                rides,
                definition,
            })
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

    /// What is accounted for and what is owed of key results that this plan has and the next one too, which this plan
    /// knows better than the store. One that means something else from now on begins anew; one with another schedule
    /// had no slots of it so far.
    fn carry_accounts(
        &self,
        next: &Plan,
        places: &HashMap<KeyResultId, PollIndex>,
        accounted: &mut HashMap<KeyResultId, Timestamp>,
        owed: &mut HashMap<KeyResultId, Vec<Stretch>>,
        now: Timestamp,
    ) {
        for (index, planned) in self.plan.polls.iter().enumerate() {
            let id = &planned.poll.key_result;
            let Some(then) = places.get(id).and_then(|index| next.polls.get(*index)) else {
                continue;
            };
            if then.definition != planned.definition {
                accounted.remove(id);
                continue;
            }
            if let Some(known) = self.dispatch.accounted(index) {
                let same = then.poll.schedule == planned.poll.schedule;
                accounted.insert(id.clone(), if same { known } else { now });
            }
            let mut stretches = self.arrears.of(index).to_vec();
            // A plan that never began still has what it was told.
            stretches.extend(
                self.owed
                    .iter()
                    .filter(|(of, _)| *of == index)
                    .map(|(_, s)| *s),
            );
            owed.insert(id.clone(), stretches);
        }
    }

    fn each_poll<T>(&self, look: impl Fn(PollIndex) -> Option<T>) -> Vec<(KeyResultId, T)> {
        let polls = self.plan.polls.iter().enumerate();
        polls
            .filter_map(|(index, p)| Some((p.poll.key_result.clone(), look(index)?)))
            .collect()
    }

    /// What is known of the sources that stay as they are, and the names of the others: whoever changed a source wants it
    /// asked.
    fn states(&self, next: &Config) -> (Vec<(Slug, SourceState)>, Vec<Slug>) {
        let (mut kept, mut changed) = (Vec::new(), Vec::new());
        for (lane, name) in self.plan.lanes.iter().enumerate() {
            if self.sources.spec(lane) == next.sources.get(name) {
                kept.push((name.clone(), self.dispatch.state(lane)));
            } else {
                changed.push(name.clone());
            }
        }
        (kept, changed)
    }
}
