//! Loading: the points that the scorecard needs and no others, and what survives a restart beside them.

use std::time::Instant;

use super::super::{Reader, SourceState};
use super::*;
use crate::domain::history::{LastAttempt, Point, Record, Series};
use crate::domain::rebase::Rebase;
use crate::domain::status::Status;

fn points(store: &Store, goals: &Goals, name: &str) -> Vec<(String, f64)> {
    let loaded = store.load(goals).unwrap();
    let record = loaded.history.get(&kr(name));
    let points = record.map(|r| r.series.points().to_vec());
    (points.unwrap_or_default().iter())
        .map(|p| (p.as_of.to_string(), p.value))
        .collect()
}

fn told(name: &str, slot: &str, as_of: &str, value: f64) -> Entry {
    let mut entry = polled(name, slot, value);
    entry.started_at = entry.slot;
    if let Ok(reading) = &mut entry.outcome {
        reading.as_of = Some(at(as_of));
    }
    entry
}

fn pairs(expected: &[(&str, f64)]) -> Vec<(String, f64)> {
    (expected.iter())
        .map(|(as_of, value)| ((*as_of).to_owned(), *value))
        .collect()
}

#[tokio::test]
async fn f23_what_the_newest_number_came_with_survives_a_restart() {
    let place = Place::new();
    let goals = goals("UTC", &[("users", reach())]);
    let noted = |slot: &str, note: Option<&str>| {
        let mut entry = polled("users", slot, 1.0);
        if let Ok(reading) = &mut entry.outcome {
            reading.note = note.map(str::to_owned);
        }
        entry
    };
    let partly = noted("2026-10-06T06:00:00Z", Some("6 do not carry the field"));
    let steps = [
        (noted("2026-10-05T06:00:00Z", Some("older")), Some("older")),
        (partly.clone(), Some("6 do not carry the field")),
        // Neither a fault nor a person's word is another number of the source.
        (
            failed("users", "2026-10-06T07:00:00Z", FaultClass::Net),
            Some("6 do not carry the field"),
        ),
        (
            recorded("users", "2026-10-07T06:00:00Z", 2.0),
            Some("6 do not carry the field"),
        ),
        (noted("2026-10-08T06:00:00Z", None), None),
    ];
    for (entry, expected) in steps {
        let store = place.open();
        store.append(vec![entry]).await.unwrap();
        drop(store);
        let loaded = place.open().load(&goals).unwrap();
        let note = loaded.history.get(&kr("users")).unwrap().note.clone();
        assert_eq!(note.as_ref().map(|(_, note)| note.as_str()), expected);
        if note.is_some() && expected != Some("older") {
            assert_eq!(note, partly.note(), "as the ledger has it");
        }
    }
}

#[tokio::test]
async fn a_value_to_reach_needs_the_first_and_the_last_of_each_local_day() {
    let place = Place::new();
    let store = place.open();
    // Amsterdam is at UTC+2 until the 25th: its days begin at 22:00.
    let slots = [
        ("2026-09-30T21:59:00Z", 1.0),
        ("2026-09-30T22:00:00Z", 2.0),
        ("2026-10-01T10:00:00Z", 3.0),
        ("2026-10-01T21:59:59Z", 4.0),
        ("2026-10-01T22:00:00Z", 5.0),
        ("2026-10-02T21:00:00Z", 6.0),
        ("2026-10-26T22:30:00Z", 7.0),
        ("2026-10-26T23:00:00Z", 8.0),
    ];
    let entries = |name: &str| {
        slots
            .map(|(slot, value)| told(name, slot, slot, value))
            .to_vec()
    };
    let mut all = entries("users");
    all.extend(entries("other"));
    all.reverse();
    store.append(all).await.unwrap();
    let amsterdam = goals("Europe/Amsterdam", &[("users", reach())]);
    let expected = pairs(&[
        ("2026-09-30T22:00:00Z", 2.0),
        ("2026-10-01T21:59:59Z", 4.0),
        ("2026-10-02T21:00:00Z", 6.0),
        ("2026-10-26T22:30:00Z", 7.0),
        ("2026-10-26T23:00:00Z", 8.0),
    ]);
    // A reader that cannot keep days in another zone gives the same as the daemon that can.
    let reader = Reader::open(&place.path()).unwrap();
    let found = reader.load(&amsterdam).unwrap();
    assert_eq!(points(&store, &amsterdam, "users"), expected);
    assert_eq!(found, store.load(&amsterdam).unwrap());
    // Rows written after the zone was learned, and a change of the zone back and forth.
    store
        .append(vec![told(
            "users",
            "2026-10-27T22:59:00Z",
            "2026-10-27T22:59:00Z",
            9.0,
        )])
        .await
        .unwrap();
    store
        .append(vec![told(
            "users",
            "2026-10-27T23:01:00Z",
            "2026-10-27T23:01:00Z",
            10.0,
        )])
        .await
        .unwrap();
    let longer = points(&store, &amsterdam, "users");
    assert_eq!(
        longer[4..],
        pairs(&[
            ("2026-10-27T22:59:00Z", 9.0),
            ("2026-10-27T23:01:00Z", 10.0)
        ])
    );
    let utc = goals("UTC", &[("users", reach())]);
    let in_utc = points(&store, &utc, "users");
    assert_eq!(
        in_utc.first().unwrap().1,
        3.0,
        "the cycle begins two hours later"
    );
    drop(store);
    let store = place.open();
    assert_eq!(points(&store, &amsterdam, "users"), longer);
    assert_eq!(points(&store, &utc, "users"), in_utc);
}

