//! The store against sudden death and a disk that refuses, in processes of their own: what was acknowledged is there.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::civil::date;
use jiff::tz::TimeZone;
use okrd::domain::cycle::Cycle;
use okrd::domain::fault::{Fault, FaultClass};
use okrd::domain::id::{CycleName, KeyResultId};
use okrd::domain::reading::Reading;
use okrd::store::{Entry, Origin, Reader, Store, StoreError};

/// Names the database to a child; in the parent's own run it is not set, and the children's tests do nothing.
const DATABASE: &str = "OKRD_TEST_KILLED_STORE";
/// The first place of the ledger that a child is to write.
const NEXT: &str = "OKRD_TEST_NEXT";
const ROUNDS: u64 = 200;
/// Begun anew so often, so that creation is killed too and the checks between stay short.
const STORES: u64 = 8;
const KEY_RESULTS: u64 = 4;

static CYCLE: LazyLock<Arc<Cycle>> = LazyLock::new(|| {
    let name = CycleName::parse("2026-Q4").unwrap();
    let (first, last) = (date(2026, 10, 1), date(2026, 12, 31));
    Arc::new(Cycle::new(name, first, last, TimeZone::UTC).unwrap())
});

fn start() -> Timestamp {
    "2026-10-01T00:00:00Z".parse().unwrap()
}

fn key_result(number: u64) -> KeyResultId {
    KeyResultId::parse_full(&format!("2026-Q4:growth/kr{number}")).unwrap()
}

/// The `number`th entry of the ledger: every fifth a fault, every other a number that tells its own place.
fn entry(number: u64) -> Entry {
    let slot = start() + Duration::from_secs(number);
    Entry {
        key_result: key_result(number % KEY_RESULTS),
        slot,
        started_at: slot + Duration::from_millis(5),
        took: Duration::from_millis(3),
        tries: 1,
        definition: "d1".into(),
        cycle: Arc::clone(&CYCLE),
        origin: Origin::Polled,
        outcome: if number % 5 == 4 {
            Err(Fault::new(FaultClass::Net, format!("{number}")))
        } else {
            Ok(Reading::new(f64::from(u32::try_from(number).unwrap())).unwrap())
        },
    }
}

/// What the store holds, by the place in the ledger: whether a measurement or a fault.
fn held(database: &Path) -> HashMap<u64, bool> {
    let reader = Reader::open(database).unwrap();
    assert_eq!(reader.integrity().unwrap(), [] as [String; 0]);
    let place = |slot: Timestamp| u64::try_from(slot.duration_since(start()).as_secs()).unwrap();
    let mut held = HashMap::new();
    for number in 0..KEY_RESULTS {
        let id = key_result(number);
        for found in reader.series(&id, None, None).unwrap() {
            let place = place(found.slot);
            assert_eq!(Ok(found.value), entry(place).outcome.map(|r| r.value));
            assert_eq!(held.insert(place, true), None);
        }
        for found in reader.attempts(&id, None, None).unwrap() {
            let place = place(found.slot);
            assert_eq!(
                found.outcome.unwrap_err(),
                entry(place).outcome.unwrap_err()
            );
            assert_eq!(held.insert(place, false), None);
        }
    }
    held
}

/// Runs one test of this very program in a process of its own, through a shell that may set limits first.
fn child(test: &str, database: &Path, limits: &str) -> Child {
    Command::new("sh")
        .arg("-c")
        .arg(format!(
            "{limits} exec \"$0\" --exact {test} --nocapture --test-threads=1"
        ))
        .arg(std::env::current_exe().unwrap())
        .env(DATABASE, database)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
}

/// Says a line to the parent at once, past the test harness, which may have left a line unfinished.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "\n{line}").unwrap();
    out.flush().unwrap();
}

/// Not a test of its own: appends groups from several tasks and says the last place of each once acknowledged.
#[test]
fn child_appends_until_killed() {
    let Some(database) = std::env::var_os(DATABASE) else {
        return;
    };
    let store = Store::open(Path::new(&database), "0.0.1", start()).unwrap();
    runtime().block_on(async {
        let mut next: u64 = std::env::var(NEXT).unwrap().parse().unwrap();
        loop {
            let groups = (1..=3).map(|size| {
                let numbers: Vec<u64> = (next..next + size).collect();
                next += size;
                let store = store.clone();
                async move {
                    let entries = numbers.iter().map(|n| entry(*n)).collect();
                    store.append(entries).await.unwrap();
                    for number in numbers {
                        say(&format!("kept {number}"));
                    }
                }
            });
            futures_util::future::join_all(groups).await;
        }
    });
}

/// One life of a writer: what it acknowledged from `next` on before it was killed, `wait` after it started or after
/// its first acknowledgement.
fn live_and_die(database: &Path, next: u64, wait: Duration, while_opening: bool) -> Vec<u64> {
    let mut writer = child(
        "child_appends_until_killed",
        database,
        &format!("{NEXT}={next}"),
    );
    let mut lines = BufReader::new(writer.stdout.take().unwrap()).lines();
    let number = |line: String| line.strip_prefix("kept ")?.parse::<u64>().ok();
    let mut acknowledged = Vec::new();
    if !while_opening {
        acknowledged.extend(lines.by_ref().map_while(Result::ok).find_map(number));
        assert_eq!(acknowledged.len(), 1, "the writer ended by itself");
    }
    let killer = std::thread::spawn(move || {
        std::thread::sleep(wait);
        writer.kill().unwrap();
        writer.wait().unwrap()
    });
    acknowledged.extend(lines.map_while(Result::ok).filter_map(number));
    assert_eq!(
        killer.join().unwrap().code(),
        None,
        "it died of something else"
    );
    acknowledged
}

