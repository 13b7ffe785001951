//! The configuration changed under a running daemon: all of it or nothing.

use std::os::unix::fs::symlink;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use crate::home::{
    DAEMON, Daemon, Home, PATIENT, SHOP, counted, every_second, growth, swap, within,
};

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

/// A shop whose daemon watches its files.
fn watched(okrs: &str) -> Home {
    let home = Home::shop();
    let daemon = DAEMON.replace("watch = false", "watch = true");
    home.write("okrd.toml", &format!("{daemon}{SHOP}"));
    home.write("okrs/team.toml", okrs);
    home
}

fn reloads(daemon: &Daemon) -> (f64, f64) {
    let metrics = daemon.metrics();
    let counter = |name| metrics.sample(name, &[]).unwrap();
    (
        counter("okrd_config_reloads_total"),
        counter("okrd_config_reload_failures_total"),
    )
}

#[test]
fn okrd_reload_tells_what_became_of_this_very_reload() {
    let home = home();
    let error = home.refuses(2, &["reload"]);
    assert!(error.contains("no daemon runs on the store"), "{error}");
    assert!(error.contains("okrd run"), "{error}");

    let daemon = home.start();
    daemon.value("growth/goes");
    let done = home.ends(0, &["reload"]);
    assert_eq!(
        done.out,
        "reloaded: added 0, removed 0, changed 0, 2 untouched\n"
    );
    let later = counted("stays", 1).replace("measure", "schedule = \"every 6h\"\nmeasure");
    home.write(
        "okrs/team.toml",
        &growth(&[&later, &counted("goes", 2), &counted("comes", 3)]),
    );
    let done = home.ends(0, &["reload", "--format", "json"]);
    let answer: Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!(answer["taken"], true);
    assert_eq!(answer["added"], serde_json::json!(["life:growth/comes"]));
    assert_eq!(answer["changed"], serde_json::json!({ "schedule": 1 }));
    assert_eq!(answer["untouched"], 1);
    // In force when the command ends, not some time later.
    assert_eq!(daemon.get("/api/v1/key-results/growth/comes").status, 200);
    assert!(
        daemon.log().contains(
            "configuration reloaded: added 1, removed 0, changed 1 (schedule 1), 1 untouched"
        ),
        "{}",
        daemon.log()
    );

    home.append("okrd.toml", "[servre]\n");
    let done = home.ends(1, &["reload"]);
    assert!(
        done.err.contains("okrd.toml:") && done.err.contains("servre"),
        "{done:?}"
    );
    within(PATIENT, "the refusal is told", || {
        (accepted(&daemon) == Some(0.0)).then_some(())
    });
    assert_eq!(daemon.get("/api/v1/key-results/growth/comes").status, 200);
    // Of many at once each gets its own answer.
    let good = std::fs::read_to_string(home.path("okrd.toml")).unwrap();
    home.write("okrd.toml", good.trim_end_matches("[servre]\n"));
    std::thread::scope(|scope| {
        let asking: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| home.okrd(&["reload"])))
            .collect();
        for asked in asking {
            let done = asked.join().unwrap();
            assert_eq!(
                (done.code, done.out.as_str()),
                (0, "reloaded: added 0, removed 0, changed 0, 3 untouched\n"),
                "{done:?}"
            );
        }
    });
    assert_eq!(reloads(&daemon), (7.0, 1.0));
    daemon.kill();
    // The socket that a killed daemon leaves behind is no daemon, and keeps the next one from nothing.
    assert!(home.path("okrd.db.sock").exists());
    assert!(home.refuses(2, &["reload"]).contains("no daemon runs"));
    let daemon = home.start();
    home.ends(0, &["reload"]);
    daemon.end();
    assert!(!home.path("okrd.db.sock").exists());
}

