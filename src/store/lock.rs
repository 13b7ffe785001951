//! The lock that keeps a second daemon off the store. A file of its own beside the database: closing any descriptor
//! of the database itself would drop the locks SQLite holds on it. Knows no SQL.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use super::error::StoreError;
use super::files::beside;

/// How long between two tries.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// Held as long as it lives; the system releases it however the process ends.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
}

impl Lock {
    /// Takes the lock of this database and leaves our process id in it. A command that makes or migrates the store has
    /// it for a moment; a daemon does not let go.
    ///
    /// # Errors
    /// [`StoreError::Held`] with the id found inside when another has it for longer than `patience`.
    pub(super) fn take(database: &Path, patience: Duration) -> Result<Self, StoreError> {
        let ends = Instant::now() + patience;
        loop {
            match Self::try_take(database) {
                Err(StoreError::Held { .. }) if Instant::now() < ends => {
                    std::thread::sleep(LOOK_AGAIN);
                }
                taken => return taken,
            }
        }
    }

    fn try_take(database: &Path) -> Result<Self, StoreError> {
        let path = beside(database, ".lock");
        let failed = |e: &std::io::Error| StoreError::of_system(database, "its .lock file", e);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|e| failed(&e))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                // Best effort: the holder may not have written its id yet.
                drop(file.read_to_string(&mut text));
                return Err(StoreError::Held {
                    file: database.to_owned(),
                    pid: text.trim().parse().ok(),
                });
            }
            Err(TryLockError::Error(e)) => return Err(failed(&e)),
        }
        let mut lock = Self { file };
        lock.sign(&format!("{}\n", std::process::id()))
            .map_err(|e| failed(&e))?;
        Ok(lock)
    }

    fn sign(&mut self, text: &str) -> std::io::Result<()> {
        self.file.set_len(0)?;
        self.file.rewind()?;
        self.file.write_all(text.as_bytes())
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // The id of an ended process would mislead whoever reads the file; the lock itself goes with the descriptor.
        drop(self.sign(""));
    }
}
