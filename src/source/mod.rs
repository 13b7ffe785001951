//! Floor 2: the sources. Each file knows one kind of source and none of the others, nor the store, nor the engine.
//! A source is asked one question at a time and answers with a reading or a fault; it never records anything.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::config::spec::{Measure, SourceSpec};
use crate::domain::fault::Fault;
use crate::domain::id::Slug;
use crate::domain::reading::Reading;
use crate::domain::window::Moments;

/// One question to a source.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// What to measure.
    pub measure: &'a Measure,
    /// The moments it may bind.
    pub moments: &'a Moments,
    /// How long the whole answer may take.
    pub timeout: Duration,
}

/// Something that can be asked for a number.
#[async_trait]
pub trait Source: Send + Sync {
    /// Asks once: no retry, no record, no write. Ends within the question's timeout and a second, and leaves nothing
    /// running behind.
    ///
    /// # Errors
    /// A fault of a class that tells the caller what to do.
    async fn measure(&self, question: Question<'_>) -> Result<Reading, Fault>;

    /// How many questions it takes at a time.
    fn permits(&self) -> usize;

    /// A value that changes when its secrets do, so that a source held back for its credentials is asked
    /// again as soon as someone rotated them. Secrets that cannot be read count as a value of their own.
    fn credentials(&self) -> u64 {
        0
    }
}
