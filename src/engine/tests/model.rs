//! Scheduler and store against a simple model: whatever happens in whatever order, no slot is recorded twice, nothing shown
//! is lost, and every slot is recorded, failed, missed or still owed.

use super::world::{Step, Trouble, World, many};
use super::*;
use proptest::prelude::*;

fn minutes(n: u64) -> Duration {
    Duration::from_secs(60 * n)
}

/// Six key results that are asked often enough for a few hours to be full of slots.
fn world(seed: u64) -> Arc<World> {
    let schedules = [
        "every 5m",
        "every 5m",
        "*/10 * * * *",
        "*/10 * * * *",
        "every 13m",
        "7 * * * *",
    ];
    let key_results = schedules.into_iter().enumerate().map(|(n, text)| {
        let schedule = Schedule::parse(text, &TimeZone::UTC, "UTC").unwrap();
        (format!("kr{n}"), schedule)
    });
    World::new(seed, 80, "2026-10-24T10:20:00Z", |store| {
        many(store, key_results, 2, date(2026, 12, 31))
    })
}

fn trouble() -> impl Strategy<Value = Option<Trouble>> {
    prop_oneof![
        3 => Just(None),
        1 => Just(Some(Trouble::Fails(FaultClass::Net))),
        1 => Just(Some(Trouble::Fails(FaultClass::RateLimited))),
        1 => Just(Some(Trouble::Fails(FaultClass::Auth))),
        1 => Just(Some(Trouble::Fails(FaultClass::BadValue))),
        1 => Just(Some(Trouble::Hangs)),
        1 => Just(Some(Trouble::Panics)),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0u64..5_400).prop_map(|s| Step::Run(Duration::from_secs(s))),
        2 => (0u64..40_000).prop_map(|ms| Step::Run(Duration::from_millis(ms))),
        1 => (-5_000i64..20_000).prop_map(|s| Step::Jump(SignedDuration::from_secs(s))),
        1 => Just(Step::Reload),
        2 => trouble().prop_map(Step::Trouble),
        2 => Just(Step::Kill),
        1 => Just(Step::Stop),
        2 => (0u64..300).prop_map(|n| Step::Down(minutes(n))),
    ]
}

fn holds(seed: u64, steps: &[Step]) {
    let world = world(seed);
    world.live(steps.iter().copied());
    // In the end all goes well for a while; what came last may still be under way then.
    let well = [Step::Trouble(None), Step::Run(minutes(8 * 60)), Step::Stop];
    world.live(well);
    let fates = world.account(world.now() - SignedDuration::from_mins(90));
    assert!(fates.recorded > 100, "{fates:?}");
}

proptest! {
    // Always the same cases, so that nobody's change fails by another's luck; the long run below takes new ones.
    #![proptest_config(ProptestConfig {
        cases: 8,
        rng_seed: proptest::test_runner::RngSeed::Fixed(19),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn whatever_happens_every_slot_has_one_fate(
        seed in any::<u64>(),
        steps in proptest::collection::vec(step(), 1..24),
    ) {
        holds(seed, &steps);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, max_shrink_iters: 400, ..ProptestConfig::default() })]

    #[test]
    #[ignore = "long: some minutes"]
    fn long_whatever_happens_every_slot_has_one_fate(
        seed in any::<u64>(),
        steps in proptest::collection::vec(step(), 1..80),
    ) {
        holds(seed, &steps);
    }
}

/// What once went wrong, as what follows.
#[test]
fn f31_slots_ahead_of_a_clock_set_back_that_failed_do_not_come_again_after_a_restart() {
    let back = |seconds: i64| Step::Jump(SignedDuration::from_secs(-seconds));
    holds(
        618_696_712_409_518,
        &[
            Step::Run(minutes(97)),
            back(1962),
            Step::Kill,
            back(1267),
            Step::Kill,
            Step::Trouble(Some(Trouble::Hangs)),
            Step::Run(minutes(83)),
        ],
    );
}

