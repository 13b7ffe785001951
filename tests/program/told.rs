//! Telling by other ways than Slack: a program that checks signatures, an e-mail server, a Jira. Each refuses what the real
//! ones refuse.

use std::sync::{Arc, Mutex};

use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use crate::fakes::tls::Authority;
use crate::fakes::wire::{Asked, Wire, json, respond};
use crate::home::{DAEMON, Daemon, Home, PATIENT, growth, key_result, on_air, within};
use crate::smtp::Smtp;
use crate::tracker::{TOKEN, Tracker};

/// A number that people tell, with an initiative for it, and this channel; changes are told at once.
fn home(notify: &str) -> Home {
    let initiative = "[objectives.growth.initiatives.letter]\ntitle = \"A letter\"\nkey_results = [\"recommend\"]\nstate = \"doing\"\njira = \"CONT-12\"\n";
    let okrs = growth(&[&key_result("recommend", ""), initiative]);
    let company = "[company]\nname = \"Acme\"\nvision = \"Looking it up is a reflex\"\n";
    let daemon = format!("{DAEMON}{company}[notify.chat]\nhold = \"0s\"\n{notify}\n");
    Home::new(&[("okrd.toml", &daemon), ("okrs/team.toml", &okrs)])
}

fn record(home: &Home, value: &str) {
    home.ends(0, &["record", "growth/recommend", value]);
}

/// Starts, and waits until okrd knows where the key result stands.
fn started(home: &Home) -> Daemon {
    let daemon = home.start();
    record(home, "0");
    within(PATIENT, "the first status is noted", || {
        let store = rusqlite::Connection::open(home.path("okrd.db")).unwrap();
        let told = "SELECT status FROM told WHERE uid = 'life:growth/recommend'";
        let found: Option<String> = store.query_row(told, [], |row| row.get(0)).ok();
        (found.as_deref() == Some("too_early")).then_some(())
    });
    daemon
}

fn counted(daemon: &Daemon, metric: &str, value: f64) {
    daemon.until(&format!("{metric} is {value}"), |m| {
        m.sample(metric, &[("notify", "chat")]) == Some(value)
    });
}

/// Whether a request is signed by the key, over its own timestamp and bytes.
fn is_signed(asked: &Asked, key: &[u8]) -> bool {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(
        asked
            .header("x-okrd-timestamp")
            .unwrap_or_default()
            .as_bytes(),
    );
    mac.update(b".");
    mac.update(&asked.body);
    let signature = format!("sha256={:x}", mac.finalize().into_bytes());
    asked.header("x-okrd-signature") == Some(&*signature)
}

#[test]
fn a_program_is_told_with_a_signature_and_with_the_same_key_each_time() {
    let times = Arc::new(Mutex::new(0));
    let own = Arc::clone(&times);
    let wire = on_air(Wire::plain(move |asked| {
        if asked.method != "POST" || !is_signed(asked, b"the-key-4711") {
            return json(400, "{}");
        }
        let mut times = own.lock().unwrap();
        *times += 1;
        match *times {
            1 => respond(503, &[("Retry-After", "1")], b""),
            _ => respond(202, &[], b""),
        }
    }));
    let url = format!("{}/okrd", wire.url());
    let home = home(&format!(
        "type = \"webhook\"\nurl = \"{url}\"\nsecret = {{ file = \"hook.key\" }}"
    ));
    home.write("hook.key", "the-key-4711\n");
    let daemon = started(&home);
    record(&home, "1000");
    counted(&daemon, "okrd_notify_sent_total", 1.0);
    let asked = wire.asked();
    assert_eq!(asked.len(), 2);
    let key = asked[0].header("idempotency-key");
    assert!(key.is_some() && key == asked[1].header("idempotency-key"));
    let body: serde_json::Value = serde_json::from_slice(&asked[1].body).unwrap();
    assert_eq!((&body["version"], body["id"].as_str()), (&1.into(), key));
    let message = &body["message"];
    assert_eq!(message["vision"], "Looking it up is a reflex");
    let told = &message["objectives"][0]["key_results"][0];
    assert_eq!(
        (&told["status"], &told["was"]),
        (&"at_target".into(), &"too_early".into())
    );
    assert_eq!(
        (&told["value"], &told["goal"]),
        (&1000.0.into(), &"from 0 to 1,000".into())
    );
    assert!(told["as_of"].is_string() && told["reason"].is_string());

    // One that says the message is wrong is not asked again, and the next message comes through.
    home.write("hook.key", "another");
    record(&home, "-500");
    counted(&daemon, "okrd_notify_dropped_total", 1.0);
    home.write("hook.key", "the-key-4711");
    record(&home, "1000");
    counted(&daemon, "okrd_notify_sent_total", 2.0);
    let log = daemon.end();
    assert!(
        log.contains("refused and given up") && !log.contains("4711"),
        "{log}"
    );
}

