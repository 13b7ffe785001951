//! The program under clocks that jump, stand in 1970 or stop: libfaketime sets the wall clock of the built program, signals
//! stop it. The monotonic clock stays true, as on a real machine.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::home::{DAEMON, Daemon, Home, PATIENT, SHOP, counted, growth, within};

/// Where Debian and its kin keep the library.
fn library() -> PathBuf {
    let places = ["x86_64-linux-gnu", "aarch64-linux-gnu"].map(|arch| {
        Path::new("/usr/lib")
            .join(arch)
            .join("faketime/libfaketime.so.1")
    });
    let found = places.into_iter().find(|place| place.exists());
    found.unwrap_or_else(|| panic!("libfaketime is missing: run tests/install-servers"))
}

/// A shop that is asked each second, whose daemon believes what `clock` says.
fn home(clock: &str, schedule: &str) -> Home {
    let daemon = DAEMON.replace("every 12h", schedule);
    let okrs = growth(&[&counted("subscribers", 7)]);
    let mut home = Home::new(&[
        ("okrd.toml", &format!("{daemon}{SHOP}")),
        ("okrs/team.toml", &okrs),
    ]);
    home.make_shop();
    home.set("LD_PRELOAD", library().to_str().unwrap());
    home.set("FAKETIME_NO_CACHE", "1");
    home.set("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    let file = home.path("clock");
    home.set("FAKETIME_TIMESTAMP_FILE", file.to_str().unwrap());
    set(&home, clock);
    home
}

/// Sets the clock: `+3d` against the machine's, or an instant at which it stands still.
fn set(home: &Home, clock: &str) {
    home.write("clock", &format!("{clock}\n"));
}

/// The slots of all measurements, in the order in which they were written.
fn slots(home: &Home) -> Vec<i64> {
    let store = rusqlite::Connection::open(home.path("okrd.db")).unwrap();
    let mut all = store
        .prepare("SELECT slot_at FROM measurement ORDER BY slot_at")
        .unwrap();
    let slots = all.query_map([], |row| row.get(0)).unwrap();
    slots.map(Result::unwrap).collect()
}

fn polls(daemon: &Daemon) -> f64 {
    let polls = daemon.metrics();
    polls
        .sample("okrd_source_polls_total", &[("source", "shop")])
        .unwrap()
}

fn jumps(daemon: &Daemon, direction: &str) -> f64 {
    let name = "okrd_scheduler_clock_jumps_total";
    daemon
        .metrics()
        .sample(name, &[("direction", direction)])
        .unwrap()
}

/// Waits for so many polls more.
fn more_polls(daemon: &Daemon, more: f64) {
    let before = polls(daemon);
    within(PATIENT, "it polls on", || {
        (polls(daemon) >= before + more).then_some(())
    });
}

#[test]
fn f30_the_clock_jumps_three_days_and_each_key_result_is_asked_once() {
    let home = home("+0", "*/10 * * * *");
    let daemon = home.start();
    assert_eq!(daemon.value("growth/subscribers"), 7.0);
    // At the turn of ten minutes one more is due.
    let before = polls(&daemon);
    set(&home, "+3d");
    daemon.until("the jump is counted", |m| {
        let forward = [("direction", "forward")];
        m.sample("okrd_scheduler_clock_jumps_total", &forward) == Some(1.0)
    });
    let missed = daemon.until("what was missed is counted", |m| {
        let missed = m.sample("okrd_scheduler_slots_missed_total", &[("source", "shop")]);
        missed >= Some(431.0)
    });
    let missed = missed.sample("okrd_scheduler_slots_missed_total", &[("source", "shop")]);
    assert!((431.0..434.0).contains(&missed.unwrap()), "{missed:?}");
    let asked = polls(&daemon) - before;
    assert!((1.0..=2.0).contains(&asked), "{asked} polls");
    assert_eq!(daemon.get("/-/ready").status, 200);
    let log = daemon.end();
    assert!(log.contains("the clock jumped forward by"), "{log}");
    let slots = slots(&home);
    let leap = slots.windows(2).map(|two| two[1] - two[0]).max().unwrap();
    assert!(leap >= 3 * 86_400_000 - 600_000, "{slots:?}");
}

#[test]
fn f31_the_clock_is_set_back_an_hour_and_intervals_go_on() {
    let home = home("+0", "every 1s");
    let daemon = home.start();
    more_polls(&daemon, 3.0);
    set(&home, "-1h");
    within(PATIENT, "it is counted", || {
        (jumps(&daemon, "back") == 1.0).then_some(())
    });
    let began = Instant::now();
    more_polls(&daemon, 5.0);
    assert!(
        began.elapsed() < Duration::from_secs(20),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(daemon.get("/-/ready").status, 200);
    let log = daemon.end();
    assert!(log.contains("the clock was set back by"), "{log}");
    // Another start goes on as well, and nothing of it was asked twice.
    let polled = slots(&home);
    let daemon = home.start_with(&["run", "--trust-clock"]);
    more_polls(&daemon, 3.0);
    assert_eq!(daemon.get("/-/ready").status, 200);
    daemon.end();
    let all = slots(&home);
    assert_eq!(
        all[..polled.len()],
        polled[..],
        "nothing was put in between"
    );
    assert!(all.len() >= polled.len() + 2);
    let attempts = "SELECT count(*) FROM attempt";
    let store = rusqlite::Connection::open(home.path("okrd.db")).unwrap();
    let again: i64 = store.query_row(attempts, [], |row| row.get(0)).unwrap();
    assert_eq!(again, 0, "no slot was asked again");
}

#[test]
fn f32_booted_in_1970_it_serves_and_records_nothing_until_the_clock_is_right() {
    let home = home("@1970-01-01 00:01:00", "every 1s");
    let daemon = home.start();
    let ready = within(PATIENT, "it says why it waits", || {
        let ready = daemon.get("/-/ready");
        ready
            .body
            .contains("the clock stands at 1970-01-01")
            .then_some(ready)
    });
    assert_eq!(ready.status, 503, "{ready:?}");
    assert_eq!(daemon.get("/-/healthy").status, 200);
    assert_eq!(daemon.get("/").status, 200);
    assert_eq!(polls(&daemon), 0.0);
    assert_eq!(slots(&home), [0; 0]);
    let once = home.okrd(&["run", "--once"]);
    assert_eq!(once.code, 4, "the daemon has the store: {once:?}");

    set(&home, "+0");
    within(PATIENT, "it is ready", || {
        (daemon.get("/-/ready").status == 200).then_some(())
    });
    assert_eq!(daemon.value("growth/subscribers"), 7.0);
    let log = daemon.end();
    assert!(
        log.contains("nothing is polled or recorded until then"),
        "{log}"
    );
    let store = rusqlite::Connection::open(home.path("okrd.db")).unwrap();
    for (table, column) in [
        ("measurement", "started_at"),
        ("config_revision", "loaded_at"),
        ("kr", "status_since"),
    ] {
        let oldest = format!("SELECT min({column}) FROM {table}");
        let oldest: i64 = store.query_row(&oldest, [], |row| row.get(0)).unwrap();
        assert!(oldest > 1_600_000_000_000, "{table}: {oldest}");
    }
    // A single run does not record by such a clock either, and one behind the store needs somebody who knows better.
    set(&home, "@1970-01-01 00:01:00");
    let once = home.okrd(&["run", "--once"]);
    assert_eq!(once.code, 1, "{once:?}");
    assert!(once.err.contains("the clock stands at 1970"), "{once:?}");
    set(&home, "-10m");
    let once = home.okrd(&["run", "--once"]);
    assert_eq!(once.code, 1, "{once:?}");
    assert!(once.err.contains("since the store has seen"), "{once:?}");
    let before = slots(&home).len();
    home.ends(0, &["run", "--once", "--trust-clock"]);
    assert_eq!(slots(&home).len(), before + 1);
}

/// As long as it takes for slots to pass; the simulated clock stops it for longer.
#[test]
fn f33_stopped_and_continued_it_asks_once_and_counts_the_rest() {
    let home = home("+0", "every 1s");
    let daemon = home.start();
    more_polls(&daemon, 2.0);
    daemon.signal(Signal::STOP);
    std::thread::sleep(Duration::from_secs(6));
    daemon.signal(Signal::CONT);
    let metrics = daemon.until("it counts what it missed", |m| {
        let missed = m.sample("okrd_scheduler_slots_missed_total", &[("source", "shop")]);
        missed >= Some(4.0)
    });
    let missed = metrics.sample("okrd_scheduler_slots_missed_total", &[("source", "shop")]);
    assert!(missed < Some(9.0), "{missed:?}");
    more_polls(&daemon, 2.0);
    assert_eq!(daemon.get("/-/healthy").status, 200);
    daemon.end();
    let slots = slots(&home);
    let gaps: Vec<_> = slots
        .windows(2)
        .map(|two| (two[1] - two[0]) / 1000)
        .collect();
    let long = gaps.iter().filter(|gap| **gap >= 5).count();
    assert_eq!(long, 1, "one poll where it woke: {gaps:?}");
}

/// Zone data is compiled in: a system without any, or with wrong ones, changes nothing.
#[test]
fn f36_zones_are_compiled_in_and_an_unknown_one_is_an_error() {
    let daemon = format!("timezone = \"Europe/Amsterdam\"\n{DAEMON}");
    let mut home = Home::new(&[
        ("okrd.toml", &format!("{daemon}{SHOP}")),
        ("okrs/team.toml", &growth(&[&counted("subscribers", 7)])),
    ]);
    home.make_shop();
    std::fs::create_dir(home.path("empty")).unwrap();
    let empty = home.path("empty").display().to_string();
    home.set("TZDIR", &empty);
    home.ends(0, &["check"]);
    home.ends(0, &["run", "--once"]);
    home.ends(0, &["status"]);
    let okrd = home.start();
    assert_eq!(okrd.value("growth/subscribers"), 7.0);
    okrd.end();
    let version = home.ends(0, &["--version"]).out;
    let edition = version.split("time zones ").nth(1).unwrap_or_default();
    assert!(edition.starts_with("20") && edition.len() >= 6, "{version}");

    home.write("okrd.toml", &daemon.replace("Amsterdam", "Amsterdm"));
    let refused = home.okrd(&["check"]);
    assert_eq!(refused.code, 1, "{refused:?}");
    let told = format!("{}{}", refused.out, refused.err);
    assert!(told.contains("Europe/Amsterdm"), "{told}");
}
