//! The one thread that writes. What waits in its inbox shares a commit, since the sync is what costs; nobody is told
//! "done" before COMMIT came back. Knows no rows.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rusqlite::TransactionBehavior;

use super::error::StoreError;
use super::files::{beside, size};
use super::memory::{Memory, sealed_until};
use super::open::{Opened, fold};
use super::provenance::Under;
use super::rows::{Rows, Write};
use super::tidy::{Tidied, Tidying};

/// Told how it went, on the writer's thread; must return at once.
pub(super) type Done<T> = Box<dyn FnOnce(Result<T, StoreError>) + Send>;

/// What the thread can be asked.
pub(super) enum Command {
    /// Write it.
    Write(Write, Done<()>),
    /// Let go of what is old: one step; nothing when all is done.
    Tidy(Timestamp, Done<Option<Tidied>>),
    /// How often did others write?
    ForeignChanges(Done<u64>),
    /// End.
    Close(Done<()>),
    /// End as nobody expects.
    #[cfg(test)]
    Panic,
}

/// As many messages as share a commit at most: it bounds how long the first of them waits.
const GROUP: usize = 1_000;

/// How long between two tries to cut off the log.
const TRIM_AGAIN: Duration = Duration::from_secs(1);

/// The state of the thread.
pub(super) struct Writer {
    opened: Opened,
    inbox: mpsc::Receiver<Command>,
    /// `None` after a rollback: then what was remembered may never have been written.
    memory: Option<Memory>,
    /// Under which configuration this process measures, as far as it is on disk: outlives what was remembered.
    under: Option<Under>,
    /// An error left doubt about the connection.
    in_doubt: bool,
    seen_version: i64,
    foreign_changes: u64,
    /// When the log was last found too large.
    trimmed: Option<Instant>,
    tidying: Option<Tidying>,
}

impl Writer {
    pub(super) fn new(opened: Opened, inbox: mpsc::Receiver<Command>) -> Result<Self, StoreError> {
        let failed = |e: rusqlite::Error| StoreError::of_sqlite(opened.path(), &e);
        let memory = Memory::read(&opened.connection).map_err(failed)?;
        let seen_version = data_version(&opened.connection).map_err(failed)?;
        Ok(Self {
            opened,
            inbox,
            memory: Some(memory),
            under: None,
            in_doubt: false,
            seen_version,
            foreign_changes: 0,
            trimmed: None,
            tidying: None,
        })
    }

    /// Serves until told to close, or until nobody is left who could send.
    pub(super) fn run(mut self) {
        let mut group = Vec::new();
        while let Ok(command) = self.inbox.recv() {
            let mut next = Some(command);
            // Only what waits already is taken along: a lone write never waits for company.
            while let Some(Command::Write(write, done)) = next {
                group.push((write, done));
                next = if group.len() < GROUP {
                    self.inbox.try_recv().ok()
                } else {
                    None
                };
            }
            self.commit(&mut group);
            self.trim_log();
            match next {
                Some(Command::Tidy(now, done)) => done(self.tidy(now)),
                Some(Command::ForeignChanges(done)) => done(self.count_foreign_changes()),
                Some(Command::Close(done)) => {
                    let closed = self.close();
                    drop(self);
                    return done(closed);
                }
                #[cfg(test)]
                Some(Command::Panic) => std::panic::resume_unwind(Box::new("told to")),
                Some(Command::Write(..)) | None => {}
            }
        }
    }

    /// Writes all of the group and tells each how it went.
    fn commit(&mut self, group: &mut Vec<(Write, Done<()>)>) {
        if group.is_empty() {
            return;
        }
        let result = self.transact(group.iter().map(|(write, _)| write));
        if group.len() > 1 && matches!(result, Err(StoreError::Refused { .. })) {
            // One of them is at fault; the others must not suffer for it.
            for (write, done) in group.drain(..) {
                done(self.transact(std::iter::once(&write)));
            }
        }
        for (_, done) in group.drain(..) {
            done(result.clone());
        }
    }

