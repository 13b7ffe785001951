//! What a key result aims for: from its keys to a way to go or a band to hold, and the ways that lead nowhere.
//! Formulas and their reasons: the domain's `target`.

use toml::de::DeValue;

use super::points;
use super::table::{At, Table, number};
use crate::config::finding::{Code, Finding, Rests, quoted};
use crate::domain::cycle::Cycle;
use crate::domain::plan::Plan;
use crate::domain::target::{Aim, Band, Baseline, Hold, Reach, ScoreBy, Target, TargetError};

const BANDS: [&str; 3] = ["at_most", "at_least", "between"];
/// The other aims that need no baseline and target.
const OTHERS: [&str; 4] = ["anchors", "milestones", "boolean", "baseline_days"];

/// Reads the aim of a key result and its plan, if it has one; `None` when the aim has its finding.
pub(super) fn aim(
    table: Table<'_>,
    cycle: Option<&Cycle>,
    out: &mut Vec<Finding>,
) -> Option<(Aim, Option<Plan>)> {
    let forms = BANDS.into_iter().chain(OTHERS);
    let forms: Vec<_> = forms.filter(|key| table.has(key)).collect();
    let ways: Vec<_> = ["baseline", "target"]
        .into_iter()
        .filter(|key| table.has(key))
        .collect();
    let aim = match (forms.as_slice(), ways.as_slice()) {
        ([], _) => Aim::Reach(reach(table, out)?),
        (["anchors"], []) => Aim::Reach(anchored(table, out)?),
        (["milestones"], []) => Aim::Milestones(points::milestones(table, cycle, out)?),
        (["boolean"], []) => so_or_not(table, out)?,
        (["baseline_days"], []) => collected(table, out)?,
        ([band], []) => Aim::Hold(hold(table, band, out)?),
        ([first, ..], _) => {
            exclusive(table, first, &forms, &ways, out);
            return None;
        }
    };
    let unused: &[&str] = match aim {
        Aim::Hold(_) => &["plan"],
        Aim::Reach(_) => &["compliance", "score_by"],
        _ => &["plan", "compliance", "score_by", "strict"],
    };
    without_effect(table, unused, out);
    let plan = match &aim {
        Aim::Reach(reach) => points::plan(table, reach, cycle, out),
        _ => None,
    };
    Some((aim, plan))
}

fn exclusive(table: Table<'_>, first: &str, forms: &[&str], ways: &[&str], out: &mut Vec<Finding>) {
    let all: Vec<_> = forms
        .iter()
        .chain(ways)
        .map(|key| format!("`{key}`"))
        .collect();
    let message = format!("{} exclude each other", all.join(" and "));
    let finding = match table.key(first) {
        Some(key) => key.finding(Code::CfgValue, message),
        None => table.finding(Code::CfgValue, message),
    };
    let other = forms.iter().any(|form| OTHERS.contains(form));
    out.push(finding.help(if other {
        "a key result has one aim: baseline and target, or one of anchors, milestones, boolean, baseline_days, at_most, at_least, between"
    } else {
        "a level to hold has at_most, at_least or between alone; a way to go has baseline and target"
    }));
}

/// Keys that mean nothing for this aim.
fn without_effect(table: Table<'_>, keys: &[&str], out: &mut Vec<Finding>) {
    for key in keys.iter().filter_map(|key| table.key(key)) {
        let owner = match key.value {
            "plan" => "baseline and target, or to anchors",
            "strict" => "a target or a band",
            _ => "at_most, at_least or between",
        };
        let message = format!("`{}` belongs to {owner}", key.value);
        out.push(key.finding(Code::CfgValue, message).help("remove it"));
    }
}

/// A way whose values stand for agreed shares.
fn anchored(table: Table<'_>, out: &mut Vec<Finding>) -> Option<Reach> {
    let anchors = points::anchors(table, out)?;
    Some(Reach {
        strict: table.flag("strict").unwrap_or(false),
        anchors: Some(anchors.clone()),
        ..Reach::straight(anchors.baseline(), Target::Absolute(anchors.target()))
    })
}

