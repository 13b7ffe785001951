//! One configuration with every kind of source, from the poll to the page.

use std::collections::BTreeMap;
use std::sync::Mutex;

use jiff::civil::date;
use rusqlite::Connection;
use serde_json::Value;

use crate::fakes::plausible::{Ask, Day, Plausible, Site};
use crate::fakes::wire::{self, Wire};
use crate::home::{DAEMON, Daemon, Home, SHOP, growth, key_result, on_air};
use crate::jira::{FakeJira, Kind, ada};
use crate::servers;
use crate::servers::prometheus::check_metrics;

const PLAUSIBLE_KEY: &str = "plausible-key-0815";

/// A Plausible with one site and one day of traffic.
pub(crate) fn plausible(key: &str) -> Wire {
    let day = Day {
        visitors: 400,
        visits: 450,
        pageviews: 1_200,
        bounces: 225,
        goals: BTreeMap::from([("Signup".into(), (10, 12))]),
    };
    let site = Site {
        zone: jiff::tz::TimeZone::UTC,
        locked: false,
        goals: vec!["Signup".into()],
        days: BTreeMap::from([(date(2025, 3, 1), day)]),
    };
    let service = Mutex::new(Plausible {
        key: key.into(),
        sites: BTreeMap::from([("acme.example".into(), site)]),
        left: 600,
    });
    on_air(Wire::plain(move |asked| {
        let ask = Ask {
            method: &asked.method,
            path: &asked.target,
            authorization: asked.header("authorization"),
            content_type: asked.header("content-type"),
            body: &asked.body,
        };
        let (status, body) = service.lock().unwrap().answer(&ask);
        wire::json(status, &body.to_string())
    }))
}

