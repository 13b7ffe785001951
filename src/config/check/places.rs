//! Where sources and measures stand in the files of a configuration, for findings that only show when a source is asked.
//! The configuration itself carries no places: whoever polls has no use for them.

use std::collections::BTreeMap;
use std::ops::Range;

use super::syntax;
use super::table::Table;
use crate::config::files::{File, Files};
use crate::config::finding::Finding;
use crate::domain::id::{CycleName, KeyResultId, Slug};

/// The places of one reading of the files.
#[derive(Debug, Default)]
pub struct Places<'f> {
    sources: BTreeMap<Slug, Spot<'f>>,
    measures: BTreeMap<KeyResultId, Spot<'f>>,
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
            let cycle = root.text("cycle");
            if let Some(cycle) = cycle.and_then(|at| CycleName::parse(at.value).ok()) {
                places.measures_of(file, root, &cycle);
            }
        }
        places
    }

    fn measures_of(&mut self, file: &'f File, root: Table<'_>, cycle: &CycleName) {
        for (objective, table) in root.tables("objectives") {
            let Ok(objective) = Slug::parse(objective.value) else {
                continue;
            };
            for (name, table) in table.tables("key_results") {
                if let (Ok(name), Some(measure)) = (Slug::parse(name.value), table.get("measure")) {
                    let id = KeyResultId {
                        cycle: cycle.clone(),
                        objective: objective.clone(),
                        key_result: name,
                    };
                    self.measures.entry(id).or_insert((file, measure.span));
                }
            }
        }
    }

    /// The finding at the header of a source.
    #[must_use]
    pub fn at_source(&self, finding: Finding, source: &Slug) -> Finding {
        at(finding, self.sources.get(source))
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
