//! The faces put together: metrics, page and API served from one board. The only place where the two faces meet.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;

use super::exit::Failure;
use super::reload::Reloads;
use super::runtime::{REVISION, RUSTC, VERSION};
use super::series;
use crate::config::secret::SecretRef;
use crate::domain::cycle::Cycle;
use crate::domain::epoch::{Measured, Past};
use crate::domain::goals::{KeyResult, Objective};
use crate::engine::actor::Handle;
use crate::engine::board::Board;
use crate::engine::clock::{Clock, SystemClock};
use crate::engine::vitals::Vitals;
use crate::http::hosts::Loopback;
use crate::http::measurements::Recorder;
use crate::http::router::{self, HistoryReader, OTHER, ROUTES, Reload, State};
use crate::metrics::exposition::{Build, Metrics};
use crate::store::{Entry, Reader, StoreError};

/// The metrics of this process, every counter at 0.
///
/// # Errors
/// When the table of names is at fault.
pub fn metrics() -> Result<Arc<Metrics>, Failure> {
    let build = Build {
        version: VERSION,
        revision: REVISION,
        rustc: RUSTC,
    };
    let metrics = Metrics::new(build, SystemClock.now())
        .map_err(|error| Failure::usage(format!("metrics: {error}")))?;
    let handlers: Vec<&str> = ROUTES.into_iter().chain([OTHER]).collect();
    metrics.know_handlers(&handlers);
    Ok(Arc::new(metrics))
}

/// Everything that is served.
pub fn router(
    board: watch::Receiver<Arc<Board>>,
    metrics: Arc<Metrics>,
    vitals: Arc<Vitals>,
    reload: Option<Arc<Reloads>>,
    desk: Option<Desk>,
    loopback: Loopback,
    store: &Path,
) -> Router {
    router::router(State {
        board,
        vitals,
        exposition: metrics,
        lifecycle: reload.map(|reloads| reloads as Arc<dyn Reload>),
        recorder: desk.map(|desk| Arc::new(desk) as Arc<dyn Recorder>),
        loopback,
        history: Arc::new(Shelf(store.to_owned())),
        clock: Arc::new(|| SystemClock.now()),
    })
}

/// Where programs hand in what they know.
pub struct Desk {
    /// Where the token is kept that they must show.
    pub token: SecretRef,
    /// Who keeps what they say.
    pub engine: Handle,
}

#[async_trait]
impl Recorder for Desk {
    async fn admits(&self, token: &str) -> Result<bool, String> {
        let place = self.token.clone();
        let read = tokio::task::spawn_blocking(move || place.read()).await;
        let secret = read
            .map_err(|error| error.to_string())?
            .map_err(|error| error.to_string())?;
        // How long a comparison of digests takes tells nothing of the texts.
        Ok(Sha256::digest(token) == Sha256::digest(secret.expose()))
    }

    async fn record(&self, entry: Entry) -> Result<(), String> {
        let kept = self.engine.record(entry).await;
        kept.map_err(|error| error.to_string())
    }
}

/// The measurements on disk.
struct Shelf(PathBuf);

#[async_trait]
impl HistoryReader for Shelf {
    async fn series(
        &self,
        objective: &Objective,
        key_result: &KeyResult,
        cycle: &Cycle,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Past, String> {
        let read = || {
            let reader = Reader::open(&self.0)?;
            let epochs = reader.epochs(&key_result.id)?;
            let zone = &cycle.zone;
            let values = series::read(&reader, objective, key_result, zone, Some(from), Some(to))?;
            Ok::<_, StoreError>((epochs, values))
        };
        let (epochs, values) = read().map_err(|error| error.to_string())?;
        let in_force: Arc<str> = key_result.definition.as_str().into();
        let measured = |value: &series::Value| Measured {
            definition: value.definition().unwrap_or(&in_force).clone(),
            as_of: value.point().as_of,
            value: value.point().value,
            origin: value.origin(),
            quality: value.quality(),
        };
        Ok(Past {
            epochs,
            values: values.iter().map(measured).collect(),
        })
    }
}
