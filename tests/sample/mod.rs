//! Boards for tests: a small company with one key result of each kind of trouble, a hostile one, a large one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::date;
use jiff::tz::TimeZone;

use super::okrd::domain::cycle::Cycle;
use super::okrd::domain::fault::FaultClass;
use super::okrd::domain::forecast::{Forecast, ForecastError, Method, NoForecast, Rate};
use super::okrd::domain::goals::{
    Ambition, Company, Feed, Initiative, InitiativeState, KeyResult, Kind, Objective, Parent,
    ParentLink, Role, Team,
};
use super::okrd::domain::history::{CheckIn, LastAttempt};
use super::okrd::domain::id::{CycleName, KeyResultId, ObjectiveId, Slug};
use super::okrd::domain::language::Language;
use super::okrd::domain::link::Link;
use super::okrd::domain::method::PaceBy;
use super::okrd::domain::quality::{Flag, Quality};
use super::okrd::domain::reason::Reason;
use super::okrd::domain::scorecard::{KeyResultCard, ObjectiveCard, Scorecard};
use super::okrd::domain::status::Status;
use super::okrd::domain::target::{Aim, Band, Baseline, Hold, Reach, ScoreBy, Target};
use super::okrd::domain::verdict::{Closing, Outcome, Verdict};
use super::okrd::engine::board::{Board, ConfigBoard, SourceBoard, StoreBoard};
use super::okrd::engine::lane::Held;

/// The instant of every sample board.
pub(crate) fn now() -> Timestamp {
    "2026-11-24T09:30:00Z".parse().unwrap()
}

fn ago(seconds: i64) -> Timestamp {
    Timestamp::from_second(now().as_second() - seconds).unwrap()
}

fn slug(text: &str) -> Slug {
    Slug::parse(text).unwrap()
}

fn cycle(name: &str, first: (i16, i8, i8), last: (i16, i8, i8)) -> Cycle {
    let zone = jiff::tz::TimeZoneDatabase::bundled()
        .get("Europe/Amsterdam")
        .unwrap();
    Cycle::new(
        CycleName::parse(name).unwrap(),
        date(first.0, first.1, first.2),
        date(last.0, last.1, last.2),
        if name.ends_with("utc") {
            TimeZone::UTC
        } else {
            zone
        },
    )
    .unwrap()
}

pub(crate) fn objective(cycle: &str, id: &str, title: &str, team: Option<&str>) -> Objective {
    Objective {
        id: ObjectiveId {
            cycle: CycleName::parse(cycle).unwrap(),
            objective: slug(id),
        },
        title: title.into(),
        why: None,
        team: team.map(slug),
        parent: None,
        ambition: Ambition::Aspirational,
        key_results: Vec::new(),
        initiatives: Vec::new(),
    }
}

pub(crate) fn reach(baseline: f64, target: f64) -> Aim {
    Aim::Reach(Reach {
        baseline: Baseline::Fixed(baseline),
        target: Target::Absolute(target),
        strict: false,
        anchors: None,
    })
}

pub(crate) fn key_result(of: &Objective, id: &str, title: &str, unit: &str, aim: Aim) -> KeyResult {
    KeyResult {
        id: KeyResultId {
            cycle: of.id.cycle.clone(),
            objective: of.id.objective.clone(),
            key_result: slug(id),
        },
        title: title.into(),
        why: None,
        unit: unit.into(),
        kind: Kind::Level,
        window: None,
        aim,
        plan: None,
        role: Role::Contributes,
        weight: 1.0,
        feed: Feed::Polled {
            source: slug("shop"),
        },
        stale_after: Duration::from_secs(86_400),
        amendments: Vec::new(),
        rebases: Vec::new(),
        definition: "0123456789abcdef".into(),
    }
}

