//! The daemon killed at any moment: what it showed on /metrics and what `okrd record` acknowledged is on disk.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::fakes::wire::{self, Wire};
use crate::home::{Home, every_second, growth, key_result, on_air};

const ROUNDS: u32 = 200;
const MEASURED: u32 = 12;

/// A source that never gives the same number twice.
fn counter() -> Wire {
    let next = AtomicU32::new(0);
    on_air(Wire::plain(move |_| {
        let n = next.fetch_add(1, Ordering::Relaxed);
        wire::json(200, &format!("{{\"n\": {n}}}"))
    }))
}

fn home(wire: &Wire) -> Home {
    let daemon = every_second();
    let source = format!(
        "[sources.counter]\ntype = \"http\"\nurl = \"{}\"\n",
        wire.url()
    );
    let measure = "measure = { source = \"counter\", value = \"/n\" }";
    let measured = (0..MEASURED).map(|n| key_result(&format!("kr{n}"), measure));
    let all: Vec<String> = measured.chain([key_result("told", "")]).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    Home::new(&[
        ("okrd.toml", &format!("{daemon}{source}")),
        ("okrs/team.toml", &growth(&all)),
    ])
}

/// Values by key result, each with the round in which it was acknowledged.
type Acknowledged = BTreeMap<String, BTreeMap<u32, u32>>;

/// One life: scrapes as fast as it can until the daemon is killed, `wait` after it began to serve.
fn live_and_die(home: &Home, round: u32, wait: Duration, seen: &mut Acknowledged) {
    if round % 5 == 1 {
        // While it still opens the store, takes over the log of the dead one, or looks for its address.
        let daemon = home.spawn(&["run"]);
        std::thread::sleep(wait / 4);
        return daemon.kill();
    }
    let daemon = home.start();
    let end = Instant::now() + wait;
    while Instant::now() < end {
        let answer = daemon.get("/metrics");
        let metrics = crate::home::Metrics(answer.body);
        for n in 0..MEASURED {
            let id = format!("growth/kr{n}");
            if let Some(value) = metrics.value(&id) {
                // The counter gives whole numbers only.
                seen.entry(id).or_default().insert(value as u32, round);
            }
        }
    }
    daemon.kill();
}

#[test]
fn f39_nothing_shown_or_acknowledged_is_lost_to_sigkill() {
    let wire = counter();
    let home = Arc::new(home(&wire));
    // Whoever makes the store holds it for a moment; from then on daemon and command never wait for each other.
    home.ends(0, &["record", "growth/told", "0"]);
    let ended = Arc::new(AtomicBool::new(false));
    let recorder = std::thread::spawn({
        let (home, ended) = (Arc::clone(&home), Arc::clone(&ended));
        move || {
            let mut told = BTreeMap::new();
            for n in 0.. {
                if ended.load(Ordering::Relaxed) {
                    break;
                }
                let done = home.okrd(&["record", "growth/told", &n.to_string()]);
                match done.code {
                    0 => drop(told.insert(n, 0)),
                    _ => panic!("{done:?}"),
                }
            }
            told
        }
    });
    let mut random = u64::from(std::process::id()).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut seen = Acknowledged::new();
    for round in 0..ROUNDS {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        // The first polls are answered within the first tenths of a second, the next ones come each second.
        let longest = if round % 8 == 0 { 1_500 } else { 300 };
        live_and_die(
            &home,
            round,
            Duration::from_millis(random % longest),
            &mut seen,
        );
    }
    ended.store(true, Ordering::Relaxed);
    seen.insert("growth/told".into(), recorder.join().unwrap());

    let mut count = 0;
    for (id, values) in &seen {
        let kept = home.history(id);
        let is_kept = |value: &u32| kept.contains(&f64::from(*value));
        let lost: Vec<_> = values.iter().filter(|(value, _)| !is_kept(value)).collect();
        assert!(
            lost.is_empty(),
            "{id}: value and round of what was lost: {lost:?}"
        );
        count += values.len();
    }
    let told = seen["growth/told"].len();
    assert!(
        count - told > 5 * MEASURED as usize && told > 20,
        "{count} seen, {told} told"
    );
    let store = rusqlite::Connection::open(home.path("okrd.db")).unwrap();
    let sound: String = store
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(sound, "ok");
}
