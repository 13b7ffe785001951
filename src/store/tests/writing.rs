//! Writing: what is kept, that it is whole, and what happens when the disk refuses.

use std::time::Instant;

use futures_util::future::join_all;

use super::super::open::{Access, Opening};
use super::super::{Reader, StoreError};
use super::*;
use crate::config::spec::StoreSpec;

const SLOT: &str = "2026-10-05T06:00:00Z";
const NEXT: &str = "2026-10-06T06:00:00Z";

fn opening(place: &Place) -> Opening {
    Opening::new(&StoreSpec::at(place.path()), "0.0.1", now(), Access::Daemon)
}

#[tokio::test]
async fn everything_told_comes_back() {
    let place = Place::new();
    let store = place.open();
    let rich = Entry {
        tries: 2,
        outcome: Ok(Reading {
            value: 9_007_199_254_740_992.0,
            exact: Some("9007199254740993".into()),
            as_of: Some(at("2026-10-04T23:00:00Z")),
            approximate: true,
            counts: None,
            note: Some("4 of 10 issues have a value".into()),
        }),
        ..polled("users", SLOT, 0.0)
    };
    let told = Entry {
        definition: definition("d2"),
        ..recorded("users", NEXT, -0.5)
    };
    let fault = failed("users", "2026-10-07T06:00:00Z", FaultClass::Auth);
    let entries = vec![rich.clone(), told.clone(), fault.clone()];
    store.append(entries).await.unwrap();

    let reader = Reader::open(&place.path()).unwrap();
    let series = reader.series(&kr("users"), None, None).unwrap();
    assert_eq!(series.len(), 2);
    for (found, entry) in series.iter().zip([&rich, &told]) {
        let reading = entry.outcome.as_ref().unwrap();
        assert_eq!(found.slot, entry.slot);
        assert_eq!(found.as_of, entry.point().unwrap().as_of);
        assert_eq!(found.started_at, entry.started_at);
        assert_eq!((found.took, found.tries), (entry.took, entry.tries));
        assert_eq!((found.value, &found.exact), (reading.value, &reading.exact));
        assert_eq!(found.approximate, reading.approximate);
        assert_eq!(found.note, reading.note, "apart from what a person wrote");
        assert_eq!(
            (&found.definition, &found.origin),
            (&entry.definition, &entry.origin)
        );
    }
    assert_eq!(series[0].as_of, at("2026-10-04T23:00:00Z"));
    assert_eq!(series[1].as_of, at(NEXT));
    let attempts = reader.attempts(&kr("users"), None, None).unwrap();
    assert_eq!(attempts.len(), 1);
    assert_eq!(attempts[0].outcome, Err(fault.outcome.unwrap_err()));
    assert_eq!(attempts[0].tries, 2);

    // Slots from, included, to, excluded.
    let some = |since, until| {
        let found = reader.series(&kr("users"), since, until).unwrap();
        found.iter().map(|m| m.slot).collect::<Vec<_>>()
    };
    assert_eq!(some(Some(at(NEXT)), None), [at(NEXT)]);
    assert_eq!(some(None, Some(at(NEXT))), [at(SLOT)]);
    assert_eq!(some(Some(at(SLOT)), Some(at(SLOT))), []);
    assert!(reader.series(&kr("others"), None, None).unwrap().is_empty());
}

#[tokio::test]
async fn a_slot_polled_twice_keeps_its_first_measurement() {
    let place = Place::new();
    let store = place.open();
    store
        .append(vec![polled("users", SLOT, 1.0)])
        .await
        .unwrap();
    store
        .append(vec![polled("users", SLOT, 2.0)])
        .await
        .unwrap();
    // Under another definition it is another number.
    let redefined = Entry {
        definition: definition("d2"),
        ..polled("users", SLOT, 3.0)
    };
    store.append(vec![redefined]).await.unwrap();
    let reader = Reader::open(&place.path()).unwrap();
    let values = |id| {
        let series = reader.series(&id, None, None).unwrap();
        series.iter().map(|m| m.value).collect::<Vec<_>>()
    };
    assert_eq!(values(kr("users")), [1.0, 3.0]);
    let attempts = reader.attempts(&kr("users"), None, None).unwrap();
    assert_eq!(attempts.len(), 1);
    assert_eq!(attempts[0].outcome, Ok(2.0));
}

