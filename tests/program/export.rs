//! `okrd export --openmetrics`: what is written of the past is what `/metrics` showed then, and a new Prometheus that is
//! given it as blocks answers as if it had scraped.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::home::{Daemon, Home, PATIENT, SHOP, within};
use crate::servers::prometheus::{Prometheus, promtool};
use jiff::Timestamp;
use jiff::civil::Date;

/// So long has the cycle run, and so long ago was a target amended.
const RUNS: i64 = 12;
const AMENDED: i64 = 5;

#[expect(
    clippy::disallowed_methods,
    reason = "the program under test lives today"
)]
fn now() -> Timestamp {
    Timestamp::now()
}

fn day(ago: i64) -> Date {
    let today = now().to_zoned(jiff::tz::TimeZone::UTC).date();
    today - jiff::Span::new().days(ago)
}

fn midnight(ago: i64) -> Timestamp {
    let midnight = day(ago).to_zoned(jiff::tz::TimeZone::UTC).unwrap();
    midnight.timestamp()
}

#[expect(clippy::cast_precision_loss, reason = "seconds of our days")]
fn seconds(at: Timestamp) -> f64 {
    at.as_millisecond() as f64 / 1000.0
}

/// A cycle that began twelve days ago: a shop with one order at noon of each day, counted each midnight; a number that
/// people tell; a target that was amended.
fn home() -> Home {
    let daemon = format!(
        r#"lints.KR-WHY = "off"
timezone = "UTC"
include = ["okrs/*.toml"]
[cycles.now]
starts = {}
ends = {}
[server]
listen = "127.0.0.1:0"
[reload]
watch = false
[polling]
schedule = "0 0 * * *"
jitter = "0s"
{SHOP}"#,
        day(RUNS),
        day(-18)
    );
    let okrs = format!(
        r#"cycle = "now"
[objectives.growth]
title = "Grow \"fast\""
[objectives.growth.key_results.orders]
title = "Orders"
unit = "orders"
baseline = 0
target = 16
measure = {{ source = "shop", query = "SELECT count(*) FROM orders WHERE at <= :now" }}
[[objectives.growth.key_results.orders.amendments]]
date = {}
field = "target"
from = 20
to = 16
reason = "R"
approved_by = "lead"
[objectives.growth.key_results.told]
title = "Told"
unit = "things"
baseline = 0
target = 1000
"#,
        day(AMENDED)
    );
    let home = Home::new(&[("okrd.toml", &daemon), ("okrs/team.toml", &okrs)]);
    let shop = rusqlite::Connection::open(home.path("shop.db")).unwrap();
    shop.execute_batch("CREATE TABLE orders (at TEXT NOT NULL)")
        .unwrap();
    for ago in 1..=RUNS {
        let noon = format!("{} 12:00:00", day(ago));
        shop.execute("INSERT INTO orders VALUES (?1)", [noon])
            .unwrap();
    }
    // Today's is left to a daemon.
    let (from, to) = (midnight(RUNS).to_string(), midnight(1).to_string());
    home.ends(
        0,
        &["backfill", "growth/orders", "--from", &from, "--to", &to],
    );
    home
}

/// Samples by name and labels as they are written; of an export those of each instant, in milliseconds.
type Shown = BTreeMap<String, f64>;

fn exported(text: &str) -> BTreeMap<i64, Shown> {
    let mut all: BTreeMap<i64, Shown> = BTreeMap::new();
    let mut series = "";
    let mut whole = std::collections::BTreeSet::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let mut words = line.rsplitn(3, ' ');
        let at: f64 = words.next().unwrap().parse().unwrap();
        let value: f64 = words.next().unwrap().parse().unwrap();
        let name = words.next().unwrap();
        if name != series {
            assert!(whole.insert(name), "{name} is written in two pieces");
            series = name;
        }
        #[expect(clippy::cast_possible_truncation, reason = "milliseconds")]
        let at = (at * 1000.0).round() as i64;
        let before = all.entry(at).or_default().insert(name.into(), value);
        assert_eq!(before, None, "{line}");
    }
    assert!(text.ends_with("# EOF\n"));
    all
}