#[test]
fn what_a_reload_does_not_touch_goes_on_as_it_was() {
    let home = home();
    let daemon = home.start();
    daemon.value("growth/goes");
    let asked = |daemon: &Daemon| {
        let polls = [("source", "shop")];
        daemon.metrics().sample("okrd_source_polls_total", &polls)
    };
    let values = |name: &str| home.history(name);
    assert_eq!(asked(&daemon), Some(2.0));
    let text = growth(&[&counted("stays", 1), &counted("goes", 4)]);
    home.write("okrs/team.toml", &text);
    let done = home.ends(0, &["reload"]);
    assert_eq!(
        done.out,
        "reloaded: added 0, removed 0, changed 1 (definition 1), 1 untouched\n"
    );
    daemon.until("the new one is asked", |m| {
        m.value("growth/goes") == Some(4.0)
    });
    // Only what means something else was asked, and a slot that was asked before is not asked again.
    assert_eq!(asked(&daemon), Some(3.0));
    assert_eq!(values("growth/stays"), [1.0]);
    daemon.end();
}

#[test]
fn f55_files_that_vanish_take_nothing_with_them() {
    let home = watched(&growth(&[
        &counted("stays", 1),
        &counted("goes", 2),
        &counted("too", 3),
    ]));
    let daemon = home.start();
    daemon.value("growth/too");
    let aside = home.path("aside");
    // The folder is empty, as a mount that failed leaves it.
    std::fs::rename(home.path("okrs/team.toml"), &aside).unwrap();
    let error = home.ends(1, &["reload"]).err;
    assert!(error.contains("3 of 3 key results"), "{error}");
    assert!(error.contains("growth/goes"), "{error}");
    assert!(error.contains("--allow-mass-removal"), "{error}");
    within(PATIENT, "the refusal is told", || {
        (accepted(&daemon) == Some(0.0)).then_some(())
    });
    assert_eq!(daemon.metrics().value("growth/too"), Some(3.0));
    // The main file too.
    let main = std::fs::read_to_string(home.path("okrd.toml")).unwrap();
    std::fs::remove_file(home.path("okrd.toml")).unwrap();
    let failures = reloads(&daemon).1;
    daemon.signal(Signal::HUP);
    within(PATIENT, "refused again", || {
        (reloads(&daemon).1 > failures).then_some(())
    });
    assert_eq!(daemon.metrics().value("growth/too"), Some(3.0));
    // All there again: the watch sees it, and nothing was asked anew.
    std::fs::rename(&aside, home.path("okrs/team.toml")).unwrap();
    home.write("okrd.toml", &main);
    within(PATIENT, "taken back", || {
        (accepted(&daemon) == Some(1.0)).then_some(())
    });
    assert_eq!(home.history("growth/too"), [3.0]);

    // Meant: what goes is in force no more, and its past is kept.
    home.write("okrs/team.toml", &growth(&[&counted("stays", 1)]));
    home.ends(1, &["reload"]);
    let done = home.ends(0, &["reload", "--allow-mass-removal"]);
    assert_eq!(
        done.out,
        "reloaded: added 0, removed 2, changed 0, 1 untouched\n"
    );
    assert_eq!(daemon.get("/api/v1/key-results/growth/too").status, 404);
    assert!(daemon.log().contains(
        "in force no more, what was measured of them is kept: life:growth/goes, life:growth/too"
    ));
    home.write(
        "okrs/team.toml",
        &growth(&[
            &counted("stays", 1),
            &counted("goes", 2),
            &counted("too", 3),
        ]),
    );
    home.ends(0, &["reload"]);
    assert_eq!(daemon.value("growth/too"), 3.0);
    // Or written down.
    let may = main.replace("[reload]\n", "[reload]\nallow_mass_removal = true\n");
    home.write("okrd.toml", &may);
    home.write("okrs/team.toml", &growth(&[&counted("new", 1)]));
    home.ends(0, &["reload"]);
    daemon.end();
}

