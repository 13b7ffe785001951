//! Roll-up: many shares become one. A weighted mean of what is known, clamped before it is averaged, so that
//! overshoot hides nothing and regress subtracts nothing. Formulas: the OKR method, "Roll-up". Knows no key result.

use super::share::clamped;

/// Whether a key result counts in its objective or guards it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// Counts with its weight.
    #[default]
    Contributes,
    /// Weight 0; breached, it caps the objective's status.
    Guardrail,
}

impl Role {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Contributes => "contributes",
            Self::Guardrail => "guardrail",
        }
    }
}

/// What goes into a roll-up: a key result, or a child objective that contributes (weight 1).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Part {
    /// Its weight; 0 or less counts for nothing, as a guardrail does.
    pub weight: f64,
    /// Its share, clamped or not; `None` when not known.
    pub share: Option<f64>,
}

/// What comes out of a roll-up.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RollUp {
    /// The weighted mean, 0 to 1; `None` when nothing is known or nothing counts.
    pub share: Option<f64>,
    /// The share of the weights that is known, 0 to 1; 0 when nothing counts.
    pub coverage: f64,
}

/// What becomes of a part that is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// Left out: the mean is over what is known. So it is while the cycle runs.
    LeftOut,
    /// Counted as 0, if anything is known at all. So it is once the cycle is closed.
    IsZero,
}

