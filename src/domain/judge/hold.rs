//! A band to hold: for how much of the known time it held, and what is left of the time allowed outside.

use super::sight::{Figures, Sight};
use crate::domain::band::TimeInBand;
use crate::domain::progress::pace;
use crate::domain::status::Standing;
use crate::domain::target::{Direction, Hold, ScoreBy};

impl Sight<'_> {
    pub(super) fn hold(&self, hold: &Hold) -> Figures {
        let (start, end) = (self.cycle.start(), self.cycle.end());
        let stale_after = self.key_result.stale_after;
        let time = TimeInBand::of(hold, &self.record.series, stale_after, start, self.until);
        let in_band = self.value.map(|p| hold.contains(p.value));
        let so = |good: bool| if good { 1.0 } else { 0.0 };
        let compliance = match hold.score_by {
            ScoreBy::Time => time.compliance(),
            ScoreBy::Latest => in_band.map(so),
            ScoreBy::Worst => time.compliance().map(|_| so(time.outside <= 0.0)),
        };
        let budget_left = match hold.score_by {
            ScoreBy::Time => {
                time.budget_left(hold.compliance, end.duration_since(start).unsigned_abs())
            }
            ScoreBy::Latest | ScoreBy::Worst => compliance.unwrap_or(1.0),
        };
        let judged = compliance.filter(|_| !self.stale);
        let standing = Standing::Hold {
            in_band: in_band == Some(true),
            budget_left,
        };
        Figures {
            raw: judged.map(|compliance| compliance * self.elapsed),
            in_band,
            compliance,
            coverage: time.coverage(),
            budget_left: Some(budget_left),
            pace: judged.and_then(|compliance| pace(compliance, hold.compliance)),
            ..self.figures(self.elapsed, Direction::Hold, standing)
        }
    }
}
