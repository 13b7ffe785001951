//! The heart: 10,000 key results with 90 daily values each judged in one go, beside a bare walk over the same values;
//! and judged again after one new value, beside the judgement of that one key result alone.
#![expect(
    clippy::unwrap_used,
    reason = "a benchmark that cannot go on must stop loudly"
)]

use std::fmt::Write;
use std::hint::black_box;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use okrd::cli::configuration;
use okrd::domain::forecast::Trend;
use okrd::domain::goals::Goals;
use okrd::domain::history::{History, Point};
use okrd::domain::judge::judge_along;
use okrd::domain::reading::Reading;
use okrd::domain::scorecard::score;
use okrd::engine::ledger::Ledger;
use okrd::store::{Entry, Origin};

mod verdict;
use verdict::{Verdict, ms, quantile};

/// Four key results each: two levels, a flow and a band.
const OBJECTIVES: usize = 2_500;
const ROUNDS: usize = 9;

fn main() -> ExitCode {
    let mut verdict = Verdict::default();
    let folder = tempfile::tempdir().unwrap();
    let goals = goals(folder.path());
    let history = history(&goals);
    let now = day(85) + SignedDuration::from_hours(12);
    everything(&mut verdict, &goals, &history, now);
    one_value(&mut verdict, &goals, &history, now);
    verdict.end()
}

/// Every figure of every key result, as at each turn of the daemon and at its start.
fn everything(verdict: &mut Verdict, goals: &Goals, history: &History, now: Timestamp) {
    let mut ledger = Ledger::new(goals.clone(), history.clone(), now);
    ledger.judge(now);
    let (mut known, mut walks, mut anew) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let later = now + SignedDuration::from_secs(i64::try_from(round).unwrap());
        let began = Instant::now();
        ledger.age();
        ledger.judge(later);
        let card = ledger.scorecard(later);
        known.push(began.elapsed());
        assert_eq!(card.key_results().count(), 4 * OBJECTIVES);
        let began = Instant::now();
        black_box(walk(goals, history));
        walks.push(began.elapsed());
    }
    for _ in 0..3 {
        let began = Instant::now();
        let card = score(goals, history, now);
        anew.push(began.elapsed());
        assert!(card.key_results().all(|(_, card)| card.progress.is_some()));
    }
    let known = quantile(&mut known, 0.5);
    let what = "10,000 key results with 90 daily values judged";
    verdict.below(what, ms(known), 50.0, "ms");
    let walk = quantile(&mut walks, 0.5);
    verdict.tell(
        "  baseline: their values looked up and added, nothing judged",
        &format!("{:.1} ms", ms(walk)),
    );
    verdict.tell(
        "  the same with every trend drawn anew, as at a start",
        &format!("{:.0} ms", ms(quantile(&mut anew, 0.5))),
    );
}

/// One more value of one key result: what it costs until everything is told again.
fn one_value(verdict: &mut Verdict, goals: &Goals, history: &History, now: Timestamp) {
    let mut ledger = Ledger::new(goals.clone(), history.clone(), now);
    ledger.judge(now);
    drop(ledger.scorecard(now));
    let (mut again, mut alone) = (Vec::new(), Vec::new());
    for round in 0..1000 {
        let place = round * 37 % goals.key_results().count();
        let (objective, key_result) = goals.key_results().nth(place).unwrap();
        let cycle = &goals.cycles[&key_result.id.cycle];
        let later = now + SignedDuration::from_secs(1 + i64::try_from(round).unwrap());
        let entry = Entry {
            key_result: key_result.id.clone(),
            slot: later,
            started_at: later,
            took: Duration::from_millis(40),
            tries: 1,
            definition: key_result.definition.as_str().into(),
            cycle: Arc::new(cycle.clone()),
            origin: Origin::Polled,
            outcome: Ok(Reading::whole(86)),
        };
        let began = Instant::now();
        ledger.enter(&entry);
        ledger.judge(later);
        let card = ledger.scorecard(later);
        again.push(began.elapsed());
        drop(card);
        let record = history.get(&key_result.id);
        let began = Instant::now();
        let trend = Trend::draw(key_result, cycle, &record.unwrap().series, later);
        black_box(judge_along(
            key_result,
            goals.terms(objective),
            cycle,
            record,
            &trend,
            later,
        ));
        alone.push(began.elapsed());
    }
    let [again, alone] = [&mut again, &mut alone].map(|times| quantile(times, 0.5));
    let what = "one new value: judged again, and the whole scorecard told";
    let times = again.as_secs_f64() / alone.as_secs_f64();
    verdict.below(what, times, 3.0, "times one key result");
    let told = format!(
        "{:.1} µs, one alone {:.1} µs",
        1e3 * ms(again),
        1e3 * ms(alone)
    );
    verdict.tell("  that is", &told);
}

/// The sum of the newest and of all values: what nobody can do without.
fn walk(goals: &Goals, history: &History) -> f64 {
    let records = goals
        .key_results()
        .filter_map(|(_, kr)| history.get(&kr.id));
    records
        .flat_map(|record| record.series.points())
        .map(|point| point.value)
        .sum()
}

fn day(number: i64) -> Timestamp {
    let first: Timestamp = "2026-01-01T06:00:00Z".parse().unwrap();
    first + SignedDuration::from_hours(24 * number)
}

/// A quarter of daily values, a little uneven, so that no two slopes are equal.
fn history(goals: &Goals) -> History {
    let mut history = History::default();
    for (place, (_, key_result)) in goals.key_results().enumerate() {
        let points = (0..90).map(|number| {
            let uneven = (place * 31 + number * 17) % 11;
            #[expect(clippy::cast_precision_loss, reason = "small numbers")]
            let value = number as f64 + uneven as f64 / 10.0;
            Point {
                as_of: day(i64::try_from(number).unwrap()),
                value,
            }
        });
        history.record(&key_result.id).series = points.collect();
    }
    history
}

fn goals(folder: &std::path::Path) -> Goals {
    let daemon =
        "include = [\"many.toml\"]\n[cycles.2026-Q1]\nstarts = 2026-01-01\nends = 2026-03-31\n";
    let mut many = String::from("cycle = \"2026-Q1\"\n");
    for number in 0..OBJECTIVES {
        write!(many, "[objectives.o{number}]\ntitle = \"Grow\"\n").unwrap();
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
                many,
                "[objectives.o{number}.key_results.{name}]\ntitle = \"One of many\"\nunit = \"things\"\n{aim}"
            )
            .unwrap();
        }
    }
    let path = folder.join("okrd.toml");
    std::fs::write(&path, daemon).unwrap();
    std::fs::write(folder.join("many.toml"), many).unwrap();
    configuration::valid(Some(&path)).ok().unwrap().goals
}
