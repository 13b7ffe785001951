//! `okrd close`: keeps for good how a cycle ended, once late data can no longer change it, and shows it. A second close
//! changes nothing. Speaks of targets and never of people.

use std::path::Path;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::args::{CloseArgs, Format};
use super::exit::{Failure, Verdict, complain, say};
use super::table::{Align, Table, printable};
use super::{configuration, runtime, when};
use crate::config::spec::Config;
use crate::domain::cycle::Cycle;
use crate::domain::forecast::ForecastError;
use crate::domain::goals::{Ambition, Goals};
use crate::domain::id::CycleName;
use crate::domain::scorecard::{KeyResultCard, ObjectiveCard, Scorecard, score};
use crate::domain::status::Phase;
use crate::domain::verdict::{self, Closing, Outcome, SetReading};
use crate::engine::clock::{Clock, SystemClock};
use crate::store::{Close, Reader, Store, StoreError};
use crate::words::ENGLISH;

/// Closes the cycle; when this returns, how it ended is on disk.
///
/// # Errors
/// When the configuration, the name or the store is at fault, or the cycle still takes data.
pub fn run(config: Option<&Path>, args: &CloseArgs) -> Result<Verdict, Failure> {
    let config = configuration::valid(config)?;
    let now = SystemClock.now();
    let cycle = find(&config.goals, &args.cycle)?;
    over(cycle, &config, now)?;
    let before = closed_at(&config, &cycle.name)?;
    if before.is_none() {
        keep(&config, &cycle.name, now)?;
    }
    let reader = Reader::open(&config.store.path)?;
    let scorecard = score(&config.goals, &reader.load(&config.goals)?.history, now);
    let objectives: Vec<&ObjectiveCard> = scorecard
        .objectives()
        .filter(|card| card.objective.id.cycle == cycle.name)
        .collect();
    let at = reader.closed_at(&cycle.name)?;
    say(&match args.format {
        Format::Text => text(&scorecard, &objectives, &config.zone),
        Format::Json => json(cycle, &objectives, at, before.is_some()),
    })?;
    complain(&remark(cycle, at, before.is_some(), &config.zone));
    Ok(Verdict::Yes)
}

fn remark(cycle: &Cycle, at: Option<Timestamp>, before: bool, zone: &TimeZone) -> String {
    match (at, before) {
        (None, _) => format!(
            "note: cycle {} has no objectives, so there is nothing to keep\n",
            cycle.name
        ),
        (Some(at), true) => format!(
            "note: cycle {} was closed at {}; that stands and nothing was changed\n",
            cycle.name,
            when::show(at, zone)
        ),
        (Some(_), false) => String::new(),
    }
}

pub(super) fn find<'a>(goals: &'a Goals, text: &str) -> Result<&'a Cycle, Failure> {
    let found = CycleName::parse(text).ok();
    let found = found.and_then(|name| goals.cycles.get(&name));
    found.ok_or_else(|| {
        let known = goals.cycles.keys().map(CycleName::as_str);
        let nearest = known
            .map(|name| (strsim::damerau_levenshtein(name, text), name))
            .min()
            .filter(|(distance, name)| *distance <= name.len() / 3 + 1);
        let hint = nearest.map_or_else(
            || "see `okrd status` for all of them".to_owned(),
            |(_, name)| format!("did you mean `{name}`?"),
        );
        Failure::usage(format!("no cycle `{}`: {hint}", text.escape_debug()))
    })
}

/// That the cycle takes no more data.
fn over(cycle: &Cycle, config: &Config, now: Timestamp) -> Result<(), Failure> {
    if Phase::of(cycle, now) == Phase::Closed {
        return Ok(());
    }
    let settled = cycle.end() + Phase::SETTLE;
    Err(Failure::usage(format!(
        "cycle {} ends with {} and takes late data until {}: close it from then on",
        cycle.name,
        cycle.last_day,
        when::show(settled, &config.zone)
    )))
}

