//! Two of the classic mistakes that only the whole program could make: figures that are clamped here and raw there, and
//! state written back into the files. The others are in `tests/scorecards/classic-mistakes.toml`.

use std::path::PathBuf;

use serde_json::Value;

use crate::home::{DAEMON, Home, PATIENT, SHOP, everything_under, within};

/// One that went back, one that went too far, one as agreed.
const GROWTH: &str = r#"
cycle = "life"
[objectives.growth]
title = "Grow"
[objectives.growth.key_results.back]
title = "It went back"
unit = "things"
baseline = 10
target = 20
measure = { source = "shop", query = "SELECT 5" }
[objectives.growth.key_results.beyond]
title = "It went too far"
unit = "things"
baseline = 10
target = 20
measure = { source = "shop", query = "SELECT 24" }
[objectives.growth.key_results.told]
title = "People tell it"
unit = "things"
baseline = 10
target = 20
[objectives.growth.initiatives.letter]
title = "A letter"
state = "doing"
"#;

fn home() -> Home {
    let daemon = format!("{DAEMON}{SHOP}");
    let home = Home::new(&[("okrd.toml", &daemon), ("okrs/team.toml", GROWTH)]);
    home.make_shop();
    home
}

#[test]
fn what_is_raw_and_what_is_clamped_is_so_on_every_face() {
    let home = home();
    home.ends(0, &["record", "growth/told", "15"]);
    let daemon = home.start();
    daemon.until("everything is shown", |metrics| {
        let ids = ["growth/back", "growth/beyond", "growth/told"];
        ids.iter().all(|id| metrics.value(id).is_some())
    });
    let metrics = daemon.metrics();
    let json = |path: &str| serde_json::from_str::<Value>(&daemon.get(path).body).unwrap();
    let page = daemon.get("/").body.replace('\u{a0}', " ");
    for (id, raw, clamped, words) in [
        (
            "growth/back",
            -0.5,
            0.0,
            "further from the target of 20 than the baseline",
        ),
        (
            "growth/beyond",
            1.4,
            1.0,
            "24 things meets the target of 20",
        ),
        ("growth/told", 0.5, 0.5, "15 things is 50 % of the way"),
    ] {
        let card = json(&format!("/api/v1/key-results/{id}"));
        assert_eq!(
            (&card["progress_raw"], &card["progress"]),
            (&raw.into(), &clamped.into())
        );
        assert_eq!(metrics.of("okrd_key_result_progress_ratio", id), Some(raw));
        assert_eq!(metrics.of("okrd_key_result_score_ratio", id), Some(clamped));
        assert!(page.contains(words), "{words}: {page}");
    }
    // The mean of the clamped ones; of the raw ones it would be 0.4667 and look alike, of colours it would be yellow.
    let whole = json("/api/v1/scorecard");
    let progress = whole["objectives"][0]["progress"].as_f64().unwrap();
    assert!((progress - 0.5).abs() < 1e-9, "{progress}");
    assert!(page.contains("50 % of the way"), "{page}");
    daemon.end();
}

/// Whatever is recorded, said, polled or closed goes to the store; the files are the people's.
#[test]
fn nothing_is_ever_written_into_the_files() {
    let home = home();
    let files = || -> Vec<(PathBuf, Vec<u8>)> {
        let of_people =
            |(path, _): &(PathBuf, Vec<u8>)| path.extension().is_some_and(|e| e == "toml");
        let mut all: Vec<_> = everything_under(&home.path("."))
            .into_iter()
            .filter(of_people)
            .collect();
        all.sort();
        all
    };
    let before = files();
    assert_eq!(before.len(), 2);
    let daemon = home.start();
    daemon.value("growth/back");
    home.ends(0, &["record", "growth/told", "12", "--note", "so"]);
    home.ends(0, &["checkin", "growth/told", "--confidence", "0.4"]);
    home.ends(0, &["annotate", "growth/told", "a fair", "--from", "1d"]);
    within(PATIENT, "the value is shown", || {
        daemon.metrics().value("growth/told")
    });
    for args in [
        &["check"][..],
        &["status"],
        &["report"],
        &["present"],
        &["probe", "--all"],
        &["history", "growth/told"],
    ] {
        home.ends(0, args);
    }
    home.refuses(2, &["close", "life"]);
    daemon.end();
    assert!(files() == before, "a file is another than before");
}
