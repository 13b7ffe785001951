//! Sources that are down, and secrets that are missing or rotated: each fails alone and heals by itself.

use crate::home::{Home, Metrics, SHOP, counted, every_second, growth, key_result, on_air};
use crate::jira::{Canned, FakeJira, Kind, ada};

#[test]
fn a_source_that_is_down_at_the_start_stops_nothing_and_heals_by_itself() {
    let fake = on_air(FakeJira::start(Kind::DataCenter));
    fake.change(|mood| mood.canned = vec![Canned::new("", 503, "{}")]);
    let daemon = format!(
        "{}{SHOP}[sources.desk]\ntype = \"jira\"\nurl = \"{}\"\n[sources.crm]\ntype = \"postgres\"\n\
         url = \"postgres://okrd@127.0.0.1:1/crm\"\n",
        every_second(),
        fake.url
    );
    let desk = key_result(
        "desk",
        r#"measure = { source = "desk", jql = "project = OPEN" }"#,
    );
    let crm = key_result("crm", r#"measure = { source = "crm", query = "SELECT 1" }"#);
    let okrs = growth(&[&counted("shop", 7), &desk, &crm]);
    let home = Home::new(&[("okrd.toml", &daemon), ("okrs/team.toml", &okrs)]);
    home.make_shop();
    let daemon = home.start();
    assert_eq!(daemon.value("growth/shop"), 7.0);
    assert_eq!(daemon.get("/-/ready").status, 200);
    let down = |m: &Metrics, name| m.sample("okrd_source_up", &[("source", name)]) == Some(0.0);
    let failed =
        |m: &Metrics, id| m.of("okrd_key_result_last_measurement_successful", id) == Some(0.0);
    let metrics = daemon.until("both are known to be down", |m| {
        let sources = down(m, "desk") && down(m, "crm");
        sources && failed(m, "growth/desk") && failed(m, "growth/crm")
    });
    for id in ["growth/desk", "growth/crm"] {
        assert_eq!(metrics.value(id), None, "a failure is no 0");
        assert_eq!(metrics.status(id), "no_data");
    }
    fake.change(|mood| mood.canned.clear());
    assert_eq!(daemon.value("growth/desk"), 2.0);
    assert_eq!(daemon.metrics().value("growth/crm"), None);
    // A source that goes down later leaves the last good value, its age beside it.
    fake.change(|mood| mood.canned = vec![Canned::new("", 503, "{}")]);
    let metrics = daemon.until("it is down again", |m| down(m, "desk"));
    assert_eq!(metrics.value("growth/desk"), Some(2.0));
    daemon.end();
}

#[test]
fn f58_a_missing_secret_fails_its_source_only_and_a_rotated_one_heals_it() {
    let fake = on_air(FakeJira::start(Kind::DataCenter));
    let daemon = format!(
        "{}{SHOP}[sources.desk]\ntype = \"jira\"\nurl = \"{}\"\nauth = {{ token = {{ file = \"desk.token\" }} }}\n",
        every_second(),
        fake.url
    );
    let desk = key_result(
        "desk",
        r#"measure = { source = "desk", jql = "project = CARE" }"#,
    );
    let home = Home::new(&[
        ("okrd.toml", &daemon),
        ("okrs/team.toml", &growth(&[&counted("shop", 7), &desk])),
    ]);
    home.make_shop();
    let daemon = home.start();
    assert_eq!(daemon.value("growth/shop"), 7.0);
    let failed = |reason| {
        let labels = [("source", "desk"), ("reason", reason)];
        daemon.until(reason, |m| {
            m.sample("okrd_source_poll_failures_total", &labels) > Some(0.0)
        })
    };
    assert_eq!(failed("config").value("growth/desk"), None);
    assert!(daemon.log().contains("desk.token"), "{}", daemon.log());
    home.write("desk.token", "wrong-token-12345\n");
    assert_eq!(failed("auth").value("growth/desk"), None);
    let held = |wanted| {
        daemon.until("the source is held or not", |m| {
            m.sample("okrd_source_suspended", &[("source", "desk")]) == Some(wanted)
        })
    };
    held(1.0);
    let asked = fake.seen().len();
    // Asking on with a refused login would lock the account; the shop is asked on.
    let polls = |m: &Metrics| m.sample("okrd_source_polls_total", &[("source", "shop")]);
    let before = polls(&daemon.metrics());
    daemon.until("the shop is asked twice more", |m| {
        polls(m) >= before.map(|n| n + 2.0)
    });
    assert_eq!(fake.seen().len(), asked);
    home.write("desk.token", &format!("{}\n", ada().pat));
    assert_eq!(daemon.value("growth/desk"), 4.0);
    held(0.0);
    let log = daemon.end();
    assert!(
        !log.contains("wrong-token") && !log.contains(&ada().pat),
        "{log}"
    );
}

#[test]
fn a_value_too_old_to_believe_leaves_the_metrics_and_stays_on_the_page_as_stale() {
    let fake = on_air(FakeJira::start(Kind::DataCenter));
    let daemon = format!(
        "{}[sources.desk]\ntype = \"jira\"\nurl = \"{}\"\n",
        every_second(),
        fake.url
    );
    let measure = r#"measure = { source = "desk", jql = "project = OPEN" }"#;
    let desk = key_result("desk", &format!("{measure}\nstale_after = \"3s\""));
    let home = Home::new(&[
        ("okrd.toml", &daemon),
        ("okrs/team.toml", &growth(&[&desk])),
    ]);
    let id = "growth/desk";
    let daemon = home.start();
    assert_eq!(daemon.value(id), 2.0);
    fake.change(|mood| mood.canned = vec![Canned::new("", 503, "{}")]);
    let metrics = daemon.until("the value is stale", |m| m.status(id) == "stale");
    for name in ["value", "progress_ratio", "score_ratio"] {
        let name = format!("okrd_key_result_{name}");
        assert_eq!(metrics.of(&name, id), None, "{name}");
    }
    let measured = "okrd_key_result_last_measurement_timestamp_seconds";
    assert!(metrics.of(measured, id).is_some());
    let answer = daemon.get(&format!("/api/v1/key-results/{id}"));
    let told: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(
        (&told["value"], &told["stale"]),
        (&2.0.into(), &true.into())
    );
    assert!(home.ends(0, &["status"]).out.contains("(too old)"));
    fake.change(|mood| mood.canned.clear());
    assert_eq!(daemon.value(id), 2.0);
    daemon.end();
}

#[test]
fn f41_f70_a_store_that_is_gone_stops_polls_and_nothing_else() {
    let home = Home::new(&[
        ("okrd.toml", &format!("{}{SHOP}", every_second())),
        ("okrs/team.toml", &growth(&[&counted("shop", 7)])),
    ]);
    home.make_shop();
    let daemon = home.start();
    assert_eq!(daemon.value("growth/shop"), 7.0);
    let is_up = |m: &Metrics| m.sample("okrd_store_up", &[]);
    let away = |from: &str, to: &str| {
        for ending in ["", "-wal", "-shm"] {
            let (from, to) = (format!("{from}{ending}"), format!("{to}{ending}"));
            std::fs::rename(home.path(&from), home.path(&to)).unwrap();
        }
    };
    away("okrd.db", "elsewhere.db");
    let metrics = daemon.until("the store is known to be gone", |m| is_up(m) == Some(0.0));
    assert_eq!(metrics.value("growth/shop"), Some(7.0));
    assert_eq!(daemon.get("/").status, 200);
    assert_eq!(daemon.get("/-/healthy").status, 200);
    assert!(
        !home.path("okrd.db").exists(),
        "no empty store in its place"
    );
    away("elsewhere.db", "okrd.db");
    daemon.until("the store is back", |m| is_up(m) == Some(1.0));
    let polls = |m: &Metrics| m.sample("okrd_source_polls_total", &[("source", "shop")]);
    let before = polls(&daemon.metrics());
    daemon.until("it polls again", |m| polls(m) > before);
    let log = daemon.end();
    assert!(
        log.contains("okrd.db") && log.contains("takes writes again"),
        "{log}"
    );
    assert!(home.history("growth/shop").len() > 1);
}

/// The kernel ends a process that writes beyond the limit, unless the process has said that an error will do.
#[test]
fn f42_a_file_that_may_not_grow_is_a_store_that_takes_no_writes() {
    let mut home = Home::new(&[
        ("okrd.toml", &format!("{}{SHOP}", every_second())),
        ("okrs/team.toml", &growth(&[&counted("shop", 7)])),
    ]);
    home.make_shop();
    home.start().end();
    let store = std::fs::metadata(home.path("okrd.db")).unwrap().len();
    home.limit_files(store + 20_000);
    let daemon = home.start();
    let metrics = daemon.until("the store takes no writes", |m| {
        m.sample("okrd_store_up", &[]) == Some(0.0)
    });
    assert_eq!(metrics.value("growth/shop"), Some(7.0));
    assert_eq!(daemon.get("/").status, 200);
    daemon.kill();
}
