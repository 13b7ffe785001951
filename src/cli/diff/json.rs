//! The diff for programs: one document, one line. What is not known is `null`.

use serde_json::{Value, json};

use super::report::Report;
use crate::config::diff::{Change, OnRecord, Subject};
use crate::domain::effect::Figures;

/// The whole of it.
pub(super) fn json(report: &Report<'_>) -> String {
    let changes: Vec<Value> = report
        .groups
        .iter()
        .flat_map(|group| group.changes.iter().map(|change| one(change, &group.title)))
        .collect();
    let effects = report.effects.as_ref().map(|effects| {
        json!({
            "key_results": effects.key_results.iter().map(|effect| json!({
                "cycle": effect.id.cycle.as_str(),
                "id": effect.id.to_string(),
                "unit": report.unit(&effect.id),
                "before": figures(effect.before),
                "after": figures(effect.after),
                "gain": effect.gain(),
            })).collect::<Vec<_>>(),
            "objectives": effects.objectives.iter().map(|effect| json!({
                "cycle": effect.id.cycle.as_str(),
                "id": effect.id.objective.as_str(),
                "before": figures(effect.before),
                "after": figures(effect.after),
                "gain": effect.gain(),
            })).collect::<Vec<_>>(),
        })
    });
    let findings: Vec<Value> = report
        .about
        .findings
        .iter()
        .map(|f| {
            json!({
                "code": f.code.as_str(), "severity": f.severity.as_str(), "message": f.message,
                "help": f.help, "file": f.file, "line": f.line, "column": f.column,
            })
        })
        .collect();
    let owners: Vec<Value> = report
        .owners
        .iter()
        .map(|(owner, classes)| json!({ "owner": owner, "classes": classes }))
        .collect();
    let document = json!({
        "base": report.about.base,
        "needs_an_act": report.acts > 0,
        "verdict": report.verdict(),
        "changes": changes,
        "not_compared": report.about.unread,
        "values": report.about.values,
        "effects": effects,
        "owners": owners,
        "new_findings": findings,
    });
    format!("{document}\n")
}

fn one(change: &Change, title: &str) -> Value {
    let (kind, cycle, id) = place(&change.subject);
    let (record, told) = match &change.record {
        OnRecord::NotNeeded => ("not_needed", None),
        OnRecord::Yes(told) => ("present", Some(told)),
        OnRecord::No(remedy) => ("missing", Some(remedy)),
    };
    let remarks: Vec<Value> = change
        .remarks
        .iter()
        .map(|(rule, words)| json!({ "code": rule.as_str(), "message": words }))
        .collect();
    json!({
        "subject": kind,
        "cycle": cycle,
        "id": id,
        "title": title,
        "class": change.class.as_str(),
        "field": change.field,
        "before": change.before,
        "after": change.after,
        "effect": match change.lean.as_str() { "" => "none", "depends on the value" => "open", word => word },
        "record": record,
        "record_text": told,
        "remarks": remarks,
    })
}

fn place(subject: &Subject) -> (&'static str, Option<&str>, Option<String>) {
    match subject {
        Subject::KeyResult(id) => ("key_result", Some(id.cycle.as_str()), Some(id.to_string())),
        Subject::Objective(id) => (
            "objective",
            Some(id.cycle.as_str()),
            Some(id.objective.to_string()),
        ),
        Subject::Initiative(id, initiative) => (
            "initiative",
            Some(id.cycle.as_str()),
            Some(format!("{}/{initiative}", id.objective)),
        ),
        Subject::Cycle(name) => ("cycle", Some(name.as_str()), Some(name.to_string())),
        Subject::Team(id) => ("team", None, Some(id.to_string())),
        Subject::Source(id) => ("source", None, Some(id.to_string())),
        Subject::Company => ("company", None, None),
        Subject::Daemon => ("daemon", None, None),
    }
}

fn figures(figures: Figures) -> Value {
    json!({
        "value": figures.value,
        "progress": figures.progress,
        "status": figures.status.as_str(),
        "forecast": figures.forecast,
    })
}
