//! The engine at work: real store, real scheduler, sources made for the purpose.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use jiff::civil::date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::actor::{Engine, Handle, Setup};
use super::board::Board;
use super::clock::Clock;
use super::ending::Ending;
use super::event::{Event, Observe};
use super::vitals::Vitals;
use crate::config::schedule::Schedule;
use crate::config::spec::{Config, Measure, Poll, Server, SourceSpec, StoreSpec};
use crate::domain::cycle::Cycle;
use crate::domain::fault::{Fault, FaultClass};
use crate::domain::goals::{Ambition, Feed, Goals, KeyResult, Kind, Objective, Role};
use crate::domain::guard::Guard;
use crate::domain::id::{CycleName, KeyResultId, ObjectiveId, Slug};
use crate::domain::reading::Reading;
use crate::domain::scorecard::KeyResultCard;
use crate::domain::status::Status;
use crate::domain::target::{Aim, Baseline, Reach, Target};
use crate::domain::window::Window;
use crate::domain::work::Work;
use crate::source::{Question, Source};
use crate::store::{Entry, Origin, Store};

mod catch_up;
mod clocks;
mod model;
mod simulation;
mod truth;
mod works;
mod world;

/// What a made-up source answers to the text of a question.
type Script = dyn Fn(&str) -> Result<f64, Fault> + Send + Sync;

/// A source that answers by script, and counts.
struct Scripted {
    answer: Arc<Script>,
    past: Arc<Past>,
    asked: Arc<AtomicUsize>,
    questions: Arc<Mutex<Vec<String>>>,
    at_a_time: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
    credentials: Arc<AtomicU64>,
}

/// How a made-up source takes questions about the past.
struct Past {
    /// Of which instants it was asked, by text of the question.
    instants: Mutex<Vec<(String, Timestamp)>>,
    /// Questions about instants before this one are never answered, unless they lie before the other …
    hangs_before: Mutex<Timestamp>,
    hangs_from: Mutex<Timestamp>,
    /// … and before this one are answered with this fault.
    refuses_before: Mutex<(Timestamp, Fault)>,
    permits: AtomicUsize,
}

impl Default for Past {
    fn default() -> Self {
        Self {
            instants: Mutex::default(),
            hangs_before: Mutex::new(Timestamp::MIN),
            hangs_from: Mutex::new(Timestamp::MIN),
            refuses_before: Mutex::new((Timestamp::MIN, Fault::new(FaultClass::Net, "refused"))),
            permits: AtomicUsize::new(4),
        }
    }
}

impl Past {
    async fn asked(&self, query: &str, instant: Timestamp) -> Result<(), Fault> {
        let entry = (query.to_owned(), instant);
        self.instants.lock().unwrap().push(entry);
        let hangs = *self.hangs_from.lock().unwrap()..*self.hangs_before.lock().unwrap();
        if hangs.contains(&instant) {
            std::future::pending::<()>().await;
        }
        let (before, fault) = self.refuses_before.lock().unwrap().clone();
        if instant < before { Err(fault) } else { Ok(()) }
    }
}

#[async_trait]
impl Source for Scripted {
    async fn measure(&self, question: Question<'_>) -> Result<Reading, Fault> {
        let Measure::Sql { query, .. } = question.measure else {
            unreachable!("the tests ask SQL");
        };
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.questions.lock().unwrap().push(query.clone());
        self.past.asked(query, question.moments.now).await?;
        let now = self.at_a_time.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        tokio::task::yield_now().await;
        let answer = (self.answer)(query);
        self.at_a_time.fetch_sub(1, Ordering::SeqCst);
        Reading::new(answer?)
    }

    async fn work(&self, issue: &str, _: Duration) -> Result<Option<Work>, Fault> {
        let question = format!("work under {issue}");
        self.questions.lock().unwrap().push(question.clone());
        let done = (self.answer)(&question)?;
        Ok(Work::new(done as u64, 8))
    }

    fn permits(&self) -> usize {
        self.past.permits.load(Ordering::SeqCst)
    }

    fn credentials(&self) -> u64 {
        self.credentials.load(Ordering::SeqCst)
    }
}

/// The clock of the machine, set to another hour.
struct Shifted(Mutex<SignedDuration>);

