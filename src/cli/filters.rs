//! Where the processes that run filters come from: okrd starts itself once more, and is then nothing else. Knows no
//! filter.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::exit::{Failure, Verdict};
use crate::config::spec::SourceSpec;
use crate::source::worker::{self, Workers};
use crate::source::{self, Source};

/// The running program itself, even after its file was replaced by a newer one.
const SELF: &str = "/proc/self/exe";

/// Workers that are this program; none is started before a filter is run.
#[must_use]
pub fn workers() -> Arc<Workers> {
    let running = Path::new(SELF);
    let program = match std::env::current_exe() {
        Ok(program) if !running.exists() => program,
        _ => PathBuf::from(running),
    };
    Arc::new(Workers::new(program))
}

/// Opens sources that share workers of their own.
pub fn opener() -> impl Fn(&SourceSpec) -> Arc<dyn Source> + Send + Sync {
    let workers = workers();
    move |spec| source::open(spec, &workers)
}

/// Is such a worker until nobody asks any more.
///
/// # Errors
/// When the system sets no limits, or the one who asks breaks off.
pub fn serve() -> Result<Verdict, Failure> {
    worker::serve().map_err(|error| Failure::usage(format!("cannot run filters: {error}")))?;
    Ok(Verdict::Yes)
}
