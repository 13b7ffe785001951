//! `okrd export`: what `/metrics` would have shown at each step of the past, for a Prometheus that did not scrape it.
//! Reads the store beside whoever writes it; asks no source.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::args::ExportArgs;
use super::exit::{Failure, Verdict, complain, stream};
use super::{close, configuration, lore, when};
use crate::config::schedule::parse_duration;
use crate::config::spec::{Config, is_label_name};
use crate::domain::cycle::Cycle;
use crate::domain::number;
use crate::domain::retrace::Retrace;
use crate::domain::status::Phase;
use crate::engine::clock::{Clock, SystemClock};
use crate::metrics::dated::{Dated, Steps, Written};
use crate::metrics::names;
use crate::metrics::scorecard::judged;
use crate::store::Reader;

/// The scrape's own name for what it scrapes, unless --label says another.
const JOB: &str = "okrd";
/// Prometheus looks back so far for the newest sample of a series.
const LOOK_BACK: Duration = Duration::from_secs(300);
/// More steps would be none that a Prometheus makes: years at one a minute.
const MOST_STEPS: usize = 500_000;

/// Writes the past.
///
/// # Errors
/// When the configuration, an argument, the store or the file is at fault.
pub fn run(config: Option<&Path>, args: &ExportArgs) -> Result<Verdict, Failure> {
    let config = configuration::valid(config)?;
    let now = SystemClock.now();
    let cycles = wanted(&config, args, now)?;
    let steps = steps(&config, args, &cycles, now)?;
    let labels = labels(&config, &args.label)?;
    let is_wanted = |cycle: &Cycle| cycles.iter().any(|wanted| wanted.name == cycle.name);
    let reader = Reader::open(&config.store.path)?;
    let today = reader.load(&config.goals)?.history;
    let lore = lore::read(&reader, &config.goals, &config.zone, is_wanted)?;
    let mut retrace = Retrace::new(&config.goals, is_wanted, lore, &today);

    let folder = match &args.output {
        Some(file) => folder_of(file),
        None => std::env::temp_dir(),
    };
    let aside = |error| cannot("put aside what is written", &folder, &error);
    let dated = Dated::new(steps, &labels, spool(&folder).map_err(aside)?);
    let target = args.output.as_deref().map(create).transpose()?;
    let written = go_through(&mut retrace, dated, steps)
        .map_err(aside)
        .and_then(|dated| match (target, &args.output) {
            (Some(target), Some(file)) => dated
                .write(&mut BufWriter::new(target))
                .map_err(|error| cannot("write", file, &error)),
            _ => to_stdout(dated),
        })
        // Half of a past is none.
        .inspect_err(|_| {
            if let Some(file) = &args.output {
                let _ = std::fs::remove_file(file);
            }
        })?;
    complain(&remarks(&config, args, &cycles, steps, written));
    Ok(Verdict::Yes)
}

fn go_through(
    retrace: &mut Retrace<'_>,
    mut dated: Dated<File>,
    steps: Steps,
) -> io::Result<Dated<File>> {
    for step in 0..steps.count {
        let at = Timestamp::from_millisecond(steps.at(step)).unwrap_or(Timestamp::MAX);
        dated.step(&judged(&retrace.at(at)))?;
    }
    Ok(dated)
}

fn to_stdout(dated: Dated<File>) -> Result<Written, Failure> {
    match stream(|out| dated.write(out)) {
        // A reader that has gone, such as `head`, wants no more.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Written::default()),
        written => written.map_err(|error| cannot("write", Path::new("stdout"), &error)),
    }
}

/// The cycles whose past is written.
fn wanted<'c>(
    config: &'c Config,
    args: &ExportArgs,
    now: Timestamp,
) -> Result<Vec<&'c Cycle>, Failure> {
    if let Some(name) = &args.cycle {
        return Ok(vec![close::find(&config.goals, name)?]);
    }
    let all = config.goals.cycles.values();
    let open: Vec<_> = all.filter(|cycle| cycle.is_open(now)).collect();
    if open.is_empty() {
        return Err(Failure::usage("no cycle is open: name one with --cycle"));
    }
    Ok(open)
}