#[tokio::test]
async fn loaded_and_lived_through_are_the_same() {
    let place = Place::new();
    let store = place.open();
    let goals = goals("Europe/Amsterdam", &[("users", reach())]);
    let zone = TimeZone::get("Europe/Amsterdam").unwrap();
    let (mut lived, mut entries) = (Series::default(), Vec::new());
    for hour in 0..24 * 40 {
        let slot = at("2026-10-01T00:00:00Z") + Duration::from_secs(hour * 3600);
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let entry = Entry {
            slot,
            started_at: slot + Duration::from_nanos(1_234_567),
            ..polled("users", "2026-10-01T00:00:00Z", hour as f64)
        };
        let same = |a: Timestamp, b: Timestamp| {
            a.to_zoned(zone.clone()).date() == b.to_zoned(zone.clone()).date()
        };
        lived.push_thinned(entry.point().unwrap(), same);
        entries.push(entry);
    }
    store.append(entries).await.unwrap();
    let loaded = store.load(&goals).unwrap();
    assert_eq!(loaded.history.get(&kr("users")).unwrap().series, lived);
}

#[tokio::test]
async fn a_band_to_hold_needs_every_point_and_what_still_held_at_the_start() {
    let place = Place::new();
    let store = place.open();
    let slots = [
        ("2026-09-29T23:59:58Z", 1.0),
        ("2026-09-30T00:00:00Z", 2.0),
        ("2026-10-01T06:00:00Z", 3.0),
        ("2026-10-01T07:00:00Z", 4.0),
    ];
    let of = |name: &str| {
        slots
            .map(|(slot, value)| told(name, slot, slot, value))
            .to_vec()
    };
    store.append(of("held")).await.unwrap();
    // Alone among many others it is sought, else all rows are passed: the answer is the same.
    let held = goals("UTC", &[("held", hold())]);
    let many = points(&store, &held, "held");
    let others = (0..20).flat_map(|i| of(&format!("other{i}"))).collect();
    store.append(others).await.unwrap();
    assert_eq!(points(&store, &held, "held"), many);
    assert_eq!(
        many,
        pairs(&[
            ("2026-09-30T00:00:00Z", 2.0),
            ("2026-10-01T06:00:00Z", 3.0),
            ("2026-10-01T07:00:00Z", 4.0)
        ])
    );
}

#[tokio::test]
async fn before_its_cycle_a_key_result_shows_its_newest_value() {
    let place = Place::new();
    let store = place.open();
    for name in ["users", "held"] {
        for (slot, value) in [("2026-08-01T06:00:00Z", 1.0), ("2026-09-02T06:00:00Z", 2.0)] {
            store
                .append(vec![told(name, slot, slot, value)])
                .await
                .unwrap();
        }
    }
    let goals = goals("UTC", &[("users", reach()), ("held", hold())]);
    for name in ["users", "held"] {
        let newest = pairs(&[("2026-09-02T06:00:00Z", 2.0)]);
        assert_eq!(points(&store, &goals, name), newest, "{name}");
    }
}

