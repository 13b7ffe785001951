//! Floor 2: the store. Keeps every attempt, measurement and configuration revision in SQLite; acknowledged means on
//! disk. Knows no source, no schedule and no face.

mod backup;
mod closing;
mod days;
mod entry;
mod error;
mod files;
mod filesystem;
mod forecasts;
mod holder;
mod incident;
mod load;
mod lock;
mod memory;
mod migrate;
mod open;
mod outbox;
mod owed;
mod people;
mod provenance;
mod reader;
mod rows;
mod sealed;
mod sources;
mod tidy;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use jiff::Timestamp;
use tokio::sync::oneshot;

use crate::config::spec::StoreSpec;
use crate::domain::goals::Goals;
use crate::domain::id::{KeyResultId, Slug};
use crate::domain::status::Status;

pub use backup::{Verified, back_up, newest_backup, quarantine, restore, verify};
pub use closing::Close;
pub use entry::{Attempt, DayTotals, Entry, Measurement, Origin};
pub use error::StoreError;
pub use forecasts::DayForecast;
pub use incident::Incident;
pub use load::Loaded;
pub use outbox::{Letter, Outbox, Outcome, Step, Suspension};
pub use owed::{Account, Change, Stretch};
pub use people::{Annotation, ToldCheckIn};
pub use provenance::{Beginning, Provenance, Question, Questions, Revision};
pub use reader::Reader;
pub use sources::SourceState;
pub use tidy::Tidied;

use open::{Access, Opened, Opening};
use rows::Write;
use writer::{Command, Writer};

/// The version of the SQLite that keeps the store; it is compiled in.
pub fn sqlite_version() -> &'static str {
    rusqlite::version()
}

/// A handle to the one thread that writes; cheap to clone. When the last clone is dropped, what was sent is written
/// and the thread ends.
#[derive(Clone, Debug)]
pub struct Store {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    access: Access,
    /// `None` only while the last handle is dropped: the thread ends when nobody can send any more.
    commands: Option<mpsc::Sender<Command>>,
    thread: Option<JoinHandle<()>>,
}

impl Store {
    /// Opens the store as its only daemon, made new where none was; a second daemon is refused. `now` is noted as the
    /// instant a new store was made.
    ///
    /// # Errors
    /// When another process holds it, or the file is missing, empty, foreign, newer or damaged where a store was:
    /// nothing is ever deleted or begun anew by itself.
    pub fn open(path: &Path, app_version: &str, now: Timestamp) -> Result<Self, StoreError> {
        Self::open_as(&StoreSpec::at(path.to_owned()), app_version, now)
    }

