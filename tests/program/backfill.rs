//! The past of a key result: `okrd backfill` asks for each slot the number of that instant, once, and marks it.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp, ToSpan};
use serde_json::Value;

use rustix::process::Signal;

use crate::fakes::wire::{self, Act, Wire};
use crate::home::{DAEMON, Home, PATIENT, SHOP, growth, key_result, on_air, within};

pub(crate) const ID: &str = "growth/orders";
const DAYS: i64 = 10;

#[expect(
    clippy::disallowed_methods,
    reason = "the program under test lives today"
)]
fn now() -> Timestamp {
    Timestamp::now()
}

/// Midnight in UTC, so many days ago.
pub(crate) fn midnight(days: i64) -> Timestamp {
    let today = now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let day = today - days.days();
    let midnight = day.to_zoned(jiff::tz::TimeZone::UTC).unwrap();
    midnight.timestamp()
}

/// A shop with one order at noon of each of the last ten days, today excluded, counted each midnight: ten days ago there
/// were none, and today there are ten.
pub(crate) fn shop(query: &str) -> Home {
    let measure =
        format!("measure = {{ source = \"shop\", query = \"{query}\" }}\nschedule = \"0 0 * * *\"");
    let okrs = growth(&[&key_result("orders", &measure), &key_result("told", "")]);
    let daemon = format!("{DAEMON}{SHOP}");
    let home = Home::new(&[("okrd.toml", &daemon), ("okrs/team.toml", &okrs)]);
    let shop = rusqlite::Connection::open(home.path("shop.db")).unwrap();
    shop.execute_batch("CREATE TABLE orders (at TEXT NOT NULL)")
        .unwrap();
    for days in 1..=DAYS {
        let noon = midnight(days) + SignedDuration::from_hours(12);
        let noon = noon.strftime("%Y-%m-%d %H:%M:%S").to_string();
        shop.execute("INSERT INTO orders VALUES (?1)", [noon])
            .unwrap();
    }
    home
}

pub(crate) const REPLAYABLE: &str = "SELECT count(*) FROM orders WHERE at <= :now";

pub(crate) fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn counts(done: &str) -> [u64; 5] {
    let done = json(done);
    ["slots", "there_already", "asked", "kept", "failed"].map(|key| done[key].as_u64().unwrap())
}

fn backfill(home: &Home, code: i32, args: &[&str]) -> [u64; 5] {
    let args = [&["backfill", ID, "--format", "json"], args].concat();
    counts(&home.ends(code, &args).out)
}

#[test]
fn each_slot_gets_the_number_of_its_instant_once_and_is_marked() {
    let home = shop(REPLAYABLE);
    let from = midnight(DAYS).to_string();
    let dry = home.ends(0, &["backfill", ID, "--from", &from, "--dry-run"]);
    assert!(dry.out.contains("would ask for 11 slots"), "{}", dry.out);
    assert!(!home.path("okrd.db").exists(), "nothing was kept");

    let to = midnight(6).to_string();
    let first = backfill(&home, 0, &["--from", &from, "--to", &to]);
    assert_eq!(first, [5, 0, 5, 5, 0]);
    assert_eq!(home.history(ID), [0.0, 1.0, 2.0, 3.0, 4.0]);
    let second = backfill(&home, 0, &["--from", &from, "--to", &to]);
    assert_eq!(second, [5, 5, 0, 0, 0], "nothing is asked twice");
    let all = backfill(&home, 0, &["--from", &from]);
    assert_eq!(all, [11, 5, 6, 6, 0]);
    let expected: Vec<f64> = (0..=10).map(f64::from).collect();
    assert_eq!(home.history(ID), expected);

    let history = home.ends(0, &["history", ID, "--format", "json"]).out;
    let rows = json(&history)["measurements"].as_array().unwrap().clone();
    for (row, days) in rows.iter().zip((0..=DAYS).rev()) {
        let slot = midnight(days).to_string();
        assert_eq!(row["origin"], "backfilled", "{row}");
        assert_eq!(
            (&row["slot"], &row["as_of"]),
            (&slot.clone().into(), &slot.into())
        );
    }
    let table = home.ends(0, &["history", ID]).out;
    assert_eq!(table.matches("  backfilled").count(), 11, "{table}");
    let done = home.ends(0, &["backfill", ID, "--from", &from]).out;
    let row = done.lines().nth(1).unwrap();
    let cells: Vec<&str> = row.split_whitespace().collect();
    assert_eq!(cells, [ID, "11", "11", "0", "0", "0"], "{done}");
}

