//! Every kind of aim beside the daemon: formulas, milestones, what is so or not, baselines to collect, plans; and that
//! all faces tell the same figures.

use serde_json::Value;

use crate::home::{DAEMON, Home, PATIENT, SHOP, within};

/// Two signups of eight visitors, a plan, two milestones of three, a licence, a baseline of four days.
const KINDS: &str = r#"
cycle = "life"
[objectives.growth]
title = "Grow"
[objectives.growth.key_results.signups]
title = "Signups"
unit = "signups"
baseline = 0
target = 7
measure = { source = "shop", query = "SELECT 2" }
[objectives.growth.key_results.visitors]
title = "Visitors"
unit = "visitors"
baseline = 0
target = 9
plan = [[2020-01-02, 3], [2099-12-31, 9]]
measure = { source = "shop", query = "SELECT 8" }
[objectives.growth.key_results.rate]
title = "Every third signs up"
unit = "%"
kind = "ratio"
baseline = 10
target = 33
measure = { formula = "100 * signups / visitors" }
[objectives.growth.key_results.archive]
title = "The archive opens"
unit = "milestones"
milestones = [
  { title = "Scanned", done = 2020-01-20 },
  { title = "Searchable", due = 2020-02-28, done = 2020-03-01 },
  { title = "Open to all", due = 2099-01-01 },
]
[objectives.growth.key_results.licence]
title = "We hold the licence"
unit = "licence"
boolean = true
[objectives.more]
title = "Learn"
[objectives.more.key_results.calls]
title = "We know how many call"
unit = "calls"
baseline_days = 4
[objectives.more.key_results.width]
title = "Wide, but not too wide"
unit = "metres"
anchors = [[100, 0], [60, 0.7], [20, 1]]
measure = { source = "shop", query = "SELECT 40" }
"#;

fn home() -> Home {
    let daemon = format!("{DAEMON}{SHOP}");
    let home = Home::new(&[("okrd.toml", &daemon), ("okrs/team.toml", KINDS)]);
    home.make_shop();
    home
}

