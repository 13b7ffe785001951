//! Amendments of a key result: from their tables to domain values, and what two of them, or one and the field it changed,
//! say against each other.

use std::collections::BTreeMap;

use jiff::civil::Date;
use toml::de::DeValue;

use super::aim::relative;
use super::table::{At, Table, date, number};
use crate::config::finding::{Code, Finding, Severity, quoted};
use crate::domain::amendment::{Amendment, Change, Step};
use crate::domain::anchors::Anchors;
use crate::domain::goals::Role;
use crate::domain::target::{Baseline, Target};

/// The amendments of a key result as values. One whose `from` and `to` its field cannot have is left out; it has its finding.
pub(super) fn read(table: Table<'_>) -> Vec<Amendment> {
    let tables = table.list("amendments");
    let tables = tables.iter().filter_map(At::table);
    tables.filter_map(amendment).collect()
}

fn amendment(table: Table<'_>) -> Option<Amendment> {
    Some(Amendment {
        date: table.date("date")?.value,
        change: change(
            table.text("field")?.value,
            table.get("from")?.value,
            table.get("to")?.value,
        )?,
        reason: table.owned("reason").unwrap_or_default(),
        approved_by: table.owned("approved_by").unwrap_or_default(),
    })
}

fn change(field: &str, from: &DeValue<'_>, to: &DeValue<'_>) -> Option<Change> {
    fn step<T>(
        from: &DeValue<'_>,
        to: &DeValue<'_>,
        read: impl Fn(&DeValue<'_>) -> Option<T>,
    ) -> Option<Step<T>> {
        Some(Step {
            from: read(from)?,
            to: read(to)?,
        })
    }
    let plain = |value: &DeValue<'_>| number(value).filter(|n| n.is_finite());
    Some(match field {
        "target" => Change::Target(step(from, to, |value| match value.as_str() {
            Some(text) => relative(text),
            None => plain(value).map(Target::Absolute),
        })?),
        "baseline" => Change::Baseline(step(from, to, |value| match value.as_str() {
            Some(text) => (text == "first").then_some(Baseline::First),
            None => plain(value).map(Baseline::Fixed),
        })?),
        "at_most" => Change::AtMost(step(from, to, plain)?),
        "at_least" => Change::AtLeast(step(from, to, plain)?),
        "between" => Change::Between(step(from, to, |value| {
            let bounds = value.as_array()?;
            let bounds: Vec<f64> = bounds.iter().filter_map(|b| plain(b.get_ref())).collect();
            match bounds.as_slice() {
                &[low, high] if low < high => Some((low, high)),
                _ => None,
            }
        })?),
        "anchors" => Change::Anchors(step(from, to, |value| {
            let pairs = value.as_array()?.iter().map(|pair| {
                let pair: Vec<f64> = pair
                    .get_ref()
                    .as_array()?
                    .iter()
                    .filter_map(|n| plain(n.get_ref()))
                    .collect();
                <[f64; 2]>::try_from(pair)
                    .ok()
                    .map(|[value, share]| (value, share))
            });
            Anchors::new(&pairs.collect::<Option<Vec<_>>>()?).ok()
        })?),
        "baseline_days" => Change::BaselineDays(step(from, to, |value| {
            let days: u32 = value.as_integer()?.as_str().parse().ok()?;
            (days > 0).then_some(days)
        })?),
        "strict" => Change::Strict(step(from, to, |value| value.as_bool())?),
        "compliance" => Change::Compliance(step(from, to, |value| {
            plain(value).filter(|share| *share > 0.0 && *share <= 1.0)
        })?),
        "weight" => Change::Weight(step(from, to, |value| {
            plain(value).filter(|weight| *weight >= 0.0)
        })?),
        "role" => Change::Role(step(from, to, |value| match value.as_str() {
            Some("contributes") => Some(Role::Contributes),
            Some("guardrail") => Some(Role::Guardrail),
            _ => None,
        })?),
        _ => return None,
    })
}

/// Fields that a key result has or has not; the others have a default.
const WITHOUT_DEFAULT: [&str; 9] = [
    "target",
    "baseline",
    "at_most",
    "at_least",
    "between",
    "anchors",
    "plan",
    "baseline_days",
    "milestones",
];

/// Judges the amendments of a key result: each must change something that is there, and the newest one of a field must
/// agree with the field, since two truths are one too many.
pub(super) fn agree(table: Table<'_>, out: &mut Vec<Finding>) {
    let mut newest: BTreeMap<&str, (Date, At<'_, &DeValue<'_>>)> = BTreeMap::new();
    for amendment in table.list("amendments").iter().filter_map(At::table) {
        let Some(field) = amendment.text("field") else {
            continue;
        };
        if WITHOUT_DEFAULT.contains(&field.value) && !table.has(field.value) {
            let message = format!("the key result has no `{}` that was amended", field.value);
            let finding = field.finding(Code::CfgValue, message);
            out.push(
                finding
                    .severity(Severity::Warning)
                    .help("name the field that was changed"),
            );
        }
        let Some(to) = amendment.get("to") else {
            continue;
        };
        out.extend(impossible(&amendment, &field, &to));
        if let Some(from) = amendment.get("from")
            && told(from.value).is_some_and(|from| told(to.value) == Some(from))
        {
            let finding = to.finding(
                Code::CfgValue,
                "the amendment changes nothing: `from` and `to` are equal",
            );
            out.push(
                finding
                    .severity(Severity::Warning)
                    .help("write what it was and what it became, or remove the amendment"),
            );
        }
        if let Some(date) = amendment.date("date")
            && newest
                .get(field.value)
                .is_none_or(|(known, _)| *known <= date.value)
        {
            newest.insert(field.value, (date.value, to));
        }
    }
    for (key, (date, to)) in newest {
        let Some(now) = table.get(key) else { continue };
        let (Some(became), Some(is)) = (told(to.value), told(now.value)) else {
            continue;
        };
        if became != is {
            let message = format!(
                "the amendment of {date} says that `{key}` became {became}, but it is {is}"
            );
            out.push(
                to.finding(Code::CfgValue, message)
                    .severity(Severity::Warning)
                    .also(now.file, &now.span, "what holds")
                    .help("amend the amendment, or add the one that is missing"),
            );
        }
    }
}

/// A warning when an amendment names a value of the right type that its field cannot have: then nobody can tell what was
/// first committed. A wrong type has its finding.
fn impossible(
    amendment: &Table<'_>,
    field: &At<'_, &str>,
    to: &At<'_, &DeValue<'_>>,
) -> Option<Finding> {
    let from = amendment.get("from")?;
    let at = [&from, to].into_iter().find(|at| {
        let right_type = match field.value {
            "target" => at.value.is_str(),
            "compliance" | "weight" => number(at.value).is_some_and(f64::is_finite),
            "baseline_days" => at.value.is_integer(),
            "anchors" => at.value.is_array(),
            "between" => at.value.as_array().is_some_and(|pair| {
                pair.len() == 2 && pair.iter().all(|n| number(n.get_ref()).is_some())
            }),
            _ => false,
        };
        right_type && change(field.value, at.value, at.value).is_none()
    })?;
    let found = told(at.value)?;
    let message = format!(
        "`{}` cannot be {found}, so nobody can tell what was first committed",
        field.value
    );
    let finding = at
        .finding(Code::CfgValue, message)
        .severity(Severity::Warning);
    Some(finding.help("write `from` and `to` as the field itself is written"))
}

/// A value as messages tell it, equal values alike; `None` for what no field can be.
pub(super) fn told(value: &DeValue<'_>) -> Option<String> {
    if let Some(n) = number(value) {
        return Some(n.to_string());
    }
    if let Some(flag) = value.as_bool() {
        return Some(flag.to_string());
    }
    if let Some(day) = date(value) {
        return Some(day.to_string());
    }
    if let Some(list) = value.as_array() {
        let each: Option<Vec<_>> = list.iter().map(|v| told(v.get_ref())).collect();
        return Some(format!("[{}]", each?.join(", ")));
    }
    value.as_str().map(quoted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amendments_are_read_as_their_field_is_written() {
        let read = |field: &str, from: &str, to: &str| {
            let text = format!("from = {from}\nto = {to}");
            let table = toml::de::DeTable::parse(&text).unwrap();
            let value = |key: &str| table.get_ref().get(key).unwrap().get_ref();
            change(field, value("from"), value("to"))
        };
        let step = |from, to| Some(Change::Target(Step { from, to }));
        assert_eq!(
            read("target", "\"+50%\"", "66000"),
            step(Target::Share(0.5), Target::Absolute(66_000.0))
        );
        assert_eq!(
            read("baseline", "\"first\"", "7.5"),
            Some(Change::Baseline(Step {
                from: Baseline::First,
                to: Baseline::Fixed(7.5)
            }))
        );
        assert_eq!(
            read("between", "[1, 2]", "[1, 3]"),
            Some(Change::Between(Step {
                from: (1.0, 2.0),
                to: (1.0, 3.0)
            }))
        );
        assert_eq!(
            read("role", "\"contributes\"", "\"guardrail\""),
            Some(Change::Role(Step {
                from: Role::Contributes,
                to: Role::Guardrail
            }))
        );
        let shares = "[[1000, 0.0], [1300, 0.7], [1600, 1.0]]";
        let anchors = |top| Anchors::new(&[(1000.0, 0.0), (1300.0, 0.7), (top, 1.0)]).unwrap();
        assert_eq!(
            read("anchors", shares, "[[1000, 0.0], [1300, 0.7], [1500, 1.0]]"),
            Some(Change::Anchors(Step {
                from: anchors(1600.0),
                to: anchors(1500.0)
            }))
        );
        for (field, from, to) in [
            ("anchors", shares, "[[1000, 0.0]]"),
            ("anchors", shares, "1"),
            ("baseline_days", "0", "30"),
            ("target", "\"more\"", "1"),
            ("target", "1", "true"),
            ("target", "nan", "1"),
            ("baseline", "\"last\"", "1"),
            ("between", "[2, 1]", "[1, 2]"),
            ("between", "[1]", "[1, 2]"),
            ("strict", "1", "true"),
            ("compliance", "90", "0.9"),
            ("weight", "-1", "1"),
            ("role", "\"owner\"", "\"guardrail\""),
            ("title", "1", "2"),
        ] {
            assert_eq!(read(field, from, to), None, "{field} {from} {to}");
        }
    }
}
