//! The method's lints that concern the model: each error of its table refuses the smallest configuration that has the
//! fault and takes the one beside it that has not; and no configuration that is taken divides by zero or turns a
//! direction round, whatever numbers stand in it.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use okrd::config::check::check;
use okrd::config::files::{File, Files};
use okrd::config::finding::Severity;
use okrd::config::render;
use okrd::config::spec::Config;
use okrd::domain::goals::Goals;
use okrd::domain::history::{History, Point};
use okrd::domain::progress::Way;
use okrd::domain::scorecard::{KeyResultCard, score};
use okrd::domain::target::{Aim, Baseline, Direction};
use okrd::source::jq::judge;
use proptest::prelude::*;

/// The rows of severity E of the method's table of lints, without those of sources (`SRC-…`, seen by the checks of
/// sources) and of changes (`CHG-…`, which need two configurations).
const ERRORS: [&str; 12] = [
    "OBJ-KRS",
    "OBJ-OWNER",
    "KR-NUM",
    "KR-FLAT",
    "KR-REL",
    "KR-PLAN",
    "KR-WEIGHT",
    "KR-DATE",
    "ALN-CYCLE",
    "ALN-LEVEL",
    "CYC-OVERLAP",
    "PPL-LABEL",
];

const DAYS: &str = "starts = 2026-10-01\nends = 2026-12-31\n";
const OTHER: &str = "z = { title = \"Z\", unit = \"u\", at_most = 1 }\n";

/// A sound file but for what is put into it: at its top, among the keys of its objective, as its first key result.
fn file(top: &str, objective: &str, key_results: &str) -> String {
    format!(
        "{top}\n[objectives.a]\ntitle = \"A\"\n{objective}\n[objectives.a.key_results]\n{key_results}\n"
    )
}

/// The same with a cycle of its own.
fn alone(objective: &str, key_results: &str) -> String {
    let text = file("cycle = \"q\"", objective, key_results);
    format!("{text}[cycles.q]\n{DAYS}")
}

/// One key result of these keys beside a sound one.
fn aims(keys: &str) -> Vec<String> {
    let key_results = format!("x = {{ title = \"X\", {keys} }}\n{OTHER}");
    vec![alone("", &key_results)]
}

/// The same, of a key result that has its unit.
fn counts(keys: &str) -> Vec<String> {
    aims(&format!("unit = \"u\", {keys}"))
}

/// Two files with one objective each beside a main file with this at its end.
fn two(main: &str, first: (&str, &str), second: (&str, &str)) -> Vec<String> {
    let both = format!("{OTHER}{}", OTHER.replace('z', "y"));
    let of = |(top, keys): (&str, &str)| file(top, keys, &both);
    let second = of(second).replace("objectives.a", "objectives.b");
    vec![main.to_owned(), of(first), second]
}

