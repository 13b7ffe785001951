//! The daemon's life: healthy, ready, ended by signals, alone on its store.

use rustix::process::Signal;

use crate::home::{DAEMON, Home, PATIENT, growth, key_result, on_air, within};
use crate::jira::{FakeJira, Kind};

#[test]
fn it_is_healthy_and_ready_and_ends_on_both_signals() {
    let home = Home::shop();
    for signal in [Signal::TERM, Signal::INT] {
        let daemon = home.start();
        assert_eq!(daemon.get("/-/healthy").status, 200);
        within(PATIENT, "it is ready", || {
            (daemon.get("/-/ready").status == 200).then_some(())
        });
        assert_eq!(daemon.value("growth/subscribers"), 7.0);
        assert_eq!(daemon.out(), "", "the log goes to stderr");
        daemon.signal(signal);
        let (code, log) = daemon.wait();
        assert_eq!(code, 0, "{log}");
        assert!(log.contains("ended") && !log.contains("ERROR"), "{log}");
    }
    // What the first measured, the second had from the store: its slot had been polled.
    assert_eq!(home.history("growth/subscribers"), [7.0]);
}

/// As a container's supervisor would: without its configuration, which somebody is just breaking.
#[test]
fn its_health_is_told_without_another_program() {
    let home = Home::shop();
    let daemon = home.start();
    home.write("okrd.toml", "nonsense");
    let well = home.ends(0, &["healthcheck", &daemon.address]);
    assert_eq!(
        (well.out.as_str(), well.err.as_str()),
        ("okrd is Healthy.\n", "")
    );
    let address = daemon.address.clone();
    daemon.kill();
    let ill = home.ends(1, &["healthcheck", &address]);
    assert_eq!(ill.out, "");
    assert!(
        ill.err.contains(&format!("no okrd answers at {address}")),
        "{ill:?}"
    );
    // Something else listens there, and says nothing that is HTTP.
    let stranger = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = stranger.local_addr().unwrap().to_string();
    let hangs_up = std::thread::spawn(move || drop(stranger.accept()));
    let ill = home.ends(1, &["healthcheck", &address]);
    hangs_up.join().unwrap();
    assert!(ill.err.starts_with("not healthy: "), "{ill:?}");
}

/// A tracker that takes its time, and one key result that asks it.
fn slow_desk() -> (FakeJira, Home) {
    let fake = on_air(FakeJira::start(Kind::DataCenter));
    fake.change(|mood| mood.delay = std::time::Duration::from_millis(400));
    let daemon = format!(
        "{DAEMON}[sources.desk]\ntype = \"jira\"\nurl = \"{}\"\n",
        fake.url
    );
    let measure = r#"measure = { source = "desk", jql = "project = OPEN" }"#;
    let home = Home::new(&[
        ("okrd.toml", &daemon),
        ("okrs/team.toml", &growth(&[&key_result("open", measure)])),
    ]);
    (fake, home)
}

#[test]
fn f64_a_poll_under_way_is_finished_and_kept_before_the_end() {
    let (fake, home) = slow_desk();
    let daemon = home.start();
    within(PATIENT, "the poll has begun", || fake.seen().pop());
    assert_eq!(daemon.metrics().value("growth/open"), None);
    daemon.end();
    assert_eq!(home.history("growth/open"), [2.0]);
}

/// Told again, it waits for nobody.
#[test]
fn f64_a_second_signal_ends_at_once() {
    let (fake, home) = slow_desk();
    fake.change(|mood| mood.delay = std::time::Duration::from_secs(60));
    let daemon = home.start();
    within(PATIENT, "the poll has begun", || fake.seen().pop());
    daemon.signal(Signal::TERM);
    within(PATIENT, "it was heard", || {
        daemon.log().contains("ending: polls").then_some(())
    });
    let began = std::time::Instant::now();
    daemon.signal(Signal::TERM);
    let (code, log) = daemon.wait();
    assert_eq!(code, 0, "{log}");
    // Without the second signal polls under way have six seconds.
    assert!(began.elapsed().as_secs() < 5, "{:?}", began.elapsed());
}

