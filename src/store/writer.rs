//! The one thread that writes. What waits in its inbox shares a commit, since the sync is what costs; nobody is told
//! "done" before COMMIT came back. Knows no rows.

use std::sync::mpsc;

use rusqlite::TransactionBehavior;

use super::error::StoreError;
use super::memory::Memory;
use super::open::Opened;
use super::provenance::Under;
use super::rows::{Rows, Write};

/// Told how it went, on the writer's thread; must return at once.
pub(super) type Done<T> = Box<dyn FnOnce(Result<T, StoreError>) + Send>;

/// What the thread can be asked.
pub(super) enum Command {
    /// Write it.
    Write(Write, Done<()>),
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
            match next {
                Some(Command::ForeignChanges(done)) => done(self.count_foreign_changes()),
                Some(Command::Close(done)) => {
                    let folded = self.fold();
                    drop(self);
                    return done(folded);
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
        if self.in_doubt {
            self.opened.reconnect()?;
            self.in_doubt = false;
        }
        self.opened.still_there()?;
        let result = self.try_transact(writes);
        result.map_err(|e| {
            self.memory = None;
            let error = StoreError::of_sqlite(self.opened.path(), &e);
            self.in_doubt = !error.leaves_connection_sound();
            error
        })
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

    /// Folds the write-ahead log into the database, so that the file alone is the whole store.
    fn fold(&self) -> Result<(), StoreError> {
        let connection = &self.opened.connection;
        connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
            .map_err(|e| StoreError::of_sqlite(self.opened.path(), &e))
    }
}

/// Grows when another connection committed.
fn data_version(connection: &rusqlite::Connection) -> rusqlite::Result<i64> {
    connection
        .prepare_cached("PRAGMA data_version")?
        .query_row([], |row| row.get(0))
}
