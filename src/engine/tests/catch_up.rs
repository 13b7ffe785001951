//! Slots that passed without a poll: the newest is asked, the older ones are filled where the measure can be asked for the
//! past, and counted where not. Real store and scheduler; only the clock jumps.

use super::super::fill::{Answer, Filled};
use super::super::poll::Outcome;
use super::super::rota::{Remembered, Rota};
use super::*;
use crate::domain::formula::Formula;
use crate::domain::scorecard;
use crate::store::{Measurement, Reader};

/// The slots of the tests lie this far apart, so that none comes up while a test runs.
const SLOT: SignedDuration = SignedDuration::from_mins(10);

const REPLAYABLE: &str = "SELECT :now";
const OF_NOW: &str = "SELECT 1";

/// A key result that can be asked for the past, one that cannot, asked every ten minutes.
fn both(house: &House) -> Config {
    slowly(house.config(&[("past", REPLAYABLE), ("only", OF_NOW)]))
}

fn slowly(mut config: Config) -> Config {
    for poll in &mut config.polls {
        poll.schedule = Schedule::Every(SLOT.unsigned_abs());
    }
    config
}

impl House {
    fn down_for(&self, slots: i32) {
        self.clock.jump(SLOT * slots);
    }

    fn kept(&self, name: &str) -> Vec<Measurement> {
        let reader = Reader::open(&self.path()).unwrap();
        reader.series(&id(name), None, None).unwrap()
    }

    fn filled(&self, name: &str) -> Vec<Timestamp> {
        let kept = self.kept(name).into_iter();
        let filled = kept.filter(|m| m.origin == Origin::Backfilled);
        filled.map(|m| m.slot).collect()
    }

    /// How many slots the events call missed, and how many times they say so.
    fn missed(&self) -> (u64, usize) {
        let events = self.heard.0.lock().unwrap();
        let passed = events.iter().filter_map(|event| {
            let (_, rest) = event.split_once("missed: Some(Slots { count: ")?;
            rest.split(',').next()?.parse::<u64>().ok()
        });
        let passed: Vec<u64> = passed.collect();
        (passed.iter().sum(), passed.len())
    }

    /// Waits until so many slots of `past` are filled.
    async fn fills(&self, running: &Running, slots: usize) {
        running
            .shows(|_| self.heard.count("SlotFilled") >= slots)
            .await;
    }

    /// Of which past instants it was asked, in the order of the questions.
    fn asked_of_the_past(&self) -> Vec<Timestamp> {
        let before = self.clock.now() - SignedDuration::from_mins(5);
        let instants = self.past.instants.lock().unwrap();
        let past = instants.iter().filter(|(query, instant)| {
            query == REPLAYABLE && *instant < before && instant.as_millisecond() % 600_000 == 0
        });
        past.map(|(_, instant)| *instant).collect()
    }
}

/// Starts, waits until all were measured, stops.
async fn measured_once(house: &House, config: &Config) {
    let running = house.start(config.clone());
    running
        .shows(|b| value(b, "past").is_some() && value(b, "only").is_some())
        .await;
    running.stop().await;
}

fn newest_slot(now: Timestamp) -> Timestamp {
    Schedule::Every(SLOT.unsigned_abs())
        .at_or_before(now)
        .unwrap()
}

async fn down_over(slots: i32) {
    let house = House::new(|_| Ok(3.0));
    let config = both(&house);
    measured_once(&house, &config).await;
    let first = newest_slot(house.clock.now());
    house.down_for(slots);
    let passed = usize::try_from(slots).unwrap() - 1;

    let running = house.start(config.clone());
    running.shows(|_| house.times(OF_NOW) == 2).await;
    house.fills(&running, passed).await;
    running.stop().await;
    let expected: Vec<_> = (1..slots).map(|n| first + SLOT * n).collect();
    assert_eq!(house.filled("past"), expected, "each once, and marked");
    assert_eq!(house.asked_of_the_past(), expected, "once, oldest first");
    assert_eq!(house.kept("past").len(), passed + 2);
    assert_eq!(house.kept("only").len(), 2, "one poll for the newest slot");
    let count = u64::try_from(passed).unwrap();
    assert_eq!(house.missed(), (count, usize::from(passed > 0)));

    // Nothing is owed or counted any more.
    let running = house.start(config);
    running.shows(|b| value(b, "past").is_some()).await;
    running.stop().await;
    assert_eq!(house.missed().0, count);
    assert_eq!(house.filled("past").len(), passed);
    assert_eq!(
        (house.times(OF_NOW), house.times(REPLAYABLE)),
        (2, passed + 2)
    );
}

