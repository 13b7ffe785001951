//! `okrd run`: the daemon, put together from the floors below, and its life: start, reload, end.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::args::{Format, RunArgs};
use super::exit::{Failure, Verdict, complain, say};
use super::faces::{Desk, Gate};
use super::keys::Keyring;
use super::log::{self, Both, EventLog};
use super::reload::Reloads;
use super::runtime::{self, VERSION};
use super::supervisor::Supervisor;
use super::telling::Counted;
use super::web::Web;
use super::{configuration, door, faces, filters, status, watch};
use crate::config::spec::Config;
use crate::domain::fault::Fault;
use crate::domain::id::KeyResultId;
use crate::engine::actor::{Engine, EngineError, Setup};
use crate::engine::clock::{Clock, SystemClock};
use crate::engine::ending::Ending;
use crate::engine::event::{Event, Observe, Skip};
use crate::engine::lane::Why;
use crate::engine::vitals::Vitals;
use crate::http::serve::{Limits, serve};
use crate::http::tls;
use crate::metrics::exposition::Metrics;
use crate::metrics::process::open_files;
use crate::metrics::push::{self, Figures};
use crate::notify::{self, Office};
use crate::store::{Questions, Store};

/// Runs the daemon until it is told to end, or polls everything once.
///
/// # Errors
/// When the configuration, the address or the store is at fault.
pub fn run(config: Option<&Path>, args: &RunArgs) -> Result<Verdict, Failure> {
    let path = configuration::locate(config)?;
    if args.once {
        let config = configuration::valid(Some(&path))?;
        return runtime::small()?.block_on(once(config, args));
    }
    let metrics = faces::metrics()?;
    log::start(metrics.log_layer())?;
    let config = configuration::to_run(&path)?;
    runtime::daemon()?.block_on(async {
        let ending = end_on_signal()?;
        Daemon::start(config, path, metrics, ending, None)
            .await?
            .live(args.trust_clock)
            .await
    })?;
    Ok(Verdict::Yes)
}

/// The end as SIGTERM and SIGINT ask for it; the second of them hurries.
///
/// # Errors
/// When the system lets no signal be heard.
pub fn end_on_signal() -> Result<Ending, Failure> {
    let (mut term, mut int) = (
        hear(SignalKind::terminate())?,
        hear(SignalKind::interrupt())?,
    );
    let ending = Ending::default();
    let asked = ending.clone();
    tokio::spawn(async move {
        for what in [
            "ending: polls under way may finish, everything measured is written",
            "ending now: polls under way are given up",
        ] {
            tokio::select! {
                _ = term.recv() => {}
                _ = int.recv() => {}
            }
            tracing::info!("{what}");
            asked.ask();
        }
    });
    Ok(ending)
}

fn hear(kind: SignalKind) -> Result<Signal, Failure> {
    signal(kind).map_err(|error| Failure::usage(format!("cannot hear signals: {error}")))
}

/// SIGXFSZ, as Linux numbers it on the machines we are built for.
const FILE_TOO_LARGE: i32 = 25;
/// How long the store may take to close.
const CLOSE: Duration = Duration::from_secs(1);

/// A daemon that has its store and its address, but polls nothing yet.
pub struct Daemon {
    engine: Engine,
    reloads: Arc<Reloads>,
    store: Store,
    listener: TcpListener,
    router: Router,
    web: Option<Arc<Web>>,
    vitals: Arc<Vitals>,
    figures: Arc<Figures>,
    office: Arc<Office>,
    hangup: Signal,
    ending: Ending,
    /// The configuration as it is to be kept once the clock is known to be right.
    asks: (String, Questions),
}

