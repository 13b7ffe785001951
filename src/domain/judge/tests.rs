//! A card for every kind of aim, at every point of its cycle.

use super::*;
use crate::domain::anchors::Anchors;
use crate::domain::example::{at_most, day, days, key_result, quarter, reach, record};
use crate::domain::fault::FaultClass;
use crate::domain::goals::Ambition;
use crate::domain::history::LastAttempt;
use crate::domain::history::Point;
use crate::domain::language::Language;
use crate::domain::method::{Method, PaceBy};
use crate::domain::milestones::Milestone;
use crate::domain::milestones::Milestones;
use crate::domain::target::{Aim, Baseline, Direction, Hold, Reach, ScoreBy};
use crate::domain::target::{Band, Target};
use crate::words::{ENGLISH, Tongue};
use proptest::prelude::*;

fn subscribers() -> KeyResult {
    let aim = Aim::Reach(Reach {
        baseline: Baseline::Fixed(640.0),
        target: Target::Absolute(1000.0),
        strict: true,
        anchors: None,
    });
    KeyResult {
        stale_after: days(3),
        ..key_result("more/subscribers", "subscribers", aim)
    }
}

fn complaints() -> KeyResult {
    key_result("more/complaints", "complaints", at_most(300.0))
}

fn card(key_result: KeyResult, record: &Record, now: Timestamp) -> KeyResultCard {
    let kr = Arc::new(key_result);
    let card = judge(
        &kr,
        Ambition::Aspirational.into(),
        &quarter(),
        Some(record),
        now,
    );
    Arc::unwrap_or_clone(card)
}

fn close(found: Option<f64>, expected: f64) -> bool {
    found.is_some_and(|x| (x - expected).abs() < 1e-6)
}

#[test]
fn every_figure_of_a_value_to_reach_is_on_its_card() {
    let card = card(subscribers(), &record(&[(44.0, 910.0)]), day(45.0));
    assert_eq!(card.value, Some((910.0, day(44.0))));
    assert_eq!((card.baseline, card.target), (Some(640.0), Some(1000.0)));
    assert_eq!((card.stale, card.status), (false, Status::OnTrack));
    assert_eq!(card.direction, Direction::Increase);
    assert!(close(card.progress_raw, 0.75) && close(card.progress, 0.75));
    assert!(close(card.pace, 2.142_857_1));
    assert!(close(card.expected_progress, 0.5) && close(card.expected_value, 820.0));
    assert_eq!((card.in_band, card.compliance), (None, None));
    assert_eq!((card.coverage, card.budget_left), (None, None));
}

/// at_most 300, samples on days 0, 2 and 5, now day 10 of 90: stale_after in days, compliance, coverage, progress.
#[test]
fn every_figure_of_a_band_is_on_its_card() {
    let samples = record(&[(0.0, 250.0), (2.0, 320.0), (5.0, 280.0)]);
    let judged = card(complaints(), &samples, day(10.0));
    assert!(close(judged.compliance, 0.7) && close(judged.coverage, 1.0));
    assert!(close(judged.progress, 0.077_777_8) && close(judged.progress_raw, 0.077_777_8));
    // Three of the nine days are spent.
    assert!(close(judged.budget_left, 0.666_666_7));
    assert!(close(judged.pace, 0.7 / 0.9));
    assert!(close(judged.expected_progress, 1.0 / 9.0));
    assert_eq!(
        (judged.in_band, judged.status),
        (Some(true), Status::OnTrack)
    );
    assert_eq!(
        (judged.baseline, judged.target, judged.expected_value),
        (None, None, None)
    );

    // Its newest value is older than 3 days: the time is known, the present is not.
    let doubtful = KeyResult {
        stale_after: days(3),
        ..complaints()
    };
    let judged = card(doubtful, &samples, day(10.0));
    assert!(close(judged.compliance, 0.625) && close(judged.coverage, 0.8));
    assert_eq!(
        (judged.status, judged.progress, judged.pace),
        (Status::Stale, None, None)
    );
}

#[test]
fn nothing_measured_is_never_zero() {
    for key_result in [subscribers(), complaints()] {
        let judged = card(key_result, &Record::default(), day(45.0));
        assert_eq!((judged.value, judged.status), (None, Status::NoData));
        assert_eq!(
            (judged.progress_raw, judged.progress, judged.pace),
            (None, None, None)
        );
        assert!(
            close(judged.expected_progress, 0.5),
            "the plan needs no measurement"
        );
    }
}

