//! SQLite files as a source. Questions wait in one queue; threads of our own take them, each with its connection and
//! its prepared statements. One thread serves them all as long as answers are quick; another starts only when a
//! question waits behind a slow one, and none for a statement that another thread cannot be stopped from. Threads end
//! when nobody asks. Knows no other source.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::sync::oneshot;

use super::file::Identity;
use super::reader::{Reader, Until, late};
use crate::config::spec::Takes;
use crate::domain::fault::{Fault, FaultClass};
use crate::domain::reading::Reading;
use crate::domain::window::Moments;
use crate::source::{Question, Source};

/// Threads for each file at most, and so questions at a time: never fewer threads than questions, or slow ones would
/// take their neighbours' time. Questions that wait together cost one wake-up.
const THREADS: usize = 16;
/// How long a question waits for a busy thread before another one starts.
const PATIENCE: Duration = Duration::from_millis(50);
/// How long an answer may wait for others to be handed over with it: each hand-over wakes whoever asked, which costs
/// more than a quick answer.
const TOGETHER: Duration = Duration::from_millis(1);
/// How long an idle thread and its connection stay.
const IDLE: Duration = Duration::from_secs(30);
/// How long after the deadline a thread may take to say that it stopped.
const GRACE: Duration = Duration::from_millis(800);
/// How often a file may be written to while it is read without locks, before we leave it.
const TRIES: usize = 3;

/// A SQLite file.
pub struct Sqlite {
    path: PathBuf,
    shared: Arc<Shared>,
}

/// What the source and its threads share.
#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    wake: Condvar,
    outbox: Mutex<Vec<(Reply, Result<Reading, Fault>)>>,
}

/// Where an answer goes.
type Reply = oneshot::Sender<Result<Reading, Fault>>;

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Arc<Job>>,
    at_work: Vec<Arc<Job>>,
    threads: usize,
    idle: usize,
    closed: bool,
}

/// A question on its way to a thread.
struct Job {
    sql: String,
    takes: Takes,
    /// `None` to prepare only.
    moments: Option<Moments>,
    asked: Instant,
    until: Arc<Until>,
    answer: Mutex<Option<Reply>>,
    answered: AtomicBool,
}

