//! Opening: what is refused, in which words, and that a refusal leaves every byte as it was.

use super::super::open::{Access, Opening};
use super::super::{Reader, StoreError};
use super::*;
use crate::config::spec::StoreSpec;

fn refusal(place: &Place) -> StoreError {
    let error = Store::open(&place.path(), "0.0.1", now()).unwrap_err();
    assert_eq!(error.exit_code(), 3, "{error}");
    let file = place.path().canonicalize().unwrap_or(place.path());
    assert!(
        error.to_string().contains(&file.display().to_string()),
        "{error}"
    );
    error
}

/// A closed store with a few hundred rows.
async fn filled(place: &Place) {
    let store = place.open();
    let entries = (0..400)
        .map(|i| {
            polled_at(
                "users",
                at("2026-10-01T00:00:00Z") + Duration::from_secs(i),
                1.0,
            )
        })
        .collect();
    store.append(entries).await.unwrap();
    store.close().await.unwrap();
}

/// 3.7.0 to 3.51.2 could lose commits when two connections met a WAL reset.
#[test]
fn the_bundled_sqlite_is_free_of_the_wal_reset_race() {
    assert!(rusqlite::version_number() >= 3_051_003);
}

#[tokio::test]
async fn a_new_store_is_made_once_and_known_again() {
    let place = Place::new();
    filled(&place).await;
    assert!(!place.beside("-wal").exists(), "closed: one file is all");
    let store = place.open();
    assert_eq!(place.count("measurement"), 400);
    assert!(store.size_bytes() > 4096);
    for (pragma, expected) in [("application_id", 0x6F6B_7264), ("auto_vacuum", 2)] {
        let found: i64 = (place.raw())
            .pragma_query_value(None, pragma, |r| r.get(0))
            .unwrap();
        assert_eq!(found, expected, "{pragma}");
    }
}

#[tokio::test]
async fn f48_a_second_daemon_is_told_who_holds_the_store() {
    let place = Place::new();
    let first = place.open();
    let error = Store::open(&place.path(), "0.0.1", now()).unwrap_err();
    assert_eq!(error.exit_code(), 4);
    let pid = std::process::id();
    assert!(
        matches!(error, StoreError::Held { pid: Some(found), .. } if found == pid),
        "{error}"
    );
    assert!(error.to_string().contains(&pid.to_string()), "{error}");
    // Another way to the same file leads to the same lock.
    let link = place.folder.path().join("link.db");
    std::os::unix::fs::symlink(place.path(), &link).unwrap();
    let error = Store::open(&link, "0.0.1", now()).unwrap_err();
    assert_eq!(error.exit_code(), 4);

    let clone = first.clone();
    first.close().await.unwrap();
    let second = place.open();
    let ended = clone.append(vec![]).await.unwrap_err();
    assert!(matches!(ended, StoreError::Ended { .. }), "{ended}");
    drop(second);
    drop(place.open());
}

/// Version 1 noted no baseline: the earliest value of the cycle is it, and stays it from the next measurement on.
#[tokio::test]
async fn a_store_of_version_1_keeps_its_values_and_its_baseline() {
    use super::super::migrate::{STEPS, migrate};
    let place = Place::new();
    filled(&place).await;
    let raw = place.raw();
    raw.execute_batch(WITHOUT_NEWEST).unwrap();
    raw.execute_batch(
        "DROP TABLE owed; ALTER TABLE series DROP COLUMN passed_until;
         DROP TABLE forecast;
         ALTER TABLE measurement DROP COLUMN k; ALTER TABLE measurement DROP COLUMN n;
         DROP TABLE checkin; DROP TABLE annotation; DROP TABLE closing;
         ALTER TABLE series DROP COLUMN baseline_at; ALTER TABLE series DROP COLUMN baseline_value;
         ALTER TABLE measurement DROP COLUMN backfilled;
         DROP TABLE asked; DROP TABLE question; DROP TABLE in_force;
             PRAGMA user_version = 1;",
    )
    .unwrap();
    let schema = |connection: &rusqlite::Connection| -> Vec<String> {
        let mut all = connection
            .prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name")
            .unwrap();
        let rows = all.query_map([], |row| row.get(0)).unwrap();
        rows.collect::<Result<_, _>>().unwrap()
    };
    let mut first = rusqlite::Connection::open_in_memory().unwrap();
    migrate(&mut first, &place.path(), &STEPS[..1]).unwrap();
    assert_eq!(schema(&raw), schema(&first), "this is what version 1 was");
    drop(raw);

    let goals = goals("UTC", &[("users", reach())]);
    let baseline = |store: &Store| {
        let loaded = store.load(&goals).unwrap();
        let record = loaded.history.get(&kr("users")).unwrap();
        record.baseline(&cycle("UTC")).map(|p| p.value)
    };
    let store = place.open();
    let copy = format!(".before-{}", STEPS.len());
    assert!(place.beside(&copy).exists());
    assert_eq!(place.count("measurement"), 400);
    let before = baseline(&store);
    assert!(before.is_some());
    for slot in ["2026-12-01T06:00:00Z", "2026-10-01T00:00:01Z"] {
        store
            .append(vec![recorded("users", slot, 1e9)])
            .await
            .unwrap();
        assert_eq!(baseline(&store), before);
    }
}

