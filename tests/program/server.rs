//! Our own server and log when others mean ill or the system has nothing left: floods, guesses, hostile answers.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpSocket;

use crate::fakes::wire::{self, Wire};
use crate::home::{
    DAEMON, Daemon, Home, PATIENT, SHOP, counted, every_second, growth, key_result, on_air, within,
};

/// As long as Prometheus waits.
const SOON: Duration = Duration::from_secs(10);

/// Sets how many files a process may open from now on; those that are open stay so.
fn limit_open_files(pid: u32, most: u64) {
    let limit = format!("--nofile={most}:");
    let done = Command::new("prlimit")
        .args(["--pid", &pid.to_string(), &limit])
        .status();
    assert!(done.unwrap().success());
}

fn open_files(pid: u32) -> Vec<u64> {
    let listed = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
    listed
        .map(|entry| {
            entry
                .unwrap()
                .file_name()
                .to_string_lossy()
                .parse()
                .unwrap()
        })
        .collect()
}

/// Seconds of processor time that it used so far.
fn busy(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let ticks = |nth| {
        fields
            .split_ascii_whitespace()
            .nth(nth)
            .unwrap()
            .parse::<f64>()
            .unwrap()
    };
    (ticks(11) + ticks(12)) / 100.0
}

/// A scrape that must come in time.
fn scrape(daemon: &Daemon) -> crate::home::Metrics {
    let began = Instant::now();
    let metrics = daemon.metrics();
    assert!(
        began.elapsed() < SOON,
        "a scrape took {:?}",
        began.elapsed()
    );
    metrics
}

fn connect(daemon: &Daemon) -> std::io::Result<TcpStream> {
    let address: SocketAddr = daemon.address.parse().unwrap();
    TcpStream::connect_timeout(&address, SOON)
}

/// One source that connects anew for each poll, and one that is a file.
fn polled() -> (Home, Wire) {
    let wire = on_air(Wire::always(wire::json(200, "{\"n\": 5}")));
    let source = format!(
        "[sources.wire]\ntype = \"http\"\nurl = \"{}\"\n",
        wire.url()
    );
    let measure = "measure = { source = \"wire\", value = \"/n\" }";
    let home = Home::new(&[
        ("okrd.toml", &format!("{}{SHOP}{source}", every_second())),
        (
            "okrs/team.toml",
            &growth(&[&counted("file", 7), &key_result("wire", measure)]),
        ),
    ]);
    home.make_shop();
    (home, wire)
}

fn failures(metrics: &crate::home::Metrics, source: &str, reason: &str) -> f64 {
    let labels = [("source", source), ("reason", reason)];
    metrics
        .sample("okrd_source_poll_failures_total", &labels)
        .unwrap_or(0.0)
}

#[test]
fn f63_without_open_files_nothing_spins_polls_say_why_and_all_recovers() {
    let (home, wire) = polled();
    let daemon = home.start();
    daemon.value("growth/wire");
    daemon.value("growth/file");
    let (pid, before) = (daemon.pid(), wire.asked().len());
    // All small numbers are taken, so nothing more can be opened, whatever is closed.
    limit_open_files(pid, 8);
    let waiting: Vec<_> = (0..3).map(|_| connect(&daemon).unwrap()).collect();
    let began = (Instant::now(), busy(pid));
    std::thread::sleep(Duration::from_secs(3));
    let spent = (busy(pid) - began.1) / began.0.elapsed().as_secs_f64();
    assert!(spent < 0.3, "{spent} of a processor for nothing");
    limit_open_files(pid, 1024);
    drop(waiting);
    let metrics = daemon.until("the polls were failures of ours", |m| {
        failures(m, "wire", "internal") > 0.0
    });
    for reason in ["net", "dns", "timeout"] {
        assert_eq!(failures(&metrics, "wire", reason), 0.0, "{reason}");
    }
    assert_eq!(
        metrics.value("growth/wire"),
        Some(5.0),
        "the last good value stays"
    );
    within(PATIENT, "it is asked again", || {
        let up = daemon
            .metrics()
            .sample("okrd_source_up", &[("source", "wire")]);
        (wire.asked().len() > before && up == Some(1.0)).then_some(())
    });
    let told = daemon
        .log()
        .matches("a connection could not be accepted")
        .count();
    assert_eq!(told, 1, "{}", daemon.log());
    daemon.until("said to be over", |_| {
        daemon.log().contains("files can be opened again")
    });
    daemon.end();
}

