//! The shapes of the JSON of `/api/v1`, from which its description is made: what is written here is what the description
//! says. Each field is always there; what is not known is `null`. Knows nothing of how they are filled.

use jiff::Timestamp;
use jiff::civil::Date;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};

use super::word::Said;
use crate::domain::fault::FaultClass;
use crate::domain::forecast::Method;
use crate::domain::goals::{InitiativeState, Kind, ParentLink, Role};
use crate::domain::method::Ambition;
use crate::domain::quality::Flag;
use crate::domain::status::Status;
use crate::domain::target::{Aim, Direction};
use crate::domain::verdict::Verdict;

/// Everything that was agreed, judged.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Scorecard", deny_unknown_fields)]
pub struct ScorecardDto<'a> {
    /// The instant it was judged at.
    pub(super) at: Timestamp,
    pub(super) company: CompanyDto<'a>,
    pub(super) cycles: Vec<CycleDto<'a>>,
    pub(super) objectives: Vec<ObjectiveDto<'a>>,
    pub(super) sources: Vec<SourceDto<'a>>,
}

/// The company.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Company", deny_unknown_fields)]
pub(super) struct CompanyDto<'a> {
    pub(super) name: &'a str,
    pub(super) vision: Option<&'a str>,
    pub(super) strategy: &'a [String],
}

/// A stretch of whole days.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Cycle", deny_unknown_fields)]
pub(super) struct CycleDto<'a> {
    pub(super) name: &'a str,
    /// First day.
    pub(super) starts: Date,
    /// Last day, included.
    pub(super) ends: Date,
    pub(super) start: Timestamp,
    /// The first instant after it.
    pub(super) end: Timestamp,
    pub(super) open: bool,
    /// Share of it that has passed.
    #[schemars(range(min = 0, max = 1))]
    pub(super) elapsed: f64,
}

/// A qualitative aim, proven by its key results.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Objective", deny_unknown_fields)]
pub(super) struct ObjectiveDto<'a> {
    pub(super) cycle: &'a str,
    pub(super) id: &'a str,
    pub(super) title: &'a str,
    pub(super) why: Option<&'a str>,
    /// The team; null on company level.
    pub(super) team: Option<TeamDto<'a>>,
    /// The objective it serves.
    pub(super) parent: Option<ParentDto<'a>>,
    pub(super) ambition: Said<Ambition>,
    pub(super) status: Said<Status>,
    /// Weighted mean of what is known; null when nothing is.
    #[schemars(range(min = 0, max = 1))]
    pub(super) progress: Option<f64>,
    /// Progress that the plan expects by now.
    pub(super) expected: Option<f64>,
    /// Share of the weights that is known.
    #[schemars(range(min = 0, max = 1))]
    pub(super) coverage: f64,
    /// How it ended, once the cycle is closed.
    pub(super) closing: Option<ClosingDto>,
    pub(super) key_results: Vec<KeyResultDto<'a>>,
    pub(super) initiatives: Vec<InitiativeDto<'a>>,
}

/// A team.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Team", deny_unknown_fields)]
pub(super) struct TeamDto<'a> {
    pub(super) id: &'a str,
    pub(super) name: &'a str,
}

/// The objective that another one serves.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Parent", deny_unknown_fields)]
pub(super) struct ParentDto<'a> {
    pub(super) objective: &'a str,
    pub(super) link: Said<ParentLink>,
}

