//! `okrd probe`: asks sources now and shows what they answer. Records nothing.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::args::{Format, ProbeArgs};
use super::exit::{Failure, Verdict, complain, say};
use super::run::end_on_signal;
use super::table::{Align, Table, printable};
use super::{configuration, key_results, runtime, when};
use crate::config::spec::{Config, Poll};
use crate::domain::cycle::Cycle;
use crate::domain::fault::{Fault, FaultClass};
use crate::domain::goals::Feed;
use crate::domain::id::Slug;
use crate::domain::reading::Reading;
use crate::domain::window::Moments;
use crate::engine::clock::{Clock, SystemClock};
use crate::source::{self, Question, Source};

/// Asks and prints.
///
/// # Errors
/// When the configuration or a name is at fault.
pub fn run(config: Option<&Path>, args: &ProbeArgs) -> Result<Verdict, Failure> {
    let config = configuration::valid(config)?;
    let now = SystemClock.now();
    let polls = chosen(&config, args, now)?;
    let answers = runtime::small()?.block_on(async {
        let end = end_on_signal()?;
        let Some(mut answers) = ask(&config, polls, now, end.cancelled()).await else {
            return Ok::<_, Failure>(None);
        };
        if !args.all {
            for answer in &mut answers {
                let seen = end.run_until_cancelled(answer.look_behind(&config));
                if seen.await.is_none() {
                    return Ok(None);
                }
            }
        }
        Ok(Some(answers))
    })?;
    let Some(answers) = answers else {
        complain("ended by a signal, before everything was asked\n");
        return Ok(Verdict::No);
    };
    say(&match args.format {
        Format::Text => format!("{}{}", table(&config, &answers), behind(&answers)),
        Format::Json => {
            let probes: Vec<Value> = answers.iter().map(|a| a.json(&config)).collect();
            format!("{:#}\n", json!({ "probes": probes }))
        }
    })?;
    Ok(Verdict::of(answers.iter().all(|a| a.outcome.is_ok())))
}

/// The polls that were asked for.
fn chosen<'a>(
    config: &'a Config,
    args: &ProbeArgs,
    now: Timestamp,
) -> Result<Vec<&'a Poll>, Failure> {
    if args.all {
        let open = |poll: &&Poll| {
            let cycle = config.goals.cycles.get(&poll.key_result.cycle);
            cycle.is_some_and(|cycle| cycle.is_open(now))
        };
        return Ok(config.polls.iter().filter(open).collect());
    }
    args.key_results
        .iter()
        .map(|text| {
            let key_result = key_results::find(&config.goals, text, now)?;
            let poll = config.polls.iter().find(|p| p.key_result == key_result.id);
            poll.ok_or_else(|| {
                debug_assert_eq!(key_result.feed, Feed::Recorded);
                Failure::usage(format!(
                    "key result {} has no source to probe: people record it with `okrd record`",
                    key_result.id
                ))
            })
        })
        .collect()
}

/// What came of asking for one key result.
pub struct Answer<'a> {
    /// What was asked.
    pub poll: &'a Poll,
    /// What it was asked about; `None` when the window is still empty.
    pub moments: Option<Moments>,
    /// How long it took.
    pub took: Duration,
    /// The number, or why there is none.
    pub outcome: Result<Reading, Fault>,
    /// A few of the things behind the number, where its source can tell.
    pub examples: Vec<String>,
}

/// How many of the things behind a number are shown.
const EXAMPLES: usize = 5;

/// Asks for each, all sources at a time and each within its own limit; the answers come in the order of the polls.
/// `None` when the end came first; then nothing is left at work.
async fn ask<'a>(
    config: &'a Config,
    polls: Vec<&'a Poll>,
    now: Timestamp,
    end: impl Future<Output = ()>,
) -> Option<Vec<Answer<'a>>> {
    let mut sources: BTreeMap<&Slug, Arc<Opened>> = BTreeMap::new();
    for poll in &polls {
        if let Some(spec) = config.sources.get(&poll.source) {
            sources.entry(&poll.source).or_insert_with(|| {
                let source = source::open(spec);
                let permits = Semaphore::new(source.permits().max(1));
                Arc::new(Opened { source, permits })
            });
        }
    }
    let asked = polls.into_iter().map(|poll| {
        let source = sources.get(&poll.source).cloned();
        let cycle = config.goals.cycles.get(&poll.key_result.cycle);
        async move { ask_one(poll, source, cycle, now).await }
    });
    let answers = tokio::select! {
        answers = join_all(asked) => Some(answers),
        () = end => None,
    };
    if answers.is_none() {
        join_all(sources.values().map(|opened| opened.source.settle())).await;
    }
    answers
}

struct Opened {
    source: Arc<dyn Source>,
    permits: Semaphore,
}

