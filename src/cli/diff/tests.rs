//! The faces of the diff as golden files: one change of a small company, with values, without, and with nothing to tell. The
//! two states of the company stand in `tests/review`.

use std::path::{Path, PathBuf};

use super::*;
use crate::config::check::{check, check_all};
use crate::config::files::{File, Files};
use crate::domain::goals::Goals;
use crate::domain::history::History;
use crate::domain::series::Point;
use crate::source::jq::judge;

fn place(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/review")
        .join(name)
}

fn files(state: &str) -> Files {
    let read = |name: &str| std::fs::read_to_string(place(name)).unwrap();
    let okrs =
        |name: &str, file: &str| File::new(format!("okrs/{name}"), "/srv/okrd/okrs", read(file));
    let mut files = vec![
        File::new("okrd.toml", "/srv/okrd", read("okrd.toml")),
        okrs("company.toml", "company.toml"),
        okrs("content.toml", state),
    ];
    if state == "after.toml" {
        // An objective moves to another team, and so to its file.
        files.push(okrs("shop.toml", "after-shop.toml"));
    }
    Files {
        files,
        findings: Vec::new(),
    }
}

fn now() -> Timestamp {
    "2026-11-16T12:00:00Z".parse().unwrap()
}

/// A value every third day, from the first to the last of these.
fn measured(history: &mut History, goals: &Goals, path: &str, (first, last): (f64, f64)) {
    let cycle = goals.cycles.values().next().unwrap();
    let id = KeyResultId::parse_full(&format!("{}:{path}", cycle.name)).unwrap();
    if goals.key_result(&id).is_none() {
        return;
    }
    for step in 0..16 {
        let hours = jiff::SignedDuration::from_hours(3 * 24 * step + 6);
        let point = Point {
            as_of: cycle.start() + hours,
            value: first + (last - first) * step as f64 / 15.0,
        };
        history.record(&id).enter(point, cycle, true);
    }
}

fn known(goals: &Goals) -> History {
    let mut history = History::default();
    for (path, way) in [
        ("reflex/known", (50.0, 62.0)),
        ("reflex/asked", (20.0, 29.0)),
        ("more-visitors/subscribers", (640.0, 820.0)),
        ("more-visitors/visitors", (48_000.0, 57_000.0)),
        ("more-visitors/complaints", (280.0, 350.0)),
        ("loyal/returning", (30.0, 34.0)),
        ("loyal/orders", (0.0, 20.0)),
    ] {
        measured(&mut history, goals, path, way);
    }
    history
}

/// Everything that the command tells of the change from one of the files to another.
fn told(before: &str, after: &str, with_values: bool, probes: Vec<SideBySide>) -> [String; 3] {
    let (old_files, new_files) = (files(before), files(after));
    let (old, known_before) = check_all(&old_files, judge, now());
    let (new, findings) = check(&new_files, judge, now());
    let new = new.unwrap_or_else(|| panic!("{findings:?}"));
    let mut diff = diff(&old, &new, now());
    let renamed = renamed(&diff);
    let within = reach(&old.goals, &new.goals, &renamed);
    let mut after = known(&new.goals);
    // Measured otherwise and not carried over: nothing is known of it.
    let visitors = |id: &KeyResultId| id.key_result.as_str() == "visitors";
    after.retain(|id| old.goals == new.goals || !visitors(id));
    let effect = effect(
        (&old.goals, &new.goals),
        (&known(&old.goals), &after),
        &renamed,
        &within,
        now(),
    );
    let effect = with_values.then_some(effect);
    if let Some(effect) = &effect {
        settle_open(effect, &mut diff);
        remark_on_gone(effect, &mut diff);
    }
    let none = "there is no store at /srv/okrd/okrd.db; `--values URL` asks a running daemon";
    let report = Report::new(
        report::Sides {
            old: &old,
            new: &new,
        },
        &diff,
        effect,
        probes,
        report::Circumstances {
            base: "main".to_owned(),
            unread: Vec::new(),
            values: if with_values {
                Ok("the daemon at https://okrd.acme.example/".to_owned())
            } else {
                Err(none.to_owned())
            },
            remarks: Vec::new(),
            findings: report::new_findings(&known_before, &findings),
        },
    );
    [
        text::text(&report),
        comment::markdown(&report),
        json::json(&report),
    ]
}

