//! What changed in a period, of what the two scorecards and the files say; and how it is told in a few words. What a
//! change of status means is the affair of `domain::news`.

use jiff::Timestamp;

use super::{KeyResultTold, ObjectiveTold, Report, Said};
use crate::domain::amendment::Amendment;
use crate::domain::card::KeyResultCard;
use crate::domain::news::Turn;
use crate::domain::status::Status;

/// One thing that changed.
#[derive(Clone, Debug, PartialEq)]
pub enum Change<'a> {
    /// It is judged otherwise.
    Status {
        /// What it was at the beginning.
        from: Status,
        /// What it is at the end.
        to: Status,
        /// Since when.
        since: Timestamp,
    },
    /// Another value than at the beginning.
    Value {
        /// The value at the beginning.
        from: f64,
        /// The value at the end.
        to: f64,
    },
    /// A value, where there was none at the beginning that it can be compared with.
    First(f64),
    /// A value, where it was measured otherwise at the beginning.
    Anew(f64),
    /// Something else was agreed.
    Amended(&'a Amendment),
    /// People said something.
    Said(&'a Said),
}

impl KeyResultTold {
    /// What changed, what was agreed first.
    #[must_use]
    pub fn changes(&self) -> Vec<Change<'_>> {
        let amended = self.amended.iter().map(Change::Amended);
        let said = self.said.iter().map(Change::Said);
        let judged = self.turn().into_iter().chain(self.moved());
        amended.chain(judged).chain(said).collect()
    }

    fn turn(&self) -> Option<Change<'_>> {
        let from = self.before.as_ref()?.status;
        let to = self.card.status;
        Turn::of(from, to)?;
        Some(Change::Status {
            from,
            to,
            since: self.card.status_since,
        })
    }

    /// What became of the value. A value that is too old is no news, and neither is one that nobody measured anew.
    fn moved(&self) -> Option<Change<'_>> {
        let (to, at) = self.card.value?;
        let before: Option<&KeyResultCard> = self.before.as_deref();
        match before.and_then(|before| before.value) {
            Some((_, then)) if at <= then => None,
            Some(_) if self.is_anew => Some(Change::Anew(to)),
            #[expect(clippy::float_cmp, reason = "as measured")]
            Some((from, _)) => (from != to).then_some(Change::Value { from, to }),
            None => Some(Change::First(to)),
        }
    }
}

impl ObjectiveTold {
    /// How its status changed.
    #[must_use]
    pub fn turn(&self) -> Option<(Status, Status)> {
        let (from, to) = (self.before.as_ref()?.status, self.card.status);
        Turn::of(from, to).map(|_| (from, to))
    }

    /// Its key results of which something changed, with what that is.
    #[must_use]
    pub fn changes(&self) -> Vec<(&KeyResultTold, Vec<Change<'_>>)> {
        let all = self.key_results.iter().map(|kr| (kr, kr.changes()));
        all.filter(|(_, changes)| !changes.is_empty()).collect()
    }

    /// Whether anything of it changed.
    #[must_use]
    pub fn has_changed(&self) -> bool {
        self.turn().is_some() || !self.changes().is_empty()
    }
}

impl Report {
    /// How the objective as a whole changed, in words; `None` when it did not.
    #[must_use]
    pub fn turn(&self, objective: &ObjectiveTold) -> Option<String> {
        let t = self.tongue;
        let (from, to) = objective.turn()?;
        let had = |card: &crate::domain::objective::ObjectiveCard| card.progress.is_some();
        let before = objective.before.as_ref()?;
        let status = t.status_turned(
            t.objective_status(from, had(before)),
            t.objective_status(to, had(&objective.card)),
        );
        // With another part of it known, the two shares are of different things.
        let is_whole = before.coverage >= 1.0 && objective.card.coverage >= 1.0;
        let made = before.progress.zip(objective.card.progress);
        let made = made.filter(|_| is_whole);
        let made = made.map(|(from, to)| t.progress_went(t.percent(from), t.percent(to)));
        Some(made.map_or_else(|| status.clone(), |made| format!("{status} ({made})")))
    }

