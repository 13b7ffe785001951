//! A forecast as people and programs meet it: first the reason why there is none, then the same figures on every face.

use serde_json::Value;

use crate::home::{DAEMON, Home, PATIENT, growth, key_result, within};

const ID: &str = "growth/recommend";

/// Every 350 days since 2020, 35 more each time: a straight line, which ends with 730.5 at the end of 2039.
const TOLD: [(&str, &str); 7] = [
    ("2020-01-01T00:00:00Z", "0"),
    ("2020-12-16T00:00:00Z", "35"),
    ("2021-12-01T00:00:00Z", "70"),
    ("2022-11-16T00:00:00Z", "105"),
    ("2023-11-01T00:00:00Z", "140"),
    ("2024-10-16T00:00:00Z", "175"),
    ("2025-10-01T00:00:00Z", "210"),
];

fn home() -> Home {
    let daemon = DAEMON.replace("2099-12-31", "2039-12-31");
    let okrs = growth(&[&key_result("recommend", "stale_after = \"7000d\"")]);
    Home::new(&[("okrd.toml", &daemon), ("okrs/team.toml", &okrs)])
}

fn card(json: &str) -> Value {
    let scorecard: Value = serde_json::from_str(json).unwrap();
    scorecard["objectives"][0]["key_results"][0].clone()
}

#[test]
fn a_forecast_is_the_same_on_every_face_and_until_then_its_absence_has_a_reason() {
    let home = home();
    let record = |(at, value): (&str, &str)| {
        home.ends(0, &["record", ID, value, "--at", at]);
    };
    TOLD[..5].iter().copied().for_each(record);
    let daemon = home.start();
    let path = format!("/api/v1/key-results/{ID}");
    let early: Value = serde_json::from_str(&daemon.get(&path).body).unwrap();
    assert_eq!(early["forecast"], Value::Null);
    let reason = "No forecast yet: measured on 5 days, 6 are needed.";
    assert_eq!(early["forecast_absent"], reason);
    assert!(early["rate"]["needed_per_day"].as_f64().unwrap() > 0.0);
    assert_eq!(early["rate"]["actual_per_day"], Value::Null);
    assert!(daemon.get("/").body.contains(reason));
    let metrics = daemon.metrics();
    assert_eq!(metrics.of("okrd_key_result_forecast_value", ID), None);
    assert_eq!(
        metrics.of("okrd_key_result_forecast_progress_ratio", ID),
        None
    );

    TOLD[5..].iter().copied().for_each(record);
    let metrics = daemon.until("the forecast rests on all values", |m| {
        m.value(ID) == Some(210.0) && m.of("okrd_key_result_forecast_value", ID).is_some()
    });
    let close = |found: Option<f64>, expected: f64| {
        found.is_some_and(|found| (found - expected).abs() < 1e-6)
    };
    let share = metrics.of("okrd_key_result_forecast_progress_ratio", ID);
    assert!(close(
        metrics.of("okrd_key_result_forecast_value", ID),
        730.5
    ));
    assert!(close(share, 0.7305));

    let told: Value = serde_json::from_str(&daemon.get(&path).body).unwrap();
    let forecast = &told["forecast"];
    for (name, expected) in [
        ("value", 730.5),
        ("progress_ratio", 0.7305),
        ("low", 730.5),
        ("high", 730.5),
    ] {
        assert!(close(forecast[name].as_f64(), expected), "{name}: {told}");
    }
    assert_eq!(
        (&forecast["method"], &told["forecast_absent"]),
        (&"theil_sen".into(), &Value::Null)
    );
    assert!(close(told["rate"]["actual_per_day"].as_f64(), 0.1));
    let sentence = forecast["sentence"].as_str().unwrap();
    assert!(
        sentence.starts_with("At this pace about 730 things by 2039-12-31 (73\u{a0}% of the way)"),
        "{sentence}"
    );
    assert!(daemon.get("/").body.contains(sentence));

    // The terminal reads the store by itself and comes to the same.
    let json = card(&home.ends(0, &["status", "--format", "json"]).out);
    let served = within(PATIENT, "the scorecard of the daemon", || {
        let answer = daemon.get("/api/v1/scorecard");
        (answer.status == 200).then(|| card(&answer.body))
    });
    assert_eq!(json["forecast"], served["forecast"]);
    assert_eq!(json["forecast"], told["forecast"]);
    let table = home.ends(0, &["status"]).out;
    assert!(
        table.contains("FORECAST") && table.contains("~730"),
        "{table}"
    );
    daemon.end();
}