/// A card that was never measured.
pub(crate) fn card(key_result: KeyResult) -> KeyResultCard {
    let (baseline, target) = match key_result.aim {
        Aim::Reach(Reach {
            baseline: Baseline::Fixed(b),
            target: Target::Absolute(t),
            ..
        }) => (Some(b), Some(t)),
        _ => (None, None),
    };
    let direction = key_result.aim.direction();
    KeyResultCard {
        key_result: Arc::new(key_result),
        value: None,
        note: None,
        quality: Quality::default(),
        stale: false,
        believed_until: None,
        curve: Vec::new().into(),
        direction,
        in_band: None,
        coverage: None,
        baseline,
        target,
        progress_raw: None,
        progress: None,
        expected_progress: Some(0.6),
        expected_value: baseline.zip(target).map(|(b, t)| b + (t - b) * 0.6),
        compliance: None,
        budget_left: None,
        pace: None,
        pace_by: PaceBy::Ratio,
        forecast: Err(NoForecast::FewDays(0)),
        corrected: None,
        rate: None,
        status: Status::NoData,
        reason: "never measured".into(),
        status_since: ago(54 * 86_400),
        last_attempt: None,
        confidence: None,
        check_in: None,
        may_be_too_safe: false,
        closing: None,
        forecast_error: None,
        closed_at: None,
    }
}

/// The same card with a value of some seconds ago.
pub(crate) fn measured(
    card: KeyResultCard,
    value: f64,
    age: i64,
    status: Status,
    reason: &str,
) -> KeyResultCard {
    let raw = card
        .baseline
        .zip(card.target)
        .map(|(b, t)| (value - b) / (t - b));
    KeyResultCard {
        value: Some((value, ago(age))),
        progress_raw: raw,
        progress: raw.map(|p| p.clamp(0.0, 1.0)),
        pace: raw.map(|p| p / 0.42),
        status,
        reason: Reason::from(reason),
        status_since: ago(3 * 86_400),
        last_attempt: Some(LastAttempt {
            at: ago(age),
            fault: None,
        }),
        ..card
    }
}

pub(crate) fn judged(
    objective: Objective,
    status: Status,
    cards: Vec<KeyResultCard>,
) -> ObjectiveCard {
    let known: Vec<f64> = cards.iter().filter_map(|c| c.progress).collect();
    let count = |n: usize| f64::from(u32::try_from(n).unwrap());
    ObjectiveCard {
        progress: (!known.is_empty()).then(|| known.iter().sum::<f64>() / count(known.len())),
        expected: Some(0.42),
        coverage: count(known.len()) / count(cards.len().max(1)),
        status,
        closing: None,
        closed_at: None,
        key_results: cards.into_iter().map(Arc::new).collect(),
        objective: Arc::new(objective),
    }
}

fn source(name: &str, kind: &'static str) -> SourceBoard {
    SourceBoard {
        name: slug(name),
        kind,
        up: Some(true),
        suspended: false,
        breaker_open: false,
        held: None,
        last_poll: Some(ago(240)),
        last_success: Some(ago(240)),
        next_poll: Some(ago(-660)),
        interval: Some(Duration::from_secs(900)),
        fault: None,
    }
}

