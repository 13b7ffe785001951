//! One key result judged at one instant: its definition and its record go in, its card comes out. Knows no other key
//! result, nothing of its objective but the ambition, and no clock.

mod collected;
mod hold;
mod reach;
mod said;
mod sight;
mod stepwise;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use self::said::reason;
use self::sight::Sight;
use super::card::KeyResultCard;
use super::cycle::Cycle;
use super::forecast::{ForecastError, Outlook, Trend};
use super::goals::KeyResult;
use super::history::{Point, Record};
use super::method::Terms;
use super::progress::clamped;
use super::reason::Reason;
use super::status::{Phase, Standing, Status};
use super::target::Aim;
use super::verdict::Kept;

/// Judges one key result at `now`, in its cycle and by the terms of its objective. Draws the trend of its days
/// anew, see [`Trend::draw`] for what that costs.
#[must_use]
pub fn judge(
    key_result: &Arc<KeyResult>,
    terms: Terms,
    cycle: &Cycle,
    record: Option<&Record>,
    now: Timestamp,
) -> Arc<KeyResultCard> {
    let trend = record.map(|record| Trend::draw(key_result, cycle, &record.series, now));
    judge_along(
        key_result,
        terms,
        cycle,
        record,
        &trend.unwrap_or_default(),
        now,
    )
}

/// Judges one key result at `now` along a trend of its days that was drawn before. Costs a few look-ups for a value to
/// reach, and a walk over the cycle's samples for a band.
///
/// The cycle's clock stops at its end: until it has settled the newest value up to the end is judged, and its age is
/// counted up to the end; once closed that value is final, however old.
#[must_use]
pub fn judge_along(
    key_result: &Arc<KeyResult>,
    terms: Terms,
    cycle: &Cycle,
    record: Option<&Record>,
    trend: &Trend,
    now: Timestamp,
) -> Arc<KeyResultCard> {
    let unknown = Record::default();
    let record = record.unwrap_or(&unknown);
    let phase = Phase::of(cycle, now);
    let sight = Sight::new(key_result, cycle, record, now, phase);
    let figures = sight.of(&key_result.aim, terms);
    let standing = match sight.value {
        None => Standing::NoData,
        Some(_) if sight.stale => Standing::Stale,
        Some(_) => figures.standing,
    };
    let status = Status::of(phase, standing);
    let outlook = Outlook {
        key_result,
        cycle,
        way: figures.way.clone(),
        value: sight.value.map(|p| p.value),
        stale: sight.stale,
        planned: figures.planned,
        counts: sight.counts(),
        now,
    };
    let forecast = outlook.forecast(trend);
    let mut card = KeyResultCard {
        key_result: Arc::clone(key_result),
        value: sight.value.map(|p| (p.value, p.as_of)),
        note: sight.note(),
        quality: sight.quality(),
        stale: sight.stale,
        believed_until: sight.believed_until,
        curve: Arc::clone(trend.curve()),
        direction: figures.direction,
        baseline: figures.baseline,
        target: figures.target,
        progress_raw: figures.raw,
        progress: figures.raw.map(clamped),
        expected_progress: Some(figures.planned),
        expected_value: figures.expected_value,
        in_band: figures.in_band,
        compliance: figures.compliance,
        coverage: figures.coverage,
        budget_left: figures.budget_left,
        pace: figures.pace,
        pace_by: terms.method.pace,
        rate: outlook.rate(forecast.as_ref().ok()),
        forecast,
        corrected: trend.corrected(),
        status,
        reason: Reason::default(),
        status_since: since(record, status, now),
        last_attempt: record.last_attempt.clone(),
        confidence: record.confidence.filter(|c| c.is_finite()),
        check_in: record.check_in.clone(),
        may_be_too_safe: phase == Phase::Open && sight.may_be_too_safe(&figures, now),
        closing: (phase == Phase::Closed).then(|| sight.closing(key_result, &figures, terms)),
        forecast_error: (phase == Phase::Closed)
            .then(|| forecast_error(key_result, record, sight.value))
            .flatten(),
        closed_at: None,
    };
    if let Some(kept) = record.kept.as_ref().filter(|_| phase == Phase::Closed) {
        show_kept(kept, &mut card);
    }
    card.reason = reason(&card, terms.ambition, record, cycle, phase);
    Arc::new(card)
}

/// The next instant after `now` at which a card changes though nothing comes in: its value becomes too old, or its
/// cycle begins, ends or closes.
#[must_use]
pub fn turns(card: &KeyResultCard, cycle: &Cycle, now: Timestamp) -> Option<Timestamp> {
    let too_old = card
        .believed_until
        .and_then(|until| until.checked_add(SignedDuration::from_millis(1)).ok());
    let closes = cycle.end().checked_add(Phase::SETTLE).ok();
    [too_old, Some(cycle.start()), Some(cycle.end()), closes]
        .into_iter()
        .flatten()
        .filter(|turn| *turn > now)
        .min()
}

/// Shows what was kept at the close instead of what the files of today make of it.
fn show_kept(kept: &Kept, card: &mut KeyResultCard) {
    card.value = kept.value;
    card.baseline = kept.baseline;
    card.target = kept.target;
    card.progress_raw = kept.raw;
    card.progress = kept.closing.as_amended.score;
    card.closing = Some(kept.closing);
    card.forecast_error = kept.forecast_error;
    card.closed_at = Some(kept.at);
}

/// How far the forecast that stood at half-time was off; of a value to reach alone.
fn forecast_error(
    key_result: &KeyResult,
    record: &Record,
    last: Option<Point>,
) -> Option<ForecastError> {
    let stood = record.half_time.as_ref();
    let stood = stood.filter(|_| matches!(key_result.aim, Aim::Reach(_)))?;
    ForecastError::of(stood, last?.value)
}

/// When the status began: as recorded while it is still the same, else now.
fn since(record: &Record, status: Status, now: Timestamp) -> Timestamp {
    match record.status_since {
        Some((same, since)) if same == status => since,
        _ => now,
    }
}

#[cfg(test)]
mod tests;
