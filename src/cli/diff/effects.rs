//! What a change of the goals does today, as people read it in a terminal or a comment and programs in JSON. Shows the
//! figures of `domain::effect` and computes none.

use serde_json::{Value, json};

use crate::cli::markdown;
use crate::cli::table::{Align, Table};
use crate::domain::card::KeyResultCard;
use crate::domain::effect::{Ease, Effect, Shift};
use crate::domain::number::show as number;
use crate::domain::objective::ObjectiveCard;
use crate::words::ENGLISH;

/// What is not known.
const NOTHING: &str = "–";

/// One line of the tables.
struct Row {
    id: String,
    title: String,
    value: String,
    progress: String,
    status: String,
    forecast: String,
    ease: &'static str,
}

/// The effect for a terminal.
pub(super) fn text(effect: &Effect) -> String {
    let mut table = Table::new([
        ("WHAT", Align::Left),
        ("VALUE", Align::Left),
        ("PROGRESS", Align::Left),
        ("STATUS", Align::Left),
        ("FORECAST", Align::Left),
        ("BECOMES", Align::Left),
    ]);
    for row in rows(effect) {
        table.row([
            row.id,
            row.value,
            row.progress,
            row.status,
            row.forecast,
            row.ease.to_owned(),
        ]);
    }
    table.render(2)
}

/// The effect for a comment.
pub(super) fn markdown(effect: &Effect) -> String {
    let head = ["What", "Value", "Progress", "Status", "Forecast", "Becomes"];
    let (rows, more) = markdown::first(rows(effect));
    let rows = rows.into_iter().map(|row| {
        [
            format!(
                "{} {}",
                markdown::code(&row.id),
                markdown::escape(&row.title)
            ),
            markdown::escape(&row.value),
            row.progress,
            row.status,
            markdown::escape(&row.forecast),
            match row.ease {
                told @ ("easier" | "harder") => format!("**{told}**"),
                other => other.to_owned(),
            },
        ]
    });
    markdown::table(head, rows) + &more
}

/// The effect for programs; what is not known is `null`.
pub(super) fn json(effect: &Effect) -> Value {
    let key_results = effect.key_results.iter().filter_map(|shift| {
        let of = &shift.card()?.key_result;
        let progress = |card: &KeyResultCard| card.progress_raw;
        Some(json!({
            "cycle": of.id.cycle.as_str(),
            "id": of.id.to_string(),
            "unit": of.unit,
            "before": shift.before.as_deref().map(key_result_json),
            "after": shift.after.as_deref().map(key_result_json),
            "gain": gain(shift, progress),
            "becomes": becomes(shift),
        }))
    });
    let objectives = effect.objectives.iter().filter_map(|shift| {
        let of = &shift.card()?.objective;
        Some(json!({
            "cycle": of.id.cycle.as_str(),
            "id": of.id.objective.as_str(),
            "before": shift.before.as_deref().map(objective_json),
            "after": shift.after.as_deref().map(objective_json),
            "gain": gain(shift, |card: &ObjectiveCard| card.progress),
            "becomes": becomes(shift),
        }))
    });
    json!({
        "at": effect.at.to_string(),
        "key_results": key_results.collect::<Vec<_>>(),
        "objectives": objectives.collect::<Vec<_>>(),
    })
}

/// The change of progress, where both sides have one.
fn gain<C>(shift: &Shift<C>, progress: impl Fn(&C) -> Option<f64>) -> Option<f64> {
    let (before, after) = (shift.before.as_deref()?, shift.after.as_deref()?);
    Some(progress(after)? - progress(before)?)
}

fn key_result_json(card: &KeyResultCard) -> Value {
    json!({
        "value": card.value.map(|(value, _)| value),
        "as_of": card.value.map(|(_, as_of)| as_of.to_string()),
        "stale": card.stale,
        "baseline": card.baseline,
        "target": card.target,
        "progress": card.progress_raw,
        "expected_progress": card.expected_progress,
        "status": card.status.as_str(),
        "forecast": card.forecast.as_ref().ok().map(|forecast| forecast.value),
    })
}

fn objective_json(card: &ObjectiveCard) -> Value {
    json!({
        "progress": card.progress,
        "expected": card.expected,
        "coverage": card.coverage,
        "status": card.status.as_str(),
    })
}

/// Key results first, then objectives with what stands above them.
fn rows(effect: &Effect) -> Vec<Row> {
    let key_results = effect.key_results.iter().filter_map(|shift| {
        let of = &shift.card()?.key_result;
        let status = |card: &KeyResultCard| ENGLISH.status(card.status).to_owned();
        let value = |card: &KeyResultCard| {
            let old = if card.stale { " (too old)" } else { "" };
            let value = card.value.map(|(value, _)| number(value) + old);
            value.unwrap_or_else(|| NOTHING.to_owned())
        };
        let forecast = |card: &KeyResultCard| {
            let told = card.forecast.as_ref().ok();
            told.map_or_else(
                || NOTHING.to_owned(),
                |forecast| format!("~{}", ENGLISH.number(forecast.rounded(forecast.value))),
            )
        };
        Some(Row {
            id: of.id.to_string(),
            title: of.title.clone(),
            value: change(shift, value),
            progress: change(shift, |card| share(card.progress_raw)),
            status: change(shift, status),
            forecast: change(shift, forecast),
            ease: becomes(shift),
        })
    });
    let objectives = effect.objectives.iter().filter_map(|shift| {
        let of = &shift.card()?.objective;
        let status = |card: &ObjectiveCard| {
            ENGLISH
                .objective_status(card.status, card.progress.is_some())
                .to_owned()
        };
        Some(Row {
            id: of.id.objective.to_string(),
            title: of.title.clone(),
            value: String::new(),
            progress: change(shift, |card| share(card.progress)),
            status: change(shift, status),
            forecast: String::new(),
            ease: becomes(shift),
        })
    });
    key_results.chain(objectives).collect()
}

fn becomes<C>(shift: &Shift<C>) -> &'static str {
    match (&shift.before, &shift.after, shift.ease) {
        (None, Some(_), _) => "new",
        (Some(_), None, _) => "removed",
        (_, _, Ease::Unknown) => "not comparable",
        (_, _, Ease::Same) => "as it was",
        (_, _, ease) => ease.as_str(),
    }
}

/// Before and after, or one of them where both read the same or there is but one.
fn change<C>(shift: &Shift<C>, shown: impl Fn(&C) -> String) -> String {
    match (shift.before.as_deref(), shift.after.as_deref()) {
        (Some(before), Some(after)) => {
            let (before, after) = (shown(before), shown(after));
            if before == after {
                before
            } else {
                format!("{before} → {after}")
            }
        }
        (Some(only), None) | (None, Some(only)) => shown(only),
        (None, None) => NOTHING.to_owned(),
    }
}

/// A share in percent, with the tenth that a change often is.
fn share(share: Option<f64>) -> String {
    let tenths = |share: f64| number((share * 1_000.0).round() / 10.0) + "\u{a0}%";
    share.map_or_else(|| NOTHING.to_owned(), tenths)
}
