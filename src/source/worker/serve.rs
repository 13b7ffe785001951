//! The worker's own side: a process that evaluates filters one after another until nobody asks any more. It takes its
//! limits before anything else, so that a filter can exhaust only this process. Knows no secrets and no network.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::job::{Job, Reply, frame};
use crate::domain::fault::{Fault, FaultClass};
use crate::domain::reading::Reading;
use crate::source::extract::{Extraction, Rule};

/// Address space of the whole process: the largest answer that is counted, several times over.
const MEMORY: u64 = 1024 * 1024 * 1024;

/// Of that, the stack that filters recurse on: values nest as deep as a filter pleases.
const STACK: usize = 256 * 1024 * 1024;

/// Compiled filters that are kept; a worker meets few, and each is small.
const KEPT: usize = 256;

/// Answers jobs on standard input until it is closed, even while one is under way.
///
/// # Errors
/// When the limits cannot be had or the pipes break.
pub fn serve() -> io::Result<()> {
    limit()?;
    let _deaf = ignore_signals()?;
    let (jobs, waiting) = mpsc::channel();
    std::thread::Builder::new()
        .stack_size(STACK)
        .spawn(move || evaluate_all(&waiting))?;
    let mut input = io::stdin().lock();
    // Whoever asks is gone when the pipe ends: what is under way is not waited for.
    while let Some(job) = Job::read(&mut input)? {
        if jobs.send(job).is_err() {
            break;
        }
    }
    Ok(())
}

fn limit() -> io::Result<()> {
    for (resource, most) in [(Resource::As, MEMORY), (Resource::Core, 0)] {
        let hard = getrlimit(resource).maximum;
        let most = Some(hard.map_or(most, |hard| hard.min(most)));
        setrlimit(
            resource,
            Rlimit {
                current: most,
                maximum: most,
            },
        )?;
    }
    // A core handler that is piped to takes no notice of the limit above.
    #[cfg(target_os = "linux")]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)?;
    Ok(())
}

/// Signals for the daemon may reach all its processes. It lets polls under way finish, and closes the pipe when it
/// ends; until then its workers must stay.
fn ignore_signals() -> io::Result<Deaf> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    let inside = runtime.enter();
    let heard = [
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
        signal(SignalKind::hangup())?,
    ];
    drop(inside);
    Ok(Deaf(heard, runtime))
}

/// Signals that are heard, and then nothing is done: held as long as that is to last.
struct Deaf(
    #[expect(dead_code, reason = "held, never read")] [Signal; 3],
    #[expect(dead_code, reason = "held, never read")] Runtime,
);

fn evaluate_all(jobs: &mpsc::Receiver<(Job, Vec<u8>)>) {
    let mut compiled = HashMap::new();
    let mut output = io::stdout().lock();
    for (job, document) in jobs {
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            evaluate(&mut compiled, &job, &document)
        }));
        let outcome = outcome.unwrap_or_else(|_panic| {
            let why = "okrd itself failed while it evaluated the filter";
            Err(Fault::new(FaultClass::Internal, why))
        });
        let sent = frame(&Reply::new(&outcome)).and_then(|bytes| {
            output.write_all(&bytes)?;
            output.flush()
        });
        if sent.is_err() {
            // Nobody reads any more; closing the channel ends the process.
            return;
        }
    }
}

fn evaluate(
    compiled: &mut HashMap<String, Extraction>,
    job: &Job,
    document: &[u8],
) -> Result<Reading, Fault> {
    let rule: Rule = job.rule();
    if compiled.len() >= KEPT {
        compiled.clear();
    }
    let extraction = match compiled.entry(format!("{rule:?}")) {
        Entry::Occupied(kept) => kept.into_mut(),
        Entry::Vacant(place) => {
            let extraction = Extraction::compile(&rule);
            place.insert(extraction.map_err(|why| Fault::new(FaultClass::Config, why))?)
        }
    };
    extraction.evaluate(document, &job.moments)
}
