//! Letting go: what stays of old days, that nothing which people look at changes, and that whoever writes hardly waits.

use std::time::Instant;

use jiff::SignedDuration;

use super::super::open::{Access, Opening};
use super::super::{Reader, Tidied};
use super::*;
use crate::config::spec::StoreSpec;
use crate::domain::history::Point;

const START: &str = "2026-10-01T00:00:00Z";

fn days(n: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * n)
}

/// Four values a day, 6, 12, 18 and 24 hours after midnight less a minute, for so many days from the start of the cycle: the
/// third of a day is its highest.
async fn measured(store: &Store, names: &[&str], from: i64, until: i64) {
    for day in from..until {
        let mut entries = Vec::new();
        for (nth, high) in [(1, 0.0), (2, 1.0), (3, 100.0), (4, 2.0)] {
            let slot = at(START) + days(day) + SignedDuration::from_mins(nth * 360 - 1);
            let value = f64::from(i32::try_from(day).unwrap()) + high;
            entries.extend(names.iter().map(|name| polled_at(name, slot, value)));
        }
        store.append(entries).await.unwrap();
    }
}

fn last_of(day: i64) -> f64 {
    f64::from(i32::try_from(day).unwrap()) + 2.0
}

/// A cycle of two and a half years, as no company has it: the longest that a store must bear.
fn long_goals() -> Goals {
    let mut goals = goals("UTC", &[("users", reach()), ("errors", hold())]);
    for cycle in goals.cycles.values_mut() {
        let (name, zone) = (cycle.name.clone(), cycle.zone.clone());
        *cycle = Cycle::new(name, date(2026, 10, 1), date(2029, 3, 31), zone).unwrap();
    }
    goals
}

fn long(mut entry: Entry) -> Entry {
    let goals = long_goals();
    entry.cycle = Arc::new(goals.cycles.values().next().unwrap().clone());
    entry
}

/// In portions of whatever size come the same values as at once.
fn portions_add_up(reader: &Reader, name: &str) {
    let whole = reader.series(&kr(name), None, None).unwrap();
    for most in [37, 500, usize::MAX] {
        let (mut all, mut from) = (Vec::new(), None);
        loop {
            let portion = reader.series_up_to(&kr(name), from, None, most);
            let (values, rest) = portion.unwrap();
            all.extend(values);
            let Some(rest) = rest else { break };
            assert!(from < Some(rest) && most < usize::MAX);
            from = Some(rest);
        }
        assert_eq!(all, whole, "{most}");
    }
}

