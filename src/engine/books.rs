//! The books: outcomes go to the store in groups, one commit at a time; what the store acknowledged is entered in the
//! ledger. A failed commit loses nothing: its outcomes wait for the next try. Knows no schedule and no source.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::arrears::{Kept, Passing};
use super::board::StoreBoard;
use super::clock::Clock;
use super::event::{Event, Observe};
use super::ledger::{Ledger, StatusChange};
use super::poll::Outcome;
use crate::domain::goals::Goals;
use crate::domain::history::History;
use crate::domain::id::Slug;
use crate::store::{Account, DayForecast, Entry, Loaded, SourceState, Store, StoreError};

/// How long after a failed commit the next is tried.
const COMMIT_AGAIN: Duration = Duration::from_secs(1);
/// The rest between two commits: what comes meanwhile is committed together.
const COMMIT_EVERY: Duration = Duration::from_millis(25);
/// How many outcomes one commit takes at most.
const BATCH: usize = 1000;

/// The store, what waits for it and what came of it.
pub struct Books {
    store: Store,
    ledger: Ledger,
    unwritten: Pages,
    commit: Option<Commit>,
    not_before: Option<Instant>,
    look: Option<Look>,
    foreign: u64,
    /// When each source was resumed last.
    resumed: BTreeMap<Slug, Timestamp>,
    up: bool,
    last_write: Option<Timestamp>,
    incident: bool,
    checked: Option<(Timestamp, bool)>,
    /// Damage was found: nothing is written any more.
    closed: bool,
}

/// What the store reported.
#[derive(Debug)]
pub enum Report {
    /// These outcomes are on disk now and entered in the ledger.
    Written(Vec<Outcome>),
    /// Another process wrote; the ledger knows by now what. It resumed these sources.
    Foreign(Vec<Slug>),
    /// Nothing that matters to others.
    Nothing,
    /// The store's writer ended: nothing can be written any more.
    Ended(StoreError),
    /// The store is damaged: nothing may be written any more.
    Damaged(StoreError),
}

/// What one commit writes.
#[derive(Default)]
struct Pages {
    outcomes: Vec<Outcome>,
    passings: Vec<Passing>,
    fills: Vec<Kept>,
    statuses: Vec<StatusChange>,
    sources: Vec<(Slug, SourceState)>,
    forecasts: Vec<DayForecast>,
}

type Look = Pin<Box<dyn Future<Output = Result<u64, StoreError>> + Send>>;
type Commit = Pin<Box<dyn Future<Output = (Pages, Result<(), StoreError>)> + Send>>;

impl Pages {
    fn is_empty(&self) -> bool {
        self.outcomes.is_empty()
            && self.passings.is_empty()
            && self.fills.is_empty()
            && self.statuses.is_empty()
            && self.sources.is_empty()
            && self.forecasts.is_empty()
    }

    /// Takes as much as one commit may hold.
    fn next(&mut self) -> Self {
        let rest = self.outcomes.split_off(self.outcomes.len().min(BATCH));
        let later = self.forecasts.split_off(self.forecasts.len().min(BATCH));
        Self {
            outcomes: std::mem::replace(&mut self.outcomes, rest),
            passings: std::mem::take(&mut self.passings),
            fills: std::mem::take(&mut self.fills),
            statuses: std::mem::take(&mut self.statuses),
            sources: std::mem::take(&mut self.sources),
            forecasts: std::mem::replace(&mut self.forecasts, later),
        }
    }

    /// Puts back what could not be written, before what came since.
    fn put_back(&mut self, mut unwritten: Self) {
        unwritten.outcomes.append(&mut self.outcomes);
        unwritten.passings.append(&mut self.passings);
        unwritten.fills.append(&mut self.fills);
        unwritten.statuses.append(&mut self.statuses);
        unwritten.sources.append(&mut self.sources);
        unwritten.forecasts.append(&mut self.forecasts);
        *self = unwritten;
    }

    fn entries(&self) -> Vec<Entry> {
        let filled = self.fills.iter().filter_map(|fill| fill.outcome.as_ref());
        let all = self.outcomes.iter().chain(filled);
        all.map(|outcome| outcome.entry.clone()).collect()
    }

    /// What passed comes before what is settled of it.
    fn accounts(&self) -> Vec<Account> {
        let passed = self.passings.iter().map(|passing| &passing.account);
        let settled = self.fills.iter().filter_map(|fill| fill.account.as_ref());
        passed.chain(settled).cloned().collect()
    }

    /// Tells what became of slots that passed.
    fn tell(&self, observe: &dyn Observe) {
        for passing in &self.passings {
            observe.observe(&Event::SlotsPassed {
                source: &passing.source,
                key_result: &passing.account.key_result,
                missed: passing.missed,
                owed: passing.owed,
            });
        }
        for fill in &self.fills {
            if let Some(Outcome { entry, .. }) = &fill.outcome {
                observe.observe(&Event::SlotFilled {
                    source: &fill.source,
                    key_result: &entry.key_result,
                    slot: entry.slot,
                    fault: entry.outcome.as_ref().err(),
                    lost: fill.lost,
                });
            }
        }
    }

