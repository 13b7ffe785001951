//! `okrd history`: the values of one key result, stored or computed, oldest first.

use std::path::Path;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::args::{HistoryArgs, HistoryFormat};
use super::exit::{Failure, Verdict, say};
use super::rebase::compared;
use super::series::{self, Value as Shown};
use super::table::{Align, Table, printable};
use super::why::Why;
use super::{configuration, key_results, when};
use crate::domain::epoch::Comparison;
use crate::domain::goals::{Feed, KeyResult};
use crate::domain::number;
use crate::engine::clock::{Clock, SystemClock};
use crate::store::{
    Annotation, DayForecast, DayTotals, Measurement, Origin, Reader, StoreError, ToldCheckIn,
};

/// Prints the series.
///
/// # Errors
/// When the configuration, the name or the store is at fault.
pub fn run(config: Option<&Path>, args: &HistoryArgs) -> Result<Verdict, Failure> {
    let config = configuration::valid(config)?;
    let now = SystemClock.now();
    let key_result = key_results::find(&config.goals, &args.key_result, now)?;
    let mut objectives = config.goals.objectives.iter();
    let objective = objectives
        .find(|objective| objective.id == key_result.id.objective_id())
        .ok_or_else(|| Failure::usage(format!("no objective holds {}", key_result.id)))?;
    if args.why {
        let at = args.at.as_deref();
        let at = at.map(|t| when::parse(t, now, &config.zone)).transpose()?;
        let why = Why::read(&config, objective, key_result, at)?;
        say(&match args.format {
            HistoryFormat::Table => why.text(),
            HistoryFormat::Json => why.json(),
            HistoryFormat::Csv => {
                return Err(Failure::usage(
                    "--why is told as text or JSON: leave out `--format csv`".to_owned(),
                ));
            }
        })?;
        return Ok(Verdict::Yes);
    }
    let since = args.since.as_deref();
    let since = since
        .map(|t| when::parse(t, now, &config.zone))
        .transpose()?;
    let (epochs, series, said) = match Reader::open(&config.store.path) {
        Ok(reader) => (
            reader.epochs(&key_result.id)?,
            series::read(&reader, objective, key_result, &config.zone, since, None)?,
            Said {
                check_ins: reader.check_ins(&key_result.id)?,
                annotations: reader.annotations(&key_result.id)?,
                forecasts: reader.forecasts(&key_result.id)?,
            },
        ),
        // Nothing was ever recorded: the series is empty, not wrong.
        Err(StoreError::Missing { .. }) => (Vec::new(), Vec::new(), Said::default()),
        Err(error) => return Err(error.into()),
    };
    let said = said.since(since);
    let comparison = key_result.comparison(&epochs);
    say(&match args.format {
        HistoryFormat::Table if args.forecasts => forecasts(key_result, &said.forecasts),
        HistoryFormat::Table => table(key_result, &series, &comparison, &config.zone),
        HistoryFormat::Csv => csv(key_result, &series, &comparison),
        HistoryFormat::Json => json(key_result, &series, &comparison, &said),
    })?;
    Ok(Verdict::Yes)
}

fn table(
    key_result: &KeyResult,
    series: &[Shown],
    comparison: &Comparison,
    zone: &TimeZone,
) -> String {
    if let (true, Feed::Computed(formula)) = (series.is_empty(), &key_result.feed) {
        return format!("{}: nothing to compute {formula} from\n", key_result.id);
    }
    if series.is_empty() {
        return format!("{}: nothing recorded\n", key_result.id);
    }
    let in_force = |m: &Shown| comparison.is_in_force(definition(m, key_result));
    if series.iter().all(in_force) {
        let mut table = Table::new([
            ("AT", Align::Left),
            ("VALUE", Align::Right),
            ("ORIGIN", Align::Left),
            ("NOTE", Align::Left),
        ]);
        for m in series {
            let at = when::show(m.point().as_of, zone);
            table.row([at, digits(m), m.origin().to_owned(), remark(m)]);
        }
        return table.render(0);
    }
    // Measured by several definitions: each row tells which, and what may be set beside what.
    let mut table = Table::new([
        ("AT", Align::Left),
        ("VALUE", Align::Right),
        ("CARRIED OVER", Align::Right),
        ("DEFINITION", Align::Left),
        ("COMPARED", Align::Left),
        ("ORIGIN", Align::Left),
        ("NOTE", Align::Left),
    ]);
    for m in series {
        let definition = definition(m, key_result);
        table.row([
            when::show(m.point().as_of, zone),
            digits(m),
            carried_over(m, key_result, comparison).map_or_else(String::new, number::show),
            definition.to_owned(),
            compared(comparison, definition),
            m.origin().to_owned(),
            remark(m),
        ]);
    }
    table.render(0)
}