/// What lies after the cycle hides nothing of it: the last value up to the end stays, that of the end itself included,
/// and without any the newest from before, in whichever zone the days are kept.
#[tokio::test]
async fn values_after_the_cycle_hide_none_of_it() {
    let (end, after) = ("2027-01-01T00:00:00Z", "2027-01-01T00:00:01Z");
    let cases: [(&[&str], &[&str]); 4] = [
        (&["2026-12-31T23:00:00Z", after], &["2026-12-31T23:00:00Z"]),
        (
            &["2026-12-31T23:00:00Z", end, after],
            &["2026-12-31T23:00:00Z", end],
        ),
        (&["2026-08-01T06:00:00Z", after], &["2026-08-01T06:00:00Z"]),
        (&["2026-08-01T06:00:00Z", end, after], &[end]),
    ];
    for day_zone in ["UTC", "Europe/Amsterdam", "America/New_York"] {
        for (told_at, kept) in cases {
            let place = Place::new();
            let store = place.open();
            store.load(&goals(day_zone, &[])).unwrap();
            for name in ["users", "held"] {
                let entries = told_at.iter().map(|slot| told(name, slot, slot, 1.0));
                store.append(entries.collect()).await.unwrap();
            }
            // As a reader, which must take the days as they are.
            let reader = Reader::open(&place.path()).unwrap();
            let goals = goals("UTC", &[("users", reach()), ("held", hold())]);
            let found = reader.load(&goals).unwrap().history;
            for name in ["users", "held"] {
                let points = found.get(&kr(name)).unwrap().series.points();
                let found: Vec<String> = points.iter().map(|p| p.as_of.to_string()).collect();
                assert_eq!(found, kept, "{name} {day_zone} {told_at:?}");
            }
        }
    }
}

#[tokio::test]
async fn the_baseline_is_the_first_value_entered_whatever_is_told_later() {
    let place = Place::new();
    let goals = goals("UTC", &[("users", reach())]);
    let baseline = |store: &Store| {
        let loaded = store.load(&goals).unwrap();
        let frozen = loaded.history.get(&kr("users"))?.frozen;
        frozen.map(|p| (p.as_of.to_string(), p.value))
    };
    let first = Some(("2026-10-05T06:00:00Z".to_owned(), 2.0));
    let store = place.open();
    let append = async |entries: Vec<Entry>| store.append(entries).await.unwrap();
    append(vec![told(
        "users",
        "2026-09-30T06:00:00Z",
        "2026-09-30T06:00:00Z",
        1.0,
    )])
    .await;
    assert_eq!(baseline(&store), None, "the cycle has not begun");
    append(vec![recorded("users", "2026-10-05T06:00:00Z", 2.0)]).await;
    append(vec![recorded("users", "2026-10-02T06:00:00Z", 3.0)]).await;
    assert_eq!(baseline(&store), first);
    // Another process tells more, and corrects that very instant.
    let guest = Store::open_shared(&place.path(), "0.0.1", now()).unwrap();
    guest
        .append(vec![recorded("users", "2026-10-01T06:00:00Z", 4.0)])
        .await
        .unwrap();
    assert_eq!(baseline(&store), first);
    guest
        .append(vec![recorded("users", "2026-10-05T06:00:00Z", 5.0)])
        .await
        .unwrap();
    let corrected = first.map(|(at, _)| (at, 5.0));
    append(vec![recorded("users", "2026-10-03T06:00:00Z", 6.0)]).await;
    assert_eq!(baseline(&store), corrected);
    drop(store);
    assert_eq!(baseline(&place.open()), corrected);
}

/// The score is final seven days after the end; what comes later is kept, but among the attempts.
#[tokio::test]
async fn what_comes_after_the_cycle_closed_counts_for_nothing() {
    let place = Place::new();
    let store = place.open();
    let goals = goals("UTC", &[("users", reach())]);
    let mut late = recorded("users", "2026-12-30T06:00:00Z", 7.0);
    late.started_at = at("2027-01-08T00:00:00Z");
    let mut timely = recorded("users", "2026-12-29T06:00:00Z", 6.0);
    timely.started_at = at("2027-01-07T23:59:59Z");
    store.append(vec![late, timely]).await.unwrap();
    assert_eq!(
        points(&store, &goals, "users"),
        pairs(&[("2026-12-29T06:00:00Z", 6.0)])
    );
    let reader = Reader::open(&place.path()).unwrap();
    let attempts = reader.attempts(&kr("users"), None, None).unwrap();
    assert_eq!(attempts[0].outcome, Ok(7.0));
}

