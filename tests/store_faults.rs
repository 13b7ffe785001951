//! The store on a disk that fails: power that goes at any write, a log cut off or flipped anywhere, and every single call to
//! the disk refused once. What was acknowledged is there, what was refused is there whole or not at all, and the store goes
//! on by itself once the disk does.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use faulty_disk::{Call, Event, Fate, Files, Lasting};
use jiff::Timestamp;
use jiff::civil::date;
use jiff::tz::TimeZone;
use okrd::config::spec::{StoreSpec, Synchronous};
use okrd::domain::cycle::Cycle;
use okrd::domain::id::{CycleName, KeyResultId};
use okrd::domain::reading::Reading;
use okrd::store::{Entry, Origin, Reader, Store, StoreError};

/// There is one disk for all connections of this process.
static DISK: Mutex<()> = Mutex::new(());

static CYCLE: LazyLock<Arc<Cycle>> = LazyLock::new(|| {
    let name = CycleName::parse("2026-Q4").unwrap();
    let (first, last) = (date(2026, 10, 1), date(2026, 12, 31));
    Arc::new(Cycle::new(name, first, last, TimeZone::UTC).unwrap())
});

fn start() -> Timestamp {
    "2026-10-01T00:00:00Z".parse().unwrap()
}

fn key_result() -> KeyResultId {
    KeyResultId::parse_full("2026-Q4:growth/users").unwrap()
}

/// The `number`th value of all, which tells its own place.
fn entry(number: u32) -> Entry {
    let slot = start() + Duration::from_secs(60 * u64::from(number));
    Entry {
        key_result: key_result(),
        slot,
        started_at: slot,
        took: Duration::from_millis(3),
        tries: 1,
        definition: "d1".into(),
        cycle: Arc::clone(&CYCLE),
        origin: Origin::Polled,
        outcome: Reading::new(f64::from(number)),
    }
}

/// Three values at a time, which are there together or not at all.
fn group(nth: u32) -> Vec<Entry> {
    (3 * nth..3 * nth + 3).map(entry).collect()
}

/// The groups that are in the store, each of them whole.
fn held(database: &Path, what: &str) -> BTreeSet<u32> {
    let reader = Reader::open(database).unwrap_or_else(|e| panic!("{what}: {e}"));
    let values = reader.series(&key_result(), None, None).unwrap();
    let values: BTreeSet<u32> = values.iter().map(|m| m.value as u32).collect();
    let groups: BTreeSet<u32> = values.iter().map(|value| value / 3).collect();
    assert_eq!(
        values.len(),
        3 * groups.len(),
        "{what}: half a group: {values:?}"
    );
    groups
}

fn assert_sound(database: &Path, what: &str) {
    let damage = Reader::open(database).unwrap().integrity().unwrap();
    assert_eq!(damage, [] as [String; 0], "{what}");
}

fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(future)
}

fn lay_out(files: &Files, from: &Path, to: &Path) {
    for (path, bytes) in files {
        let name = path.strip_prefix(from).unwrap();
        std::fs::write(to.join(name), bytes).unwrap();
    }
}

fn is_ours(path: &Path) -> bool {
    let name = path.file_name().unwrap().to_string_lossy();
    // Locks die with the machine, and what processes share is made anew.
    !name.ends_with("-shm") && !name.ends_with(".lock")
}

/// A life of a store: groups are appended and acknowledged, the store is closed and opened again, the log folded in.
/// Gives what was on disk before, what happened, and after how many events which group was acknowledged.
fn life(folder: &Path, spec: &StoreSpec) -> (Files, Vec<Event>, Vec<(usize, u32)>) {
    run(async {
        let store = Store::open_as(spec, "0.0.1", start()).unwrap();
        store.append(group(0)).await.unwrap();
        store.close().await.unwrap();
        let mut before = faulty_disk::files(folder);
        before.retain(|path, _| is_ours(path));
        faulty_disk::begin_journal();
        let mut acknowledged = vec![(0, 0)];
        for life in 0..2 {
            let store = Store::open_as(spec, "0.0.1", start()).unwrap();
            for nth in 1..=6 {
                let nth = life * 6 + nth;
                store.append(group(nth)).await.unwrap();
                acknowledged.push((faulty_disk::events(), nth));
            }
            store.close().await.unwrap();
        }
        (before, faulty_disk::end_journal(), acknowledged)
    })
}