/// One measured number.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "KeyResult", deny_unknown_fields)]
pub struct KeyResultDto<'a> {
    /// `objective/key_result`.
    pub(super) id: String,
    pub(super) cycle: &'a str,
    pub(super) objective: &'a str,
    pub(super) key_result: &'a str,
    pub(super) title: &'a str,
    pub(super) why: Option<&'a str>,
    pub(super) unit: &'a str,
    pub(super) kind: Said<Kind>,
    pub(super) aim: Said<&'a Aim>,
    pub(super) direction: Said<Direction>,
    pub(super) role: Said<Role>,
    #[schemars(range(min = 0))]
    pub(super) weight: f64,
    /// Name of the source, or manual, formula, files.
    pub(super) source: &'a str,
    /// How the value follows from other key results of the objective; null when it is measured.
    pub(super) formula: Option<String>,
    /// What its values are measured by, as a hash. A change begins a new epoch: values of two epochs are not compared.
    pub(super) definition: &'a str,
    /// What its rebases multiply agreed and earlier numbers by; null without one.
    pub(super) carried_over_by: Option<f64>,
    /// The newest good value, however old; `stale` tells whether it is still believed.
    pub(super) value: Option<f64>,
    /// The instant that the value describes.
    pub(super) as_of: Option<Timestamp>,
    /// What people should know beside the value, such as that a part of it may be missing.
    pub(super) note: Option<&'a str>,
    /// What is held against the value; empty when nothing is known against it.
    pub(super) quality: Vec<Said<Flag>>,
    /// Whether the value is too old to be believed.
    pub(super) stale: bool,
    pub(super) stale_after_seconds: f64,
    pub(super) baseline: Option<f64>,
    pub(super) target: Option<f64>,
    pub(super) band: Option<BandDto>,
    /// The steps, of a key result that has milestones.
    pub(super) milestones: Option<Vec<MilestoneDto<'a>>>,
    /// Share of the way, clamped.
    #[schemars(range(min = 0, max = 1))]
    pub(super) progress: Option<f64>,
    /// Share of the way, not clamped.
    pub(super) progress_raw: Option<f64>,
    /// Share of the way planned by now.
    pub(super) expected_progress: Option<f64>,
    pub(super) expected_value: Option<f64>,
    /// Progress against the plan; 1 is as planned.
    pub(super) pace: Option<f64>,
    pub(super) forecast: Option<ForecastDto>,
    /// One sentence that says why there is no forecast; null when there is one.
    pub(super) forecast_absent: Option<String>,
    pub(super) rate: Option<RateDto>,
    /// The newest day on which a flow was less than on the day before, while its cycle runs. It was corrected, and the
    /// newest value is believed.
    pub(super) corrected_downward_on: Option<Date>,
    pub(super) status: Said<Status>,
    /// One sentence that says why.
    pub(super) reason: String,
    pub(super) status_since: Timestamp,
    pub(super) last_attempt: Option<AttemptDto<'a>>,
    /// The newest confidence told by people.
    #[schemars(range(min = 0, max = 1))]
    pub(super) confidence: Option<f64>,
    /// Whether the confidence says something else than the status.
    pub(super) confidence_disagrees: bool,
    /// What people said last.
    pub(super) check_in: Option<CheckInDto<'a>>,
    /// How it ended, once the cycle is closed.
    pub(super) closing: Option<ClosingDto>,
}

/// What people said last, without who said it.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "CheckIn", deny_unknown_fields)]
pub(super) struct CheckInDto<'a> {
    pub(super) at: Timestamp,
    #[schemars(range(min = 0, max = 1))]
    pub(super) confidence: Option<f64>,
    pub(super) note: Option<&'a str>,
}

/// How it ended.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Closing", deny_unknown_fields)]
pub(super) struct ClosingDto {
    /// With all amendments; null when there is none.
    #[schemars(range(min = 0, max = 1))]
    pub(super) score: Option<f64>,
    pub(super) verdict: Said<Verdict>,
    pub(super) as_first_committed: OutcomeDto,
    /// The forecast that stood at half-time, so that its method earns or loses trust. Null of an objective, and when none
    /// was made in the two weeks before the middle of the cycle.
    pub(super) forecast: Option<ForecastErrorDto>,
    /// When it was kept for good with `okrd close`; null before.
    pub(super) closed_at: Option<Timestamp>,
}

/// How far a forecast was off.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ForecastError", deny_unknown_fields)]
pub(super) struct ForecastErrorDto {
    /// What was forecast, in its unit.
    pub(super) value: f64,
    pub(super) made_at: Timestamp,
    pub(super) method: Said<Method>,
    /// Its distance from the final value, in its unit.
    #[schemars(range(min = 0))]
    pub(super) error: f64,
}

