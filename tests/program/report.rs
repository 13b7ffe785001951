//! `okrd report` and `okrd present`, as people call them: beside the daemon and without it, before anything was measured,
//! of the past, and asked for what is not there.

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::Value;

use crate::home::{Home, SHOP};

/// So long has the cycle run.
const RUNS: i64 = 40;

#[expect(
    clippy::disallowed_methods,
    reason = "the program under test lives today"
)]
fn day(ago: i64) -> Date {
    let today = Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    today - jiff::Span::new().days(ago)
}

/// A cycle that runs and one that ended before it, two teams, a target that was amended three days ago.
fn home() -> Home {
    let daemon = format!(
        r#"lints.KR-WHY = "off"
timezone = "UTC"
include = ["okrs/*.toml"]
[company]
name = "Acme"
vision = "Everyone looks it up with us"
strategy = ["Be found first"]
[cycles.before]
starts = {}
ends = {}
[cycles.now]
starts = {}
ends = {}
[teams.content]
name = "Content"
[teams.care]
name = "Care"
[server]
listen = "127.0.0.1:0"
[reload]
watch = false
[polling]
schedule = "every 12h"
jitter = "0s"
{SHOP}"#,
        day(RUNS + 90),
        day(RUNS + 1),
        day(RUNS),
        day(-50)
    );
    let now = format!(
        r#"cycle = "now"
team = "content"
[objectives.growth]
title = "More people find us"
[objectives.growth.key_results.subscribers]
title = "Pass a thousand"
unit = "subscribers"
baseline = 0
target = 1000
[[objectives.growth.key_results.subscribers.amendments]]
date = {}
field = "target"
from = 2000
to = 1000
reason = "The fair was called off"
approved_by = "content team lead"
[objectives.growth.initiatives.letter]
title = "A letter"
key_results = ["subscribers"]
state = "dropped"
learned = "Nobody opened it"
"#,
        day(3)
    );
    let before = r#"cycle = "before"
team = "content"
[objectives.letters]
title = "Letters are read"
[objectives.letters.key_results.read]
title = "Half are read"
unit = "%"
baseline = 20
target = 50
[objectives.letters.initiatives.short]
title = "Short ones"
key_results = ["read"]
state = "done"
learned = "Three hundred words are read to the end"
"#;
    let home = Home::new(&[
        ("okrd.toml", &daemon),
        ("okrs/now.toml", &now),
        ("okrs/before.toml", before),
    ]);
    home.make_shop();
    home
}

/// The same with values of half a month and words of a person.
fn measured() -> Home {
    let home = home();
    for (ago, value) in [(16, "120"), (9, "300"), (2, "420")] {
        let at = format!("{}T12:00:00Z", day(ago));
        let words = [
            "record",
            "growth/subscribers",
            value,
            "--at",
            &at,
            "--author",
            "Ada",
        ];
        home.ends(0, &words);
    }
    let note = ["--note", "it grows", "--author", "Grace"];
    home.ends(
        0,
        &[
            &["checkin", "growth/subscribers", "--confidence", "0.6"],
            &note[..],
        ]
        .concat(),
    );
    home.ends(
        0,
        &[
            "annotate",
            "before:letters/read",
            "the cause",
            "--author",
            "Grace",
        ],
    );
    home
}

fn json(home: &Home, args: &[&str]) -> Value {
    let done = home.ends(0, &[&["report", "--format", "json"], args].concat());
    serde_json::from_str(&done.out).unwrap()
}

fn subscribers(told: &Value) -> &Value {
    &told["cycles"][0]["objectives"][0]["key_results"][0]
}

#[test]
fn goals_are_told_before_anything_is_measured() {
    let home = home();
    let told = home.ends(0, &["report"]).out;
    let at = |what: &str| told.find(what).unwrap_or_else(|| panic!("{what}: {told}"));
    assert_eq!(at("# Everyone looks it up with us"), 0);
    assert!(at("Be found first") < at("### More people find us"));
    assert!(at("### More people find us") < at("| Pass a thousand | – |"));
    assert!(!told.contains("Letters are read"), "{told}");
    let slides = home.ends(0, &["present"]).out;
    assert!(slides.starts_with("<!DOCTYPE html>") && slides.contains("More people find us"));
    assert!(!home.path("okrd.db").exists(), "a report makes no store");
}

