//! How okrd treats sources: no more questions than agreed, none while one is to be left alone, also after a restart, and the
//! same question once. Against servers that count.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::fakes::wire::{Act, Asked, Wire, json, respond};
use crate::home::{
    DAEMON, Daemon, Home, Metrics, PATIENT, every_second, growth, key_result, on_air, within,
};

/// A server that notes when it was asked, by what `answer` says.
struct Counting {
    wire: Wire,
    at: Arc<Mutex<Vec<Instant>>>,
}

impl Counting {
    fn new(answer: impl Fn(&Asked, usize) -> Vec<Act> + Send + Sync + 'static) -> Self {
        let at: Arc<Mutex<Vec<Instant>>> = Arc::default();
        let noted = Arc::clone(&at);
        let wire = on_air(Wire::plain(move |asked| {
            let mut noted = noted.lock().unwrap();
            noted.push(Instant::now());
            let before = noted.len() - 1;
            drop(noted);
            answer(asked, before)
        }));
        Self { wire, at }
    }

    fn times(&self) -> Vec<Instant> {
        self.at.lock().unwrap().clone()
    }

    fn count(&self) -> usize {
        self.times().len()
    }

    fn source(&self, rest: &str) -> String {
        format!(
            "[sources.site]\ntype = \"http\"\nurl = \"{}\"\n{rest}\n",
            self.wire.url()
        )
    }
}

fn number(value: u32) -> Vec<Act> {
    json(200, &format!("{{\"n\": {value}}}"))
}

fn asks(id: &str, path: &str) -> String {
    key_result(
        id,
        &format!("measure = {{ source = \"site\", path = \"{path}\", value = \"/n\" }}"),
    )
}

fn home(daemon: &str, source: &str, key_results: &[String]) -> Home {
    let key_results: Vec<&str> = key_results.iter().map(String::as_str).collect();
    Home::new(&[
        ("okrd.toml", &format!("{daemon}{source}")),
        ("okrs/team.toml", &growth(&key_results)),
    ])
}

fn gauge(daemon: &Daemon, name: &str, wanted: f64) {
    daemon.until(&format!("{name} is {wanted}"), |m| {
        m.sample(name, &[("source", "site")]) == Some(wanted)
    });
}

/// So many looks of the daemon at what others did, so that whatever it would do by now it has done.
fn a_while(daemon: &Daemon) {
    let tick = || {
        let metrics = daemon.metrics();
        metrics.sample("okrd_scheduler_last_tick_timestamp_seconds", &[])
    };
    let before = tick();
    within(PATIENT, "the scheduler goes round", || {
        (tick() >= before.map(|at| at + 3.0)).then_some(())
    });
}