/// The first value is the baseline and stays it, whatever is filled in before.
#[test]
fn a_running_daemon_takes_the_past_in_and_its_baseline_stays() {
    let home = shop(REPLAYABLE);
    let okrs = std::fs::read_to_string(home.path("okrs/team.toml")).unwrap();
    let first = okrs.replace(
        "baseline = 0\ntarget = 1000\nmeasure",
        "baseline = \"first\"\ntarget = \"+10\"\nmeasure",
    );
    assert_ne!(first, okrs);
    home.write("okrs/team.toml", &first);
    let daemon = home.start();
    assert_eq!(daemon.value(ID), 10.0);
    let from = midnight(3).to_string();
    assert_eq!(backfill(&home, 0, &["--from", &from]), [4, 1, 3, 3, 0]);
    within(PATIENT, "the past is in the series", || {
        let path = format!("/api/v1/key-results/{ID}/history");
        let series = json(&daemon.get(&path).body);
        let values = series["measurements"].as_array().unwrap().iter();
        let values: Vec<f64> = values.map(|m| m["value"].as_f64().unwrap()).collect();
        (values == [7.0, 8.0, 9.0, 10.0]).then_some(())
    });
    assert_eq!(daemon.metrics().value(ID), Some(10.0));
    let status = json(&home.ends(0, &["status", "--format", "json"]).out);
    let cards = status["objectives"][0]["key_results"].as_array().unwrap();
    let card = cards.iter().find(|card| card["id"] == ID).unwrap();
    assert_eq!(
        (&card["baseline"], &card["target"]),
        (&10.0.into(), &20.0.into())
    );
    daemon.end();
}

#[test]
fn what_cannot_be_asked_for_the_past_is_refused() {
    let home = shop("SELECT count(*) FROM orders");
    let error = home.refuses(1, &["backfill", ID, "--from", "3d"]);
    assert!(
        error.contains(ID) && error.contains("bind :now or :window_end"),
        "{error}"
    );
    assert!(!home.path("okrd.db").exists());
    let error = home.refuses(2, &["backfill", "growth/told", "--from", "3d"]);
    assert!(error.contains("okrd record"), "{error}");
    let error = home.refuses(2, &["backfill", ID, "--from", "1d", "--to", "2d"]);
    assert!(error.contains("exchange"), "{error}");
    let error = home.refuses(
        2,
        &["backfill", ID, "--from", "2019-01-01", "--to", "2019-02-01"],
    );
    assert!(error.contains("no past"), "{error}");
    let error = home.refuses(2, &["backfill", ID, "--from", "lately"]);
    assert!(error.contains("`lately`"), "{error}");
    home.ends(2, &["backfill", ID]);
}

#[test]
fn a_slot_that_fails_is_told_and_asked_again_the_next_time() {
    // The first days have no number: a sum over no rows.
    let home = shop("SELECT sum(1) FROM orders WHERE at <= :now");
    let from = midnight(DAYS).to_string();
    let done = home.ends(1, &["backfill", ID, "--from", &from]);
    assert!(done.out.contains("failed first at"), "{}", done.out);
    assert_eq!(home.history(ID).len(), 10);
    let shop = rusqlite::Connection::open(home.path("shop.db")).unwrap();
    shop.execute("INSERT INTO orders VALUES ('1999-12-31 00:00:00')", [])
        .unwrap();
    assert_eq!(backfill(&home, 0, &["--from", &from]), [11, 10, 1, 1, 0]);
}

