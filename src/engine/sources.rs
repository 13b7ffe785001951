//! The sources as the engine sees them: opened once, how their last polls went, and what the board shows of them.
//! Knows no schedule but to tell when a source is asked next.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use jiff::Timestamp;

use super::board::SourceBoard;
use super::dispatch::Dispatch;
use super::lane::Held;
use super::pace::Terms;
use super::plan::Plan;
use super::policy;
use super::poll::Outcome;
use crate::config::schedule::Schedule;
use crate::config::spec::{Config, SourceSpec};
use crate::domain::fault::FaultClass;
use crate::domain::id::Slug;
use crate::source::{self, Source};

/// How old a look at credentials may be.
const LOOKED: Duration = Duration::from_secs(1);

/// Opens a source; never connects.
pub type Open = dyn Fn(&SourceSpec) -> Arc<dyn Source> + Send + Sync;

/// All sources, in the order of their names as in [`Plan::lanes`].
#[derive(Default)]
pub struct Sources {
    list: Vec<Lane>,
}

struct Lane {
    name: Slug,
    spec: SourceSpec,
    source: Arc<dyn Source>,
    schedules: Vec<Schedule>,
    interval: Option<Duration>,
    up: Option<bool>,
    last_poll: Option<Timestamp>,
    last_success: Option<Timestamp>,
    fault: Option<String>,
    /// What its credentials looked like when it refused them.
    refused: Option<u64>,
    /// What they looked like when somebody last looked, and when that was.
    credentials: Option<(u64, Timestamp)>,
    next_slot: Option<Timestamp>,
}

impl Sources {
    /// Opens the sources of a configuration; those of `before` that did not change are kept as they are.
    #[must_use]
    pub fn open(
        config: &Config,
        plan: &Plan,
        open: &Arc<Open>,
        before: Self,
        now: Timestamp,
    ) -> Self {
        let mut before: BTreeMap<Slug, Lane> = before
            .list
            .into_iter()
            .map(|lane| (lane.name.clone(), lane))
            .collect();
        let list = config
            .sources
            .iter()
            .enumerate()
            .map(|(index, (name, spec))| {
                let mut lane = before
                    .remove(name)
                    .filter(|lane| lane.spec == *spec)
                    .unwrap_or_else(|| Lane::new(name, spec, open));
                lane.schedules = plan.schedules_of(index);
                lane.interval = lane
                    .schedules
                    .iter()
                    .map(|schedule| policy::shortest_gap(schedule, now))
                    .min();
                lane.next_slot = None;
                for planned in plan.polls.iter().filter(|p| p.lane == index) {
                    lane.source.expect(&planned.poll.measure);
                }
                lane
            })
            .collect();
        Self { list }
    }

    /// The source in a lane.
    #[must_use]
    pub fn get(&self, lane: usize) -> Option<Arc<dyn Source>> {
        self.list.get(lane).map(|lane| Arc::clone(&lane.source))
    }

    /// The name of the source in a lane.
    #[must_use]
    pub fn name(&self, lane: usize) -> Option<&Slug> {
        self.list.get(lane).map(|lane| &lane.name)
    }

    /// How the source in a lane is configured.
    #[must_use]
    pub fn spec(&self, lane: usize) -> Option<&SourceSpec> {
        self.list.get(lane).map(|lane| &lane.spec)
    }

    /// The lane of a source.
    #[must_use]
    pub fn lane(&self, name: &Slug) -> Option<usize> {
        self.list.iter().position(|lane| lane.name == *name)
    }

    /// On what terms each is asked. Reads the addresses, to know which share a host.
    #[must_use]
    pub fn terms(&self, config: &Config) -> Vec<Terms> {
        let each = self.list.iter().map(|lane| {
            let limits = config.limits.get(&lane.name).copied().unwrap_or_default();
            let own = lane.source.permits();
            let permits = limits.max_in_flight.unwrap_or(own).max(1);
            let host_permits = match limits.max_in_flight {
                Some(said) => said.max(1),
                None => source::host_permits(&lane.spec, permits),
            };
            Terms {
                permits,
                gap: limits.gap(),
                host: source::host(&lane.spec),
                host_permits,
                longest_patience: config.max_retry_after,
                seed: policy::seed(lane.name.as_str()),
            }
        });
        each.collect()
    }

    /// Notes that a source was asked.
    pub fn asked(&mut self, lane: usize, now: Timestamp) {
        if let Some(lane) = self.list.get_mut(lane) {
            lane.last_poll = Some(now);
        }
    }

    /// What its credentials look like, no older than a second.
    pub fn credentials(&mut self, lane: usize, now: Timestamp) -> u64 {
        self.list.get_mut(lane).map_or(0, |lane| lane.look(now))
    }