#[test]
fn f18_a_refused_login_suspends_the_source_until_somebody_resumes_it_also_over_a_restart() {
    let right = Arc::new(AtomicBool::new(false));
    let knows = Arc::clone(&right);
    let server = Counting::new(move |_, _| match knows.load(Ordering::SeqCst) {
        true => number(7),
        false => json(401, "{}"),
    });
    let source = server.source("auth = { token = { file = \"site.token\" } }");
    let home = home(&every_second(), &source, &[asks("a", "/a")]);
    home.write("site.token", "c4n4ry-login\n");
    let daemon = home.start();
    gauge(&daemon, "okrd_source_suspended", 1.0);
    a_while(&daemon);
    assert_eq!(server.count(), 1, "nobody is asked again");
    // Everybody who looks learns what to do.
    let remedy = "okrd resume site";
    let ready = daemon.get("/-/ready");
    assert_eq!(ready.status, 200);
    for said in [
        ready.body,
        daemon.get("/").body,
        daemon.get("/api/v1/scorecard").body,
        daemon.log(),
        home.ends(0, &["status"]).out,
    ] {
        assert!(said.contains(remedy), "{said}");
        assert!(!said.contains("c4n4ry"), "{said}");
    }
    let held = daemon
        .metrics()
        .sample("okrd_scheduler_polls_held_total", &[("source", "site")]);
    assert!(held >= Some(1.0), "{held:?}");

    // A restart changes nothing, and says it again.
    daemon.end();
    let daemon = home.start();
    gauge(&daemon, "okrd_source_suspended", 1.0);
    a_while(&daemon);
    assert_eq!(
        server.count(),
        1,
        "a supervisor that restarts us locks no account"
    );
    assert!(daemon.log().contains(remedy), "{}", daemon.log());

    // Beside the daemon: heard within a second.
    right.store(true, Ordering::SeqCst);
    let done = home.ends(0, &["resume", "site"]);
    assert!(
        done.out
            .starts_with("resumed site, which refused the login"),
        "{done:?}"
    );
    assert_eq!(daemon.value("growth/a"), 7.0);
    gauge(&daemon, "okrd_source_suspended", 0.0);
    assert!(!home.ends(0, &["status"]).out.contains(remedy));

    // And without one: the next start asks.
    right.store(false, Ordering::SeqCst);
    gauge(&daemon, "okrd_source_suspended", 1.0);
    daemon.end();
    right.store(true, Ordering::SeqCst);
    let before = server.count();
    home.ends(0, &["resume", "site"]);
    let daemon = home.start();
    within(PATIENT, "it is asked", || {
        (server.count() > before).then_some(())
    });
    gauge(&daemon, "okrd_source_suspended", 0.0);
    daemon.end();
    for (_, bytes) in crate::home::everything_under(&home.path(".")) {
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains("c4n4ry") || text.trim() == "c4n4ry-login");
    }
    let why = home.refuses(2, &["resume", "sight"]);
    assert!(
        why.contains("no source or channel is called sight: expected one of site"),
        "{why}"
    );
    let done = home.ends(0, &["resume", "site", "--format", "json"]);
    assert!(done.out.contains("\"suspended_since\":null"), "{done:?}");
}

/// The secret is rotated while a poll is under way that is refused for the old one.
#[test]
fn f18_a_secret_rotated_while_a_refused_poll_is_under_way_is_tried_at_once() {
    let folder: Arc<Mutex<Option<std::path::PathBuf>>> = Arc::default();
    let place = Arc::clone(&folder);
    let server = Counting::new(move |asked, _| {
        if asked.header("authorization") == Some("Bearer second") {
            return number(7);
        }
        std::fs::write(place.lock().unwrap().as_ref().unwrap(), "second\n").unwrap();
        json(401, "{}")
    });
    let source = server.source("auth = { token = { file = \"site.token\" } }");
    // Twice a day, so that only a poll that is asked again brings a value.
    let home = home(DAEMON, &source, &[asks("a", "/a")]);
    home.write("site.token", "first\n");
    *folder.lock().unwrap() = Some(home.path("site.token"));
    let daemon = home.start();
    assert_eq!(daemon.value("growth/a"), 7.0);
    assert_eq!(server.count(), 2);
    gauge(&daemon, "okrd_source_suspended", 0.0);
    daemon.end();
}

/// A secret that was changed while nobody ran is tried at the start, however the source was left.
#[test]
fn f18_a_secret_that_changed_while_the_daemon_was_down_is_tried_at_the_start() {
    let server = Counting::new(|asked, _| match asked.header("authorization") {
        Some("Bearer second") => number(7),
        _ => json(401, "{}"),
    });
    let source = server.source("auth = { token = { file = \"site.token\" } }");
    let home = home(DAEMON, &source, &[asks("a", "/a")]);
    home.write("site.token", "first\n");
    let daemon = home.start();
    gauge(&daemon, "okrd_source_suspended", 1.0);
    daemon.end();
    home.write("site.token", "second\n");
    let daemon = home.start();
    assert_eq!(daemon.value("growth/a"), 7.0);
    gauge(&daemon, "okrd_source_suspended", 0.0);
    daemon.end();
}