fn closed_at(config: &Config, cycle: &CycleName) -> Result<Option<Timestamp>, Failure> {
    match Reader::open(&config.store.path) {
        Ok(reader) => Ok(reader.closed_at(cycle)?),
        // A store that is made or migrated by the first write has no closing.
        Err(StoreError::Missing { .. } | StoreError::Older { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn keep(config: &Config, cycle: &CycleName, now: Timestamp) -> Result<(), Failure> {
    let runtime = runtime::small()?;
    runtime.block_on(async {
        let store = Store::open_shared_as(&config.store, runtime::VERSION, now)?;
        let questions = configuration::questions(config);
        store
            .keep_revision(&config.revision, now, questions)
            .await?;
        let loaded = store.load(&config.goals)?;
        let scorecard = score(&config.goals, &loaded.history, now);
        store.keep_close(Close::of(&scorecard, cycle)).await?;
        store.close().await
    })?;
    Ok(())
}

fn text(scorecard: &Scorecard, objectives: &[&ObjectiveCard], zone: &TimeZone) -> String {
    let mut out = String::new();
    for card in objectives {
        out.push_str(&block(card, scorecard, zone));
        out.push('\n');
    }
    for set in sets(objectives) {
        out.push_str(&format!(
            "{}: {} on average over {}: {}\n",
            set.level,
            tenths(set.mean),
            count(set.scores),
            set.reading.words()
        ));
    }
    let causes = causes_wanted(objectives);
    if !causes.is_empty() {
        out.push_str("\nCommitted and missed: write down the cause, for the next plan\n");
        for card in causes {
            let id = card.key_result.id.full();
            out.push_str(&format!("  okrd annotate {id} \"…\"\n"));
        }
    }
    out
}

fn block(card: &ObjectiveCard, scorecard: &Scorecard, zone: &TimeZone) -> String {
    let objective = &card.objective;
    let team = objective.team.as_ref().map_or("company", |team| {
        let known = scorecard.teams.get(team);
        known.map_or(team.as_str(), |team| team.name.as_str())
    });
    let mut out = format!(
        "{} ({}, {})\n  {}\n",
        printable(&objective.title),
        printable(team),
        objective.ambition.as_str(),
        card.closing.map_or_else(
            || "not scored".to_owned(),
            |closing| ending(closing, objective.ambition)
        ),
    );
    let mut table = Table::new([
        ("KEY RESULT", Align::Left),
        ("SCORE", Align::Right),
        ("VERDICT", Align::Left),
        ("AS FIRST COMMITTED", Align::Left),
        ("AS OF", Align::Left),
        ("FORECAST AT HALF-TIME", Align::Left),
    ]);
    for kr in &card.key_results {
        let Some(closing) = kr.closing else { continue };
        let first = closing.committed_otherwise();
        table.row([
            kr.key_result.id.key_result.to_string(),
            closing
                .as_amended
                .score
                .map_or_else(|| "–".to_owned(), tenths),
            ENGLISH.verdict(closing.as_amended.verdict).to_owned(),
            first.map_or_else(|| "the same".to_owned(), |first| ENGLISH.outcome(first)),
            kr.value.map_or_else(
                || "never measured".to_owned(),
                |(_, at)| when::show(at, zone),
            ),
            kr.forecast_error
                .map_or_else(|| "none".to_owned(), |told| off_by(told, kr)),
        ]);
    }
    out.push_str(&table.render(2));
    out
}

/// `off by 30 subscribers (theil_sen)`.
fn off_by(told: ForecastError, kr: &KeyResultCard) -> String {
    let error = ENGLISH.quantity(told.error, &kr.key_result.unit);
    format!("off by {} ({})", printable(&error), told.method.as_str())
}

/// `score 0.6, achieved; 0.4, partial as first committed`.
fn ending(closing: Closing, ambition: Ambition) -> String {
    let found = closing.as_amended;
    let mut text = match found.score {
        Some(_) => format!("score {}", ENGLISH.outcome(found)),
        None => ENGLISH.outcome(found),
    };
    if let Some(advice) = ENGLISH.advice(found.verdict, ambition) {
        text += &format!(": {advice}");
    }
    if let Some(first) = closing.committed_otherwise() {
        text += &format!("; {} as first committed", ENGLISH.outcome(first));
    }
    text
}

fn tenths(score: f64) -> String {
    format!("{:.1}", verdict::tenths(score))
}

fn count(objectives: usize) -> String {
    match objectives {
        1 => "1 objective".to_owned(),
        n => format!("{n} objectives"),
    }
}

/// Key results of committed objectives that were missed, guardrails aside.
fn causes_wanted<'a>(objectives: &[&'a ObjectiveCard]) -> Vec<&'a KeyResultCard> {
    let committed = |card: &&&ObjectiveCard| card.objective.ambition == Ambition::Committed;
    let objectives = objectives.iter().filter(committed);
    objectives
        .flat_map(|card| &card.key_results)
        .filter(|kr| kr.weight() > 0.0)
        .filter(|kr| kr.verdict() == Some(verdict::Verdict::Missed))
        .map(AsRef::as_ref)
        .collect()
}

/// What the objectives of one level say together.
struct Set {
    level: &'static str,
    mean: f64,
    scores: usize,
    reading: SetReading,
}

/// The sets that have a score: the company's objectives and all teams' together, since a mean of a single small team would
/// speak of people.
fn sets(objectives: &[&ObjectiveCard]) -> Vec<Set> {
    let of_level = |level, team: bool| {
        let of_level = objectives
            .iter()
            .filter(|card| card.objective.team.is_some() == team);
        let scores: Vec<f64> = of_level.filter_map(|card| card.final_score()).collect();
        let mean = verdict::mean(scores.iter().copied())?;
        Some(Set {
            level,
            mean,
            scores: scores.len(),
            reading: SetReading::of(mean),
        })
    };
    let levels = [of_level("company", false), of_level("teams", true)];
    levels.into_iter().flatten().collect()
}

fn json(
    cycle: &Cycle,
    objectives: &[&ObjectiveCard],
    at: Option<Timestamp>,
    before: bool,
) -> String {
    let causes: Vec<_> = causes_wanted(objectives)
        .iter()
        .map(|card| card.key_result.id.full())
        .collect();
    let sets: Vec<_> = sets(objectives)
        .iter()
        .map(|set| {
            json!({
                "level": set.level,
                "mean": set.mean,
                "objectives": set.scores,
                "reading": set.reading.as_str(),
            })
        })
        .collect();
    let document = json!({
        "cycle": cycle.name.as_str(),
        "closed_at": at.map(|at| at.to_string()),
        "closed_before": before,
        "objectives": objectives.iter().map(|card| objective_json(card)).collect::<Vec<_>>(),
        "sets": sets,
        "causes_wanted": causes,
    });
    format!("{document:#}\n")
}

fn objective_json(card: &ObjectiveCard) -> Value {
    let key_results = card.key_results.iter().map(|kr| {
        json!({
            "id": kr.key_result.id.to_string(),
            "value": kr.value.map(|(value, _)| value),
            "as_of": kr.value.map(|(_, at)| at.to_string()),
            "as_amended": kr.closing.map(|closing| outcome_json(closing.as_amended)),
            "as_first_committed": kr.closing.map(|closing| outcome_json(closing.as_committed)),
            "forecast": kr.forecast_error.map(|told| json!({
                "value": told.forecast,
                "made_at": told.at.to_string(),
                "method": told.method.as_str(),
                "error": told.error,
            })),
            "reason": ENGLISH.reason(kr),
        })
    });
    json!({
        "id": card.objective.id.objective.as_str(),
        "title": card.objective.title,
        "team": card.objective.team.as_ref().map(ToString::to_string),
        "ambition": card.objective.ambition.as_str(),
        "coverage": card.coverage,
        "as_amended": card.closing.map(|closing| outcome_json(closing.as_amended)),
        "as_first_committed": card.closing.map(|closing| outcome_json(closing.as_committed)),
        "key_results": key_results.collect::<Vec<_>>(),
    })
}

fn outcome_json(outcome: Outcome) -> Value {
    json!({
        "score": outcome.score,
        "verdict": outcome.verdict.as_str(),
        "achieved": outcome.verdict.is_achieved(),
    })
}
