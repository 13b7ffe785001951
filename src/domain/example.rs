//! A small company to test with: one quarter in UTC, key results and records made in one line each.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::date;
use jiff::tz::TimeZone;

use super::cycle::Cycle;
use super::goals::{Ambition, Feed, Goals, KeyResult, Kind, Objective, Parent, ParentLink, Role};
use super::history::{History, Point, Record};
use super::id::{CycleName, KeyResultId, ObjectiveId, Slug};
use super::target::{Aim, Band, Baseline, Hold, Reach, ScoreBy, Target};

/// 90 days from 2026-01-01 in UTC.
pub(crate) fn quarter() -> Cycle {
    let name = CycleName::parse("2026-Q1").unwrap();
    Cycle::new(name, date(2026, 1, 1), date(2026, 3, 31), TimeZone::UTC).unwrap()
}

/// So many days after the start of the quarter.
#[expect(clippy::cast_possible_truncation, reason = "small numbers")]
pub(crate) fn day(days: f64) -> Timestamp {
    let start = quarter().start().as_second();
    Timestamp::from_second(start + (days * 86_400.0) as i64).unwrap()
}

pub(crate) fn days(n: u64) -> Duration {
    Duration::from_secs(n * 86_400)
}

pub(crate) fn slug(text: &str) -> Slug {
    Slug::parse(text).unwrap()
}

pub(crate) fn reach(baseline: Baseline, target: Target) -> Aim {
    Aim::Reach(Reach {
        baseline,
        ..Reach::straight(0.0, target)
    })
}

pub(crate) fn at_most(limit: f64) -> Aim {
    Aim::Hold(Hold {
        band: Band::AtMost(limit),
        strict: false,
        compliance: Hold::DEFAULT_COMPLIANCE,
        score_by: ScoreBy::Time,
    })
}

/// A key result `objective/name` that may be 90 days old.
pub(crate) fn key_result(path: &str, unit: &str, aim: Aim) -> KeyResult {
    let (objective, name) = path.split_once('/').unwrap();
    KeyResult {
        id: KeyResultId {
            cycle: quarter().name,
            objective: slug(objective),
            key_result: slug(name),
        },
        title: path.to_owned(),
        why: None,
        unit: unit.to_owned(),
        kind: Kind::Level,
        window: None,
        aim,
        plan: None,
        role: Role::Contributes,
        weight: 1.0,
        feed: Feed::Recorded,
        stale_after: days(90),
        amendments: Vec::new(),
        rebases: Vec::new(),
        definition: "0".repeat(16),
    }
}

pub(crate) fn guardrail(key_result: KeyResult) -> KeyResult {
    KeyResult {
        role: Role::Guardrail,
        weight: 0.0,
        ..key_result
    }
}

pub(crate) fn objective(name: &str, key_results: Vec<KeyResult>) -> Objective {
    Objective {
        id: ObjectiveId {
            cycle: quarter().name,
            objective: slug(name),
        },
        title: name.to_owned(),
        why: None,
        team: None,
        parent: None,
        ambition: Ambition::Aspirational,
        key_results: key_results.into_iter().map(Arc::new).collect(),
        initiatives: Vec::new(),
    }
}

pub(crate) fn under(parent: &str, link: ParentLink, child: Objective) -> Objective {
    Objective {
        parent: Some(Parent {
            objective: slug(parent),
            link,
        }),
        ..child
    }
}

pub(crate) fn goals(objectives: Vec<Objective>) -> Goals {
    Goals {
        cycles: [(quarter().name, quarter())].into(),
        objectives: objectives.into_iter().map(Arc::new).collect(),
        ..Goals::default()
    }
}

/// A record of samples: day, value.
pub(crate) fn record(samples: &[(f64, f64)]) -> Record {
    let point = |&(at, value)| Point {
        as_of: day(at),
        value,
    };
    Record {
        series: samples.iter().map(point).collect(),
        ..Record::default()
    }
}

/// What was measured: paths and their samples.
pub(crate) fn history(records: &[(&str, &[(f64, f64)])]) -> History {
    let mut history = History::default();
    for (path, samples) in records {
        let id = KeyResultId::parse_full(&format!("{}:{path}", quarter().name)).unwrap();
        *history.record(&id) = record(samples);
    }
    history
}
