//! `okrd diff` as reviewers run it: in a git repository, against a branch and against a folder, with the values of the store
//! and of a running daemon; and what it says when there is something wrong with the other side.

use std::process::Command;

use serde_json::Value;

use crate::home::{DAEMON, Home, PATIENT, SHOP, within};

const GROWTH: &str = r#"
cycle = "life"
[objectives.growth]
title = "Grow"
[objectives.growth.key_results.readers]
title = "Readers"
unit = "readers"
baseline = 48000
target = 72000
[objectives.growth.key_results.subscribers]
title = "Subscribers"
unit = "people"
baseline = 0
target = 100
measure = { source = "shop", query = "SELECT 40" }
"#;

fn git(home: &Home, args: &[&str]) -> String {
    let output = Command::new("git")
        .arg("-C")
        .arg(home.path(""))
        .args(["-c", "user.name=A", "-c", "user.email=a@acme.example"])
        .args(args)
        .output()
        .unwrap();
    assert!(output.status.success(), "{args:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A configuration in a repository, committed once.
fn repository() -> Home {
    let daemon = format!("{DAEMON}{SHOP}");
    let home = Home::new(&[("okrd.toml", &daemon), ("okrs/team.toml", GROWTH)]);
    home.make_shop();
    git(&home, &["init", "-q", "-b", "main"]);
    git(&home, &["add", "okrd.toml", "okrs"]);
    git(&home, &["commit", "-qm", "as it was"]);
    home
}

fn nearer(home: &Home) {
    home.write("okrs/team.toml", &GROWTH.replace("72000", "66000"));
}

fn json(home: &Home, code: i32, args: &[&str]) -> Value {
    let all = [&["diff", "--format", "json"], args].concat();
    serde_json::from_str(&home.ends(code, &all).out).unwrap()
}

#[test]
fn nothing_changed_is_a_yes() {
    let home = repository();
    let told = home.ends(0, &["diff", "--base", "main"]).out;
    assert!(told.starts_with("Nothing changed"), "{told}");
    home.append("okrs/team.toml", "# a comment\n");
    home.ends(0, &["diff", "--base", "HEAD"]);
}

#[test]
fn a_goalpost_that_moves_needs_its_record() {
    let home = repository();
    nearer(&home);
    let told = json(&home, 1, &["--base", "main"]);
    let change = &told["changes"][0];
    for (key, value) in [
        ("id", "growth/readers"),
        ("class", "goalpost"),
        ("field", "target"),
        ("before", "72,000"),
        ("after", "66,000"),
        ("effect", "easier"),
        ("record", "missing"),
    ] {
        assert_eq!(change[key], value, "{told}");
    }
    assert_eq!(change["remarks"][0]["code"], "CHG-GOAL");
    assert_eq!(told["effects"], Value::Null, "no store, no values");
    // What it says is done, word for word.
    let remedy = change["record_text"].as_str().unwrap();
    assert!(remedy.contains("from = 72000, to = 66000"), "{remedy}");
    home.append(
        "okrs/team.toml",
        "[[objectives.growth.key_results.readers.amendments]]\nfield = \"target\"\nfrom = 72000\nto = 66000\ndate = 2026-06-01\nreason = \"R\"\napproved_by = \"lead\"\n",
    );
    let told = json(&home, 0, &["--base", "main"]);
    assert_eq!(told["changes"][0]["record"], "present", "{told}");
}

#[test]
fn the_effect_is_that_on_the_values_of_today() {
    let home = repository();
    home.ends(0, &["record", "growth/readers", "57000"]);
    let daemon = home.start();
    within(PATIENT, "both are measured", || {
        let metrics = daemon.metrics();
        let both = ["growth/readers", "growth/subscribers"];
        both.iter()
            .all(|id| metrics.value(id).is_some())
            .then_some(())
    });
    nearer(&home);
    let url = format!("http://{}", daemon.address);
    for args in [
        &["--base", "main"][..],
        &["--base", "main", "--values", &url],
    ] {
        let told = json(&home, 1, args);
        let effect = &told["effects"]["key_results"][0];
        assert_eq!(effect["id"], "growth/readers", "{told}");
        assert_eq!(effect["before"]["value"], 57_000.0);
        assert_eq!(effect["before"]["progress"], 0.375);
        assert_eq!(effect["after"]["progress"], 0.5);
        assert_eq!(effect["gain"], 0.125);
        let above = &told["effects"]["objectives"][0];
        assert_eq!(above["id"], "growth");
        assert_eq!(above["before"]["progress"], 0.3875);
        assert_eq!(above["after"]["progress"], 0.45);
    }
    let text = home.ends(1, &["diff", "--base", "main"]).out;
    assert!(text.contains("37.5 % → 50 %"), "{text}");
    let markdown = home
        .ends(1, &["diff", "--base", "main", "--format", "markdown"])
        .out;
    assert!(
        markdown.starts_with("<!-- okrd diff -->\n❌ **1 change needs an act"),
        "{markdown}"
    );
    daemon.end();
    // A daemon that is gone is no reason to say nothing.
    let told = json(&home, 1, &["--base", "main", "--values", &url]);
    assert_eq!(told["effects"], Value::Null);
    assert!(
        told["values"].as_str().unwrap().contains("does not answer"),
        "{told}"
    );
}

#[test]
fn a_folder_is_a_base_as_well() {
    let home = repository();
    for file in ["okrd.toml", "okrs/team.toml"] {
        let text = std::fs::read_to_string(home.path(file)).unwrap();
        home.write(&format!("before/{file}"), &text);
    }
    let before = home.path("before").display().to_string();
    let told = json(&home, 0, &["--base", &before]);
    assert_eq!(
        told["changes"],
        Value::Array(Vec::new()),
        "paths are no change: {told}"
    );
    nearer(&home);
    assert_eq!(
        json(&home, 1, &["--base", &before])["changes"][0]["field"],
        "target"
    );
}

#[test]
fn a_base_that_is_none_says_what_to_do() {
    let home = repository();
    for (base, words) in [
        ("no-such-branch", "fetch it first"),
        ("--help-me", "neither a path nor a revision"),
        ("HEAD~7", "fetch it first"),
    ] {
        let error = home.refuses(2, &["diff", &format!("--base={base}")]);
        assert!(error.contains(words), "{base}: {error}");
    }
    let error = home.ends(2, &["diff"]).err;
    assert!(error.contains("--base"), "{error}");
    let daemon = format!("{DAEMON}{SHOP}");
    let elsewhere = Home::new(&[("okrd.toml", &daemon), ("okrs/team.toml", GROWTH)]);
    let error = elsewhere.refuses(2, &["diff", "--base", "main"]);
    assert!(error.contains("no git repository"), "{error}");
}

#[test]
fn a_base_without_a_configuration_makes_everything_new() {
    let home = repository();
    git(&home, &["checkout", "-q", "--orphan", "empty"]);
    git(&home, &["rm", "-rq", "--cached", "."]);
    git(&home, &["commit", "-q", "--allow-empty", "-m", "nothing"]);
    let told = json(&home, 0, &["--base", "empty"]);
    let fields: Vec<&str> = told["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| change["field"].as_str().unwrap())
        .collect();
    assert!(
        fields.contains(&"objective") && fields.contains(&"source"),
        "{told}"
    );
    assert!(
        told["base"]
            .as_str()
            .unwrap()
            .contains("which has no okrd.toml")
    );
}

#[test]
fn a_base_that_does_not_load_is_compared_as_far_as_it_can_be_read() {
    let home = repository();
    let broken = GROWTH
        .replace("baseline = 0\n", "baseline = 0\nbasline = 1\n")
        .replace("target = 100\n", "");
    home.write("okrs/team.toml", &broken);
    git(&home, &["commit", "-qam", "broken"]);
    nearer(&home);
    let told = json(&home, 1, &["--base", "HEAD"]);
    let changes = told["changes"].as_array().unwrap();
    assert_eq!(changes[0]["id"], "growth/readers", "{told}");
    assert!(
        changes.iter().all(|change| change["field"] != "key result"),
        "what could not be read is not new: {told}"
    );
    let unread = told["not_compared"].to_string();
    assert!(
        unread.contains("growth/subscribers") && unread.contains("CFG-KEY"),
        "{unread}"
    );
}

#[test]
fn a_configuration_that_does_not_load_is_no_side_of_a_diff() {
    let home = repository();
    home.append("okrs/team.toml", "[objectives.broken");
    let error = home.ends(2, &["diff", "--base", "main"]).err;
    assert!(error.contains("CFG-SYNTAX"), "{error}");
}

/// Nothing of a base may lead out of it, hang, or be mistaken for what it is not.
#[test]
fn what_should_not_be_in_a_repository_is_told_like_in_a_folder() {
    let home = repository();
    let root = home.path("");
    std::fs::write(root.join("okrs/binary.toml"), [0xff, 0xfe, 0, 1]).unwrap();
    std::os::unix::fs::symlink("loop.toml", root.join("okrs/loop.toml")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", root.join("okrs/passwd.toml")).unwrap();
    home.write(
        "okrs/half.toml",
        "cycle = \"life\"\n[objectives.half]\ntitle = \"Ha",
    );
    git(&home, &["add", "-A", "okrs"]);
    git(&home, &["commit", "-qm", "strange things"]);
    for file in ["binary", "loop", "passwd", "half"] {
        std::fs::remove_file(root.join(format!("okrs/{file}.toml"))).unwrap();
    }
    nearer(&home);
    let told = json(&home, 1, &["--base", "HEAD"]);
    assert_eq!(told["changes"][0]["id"], "growth/readers", "{told}");
    let unread = told["not_compared"].to_string();
    assert!(
        unread.contains("not UTF-8")
            && unread.contains("HEAD:okrs/half.toml:3")
            && !unread.contains("root:"),
        "{unread}"
    );
    assert!(
        !unread.contains("/tmp/okrd-"),
        "no scratch folder is told: {unread}"
    );
}

#[test]
fn a_hook_may_call_it() {
    let home = repository();
    nearer(&home);
    let mut command = home.command(&["diff", "--base", "main"]);
    command
        .env("GIT_DIR", "/nowhere")
        .env("GIT_INDEX_FILE", "/nowhere/index");
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
}
