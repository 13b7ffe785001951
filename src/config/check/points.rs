//! Plans, anchors and milestones: from their lists to domain values, with every fault that they show by themselves.
//! Knows no other key result.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use toml::de::DeValue;

use super::table::{At, Table, date, number};
use crate::config::finding::{Code, Finding};
use crate::domain::anchors::{Anchors, AnchorsError};
use crate::domain::cycle::Cycle;
use crate::domain::milestones::{Milestone, Milestones};
use crate::domain::plan::Plan;
use crate::domain::target::{Baseline, Reach, Target};

/// Reads the plan of a way; `None` when there is none or it has its finding.
pub(super) fn plan(
    table: Table<'_>,
    reach: &Reach,
    cycle: Option<&Cycle>,
    out: &mut Vec<Finding>,
) -> Option<Plan> {
    let cycle = cycle?;
    let mut points: Vec<(Date, f64)> = Vec::new();
    for at in table.list("plan") {
        let (day, value) = planned(&at)?;
        if day < cycle.first_day || day > day_after(cycle) {
            let message = format!("the plan has a point on {day}, outside its cycle");
            let (first, last) = (cycle.first_day, cycle.last_day);
            let help = format!("the cycle goes from {first} to {last}");
            out.push(at.finding(Code::KrPlan, message).help(help));
            return None;
        }
        if points.last().is_some_and(|(before, _)| *before >= day) {
            let finding = at.finding(
                Code::KrPlan,
                "the points of a plan stand in order of their days",
            );
            out.push(finding.help("put them in order, one for each day"));
            return None;
        }
        points.push((day, value));
    }
    begins_at_baseline(table, reach, cycle, &points, out)?;
    ends_at_target(table, reach, &points, out)?;
    let at = |(day, value): &(Date, f64)| Some((midnight(*day, &cycle.zone)?, *value));
    let points: Option<Vec<_>> = points.iter().map(at).collect();
    points.filter(|points| !points.is_empty()).map(Plan::new)
}

/// With the first day the baseline is due: a plan that says otherwise would jump.
fn begins_at_baseline(
    table: Table<'_>,
    reach: &Reach,
    cycle: &Cycle,
    points: &[(Date, f64)],
    out: &mut Vec<Finding>,
) -> Option<()> {
    let list = table.list("plan");
    let (Baseline::Fixed(baseline), Some((day, first)), Some(at)) =
        (reach.baseline, points.first(), list.first())
    else {
        return Some(());
    };
    if *day != cycle.first_day || is_same(*first, baseline) {
        return Some(());
    }
    let message = format!("the plan begins at {first}, expected the baseline, {baseline}");
    let finding = at
        .finding(Code::KrPlan, message)
        .label("does not begin at the baseline");
    out.push(
        finding.help(
            "leave the first day of the cycle out: the plan begins at the baseline by itself",
        ),
    );
    None
}

/// Whether two numbers that people wrote or that follow from those are meant to be the same.
fn is_same(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * b.abs().max(1.0)
}

/// A plan that ends elsewhere was left behind when the target moved.
fn ends_at_target(
    table: Table<'_>,
    reach: &Reach,
    points: &[(Date, f64)],
    out: &mut Vec<Finding>,
) -> Option<()> {
    let list = table.list("plan");
    let target = match (reach.target, reach.baseline) {
        (Target::Absolute(target), _) => Some(target),
        (_, Baseline::Fixed(baseline)) => reach.resolve(baseline).ok(),
        (_, Baseline::First) => None,
    };
    let (Some(target), Some((_, last)), Some(at)) = (target, points.last(), list.last()) else {
        return Some(());
    };
    if is_same(*last, target) {
        return Some(());
    }
    let message = format!("the plan ends at {last}, expected the target, {target}");
    let finding = at
        .finding(Code::KrPlan, message)
        .label("does not end at the target");
    let finding = match table.get("target") {
        Some(target) => finding.also(target.file, &target.span, "the target"),
        None => finding,
    };
    out.push(finding.help(
        "let its last point be the target, on the day after the last one of the cycle or before",
    ));
    None
}

