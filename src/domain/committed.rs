//! What was agreed first: a key result with its amendments undone. Knows no file and no samples.

use super::amendment::{Amendment, Change};
use super::goals::{KeyResult, Role};
use super::target::{Aim, Band, Baseline, Target};

impl KeyResult {
    /// The key result as it was first agreed: all amendments undone, the newest first. `None` when there are none. A
    /// change of what the key result no longer has, such as the bound of a band that is now a target, is passed over.
    #[must_use]
    pub fn as_first_committed(&self) -> Option<Self> {
        (!self.amendments.is_empty()).then(|| self.without(&self.amendments))
    }

    /// The key result as it was before these amendments of it: undone, the newest first.
    #[must_use]
    pub fn without(&self, amendments: &[Amendment]) -> Self {
        let mut newest_last: Vec<&Amendment> = amendments.iter().collect();
        // Of one day, what stands later in the file is newer: the sort keeps their order.
        newest_last.sort_by_key(|amendment| amendment.date);
        let mut before = self.clone();
        before.amendments.retain(|own| !amendments.contains(own));
        for amendment in newest_last.into_iter().rev() {
            before.undo(&amendment.change);
        }
        before
    }

    fn undo(&mut self, change: &Change) {
        match (change, &mut self.aim) {
            (Change::Target(step), Aim::Reach(reach)) => reach.target = step.from,
            (Change::Baseline(step), Aim::Reach(reach)) => reach.baseline = step.from,
            (Change::Anchors(step), Aim::Reach(reach)) => {
                reach.baseline = Baseline::Fixed(step.from.baseline());
                reach.target = Target::Absolute(step.from.target());
                reach.anchors = Some(step.from.clone());
            }
            (Change::BaselineDays(step), Aim::Baseline(days)) => *days = step.from,
            (Change::Strict(step), Aim::Reach(reach)) => reach.strict = step.from,
            (Change::Strict(step), Aim::Hold(hold)) => hold.strict = step.from,
            (Change::Compliance(step), Aim::Hold(hold)) => hold.compliance = step.from,
            (Change::AtMost(step), Aim::Hold(hold)) if matches!(hold.band, Band::AtMost(_)) => {
                hold.band = Band::AtMost(step.from);
            }
            (Change::AtLeast(step), Aim::Hold(hold)) if matches!(hold.band, Band::AtLeast(_)) => {
                hold.band = Band::AtLeast(step.from);
            }
            (Change::Between(step), Aim::Hold(hold)) if matches!(hold.band, Band::Between(..)) => {
                hold.band = Band::Between(step.from.0, step.from.1);
            }
            (Change::Weight(step), _) => self.weight = step.from,
            (Change::Role(step), _) => self.undo_role(step.from),
            _ => {}
        }
    }

