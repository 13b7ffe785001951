//! The page of 200 key results, each measured daily for eight weeks and drawn as a chart: what writing it costs, and how
//! long it is; beside packing the same bytes, which is done for every reader who asks for it.
#![expect(
    clippy::unwrap_used,
    reason = "a benchmark that cannot go on must stop loudly"
)]

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::SignedDuration;
#[expect(
    clippy::single_component_path_imports,
    reason = "as the sample boards name it"
)]
use okrd;
use okrd::domain::series::Point;
use okrd::engine::board::Board;
use okrd::http::page::{View, page};

#[path = "../tests/sample/mod.rs"]
#[expect(dead_code, reason = "tests use the rest")]
mod sample;
mod verdict;
use verdict::{Verdict, ms, quantile};

const KEY_RESULTS: usize = 200;
const DAYS: u32 = 55;
const ROUNDS: usize = 200;

fn main() -> ExitCode {
    let mut verdict = Verdict::default();
    let board = drawn();
    let (text, mut took) = rounds(|| page(&board, View::default(), sample::now()));
    let (packed, mut packing) = rounds(|| {
        let mut to = GzEncoder::new(Vec::new(), Compression::fast());
        to.write_all(text.as_bytes()).unwrap();
        to.finish().unwrap()
    });
    assert_eq!(text.matches("<figure").count(), KEY_RESULTS);
    let kilobytes = |bytes: usize| f64::from(u32::try_from(bytes).unwrap()) / 1e3;
    let worst = ms(quantile(&mut took, 0.99));
    verdict.below("the page of 200 key results, p99", worst, 15.0, "ms");
    let packing = format!("{:.2} ms", ms(quantile(&mut packing, 0.5)));
    verdict.tell("packing it, median", &packing);
    let sent = kilobytes(packed.len());
    verdict.below("as it is sent, packed", sent, 150.0, "kB");
    verdict.tell("as it is read", &format!("{:.0} kB", kilobytes(text.len())));
    verdict.end()
}

/// Each key result with a value a day, no two alike.
fn drawn() -> Board {
    let mut board = sample::large(KEY_RESULTS);
    let begun = sample::now() - SignedDuration::from_hours(24 * i64::from(DAYS));
    for (i, objective) in board.scorecard.objectives.iter_mut().enumerate() {
        for (j, card) in Arc::make_mut(objective).key_results.iter_mut().enumerate() {
            let seed = u32::try_from(i * 5 + j).unwrap();
            let point = |day: u32| Point {
                as_of: begun + SignedDuration::from_hours(24 * i64::from(day)),
                value: f64::from(day * 11 + (seed * 37 + day * day * 13) % 90),
            };
            Arc::make_mut(card).curve = (0..DAYS).map(point).collect();
        }
    }
    board
}

fn rounds<T>(work: impl Fn() -> T) -> (T, Vec<Duration>) {
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let began = Instant::now();
        std::hint::black_box(work());
        times.push(began.elapsed());
    }
    (work(), times)
}