/// What stands beside a value for people: what the day was of which it is the last, and its note.
fn remark(value: &Shown) -> String {
    let note = note(value);
    let Some(day) = stored(value).and_then(|m| m.day.as_deref()) else {
        return note.to_owned();
    };
    let told = match day.n {
        1 => "the only one of its day".to_owned(),
        n => format!(
            "the last of {n} that day, from {} to {}",
            number::show(day.low),
            number::show(day.high)
        ),
    };
    if note.is_empty() {
        told
    } else {
        format!("{told}; {note}")
    }
}

/// The forecasts that were kept, one a day.
fn forecasts(key_result: &KeyResult, kept: &[DayForecast]) -> String {
    if kept.is_empty() {
        return format!("{}: no forecast kept\n", key_result.id);
    }
    let mut table = Table::new([
        ("DAY", Align::Left),
        ("FORECAST", Align::Right),
        ("PLAUSIBLE", Align::Left),
        ("METHOD", Align::Left),
    ]);
    for told in kept {
        let forecast = &told.forecast;
        let range = forecast.low.zip(forecast.high);
        let mut method = forecast.method.as_str().to_owned();
        if forecast.weak {
            method += ", weak";
        }
        if *told.definition != *key_result.definition {
            method += ", earlier definition";
        }
        table.row([
            forecast.day.to_string(),
            number::show(forecast.value),
            range.map_or_else(String::new, |(low, high)| {
                format!("{} to {}", number::show(low), number::show(high))
            }),
            method,
        ]);
    }
    table.render(0)
}

/// The value in the units of the definition in force, where an earlier one measured it and it is compared.
fn carried_over(m: &Shown, key_result: &KeyResult, comparison: &Comparison) -> Option<f64> {
    let definition = definition(m, key_result);
    let earlier = !comparison.is_in_force(definition);
    let factor = comparison.factor(definition).filter(|_| earlier);
    factor.map(|factor| m.point().value * factor)
}

fn csv(key_result: &KeyResult, series: &[Shown], comparison: &Comparison) -> String {
    let mut text =
        String::from("as_of,value,slot,origin,definition,comparable,carried_over,note\n");
    for m in series {
        let (origin, note) = (m.origin(), one_piece(note(m)));
        // RFC 4180: a field with a separator or quote stands in quotes, quotes doubled. A note that a spreadsheet
        // would take for a formula is defused by a leading apostrophe.
        let note = if note.starts_with(['=', '+', '-', '@', '\t', '\r']) {
            format!("'{note}")
        } else {
            note
        };
        let note = if note.contains([',', '"', '\n', '\r']) {
            format!("\"{}\"", note.replace('"', "\"\""))
        } else {
            note
        };
        text.push_str(&format!(
            "{},{},{},{origin},{},{},{},{note}\n",
            utc(m.point().as_of),
            digits(m),
            slot(m).unwrap_or_default(),
            definition(m, key_result),
            comparison.factor(definition(m, key_result)).is_some(),
            carried_over(m, key_result, comparison)
                .map_or_else(String::new, |value| value.to_string()),
        ));
    }
    text
}

/// A note without control characters but line ends and tabs: whoever prints the file must not have a terminal driven by it.
fn one_piece(note: &str) -> String {
    let is_text = |c: char| matches!(c, '\n' | '\r' | '\t');
    let pieces = note.split_inclusive(is_text);
    let shown = pieces.map(|piece| match piece.strip_suffix(is_text) {
        Some(text) => printable(text) + &piece[text.len()..],
        None => printable(piece),
    });
    shown.collect()
}

