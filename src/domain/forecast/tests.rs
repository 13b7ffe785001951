//! Forecasts as a whole: the method's vectors through the days of a record, the rules under which there is none, and what
//! people read.

use super::*;
use crate::domain::example::{at_most, day, days as length, key_result, quarter, record};
use crate::domain::history::Record;
use crate::domain::target::{Baseline, Reach, Target};
use crate::words::ENGLISH;
use proptest::prelude::*;

const SUBSCRIBERS: [f64; 7] = [640.0, 655.0, 690.0, 700.0, 735.0, 742.0, 780.0];

fn reach(baseline: f64, target: f64) -> Aim {
    Aim::Reach(Reach {
        baseline: Baseline::Fixed(baseline),
        target: Target::Absolute(target),
        strict: false,
        anchors: None,
    })
}

fn of_kind(kind: Kind, unit: &str, baseline: f64, target: f64) -> KeyResult {
    KeyResult {
        kind,
        stale_after: length(9),
        ..key_result("more/subscribers", unit, reach(baseline, target))
    }
}

fn subscribers(kind: Kind) -> KeyResult {
    of_kind(kind, "subscribers", 640.0, 1000.0)
}

/// One value a week from day 0 on.
fn weekly(values: &[f64]) -> Record {
    let weeks = (0..).map(|week| 7.0 * f64::from(week));
    record(&weeks.zip(values.iter().copied()).collect::<Vec<_>>())
}

/// One value a day from day 0 on.
fn daily(values: &[f64]) -> Record {
    record(
        &(0..)
            .map(f64::from)
            .zip(values.iter().copied())
            .collect::<Vec<_>>(),
    )
}

fn outlook<'a>(
    key_result: &'a KeyResult,
    cycle: &'a Cycle,
    record: &Record,
    now: f64,
) -> Outlook<'a> {
    let newest = record.series.latest(day(now));
    let too_old = |p: crate::domain::history::Point| {
        day(now).duration_since(p.as_of).unsigned_abs() > key_result.stale_after
    };
    let way = match &key_result.aim {
        Aim::Reach(reach) => match reach.baseline {
            Baseline::Fixed(baseline) => Way::from(reach, baseline).ok(),
            Baseline::First => None,
        },
        Aim::Hold(_) | Aim::Milestones(_) | Aim::Done | Aim::Baseline(_) => None,
    };
    Outlook {
        key_result,
        cycle,
        way,
        value: newest.map(|p| p.value),
        stale: newest.is_some_and(too_old),
        planned: cycle.elapsed(day(now)),
        counts: None,
        now: day(now),
    }
}

fn forecast(key_result: &KeyResult, record: &Record, now: f64) -> Result<Forecast, NoForecast> {
    let cycle = quarter();
    let trend = Trend::draw(key_result, &cycle, &record.series, day(now));
    outlook(key_result, &cycle, record, now).forecast(&trend)
}

fn rate(key_result: &KeyResult, record: &Record, now: f64) -> Option<Rate> {
    let cycle = quarter();
    let forecast = forecast(key_result, record, now).ok();
    outlook(key_result, &cycle, record, now).rate(forecast.as_ref())
}

fn close(found: f64, expected: f64) -> bool {
    (found - expected).abs() < 1e-6
}

#[test]
fn the_vectors_come_out_of_the_days() {
    let measured = weekly(&SUBSCRIBERS);
    let line = forecast(&subscribers(Kind::Level), &measured, 42.0).unwrap();
    assert!(close(line.value, 929.285_714_3) && close(line.progress, 0.803_571_4));
    assert!(close(line.low.unwrap(), 847.857_142_9) && close(line.high.unwrap(), 1045.0));
    assert!(close(line.per_day, 3.214_285_7));
    assert_eq!((line.method, line.weak), (Method::TheilSen, false));

    let flow = forecast(&subscribers(Kind::Cumulative), &measured, 42.0).unwrap();
    assert!(close(flow.value, 940.0) && close(flow.progress, 0.833_333_3));
    assert!(close(flow.per_day, 3.333_333_3));
    assert_eq!(
        (flow.low, flow.high, flow.method),
        (None, None, Method::RunRate)
    );
}