#[test]
fn only_slots_of_the_cycle_are_asked_for_and_that_is_told() {
    let home = shop(REPLAYABLE);
    let daemon = std::fs::read_to_string(home.path("okrd.toml")).unwrap();
    let starts = midnight(2).to_zoned(jiff::tz::TimeZone::UTC).date();
    home.write(
        "okrd.toml",
        &daemon.replace("2020-01-01", &starts.to_string()),
    );
    let done = home.ends(0, &["backfill", ID, "--from", "9d", "--to", "2999-01-01"]);
    assert!(
        done.err.contains("only slots of cycle life"),
        "{}",
        done.err
    );
    // At its first instant the cycle to date is empty.
    assert_eq!(home.history(ID), [9.0, 10.0]);
}

/// A server that answers the first two questions with a number and then wants to be left alone.
#[test]
fn f13_a_source_that_asks_for_patience_is_left_alone_and_what_came_before_is_kept() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let lines = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut line = String::new();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            reader.read_line(&mut line).unwrap();
            let mut header = String::from("x");
            while header.trim() != "" {
                header.clear();
                reader.read_line(&mut header).unwrap();
            }
            let mut lines = lines.lock().unwrap();
            lines.push(line);
            let (status, more, body) = if lines.len() <= 2 {
                ("200 OK", "", format!("{{\"n\":{}}}", lines.len()))
            } else {
                (
                    "429 Too Many Requests",
                    "Retry-After: 120\r\n",
                    String::new(),
                )
            };
            let length = body.len();
            let head = "Content-Type: application/json\r\nConnection: close\r\n";
            let answer =
                format!("HTTP/1.1 {status}\r\n{head}{more}Content-Length: {length}\r\n\r\n{body}");
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    let source = format!("[sources.api]\ntype = \"http\"\nurl = \"http://{address}\"\n");
    let measure = "schedule = \"0 0 * * *\"\n\
         measure = { source = \"api\", path = \"/n\", query = { to = \"{now}\" }, value = \"/n\" }";
    let home = Home::new(&[
        ("okrd.toml", &format!("{DAEMON}{source}")),
        ("okrs/team.toml", &growth(&[&key_result("orders", measure)])),
    ]);
    let from = midnight(DAYS).to_string();
    let done = home
        .ends(1, &["backfill", ID, "--from", &from, "--format", "json"])
        .out;
    assert_eq!(counts(&done), [11, 0, 3, 2, 1]);
    assert_eq!(json(&done)["fault"]["class"], "rate_limited", "{done}");
    let stopped = json(&done)["stopped"].as_str().unwrap().to_owned();
    assert!(stopped.contains("left alone until"), "{stopped}");
    assert_eq!(home.history(ID), [1.0, 2.0]);
    // The patience is remembered: the next run asks nothing.
    assert_eq!(backfill(&home, 1, &["--from", &from]), [11, 2, 0, 0, 0]);
    let asked = asked.lock().unwrap();
    assert_eq!(asked.len(), 3, "{asked:?}");
    let day = |days: i64| {
        midnight(days)
            .strftime("to=%Y-%m-%dT00%%3A00%%3A00Z")
            .to_string()
    };
    for (line, days) in asked.iter().zip((0..=DAYS).rev()) {
        assert!(line.contains(&day(days)), "{line} for {}", day(days));
    }
}

/// A replayable key result of an interface that answers by script, given the day that it is asked about.
fn interface(answer: impl Fn(&str) -> Vec<Act> + Send + Sync + 'static) -> (Wire, Home) {
    let wire = on_air(Wire::plain(move |asked| answer(&asked.target)));
    let source = format!("[sources.api]\ntype = \"http\"\nurl = \"{}\"\n", wire.url());
    let measure = "schedule = \"0 0 * * *\"\n\
         measure = { source = \"api\", path = \"/n\", query = { to = \"{now}\" }, value = \"/n\" }";
    let home = Home::new(&[
        ("okrd.toml", &format!("{DAEMON}{source}")),
        ("okrs/team.toml", &growth(&[&key_result("orders", measure)])),
    ]);
    (wire, home)
}