#[tokio::test]
async fn after_two_years_old_days_have_one_row_each_and_everything_reads_as_before() {
    let place = Place::new();
    let store = place.open();
    let goals = long_goals();
    let two_years = 730;
    let mut total = Tidied::default();
    for month in 0..(two_years / 30 + 1) {
        let (from, until) = (month * 30, ((month + 1) * 30).min(two_years));
        for day in from..until {
            let mut entries = Vec::new();
            for (nth, high) in [(1, 0.0), (2, 1.0), (3, 100.0), (4, 2.0)] {
                let slot = at(START) + days(day) + SignedDuration::from_mins(nth * 360 - 1);
                let value = f64::from(i32::try_from(day).unwrap()) + high;
                for name in ["users", "errors"] {
                    entries.push(long(polled_at(name, slot, value)));
                }
            }
            entries.push(long(Entry {
                outcome: Err(Fault::new(FaultClass::Net, "away")),
                ..polled_at(
                    "users",
                    at(START) + days(day) + SignedDuration::from_hours(3),
                    0.0,
                )
            }));
            store.append(entries).await.unwrap();
        }
        if month == 12 {
            // Not a year and a month yet: nothing but failures may have gone.
            assert_eq!(total.values, 0);
        }
        let before = store.load(&goals).unwrap();
        let done = store.tidy(at(START) + days(until)).await.unwrap();
        let after = store.load(&goals).unwrap();
        // A value to reach hangs on first and last of each day, which stay.
        assert_eq!(
            before.history.get(&kr("users")),
            after.history.get(&kr("users")),
            "month {month}"
        );
        assert_eq!(before.last_slot, after.last_slot);
        assert_eq!(before.accounted, after.accounted);
        total += done;
    }
    let gone = two_years - 400;
    assert_eq!(total.values, usize::try_from(gone * 4 * 2).unwrap());
    assert_eq!(place.count("measurement"), 400 * 4 * 2);
    assert_eq!(place.count("measurement_day"), two_years * 2);
    assert_eq!(total.attempts, usize::try_from(two_years - 90).unwrap());

    // A band to hold is judged by first and last of old days, and by every value of the others.
    let loaded = store.load(&goals).unwrap();
    let points = loaded.history.get(&kr("errors")).unwrap().series.clone();
    let expected = usize::try_from(gone * 2 + 400 * 4).unwrap();
    assert_eq!(points.points().len(), expected);
    let first = at(START) + SignedDuration::from_mins(359) + SignedDuration::from_secs(2);
    assert_eq!(
        points.points()[0],
        Point {
            as_of: first,
            value: 0.0
        }
    );

    // The history tells each old day by its last value, and what is known of the others.
    let reader = Reader::open(&place.path()).unwrap();
    portions_add_up(&reader, "users");
    let series = reader.series(&kr("users"), None, None).unwrap();
    let (old, young): (Vec<_>, Vec<_>) = series.iter().partition(|m| m.day.is_some());
    assert_eq!(old.len(), usize::try_from(gone).unwrap());
    // And the very first value, which a baseline may be.
    assert_eq!(young.len(), 400 * 4 + 1);
    for (day, m) in (0..).zip(&old) {
        let totals = m.day.as_deref().unwrap();
        let base = f64::from(i32::try_from(day).unwrap());
        assert_eq!(m.value, last_of(day));
        assert_eq!((totals.n, totals.first, totals.low), (4, base, base));
        assert_eq!(
            (totals.high, totals.mean()),
            (base + 100.0, Some(base + 25.75))
        );
    }
    assert!(series.is_sorted_by_key(|m| m.slot));
    let epochs = reader.epochs(&kr("users")).unwrap();
    assert_eq!(epochs[0].first, series[0].as_of);

    // What was asked for and is no longer kept is not asked for again, nor counted twice.
    let slot = at(START) + SignedDuration::from_mins(719);
    assert_eq!(reader.unmeasured(&kr("users"), "d1", &[slot]).unwrap(), []);
    let again = Entry {
        origin: Origin::Backfilled,
        ..long(polled_at("users", slot, 77.0))
    };
    store.append(vec![again]).await.unwrap();
    let again = reader.series(&kr("users"), None, None).unwrap();
    assert_eq!(again, series);
    // The attempt that came too late to count goes as others do.
    let last = store.tidy(at(START) + days(two_years)).await.unwrap();
    assert_eq!((last.values, last.attempts), (0, 1));
}

/// The newest value of a series stays as it is, however old, and so does what a closed cycle ended with.
#[tokio::test]
async fn what_a_series_ended_with_stays_with_all_that_stands_beside_it() {
    let place = Place::new();
    let store = place.open();
    let mut noted = polled("users", "2026-12-30T06:00:00Z", 7.0);
    if let Ok(reading) = &mut noted.outcome {
        reading.note = Some("of 12 shops".into());
    }
    let told = recorded("told", "2026-12-30T08:00:00Z", 9.0);
    store
        .append(vec![
            polled("users", "2026-12-30T05:00:00Z", 6.0),
            noted,
            told,
        ])
        .await
        .unwrap();
    let goals = goals("UTC", &[("users", reach()), ("told", reach())]);
    let before = store.load(&goals).unwrap();
    let done = store.tidy(at("2030-01-01T00:00:00Z")).await.unwrap();
    assert_eq!(done.values, 1);
    assert_eq!(store.load(&goals).unwrap(), before);
    let reader = Reader::open(&place.path()).unwrap();
    let series = reader.series(&kr("users"), None, None).unwrap();
    let last = series.last().unwrap();
    assert_eq!(last.note.as_deref(), Some("of 12 shops"));
    assert_eq!(last.day.as_ref().map(|day| day.n), Some(2));
    let told = reader.series(&kr("told"), None, None).unwrap();
    assert!(
        matches!(&told[0].origin, Origin::Recorded { note: Some(_), .. }),
        "{told:?}"
    );
    // What people tell of a time long past is kept beside the day.
    store
        .append(vec![recorded("users", "2026-12-30T04:00:00Z", 1.0)])
        .await
        .unwrap();
    let series = reader.series(&kr("users"), None, None).unwrap();
    assert_eq!(
        series
            .last()
            .unwrap()
            .day
            .as_ref()
            .map(|day| (day.n, day.low)),
        Some((3, 1.0))
    );
}

#[tokio::test]
async fn check_ins_and_annotations_never_go() {
    let place = Place::new();
    let store = place.open();
    let told_at = at("2026-10-02T00:00:00Z");
    let words = super::super::Annotation {
        key_result: None,
        from: told_at,
        to: None,
        author: None,
        text: "moved house".into(),
        told_at,
    };
    store.keep_annotation(words).await.unwrap();
    store
        .append(vec![polled("users", "2026-10-02T00:00:00Z", 1.0)])
        .await
        .unwrap();
    let _ = store.tidy(at("2099-01-01T00:00:00Z")).await.unwrap();
    assert_eq!(place.count("annotation"), 1);
}

