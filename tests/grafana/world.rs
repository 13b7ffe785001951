//! A company in the middle of its cycle: the real okrd with two months of history, its export in a real Prometheus that
//! also scrapes it. Started once for all tests of this binary and gone with it.
//!
//! Among its key results are one of each kind, one at its target, one too old, one without any number, one far behind, one
//! whose target was amended, and a level to hold; among its sources one that fails.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use jiff::{SignedDuration, Timestamp, ToSpan, civil::Date};

use crate::servers::prometheus::{Prometheus, promtool};
use crate::servers::{free_port, supervise};

/// Days of the cycle that are over, and days to come.
const GONE: i64 = 56;
const LEFT: i64 = 34;
const DAY: f64 = 86_400.0;

pub(crate) struct World {
    pub(crate) prometheus: Prometheus,
    /// Where the daemon listens.
    pub(crate) port: u16,
    /// Unix seconds of the first instant of the cycle, and of its end.
    pub(crate) start: f64,
    pub(crate) end: f64,
}

/// A measured key result: objective, id, and its number so many days (of [`GONE`]) into the cycle.
type Curve = (&'static str, &'static str, fn(f64) -> f64);

const CURVES: [Curve; 7] = [
    ("more-visitors", "subscribers", |d| {
        640.0 + 4.1 * d + 12.0 * (d / 3.0).sin()
    }),
    ("more-visitors", "accounts", |d| {
        2000.0 + 1.9 * d * (d / 40.0)
    }),
    ("more-visitors", "visitors", |d| {
        48_000.0 - 90.0 * d + 900.0 * (d / 4.0).cos()
    }),
    ("reflex", "direct", |d| {
        31.0 + 0.22 * d + 0.8 * (d / 5.0).sin()
    }),
    ("happy", "complaints", |d| 250.0 + 60.0 * (d / 9.0).sin()),
    ("happy", "first-reply", |d| {
        11.0 - 0.09 * d + 0.5 * (d / 6.0).sin()
    }),
    ("happy", "answered", |d| 120.0 + 1.0 * d),
];

/// The world of this test binary.
pub(crate) fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(build)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the program under test lives today"
)]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

pub(crate) fn seconds(at: Timestamp) -> f64 {
    at.as_millisecond() as f64 / 1000.0
}

fn build() -> World {
    // The shell that supervises the daemon removes the folder at the end.
    let home = tempfile::Builder::new()
        .prefix("okrd-test-")
        .tempdir()
        .unwrap()
        .keep();
    let today = now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let (first, last) = (today - GONE.days(), today + LEFT.days());
    let port = free_port();
    write_configuration(&home, first, last, port);
    write_figures(&home, first);
    for (objective, id, _) in CURVES {
        let name = format!("{objective}/{id}");
        okrd(&home, &["backfill", &name, "--from", &first.to_string()]);
    }
    tell(&home);

    // Prometheus is there first, so that it sees the counters of the daemon begin at 0.
    let storage = home.join("prometheus");
    history(&home, &storage);
    let prometheus = scrape(&home, &storage, port);
    let program = env!("CARGO_BIN_EXE_okrd").to_owned();
    let config = home.join("okrd.toml").display().to_string();
    // Held for as long as this process lives: its end is the daemon's.
    std::mem::forget(supervise(
        &home,
        &[program, "--config".into(), config, "run".into()],
    ));
    for expr in [
        "count(okrd_key_result_value) > 8",
        "okrd_source_up{source=\"survey\"} == 0",
        "sum(increase(okrd_source_poll_failures_total[1h])) > 0",
        "increase(okrd_source_polls_total{source=\"desk\"}[1h]) > 0",
        "ALERTS{alertstate=\"firing\"}",
    ] {
        prometheus.wait_for(expr);
    }
    let start = first.to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp();
    let end = (last + 1.day())
        .to_zoned(jiff::tz::TimeZone::UTC)
        .unwrap()
        .timestamp();
    World {
        prometheus,
        port,
        start: seconds(start),
        end: seconds(end),
    }
}

fn write_configuration(home: &Path, first: Date, last: Date, port: u16) {
    let before = (first - 90.days(), first - 1.day());
    let next = (last + 1.day(), last + 90.days());
    let daemon = format!(
        r#"include = ["okrs/*.toml"]
lints.KR-WHY = "off"
[company]
name = "Acme"
vision = "Looking it up on our website is a reflex for everyone online"
[cycles.autumn]
starts = {first}
ends = {last}
[cycles.summer]
starts = {}
ends = {}
[cycles.winter]
starts = {}
ends = {}
[teams.content]
name = "Content"
[teams.care]
name = "Care"
[server]
listen = "127.0.0.1:{port}"
[polling]
schedule = "0 6 * * *"
jitter = "0s"
timeout = "5s"
[sources.shop]
type = "sqlite"
path = "figures.db"
[sources.desk]
type = "sqlite"
path = "figures.db"
[sources.survey]
type = "http"
url = "http://127.0.0.1:1"
"#,
        before.0, before.1, next.0, next.1
    );
    std::fs::write(home.join("okrd.toml"), daemon).unwrap();
    std::fs::create_dir(home.join("okrs")).unwrap();
    let amended = first + 30.days();
    let files = [
        ("company", COMPANY.to_owned()),
        ("content", CONTENT.replace("AMENDED", &amended.to_string())),
        ("care", CARE.replace("FIRST", &first.to_string())),
        ("summer", OTHER.replace("CYCLE", "summer")),
        ("winter", OTHER.replace("CYCLE", "winter")),
    ];
    for (name, text) in files {
        std::fs::write(home.join("okrs").join(format!("{name}.toml")), text).unwrap();
    }
}

