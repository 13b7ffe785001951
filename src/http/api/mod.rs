//! The JSON of `/api/v1`: shapes of its own, so that a renamed field inside okrd breaks no user. What is not known is
//! `null`, never 0; times are RFC 3339 in UTC; ratios are 0 to 1.

mod shapes;
mod word;

use std::ptr;

use jiff::Timestamp;

use self::shapes::{
    AttemptDto, BandDto, CheckInDto, ClosingDto, CompanyDto, CycleDto, FaultDto, ForecastDto,
    ForecastErrorDto, InitiativeDto, MeasurementDto, MilestoneDto, ObjectiveDto, OtherEpochDto,
    OtherMeasurementDto, OutcomeDto, ParentDto, RateDto, SourceDto, TeamDto, WorkDto,
};
pub use self::shapes::{HistoryDto, KeyResultDto, RecordedDto, ScorecardDto};
use self::word::Said;
use super::paging::Portion;
use super::words;
use crate::domain::cycle::Cycle;
use crate::domain::epoch::Measured;
use crate::domain::forecast::{Forecast, ForecastError, Rate};
use crate::domain::goals::{Feed, Initiative};
use crate::domain::history::{CheckIn, LastAttempt};
use crate::domain::id::{KeyResultId, KeyResultRef, ObjectiveId};
use crate::domain::link::Link;
use crate::domain::milestones::Milestone;
use crate::domain::quality::{Flag, Quality};
use crate::domain::scorecard::{KeyResultCard, ObjectiveCard};
use crate::domain::target::Aim;
use crate::domain::verdict::{Closing, Outcome};
use crate::engine::board::{Board, SourceBoard};
use crate::engine::lane::Held;
use crate::engine::told;
use crate::store::{Entry, Origin};
use crate::words::ENGLISH;

/// The whole scorecard; `now` decides which cycles are open.
#[must_use]
pub fn scorecard(board: &Board, now: Timestamp) -> ScorecardDto<'_> {
    let scorecard = &board.scorecard;
    ScorecardDto {
        at: scorecard.at,
        company: CompanyDto {
            name: &scorecard.company.name,
            vision: scorecard.company.vision.as_deref(),
            strategy: &scorecard.company.strategy,
        },
        cycles: scorecard.cycles.iter().map(|c| cycle(c, now)).collect(),
        objectives: scorecard
            .objectives()
            .map(|o| objective(board, o))
            .collect(),
        sources: board.sources.iter().map(|s| source(s, now)).collect(),
    }
}

/// The card that a name means: in the named cycle, or else in the newest open cycle that has it, or else in the newest.
#[must_use]
pub fn find<'a>(
    board: &'a Board,
    name: &KeyResultRef,
    now: Timestamp,
) -> Option<(&'a KeyResultCard, &'a Cycle)> {
    let cycles = &board.scorecard.cycles;
    let named = |id: &KeyResultId| {
        id.objective == name.objective
            && id.key_result == name.key_result
            && name.cycle.as_ref().is_none_or(|cycle| *cycle == id.cycle)
    };
    let cards = board
        .scorecard
        .objectives()
        .flat_map(|objective| &objective.key_results);
    cards
        .filter(|card| named(&card.key_result.id))
        .filter_map(|card| {
            let cycle = cycles
                .iter()
                .find(|cycle| cycle.name == card.key_result.id.cycle)?;
            Some((card.as_ref(), cycle))
        })
        .max_by_key(|(_, cycle)| (cycle.is_open(now), cycle.start()))
}

/// One key result.
#[must_use]
pub fn key_result(card: &KeyResultCard) -> KeyResultDto<'_> {
    let key_result = &card.key_result;
    let id = &key_result.id;
    KeyResultDto {
        id: id.to_string(),
        cycle: id.cycle.as_str(),
        objective: id.objective.as_str(),
        key_result: id.key_result.as_str(),
        title: &key_result.title,
        why: key_result.why.as_deref(),
        unit: &key_result.unit,
        kind: Said(key_result.kind),
        aim: Said(&key_result.aim),
        direction: Said(card.direction),
        role: Said(key_result.role),
        weight: card.weight(),
        source: key_result.feed.source(),
        formula: match &key_result.feed {
            Feed::Computed(formula) => Some(formula.to_string()),
            _ => None,
        },
        definition: &key_result.definition,
        carried_over_by: (!key_result.rebases.is_empty()).then(|| key_result.factor()),
        value: card.value.map(|(value, _)| value),
        as_of: card.value.map(|(_, as_of)| as_of),
        note: card.note.as_deref(),
        quality: quality(card.quality),
        stale: card.stale,
        stale_after_seconds: key_result.stale_after.as_secs_f64(),
        baseline: card.baseline,
        target: card.target,
        band: band(card),
        milestones: milestones(card),
        progress: card.progress,
        progress_raw: card.progress_raw,
        expected_progress: card.expected_progress,
        expected_value: card.expected_value,
        pace: card.pace,
        forecast: card.forecast.as_ref().ok().map(|told| forecast(card, told)),
        forecast_absent: card
            .forecast
            .as_ref()
            .err()
            .map(|why| ENGLISH.no_forecast(*why)),
        rate: card.rate.as_ref().map(rate),
        corrected_downward_on: card.corrected,
        status: Said(card.status),
        reason: ENGLISH.reason(card),
        status_since: card.status_since,
        last_attempt: card.last_attempt.as_ref().map(attempt),
        confidence: card.confidence,
        confidence_disagrees: card.is_contradicted(),
        check_in: card.check_in.as_ref().map(check_in),
        closing: (card.closing)
            .map(|closing| self::closing(closing, card.forecast_error, card.closed_at)),
    }
}