    /// Writes everything in one group; the store commits what comes together together.
    async fn write(&self, store: &Store) -> Result<(), StoreError> {
        let (entries, accounts) = (self.entries(), self.accounts());
        let (entries, statuses, sources, forecasts) = tokio::join!(
            store.append_accounted(entries, accounts),
            store.keep_status(self.statuses.clone()),
            store.keep_sources(self.sources.clone()),
            store.keep_forecasts(self.forecasts.clone()),
        );
        entries.and(statuses).and(sources).and(forecasts)
    }
}

impl Books {
    /// Opens the books on what the store knows.
    #[must_use]
    pub fn open(
        store: Store,
        goals: Goals,
        history: History,
        known: &BTreeMap<Slug, SourceState>,
        now: Timestamp,
    ) -> Self {
        Self {
            store,
            ledger: Ledger::new(goals, history, now),
            unwritten: Pages::default(),
            commit: None,
            not_before: None,
            look: None,
            foreign: 0,
            resumed: resumes(known),
            up: true,
            last_write: None,
            incident: false,
            checked: None,
            closed: false,
        }
    }

    /// Takes what the store tells of itself.
    pub fn note(&mut self, loaded: &Loaded) {
        self.incident = !loaded.incidents.is_empty();
        self.checked = self.checked.max(loaded.checked);
    }

    /// Takes what a look at the whole store found.
    pub fn checked(&mut self, at: Timestamp, sound: bool) {
        self.checked = Some((at, sound));
    }

    /// Writes nothing from now on, for the store is damaged: what is known stays to be shown.
    pub fn give_up(&mut self) {
        (self.up, self.closed) = (false, true);
    }

    /// Judges other goals from now on, by what the store knows of them. Returns what it remembers besides: slots that were
    /// measured, are accounted for, are owed.
    ///
    /// # Errors
    /// When the store cannot be read; the goals stay as they were.
    pub fn change_goals(&mut self, goals: Goals, now: Timestamp) -> Result<Loaded, StoreError> {
        let mut loaded = self.store.load(&goals)?;
        self.note(&loaded);
        let history = std::mem::take(&mut loaded.history);
        self.take_last_forecasts();
        self.ledger = Ledger::new(goals, history, now);
        Ok(loaded)
    }

