//! The JSON of `/api/v1`: shapes of its own, so that a renamed field inside okrd breaks no user. What is not known is
//! `null`, never 0; times are RFC 3339 in UTC; ratios are 0 to 1.

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use super::words;
use crate::domain::cycle::Cycle;
use crate::domain::epoch::{Measured, Past};
use crate::domain::forecast::{Forecast, ForecastError, Rate};
use crate::domain::goals::{Feed, Initiative, ParentLink, Role};
use crate::domain::history::{CheckIn, LastAttempt};
use crate::domain::id::{KeyResultId, KeyResultRef};
use crate::domain::link::Link;
use crate::domain::milestones::Milestone;
use crate::domain::scorecard::{KeyResultCard, ObjectiveCard};
use crate::domain::target::Aim;
use crate::domain::verdict::{Closing, Outcome};
use crate::engine::board::{Board, SourceBoard};
use crate::engine::lane::Held;
use crate::engine::told;
use crate::store::{Entry, Origin};
use crate::words::ENGLISH;

/// An instant as RFC 3339 in UTC.
#[derive(Debug)]
struct Instant(Timestamp);

impl Serialize for Instant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// `GET scorecard`: everything that was agreed, judged.
#[derive(Debug, Serialize)]
pub struct ScorecardDto<'a> {
    at: Instant,
    company: CompanyDto<'a>,
    cycles: Vec<CycleDto<'a>>,
    objectives: Vec<ObjectiveDto<'a>>,
    sources: Vec<SourceDto<'a>>,
}

#[derive(Debug, Serialize)]
struct CompanyDto<'a> {
    name: &'a str,
    vision: Option<&'a str>,
    strategy: &'a [String],
}

#[derive(Debug, Serialize)]
struct CycleDto<'a> {
    name: &'a str,
    /// First day.
    starts: String,
    /// Last day, included.
    ends: String,
    start: Instant,
    /// The first instant after it.
    end: Instant,
    open: bool,
    elapsed: f64,
}

#[derive(Debug, Serialize)]
struct ObjectiveDto<'a> {
    cycle: &'a str,
    id: &'a str,
    title: &'a str,
    why: Option<&'a str>,
    team: Option<TeamDto<'a>>,
    parent: Option<ParentDto<'a>>,
    ambition: &'static str,
    status: &'static str,
    progress: Option<f64>,
    expected: Option<f64>,
    coverage: f64,
    /// How it ended, once the cycle is closed.
    closing: Option<ClosingDto>,
    key_results: Vec<KeyResultDto<'a>>,
    initiatives: Vec<InitiativeDto<'a>>,
}

#[derive(Debug, Serialize)]
struct TeamDto<'a> {
    id: &'a str,
    name: &'a str,
}

#[derive(Debug, Serialize)]
struct ParentDto<'a> {
    objective: &'a str,
    link: &'static str,
}

/// `GET key-results/{objective}/{key_result}`.
#[derive(Debug, Serialize)]
pub struct KeyResultDto<'a> {
    /// `objective/key_result`.
    id: String,
    cycle: &'a str,
    objective: &'a str,
    key_result: &'a str,
    title: &'a str,
    why: Option<&'a str>,
    unit: &'a str,
    kind: &'static str,
    aim: &'static str,
    direction: &'static str,
    role: &'static str,
    weight: f64,
    source: &'a str,
    /// How the value follows from other key results; `null` when it is measured.
    formula: Option<String>,
    /// What its values are measured by; a change begins a new epoch.
    definition: &'a str,
    /// What its rebases multiply agreed and earlier numbers by; `null` without one.
    carried_over_by: Option<f64>,
    /// The newest good value, however old; `stale` tells whether it is still believed.
    value: Option<f64>,
    /// The instant that the value describes.
    as_of: Option<Instant>,
    /// What people should know beside the value.
    note: Option<&'a str>,
    /// What is held against the value.
    quality: Vec<&'static str>,
    stale: bool,
    stale_after_seconds: f64,
    baseline: Option<f64>,
    target: Option<f64>,
    band: Option<BandDto>,
    milestones: Option<Vec<MilestoneDto<'a>>>,
    progress: Option<f64>,
    progress_raw: Option<f64>,
    expected_progress: Option<f64>,
    expected_value: Option<f64>,
    pace: Option<f64>,
    /// Where it plausibly ends; it stands beside the status and decides nothing.
    forecast: Option<ForecastDto>,
    /// One sentence that says why there is no forecast.
    forecast_absent: Option<String>,
    rate: Option<RateDto>,
    /// The newest day on which a flow was corrected downward.
    corrected_downward_on: Option<String>,
    status: &'static str,
    reason: String,
    status_since: Instant,
    last_attempt: Option<AttemptDto<'a>>,
    confidence: Option<f64>,
    /// Whether the confidence says something else than the status.
    confidence_disagrees: bool,
    /// What people said last.
    check_in: Option<CheckInDto<'a>>,
    /// How it ended, once the cycle is closed.
    closing: Option<ClosingDto>,
}

