//! Where values come from: which configuration was in force when, and what was asked under it. The question itself is a
//! text that whoever reads the configuration made; nothing here understands it.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::entry::{Measurement, Origin, from_ms};
use super::memory::Memory;
use crate::domain::id::KeyResultId;

/// What is asked of a source for one key result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// `KeyResult::definition`: what its values are comparable with.
    pub definition: String,
    /// A JSON document that people may read: no secret stands in it.
    pub text: String,
}

/// What a configuration asks, by key result; none of what people tell.
pub type Questions = Arc<HashMap<KeyResultId, Question>>;

/// A configuration that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    /// SHA-256 over all its files, hex.
    pub sha256: String,
    /// Since when it was in force without a break when it was used; `None` when no daemon had it in force then, as when a
    /// command read files that the daemon had not loaded.
    pub since: Option<Timestamp>,
}

/// Under what one value came about. What an earlier build did not keep is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Provenance {
    /// The configuration.
    pub revision: Option<Revision>,
    /// The text of its [`Question`]; `None` of what a person told.
    pub question: Option<String>,
}

/// How a definition came about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beginning {
    /// The definition.
    pub definition: String,
    /// The SHA-256 of the configuration that brought it.
    pub revision: Option<String>,
    /// The text of the [`Question`] last asked by it.
    pub question: Option<String>,
}

/// The configuration under which a process measures, and the one before.
#[derive(Clone, Debug)]
pub(super) struct Under {
    pub(super) revision: i64,
    at: Timestamp,
    before: Option<i64>,
    questions: Questions,
}

impl Under {
    /// The revision under which an attempt began: a poll may be under way while the configuration changes.
    pub(super) fn revision_of(&self, definition: &str, id: &KeyResultId, began: Timestamp) -> i64 {
        let question = self.questions.get(id);
        let other = question.is_some_and(|question| question.definition != definition);
        match self.before {
            Some(before) if other || began < self.at => before,
            _ => self.revision,
        }
    }
}

/// Notes the configuration under which this process measures from now on.
pub(super) fn keep_revision(
    connection: &Connection,
    memory: &mut Memory,
    app_version: &str,
    (sha256, at): (&str, Timestamp),
    questions: &Questions,
) -> rusqlite::Result<i64> {
    connection.execute(
        "INSERT INTO config_revision (sha256, loaded_at, app_version) VALUES (?1, ?2, ?3)
         ON CONFLICT DO NOTHING",
        params![sha256, at.as_millisecond(), app_version],
    )?;
    let id: i64 = connection.query_row(
        "SELECT id FROM config_revision WHERE sha256 = ?1",
        [sha256],
        |row| row.get(0),
    )?;
    let before = memory.under.as_ref().map(|under| under.revision);
    memory.under = Some(Under {
        revision: id,
        at,
        before: before.filter(|before| *before != id),
        questions: Arc::clone(questions),
    });
    memory.asked.clear();
    memory.revision = Some(id);
    Ok(id)
}

/// Notes since when it is in force, unless it was already.
pub(super) fn enforce(connection: &Connection, id: i64, at: Timestamp) -> rusqlite::Result<()> {
    connection
        .execute(
            "INSERT INTO in_force (from_at, revision_id)
             SELECT ?1, ?2 WHERE ?2 IS NOT (SELECT revision_id FROM in_force ORDER BY from_at DESC LIMIT 1)
             ON CONFLICT (from_at) DO UPDATE SET revision_id = excluded.revision_id",
            [at.as_millisecond(), id],
        )
        .map(drop)
}

/// Notes what was asked for a series, once for each configuration.
pub(super) fn keep_question(
    connection: &Connection,
    memory: &mut Memory,
    series: i64,
    (key_result, definition): (&KeyResultId, &str),
) -> rusqlite::Result<()> {
    let Some(under) = &memory.under else {
        return Ok(());
    };
    let question = under.questions.get(key_result);
    let Some(question) = question.filter(|question| question.definition == definition) else {
        return Ok(());
    };
    if !memory.asked.insert(series) {
        return Ok(());
    }
    let same: Option<i64> = connection
        .prepare_cached(
            "SELECT q.id FROM asked AS a JOIN question AS q ON q.id = a.question_id
             WHERE a.series_id = ?1 AND q.text = ?2 LIMIT 1",
        )?
        .query_row(params![series, question.text], |row| row.get(0))
        .optional()?;
    let id = match same {
        Some(id) => id,
        None => connection
            .prepare_cached("INSERT INTO question (text) VALUES (?1)")?
            .insert([&question.text])?,
    };
    connection
        .prepare_cached(
            "INSERT INTO asked (series_id, revision_id, question_id) VALUES (?1, ?2, ?3)
             ON CONFLICT DO NOTHING",
        )?
        .execute([series, under.revision, id])
        .map(drop)
}

/// Under what a stored value came about.
pub(super) fn of_measurement(
    connection: &Connection,
    id: &KeyResultId,
    m: &Measurement,
) -> rusqlite::Result<Provenance> {
    let recorded = matches!(m.origin, Origin::Recorded { .. });
    let found = connection
        .prepare_cached(
            "SELECT r.sha256, q.text,
                    (SELECT n.from_at FROM (SELECT f.from_at, f.revision_id FROM in_force AS f
                     WHERE f.from_at <= m.started_at ORDER BY f.from_at DESC LIMIT 1) AS n
                     WHERE n.revision_id = m.revision_id)
             FROM kr JOIN series AS s ON s.kr_id = kr.id
             JOIN measurement AS m ON m.slot_at = ?3 AND m.series_id = s.id AND m.recorded = ?4
             LEFT JOIN config_revision AS r ON r.id = m.revision_id
             LEFT JOIN asked AS a ON a.series_id = s.id AND a.revision_id = m.revision_id AND NOT m.recorded
             LEFT JOIN question AS q ON q.id = a.question_id
             WHERE kr.uid = ?1 AND s.definition = ?2",
        )?
        .query_row(
            params![id.full(), &*m.definition, m.slot.as_millisecond(), recorded],
            |row| {
                let sha256: Option<String> = row.get(0)?;
                let since: Option<i64> = row.get(2)?;
                Ok(Provenance {
                    revision: sha256.map(|sha256| Revision {
                        sha256,
                        since: since.map(from_ms),
                    }),
                    question: row.get(1)?,
                })
            },
        )
        .optional()?;
    Ok(found.unwrap_or_default())
}

/// How the definitions of a key result came about, the oldest first.
pub(super) fn beginnings(
    connection: &Connection,
    id: &KeyResultId,
) -> rusqlite::Result<Vec<Beginning>> {
    connection
        .prepare_cached(
            "SELECT s.definition, r.sha256,
                    (SELECT q.text FROM asked AS a JOIN question AS q ON q.id = a.question_id
                     WHERE a.series_id = s.id ORDER BY a.revision_id DESC LIMIT 1)
             FROM kr JOIN series AS s ON s.kr_id = kr.id
             LEFT JOIN config_revision AS r ON r.id = s.revision_id
             WHERE kr.uid = ?1 ORDER BY s.id",
        )?
        .query_map([id.full()], |row| {
            Ok(Beginning {
                definition: row.get(0)?,
                revision: row.get(1)?,
                question: row.get(2)?,
            })
        })?
        .collect()
}
