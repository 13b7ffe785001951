//! Days and months of the engine at work, with faults, kills, restarts and clocks that jump, drawn from a seed: in the end
//! every slot is recorded, counted as missed or counted as failed, and none twice.

use super::world::{Fates, Random, Step, World, many};
use super::*;
use jiff::tz::TimeZoneDatabase;

/// How much is simulated.
#[derive(Clone, Copy)]
struct Size {
    key_results: usize,
    days: u64,
    restarts: u64,
    sources: usize,
}

const A_DAY: u64 = 86_400;

/// Schedules of all kinds, over both changes to winter time.
const SCHEDULES: [(&str, &str); 8] = [
    ("every 1h", "UTC"),
    ("0 6 * * *", "Europe/Berlin"),
    ("every 6h", "UTC"),
    ("30 2 * * *", "Europe/Berlin"),
    ("0 9-17 * * 1-5", "Europe/Berlin"),
    ("every 7h", "UTC"),
    ("15 */4 * * *", "America/New_York"),
    ("every 24h", "UTC"),
];

fn world(seed: u64, size: Size) -> Arc<World> {
    let zones = TimeZoneDatabase::bundled();
    let schedules = SCHEDULES.map(|(text, zone)| {
        let tz = zones.get(zone).unwrap();
        Schedule::parse(text, &tz, zone).unwrap()
    });
    let key_results = (0..size.key_results).map(|n| {
        let schedule = schedules[n / 2 % schedules.len()].clone();
        (format!("kr{n}"), schedule)
    });
    let days = i64::try_from(size.days).unwrap();
    let last_day = date(2026, 10, 1) + jiff::Span::new().days(days - 1);
    World::new(seed, 60, "2026-10-01T00:10:00Z", |store| {
        many(store, key_results, size.sources, last_day)
    })
}

/// The lives of a daemon over the days: most of them end by a kill.
fn lives(seed: u64, size: Size) -> Vec<Step> {
    let mut random = Random(seed);
    let mut steps = Vec::new();
    let total = size.days * A_DAY;
    let mean = total / (size.restarts + 1);
    let mut gone = 0;
    for _ in 0..size.restarts {
        let length = if random.one_in(5) {
            random.below(120)
        } else {
            mean / 4 + random.below(mean)
        };
        steps.push(seconds(length / 2));
        if random.one_in(5) {
            steps.push(Step::Reload);
        }
        if random.one_in(4) {
            let by = i64::try_from(random.below(3 * 3600)).unwrap();
            let by = if random.one_in(2) { by } else { -by / 3 };
            steps.push(Step::Jump(SignedDuration::from_secs(by)));
        }
        steps.push(Step::Run(Duration::from_millis(
            length * 500 + random.below(1000),
        )));
        let ends = if random.one_in(4) {
            Step::Stop
        } else {
            Step::Kill
        };
        let longest = match random.below(8) {
            0 => 36 * 3600,
            1 | 2 => 8 * 3600,
            _ => 300,
        };
        let down = random.below(longest.min(mean));
        steps.extend([ends, Step::Down(Duration::from_secs(down))]);
        gone += length + down;
    }
    // To the end of the cycle, and beyond the week in which it can still be filled.
    steps.push(seconds(total.saturating_sub(gone) + 2 * 3600));
    steps.extend([Step::Stop, Step::Down(Duration::from_secs(9 * A_DAY))]);
    steps.extend([seconds(600), Step::Stop]);
    steps
}

fn seconds(n: u64) -> Step {
    Step::Run(Duration::from_secs(n))
}

#[expect(clippy::print_stdout, reason = "a long run tells what it found")]
/// Lives it through and tells what became of the slots, and the digest of all that is known in the end.
fn simulate(seed: u64, size: Size) -> (Fates, String) {
    let world = world(seed, size);
    world.live(lives(seed, size));
    let fates = world.account(world.now());
    let all = fates.recorded + fates.failed + fates.missed + fates.untold;
    println!("seed {seed}: {all} slots: {fates:?}");
    assert_eq!(
        fates.owed, 0,
        "the cycle is closed: nothing is filled any more"
    );
    assert!(fates.recorded > all * 7 / 10, "{fates:?}");
    let each = [fates.filled, fates.failed, fates.missed];
    assert!(each.iter().all(|many| *many > 0), "{fates:?}");
    // A kill between commit and telling: hardly ever.
    assert!(fates.untold * 200 <= all, "{fates:?}");
    assert!(all < 4_000 || world.tally.lock().unwrap().panics > 0);
    (fates, world.digest())
}

const TWO_WEEKS: Size = Size {
    key_results: 50,
    days: 14,
    restarts: 10,
    sources: 5,
};

#[test]
fn two_weeks_with_faults_kills_and_jumps_leave_every_slot_with_one_fate() {
    simulate(2, TWO_WEEKS);
}

#[test]
fn the_same_seed_gives_the_same_ledger() {
    let few = Size {
        key_results: 20,
        days: 6,
        ..TWO_WEEKS
    };
    let first = simulate(1, few);
    assert_eq!(simulate(1, few), first);
}

#[test]
#[ignore = "long: some minutes"]
fn long_a_quarter_of_a_thousand_key_results_leaves_every_slot_with_one_fate() {
    simulate(
        90,
        Size {
            key_results: 1_000,
            days: 90,
            restarts: 50,
            sources: 10,
        },
    );
}

#[test]
#[ignore = "long: some minutes"]
fn long_many_seeds_leave_every_slot_with_one_fate() {
    for seed in 100..160 {
        simulate(seed, TWO_WEEKS);
    }
}

/// The clock went two hours forward while a poll was under way: the slot that came due then passed, and is counted.
#[test]
fn a_slot_that_comes_while_an_earlier_poll_is_under_way_has_a_fate() {
    simulate(110, TWO_WEEKS);
}