    /// The same of a store that the configuration describes.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_as(
        spec: &StoreSpec,
        app_version: &str,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let opened = Opening::new(spec, app_version, now, Access::Daemon).open();
        Self::start(opened.map_err(StoreError::advised)?)
    }

    /// Opens the store beside a running daemon, for short writes such as a recorded value. Takes no lock, but makes
    /// or migrates the store where that is due and no daemon runs.
    ///
    /// # Errors
    /// As [`Store::open`], save that a running daemon is no error.
    pub fn open_shared(path: &Path, app_version: &str, now: Timestamp) -> Result<Self, StoreError> {
        Self::open_shared_as(&StoreSpec::at(path.to_owned()), app_version, now)
    }

    /// The same of a store that the configuration describes.
    ///
    /// # Errors
    /// As [`Store::open_shared`].
    pub fn open_shared_as(
        spec: &StoreSpec,
        app_version: &str,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let opened = Opening::new(spec, app_version, now, Access::Guest).open();
        Self::start(opened.map_err(StoreError::advised)?)
    }

    fn start(opened: Opened) -> Result<Self, StoreError> {
        let (path, access) = (opened.path().to_owned(), opened.access());
        let (commands, inbox) = mpsc::channel();
        let writer = Writer::new(opened, inbox)?;
        let thread = std::thread::Builder::new()
            .name("okrd-store".into())
            .spawn(move || writer.run())
            .map_err(|e| StoreError::Io {
                file: path.clone(),
                found: format!("no thread to write from: {e}"),
            })?;
        Ok(Self {
            shared: Arc::new(Shared {
                path,
                access,
                commands: Some(commands),
                thread: Some(thread),
            }),
        })
    }

    /// Keeps attempts and their measurements, all or none; resolves once they are on disk. Appends of concurrent
    /// callers share a commit. A slot polled twice keeps its first measurement; a value recorded again for the same
    /// instant replaces the earlier one, which stays among the attempts.
    ///
    /// # Errors
    /// When nothing of it was kept. A later append may well succeed.
    pub async fn append(&self, entries: Vec<Entry>) -> Result<(), StoreError> {
        self.write(Write::Entries(entries)).await
    }

    /// The same together with what becomes of slots that passed without a poll: all or nothing of both.
    ///
    /// # Errors
    /// When nothing of it was kept. A later append may well succeed.
    pub async fn append_accounted(
        &self,
        entries: Vec<Entry>,
        accounts: Vec<Account>,
    ) -> Result<(), StoreError> {
        self.write(Write::Accounted(entries, accounts)).await
    }

    /// Notes the configuration that is read, by the SHA-256 of its files, and what it asks: entries appended from now on
    /// refer to it, unless they began before. The daemon's is in force, and what others append without telling of one of
    /// their own refers to it as well.
    ///
    /// # Errors
    /// When it was not kept.
    pub async fn keep_revision(
        &self,
        sha256: &str,
        at: Timestamp,
        questions: Questions,
    ) -> Result<(), StoreError> {
        self.write(Write::Revision {
            sha256: sha256.to_owned(),
            at,
            questions,
            in_force: self.shared.access == Access::Daemon,
        })
        .await
    }

    /// Lets key results that were renamed keep what is known of them: pairs of the id before and the id of now. What is
    /// done already is left as it is.
    ///
    /// # Errors
    /// When nothing of it was kept.
    pub async fn keep_renames(
        &self,
        renames: Vec<(KeyResultId, KeyResultId)>,
    ) -> Result<(), StoreError> {
        self.write(Write::Renames(renames)).await
    }

    /// Keeps which status each key result has and since when.
    ///
    /// # Errors
    /// When nothing of it was kept.
    pub async fn keep_status(
        &self,
        changes: Vec<(KeyResultId, Status, Timestamp)>,
    ) -> Result<(), StoreError> {
        self.write(Write::Status(changes)).await
    }

    /// Keeps forecasts, the last of each day.
    ///
    /// # Errors
    /// When nothing of it was kept.
    pub async fn keep_forecasts(&self, forecasts: Vec<DayForecast>) -> Result<(), StoreError> {
        self.write(Write::Forecasts(forecasts)).await
    }

    /// Keeps until when sources must be left alone; `None` lifts a hold.
    ///
    /// # Errors
    /// When nothing of it was kept.
    pub async fn keep_holds(
        &self,
        holds: Vec<(Slug, Option<Timestamp>)>,
    ) -> Result<(), StoreError> {
        self.write(Write::Holds(holds)).await
    }

    /// Keeps why sources are left alone; when they were resumed stays as it is.
    ///
    /// # Errors
    /// When nothing of it was kept.
    pub async fn keep_sources(&self, states: Vec<(Slug, SourceState)>) -> Result<(), StoreError> {
        self.write(Write::Sources(states)).await
    }

    /// Lets a source be asked again that refused our login or failed; a daemon beside us hears of it. The patience that it
    /// asked for stays.
    ///
    /// # Errors
    /// When it was not kept.
    pub async fn resume(&self, source: Slug, at: Timestamp) -> Result<(), StoreError> {
        self.write(Write::Resume(source, at)).await
    }

    /// Keeps a step of a channel through which people are told.
    ///
    /// # Errors
    /// When nothing of it was kept.
    pub async fn keep_step(&self, channel: Slug, step: Step) -> Result<(), StoreError> {
        self.write(Write::Step(channel, step)).await
    }

    /// Lets a channel be told again that refused our messages; a daemon beside us hears of it.
    ///
    /// # Errors
    /// When it was not kept.
    pub async fn resume_channel(&self, channel: Slug, at: Timestamp) -> Result<(), StoreError> {
        self.write(Write::ResumeChannel(channel, at)).await
    }

    /// Keeps what a person said of a key result.
    ///
    /// # Errors
    /// When it was not kept.
    pub async fn keep_check_in(&self, told: ToldCheckIn) -> Result<(), StoreError> {
        self.write(Write::CheckIn(told)).await
    }

    /// Keeps a few words about a stretch of time.
    ///
    /// # Errors
    /// When it was not kept.
    pub async fn keep_annotation(&self, told: Annotation) -> Result<(), StoreError> {
        self.write(Write::Annotation(told)).await
    }

    /// Keeps how a cycle ended, for good. Of a cycle that was closed before nothing is written: the first closing stands.
    ///
    /// # Errors
    /// When nothing of it was kept.
    pub async fn keep_close(&self, close: Close) -> Result<(), StoreError> {
        self.write(Write::Close(close)).await
    }

    /// Lets go of what is older than the configuration says: single values, of which the row of the day stays, and attempts.
    /// Goes step by step, so that whatever else is to be written waits for one step at most.
    ///
    /// # Errors
    /// When a step failed; the next time it goes on from there.
    pub async fn tidy(&self, now: Timestamp) -> Result<Tidied, StoreError> {
        let mut all = Tidied::default();
        loop {
            let (done, answer) = oneshot::channel();
            let done = Box::new(move |result| drop(done.send(result)));
            self.send(Command::Tidy(now, done))?;
            match answer.await.map_err(|_| self.ended())?? {
                Some(step) => all += step,
                None => return Ok(all),
            }
        }
    }

    /// Keeps that the whole store was read, and whether all was well.
    ///
    /// # Errors
    /// When it was not kept.
    pub async fn keep_check(&self, at: Timestamp, sound: bool) -> Result<(), StoreError> {
        self.write(Write::Checked(at, sound)).await
    }

    /// Keeps that somebody knows of all that befell the store until now.
    ///
    /// # Errors
    /// When it was not kept.
    pub async fn acknowledge(&self, at: Timestamp, by: Option<String>) -> Result<(), StoreError> {
        self.write(Write::Acknowledged(at, by)).await
    }

    /// All that is known of these goals. Blocks: some milliseconds for a thousand key results; once longer after the
    /// time zone of the cycles changed.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn load(&self, goals: &Goals) -> Result<Loaded, StoreError> {
        let reader = Reader::open(&self.shared.path)?;
        if let Some(zone) = load::common_zone(goals)
            && self.shared.access == Access::Daemon
            && zone.iana_name() != reader.day_zone()?.as_deref()
        {
            let (done, answer) = mpsc::channel();
            let done = Box::new(move |result| drop(done.send(result)));
            self.send(Command::Write(Write::Zone(zone), done))?;
            answer.recv().map_err(|_| self.ended())??;
        }
        reader.load(goals)
    }

    /// How often another process was seen to have written: when the count grew, load again to see what.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn foreign_changes(&self) -> Result<u64, StoreError> {
        let (done, answer) = oneshot::channel();
        self.send(Command::ForeignChanges(Box::new(move |result| {
            drop(done.send(result));
        })))?;
        heard(answer).await.map_err(|_| self.ended())?
    }

    /// Bytes of the database and its write-ahead log.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        files::size(&self.shared.path) + self.log_bytes()
    }

    /// Bytes of the write-ahead log alone.
    #[must_use]
    pub fn log_bytes(&self) -> u64 {
        files::size(&files::beside(&self.shared.path, "-wal"))
    }

    /// The file, as resolved.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.shared.path
    }

    /// Has the writer panic.
    #[cfg(test)]
    pub(crate) fn break_writer(&self) {
        self.send(Command::Panic).unwrap();
    }

    /// Writes what was sent, folds the write-ahead log into the database and releases the lock. Other clones find the
    /// store ended.
    ///
    /// # Errors
    /// When the log could not be folded in; nothing acknowledged is lost by that.
    pub async fn close(self) -> Result<(), StoreError> {
        let (done, answer) = oneshot::channel();
        self.send(Command::Close(Box::new(move |result| {
            drop(done.send(result));
        })))?;
        answer.await.map_err(|_| self.ended())?
    }

    async fn write(&self, write: Write) -> Result<(), StoreError> {
        let (done, answer) = oneshot::channel();
        let done = Box::new(move |result| drop(done.send(result)));
        self.send(Command::Write(write, done))?;
        heard(answer).await.map_err(|_| self.ended())?
    }

    fn send(&self, command: Command) -> Result<(), StoreError> {
        let commands = self.shared.commands.as_ref();
        commands
            .and_then(|commands| commands.send(command).ok())
            .ok_or_else(|| self.ended())
    }

    fn ended(&self) -> StoreError {
        StoreError::Ended {
            file: self.shared.path.clone(),
        }
    }
}

