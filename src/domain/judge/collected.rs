//! A baseline to collect: on how many days it was measured. It has no target.

use super::sight::{Figures, Sight};
use crate::domain::history::Point;
use crate::domain::status::Standing;
use crate::domain::target::Direction;

impl Sight<'_> {
    /// Days with a good value, of so many that make a baseline.
    pub(super) fn collected(&self, days: u32) -> Figures {
        let day = |p: &Point| p.as_of.to_zoned(self.cycle.zone.clone()).date();
        let points = self.record.series.points().iter();
        let points = points.filter(|p| self.cycle.covers(p.as_of) && p.as_of <= self.until);
        let mut found: Vec<_> = points.map(day).collect();
        found.dedup();
        #[expect(clippy::cast_precision_loss, reason = "days of a cycle")]
        let made = found.len() as f64 / f64::from(days.max(1));
        Figures {
            raw: self.believed().map(|_| made),
            ..self.figures(self.elapsed, Direction::Unknown, Standing::Measuring)
        }
    }
}
