//! The daemon was down: the newest slot is polled, the older ones are filled and marked where the measure can be asked for
//! the past, and counted where not.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::backfill::{ID, REPLAYABLE, json, midnight, shop};
use crate::fakes::wire::{self, Act, Wire};
use crate::home::{DAEMON, Home, PATIENT, growth, key_result, on_air, within};

const MISSED: &str = "okrd_scheduler_slots_missed_total";
const OF_NOW: &str = "growth/now";

/// The shop, and beside its replayable count one that is always of now.
fn home() -> Home {
    let home = shop(REPLAYABLE);
    let query = "SELECT count(*) FROM orders";
    let measure =
        format!("measure = {{ source = \"shop\", query = \"{query}\" }}\nschedule = \"0 0 * * *\"");
    let okrs = std::fs::read_to_string(home.path("okrs/team.toml")).unwrap();
    home.write(
        "okrs/team.toml",
        &format!("{okrs}{}", key_result("now", &measure)),
    );
    home
}

/// Makes everything in the store so many days older, as if the daemon had been down since.
fn age(home: &Home, days: i64) {
    let store = rusqlite::Connection::open(home.path("okrd.db")).unwrap();
    let ms = days * 86_400_000;
    store
        .execute_batch(&format!(
            "UPDATE measurement SET slot_at = slot_at - {ms}, started_at = started_at - {ms};
             UPDATE measurement_day SET day = day - {days}, first_at = first_at - {ms}, last_at = last_at - {ms},
               low_slot = low_slot - {ms}, polled_slot = polled_slot - {ms}, polled_at = polled_at - {ms};
             UPDATE series SET first_day = first_day - {days}, baseline_at = baseline_at - {ms};"
        ))
        .unwrap();
}

fn rows(home: &Home, id: &str) -> Vec<(String, String)> {
    let history = home.ends(0, &["history", id, "--format", "json"]).out;
    let rows = json(&history)["measurements"].as_array().unwrap().clone();
    let text = |row: &serde_json::Value, key: &str| row[key].as_str().unwrap().to_owned();
    let row = |row: &serde_json::Value| (text(row, "slot"), text(row, "origin"));
    rows.iter().map(row).collect()
}

#[test]
fn f37_what_passed_while_the_daemon_was_down_is_filled_or_counted() {
    let home = home();
    let daemon = home.start();
    assert_eq!((daemon.value(ID), daemon.value(OF_NOW)), (10.0, 10.0));
    let zero = daemon.metrics().sample(MISSED, &[("source", "shop")]);
    assert_eq!(zero, Some(0.0), "there from the start");
    daemon.end();
    age(&home, 9);

    let daemon = home.start();
    within(PATIENT, "the gap is filled", || {
        (home.history(ID).len() == 10).then_some(())
    });
    let metrics = daemon.until("the rest is counted", |metrics| {
        metrics.sample(MISSED, &[("source", "shop")]) == Some(8.0)
    });
    assert_eq!(daemon.value(ID), 10.0);
    let polls = metrics.sample("okrd_source_polls_total", &[("source", "shop")]);
    assert_eq!(polls, Some(2.0), "one poll each");
    // Measured with ten orders nine days ago, then as many as there were at each midnight.
    let mut expected: Vec<f64> = (2..=10).map(f64::from).collect();
    expected.insert(0, 10.0);
    assert_eq!(home.history(ID), expected);
    for ((slot, origin), days) in rows(&home, ID).iter().zip((0..=9).rev()) {
        let kind = if days == 0 || days == 9 {
            "polled"
        } else {
            "backfilled"
        };
        let same = (slot.as_str(), origin.as_str());
        assert_eq!(same, (midnight(days).to_string().as_str(), kind));
    }
    assert_eq!(home.history(OF_NOW), [10.0, 10.0]);
    let log = daemon.end();
    let passed: Vec<&str> = log.lines().filter(|l| l.contains("slots passed")).collect();
    assert_eq!(passed.len(), 2, "one line for each key result: {log}");
    for line in passed {
        assert!(line.contains("count=8"), "{line}");
        assert!(line.contains(&midnight(8).to_string()), "{line}");
        assert!(line.contains(&midnight(1).to_string()), "{line}");
    }

    // Nothing is asked or counted again.
    let daemon = home.start();
    assert_eq!(daemon.value(ID), 10.0);
    let again = daemon.metrics().sample(MISSED, &[("source", "shop")]);
    assert_eq!(again, Some(0.0));
    let log = daemon.end();
    assert!(!log.contains("slots passed"), "{log}");
    assert_eq!(home.history(ID).len(), 10);
}

