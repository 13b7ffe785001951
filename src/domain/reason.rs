//! Why a key result has its status: one sentence for people, with the numbers of its card. Neutral: it says what is,
//! not who or how good. Knows nothing but the card.

use jiff::Timestamp;

use super::card::KeyResultCard;
use super::cycle::Cycle;
use super::goals::Ambition;
use super::method::PaceBy;
use super::number::{percent, show as number, with_unit};
use super::progress::EPSILON;
use super::status::Status;
use super::target::{Aim, Hold, ScoreBy, TargetError};

/// The sentence for `card`, whose `reason` is not read.
pub(super) fn reason(card: &KeyResultCard, ambition: Ambition, cycle: &Cycle) -> String {
    match card.status {
        Status::Pending => format!("The cycle begins on {}.", cycle.first_day),
        Status::Closed => closed(card) + &verdict(card, ambition),
        Status::NoData => format!("Nothing has been measured yet{}.", failed(card)),
        Status::Stale => stale(card, cycle),
        Status::Measuring => measuring(card),
        Status::AtTarget
        | Status::TooEarly
        | Status::OnTrack
        | Status::AtRisk
        | Status::OffTrack => match &card.key_result.aim {
            Aim::Hold(hold) if hold.score_by == ScoreBy::Time => holding(card, hold),
            Aim::Hold(hold) => held(card, hold),
            _ => under_way(card, ambition),
        },
    }
}

/// How the newest attempt failed, as the end of a sentence; empty when it did not.
fn failed(card: &KeyResultCard) -> String {
    let fault = card.last_attempt.as_ref().and_then(|a| a.fault.as_ref());
    fault.map_or_else(String::new, |(class, _)| {
        format!("; the newest attempt failed ({})", class.as_str())
    })
}

fn stale(card: &KeyResultCard, cycle: &Cycle) -> String {
    let as_of = card.value.map_or(cycle.start(), |(_, as_of)| as_of);
    format!(
        "The last value, {}, dates from {}, and a value counts for {}{}.",
        value(card),
        local(as_of, cycle),
        span(card.key_result.stale_after.as_secs()),
        failed(card),
    )
}

fn local(t: Timestamp, cycle: &Cycle) -> String {
    t.to_zoned(cycle.zone.clone())
        .strftime("%Y-%m-%d %H:%M")
        .to_string()
}

fn measuring(card: &KeyResultCard) -> String {
    if let Aim::Baseline(days) = card.key_result.aim {
        return collected(card, days);
    }
    let (Aim::Reach(reach), Some(baseline)) = (&card.key_result.aim, card.baseline) else {
        return "The first measurement of the cycle will be the baseline.".to_owned();
    };
    match reach.resolve(baseline) {
        Err(TargetError::ShareOfNonPositive) => format!(
            "The baseline is {}, of which a percentage leads nowhere; the target must be an absolute number.",
            quantity(baseline, card)
        ),
        Err(TargetError::Flat) => format!(
            "The baseline is {}, the same as the target, so there is no way to go.",
            quantity(baseline, card)
        ),
        _ => format!(
            "The baseline is {}, from which there is no target that can be told as a number.",
            quantity(baseline, card)
        ),
    }
}

fn closed(card: &KeyResultCard) -> String {
    let Some((_, _)) = card.value else {
        return "The cycle is over and nothing was measured.".to_owned();
    };
    match (&card.key_result.aim, card.progress_raw) {
        (Aim::Baseline(days), _) => format!("The cycle is over. {}", collected(card, *days)),
        (Aim::Hold(hold), Some(_)) if hold.score_by != ScoreBy::Time => {
            format!("The cycle is over. {}", held(card, hold))
        }
        (Aim::Reach(_) | Aim::Milestones(_) | Aim::Done, Some(raw)) => {
            format!("The cycle is over: {}.", made(card, raw))
        }
        (Aim::Hold(hold), Some(_)) => format!(
            "The cycle is over: the value was {} for {} of the known time, and {} was agreed.",
            hold,
            percent(card.compliance.unwrap_or(0.0)),
            percent(hold.compliance),
        ),
        (_, None) => format!(
            "The cycle is over: {} was measured, with nothing to judge it by.",
            value(card)
        ),
    }
}

/// How far the collection of a baseline is.
fn collected(card: &KeyResultCard, days: u32) -> String {
    let wanted = f64::from(days);
    let found = card.progress_raw.map_or(0.0, |raw| (raw * wanted).round());
    let enough = if found < wanted {
        ""
    } else {
        ": enough for a baseline"
    };
    format!(
        "It was measured on {} of the {} days that make a baseline{enough}.",
        number(found),
        number(wanted)
    )
}

/// A band that is judged by single values.
fn held(card: &KeyResultCard, hold: &Hold) -> String {
    if hold.score_by == ScoreBy::Worst && card.compliance.is_some_and(|share| share < 1.0) {
        return format!("A value of this cycle lay outside the agreed band ({hold}).");
    }
    format!(
        "{} lies {} the agreed band ({hold}).",
        value(card),
        side(card)
    )
}

fn side(card: &KeyResultCard) -> &'static str {
    if card.in_band == Some(true) {
        "within"
    } else {
        "outside"
    }
}

