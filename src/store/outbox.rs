//! The outbox: messages that wait to be sent, what each channel was told last, and why a place takes nothing. As values
//! and as rows; knows no receiver and no words of a message.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use rusqlite::{Connection, Row, params};

use super::entry::from_ms;
use crate::domain::id::{KeyResultId, Slug};
use crate::domain::news::Told;
use crate::domain::status::Status;

/// A message that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// What it tells: one channel has one letter of a key.
    pub key: String,
    /// Where in the channel; empty when there is but one place.
    pub place: String,
    /// What it is part of, `cycle:objective`.
    pub thread: Option<String>,
    /// What it says, a JSON document without secrets.
    pub body: String,
    /// When it was made.
    pub made: Timestamp,
    /// Before when it is not sent.
    pub due: Timestamp,
    /// How often it was sent in vain.
    pub tries: u32,
}

/// What became of a letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver acknowledged it.
    Sent,
    /// It will never take it.
    Refused,
    /// It waited too long.
    Expired,
}

impl Outcome {
    fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Refused => "refused",
            Self::Expired => "expired",
        }
    }
}

/// A place that takes nothing until somebody acts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suspension {
    /// Since when.
    pub since: Timestamp,
    /// By what to tell whether the secret changed since.
    pub refused: Option<u16>,
    /// Why, one line.
    pub why: String,
}

/// One step of a channel: all of it is kept, or nothing.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// What counts as told from now on, with the letters that tell it.
    Told {
        /// Statuses and since when, by uid.
        statuses: Vec<(String, Status, Timestamp)>,
        /// Until when digests are accounted for, if that changed.
        digest: Option<Timestamp>,
        /// The letters.
        letters: Vec<Letter>,
    },
    /// A letter was sent in vain.
    Tried {
        /// Which.
        key: String,
        /// When it is sent again.
        due: Timestamp,
        /// Why it failed: the class.
        error: &'static str,
    },
    /// A letter is done with.
    Ended {
        /// Which.
        key: String,
        /// When.
        at: Timestamp,
        /// How.
        outcome: Outcome,
        /// Why, where it was not sent: the class.
        error: Option<&'static str>,
        /// What the receiver calls the thread that began with it: place, uid, name.
        thread: Option<(String, String, String)>,
    },
    /// A thread that the receiver no longer has.
    ThreadLost {
        /// In which place.
        place: String,
        /// Of what.
        uid: String,
    },
    /// A place is left alone, or is no more.
    Suspended(String, Option<Suspension>),
    /// What ended before this instant is let go.
    Forgotten(Timestamp),
}

/// What is known of a channel.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outbox {
    /// What was told last, by uid.
    pub told: HashMap<String, Status>,
    /// Letters that wait, oldest first.
    pub waiting: Vec<Letter>,
    /// What the receiver calls threads, by place and uid.
    pub threads: HashMap<(String, String), String>,
    /// Until when digests are accounted for.
    pub digest: Option<Timestamp>,
    /// Places that take nothing; an empty name is all of the channel.
    pub suspended: BTreeMap<String, Suspension>,
}

impl Told for Outbox {
    fn status(&self, uid: &str) -> Option<Status> {
        self.told.get(uid).copied()
    }
}

pub(super) fn keep(connection: &Connection, channel: &Slug, step: &Step) -> rusqlite::Result<()> {
    let channel = channel.as_str();
    match step {
        Step::Told {
            statuses,
            digest,
            letters,
        } => {
            for (uid, status, since) in statuses {
                note(connection, channel, uid, *status, *since)?;
            }
            for letter in letters {
                insert(connection, channel, letter)?;
            }
            match digest {
                Some(until) => account(connection, channel, *until),
                None => Ok(()),
            }
        }
        Step::Tried { key, due, error } => connection
            .prepare_cached(
                "UPDATE outbox SET due_at = ?3, tries = tries + 1, error = ?4
                 WHERE channel = ?1 AND dedupe_key = ?2 AND ended_at IS NULL",
            )?
            .execute(params![channel, key, due.as_millisecond(), error])
            .map(drop),
        Step::Ended {
            key,
            at,
            outcome,
            error,
            thread,
        } => {
            connection
                .prepare_cached(
                    "UPDATE outbox SET ended_at = ?3, outcome = ?4, error = ?5
                     WHERE channel = ?1 AND dedupe_key = ?2 AND ended_at IS NULL",
                )?
                .execute(params![
                    channel,
                    key,
                    at.as_millisecond(),
                    outcome.as_str(),
                    error
                ])?;
            match thread {
                Some(thread) => begin_thread(connection, channel, thread),
                None => Ok(()),
            }
        }
        Step::ThreadLost { place, uid } => connection
            .prepare_cached("DELETE FROM thread WHERE channel = ?1 AND place = ?2 AND uid = ?3")?
            .execute(params![channel, place, uid])
            .map(drop),
        Step::Suspended(place, suspension) => {
            suspend(connection, channel, place, suspension.as_ref())
        }
        Step::Forgotten(before) => connection
            .prepare_cached("DELETE FROM outbox WHERE channel = ?1 AND ended_at < ?2")?
            .execute(params![channel, before.as_millisecond()])
            .map(drop),
    }
}

