//! Reloading: a changed configuration is read, checked and put in force as a whole, or the old one stays. Whoever asks
//! gets the answer to its own asking: one reload at a time, each under the files as they are when its turn comes.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use sha2::{Digest as _, Sha256};
use tokio::signal::unix::Signal;
use tokio::sync::{Mutex, Semaphore, watch};

use super::configuration;
use crate::config::check::revision;
use crate::config::diff::turnover::Turnover;
use crate::config::files::Files;
use crate::config::load::trail::{Marks, Trail};
use crate::config::load::{self, LoadError};
use crate::config::spec::{Config, Server, StoreSpec};
use crate::domain::id::KeyResultId;
use crate::engine::actor::Handle;
use crate::engine::clock::{Clock, SystemClock};
use crate::http::router::Reload;
use crate::metrics::push::Receivers;
use crate::notify::Channels;
use crate::store::Store;

/// How long the files may take to be read, and to be checked. A disk that hangs must not make whoever asks wait for ever.
const PATIENCE: Duration = Duration::from_secs(60);
/// The most findings and names that are told in the log.
const MOST_TOLD: usize = 50;

/// Settings that need a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fixed {
    server: Server,
    store: StoreSpec,
}

impl Fixed {
    /// Those of a configuration.
    pub fn of(config: &Config) -> Self {
        Self {
            server: config.server.clone(),
            store: config.store.clone(),
        }
    }
}

/// Who asks for a reload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asker {
    /// SIGHUP.
    Signal,
    /// `POST /-/reload`.
    Http,
    /// `okrd reload`.
    Command,
    /// The watch on the files.
    Watch,
}

impl Asker {
    fn as_str(self) -> &'static str {
        match self {
            Self::Signal => "SIGHUP",
            Self::Http => "POST /-/reload",
            Self::Command => "okrd reload",
            Self::Watch => "the watch on the files",
        }
    }
}

/// A configuration that was taken.
#[derive(Clone, Debug)]
pub struct Taken {
    /// Its revision.
    pub revision: String,
    /// What it changed.
    pub turnover: Turnover,
    /// What it says and only a restart puts in force.
    pub at_restart: Option<&'static str>,
}

/// What one reading of the files gave.
pub struct Reading {
    files: Result<Files, LoadError>,
    /// The same for the same files with the same faults.
    pub fingerprint: String,
    /// Where the files were looked for.
    pub trail: Trail,
    /// What was found on the trail given, before anything was read.
    pub marks: Marks,
    /// How long all that took.
    pub took: Duration,
}

impl Reading {
    fn of(path: &std::path::Path, before: &Trail) -> Self {
        let began = Instant::now();
        let marks = before.marks();
        let (files, trail) = load::follow(path);
        let faults: Vec<&str> = match &files {
            Ok(files) => files.findings.iter().map(|f| f.message.as_str()).collect(),
            Err(error) => vec![&error.why],
        };
        let mut fingerprint = files.as_ref().map(revision).unwrap_or_default();
        if !faults.is_empty() {
            fingerprint = format!("{fingerprint} {:x}", Sha256::digest(faults.join("\n")));
        }
        Self {
            files,
            fingerprint,
            trail,
            marks,
            took: began.elapsed(),
        }
    }
}

/// What is in force, and what came of the newest reload.
struct Standing {
    config: Arc<Config>,
    /// The fingerprint of the files that are in force.
    taken: String,
    /// The fingerprint of the files that were found wanting last.
    refused: Option<String>,
    /// Whether the newest reload was taken, as the metrics say.
    accepted: bool,
}

/// Why there is no other configuration in force.
enum Refusal {
    /// The files of this fingerprint: as long as they are the same there is no use in trying again.
    Files(String, String),
    /// Something else, which may pass.
    Other(String),
}

/// Puts a changed configuration in force, all of it or nothing.
pub struct Reloads {
    path: PathBuf,
    handle: Handle,
    store: Store,
    fixed: Fixed,
    /// Lets one reading at a time go on: those that hang would take one thread each.
    reading: Arc<Semaphore>,
    /// Who is sent the metrics, as the configuration in force says.
    receivers: watch::Sender<Receivers>,
    /// Through which channels people are told.
    channels: watch::Sender<Arc<Channels>>,
    standing: Mutex<Standing>,
}

