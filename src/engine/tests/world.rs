//! A world with a simulated clock: an engine over a real store lives in it, is killed and started anew, while its sources
//! answer or fail as a seed says. Months pass in seconds, and the same seed gives the same months. Afterwards the world
//! holds what is on disk against what was asked, and finds what became of each slot.

use std::collections::{BTreeMap, BTreeSet};
use std::iter::Peekable;

use sha2::{Digest, Sha256};
use tokio::time::Instant;

use super::super::past::Slots;
use super::*;
use crate::engine::event::Skip;
use crate::store::{Attempt, Measurement, Reader, simulated};

/// A clock that follows tokio's time and can be set.
pub(super) struct Steered {
    began: Instant,
    at: Mutex<Timestamp>,
    set: Mutex<Option<Instant>>,
}

impl Steered {
    pub(super) fn at(at: Timestamp) -> Self {
        Self {
            began: Instant::now(),
            at: Mutex::new(at),
            set: Mutex::default(),
        }
    }

    pub(super) fn jump(&self, by: SignedDuration) {
        *self.at.lock().unwrap() += by;
        *self.set.lock().unwrap() = Some(Instant::now());
    }

    /// Whether it was set in the time that passed last.
    fn was_set_within(&self, time: Duration) -> bool {
        let set = *self.set.lock().unwrap();
        set.is_some_and(|set| set.elapsed() < time)
    }
}

impl Clock for Steered {
    fn now(&self) -> Timestamp {
        let gone = SignedDuration::try_from(self.began.elapsed()).unwrap();
        *self.at.lock().unwrap() + gone
    }
}

/// What happens next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Step {
    /// Time passes.
    Run(Duration),
    /// Somebody sets the clock, or the machine sleeps.
    Jump(SignedDuration),
    /// The same configuration is put in force again.
    Reload,
    /// From now on every source is in this trouble, or in none but what its seed says.
    Trouble(Option<Trouble>),
    /// The process is gone in the middle of whatever it did.
    Kill,
    /// The process is asked to end.
    Stop,
    /// It is down.
    Down(Duration),
}

/// How a source fails.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Trouble {
    Fails(FaultClass),
    Hangs,
    Panics,
}

/// No question of a world is under way for longer, its time limit and the writing of its outcome included.
const A_TRY: SignedDuration = SignedDuration::from_secs(15);

/// Pseudo-random numbers, the same for the same seed.
pub(super) struct Random(pub(super) u64);

impl Random {
    /// A number below `below`.
    pub(super) fn below(&mut self, below: u64) -> u64 {
        self.0 = mix(self.0.wrapping_add(0x9e37_79b9_7f4a_7c15));
        self.0 % below
    }

    pub(super) fn one_in(&mut self, many: u64) -> bool {
        self.below(many) == 0
    }
}