/// Opens what a loss of power left, checks it, and appends to it. Gives how many groups were left.
fn survives(files: &Files, from: &Path, needed: u32, what: &str) -> usize {
    let folder = tempfile::tempdir().unwrap();
    lay_out(files, from, folder.path());
    let database = folder.path().join("okrd.db");
    let store = Store::open(&database, "0.0.1", start()).unwrap_or_else(|e| panic!("{what}: {e}"));
    let groups = held(&database, what);
    let prefix: BTreeSet<u32> = (0..u32::try_from(groups.len()).unwrap()).collect();
    assert_eq!(groups, prefix, "{what}: a prefix of what was committed");
    assert!(
        groups.len() > needed as usize,
        "{what}: {groups:?}, acknowledged up to {needed}"
    );
    run(async {
        store
            .append(group(90))
            .await
            .unwrap_or_else(|e| panic!("{what}: {e}"));
        store.close().await.unwrap();
    });
    assert!(held(&database, what).contains(&90));
    assert_sound(&database, what);
    groups.len()
}

fn random(seed: &mut u64) -> u64 {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    *seed
}

#[test]
fn f40_power_that_goes_at_any_write_takes_nothing_that_was_acknowledged() {
    let _turn = DISK.lock().unwrap_or_else(PoisonError::into_inner);
    faulty_disk::install();
    let folder = tempfile::tempdir().unwrap();
    let spec = StoreSpec::at(folder.path().canonicalize().unwrap().join("okrd.db"));
    let from = spec.path.parent().unwrap().to_owned();
    let (before, events, acknowledged) = life(&from, &spec);
    let syncs = events
        .iter()
        .filter(|e| matches!(e, Event::Sync(_, true)))
        .count();
    assert!(
        syncs > 12 && events.len() > 60,
        "{syncs} syncs of {} events",
        events.len()
    );
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    for at in 0..=events.len() {
        let needed = acknowledged
            .iter()
            .filter(|(behind, _)| *behind <= at)
            .map(|(_, nth)| *nth);
        let needed = needed.max().unwrap();
        // Nothing of what was not synced, half of each write, or by chance: in turns, for there are many moments.
        for fate in [[Some(Fate::Lost), Some(Fate::Torn)][at % 2], None] {
            let files = faulty_disk::after_power_loss(&before, &events[..at], || {
                let chance = [Fate::Kept, Fate::Lost, Fate::Torn];
                fate.unwrap_or(chance[(random(&mut seed) % 3) as usize])
            });
            survives(&files, &from, needed, &format!("event {at} {fate:?}"));
        }
    }
}

/// With `synchronous = "normal"` the last commits may be gone, but what is there is still a prefix of what was committed.
#[test]
fn f40_without_a_sync_for_each_commit_the_last_may_be_lost_and_nothing_else() {
    let _turn = DISK.lock().unwrap_or_else(PoisonError::into_inner);
    faulty_disk::install();
    let folder = tempfile::tempdir().unwrap();
    let from = folder.path().canonicalize().unwrap();
    let spec = StoreSpec {
        synchronous: Synchronous::Normal,
        ..StoreSpec::at(from.join("okrd.db"))
    };
    let (before, events, acknowledged) = life(&from, &spec);
    let mut lost = 0;
    for at in (0..=events.len()).step_by(3) {
        let files = faulty_disk::after_power_loss(&before, &events[..at], || Fate::Lost);
        let left = survives(&files, &from, 0, &format!("event {at}"));
        let told = acknowledged
            .iter()
            .filter(|(behind, _)| *behind <= at)
            .count();
        lost += usize::from(left < told);
    }
    assert!(lost > 0, "commits have no sync of their own");
}

