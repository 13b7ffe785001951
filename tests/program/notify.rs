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

/// A first value, of which note is taken, and then one that is news.
fn reach_the_target(home: &Home) {
    record(home, "0");
    noted(home, "too_early");
    record(home, "1000");
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
    reach_the_target(&home);
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

fn bot(home: &Home, slack: &Slack, rest: &str) {
    home.write("slack.token", TOKEN);
    home.append(
        "okrd.toml",
        &format!(
            "[notify.chat]\ntype = \"slack\"\ntoken = {{ file = \"slack.token\" }}\nchannel = \"#okrs\"\napi = \"{}\"\nhold = \"0s\"\n{rest}\n",
            slack.api()
        ),
    );
}

/// Of the metric of the channel.
fn counted(daemon: &Daemon, metric: &str, value: f64) {
    daemon.until(&format!("{metric} is {value}"), |m| {
        m.sample(metric, &[("notify", "chat")]) == Some(value)
    });
}

#[test]
fn a_bot_keeps_a_thread_for_each_objective_in_the_channel_of_its_team() {
    let slack = on_air(Slack::start(&["#okrs", "#team-content"]));
    let home = home("");
    bot(&home, &slack, "page = \"https://okrd.acme.example/\"");
    let okrs = growth(&[&key_result("subscribers", ""), &key_result("recommend", "")]);
    home.write(
        "okrs/team.toml",
        &okrs.replacen('\n', "\nteam = \"content\"\n", 1),
    );
    let daemon = home.start();
    record(&home, "0");
    noted(&home, "too_early");
    record(&home, "-500");
    posted(&slack, 1);
    record(&home, "1000");
    posted(&slack, 2);
    let all = slack.posted();
    assert!(all.iter().all(|p| p.channel == "#team-content"), "{all:#?}");
    assert_eq!(all[0].thread(), None);
    assert_eq!(all[1].thread(), Some(&*all[0].ts));
    // What is reached is shown in the channel too.
    assert_eq!(all[1].payload["reply_broadcast"], true);
    assert!(
        all[0]
            .text()
            .contains("<https://okrd.acme.example|Open okrd>")
    );
    daemon.end();
    // The thread outlives a restart, and is begun anew when it is gone.
    let daemon = home.start();
    slack.next(Trouble::Answer(
        200,
        "{\"ok\":false,\"error\":\"thread_not_found\"}",
    ));
    record(&home, "-500");
    posted(&slack, 3);
    assert_eq!(slack.posted()[2].thread(), None);
    daemon.end();
}

#[test]
fn what_slack_cannot_take_now_is_sent_later_and_nothing_twice() {
    let slack = on_air(Slack::start(&[]));
    let home = home("");
    hook(&home, &slack, "");
    slack.next(Trouble::Reset);
    slack.next(Trouble::Patience(1));
    slack.next(Trouble::Answer(500, "rollup_error"));
    let daemon = home.start();
    reach_the_target(&home);
    let texts = posted(&slack, 1);
    assert!(texts[0].contains("has reached its target"));
    daemon.until("each failure is counted", |m| {
        let failures = |reason| {
            let labels = [("notify", "chat"), ("reason", reason)];
            m.sample("okrd_notify_failures_total", &labels)
        };
        failures("net") == Some(1.0)
            && failures("http_5xx") == Some(1.0)
            && failures("rate_limited") == Some(1.0)
    });
    assert_eq!(slack.requests(), 4);
    daemon.end();
}

#[test]
fn a_webhook_that_is_no_more_suspends_its_channel_until_somebody_acts() {
    let slack = on_air(Slack::start(&[]));
    let home = home("");
    hook(&home, &slack, "");
    slack.down(Some(Trouble::Answer(410, "channel_is_archived")));
    let daemon = home.start();
    reach_the_target(&home);
    counted(&daemon, "okrd_notify_suspended", 1.0);
    record(&home, "-500");
    counted(&daemon, "okrd_notify_waiting", 2.0);
    assert_eq!(slack.requests(), 1);
    let shown = home.ends(0, &["notify", "preview", "chat"]).out;
    assert!(
        shown.contains("okrd resume chat") && shown.contains("waits to be sent"),
        "{shown}"
    );
    slack.down(None);
    let said = home.ends(0, &["resume", "chat"]).out;
    assert!(said.contains("2 wait"), "{said}");
    posted(&slack, 2);
    counted(&daemon, "okrd_notify_suspended", 0.0);

    // A secret that was changed heals it by itself.
    home.write("slack.webhook", &slack.hook().replace("canary", "wrong"));
    record(&home, "1000");
    counted(&daemon, "okrd_notify_suspended", 1.0);
    home.write("slack.webhook", &slack.hook());
    posted(&slack, 3);
    let log = daemon.end();
    assert!(log.contains("the secret changed"), "{log}");
    let store = std::fs::read(home.path("okrd.db")).unwrap();
    for text in [log, String::from_utf8_lossy(&store).into_owned(), shown] {
        assert!(
            !text.contains("canary-4711") && !text.contains(HOOK),
            "{text}"
        );
    }
}

#[test]
fn f74_a_hostile_title_reaches_slack_as_the_text_it_is() {
    let slack = on_air(Slack::start(&[]));
    let home = home("");
    hook(&home, &slack, "");
    let title = "<!channel> <@U1> <http://evil|text> `x` *b*";
    let okrs = std::fs::read_to_string(home.path("okrs/team.toml")).unwrap();
    let long = "y".repeat(250);
    let okrs = okrs
        .replace("\"Title of recommend\"", &format!("\"{title}\""))
        .replace("title = \"Grow\"", &format!("title = \"{title} {long}\""));
    home.write("okrs/team.toml", &okrs);
    let daemon = home.start();
    reach_the_target(&home);
    posted(&slack, 1);
    let payload = &slack.posted()[0].payload;
    let blocks = payload["blocks"].as_array().unwrap();
    let kinds: Vec<&str> = blocks
        .iter()
        .filter_map(|b| b["text"]["type"].as_str())
        .collect();
    assert!(
        kinds.iter().all(|kind| *kind == "plain_text"),
        "{payload:#}"
    );
    assert!(
        blocks[2]["text"]["text"].as_str().unwrap().contains(title),
        "{payload:#}"
    );
    let fallback = payload["text"].as_str().unwrap();
    assert!(!fallback.contains(['<', '>', '\u{202e}']), "{fallback}");
    daemon.end();
}

#[test]
fn a_test_message_says_whether_messages_come_through() {
    let slack = on_air(Slack::start(&["#okrs"]));
    let home = home("");
    bot(&home, &slack, "");
    let done = home.ends(1, &["notify", "test", "chat"]);
    assert!(done.out.contains("#okrs: taken\n"), "{}", done.out);
    assert!(
        done.out.contains("#team-content: not taken"),
        "{}",
        done.out
    );
    assert!(done.out.contains("channel_not_found"), "{}", done.out);
    slack.channel("#team-content", None);
    home.ends(0, &["notify", "test", "chat"]);
    let texts: Vec<_> = slack.posted().iter().map(|p| p.text()).collect();
    assert!(
        texts[0].contains("Messages of okrd come through"),
        "{texts:?}"
    );
    home.refuses(2, &["notify", "test", "nobody"]);
    home.refuses(2, &["resume", "nobody"]);
}

#[test]
fn a_digest_can_be_read_before_it_is_sent() {
    let slack = on_air(Slack::start(&[]));
    let home = home("");
    hook(&home, &slack, "");
    record(&home, "900");
    let shown = home.ends(0, &["notify", "preview", "chat"]).out;
    let order = [
        "how our objectives stand",
        "Looking it up is a reflex",
        "Grow",
        "Title of recommend",
    ];
    let places: Vec<_> = order.iter().map(|text| shown.find(text)).collect();
    assert!(
        places.iter().all(Option::is_some) && places.is_sorted(),
        "{places:?}\n{shown}"
    );
    let payload = home
        .ends(0, &["notify", "preview", "chat", "--payload"])
        .out;
    assert!(payload.contains("\"blocks\""), "{payload}");
    assert_eq!(slack.requests(), 0);
}

#[test]
fn a_kill_between_sending_and_noting_repeats_that_one_message_and_no_other() {
    let slack = on_air(Slack::start(&[]));
    let home = home("");
    hook(&home, &slack, "");
    let daemon = home.start();
    reach_the_target(&home);
    posted(&slack, 1);
    counted(&daemon, "okrd_notify_sent_total", 1.0);
    // Slack takes the next one, and okrd never hears of it.
    slack.next(Trouble::TakenAndSilent);
    record(&home, "-500");
    posted(&slack, 2);
    daemon.kill();
    let daemon = home.start();
    let texts = posted(&slack, 3);
    assert_eq!(texts[1], texts[2]);
    record(&home, "1000");
    let texts = posted(&slack, 4);
    assert!(texts[3].contains("has reached its target"), "{}", texts[3]);
    daemon.end();
}

#[test]
fn a_receiver_that_hangs_holds_up_no_poll() {
    let slack = on_air(Slack::start(&[]));
    let home = home("");
    hook(&home, &slack, "");
    slack.down(Some(Trouble::TakenAndSilent));
    let daemon = home.start();
    reach_the_target(&home);
    within(PATIENT, "it hangs", || {
        (slack.requests() == 1).then_some(())
    });
    record(&home, "7");
    daemon.until("the value is shown meanwhile", |m| {
        m.value("growth/recommend") == Some(7.0)
    });
    assert_eq!(slack.requests(), 1);
    let began = std::time::Instant::now();
    daemon.end();
    assert!(
        began.elapsed().as_secs() < 15,
        "the end waits no longer than that"
    );
}
