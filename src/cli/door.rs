//! The daemon's door for commands on the same machine: a socket beside the store, through which one asks and gets the
//! answer to that very asking. Open to the daemon's own user and to root. Knows one wish, a reload, and how to say it.

use std::ffi::OsString;
use std::fs::{self, File, Permissions};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream as Caller;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{
    AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader as Buffered,
};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use super::reload::{Asker, Reloads, Taken};
use crate::domain::id::KeyResultId;

/// What a caller may say at most, in bytes.
const LONGEST_WISH: u64 = 4096;
/// How long a caller may take to say it, and to hear the answer.
const SAID_WITHIN: Duration = Duration::from_secs(5);
/// How long a caller waits: the files may take a minute to be read and one to be checked, and another reload may be first.
const ANSWERED_WITHIN: Duration = Duration::from_secs(180);
/// Callers at a time.
const CALLERS: usize = 8;
/// The longest path that a socket can have, in bytes, less one for its end.
const LONGEST_PATH: usize = 107;

/// What a caller wishes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    reload: Manner,
}

/// How it should be done.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manner {
    allow_mass_removal: bool,
}

/// Where the door of the daemon on a store is.
#[must_use]
pub fn beside(store: &Path) -> PathBuf {
    let mut name: OsString = store.as_os_str().to_owned();
    name.push(".sock");
    name.into()
}

/// The path under which the system can reach a socket, and what must stay open for it.
fn reach(door: &Path) -> io::Result<(PathBuf, Option<File>)> {
    let (Some(folder), Some(name)) = (door.parent(), door.file_name()) else {
        return Ok((door.to_owned(), None));
    };
    if door.as_os_str().len() <= LONGEST_PATH {
        return Ok((door.to_owned(), None));
    }
    let folder = File::open(folder)?;
    let short = format!("/proc/self/fd/{}", folder.as_raw_fd());
    Ok((Path::new(&short).join(name), Some(folder)))
}

/// A door that is open until it is dropped.
pub struct Door {
    listener: UnixListener,
    path: PathBuf,
}

impl Drop for Door {
    fn drop(&mut self) {
        // One that is left behind leads nowhere, and the next daemon takes its place.
        let _ = fs::remove_file(&self.path);
    }
}

impl Door {
    /// Opens the door beside a store that is held by this process: whatever socket is there belongs to no other.
    ///
    /// # Errors
    /// Why there is none.
    pub fn open(store: &Path) -> io::Result<Self> {
        let path = beside(store);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let (reached, _folder) = reach(&path)?;
        let listener = UnixListener::bind(reached)?;
        let door = Self { listener, path };
        fs::set_permissions(&door.path, Permissions::from_mode(0o600))?;
        Ok(door)
    }

    /// Answers callers, for ever.
    pub async fn answer(self, reloads: Arc<Reloads>) {
        let callers = Arc::new(Semaphore::new(CALLERS));
        let own = fs::metadata(&self.path).map(|m| std::os::unix::fs::MetadataExt::uid(&m));
        loop {
            let Ok(turn) = Arc::clone(&callers).acquire_owned().await else {
                return;
            };
            let Ok((caller, _)) = self.listener.accept().await else {
                // Out of descriptors: some must be given back first.
                sleep(Duration::from_millis(500)).await;
                continue;
            };
            let is_us = |uid: u32| uid == 0 || own.as_ref().is_ok_and(|own| *own == uid);
            if !caller.peer_cred().is_ok_and(|cred| is_us(cred.uid())) {
                continue;
            }
            let reloads = Arc::clone(&reloads);
            tokio::spawn(async move {
                let _turn = turn;
                // A caller that left needs no answer; what it asked for was done all the same.
                let _ = serve(caller, &reloads).await;
            });
        }
    }
}

async fn serve(caller: UnixStream, reloads: &Reloads) -> io::Result<()> {
    let mut caller = Buffered::new(caller);
    let mut line = String::new();
    timeout(
        SAID_WITHIN,
        (&mut caller).take(LONGEST_WISH).read_line(&mut line),
    )
    .await??;
    let answer = match serde_json::from_str::<Wish>(&line) {
        Ok(Wish { reload }) => told(
            &reloads
                .reload(Asker::Command, reload.allow_mass_removal)
                .await,
        ),
        Err(error) => {
            json!({ "taken": false, "why": format!("this daemon does not know the wish: {error}") })
        }
    };
    timeout(
        SAID_WITHIN,
        caller.write_all(format!("{answer}\n").as_bytes()),
    )
    .await??;
    Ok(())
}

/// The answer, as programs read it.
fn told(answer: &Result<Taken, String>) -> Value {
    let names = |ids: &[KeyResultId]| ids.iter().map(KeyResultId::full).collect::<Vec<_>>();
    match answer {
        Ok(taken) => {
            let turnover = &taken.turnover;
            let changed = turnover.changed.iter();
            let changed: serde_json::Map<_, _> = changed
                .map(|(respect, count)| (respect.as_str().to_owned(), (*count).into()))
                .collect();
            json!({
                "taken": true,
                "revision": taken.revision,
                "summary": turnover.to_string(),
                "added": names(&turnover.added),
                "removed": names(&turnover.removed),
                "changed": changed,
                "untouched": turnover.untouched,
                "at_restart": taken.at_restart,
            })
        }
        Err(why) => json!({ "taken": false, "why": why }),
    }
}

/// Asks the daemon on a store for a reload and waits for the answer.
///
/// # Errors
/// When there is no daemon behind the door, or it does not answer.
pub fn knock(store: &Path, allow_mass_removal: bool) -> io::Result<Value> {
    let (reached, _folder) = reach(&beside(store))?;
    let mut caller = Caller::connect(reached)?;
    caller.set_read_timeout(Some(ANSWERED_WITHIN))?;
    caller.set_write_timeout(Some(SAID_WITHIN))?;
    let wish = json!({ "reload": { "allow_mass_removal": allow_mass_removal } });
    caller.write_all(format!("{wish}\n").as_bytes())?;
    let mut answer = String::new();
    BufReader::new(caller).read_line(&mut answer)?;
    if answer.is_empty() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    serde_json::from_str(&answer).map_err(io::Error::other)
}