/// A check-in, without who told it.
#[derive(Debug, Serialize)]
struct CheckInDto<'a> {
    at: Instant,
    confidence: Option<f64>,
    note: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct ClosingDto {
    score: Option<f64>,
    verdict: &'static str,
    as_first_committed: OutcomeDto,
    /// How far the forecast that stood at half-time was off; of a key result.
    forecast: Option<ForecastErrorDto>,
    /// When it was kept for good; until then it follows the files.
    closed_at: Option<Instant>,
}

#[derive(Debug, Serialize)]
struct ForecastErrorDto {
    value: f64,
    made_at: Instant,
    method: &'static str,
    error: f64,
}

#[derive(Debug, Serialize)]
struct OutcomeDto {
    score: Option<f64>,
    verdict: &'static str,
}

#[derive(Debug, Serialize)]
struct ForecastDto {
    value: f64,
    progress_ratio: f64,
    low: Option<f64>,
    high: Option<f64>,
    method: &'static str,
    weak: bool,
    sentence: String,
}

#[derive(Debug, Serialize)]
struct RateDto {
    needed_per_day: f64,
    actual_per_day: Option<f64>,
    /// Needed over actual: more than 1 is too slow.
    ratio: Option<f64>,
}

#[derive(Debug, Serialize)]
struct BandDto {
    at_least: Option<f64>,
    at_most: Option<f64>,
    expected_compliance: f64,
    in_band: Option<bool>,
    compliance: Option<f64>,
    coverage: Option<f64>,
    budget_left: Option<f64>,
}

#[derive(Debug, Serialize)]
struct MilestoneDto<'a> {
    title: &'a str,
    weight: f64,
    due: Option<Instant>,
    done: Option<Instant>,
}

#[derive(Debug, Serialize)]
struct AttemptDto<'a> {
    at: Instant,
    successful: bool,
    fault: Option<FaultDto<'a>>,
}

#[derive(Debug, Serialize)]
struct FaultDto<'a> {
    class: &'static str,
    message: &'a str,
}

#[derive(Debug, Serialize)]
struct InitiativeDto<'a> {
    id: &'a str,
    title: &'a str,
    state: &'static str,
    key_results: Vec<&'a str>,
    learned: Option<&'a str>,
    jira: Option<&'a str>,
    links: Vec<&'a str>,
}

#[derive(Debug, Serialize)]
struct SourceDto<'a> {
    name: &'a str,
    kind: &'static str,
    up: Option<bool>,
    suspended: bool,
    breaker_open: bool,
    held_until: Option<Instant>,
    held: Option<String>,
    last_poll: Option<Instant>,
    last_success: Option<Instant>,
    next_poll: Option<Instant>,
    fault: Option<&'a str>,
}

/// `GET key-results/{objective}/{key_result}/history`.
#[derive(Debug, Serialize)]
pub struct HistoryDto<'a> {
    id: String,
    cycle: &'a str,
    unit: &'a str,
    from: Instant,
    to: Instant,
    /// Whether older measurements of the range are left out because there are too many.
    truncated: bool,
    /// The definition in force.
    definition: &'a str,
    /// What makes one line: measured by the definition in force, or carried over.
    measurements: Vec<MeasurementDto<'a>>,
    /// What other definitions gave, one entry each; on no line with anything else.
    not_compared: Vec<OtherEpochDto<'a>>,
}

