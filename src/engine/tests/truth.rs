//! What of an answer is believed, through the engine: real store and scheduler; the clock jumps from slot to slot.

use super::*;
use crate::config::spec::Canary;
use crate::domain::quality::Flag;
use crate::store::Reader;

const HOUR: SignedDuration = SignedDuration::from_hours(1);

fn hourly(house: &House) -> Config {
    let mut config = house.config(&[("a", "x")]);
    config.polls[0].schedule = Schedule::Every(HOUR.unsigned_abs());
    config
}

fn is_suspect(board: &Board) -> bool {
    let attempt = card(board, "a").last_attempt.as_ref();
    let fault = attempt.and_then(|attempt| attempt.fault.as_ref());
    fault.is_some_and(|(class, _)| *class == FaultClass::Suspect)
}

#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn giving(number: &Arc<AtomicU64>) -> impl Fn(&str) -> Result<f64, Fault> + Send + Sync + use<> {
    let number = Arc::clone(number);
    move |_| Ok(number.load(Ordering::SeqCst) as f64)
}

#[tokio::test]
async fn f21_a_fall_to_zero_counts_once_a_second_slot_shows_it_also_after_a_restart() {
    let number = Arc::new(AtomicU64::new(7));
    let house = House::new(giving(&number));
    let running = house.start(hourly(&house));
    running.shows(|b| value(b, "a") == Some(7.0)).await;
    number.store(0, Ordering::SeqCst);
    house.clock.jump(HOUR);
    let board = running.shows(is_suspect).await;
    assert_eq!(value(&board, "a"), Some(7.0), "the last good value stays");
    assert_eq!(house.heard.count("class: Suspect"), 1);
    running.stop().await;

    let reader = Reader::open(&house.path()).unwrap();
    let attempts = reader.attempts(&id("a"), None, None).unwrap();
    let fault = attempts.last().unwrap().outcome.as_ref().unwrap_err();
    assert_eq!(fault.doubt.map(|doubt| doubt.value), Some(0.0));
    assert!(
        fault.message.contains("accepted when seen again at"),
        "{fault}"
    );
    assert_eq!(reader.series(&id("a"), None, None).unwrap().len(), 1);

    // The slot is asked again after the restart; that shows nothing new.
    let running = house.start(hourly(&house));
    let again = running.shows(|b| house.asked.load(Ordering::SeqCst) == 3 && is_suspect(b));
    let board = again.await;
    assert_eq!(value(&board, "a"), Some(7.0));
    house.clock.jump(HOUR);
    let board = running.shows(|b| value(b, "a") == Some(0.0)).await;
    assert!(!is_suspect(&board));
    running.stop().await;
}

#[tokio::test]
async fn f21_a_zero_that_is_allowed_is_taken_at_once() {
    let number = Arc::new(AtomicU64::new(7));
    let house = House::new(giving(&number));
    let mut config = hourly(&house);
    config.polls[0].guard.allow_zero = true;
    let running = house.start(config);
    running.shows(|b| value(b, "a") == Some(7.0)).await;
    number.store(0, Ordering::SeqCst);
    house.clock.jump(HOUR);
    running.shows(|b| value(b, "a") == Some(0.0)).await;
    assert_eq!(house.heard.count("class: Suspect"), 0);
    running.stop().await;
}

#[tokio::test]
async fn f22_a_canary_that_no_longer_sings_leaves_the_last_good_value() {
    let seen = Arc::new(AtomicU64::new(1000));
    let counts = giving(&seen);
    let house = House::new(move |query| match query {
        "canary" => counts(query),
        _ => Ok(50.0),
    });
    let mut config = hourly(&house);
    config.polls[0].canary = Some(Canary {
        measure: Measure::sql("canary"),
        at_least: 100.0,
    });
    let running = house.start(config);
    running.shows(|b| value(b, "a") == Some(50.0)).await;
    seen.store(12, Ordering::SeqCst);
    // However often it comes.
    for polls in 2..=4 {
        house.clock.jump(HOUR);
        let board = running
            .shows(|b| house.times("canary") == polls && is_suspect(b))
            .await;
        assert_eq!(value(&board, "a"), Some(50.0));
    }
    let reader = Reader::open(&house.path()).unwrap();
    assert_eq!(reader.series(&id("a"), None, None).unwrap().len(), 1);
    running.stop().await;
}

#[tokio::test]
async fn f29_fills_go_through_the_same_bounds() {
    // The first poll and the newest after the restart show what can be.
    let polls = AtomicUsize::new(0);
    let house = House::new(move |_| {
        let nth = polls.fetch_add(1, Ordering::SeqCst);
        Ok(if nth < 2 { 50.0 } else { 500.0 })
    });
    let mut config = house.config(&[("a", "SELECT :now")]);
    config.polls[0].schedule = Schedule::Every(HOUR.unsigned_abs());
    let running = house.start(config.clone());
    running.shows(|b| value(b, "a") == Some(50.0)).await;
    running.stop().await;
    // Down for five slots, and meanwhile somebody wrote what can be.
    house.clock.jump(HOUR * 5);
    config.polls[0].guard.max = Some(100.0);
    let running = house.start(config);
    running
        .shows(|_| house.heard.count("SlotFilled") == 4)
        .await;
    let reader = Reader::open(&house.path()).unwrap();
    assert_eq!(reader.series(&id("a"), None, None).unwrap().len(), 2);
    let attempts = reader.attempts(&id("a"), None, None).unwrap();
    assert_eq!(attempts.len(), 4);
    for attempt in attempts {
        let fault = attempt.outcome.unwrap_err();
        assert_eq!(fault.class, FaultClass::Suspect);
        assert_eq!(fault.doubt.map(|doubt| doubt.value), Some(500.0));
    }
    running.stop().await;
}

/// The last slot of the quarter is asked for after its end: it stands in the quarter, and is marked when that took long.
#[tokio::test]
async fn f38_what_comes_after_the_quarters_end_stands_at_its_last_slot() {
    for (later, is_late) in [
        (SignedDuration::from_mins(95), false),
        (SignedDuration::from_mins(115), true),
        (SignedDuration::from_hours(12), true),
    ] {
        let number = Arc::new(AtomicU64::new(5));
        let mut house = House::new(giving(&number));
        house.clock = Shifted::to("2026-12-31T22:30:00Z");
        let running = house.start(hourly(&house));
        running.shows(|b| value(b, "a") == Some(5.0)).await;
        running.stop().await;
        number.store(6, Ordering::SeqCst);
        house.clock.jump(later);
        let running = house.start(hourly(&house));
        let board = running.shows(|b| value(b, "a") == Some(6.0)).await;
        let last: Timestamp = "2026-12-31T23:00:00Z".parse().unwrap();
        assert_eq!(card(&board, "a").value, Some((6.0, last)), "{later}");
        assert_eq!(
            card(&board, "a").quality.has(Flag::Late),
            is_late,
            "{later}"
        );
        running.stop().await;
        let reader = Reader::open(&house.path()).unwrap();
        let kept = reader.series(&id("a"), None, None).unwrap();
        let kept = kept.last().unwrap();
        assert_eq!((kept.slot, kept.as_of), (last, last));
        assert_eq!(kept.quality.has(Flag::Late), is_late, "{later}");
        // Once is enough.
        let running = house.start(hourly(&house));
        running.shows(|b| b.sources.len() == 1).await;
        assert_eq!(house.asked.load(Ordering::SeqCst), 2);
        running.stop().await;
    }
}