#[tokio::test]
async fn a_recorded_value_is_corrected_by_a_later_one_and_never_lost_to_a_poll() {
    let place = Place::new();
    let store = place.open();
    for entry in [
        polled("users", SLOT, 1.0),
        recorded("users", SLOT, 2.0),
        recorded("users", SLOT, 3.0),
        polled("users", SLOT, 4.0),
    ] {
        store.append(vec![entry]).await.unwrap();
    }
    let reader = Reader::open(&place.path()).unwrap();
    let series = reader.series(&kr("users"), None, None).unwrap();
    let values: Vec<f64> = series.iter().map(|m| m.value).collect();
    assert_eq!(values, [1.0, 3.0]);
    let attempts = reader.attempts(&kr("users"), None, None).unwrap();
    let unkept: Vec<_> = attempts.into_iter().map(|a| a.outcome).collect();
    assert_eq!(unkept, [Ok(2.0), Ok(4.0)]);
    // The recorded one describes the slot, the poll two seconds later: both are points.
    let loaded = store.load(&goals("UTC", &[("users", hold())])).unwrap();
    let record = loaded.history.get(&kr("users")).unwrap();
    let points: Vec<f64> = record.series.points().iter().map(|p| p.value).collect();
    assert_eq!(points, [3.0, 1.0]);
}

/// The last line of defence, at the schema; and whoever shares the commit must not suffer.
#[tokio::test]
async fn f25_a_number_that_is_none_is_refused_alone() {
    let place = Place::new();
    let store = place.open();
    let other = place.raw();
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        // Hold the writer until all have queued, so that they share a commit.
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let before = place.count("measurement");
        let slots = (0..20)
            .map(|i| now() + Duration::from_millis(i) + Duration::from_secs(before.unsigned_abs()));
        let appends = slots.enumerate().map(|(i, slot)| {
            let value = if i == 7 { bad } else { 1.0 };
            let entry = polled_at("users", slot, value);
            store.append(vec![entry])
        });
        let release = async {
            tokio::task::yield_now().await;
            other.execute_batch("COMMIT").unwrap();
        };
        let (results, ()) = futures_util::future::join(join_all(appends), release).await;
        for (i, result) in results.into_iter().enumerate() {
            match result {
                Err(StoreError::Refused { .. }) => assert_eq!(i, 7),
                other => assert!(other.is_ok() && i != 7, "{i}: {other:?}"),
            }
        }
        assert_eq!(place.count("measurement"), before + 19, "{bad}");
    }
}

/// Counts the commits in the write-ahead log: frames whose header tells the size of the database.
fn commits(place: &Place) -> usize {
    let log = bytes(&place.beside("-wal"));
    let frames = log[32..].chunks_exact(24 + 4096);
    frames.filter(|frame| frame[4..8] != [0; 4]).count()
}

#[tokio::test]
async fn writes_that_wait_share_a_commit_and_a_lone_one_does_not_wait() {
    let place = Place::new();
    let store = place.open();
    store
        .append(vec![polled("users", SLOT, 1.0)])
        .await
        .unwrap();
    let before = commits(&place);
    let other = place.raw();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let appends = (0..500).map(|i| {
        let slot = now() + Duration::from_secs(i);
        store.append(vec![polled_at("users", slot, 1.0)])
    });
    let release = async {
        tokio::task::yield_now().await;
        other.execute_batch("COMMIT").unwrap();
    };
    let (results, ()) = futures_util::future::join(join_all(appends), release).await;
    assert!(results.iter().all(Result::is_ok));
    // One group may have begun with the first message alone.
    assert!(
        commits(&place) - before <= 2,
        "{}",
        commits(&place) - before
    );

    store
        .append(vec![polled("users", NEXT, 1.0)])
        .await
        .unwrap();
    let began = Instant::now();
    for i in 0..20 {
        let slot = now() + Duration::from_secs(1000 + i);
        let entry = polled_at("users", slot, 1.0);
        store.append(vec![entry]).await.unwrap();
    }
    // Twenty syncs take far less; twenty waits of 50 ms would take a second.
    assert!(
        began.elapsed() < Duration::from_millis(900),
        "{:?}",
        began.elapsed()
    );
}