#[test]
fn f48_a_second_daemon_ends_with_4_and_names_the_first() {
    let home = Home::shop();
    let first = home.start();
    let pid = first.pid().to_string();
    for args in [vec!["run"], vec!["run", "--once"]] {
        let error = home.refuses(4, &args);
        assert!(error.contains(&format!("process {pid},")), "{error}");
        assert!(
            error.contains("okrd.db") && error.contains("store.path"),
            "{error}"
        );
    }
    // Reading and recording go on beside it.
    home.ends(0, &["status"]);
    home.ends(0, &["record", "growth/recommend", "5"]);
    assert_eq!(first.value("growth/recommend"), 5.0);
    first.end();
    // An ended or killed daemon leaves nothing that holds the next one up.
    home.start().kill();
    home.start().end();
}

#[test]
fn a_single_run_that_is_told_to_end_does_not_claim_to_be_done() {
    let (fake, home) = slow_desk();
    let once = home.spawn(&["run", "--once"]);
    within(PATIENT, "the poll has begun", || fake.seen().pop());
    once.signal(Signal::TERM);
    let (code, log) = once.wait();
    assert_eq!(code, 1, "{log}");
    assert!(log.contains("ended by a signal"), "{log}");
    assert_eq!(
        home.history("growth/open"),
        [2.0],
        "what was under way is kept"
    );
}

/// Who is told to end tells the servers too: MariaDB would count on for nobody.
#[test]
fn f81_f64_a_statement_is_cancelled_when_we_are_told_to_end() {
    let mariadb = crate::servers::mariadb();
    let daemon =
        format!("{DAEMON}[sources.ledger]\ntype = \"mysql\"\nurl = {{ env = \"LEDGER_URL\" }}\n");
    let daemon = daemon.replace("\"10s\"", "\"60s\"");
    // A single run ends as the daemon does.
    for (args, expected) in [(&["probe", "--all"][..], 1), (&["run"][..], 0)] {
        let mark = args.join("_").replace('-', "");
        let query =
            format!("SELECT count(*) AS mark_{mark} FROM seq_1_to_1000000 a, seq_1_to_1000000 b");
        let measure = format!("measure = {{ source = \"ledger\", query = \"{query}\" }}");
        let mut home = Home::new(&[
            ("okrd.toml", &daemon),
            (
                "okrs/team.toml",
                &growth(&[&key_result("endless", &measure)]),
            ),
        ]);
        home.set("LEDGER_URL", &mariadb.root_url("shop"));
        let okrd = home.spawn(args);
        let works = |wanted: bool| {
            let at_work = on_air(statements(mariadb, &mark)) > 0;
            (at_work == wanted).then_some(())
        };
        within(PATIENT, "it runs", || works(true));
        okrd.signal(Signal::INT);
        let (code, log) = okrd.wait();
        assert_eq!(code, expected, "{args:?}: {log}");
        within(PATIENT, "it is cancelled", || works(false));
    }
}

/// How many connections of a server work on a statement with this mark.
async fn statements(server: &crate::servers::Server, mark: &str) -> i64 {
    use sqlx::Connection as _;
    let url = server.root_url("shop");
    let mut admin = sqlx::MySqlConnection::connect(&url).await.unwrap();
    let query = format!(
        "SELECT count(*) FROM information_schema.processlist WHERE id <> CONNECTION_ID() AND info LIKE '%mark_{mark} %'"
    );
    let query = sqlx::AssertSqlSafe(query);
    sqlx::query_scalar(query)
        .fetch_one(&mut admin)
        .await
        .unwrap()
}

#[test]
fn the_log_is_text_or_json_and_other_wishes_are_refused() {
    let mut home = Home::shop();
    home.set("OKRD_LOG_FORMAT", "json");
    let daemon = home.spawn(&["run"]);
    within(PATIENT, "it serves", || {
        daemon.log().contains("/metrics on http://").then_some(())
    });
    for line in daemon.end().lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(
            line["level"].is_string() && line["message"].is_string(),
            "{line}"
        );
    }
    home.set("OKRD_LOG_FORMAT", "xml");
    let error = home.refuses(2, &["run"]);
    assert!(
        error.contains("OKRD_LOG_FORMAT") && error.contains("json"),
        "{error}"
    );
    home.set("OKRD_LOG_FORMAT", "text");
    home.set("OKRD_LOG", "loud");
    let error = home.refuses(2, &["run"]);
    assert!(
        error.contains("OKRD_LOG") && error.contains("debug"),
        "{error}"
    );
}
