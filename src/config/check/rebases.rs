//! Rebases of a key result: from their tables to domain values, and those that cannot be meant. What they mean: the
//! domain's `epoch`.

use jiff::Timestamp;
use jiff::civil::Date;

use super::table::{At, Table};
use crate::config::finding::{Code, Finding, quoted};
use crate::domain::cycle::Cycle;
use crate::domain::goals::KeyResult;
use crate::domain::rebase::Rebase;

/// Fewer digits of a definition might name two.
const LEAST_DIGITS: usize = 8;
/// So many digits has a definition.
const ALL_DIGITS: usize = 16;

/// The rebases of a key result in the order of their days; `definition` is the one in force. One that cannot be meant is left
/// out and has its finding.
pub(super) fn read(
    table: Table<'_>,
    cycle: Option<&Cycle>,
    definition: &str,
    out: &mut Vec<Finding>,
) -> Vec<Rebase> {
    let tables = table.list("rebases");
    let mut found: Vec<(At<'_, Date>, Rebase)> = Vec::new();
    for table in tables.iter().filter_map(At::table) {
        let Some((date, rebase)) = rebase(table, cycle, definition, out) else {
            continue;
        };
        if let Some(finding) = twice(&found, &table, &date, &rebase) {
            out.push(finding);
            continue;
        }
        found.push((date, rebase));
    }
    if !found.is_empty() {
        without_units(table, out);
    }
    let mut rebases: Vec<_> = found.into_iter().map(|(_, rebase)| rebase).collect();
    rebases.sort_by_key(|rebase| rebase.date);
    rebases
}

fn rebase<'a>(
    table: Table<'a>,
    cycle: Option<&Cycle>,
    definition: &str,
    out: &mut Vec<Finding>,
) -> Option<(At<'a, Date>, Rebase)> {
    let date = table.date("date");
    let at = table.instant("at");
    let sound = [
        day_in_cycle(date.as_ref(), cycle, out),
        instant_in_cycle(at.as_ref(), cycle, out),
        from(table, definition, out),
        factor(table, out),
    ];
    let date = date.filter(|_| !sound.contains(&false))?;
    let rebase = Rebase {
        date: date.value,
        old: table.number("old")?.value,
        new: table.number("new")?.value,
        at: at.map(|at| at.value),
        from: table
            .owned("from")
            .map(|digits| digits.to_ascii_lowercase()),
        reason: table.owned("reason").unwrap_or_default(),
        approved_by: table.owned("approved_by").unwrap_or_default(),
    };
    Some((date, rebase))
}

fn day_in_cycle(
    date: Option<&At<'_, Date>>,
    cycle: Option<&Cycle>,
    out: &mut Vec<Finding>,
) -> bool {
    let (Some(date), Some(cycle)) = (date, cycle) else {
        return true;
    };
    let inside = cycle.first_day <= date.value && date.value <= cycle.last_day;
    if !inside {
        let message = format!("the rebase is dated {}, outside its cycle", date.value);
        out.push(date.finding(Code::KrDate, message).help(days_of(cycle)));
    }
    inside
}

fn instant_in_cycle(
    at: Option<&At<'_, Timestamp>>,
    cycle: Option<&Cycle>,
    out: &mut Vec<Finding>,
) -> bool {
    let (Some(at), Some(cycle)) = (at, cycle) else {
        return true;
    };
    let inside = cycle.covers(at.value);
    if !inside {
        let message = format!(
            "both definitions were measured at {}, outside the cycle",
            at.value
        );
        out.push(at.finding(Code::KrDate, message).help(days_of(cycle)));
    }
    inside
}

fn days_of(cycle: &Cycle) -> String {
    let (first, last) = (cycle.first_day, cycle.last_day);
    format!("the cycle goes from {first} to {last}")
}