/// The log of a daemon that was killed, cut off or flipped at every 64 bytes.
#[test]
fn f40_a_log_cut_off_or_flipped_anywhere_leaves_a_prefix() {
    let _turn = DISK.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = tempfile::tempdir().unwrap();
    let from = folder.path().canonicalize().unwrap();
    let database = from.join("okrd.db");
    let store = Store::open(&database, "0.0.1", start()).unwrap();
    run(async {
        for nth in 0..4 {
            store.append(group(nth)).await.unwrap();
        }
    });
    // As a killed process leaves it.
    let mut files = faulty_disk::files(&from);
    files.retain(|path, _| is_ours(path));
    drop(store);
    let log = from.join("okrd.db-wal");
    let whole = files[&log].clone();
    assert!(whole.len() > 4 * 4096, "{} bytes", whole.len());
    let there = |files: &Files, what: &str| {
        let folder = tempfile::tempdir().unwrap();
        lay_out(files, &from, folder.path());
        let database = folder.path().join("okrd.db");
        let groups = held(&database, what);
        let prefix: BTreeSet<u32> = (0..u32::try_from(groups.len()).unwrap()).collect();
        assert_eq!(groups, prefix, "{what}");
        assert_sound(&database, what);
        groups.len()
    };
    let mut counts = BTreeSet::new();
    let mut before = 0;
    for at in (0..whole.len()).step_by(64) {
        files.insert(log.clone(), whole[..at].to_vec());
        let cut = there(&files, &format!("cut off at {at}"));
        assert!(cut >= before, "more of the log is never less of the store");
        before = cut;
        let mut flipped = whole.clone();
        flipped[at] ^= 1;
        files.insert(log.clone(), flipped);
        counts.insert(there(&files, &format!("flipped at {at}")));
    }
    files.insert(log, whole);
    assert_eq!(there(&files, "whole"), 4);
    assert_eq!(counts, (0..4).collect());
}

/// What one round of the sweep did: which call failed, and whether the store noticed.
fn broken_round(template: &Files, from: &Path, nth: u64, lasting: Lasting) -> Option<Call> {
    let what = format!("call {nth} {lasting:?}");
    let folder = tempfile::tempdir().unwrap();
    lay_out(template, from, folder.path());
    let database: PathBuf = folder.path().canonicalize().unwrap().join("okrd.db");
    let mut told: BTreeSet<u32> = [0].into();
    let failed = run(async {
        faulty_disk::break_at(nth, lasting);
        let opened = Store::open(&database, "0.0.1", start());
        let store = match opened {
            Ok(store) => store,
            Err(error) => {
                assert_eq!(error.exit_code(), 3, "{what}: {error}");
                return faulty_disk::mend();
            }
        };
        for nth in 1..=4 {
            match store.append(group(nth)).await {
                Ok(()) => drop(told.insert(nth)),
                Err(error) => assert!(
                    !matches!(error, StoreError::Ended { .. }),
                    "{what}: {error}"
                ),
            }
        }
        let failed = faulty_disk::mend();
        // Goes on by itself: the same store, no restart.
        store
            .append(group(5))
            .await
            .unwrap_or_else(|e| panic!("{what}: {e}"));
        told.insert(5);
        store
            .close()
            .await
            .unwrap_or_else(|e| panic!("{what}: {e}"));
        failed
    });
    let store = Store::open(&database, "0.0.1", start()).unwrap_or_else(|e| panic!("{what}: {e}"));
    let groups = held(&database, &what);
    assert!(groups.is_superset(&told), "{what}: {groups:?} of {told:?}");
    drop(store);
    assert_sound(&database, &what);
    failed
}

