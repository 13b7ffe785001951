//! The settings of the method: from their table to domain values; boundaries that cross each other are findings.

use super::table::{At, Table, number};
use crate::config::finding::{Code, Finding};
use crate::domain::method::Boundaries;
use crate::domain::method::{Method, PaceBy};

/// Reads the table; what has a finding stays as it is when nothing is said.
pub(super) fn method(table: Table<'_>, out: &mut Vec<Finding>) -> Method {
    let pace = match table.text("pace").map(|at| at.value) {
        Some("gap") => PaceBy::Gap,
        _ => PaceBy::Ratio,
    };
    Method {
        pace,
        boundaries: boundaries(table, out),
    }
}

fn boundaries(table: Table<'_>, out: &mut Vec<Finding>) -> Boundaries {
    let usual = Boundaries::default();
    let value = |key: &str| table.number(key).map(|at| at.value);
    let spot: Vec<f64> = table
        .list("sweet_spot")
        .iter()
        .filter_map(|at| number(at.value))
        .collect();
    let spot = <[f64; 2]>::try_from(spot).ok();
    let achieved_at = value("achieved_at");
    let found = Boundaries {
        partial_at: value("partial_at").unwrap_or(usual.partial_at),
        achieved_at: achieved_at
            .or(spot.map(|[from, _]| from))
            .unwrap_or(usual.achieved_at),
        sweet_spot_to: spot.map_or(usual.sweet_spot_to, |[_, to]| to),
        too_easy_at: value("too_easy_at").unwrap_or(usual.too_easy_at),
    };
    if let (Some(achieved), Some([from, _]), Some(at)) =
        (achieved_at, spot, table.get("sweet_spot"))
        && (achieved - from).abs() > f64::EPSILON
    {
        let message =
            format!("the sweet spot begins at {from}, expected `achieved_at`, {achieved}");
        let finding = at
            .finding(Code::CfgValue, message)
            .label("another beginning");
        out.push(finding.help("let both be the same: what lies in the sweet spot is achieved"));
        return usual;
    }
    match crossing(&found) {
        None => found,
        Some((keys, why)) => {
            let at = keys.iter().find_map(|key| table.get(key));
            let finding = match at
                .as_ref()
                .map(|at: &At<'_, _>| at.finding(Code::CfgValue, &why))
            {
                Some(finding) => finding,
                None => table.finding(Code::CfgValue, &why),
            };
            out.push(finding.help("write them in order: 0 < partial_at < achieved_at <= the end of sweet_spot <= 1, and too_easy_at above that end"));
            usual
        }
    }
}

/// The first boundary that does not lie where the one before lets it, with the keys that say so.
fn crossing(found: &Boundaries) -> Option<([&'static str; 2], String)> {
    let Boundaries {
        partial_at,
        achieved_at,
        sweet_spot_to,
        too_easy_at,
    } = *found;
    let told = |keys, why| Some((keys, why));
    if !(partial_at > 0.0 && partial_at < achieved_at) {
        let why = format!(
            "`partial_at` is {partial_at}, expected more than 0 and less than `achieved_at`, {achieved_at}"
        );
        return told(["partial_at", "achieved_at"], why);
    }
    if !(achieved_at <= sweet_spot_to && sweet_spot_to <= 1.0) {
        let why = format!(
            "the sweet spot goes from {achieved_at} to {sweet_spot_to}, expected an end from there up to 1"
        );
        return told(["sweet_spot", "achieved_at"], why);
    }
    if !(too_easy_at > sweet_spot_to && too_easy_at <= 10.0) {
        let why = format!(
            "`too_easy_at` is {too_easy_at}, expected more than the end of the sweet spot, {sweet_spot_to}, up to 10"
        );
        return told(["too_easy_at", "sweet_spot"], why);
    }
    None
}