/// A page of the measurements of `[from, to)`, oldest first, each definition for itself unless it is carried over.
#[must_use]
pub fn history<'a>(
    card: &'a KeyResultCard,
    cycle: &Cycle,
    (from, to): (Timestamp, Timestamp),
    portion: &'a Portion,
    next: Option<String>,
) -> HistoryDto<'a> {
    let key_result = &card.key_result;
    let Portion { past, page, .. } = portion;
    let comparison = key_result.comparison(&past.epochs);
    let values = past.values.get(page.clone()).unwrap_or_default();
    // What joins a line depends on whole days, which reach beyond the page.
    let of_page = values.as_ptr_range();
    let line = comparison.line(&past.values, &cycle.zone).into_iter();
    let line = line.filter(|(measured, _)| of_page.contains(&ptr::from_ref(*measured)));
    let others = past.epochs.iter().map(|epoch| epoch.definition.as_str());
    let others = others.filter(|definition| comparison.factor(definition).is_none());
    HistoryDto {
        id: key_result.id.to_string(),
        cycle: key_result.id.cycle.as_str(),
        unit: &key_result.unit,
        from,
        to,
        next,
        definition: &key_result.definition,
        measurements: line
            .map(|(measured, factor)| MeasurementDto {
                as_of: measured.as_of,
                value: measured.value * factor,
                definition: &measured.definition,
                as_measured: (!comparison.is_in_force(&measured.definition))
                    .then_some(measured.value),
                origin: shapes::Origin(measured.origin),
                quality: quality(measured.quality),
            })
            .collect(),
        not_compared: others
            .map(|definition| other_epoch(definition, values))
            .filter(|other| !other.measurements.is_empty())
            .collect(),
    }
}

fn other_epoch<'a>(definition: &'a str, values: &[Measured]) -> OtherEpochDto<'a> {
    let of = values
        .iter()
        .filter(|value| *value.definition == *definition);
    let measurement = |value: &Measured| OtherMeasurementDto {
        as_of: value.as_of,
        value: value.value,
        origin: shapes::Origin(value.origin),
        quality: quality(value.quality),
    };
    OtherEpochDto {
        definition,
        measurements: of.map(measurement).collect(),
    }
}

/// A value that a program told.
#[must_use]
pub fn recorded(entry: &Entry) -> RecordedDto<'_> {
    let reading = entry.outcome.as_ref().ok();
    RecordedDto {
        id: entry.key_result.to_string(),
        cycle: entry.key_result.cycle.as_str(),
        as_of: entry.slot,
        value: reading.map(|reading| reading.value),
        exact: reading.and_then(|reading| reading.exact.as_deref()),
        note: match &entry.origin {
            Origin::Recorded { note, .. } => note.as_deref(),
            Origin::Polled | Origin::Backfilled => None,
        },
        recorded_at: entry.started_at,
        remark: told::remark(entry),
    }
}

fn cycle(cycle: &Cycle, now: Timestamp) -> CycleDto<'_> {
    CycleDto {
        name: cycle.name.as_str(),
        starts: cycle.first_day,
        ends: cycle.last_day,
        start: cycle.start(),
        end: cycle.end(),
        open: cycle.is_open(now),
        elapsed: cycle.elapsed(now),
    }
}

