//! `okrd history --why`: where one value comes from: which question, asked when and how long, under which configuration;
//! where the definitions of its key result begin and end; and what failed since. Asks no source.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZoneDatabase;
use serde_json::{Value, json};

use super::exit::Failure;
use super::history::digits;
use super::rebase::compared;
use super::series::{self, Value as Shown};
use super::table::{Align, Table, printable};
use super::when;
use crate::config::spec::Config;
use crate::domain::cycle::Cycle;
use crate::domain::epoch::{Comparison, Epoch};
use crate::domain::fault::Fault;
use crate::domain::goals::{Feed, KeyResult, Objective};
use crate::domain::id::CycleName;
use crate::domain::rebase::Rebase;
use crate::domain::window::{Span, Window};
use crate::store::{
    Attempt, Beginning, Measurement, Origin, Provenance, Reader, Revision, StoreError,
};

/// So many digits of a revision tell it apart; JSON has all.
const SHORT: usize = 12;
/// What stands where an earlier build kept nothing.
const NOT_KNOWN: &str = "not known (from before this was kept)";

/// All that is known of one value and of what it came from.
pub(super) struct Why<'c> {
    config: &'c Config,
    key_result: &'c KeyResult,
    comparison: Comparison,
    epochs: Vec<Told>,
    value: Option<Shown>,
    provenance: Provenance,
    /// What a computed value follows from: each with its newest value at that instant.
    inputs: Vec<(String, Option<Shown>)>,
    /// Attempts that failed after it, and the newest of them.
    failures: usize,
    failed: Option<(Attempt, Fault)>,
}

/// One definition.
struct Told {
    epoch: Epoch,
    values: usize,
    revision: Option<String>,
    question: Option<Value>,
    rebase: Option<Rebase>,
}