impl Shifted {
    fn to(at: &str) -> Arc<Self> {
        let at: Timestamp = at.parse().unwrap();
        let by = at.duration_since(super::clock::SystemClock.now());
        Arc::new(Self(Mutex::new(by)))
    }

    /// Sets it forward.
    fn jump(&self, by: SignedDuration) {
        *self.0.lock().unwrap() += by;
    }
}

impl Clock for Shifted {
    fn now(&self) -> Timestamp {
        super::clock::SystemClock.now() + *self.0.lock().unwrap()
    }
}

/// Remembers what happened.
#[derive(Default)]
struct Heard(Mutex<Vec<String>>);

impl Observe for Heard {
    fn observe(&self, event: &Event<'_>) {
        self.0.lock().unwrap().push(format!("{event:?}"));
    }
}

impl Heard {
    fn count(&self, part: &str) -> usize {
        let events = self.0.lock().unwrap();
        events.iter().filter(|event| event.contains(part)).count()
    }
}

/// A company with a store in a folder of its own.
struct House {
    folder: tempfile::TempDir,
    answer: Arc<Script>,
    past: Arc<Past>,
    asked: Arc<AtomicUsize>,
    questions: Arc<Mutex<Vec<String>>>,
    most: Arc<AtomicUsize>,
    credentials: Arc<AtomicU64>,
    heard: Arc<Heard>,
    clock: Arc<Shifted>,
}

/// An engine under way.
struct Running {
    handle: Handle,
    end: Ending,
    task: tokio::task::JoinHandle<Result<(), super::actor::EngineError>>,
    store: Store,
    vitals: Arc<Vitals>,
}

fn cycle(config: &Config, name: &str) -> Arc<Cycle> {
    Arc::new(config.goals.cycles[&id(name).cycle].clone())
}

impl House {
    fn new(answer: impl Fn(&str) -> Result<f64, Fault> + Send + Sync + 'static) -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            answer: Arc::new(answer),
            past: Arc::default(),
            asked: Arc::default(),
            questions: Arc::default(),
            most: Arc::default(),
            credentials: Arc::default(),
            heard: Arc::default(),
            clock: Shifted::to("2026-11-24T10:20:00Z"),
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("okrd.db")
    }

    fn setup(&self, config: Config, store: Store) -> Setup {
        let scripted = Arc::new(Scripted {
            answer: Arc::clone(&self.answer),
            past: Arc::clone(&self.past),
            asked: Arc::clone(&self.asked),
            questions: Arc::clone(&self.questions),
            at_a_time: Arc::default(),
            most: Arc::clone(&self.most),
            credentials: Arc::clone(&self.credentials),
        });
        Setup {
            vitals: Arc::new(Vitals::starting(self.clock.now())),
            config,
            store,
            open: Arc::new(move |_: &SourceSpec| Arc::clone(&scripted) as Arc<dyn Source>),
            observe: Arc::clone(&self.heard) as Arc<dyn Observe>,
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
        }
    }

    fn start(&self, config: Config) -> Running {
        let store = Store::open(&self.path(), "test", self.clock.now()).unwrap();
        let setup = self.setup(config, store.clone());
        let vitals = Arc::clone(&setup.vitals);
        let (engine, handle) = Engine::new(setup).unwrap();
        let end = Ending::default();
        Running {
            vitals,
            handle,
            task: tokio::spawn(engine.run(end.clone())),
            end,
            store,
        }
    }

    fn config(&self, key_results: &[(&str, &str)]) -> Config {
        config(self.path(), key_results)
    }

    /// How often this was asked.
    fn times(&self, query: &str) -> usize {
        let questions = self.questions.lock().unwrap();
        questions.iter().filter(|asked| *asked == query).count()
    }
}

impl Running {
    /// Waits for a board that shows what is wanted.
    async fn shows(&self, wanted: impl Fn(&Board) -> bool) -> Arc<Board> {
        let mut board = self.handle.board();
        let seen = tokio::time::timeout(Duration::from_secs(90), board.wait_for(|b| wanted(b)));
        Arc::clone(&seen.await.expect("the board never showed it").unwrap())
    }

    async fn stop(self) {
        self.end.ask();
        self.task.await.unwrap().unwrap();
        self.store.close().await.unwrap();
    }
}

