//! What people know: `okrd record` beside the daemon, and every way in which it refuses.

use serde_json::Value;

use crate::home::{Home, PATIENT, within};

const ID: &str = "growth/recommend";

#[test]
fn a_value_recorded_beside_the_daemon_reaches_it_by_itself() {
    let home = Home::shop();
    let daemon = home.start();
    assert_eq!(daemon.metrics().status(ID), "no_data");
    let done = home.ends(0, &["record", ID, "31.5", "--note", "first survey"]);
    assert!(
        done.out.contains("31.5 things") && done.out.contains(ID),
        "{}",
        done.out
    );
    assert_eq!(daemon.value(ID), 31.5);
    home.ends(0, &["record", ID, "-4"]);
    within(PATIENT, "the newer value is shown", || {
        (daemon.metrics().value(ID) == Some(-4.0)).then_some(())
    });
    // A value of yesterday joins the series and does not become the newest.
    home.ends(0, &["record", ID, "12", "--at", "1d"]);
    within(PATIENT, "the older value is in the series", || {
        let path = format!("/api/v1/key-results/{ID}/history");
        daemon.get(&path).body.contains("12.0").then_some(())
    });
    assert_eq!(daemon.metrics().value(ID), Some(-4.0));
    assert_eq!(home.history(ID), [12.0, 31.5, -4.0]);
    daemon.end();
}

#[test]
fn what_cannot_be_a_value_is_refused_and_changes_nothing() {
    let home = Home::shop();
    for value in [
        "NaN",
        "inf",
        "1e999",
        "",
        " ",
        "12,5",
        "1_000",
        "0x10",
        "12 things",
        "١٢",
    ] {
        let error = home.refuses(2, &["record", ID, value]);
        assert!(
            error.contains(ID) && error.contains("number"),
            "{value}: {error}"
        );
    }
    home.ends(2, &["record", ID, "-inf"]);
    let error = home.refuses(2, &["record", "growth/recomend", "1"]);
    assert!(
        error.contains("did you mean `growth/recommend`?"),
        "{error}"
    );
    let error = home.refuses(2, &["record", "recommend", "1"]);
    assert!(error.contains("objective/key_result"), "{error}");
    let error = home.refuses(2, &["record", "growth/subscribers", "1"]);
    assert!(error.contains("measured by source shop"), "{error}");
    let error = home.refuses(2, &["record", ID, "1", "--at", "2099-01-01"]);
    assert!(error.contains("future"), "{error}");
    let error = home.refuses(2, &["record", ID, "1", "--at", "yesterday"]);
    assert!(
        error.contains("`yesterday`") && error.contains("2026-11-01"),
        "{error}"
    );
    let error = home.refuses(2, &["record", ID, "1", "--note", &"x".repeat(2001)]);
    assert!(error.contains("2000 characters"), "{error}");
    assert!(home.history(ID).is_empty());
    assert!(home.history("growth/subscribers").is_empty());
}

/// The write token is read at each use; what is acknowledged is on disk and on the board.
#[test]
fn a_program_records_over_http_with_the_write_token() {
    let home = Home::shop();
    let daemon = std::fs::read_to_string(home.path("okrd.toml")).unwrap();
    let token = "write_token = { file = \"write.token\" }\n[reload]";
    home.write("okrd.toml", &daemon.replace("[reload]", token));
    home.write("write.token", "first-token\n");
    let daemon = home.start();
    let post = |token: &str, body: &str| {
        let path = format!("/api/v1/key-results/{ID}/measurements");
        let headers = format!(
            "Authorization: Bearer {token}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n",
            body.len()
        );
        daemon.send("POST", &path, &headers, body).unwrap()
    };
    assert_eq!(post("wrong", "{\"value\": 1}").status, 401);
    let answer = post(
        "first-token",
        "{\"value\": 31.5, \"note\": \"by a program\"}",
    );
    assert_eq!(answer.status, 201, "{}", answer.body);
    assert_eq!(
        daemon.metrics().value(ID),
        Some(31.5),
        "on the board at once"
    );
    home.write("write.token", "second-token");
    assert_eq!(post("first-token", "{\"value\": 2}").status, 401);
    assert_eq!(post("second-token", "{\"value\": -4}").status, 201);
    assert_eq!(home.history(ID), [31.5, -4.0]);
    let log = daemon.end();
    assert!(!log.contains("-token"), "{log}");
}