impl Sqlite {
    /// A source for a file; nothing is opened before the first question.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self {
            path,
            shared: Arc::default(),
        }
    }

    /// Prepares a statement and runs nothing.
    ///
    /// # Errors
    /// The fault that asking would end in, as far as preparing shows it.
    pub async fn describe(&self, query: &str, timeout: Duration) -> Result<(), Fault> {
        let asked = (query, Takes::default());
        self.put(asked, None, timeout).await.map(|_| ())
    }

    async fn put(
        &self,
        (sql, takes): (&str, Takes),
        moments: Option<Moments>,
        timeout: Duration,
    ) -> Result<Reading, Fault> {
        let (answer, mut reply) = oneshot::channel();
        let asked = Instant::now();
        let deadline = asked + timeout;
        let until = Arc::new(Until::new(deadline));
        // However this future ends, the thread stops working for it.
        let _stop = GiveUp(Arc::clone(&until));
        self.enqueue(Job {
            sql: sql.to_owned(),
            takes,
            moments,
            asked,
            until: Arc::clone(&until),
            answer: Mutex::new(Some(answer)),
            answered: AtomicBool::new(false),
        })?;
        let last = deadline + GRACE;
        loop {
            let now = Instant::now();
            let end = if now < deadline { deadline } else { last };
            let patient = (now + PATIENCE).min(end);
            if let Ok(reply) = tokio::time::timeout_at(patient.into(), &mut reply).await {
                return reply.unwrap_or_else(|_| Err(lost()));
            }
            if patient == last {
                return Err(late(Some(
                    "no answer within the timeout, and the statement has not stopped yet: one step of it takes long, or the disk is stuck",
                )));
            }
            // Again and again: our answer may be put out just before the thread turns to a slow neighbour.
            self.hurry();
        }
    }

    fn enqueue(&self, job: Job) -> Result<(), Fault> {
        let mut queue = self.shared.lock();
        if queue.is_stuck_at(&job.sql) {
            return Err(late(Some(
                "the same statement still runs from an earlier poll and cannot be stopped: one step of it takes long, or the disk is stuck",
            )));
        }
        queue.waiting.push_back(Arc::new(job));
        if queue.threads == 0 {
            // Nobody else would take it.
            return self
                .start(&mut queue)
                .inspect_err(|_| queue.waiting.clear());
        }
        let sleeping = queue.idle > 0;
        drop(queue);
        if sleeping {
            self.shared.wake.notify_one();
        }
        Ok(())
    }

    /// Hands over what is answered, stops what nobody waits for, and starts another thread when questions wait and all
    /// threads are busy.
    fn hurry(&self) {
        self.shared.hand_over();
        let mut queue = self.shared.lock();
        // An interrupt that came just before a statement began was lost.
        let overdue = queue.at_work.iter().filter(|job| job.until.is_over());
        overdue.for_each(|job| job.until.interrupt());
        if !queue.waiting.is_empty() && queue.idle == 0 && queue.threads < THREADS {
            // When it cannot start, the threads there are go on.
            let _ = self.start(&mut queue);
        }
    }

    fn start(&self, queue: &mut MutexGuard<'_, Queue>) -> Result<(), Fault> {
        let shared = Arc::clone(&self.shared);
        let path = self.path.clone();
        queue.threads += 1;
        let started = std::thread::Builder::new()
            .name("okrd-sqlite".into())
            .spawn(move || Worker::new(shared, path).run());
        if let Err(e) = started {
            queue.threads -= 1;
            let message = format!("no thread for a SQLite source: {e}");
            return Err(Fault::new(FaultClass::Internal, message));
        }
        Ok(())
    }
}

#[async_trait]
impl Source for Sqlite {
    async fn measure(&self, question: Question<'_>) -> Result<Reading, Fault> {
        let asked = super::query_of(question.measure)?;
        let moments = Some(question.moments.clone());
        self.put(asked, moments, question.timeout).await
    }

    fn permits(&self) -> usize {
        THREADS
    }
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.wake.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hand_over(&self) {
        let mut outbox = self.outbox.lock().unwrap_or_else(PoisonError::into_inner);
        for (reply, answer) in std::mem::take(&mut *outbox) {
            // Nobody waits any more: then nobody minds.
            let _ = reply.send(answer);
        }
    }
}

impl Queue {
    /// Whether a thread is at work on this statement though nobody waits for it any more.
    fn is_stuck_at(&self, sql: &str) -> bool {
        let mut same = self.at_work.iter().filter(|job| job.sql == sql);
        same.any(|job| !job.answered.load(Ordering::Relaxed) && job.until.is_over_for(GRACE))
    }
}

/// Tells the thread to stop, on the way out.
struct GiveUp(Arc<Until>);

impl Drop for GiveUp {
    fn drop(&mut self) {
        self.0.give_up();
    }
}

fn lost() -> Fault {
    Fault::new(
        FaultClass::Internal,
        "the thread of a SQLite source broke off",
    )
}

/// A thread and its connection.
struct Worker {
    shared: Arc<Shared>,
    path: PathBuf,
    reader: Option<Reader>,
    looked: Option<Instant>,
    /// Since when answers of this thread wait to be handed over.
    answered: Option<Instant>,
    /// What it works on, as the queue knows it.
    job: Option<Arc<Job>>,
    counted: bool,
}

impl Worker {
    fn new(shared: Arc<Shared>, path: PathBuf) -> Self {
        Self {
            shared,
            path,
            reader: None,
            looked: None,
            answered: None,
            job: None,
            counted: true,
        }
    }

    fn run(mut self) {
        while let Some(job) = self.next() {
            self.serve(&job);
        }
    }

