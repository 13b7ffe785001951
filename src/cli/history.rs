//! `okrd history`: the recorded values of one key result, oldest first.

use std::path::Path;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::args::{HistoryArgs, HistoryFormat};
use super::exit::{Failure, Verdict, say};
use super::rebase::compared;
use super::table::{Align, Table, printable};
use super::{configuration, key_results, when};
use crate::domain::epoch::Comparison;
use crate::domain::goals::KeyResult;
use crate::domain::number;
use crate::engine::clock::{Clock, SystemClock};
use crate::store::{Annotation, Measurement, Origin, Reader, StoreError, ToldCheckIn};

/// Prints the series.
///
/// # Errors
/// When the configuration, the name or the store is at fault.
pub fn run(config: Option<&Path>, args: &HistoryArgs) -> Result<Verdict, Failure> {
    let config = configuration::valid(config)?;
    let now = SystemClock.now();
    let key_result = key_results::find(&config.goals, &args.key_result, now)?;
    let since = args.since.as_deref();
    let since = since
        .map(|t| when::parse(t, now, &config.zone))
        .transpose()?;
    let (epochs, series, said) = match Reader::open(&config.store.path) {
        Ok(reader) => (
            reader.epochs(&key_result.id)?,
            reader.series(&key_result.id, since, None)?,
            Said {
                check_ins: reader.check_ins(&key_result.id)?,
                annotations: reader.annotations(&key_result.id)?,
            },
        ),
        // Nothing was ever recorded: the series is empty, not wrong.
        Err(StoreError::Missing { .. }) => (Vec::new(), Vec::new(), Said::default()),
        Err(error) => return Err(error.into()),
    };
    let said = said.since(since);
    let comparison = key_result.comparison(&epochs);
    say(&match args.format {
        HistoryFormat::Table => table(key_result, &series, &comparison, &config.zone),
        HistoryFormat::Csv => csv(&series, &comparison),
        HistoryFormat::Json => json(key_result, &series, &comparison, &said),
    })?;
    Ok(Verdict::Yes)
}

fn table(
    key_result: &KeyResult,
    series: &[Measurement],
    comparison: &Comparison,
    zone: &TimeZone,
) -> String {
    if series.is_empty() {
        return format!("{}: nothing recorded\n", key_result.id);
    }
    if series.iter().all(|m| comparison.is_in_force(&m.definition)) {
        let mut table = Table::new([
            ("AT", Align::Left),
            ("VALUE", Align::Right),
            ("ORIGIN", Align::Left),
            ("NOTE", Align::Left),
        ]);
        for m in series {
            let (origin, note) = origin(m);
            let at = when::show(m.as_of, zone);
            table.row([at, digits(m), origin.to_owned(), note.to_owned()]);
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
        let (origin, note) = origin(m);
        table.row([
            when::show(m.as_of, zone),
            digits(m),
            carried_over(m, comparison).map_or_else(String::new, number::show),
            m.definition.to_string(),
            compared(comparison, &m.definition),
            origin.to_owned(),
            note.to_owned(),
        ]);
    }
    table.render(0)
}

/// The value in the units of the definition in force, where an earlier one measured it and it is compared.
fn carried_over(m: &Measurement, comparison: &Comparison) -> Option<f64> {
    let earlier = !comparison.is_in_force(&m.definition);
    let factor = comparison.factor(&m.definition).filter(|_| earlier);
    factor.map(|factor| m.value * factor)
}

fn csv(series: &[Measurement], comparison: &Comparison) -> String {
    let mut text =
        String::from("as_of,value,slot,origin,definition,comparable,carried_over,note\n");
    for m in series {
        let (origin, note) = origin(m);
        let note = one_piece(note);
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
            utc(m.as_of),
            digits(m),
            utc(m.slot),
            m.definition,
            comparison.factor(&m.definition).is_some(),
            carried_over(m, comparison).map_or_else(String::new, |value| value.to_string()),
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

fn json(
    key_result: &KeyResult,
    series: &[Measurement],
    comparison: &Comparison,
    said: &Said,
) -> String {
    let measurements: Vec<_> = series
        .iter()
        .map(|m| {
            let (origin, note) = origin(m);
            json!({
                "as_of": utc(m.as_of),
                "slot": utc(m.slot),
                "value": m.value,
                "exact": m.exact,
                "approximate": m.approximate,
                "origin": origin,
                "note": (!note.is_empty()).then_some(note),
                "author": author(m),
                "definition": *m.definition,
                "comparable": comparison.factor(&m.definition).is_some(),
                "carried_over": carried_over(m, comparison),
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
        "annotations": said.annotations.iter().map(annotation).collect::<Vec<_>>(),
    });
    format!("{document:#}\n")
}

/// What people said beside the values: the only place, with their notes, where it is told who.
#[derive(Default)]
struct Said {
    check_ins: Vec<ToldCheckIn>,
    annotations: Vec<Annotation>,
}

impl Said {
    /// What was said since then; an annotation counts as long as it reaches there.
    fn since(mut self, since: Option<Timestamp>) -> Self {
        if let Some(since) = since {
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

/// The value with all its digits.
fn digits(m: &Measurement) -> String {
    m.exact.clone().unwrap_or_else(|| m.value.to_string())
}

fn utc(t: Timestamp) -> String {
    t.to_string()
}

/// Where it comes from and what stands beside it: the source's note or the person's.
fn origin(m: &Measurement) -> (&'static str, &str) {
    let (origin, note) = match &m.origin {
        Origin::Polled => ("polled", &m.note),
        Origin::Backfilled => ("backfilled", &m.note),
        Origin::Recorded { note, .. } => ("recorded", note),
    };
    (origin, note.as_deref().unwrap_or_default())
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
            note: Some("4 of 10 issues have a value, 6 do not carry the field".into()),
            definition: "d".into(),
            origin: Origin::Polled,
        };
        let recorded = Measurement {
            note: None,
            origin: Origin::Recorded {
                note: Some("counted by hand".into()),
                author: None,
            },
            ..polled.clone()
        };
        let kr = Comparison::default();
        let lines = csv(&[polled, recorded], &kr);
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
}