fn day(days: i64) -> String {
    midnight(days).strftime("to=%Y-%m-%d").to_string()
}

#[test]
fn after_three_troubles_in_a_row_it_stops_and_says_how_to_go_on() {
    let down = Arc::new(AtomicBool::new(true));
    let is_down = Arc::clone(&down);
    let (good, bad) = ([day(10), day(9), day(7)], wire::json(503, "{}"));
    let (wire, home) = interface(move |target| {
        let known = good.iter().any(|day| target.contains(day));
        if known || !is_down.load(Ordering::SeqCst) {
            wire::json(200, "{\"n\": 1}")
        } else {
            bad.clone()
        }
    });
    let from = midnight(DAYS).to_string();
    let done = home
        .ends(1, &["backfill", ID, "--from", &from, "--format", "json"])
        .out;
    // Two numbers, a trouble, a number, three troubles.
    assert_eq!(counts(&done), [11, 0, 7, 3, 4]);
    assert_eq!(json(&done)["fault"]["class"], "http_5xx", "{done}");
    let stopped = json(&done)["stopped"].as_str().unwrap().to_owned();
    assert!(
        stopped.contains("failed 3 times in a row: run it again once it works"),
        "{stopped}"
    );
    assert!(
        !wire
            .asked()
            .iter()
            .any(|asked| asked.target.contains(&day(3)))
    );
    let told = home.ends(1, &["backfill", ID, "--from", &from]).out;
    assert!(
        told.contains("\nstopped: source api failed 3 times"),
        "{told}"
    );
    down.store(false, Ordering::SeqCst);
    assert_eq!(backfill(&home, 0, &["--from", &from]), [11, 3, 8, 8, 0]);
    assert_eq!(home.history(ID).len(), 11);
}

#[test]
fn ended_by_a_signal_it_keeps_what_it_has_and_goes_on_the_next_time() {
    let open = Arc::new(AtomicBool::new(false));
    let is_open = Arc::clone(&open);
    let stalls = day(6);
    let (wire, home) = interface(move |target| {
        if target.contains(&stalls) && !is_open.load(Ordering::SeqCst) {
            return vec![Act::Stall];
        }
        wire::json(200, "{\"n\": 1}")
    });
    let from = midnight(DAYS).to_string();
    let running = home.spawn(&["backfill", ID, "--from", &from, "--format", "json"]);
    within(PATIENT, "it waits for the fifth answer", || {
        let asked = wire.asked();
        asked
            .iter()
            .any(|asked| asked.target.contains(&day(6)))
            .then_some(())
    });
    running.signal(Signal::INT);
    let (code, log) = running.wait();
    assert_eq!(code, 1, "{log}");
    assert!(!log.contains("error") && !log.contains("panicked"), "{log}");
    let done = std::fs::read_to_string(home.path("daemon-0.out")).unwrap();
    assert_eq!(counts(&done), [11, 0, 4, 4, 0]);
    let stopped = json(&done)["stopped"].as_str().unwrap().to_owned();
    assert!(
        stopped.contains("ended by a signal: run it again"),
        "{stopped}"
    );
    assert_eq!(home.history(ID).len(), 4, "kept");
    open.store(true, Ordering::SeqCst);
    assert_eq!(backfill(&home, 0, &["--from", &from]), [11, 4, 7, 7, 0]);
    let of = |days: i64| {
        let asked = wire.asked();
        asked
            .iter()
            .filter(|asked| asked.target.contains(&day(days)))
            .count()
    };
    assert_eq!([of(10), of(7), of(6), of(5), of(0)], [1, 1, 2, 1, 1]);
}
