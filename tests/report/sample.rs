//! A small company in the last week of November: one key result of each kind of trouble, a cycle that ended, a target that
//! was amended, words that people said. Made of files as any other and of numbers that follow from the day.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use okrd::config::check::check;
use okrd::config::spec::Config;
use okrd::config::{load, render};
use okrd::domain::cycle::Cycle;
use okrd::domain::fault::FaultClass;
use okrd::domain::goals::{Company, Goals};
use okrd::domain::history::{History, LastAttempt, Point};
use okrd::domain::id::{CycleName, KeyResultId, Slug};
use okrd::domain::language::Language;
use okrd::domain::quality::{Flag, Quality};
use okrd::domain::retrace::{Lore, Retrace, Told};
use okrd::domain::scorecard::score;
use okrd::report::{Material, Part, Report, Said, Scope};
use okrd::source::jq::judge;

/// The day of the report.
pub(crate) fn until() -> Timestamp {
    "2026-11-26T08:30:00Z".parse().unwrap()
}

/// A week before.
fn since() -> Timestamp {
    "2026-11-18T23:00:00Z".parse().unwrap()
}

fn id(text: &str) -> KeyResultId {
    KeyResultId::parse_full(text).unwrap()
}

fn config() -> Config {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/report/acme/okrd.toml");
    let files = load::load(&path).unwrap();
    let (config, findings) = check(&files, judge, Timestamp::UNIX_EPOCH);
    config.unwrap_or_else(|| panic!("{}", render::text(&findings, &files)))
}

/// So many days from a day on, one value each at six in the morning; the value is that of the number of the day.
fn days(first: &str, count: i32, value: impl Fn(f64) -> f64) -> Vec<Point> {
    let first: Timestamp = format!("{first}T05:00:00Z").parse().unwrap();
    let point = |nth: i32| Point {
        as_of: first + SignedDuration::from_hours(24 * i64::from(nth)),
        value: value(f64::from(nth)),
    };
    (0..count).map(point).collect()
}

/// What was measured.
fn measured() -> Vec<(KeyResultId, Vec<Point>)> {
    let wave = |x: f64| (x * 1.7).sin();
    let whole = |x: f64| x.round();
    vec![
        (
            "2026-Q3:found/visitors",
            days("2026-07-01", 92, |x| {
                whole(38_000.0 + 71.0 * x + 300.0 * wave(x))
            }),
        ),
        ("2026-Q3:found/known", days("2026-09-20", 1, |_| 18.5)),
        (
            "2026-Q3:letter/finished",
            days("2026-07-01", 92, |x| whole(30.0 + 0.18 * x)),
        ),
        (
            "2026-Q3:letter/unread",
            days("2026-07-01", 92, |x| whole(11.0 + 4.0 * wave(x))),
        ),
        (
            "2026-Q4:reflex/visitors",
            days("2026-10-01", 57, |x| {
                whole(48_000.0 + 205.0 * x + 400.0 * wave(x))
            }),
        ),
        (
            "2026-Q4:dependable/corrections",
            days("2026-10-01", 57, |x| whole(12.0 - 0.045 * x)),
        ),
        (
            "2026-Q4:dependable/answered",
            days("2026-10-01", 50, |x| 0.62 + 0.0021 * x),
        ),
        (
            "2026-Q4:more-visitors/subscribers",
            days("2026-10-01", 57, |x| whole(640.0 + 2.6 * x + 6.0 * wave(x))),
        ),
        (
            "2026-Q4:more-visitors/orders",
            days("2026-10-01", 57, |x| whole(3.4 * x)),
        ),
        (
            "2026-Q4:more-visitors/complaints",
            days("2026-10-01", 57, |x| {
                whole(262.0 + 0.85 * x + 9.0 * wave(x))
            }),
        ),
        (
            "2026-Q4:heard/first-reply",
            days("2026-10-05", 53, |x| 11.0 - 0.025 * x),
        ),
        ("2026-Q4:heard/warmth", days("2026-11-23", 4, |x| 61.0 + x)),
    ]
    .into_iter()
    .map(|(name, points)| (id(name), points))
    .collect()
}

fn said() -> Vec<Said> {
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    let note = |about: Option<&str>, day: &str, text: &str| Said {
        about: about.map(id),
        at: at(day),
        confidence: None,
        text: Some(text.into()),
        is_note: true,
    };
    vec![
        note(
            Some("2026-Q3:letter/finished"),
            "2026-10-08T09:00:00Z",
            "Cause of the miss: the new template came in September only",
        ),
        note(
            None,
            "2026-11-20T09:00:00Z",
            "The website was down for two hours",
        ),
        Said {
            about: Some(id("2026-Q4:more-visitors/subscribers")),
            at: at("2026-11-24T10:00:00Z"),
            confidence: Some(0.6),
            text: Some("the autumn letter helps".into()),
            is_note: false,
        },
    ]
}

