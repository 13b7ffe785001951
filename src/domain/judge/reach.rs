//! A value to reach: how much of the way from its baseline to its target it has gone, and how much was planned.

use super::sight::{Figures, Sight};
use crate::domain::method::Terms;
use crate::domain::progress::{Way, pace};
use crate::domain::status::Standing;
use crate::domain::target::Reach;

impl Sight<'_> {
    pub(super) fn reach(&self, reach: &Reach, terms: Terms) -> Figures {
        let baseline = self.baseline(reach);
        let way = baseline.and_then(|b| Way::from(reach, b).ok());
        let way = way.as_ref();
        let walked = way.zip(self.believed());
        let raw = walked.map(|(way, value)| way.progress_raw(value));
        let planned = self.planned(way);
        let standing = match (walked, raw) {
            (Some((way, value)), Some(raw)) => Standing::Reach {
                raw,
                met: way.is_met(value),
                planned,
                ambition: terms.ambition,
                by: terms.method.pace,
            },
            _ => Standing::Measuring,
        };
        Figures {
            way: way.cloned(),
            baseline,
            target: way.map(Way::target),
            raw,
            expected_value: way.map(|way| self.planned_value(way, planned)),
            pace: raw.and_then(|raw| pace(raw, terms.ambition.expected_score() * planned)),
            ..self.figures(
                planned,
                way.map_or_else(|| self.key_result.aim.direction(), Way::direction),
                standing,
            )
        }
    }

    /// The planned share of the way: as the plan says, or else as much of it as of the cycle.
    fn planned(&self, way: Option<&Way>) -> f64 {
        let plan = self.key_result.plan.as_ref().zip(way);
        plan.map_or(self.elapsed, |(plan, way)| {
            plan.share_at(way, self.cycle, self.until)
        })
    }

    fn planned_value(&self, way: &Way, planned: f64) -> f64 {
        match &self.key_result.plan {
            Some(plan) => plan.value_at(way, self.cycle, self.until),
            None => way.value_at(planned),
        }
    }
}