/// What `/metrics` says of the goals.
fn live(daemon: &Daemon) -> Shown {
    let text = daemon.get("/metrics").body;
    let lines = text.lines().filter(|line| {
        let of_goals = ["okrd_cycle", "okrd_key_result", "okrd_objective"];
        of_goals.iter().any(|begin| line.starts_with(begin))
    });
    lines
        // Which attempts failed is not kept for ever.
        .filter(|line| !line.starts_with("okrd_key_result_last_measurement_successful"))
        .map(|line| line.rsplit_once(' ').unwrap())
        .map(|(name, value)| (name.to_owned(), value.parse().unwrap()))
        .collect()
}

/// What is shown at a whole second to which nothing changed for a while.
fn at_rest(daemon: &Daemon) -> (i64, Shown) {
    let second = now().as_second() + 2;
    within(PATIENT, "the clock goes on", || {
        (now().as_millisecond() > second * 1000 + 20).then_some(())
    });
    (second * 1000, live(daemon))
}

#[test]
fn what_is_exported_is_what_metrics_showed() {
    let home = home();
    let daemon = home.start();
    let value = r#"okrd_key_result_value{cycle="now",objective="growth",key_result="#;
    let shows = |name: &str, wanted: f64| {
        within(PATIENT, name, || {
            live(&daemon).get(name).filter(|v| **v == wanted).map(drop)
        });
    };
    shows(&format!("{value}\"orders\"}}"), 12.0);
    let mut seen = vec![at_rest(&daemon)];
    let confidence =
        r#"okrd_key_result_confidence_ratio{cycle="now",objective="growth",key_result="told"}"#;
    for (command, name, wanted) in [
        (
            &["record", "growth/told", "100"][..],
            &*format!("{value}\"told\"}}"),
            100.0,
        ),
        (
            &["checkin", "growth/told", "--confidence", "0.25"],
            confidence,
            0.25,
        ),
        (
            &["record", "growth/told", "999.5"],
            &format!("{value}\"told\"}}"),
            999.5,
        ),
    ] {
        home.ends(0, command);
        shows(name, wanted);
        seen.push(at_rest(&daemon));
    }
    let from = Timestamp::from_millisecond(seen[0].0).unwrap().to_string();
    let bare = ["--label", "job=", "--label", "instance="];
    let args = [
        &["export", "--openmetrics", "--from", &from, "--step", "1s"],
        &bare[..],
    ]
    .concat();
    let past = exported(&home.ends(0, &args).out);
    let newest = seen.last().unwrap().0;
    for (at, shown) in seen {
        let told = &past[&at];
        let names: Vec<_> = told.keys().collect();
        assert_eq!(names, shown.keys().collect::<Vec<_>>(), "at {at}");
        for (name, live) in &shown {
            let told = told[name];
            // Of statuses before the newest one the store does not know when a daemon began to tell them.
            if name.starts_with("okrd_key_result_status_since") && at != newest {
                continue;
            }
            // A board is judged again each few seconds.
            let follows_clock = name.contains("_expected_") || name.contains("_forecast_");
            let off = if follows_clock {
                1e-4 * live.abs()
            } else {
                0.0
            };
            assert!(
                (told - live).abs() <= off,
                "{name} at {at}: {told}, live {live}"
            );
        }
    }
    daemon.end();
}

