//! What people say and how cycles ended: kept with author and time, loaded newest first, and never changed.

use super::super::{Annotation, Close, Reader, ToldCheckIn};
use super::*;
use crate::domain::history::CheckIn;
use crate::domain::scorecard::score;
use crate::domain::status::Status;
use crate::domain::verdict::Verdict;

fn told(name: &str, when: &str, confidence: Option<f64>, note: Option<&str>) -> ToldCheckIn {
    ToldCheckIn {
        key_result: kr(name),
        said: CheckIn {
            at: at(when),
            confidence,
            note: note.map(str::to_owned),
        },
        author: Some("ada".into()),
    }
}

#[tokio::test]
async fn the_newest_check_in_and_the_newest_confidence_are_loaded() {
    let place = Place::new();
    let goals = goals("UTC", &[("users", reach()), ("quiet", reach())]);
    let store = place.open();
    let all = [
        told("users", "2026-11-01T08:00:00Z", Some(0.4), None),
        told("users", "2026-11-08T08:00:00Z", Some(0.7), Some("better")),
        told("users", "2026-11-15T08:00:00Z", None, Some("a holiday")),
        told("elsewhere", "2026-11-16T08:00:00Z", Some(0.1), None),
    ];
    for said in all.clone() {
        store.keep_check_in(said).await.unwrap();
    }
    drop(store);
    let history = place.open().load(&goals).unwrap().history;
    let users = history.get(&kr("users")).unwrap();
    assert_eq!(users.confidence, Some(0.7));
    assert_eq!(users.check_in, Some(all[2].said.clone()));
    assert!(history.get(&kr("quiet")).is_none());
    let reader = Reader::open(&place.path()).unwrap();
    assert_eq!(reader.check_ins(&kr("users")).unwrap(), all[..3]);
    assert_eq!(reader.check_ins(&kr("quiet")).unwrap(), []);
}

/// A rename takes everything along, and takes nothing away from what has a past of its own.
#[tokio::test]
async fn what_was_said_follows_a_rename_once() {
    let place = Place::new();
    let store = place.open();
    let first = told("users", "2026-11-01T08:00:00Z", Some(0.4), None);
    let other = told("quiet", "2026-11-02T08:00:00Z", Some(0.7), None);
    store.keep_check_in(first.clone()).await.unwrap();
    store.keep_check_in(other.clone()).await.unwrap();
    // What was judged and never measured has a status all the same.
    let waiting = (kr("people"), Status::NoData, now());
    store.keep_status(vec![waiting]).await.unwrap();
    let reader = Reader::open(&place.path()).unwrap();
    let said = |name: &str| reader.check_ins(&kr(name)).unwrap();
    for _ in 0..2 {
        let renames = vec![(kr("users"), kr("people"))];
        store.keep_renames(renames).await.unwrap();
        assert_eq!(said("users"), []);
        assert_eq!(said("people").len(), 1);
    }
    let renames = vec![(kr("people"), kr("quiet"))];
    store.keep_renames(renames).await.unwrap();
    assert_eq!(said("people").len(), 1, "both have a past");
    assert_eq!(said("quiet"), [other]);
}

/// Another process tells it, the daemon sees that somebody wrote and finds it.
#[tokio::test]
async fn a_check_in_of_another_process_is_a_foreign_change() {
    let place = Place::new();
    let goals = goals("UTC", &[("users", reach())]);
    let daemon = place.open();
    let before = daemon.foreign_changes().await.unwrap();
    let guest = Store::open_shared(&place.path(), "0.0.1", now()).unwrap();
    let said = told("users", "2026-11-01T08:00:00Z", Some(0.4), None);
    guest.keep_check_in(said).await.unwrap();
    assert!(daemon.foreign_changes().await.unwrap() > before);
    let history = daemon.load(&goals).unwrap().history;
    assert_eq!(history.get(&kr("users")).unwrap().confidence, Some(0.4));
}