fn id(name: &str) -> KeyResultId {
    KeyResultId::parse_full(&format!("2026-Q4:growth/{name}")).unwrap()
}

fn slug(text: &str) -> Slug {
    Slug::parse(text).unwrap()
}

fn key_result(name: &str, query: &str) -> KeyResult {
    KeyResult {
        id: id(name),
        title: name.into(),
        why: None,
        unit: "things".into(),
        kind: Kind::Level,
        window: None,
        aim: Aim::Reach(Reach {
            baseline: Baseline::Fixed(0.0),
            target: Target::Absolute(100.0),
            strict: false,
            anchors: None,
        }),
        plan: None,
        role: Role::Contributes,
        weight: 1.0,
        feed: Feed::Polled {
            source: slug("shop"),
        },
        stale_after: Duration::from_secs(86_400),
        amendments: Vec::new(),
        rebases: Vec::new(),
        definition: query.chars().cycle().take(16).collect(),
    }
}

/// One objective with key results by name and query, all asked each second of one source.
fn config(store: PathBuf, key_results: &[(&str, &str)]) -> Config {
    let name = CycleName::parse("2026-Q4").unwrap();
    let zone = TimeZone::UTC;
    let cycle = Cycle::new(
        name.clone(),
        date(2026, 10, 1),
        date(2026, 12, 31),
        zone.clone(),
    );
    let polls = key_results.iter().map(|(name, query)| Poll {
        key_result: id(name),
        source: slug("shop"),
        measure: Measure::sql(*query),
        window: Window::CycleToDate,
        schedule: Schedule::Every(Duration::from_secs(1)),
        jitter: Duration::ZERO,
        timeout: Duration::from_secs(5),
        guard: Guard::default(),
        canary: None,
    });
    let objective = Objective {
        id: ObjectiveId {
            cycle: name.clone(),
            objective: slug("growth"),
        },
        title: "Growth".into(),
        why: None,
        team: None,
        parent: None,
        ambition: Ambition::Aspirational,
        key_results: key_results
            .iter()
            .map(|(name, query)| Arc::new(key_result(name, query)))
            .collect(),
        initiatives: Vec::new(),
    };
    Config {
        revision: "r".repeat(64),
        zone_name: "UTC".into(),
        zone,
        server: Server {
            listen: ([127, 0, 0, 1], 0).into(),
            lifecycle: false,
            write_token: None,
            tokens: Default::default(),
            web_config: None,
        },
        reload: crate::config::spec::Reloading::default(),
        store: StoreSpec::at(store),
        sources: BTreeMap::from([(
            slug("shop"),
            SourceSpec::Sqlite {
                path: "shop.db".into(),
            },
        )]),
        polls: polls.collect(),
        catch_up: Duration::from_secs(30 * 86_400),
        limits: BTreeMap::new(),
        max_retry_after: super::policy::LONGEST_PATIENCE,
        pushes: BTreeMap::new(),
        notify: BTreeMap::new(),
        records: crate::config::spec::Records::default(),
        goals: Goals {
            cycles: BTreeMap::from([(name, cycle.unwrap())]),
            objectives: vec![Arc::new(objective)],
            ..Goals::default()
        },
        warnings: 0,
    }
}

fn card<'b>(board: &'b Board, name: &str) -> &'b KeyResultCard {
    let cards = board.scorecard.objectives().flat_map(|o| &o.key_results);
    let card = cards
        .into_iter()
        .find(|card| card.key_result.id == id(name));
    card.expect("the key result is on the board")
}

fn value(board: &Board, name: &str) -> Option<f64> {
    card(board, name).value.map(|(value, _)| value)
}

#[tokio::test]
async fn what_a_source_answers_is_on_disk_before_it_is_on_the_board() {
    let house = House::new(|_| Ok(42.0));
    let running = house.start(house.config(&[("a", "x")]));
    let board = running.shows(|b| value(b, "a") == Some(42.0)).await;
    assert_eq!(card(&board, "a").progress, Some(0.42));
    assert_eq!(board.sources[0].up, Some(true));
    let kept = running
        .store
        .load(&house.config(&[("a", "x")]).goals)
        .unwrap();
    let kept = kept
        .history
        .get(&id("a"))
        .unwrap()
        .series
        .points()
        .last()
        .copied();
    assert_eq!(kept.map(|point| point.value), Some(42.0));
    running.stop().await;
}

