//! Milestones: steps that are done or not, each with its weight and the instant by which it is due. Formulas: the OKR
//! method, "Progress of one KR". Knows no clock: `now` is an argument.

use std::sync::Arc;

use jiff::Timestamp;

/// The steps of a key result, in their order; at least one, their weights above 0. Cheap to clone.
#[derive(Clone, Debug, PartialEq)]
pub struct Milestones(Arc<[Milestone]>);

/// One step.
#[derive(Clone, Debug, PartialEq)]
pub struct Milestone {
    /// What it is.
    pub title: String,
    /// The instant by which it is due; `None` for the end of the cycle.
    pub due: Option<Timestamp>,
    /// What it weighs beside the others, above 0.
    pub weight: f64,
    /// Since when it is done; `None` while it is not.
    pub done: Option<Timestamp>,
}

impl Milestone {
    /// Whether it is done at `now`.
    #[must_use]
    pub fn is_done(&self, now: Timestamp) -> bool {
        self.done.is_some_and(|done| done <= now)
    }
}

impl Milestones {
    /// These steps; `None` when there is none or a weight is not above 0.
    #[must_use]
    pub fn new(steps: Vec<Milestone>) -> Option<Self> {
        let sound = |step: &Milestone| step.weight > 0.0 && step.weight.is_finite();
        (!steps.is_empty() && steps.iter().all(sound)).then(|| Self(steps.into()))
    }

    /// The steps.
    #[must_use]
    pub fn steps(&self) -> &[Milestone] {
        &self.0
    }

    /// How many are done at `now`.
    #[must_use]
    pub fn done(&self, now: Timestamp) -> usize {
        self.0.iter().filter(|step| step.is_done(now)).count()
    }

    /// `Σ weight(done) / Σ weight`, 0 to 1.
    #[must_use]
    pub fn share_done(&self, now: Timestamp) -> f64 {
        self.share(|step| step.is_done(now))
    }

    /// The planned share: the same sum over those due by `now`. What is due at the end is due when the cycle is over.
    #[must_use]
    pub fn share_due(&self, end: Timestamp, now: Timestamp) -> f64 {
        self.share(|step| step.due.unwrap_or(end) <= now)
    }

    fn share(&self, counts: impl Fn(&Milestone) -> bool) -> f64 {
        // Weights relative to the largest: no sum of them can overflow.
        let largest = self.0.iter().map(|step| step.weight).fold(0.0, f64::max);
        let sum = |steps: &mut dyn Iterator<Item = &Milestone>| -> f64 {
            steps.map(|step| step.weight / largest).sum()
        };
        sum(&mut self.0.iter().filter(|step| counts(step))) / sum(&mut self.0.iter()) + 0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::example::day;

    fn step(due: Option<f64>, weight: f64, done: Option<f64>) -> Milestone {
        Milestone {
            title: "step".into(),
            due: due.map(day),
            weight,
            done: done.map(day),
        }
    }

    #[test]
    fn shares_are_weighed_and_follow_the_clock() {
        let steps = vec![
            step(Some(30.0), 1.0, Some(20.0)),
            step(Some(60.0), 2.0, None),
            step(None, 1.0, Some(50.0)),
        ];
        let milestones = Milestones::new(steps).unwrap();
        for (now, done, due) in [
            (10.0, 0.0, 0.0),
            (20.0, 0.25, 0.0),
            (30.0, 0.25, 0.25),
            (60.0, 0.5, 0.75),
            (90.0, 0.5, 1.0),
        ] {
            assert!(
                (milestones.share_done(day(now)) - done).abs() < 1e-9,
                "{now}"
            );
            assert!(
                (milestones.share_due(day(90.0), day(now)) - due).abs() < 1e-9,
                "{now}"
            );
        }
        assert_eq!(
            (milestones.done(day(20.0)), milestones.steps().len()),
            (1, 3)
        );
    }

    #[test]
    fn no_steps_and_weightless_steps_are_none() {
        assert_eq!(Milestones::new(Vec::new()), None);
        for weight in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(
                Milestones::new(vec![step(None, weight, None)]),
                None,
                "{weight}"
            );
        }
        let huge = Milestones::new(vec![
            step(None, f64::MAX, Some(1.0)),
            step(None, f64::MAX, None),
        ])
        .unwrap();
        assert!((huge.share_done(day(2.0)) - 0.5).abs() < 1e-9);
    }
}
