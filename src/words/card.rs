//! What stands beside the figures of a key result, an objective or a cycle, in a few words. Phrases only of other tables.

use jiff::Timestamp;

use super::Tongue;
use crate::domain::card::KeyResultCard;
use crate::domain::cycle::Cycle;
use crate::domain::goals::Ambition;
use crate::domain::objective::ObjectiveCard;
use crate::domain::target::{Aim, Band};

impl Tongue {
    /// What a key result aims for: "from 640 to 1,000".
    #[must_use]
    pub fn goal(self, card: &KeyResultCard) -> String {
        let number = |x| self.number(x);
        match &card.key_result.aim {
            // Beside a value "from … to …" would read as a way to go.
            Aim::Hold(hold) => match hold.band {
                Band::Between(low, high) if !hold.strict => self.between(number(low), number(high)),
                _ => self.hold(hold),
            },
            Aim::Milestones(milestones) => self.so_many_milestones(milestones.steps().len()),
            Aim::Done => self.to_be_so().to_owned(),
            Aim::Baseline(days) => self.baseline_of_days(days),
            Aim::Reach(reach) => match (card.baseline, card.target) {
                (Some(from), Some(to)) if reach.strict && to < from => {
                    self.from_to(number(from), self.less_than(number(to)))
                }
                (Some(from), Some(to)) if reach.strict => {
                    self.from_to(number(from), self.more_than(number(to)))
                }
                (Some(from), Some(to)) => self.from_to(number(from), number(to)),
                (_, Some(to)) => self.to_target(number(to)),
                _ => self.first_sets_baseline().to_owned(),
            },
        }
    }

    /// How far it has come, and how far the plan expects it to be: "39 % of the way, 42 % expected by now".
    #[must_use]
    pub fn made_and_expected(self, card: &KeyResultCard, ambition: Ambition) -> String {
        let share = card.made().map_or_else(
            || self.share_unknown().to_owned(),
            |share| self.percent(share),
        );
        let made = match card.key_result.aim {
            Aim::Hold(_) => self.bar_hold(share),
            Aim::Reach(_) => self.made_of_the_way(share),
            Aim::Milestones(_) => self.bar_milestones(share),
            Aim::Done => self.bar_done(share),
            Aim::Baseline(_) => self.bar_baseline(share),
        };
        let expected = card.planned(ambition);
        let expected = expected.map(|share| self.expected_by_now(self.percent(share)));
        made + &expected.unwrap_or_default()
    }

    /// How far an objective has come, or how it ended.
    #[must_use]
    pub fn objective_progress(self, card: &ObjectiveCard) -> String {
        if let Some(closing) = card.closing {
            let first = closing.committed_otherwise();
            let first = first.map(|first| self.as_first_committed(self.outcome(first)));
            return self.outcome(closing.as_amended) + &first.unwrap_or_default();
        }
        let Some(progress) = card.progress else {
            return self.nothing_measured_yet().to_owned();
        };
        let mut text = self.made_of_the_way(self.percent(progress));
        if let Some(expected) = card.expected {
            text += &self.expected_by_now(self.percent(expected));
        }
        if card.coverage < 1.0 {
            text += &self.has_fresh_data(self.percent(card.coverage));
        }
        text
    }

    /// The days of a cycle, both included.
    #[must_use]
    pub fn cycle_days(self, cycle: &Cycle) -> String {
        self.first_to_last(self.date(cycle.first_day), self.date(cycle.last_day))
    }

    /// How much of a cycle has passed.
    #[must_use]
    pub fn passed(self, cycle: &Cycle, now: Timestamp) -> String {
        if now < cycle.start() {
            self.not_begun().to_owned()
        } else if cycle.end() <= now {
            self.ended_already().to_owned()
        } else {
            self.time_passed(self.percent(cycle.elapsed(now)))
        }
    }
}
