//! The watch on the files of the configuration. Looks at names and dates each second, since that sees what an event for
//! one file does not: the swapped link of a Kubernetes volume, a file that is new, a network disk. What changed is taken
//! in when it has come to rest. Knows nothing of what files say.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::reload::{Reading, Reloads};
use crate::config::load::trail::{Marks, Trail};

/// How often names and dates are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often everything is read though nothing seems changed: dates may lie.
const READ_EVERY: Duration = Duration::from_secs(30);
/// How long the files must say the same before they are taken in.
const REST: Duration = Duration::from_secs(1);
/// How long faulty files may be about to change before they are called so.
const SECOND_THOUGHT: Duration = Duration::from_secs(2);
/// Looking, and reading when nothing changed, may each take one part in so many of the time: ten thousand files cost.
const SHARE: u32 = 50;

/// Takes in what changes, for ever.
pub async fn watch(reloads: Arc<Reloads>) {
    let (mut trail, mut known) = (Trail::default(), None);
    let (mut rest, mut read_at) = (LOOK_EVERY, Instant::now());
    let mut read_every = READ_EVERY;
    loop {
        sleep(rest).await;
        if !reloads.watches().await {
            // Whatever changes until it is wanted again is found then.
            known = None;
            continue;
        }
        let began = Instant::now();
        let marks = look(&trail).await;
        rest = LOOK_EVERY.max(began.elapsed() * SHARE).min(READ_EVERY);
        let all_quiet = known.is_some() && known == marks;
        if !all_quiet || read_at.elapsed() >= read_every {
            if let Some(seen) = take_in(&reloads, &trail).await {
                (trail, known) = (seen.trail, Some(seen.marks));
                read_every = READ_EVERY.max(seen.took * SHARE);
            }
            read_at = Instant::now();
        }
    }
}

async fn look(trail: &Trail) -> Option<Marks> {
    let trail = trail.clone();
    tokio::task::spawn_blocking(move || trail.marks())
        .await
        .ok()
}

/// What is left to know of files that were taken in, or refused.
struct Seen {
    trail: Trail,
    /// From just before the last reading.
    marks: Marks,
    took: Duration,
}

/// Reads until the files have come to rest and offers them; `None` when they could not be read in time. Faulty ones are
/// looked at twice before they are called so: they may be in the middle of being written.
async fn take_in(reloads: &Reloads, trail: &Trail) -> Option<Seen> {
    let mut faulty = None;
    loop {
        let reading = at_rest(reloads, trail).await?;
        let seen = Seen {
            trail: reading.trail.clone(),
            marks: reading.marks.clone(),
            took: reading.took,
        };
        let fingerprint = Some(reading.fingerprint.clone());
        let again = faulty == fingerprint;
        if reloads.offer(reading, again).await.is_some() {
            return Some(seen);
        }
        faulty = fingerprint;
        sleep(SECOND_THOUGHT).await;
    }
}

/// What the files say when two readings, some time apart, are the same.
async fn at_rest(reloads: &Reloads, trail: &Trail) -> Option<Reading> {
    let mut before = reloads.read(trail).await.ok()?;
    if reloads.knows(&before.fingerprint).await {
        return Some(before);
    }
    loop {
        sleep(REST).await;
        let after = reloads.read(&before.trail).await.ok()?;
        if after.fingerprint == before.fingerprint {
            return Some(after);
        }
        before = after;
    }
}