#[test]
fn f53_a_file_that_is_being_written_is_waited_for() {
    let home = watched(&growth(&[&counted("stays", 1), &counted("goes", 2)]));
    let daemon = home.start();
    daemon.value("growth/goes");
    // Truncated, then a pause, then slowly: comments, and in the last piece all that counts.
    let filler = "# what follows was agreed in the meeting\n".repeat(100);
    let text = format!(
        "{filler}{}",
        growth(&[
            &counted("stays", 1),
            &counted("goes", 2),
            &counted("comes", 3)
        ])
    );
    let path = home.path("okrs/team.toml");
    let mut file = std::fs::File::create(&path).unwrap();
    std::thread::sleep(Duration::from_millis(700));
    for part in text.as_bytes().chunks(1024) {
        std::io::Write::write_all(&mut file, part).unwrap();
        std::thread::sleep(Duration::from_millis(300));
    }
    drop(file);
    assert_eq!(daemon.value("growth/comes"), 3.0);
    assert_eq!(reloads(&daemon), (1.0, 0.0), "{}", daemon.log());
    // Written again as it was: nothing to do.
    std::fs::write(&path, &text).unwrap();
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(reloads(&daemon), (1.0, 0.0), "{}", daemon.log());
    // Left half written it is called faulty once, and tried again as soon as it changes.
    std::fs::write(&path, &text[..text.len() - 30]).unwrap();
    within(PATIENT, "the refusal", || {
        (reloads(&daemon).1 > 0.0).then_some(())
    });
    assert_eq!(daemon.metrics().value("growth/comes"), Some(3.0));
    // What is in force again is no failure any more, even if the files were faulty otherwise for a moment.
    std::fs::write(&path, "cycle = ").unwrap();
    std::thread::sleep(Duration::from_secs(3));
    std::fs::write(&path, &text).unwrap();
    within(PATIENT, "the old file counts again", || {
        (accepted(&daemon) == Some(1.0)).then_some(())
    });
    let before = reloads(&daemon);
    let changed = text.replace("Title of comes", "Another title");
    std::fs::write(&path, &changed).unwrap();
    within(PATIENT, "the whole file is taken", || {
        daemon.get("/").body.contains("Another title").then_some(())
    });
    assert_eq!(
        reloads(&daemon),
        (before.0 + 1.0, before.1),
        "{}",
        daemon.log()
    );
    daemon.end();
}

#[test]
fn f54_a_swapped_kubernetes_volume_is_taken_in() {
    let home = Home::shop();
    std::fs::create_dir(home.path("volume")).unwrap();
    let volume = home.path("volume");
    let store = format!("[store]\npath = \"{}\"\n", home.path("okrd.db").display());
    let main = DAEMON
        .replace("watch = false", "watch = true")
        .replace("okrs/*.toml", "*.toml");
    let main = format!("{main}{}{store}", SHOP.replace("shop.db", "../../shop.db"));
    let team = |krs: &[&str]| vec![("okrd.toml", main.clone()), ("team.toml", growth(krs))];
    swap(&volume, 1, &team(&[&counted("stays", 1)]));
    // Relative paths are told from the link's own folder.
    let daemon = home.start_with(&["--config", "volume", "run"]);
    let asked = within(PATIENT, "it is known", || {
        let metrics = daemon.metrics();
        metrics.0.contains("growth").then_some(metrics)
    });
    assert!(asked.0.contains("key_result=\"stays\""));
    for number in 2..5 {
        let name = format!("comes{number}");
        swap(
            &volume,
            number,
            &team(&[&counted("stays", 1), &counted(&name, number)]),
        );
        within(PATIENT, "the new volume is taken", || {
            (daemon
                .get(&format!("/api/v1/key-results/growth/{name}"))
                .status
                == 200)
                .then_some(())
        });
    }
    assert_eq!(reloads(&daemon), (3.0, 0.0), "{}", daemon.log());
    daemon.end();
}

/// The watch can be switched on and off without a restart.
#[test]
fn a_watch_that_is_switched_off_leaves_the_files_alone() {
    let home = home();
    let daemon = home.start();
    daemon.value("growth/goes");
    let both = growth(&[
        &counted("stays", 1),
        &counted("goes", 2),
        &counted("comes", 3),
    ]);
    home.write("okrs/team.toml", &both);
    std::thread::sleep(Duration::from_secs(4));
    assert_eq!(reloads(&daemon), (0.0, 0.0));
    let main = std::fs::read_to_string(home.path("okrd.toml")).unwrap();
    home.write("okrd.toml", &main.replace("watch = false", "watch = true"));
    home.ends(0, &["reload"]);
    assert_eq!(daemon.value("growth/comes"), 3.0);
    home.write(
        "okrs/team.toml",
        &both.replace("Title of comes", "Another title"),
    );
    within(PATIENT, "the watch takes it", || {
        daemon.get("/").body.contains("Another title").then_some(())
    });
    daemon.end();
}

