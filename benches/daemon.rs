//! The built daemon as a whole, beside the plainest program that does the same work: what polling costs, how soon and
//! how fast it is scraped, how much memory it holds.
#![expect(
    clippy::unwrap_used,
    reason = "a benchmark that cannot go on must stop loudly"
)]

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags, Statement};
use rustix::time::{ClockId, clock_gettime};

mod client;
#[path = "../tests/program/home.rs"]
#[expect(dead_code, reason = "the tests of the program use the rest")]
mod home;
mod verdict;
use client::Client;
use home::{DAEMON, Daemon, Home, PATIENT, SHOP, growth, key_result, within};
use verdict::{Verdict, ms, quantile};

const MANY: u32 = 1000;
const ROWS: u32 = 100;
/// How long polls of each second are watched.
const MEASURED: Duration = Duration::from_secs(15);

fn main() -> ExitCode {
    let mut verdict = Verdict::default();
    polling(
        &mut verdict,
        "1,000 counts over 100 rows each",
        counted_rows,
    );
    polling_tiny(&verdict);
    starting(&mut verdict);
    scraping(&mut verdict);
    memory(&mut verdict, 10, 16.0);
    memory(&mut verdict, MANY, 48.0);
    verdict.end()
}

/// The workload that peers were measured with: a covering index, 100 rows for each key result.
fn counted_rows(number: u32) -> String {
    format!("SELECT count(*) FROM visit WHERE page = {number}")
}

/// What the machinery costs when the question itself costs next to nothing.
fn tiny(number: u32) -> String {
    format!("SELECT {number}")
}

fn polling(verdict: &mut Verdict, what: &str, query: fn(u32) -> String) {
    let (ours, plain) = costs(query);
    verdict.tell(
        &format!("{what}: plain rusqlite, prepared"),
        &per_round(plain),
    );
    verdict.tell(
        "  okrd, scheduled, recorded, judged, on the board",
        &per_round(ours),
    );
    verdict.below("  ratio of CPU time", ours / plain, 5.0, "times");
}

fn polling_tiny(verdict: &Verdict) {
    let (ours, plain) = costs(tiny);
    let told = format!("{} against {}", per_round(ours), per_round(plain));
    verdict.tell("1,000 times `SELECT 7`: okrd against plain rusqlite", &told);
}

fn per_round(seconds: f64) -> String {
    format!("{:.2} ms CPU", seconds * 1e3)
}

/// CPU seconds of a round of 1,000 polls: of the daemon, and of a loop over prepared statements.
fn costs(query: fn(u32) -> String) -> (f64, f64) {
    let home = house(MANY, "every 1s", query);
    let daemon = home.start();
    let polls = |daemon: &Daemon| {
        let polls = daemon
            .metrics()
            .sample("okrd_source_polls_total", &[("source", "shop")]);
        polls.unwrap_or(0.0) / f64::from(MANY)
    };
    // Statements are prepared and pages read in the first rounds, here and in the plain loop.
    within(PATIENT, "a few rounds", || {
        (polls(&daemon) >= 3.0).then_some(())
    });
    let (rounds, cpu) = (polls(&daemon), cpu_seconds(&daemon));
    // Nobody asks for anything meanwhile: a scrape costs CPU too.
    std::thread::sleep(MEASURED);
    let used = cpu_seconds(&daemon) - cpu;
    let ours = used / (polls(&daemon) - rounds);
    daemon.end();
    (ours, plain_loop(&home, query))
}

fn plain_loop(home: &Home, query: fn(u32) -> String) -> f64 {
    let shop = Connection::open_with_flags(home.path("shop.db"), OpenFlags::SQLITE_OPEN_READ_ONLY)
        .unwrap();
    let mut statements: Vec<Statement<'_>> = (0..MANY)
        .map(|number| shop.prepare(&query(number)).unwrap())
        .collect();
    let mut round = || {
        let count = |statement: &mut Statement<'_>| -> i64 {
            statement.query_row([], |row| row.get(0)).unwrap()
        };
        statements.iter_mut().map(count).sum::<i64>()
    };
    round();
    let began = thread_cpu();
    for _ in 0..100 {
        std::hint::black_box(round());
    }
    (thread_cpu() - began).as_secs_f64() / 100.0
}

/// The CPU time of this thread.
fn thread_cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(
        time.tv_sec.try_into().unwrap(),
        time.tv_nsec.try_into().unwrap(),
    )
}

/// The daemon's user and system time, in steps of a hundredth of a second.
fn cpu_seconds(daemon: &Daemon) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", daemon.pid())).unwrap();
    let after_name = stat.rsplit_once(") ").unwrap().1;
    let fields: Vec<f64> = after_name
        .split(' ')
        .skip(11)
        .take(2)
        .map(|f| f.parse().unwrap())
        .collect();
    (fields[0] + fields[1]) / 100.0
}

/// From the start of the process to the end of its first scrape, with all values of an earlier life on it.
fn starting(verdict: &mut Verdict) {
    let home = house(MANY, "every 12h", counted_rows);
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let text = std::fs::read_to_string(home.path("okrd.toml")).unwrap();
    home.write("okrd.toml", &text.replace("127.0.0.1:0", &free.to_string()));
    let mut times = Vec::new();
    for _ in 0..8 {
        let began = Instant::now();
        let mut daemon = home.spawn(&["run"]);
        daemon.address = free.to_string();
        let first = scrape_soon(&daemon);
        let took = began.elapsed();
        if !times.is_empty() {
            assert_eq!(
                first.matches("\nokrd_key_result_value{").count(),
                MANY as usize
            );
        }
        daemon.until("every key result has a value", |m| {
            m.0.matches("\nokrd_key_result_value{").count() == MANY as usize
        });
        daemon.end();
        times.push(took);
    }
    let new = times.remove(0);
    let empty = {
        let began = Instant::now();
        home.ends(0, &["--version"]);
        began.elapsed()
    };
    let what = "start to first scrape, 1,000 key results and their history, worst";
    verdict.below(what, ms(quantile(&mut times, 1.0)), 300.0, "ms");
    let told = format!(
        "median {:.1} ms, new store {:.1} ms, `okrd --version` {:.1} ms",
        ms(quantile(&mut times, 0.5)),
        ms(new),
        ms(empty)
    );
    verdict.tell("  the same", &told);
}