#[test]
fn a_report_tells_of_a_week_and_of_whatever_is_asked_for() {
    let home = measured();
    let told = json(&home, &[]);
    let kr = subscribers(&told);
    assert_eq!(
        (&kr["value"], &kr["at_start"]["value"]),
        (&420.0.into(), &300.0.into()),
        "{kr}"
    );
    assert_eq!(
        (&kr["target"], &kr["at_start"]["target"]),
        (&1000.0.into(), &2000.0.into()),
        "{kr}"
    );
    let kinds: Vec<_> = kr["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| &c["kind"])
        .collect();
    assert!(
        kinds.contains(&&"amendment".into()) && kinds.contains(&&"check_in".into()),
        "{kr}"
    );
    // No daemon was there to note it: the past itself tells since when a status stands.
    let turned = kr["changes"]
        .as_array()
        .unwrap()
        .iter()
        .find(|c| c["kind"] == "status");
    let turned = turned.unwrap_or_else(|| panic!("{kr}"))["at"]
        .as_str()
        .unwrap();
    assert!(turned < day(0).to_string().as_str(), "{kr}");
    let text = home.ends(0, &["report"]).out;
    for words in [
        "Target: 2,000 → 1,000",
        "The fair was called off",
        "Value: 300 → 420 subscribers",
        "confidence 60 %: “it grows”",
        "A letter: Nobody opened it",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    // Of the past it tells what was known and agreed then; a day is told of to its end.
    let (since, until) = (day(20).to_string(), day(9).to_string());
    let told = json(&home, &["--since", &since, "--until", &until]);
    let kr = subscribers(&told);
    assert_eq!(
        (&kr["value"], &kr["target"]),
        (&300.0.into(), &2000.0.into()),
        "{kr}"
    );
    assert!(kr["at_start"]["value"].is_null(), "{kr}");
    assert_eq!(told["until"], format!("{}T00:00:00Z", day(8)));
    // A cycle that is over is told of as a whole.
    let told = json(&home, &["--cycle", "before"]);
    assert_eq!(told["since"], format!("{}T00:00:00Z", day(RUNS + 90)));
    let closed = &told["cycles"][0]["objectives"][0];
    assert_eq!(closed["status"], "closed");
    assert!(
        closed["closing"]["as_amended"]["score"].is_null(),
        "{closed}"
    );
}

/// Nobody is named, whoever said or recorded something.
#[test]
fn nobody_is_named() {
    let home = measured();
    for args in [
        &["report"][..],
        &["report", "--format", "html"],
        &["report", "--format", "json"],
        &["report", "--cycle", "before"],
        &["present"],
    ] {
        let told = home.ends(0, args).out;
        assert!(!told.contains("Ada") && !told.contains("Grace"), "{told}");
    }
}

#[test]
fn slides_tell_how_the_last_cycle_ended() {
    let home = measured();
    let slides = home.ends(0, &["present", "--since", "12d"]).out;
    for words in [
        "How before ended",
        "What we learned in before",
        "Three hundred words are read to the end",
        "“the cause”",
        "120 → 420",
    ] {
        assert!(slides.contains(words), "{words}: {slides}");
    }
    let slides = home.ends(0, &["present", "--cycle", "before"]).out;
    assert!(slides.contains("Letters are read") && !slides.contains("How before ended"));
}

#[test]
fn a_report_is_read_beside_the_daemon() {
    let home = measured();
    let daemon = home.start();
    assert_eq!(subscribers(&json(&home, &[]))["value"], 420.0);
    home.ends(0, &["record", "growth/subscribers", "500"]);
    assert_eq!(subscribers(&json(&home, &[]))["value"], 500.0);
    daemon.end();
}

#[test]
fn a_file_is_written_whole_and_anew() {
    let home = measured();
    let args = ["report", "--format", "html", "--output", "report.html"];
    assert_eq!(home.ends(0, &args).out, "");
    let first = std::fs::read_to_string(home.path("report.html")).unwrap();
    assert!(first.ends_with("</html>\n"), "{first}");
    home.write("report.html", "an earlier one");
    home.ends(0, &args);
    let second = std::fs::read_to_string(home.path("report.html")).unwrap();
    assert_eq!(second.len(), first.len());
    assert_eq!(
        home.ends(0, &["present", "-o", "/dev/stdout"])
            .out
            .matches("</html>")
            .count(),
        1
    );
    let error = home.refuses(2, &["present", "--output", "nowhere/deck.html"]);
    assert!(error.contains("nowhere/deck.html"), "{error}");
    let left = std::fs::read_dir(home.path("")).unwrap();
    let left: Vec<_> = left
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(
        left.iter()
            .all(|name| !name.contains("unfinished") && !name.starts_with(".report")),
        "{left:?}"
    );
}

#[test]
fn what_is_not_there_is_told_with_what_is() {
    let home = home();
    for command in ["report", "present"] {
        let error = home.refuses(2, &[command, "--cycle", "next"]);
        assert!(
            error.contains("no cycle `next`: there is `before`, `now`"),
            "{error}"
        );
        let error = home.refuses(2, &[command, "--until", "2099-01-01"]);
        assert!(error.contains("lies in the future"), "{error}");
        let error = home.refuses(2, &[command, "--since", "soon"]);
        assert!(error.contains("`soon` is no instant"), "{error}");
        let (since, until) = (day(2).to_string(), day(5).to_string());
        let error = home.refuses(2, &[command, "--since", &since, "--until", &until]);
        assert!(error.contains("no length"), "{error}");
    }
    let error = home.refuses(2, &["report", "--team", "Content"]);
    assert!(
        error.contains("no team `Content`: there is `care`, `content`"),
        "{error}"
    );
    home.write(
        "okrd.db",
        "this is no store, and long enough not to be taken for an empty one",
    );
    home.refuses(3, &["report"]);
    home.refuses(3, &["present"]);
}

#[test]
fn a_team_is_told_of_alone() {
    let home = measured();
    let told = json(&home, &["--team", "content"]);
    assert_eq!(told["team"]["name"], "Content");
    assert_eq!(told["cycles"][0]["objectives"].as_array().unwrap().len(), 1);
    let told = json(&home, &["--team", "care"]);
    assert!(told["cycles"].as_array().unwrap().is_empty(), "{told}");
    let text = home.ends(0, &["report", "--team", "care"]).out;
    assert!(text.starts_with("# Everyone looks it up with us"), "{text}");
}