const COMPANY: &str = r#"cycle = "autumn"
[objectives.reflex]
title = "Our website becomes the reflex of everyone online"
[objectives.reflex.key_results.direct]
title = "Half of all visits begin with our name"
unit = "%"
baseline = 31
target = 50
measure = { source = "shop", query = "SELECT value FROM figures WHERE key = 'direct' AND at <= :now ORDER BY at DESC LIMIT 1" }
"#;

const CONTENT: &str = r#"cycle = "autumn"
team = "content"
[objectives.more-visitors]
title = "More people find their way to our website"
parent = "reflex"
[objectives.more-visitors.key_results.subscribers]
title = "Pass 1,000 subscribers"
unit = "subscribers"
baseline = 640
target = 1000
strict = true
measure = { source = "shop", query = "SELECT value FROM figures WHERE key = 'subscribers' AND at <= :now ORDER BY at DESC LIMIT 1" }
[[objectives.more-visitors.key_results.subscribers.amendments]]
date = AMENDED
field = "target"
from = 1200
to = 1000
reason = "The paper letter ends a year early"
approved_by = "content team lead"
[objectives.more-visitors.key_results.accounts]
title = "30 % more accounts"
unit = "accounts"
kind = "cumulative"
baseline = "first"
target = "+30%"
measure = { source = "shop", query = "SELECT value FROM figures WHERE key = 'accounts' AND at <= :now ORDER BY at DESC LIMIT 1" }
[objectives.more-visitors.key_results.visitors]
title = "Half as many visitors again"
unit = "visitors a month"
kind = "window"
baseline = 48000
target = "+50%"
measure = { source = "shop", query = "SELECT value FROM figures WHERE key = 'visitors' AND at <= :now ORDER BY at DESC LIMIT 1" }
[objectives.more-visitors.key_results.letters]
title = "Twelve letters worth opening"
unit = "letters"
baseline = 0
target = 12
stale_after = "7d"
"#;

const CARE: &str = r#"cycle = "autumn"
team = "care"
[objectives.happy]
title = "Readers feel taken seriously"
parent = "reflex"
[objectives.happy.key_results.first-reply]
title = "First reply within four hours"
unit = "hours"
baseline = 11
target = 4
measure = { source = "desk", query = "SELECT value FROM figures WHERE key = 'first-reply' AND at <= :now ORDER BY at DESC LIMIT 1" }
[objectives.happy.key_results.complaints]
title = "No more than 300 open complaints"
unit = "complaints"
at_most = 300
role = "guardrail"
measure = { source = "desk", query = "SELECT value FROM figures WHERE key = 'complaints' AND at <= :now ORDER BY at DESC LIMIT 1" }
[objectives.happy.key_results.answered]
title = "Answer 300 letters"
unit = "letters"
kind = "cumulative"
baseline = 120
target = 300
measure = { source = "desk", query = "SELECT value FROM figures WHERE key = 'answered' AND at <= :now ORDER BY at DESC LIMIT 1" }
[objectives.happy.key_results.share]
title = "Two of three complaints are answered"
unit = "%"
kind = "ratio"
baseline = 40
target = 66
measure = { formula = "100 * answered / complaints" }
[objectives.happy.key_results.talks]
title = "Talk to twenty readers"
unit = "talks"
baseline = 0
target = 20
stale_after = "30d"
[objectives.happy.key_results.recommend]
title = "Nine of ten would recommend us"
unit = "%"
baseline = 70
target = 90
schedule = "every 1s"
measure = { source = "survey", path = "/v1/answers", value = "/share" }
[objectives.happy.key_results.handbook]
title = "The handbook is written"
unit = "chapters"
milestones = [
  { title = "Outline", done = FIRST },
  { title = "Draft" },
  { title = "Read by the team" },
]
[objectives.happy.key_results.desk-open]
title = "The desk is open on Saturdays"
unit = "desk"
boolean = true
stale_after = "60d"
[objectives.happy.key_results.waiting]
title = "Nobody waits longer than a day"
unit = "letters"
at_most = 5
schedule = "every 1s"
measure = { source = "desk", query = "SELECT 3" }
"#;