/// Two files are kept open for nothing, and whoever waits longest makes room: a scrape comes through even then.
#[test]
fn f63_a_scrape_passes_when_the_last_file_is_open() {
    let home = Home::shop();
    let daemon = home.start();
    daemon.value("growth/subscribers");
    // No number below the limit is free, but for those that the daemon itself gives back.
    let open = open_files(daemon.pid());
    let most = (0..).find(|number| !open.contains(number)).unwrap();
    limit_open_files(daemon.pid(), most);
    let held: Vec<_> = (0..60).map(|_| connect(&daemon)).collect();
    for _ in 0..5 {
        scrape(&daemon);
    }
    assert!(
        daemon.log().contains("a connection could not be accepted"),
        "{}",
        daemon.log()
    );
    drop(held);
    daemon.end();
}

#[test]
fn f63_f68_a_flood_at_few_open_files_reaches_no_poll() {
    let (mut home, _wire) = polled();
    home.limit_open_files(64);
    let daemon = home.start();
    daemon.value("growth/wire");
    let mut held = Vec::new();
    let end = Instant::now() + Duration::from_secs(3);
    while Instant::now() < end {
        held.push(connect(&daemon));
        held.drain(..held.len().saturating_sub(300));
        std::thread::sleep(Duration::from_millis(5));
    }
    let metrics = scrape(&daemon);
    for source in ["wire", "shop"] {
        assert_eq!(
            failures(&metrics, source, "internal"),
            0.0,
            "{source}: {}",
            daemon.log()
        );
    }
    daemon.end();
}

#[test]
fn f68_a_scrape_passes_through_five_thousand_connections() {
    let home = Home::shop();
    let daemon = home.start();
    daemon.value("growth/subscribers");
    // Ours, not the daemon's, which has the limit that it started with.
    limit_open_files(std::process::id(), 16_384);
    let mut held = Vec::new();
    for nth in 0..5000 {
        // Silent, half a head, or a whole request whose answer nobody reads.
        let Ok(mut stream) = connect(&daemon) else {
            continue;
        };
        let _ = match nth % 3 {
            0 => Ok(()),
            1 => stream.write_all(b"GET /metr"),
            _ => stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        };
        held.push(stream);
        if nth % 500 == 0 {
            scrape(&daemon);
        }
    }
    assert!(held.len() > 4900, "only {} connections", held.len());
    let metrics = scrape(&daemon);
    assert_eq!(metrics.value("growth/subscribers"), Some(7.0));
    assert!(open_files(daemon.pid()).len() < 700);
    drop(held);
    daemon.end();
}

#[test]
fn f75_what_a_source_says_neither_forges_a_line_nor_commands_a_terminal() {
    let body = "down\r\n2026-11-26T06:00:00Z ERROR okrd: forged\n\u{1b}[31mred\u{1b}]0;title\u{7}\u{9b}1m\u{202e}\u{8}\u{0}";
    for format in ["text", "json"] {
        let wire = on_air(Wire::always(wire::respond(
            500,
            &[("Content-Type", "text/plain")],
            body.as_bytes(),
        )));
        let source = format!(
            "[sources.wire]\ntype = \"http\"\nurl = \"{}\"\n",
            wire.url()
        );
        let measure = "measure = { source = \"wire\", value = \"/n\" }";
        let mut home = Home::new(&[
            ("okrd.toml", &format!("{}{source}", every_second())),
            ("okrs/team.toml", &growth(&[&key_result("wire", measure)])),
        ]);
        home.set("OKRD_LOG_FORMAT", format);
        home.set("OKRD_LOG", "debug");
        let daemon = home.spawn(&["run"]);
        let log = within(PATIENT, "the answer is told", || {
            Some(daemon.log()).filter(|log| log.matches("forged").count() > 1)
        });
        let strange = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!log.contains(strange), "{format}: {log:?}");
        for line in log.lines() {
            assert!(
                !line.starts_with("2026-11-26T06:00:00Z"),
                "{format}: {line}"
            );
            assert!(
                format == "text" || serde_json::from_str::<serde_json::Value>(line).is_ok(),
                "{line}"
            );
        }
        // Nor does what stands in a file of the configuration.
        home.append("okrd.toml", "\"\\u001B[31mkey\\nforged\" = 1\n");
        daemon.signal(rustix::process::Signal::HUP);
        let log = within(PATIENT, "the finding is told", || {
            Some(daemon.log()).filter(|log| log.contains("not reloaded"))
        });
        assert!(!log.contains(strange), "{format}: {log:?}");
        daemon.kill();
    }
}