#[tokio::test]
async fn f1_a_fault_that_may_heal_is_tried_once_more_in_the_same_slot() {
    let first = AtomicBool::new(true);
    let house = House::new(move |_| {
        if first.swap(false, Ordering::SeqCst) {
            Err(Fault::new(FaultClass::Net, "connection refused"))
        } else {
            Ok(1.0)
        }
    });
    let mut config = house.config(&[("a", "x")]);
    config.polls[0].schedule = Schedule::Every(Duration::from_secs(3600));
    let running = house.start(config);
    running.shows(|b| value(b, "a") == Some(1.0)).await;
    assert_eq!(house.asked.load(Ordering::SeqCst), 2);
    assert_eq!(house.heard.count("PollEnded"), 1, "one poll, two tries");
    running.stop().await;
}

#[tokio::test]
async fn a_failure_keeps_the_last_value_and_never_becomes_zero() {
    let broken = Arc::new(AtomicBool::new(false));
    let breaks = Arc::clone(&broken);
    let house = House::new(move |_| {
        if breaks.load(Ordering::SeqCst) {
            Err(Fault::new(FaultClass::BadBody, "not JSON"))
        } else {
            Ok(7.0)
        }
    });
    let running = house.start(house.config(&[("a", "x")]));
    running.shows(|b| value(b, "a") == Some(7.0)).await;
    broken.store(true, Ordering::SeqCst);
    let board = running.shows(|b| b.sources[0].up == Some(false)).await;
    assert_eq!(value(&board, "a"), Some(7.0));
    let fault = card(&board, "a")
        .last_attempt
        .as_ref()
        .unwrap()
        .fault
        .clone();
    let board = if fault.is_some() {
        board
    } else {
        running
            .shows(|b| {
                card(b, "a")
                    .last_attempt
                    .as_ref()
                    .is_some_and(|l| l.fault.is_some())
            })
            .await
    };
    assert_eq!(value(&board, "a"), Some(7.0));
    running.stop().await;
}

#[tokio::test]
async fn f62_a_panic_in_a_source_fails_one_poll_and_nothing_else() {
    let house = House::new(|query| {
        assert_ne!(query, "panic", "made to fail");
        Ok(3.0)
    });
    let running = house.start(house.config(&[("a", "panic"), ("b", "x")]));
    let board = running
        .shows(|b| value(b, "b") == Some(3.0) && card(b, "a").last_attempt.is_some())
        .await;
    let attempt = card(&board, "a").last_attempt.clone().unwrap();
    assert_eq!(attempt.fault.unwrap().0, FaultClass::Internal);
    assert_eq!(card(&board, "a").status, Status::NoData);
    running.stop().await;
}

#[tokio::test]
async fn f18_refused_credentials_suspend_the_source_until_they_change() {
    let right = Arc::new(AtomicBool::new(false));
    let knows = Arc::clone(&right);
    let house = House::new(move |_| {
        if knows.load(Ordering::SeqCst) {
            Ok(5.0)
        } else {
            Err(Fault::new(FaultClass::Auth, "401"))
        }
    });
    let mut config = house.config(&[("a", "x")]);
    config.polls[0].schedule = Schedule::Every(Duration::from_secs(1));
    let running = house.start(config);
    let board = running.shows(|b| b.sources[0].suspended).await;
    assert_eq!(board.sources[0].next_poll, None, "no time ends it");
    running
        .shows(|_| house.heard.count("SourceHeld(Login)") > 0)
        .await;
    assert_eq!(house.asked.load(Ordering::SeqCst), 1, "no second try");
    right.store(true, Ordering::SeqCst);
    house.credentials.store(1, Ordering::SeqCst);
    let board = running.shows(|b| value(b, "a") == Some(5.0)).await;
    assert!(!board.sources[0].suspended);
    running.stop().await;
}