impl<'c> Why<'c> {
    /// What the store knows of the newest value, or of the newest that describes `at` or earlier.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(super) fn read(
        config: &'c Config,
        objective: &Objective,
        key_result: &'c KeyResult,
        at: Option<Timestamp>,
    ) -> Result<Self, Failure> {
        let mut why = Self {
            config,
            key_result,
            comparison: key_result.comparison(&[]),
            epochs: Vec::new(),
            value: None,
            provenance: Provenance::default(),
            inputs: Vec::new(),
            failures: 0,
            failed: None,
        };
        let reader = match Reader::open(&config.store.path) {
            Ok(reader) => reader,
            // Nothing was ever recorded.
            Err(StoreError::Missing { .. }) => return Ok(why),
            Err(error) => return Err(error.into()),
        };
        let known = reader.epochs(&key_result.id)?;
        why.comparison = key_result.comparison(&known);
        let values = read(&reader, objective, key_result, config)?;
        why.epochs = told(
            key_result,
            known,
            reader.beginnings(&key_result.id)?,
            &values,
        );
        let value = newest(values, at);
        if let Some(Shown::Stored(m)) = &value {
            why.provenance = reader.provenance(&key_result.id, m)?;
        }
        if let Feed::Computed(formula) = &key_result.feed {
            let until = value.as_ref().map(|value| value.point().as_of).or(at);
            let all = objective.key_results.iter();
            for input in all.filter(|kr| formula.inputs().contains(&kr.id.key_result)) {
                let values = read(&reader, objective, input, config)?;
                why.inputs
                    .push((input.id.to_string(), newest(values, until)));
            }
        }
        let since = value.as_ref().and_then(stored).map(|m| m.started_at);
        for attempt in reader.attempts(&key_result.id, None, None)? {
            let Err(fault) = &attempt.outcome else {
                continue;
            };
            if since.is_some_and(|since| attempt.started_at <= since) {
                continue;
            }
            why.failures += 1;
            let fault = fault.clone();
            let newer = |(known, _): &(Attempt, Fault)| known.started_at <= attempt.started_at;
            if why.failed.as_ref().is_none_or(newer) {
                why.failed = Some((attempt, fault));
            }
        }
        why.value = value;
        Ok(why)
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        match &self.value {
            Some(value) => {
                let unit = printable(&self.key_result.unit);
                let head = format!("{}: {} {unit}", self.key_result.id, digits(value));
                text += head.trim_end();
                text += "\n";
                for (name, told) in self.lines(value) {
                    text += &line(name, &told);
                }
            }
            None => text += &self.nothing(),
        }
        for (id, value) in &self.inputs {
            let told = value.as_ref().map_or_else(
                || "no value then".to_owned(),
                |value| format!("{} as of {}", digits(value), self.show(value.point().as_of)),
            );
            text += &line("from", &format!("{id}: {told}"));
        }
        if !self.epochs.is_empty() {
            text += &self.definitions();
        }
        if let Some((attempt, fault)) = &self.failed {
            let count = match self.failures {
                1 => "1 attempt".to_owned(),
                n => format!("{n} attempts"),
            };
            text += &format!(
                "\n{count} failed since. The newest, {}: {}: {}\n",
                self.show(attempt.started_at),
                fault.class.as_str(),
                printable(&fault.message)
            );
        }
        text
    }

    fn nothing(&self) -> String {
        let id = &self.key_result.id;
        match &self.key_result.feed {
            Feed::Computed(formula) => format!("{id}: nothing to compute {formula} from\n"),
            Feed::Stated => format!(
                "{id}: the configuration states it, in the table objectives.{}.key_results.{}; the files at hand are revision {}\n",
                id.objective,
                id.key_result,
                short(&self.config.revision)
            ),
            Feed::Polled { .. } | Feed::Recorded => format!("{id}: no value\n"),
        }
    }

    fn lines(&self, value: &Shown) -> Vec<(&'static str, String)> {
        let mut lines = vec![("as of", self.show(value.point().as_of))];
        let Some(m) = stored(value) else {
            if let Feed::Computed(formula) = &self.key_result.feed {
                lines.push(("computed", formula.to_string()));
            }
            return lines;
        };
        lines.push(("slot", self.show(m.slot)));
        if let Origin::Recorded { note, author } = &m.origin {
            let by = author.as_deref().map(printable);
            lines.push((
                "recorded",
                by.map_or_else(|| "by a person".to_owned(), |by| format!("by {by}")),
            ));
            lines.push(("told at", self.show(m.started_at)));
            lines.extend(note.as_deref().map(|note| ("note", printable(note))));
        } else {
            lines.push(("origin", m.origin.as_str().to_owned()));
            match self.question() {
                Some(question) => lines.extend(self.asked(m, &question)),
                None => lines.push(("query", NOT_KNOWN.to_owned())),
            }
            let tries = match m.tries {
                0 | 1 => String::new(),
                n => format!(" at try {n}"),
            };
            let took = m.took.as_millis();
            let asked = self.show(m.started_at);
            lines.push(("asked at", format!("{asked}, answered in {took} ms{tries}")));
            lines.extend(m.note.as_deref().map(|note| ("note", printable(note))));
        }
        lines.push(("revision", self.revision()));
        lines.extend(self.files().map(|files| ("files", files)));
        lines.push(("definition", self.definition(&m.definition)));
        lines
    }

    /// The source, the window and what was asked, each under the name it has in the configuration.
    fn asked(&self, m: &Measurement, question: &Value) -> Vec<(&'static str, String)> {
        let word = |key: &str| question[key].as_str().map(printable).unwrap_or_default();
        let mut lines = vec![("source", format!("{} ({})", word("source"), word("type")))];
        lines.extend(words(question));
        let window = window(m, question).map_or_else(
            || word("window"),
            |span| {
                let (start, end) = (self.show(span.start), self.show(span.end));
                format!("{}, {start} to {end}", word("window"))
            },
        );
        lines.push(("window", window));
        lines
    }

    fn question(&self) -> Option<Value> {
        parsed(self.provenance.question.as_deref())
    }

    fn revision(&self) -> String {
        let Some(Revision { sha256, since }) = &self.provenance.revision else {
            return NOT_KNOWN.to_owned();
        };
        let since = since.map_or_else(
            || "read by the command, not known to have been in force at a daemon then".to_owned(),
            |since| format!("in force since {}", self.show(since)),
        );
        format!("{}, {since}", short(sha256))
    }

    /// How the files that this command reads stand to it. Whoever keeps them in git finds a revision by asking in the
    /// states that may be it.
    fn files(&self) -> Option<String> {
        let revision = self.provenance.revision.as_ref()?;
        let at_hand = short(&self.config.revision);
        Some(if revision.sha256 == self.config.revision {
            "those at hand are this revision".to_owned()
        } else {
            format!(
                "those at hand are {at_hand}; ask beside an earlier state of them to find this one"
            )
        })
    }

    fn definition(&self, definition: &str) -> String {
        let told = self
            .epochs
            .iter()
            .find(|told| told.epoch.definition == definition);
        let since = told.map(|told| format!(", values since {}", self.show(told.epoch.first)));
        let stands = match compared(&self.comparison, definition) {
            no if no == "no" => "not compared with the one in force".to_owned(),
            stands => stands,
        };
        format!("{definition}, {stands}{}", since.unwrap_or_default())
    }

    fn definitions(&self) -> String {
        let mut table = Table::new([
            ("DEFINITION", Align::Left),
            ("FIRST", Align::Left),
            ("LAST", Align::Left),
            ("VALUES", Align::Right),
            ("COMPARED", Align::Left),
            ("BEGAN UNDER", Align::Left),
        ]);
        for told in &self.epochs {
            table.row([
                told.epoch.definition.clone(),
                self.show(told.epoch.first),
                self.show(told.epoch.last),
                told.values.to_string(),
                compared(&self.comparison, &told.epoch.definition),
                told.revision
                    .as_deref()
                    .map_or("not known", short)
                    .to_owned(),
            ]);
        }
        let mut text = format!("\n{}", table.render(0));
        if self.epochs.len() < 2 {
            return text;
        }
        for told in &self.epochs {
            text += &format!("\n{}\n", told.epoch.definition);
            match &told.question {
                Some(question) => {
                    for (name, words) in words(question) {
                        text += &line(name, &words);
                    }
                }
                None => text += &line("asked", NOT_KNOWN),
            }
            if let Some(rebase) = &told.rebase {
                let reason = printable(&rebase.reason);
                text += &line(
                    "rebase",
                    &format!(
                        "{} to {} on {}: {reason}",
                        rebase.old, rebase.new, rebase.date
                    ),
                );
            }
        }
        text
    }

    fn show(&self, at: Timestamp) -> String {
        when::show(at, &self.config.zone)
    }

    /// The same for programs.
    pub(super) fn json(&self) -> String {
        let epochs = self.epochs.iter().map(|told| {
            let definition = &told.epoch.definition;
            json!({
                "definition": definition,
                "first": told.epoch.first.to_string(),
                "last": told.epoch.last.to_string(),
                "values": told.values,
                "in_force": self.comparison.is_in_force(definition),
                "factor": self.comparison.factor(definition),
                "revision": told.revision,
                "question": told.question,
                "rebase": told.rebase.as_ref().map(|rebase| json!({
                    "date": rebase.date.to_string(),
                    "old": rebase.old,
                    "new": rebase.new,
                    "reason": rebase.reason,
                })),
            })
        });
        let inputs = self.inputs.iter().map(|(id, value)| {
            json!({
                "key_result": id,
                "value": value.as_ref().map(|value| value.point().value),
                "as_of": value.as_ref().map(|value| value.point().as_of.to_string()),
            })
        });
        let failed = self.failed.as_ref().map(|(attempt, fault)| {
            json!({
                "attempts": self.failures,
                "asked_at": attempt.started_at.to_string(),
                "class": fault.class.as_str(),
                "message": fault.message,
            })
        });
        let document = json!({
            "cycle": self.key_result.id.cycle.as_str(),
            "key_result": self.key_result.id.to_string(),
            "unit": self.key_result.unit,
            "definition": self.key_result.definition,
            "revision": self.config.revision,
            "value": self.value.as_ref().map(|value| self.value(value)),
            "computed_from": inputs.collect::<Vec<_>>(),
            "epochs": epochs.collect::<Vec<_>>(),
            "failed_since": failed,
        });
        format!("{document:#}\n")
    }

    fn value(&self, value: &Shown) -> Value {
        let m = stored(value);
        let question = self.question();
        let asked = m.filter(|m| !matches!(m.origin, Origin::Recorded { .. }));
        let span = asked.zip(question.as_ref());
        let span = span.and_then(|(m, question)| window(m, question));
        let (author, note) = match m.map(|m| &m.origin) {
            Some(Origin::Recorded { author, note }) => (author.as_deref(), note.as_deref()),
            _ => (None, m.and_then(|m| m.note.as_deref())),
        };
        let revision = self.provenance.revision.as_ref();
        json!({
            "value": value.point().value,
            "as_of": value.point().as_of.to_string(),
            "slot": m.map(|m| m.slot.to_string()),
            "origin": value.origin(),
            "author": author,
            "note": note,
            "asked_at": asked.map(|m| m.started_at.to_string()),
            "told_at": m.filter(|_| asked.is_none()).map(|m| m.started_at.to_string()),
            "milliseconds": asked.map(|m| m.took.as_millis()),
            "tries": asked.map(|m| m.tries),
            "question": question,
            "window": span.map(|span| json!({
                "start": span.start.to_string(),
                "end": span.end.to_string(),
            })),
            "definition": m.map(|m| &*m.definition),
            "revision": revision.map(|revision| &revision.sha256),
            "revision_since": revision.and_then(|r| r.since).map(|since| since.to_string()),
        })
    }
}