    /// Forgets what was judged and waits to be written, and judges what the store knows at `now`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn begin_anew(&mut self, now: Timestamp) -> Result<(), StoreError> {
        let goals = self.ledger.goals().clone();
        let loaded = self.store.load(&goals)?;
        self.unwritten = Pages::default();
        self.ledger = Ledger::new(goals, loaded.history, now);
        Ok(())
    }

    /// Where the store's file is.
    #[must_use]
    pub fn store_path(&self) -> &Path {
        self.store.path()
    }

    /// Starts to look whether another process wrote to the store, as `okrd record` does.
    pub fn start_look(&mut self) {
        if self.look.is_none() {
            let store = self.store.clone();
            self.look = Some(Box::pin(async move { store.foreign_changes().await }));
        }
    }

    /// What is known and how it is judged.
    pub fn ledger(&mut self) -> &mut Ledger {
        &mut self.ledger
    }

    /// Enters a told value that is on disk already.
    pub fn told(&mut self, entry: &Entry, now: Timestamp) {
        self.last_write = self.last_write.max(Some(now));
        self.ledger.enter(entry);
    }

    /// Takes an outcome to be written.
    pub fn take(&mut self, outcome: Outcome) {
        self.unwritten.outcomes.push(outcome);
    }

    /// Takes what becomes of slots that passed without a poll to be written.
    pub fn take_passings(&mut self, passings: Vec<Passing>) {
        self.unwritten.passings.extend(passings);
    }

    /// Takes what came of a fill to be written.
    pub fn take_fill(&mut self, fill: Kept) {
        self.unwritten.fills.push(fill);
    }

    /// Takes status changes to be written.
    pub fn take_statuses(&mut self, changes: Vec<StatusChange>) {
        self.unwritten.statuses.extend(changes);
    }

    /// Takes the forecasts that the last judgement brought to be written.
    pub fn take_forecasts(&mut self) {
        let forecasts = self.ledger.take_forecasts();
        self.unwritten.forecasts.extend(forecasts);
    }

    /// Takes the last forecasts of all key results to be written; `false` when nothing had to be.
    pub fn take_last_forecasts(&mut self) -> bool {
        let forecasts = self.ledger.take_last_forecasts();
        let some = !forecasts.is_empty();
        self.unwritten.forecasts.extend(forecasts);
        some
    }

    /// Takes why a source is left alone to be written.
    pub fn take_source(&mut self, source: Slug, state: SourceState) {
        self.unwritten.sources.push((source, state));
    }

    /// Starts a commit if something waits for one and none is under way.
    pub fn start_commit(&mut self) {
        let wait = self.not_before.is_some_and(|t| Instant::now() < t);
        if self.closed || self.commit.is_some() || self.unwritten.is_empty() || wait {
            return;
        }
        let (pages, store) = (self.unwritten.next(), self.store.clone());
        self.commit = Some(Box::pin(async move {
            let result = pages.write(&store).await;
            (pages, result)
        }));
    }

    /// Writes at once what waits for no more than the pause between two commits.
    pub fn hurry(&mut self) {
        if self.up {
            self.not_before = None;
        }
    }

    /// Waits for what the store reports next, for ever if nothing is under way.
    pub async fn report(&mut self, clock: &dyn Clock, observe: &dyn Observe) -> Report {
        tokio::select! {
            (pages, result) = under_way(&mut self.commit) => {
                self.commit = None;
                self.committed(pages, result, clock, observe)
            }
            count = under_way(&mut self.look) => {
                self.look = None;
                self.looked(count)
            }
        }
    }

    fn committed(
        &mut self,
        pages: Pages,
        result: Result<(), StoreError>,
        clock: &dyn Clock,
        observe: &dyn Observe,
    ) -> Report {
        if let Err(error) = result {
            self.failed(&error, observe);
            self.unwritten.put_back(pages);
            return match error {
                // The writer is gone and will not come back; a supervisor can start us anew, waiting cannot.
                StoreError::Ended { .. } => Report::Ended(error),
                StoreError::Corrupt { .. } => Report::Damaged(error),
                _ => Report::Nothing,
            };
        }
        self.up = !self.closed;
        self.not_before = Some(Instant::now() + COMMIT_EVERY);
        self.last_write = Some(clock.now());
        observe.observe(&Event::StoreWrote);
        pages.tell(observe);
        let filled = pages.fills.iter().filter_map(|fill| fill.outcome.as_ref());
        for outcome in pages.outcomes.iter().chain(filled) {
            self.ledger.enter(&outcome.entry);
        }
        self.ledger.enter_forecasts(&pages.forecasts);
        Report::Written(pages.outcomes)
    }

    fn looked(&mut self, count: Result<u64, StoreError>) -> Report {
        let taken_in = count.and_then(|count| {
            if count == self.foreign {
                return Ok(Report::Nothing);
            }
            let loaded = self.store.load(self.ledger.goals())?;
            self.foreign = count;
            self.note(&loaded);
            self.ledger.take_history(loaded.history);
            let known = std::mem::replace(&mut self.resumed, resumes(&loaded.sources));
            let anew = self.resumed.iter();
            let anew = anew.filter(|(source, at)| known.get(*source) != Some(at));
            Ok(Report::Foreign(
                anew.map(|(source, _)| source.clone()).collect(),
            ))
        });
        // A store that cannot be read cannot be written either; the next commit tells of it with all consequences.
        taken_in.unwrap_or_else(|error| {
            if matches!(error, StoreError::Corrupt { .. }) {
                return Report::Damaged(error);
            }
            tracing::debug!(%error, "could not look for values recorded by others");
            Report::Nothing
        })
    }

    /// Notes that a commit failed.
    fn failed(&mut self, error: &StoreError, observe: &dyn Observe) {
        let message = error.to_string();
        observe.observe(&Event::StoreFailed { message: &message });
        self.up = false;
        self.not_before = Some(Instant::now() + COMMIT_AGAIN);
    }

    /// From when on what waits may be committed: some rest after each commit, more after one that failed.
    #[must_use]
    pub fn commits_from(&self) -> Option<Instant> {
        let waits = !self.closed && self.commit.is_none() && !self.unwritten.is_empty();
        self.not_before.filter(|_| waits)
    }

    /// Everything is on disk.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.commit.is_none() && self.unwritten.is_empty()
    }

    /// Whether the newest write worked.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.up
    }

    /// What the board shows of the store.
    #[must_use]
    pub fn board(&self) -> StoreBoard {
        StoreBoard {
            up: self.up,
            size_bytes: self.store.size_bytes(),
            log_bytes: self.store.log_bytes(),
            last_write: self.last_write,
            incident: self.incident,
            checked: self.checked,
        }
    }
}

/// When sources were resumed.
fn resumes(known: &BTreeMap<Slug, SourceState>) -> BTreeMap<Slug, Timestamp> {
    let each = known.iter();
    each.filter_map(|(source, state)| Some((source.clone(), state.resumed?)))
        .collect()
}

/// Waits for what is under way, for ever if nothing is.
async fn under_way<T>(future: &mut Option<Pin<Box<dyn Future<Output = T> + Send>>>) -> T {
    match future {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}