fn json(key_result: &KeyResult, series: &[Shown], comparison: &Comparison, said: &Said) -> String {
    let measurements: Vec<_> = series
        .iter()
        .map(|m| {
            let (point, note) = (m.point(), note(m));
            json!({
                "as_of": utc(point.as_of),
                "slot": slot(m),
                "value": point.value,
                "exact": stored(m).and_then(|m| m.exact.as_deref()),
                "approximate": stored(m).is_some_and(|m| m.approximate),
                "k": stored(m).and_then(|m| m.counts).map(|(k, _)| k),
                "n": stored(m).and_then(|m| m.counts).map(|(_, n)| n),
                "origin": m.origin(),
                "day": stored(m).and_then(|m| m.day.as_deref()).map(day),
                "note": (!note.is_empty()).then_some(note),
                "author": stored(m).and_then(author),
                "definition": definition(m, key_result),
                "comparable": comparison.factor(definition(m, key_result)).is_some(),
                "carried_over": carried_over(m, key_result, comparison),
            })
        })
        .collect();
    let document = json!({
        "cycle": key_result.id.cycle.as_str(),
        "key_result": key_result.id.to_string(),
        "unit": key_result.unit,
        "definition": key_result.definition,
        "measurements": measurements,
        "check_ins": said.check_ins.iter().map(check_in).collect::<Vec<_>>(),
        "forecasts": said.forecasts.iter().map(forecast).collect::<Vec<_>>(),
        "annotations": said.annotations.iter().map(annotation).collect::<Vec<_>>(),
    });
    format!("{document:#}\n")
}

fn day(day: &DayTotals) -> Value {
    json!({
        "n": day.n,
        "first": day.first,
        "low": day.low,
        "high": day.high,
        "mean": day.mean(),
    })
}

fn forecast(told: &DayForecast) -> Value {
    let forecast = &told.forecast;
    json!({
        "day": forecast.day.to_string(),
        "made_at": utc(forecast.at),
        "value": forecast.value,
        "progress_ratio": forecast.progress,
        "low": forecast.low,
        "high": forecast.high,
        "method": forecast.method.as_str(),
        "weak": forecast.weak,
        "definition": *told.definition,
    })
}

/// What was said beside the values, by people and by forecasts: the only place, with their notes, where it is told who.
#[derive(Default)]
struct Said {
    forecasts: Vec<DayForecast>,
    check_ins: Vec<ToldCheckIn>,
    annotations: Vec<Annotation>,
}

impl Said {
    /// What was said since then; an annotation counts as long as it reaches there.
    fn since(mut self, since: Option<Timestamp>) -> Self {
        if let Some(since) = since {
            self.forecasts.retain(|told| told.forecast.at >= since);
            self.check_ins.retain(|told| told.said.at >= since);
            (self.annotations).retain(|told| told.to.unwrap_or(told.from) >= since);
        }
        self
    }
}

fn check_in(told: &ToldCheckIn) -> Value {
    json!({
        "at": utc(told.said.at),
        "confidence": told.said.confidence,
        "note": told.said.note,
        "author": told.author,
    })
}

fn annotation(told: &Annotation) -> Value {
    json!({
        "about": told.key_result.as_ref().map(ToString::to_string),
        "from": utc(told.from),
        "to": told.to.map(utc),
        "text": told.text,
        "author": told.author,
        "told_at": utc(told.told_at),
    })
}

fn author(m: &Measurement) -> Option<&str> {
    match &m.origin {
        Origin::Polled | Origin::Backfilled => None,
        Origin::Recorded { author, .. } => author.as_deref(),
    }
}

/// What the store holds of it; `None` of what is computed.
fn stored(value: &Shown) -> Option<&Measurement> {
    match value {
        Shown::Stored(m) => Some(m),
        Shown::Computed(_) => None,
    }
}

fn slot(value: &Shown) -> Option<String> {
    stored(value).map(|m| utc(m.slot))
}