#[tokio::test]
async fn after_a_restart_the_last_values_stand_at_once_and_no_slot_is_asked_twice() {
    let house = House::new(|_| Ok(9.0));
    let mut config = house.config(&[("a", "x"), ("beside", "y")]);
    config.polls[0].schedule = Schedule::Every(Duration::from_secs(3600));
    let running = house.start(config.clone());
    let both = |b: &Board| value(b, "a") == Some(9.0) && value(b, "beside") == Some(9.0);
    let board = running.shows(both).await;
    let since = card(&board, "a").status_since;
    running.stop().await;
    let asked = house.times("x");
    let beside = house.times("y");

    let running = house.start(config);
    let board = running.handle.board().borrow().clone();
    assert_eq!(value(&board, "a"), Some(9.0), "on the very first board");
    assert_eq!(
        card(&board, "a").status_since.as_millisecond(),
        since.as_millisecond()
    );
    // The neighbour is asked each second; a slot asked twice would show before its third time.
    running.shows(|_| house.times("y") >= beside + 3).await;
    assert_eq!(house.times("x"), asked);
    running.stop().await;
}

#[tokio::test]
async fn a_value_recorded_by_another_process_is_taken_in() {
    let house = House::new(|_| Ok(1.0));
    let mut config = house.config(&[("a", "x"), ("told", "y")]);
    config.polls.truncate(1);
    let cycle = cycle(&config, "told");
    let running = house.start(config);
    running.shows(|b| value(b, "a").is_some()).await;
    let beside = Store::open_shared(&house.path(), "test", house.clock.now()).unwrap();
    let now = house.clock.now();
    let entry = Entry {
        key_result: id("told"),
        slot: now,
        started_at: now,
        took: Duration::ZERO,
        tries: 1,
        definition: "y".repeat(16).into(),
        cycle,
        origin: Origin::Recorded {
            note: None,
            author: None,
        },
        outcome: Ok(Reading::new(33.0).unwrap()),
    };
    beside.append(vec![entry]).await.unwrap();
    beside.close().await.unwrap();
    running.shows(|b| value(b, "told") == Some(33.0)).await;
    running.stop().await;
}

/// A value becomes too old at an instant that is known beforehand: the engine is awake then, not some seconds later.
#[tokio::test]
async fn a_value_is_stale_when_its_time_is_over_not_some_time_after() {
    let house = House::new(|_| Ok(1.0));
    let mut config = house.config(&[("told", "y")]);
    config.polls.clear();
    let believed = Duration::from_millis(1500);
    let objective = Arc::make_mut(&mut config.goals.objectives[0]);
    Arc::make_mut(&mut objective.key_results[0]).stale_after = believed;
    let (cycle, now) = (cycle(&config, "told"), house.clock.now());
    let running = house.start(config);
    let entry = Entry {
        key_result: id("told"),
        slot: now,
        started_at: now,
        took: Duration::ZERO,
        tries: 1,
        definition: "y".repeat(16).into(),
        cycle,
        origin: Origin::Recorded {
            note: None,
            author: None,
        },
        outcome: Ok(Reading::new(33.0).unwrap()),
    };
    running.handle.record(entry).await.unwrap();
    // What is told through the engine is on its board at once.
    assert_eq!(value(&running.handle.board().borrow(), "told"), Some(33.0));
    let board = running
        .shows(|b| card(b, "told").status == Status::Stale)
        .await;
    let since = card(&board, "told").status_since.duration_since(now);
    let late = since.unsigned_abs().saturating_sub(believed);
    assert!(late < Duration::from_millis(700), "{late:?} too late");
    assert_eq!(value(&board, "told"), Some(33.0));
    running.stop().await;
}