/// b 640, t 1000, v 780 on day 42 of 90.
#[test]
fn needed_and_actual_rate_match_the_vector() {
    let measured = weekly(&SUBSCRIBERS);
    let flow = rate(&subscribers(Kind::Cumulative), &measured, 42.0).unwrap();
    assert!(close(flow.needed, 220.0 / 48.0) && (flow.needed - 4.5833).abs() < 5e-5);
    assert!(close(flow.actual.unwrap(), 140.0 / 42.0));
    assert!(close(flow.ratio.unwrap(), 1.375));
    // The line has a slope of its own.
    let level = rate(&subscribers(Kind::Level), &measured, 42.0).unwrap();
    assert!(close(level.ratio.unwrap(), level.needed / 3.214_285_714));
}

#[test]
fn a_rate_that_leads_nowhere_has_no_ratio() {
    for (values, actual) in [
        ([640.0; 15], 0.0),
        (std::array::from_fn(|i| 640.0 - 2.0 * small(i)), -2.0),
    ] {
        let found = rate(&subscribers(Kind::Level), &daily(&values), 14.5).unwrap();
        assert!(found.needed > 0.0 && found.ratio.is_none(), "{found:?}");
        assert_eq!(found.actual, Some(actual));
    }
    // Down is the way to go when the target lies below.
    let falling = of_kind(Kind::Level, "hours", 40.0, 4.0);
    let values: [f64; 15] = std::array::from_fn(|i| 40.0 - small(i));
    let found = rate(&falling, &daily(&values), 15.0).unwrap();
    assert!(
        found.needed < 0.0 && close(found.ratio.unwrap(), 22.0 / 75.0),
        "{found:?}"
    );
    // Without a forecast it is known what is needed.
    let early = rate(&subscribers(Kind::Level), &daily(&[640.0, 700.0]), 2.0).unwrap();
    assert_eq!(
        (early.needed, early.actual, early.ratio),
        (300.0 / 88.0, None, None)
    );
    // Nothing is needed of what is stale, closed or never measured.
    let kr = subscribers(Kind::Level);
    assert_eq!(rate(&kr, &daily(&[640.0]), 12.0), None);
    assert_eq!(rate(&kr, &daily(&values), 90.0), None);
    assert_eq!(rate(&kr, &Record::default(), 12.0), None);
}

fn small(i: usize) -> f64 {
    f64::from(u32::try_from(i).unwrap())
}

/// Values from day 0 on, one a day, except where days are named.
#[test]
fn every_reason_for_no_forecast_has_its_sentence() {
    let level = subscribers(Kind::Level);
    let rising: Vec<f64> = (0..40).map(|i| 640.0 + f64::from(i)).collect();
    let spread = record(&[(0.0, 1.0), (3.0, 2.0), (6.0, 3.0), (9.0, 4.0), (14.0, 5.0)]);
    let first = KeyResult {
        aim: Aim::Reach(Reach {
            baseline: Baseline::First,
            target: Target::Share(0.5),
            strict: false,
            anchors: None,
        }),
        ..level.clone()
    };
    let hold = KeyResult {
        aim: at_most(300.0),
        ..level.clone()
    };
    let mut huge: Vec<f64> = vec![f64::MIN; 8];
    huge.extend([f64::MAX; 8]);
    for (key_result, record, now, expected) in [
        (
            &hold,
            daily(&rising[..20]),
            20.0,
            "A level to hold has no forecast.",
        ),
        (
            &level,
            daily(&rising),
            -1.0,
            "There is a forecast only while the cycle runs.",
        ),
        (
            &level,
            daily(&rising),
            90.0,
            "There is a forecast only while the cycle runs.",
        ),
        (
            &level,
            daily(&rising[..20]),
            29.0,
            "No forecast: the last value is too old.",
        ),
        (
            &level,
            Record::default(),
            29.0,
            "No forecast yet: measured on 0 days, 6 are needed.",
        ),
        (
            &level,
            daily(&rising[..1]),
            1.0,
            "No forecast yet: measured on 1 day, 6 are needed.",
        ),
        (
            &level,
            spread,
            15.0,
            "No forecast yet: measured on 5 days, 6 are needed.",
        ),
        (
            &level,
            daily(&rising[..14]),
            14.0,
            "No forecast yet: from the first measured day to the last it is 13 days, 14 are needed.",
        ),
        (
            &first,
            daily(&rising[..20]),
            20.0,
            "No forecast yet: the way from the baseline to the target is not known.",
        ),
        (
            &level,
            daily(&huge),
            16.0,
            "No forecast: the numbers are too large to be carried on.",
        ),
    ] {
        let found = forecast(key_result, &record, now).unwrap_err();
        assert_eq!(ENGLISH.no_forecast(found), expected);
    }
    assert!(forecast(&level, &daily(&rising[..15]), 14.0).is_ok());
    // Of a longer cycle a larger part must be measured.
    let year = Cycle::new(
        quarter().name,
        quarter().first_day,
        jiff::civil::date(2026, 12, 31),
        quarter().zone,
    )
    .unwrap();
    let record = daily(&rising);
    let trend = Trend::draw(&level, &year, &record.series, day(40.0));
    let found = outlook(&level, &year, &record, 40.0).forecast(&trend);
    assert_eq!(found, Err(NoForecast::ShortSpan(39.0, 55.0)));
    // A plan that begins late leaves nothing to divide by.
    let flow = subscribers(Kind::Cumulative);
    let cycle = quarter();
    let late = Outlook {
        planned: 0.05,
        ..outlook(&flow, &cycle, &record, 39.0)
    };
    let trend = Trend::draw(&flow, &cycle, &record.series, day(39.0));
    assert_eq!(late.forecast(&trend), Err(NoForecast::TooEarly));
}