fn read(
    reader: &Reader,
    objective: &Objective,
    key_result: &KeyResult,
    config: &Config,
) -> Result<Vec<Shown>, StoreError> {
    series::read(reader, objective, key_result, &config.zone, None, None)
}

/// The value that describes the latest instant, none after `at`.
fn newest(values: Vec<Shown>, at: Option<Timestamp>) -> Option<Shown> {
    let within = |value: &Shown| at.is_none_or(|at| value.point().as_of <= at);
    let values = values.into_iter().filter(within);
    values.max_by_key(|value| (value.point().as_of, stored(value).map(|m| m.started_at)))
}

/// Each epoch with how it began, how many values it has and what carries it over.
fn told(
    key_result: &KeyResult,
    known: Vec<Epoch>,
    beginnings: Vec<Beginning>,
    values: &[Shown],
) -> Vec<Told> {
    let spliced = key_result.spliced(&known);
    let rebase = |place: usize| {
        let nth = spliced.iter().position(|carried| carried.epoch == place)?;
        let definition = &known.get(place)?.definition;
        let named = key_result.rebases.iter().find(|rebase| {
            let from = rebase.from.as_deref();
            from.is_some_and(|from| definition.starts_with(from))
        });
        named
            .or_else(|| key_result.rebases.iter().rev().nth(nth))
            .cloned()
    };
    let rebases: Vec<_> = (0..known.len()).map(rebase).collect();
    let each = |(epoch, rebase): (Epoch, Option<Rebase>)| {
        let began = beginnings.iter().find(|b| b.definition == epoch.definition);
        let of = |value: &&Shown| value.definition().is_some_and(|d| **d == *epoch.definition);
        Told {
            values: values.iter().filter(of).count(),
            revision: began.and_then(|began| began.revision.clone()),
            question: began.and_then(|began| parsed(began.question.as_deref())),
            rebase,
            epoch,
        }
    };
    known.into_iter().zip(rebases).map(each).collect()
}

