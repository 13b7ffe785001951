//! What of an answer is believed: a fall to 0, bounds, a canary, data that are too old; what `probe` says of it beforehand
//! and `history` afterwards.

use serde_json::Value;

use crate::home::{DAEMON, Home, SHOP, growth, key_result};

/// A shop in which one number stands, read with these further keys of the measure.
fn home(keys: &str) -> Home {
    let measure =
        format!("measure = {{ source = \"shop\", query = \"SELECT n FROM open\"{keys} }}");
    let okrs = growth(&[&key_result("bugs", &measure), &key_result("recommend", "")]);
    let daemon = format!("{DAEMON}{SHOP}");
    let home = Home::new(&[("okrd.toml", &daemon), ("okrs/team.toml", &okrs)]);
    shop(&home, "CREATE TABLE open (n); INSERT INTO open VALUES (3)");
    home
}

fn shop(home: &Home, sql: &str) {
    let shop = rusqlite::Connection::open(home.path("shop.db")).unwrap();
    shop.execute_batch(sql).unwrap();
}

/// One poll that must end with this code.
fn poll(home: &Home, code: i32) {
    home.ends(code, &["run", "--once"]);
}

#[test]
fn f21_a_fall_to_zero_is_told_by_probe_and_recorded_when_it_is_seen_again() {
    let home = home("");
    poll(&home, 0);
    shop(&home, "UPDATE open SET n = 0");
    let done = home.ends(1, &["probe", "growth/bugs"]);
    for words in [
        "a poll would not take it",
        "found 0 after 3",
        "allow_zero = true",
    ] {
        assert!(done.out.contains(words), "{words}: {done:#?}");
    }
    let done = home.ends(1, &["probe", "growth/bugs", "--format", "json"]);
    let json: Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!(json["probes"][0]["value"], 0.0);
    assert_eq!(json["probes"][0]["doubt"]["class"], "suspect");
    poll(&home, 1);
    assert_eq!(home.history("growth/bugs"), [3.0]);
    poll(&home, 0);
    assert_eq!(home.history("growth/bugs"), [3.0, 0.0]);
    home.ends(0, &["probe", "growth/bugs"]);
}

#[test]
fn f21_whoever_allows_zero_gets_it_at_once() {
    let home = home(", allow_zero = true");
    poll(&home, 0);
    shop(&home, "UPDATE open SET n = 0");
    home.ends(0, &["probe", "growth/bugs"]);
    poll(&home, 0);
    assert_eq!(home.history("growth/bugs"), [3.0, 0.0]);
}

#[test]
fn f22_f29_what_lies_out_of_bounds_or_beside_a_silent_canary_is_never_recorded() {
    let canary = "canary = { query = \"SELECT count(*) FROM seen\", at_least = 1 }";
    let home = home(&format!(
        ", min = 0, max = 1000, max_drop_percent = 50, {canary}"
    ));
    shop(&home, "CREATE TABLE seen (id); INSERT INTO seen VALUES (1)");
    poll(&home, 0);
    for n in ["-1", "1001"] {
        shop(&home, &format!("UPDATE open SET n = {n}"));
        let done = home.ends(1, &["probe", "growth/bugs"]);
        assert!(done.out.contains("suspect: found "), "{done:#?}");
        poll(&home, 1);
        poll(&home, 1);
    }
    shop(&home, "UPDATE open SET n = 1000");
    poll(&home, 0);
    shop(&home, "UPDATE open SET n = 12");
    poll(&home, 1);
    poll(&home, 0);
    // However often it comes.
    shop(&home, "UPDATE open SET n = 13; DELETE FROM seen");
    let done = home.ends(1, &["probe", "growth/bugs"]);
    assert!(done.out.contains("the canary counts 0"), "{done:#?}");
    poll(&home, 1);
    poll(&home, 1);
    assert_eq!(home.history("growth/bugs"), [3.0, 1000.0, 12.0]);
}

#[test]
fn f24_data_that_are_too_old_are_suspect_and_newer_ones_stand_at_their_own_instant() {
    let home = home("");
    let measure = "measure = { source = \"shop\", query = \"SELECT n AS value, at AS as_of FROM open\", max_age = \"1h\" }";
    let okrs = growth(&[&key_result("bugs", measure), &key_result("recommend", "")]);
    home.write("okrs/team.toml", &okrs);
    shop(
        &home,
        "ALTER TABLE open ADD COLUMN at; UPDATE open SET at = datetime('now', '-2 hours')",
    );
    let done = home.ends(1, &["probe", "growth/bugs"]);
    assert!(done.out.contains("expected no more than 60m"), "{done:#?}");
    poll(&home, 1);
    assert!(home.history("growth/bugs").is_empty());
    shop(&home, "UPDATE open SET at = datetime('now', '-10 minutes')");
    poll(&home, 0);
    let done = home.ends(0, &["history", "growth/bugs", "--format", "json"]);
    let json: Value = serde_json::from_str(&done.out).unwrap();
    let instant = |key: &str| -> jiff::Timestamp {
        json["measurements"][0][key]
            .as_str()
            .unwrap()
            .parse()
            .unwrap()
    };
    let behind = instant("slot").duration_since(instant("as_of"));
    assert!((590..700).contains(&behind.as_secs()), "{behind}");
}

#[test]
fn f83_f84_f86_rows_nulls_and_columns_are_refused_unless_their_writer_says_otherwise() {
    let home = home("");
    let ask = |query: &str, keys: &str| {
        let measure = format!("measure = {{ source = \"shop\", query = \"{query}\"{keys} }}");
        let okrs = growth(&[&key_result("bugs", &measure), &key_result("recommend", "")]);
        home.write("okrs/team.toml", &okrs);
        let done = home.okrd(&["probe", "growth/bugs"]);
        assert_eq!(
            done.code,
            i32::from(done.out.contains("failed")),
            "{done:#?}"
        );
        done.out
    };
    let none = "SELECT n FROM open WHERE n > 9";
    assert!(ask(none, "").contains("on_empty"));
    assert!(ask(none, ", on_empty = \"zero\"").contains("integer"));
    let null = "SELECT sum(n) FROM open WHERE n > 9";
    assert!(ask(null, "").contains("COALESCE"));
    assert!(ask(null, ", null_as_zero = true").contains("integer"));
    assert!(ask("SELECT 1, 2", ", on_empty = \"zero\"").contains("2 columns"));
    let done = home.ends(1, &["check", "--online"]);
    assert!(
        done.out.contains("2 columns") || done.err.contains("2 columns"),
        "{done:#?}"
    );
}