#[test]
fn a_slot_that_comes_due_while_an_older_one_waits_for_a_probe_takes_its_place() {
    holds(
        2_134_107_204,
        &[Step::Trouble(Some(Trouble::Hangs)), Step::Run(minutes(105))],
    );
}

/// Three hang at a time, so that a fourth waits for minutes and is asked shortly before its next slot.
#[test]
fn whoever_waited_long_for_a_turn_may_be_under_way_when_its_next_slot_comes() {
    let run = |seconds| Step::Run(Duration::from_secs(seconds));
    let jump = |seconds| Step::Jump(SignedDuration::from_secs(seconds));
    let steps = [
        run(1263),
        jump(9075),
        Step::Down(Duration::from_secs(29_880)),
        run(4710),
        jump(-977),
        run(11_938),
        Step::Down(Duration::from_secs(21_900)),
        run(214),
        Step::Trouble(Some(Trouble::Hangs)),
        Step::Kill,
        run(3900),
    ];
    holds(0, &steps);
}

/// A failed slot that is asked again after a restart and gives way to the next keeps its one fate; and what came in while
/// other polls hang is written before the end.
#[test]
fn a_slot_that_failed_in_an_earlier_life_is_not_missed_as_well() {
    let run = |ms| Step::Run(Duration::from_millis(ms));
    let steps = [
        run(444_000),
        Step::Reload,
        run(4_415_000),
        run(23_971),
        Step::Trouble(Some(Trouble::Hangs)),
        Step::Down(Duration::from_secs(13_200)),
        run(2_077_000),
    ];
    holds(3_565_807_927_931_674_669, &steps);
}

/// A slot spoken for before the clock was set back stays behind, also when a kill forgets who had asked.
#[test]
fn f31_a_slot_accounted_for_before_the_clock_was_set_back_does_not_come_again_after_a_kill() {
    let run = |seconds| Step::Run(Duration::from_secs(seconds));
    let steps = [
        run(309),
        Step::Reload,
        run(1818),
        Step::Trouble(Some(Trouble::Fails(FaultClass::Net))),
        run(4862),
        run(968),
        Step::Kill,
        Step::Jump(SignedDuration::from_secs(-758)),
        run(600),
    ];
    holds(975_564_713, &steps);
}

/// One that failed and waits to be asked again when a reload comes has its fate already.
#[test]
fn a_slot_that_waits_to_be_asked_again_during_a_reload_is_not_missed_as_well() {
    let run = |seconds| Step::Run(Duration::from_secs(seconds));
    let down = |seconds| Step::Down(Duration::from_secs(seconds));
    let steps = [
        run(3088),
        run(802),
        run(1934),
        down(11_520),
        run(2621),
        run(2918),
        Step::Trouble(Some(Trouble::Fails(FaultClass::Net))),
        run(1335),
        down(360),
        Step::Reload,
        Step::Reload,
        run(24),
    ];
    holds(62_664_699_494_263_244, &steps);
}

/// A kill right after a start that nobody heard of is found though the clock was set back before that afterwards.
#[test]
fn what_a_killed_life_could_not_tell_is_known_whatever_the_clock_does_later() {
    let run = |ms| Step::Run(Duration::from_millis(ms));
    let down = |seconds| Step::Down(Duration::from_secs(seconds));
    let jump = |seconds| Step::Jump(SignedDuration::from_secs(seconds));
    let steps = [
        run(549_000),
        run(2_061_000),
        run(26_370),
        down(14_340),
        Step::Reload,
        Step::Kill,
        jump(2215),
        Step::Trouble(Some(Trouble::Panics)),
        jump(-2720),
        run(159_000),
        run(19_952),
        down(60),
        Step::Trouble(None),
        jump(10_953),
        down(8340),
        run(4_349_000),
        Step::Kill,
        down(16_260),
        Step::Trouble(Some(Trouble::Fails(FaultClass::Net))),
        run(28_256),
        Step::Stop,
    ];
    holds(3_716_583_284_329_948_239, &steps);
}
