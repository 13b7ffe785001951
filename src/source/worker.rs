//! Threads for work that may not end: each piece gets a thread of its own with a deep stack. When its time is up it is
//! left behind, and only a few may be left behind before no more work is taken. Knows nothing of the work.

use std::fmt;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use tokio::sync::{Semaphore, oneshot};
use tokio::time::{Instant, timeout_at};

/// The most threads at a time in the whole process, those left behind included.
const THREADS: usize = 8;

/// Address space, not memory: pages are taken as the stack grows. Room for the deepest filter and document.
const STACK: usize = 64 * 1024 * 1024;

static PERMITS: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(THREADS)));

/// Why a piece of work gave nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkError {
    /// It did not end in time and was left behind.
    Late,
    /// No thread became free in time: others were left behind and still run.
    Busy,
    /// It panicked, or the system gave no thread.
    Died,
}

impl fmt::Display for WorkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Late => "it did not end in time",
            Self::Busy => "every thread is taken by work that did not end",
            Self::Died => "it broke off",
        })
    }
}

/// Runs `work` on a thread of its own and waits for it until `within` has passed.
///
/// # Errors
/// [`WorkError`]; after `Late` the thread runs on and keeps its place among the few.
pub async fn run<T: Send + 'static>(
    within: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, WorkError> {
    let ends = Instant::now() + within;
    let permit = match timeout_at(ends, PERMITS.clone().acquire_owned()).await {
        Ok(Ok(permit)) => permit,
        _ => return Err(WorkError::Busy),
    };
    let (answer, waiting) = oneshot::channel();
    let thread = std::thread::Builder::new()
        .stack_size(STACK)
        .spawn(move || {
            let _held_until_it_ends = permit;
            // Nobody waits any more when the time is up.
            let _ = answer.send(work());
        });
    thread.map_err(|_| WorkError::Died)?;
    match timeout_at(ends, waiting).await {
        Ok(done) => done.map_err(|_| WorkError::Died),
        Err(_) => Err(WorkError::Late),
    }
}

/// Runs short work that surely ends on a deep stack, and waits for it.
///
/// # Errors
/// [`WorkError::Died`] after a panic.
pub fn run_now<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, WorkError> {
    let thread = std::thread::Builder::new().stack_size(STACK).spawn(work);
    thread
        .map_err(|_| WorkError::Died)?
        .join()
        .map_err(|_| WorkError::Died)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_that_does_not_end_is_left_behind() {
        let (end, ended) = std::sync::mpsc::channel::<()>();
        let stuck = run(Duration::from_millis(20), move || ended.recv().is_err()).await;
        assert_eq!(stuck, Err(WorkError::Late));
        assert_eq!(run(Duration::from_secs(5), || 7).await, Ok(7));
        drop(end);
    }

    #[tokio::test]
    async fn a_panic_ends_only_the_work() {
        let died = run(Duration::from_secs(5), || assert_eq!(1, 2)).await;
        assert_eq!(died, Err(WorkError::Died));
    }
}