    /// The next question; `None` when the thread should end, which is then counted out under the same lock: a
    /// question put in a moment later finds no thread and starts one.
    fn next(&mut self) -> Option<Arc<Job>> {
        let shared = Arc::clone(&self.shared);
        let mut queue = shared.lock();
        self.forget_job(&mut queue);
        let idle_until = Instant::now() + IDLE;
        loop {
            if let Some(job) = queue.waiting.pop_front() {
                queue.at_work.push(Arc::clone(&job));
                self.job = Some(Arc::clone(&job));
                return Some(job);
            }
            if self.answered.take().is_some() {
                drop(queue);
                shared.hand_over();
                queue = shared.lock();
                continue;
            }
            let left = idle_until.saturating_duration_since(Instant::now());
            if queue.closed || left.is_zero() {
                queue.threads -= 1;
                self.counted = false;
                return None;
            }
            queue.idle += 1;
            let woken = shared.wake.wait_timeout(queue, left);
            queue = woken.unwrap_or_else(PoisonError::into_inner).0;
            queue.idle -= 1;
        }
    }

    fn forget_job(&mut self, queue: &mut Queue) {
        if let Some(done) = self.job.take() {
            queue.at_work.retain(|job| !Arc::ptr_eq(job, &done));
        }
    }

    /// Drops the connection when the name leads to another file, or the file changed outside SQLite's sight. One look
    /// serves all questions that were asked before it.
    fn look(&mut self, asked: Instant) {
        if self.looked.is_some_and(|looked| asked < looked) {
            return;
        }
        self.looked = Some(Instant::now());
        let now = Identity::of(&self.path).ok();
        self.reader = self
            .reader
            .take()
            .filter(|reader| now.is_some_and(|now| reader.is_of(now)));
    }

    fn serve(&mut self, job: &Job) {
        let reply = job.reply().filter(|reply| !reply.is_closed());
        if let Some(reply) = reply {
            self.look(job.asked);
            let answer = self.answer(job);
            job.answered.store(true, Ordering::Relaxed);
            self.put_out(reply, answer);
        }
    }

    /// Puts an answer out to be handed over with its neighbours, before the next wait at the latest. Should a slow
    /// question come between, the one who waits asks for it by [`Sqlite::hurry`].
    fn put_out(&mut self, reply: Reply, answer: Result<Reading, Fault>) {
        let mut outbox = self
            .shared
            .outbox
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        outbox.push((reply, answer));
        drop(outbox);
        let since = *self.answered.get_or_insert_with(Instant::now);
        if since.elapsed() >= TOGETHER {
            self.answered = None;
            self.shared.hand_over();
        }
    }

    /// The answer of a file that held still meanwhile.
    fn answer(&mut self, job: &Job) -> Result<Reading, Fault> {
        for _ in 0..TRIES {
            let reader = match self.reader.take().filter(Reader::held_still) {
                Some(reader) => self.reader.insert(reader),
                None => {
                    let identity = Identity::of(&self.path)?;
                    let fresh = Reader::open(&self.path, identity, &job.until)?;
                    self.reader.insert(fresh)
                }
            };
            let answer = reader.ask((&job.sql, job.takes), job.moments.as_ref(), &job.until);
            if reader.held_still() {
                return answer;
            }
        }
        Err(late(Some(
            "the file was written to each time while it was read",
        )))
    }
}

impl Job {
    fn reply(&self) -> Option<Reply> {
        let mut answer = self.answer.lock().unwrap_or_else(PoisonError::into_inner);
        answer.take()
    }
}

/// A thread that ends by a panic is counted out too, and leaves nobody waiting.
impl Drop for Worker {
    fn drop(&mut self) {
        if !self.counted {
            return;
        }
        self.shared.hand_over();
        let shared = Arc::clone(&self.shared);
        let mut queue = shared.lock();
        self.forget_job(&mut queue);
        queue.threads -= 1;
        if queue.threads == 0 {
            queue.waiting.clear();
        }
    }
}