#[tokio::test]
async fn f37_down_over_one_slot() {
    down_over(1).await;
}

#[tokio::test]
async fn f37_down_over_ten_slots() {
    down_over(10).await;
}

#[tokio::test]
async fn f37_down_over_a_thousand_slots() {
    down_over(1_000).await;
}

#[tokio::test]
async fn f30_a_clock_that_leaps_three_days_polls_each_once_and_fills_or_counts_the_rest() {
    let house = House::new(|_| Ok(3.0));
    let running = house.start(both(&house));
    running
        .shows(|b| value(b, "past").is_some() && value(b, "only").is_some())
        .await;
    house.clock.jump(SignedDuration::from_hours(72));
    house.fills(&running, 431).await;
    running.stop().await;
    assert_eq!(house.times(OF_NOW), 2, "one poll");
    assert_eq!(house.missed(), (431, 1));
    assert_eq!(house.filled("past").len(), 431);
    assert_eq!(house.times(REPLAYABLE), 433);
}

/// Killed at some moment: the task is gone in the middle of whatever it did.
#[tokio::test]
async fn killed_while_it_fills_it_goes_on_after_the_next_start_and_counts_once() {
    let house = House::new(|_| Ok(3.0));
    let config = both(&house);
    measured_once(&house, &config).await;
    let first = newest_slot(house.clock.now());
    house.down_for(200);
    *house.past.hangs_before.lock().unwrap() = house.clock.now() - SignedDuration::from_mins(5);
    for filled in [0, 1, 38, 75, 198, 199] {
        let hangs_from = first + SLOT * (i32::try_from(filled).unwrap() + 1);
        *house.past.hangs_from.lock().unwrap() = hangs_from;
        let running = house.start(config.clone());
        running
            .shows(|_| {
                let last = house.asked_of_the_past().last().copied();
                let hangs = filled == 199 || last == Some(hangs_from);
                hangs && house.filled("past").len() == filled
            })
            .await;
        running.task.abort();
        assert!(running.task.await.unwrap_err().is_cancelled());
        drop(running.store);
    }
    assert_eq!(house.missed(), (199, 1));
    assert_eq!(house.kept("past").len(), 201);
    let reader = Reader::open(&house.path()).unwrap();
    let twice = reader.attempts(&id("past"), None, None).unwrap();
    assert_eq!(twice, [], "a slot that has a value is not asked again");
    let running = house.start(config);
    running.shows(|b| value(b, "past").is_some()).await;
    running.stop().await;
    assert_eq!(house.filled("past").len(), 199);
}

#[tokio::test]
async fn a_second_gap_before_the_first_is_filled_is_owed_as_well() {
    let house = House::new(|_| Ok(3.0));
    let config = both(&house);
    measured_once(&house, &config).await;
    house.down_for(10);
    *house.past.hangs_before.lock().unwrap() = house.clock.now() - SignedDuration::from_mins(5);
    let running = house.start(config.clone());
    let polled = |name: &str| house.kept(name).len() == 2;
    running.shows(|_| polled("past") && polled("only")).await;
    running.stop().await;
    house.down_for(5);
    assert_eq!(house.filled("past"), []);
    *house.past.hangs_before.lock().unwrap() = Timestamp::MIN;
    let running = house.start(config);
    house.fills(&running, 13).await;
    running.stop().await;
    assert_eq!(house.filled("past").len(), 9 + 4);
    assert_eq!(house.missed(), (9 + 4, 2));
}