#[test]
fn with_catch_up_off_all_that_passed_is_counted() {
    let home = home();
    let daemon = home.start();
    assert_eq!((daemon.value(ID), daemon.value(OF_NOW)), (10.0, 10.0));
    daemon.end();
    age(&home, 9);
    let text = std::fs::read_to_string(home.path("okrd.toml")).unwrap();
    let off = text.replace("[polling]\n", "[polling]\ncatch_up = \"0s\"\n");
    assert_ne!(text, off);
    home.write("okrd.toml", &off);
    let daemon = home.start();
    daemon.until("all is counted", |metrics| {
        metrics.sample(MISSED, &[("source", "shop")]) == Some(16.0)
    });
    daemon.end();
    assert_eq!(home.history(ID).len(), 2);
}

/// Killed in the middle of a question for the past: the next start asks it again, and goes on.
#[test]
fn killed_while_it_fills_the_next_start_goes_on() {
    let open = Arc::new(AtomicBool::new(false));
    let lets = Arc::clone(&open);
    let stalls_at = format!("to={}", midnight(4).strftime("%Y-%m-%d"));
    let wire = on_air(Wire::plain(move |asked| {
        let stalls = asked.target.contains(&stalls_at);
        if stalls && !lets.load(Ordering::SeqCst) {
            return vec![Act::Stall];
        }
        wire::json(200, "{\"n\": 1}")
    }));
    let measure = "schedule = \"0 0 * * *\"\n\
         measure = { source = \"api\", path = \"/n\", query = { to = \"{now}\" }, value = \"/n\" }";
    let source = format!("[sources.api]\ntype = \"http\"\nurl = \"{}\"\n", wire.url());
    let home = Home::new(&[
        ("okrd.toml", &format!("{DAEMON}{source}")),
        ("okrs/team.toml", &growth(&[&key_result("orders", measure)])),
    ]);
    let daemon = home.start();
    daemon.value(ID);
    daemon.end();
    age(&home, 9);
    let stalled = |times: usize| {
        let day = midnight(4).strftime("%Y-%m-%d").to_string();
        let asked = wire.asked();
        asked
            .iter()
            .filter(|asked| asked.target.contains(&day))
            .count()
            >= times
    };
    let daemon = home.start();
    within(PATIENT, "it is asked for the fifth slot", || {
        stalled(1).then_some(())
    });
    within(PATIENT, "what came before is kept", || {
        (home.history(ID).len() == 6).then_some(())
    });
    daemon.kill();
    // Politely this time: the end does not wait for the answer.
    let daemon = home.start();
    within(PATIENT, "it is asked again", || stalled(2).then_some(()));
    let began = Instant::now();
    daemon.signal(Signal::TERM);
    let (code, log) = daemon.wait();
    assert_eq!(code, 0, "{log}");
    assert!(began.elapsed() < Duration::from_secs(5));
    open.store(true, Ordering::SeqCst);
    let daemon = home.start();
    within(PATIENT, "all is filled", || {
        (home.history(ID).len() == 10).then_some(())
    });
    daemon.end();
    let filled = rows(&home, ID);
    let slots: Vec<&String> = filled.iter().map(|(slot, _)| slot).collect();
    let expected: Vec<String> = (0..=9).rev().map(|d| midnight(d).to_string()).collect();
    assert_eq!(slots, expected.iter().collect::<Vec<_>>());
    let of = |days: i64| {
        let day = midnight(days).strftime("to=%Y-%m-%d").to_string();
        let asked = wire.asked();
        asked
            .iter()
            .filter(|asked| asked.target.contains(&day))
            .count()
    };
    assert_eq!(
        [of(8), of(7), of(6), of(5), of(4), of(3)],
        [1, 1, 1, 1, 3, 1]
    );
}
