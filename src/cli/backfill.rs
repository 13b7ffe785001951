//! `okrd backfill`: the past of a replayable key result, asked slot by slot. Works while the daemon runs, which takes the
//! values in within a second. Polite: one question at a time, a rest between two, and none to a source that wants to be
//! left alone.

use std::io::IsTerminal;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::args::{BackfillArgs, BackfillFormat};
use super::exit::{Failure, Verdict, complain, say};
use super::run::end_on_signal;
use super::table::{Align, Table, printable};
use super::{configuration, filters, key_results, runtime, when};
use crate::config::replay;
use crate::config::spec::{Config, Poll, SourceSpec};
use crate::domain::cycle::Cycle;
use crate::domain::fault::{Fault, FaultClass, Remedy};
use crate::domain::goals::{Feed, KeyResult};
use crate::domain::status::Phase;
use crate::engine::clock::{Clock, SystemClock};
use crate::engine::past;
use crate::engine::policy;
use crate::engine::poll::{Asks, Errand};
use crate::source::Source;
use crate::store::{Entry, Reader, Store, StoreError};

/// How many slots one run asks for at most: more would keep a source busy for days.
const MOST: usize = 100_000;
/// What one write takes at most, and how long a value waits for others at most.
const BATCH: usize = 100;
const BATCH_WAITS: Duration = Duration::from_secs(1);
/// How often progress is told.
const PROGRESS: Duration = Duration::from_secs(2);

/// Asks and records.
///
/// # Errors
/// When the configuration, a name, an instant or the store is at fault.
pub fn run(config: Option<&Path>, args: &BackfillArgs) -> Result<Verdict, Failure> {
    let config = configuration::valid(config)?;
    let now = SystemClock.now();
    let key_result = key_results::find(&config.goals, &args.key_result, now)?;
    let task = Task::of(&config, key_result, now)?;
    let range = range(&config, &task, args, now)?;
    if let Some(why) = replay::objection(&task.poll.measure, task.spec) {
        complain(&format!(
            "error: key result {} cannot be asked for the past: {why}\n",
            key_result.id
        ));
        return Ok(Verdict::No);
    }
    let plan = plan(&config, &task, range)?;
    let tally = if args.dry_run {
        Tally::default()
    } else {
        runtime::small()?.block_on(fill(&config, &task, &plan.missing, now))?
    };
    say(&match args.format {
        BackfillFormat::Table => table(&config, &task, &plan, &tally, args.dry_run),
        BackfillFormat::Json => json(&task, &plan, &tally, args.dry_run),
    })?;
    Ok(Verdict::of(tally.failed == 0 && tally.stopped.is_none()))
}

/// What is to be asked, and of whom.
struct Task<'c> {
    key_result: &'c KeyResult,
    poll: &'c Poll,
    spec: &'c SourceSpec,
    cycle: &'c Cycle,
}

impl<'c> Task<'c> {
    fn of(config: &'c Config, key_result: &'c KeyResult, now: Timestamp) -> Result<Self, Failure> {
        let id = &key_result.id;
        let poll = config.polls.iter().find(|poll| poll.key_result == *id);
        let asked = poll.and_then(|poll| Some((poll, config.sources.get(&poll.source)?)));
        let Some((poll, spec)) = asked else {
            let how = match &key_result.feed {
                Feed::Computed(_) => "it is computed; fill in the key results it reads".to_owned(),
                Feed::Stated => "its milestones stand in its file".to_owned(),
                Feed::Polled { .. } | Feed::Recorded => {
                    format!("people tell values of the past by `okrd record {id} VALUE --at T`")
                }
            };
            return Err(Failure::usage(format!(
                "key result {id} has no source to ask: {how}"
            )));
        };
        let cycle = config.goals.cycles.get(&id.cycle);
        let cycle = cycle.ok_or_else(|| Failure::usage(format!("{id} has no cycle")))?;
        if Phase::of(cycle, now) == Phase::Closed {
            return Err(Failure::usage(format!(
                "cycle {} of key result {id} is closed since {}: its figures are final, later values are not taken",
                cycle.name,
                cycle.end() + Phase::SETTLE
            )));
        }
        Ok(Self {
            key_result,
            poll,
            spec,
            cycle,
        })
    }
}

/// First and last instant, held to the cycle and to what is past.
fn range(
    config: &Config,
    task: &Task<'_>,
    args: &BackfillArgs,
    now: Timestamp,
) -> Result<(Timestamp, Timestamp), Failure> {
    let from = when::parse(&args.from, now, &config.zone)?;
    let to = args.to.as_deref();
    let to = to.map_or(Ok(now), |text| when::parse(text, now, &config.zone))?;
    if from > to {
        return Err(Failure::usage(format!(
            "--from is {from}, after --to, {to}: exchange the two"
        )));
    }
    let (first, last) = (task.cycle.start(), task.cycle.end().min(now));
    if from > last || to < first {
        return Err(Failure::usage(format!(
            "cycle {} has no past between {from} and {to}: it goes from {first} to {}",
            task.cycle.name,
            task.cycle.end()
        )));
    }
    if from < first || to > last {
        complain(&format!(
            "note: only slots of cycle {} that are past are asked for: from {} to {}\n",
            task.cycle.name,
            when::show(from.max(first), &config.zone),
            when::show(to.min(last), &config.zone)
        ));
    }
    Ok((from.max(first), to.min(last)))
}