/// Code, the smallest faulty configuration, the sound one beside it.
fn rows() -> Vec<(&'static str, Vec<String>, Vec<String>)> {
    let both = format!("{OTHER}{}", OTHER.replace('z', "y"));
    let top = |line: &str| {
        let text = file(&format!("cycle = \"q\"\n{line}"), "", &both);
        vec![format!("{text}[cycles.q]\n{DAYS}[teams.t]\nname = \"T\"\n")]
    };
    let way = |keys: &str| {
        let comma = if keys.is_empty() { "" } else { ", " };
        counts(&format!("baseline = 1, target = 2{comma}{keys}"))
    };
    let quarters = |ends: &str| {
        format!(
            "[teams.t]\nname = \"T\"\n[cycles.q]\n{DAYS}[cycles.p]\nstarts = 2026-07-01\nends = {ends}\n"
        )
    };
    let cycles = |ends: &str| {
        let of = |cycle: &'static str| (cycle, "");
        two(
            &quarters(ends),
            of("cycle = \"q\"\nteam = \"t\""),
            of("cycle = \"p\"\nteam = \"t\""),
        )
    };
    let tree = |company: &str, team: &str| {
        let main = format!("[teams.t]\nname = \"T\"\n[cycles.q]\n{DAYS}");
        two(
            &main,
            ("cycle = \"q\"", company),
            ("cycle = \"q\"\nteam = \"t\"", team),
        )
    };
    let objective = |keys: &str| vec![alone(keys, &both)];
    vec![
        ("OBJ-KRS", vec![alone("", "")], vec![alone("", &both)]),
        ("OBJ-OWNER", top("team = \"\""), top("team = \"t\"")),
        ("OBJ-OWNER", top("team = \"\""), top("")),
        ("KR-NUM", aims("baseline = 1, target = 2"), way("")),
        ("KR-NUM", counts("target = 2"), way("")),
        ("KR-NUM", counts("baseline = 1"), way("")),
        ("KR-NUM", counts("weight = 1"), way("weight = 1")),
        ("KR-NUM", counts("baseline = nan, target = 2"), way("")),
        ("KR-NUM", counts("baseline = 1, target = inf"), way("")),
        (
            "KR-NUM",
            counts("baseline = 1e308, target = \"+100%\""),
            way(""),
        ),
        (
            "KR-NUM",
            counts("between = [1, inf]"),
            counts("between = [1, 2]"),
        ),
        (
            "KR-NUM",
            counts("milestones = []"),
            counts("milestones = [{ title = \"M\" }]"),
        ),
        ("KR-FLAT", counts("baseline = 2, target = 2"), way("")),
        (
            "KR-FLAT",
            counts("baseline = -0.0, target = 0"),
            counts("baseline = -1, target = 0"),
        ),
        (
            "KR-FLAT",
            counts("baseline = 2, target = \"+0%\""),
            counts("baseline = 2, target = \"+1%\""),
        ),
        (
            "KR-FLAT",
            counts("baseline = \"first\", target = \"-0\""),
            counts("baseline = \"first\", target = \"-1\""),
        ),
        (
            "KR-FLAT",
            counts("baseline = 1e15, target = \"+0.01\""),
            counts("baseline = 1e15, target = \"+1\""),
        ),
        (
            "KR-REL",
            counts("baseline = 0, target = \"+30%\""),
            counts("baseline = 0, target = \"+30\""),
        ),
        (
            "KR-REL",
            counts("baseline = -100, target = \"+30%\""),
            counts("baseline = 100, target = \"+30%\""),
        ),
        (
            "KR-PLAN",
            way("plan = [[2026-11-01, 1.5]]"),
            way("plan = [[2026-11-01, 1.5], [2027-01-01, 2]]"),
        ),
        (
            "KR-PLAN",
            way("plan = [[2026-09-30, 1], [2027-01-01, 2]]"),
            way("plan = [[2026-10-01, 1], [2027-01-01, 2]]"),
        ),
        (
            "KR-PLAN",
            way("plan = [[2027-01-02, 2]]"),
            way("plan = [[2027-01-01, 2]]"),
        ),
        (
            "KR-PLAN",
            counts("baseline = \"first\", target = 2, plan = [[2026-12-01, 3]]"),
            counts("baseline = \"first\", target = 2, plan = [[2026-12-01, 2]]"),
        ),
        ("KR-WEIGHT", way("weight = -1"), way("weight = 0")),
        ("KR-WEIGHT", way("weight = -0.5"), way("weight = -0.0")),
        (
            "KR-WEIGHT",
            counts("milestones = [{ title = \"M\", weight = 0 }]"),
            counts("milestones = [{ title = \"M\", weight = 1 }]"),
        ),
        (
            "KR-DATE",
            counts("milestones = [{ title = \"M\", due = 2027-01-01 }]"),
            counts("milestones = [{ title = \"M\", due = 2026-12-31 }]"),
        ),
        (
            "KR-DATE",
            counts("milestones = [{ title = \"M\", due = 2026-09-30 }]"),
            counts("milestones = [{ title = \"M\", due = 2026-10-01 }]"),
        ),
        (
            "KR-DATE",
            way(
                "weight = 2, amendments = [{ date = 2027-01-01, field = \"weight\", from = 1, to = 2, reason = \"R\", approved_by = \"lead\" }]",
            ),
            way(
                "weight = 2, amendments = [{ date = 2026-12-31, field = \"weight\", from = 1, to = 2, reason = \"R\", approved_by = \"lead\" }]",
            ),
        ),
        ("ALN-CYCLE", objective("parent = \"a\""), objective("")),
        (
            "ALN-CYCLE",
            objective("parent = \"nothing\""),
            objective(""),
        ),
        (
            "ALN-CYCLE",
            tree("parent = \"b\"", "parent = \"a\"")
                .iter()
                .map(|t| t.replace("team = \"t\"", ""))
                .collect(),
            tree("", "parent = \"a\""),
        ),
        (
            "ALN-LEVEL",
            tree("parent = \"b\"", ""),
            tree("", "parent = \"a\""),
        ),
        ("CYC-OVERLAP", cycles("2026-10-01"), cycles("2026-09-30")),
        // A year around the quarter is another kind of cycle.
        ("CYC-OVERLAP", cycles("2026-10-31"), cycles("2027-06-30")),
        (
            "PPL-LABEL",
            way("why = \"w\"")
                .iter()
                .map(|t| t.replace("\"X\"", "\"jan@acme.example\""))
                .collect(),
            way("why = \"jan@acme.example\""),
        ),
        (
            "PPL-LABEL",
            objective("level = \"individual\""),
            objective(""),
        ),
        ("PPL-LABEL", objective("assignee = \"Jan\""), objective("")),
        ("PPL-LABEL", top("team = \"@jan\""), top("team = \"t\"")),
    ]
}

