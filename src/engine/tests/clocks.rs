//! Clocks that jump, stand still or are absurd, simulated; `tests/program/clock.rs` sets real ones.

use super::world::{Life, Step, Trouble, World, many, simulate};
use super::*;

const MINUTELY: &str = "SELECT interval :now";
const PATTERN: &str = "SELECT pattern";

/// An interval that can be asked for the past and a pattern that cannot, both each minute.
fn world() -> Arc<World> {
    let key_results = [("interval", "every 1m"), ("pattern", "* * * * *")];
    let key_results = key_results.map(|(name, text)| {
        let schedule = Schedule::parse(text, &TimeZone::UTC, "UTC").unwrap();
        (name.to_owned(), schedule)
    });
    World::new(7, 0, "2026-11-24T10:20:30Z", |store| {
        let mut config = many(store, key_results, 2, date(2026, 12, 31));
        config
            .polls
            .iter_mut()
            .for_each(|p| p.jitter = Duration::ZERO);
        config
    })
}

fn run(minutes: u64) -> Step {
    Step::Run(Duration::from_secs(60 * minutes))
}

fn measured(world: &World, name: &str) -> Vec<Timestamp> {
    let id = KeyResultId::parse_full(&format!("2026-Q4:o0/{name}")).unwrap();
    let measured = world.measured(&id).into_iter();
    measured.map(|m| m.slot).collect()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn f30_a_clock_that_jumps_three_days_is_told_of_and_asks_each_once() {
    let world = world();
    let days = SignedDuration::from_hours(72);
    world.live([run(10), Step::Jump(days), Step::Run(Duration::from_secs(3))]);
    assert_eq!(world.tally.lock().unwrap().jumps.len(), 1);
    let jump = world.tally.lock().unwrap().jumps[0];
    assert!((jump - days).abs() < SignedDuration::from_secs(1), "{jump}");
    // At the start, each minute, and once for the newest slot.
    assert_eq!(world.asked(PATTERN).len(), 12);
    let fates = world.account(world.now());
    assert_eq!((fates.failed, fates.untold), (0, 0), "{fates:?}");
    // Of the pattern all but the newest is missed; the interval's are filled or still owed.
    assert_eq!(fates.missed, 72 * 60 - 1, "{fates:?}");
    assert!(fates.owed + fates.filled >= 72 * 60 - 1, "{fates:?}");
}

#[test]
fn f31_a_clock_set_back_an_hour_repeats_no_slot_and_stops_no_interval() {
    let world = world();
    let hour = SignedDuration::from_hours(1);
    world.live([run(70), Step::Jump(-hour), run(30)]);
    let (interval, pattern) = (world.asked(MINUTELY), world.asked(PATTERN));
    // Seventy and the one at the start, thirty more after the clock was set back; the pattern waits for its next slot.
    assert_eq!((interval.len(), pattern.len()), (101, 71));
    world.live([run(40)]);
    let again: Vec<_> = world.asked(PATTERN).split_off(71);
    assert_eq!(again.len(), 10, "{again:?}");
    assert!(again[0] >= at("2026-11-24T11:31:00Z"), "{again:?}");
    assert!(again[0] < at("2026-11-24T11:31:02Z"), "{again:?}");
    let slots = measured(&world, "interval");
    let gaps = slots.windows(2).map(|two| two[1].duration_since(two[0]));
    assert!(gaps.into_iter().all(|gap| gap.as_secs() == 60), "{slots:?}");
    let fates = world.account(world.now());
    let expected = (fates.missed, fates.failed, fates.owed, fates.untold);
    assert_eq!(expected, (0, 0, 0, 0), "{fates:?}");
}

/// A source that asked for patience is not asked earlier, nor much later, because somebody set the clock.
#[test]
fn f31_a_hold_lasts_as_long_whatever_the_clock_says() {
    let world = world();
    let limited = Some(Trouble::Fails(FaultClass::RateLimited));
    world.live([
        Step::Run(Duration::from_secs(20)),
        Step::Trouble(limited),
        Step::Run(Duration::from_secs(12)),
        Step::Trouble(None),
        Step::Jump(SignedDuration::from_hours(-1)),
        run(3),
    ]);
    let asked = world.asked(MINUTELY);
    let back: Vec<_> = asked
        .iter()
        .filter(|t| **t < at("2026-11-24T10:00:00Z"))
        .collect();
    let first = back.first().unwrap();
    let waited = first.duration_since(at("2026-11-24T09:21:00Z"));
    assert!((58..=75).contains(&waited.as_secs()), "{asked:?}");
}

/// The machine sleeps: the wall clock goes on and nothing else does. The process is stopped: both go on without it.
#[test]
fn f33_whoever_slept_or_was_stopped_asks_each_once_and_counts_the_rest() {
    for sleeps in [true, false] {
        let world = world();
        simulate(async {
            let life = world.born();
            let end = Ending::default();
            let task = tokio::spawn(life.engine.run(end.clone()));
            tokio::time::sleep(Duration::from_secs(300)).await;
            let before = world.asked(PATTERN).len();
            if sleeps {
                life.clock.jump(SignedDuration::from_mins(10));
            } else {
                tokio::time::advance(Duration::from_secs(600)).await;
            }
            tokio::time::sleep(Duration::from_secs(2)).await;
            assert_eq!(world.asked(PATTERN).len(), before + 1, "{sleeps}");
            let jumps = world.tally.lock().unwrap().jumps.len();
            assert_eq!(jumps, usize::from(sleeps));
            tokio::time::sleep(Duration::from_secs(120)).await;
            end.ask();
            task.await.unwrap().unwrap();
            life.store.close().await.unwrap();
        });
        let fates = world.account(at("2026-11-24T10:36:00Z"));
        assert_eq!((fates.missed, fates.filled), (9, 9), "{sleeps}: {fates:?}");
        assert_eq!((fates.owed, fates.failed, fates.untold), (0, 0, 0));
    }
}

/// Booted in 1970, it serves and waits, and neither asks nor writes anything; then the clock is set.
#[test]
fn f32_an_absurd_clock_records_nothing_until_it_is_right() {
    let world = world();
    let built = at("2026-11-20T00:00:00Z");
    simulate(async {
        let Life {
            clock,
            vitals,
            store,
            mut engine,
            handle: _handle,
        } = world.born();
        let back = at("1970-01-01T00:01:00Z").duration_since(clock.now());
        clock.jump(back);
        let ending = Ending::default();
        let asked = ending.clone();
        let task = tokio::spawn(async move {
            engine.await_clock(built, false, &asked).await.unwrap();
            engine.run(asked).await.unwrap();
        });
        tokio::time::sleep(Duration::from_secs(600)).await;
        let reason = vitals.not_ready().unwrap();
        assert!(reason.contains("stands at 1970-01-01T00:1"), "{reason}");
        assert!(reason.contains("expected 2026-11-20T00:00:00Z"), "{reason}");
        let idle = clock.now().duration_since(vitals.last_tick());
        assert!(idle.as_secs() < 2, "it is healthy all the same: {idle}");
        assert_eq!(world.asked(MINUTELY), []);
        clock.jump(-back);
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!(vitals.not_ready(), None);
        assert_eq!(world.asked(MINUTELY).len(), 1);
        ending.ask();
        task.await.unwrap();
        store.close().await.unwrap();
    });
    let store = rusqlite::Connection::open(&world.config.store.path).unwrap();
    for (table, column) in [
        ("measurement", "started_at"),
        ("kr", "status_since"),
        ("forecast", "made_at"),
    ] {
        let query = format!("SELECT min({column}) FROM {table}");
        let oldest: Option<i64> = store.query_row(&query, [], |row| row.get(0)).unwrap();
        let oldest = oldest.map(|ms| Timestamp::from_millisecond(ms).unwrap());
        assert!(
            oldest.is_none_or(|oldest| oldest > built),
            "{table}: {oldest:?}"
        );
    }
}

/// The store has seen a later time than the clock shows: five minutes are forgiven, and whoever knows better can say so.
#[test]
fn f32_a_clock_behind_the_store_waits_until_it_has_caught_up() {
    let world = world();
    world.live([run(30)]);
    let built = at("2020-01-01T00:00:00Z");
    for (minutes, trusted, waits) in [(4, false, false), (20, true, false), (20, false, true)] {
        simulate(async {
            let mut life = world.born();
            life.clock.jump(SignedDuration::from_mins(-minutes));
            let ending = Ending::default();
            let waiting = life.engine.await_clock(built, trusted, &ending);
            let waited = tokio::time::timeout(Duration::from_secs(60), waiting).await;
            assert_eq!(waited.is_err(), waits, "{minutes} {trusted}");
            let reason = life.vitals.not_ready().unwrap();
            assert_eq!(reason.contains("--trust-clock"), waits, "{reason}");
            if waits {
                // The fifteen minutes that it is short of, less the minute that passed.
                life.engine
                    .await_clock(built, trusted, &ending)
                    .await
                    .unwrap();
                let caught_up = life.clock.now();
                // What the store saw is noted each minute.
                assert!(caught_up >= at("2026-11-24T10:44:00Z"), "{caught_up}");
            }
        });
    }
}

#[tokio::test]
async fn f62_a_writer_that_panics_ends_the_engine() {
    let house = House::new(|_| Ok(1.0));
    let running = house.start(house.config(&[("a", "x")]));
    running.shows(|b| value(b, "a") == Some(1.0)).await;
    running.store.break_writer();
    let ended = tokio::time::timeout(Duration::from_secs(30), running.task).await;
    let error = ended.expect("it must not go on").unwrap().unwrap_err();
    assert!(
        matches!(
            error,
            super::super::actor::EngineError::Store(crate::store::StoreError::Ended { .. })
        ),
        "{error}"
    );
}