/// Before the cycle a band has a value but no time spent in it.
#[test]
fn a_band_has_no_compliance_before_its_cycle() {
    let judged = card(complaints(), &record(&[(-1.0, 250.0)]), day(-0.5));
    assert_eq!(
        (judged.status, judged.in_band),
        (Status::Pending, Some(true))
    );
    assert_eq!(
        (judged.compliance, judged.progress, judged.pace),
        (None, None, None)
    );
}

#[test]
fn a_value_is_believed_until_stale_after_and_kept_beyond() {
    let samples = record(&[(40.0, 910.0)]);
    let fresh = card(subscribers(), &samples, day(43.0));
    assert_eq!((fresh.stale, fresh.status), (false, Status::OnTrack));
    let second = jiff::SignedDuration::from_secs(1);
    let stale = card(subscribers(), &samples, day(43.0) + second);
    assert_eq!((stale.stale, stale.status), (true, Status::Stale));
    assert_eq!(stale.value, Some((910.0, day(40.0))));
    assert_eq!(
        (stale.progress_raw, stale.progress, stale.pace),
        (None, None, None)
    );
    assert_eq!((stale.baseline, stale.target), (Some(640.0), Some(1000.0)));
}

/// Now in days, the value judged, its status.
#[test]
fn the_clock_of_a_cycle_stops_at_its_end() {
    let samples = record(&[(-1.0, 600.0), (89.0, 940.0), (91.0, 999.0)]);
    for (now, value, status) in [
        (-0.5, Some(600.0), Status::Pending),
        (0.5, Some(600.0), Status::AtRisk),
        (90.0, Some(940.0), Status::OnTrack),
        (96.9, Some(940.0), Status::OnTrack),
        (97.0, Some(940.0), Status::Closed),
        (400.0, Some(940.0), Status::Closed),
    ] {
        let judged = card(subscribers(), &samples, day(now));
        assert_eq!(
            (judged.value.map(|v| v.0), judged.status),
            (value, status),
            "{now}"
        );
        assert!(!judged.stale, "{now}");
    }
    // Late news of the last day is taken until the cycle has settled, and the score stays after.
    let late = card(
        subscribers(),
        &record(&[(50.0, 700.0), (90.0, 1001.0)]),
        day(96.0),
    );
    assert_eq!(late.status, Status::AtTarget);
    // A value too old while the cycle ran is the final one all the same.
    let old = record(&[(20.0, 820.0)]);
    assert_eq!(card(subscribers(), &old, day(96.0)).status, Status::Stale);
    let closed = card(subscribers(), &old, day(97.0));
    assert_eq!(
        (closed.status, closed.stale, closed.progress),
        (Status::Closed, false, Some(0.5))
    );
}

#[test]
fn the_first_measurement_of_the_cycle_is_the_frozen_baseline() {
    let first = |target| KeyResult {
        aim: reach(Baseline::First, target),
        ..subscribers()
    };
    let share = || first(Target::Share(0.5));
    let before = card(share(), &record(&[(-2.0, 1.0)]), day(0.5));
    assert_eq!(
        (before.status, before.baseline, before.progress),
        (Status::Measuring, None, None)
    );
    let samples = record(&[(-2.0, 1.0), (0.0, 100.0), (44.0, 125.0)]);
    let judged = card(share(), &samples, day(45.0));
    assert_eq!((judged.baseline, judged.target), (Some(100.0), Some(150.0)));
    assert_eq!(
        (judged.progress, judged.direction),
        (Some(0.5), Direction::Increase)
    );
    // A value told later for an earlier instant moves nothing; another word on that very instant does.
    let mut told = samples.clone();
    told.frozen = Some(told.series.points()[1]);
    let point = |at: f64, value| Point {
        as_of: day(at),
        value,
    };
    let cycle = quarter();
    told.enter(point(46.0, 130.0), &cycle, true);
    told.enter(point(-1.0, 20.0), &cycle, true);
    assert_eq!(card(share(), &told, day(47.0)).baseline, Some(100.0));
    let mut late = record(&[]);
    late.enter(point(5.0, 100.0), &cycle, true);
    late.enter(point(2.0, 7.0), &cycle, true);
    let judged = card(share(), &late, day(6.0));
    assert_eq!((judged.baseline, judged.target), (Some(100.0), Some(150.0)));
    late.enter(point(5.0, 110.0), &cycle, true);
    assert_eq!(card(share(), &late, day(6.0)).baseline, Some(110.0));
    // The direction of an absolute target is known once the baseline is.
    let falling = || first(Target::Absolute(50.0));
    assert_eq!(
        card(falling(), &record(&[]), day(1.0)).direction,
        Direction::Unknown
    );
    assert_eq!(
        card(falling(), &samples, day(45.0)).direction,
        Direction::Decrease
    );
    // What is measured only after the instant judged at is not known yet.
    assert_eq!(card(share(), &samples, day(-1.0)).baseline, None);
    // A baseline of zero has no percentage.
    let nowhere = card(share(), &record(&[(1.0, 0.0)]), day(2.0));
    assert_eq!(
        (nowhere.status, nowhere.baseline, nowhere.target),
        (Status::Measuring, Some(0.0), None)
    );
}