fn scrape_soon(daemon: &Daemon) -> String {
    let end = Instant::now() + PATIENT;
    while Instant::now() < end {
        if let Some(answer) = daemon
            .ask("GET", "/metrics", "")
            .filter(|a| a.status == 200)
        {
            return answer.body;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    panic!("not scraped within {PATIENT:?}: {}", daemon.log());
}

/// Scrapes over one connection while values change each second, beside the same bytes from a program that only sends
/// them.
fn scraping(verdict: &mut Verdict) {
    let home = house(MANY, "every 1s", counted_rows);
    let daemon = home.start();
    daemon.until("every key result has a value", |m| {
        m.0.matches("\nokrd_key_result_value{").count() == MANY as usize
    });
    for (name, headers) in [("plain", ""), ("gzip", "Accept-Encoding: gzip\r\n")] {
        let mut client = Client::to(&daemon.address);
        let (mut times, mut bytes) = (Vec::new(), 0);
        // Every hundred milliseconds there may be a new board, whose page nobody asked for yet.
        for _ in 0..100 {
            let began = Instant::now();
            bytes = client.get("/metrics", headers).len();
            times.push(began.elapsed());
            std::thread::sleep(Duration::from_millis(33));
        }
        let mut base = plain_server(bytes);
        let worst = quantile(&mut times, 0.99);
        let what = format!("/metrics, {name}, {bytes} bytes, values changing, p99");
        verdict.below(&what, ms(worst), 5.0, "ms");
        let told = format!(
            "{:.2} ms, the same bytes from a bare socket {:.2} ms",
            ms(quantile(&mut times, 0.5)),
            ms(quantile(&mut base, 0.5))
        );
        verdict.tell("  median", &told);
    }
    daemon.end();
}

fn plain_server(bytes: usize) -> Vec<Duration> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let page = [
            format!("HTTP/1.1 200 OK\r\nContent-Length: {bytes}\r\n\r\n").into_bytes(),
            vec![b'x'; bytes],
        ]
        .concat();
        let mut request = [0; 4096];
        while stream.read(&mut request).unwrap_or(0) > 0 {
            stream.write_all(&page).unwrap();
        }
    });
    let mut client = Client::to(&address);
    let times = (0..100).map(|_| {
        let began = Instant::now();
        client.get("/metrics", "");
        began.elapsed()
    });
    let times = times.collect();
    drop(client);
    server.join().unwrap();
    times
}

/// Anonymous resident memory of a daemon that polls, is scraped in every way and shows its page.
fn memory(verdict: &mut Verdict, key_results: u32, bound: f64) {
    let home = house(key_results, "every 1s", counted_rows);
    let daemon = home.start();
    let mut most = 0.0_f64;
    let end = Instant::now() + Duration::from_secs(12);
    while Instant::now() < end {
        for (path, headers) in [
            ("/metrics", ""),
            (
                "/metrics",
                "Accept: application/openmetrics-text;version=1.0.0\r\n",
            ),
            ("/", ""),
            ("/api/v1/scorecard", ""),
        ] {
            daemon.ask("GET", path, headers).unwrap();
        }
        Client::to(&daemon.address).get("/metrics", "Accept-Encoding: gzip\r\n");
        most = most.max(rss_anon(&daemon));
        std::thread::sleep(Duration::from_millis(200));
    }
    daemon.end();
    verdict.below(
        &format!("RssAnon at most, {key_results} key results"),
        most,
        bound,
        "MiB",
    );
}

fn rss_anon(daemon: &Daemon) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.pid())).unwrap();
    let line = status.lines().find(|l| l.starts_with("RssAnon:")).unwrap();
    let kib: f64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib / 1024.0
}

/// A company with so many key results on one SQLite file of 100,000 rows.
fn house(key_results: u32, schedule: &str, query: fn(u32) -> String) -> Home {
    let mut many = growth(&[]);
    for number in 0..key_results {
        let measure = format!(
            "measure = {{ source = \"shop\", query = \"{}\" }}",
            query(number)
        );
        many.write_str(&key_result(&format!("kr{number}"), &measure))
            .unwrap();
    }
    let daemon = DAEMON.replace("every 12h", schedule);
    let home = Home::new(&[
        ("okrd.toml", &format!("{daemon}{SHOP}")),
        ("okrs/many.toml", &many),
    ]);
    let mut shop = Connection::open(home.path("shop.db")).unwrap();
    let transaction = shop.transaction().unwrap();
    transaction
        .execute_batch(
            "CREATE TABLE visit (id INTEGER PRIMARY KEY, page INTEGER NOT NULL, at TEXT NOT NULL)",
        )
        .unwrap();
    let mut insert = transaction
        .prepare("INSERT INTO visit (page, at) VALUES (?, '2026-11-24')")
        .unwrap();
    for row in 0..MANY * ROWS {
        insert.execute([row % MANY]).unwrap();
    }
    drop(insert);
    transaction
        .execute_batch("CREATE INDEX visit_page ON visit (page)")
        .unwrap();
    transaction.commit().unwrap();
    home
}
