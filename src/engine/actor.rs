//! The engine itself: one task that hears firings, ended polls, commits and orders, and makes of them new polls, new
//! commits and a new board. It waits for no source and no commit; both report to it.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::board::{Asked, Board, ConfigBoard};
use super::books::{Books, Report};
use super::clock::Clock;
use super::ending::Ending;
use super::event::{Event, Observe};
use super::fill::Filled;
use super::housekeeping::{Found, keep_house};
use super::jump::{Watch, doubt};
use super::poll::Outcome;
use super::rota::{Changed, Remembered, Rota};
use super::sources::Open;
use super::ticker::{Tick, Ticker, TickerError};
use super::vitals::Vitals;
use super::work::{self, Heard};
use crate::config;
use crate::config::spec::Config;
use crate::store::{Entry, Loaded, Store, StoreError};

/// What the engine is made of.
pub struct Setup {
    /// The valid configuration.
    pub config: Config,
    /// Where values are kept.
    pub store: Store,
    /// How a source is opened.
    pub open: Arc<Open>,
    /// Who wants to know what happens.
    pub observe: Arc<dyn Observe>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Signs of life, read by others.
    pub vitals: Arc<Vitals>,
}

/// Why the engine did not start, or ended other than asked.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store failed until the end: what was measured last is not on disk.
    #[error("the store took no more writes: the last measurements are not on disk")]
    Unwritten,
    /// The scheduler failed.
    #[error(transparent)]
    Ticker(#[from] TickerError),
    /// The scheduler went silent: no pattern would fire any more.
    #[error(
        "the scheduler stopped going round, expected twice a second: okrd ends, so that whoever supervises it starts it \
         anew; please report this with the line above that says why"
    )]
    Silent,
}

/// What may be asked of a running engine.
#[derive(Clone)]
pub struct Handle {
    board: watch::Receiver<Arc<Board>>,
    orders: mpsc::Sender<Order>,
    store: Store,
}

/// Tells whoever asked whether a configuration is in force now, or why the old one stays.
type Decided = oneshot::Sender<Result<(), String>>;

enum Order {
    Reload(Box<Config>, Decided),
    Confirmed,
    Rejected,
    Told(Box<Entry>, oneshot::Sender<()>),
}

impl Handle {
    /// The newest picture of everything.
    #[must_use]
    pub fn board(&self) -> watch::Receiver<Arc<Board>> {
        self.board.clone()
    }

    /// Puts another configuration in force; returns when it is. What did not change goes on as it was.
    ///
    /// # Errors
    /// Why the old one stays in force.
    pub async fn reload(&self, config: Config) -> Result<(), String> {
        let (done, is_done) = oneshot::channel();
        let order = Order::Reload(Box::new(config), done);
        let ended = || "okrd is ending, nothing is put in force any more".to_owned();
        self.orders.send(order).await.map_err(|_| ended())?;
        is_done.await.unwrap_or_else(|_| Err(ended()))
    }

    /// Notes that the configuration in force was offered again, and is what the files say.
    pub async fn confirmed(&self) {
        // An engine that ended meanwhile has nobody left to tell.
        let _ = self.orders.send(Order::Confirmed).await;
    }

    /// Keeps a value that a person told: when this returns it is on disk, and the board shows it.
    ///
    /// # Errors
    /// When it was not kept.
    pub async fn record(&self, entry: Entry) -> Result<(), StoreError> {
        self.store.append(vec![entry.clone()]).await?;
        let (done, is_done) = oneshot::channel();
        if self
            .orders
            .send(Order::Told(Box::new(entry), done))
            .await
            .is_ok()
        {
            // An engine that ended meanwhile shows nothing any more; the value is kept all the same.
            let _ = is_done.await;
        }
        Ok(())
    }

    /// Notes that another configuration was offered and found wanting.
    pub async fn rejected(&self) {
        // An engine that ended meanwhile has nobody left to tell.
        let _ = self.orders.send(Order::Rejected).await;
    }
}