/// A newsletter that wants its key and tells of three lists.
fn newsletter() -> Wire {
    on_air(Wire::plain(|asked| {
        if asked.header("x-api-key") != Some("letter-key-77") {
            return wire::json(401, r#"{"error": "no key"}"#);
        }
        match asked.target.as_str() {
            "/v1/stats?since=2020-01-01" => wire::json(
                200,
                r#"{"total": 23, "lists": [{"n": 1}, {"n": 2}, {"n": 4.5}]}"#,
            ),
            _ => wire::json(404, r#"{"error": "no such page"}"#),
        }
    }))
}

/// Every measure with the number it must give.
const MEASURES: [(&str, &str, f64); 14] = [
    (
        "sqlite",
        r#"source = "shop", query = "SELECT count(*) FROM subscribers""#,
        7.0,
    ),
    (
        "postgres",
        r#"source = "crm", query = "SELECT sum(amount) FROM deals WHERE won_at < :now""#,
        12.5,
    ),
    (
        "mysql",
        r#"source = "ledger", query = "SELECT count(*) FROM orders WHERE day >= :cycle_start""#,
        3.0,
    ),
    (
        "cloud-count",
        r#"source = "cloud", jql = "project = SHOP AND statusCategory = Done""#,
        7.0,
    ),
    (
        "cloud-sum",
        r#"source = "cloud", jql = "project in (SHOP, CARE)", value = { sum = "Story point estimate" }"#,
        36.0,
    ),
    (
        "cloud-ratio",
        r#"source = "cloud", jql = "project = SHOP AND status = Done", value = { ratio_of = "project = SHOP" }"#,
        7.0 / 11.0,
    ),
    (
        "desk-count",
        r#"source = "desk", jql = "project = CARE""#,
        4.0,
    ),
    (
        "desk-avg",
        r#"source = "desk", jql = "project = SHOP", value = { avg = "Story point estimate" }"#,
        4.5,
    ),
    (
        "letter-pointer",
        r#"source = "letter", path = "/stats", query = { since = "{cycle_start:date}" }, value = "/total""#,
        23.0,
    ),
    (
        "letter-jq",
        r#"source = "letter", path = "/stats", query = { since = "{cycle_start:date}" }, value = "[.lists[].n] | add""#,
        7.5,
    ),
    (
        "site-visitors",
        r#"source = "site", metric = "visitors""#,
        400.0,
    ),
    (
        "site-conversions",
        r#"source = "site", metric = "conversions", goal = "Signup""#,
        12.0,
    ),
    (
        "site-rate",
        r#"source = "site", metric = "conversion_rate", goal = "Signup""#,
        2.5,
    ),
    (
        "site-bounces",
        r#"source = "site", metric = "bounce_rate""#,
        50.0,
    ),
];

/// All sources up and the configuration that asks them.
fn world() -> Home {
    let (cloud, desk) = (
        on_air(FakeJira::start(Kind::Cloud)),
        on_air(FakeJira::start_at(Kind::DataCenter, "/jira")),
    );
    let (site, letter) = (plausible(PLAUSIBLE_KEY), newsletter());
    let (postgres, mariadb) = (servers::postgres(), servers::mariadb());
    on_air(fill(postgres, mariadb));
    let sources = format!(
        r#"{DAEMON}{SHOP}
        [sources.crm]
        type = "postgres"
        url = {{ env = "CRM_URL" }}
        [sources.ledger]
        type = "mysql"
        url = {{ file = "ledger.url" }}
        [sources.cloud]
        type = "jira"
        url = "{}"
        auth = {{ user = "{}", token = {{ file = "jira.token" }} }}
        [sources.desk]
        type = "jira"
        url = "{}"
        auth = {{ token = {{ credential = "desk" }} }}
        [sources.site]
        type = "plausible"
        url = "{}"
        site = "acme.example"
        auth = {{ token = {{ env = "PLAUSIBLE_KEY" }} }}
        [sources.letter]
        type = "http"
        url = "{}/v1"
        headers = {{ "X-Api-Key" = {{ env = "LETTER_KEY" }} }}
        "#,
        cloud.url,
        ada().user,
        desk.url,
        site.url(),
        letter.url(),
    );
    let measures =
        MEASURES.map(|(id, measure, _)| key_result(id, &format!("measure = {{ {measure} }}")));
    let all: Vec<&str> = measures.iter().map(String::as_str).collect();
    let recorded = key_result("recorded", "");
    let mut home = Home::new(&[
        ("okrd.toml", &sources),
        ("okrs/team.toml", &growth(&[&all.concat(), &recorded])),
        ("jira.token", &format!("{}\n", ada().token)),
        ("credentials/desk", &format!("{}\n", ada().pat)),
        (
            "ledger.url",
            &format!("{}\n", mariadb.url("ledger_reader", "reads", "shop")),
        ),
    ]);
    home.make_shop();
    let credentials = home.path("credentials").display().to_string();
    for (name, value) in [
        (
            "CRM_URL",
            postgres.url("crm_reader", "reads", "postgres").as_str(),
        ),
        ("PLAUSIBLE_KEY", PLAUSIBLE_KEY),
        ("LETTER_KEY", "letter-key-77"),
        ("CREDENTIALS_DIRECTORY", &credentials),
    ] {
        home.set(name, value);
    }
    home
}

/// The databases by the accounts that may do everything; nothing is measured.
fn masters() -> String {
    format!(
        r#"{DAEMON}
        [sources.crm]
        type = "postgres"
        url = {{ env = "CRM_URL" }}
        [sources.ledger]
        type = "mysql"
        url = {{ env = "LEDGER_URL" }}
        "#
    )
    .replace("include = [\"okrs/*.toml\"]", "")
}

async fn fill(postgres: &servers::Server, mariadb: &servers::Server) {
    use sqlx::Connection as _;
    let mut crm = sqlx::PgConnection::connect(&postgres.root_url("postgres"))
        .await
        .unwrap();
    let deals = "CREATE TABLE deals (amount numeric(10,2), won_at timestamptz);
        INSERT INTO deals VALUES (10.25, '2021-05-01Z'), (2.25, '2022-05-01Z'), (99, '2090-01-01Z');
        CREATE ROLE crm_reader LOGIN PASSWORD 'reads';
        GRANT SELECT ON deals TO crm_reader";
    sqlx::raw_sql(deals).execute(&mut crm).await.unwrap();
    let mut ledger = sqlx::MySqlConnection::connect(&mariadb.root_url("shop"))
        .await
        .unwrap();
    let orders = "CREATE TABLE orders (day datetime);
        INSERT INTO orders VALUES ('2019-12-31'), ('2020-01-01'), ('2021-01-01'), ('2022-01-01');
        CREATE USER ledger_reader@'127.0.0.1' IDENTIFIED BY 'reads';
        GRANT SELECT ON shop.orders TO ledger_reader@'127.0.0.1'";
    sqlx::raw_sql(orders).execute(&mut ledger).await.unwrap();
}

#[test]
fn every_kind_of_source_reaches_metrics_page_api_and_history() {
    let home = world();
    let checked = home.ends(0, &["check", "--online", "--format", "json"]);
    let findings: Value = serde_json::from_str(&checked.out).unwrap();
    let found = |findings: &Value, severity: &str, code: &str| {
        let findings = findings["findings"].as_array().unwrap().iter();
        let such = findings.filter(|f| f["severity"] == severity && f["code"] == code);
        such.count()
    };
    for severity in ["error", "warning"] {
        assert_eq!(found(&findings, severity, "SRC-WRITE"), 0, "{findings:#}");
    }
    // An account that may do everything is one that a measure could do everything with.
    let mut masters = Home::new(&[("okrd.toml", &masters())]);
    masters.set("CRM_URL", &servers::postgres().root_url("postgres"));
    masters.set("LEDGER_URL", &servers::mariadb().root_url("shop"));
    let checked = masters.ends(1, &["check", "--online", "--format", "json"]);
    let findings: Value = serde_json::from_str(&checked.out).unwrap();
    assert_eq!(found(&findings, "error", "SRC-WRITE"), 2, "{findings:#}");
    home.ends(0, &["probe", "--all"]);
    home.ends(0, &["record", "growth/recorded", "31.5"]);

    let daemon = home.start();
    let expected: BTreeMap<String, f64> = MEASURES
        .iter()
        .map(|(id, _, value)| (format!("growth/{id}"), *value))
        .chain([("growth/recorded".to_owned(), 31.5)])
        .collect();
    let values = |text: &crate::home::Metrics| -> BTreeMap<String, f64> {
        let known = expected.keys();
        known
            .filter_map(|id| Some((id.clone(), text.value(id)?)))
            .collect()
    };
    let text = daemon.until("every value is there", |m| {
        values(m).len() == expected.len()
    });
    assert_eq!(values(&text), expected);
    for source in ["shop", "crm", "ledger", "cloud", "desk", "site", "letter"] {
        assert_eq!(
            text.sample("okrd_source_up", &[("source", source)]),
            Some(1.0),
            "{source}"
        );
    }

    // Both formats say the same.
    let accept = "Accept: application/openmetrics-text;version=1.0.0\r\n";
    let open = daemon.ask("GET", "/metrics", accept).unwrap();
    assert!(
        open.head
            .contains("content-type: application/openmetrics-text; version=1.0.0"),
        "{}",
        open.head
    );
    assert!(open.body.ends_with("\n# EOF\n"));
    assert_eq!(values(&crate::home::Metrics(open.body)), expected);
    let plain = daemon.get("/metrics");
    assert!(
        plain
            .head
            .contains("content-type: text/plain; version=0.0.4"),
        "{}",
        plain.head
    );
    assert_eq!(check_metrics(&plain.body), "exit status: 0");
    // It would have said something if there were something to say.
    assert_ne!(check_metrics("okrd_things_total 1"), "exit status: 0");

    // So do API, page and history.
    let scorecard: Value = serde_json::from_str(&daemon.get("/api/v1/scorecard").body).unwrap();
    let told: BTreeMap<String, f64> = scorecard["objectives"][0]["key_results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|kr| {
            (
                kr["id"].as_str().unwrap().into(),
                kr["value"].as_f64().unwrap(),
            )
        })
        .collect();
    assert_eq!(told, expected);
    let one = daemon.get("/api/v1/key-results/growth/postgres");
    let one: Value = serde_json::from_str(&one.body).unwrap();
    assert_eq!(
        (&one["value"], &one["source"]),
        (&Value::from(12.5), &"crm".into())
    );
    let path = "/api/v1/key-results/growth/postgres/history";
    let series = daemon.get(path);
    assert!(
        series.status == 200 && series.body.contains("12.5"),
        "{series:?}"
    );
    let note = "8 of 15 issues have a value, 4 do not carry the field";
    let noted = |daemon: &Daemon| {
        let one = daemon.get("/api/v1/key-results/growth/cloud-sum");
        let one: Value = serde_json::from_str(&one.body).unwrap();
        one["note"].clone()
    };
    assert_eq!(noted(&daemon), note);
    let series = home.ends(0, &["history", "growth/cloud-sum"]);
    assert!(series.out.contains(note), "{}", series.out);
    let page = daemon.get("/").body;
    assert!(page.contains(note));
    for (id, value) in &expected {
        let title = id.replace("growth/", "Title of ");
        assert!(page.contains(&title), "{title}");
        assert_eq!(home.history(id), [*value], "{id}");
    }
    daemon.end();
    assert_no_writes(&home);

    // The next daemon knows everything before it asks anyone: the schedule is twelve hours away.
    let daemon = home.start();
    assert_eq!(values(&daemon.metrics()), expected);
    assert_eq!(noted(&daemon), note);
    daemon.end();
}

/// The sources are as they were: no table more, no row more.
fn assert_no_writes(home: &Home) {
    let shop = Connection::open(home.path("shop.db")).unwrap();
    let of = |sql: &str| shop.query_row(sql, [], |row| row.get::<_, u32>(0)).unwrap();
    assert_eq!(of("SELECT count(*) FROM sqlite_schema"), 1);
    assert_eq!(of("SELECT count(*) FROM subscribers"), 7);
}
