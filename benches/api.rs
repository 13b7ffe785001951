//! The API under load while it polls: 500 requests a second, sent when they are due whether or not the ones before were
//! answered, over connections that are kept; beside nginx with the same bytes in files.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a benchmark that cannot go on must stop loudly"
)]

use std::process::ExitCode;
use std::time::{Duration, Instant};

use rusqlite::Connection;

mod client;
#[path = "../tests/program/home.rs"]
#[expect(dead_code, reason = "the tests of the program use the rest")]
mod home;
mod nginx;
mod verdict;
use client::Client;
use home::{Daemon, Home, SHOP, every_second, growth, key_result};
use nginx::Nginx;
use verdict::{Verdict, ms, quantile};

/// The target of each request.
type Targets<'t> = dyn Fn(usize) -> String + Sync + 't;

/// Key results, each asked once a second.
const MANY: usize = 200;
/// Requests a second.
const RATE: usize = 500;
const CONNECTIONS: usize = 10;
const MEASURED: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    let mut verdict = Verdict::default();
    let home = company();
    let daemon = home.start();
    daemon.until("every key result has a value", |m| {
        m.0.matches("\nokrd_key_result_value{").count() == MANY
    });
    let nginx = Nginx::start();
    let card = |nth: usize| format!("/api/v1/key-results/growth/kr{}", nth % MANY);
    let mixed = |nth: usize| match nth % 20 {
        0 => "/api/v1/scorecard".to_owned(),
        5 | 15 => format!("{}/history?limit=100", card(nth)),
        _ => card(nth),
    };
    let healthy = |_: usize| "/-/healthy".to_owned();
    let mut reading = Client::to(&daemon.address);
    let mut sizes = Vec::new();
    for (name, path) in [
        ("card", card(0)),
        ("history", mixed(5)),
        ("scorecard", mixed(0)),
    ] {
        let body = reading.get(&path, GZIP);
        sizes.push(format!("{name} {:.1} kB", body.len() as f64 / 1e3));
        nginx.serves(name, &body);
    }
    let same = |nth: usize| match nth % 20 {
        0 => "/scorecard".to_owned(),
        5 | 15 => "/history".to_owned(),
        _ => "/card".to_owned(),
    };
    let before = polls(&daemon);
    verdict.tell("answers, compressed", &sizes.join(", "));
    let loads: [(&str, &str, &Targets<'_>); 4] = [
        ("nginx, files of the same bytes", &nginx.address, &same),
        ("/-/healthy", &daemon.address, &healthy),
        ("one key result", &daemon.address, &card),
        (
            "17 key results, 2 histories, 1 scorecard",
            &daemon.address,
            &mixed,
        ),
    ];
    for (what, address, path) in loads {
        let mut times = load(address, path);
        let told = format!(
            "median {:.2} ms, p99 {:.2} ms, worst {:.2} ms",
            ms(quantile(&mut times, 0.5)),
            ms(quantile(&mut times, 0.99)),
            ms(quantile(&mut times, 1.0))
        );
        verdict.tell(&format!("{RATE} requests/s: {what}"), &told);
        if address == daemon.address {
            let p99 = ms(quantile(&mut times, 0.99));
            verdict.below("  p99", p99, 10.0, "ms");
        }
    }
    let polled = (polls(&daemon) - before) / (MEASURED.as_secs_f64() * 4.0);
    verdict.tell("polls a second meanwhile", &format!("{polled:.0}"));
    verdict.below(
        "  polls that were left out, of 200",
        MANY as f64 - polled,
        10.0,
        "a second",
    );
    daemon.end();
    verdict.end()
}

const GZIP: &str = "Accept-Encoding: gzip\r\n";

fn polls(daemon: &Daemon) -> f64 {
    let metrics = daemon.metrics();
    let sample = metrics.sample("okrd_source_polls_total", &[("source", "shop")]);
    sample.expect("polls are counted")
}

/// From when a request was due to when its answer was there.
fn load(address: &str, path: &Targets<'_>) -> Vec<Duration> {
    let requests = RATE * MEASURED.as_secs() as usize;
    let every = Duration::from_secs(1) / RATE as u32;
    let begin = Instant::now() + Duration::from_millis(100);
    std::thread::scope(|scope| {
        let senders: Vec<_> = (0..CONNECTIONS)
            .map(|own| {
                scope.spawn(move || {
                    let mut client = Client::to(address);
                    let mut times = Vec::new();
                    for nth in (own..requests).step_by(CONNECTIONS) {
                        let due = begin + every * nth as u32;
                        std::thread::sleep(due.saturating_duration_since(Instant::now()));
                        client.get(&path(nth), GZIP);
                        times.push(due.elapsed());
                    }
                    times
                })
            })
            .collect();
        let all = senders
            .into_iter()
            .flat_map(|sender| sender.join().expect("it ends well"));
        all.collect()
    })
}

/// Key results over one table, all of one objective, each asked once a second.
fn company() -> Home {
    let key_results: Vec<_> = (0..MANY)
        .map(|number| {
            let query =
                format!("SELECT count(*) + abs(random() % 9) FROM visit WHERE page = {number}");
            let measure = format!("measure = {{ source = \"shop\", query = \"{query}\" }}");
            key_result(&format!("kr{number}"), &measure)
        })
        .collect();
    let key_results: Vec<&str> = key_results.iter().map(String::as_str).collect();
    let home = Home::new(&[
        ("okrd.toml", &format!("{}{SHOP}", every_second())),
        ("okrs/many.toml", &growth(&key_results)),
    ]);
    let shop = Connection::open(home.path("shop.db")).unwrap();
    shop.execute_batch(
        "CREATE TABLE visit (page INTEGER NOT NULL); CREATE INDEX visit_page ON visit (page);",
    )
    .unwrap();
    home
}