async fn ask_one<'a>(
    poll: &'a Poll,
    source: Option<Arc<Opened>>,
    cycle: Option<&Cycle>,
    now: Timestamp,
) -> Answer<'a> {
    let moments = cycle.and_then(|cycle| Moments::at(now, cycle, poll.window));
    let (outcome, took) = match (source, &moments) {
        (Some(opened), Some(moments)) => {
            let _permit = opened.permits.acquire().await;
            let began = Instant::now();
            let question = Question {
                measure: &poll.measure,
                moments,
                timeout: poll.timeout,
            };
            (opened.source.measure(question).await, began.elapsed())
        }
        _ => {
            let empty = format!("the window {} is still empty", poll.window);
            (Err(Fault::new(FaultClass::Config, empty)), Duration::ZERO)
        }
    };
    Answer {
        poll,
        moments,
        took,
        outcome,
        examples: Vec::new(),
    }
}

/// What stands behind the numbers, under a heading each.
fn behind(answers: &[Answer<'_>]) -> String {
    let told = answers.iter().filter(|answer| !answer.examples.is_empty());
    told.map(|answer| {
        let lines = answer.examples.iter();
        let lines: String = lines.map(|l| format!("  {}\n", printable(l))).collect();
        format!("\n{}, the first of them:\n{lines}", answer.poll.key_result)
    })
    .collect()
}

fn table(config: &Config, answers: &[Answer<'_>]) -> String {
    let mut table = Table::new([
        ("KEY RESULT", Align::Left),
        ("VALUE", Align::Right),
        ("UNIT", Align::Left),
        ("TYPE", Align::Left),
        ("SOURCE", Align::Left),
        ("TOOK", Align::Right),
        ("WINDOW", Align::Left),
    ]);
    let mut faults = String::new();
    for answer in answers {
        let (value, kind) = match &answer.outcome {
            Ok(reading) => (digits(reading), value_type(reading)),
            Err(fault) => {
                let line = format!("{}: {fault}", answer.poll.key_result);
                faults.push_str(&format!("{}\n", printable(&line)));
                ("failed".to_owned(), fault.class.as_str())
            }
        };
        table.row([
            answer.poll.key_result.to_string(),
            value,
            answer.unit(config).to_owned(),
            kind.to_owned(),
            answer.poll.source.to_string(),
            took(answer.took),
            answer.window(config),
        ]);
    }
    let gap = if faults.is_empty() { "" } else { "\n" };
    format!("{}{gap}{faults}", table.render(0))
}

fn took(took: Duration) -> String {
    let ms = took.as_secs_f64() * 1000.0;
    if ms < 1000.0 {
        format!("{ms:.1} ms")
    } else {
        format!("{:.1} s", took.as_secs_f64())
    }
}

fn digits(reading: &Reading) -> String {
    let exact = reading.exact.clone();
    exact.unwrap_or_else(|| reading.value.to_string())
}

fn value_type(reading: &Reading) -> &'static str {
    let whole = reading
        .exact
        .as_ref()
        .map_or(reading.value.fract() == 0.0, |digits| {
            !digits.contains(['.', 'e', 'E'])
        });
    match (whole, reading.approximate) {
        (true, false) => "integer",
        (false, false) => "decimal",
        (true, true) => "integer, estimated",
        (false, true) => "decimal, estimated",
    }
}

impl Answer<'_> {
    /// Asks for a few of the things behind the number. It is there without them too, so a fault only costs the list.
    async fn look_behind(&mut self, config: &Config) {
        let spec = config.sources.get(&self.poll.source);
        if let (Some(spec), Some(moments), Ok(_)) = (spec, &self.moments, &self.outcome) {
            let question = Question {
                measure: &self.poll.measure,
                moments,
                timeout: self.poll.timeout,
            };
            let examples = source::open(spec).examples(question, EXAMPLES).await;
            self.examples = examples.unwrap_or_default();
        }
    }

    fn unit<'c>(&self, config: &'c Config) -> &'c str {
        let key_result = config.goals.key_result(&self.poll.key_result);
        key_result.map_or("", |kr| kr.unit.as_str())
    }

    fn window(&self, config: &Config) -> String {
        self.moments.as_ref().map_or_else(String::new, |moments| {
            let window = &moments.window;
            format!(
                "{} {} … {}",
                self.poll.window,
                when::show(window.start, &config.zone),
                when::show(window.end, &config.zone)
            )
        })
    }

    fn json(&self, config: &Config) -> Value {
        let reading = self.outcome.as_ref().ok();
        let window = self.moments.as_ref().map(|moments| {
            json!({
                "name": self.poll.window.to_string(),
                "start": moments.window.start.to_string(),
                "end": moments.window.end.to_string(),
            })
        });
        json!({
            "cycle": self.poll.key_result.cycle.as_str(),
            "key_result": self.poll.key_result.to_string(),
            "source": self.poll.source.as_str(),
            "unit": self.unit(config),
            "value": reading.map(|r| r.value),
            "exact": reading.and_then(|r| r.exact.clone()),
            "type": reading.map(value_type),
            "duration_seconds": self.took.as_secs_f64(),
            "window": window,
            "examples": self.examples,
            "fault": self.outcome.as_ref().err().map(|fault| json!({
                "class": fault.class.as_str(),
                "message": fault.message,
                "help": fault.help,
            })),
        })
    }
}