/// How often everything is judged again though nothing came in, for the pace depends on time. What happens at an instant
/// known beforehand, such as a value that becomes too old, is judged then.
const AGE_EVERY: Duration = Duration::from_secs(15);
/// How often the neighbours are looked at: other writers of the store, changed credentials.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The longest time between two looks at the wall clock, which may jump, or stop while the machine sleeps.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);
/// The shortest time between two boards when values stream in.
const BOARD_EVERY: Duration = Duration::from_millis(100);
/// How long polls under way may go on after the end was asked for: with what comes after, ten seconds in all.
const DRAIN: Duration = Duration::from_secs(6);
/// How long it may take then to tell servers to stop what they still do for us.
const SETTLE: Duration = Duration::from_secs(2);
/// How long the last write may take.
const LAST_WRITE: Duration = Duration::from_secs(2);

/// How long what is known is still shown after damage of the store was found: long enough to be scraped twice.
const FAREWELL: Duration = Duration::from_secs(30);

/// How many outcomes are told at a time.
const TOGETHER: usize = 1000;

/// The engine, ready to run.
pub struct Engine {
    open: Arc<Open>,
    observe: Arc<dyn Observe>,
    clock: Arc<dyn Clock>,
    vitals: Arc<Vitals>,
    rota: Rota,
    books: Books,
    config: ConfigBoard,
    tasks: TaskTracker,
    cut_off: CancellationToken,
    outcomes: mpsc::UnboundedReceiver<Vec<Outcome>>,
    tell_outcome: mpsc::UnboundedSender<Vec<Outcome>>,
    fills: mpsc::UnboundedReceiver<Filled>,
    tell_fill: mpsc::UnboundedSender<Filled>,
    ticks: mpsc::UnboundedReceiver<Tick>,
    tell_tick: mpsc::UnboundedSender<Tick>,
    orders: mpsc::Receiver<Order>,
    board: watch::Sender<Arc<Board>>,
    due: Chores,
    store: Store,
    /// Questions about the work of initiatives; what is under way at the end is dropped.
    asking: JoinSet<Heard>,
    looks: mpsc::UnboundedReceiver<Found>,
    tell_look: mpsc::UnboundedSender<Found>,
    /// What ends the engine, and when.
    doom: Option<(StoreError, Instant)>,
    /// The latest time that the store has seen.
    seen: Option<Timestamp>,
}

/// What came of one turn.
enum Turn {
    /// On to the next.
    Went,
    /// Another configuration is to be put in force.
    Reload(Box<Config>, Decided),
    /// The store's writer is gone.
    Broken(StoreError),
}

/// How often the engine does its own chores.
#[derive(Clone, Copy, Debug)]
struct Pace {
    age: Duration,
    look: Duration,
    sleep: Duration,
}

impl Pace {
    const USUAL: Self = Self {
        age: AGE_EVERY,
        look: LOOK_EVERY,
        sleep: LONGEST_SLEEP,
    };
}

/// When the engine's own chores are due.
struct Chores {
    pace: Pace,
    board_outdated: bool,
    board_made: Instant,
    aged: Instant,
    looked: Instant,
    watch: Watch,
}