#[tokio::test]
async fn f46_a_store_that_vanished_is_not_begun_anew() {
    let place = Place::new();
    filled(&place).await;
    let kept = bytes(&place.path());

    std::fs::write(place.path(), "").unwrap();
    let error = refusal(&place);
    assert!(matches!(error, StoreError::Vanished { .. }), "{error}");
    assert_eq!(bytes(&place.path()).len(), 0);

    std::fs::remove_file(place.path()).unwrap();
    let error = refusal(&place);
    assert!(matches!(error, StoreError::Vanished { .. }), "{error}");
    assert!(error.to_string().contains("okrd.db.id"), "{error}");
    assert!(!place.path().exists());

    // Without the marker the log alone tells that there was one.
    std::fs::remove_file(place.beside(".id")).unwrap();
    std::fs::write(place.beside("-wal"), "x").unwrap();
    let error = refusal(&place);
    assert!(matches!(error, StoreError::Vanished { .. }), "{error}");
    std::fs::remove_file(place.beside("-wal")).unwrap();

    // An empty file is refused even where nothing remembers a store.
    std::fs::write(place.path(), "").unwrap();
    let error = refusal(&place);
    assert!(matches!(error, StoreError::Vanished { .. }), "{error}");

    std::fs::write(place.path(), kept).unwrap();
    drop(place.open());
    assert_eq!(place.count("measurement"), 400);
}

#[tokio::test]
async fn f46_another_store_in_its_place_is_refused() {
    let (place, other) = (Place::new(), Place::new());
    filled(&place).await;
    filled(&other).await;
    std::fs::copy(other.path(), place.path()).unwrap();
    let error = refusal(&place);
    assert!(matches!(error, StoreError::Exchanged { .. }), "{error}");
    // The remedy it names works.
    std::fs::remove_file(place.beside(".id")).unwrap();
    drop(place.open());
}

#[tokio::test]
async fn files_of_others_are_left_as_they_are() {
    let place = Place::new();
    std::fs::write(place.path(), "name,value\n".repeat(1000)).unwrap();
    let before = bytes(&place.path());
    let error = refusal(&place);
    assert!(matches!(error, StoreError::Foreign { .. }), "{error}");
    assert_eq!(bytes(&place.path()), before);

    std::fs::remove_file(place.path()).unwrap();
    place
        .raw()
        .execute_batch("CREATE TABLE theirs (a); INSERT INTO theirs VALUES (1)")
        .unwrap();
    let before = bytes(&place.path());
    let error = refusal(&place);
    assert!(matches!(error, StoreError::Foreign { .. }), "{error}");
    assert_eq!(bytes(&place.path()), before);
    assert!(Reader::open(&place.path()).is_err());

    std::fs::remove_file(place.path()).unwrap();
    std::fs::create_dir(place.path()).unwrap();
    let error = refusal(&place);
    assert!(matches!(error, StoreError::Foreign { .. }), "{error}");
}

