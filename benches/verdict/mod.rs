//! How a benchmark speaks: one line for each figure with its baseline and its bound, and an error at the end if one
//! was missed. Knows nothing of what is measured.

use std::process::ExitCode;
use std::time::Duration;

/// All figures of one benchmark.
#[derive(Default)]
pub(crate) struct Verdict {
    missed: usize,
}

impl Verdict {
    /// A figure that is only told.
    #[expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
    pub(crate) fn tell(&self, what: &str, figure: &str) {
        println!("       {what:<66} {figure}");
    }

    /// A figure that must stay below a bound, both in the same unit.
    #[expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
    pub(crate) fn below(&mut self, what: &str, found: f64, bound: f64, unit: &str) {
        let kept = found < bound;
        let word = if kept { "ok    " } else { "MISSED" };
        println!("{word} {what:<66} {found:.2} {unit}, bound {bound} {unit}");
        self.missed += usize::from(!kept);
    }

    /// What the process ends with.
    pub(crate) fn end(self) -> ExitCode {
        if self.missed == 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }
}

/// In milliseconds.
pub(crate) fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// The value below which `part` of all others lie.
pub(crate) fn quantile(times: &mut [Duration], part: f64) -> Duration {
    times.sort();
    let last = times.len() - 1;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a place in a short list"
    )]
    let place = (last as f64 * part).round() as usize;
    times[place.min(last)]
}