/// splitmix64's finish.
fn mix(mut n: u64) -> u64 {
    n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

/// What the world saw.
#[derive(Default)]
pub(super) struct Tally {
    /// Key result by the text of its question, and when it was asked.
    asked: BTreeMap<String, Vec<Timestamp>>,
    missed: BTreeMap<KeyResultId, Vec<Slots>>,
    overlaps: Vec<KeyResultId>,
    pub(super) jumps: Vec<SignedDuration>,
    pub(super) panics: usize,
    births: Vec<Timestamp>,
    kills: Vec<Timestamp>,
    /// What a board showed at the end of a life: that is on disk.
    shown: BTreeSet<(KeyResultId, u64, Timestamp)>,
}

/// Everything but the engine.
pub(super) struct World {
    folder: tempfile::TempDir,
    pub(super) config: Config,
    schedules: BTreeMap<String, Schedule>,
    seed: u64,
    /// How many questions of a thousand end in trouble.
    troubled: u64,
    wall: Mutex<Timestamp>,
    clock: Mutex<Option<Arc<Steered>>>,
    trouble: Mutex<Option<Trouble>>,
    /// Slots asked for already, so that a second try may go better.
    tried: Mutex<BTreeMap<(String, Timestamp), u64>>,
    pub(super) tally: Mutex<Tally>,
}

/// The sources of a world.
struct Moody(Arc<World>);

#[async_trait]
impl Source for Moody {
    async fn measure(&self, question: Question<'_>) -> Result<Reading, Fault> {
        let Measure::Sql { query, .. } = question.measure else {
            unreachable!("the world asks SQL");
        };
        let (draw, trouble) = self.0.ask(query, question.moments.now);
        tokio::time::sleep(Duration::from_millis(5 + draw % 700)).await;
        match trouble {
            None => Reading::new((draw % 1_000_000) as f64),
            Some(Trouble::Fails(class)) => Err(Fault::new(class, "as the seed says")),
            Some(Trouble::Hangs) => std::future::pending().await,
            // Without the hook, which would print thousands of lines.
            Some(Trouble::Panics) => std::panic::resume_unwind(Box::new("as the seed says")),
        }
    }

    fn permits(&self) -> usize {
        3
    }

    /// Somebody changes the secret each hour, so that a source that refused it is asked again.
    fn credentials(&self) -> u64 {
        let clock = self.0.clock.lock().unwrap();
        clock
            .as_ref()
            .map_or(0, |clock| clock.now().as_second().unsigned_abs() / 3600)
    }
}

/// The ear of a world.
struct Ear(Arc<World>);

impl Observe for Ear {
    fn observe(&self, event: &Event<'_>) {
        let mut tally = self.0.tally.lock().unwrap();
        match event {
            Event::SlotsPassed {
                key_result,
                missed: Some(missed),
                ..
            } => {
                let all = tally.missed.entry((*key_result).clone()).or_default();
                all.push(*missed);
            }
            Event::PollSkipped {
                key_result,
                why: Skip::StillRunning,
                ..
            } => {
                // Whoever waited long for a turn may be asked when the next slot comes; and a clock set forward in the
                // middle of a poll makes it come.
                let clock = self.0.clock.lock().unwrap();
                let clock = clock.as_ref().unwrap();
                let asked = tally.asked.get(self.0.question(key_result));
                let last = asked.and_then(|asked| asked.last()).copied();
                let began = last.is_some_and(|last| clock.now().duration_since(last) < A_TRY);
                if !began && !clock.was_set_within(A_TRY.unsigned_abs()) {
                    tally.overlaps.push((*key_result).clone());
                }
            }
            Event::ClockJumped { by } => tally.jumps.push(*by),
            Event::PollEnded {
                fault: Some(fault), ..
            } if fault.class == FaultClass::Internal => tally.panics += 1,
            _ => {}
        }
    }
}

/// What became of the slots.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Fates {
    pub(super) recorded: usize,
    pub(super) filled: usize,
    pub(super) failed: usize,
    pub(super) missed: usize,
    pub(super) owed: usize,
    /// Counted as missed on disk by a process that was killed before it could tell anybody.
    pub(super) untold: usize,
}

/// One process of a world.
pub(super) struct Life {
    pub(super) clock: Arc<Steered>,
    pub(super) vitals: Arc<Vitals>,
    pub(super) store: Store,
    pub(super) engine: Engine,
    pub(super) handle: Handle,
}

impl World {
    /// A world that begins at `begins`, with key results by name, question and schedule.
    pub(super) fn new(
        seed: u64,
        troubled: u64,
        begins: &str,
        config: impl FnOnce(PathBuf) -> Config,
    ) -> Arc<Self> {
        // In memory where there is such a place: disks cost more than all else.
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
        let folder = folder.unwrap();
        let config = config(folder.path().join("okrd.db"));
        let schedules = config.polls.iter().map(|poll| {
            let Measure::Sql { query, .. } = &poll.measure else {
                unreachable!("the world asks SQL");
            };
            (query.clone(), poll.schedule.clone())
        });
        Arc::new(Self {
            schedules: schedules.collect(),
            folder,
            config,
            seed,
            troubled,
            wall: Mutex::new(begins.parse().unwrap()),
            clock: Mutex::default(),
            trouble: Mutex::default(),
            tried: Mutex::default(),
            tally: Mutex::default(),
        })
    }

    fn question(&self, key_result: &KeyResultId) -> &str {
        let poll = self
            .config
            .polls
            .iter()
            .find(|poll| poll.key_result == *key_result);
        let Measure::Sql { query, .. } = &poll.unwrap().measure else {
            unreachable!("the world asks SQL");
        };
        query
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("okrd.db")
    }

    pub(super) fn reader(&self) -> Reader {
        Reader::open(&self.path()).unwrap()
    }

