//! One channel: hears of each new board, writes down what is to be told, and sends what waits, one message at a time and in
//! order for each place. What is told and that it was told are one transaction; a message is done with when its receiver
//! acknowledged it and that is on disk. Knows no receiver and no words.

use std::collections::{BTreeSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use super::message::Message;
use super::post::{Address, Post, Refusal};
use super::{Office, Standing, digest, status};
use crate::config::notify::NotifySpec;
use crate::domain::fault::{Fault, FaultClass};
use crate::domain::id::Slug;
use crate::domain::news::edition;
use crate::store::{Letter, Outbox, Outcome, Reader, Step, StoreError, Suspension};

/// From one message to the next: Slack takes one a second in a channel.
const PACE: Duration = Duration::from_millis(1_100);
/// The first wait after a failure; each one after it is twice as long.
const FIRST_WAIT: Duration = Duration::from_secs(2);
const LONGEST_WAIT: Duration = Duration::from_secs(900);
/// The longest patience that a receiver may ask for.
const LONGEST_PATIENCE: Duration = Duration::from_secs(3600);
/// How long a message may wait, and how many may.
const KEPT: SignedDuration = SignedDuration::from_hours(7 * 24);
const MOST_KEPT: usize = 1_000;
/// How long those stay that were sent.
const SENT_KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);
const TIDY_EVERY: SignedDuration = SignedDuration::from_hours(24);
/// A digest that was missed, as the daemon was down, is sent afterwards for so long.
const LATE_DIGEST: SignedDuration = SignedDuration::from_hours(48);
/// How often it is looked whether a place takes messages again, and at the clock in any case.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// One channel.
pub struct Desk {
    name: Slug,
    spec: NotifySpec,
    post: Box<dyn Post>,
    office: Arc<Office>,
    /// What is known, as on disk but for `unkept`; `None` before it was read.
    outbox: Option<Outbox>,
    /// Steps that happened and are not on disk yet.
    unkept: VecDeque<Step>,
    /// Nothing is sent before.
    not_before: Timestamp,
    tidied: Option<Timestamp>,
    /// What the log says: nothing while all is well.
    said: Option<String>,
}

impl Desk {
    /// A channel; reads and sends nothing yet.
    #[must_use]
    pub fn new(name: Slug, spec: NotifySpec, post: Box<dyn Post>, office: Arc<Office>) -> Self {
        Self {
            name,
            spec,
            post,
            office,
            outbox: None,
            unkept: VecDeque::new(),
            not_before: Timestamp::MIN,
            tidied: None,
            said: None,
        }
    }

    /// Tells until it is left; a message that is under way is waited for.
    pub async fn run(mut self, leave: CancellationToken) {
        let mut board = self.office.board.clone();
        loop {
            board.borrow_and_update();
            let now = self.office.clock.now();
            let next = self.turn(now).await;
            self.count();
            let now = self.office.clock.now();
            let wait = Duration::try_from(next.duration_since(now)).unwrap_or_default();
            let wait = wait.clamp(PACE, LONGEST_SLEEP);
            let woken = async {
                // Boards come ten a second; one look a second is enough.
                tokio::time::sleep(PACE).await;
                tokio::select! {
                    _ = board.changed() => {}
                    () = tokio::time::sleep(wait - PACE) => {}
                }
            };
            tokio::select! {
                biased;
                () = leave.cancelled() => break,
                () = woken => {}
            }
        }
        // What was sent must not be sent again.
        self.flush().await;
    }

    /// One look at everything; tells when to look again at the latest.
    async fn turn(&mut self, now: Timestamp) -> Timestamp {
        let later = now + LOOK_AGAIN;
        if !(self.open().await && self.flush().await) {
            return later;
        }
        let mut next = now + LONGEST_SLEEP;
        match self.tell(now).await {
            Ok(Some(at)) => next = next.min(at),
            Ok(None) => {}
            Err(error) => {
                self.say(&error.to_string());
                return later;
            }
        }
        self.tidy(now).await;
        self.resume(now).await;
        if let Some(at) = self.send(now).await {
            next = next.min(at);
        }
        if self
            .outbox
            .as_ref()
            .is_some_and(|known| !known.suspended.is_empty())
        {
            next = next.min(later);
        }
        next
    }

    /// Reads what is known, if that was not done.
    async fn open(&mut self) -> bool {
        if self.outbox.is_none() {
            match self.read().await {
                Ok(outbox) => self.outbox = Some(outbox),
                Err(error) => self.say(&error.to_string()),
            }
        }
        self.outbox.is_some()
    }