/// Under which definition it was stored; what is computed follows from the one in force.
fn definition<'v>(value: &'v Shown, key_result: &'v KeyResult) -> &'v str {
    let stored = value.definition().map(|definition| &**definition);
    stored.unwrap_or(&key_result.definition)
}

/// The value with all its digits.
pub(super) fn digits(value: &Shown) -> String {
    let exact = stored(value).and_then(|m| m.exact.clone());
    exact.unwrap_or_else(|| value.point().value.to_string())
}

fn utc(t: Timestamp) -> String {
    t.to_string()
}

/// What stands beside it: the source's note or the person's.
fn note(value: &Shown) -> &str {
    let note = stored(value).and_then(|m| match &m.origin {
        Origin::Polled | Origin::Backfilled => m.note.as_deref(),
        Origin::Recorded { note, .. } => note.as_deref(),
    });
    note.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn f23_what_a_source_and_what_a_person_says_stand_in_one_column() {
        let at: Timestamp = "2026-11-01T12:00:00Z".parse().unwrap();
        let polled = Measurement {
            slot: at,
            as_of: at,
            started_at: at,
            took: Duration::ZERO,
            tries: 1,
            value: 20.0,
            exact: None,
            approximate: false,
            counts: None,
            note: Some("4 of 10 issues have a value, 6 do not carry the field".into()),
            definition: "d".into(),
            origin: Origin::Polled,
            day: None,
        };
        let recorded = Measurement {
            note: None,
            origin: Origin::Recorded {
                note: Some("counted by hand".into()),
                author: None,
            },
            ..polled.clone()
        };
        let kr = crate::domain::example::key_result(
            "more/visitors",
            "",
            crate::domain::example::at_most(3.0),
        );
        let values = [Shown::Stored(polled), Shown::Stored(recorded)];
        let lines = csv(&kr, &values, &Comparison::default());
        let lines: Vec<&str> = lines.lines().skip(1).collect();
        assert!(
            lines[0].ends_with(
                ",polled,d,false,,\"4 of 10 issues have a value, 6 do not carry the field\""
            ),
            "{lines:?}"
        );
        assert!(
            lines[1].ends_with(",recorded,d,false,,counted by hand"),
            "{lines:?}"
        );
    }

    #[test]
    fn a_day_whose_single_values_are_gone_is_told_as_such() {
        let at: Timestamp = "2026-11-01T23:00:00Z".parse().unwrap();
        let totals = DayTotals {
            n: 24,
            first: 3.0,
            low: 1.0,
            high: 9.5,
            sum: 120.0,
        };
        let last = Measurement {
            slot: at,
            as_of: at,
            started_at: at,
            took: Duration::ZERO,
            tries: 1,
            value: 4.0,
            exact: None,
            approximate: false,
            counts: None,
            note: None,
            definition: "d".into(),
            origin: Origin::Polled,
            day: Some(Box::new(totals)),
        };
        let only = Measurement {
            note: Some("estimated".into()),
            day: Some(Box::new(DayTotals { n: 1, ..totals })),
            ..last.clone()
        };
        let kr = crate::domain::example::key_result(
            "more/visitors",
            "",
            crate::domain::example::at_most(3.0),
        );
        let values = [Shown::Stored(last), Shown::Stored(only)];
        let comparison = Comparison::default();
        let text = table(&kr, &values, &comparison, &TimeZone::UTC);
        for words in [
            "daily",
            "the last of 24 that day, from 1 to 9.5",
            "the only one of its day; estimated",
        ] {
            assert!(text.contains(words), "{words}: {text}");
        }
        let document: Value =
            serde_json::from_str(&json(&kr, &values, &comparison, &Said::default())).unwrap();
        let told = &document["measurements"][0];
        assert_eq!(
            (&told["origin"], &told["value"]),
            (&"daily".into(), &4.0.into())
        );
        assert_eq!(
            told["day"],
            json!({"n": 24, "first": 3.0, "low": 1.0, "high": 9.5, "mean": 5.0})
        );
        assert!(csv(&kr, &values, &comparison).contains(",daily,d,"));
    }
}