#[tokio::test]
async fn f56_only_values_of_the_definition_in_force_count() {
    let place = Place::new();
    let store = place.open();
    let old = Entry {
        definition: definition("d0"),
        ..failed("users", "2026-10-09T06:00:00Z", FaultClass::Config)
    };
    let older = Entry {
        definition: definition("d0"),
        ..polled("users", "2026-10-08T06:00:00Z", 1.0)
    };
    store.append(vec![older, old]).await.unwrap();
    for aim in [reach(), hold()] {
        let loaded = store.load(&goals("UTC", &[("users", aim)])).unwrap();
        let record = loaded.history.get(&kr("users")).unwrap();
        let unlike_until = Some(at("2026-10-08T06:00:02Z"));
        let expected = Record {
            unlike_until,
            ..Record::default()
        };
        assert_eq!(
            *record, expected,
            "nothing but that it was measured otherwise"
        );
        assert!(
            loaded.last_slot.is_empty(),
            "it was never asked in its new words"
        );
    }
}

#[tokio::test]
async fn the_last_attempt_and_the_last_slot_survive() {
    let place = Place::new();
    let store = place.open();
    let worked = polled("users", "2026-10-05T06:00:00Z", 1.0);
    let broke = failed("users", "2026-10-06T06:00:00Z", FaultClass::Net);
    let said = recorded("users", "2026-10-06T09:00:00Z", 2.0);
    let goals = goals("UTC", &[("users", reach()), ("never", reach())]);
    let last = |store: &Store| {
        let loaded = store.load(&goals).unwrap();
        let record = loaded.history.get(&kr("users")).unwrap();
        let poll = loaded.newest_poll;
        (
            record.last_attempt.clone(),
            loaded.last_slot[&kr("users")],
            poll,
        )
    };
    store.append(vec![worked.clone()]).await.unwrap();
    assert_eq!(
        last(&store),
        (worked.last_attempt(), worked.slot, Some(worked.started_at))
    );
    store.append(vec![broke.clone(), said]).await.unwrap();
    let expected = (broke.last_attempt(), worked.slot, Some(broke.started_at));
    assert_eq!(
        last(&store),
        expected,
        "a slot asked in vain is asked again, and what a person says is no poll"
    );
    let line = "found nothing (look again)".to_owned();
    assert_eq!(
        broke.last_attempt(),
        Some(LastAttempt {
            at: broke.started_at,
            fault: Some((FaultClass::Net, line))
        })
    );
    drop(store);
    assert_eq!(last(&place.open()), expected);
    let again = polled("users", "2026-10-07T06:00:00Z", 3.0);
    let store = place.open();
    store.append(vec![again.clone()]).await.unwrap();
    assert_eq!(last(&store).0, again.last_attempt());
    assert!(
        !store
            .load(&goals)
            .unwrap()
            .last_slot
            .contains_key(&kr("never"))
    );
}

#[tokio::test]
async fn f13_holds_and_statuses_survive() {
    let place = Place::new();
    let store = place.open();
    let source = |name: &str| Slug::parse(name).unwrap();
    let until = at("2026-11-02T00:00:00Z");
    let goals = goals("UTC", &[("users", reach())]);
    store
        .keep_holds(vec![
            (source("crm"), Some(now())),
            (source("site"), Some(now())),
        ])
        .await
        .unwrap();
    store
        .keep_holds(vec![(source("crm"), Some(until)), (source("site"), None)])
        .await
        .unwrap();
    store
        .keep_status(vec![(kr("users"), Status::OnTrack, now())])
        .await
        .unwrap();
    store
        .keep_status(vec![(kr("users"), Status::AtRisk, until)])
        .await
        .unwrap();
    drop(store);
    let loaded = place.open().load(&goals).unwrap();
    let not_before = |name: &str| loaded.sources[&source(name)].not_before;
    assert_eq!(not_before("crm"), Some(until));
    assert_eq!(not_before("site"), None);
    let record = loaded.history.get(&kr("users")).unwrap();
    assert_eq!(record.status_since, Some((Status::AtRisk, until)));
    assert_eq!(record.series.points(), [] as [Point; 0]);
}