/// A year of which 15 % are whole days: 100 days from the start of the quarter.
fn hundred_days() -> Cycle {
    let quarter = quarter();
    let last = jiff::civil::date(2026, 4, 10);
    Cycle::new(quarter.name, quarter.first_day, last, quarter.zone).unwrap()
}

/// Each gate exactly at its edge, and just before it.
#[test]
fn six_days_suffice_and_five_do_not() {
    let level = subscribers(Kind::Level);
    let mut samples = vec![(0.0, 640.0), (3.0, 650.0), (6.0, 660.0), (9.0, 670.0)];
    samples.push((14.0, 690.0));
    // A second value on a day is no second day.
    samples.push((14.5, 691.0));
    let found = forecast(&level, &record(&samples), 15.0);
    assert_eq!(found, Err(NoForecast::FewDays(5)));
    samples.push((12.0, 680.0));
    assert!(forecast(&level, &record(&samples), 15.0).is_ok());
}

#[test]
fn a_span_of_fourteen_days_suffices_and_of_thirteen_does_not() {
    let level = subscribers(Kind::Level);
    // Late on the first day and early on the last: days count, not hours.
    let spread = |last| record(&[0.9, 3.0, 6.0, 9.0, 12.0, last].map(|at| (at, 640.0 + at)));
    let found = forecast(&level, &spread(13.9), 14.0);
    assert_eq!(found, Err(NoForecast::ShortSpan(13.0, 14.0)));
    assert!(forecast(&level, &spread(14.0), 14.0).is_ok());
}

#[test]
fn fifteen_percent_of_the_cycle_suffice_and_less_does_not() {
    let (level, cycle) = (subscribers(Kind::Level), hundred_days());
    let rising: Vec<f64> = (0..16).map(|i| 640.0 + f64::from(i)).collect();
    for (measured, expected) in [(15, Some(NoForecast::ShortSpan(14.0, 15.0))), (16, None)] {
        let record = daily(&rising[..measured]);
        let trend = Trend::draw(&level, &cycle, &record.series, day(15.0));
        let found = outlook(&level, &cycle, &record, 15.0).forecast(&trend);
        assert_eq!(found.err(), expected);
    }
}

#[test]
fn a_value_of_exactly_the_believed_age_is_not_stale() {
    // Believed for nine days.
    let (level, record) = (subscribers(Kind::Level), daily(&[640.0; 20]));
    let second = 1.0 / 86_400.0;
    assert!(forecast(&level, &record, 19.0 + 9.0).is_ok());
    let found = forecast(&level, &record, 19.0 + 9.0 + second);
    assert_eq!(found, Err(NoForecast::Stale));
}

#[test]
fn weak_begins_where_more_than_twice_the_span_lies_ahead() {
    // Measured at six each morning of 30 days.
    let mornings: Vec<_> = (0..30).map(|d| (f64::from(d) + 0.25, 640.0)).collect();
    let (level, record, second) = (subscribers(Kind::Level), record(&mornings), 1.0 / 86_400.0);
    // The span is 29 days, and 58 lie ahead.
    assert!(!forecast(&level, &record, 32.0).unwrap().weak);
    assert!(forecast(&level, &record, 32.0 - second).unwrap().weak);
}