pub(crate) fn with_objectives(objectives: Vec<ObjectiveCard>) -> Board {
    Board {
        works: Arc::default(),
        scorecard: Scorecard {
            method: Default::default(),
            at: now(),
            company: Arc::new(Company {
                name: "Acme".into(),
                vision: Some("Looking it up on our website is a reflex for everyone online".into()),
                strategy: vec![
                    "Be the first answer people find".into(),
                    "Make it worth coming back".into(),
                ],
                language: Language::English,
            }),
            teams: Arc::new(BTreeMap::from([
                (
                    slug("content"),
                    Team {
                        name: "Content".into(),
                        slack: Some("#team-content".into()),
                    },
                ),
                (
                    slug("care"),
                    Team {
                        name: "Customer care".into(),
                        slack: None,
                    },
                ),
            ])),
            cycles: Arc::new([
                cycle("2026-Q3", (2026, 7, 1), (2026, 9, 30)),
                cycle("2026-Q4", (2026, 10, 1), (2026, 12, 31)),
            ]),
            objectives: objectives.into_iter().map(Arc::new).collect(),
        },
        sources: vec![
            source("shop", "sqlite"),
            source("site", "plausible"),
            broken("tracker", "jira"),
        ],
        config: ConfigBoard {
            last_load_accepted: true,
            loaded_at: ago(3_600),
            warnings: 2,
            asked: Arc::new(
                [(
                    KeyResultId::parse_full("2026-Q4:more-visitors/subscribers").unwrap(),
                    r#"{"source":"shop","type":"sqlite","window":"cycle_to_date","query":"SELECT count(*) FROM subscribers WHERE confirmed"}"#.to_owned(),
                )]
                .into(),
            ),
        },
        store: StoreBoard {
            up: true,
            size_bytes: 81_920,
            last_write: Some(ago(240)),
            log_bytes: 4_120,
            incident: false,
            checked: Some((ago(86_400), true)),
        },
    }
}

fn broken(name: &str, kind: &'static str) -> SourceBoard {
    SourceBoard {
        up: Some(false),
        suspended: true,
        held: Some(Held::Login {
            since: ago(9 * 3_600),
        }),
        next_poll: None,
        last_success: Some(ago(9 * 3_600)),
        fault: Some(
            "auth: the source refuses the credentials (HTTP 401) (put a new token into jira.token)"
                .into(),
        ),
        ..source(name, kind)
    }
}

/// A small company, one trouble a key result.
pub(crate) fn board() -> Board {
    with_objectives(vec![reflex(), more_visitors(), happy(), last_quarter()])
}

fn reflex() -> ObjectiveCard {
    let mut objective = objective(
        "2026-Q4",
        "reflex",
        "Our website becomes the reflex of everyone online",
        None,
    );
    objective.why = Some("People who look things up with us come back by themselves".into());
    let mut direct = key_result(
        &objective,
        "direct",
        "Half of all visits begin with our name",
        "%",
        reach(31.0, 50.0),
    );
    direct.feed = Feed::Polled {
        source: slug("site"),
    };
    direct.kind = Kind::Ratio;
    let direct = measured(
        card(direct),
        41.7,
        240,
        Status::OnTrack,
        "56 % of the way, 42 % expected by now",
    );
    judged(objective, Status::OnTrack, vec![direct])
}