/// Seven days after its end a cycle is closed: its figures are final.
#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the program under test lives today"
)]
fn a_closed_cycle_takes_no_value_and_one_outside_its_cycle_is_remarked_on() {
    // Of a team each: one team has one cycle of a kind at a time.
    let cycle = |name: &str, starts: i64, ends: i64| {
        let day = |days: i64| jiff::Zoned::now().date() + jiff::Span::new().days(days);
        format!(
            "[cycles.{name}]\nstarts = {}\nends = {}\n[teams.{name}]\nname = \"T\"\n",
            day(starts),
            day(ends)
        )
    };
    let cycles = cycle("gone", -40, -9) + &cycle("ended", -40, -3) + &cycle("open", -40, 40);
    let daemon = format!("include = [\"okrs/*.toml\"]\n{cycles}");
    let okrs = |name: &str| {
        format!(
            "cycle = \"{name}\"\nteam = \"{name}\"\n[objectives.growth]\ntitle = \"Grow\"\n\
             [objectives.growth.key_results.recommend]\ntitle = \"Recommended\"\nunit = \"points\"\n\
             baseline = \"first\"\ntarget = \"+10\"\n"
        )
    };
    let (gone, ended, open) = (okrs("gone"), okrs("ended"), okrs("open"));
    let home = Home::new(&[
        ("okrd.toml", &daemon),
        ("okrs/gone.toml", &gone),
        ("okrs/ended.toml", &ended),
        ("okrs/open.toml", &open),
    ]);
    let error = home.refuses(2, &["record", &format!("gone:{ID}"), "1", "--at", "20d"]);
    assert!(
        error.contains("cycle gone") && error.contains("closed since"),
        "{error}"
    );
    assert!(home.history(&format!("gone:{ID}")).is_empty());
    let of_the_end = home.ends(0, &["record", &format!("ended:{ID}"), "1", "--at", "5d"]);
    assert_eq!(of_the_end.err, "");
    let too_late = home.ends(0, &["record", &format!("ended:{ID}"), "2"]);
    assert!(too_late.err.contains("after the end"), "{}", too_late.err);
    let too_early = home.ends(0, &["record", ID, "3", "--at", "1999-11-25"]);
    assert!(
        too_early.err.contains("before the start"),
        "{}",
        too_early.err
    );

    // The baseline is the first value entered of the cycle, whatever is told later for an earlier day.
    for (value, age) in [("10", "5d"), ("4", "10d"), ("17", "1h")] {
        home.ends(0, &["record", ID, value, "--at", age]);
    }
    let status = home.ends(0, &["status", "--format", "json"]).out;
    let status: Value = serde_json::from_str(&status).unwrap();
    let cards = |cycle: &str| {
        let all = status["objectives"].as_array().unwrap();
        all.iter().find(|o| o["cycle"] == cycle).unwrap()["key_results"][0].clone()
    };
    let open = cards("open");
    assert_eq!(
        (open["baseline"].as_f64(), open["target"].as_f64()),
        (Some(10.0), Some(20.0))
    );
    assert_eq!(open["value"], 17.0);
    assert_eq!(cards("ended")["value"], 1.0);
}

#[test]
fn a_series_reads_as_table_csv_and_json_and_from_an_instant_on() {
    let home = Home::shop();
    let empty = home.ends(0, &["history", ID]);
    assert!(empty.out.contains("nothing recorded"), "{}", empty.out);
    assert!(!home.path("okrd.db").exists(), "reading makes no store");
    let days = [
        ("2024-03-01", "1"),
        ("2024-03-02T12:00:00Z", "9007199254740993"),
        ("2024-03-03", "-3e2"),
    ];
    for (day, value) in days {
        let note = format!("=SUM(A1), \"{day}\"");
        home.ends(0, &["record", ID, value, "--at", day, "--note", &note]);
    }
    assert_eq!(home.history(ID), [1.0, 9_007_199_254_740_992.0, -300.0]);
    let since = |since: &str| {
        let args = ["history", ID, "--since", since, "--format", "csv"];
        home.ends(0, &args).out.lines().skip(1).count()
    };
    assert_eq!(since("2024-03-02"), 2);
    assert_eq!(since("2024-03-02T12:00:00Z"), 2, "that instant included");
    assert_eq!(since("2024-03-02T12:00:01Z"), 1);
    assert_eq!(since("30d"), 0);
    home.refuses(2, &["history", ID, "--since", "lately"]);

    let csv = home.ends(0, &["history", ID, "--format", "csv"]).out;
    let mut lines = csv.lines();
    assert_eq!(
        lines.next(),
        Some("as_of,value,slot,origin,definition,comparable,carried_over,flags,note")
    );
    let first = lines.next().unwrap();
    assert!(first.starts_with("2024-03-01T00:00:00Z,1,"), "{first}");
    // A spreadsheet must not take a note for a formula.
    assert!(
        first.ends_with(r#","'=SUM(A1), ""2024-03-01""""#),
        "{first}"
    );
    let json = home.ends(0, &["history", ID, "--format", "json"]).out;
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["key_result"], ID);
    let note = "\u{1b}[31mred\u{7}, said a terminal";
    home.ends(
        0,
        &["record", ID, "1", "--at", "2024-03-04", "--note", note],
    );
    let csv = home.ends(0, &["history", ID, "--format", "csv"]).out;
    let mut bytes = csv.bytes();
    assert!(bytes.all(|b| b == b'\n' || !b.is_ascii_control()), "{csv}");
    assert!(
        csv.contains("\"\\u{1b}[31mred\\u{7}, said a terminal\""),
        "{csv}"
    );
    assert_eq!(json["measurements"][1]["value"], 9_007_199_254_740_992.0);
    assert_eq!(json["measurements"][1]["exact"], "9007199254740993");
    assert_eq!(json["measurements"][1]["as_of"], "2024-03-02T12:00:00Z");
    let table = home.ends(0, &["history", ID]).out;
    assert!(
        table.contains("2024-03-02 12:00:00 UTC") && table.contains("recorded"),
        "{table}"
    );
    // The same name, told with its cycle.
    assert_eq!(home.history("life:growth/recommend").len(), 4);
    let error = home.refuses(2, &["history", "2019:growth/recommend"]);
    assert!(error.contains("2019:growth/recommend"), "{error}");
}
