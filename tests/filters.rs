//! Filters that loop, eat the memory or overflow the stack: each costs its own poll and nothing else. A test program of
//! its own, because it counts the processes that it started.
#![allow(
    clippy::unwrap_used,
    clippy::float_cmp,
    reason = "a test that finds nothing to unwrap has failed"
)]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use okrd::config::spec::{Empty, Extract};
use okrd::domain::fault::{Fault, FaultClass};
use okrd::domain::reading::Reading;
use okrd::source::extract::Rule;
use okrd::source::worker::Workers;
use rustix::process::{Pid, Signal, kill_process};

const PATIENT: Duration = Duration::from_secs(60);

/// Ends one day, but on no machine within a test.
const ENDLESS: &str =
    "reduce (.[] as $a | .[] as $b | .[] as $c | .[] as $d | .[] as $e | 1) as $x (0; . + 1)";

fn rule(value: &str) -> Rule {
    Rule {
        value: Extract::Jq(value.into()),
        fail_if: None,
        require: None,
        empty: Empty::Error,
        as_of: None,
        quality: Vec::new(),
    }
}

async fn read(
    workers: &Workers,
    value: &str,
    body: &str,
    within: Duration,
) -> Result<Reading, Fault> {
    let moments = vec![String::new(); 6];
    let body = body.as_bytes();
    workers.read(&rule(value), &moments, body, within).await
}

fn hundred() -> String {
    format!("[{}0]", "0,".repeat(99))
}

/// The workers that this process started and that have not ended.
fn alive() -> Vec<Pid> {
    let mine = |entry: &Path| {
        let words = std::fs::read(entry.join("cmdline")).ok()?;
        let status = std::fs::read_to_string(entry.join("status")).ok()?;
        let parent = format!("PPid:\t{}\n", std::process::id());
        let is_mine = words == b"okrd\0jq-worker\0" && status.contains(&parent);
        let id = entry.file_name()?.to_str()?.parse().ok()?;
        is_mine.then(|| Pid::from_raw(id)).flatten()
    };
    let entries = std::fs::read_dir("/proc").unwrap();
    entries
        .filter_map(|entry| mine(&entry.unwrap().path()))
        .collect()
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENT;
    while !holds() {
        assert!(Instant::now() < end, "never: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// All in one test, because it counts the processes of this test program.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn filters_that_cannot_be_stopped_end_with_their_process() {
    let workers = Arc::new(Workers::new(env!("CARGO_BIN_EXE_okrd").into()));
    overflowing_filters_fail_alone(&workers).await;
    late_filters_are_killed(&workers).await;
    signals_for_the_daemon_do_not_reach_workers(&workers).await;
    workers_end_with_their_owner(workers).await;
    a_program_that_is_no_worker_is_a_fault_of_okrd().await;
}

async fn overflowing_filters_fail_alone(workers: &Workers) {
    let deep = "reduce range(2000000) as $i (0; [.])";
    let item = r#"{"n":1}"#;
    let many = format!(
        r#"{{"l":[{}{item}],"a":1}}"#,
        format!("{item},").repeat(60_000)
    );
    for (filter, body) in [
        (
            "reduce range(400000) as $i (0; [.]) | tojson | length".to_owned(),
            "1",
        ),
        (format!("{deep} | length"), "1"),
        (format!("{deep} | walk(.) | 1"), "1"),
        (format!("\"\\({deep})\" | length"), "1"),
        (r#""x" * 100000000000 | length"#.into(), "1"),
        ("reduce range(37) as $i (\"x\"; . + .) | length".into(), "1"),
        ("reduce .l[] as $i ([]; [., $i.n]) | .a".into(), &many),
    ] {
        match read(workers, &filter, body, PATIENT).await {
            Ok(_) => {}
            Err(fault) => assert_eq!(fault.class, FaultClass::BadValue, "{filter}: {fault}"),
        }
    }
    let fault = read(workers, r#""x" * 100000000000 | length"#, "1", PATIENT).await;
    let fault = fault.unwrap_err();
    assert!(fault.message.contains("memory or stack"), "{fault}");
    assert_eq!(
        read(workers, ".a", r#"{"a":7}"#, PATIENT)
            .await
            .unwrap()
            .value,
        7.0
    );
}

async fn late_filters_are_killed(workers: &Workers) {
    let started = Instant::now();
    let within = Duration::from_millis(300);
    let body = hundred();
    let asked = (0..8).map(|_| read(workers, ENDLESS, &body, within));
    for outcome in futures_util::future::join_all(asked).await {
        let fault = outcome.unwrap_err();
        assert_eq!(fault.class, FaultClass::Timeout, "{fault}");
    }
    assert!(started.elapsed() < Duration::from_secs(10));
    until("no worker is left", || alive().is_empty()).await;
    // The same filter again, on a body that it can cope with, and another.
    assert_eq!(
        read(workers, ENDLESS, "[1]", PATIENT).await.unwrap().value,
        1.0
    );
    assert_eq!(
        read(workers, ".[0]", &body, PATIENT).await.unwrap().value,
        0.0
    );
    assert_eq!(alive().len(), 1, "one after the other needs one worker");
    // A poll that nobody waits for any more leaves nothing running either.
    let given_up = read(workers, ENDLESS, &body, PATIENT);
    assert!(tokio::time::timeout(within, given_up).await.is_err());
    until("the worker given up is gone", || alive().is_empty()).await;
}

async fn signals_for_the_daemon_do_not_reach_workers(workers: &Workers) {
    assert_eq!(read(workers, ".", "1", PATIENT).await.unwrap().value, 1.0);
    let before = alive();
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        kill_process(before[0], signal).unwrap();
    }
    assert_eq!(read(workers, ".", "2", PATIENT).await.unwrap().value, 2.0);
    assert_eq!(alive(), before);
    // One that the system ended while it waited is replaced unnoticed.
    kill_process(before[0], Signal::KILL).unwrap();
    assert_eq!(read(workers, ".", "3", PATIENT).await.unwrap().value, 3.0);
}

async fn workers_end_with_their_owner(workers: Arc<Workers>) {
    assert_eq!(alive().len(), 1);
    drop(workers);
    until("its workers are gone", || alive().is_empty()).await;
}

async fn a_program_that_is_no_worker_is_a_fault_of_okrd() {
    for program in ["/nonexistent/okrd", "/bin/true", "/bin/echo"] {
        let workers = Workers::new(program.into());
        let fault = read(&workers, ".", "1", PATIENT).await.unwrap_err();
        assert_eq!(fault.class, FaultClass::Internal, "{fault}");
    }
}