#[test]
fn f13_retry_after_in_both_forms_holds_the_whole_source_also_over_a_kill() {
    const WAIT: Duration = Duration::from_secs(6);
    let forms: [&[(&str, &str)]; 2] = [
        &[("Retry-After", "6")],
        // Read against the server's own clock, which is far off here.
        &[
            ("Date", "Tue, 24 Nov 2020 12:00:00 GMT"),
            ("Retry-After", "Tue, 24 Nov 2020 12:00:06 GMT"),
        ],
    ];
    for (form, status) in forms.into_iter().zip([429, 503]) {
        let server = Counting::new(move |_, before| match before {
            0 => respond(status, form, b""),
            _ => number(7),
        });
        let key_results = [asks("a", "/a"), asks("b", "/b")];
        let home = home(
            &every_second(),
            &server.source("max_in_flight = 1"),
            &key_results,
        );
        let daemon = home.start();
        within(PATIENT, "the wait is known", || {
            daemon.log().contains("asked for patience").then_some(())
        });
        // Long enough for what was heard to be on disk.
        a_while(&daemon);
        daemon.kill();
        let daemon = home.start();
        assert_eq!(daemon.value("growth/a"), 7.0);
        assert_eq!(daemon.value("growth/b"), 7.0);
        let times = server.times();
        let waited = times[1].duration_since(times[0]);
        assert!(waited >= WAIT, "{status}: asked again after {waited:?}");
        daemon.end();
    }
}

#[test]
fn f14_a_wait_longer_than_granted_is_cut_and_the_log_says_so() {
    let server = Counting::new(|_, _| respond(429, &[("Retry-After", "315360000")], b""));
    let home = home(&every_second(), &server.source(""), &[asks("a", "/a")]);
    home.write(
        "okrd.toml",
        &std::fs::read_to_string(home.path("okrd.toml"))
            .unwrap()
            .replace("[polling]", "[polling]\nmax_retry_after = \"2m\""),
    );
    let daemon = home.start();
    within(PATIENT, "the log tells of the cut", || {
        daemon
            .log()
            .contains("polling.max_retry_after")
            .then_some(())
    });
    // By the daemon's own clock.
    let wait = |m: &Metrics| {
        let next = m.sample(
            "okrd_source_next_poll_timestamp_seconds",
            &[("source", "site")],
        )?;
        Some(next - m.sample("okrd_scheduler_last_tick_timestamp_seconds", &[])?)
    };
    let metrics = daemon.until("the wait is shown", |m| wait(m) > Some(60.0));
    assert!(wait(&metrics) < Some(150.0), "two minutes and a fifth");
    daemon.end();
}

#[test]
fn f15_a_source_that_fails_in_a_row_is_left_alone_also_over_a_restart_and_one_probe_finds_it_back()
{
    let broken = Arc::new(AtomicBool::new(true));
    let breaks = Arc::clone(&broken);
    let server = Counting::new(move |_, _| match breaks.load(Ordering::SeqCst) {
        true => respond(500, &[], b""),
        false => number(7),
    });
    let key_results: Vec<String> = (0..8)
        .map(|n| asks(&format!("kr{n}"), &format!("/{n}")))
        .collect();
    let home = home(
        &every_second(),
        &server.source("max_in_flight = 1"),
        &key_results,
    );
    let daemon = home.start();
    gauge(&daemon, "okrd_source_breaker_open", 1.0);
    let asked = server.count();
    // The first poll is tried twice, the next four once.
    assert_eq!(asked, 6);
    daemon.end();
    let daemon = home.start();
    gauge(&daemon, "okrd_source_breaker_open", 1.0);
    let page = daemon.get("/").body;
    assert!(page.contains("failed several times in a row"), "{page}");
    // One probe, tried once, and the rest is twice as long.
    within(PATIENT, "it is probed", || {
        (server.count() > asked).then_some(())
    });
    a_while(&daemon);
    let probes = server.count() - asked;
    assert!(
        (1..=2).contains(&probes),
        "{probes} where eight are due each second"
    );
    broken.store(false, Ordering::SeqCst);
    home.ends(0, &["resume", "site"]);
    for n in 0..8 {
        assert_eq!(daemon.value(&format!("growth/kr{n}")), 7.0);
    }
    gauge(&daemon, "okrd_source_breaker_open", 0.0);
    daemon.end();
}