    /// Whether an answer refuses credentials that are not in use any more.
    pub fn is_too_late(&mut self, lane: usize, outcome: &Outcome) -> bool {
        let refused =
            matches!(&outcome.entry.outcome, Err(fault) if fault.class == FaultClass::Auth);
        let lane = self.list.get_mut(lane).filter(|_| refused);
        lane.is_some_and(|lane| {
            lane.credentials = None;
            lane.source.credentials() != outcome.asked_as
        })
    }

    /// By what to tell after a restart whether the credentials changed that were refused: a little of a digest, which
    /// gives nothing of them away.
    #[must_use]
    pub fn mark(&self, lane: usize) -> Option<u16> {
        let lane = self.list.get(lane)?;
        lane.refused.map(|refused| lane.mark(refused))
    }

    /// Goes on with a source that refused its credentials before a restart, unless they changed since.
    pub fn still_refuses(&mut self, lane: usize, mark: Option<u16>) -> bool {
        let Some(lane) = self.list.get_mut(lane) else {
            return false;
        };
        let credentials = lane.source.credentials();
        if mark.is_some_and(|mark| mark == lane.mark(credentials)) {
            lane.refused = Some(credentials);
        }
        lane.refused.is_some()
    }

    /// Somebody resumed it.
    pub fn resumed(&mut self, lane: usize) {
        if let Some(lane) = self.list.get_mut(lane) {
            lane.refused = None;
        }
    }

    /// Notes how a poll ended. A source that is `held` stays so whatever a question says that was on its way already.
    pub fn answered(&mut self, lane: usize, outcome: &Outcome, held: bool, now: Timestamp) {
        let Some(lane) = self.list.get_mut(lane) else {
            return;
        };
        match &outcome.entry.outcome {
            Ok(_) => {
                lane.last_success = Some(now);
                if !held {
                    lane.up = Some(true);
                    lane.fault = None;
                    lane.refused = None;
                }
            }
            Err(fault) => {
                lane.up = Some(false);
                lane.fault = Some(fault.to_string());
                if fault.class == FaultClass::Auth {
                    lane.refused = Some(outcome.asked_as);
                }
            }
        }
    }

    /// The lanes whose credentials changed since they were refused: they may be asked again.
    #[must_use]
    pub fn with_new_credentials(&mut self) -> Vec<usize> {
        let mut changed = Vec::new();
        for (index, lane) in self.list.iter_mut().enumerate() {
            if lane
                .refused
                .is_some_and(|refused| refused != lane.source.credentials())
            {
                lane.refused = None;
                lane.credentials = None;
                changed.push(index);
            }
        }
        changed
    }

    /// Waits until all have told whomever they asked that nobody waits any more.
    pub async fn settle(&self) {
        join_all(self.list.iter().map(|lane| lane.source.settle())).await;
    }

    /// What the board shows of each source.
    #[must_use]
    pub fn board(&mut self, dispatch: &Dispatch, now: Timestamp) -> Vec<SourceBoard> {
        self.list
            .iter_mut()
            .enumerate()
            .map(|(index, lane)| {
                let probed = dispatch.is_probed(index, now);
                lane.board(dispatch.held(index, now), probed, now)
            })
            .collect()
    }
}

impl Lane {
    fn new(name: &Slug, spec: &SourceSpec, open: &Arc<Open>) -> Self {
        Self {
            name: name.clone(),
            spec: spec.clone(),
            source: open(spec),
            schedules: Vec::new(),
            interval: None,
            up: None,
            last_poll: None,
            last_success: None,
            fault: None,
            refused: None,
            credentials: None,
            next_slot: None,
        }
    }

    fn look(&mut self, now: Timestamp) -> u64 {
        let fresh = |at: &Timestamp| now.duration_since(*at).unsigned_abs() < LOOKED;
        if let Some((credentials, _)) = self.credentials.filter(|(_, at)| fresh(at)) {
            return credentials;
        }
        let credentials = self.source.credentials();
        self.credentials = Some((credentials, now));
        credentials
    }

    fn mark(&self, credentials: u64) -> u16 {
        let [first, second, ..] =
            policy::seed(&format!("{} {credentials}", self.name)).to_le_bytes();
        u16::from_le_bytes([first, second])
    }

    fn board(&mut self, held: Option<Held>, probed: bool, now: Timestamp) -> SourceBoard {
        if self.next_slot.is_none_or(|next| next <= now) {
            self.next_slot = self
                .schedules
                .iter()
                .filter_map(|schedule| schedule.next_after(now))
                .min();
        }
        SourceBoard {
            name: self.name.clone(),
            kind: self.spec.kind(),
            up: self.up,
            suspended: matches!(held, Some(Held::Login { .. })),
            breaker_open: probed || matches!(held, Some(Held::Trouble { .. })),
            held,
            last_poll: self.last_poll,
            last_success: self.last_success,
            next_poll: self
                .next_slot
                .filter(|_| !matches!(held, Some(Held::Login { .. })))
                .map(|next| {
                    held.and_then(Held::until)
                        .map_or(next, |until| until.max(next))
                }),
            interval: self.interval,
            fault: self.fault.clone(),
        }
    }
}