/// A final score with its verdict.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Outcome", deny_unknown_fields)]
pub(super) struct OutcomeDto {
    /// Null when there is none.
    #[schemars(range(min = 0, max = 1))]
    pub(super) score: Option<f64>,
    pub(super) verdict: Said<Verdict>,
}

/// Where it plausibly ends when it goes on like this. It stands beside the status and decides nothing.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Forecast", deny_unknown_fields)]
pub(super) struct ForecastDto {
    /// At the end of the cycle, in its unit.
    pub(super) value: f64,
    /// Share of the way that it would have made, not clamped.
    pub(super) progress_ratio: f64,
    /// Lower end of the plausible range, which is no probability.
    pub(super) low: Option<f64>,
    /// Upper end of the plausible range.
    pub(super) high: Option<f64>,
    pub(super) method: Said<Method>,
    /// Whether more than twice the measured span lies ahead.
    pub(super) weak: bool,
    /// The same for people.
    pub(super) sentence: String,
}

/// How fast it has to change to meet the target, and how fast it does. Null unless the cycle runs and the value is believed.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Rate", deny_unknown_fields)]
pub(super) struct RateDto {
    /// In its unit, over the days left.
    pub(super) needed_per_day: f64,
    /// As the forecast has it; null without one.
    pub(super) actual_per_day: Option<f64>,
    /// Needed over actual: more than 1 is too slow. Null when it stands still or leads elsewhere.
    pub(super) ratio: Option<f64>,
}

/// The bounds to keep, of a key result that holds a level.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Band", deny_unknown_fields)]
pub(super) struct BandDto {
    pub(super) at_least: Option<f64>,
    pub(super) at_most: Option<f64>,
    /// Share of the time that it should lie within bounds.
    pub(super) expected_compliance: f64,
    /// Whether the value lies within bounds.
    pub(super) in_band: Option<bool>,
    /// Share of known time within bounds.
    pub(super) compliance: Option<f64>,
    /// Share of the elapsed time that is known.
    pub(super) coverage: Option<f64>,
    /// Share of the allowed time out of bounds that is left; may be negative.
    pub(super) budget_left: Option<f64>,
}

/// A step that is done or not.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Milestone", deny_unknown_fields)]
pub(super) struct MilestoneDto<'a> {
    pub(super) title: &'a str,
    pub(super) weight: f64,
    /// The instant by which it is due; null for the end of the cycle.
    pub(super) due: Option<Timestamp>,
    /// Since when it is done.
    pub(super) done: Option<Timestamp>,
}

/// The newest attempt to measure.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Attempt", deny_unknown_fields)]
pub(super) struct AttemptDto<'a> {
    pub(super) at: Timestamp,
    pub(super) successful: bool,
    pub(super) fault: Option<FaultDto<'a>>,
}

/// Why there was no number.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Fault", deny_unknown_fields)]
pub(super) struct FaultDto<'a> {
    pub(super) class: Said<FaultClass>,
    pub(super) message: &'a str,
}

/// Work that a team tries; never counts into progress, and a dropped one is no failure.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Initiative", deny_unknown_fields)]
pub(super) struct InitiativeDto<'a> {
    pub(super) id: &'a str,
    pub(super) title: &'a str,
    pub(super) state: Said<InitiativeState>,
    /// Key results of the same objective that it is meant to move.
    pub(super) key_results: Vec<&'a str>,
    pub(super) learned: Option<&'a str>,
    /// The key of its Jira issue.
    pub(super) jira: Option<&'a str>,
    /// How far the work under that issue is; null where nobody could count it within a day.
    pub(super) work: Option<WorkDto>,
    /// Where more is told about it, without logins.
    #[schemars(inner(regex(pattern = "^https?://")))]
    pub(super) links: Vec<&'a str>,
}

/// Issues under an initiative's own, which count into no progress.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Work", deny_unknown_fields)]
pub(super) struct WorkDto {
    /// How many of them are done.
    pub(super) done: u64,
    /// How many there are, at least one.
    pub(super) of: u64,
    /// When they were counted.
    pub(super) as_of: Timestamp,
}

