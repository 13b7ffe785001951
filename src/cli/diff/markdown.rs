//! The diff as a comment of a pull request: the verdict first, then tables. Titles come from whoever wrote them, so nothing of
//! them is markup, links or mentions here.

use std::fmt::Write as _;

use super::report::{Report, lean_of, name, percent, record, statuses, step, words};
use crate::config::diff::Lean;
use crate::domain::number::show;

/// What a bot looks for to keep one comment up to date.
pub(super) const MARKER: &str = "<!-- okrd diff -->";
/// The longest comment that GitHub takes is 65,536 characters.
const LONGEST: usize = 60_000;

/// The whole of it.
pub(super) fn markdown(report: &Report<'_>) -> String {
    let mut out = format!("{MARKER}\n");
    let mark = if report.acts > 0 { "❌" } else { "✅" };
    let _ = writeln!(out, "{mark} **{}**", report.verdict());
    if !report.groups.is_empty() {
        let _ = writeln!(
            out,
            "\nAgainst {}: {}.",
            plain(&report.about.base),
            report.summary()
        );
    }
    for line in &report.about.unread {
        let _ = writeln!(out, "\n> {}", plain(line));
    }
    acts(report, &mut out);
    changes(report, &mut out);
    effect(report, &mut out);
    owners(report, &mut out);
    findings(report, &mut out);
    cut(out)
}

fn acts(report: &Report<'_>, out: &mut String) {
    if report.acts == 0 {
        return;
    }
    out.push_str("\n### To do\n\n");
    let open = report.groups.iter().flat_map(|group| {
        let open = group.changes.iter().filter(|change| change.needs_an_act());
        open.map(|change| (group.subject, *change))
    });
    for (subject, change) in open {
        let remarks: Vec<_> = change
            .remarks
            .iter()
            .map(|(rule, words)| format!("{}: {words}", rule.as_str()))
            .collect();
        let _ = writeln!(
            out,
            "- [ ] **{}**, {}. {}. {}.",
            plain(&name(subject)),
            plain(&words(change)),
            plain(&remarks.join("; ")),
            plain(record(change).unwrap_or_default()),
        );
    }
}

fn changes(report: &Report<'_>, out: &mut String) {
    if report.groups.is_empty() {
        return;
    }
    out.push_str(
        "\n### Changes\n\n| what | class | change | | on record |\n|---|---|---|---|---|\n",
    );
    for group in &report.groups {
        for (nth, change) in group.changes.iter().enumerate() {
            let what = match (nth, group.title.is_empty()) {
                (0, true) => format!("**{}**", plain(&name(group.subject))),
                (0, false) => format!(
                    "**{}**<br>{}",
                    plain(&name(group.subject)),
                    plain(&group.title)
                ),
                _ => String::new(),
            };
            let lean = match change.lean {
                Lean::Neither => "",
                lean => lean.as_str(),
            };
            let record = match (change.needs_an_act(), record(change)) {
                (true, _) => "❌ missing".to_owned(),
                (false, Some(told)) => plain(told),
                (false, None) => String::new(),
            };
            let class = change.class.as_str();
            let _ = writeln!(
                out,
                "| {what} | {class} | {} | {lean} | {record} |",
                plain(&words(change))
            );
        }
    }
}

fn effect(report: &Report<'_>, out: &mut String) {
    if report.groups.is_empty() {
        return;
    }
    let _ = writeln!(
        out,
        "\n### Effect today\n\n{}",
        sentence(&report.about.values)
    );
    let Some(effects) = &report.effects else {
        return;
    };
    if effects.key_results.is_empty() && effects.objectives.is_empty() {
        out.push_str("\nEvery figure stays what it is.\n");
        return;
    }
    out.push_str(
        "\n| what | value | progress | | status | forecast |\n|---|---|---|---|---|---|\n",
    );
    for effect in &effects.key_results {
        let (before, after) = (effect.before, effect.after);
        let unit = report.unit(&effect.id);
        let _ = writeln!(
            out,
            "| {} | {} {} | {} | {} | {} | {} |",
            plain(&effect.id.to_string()),
            step(before.value, after.value, show),
            plain(unit),
            step(before.progress, after.progress, percent),
            lean_of(effect.gain()),
            plain(&statuses(before, after)),
            step(before.forecast, after.forecast, show),
        );
    }
    for effect in &effects.objectives {
        let (before, after) = (effect.before, effect.after);
        let _ = writeln!(
            out,
            "| **{}** | | {} | {} | {} | |",
            plain(effect.id.objective.as_str()),
            step(before.progress, after.progress, percent),
            lean_of(effect.gain()),
            plain(&statuses(before, after)),
        );
    }
}

fn owners(report: &Report<'_>, out: &mut String) {
    if report.owners.is_empty() {
        return;
    }
    out.push_str("\n### Who must approve\n\n");
    for (owner, classes) in &report.owners {
        let classes: Vec<_> = classes.iter().copied().collect();
        let _ = writeln!(out, "- {}: {}", plain(owner), classes.join(", "));
    }
}

fn findings(report: &Report<'_>, out: &mut String) {
    if report.about.findings.is_empty() {
        return;
    }
    out.push_str("\n### New findings of the check\n\n");
    for finding in &report.about.findings {
        let (severity, code) = (finding.severity.as_str(), finding.code);
        let _ = writeln!(
            out,
            "- {severity} `{code}` in {}, line {}: {}",
            plain(&finding.file),
            finding.line,
            plain(&finding.message)
        );
    }
}

/// A text that is nothing but text: no markup, no table, no link, no mention, no reference.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '<' | '>' | '(' | ')' | '#' | '+'
            | '!' | '|' | '~' | '&' | '$' => {
                out.push('\\');
                out.push(c);
            }
            // A word joiner after it keeps it from being a mention.
            '@' => out.push_str("@\u{2060}"),
            // An address is no link when its colon stands alone.
            ':' => out.push_str(":\u{2060}"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

fn sentence(text: &str) -> String {
    let mut chars = plain(text).chars().collect::<Vec<_>>();
    if let Some(first) = chars.first_mut() {
        *first = first.to_ascii_uppercase();
    }
    let text: String = chars.into_iter().collect();
    format!("{}.", text.trim_end_matches('.'))
}

/// At most as long as a comment may be.
fn cut(text: String) -> String {
    if text.chars().count() <= LONGEST {
        return text;
    }
    let mut kept: String = text.chars().take(LONGEST).collect();
    kept.truncate(kept.rfind('\n').unwrap_or(kept.len()));
    kept.push_str("\n\n…and more than a comment can hold: run `okrd diff` for the rest.\n");
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_people_write_is_markup() {
        for (text, shown) in [
            ("a|b", "a\\|b"),
            ("<img src=x>", "\\<img src=x\\>"),
            ("@boss", "@\u{2060}boss"),
            ("https://evil", "https:\u{2060}//evil"),
            ("#12 `x` *y*", "\\#12 \\`x\\` \\*y\\*"),
            ("a\nb", "a b"),
        ] {
            assert_eq!(plain(text), shown);
        }
    }

    #[test]
    fn a_comment_has_a_length() {
        let long = "line\n".repeat(LONGEST);
        let cut = cut(long);
        assert!(cut.chars().count() < 65_536 && cut.contains("okrd diff"));
    }
}