/// A cycle that is over, and one to come.
const OTHER: &str = r#"cycle = "CYCLE"
team = "content"
[objectives.warm]
title = "People stay for a second page"
[objectives.warm.key_results.pages]
title = "Two pages a visit"
unit = "pages"
baseline = 1.3
target = 2
"#;

/// A number at three in the morning of each day so far.
fn write_figures(home: &Path, first: Date) {
    let base = rusqlite::Connection::open(home.join("figures.db")).unwrap();
    base.execute_batch("CREATE TABLE figures (key TEXT, at TEXT, value REAL); BEGIN")
        .unwrap();
    for (_, id, curve) in CURVES {
        for day in 0..=GONE {
            let at = format!("{} 03:00:00", first + day.days());
            let value = (curve(day as f64) * 10.0).round() / 10.0;
            // The level of a day before the first slot, so that none is without a number.
            let at = if day == 0 {
                "2000-01-01 00:00:00".to_owned()
            } else {
                at
            };
            base.execute("INSERT INTO figures VALUES (?1, ?2, ?3)", (id, at, value))
                .unwrap();
        }
    }
    base.execute_batch("COMMIT").unwrap();
}

/// What people know and expect.
fn tell(home: &Path) {
    let ago = |days: i64| (now() - SignedDuration::from_hours(24 * days)).to_string();
    for (name, told) in [
        (
            "happy/talks",
            &[(50, "3"), (38, "8"), (24, "15"), (9, "21")][..],
        ),
        ("more-visitors/letters", &[(48, "2"), (33, "5"), (12, "8")]),
        ("happy/desk-open", &[(20, "0")]),
    ] {
        for (days, value) in told {
            okrd(home, &["record", name, value, "--at", &ago(*days)]);
        }
    }
    for (name, confidence) in [
        ("more-visitors/subscribers", "0.6"),
        ("more-visitors/visitors", "0.3"),
        ("happy/complaints", "0.8"),
        ("happy/talks", "0.9"),
    ] {
        okrd(home, &["checkin", name, "--confidence", confidence]);
    }
}

fn okrd(home: &Path, args: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_okrd"));
    for name in ["OKRD_AUTHOR", "OKRD_CONFIG", "OKRD_LOG", "OKRD_LOG_FORMAT"] {
        command.env_remove(name);
    }
    let done = command
        .args(args)
        .current_dir(home)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(
        done.status.success(),
        "okrd {args:?}: {}\n{said}",
        done.status
    );
    String::from_utf8(done.stdout).unwrap()
}

/// An alert that fires at once, in place of those that wait for minutes; `deploy/prometheus` has the real ones.
const RULES: &str = r#"groups:
  - name: okrd
    interval: 1s
    rules:
      - alert: OkrdSourceFailing
        expr: okrd_source_up == 0
        labels: { severity: warning }
      - alert: OkrdMeasurementStale
        expr: okrd_key_result_status{status="stale"} == 1
        labels: { severity: info }
"#;

/// A configuration that scrapes the daemon each second, once under each of these names.
pub(crate) fn scrape_config(port: u16, instances: &[&str]) -> String {
    let mut config =
        "global: { scrape_interval: 1s, evaluation_interval: 1s }\nrule_files: [rules.yml]\n\
                      scrape_configs:\n  - job_name: okrd\n    static_configs:\n"
            .to_owned();
    for instance in instances {
        config += &format!(
            "      - targets: [\"127.0.0.1:{port}\"]\n        labels: {{ instance: {instance} }}\n"
        );
    }
    config
}

fn scrape(home: &Path, storage: &Path, port: u16) -> Prometheus {
    std::fs::write(home.join("rules.yml"), RULES).unwrap();
    let config = home.join("prometheus.yml");
    std::fs::write(&config, scrape_config(port, &["okrd"])).unwrap();
    let flags = ["--query.lookback-delta=65m"];
    Prometheus::start_with(&config, storage, &flags)
}

/// The cycle so far, as blocks of Prometheus: a sample an hour, for which it takes a few seconds; so this Prometheus looks
/// back for an hour. With the usual five minutes it would need a step of five.
fn history(home: &Path, storage: &Path) {
    let text = home.join("history.om");
    let file = text.display().to_string();
    okrd(
        home,
        &[
            "export",
            "--openmetrics",
            "--cycle",
            "autumn",
            "--label",
            "instance=okrd",
            "--step",
            "1h",
            "--output",
            &file,
        ],
    );
    promtool(&[
        "tsdb",
        "create-blocks-from",
        "openmetrics",
        "--max-block-duration=744h",
        &file,
        &storage.display().to_string(),
    ]);
}

/// Seconds that this Prometheus looks back.
pub(crate) const LOOK_BACK: f64 = 65.0 * 60.0;

/// Days of the cycle that are over, as the dashboards count them.
pub(crate) fn days(seconds: f64) -> i64 {
    (seconds / DAY).ceil() as i64
}