/// `Σ w·share / Σ w` over the parts that are known and weigh more than 0; weights need no particular sum.
#[must_use]
pub fn roll_up(parts: &[Part], missing: Missing) -> RollUp {
    let weighs = |part: &&Part| part.weight > 0.0 && part.weight.is_finite();
    // Weights relative to the largest: no sum of them can overflow.
    let largest = parts
        .iter()
        .filter(weighs)
        .map(|p| p.weight)
        .fold(0.0, f64::max);
    let (mut all, mut known, mut sum) = (0.0, 0.0, 0.0);
    for part in parts.iter().filter(weighs) {
        let weight = part.weight / largest;
        all += weight;
        if let Some(share) = part.share.filter(|share| !share.is_nan()) {
            known += weight;
            sum += weight * clamped(share);
        }
    }
    if known <= 0.0 {
        return RollUp::default();
    }
    let over = match missing {
        Missing::LeftOut => known,
        Missing::IsZero => all,
    };
    RollUp {
        share: Some(clamped(sum / over)),
        coverage: clamped(known / all),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parts(parts: &[(f64, Option<f64>)]) -> Vec<Part> {
        let part = |&(weight, share)| Part { weight, share };
        parts.iter().map(part).collect()
    }

    /// Parts (weight, raw progress), what becomes of missing ones, mean, coverage.
    #[test]
    fn roll_ups_match_the_vectors() {
        use Missing::{IsZero, LeftOut};
        type Row<'a> = (&'a [(f64, Option<f64>)], Missing, Option<f64>, f64);
        let rows: [Row<'_>; 11] = [
            (
                &[(1.0, Some(0.75)), (1.0, Some(0.5)), (1.0, Some(-0.1))],
                LeftOut,
                Some(0.416_666_7),
                1.0,
            ),
            (
                &[(1.0, Some(1.4)), (1.0, Some(0.2))],
                LeftOut,
                Some(0.6),
                1.0,
            ),
            (
                &[(2.0, Some(0.5)), (1.0, Some(2.0 / 3.0)), (1.0, Some(0.4))],
                LeftOut,
                Some(0.516_666_7),
                1.0,
            ),
            // Key results .27 and .18 and a child objective .73.
            (
                &[(1.0, Some(0.27)), (1.0, Some(0.18)), (1.0, Some(0.73))],
                LeftOut,
                Some(0.393_333_3),
                1.0,
            ),
            // Weighted by the size of the target, and equally.
            (
                &[
                    (100_000.0, Some(0.5)),
                    (20_000.0, Some(1.0)),
                    (1_000.0, Some(1.0)),
                ],
                LeftOut,
                Some(0.586_776_9),
                1.0,
            ),
            (
                &[(1.0, Some(0.5)), (1.0, Some(1.0)), (1.0, Some(1.0))],
                LeftOut,
                Some(0.833_333_3),
                1.0,
            ),
            (
                &[(1.0, Some(0.8)), (1.0, Some(0.4)), (1.0, None)],
                LeftOut,
                Some(0.6),
                0.666_666_7,
            ),
            (
                &[(1.0, Some(0.8)), (1.0, Some(0.4)), (1.0, None)],
                IsZero,
                Some(0.4),
                0.666_666_7,
            ),
            // The worked example with its visitors never measured.
            (
                &[(1.0, Some(0.75)), (1.0, Some(0.5)), (1.0, None)],
                LeftOut,
                Some(0.625),
                0.666_666_7,
            ),
            // All weights 0; nothing known.
            (&[(0.0, Some(0.8)), (0.0, Some(0.4))], LeftOut, None, 0.0),
            (&[(1.0, None), (1.0, None)], IsZero, None, 0.0),
        ];
        for (given, missing, share, coverage) in rows {
            let found = roll_up(&parts(given), missing);
            assert!(
                (found.coverage - coverage).abs() < 1e-6,
                "{given:?}: {found:?}"
            );
            match share {
                Some(share) => assert!(
                    (found.share.unwrap() - share).abs() < 1e-6,
                    "{given:?}: {found:?}"
                ),
                None => assert_eq!(found.share, None, "{given:?}"),
            }
        }
        assert_eq!(roll_up(&[], LeftOut), RollUp::default());
    }

    #[test]
    fn a_guardrail_weighs_nothing() {
        let with = parts(&[(1.0, Some(0.5)), (0.0, Some(0.0)), (0.0, None)]);
        let without = parts(&[(1.0, Some(0.5))]);
        assert_eq!(
            roll_up(&with, Missing::IsZero),
            roll_up(&without, Missing::IsZero)
        );
    }

    fn part() -> impl Strategy<Value = Part> {
        let weight = prop_oneof![0.0..10.0, Just(0.0), Just(-1.0), any::<f64>()];
        let share = prop::option::of(prop_oneof![-2.0..2.0, any::<f64>()]);
        (weight, share).prop_map(|(weight, share)| Part { weight, share })
    }

    fn close(a: RollUp, b: RollUp) -> bool {
        let near = |a: f64, b: f64| (a - b).abs() < 1e-9;
        a.share.is_some() == b.share.is_some()
            && near(a.share.unwrap_or(0.0), b.share.unwrap_or(0.0))
            && near(a.coverage, b.coverage)
    }

    proptest! {
        #[test]
        fn shares_are_shares(parts in prop::collection::vec(part(), 0..8), zero: bool) {
            let missing = if zero { Missing::IsZero } else { Missing::LeftOut };
            let found = roll_up(&parts, missing);
            prop_assert!((0.0..=1.0).contains(&found.coverage));
            prop_assert!(found.share.is_none_or(|s| (0.0..=1.0).contains(&s)));
        }

        /// Between the least and the most of what is known; of parts that are shares, for others are clamped first.
        #[test]
        fn a_roll_up_lies_between_its_parts(parts in prop::collection::vec(part(), 1..8)) {
            let known = parts.iter().filter(|part| part.weight > 0.0 && part.weight.is_finite());
            let known: Vec<f64> = known.filter_map(|part| part.share).map(clamped).collect();
            let least = known.iter().copied().fold(f64::INFINITY, f64::min);
            let most = known.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            if let Some(share) = roll_up(&parts, Missing::LeftOut).share {
                prop_assert!((least - 1e-12..=most + 1e-12).contains(&share), "{share} of {known:?}");
            }
        }

        /// Clamping one part never raises the whole: what lies beyond the target counts as the target.
        #[test]
        fn what_lies_beyond_the_target_adds_nothing(
            parts in prop::collection::vec(part(), 1..8), at in any::<prop::sample::Index>(), beyond in 1.0..1e9,
        ) {
            let with = |share: f64| {
                let mut parts = parts.clone();
                at.get_mut(&mut parts).share = Some(share);
                roll_up(&parts, Missing::LeftOut)
            };
            prop_assert_eq!(with(beyond), with(1.0));
            prop_assert_eq!(with(1.0 - beyond), with(0.0));
        }

        #[test]
        fn order_does_not_matter(
            (given, mixed) in prop::collection::vec(part(), 0..8)
                .prop_flat_map(|parts| (Just(parts.clone()), Just(parts).prop_shuffle())),
        ) {
            prop_assert!(close(roll_up(&given, Missing::LeftOut), roll_up(&mixed, Missing::LeftOut)));
        }

        #[test]
        fn at_close_losing_a_value_never_raises_the_score(
            parts in prop::collection::vec(part(), 1..8), at in any::<prop::sample::Index>(),
        ) {
            let mut fewer = parts.clone();
            at.get_mut(&mut fewer).share = None;
            let (whole, less) = (roll_up(&parts, Missing::IsZero), roll_up(&fewer, Missing::IsZero));
            prop_assert!(less.share.unwrap_or(0.0) <= whole.share.unwrap_or(0.0) + 1e-12);
            prop_assert!(less.coverage <= whole.coverage + 1e-12);
        }

        #[test]
        fn at_close_a_missing_value_is_worth_no_more_than_while_open(parts in prop::collection::vec(part(), 0..8)) {
            let (open, closed) = (roll_up(&parts, Missing::LeftOut), roll_up(&parts, Missing::IsZero));
            prop_assert!(closed.share.unwrap_or(0.0) <= open.share.unwrap_or(0.0) + 1e-12);
            prop_assert_eq!(open.share.is_some(), closed.share.is_some());
        }
    }
}
