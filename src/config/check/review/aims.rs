//! Lints of what a key result aims for: whether it says why, whether it counts what is done rather than what comes of
//! it, whether its window fits its cycle, and what keeps a volume honest.

use super::Entry;
use super::words::{ACTIVITY, PERCENT, RESPONSE};
use crate::config::finding::{Code, Finding, Rests, quoted};
use crate::domain::goals::{KeyResult, Kind, Role};
use crate::domain::target::{Aim, Direction, Target};
use crate::domain::window::Window;

/// The lints of one key result.
pub(super) fn key_result(entry: &Entry<'_, '_>, out: &mut Vec<Finding>) {
    out.extend(why(entry));
    out.extend(window(entry));
    if let Some(kr) = entry.key_result {
        out.extend(points_or_share(entry, kr));
        out.extend(activity(entry, kr));
    }
}

/// A volume that only shall grow asks for something that must not suffer. Told once an objective.
pub(super) fn pair(entries: &[Entry<'_, '_>], out: &mut Vec<Finding>) {
    let guards = |entry: &Entry<'_, '_>| {
        let role = entry.table.text("role");
        let guardrail = role.is_some_and(|at| at.value == "guardrail");
        guardrail
            || ["at_most", "at_least", "between"]
                .iter()
                .any(|key| entry.table.has(key))
    };
    let volume = |entry: &&Entry<'_, '_>| {
        entry.key_result.is_some_and(|kr| {
            matches!(kr.kind, Kind::Cumulative | Kind::Window)
                && kr.aim.direction() == Direction::Increase
                && !is_percent(&kr.unit)
        })
    };
    if entries.iter().any(guards) {
        return;
    }
    let Some(first) = entries.iter().find(volume) else {
        return;
    };
    let message = format!(
        "{} shall grow, and nothing guards what it may cost",
        quoted(first.name.value)
    );
    let finding = first.name.finding(Code::KrPair, message).label("a volume");
    out.push(finding.rests_on(Rests::File).help(
        "add a key result with role = \"guardrail\" for what must not get worse meanwhile, such as complaints",
    ));
}

fn why(entry: &Entry<'_, '_>) -> Option<Finding> {
    let table = entry.table;
    if table
        .text("why")
        .is_some_and(|at| !at.value.trim().is_empty())
    {
        return None;
    }
    let start = table.span().start;
    let finding = match table.key("why") {
        Some(key) => key.finding(
            Code::KrWhy,
            "the key result does not say how it proves its objective",
        ),
        None => entry.name.finding(
            Code::KrWhy,
            "the key result does not say how it proves its objective",
        ),
    };
    Some(
        finding
            .rests_on(Rests::Table(start))
            .label("no `why`")
            .help("add `why`: one line on what this number shows about the objective"),
    )
}

/// Of "+5%" of a number in percent nobody knows which of two things it means.
fn points_or_share(entry: &Entry<'_, '_>, kr: &KeyResult) -> Option<Finding> {
    let Aim::Reach(reach) = &kr.aim else {
        return None;
    };
    if !(matches!(reach.target, Target::Share(_)) && is_percent(&kr.unit)) {
        return None;
    }
    let at = entry.table.text("target")?;
    let points = at.value.replace('%', "pp");
    let message = format!(
        "the target {} of a number in percent multiplies: it may have meant points",
        quoted(at.value)
    );
    let finding = at.finding(Code::KrPp, message).label("a share of percents");
    Some(finding.help(format!(
        "write \"{points}\" for percentage points, or the target itself as a number"
    )))
}

fn is_percent(unit: &str) -> bool {
    let unit = unit.trim().to_lowercase();
    unit.starts_with('%')
        || unit
            .split_whitespace()
            .next()
            .is_some_and(|word| PERCENT.contains(&word))
}

/// More meetings, posts or tickets are more work, whatever comes of them.
fn activity(entry: &Entry<'_, '_>, kr: &KeyResult) -> Option<Finding> {
    let unit = kr.unit.to_lowercase();
    let per = unit.contains(['/', '%']) || unit.split_whitespace().any(|word| word == "per");
    let words = || unit.split(|c: char| !(c.is_alphanumeric() || c == '-'));
    let counted = words().find(|word| ACTIVITY.contains(word))?;
    if words().any(|word| RESPONSE.contains(&word)) {
        return None;
    }
    let grows = kr.aim.direction() == Direction::Increase && kr.role == Role::Contributes;
    if per || !grows {
        return None;
    }
    let at = entry.table.text("unit")?;
    let message = format!("the key result counts activity: {}", quoted(counted));
    let finding = at.finding(Code::KrActivity, message).label("effort");
    Some(finding.help("measure what shall come of it; the activity itself is an initiative"))
}

fn window(entry: &Entry<'_, '_>) -> Option<Finding> {
    let at = entry.table.table("measure")?.text("window")?;
    let Ok(Window::LastDays(days)) = Window::parse(at.value) else {
        return None;
    };
    let cycle = entry.cycle?;
    let length = cycle.last_day.duration_since(cycle.first_day).as_hours() / 24 + 1;
    if i64::from(days) * 3 <= length {
        return None;
    }
    let third = length / 3;
    let message = format!(
        "the window is {days} days long, more than a third of the {length} days of its cycle"
    );
    let finding = at
        .finding(Code::KrWindow, message)
        .label("long for its cycle");
    Some(finding.help(format!("ask about at most {third} days")))
}