/// One permit, and a source that never answers what it is asked of the past.
#[tokio::test]
async fn a_fill_gives_way_to_every_poll_that_is_due() {
    let house = House::new(|_| Ok(3.0));
    house.past.permits.store(1, Ordering::SeqCst);
    let mut config = both(&house);
    config.polls[1].schedule = Schedule::Every(Duration::from_secs(1));
    measured_once(&house, &config).await;
    house.down_for(20);
    *house.past.hangs_before.lock().unwrap() = house.clock.now() - SignedDuration::from_mins(5);
    let running = house.start(config);
    running
        .shows(|_| !house.asked_of_the_past().is_empty())
        .await;
    let before = house.kept("only").len();
    running
        .shows(|_| house.kept("only").len() >= before + 3)
        .await;
    let polled = house.kept("only");
    for poll in polled.iter().skip(before) {
        // The engine wakes for what is due; a fill would have held the permit for seven seconds.
        let late = poll.started_at.duration_since(poll.slot);
        assert!(late < SignedDuration::from_millis(900), "{late:?}");
    }
    assert_eq!(house.heard.count("StillRunning"), 0);
    assert_eq!(house.most.load(Ordering::SeqCst), 1);
    *house.past.hangs_before.lock().unwrap() = Timestamp::MIN;
    house.fills(&running, 19).await;
    running.stop().await;
    assert_eq!(house.filled("past").len(), 19);
}

#[tokio::test]
async fn the_end_waits_for_no_fill() {
    let house = House::new(|_| Ok(3.0));
    let config = both(&house);
    measured_once(&house, &config).await;
    house.down_for(20);
    *house.past.hangs_before.lock().unwrap() = house.clock.now() - SignedDuration::from_mins(5);
    let running = house.start(config.clone());
    running
        .shows(|_| !house.asked_of_the_past().is_empty())
        .await;
    let began = std::time::Instant::now();
    running.stop().await;
    assert!(began.elapsed() < Duration::from_secs(3));
    *house.past.hangs_before.lock().unwrap() = Timestamp::MIN;
    let running = house.start(config);
    house.fills(&running, 19).await;
    running.stop().await;
    assert_eq!(house.filled("past").len(), 19);
}

#[tokio::test]
async fn a_reload_fills_on_what_means_the_same_and_owes_nothing_of_what_does_not() {
    let house = House::new(|_| Ok(3.0));
    let changes = "SELECT :now + 1";
    let config =
        slowly(house.config(&[("past", REPLAYABLE), ("only", OF_NOW), ("changes", changes)]));
    measured_once(&house, &config).await;
    house.down_for(300);
    let running = house.start(config);
    running.shows(|_| house.filled("past").len() >= 20).await;
    let next = [
        ("changes", "SELECT :now + 2"),
        ("past", REPLAYABLE),
        ("only", OF_NOW),
    ];
    running
        .handle
        .reload(slowly(house.config(&next)))
        .await
        .unwrap();
    running.shows(|_| house.filled("past").len() == 299).await;
    running.stop().await;
    assert_eq!(house.missed(), (299, 1));
    let now = "SELECT :now + 2".repeat(2);
    let kept = house.kept("changes").into_iter();
    let kept = kept.filter(|m| now.starts_with(&*m.definition));
    let kept: Vec<Origin> = kept.map(|m| m.origin).collect();
    assert_eq!(kept, [Origin::Polled], "the newest slot only");
}

/// A schedule that asks more often had no slots so far.
#[tokio::test]
async fn another_schedule_does_not_make_slots_of_the_past() {
    let house = House::new(|_| Ok(3.0));
    let mut config = both(&house);
    for poll in &mut config.polls {
        poll.schedule = Schedule::Every(Duration::from_secs(86_400));
    }
    let running = house.start(config);
    running
        .shows(|b| value(b, "past").is_some() && value(b, "only").is_some())
        .await;
    running.handle.reload(both(&house)).await.unwrap();
    running.shows(|_| house.times(OF_NOW) == 2).await;
    running.stop().await;
    assert_eq!(house.missed(), (0, 0));
    assert_eq!(house.heard.count("SlotsPassed"), 0);
}

#[tokio::test]
async fn what_is_older_than_catch_up_is_counted_and_so_is_all_when_it_is_off() {
    for (catch_up, filled) in [(50, 4), (0, 0)] {
        let house = House::new(|_| Ok(3.0));
        house.clock.jump(SignedDuration::from_mins(5));
        let mut config = both(&house);
        config.catch_up = Duration::from_secs(catch_up * 60);
        measured_once(&house, &config).await;
        house.down_for(20);
        let running = house.start(config);
        house.fills(&running, filled).await;
        running
            .shows(|_| house.missed() == (19 + 19 - filled as u64, 2))
            .await;
        running.stop().await;
        assert_eq!(house.filled("past").len(), filled);
    }
}

