//! Tests of the store as a whole, and the small world they share: one cycle, a few key results, a folder.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::date;
use jiff::tz::TimeZone;

use super::{Entry, Origin, Questions, Store};
use crate::domain::cycle::Cycle;
use crate::domain::fault::{Fault, FaultClass};
use crate::domain::goals::{Ambition, Feed, Goals, KeyResult, Kind, Objective, Role};
use crate::domain::id::{CycleName, KeyResultId, ObjectiveId, Slug};
use crate::domain::quality::{Flag, Quality};
use crate::domain::reading::Reading;
use crate::domain::target::{Aim, Band, Baseline, Hold, Reach, ScoreBy, Target};

mod forecasts;
mod loading;
mod model;
mod opening;
mod owed;
mod people;
mod provenance;
mod tidying;
mod versions;
mod writing;

/// A folder that goes with the test, and the store in it.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("okrd.db")
    }

    fn beside(&self, suffix: &str) -> PathBuf {
        self.folder.path().join(format!("okrd.db{suffix}"))
    }

    fn open(&self) -> Store {
        Store::open(&self.path(), "0.0.1", now()).unwrap()
    }

    /// The database as any other program sees it.
    fn raw(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.path()).unwrap()
    }

    fn count(&self, what: &str) -> i64 {
        self.raw()
            .query_row(&format!("SELECT count(*) FROM {what}"), [], |r| r.get(0))
            .unwrap()
    }
}

/// Undoes what the newest versions of the schema brought, for tests of what the ones before them were.
const WITHOUT_NEWEST: &str = "
    DROP TABLE outbox; DROP TABLE told; DROP TABLE thread; DROP TABLE channel_state;
    ALTER TABLE measurement DROP COLUMN flags;
    ALTER TABLE last_miss DROP COLUMN doubted_slot;
    ALTER TABLE last_miss DROP COLUMN doubted_value;
    DROP TABLE incident; DROP INDEX measurement_day_sealed;
    ALTER TABLE measurement_day DROP COLUMN n; ALTER TABLE measurement_day DROP COLUMN low_value;
    ALTER TABLE measurement_day DROP COLUMN high_value; ALTER TABLE measurement_day DROP COLUMN sum;
    ALTER TABLE measurement_day DROP COLUMN high_slot; ALTER TABLE measurement_day DROP COLUMN sealed;
    DROP TABLE source_state;
    CREATE TABLE source_state (
  source     TEXT PRIMARY KEY,
  not_before INTEGER NOT NULL
) STRICT, WITHOUT ROWID;";

fn now() -> Timestamp {
    at("2026-11-01T00:00:00Z")
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn kr(name: &str) -> KeyResultId {
    KeyResultId::parse_full(&format!("2026-Q4:growth/{name}")).unwrap()
}

fn polled(name: &str, slot: &str, value: f64) -> Entry {
    polled_at(name, at(slot), value)
}

fn polled_at(name: &str, slot: Timestamp, value: f64) -> Entry {
    Entry {
        key_result: kr(name),
        slot,
        started_at: slot + Duration::from_secs(2),
        took: Duration::from_millis(40),
        tries: 1,
        definition: "d1".into(),
        cycle: Arc::new(cycle("UTC")),
        origin: Origin::Polled,
        outcome: Ok(Reading {
            value,
            exact: None,
            as_of: None,
            quality: Quality::default(),
            counts: None,
            note: None,
        }),
    }
}

fn failed(name: &str, slot: &str, class: FaultClass) -> Entry {
    Entry {
        tries: 2,
        outcome: Err(Fault::new(class, "found nothing").help("look again")),
        ..polled(name, slot, 0.0)
    }
}

fn recorded(name: &str, slot: &str, value: f64) -> Entry {
    Entry {
        started_at: at(slot) + Duration::from_secs(3600),
        origin: Origin::Recorded {
            note: Some("counted by hand".into()),
            author: None,
        },
        ..polled(name, slot, value)
    }
}

fn reach() -> Aim {
    Aim::Reach(Reach {
        baseline: Baseline::First,
        target: Target::Absolute(1e6),
        strict: false,
        anchors: None,
    })
}

fn hold() -> Aim {
    Aim::Hold(Hold {
        band: Band::AtMost(300.0),
        strict: false,
        compliance: Hold::DEFAULT_COMPLIANCE,
        score_by: ScoreBy::Time,
    })
}

/// October to December in `zone`.
fn cycle(zone: &str) -> Cycle {
    let zone = TimeZone::get(zone).unwrap();
    let name = CycleName::parse("2026-Q4").unwrap();
    Cycle::new(name, date(2026, 10, 1), date(2026, 12, 31), zone).unwrap()
}

/// October to December in `zone`, with these key results under definition `d1`, stale after a day.
fn goals(zone: &str, key_results: &[(&str, Aim)]) -> Goals {
    let cycle = cycle(zone);
    let name = cycle.name.clone();
    let key_results = (key_results.iter())
        .map(|(id, aim)| {
            Arc::new(KeyResult {
                id: kr(id),
                title: String::new(),
                why: None,
                unit: String::new(),
                kind: Kind::Level,
                window: None,
                aim: aim.clone(),
                plan: None,
                role: Role::Contributes,
                weight: 1.0,
                feed: Feed::Recorded,
                stale_after: Duration::from_secs(86_400),
                amendments: Vec::new(),
                rebases: Vec::new(),
                definition: "d1".into(),
            })
        })
        .collect();
    Goals {
        cycles: [(name.clone(), cycle)].into(),
        objectives: vec![Arc::new(Objective {
            id: ObjectiveId {
                cycle: name,
                objective: Slug::parse("growth").unwrap(),
            },
            title: String::new(),
            why: None,
            team: None,
            parent: None,
            ambition: Ambition::Aspirational,
            key_results,
            initiatives: Vec::new(),
        })],
        ..Goals::default()
    }
}

fn bytes(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap()
}

fn definition(text: &str) -> Arc<str> {
    text.into()
}
