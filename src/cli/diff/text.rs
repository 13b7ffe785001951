//! The diff for a terminal.

use std::fmt::Write as _;

use super::effects;
use super::report::{Report, name, record, words};
use super::side_by_side;
use crate::cli::table::printable;
use crate::config::diff::Lean;

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
    match &report.about.values {
        Ok(from) => {
            let _ = writeln!(out, "\nEffect today, by the values of {}", printable(from));
        }
        Err(why) => {
            let why = printable(why);
            let _ = writeln!(out, "\nEffect today: not known, no values: {why}");
        }
    }
    for remark in &report.about.remarks {
        let _ = writeln!(out, "  note: {}", printable(remark));
    }
    if let Some(effect) = &report.effect {
        if effect.is_nothing() {
            let _ = writeln!(out, "  none: every figure stays what it is");
        } else {
            out.push_str(&effects::text(effect));
        }
    }
    out.push_str(&side_by_side::text(&report.probes));
}