    async fn read(&self) -> Result<Outbox, StoreError> {
        let (path, name) = (self.office.path(), self.name.clone());
        let read = move || Reader::open(&path)?.outbox(&name);
        match tokio::task::spawn_blocking(read).await {
            Ok(read) => read,
            // It panicked, which the log told.
            Err(_) => Ok(Outbox::default()),
        }
    }

    /// Writes what happened; `false` when it cannot be written now.
    async fn flush(&mut self) -> bool {
        while let Some(step) = self.unkept.front() {
            let kept = self.office.store.keep_step(self.name.clone(), step.clone());
            if let Err(error) = kept.await {
                self.say(&error.to_string());
                return false;
            }
            self.unkept.pop_front();
        }
        true
    }

    async fn keep(&mut self, step: Step) {
        self.unkept.push_back(step);
        self.flush().await;
    }

    /// Writes down what is to be told; when something more will be.
    async fn tell(&mut self, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        let Some(outbox) = &mut self.outbox else {
            return Ok(None);
        };
        let card = self.office.board.borrow().scorecard.clone();
        let (spec, mut next) = (&self.spec, None);
        let (mut statuses, mut letters) = (Vec::new(), Vec::new());
        if spec.status {
            let wanted = |card: &crate::domain::scorecard::ObjectiveCard| {
                spec.tells_of(card.objective.team.as_ref())
            };
            let edition = edition(&card, outbox, wanted, spec.hold, now);
            next = edition.next;
            statuses = edition.told;
            let news = edition.news.iter();
            letters.extend(news.flat_map(|news| status::letters(spec, &card, news, now)));
        }
        let digest = spec.digest.as_ref().and_then(|schedule| {
            let slot = schedule.at_or_before(now)?;
            next = [next, schedule.next_after(now)].into_iter().flatten().min();
            let until = outbox.digest.unwrap_or(slot);
            (slot > until || outbox.digest.is_none()).then_some(slot)
        });
        if let (Some(slot), Some(_)) = (digest, outbox.digest)
            && now.duration_since(slot) <= LATE_DIGEST
        {
            let schedule = self.spec.digest.as_ref();
            let before = slot - SignedDuration::from_millis(1);
            let before = schedule
                .and_then(|s| s.at_or_before(before))
                .unwrap_or(slot);
            letters.extend(digest::letters(&self.spec, &card, (slot, before), now));
        }
        if statuses.is_empty() && letters.is_empty() && digest.is_none() {
            return Ok(next);
        }
        let step = Step::Told {
            statuses: statuses.clone(),
            digest,
            letters: letters.clone(),
        };
        self.office.store.keep_step(self.name.clone(), step).await?;
        let told = statuses.into_iter().map(|(uid, status, _)| (uid, status));
        outbox.told.extend(told);
        outbox.digest = digest.or(outbox.digest);
        let known: BTreeSet<String> = outbox.waiting.iter().map(|l| l.key.clone()).collect();
        outbox
            .waiting
            .extend(letters.into_iter().filter(|l| !known.contains(&l.key)));
        Ok(next)
    }

    /// Lets go of what waited too long, and of what was sent long ago.
    async fn tidy(&mut self, now: Timestamp) {
        let Some(outbox) = &self.outbox else { return };
        let excess = outbox.waiting.len().saturating_sub(MOST_KEPT);
        let old = |letter: &Letter| now.duration_since(letter.made) > KEPT;
        let waiting = outbox.waiting.iter().enumerate();
        let expired: Vec<String> = waiting
            .filter(|(n, letter)| *n < excess || old(letter))
            .map(|(_, letter)| letter.key.clone())
            .collect();
        for key in expired {
            tracing::error!(notify = %self.name, "a message waited too long and is given up: {key}");
            self.end(key, Outcome::Expired, None, None, now).await;
            self.office.tally.dropped(&self.name);
        }
        if self
            .tidied
            .is_none_or(|at| now < at || now.duration_since(at) >= TIDY_EVERY)
        {
            self.tidied = Some(now);
            self.keep(Step::Forgotten(now - SENT_KEPT)).await;
        }
    }