impl Daemon {
    /// Opens the store unless it is given, takes the address and reads what is known.
    ///
    /// # Errors
    /// When the store or the address cannot be had.
    pub async fn start(
        config: Config,
        path: PathBuf,
        metrics: Arc<Metrics>,
        ending: Ending,
        store: Option<Store>,
    ) -> Result<Self, Failure> {
        // Before anything that takes time: a SIGHUP nobody hears would end the process, and so would a file that
        // grows beyond its limit, where an error is enough. What is heard once is never again left to the system.
        let hangup = hear(SignalKind::hangup())?;
        drop(hear(SignalKind::from_raw(FILE_TOO_LARGE))?);
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let now = clock.now();
        let store = match store {
            Some(store) => store,
            None => {
                if let Some(supervisor) = Supervisor::of_environment() {
                    supervisor.opening();
                }
                Store::open_as(&config.store, VERSION, now)?
            }
        };
        let listener = listen(config.server.listen).await?;
        let asks = (config.revision.clone(), configuration::questions(&config));
        store.keep_renames(config.records.renames()).await?;
        let vitals = Arc::new(Vitals::starting(now));
        let server = config.server.clone();
        let web = server.web_config.as_deref().map(Web::open).transpose();
        let web = web.map_err(Failure::usage)?;
        let in_force = config.clone();
        let (engine, handle) = Engine::new(Setup {
            config,
            store: store.clone(),
            open: Arc::new(filters::opener()),
            observe: Arc::new(Both(Arc::clone(&metrics), EventLog::default())),
            clock: Arc::clone(&clock),
            vitals: Arc::clone(&vitals),
        })?;
        let reloads = Arc::new(Reloads::new(path, in_force, handle.clone(), store.clone()));
        let reload = server.lifecycle.then(|| Arc::clone(&reloads));
        let keys = Keyring::new(&server, web.clone());
        let desk = keys.lets_write().then(|| Desk(handle.clone()));
        let figures = Arc::new(Figures {
            metrics: Arc::clone(&metrics),
            board: handle.board(),
            vitals: Arc::clone(&vitals),
            clock: Arc::clone(&clock),
        });
        let office = Arc::new(Office {
            board: handle.board(),
            clock,
            store: store.clone(),
            tally: Arc::new(Counted(Arc::clone(&metrics))),
        });
        let router = faces::router(
            handle.board(),
            metrics,
            Arc::clone(&vitals),
            reload,
            desk,
            Gate {
                listen: server.listen,
                keys,
                web: web.clone(),
            },
            store.path(),
        );
        Ok(Self {
            engine,
            reloads,
            store,
            listener,
            router,
            web,
            vitals,
            figures,
            office,
            hangup,
            ending,
            asks,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> Option<SocketAddr> {
        self.listener.local_addr().ok()
    }

    /// Polls and serves until the end, then writes what is known and lets go of the store. Polling begins when the clock can
    /// be right; `trusted`, it may stand before what the store has seen.
    ///
    /// # Errors
    /// When what was measured last could not be written.
    pub async fn live(self, trusted: bool) -> Result<(), Failure> {
        let mut heard = JoinSet::new();
        let is_tls = self.web.as_ref().is_some_and(|web| web.is_tls());
        let scheme = if is_tls { "https" } else { "http" };
        if let Some(address) = self.address() {
            tracing::info!("serving the page and /metrics on {scheme}://{address}/");
        }
        let tls = self.web.as_ref().map_or_else(tls::none, Web::tls);
        if let Some(web) = self.web {
            heard.spawn(web.keep());
        }
        let supervisor = Supervisor::of_environment().map(Arc::new);
        if let Some(supervisor) = &supervisor {
            heard.spawn(Arc::clone(supervisor).keep_told(self.vitals));
        }
        let end = self.ending.asked().clone().cancelled_owned();
        let limits = Limits::default().within(open_files());
        let mut serving = tokio::spawn(serve(self.listener, self.router, tls, limits, end));
        if let Some(supervisor) = supervisor {
            let asked = self.ending.asked().clone().cancelled_owned();
            tokio::spawn(async move {
                asked.await;
                supervisor.ending();
            });
        }
        let mut engine = self.engine;
        engine
            .await_clock(runtime::built(), trusted, &self.ending)
            .await?;
        let (revision, questions) = self.asks;
        if !self.ending.asked().is_cancelled() {
            let now = SystemClock.now();
            let kept = self.store.keep_revision(&revision, now, questions);
            kept.await?;
        }
        // Nothing is reloaded before: what is noted of a configuration carries the time.
        let (receivers, last) = (self.reloads.receivers(), CancellationToken::new());
        let mut pushing = tokio::spawn(push::keep(self.figures, receivers, last.clone()));
        let channels = self.reloads.channels();
        let mut telling = tokio::spawn(notify::keep(self.office, channels, last.clone()));
        heard.spawn(Arc::clone(&self.reloads).at_each(self.hangup));
        heard.spawn(watch::watch(Arc::clone(&self.reloads)));
        match door::Door::open(self.store.path()) {
            Ok(door) => _ = heard.spawn(door.answer(self.reloads)),
            // Everything else works without it, a SIGHUP too.
            Err(error) => {
                tracing::warn!(%error, "`okrd reload` cannot reach this daemon: no socket beside the store")
            }
        }
        let ended = engine.run(self.ending.clone()).await;
        self.ending.asked().cancel();
        heard.abort_all();
        // What was measured last is pushed, too.
        last.cancel();
        tokio::select! {
            _ = &mut pushing => {}
            () = self.ending.at_once().cancelled() => pushing.abort(),
        }
        tokio::select! {
            // A message that is under way is waited for, or it would be sent again.
            _ = &mut telling => {}
            () = self.ending.at_once().cancelled() => telling.abort(),
        }
        tokio::select! {
            // The server ends by itself within its own limit; its task fails but by a panic, which the log told.
            _ = &mut serving => {}
            () = self.ending.at_once().cancelled() => serving.abort(),
        }
        // What is acknowledged is on disk already; a log that another program does not let us fold in is left so.
        let closed = tokio::time::timeout(CLOSE, self.store.close()).await;
        if let Err(error) = ended {
            return Err(match error {
                EngineError::Store(error) => error.advised().into(),
                other => other.into(),
            });
        }
        closed.unwrap_or(Ok(()))?;
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
async fn once(config: Config, args: &RunArgs) -> Result<Verdict, Failure> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let now = clock.now();
    let store = Store::open_as(&config.store, VERSION, now)?;
    let questions = configuration::questions(&config);
    store.keep_renames(config.records.renames()).await?;
    let failures = Arc::new(Failures::default());
    let (engine, handle) = Engine::new(Setup {
        config: config.clone(),
        store: store.clone(),
        open: Arc::new(filters::opener()),
        observe: Arc::new(Arc::clone(&failures)),
        clock,
        vitals: Arc::new(Vitals::starting(now)),
    })?;
    if let Some(doubt) = engine.doubts_clock(runtime::built(), args.trust_clock) {
        complain(&format!("not measured: {doubt}\n"));
        return Ok(Verdict::No);
    }
    store
        .keep_revision(&config.revision, now, questions)
        .await?;
    let ending = end_on_signal()?;
    engine.run_once(ending.clone()).await?;
    let scorecard = handle.board().borrow().scorecard.clone();
    store.close().await?;
    say(&match args.format {
        Format::Text => status::text(&scorecard, &config.zone),
        Format::Json => status::json(&config, scorecard)?,
    })?;
    let failures = failures.list();
    for (key_result, why) in failures.iter() {
        complain(&format!("not measured: {key_result}: {why}\n"));
    }
    let cut_short = ending.asked().is_cancelled();
    if cut_short {
        complain("ended by a signal, perhaps before everything was asked\n");
    }
    Ok(Verdict::of(failures.is_empty() && !cut_short))
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
                key_result,
                source,
                why,
            } => {
                let why = match why {
                    Skip::SourceHeld(Why::Login) => format!(
                        "source {source} refused the login earlier: give it another secret, or run okrd resume {source}"
                    ),
                    Skip::SourceHeld(Why::Patience) => {
                        format!(
                            "source {source} asked to be left alone for a while: run it again later"
                        )
                    }
                    Skip::SourceHeld(Why::Trouble) => {
                        format!("source {source} failed several times in a row: run it again later")
                    }
                    Skip::StillRunning => {
                        format!("the poll of source {source} before it still runs")
                    }
                };
                self.list().push(((*key_result).clone(), why));
            }
            Event::StoreFailed { message } => complain(&format!("{message}\n")),
            _ => {}
        }
    }
}
