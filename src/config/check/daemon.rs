//! The daemon's own tables: time zone, company, cycles, teams, server, store, polling. Reads them from whichever
//! files they stand in and complains when they stand twice.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};

use super::suggest::nearest;
use super::table::{At, Table};
use crate::config::finding::{Code, Finding, quoted};
use crate::config::schedule::{Schedule, parse_duration, show_duration};
use crate::config::spec::{Reloading, Retention, Server, StoreSpec, Synchronous, TokenSpec};
use crate::domain::cycle::{Cycle, CycleError};
use crate::domain::goals::{Company, Team};
use crate::domain::id::{CycleName, Slug};
use crate::domain::language::Language;
use crate::domain::method::Method;

/// Port and address that nothing else is said about.
const LISTEN: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 10_650);

/// The zone of everything and its IANA name.
#[derive(Clone, Debug)]
pub(super) struct Zone {
    pub(super) name: String,
    pub(super) zone: TimeZone,
}

/// The values of this key over all files; every one after the first is a finding. The first one holds, the others are
/// there to be judged, too.
pub(super) fn every<'a, T>(
    roots: &[Table<'a>],
    key: &str,
    read: impl Fn(Table<'a>) -> Option<T>,
    out: &mut Vec<Finding>,
) -> Vec<T> {
    let mut first: Option<At<'a, &'a str>> = None;
    let mut found = Vec::new();
    for root in roots {
        let Some(name) = root.key(key) else { continue };
        found.extend(read(*root));
        if let Some(first) = &first {
            out.push(twice(&name, first, &format!("`{key}`")));
        } else {
            first = Some(name);
        }
    }
    found
}

/// The one that holds of the values of this key over all files.
fn once<'a, T>(
    roots: &[Table<'a>],
    key: &str,
    read: impl Fn(Table<'a>) -> Option<T>,
    out: &mut Vec<Finding>,
) -> Option<T> {
    every(roots, key, read, out).into_iter().next()
}

/// The finding for something that is defined a second time.
pub(super) fn twice(second: &At<'_, &str>, first: &At<'_, &str>, what: &str) -> Finding {
    let place = first.file.place(first.span.start);
    let message = format!(
        "{what} is defined twice, first in {} line {}",
        first.file.shown(),
        place.line
    );
    let finding = second
        .finding(Code::CfgDuplicate, message)
        .label("second definition");
    finding
        .also(first.file, &first.span, "first definition")
        .help("keep one of the two, or rename one")
}

/// Every named table under a key over all files; a second one of the same name is a finding.
pub(super) fn named<'a>(
    roots: &[Table<'a>],
    key: &str,
    what: &str,
    out: &mut Vec<Finding>,
) -> Vec<(At<'a, &'a str>, Table<'a>)> {
    let mut first: BTreeMap<&str, At<'a, &'a str>> = BTreeMap::new();
    let mut found = Vec::new();
    for (name, table) in roots.iter().flat_map(|root| root.tables(key)) {
        if let Some(first) = first.get(name.value) {
            out.push(twice(
                &name,
                first,
                &format!("{what} {}", quoted(name.value)),
            ));
        } else {
            first.insert(name.value, name.clone());
            found.push((name, table));
        }
    }
    found
}

/// The time zone; UTC where none is given or the one given is unknown.
pub(super) fn zone(roots: &[Table<'_>], out: &mut Vec<Finding>) -> Zone {
    let utc = || Zone {
        name: "UTC".into(),
        zone: TimeZone::UTC,
    };
    let Some(at) = once(roots, "timezone", |root| root.text("timezone"), out) else {
        return utc();
    };
    let known = TimeZoneDatabase::bundled();
    if let Ok(zone) = known.get(at.value) {
        let name = zone.iana_name().unwrap_or(at.value).to_owned();
        return Zone { name, zone };
    }
    let names: Vec<String> = known.available().map(|name| name.to_string()).collect();
    let help = nearest(at.value, names.iter().map(String::as_str)).map_or_else(
        || "write an IANA name such as \"Europe/Amsterdam\" or \"UTC\"".to_owned(),
        |near| format!("did you mean `{near}`?"),
    );
    let message = format!("{} is not a time zone", quoted(at.value));
    out.push(at.finding(Code::CfgValue, message).help(help));
    utc()
}

/// The company.
pub(super) fn company(roots: &[Table<'_>], out: &mut Vec<Finding>) -> Company {
    let Some(table) = once(roots, "company", |root| root.table("company"), out) else {
        return Company::default();
    };
    Company {
        name: table.owned("name").unwrap_or_default(),
        vision: table.owned("vision"),
        language: table
            .text("language")
            .and_then(|at| Language::parse(at.value))
            .unwrap_or_default(),
        strategy: table
            .texts("strategy")
            .iter()
            .map(|at| at.value.to_owned())
            .collect(),
    }
}

/// The settings of the method.
pub(super) fn method(roots: &[Table<'_>], out: &mut Vec<Finding>) -> Method {
    let tables = every(roots, "method", |root| root.table("method"), out);
    let methods: Vec<Method> = tables
        .into_iter()
        .map(|table| super::method::method(table, out))
        .collect();
    methods.into_iter().next().unwrap_or_default()
}

/// The cycles that are sound, and the names of all.
pub(super) fn cycles<'a>(
    roots: &[Table<'a>],
    zone: &Zone,
    out: &mut Vec<Finding>,
) -> (BTreeMap<CycleName, Cycle>, Vec<&'a str>) {
    let mut cycles = BTreeMap::new();
    let mut names = Vec::new();
    for (at, table) in named(roots, "cycles", "cycle", out) {
        names.push(at.value);
        let (Some(starts), Some(ends)) = (table.date("starts"), table.date("ends")) else {
            continue;
        };
        let Ok(name) = CycleName::parse(at.value) else {
            continue;
        };
        match Cycle::new(name.clone(), starts.value, ends.value, zone.zone.clone()) {
            Ok(cycle) => {
                cycles.insert(name, cycle);
            }
            Err(CycleError::EndsBeforeStart) => {
                let message = format!(
                    "the cycle ends on {}, before it starts on {}",
                    ends.value, starts.value
                );
                let finding = ends.finding(Code::CfgValue, message).label("the last day");
                out.push(
                    finding
                        .also(starts.file, &starts.span, "the first day")
                        .help("`ends` is the last day, included"),
                );
            }
            Err(CycleError::OutOfRange) => {
                let finding = ends.finding(
                    Code::CfgValue,
                    "the cycle lies outside the years that can be told",
                );
                out.push(finding.help("write years such as 2026"));
            }
        }
    }
    (cycles, names)
}

/// The teams.
pub(super) fn teams(roots: &[Table<'_>], out: &mut Vec<Finding>) -> BTreeMap<Slug, Team> {
    let read = |(at, table): (At<'_, &str>, Table<'_>)| {
        let team = Team {
            name: table.owned("name").unwrap_or_else(|| at.value.to_owned()),
            slack: table.owned("slack"),
        };
        Some((Slug::parse(at.value).ok()?, team))
    };
    named(roots, "teams", "team", out)
        .into_iter()
        .filter_map(read)
        .collect()
}

/// The server.
pub(super) fn server(roots: &[Table<'_>], out: &mut Vec<Finding>) -> Server {
    let tables = every(roots, "server", |root| root.table("server"), out);
    let servers: Vec<Server> = tables
        .into_iter()
        .map(|table| one_server(table, out))
        .collect();
    servers.into_iter().next().unwrap_or(Server {
        listen: LISTEN,
        lifecycle: false,
        write_token: None,
        tokens: BTreeMap::new(),
        web_config: None,
    })
}

fn one_server(table: Table<'_>, out: &mut Vec<Finding>) -> Server {
    let listen = table.text("listen").and_then(|at| match at.value.parse() {
        Ok(listen) => Some(listen),
        Err(_) => {
            let message = format!("`listen` {} is not an address with a port", quoted(at.value));
            let finding = at.finding(Code::CfgValue, message);
            out.push(finding.help("write for example \"127.0.0.1:10650\", \"0.0.0.0:10650\" or \"[::1]:10650\"; host names are not looked up"));
            None
        }
    });
    Server {
        listen: listen.unwrap_or(LISTEN),
        lifecycle: table.flag("lifecycle").unwrap_or(false),
        write_token: table.table("write_token").and_then(super::source::secret),
        tokens: tokens(table, out),
        web_config: (table.text("web_config")).map(|at| super::source::resolve(&at)),
    }
}

fn tokens(server: Table<'_>, out: &mut Vec<Finding>) -> BTreeMap<Slug, TokenSpec> {
    let lifecycle = server.flag("lifecycle").unwrap_or(false);
    let mut tokens = BTreeMap::new();
    for (name, table) in server.tables("tokens") {
        let scopes = table.texts("scopes");
        let has = |scope| scopes.iter().find(|at| at.value == scope);
        if let Some(at) = table
            .get("scopes")
            .filter(|_| table.list("scopes").is_empty())
        {
            let message = format!("the token {} allows nothing", quoted(name.value));
            let finding = at.finding(Code::CfgValue, message);
            out.push(finding.help("write for example [\"read\"], or remove the token"));
        }
        if let Some(at) = has("reload").filter(|_| !lifecycle) {
            let message = format!(
                "the token {} allows a reload, which the server does not offer",
                quoted(name.value)
            );
            let finding = at.finding(Code::CfgValue, message);
            out.push(
                finding.help("set `lifecycle = true` under [server], or leave \"reload\" out"),
            );
        }
        let token = TokenSpec {
            read: has("read").is_some(),
            write: has("write").is_some(),
            reload: has("reload").is_some(),
            token: match table.table("token").and_then(super::source::secret) {
                Some(token) => token,
                None => continue,
            },
        };
        if let Ok(name) = Slug::parse(name.value) {
            tokens.insert(name, token);
        }
    }
    tokens
}

/// How changes are taken in.
pub(super) fn reload(roots: &[Table<'_>], out: &mut Vec<Finding>) -> Reloading {
    let table = once(roots, "reload", |root| root.table("reload"), out);
    let usual = Reloading::default();
    let flag = |key, usual| table.and_then(|t| t.flag(key)).unwrap_or(usual);
    Reloading {
        watch: flag("watch", usual.watch),
        allow_mass_removal: flag("allow_mass_removal", usual.allow_mass_removal),
    }
}

/// The store; `okrd.db` beside the main file when nothing is said.
pub(super) fn store(roots: &[Table<'_>], out: &mut Vec<Finding>) -> StoreSpec {
    let beside = roots.first();
    let beside = beside.map_or_else(PathBuf::new, |main| main.file.folder().join("okrd.db"));
    let usual = StoreSpec::at(beside);
    let Some(table) = once(roots, "store", |root| root.table("store"), out) else {
        return usual;
    };
    let synchronous = match table.text("synchronous").map(|at| at.value) {
        Some("normal") => Synchronous::Normal,
        _ => Synchronous::Full,
    };
    StoreSpec {
        path: (table.text("path")).map_or(usual.path, |at| super::source::resolve(&at)),
        synchronous,
        allow_network_filesystem: table.flag("allow_network_filesystem").unwrap_or(false),
        keep: Retention {
            values: kept(table, "keep_values", out).unwrap_or(usual.keep.values),
            failures: kept(table, "keep_failures", out).unwrap_or(usual.keep.failures),
            attempts: kept(table, "keep_attempts", out).unwrap_or(usual.keep.attempts),
        },
    }
}

/// How long something is kept: whole days are forgotten, so that less than one would forget what was just measured.
fn kept(table: Table<'_>, key: &str, out: &mut Vec<Finding>) -> Option<Duration> {
    const SHORTEST: Duration = Duration::from_secs(86_400);
    let kept = duration(table, key)?;
    if kept < SHORTEST
        && let Some(at) = table.get(key)
    {
        let message = format!("`{key}` is {}, expected at least 1d", show_duration(kept));
        let finding = at.finding(Code::CfgValue, message);
        out.push(finding.help("write for example \"400d\""));
    }
    Some(kept)
}

/// What holds for every key result that says nothing else.
#[derive(Clone, Debug)]
pub(super) struct Polling {
    pub(super) schedule: Option<Schedule>,
    pub(super) jitter: Duration,
    pub(super) timeout: Duration,
    pub(super) catch_up: Duration,
    pub(super) max_retry_after: Duration,
}

/// The longest patience a source may ask for when nothing is said: an hour.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(60 * 60);

/// How far back slots are filled when nothing is said: 30 days.
const CATCH_UP: Duration = Duration::from_secs(30 * 86_400);

/// Schedules, each distinct pattern parsed once: a parsed pattern is some 5 KiB and there may be thousands of users.
#[derive(Debug)]
pub(super) struct Schedules {
    zone: Zone,
    known: BTreeMap<String, Schedule>,
    gaps: BTreeMap<(String, Timestamp), Duration>,
}

impl Schedules {
    pub(super) fn new(zone: Zone) -> Self {
        Self {
            zone,
            known: BTreeMap::new(),
            gaps: BTreeMap::new(),
        }
    }

    /// The longest gap of a schedule after an instant. Finding it means walking through a week.
    pub(super) fn longest_gap(&mut self, schedule: &Schedule, from: Timestamp) -> Duration {
        let known = self.gaps.entry((schedule.to_string(), from));
        *known.or_insert_with(|| schedule.longest_gap(from))
    }

    /// Parses a schedule, or says why it is none.
    pub(super) fn parse(&mut self, at: &At<'_, &str>, out: &mut Vec<Finding>) -> Option<Schedule> {
        if let Some(known) = self.known.get(at.value) {
            return Some(known.clone());
        }
        match Schedule::parse(at.value, &self.zone.zone, &self.zone.name) {
            Ok(schedule) => {
                self.known.insert(at.value.to_owned(), schedule.clone());
                Some(schedule)
            }
            Err(e) => {
                let message = format!("{} is not a schedule: {}", quoted(at.value), e.why);
                let finding = at.finding(Code::CfgValue, message);
                out.push(finding.help("write five fields, such as \"0 6 * * *\" (minute hour day month weekday), or \"every 15m\""));
                None
            }
        }
    }
}

/// The polling defaults.
pub(super) fn polling(
    roots: &[Table<'_>],
    schedules: &mut Schedules,
    out: &mut Vec<Finding>,
) -> Polling {
    let usual = Schedule::parse("0 * * * *", &schedules.zone.zone, &schedules.zone.name).ok();
    let mut polling = Polling {
        schedule: usual,
        jitter: Duration::from_secs(30),
        timeout: Duration::from_secs(30),
        catch_up: CATCH_UP,
        max_retry_after: MAX_RETRY_AFTER,
    };
    let tables = every(roots, "polling", |root| root.table("polling"), out);
    for (nth, table) in tables.into_iter().enumerate() {
        let written = table.text("schedule");
        let schedule = written.map(|at| schedules.parse(&at, out));
        let timeout = timeout(table, out);
        let catch_up = catch_up(table, out);
        let max_retry_after = max_retry_after(table, out);
        if nth == 0 {
            polling = Polling {
                schedule: schedule.unwrap_or(polling.schedule),
                jitter: duration(table, "jitter").unwrap_or(polling.jitter),
                timeout: timeout.unwrap_or(polling.timeout),
                catch_up: catch_up.unwrap_or(polling.catch_up),
                max_retry_after: max_retry_after.unwrap_or(polling.max_retry_after),
            };
        }
    }
    polling
}

/// How far back slots are filled. More than a year would keep a source busy for days.
fn catch_up(table: Table<'_>, out: &mut Vec<Finding>) -> Option<Duration> {
    const LONGEST: Duration = Duration::from_secs(366 * 86_400);
    let catch_up = duration(table, "catch_up")?;
    if catch_up > LONGEST
        && let Some(at) = table.get("catch_up")
    {
        let message = format!(
            "`catch_up` is {}, expected at most 366d",
            show_duration(catch_up)
        );
        let finding = at.finding(Code::CfgValue, message);
        out.push(finding.help("write for example \"30d\", or \"0s\" to fill nothing afterwards"));
    }
    Some(catch_up)
}

/// The longest patience that a source may ask for. Without any a source that asks for patience would be asked on; more than
/// a week would be a source that nobody hears of again.
fn max_retry_after(table: Table<'_>, out: &mut Vec<Finding>) -> Option<Duration> {
    const SHORTEST: Duration = Duration::from_secs(60);
    const LONGEST: Duration = Duration::from_secs(7 * 86_400);
    let longest = duration(table, "max_retry_after")?;
    if !(SHORTEST..=LONGEST).contains(&longest)
        && let Some(at) = table.get("max_retry_after")
    {
        let message = format!(
            "`max_retry_after` is {}, expected 1m to 7d",
            show_duration(longest)
        );
        out.push(
            at.finding(Code::CfgValue, message)
                .help("write for example \"1h\""),
        );
    }
    Some(longest)
}

/// A duration.
pub(super) fn duration(table: Table<'_>, key: &str) -> Option<Duration> {
    parse_duration(table.text(key)?.value).ok()
}

/// The timeout of one attempt: long enough to answer, short enough that a hanging source is noticed.
pub(super) fn timeout(table: Table<'_>, out: &mut Vec<Finding>) -> Option<Duration> {
    const SHORTEST: Duration = Duration::from_millis(100);
    const LONGEST: Duration = Duration::from_secs(600);
    let timeout = duration(table, "timeout")?;
    if !(SHORTEST..=LONGEST).contains(&timeout)
        && let Some(at) = table.get("timeout")
    {
        let message = format!(
            "`timeout` is {}, expected 100ms to 10m",
            show_duration(timeout)
        );
        out.push(
            at.finding(Code::CfgValue, message)
                .help("write for example \"30s\""),
        );
    }
    Some(timeout)
}
