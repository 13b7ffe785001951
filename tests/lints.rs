//! The method's lints that concern the model: each error of its table refuses the smallest configuration that has the
//! fault and takes the one beside it that has not; and no configuration that is taken divides by zero or turns a
//! direction round, whatever numbers stand in it.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use okrd::config::check::check;
use okrd::config::files::{File, Files};
use okrd::config::finding::{Bend, Code, Finding, Needs, Severity};
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

/// When the files are judged: in the middle of the cycle of most of them.
fn today() -> Timestamp {
    "2026-11-15T12:00:00Z".parse().unwrap()
}

fn checked(texts: &[String]) -> (Option<Config>, BTreeSet<&'static str>, String) {
    let named =
        |(n, text): (usize, &String)| File::new(format!("{n}.toml"), "/etc/okrd", text.clone());
    let files = Files {
        files: texts.iter().enumerate().map(named).collect(),
        findings: Vec::new(),
    };
    let (config, findings) = check(&files, judge, today());
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
    let reason = okrd::words::ENGLISH.reason(card);
    assert!(
        !reason.contains("NaN") && !reason.contains("inf"),
        "{reason}"
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

/// What the check says as `severity code line`, on a day of November 2026, and whether the configuration can be used.
fn told(text: &str, day: i8) -> (bool, Vec<String>) {
    let files = Files::one(File::new("okrd.toml", "/etc/okrd", text.to_owned()));
    let now = jiff::civil::date(2026, 11, day).at(23, 59, 59, 0);
    let (config, findings) = check(&files, judge, now.in_tz("UTC").unwrap().timestamp());
    let told = |f: &Finding| format!("{} {} {}", f.severity.as_str(), f.code, f.line);
    (config.is_some(), findings.iter().map(told).collect())
}

/// One objective with one key result: a warning, OBJ-KRS in line 6. `{top}`, `{objective}` and `{key}` are put into it.
fn lonely(top: &str, objective: &str, key: &str) -> String {
    format!(
        "cycle = \"q\"\n{top}\n[cycles.q]\nstarts = 2026-10-01\nends = 2026-12-31\n[objectives.a]\ntitle = \"A\"\n{objective}\n[objectives.a.key_results.x]\ntitle = \"X\"\nwhy = \"It shows the aim\"\nunit = \"u\"\nat_most = 1\n{key}\n"
    )
}

const UNTIL_15: &str =
    "allow = [{ code = \"OBJ-KRS\", reason = \"the second one is sought\", until = 2026-11-15 }]";

#[test]
fn a_level_is_what_the_main_file_says() {
    for (level, expected) in [
        ("error", vec!["error OBJ-KRS 6"]),
        ("warning", vec!["warning OBJ-KRS 6"]),
        ("info", vec!["info OBJ-KRS 6"]),
        ("off", vec![]),
    ] {
        let text = lonely(&format!("lints.OBJ-KRS = \"{level}\""), "", "");
        // A lint never takes the configuration away, whatever it is called.
        assert_eq!(
            told(&text, 15),
            (true, expected.iter().map(|s| (*s).to_owned()).collect())
        );
    }
    // What cannot be used stays an error, at any level of its code.
    let none = "cycle = \"q\"\nlints.OBJ-KRS = \"off\"\n[cycles.q]\nstarts = 2026-10-01\nends = 2026-12-31\n[objectives.a]\ntitle = \"A\"\n[objectives.a.key_results]\n";
    assert_eq!(told(none, 15), (false, vec!["error OBJ-KRS 6".to_owned()]));
    for code in Code::ALL.into_iter().filter(|c| c.bend() == Bend::Firm) {
        for level in ["warning", "info", "off"] {
            let text = lonely(&format!("lints.{code} = \"{level}\""), "", "");
            assert_eq!(told(&text, 15).1[0], "error CFG-VALUE 2", "{code}");
        }
        let text = lonely(&format!("lints.{code} = \"error\""), UNTIL_15, "");
        assert_eq!(told(&text, 15), (true, vec![]));
        let allow = UNTIL_15.replace("OBJ-KRS", code.as_str());
        let (sound, findings) = told(&lonely("", &allow, ""), 15);
        assert!(
            !sound && findings.contains(&"error CFG-VALUE 8".to_owned()),
            "{code}"
        );
    }
}

#[test]
fn an_allowance_holds_where_it_stands_until_its_last_day() {
    for (place, line) in [("top", 2), ("objective", 8)] {
        let at = |here: &str| if here == place { UNTIL_15 } else { "" };
        let text = lonely(at("top"), at("objective"), "");
        for day in [1, 14, 15] {
            assert_eq!(told(&text, day), (true, vec![]), "{place}");
        }
        let after = vec![
            format!("warning LINT-EXPIRED {line}"),
            "warning OBJ-KRS 6".into(),
        ];
        let (sound, mut findings) = told(&text, 16);
        findings.sort();
        assert_eq!(
            (sound, findings),
            (true, after),
            "an expired one takes nothing away"
        );
    }
    // Beside the finding, or below it, it allows nothing, and that is told.
    let idle = "info LINT-ALLOW 14".to_owned();
    let text = lonely("", "", UNTIL_15);
    assert_eq!(
        told(&text, 15),
        (true, vec!["warning OBJ-KRS 6".into(), idle])
    );
    // Unless an error may have hidden what it allows.
    let (sound, findings) = told(&text.replace("at_most = 1", "at_mst = 1"), 15);
    assert!(
        !sound && !findings.iter().any(|f| f.contains("LINT")),
        "{findings:?}"
    );
    // What the check alone cannot see it does not miss.
    let text = lonely("", &UNTIL_15.replace("OBJ-KRS", "SRC-ONE"), "");
    assert_eq!(told(&text, 15), (true, vec!["warning OBJ-KRS 6".into()]));
    assert_eq!(
        told(&lonely("lints.LINT-EXPIRED = \"off\"", UNTIL_15, ""), 30)
            .1
            .len(),
        1
    );
}

/// However tables are written, an allowance holds for what stands in its own.
#[test]
fn an_allowance_finds_its_table_in_any_writing() {
    let allow = "allow = [{ code = \"KR-WEIGHT\", reason = \"R\", until = 2026-12-31 }]";
    let heavy = "weight = 9, title = \"X\", why = \"It shows it\", unit = \"u\", at_most = 1";
    let light = heavy.replace("weight = 9, ", "");
    let head = "cycle = \"q\"\n[cycles.q]\nstarts = 2026-10-01\nends = 2026-12-31\n";
    let lines = |keys: &str| keys.replace(", ", "\n");
    for (right, wrong) in [
        // Headers in any order.
        (
            format!(
                "[objectives.a.key_results.x]\n{}\n{allow}\n[objectives.a]\ntitle = \"A\"\n[objectives.a.key_results.y]\n{}\n",
                lines(heavy),
                lines(&light)
            ),
            format!(
                "[objectives.a.key_results.x]\n{}\n[objectives.a]\ntitle = \"A\"\n[objectives.a.key_results.y]\n{}\n{allow}\n",
                lines(heavy),
                lines(&light)
            ),
        ),
        // Tables in braces, one in another.
        (
            format!(
                "[objectives]\na = {{ title = \"A\", key_results = {{ y = {{ {light} }}, x = {{ {heavy}, {allow} }} }} }}\n"
            ),
            format!(
                "[objectives]\na = {{ title = \"A\", key_results = {{ y = {{ {light}, {allow} }}, x = {{ {heavy} }} }} }}\n"
            ),
        ),
        (
            format!(
                "[objectives]\na = {{ title = \"A\", key_results = {{ y = {{ {light} }}, x = {{ {heavy} }} }}, {allow} }}\n"
            ),
            format!(
                "[objectives]\na = {{ title = \"A\", key_results = {{ y = {{ {light} }}, x = {{ {heavy} }} }} }}\nb = {{ title = \"B\", {allow}, key_results = {{ y = {{ {light} }}, x = {{ {light} }} }} }}\n"
            ),
        ),
        // Keys with dots, and a list of tables.
        (
            format!(
                "[objectives.a]\ntitle = \"A\"\nkey_results.y = {{ {light} }}\n[objectives.a.key_results.x]\n{}\n[[objectives.a.key_results.x.allow]]\ncode = \"KR-WEIGHT\"\nreason = \"R\"\nuntil = 2026-12-31\n",
                lines(heavy)
            ),
            format!(
                "[objectives.a]\ntitle = \"A\"\nkey_results.y = {{ {light}, {allow} }}\n[objectives.a.key_results.x]\n{}\n",
                lines(heavy)
            ),
        ),
    ] {
        let (sound, findings) = told(&format!("{head}{right}"), 15);
        assert!(sound && findings.is_empty(), "{right}\n{findings:?}");
        let (sound, findings) = told(&format!("{head}{wrong}"), 15);
        let codes: BTreeSet<&str> = findings
            .iter()
            .filter_map(|f| f.split(' ').nth(1))
            .collect();
        assert!(
            sound && codes == BTreeSet::from(["KR-WEIGHT", "LINT-ALLOW"]),
            "{wrong}\n{findings:?}"
        );
    }
}

/// What the examples of the pages stand in: two files that are sound, the first with all that is no objective.
const MAIN: &str = r#"
cycles."2026-Q4" = { starts = 2026-10-01, ends = 2026-12-31 }
teams.content = { name = "Content" }
sources.shop = { type = "sqlite", path = "shop.db" }
sources.tracker = { type = "jira", url = "https://acme.atlassian.net" }
sources.site = { type = "plausible", url = "https://plausible.io", site = "acme.example" }
"#;
const OBJECTIVE: &str = r#"
title = "More people find their way to us"
[key_results]
subscribers = { title = "Pass 1,000 subscribers", why = "Who subscribes comes back", unit = "subscribers", baseline = 640, target = 1000 }
complaints = { title = "Few complaints", why = "Reach that annoys is no reach", unit = "complaints", at_most = 30, role = "guardrail" }
"#;

/// The code blocks of a page, in their order.
fn blocks(page: &str) -> Vec<&str> {
    let parts = page.split("```toml\n").skip(1);
    parts
        .map(|part| part.split("```").next().unwrap())
        .collect()
}

/// An example with what it leaves out: an objective without key results gets some, the objective `more-visitors` those
/// that it lacks. Comments such as `# okrs/one.toml` cut it into files.
fn completed(example: &str) -> Vec<String> {
    let mut texts = vec![String::new()];
    for line in example.lines() {
        if line.starts_with("# okrs/") {
            texts.push(String::new());
        }
        let last = texts.last_mut().unwrap();
        *last = format!("{last}{line}\n");
    }
    let several = texts.len() > 1;
    let aimless = !example.contains("[objectives");
    let complete = |(nth, text): (usize, &String)| {
        let Ok(mut table) = toml::from_str::<toml::Table>(text) else {
            return text.clone();
        };
        let usual: toml::Table = toml::from_str(OBJECTIVE).unwrap();
        let empty = || toml::Value::Table(toml::Table::new());
        if !several || (aimless && nth == 0) {
            table.entry("cycle").or_insert("2026-Q4".into());
            let objectives = table.entry("objectives").or_insert_with(empty);
            if objectives.as_table().unwrap().is_empty() {
                objectives
                    .as_table_mut()
                    .unwrap()
                    .insert("more-visitors".into(), empty());
            }
        }
        for (name, objective) in table
            .get_mut("objectives")
            .into_iter()
            .flat_map(|o| o.as_table_mut().unwrap())
        {
            let objective = objective.as_table_mut().unwrap();
            objective.entry("title").or_insert(usual["title"].clone());
            let given = objective
                .entry("key_results")
                .or_insert_with(empty)
                .as_table_mut()
                .unwrap();
            if given.is_empty() || name == "more-visitors" {
                for (name, key_result) in usual["key_results"].as_table().unwrap() {
                    given.entry(name).or_insert(key_result.clone());
                }
            }
        }
        if nth == 0 {
            let mut main: toml::Table = toml::from_str(MAIN).unwrap();
            for (key, value) in table {
                match (
                    main.get_mut(&key).and_then(toml::Value::as_table_mut),
                    value,
                ) {
                    (Some(there), toml::Value::Table(more)) => there.extend(more),
                    (_, value) => drop(main.insert(key, value)),
                }
            }
            table = main;
        }
        toml::to_string(&table).unwrap()
    };
    texts.iter().enumerate().map(complete).collect()
}

/// The codes of all findings, and what is shown of them.
fn all_codes(texts: &[String]) -> (BTreeSet<&'static str>, String) {
    let named =
        |(n, text): (usize, &String)| File::new(format!("{n}.toml"), "/etc/okrd", text.clone());
    let files = Files {
        files: texts.iter().enumerate().map(named).collect(),
        findings: Vec::new(),
    };
    let (_, findings) = check(&files, judge, today());
    let codes = findings.iter().map(|f| f.code.as_str()).collect();
    (codes, render::text(&findings, &files))
}

/// The example that a page advises against has the finding and no other; the one that it advises has none.
#[test]
fn the_examples_of_every_page_are_what_it_says() {
    let mut wrong = Vec::new();
    for code in Code::ALL {
        let blocks = blocks(code.page());
        let [bad, good, ..] = blocks.as_slice() else {
            panic!("{code} has {} examples", blocks.len());
        };
        // What is no fault of the text has tests of its own: with files, with sources, with a history.
        let elsewhere = code == Code::CfgFile || code.needs() != Needs::Files;
        let mut expected = BTreeSet::from([code.as_str()]);
        expected.retain(|_| !elsewhere);
        for (example, expected) in [(good, BTreeSet::new()), (bad, expected)] {
            let texts = completed(example);
            let (codes, told) = all_codes(&texts);
            if codes != expected {
                wrong.push(format!(
                    "{code}: {codes:?}\n{told}\n{}",
                    texts.join("\n# ---\n")
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// Whatever the code: a level of its own, off, or an allowance at the top of the file. All work for all of them, and
/// none of them changes what the files mean.
#[test]
fn every_lint_of_the_text_has_its_level_and_can_be_allowed() {
    for code in Code::ALL {
        if code.bend() == Bend::Firm
            || code.needs() != Needs::Files
            || code.as_str().starts_with("LINT")
        {
            continue;
        }
        let bad = completed(blocks(code.page())[0]);
        let with = |first: &str| {
            let texts: Vec<String> = bad.iter().map(|text| format!("{first}\n{text}")).collect();
            let named =
                |(n, text): (usize, &String)| File::new(format!("{n}.toml"), "/", text.clone());
            let files = Files {
                files: texts.iter().enumerate().map(named).collect(),
                findings: Vec::new(),
            };
            let (config, findings) = check(&files, judge, today());
            let severities: BTreeSet<_> = findings
                .iter()
                .filter(|f| f.code == code)
                .map(|f| f.severity.as_str())
                .collect();
            (config.map(|c| (c.goals, c.polls)), severities)
        };
        let (agreed, _) = with("");
        assert!(agreed.is_some(), "{code}");
        let main = |level: &str| {
            let mut bad = bad.clone();
            bad[0] = format!("lints.{code} = \"{level}\"\n{}", bad[0]);
            bad
        };
        for level in ["error", "warning", "info", "off"] {
            let (config, _, told) = checked(&main(level));
            let config = config.map(|c| (c.goals, c.polls));
            assert_eq!(config, agreed, "{code} {level}");
            let shown = format!("{level}[{code}]");
            assert_eq!(told.contains(&shown), level != "off", "{told}");
            assert_eq!(
                told.contains(&format!("[{code}]")),
                level != "off",
                "{told}"
            );
        }
        let allow =
            format!("allow = [{{ code = \"{code}\", reason = \"R\", until = 2026-11-15 }}]");
        assert_eq!(with(&allow), (agreed.clone(), BTreeSet::new()), "{code}");
        let over = allow.replace("2026-11-15", "2026-11-14");
        // The error of this code is another finding.
        let usual = if code == Code::KrWeight {
            "warning"
        } else {
            code.severity().as_str()
        };
        assert_eq!(with(&over), (agreed, BTreeSet::from([usual])), "{code}");
    }
}

/// The last day ends at midnight where the company is.
#[test]
fn an_allowance_ends_in_the_time_zone_of_the_configuration() {
    let late = |zone: &str| {
        let text = lonely(&format!("timezone = \"{zone}\""), UNTIL_15, "");
        let files = Files::one(File::new("okrd.toml", "/", text));
        let now = "2026-11-15T23:30:00Z".parse().unwrap();
        !check(&files, judge, now).1.is_empty()
    };
    assert!(late("Europe/Amsterdam") && !late("UTC") && !late("America/New_York"));
}

fn docs(name: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("docs/lints")
        .join(name)
}

#[test]
fn every_page_says_what_the_table_of_codes_says() {
    for code in Code::ALL {
        let page = code.page();
        let seen = match code.needs() {
            Needs::Files => "the files",
            Needs::Sources => "answers of the sources (`--online`)",
            Needs::History => "what was measured (`--online`)",
            Needs::Base => "the configuration as it was before",
        };
        let head = format!(
            "# {code}\n\nLevel: {}. Seen in {seen}.\n\n",
            code.severity().as_str()
        );
        assert!(page.starts_with(&head), "{code}: expected\n{head}");
        assert!(
            page.contains(&format!("\nWhy: {}.\n", code.reason())),
            "{code}"
        );
        let silence = page.split("\n## Silence\n\n").nth(1).unwrap();
        match code.bend() {
            Bend::Firm if code.needs() == Needs::Base => assert_eq!(
                silence,
                "It cannot be silenced: it is told to whoever reviews the change.\n"
            ),
            Bend::Firm => assert_eq!(
                silence,
                "It cannot be silenced: a configuration with such an error cannot be used.\n"
            ),
            Bend::Lint => {
                assert!(
                    silence.starts_with(&format!("`{code} = \"off\"` in `[lints]`")),
                    "{code}"
                );
                let allow = format!("allow = [{{ code = \"{code}\"");
                let of_allow = matches!(code, Code::LintAllow | Code::LintExpired);
                assert_eq!(silence.contains(&allow), !of_allow, "{code}");
            }
        }
    }
    let pages = std::fs::read_dir(docs("")).unwrap();
    assert_eq!(pages.count(), Code::COUNT + 1, "a page without a code");
}

/// The list of all codes; `OKRD_GOLDEN=write` writes it anew.
#[test]
fn the_list_of_codes_is_current() {
    let mut list = String::from(
        "# What okrd check finds\n\n`okrd check --explain CODE` prints these pages. A level is what a finding has unless `[lints]` says otherwise;\nwhat is always an error cannot be silenced.\n\n| code | level | why |\n|---|---|---|\n",
    );
    for code in Code::ALL {
        let level = match code.bend() {
            Bend::Firm if code.severity() == Severity::Warning => "always a warning",
            Bend::Firm => "always an error",
            Bend::Lint => code.severity().as_str(),
        };
        let why = code.reason();
        list.push_str(&format!("| [{code}]({code}.md) | {level} | {why} |\n"));
    }
    let path = docs("README.md");
    if std::env::var("OKRD_GOLDEN").is_ok_and(|value| value == "write") {
        std::fs::write(&path, &list).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap_or_default(), list);
}

/// What people sensibly write is left alone, in any of the four languages that the lints know.
#[test]
fn sensible_text_is_left_alone() {
    const HEAD: &str = r#"
cycle = "2026-Q4"
timezone = "Europe/Amsterdam"
cycles."2026-Q4" = { starts = 2026-10-01, ends = 2026-12-31 }
cycles."2027-Q1" = { starts = 2027-01-01, ends = 2027-03-31 }
cycles."2026" = { starts = 2026-01-01, ends = 2026-12-31 }
sources.crm = { type = "postgres", url = { env = "CRM" } }
sources.shop = { type = "mysql", url = { env = "SHOP" } }
sources.lite = { type = "sqlite", path = "lite.db" }
sources.jira = { type = "jira", url = "https://acme.atlassian.net" }
sources.site = { type = "plausible", url = "https://plausible.io", site = "acme.example" }
sources.api = { type = "http", url = "https://api.acme.example", refresh = "15m" }
"#;
    let titles = [
        "More people find their way to our website",
        "B2B customers renew without being asked",
        "Our answers are there 24/7",
        "Everyone in Europe's #1 market knows us",
        "Klanten kunnen zelf bestellen en betalen",
        "Lezers vertrouwen wat wij schrijven",
        "Unsere Kunden empfehlen uns weiter",
        "Les lecteurs nous font confiance",
        "A 2026 that our team is proud of",
    ];
    let key_results = [
        "title = \"Pass 1,000 subscribers\", unit = \"subscribers\", baseline = 640, target = 1000, strict = true",
        "title = \"Van 12 naar 9 klachten per week\", unit = \"klachten per week\", baseline = 12, target = 9",
        "title = \"30% more orders than last quarter\", unit = \"orders\", kind = \"cumulative\", baseline = 200, target = \"+30%\", measure = { source = \"crm\", query = \"SELECT count(*) FROM orders WHERE at >= :cycle_start AND at < :now\" }",
        "title = \"Answers within 2 hours for 95% of questions\", unit = \"% of questions\", at_least = 95, measure = { source = \"jira\", jql = \"project = CARE AND created >= {window_start}\", value = { ratio_of = \"project = CARE\" }, window = \"28d\" }",
        "title = \"Conversion up by 1.5 points\", unit = \"%\", kind = \"ratio\", baseline = 2.5, target = \"+1.5pp\", measure = { source = \"site\", metric = \"conversion_rate\", goal = \"Signup\", window = \"30d\" }",
        "title = \"Revenue of € 1.2 million\", unit = \"k€\", baseline = 900, target = 1200, measure = { source = \"shop\", query = \"SELECT sum(amount) / 1000 FROM orders WHERE at >= :cycle_start\" }",
        "title = \"Fewer open tickets\", unit = \"tickets\", baseline = 120, target = 60, measure = { source = \"jira\", jql = \"project = CARE AND statusCategory != Done\" }",
        "title = \"Readers of a day\", unit = \"readers\", baseline = 4000, target = 6000, measure = { source = \"crm\", query = \"SELECT count(DISTINCT reader) FROM visits WHERE at >= :today AND at < :now\" }",
        "title = \"Posts read to the end\", unit = \"posts read\", baseline = 400, target = 600, measure = { source = \"lite\", query = \"SELECT count(*) FROM reads WHERE day >= date(:cycle_start)\" }",
        "title = \"The letter is opened\", unit = \"share\", kind = \"ratio\", baseline = 0.31, target = 0.4, schedule = \"0 6 * * *\", measure = { source = \"api\", path = \"/opens\", query = { since = \"{cycle_start:date}\" }, value = \"[.days[].opened] | add / 100\" }",
        "title = \"Days with the archive in reach\", unit = \"days\", baseline_days = 28",
        "title = \"All 3 archives can be searched\", unit = \"steps\", milestones = [{ title = \"First of 3\" }, { title = \"All\" }]",
    ];
    let mut text = HEAD.to_owned();
    for (nth, title) in titles.iter().take(5).enumerate() {
        text.push_str(&format!(
            "[objectives.o{nth}]\ntitle = \"{title}\"\n[objectives.o{nth}.key_results]\n"
        ));
        text.push_str("guard = { title = \"Few complaints\", why = \"Reach that annoys is no reach\", unit = \"complaints\", at_most = 300, role = \"guardrail\" }\n");
        let of_it = key_results
            .iter()
            .enumerate()
            .filter(|(kr, _)| kr % 5 == nth);
        for (kr, keys) in of_it {
            text.push_str(&format!(
                "kr{kr} = {{ why = \"It shows that we are found\", {keys} }}\n"
            ));
        }
    }
    let (codes, told) = all_codes(&[text.clone()]);
    assert_eq!(codes, BTreeSet::new(), "{told}");
    for title in titles {
        let other = text.replace(titles[0], title);
        let (codes, told) = all_codes(&[other]);
        assert_eq!(codes, BTreeSet::new(), "{told}");
    }
}
