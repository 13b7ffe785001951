//! `okrd demo`: the example configuration on simulated sources, measured by the real daemon.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::Router;
use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::args::DemoArgs;
use super::exit::{Failure, Verdict, complain, say};
use super::run::{Daemon, end_on_signal};
use super::runtime::VERSION;
use super::{configuration, faces, log, runtime};
use crate::config::load;
use crate::config::secret::Setting;
use crate::config::spec::{Config, SourceSpec, StoreSpec};
use crate::demo::example::{self, JIRA, PAGE, PLAUSIBLE};
use crate::demo::shop::Shop;
use crate::demo::story::Story;
use crate::demo::world::World;
use crate::demo::{simulated_jira, simulated_plausible};
use crate::engine::clock::{Clock, SystemClock};
use crate::http::serve::{Limits, serve};
use crate::http::tls;
use crate::store::Store;

/// How often the shop does business.
const TRADE_EVERY: Duration = Duration::from_secs(1);

/// Runs until it is told to end.
///
/// # Errors
/// When another demo has the folder, it cannot be written, or no port is free.
pub fn run(config: Option<&Path>, args: &DemoArgs) -> Result<Verdict, Failure> {
    let metrics = faces::metrics()?;
    log::start(metrics.log_layer())?;
    let dir = args.dir.as_path();
    if let Some(config) = config {
        complain(&format!(
            "note: the demo has its own configuration in {}; {} is not used\n",
            dir.display(),
            config.display()
        ));
    }
    runtime::daemon()?.block_on(async {
        let ending = end_on_signal()?;
        let shutdown = ending.asked().clone();
        let file = dir.join("okrd.toml");
        let earlier = earlier(&file);
        // Before anything is written: a demo that runs here already must not notice.
        let store = hold(dir, earlier.as_ref())?;
        let mut story = Story::read(dir);
        let (places, config, untouched) =
            set_up(dir, &file, args.listen, earlier.as_ref(), &mut story).await?;
        let now = SystemClock.now();
        let (start, gone) = running_quarter(&config, now);
        let (world, is_new) = story.go_on(start, gone, now);
        let Places {
            page,
            jira,
            plausible,
            notes,
        } = places;
        let simulated = (address(&jira)?, address(&plausible)?);
        play(jira, simulated_jira::router(world, clock), &shutdown);
        let router = simulated_plausible::router(world, clock);
        play(plausible, router, &shutdown);
        let shop = Shop::open(&dir.join("shop.db"), world, start, is_new)
            .map_err(|error| Failure::usage(format!("cannot make the shop's database: {error}")))?;
        trade(shop, world, story, dir.to_owned(), &shutdown);
        let over = nothing_runs(&config, now);
        let store = is_of(&store, &config).then_some(store);
        let daemon = Daemon::start(config, file, metrics, ending, store).await?;
        let files = match (over, untouched) {
            (Some(over), _) => over,
            (None, true) => format!(
                "The example configuration stands in {}/: read it, change it, end okrd and start the demo again.",
                dir.display()
            ),
            (None, false) => format!(
                "The configuration in {}/ differs from the example: yours is used as it is.",
                dir.display()
            ),
        };
        let page = daemon.address().unwrap_or(page);
        say(&welcome(dir, page, simulated, &files, &notes))?;
        daemon.live(false).await
    })?;
    Ok(Verdict::Yes)
}

/// The servers of the demo, each where it was free.
struct Places {
    page: SocketAddr,
    jira: TcpListener,
    plausible: TcpListener,
    /// Why one of them stands elsewhere than usual.
    notes: String,
}