/// Waits for what the writer answers.
#[cfg(not(test))]
async fn heard<T>(answer: oneshot::Receiver<T>) -> Result<T, oneshot::error::RecvError> {
    answer.await
}

/// The same; where time is simulated it stands still meanwhile.
#[cfg(test)]
async fn heard<T: Send + 'static>(
    answer: oneshot::Receiver<T>,
) -> Result<T, oneshot::error::RecvError> {
    if !simulated::is_on() {
        return answer.await;
    }
    // Simulated time goes on when nothing is left to do, and only this way tokio knows of what other threads do.
    let waiting = tokio::task::spawn_blocking(move || answer.blocking_recv());
    waiting.await.unwrap()
}

/// Whether the time of the thread is simulated.
#[cfg(test)]
pub(crate) mod simulated {
    use std::cell::Cell;

    thread_local! {
        static ON: Cell<bool> = const { Cell::new(false) };
    }

    /// From now on, on this thread.
    pub(crate) fn turn_on() {
        ON.set(true);
    }

    pub(super) fn is_on() -> bool {
        ON.get()
    }
}

impl Drop for Shared {
    /// Waits for the thread, so that whoever opens the file next finds the lock free.
    fn drop(&mut self) {
        drop(self.commands.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, clippy::indexing_slicing, reason = "tests")]
mod tests;
