//! Wilson: between which shares the true one plausibly lies when `k` of `n` were counted. Formula: the OKR method,
//! "Forecast of the final value". Knows no key result.

/// z of the range.
const Z: f64 = 1.96;

/// The range of the share `k / n`, both ends within 0 to 1. `None` when nothing was counted (n = 0) and when the two
/// are no counts.
#[must_use]
pub fn wilson(k: f64, n: f64) -> Option<(f64, f64)> {
    if !(n > 0.0 && n.is_finite() && (0.0..=n).contains(&k)) {
        return None;
    }
    let (share, z2) = (k / n, Z * Z);
    let middle = (share + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = Z * (share * (1.0 - share) / n + z2 / (4.0 * n * n)).sqrt() / (1.0 + z2 / n);
    Some(((middle - half).max(0.0), (middle + half).min(1.0)))
}

/// Whether `k` of `n` are too few events to judge: the range of their share is wider than `distance`, which is how far
/// the share lies from its target. Nothing counted is too few.
#[must_use]
pub fn too_few_events(k: f64, n: f64, distance: f64) -> bool {
    wilson(k, n).is_none_or(|(low, high)| high - low > distance.abs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// k, n, the range.
    #[test]
    fn ranges_match_the_vectors() {
        for (k, n, low, high) in [
            (12.0, 200.0, 0.0347, 0.1019),
            (120.0, 2000.0, 0.0504, 0.0713),
            (0.0, 30.0, 0.0, 0.1135),
        ] {
            let found = wilson(k, n).unwrap();
            let close = |found: f64, expected: f64| (found - expected).abs() < 5e-5;
            assert!(
                close(found.0, low) && close(found.1, high),
                "{k}/{n}: {found:?}"
            );
        }
    }

    #[test]
    fn nothing_counted_has_no_range() {
        for (k, n) in [
            (0.0, 0.0),
            (3.0, 2.0),
            (-1.0, 2.0),
            (f64::NAN, 2.0),
            (1.0, f64::INFINITY),
        ] {
            assert_eq!(wilson(k, n), None, "{k}/{n}");
        }
    }

    /// 12 of 200 may be 3.5 or 10.2 %: a target of 8 % lies within, ten times as many events tell it apart.
    #[test]
    fn few_events_cannot_be_judged() {
        assert!(too_few_events(12.0, 200.0, 0.08 - 0.06));
        assert!(!too_few_events(1200.0, 20_000.0, 0.08 - 0.06));
        assert!(too_few_events(0.0, 0.0, 0.5));
    }

    proptest! {
        #[test]
        fn a_range_holds_its_share((k, n) in (1_u32..1_000_000).prop_flat_map(|n| (0..=n, Just(n)))) {
            let (k, n) = (f64::from(k), f64::from(n));
            let (low, high) = wilson(k, n).unwrap();
            let share = k / n;
            prop_assert!(low <= share + 1e-12 && share <= high + 1e-12, "{low} {share} {high}");
            prop_assert!((0.0..=1.0).contains(&low) && (0.0..=1.0).contains(&high));
        }
    }
}