/// What was owed becomes too old while the daemon is down again: it is counted then, once.
#[tokio::test]
async fn what_becomes_too_old_before_it_is_filled_is_counted() {
    let house = House::new(|_| Ok(3.0));
    house.clock.jump(SignedDuration::from_mins(5));
    let config = slowly(house.config(&[("past", REPLAYABLE)]));
    let running = house.start(config.clone());
    running.shows(|b| value(b, "past").is_some()).await;
    running.stop().await;
    house.down_for(10);
    *house.past.hangs_before.lock().unwrap() = house.clock.now() - SignedDuration::from_mins(5);
    let running = house.start(config.clone());
    running
        .shows(|_| house.heard.count("SlotsPassed") == 1 && house.kept("past").len() == 2)
        .await;
    running.stop().await;
    assert_eq!(house.missed(), (0, 0));
    *house.past.hangs_before.lock().unwrap() = Timestamp::MIN;
    let mut short = config;
    short.catch_up = Duration::from_secs(36 * 60);
    let running = house.start(short.clone());
    house.fills(&running, 3).await;
    running.stop().await;
    assert_eq!((house.filled("past").len(), house.missed()), (3, (6, 1)));
    let running = house.start(short);
    running.shows(|b| value(b, "past").is_some()).await;
    running.stop().await;
    assert_eq!(house.missed(), (6, 1));
}

#[tokio::test]
async fn a_new_key_result_owes_nothing_before_its_first_poll() {
    let house = House::new(|_| Ok(3.0));
    measured_once(&house, &both(&house)).await;
    house.down_for(1);
    let more = slowly(house.config(&[
        ("past", REPLAYABLE),
        ("only", OF_NOW),
        ("new", "SELECT :now, 1"),
    ]));
    let running = house.start(more);
    running.shows(|b| value(b, "new").is_some()).await;
    running.stop().await;
    assert_eq!(house.heard.count("SlotsPassed"), 0);
    assert_eq!(house.times("SELECT :now, 1"), 1);
}

#[tokio::test]
async fn a_source_in_trouble_over_the_past_is_let_alone_with_it_and_asked_again_after_a_start() {
    let house = House::new(|_| Ok(3.0));
    let config = both(&house);
    measured_once(&house, &config).await;
    house.down_for(20);
    let past = house.clock.now() - SignedDuration::from_mins(5);
    house.past.refuses_before.lock().unwrap().0 = past;
    let running = house.start(config.clone());
    running
        .shows(|_| house.heard.count("FillingRests") == 1 && house.heard.count("SlotFilled") == 3)
        .await;
    running.stop().await;
    // Each once, and once more in the same slot as faults of this class are.
    assert_eq!(house.asked_of_the_past().len(), 6);
    assert_eq!(house.missed().0, 19, "owed, not missed: of the other one");
    house.past.refuses_before.lock().unwrap().0 = Timestamp::MIN;
    let running = house.start(config);
    house.fills(&running, 3 + 19).await;
    running.stop().await;
    assert_eq!(house.filled("past").len(), 19);
}

/// An interface that knows nothing of the oldest days and all of the others.
#[tokio::test]
async fn a_source_that_has_no_number_for_some_past_slots_does_not_keep_the_others() {
    let house = House::new(|_| Ok(3.0));
    let config = both(&house);
    measured_once(&house, &config).await;
    house.down_for(20);
    let knows_since = house.clock.now() - SLOT * 10;
    let nothing = Fault::new(FaultClass::BadValue, "no rows");
    *house.past.refuses_before.lock().unwrap() = (knows_since, nothing);
    let running = house.start(config.clone());
    house.fills(&running, 19).await;
    running.stop().await;
    let filled = house.filled("past");
    assert!(
        filled.len() == 9 && filled[0] > knows_since - SLOT,
        "{filled:?}"
    );
    assert_eq!(house.heard.count("lost: true"), 10, "counted one by one");
    assert_eq!(house.heard.count("FillingRests"), 0);
    let running = house.start(config);
    running.shows(|b| value(b, "past").is_some()).await;
    running.stop().await;
    assert_eq!(house.asked_of_the_past().len(), 19, "each once");
}