impl Reloads {
    /// Reloads of the configuration at `path` by a daemon that was started with `config`.
    pub fn new(path: PathBuf, config: Config, handle: Handle, store: Store) -> Self {
        Self {
            path,
            handle,
            store,
            fixed: Fixed::of(&config),
            reading: Arc::new(Semaphore::new(1)),
            receivers: watch::Sender::new(Arc::new(config.pushes.clone())),
            channels: watch::Sender::new(Channels::of(&config)),
            standing: Mutex::new(Standing {
                taken: config.revision.clone(),
                config: Arc::new(config),
                refused: None,
                accepted: true,
            }),
        }
    }

    /// Who is sent the metrics, now and after each reload.
    pub fn receivers(&self) -> watch::Receiver<Receivers> {
        self.receivers.subscribe()
    }

    /// Through which channels people are told, now and after each reload.
    pub fn channels(&self) -> watch::Receiver<Arc<Channels>> {
        self.channels.subscribe()
    }

    /// Whether the configuration in force wants its files watched.
    pub async fn watches(&self) -> bool {
        self.standing.lock().await.config.reload.watch
    }

    /// Whether this is in force, or was refused already.
    pub async fn knows(&self, fingerprint: &str) -> bool {
        let standing = self.standing.lock().await;
        standing.taken == fingerprint || standing.refused.as_deref() == Some(fingerprint)
    }

    /// What the files say now, with what was found on a trail just before.
    ///
    /// # Errors
    /// When reading takes too long.
    pub async fn read(&self, before: &Trail) -> Result<Reading, String> {
        let (path, before) = (self.path.clone(), before.clone());
        self.aside(move || Reading::of(&path, &before)).await
    }

    /// Does what may meet a slow disk or take its time, away from the tasks that must answer.
    async fn aside<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, String> {
        let late = |_| {
            let seconds = PATIENCE.as_secs();
            format!("the configuration was not read within {seconds} s: look at the disk it is on")
        };
        let reading = Arc::clone(&self.reading);
        let done = async move {
            let turn = reading.acquire_owned().await.map_err(|e| e.to_string())?;
            let done = tokio::task::spawn_blocking(move || {
                let _turn = turn;
                work()
            });
            done.await.map_err(|e| e.to_string())
        };
        tokio::time::timeout(PATIENCE, done).await.map_err(late)?
    }

    /// Reads, checks and applies.
    ///
    /// # Errors
    /// The findings as text, when the configuration is refused; the old one stays in force.
    pub async fn reload(&self, asker: Asker, allow_mass_removal: bool) -> Result<Taken, String> {
        let mut standing = self.standing.lock().await;
        let put = match self.read(&Trail::default()).await {
            Ok(reading) => {
                let put = self.put(&mut standing, reading, allow_mass_removal, asker);
                put.await
            }
            Err(late) => Err(Refusal::Other(late)),
        };
        match put {
            Ok(taken) => Ok(taken),
            Err(refusal) => Err(self.refuse(&mut standing, refusal, asker).await),
        }
    }

    /// Takes what the watch has read, unless it is known already. `None` when the files are at fault and `last` is not
    /// set: they may be in the middle of being written, and nothing was said yet.
    pub async fn offer(&self, reading: Reading, last: bool) -> Option<()> {
        let mut standing = self.standing.lock().await;
        if standing.refused.as_ref() == Some(&reading.fingerprint) {
            return Some(());
        }
        if standing.taken == reading.fingerprint {
            if !standing.accepted {
                tracing::info!("the files say again what is in force");
                (standing.accepted, standing.refused) = (true, None);
                self.handle.confirmed().await;
            }
            return Some(());
        }
        match self.put(&mut standing, reading, false, Asker::Watch).await {
            Ok(_) => Some(()),
            Err(Refusal::Files(..)) if !last => None,
            Err(refusal) => {
                self.refuse(&mut standing, refusal, Asker::Watch).await;
                Some(())
            }
        }
    }

