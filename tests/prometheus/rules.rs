//! The shipped rules: Prometheus and Alertmanager take them, each alert and each figure has its cases, names are okrd's
//! own, and every alert says what to do.

use std::collections::{BTreeMap, BTreeSet};

use okrd::metrics::names::{self, Kind, Metric};
use serde_json::Value;

use crate::promql;
use crate::servers::prometheus::promtool;
use crate::shipped::{Rule, alerts, figures, files, path, said, text, yaml};

const FOLDER: &str = "deploy/prometheus";
const CASES: &str = "deploy/prometheus/tests";
const RUNBOOKS: &str = "docs/runbooks";

fn full(folder: &str, name: &str) -> String {
    path(folder).join(name).display().to_string()
}

#[test]
fn prometheus_and_alertmanager_take_the_shipped_files() {
    promtool(&["check", "config", &full(FOLDER, "prometheus.yml")]);
    for rules in ["okrd.rules.yml", "okrd.alerts.yml"] {
        let rules = full(FOLDER, rules);
        promtool(&["check", "rules", "--lint=all", "--lint-fatal", &rules]);
    }
    said(
        "amtool",
        &["check-config", &full(FOLDER, "alertmanager.yml")],
    );
}

#[test]
fn every_case_of_the_rules_comes_out_as_expected() {
    for cases in files(CASES, ".yml") {
        promtool(&["test", "rules", &full(CASES, &cases)]);
    }
}

/// What the cases are about: the words after the name of the rule, and what is expected of it.
fn cases() -> BTreeMap<(String, String), Vec<Value>> {
    let mut found: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for file in files(CASES, ".yml") {
        let file = yaml(&format!("{CASES}/{file}"));
        for case in file["tests"].as_array().unwrap() {
            let name = case["name"].as_str().expect("each case has a name");
            let (rule, what) = name.split_once(' ').unwrap();
            let checks = ["alert_rule_test", "promql_expr_test"].map(|kind| &case[kind]);
            let checks = checks.into_iter().filter_map(Value::as_array).flatten();
            for check in checks.clone() {
                let about = check["alertname"].as_str().or(check["expr"].as_str());
                assert_eq!(about, Some(rule), "{name} looks at something else");
            }
            let key = (rule.to_owned(), what.to_owned());
            found.entry(key).or_default().extend(checks.cloned());
        }
    }
    found
}

/// One that fires, one just below, one with a hole; a case in which nothing is expected anywhere shows nothing by itself.
#[test]
fn each_alert_and_each_figure_has_three_cases() {
    let mut cases = cases();
    let mut take = |rule: &Rule, what: &str, results: &str| {
        let key = (rule.name.clone(), what.to_owned());
        let checks = cases.remove(&key);
        let checks = checks.unwrap_or_else(|| panic!("no case `{} {what}`", rule.name));
        assert!(!checks.is_empty(), "{} {what} looks at nothing", rule.name);
        let some = |check: &Value| !check[results].as_array().unwrap().is_empty();
        checks.iter().map(some).collect::<Vec<_>>()
    };
    for alert in alerts() {
        let fires = take(&alert, "fires", "exp_alerts");
        let waits = alert.all["for"].is_string();
        assert!(
            fires.contains(&true) && (fires.contains(&false) || !waits),
            "{} is looked at before and when it fires",
            alert.name
        );
        assert!(!take(&alert, "just below", "exp_alerts").contains(&true));
        take(&alert, "with a hole", "exp_alerts");
    }
    for figure in figures() {
        assert!(!take(&figure, "has a figure", "exp_samples").contains(&false));
        assert!(!take(&figure, "has none", "exp_samples").contains(&true));
        assert!(take(&figure, "with a hole", "exp_samples").contains(&true));
    }
    assert!(cases.is_empty(), "cases of no rule: {:?}", cases.keys());
}

#[test]
fn alerts_say_how_bad_it_is_what_it_is_and_what_to_do() {
    for Rule { name, all, expr } in alerts() {
        let camel = name.chars().all(|c| c.is_ascii_alphabetic()) && name.starts_with("Okrd");
        assert!(camel, "{name}");
        let labels = all["labels"].as_object().unwrap();
        assert!(labels.keys().eq(["severity"]), "{name}: {labels:?}");
        let severity = labels["severity"].as_str().unwrap();
        assert!(
            ["critical", "warning", "info"].contains(&severity),
            "{name}"
        );
        let annotations = all["annotations"].as_object().unwrap();
        let keys: BTreeSet<_> = annotations.keys().map(String::as_str).collect();
        assert_eq!(
            keys,
            BTreeSet::from(["description", "runbook_url", "summary"]),
            "{name}"
        );
        let said = |key: &str| annotations[key].as_str().unwrap();
        let (summary, description) = (said("summary"), said("description"));
        let sentences = summary.matches(". ").count() + 1;
        assert!(
            summary.ends_with('.') && sentences == 1 && !summary.contains("{{"),
            "{name}: one sentence without a value: {summary}"
        );
        // Of what is absent there is no value to tell.
        let tells = description.contains("{{ $value") || expr.starts_with("absent(");
        assert!(description.ends_with('.') && tells, "{name}: {description}");
        assert_eq!(said("runbook_url"), format!("{RUNBOOKS}/{name}.md"));
        // A wait of more than an hour does not stand in `for`, which three missed scrapes would reset.
        let wait = all["for"].as_str().unwrap_or("0m");
        assert!(
            wait == "1h"
                || wait
                    .strip_suffix('m')
                    .is_some_and(|m| m.parse::<u8>().unwrap() < 60),
            "{name}: {wait}"
        );
    }
}

