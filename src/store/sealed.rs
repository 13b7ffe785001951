//! Values of days whose single values are no longer kept, as the rows of the days tell them. Knows no file.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::Connection;

use super::entry::{DayTotals, Measurement, Origin, from_ms};
use crate::domain::id::KeyResultId;

/// A day of a series, as it is kept for ever.
#[derive(Debug)]
pub(super) struct SealedDay {
    definition: Arc<str>,
    first_at: i64,
    last_at: i64,
    last: f64,
    slot: i64,
    polled: bool,
    totals: DayTotals,
}

/// Those of a key result under all its definitions, oldest first.
pub(super) fn of_key_result(
    connection: &Connection,
    id: &KeyResultId,
) -> rusqlite::Result<Vec<SealedDay>> {
    let mut statement = connection.prepare_cached(
        "SELECT s.definition, d.first_at, d.last_at, d.first_value, d.last_value, ifnull(d.high_slot, d.low_slot),
                d.polled_slot IS NOT NULL, d.n, ifnull(d.low_value, d.last_value),
                ifnull(d.high_value, d.last_value), ifnull(d.sum, d.last_value)
         FROM kr JOIN series AS s ON s.kr_id = kr.id
         JOIN measurement_day AS d INDEXED BY measurement_day_sealed ON d.series_id = s.id AND d.sealed > 0
         WHERE kr.uid = ?1 ORDER BY d.last_at, s.id",
    )?;
    let days = statement.query_map([id.full()], |row| {
        Ok(SealedDay {
            definition: row.get(0)?,
            first_at: row.get(1)?,
            last_at: row.get(2)?,
            last: row.get(4)?,
            slot: row.get(5)?,
            polled: row.get(6)?,
            totals: DayTotals {
                n: row.get::<_, i64>(7)?.unsigned_abs(),
                first: row.get(3)?,
                low: row.get(8)?,
                high: row.get(9)?,
                sum: row.get(10)?,
            },
        })
    })?;
    days.collect()
}

/// Single values and days together, oldest slot first: of a sealed day its last value stands for all of them, with all that
/// is known of it, and of the very first day of a definition the first value, too. Slots are those of `[since, until)`.
pub(super) fn join(
    values: Vec<Measurement>,
    days: &[SealedDay],
    since: Option<Timestamp>,
    until: Option<Timestamp>,
) -> Vec<Measurement> {
    let mut by_definition: HashMap<&str, Vec<&SealedDay>> = HashMap::new();
    for day in days {
        by_definition.entry(&day.definition).or_default().push(day);
    }
    let day_of = |m: &Measurement| {
        let days = by_definition.get(&*m.definition)?;
        let at = m.as_of.as_millisecond();
        let next = days.partition_point(|day| day.first_at <= at);
        let day = days.get(next.checked_sub(1)?)?;
        (at <= day.last_at).then_some(*day)
    };
    let mut joined = Vec::new();
    let mut kept: HashMap<(&str, i64), Measurement> = HashMap::new();
    for value in values {
        match day_of(&value) {
            None => joined.push(value),
            Some(day) if day.last_at == value.as_of.as_millisecond() => {
                kept.insert((&day.definition, day.last_at), value);
            }
            Some(_) => {}
        }
    }
    let within = |m: &Measurement| {
        since.is_none_or(|since| since <= m.slot) && until.is_none_or(|until| m.slot < until)
    };
    for (definition, days) in &by_definition {
        if let Some(day) = days.first().filter(|day| day.first_at < day.last_at) {
            let first = from_ms(day.first_at);
            joined.extend(
                Some(Measurement {
                    slot: first,
                    as_of: first,
                    started_at: first,
                    value: day.totals.first,
                    day: None,
                    ..day.last()
                })
                .filter(within),
            );
        }
        for day in days {
            let last = match kept.remove(&(*definition, day.last_at)) {
                Some(value) => Measurement {
                    day: Some(Box::new(day.totals)),
                    ..value
                },
                None => day.last(),
            };
            joined.extend(Some(last).filter(within));
        }
    }
    joined.sort_by_key(|m| (m.slot, m.as_of));
    joined
}

impl SealedDay {
    /// Its last value, as far as it is known.
    fn last(&self) -> Measurement {
        let as_of = from_ms(self.last_at);
        Measurement {
            slot: from_ms(self.slot),
            as_of,
            started_at: as_of,
            took: Duration::ZERO,
            tries: u32::from(self.polled),
            value: self.last,
            exact: None,
            approximate: false,
            counts: None,
            note: None,
            definition: Arc::clone(&self.definition),
            origin: if self.polled {
                Origin::Polled
            } else {
                Origin::Recorded {
                    note: None,
                    author: None,
                }
            },
            day: Some(Box::new(self.totals)),
        }
    }
}
