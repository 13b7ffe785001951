//! Where sources, cycles, objectives, key results, measures and `server.web_config` stand in the files of a configuration, for findings that
//! only show when a source is asked or the store is read.
//! The configuration itself carries no places: whoever polls has no use for them.

use std::collections::BTreeMap;
use std::ops::Range;

use super::syntax;
use super::table::Table;
use crate::config::files::{File, Files};
use crate::config::finding::Finding;
use crate::domain::id::{CycleName, KeyResultId, ObjectiveId, Slug};

/// The places of one reading of the files.
#[derive(Debug, Default)]
pub struct Places<'f> {
    sources: BTreeMap<Slug, Spot<'f>>,
    cycles: BTreeMap<CycleName, Spot<'f>>,
    objectives: BTreeMap<ObjectiveId, Spot<'f>>,
    key_results: BTreeMap<KeyResultId, Spot<'f>>,
    measures: BTreeMap<KeyResultId, Spot<'f>>,
    web_config: Option<Spot<'f>>,
}

type Spot<'f> = (&'f File, Range<usize>);

impl<'f> Places<'f> {
    /// Looks them up. What is not sound has no place; of two equal names the first has it.
    #[must_use]
    pub fn of(files: &'f Files) -> Self {
        let mut places = Self::default();
        for file in &files.files {
            let (table, _) = syntax::parse(file);
            let root = Table::root(file, table.get_ref());
            for (name, source) in root.tables("sources") {
                if let Ok(name) = Slug::parse(name.value) {
                    places.sources.entry(name).or_insert((file, source.span()));
                }
            }
            for (name, cycle) in root.tables("cycles") {
                if let Ok(name) = CycleName::parse(name.value) {
                    places.cycles.entry(name).or_insert((file, cycle.span()));
                }
            }
            if let Some(web) = root.table("server").and_then(|s| s.get("web_config")) {
                places.web_config.get_or_insert((file, web.span));
            }
            let cycle = root.text("cycle");
            if let Some(cycle) = cycle.and_then(|at| CycleName::parse(at.value).ok()) {
                places.goals_of(file, root, &cycle);
            }
        }
        places
    }

    fn goals_of(&mut self, file: &'f File, root: Table<'_>, cycle: &CycleName) {
        for (objective, table) in root.tables("objectives") {
            let Ok(objective) = Slug::parse(objective.value) else {
                continue;
            };
            let id = ObjectiveId {
                cycle: cycle.clone(),
                objective: objective.clone(),
            };
            self.objectives.entry(id).or_insert((file, table.span()));
            for (name, table) in table.tables("key_results") {
                let Ok(name) = Slug::parse(name.value) else {
                    continue;
                };
                let id = KeyResultId {
                    cycle: cycle.clone(),
                    objective: objective.clone(),
                    key_result: name,
                };
                if let Some(measure) = table.get("measure") {
                    let spot = (file, measure.span);
                    self.measures.entry(id.clone()).or_insert(spot);
                }
                self.key_results.entry(id).or_insert((file, table.span()));
            }
        }
    }

    /// The finding at the header of a source.
    #[must_use]
    pub fn at_source(&self, finding: Finding, source: &Slug) -> Finding {
        at(finding, self.sources.get(source))
    }

    /// The finding at `server.web_config`.
    #[must_use]
    pub fn at_web_config(&self, finding: Finding) -> Finding {
        at(finding, self.web_config.as_ref())
    }

    /// The finding at the header of a cycle.
    #[must_use]
    pub fn at_cycle(&self, finding: Finding, cycle: &CycleName) -> Finding {
        at(finding, self.cycles.get(cycle))
    }

    /// The finding at the header of an objective.
    #[must_use]
    pub fn at_objective(&self, finding: Finding, objective: &ObjectiveId) -> Finding {
        at(finding, self.objectives.get(objective))
    }

    /// The finding at the header of a key result.
    #[must_use]
    pub fn at_key_result(&self, finding: Finding, key_result: &KeyResultId) -> Finding {
        at(finding, self.key_results.get(key_result))
    }

    /// The finding at the measure of a key result.
    #[must_use]
    pub fn at_measure(&self, finding: Finding, key_result: &KeyResultId) -> Finding {
        at(finding, self.measures.get(key_result))
    }
}

fn at(finding: Finding, spot: Option<&Spot<'_>>) -> Finding {
    match spot {
        Some((file, span)) => finding.at(file, span),
        None => finding,
    }
}