#[test]
fn each_alert_has_its_page_and_each_page_its_alert() {
    let mut index = String::new();
    let mut pages: BTreeSet<_> = files(RUNBOOKS, ".md").into_iter().collect();
    assert!(pages.remove("README.md"));
    for alert in alerts() {
        let Rule { name, all, .. } = &alert;
        assert!(pages.remove(&format!("{name}.md")), "{name} has no page");
        let page = text(&format!("{RUNBOOKS}/{name}.md"));
        let severity = all["labels"]["severity"].as_str().unwrap();
        assert!(
            page.starts_with(&format!("# {name}\n\nSeverity: {severity}: ")),
            "{name}"
        );
        let heads: Vec<_> = page
            .lines()
            .filter(|line| line.starts_with("## "))
            .collect();
        let agreed = [
            "## What it means",
            "## Why it matters",
            "## First steps",
            "## When it resolves",
        ];
        assert_eq!(heads, agreed, "{name}");
        assert!(
            page.contains("```promql") || page.contains("```sh"),
            "{name}"
        );
        let summary = all["annotations"]["summary"].as_str().unwrap();
        index += &format!("| [{name}]({name}.md) | {severity} | {summary} |\n");
    }
    assert!(pages.is_empty(), "pages of no alert: {pages:?}");
    assert!(
        text(&format!("{RUNBOOKS}/README.md")).ends_with(&index),
        "the index should end with:\n{index}"
    );
}

/// The blocks of a Markdown text in this language, without the white space before each line.
pub(crate) fn blocks<'a>(page: &'a str, language: &str) -> Vec<String> {
    let parts = page.split("```").skip(1).step_by(2);
    let of_it = parts.filter_map(|block: &'a str| block.strip_prefix(language)?.strip_prefix('\n'));
    of_it
        .map(|block| {
            block
                .lines()
                .map(|line| format!("{}\n", line.trim()))
                .collect()
        })
        .collect()
}

/// All queries of the runbooks, each with the page it stands on.
pub(crate) fn runbook_queries() -> Vec<(String, String)> {
    let pages = files(RUNBOOKS, ".md").into_iter();
    pages
        .flat_map(|page| {
            let text = text(&format!("{RUNBOOKS}/{page}"));
            let queries = blocks(&text, "promql").into_iter();
            queries.map(move |query| (page.clone(), query))
        })
        .collect()
}

#[test]
fn runbooks_name_commands_that_there_are() {
    let mut seen = BTreeSet::new();
    for page in files(RUNBOOKS, ".md") {
        for line in blocks(&text(&format!("{RUNBOOKS}/{page}")), "sh")
            .concat()
            .lines()
        {
            let Some(rest) = line.strip_prefix("okrd ") else {
                continue;
            };
            // The command, and all its flags, are known to the program.
            let mut words = rest.split(' ');
            let mut command = vec![words.next().unwrap()];
            if command == ["store"] {
                command.extend(words.next());
            }
            command.push("--help");
            let help = said(env!("CARGO_BIN_EXE_okrd"), &command);
            for flag in rest.split(' ').filter(|word| word.starts_with("--")) {
                assert!(help.contains(flag), "{page}: {line}: no flag {flag}");
            }
            seen.insert(command[0].to_owned());
        }
    }
    for command in ["check", "probe", "reload", "resume", "store", "close"] {
        assert!(seen.contains(command), "{command}");
    }
}

/// What scraping adds, and what Prometheus writes itself.
const OF_THE_SCRAPER: [&str; 2] = ["job", "instance"];
const PROMETHEUS_OWN: [&str; 2] = ["up", "scrape_samples_scraped"];

fn find(name: &str) -> Option<&'static Metric> {
    names::ALL.iter().copied().find(|metric| {
        metric.name == name
            || metric.kind == Kind::Histogram
                && name
                    .strip_prefix(metric.name)
                    .is_some_and(|rest| ["_bucket", "_sum", "_count"].contains(&rest))
    })
}

