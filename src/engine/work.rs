//! How far the work of initiatives is: asked of their tracker now and then, beside the polls and never in their way. It is
//! shown and nothing else: no score, no status and no measurement follows from it. Knows no store.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::board::{InitiativeId, Works as Shown};
use super::clock::Clock;
use super::sources::Sources;
use crate::config::spec::{Config, SourceSpec};
use crate::domain::fault::{Fault, Remedy};
use crate::domain::goals::{Feed, InitiativeState, Objective};
use crate::domain::id::Slug;
use crate::domain::work::Work;
use crate::source::Source;

/// How often each is asked.
const EVERY: SignedDuration = SignedDuration::from_mins(30);
/// How long what was counted is shown though nobody could count anew.
const COUNTS_FOR: SignedDuration = SignedDuration::from_hours(24);
/// How long one answer may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The work that is watched.
#[derive(Default)]
pub(super) struct Works {
    wanted: BTreeMap<InitiativeId, Wanted>,
    shown: Shown,
    /// Those whose newest question failed, which the log tells once.
    failing: BTreeSet<InitiativeId>,
    /// When they are asked next; `None` as long as nothing is asked at all.
    due: Option<Timestamp>,
    under_way: bool,
}

/// Where an initiative's work is counted.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Wanted {
    source: Slug,
    issue: String,
    gap: Duration,
    /// While its cycle runs.
    open: (Timestamp, Timestamp),
}

/// One question.
pub(super) struct Ask {
    id: InitiativeId,
    source: Arc<dyn Source>,
    name: Slug,
    issue: String,
    gap: Duration,
}

/// What came of the questions: the work, and when it was counted.
pub(super) type Heard = Vec<(InitiativeId, Result<Option<Work>, Fault>, Timestamp)>;

impl Works {
    /// Those of another configuration; what is known of the same issue stays.
    #[must_use]
    pub(super) fn next(self, config: &Config) -> Self {
        let wanted = wanted(config);
        let mut shown = BTreeMap::clone(&self.shown);
        shown.retain(|id, _| self.wanted.get(id) == wanted.get(id));
        Self {
            wanted,
            shown: Arc::new(shown),
            failing: BTreeSet::new(),
            due: None,
            under_way: self.under_way,
        }
    }

    /// Begins to ask.
    pub(super) fn begin(&mut self, now: Timestamp) {
        self.due = Some(now);
    }

    /// What the board shows.
    #[must_use]
    pub(super) fn shown(&self) -> Shown {
        Arc::clone(&self.shown)
    }

    /// The questions that are due, but for sources that are `held`.
    pub(super) fn asks(
        &mut self,
        sources: &Sources,
        held: impl Fn(usize) -> bool,
        now: Timestamp,
    ) -> Vec<Ask> {
        if self.under_way || self.due.is_none_or(|due| now < due) {
            return Vec::new();
        }
        self.due = now.checked_add(EVERY).ok();
        let running = self.wanted.iter();
        let running = running.filter(|(_, wanted)| wanted.open.0 <= now && now < wanted.open.1);
        let asks = running.filter_map(|(id, wanted)| {
            let lane = sources.lane(&wanted.source).filter(|lane| !held(*lane))?;
            Some(Ask {
                id: id.clone(),
                source: sources.get(lane)?,
                name: wanted.source.clone(),
                issue: wanted.issue.clone(),
                gap: wanted.gap,
            })
        });
        let asks: Vec<_> = asks.collect();
        self.under_way = !asks.is_empty();
        asks
    }

    /// Hears what came of them.
    pub(super) fn heard(&mut self, heard: Heard, now: Timestamp) {
        self.under_way = false;
        let mut shown = BTreeMap::clone(&self.shown);
        for (id, found, at) in heard {
            // Another configuration may not have it any more.
            if !self.wanted.contains_key(&id) {
                continue;
            }
            match found {
                Ok(Some(work)) => {
                    self.failing.remove(&id);
                    shown.insert(id, (work, at));
                }
                Ok(None) => {
                    self.failing.remove(&id);
                    shown.remove(&id);
                }
                Err(fault) => {
                    if self.failing.insert(id.clone()) {
                        let (objective, initiative) = (&id.0.objective, &id.1);
                        tracing::warn!(%objective, %initiative, %fault, "how far the work of an initiative is could not be asked");
                    }
                }
            }
        }
        shown.retain(|_, (_, at)| now.duration_since(*at) < COUNTS_FOR);
        self.shown = Arc::new(shown);
    }
}

/// Asks one after the other. A source that needs patience is left alone at once.
pub(super) async fn ask(asks: Vec<Ask>, clock: Arc<dyn Clock>) -> Heard {
    let (mut heard, mut tired) = (Vec::new(), BTreeSet::new());
    for ask in asks {
        if tired.contains(&ask.name) {
            continue;
        }
        let found = ask.source.work(&ask.issue, TIMEOUT).await;
        if found
            .as_ref()
            .is_err_and(|fault| fault.class.remedy() != Remedy::NextSlot)
        {
            tired.insert(ask.name);
        }
        heard.push((ask.id, found, clock.now()));
        tokio::time::sleep(ask.gap).await;
    }
    heard
}

/// The initiatives that name an issue and are not given up, with the source that knows it.
fn wanted(config: &Config) -> BTreeMap<InitiativeId, Wanted> {
    let mut all = BTreeMap::new();
    for objective in &config.goals.objectives {
        let Some(cycle) = config.goals.cycles.get(&objective.id.cycle) else {
            continue;
        };
        let Some(source) = tracker(config, objective) else {
            continue;
        };
        let alive = objective.initiatives.iter();
        for initiative in alive.filter(|one| one.state != InitiativeState::Dropped) {
            if let Some(issue) = &initiative.jira {
                let id = (objective.id.clone(), initiative.id.clone());
                let limits = config.limits.get(source).copied().unwrap_or_default();
                let wanted = Wanted {
                    source: source.clone(),
                    issue: issue.clone(),
                    gap: limits.gap(),
                    open: (cycle.start(), cycle.end()),
                };
                all.insert(id, wanted);
            }
        }
    }
    all
}

/// The Jira whose issues an objective's initiatives name: the only one, or of several the only one that its key results are
/// measured by.
fn tracker<'c>(config: &'c Config, objective: &Objective) -> Option<&'c Slug> {
    let is_jira = |spec: &SourceSpec| matches!(spec, SourceSpec::Jira { .. });
    let all = config.sources.iter().filter(|(_, spec)| is_jira(spec));
    let all: Vec<_> = all.map(|(name, _)| name).collect();
    let only = |found: &[&'c Slug]| match found {
        [one] => Some(*one),
        _ => None,
    };
    let asks = |name: &Slug| {
        let mut feeds = objective.key_results.iter().map(|kr| &kr.feed);
        feeds.any(|feed| matches!(feed, Feed::Polled { source } if source == name))
    };
    only(&all).or_else(|| {
        let own: Vec<_> = all.iter().copied().filter(|name| asks(name)).collect();
        only(&own)
    })
}