/// Now in days, when the card changes next by itself: the value of day 44 is believed for three days.
#[test]
fn a_card_turns_when_its_value_gets_too_old_and_at_the_edges_of_its_cycle() {
    let samples = record(&[(-5.0, 1.0), (44.0, 910.0)]);
    let soon = SignedDuration::from_millis(1);
    for (now, turn) in [
        (-4.0, Some(day(-2.0) + soon)),
        (-1.0, Some(day(0.0))),
        (45.0, Some(day(47.0) + soon)),
        (47.0, Some(day(47.0) + soon)),
        (48.0, Some(day(90.0))),
        (90.0, Some(day(97.0))),
        (97.0, None),
    ] {
        let card = card(subscribers(), &samples, day(now));
        assert_eq!(turns(&card, &quarter(), day(now)), turn, "{now}");
        let Some(turn) = turn else { continue };
        let (before, at) = (turn - soon, |at| {
            let card = self::card(subscribers(), &samples, at);
            (card.status, card.stale)
        });
        assert_eq!(at(before), (card.status, card.stale), "{now}");
    }
}

#[test]
fn a_status_keeps_its_date_while_it_lasts() {
    let mut known = record(&[(44.0, 910.0)]);
    known.status_since = Some((Status::OnTrack, day(12.0)));
    assert_eq!(
        card(subscribers(), &known, day(45.0)).status_since,
        day(12.0)
    );
    known.status_since = Some((Status::AtRisk, day(12.0)));
    assert_eq!(
        card(subscribers(), &known, day(45.0)).status_since,
        day(45.0)
    );
    assert_eq!(
        card(subscribers(), &record(&[]), day(45.0)).status_since,
        day(45.0)
    );
}

#[test]
fn a_target_met_before_half_of_the_time_may_be_too_safe() {
    let safe = |value: f64, now: f64| {
        let card = card(subscribers(), &record(&[(now, value)]), day(now));
        assert_eq!(
            ENGLISH.reason(&card).contains("may be too safe"),
            card.may_be_too_safe && card.status == Status::AtTarget
        );
        card.may_be_too_safe
    };
    assert!(safe(1001.0, 44.9));
    assert!(!safe(1001.0, 45.0));
    assert!(!safe(999.0, 20.0));
    assert!(!safe(1001.0, -1.0), "the cycle has not begun");
}

#[test]
fn confidence_that_contradicts_the_status_is_told() {
    let mut known = record(&[(44.0, 650.0)]);
    known.confidence = Some(0.8);
    let judged = card(subscribers(), &known, day(45.0));
    assert_eq!(
        (judged.status, judged.confidence),
        (Status::OffTrack, Some(0.8))
    );
    assert!(judged.is_contradicted());
    known.confidence = Some(0.3);
    assert!(!card(subscribers(), &known, day(45.0)).is_contradicted());
}

