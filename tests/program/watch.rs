//! Commands that ask and show: `status`, `probe`, `run --once`.

use serde_json::Value;

use crate::home::{Done, Home, key_result};

const SUBSCRIBERS: &str = "growth/subscribers";

/// The shop, and a key result whose source is not there.
fn half_dead() -> Home {
    let home = Home::shop();
    home.append(
        "okrd.toml",
        "[sources.dead]\ntype = \"http\"\nurl = \"http://127.0.0.1:1\"\n",
    );
    let lost = "measure = { source = \"dead\", path = \"/x\", value = \"/n\" }";
    home.append("okrs/team.toml", &key_result("lost", lost));
    home
}

/// What was printed, with plain spaces between numbers and their units.
fn plain(done: &Done) -> String {
    done.out.replace('\u{a0}', " ")
}

fn json(done: &Done) -> Value {
    serde_json::from_str(&done.out).unwrap()
}

fn key_results(done: &Done) -> Vec<(String, Value, String)> {
    let scorecard = json(done);
    let all = scorecard["objectives"][0]["key_results"]
        .as_array()
        .unwrap()
        .clone();
    all.into_iter()
        .map(|kr| {
            let text = |key: &str| kr[key].as_str().unwrap().to_owned();
            (text("key_result"), kr["value"].clone(), text("status"))
        })
        .collect()
}

#[test]
fn status_shows_what_is_known_with_and_without_store_and_daemon() {
    let home = half_dead();
    let unknown = |id: &str| (id.to_owned(), Value::Null, "no_data".to_owned());
    let before = home.ends(0, &["status", "--format", "json"]);
    let nothing = ["subscribers", "recommend", "lost"].map(unknown);
    assert_eq!(key_results(&before), nothing);
    let text = plain(&home.ends(0, &["status"]));
    assert!(
        text.contains("Grow") && text.contains("never measured"),
        "{text}"
    );
    assert!(
        !text.contains(" 0 things"),
        "what nobody measured is no 0: {text}"
    );
    assert!(!home.path("okrd.db").exists(), "looking makes no store");

    let daemon = home.start();
    daemon.value(SUBSCRIBERS);
    daemon.until("the dead source was asked", |m| {
        m.sample("okrd_source_up", &[("source", "dead")]) == Some(0.0)
    });
    let beside = home.ends(0, &["status", "--format", "json"]);
    let served: Value = serde_json::from_str(&daemon.get("/api/v1/scorecard").body).unwrap();
    assert_eq!(
        json(&beside)["objectives"][0]["key_results"][0]["value"],
        7.0
    );
    let shape = |v: &Value| v.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(
        shape(&json(&beside)),
        shape(&served),
        "the shape of the API"
    );
    daemon.end();
    let after = key_results(&home.ends(0, &["status", "--format", "json"]));
    assert_eq!((&after[0].1, &after[2]), (&7.0.into(), &unknown("lost")));
    let text = plain(&home.ends(0, &["status"]));
    assert!(text.contains("7 things"), "{text}");
}

#[test]
fn a_probe_shows_one_or_all_and_records_nothing() {
    let home = half_dead();
    let one = home.ends(0, &["probe", SUBSCRIBERS]).out;
    for part in [
        "growth/subscribers",
        " 7 ",
        "integer",
        "shop",
        "ms",
        "cycle_to_date 2020-01-01",
    ] {
        assert!(one.contains(part), "{part} in {one}");
    }
    let all = home.ends(1, &["probe", "--all"]);
    assert!(
        all.out.contains(" 7 ") && all.out.contains("growth/lost"),
        "{}",
        all.out
    );
    assert!(all.out.contains("refused"), "why it failed: {}", all.out);
    let all = json(&home.ends(1, &["probe", "--all", "--format", "json"]));
    let probes = all["probes"].as_array().unwrap();
    assert_eq!(probes.len(), 2, "people's key results are not asked: {all}");
    let (good, bad) = (&probes[0], &probes[1]);
    assert_eq!(
        (&good["value"], &good["type"]),
        (&7.0.into(), &"integer".into())
    );
    assert_eq!(good["window"]["name"], "cycle_to_date");
    assert_eq!(good["window"]["start"], "2020-01-01T00:00:00Z");
    assert!(good["duration_seconds"].as_f64().unwrap() > 0.0 && good["fault"].is_null());
    assert_eq!(
        (&bad["value"], &bad["fault"]["class"]),
        (&Value::Null, &"net".into())
    );
    let error = home.refuses(2, &["probe", "growth/recommend"]);
    assert!(error.contains("okrd record"), "{error}");
    let error = home.refuses(2, &["probe", "growth/subscriber"]);
    assert!(
        error.contains("did you mean `growth/subscribers`?"),
        "{error}"
    );
    assert_eq!(home.ends(2, &["probe"]).out, "");
    assert!(!home.path("okrd.db").exists());
}

#[test]
fn once_polls_everything_records_and_prints_whatever_was_polled_before() {
    let home = Home::shop();
    for run in 1..=2 {
        // The second run falls into the same slot of the schedule and asks all the same.
        let done = home.ends(0, &["run", "--once"]);
        assert!(
            done.out.contains("KEY RESULT") && plain(&done).contains("7 things"),
            "{}",
            done.out
        );
        assert!(done.err.is_empty(), "{}", done.err);
        assert_eq!(home.history(SUBSCRIBERS).len(), run);
    }
    let shop = rusqlite::Connection::open(home.path("shop.db")).unwrap();
    shop.execute_batch("INSERT INTO subscribers VALUES (8)")
        .unwrap();
    let done = home.ends(0, &["run", "--once", "--format", "json"]);
    assert_eq!(key_results(&done)[0].1, 8.0);
    assert_eq!(home.history(SUBSCRIBERS), [7.0, 7.0, 8.0]);
}

#[test]
fn once_ends_with_1_when_a_poll_failed_and_keeps_the_others() {
    let home = half_dead();
    let done = home.ends(1, &["run", "--once"]);
    assert!(plain(&done).contains("7 things"), "{}", done.out);
    assert!(
        done.err.contains("not measured: growth/lost: net: "),
        "{}",
        done.err
    );
    assert!(!done.err.contains("subscribers"), "{}", done.err);
    assert_eq!(home.history(SUBSCRIBERS), [7.0]);
    assert!(home.history("growth/lost").is_empty(), "a failure is no 0");
    let done = home.ends(1, &["run", "--once", "--format", "json"]);
    assert_eq!(
        key_results(&done)[2],
        ("lost".into(), Value::Null, "no_data".into())
    );
}
