//! A report as JSON, for programs. Its shape is told in `docs/reports.md` and stays as it is; every field is always there,
//! and what is not known is `null`. Words of closed sets are those of the API.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::change::Change;
use super::{KeyResultTold, ObjectiveTold, Part, Report, Said};
use crate::domain::goals::Initiative;
use crate::domain::target::Aim;
use crate::domain::verdict::{Closing, Outcome};
use crate::words::ENGLISH;

/// The version of the shape. Fields may be added to it; one that goes or means something else makes another.
const SHAPE: u32 = 1;

/// The whole report.
#[must_use]
pub fn json(report: &Report) -> String {
    // Programs are told in one language.
    let report = &Report {
        tongue: ENGLISH,
        ..report.clone()
    };
    let company = &report.company;
    let document = json!({
        "report": SHAPE,
        "company": {
            "name": company.name,
            "vision": company.vision,
            "strategy": company.strategy,
        },
        "team": report.team.as_ref().map(|(id, name)| json!({ "id": id.as_str(), "name": name })),
        "since": utc(report.since),
        "until": utc(report.until),
        "cycles": report.cycles.iter().map(|part| cycle(report, part)).collect::<Vec<_>>(),
        "said": report.said.iter().map(said).collect::<Vec<_>>(),
    });
    format!("{document:#}\n")
}

fn utc(at: Timestamp) -> String {
    at.to_string()
}

fn cycle(report: &Report, part: &Part) -> Value {
    let cycle = &part.cycle;
    json!({
        "name": cycle.name.as_str(),
        "starts": cycle.first_day.to_string(),
        "ends": cycle.last_day.to_string(),
        "open": cycle.is_open(report.until),
        "elapsed": cycle.elapsed(report.until),
        "objectives": part.objectives.iter().map(|told| objective(report, told)).collect::<Vec<_>>(),
    })
}

fn objective(report: &Report, told: &ObjectiveTold) -> Value {
    let card = &told.card;
    let objective = &card.objective;
    json!({
        "id": objective.id.objective.as_str(),
        "title": objective.title,
        "why": objective.why,
        "team": objective.team.as_ref().map(|id| json!({ "id": id.as_str(), "name": told.team })),
        "parent": objective.parent.as_ref().map(|parent| json!({
            "objective": parent.objective.as_str(),
            "title": told.parent.as_ref().map(|(title, _)| title),
            "link": parent.link.as_str(),
        })),
        "ambition": objective.ambition.as_str(),
        "status": card.status.as_str(),
        "decided_by": told.decided_by,
        "progress": card.progress,
        "expected": card.expected,
        "coverage": card.coverage,
        "closing": card.closing.map(|found| closing(found, card.closed_at)),
        "at_start": told.before.as_ref().map(|before| json!({
            "status": before.status.as_str(),
            "progress": before.progress,
        })),
        "key_results": told.key_results.iter().map(|kr| key_result(report, told, kr)).collect::<Vec<_>>(),
        "initiatives": objective.initiatives.iter().map(initiative).collect::<Vec<_>>(),
    })
}

fn closing(found: Closing, at: Option<Timestamp>) -> Value {
    let outcome = |outcome: Outcome| {
        json!({
            "score": outcome.score,
            "verdict": outcome.verdict.as_str(),
        })
    };
    json!({
        "as_amended": outcome(found.as_amended),
        "as_first_committed": outcome(found.as_committed),
        "closed_at": at.map(utc),
    })
}

fn key_result(report: &Report, told: &ObjectiveTold, kr: &KeyResultTold) -> Value {
    let (card, agreed) = (&kr.card, &kr.card.key_result);
    json!({
        "id": agreed.id.key_result.as_str(),
        "title": agreed.title,
        "why": agreed.why,
        "unit": agreed.unit,
        "aim": agreed.aim.as_str(),
        "role": agreed.role.as_str(),
        "weight": agreed.weight,
        "value": card.value.map(|(value, _)| value),
        "as_of": card.value.map(|(_, at)| utc(at)),
        "stale": card.stale,
        "quality": card.quality.words(),
        "note": card.note,
        "baseline": card.baseline,
        "target": card.target,
        "band": band(&agreed.aim),
        "progress": card.progress,
        "made": card.made(),
        "expected": card.planned(told.card.objective.ambition),
        "status": card.status.as_str(),
        "status_since": utc(card.status_since),
        "reason": report.tongue.reason(card),
        "forecast": card.forecast.as_ref().ok().map(|forecast| json!({
            "value": forecast.value,
            "low": forecast.low,
            "high": forecast.high,
            "weak": forecast.weak,
        })),
        "closing": card.closing.map(|found| closing(found, card.closed_at)),
        "at_start": kr.before.as_ref().map(|before| json!({
            "value": before.value.map(|(value, _)| value),
            "as_of": before.value.map(|(_, at)| utc(at)),
            "target": before.target,
            "progress": before.progress,
            "status": before.status.as_str(),
            "comparable": !kr.is_anew,
        })),
        "changes": kr.changes().iter().map(|found| change(report, found, kr)).collect::<Vec<_>>(),
    })
}

fn band(aim: &Aim) -> Option<Value> {
    let Aim::Hold(hold) = aim else {
        return None;
    };
    let (low, high) = hold.band.bounds();
    Some(json!({ "at_least": low, "at_most": high }))
}

/// A change with its kind and its sentence; what it is of stands in the fields beside it.
fn change(report: &Report, change: &Change<'_>, kr: &KeyResultTold) -> Value {
    let kind = match change {
        Change::Status { .. } => "status",
        Change::Value { .. } => "value",
        Change::First(_) => "first_value",
        Change::Anew(_) => "value_anew",
        Change::Amended(_) => "amendment",
        Change::Said(said) if said.is_note => "note",
        Change::Said(_) => "check_in",
    };
    let at = match change {
        Change::Status { since, .. } => Some(utc(*since)),
        Change::Said(said) => Some(utc(said.at)),
        Change::Amended(amendment) => Some(amendment.date.to_string()),
        Change::Value { .. } | Change::First(_) | Change::Anew(_) => None,
    };
    json!({ "kind": kind, "at": at, "sentence": report.change(change, kr) })
}

fn said(said: &Said) -> Value {
    json!({ "at": utc(said.at), "text": said.text })
}

fn initiative(initiative: &Initiative) -> Value {
    let key_results = initiative.key_results.iter();
    let links = initiative.links.iter();
    json!({
        "id": initiative.id.as_str(),
        "title": initiative.title,
        "state": initiative.state.as_str(),
        "key_results": key_results.map(|id| id.as_str()).collect::<Vec<_>>(),
        "learned": initiative.learned,
        "jira": initiative.jira,
        "links": links.map(|link| link.as_str()).collect::<Vec<_>>(),
    })
}
