//! The lints of the method that the text alone can decide: what can be used and is probably not meant. Each says what it
//! saw and what to do; none refuses a configuration, and how bad they are is not decided here.

mod aims;
mod company;
mod figures;
mod questions;
mod sql;
mod titles;
mod words;

use std::collections::BTreeMap;

use super::goals::Draft;
use super::table::{At, Table};
use crate::config::finding::Finding;
use crate::config::spec::{Poll, SourceSpec};
use crate::domain::cycle::Cycle;
use crate::domain::goals::{KeyResult, Objective};
use crate::domain::id::{CycleName, Slug};

/// What is reviewed: what was read, with the tables that it was read from.
pub(super) struct Review<'a, 'r> {
    pub(super) roots: &'r [Table<'a>],
    pub(super) drafts: &'r [Draft<'a>],
    pub(super) cycles: &'r BTreeMap<CycleName, Cycle>,
    pub(super) sources: &'r BTreeMap<Slug, SourceSpec>,
    /// The tables of the sources by name.
    pub(super) source_tables: BTreeMap<&'a str, Table<'a>>,
    /// Whether the time zone of the configuration is UTC.
    pub(super) utc: bool,
}

/// One key result with all that was written about it.
struct Entry<'a, 'r> {
    name: At<'a, &'a str>,
    table: Table<'a>,
    objective: &'r Objective,
    cycle: Option<&'r Cycle>,
    /// As it was read; `None` when that failed.
    key_result: Option<&'r KeyResult>,
    poll: Option<&'r Poll>,
}

impl<'a> Review<'a, '_> {
    /// Every lint of every file.
    pub(super) fn all(&self, out: &mut Vec<Finding>) {
        company::company(self, out);
        let mut asked = BTreeMap::new();
        for draft in self.drafts {
            titles::objective(draft, out);
            let entries = self.entries(draft);
            aims::pair(&entries, out);
            for entry in &entries {
                titles::key_result(entry, out);
                aims::key_result(entry, out);
                questions::question(self, entry, out);
                questions::twice(self, entry, &mut asked, out);
            }
        }
    }

    /// The key results of an objective in the order in which they were written.
    fn entries<'s>(&'s self, draft: &'s Draft<'a>) -> Vec<Entry<'a, 's>> {
        let objective = &draft.objective;
        let read: BTreeMap<&str, &KeyResult> = objective
            .key_results
            .iter()
            .map(|kr| (kr.id.key_result.as_str(), kr.as_ref()))
            .collect();
        let polls: BTreeMap<&str, &Poll> = draft
            .polls
            .iter()
            .map(|poll| (poll.key_result.key_result.as_str(), poll))
            .collect();
        let tables = draft.table.tables("key_results").into_iter();
        tables
            .map(|(name, table)| Entry {
                key_result: read.get(name.value).copied(),
                poll: polls.get(name.value).copied(),
                name,
                table,
                objective,
                cycle: self.cycles.get(&objective.id.cycle),
            })
            .collect()
    }
}
