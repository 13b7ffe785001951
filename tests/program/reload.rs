//! The configuration changed under a running daemon: all of it or nothing.

use rustix::process::Signal;

use crate::home::{Daemon, Home, PATIENT, counted, growth, within};

const ACCEPTED: &str = "okrd_config_last_reload_successful";

fn accepted(daemon: &Daemon) -> Option<f64> {
    daemon.metrics().sample(ACCEPTED, &[])
}

fn home() -> Home {
    let home = Home::shop();
    let okrs = growth(&[&counted("stays", 1), &counted("goes", 2)]);
    home.write("okrs/team.toml", &okrs);
    home
}

#[test]
fn what_is_new_appears_and_what_is_gone_vanishes() {
    let home = home();
    let daemon = home.start();
    assert_eq!(
        (daemon.value("growth/stays"), daemon.value("growth/goes")),
        (1.0, 2.0)
    );
    home.write("okrs/team.toml", &growth(&[&counted("stays", 1)]));
    home.write("okrs/more.toml", "cycle = \"life\"\n[objectives.reach]\ntitle = \"Reach\"\n\
        [objectives.reach.key_results.comes]\ntitle = \"Comes\"\nunit = \"x\"\nbaseline = 0\ntarget = 5\n\
        measure = { source = \"shop\", query = \"SELECT 3\" }\n");
    daemon.signal(Signal::HUP);
    assert_eq!(daemon.value("reach/comes"), 3.0);
    let metrics = daemon.metrics();
    assert_eq!(metrics.value("growth/stays"), Some(1.0));
    assert!(!metrics.0.contains("\"goes\""), "{}", metrics.0);
    assert_eq!(metrics.sample(ACCEPTED, &[]), Some(1.0));
    assert_eq!(metrics.sample("okrd_config_reloads_total", &[]), Some(1.0));
    assert!(!daemon.get("/").body.contains("Title of goes"));
    assert_eq!(daemon.get("/api/v1/key-results/growth/goes").status, 404);
    // It comes back with what was known of it.
    home.write(
        "okrs/team.toml",
        &growth(&[&counted("stays", 1), &counted("goes", 2)]),
    );
    daemon.signal(Signal::HUP);
    assert_eq!(daemon.value("growth/goes"), 2.0);
    daemon.end();
}

#[test]
fn f52_a_broken_configuration_changes_nothing_and_is_told_without_secrets() {
    const CANARY: &str = "canary-6f1d20";
    let home = home();
    let good = std::fs::read_to_string(home.path("okrd.toml")).unwrap();
    let daemon = home.start();
    daemon.value("growth/goes");
    let source = format!(
        "[sources.letter]\ntype = \"http\"\nurl = \"http://localhost\"\nauth = {{ token = \"{CANARY}\" }}\nspeed = 1\n"
    );
    // A key that nobody knows and a literal secret; a file that is no TOML; a file that is gone.
    let broken: [(&str, String); 3] = [
        ("okrd.toml", format!("{good}{source}")),
        ("okrd.toml", format!("{good}{source}[[[")),
        (
            "okrs/team.toml",
            "cycle = \"life\"\n[objectives.growth]\ntitel = \"Grow\"\n".into(),
        ),
    ];
    for (nth, (name, text)) in broken.iter().enumerate() {
        let before = std::fs::read_to_string(home.path(name)).unwrap();
        home.write(name, text);
        daemon.signal(Signal::HUP);
        let metrics = within(PATIENT, "the reload was refused", || {
            let metrics = daemon.metrics();
            let failures = metrics.sample("okrd_config_reload_failures_total", &[])?;
            // The gauge follows within a tenth of a second.
            let told = failures > nth as f64 && metrics.sample(ACCEPTED, &[]) == Some(0.0);
            told.then_some(metrics)
        });
        assert_eq!(metrics.value("growth/goes"), Some(2.0), "{text}");
        assert!(metrics.value("growth/stays").is_some());
        let (log, place) = (daemon.log(), format!("{name}:"));
        let told = log.rsplit("configuration not reloaded").next().unwrap();
        let (_, after) = told
            .split_once(&place)
            .unwrap_or_else(|| panic!("no place in {told}"));
        let mut numbers = after.split(|c: char| !c.is_ascii_digit());
        let number = |text: Option<&str>| text.unwrap().parse::<u32>().unwrap();
        let (line, column) = (number(numbers.next()), number(numbers.next()));
        assert!(line > 1 && column >= 1, "{told}");
        assert!(!log.contains(CANARY), "{log}");
        home.write(name, &before);
    }
    daemon.signal(Signal::HUP);
    within(PATIENT, "the mended one is taken", || {
        (accepted(&daemon) == Some(1.0)).then_some(())
    });
    daemon.end();
}

#[test]
fn a_reload_by_http_is_off_unless_wanted() {
    let home = home();
    let daemon = home.start();
    daemon.value("growth/goes");
    home.write("okrs/team.toml", &growth(&[&counted("stays", 1)]));
    let refused = daemon.post("/-/reload");
    assert_eq!(refused.status, 403);
    assert!(
        refused.head.contains("application/problem+json"),
        "{}",
        refused.head
    );
    assert!(refused.body.contains("lifecycle"), "{}", refused.body);
    assert_eq!(
        daemon.metrics().sample("okrd_config_reloads_total", &[]),
        Some(0.0)
    );
    assert!(daemon.metrics().value("growth/goes").is_some());
    daemon.end();

    let listen = "listen = \"127.0.0.1:0\"";
    let text = std::fs::read_to_string(home.path("okrd.toml")).unwrap();
    home.write(
        "okrd.toml",
        &text.replace(listen, &format!("{listen}\nlifecycle = true")),
    );
    let daemon = home.start();
    home.write(
        "okrs/team.toml",
        &growth(&[&counted("stays", 1), &counted("comes", 3)]),
    );
    assert_eq!(daemon.get("/-/reload").status, 405);
    assert_eq!(daemon.post("/-/reload").status, 200);
    assert_eq!(daemon.value("growth/comes"), 3.0);
    home.write("okrs/team.toml", "cycle = 7");
    let refused = daemon.post("/-/reload");
    assert_eq!(refused.status, 500);
    assert!(
        refused.head.contains("application/problem+json"),
        "{}",
        refused.head
    );
    assert!(
        refused.body.contains("okrs/team.toml:1:9"),
        "{}",
        refused.body
    );
    within(PATIENT, "the refusal is told", || {
        (accepted(&daemon) == Some(0.0)).then_some(())
    });
    assert_eq!(daemon.metrics().value("growth/comes"), Some(3.0));
    daemon.end();
}
