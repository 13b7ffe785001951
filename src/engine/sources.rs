//! The sources as the engine sees them: opened once, how their last polls went, and what the board shows of them.
//! Knows no schedule but to tell when a source is asked next.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use jiff::Timestamp;

use super::board::SourceBoard;
use super::dispatch::Dispatch;
use super::plan::Plan;
use super::policy;
use super::poll::Outcome;
use crate::config::schedule::Schedule;
use crate::config::spec::{Config, SourceSpec};
use crate::domain::fault::FaultClass;
use crate::domain::id::Slug;
use crate::source::Source;

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

    /// How many questions each takes at a time.
    #[must_use]
    pub fn permits(&self) -> Vec<usize> {
        self.list.iter().map(|lane| lane.source.permits()).collect()
    }

    /// Notes that a source was asked.
    pub fn asked(&mut self, lane: usize, now: Timestamp) {
        if let Some(lane) = self.list.get_mut(lane) {
            lane.last_poll = Some(now);
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
                    lane.refused = Some(lane.source.credentials());
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
            .map(|(index, lane)| lane.board(dispatch.held_until(index), now))
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
            next_slot: None,
        }
    }

    fn board(&mut self, held_until: Option<Timestamp>, now: Timestamp) -> SourceBoard {
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
            suspended: held_until.is_some() && self.refused.is_some(),
            last_poll: self.last_poll,
            last_success: self.last_success,
            next_poll: self
                .next_slot
                .map(|next| held_until.map_or(next, |held| held.max(next))),
            interval: self.interval,
            fault: self.fault.clone(),
        }
    }
}