/// What the score says, as a sentence of its own; and what it says as first committed, where that differs.
fn verdict(card: &KeyResultCard, ambition: Ambition) -> String {
    let Some(closing) = card.closing else {
        return String::new();
    };
    let found = closing.as_amended;
    let mut text = match (found.score, found.verdict.advice(ambition)) {
        (None, _) => String::new(),
        (Some(_), "") => format!(" Its score is {}.", found.words()),
        (Some(_), advice) => format!(" Its score is {}: {advice}.", found.words()),
    };
    if let Some(first) = closing.committed_otherwise() {
        text += &format!(" As first committed it is {}.", first.words());
    }
    text
}

/// "780 subscribers is 39% of the way from 640 to 1,000".
fn made(card: &KeyResultCard, raw: f64) -> String {
    match &card.key_result.aim {
        Aim::Milestones(milestones) => {
            return format!(
                "{} of {} milestones are done, {} by weight",
                card.value
                    .map_or_else(String::new, |(done, _)| number(done)),
                milestones.steps().len(),
                percent(raw)
            );
        }
        Aim::Done if raw < 1.0 => return "it is not so yet".to_owned(),
        Aim::Done => return "it is so".to_owned(),
        Aim::Reach(_) | Aim::Hold(_) | Aim::Baseline(_) => {}
    }
    let (from, to) = (
        card.baseline.map_or_else(String::new, number),
        card.target.map_or_else(String::new, number),
    );
    if raw < 0.0 {
        format!(
            "{} is further from the target of {to} than the baseline of {from}",
            value(card)
        )
    } else {
        format!(
            "{} is {} of the way from {from} to {to}",
            value(card),
            percent(raw)
        )
    }
}

fn under_way(card: &KeyResultCard, ambition: Ambition) -> String {
    let strict = matches!(&card.key_result.aim, Aim::Reach(reach) if reach.strict);
    let raw = card.progress_raw.unwrap_or(0.0);
    let planned = card.expected_progress.unwrap_or(0.0);
    let made = made(card, raw);
    match card.status {
        Status::AtTarget if !matches!(card.key_result.aim, Aim::Reach(_)) => capital(made + "."),
        Status::AtTarget => format!(
            "{} {} the target of {}.{}",
            value(card),
            if strict { "is past" } else { "meets" },
            card.target.map_or_else(String::new, number),
            if card.may_be_too_safe {
                " With less than half of the cycle gone, the target may be too safe."
            } else {
                ""
            },
        ),
        Status::TooEarly => format!(
            "It is too early to tell: {made}, and {} of the {} has passed.",
            percent(planned),
            // A plan of its own and milestones follow no clock.
            if card.is_planned() { "plan" } else { "cycle" },
        ),
        _ if card.pace_by == PaceBy::Gap => {
            format!("{}{}.", capital(made), gap(raw - planned, planned))
        }
        _ => format!(
            "{}; {} objective is on pace at {} by now.",
            capital(made),
            match ambition {
                Ambition::Aspirational => "an aspirational",
                Ambition::Committed => "a committed",
            },
            percent(ambition.expected_score() * planned),
        ),
    }
}

/// Where it lies beside the plan, in points of the way.
fn gap(gap: f64, planned: f64) -> String {
    let points = (100.0 * gap.abs()).round();
    let planned = percent(planned);
    if points < 1.0 {
        return format!(", as much as the plan expects by now, {planned}");
    }
    format!(
        ", {} point{} {} the {planned} that the plan expects by now",
        number(points),
        if points > 1.0 { "s" } else { "" },
        if gap < 0.0 { "behind" } else { "ahead of" },
    )
}

fn holding(card: &KeyResultCard, hold: &Hold) -> String {
    let budget = match card.budget_left {
        Some(left) if left > EPSILON => {
            format!("{} of the time allowed outside is left", percent(left))
        }
        _ => "the time allowed outside is spent".to_owned(),
    };
    let held = card.compliance.map_or_else(String::new, |share| {
        format!(", which held for {} of the known time", percent(share))
    });
    format!(
        "{} lies {} the agreed band ({}){held}; {budget}.",
        value(card),
        side(card),
        hold,
    )
}

/// With a capital letter, where it begins a sentence.
fn capital(text: String) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) if first.is_ascii_lowercase() => {
            first.to_ascii_uppercase().to_string() + chars.as_str()
        }
        _ => text,
    }
}

fn value(card: &KeyResultCard) -> String {
    card.value
        .map_or_else(String::new, |(value, _)| quantity(value, card))
}

/// A number with the key result's unit.
fn quantity(value: f64, card: &KeyResultCard) -> String {
    with_unit(&number(value), &card.key_result.unit)
}

/// A span of time in the largest unit that divides it.
fn span(seconds: u64) -> String {
    for (unit, length) in [("day", 86_400), ("hour", 3_600), ("minute", 60)] {
        if seconds >= length && seconds.is_multiple_of(length) {
            let n = seconds / length;
            return format!("{n} {unit}{}", if n == 1 { "" } else { "s" });
        }
    }
    format!("{seconds} seconds")
}
