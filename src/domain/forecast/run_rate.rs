//! Run-rate: what a flow comes to at the end when it goes on as it did on average. Formula: the OKR method, "Forecast
//! of the final value". Knows no samples and no clock.

/// The share below which a run-rate tells nothing yet.
const LEAST_SHARE: f64 = 0.1;

/// `b + (v − b) / share`, in the unit of the value. `share` is the part of the flow that is usually made by now: the
/// planned share q, or where an earlier cycle went to by the same time.
///
/// `None` below a share of 0.1, and when the outcome is no finite number. Misleading for work that is loaded towards the
/// end.
#[must_use]
pub fn run_rate(baseline: f64, value: f64, share: f64) -> Option<f64> {
    let at_end = baseline + (value - baseline) / share;
    (share >= LEAST_SHARE && at_end.is_finite()).then_some(at_end)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// b, v, share, value at the end.
    #[test]
    fn run_rates_match_the_vectors() {
        for (b, v, share, expected) in [
            (640.0, 780.0, 42.0 / 90.0, 940.0),
            (0.0, 300.0, 0.42, 714.285_714_3),
            (0.0, 300.0, 0.5, 600.0),
        ] {
            let found = run_rate(b, v, share).unwrap();
            assert!((found - expected).abs() < 1e-6, "{b} {v} {share}: {found}");
        }
    }

    #[test]
    fn too_small_a_share_and_too_large_a_number_tell_nothing() {
        assert_eq!(run_rate(0.0, 5.0, 0.099), None);
        assert_eq!(run_rate(0.0, 5.0, 0.1), Some(50.0));
        assert_eq!(run_rate(0.0, 5.0, f64::NAN), None);
        assert_eq!(run_rate(0.0, f64::MAX, 0.5), None);
    }
}