fn so_or_not(table: Table<'_>, out: &mut Vec<Finding>) -> Option<Aim> {
    if table.flag("boolean")? {
        return Some(Aim::Done);
    }
    let at = table.get("boolean")?;
    let finding = at.finding(Code::CfgValue, "`boolean` is false, which aims for nothing");
    out.push(finding.help("write boolean = true, or another aim"));
    None
}

fn collected(table: Table<'_>, out: &mut Vec<Finding>) -> Option<Aim> {
    let at = table.number("baseline_days")?;
    if at.value >= 1.0 && at.value <= 366.0 && at.value.fract() == 0.0 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a whole number up to 366"
        )]
        return Some(Aim::Baseline(at.value as u32));
    }
    let message = format!(
        "`baseline_days` is {}, expected a whole number of days from 1 to 366",
        at.value
    );
    let finding = at.finding(Code::CfgValue, message);
    out.push(finding.help("write on how many days it must be measured, for example 28"));
    None
}

fn reach(table: Table<'_>, out: &mut Vec<Finding>) -> Option<Reach> {
    for key in ["baseline", "target"]
        .into_iter()
        .filter(|key| !table.has(key))
    {
        let finding = table.finding(Code::KrNum, format!("a key result lacks the key `{key}`"));
        let finding = finding.rests_on(Rests::Table(table.span().start));
        out.push(finding.label(format!("no `{key}` here")).help(
            "give baseline and target (baseline = \"first\" takes the first measurement), or a level to hold: at_most, at_least, between",
        ));
    }
    let reach = Reach {
        baseline: baseline(table)?,
        target: target(&table.get("target")?, out)?,
        strict: table.flag("strict").unwrap_or(false),
        anchors: None,
    };
    judge(table, &reach, out);
    Some(reach)
}

fn baseline(table: Table<'_>) -> Option<Baseline> {
    match table.text("baseline") {
        Some(at) => (at.value == "first").then_some(Baseline::First),
        None => table.number("baseline").map(|at| Baseline::Fixed(at.value)),
    }
}

fn target(at: &At<'_, &DeValue<'_>>, out: &mut Vec<Finding>) -> Option<Target> {
    if let Some(n) = number(at.value) {
        return n.is_finite().then_some(Target::Absolute(n));
    }
    let text = at.value.as_str()?;
    let parsed = relative(text);
    if parsed.is_none() {
        let message = format!(
            "`target` {} is no change relative to the baseline",
            quoted(text)
        );
        let help = if text.parse::<f64>().is_ok_and(f64::is_finite) && !text.starts_with(['+', '-'])
        {
            "write a plain number without quotes, or a change with its sign, such as \"+30%\""
        } else {
            "write a change with its sign, such as \"+30%\", \"-25%\", \"+150\" or \"+5pp\", or a plain number without quotes"
        };
        out.push(
            at.finding(Code::CfgValue, message)
                .label("sign, number, then % or pp or nothing")
                .help(help),
        );
    }
    parsed
}

/// `+30%`, `-25%`, `+150`, `+5pp`: a sign, a plain decimal number, a unit or none.
pub(super) fn relative(text: &str) -> Option<Target> {
    let number = |digits: &str| {
        let body = digits.strip_prefix(['+', '-'])?;
        let plain = body.len() <= 30
            && body.starts_with(|c: char| c.is_ascii_digit())
            && body.ends_with(|c: char| c.is_ascii_digit())
            && body.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        digits
            .parse::<f64>()
            .ok()
            .filter(|n| plain && n.is_finite())
    };
    if let Some(percent) = text.strip_suffix('%') {
        return number(percent).map(|n| Target::Share(n / 100.0));
    }
    number(text.strip_suffix("pp").unwrap_or(text)).map(Target::Plus)
}

