//! The diff for a terminal.

use std::fmt::Write as _;

use super::report::{Report, lean_of, name, percent, record, statuses, step, words};
use crate::cli::table::{Align, Table, printable};
use crate::config::diff::Lean;
use crate::domain::number::show;

/// The whole of it.
pub(super) fn text(report: &Report<'_>) -> String {
    let mut out = report.verdict();
    if !report.groups.is_empty() {
        let _ = write!(out, " Against {}: {}.", report.about.base, report.summary());
    }
    out.push('\n');
    for line in &report.about.unread {
        let _ = writeln!(out, "note: {}", printable(line));
    }
    for group in &report.groups {
        let title = printable(&group.title);
        let quote = if title.is_empty() {
            String::new()
        } else {
            format!("  “{title}”")
        };
        let _ = writeln!(out, "\n{}{quote}", name(group.subject));
        for change in &group.changes {
            let mut line = printable(&words(change));
            if !matches!(change.lean, Lean::Neither) {
                let _ = write!(line, " ({})", change.lean.as_str());
            }
            let _ = writeln!(out, "  {:<14} {line}", change.class.as_str());
            for (rule, words) in &change.remarks {
                let _ = writeln!(out, "  {:<14} {}: {words}", "", rule.as_str());
            }
            if let Some(record) = record(change) {
                let mark = if change.needs_an_act() {
                    "to do: "
                } else {
                    "on record: "
                };
                let _ = writeln!(out, "  {:<14} {mark}{}", "", printable(record));
            }
        }
    }
    effect(report, &mut out);
    if !report.owners.is_empty() {
        let _ = writeln!(out, "\nWho must approve");
        for (owner, classes) in &report.owners {
            let classes: Vec<_> = classes.iter().copied().collect();
            let _ = writeln!(out, "  {}: {}", printable(owner), classes.join(", "));
        }
    }
    if !report.about.findings.is_empty() {
        let _ = writeln!(out, "\nNew findings of the check");
        for finding in &report.about.findings {
            let (severity, code) = (finding.severity.as_str(), finding.code);
            let place = format!("{}:{}", finding.file, finding.line);
            let _ = writeln!(out, "  {severity}[{code}] {place}: {}", finding.message);
        }
    }
    out
}

fn effect(report: &Report<'_>, out: &mut String) {
    if report.groups.is_empty() {
        return;
    }
    let Some(effects) = &report.effects else {
        let _ = writeln!(out, "\nEffect today: {}", report.about.values);
        return;
    };
    let _ = writeln!(out, "\nEffect today, {}", report.about.values);
    if effects.key_results.is_empty() && effects.objectives.is_empty() {
        let _ = writeln!(out, "  none: every figure stays what it is");
        return;
    }
    let mut table = Table::new([
        ("WHAT", Align::Left),
        ("VALUE", Align::Left),
        ("PROGRESS", Align::Left),
        ("", Align::Left),
        ("STATUS", Align::Left),
        ("FORECAST", Align::Left),
    ]);
    for effect in &effects.key_results {
        let (before, after) = (effect.before, effect.after);
        table.row([
            effect.id.to_string(),
            step(before.value, after.value, show),
            step(before.progress, after.progress, percent),
            lean_of(effect.gain()).to_owned(),
            statuses(before, after),
            step(before.forecast, after.forecast, show),
        ]);
    }
    for effect in &effects.objectives {
        let (before, after) = (effect.before, effect.after);
        table.row([
            effect.id.objective.to_string(),
            String::new(),
            step(before.progress, after.progress, percent),
            lean_of(effect.gain()).to_owned(),
            statuses(before, after),
            String::new(),
        ]);
    }
    out.push_str(&table.render(2));
}