#[tokio::test]
async fn annotations_are_of_a_key_result_or_of_everything() {
    let place = Place::new();
    let store = place.open();
    let words = |of: Option<&str>, from: &str, text: &str| Annotation {
        key_result: of.map(kr),
        from: at(from),
        to: Some(at("2026-12-01T00:00:00Z")),
        text: text.into(),
        author: Some("ada".into()),
        told_at: now(),
    };
    let (later, own, other) = (
        words(None, "2026-11-02T00:00:00Z", "outage"),
        words(Some("users"), "2026-11-01T00:00:00Z", "campaign"),
        words(Some("other"), "2026-11-01T00:00:00Z", "of another"),
    );
    for annotation in [&later, &own, &other] {
        store.keep_annotation(annotation.clone()).await.unwrap();
    }
    let reader = Reader::open(&place.path()).unwrap();
    assert_eq!(reader.annotations(&kr("users")).unwrap(), [own, later]);
}

#[tokio::test]
async fn what_the_columns_forbid_is_refused_and_harms_no_other_write() {
    let place = Place::new();
    let store = place.open();
    let nothing = told("users", "2026-11-01T08:00:00Z", None, None);
    let too_much = told("users", "2026-11-01T08:00:00Z", Some(60.0), None);
    assert!(store.keep_check_in(nothing).await.is_err());
    assert!(store.keep_check_in(too_much).await.is_err());
    let fine = told("users", "2026-11-01T08:00:00Z", Some(1.0), None);
    store.keep_check_in(fine).await.unwrap();
    assert_eq!(place.count("checkin"), 1);
}

/// The quarter has closed: goals with a baseline and a target of 10 and 1000010, and one that nobody measured.
async fn closed(place: &Place) -> (Store, Goals, Timestamp) {
    let goals = goals("UTC", &[("users", reach()), ("silent", reach())]);
    let store = place.open();
    store
        .keep_revision("abc", now(), Questions::default())
        .await
        .unwrap();
    store
        .append(vec![
            polled("users", "2026-10-02T06:00:00Z", 0.0),
            polled("users", "2026-12-30T06:00:00Z", 650_000.0),
        ])
        .await
        .unwrap();
    (store, goals, at("2027-01-08T00:00:00Z"))
}

#[tokio::test]
async fn a_closing_stands_whatever_the_files_say_later() {
    let place = Place::new();
    let (store, goals, then) = closed(&place).await;
    let card = score(&goals, &store.load(&goals).unwrap().history, then);
    let close = Close::of(&card, &cycle("UTC").name);
    store.keep_close(close.clone()).await.unwrap();
    let reader = Reader::open(&place.path()).unwrap();
    assert_eq!(reader.closed_at(&cycle("UTC").name).unwrap(), Some(then));
    assert_eq!(place.count("closing WHERE revision_id IS NOT NULL"), 3);

    // The target moves, the definition is another, and a month goes by.
    let mut other = goals.clone();
    let mut objective = Objective::clone(&other.objectives[0]);
    objective.key_results = (objective.key_results.iter())
        .map(|kr| {
            Arc::new(KeyResult {
                aim: Aim::Reach(Reach {
                    baseline: Baseline::Fixed(0.0),
                    target: Target::Absolute(1.0),
                    strict: false,
                    anchors: None,
                }),
                definition: "d2".into(),
                ..KeyResult::clone(kr)
            })
        })
        .collect();
    other.objectives = vec![Arc::new(objective)];
    let later = at("2027-02-08T00:00:00Z");
    let kept = score(&other, &store.load(&other).unwrap().history, later);
    let [before, after] = [&card, &kept].map(|card| &card.objectives[0]);
    assert_eq!(before.closing, after.closing);
    assert_eq!((before.closed_at, after.closed_at), (None, Some(then)));
    assert_eq!(after.progress, Some(0.325), "a missing one counts 0");
    assert_eq!(after.coverage, 0.5);
    assert_eq!(after.verdict(), Some(Verdict::Missed));
    for (before, after) in before.key_results.iter().zip(&after.key_results) {
        assert_eq!(before.closing, after.closing);
        let told = |card| crate::words::ENGLISH.reason(card);
        assert_eq!(told(before), told(after));
        assert_eq!(
            (before.value, before.target, before.progress_raw),
            (after.value, after.target, after.progress_raw)
        );
    }
    let verdicts: Vec<_> = after.key_results.iter().map(|kr| kr.verdict()).collect();
    assert_eq!(
        verdicts,
        [Some(Verdict::Achieved), Some(Verdict::NotScored)]
    );

    // A second closing, of other figures at another time, writes nothing.
    let unkept = score(&other, &Default::default(), later);
    store
        .keep_close(Close::of(&unkept, &cycle("UTC").name))
        .await
        .unwrap();
    assert_eq!(reader.closed_at(&cycle("UTC").name).unwrap(), Some(then));
    let again = score(&other, &store.load(&other).unwrap().history, later);
    assert_eq!(again, kept);
}

