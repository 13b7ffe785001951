//! `okrd report`: a period told as a document.

use std::path::Path;

use jiff::SignedDuration;

use super::args::{ReportArgs, ReportFormat};
use super::exit::{Failure, Verdict};
use super::period::{self, Asked, hand_over};
use crate::report::Report;
use crate::report::html::html;
use crate::report::json::json;
use crate::report::markdown::markdown;

/// Where nothing else is said, a report is that of a week.
const USUAL: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Writes the report.
///
/// # Errors
/// When the configuration, what is asked for, the store or the file is at fault.
pub fn run(config: Option<&Path>, args: &ReportArgs) -> Result<Verdict, Failure> {
    let period = period::read(
        config,
        &Asked {
            cycle: args.cycle.as_deref(),
            team: args.team.as_deref(),
            since: args.since.as_deref(),
            until: args.until.as_deref(),
            usual: USUAL,
        },
    )?;
    let report = Report::new(&period.material, &period.scope);
    let text = match args.format {
        ReportFormat::Markdown => markdown(&report),
        ReportFormat::Html => html(&report),
        ReportFormat::Json => json(&report),
    };
    hand_over(&text, args.output.as_deref())?;
    Ok(Verdict::Yes)
}