/// Takes the ports, writes the files and reads them as the daemon will.
async fn set_up(
    dir: &Path,
    file: &Path,
    listen: SocketAddr,
    earlier: Option<&Config>,
    story: &mut Story,
) -> Result<(Places, Config, bool), Failure> {
    let stood = earlier.map_or([None; 3], stood);
    let usual = [listen.to_string(), JIRA.to_owned(), PLAUSIBLE.to_owned()];
    let mut notes = String::new();
    let mut taken = Vec::new();
    for (place, usual) in usual.iter().enumerate() {
        let typed = place == 0 && usual != PAGE;
        let stood = stood[place].filter(|_| !typed);
        let listener = bind(usual, stood, story.instead[place]).await?;
        let found = address(&listener)?;
        let is_usual = found.to_string() == *usual;
        let chosen = stood.filter(|stood| Some(*stood) != story.instead[place]);
        story.instead[place] = (!is_usual && chosen != Some(found)).then_some(found);
        if story.instead[place].is_some() {
            let who = ["page", "simulated Jira", "simulated Plausible"][place];
            notes.push_str(&format!(
                "  {usual} is taken by another program, so the {who} stands on port {} this time.\n",
                found.port()
            ));
        }
        taken.push(listener);
    }
    let mut taken = taken.into_iter();
    let (Some(page), Some(jira), Some(plausible)) = (taken.next(), taken.next(), taken.next())
    else {
        return Err(Failure::usage("no ports for the demo"));
    };
    let places = Places {
        page: address(&page)?,
        jira,
        plausible,
        notes,
    };
    let addresses = [
        (PAGE, places.page),
        (JIRA, address(&places.jira)?),
        (PLAUSIBLE, address(&places.plausible)?),
    ];
    let today = jiff::Zoned::new(SystemClock.now(), jiff::tz::TimeZone::UTC).date();
    let of = earlier.and_then(|config| Some(config.goals.cycles.values().next()?.first_day));
    let untouched = example::write(dir, today, addresses, stood, of).map_err(Failure::usage)?;
    let config = configuration::valid(Some(file))?;
    Ok((places, config, untouched))
}

/// The configuration of an earlier demo in the folder, if there is a sound one.
fn earlier(file: &Path) -> Option<Config> {
    let files = load::load(file).ok()?;
    configuration::check(&files).0
}

/// Opens the store of the folder, which no other process may have.
fn hold(dir: &Path, earlier: Option<&Config>) -> Result<Store, Failure> {
    std::fs::create_dir_all(dir)
        .map_err(|error| Failure::usage(format!("cannot make {}: {error}", dir.display())))?;
    let usual = dir.join("okrd.db");
    let spec = earlier.map_or_else(|| StoreSpec::at(usual), |config| config.store.clone());
    Ok(Store::open_as(&spec, VERSION, SystemClock.now())?)
}

/// Whether the store is the one that the configuration names.
fn is_of(store: &Store, config: &Config) -> bool {
    config
        .store
        .path
        .canonicalize()
        .is_ok_and(|path| path == store.path())
}

/// What to say when no cycle of the configuration runs now, so that nothing is polled.
fn nothing_runs(config: &Config, now: Timestamp) -> Option<String> {
    let mut cycles = config.goals.cycles.values();
    if cycles.any(|cycle| cycle.is_open(now)) {
        return None;
    }
    let last = config
        .goals
        .cycles
        .values()
        .max_by_key(|cycle| cycle.end())?;
    Some(format!(
        "No cycle runs today, so nothing is polled: {} is {} to {}. Set its dates in okrd.toml, or start the demo with \
         another --dir.",
        last.name, last.first_day, last.last_day
    ))
}

fn clock() -> Timestamp {
    SystemClock.now()
}

/// The start of the cycle that runs now, and the share of it that is gone.
fn running_quarter(config: &Config, now: Timestamp) -> (Timestamp, f64) {
    let mut cycles = config.goals.cycles.values();
    cycles
        .find(|cycle| cycle.is_open(now))
        .map_or((now, 0.0), |cycle| (cycle.start(), cycle.elapsed(now)))
}