/// The instants of which samples are written: multiples of the step, as slots are, so that two exports meet.
fn steps(
    config: &Config,
    args: &ExportArgs,
    cycles: &[&Cycle],
    now: Timestamp,
) -> Result<Steps, Failure> {
    let step =
        parse_duration(&args.step).map_err(|error| Failure::usage(format!("--step: {error}")))?;
    let every = i64::try_from(step.as_millis()).unwrap_or(i64::MAX);
    if every < 1000 {
        return Err(Failure::usage(format!(
            "--step is {}, expected at least 1s",
            args.step
        )));
    }
    let instant = |text: &Option<String>| {
        let text = text.as_deref();
        text.map(|text| when::parse(text, now, &config.zone))
            .transpose()
    };
    let starts = cycles.iter().map(|cycle| cycle.start()).min();
    let closes = cycles.iter().map(|cycle| {
        // The first step at which the final score stands.
        let closed = cycle.end().saturating_add(Phase::SETTLE);
        let closed = closed.and_then(|at| at.saturating_add(SignedDuration::from_millis(every)));
        closed.unwrap_or(Timestamp::MAX)
    });
    let from = instant(&args.from)?.or(starts).unwrap_or(now);
    let to = instant(&args.to)?.or(closes.max()).unwrap_or(now).min(now);
    if to < from {
        return Err(Failure::usage(format!(
            "nothing lies between {} and {}: the first instant comes before the last, and neither after now",
            when::show(from, &config.zone),
            when::show(to, &config.zone)
        )));
    }
    let first = from.as_millisecond();
    let first = first
        .saturating_add(every - 1)
        .div_euclid(every)
        .saturating_mul(every);
    let count = to.as_millisecond().saturating_sub(first).div_euclid(every) + 1;
    let count = usize::try_from(count).unwrap_or(0);
    if count > MOST_STEPS {
        return Err(Failure::usage(format!(
            "--step {} makes {} steps, expected at most {}: take a longer step or a shorter stretch",
            args.step,
            whole(count as u64),
            whole(MOST_STEPS as u64)
        )));
    }
    Ok(Steps {
        first,
        every,
        count,
    })
}

/// The labels that a scrape would have added.
fn labels(config: &Config, told: &[String]) -> Result<Vec<(String, String)>, Failure> {
    let mut labels = vec![
        ("job".to_owned(), JOB.to_owned()),
        ("instance".to_owned(), config.server.listen.to_string()),
    ];
    for text in told {
        let wrong = |why: &str| {
            Failure::usage(format!(
                "--label `{}` {why}: expected NAME=VALUE, such as instance=okrd.example.com:10650",
                text.escape_debug()
            ))
        };
        let (name, value) = text.split_once('=').ok_or_else(|| wrong("has no `=`"))?;
        if !is_label_name(name) {
            return Err(wrong("has a name that Prometheus does not take"));
        }
        if names::ALL
            .iter()
            .any(|metric| metric.labels.contains(&name))
        {
            return Err(wrong("names a label that okrd writes itself"));
        }
        labels.retain(|(other, _)| other != name);
        if !value.is_empty() {
            labels.push((name.to_owned(), value.to_owned()));
        }
    }
    Ok(labels)
}

fn folder_of(file: &Path) -> PathBuf {
    let folder = file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new(".")).to_owned()
}

/// A file without a name: whatever becomes of this process, nothing of it stays.
fn spool(folder: &Path) -> io::Result<File> {
    let path = folder.join(format!(".okrd-export-{}", std::process::id()));
    let mut options = OpenOptions::new();
    let file = options
        .read(true)
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}

fn create(file: &Path) -> Result<File, Failure> {
    File::create_new(file).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Failure::usage(format!(
            "{} is there already and is not overwritten: name another file",
            file.display()
        )),
        _ => cannot("write", file, &error),
    })
}

fn cannot(what: &str, at: &Path, error: &io::Error) -> Failure {
    Failure::usage(format!("cannot {what} ({}): {error}", at.display()))
}

/// What was written, and what a Prometheus would not show.
fn remarks(
    config: &Config,
    args: &ExportArgs,
    cycles: &[&Cycle],
    steps: Steps,
    written: Written,
) -> String {
    let names: Vec<_> = cycles.iter().map(|cycle| cycle.name.as_str()).collect();
    let instant = |step| {
        let at = Timestamp::from_millisecond(steps.at(step)).unwrap_or_default();
        when::show(at, &config.zone)
    };
    let mut text = format!(
        "note: {}: {} samples of {} series, each {} from {} to {}\n",
        names.join(", "),
        whole(written.samples),
        whole(written.series as u64),
        args.step,
        instant(0),
        instant(steps.count.saturating_sub(1))
    );
    if written.samples == 0 {
        text = format!("note: nothing is known of {} there\n", names.join(", "));
    }
    if steps.every > i64::try_from(LOOK_BACK.as_millis()).unwrap_or(i64::MAX) {
        text +=
            "note: Prometheus looks back 5m for a sample: with a longer --step graphs have gaps\n";
    }
    text
}

fn whole(count: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a count for people")]
    number::show(count as f64)
}
