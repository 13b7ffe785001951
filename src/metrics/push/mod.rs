//! Pushing: what `/metrics` shows is sent to those who cannot scrape it. Reads the same families as the exposition does,
//! beside everything else: neither a poll nor a scrape waits for a receiver.

mod otlp;
mod parcel;
mod remote_write;
mod target;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use self::target::{LAST, Leave, Target};
use super::exposition::Metrics;
use super::writer::Family;
use crate::config::spec::PushSpec;
use crate::domain::id::Slug;
use crate::engine::board::Board;
use crate::engine::clock::Clock;
use crate::engine::vitals::Vitals;

/// Receivers by name.
pub type Receivers = Arc<BTreeMap<Slug, PushSpec>>;

/// What is pushed, and when it is.
pub struct Figures {
    /// What the process counts, and where pushes are counted.
    pub metrics: Arc<Metrics>,
    /// What is judged.
    pub board: watch::Receiver<Arc<Board>>,
    /// How the daemon is.
    pub vitals: Arc<Vitals>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
}

impl Figures {
    fn all(&self) -> Vec<Family> {
        let board = Arc::clone(&self.board.borrow());
        self.metrics.families(&board, &self.vitals)
    }
}

/// A receiver that is pushed to.
struct Running {
    spec: PushSpec,
    leave: Leave,
    task: JoinHandle<()>,
}

/// Pushes to whoever the configuration in force names, until `ending`; then once more, within two seconds.
pub async fn keep(
    figures: Arc<Figures>,
    mut receivers: watch::Receiver<Receivers>,
    ending: CancellationToken,
) {
    let mut running: BTreeMap<Slug, Running> = BTreeMap::new();
    loop {
        let wanted = Arc::clone(&receivers.borrow_and_update());
        figures
            .metrics
            .know_receivers(&wanted.keys().cloned().collect());
        let (stay, go): (BTreeMap<_, _>, BTreeMap<_, _>) = running
            .into_iter()
            .partition(|(name, running)| wanted.get(name) == Some(&running.spec));
        running = stay;
        // What replaces a receiver begins when that one was told that its series have ended.
        leave(go, |leave| leave.dropped.cancel()).await;
        for (name, spec) in wanted.iter() {
            running.entry(name.clone()).or_insert_with(|| {
                let leave = Leave::default();
                let target = Target::new(name.clone(), spec.clone(), Arc::clone(&figures));
                Running {
                    spec: spec.clone(),
                    task: tokio::spawn(target.run(leave.clone())),
                    leave,
                }
            });
        }
        tokio::select! {
            () = ending.cancelled() => break,
            changed = receivers.changed() => {
                if changed.is_err() {
                    // Nothing is reloaded any more.
                    ending.cancelled().await;
                    break;
                }
            }
        }
    }
    leave(running, |leave| leave.ending.cancel()).await;
}

/// Leaves receivers, all at once, and waits until they have ended.
async fn leave(running: BTreeMap<Slug, Running>, how: impl Fn(&Leave)) {
    running.values().for_each(|running| how(&running.leave));
    for (_, running) in running {
        let mut task = running.task;
        // Each keeps to its own limit; one that does not is given up.
        if timeout(LAST + Duration::from_millis(500), &mut task)
            .await
            .is_err()
        {
            task.abort();
        }
    }
}