fn email(server: &Smtp, rest: &str) -> String {
    format!(
        "type = \"email\"\nserver = \"localhost\"\nport = {}\nfrom = \"Acme OKRs <okrd@acme.example>\"\nwhat = [\"status\"]\n{rest}",
        server.addr.port()
    )
}

#[test]
fn an_email_goes_to_each_receiver_over_a_safe_connection() {
    let authority = Authority::new("mail");
    let server = on_air(Smtp::start(Some(authority.server("localhost"))));
    let home = home(&email(
        &server,
        "to = [\"all@acme.example\", \"board@acme.example\"]\nca_file = \"ca.pem\"\nauth = { user = \"okrd@acme.example\", token = { file = \"mail.password\" } }",
    ));
    authority.write(&home.path(""));
    home.write("mail.password", "mail-canary-4711");
    // A title of dots and of letters that need a code, longer than a line may be.
    let okrs = std::fs::read_to_string(home.path("okrs/team.toml")).unwrap();
    let title = format!(".\u{e9}t\u{e9} <b>& {}", "x".repeat(200));
    home.write(
        "okrs/team.toml",
        &okrs.replace("Title of recommend", &title),
    );
    // Greylisting: the first time it is told to come again.
    server.next("450 4.2.0 Greylisted");
    let daemon = started(&home);
    record(&home, "1000");
    counted(&daemon, "okrd_notify_sent_total", 2.0);
    let taken = server.taken();
    let mut to: Vec<_> = taken.iter().map(|mail| mail.to.clone()).collect();
    to.sort();
    assert_eq!(to, [["all@acme.example"], ["board@acme.example"]]);
    for mail in &taken {
        assert!(mail.safe);
        assert_eq!(
            mail.header("From").as_deref(),
            Some("\"Acme OKRs\" <okrd@acme.example>")
        );
        assert_eq!(mail.header("To").as_deref(), Some(&*mail.to[0]));
        assert_eq!(
            mail.header("Auto-Submitted").as_deref(),
            Some("auto-generated")
        );
        assert!(
            mail.header("Message-ID")
                .unwrap()
                .ends_with("@acme.example>")
        );
        assert!(
            mail.header("Content-Type")
                .unwrap()
                .starts_with("multipart/alternative")
        );
        assert!(mail.text.contains("text/plain") && mail.text.contains("text/html"));
        let html = mail.text.split("text/html").nth(1).unwrap();
        assert!(
            html.contains("&lt;b&gt;") && !html.contains("<b>"),
            "{html}"
        );
    }
    assert_ne!(taken[0].header("Message-ID"), taken[1].header("Message-ID"));

    // Whoever is known no more costs nobody else theirs.
    server.knows_not("board@acme.example");
    record(&home, "-500");
    counted(&daemon, "okrd_notify_suspended", 1.0);
    counted(&daemon, "okrd_notify_sent_total", 3.0);
    // A password that is refused stops everything, and is not tried again.
    home.write("mail.password", "wrong-canary-4711");
    record(&home, "1000");
    within(PATIENT, "the login is refused", || {
        daemon.log().contains("535").then_some(())
    });
    let logins = server.commands().iter().filter(|c| *c == "AUTH").count();
    record(&home, "-500");
    counted(&daemon, "okrd_notify_suspended", 1.0);
    let log = daemon.end();
    assert_eq!(
        server.commands().iter().filter(|c| *c == "AUTH").count(),
        logins
    );
    let store = std::fs::read(home.path("okrd.db")).unwrap();
    assert!(
        !log.contains("canary") && !String::from_utf8_lossy(&store).contains("canary"),
        "{log}"
    );
}

