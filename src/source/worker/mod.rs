//! Filters run in processes of their own: a filter may loop, or need more memory or stack than there is, and nothing
//! but the end of a process stops it then. At most two, started at the first use, kept while they behave, ended at the
//! deadline. Knows nothing of what a filter is asked about.

mod job;
mod serve;

use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout, timeout_at};

use self::job::{Job, Reply, frame, length};
pub use self::serve::serve;
use super::extract::Rule;
use crate::domain::fault::{Fault, FaultClass};
use crate::domain::reading::Reading;

/// The argument that makes the program a worker: it runs [`serve`] and nothing else.
pub const COMMAND: &str = "jq-worker";

/// The most workers at a time.
const MOST: usize = 2;

/// A worker that held a larger document is not kept: what its allocator took for it would stay taken.
const LARGE: usize = 1024 * 1024;

/// How long the system may take to end a process that was killed.
const BURIAL: Duration = Duration::from_millis(500);

/// The workers of this process.
#[derive(Debug)]
pub struct Workers {
    program: PathBuf,
    idle: Mutex<Vec<Worker>>,
    permits: Semaphore,
}

impl Workers {
    /// Workers that are this `program`, started as `program jq-worker`; none is started yet.
    #[must_use]
    pub fn new(program: PathBuf) -> Self {
        Self {
            program,
            idle: Mutex::default(),
            permits: Semaphore::new(MOST),
        }
    }

    /// Reads the number out of a document as the rule says. `moments` are what the variables of its filters stand for,
    /// in the order of their names.
    ///
    /// # Errors
    /// What the evaluation says, `timeout` when it does not end in time, `bad_value` when it needs more memory or
    /// stack than it may have.
    pub async fn read(
        &self,
        rule: &Rule,
        moments: &[String],
        document: &[u8],
        within: Duration,
    ) -> Result<Reading, Fault> {
        let ends = Instant::now() + within;
        let Ok(permit) = timeout_at(ends, self.permits.acquire()).await else {
            return Err(busy(within));
        };
        let _permit = permit.map_err(|e| broken(&e.to_string()))?;
        let job = frame(&Job::new(rule, moments, document)).map_err(|e| broken(&e.to_string()))?;
        let mut waiting = self.waiting();
        loop {
            let waited = waiting.is_some();
            let mut worker = match waiting.take() {
                Some(worker) => worker,
                None => Worker::start(&self.program)
                    .map_err(|e| broken(&format!("it cannot be started: {e}")))?,
            };
            return match timeout_at(ends, worker.ask(&job, document)).await {
                Ok(Ok(reply)) => {
                    if document.len() <= LARGE {
                        self.idle().push(worker);
                    }
                    reply.outcome()
                }
                Ok(Err(error)) => match worker.ended().await {
                    // The system ended it while it waited, and the end was not to be seen yet. No filter kills so.
                    Some(status) if waited && was_killed(status) => continue,
                    status => Err(died(status, &error)),
                },
                Err(_elapsed) => {
                    worker.kill().await;
                    Err(late(within))
                }
            };
        }
    }

    /// A worker that waits and is not known to have ended.
    fn waiting(&self) -> Option<Worker> {
        let mut idle = self.idle();
        std::iter::from_fn(|| idle.pop())
            .find_map(|mut worker| matches!(worker.child.try_wait(), Ok(None)).then_some(worker))
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Worker>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One process and both ends of the talk with it. Dropped, it is killed.
#[derive(Debug)]
struct Worker {
    child: Child,
    input: ChildStdin,
    output: ChildStdout,
}

impl Worker {
    /// Starts one that inherits nothing: no secrets in its environment, no folder, no terminal and no process group that
    /// a Ctrl-C would reach.
    fn start(program: &Path) -> io::Result<Self> {
        let mut child = Command::new(program)
            .arg0("okrd")
            .arg(COMMAND)
            .env_clear()
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let (Some(input), Some(output)) = (input, output) else {
            return Err(io::Error::other("it has no pipes"));
        };
        Ok(Self {
            child,
            input,
            output,
        })
    }

    async fn ask(&mut self, job: &[u8], document: &[u8]) -> io::Result<Reply> {
        self.input.write_all(job).await?;
        self.input.write_all(document).await?;
        self.input.flush().await?;
        let mut head = [0; 4];
        self.output.read_exact(&mut head).await?;
        let mut text = vec![0; length(head)?];
        self.output.read_exact(&mut text).await?;
        Ok(serde_json::from_slice(&text)?)
    }

    /// How it ended by itself; `None` when it did not and had to be killed.
    async fn ended(mut self) -> Option<ExitStatus> {
        match timeout(BURIAL, self.child.wait()).await {
            Ok(status) => status.ok(),
            Err(_elapsed) => {
                self.kill().await;
                None
            }
        }
    }

    /// Ends it and waits until it is gone, so that there are never more of them than permits.
    async fn kill(mut self) {
        // It cannot be killed when it has just ended, and both are fine.
        let _ = self.child.start_kill();
        let _ = timeout(BURIAL, self.child.wait()).await;
    }
}

const NARROW: &str = "look for loops inside loops over the whole answer in value and fail_if, or ask the source for less";

fn late(within: Duration) -> Fault {
    let seconds = within.as_secs_f64();
    let message = format!("the filter did not end within {seconds:.1} s");
    Fault::new(FaultClass::Timeout, message).help(NARROW)
}

fn busy(within: Duration) -> Fault {
    let seconds = within.as_secs_f64();
    let message =
        format!("the filter was not begun within {seconds:.1} s: other filters took all the time");
    Fault::new(FaultClass::Timeout, message)
        .help("look for the key results whose filters do not end in time")
}

/// Whether somebody else ended a process at once, as the system does when memory is short: a filter that needs too much
/// ends in an abort.
fn was_killed(status: ExitStatus) -> bool {
    use std::os::unix::process::ExitStatusExt;
    status.signal() == Some(Signal::KILL.as_raw())
}

/// The fault of a poll whose worker ended under it.
fn died(status: Option<ExitStatus>, error: &io::Error) -> Fault {
    use std::os::unix::process::ExitStatusExt;
    match status {
        // Out of memory and out of stack both end in an abort, or the system stepped in.
        Some(status) if status.signal().is_some() => Fault::new(
            FaultClass::BadValue,
            "the filter needed more memory or stack than allowed",
        )
        .help(NARROW),
        Some(status) => broken(&format!("it ended with {status}")),
        None => broken(&error.to_string()),
    }
}

fn broken(why: &str) -> Fault {
    Fault::new(
        FaultClass::Internal,
        format!("the process that evaluates filters gave nothing: {why}"),
    )
}
