//! SQLite files as a source. Questions wait in one queue; threads of our own take them, each with its connection and
//! its prepared statements. One thread serves them all as long as answers are quick; another starts only when a
//! question waits behind a slow one. Threads end when nobody asks. Knows no other source.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::sync::oneshot;

use super::reader::{Identity, Reader, Until, late};
use crate::domain::fault::{Fault, FaultClass};
use crate::domain::reading::Reading;
use crate::domain::window::Moments;
use crate::source::{Question, Source};

/// Threads for each file at most, and so questions at a time: never fewer threads than questions, or slow ones would
/// take their neighbours' time. Questions that wait together cost one wake-up.
const THREADS: usize = 32;
/// How long a question waits for a busy thread before another one starts.
const PATIENCE: Duration = Duration::from_millis(50);
/// How long an answer may wait for others to be handed over with it: each hand-over wakes whoever asked, which costs
/// more than a quick answer.
const TOGETHER: Duration = Duration::from_millis(1);
/// How long an idle thread and its connection stay.
const IDLE: Duration = Duration::from_secs(30);
/// How long after the deadline a thread may take to say that it stopped.
const GRACE: Duration = Duration::from_millis(800);

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
    waiting: VecDeque<Job>,
    threads: usize,
    idle: usize,
    closed: bool,
}

/// A question on its way to a thread.
struct Job {
    what: Task,
    asked: Instant,
    until: Until,
    answer: Reply,
}

enum Task {
    Ask(String, Moments),
    /// Prepare only; the reading is a dummy.
    Describe(String),
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
        let what = Task::Describe(query.to_owned());
        self.put(what, timeout).await.map(|_| ())
    }

    async fn put(&self, what: Task, timeout: Duration) -> Result<Reading, Fault> {
        let (answer, mut reply) = oneshot::channel();
        let given_up = Arc::new(AtomicBool::new(false));
        let asked = Instant::now();
        let deadline = asked + timeout;
        let until = Until {
            deadline,
            given_up: Arc::clone(&given_up),
        };
        // However this future ends, the thread stops working for it.
        let _stop = GiveUp(given_up);
        self.enqueue(Job {
            what,
            asked,
            until,
            answer,
        })?;
        let last = deadline + GRACE;
        loop {
            let patient = (Instant::now() + PATIENCE).min(last);
            if let Ok(reply) = tokio::time::timeout_at(patient.into(), &mut reply).await {
                return reply.unwrap_or_else(|_| Err(lost()));
            }
            if patient == last {
                return Err(late(Some(
                    "no answer within the timeout, and the statement does not stop: is the disk stuck?",
                )));
            }
            // Again and again: our answer may be put out just before the thread turns to a slow neighbour.
            self.hurry();
        }
    }

    fn enqueue(&self, job: Job) -> Result<(), Fault> {
        let mut queue = self.shared.lock();
        queue.waiting.push_back(job);
        if queue.threads == 0 {
            return self.start(&mut queue);
        }
        let sleeping = queue.idle > 0;
        drop(queue);
        if sleeping {
            self.shared.wake.notify_one();
        }
        Ok(())
    }

    /// Hands over what is answered, and starts another thread when questions wait and all threads are busy.
    fn hurry(&self) {
        self.shared.hand_over();
        let mut queue = self.shared.lock();
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
            queue.waiting.pop_back();
            let message = format!("no thread for a SQLite source: {e}");
            return Err(Fault::new(FaultClass::Internal, message));
        }
        Ok(())
    }
}

#[async_trait]
impl Source for Sqlite {
    async fn measure(&self, question: Question<'_>) -> Result<Reading, Fault> {
        let query = super::query_of(question.measure)?.to_owned();
        let what = Task::Ask(query, question.moments.clone());
        self.put(what, question.timeout).await
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

/// Tells the thread to stop, on the way out.
struct GiveUp(Arc<AtomicBool>);

impl Drop for GiveUp {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
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
            counted: true,
        }
    }

    fn run(mut self) {
        while let Some(job) = self.next() {
            self.serve(job);
        }
    }

    /// The next question; `None` when the thread should end, which is then counted out under the same lock: a
    /// question put in a moment later finds no thread and starts one.
    fn next(&mut self) -> Option<Job> {
        let shared = Arc::clone(&self.shared);
        let mut queue = shared.lock();
        let idle_until = Instant::now() + IDLE;
        loop {
            if let Some(job) = queue.waiting.pop_front() {
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

    /// Drops the connection when the name leads to another file, or the file changed outside SQLite's sight. One look
    /// serves all questions that were asked before it.
    fn look(&mut self, asked: Instant) {
        if self.looked.is_some_and(|looked| asked < looked) {
            return;
        }
        self.looked = Some(Instant::now());
        let now = Identity::of(&self.path).ok();
        if now.is_none()
            || !self
                .reader
                .as_ref()
                .is_some_and(|r| now.is_some_and(|i| r.is_of(i)))
        {
            self.reader = None;
        }
    }

    fn serve(&mut self, job: Job) {
        if job.answer.is_closed() {
            return;
        }
        self.look(job.asked);
        let answer = self.answer(&job);
        self.put_out(job.answer, answer);
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

    fn answer(&mut self, job: &Job) -> Result<Reading, Fault> {
        let reader = match &mut self.reader {
            Some(reader) => reader,
            None => {
                let identity = Identity::of(&self.path)?;
                self.reader.insert(Reader::open(&self.path, identity)?)
            }
        };
        match &job.what {
            Task::Ask(sql, moments) => reader.ask(sql, moments, &job.until),
            Task::Describe(sql) => reader.describe(sql).map(|()| Reading::whole(0)),
        }
    }
}

/// A thread that ends by a panic is counted out too, and leaves nobody waiting.
impl Drop for Worker {
    fn drop(&mut self) {
        if !self.counted {
            return;
        }
        self.shared.hand_over();
        let mut queue = self.shared.lock();
        queue.threads -= 1;
        if queue.threads == 0 {
            queue.waiting.clear();
        }
    }
}
