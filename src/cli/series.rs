//! The values of a key result over a range, stored or computed: a formula is stored nowhere, so its values follow from the
//! stored ones of the key results it reads. Prints nothing.

use std::sync::Arc;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::domain::derive;
use crate::domain::epoch::Measured;
use crate::domain::goals::{Feed, KeyResult, Objective};
use crate::domain::history::{History, Point};
use crate::domain::quality::Quality;
use crate::store::{Measurement, Reader, StoreError};

/// One value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// It was measured or told.
    Stored(Measurement),
    /// It follows from others.
    Computed(Point),
}

impl Value {
    /// The instant it describes, and the number.
    pub fn point(&self) -> Point {
        match self {
            Self::Stored(m) => Point {
                as_of: m.as_of,
                value: m.value,
            },
            Self::Computed(point) => *point,
        }
    }

    /// Its place in the order of values: the slot of what is stored, the instant of what is computed.
    pub fn slot(&self) -> Timestamp {
        match self {
            Self::Stored(m) => m.slot,
            Self::Computed(point) => point.as_of,
        }
    }

    /// Under which definition it was stored; `None` of what is computed.
    pub fn definition(&self) -> Option<&Arc<str>> {
        match self {
            Self::Stored(m) => Some(&m.definition),
            Self::Computed(_) => None,
        }
    }

    /// What is known against it; nothing of what is computed.
    pub fn quality(&self) -> Quality {
        match self {
            Self::Stored(m) => m.quality,
            Self::Computed(_) => Quality::default(),
        }
    }

    /// How it came about: `polled`, `backfilled`, `recorded` or `computed`; `daily` of the last value of a day whose single
    /// values are no longer kept.
    pub fn origin(&self) -> &'static str {
        match self {
            Self::Stored(m) if m.day.is_some() => "daily",
            Self::Stored(m) => m.origin.as_str(),
            Self::Computed(_) => "computed",
        }
    }
}

/// The values of a key result of `objective` in `[since, until)`, oldest first: stored ones by their slots and under all
/// definitions, computed ones by the instants they describe and from what its key results mean today. Days are those of
/// `zone`.
///
/// # Errors
/// When the store cannot be read.
pub fn read(
    reader: &Reader,
    objective: &Objective,
    key_result: &KeyResult,
    zone: &TimeZone,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
) -> Result<Vec<Value>, StoreError> {
    read_up_to(
        reader,
        objective,
        key_result,
        zone,
        (since, until),
        usize::MAX,
    )
    .map(|(values, _)| values)
}

/// The same, but little more is read than gives `most` stored values; with the slot from which on there may be more.
///
/// # Errors
/// When the store cannot be read.
pub fn read_up_to(
    reader: &Reader,
    objective: &Objective,
    key_result: &KeyResult,
    zone: &TimeZone,
    (since, until): (Option<Timestamp>, Option<Timestamp>),
    most: usize,
) -> Result<(Vec<Value>, Option<Timestamp>), StoreError> {
    let Feed::Computed(formula) = &key_result.feed else {
        let (stored, rest) = reader.series_up_to(&key_result.id, since, until, most)?;
        return Ok((stored.into_iter().map(Value::Stored).collect(), rest));
    };
    let all = objective.key_results.iter();
    let mut history = History::default();
    for input in all.filter(|kr| formula.inputs().contains(&kr.id.key_result)) {
        // What was believed when the range begins was measured before.
        let believed = SignedDuration::try_from(input.stale_after).ok();
        let from = since.map(|since| {
            let earlier = believed.and_then(|believed| since.checked_sub(believed).ok());
            earlier.unwrap_or(Timestamp::MIN)
        });
        let stored = reader.series(&input.id, from, until)?;
        let measured = stored.into_iter().map(|m| Measured {
            origin: m.origin.as_str(),
            definition: m.definition,
            as_of: m.as_of,
            value: m.value,
            quality: m.quality,
        });
        let measured: Vec<_> = measured.collect();
        let line = input.comparison(&reader.epochs(&input.id)?);
        let line = line.line(&measured, zone).into_iter();
        let point = |(measured, factor): (&Measured, f64)| Point {
            as_of: measured.as_of,
            value: measured.value * factor,
        };
        history.record(&input.id).series = line.map(point).collect();
    }
    let record = derive::record(objective, key_result, &history);
    let points = record.map(|record| record.series.points().to_vec());
    let within = |point: &Point| {
        since.is_none_or(|since| since <= point.as_of)
            && until.is_none_or(|until| point.as_of < until)
    };
    let points = points.unwrap_or_default().into_iter().filter(within);
    Ok((points.map(Value::Computed).collect(), None))
}