/// Settings whose cycle `gone` began 100 days ago and has so many days left, or ended so many ago.
#[expect(
    clippy::disallowed_methods,
    reason = "the program under test lives today"
)]
fn settings(left: i64) -> String {
    let day = |days: i64| jiff::Zoned::now().date() + jiff::Span::new().days(days);
    let cycle = format!(
        "[cycles.gone]\nstarts = {}\nends = {}\n",
        day(-100),
        day(left)
    );
    format!("{DAEMON}{cycle}[teams.content]\nname = \"Content\"\n")
}

/// A forecast is kept by `run --once`, one a day, and meets the final value when the cycle is closed.
#[test]
fn a_forecast_is_kept_each_day_and_meets_the_final_value_at_close() {
    let okrs = growth(&[&key_result("recommend", "stale_after = \"90d\"")])
        .replace("cycle = \"life\"", "cycle = \"gone\"");
    let home = Home::new(&[("okrd.toml", &settings(5)), ("okrs/team.toml", &okrs)]);
    let empty = home.ends(0, &["history", ID, "--forecasts"]).out;
    assert!(empty.contains("no forecast kept"), "{empty}");
    for (age, value) in [
        ("95d", "0"),
        ("85d", "10"),
        ("75d", "20"),
        ("65d", "30"),
        ("55d", "40"),
        ("45d", "50"),
    ] {
        home.ends(0, &["record", ID, value, "--at", age]);
    }
    home.ends(0, &["run", "--once"]);
    home.ends(0, &["run", "--once"]);
    let known: Value =
        serde_json::from_str(&home.ends(0, &["history", ID, "--format", "json"]).out).unwrap();
    let kept = known["forecasts"].as_array().unwrap();
    assert_eq!(kept.len(), 1, "one a day: {known}");
    assert_eq!(kept[0]["method"], "theil_sen");
    assert_eq!(kept[0]["definition"], known["definition"]);
    let value = kept[0]["value"].as_f64().unwrap();
    let table = home.ends(0, &["history", ID, "--forecasts"]).out;
    assert!(
        table.contains("FORECAST") && table.contains(kept[0]["day"].as_str().unwrap()),
        "{table}"
    );

    // The cycle ended 30 days ago, and its middle lies 65 days back: so long ago the forecast was made.
    home.write("okrd.toml", &settings(-30));
    let raw = rusqlite::Connection::open(home.path("okrd.db")).unwrap();
    let moved = raw.execute(
        "UPDATE forecast SET day = day - 66, made_at = made_at - 66 * 86400000",
        [],
    );
    assert_eq!(moved.unwrap(), 1);
    drop(raw);
    let daemon = home.start();
    let metric = "okrd_key_result_forecast_error_value";
    let expected = (value - 50.0).abs();
    let close = |found: Option<f64>| found.is_some_and(|found| (found - expected).abs() < 1e-9);
    assert!(close(daemon.metrics().of(metric, ID)), "before it is kept");
    let text = home.ends(0, &["close", "gone"]).out;
    assert!(
        text.contains("FORECAST AT HALF-TIME") && text.contains("(theil_sen)"),
        "{text}"
    );
    let json: Value =
        serde_json::from_str(&home.ends(0, &["close", "gone", "--format", "json"]).out).unwrap();
    let forecast = &json["objectives"][0]["key_results"][0]["forecast"];
    assert!(close(forecast["error"].as_f64()), "{json}");
    let served = within(PATIENT, "the daemon knows of the closing", || {
        let card: Value =
            serde_json::from_str(&daemon.get(&format!("/api/v1/key-results/{ID}")).body).unwrap();
        card["closing"]["closed_at"]
            .is_string()
            .then(|| card["closing"].clone())
    });
    assert!(close(served["forecast"]["error"].as_f64()), "{served}");
    assert!(close(daemon.metrics().of(metric, ID)));
    daemon.end();
}