#[tokio::test]
async fn a_reload_adds_removes_and_asks_anew_what_means_something_else() {
    let house = House::new(|query| Ok(if query == "new" { 20.0 } else { 10.0 }));
    let slow = |mut config: Config| {
        for poll in &mut config.polls {
            poll.schedule = Schedule::Every(Duration::from_secs(3600));
        }
        config
    };
    let running = house.start(slow(house.config(&[
        ("same", "s"),
        ("changes", "old"),
        ("goes", "g"),
    ])));
    running
        .shows(|b| {
            ["same", "changes", "goes"]
                .iter()
                .all(|n| value(b, n) == Some(10.0))
        })
        .await;
    let asked = house.asked.load(Ordering::SeqCst);
    let next = slow(house.config(&[("same", "s"), ("changes", "new"), ("comes", "c")]));
    running.handle.reload(next).await.unwrap();
    let board = running
        .shows(|b| value(b, "comes") == Some(10.0) && value(b, "changes") == Some(20.0))
        .await;
    assert_eq!(value(&board, "same"), Some(10.0));
    assert_eq!(board.scorecard.objectives[0].key_results.len(), 3);
    assert_eq!(
        house.asked.load(Ordering::SeqCst),
        asked + 2,
        "what is the same is not asked again"
    );
    running.handle.rejected().await;
    let board = running.shows(|b| !b.config.last_load_accepted).await;
    assert_eq!(
        value(&board, "comes"),
        Some(10.0),
        "the old configuration stays in force"
    );
    running.stop().await;
}

/// The store keeps the first measurement of a slot, and nothing else may be shown.
#[tokio::test]
async fn a_key_result_that_comes_back_is_judged_by_what_the_store_kept() {
    let answer = Arc::new(AtomicUsize::new(7));
    let now = Arc::clone(&answer);
    let house = House::new(move |_| Ok(now.load(Ordering::SeqCst) as f64));
    let daily = |pairs: &[(&str, &str)]| {
        let mut config = house.config(pairs);
        config.polls[0].schedule = Schedule::Every(Duration::from_secs(86_400));
        config
    };
    let both = daily(&[("a", "x"), ("beside", "y")]);
    let mut without = daily(&[("a", "x"), ("beside", "y")]);
    without.polls.remove(0);
    let objective = Arc::make_mut(&mut without.goals.objectives[0]);
    objective.key_results.remove(0);
    let running = house.start(both.clone());
    running.shows(|b| value(b, "a") == Some(7.0)).await;
    answer.store(9, Ordering::SeqCst);
    running.handle.reload(without).await.unwrap();
    running.handle.reload(both).await.unwrap();
    let board = running.shows(|b| value(b, "beside") == Some(9.0)).await;
    assert_eq!(value(&board, "a"), Some(7.0));
    assert_eq!(house.times("x"), 1, "its slot was measured");
    running.stop().await;
}

#[tokio::test]
async fn what_was_asked_in_vain_is_asked_again_after_a_restart() {
    let mended = Arc::new(AtomicBool::new(false));
    let works = Arc::clone(&mended);
    let house = House::new(move |_| {
        if works.load(Ordering::SeqCst) {
            Ok(5.0)
        } else {
            Err(Fault::new(FaultClass::SqlError, "no such table"))
        }
    });
    let mut config = house.config(&[("a", "x")]);
    config.polls[0].schedule = Schedule::Every(Duration::from_secs(86_400));
    let running = house.start(config.clone());
    running.shows(|b| card(b, "a").last_attempt.is_some()).await;
    running.stop().await;
    mended.store(true, Ordering::SeqCst);
    let running = house.start(config);
    running.shows(|b| value(b, "a") == Some(5.0)).await;
    running.stop().await;
}

#[tokio::test]
async fn once_asks_everything_once_and_ends() {
    let house = House::new(|query| {
        if query == "bad" {
            Err(Fault::new(FaultClass::BadValue, "two rows"))
        } else {
            Ok(1.0)
        }
    });
    let store = Store::open(&house.path(), "test", house.clock.now()).unwrap();
    let config = house.config(&[("a", "x"), ("b", "bad"), ("c", "x")]);
    let (engine, handle) = Engine::new(house.setup(config, store.clone())).unwrap();
    engine.run_once(Ending::default()).await.unwrap();
    let board = handle.board().borrow().clone();
    assert_eq!(
        [value(&board, "a"), value(&board, "b"), value(&board, "c")],
        [Some(1.0), None, Some(1.0)]
    );
    assert_eq!(
        house.asked.load(Ordering::SeqCst),
        2,
        "the same question is asked once"
    );
    store.close().await.unwrap();
}