/// The slots of the range.
struct Plan {
    /// How many there are.
    slots: usize,
    /// Those without a value, oldest first: the oldest becomes the baseline where the first value does.
    missing: Vec<Timestamp>,
}

fn plan(
    config: &Config,
    task: &Task<'_>,
    (from, to): (Timestamp, Timestamp),
) -> Result<Plan, Failure> {
    let slots = past::slots(task.poll, task.cycle, from, to, MOST + 1);
    if slots.len() > MOST {
        return Err(Failure::usage(format!(
            "the schedule of {} has more than {MOST} slots from {from} to {to}: fill a shorter stretch at a time",
            task.key_result.id
        )));
    }
    let missing = match Reader::open(&config.store.path) {
        Ok(reader) => {
            reader.unmeasured(&task.key_result.id, &task.key_result.definition, &slots)?
        }
        Err(StoreError::Missing { .. }) => slots.clone(),
        Err(error) => return Err(error.into()),
    };
    Ok(Plan {
        slots: slots.len(),
        missing,
    })
}

/// What came of it.
#[derive(Default)]
struct Tally {
    asked: usize,
    kept: usize,
    failed: usize,
    /// The first that failed.
    fault: Option<(Timestamp, Fault)>,
    /// Why not all was asked.
    stopped: Option<String>,
    /// Until when the source asked to be left alone.
    hold: Option<Timestamp>,
}

/// Asks for each of these slots and keeps what comes.
async fn fill(
    config: &Config,
    task: &Task<'_>,
    slots: &[Timestamp],
    now: Timestamp,
) -> Result<Tally, Failure> {
    let end = end_on_signal()?.asked().clone();
    if slots.is_empty() {
        return Ok(Tally::default());
    }
    let store = Store::open_shared_as(&config.store, runtime::VERSION, now)?;
    let questions = configuration::questions(config);
    store
        .keep_revision(&config.revision, now, questions)
        .await?;
    let mut filling = Filling {
        task,
        source: filters::opener()(task.spec),
        definition: Arc::from(task.key_result.definition.as_str()),
        cycle: Arc::new(task.cycle.clone()),
        poll: Arc::new(task.poll.clone()),
        store: store.clone(),
        waiting: Vec::new(),
        written: Instant::now(),
        troubles: 0,
        tally: Tally::default(),
    };
    let known = store.load(&config.goals)?.sources;
    let until = known.get(&task.poll.source).and_then(|s| s.not_before);
    match until.filter(|until| *until > now) {
        Some(until) => filling.tally.stopped = Some(left_alone(task, until, config)),
        None => filling.all(config, slots, &end).await?,
    }
    filling.write().await?;
    filling.source.settle().await;
    let tally = filling.tally;
    if let Some(until) = tally.hold {
        // Whoever starts next respects it, too.
        let hold = (task.poll.source.clone(), Some(until));
        store.keep_holds(vec![hold]).await?;
    }
    store.close().await?;
    Ok(tally)
}

fn left_alone(task: &Task<'_>, until: Timestamp, config: &Config) -> String {
    format!(
        "source {} is to be left alone until {}: run it again then",
        task.poll.source,
        when::show(until, &config.zone)
    )
}

/// The filling under way.
struct Filling<'t> {
    task: &'t Task<'t>,
    source: Arc<dyn Source>,
    definition: Arc<str>,
    cycle: Arc<Cycle>,
    poll: Arc<Poll>,
    store: Store,
    waiting: Vec<Entry>,
    written: Instant,
    /// Answers in a row that show the source itself in trouble.
    troubles: usize,
    tally: Tally,
}