/// The reason for the order of the measurement table: a page for each key result would be a hundred times as much.
#[tokio::test]
async fn a_round_of_many_key_results_touches_few_pages() {
    let place = Place::new();
    let store = place.open();
    let round = |number: u64| {
        let slot = now() + Duration::from_secs(number);
        (0..300)
            .map(|i| polled_at(&format!("kr{i}"), slot, 1.0))
            .collect::<Vec<_>>()
    };
    for ten in 0..15 {
        let entries = (0..10).flat_map(|i| round(ten * 10 + i)).collect();
        store.append(entries).await.unwrap();
    }
    store.close().await.unwrap();
    let store = place.open();
    store.append(round(1000)).await.unwrap();
    let pages = (bytes(&place.beside("-wal")).len() - 32) / (24 + 4096);
    assert!(pages < 40, "{pages} pages for 300 key results");
}

/// Some 30 ms with optimisation; the bound leaves room for a test build on a machine under load.
#[tokio::test]
async fn ten_thousand_entries_are_one_short_transaction() {
    let place = Place::new();
    let store = place.open();
    let entries = (0..10_000)
        .map(|i| polled(&format!("kr{i}"), SLOT, f64::from(i)))
        .collect::<Vec<_>>();
    let next = (entries.iter().cloned())
        .map(|e| Entry {
            slot: at(NEXT),
            started_at: at(NEXT),
            ..e
        })
        .collect();
    store.append(entries).await.unwrap();
    let began = Instant::now();
    store.append(next).await.unwrap();
    let took = began.elapsed();
    assert!(took < Duration::from_millis(1000), "{took:?}");
}

#[tokio::test]
async fn f41_a_full_disk_is_an_error_now_and_none_once_there_is_room() {
    let place = Place::new();
    let opened = opening(&place).open().unwrap();
    opened
        .connection
        .pragma_update(None, "max_page_count", 40)
        .unwrap();
    let store = Store::start(opened).unwrap();
    let mut kept = 0;
    let error = loop {
        let slot = now() + Duration::from_secs(kept);
        let entries = (0..50).map(|i| polled_at(&format!("kr{i}"), slot, 1.0));
        match store.append(entries.collect()).await {
            Ok(()) => kept += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, StoreError::Full { .. }), "{error}");
    assert!(kept > 0);
    assert_eq!(
        place.count("measurement"),
        i64::try_from(kept * 50).unwrap(),
        "all or none"
    );
    let loaded = store.load(&goals("UTC", &[("kr0", hold())])).unwrap();
    assert_eq!(
        loaded
            .history
            .get(&kr("kr0"))
            .unwrap()
            .series
            .points()
            .len(),
        usize::try_from(kept).unwrap()
    );
    // Still full, still an error, still alive.
    let slot = now() + Duration::from_secs(9999);
    let many = || {
        (0..50)
            .map(|i| polled_at(&format!("kr{i}"), slot, 1.0))
            .collect()
    };
    assert!(store.append(many()).await.is_err());
    place
        .raw()
        .execute_batch("DELETE FROM measurement; VACUUM")
        .unwrap();
    store.append(many()).await.unwrap();
    assert_eq!(place.count("measurement"), 50);
}

#[tokio::test]
async fn f43_a_connection_that_became_read_only_is_made_anew() {
    let place = Place::new();
    let opened = opening(&place).open().unwrap();
    opened
        .connection
        .pragma_update(None, "query_only", true)
        .unwrap();
    let store = Store::start(opened).unwrap();
    let error = store
        .append(vec![polled("users", SLOT, 1.0)])
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::ReadOnly { .. }), "{error}");
    assert_eq!(place.count("measurement"), 0);
    store
        .append(vec![polled("users", SLOT, 1.0)])
        .await
        .unwrap();
    assert_eq!(place.count("measurement"), 1);
}

#[tokio::test]
async fn f47_a_database_locked_by_another_is_a_store_error_and_heals() {
    let place = Place::new();
    let mut opening = opening(&place);
    opening.busy_timeout = Duration::from_millis(50);
    let store = Store::start(opening.open().unwrap()).unwrap();
    let other = place.raw();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let error = store
        .append(vec![polled("users", SLOT, 1.0)])
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::Busy { .. }), "{error}");
    other.execute_batch("ROLLBACK").unwrap();
    store
        .append(vec![polled("users", SLOT, 1.0)])
        .await
        .unwrap();
    assert_eq!(place.count("measurement"), 1);
}

