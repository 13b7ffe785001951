//! The SQL sources against real databases: SQLite files, PostgreSQL and MariaDB servers. Each rule by its fault row.

#![expect(clippy::unwrap_used, reason = "tests may fail loudly")]

mod mysql;
mod postgres;
#[path = "../servers/mod.rs"]
mod servers;
mod sqlite;

use std::time::Duration;

use jiff::civil::date;
use okrd::config::spec::Measure;
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
    let measure = Measure::Sql {
        query: query.into(),
    };
    source
        .measure(Question {
            measure: &measure,
            moments: &moments(),
            timeout,
        })
        .await
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
