//! A disk for SQLite, between it and the real one: it can fail at any call, and it keeps a journal of all writes from which
//! the files can be made as they would be after a loss of power at any moment. For tests only; one per process, and it serves
//! every connection of the process. Knows no store.
//!
//! The journal holds what the system was told, in its order. What was written and not synced may be on disk or not, whole,
//! in part or not at all; and what a failed sync left is never on disk, though it can be read back until the power goes:
//! <https://lwn.net/Articles/752063/>.

mod vfs;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What can be asked of a disk, as far as it can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// A file is opened.
    Open,
    /// Bytes are read.
    Read,
    /// Bytes are written.
    Write,
    /// A file is cut off.
    Truncate,
    /// What was written is to reach the disk.
    Sync,
    /// A file is removed.
    Delete,
    /// The size of a file is asked for.
    Size,
    /// Memory that processes share is asked for.
    Share,
}

/// How long the disk stays broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lasting {
    /// One call fails.
    Once,
    /// All fail from then on, until it is mended.
    Still,
}

/// Something that happened to the files, in the order in which it did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// These bytes were written here.
    Write(PathBuf, u64, Vec<u8>),
    /// The file was cut off here.
    Truncate(PathBuf, u64),
    /// What was written so far is on disk; or, when it failed, never will be.
    Sync(PathBuf, bool),
    /// The file was removed.
    Delete(PathBuf),
}

/// What becomes of a write that was not synced when the power goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is on disk.
    Kept,
    /// It is not.
    Lost,
    /// Its first bytes are.
    Torn,
}

/// The files of a disk by their paths.
pub type Files = BTreeMap<PathBuf, Vec<u8>>;

#[derive(Debug, Default)]
struct State {
    calls: u64,
    fails_at: Option<(u64, Lasting)>,
    failed: Option<Call>,
    read_only: bool,
    journal: Option<Vec<Event>>,
}

static STATE: Mutex<State> = Mutex::new(State {
    calls: 0,
    fails_at: None,
    failed: None,
    read_only: false,
    journal: None,
});

fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From now on every connection of this process that is opened goes by this disk.
///
/// # Panics
/// When SQLite takes no disk.
pub fn install() {
    vfs::install();
}

/// The disk breaks at the `nth` call from now, the next one being the first.
pub fn break_at(nth: u64, lasting: Lasting) {
    let mut state = state();
    state.calls = 0;
    state.failed = None;
    state.fails_at = Some((nth, lasting));
}

/// The disk is whole again. Gives the call that failed first, if one did.
pub fn mend() -> Option<Call> {
    let mut state = state();
    state.fails_at = None;
    state.failed.take()
}

/// Whether the disk refuses every write from now on, as one does that the system has made read-only.
pub fn set_read_only(read_only: bool) {
    state().read_only = read_only;
}

fn is_read_only() -> bool {
    state().read_only
}

/// Begins a journal.
pub fn begin_journal() {
    state().journal = Some(Vec::new());
}

/// How many events the journal holds.
#[must_use]
pub fn events() -> usize {
    state().journal.as_ref().map_or(0, Vec::len)
}

/// Ends the journal and gives it.
#[must_use]
pub fn end_journal() -> Vec<Event> {
    state().journal.take().unwrap_or_default()
}

/// Whether this call is to fail.
fn breaks(call: Call) -> bool {
    let mut state = state();
    state.calls += 1;
    let Some((nth, lasting)) = state.fails_at else {
        return false;
    };
    let fails = match lasting {
        Lasting::Once => state.calls == nth,
        Lasting::Still => state.calls >= nth,
    };
    if fails {
        state.failed.get_or_insert(call);
    }
    fails
}

fn note(event: impl FnOnce() -> Event) {
    if let Some(journal) = &mut state().journal {
        journal.push(event());
    }
}

/// The files of a folder, as the system shows them now.
///
/// # Panics
/// When they cannot be read.
#[must_use]
pub fn files(folder: &Path) -> Files {
    let entries = std::fs::read_dir(folder).expect("the folder can be read");
    let paths = entries.map(|entry| entry.expect("an entry can be read").path());
    paths
        .filter(|path| path.is_file())
        .map(|path| {
            let bytes = std::fs::read(&path).expect("a file can be read");
            (path, bytes)
        })
        .collect()
}

/// What is on disk when the power went after these events, begun on files that all were on disk. `fate` is asked of each
/// write that was not synced, in their order.
#[must_use]
pub fn after_power_loss(before: &Files, events: &[Event], mut fate: impl FnMut() -> Fate) -> Files {
    let mut disk = before.clone();
    let mut pending: BTreeMap<PathBuf, Vec<&Event>> = BTreeMap::new();
    for event in events {
        match event {
            Event::Write(path, ..) | Event::Truncate(path, _) => {
                pending.entry(path.clone()).or_default().push(event);
            }
            Event::Sync(path, worked) => {
                let written = pending.remove(path).unwrap_or_default();
                if *worked {
                    written.iter().for_each(|event| apply(&mut disk, event));
                }
            }
            Event::Delete(path) => {
                pending.remove(path);
                disk.remove(path);
            }
        }
    }
    for event in pending.values().flatten() {
        match (fate(), event) {
            (Fate::Kept, _) => apply(&mut disk, event),
            (Fate::Torn, Event::Write(path, at, bytes)) => {
                let first = bytes[..bytes.len() / 2].to_vec();
                apply(&mut disk, &Event::Write(path.clone(), *at, first));
            }
            (Fate::Lost | Fate::Torn, _) => {}
        }
    }
    disk
}

fn apply(disk: &mut Files, event: &Event) {
    match event {
        Event::Write(path, at, bytes) => {
            let file = disk.entry(path.clone()).or_default();
            let at = usize::try_from(*at).expect("a file fits into memory");
            let end = at + bytes.len();
            if file.len() < end {
                file.resize(end, 0);
            }
            file[at..end].copy_from_slice(bytes);
        }
        Event::Truncate(path, size) => {
            let size = usize::try_from(*size).expect("a file fits into memory");
            disk.entry(path.clone()).or_default().resize(size, 0);
        }
        Event::Sync(..) | Event::Delete(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_synced_is_kept_torn_or_lost_and_what_a_failed_sync_left_is_lost() {
        let path = PathBuf::from("f");
        let write = |at, text: &str| Event::Write(path.clone(), at, text.as_bytes().to_vec());
        let events = [
            write(0, "aaaa"),
            Event::Sync(path.clone(), true),
            write(4, "bbbb"),
            Event::Sync(path.clone(), false),
            write(8, "cccc"),
        ];
        let disk = |fate| {
            let files = after_power_loss(&Files::new(), &events, || fate);
            String::from_utf8(files[&path].clone()).expect("text")
        };
        assert_eq!(disk(Fate::Kept), "aaaa\0\0\0\0cccc");
        assert_eq!(disk(Fate::Torn), "aaaa\0\0\0\0cc");
        assert_eq!(disk(Fate::Lost), "aaaa");
    }
}