#[tokio::test]
async fn f49_a_newer_schema_is_refused_by_its_number() {
    let place = Place::new();
    filled(&place).await;
    place.raw().pragma_update(None, "user_version", 99).unwrap();
    let before = bytes(&place.path());
    let error = refusal(&place);
    let newest = i64::try_from(super::super::migrate::STEPS.len()).unwrap();
    assert!(
        matches!(
            error,
            StoreError::Newer { found: 99, expected, .. } if expected == newest
        ),
        "{error}"
    );
    let text = error.to_string();
    assert!(
        text.contains("version 99") && text.contains(&format!("at most {newest}")),
        "{text}"
    );
    assert_eq!(bytes(&place.path()), before);
    assert_eq!(Reader::open(&place.path()).unwrap_err(), error);
}

type Damage = (&'static str, fn(&mut Vec<u8>));

#[tokio::test]
async fn f45_a_damaged_file_is_refused_and_kept() {
    let damages: [Damage; 5] = [
        ("cut short", |b| b.truncate(b.len() - 6000)),
        ("first page zeroed", |b| b[..4096].fill(0)),
        ("garbage", |b| b.fill(0x5a)),
        ("a page of garbage", |b| {
            let from = b.len() - 8192;
            b[from..from + 4096].fill(0xa5);
        }),
        ("cut to half a header", |b| b.truncate(50)),
    ];
    for (what, damage) in damages {
        let place = Place::new();
        filled(&place).await;
        let mut broken = bytes(&place.path());
        damage(&mut broken);
        std::fs::write(place.path(), &broken).unwrap();
        let error = refusal(&place);
        assert!(
            matches!(error, StoreError::Corrupt { .. }),
            "{what}: {error}"
        );
        assert_eq!(bytes(&place.path()), broken, "{what}");
    }
}

/// SQLite has no checksums, so a flipped bit may pass; it must never bring okrd down.
#[tokio::test]
async fn f45_flipped_bits_never_panic() {
    let place = Place::new();
    filled(&place).await;
    let sound = bytes(&place.path());
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..60 {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let mut flipped = sound.clone();
        let bit = usize::try_from(random).unwrap() % (sound.len() * 8);
        flipped[bit / 8] ^= 1 << (bit % 8);
        std::fs::write(place.path(), &flipped).unwrap();
        drop(std::fs::remove_file(place.beside("-wal")));
        match Store::open(&place.path(), "0.0.1", now()) {
            Err(error) => assert_eq!(error.exit_code(), 3, "bit {bit}: {error}"),
            Ok(store) => {
                drop(store.load(&goals("UTC", &[("users", hold())])));
                drop(
                    store
                        .append(vec![failed(
                            "users",
                            "2026-10-09T00:00:00Z",
                            FaultClass::Net,
                        )])
                        .await,
                );
            }
        }
    }
}

#[test]
fn f43_a_place_that_cannot_be_written_is_named() {
    for path in ["/proc/okrd.db", "/no/such/folder/okrd.db"] {
        let error = Store::open(Path::new(path), "0.0.1", now()).unwrap_err();
        assert_eq!(error.exit_code(), 3, "{error}");
        assert!(error.to_string().contains(path), "{error}");
    }
}

#[tokio::test]
async fn a_creation_cut_short_begins_again() {
    let place = Place::new();
    std::fs::write(place.beside(".new"), "half a database").unwrap();
    filled(&place).await;
    assert!(!place.beside(".new").exists());
}

#[test]
fn reading_makes_nothing() {
    let place = Place::new();
    let error = Reader::open(&place.path()).unwrap_err();
    assert!(matches!(error, StoreError::Missing { .. }), "{error}");
    assert_eq!(std::fs::read_dir(place.folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_guest_makes_the_store_where_none_is_and_leaves_the_lock_free() {
    let place = Place::new();
    let guest = Store::open_shared(&place.path(), "0.0.1", now()).unwrap();
    let daemon = place.open();
    guest
        .append(vec![recorded("users", "2026-10-02T00:00:00Z", 5.0)])
        .await
        .unwrap();
    daemon
        .append(vec![polled("users", "2026-10-03T00:00:00Z", 6.0)])
        .await
        .unwrap();
    assert_eq!(place.count("measurement"), 2);
    assert_eq!(place.count("series"), 1);
}

#[test]
fn a_lock_survives_a_stale_file() {
    let place = Place::new();
    std::fs::write(place.beside(".lock"), "99999\n").unwrap();
    let opened = Opening::new(&StoreSpec::at(place.path()), "0.0.1", now(), Access::Daemon).open();
    assert!(opened.is_ok());
    let pid = std::fs::read_to_string(place.beside(".lock")).unwrap();
    assert_eq!(pid.trim(), std::process::id().to_string());
}

/// NFS at the place of a local disk, as far as the system tells.
#[test]
fn f51_a_store_on_a_network_file_system_is_refused_unless_that_is_allowed() {
    let place = Place::new();
    let opening = |allow_network_filesystem, access| {
        let spec = StoreSpec {
            allow_network_filesystem,
            ..StoreSpec::at(place.path())
        };
        let mut opening = Opening::new(&spec, "0.0.1", now(), access);
        opening.kind = |_| Ok(0x6969);
        opening.open()
    };
    for access in [Access::Daemon, Access::Guest] {
        let error = opening(false, access).unwrap_err();
        assert_eq!(error.exit_code(), 3);
        let text = error.to_string();
        assert!(
            text.contains("on NFS") && text.contains("store.allow_network_filesystem"),
            "{text}"
        );
        assert_eq!(
            std::fs::read_dir(place.folder.path()).unwrap().count(),
            0,
            "nothing was made"
        );
    }
    drop(opening(true, Access::Daemon).unwrap());
}

fn noted(place: &Place, key: &str) -> Option<String> {
    let raw = place.raw();
    let sql = "SELECT v FROM meta WHERE k = ?1";
    rusqlite::OptionalExtension::optional(raw.query_row(sql, [key], |r| r.get(0))).unwrap()
}

#[tokio::test]
async fn whether_it_was_closed_in_order_is_noted() {
    let place = Place::new();
    let store = place.open();
    assert_eq!(noted(&place, "clean_shutdown").as_deref(), Some("0"));
    assert!(noted(&place, "holder").is_some());
    store.close().await.unwrap();
    assert_eq!(noted(&place, "clean_shutdown").as_deref(), Some("1"));
    assert_eq!(noted(&place, "holder"), None);
    // A command beside it says nothing of that.
    let guest = Store::open_shared(&place.path(), "0.0.1", now()).unwrap();
    guest.close().await.unwrap();
    assert_eq!(noted(&place, "clean_shutdown").as_deref(), Some("1"));
}

/// Once a minute is enough, and a clock that was set back is believed.
#[tokio::test]
async fn f32_what_the_clock_showed_at_the_last_write_is_noted() {
    let place = Place::new();
    let store = place.open();
    let goals = goals("UTC", &[("users", reach())]);
    assert_eq!(store.load(&goals).unwrap().last_wall, None);
    for (slot, wall) in [
        ("2026-10-05T06:00:00Z", "2026-10-05T06:00:02.040Z"),
        ("2026-10-05T06:00:50Z", "2026-10-05T06:00:02.040Z"),
        ("2026-10-05T06:01:00Z", "2026-10-05T06:01:02.040Z"),
        ("2026-10-04T06:00:00Z", "2026-10-04T06:00:02.040Z"),
    ] {
        store
            .append(vec![polled("users", slot, 1.0)])
            .await
            .unwrap();
        assert_eq!(
            store.load(&goals).unwrap().last_wall,
            Some(at(wall)),
            "{slot}"
        );
    }
}

/// Notes that lie beside the store are in it from its next opening on, once, until somebody knows.
#[tokio::test]
async fn f45_what_befell_a_store_is_told_until_it_is_acknowledged() {
    let place = Place::new();
    let goals = goals("UTC", &[]);
    filled(&place).await;
    super::super::quarantine(&place.path(), now()).unwrap();
    for _ in 0..2 {
        let store = place.open();
        assert!(!place.beside(".incident").exists());
        let incidents = store.load(&goals).unwrap().incidents;
        assert_eq!(incidents.len(), 1);
        assert_eq!(
            (incidents[0].at, &*incidents[0].what),
            (now(), "quarantined")
        );
        assert!(
            incidents[0].file.contains("okrd.db.corrupt-"),
            "{incidents:?}"
        );
        store.close().await.unwrap();
    }
    let store = place.open();
    store.acknowledge(now(), Some("ann".into())).await.unwrap();
    assert_eq!(store.load(&goals).unwrap().incidents, []);
}