/// The faults that show without a measurement.
fn judge(table: Table<'_>, reach: &Reach, out: &mut Vec<Finding>) {
    let Some(at) = table.get("target") else {
        return;
    };
    let fault = match (reach.baseline, reach.target) {
        (Baseline::Fixed(baseline), _) => reach.resolve(baseline).err(),
        (Baseline::First, Target::Share(change) | Target::Plus(change)) if change == 0.0 => {
            Some(TargetError::Flat)
        }
        (Baseline::First, _) => None,
    };
    let finding = match fault {
        None => return,
        Some(TargetError::Flat) => at
            .finding(
                Code::KrFlat,
                "baseline and target are equal, so there is no way to go",
            )
            .label("equal to the baseline")
            .help("set another target, or hold a level with at_most, at_least or between"),
        Some(TargetError::ShareOfNonPositive) => at
            .finding(
                Code::KrRel,
                "the target is a percentage of a baseline that is not above zero",
            )
            .label("a percentage of what?")
            .help("write the target as a plain number, or as a change in units such as \"+150\""),
        Some(TargetError::NotFinite) => at
            .finding(Code::KrNum, "the target is not a finite number")
            .help("write a smaller number"),
    };
    out.push(match table.get("baseline") {
        Some(baseline) => finding.also(baseline.file, &baseline.span, "the baseline"),
        None => finding,
    });
}

fn hold(table: Table<'_>, key: &str, out: &mut Vec<Finding>) -> Option<Hold> {
    let band = match key {
        "at_most" => Band::AtMost(table.number(key)?.value),
        "at_least" => Band::AtLeast(table.number(key)?.value),
        _ => between(table, out)?,
    };
    let compliance = table.number("compliance");
    if let Some(at) = compliance
        .as_ref()
        .filter(|at| !(at.value > 0.0 && at.value <= 1.0))
    {
        let finding = at.finding(
            Code::CfgValue,
            format!(
                "`compliance` is {}, expected a share above 0 up to 1",
                at.value
            ),
        );
        out.push(finding.help("write for example 0.9 for nine days out of ten"));
    }
    Some(Hold {
        band,
        strict: table.flag("strict").unwrap_or(false),
        compliance: compliance.map_or(Hold::DEFAULT_COMPLIANCE, |at| at.value),
        score_by: match table.text("score_by").map(|at| at.value) {
            Some("latest") => ScoreBy::Latest,
            Some("worst") => ScoreBy::Worst,
            _ => ScoreBy::Time,
        },
    })
}

fn between(table: Table<'_>, out: &mut Vec<Finding>) -> Option<Band> {
    let pair = table.list("between");
    let bounds: Vec<f64> = pair
        .iter()
        .filter_map(|at| number(at.value))
        .filter(|n| n.is_finite())
        .collect();
    let &[low, high] = bounds.as_slice() else {
        return None;
    };
    if low >= high {
        let at = table.get("between")?;
        let (why, help) = if low > high {
            ("the lower bound first", "write the lower bound first")
        } else {
            (
                "two different bounds",
                "widen the band, or write at_most or at_least",
            )
        };
        let message = format!("`between` goes from {low} to {high}, expected {why}");
        out.push(at.finding(Code::CfgValue, message).help(help));
    }
    Some(Band::Between(low, high))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_targets_have_a_sign_a_number_and_perhaps_a_unit() {
        for (text, target) in [
            ("+30%", Some(Target::Share(0.3))),
            ("-25%", Some(Target::Share(-0.25))),
            ("+150", Some(Target::Plus(150.0))),
            ("-1.5", Some(Target::Plus(-1.5))),
            ("+5pp", Some(Target::Plus(5.0))),
            ("30%", None),
            ("1000", None),
            ("+", None),
            ("+-3", None),
            ("+1e3", None),
            ("+1,000", None),
            ("+30 %", None),
            ("+inf", None),
            ("+.5", None),
            ("", None),
        ] {
            assert_eq!(relative(text), target, "{text}");
        }
    }
}
