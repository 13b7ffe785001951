//! What is done step by step, or at once: milestones, and what is so or not.

use super::sight::{Figures, Sight};
use crate::domain::method::Terms;
use crate::domain::milestones::Milestones;
use crate::domain::progress::{at_least, pace};
use crate::domain::status::Standing;
use crate::domain::target::Direction;

impl Sight<'_> {
    /// Steps done and due, by their weights.
    pub(super) fn milestones(&self, milestones: &Milestones, terms: Terms) -> Figures {
        let raw = milestones.share_done(self.until);
        let planned = milestones.share_due(self.cycle.end(), self.until);
        #[expect(clippy::cast_precision_loss, reason = "a count of what people wrote")]
        let all = milestones.steps().len() as f64;
        Figures {
            baseline: Some(0.0),
            target: Some(all),
            ..self.stepwise(raw, planned, terms)
        }
    }

    /// So or not, and due at the end.
    pub(super) fn done(&self, terms: Terms) -> Figures {
        let planned = if self.elapsed < 1.0 { 0.0 } else { 1.0 };
        match self.believed() {
            Some(value) => Figures {
                baseline: Some(0.0),
                target: Some(1.0),
                ..self.stepwise(if at_least(value, 1.0) { 1.0 } else { 0.0 }, planned, terms)
            },
            None => self.figures(planned, Direction::Done, Standing::Measuring),
        }
    }

    fn stepwise(&self, raw: f64, planned: f64, terms: Terms) -> Figures {
        let standing = Standing::Reach {
            raw,
            met: at_least(raw, 1.0),
            planned,
            ambition: terms.ambition,
            by: terms.method.pace,
        };
        Figures {
            raw: Some(raw),
            pace: pace(raw, terms.ambition.expected_score() * planned),
            ..self.figures(planned, Direction::Done, standing)
        }
    }
}