fn checked(texts: &[String]) -> (Option<Config>, BTreeSet<&'static str>, String) {
    let named =
        |(n, text): (usize, &String)| File::new(format!("{n}.toml"), "/etc/okrd", text.clone());
    let files = Files {
        files: texts.iter().enumerate().map(named).collect(),
        findings: Vec::new(),
    };
    let (config, findings) = check(&files, judge);
    let errors = findings.iter().filter(|f| f.severity == Severity::Error);
    let codes = errors.map(|f| f.code.as_str()).collect();
    (config, codes, render::text(&findings, &files))
}

#[test]
fn every_error_of_the_model_refuses_to_load_and_its_remedy_loads() {
    let rows = rows();
    for (code, faulty, sound) in &rows {
        let (config, codes, told) = checked(faulty);
        assert!(config.is_none(), "{code}: {faulty:#?}");
        assert_eq!(codes, BTreeSet::from([*code]), "{told}");
        let (config, _, told) = checked(sound);
        assert!(config.is_some(), "{code}: {told}");
    }
    let seen: BTreeSet<&str> = rows.iter().map(|(code, ..)| *code).collect();
    assert_eq!(seen, BTreeSet::from(ERRORS));
}

/// Numbers as people write them, as nobody writes them, and some of those that arithmetic fears.
fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        (-20_i32..20).prop_map(f64::from),
        -1e4..1e4_f64,
        any::<f64>(),
        prop::sample::select(vec![
            0.0,
            -0.0,
            1.0,
            f64::MAX,
            f64::MIN,
            5e-324,
            1e-300,
            1e300
        ]),
    ]
}

fn text(number: f64) -> String {
    if number.is_nan() {
        "nan".into()
    } else {
        format!("{number:?}")
    }
}

fn target() -> impl Strategy<Value = String> {
    let change = (-300_i32..300).prop_map(|n| f64::from(n) / 2.0);
    prop_oneof![
        number().prop_map(text),
        (change, prop::sample::select(vec!["%", "pp", ""]))
            .prop_map(|(n, unit)| format!("\"{n:+}{unit}\"")),
    ]
}

fn way() -> impl Strategy<Value = String> {
    let baseline = prop_oneof![3 => number().prop_map(text), 1 => Just("\"first\"".to_owned())];
    let plan = prop::option::of((number(), 1_u8..=31));
    (baseline, target(), any::<bool>(), plan).prop_map(|(baseline, target, strict, plan)| {
        // A plan may go anywhere in between and ends at the target.
        let plan =
            plan.filter(|_| !target.starts_with('"'))
                .map_or_else(String::new, |(value, day)| {
                    format!(
                        ", plan = [[2026-10-{day:02}, {}], [2027-01-01, {target}]]",
                        text(value)
                    )
                });
        format!("baseline = {baseline}, target = {target}, strict = {strict}{plan}")
    })
}

