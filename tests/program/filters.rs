//! A filter that brings down the process it runs in costs its own poll: the daemon, its other key results and its end
//! notice nothing.

use std::path::Path;
use std::time::Duration;

use crate::fakes::wire::{Wire, json};
use crate::home::{Daemon, Home, PATIENT, every_second, growth, key_result, on_air, within};

/// A daemon that reads `n` by pointer and these by filter, from a source that always answers the same.
fn home(filters: &[(&str, &str)]) -> Home {
    let body = format!(r#"{{"n":7,"list":[{}0]}}"#, "0,".repeat(99));
    let wire = on_air(Wire::always(json(200, &body)));
    let daemon = format!(
        "{}[sources.site]\ntype = \"http\"\nurl = \"{}\"\n",
        every_second().replace("10s", "2s"),
        wire.url()
    );
    // It serves as long as the test program lives.
    std::mem::forget(wire);
    let measured = |id: &str, value: &str| {
        let measure = format!("measure = {{ source = \"site\", value = '{value}' }}");
        key_result(id, &measure)
    };
    let mut key_results = vec![measured("pointer", "/n")];
    key_results.extend(filters.iter().map(|(id, value)| measured(id, value)));
    let key_results: Vec<&str> = key_results.iter().map(String::as_str).collect();
    Home::new(&[
        ("okrd.toml", &daemon),
        ("okrs/team.toml", &growth(&key_results)),
    ])
}

/// The workers of this daemon.
fn workers(daemon: &Daemon) -> Vec<String> {
    let parent = format!("PPid:\t{}\n", daemon.id());
    let is_worker = |entry: &Path| {
        let words = std::fs::read(entry.join("cmdline")).unwrap_or_default();
        let status = std::fs::read_to_string(entry.join("status")).unwrap_or_default();
        words == b"okrd\0jq-worker\0" && status.contains(&parent)
    };
    let entries = std::fs::read_dir("/proc").unwrap();
    let folders = entries.map(|entry| entry.unwrap().path());
    let found = folders.filter(|folder| is_worker(folder));
    found.map(|folder| folder.display().to_string()).collect()
}

fn gone(workers: &[String]) {
    within(PATIENT, "the workers are gone", || {
        let left = workers.iter().find(|folder| Path::new(folder).exists());
        left.is_none().then_some(())
    });
}

#[test]
fn a_filter_that_overflows_fails_alone_and_the_daemon_goes_on() {
    let huge = "\"x\" * 100000000000 | length";
    let home = home(&[("huge", huge), ("good", ".list | length")]);
    let daemon = home.start();
    assert_eq!(daemon.value("growth/good"), 100.0);
    assert_eq!(daemon.value("growth/pointer"), 7.0);
    let labels = [("source", "site"), ("reason", "bad_value")];
    daemon.until("it failed twice", |m| {
        m.sample("okrd_source_poll_failures_total", &labels) > Some(1.0)
    });
    assert_eq!(daemon.metrics().value("growth/huge"), None);
    let log = daemon.end();
    assert!(log.contains("more memory or stack"), "{log}");
}

#[test]
fn workers_start_with_the_first_filter_and_end_with_the_daemon() {
    let without = home(&[]);
    let daemon = without.start();
    assert_eq!(daemon.value("growth/pointer"), 7.0);
    assert!(workers(&daemon).is_empty(), "nobody asked for a filter");
    daemon.end();

    let with = home(&[("good", ".list | length")]);
    let daemon = with.start();
    assert_eq!(daemon.value("growth/good"), 100.0);
    let at_work = workers(&daemon);
    assert!((1..=2).contains(&at_work.len()), "{at_work:?}");
    daemon.end();
    gone(&at_work);

    let endless = "reduce (.list as $l | $l[] as $a | $l[] as $b | $l[] as $c | $l[] as $d | $l[] as $e | 1) as $x (0; . + 1)";
    let stuck = home(&[("endless", endless)]);
    let daemon = stuck.start();
    let at_work = within(PATIENT, "a worker is at work", || {
        Some(workers(&daemon)).filter(|found| !found.is_empty())
    });
    daemon.kill();
    gone(&at_work);
}

#[test]
fn a_filter_that_does_not_end_is_a_timeout_and_not_in_the_way_of_pointers() {
    let endless = "reduce (.list as $l | $l[] as $a | $l[] as $b | $l[] as $c | $l[] as $d | $l[] as $e | 1) as $x (0; . + 1)";
    let ids = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let home = home(&ids.map(|id| (id, endless)));
    let daemon = home.start();
    assert_eq!(daemon.value("growth/pointer"), 7.0);
    let labels = [("source", "site"), ("reason", "timeout")];
    daemon.until("they are late", |m| {
        m.sample("okrd_source_poll_failures_total", &labels) > Some(1.0)
    });
    let ended = std::time::Instant::now();
    daemon.end();
    assert!(ended.elapsed() < Duration::from_secs(8), "it ends at once");
}

#[test]
fn what_okrd_starts_itself_as_is_nothing_for_people() {
    let home = Home::new(&[]);
    assert!(!home.ends(0, &["--help"]).out.contains("jq-worker"));
    // Nobody asks: its input is empty.
    assert_eq!(home.ends(0, &["jq-worker"]).out, "");
}
