//! The ticker: the only file that names tokio-cron-scheduler. One job stands for one distinct cron pattern and zone
//! and only hands its number to whoever listens; whose turn that makes it, and when, is decided elsewhere.
//!
//! The scheduler's own metadata store keeps a zone as the offset of the day the job was made, so that every firing is
//! an hour off after a DST change, and it plans the next firing after the fact, so that a busy machine can fire twice.
//! `Slots` takes its place: it asks croner with current zone data, and moves a job on in the same step in which it
//! hands it out.

use std::collections::{BTreeSet, HashMap};
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use jiff::Timestamp;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::Instant;
use tokio_cron_scheduler::job::job_data::{JobAndNextTick, JobStoredData};
use tokio_cron_scheduler::store::{DataStore, InitStore};
use tokio_cron_scheduler::{
    Job, JobScheduler, JobSchedulerError, MetaDataStorage, SimpleJobCode, SimpleNotificationCode,
    SimpleNotificationStore,
};
use uuid::Uuid;

use super::clock::Clock;
use crate::config::schedule::CronSchedule;

/// A firing of one pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tick {
    /// Which ticker fired; a listener that has started another since drops the firing.
    pub generation: u64,
    /// The place of the pattern in the list the ticker was started with.
    pub group: usize,
}

/// Why the ticker did not start.
#[derive(Debug, thiserror::Error)]
#[error("the scheduler did not start: {0}")]
pub struct TickerError(#[from] JobSchedulerError);

/// A running scheduler.
pub struct Ticker {
    scheduler: Option<JobScheduler>,
    #[cfg(test)]
    simulated: Option<tokio::task::JoinHandle<()>>,
    generation: Arc<AtomicU64>,
    patterns: Vec<Arc<CronSchedule>>,
    slots: Slots,
    pulse: Pulse,
}

/// How often the scheduler was heard, and since how many looks not any more.
struct Pulse {
    beats: u64,
    silent: u32,
    looked: Instant,
}

impl Pulse {
    fn new() -> Self {
        Self {
            beats: 0,
            silent: 0,
            looked: Instant::now(),
        }
    }
}

/// It looks for what is due twice a second. Looks rather than time are counted, since a process that was stopped finds
/// time gone by for everyone.
const SILENT_LOOKS: u32 = 60;
/// The time between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The scheduler hands firings through a channel that drops the oldest when full: room for every pattern to fire
/// several times before anyone listens, and never less than this.
const LEAST_ROOM: usize = 4096;

/// The scheduler insists on a pattern of its own dialect for each job; [`Slots`] never looks at it.
const NEVER_ASKED: &str = "0 0 0 1 1 *";

impl Ticker {
    /// Starts a scheduler with one job for each pattern; firings arrive on `ticks` until it is stopped.
    ///
    /// # Errors
    /// When the scheduler refuses a job.
    pub async fn start(
        generation: u64,
        patterns: &[Arc<CronSchedule>],
        clock: Arc<dyn Clock>,
        ticks: UnboundedSender<Tick>,
    ) -> Result<Self, TickerError> {
        let slots = Slots::new(clock);
        let generation = Arc::new(AtomicU64::new(generation));
        let room = LEAST_ROOM.max(patterns.len().saturating_mul(8));
        let scheduler = JobScheduler::new_with_storage_and_code(
            Box::new(slots.clone()),
            Box::<SimpleNotificationStore>::default(),
            Box::<SimpleJobCode>::default(),
            Box::<SimpleNotificationCode>::default(),
            room,
        )
        .await?;
        // One after another: added concurrently, jobs wedge the scheduler for good.
        for (group, pattern) in patterns.iter().enumerate() {
            let (ticks, generation) = (ticks.clone(), Arc::clone(&generation));
            let job = Job::new_async(NEVER_ASKED, move |_, _| {
                let generation = generation.load(Ordering::Relaxed);
                // Whoever listened may be gone already at the end of the process; then nobody misses the firing.
                let _ = ticks.send(Tick { generation, group });
                Box::pin(std::future::ready(()))
            })?;
            slots.register(job.guid(), group, Arc::clone(pattern));
            scheduler.add(job).await?;
        }
        scheduler.start().await?;
        Ok(Self {
            scheduler: Some(scheduler),
            #[cfg(test)]
            simulated: None,
            generation,
            patterns: patterns.to_vec(),
            slots,
            pulse: Pulse::new(),
        })
    }

    /// The same without the scheduler's two looks a second, which would make simulated months cost hours: it looks when
    /// something is due, and sometimes, since the clock may be set.
    #[cfg(test)]
    pub(super) fn simulated(
        generation: u64,
        patterns: &[Arc<CronSchedule>],
        clock: Arc<dyn Clock>,
        ticks: UnboundedSender<Tick>,
    ) -> Self {
        const LONGEST_SLEEP: Duration = Duration::from_secs(30);
        let slots = Slots::new(clock);
        for (group, pattern) in patterns.iter().enumerate() {
            let id = Uuid::from_u128(group as u128);
            slots.register(id, group, Arc::clone(pattern));
            let now = slots.clock.now();
            slots.lock().plan_after(id, now);
        }
        let looks = slots.clone();
        let generation = Arc::new(AtomicU64::new(generation));
        let told = Arc::clone(&generation);
        let goes_round = async move {
            loop {
                looks.beats.fetch_add(1, Ordering::Relaxed);
                let now = looks.clock.now();
                let (due, next) = {
                    let mut inner = looks.lock();
                    inner.follow(now);
                    (inner.take_due(now), inner.due.first().map(|(at, ..)| *at))
                };
                for id in due {
                    let group = usize::try_from(id.as_u128()).unwrap();
                    let generation = told.load(Ordering::Relaxed);
                    let _ = ticks.send(Tick { generation, group });
                }
                let wait = next.and_then(|at| Duration::try_from(at.duration_since(now)).ok());
                tokio::time::sleep(wait.unwrap_or(LONGEST_SLEEP).min(LONGEST_SLEEP)).await;
            }
        };
        Self {
            scheduler: None,
            simulated: Some(tokio::spawn(goes_round)),
            generation,
            patterns: patterns.to_vec(),
            slots,
            pulse: Pulse::new(),
        }
    }

    /// Goes on for a listener that counts from `generation` on, if these are the patterns that it has. A scheduler that is
    /// stopped leaves some MBs behind, in channels that its own tasks hold for ever: so none is started without need.
    pub fn goes_on(&self, generation: u64, patterns: &[Arc<CronSchedule>]) -> bool {
        let same = self.patterns == patterns;
        if same {
            self.generation.store(generation, Ordering::Relaxed);
        }
        same
    }

    /// Whether it still goes round; to be asked at each turn of whoever listens. Its tasks are its own: should one of them
    /// panic, nobody is told, and no pattern would fire any more.
    pub fn is_alive(&mut self) -> bool {
        let pulse = &mut self.pulse;
        if pulse.looked.elapsed() >= LOOK_EVERY {
            let beats = self.slots.beats.load(Ordering::Relaxed);
            let heard = std::mem::replace(&mut pulse.beats, beats) != beats;
            pulse.silent = if heard { 0 } else { pulse.silent + 1 };
            pulse.looked = Instant::now();
        }
        pulse.silent < SILENT_LOOKS
    }

    /// Stops it; firings under way may still arrive.
    pub async fn stop(self) {
        #[cfg(test)]
        if let Some(task) = self.simulated {
            task.abort();
        }
        let Some(mut scheduler) = self.scheduler else {
            return;
        };
        if let Err(error) = scheduler.shutdown().await {
            tracing::warn!(%error, "the scheduler did not stop cleanly");
        }
    }
}

/// The scheduler's metadata store: when each job is due next, in true local time.
#[derive(Clone)]
struct Slots {
    clock: Arc<dyn Clock>,
    inner: Arc<Mutex<Inner>>,
    /// How often it was asked what is due.
    beats: Arc<AtomicU64>,
}

#[derive(Default)]
struct Inner {
    jobs: HashMap<Uuid, JobStoredData>,
    /// By job, each with its place.
    patterns: HashMap<Uuid, (usize, Arc<CronSchedule>)>,
    next: HashMap<Uuid, Timestamp>,
    /// Those of the same instant in the order of the patterns.
    due: BTreeSet<(Timestamp, usize, Uuid)>,
    /// When it was looked for what is due last.
    looked: Option<Timestamp>,
}

impl Inner {
    fn plan(&mut self, id: Uuid, next: Option<Timestamp>) {
        let place = self.patterns.get(&id).map_or(0, |(place, _)| *place);
        if let Some(old) = self.next.remove(&id) {
            self.due.remove(&(old, place, id));
        }
        if let Some(next) = next {
            self.next.insert(id, next);
            self.due.insert((next, place, id));
        }
    }

    fn plan_after(&mut self, id: Uuid, after: Timestamp) {
        let next = self.patterns.get(&id);
        let next = next.and_then(|(_, pattern)| pattern.next_after(after));
        self.plan(id, next);
    }

    /// Plans everything anew after the clock was set back: what was planned while it stood ahead may lie years off.
    fn follow(&mut self, now: Timestamp) {
        if self.looked.is_some_and(|looked| now < looked) {
            let ids: Vec<Uuid> = self.patterns.keys().copied().collect();
            for id in ids {
                self.plan_after(id, now);
            }
        }
        self.looked = Some(now);
    }

    /// The jobs due at `now`; each is moved on to its next firing after `now`, so that none is handed out twice and
    /// a sleep over several firings counts as one.
    fn take_due(&mut self, now: Timestamp) -> Vec<Uuid> {
        let due: Vec<Uuid> = self
            .due
            .range(..=(now, usize::MAX, Uuid::max()))
            .map(|(.., id)| *id)
            .collect();
        for id in &due {
            self.plan_after(*id, now);
        }
        due
    }
}

type Answer<T> = Pin<Box<dyn Future<Output = Result<T, JobSchedulerError>> + Send>>;

fn answer<T: Send + 'static>(result: Result<T, JobSchedulerError>) -> Answer<T> {
    Box::pin(std::future::ready(result))
}