fn other_aim() -> impl Strategy<Value = String> {
    let share = || prop_oneof![number(), 0.0..=1.0_f64];
    let pairs = prop::collection::vec((number(), 0.0..1.0_f64), 0..3);
    let weights = prop::collection::vec(number(), 0..4);
    prop_oneof![
        (number(), number(), pairs).prop_map(|(from, to, inner)| {
            let mut points = vec![(from, 0.0), (to, 1.0)];
            points.extend(inner);
            points.sort_by(|a, b| a.1.total_cmp(&b.1));
            let points: Vec<_> = points
                .iter()
                .map(|(v, s)| format!("[{}, {}]", text(*v), text(*s)))
                .collect();
            format!("anchors = [{}]", points.join(", "))
        }),
        (
            prop::sample::select(vec!["at_most", "at_least"]),
            number(),
            share(),
            prop::sample::select(vec!["time", "latest", "worst"])
        )
            .prop_map(|(band, bound, share, by)| format!(
                "{band} = {}, compliance = {}, score_by = \"{by}\"",
                text(bound),
                text(share)
            )),
        (number(), number(), any::<bool>()).prop_map(|(low, high, strict)| {
            format!(
                "between = [{}, {}], compliance = 1, strict = {strict}",
                text(low),
                text(high)
            )
        }),
        weights.prop_map(|weights| {
            let step = |(n, w): (usize, &f64)| {
                format!(
                    "{{ title = \"S\", due = 2026-10-{:02}, weight = {} }}",
                    n + 1,
                    text(*w)
                )
            };
            let steps: Vec<_> = weights.iter().enumerate().map(step).collect();
            format!("milestones = [{}]", steps.join(", "))
        }),
        number().prop_map(|days| format!("baseline_days = {}", text(days))),
        any::<bool>().prop_map(|so| format!("boolean = {so}")),
    ]
}

fn key_result() -> impl Strategy<Value = String> {
    let aim = prop_oneof![3 => way(), 2 => other_aim()];
    let role = prop::option::of(prop::sample::select(vec![
        "role = \"guardrail\"",
        "role = \"contributes\"",
    ]));
    let weight = prop::option::of(number());
    (aim, weight, role).prop_map(|(aim, weight, role)| {
        let weight = weight.map_or_else(String::new, |w| format!(", weight = {}", text(w)));
        let role = role.map_or_else(String::new, |role| format!(", {role}"));
        format!("{{ title = \"K\", unit = \"u\", {aim}{weight}{role} }}")
    })
}

/// What holds of a way from a known baseline: it goes somewhere, the right way, and every share on it is a number.
fn goes_somewhere(aim: &Aim, values: &[f64]) {
    let Aim::Reach(reach) = aim else { return };
    let Baseline::Fixed(baseline) = reach.baseline else {
        return;
    };
    let way = Way::from(reach, baseline).unwrap_or_else(|e| panic!("{e} was taken: {reach:?}"));
    let (from, to) = (way.baseline(), way.target());
    assert!(from != to, "no way to go: {reach:?}");
    let up = to > from;
    assert_eq!(way.direction() == Direction::Increase, up, "{reach:?}");
    assert!(way.progress_raw(from).abs() < 1e-9, "{reach:?}");
    assert!((way.progress_raw(to) - 1.0).abs() < 1e-9, "{reach:?}");
    let mut walked: Vec<f64> = values.iter().copied().chain([from, to]).collect();
    walked.sort_by(f64::total_cmp);
    let shares: Vec<f64> = walked.iter().map(|v| way.progress_raw(*v)).collect();
    assert!(
        shares.iter().all(|share| share.is_finite()),
        "{reach:?}: {shares:?}"
    );
    let fits = |pair: &[f64]| match pair {
        [a, b] if up => b - a > -1e-9,
        [a, b] => a - b > -1e-9,
        _ => true,
    };
    assert!(
        shares.windows(2).all(fits),
        "{reach:?} turns round: {walked:?} {shares:?}"
    );
}