/// Compares with the file, or writes it when OKRD_GOLDEN says so.
fn golden(name: &str, found: &str) {
    let file = place(name);
    if std::env::var("OKRD_GOLDEN").as_deref() == Ok("write") {
        std::fs::write(&file, found).unwrap();
    }
    let expected = std::fs::read_to_string(&file).unwrap_or_default();
    assert_eq!(found, expected, "{name}; OKRD_GOLDEN=write writes it anew");
}

fn probed() -> Vec<SideBySide> {
    let told = |value| side_by_side::Told {
        value,
        took: std::time::Duration::from_millis(12),
    };
    vec![SideBySide {
        key_result: KeyResultId::parse_full("2026-Q4:more-visitors/visitors").unwrap(),
        old: told(Ok(57_000.0)),
        new: told(Ok(61_000.0)),
        from: "0123456789abcdef".to_owned(),
        is_other: true,
        date: jiff::civil::date(2026, 11, 16),
        at: now(),
    }]
}

#[test]
fn the_faces_of_a_change() {
    let [text, comment, json] = told("before.toml", "after.toml", true, probed());
    golden("change.txt", &text);
    golden("change.md", &comment);
    let document: serde_json::Value = serde_json::from_str(&json).unwrap();
    golden("change.json", &format!("{document:#}\n"));
    let gone = document["changes"].as_array().unwrap().iter();
    let gone = gone.filter(|change| change["id"] == "loyal/orders");
    let remarks: Vec<_> = gone.map(|change| change["remarks"].to_string()).collect();
    assert!(remarks[0].contains("off track"), "{remarks:?}");
}

#[test]
fn without_values_everything_else_is_told() {
    let [text, comment, json] = told("before.toml", "after.toml", false, Vec::new());
    for told in [&text, &comment] {
        assert!(told.contains("there is no store"), "{told}");
    }
    let document: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert!(document["effects"].is_null());
    assert!(
        document["values"]["absent"]
            .as_str()
            .unwrap()
            .contains("--values URL")
    );
    let [_, with, _] = told("before.toml", "after.toml", true, Vec::new());
    let of = |text: &str| text.matches("| `").count();
    assert!(of(&comment) > 5 && of(&comment) < of(&with));
}

#[test]
fn nothing_is_told_in_one_line() {
    let [text, comment, _] = told("after.toml", "after.toml", true, Vec::new());
    assert_eq!(text, "Nothing changed that means anything.\n");
    assert_eq!(
        comment,
        "<!-- okrd-review -->\n### ✅ Nothing changed that means anything.\n"
    );
}

/// The text without its code, in which nothing is markup, a link or a mention.
fn outside_code(text: &str) -> String {
    let ticks = |text: &str| text.len() - text.trim_start_matches('`').len();
    let (mut rest, mut outside) = (text, String::new());
    while let Some(c) = rest.chars().next() {
        let fence = ticks(rest);
        let after = &rest[fence.max(c.len_utf8())..];
        if fence == 0 || outside.ends_with('\\') {
            outside.push(c);
            rest = &rest[c.len_utf8()..];
            continue;
        }
        let mut ends = after.match_indices(&rest[..fence]).map(|(at, _)| at);
        let end = ends.find(|at| ticks(&after[*at..]) == fence && !after[..*at].ends_with('`'));
        rest = &after[end.unwrap() + fence..];
    }
    outside
}

#[test]
fn nobody_is_notified_and_nothing_is_markup() {
    let [_, comment, _] = told("before.toml", "after.toml", true, Vec::new());
    let shown = outside_code(&comment);
    assert!(
        shown.contains("img src") && shown.contains("ada, see"),
        "{shown}"
    );
    for bad in ["<img", "<b>", "@ada", "#12", "https://"] {
        assert!(!shown.contains(bad), "{bad} in {shown}");
    }
    // A row of a table has as many cells as its head.
    let cells = |line: &str| line.replace("\\|", "").matches('|').count();
    let mut head = None;
    for line in comment.lines() {
        if line.starts_with('|') {
            assert_eq!(*head.get_or_insert(cells(line)), cells(line), "{line}");
        } else {
            head = None;
        }
    }
}