    /// Looks whether places take messages again: another secret, or somebody said so.
    async fn resume(&mut self, now: Timestamp) {
        let Some(outbox) = &self.outbox else { return };
        if outbox.suspended.is_empty() {
            return;
        }
        let mark = self.mark();
        let suspended = outbox.suspended.iter();
        let renewed: Vec<String> = suspended
            .filter(|(_, s)| s.refused.is_some_and(|refused| refused != mark))
            .map(|(place, _)| place.clone())
            .collect();
        for place in renewed {
            if let Some(outbox) = &mut self.outbox {
                outbox.suspended.remove(&place);
            }
            tracing::info!(notify = %self.name, "the secret changed: messages are sent again");
            self.keep(Step::Suspended(place, None)).await;
        }
        if let Ok(read) = self.read().await
            && let Some(outbox) = &mut self.outbox
            && outbox
                .suspended
                .keys()
                .any(|place| !read.suspended.contains_key(place))
        {
            tracing::info!(notify = %self.name, "resumed: messages are sent again");
            outbox.suspended = read.suspended;
            outbox
                .waiting
                .iter_mut()
                .for_each(|letter| letter.due = letter.due.min(now));
        }
    }

    /// Sends the next message if one is due; when the next one will be.
    async fn send(&mut self, now: Timestamp) -> Option<Timestamp> {
        let letter = match self.due(now) {
            Ok(letter) => letter,
            Err(later) => return later,
        };
        self.not_before = now + PACE;
        let Some(message) = Message::of_body(&letter.body) else {
            tracing::error!(notify = %self.name, "a message of another version cannot be read: {}", letter.key);
            self.end(letter.key, Outcome::Refused, Some("internal"), None, now)
                .await;
            self.office.tally.dropped(&self.name);
            return Some(self.not_before);
        };
        let to = self.address(&letter, now);
        let answer = self.post.deliver(to, &message).await;
        let now = self.office.clock.now();
        self.not_before = now + PACE;
        match answer {
            Ok(thread) => self.sent(letter, thread, now).await,
            Err(refusal) => self.refused(letter, refusal, now).await,
        }
        Some(self.not_before)
    }

    /// The message to send now, or when there will be one.
    fn due(&self, now: Timestamp) -> Result<Letter, Option<Timestamp>> {
        let Some(outbox) = &self.outbox else {
            return Err(None);
        };
        if outbox.waiting.is_empty() || outbox.suspended.contains_key("") {
            return Err(None);
        }
        if self.not_before > now {
            return Err(Some(self.not_before));
        }
        match self.spec.quiet.open_from(now) {
            Some(open) if open <= now => {}
            later => return Err(later),
        }
        let mut first_of = BTreeSet::new();
        let mut next = None;
        for letter in &outbox.waiting {
            // One place hears things in their order.
            if outbox.suspended.contains_key(&letter.place) || !first_of.insert(&letter.place) {
                continue;
            }
            if letter.due <= now {
                return Ok(letter.clone());
            }
            next = Some(next.map_or(letter.due, |at: Timestamp| at.min(letter.due)));
        }
        Err(next)
    }

    fn address<'a>(&'a self, letter: &'a Letter, at: Timestamp) -> Address<'a> {
        let thread = letter.thread.as_ref().and_then(|uid| {
            let threads = self.outbox.as_ref().map(|outbox| &outbox.threads)?;
            threads.get(&(letter.place.clone(), uid.clone()))
        });
        Address {
            key: &letter.key,
            place: &letter.place,
            thread: thread.map(String::as_str),
            at,
        }
    }

    async fn sent(&mut self, letter: Letter, thread: Option<String>, now: Timestamp) {
        self.office.tally.sent(&self.name, now);
        if self.said.take().is_some() {
            tracing::info!(notify = %self.name, "messages are sent again");
        }
        let thread = thread
            .zip(letter.thread)
            .map(|(name, uid)| (letter.place, uid, name));
        if let (Some((place, uid, name)), Some(outbox)) = (&thread, &mut self.outbox) {
            let of = (place.clone(), uid.clone());
            outbox.threads.insert(of, name.clone());
        }
        self.end(letter.key, Outcome::Sent, None, thread, now).await;
    }

