//! Telling: a change of status reaches Slack once, whatever happens to the receiver, to okrd or to the way between; and
//! nothing that was told holds up what is measured.

use crate::fakes::slack::{HOOK, Slack, TOKEN, Trouble};
use crate::home::{DAEMON, Daemon, Home, PATIENT, SHOP, growth, key_result, on_air, within};

/// A shop, a number that people tell, and this channel; changes are told at once.
fn home(notify: &str) -> Home {
    let home = Home::shop();
    let company = "[company]\nname = \"Acme\"\nvision = \"Looking it up is a reflex\"\n[teams.content]\nname = \"Content\"\nslack = \"#team-content\"\n";
    home.write("okrd.toml", &format!("{DAEMON}{SHOP}{company}{notify}"));
    home
}

fn hook(home: &Home, slack: &Slack, rest: &str) {
    home.write("slack.webhook", &slack.hook());
    home.append(
        "okrd.toml",
        &format!("[notify.chat]\ntype = \"slack\"\nwebhook = {{ file = \"slack.webhook\" }}\nhold = \"0s\"\n{rest}\n"),
    );
}

/// Tells the value of the key result that people record.
fn record(home: &Home, value: &str) {
    home.ends(0, &["record", "growth/recommend", value]);
}

/// Waits until okrd has written down that this status was told, or taken note of.
fn noted(home: &Home, status: &str) {
    let store = home.path("okrd.db");
    within(PATIENT, &format!("{status} is noted"), || {
        let store = rusqlite::Connection::open(&store).unwrap();
        let told = "SELECT status FROM told WHERE uid = 'life:growth/recommend'";
        let found: Option<String> = store.query_row(told, [], |row| row.get(0)).ok();
        (found.as_deref() == Some(status)).then_some(())
    });
}

/// Until so many messages were taken, and their texts.
fn posted(slack: &Slack, count: usize) -> Vec<String> {
    let all = within(PATIENT, "messages are posted", || {
        let all = slack.posted();
        (all.len() >= count).then_some(all)
    });
    assert_eq!(all.len(), count, "{all:#?}");
    all.iter().map(|posted| posted.text()).collect()
}

#[test]
fn a_change_of_status_is_told_once() {
    let slack = on_air(Slack::start(&[]));
    let home = home("");
    hook(&home, &slack, "");
    let daemon = home.start();
    record(&home, "0");
    noted(&home, "too_early");
    record(&home, "1000");
    let texts = posted(&slack, 1);
    assert!(
        texts[0].contains("Title of recommend has reached its target"),
        "{}",
        texts[0]
    );
    assert!(
        texts[0].starts_with("Looking it up is a reflex\nGrow\n"),
        "{}",
        texts[0]
    );
    daemon.until("it is counted", |m| {
        m.sample("okrd_notify_sent_total", &[("notify", "chat")]) == Some(1.0)
            && m.sample("okrd_notify_up", &[("notify", "chat")]) == Some(1.0)
    });
    daemon.end();
    // A restart tells nothing again.
    let daemon = home.start();
    record(&home, "-500");
    let texts = posted(&slack, 2);
    assert!(
        texts[1].contains("is at risk, was at its target"),
        "{}",
        texts[1]
    );
    daemon.end();
    assert_eq!(slack.hurried(), 0);
}
