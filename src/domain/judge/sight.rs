//! What can be seen of a key result at one instant, whatever its aim. Knows no card and no clock.

use jiff::Timestamp;

use crate::domain::cycle::Cycle;
use crate::domain::derive::end_of;
use crate::domain::goals::KeyResult;
use crate::domain::history::{Counts, Point, Record};
use crate::domain::method::Terms;
use crate::domain::milestones::Milestones;
use crate::domain::progress::Way;
use crate::domain::quality::Quality;
use crate::domain::status::{Phase, Standing};
use crate::domain::target::{Aim, Baseline, Direction, Reach};
use crate::domain::verdict::{Closing, Outcome, looks_too_safe};

/// What can be seen of a key result at one instant.
pub(super) struct Sight<'a> {
    pub(super) key_result: &'a KeyResult,
    pub(super) record: &'a Record,
    pub(super) cycle: &'a Cycle,
    /// Now, or the cycle's end once that has passed.
    pub(super) until: Timestamp,
    pub(super) value: Option<Point>,
    /// Until when the value is believed.
    pub(super) believed_until: Option<Timestamp>,
    pub(super) stale: bool,
    /// The share of the cycle that has passed, e.
    pub(super) elapsed: f64,
}

/// What follows for one kind of aim.
pub(super) struct Figures {
    /// The planned share, q.
    pub(super) planned: f64,
    pub(super) way: Option<Way>,
    pub(super) direction: Direction,
    pub(super) baseline: Option<f64>,
    pub(super) target: Option<f64>,
    pub(super) raw: Option<f64>,
    pub(super) expected_value: Option<f64>,
    pub(super) in_band: Option<bool>,
    pub(super) compliance: Option<f64>,
    pub(super) coverage: Option<f64>,
    pub(super) budget_left: Option<f64>,
    pub(super) pace: Option<f64>,
    pub(super) standing: Standing,
}

impl<'a> Sight<'a> {
    pub(super) fn new(
        key_result: &'a KeyResult,
        cycle: &'a Cycle,
        record: &'a Record,
        now: Timestamp,
        phase: Phase,
    ) -> Self {
        let until = now.min(cycle.end());
        let (value, believed_until) = match &key_result.aim {
            // What the files say holds whenever they are read.
            Aim::Milestones(milestones) => (Some(stated(milestones, until)), None),
            _ => {
                let value = record.series.latest(until);
                let own = value.map(|p| end_of(p.as_of, key_result.stale_after));
                // Of a computed value the record knows it: its inputs age each for itself.
                let told = record.believed_until.filter(|_| own.is_some());
                (value, told.or(own))
            }
        };
        let too_old = believed_until.is_some_and(|believed| believed < until);
        Self {
            key_result,
            record,
            cycle,
            until,
            value,
            believed_until,
            stale: phase != Phase::Closed && too_old,
            elapsed: cycle.elapsed(now),
        }
    }

    /// What the value came with: not the note of another number.
    pub(super) fn note(&self) -> Option<String> {
        let (as_of, note) = self.record.note.as_ref()?;
        self.value
            .filter(|value| value.as_of == *as_of)
            .map(|_| note.clone())
    }

    /// What is known against the value: not what is known against another number.
    pub(super) fn quality(&self) -> Quality {
        let of_it = |(as_of, _): &(Timestamp, Quality)| {
            self.value.is_some_and(|value| value.as_of == *as_of)
        };
        let known = self.record.quality.filter(of_it);
        known.map_or_else(Quality::default, |(_, quality)| quality)
    }

    /// The counts behind the value: not those of another number.
    pub(super) fn counts(&self) -> Option<Counts> {
        let (as_of, counts) = self.record.counts?;
        self.value
            .filter(|value| value.as_of == as_of)
            .map(|_| counts)
    }

    /// The value as far as it is believed.
    pub(super) fn believed(&self) -> Option<f64> {
        self.value.filter(|_| !self.stale).map(|p| p.value)
    }

    /// Where the way starts: as agreed, or at the first measurement of the cycle.
    pub(super) fn baseline(&self, reach: &Reach) -> Option<f64> {
        match reach.baseline {
            Baseline::Fixed(baseline) => Some(baseline),
            Baseline::First => self
                .record
                .baseline(self.cycle)
                .filter(|p| p.as_of <= self.until)
                .map(|p| p.value),
        }
    }

    /// What follows for `aim`: the one that was agreed in the end or the one that was agreed first.
    pub(super) fn of(&self, aim: &Aim, terms: Terms) -> Figures {
        match aim {
            Aim::Reach(reach) => self.reach(reach, terms),
            Aim::Hold(hold) => self.hold(hold),
            Aim::Milestones(milestones) => self.milestones(milestones, terms),
            Aim::Done => self.done(terms),
            Aim::Baseline(days) => self.collected(*days),
        }
    }

    /// How it ended: by what was agreed in the end, and by what was agreed first.
    pub(super) fn closing(
        &self,
        key_result: &KeyResult,
        figures: &Figures,
        terms: Terms,
    ) -> Closing {
        let as_amended = Outcome::of_key_result(&key_result.aim, figures.raw, terms);
        let first = key_result.as_first_committed();
        let as_committed = first.map_or(as_amended, |first| {
            let raw = self.of(&first.aim, terms).raw;
            Outcome::of_key_result(&first.aim, raw, terms)
        });
        Closing {
            as_amended,
            as_committed,
        }
    }

    pub(super) fn may_be_too_safe(&self, figures: &Figures, now: Timestamp) -> bool {
        let raw = match figures.standing {
            Standing::Reach { raw, .. } => Some(raw),
            _ => None,
        };
        raw.is_some_and(|raw| looks_too_safe(raw, self.cycle.elapsed(now)))
    }

    /// Figures of which only these are known.
    pub(super) fn figures(
        &self,
        planned: f64,
        direction: Direction,
        standing: Standing,
    ) -> Figures {
        Figures {
            planned,
            way: None,
            direction,
            baseline: None,
            target: None,
            raw: None,
            expected_value: None,
            in_band: None,
            compliance: None,
            coverage: None,
            budget_left: None,
            pace: None,
            standing,
        }
    }
}

/// How many milestones are done, as the value of the key result.
fn stated(milestones: &Milestones, at: Timestamp) -> Point {
    #[expect(clippy::cast_precision_loss, reason = "a count of what people wrote")]
    let value = milestones.done(at) as f64;
    Point { as_of: at, value }
}
