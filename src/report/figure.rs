//! What HTML report and slides draw alike: charts, badges, and the head of a document that loads nothing.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest as _, Sha256};

use super::Report;
use crate::chart::chart;
use crate::domain::card::KeyResultCard;
use crate::domain::status::Status;

/// A document that needs nothing else. What is not written here does not come in: the policy names style and script by
/// their digests.
pub(super) fn document(
    report: &Report,
    title: &str,
    style: &str,
    script: Option<&str>,
    inside: &Markup,
) -> String {
    let digest = |text: &str| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)));
    let mut policy = format!(
        "default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:; style-src {}",
        digest(style)
    );
    if let Some(script) = script {
        policy += &format!("; script-src {}", digest(script));
    }
    let markup = html! {
        (DOCTYPE)
        html lang=(report.tongue.language().as_str()) {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="generator" content={ "okrd " (env!("CARGO_PKG_VERSION")) };
                title { (title) }
                link rel="icon" href="data:,";
                style { (PreEscaped(style)) }
            }
            body {
                (inside)
                @if let Some(script) = script { script { (PreEscaped(script)) } }
            }
        }
    };
    markup.into_string() + "\n"
}

/// The chart of a key result over its cycle, as far as it has come by the end of the period; `None` where there is nothing
/// to draw.
pub(super) fn drawn(report: &Report, card: &KeyResultCard) -> Option<Markup> {
    let t = report.tongue;
    let name = &card.key_result.id.cycle;
    let mut parts = report.cycles.iter();
    let cycle = &parts.find(|part| part.cycle.name == *name)?.cycle;
    let label = t.chart_of(&card.key_result.title, t.goal(card));
    let chart = chart(card, cycle, report.until, &label)?;
    let numbers = [&*t.number(chart.least), &t.number(chart.greatest)];
    let days = [&*t.date(cycle.first_day), &t.date(cycle.last_day)];
    Some(chart.framed(numbers, days))
}

/// A status in words; its colour says nothing more.
pub(super) fn badge(status: Status, words: &str) -> Markup {
    html! { span class={ "badge " (status.as_str()) } { (words) } }
}
