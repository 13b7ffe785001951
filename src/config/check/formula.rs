//! Formulas: from the text of a measure to a formula over key results of the same objective, with every fault that can
//! be seen before there are numbers. Computes nothing.

use super::suggest::did_you_mean;
use super::table::{At, Table};
use crate::config::finding::{Code, Finding, quoted};
use crate::domain::formula::{Formula, FormulaFault};

/// Reads a formula of the key result `name`; `None` when it has its finding. `others` are all key results of the
/// objective.
pub(super) fn formula<'a>(
    at: &At<'a, &'a str>,
    name: &str,
    others: &[(At<'a, &'a str>, Table<'a>)],
    out: &mut Vec<Finding>,
) -> Option<Formula> {
    let formula = match Formula::parse(at.value) {
        Ok(formula) => formula,
        Err(error) => {
            let place = at.part(&error.at);
            let finding = place.finding(Code::CfgValue, format!("in the formula: {}", error.fault));
            out.push(finding.help(match error.fault {
                FormulaFault::NoInput => {
                    "name key results of the objective, or record the number by hand"
                }
                _ => "write for example 100 * signups / visitors, with spaces around a minus",
            }));
            return None;
        }
    };
    let before = out.len();
    for input in formula.inputs() {
        let id = input.as_str();
        let place = place(at, id);
        let Some((_, table)) = others.iter().find(|(other, _)| other.value == id) else {
            let known = others
                .iter()
                .map(|(other, _)| other.value)
                .filter(|other| *other != name);
            let message = format!("the objective has no key result called {}", quoted(id));
            let help = did_you_mean(id, known, "key results of the objective");
            out.push(
                place
                    .finding(Code::CfgRef, message)
                    .label("unknown key result")
                    .help(help),
            );
            continue;
        };
        let why = if id == name {
            "the formula reads its own key result"
        } else if table
            .table("measure")
            .is_some_and(|measure| measure.has("formula"))
        {
            "the formula reads another formula"
        } else if table.has("milestones") {
            "the formula reads milestones, which have no number of their own"
        } else {
            continue;
        };
        let finding = place.finding(Code::CfgValue, why);
        out.push(finding.help("a formula reads key results that are measured or recorded"));
    }
    (out.len() == before).then_some(formula)
}

/// Where an id stands in the text.
fn place<'a>(at: &At<'a, &'a str>, id: &str) -> At<'a, &'a str> {
    let of_id = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let whole = |start: &usize| {
        let before = at
            .value
            .get(..*start)
            .and_then(|text| text.chars().next_back());
        let after = at
            .value
            .get(start + id.len()..)
            .and_then(|text| text.chars().next());
        !before.is_some_and(of_id) && !after.is_some_and(of_id)
    };
    let mut starts = at.value.match_indices(id).map(|(start, _)| start);
    let start = starts.find(whole).unwrap_or(0);
    at.part(&(start..start + id.len()))
}
