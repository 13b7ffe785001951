//! The runtimes that commands run on, and the version they tell.

use std::future::Future;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use super::exit::Failure;

/// The version of this program.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The daemon's runtime: two threads are plenty, since nothing here computes for long.
///
/// # Errors
/// When the system gives no threads.
fn daemon() -> Result<Runtime, Failure> {
    build(Builder::new_multi_thread().worker_threads(2))
}

/// How long the end waits for threads that are busy, with a disk that hangs for one.
const LAST: Duration = Duration::from_secs(5);

/// Does a daemon's work on its runtime, then lets go of it. What a thread still does is left behind: nothing that must
/// not be lost is done there without being waited for.
///
/// # Errors
/// When the system gives no threads, or as the work does.
pub fn live<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = daemon()?;
    let outcome = runtime.block_on(work);
    runtime.shutdown_timeout(LAST);
    outcome
}

/// The runtime of a short command.
///
/// # Errors
/// When the system gives none.
pub fn small() -> Result<Runtime, Failure> {
    build(&mut Builder::new_current_thread())
}

fn build(builder: &mut Builder) -> Result<Runtime, Failure> {
    builder
        .enable_all()
        .build()
        .map_err(|error| Failure::usage(format!("cannot start: {error}")))
}
