//! `okrd probe`: asks sources now and shows what they answer. Records nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::args::{Format, ProbeArgs};
use super::exit::{Failure, Verdict, complain, say};
use super::run::end_on_signal;
use super::table::{Align, Table, printable};
use super::{configuration, filters, key_results, runtime, when};
use crate::config::spec::{Config, Poll};
use crate::domain::cycle::Cycle;
use crate::domain::fault::{Fault, FaultClass, Remedy};
use crate::domain::goals::Feed;
use crate::domain::guard::{self, Turn};
use crate::domain::id::{KeyResultId, Slug};
use crate::domain::quality::Flag;
use crate::domain::reading::Reading;
use crate::domain::window::Moments;
use crate::engine::clock::{Clock, SystemClock};
use crate::net::overheard::{Exchange, overhear};
use crate::source::{Question, Source};
use crate::store::{Reader, StoreError};

/// Asks and prints.
///
/// # Errors
/// When the configuration or a name is at fault.
pub fn run(config: Option<&Path>, args: &ProbeArgs) -> Result<Verdict, Failure> {
    let config = configuration::valid(config)?;
    let now = SystemClock.now();
    let polls = chosen(&config, args, now)?;
    let answers = runtime::small()?.block_on(async {
        let end = end_on_signal()?.asked().clone();
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
    let Some(mut answers) = answers else {
        complain("ended by a signal, before everything was asked\n");
        return Ok(Verdict::No);
    };
    hold_against(&config, &mut answers, now)?;
    say(&match args.format {
        Format::Text => {
            let wire = if args.explain {
                wire(&answers)
            } else {
                String::new()
            };
            format!("{}{}{wire}", table(&config, &answers), behind(&answers))
        }
        Format::Json => {
            let told = |answer: &Answer<'_>| {
                let mut told = answer.json(&config);
                if let (true, Some(told)) = (args.explain, told.as_object_mut()) {
                    told.insert("exchanges".to_owned(), exchanges(answer));
                }
                told
            };
            let probes: Vec<Value> = answers.iter().map(told).collect();
            format!("{:#}\n", json!({ "probes": probes }))
        }
    })?;
    Ok(Verdict::of(
        answers
            .iter()
            .all(|a| a.outcome.is_ok() && a.doubt.is_none()),
    ))
}

/// Holds the numbers against those that the store has, as a poll would.
fn hold_against(
    config: &Config,
    answers: &mut [Answer<'_>],
    now: Timestamp,
) -> Result<(), Failure> {
    let history = match Reader::open(&config.store.path) {
        Ok(reader) => reader.load(&config.goals)?.history,
        // Nothing was ever recorded.
        Err(StoreError::Missing { .. }) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    for answer in answers.iter_mut().filter(|answer| answer.doubt.is_none()) {
        let record = history.get(&answer.poll.key_result);
        if let (Ok(reading), Some(record)) = (&answer.outcome, record) {
            let turn = Turn::Now(now, answer.poll.schedule.next_after(now));
            let believed = (answer.poll.guard).believe(reading.clone(), &record.known(), turn);
            answer.doubt = believed.err();
        }
    }
    Ok(())
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
                let how = match &key_result.feed {
                    Feed::Computed(formula) => {
                        format!("it is computed as `{formula}`; probe its key results")
                    }
                    Feed::Stated => "its milestones stand in its file".to_owned(),
                    Feed::Polled { .. } | Feed::Recorded => {
                        "people record it with `okrd record`".to_owned()
                    }
                };
                let id = &key_result.id;
                Failure::usage(format!("key result {id} has no source to probe: {how}"))
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
    /// Why a poll would not believe the number.
    pub doubt: Option<Fault>,
    /// What its source has to remark besides.
    pub remarks: Vec<String>,
    /// A few of the things behind the number, where its source can tell.
    pub examples: Vec<String>,
    /// What went over the wire, where okrd's own client was used.
    pub exchanges: Vec<Exchange>,
}

/// How many of the things behind a number are shown.
const EXAMPLES: usize = 5;

/// Asks for each, all sources at a time and each within its own limit; the answers come in the order of the polls. The
/// first question to a source goes ahead alone, and a source that refuses our login or asks for patience is asked
/// nothing more: twenty wrong passwords at once would lock the account. `None` when the end came first; then nothing
/// is left at work.
pub(super) async fn ask<'a>(
    config: &'a Config,
    polls: Vec<&'a Poll>,
    now: Timestamp,
    end: impl Future<Output = ()>,
) -> Option<Vec<Answer<'a>>> {
    let open = filters::opener();
    let mut sources: BTreeMap<&Slug, Arc<Opened>> = BTreeMap::new();
    for poll in &polls {
        if let Some(spec) = config.sources.get(&poll.source) {
            sources.entry(&poll.source).or_insert_with(|| {
                let source = open(spec);
                Arc::new(Opened {
                    source,
                    permits: Semaphore::new(1),
                    first: AtomicBool::new(true),
                    closed: OnceLock::new(),
                })
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
    /// Whether nothing was asked yet.
    first: AtomicBool,
    /// For which key result it said that it must be left alone, and why.
    closed: OnceLock<(KeyResultId, FaultClass)>,
}

impl Opened {
    async fn ask(
        &self,
        key_result: &KeyResultId,
        question: Question<'_>,
    ) -> (Result<Reading, Fault>, Duration) {
        let _permit = self.permits.acquire().await;
        if let Some((asked, class)) = self.closed.get() {
            let message = format!("not asked, after what came of {asked}");
            return (Err(Fault::new(*class, message)), Duration::ZERO);
        }
        let began = Instant::now();
        let outcome = self.source.measure(question).await;
        if let Err(fault) = &outcome
            && fault.class.remedy() == Remedy::HoldSource
        {
            // Of several the first one tells.
            let _ = self.closed.set((key_result.clone(), fault.class));
        }
        if self.first.swap(false, Ordering::Relaxed) {
            self.permits
                .add_permits(self.source.permits().saturating_sub(1));
        }
        (outcome, began.elapsed())
    }
}

impl Opened {
    /// What a poll would see in a number by itself, and in the canary beside it.
    async fn doubts(
        &self,
        poll: &Poll,
        reading: &Reading,
        question: Question<'_>,
        now: Timestamp,
    ) -> Result<(), Fault> {
        poll.guard.plausible(reading.clone(), now)?;
        let Some(canary) = &poll.canary else {
            return Ok(());
        };
        let question = Question {
            measure: &canary.measure,
            ..question
        };
        let (seen, _) = self.ask(&poll.key_result, question).await;
        let seen =
            seen.map_err(|fault| Fault::new(fault.class, format!("canary: {}", fault.message)))?;
        guard::canary(seen.value, canary.at_least, reading)
    }
}

async fn ask_one<'a>(
    poll: &'a Poll,
    source: Option<Arc<Opened>>,
    cycle: Option<&Cycle>,
    now: Timestamp,
) -> Answer<'a> {
    let moments = cycle.and_then(|cycle| Moments::at(now, cycle, poll.window));
    let mut doubt = None;
    let mut exchanges = Vec::new();
    let (outcome, took) = match (&source, &moments) {
        (Some(opened), Some(moments)) => {
            let question = Question {
                measure: &poll.measure,
                moments,
                timeout: poll.timeout,
            };
            let ((outcome, took), heard) = overhear(opened.ask(&poll.key_result, question)).await;
            exchanges = heard;
            if let Ok(reading) = &outcome {
                doubt = opened.doubts(poll, reading, question, now).await.err();
            }
            (outcome, took)
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
        doubt,
        remarks: source.map_or_else(Vec::new, |opened| opened.source.remarks()),
        examples: Vec::new(),
        exchanges,
    }
}

/// What went over the wire, under a heading each.
fn wire(answers: &[Answer<'_>]) -> String {
    let mut text = String::new();
    for answer in answers {
        text += &format!("\n{}\n", answer.poll.key_result);
        if answer.exchanges.is_empty() {
            text += "  nothing of it goes over okrd's own HTTP client\n";
        }
        for exchange in &answer.exchanges {
            text += &format!("  {}\n", printable(&exchange.asked));
            for line in &exchange.sent {
                text += &format!("    {}\n", printable(line));
            }
            let came = exchange.answered.as_deref().unwrap_or("nothing, see above");
            text += &format!("  answered: {}\n", printable(came));
            if !exchange.snippet.is_empty() {
                text += &format!("    {}\n", printable(&exchange.snippet));
            }
        }
        if let Ok(reading) = &answer.outcome {
            text += &format!("  read: {}\n", digits(reading));
        }
    }
    text
}

fn exchanges(answer: &Answer<'_>) -> Value {
    let each = answer.exchanges.iter().map(|exchange| {
        json!({
            "asked": exchange.asked,
            "sent": exchange.sent,
            "answered": exchange.answered,
            "snippet": exchange.snippet,
        })
    });
    each.collect()
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
    let mut below = String::new();
    let mut remarks = BTreeSet::new();
    for answer in answers {
        let (value, kind, remark) = match &answer.outcome {
            Ok(reading) => (digits(reading), value_type(reading), reading.note.clone()),
            Err(fault) => (
                "failed".to_owned(),
                fault.class.as_str(),
                Some(fault.to_string()),
            ),
        };
        if let Some(remark) = remark {
            let line = format!("{}: {remark}", answer.poll.key_result);
            below.push_str(&format!("{}\n", printable(&line)));
        }
        if let Some(doubt) = &answer.doubt {
            let line = format!(
                "{}: a poll would not take it: {doubt}",
                answer.poll.key_result
            );
            below.push_str(&format!("{}\n", printable(&line)));
        }
        for remark in &answer.remarks {
            let line = format!("source {}: {remark}", answer.poll.source);
            remarks.insert(printable(&line));
        }
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
    below.extend(remarks.iter().map(|line| format!("{line}\n")));
    let gap = if below.is_empty() { "" } else { "\n" };
    format!("{}{gap}{below}", table.render(0))
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
    match (whole, reading.quality.has(Flag::Approximate)) {
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
            let examples = filters::opener()(spec).examples(question, EXAMPLES).await;
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
            "note": reading.and_then(|r| r.note.clone()),
            "quality": reading.map(|r| r.quality.words()),
            "as_of": reading.and_then(|r| r.as_of).map(|at| at.to_string()),
            "doubt": self.doubt.as_ref().map(told),
            "duration_seconds": self.took.as_secs_f64(),
            "window": window,
            "remarks": self.remarks,
            "examples": self.examples,
            "fault": self.outcome.as_ref().err().map(told),
        })
    }
}

fn told(fault: &Fault) -> Value {
    json!({
        "class": fault.class.as_str(),
        "message": fault.message,
        "help": fault.help,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::configuration::check;
    use crate::config::files::{File, Files};
    use axum::http::StatusCode;
    use axum::routing::{get, post};
    use axum::{Json, Router};
    use std::sync::atomic::AtomicUsize;

    /// The configuration of a Jira Data Center, each of these measures a key result `k0`, `k1`, …
    async fn desk(jira: Router, measures: &[&str]) -> (Config, tempfile::TempDir) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, jira).await });
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("password"), "of somebody else").unwrap();
        let mut text = format!(
            "cycle = \"now\"\n[cycles.now]\nstarts = 2026-10-01\nends = 2026-12-31\n\
             [sources.desk]\ntype = \"jira\"\nurl = \"http://{address}\"\ndeployment = \"data_center\"\n\
             auth = {{ user = \"ada\", token = {{ file = \"password\" }} }}\n[objectives.o]\ntitle = \"O\"\n"
        );
        for (n, measure) in measures.iter().enumerate() {
            text.push_str(&format!(
                "[objectives.o.key_results.k{n}]\ntitle = \"T\"\nunit = \"u\"\nat_most = 3\n\
                 measure = {{ source = \"desk\", jql = \"project = A\"{measure} }}\n"
            ));
        }
        let files = Files {
            files: vec![File::new("okrd.toml", folder.path(), text)],
            findings: Vec::new(),
        };
        let (config, findings) = check(&files);
        (config.unwrap_or_else(|| panic!("{findings:?}")), folder)
    }

    async fn all(config: &Config) -> Vec<Answer<'_>> {
        let now = "2026-11-01T12:00:00Z".parse().unwrap();
        let asked = ask(
            config,
            config.polls.iter().collect(),
            now,
            std::future::pending(),
        );
        asked.await.unwrap()
    }

    /// Twenty key results of one Jira that refuses every question with this status; how often it was asked, and the
    /// faults.
    async fn refused(status: StatusCode) -> (usize, Vec<Fault>) {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let jira = Router::new().fallback(move || {
            count.fetch_add(1, Ordering::SeqCst);
            async move {
                let reason = [("x-seraph-loginreason", "AUTHENTICATED_FAILED")];
                (status, reason, "")
            }
        });
        let (config, _folder) = desk(jira, &[""; 20]).await;
        let answers = all(&config).await.into_iter();
        let faults = answers.map(|answer| answer.outcome.unwrap_err()).collect();
        (asked.load(Ordering::SeqCst), faults)
    }

    #[tokio::test]
    async fn f18_f13_a_source_that_refuses_is_asked_nothing_more() {
        for (status, class) in [
            (StatusCode::UNAUTHORIZED, FaultClass::Auth),
            (StatusCode::TOO_MANY_REQUESTS, FaultClass::RateLimited),
        ] {
            let (asked, faults) = refused(status).await;
            assert_eq!(asked, 1, "{status}: twenty failed logins lock the account");
            assert_eq!(faults.len(), 20);
            assert!(faults.iter().all(|f| f.class == class), "{faults:?}");
            let not_asked = "not asked, after what came of o/k";
            let told = |fault: &&Fault| fault.message.starts_with(not_asked);
            assert_eq!(faults.iter().filter(told).count(), 19);
        }
        // What is wrong with one question says nothing of the next.
        let (asked, _) = refused(StatusCode::INTERNAL_SERVER_ERROR).await;
        assert_eq!(asked, 20);
    }

    #[tokio::test]
    async fn f23_a_number_is_shown_with_its_note() {
        let known = [("x-ausername", "ada")];
        let points = json!([{ "id": "points", "name": "Points", "schema": { "type": "number" } }]);
        let page = json!({ "startAt": 0, "total": 2, "issues": [
            { "id": "1", "fields": { "points": 5 } },
            { "id": "2", "fields": {} },
        ] });
        let jira = Router::new()
            .route(
                "/rest/api/2/field",
                get(async move || (known, Json(points))),
            )
            .route(
                "/rest/api/2/search",
                post(async move || (known, Json(page))),
            );
        let (config, _folder) = desk(jira, &["", ", value = { sum = \"Points\" }"]).await;
        let answers = all(&config).await;
        let text = table(&config, &answers);
        let note = "1 of 2 issues has a value, 1 does not carry the field";
        assert!(text.ends_with(&format!("\no/k1: {note}\n")), "{text}");
        let notes: Vec<Value> = answers
            .iter()
            .map(|a| a.json(&config)["note"].clone())
            .collect();
        assert_eq!(notes, [Value::Null, note.into()]);
    }
}