/// Key result, samples, now in days, the sentence.
#[test]
fn the_reason_is_one_sentence_with_the_numbers_of_the_card() {
    let first = |target| KeyResult {
        aim: reach(Baseline::First, target),
        ..subscribers()
    };
    let share = KeyResult {
        aim: reach(Baseline::Fixed(12.5), Target::Absolute(10.0)),
        ..key_result("more/bounces", "%", at_most(1.0))
    };
    let tight = KeyResult {
        aim: Aim::Hold(Hold {
            band: Band::Between(0.5, 0.75),
            strict: true,
            compliance: 1.0,
            score_by: ScoreBy::Time,
        }),
        ..key_result("more/load", "", at_most(1.0))
    };
    type Row<'a> = (KeyResult, &'a [(f64, f64)], f64, &'a str);
    let rows: Vec<Row<'_>> = vec![
        (subscribers(), &[], -1.0, "The cycle begins on 2026-01-01."),
        (subscribers(), &[], 5.0, "Nothing has been measured yet."),
        (
            subscribers(),
            &[(1.25, 780.0)],
            5.0,
            "The last value, 780 subscribers, dates from 2026-01-02 06:00, and a value counts for 3 days.",
        ),
        (
            first(Target::Share(0.3)),
            &[(-1.0, 5.0)],
            0.5,
            "The first measurement of the cycle will be the baseline.",
        ),
        (
            first(Target::Share(0.3)),
            &[(0.0, 0.0)],
            0.5,
            "The baseline is 0 subscribers, of which a percentage leads nowhere; the target must be an absolute number.",
        ),
        (
            first(Target::Absolute(7.0)),
            &[(0.0, 7.0)],
            0.5,
            "The baseline is 7 subscribers, the same as the target, so there is no way to go.",
        ),
        (
            subscribers(),
            &[(44.0, 1001.0)],
            45.0,
            "1,001 subscribers is past the target of 1,000.",
        ),
        (
            share.clone(),
            &[(44.0, 10.0)],
            45.0,
            "10\u{a0}% meets the target of 10.",
        ),
        (
            subscribers(),
            &[(4.0, 649.0)],
            4.5,
            "It is too early to tell: 649 subscribers is 3\u{a0}% of the way from 640 to 1,000, and 5\u{a0}% of the cycle has passed.",
        ),
        (
            subscribers(),
            &[(4.0, 604.0)],
            4.5,
            "604 subscribers is further from the target of 1,000 than the baseline of 640; an aspirational objective is on pace at 4\u{a0}% by now.",
        ),
        (
            subscribers(),
            &[(44.0, 910.0)],
            45.0,
            "910 subscribers is 75\u{a0}% of the way from 640 to 1,000; an aspirational objective is on pace at 35\u{a0}% by now.",
        ),
        (
            share,
            &[(44.0, 12.49)],
            45.0,
            "12.49\u{a0}% is less than 1\u{a0}% of the way from 12.5 to 10; an aspirational objective is on pace at 35\u{a0}% by now.",
        ),
        (
            complaints(),
            &[(0.0, 250.0), (2.0, 320.0), (5.0, 280.0)],
            10.0,
            "280 complaints lies within the agreed band (at most 300), which held for 70\u{a0}% of the known time; 67\u{a0}% of the time allowed outside is left.",
        ),
        (
            tight,
            &[(0.0, 0.625), (2.0, 0.75)],
            10.0,
            "0.75 lies outside the agreed band (strictly between 0.5 and 0.75), which held for 20\u{a0}% of the known time; the time allowed outside is spent.",
        ),
        (
            subscribers(),
            &[(44.0, 910.0)],
            100.0,
            "The cycle is over: 910 subscribers is 75\u{a0}% of the way from 640 to 1,000. Its score is 0.8, strong.",
        ),
        (
            complaints(),
            &[(0.0, 250.0), (45.0, 350.0)],
            100.0,
            "The cycle is over: the value was at most 300 for 50\u{a0}% of the known time, and 90\u{a0}% was agreed. Its score is 0.5, missed: look for the cause in target, capacity or focus.",
        ),
        (
            subscribers(),
            &[],
            100.0,
            "The cycle is over and nothing was measured.",
        ),
        (
            key_result(
                "more/odd",
                "",
                reach(Baseline::Fixed(0.0), Target::Absolute(1e-3)),
            ),
            &[(44.0, f64::MAX)],
            100.0,
            "The cycle is over: 1.7977e308 is 1.7977e308\u{a0}% of the way from 0 to 0.001. Its score is 1.0, too easy: the target was not ambitious enough.",
        ),
    ];
    for (key_result, samples, now, sentence) in rows {
        assert_eq!(
            ENGLISH.reason(&card(key_result, &record(samples), day(now))),
            sentence
        );
    }
    let mut failing = record(&[]);
    failing.last_attempt = Some(LastAttempt {
        at: day(1.0),
        fault: Some((FaultClass::Auth, "the site refuses the token".into())),
    });
    assert_eq!(
        ENGLISH.reason(&card(subscribers(), &failing, day(5.0))),
        "Nothing has been measured yet; the newest attempt failed (auth)."
    );
}

