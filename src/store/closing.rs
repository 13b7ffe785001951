//! How a cycle ended: one row for each of its key results and objectives, written once and never changed. Knows no rule
//! of the method: scores and verdicts are those of the scorecard.

use std::collections::HashMap;

use jiff::Timestamp;
use rusqlite::{CachedStatement, Connection, Row, params};

use super::entry::from_ms;
use crate::domain::forecast::{ForecastError, Method};
use crate::domain::goals::Goals;
use crate::domain::history::History;
use crate::domain::id::{CycleName, KeyResultId, ObjectiveId};
use crate::domain::scorecard::{KeyResultCard, ObjectiveCard, Scorecard};
use crate::domain::verdict::{Closing, Kept, KeptObjective, Outcome, Verdict};
use crate::words::ENGLISH;

/// What is kept when a cycle is closed.
#[derive(Clone, Debug, PartialEq)]
pub struct Close {
    cycle: CycleName,
    at: Timestamp,
    rows: Vec<Ended>,
}

/// One row of it.
#[derive(Clone, Debug, PartialEq)]
struct Ended {
    uid: String,
    closing: Closing,
    value: Option<(f64, Timestamp)>,
    raw: Option<f64>,
    baseline: Option<f64>,
    target: Option<f64>,
    coverage: Option<f64>,
    reason: String,
    forecast: Option<ForecastError>,
    definition: Option<String>,
}

impl Close {
    /// The closing of all that a scorecard has of this cycle. What is not closed yet has none and is left out.
    #[must_use]
    pub fn of(scorecard: &Scorecard, cycle: &CycleName) -> Self {
        let of_cycle = |card: &&ObjectiveCard| card.objective.id.cycle == *cycle;
        let objectives = scorecard.objectives().filter(of_cycle);
        let rows = objectives.flat_map(|card| {
            let own = card.key_results.iter().filter_map(|kr| key_result(kr));
            objective(card).into_iter().chain(own)
        });
        Self {
            cycle: cycle.clone(),
            at: scorecard.at,
            rows: rows.collect(),
        }
    }
}

fn objective(card: &ObjectiveCard) -> Option<Ended> {
    Some(Ended {
        uid: card.objective.id.full(),
        closing: card.closing?,
        value: None,
        raw: None,
        baseline: None,
        target: None,
        coverage: Some(card.coverage),
        reason: String::new(),
        forecast: None,
        definition: None,
    })
}

fn key_result(card: &KeyResultCard) -> Option<Ended> {
    Some(Ended {
        uid: card.key_result.id.full(),
        closing: card.closing?,
        value: card.value,
        raw: card.progress_raw,
        baseline: card.baseline,
        target: card.target,
        coverage: None,
        reason: ENGLISH.reason(card),
        forecast: card.forecast_error,
        definition: Some(card.key_result.definition.clone()),
    })
}

const ROW: &str = "
    INSERT INTO closing (uid, cycle, closed_at, score, verdict, first_score, first_verdict, value, as_of, raw,
                         baseline, target, coverage, reason, definition, revision_id,
                         forecast_value, forecast_at, forecast_method, forecast_error)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20)";

/// Keeps it, unless the cycle was closed before: the first closing stands.
pub(super) fn keep(
    connection: &Connection,
    close: &Close,
    revision: Option<i64>,
) -> rusqlite::Result<()> {
    if closed_at(connection, &close.cycle)?.is_some() {
        return Ok(());
    }
    let mut statement = connection.prepare_cached(ROW)?;
    for row in &close.rows {
        insert(&mut statement, close, row, revision)?;
    }
    Ok(())
}

fn insert(
    statement: &mut CachedStatement<'_>,
    close: &Close,
    row: &Ended,
    revision: Option<i64>,
) -> rusqlite::Result<()> {
    let (amended, first) = (row.closing.as_amended, row.closing.as_committed);
    statement
        .execute(params![
            row.uid,
            close.cycle.as_str(),
            close.at.as_millisecond(),
            amended.score,
            amended.verdict.as_str(),
            first.score,
            first.verdict.as_str(),
            row.value.map(|(value, _)| value),
            row.value.map(|(_, as_of)| as_of.as_millisecond()),
            row.raw,
            row.baseline,
            row.target,
            row.coverage,
            row.reason,
            row.definition,
            revision,
            row.forecast.map(|told| told.forecast),
            row.forecast.map(|told| told.at.as_millisecond()),
            row.forecast.map(|told| told.method.as_str()),
            row.forecast.map(|told| told.error),
        ])
        .map(drop)
}