#[tokio::test]
async fn a_closing_cannot_be_changed_by_any_statement() {
    let place = Place::new();
    let (store, goals, then) = closed(&place).await;
    let card = score(&goals, &store.load(&goals).unwrap().history, then);
    let close = Close::of(&card, &cycle("UTC").name);
    store.keep_close(close).await.unwrap();
    let raw = place.raw();
    for statement in [
        "UPDATE closing SET score = 1.0",
        "DELETE FROM closing",
        "INSERT OR REPLACE INTO closing SELECT * FROM closing",
    ] {
        let error = raw.execute(statement, []).unwrap_err().to_string();
        assert!(error.contains("never changed"), "{statement}: {error}");
    }
    assert_eq!(place.count("closing"), 3);
    // Before its time nothing is closed and nothing kept.
    let open = score(&goals, &store.load(&goals).unwrap().history, now());
    let elsewhere = Place::new();
    let store = elsewhere.open();
    let close = Close::of(&open, &cycle("UTC").name);
    store.keep_close(close).await.unwrap();
    assert_eq!(elsewhere.count("closing"), 0);
}

/// Version 2 with its data becomes version 3, a copy of before left beside it.
#[tokio::test]
async fn a_store_of_version_3_keeps_its_values_and_takes_what_people_say() {
    use super::super::migrate::{STEPS, migrate};
    let place = Place::new();
    let (store, goals, _) = closed(&place).await;
    let before = store.load(&goals).unwrap();
    drop(store);
    let raw = place.raw();
    raw.execute_batch(WITHOUT_NEWEST).unwrap();
    raw.execute_batch(
        "DROP TABLE owed; ALTER TABLE series DROP COLUMN passed_until;
         DROP TABLE forecast;
         ALTER TABLE measurement DROP COLUMN k; ALTER TABLE measurement DROP COLUMN n;
         DROP TABLE checkin; DROP TABLE annotation; DROP TABLE closing; DROP TABLE asked; DROP TABLE question; DROP TABLE in_force;
             PRAGMA user_version = 3;",
    )
    .unwrap();
    let schema = |connection: &rusqlite::Connection| -> Vec<String> {
        let mut all = connection
            .prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name")
            .unwrap();
        let rows = all.query_map([], |row| row.get(0)).unwrap();
        rows.collect::<Result<_, _>>().unwrap()
    };
    let mut third = rusqlite::Connection::open_in_memory().unwrap();
    migrate(&mut third, &place.path(), &STEPS[..3]).unwrap();
    assert_eq!(schema(&raw), schema(&third), "this is what version 3 was");
    drop(raw);

    let store = place.open();
    let copy = format!(".before-{}", STEPS.len());
    assert!(place.beside(&copy).exists());
    assert_eq!(store.load(&goals).unwrap(), before);
    let said = told("users", "2026-11-01T08:00:00Z", Some(0.4), None);
    store.keep_check_in(said).await.unwrap();
    assert_eq!(place.count("checkin"), 1);
}