/// The whole way through the real scheduler: 10,000 key results on one minute, beside threads that want every core.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f59_ten_thousand_key_results_on_one_minute_all_fire_beside_a_busy_cpu() {
    const MANY: usize = 10_000;
    let counts: Arc<Mutex<HashMap<String, usize>>> = Arc::default();
    let seen = Arc::clone(&counts);
    let mut house = House::new(move |query| {
        *seen.lock().unwrap().entry(query.to_owned()).or_default() += 1;
        Ok(1.0)
    });
    let names: Vec<String> = (0..MANY).map(|n| format!("kr{n}")).collect();
    let pairs: Vec<(&str, &str)> = names.iter().map(|n| (n.as_str(), n.as_str())).collect();
    let mut config = house.config(&pairs);
    let on_the_minute = Schedule::parse("* * * * *", &TimeZone::UTC, "UTC").unwrap();
    for poll in &mut config.polls {
        poll.schedule = on_the_minute.clone();
    }
    // All were asked in the slot before, so that only the firing at 11:00 makes them due.
    let store = Store::open(&house.path(), "test", house.clock.now()).unwrap();
    let before = "2026-11-24T10:59:00Z".parse().unwrap();
    let entries = config.polls.iter().zip(&names).map(|(poll, name)| Entry {
        key_result: poll.key_result.clone(),
        slot: before,
        started_at: before,
        took: Duration::ZERO,
        tries: 1,
        definition: key_result(name, name).definition.into(),
        cycle: cycle(&config, name),
        origin: Origin::Polled,
        outcome: Ok(Reading::new(0.0).unwrap()),
    });
    store.append(entries.collect()).await.unwrap();
    store.close().await.unwrap();
    // Only now, so that however long that took, the engine begins before the firing.
    house.clock = Shifted::to("2026-11-24T10:59:50Z");

    let end = Arc::new(AtomicBool::new(false));
    let hogs: Vec<_> = (0..4)
        .map(|_| {
            let end = Arc::clone(&end);
            std::thread::spawn(move || {
                while !end.load(Ordering::Relaxed) {
                    std::hint::black_box((0..10_000_u64).sum::<u64>());
                }
            })
        })
        .collect();
    let running = house.start(config);
    while running.vitals.not_ready().is_some() {
        tokio::task::yield_now().await;
    }
    let firing: Timestamp = "2026-11-24T11:00:00Z".parse().unwrap();
    assert!(
        house.clock.now() < firing,
        "what is asked now is no catching up"
    );
    running
        .shows(|b| {
            let mut cards = b.scorecard.objectives().flat_map(|o| &o.key_results);
            cards.all(|card| card.value.is_some_and(|(value, _)| value == 1.0))
        })
        .await;
    end.store(true, Ordering::Relaxed);
    hogs.into_iter().for_each(|hog| hog.join().unwrap());
    let counts = counts.lock().unwrap().clone();
    assert_eq!(counts.len(), MANY);
    assert!(counts.values().all(|n| *n == 1), "none twice");
    let board = running.handle.board().borrow().clone();
    let all = board.scorecard.objectives().flat_map(|o| &o.key_results);
    let as_of = all.filter_map(|card| card.value.map(|(_, as_of)| as_of));
    assert!(as_of.min() >= Some(firing), "none before the minute");
    assert!(
        house.most.load(Ordering::SeqCst) <= 4,
        "the source's permits hold"
    );
    running.stop().await;
}

#[tokio::test]
async fn f43_a_store_that_takes_no_writes_pauses_polling_and_loses_nothing() {
    let house = House::new(|_| Ok(6.0));
    let running = house.start(house.config(&[("a", "x")]));
    running.shows(|b| value(b, "a") == Some(6.0)).await;
    // Another program holds the database for writing: each commit fails once its patience is over.
    let locker = rusqlite::Connection::open(house.path()).unwrap();
    locker.execute_batch("BEGIN EXCLUSIVE").unwrap();
    running.shows(|b| !b.store.up).await;
    let asked = house.asked.load(Ordering::SeqCst);
    running
        .shows(|_| house.heard.count("StoreFailed") >= 2)
        .await;
    assert_eq!(
        house.asked.load(Ordering::SeqCst),
        asked,
        "no polls whose results cannot be kept"
    );
    locker.execute_batch("ROLLBACK").unwrap();
    let board = running.shows(|b| b.store.up).await;
    assert_eq!(value(&board, "a"), Some(6.0));
    running
        .shows(|_| house.asked.load(Ordering::SeqCst) > asked)
        .await;
    let events = house.heard.count("PollEnded");
    running.stop().await;
    let reader = crate::store::Reader::open(&house.path()).unwrap();
    let kept = reader.series(&id("a"), None, None).unwrap().len();
    assert!(kept >= events, "{kept} values of {events} polls");
}