fn more_visitors() -> ObjectiveCard {
    let mut objective = objective(
        "2026-Q4",
        "more-visitors",
        "More people find their way to our website",
        Some("content"),
    );
    objective.parent = Some(Parent {
        objective: slug("reflex"),
        link: ParentLink::Contributes,
    });
    objective.initiatives = vec![
        Initiative {
            id: slug("weekly-letter"),
            title: "A weekly letter worth opening".into(),
            key_results: vec![slug("subscribers")],
            state: InitiativeState::Doing,
            learned: None,
            jira: Some("CONT-12".into()),
            links: vec![Link::parse("https://wiki.acme.example/letter?page=1").unwrap()],
        },
        Initiative {
            id: slug("glossary"),
            title: "A glossary of the trade".into(),
            key_results: vec![slug("visitors")],
            state: InitiativeState::Dropped,
            learned: Some("People search for questions, not for terms".into()),
            jira: None,
            links: Vec::new(),
        },
    ];
    let mut subscribers = key_result(
        &objective,
        "subscribers",
        "Pass 1,000 subscribers",
        "subscribers",
        reach(640.0, 1000.0),
    );
    subscribers.why = Some("A subscriber comes back without being asked".into());
    let subscribers = KeyResultCard {
        confidence: Some(0.7),
        forecast: Ok(Forecast {
            value: 880.25,
            progress: 0.667_361_111,
            low: Some(841.5),
            high: Some(932.75),
            method: Method::TheilSen,
            weak: false,
            few_events: false,
            per_day: 2.625,
            by: date(2026, 12, 31),
            way: 360.0,
            corrected: None,
        }),
        rate: Some(Rate {
            needed: 5.5,
            actual: Some(2.625),
            ratio: Some(2.095_238_095),
        }),
        check_in: Some(CheckIn {
            at: ago(3 * 86_400),
            confidence: Some(0.7),
            note: Some("the autumn letter helps".into()),
        }),
        ..measured(
            card(subscribers),
            780.0,
            240,
            Status::AtRisk,
            "39 % of the way, 42 % expected by now",
        )
    };
    let visitors = key_result(
        &objective,
        "visitors",
        "Half as many visitors again",
        "visitors a month",
        reach(48_000.0, 72_000.0),
    );
    let mut visitors_card = card(visitors);
    visitors_card.confidence = Some(0.8);
    visitors_card.note = Some("4 of 10 issues have a value, 6 do not carry the field".into());
    let visitors = measured(
        visitors_card,
        45_600.0,
        7_200,
        Status::OffTrack,
        "below where it started, 42 % expected by now",
    );
    let accounts = KeyResultCard {
        stale: true,
        forecast: Err(NoForecast::Stale),
        progress_raw: None,
        progress: None,
        pace: None,
        last_attempt: Some(LastAttempt {
            at: ago(240),
            fault: Some((
                FaultClass::Timeout,
                "no answer within 30 s from `shop`".into(),
            )),
        }),
        ..measured(
            card(key_result(
                &objective,
                "accounts",
                "30 % more accounts",
                "accounts",
                reach(2_000.0, 2_600.0),
            )),
            2_300.0,
            4 * 86_400,
            Status::Stale,
            "the newest value is 4 days old, older than 1 day",
        )
    };
    judged(
        objective,
        Status::OffTrack,
        vec![subscribers, visitors, accounts],
    )
}

fn happy() -> ObjectiveCard {
    let mut objective = objective(
        "2026-Q4",
        "happy",
        "Readers feel taken seriously",
        Some("care"),
    );
    objective.parent = Some(Parent {
        objective: slug("reflex"),
        link: ParentLink::Supports,
    });
    objective.ambition = Ambition::Committed;
    let hold = Aim::Hold(Hold {
        band: Band::AtMost(300.0),
        strict: false,
        compliance: 0.9,
        score_by: ScoreBy::Time,
    });
    let mut complaints = key_result(
        &objective,
        "complaints",
        "No more than 300 open complaints",
        "complaints",
        hold,
    );
    complaints.role = Role::Guardrail;
    complaints.weight = 0.0;
    complaints.feed = Feed::Polled {
        source: slug("tracker"),
    };
    let complaints = KeyResultCard {
        quality: Quality::default().with(Flag::Approximate),
        in_band: Some(true),
        compliance: Some(0.94),
        coverage: Some(1.0),
        budget_left: Some(0.41),
        progress_raw: Some(0.56),
        progress: Some(0.56),
        ..measured(
            card(complaints),
            212.0,
            9 * 3_600,
            Status::OnTrack,
            "in the band 94 % of the time, 90 % expected",
        )
    };
    let mut answered = key_result(
        &objective,
        "first-reply",
        "First reply within four hours",
        "hours",
        reach(11.0, 4.0),
    );
    answered.feed = Feed::Polled {
        source: slug("tracker"),
    };
    let mut talks = key_result(
        &objective,
        "talks",
        "Talk to twenty readers",
        "talks",
        reach(0.0, 20.0),
    );
    talks.feed = Feed::Recorded;
    talks.kind = Kind::Cumulative;
    let talks = measured(
        card(talks),
        22.0,
        86_000,
        Status::AtTarget,
        "22 is past the target of 20",
    );
    judged(
        objective,
        Status::NoData,
        vec![complaints, card(answered), talks],
    )
}

