//! What people say: check-ins and annotations, as values and as rows. Knows no measurement and no score.

use std::collections::HashMap;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::entry::from_ms;
use crate::domain::goals::Goals;
use crate::domain::history::{CheckIn, History};
use crate::domain::id::KeyResultId;

/// A check-in as it is told and kept: with who told it.
#[derive(Clone, Debug, PartialEq)]
pub struct ToldCheckIn {
    /// About which key result.
    pub key_result: KeyResultId,
    /// What was said and when.
    pub said: CheckIn,
    /// Who said it.
    pub author: Option<String>,
}

/// A few words about an instant or a stretch of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Annotation {
    /// About which key result; `None` for everything.
    pub key_result: Option<KeyResultId>,
    /// The instant, or where the stretch begins.
    pub from: Timestamp,
    /// Where the stretch ends.
    pub to: Option<Timestamp>,
    /// The words.
    pub text: String,
    /// Who said it.
    pub author: Option<String>,
    /// When it was told.
    pub told_at: Timestamp,
}

pub(super) fn keep_check_in(connection: &Connection, told: &ToldCheckIn) -> rusqlite::Result<()> {
    let kr = kr_id(connection, &told.key_result)?;
    connection
        .prepare_cached(
            "INSERT INTO checkin (kr_id, at, author, confidence, note) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            kr,
            told.said.at.as_millisecond(),
            told.author,
            told.said.confidence,
            told.said.note,
        ])
        .map(drop)
}

pub(super) fn keep_annotation(connection: &Connection, told: &Annotation) -> rusqlite::Result<()> {
    let kr = told.key_result.as_ref();
    let kr = kr.map(|id| kr_id(connection, id)).transpose()?;
    connection
        .prepare_cached(
            "INSERT INTO annotation (kr_id, from_at, to_at, author, text, told_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            kr,
            told.from.as_millisecond(),
            told.to.map(Timestamp::as_millisecond),
            told.author,
            told.text,
            told.told_at.as_millisecond(),
        ])
        .map(drop)
}

/// The number of a key result, made when it is new.
fn kr_id(connection: &Connection, id: &KeyResultId) -> rusqlite::Result<i64> {
    let uid = id.full();
    let found = connection
        .prepare_cached("SELECT id FROM kr WHERE uid = ?1")?
        .query_row([&uid], |row| row.get(0))
        .optional()?;
    match found {
        Some(id) => Ok(id),
        None => connection
            .prepare_cached("INSERT INTO kr (uid) VALUES (?1)")?
            .insert([&uid]),
    }
}

/// Enters the newest check-in of each key result, and the newest that tells a confidence.
pub(super) fn load_check_ins(
    connection: &Connection,
    goals: &Goals,
    history: &mut History,
) -> rusqlite::Result<()> {
    // SQLite takes the other columns of a group from the row that has the largest id: the one told last.
    let mut statement = connection.prepare_cached(
        "SELECT kr.uid, max(c.id), c.at, c.confidence, c.note, 0 FROM checkin AS c
           JOIN kr ON kr.id = c.kr_id GROUP BY c.kr_id
         UNION ALL
         SELECT kr.uid, max(c.id), c.at, c.confidence, c.note, 1 FROM checkin AS c
           JOIN kr ON kr.id = c.kr_id WHERE c.confidence IS NOT NULL GROUP BY c.kr_id",
    )?;
    let mut rows = statement.query([])?;
    let mut known: Option<HashMap<String, &KeyResultId>> = None;
    while let Some(row) = rows.next()? {
        let known = known.get_or_insert_with(|| {
            let all = goals.key_results();
            all.map(|(_, kr)| (kr.id.full(), &kr.id)).collect()
        });
        let Some(id) = known.get(row.get_ref(0)?.as_str()?) else {
            continue;
        };
        let record = history.record(id);
        if row.get(5)? {
            record.confidence = row.get(3)?;
        } else {
            record.check_in = Some(said(row, 2)?);
        }
    }
    Ok(())
}

/// What was said, in three columns from `column` on.
fn said(row: &Row<'_>, column: usize) -> rusqlite::Result<CheckIn> {
    Ok(CheckIn {
        at: from_ms(row.get(column)?),
        confidence: row.get(column + 1)?,
        note: row.get(column + 2)?,
    })
}

/// All check-ins of a key result, oldest first.
pub(super) fn check_ins(
    connection: &Connection,
    id: &KeyResultId,
) -> rusqlite::Result<Vec<ToldCheckIn>> {
    let mut statement = connection.prepare_cached(
        "SELECT c.at, c.confidence, c.note, c.author FROM checkin AS c JOIN kr ON kr.id = c.kr_id
         WHERE kr.uid = ?1 ORDER BY c.id",
    )?;
    let rows = statement.query_map([id.full()], |row| {
        Ok(ToldCheckIn {
            key_result: id.clone(),
            said: said(row, 0)?,
            author: row.get(3)?,
        })
    })?;
    rows.collect()
}

/// All annotations of a key result and of everything, oldest first.
pub(super) fn annotations(
    connection: &Connection,
    id: &KeyResultId,
) -> rusqlite::Result<Vec<Annotation>> {
    let mut statement = connection.prepare_cached(
        "SELECT kr.uid, a.from_at, a.to_at, a.text, a.author, a.told_at
         FROM annotation AS a LEFT JOIN kr ON kr.id = a.kr_id
         WHERE a.kr_id IS NULL OR kr.uid = ?1 ORDER BY a.from_at, a.id",
    )?;
    let rows = statement.query_map([id.full()], |row| {
        let uid: Option<String> = row.get(0)?;
        let to: Option<i64> = row.get(2)?;
        Ok(Annotation {
            key_result: uid.map(|_| id.clone()),
            from: from_ms(row.get(1)?),
            to: to.map(from_ms),
            text: row.get(3)?,
            author: row.get(4)?,
            told_at: from_ms(row.get(5)?),
        })
    })?;
    rows.collect()
}
