//! Time in a band: each sample holds until the next one, but no longer than it may be believed; the rest is unknown
//! and counts for nothing. Formulas: the OKR method, "Threshold". Knows no clock.

use std::time::Duration;

use jiff::Timestamp;

use super::series::{Point, Series};
use super::target::Hold;

/// How long a value was inside its band, outside of it, or not known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TimeInBand {
    /// Seconds known to be in the band.
    pub inside: f64,
    /// Seconds known to be outside the band.
    pub outside: f64,
    /// Seconds looked at, known or not.
    pub elapsed: f64,
}

impl TimeInBand {
    /// Adds up the time of `samples` from `from` to `until`. A sample from before `from` still holds into the
    /// stretch; one after `until` is not looked at.
    #[must_use]
    pub fn of(
        hold: &Hold,
        samples: &Series,
        stale_after: Duration,
        from: Timestamp,
        until: Timestamp,
    ) -> Self {
        let seconds = |t: Timestamp| t.duration_since(from).as_secs_f64();
        let end = seconds(until).max(0.0);
        let points = samples.points();
        let points = points
            .get(..points.partition_point(|p| p.as_of <= until))
            .unwrap_or_default();
        // Only the newest sample before the stretch can reach into it.
        let first = points
            .partition_point(|p| p.as_of <= from)
            .saturating_sub(1);
        let points = points.get(first..).unwrap_or_default();

        let believed_until = |p: &Point| seconds(p.as_of) + stale_after.as_secs_f64();
        let mut time = Self {
            inside: 0.0,
            outside: 0.0,
            elapsed: end,
        };
        for (i, point) in points.iter().enumerate() {
            let next = points.get(i + 1).map_or(end, |p| seconds(p.as_of));
            let held_until = next.min(believed_until(point));
            let held = (held_until - seconds(point.as_of).max(0.0)).max(0.0);
            if hold.contains(point.value) {
                time.inside += held;
            } else {
                time.outside += held;
            }
        }
        time
    }

    /// `in / (in + out)`: the share of known time in the band. `None` when no time is known.
    #[must_use]
    pub fn compliance(&self) -> Option<f64> {
        let known = self.inside + self.outside;
        (known > 0.0).then(|| self.inside / known)
    }

    /// `known / elapsed`; `None` before any time has passed.
    #[must_use]
    pub fn coverage(&self) -> Option<f64> {
        (self.elapsed > 0.0).then(|| ((self.inside + self.outside) / self.elapsed).min(1.0))
    }

    /// `1 − out / allowed`, where `allowed = (1 − c*) · cycle` is the time that may be spent outside: 1 is untouched,
    /// 0 or less is spent. When none is allowed it is 1 until the first second outside, then 0.
    #[must_use]
    pub fn budget_left(&self, compliance: f64, cycle: Duration) -> f64 {
        let allowed = (1.0 - compliance) * cycle.as_secs_f64();
        if allowed > 0.0 {
            1.0 - self.outside / allowed
        } else if self.outside > 0.0 {
            0.0
        } else {
            1.0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::target::{Band, ScoreBy};
    use proptest::prelude::*;

    const DAY: i64 = 86_400;

    fn day(day: f64) -> Timestamp {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            reason = "small"
        )]
        Timestamp::from_second((day * DAY as f64) as i64).unwrap()
    }

    fn days(n: u64) -> Duration {
        Duration::from_secs(n * DAY.unsigned_abs())
    }

    fn at_most(limit: f64) -> Hold {
        Hold {
            band: Band::AtMost(limit),
            strict: false,
            compliance: Hold::DEFAULT_COMPLIANCE,
            score_by: ScoreBy::Time,
        }
    }

    fn series(samples: &[(f64, f64)]) -> Series {
        let point = |&(at, value)| Point {
            as_of: day(at),
            value,
        };
        samples.iter().map(point).collect()
    }

    /// at_most 300; day 0: 250, day 2: 320, day 5: 280; now day 10 of 90.
    /// stale_after in days, in, out, compliance, coverage, progress.
    #[test]
    fn time_in_band_matches_the_vectors() {
        let samples = series(&[(0.0, 250.0), (2.0, 320.0), (5.0, 280.0)]);
        for (stale_after, inside, outside, compliance, coverage, progress) in [
            (90, 7.0, 3.0, 0.7, 1.0, 0.077_777_8),
            (3, 5.0, 3.0, 0.625, 0.8, 0.069_444_4),
        ] {
            let time = TimeInBand::of(
                &at_most(300.0),
                &samples,
                days(stale_after),
                day(0.0),
                day(10.0),
            );
            let close = |a: f64, b: f64| (a - b).abs() < 1e-6;
            assert!(close(time.inside, inside * 86_400.0), "{time:?}");
            assert!(close(time.outside, outside * 86_400.0), "{time:?}");
            assert!(close(time.compliance().unwrap(), compliance), "{time:?}");
            assert!(close(time.coverage().unwrap(), coverage), "{time:?}");
            assert!(close(time.compliance().unwrap() * 10.0 / 90.0, progress));
        }
    }