impl Slots {
    fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            inner: Arc::default(),
            beats: Arc::default(),
        }
    }

    /// Tells the pattern of a job before the scheduler is given it.
    fn register(&self, id: Uuid, place: usize, pattern: Arc<CronSchedule>) {
        self.lock().patterns.insert(id, (place, pattern));
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl InitStore for Slots {
    fn init(&mut self) -> Answer<()> {
        answer(Ok(()))
    }

    fn inited(&mut self) -> Answer<bool> {
        answer(Ok(true))
    }
}

impl DataStore<JobStoredData> for Slots {
    fn get(&mut self, id: Uuid) -> Answer<Option<JobStoredData>> {
        answer(Ok(self.lock().jobs.get(&id).cloned()))
    }

    fn add_or_update(&mut self, data: JobStoredData) -> Answer<()> {
        let Some(id) = data.id.as_ref().map(Uuid::from) else {
            return answer(Err(JobSchedulerError::UpdateJobData));
        };
        let now = self.clock.now();
        let mut inner = self.lock();
        inner.jobs.insert(id, data);
        if !inner.next.contains_key(&id) {
            inner.plan_after(id, now);
        }
        answer(Ok(()))
    }

    fn delete(&mut self, id: Uuid) -> Answer<()> {
        let mut inner = self.lock();
        inner.plan(id, None);
        inner.jobs.remove(&id);
        inner.patterns.remove(&id);
        answer(Ok(()))
    }
}

impl MetaDataStorage for Slots {
    fn list_next_ticks(&mut self) -> Answer<Vec<JobAndNextTick>> {
        self.beats.fetch_add(1, Ordering::Relaxed);
        let now = self.clock.now();
        let mut inner = self.lock();
        inner.follow(now);
        let due = inner.take_due(now);
        let listed = due
            .iter()
            .filter_map(|id| inner.jobs.get(id))
            .map(|job| JobAndNextTick {
                id: job.id,
                job_type: job.job_type,
                // The scheduler compares with its own clock; what is listed here is due, whatever that says.
                next_tick: 1,
                last_tick: None,
            })
            .collect();
        answer(Ok(listed))
    }

    /// The scheduler's own idea of the next firing is not taken: the job was moved on when it was listed.
    fn set_next_and_last_tick(
        &mut self,
        _: Uuid,
        _: Option<DateTime<Utc>>,
        _: Option<DateTime<Utc>>,
    ) -> Answer<()> {
        answer(Ok(()))
    }

    fn time_till_next_job(&mut self) -> Answer<Option<Duration>> {
        let now = self.clock.now();
        let next = self.lock().due.first().map(|(at, ..)| *at);
        answer(Ok(next.map(|at| {
            Duration::try_from(at.duration_since(now)).unwrap_or_default()
        })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::schedule::Schedule;
    use crate::engine::clock::SimulatedClock;
    use jiff::tz::{TimeZone, TimeZoneDatabase};
    use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

    fn cron(pattern: &str, zone: &str) -> Arc<CronSchedule> {
        let tz: TimeZone = TimeZoneDatabase::bundled().get(zone).unwrap();
        match Schedule::parse(pattern, &tz, zone).unwrap() {
            Schedule::Cron(cron) => cron,
            Schedule::Every(_) => unreachable!(),
        }
    }

    /// Lives through the time from `from` to `until` and tells the slots of each pattern as they fired.
    async fn live(zone: &str, patterns: &[&str], from: &str, until: &str) -> Vec<Vec<Timestamp>> {
        let clock = Arc::new(SimulatedClock::at(from));
        let until: Timestamp = until.parse().unwrap();
        let patterns: Vec<_> = patterns.iter().map(|p| cron(p, zone)).collect();
        let (sender, mut ticks): (_, UnboundedReceiver<Tick>) = unbounded_channel();
        let shown: Arc<dyn Clock> = clock.clone();
        let ticker = Ticker::start(1, &patterns, shown, sender).await.unwrap();
        let mut fired = vec![Vec::new(); patterns.len()];
        let end = tokio::time::sleep(until.duration_since(clock.now()).unsigned_abs());
        tokio::pin!(end);
        loop {
            tokio::select! {
                biased;
                tick = ticks.recv() => {
                    let group = tick.unwrap().group;
                    let slot = patterns[group].at_or_before(clock.now()).unwrap();
                    // The scheduler looks twice a second.
                    let late = clock.now().duration_since(slot);
                    assert!(late.as_millis() < 1_000, "{slot} fired {late} late");
                    fired[group].push(slot);
                }
                () = &mut end => break,
            }
        }
        ticker.stop().await;
        fired
    }

    fn instants(list: &[&str]) -> Vec<Timestamp> {
        list.iter().map(|t| t.parse().unwrap()).collect()
    }

    fn each_quarter(from: &str, until: &str) -> Vec<Timestamp> {
        let (from, until): (Timestamp, Timestamp) = (from.parse().unwrap(), until.parse().unwrap());
        (0..)
            .map(|n| from + jiff::SignedDuration::from_mins(15 * n))
            .take_while(|t| *t < until)
            .collect()
    }

    #[tokio::test(start_paused = true)]
    async fn f34_berlin_in_spring() {
        let fired = live(
            "Europe/Berlin",
            &["0 19 * * *", "30 2 * * *", "0 * * * *", "*/15 * * * *"],
            "2026-03-28T17:59:00Z",
            "2026-03-29T17:01:00Z",
        )
        .await;
        // 19:00 stays 19:00: one day of 23 hours between them.
        assert_eq!(
            fired[0],
            instants(&["2026-03-28T18:00:00Z", "2026-03-29T17:00:00Z"])
        );
        // 02:30 does not exist on the 29th; it runs when the gap ends, at 03:00.
        assert_eq!(fired[1], instants(&["2026-03-29T01:00:00Z"]));
        let hours: Vec<_> = each_quarter("2026-03-28T18:00:00Z", "2026-03-29T17:01:00Z")
            .into_iter()
            .step_by(4)
            .collect();
        assert_eq!(fired[2], hours);
        assert_eq!(
            fired[3],
            each_quarter("2026-03-28T18:00:00Z", "2026-03-29T17:01:00Z")
        );
    }

    #[tokio::test(start_paused = true)]
    async fn f35_berlin_in_autumn() {
        let fired = live(
            "Europe/Berlin",
            &["0 18 * * *", "30 2 * * *", "*/15 * * * *"],
            "2026-10-24T15:59:00Z",
            "2026-10-25T17:01:00Z",
        )
        .await;
        assert_eq!(
            fired[0],
            instants(&["2026-10-24T16:00:00Z", "2026-10-25T17:00:00Z"])
        );
        // 02:30 comes twice; it runs the first time only.
        assert_eq!(fired[1], instants(&["2026-10-25T00:30:00Z"]));
        assert_eq!(
            fired[2],
            each_quarter("2026-10-24T16:00:00Z", "2026-10-25T17:01:00Z")
        );
    }

    #[tokio::test(start_paused = true)]
    async fn f34_f35_london() {
        let spring = live(
            "Europe/London",
            &["0 0 * * *", "0 1 * * *", "*/15 * * * *"],
            "2026-03-28T23:59:00Z",
            "2026-03-29T23:01:00Z",
        )
        .await;
        assert_eq!(
            spring[0],
            instants(&["2026-03-29T00:00:00Z", "2026-03-29T23:00:00Z"])
        );
        assert_eq!(spring[1], instants(&["2026-03-29T01:00:00Z"]));
        assert_eq!(
            spring[2],
            each_quarter("2026-03-29T00:00:00Z", "2026-03-29T23:01:00Z")
        );
        let autumn = live(
            "Europe/London",
            &["0 0 * * *", "30 1 * * *", "*/15 * * * *"],
            "2026-10-24T22:59:00Z",
            "2026-10-26T00:01:00Z",
        )
        .await;
        assert_eq!(
            autumn[0],
            instants(&["2026-10-24T23:00:00Z", "2026-10-26T00:00:00Z"])
        );
        assert_eq!(autumn[1], instants(&["2026-10-25T00:30:00Z"]));
        assert_eq!(
            autumn[2],
            each_quarter("2026-10-24T23:00:00Z", "2026-10-26T00:01:00Z")
        );
    }

    /// The half-hour change: on 5 April 02:00 becomes 01:30, on 4 October 02:00 becomes 02:30.
    #[tokio::test(start_paused = true)]
    async fn f34_f35_lord_howe() {
        let autumn = live(
            "Australia/Lord_Howe",
            &["45 1 * * *", "0 9 * * *", "*/15 * * * *"],
            "2026-04-04T12:59:00Z",
            "2026-04-05T22:31:00Z",
        )
        .await;
        assert_eq!(
            autumn[0],
            instants(&["2026-04-04T14:45:00Z", "2026-04-05T15:15:00Z"])
        );
        assert_eq!(
            autumn[1],
            instants(&["2026-04-04T22:30:00Z", "2026-04-05T22:30:00Z"])
        );
        assert_eq!(
            autumn[2],
            each_quarter("2026-04-04T13:00:00Z", "2026-04-05T22:31:00Z")
        );
        let spring = live(
            "Australia/Lord_Howe",
            &["15 2 * * *", "0 9 * * *", "*/15 * * * *"],
            "2026-10-03T12:59:00Z",
            "2026-10-04T22:01:00Z",
        )
        .await;
        assert_eq!(
            spring[0],
            instants(&["2026-10-03T15:30:00Z", "2026-10-04T15:15:00Z"])
        );
        assert_eq!(
            spring[1],
            instants(&["2026-10-03T22:00:00Z", "2026-10-04T22:00:00Z"])
        );
        assert_eq!(
            spring[2],
            each_quarter("2026-10-03T13:00:00Z", "2026-10-04T22:01:00Z")
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_sleep_over_many_slots_fires_once() {
        let clock = Arc::new(SimulatedClock::at("2026-11-24T10:00:30Z"));
        let slots = Slots::new(clock.clone());
        let (id, pattern) = (Uuid::from_u128(1), cron("* * * * *", "UTC"));
        slots.register(id, 0, pattern);
        slots.lock().plan_after(id, clock.now());
        tokio::time::advance(Duration::from_secs(3600)).await;
        assert_eq!(slots.lock().take_due(clock.now()), [id]);
        assert!(slots.lock().take_due(clock.now()).is_empty());
    }

    /// A clock that stood ten years ahead, and whoever planned by it.
    #[tokio::test(start_paused = true)]
    async fn f31_a_clock_set_back_brings_the_next_firing_back() {
        let slots = Slots::new(Arc::new(SimulatedClock::at("2026-11-24T10:00:30Z")));
        let (id, pattern) = (Uuid::from_u128(1), cron("0 6 * * *", "UTC"));
        slots.register(id, 0, pattern);
        let at = |text: &str| -> Timestamp { text.parse().unwrap() };
        let (ahead, right) = (at("2036-11-24T10:00:30Z"), at("2026-11-24T10:00:31Z"));
        slots.lock().follow(ahead);
        slots.lock().plan_after(id, ahead);
        slots.lock().follow(right);
        assert_eq!(slots.lock().next[&id], at("2026-11-25T06:00:00Z"));
    }

    /// A clock that breaks whoever reads it.
    struct Broken(AtomicU64);

    impl Clock for Broken {
        fn now(&self) -> Timestamp {
            let left = self.0.fetch_sub(1, Ordering::Relaxed);
            assert!(left > 0, "the clock is broken");
            "2026-11-24T10:00:30Z".parse().unwrap()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn f62_a_scheduler_that_panicked_is_found_dead() {
        let patterns = [cron("* * * * *", "UTC")];
        let (sender, _ticks) = unbounded_channel();
        // One reading to plan the job, then a few rounds.
        let clock = Arc::new(Broken(AtomicU64::new(20)));
        let mut ticker = Ticker::start(1, &patterns, clock, sender).await.unwrap();
        let mut seconds = 0;
        while ticker.is_alive() {
            tokio::time::sleep(LOOK_EVERY).await;
            seconds += 1;
            assert!(seconds < 600, "nobody noticed");
        }
        assert!(seconds >= 60, "{seconds}");
    }

    /// Stopped for ten minutes, as by SIGSTOP, it is as alive as before.
    #[tokio::test(start_paused = true)]
    async fn f33_a_scheduler_that_was_stopped_is_alive() {
        let (sender, _ticks) = unbounded_channel();
        let clock = Arc::new(SimulatedClock::at("2026-11-24T10:00:30Z"));
        let mut ticker = Ticker::start(1, &[], clock, sender).await.unwrap();
        for _ in 0..5 {
            tokio::time::advance(Duration::from_secs(600)).await;
            assert!(ticker.is_alive());
        }
    }
}
