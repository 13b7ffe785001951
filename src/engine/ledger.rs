//! The ledger: what is known of each key result and how it is judged. Only what is on disk is entered; a new
//! scorecard judges again only what changed. Knows no source and no schedule.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;

use crate::domain::card::KeyResultCard;
use crate::domain::cycle::Cycle;
use crate::domain::goals::{Ambition, Goals, KeyResult};
use crate::domain::history::History;
use crate::domain::id::{CycleName, KeyResultId};
use crate::domain::judge::{judge, turns};
use crate::domain::scorecard::{self, Scorecard};
use crate::domain::status::Status;
use crate::domain::target::Aim;
use crate::store::{Entry, Origin};

/// What is known and how it is judged.
#[derive(Debug)]
pub struct Ledger {
    goals: Goals,
    history: History,
    rows: Vec<Row>,
    places: HashMap<KeyResultId, usize>,
    changed: HashSet<usize>,
    /// When time alone changes one of the rows next.
    turns: Option<Timestamp>,
}

/// One key result.
#[derive(Debug)]
struct Row {
    key_result: Arc<KeyResult>,
    ambition: Ambition,
    cycle: Arc<Cycle>,
    card: Arc<KeyResultCard>,
    /// When time alone changes it next.
    turns: Option<Timestamp>,
}

/// A status that is told anew: of which key result, which, since when.
pub type StatusChange = (KeyResultId, Status, Timestamp);

impl Ledger {
    /// Goals and what the store knows of them, judged at `now`.
    #[must_use]
    pub fn new(mut goals: Goals, history: History, now: Timestamp) -> Self {
        let cycles: HashMap<CycleName, Arc<Cycle>> = goals
            .cycles
            .iter()
            .map(|(name, cycle)| (name.clone(), Arc::new(cycle.clone())))
            .collect();
        // The check upholds this; without a cycle there is nothing to judge by.
        goals
            .objectives
            .retain(|objective| cycles.contains_key(&objective.id.cycle));
        let mut rows = Vec::new();
        for objective in &goals.objectives {
            let Some(cycle) = cycles.get(&objective.id.cycle) else {
                continue;
            };
            rows.extend(objective.key_results.iter().map(|key_result| {
                let (ambition, record) = (objective.ambition, history.get(&key_result.id));
                let card = judge(key_result, ambition, cycle, record, now);
                Row {
                    key_result: Arc::clone(key_result),
                    ambition,
                    cycle: Arc::clone(cycle),
                    turns: turns(&card, cycle, now),
                    card,
                }
            }));
        }
        let places = rows
            .iter()
            .enumerate()
            .map(|(place, row)| (row.key_result.id.clone(), place))
            .collect();
        Self {
            goals,
            history,
            changed: (0..rows.len()).collect(),
            turns: first_turn(&rows),
            rows,
            places,
        }
    }

    /// The goals judged here.
    #[must_use]
    pub fn goals(&self) -> &Goals {
        &self.goals
    }

    /// Takes the store's word for everything, as after another process wrote to it.
    pub fn take_history(&mut self, history: History) {
        self.history = history;
        self.changed.extend(0..self.rows.len());
    }

    /// Enters what the store acknowledged. An entry of a definition no longer in force is kept on disk only.
    pub fn enter(&mut self, entry: &Entry) {
        let Some(&place) = self.places.get(&entry.key_result) else {
            return;
        };
        let row = &self.rows[place];
        if *row.key_result.definition != *entry.definition {
            return;
        }
        let record = self.history.record(&entry.key_result);
        if let Some(attempt) = entry.last_attempt() {
            record.last_attempt = Some(attempt);
        }
        if let Some(point) = entry.point().filter(|_| !entry.is_late()) {
            if entry.origin == Origin::Polled {
                record.note = entry.note();
            }
            // The way to a target needs one point a day; a long cycle polled each minute would fill the memory.
            let daily = matches!(row.key_result.aim, Aim::Reach(_));
            record.enter(point, &row.cycle, daily);
        }
        self.changed.insert(place);
    }

    /// Marks everything as to be judged again, since time went on.
    pub fn age(&mut self) {
        self.changed.extend(0..self.rows.len());
    }

    /// The instant at which time alone changes a card next.
    #[must_use]
    pub fn turns(&self) -> Option<Timestamp> {
        self.turns
    }

    /// Marks what time has changed by `now` as to be judged again.
    pub fn turn(&mut self, now: Timestamp) {
        let due = |row: &Row| row.turns.is_some_and(|turn| turn <= now);
        let places = self.rows.iter().enumerate();
        let due = places.filter(|(_, row)| due(row)).map(|(place, _)| place);
        self.changed.extend(due);
    }

    /// Judges what changed and tells each status that is another than before.
    pub fn judge(&mut self, now: Timestamp) -> Vec<StatusChange> {
        let mut changes = Vec::new();
        for place in std::mem::take(&mut self.changed) {
            let row = &mut self.rows[place];
            let id = &row.key_result.id;
            let record = self.history.get(id);
            let card = judge(&row.key_result, row.ambition, &row.cycle, record, now);
            let told = Some((card.status, card.status_since));
            if record.and_then(|record| record.status_since) != told {
                changes.push((id.clone(), card.status, card.status_since));
                self.history.record(id).status_since = told;
            }
            row.turns = turns(&card, &row.cycle, now);
            row.card = card;
        }
        self.turns = first_turn(&self.rows);
        changes
    }

    /// Everything as last judged, put together.
    #[must_use]
    pub fn scorecard(&self, now: Timestamp) -> Scorecard {
        let mut rows = self.rows.iter();
        scorecard::assemble(
            &self.goals,
            &self.history,
            now,
            |objective, key_result, cycle| {
                rows.next().map_or_else(
                    // Both sides walk the same key results in the same order; a row too few is judged as never measured.
                    || judge(key_result, objective.ambition, cycle, None, now),
                    |row| Arc::clone(&row.card),
                )
            },
        )
    }
}

fn first_turn(rows: &[Row]) -> Option<Timestamp> {
    rows.iter().filter_map(|row| row.turns).min()
}