    /// A process that begins now; simulated time must have been turned on.
    pub(super) fn born(self: &Arc<Self>) -> Life {
        let clock = Arc::new(Steered::at(*self.wall.lock().unwrap()));
        *self.clock.lock().unwrap() = Some(Arc::clone(&clock));
        self.tally.lock().unwrap().births.push(clock.now());
        let store = Store::open(&self.path(), "test", clock.now()).unwrap();
        let vitals = Arc::new(Vitals::starting(clock.now()));
        let world = Arc::clone(self);
        let (engine, handle) = Engine::new(Setup {
            vitals: Arc::clone(&vitals),
            config: self.config.clone(),
            store: store.clone(),
            open: Arc::new(move |_: &SourceSpec| {
                Arc::new(Moody(Arc::clone(&world))) as Arc<dyn Source>
            }),
            observe: Arc::new(Ear(Arc::clone(self))),
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
        })
        .unwrap();
        Life {
            clock,
            vitals,
            store,
            engine,
            handle,
        }
    }

    /// Lives through the steps; the last process is asked to end.
    pub(super) fn live(self: &Arc<Self>, steps: impl IntoIterator<Item = Step>) {
        let mut steps = steps.into_iter().peekable();
        while steps.peek().is_some() {
            while let Some(Step::Down(time)) = steps.next_if(|s| matches!(s, Step::Down(_))) {
                *self.wall.lock().unwrap() += SignedDuration::try_from(time).unwrap();
            }
            if steps.peek().is_some() {
                simulate(self.one_life(&mut steps));
            }
        }
    }

    async fn one_life(self: &Arc<Self>, steps: &mut Peekable<impl Iterator<Item = Step>>) {
        let life = self.born();
        let end = Ending::default();
        // Where nothing goes wrong a test is about moments, and needs the engine as it is.
        let engine = match self.troubled {
            0 => life.engine,
            _ => life.engine.unhurried(),
        };
        let task = tokio::spawn(engine.run(end.clone()));
        let mut killed = false;
        while let Some(step) = steps.next_if(|step| !matches!(step, Step::Down(_))) {
            match step {
                Step::Run(time) => tokio::time::sleep(time).await,
                Step::Jump(by) => life.clock.jump(by),
                Step::Reload => life.handle.reload(self.config.clone()).await.unwrap(),
                Step::Trouble(trouble) => *self.trouble.lock().unwrap() = trouble,
                Step::Kill => killed = true,
                Step::Stop | Step::Down(_) => {}
            }
            if matches!(step, Step::Kill | Step::Stop) {
                break;
            }
            assert!(!task.is_finished(), "it ended by itself");
        }
        self.note_shown(&life.handle.board().borrow());
        if killed {
            let mut tally = self.tally.lock().unwrap();
            tally.kills.push(life.clock.now());
        } else {
            end.ask();
            task.await.unwrap().unwrap();
            life.store.close().await.unwrap();
        }
        *self.wall.lock().unwrap() = life.clock.now();
    }

    fn note_shown(&self, board: &Board) {
        let cards = board.scorecard.objectives().flat_map(|o| &o.key_results);
        let shown = cards.filter_map(|card| {
            let (value, as_of) = card.value?;
            Some((card.key_result.id.clone(), value.to_bits(), as_of))
        });
        self.tally.lock().unwrap().shown.extend(shown);
    }

    /// What a source makes of a question.
    fn ask(&self, query: &str, instant: Timestamp) -> (u64, Option<Trouble>) {
        let now = self.clock.lock().unwrap().as_ref().unwrap().now();
        let mut tally = self.tally.lock().unwrap();
        let asked = tally.asked.entry(query.to_owned()).or_default();
        asked.push(now);
        let slot = self.schedules[query].at_or_before(instant).unwrap();
        let mut tried = self.tried.lock().unwrap();
        let nth = tried.entry((query.to_owned(), slot)).or_default();
        *nth += 1;
        let mut draw = Sha256::new();
        draw.update(query);
        for part in [self.seed, *nth, slot.as_second().unsigned_abs()] {
            draw.update(part.to_le_bytes());
        }
        let digest = draw.finalize();
        let part = |at: usize| u64::from_le_bytes(digest[at..at + 8].try_into().unwrap());
        let forced = *self.trouble.lock().unwrap();
        let drawn = (part(0) % 1000 < self.troubled).then(|| match part(8) % 16 {
            0..4 => Trouble::Fails(FaultClass::Net),
            4..7 => Trouble::Fails(FaultClass::Timeout),
            7..9 => Trouble::Fails(FaultClass::Http5xx),
            9..11 => Trouble::Fails(FaultClass::RateLimited),
            11 => Trouble::Fails(FaultClass::Auth),
            12..14 => Trouble::Fails(FaultClass::BadBody),
            14 => Trouble::Hangs,
            _ => Trouble::Panics,
        });
        (part(16), forced.or(drawn))
    }

