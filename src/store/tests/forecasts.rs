//! Forecasts as they were kept: one a day and series, the newest of half-time loaded, its error kept with the closing; and
//! the counts behind a ratio.

use super::super::{Close, DayForecast, Reader};
use super::*;
use crate::domain::forecast::{ForecastError, KeptForecast, Method};
use crate::domain::scorecard::score;

/// Made at this instant, on this day of the cycle.
fn made(name: &str, day: &str, when: &str, value: f64) -> DayForecast {
    DayForecast {
        key_result: kr(name),
        definition: "d1".into(),
        forecast: KeptForecast {
            day: day.parse().unwrap(),
            at: at(when),
            value,
            progress: value / 1_000_000.0,
            low: Some(value - 1.0),
            high: None,
            method: Method::TheilSen,
            weak: true,
        },
    }
}

async fn keep(store: &Store, forecasts: &[DayForecast]) {
    store.keep_forecasts(forecasts.to_vec()).await.unwrap();
}

#[tokio::test]
async fn a_day_has_one_forecast_the_last_also_after_a_restart() {
    let place = Place::new();
    let store = place.open();
    let first = made("users", "2026-10-20", "2026-10-20T08:00:00Z", 1.0);
    keep(&store, std::slice::from_ref(&first)).await;
    drop(store);
    let store = place.open();
    let last = made("users", "2026-10-20", "2026-10-20T20:00:00Z", 2.0);
    keep(&store, std::slice::from_ref(&last)).await;
    // What was made earlier and comes later does not take its place.
    keep(&store, &[first]).await;
    let next = made("users", "2026-10-21", "2026-10-21T08:00:00Z", 3.0);
    let other = made("other", "2026-10-21", "2026-10-21T08:00:00Z", 9.0);
    keep(&store, &[other, next.clone()]).await;
    let reader = Reader::open(&place.path()).unwrap();
    assert_eq!(reader.forecasts(&kr("users")).unwrap(), [last, next]);
    assert_eq!(reader.forecasts(&kr("quiet")).unwrap(), []);
}

/// The middle of October to December 2026 in UTC is 16 November, 00:00.
#[tokio::test]
async fn the_newest_forecast_in_the_two_weeks_before_the_middle_is_the_one_of_half_time() {
    let loaded = |place: &Place| {
        let goals = goals("UTC", &[("users", reach())]);
        let history = place.open().load(&goals).unwrap().history;
        history
            .get(&kr("users"))
            .and_then(|record| record.half_time)
    };
    let place = Place::new();
    let store = place.open();
    keep(
        &store,
        &[made("users", "2026-11-01", "2026-11-01T23:59:00Z", 1.0)],
    )
    .await;
    keep(
        &store,
        &[made("users", "2026-11-16", "2026-11-16T00:00:01Z", 4.0)],
    )
    .await;
    // Of another definition, so it says nothing about this number.
    let other = DayForecast {
        definition: "d0".into(),
        ..made("users", "2026-11-15", "2026-11-15T12:00:00Z", 7.0)
    };
    keep(&store, &[other]).await;
    drop(store);
    assert_eq!(
        loaded(&place),
        None,
        "too early, too late or of another number"
    );
    let store = place.open();
    let oldest = made("users", "2026-11-02", "2026-11-02T00:00:00Z", 2.0);
    keep(&store, std::slice::from_ref(&oldest)).await;
    drop(store);
    assert_eq!(loaded(&place), Some(oldest.forecast));
    let store = place.open();
    let newest = made("users", "2026-11-15", "2026-11-15T23:59:45Z", 3.0);
    keep(&store, std::slice::from_ref(&newest)).await;
    drop(store);
    assert_eq!(loaded(&place), Some(newest.forecast));
}

#[tokio::test]
async fn the_error_of_the_forecast_is_the_same_before_and_after_the_close_and_never_changes() {
    let place = Place::new();
    let goals = goals("UTC", &[("users", reach()), ("silent", reach())]);
    let store = place.open();
    let values = [
        polled("users", "2026-10-02T06:00:00Z", 0.0),
        polled("users", "2026-12-30T06:00:00Z", 650_000.0),
    ];
    store.append(values.to_vec()).await.unwrap();
    let stood = made("users", "2026-11-15", "2026-11-15T20:00:00Z", 700_000.0);
    keep(&store, std::slice::from_ref(&stood)).await;
    let errors = |then: &str| {
        let history = store.load(&goals).unwrap().history;
        let card = score(&goals, &history, at(then));
        let cards = card.key_results();
        let errors = cards
            .map(|(_, card)| card.forecast_error)
            .collect::<Vec<_>>();
        (errors, Close::of(&card, &cycle("UTC").name))
    };
    let expected = ForecastError {
        forecast: 700_000.0,
        at: stood.forecast.at,
        method: Method::TheilSen,
        error: 50_000.0,
    };
    // It is final with the value, not before.
    assert_eq!(errors("2027-01-07T23:59:59Z").0, [None, None]);
    let (before, close) = errors("2027-01-08T00:00:00Z");
    assert_eq!(before, [Some(expected), None]);
    store.keep_close(close).await.unwrap();
    keep(
        &store,
        &[made("users", "2026-11-15", "2026-11-15T21:00:00Z", 1.0)],
    )
    .await;
    assert_eq!(errors("2027-02-01T00:00:00Z").0, before);
}