#[test]
fn f70_a_scrape_during_reloads_sees_one_configuration_or_the_other() {
    let home = home();
    let okrs = |suffix: &str| {
        let all: Vec<String> = (0..150)
            .map(|n| counted(&format!("kr{n}-{suffix}"), n))
            .collect();
        growth(&all.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let main = std::fs::read_to_string(home.path("okrd.toml")).unwrap();
    let main = main.replace("[reload]\n", "[reload]\nallow_mass_removal = true\n");
    home.write("okrd.toml", &main);
    home.write("okrs/team.toml", &okrs("a"));
    let daemon = home.start();
    let whole = |text: &str| {
        let of = |suffix: &str| {
            let known =
                |line: &&str| line.starts_with("okrd_key_result_info{") && line.contains(suffix);
            text.lines().filter(known).count()
        };
        (of("-a\""), of("-b\""))
    };
    let (mut seen, mut scrapes) = (Vec::new(), 0);
    std::thread::scope(|scope| {
        let reloading = scope.spawn(|| {
            for nth in 0..6 {
                home.write(
                    "okrs/team.toml",
                    &okrs(if nth % 2 == 0 { "b" } else { "a" }),
                );
                home.ends(0, &["reload"]);
            }
        });
        while !reloading.is_finished() {
            let began = Instant::now();
            let metrics = daemon.metrics().0;
            assert!(
                began.elapsed() < Duration::from_secs(5),
                "{:?}",
                began.elapsed()
            );
            assert!(metrics.ends_with('\n'));
            let mut series: Vec<&str> = metrics
                .lines()
                .filter(|l| !l.starts_with('#'))
                .filter_map(|l| l.rsplit_once(' '))
                .map(|(series, _)| series)
                .collect();
            let all = series.len();
            series.sort_unstable();
            series.dedup();
            assert_eq!(series.len(), all, "a series stands there twice");
            seen.push(whole(&metrics));
            scrapes += 1;
        }
    });
    assert!(scrapes > 5, "only {scrapes} scrapes");
    assert!(
        seen.iter()
            .all(|found| [(150, 0), (0, 150)].contains(found)),
        "{seen:?}"
    );
    assert!(
        seen.contains(&(150, 0)) && seen.contains(&(0, 150)),
        "{seen:?}"
    );
    daemon.end();
}

/// A configuration on a disk that does not answer holds up the reload, and neither polls nor scrapes.
#[test]
fn f57_a_file_that_is_none_is_refused_while_polls_go_on() {
    let home = Home::shop();
    home.write("okrd.toml", &format!("{}{SHOP}", every_second()));
    let daemon = home.start();
    daemon.value("growth/subscribers");
    let polls = || {
        let metrics = daemon.metrics();
        metrics
            .sample("okrd_source_polls_total", &[("source", "shop")])
            .unwrap()
    };
    let device = |name: &str, target: &str| symlink(target, home.path(name)).unwrap();
    std::fs::rename(home.path("okrs/team.toml"), home.path("team")).unwrap();
    for (name, target) in [
        ("okrs/zero.toml", "/dev/zero"),
        ("okrs/loop.toml", "loop.toml"),
    ] {
        device(name, target);
        let before = polls();
        let error = home.ends(1, &["reload"]).err;
        assert!(!error.is_empty(), "{name}");
        within(PATIENT, "polls go on", || (polls() > before).then_some(()));
        std::fs::remove_file(home.path(name)).unwrap();
    }
    daemon.end();
}

/// Each stopped scheduler once left three MB behind: forty of them would be 120.
#[test]
fn reloads_leave_nothing_behind() {
    let home = home();
    let daily = DAEMON.replace("every 12h", "0 6 * * *");
    home.write("okrd.toml", &format!("{daily}{SHOP}"));
    let daemon = home.start();
    let after = |reloads: std::ops::Range<u32>| {
        for n in reloads {
            home.write("okrs/team.toml", &growth(&[&counted("stays", n)]));
            home.ends(0, &["reload"]);
        }
        let resident = daemon
            .metrics()
            .sample("process_resident_memory_bytes", &[]);
        resident.unwrap() / 1_048_576.0
    };
    let (few, many) = (after(0..10), after(10..50));
    assert!(
        many - few < 30.0,
        "{few} MiB after ten reloads, {many} after fifty"
    );
    daemon.end();
}
