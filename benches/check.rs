//! `okrd check`: trees of 1,000, 3,000 and 10,000 key results in 50 files, read and checked, beside the bare parser reading
//! the same files; and the whole program on them. Linear growth: a key result of the largest tree costs hardly more than one
//! of the smallest.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark that cannot go on must stop loudly"
)]

use std::fmt::Write;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use okrd::cli::configuration;
use toml::de::DeTable;

mod verdict;
use verdict::{Verdict, ms, quantile};

const FILES: usize = 50;
const ROUNDS: usize = 15;

fn main() -> ExitCode {
    let mut verdict = Verdict::default();
    let mut each = Vec::new();
    for (count, bound) in [(1_000, Some(150.0)), (3_000, None), (10_000, Some(1_500.0))] {
        let folder = tempfile::tempdir().unwrap();
        let config = tree(folder.path(), count);
        let (checked, fastest) = times(|| {
            let valid = configuration::valid(Some(&config)).ok().unwrap();
            assert_eq!(valid.goals.key_results().count(), count);
        });
        let (parsed, _) = times(|| parse(folder.path()));
        let (whole, _) = times(|| whole(&config));
        for (what, time) in [
            ("read and checked", checked),
            ("`okrd check` as a process", whole),
        ] {
            let what = format!("{count} key results in {FILES} files, {what}");
            match bound {
                Some(bound) => verdict.below(&what, ms(time), bound, "ms"),
                None => verdict.tell(&what, &format!("{:.1} ms", ms(time))),
            }
        }
        let base = format!("{:.1} ms", ms(parsed));
        verdict.tell("  baseline: the same files through the parser alone", &base);
        #[expect(clippy::cast_precision_loss, reason = "a small number")]
        each.push(fastest.as_secs_f64() / count as f64);
    }
    let growth = each[2] / each[0];
    let what = "a key result among 10,000 beside one among 1,000";
    verdict.below(what, growth, 1.3, "times");
    verdict.end()
}

/// The median of some rounds, after one that warms up, and the fastest: what else the machine does slows all but that one,
/// so growth is told by it.
fn times(mut work: impl FnMut()) -> (Duration, Duration) {
    work();
    let mut times: Vec<_> = (0..ROUNDS)
        .map(|_| {
            let began = Instant::now();
            work();
            began.elapsed()
        })
        .collect();
    (quantile(&mut times, 0.5), quantile(&mut times, 0.0))
}

fn parse(folder: &Path) {
    for number in 0..FILES {
        let text = std::fs::read_to_string(file(folder, number)).unwrap();
        black_box(DeTable::parse(&text).unwrap());
    }
}

fn whole(config: &Path) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_okrd"));
    let done = command
        .args(["check", "--config"])
        .arg(config)
        .output()
        .unwrap();
    assert!(done.status.success(), "{done:?}");
}

fn file(folder: &Path, number: usize) -> PathBuf {
    folder.join(format!("okrs/{number}.toml"))
}

/// Four key results to an objective, of every common kind; each has words, a question and a number of its own.
fn tree(folder: &Path, count: usize) -> PathBuf {
    std::fs::create_dir(folder.join("okrs")).unwrap();
    let path = folder.join("okrd.toml");
    std::fs::write(
        &path,
        "include = [\"okrs/*.toml\"]\n[cycles.2026-Q1]\nstarts = 2026-01-01\nends = 2026-03-31\n\
         [sources.shop]\ntype = \"sqlite\"\npath = \"shop.db\"\n",
    )
    .unwrap();
    let mut texts = vec![String::from("cycle = \"2026-Q1\"\n"); FILES];
    for objective in 0..count / 4 {
        let text = &mut texts[objective % FILES];
        writeln!(
            text,
            "[objectives.o{objective}]\ntitle = \"Readers of part {objective} come back\""
        )
        .unwrap();
        for (name, aim) in [
            ("readers", "baseline = 0\ntarget = 120"),
            ("members", "baseline = \"first\"\ntarget = \"+120\""),
            (
                "orders",
                "kind = \"cumulative\"\nbaseline = 0\ntarget = 120",
            ),
            ("wait", "at_most = 80"),
        ] {
            writeln!(
                text,
                "[objectives.o{objective}.key_results.{name}]\ntitle = \"{name} of part {objective}\"\nunit = \"things\"\n{aim}\n\
                 measure = {{ source = \"shop\", query = \"SELECT count(*) FROM {name} WHERE part = {objective} AND at < :now\" }}"
            )
            .unwrap();
        }
    }
    for (number, text) in texts.iter().enumerate() {
        std::fs::write(file(folder, number), text).unwrap();
    }
    path
}
