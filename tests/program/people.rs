//! What people say and how a cycle ends: `checkin`, `annotate` and `close`, beside the daemon and without it.

use serde_json::Value;

use crate::home::{DAEMON, Home, PATIENT, within};

const ID: &str = "growth/recommend";

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn a_check_in_beside_the_daemon_reaches_metrics_page_and_api_without_its_author() {
    let home = Home::shop();
    let daemon = home.start();
    assert_eq!(
        daemon.metrics().of("okrd_key_result_confidence_ratio", ID),
        None
    );
    let words = ["--note", "the survey runs late", "--author", "Ada Lovelace"];
    let mut args = vec!["checkin", ID, "--confidence", "0.6"];
    args.extend(words);
    let done = home.ends(0, &args);
    assert!(
        done.out.contains("confidence 60") && done.out.contains(ID),
        "{}",
        done.out
    );
    within(PATIENT, "the confidence is on /metrics", || {
        let found = daemon.metrics();
        (found.of("okrd_key_result_confidence_ratio", ID) == Some(0.6)).then_some(())
    });
    let card = json(&daemon.get(&format!("/api/v1/key-results/{ID}")).body);
    assert_eq!(card["check_in"]["note"], "the survey runs late");
    assert_eq!(card["confidence_disagrees"], false);
    let page = daemon.get("/").body;
    assert!(page.contains("the survey runs late"), "{page}");
    for path in ["/metrics", "/", "/api/v1/scorecard"] {
        let body = daemon.get(path).body;
        assert!(!body.contains("Lovelace"), "{path}: {body}");
    }
    // A measured key result takes a check-in too, and a note alone leaves the confidence as it was.
    home.ends(0, &["checkin", "growth/subscribers", "--confidence", "1"]);
    home.ends(0, &["checkin", ID, "--note", "done"]);
    within(PATIENT, "the newer note is there", || {
        let card = json(&daemon.get(&format!("/api/v1/key-results/{ID}")).body);
        (card["check_in"]["note"] == "done" && card["confidence"] == 0.6).then_some(())
    });
    daemon.end();
}

#[test]
fn authors_are_kept_and_told_only_where_their_words_are_read() {
    let mut home = Home::shop();
    home.set("USER", "of-the-system");
    home.ends(0, &["record", ID, "7", "--author", "Ada"]);
    home.ends(0, &["checkin", ID, "--confidence", "0.5"]);
    home.set("OKRD_AUTHOR", "Grace");
    home.ends(0, &["checkin", ID, "--note", "halfway"]);
    home.ends(0, &["annotate", ID, "a campaign", "--from", "2024-03-01"]);
    home.ends(0, &["annotate", "an outage", "--from", "7d", "--to", "6d"]);
    let known = json(&home.ends(0, &["history", ID, "--format", "json"]).out);
    assert_eq!(known["measurements"][0]["author"], "Ada");
    let authors = |list: &str| -> Vec<String> {
        let all = known[list].as_array().unwrap();
        all.iter()
            .map(|one| one["author"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(authors("check_ins"), ["of-the-system", "Grace"]);
    assert_eq!(authors("annotations"), ["Grace", "Grace"]);
    let [of_it, of_all] = known["annotations"].as_array().unwrap().as_slice() else {
        panic!("two annotations: {known}");
    };
    assert_eq!(
        (&of_it["about"], &of_it["text"]),
        (&Value::from(ID), &Value::from("a campaign"))
    );
    assert_eq!(of_it["from"], "2024-03-01T00:00:00Z");
    assert_eq!(
        (&of_all["about"], of_it["to"].is_null()),
        (&Value::Null, true)
    );
    let status = home.ends(0, &["status"]).out;
    let as_json = home.ends(0, &["status", "--format", "json"]).out;
    for name in ["Ada", "Grace", "of-the-system"] {
        assert!(!status.contains(name) && !as_json.contains(name), "{name}");
    }
}

#[test]
fn what_says_nothing_or_cannot_be_meant_is_refused() {
    let home = Home::shop();
    for share in ["60", "-0.1", "1.5", "high", "NaN"] {
        let error = home.refuses(2, &["checkin", ID, "--confidence", share]);
        assert!(
            error.contains(share) && error.contains("a share between 0 and 1, such as 0.6"),
            "{share}: {error}"
        );
    }
    let done = home.ends(2, &["checkin", ID]);
    assert!(done.err.contains("--confidence"), "{}", done.err);
    let error = home.refuses(2, &["checkin", ID, "--note", " "]);
    assert!(error.contains("says nothing"), "{error}");
    let error = home.refuses(2, &["checkin", "growth/recomend", "--confidence", "1"]);
    assert!(
        error.contains("did you mean `growth/recommend`?"),
        "{error}"
    );
    let error = home.refuses(2, &["annotate", ID]);
    assert!(error.contains("write the text after the name"), "{error}");
    let error = home.refuses(2, &["annotate", ID, "x", "--from", "1d", "--to", "2d"]);
    assert!(error.contains("before it begins"), "{error}");
    let long = "x".repeat(201);
    let error = home.refuses(2, &["annotate", "x", "--author", &long]);
    assert!(error.contains("201 characters"), "{error}");
    assert!(!home.path("okrd.db").exists(), "nothing was kept");
}

/// The settings with the cycles `now` and `gone`, whose last days lie so many days from today.
#[expect(
    clippy::disallowed_methods,
    reason = "the program under test lives today"
)]
fn settings(gone: i64) -> String {
    let day = |days: i64| jiff::Zoned::now().date() + jiff::Span::new().days(days);
    format!(
        "{DAEMON}[cycles.gone]\nstarts = {}\nends = {}\n[teams.content]\nname = \"Content\"\n",
        day(-100),
        day(gone)
    )
}

/// Two objectives of the cycle `gone`: one aspirational with an amended target, one committed.
#[expect(
    clippy::disallowed_methods,
    reason = "the program under test lives today"
)]
fn ended(target: u32) -> String {
    let changed = jiff::Zoned::now().date() - jiff::Span::new().days(50);
    format!(
        r#"cycle = "gone"
team = "content"
[objectives.growth]
title = "Grow"
[objectives.growth.key_results.visitors]
title = "Visitors"
unit = "visits"
baseline = 48000
target = {target}
[[objectives.growth.key_results.visitors.amendments]]
date = {changed}
field = "target"
from = "+50%"
to = 66000
reason = "The campaign was dropped"
approved_by = "content team lead"
[objectives.growth.key_results.silent]
title = "Never told"
unit = "things"
baseline = 0
target = 1
weight = 0
[objectives.promise]
title = "Keep what we promised"
ambition = "committed"
[objectives.promise.key_results.invoices]
title = "Invoices"
unit = "invoices"
baseline = 0
target = 10
"#
    )
}

