//! `okrd status`: the scorecard from the recorded values, with or without a daemon beside it.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::args::{Format, StatusArgs};
use super::exit::{Failure, Verdict, say};
use super::table::{Align, Table, printable};
use super::{configuration, when};
use crate::config::spec::Config;
use crate::domain::cycle::Cycle;
use crate::domain::goals::{Ambition, Role};
use crate::domain::scorecard::{KeyResultCard, ObjectiveCard, Scorecard, score};
use crate::domain::target::Aim;
use crate::engine::board::{Board, ConfigBoard, StoreBoard};
use crate::engine::clock::{Clock, SystemClock};
use crate::engine::lane::Held;
use crate::http::{api, words};
use crate::store::{Loaded, Reader, StoreError};
use crate::words::ENGLISH;

/// Prints the scorecard.
///
/// # Errors
/// When the configuration or the store is at fault.
pub fn run(config: Option<&Path>, args: &StatusArgs) -> Result<Verdict, Failure> {
    let config = configuration::valid(config)?;
    let now = SystemClock.now();
    let loaded = match Reader::open(&config.store.path) {
        Ok(reader) => reader.load(&config.goals)?,
        // Nothing was ever recorded: every key result is waiting for its first value.
        Err(StoreError::Missing { .. }) => Loaded::default(),
        Err(error) => return Err(error.into()),
    };
    let scorecard = score(&config.goals, &loaded.history, now);
    say(&match args.format {
        Format::Text => {
            let board = text(&scorecard, &config.zone);
            format!("{board}{}", held(&config, &loaded, now))
        }
        Format::Json => json(&config, scorecard)?,
    })?;
    Ok(Verdict::Yes)
}

/// A line for each source that is left alone, and what to do about it.
fn held(config: &Config, loaded: &Loaded, now: Timestamp) -> String {
    let states = config.sources.keys().filter_map(|name| {
        let state = loaded.sources.get(name)?;
        let patience = state.not_before.filter(|until| *until > now);
        let held = match (state.suspended, patience, state.open_until) {
            (Some(since), ..) => Held::Login { since },
            (None, Some(until), _) => Held::Patience { until, cut: false },
            (None, None, Some(until)) => Held::Trouble { until, times: 0 },
            (None, None, None) => return None,
        };
        let why = words::held(ENGLISH, name, held, now);
        Some(format!("source {name}: {why}\n"))
    });
    let lines: String = states.collect();
    if lines.is_empty() {
        return lines;
    }
    format!("\n{lines}")
}

/// The scorecard in the shape of `GET /api/v1/scorecard`.
pub fn json(config: &Config, scorecard: Scorecard) -> Result<String, Failure> {
    let now = scorecard.at;
    let board = Board {
        config: ConfigBoard {
            last_load_accepted: true,
            loaded_at: scorecard.at,
            warnings: config.warnings,
            asked: Arc::default(),
        },
        scorecard,
        sources: Vec::new(),
        store: StoreBoard {
            up: true,
            ..StoreBoard::default()
        },
        works: Default::default(),
    };
    let document = api::scorecard(&board, now);
    let text = serde_json::to_string_pretty(&document)
        .map_err(|error| Failure::usage(format!("cannot write JSON: {error}")))?;
    Ok(format!("{text}\n"))
}

/// The scorecard for people: vision first, then each open cycle's objectives with their key results.
pub fn text(scorecard: &Scorecard, zone: &TimeZone) -> String {
    let mut out = String::new();
    let company = &scorecard.company;
    match (&company.vision, company.name.is_empty()) {
        (Some(vision), false) => {
            out.push_str(&format!(
                "{}: {}\n",
                printable(&company.name),
                printable(vision)
            ));
        }
        (Some(vision), true) => out.push_str(&format!("{}\n", printable(vision))),
        (None, false) => out.push_str(&format!("{}\n", printable(&company.name))),
        (None, true) => {}
    }
    for cycle in scorecard.in_reading_order(scorecard.at) {
        let of_cycle = |o: &&ObjectiveCard| o.objective.id.cycle == cycle.name;
        let mut objectives = scorecard.objectives().filter(of_cycle).peekable();
        if objectives.peek().is_none() {
            continue;
        }
        out.push_str(&format!("\n{}\n", heading(cycle, scorecard.at)));
        for objective in objectives {
            out.push_str(&format!("\n{}", block(objective, scorecard, zone)));
        }
    }
    if scorecard.objectives.is_empty() {
        out.push_str("\nno objectives yet: include OKR files in okrd.toml\n");
    }
    out.trim_start().to_owned()
}