fn stored(value: &Shown) -> Option<&Measurement> {
    match value {
        Shown::Stored(m) => Some(m),
        Shown::Computed(_) => None,
    }
}

fn parsed(question: Option<&str>) -> Option<Value> {
    question.and_then(|text| serde_json::from_str(text).ok())
}

/// What a question asks, without where and for which stretch.
fn words(question: &Value) -> Vec<(&'static str, String)> {
    const NAMES: [&str; 18] = [
        "query", "jql", "promql", "hogql", "search", "issues", "metric", "goal", "site", "project",
        "method", "path", "body", "json", "form", "value", "fail_if", "empty",
    ];
    let told = |name: &'static str| match question.get(name)? {
        Value::String(text) => Some((name, text.clone())),
        other => Some((name, other.to_string())),
    };
    NAMES.into_iter().filter_map(told).collect()
}

/// The window as it was for that value: a poll asks about when it began, a backfill about its slot.
fn window(m: &Measurement, question: &Value) -> Option<Span> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let window = Window::parse(&text(&question["window"])?).ok()?;
    let day = |key: &str| text(&question["cycle"][key])?.parse::<Date>().ok();
    let zone = TimeZoneDatabase::bundled()
        .get(&text(&question["cycle"]["timezone"])?)
        .ok()?;
    let name = CycleName::parse("asked").ok()?;
    let cycle = Cycle::new(name, day("starts")?, day("ends")?, zone).ok()?;
    let now = match m.origin {
        Origin::Backfilled => m.slot,
        Origin::Polled | Origin::Recorded { .. } => m.started_at,
    };
    window.resolve(now, &cycle)
}

/// A named line; further lines of the text stand below each other.
fn line(name: &str, text: &str) -> String {
    let mut lines = text.trim().lines().map(|line| printable(line.trim_end()));
    let mut out = format!("  {name:<11} {}\n", lines.next().unwrap_or_default());
    for line in lines {
        out += &format!("  {:<11} {line}\n", "");
    }
    out
}

fn short(revision: &str) -> &str {
    revision.get(..SHORT).unwrap_or(revision)
}