fn objective<'a>(board: &'a Board, card: &'a ObjectiveCard) -> ObjectiveDto<'a> {
    let objective = &card.objective;
    ObjectiveDto {
        cycle: objective.id.cycle.as_str(),
        id: objective.id.objective.as_str(),
        title: &objective.title,
        why: objective.why.as_deref(),
        team: objective.team.as_ref().map(|id| TeamDto {
            id: id.as_str(),
            name: board
                .scorecard
                .teams
                .get(id)
                .map_or(id.as_str(), |team| &team.name),
        }),
        parent: objective.parent.as_ref().map(|parent| ParentDto {
            objective: parent.objective.as_str(),
            link: Said(parent.link),
        }),
        ambition: Said(objective.ambition),
        status: Said(card.status),
        progress: card.progress,
        expected: card.expected,
        coverage: card.coverage,
        closing: (card.closing).map(|closing| self::closing(closing, None, card.closed_at)),
        key_results: card
            .key_results
            .iter()
            .map(|card| key_result(card))
            .collect(),
        initiatives: (objective.initiatives.iter())
            .map(|one| initiative(board, &objective.id, one))
            .collect(),
    }
}

fn initiative<'a>(
    board: &Board,
    objective: &ObjectiveId,
    initiative: &'a Initiative,
) -> InitiativeDto<'a> {
    let work = board.works.get(&(objective.clone(), initiative.id.clone()));
    InitiativeDto {
        id: initiative.id.as_str(),
        title: &initiative.title,
        state: Said(initiative.state),
        key_results: initiative
            .key_results
            .iter()
            .map(|id| id.as_str())
            .collect(),
        learned: initiative.learned.as_deref(),
        jira: initiative.jira.as_deref(),
        work: work.map(|(work, as_of)| WorkDto {
            done: work.done,
            of: work.of,
            as_of: *as_of,
        }),
        links: initiative.links.iter().map(Link::as_str).collect(),
    }
}

fn source(source: &SourceBoard, now: Timestamp) -> SourceDto<'_> {
    SourceDto {
        name: source.name.as_str(),
        kind: source.kind,
        up: source.up,
        suspended: source.suspended,
        breaker_open: source.breaker_open,
        held_until: source.held.and_then(Held::until),
        held: source
            .held
            .map(|held| words::held(ENGLISH, &source.name, held, now)),
        last_poll: source.last_poll,
        last_success: source.last_success,
        next_poll: source.next_poll,
        fault: source.fault.as_deref(),
    }
}

fn forecast(card: &KeyResultCard, forecast: &Forecast) -> ForecastDto {
    ForecastDto {
        value: forecast.value,
        progress_ratio: forecast.progress,
        low: forecast.low,
        high: forecast.high,
        method: Said(forecast.method),
        weak: forecast.weak,
        sentence: ENGLISH.forecast(forecast, &card.key_result.unit),
    }
}

fn rate(rate: &Rate) -> RateDto {
    RateDto {
        needed_per_day: rate.needed,
        actual_per_day: rate.actual,
        ratio: rate.ratio,
    }
}

fn band(card: &KeyResultCard) -> Option<BandDto> {
    let Aim::Hold(hold) = &card.key_result.aim else {
        return None;
    };
    let (at_least, at_most) = hold.band.bounds();
    Some(BandDto {
        at_least,
        at_most,
        expected_compliance: hold.compliance,
        in_band: card.in_band,
        compliance: card.compliance,
        coverage: card.coverage,
        budget_left: card.budget_left,
    })
}

fn milestones(card: &KeyResultCard) -> Option<Vec<MilestoneDto<'_>>> {
    let Aim::Milestones(milestones) = &card.key_result.aim else {
        return None;
    };
    Some(milestones.steps().iter().map(milestone).collect())
}

fn milestone(step: &Milestone) -> MilestoneDto<'_> {
    MilestoneDto {
        title: &step.title,
        weight: step.weight,
        due: step.due,
        done: step.done,
    }
}

fn attempt(attempt: &LastAttempt) -> AttemptDto<'_> {
    AttemptDto {
        at: attempt.at,
        successful: attempt.fault.is_none(),
        fault: attempt.fault.as_ref().map(|(class, message)| FaultDto {
            class: Said(*class),
            message,
        }),
    }
}

fn check_in(said: &CheckIn) -> CheckInDto<'_> {
    CheckInDto {
        at: said.at,
        confidence: said.confidence,
        note: said.note.as_deref(),
    }
}

fn closing(
    closing: Closing,
    forecast: Option<ForecastError>,
    closed_at: Option<Timestamp>,
) -> ClosingDto {
    let Outcome { score, verdict } = closing.as_amended;
    ClosingDto {
        score,
        verdict: Said(verdict),
        as_first_committed: OutcomeDto {
            score: closing.as_committed.score,
            verdict: Said(closing.as_committed.verdict),
        },
        forecast: forecast.map(|told| ForecastErrorDto {
            value: told.forecast,
            made_at: told.at,
            method: Said(told.method),
            error: told.error,
        }),
        closed_at,
    }
}

fn quality(known: Quality) -> Vec<Said<Flag>> {
    known.flags().map(Said).collect()
}