/// Trailing days: no forecast before the second window is over, however many days were measured.
#[test]
fn a_window_has_no_forecast_in_its_first_two_windows() {
    use crate::domain::window::Window;
    let second = 1.0 / 86_400.0;
    let values: Vec<f64> = (0..70).map(|i| 640.0 + f64::from(i)).collect();
    let of = |window| KeyResult {
        window,
        ..subscribers(Kind::Window)
    };
    for (window, until, sentence) in [
        (
            Window::LastDays(30),
            60.0,
            "No forecast yet: each value looks back over 30 days, and the cycle must run for twice as long.",
        ),
        (
            Window::PreviousMonth,
            62.0,
            "No forecast yet: each value looks back over 31 days, and the cycle must run for twice as long.",
        ),
    ] {
        let key_result = of(Some(window));
        let found = forecast(&key_result, &daily(&values), until - second).unwrap_err();
        assert_eq!(ENGLISH.no_forecast(found), sentence);
        assert!(found.is_to_come());
        assert!(
            forecast(&key_result, &daily(&values), until).is_ok(),
            "{window}"
        );
    }
    // Short windows end before the other gates open; of a length that nobody named nothing is known.
    assert!(forecast(&of(Some(Window::LastDays(7))), &daily(&values[..15]), 14.0).is_ok());
    assert!(forecast(&of(None), &daily(&values[..15]), 14.0).is_ok());
    // What begins anew each month is a saw; the year to date goes through the quarter in one piece.
    let saw = forecast(&of(Some(Window::MonthToDate)), &daily(&values), 70.0).unwrap_err();
    assert_eq!(saw, NoForecast::BeginsAnew);
    assert_eq!(
        ENGLISH.no_forecast(saw),
        "No forecast: the number begins anew within the cycle, so no line through its days leads to the end."
    );
    assert!(!saw.is_to_come());
    for window in [
        Window::CycleToDate,
        Window::QuarterToDate,
        Window::YearToDate,
    ] {
        assert!(
            forecast(&of(Some(window)), &daily(&values), 70.0).is_ok(),
            "{window}"
        );
    }
}

/// What is counted up only falls when it is corrected: that is told, and the run-rate goes on with the newest value.
#[test]
fn a_flow_that_was_corrected_downward_is_told_and_is_no_new_beginning() {
    let flow = subscribers(Kind::Cumulative);
    let mut values: Vec<f64> = (0..43).map(|i| 640.0 + 4.0 * f64::from(i)).collect();
    let steady = forecast(&flow, &daily(&values), 42.0).unwrap();
    assert_eq!(steady.corrected, None);
    // On day 20 ten fewer than the day before, on day 40 thirty fewer.
    for value in &mut values[20..] {
        *value -= 14.0;
    }
    for value in &mut values[40..] {
        *value -= 34.0;
    }
    let found = forecast(&flow, &daily(&values), 42.0).unwrap();
    assert_eq!(found.corrected, Some(jiff::civil::date(2026, 2, 10)));
    let expected = 640.0 + (values[42] - 640.0) / (42.0 / 90.0);
    assert!(close(found.value, expected), "{found:?}");
    let sentence = ENGLISH.forecast(&found, "subscribers");
    assert!(
        sentence.ends_with("; it was corrected downward on 2026-02-10."),
        "{sentence}"
    );
    // A stock may fall, and where the target lies below to fall is the way to go.
    let trend = |key_result: &KeyResult| {
        Trend::draw(key_result, &quarter(), &daily(&values).series, day(42.0)).corrected()
    };
    assert_eq!(trend(&subscribers(Kind::Level)), None);
    assert_eq!(
        trend(&of_kind(Kind::Cumulative, "hours", 1000.0, 10.0)),
        None
    );
    // The last digit of a sum is no correction.
    let jitter: Vec<f64> = (0..20).map(|i| 0.3 - 1e-16 * f64::from(i)).collect();
    assert_eq!(
        forecast(&flow, &daily(&jitter), 20.0).unwrap().corrected,
        None
    );
}