#[tokio::test]
async fn f13_a_source_that_asks_for_patience_over_the_past_is_held_as_for_a_poll() {
    let house = House::new(|_| Ok(3.0));
    let config = both(&house);
    measured_once(&house, &config).await;
    house.down_for(20);
    let past = house.clock.now() - SignedDuration::from_mins(5);
    let patience = Fault::new(FaultClass::RateLimited, "429").after(Some(Duration::from_secs(2)));
    *house.past.refuses_before.lock().unwrap() = (past, patience);
    let running = house.start(config);
    running.shows(|_| house.heard.count("SlotFilled") > 0).await;
    house.past.refuses_before.lock().unwrap().0 = Timestamp::MIN;
    let first = house.asked_of_the_past();
    assert!(first.len() <= 2, "{first:?}");
    house.fills(&running, 19).await;
    running.shows(|_| house.filled("past").len() == 19).await;
    running.stop().await;
    assert_eq!(house.heard.count("lost: true"), 0);
}

/// The slots of a time in which the source was to be left alone pass as well.
#[tokio::test]
async fn what_passes_while_the_source_is_held_is_counted_when_it_is_asked_again() {
    let limited = Arc::new(AtomicBool::new(false));
    let limits = Arc::clone(&limited);
    let house = House::new(move |_| {
        let fault =
            || Fault::new(FaultClass::RateLimited, "429").after(Some(Duration::from_secs(4)));
        if limits.swap(false, Ordering::SeqCst) {
            Err(fault())
        } else {
            Ok(3.0)
        }
    });
    let mut config = both(&house);
    config.polls.remove(0);
    config.polls[0].schedule = Schedule::Every(Duration::from_secs(1));
    let running = house.start(config);
    running.shows(|b| value(b, "only").is_some()).await;
    limited.store(true, Ordering::SeqCst);
    running.shows(|_| house.missed().1 > 0).await;
    running.stop().await;
    let (count, times) = house.missed();
    assert!((2..=4).contains(&count) && times == 1, "{count} {times}");
    let slots: Vec<_> = house.kept("only").iter().map(|m| m.slot).collect();
    let steps = slots
        .windows(2)
        .map(|pair| pair[1].duration_since(pair[0]).as_secs());
    let passed: i64 = steps.map(|step| step - 1).sum();
    // The slot that was refused was asked.
    assert_eq!(passed, i64::try_from(count).unwrap() + 1);
}

/// The daemon was down when the cycle ended: its last days are filled as long as the cycle takes data.
#[tokio::test]
async fn the_end_of_a_cycle_that_nobody_saw_is_filled_while_it_settles() {
    let mut house = House::new(|_| Ok(3.0));
    house.clock = Shifted::to("2026-12-31T22:05:00Z");
    let config = both(&house);
    measured_once(&house, &config).await;
    house.clock.jump(SignedDuration::from_hours(24));
    let running = house.start(config.clone());
    // 22:10 to 23:50.
    house.fills(&running, 11).await;
    running.shows(|_| house.missed() == (11, 1)).await;
    running.stop().await;
    assert_eq!(house.filled("past").len(), 11);
    assert_eq!(house.times(OF_NOW), 1, "no poll of a cycle that ended");
    let running = house.start(config);
    running.shows(|b| value(b, "past").is_some()).await;
    running.stop().await;
    assert_eq!(house.missed(), (11, 1));
}

/// A rota that was asked last in the slot at `last`, begun at `now`.
fn begun(house: &House, config: &Config, last: &str, now: Timestamp) -> Rota {
    let last: Timestamp = last.parse().unwrap();
    let asked = |at| HashMap::from([(id("past"), at)]);
    let remembered = Remembered {
        last_slots: asked(last),
        accounted: asked(last + SignedDuration::from_millis(1)),
        ..Remembered::default()
    };
    let store = Store::open(&house.path(), "test", now).unwrap();
    let open = house.setup(config.clone(), store).open;
    let mut rota = Rota::default().next(config, &open, remembered, now);
    rota.begin(now);
    assert_eq!(rota.errands(now, &*house.heard).len(), 1, "the newest slot");
    rota
}

/// The slots that a rota fills, one after another.
fn walk(rota: &mut Rota, house: &House, now: Timestamp) -> Vec<Timestamp> {
    let mut slots = Vec::new();
    loop {
        let fills = rota.fills(now);
        let Some(fill) = fills.first() else {
            return slots;
        };
        assert_eq!(fills.len(), 1, "one at a time of a key result");
        slots.push(fill.errand.slot);
        let (generation, index) = (fill.errand.generation, fill.errand.index);
        let filled = Filled {
            generation,
            index,
            answer: Answer::There,
        };
        rota.filled(filled, now, &*house.heard).unwrap();
    }
}