    /// When a question was asked.
    pub(super) fn asked(&self, query: &str) -> Vec<Timestamp> {
        let tally = self.tally.lock().unwrap();
        tally.asked.get(query).cloned().unwrap_or_default()
    }

    pub(super) fn now(&self) -> Timestamp {
        *self.wall.lock().unwrap()
    }

    pub(super) fn measured(&self, id: &KeyResultId) -> Vec<Measurement> {
        self.reader().series(id, None, None).unwrap()
    }

    fn attempts(&self, id: &KeyResultId) -> Vec<Attempt> {
        self.reader().attempts(id, None, None).unwrap()
    }

    /// What became of each slot that had come by `until`, of those since each key result was asked first. Panics where one
    /// was recorded, failed or counted twice, or has no fate, or where something was shown and is not on disk.
    pub(super) fn account(&self, until: Timestamp) -> Fates {
        let owed = self.reader().load(&self.config.goals).unwrap().owed;
        let tally = self.tally.lock().unwrap();
        assert_eq!(tally.overlaps, [], "no question takes that long");
        let mut fates = Fates::default();
        let mut shown: BTreeSet<_> = tally.shown.iter().collect();
        for poll in &self.config.polls {
            let (id, schedule) = (&poll.key_result, &poll.schedule);
            let Measure::Sql { query, .. } = &poll.measure else {
                unreachable!("the world asks SQL");
            };
            let measured = self.measured(id);
            for point in &measured {
                shown.remove(&(id.clone(), point.value.to_bits(), point.as_of));
            }
            let measured: BTreeMap<_, _> = measured.into_iter().map(|m| (m.slot, m)).collect();
            let mut failed: BTreeMap<Timestamp, Timestamp> = BTreeMap::new();
            for attempt in self.attempts(id) {
                let again = attempt.outcome.is_ok();
                assert!(!again, "{id}: asked though recorded: {attempt:?}");
                let first = failed.entry(attempt.slot).or_insert(attempt.started_at);
                *first = attempt.started_at.min(*first);
            }
            let missed = missed(&tally, id, schedule);
            let all = measured.keys().chain(failed.keys());
            let Some(first) = all.min().copied() else {
                continue;
            };
            let end = self.config.goals.cycles[&id.cycle].end().min(until);
            let later = std::iter::successors(Some(first), |slot| schedule.next_after(*slot));
            for slot in later.take_while(|slot| *slot < end) {
                let is_owed = owed.get(id).is_some_and(|all| {
                    let mut all = all.iter();
                    all.any(|stretch| stretch.from <= slot && slot < stretch.until)
                });
                let next = schedule.next_after(slot).unwrap();
                let times = missed.get(&slot).copied().unwrap_or(0);
                match (measured.get(&slot), failed.get(&slot), times) {
                    (Some(m), _, 0) => {
                        fates.recorded += 1;
                        fates.filled += usize::from(m.origin == Origin::Backfilled);
                    }
                    (Some(m), _, _) => panic!("{id} {slot}: missed {times} times, and {m:?}"),
                    (None, None, 1) => fates.missed += 1,
                    // What was tried afterwards in vain is missed in the end.
                    (None, Some(tried), 1) if *tried >= next => fates.missed += 1,
                    (None, tried, 1..) => panic!("{id} {slot}: missed {times} times, {tried:?}"),
                    (None, _, 0) if is_owed => fates.owed += 1,
                    (None, Some(_), 0) => fates.failed += 1,
                    (None, None, 0) => {
                        let asked = tally.asked.get(query).map_or(&[][..], Vec::as_slice);
                        assert!(
                            killed_shortly_after(asked, 10, &tally.kills)
                                || killed_shortly_after(&tally.births, 1, &tally.kills),
                            "{id} {slot} has no fate: {schedule}, first {first}, until {end}"
                        );
                        fates.untold += 1;
                    }
                }
            }
        }
        assert!(shown.is_empty(), "shown and not on disk: {shown:?}");
        fates
    }