/// Some 3 ms each with optimisation; the bounds leave room for a test build on a machine under load.
#[tokio::test]
async fn a_thousand_key_results_load_in_a_moment() {
    let place = Place::new();
    let store = place.open();
    let names: Vec<String> = (0..1000).map(|i| format!("kr{i}")).collect();
    let reaching: Vec<(&str, Aim)> = names.iter().map(|n| (n.as_str(), reach())).collect();
    let goals = goals("UTC", &reaching);
    // Two days of a poll each quarter of an hour.
    for quarter in 0..192 {
        let slot = at("2026-10-01T00:00:00Z") + Duration::from_secs(quarter * 900);
        let entries = names.iter().map(|name| Entry {
            slot,
            started_at: slot,
            ..polled(name, "2026-10-01T00:00:00Z", 1.0)
        });
        store.append(entries.collect()).await.unwrap();
    }
    let began = Instant::now();
    let loaded = store.load(&goals).unwrap();
    let took = began.elapsed();
    assert_eq!(loaded.last_slot.len(), 1000);
    assert_eq!(
        loaded
            .history
            .get(&kr("kr7"))
            .unwrap()
            .series
            .points()
            .len(),
        3
    );
    assert!(took < Duration::from_millis(250), "{took:?}");

    let reader = Reader::open(&place.path()).unwrap();
    let began = Instant::now();
    assert_eq!(reader.series(&kr("kr7"), None, None).unwrap().len(), 192);
    let took = began.elapsed();
    assert!(took < Duration::from_millis(100), "{took:?}");
}

/// The goals of a key result `users`, measured by `definition` now and rebased so often.
fn rebased(aim: Aim, definition: &str, rebases: &[(&str, f64, f64)]) -> Goals {
    let mut goals = goals("UTC", &[("users", aim)]);
    let objective = Arc::get_mut(&mut goals.objectives[0]).unwrap();
    let key_result = Arc::get_mut(&mut objective.key_results[0]).unwrap();
    key_result.definition = definition.into();
    key_result.rebases = (rebases.iter())
        .map(|(day, old, new)| Rebase {
            date: day.parse().unwrap(),
            old: *old,
            new: *new,
            at: None,
            from: None,
            reason: "R".into(),
            approved_by: "lead".into(),
        })
        .collect();
    goals
}

fn under(definition: &str, slot: &str, value: f64) -> Entry {
    Entry {
        definition: definition.into(),
        started_at: at(slot),
        ..polled("users", slot, value)
    }
}

/// Two of one day and one of the next by `d1`, then `d2`, then `d3`, each change at noon of a day that both measured.
fn three_epochs() -> Vec<Entry> {
    [
        ("d1", "2026-10-05T06:00:00Z", 50.0),
        ("d1", "2026-10-05T18:00:00Z", 51.0),
        ("d1", "2026-10-06T06:00:00Z", 52.0),
        ("d2", "2026-10-06T12:00:00Z", 104.0),
        ("d2", "2026-10-07T06:00:00Z", 106.0),
        ("d3", "2026-10-07T12:00:00Z", 1060.0),
        ("d3", "2026-10-08T06:00:00Z", 1070.0),
    ]
    .map(|(definition, slot, value)| under(definition, slot, value))
    .into()
}

