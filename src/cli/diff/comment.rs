//! The diff as one comment on a pull or merge request: verdict first, then what is to do, what changes by class, what it does
//! today, who must approve, what is newly found. Everything that others wrote is escaped, and the whole fits in a comment.

use std::fmt::Write as _;

use super::effects;
use super::report::{Report, name, record, words};
use super::side_by_side;
use crate::cli::markdown::{code, escape, first, fit, table};
use crate::config::diff::{Change, Class, Lean, Subject};

/// The first line, by which a program finds the comment again that it keeps up to date.
pub(super) const MARKER: &str = "<!-- okrd-review -->";

/// The whole of it.
pub(super) fn markdown(report: &Report<'_>) -> String {
    // The mark stands beside words, so that nothing is told by a colour alone.
    let mark = if report.acts > 0 { "❌" } else { "✅" };
    let mut out = format!("{MARKER}\n### {mark} {}\n", report.verdict());
    if !report.groups.is_empty() {
        let base = code(&report.about.base);
        let _ = writeln!(out, "\nAgainst {base}: {}.", report.summary());
    }
    for line in &report.about.unread {
        let _ = writeln!(out, "\n> {}", escape(line));
    }
    acts(report, &mut out);
    changes(report, &mut out);
    effect(report, &mut out);
    out.push_str(&side_by_side::markdown(&report.probes));
    owners(report, &mut out);
    findings(report, &mut out);
    fit(out)
}

/// All changes with what they are about, and its title.
fn all<'r>(report: &'r Report<'_>) -> impl Iterator<Item = (&'r Subject, &'r str, &'r Change)> {
    report.groups.iter().flat_map(|group| {
        let changes = group.changes.iter();
        changes.map(|change| (group.subject, group.title.as_str(), *change))
    })
}

fn acts(report: &Report<'_>, out: &mut String) {
    if report.acts == 0 {
        return;
    }
    out.push_str("\n#### To do\n\n");
    let open = all(report).filter(|(_, _, change)| change.needs_an_act());
    let (open, more) = first(open.collect());
    for (subject, _, change) in open {
        let what = format!("{} – {}", name(subject), words(change));
        let _ = write!(out, "- [ ] {}", code(&what));
        for (rule, words) in &change.remarks {
            let _ = write!(out, "<br>{} {}", rule.as_str(), escape(words));
        }
        let remedy = record(change).unwrap_or_default();
        let _ = writeln!(out, "<br>{}", escape(remedy));
    }
    out.push_str(&more);
}

fn changes(report: &Report<'_>, out: &mut String) {
    for class in Class::ALL {
        let of_class: Vec<_> = all(report).filter(|(_, _, c)| c.class == class).collect();
        if of_class.is_empty() {
            continue;
        }
        let _ = writeln!(
            out,
            "\n#### {}: {}\n",
            headed(class.as_str()),
            class.words()
        );
        let (of_class, more) = first(of_class);
        let mut last = None;
        let rows = of_class.into_iter().map(|(subject, title, change)| {
            let what = if last == Some(subject) {
                String::new()
            } else {
                let named = code(&name(subject));
                format!("{named} {}", escape(title)).trim_end().to_owned()
            };
            last = Some(subject);
            let shown = |text: &Option<String>| text.as_deref().map_or_else(dash, code);
            let becomes = match change.lean {
                Lean::Easier | Lean::Harder => format!("**{}**", change.lean.as_str()),
                Lean::Neither | Lean::Open => change.lean.as_str().to_owned(),
            };
            let record = match (change.needs_an_act(), record(change)) {
                (true, _) => "❌ missing".to_owned(),
                (false, told) => told.map_or_else(String::new, escape),
            };
            let field = escape(change.field);
            [
                what,
                field,
                shown(&change.before),
                shown(&change.after),
                becomes,
                record,
            ]
        });
        let head = ["What", "Field", "Before", "After", "Becomes", "On record"];
        out.push_str(&table(head, rows));
        out.push_str(&more);
        remarks(report, class, out);
    }
}

/// What rules have to say of changes that need no act: the others stand in what is to do.
fn remarks(report: &Report<'_>, class: Class, out: &mut String) {
    let calm = all(report).filter(|(_, _, c)| c.class == class && !c.needs_an_act());
    let told = calm.flat_map(|(subject, _, change)| {
        let remarks = change.remarks.iter();
        remarks.map(move |(rule, words)| (subject, rule.as_str(), escape(words)))
    });
    let (told, more) = first(told.collect());
    for (subject, rule, words) in told {
        let _ = writeln!(out, "\n⚠️ {rule} {}: {words}", code(&name(subject)));
    }
    out.push_str(&more);
}

fn effect(report: &Report<'_>, out: &mut String) {
    if report.groups.is_empty() {
        return;
    }
    out.push_str("\n#### What it does today\n\n");
    match (&report.about.values, &report.effect) {
        (Ok(from), Some(effect)) => {
            let at = effect.at.strftime("%Y-%m-%d %H:%M UTC");
            let _ = writeln!(out, "By the values of {}, {at}.", escape(from));
        }
        (Ok(_), None) => {}
        (Err(why), _) => {
            let _ = writeln!(out, "Not known, no values: {}.", escape(why));
        }
    }
    for remark in &report.about.remarks {
        let _ = writeln!(out, "\n> {}", escape(remark));
    }
    match &report.effect {
        Some(effect) if effect.is_nothing() => out.push_str("\nEvery figure stays what it is.\n"),
        Some(effect) => {
            let _ = write!(out, "\n{}", effects::markdown(effect));
        }
        None => {}
    }
}

fn owners(report: &Report<'_>, out: &mut String) {
    if report.owners.is_empty() {
        return;
    }
    out.push_str("\n#### Who must approve\n\n");
    for (owner, classes) in &report.owners {
        let classes: Vec<_> = classes.iter().copied().collect();
        let _ = writeln!(out, "- **{}**: {}", escape(owner), classes.join(", "));
    }
}

fn findings(report: &Report<'_>, out: &mut String) {
    if report.about.findings.is_empty() {
        return;
    }
    out.push_str("\n#### Newly found by the check\n\n");
    let (findings, more) = first(report.about.findings.iter().collect());
    for finding in findings {
        let (severity, code_) = (finding.severity.as_str(), finding.code);
        let place = code(&format!("{}:{}", finding.file, finding.line));
        let message = escape(&finding.message);
        let _ = write!(out, "- {severity} `{code_}` {place}: {message}");
        if !finding.help.is_empty() {
            let _ = write!(out, "<br>{}", escape(&finding.help));
        }
        out.push('\n');
    }
    out.push_str(&more);
}

fn dash() -> String {
    "–".to_owned()
}

/// The word with a capital.
fn headed(word: &str) -> String {
    let mut letters = word.chars();
    let first = letters.next().map(|c| c.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}