/// A correction takes the value before out of the sums of its day.
#[tokio::test]
async fn a_corrected_value_is_counted_once_in_its_day() {
    let place = Place::new();
    let store = place.open();
    for value in [900.0, 5.0] {
        store
            .append(vec![recorded("users", "2026-10-02T06:00:00Z", value)])
            .await
            .unwrap();
        store
            .append(vec![recorded("users", "2026-10-02T07:00:00Z", 3.0)])
            .await
            .unwrap();
    }
    let day: (i64, f64, f64, f64) = (place.raw())
        .query_row(
            "SELECT n, low_value, high_value, sum FROM measurement_day",
            [],
            |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?)),
        )
        .unwrap();
    assert_eq!(day, (2, 3.0, 5.0, 8.0));
}

/// Another zone makes the days anew from the values; those without values stay.
#[tokio::test]
async fn days_without_values_outlive_a_change_of_the_zone() {
    let place = Place::new();
    let store = place.open();
    measured(&store, &["users"], 0, 30).await;
    let _ = store.tidy(at(START) + days(410)).await.unwrap();
    assert_eq!(place.count("measurement"), 20 * 4);
    let here = goals("UTC", &[("users", reach())]);
    let there = goals("Asia/Tokyo", &[("users", reach())]);
    let before = Reader::open(&place.path())
        .unwrap()
        .series(&kr("users"), None, None)
        .unwrap();
    store.load(&there).unwrap();
    let totals = || -> (i64, f64) {
        let sql = "SELECT sum(n), sum(sum) FROM measurement_day";
        place
            .raw()
            .query_row(sql, [], |r| Ok((r.get(0)?, r.get(1)?)))
            .unwrap()
    };
    let (n, sum) = totals();
    assert_eq!(n, 30 * 4);
    store.load(&here).unwrap();
    assert_eq!(totals(), (n, sum));
    let after = Reader::open(&place.path())
        .unwrap()
        .series(&kr("users"), None, None)
        .unwrap();
    assert_eq!(after, before);
}

/// Cut short between two steps, the rest goes the next time.
#[tokio::test]
async fn a_tidying_cut_short_goes_on_from_there() {
    let place = Place::new();
    let names: Vec<String> = (0..2_000).map(|n| format!("kr{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    {
        let store = place.open();
        measured(&store, &names, 0, 2).await;
        store.close().await.unwrap();
    }
    let spec = StoreSpec::at(place.path());
    let late = at(START) + days(900);
    {
        let opened = Opening::new(&spec, "0.0.1", late, Access::Daemon)
            .open()
            .unwrap();
        let keep = spec.keep;
        let mut tidying =
            super::super::tidy::Tidying::begin(&opened.connection, keep, late).unwrap();
        tidying.step(&opened.connection).unwrap();
        let step = tidying.step(&opened.connection).unwrap().unwrap();
        assert!((4_000..=8_000).contains(&step.values), "{step:?}");
    }
    let store = place.open();
    let reader = Reader::open(&place.path()).unwrap();
    assert_eq!(
        reader.series(&kr("kr7"), None, None).unwrap().len(),
        2 + 4,
        "one day is sealed"
    );
    let _ = store.tidy(late).await.unwrap();
    assert_eq!(
        place.count("measurement"),
        2_000,
        "the newest of each stays"
    );
    assert_eq!(reader.series(&kr("kr7"), None, None).unwrap().len(), 3);
    let free: i64 = place
        .raw()
        .pragma_query_value(None, "freelist_count", |r| r.get(0))
        .unwrap();
    assert!(free <= 1_000, "{free} pages are given back");
}

/// Polls that come while a million rows go wait for one step, not for all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_waits_for_one_step_at_most() {
    let place = Place::new();
    let store = place.open();
    let names: Vec<String> = (0..1_000).map(|n| format!("kr{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    measured(&store, &names, 0, 10).await;
    let tidying = tokio::spawn({
        let store = store.clone();
        async move { store.tidy(at(START) + days(430)).await.unwrap() }
    });
    let (mut longest, mut many) = (Duration::ZERO, 0);
    while !tidying.is_finished() {
        let began = Instant::now();
        let slot = at("2026-12-01T00:00:00Z") + Duration::from_secs(many);
        store
            .append(vec![polled_at("other", slot, 1.0)])
            .await
            .unwrap();
        longest = longest.max(began.elapsed());
        many += 1;
    }
    assert_eq!(tidying.await.unwrap().values, 39_000);
    assert!(many > 3, "{many} commits between the steps");
    assert!(longest < Duration::from_secs(2), "{longest:?}");
}
