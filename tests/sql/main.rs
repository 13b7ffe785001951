//! The SQL sources against real databases: SQLite files, PostgreSQL and MariaDB servers. Each rule by its fault row.

#![expect(clippy::unwrap_used, reason = "tests may fail loudly")]

mod hostile;
mod mysql;
mod postgres;
#[path = "../servers/mod.rs"]
mod servers;
mod sqlite;

use std::time::Duration;

use jiff::civil::date;
use okrd::config::spec::{Measure, Takes};
use okrd::domain::cycle::Cycle;
use okrd::domain::fault::{Fault, FaultClass};
use okrd::domain::id::CycleName;
use okrd::domain::reading::Reading;
use okrd::domain::window::{Moments, Window};
use okrd::source::{Question, Source};

/// The instant that every question asks about: 23:30 UTC, which is the next day in Berlin.
const NOW: &str = "2026-11-23T23:30:00Z";

fn moments() -> Moments {
    let zones = jiff::tz::TimeZoneDatabase::bundled();
    let cycle = Cycle::new(
        CycleName::parse("2026-Q4").unwrap(),
        date(2026, 10, 1),
        date(2026, 12, 31),
        zones.get("Europe/Berlin").unwrap(),
    );
    Moments::at(NOW.parse().unwrap(), &cycle.unwrap(), Window::CycleToDate).unwrap()
}

async fn ask_within(source: &dyn Source, query: &str, timeout: Duration) -> Result<Reading, Fault> {
    let measure = Measure::sql(query);
    source
        .measure(Question {
            measure: &measure,
            moments: &moments(),
            timeout,
        })
        .await
}

/// The same with what passes for a number.
async fn ask_taking(source: &dyn Source, query: &str, takes: Takes) -> Result<Reading, Fault> {
    let measure = Measure::Sql {
        query: query.into(),
        takes,
    };
    source
        .measure(Question {
            measure: &measure,
            moments: &moments(),
            timeout: Duration::from_secs(20),
        })
        .await
}

const NOTHING: Takes = Takes {
    no_row: false,
    null: false,
    warnings: false,
};

/// Rows, NULL and columns are alike everywhere; `none` gives no row, `of` makes an instant of a text.
async fn one_row_one_number(source: &dyn Source, none: &str, of: impl Fn(&str) -> String) {
    // F83
    for (query, word) in [
        (none, "no row"),
        ("SELECT 1 UNION ALL SELECT 2", "more than one row"),
    ] {
        let refused = fault(source, query, FaultClass::BadValue, word).await;
        assert_eq!(
            refused.help.contains("on_empty"),
            query == none,
            "{refused}"
        );
    }
    let zero = Takes {
        no_row: true,
        ..NOTHING
    };
    assert_eq!(ask_taking(source, none, zero).await.unwrap().value, 0.0);
    let two = ask_taking(source, "SELECT 1 UNION ALL SELECT 2", zero).await;
    assert_eq!(two.unwrap_err().class, FaultClass::BadValue);
    // F84
    let null = "SELECT sum(id) FROM t WHERE id > 9";
    assert!(
        ask_taking(source, null, zero)
            .await
            .unwrap_err()
            .help
            .contains("COALESCE")
    );
    let null_is_zero = Takes {
        null: true,
        ..NOTHING
    };
    assert_eq!(
        ask_taking(source, null, null_is_zero).await.unwrap().value,
        0.0
    );
    assert!(ask_taking(source, none, null_is_zero).await.is_err());
    // F86, F24
    let instant = of("2026-11-02 09:30:00");
    for query in [
        format!("SELECT 7 AS value, {instant} AS as_of"),
        format!("SELECT {instant} AS as_of, 7 AS value"),
    ] {
        let reading = ask(source, &query)
            .await
            .unwrap_or_else(|f| panic!("{query}: {f}"));
        let as_of = reading.as_of.map(|at| at.to_string());
        assert_eq!(
            (reading.value, as_of.as_deref()),
            (7.0, Some("2026-11-02T09:30:00Z")),
            "{query}"
        );
    }
    for query in [
        "SELECT 1, 2",
        "SELECT 1 AS value, 2 AS b",
        "SELECT 1 AS value, 2 AS as_of, 3 AS c",
    ] {
        fault(source, query, FaultClass::BadValue, "columns").await;
    }
    fault(
        source,
        "SELECT 1 AS value, NULL AS as_of",
        FaultClass::BadValue,
        "as_of",
    )
    .await;
}

async fn ask(source: &dyn Source, query: &str) -> Result<Reading, Fault> {
    ask_within(source, query, Duration::from_secs(20)).await
}

/// The value of a query that must have one.
async fn value(source: &dyn Source, query: &str) -> f64 {
    match ask(source, query).await {
        Ok(reading) => reading.value,
        Err(fault) => panic!("{query}: {fault}"),
    }
}

/// The fault of a query that must have one, of this class and with this word in message or help.
async fn fault(source: &dyn Source, query: &str, class: FaultClass, word: &str) -> Fault {
    let fault = match ask(source, query).await {
        Ok(reading) => panic!("{query}: gave {reading:?}"),
        Err(fault) => fault,
    };
    assert_eq!(fault.class, class, "{query}: {fault}");
    assert!(
        fault.to_string().contains(word),
        "{query}: {fault}, expected {word}"
    );
    fault
}

/// Values as a table: query, number, exact digits.
async fn values(source: &dyn Source, table: &[(&str, f64, Option<&str>)]) {
    for (query, number, exact) in table {
        let reading = ask(source, query)
            .await
            .unwrap_or_else(|f| panic!("{query}: {f}"));
        assert_eq!(reading.value, *number, "{query}");
        assert_eq!(reading.exact.as_deref(), *exact, "{query}");
    }
}

/// Waits until something holds.
async fn eventually<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let end = std::time::Instant::now() + Duration::from_secs(10);
    while !holds().await {
        assert!(std::time::Instant::now() < end, "not within 10 s: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
