//! One fill: a source is asked for a past slot, as a poll asks for the present, unless the slot has a value by now. Gives
//! way at once when it is told to; then nothing is known and nothing is kept.

use std::path::PathBuf;

use tokio_util::sync::CancellationToken;

use super::clock::Clock;
use super::dispatch::PollIndex;
use super::poll::{Errand, Outcome};
use crate::store::Reader;

/// A fill as it is sent out.
pub struct Fill {
    /// What to ask.
    pub errand: Errand,
    /// Cancelled when it is to give way.
    pub gives_way: CancellationToken,
}

/// How a fill ended.
#[derive(Debug)]
pub struct Filled {
    /// The plan it belongs to.
    pub generation: u64,
    /// Its place in that plan.
    pub index: PollIndex,
    /// What came of it.
    pub answer: Answer,
}

/// What came of a fill.
#[derive(Debug)]
pub enum Answer {
    /// It gave way.
    GaveWay,
    /// Somebody else filled the slot meanwhile, as `okrd backfill` does.
    There,
    /// The source was asked.
    Came(Box<Outcome>),
}

impl Fill {
    /// Asks, unless the store at `store` has a value.
    pub async fn run(self, clock: &dyn Clock, store: PathBuf) -> Filled {
        let (generation, index) = (self.errand.generation, self.errand.index);
        let errand = self.errand;
        let asked = async move {
            if is_there(&errand, store).await {
                return Answer::There;
            }
            Answer::Came(Box::new(errand.run(clock).await))
        };
        let answer = self.gives_way.run_until_cancelled(asked).await;
        Filled {
            generation,
            index,
            answer: answer.unwrap_or(Answer::GaveWay),
        }
    }
}

/// Whether the slot has a value. A store that cannot be read does not tell; whatever is written twice is kept once.
async fn is_there(errand: &Errand, store: PathBuf) -> bool {
    let (id, slot) = (errand.poll.key_result.clone(), errand.slot);
    let definition = errand.definition.clone();
    let look = move || Reader::open(&store)?.unmeasured(&id, &definition, &[slot]);
    let missing = tokio::task::spawn_blocking(look).await;
    matches!(missing, Ok(Ok(missing)) if missing.is_empty())
}