#[test]
fn a_new_prometheus_knows_the_whole_cycle() {
    let home = home();
    let three_days_ago = format!("{}T08:00:00Z", day(3));
    home.ends(
        0,
        &["record", "growth/told", "500", "--at", &three_days_ago],
    );
    let label = "instance=okrd.example.com:10650";
    let done = home.ends(
        0,
        &[
            "export",
            "--openmetrics",
            "--label",
            label,
            "-o",
            "cycle.om",
        ],
    );
    assert!(done.out.is_empty());
    assert!(done.err.starts_with("note: now: "), "{}", done.err);
    let left: Vec<_> = std::fs::read_dir(home.path(".")).unwrap().collect();
    let hidden = left.iter().any(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        name.to_string_lossy().starts_with(".okrd-export")
    });
    assert!(!hidden, "what was put aside is gone");

    let (file, blocks) = (home.path("cycle.om"), home.path("blocks"));
    promtool(&[
        "tsdb",
        "create-blocks-from",
        "openmetrics",
        "--max-block-duration=744h",
        file.to_str().unwrap(),
        blocks.to_str().unwrap(),
    ]);
    home.write("prometheus.yml", "scrape_configs: []\n");
    let prometheus = Prometheus::start(&home.path("prometheus.yml"), &blocks);
    let one = |expr: &str, at: Timestamp| {
        let found = prometheus.query_at(expr, seconds(at));
        assert_eq!(found.len(), 1, "{expr} at {at}: {found:?}");
        found.into_iter().next().unwrap()
    };
    let of = |name: &str, key_result: &str| {
        format!("okrd_key_result_{name}{{key_result=\"{key_result}\"}}")
    };
    for ago in 1..RUNS {
        // The value of the midnight before stands.
        let at = midnight(ago) + jiff::SignedDuration::from_hours(9);
        let value = one(&of("value", "orders"), at);
        #[expect(clippy::cast_precision_loss, reason = "a few days")]
        let (count, target) = ((RUNS - ago) as f64, if ago > AMENDED { 20.0 } else { 16.0 });
        assert_eq!(value.value, count, "{at}");
        assert_eq!(value.labels["job"], "okrd");
        assert_eq!(value.labels["instance"], "okrd.example.com:10650");
        assert_eq!(one(&of("target_value", "orders"), at).value, target, "{at}");
        let progress = one(&of("progress_ratio", "orders"), at).value;
        assert!((progress - count / target).abs() < 1e-12, "{at}");
        let status = one(&of("status", "told"), at).labels["status"].clone();
        assert_eq!(
            status == "no_data",
            ago > 2 && at < three_days_ago.parse().unwrap(),
            "{at}"
        );
    }
    // No hole at any step, and nothing before it was told: at the first midnight there was nothing to count yet.
    let (start, end) = (seconds(midnight(RUNS)), seconds(midnight(0)));
    let range = prometheus.query_range(&of("value", "orders"), start, end, 300.0);
    #[expect(clippy::cast_possible_truncation, reason = "days")]
    let steps = (RUNS as usize - 1) * 288 + 1;
    assert_eq!(range[0].points.len(), steps);
    let told = prometheus.query_range(&of("value", "told"), start, end, 300.0);
    let first = told[0].points[0].0;
    assert_eq!(first, seconds(three_days_ago.parse().unwrap()));
    let info = one("okrd_objective_info", midnight(1));
    assert_eq!(info.labels["title"], "Grow \"fast\"");
}

#[test]
fn what_cannot_be_exported_is_told() {
    let home = home();
    home.write("there", "");
    for (args, told) in [
        (&["--label", "nonsense"][..], "has no `=`"),
        (
            &["--label", "__x=1"],
            "has a name that Prometheus does not take",
        ),
        (
            &["--label", "status=1"],
            "names a label that okrd writes itself",
        ),
        (&["--step", "1ms"], "--step"),
        (
            &["--from", "2000-01-01", "--step", "1s"],
            "expected at most 500,000",
        ),
        (&["--from", "2100-01-01"], "nothing lies between"),
        (&["--cycle", "nwo"], "did you mean `now`?"),
        (&["-o", "there"], "not overwritten"),
        (&["-o", "nowhere/there"], "nowhere"),
    ] {
        let error = home.refuses(2, &[&["export", "--openmetrics"], args].concat());
        assert!(error.contains(told), "{args:?}: {error}");
    }
    let done = home.ends(0, &["export", "--openmetrics", "--step", "1h"]);
    assert!(done.err.contains("graphs have gaps"), "{}", done.err);
    let unbroken = Duration::from_secs(3600).as_millis();
    let at: Vec<i64> = exported(&done.out).into_keys().collect();
    assert!(
        at.windows(2)
            .all(|pair| i128::from(pair[1] - pair[0]) == unbroken as i128)
    );
    let mut home = home;
    home.on_small_disk("small", 64, "");
    let failed = home.refuses(2, &["export", "--openmetrics", "-o", "small/half.om"]);
    assert!(
        failed.contains("cannot") && failed.contains("small"),
        "{failed}"
    );
}