/// Version 5 with a closed cycle becomes version 6: its closing has no forecast and its ratio no counts, for nobody knows
/// them.
#[tokio::test]
async fn a_store_of_version_5_gets_forecasts_and_counts_and_invents_none() {
    let place = Place::new();
    let goals = goals("UTC", &[("users", reach())]);
    let store = place.open();
    let value = polled("users", "2026-12-30T06:00:00Z", 650_000.0);
    store.append(vec![value]).await.unwrap();
    let then = at("2027-01-08T00:00:00Z");
    let card = score(&goals, &store.load(&goals).unwrap().history, then);
    let close = Close::of(&card, &cycle("UTC").name);
    store.keep_close(close).await.unwrap();
    let before = store.load(&goals).unwrap();
    drop(store);
    place.raw().execute_batch(WITHOUT_NEWEST).unwrap();
    place
        .raw()
        .execute_batch(
            "DROP TABLE forecast;
             ALTER TABLE measurement DROP COLUMN k; ALTER TABLE measurement DROP COLUMN n;
             ALTER TABLE closing DROP COLUMN forecast_value; ALTER TABLE closing DROP COLUMN forecast_at;
             ALTER TABLE closing DROP COLUMN forecast_method; ALTER TABLE closing DROP COLUMN forecast_error;
             DROP TABLE asked; DROP TABLE question; DROP TABLE in_force;
             PRAGMA user_version = 5;",
        )
        .unwrap();
    let schema = |connection: &rusqlite::Connection| -> Vec<String> {
        let mut all = connection
            .prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name")
            .unwrap();
        let rows = all.query_map([], |row| row.get(0)).unwrap();
        rows.collect::<Result<_, _>>().unwrap()
    };
    let mut fifth = rusqlite::Connection::open_in_memory().unwrap();
    let steps = &super::super::migrate::STEPS[..5];
    super::super::migrate::migrate(&mut fifth, &place.path(), steps).unwrap();
    assert_eq!(
        schema(&place.raw()),
        schema(&fifth),
        "this is what version 5 was"
    );
    let store = place.open();
    let after = store.load(&goals).unwrap();
    assert_eq!(after, before);
    let record = after.history.get(&kr("users")).unwrap();
    assert_eq!((record.counts, record.half_time), (None, None));
    assert_eq!(record.kept.as_ref().unwrap().forecast_error, None);
    keep(
        &store,
        &[made("users", "2026-11-15", "2026-11-15T20:00:00Z", 1.0)],
    )
    .await;
    assert_eq!(place.count("forecast"), 1);
}

#[tokio::test]
async fn the_counts_behind_a_ratio_are_those_of_its_newest_value() {
    let place = Place::new();
    let goals = goals("UTC", &[("users", reach())]);
    let counted = |slot: &str, counts: Option<(f64, f64)>| {
        let entry = polled("users", slot, 0.06);
        let outcome = entry
            .outcome
            .clone()
            .map(|reading| Reading { counts, ..reading });
        Entry { outcome, ..entry }
    };
    let loaded = |store: &Store| {
        let history = store.load(&goals).unwrap().history;
        history.get(&kr("users")).unwrap().counts
    };
    let store = place.open();
    let older = counted("2026-10-02T06:00:00Z", Some((1.0, 2.0)));
    let newest = counted("2026-10-03T06:00:00Z", Some((12.0, 200.0)));
    store.append(vec![older, newest.clone()]).await.unwrap();
    assert_eq!(loaded(&store), newest.counts());
    assert_eq!(loaded(&store).unwrap().1, (12.0, 200.0));
    let reader = Reader::open(&place.path()).unwrap();
    let series = reader.series(&kr("users"), None, None).unwrap();
    let counts: Vec<_> = series.iter().map(|m| m.counts).collect();
    assert_eq!(counts, [Some((1.0, 2.0)), Some((12.0, 200.0))]);
    let uncounted = counted("2026-10-04T06:00:00Z", None);
    store.append(vec![uncounted]).await.unwrap();
    assert_eq!(loaded(&store), None);
}