/// What a report is made of. The files' texts are in English in every language; what okrd says is not.
pub(crate) fn material(language: Language) -> Material {
    of(&config(), language)
}

fn of(config: &Config, language: Language) -> Material {
    let mut goals = config.goals.clone();
    goals.company.language = language;
    let lore = lore(&goals);
    let mut today = history(&goals);
    let mut past = Retrace::new(&goals, |_: &Cycle| true, lore, &today);
    let before = past.at(since());
    for (_, card) in past.at(until()).key_results() {
        let stands = Some((card.status, card.status_since));
        today.record(&card.key_result.id).status_since = stands;
    }
    Material {
        before,
        after: score(&goals, &today, until()),
        said: said(),
        boundaries: goals.method.boundaries,
        zone: config.zone.clone(),
    }
}

fn lore(goals: &Goals) -> HashMap<KeyResultId, Lore> {
    let blank = |id: &KeyResultId| {
        let begins = Some(goals.cycles[&id.cycle].start());
        (
            id.clone(),
            Lore {
                begins,
                ..Lore::default()
            },
        )
    };
    let mut all: HashMap<_, _> = goals.key_results().map(|(_, kr)| blank(&kr.id)).collect();
    for (id, points) in measured() {
        let told = points.into_iter().map(|point| Told {
            from: point.as_of,
            point,
            quality: Quality::default(),
            counts: None,
        });
        all.get_mut(&id).unwrap().values = told.collect();
    }
    all
}

fn history(goals: &Goals) -> History {
    let mut history = History::default();
    for (id, points) in measured() {
        let cycle = &goals.cycles[&id.cycle];
        let daily = !goals.key_result(&id).unwrap().aim.needs_every_value();
        let record = history.record(&id);
        for point in points {
            record.enter(point, cycle, daily);
        }
    }
    let answered = history.record(&id("2026-Q4:dependable/answered"));
    answered.last_attempt = Some(LastAttempt {
        at: until() - SignedDuration::from_hours(3),
        fault: Some((
            FaultClass::Auth,
            "the source refuses the credentials".into(),
        )),
    });
    let visitors = history.record(&id("2026-Q4:reflex/visitors"));
    let newest = visitors.series.points().last().unwrap().as_of;
    visitors.quality = Some((newest, Quality::default().with(Flag::Sampled)));
    let subscribers = history.record(&id("2026-Q4:more-visitors/subscribers"));
    subscribers.confidence = Some(0.6);
    history
}

/// A report of the running cycle.
pub(crate) fn report(material: &Material, team: Option<&str>) -> Report {
    of_cycles(material, &["2026-Q4"], team)
}

/// A report of these cycles.
pub(crate) fn of_cycles(material: &Material, cycles: &[&str], team: Option<&str>) -> Report {
    let cycles = cycles.iter().map(|name| CycleName::parse(name).unwrap());
    let scope = Scope {
        cycles: cycles.collect(),
        team: team.map(|team| Slug::parse(team).unwrap()),
    };
    Report::new(material, &scope)
}

/// The cycle that ended.
pub(crate) fn last(material: &Material) -> Part {
    let name = CycleName::parse("2026-Q3").unwrap();
    Part::new(material, material.after.cycle(&name).unwrap(), None)
}

/// The same company with `text` wherever somebody may write what they like.
pub(crate) fn with_text(text: &str) -> Material {
    let mut config = config();
    let goals = &mut config.goals;
    goals.company = Company {
        name: text.into(),
        vision: Some(text.into()),
        strategy: vec![text.into(), text.into()],
        language: Language::English,
    };
    for team in goals.teams.values_mut() {
        team.name = text.into();
    }
    for objective in &mut goals.objectives {
        let objective = Arc::make_mut(objective);
        objective.title = text.into();
        objective.why = Some(text.into());
        for initiative in &mut objective.initiatives {
            initiative.title = text.into();
            initiative.learned = Some(text.into());
            initiative.jira = Some(text.into());
        }
        for key_result in &mut objective.key_results {
            let key_result = Arc::make_mut(key_result);
            key_result.title = text.into();
            key_result.why = Some(text.into());
            key_result.unit = text.into();
            for amendment in &mut key_result.amendments {
                amendment.reason = text.into();
                amendment.approved_by = text.into();
            }
        }
    }
    let mut material = of(&config, Language::English);
    for said in &mut material.said {
        said.text = Some(text.into());
    }
    material
}