/// 100 on weekdays and 40 at the weekend, all level: least squares would lean wherever the days do not make whole weeks,
/// the median does not.
#[test]
fn days_of_the_week_do_not_bend_the_line() {
    let key_result = of_kind(Kind::Level, "users", 50.0, 200.0);
    let weekday = |d: u32| {
        quarter()
            .first_day
            .checked_add(jiff::Span::new().days(i64::from(d)))
    };
    for measured in 15..40 {
        let values: Vec<f64> = (0..measured)
            .map(
                |d| match weekday(d).unwrap().weekday().to_monday_zero_offset() {
                    5 | 6 => 40.0,
                    _ => 100.0,
                },
            )
            .collect();
        let found = forecast(&key_result, &daily(&values), f64::from(measured)).unwrap();
        assert_eq!(
            (found.per_day, found.value),
            (0.0, 100.0),
            "{measured} days"
        );
    }
}

#[test]
fn the_rate_is_one_short_line_as_long_as_something_is_needed() {
    for (needed, actual, way_up, expected) in [
        (5.5, Some(2.625), true, Some("Needs 5.5 a day, makes 2.6.")),
        (4.583_33, None, true, Some("Needs 4.6 a day.")),
        (
            1234.5,
            Some(-7.0),
            true,
            Some("Needs 1,235 a day, makes -7."),
        ),
        (
            0.004_26,
            Some(0.0),
            true,
            Some("Needs 0.0043 a day, makes 0."),
        ),
        (
            -0.42,
            Some(-0.5),
            false,
            Some("Needs -0.42 a day, makes -0.5."),
        ),
        (-2.0, Some(3.0), true, None),
        (0.0, None, true, None),
        (2.0, None, false, None),
    ] {
        let rate = Rate {
            needed,
            actual,
            ratio: None,
        };
        let told = rate.still_needed(way_up).map(|rate| ENGLISH.rate(rate));
        assert_eq!(told.as_deref(), expected, "{needed}");
    }
}

/// Days measured, now, whether more than twice their span lies ahead.
#[test]
fn a_forecast_far_ahead_of_its_days_is_weak() {
    let values: Vec<f64> = (0..60).map(|i| 640.0 + f64::from(i)).collect();
    for (measured, now, weak) in [
        (31, 30.0, false),
        (30, 30.0, true),
        (15, 14.5, true),
        (60, 60.0, false),
    ] {
        let found = forecast(&subscribers(Kind::Level), &daily(&values[..measured]), now).unwrap();
        assert_eq!(found.weak, weak, "{measured} {now}");
    }
}

/// Unit, slope a day, what it comes to.
#[test]
fn a_share_never_leads_beyond_the_whole() {
    for (unit, start, slope, expected) in [
        ("", 0.5, 0.02, 1.0),
        ("", 0.5, -0.02, 0.0),
        ("%", 50.0, 2.0, 100.0),
        ("% of visits", 50.0, -2.0, 0.0),
        ("%", 20.0, 0.5, 65.0),
    ] {
        let values: Vec<f64> = (0..20).map(|i| start + slope * f64::from(i)).collect();
        let key_result = of_kind(Kind::Ratio, unit, 0.1, 0.9);
        let found = forecast(&key_result, &daily(&values), 20.0).unwrap();
        assert!(close(found.value, expected), "{unit} {slope}: {found:?}");
        let (low, high) = (found.low.unwrap(), found.high.unwrap());
        let whole = if unit.is_empty() { 1.0 } else { 100.0 };
        assert!(0.0 <= low && low <= high && high <= whole, "{found:?}");
    }
}

#[test]
fn few_events_are_told_where_they_were_counted() {
    let key_result = of_kind(Kind::Ratio, "%", 4.0, 8.0);
    let (cycle, record) = (quarter(), daily(&[6.0; 20]));
    let trend = Trend::draw(&key_result, &cycle, &record.series, day(20.0));
    let told = |counts| {
        let outlook = Outlook {
            counts,
            ..outlook(&key_result, &cycle, &record, 20.0)
        };
        let found = outlook.forecast(&trend).unwrap();
        (
            found.few_events,
            ENGLISH
                .forecast(&found, "%")
                .contains("too few events to judge"),
        )
    };
    assert_eq!(told(None), (false, false));
    assert_eq!(told(Some((12.0, 200.0))), (true, true));
    assert_eq!(told(Some((1200.0, 20_000.0))), (false, false));
}