/// Where page, Jira and Plausible stand by the files of an earlier demo, as far as they are this machine's.
fn stood(config: &Config) -> [Option<SocketAddr>; 3] {
    let simulated = |name: &str| {
        let mut sources = config.sources.iter();
        let (_, spec) = sources.find(|(source, _)| source.as_str() == name)?;
        let (SourceSpec::Jira { http, .. } | SourceSpec::Preset { http, .. }) = spec else {
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

/// A listener at the usual address, which a port that was only taken `instead` gives way to; or where someone wrote that
/// it should stand; or, when that is taken, at any free port.
async fn bind(
    usual: &str,
    stood: Option<SocketAddr>,
    instead: Option<SocketAddr>,
) -> Result<TcpListener, Failure> {
    let mut wanted: Vec<String> = stood.iter().map(SocketAddr::to_string).collect();
    if stood.is_none() || stood == instead {
        wanted.insert(0, usual.to_owned());
    }
    let host = usual.rsplit_once(':').map_or(usual, |(host, _)| host);
    wanted.push(format!("{host}:0"));
    let mut failed = None;
    for address in wanted {
        match TcpListener::bind(&address).await {
            Ok(listener) => return Ok(listener),
            Err(error) => failed = Some(error),
        }
    }
    let why = failed.map(|error| error.to_string()).unwrap_or_default();
    Err(Failure::usage(format!(
        "cannot listen on {host}: {why}: expected an address of this machine with a free port"
    )))
}

fn address(listener: &TcpListener) -> Result<SocketAddr, Failure> {
    let address = listener.local_addr();
    address.map_err(|error| Failure::usage(format!("cannot tell where I listen: {error}")))
}

/// Serves a simulated endpoint until the end.
fn play(listener: TcpListener, router: Router, shutdown: &CancellationToken) {
    let end = shutdown.clone().cancelled_owned();
    tokio::spawn(serve(listener, router, tls::none(), Limits::default(), end));
}

/// Lets the shop do business until the end, and remembers how far the story went.
fn trade(
    mut shop: Shop,
    world: World,
    mut story: Story,
    dir: PathBuf,
    shutdown: &CancellationToken,
) {
    let end = shutdown.clone();
    std::thread::spawn(move || {
        while !end.is_cancelled() {
            let now = SystemClock.now();
            if let Err(error) = shop.trade(now) {
                tracing::warn!("the demo's shop cannot trade: {error}");
            }
            if let Err(error) = story.keep(&dir, world.seconds(now)) {
                tracing::warn!("the demo cannot remember how far it went: {error}");
            }
            std::thread::sleep(TRADE_EVERY);
        }
    });
}

fn welcome(
    dir: &Path,
    page: SocketAddr,
    (jira, plausible): (SocketAddr, SocketAddr),
    files: &str,
    notes: &str,
) -> String {
    let folder = dir.display();
    let (okrd, place) = invocation(dir);
    let at = quoted(dir);
    format!(
        "\
okrd demo: the Acme content team, measured by the real daemon.

  The sources are simulated and their numbers made up: a shop in {folder}/shop.db,
  a Jira on http://{jira}/ and a Plausible on http://{plausible}/.
  {files}
{notes}
  Look at http://{page}/           the page
          http://{page}/metrics    what Prometheus scrapes

  In another terminal{place}:
    {okrd} --config {at} status
    {okrd} --config {at} probe --all
    {okrd} --config {at} history more-visitors/subscribers
    {okrd} --config {at} record reflex/recommend 34
    {okrd} --config {at} report
    {okrd} --config {at} present -o slides.html

Values move every few seconds. Ctrl-C ends it.

"
    )
}

/// How this program is called from another terminal, and where from if that matters.
fn invocation(dir: &Path) -> (String, String) {
    let here = std::env::current_dir().ok();
    let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("okrd"));
    let search = std::env::var_os("PATH").unwrap_or_default();
    let is_found = std::env::split_paths(&search)
        .map(|folder| folder.join("okrd"))
        .find(|path| path.is_file())
        .and_then(|path| path.canonicalize().ok())
        .is_some_and(|path| program.canonicalize().is_ok_and(|program| program == path));
    let near = here
        .as_deref()
        .and_then(|here| program.strip_prefix(here).ok());
    let okrd = match near {
        _ if is_found => "okrd".to_owned(),
        // A bare name would be looked for elsewhere.
        Some(near) if near.components().count() > 1 => quoted(near),
        Some(near) => format!("./{}", quoted(near)),
        None => quoted(&program),
    };
    let matters = dir.is_relative() || (near.is_some() && !is_found);
    let place = here.filter(|_| matters);
    let place = place.map_or_else(String::new, |here| format!(", in {}", quoted(&here)));
    (okrd, place)
}

/// A path as a shell takes it for one word.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._/-+:@%,=".contains(c);
    if !text.is_empty() && !text.starts_with('-') && text.chars().all(is_plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_one_word_to_a_shell() {
        for (path, expected) in [
            ("target/debug/okrd", "target/debug/okrd"),
            ("/opt/my tools/okrd", "'/opt/my tools/okrd'"),
            ("it's", r"'it'\''s'"),
            ("$HOME", "'$HOME'"),
        ] {
            assert_eq!(quoted(Path::new(path)), expected);
        }
    }

    #[tokio::test]
    async fn a_port_taken_in_place_of_the_usual_one_gives_way_once_that_is_free() {
        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let usual = taken.local_addr().unwrap();
        let instead = bind(&usual.to_string(), None, None).await.unwrap();
        let other = instead.local_addr().unwrap();
        assert_ne!(other, usual);
        drop((taken, instead));
        let stands = async |stood, instead| {
            let listener = bind(&usual.to_string(), stood, instead).await.unwrap();
            listener.local_addr().unwrap()
        };
        assert_eq!(stands(Some(other), Some(other)).await, usual);
        assert_eq!(stands(Some(other), None).await, other, "someone chose it");
    }
}