/// Every figure of a card is a number, shares lie within 0 and 1, and the direction is that of its ends.
fn is_sound(card: &KeyResultCard) {
    let figures = [
        card.progress_raw,
        card.progress,
        card.expected_progress,
        card.expected_value,
        card.compliance,
        card.coverage,
        card.budget_left,
        card.pace,
        card.baseline,
        card.target,
        card.forecast.as_ref().ok().map(|forecast| forecast.value),
        card.forecast
            .as_ref()
            .ok()
            .map(|forecast| forecast.progress),
        card.rate.as_ref().map(|rate| rate.needed),
        card.rate.as_ref().and_then(|rate| rate.ratio),
    ];
    assert!(figures.iter().flatten().all(|x| x.is_finite()), "{card:#?}");
    let shares = [
        card.progress,
        card.expected_progress,
        card.compliance,
        card.coverage,
    ];
    assert!(
        shares.iter().flatten().all(|x| (0.0..=1.0).contains(x)),
        "{card:#?}"
    );
    let scores = card
        .closing
        .map(|closing| [closing.as_amended.score, closing.as_committed.score]);
    assert!(
        scores
            .iter()
            .flatten()
            .flatten()
            .all(|x| (0.0..=1.0).contains(x)),
        "{card:#?}"
    );
    if let (Aim::Reach(_), Some(baseline), Some(target)) =
        (&card.key_result.aim, card.baseline, card.target)
    {
        let up = card.direction == Direction::Increase;
        assert_eq!(up, target > baseline, "{card:#?}");
        let down = card.direction == Direction::Decrease;
        assert_eq!(down, target < baseline, "{card:#?}");
    }
    assert!(
        !card.reason.contains("NaN") && !card.reason.contains("inf"),
        "{}",
        card.reason
    );
}

fn measured(goals: &Goals, samples: &[(i64, f64)]) -> History {
    let mut history = History::default();
    for (_, key_result) in goals.key_results() {
        let cycle = goals.cycles.get(&key_result.id.cycle).unwrap();
        let mut record = okrd::domain::history::Record::default();
        for (hours, value) in samples.iter().filter(|(_, value)| value.is_finite()) {
            let as_of = cycle.start() + SignedDuration::from_hours(*hours);
            record.enter(
                Point {
                    as_of,
                    value: *value,
                },
                cycle,
                false,
            );
        }
        *history.record(&key_result.id) = record;
    }
    history
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever numbers a configuration holds: if it is taken, nothing in it divides by zero and no direction turns.
    #[test]
    fn what_is_taken_neither_divides_by_zero_nor_turns_round(
        key_results in prop::collection::vec(key_result(), 1..4),
        samples in prop::collection::vec((-100_i64..2400, number()), 0..8),
        committed: bool,
        hours in -48_i64..2500,
    ) {
        let ambition = if committed { "ambition = \"committed\"" } else { "" };
        let head = |objective: &str, key_results: &str| alone(objective, key_results);
        // One by one, since most of what is drawn is refused and would take the others along.
        for key_result in &key_results {
            let (config, codes, _) = checked(&[head(ambition, &format!("k = {key_result}\n{OTHER}"))]);
            prop_assert_eq!(config.is_none(), !codes.is_empty());
            let Some(Config { goals, .. }) = config else { continue };
            let values: Vec<f64> = samples.iter().map(|(_, value)| *value).filter(|v| v.is_finite()).collect();
            goals.key_results().for_each(|(_, kr)| goes_somewhere(&kr.aim, &values));
            let start: Timestamp = "2026-10-01T00:00:00Z".parse().unwrap();
            let card = score(&goals, &measured(&goals, &samples), start + SignedDuration::from_hours(hours));
            for objective in &card.objectives {
                let shares = [objective.progress, objective.expected, Some(objective.coverage)];
                prop_assert!(shares.iter().flatten().all(|x| (0.0..=1.0).contains(x)), "{objective:#?}");
                objective.key_results.iter().for_each(|kr| is_sound(kr));
            }
        }
    }
}