#[test]
fn every_kind_of_aim_is_measured_or_stated_and_shown() {
    let home = home();
    let daemon = home.start();
    within(PATIENT, "the formula follows from what was polled", || {
        (daemon.metrics().value("growth/rate") == Some(25.0)).then_some(())
    });
    assert_eq!(daemon.value("growth/archive"), 2.0);
    assert_eq!(
        daemon.metrics().value("growth/licence"),
        None,
        "nobody said so"
    );
    home.ends(0, &["record", "growth/licence", "1"]);
    home.ends(0, &["record", "more/calls", "12"]);
    within(PATIENT, "what was recorded is shown", || {
        let metrics = daemon.metrics();
        (metrics.value("growth/licence") == Some(1.0) && metrics.value("more/calls").is_some())
            .then_some(())
    });
    let metrics = daemon.metrics();
    assert_eq!(metrics.status("growth/licence"), "at_target");
    assert_eq!(metrics.status("more/calls"), "measuring");
    let page = daemon.get("/").body;
    for words in [
        "2 of 3 milestones are done",
        "It is so.",
        "1 of the 4 days that make a baseline",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    daemon.end();
}

/// A rate of what people told, from the first day of the range on, on every face: nothing of it is stored.
#[test]
fn the_history_of_a_formula_follows_from_what_it_reads() {
    let home = home();
    let team = r#"
cycle = "life"
[objectives.growth]
title = "Grow"
[objectives.growth.key_results.signups]
title = "Signups"
unit = "signups"
baseline = 0
target = 7
stale_after = "3d"
[objectives.growth.key_results.visitors]
title = "Visitors"
unit = "visitors"
baseline = 0
target = 9
stale_after = "30d"
[objectives.growth.key_results.rate]
title = "Every third signs up"
unit = "%"
baseline = 10
target = 33
measure = { formula = "100 * signups / visitors" }
"#;
    home.write("okrs/team.toml", team);
    let rate = |args: &[&str]| {
        let all = [&["history", "growth/rate"], args].concat();
        home.ends(0, &all).out
    };
    assert!(rate(&[]).contains("growth/rate: nothing to compute 100 * signups / visitors from"));
    for (id, value, at) in [
        ("growth/visitors", "8", "2024-03-01T00:00:00Z"),
        ("growth/signups", "1", "2024-03-02T00:00:00Z"),
        ("growth/signups", "2", "2024-03-04T00:00:00Z"),
        // The signups of the 4th are no longer believed then.
        ("growth/visitors", "10", "2024-03-10T00:00:00Z"),
        ("growth/signups", "4", "2024-03-11T00:00:00Z"),
    ] {
        home.ends(0, &["record", id, value, "--at", at]);
    }
    let csv = rate(&["--format", "csv"]);
    let rows: Vec<Vec<&str>> = csv
        .lines()
        .skip(1)
        .map(|l| l.split(',').collect())
        .collect();
    let told: Vec<_> = rows
        .iter()
        .map(|row| (row[0], row[1], row[2], row[3]))
        .collect();
    let all = [
        ("2024-03-02T00:00:00Z", "12.5", "", "computed"),
        ("2024-03-04T00:00:00Z", "25", "", "computed"),
        ("2024-03-11T00:00:00Z", "40", "", "computed"),
    ];
    assert_eq!(told, all);
    let table = rate(&[]);
    assert_eq!(table.matches("computed").count(), 3, "{table}");
    assert!(!table.contains("earlier definition"), "{table}");
    // The visitors of the 1st still hold when the range begins.
    let json = rate(&["--since", "2024-03-04T00:00:00Z", "--format", "json"]);
    let json: Value = serde_json::from_str(&json).unwrap();
    let rows = json["measurements"].as_array().unwrap();
    let told: Vec<_> = rows
        .iter()
        .map(|row| (&row["value"], &row["origin"], &row["slot"]))
        .collect();
    let computed = &Value::from("computed");
    assert_eq!(
        told,
        [
            (&25.0.into(), computed, &Value::Null),
            (&40.0.into(), computed, &Value::Null)
        ]
    );
    let daemon = home.start();
    let read = |id: &str| {
        let path = format!("/api/v1/key-results/growth/{id}/history?from=2024-03-04&to=2024-03-11");
        let answer: Value = serde_json::from_str(&daemon.get(&path).body).unwrap();
        let rows = answer["measurements"].as_array().unwrap().clone();
        let told = rows
            .iter()
            .map(|row| (row["value"].as_f64(), row["origin"].to_string()));
        told.collect::<Vec<_>>()
    };
    assert_eq!(read("rate"), [(Some(25.0), "\"computed\"".to_owned())]);
    assert_eq!(read("signups"), [(Some(2.0), "\"recorded\"".to_owned())]);
    daemon.end();
}

#[test]
fn what_is_not_recorded_by_people_says_what_to_do() {
    let home = home();
    for (id, words) in [
        ("growth/rate", "computed as `100 * signups / visitors`"),
        ("growth/archive", "write `done = <the day>`"),
    ] {
        let error = home.refuses(2, &["record", id, "3"]);
        assert!(error.contains(words), "{error}");
    }
    let error = home.refuses(2, &["record", "growth/licence", "0.5"]);
    assert!(error.contains("expected 1 or 0"), "{error}");
    let error = home.refuses(2, &["probe", "growth/rate"]);
    assert!(error.contains("probe its key results"), "{error}");
}

/// Metrics, JSON and `okrd status` are read from one scorecard: each figure that does not grow with the clock between two
/// readings is the same to its last digit.
#[test]
fn all_faces_tell_the_same_figures() {
    let home = home();
    home.ends(0, &["record", "more/calls", "12"]);
    let daemon = home.start();
    within(PATIENT, "everything polled is shown", || {
        let metrics = daemon.metrics();
        let shown = |id: &str| metrics.value(id).is_some();
        (shown("growth/rate") && shown("more/width")).then_some(())
    });
    let api: Value = serde_json::from_str(&daemon.get("/api/v1/scorecard").body).unwrap();
    let status = home.ends(0, &["status", "--format", "json"]).out;
    let status: Value = serde_json::from_str(&status).unwrap();
    let text = daemon.get("/metrics").body;
    let mut compared = 0;
    for (by_api, by_status) in key_results(&api).zip(key_results(&status)) {
        let id = by_api["id"].as_str().unwrap();
        assert_eq!(by_api["id"], by_status["id"]);
        for (key, family) in [
            ("value", "value"),
            ("baseline", "baseline_value"),
            ("target", "target_value"),
            ("progress_raw", "progress_ratio"),
            ("progress", "score_ratio"),
        ] {
            assert_eq!(by_api[key], by_status[key], "{id}: {key}");
            let exported = exported(&text, family, id);
            assert_eq!(exported, by_api[key].as_f64(), "{id}: {key}");
            compared += usize::from(exported.is_some());
        }
        assert_eq!(by_api["status"], by_status["status"], "{id}");
    }
    assert!(compared > 20, "only {compared} figures were compared");
    for (by_api, by_status) in objectives(&api).zip(objectives(&status)) {
        for key in ["progress", "coverage", "status"] {
            assert_eq!(by_api[key], by_status[key], "{}: {key}", by_api["id"]);
        }
    }
    let report = home.ends(0, &["report", "--format", "json"]).out;
    let report: Value = serde_json::from_str(&report).unwrap();
    let cycle = &report["cycles"][0];
    let mut compared = 0;
    for by_api in objectives(&api) {
        let of = |found: &&Value| found["id"] == by_api["id"];
        let by_report = objectives(cycle).find(of).unwrap();
        for key in ["progress", "coverage", "status"] {
            assert_eq!(by_api[key], by_report[key], "{}: {key}", by_api["id"]);
        }
        for (by_api, by_report) in of_objective(by_api).zip(of_objective(by_report)) {
            assert_eq!(by_api["key_result"], by_report["id"]);
            for key in [
                "value", "baseline", "target", "progress", "status", "stale", "reason",
            ] {
                assert_eq!(by_api[key], by_report[key], "{}: {key}", by_api["id"]);
                compared += usize::from(!by_report[key].is_null());
            }
        }
    }
    assert!(compared > 40, "only {compared} were compared");
    daemon.end();
}

fn objectives(scorecard: &Value) -> impl Iterator<Item = &Value> {
    scorecard["objectives"].as_array().unwrap().iter()
}

fn key_results(scorecard: &Value) -> impl Iterator<Item = &Value> {
    objectives(scorecard).flat_map(of_objective)
}

fn of_objective(objective: &Value) -> impl Iterator<Item = &Value> {
    objective["key_results"].as_array().unwrap().iter()
}

/// The number that stands behind the labels of a key result.
fn exported(text: &str, family: &str, id: &str) -> Option<f64> {
    let (objective, key_result) = id.split_once('/').unwrap();
    let name = format!(
        "okrd_key_result_{family}{{cycle=\"life\",objective=\"{objective}\",key_result=\"{key_result}\"}} "
    );
    let line = text.lines().find_map(|line| line.strip_prefix(&name));
    line.map(|number| number.parse().unwrap())
}