fn note(
    connection: &Connection,
    channel: &str,
    uid: &str,
    status: Status,
    since: Timestamp,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO told (channel, uid, status, since) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (channel, uid) DO UPDATE SET status = ?3, since = ?4",
        )?
        .execute(params![
            channel,
            uid,
            status.as_str(),
            since.as_millisecond()
        ])
        .map(drop)
}

/// A letter of this key that is there already, sent or not, is the same.
fn insert(connection: &Connection, channel: &str, letter: &Letter) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO outbox (channel, dedupe_key, place, thread, body, made_at, due_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (channel, dedupe_key) DO NOTHING",
        )?
        .execute(params![
            channel,
            letter.key,
            letter.place,
            letter.thread,
            letter.body,
            letter.made.as_millisecond(),
            letter.due.as_millisecond(),
        ])
        .map(drop)
}

fn account(connection: &Connection, channel: &str, until: Timestamp) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO channel_state (channel, place, digest_until) VALUES (?1, '', ?2)
             ON CONFLICT (channel, place) DO UPDATE SET digest_until = ?2",
        )?
        .execute(params![channel, until.as_millisecond()])
        .map(drop)
}

fn begin_thread(
    connection: &Connection,
    channel: &str,
    (place, uid, name): &(String, String, String),
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO thread (channel, place, uid, name) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (channel, place, uid) DO UPDATE SET name = ?4",
        )?
        .execute(params![channel, place, uid, name])
        .map(drop)
}

fn suspend(
    connection: &Connection,
    channel: &str,
    place: &str,
    suspension: Option<&Suspension>,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO channel_state (channel, place, suspended_at, refused, why) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (channel, place) DO UPDATE SET suspended_at = ?3, refused = ?4, why = ?5",
        )?
        .execute(params![
            channel,
            place,
            suspension.map(|s| s.since.as_millisecond()),
            suspension.and_then(|s| s.refused),
            suspension.map(|s| s.why.as_str()),
        ])
        .map(drop)
}

/// Lets every place of a channel be told again.
pub(super) fn resume(
    connection: &Connection,
    channel: &Slug,
    at: Timestamp,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE channel_state SET suspended_at = NULL, refused = NULL, why = NULL, resumed_at = ?2
             WHERE channel = ?1",
        )?
        .execute(params![channel.as_str(), at.as_millisecond()])
        .map(drop)
}

/// What was told of a key result that was renamed was told of it.
pub(super) fn rename(
    connection: &Connection,
    was: &KeyResultId,
    is: &KeyResultId,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE OR IGNORE told SET uid = ?2 WHERE uid = ?1")?
        .execute([was.full(), is.full()])
        .map(drop)
}

/// All that is known of a channel.
pub(super) fn load(connection: &Connection, channel: &Slug) -> rusqlite::Result<Outbox> {
    let channel = [channel.as_str()];
    let mut outbox = Outbox::default();
    let mut told = connection.prepare_cached("SELECT uid, status FROM told WHERE channel = ?1")?;
    let mut rows = told.query(channel)?;
    while let Some(row) = rows.next()? {
        if let Some(status) = Status::parse(row.get_ref(1)?.as_str()?) {
            outbox.told.insert(row.get(0)?, status);
        }
    }
    let mut open = connection.prepare_cached(
        "SELECT dedupe_key, place, thread, body, made_at, due_at, tries FROM outbox
         WHERE channel = ?1 AND ended_at IS NULL ORDER BY id",
    )?;
    outbox.waiting = open.query_map(channel, letter)?.collect::<Result<_, _>>()?;
    let mut threads =
        connection.prepare_cached("SELECT place, uid, name FROM thread WHERE channel = ?1")?;
    let each = threads.query_map(channel, |row| Ok(((row.get(0)?, row.get(1)?), row.get(2)?)))?;
    outbox.threads = each.collect::<Result<_, _>>()?;
    let mut states = connection.prepare_cached(
        "SELECT place, digest_until, suspended_at, refused, why FROM channel_state WHERE channel = ?1",
    )?;
    let mut rows = states.query(channel)?;
    while let Some(row) = rows.next()? {
        let place: String = row.get(0)?;
        let digest: Option<i64> = row.get(1)?;
        outbox.digest = digest.map(from_ms).or(outbox.digest);
        if let Some(since) = row.get::<_, Option<i64>>(2)? {
            let suspension = Suspension {
                since: from_ms(since),
                refused: row.get(3)?,
                why: row.get::<_, Option<String>>(4)?.unwrap_or_default(),
            };
            outbox.suspended.insert(place, suspension);
        }
    }
    Ok(outbox)
}

fn letter(row: &Row<'_>) -> rusqlite::Result<Letter> {
    Ok(Letter {
        key: row.get(0)?,
        place: row.get(1)?,
        thread: row.get(2)?,
        body: row.get(3)?,
        made: from_ms(row.get(4)?),
        due: from_ms(row.get(5)?),
        tries: row.get(6)?,
    })
}
