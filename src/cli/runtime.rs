//! The runtimes that commands run on, and the version they tell.

use std::future::Future;

use tokio::runtime::{Builder, Runtime};

use super::exit::Failure;

/// The version of this program.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The commit it was built from; `unknown` outside git.
pub const REVISION: &str = env!("OKRD_REVISION");

/// The compiler that built it.
pub const RUSTC: &str = env!("OKRD_RUSTC");

/// A runtime that waits for nothing once its work is done: a name lookup or a file on a dead disk cannot be cancelled
/// and would keep the process long after it said that it ended.
pub struct Once(Runtime);

impl Once {
    /// Does the work, and leaves behind what still blocks.
    pub fn block_on<T>(self, work: impl Future<Output = T>) -> T {
        let done = self.0.block_on(work);
        self.0.shutdown_background();
        done
    }
}

/// The daemon's runtime: two threads are plenty, since nothing here computes for long.
///
/// # Errors
/// When the system gives no threads.
pub fn daemon() -> Result<Once, Failure> {
    build(Builder::new_multi_thread().worker_threads(2))
}

/// The runtime of a short command.
///
/// # Errors
/// When the system gives none.
pub fn small() -> Result<Once, Failure> {
    build(&mut Builder::new_current_thread())
}

fn build(builder: &mut Builder) -> Result<Once, Failure> {
    builder
        .enable_all()
        .build()
        .map(Once)
        .map_err(|error| Failure::usage(format!("cannot start: {error}")))
}