#[tokio::test]
async fn values_of_an_earlier_definition_are_loaded_only_as_far_as_rebases_carry_them_over() {
    let place = Place::new();
    let store = place.open();
    store.append(three_epochs()).await.unwrap();
    let plain = rebased(reach(), "d3", &[]);
    let own = pairs(&[
        ("2026-10-07T12:00:00Z", 1060.0),
        ("2026-10-08T06:00:00Z", 1070.0),
    ]);
    assert_eq!(points(&store, &plain, "users"), own);
    let record = |goals: &Goals| {
        store
            .load(goals)
            .unwrap()
            .history
            .get(&kr("users"))
            .cloned()
    };
    let unlike = |goals: &Goals| record(goals).unwrap().unlike_until;
    let baseline = |goals: &Goals| {
        record(goals)
            .unwrap()
            .baseline(&cycle("UTC"))
            .unwrap()
            .value
    };
    assert_eq!(unlike(&plain), Some(at("2026-10-07T06:00:00Z")));
    assert_eq!(baseline(&plain), 1060.0);

    let newest = ("2026-10-07", 1.0, 10.0);
    let once = rebased(reach(), "d3", &[newest]);
    let mut spliced = pairs(&[("2026-10-06T12:00:00Z", 1040.0)]);
    spliced.extend(own.clone());
    assert_eq!(points(&store, &once, "users"), spliced);
    assert_eq!(unlike(&once), Some(at("2026-10-06T06:00:00Z")));
    assert_eq!(baseline(&once), 1040.0);

    let twice = rebased(reach(), "d3", &[("2026-10-06", 1.0, 2.0), newest]);
    let whole = pairs(&[
        ("2026-10-05T06:00:00Z", 1000.0),
        ("2026-10-05T18:00:00Z", 1020.0),
        ("2026-10-06T12:00:00Z", 1040.0),
        ("2026-10-07T12:00:00Z", 1060.0),
        ("2026-10-08T06:00:00Z", 1070.0),
    ]);
    assert_eq!(points(&store, &twice, "users"), whole);
    assert_eq!(unlike(&twice), None);
    assert_eq!(baseline(&twice), 1000.0, "the first one of the first epoch");

    // The newest slot and attempt are those of the definition in force: the new one is asked at once.
    let next = rebased(reach(), "d4", &[("2026-10-08", 1.0, 1.0)]);
    let loaded = store.load(&next).unwrap();
    assert!(loaded.last_slot.is_empty());
    let record = loaded.history.get(&kr("users")).unwrap();
    assert_eq!(record.last_attempt, None);
    assert_eq!(record.series.points().last().unwrap().value, 1070.0);
}

/// A band is judged by every value, and in another zone than the days are stored in all are read one by one.
#[tokio::test]
async fn bands_and_other_zones_are_carried_over_value_by_value() {
    let place = Place::new();
    let store = place.open();
    store.append(three_epochs()).await.unwrap();
    let rebases = [("2026-10-06", 1.0, 2.0), ("2026-10-07", 1.0, 10.0)];
    let all = pairs(&[
        ("2026-10-05T06:00:00Z", 1000.0),
        ("2026-10-05T18:00:00Z", 1020.0),
        ("2026-10-06T06:00:00Z", 1040.0),
        ("2026-10-06T12:00:00Z", 1040.0),
        ("2026-10-07T06:00:00Z", 1060.0),
        ("2026-10-07T12:00:00Z", 1060.0),
        ("2026-10-08T06:00:00Z", 1070.0),
    ]);
    let band = rebased(hold(), "d3", &rebases);
    assert_eq!(points(&store, &band, "users"), all);
    assert_eq!(
        points(&store, &rebased(hold(), "d3", &[]), "users"),
        all[5..]
    );
    let mut tokyo = rebased(reach(), "d3", &rebases);
    let zone = cycle("Asia/Tokyo");
    tokyo.cycles.insert(zone.name.clone(), zone);
    let reader = Reader::open(&place.path()).unwrap();
    let by_points = reader.load(&tokyo).unwrap();
    assert_eq!(by_points, store.load(&tokyo).unwrap(), "days or points");
    // In Tokyo the second value of the 5th stands on the 6th already.
    let found = by_points.history.get(&kr("users")).unwrap().series.clone();
    let found: Vec<f64> = found.points().iter().map(|p| p.value).collect();
    assert_eq!(found, [1000.0, 1040.0, 1060.0, 1070.0]);
}

