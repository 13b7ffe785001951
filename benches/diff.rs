//! What a diff costs: two trees of 1,000, 3,000 and 10,000 key results in 50 files each, a tenth of them changed, as `okrd diff`
//! reads, checks and compares them; beside the check of the two alone.
#![expect(
    clippy::unwrap_used,
    reason = "a benchmark that cannot go on must stop loudly"
)]

use std::fmt::Write;
use std::hint::black_box;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use okrd::cli::configuration;
use okrd::config::diff::diff;

mod verdict;
use verdict::{Verdict, ms, quantile};

const FILES: usize = 50;
const ROUNDS: usize = 9;

fn main() -> ExitCode {
    let mut verdict = Verdict::default();
    let mut each = Vec::new();
    for many in [1_000, 3_000, 10_000] {
        let (whole, checks, fastest) = measured(many);
        let share = 1e6 * fastest.as_secs_f64() / f64::from(u32::try_from(many).unwrap());
        each.push(share);
        let what = format!("two trees of {many} key results read, checked and compared");
        if many == 10_000 {
            verdict.below(&what, ms(whole), 3_000.0, "ms");
        } else {
            verdict.tell(&what, &format!("{:.0} ms", ms(whole)));
        }
        let told = format!("{:.0} ms; {share:.1} µs for each key result", ms(checks));
        verdict.tell("  of these the two checks", &told);
    }
    let growth = each.last().unwrap() / each.first().unwrap();
    let what = "growth of the cost of one key result from 1,000 to 10,000";
    verdict.below(what, growth, 1.5, "times");
    verdict.end()
}

/// All of it, the two checks of it, and all of it when nothing else slows it, by which growth is told.
fn measured(many: usize) -> (Duration, Duration, Duration) {
    let place = tempfile::tempdir().unwrap();
    let (before, after) = (place.path().join("before"), place.path().join("after"));
    lay_out(&before, many, false);
    lay_out(&after, many, true);
    let now: Timestamp = "2026-02-10T12:00:00Z".parse().unwrap();
    let (mut all, mut checks) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let began = Instant::now();
        let sides = [&before, &after].map(|folder| {
            let files = configuration::read(folder).ok().unwrap();
            configuration::check(&files).0.unwrap()
        });
        checks.push(began.elapsed());
        let [old, new] = &sides;
        let diff = black_box(diff(old, new, now));
        all.push(began.elapsed());
        let targets = diff.changes.iter().filter(|c| c.field == "target");
        assert_eq!(targets.count(), many / 10);
        assert_eq!(diff.key_results.len(), many);
    }
    (
        quantile(&mut all, 0.5),
        quantile(&mut checks, 0.5),
        quantile(&mut all, 0.0),
    )
}

fn lay_out(folder: &Path, many: usize, changed: bool) {
    std::fs::create_dir_all(folder.join("okrs")).unwrap();
    let daemon = "include = [\"okrs/*.toml\"]\n[cycles.2026-Q1]\nstarts = 2026-01-01\nends = 2026-03-31\n\
                  [sources.shop]\ntype = \"sqlite\"\npath = \"shop.db\"\n";
    std::fs::write(folder.join("okrd.toml"), daemon).unwrap();
    let objectives = many / FILES / 4;
    for file in 0..FILES {
        let mut text = String::from("cycle = \"2026-Q1\"\n");
        for objective in 0..objectives {
            let id = format!("o{file}-{objective}");
            write!(
                text,
                "[objectives.{id}]\ntitle = \"More of it\"\nwhy = \"It matters\"\n"
            )
            .unwrap();
            for nth in 0..4 {
                let place = (file * objectives + objective) * 4 + nth;
                let target = if changed && place.is_multiple_of(10) {
                    90
                } else {
                    100
                };
                write!(
                    text,
                    "[objectives.{id}.key_results.k{nth}]\ntitle = \"One of many\"\nwhy = \"It shows\"\nunit = \"things\"\n\
                     baseline = 0\ntarget = {target}\n\
                     measure = {{ source = \"shop\", query = \"SELECT count(*) FROM t{place} WHERE a AND b\" }}\n"
                )
                .unwrap();
            }
        }
        std::fs::write(folder.join(format!("okrs/{file}.toml")), text).unwrap();
    }
}