/// Value at half of the cycle, the sentence where the pace is a gap.
#[test]
fn a_gap_is_told_in_points() {
    let terms = Terms {
        ambition: Ambition::Aspirational,
        method: Method {
            pace: PaceBy::Gap,
            ..Method::default()
        },
    };
    for (value, status, sentence) in [
        (
            780.0,
            Status::AtRisk,
            "780 subscribers is 39\u{a0}% of the way from 640 to 1,000, 11 points behind the 50\u{a0}% that the plan expects by now.",
        ),
        (
            824.0,
            Status::OnTrack,
            "824 subscribers is 51\u{a0}% of the way from 640 to 1,000, 1 point ahead of the 50\u{a0}% that the plan expects by now.",
        ),
        (
            820.0,
            Status::OnTrack,
            "820 subscribers is 50\u{a0}% of the way from 640 to 1,000, as much as the plan expects by now, 50\u{a0}%.",
        ),
        (
            604.0,
            Status::OffTrack,
            "604 subscribers is further from the target of 1,000 than the baseline of 640, 60 points behind the 50\u{a0}% that the plan expects by now.",
        ),
    ] {
        let kr = Arc::new(subscribers());
        let known = record(&[(44.0, value)]);
        let judged = judge(&kr, terms, &quarter(), Some(&known), day(45.0));
        let reason = ENGLISH.reason(&judged);
        assert_eq!((judged.status, reason.as_str()), (status, sentence));
        let planned = judged.planned(Ambition::Aspirational);
        assert!(
            planned.is_some_and(|q| (q - 0.5).abs() < 1e-9),
            "{planned:?}"
        );
    }
}

#[test]
fn f23_a_note_stands_beside_its_own_number_only() {
    let mut noted = record(&[(1.0, 700.0), (2.0, 720.0)]);
    let mut told = |at: f64| {
        noted.note = Some((day(at), "a part may be missing".into()));
        card(subscribers(), &noted, day(5.0)).note.clone()
    };
    assert_eq!(told(2.0).as_deref(), Some("a part may be missing"));
    assert_eq!(told(1.0), None, "another number is shown by now");
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        -1e3..1e3,
        any::<f64>(),
        prop::sample::select(vec![0.0, f64::MAX, f64::MIN, 5e-324]),
    ]
}

fn any_aim() -> impl Strategy<Value = Aim> {
    let baseline = prop_oneof![Just(Baseline::First), number().prop_map(Baseline::Fixed)];
    let target = prop_oneof![
        number().prop_map(Target::Absolute),
        number().prop_map(Target::Share),
        number().prop_map(Target::Plus),
    ];
    let band = prop_oneof![
        number().prop_map(Band::AtLeast),
        number().prop_map(Band::AtMost),
        (number(), number()).prop_map(|(a, b)| Band::Between(a, b)),
    ];
    prop_oneof![
        (baseline, target, any::<bool>()).prop_map(|(baseline, target, strict)| Aim::Reach(
            Reach {
                baseline,
                target,
                strict,
                anchors: None
            }
        )),
        (
            band,
            any::<bool>(),
            prop_oneof![0.0..=1.0, Just(1.0), Just(0.0)]
        )
            .prop_map(|(band, strict, compliance)| Aim::Hold(Hold {
                band,
                strict,
                compliance,
                score_by: ScoreBy::Time
            })),
        (1_u32..40).prop_map(Aim::Baseline),
        Just(Aim::Done),
        any_milestones().prop_map(Aim::Milestones),
    ]
}

fn any_milestones() -> impl Strategy<Value = Milestones> {
    let day = || prop::option::of((-5.0..95.0).prop_map(day));
    let step = (day(), 1e-3..1e9, day()).prop_map(|(due, weight, done)| Milestone {
        title: "step".into(),
        due,
        weight,
        done,
    });
    prop::collection::vec(step, 1..6).prop_map(|steps| Milestones::new(steps).unwrap())
}

fn any_way() -> impl Strategy<Value = Aim> {
    let ends = (-1e6..1e6, -1e6..1e6, any::<bool>()).prop_map(|(from, to, strict)| Reach {
        strict,
        ..Reach::straight(from, Target::Absolute(to))
    });
    let steps = prop::collection::vec((1e-3..1e3, 1e-3..1.0), 1..5);
    let anchored = (-1e6..1e6, steps, any::<bool>()).prop_map(|(from, steps, falls)| {
        let whole: f64 = steps.iter().map(|(_, share)| share).sum();
        let (mut value, mut share) = (from, 0.0);
        let mut points = vec![(from, 0.0)];
        for (step, part) in &steps {
            value += if falls { -step } else { *step };
            share += part / whole;
            points.push((value, share));
        }
        points.last_mut().unwrap().1 = 1.0;
        let anchors = Anchors::new(&points).unwrap();
        Reach {
            anchors: Some(anchors),
            ..Reach::straight(from, Target::Absolute(value))
        }
    });
    prop_oneof![ends, anchored].prop_map(Aim::Reach)
}