impl Filling<'_> {
    async fn all(
        &mut self,
        config: &Config,
        slots: &[Timestamp],
        end: &CancellationToken,
    ) -> Result<(), Failure> {
        let rest = policy::rest(self.task.spec);
        let mut told = Instant::now();
        for (nth, slot) in slots.iter().enumerate() {
            if nth > 0 && !rest.is_zero() {
                let _ = end.run_until_cancelled(tokio::time::sleep(rest)).await;
            }
            let Some(entry) = end.run_until_cancelled(self.ask(*slot)).await else {
                self.tally.stopped = Some("ended by a signal: run it again for the rest".into());
                return Ok(());
            };
            self.take(entry, config);
            if self.tally.stopped.is_some() {
                return Ok(());
            }
            if self.waiting.len() >= BATCH || self.written.elapsed() >= BATCH_WAITS {
                self.write().await?;
            }
            if told.elapsed() >= PROGRESS || nth == 0 && std::io::stderr().is_terminal() {
                told = Instant::now();
                let id = &self.task.key_result.id;
                complain(&format!("{id}: {} of {} slots\n", nth + 1, slots.len()));
            }
        }
        Ok(())
    }

    /// Asks as a poll does, for the number of the slot.
    async fn ask(&self, slot: Timestamp) -> Entry {
        let errand = Errand {
            generation: 0,
            index: 0,
            poll: Arc::clone(&self.poll),
            definition: Arc::clone(&self.definition),
            cycle: Arc::clone(&self.cycle),
            source: Arc::clone(&self.source),
            slot,
            asks: Asks::Past,
            with: Vec::new(),
            retries: true,
            asked_as: 0,
        };
        errand.run(&SystemClock).await.entry
    }

    /// Counts an answer and tells whether to go on.
    fn take(&mut self, entry: Entry, config: &Config) {
        self.tally.asked += 1;
        match &entry.outcome {
            Ok(_) => self.troubles = 0,
            Err(fault) => {
                self.tally.failed += 1;
                if self.tally.fault.is_none() {
                    self.tally.fault = Some((entry.slot, fault.clone()));
                }
                self.troubles = if policy::is_trouble(fault) {
                    self.troubles + 1
                } else {
                    0
                };
                self.tally.stopped = self.stops(fault, config);
            }
        }
        self.waiting.push(entry);
    }

    fn stops(&mut self, fault: &Fault, config: &Config) -> Option<String> {
        let source = &self.task.poll.source;
        if fault.class.remedy() == Remedy::HoldSource {
            let patience = policy::patience(fault, 0, config.max_retry_after, 0);
            let until = policy::later(SystemClock.now(), patience.wait);
            return Some(match fault.class {
                FaultClass::Auth => format!("source {source} refused the login: mend it first"),
                _ => {
                    self.tally.hold = Some(until);
                    left_alone(self.task, until, config)
                }
            });
        }
        (self.troubles >= policy::TROUBLES).then(|| {
            format!(
                "source {source} failed {} times in a row: run it again once it works",
                self.troubles
            )
        })
    }

    /// Writes what came in; what is counted as kept is on disk.
    async fn write(&mut self) -> Result<(), Failure> {
        self.written = Instant::now();
        let batch = std::mem::take(&mut self.waiting);
        let kept = batch.iter().filter(|entry| entry.outcome.is_ok()).count();
        if !batch.is_empty() {
            self.store.append(batch).await?;
        }
        self.tally.kept += kept;
        Ok(())
    }
}

fn table(config: &Config, task: &Task<'_>, plan: &Plan, tally: &Tally, dry: bool) -> String {
    let mut table = Table::new([
        ("KEY RESULT", Align::Left),
        ("SLOTS", Align::Right),
        ("THERE ALREADY", Align::Right),
        ("ASKED", Align::Right),
        ("KEPT", Align::Right),
        ("FAILED", Align::Right),
    ]);
    table.row([
        task.key_result.id.to_string(),
        plan.slots.to_string(),
        (plan.slots - plan.missing.len()).to_string(),
        tally.asked.to_string(),
        tally.kept.to_string(),
        tally.failed.to_string(),
    ]);
    let mut text = table.render(0);
    let at = |slot: &Timestamp| when::show(*slot, &config.zone);
    if dry && let (Some(first), Some(last)) = (plan.missing.first(), plan.missing.last()) {
        let count = plan.missing.len();
        text += &format!(
            "\nwould ask for {count} slots, from {} to {}\n",
            at(first),
            at(last)
        );
    }
    if let Some((slot, fault)) = &tally.fault {
        let line = format!("failed first at {}: {fault}", at(slot));
        text += &format!("\n{}\n", printable(&line));
    }
    if let Some(why) = &tally.stopped {
        text += &format!("\nstopped: {why}\n");
    }
    text
}

fn json(task: &Task<'_>, plan: &Plan, tally: &Tally, dry: bool) -> String {
    let document = json!({
        "cycle": task.key_result.id.cycle.as_str(),
        "key_result": task.key_result.id.to_string(),
        "dry_run": dry,
        "slots": plan.slots,
        "there_already": plan.slots - plan.missing.len(),
        "first_missing": plan.missing.first().map(ToString::to_string),
        "last_missing": plan.missing.last().map(ToString::to_string),
        "asked": tally.asked,
        "kept": tally.kept,
        "failed": tally.failed,
        "fault": tally.fault.as_ref().map(|(slot, fault)| json!({
            "slot": slot.to_string(),
            "class": fault.class.as_str(),
            "message": fault.message,
            "help": fault.help,
        })),
        "stopped": tally.stopped,
    });
    format!("{document:#}\n")
}