    /// Judges what was read and puts it in force.
    async fn put(
        &self,
        standing: &mut Standing,
        reading: Reading,
        allow_mass_removal: bool,
        asker: Asker,
    ) -> Result<Taken, Refusal> {
        let now = SystemClock.now();
        let old = Arc::clone(&standing.config);
        let (files, fingerprint) = (reading.files, reading.fingerprint);
        let judge = move || {
            let files = files.map_err(|error| error.to_string())?;
            let config = configuration::sound(&files)?;
            let turnover = Turnover::of(&old, &config, now);
            if turnover.is_mass_removal()
                && !(allow_mass_removal || config.reload.allow_mass_removal)
            {
                return Err(mass_removal(&turnover));
            }
            let same = config == *old;
            Ok((config, turnover, same))
        };
        let judged = self.aside(judge).await.map_err(Refusal::Other)?;
        let (config, turnover, same) =
            judged.map_err(|why| Refusal::Files(why, fingerprint.clone()))?;
        let config = Arc::new(config);
        // What the watch finds to mean the same is no reload: nobody asked, and nothing was refused before.
        let told = !(same && asker == Asker::Watch && standing.accepted);
        if !same {
            self.put_in_force(&config).await.map_err(Refusal::Other)?;
        } else if told {
            self.handle.confirmed().await;
        }
        (standing.accepted, standing.refused) = (true, None);
        standing.taken = fingerprint;
        standing.config = Arc::clone(&config);
        let at_restart = (self.fixed != Fixed::of(&config))
            .then_some("the keys under [server] and [store] change at the next restart");
        let taken = Taken {
            revision: config.revision.clone(),
            turnover,
            at_restart,
        };
        if told {
            taken.log(asker);
        }
        Ok(taken)
    }

    async fn put_in_force(&self, config: &Config) -> Result<(), String> {
        let now = SystemClock.now();
        let questions = configuration::questions(config);
        let kept = async {
            (self.store)
                .keep_revision(&config.revision, now, questions)
                .await?;
            self.store.keep_renames(config.records.renames()).await
        };
        kept.await
            .map_err(|error| format!("the store does not take the new configuration: {error}"))?;
        self.handle.reload(config.clone()).await?;
        self.receivers.send_replace(Arc::new(config.pushes.clone()));
        self.channels.send_replace(Channels::of(config));
        Ok(())
    }

    /// Notes a refusal and says why, one line a finding.
    async fn refuse(&self, standing: &mut Standing, refusal: Refusal, asker: Asker) -> String {
        standing.accepted = false;
        let why = match refusal {
            Refusal::Files(why, fingerprint) => {
                standing.refused = Some(fingerprint);
                why
            }
            Refusal::Other(why) => why,
        };
        let asker = asker.as_str();
        for line in why.lines().take(MOST_TOLD) {
            tracing::error!(
                asker,
                "configuration not reloaded, the old one stays in force: {line}"
            );
        }
        let more = why.lines().count().saturating_sub(MOST_TOLD);
        if more > 0 {
            tracing::error!(
                asker,
                "configuration not reloaded: {more} more findings, see `okrd check`"
            );
        }
        self.handle.rejected().await;
        why
    }

    /// Reloads at each SIGHUP, for ever.
    pub async fn at_each(self: Arc<Self>, mut hangup: Signal) {
        while hangup.recv().await.is_some() {
            // Findings went to the log; there is nobody else to tell.
            let _ = self.reload(Asker::Signal, false).await;
        }
    }
}

impl Taken {
    fn log(&self, asker: Asker) {
        let asker = asker.as_str();
        tracing::info!(asker, "configuration reloaded: {}", self.turnover);
        if !self.turnover.removed.is_empty() {
            let gone = list(&self.turnover.removed, MOST_TOLD);
            tracing::info!("in force no more, what was measured of them is kept: {gone}");
        }
        if let Some(note) = self.at_restart {
            tracing::warn!("{note}");
        }
    }
}

fn list(ids: &[KeyResultId], most: usize) -> String {
    let named = ids.iter().take(most).map(KeyResultId::full);
    let named = named.collect::<Vec<_>>().join(", ");
    match ids.len().saturating_sub(most) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

fn mass_removal(turnover: &Turnover) -> String {
    let (lost, running) = (turnover.lost.len(), turnover.running);
    format!(
        "{lost} of {running} key results whose cycle has not ended would be removed, more than half: {}; are files \
         missing? If it is meant, run `okrd reload --allow-mass-removal`, or set allow_mass_removal = true under [reload]",
        list(&turnover.lost, 5)
    )
}

#[async_trait]
impl Reload for Reloads {
    async fn reload(&self) -> Result<String, String> {
        let taken = self.reload(Asker::Http, false).await?;
        Ok(taken.turnover.to_string())
    }
}
