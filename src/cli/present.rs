//! `okrd present`: the slides of a strategy meeting.

use std::path::Path;

use jiff::SignedDuration;

use super::args::PresentArgs;
use super::exit::{Failure, Verdict};
use super::period::{self, Asked, hand_over};
use crate::report::deck::deck;
use crate::report::{Part, Report};

/// Where nothing else is said, people last met a month ago.
const USUAL: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Writes the slides.
///
/// # Errors
/// When the configuration, what is asked for, the store or the file is at fault.
pub fn run(config: Option<&Path>, args: &PresentArgs) -> Result<Verdict, Failure> {
    let period = period::read(
        config,
        &Asked {
            cycle: args.cycle.as_deref(),
            team: None,
            since: args.since.as_deref(),
            until: args.until.as_deref(),
            usual: USUAL,
        },
    )?;
    let material = &period.material;
    let report = Report::new(material, &period.scope);
    let last = period.last.and_then(|name| material.after.cycle(&name));
    let last = last.map(|cycle| Part::new(material, cycle, None));
    let last = last.filter(|part| !part.objectives.is_empty());
    hand_over(&deck(&report, last.as_ref()), args.output.as_deref())?;
    Ok(Verdict::Yes)
}