/// Filled in over the time of the old definition, the new one counts on each day that it has.
#[tokio::test]
async fn what_was_filled_in_counts_before_what_is_carried_over() {
    let place = Place::new();
    let store = place.open();
    let slot = |day: i64| {
        (at("2026-10-05T06:00:00Z") + Duration::from_secs(86_400 * day.unsigned_abs())).to_string()
    };
    let mut entries: Vec<Entry> = (0..5).map(|day| under("d1", &slot(day), 1.0)).collect();
    entries.extend((5..7).map(|day| under("d2", &slot(day), 10.0)));
    entries.push(Entry {
        origin: Origin::Backfilled,
        ..under("d2", &slot(2), 11.0)
    });
    store.append(entries).await.unwrap();
    let goals = rebased(reach(), "d2", &[("2026-10-10", 1.0, 10.0)]);
    let found: Vec<f64> = points(&store, &goals, "users")
        .iter()
        .map(|p| p.1)
        .collect();
    assert_eq!(found, [10.0, 10.0, 11.0, 10.0, 10.0, 10.0, 10.0]);
    let loaded = store.load(&goals).unwrap();
    let baseline = loaded
        .history
        .get(&kr("users"))
        .unwrap()
        .baseline(&cycle("UTC"));
    assert_eq!(baseline.unwrap().as_of, at("2026-10-05T06:00:00Z"));
}

#[tokio::test]
async fn a_key_result_that_was_only_measured_otherwise_is_known_to_be() {
    let place = Place::new();
    let store = place.open();
    store
        .append(vec![under("d1", "2026-10-05T06:00:00Z", 1.0)])
        .await
        .unwrap();
    let loaded = store.load(&rebased(reach(), "d2", &[])).unwrap();
    let record = loaded.history.get(&kr("users")).unwrap();
    assert_eq!(record.unlike_until, Some(at("2026-10-05T06:00:00Z")));
    assert!(record.series.points().is_empty() && record.frozen.is_none());
    // What was only asked in vain was never measured.
    let place = Place::new();
    let store = place.open();
    store
        .append(vec![failed(
            "users",
            "2026-10-05T06:00:00Z",
            FaultClass::Net,
        )])
        .await
        .unwrap();
    let loaded = store.load(&rebased(reach(), "d2", &[])).unwrap();
    assert_eq!(loaded.history.get(&kr("users")), None);
}

/// A command beside the daemon resumes what that one noted, and neither undoes what the other wrote.
#[tokio::test]
async fn f18_what_is_known_of_a_source_survives_and_a_resume_leaves_only_the_patience_it_asked_for()
{
    let place = Place::new();
    let store = place.open();
    let source = Slug::parse("crm").unwrap();
    let until = at("2026-11-02T00:00:00Z");
    let state = SourceState {
        not_before: Some(until),
        limited: 3,
        open_until: Some(until),
        opened: 2,
        suspended: Some(now()),
        refused: Some(u16::MAX),
        resumed: None,
    };
    let states = vec![(source.clone(), state)];
    store.keep_sources(states.clone()).await.unwrap();
    let known = || Reader::open(&place.path()).unwrap().sources().unwrap()[&source];
    assert_eq!(known(), state);
    store.resume(source.clone(), until).await.unwrap();
    let resumed = SourceState {
        not_before: Some(until),
        limited: 3,
        resumed: Some(until),
        ..SourceState::default()
    };
    assert_eq!(known(), resumed);
    store.keep_sources(states).await.unwrap();
    assert_eq!(
        known(),
        SourceState {
            resumed: Some(until),
            ..state
        }
    );
    // Said again within the same millisecond it is another resume all the same.
    store.resume(source.clone(), until).await.unwrap();
    assert!(known().resumed > Some(until));
    // One that nothing is known of is heard of too.
    let other = Slug::parse("new").unwrap();
    store.resume(other.clone(), until).await.unwrap();
    let all = Reader::open(&place.path()).unwrap().sources().unwrap();
    assert_eq!(all[&other].resumed, Some(until));
}

#[tokio::test]
async fn f13_a_store_of_version_7_keeps_the_patience_that_was_asked_for() {
    let place = Place::new();
    drop(place.open());
    let (raw, until) = (place.raw(), at("2026-11-02T00:00:00Z"));
    raw.execute_batch(WITHOUT_NEWEST).unwrap();
    raw.execute(
        "INSERT INTO source_state VALUES ('crm', ?1)",
        [until.as_millisecond()],
    )
    .unwrap();
    raw.pragma_update(None, "user_version", 7).unwrap();
    drop(raw);
    drop(place.open());
    let known = Reader::open(&place.path()).unwrap().sources().unwrap();
    let state = SourceState {
        not_before: Some(until),
        ..SourceState::default()
    };
    assert_eq!(known, [(Slug::parse("crm").unwrap(), state)].into());
}