/// SQLite would go on writing into the removed file and acknowledge what nobody will ever find.
#[tokio::test]
async fn f46_a_file_removed_while_open_is_noticed_before_anything_is_acknowledged() {
    let place = Place::new();
    let store = place.open();
    store
        .append(vec![polled("users", SLOT, 1.0)])
        .await
        .unwrap();
    std::fs::remove_file(place.path()).unwrap();
    let error = store
        .append(vec![polled("users", NEXT, 1.0)])
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::Vanished { .. }), "{error}");
    std::fs::write(place.path(), "").unwrap();
    assert!(
        store
            .append(vec![polled("users", NEXT, 1.0)])
            .await
            .is_err()
    );
    assert_eq!(bytes(&place.path()).len(), 0);
}

#[tokio::test]
async fn what_a_guest_writes_is_noticed_and_refers_to_the_revision_in_force() {
    let place = Place::new();
    let store = place.open();
    store
        .keep_revision("aa", now(), Questions::default())
        .await
        .unwrap();
    store
        .keep_revision("bb", now(), Questions::default())
        .await
        .unwrap();
    store
        .keep_revision("bb", now(), Questions::default())
        .await
        .unwrap();
    store
        .append(vec![polled("users", SLOT, 1.0)])
        .await
        .unwrap();
    let before = store.foreign_changes().await.unwrap();
    assert_eq!(
        before,
        store.foreign_changes().await.unwrap(),
        "its own writes do not count"
    );

    let guest = Store::open_shared(&place.path(), "0.0.2", now()).unwrap();
    guest
        .append(vec![
            recorded("users", NEXT, 2.0),
            recorded("new", NEXT, 3.0),
        ])
        .await
        .unwrap();
    drop(guest);
    let after = store.foreign_changes().await.unwrap();
    assert!(after > before);
    assert_eq!(after, store.foreign_changes().await.unwrap());

    let goals = goals("UTC", &[("users", reach()), ("new", reach())]);
    let loaded = store.load(&goals).unwrap();
    let newest = |name| {
        loaded
            .history
            .get(&kr(name))
            .unwrap()
            .series
            .points()
            .last()
            .unwrap()
            .value
    };
    assert_eq!((newest("users"), newest("new")), (2.0, 3.0));
    store.append(vec![polled("new", NEXT, 4.0)]).await.unwrap();
    assert_eq!(place.count("config_revision"), 2);
    assert_eq!(
        place.count(
            "measurement JOIN config_revision AS r ON r.id = revision_id WHERE r.sha256 = 'bb'"
        ),
        4
    );
}

#[tokio::test]
async fn dropping_the_last_handle_writes_what_was_sent() {
    let place = Place::new();
    let store = place.open();
    let append = store.append(vec![polled("users", SLOT, 1.0)]);
    // Polled once, so that it was sent, and then forgotten.
    let mut append = Box::pin(append);
    drop(futures_util::poll!(&mut append));
    drop(append);
    drop(store);
    drop(place.open());
    assert_eq!(place.count("measurement"), 1);
}

/// A value that is asked for after its time stands at its slot, moves neither the frozen baseline nor what is known of
/// the newest poll, and never takes the place of one that was measured then.
#[tokio::test]
async fn a_backfilled_value_stands_at_its_slot_and_changes_nothing_else() {
    let place = Place::new();
    let store = place.open();
    let slot = "2026-11-02T06:00:00Z";
    store
        .append(vec![polled("users", slot, 50.0)])
        .await
        .unwrap();
    let goals = goals("UTC", &[("users", reach())]);
    let before = store.load(&goals).unwrap();
    let backfilled = |slot: &str, value: f64| Entry {
        origin: Origin::Backfilled,
        started_at: at("2026-11-03T09:00:00Z"),
        ..polled("users", slot, value)
    };
    let failing = Entry {
        outcome: Err(Fault::new(FaultClass::BadValue, "no rows")),
        ..backfilled("2026-10-31T06:00:00Z", 0.0)
    };
    let earlier = "2026-11-01T06:00:00Z";
    let entries = vec![backfilled(earlier, 40.0), backfilled(slot, 99.0), failing];
    store.append(entries).await.unwrap();

    let reader = Reader::open(&place.path()).unwrap();
    let series = reader.series(&kr("users"), None, None).unwrap();
    let rows: Vec<_> = (series.iter())
        .map(|m| (m.as_of, m.value, m.origin.clone()))
        .collect();
    let polled_at = at(slot) + Duration::from_secs(2);
    assert_eq!(
        rows,
        [
            (at(earlier), 40.0, Origin::Backfilled),
            (polled_at, 50.0, Origin::Polled)
        ]
    );
    assert_eq!(reader.attempts(&kr("users"), None, None).unwrap().len(), 2);
    let after = store.load(&goals).unwrap();
    let (was, is) = (
        before.history.get(&kr("users")),
        after.history.get(&kr("users")),
    );
    let (was, is) = (was.unwrap(), is.unwrap());
    assert_eq!(is.baseline(&cycle("UTC")).map(|p| p.value), Some(50.0));
    assert_eq!(
        (&is.last_attempt, &is.frozen),
        (&was.last_attempt, &was.frozen)
    );
    assert_eq!(after.last_slot, before.last_slot);
    assert_eq!(is.series.points().len(), 2);

    let slots = [at("2026-10-31T06:00:00Z"), at(earlier), at(slot)];
    let missing = |name: &str, definition: &str| {
        let missing = reader.unmeasured(&kr(name), definition, &slots);
        missing.unwrap()
    };
    assert_eq!(missing("users", "d1"), slots[..1]);
    assert_eq!(missing("users", "d2"), slots, "of another definition");
    assert_eq!(missing("nobody", "d1"), slots);
    store.close().await.unwrap();
    // As after a change of the zone, when the days are made anew.
    let store = place.open();
    let elsewhere = super::goals("Europe/Amsterdam", &[("users", reach())]);
    let there = store.load(&elsewhere).unwrap();
    assert_eq!(there.last_slot, before.last_slot);
}

