//! Whether a changed aim is easier: whatever the value, it is then at least as much progress as before, and for some value
//! more. Tried out over the values that matter; knows no measured one.

use super::Lean;
use crate::domain::progress::Way;
use crate::domain::target::{Aim, Band, Baseline, Hold, Reach, Target};

/// A baseline to try with where it is still to be measured.
const SOME_BASELINE: f64 = 100.0;
/// How many values are tried between the outermost points of both ways.
const TRIES: u32 = 24;

/// Whether the new aim is easier than the old one.
pub(super) fn lean(old: &Aim, new: &Aim) -> Lean {
    match (old, new) {
        (Aim::Reach(old), Aim::Reach(new)) => ways(old, new),
        (Aim::Hold(old), Aim::Hold(new)) => bands(old, new),
        (Aim::Baseline(old), Aim::Baseline(new)) => of(new < old, new > old),
        _ => Lean::Open,
    }
}

fn of(easier: bool, harder: bool) -> Lean {
    match (easier, harder) {
        (true, false) => Lean::Easier,
        (false, true) => Lean::Harder,
        (false, false) => Lean::Neither,
        (true, true) => Lean::Open,
    }
}

fn ways(old: &Reach, new: &Reach) -> Lean {
    let fixed = |reach: &Reach| match reach.baseline {
        Baseline::Fixed(baseline) => baseline,
        Baseline::First => match (old.baseline, new.baseline) {
            (Baseline::Fixed(b), _) | (_, Baseline::Fixed(b)) => b,
            // Far enough from an absolute target to make a way.
            _ => match (old.target, new.target) {
                (Target::Absolute(t), _) | (_, Target::Absolute(t)) => t / 2.0 - 1.0,
                _ => SOME_BASELINE,
            },
        },
    };
    let way = |reach: &Reach| Way::from(reach, fixed(reach)).ok();
    let (Some(before), Some(after)) = (way(old), way(new)) else {
        return Lean::Open;
    };
    let ends = [
        before.baseline(),
        before.target(),
        after.baseline(),
        after.target(),
    ];
    let low = ends.iter().copied().fold(f64::INFINITY, f64::min);
    let high = ends.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let span = high - low;
    let (mut more, mut less) = (false, false);
    for step in 0..=TRIES {
        // A little beyond both ends, too.
        let value = low - span / 8.0 + span * 1.25 * f64::from(step) / f64::from(TRIES);
        let (was, is) = (before.progress_raw(value), after.progress_raw(value));
        let within = (-1.0..=1.0).contains(&was) || (-1.0..=1.0).contains(&is);
        // Where both say that it is below the baseline, a steeper way only says so louder.
        if !within || (was <= 0.0 && is <= 0.0) || (was >= 1.0 && is >= 1.0) {
            continue;
        }
        more |= is > was + 1e-9;
        less |= is < was - 1e-9;
    }
    let strict = (old.strict && !new.strict, !old.strict && new.strict);
    of(more || strict.0, less || strict.1)
}

fn bands(old: &Hold, new: &Hold) -> Lean {
    let bounds = |band: Band| match band {
        Band::AtLeast(low) => (low, f64::INFINITY),
        Band::AtMost(high) => (f64::NEG_INFINITY, high),
        Band::Between(low, high) => (low, high),
    };
    let ((a, b), (c, d)) = (bounds(old.band), bounds(new.band));
    let easier = c < a || d > b || new.compliance < old.compliance || (old.strict && !new.strict);
    let harder = c > a || d < b || new.compliance > old.compliance || (!old.strict && new.strict);
    match (old.score_by == new.score_by, easier, harder) {
        (false, ..) => Lean::Open,
        (true, easier, harder) => of(easier, harder),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::anchors::Anchors;

    fn to(baseline: f64, target: Target) -> Aim {
        Aim::Reach(Reach::straight(baseline, target))
    }

    #[test]
    fn a_nearer_target_is_easier_whichever_way_it_goes() {
        let absolute = |b, t| to(b, Target::Absolute(t));
        for (old, new, lean_) in [
            (absolute(48e3, 72e3), absolute(48e3, 66e3), Lean::Easier),
            (absolute(48e3, 66e3), absolute(48e3, 72e3), Lean::Harder),
            (absolute(100.0, 60.0), absolute(100.0, 70.0), Lean::Easier),
            (absolute(100.0, 60.0), absolute(100.0, 50.0), Lean::Harder),
            (absolute(0.0, 100.0), absolute(10.0, 100.0), Lean::Harder),
            (absolute(10.0, 100.0), absolute(0.0, 100.0), Lean::Easier),
            (absolute(0.0, 100.0), absolute(0.0, 100.0), Lean::Neither),
            (
                to(48e3, Target::Share(0.5)),
                to(48e3, Target::Share(0.3)),
                Lean::Easier,
            ),
            (
                to(48e3, Target::Share(0.5)),
                absolute(48e3, 72e3),
                Lean::Neither,
            ),
            (absolute(10.0, 100.0), absolute(20.0, 90.0), Lean::Open),
            (absolute(10.0, 100.0), absolute(100.0, 10.0), Lean::Open),
            (absolute(10.0, 100.0), Aim::Done, Lean::Open),
        ] {
            assert_eq!(lean(&old, &new), lean_, "{old:?} {new:?}");
        }
    }

    #[test]
    fn what_is_still_to_be_measured_is_tried_all_the_same() {
        let first = |target| {
            Aim::Reach(Reach {
                baseline: Baseline::First,
                ..Reach::straight(0.0, target)
            })
        };
        let share = |share| first(Target::Share(share));
        assert_eq!(lean(&share(0.3), &share(0.2)), Lean::Easier);
        assert_eq!(lean(&share(-0.3), &share(-0.4)), Lean::Harder);
        let (far, near) = (
            first(Target::Absolute(900.0)),
            first(Target::Absolute(800.0)),
        );
        assert_eq!(lean(&far, &near), Lean::Easier);
    }

    #[test]
    fn strictness_anchors_and_bands_lean_too() {
        let strict = |strict| {
            Aim::Reach(Reach {
                strict,
                ..Reach::straight(0.0, Target::Absolute(10.0))
            })
        };
        assert_eq!(lean(&strict(true), &strict(false)), Lean::Easier);
        let anchored = |middle| {
            let points = [(1000.0, 0.0), (1300.0, middle), (1600.0, 1.0)];
            Aim::Reach(Reach {
                anchors: Some(Anchors::new(&points).unwrap()),
                ..Reach::straight(1000.0, Target::Absolute(1600.0))
            })
        };
        assert_eq!(lean(&anchored(0.7), &anchored(0.5)), Lean::Harder);
        let band = |band, compliance| {
            Aim::Hold(Hold {
                band,
                compliance,
                strict: false,
                score_by: crate::domain::target::ScoreBy::Time,
            })
        };
        let most = |high| band(Band::AtMost(high), 0.9);
        assert_eq!(lean(&most(300.0), &most(350.0)), Lean::Easier);
        let between = |low, high| band(Band::Between(low, high), 0.9);
        assert_eq!(
            lean(&between(18.0, 22.0), &between(19.0, 22.0)),
            Lean::Harder
        );
        assert_eq!(lean(&between(18.0, 22.0), &between(19.0, 23.0)), Lean::Open);
        let least = |share| band(Band::AtLeast(1.0), share);
        assert_eq!(lean(&least(0.9), &least(0.95)), Lean::Harder);
        assert_eq!(lean(&Aim::Baseline(28), &Aim::Baseline(20)), Lean::Easier);
    }
}