/// A store whose cycle `gone` was open when its values were recorded, and is closed by now.
fn home_with_the_past() -> Home {
    let okrs = ended(66_000);
    let home = Home::new(&[("okrd.toml", &settings(5)), ("okrs/gone.toml", &okrs)]);
    home.ends(0, &["record", "growth/visitors", "63000", "--at", "40d"]);
    home.ends(0, &["record", "promise/invoices", "9", "--at", "40d"]);
    let error = home.refuses(2, &["close", "gone"]);
    assert!(error.contains("takes late data until"), "{error}");
    home.write("okrd.toml", &settings(-3));
    let error = home.refuses(2, &["close", "gone"]);
    assert!(error.contains("close it from then on"), "{error}");
    home.write("okrd.toml", &settings(-30));
    home
}

#[test]
fn a_cycle_is_closed_once_and_for_ever_beside_the_daemon() {
    let home = home_with_the_past();
    let error = home.refuses(2, &["close", "gome"]);
    assert!(error.contains("did you mean `gone`?"), "{error}");
    let daemon = home.start();
    let first = home.ends(0, &["close", "gone"]);
    assert_eq!(first.err, "");
    for words in [
        "Grow (Content, aspirational)",
        "score 0.8, strong; 0.6, achieved as first committed",
        "silent",
        "not scored",
        "Keep what we promised (Content, committed)",
        "score 0.9, missed: a written cause is asked for",
        "teams: 0.9 on average over 2 objectives: the targets were too safe",
        "okrd annotate gone:promise/invoices",
    ] {
        assert!(first.out.contains(words), "{words}:\n{}", first.out);
    }
    let kept = json(&home.ends(0, &["close", "gone", "--format", "json"]).out);
    assert_eq!(kept["closed_before"], true);
    let visitors = &kept["objectives"][0]["key_results"][0];
    let near = |found: &Value, expected: f64| (found.as_f64().unwrap() - expected).abs() < 1e-6;
    assert!(near(&visitors["as_first_committed"]["score"], 0.625));
    assert!(near(&visitors["as_amended"]["score"], 0.833_333_3));
    assert_eq!(visitors["as_first_committed"]["verdict"], "achieved");
    assert_eq!(visitors["as_amended"]["verdict"], "strong");
    assert_eq!(kept["causes_wanted"][0], "gone:promise/invoices");

    // The daemon shows what was kept, and so does every command after the files have changed.
    let of_daemon = || {
        let card = json(&daemon.get("/api/v1/key-results/growth/visitors").body);
        card["closing"].clone()
    };
    within(PATIENT, "the daemon knows of the closing", || {
        of_daemon()["closed_at"].is_string().then_some(())
    });
    home.write("okrs/gone.toml", &ended(600_000));
    let again = home.ends(0, &["close", "gone"]);
    assert!(again.err.contains("nothing was changed"), "{}", again.err);
    assert_eq!(again.out, first.out);
    let status = home.ends(0, &["status"]).out;
    assert!(status.contains("Closed: 0.8, strong"), "{status}");
    assert_eq!(of_daemon()["verdict"], "strong");
    let page = daemon.get("/?cycle=gone").body;
    assert!(
        page.contains("0.8, strong; 0.6, achieved as first committed"),
        "{page}"
    );
    // A closed cycle takes no check-in, but the cause that it asks for.
    let error = home.refuses(2, &["checkin", "promise/invoices", "--confidence", "1"]);
    assert!(error.contains("is closed since"), "{error}");
    home.ends(0, &["annotate", "gone:promise/invoices", "one sick week"]);
    daemon.end();
}
