//! Reloading: a changed configuration is read, checked and put in force as a whole, or the old one stays.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::signal::unix::Signal;
use tokio::sync::Semaphore;

use super::configuration;
use crate::config::secret::SecretRef;
use crate::config::spec::{Config, StoreSpec};
use crate::engine::actor::Handle;
use crate::engine::clock::{Clock, SystemClock};
use crate::http::router::Reload;
use crate::store::Store;

/// How long the files may take to be read and checked. A disk that hangs must not make whoever asks wait for ever.
const PATIENCE: Duration = Duration::from_secs(60);

/// Settings that need a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fixed {
    listen: SocketAddr,
    lifecycle: bool,
    write_token: Option<SecretRef>,
    store: StoreSpec,
}

impl Fixed {
    /// Those of a configuration.
    pub fn of(config: &Config) -> Self {
        Self {
            listen: config.server.listen,
            lifecycle: config.server.lifecycle,
            write_token: config.server.write_token.clone(),
            store: config.store.clone(),
        }
    }
}

/// Puts a changed configuration in force, all of it or nothing.
pub struct Reloads {
    path: PathBuf,
    handle: Handle,
    store: Store,
    fixed: Fixed,
    /// Lets one reading at a time go on: those that hang would take one thread each.
    reading: Arc<Semaphore>,
}

impl Reloads {
    /// Reloads of the configuration at `path` by a daemon that was started with `fixed`.
    pub fn new(path: PathBuf, fixed: Fixed, handle: Handle, store: Store) -> Self {
        Self {
            path,
            handle,
            store,
            fixed,
            reading: Arc::new(Semaphore::new(1)),
        }
    }

    /// What the files say now.
    async fn read(&self) -> Result<Config, String> {
        let late = |_| {
            let seconds = PATIENCE.as_secs();
            format!("the configuration was not read within {seconds} s: look at the disk it is on")
        };
        let (path, reading) = (self.path.clone(), Arc::clone(&self.reading));
        let read = async move {
            let turn = reading.acquire_owned().await.map_err(|e| e.to_string())?;
            // Reading may meet a slow disk, and checking a large configuration takes its time.
            let read = tokio::task::spawn_blocking(move || {
                let _turn = turn;
                configuration::sound(&path)
            });
            read.await.unwrap_or_else(|e| Err(e.to_string()))
        };
        tokio::time::timeout(PATIENCE, read).await.map_err(late)?
    }

    /// Reads, checks and applies.
    ///
    /// # Errors
    /// The findings as text, when the configuration is not valid; the old one stays in force.
    pub async fn reload(&self) -> Result<(), String> {
        let config = match self.read().await {
            Ok(config) => config,
            Err(findings) => {
                tracing::error!("configuration not reloaded:\n{findings}");
                self.handle.rejected().await;
                return Err(findings);
            }
        };
        if self.fixed != Fixed::of(&config) {
            tracing::warn!("the keys under [server] and [store] change at the next restart");
        }
        let now = SystemClock.now();
        let questions = configuration::questions(&config);
        let kept = async {
            (self.store)
                .keep_revision(&config.revision, now, questions)
                .await?;
            self.store.keep_renames(config.records.renames()).await
        };
        if let Err(error) = kept.await {
            self.handle.rejected().await;
            return Err(error.to_string());
        }
        self.handle.reload(config).await;
        Ok(())
    }

    /// Reloads at each SIGHUP, for ever.
    pub async fn at_each(self: Arc<Self>, mut hangup: Signal) {
        while hangup.recv().await.is_some() {
            // Findings went to the log; there is nobody else to tell.
            let _ = self.reload().await;
        }
    }
}

#[async_trait]
impl Reload for Reloads {
    async fn reload(&self) -> Result<(), String> {
        self.reload().await
    }
}