/// How a source does.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Source", deny_unknown_fields)]
pub(super) struct SourceDto<'a> {
    pub(super) name: &'a str,
    pub(super) kind: &'static str,
    /// Whether the newest poll worked; null before the first.
    pub(super) up: Option<bool>,
    /// The login was refused; nothing is asked until its secret changes or somebody runs okrd resume.
    pub(super) suspended: bool,
    /// It failed several times in a row; one question at a time tells whether it is back.
    pub(super) breaker_open: bool,
    /// Until when nothing is asked; null when nothing holds it back, or nothing but a person or another secret ends it.
    pub(super) held_until: Option<Timestamp>,
    /// Why nothing is asked now, and what to do about it; null when it is asked as ever.
    pub(super) held: Option<String>,
    pub(super) last_poll: Option<Timestamp>,
    pub(super) last_success: Option<Timestamp>,
    pub(super) next_poll: Option<Timestamp>,
    pub(super) fault: Option<&'a str>,
}

/// Values of one key result, measured or computed, oldest first; a page of them.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "History", deny_unknown_fields)]
pub struct HistoryDto<'a> {
    /// `objective/key_result`.
    pub(super) id: String,
    pub(super) cycle: &'a str,
    pub(super) unit: &'a str,
    /// First instant of the range.
    pub(super) from: Timestamp,
    /// The first instant after the range.
    pub(super) to: Timestamp,
    /// Where the next page is, as a path with its query; null when this is the last one.
    pub(super) next: Option<String>,
    /// The definition in force.
    pub(super) definition: &'a str,
    /// What makes one line: measured by the definition in force, or carried over by a rebase.
    pub(super) measurements: Vec<MeasurementDto<'a>>,
    /// What other definitions gave, one entry each. Draw no line through two of them.
    pub(super) not_compared: Vec<OtherEpochDto<'a>>,
}

/// One measurement.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Measurement", deny_unknown_fields)]
pub(super) struct MeasurementDto<'a> {
    pub(super) as_of: Timestamp,
    /// In the units of the definition in force.
    pub(super) value: f64,
    /// The definition that measured it.
    pub(super) definition: &'a str,
    /// The number as it was measured, where `value` is carried over.
    pub(super) as_measured: Option<f64>,
    pub(super) origin: Origin,
    /// What is held against it; empty when nothing is known against it.
    pub(super) quality: Vec<Said<Flag>>,
}

/// How a value came about: a source was asked, was asked later for that instant, someone told it, it follows from other key
/// results, or it is the last of a day whose single values are no longer kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin(pub(super) &'static str);

impl Serialize for Origin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0)
    }
}

impl JsonSchema for Origin {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Origin".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "How a value came about: a source was asked, was asked later for that instant, someone told it, it follows from other key results, or it is the last of a day whose single values are no longer kept.",
            "enum": ["polled", "backfilled", "recorded", "computed", "daily"],
        })
    }
}

/// What one other definition gave.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "OtherEpoch", deny_unknown_fields)]
pub(super) struct OtherEpochDto<'a> {
    pub(super) definition: &'a str,
    pub(super) measurements: Vec<OtherMeasurementDto>,
}

/// One measurement by another definition.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "OtherMeasurement", deny_unknown_fields)]
pub(super) struct OtherMeasurementDto {
    pub(super) as_of: Timestamp,
    pub(super) value: f64,
    pub(super) origin: Origin,
    /// What is held against it.
    pub(super) quality: Vec<Said<Flag>>,
}

/// A value that is on disk.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Recorded", deny_unknown_fields)]
pub struct RecordedDto<'a> {
    /// `objective/key_result`.
    pub(super) id: String,
    pub(super) cycle: &'a str,
    /// The instant it describes.
    pub(super) as_of: Timestamp,
    pub(super) value: Option<f64>,
    /// All digits, where the value rounds them.
    pub(super) exact: Option<&'a str>,
    /// The words beside it.
    pub(super) note: Option<&'a str>,
    /// When it was told.
    pub(super) recorded_at: Timestamp,
    /// What should be known of a value that lies outside its cycle.
    pub(super) remark: Option<String>,
}