impl Engine {
    /// An engine that has read the store and shows its first board, but polls nothing yet.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn new(setup: Setup) -> Result<(Self, Handle), EngineError> {
        let now = setup.clock.now();
        let mut loaded = setup.store.load(&setup.config.goals)?;
        let history = std::mem::take(&mut loaded.history);
        let known = loaded.sources.clone();
        let (checked, incidents) = (loaded.checked, std::mem::take(&mut loaded.incidents));
        let seen = loaded
            .last_wall
            .max(loaded.newest_poll.filter(|_| loaded.last_wall.is_none()));
        let remembered = Remembered::from(loaded);
        let rota = Rota::default().next(&setup.config, &setup.open, remembered, now);
        let goals = setup.config.goals.clone();
        let store = setup.store.clone();
        let mut books = Books::open(setup.store, goals, history, &known, now);
        books.note(&Loaded {
            checked,
            incidents,
            ..Loaded::default()
        });
        let config = ConfigBoard {
            last_load_accepted: true,
            loaded_at: now,
            warnings: setup.config.warnings,
            asked: asked(&setup.config),
        };
        let changes = books.ledger().judge(now);
        books.take_statuses(changes);
        books.take_forecasts();
        let mut rota = rota;
        let first = Board {
            scorecard: books.ledger().scorecard(now),
            sources: rota.board(now),
            config: config.clone(),
            store: books.board(),
            works: rota.works(),
        };
        let (board, shown) = watch::channel(Arc::new(first));
        let (tell_outcome, outcomes) = mpsc::unbounded_channel();
        let (tell_fill, fills) = mpsc::unbounded_channel();
        let (tell_tick, ticks) = mpsc::unbounded_channel();
        let (tell_look, looks) = mpsc::unbounded_channel();
        let (give_orders, orders) = mpsc::channel(4);
        let engine = Self {
            open: setup.open,
            observe: setup.observe,
            clock: setup.clock,
            vitals: setup.vitals,
            rota,
            books,
            config,
            tasks: TaskTracker::new(),
            cut_off: CancellationToken::new(),
            outcomes,
            tell_outcome,
            fills,
            tell_fill,
            ticks,
            tell_tick,
            orders,
            board,
            store: store.clone(),
            asking: JoinSet::new(),
            looks,
            tell_look,
            doom: None,
            due: Chores {
                pace: Pace::USUAL,
                board_outdated: false,
                board_made: Instant::now(),
                aged: Instant::now(),
                looked: Instant::now(),
                watch: Watch::new(now),
            },
            seen,
        };
        let handle = Handle {
            board: shown,
            orders: give_orders,
            store,
        };
        Ok((engine, handle))
    }

    /// The same with its chores done every few hours, and nobody who looks twice a second whether something is due, so that
    /// simulated months cost minutes.
    #[cfg(test)]
    pub(super) fn unhurried(mut self) -> Self {
        let often = Duration::from_secs(6 * 3600);
        self.due.pace = Pace {
            age: often,
            look: Duration::from_secs(30 * 60),
            sleep: Duration::from_secs(60),
        };
        self
    }

    /// Waits until the clock can be right: not before `built`, when this program was built, and, unless it is `trusted`, not
    /// far before the latest that the store has seen. Until then nothing is asked and nothing is written, and whoever asks
    /// for readiness is told why not.
    ///
    /// # Errors
    /// When the store cannot be read anew.
    pub async fn await_clock(
        &mut self,
        built: Timestamp,
        trusted: bool,
        ending: &Ending,
    ) -> Result<(), EngineError> {
        let seen = self.seen.filter(|_| !trusted);
        let mut waited = false;
        while let Some(doubt) = doubt(self.clock.now(), built, seen) {
            if !std::mem::replace(&mut waited, true) {
                tracing::error!("{doubt}; nothing is polled or recorded until then");
            }
            self.vitals.tick(self.clock.now());
            self.vitals.wait_for(doubt);
            tokio::select! {
                () = ending.asked().cancelled() => return Ok(()),
                () = tokio::time::sleep(LONGEST_SLEEP) => {}
            }
        }
        if waited {
            let now = self.clock.now();
            tracing::info!("the clock can be right by now: polling begins");
            // What was judged by the wrong time is forgotten, or it would be written.
            self.books.begin_anew(now)?;
            self.due.watch = Watch::new(now);
            self.config.loaded_at = now;
            self.judge(now);
            self.show(now);
        }
        Ok(())
    }

    /// Why the clock cannot be right, as [`Engine::await_clock`] would wait for it.
    #[must_use]
    pub fn doubts_clock(&self, built: Timestamp, trusted: bool) -> Option<String> {
        doubt(self.clock.now(), built, self.seen.filter(|_| !trusted))
    }

    /// Runs by the schedules until `shutdown`, then lets polls under way end and writes what came of them.
    ///
    /// # Errors
    /// When the scheduler does not start, or the last measurements could not be written.
    pub async fn run(mut self, ending: Ending) -> Result<(), EngineError> {
        let mut ticker = self.start_ticker().await?;
        let begins = self.now();
        self.rota.begin(begins);
        self.vitals.set_readiness(None);
        // Dropped with the engine, and so ended: a chore that is cut short goes on the next time.
        let _house = self.keep_house();
        while !ending.asked().is_cancelled() {
            match self.turn(ending.asked()).await {
                Turn::Went => {}
                Turn::Reload(config, done) => {
                    let decided;
                    (ticker, decided) = self.reload(*config, ticker).await?;
                    // Whoever asked may be gone; what was decided holds all the same.
                    let _ = done.send(decided);
                }
                Turn::Broken(error) => return Err(error.into()),
            }
            if !ticker.is_alive() {
                return Err(EngineError::Silent);
            }
        }
        if let Some((error, _)) = self.doom.take() {
            return Err(error.into());
        }
        self.vitals.set_readiness(Some("stopping"));
        ticker.stop().await;
        self.drain(&ending).await
    }

    /// Asks every key result of the open cycles once, writes what came of it, and ends.
    ///
    /// # Errors
    /// When the measurements could not be written.
    pub async fn run_once(mut self, ending: Ending) -> Result<(), EngineError> {
        self.rota.begin_once(self.clock.now());
        let ended = |engine: &Self| engine.rota.is_idle() && engine.books.is_clean();
        while !(ending.asked().is_cancelled() || ended(&self)) && self.books.is_up() {
            if let Turn::Broken(error) = self.turn(ending.asked()).await {
                return Err(error.into());
            }
        }
        self.drain(&ending).await
    }

    /// One turn: does what is due, then waits for whatever happens next.
    async fn turn(&mut self, shutdown: &CancellationToken) -> Turn {
        if self
            .doom
            .as_ref()
            .is_some_and(|(_, ends)| *ends <= Instant::now())
            && let Some((error, _)) = self.doom.take()
        {
            return Turn::Broken(error);
        }
        self.do_what_is_due();
        let wake = self.next_wake();
        tokio::select! {
            biased;
            () = shutdown.cancelled() => {}
            Some(order) = self.orders.recv() => match order {
                Order::Reload(config, done) => return Turn::Reload(config, done),
                Order::Confirmed => {
                    self.config.loaded_at = self.clock.now();
                    self.reloaded(true);
                }
                Order::Rejected => self.reloaded(false),
                Order::Told(entry, done) => {
                    let now = self.now();
                    self.books.told(&entry, now);
                    self.judge(now);
                    self.show(now);
                    // Whoever told it may be gone.
                    let _ = done.send(());
                }
            },
            report = self.books.report(&*self.clock, &*self.observe) => match report {
                Report::Ended(error) => return Turn::Broken(error),
                Report::Damaged(error) => self.damaged(error),
                report => self.reported(&report),
            },
            Some(heard) = self.outcomes.recv() => self.heard(heard),
            Some(filled) = self.fills.recv() => self.heard_fill(filled),
            Some(heard) = self.asking.join_next() => {
                let now = self.now();
                // Of a question that panicked the log told; it is asked again in its time.
                self.rota.heard_of_work(heard.unwrap_or_default(), now);
                self.due.board_outdated = true;
            }
            Some((at, found)) = self.looks.recv() => self.looked_through(at, found),
            Some(tick) = self.ticks.recv() => {
                let now = self.now();
                self.rota.fired(tick, now);
            }
            () = tokio::time::sleep_until(wake) => {}
        }
        Turn::Went
    }

    /// Does the store's chores beside the engine.
    fn keep_house(&self) -> JoinSet<()> {
        let checked = self.books.board().checked.map(|(at, _)| at);
        let mut house = JoinSet::new();
        house.spawn(keep_house(
            self.store.clone(),
            Arc::clone(&self.clock),
            checked,
            self.tell_look.clone(),
        ));
        house
    }

    /// Hears what a look at the whole store found.
    fn looked_through(&mut self, at: Timestamp, found: Result<(), StoreError>) {
        self.books.checked(at, found.is_ok());
        self.due.board_outdated = true;
        match found {
            Err(error) => self.damaged(error),
            Ok(()) => {
                let store = self.store.clone();
                self.tasks.spawn(async move {
                    // What cannot be noted now is looked at again after the next start.
                    let _ = store.keep_check(at, true).await;
                });
            }
        }
    }

    /// The store is damaged: nothing is asked and nothing written any more. What is known is shown for a while, so that
    /// whoever watches learns of it, and then the process ends: only a person can say what becomes of the store.
    fn damaged(&mut self, error: StoreError) {
        if self.doom.is_some() {
            return;
        }
        tracing::error!(
            "{error}; nothing is written any more, and okrd ends in {} s",
            FAREWELL.as_secs()
        );
        self.books.give_up();
        self.doom = Some((error, Instant::now() + FAREWELL));
        self.vitals.set_readiness(Some("the store is damaged"));
        self.due.board_outdated = true;
    }

    /// What the clock says; whoever counts by it is told when it jumped. Every turn reads it so, and none is longer than a
    /// second.
    fn now(&mut self) -> Timestamp {
        let before = Instant::now();
        let now = self.clock.now();
        if let Some(by) = self.due.watch.look(before, now) {
            self.observe.observe(&Event::ClockJumped { by });
            self.rota.clock_jumped(by);
            self.books.ledger().age();
            self.judge(now);
        }
        now
    }

    fn do_what_is_due(&mut self) {
        let now = self.now();
        self.vitals.tick(now);
        if self.due.looked.elapsed() >= self.due.pace.look {
            self.look_around(now);
        }
        if self.due.aged.elapsed() >= self.due.pace.age {
            self.due.aged = Instant::now();
            self.books.ledger().age();
            self.judge(now);
        }
        if self.books.ledger().turns().is_some_and(|turn| turn <= now) {
            self.books.ledger().turn(now);
            self.judge(now);
        }
        if self.books.is_up() {
            self.send_out(now);
            self.books.take_passings(self.rota.passings(now));
            self.fill(now);
            self.ask_of_work(now);
        }
        self.vitals.lags(self.rota.lag(now));
        self.books.start_commit();
        if self.due.board_outdated && self.due.board_made.elapsed() >= BOARD_EVERY {
            self.show(now);
        }
    }

    /// Sends out the polls whose turn it is, all as one task: a task, a wake-up and a message for each of a thousand
    /// quick polls would cost more than the polls.
    fn send_out(&mut self, now: Timestamp) {
        let mut errands = self.rota.errands(now, &*self.observe);
        if errands.is_empty() {
            return;
        }
        for errand in &mut errands {
            errand.known = self.books.ledger().known(&errand.poll.key_result, None);
            for rider in &mut errand.with {
                rider.known = self.books.ledger().known(&rider.key_result, None);
            }
            // One poll for each key result, whoever asks for it.
            for _ in 0..=errand.with.len() {
                self.observe.observe(&Event::PollStarted {
                    source: &errand.poll.source,
                });
                self.vitals.poll_began();
            }
        }
        self.due.board_outdated = true;
        let (clock, tell) = (Arc::clone(&self.clock), self.tell_outcome.clone());
        let sent = async move {
            let polls = errands.into_iter().map(|e| e.run_for_all(&*clock));
            let polls: FuturesUnordered<_> = polls.collect();
            let mut ended = polls.ready_chunks(TOGETHER);
            while let Some(outcomes) = ended.next().await {
                // The engine hears all outcomes until the last task ended; after that there is no process to miss one.
                let _ = tell.send(outcomes.into_iter().flatten().collect());
            }
        };
        let cut_off = self.cut_off.clone();
        self.tasks
            .spawn(async move { cut_off.run_until_cancelled_owned(sent).await });
    }

    /// Sends out fills, each a task of its own that can give way alone.
    fn fill(&mut self, now: Timestamp) {
        for mut fill in self.rota.fills(now) {
            let (id, slot) = (&fill.errand.poll.key_result, fill.errand.slot);
            fill.errand.known = self.books.ledger().known(id, Some(slot));
            let (clock, tell) = (Arc::clone(&self.clock), self.tell_fill.clone());
            let store = self.books.store_path().to_owned();
            let sent = async move {
                // As with polls, whoever listens does so until the last task ended.
                let _ = tell.send(fill.run(&*clock, store).await);
            };
            let cut_off = self.cut_off.clone();
            self.tasks
                .spawn(async move { cut_off.run_until_cancelled_owned(sent).await });
        }
    }

    /// Asks how far the work of initiatives is.
    fn ask_of_work(&mut self, now: Timestamp) {
        let asks = self.rota.asks_of_work(now);
        if !asks.is_empty() {
            self.asking.spawn(work::ask(asks, Arc::clone(&self.clock)));
        }
    }

    /// Hears how a fill ended.
    fn heard_fill(&mut self, filled: Filled) {
        let now = self.now();
        let Some(kept) = self.rota.filled(filled, now, &*self.observe) else {
            return;
        };
        self.books.take_fill(kept);
        self.keep_sources(now);
    }

    /// Hears how polls ended.
    fn heard(&mut self, outcomes: Vec<Outcome>) {
        let now = self.now();
        for outcome in outcomes {
            self.vitals.poll_ended();
            let fault = outcome.entry.outcome.as_ref().err();
            if let Some(source) = self.rota.source_of(&outcome) {
                self.observe.observe(&Event::PollEnded {
                    source,
                    key_result: &outcome.entry.key_result,
                    took: outcome.entry.took,
                    fault,
                });
            }
            self.rota.answered(&outcome, now);
            self.books.take(outcome);
        }
        self.keep_sources(now);
        self.due.board_outdated = true;
    }

    /// Tells of sources that are left alone from now on or no more, and has it kept.
    fn keep_sources(&mut self, now: Timestamp) {
        for Changed {
            source,
            state,
            held,
        } in self.rota.take_changed(now)
        {
            self.observe.observe(&match held {
                Some(held) => Event::HeldBack {
                    source: &source,
                    held,
                },
                None => Event::LetGo { source: &source },
            });
            self.books.take_source(source, state);
            self.due.board_outdated = true;
        }
    }

    /// Hears what the store reports.
    fn reported(&mut self, report: &Report) {
        self.due.board_outdated = true;
        let now = self.clock.now();
        match report {
            Report::Written(outcomes) => {
                for outcome in outcomes {
                    self.rota.recorded(outcome, now);
                }
            }
            Report::Foreign(resumed) => {
                self.rota.resume(resumed);
                self.keep_sources(now);
            }
            Report::Nothing | Report::Ended(_) | Report::Damaged(_) => {}
        }
        if !matches!(report, Report::Nothing) {
            let now = self.now();
            self.judge(now);
        }
    }

    fn judge(&mut self, now: Timestamp) {
        let changes = self.books.ledger().judge(now);
        self.books.take_statuses(changes);
        self.books.take_forecasts();
        self.due.board_outdated = true;
    }

    /// Looks for what others did: a value recorded beside us, credentials rotated.
    fn look_around(&mut self, now: Timestamp) {
        self.due.looked = Instant::now();
        self.books.start_look();
        self.rota.release_with_new_credentials();
        self.keep_sources(now);
    }

    fn show(&mut self, now: Timestamp) {
        self.due.board_outdated = false;
        self.due.board_made = Instant::now();
        self.board.send_replace(Arc::new(Board {
            scorecard: self.books.ledger().scorecard(now),
            sources: self.rota.board(now),
            config: self.config.clone(),
            store: self.books.board(),
            works: self.rota.works(),
        }));
    }

    fn next_wake(&mut self) -> Instant {
        let now = Instant::now();
        let mut wake = now + self.due.pace.sleep;
        let until = |due: Timestamp, clock: &dyn Clock| {
            let left = due.duration_since(clock.now());
            now + Duration::try_from(left).unwrap_or_default()
        };
        if let Some(turn) = self.books.ledger().turns() {
            wake = wake.min(until(turn, &*self.clock));
        }
        // While the store takes no writes nothing is sent out, so nothing that is due may wake us.
        if let Some(due) = self
            .rota
            .next_wake(self.clock.now())
            .filter(|_| self.books.is_up())
        {
            wake = wake.min(until(due, &*self.clock));
        }
        if let Some((_, ends)) = &self.doom {
            wake = wake.min(*ends);
        }
        if self.due.board_outdated {
            wake = wake.min(self.due.board_made + BOARD_EVERY);
        }
        self.books
            .commits_from()
            .map_or(wake, |from| wake.min(from))
    }

    /// Ticks for the plan in force.
    fn start_ticker(&self) -> impl Future<Output = Result<Ticker, TickerError>> + Send + use<> {
        let (generation, patterns) = (self.rota.generation(), self.rota.patterns().to_vec());
        let (clock, ticks) = (Arc::clone(&self.clock), self.tell_tick.clone());
        #[cfg(test)]
        let simulated = self.due.pace.sleep > LONGEST_SLEEP;
        async move {
            #[cfg(test)]
            if simulated {
                return Ok(Ticker::simulated(generation, &patterns, clock, ticks));
            }
            Ticker::start(generation, &patterns, clock, ticks).await
        }
    }

    /// Puts another configuration in force. The old one stays when the store cannot be read for the new one.
    async fn reload(
        &mut self,
        config: Config,
        ticker: Ticker,
    ) -> Result<(Ticker, Result<(), String>), TickerError> {
        let now = self.now();
        let loaded = match self.books.change_goals(config.goals.clone(), now) {
            Ok(loaded) => loaded,
            Err(error) => {
                self.reloaded(false);
                let why = format!("the store cannot be read for the new configuration: {error}");
                return Ok((ticker, Err(why)));
            }
        };
        let remembered = Remembered {
            sources: Vec::new(),
            ..Remembered::from(loaded)
        };
        let before = std::mem::take(&mut self.rota);
        before.give_way();
        self.rota = before.next(&config, &self.open, remembered, now);
        let (generation, patterns) = (self.rota.generation(), self.rota.patterns());
        let ticker = if ticker.goes_on(generation, patterns) {
            ticker
        } else {
            ticker.stop().await;
            self.start_ticker().await?
        };
        // Only now: what fired for the old plan was heard by nobody and counts as missed.
        let begins = self.now();
        self.rota.begin(begins);
        self.config.warnings = config.warnings;
        self.config.asked = asked(&config);
        self.config.loaded_at = now;
        self.reloaded(true);
        self.judge(now);
        self.show(now);
        Ok((ticker, Ok(())))
    }

    fn reloaded(&mut self, accepted: bool) {
        self.config.last_load_accepted = accepted;
        self.due.board_outdated = true;
        self.observe.observe(&Event::Reloaded { accepted });
    }

    /// Drops the polls that are still under way, and lets their sources tell the servers. Without the second a server
    /// works on for nobody: a runtime that shuts down sends nothing more.
    async fn settle(&mut self) {
        self.cut_off.cancel();
        let told = async {
            self.tasks.wait().await;
            self.rota.settle().await;
        };
        if tokio::time::timeout(SETTLE, told).await.is_err() {
            tracing::warn!("a source could not be told to stop, its own limit stops it");
        }
    }

    /// Writes what came in last, though polls hang: no pause between commits may cost a measurement now.
    async fn write_last(&mut self) {
        let enough = tokio::time::sleep(LAST_WRITE);
        tokio::pin!(enough);
        while !self.books.is_clean() && self.books.is_up() {
            self.books.hurry();
            self.books.start_commit();
            tokio::select! {
                report = self.books.report(&*self.clock, &*self.observe) => self.reported(&report),
                () = &mut enough => break,
            }
        }
    }

    /// Lets polls under way end, within bounds, and writes everything that is known.
    async fn drain(mut self, ending: &Ending) -> Result<(), EngineError> {
        self.tasks.close();
        self.rota.give_way();
        let enough = tokio::time::sleep(DRAIN);
        tokio::pin!(enough);
        loop {
            self.books.start_commit();
            let heard = self.outcomes.is_empty() && self.fills.is_empty();
            let ended = self.tasks.is_empty() && heard;
            if ended && self.books.is_clean() {
                if !self.books.take_last_forecasts() {
                    break;
                }
                self.books.start_commit();
            }
            let again = self.books.commits_from();
            tokio::select! {
                biased;
                Some(heard) = self.outcomes.recv() => self.heard(heard),
                Some(filled) = self.fills.recv() => self.heard_fill(filled),
                report = self.books.report(&*self.clock, &*self.observe) => self.reported(&report),
                () = self.tasks.wait(), if !self.tasks.is_empty() => {}
                () = tokio::time::sleep_until(again.unwrap_or_else(Instant::now)), if again.is_some() => {}
                () = &mut enough => break,
                () = ending.at_once().cancelled() => break,
            }
        }
        self.write_last().await;
        self.show(self.clock.now());
        self.settle().await;
        if self.books.is_clean() {
            Ok(())
        } else {
            Err(EngineError::Unwritten)
        }
    }
}

/// What a configuration asks, for those who want to know how a number is made.
fn asked(config: &Config) -> Asked {
    Arc::new(config::asked::asked(config).into_iter().collect())
}