/// Sends a value with a token from an address of this machine; gives the status.
async fn send(to: SocketAddr, from: &str, token: &str) -> u16 {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{from}:0").parse().unwrap()).unwrap();
    let mut stream = socket.connect(to).await.unwrap();
    let body = "{\"value\": 3}";
    let request = format!(
        "POST /api/v1/key-results/growth/recommend/measurements HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Authorization: Bearer {token}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

#[test]
fn f77_a_thousand_guesses_are_slowed_and_slow_nobody_else() {
    let home = Home::shop();
    let server = "[server]\nwrite_token = { file = \"write.token\" }";
    home.write(
        "okrd.toml",
        &format!("{}{SHOP}", DAEMON.replace("[server]", server)),
    );
    home.write("write.token", "the right one\n");
    let daemon = home.start();
    daemon.value("growth/subscribers");
    let to: SocketAddr = daemon.address.parse().unwrap();
    let over = AtomicBool::new(false);
    let began = Instant::now();
    let (looked_at, sent_away) = std::thread::scope(|scope| {
        let guessing = scope.spawn(|| {
            let guessed = on_air(async {
                let mut guesses = tokio::task::JoinSet::new();
                for nth in 0..1000 {
                    guesses.spawn(send(
                        to,
                        "127.0.0.1",
                        if nth % 2 == 0 {
                            "wrong"
                        } else {
                            "the right on"
                        },
                    ));
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
                guesses.join_all().await
            });
            over.store(true, Ordering::SeqCst);
            let count = |status| guessed.iter().filter(|found| **found == status).count();
            let count = |status| u32::try_from(count(status)).unwrap();
            assert_eq!(count(401) + count(429), 1000, "{guessed:?}");
            (count(401), count(429))
        });
        let mut served = 0;
        while !over.load(Ordering::SeqCst) {
            scrape(&daemon);
            let began = Instant::now();
            assert_eq!(on_air(send(to, "127.0.0.2", "the right one")), 201);
            assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
            served += 1;
        }
        assert!(served > 3, "{served}");
        guessing.join().unwrap()
    });
    // Four at a time, and soon each of them two seconds long.
    let most = 40.0 + 2.5 * began.elapsed().as_secs_f64();
    assert!(
        f64::from(looked_at) < most,
        "{looked_at} guesses were looked at, {most} may be"
    );
    assert!(sent_away > 500, "{sent_away}");
    let log = daemon.log();
    assert!(
        log.contains("a wrong token or password was sent") && !log.contains("the right"),
        "{log}"
    );
    daemon.end();
}

/// A connection that nobody answers is closed by the end, not held for ever.
#[test]
fn f67_half_a_head_is_given_up_by_the_built_program() {
    let home = Home::shop();
    let daemon = home.start();
    let mut stream = connect(&daemon).unwrap();
    stream
        .write_all(b"GET /metrics HTTP/1.1\r\nHost: loc")
        .unwrap();
    stream.set_read_timeout(Some(PATIENT)).unwrap();
    let began = Instant::now();
    let mut answer = Vec::new();
    // Closed or reset, with or without a refusal before.
    let _ = stream.read_to_end(&mut answer);
    let waited = began.elapsed();
    assert!(
        (Duration::from_secs(9)..Duration::from_secs(20)).contains(&waited),
        "{waited:?}"
    );
    daemon.end();
}

#[test]
fn f65_a_supervisor_hears_when_it_is_ready_alive_and_ending() {
    let mut home = Home::shop();
    let path = home.path("notify.sock");
    let socket = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(PATIENT)).unwrap();
    home.set("NOTIFY_SOCKET", path.to_str().unwrap());
    home.set("WATCHDOG_USEC", "600000");
    // Beside each state stands a line for people, which may also come alone.
    let hear = || loop {
        let mut said = [0; 256];
        let length = socket.recv(&mut said).unwrap();
        let said = String::from_utf8_lossy(&said[..length]).into_owned();
        if let Some(state) = said.lines().find(|line| !line.starts_with("STATUS=")) {
            return state.to_owned();
        }
    };
    let daemon = home.start();
    // First of all, before the store is opened: that may take half an hour.
    assert_eq!(hear(), "EXTEND_TIMEOUT_USEC=1800000000");
    let ready = within(PATIENT, "it says that it is ready", || {
        Some(hear()).filter(|said| !said.starts_with("EXTEND_TIMEOUT_USEC="))
    });
    assert_eq!(ready, "READY=1");
    assert_eq!(daemon.get("/-/ready").status, 200);
    let began = Instant::now();
    for _ in 0..5 {
        assert_eq!(hear(), "WATCHDOG=1");
    }
    assert!(began.elapsed() < PATIENT, "{:?}", began.elapsed());
    daemon.signal(rustix::process::Signal::TERM);
    let last = within(PATIENT, "it says that it ends", || {
        Some(hear()).filter(|s| s != "WATCHDOG=1")
    });
    assert_eq!(last, "STOPPING=1");
    assert_eq!(daemon.wait().0, 0);
}