/// Holds the names of an expression against the table of metrics.
fn known(place: &str, expr: &str) {
    let figures: BTreeSet<_> = figures().into_iter().map(|figure| figure.name).collect();
    let found = promql::names(expr);
    assert!(!found.selectors.is_empty(), "{place} asks for nothing");
    let mut labels: BTreeSet<&str> = OF_THE_SCRAPER.into();
    for (name, asked) in &found.selectors {
        if figures.contains(name) {
            labels.extend(["team", "cycle", "objective", "key_result", "source"]);
            continue;
        }
        let of_it = match find(name) {
            Some(metric) => metric.labels,
            None if PROMETHEUS_OWN.contains(&name.as_str()) => &[],
            None => panic!("{place}: okrd has no metric {name}"),
        };
        for label in asked {
            let known = of_it.contains(&label.as_str()) || OF_THE_SCRAPER.contains(&label.as_str());
            assert!(known, "{place}: {name} has no label {label}");
        }
        labels.extend(of_it);
    }
    for label in &found.grouping {
        assert!(
            labels.contains(label.as_str()),
            "{place}: nothing has the label {label}"
        );
    }
}

#[test]
fn rules_and_runbooks_name_what_okrd_exports() {
    for Rule { name, expr, .. } in alerts().into_iter().chain(figures()) {
        known(&name, &expr);
    }
    for (page, query) in runbook_queries() {
        known(&page, &query);
    }
}

/// `level:metric:operations`, made with `without`, so that labels which come later stay.
#[test]
fn figures_are_named_as_prometheus_advises() {
    for Rule { name, expr, .. } in figures() {
        let parts: Vec<_> = name.split(':').collect();
        assert_eq!(parts.len(), 3, "{name}");
        assert!(
            ["team", "cycle", "key_result", "source"].contains(&parts[0]),
            "{name}"
        );
        assert!(!expr.contains(" by ("), "{name}: {expr}");
    }
    let agreed = [
        "cycle:okrd_cycle_elapsed:ratio",
        "cycle:okrd_objective_score_ratio:avg",
        "key_result:okrd_key_result_pace:ratio",
        "source:okrd_source_poll_failures_per_polls:ratio_increase1h",
        "team:okrd_key_result_score_ratio:avg",
    ];
    let there: BTreeSet<_> = figures().into_iter().map(|figure| figure.name).collect();
    assert!(there.iter().eq(agreed), "{there:?}");
}

/// What cannot be matched on all of a target's labels would mix two daemons.
#[test]
fn joins_keep_two_daemons_apart() {
    for Rule { name, expr, .. } in alerts().into_iter().chain(figures()) {
        for (_, rest) in expr.match_indices(" on (").map(|(at, _)| expr.split_at(at)) {
            assert!(rest.starts_with(" on (job, instance"), "{name}: {rest}");
        }
        for (_, rest) in expr.match_indices(" by (").map(|(at, _)| expr.split_at(at)) {
            assert!(rest.starts_with(" by (job, instance"), "{name}: {rest}");
        }
    }
}

#[test]
fn alerts_reach_who_should_hear_of_them() {
    let config = format!("--config.file={}", full(FOLDER, "alertmanager.yml"));
    let receiver = |labels: &[&str]| {
        let mut args = vec!["config", "routes", "test", &config];
        args.extend(labels);
        said("amtool", &args).trim().to_owned()
    };
    for (labels, expected) in [
        (&["severity=critical"][..], "on-call"),
        (&["severity=warning"], "operators"),
        (&["severity=info"], "company"),
        (&["severity=info", "team=care"], "company"),
        (&["severity=info", "team=content"], "team-content"),
    ] {
        assert_eq!(receiver(labels), expected, "{labels:?}");
    }
}

/// None goes, and none becomes a page for a person at night, by an edit that meant something else.
#[test]
fn the_alerts_are_those_that_were_agreed() {
    let agreed = [
        ("OkrdDown", "critical"),
        ("OkrdAbsent", "critical"),
        ("OkrdConfigReloadFailed", "warning"),
        ("OkrdSchedulerStalled", "critical"),
        ("OkrdStoreWriteFailing", "critical"),
        ("OkrdStoreCheckFailed", "critical"),
        ("OkrdStoreIncident", "warning"),
        ("OkrdSourceFailing", "warning"),
        ("OkrdSourceSuspended", "warning"),
        ("OkrdSourceBreakerOpen", "warning"),
        ("OkrdNotifySuspended", "warning"),
        ("OkrdNotifyWaiting", "warning"),
        ("OkrdSchedulerLagging", "info"),
        ("OkrdMeasurementStale", "info"),
        ("OkrdKeyResultAtRisk", "info"),
        ("OkrdKeyResultSandbagged", "info"),
        ("OkrdObjectiveCoverageLow", "info"),
        ("OkrdCycleNotClosed", "info"),
    ];
    let there = alerts();
    let there: Vec<_> = there
        .iter()
        .map(|alert| {
            let severity = alert.all["labels"]["severity"].as_str().unwrap();
            (alert.name.as_str(), severity)
        })
        .collect();
    assert_eq!(there, agreed);
}