#[test]
fn f59_questions_keep_to_the_pace_and_the_permits_of_their_source() {
    let (at_once, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (here, peak) = (Arc::clone(&at_once), Arc::clone(&most));
    let server = Counting::new(move |_, _| {
        peak.fetch_max(here.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(20));
        here.fetch_sub(1, Ordering::SeqCst);
        number(7)
    });
    let key_results: Vec<String> = (0..30)
        .map(|n| asks(&format!("kr{n}"), &format!("/{n}")))
        .collect();
    // A second source of the same host shares its limits.
    let sources = server.source("max_in_flight = 1\nper_minute = 600");
    let sources = format!(
        "{sources}{}",
        sources.replace("sources.site", "sources.again")
    );
    let other = asks("other", "/other").replace("\"site\"", "\"again\"");
    let home = home(DAEMON, &sources, &[key_results, vec![other]].concat());
    let daemon = home.start();
    for n in 0..30 {
        daemon.value(&format!("growth/kr{n}"));
    }
    daemon.value("growth/other");
    let times = server.times();
    assert_eq!(times.len(), 31, "none is lost and none asked twice");
    assert_eq!(most.load(Ordering::SeqCst), 1);
    // What the network and a busy machine do to single gaps evens out.
    let took = times[30].duration_since(times[0]);
    assert!(took >= Duration::from_millis(2_900), "{took:?}");
    daemon.end();
}

/// One source hangs: the ninety-nine others are asked as ever.
#[test]
fn f60_one_source_that_hangs_delays_none_of_ninety_nine_others() {
    let hangs = on_air(Wire::always(vec![Act::Stall]));
    let mut sources = format!(
        "[sources.site]\ntype = \"http\"\nurl = \"{}\"\n",
        hangs.url()
    );
    let mut key_results = vec![
        asks("hangs", "/"),
        asks("hangs2", "/2"),
        asks("hangs3", "/3"),
    ];
    for n in 0..99 {
        sources.push_str(&format!(
            "[sources.s{n}]\ntype = \"sqlite\"\npath = \"shop.db\"\n"
        ));
        let measure = format!("measure = {{ source = \"s{n}\", query = \"SELECT {n}\" }}");
        key_results.push(key_result(&format!("kr{n}"), &measure));
    }
    // It hangs for longer than the test takes.
    let daemon = every_second().replace("timeout = \"10s\"", "timeout = \"2m\"");
    let home = home(&daemon, &sources, &key_results);
    home.make_shop();
    let daemon = home.start();
    let polls = || -> Vec<f64> {
        let metrics = daemon.metrics();
        let of = |n| {
            let name = format!("s{n}");
            metrics.sample(
                "okrd_source_poll_duration_seconds_count",
                &[("source", &name)],
            )
        };
        (0..99).map(|n| of(n).unwrap()).collect()
    };
    // A slot each second.
    for times in 1..=5 {
        within(PATIENT, "all are asked again", || {
            polls()
                .iter()
                .all(|polls| *polls >= f64::from(times))
                .then_some(())
        });
    }
    let metrics = daemon.metrics();
    let answered = metrics.sample(
        "okrd_source_poll_duration_seconds_count",
        &[("source", "site")],
    );
    assert_eq!(answered, Some(0.0), "while the first still hangs");
    daemon.kill();
}

/// The same question of several key results is asked once; each has the answer, or the fault, as its own.
#[test]
fn the_same_question_of_several_key_results_is_asked_once_and_each_has_the_answer() {
    let broken = Arc::new(AtomicBool::new(false));
    let breaks = Arc::clone(&broken);
    let server = Counting::new(move |asked, _| match breaks.load(Ordering::SeqCst) {
        true => json(404, "{}"),
        false if asked.target == "/other" => number(9),
        false => number(7),
    });
    let twin = |id: &str| asks(id, "/same/{today:date}");
    let another_unit = twin("c").replace("\"things\"", "\"visits\"");
    let key_results = [twin("a"), twin("b"), another_unit, asks("other", "/other")];
    // With jitter: those that share a question share their delay.
    let daemon_file = DAEMON.replace("jitter = \"0s\"", "jitter = \"1s\"");
    let home = home(&daemon_file, &server.source(""), &key_results);
    let daemon = home.start();
    for id in ["a", "b", "c"] {
        assert_eq!(daemon.value(&format!("growth/{id}")), 7.0);
        assert_eq!(home.history(&format!("growth/{id}")), [7.0]);
    }
    assert_eq!(daemon.value("growth/other"), 9.0);
    assert_eq!(server.count(), 2);
    let polls = daemon
        .metrics()
        .sample("okrd_source_polls_total", &[("source", "site")]);
    assert_eq!(
        polls,
        Some(4.0),
        "one poll for each key result all the same"
    );
    daemon.end();

    // Faults are shared, too.
    broken.store(true, Ordering::SeqCst);
    let done = home.ends(1, &["run", "--once"]);
    assert_eq!(server.count(), 4);
    for id in ["a", "b", "c", "other"] {
        assert!(done.err.contains(&format!("growth/{id}: ")), "{done:?}");
    }
}

/// A server that keeps connections and takes 50 ms for each answer. Returns its URL, and how many questions were under way
/// at most and how many came.
fn slow_server() -> (String, Arc<AtomicUsize>, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (most, all) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (peak, count, at_once) = (
        Arc::clone(&most),
        Arc::clone(&all),
        Arc::<AtomicUsize>::default(),
    );
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (peak, count, at_once) =
                (Arc::clone(&peak), Arc::clone(&count), Arc::clone(&at_once));
            std::thread::spawn(move || {
                let mut stream = BufReader::new(stream.unwrap());
                let mut line = String::new();
                while stream.read_line(&mut line).unwrap_or(0) > 0 {
                    if line == "\r\n" {
                        peak.fetch_max(
                            at_once.fetch_add(1, Ordering::SeqCst) + 1,
                            Ordering::SeqCst,
                        );
                        std::thread::sleep(Duration::from_millis(50));
                        at_once.fetch_sub(1, Ordering::SeqCst);
                        count.fetch_add(1, Ordering::SeqCst);
                        let answer = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n{\"n\":7}";
                        let _ = stream.get_mut().write_all(answer.as_bytes());
                    }
                    line.clear();
                }
            });
        }
    });
    (url, most, all)
}

