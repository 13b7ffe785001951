//! The plan: a configuration turned into what the dispatcher needs: who is polled, which patterns must be ticked,
//! which lane a key result waits in. Made anew at each reload; knows no task and no store.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::dispatch::{LaneIndex, Planned};
use super::policy;
use crate::config::schedule::{CronSchedule, Schedule};
use crate::config::spec::{Config, Poll};
use crate::domain::cycle::Cycle;
use crate::domain::id::{CycleName, KeyResultId, Slug};
use crate::domain::status::Phase;
use crate::store::{Account, Change};

/// How long after the end of its cycle a key result is still asked for its last slot: what comes later says too little of
/// the cycle.
const LATEST: SignedDuration = SignedDuration::from_hours(12);

/// Everything that is polled.
#[derive(Debug, Default)]
pub struct Plan {
    /// What is asked, in the order of the configuration.
    pub polls: Vec<PlannedPoll>,
    /// The distinct patterns to tick.
    pub patterns: Vec<Arc<CronSchedule>>,
    /// The sources that have polls or none, in the order of their names.
    pub lanes: Vec<Slug>,
}

/// One key result that is polled.
#[derive(Debug)]
pub struct PlannedPoll {
    /// What is asked.
    pub poll: Arc<Poll>,
    /// The definition in force.
    pub definition: Arc<str>,
    /// Its cycle.
    pub cycle: Arc<Cycle>,
    /// The place of its source in [`Plan::lanes`].
    pub lane: LaneIndex,
    /// The place of its pattern in [`Plan::patterns`].
    pub group: Option<usize>,
    /// Its stable delay.
    pub splay: Duration,
    /// Whether it can be asked for the past.
    pub replayable: bool,
}

impl Plan {
    /// The plan behind a configuration.
    #[must_use]
    pub fn of(config: &Config, now: Timestamp) -> Self {
        let cycles: BTreeMap<&CycleName, Arc<Cycle>> = config
            .goals
            .cycles
            .iter()
            .map(|(name, cycle)| (name, Arc::new(cycle.clone())))
            .collect();
        let definitions: HashMap<&KeyResultId, &str> = config
            .goals
            .key_results()
            .map(|(_, kr)| (&kr.id, kr.definition.as_str()))
            .collect();
        let lanes: Vec<Slug> = config.sources.keys().cloned().collect();
        let mut patterns = Patterns::default();
        let polls = config
            .polls
            .iter()
            .filter_map(|poll| {
                let (group, gap) = patterns.place(&poll.schedule, now);
                let source = config.sources.get(&poll.source)?;
                Some(PlannedPoll {
                    replayable: poll.is_replayable(source),
                    definition: Arc::from(*definitions.get(&poll.key_result)?),
                    cycle: Arc::clone(cycles.get(&poll.key_result.cycle)?),
                    lane: lanes.binary_search(&poll.source).ok()?,
                    group,
                    splay: policy::splay(&poll.key_result, poll.jitter, gap),
                    poll: Arc::new(poll.clone()),
                })
            })
            .collect();
        Self {
            polls,
            patterns: patterns.list,
            lanes,
        }
    }

    /// What the dispatcher must know, given the newest slot that each key result was asked for and from when on its slots
    /// are not accounted for.
    #[must_use]
    pub fn for_dispatch(
        &self,
        last_slots: &HashMap<KeyResultId, Timestamp>,
        accounted: &HashMap<KeyResultId, Timestamp>,
    ) -> Vec<Planned> {
        self.polls
            .iter()
            .map(|p| Planned {
                lane: p.lane,
                schedule: p.poll.schedule.clone(),
                group: p.group,
                splay: p.splay,
                from: p.cycle.start(),
                until: p.cycle.end(),
                closes: (p.cycle.end().checked_add(LATEST)).unwrap_or(Timestamp::MAX),
                last_slot: last_slots.get(&p.poll.key_result).copied(),
                accounted: accounted.get(&p.poll.key_result).copied(),
            })
            .collect()
    }

    /// The distinct schedules of each lane, for "when is this source asked next".
    #[must_use]
    pub fn schedules_of(&self, lane: LaneIndex) -> Vec<Schedule> {
        let mut distinct: Vec<Schedule> = Vec::new();
        for poll in self.polls.iter().filter(|p| p.lane == lane) {
            if !distinct.contains(&poll.poll.schedule) {
                distinct.push(poll.poll.schedule.clone());
            }
        }
        distinct
    }
}

impl PlannedPoll {
    /// From which instant on its slots can be filled; `None` when none can: its measure cannot be asked for the past, or its
    /// cycle is closed, or that is not wanted.
    #[must_use]
    pub fn fillable_since(&self, catch_up: Duration, now: Timestamp) -> Option<Timestamp> {
        if !self.replayable || catch_up.is_zero() || Phase::of(&self.cycle, now) == Phase::Closed {
            return None;
        }
        let catch_up = SignedDuration::try_from(catch_up).ok()?;
        Some(now.checked_sub(catch_up).unwrap_or(Timestamp::MIN))
    }

    /// What the store is to know of its slots that passed.
    #[must_use]
    pub fn account(&self, change: Change) -> Account {
        Account {
            key_result: self.poll.key_result.clone(),
            definition: Arc::clone(&self.definition),
            change,
        }
    }
}

/// Patterns already met, each with its shortest gap.
#[derive(Default)]
struct Patterns {
    list: Vec<Arc<CronSchedule>>,
    known: HashMap<(String, String), (usize, Duration)>,
}

impl Patterns {
    /// The group of a schedule, if it needs firings, and its shortest gap.
    fn place(&mut self, schedule: &Schedule, now: Timestamp) -> (Option<usize>, Duration) {
        let cron = match schedule {
            Schedule::Every(every) => return (None, *every),
            Schedule::Cron(cron) => cron,
        };
        let key = (cron.pattern.clone(), cron.zone_name.clone());
        let (group, gap) = *self.known.entry(key).or_insert_with(|| {
            self.list.push(Arc::clone(cron));
            (self.list.len() - 1, policy::shortest_gap(schedule, now))
        });
        (Some(group), gap)
    }
}