proptest! {
    /// Whatever was agreed and measured, whenever it is judged: no NaN, shares within 0..1, one fitting status.
    #[test]
    fn a_card_is_always_sound(
        aim in any_aim(),
        samples in prop::collection::vec((-20.0..120.0, number()), 0..12),
        stale_after in 0_u64..100,
        now in -20.0..120.0,
        committed: bool,
    ) {
        let ambition = if committed { Ambition::Committed } else { Ambition::Aspirational };
        let kr = Arc::new(KeyResult { stale_after: days(stale_after), ..key_result("o/k", "x", aim) });
        let card = judge(&kr, ambition.into(), &quarter(), Some(&record(&samples)), day(now));

        let figures = [
            card.value.map(|v| v.0), card.progress_raw, card.progress, card.expected_progress,
            card.expected_value, card.compliance, card.coverage, card.budget_left, card.pace, card.target,
        ];
        prop_assert!(figures.iter().flatten().all(|x| x.is_finite()), "{:?}", card);
        for share in [card.progress, card.expected_progress, card.compliance, card.coverage] {
            prop_assert!(share.is_none_or(|s| (0.0..=1.0).contains(&s)), "{:?}", card);
        }
        prop_assert_eq!(card.progress.is_some(), card.progress_raw.is_some());
        prop_assert!(card.progress.is_none() || (card.value.is_some() && !card.stale));
        prop_assert!(card.value.is_none_or(|v| v.1 <= day(now)), "nothing from the future");
        match card.status {
            Status::Pending => prop_assert!(now < 0.0),
            Status::Closed => prop_assert!(now >= 97.0 && !card.stale),
            Status::NoData => prop_assert!(card.value.is_none()),
            Status::Stale => prop_assert!(card.stale && card.progress.is_none()),
            Status::Measuring => {
                let collects = matches!(card.key_result.aim, Aim::Baseline(_));
                prop_assert!(card.progress.is_none() || collects);
            }
            _ => prop_assert!(card.progress.is_some()),
        }
        for language in Language::ALL {
            let reason = Tongue::of(language).reason(&card);
            prop_assert!(reason.ends_with('.') && !reason.contains('\n') && reason.len() < 400, "{reason}");
            prop_assert!(!reason.contains("NaN") && !reason.contains("inf"), "{reason}");
        }
    }

    /// A value further on the way never makes less progress, straight or by anchors, rising or falling.
    #[test]
    fn progress_is_monotone_in_the_value(aim in any_way(), a in -2e6..2e6, b in -2e6..2e6) {
        let of = |value: f64| card(key_result("o/k", "x", aim.clone()), &record(&[(1.0, value)]), day(2.0));
        let (low, high) = (of(f64::min(a, b)), of(f64::max(a, b)));
        let (less, more) = match low.direction {
            Direction::Decrease => (high, low),
            _ => (low, high),
        };
        prop_assert!(less.progress_raw <= more.progress_raw, "{less:?} {more:?}");
        prop_assert!(less.progress <= more.progress);
    }

    /// What is shown as progress is the raw share or, beyond the ends of the way, the nearer end: never more than was made,
    /// except that nobody stands behind the start.
    #[test]
    fn clamping_never_raises(aim in any_aim(), value in number()) {
        let card = card(key_result("o/k", "x", aim), &record(&[(1.0, value)]), day(2.0));
        if let (Some(raw), Some(shown)) = (card.progress_raw, card.progress) {
            prop_assert!(shown <= raw || shown == 0.0, "{shown} of {raw}");
            prop_assert!(shown >= raw || shown == 1.0, "{shown} of {raw}");
        }
    }

    /// In whatever order samples come in, the card is the same.
    #[test]
    fn the_order_of_samples_does_not_matter(
        aim in any_aim(),
        (given, mixed) in prop::collection::btree_map(-20_i32..120, number(), 0..12).prop_flat_map(|samples| {
            let samples: Vec<(f64, f64)> = samples.into_iter().map(|(day, v)| (f64::from(day), v)).collect();
            (Just(samples.clone()), Just(samples).prop_shuffle())
        }),
        now in -20.0..120.0,
    ) {
        let of = |samples: &[(f64, f64)]| {
            card(key_result("o/k", "x", aim.clone()), &record(samples), day(now))
        };
        prop_assert_eq!(of(&given), of(&mixed));
    }
}