fn last_quarter() -> ObjectiveCard {
    let objective = objective("2026-Q3", "found", "People find us", Some("content"));
    let letters = key_result(
        &objective,
        "subscribers",
        "Reach 640 subscribers",
        "subscribers",
        reach(400.0, 640.0),
    );
    let closing = Closing {
        as_amended: Outcome {
            score: Some(600.0 / 720.0),
            verdict: Verdict::Strong,
        },
        as_committed: Outcome {
            score: Some(0.625),
            verdict: Verdict::Achieved,
        },
    };
    let letters = KeyResultCard {
        closing: Some(closing),
        closed_at: Some(ago(40 * 86_400)),
        forecast_error: Some(ForecastError {
            forecast: 571.5,
            at: ago(101 * 86_400),
            method: Method::TheilSen,
            error: 28.5,
        }),
        ..measured(
            card(letters),
            600.0,
            55 * 86_400,
            Status::Closed,
            "closed with 0.8",
        )
    };
    ObjectiveCard {
        closing: Some(closing),
        closed_at: Some(ago(40 * 86_400)),
        ..judged(objective, Status::Closed, vec![letters])
    }
}

/// Text that wants to be markup, a label, a header or a second line.
pub(crate) const HOSTILE: &str =
    "\"><script>alert(1)</script>\\ \n\r\u{2028}<img src=x onerror=alert(2)>' {x=\"y\"} 1\n# EOF";

/// A board whose every free text is hostile.
pub(crate) fn hostile() -> Board {
    let mut board = board();
    board.scorecard.company = Arc::new(Company {
        name: HOSTILE.into(),
        vision: Some(HOSTILE.into()),
        strategy: vec![HOSTILE.into()],
        language: Language::English,
    });
    for team in Arc::make_mut(&mut board.scorecard.teams).values_mut() {
        team.name = HOSTILE.into();
    }
    for source in &mut board.sources {
        source.fault = Some(HOSTILE.into());
    }
    for card in &mut board.scorecard.objectives {
        let card = Arc::make_mut(card);
        let objective = Arc::make_mut(&mut card.objective);
        objective.title = HOSTILE.into();
        objective.why = Some(HOSTILE.into());
        for initiative in &mut objective.initiatives {
            initiative.title = HOSTILE.into();
            initiative.learned = Some(HOSTILE.into());
            initiative.jira = Some(HOSTILE.into());
        }
        for card in &mut card.key_results {
            let card = Arc::make_mut(card);
            card.reason = HOSTILE.into();
            if let Some(said) = &mut card.check_in {
                said.note = Some(HOSTILE.into());
            }
            if let Some(attempt) = &mut card.last_attempt {
                attempt.fault = Some((FaultClass::BadBody, HOSTILE.into()));
            }
            let key_result = Arc::make_mut(&mut card.key_result);
            key_result.title = HOSTILE.into();
            key_result.why = Some(HOSTILE.into());
            key_result.unit = HOSTILE.into();
        }
    }
    board
}

/// A board of `n` measured key results, five an objective.
pub(crate) fn large(n: usize) -> Board {
    let objectives = (0..n.div_ceil(5)).map(|i| {
        let objective = objective(
            "2026-Q4",
            &format!("objective-{i}"),
            &format!("Objective number {i} of a large company"),
            Some("content"),
        );
        let cards = (0..5).map(|j| {
            let kr = key_result(
                &objective,
                &format!("key-result-{j}"),
                &format!("Key result {j} of objective {i}"),
                "things",
                reach(0.0, 1000.0),
            );
            let value = f64::from(u32::try_from((i * 7 + j * 131) % 1000).unwrap()) + 0.37;
            measured(card(kr), value, 240, Status::OnTrack, "as planned")
        });
        let cards = cards.collect();
        judged(objective, Status::OnTrack, cards)
    });
    with_objectives(objectives.collect())
}
