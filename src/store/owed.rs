//! Slots that passed without a poll: until when they are accounted for, and which stretches are still to be asked for.
//! Knows no schedule: a stretch is two instants.

use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::Connection;

use super::entry::from_ms;
use crate::domain::id::KeyResultId;

/// A stretch of time; its end does not belong to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stretch {
    /// Its first instant.
    pub from: Timestamp,
    /// The first instant after it.
    pub until: Timestamp,
}

impl Stretch {
    /// What is left of it once `cut` is taken out: none, one or two stretches in their order.
    pub fn without(self, cut: Self) -> impl Iterator<Item = Self> {
        let before = Self {
            until: self.until.min(cut.from),
            ..self
        };
        let after = Self {
            from: self.from.max(cut.until),
            ..self
        };
        [before, after].into_iter().filter(|s| s.from < s.until)
    }
}

/// What becomes of slots of a key result that passed without a poll.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Of which key result.
    pub key_result: KeyResultId,
    /// Under which definition.
    pub definition: Arc<str>,
    /// What becomes of them.
    pub change: Change,
}

/// What becomes of slots that passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Everything before `until` is accounted for; what is `owed` of it is still to be asked for.
    Passed {
        /// The first instant that is not accounted for.
        until: Timestamp,
        /// What is to be asked for.
        owed: Option<Stretch>,
    },
    /// These slots are owed no more: they were asked for, or never will be.
    Settled(Stretch),
}

/// Writes one account of a series.
pub(super) fn keep(connection: &Connection, series: i64, change: Change) -> rusqlite::Result<()> {
    match change {
        Change::Passed { until, owed } => {
            connection
                .prepare_cached(
                    "UPDATE series SET passed_until = max(ifnull(passed_until, ?2), ?2) WHERE id = ?1",
                )?
                .execute([series, until.as_millisecond()])?;
            owed.map_or(Ok(()), |owed| add(connection, series, owed))
        }
        Change::Settled(cut) => settle(connection, series, cut),
    }
}

fn add(connection: &Connection, series: i64, owed: Stretch) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO owed (series_id, from_at, until_at) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET until_at = max(until_at, ?3)",
        )?
        .execute([
            series,
            owed.from.as_millisecond(),
            owed.until.as_millisecond(),
        ])
        .map(drop)
}

fn settle(connection: &Connection, series: i64, cut: Stretch) -> rusqlite::Result<()> {
    for owed in of_series(connection, series)? {
        if cut.until <= owed.from || owed.until <= cut.from {
            continue;
        }
        connection
            .prepare_cached("DELETE FROM owed WHERE series_id = ?1 AND from_at = ?2")?
            .execute([series, owed.from.as_millisecond()])?;
        for left in owed.without(cut) {
            add(connection, series, left)?;
        }
    }
    Ok(())
}

/// What is owed of a series, oldest first.
pub(super) fn of_series(connection: &Connection, series: i64) -> rusqlite::Result<Vec<Stretch>> {
    connection
        .prepare_cached("SELECT from_at, until_at FROM owed WHERE series_id = ?1 ORDER BY from_at")?
        .query_map([series], |row| {
            Ok(Stretch {
                from: from_ms(row.get(0)?),
                until: from_ms(row.get(1)?),
            })
        })?
        .collect()
}