/// When a cycle was closed; `None` while it was not.
pub(super) fn closed_at(
    connection: &Connection,
    cycle: &CycleName,
) -> rusqlite::Result<Option<Timestamp>> {
    let at: Option<i64> = connection
        .prepare_cached("SELECT min(closed_at) FROM closing WHERE cycle = ?1")?
        .query_row([cycle.as_str()], |row| row.get(0))?;
    Ok(at.map(from_ms))
}

/// Enters what was kept of these goals.
pub(super) fn load(
    connection: &Connection,
    goals: &Goals,
    history: &mut History,
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "SELECT uid, closed_at, score, verdict, first_score, first_verdict, value, as_of, raw, baseline, target,
                coverage, reason, forecast_value, forecast_at, forecast_method, forecast_error FROM closing",
    )?;
    let mut rows = statement.query([])?;
    let mut known: Option<Known<'_>> = None;
    while let Some(row) = rows.next()? {
        let known = known.get_or_insert_with(|| Known::of(goals));
        let uid = row.get_ref(0)?.as_str()?;
        if let Some(id) = known.key_results.get(uid) {
            history.record(id).kept = Some(kept(row)?);
        } else if let Some(id) = known.objectives.get(uid) {
            let objective = KeptObjective {
                at: from_ms(row.get(1)?),
                closing: closing(row)?,
                coverage: row.get::<_, Option<f64>>(11)?.unwrap_or(0.0),
            };
            history.close((*id).clone(), objective);
        }
    }
    Ok(())
}

/// The goals by their stored names.
struct Known<'g> {
    key_results: HashMap<String, &'g KeyResultId>,
    objectives: HashMap<String, &'g ObjectiveId>,
}

impl<'g> Known<'g> {
    fn of(goals: &'g Goals) -> Self {
        let key_results = goals.key_results();
        let objectives = goals.objectives.iter();
        Self {
            key_results: key_results.map(|(_, kr)| (kr.id.full(), &kr.id)).collect(),
            objectives: objectives.map(|o| (o.id.full(), &o.id)).collect(),
        }
    }
}

fn kept(row: &Row<'_>) -> rusqlite::Result<Kept> {
    let (value, as_of): (Option<f64>, Option<i64>) = (row.get(6)?, row.get(7)?);
    Ok(Kept {
        at: from_ms(row.get(1)?),
        closing: closing(row)?,
        value: value.zip(as_of.map(from_ms)),
        raw: row.get(8)?,
        baseline: row.get(9)?,
        target: row.get(10)?,
        reason: row.get(12)?,
        forecast_error: forecast_error(row)?,
    })
}

/// Four columns; nothing when a later version found the forecast in a way that this one does not know.
fn forecast_error(row: &Row<'_>) -> rusqlite::Result<Option<ForecastError>> {
    let method = row.get_ref(15)?.as_str_or_null()?.and_then(Method::parse);
    let (forecast, at, error): (Option<f64>, Option<i64>, Option<f64>) =
        (row.get(13)?, row.get(14)?, row.get(16)?);
    let figures = forecast.zip(at).zip(error).zip(method);
    Ok(
        figures.map(|(((forecast, at), error), method)| ForecastError {
            forecast,
            at: from_ms(at),
            method,
            error,
        }),
    )
}

fn closing(row: &Row<'_>) -> rusqlite::Result<Closing> {
    Ok(Closing {
        as_amended: outcome(row, 2)?,
        as_committed: outcome(row, 4)?,
    })
}

/// Score and verdict in two columns from `column` on; a word that a later version brought says nothing here.
fn outcome(row: &Row<'_>, column: usize) -> rusqlite::Result<Outcome> {
    let word = row.get_ref(column + 1)?.as_str()?;
    Ok(Outcome {
        score: row.get(column)?,
        verdict: Verdict::parse(word).unwrap_or(Verdict::NotScored),
    })
}