#[test]
#[ignore = "long: some minutes"]
#[expect(clippy::print_stderr, reason = "a long run tells how it went")]
fn long_f59_ten_thousand_key_results_on_one_tick_are_all_asked_within_the_permits() {
    let (url, most, all) = slow_server();
    let source = format!("[sources.site]\ntype = \"http\"\nurl = \"{url}\"\n");
    let key_results: Vec<String> = (0..10_000)
        .map(|n| asks(&format!("kr{n}"), &format!("/{n}")))
        .collect();
    let home = home(DAEMON, &source, &key_results);
    let (begun, mut lag) = (Instant::now(), 0.0_f64);
    let daemon = home.start();
    let metrics = within(Duration::from_secs(600), "all are asked", || {
        std::thread::sleep(Duration::from_millis(500));
        let metrics = daemon.metrics();
        lag = lag.max(metrics.sample("okrd_scheduler_lag_seconds", &[]).unwrap());
        let values = metrics.0.matches("\nokrd_key_result_value{").count();
        (values == 10_000).then_some(metrics)
    });
    let took = begun.elapsed();
    let resident = metrics
        .sample("process_resident_memory_bytes", &[])
        .unwrap()
        / 1_048_576.0;
    let most = most.load(Ordering::SeqCst);
    eprintln!(
        "10,000 polls in {took:?}, {most} at a time at most, lag {lag:.1} s, {resident:.0} MiB resident"
    );
    assert_eq!(all.load(Ordering::SeqCst), 10_000, "each is asked once");
    // Four permits of 20 questions a second each.
    assert!(
        most <= 4 && took >= Duration::from_secs(125),
        "{most} at a time, {took:?}"
    );
    assert!(lag > 60.0, "the last waited for two minutes, seen {lag} s");
    assert!(resident < 256.0, "{resident} MiB");
    let missed = metrics.sample("okrd_scheduler_slots_missed_total", &[("source", "site")]);
    assert_eq!(missed, Some(0.0));
    let lag = |m: &Metrics| m.sample("okrd_scheduler_lag_seconds", &[]);
    daemon.until("nobody waits any more", |m| lag(m) == Some(0.0));
    daemon.end();
}