/// As SQLite tests itself: each call to the disk fails, one after the other.
/// <https://www.sqlite.org/testing.html#i_o_error_testing>
#[test]
fn f44_whichever_call_to_the_disk_fails_nothing_acknowledged_is_lost_and_the_store_goes_on() {
    let _turn = DISK.lock().unwrap_or_else(PoisonError::into_inner);
    faulty_disk::install();
    let folder = tempfile::tempdir().unwrap();
    let from = folder.path().canonicalize().unwrap();
    run(async {
        let store = Store::open(&from.join("okrd.db"), "0.0.1", start()).unwrap();
        store.append(group(0)).await.unwrap();
        store.close().await.unwrap();
    });
    let mut template = faulty_disk::files(&from);
    template.retain(|path, _| is_ours(path));
    for lasting in [Lasting::Once, Lasting::Still] {
        let mut kinds = Vec::new();
        let mut rounds = 0;
        for nth in 1.. {
            let Some(call) = broken_round(&template, &from, nth, lasting) else {
                break;
            };
            rounds = nth;
            if !kinds.contains(&call) {
                kinds.push(call);
            }
        }
        assert!(rounds > 40, "{rounds} calls");
        for call in [Call::Open, Call::Read, Call::Write, Call::Sync] {
            assert!(kinds.contains(&call), "{call:?} is among {kinds:?}");
        }
    }
}

/// The system may hold pages for written that a failed sync never brought to the disk. Whatever is acknowledged after that
/// must not stand behind such a hole: power that goes then would take it.
#[test]
fn f44_what_is_acknowledged_after_a_failed_sync_survives_a_loss_of_power() {
    let _turn = DISK.lock().unwrap_or_else(PoisonError::into_inner);
    faulty_disk::install();
    let mut failed_syncs = 0;
    for nth in 1..160 {
        let folder = tempfile::tempdir().unwrap();
        let from = folder.path().canonicalize().unwrap();
        let database = from.join("okrd.db");
        let (before, events, told) = run(async {
            let store = Store::open(&database, "0.0.1", start()).unwrap();
            store.append(group(0)).await.unwrap();
            store.close().await.unwrap();
            let mut before = faulty_disk::files(&from);
            before.retain(|path, _| is_ours(path));
            faulty_disk::begin_journal();
            let store = Store::open(&database, "0.0.1", start()).unwrap();
            store.append(group(1)).await.unwrap();
            let mut told: BTreeSet<u32> = [0, 1].into();
            faulty_disk::break_at(nth, Lasting::Once);
            for nth in 2..=5 {
                if store.append(group(nth)).await.is_ok() {
                    told.insert(nth);
                }
            }
            if faulty_disk::mend() == Some(Call::Sync) {
                failed_syncs += 1;
            }
            // The power goes now: the store is not closed.
            let events = faulty_disk::end_journal();
            drop(store);
            (before, events, told)
        });
        let files = faulty_disk::after_power_loss(&before, &events, || Fate::Lost);
        let after = tempfile::tempdir().unwrap();
        lay_out(&files, &from, after.path());
        let what = format!("call {nth}");
        let groups = held(&after.path().join("okrd.db"), &what);
        assert!(groups.is_superset(&told), "{what}: {groups:?} of {told:?}");
        assert_sound(&after.path().join("okrd.db"), &what);
    }
    assert!(failed_syncs >= 4, "{failed_syncs} syncs failed");
}

/// A file system that the system made read-only while the store was open, as it does after errors of the disk.
#[test]
fn f43_a_disk_that_becomes_read_only_refuses_writes_answers_reads_and_heals() {
    let _turn = DISK.lock().unwrap_or_else(PoisonError::into_inner);
    faulty_disk::install();
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("okrd.db");
    run(async {
        let store = Store::open(&database, "0.0.1", start()).unwrap();
        store.append(group(0)).await.unwrap();
        faulty_disk::set_read_only(true);
        for _ in 0..3 {
            let error = store.append(group(1)).await.unwrap_err();
            assert!(matches!(error, StoreError::ReadOnly { .. }), "{error}");
            assert_eq!(held(&database, "read-only"), [0].into());
        }
        faulty_disk::set_read_only(false);
        store.append(group(1)).await.unwrap();
        store.close().await.unwrap();
    });
    assert_eq!(held(&database, "healed"), [0, 1].into());
}