/// `2026-Q4, 1 October to 31 December 2026, 59 % gone`.
fn heading(cycle: &Cycle, now: Timestamp) -> String {
    let gone = if now < cycle.start() {
        "not begun".to_owned()
    } else if now >= cycle.end() {
        "ended".to_owned()
    } else {
        format!("{} gone", ENGLISH.percent(cycle.elapsed(now)))
    };
    format!(
        "{}, {} to {}, {gone}",
        cycle.name, cycle.first_day, cycle.last_day
    )
}

fn block(card: &ObjectiveCard, scorecard: &Scorecard, zone: &TimeZone) -> String {
    let objective = &card.objective;
    let team = objective.team.as_ref().map_or("company", |team| {
        let known = scorecard.teams.get(team);
        known.map_or(team.as_str(), |team| team.name.as_str())
    });
    let score = card.progress.filter(|_| card.closing.is_none());
    let score = score.map_or_else(
        || "no score yet".to_owned(),
        |progress| match card.expected {
            Some(expected) => format!("score {progress:.2} where {expected:.2} is expected by now"),
            None => format!("score {progress:.2}"),
        },
    );
    let mut out = format!(
        "{} ({})\n  {}\n",
        printable(&objective.title),
        printable(team),
        match card.closing {
            Some(_) => ENGLISH.ended(ENGLISH.status(card.status), card.closing),
            None => format!(
                "{}, {score}",
                ENGLISH.objective_status(card.status, card.progress.is_some())
            ),
        }
    );
    if card.key_results.is_empty() {
        return out;
    }
    let mut table = Table::new([
        ("KEY RESULT", Align::Left),
        ("VALUE", Align::Right),
        ("TARGET", Align::Right),
        ("PROGRESS", Align::Right),
        ("EXPECTED", Align::Right),
        ("FORECAST", Align::Right),
        ("STATUS", Align::Left),
        ("AS OF", Align::Left),
    ]);
    for key_result in &card.key_results {
        table.row(row(key_result, objective.ambition, zone));
    }
    out.push_str(&table.render(2));
    for key_result in &card.key_results {
        if let Some(confidence) = key_result
            .confidence
            .filter(|_| key_result.is_contradicted())
        {
            let name = &key_result.key_result.id.key_result;
            out.push_str(&format!("  {name}: {}\n", ENGLISH.disagrees(confidence)));
        }
    }
    out
}

/// Progress and what is expected are shares of the same: of the way, or of the time in a band.
fn row(card: &KeyResultCard, ambition: Ambition, zone: &TimeZone) -> [String; 8] {
    let percent =
        |share: Option<f64>| share.map_or_else(|| "–".to_owned(), |share| ENGLISH.percent(share));
    let key_result = &card.key_result;
    [
        match key_result.role {
            Role::Contributes => key_result.id.key_result.to_string(),
            Role::Guardrail => format!("{} (guardrail)", key_result.id.key_result),
        },
        card.value.map_or_else(
            || "–".to_owned(),
            |(value, _)| ENGLISH.quantity(value, &printable(&key_result.unit)),
        ),
        aim(card),
        percent(card.made()),
        percent(card.planned(ambition)),
        forecast(card),
        ENGLISH.ended(ENGLISH.status(card.status), card.closing),
        card.value.map_or_else(
            || "never measured".to_owned(),
            |(_, at)| {
                let old = if card.stale { " (too old)" } else { "" };
                format!("{}{old}", when::show(at, zone))
            },
        ),
    ]
}

/// The value at the end of the cycle as it goes now; the sentence with its range stands on the page and in the JSON.
fn forecast(card: &KeyResultCard) -> String {
    let told = card.forecast.as_ref().ok();
    told.map_or_else(
        || "–".to_owned(),
        |forecast| format!("~{}", ENGLISH.number(forecast.rounded(forecast.value))),
    )
}

/// The target or the band, in few characters.
fn aim(card: &KeyResultCard) -> String {
    match &card.key_result.aim {
        Aim::Reach(_) => card
            .target
            .map_or_else(|| "–".to_owned(), |x| ENGLISH.number(x)),
        Aim::Milestones(milestones) => milestones.steps().len().to_string(),
        Aim::Done => "so".to_owned(),
        Aim::Baseline(days) => format!("{days} days"),
        Aim::Hold(hold) => hold.to_string(),
    }
}
