//! Scorecards in plain TOML: each file in `tests/scorecards/` holds goals as in any OKR file and, behind the line
//! `# --- measured and expected ---`, what was measured and what must come of it. Whoever knows the method can read and
//! add cases without knowing a line of this program. Figures are compared within 1e-6.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::civil::Date;
use okrd::config::check::check;
use okrd::config::files::{File, Files};
use okrd::config::render;
use okrd::domain::forecast::{Holt, KeptForecast, Method, TheilSen, wilson};
use okrd::domain::goals::Goals;
use okrd::domain::history::{History, Point};
use okrd::domain::id::{KeyResultId, KeyResultRef};
use okrd::domain::rebase::Rebase;
use okrd::domain::scorecard::{KeyResultCard, ObjectiveCard, Scorecard, score};
use okrd::domain::verdict::Closing;
use okrd::source::jq::judge;
use okrd::words::ENGLISH;
use toml::{Table, Value};

const BEHIND: &str = "# --- measured and expected ---\n";

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scorecards");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .collect();
    files.sort();
    assert!(files.len() >= 15, "only {} scorecards", files.len());
    files
}

#[test]
fn every_scorecard_comes_out_as_expected() {
    for path in cases() {
        let text = std::fs::read_to_string(&path).unwrap();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let (goals, expected) = text
            .split_once(BEHIND)
            .unwrap_or_else(|| panic!("{name}: no line `{BEHIND}`"));
        let goals = read(&name, goals);
        let expected: Table = expected.parse().unwrap_or_else(|e| panic!("{name}: {e}"));
        let history = measured(&name, &goals, &expected);
        let nows = expected
            .get("at")
            .and_then(Value::as_table)
            .unwrap_or_else(|| panic!("{name}: no [at.…]"));
        for (now, figures) in nows {
            let now: Timestamp = now.parse().unwrap_or_else(|e| panic!("{name}: {now}: {e}"));
            let card = score(&goals, &history, now);
            let figures = figures.as_table().unwrap();
            assert!(!figures.is_empty(), "{name}: nothing is expected");
            for (id, wanted) in figures {
                compare(
                    &format!("{name} at {now}: {id}"),
                    &card,
                    id,
                    wanted.as_table().unwrap(),
                );
            }
        }
    }
}

fn read(name: &str, text: &str) -> Goals {
    let files = Files::one(File::new("okrd.toml", "/etc/okrd", text.to_owned()));
    let (config, findings) = check(&files, judge, Timestamp::UNIX_EPOCH);
    let config = config.unwrap_or_else(|| panic!("{name}:\n{}", render::text(&findings, &files)));
    config.goals
}

/// `[measured]`: by key result, a list of instants and numbers. `[measured_before.DAY]`: likewise, by the definition that
/// held before the rebase of that day, and carried over.
fn measured(name: &str, goals: &Goals, expected: &Table) -> History {
    let mut history = History::default();
    let none = Table::new();
    let table = |key: &str| expected.get(key).and_then(Value::as_table).unwrap_or(&none);
    let before = table("measured_before").iter();
    let before = before.flat_map(|(day, all)| {
        let day: Date = day.parse().unwrap();
        all.as_table()
            .unwrap()
            .iter()
            .map(move |entry| (Some(day), entry))
    });
    let now = table("measured").iter().map(|entry| (None, entry));
    for (day, (id, points)) in before.chain(now) {
        let key_result = find(goals, id).unwrap_or_else(|| panic!("{name}: no key result {id}"));
        let cycle = goals.cycles.get(&key_result.cycle).unwrap();
        let rebases = &goals.key_result(&key_result).unwrap().rebases;
        let later = rebases
            .iter()
            .filter(|rebase| day.is_some_and(|day| rebase.date >= day));
        let factor: f64 = later.map(Rebase::factor).product();
        let record = history.record(&key_result);
        for point in points.as_array().unwrap() {
            let [at, value] = point.as_array().unwrap().as_slice() else {
                panic!("{name}: {id}: a point is an instant and a number");
            };
            let as_of = at.as_datetime().unwrap().to_string().parse().unwrap();
            record.enter(
                Point {
                    as_of,
                    value: number(value).unwrap() * factor,
                },
                cycle,
                false,
            );
        }
    }
    kept_forecasts(name, goals, expected, &mut history);
    history
}