fn planned(at: &At<'_, &DeValue<'_>>) -> Option<(Date, f64)> {
    match at
        .value
        .as_array()?
        .iter()
        .map(toml::Spanned::get_ref)
        .collect::<Vec<_>>()
        .as_slice()
    {
        [day, value] => Some((date(day)?, number(value).filter(|n| n.is_finite())?)),
        _ => None,
    }
}

fn day_after(cycle: &Cycle) -> Date {
    cycle
        .last_day
        .checked_add(1.day())
        .unwrap_or(cycle.last_day)
}

/// The midnight with which a day begins.
fn midnight(day: Date, zone: &TimeZone) -> Option<Timestamp> {
    let at = zone.to_zoned(day.at(0, 0, 0, 0)).ok()?;
    Some(at.timestamp())
}

/// Reads the anchors of a way; `None` when they have their finding.
pub(super) fn anchors(table: Table<'_>, out: &mut Vec<Finding>) -> Option<Anchors> {
    let pair = |at: &At<'_, &DeValue<'_>>| {
        let list = at.value.as_array()?;
        let pair: Option<Vec<f64>> = list.iter().map(|n| number(n.get_ref())).collect();
        match pair?.as_slice() {
            [value, share] => Some((*value, *share)),
            _ => None,
        }
    };
    let points: Option<Vec<_>> = table.list("anchors").iter().map(pair).collect();
    let found = Anchors::new(&points?);
    let why = match found {
        Ok(anchors) => return Some(anchors),
        Err(AnchorsError::TooFew) => "`anchors` has fewer than two points",
        // Has its finding as a number.
        Err(AnchorsError::NotFinite) => return None,
        Err(AnchorsError::Shares) => "the shares of `anchors` do not rise from 0 to 1",
        Err(AnchorsError::Values) => {
            "the values of `anchors` neither rise all the way nor fall all the way"
        }
    };
    let at = table.get("anchors")?;
    let finding = at.finding(Code::CfgValue, why).label("value, share");
    out.push(finding.help("write for example [[1000, 0], [1200, 0.3], [1600, 1]]: from the baseline at share 0 to the target at share 1"));
    None
}

/// Reads milestones; `None` when they have their finding.
pub(super) fn milestones(
    table: Table<'_>,
    cycle: Option<&Cycle>,
    out: &mut Vec<Finding>,
) -> Option<Milestones> {
    let cycle = cycle?;
    let tables: Vec<_> = table
        .list("milestones")
        .iter()
        .filter_map(At::table)
        .collect();
    if tables.is_empty() {
        let at = table.get("milestones")?;
        let finding = at.finding(
            Code::KrNum,
            "`milestones` is empty, so there is nothing to do",
        );
        out.push(finding.help("add two to five steps, each with a title and the day it is due"));
        return None;
    }
    let steps: Option<Vec<_>> = tables
        .into_iter()
        .map(|step| milestone(step, cycle, out))
        .collect();
    Milestones::new(steps?)
}

fn milestone(step: Table<'_>, cycle: &Cycle, out: &mut Vec<Finding>) -> Option<Milestone> {
    let due = step.date("due");
    if let Some(at) = due
        .as_ref()
        .filter(|at| at.value < cycle.first_day || at.value > cycle.last_day)
    {
        let message = format!("the milestone is due on {}, outside its cycle", at.value);
        let help = format!(
            "the cycle goes from {} to {}",
            cycle.first_day, cycle.last_day
        );
        out.push(at.finding(Code::KrDate, message).help(help));
        return None;
    }
    let weight = step.number("weight");
    if let Some(at) = weight.as_ref().filter(|at| at.value <= 0.0) {
        let message = format!("the milestone weighs {}, expected more than 0", at.value);
        out.push(
            at.finding(Code::KrWeight, message)
                .help("write what it weighs beside the others; 1 is usual"),
        );
        return None;
    }
    // The whole day on which it is due is there to do it.
    let end_of = |day: Date| midnight(day.checked_add(1.day()).ok()?, &cycle.zone);
    Some(Milestone {
        title: step.owned("title")?,
        due: due.and_then(|at| end_of(at.value)),
        weight: weight.map_or(1.0, |at| at.value),
        done: step
            .date("done")
            .and_then(|at| midnight(at.value, &cycle.zone)),
    })
}
