//! The store: 10,000 values in one group commit beside plain rusqlite inserting as many rows into one plain table in
//! one transaction, a lone write beside a lone transaction, and what a start has to read.
#![expect(
    clippy::unwrap_used,
    reason = "a benchmark that cannot go on must stop loudly"
)]

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::civil::date;
use jiff::tz::TimeZone;
use okrd::cli::configuration;
use okrd::domain::cycle::Cycle;
use okrd::domain::goals::Goals;
use okrd::domain::id::{CycleName, KeyResultId};
use okrd::domain::reading::Reading;
use okrd::store::{Entry, Origin, Reader, Store};
use rusqlite::{Connection, params};
use tokio::runtime::{Builder, Runtime};

mod verdict;
use verdict::{Verdict, ms, quantile};

const ENTRIES: usize = 10_000;
const ROUNDS: usize = 7;

fn main() -> ExitCode {
    let mut verdict = Verdict::default();
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    group_commit(&mut verdict, &runtime);
    lone_writes(&verdict, &runtime);
    start(&verdict, &runtime);
    verdict.end()
}

/// A round of 10,000 key results, the first time (all names new) and then with names the store knows.
fn group_commit(verdict: &mut Verdict, runtime: &Runtime) {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let mut plain = plain_table(folder.path());
    let (mut ours, mut base) = (Vec::new(), Vec::new());
    for number in 0..=ROUNDS {
        let entries = round(number, ENTRIES);
        let began = Instant::now();
        runtime.block_on(store.append(entries)).unwrap();
        ours.push(began.elapsed());
        let began = Instant::now();
        insert(&mut plain, number, ENTRIES);
        base.push(began.elapsed());
    }
    let (new, known) = (ours.remove(0), quantile(&mut ours, 0.5));
    let base = quantile(&mut base[1..], 0.5);
    let what = "10,000 values on disk in one group commit";
    verdict.below(what, ms(known), 100.0, "ms");
    verdict.tell(
        "  the same, every key result seen for the first time",
        &format!("{:.1} ms", ms(new)),
    );
    let ratio = known.as_secs_f64() / base.as_secs_f64();
    let told = format!("{:.1} ms, ours {ratio:.1} times as long", ms(base));
    verdict.tell(
        "  baseline: 10,000 rows into one plain table by rusqlite",
        &told,
    );
}

fn lone_writes(verdict: &Verdict, runtime: &Runtime) {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let mut plain = plain_table(folder.path());
    let (mut ours, mut base) = (Vec::new(), Vec::new());
    for number in 0..50 {
        let began = Instant::now();
        runtime.block_on(store.append(round(number, 1))).unwrap();
        ours.push(began.elapsed());
        let began = Instant::now();
        insert(&mut plain, number, 1);
        base.push(began.elapsed());
    }
    let (ours, base) = (quantile(&mut ours, 0.5), quantile(&mut base, 0.5));
    let told = format!("{:.2} ms, plain rusqlite {:.2} ms", ms(ours), ms(base));
    verdict.tell("one value on disk, median of 50", &told);
}

/// What a daemon reads at its start: 1,000 key results with two days of a poll each quarter of an hour.
fn start(verdict: &Verdict, runtime: &Runtime) {
    let folder = tempfile::tempdir().unwrap();
    let goals = goals(folder.path());
    let store = open(folder.path());
    for number in 0..192 {
        let mut entries = round(number, 1000);
        for (entry, (_, key_result)) in entries.iter_mut().zip(goals.key_results()) {
            entry.key_result = key_result.id.clone();
            entry.definition = key_result.definition.as_str().into();
        }
        runtime.block_on(store.append(entries)).unwrap();
    }
    let began = Instant::now();
    let loaded = store.load(&goals).unwrap();
    let took = began.elapsed();
    assert_eq!(loaded.last_slot.len(), 1000);
    let what = "the history of 1,000 key results for a start, 192,000 values kept";
    verdict.tell(what, &format!("{:.1} ms", ms(took)));
    let reader = Reader::open(&folder.path().join("okrd.db")).unwrap();
    let began = Instant::now();
    assert_eq!(
        reader.series(&key_result(7), None, None).unwrap().len(),
        192
    );
    verdict.tell(
        "one series of 192 values",
        &format!("{:.1} ms", ms(began.elapsed())),
    );
}

fn open(folder: &Path) -> Store {
    Store::open(&folder.join("okrd.db"), "bench", first_slot()).unwrap()
}

fn first_slot() -> Timestamp {
    "2026-11-01T00:00:00Z".parse().unwrap()
}

fn key_result(number: usize) -> KeyResultId {
    KeyResultId::parse_full(&format!("life:growth/kr{number}")).unwrap()
}

/// The cycle of all of them.
fn life() -> Arc<Cycle> {
    let name = CycleName::parse("life").unwrap();
    let (first, last) = (date(2026, 10, 1), date(2099, 12, 31));
    Arc::new(Cycle::new(name, first, last, TimeZone::UTC).unwrap())
}

/// One value for each of so many key results.
fn round(number: usize, entries: usize) -> Vec<Entry> {
    let slot = first_slot() + Duration::from_secs(900 * number as u64);
    let reading = Reading::whole(number as i128);
    let cycle = life();
    (0..entries)
        .map(|kr| Entry {
            key_result: key_result(kr),
            slot,
            started_at: slot,
            took: Duration::from_millis(40),
            tries: 1,
            definition: "d1".into(),
            cycle: Arc::clone(&cycle),
            origin: Origin::Polled,
            outcome: Ok(reading.clone()),
        })
        .collect()
}

/// The goals that those values are for, as a daemon reads them.
fn goals(folder: &Path) -> Goals {
    use std::fmt::Write;
    let daemon =
        "include = [\"many.toml\"]\n[cycles.life]\nstarts = 2026-10-01\nends = 2099-12-31\n";
    let mut many = String::from("cycle = \"life\"\n[objectives.growth]\ntitle = \"Grow\"\n");
    for number in 0..1000 {
        writeln!(
            many,
            "[objectives.growth.key_results.kr{number}]\ntitle = \"One of many\"\nunit = \"things\"\n\
             baseline = 0\ntarget = 1000"
        )
        .unwrap();
    }
    let path = folder.join("okrd.toml");
    std::fs::write(&path, daemon).unwrap();
    std::fs::write(folder.join("many.toml"), many).unwrap();
    configuration::valid(Some(&path)).ok().unwrap().goals
}

/// What somebody would write who only wants to keep values: the same durability, no method.
fn plain_table(folder: &Path) -> Connection {
    let plain = Connection::open(folder.join("plain.db")).unwrap();
    plain.pragma_update(None, "journal_mode", "wal").unwrap();
    plain.pragma_update(None, "synchronous", "full").unwrap();
    plain
        .execute_batch("CREATE TABLE sample (kr TEXT, slot INTEGER, value REAL, PRIMARY KEY (kr, slot)) WITHOUT ROWID")
        .unwrap();
    plain
}

fn insert(plain: &mut Connection, number: usize, entries: usize) {
    let transaction = plain.transaction().unwrap();
    let mut insert = transaction
        .prepare_cached("INSERT INTO sample VALUES (?, ?, ?)")
        .unwrap();
    for kr in 0..entries {
        let value = number as f64;
        insert
            .execute(params![
                format!("life:growth/kr{kr}"),
                i64::try_from(number).unwrap(),
                value
            ])
            .unwrap();
    }
    drop(insert);
    transaction.commit().unwrap();
}
