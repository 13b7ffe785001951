//! What the store knows of the goals of some cycles, in the order of time, for going through their past. Asks no source and
//! judges nothing.

use std::collections::HashMap;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::domain::cycle::Cycle;
use crate::domain::goals::{Feed, Goals, KeyResult};
use crate::domain::history::Point;
use crate::domain::id::KeyResultId;
use crate::domain::retrace::{Lore, Told};
use crate::store::{Measurement, Origin, Reader, StoreError};

/// A value from before the cycle may still be the newest one when it begins; older ones than this are not looked for.
const BEFORE: SignedDuration = SignedDuration::from_hours(366 * 24);
/// Late values of the last day come in the days after it.
const AFTER: SignedDuration = SignedDuration::from_hours(24);

/// All that is known of the key results of the wanted cycles.
///
/// # Errors
/// When the store cannot be read.
pub fn read(
    reader: &Reader,
    goals: &Goals,
    zone: &TimeZone,
    wanted: impl Fn(&Cycle) -> bool,
) -> Result<HashMap<KeyResultId, Lore>, StoreError> {
    let mut all = HashMap::new();
    for (_, key_result) in goals.key_results() {
        let cycle = goals.cycles.get(&key_result.id.cycle);
        if let Some(cycle) = cycle.filter(|cycle| wanted(cycle)) {
            all.insert(key_result.id.clone(), of(reader, key_result, cycle, zone)?);
        }
    }
    Ok(all)
}

fn of(
    reader: &Reader,
    key_result: &KeyResult,
    cycle: &Cycle,
    zone: &TimeZone,
) -> Result<Lore, StoreError> {
    let id = &key_result.id;
    let said = reader.check_ins(id)?.into_iter().map(|told| told.said);
    let said: Vec<_> = said.collect();
    let stretch = (
        cycle.start().saturating_sub(BEFORE).ok(),
        cycle.end().saturating_add(AFTER).ok(),
    );
    let (stored, missed) = match key_result.feed {
        Feed::Polled { .. } | Feed::Recorded => (
            reader.series(id, stretch.0, stretch.1)?,
            reader.attempts(id, stretch.0, stretch.1)?,
        ),
        Feed::Computed(_) | Feed::Stated => Default::default(),
    };
    let comparison = key_result.comparison(&reader.epochs(id)?);
    let line = comparison.line_of(&stored, |m| (&m.definition, m.as_of), zone);
    let values: Vec<_> = line
        .into_iter()
        .map(|(m, factor)| told(m, factor))
        .collect();
    let begins = values.iter().map(|told| told.from);
    let begins = begins.chain(missed.iter().map(|attempt| attempt.started_at));
    let begins = begins.chain(said.iter().map(|said| said.at)).min();
    let confidences = said
        .iter()
        .filter_map(|said| Some((said.at, said.confidence?)));
    Ok(Lore {
        begins,
        values,
        confidences: confidences.collect(),
    })
}

fn told(m: &Measurement, factor: f64) -> Told {
    let polled = m.origin == Origin::Polled;
    // Of a day of which only its last value is kept nobody knows how long that took.
    let answered = SignedDuration::try_from(m.took)
        .ok()
        .filter(|_| polled && m.day.is_none());
    let answered = answered.and_then(|took| m.started_at.checked_add(took).ok());
    Told {
        from: answered.map_or(m.as_of, |answered: Timestamp| answered.max(m.as_of)),
        point: Point {
            as_of: m.as_of,
            value: m.value * factor,
        },
        quality: if polled {
            m.quality
        } else {
            Default::default()
        },
        counts: m.counts.filter(|_| polled),
    }
}
