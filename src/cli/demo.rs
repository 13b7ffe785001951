//! `okrd demo`: the example configuration on simulated sources, measured by the real daemon.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use axum::Router;
use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::args::DemoArgs;
use super::exit::{Failure, Verdict, say};
use super::run::{Daemon, end_on_signal};
use super::{configuration, faces, log, runtime};
use crate::config::load;
use crate::config::secret::Setting;
use crate::config::spec::SourceSpec;
use crate::demo::example::{self, JIRA, PAGE, PLAUSIBLE};
use crate::demo::shop::Shop;
use crate::demo::world::World;
use crate::demo::{simulated_jira, simulated_plausible};
use crate::engine::clock::{Clock, SystemClock};
use crate::http::serve::{Limits, serve};

/// How often the shop does business.
const TRADE_EVERY: Duration = Duration::from_secs(1);

/// Runs until it is told to end.
///
/// # Errors
/// When the folder cannot be written, or no port is free.
pub fn run(args: &DemoArgs) -> Result<Verdict, Failure> {
    let metrics = faces::metrics()?;
    log::start(metrics.log_layer())?;
    runtime::live(async {
        let shutdown = end_on_signal()?;
        let file = args.dir.join("okrd.toml");
        let stood = remembered(&file);
        let [page, jira, plausible] = stood;
        let jira = endpoint(jira, JIRA).await?;
        let plausible = endpoint(plausible, PLAUSIBLE).await?;
        let wanted = page.filter(|_| args.listen.to_string() == PAGE);
        let page = free_or_any(wanted.unwrap_or(args.listen)).await?;
        let addresses = [
            (PAGE, page),
            (JIRA, address(&jira)?),
            (PLAUSIBLE, address(&plausible)?),
        ];
        let now = SystemClock.now();
        let (began, today) = (now, jiff::Zoned::new(now, jiff::tz::TimeZone::UTC).date());
        let untouched =
            example::write(&args.dir, today, addresses, stood).map_err(Failure::usage)?;
        let config = configuration::valid(Some(&file))?;
        let (start, gone) = running_quarter(&config, now);
        let world = World { began, gone };
        play(jira, simulated_jira::router(world, clock), &shutdown);
        play(
            plausible,
            simulated_plausible::router(world, clock),
            &shutdown,
        );
        let shop = Shop::open(&args.dir.join("shop.db"), world, start)
            .map_err(|error| Failure::usage(format!("cannot make the shop's database: {error}")))?;
        trade(shop, &shutdown);
        let daemon = Daemon::start(config, file, metrics, shutdown).await?;
        say(&welcome(
            &args.dir,
            daemon.address().unwrap_or(page),
            addresses,
            untouched,
        ))?;
        daemon.live().await
    })?;
    Ok(Verdict::Yes)
}

fn clock() -> Timestamp {
    SystemClock.now()
}

/// The start of the cycle that runs now, and the share of it that is gone.
fn running_quarter(config: &crate::config::spec::Config, now: Timestamp) -> (Timestamp, f64) {
    let mut cycles = config.goals.cycles.values();
    cycles
        .find(|cycle| cycle.is_open(now))
        .map_or((now, 0.0), |cycle| (cycle.start(), cycle.elapsed(now)))
}

/// Where page, Jira and Plausible stand by the files of an earlier demo, as far as they are this machine's.
fn remembered(file: &Path) -> [Option<SocketAddr>; 3] {
    let files = load::load(file).ok();
    let Some(config) = files.and_then(|files| configuration::check(&files).0) else {
        return [None; 3];
    };
    let simulated = |name: &str| {
        let mut sources = config.sources.iter();
        let (_, spec) = sources.find(|(source, _)| source.as_str() == name)?;
        let (SourceSpec::Jira { http, .. } | SourceSpec::Plausible { http, .. }) = spec else {
            return None;
        };
        let Setting::Plain(url) = &http.url else {
            return None;
        };
        let address: SocketAddr = url.strip_prefix("http://")?.parse().ok()?;
        address.ip().is_loopback().then_some(address)
    };
    [
        Some(config.server.listen),
        simulated("tracker"),
        simulated("site"),
    ]
}

/// A listener where one stood before or else at the example's address, or at any free port when that is taken.
async fn endpoint(stood: Option<SocketAddr>, usual: &str) -> Result<TcpListener, Failure> {
    let wanted = stood.map_or_else(|| usual.to_owned(), |address| address.to_string());
    if let Ok(listener) = TcpListener::bind(wanted).await {
        return Ok(listener);
    }
    TcpListener::bind("127.0.0.1:0")
        .await
        .map_err(|error| Failure::usage(format!("no free port on 127.0.0.1: {error}")))
}

/// The address if it is free, or else a free one beside it.
async fn free_or_any(wanted: SocketAddr) -> Result<SocketAddr, Failure> {
    for candidate in [wanted, SocketAddr::new(wanted.ip(), 0)] {
        if let Ok(listener) = TcpListener::bind(candidate).await {
            return address(&listener);
        }
    }
    Err(Failure::usage(format!(
        "cannot listen on {}: expected an address of this machine",
        wanted.ip()
    )))
}

fn address(listener: &TcpListener) -> Result<SocketAddr, Failure> {
    let address = listener.local_addr();
    address.map_err(|error| Failure::usage(format!("cannot tell where I listen: {error}")))
}

/// Serves a simulated endpoint until the end.
fn play(listener: TcpListener, router: Router, shutdown: &CancellationToken) {
    let end = shutdown.clone().cancelled_owned();
    tokio::spawn(serve(listener, router, Limits::default(), end));
}

/// Lets the shop do business until the end.
fn trade(mut shop: Shop, shutdown: &CancellationToken) {
    let end = shutdown.clone();
    std::thread::spawn(move || {
        while !end.is_cancelled() {
            if let Err(error) = shop.trade(SystemClock.now()) {
                tracing::warn!("the demo's shop cannot trade: {error}");
            }
            std::thread::sleep(TRADE_EVERY);
        }
    });
}

fn welcome(
    dir: &Path,
    page: SocketAddr,
    addresses: [(&str, SocketAddr); 3],
    untouched: bool,
) -> String {
    let [_, (_, jira), (_, plausible)] = addresses;
    let folder = dir.display();
    let files = if untouched {
        format!(
            "The example configuration stands in {folder}/: read it, change it, end okrd and start the demo again."
        )
    } else {
        format!("The configuration in {folder}/ differs from the example: yours is used as it is.")
    };
    format!(
        "\
okrd demo: the Acme content team, measured by the real daemon.

  The sources are simulated and their numbers made up: a shop in {folder}/shop.db,
  a Jira on http://{jira}/ and a Plausible on http://{plausible}/.
  {files}

  Look at         http://{page}/           the page
                  http://{page}/metrics    what Prometheus scrapes
  In another      okrd --config {folder} status
  terminal        okrd --config {folder} probe --all
                  okrd --config {folder} history more-visitors/subscribers
                  okrd --config {folder} record reflex/recommend 34

Values move every few seconds. Ctrl-C ends it.

"
    )
}
