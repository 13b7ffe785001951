//! What there is to say of a status, found on its card. Makes no sentence of it.

use crate::domain::card::KeyResultCard;
use crate::domain::cycle::Cycle;
use crate::domain::fault::FaultClass;
use crate::domain::goals::Ambition;
use crate::domain::history::Record;
use crate::domain::method::PaceBy;
use crate::domain::progress::EPSILON;
use crate::domain::reason::{Collected, End, InBand, Made, Place, Reason, Said};
use crate::domain::status::{Phase, Status};
use crate::domain::target::{Aim, Hold, ScoreBy, TargetError};

/// The reason for the status of `card`, whose own `reason` is not read.
pub(super) fn reason(
    card: &KeyResultCard,
    ambition: Ambition,
    record: &Record,
    cycle: &Cycle,
    phase: Phase,
) -> Reason {
    let begun = phase != Phase::Pending;
    let rebase = card.key_result.rebases.last().filter(|_| begun);
    let unlike = record.unlike_until.filter(|_| begun);
    let kept = record.kept.as_ref().filter(|_| phase == Phase::Closed);
    Reason {
        said: said(card, ambition, cycle),
        rebased: rebase.map(|newest| (newest.date, card.key_result.factor())),
        unlike_until: unlike.map(|until| until.to_zoned(cycle.zone.clone()).date()),
        kept: kept.map(|kept| kept.reason.clone()),
    }
}

fn said(card: &KeyResultCard, ambition: Ambition, cycle: &Cycle) -> Said {
    match card.status {
        Status::Pending => Said::Begins(cycle.first_day),
        Status::Closed => Said::Over {
            end: end(card),
            closing: card.closing,
            ambition,
        },
        Status::NoData => Said::NothingYet(failed(card)),
        Status::Stale => stale(card, cycle),
        Status::Measuring => measuring(card),
        Status::AtTarget
        | Status::TooEarly
        | Status::OnTrack
        | Status::AtRisk
        | Status::OffTrack => match &card.key_result.aim {
            Aim::Hold(hold) if hold.score_by == ScoreBy::Time => Said::Holding {
                place: place(card, hold),
                compliance: card.compliance,
                left: card.budget_left.filter(|left| *left > EPSILON),
            },
            Aim::Hold(hold) => Said::Band(in_band(card, hold)),
            _ => under_way(card, ambition),
        },
    }
}

/// How the newest attempt failed; `None` when it did not.
fn failed(card: &KeyResultCard) -> Option<FaultClass> {
    let fault = card.last_attempt.as_ref().and_then(|a| a.fault.as_ref());
    fault.map(|(class, _)| *class)
}

fn stale(card: &KeyResultCard, cycle: &Cycle) -> Said {
    let as_of = card.value.map_or(cycle.start(), |(_, as_of)| as_of);
    Said::TooOld {
        value: value(card),
        on: as_of.to_zoned(cycle.zone.clone()).datetime(),
        counts_for: card.key_result.stale_after.as_secs(),
        failed: failed(card),
    }
}

fn measuring(card: &KeyResultCard) -> Said {
    if let Aim::Baseline(days) = card.key_result.aim {
        return Said::Collected(collected(card, days));
    }
    let (Aim::Reach(reach), Some(baseline)) = (&card.key_result.aim, card.baseline) else {
        return Said::FirstIsBaseline;
    };
    let error = reach
        .resolve(baseline)
        .err()
        .unwrap_or(TargetError::NotFinite);
    Said::NoWay { baseline, error }
}

fn end(card: &KeyResultCard) -> End {
    if card.value.is_none() {
        return End::NotMeasured;
    }
    match (&card.key_result.aim, card.progress_raw) {
        (Aim::Baseline(days), _) => End::Collected(collected(card, *days)),
        (Aim::Hold(hold), Some(_)) if hold.score_by != ScoreBy::Time => {
            End::Band(in_band(card, hold))
        }
        (Aim::Reach(_) | Aim::Milestones(_) | Aim::Done, Some(raw)) => End::Made(made(card, raw)),
        (Aim::Hold(hold), Some(raw)) => End::Held {
            hold: *hold,
            // What was kept at the close is kept as the final share.
            compliance: match card.closed_at {
                Some(_) => raw,
                None => card.compliance.unwrap_or(0.0),
            },
        },
        (_, None) => End::Unjudged(value(card)),
    }
}

/// How far the collection of a baseline is.
fn collected(card: &KeyResultCard, wanted: u32) -> Collected {
    let found = card.progress_raw.unwrap_or(0.0) * f64::from(wanted);
    Collected {
        found: found.round(),
        wanted,
    }
}

fn in_band(card: &KeyResultCard, hold: &Hold) -> InBand {
    if hold.score_by == ScoreBy::Worst && card.compliance.is_some_and(|share| share < 1.0) {
        return InBand::OnceOutside(*hold);
    }
    InBand::Newest(place(card, hold))
}

fn place(card: &KeyResultCard, hold: &Hold) -> Place {
    Place {
        value: value(card),
        inside: card.in_band == Some(true),
        hold: *hold,
    }
}

fn made(card: &KeyResultCard, raw: f64) -> Made {
    match &card.key_result.aim {
        Aim::Milestones(milestones) => Made::Milestones {
            done: value(card),
            of: milestones.steps().len(),
            share: raw,
        },
        Aim::Done => Made::So(raw >= 1.0),
        Aim::Reach(_) | Aim::Hold(_) | Aim::Baseline(_) => Made::Way {
            value: value(card),
            share: raw,
            from: card.baseline,
            to: card.target,
        },
    }
}

fn under_way(card: &KeyResultCard, ambition: Ambition) -> Said {
    let raw = card.progress_raw.unwrap_or(0.0);
    let planned = card.expected_progress.unwrap_or(0.0);
    let made = made(card, raw);
    match (card.status, &card.key_result.aim) {
        (Status::AtTarget, Aim::Reach(reach)) => Said::AtTarget {
            value: value(card),
            target: card.target,
            strict: reach.strict,
            too_safe: card.may_be_too_safe,
        },
        (Status::AtTarget, _) => Said::Made(made),
        (Status::TooEarly, _) => Said::TooEarly {
            made,
            planned,
            // A plan of its own and milestones follow no clock.
            by_plan: card.is_planned(),
        },
        _ if card.pace_by == PaceBy::Gap => Said::Gap {
            made,
            gap: raw - planned,
            planned,
        },
        _ => Said::Paced {
            made,
            ambition,
            expected: ambition.expected_score() * planned,
        },
    }
}

fn value(card: &KeyResultCard) -> Option<f64> {
    card.value.map(|(value, _)| value)
}
