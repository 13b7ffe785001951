//! A report as Markdown, for wikis, tickets and mail. Whoever reads it as plain text finds the same.

use std::fmt::Write as _;

use super::escape::{cell, inline, paragraph};
use super::{KeyResultTold, ObjectiveTold, Part, Report, Said};
use crate::domain::goals::{Initiative, Role};

/// The whole report.
#[must_use]
pub fn markdown(report: &Report) -> String {
    let mut out = head(report);
    if report.cycles.is_empty() {
        let _ = write!(out, "\n{}\n", report.tongue.no_objectives_yet());
    }
    for part in &report.cycles {
        out += &cycle(report, part);
    }
    if !report.cycles.is_empty() {
        out += &changes(report);
        out += &lessons(report);
    }
    out
}

/// Vision and strategy.
fn head(report: &Report) -> String {
    let t = report.tongue;
    let company = &report.company;
    let first = company.vision.as_deref();
    let first = first.unwrap_or_else(|| t.objectives_and_key_results());
    let mut out = format!("# {}\n", inline(first));
    let _ = write!(
        out,
        "\n{} · {}\n",
        paragraph(&report.title()),
        report.as_of()
    );
    if !company.strategy.is_empty() {
        let _ = write!(out, "\n**{}**\n\n", t.strategy());
        for line in &company.strategy {
            let _ = writeln!(out, "- {}", paragraph(line));
        }
    }
    out
}

fn cycle(report: &Report, part: &Part) -> String {
    let t = report.tongue;
    let mut out = format!(
        "\n## {}\n\n{} · {}\n",
        inline(part.cycle.name.as_str()),
        t.cycle_days(&part.cycle),
        t.passed(&part.cycle, report.until)
    );
    for told in &part.objectives {
        out += &objective(report, told);
    }
    out
}

fn objective(report: &Report, told: &ObjectiveTold) -> String {
    let t = report.tongue;
    let objective = &told.card.objective;
    let mut out = format!("\n### {}\n\n", inline(&objective.title));
    let _ = write!(out, "{}", paragraph(&told.owner(t)));
    if let Some(serves) = told.serves(t) {
        let _ = write!(out, " · {}", inline(&serves));
    }
    out.push('\n');
    if let Some(why) = &objective.why {
        let _ = write!(out, "\n{}\n", paragraph(why));
    }
    let _ = write!(
        out,
        "\n**{}**: {}\n",
        told.status(t),
        inline(&told.progress(t))
    );
    if !told.key_results.is_empty() {
        out += &table(report, told);
        out.push('\n');
        for kr in &told.key_results {
            out += &details(report, kr);
        }
    }
    let initiatives = &objective.initiatives;
    if !initiatives.is_empty() {
        let _ = write!(out, "\n{}:\n\n", t.what_we_try());
        for initiative in initiatives {
            out += &tried(report, initiative);
        }
    }
    out
}

/// The figures of its key results.
fn table(report: &Report, told: &ObjectiveTold) -> String {
    let t = report.tongue;
    let mut out = format!(
        "\n| {} | {} | {} | {} | {} | {} | {} |\n| --- | ---: | ---: | ---: | ---: | ---: | --- |\n",
        t.head_key_result(),
        t.head_value(),
        t.head_goal(),
        t.head_progress(),
        t.head_expected(),
        t.head_forecast(),
        t.head_status(),
    );
    let ambition = told.card.objective.ambition;
    for kr in &told.key_results {
        let (card, key_result) = (&kr.card, &kr.card.key_result);
        let percent = |share: Option<f64>| share.map_or_else(|| "–".into(), |s| t.percent(s));
        let value = (card.value).map(|(value, _)| t.quantity(value, &key_result.unit));
        let forecast = card.forecast.as_ref().ok();
        let forecast =
            forecast.map(|found| format!("≈\u{a0}{}", t.number(found.rounded(found.value))));
        let forecast = forecast.unwrap_or_else(|| "–".to_owned());
        let mut title = cell(&key_result.title);
        if key_result.role == Role::Guardrail {
            let _ = write!(title, " ({})", t.guardrail());
        }
        let _ = writeln!(
            out,
            "| {title} | {} | {} | {} | {} | {forecast} | {} |",
            value.map_or_else(|| "–".to_owned(), |value| cell(&value)),
            cell(&t.goal(card)),
            percent(card.made()),
            percent(card.planned(ambition)),
            cell(&t.ended(t.status(card.status), card.closing)),
        );
    }
    out
}

/// Why a key result stands as it does, and what should be known beside its value.
fn details(report: &Report, kr: &KeyResultTold) -> String {
    let t = report.tongue;
    let mut all = vec![t.reason(&kr.card)];
    all.extend(report.beside(kr));
    format!(
        "- **{}**: {}\n",
        inline(&kr.card.key_result.title),
        inline(&all.join(" "))
    )
}

fn tried(report: &Report, initiative: &Initiative) -> String {
    let t = report.tongue;
    let mut out = format!(
        "- {}: {}",
        t.initiative(initiative.state),
        inline(&initiative.title)
    );
    if let Some(jira) = &initiative.jira {
        let _ = write!(out, " ({})", inline(jira));
    }
    for link in &initiative.links {
        // A link holds nothing that Markdown reads but these two.
        let address = link.as_str().replace('(', "%28").replace(')', "%29");
        let _ = write!(out, " [{}]({address})", inline(link.shown()));
    }
    if let Some(learned) = &initiative.learned {
        let _ = write!(out, ". {}", inline(&t.learned(learned)));
    }
    out.push('\n');
    out
}

fn changes(report: &Report) -> String {
    let t = report.tongue;
    let mut out = format!("\n## {}\n\n{}\n", t.what_changed(), report.period());
    let changed: Vec<_> = report.objectives().filter(|o| o.has_changed()).collect();
    for told in &changed {
        let _ = write!(out, "\n**{}**\n\n", inline(&told.card.objective.title));
        if let Some(turn) = report.turn(told) {
            let _ = writeln!(out, "- {}", paragraph(&turn));
        }
        for (kr, changes) in told.changes() {
            let title = inline(&kr.card.key_result.title);
            let _ = writeln!(out, "- {title}");
            for change in &changes {
                let _ = writeln!(out, "  - {}", paragraph(&report.change(change, kr)));
            }
        }
    }
    if !report.said.is_empty() {
        let _ = write!(out, "\n**{}**\n\n", report.tongue.noted_of_all());
        for said in &report.said {
            out += &noted(report, said);
        }
    }
    if changed.is_empty() && report.said.is_empty() {
        let _ = write!(out, "\n{}\n", report.tongue.nothing_changed());
    }
    out
}

fn noted(report: &Report, said: &Said) -> String {
    format!("- {}\n", paragraph(&report.said(said)))
}

fn lessons(report: &Report) -> String {
    let mut out = String::new();
    for (told, learned) in report.lessons() {
        if out.is_empty() {
            let _ = write!(out, "\n## {}\n", report.tongue.what_was_learned());
        }
        let _ = write!(out, "\n**{}**\n\n", inline(&told.card.objective.title));
        for initiative in learned {
            let _ = writeln!(
                out,
                "- {}: {}",
                paragraph(&initiative.title),
                inline(initiative.learned.as_deref().unwrap_or_default())
            );
        }
    }
    out
}