    /// One number for all that is on disk and all that was counted.
    pub(super) fn digest(&self) -> String {
        let mut digest = Sha256::new();
        let tally = self.tally.lock().unwrap();
        for poll in &self.config.polls {
            let id = &poll.key_result;
            digest.update(id.full());
            for m in self.measured(id) {
                digest.update(format!("{} {} {} {}\n", m.slot, m.as_of, m.value, m.tries));
            }
            for a in self.attempts(id) {
                let class = a.outcome.err().map(|fault| fault.class);
                digest.update(format!("{} {} {class:?}\n", a.slot, a.started_at));
            }
            digest.update(format!("{:?}\n", missed(&tally, id, &poll.schedule)));
        }
        format!("{:x}", digest.finalize())
    }
}

/// How many times each slot of a key result was told to be missed.
fn missed(tally: &Tally, id: &KeyResultId, schedule: &Schedule) -> BTreeMap<Timestamp, usize> {
    let mut times = BTreeMap::new();
    for told in tally.missed.get(id).into_iter().flatten() {
        let all = std::iter::successors(Some(told.first), |slot| schedule.next_after(*slot));
        let mut count = 0;
        for slot in all.take_while(|slot| *slot <= told.last) {
            *times.entry(slot).or_insert(0) += 1;
            count += 1;
        }
        assert_eq!(count, told.count, "{id}: {told:?}");
    }
    times
}

/// Whether a process was killed so shortly after one of these moments, that it may not have come to tell what passed
/// before.
fn killed_shortly_after(moments: &[Timestamp], seconds: i64, kills: &[Timestamp]) -> bool {
    kills.iter().any(|kill| {
        // The nearest, not the last in order: later ones may stand before it, by a clock that was set back.
        let last = moments.iter().filter(|moment| *moment <= kill).max();
        let within = SignedDuration::from_secs(seconds);
        last.is_some_and(|moment| kill.duration_since(*moment) <= within)
    })
}

/// Runs something in a process of its own whose time is simulated: when it ends, all that it began is gone.
pub(super) fn simulate<T>(life: impl Future<Output = T>) -> T {
    simulated::turn_on();
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_time().start_paused(true).build().unwrap();
    runtime.block_on(life)
}

/// Key results by name and schedule, each in the zone given, ten to an objective, of so many sources; every second can be
/// asked for the past.
pub(super) fn many(
    store: PathBuf,
    key_results: impl IntoIterator<Item = (String, Schedule)>,
    sources: usize,
    last_day: jiff::civil::Date,
) -> Config {
    let mut config = super::config(store, &[("first", "SELECT 1")]);
    let name = CycleName::parse("2026-Q4").unwrap();
    let cycle = Cycle::new(name.clone(), date(2026, 10, 1), last_day, TimeZone::UTC);
    let (poll, objective) = (config.polls[0].clone(), config.goals.objectives[0].clone());
    config.polls.clear();
    let mut of_objective: BTreeMap<String, Vec<Arc<KeyResult>>> = BTreeMap::new();
    for (n, (short, schedule)) in key_results.into_iter().enumerate() {
        let parent = format!("o{}", n / 10);
        let id = KeyResultId::parse_full(&format!("2026-Q4:{parent}/{short}")).unwrap();
        let source = slug(&format!("shop-{}", n % sources));
        let past = if n % 2 == 0 { " :now" } else { "" };
        let query = format!("SELECT {short}{past}");
        config.polls.push(Poll {
            key_result: id.clone(),
            source: source.clone(),
            measure: Measure::Sql {
                query,
                takes: crate::config::spec::Takes::default(),
            },
            schedule,
            jitter: Duration::from_secs(30),
            ..poll.clone()
        });
        let key_result = KeyResult {
            id,
            feed: Feed::Polled { source },
            ..super::key_result(&short, "x")
        };
        let siblings = of_objective.entry(parent).or_default();
        siblings.push(Arc::new(key_result));
    }
    let objectives = of_objective.into_iter().map(|(parent, key_results)| {
        Arc::new(Objective {
            id: ObjectiveId {
                cycle: name.clone(),
                objective: slug(&parent),
            },
            key_results,
            ..(*objective).clone()
        })
    });
    config.goals.objectives = objectives.collect();
    config.goals.cycles = BTreeMap::from([(name.clone(), cycle.unwrap())]);
    let spec = config.sources[&slug("shop")].clone();
    let names = (0..sources).map(|n| slug(&format!("shop-{n}")));
    config.sources = names.map(|name| (name, spec.clone())).collect();
    config
}
