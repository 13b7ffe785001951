//! Schedules where the clocks change: a table of days at which they do, and rules that must hold in every zone at every
//! change.

use super::*;
use jiff::ToSpan;
use jiff::tz::TimeZoneDatabase;

fn pattern(zone: &str, pattern: &str) -> Schedule {
    let tz = TimeZoneDatabase::bundled().get(zone).unwrap();
    Schedule::parse(pattern, &tz, zone).unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// The slots after `from`, before `until`.
fn slots(schedule: &Schedule, from: Timestamp, until: Timestamp) -> Vec<Timestamp> {
    let all = std::iter::successors(schedule.next_after(from), |slot| schedule.next_after(*slot));
    all.take_while(|slot| *slot < until).collect()
}

/// Zone, pattern, and the slots from one day's noon to the next day's noon but one.
#[test]
fn f34_a_time_that_does_not_exist_runs_at_the_first_instant_after_the_gap() {
    for (zone, text, noon, expected) in [
        (
            "America/New_York",
            "30 2 * * *",
            "2026-03-07T17:00:00Z",
            ["2026-03-08T07:00:00Z", "2026-03-09T06:30:00Z"],
        ),
        (
            "Europe/Berlin",
            "30 2 * * *",
            "2026-03-28T12:00:00Z",
            ["2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"],
        ),
        (
            "Australia/Lord_Howe",
            "15 2 * * *",
            "2026-10-03T02:00:00Z",
            ["2026-10-03T15:30:00Z", "2026-10-04T15:15:00Z"],
        ),
        (
            "America/Sao_Paulo",
            "0 0 * * *",
            "2018-11-03T15:00:00Z",
            ["2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z"],
        ),
        (
            "Africa/Cairo",
            "0 0 * * *",
            "2023-04-27T10:00:00Z",
            ["2023-04-27T22:00:00Z", "2023-04-28T21:00:00Z"],
        ),
    ] {
        let schedule = pattern(zone, text);
        let until = at(noon) + SignedDuration::from_hours(47);
        assert_eq!(
            slots(&schedule, at(noon), until),
            expected.map(at),
            "{zone} {text}"
        );
    }
}

#[test]
fn f35_a_time_that_comes_twice_runs_the_first_time_only_and_quarters_keep_running() {
    for (zone, text, noon, expected) in [
        (
            "America/New_York",
            "30 1 * * *",
            "2026-10-31T16:00:00Z",
            ["2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"],
        ),
        (
            "Europe/Berlin",
            "30 2 * * *",
            "2026-10-24T10:00:00Z",
            ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"],
        ),
        (
            "Australia/Lord_Howe",
            "45 1 * * *",
            "2026-04-04T01:00:00Z",
            ["2026-04-04T14:45:00Z", "2026-04-05T15:15:00Z"],
        ),
        (
            "America/Sao_Paulo",
            "30 23 * * *",
            "2018-02-17T14:00:00Z",
            ["2018-02-18T01:30:00Z", "2018-02-19T02:30:00Z"],
        ),
        (
            "Africa/Cairo",
            "30 23 * * *",
            "2023-10-26T09:00:00Z",
            ["2023-10-26T20:30:00Z", "2023-10-27T21:30:00Z"],
        ),
    ] {
        let until = at(noon) + SignedDuration::from_hours(47);
        let found = slots(&pattern(zone, text), at(noon), until);
        assert_eq!(found, expected.map(at), "{zone} {text}");
        let quarters = slots(&pattern(zone, "*/15 * * * *"), at(noon), until);
        assert_eq!(quarters.len(), 47 * 4 - 1, "{zone}");
    }
}

/// What must hold around an instant at which the clocks of a zone change.
fn holds(zone: &str, tz: &TimeZone, change: Timestamp) {
    for (text, around) in [("*/15 * * * *", 3), ("30 2 * * *", 50), ("0 0 * * *", 50)] {
        let schedule = Schedule::parse(text, tz, zone).unwrap();
        let reach = SignedDuration::from_hours(around);
        let found = slots(&schedule, change - reach, change + reach);
        assert!(found.len() > 1, "{zone} {text} at {change}: {found:?}");
        for two in found.windows(2) {
            let (before, slot) = (two[0], two[1]);
            let what = format!("{zone} {text} at {change}: {before} {slot}");
            assert!(before < slot, "{what}");
            assert_eq!(schedule.at_or_before(slot), Some(slot), "{what}");
            let just = slot - SignedDuration::from_nanos(1);
            assert_eq!(schedule.at_or_before(just), Some(before), "{what}");
            assert_eq!(schedule.next_after(just), Some(slot), "{what}");
            let gap = slot.duration_since(before);
            if around == 3 {
                assert!(gap <= SignedDuration::from_mins(15), "{what}");
            } else {
                let day = |slot: Timestamp| slot.to_zoned(tz.clone()).date();
                assert_ne!(day(before), day(slot), "{what}: once a day");
            }
        }
    }
}

/// The instants at which clocks of a zone change in these years.
fn changes(tz: &TimeZone, years: std::ops::Range<i16>) -> Vec<Timestamp> {
    let first = jiff::civil::date(years.start, 1, 1)
        .to_zoned(TimeZone::UTC)
        .unwrap();
    let end = jiff::civil::date(years.end, 1, 1)
        .to_zoned(TimeZone::UTC)
        .unwrap();
    let all = tz
        .following(first.timestamp())
        .map(|change| change.timestamp());
    all.take_while(|change| *change < end.timestamp()).collect()
}

#[test]
fn f35_slots_are_monotone_and_never_come_twice_where_clocks_change() {
    let zones = [
        "Europe/Berlin",
        "America/New_York",
        "Australia/Lord_Howe",
        "America/Sao_Paulo",
        "Africa/Cairo",
        "Africa/Casablanca",
        "Pacific/Apia",
        "Antarctica/Troll",
    ];
    let mut seen = 0;
    for zone in zones {
        let tz = TimeZoneDatabase::bundled().get(zone).unwrap();
        for change in changes(&tz, 2009..2019) {
            holds(zone, &tz, change);
            seen += 1;
        }
    }
    assert!(seen > 100, "{seen} changes");
}

#[test]
#[ignore = "long: a minute"]
fn long_f35_slots_are_monotone_in_all_zones_over_fifty_years() {
    let mut seen = 0;
    for zone in TimeZoneDatabase::bundled().available() {
        let zone = zone.as_str();
        let tz = TimeZoneDatabase::bundled().get(zone).unwrap();
        for change in changes(&tz, 1990..2040) {
            holds(zone, &tz, change);
            seen += 1;
        }
    }
    assert!(seen > 10_000, "{seen} changes");
}

/// `every N` counts from 1970 and does not see the night in which the clocks change.
#[test]
fn intervals_know_no_zone() {
    let every = pattern("Europe/Berlin", "every 15m");
    let from = at("2026-10-24T22:07:00Z");
    let until = from.to_zoned(TimeZone::UTC).checked_add(6.hours()).unwrap();
    let found = slots(&every, from, until.timestamp());
    let gaps = found.windows(2).map(|two| two[1].duration_since(two[0]));
    assert!(
        gaps.into_iter()
            .all(|gap| gap == SignedDuration::from_mins(15))
    );
    assert_eq!(found.len(), 24);
}
