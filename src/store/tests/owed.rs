//! What passed without a poll: kept with the entries, taken out slot by slot, and known again after a start.

use super::super::{Account, Change, Stretch};
use super::*;

fn stretch(from: &str, until: &str) -> Stretch {
    let day = |time: &str| at(&format!("2026-11-01T{time}:00Z"));
    Stretch {
        from: day(from),
        until: day(until),
    }
}

fn account(change: Change) -> Account {
    Account {
        key_result: kr("users"),
        definition: definition("d1"),
        change,
    }
}

fn passed(until: &str, owed: Option<Stretch>) -> Account {
    let until = stretch(until, until).until;
    account(Change::Passed { until, owed })
}

fn settled(from: &str, until: &str) -> Account {
    account(Change::Settled(stretch(from, until)))
}

fn backfilled(slot: &str) -> Entry {
    Entry {
        origin: Origin::Backfilled,
        ..polled("users", &format!("2026-11-01T{slot}:00Z"), 1.0)
    }
}

/// Until when all is accounted for, as hours and minutes, and what is owed.
fn known(store: &Store) -> (String, Vec<Stretch>) {
    let loaded = store.load(&goals("UTC", &[("users", reach())])).unwrap();
    let accounted = loaded.accounted[&kr("users")];
    let owed = loaded.owed.get(&kr("users")).cloned();
    (
        accounted.strftime("%H:%M:%S%.3f").to_string(),
        owed.unwrap_or_default(),
    )
}

#[test]
fn a_stretch_without_another_is_none_one_or_two() {
    let without = |from: &str, until: &str| {
        let whole = stretch("10:00", "12:00");
        whole.without(stretch(from, until)).collect::<Vec<_>>()
    };
    assert_eq!(without("09:00", "13:00"), []);
    assert_eq!(without("10:00", "12:00"), []);
    assert_eq!(without("10:00", "11:00"), [stretch("11:00", "12:00")]);
    assert_eq!(without("11:00", "13:00"), [stretch("10:00", "11:00")]);
    let two = [stretch("10:00", "10:30"), stretch("11:00", "12:00")];
    assert_eq!(without("10:30", "11:00"), two);
}

#[tokio::test]
async fn what_is_owed_leaves_slot_by_slot_with_its_entry_and_is_known_after_a_start() {
    let place = Place::new();
    let store = place.open();
    let first = polled("users", "2026-11-01T08:00:00Z", 1.0);
    store.append(vec![first]).await.unwrap();
    assert_eq!(known(&store), ("08:00:00.001".into(), vec![]));
    let failed = failed("users", "2026-11-01T08:30:00Z", FaultClass::Net);
    store.append(vec![failed]).await.unwrap();
    assert_eq!(known(&store).0, "08:30:00.001", "asked in vain is asked");

    let gap = stretch("09:00", "12:00");
    let newest = polled("users", "2026-11-01T12:00:00Z", 4.0);
    let accounts = vec![passed("12:00", Some(gap))];
    store
        .append_accounted(vec![newest], accounts)
        .await
        .unwrap();
    assert_eq!(known(&store), ("12:00:00.001".into(), vec![gap]));

    let fill = vec![settled("09:00", "10:00")];
    store
        .append_accounted(vec![backfilled("09:00")], fill)
        .await
        .unwrap();
    store.close().await.unwrap();
    let store = place.open();
    let left = stretch("10:00", "12:00");
    assert_eq!(known(&store), ("12:00:00.001".into(), vec![left]));
    // One in the middle, as when the slot before it was trouble; a second gap; then all of both.
    let more = vec![
        settled("11:00", "11:30"),
        passed("14:00", Some(stretch("13:00", "14:00"))),
    ];
    store.append_accounted(vec![], more).await.unwrap();
    let three = [("10:00", "11:00"), ("11:30", "12:00"), ("13:00", "14:00")];
    let three = three.map(|(from, until)| stretch(from, until));
    assert_eq!(known(&store), ("14:00:00.000".into(), three.to_vec()));
    let all = vec![settled("10:00", "14:00")];
    store.append_accounted(vec![], all).await.unwrap();
    assert_eq!(known(&store), ("14:00:00.000".into(), vec![]));
    assert_eq!(place.count("owed"), 0);
}

#[tokio::test]
async fn what_is_owed_is_of_one_definition() {
    let place = Place::new();
    let store = place.open();
    let gap = Some(stretch("09:00", "12:00"));
    let entry = polled("users", "2026-11-01T08:00:00Z", 1.0);
    let other = Account {
        definition: definition("d0"),
        ..passed("12:00", gap)
    };
    store
        .append_accounted(vec![entry], vec![other])
        .await
        .unwrap();
    assert_eq!(known(&store), ("08:00:00.001".into(), vec![]));
    assert_eq!(place.count("owed"), 1);
}

/// A failed write keeps neither: here a stretch that ends before it begins.
#[tokio::test]
async fn an_entry_and_its_account_are_kept_together_or_not_at_all() {
    let place = Place::new();
    let store = place.open();
    let entry = polled("users", "2026-11-01T08:00:00Z", 1.0);
    let bad = vec![passed("12:00", Some(stretch("12:00", "09:00")))];
    assert!(store.append_accounted(vec![entry], bad).await.is_err());
    assert_eq!((place.count("measurement"), place.count("owed")), (0, 0));
}

/// Version 4 with its data becomes version 5: nothing of its past is owed beyond the newest slot it asked.
#[tokio::test]
async fn a_store_of_version_4_keeps_its_values_and_is_accounted_for_up_to_its_newest_slot() {
    use super::super::migrate::{STEPS, migrate};
    let place = Place::new();
    let store = place.open();
    let entry = polled("users", "2026-11-01T08:00:00Z", 1.0);
    store.append(vec![entry]).await.unwrap();
    store.close().await.unwrap();
    let raw = place.raw();
    raw.execute_batch(WITHOUT_NEWEST).unwrap();
    raw.execute_batch(
        "DROP TABLE owed; ALTER TABLE series DROP COLUMN passed_until;
         DROP TABLE forecast;
         ALTER TABLE measurement DROP COLUMN k; ALTER TABLE measurement DROP COLUMN n;
         ALTER TABLE closing DROP COLUMN forecast_value; ALTER TABLE closing DROP COLUMN forecast_at;
         ALTER TABLE closing DROP COLUMN forecast_method; ALTER TABLE closing DROP COLUMN forecast_error;
         DROP TABLE asked; DROP TABLE question; DROP TABLE in_force;
             PRAGMA user_version = 4;",
    )
    .unwrap();
    let schema = |connection: &rusqlite::Connection| -> Vec<String> {
        let mut all = connection
            .prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name")
            .unwrap();
        let rows = all.query_map([], |row| row.get(0)).unwrap();
        rows.collect::<Result<_, _>>().unwrap()
    };
    let mut fourth = rusqlite::Connection::open_in_memory().unwrap();
    migrate(&mut fourth, &place.path(), &STEPS[..4]).unwrap();
    assert_eq!(schema(&raw), schema(&fourth), "this is what version 4 was");
    drop(raw);
    let store = place.open();
    assert!(place.beside(&format!(".before-{}", STEPS.len())).exists());
    assert_eq!(place.count("measurement"), 1);
    assert_eq!(known(&store), ("08:00:00.001".into(), vec![]));
}