    async fn refused(&mut self, letter: Letter, refusal: Refusal, now: Timestamp) {
        let fault = refusal.fault().clone();
        let class = fault.class.as_str();
        self.office.tally.failed(&self.name, fault.class);
        match refusal {
            Refusal::Later(_) => {
                self.say(&format!(
                    "not sent, kept and sent again: {}",
                    worded(&fault)
                ));
                let due = now + self.patience(&letter, &fault);
                if fault.class == FaultClass::RateLimited {
                    self.not_before = due;
                }
                self.postpone(letter.key, due, class).await;
            }
            Refusal::Never(_) => {
                let (key, fault) = (&letter.key, worded(&fault));
                tracing::error!(notify = %self.name, "a message is refused and given up, {key}: {fault}");
                self.office.tally.dropped(&self.name);
                self.end(letter.key, Outcome::Refused, Some(class), None, now)
                    .await;
            }
            Refusal::NoThread(_) => {
                let uid = letter.thread.unwrap_or_default();
                let of = (letter.place, uid);
                if let Some(outbox) = &mut self.outbox {
                    outbox.threads.remove(&of);
                }
                let (place, uid) = of;
                self.keep(Step::ThreadLost { place, uid }).await;
            }
            Refusal::Place(_) => self.suspend(letter.place, &fault, now).await,
            Refusal::All(_) => self.suspend(String::new(), &fault, now).await,
        }
    }

    async fn suspend(&mut self, place: String, fault: &Fault, now: Timestamp) {
        let shown = if place.is_empty() {
            "everything"
        } else {
            &place
        };
        let why = worded(fault);
        tracing::error!(
            notify = %self.name,
            "no messages are sent any more ({shown}), they are kept for 7 days: {why}; once it is mended, run `okrd resume {}`",
            self.name
        );
        let suspension = Suspension {
            since: now,
            refused: Some(self.mark()),
            why,
        };
        if let Some(outbox) = &mut self.outbox {
            outbox.suspended.insert(place.clone(), suspension.clone());
        }
        self.keep(Step::Suspended(place, Some(suspension))).await;
    }

    async fn postpone(&mut self, key: String, due: Timestamp, error: &'static str) {
        let waiting = self
            .outbox
            .iter_mut()
            .flat_map(|outbox| &mut outbox.waiting);
        for letter in waiting.filter(|letter| letter.key == key) {
            (letter.due, letter.tries) = (due, letter.tries.saturating_add(1));
        }
        self.keep(Step::Tried { key, due, error }).await;
    }

    async fn end(
        &mut self,
        key: String,
        outcome: Outcome,
        error: Option<&'static str>,
        thread: Option<(String, String, String)>,
        at: Timestamp,
    ) {
        if let Some(outbox) = &mut self.outbox {
            outbox.waiting.retain(|letter| letter.key != key);
        }
        let step = Step::Ended {
            key,
            at,
            outcome,
            error,
            thread,
        };
        self.keep(step).await;
    }

    /// How long to wait after a failure: what the receiver asks for, or twice as long each time, give or take a fifth.
    fn patience(&self, letter: &Letter, fault: &Fault) -> Duration {
        let doubled = FIRST_WAIT
            .saturating_mul(1 << letter.tries.min(10))
            .min(LONGEST_WAIT);
        let mut hash = DefaultHasher::new();
        (&self.name, &letter.key, letter.tries).hash(&mut hash);
        let spread = 80 + u32::try_from(hash.finish() % 41).unwrap_or_default();
        let asked = fault.retry_after.unwrap_or_default().min(LONGEST_PATIENCE);
        (doubled * spread / 100).max(asked)
    }

    /// A little of a digest of the secret: it tells a change, not the secret.
    fn mark(&self) -> u16 {
        let mut hash = DefaultHasher::new();
        (self.name.as_str(), self.post.credentials()).hash(&mut hash);
        u16::try_from(hash.finish() & 0xffff).unwrap_or_default()
    }

    fn count(&self) {
        if let Some(outbox) = &self.outbox {
            let standing = Standing {
                waiting: outbox.waiting.len(),
                oldest: outbox.waiting.first().map(|letter| letter.made),
                suspended: !outbox.suspended.is_empty(),
            };
            self.office.tally.stands(&self.name, standing);
        }
    }

    /// Tells what went wrong, once as long as it stays the same.
    fn say(&mut self, what: &str) {
        if self.said.as_deref() != Some(what) {
            tracing::warn!(notify = %self.name, "messages: {what}");
            self.said = Some(what.to_owned());
        }
    }
}

/// The net speaks of sources; this is none.
fn worded(fault: &Fault) -> String {
    fault
        .to_string()
        .replace("the source's", "the channel's")
        .replace("the source", "the receiver")
        .replace(
            " (poll less often, or share one account among fewer programs)",
            "",
        )
}