#[test]
fn people_read_a_statement_and_no_probability() {
    let line = forecast(&subscribers(Kind::Level), &weekly(&SUBSCRIBERS), 42.0).unwrap();
    assert_eq!(
        ENGLISH.forecast(&line, "subscribers"),
        "At this pace about 929 subscribers by 2026-03-31 (80\u{a0}% of the way); plausible between 848 and 1,045."
    );
    let weak = Forecast { weak: true, ..line };
    assert!(
        ENGLISH
            .forecast(&weak, "subscribers")
            .ends_with("848 and 1,045; weak, since more than twice the measured span lies ahead.")
    );
    let back = Forecast {
        progress: -0.1,
        low: None,
        high: None,
        value: 604.04,
        ..line
    };
    assert_eq!(
        ENGLISH.forecast(&back, "%"),
        "At this pace about 604\u{a0}% by 2026-03-31 (further from the target than the baseline)."
    );
    for (way, value, expected) in [
        (24_000.0, 71_432.0, "71,400"),
        (7.0, 5.434_5, "5.43"),
        (0.02, 0.061_23, "0.0612"),
        (5e-324, 0.5, "0.5"),
        (f64::MAX, 1.0, "0"),
        (360.0, -0.2, "0"),
    ] {
        let rounded = Forecast { way, ..line }.rounded(value);
        assert_eq!(ENGLISH.number(rounded), expected, "{way}");
    }
}

fn kind() -> impl Strategy<Value = Kind> {
    prop::sample::select(vec![
        Kind::Cumulative,
        Kind::Level,
        Kind::Window,
        Kind::Ratio,
    ])
}

/// Any finite number, the awkward ones included.
fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        8 => -1e6..1e6,
        1 => any::<f64>().prop_filter("finite", |x| x.is_finite()),
        1 => prop::sample::select(vec![0.0, -0.0, f64::MAX, f64::MIN, 5e-324]),
    ]
}

proptest! {
    #[test]
    fn whatever_was_measured_a_forecast_is_sound(
        kind in kind(),
        samples in prop::collection::vec((-5.0..95.0, number()), 0..60),
        (b, t) in (number(), number()).prop_filter("a way", |(b, t)| b != t),
        now in -2.0..92.0,
    ) {
        let key_result = of_kind(kind, "things", b, t);
        let measured = record(&samples);
        if let Some(rate) = rate(&key_result, &measured, now) {
            let numbers = [Some(rate.needed), rate.actual, rate.ratio];
            prop_assert!(numbers.iter().flatten().all(|x| x.is_finite()), "{rate:?}");
            prop_assert!(rate.ratio.is_none_or(|ratio| ratio >= 0.0), "{rate:?}");
        }
        match forecast(&key_result, &measured, now) {
            Ok(found) => {
                let numbers = [Some(found.value), Some(found.progress), found.low, found.high, Some(found.per_day)];
                prop_assert!(numbers.iter().flatten().all(|x| x.is_finite()), "{found:?}");
                prop_assert!(found.low <= found.high && found.low.is_some() == found.high.is_some(), "{found:?}");
                let sentence = ENGLISH.forecast(&found, "things");
                prop_assert!(sentence.ends_with('.') && !sentence.contains("NaN") && !sentence.contains("inf"), "{sentence}");
            }
            Err(reason) => prop_assert!(ENGLISH.no_forecast(reason).ends_with('.')),
        }
    }

    #[test]
    fn the_order_in_which_values_come_does_not_matter(
        kind in kind(),
        (given, mixed) in prop::collection::btree_map(0_u32..80, -1e6..1e6, 0..40).prop_flat_map(|days| {
            let days: Vec<_> = days.into_iter().map(|(day, value)| (f64::from(day), value)).collect();
            (Just(days.clone()), Just(days).prop_shuffle())
        }),
    ) {
        let key_result = subscribers(kind);
        let (given, mixed) = (record(&given), record(&mixed));
        prop_assert_eq!(forecast(&key_result, &given, 80.0), forecast(&key_result, &mixed, 80.0));
    }

    #[test]
    fn what_stands_still_stays_where_it_is(value in -1e6..1e6, n in 15_usize..80) {
        for kind in [Kind::Level, Kind::Window] {
            let found = forecast(&subscribers(kind), &daily(&vec![value; n]), small(n)).unwrap();
            prop_assert_eq!((found.value, found.low, found.high), (value, Some(value), Some(value)));
        }
        let key_result = of_kind(Kind::Cumulative, "things", value, value + 100.0);
        let found = forecast(&key_result, &daily(&vec![value; n]), small(n)).unwrap();
        prop_assert_eq!((found.value, found.progress), (value, 0.0));
    }
}