    fn transact<'w>(&mut self, writes: impl Iterator<Item = &'w Write>) -> Result<(), StoreError> {
        self.believe_again()?;
        let result = self.try_transact(writes);
        result.map_err(|e| self.failed(&e))
    }

    /// Before anything is written: a connection that may be believed, to the file that was opened.
    fn believe_again(&mut self) -> Result<(), StoreError> {
        if self.in_doubt {
            self.opened.reconnect()?;
            self.in_doubt = false;
        }
        self.opened.still_there()
    }

    fn failed(&mut self, error: &rusqlite::Error) -> StoreError {
        self.memory = None;
        self.tidying = None;
        let error = StoreError::of_sqlite(self.opened.path(), error);
        self.in_doubt = !error.leaves_connection_sound();
        error
    }

    fn tidy(&mut self, now: Timestamp) -> Result<Option<Tidied>, StoreError> {
        self.believe_again()?;
        let result = self.try_tidy(now);
        result.map_err(|e| self.failed(&e))
    }

    fn try_tidy(&mut self, now: Timestamp) -> rusqlite::Result<Option<Tidied>> {
        let keep = self.opened.keep();
        let transaction = self
            .opened
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let tidying = match &mut self.tidying {
            Some(tidying) => tidying,
            none => none.insert(Tidying::begin(&transaction, keep, now)?),
        };
        let done = tidying.step(&transaction)?;
        let sealed_until = sealed_until(&transaction)?;
        transaction.commit()?;
        if let Some(memory) = &mut self.memory {
            memory.sealed_until = sealed_until;
        }
        if done.is_none() {
            self.tidying = None;
        }
        Ok(done)
    }

    fn try_transact<'w>(
        &mut self,
        mut writes: impl Iterator<Item = &'w Write>,
    ) -> rusqlite::Result<()> {
        let app_version = self.opened.app_version().to_owned();
        // IMMEDIATE: a transaction that begins by reading is refused at its first write when another wrote meanwhile.
        let transaction = self
            .opened
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let version = data_version(&transaction)?;
        let foreign = version != self.seen_version;
        if foreign {
            self.seen_version = version;
            self.foreign_changes += 1;
        }
        let memory = match &mut self.memory {
            Some(memory) => {
                if foreign {
                    memory.refresh(&transaction)?;
                }
                memory
            }
            none => none.insert(Memory::read(&transaction)?.under(self.under.clone())),
        };
        {
            let mut rows = Rows::new(&transaction, memory, &app_version)?;
            writes.try_for_each(|write| rows.write(write))?;
            rows.note_wall()?;
        }
        transaction.commit()?;
        if let Some(memory) = &self.memory {
            self.under.clone_from(&memory.under);
        }
        Ok(())
    }

    fn count_foreign_changes(&mut self) -> Result<u64, StoreError> {
        let version = data_version(&self.opened.connection)
            .map_err(|e| StoreError::of_sqlite(self.opened.path(), &e))?;
        if version != self.seen_version {
            self.seen_version = version;
            self.foreign_changes += 1;
            // What it remembers is refreshed by reading it anew.
            self.memory = None;
        }
        Ok(self.foreign_changes)
    }

    /// Notes that the store is closed and folds the write-ahead log into the database. A log that somebody still reads
    /// is left as it is.
    fn close(&self) -> Result<(), StoreError> {
        if self.in_doubt {
            return Ok(());
        }
        self.opened.sign_off()?;
        match fold(&self.opened.connection, self.opened.path()) {
            Err(StoreError::Busy { .. }) => Ok(()),
            folded => folded,
        }
    }

    /// Cuts off a log that has grown too large. Readers that need it are not waited for: whoever polls must not wait for
    /// whoever reads, and the next try is not long.
    fn trim_log(&mut self) {
        let log = beside(self.opened.path(), "-wal");
        let rests = self.trimmed.is_some_and(|at| at.elapsed() < TRIM_AGAIN);
        if self.in_doubt || rests || size(&log) <= self.opened.log_limit() {
            return;
        }
        self.trimmed = Some(Instant::now());
        let connection = &self.opened.connection;
        let patience = self.opened.busy_timeout();
        // What goes wrong here goes wrong at the next commit, too, and is told there.
        drop(connection.busy_timeout(Duration::ZERO));
        drop(fold(connection, self.opened.path()));
        drop(connection.busy_timeout(patience));
    }
}

/// Grows when another connection committed.
fn data_version(connection: &rusqlite::Connection) -> rusqlite::Result<i64> {
    connection
        .prepare_cached("PRAGMA data_version")?
        .query_row([], |row| row.get(0))
}
