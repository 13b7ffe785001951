//! A day of work in a quarter of an hour: two hundred key results, a poll a minute, sources that fail in every way, readers
//! and reloads all along. What the daemon holds (memory, file descriptors, the store's log) must stay as it was.
//! The clock of the program alone runs faster, by libfaketime; what it talks to does not.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::fakes::wire::{self, Act, Asked, Wire, respond};
use crate::home::{DAEMON, Daemon, Home, SHOP, counted, growth, key_result, on_air};

/// How much faster the day goes by.
const FASTER: u64 = 100;
/// How long it is.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// The real time between two looks.
const LOOK: Duration = Duration::from_secs(2);
/// The log is cut back to this size when it is checkpointed.
const LOG: u64 = 64 << 20;

const LIBRARY: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";

/// What the daemon holds at an instant.
#[derive(Clone, Copy, Debug)]
struct Held {
    resident: u64,
    descriptors: u64,
    log: u64,
}

fn held(daemon: &Daemon, home: &Home) -> Held {
    let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.id())).unwrap();
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"));
    let kib: u64 = line
        .unwrap()
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .unwrap();
    let open = std::fs::read_dir(format!("/proc/{}/fd", daemon.id())).unwrap();
    Held {
        resident: kib << 10,
        descriptors: open.count() as u64,
        log: std::fs::metadata(home.path("okrd.db-wal")).map_or(0, |log| log.len()),
    }
}

/// A server with moods: which it is in depends on what is asked and on how often it was asked.
fn moody(asked: &Asked, turn: usize) -> Vec<Act> {
    let number = asked.target.bytes().map(usize::from).sum::<usize>() + turn;
    let good = || wire::json(200, &format!("{{\"n\": {}}}", number % 1000));
    match number % 23 {
        0 => wire::json(500, "{}"),
        1 => vec![Act::Reset],
        2 => vec![wire::head("Content-Length: 100\r\n"), Act::Stall],
        3 => vec![wire::head(""), Act::Flood(vec![b' '; 65536])],
        4 => respond(200, &[("Content-Type", "text/html")], b"<p>Log in</p>"),
        5 => wire::json(200, "{\"n\": null}"),
        6 => vec![
            wire::head("Content-Encoding: gzip\r\n"),
            Act::Send(wire::gzip_bomb(32 << 20)),
        ],
        _ => good(),
    }
}

fn world(url: &str, key_results: usize) -> (String, String) {
    let daemon = DAEMON
        .replace("every 12h", "* * * * *")
        .replace("jitter = \"0s\"", "jitter = \"30s\"");
    let mut sources = format!("{daemon}{SHOP}");
    let mut okrs = Vec::new();
    for n in 0..key_results {
        if n % 2 == 0 {
            okrs.push(counted(&format!("kr{n}"), 7));
            continue;
        }
        let source = n % 10;
        okrs.push(key_result(
            &format!("kr{n}"),
            &format!("measure = {{ source = \"web{source}\", path = \"/{n}\", value = \"/n\" }}"),
        ));
    }
    for n in (1..10).step_by(2) {
        sources.push_str(&format!(
            "[sources.web{n}]\ntype = \"http\"\nurl = \"{url}\"\n"
        ));
    }
    let okrs: Vec<&str> = okrs.iter().map(String::as_str).collect();
    (sources, growth(&okrs))
}

#[test]
#[ignore = "long: a day in a quarter of an hour"]
#[expect(clippy::print_stderr, reason = "a long run tells how it went")]
fn long_a_day_of_faults_leaves_memory_descriptors_and_log_as_they_were() {
    assert!(
        std::path::Path::new(LIBRARY).exists(),
        "{LIBRARY} is missing: install faketime"
    );
    let turns = std::sync::atomic::AtomicUsize::new(0);
    let server = on_air(Wire::plain(move |asked| {
        let turn = turns.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        moody(asked, turn / 7)
    }));
    let (sources, okrs) = world(&server.url(), 200);
    let mut home = Home::new(&[("okrd.toml", &sources), ("okrs/team.toml", &okrs)]);
    home.make_shop();
    home.set("LD_PRELOAD", LIBRARY);
    home.set("FAKETIME", &format!("+0 x{FASTER}"));
    let daemon = home.start();
    let (begun, whole) = (Instant::now(), DAY / u32::try_from(FASTER).unwrap());
    let mut seen = Vec::new();
    while begun.elapsed() < whole {
        std::thread::sleep(LOOK);
        for path in ["/metrics", "/", "/api/v1/scorecard"] {
            assert_eq!(daemon.get(path).status, 200, "{path}");
        }
        // Every other look another configuration: one more key result, one less.
        let more = counted("more", 9);
        let changed = if seen.len() % 2 == 0 {
            more
        } else {
            String::new()
        };
        home.write("okrs/team.toml", &format!("{okrs}{changed}"));
        daemon.signal(Signal::HUP);
        seen.push(held(&daemon, &home));
    }
    let polls: f64 = daemon
        .metrics()
        .0
        .lines()
        .filter(|line| line.starts_with("okrd_source_polls_total{"))
        .filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok())
        .sum();
    daemon.end();
    home.ends(0, &["store", "verify"]);

    // The first quarter fills caches and pools; after it nothing grows.
    let quarter = |n: usize| &seen[seen.len() * n / 4..seen.len() * (n + 1) / 4];
    let most = |n: usize, of: fn(&Held) -> u64| quarter(n).iter().map(of).max().unwrap();
    for n in 0..4 {
        eprintln!(
            "quarter {}: {} MiB resident, {} descriptors, {} KiB of log at most",
            n + 1,
            most(n, |h| h.resident) >> 20,
            most(n, |h| h.descriptors),
            most(n, |h| h.log) >> 10
        );
    }
    eprintln!("{polls} polls, {} connections", server.connections());
    assert!(polls > 20_000.0, "{polls} polls: the day did not go by");
    let slack = 8 << 20;
    assert!(
        most(3, |h| h.resident) <= most(1, |h| h.resident) * 11 / 10 + slack,
        "memory grows"
    );
    assert!(
        most(3, |h| h.descriptors) <= most(1, |h| h.descriptors) + 8,
        "descriptors leak"
    );
    assert!(seen.iter().all(|held| held.log <= LOG), "the log grows");
}
