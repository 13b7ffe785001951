//! `/metrics` for 10,000 key results: what writing it costs when everything changed and when one key result did; then the
//! built daemon beside nginx, which sends the same bytes from a file.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a benchmark that cannot go on must stop loudly"
)]

use std::fmt::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

#[expect(
    clippy::single_component_path_imports,
    reason = "as the sample boards name it"
)]
use okrd;
use okrd::engine::board::Board;
use okrd::engine::vitals::Vitals;
use okrd::http::body::Gzip;
use okrd::metrics::exposition::{Build, Metrics, Pieces};
use okrd::metrics::writer::Format;
use rusqlite::Connection;

mod client;
#[path = "../tests/program/home.rs"]
#[expect(dead_code, reason = "the tests of the program use the rest")]
mod home;
mod nginx;
#[path = "../tests/sample/mod.rs"]
#[expect(dead_code, reason = "tests use the rest")]
mod sample;
mod verdict;
use client::Client;
use home::{DAEMON, Daemon, Home, SHOP, growth, key_result};
use nginx::Nginx;
use verdict::{Verdict, ms, quantile};

const MANY: usize = 10_000;
const ROUNDS: usize = 15;

fn main() -> ExitCode {
    let mut verdict = Verdict::default();
    writing(&mut verdict);
    scraping(&mut verdict);
    verdict.end()
}

fn writing(verdict: &mut Verdict) {
    let build = Build {
        version: "0",
        revision: "",
        rustc: "",
    };
    let metrics = Metrics::new(build, sample::now()).unwrap();
    let vitals = Vitals::starting(sample::now());
    let gzip = Gzip::default();
    let render = |board: &Arc<Board>| metrics.render(board, &vitals, Format::Text).shared;
    let (mut anew, mut packed, mut one, mut one_packed) = (vec![], vec![], vec![], vec![]);
    for round in 0..ROUNDS {
        // Boards of different lives share no card, so that nothing is known of the one before; and every figure differs.
        let mut board = sample::large(MANY);
        for card in &mut board.scorecard.objectives {
            let card = Arc::make_mut(card);
            for card in &mut card.key_results {
                Arc::make_mut(card).confidence = Some(1.0 / (round + 2) as f64);
            }
        }
        let board = Arc::new(board);
        let (pieces, took) = timed(|| render(&board));
        anew.push(took);
        packed.push(timed(|| gzip.prepare(&pieces)).1);
        let mut changed = Board::clone(&board);
        let card = Arc::make_mut(&mut changed.scorecard.objectives[round * 97]);
        let key_result = Arc::make_mut(&mut card.key_results[2]);
        let (value, at) = key_result.value.unwrap();
        key_result.value = Some((value + 1.0, at));
        let changed = Arc::new(changed);
        let (pieces, took) = timed(|| render(&changed));
        one.push(took);
        one_packed.push(timed(|| gzip.prepare(&pieces)).1);
        if round == 0 {
            let (series, bytes) = size(&pieces);
            let told = format!("{series} series, {:.1} MB", bytes as f64 / 1e6);
            verdict.tell("exposition of 10,000 key results", &told);
        }
    }
    let median = |mut times: Vec<Duration>| quantile(&mut times, 0.5);
    let told = |times| format!("{:.1} ms", ms(median(times)));
    verdict.tell("  written with everything new", &told(anew));
    verdict.tell("  compressed with one family new", &told(packed));
    let what = "  written and compressed again after one key result changed, worst";
    let both = one.iter().zip(&one_packed).map(|(a, b)| *a + *b);
    let mut both: Vec<_> = both.collect();
    verdict.below(what, ms(quantile(&mut both, 1.0)), 50.0, "ms");
}

fn timed<T>(what: impl FnOnce() -> T) -> (T, Duration) {
    let began = Instant::now();
    let made = what();
    (made, began.elapsed())
}

fn size(pieces: &Pieces) -> (usize, usize) {
    let lines = pieces.iter().flat_map(|text| text.lines());
    let series = lines.filter(|line| !line.starts_with('#')).count();
    (series, pieces.iter().map(|text| text.len()).sum())
}

