//! The runtimes that commands run on, and the version they tell.

use tokio::runtime::{Builder, Runtime};

use super::exit::Failure;

/// The version of this program.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The commit it was built from; `unknown` outside git.
pub const REVISION: &str = env!("OKRD_REVISION");

/// The compiler that built it.
pub const RUSTC: &str = env!("OKRD_RUSTC");

/// The daemon's runtime: two threads are plenty, since nothing here computes for long.
///
/// # Errors
/// When the system gives no threads.
pub fn daemon() -> Result<Runtime, Failure> {
    build(Builder::new_multi_thread().worker_threads(2))
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
