//! The values of a key result over a range, stored or computed: a formula is stored nowhere, so its values follow from the
//! stored ones of the key results it reads. Prints nothing.

use jiff::{SignedDuration, Timestamp};

use crate::domain::derive;
use crate::domain::goals::{Feed, KeyResult, Objective};
use crate::domain::history::{History, Point};
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

    /// How it came about: `polled`, `backfilled`, `recorded` or `computed`.
    pub fn origin(&self) -> &'static str {
        match self {
            Self::Stored(m) => m.origin.as_str(),
            Self::Computed(_) => "computed",
        }
    }
}

/// The values of a key result of `objective` in `[since, until)`, oldest first: stored ones by their slots and under all
/// definitions, computed ones by the instants they describe and from what its key results mean today.
///
/// # Errors
/// When the store cannot be read.
pub fn read(
    reader: &Reader,
    objective: &Objective,
    key_result: &KeyResult,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
) -> Result<Vec<Value>, StoreError> {
    let Feed::Computed(formula) = &key_result.feed else {
        let stored = reader.series(&key_result.id, since, until)?;
        return Ok(stored.into_iter().map(Value::Stored).collect());
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
        let comparable = stored.into_iter().map(|m| (m.definition.clone(), m));
        let comparable = comparable.filter(|(definition, _)| **definition == *input.definition);
        history.record(&input.id).series =
            comparable.map(|(_, m)| Value::Stored(m).point()).collect();
    }
    let record = derive::record(objective, key_result, &history);
    let points = record.map(|record| record.series.points().to_vec());
    let within = |point: &Point| {
        since.is_none_or(|since| since <= point.as_of)
            && until.is_none_or(|until| point.as_of < until)
    };
    let points = points.unwrap_or_default().into_iter().filter(within);
    Ok(points.map(Value::Computed).collect())
}
