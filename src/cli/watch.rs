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
/// Looking may take one part in so many of the time: of ten thousand files each costs something.
const SHARE: u32 = 50;

/// Takes in what changes, for ever.
pub async fn watch(reloads: Arc<Reloads>) {
    let (mut trail, mut known) = (Trail::default(), None);
    let (mut read_at, mut rest) = (Instant::now(), LOOK_EVERY);
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
        if !all_quiet || read_at.elapsed() >= READ_EVERY {
            if let Some(seen) = take_in(&reloads, &trail).await {
                (trail, known) = (seen.0, Some(seen.1));
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

/// Reads until the files have come to rest and offers them. Gives the trail with the marks from before the last reading;
/// `None` when they could not be read in time.
async fn take_in(reloads: &Reloads, trail: &Trail) -> Option<(Trail, Marks)> {
    let mut last = false;
    loop {
        let reading = at_rest(reloads, trail).await?;
        let fingerprint = reading.fingerprint.clone();
        let seen = (reading.trail.clone(), reading.marks.clone());
        if reloads.offer(reading, last).await.is_some() {
            return Some(seen);
        }
        sleep(SECOND_THOUGHT).await;
        last = reloads.read(trail).await.ok()?.fingerprint == fingerprint;
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