/// Whether `from` names a definition, and another one than that in force.
fn from(table: Table<'_>, definition: &str, out: &mut Vec<Finding>) -> bool {
    let Some(at) = table.text("from") else {
        return true;
    };
    let digits = at.value.to_ascii_lowercase();
    let finding = if !(LEAST_DIGITS..=ALL_DIGITS).contains(&digits.len())
        || !digits.bytes().all(|b| b.is_ascii_hexdigit())
    {
        let message = format!(
            "`from` is {}, expected {LEAST_DIGITS} to {ALL_DIGITS} hexadecimal digits of the old definition",
            quoted(at.value)
        );
        at.finding(Code::CfgValue, message)
            .help("`okrd rebase` shows the definitions of a key result; without `from` it is the one measured before")
    } else if definition.starts_with(&digits) {
        at.finding(
            Code::CfgValue,
            "`from` is the definition in force, expected an earlier one",
        )
        .help("remove the rebase when the old measure is back, or name the definition before the change")
    } else {
        return true;
    };
    out.push(finding);
    false
}

/// Whether `old` and `new` make a factor.
fn factor(table: Table<'_>, out: &mut Vec<Finding>) -> bool {
    let (Some(old), Some(new)) = (table.number("old"), table.number("new")) else {
        return true;
    };
    for at in [&old, &new] {
        if at.value == 0.0 {
            let finding = at.finding(Code::CfgValue, "a rebase through 0 tells no factor");
            out.push(finding.help(
                "take another instant at which both definitions gave a number, or state a new baseline by an amendment",
            ));
            return false;
        }
    }
    let k = new.value / old.value;
    if k > 0.0 && k.is_normal() {
        return true;
    }
    let message = if k < 0.0 {
        format!(
            "`old` is {} and `new` is {}, expected two numbers of the same sign",
            old.value, new.value
        )
    } else {
        format!("`new` / `old` is {k}, which is no factor that can be counted with")
    };
    let finding = new.finding(Code::CfgValue, message);
    let finding = finding.also(old.file, &old.span, "what the old definition gave");
    out.push(
        finding.help("state a new baseline by an amendment instead: the two cannot be compared"),
    );
    false
}

/// Of two rebases on one day nobody knows which came first, and a definition ends once.
fn twice(
    found: &[(At<'_, Date>, Rebase)],
    table: &Table<'_>,
    date: &At<'_, Date>,
    rebase: &Rebase,
) -> Option<Finding> {
    if let Some((first, _)) = found.iter().find(|(first, _)| first.value == date.value) {
        let message = format!("two rebases are dated {}", date.value);
        let finding = date.finding(Code::CfgDuplicate, message);
        return Some(
            finding
                .also(first.file, &first.span, "the first one")
                .help("keep one of them: one measure a day is enough"),
        );
    }
    let from = rebase.from.as_deref()?;
    let same = |other: &str| other.starts_with(from) || from.starts_with(other);
    let (first, _) = (found.iter()).find(|(_, r)| r.from.as_deref().is_some_and(same))?;
    let at = table.text("from")?;
    let message = format!("two rebases lead on from the definition {}", quoted(from));
    let finding = at.finding(Code::CfgDuplicate, message);
    Some(
        finding
            .also(first.file, &first.span, "the first one")
            .help("name in each the definition that was in force before its day"),
    )
}

/// What has no number in a unit has nothing to carry over.
fn without_units(table: Table<'_>, out: &mut Vec<Finding>) {
    let aim = ["milestones", "boolean"]
        .into_iter()
        .find(|key| table.has(key));
    if let (Some(aim), Some(key)) = (aim, table.key("rebases")) {
        let message = format!("`rebases` of a key result with `{aim}` carries nothing over");
        out.push(key.finding(Code::CfgValue, message).help("remove it"));
    }
}

/// The key result with its agreed numbers carried over; as it was, with a finding, when that leads out of all numbers.
pub(super) fn carry_over(
    key_result: KeyResult,
    table: Table<'_>,
    out: &mut Vec<Finding>,
) -> KeyResult {
    let carried = key_result.carried_over();
    if carried.is_none()
        && let Some(key) = table.key("rebases")
    {
        let message = format!(
            "carried over by {:e}, what was agreed is no longer a finite way or band",
            key_result.factor()
        );
        let finding = key.finding(Code::KrNum, message);
        out.push(finding.help("correct `old` and `new`, or state a new baseline by an amendment"));
    }
    carried.unwrap_or(key_result)
}
