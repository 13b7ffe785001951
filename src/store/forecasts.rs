//! Forecasts as rows: one for each series and local day, the last one made. Knows no rule of when one is kept.

use std::ops::RangeInclusive;
use std::sync::Arc;

use jiff::civil::Date;
use rusqlite::{Connection, Row, params};

use super::days::{date, number};
use super::entry::from_ms;
use crate::domain::forecast::{KeptForecast, Method};
use crate::domain::id::KeyResultId;

/// A forecast to be kept, or kept.
#[derive(Clone, Debug, PartialEq)]
pub struct DayForecast {
    /// Of which key result.
    pub key_result: KeyResultId,
    /// Under which definition.
    pub definition: Arc<str>,
    /// The last forecast of its day.
    pub forecast: KeptForecast,
}

const COLUMNS: &str = "f.day, f.made_at, f.value, f.progress, f.low, f.high, f.method, f.weak";

/// Keeps it, unless a later one of the same day is kept already.
pub(super) fn keep(
    connection: &Connection,
    series: i64,
    forecast: &KeptForecast,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO forecast (day, series_id, made_at, value, progress, low, high, method, weak)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
             ON CONFLICT (day, series_id) DO UPDATE SET made_at = ?3, value = ?4, progress = ?5, low = ?6, high = ?7,
               method = ?8, weak = ?9
             WHERE made_at <= ?3",
        )?
        .execute(params![
            number(forecast.day),
            series,
            forecast.at.as_millisecond(),
            forecast.value,
            forecast.progress,
            forecast.low,
            forecast.high,
            forecast.method.as_str(),
            forecast.weak,
        ])
        .map(drop)
}

/// Gives each forecast of all series that was made on these days, day by day.
pub(super) fn each(
    connection: &Connection,
    days: RangeInclusive<Date>,
    mut take: impl FnMut(i64, KeptForecast),
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {COLUMNS}, f.series_id FROM forecast AS f
         WHERE f.day BETWEEN ?1 AND ?2 ORDER BY f.day, f.series_id"
    ))?;
    let mut rows = statement.query([number(*days.start()), number(*days.end())])?;
    while let Some(row) = rows.next()? {
        if let Some(forecast) = forecast(row)? {
            take(row.get(8)?, forecast);
        }
    }
    Ok(())
}

/// All that were kept of a key result, under all its definitions, oldest day first. Walks the days and seeks in each,
/// since the rows of one key result lie far apart.
pub(super) fn of_key_result(
    connection: &Connection,
    id: &KeyResultId,
) -> rusqlite::Result<Vec<DayForecast>> {
    let mut statement = connection.prepare_cached(&format!(
        "WITH RECURSIVE kept (day) AS (
           SELECT min(day) FROM forecast
           UNION ALL
           SELECT (SELECT min(day) FROM forecast WHERE day > kept.day) FROM kept WHERE kept.day IS NOT NULL)
         SELECT {COLUMNS}, series.definition FROM kept
           CROSS JOIN forecast AS f ON f.day = kept.day
             AND f.series_id IN (SELECT s.id FROM series AS s JOIN kr ON kr.id = s.kr_id WHERE kr.uid = ?1)
           JOIN series ON series.id = f.series_id
         ORDER BY f.day, f.made_at"
    ))?;
    let mut rows = statement.query([id.full()])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        if let Some(forecast) = forecast(row)? {
            all.push(DayForecast {
                key_result: id.clone(),
                definition: row.get(8)?,
                forecast,
            });
        }
    }
    Ok(all)
}

/// A row as [`COLUMNS`] gives it; `None` when a later version found it in a way that this one does not know.
fn forecast(row: &Row<'_>) -> rusqlite::Result<Option<KeptForecast>> {
    let method = Method::parse(row.get_ref(6)?.as_str()?);
    let Some((method, day)) = method.zip(date(row.get(0)?)) else {
        return Ok(None);
    };
    Ok(Some(KeptForecast {
        day,
        at: from_ms(row.get(1)?),
        value: row.get(2)?,
        progress: row.get(3)?,
        low: row.get(4)?,
        high: row.get(5)?,
        method,
        weak: row.get(7)?,
    }))
}