/// While somebody reads for long the log grows; it is cut off once they are done, and no commit waits for them.
#[tokio::test]
async fn f50_a_log_that_grew_under_a_long_read_is_cut_off_afterwards() {
    let place = Place::new();
    let mut opening = opening(&place);
    opening.log_limit = 64 << 10;
    let store = Store::start(opening.open().unwrap()).unwrap();
    let mut slot = at(SLOT);
    let mut append = async |store: &Store| {
        slot += Duration::from_secs(60);
        let began = Instant::now();
        store
            .append(vec![polled_at("users", slot, 1.0)])
            .await
            .unwrap();
        began.elapsed()
    };
    append(&store).await;
    let other = place.raw();
    other
        .execute_batch("BEGIN; SELECT count(*) FROM measurement;")
        .unwrap();
    let mut longest = Duration::ZERO;
    while store.log_bytes() < 256 << 10 {
        longest = longest.max(append(&store).await);
    }
    assert!(
        longest < Duration::from_secs(4),
        "{longest:?}: a commit waited for the reader"
    );
    other.execute_batch("COMMIT").unwrap();
    let ends = Instant::now() + Duration::from_secs(20);
    while store.log_bytes() >= 256 << 10 {
        assert!(Instant::now() < ends, "{} bytes", store.log_bytes());
        append(&store).await;
    }
}

/// A read is cut into pages, each a transaction of its own, and one that takes too long is given up.
#[tokio::test]
async fn f50_no_read_holds_the_log_for_long() {
    let place = Place::new();
    let store = place.open();
    let slots = 0..3_000;
    let slot = |n: u64| at(SLOT) + Duration::from_secs(60 * n);
    store
        .append(
            slots
                .clone()
                .map(|n| polled_at("users", slot(n), 1.0))
                .collect(),
        )
        .await
        .unwrap();
    let both = |n: u64| {
        let mut told = recorded("users", SLOT, 2.0);
        told.slot = slot(n);
        told
    };
    store.append((0..100).map(both).collect()).await.unwrap();
    let mut reader = Reader::open(&place.path()).unwrap();
    let whole = reader.series(&kr("users"), None, None).unwrap();
    assert_eq!(whole.len(), 3_100);
    for page in [1, 7, 100] {
        reader.page = page;
        assert_eq!(
            reader.series(&kr("users"), None, None).unwrap(),
            whole,
            "{page}"
        );
        let part = reader
            .series(&kr("users"), Some(slot(10)), Some(slot(20)))
            .unwrap();
        assert_eq!(part.len(), 20);
    }
    reader.page = 10_000;
    reader.patience = Duration::ZERO;
    let error = reader.series(&kr("users"), None, None).unwrap_err();
    assert!(matches!(error, StoreError::Slow { .. }), "{error}");
    // What is read at the start may take its time.
    reader.load(&goals("UTC", &[("users", hold())])).unwrap();
}