    fn outside(days: f64) -> TimeInBand {
        TimeInBand {
            inside: 0.0,
            outside: days * 86_400.0,
            elapsed: 90.0 * 86_400.0,
        }
    }

    /// 90 days: c*, days outside, budget left.
    #[test]
    fn the_budget_matches_the_vectors() {
        for (compliance, burned, left) in [
            (0.9, 3.0, 0.666_666_7),
            (0.9, 7.0, 0.222_222_2),
            (0.9, 0.0, 1.0),
            (0.9, 9.0, 0.0),
            (0.9, 9.5, -0.055_555_6),
            (1.0, 0.0, 1.0),
            (1.0, 0.5, 0.0),
        ] {
            let found = outside(burned).budget_left(compliance, days(90));
            assert!(
                (found - left).abs() < 1e-6,
                "{compliance} {burned}: {found}"
            );
        }
    }

    #[test]
    fn time_without_a_sample_is_unknown() {
        let of = |samples: &[(f64, f64)], stale, now| {
            TimeInBand::of(
                &at_most(300.0),
                &series(samples),
                days(stale),
                day(10.0),
                day(now),
            )
        };
        let none = of(&[], 3, 20.0);
        assert_eq!((none.compliance(), none.coverage()), (None, Some(0.0)));
        // Half the time has passed before the first sample.
        let late = of(&[(15.0, 1.0)], 30, 20.0);
        assert_eq!((late.compliance(), late.coverage()), (Some(1.0), Some(0.5)));
        // A sample from before the start holds into the stretch for as long as it is believed.
        let early = of(&[(5.0, 1.0), (9.0, 999.0)], 3, 20.0);
        assert_eq!(
            (early.compliance(), early.coverage()),
            (Some(0.0), Some(0.2))
        );
        // One that was over before the start says nothing.
        let over = of(&[(2.0, 1.0)], 3, 20.0);
        assert_eq!((over.compliance(), over.coverage()), (None, Some(0.0)));
        // What lies after the end of the stretch is not looked at.
        assert_eq!(
            of(&[(12.0, 1.0), (21.0, 999.0)], 90, 20.0).compliance(),
            Some(1.0)
        );
        // The first sample, this very moment: no time is known yet, so nothing is a share of it.
        let first = of(&[(20.0, 1.0)], 3, 20.0);
        assert_eq!((first.compliance(), first.coverage()), (None, Some(0.0)));
        // Before the start nothing has passed.
        let pending = of(&[(1.0, 1.0)], 3, 2.0);
        assert_eq!((pending.elapsed, pending.coverage()), (0.0, None));
        assert_eq!(pending.compliance(), None);
        assert_eq!(pending.budget_left(0.9, days(90)), 1.0);
    }

    proptest! {
        #[test]
        fn shares_are_shares(
            samples in prop::collection::vec((0.0..100.0, -10.0..10.0), 0..30),
            stale in 0_u64..200, from in 0.0..100.0, until in 0.0..100.0,
        ) {
            let time = TimeInBand::of(&at_most(0.0), &series(&samples), days(stale), day(from), day(until));
            prop_assert!(time.inside >= 0.0 && time.outside >= 0.0);
            prop_assert!(time.inside + time.outside <= time.elapsed + 1e-3);
            prop_assert!(time.compliance().is_none_or(|c| (0.0..=1.0).contains(&c)));
            prop_assert!(time.coverage().is_none_or(|c| (0.0..=1.0).contains(&c)));
            prop_assert!(time.budget_left(0.9, days(90)) <= 1.0);
        }

        #[test]
        fn doubting_samples_earlier_only_lowers_coverage(
            samples in prop::collection::vec((0.0..100.0, -10.0..10.0), 0..30), stale in 0_u64..100,
        ) {
            let of = |stale| {
                TimeInBand::of(&at_most(0.0), &series(&samples), days(stale), day(0.0), day(100.0)).coverage()
            };
            prop_assert!(of(stale) <= of(stale + 1));
        }
    }
}