#[tokio::test]
async fn catch_up_reaches_back_to_the_very_instant() {
    let now: Timestamp = "2026-11-24T12:00:00Z".parse().unwrap();
    for (ms, owed, missed) in [(0, 5, 6), (-1, 4, 7)] {
        let house = House::new(|_| Ok(3.0));
        let mut config = slowly(house.config(&[("past", REPLAYABLE)]));
        config.catch_up = Duration::from_millis(u64::try_from(3_000_000 + ms).unwrap());
        let mut rota = begun(&house, &config, "2026-11-24T10:00:00Z", now);
        let passing = rota.passings(now).pop().unwrap();
        assert_eq!(passing.owed.unwrap().count, owed);
        assert_eq!(passing.missed.unwrap().count, missed);
        assert!(rota.passings(now).is_empty(), "told once");
    }
}

/// Half past two comes once in the night in which it exists twice.
#[tokio::test]
async fn f35_a_gap_over_a_change_of_the_clocks_has_the_slots_of_local_time() {
    let zone = jiff::tz::TimeZoneDatabase::bundled()
        .get("Europe/Amsterdam")
        .unwrap();
    let nightly = Schedule::parse("30 2 * * *", &zone, "Europe/Amsterdam").unwrap();
    let house = House::new(|_| Ok(3.0));
    let mut config = house.config(&[("past", REPLAYABLE)]);
    config.polls[0].schedule = nightly;
    let now: Timestamp = "2026-10-28T12:00:00Z".parse().unwrap();
    let mut rota = begun(&house, &config, "2026-10-23T00:30:00Z", now);
    let passing = rota.passings(now).pop().unwrap();
    assert_eq!(passing.missed, None);
    assert_eq!(passing.owed.unwrap().count, 4);
    assert!(rota.fills(now).is_empty(), "its poll is under way");
    poll_ends(&mut rota, &house, now);
    let expected = ["24T00:30", "25T00:30", "26T01:30", "27T01:30"];
    let expected = expected.map(|t| format!("2026-10-{t}:00Z").parse::<Timestamp>().unwrap());
    assert_eq!(walk(&mut rota, &house, now), expected);
}

/// Its poll is answered and on disk.
fn poll_ends(rota: &mut Rota, house: &House, now: Timestamp) {
    let outcome = Outcome {
        generation: rota.generation(),
        index: 0,
        asked_as: 0,
        shared: false,
        entry: Entry {
            key_result: id("past"),
            slot: now,
            started_at: now,
            took: Duration::ZERO,
            tries: 1,
            definition: "d".into(),
            cycle: cycle(&house.config(&[]), "past"),
            origin: Origin::Polled,
            outcome: Ok(Reading::new(3.0).unwrap()),
        },
    };
    rota.answered(&outcome, now);
    rota.recorded(&outcome, now);
}

/// What is computed has the days that were filled in what it reads.
#[tokio::test]
async fn a_formula_follows_what_was_filled() {
    let house = House::new(|_| Ok(3.0));
    let mut config = both(&house);
    let computed = KeyResult {
        feed: Feed::Computed(Formula::parse("2 * past").unwrap()),
        ..key_result("twice", "computed")
    };
    let objective = Arc::make_mut(&mut config.goals.objectives[0]);
    objective.key_results.push(Arc::new(computed));
    for poll in &mut config.polls {
        poll.schedule = Schedule::Every(Duration::from_secs(6 * 3600));
    }
    measured_once(&house, &config).await;
    house.clock.jump(SignedDuration::from_hours(20 * 24));
    let running = house.start(config.clone());
    let before = running.handle.board().borrow().clone();
    assert!(card(&before, "twice").forecast.is_err(), "one day is known");
    house.fills(&running, 79).await;
    let board = running
        .shows(|b| card(b, "twice").forecast.is_ok() && value(b, "twice") == Some(6.0))
        .await;
    let loaded = running.store.load(&config.goals).unwrap();
    let scratch = scorecard::score(&config.goals, &loaded.history, board.scorecard.at);
    let scratch = scratch
        .key_results()
        .find(|(_, card)| card.key_result.id == id("twice"));
    let (_, scratch) = scratch.unwrap();
    assert_eq!(card(&board, "twice").forecast, scratch.forecast);
    running.stop().await;
}