/// `[kept_forecasts]`: by key result, what was forecast when: the newest of half-time is the one that counts.
fn kept_forecasts(name: &str, goals: &Goals, expected: &Table, history: &mut History) {
    let all = expected.get("kept_forecasts").and_then(Value::as_table);
    for (id, forecasts) in all.into_iter().flatten() {
        let key_result = find(goals, id).unwrap_or_else(|| panic!("{name}: no key result {id}"));
        let cycle = goals.cycles.get(&key_result.cycle).unwrap();
        for forecast in forecasts.as_array().unwrap() {
            let [at, value] = forecast.as_array().unwrap().as_slice() else {
                panic!("{name}: {id}: a forecast is an instant and a number");
            };
            let at: Timestamp = at.as_datetime().unwrap().to_string().parse().unwrap();
            let kept = KeptForecast {
                day: at.to_zoned(cycle.zone.clone()).date(),
                at,
                value: number(value).unwrap(),
                progress: 0.0,
                low: None,
                high: None,
                method: Method::RunRate,
                weak: false,
            };
            if kept.is_of_half_time(cycle) {
                history.record(&key_result).half_time = Some(kept);
            }
        }
    }
}

fn find(goals: &Goals, id: &str) -> Option<KeyResultId> {
    let name = KeyResultRef::parse(id).ok()?;
    goals
        .find(&name, Timestamp::UNIX_EPOCH)
        .map(|kr| kr.id.clone())
}

fn number(value: &Value) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "numbers that people wrote")]
    let whole = value.as_integer().map(|n| n as f64);
    value.as_float().or(whole)
}

fn compare(what: &str, card: &Scorecard, id: &str, wanted: &Table) {
    for (figure, wanted) in wanted {
        let found = match id.split_once('/') {
            Some(_) => {
                let mut all = card.key_results().map(|(_, kr)| kr);
                let kr = all.find(|kr| kr.key_result.id.to_string() == id);
                of_key_result(
                    kr.unwrap_or_else(|| panic!("{what}: no such key result")),
                    figure,
                )
            }
            None => {
                let objective = card
                    .objectives
                    .iter()
                    .find(|o| o.objective.id.objective.as_str() == id);
                of_objective(
                    objective.unwrap_or_else(|| panic!("{what}: no such objective")),
                    figure,
                )
            }
        };
        let found = found.unwrap_or_else(|| panic!("{what}: no figure is called {figure}"));
        match (&found, number(wanted), wanted.as_str()) {
            (Figure::Number(Some(x)), Some(y), _) => assert!(
                (x - y).abs() < 1e-6,
                "{what}: {figure} is {x}, expected {y}"
            ),
            (Figure::Number(None), None, Some("none")) => {}
            (Figure::Word(x), None, Some(y)) => assert_eq!(x, y, "{what}: {figure}"),
            _ => panic!("{what}: {figure} is {found:?}, expected {wanted}"),
        }
    }
}

#[derive(Debug)]
enum Figure {
    Number(Option<f64>),
    Word(String),
}

fn of_key_result(card: &KeyResultCard, figure: &str) -> Option<Figure> {
    let forecast = card.forecast.as_ref().ok();
    let flag = |flag: Option<bool>| flag.map(|flag| if flag { 1.0 } else { 0.0 });
    Some(Figure::Number(match figure {
        "value" => card.value.map(|(value, _)| value),
        "baseline" => card.baseline,
        "target" => card.target,
        "progress_raw" => card.progress_raw,
        "progress" => card.progress,
        "expected_progress" => card.expected_progress,
        "expected_value" => card.expected_value,
        "pace" => card.pace,
        "compliance" => card.compliance,
        "coverage" => card.coverage,
        "budget_left" => card.budget_left,
        "in_band" => flag(card.in_band),
        "score" | "verdict" | "outcome" | "first_score" | "first_verdict" => {
            return Some(ended(card.closing, figure));
        }
        "forecast" => forecast.map(|told| told.value),
        "forecast_progress" => forecast.map(|told| told.progress),
        "forecast_low" => forecast.and_then(|told| told.low),
        "forecast_high" => forecast.and_then(|told| told.high),
        "forecast_weak" => flag(forecast.map(|told| told.weak)),
        "forecast_error" => card.forecast_error.map(|told| told.error),
        "needed_per_day" => card.rate.map(|rate| rate.needed),
        "actual_per_day" => card.rate.and_then(|rate| rate.actual),
        "needed_over_actual" => card.rate.and_then(|rate| rate.ratio),
        "forecast_method" => return Some(Figure::Word(forecast?.method.as_str().to_owned())),
        "forecast_says" => {
            let unit = &card.key_result.unit;
            let says = match &card.forecast {
                Ok(forecast) => ENGLISH.forecast(forecast, unit),
                Err(reason) => ENGLISH.no_forecast(*reason),
            };
            return Some(Figure::Word(says.replace('\u{a0}', " ")));
        }
        "status" => return Some(Figure::Word(card.status.to_string())),
        "reason" => return Some(Figure::Word(ENGLISH.reason(card).replace('\u{a0}', " "))),
        _ => return None,
    }))
}

