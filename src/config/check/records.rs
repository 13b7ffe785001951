//! Records of changes that no goal shows: renamed ids (`was`), amendments of cycles and objectives, what was dropped. Each
//! must speak of something that is there, or is not there any more.

use std::collections::{BTreeMap, BTreeSet};

use super::amendments::told;
use super::table::{At, Table};
use crate::config::finding::{Code, Finding, Rests, quoted};
use crate::config::spec::{Dropped, Noted, Records};
use crate::domain::id::{CycleName, KeyResultId, ObjectiveId, Slug};

/// Fields whose amendments a key result does not carry itself.
const NOTED: [&str; 3] = ["plan", "milestones", "score_by"];

/// Reads the records of all files.
pub(super) fn records(roots: &[Table<'_>], out: &mut Vec<Finding>) -> Records {
    let mut records = Records::default();
    for root in roots {
        for (name, table) in root.tables("cycles") {
            let noted = noted(table, |_| true);
            if let (Ok(name), false) = (CycleName::parse(name.value), noted.is_empty()) {
                records.cycles.insert(name, noted);
            }
        }
    }
    let living = living(roots);
    for root in roots {
        let cycle = root.text("cycle").map(|at| CycleName::parse(at.value));
        let Some(Ok(cycle)) = cycle else {
            continue;
        };
        let mut file = File {
            cycle: &cycle,
            living: &living,
            records: &mut records,
            out,
        };
        file.objectives(*root);
        file.dropped(*root);
    }
    records
}

/// The ids that are in use, by cycle: objectives, and objective/key_result.
pub(super) type Living = BTreeMap<CycleName, BTreeSet<String>>;

/// Every id of the files, sound or not.
pub(super) fn living(roots: &[Table<'_>]) -> Living {
    let mut living = Living::new();
    for root in roots {
        let cycle = root.text("cycle").map(|at| CycleName::parse(at.value));
        let Some(Ok(cycle)) = cycle else {
            continue;
        };
        let ids = living.entry(cycle).or_default();
        for (objective, table) in root.tables("objectives") {
            let key_results = table.tables("key_results").into_iter();
            ids.extend(key_results.map(|(id, _)| format!("{}/{}", objective.value, id.value)));
            ids.insert(objective.value.to_owned());
        }
    }
    living
}

/// The amendments of these fields.
fn noted(table: Table<'_>, wanted: impl Fn(&str) -> bool) -> Vec<Noted> {
    let amendments = table.list("amendments");
    let amendments = amendments.iter().filter_map(At::table);
    let read = |table: Table<'_>| {
        Some(Noted {
            date: table.date("date")?.value,
            field: table.owned("field").filter(|field| wanted(field))?,
            to: table
                .get("to")
                .and_then(|to| told(to.value))
                .unwrap_or_default(),
            approved_by: table.owned("approved_by").unwrap_or_default(),
        })
    };
    amendments.filter_map(read).collect()
}

/// One file while it is read.
struct File<'r> {
    cycle: &'r CycleName,
    living: &'r Living,
    records: &'r mut Records,
    out: &'r mut Vec<Finding>,
}

impl File<'_> {
    fn lives(&self, id: &str) -> bool {
        let ids = self.living.get(self.cycle);
        ids.is_some_and(|ids| ids.contains(id))
    }

    fn objectives(&mut self, root: Table<'_>) {
        for (name, table) in root.tables("objectives") {
            let Ok(objective) = Slug::parse(name.value) else {
                continue;
            };
            let id = ObjectiveId {
                cycle: self.cycle.clone(),
                objective,
            };
            let noted = noted(table, |_| true);
            if !noted.is_empty() {
                self.records.objectives.insert(id.clone(), noted);
            }
            let was = self.was(table, "");
            if let Some(was) = &was {
                let before = ObjectiveId {
                    objective: was.clone(),
                    ..id.clone()
                };
                self.records.renamed_objectives.insert(id.clone(), before);
            }
            self.key_results(&id, was.as_ref(), table);
        }
    }

    fn key_results(&mut self, objective: &ObjectiveId, was: Option<&Slug>, table: Table<'_>) {
        for (name, table) in table.tables("key_results") {
            let Ok(key_result) = Slug::parse(name.value) else {
                continue;
            };
            let id = KeyResultId {
                cycle: objective.cycle.clone(),
                objective: objective.objective.clone(),
                key_result,
            };
            let noted = noted(table, |field| NOTED.contains(&field));
            if !noted.is_empty() {
                self.records.key_results.insert(id.clone(), noted);
            }
            let own = self.was(table, &format!("{}/", objective.objective));
            if was.is_some() || own.is_some() {
                let before = KeyResultId {
                    objective: was.unwrap_or(&id.objective).clone(),
                    key_result: own.unwrap_or_else(|| id.key_result.clone()),
                    cycle: id.cycle.clone(),
                };
                self.records.renamed.insert(id, before);
            }
        }
    }

    /// The id before a rename. One that something has is no id of the past.
    fn was(&mut self, table: Table<'_>, place: &str) -> Option<Slug> {
        let at = table.text("was")?;
        let was = Slug::parse(at.value).ok()?;
        if !self.lives(&format!("{place}{was}")) {
            return Some(was);
        }
        let message = format!(
            "{} is in use, so nothing else can have been called that",
            quoted(&format!("{place}{was}"))
        );
        let finding = at.finding(Code::CfgRef, message).label("still there");
        self.out.push(finding.help(
            "name the id that it had before, or remove `was`; an id of the past is not given to something new",
        ));
        None
    }

    fn dropped(&mut self, root: Table<'_>) {
        for table in root.list("dropped").iter().filter_map(At::table) {
            let (Some(at), Some(date)) = (table.text("id"), table.date("date")) else {
                continue;
            };
            let (objective, key_result) = match at.value.split_once('/') {
                Some((objective, key_result)) => (objective, Some(Slug::parse(key_result))),
                None => (at.value, None),
            };
            let (Ok(objective), Ok(key_result)) = (Slug::parse(objective), key_result.transpose())
            else {
                let message = format!("{} is no id", quoted(at.value));
                let finding = at.finding(Code::CfgValue, message);
                self.out
                    .push(finding.help("write objective, or objective/key_result"));
                continue;
            };
            if self.lives(at.value) {
                let message = format!("{} was dropped and is there all the same", quoted(at.value));
                let finding = at.finding(Code::CfgRef, message).label("still there");
                self.out.push(finding.rests_on(Rests::AllFiles).help(
                    "remove this record, or give what is there an id of its own: an id of the past is not given to something new",
                ));
            }
            self.records.dropped.push(Dropped {
                cycle: self.cycle.clone(),
                objective,
                key_result,
                date: date.value,
                approved_by: table.owned("approved_by").unwrap_or_default(),
            });
        }
    }
}
