//! What of a measure's answers is believed: bounds, falls, age, and the canary beside it. Reaches no source.

use std::time::Duration;

use super::FilterJudge;
use super::daemon::duration;
use super::measure::measure;
use super::table::{At, Table};
use crate::config::finding::{Code, Finding, Severity};
use crate::config::spec::Canary;
use crate::domain::guard::Guard;
use crate::domain::number::show;

/// Reads the guard of a measure. Data of which the source tells the instant may be as old as the value that they give.
pub(super) fn guard(table: Table<'_>, stale_after: Duration, out: &mut Vec<Finding>) -> Guard {
    let (min, max) = (table.number("min"), table.number("max"));
    if let (Some(min), Some(max)) = (&min, &max)
        && min.value > max.value
    {
        let message = format!(
            "`min` is {}, above `max`, {}: no value could be",
            show(min.value),
            show(max.value)
        );
        let finding = min.finding(Code::CfgValue, message);
        let finding = finding.also(max.file, &max.span, "the highest value");
        out.push(finding.help("exchange the two"));
    }
    let drop = table.number("max_drop_percent");
    if let Some(at) = drop
        .as_ref()
        .filter(|at| !(at.value > 0.0 && at.value <= 100.0))
    {
        let message = format!(
            "`max_drop_percent` is {}, expected more than 0 and no more than 100",
            show(at.value)
        );
        let finding = at.finding(Code::CfgValue, message);
        out.push(
            finding.help("write for example 50: a value below half of the last one is suspect"),
        );
    }
    let allow_zero = table.flag("allow_zero").unwrap_or_default();
    if let (true, Some(min)) = (allow_zero, min.as_ref().filter(|min| min.value > 0.0)) {
        let message = format!(
            "`min` is {}, so 0 is never taken, whatever `allow_zero` says",
            show(min.value)
        );
        let finding = min
            .finding(Code::CfgValue, message)
            .severity(Severity::Warning);
        out.push(finding.help("remove one of the two"));
    }
    let max_age = duration(table, "max_age");
    let tells = table.has("as_of") || table.has("query") && !table.has("value");
    if let (Some(key), false) = (table.key("max_age"), tells) {
        let message = "`max_age` does nothing: nothing tells the instant of the data";
        let finding = key
            .finding(Code::CfgValue, message)
            .severity(Severity::Warning);
        out.push(finding.help("add `as_of`, or remove this key"));
    }
    if let (Some(at), Some(Duration::ZERO)) = (table.get("max_age"), max_age) {
        let finding = at.finding(
            Code::CfgValue,
            "`max_age` is 0, so that all data are too old",
        );
        out.push(finding.help("write a duration such as \"6h\""));
    }
    Guard {
        allow_zero,
        min: min.map(|at| at.value),
        max: max.map(|at| at.value),
        max_drop_percent: drop.map(|at| at.value),
        require_exact: table.flag("require_exact").unwrap_or_default(),
        max_age: Some(max_age.unwrap_or(stale_after)),
    }
}

/// Reads the canary of a measure of a source of this type.
pub(super) fn canary(
    table: Table<'_>,
    kind: &str,
    filters: FilterJudge,
    out: &mut Vec<Finding>,
) -> Option<Canary> {
    let canary = table.table("canary")?;
    let at_least = canary.number("at_least")?;
    if at_least.value <= 0.0 {
        let message = format!(
            "the canary must count at least {}, which nothing at all does too",
            show(at_least.value)
        );
        let finding = at_least.finding(Code::CfgValue, message);
        out.push(finding.help("write what is surely there, such as 1"));
    }
    Some(Canary {
        measure: measure(canary, kind, filters, out)?,
        at_least: at_least.value,
    })
}

/// Says that what a key result aims for could never be measured.
pub(super) fn out_of_reach(key_result: Table<'_>, out: &mut Vec<Finding>) {
    let Some(measure) = key_result.table("measure") else {
        return;
    };
    let (min, max) = (measure.number("min"), measure.number("max"));
    for key in ["baseline", "target", "at_most", "at_least"] {
        let Some(aim) = key_result.number(key) else {
            continue;
        };
        let beyond = |bound: &At<'_, f64>, word: &str| {
            let message = format!(
                "`{key}` is {}, {word} {}: such a value is suspect and never measured",
                show(aim.value),
                show(bound.value)
            );
            let finding = aim.finding(Code::CfgValue, message);
            let finding = finding.also(bound.file, &bound.span, "the bound");
            finding.help("move the bound of the measure")
        };
        let low = min
            .as_ref()
            .filter(|min| aim.value < min.value && key != "at_least");
        let high = max
            .as_ref()
            .filter(|max| aim.value > max.value && key != "at_most");
        out.extend(low.map(|min| beyond(min, "below `min`,")));
        out.extend(high.map(|max| beyond(max, "above `max`,")));
    }
}