    fn undo_role(&mut self, was: Role) {
        // A guardrail carries no weight, so what it weighed before is told by an amendment of the weight or was 1.
        if self.role == Role::Guardrail && was == Role::Contributes && self.weight <= 0.0 {
            self.weight = 1.0;
        }
        self.role = was;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::amendment::Step;
    use crate::domain::anchors::Anchors;
    use crate::domain::example::{at_most, guardrail, key_result, reach};
    use crate::domain::target::Reach;
    use jiff::civil::date;
    use proptest::prelude::*;

    fn on(day: i8, change: Change) -> Amendment {
        Amendment {
            date: date(2026, 2, day),
            change,
            reason: "R".into(),
            approved_by: "content team lead".into(),
        }
    }

    fn target(from: f64, to: f64) -> Change {
        Change::Target(Step {
            from: Target::Absolute(from),
            to: Target::Absolute(to),
        })
    }

    fn amended(aim: Aim, amendments: Vec<Amendment>) -> KeyResult {
        KeyResult {
            amendments,
            ..key_result("more/visitors", "", aim)
        }
    }

    fn to(target: Target) -> Aim {
        reach(Baseline::Fixed(48_000.0), target)
    }

    #[test]
    fn with_the_anchors_both_ends_of_the_way_are_undone() {
        let anchors = |top| Anchors::new(&[(1000.0, 0.0), (1300.0, 0.7), (top, 1.0)]).unwrap();
        let way = |top| Reach {
            anchors: Some(anchors(top)),
            ..Reach::straight(1000.0, Target::Absolute(top))
        };
        let change = Change::Anchors(Step {
            from: anchors(1600.0),
            to: anchors(1500.0),
        });
        let kr = amended(Aim::Reach(way(1500.0)), vec![on(2, change)]);
        let first = kr.as_first_committed().unwrap();
        assert_eq!(first.aim, Aim::Reach(way(1600.0)));

        let days = Change::BaselineDays(Step { from: 20, to: 30 });
        let kr = amended(Aim::Baseline(30), vec![on(2, days)]);
        assert_eq!(kr.as_first_committed().unwrap().aim, Aim::Baseline(20));
    }

    #[test]
    fn the_newest_change_is_undone_first_wherever_it_stands() {
        let changes = [
            on(9, target(66_000.0, 60_000.0)),
            on(2, target(72_000.0, 70_000.0)),
            on(5, target(70_000.0, 68_000.0)),
            on(5, target(68_000.0, 66_000.0)),
        ];
        let kr = amended(to(Target::Absolute(60_000.0)), changes.into());
        let first = kr.as_first_committed().unwrap();
        assert_eq!(first.aim, to(Target::Absolute(72_000.0)));
        assert!(first.amendments.is_empty());
        assert_eq!(first.as_first_committed(), None);
        let never = key_result("more/visitors", "", to(Target::Share(0.5)));
        assert_eq!(never.as_first_committed(), None);
    }

    #[test]
    fn every_field_finds_its_way_back() {
        let step = |from, to| Step { from, to };
        let reaching = amended(
            to(Target::Absolute(66_000.0)),
            vec![
                on(
                    1,
                    Change::Target(Step {
                        from: Target::Share(0.5),
                        to: Target::Absolute(66_000.0),
                    }),
                ),
                on(
                    1,
                    Change::Baseline(Step {
                        from: Baseline::First,
                        to: Baseline::Fixed(48_000.0),
                    }),
                ),
                on(
                    1,
                    Change::Strict(Step {
                        from: true,
                        to: false,
                    }),
                ),
                on(1, Change::Weight(step(3.0, 1.0))),
                // Of a band that it is not.
                on(1, Change::AtMost(step(3.0, 1.0))),
            ],
        );
        let first = reaching.as_first_committed().unwrap();
        let Aim::Reach(reach) = first.aim else {
            panic!("a way stays a way");
        };
        assert_eq!(
            (reach.target, reach.baseline),
            (Target::Share(0.5), Baseline::First)
        );
        assert!(reach.strict);
        assert!((first.weight - 3.0).abs() < f64::EPSILON);

        let holding = guardrail(amended(
            at_most(300.0),
            vec![
                on(1, Change::AtMost(step(250.0, 300.0))),
                on(1, Change::Compliance(step(0.95, 0.9))),
                on(
                    1,
                    Change::Role(Step {
                        from: Role::Contributes,
                        to: Role::Guardrail,
                    }),
                ),
            ],
        ));
        let first = holding.as_first_committed().unwrap();
        let Aim::Hold(hold) = first.aim else {
            panic!("a band stays a band");
        };
        assert_eq!(hold.band, Band::AtMost(250.0));
        assert!((hold.compliance - 0.95).abs() < f64::EPSILON);
        assert_eq!(first.role, Role::Contributes);
        assert!((first.weight - 1.0).abs() < f64::EPSILON, "it counted");
    }

    proptest! {
        /// Whatever the order in the file, a chain of changes on different days leads back to its first link.
        #[test]
        fn chains_lead_back(values in prop::collection::vec(1.0..1e6, 2..8).prop_flat_map(|values| {
            let links: Vec<usize> = (0..values.len() - 1).collect();
            (Just(values), Just(links).prop_shuffle())
        })) {
            let (values, links) = values;
            let changes = links.into_iter()
                .map(|i| on(i8::try_from(i + 1).unwrap(), target(values[i], values[i + 1])));
            let kr = amended(to(Target::Absolute(values[values.len() - 1])), changes.collect());
            prop_assert_eq!(kr.as_first_committed().unwrap().aim, to(Target::Absolute(values[0])));
        }
    }
}