/// Four key results for each objective, on one table of a thousand pages.
fn company() -> Home {
    let mut okrs = String::new();
    for number in 0..MANY {
        if number % 4 == 0 {
            let id = format!("growth-{}", number / 4);
            let objective = growth(&[]).replace("cycle = \"life\"\n", "");
            okrs.push_str(&objective.replace("growth", &id));
        }
        let measure = format!(
            "measure = {{ source = \"shop\", query = \"SELECT count(*) + abs(random() % 9) FROM visit WHERE page = {number}\" }}"
        );
        let of = format!("objectives.growth-{}.", number / 4);
        let key_result = key_result(&format!("kr{number}"), &measure);
        write!(okrs, "{}", key_result.replace("objectives.growth.", &of)).unwrap();
    }
    let okrs = format!("cycle = \"life\"\n{okrs}");
    let daemon = DAEMON
        .replace("every 12h", "every 15m")
        .replace("jitter = \"0s\"", "jitter = \"7m\"");
    let home = Home::new(&[
        ("okrd.toml", &format!("{daemon}{SHOP}")),
        ("okrs/many.toml", &okrs),
    ]);
    let shop = Connection::open(home.path("shop.db")).unwrap();
    shop.execute_batch(
        "CREATE TABLE visit (page INTEGER NOT NULL); CREATE INDEX visit_page ON visit (page);",
    )
    .unwrap();
    home
}

/// Scrapes over one connection while values change, beside nginx with the same bytes in a file.
fn scraping(verdict: &mut Verdict) {
    let home = company();
    let daemon = home.start();
    daemon.until("every key result has a value", |m| {
        m.0.matches("\nokrd_key_result_value{").count() == MANY
    });
    let most = Peak::of(&daemon);
    let nginx = Nginx::start();
    for (name, headers) in [("plain", ""), ("gzip", "Accept-Encoding: gzip\r\n")] {
        let mut client = Client::to(&daemon.address);
        let mut body = Vec::new();
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for round in 0..120 {
            body = client.get("/metrics", headers);
            if round == 0 {
                nginx.serves("metrics", &body);
            }
            let began = Instant::now();
            client.get("/metrics", headers);
            ours.push(began.elapsed());
            std::thread::sleep(Duration::from_millis(100));
        }
        let mut client = Client::to(&nginx.address);
        for _ in 0..120 {
            let began = Instant::now();
            client.get("/metrics", "");
            theirs.push(began.elapsed());
            std::thread::sleep(Duration::from_millis(20));
        }
        let told = |times: &mut [Duration]| {
            format!(
                "median {:.2} ms, p99 {:.2} ms",
                ms(quantile(times, 0.5)),
                ms(quantile(times, 0.99))
            )
        };
        let what = format!(
            "/metrics, {name}, {:.1} MB, values changing",
            body.len() as f64 / 1e6
        );
        verdict.tell(&what, &told(&mut ours));
        verdict.tell("  nginx, a file of the same bytes", &told(&mut theirs));
        let ratio = ms(quantile(&mut ours, 0.99)) / ms(quantile(&mut theirs, 0.99));
        verdict.below("  ratio of the p99", ratio, 3.0, "times");
    }
    verdict.below(
        "RssAnon at most, 10,000 key results",
        most.most(&daemon),
        200.0,
        "MiB",
    );
    daemon.end();
}

/// The most memory a daemon held.
struct Peak(f64);

impl Peak {
    fn of(daemon: &Daemon) -> Self {
        Self(held(daemon, "RssAnon:"))
    }

    fn most(&self, daemon: &Daemon) -> f64 {
        self.0.max(held(daemon, "RssAnon:"))
    }
}

fn held(daemon: &Daemon, what: &str) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.pid())).unwrap();
    let line = status.lines().find(|l| l.starts_with(what)).unwrap();
    let kib: f64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib / 1024.0
}