#[test]
fn an_email_without_tls_is_sent_where_that_is_wanted_and_nowhere_else() {
    let server = on_air(Smtp::start(None));
    // STARTTLS is not offered: nothing is told.
    let wary = home(&email(&server, "to = [\"all@acme.example\"]"));
    let daemon = started(&wary);
    record(&wary, "1000");
    daemon.until("it fails", |m| {
        m.sample("okrd_notify_up", &[("notify", "chat")]) == Some(0.0)
    });
    daemon.end();
    assert!(
        server
            .commands()
            .iter()
            .all(|command| !command.starts_with("MAIL"))
    );
    let plain = home(&email(
        &server,
        "to = [\"all@acme.example\"]\nsecurity = \"none\"",
    ));
    let daemon = started(&plain);
    record(&plain, "1000");
    counted(&daemon, "okrd_notify_sent_total", 1.0);
    assert!(!server.taken()[0].safe);
    daemon.end();
}

fn jira(tracker: &Tracker, write: &str) -> String {
    format!(
        "type = \"jira\"\nurl = \"{}\"\nauth = {{ user = \"okrd@acme.example\", token = {{ file = \"jira.token\" }} }}\nwrite = {write}\npage = \"https://okrd.acme.example\"",
        tracker.wire.url()
    )
}

#[test]
fn an_issue_hears_of_the_key_result_that_its_initiative_is_to_move() {
    for cloud in [true, false] {
        let tracker = on_air(Tracker::start(cloud));
        let home = home(&jira(&tracker, "[\"link\", \"comment\"]"));
        home.write("jira.token", TOKEN);
        tracker.asks_for_patience();
        let daemon = started(&home);
        record(&home, "1000");
        counted(&daemon, "okrd_notify_sent_total", 2.0);
        record(&home, "-500");
        counted(&daemon, "okrd_notify_sent_total", 4.0);
        let written = tracker.written();
        let links: Vec<_> = written.iter().filter(|w| w.1 == "remotelink").collect();
        assert_eq!((written.len(), links.len()), (4, 2), "{written:#?}");
        assert_eq!(links[0].2["globalId"], "okrd:life:growth/recommend");
        assert_eq!(
            links[0].2["globalId"], links[1].2["globalId"],
            "one link, kept at how it stands"
        );
        assert_eq!(links[1].2["object"]["title"], "Title of recommend: at risk");
        let version = if cloud { 3 } else { 2 };
        let only = [
            "GET /rest/api/2/serverInfo".to_owned(),
            format!("POST /rest/api/{version}/issue/CONT-12/remotelink"),
            format!("POST /rest/api/{version}/issue/CONT-12/comment"),
        ];
        let asked = tracker.asked();
        assert!(
            asked.iter().all(|asked| only.contains(asked)),
            "nothing else: {asked:?}"
        );
        daemon.end();
    }
}

#[test]
fn a_jira_that_does_not_know_the_token_or_the_issue_is_not_pestered() {
    let tracker = on_air(Tracker::start(true));
    let home = home(&jira(&tracker, "[\"comment\"]"));
    // Served as anonymous, which only a header says.
    home.write("jira.token", "wrong");
    let daemon = started(&home);
    record(&home, "1000");
    counted(&daemon, "okrd_notify_suspended", 1.0);
    counted(&daemon, "okrd_notify_waiting", 1.0);
    home.write("jira.token", TOKEN);
    counted(&daemon, "okrd_notify_sent_total", 1.0);
    // An issue that is not there: that message alone.
    let okrs = std::fs::read_to_string(home.path("okrs/team.toml")).unwrap();
    home.write("okrs/team.toml", &okrs.replace("CONT-12", "CONT-13"));
    home.ends(0, &["reload"]);
    record(&home, "-500");
    counted(&daemon, "okrd_notify_dropped_total", 1.0);
    counted(&daemon, "okrd_notify_suspended", 0.0);
    let done = home.refuses(2, &["notify", "test", "chat"]);
    assert!(done.contains("nothing to test on"), "{done}");
    let log = daemon.end();
    assert!(!log.contains("canary"), "{log}");
}