    /// A change of a key result, in words.
    #[must_use]
    pub fn change(&self, change: &Change<'_>, kr: &KeyResultTold) -> String {
        let t = self.tongue;
        let unit = kr.card.key_result.unit.as_str();
        match change {
            Change::Status { from, to, since } => {
                t.status_turned_on(t.status(*from), t.status(*to), self.date(*since))
            }
            Change::Value { from, to } => t.value_went(t.number(*from), t.quantity(*to, unit)),
            Change::First(value) if kr.before.is_some() => t.value_first(t.quantity(*value, unit)),
            Change::First(value) => t.value_came(t.quantity(*value, unit)),
            Change::Anew(value) => t.value_anew(t.quantity(*value, unit)),
            Change::Amended(amendment) => {
                let (field, from, to) = t.amended(&amendment.change);
                let amended = t.amended_on(field, from, to, t.date(amendment.date));
                t.amended_why(amended, &amendment.reason, &amendment.approved_by)
            }
            Change::Said(said) => self.said(said),
        }
    }

    /// What people said, in words.
    #[must_use]
    pub fn said(&self, said: &Said) -> String {
        let (day, text) = (self.date(said.at), said.text.as_deref());
        self.tongue.word(day, said.confidence, text, said.is_note)
    }

    /// Of which day a value is, unless the reason of its status tells that.
    #[must_use]
    pub fn age(&self, kr: &KeyResultTold) -> Option<String> {
        let (t, (_, at)) = (self.tongue, kr.card.value?);
        if kr.card.status == Status::Stale {
            return None;
        }
        let day = self.date(at);
        Some(if kr.card.stale {
            t.last_measured_on(day)
        } else {
            t.measured_on(day)
        })
    }

    /// What should be known beside a value: what is held against it, why there is no newer one.
    #[must_use]
    pub fn remarks(&self, kr: &KeyResultTold) -> Vec<String> {
        let (t, card) = (self.tongue, &kr.card);
        let mut all = Vec::new();
        all.extend(card.note.as_ref().map(|note| t.with_this_value(note)));
        let flags = card.quality.flags();
        all.extend(flags.map(|flag| t.this_value(t.flag(flag))));
        // Where there is no value, or an old one, the reason tells it.
        let is_told = matches!(card.status, Status::Stale | Status::NoData);
        if let Some(attempt) = card.last_attempt.as_ref().filter(|_| !is_told)
            && let Some((class, _)) = &attempt.fault
        {
            all.push(t.newest_failed_on(self.date(attempt.at), t.fault(*class)));
        }
        if let Some(confidence) = card.confidence.filter(|_| card.is_contradicted()) {
            all.push(t.disagrees(confidence));
        }
        all
    }

    /// Where it plausibly ends, with the rate that is needed.
    #[must_use]
    pub fn forecast(&self, kr: &KeyResultTold) -> Vec<String> {
        let (t, card) = (self.tongue, &kr.card);
        let forecast = card.forecast.as_ref().ok();
        let forecast = forecast.map(|found| t.forecast(found, &card.key_result.unit));
        let rate = card.rate_needed().map(|rate| t.rate(rate));
        forecast.into_iter().chain(rate).collect()
    }

    /// Why there is no forecast yet, where there will be one.
    #[must_use]
    pub fn no_forecast(&self, kr: &KeyResultTold) -> Option<String> {
        let why = kr.card.forecast.as_ref().err()?;
        let to_come = why.is_to_come() && kr.card.value.is_some();
        to_come.then(|| self.tongue.no_forecast(*why))
    }

    /// All that stands beside a value, sentence by sentence.
    #[must_use]
    pub fn beside(&self, kr: &KeyResultTold) -> Vec<String> {
        let mut all: Vec<_> = self.no_forecast(kr).into_iter().collect();
        all.extend(self.forecast(kr));
        all.extend(self.age(kr));
        all.extend(self.remarks(kr));
        all
    }
}