#[derive(Debug, Serialize)]
struct MeasurementDto<'a> {
    as_of: Instant,
    /// In the units of the definition in force.
    value: f64,
    definition: &'a str,
    /// The number as it was measured, where `value` is carried over.
    as_measured: Option<f64>,
    /// How it came about.
    origin: &'static str,
    /// What is held against it.
    quality: Vec<&'static str>,
}

#[derive(Debug, Serialize)]
struct OtherEpochDto<'a> {
    definition: &'a str,
    measurements: Vec<OtherMeasurementDto>,
}

#[derive(Debug, Serialize)]
struct OtherMeasurementDto {
    as_of: Instant,
    value: f64,
    /// How it came about.
    origin: &'static str,
    /// What is held against it.
    quality: Vec<&'static str>,
}

/// `POST key-results/{objective}/{key_result}/measurements`: what is on disk now.
#[derive(Debug, Serialize)]
pub struct RecordedDto<'a> {
    id: String,
    cycle: &'a str,
    /// The instant it describes.
    as_of: Instant,
    value: Option<f64>,
    /// All digits, where the value rounds them.
    exact: Option<&'a str>,
    note: Option<&'a str>,
    recorded_at: Instant,
    /// What should be known of a value that lies outside its cycle.
    remark: Option<String>,
}

/// The longest history in one answer; of a longer one the newest part is given.
const LONGEST_HISTORY: usize = 20_000;

/// The whole scorecard; `now` decides which cycles are open.
#[must_use]
pub fn scorecard(board: &Board, now: Timestamp) -> ScorecardDto<'_> {
    let scorecard = &board.scorecard;
    ScorecardDto {
        at: Instant(scorecard.at),
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
        kind: key_result.kind.as_str(),
        aim: key_result.aim.as_str(),
        direction: card.direction.as_str(),
        role: role(key_result.role),
        weight: card.weight(),
        source: key_result.feed.source(),
        formula: match &key_result.feed {
            Feed::Computed(formula) => Some(formula.to_string()),
            _ => None,
        },
        definition: &key_result.definition,
        carried_over_by: (!key_result.rebases.is_empty()).then(|| key_result.factor()),
        value: card.value.map(|(value, _)| value),
        as_of: card.value.map(|(_, as_of)| Instant(as_of)),
        note: card.note.as_deref(),
        quality: card.quality.words(),
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
        corrected_downward_on: card.corrected.map(|day| day.to_string()),
        status: card.status.as_str(),
        reason: ENGLISH.reason(card),
        status_since: Instant(card.status_since),
        last_attempt: card.last_attempt.as_ref().map(attempt),
        confidence: card.confidence,
        confidence_disagrees: card.is_contradicted(),
        check_in: card.check_in.as_ref().map(check_in),
        closing: (card.closing)
            .map(|closing| self::closing(closing, card.forecast_error, card.closed_at)),
    }
}