#[test]
fn f39_nothing_acknowledged_is_lost_to_sigkill() {
    let mut random = u64::from(std::process::id()).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let began = Instant::now();
    let mut total = 0;
    for _ in 0..STORES {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("okrd.db");
        let (mut acknowledged, mut next) = (Vec::new(), 0);
        for round in 0..ROUNDS / STORES {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let while_opening = round % 4 == 0;
            let wait = Duration::from_micros(random % if while_opening { 40_000 } else { 60_000 });
            acknowledged.extend(live_and_die(&database, next, wait, while_opening));
            if !database.exists() {
                // Killed before the new file had its name: the next writer begins again.
                assert!(acknowledged.is_empty());
                continue;
            }
            let held = held(&database);
            let lost: Vec<_> = acknowledged
                .iter()
                .filter(|n| !held.contains_key(n))
                .collect();
            assert!(lost.is_empty(), "round {round} lost {lost:?}");
            // Groups are whole and in order: no gap up to the newest.
            next = held.keys().max().map_or(0, |last| last + 1);
            assert_eq!(next, held.len() as u64);
        }
        total += acknowledged.len();
    }
    let took = began.elapsed();
    assert!(total as u64 > ROUNDS, "{total}");
    assert!(took < Duration::from_secs(60), "{took:?}");
}

/// Not a test of its own: fills the store up to the limit the shell set, then lifts it and goes on.
#[test]
fn child_meets_the_file_size_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let Some(database) = std::env::var_os(DATABASE) else {
        return;
    };
    let store = Store::open(Path::new(&database), "0.0.1", start()).unwrap();
    let many = |from: u64| (from..from + 100).map(entry).collect::<Vec<_>>();
    runtime().block_on(async {
        let mut next = 0;
        let error = loop {
            match store.append(many(next)).await {
                Ok(()) => next += 100,
                Err(error) => break error,
            }
        };
        assert!(
            matches!(error, StoreError::Io { .. } | StoreError::Full { .. }),
            "{error}"
        );
        assert!(next > 0);
        // The log is begun anew where it can be, so that some more may fit; in the end all is refused. What was acknowledged
        // is there, what was refused is not, and reading goes on working.
        let mut refused = 0;
        while refused < 3 {
            match store.append(many(next)).await {
                Ok(()) => (next, refused) = (next + 100, 0),
                Err(_) => refused += 1,
            }
            assert_eq!(held(Path::new(&database)).len() as u64, next);
        }
        let mut limit = getrlimit(Resource::Fsize);
        limit.current = limit.maximum;
        setrlimit(Resource::Fsize, limit).unwrap();
        store.append(many(next)).await.unwrap();
        assert_eq!(held(Path::new(&database)).len() as u64, next + 100);
        store.close().await.unwrap();
    });
    say("kept 1");
}

#[test]
fn f42_a_file_size_limit_is_an_error_now_and_none_once_lifted() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("okrd.db");
    // The signal of the limit ends a process unless it is ignored, as okrd does at its start.
    let limits = "trap '' XFSZ; ulimit -S -f 800;";
    let writer = child("child_meets_the_file_size_limit", &database, limits);
    let output = writer.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("kept 1"), "{said}");
}

/// Not a test of its own: brings the store to the newest schema and says so.
#[test]
fn child_migrates() {
    let Some(database) = std::env::var_os(DATABASE) else {
        return;
    };
    let store = Store::open(Path::new(&database), "0.0.1", start()).unwrap();
    say("migrated");
    runtime().block_on(store.close()).unwrap();
}

/// Killed anywhere on the way from the first version to the newest, a store is of some version in between, sound and with
/// all its values; the next start goes on from there.
#[test]
fn f49_a_migration_killed_at_any_moment_is_carried_on() {
    let first = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stores/version_1.sqlite");
    let look = |database: &Path| -> (i64, i64) {
        let store = rusqlite::Connection::open(database).unwrap();
        let sound: String = store
            .query_row("PRAGMA integrity_check", [], |row| row.get(0))
            .unwrap();
        assert_eq!(sound, "ok");
        let values = store
            .query_row("SELECT count(*) FROM measurement", [], |row| row.get(0))
            .unwrap();
        let version = store.pragma_query_value(None, "user_version", |row| row.get(0));
        (version.unwrap(), values)
    };
    let newest = {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("okrd.db");
        drop(Store::open(&database, "0.0.1", start()).unwrap());
        look(&database).0
    };
    let mut random = u64::from(std::process::id()).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let (mut cut_short, mut rounds) = (0, 0);
    while rounds < 40 {
        rounds += 1;
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("okrd.db");
        std::fs::copy(&first, &database).unwrap();
        let mut child = child("child_migrates", &database, "");
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        std::thread::sleep(Duration::from_micros(random % 60_000));
        child.kill().unwrap();
        child.wait().unwrap();
        let (version, values) = look(&database);
        assert!((1..=newest).contains(&version), "{version}");
        assert_eq!(values, 13);
        cut_short += usize::from(version < newest);
        drop(Store::open(&database, "0.0.1", start()).unwrap());
        assert_eq!(look(&database), (newest, 13));
    }
    assert!(cut_short > 0, "some were cut short");
}