/// Twenty days of values of `a`, one more each day, measured before the engine starts.
async fn with_a_past(house: &House) {
    let config = house.config(&[("a", "x")]);
    let now = house.clock.now();
    let past = (1..=20).map(|days| {
        let slot = now - SignedDuration::from_hours(24 * days);
        Entry {
            key_result: id("a"),
            slot,
            started_at: slot,
            took: Duration::ZERO,
            tries: 1,
            definition: key_result("a", "x").definition.into(),
            cycle: cycle(&config, "a"),
            origin: Origin::Polled,
            outcome: Reading::new(f64::from(u8::try_from(20 - days).unwrap())),
        }
    });
    let store = Store::open(&house.path(), "test", now).unwrap();
    store.append(past.collect()).await.unwrap();
    store.close().await.unwrap();
}

/// `a` as a flow, whose forecast follows each value.
fn flow(house: &House) -> Config {
    let mut config = house.config(&[("a", "x")]);
    let objective = Objective::clone(&config.goals.objectives[0]);
    config.goals.objectives = vec![Arc::new(Objective {
        key_results: vec![Arc::new(KeyResult {
            kind: Kind::Cumulative,
            ..key_result("a", "x")
        })],
        ..objective
    })];
    config
}

/// Days and values of the forecasts of `a` that are on disk.
fn kept_forecasts(house: &House) -> Vec<(String, f64)> {
    let reader = crate::store::Reader::open(&house.path()).unwrap();
    let kept = reader.forecasts(&id("a")).unwrap();
    kept.into_iter()
        .map(|told| (told.forecast.day.to_string(), told.forecast.value))
        .collect()
}

fn forecast_of(board: &Board) -> Option<f64> {
    card(board, "a")
        .forecast
        .ok()
        .map(|forecast| forecast.value)
}

/// Whoever runs it anew on the same day, also with `--once`, has one forecast of the day: the last.
#[tokio::test]
async fn the_last_forecast_of_the_day_is_kept_when_the_engine_ends_and_a_restart_makes_no_second() {
    let house = House::new(|_| Ok(20.0));
    with_a_past(&house).await;
    let running = house.start(flow(&house));
    let board = running.shows(|b| value(b, "a") == Some(20.0)).await;
    let first = forecast_of(&board).unwrap();
    running.stop().await;
    assert_eq!(kept_forecasts(&house), [("2026-11-24".to_owned(), first)]);

    let other = House {
        answer: Arc::new(|_| Ok(90.0)),
        clock: Shifted::to("2026-11-24T20:00:00Z"),
        ..house
    };
    let store = Store::open(&other.path(), "test", other.clock.now()).unwrap();
    let setup = other.setup(flow(&other), store.clone());
    let (engine, handle) = Engine::new(setup).unwrap();
    engine.run_once(Ending::default()).await.unwrap();
    let last = forecast_of(&handle.board().borrow()).unwrap();
    drop(handle);
    store.close().await.unwrap();
    assert_ne!(first, last);
    assert_eq!(kept_forecasts(&other), [("2026-11-24".to_owned(), last)]);
}

#[tokio::test]
async fn a_day_that_is_over_keeps_its_last_forecast_and_a_new_one_begins() {
    let house = House::new(|_| Ok(20.0));
    with_a_past(&house).await;
    let house = House {
        clock: Shifted::to("2026-11-24T23:59:57Z"),
        ..house
    };
    let running = house.start(flow(&house));
    let midnight: Timestamp = "2026-11-25T00:00:00Z".parse().unwrap();
    running
        .shows(|b| {
            card(b, "a")
                .value
                .is_some_and(|(_, as_of)| as_of > midnight)
        })
        .await;
    running.stop().await;
    let days: Vec<String> = kept_forecasts(&house)
        .into_iter()
        .map(|(day, _)| day)
        .collect();
    assert_eq!(days, ["2026-11-24", "2026-11-25"]);
}
