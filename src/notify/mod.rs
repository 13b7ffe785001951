//! Floor 4, telling: what changed is told to people through the channels that the configuration names, at least once and
//! not twice if it can be helped. Beside everything else: neither a poll nor a scrape waits for a receiver.

pub mod desk;
pub mod digest;
pub mod email;
pub mod english;
pub mod jira;
pub mod message;
pub mod post;
pub mod slack;
pub mod status;
pub mod visible;
pub mod webhook;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use self::desk::Desk;
use crate::config::notify::NotifySpec;
use crate::config::spec::Config;
use crate::domain::fault::FaultClass;
use crate::domain::id::Slug;
use crate::engine::board::Board;
use crate::engine::clock::Clock;
use crate::store::Store;

/// How long a message that is under way may still take when the daemon ends.
const LAST: Duration = Duration::from_secs(5);

/// The channels of a configuration, and what they need of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Channels {
    /// By name.
    pub specs: BTreeMap<Slug, NotifySpec>,
    /// The zone in which instants are told.
    pub zone: TimeZone,
}

impl Channels {
    /// Those of a configuration.
    #[must_use]
    pub fn of(config: &Config) -> Arc<Self> {
        Arc::new(Self {
            specs: config.notify.clone(),
            zone: config.zone.clone(),
        })
    }
}

/// How a channel stands, for whoever counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// How many messages wait.
    pub waiting: usize,
    /// When the oldest of them was made.
    pub oldest: Option<Timestamp>,
    /// Whether a place of it takes nothing until somebody acts.
    pub suspended: bool,
}

/// Hears what becomes of messages.
pub trait Tally: Send + Sync {
    /// These are the channels.
    fn know(&self, names: &BTreeSet<Slug>);
    /// A message was acknowledged.
    fn sent(&self, channel: &Slug, at: Timestamp);
    /// A message was not taken.
    fn failed(&self, channel: &Slug, class: FaultClass);
    /// A message was given up.
    fn dropped(&self, channel: &Slug);
    /// How it stands now.
    fn stands(&self, channel: &Slug, standing: Standing);
}

/// What channels read and write.
pub struct Office {
    /// What is judged.
    pub board: watch::Receiver<Arc<Board>>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Where messages are kept.
    pub store: Store,
    /// Who counts.
    pub tally: Arc<dyn Tally>,
}

impl Office {
    /// Where the store lies.
    fn path(&self) -> PathBuf {
        self.store.path().to_owned()
    }
}

/// A channel that is told through.
struct Running {
    spec: NotifySpec,
    leave: CancellationToken,
    task: JoinHandle<()>,
}

/// Tells through the channels that the configuration in force names, until `ending`.
pub async fn keep(
    office: Arc<Office>,
    mut channels: watch::Receiver<Arc<Channels>>,
    ending: CancellationToken,
) {
    let mut running: BTreeMap<Slug, Running> = BTreeMap::new();
    let mut zone = None;
    loop {
        let wanted = Arc::clone(&channels.borrow_and_update());
        office.tally.know(&wanted.specs.keys().cloned().collect());
        let same_zone = zone
            .replace(wanted.zone.clone())
            .is_none_or(|z| z == wanted.zone);
        let (stay, go): (BTreeMap<_, _>, BTreeMap<_, _>) =
            running.into_iter().partition(|(name, running)| {
                same_zone && wanted.specs.get(name) == Some(&running.spec)
            });
        running = stay;
        // Who replaces a channel begins when that one has written down what it sent.
        leave(go).await;
        for (name, spec) in &wanted.specs {
            running.entry(name.clone()).or_insert_with(|| {
                let leave = CancellationToken::new();
                let post = post::open(spec, &wanted.zone);
                let desk = Desk::new(name.clone(), spec.clone(), post, Arc::clone(&office));
                Running {
                    spec: spec.clone(),
                    task: tokio::spawn(desk.run(leave.clone())),
                    leave,
                }
            });
        }
        tokio::select! {
            () = ending.cancelled() => break,
            changed = channels.changed() => {
                if changed.is_err() {
                    // Nothing is reloaded any more.
                    ending.cancelled().await;
                    break;
                }
            }
        }
    }
    leave(running).await;
}

/// Leaves channels, all at once, and waits until they have ended.
async fn leave(running: BTreeMap<Slug, Running>) {
    running.values().for_each(|running| running.leave.cancel());
    for (_, running) in running {
        let mut task = running.task;
        if timeout(LAST, &mut task).await.is_err() {
            // What was under way is sent again at the next start.
            task.abort();
        }
    }
}

#[cfg(test)]
#[expect(clippy::indexing_slicing, reason = "tests")]
mod tests;
