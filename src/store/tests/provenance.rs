//! Under what values came about: configurations and questions, whoever writes and whatever happens between.

use super::super::{Question, Reader, Revision};
use super::*;

/// Asks for one key result in these words.
fn asks(name: &str, definition: &str, text: &str) -> Questions {
    let question = Question {
        definition: definition.into(),
        text: text.into(),
    };
    Arc::new([(kr(name), question)].into())
}

/// What is known of the value of this slot: the configuration, since when, the question.
fn known(place: &Place, name: &str, slot: &str) -> (Option<Revision>, Option<String>) {
    let reader = Reader::open(&place.path()).unwrap();
    let all = reader.series(&kr(name), None, None).unwrap();
    let m = all.iter().find(|m| m.slot == at(slot)).unwrap();
    let known = reader.provenance(&kr(name), m).unwrap();
    (known.revision, known.question)
}

fn revision(sha256: &str, since: Option<&str>) -> Option<Revision> {
    Some(Revision {
        sha256: sha256.into(),
        since: since.map(at),
    })
}

#[tokio::test]
async fn a_value_names_the_configuration_it_was_measured_under_and_its_question() {
    let place = Place::new();
    let store = place.open();
    let (first, second, third) = (
        "2026-11-01T00:00:00Z",
        "2026-11-02T00:00:00Z",
        "2026-11-03T00:00:00Z",
    );
    let old = asks("users", "d1", "old words");
    let new = asks("users", "d1", "new words");
    let noon = |day: u8| format!("2026-11-{day:02}T12:00:00Z");
    store
        .keep_revision("aa", at(first), old.clone())
        .await
        .unwrap();
    store
        .append(vec![polled("users", &noon(1), 1.0)])
        .await
        .unwrap();
    store.keep_revision("bb", at(second), new).await.unwrap();
    store
        .append(vec![polled("users", &noon(2), 2.0)])
        .await
        .unwrap();
    // The first configuration comes back, and a restart with it changes nothing.
    store
        .keep_revision("aa", at(third), old.clone())
        .await
        .unwrap();
    drop(store);
    let store = place.open();
    store.keep_revision("aa", at(&noon(3)), old).await.unwrap();
    store
        .append(vec![polled("users", &noon(4), 3.0)])
        .await
        .unwrap();

    let words = |text: &str| Some(text.to_owned());
    assert_eq!(
        known(&place, "users", &noon(1)),
        (revision("aa", Some(first)), words("old words"))
    );
    assert_eq!(
        known(&place, "users", &noon(2)),
        (revision("bb", Some(second)), words("new words"))
    );
    assert_eq!(
        known(&place, "users", &noon(4)),
        (revision("aa", Some(third)), words("old words"))
    );
    // Each text once, and each configuration of a series once.
    assert_eq!((place.count("question"), place.count("asked")), (2, 2));
}

#[tokio::test]
async fn a_poll_that_is_under_way_when_the_configuration_changes_belongs_to_the_one_before() {
    let place = Place::new();
    let store = place.open();
    let change = at("2026-11-02T12:00:10Z");
    let before = asks("users", "d1", "before");
    store
        .keep_revision("aa", at("2026-11-01T00:00:00Z"), before)
        .await
        .unwrap();
    store
        .append(vec![polled("users", "2026-11-01T12:00:00Z", 1.0)])
        .await
        .unwrap();
    let after = asks("users", "d2", "after");
    store.keep_revision("bb", change, after).await.unwrap();
    // Two began before, one of them with the clock a little off; both ask by the old definition.
    for slot in ["2026-11-02T12:00:00Z", "2026-11-02T12:01:00Z"] {
        store
            .append(vec![polled("users", slot, 2.0)])
            .await
            .unwrap();
        let (revision, question) = known(&place, "users", slot);
        assert_eq!(revision.unwrap().sha256, "aa", "{slot}");
        assert_eq!(question.as_deref(), Some("before"), "{slot}");
    }
}

#[tokio::test]
async fn a_command_beside_the_daemon_measures_under_the_files_it_read() {
    let place = Place::new();
    let store = place.open();
    let begin = "2026-11-01T00:00:00Z";
    store
        .keep_revision("aa", at(begin), asks("users", "d1", "loaded"))
        .await
        .unwrap();
    let guest = Store::open_shared(&place.path(), "0.0.1", now()).unwrap();
    let edited = asks("users", "d1", "edited");
    guest
        .keep_revision("cc", at("2026-11-02T00:00:00Z"), edited)
        .await
        .unwrap();
    // A write that is refused makes the guest forget what it remembers, not what it reads.
    let nothing = crate::store::ToldCheckIn {
        key_result: kr("users"),
        said: crate::domain::history::CheckIn {
            at: now(),
            confidence: None,
            note: None,
        },
        author: None,
    };
    assert!(guest.keep_check_in(nothing).await.is_err());
    let (slot, next) = ("2026-11-02T12:00:00Z", "2026-11-03T12:00:00Z");
    guest
        .append(vec![
            polled("users", slot, 2.0),
            recorded("told", slot, 1.0),
        ])
        .await
        .unwrap();
    store
        .append(vec![polled("users", next, 3.0)])
        .await
        .unwrap();
    assert_eq!(
        known(&place, "users", slot),
        (revision("cc", None), Some("edited".into()))
    );
    assert_eq!(known(&place, "told", slot), (revision("cc", None), None));
    assert_eq!(
        known(&place, "users", next),
        (revision("aa", Some(begin)), Some("loaded".into()))
    );
}

#[tokio::test]
async fn a_store_of_version_6_knows_its_configurations_and_no_question() {
    use super::super::migrate::{STEPS, migrate};
    let place = Place::new();
    let store = place.open();
    let (begin, slot) = ("2026-11-01T00:00:00Z", "2026-11-01T12:00:00Z");
    store
        .keep_revision("aa", at(begin), asks("users", "d1", "words"))
        .await
        .unwrap();
    store
        .append(vec![polled("users", slot, 1.0)])
        .await
        .unwrap();
    drop(store);
    let raw = place.raw();
    raw.execute_batch(WITHOUT_NEWEST).unwrap();
    raw.execute_batch(
        "DROP TABLE asked; DROP TABLE question; DROP TABLE in_force; PRAGMA user_version = 6;",
    )
    .unwrap();
    let schema = |connection: &rusqlite::Connection| -> Vec<String> {
        let mut all = connection
            .prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name")
            .unwrap();
        let rows = all.query_map([], |row| row.get(0)).unwrap();
        rows.collect::<Result<_, _>>().unwrap()
    };
    let mut sixth = rusqlite::Connection::open_in_memory().unwrap();
    migrate(&mut sixth, &place.path(), &STEPS[..6]).unwrap();
    assert_eq!(schema(&raw), schema(&sixth), "this is what version 6 was");
    drop(raw);
    drop(place.open());
    assert!(place.beside(&format!(".before-{}", STEPS.len())).exists());
    assert_eq!(
        known(&place, "users", slot),
        (revision("aa", Some(begin)), None)
    );
}
