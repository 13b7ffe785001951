//! The plan: a configuration turned into what the dispatcher needs: who is polled, which patterns must be ticked,
//! which lane a key result waits in. Made anew at each reload; knows no task and no store.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::dispatch::{LaneIndex, Planned};
use super::policy;
use crate::config::schedule::{CronSchedule, Schedule};
use crate::config::spec::{Config, Language, Measure, Poll};
use crate::domain::cycle::Cycle;
use crate::domain::id::{CycleName, KeyResultId, Slug};
use crate::domain::status::Phase;
use crate::domain::window::Moments;
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
    /// Its stable delay; the same for all that put the same question.
    pub splay: Duration,
    /// The number of the question, where several put it.
    pub twins: Option<usize>,
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
        let mut polls: Vec<PlannedPoll> = config
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
                    twins: None,
                    poll: Arc::new(poll.clone()),
                })
            })
            .collect();
        pair(&mut polls);
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
                twins: p.twins,
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

/// Finds those that put the same question, and gives them the same delay: what is due at the same instant is asked once.
fn pair(polls: &mut [PlannedPoll]) {
    let mut same: HashMap<(LaneIndex, String), Vec<Vec<usize>>> = HashMap::new();
    for (index, planned) in polls.iter().enumerate() {
        // The words find candidates fast; what decides is whether the questions are equal.
        let words = format!("{:?}", planned.poll.measure);
        let candidates = same.entry((planned.lane, words)).or_default();
        let asks_so = |twins: &&mut Vec<usize>| {
            let first = twins.first().and_then(|first| polls.get(*first));
            first.is_some_and(|first| asks_the_same(first, planned))
        };
        match candidates.iter_mut().find(asks_so) {
            Some(twins) => twins.push(index),
            None => candidates.push(vec![index]),
        }
    }
    let mut groups: Vec<Vec<usize>> = same.into_values().flatten().collect();
    groups.retain(|twins| twins.len() > 1);
    groups.sort_unstable();
    for (number, twins) in groups.iter().enumerate() {
        let splays = twins.iter().filter_map(|twin| polls.get(*twin));
        let splay = splays
            .map(|planned| planned.splay)
            .min()
            .unwrap_or_default();
        for twin in twins {
            if let Some(planned) = polls.get_mut(*twin) {
                (planned.twins, planned.splay) = (Some(number), splay);
            }
        }
    }
}

/// Whether two key results of a source put the same question in a slot that they share: the same measure, and the same
/// moments where it binds any.
fn asks_the_same(one: &PlannedPoll, other: &PlannedPoll) -> bool {
    let (a, b) = (&one.poll, &other.poll);
    let moments = || {
        let same_cycle = Arc::ptr_eq(&one.cycle, &other.cycle) || one.cycle == other.cycle;
        a.window == b.window && same_cycle
    };
    // What is believed of the answer is decided once for all of them, but for what each of them knows.
    let believed = a.guard == b.guard && a.canary == b.canary;
    let unbound = || a.canary.is_none() && binds_nothing(&a.measure);
    a.measure == b.measure && a.timeout == b.timeout && believed && (moments() || unbound())
}

/// Whether a measure is the same question at every moment, as far as its words tell.
fn binds_nothing(measure: &Measure) -> bool {
    let words = format!("{measure:?}");
    let named = Moments::NAMES.iter().any(|name| words.contains(name));
    // Sites are asked for the days of a window, PromQL at its end.
    let windowed = matches!(
        measure,
        Measure::Site { .. }
            | Measure::Expression {
                language: Language::Promql,
                ..
            }
    );
    !named && !windowed
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