fn of_objective(card: &ObjectiveCard, figure: &str) -> Option<Figure> {
    Some(Figure::Number(match figure {
        "progress" => card.progress,
        "expected" => card.expected,
        "coverage" => Some(card.coverage),
        "score" | "verdict" | "outcome" | "first_score" | "first_verdict" => {
            return Some(ended(card.closing, figure));
        }
        "status" => return Some(Figure::Word(card.status.to_string())),
        _ => return None,
    }))
}

/// How it ended; "none" before it did.
fn ended(closing: Option<Closing>, figure: &str) -> Figure {
    let outcome = closing.map(|closing| match figure {
        "score" | "verdict" | "outcome" => closing.as_amended,
        _ => closing.as_committed,
    });
    match figure {
        "score" | "first_score" => Figure::Number(outcome.and_then(|outcome| outcome.score)),
        // As people read it: in tenths, half away from zero.
        "outcome" => {
            Figure::Word(outcome.map_or_else(|| "none".to_owned(), |o| ENGLISH.outcome(o)))
        }
        _ => Figure::Word(outcome.map_or("none", |o| o.verdict.as_str()).to_owned()),
    }
}

/// The formulas by themselves, where a scorecard would not show what they come to.
#[test]
fn every_formula_comes_out_as_expected() {
    let text = include_str!("scorecards/formulas/forecast.toml");
    let file: Table = text.parse().unwrap();
    let cases = |kind: &str| file.get(kind).and_then(Value::as_array).unwrap();
    cases("median_line").iter().for_each(median_line);
    cases("damped_holt").iter().for_each(damped_holt);
    cases("share").iter().for_each(share);
}

#[track_caller]
fn close(found: f64, wanted: &Value, within: f64) {
    let wanted = number(wanted).unwrap();
    assert!(
        (found - wanted).abs() < within,
        "{found}, expected {wanted}"
    );
}

fn median_line(case: &Value) {
    let pair = |point: &Value| (number(&point[0]).unwrap(), number(&point[1]).unwrap());
    let points: Vec<_> = case["points"]
        .as_array()
        .unwrap()
        .iter()
        .map(pair)
        .collect();
    let line = TheilSen::through(&points).unwrap();
    close(line.slope, &case["slope"], 1e-6);
    close(line.intercept, &case["intercept"], 1e-6);
    let x = number(&case["at"]["x"]).unwrap();
    close(line.at(x), &case["at"]["y"], 1e-6);
    if let (Some(low), Some(high)) = (case["at"].get("low"), case["at"].get("high")) {
        let range = line.range_at(x).unwrap();
        close(range.0, low, 1e-6);
        close(range.1, high, 1e-6);
    }
    match case
        .get("slopes")
        .and_then(Value::as_array)
        .map(Vec::as_slice)
    {
        Some([low, high]) => {
            let slopes = line.slopes.unwrap();
            close(slopes.0, low, 1e-6);
            close(slopes.1, high, 1e-6);
        }
        Some(_) => assert_eq!(line.slopes, None),
        None => {}
    }
}

fn damped_holt(case: &Value) {
    let weekly: Vec<_> = case["weekly"]
        .as_array()
        .unwrap()
        .iter()
        .map(number)
        .collect();
    let holt = Holt::of(&weekly.into_iter().map(Option::unwrap).collect::<Vec<_>>()).unwrap();
    close(holt.level, &case["level"], 1e-6);
    close(holt.trend, &case["trend"], 1e-6);
    close(holt.after(7.0), &case["after_7_weeks"], 1e-6);
    close(holt.after(f64::INFINITY), &case["limit"], 1e-6);
}

/// Printed with four digits.
fn share(case: &Value) {
    let (k, n) = (number(&case["k"]).unwrap(), number(&case["n"]).unwrap());
    let (low, high) = wilson(k, n).unwrap();
    close(low, &case["low"], 5e-5);
    close(high, &case["high"], 5e-5);
}