/// Measurements of `[from, to)`, oldest first, each definition for itself unless it is carried over.
#[must_use]
pub fn history<'a>(
    card: &'a KeyResultCard,
    cycle: &Cycle,
    (from, to): (Timestamp, Timestamp),
    past: &'a Past,
) -> HistoryDto<'a> {
    let key_result = &card.key_result;
    let comparison = key_result.comparison(&past.epochs);
    let skipped = past.values.len().saturating_sub(LONGEST_HISTORY);
    let values = past.values.get(skipped..).unwrap_or_default();
    let line = comparison.line(values, &cycle.zone);
    let others = past.epochs.iter().map(|epoch| epoch.definition.as_str());
    let others = others.filter(|definition| comparison.factor(definition).is_none());
    HistoryDto {
        id: key_result.id.to_string(),
        cycle: key_result.id.cycle.as_str(),
        unit: &key_result.unit,
        from: Instant(from),
        to: Instant(to),
        truncated: skipped > 0,
        definition: &key_result.definition,
        measurements: line
            .into_iter()
            .map(|(measured, factor)| MeasurementDto {
                as_of: Instant(measured.as_of),
                value: measured.value * factor,
                definition: &measured.definition,
                as_measured: (!comparison.is_in_force(&measured.definition))
                    .then_some(measured.value),
                origin: measured.origin,
                quality: measured.quality.words(),
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
        as_of: Instant(value.as_of),
        value: value.value,
        origin: value.origin,
        quality: value.quality.words(),
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
        as_of: Instant(entry.slot),
        value: reading.map(|reading| reading.value),
        exact: reading.and_then(|reading| reading.exact.as_deref()),
        note: match &entry.origin {
            Origin::Recorded { note, .. } => note.as_deref(),
            Origin::Polled | Origin::Backfilled => None,
        },
        recorded_at: Instant(entry.started_at),
        remark: told::remark(entry),
    }
}

fn cycle(cycle: &Cycle, now: Timestamp) -> CycleDto<'_> {
    CycleDto {
        name: cycle.name.as_str(),
        starts: cycle.first_day.to_string(),
        ends: cycle.last_day.to_string(),
        start: Instant(cycle.start()),
        end: Instant(cycle.end()),
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
            link: match parent.link {
                ParentLink::Supports => "supports",
                ParentLink::Contributes => "contributes",
            },
        }),
        ambition: objective.ambition.as_str(),
        status: card.status.as_str(),
        progress: card.progress,
        expected: card.expected,
        coverage: card.coverage,
        closing: (card.closing).map(|closing| self::closing(closing, None, card.closed_at)),
        key_results: card
            .key_results
            .iter()
            .map(|card| key_result(card))
            .collect(),
        initiatives: objective.initiatives.iter().map(initiative).collect(),
    }
}

fn initiative(initiative: &Initiative) -> InitiativeDto<'_> {
    InitiativeDto {
        id: initiative.id.as_str(),
        title: &initiative.title,
        state: initiative.state.as_str(),
        key_results: initiative
            .key_results
            .iter()
            .map(|id| id.as_str())
            .collect(),
        learned: initiative.learned.as_deref(),
        jira: initiative.jira.as_deref(),
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
        held_until: source.held.and_then(Held::until).map(Instant),
        held: source
            .held
            .map(|held| words::held(ENGLISH, &source.name, held, now)),
        last_poll: source.last_poll.map(Instant),
        last_success: source.last_success.map(Instant),
        next_poll: source.next_poll.map(Instant),
        fault: source.fault.as_deref(),
    }
}

fn forecast(card: &KeyResultCard, forecast: &Forecast) -> ForecastDto {
    ForecastDto {
        value: forecast.value,
        progress_ratio: forecast.progress,
        low: forecast.low,
        high: forecast.high,
        method: forecast.method.as_str(),
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
        due: step.due.map(Instant),
        done: step.done.map(Instant),
    }
}

fn attempt(attempt: &LastAttempt) -> AttemptDto<'_> {
    AttemptDto {
        at: Instant(attempt.at),
        successful: attempt.fault.is_none(),
        fault: attempt.fault.as_ref().map(|(class, message)| FaultDto {
            class: class.as_str(),
            message,
        }),
    }
}

fn check_in(said: &CheckIn) -> CheckInDto<'_> {
    CheckInDto {
        at: Instant(said.at),
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
        verdict: verdict.as_str(),
        as_first_committed: OutcomeDto {
            score: closing.as_committed.score,
            verdict: closing.as_committed.verdict.as_str(),
        },
        forecast: forecast.map(|told| ForecastErrorDto {
            value: told.forecast,
            made_at: Instant(told.at),
            method: told.method.as_str(),
            error: told.error,
        }),
        closed_at: closed_at.map(Instant),
    }
}

fn role(role: Role) -> &'static str {
    match role {
        Role::Contributes => "contributes",
        Role::Guardrail => "guardrail",
    }
}
