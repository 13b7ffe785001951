//! `okrd run`: the daemon, put together from the floors below, and its life: start, reload, end.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::args::{Format, RunArgs};
use super::exit::{Failure, Verdict, complain, say};
use super::log::{self, Both, EventLog};
use super::reload::{Fixed, Reloads};
use super::runtime::{self, VERSION};
use super::{configuration, faces, status};
use crate::config::spec::Config;
use crate::domain::fault::Fault;
use crate::domain::id::KeyResultId;
use crate::engine::actor::{Engine, Setup};
use crate::engine::clock::{Clock, SystemClock};
use crate::engine::event::{Event, Observe};
use crate::engine::vitals::Vitals;
use crate::http::serve::{Limits, serve};
use crate::metrics::exposition::Metrics;
use crate::source;
use crate::store::Store;

/// Runs the daemon until it is told to end, or polls everything once.
///
/// # Errors
/// When the configuration, the address or the store is at fault.
pub fn run(config: Option<&Path>, args: &RunArgs) -> Result<Verdict, Failure> {
    let path = configuration::locate(config)?;
    if args.once {
        let config = configuration::valid(Some(&path))?;
        return runtime::small()?.block_on(once(config, args.format));
    }
    let metrics = faces::metrics()?;
    log::start(metrics.log_layer())?;
    let config = configuration::valid(Some(&path))?;
    runtime::live(async {
        let shutdown = end_on_signal()?;
        Daemon::start(config, path, metrics, shutdown)
            .await?
            .live()
            .await
    })?;
    Ok(Verdict::Yes)
}

/// A token that SIGTERM and SIGINT cancel.
///
/// # Errors
/// When the system lets no signal be heard.
pub fn end_on_signal() -> Result<CancellationToken, Failure> {
    let (mut term, mut int) = (
        hear(SignalKind::terminate())?,
        hear(SignalKind::interrupt())?,
    );
    let token = CancellationToken::new();
    let cancelled = token.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
        tracing::info!("ending: polls under way may finish, everything measured is written");
        cancelled.cancel();
    });
    Ok(token)
}

fn hear(kind: SignalKind) -> Result<Signal, Failure> {
    signal(kind).map_err(|error| Failure::usage(format!("cannot hear signals: {error}")))
}

/// A daemon that has its store and its address, but polls nothing yet.
pub struct Daemon {
    engine: Engine,
    reloads: Arc<Reloads>,
    store: Store,
    listener: TcpListener,
    router: Router,
    hangup: Signal,
    shutdown: CancellationToken,
}

impl Daemon {
    /// Opens the store, takes the address and reads what is known.
    ///
    /// # Errors
    /// When the store or the address cannot be had.
    pub async fn start(
        config: Config,
        path: PathBuf,
        metrics: Arc<Metrics>,
        shutdown: CancellationToken,
    ) -> Result<Self, Failure> {
        // Before anything that takes time: a SIGHUP nobody hears would end the process.
        let hangup = hear(SignalKind::hangup())?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let now = clock.now();
        let store = Store::open(&config.store.path, VERSION, now)?;
        let listener = listen(config.server.listen).await?;
        store.keep_revision(&config.revision, now).await?;
        let vitals = Arc::new(Vitals::starting(now));
        let lifecycle = config.server.lifecycle;
        let fixed = Fixed::of(&config);
        let (engine, handle) = Engine::new(Setup {
            config,
            store: store.clone(),
            open: Arc::new(source::open),
            observe: Arc::new(Both(Arc::clone(&metrics), EventLog::default())),
            clock: Arc::clone(&clock),
            vitals: Arc::clone(&vitals),
        })?;
        let reloads = Arc::new(Reloads::new(path, fixed, handle.clone(), store.clone()));
        let reload = lifecycle.then(|| Arc::clone(&reloads));
        let router = faces::router(handle.board(), metrics, vitals, reload, store.path());
        Ok(Self {
            engine,
            reloads,
            store,
            listener,
            router,
            hangup,
            shutdown,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> Option<SocketAddr> {
        self.listener.local_addr().ok()
    }

    /// Polls and serves until the end, then writes what is known and lets go of the store.
    ///
    /// # Errors
    /// When what was measured last could not be written.
    pub async fn live(self) -> Result<(), Failure> {
        if let Some(address) = self.address() {
            tracing::info!("serving the page and /metrics on http://{address}/");
        }
        let hangups = tokio::spawn(Arc::clone(&self.reloads).at_each(self.hangup));
        let end = self.shutdown.clone().cancelled_owned();
        let serving = tokio::spawn(serve(self.listener, self.router, Limits::default(), end));
        let ended = self.engine.run(self.shutdown.clone()).await;
        self.shutdown.cancel();
        hangups.abort();
        // The server ends by itself within its own limit; its task cannot fail but by a panic, which the log told.
        let _ = serving.await;
        let closed = self.store.close().await;
        ended?;
        closed?;
        tracing::info!("ended");
        Ok(())
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        Failure::usage(format!(
            "cannot listen on {address}: {error}: end the other program or set server.listen to another address"
        ))
    })
}

/// Polls everything once, records and prints.
async fn once(config: Config, format: Format) -> Result<Verdict, Failure> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let now = clock.now();
    let store = Store::open(&config.store.path, VERSION, now)?;
    store.keep_revision(&config.revision, now).await?;
    let failures = Arc::new(Failures::default());
    let (engine, handle) = Engine::new(Setup {
        config: config.clone(),
        store: store.clone(),
        open: Arc::new(source::open),
        observe: Arc::new(Arc::clone(&failures)),
        clock,
        vitals: Arc::new(Vitals::starting(now)),
    })?;
    let shutdown = end_on_signal()?;
    engine.run_once(shutdown.clone()).await?;
    let scorecard = handle.board().borrow().scorecard.clone();
    store.close().await?;
    say(&match format {
        Format::Text => status::text(&scorecard, &config.zone),
        Format::Json => status::json(&config, scorecard)?,
    })?;
    let failures = failures.list();
    for (key_result, why) in failures.iter() {
        complain(&format!("not measured: {key_result}: {why}\n"));
    }
    if shutdown.is_cancelled() {
        complain("ended by a signal, perhaps before everything was asked\n");
    }
    Ok(Verdict::of(failures.is_empty() && !shutdown.is_cancelled()))
}

/// The polls that failed or never began.
#[derive(Default)]
struct Failures(Mutex<Vec<(KeyResultId, String)>>);

impl Failures {
    fn list(&self) -> std::sync::MutexGuard<'_, Vec<(KeyResultId, String)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observe for Failures {
    fn observe(&self, event: &Event<'_>) {
        match event {
            Event::PollEnded {
                key_result,
                fault: Some(fault),
                ..
            } => {
                let fault: &Fault = fault;
                self.list().push(((*key_result).clone(), fault.to_string()));
            }
            Event::PollSkipped {
                key_result, source, ..
            } => {
                let why = format!("source {source} is held back after an earlier answer");
                self.list().push(((*key_result).clone(), why));
            }
            Event::StoreFailed { message } => complain(&format!("{message}\n")),
            _ => {}
        }
    }
}
