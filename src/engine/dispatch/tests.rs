//! Whose turn it is, told by hand.

use super::*;
use crate::domain::fault::FaultClass;
use crate::engine::breaker;
use jiff::tz::TimeZone;
use proptest::prelude::*;
use std::collections::VecDeque;

fn at(text: &str) -> Timestamp {
    format!("2026-11-24T{text}Z").parse().unwrap()
}

fn terms(permits: usize) -> Terms {
    Terms {
        permits,
        gap: Duration::ZERO,
        host: None,
        host_permits: permits,
        longest_patience: policy::LONGEST_PATIENCE,
        seed: 0,
    }
}

fn dispatch(polls: Vec<Planned>, permits: &[usize]) -> Dispatch {
    let terms: Vec<Terms> = permits.iter().copied().map(terms).collect();
    Dispatch::new(polls, &terms)
}

fn every(seconds: u64, lane: LaneIndex) -> Planned {
    Planned {
        lane,
        schedule: Schedule::Every(Duration::from_secs(seconds)),
        group: None,
        splay: Duration::ZERO,
        twins: None,
        from: at("00:00:00"),
        until: "2027-01-01T00:00:00Z".parse().unwrap(),
        closes: "2027-01-02T00:00:00Z".parse().unwrap(),
        last_slot: None,
        accounted: None,
    }
}

fn cron(pattern: &str, lane: LaneIndex, splay: u64) -> Planned {
    Planned {
        schedule: Schedule::parse(pattern, &TimeZone::UTC, "UTC").unwrap(),
        group: Some(0),
        splay: Duration::from_secs(splay),
        ..every(1, lane)
    }
}

fn starts(acts: &[Act]) -> Vec<(PollIndex, Timestamp)> {
    acts.iter()
        .filter_map(|act| match act {
            Act::Start { poll, slot, .. } => Some((*poll, *slot)),
            Act::Skip { .. } | Act::GiveWay { .. } => None,
        })
        .collect()
}

fn skips(acts: &[Act]) -> Vec<Skip> {
    acts.iter()
        .filter_map(|act| match act {
            Act::Skip { why, .. } => Some(*why),
            Act::Start { .. } | Act::GiveWay { .. } => None,
        })
        .collect()
}

#[test]
fn what_was_never_asked_is_asked_at_start_for_its_newest_slot() {
    let mut dispatch = dispatch(vec![cron("0 * * * *", 0, 9), every(900, 0)], &[4]);
    dispatch.begin(at("10:20:00"), false);
    assert_eq!(
        starts(&dispatch.acts(at("10:20:00"))),
        [(0, at("10:00:00")), (1, at("10:15:00"))]
    );
}

#[test]
fn what_was_asked_in_its_newest_slot_waits_for_the_next() {
    let mut planned = every(900, 0);
    planned.last_slot = Some(at("10:15:00"));
    let mut dispatch = dispatch(vec![planned], &[4]);
    dispatch.begin(at("10:20:00"), false);
    assert_eq!(dispatch.acts(at("10:20:00")), []);
    assert_eq!(dispatch.next_wake(at("10:20:00")), Some(at("10:30:00")));
    assert_eq!(
        starts(&dispatch.acts(at("10:30:00"))),
        [(0, at("10:30:00"))]
    );
}

#[test]
fn f38_the_last_slot_may_come_after_the_end_and_what_never_began_does_not() {
    for (last, now, slot) in [
        (Some("12:00:00"), "12:10:00", Some("12:01:00")),
        (Some("12:01:00"), "12:10:00", None),
        (None, "12:10:00", None),
        (Some("12:00:00"), "13:02:00", None),
    ] {
        let planned = Planned {
            until: at("12:02:00"),
            closes: at("13:02:00"),
            last_slot: last.map(at),
            ..every(60, 0)
        };
        let mut dispatch = dispatch(vec![planned], &[1]);
        dispatch.begin(at(now), false);
        let expected: Vec<_> = slot.map(|slot| (0, at(slot))).into_iter().collect();
        assert_eq!(starts(&dispatch.acts(at(now))), expected, "{last:?} {now}");
        assert_eq!(dispatch.next_wake(at(now)), None);
    }
}

#[test]
fn outside_its_cycle_nothing_is_asked() {
    let mut planned = every(60, 0);
    planned.from = at("12:00:00");
    planned.until = at("12:02:00");
    let mut dispatch = dispatch(vec![planned], &[1]);
    dispatch.begin(at("11:00:00"), false);
    assert_eq!(dispatch.acts(at("11:59:59")), []);
    let mut asked = Vec::new();
    for minute in 0..5 {
        let now = at(&format!("12:0{minute}:00"));
        asked.extend(starts(&dispatch.acts(now)));
        dispatch.answered(0, None, now);
        dispatch.recorded(0, now);
    }
    assert_eq!(asked, [(0, at("12:00:00")), (0, at("12:01:00"))]);
}

#[test]
fn a_firing_becomes_due_after_the_splay() {
    let mut planned = cron("0 * * * *", 0, 9);
    planned.last_slot = Some(at("09:00:00"));
    let mut dispatch = dispatch(vec![planned], &[4]);
    dispatch.begin(at("09:20:00"), false);
    dispatch.fired(0, at("10:00:00.4"));
    assert_eq!(dispatch.acts(at("10:00:08")), []);
    assert_eq!(
        starts(&dispatch.acts(at("10:00:09"))),
        [(0, at("10:00:00"))]
    );
    // The same firing told twice asks once.
    dispatch.fired(0, at("10:00:10"));
    assert_eq!(dispatch.acts(at("10:00:30")), []);
}

#[test]
fn f61_a_key_result_never_overlaps_itself_until_its_outcome_is_on_disk() {
    let mut dispatch = dispatch(vec![every(1, 0)], &[4]);
    dispatch.begin(at("10:00:00"), false);
    assert_eq!(starts(&dispatch.acts(at("10:00:00"))).len(), 1);
    assert_eq!(skips(&dispatch.acts(at("10:00:01"))), [Skip::StillRunning]);
    dispatch.answered(0, None, at("10:00:01.5"));
    assert_eq!(skips(&dispatch.acts(at("10:00:02"))), [Skip::StillRunning]);
    dispatch.recorded(0, at("10:00:01.5"));
    assert_eq!(starts(&dispatch.acts(at("10:00:03"))).len(), 1);
}

#[test]
fn a_source_is_asked_no_more_than_its_permits_at_a_time() {
    let mut dispatch = dispatch((0..5).map(|_| every(60, 0)).collect(), &[2]);
    dispatch.begin(at("10:00:00"), false);
    let first = starts(&dispatch.acts(at("10:00:00")));
    assert_eq!(first.len(), 2);
    dispatch.answered(first[0].0, None, at("10:00:00.1"));
    assert_eq!(starts(&dispatch.acts(at("10:00:00.1"))).len(), 1);
}

#[test]
fn f18_refused_credentials_suspend_the_whole_source_and_what_is_owed_is_asked_after() {
    let mut dispatch = dispatch(vec![every(60, 0), every(60, 0), every(60, 1)], &[1, 1]);
    dispatch.begin(at("10:00:00"), false);
    dispatch.acts(at("10:00:00"));
    let refused = Fault::new(FaultClass::Auth, "401");
    dispatch.answered(0, Some(&refused), at("10:00:01"));
    let since = at("10:00:01");
    assert_eq!(
        dispatch.held(0, at("11:00:01")),
        Some(Held::Login { since })
    );
    assert_eq!(dispatch.take_changed(), [0]);
    dispatch.recorded(0, at("10:00:01"));
    dispatch.answered(2, None, at("10:00:01"));
    dispatch.recorded(2, at("10:00:01"));
    // The second key result waited for a permit; it is not asked.
    let held = Skip::SourceHeld(Why::Login);
    assert_eq!(skips(&dispatch.acts(at("10:00:02"))), [held]);
    let acts = dispatch.acts(at("10:01:00"));
    assert_eq!(skips(&acts), [held, held]);
    assert_eq!(
        starts(&acts),
        [(2, at("10:01:00"))],
        "the other source goes on"
    );
    assert_eq!(
        dispatch.next_wake(at("10:01:00")),
        Some(at("10:02:00")),
        "it ends by no time"
    );
    dispatch.release(0);
    assert_eq!(
        starts(&dispatch.acts(at("10:01:30"))),
        [(1, at("10:01:00"))],
        "whoever was refused comes last"
    );
}

/// A daily poll that is refused, or told to wait, is not lost for the day.
#[test]
fn f13_f18_a_slot_asked_in_vain_is_asked_again_when_the_source_may_be() {
    for (class, after) in [
        (FaultClass::Auth, None),
        (FaultClass::RateLimited, Some(30)),
    ] {
        let mut dispatch = dispatch(vec![cron("0 6 * * *", 0, 0)], &[1]);
        dispatch.begin(at("06:00:00"), false);
        dispatch.acts(at("06:00:00"));
        let mut fault = Fault::new(class, "not now");
        fault.retry_after = after.map(Duration::from_secs);
        dispatch.answered(0, Some(&fault), at("06:00:01"));
        dispatch.recorded(0, at("06:00:01"));
        assert_eq!(dispatch.acts(at("06:00:30")), [], "{class:?}");
        assert_eq!(dispatch.last_slot(0), None, "a reload must ask it");
        if class == FaultClass::Auth {
            dispatch.release(0);
        }
        let started = starts(&dispatch.acts(at("06:00:40")));
        assert_eq!(started, [(0, at("06:00:00"))], "{class:?}");
    }
}

#[test]
fn f18_what_was_refused_with_an_old_secret_is_asked_once_more_and_nobody_is_suspended() {
    let mut dispatch = dispatch(vec![cron("0 6 * * *", 0, 0)], &[1]);
    dispatch.begin(at("06:00:00"), false);
    dispatch.acts(at("06:00:00"));
    dispatch.answered_too_late(0);
    assert_eq!(dispatch.acts(at("06:00:01")), [], "not on disk yet");
    dispatch.recorded(0, at("06:00:02"));
    assert_eq!(dispatch.held(0, at("06:00:02")), None);
    let started = starts(&dispatch.acts(at("06:00:02")));
    assert_eq!(started, [(0, at("06:00:00"))]);
}

/// 403 for one question while others are answered: that one is left out, the source goes on.
#[test]
fn f18_one_question_that_is_not_allowed_does_not_silence_the_others_and_a_lost_login_does() {
    let mut dispatch = dispatch((0..2).map(|_| every(60, 0)).collect(), &[2]);
    dispatch.begin(at("10:00:00"), false);
    let forbidden = Fault::new(FaultClass::Auth, "403").perhaps_this_alone(true);
    let mut now = at("10:00:00");
    let mut asked = [0, 0];
    for _ in 0..30 {
        // The one that is answered comes first, so that the source is known to work.
        let mut started = starts(&dispatch.acts(now));
        started.reverse();
        for (poll, _) in started {
            asked[poll] += 1;
            dispatch.answered(poll, (poll == 0).then_some(&forbidden), now);
            dispatch.recorded(poll, now);
        }
        now = later(now, Duration::from_secs(60));
    }
    assert_eq!(dispatch.held(0, now), None);
    assert_eq!(asked, [2, 30], "every quarter of an hour, and as ever");
    // Now everybody is refused.
    for (poll, _) in starts(&dispatch.acts(now)) {
        dispatch.answered(poll, Some(&forbidden), now);
        dispatch.recorded(poll, now);
    }
    assert!(matches!(dispatch.held(0, now), Some(Held::Login { .. })));
}

#[test]
fn f13_a_source_that_asks_for_patience_is_left_alone_as_a_whole_and_skips_are_told() {
    let mut dispatch = dispatch(vec![every(1, 0), every(1, 0)], &[1]);
    dispatch.begin(at("10:00:00"), false);
    dispatch.acts(at("10:00:00"));
    let mut limited =
        Fault::new(FaultClass::Http4xx, "even so").after(Some(Duration::from_secs(20)));
    for class in [FaultClass::RateLimited, FaultClass::Http5xx] {
        limited.class = class;
    }
    dispatch.answered(0, Some(&limited), at("10:00:00"));
    dispatch.recorded(0, at("10:00:00"));
    let held = Skip::SourceHeld(Why::Patience);
    let mut skipped = 0;
    for second in 1..20 {
        let acts = dispatch.acts(at(&format!("10:00:{second:02}")));
        assert_eq!(starts(&acts), []);
        assert!(skips(&acts).iter().all(|skip| *skip == held));
        skipped += skips(&acts).len();
    }
    assert_eq!(skipped, 1 + 2 * 19, "who waited, and each slot of both");
    let until = dispatch.held(0, at("10:00:19")).and_then(Held::until);
    assert!(until >= Some(at("10:00:20")) && until <= Some(at("10:00:24")));
    let after = dispatch.acts(until.unwrap());
    assert_eq!(starts(&after).len(), 1);
    assert_eq!(dispatch.state(0).limited, 1);
}

/// Ten minutes of 500, polls as often as they come: hardly more questions than on a good day, never two probes at once, and
/// all is well soon after. Each poll is asked a second time where that is allowed, as the engine does.
#[test]
fn f15_an_outage_of_ten_minutes_costs_no_more_questions_than_ten_good_minutes() {
    for (polls, seconds, permits) in [
        (1, 60, 1),
        (1, 1, 1),
        (3, 10, 2),
        (100, 60, 4),
        (40, 600, 4),
    ] {
        let (questions, slots, probes) = outage(polls, seconds, permits);
        let normal = slots + slots / 5;
        assert!(
            questions <= normal,
            "{polls} each {seconds} s: {questions} questions for {slots} slots"
        );
        assert!(probes <= 1, "{probes} probes at a time");
    }
}

/// Questions, slots and the most probes at a time of an outage of ten minutes.
fn outage(polls: usize, seconds: u64, permits: usize) -> (usize, usize, usize) {
    let planned = (0..polls).map(|n| Planned {
        splay: Duration::from_millis(n as u64 * 37 % 1000),
        ..every(seconds, 0)
    });
    let mut dispatch = dispatch(planned.collect(), &[permits]);
    let start = at("10:00:00");
    dispatch.begin(start, false);
    let broken = Fault::new(FaultClass::Http5xx, "500");
    let (begins, ends) = (
        later(start, Duration::from_secs(1200)),
        later(start, Duration::from_secs(1800)),
    );
    let slots = polls * usize::try_from(600 / seconds).unwrap();
    let (mut questions, mut probes, mut now) = (0, 0, start);
    let mut under_way: VecDeque<(Timestamp, PollIndex)> = VecDeque::new();
    let mut answered = vec![None; polls];
    while now
        < later(
            ends,
            Duration::from_secs(601 + breaker::LONGEST_REST.as_secs() * 6 / 5),
        )
    {
        let broke = now >= begins && now < ends;
        while under_way.front().is_some_and(|(at, _)| *at <= now) {
            let (_, poll) = under_way.pop_front().unwrap();
            dispatch.answered(poll, broke.then_some(&broken), now);
            dispatch.recorded(poll, now);
            if !broke {
                answered[poll] = Some(now);
            }
        }
        let probed = dispatch.is_probed(0, now);
        for act in dispatch.acts(now) {
            let Act::Start { poll, retries, .. } = act else {
                continue;
            };
            questions += usize::from(broke) * if retries { 2 } else { 1 };
            under_way.push_back((later(now, Duration::from_millis(50)), poll));
        }
        if probed && broke {
            probes = probes.max(under_way.len());
        }
        now = later(now, Duration::from_millis(100));
    }
    assert_eq!(dispatch.held(0, now), None);
    assert!(
        answered.iter().all(|at| *at > Some(ends)),
        "all are asked again"
    );
    (questions, slots, probes)
}

#[test]
fn f37_after_a_downtime_each_is_asked_after_its_own_delay_and_what_was_never_asked_at_once() {
    let missed = |splay| Planned {
        last_slot: Some(at("05:00:00")),
        ..cron("0 * * * *", 0, splay)
    };
    let planned = vec![missed(5), missed(25), cron("0 * * * *", 0, 25)];
    let mut dispatch = dispatch(planned.clone(), &[9]);
    dispatch.begin(at("10:20:00"), true);
    let slot = at("10:00:00");
    assert_eq!(starts(&dispatch.acts(at("10:20:00"))), [(2, slot)]);
    assert_eq!(starts(&dispatch.acts(at("10:20:05"))), [(0, slot)]);
    assert_eq!(dispatch.acts(at("10:20:24")), []);
    assert_eq!(starts(&dispatch.acts(at("10:20:25"))), [(1, slot)]);
    // Started within the delay of a slot, each keeps to it.
    let mut dispatch = self::dispatch(planned, &[9]);
    dispatch.begin(at("10:00:10"), true);
    assert_eq!(starts(&dispatch.acts(at("10:00:10"))), [(2, slot)]);
    assert_eq!(starts(&dispatch.acts(at("10:00:15"))), [(0, slot)]);
    assert_eq!(starts(&dispatch.acts(at("10:00:25"))), [(1, slot)]);
}

#[test]
fn f59_questions_begin_at_the_pace_of_the_source_and_each_has_its_turn() {
    let paced = Terms {
        gap: Duration::from_millis(100),
        ..terms(4)
    };
    let mut dispatch = Dispatch::new((0..20).map(|_| every(60, 0)).collect(), &[paced]);
    let mut now = at("10:00:00");
    dispatch.begin(now, false);
    let mut began = Vec::new();
    while began.len() < 20 {
        for (poll, _) in starts(&dispatch.acts(now)) {
            began.push(now);
            dispatch.answered(poll, None, now);
            dispatch.recorded(poll, now);
        }
        now = dispatch.next_wake(now).unwrap();
    }
    let gaps: Vec<_> = began
        .windows(2)
        .map(|two| two[1].duration_since(two[0]))
        .collect();
    assert!(gaps.iter().all(|gap| gap.as_millis() == 100), "{gaps:?}");
}

/// Ten thousand on one cron minute, half of them of a source with a pace: they spread out, none is lost or late for its next
/// slot, and no source is asked more than it takes. An answer takes 50 ms.
#[test]
fn f59_ten_thousand_on_one_minute_spread_out_and_pass_no_limit() {
    const MANY: usize = 10_000;
    let pattern = Schedule::parse("0 * * * *", &TimeZone::UTC, "UTC").unwrap();
    let planned = (0..MANY).map(|n| Planned {
        lane: n % 2,
        schedule: pattern.clone(),
        group: Some(0),
        splay: Duration::from_millis(n as u64 * 7 % 30_000),
        last_slot: Some(at("10:00:00")),
        ..every(1, 0)
    });
    let paced = Terms {
        gap: Duration::from_millis(20),
        ..terms(2)
    };
    let mut dispatch = Dispatch::new(planned.collect(), &[terms(4), paced]);
    dispatch.begin(at("10:59:59"), false);
    let mut now = at("11:00:00");
    dispatch.fired(0, now);
    let mut asked = vec![0; MANY];
    let mut under_way: VecDeque<(Timestamp, PollIndex)> = VecDeque::new();
    let mut last_of_paced = None;
    loop {
        while under_way.front().is_some_and(|(at, _)| *at <= now) {
            let (_, poll) = under_way.pop_front().unwrap();
            dispatch.answered(poll, None, now);
            dispatch.recorded(poll, now);
        }
        let acts = dispatch.acts(now);
        assert_eq!(skips(&acts), []);
        for (poll, slot) in starts(&acts) {
            assert_eq!(slot, at("11:00:00"));
            asked[poll] += 1;
            under_way.push_back((later(now, Duration::from_millis(50)), poll));
            if poll % 2 == 1 {
                let gap = last_of_paced.map(|last| now.duration_since(last).as_millis());
                assert!(gap.is_none_or(|gap| gap >= 20), "{gap:?}");
                last_of_paced = Some(now);
            }
        }
        for (lane, permits) in [(0, 4), (1, 2)] {
            let here = under_way.iter().filter(|(_, poll)| poll % 2 == lane);
            assert!(here.count() <= permits);
        }
        let answer = under_way.front().map(|(at, _)| *at);
        let Some(next) = answer.into_iter().chain(dispatch.next_wake(now)).min() else {
            break;
        };
        now = next.max(later(now, Duration::from_millis(1)));
    }
    assert!(asked.iter().all(|times| *times == 1));
    assert!(now < at("11:30:00"), "{now}");
}

/// Sources of one host: what one of them hangs on does not keep the others from their turns.
#[test]
fn f60_a_source_that_hangs_takes_no_turn_of_its_neighbours() {
    let shared = |permits| Terms {
        host: Some("api.example:443".into()),
        host_permits: 4,
        ..terms(permits)
    };
    let mut planned: Vec<Planned> = (0..9).map(|_| every(60, 0)).collect();
    planned.extend((0..9).map(|_| every(60, 1)));
    let mut dispatch = Dispatch::new(planned, &[shared(2), shared(4)]);
    let now = at("10:00:00");
    dispatch.begin(now, false);
    let mut answered = 0;
    // The first never answers: it holds its two permits, the other has what is left.
    loop {
        let started = starts(&dispatch.acts(now));
        if started.is_empty() {
            break;
        }
        for (poll, _) in started.into_iter().filter(|(poll, _)| *poll >= 9) {
            dispatch.answered(poll, None, now);
            dispatch.recorded(poll, now);
            answered += 1;
        }
    }
    assert_eq!(answered, 9);
}

#[test]
fn those_that_put_the_same_question_for_the_same_slot_are_answered_by_one() {
    let twin = |seconds| Planned {
        twins: Some(0),
        ..every(seconds, 0)
    };
    let mut dispatch = dispatch(vec![twin(60), every(60, 0), twin(60), twin(90)], &[1]);
    dispatch.begin(at("10:00:00"), false);
    let acts = dispatch.acts(at("10:00:00"));
    let Act::Start { poll: 0, with, .. } = &acts[0] else {
        panic!("{acts:?}");
    };
    assert_eq!(*with, [2, 3]);
    assert_eq!(starts(&acts).len(), 1, "one permit");
    for poll in [0, 2, 3] {
        assert_eq!(dispatch.stage(poll), Stage::Asking);
        dispatch.answered(poll, None, at("10:00:01"));
        dispatch.recorded(poll, at("10:00:01"));
    }
    assert_eq!(
        starts(&dispatch.acts(at("10:00:01"))),
        [(1, at("10:00:00"))]
    );
    dispatch.answered(1, None, at("10:00:02"));
    dispatch.recorded(1, at("10:00:02"));
    // At 10:01 the third has no slot.
    let acts = dispatch.acts(at("10:01:00"));
    assert!(
        matches!(&acts[0], Act::Start { poll: 0, with, .. } if *with == [2]),
        "{acts:?}"
    );
}

#[test]
fn f18_a_shared_refusal_is_one_refusal_and_all_who_shared_it_are_asked_again() {
    let twin = Planned {
        twins: Some(0),
        ..every(60, 0)
    };
    let mut dispatch = dispatch(vec![twin.clone(), twin], &[2]);
    dispatch.begin(at("10:00:00"), false);
    dispatch.acts(at("10:00:00"));
    let refused = Fault::new(FaultClass::Auth, "401");
    for poll in [0, 1] {
        dispatch.answered(poll, Some(&refused), at("10:00:01"));
        dispatch.recorded(poll, at("10:00:01"));
    }
    assert_eq!(dispatch.acts(at("10:00:02")), []);
    dispatch.release(0);
    let acts = dispatch.acts(at("10:00:03"));
    assert!(
        matches!(&acts[0], Act::Start { with, .. } if with.len() == 1),
        "{acts:?}"
    );
}

#[test]
fn a_slot_that_still_waits_does_not_count_as_asked() {
    let mut dispatch = dispatch(vec![every(60, 0), every(60, 0)], &[1]);
    dispatch.begin(at("10:00:00"), false);
    dispatch.acts(at("10:00:00"));
    assert_eq!(dispatch.last_slot(0), Some(at("10:00:00")));
    assert_eq!(dispatch.last_slot(1), None, "a reload must ask it");
}

#[test]
fn f31_a_clock_set_back_asks_no_slot_twice() {
    let mut dispatch = dispatch(vec![cron("* * * * *", 0, 0)], &[1]);
    dispatch.begin(at("10:30:00"), false);
    assert_eq!(starts(&dispatch.acts(at("10:30:00"))).len(), 1);
    dispatch.answered(0, None, at("10:30:01"));
    dispatch.recorded(0, at("10:30:01"));
    dispatch.fired(0, at("09:31:00"));
    assert_eq!(dispatch.acts(at("09:31:00")), []);
}

/// Told of a jump, intervals go on at their pace in slots to come; whatever was held stays held as long.
#[test]
fn f31_a_clock_set_back_holds_up_no_interval() {
    let mut dispatch = dispatch(vec![every(60, 0), every(60, 1)], &[1, 1]);
    let hour = SignedDuration::from_hours(1);
    dispatch.begin(at("10:30:00"), false);
    assert_eq!(starts(&dispatch.acts(at("10:30:00"))).len(), 2);
    dispatch.answered(0, None, at("10:30:01"));
    let slow = Fault::new(FaultClass::RateLimited, "slow down");
    dispatch.answered(1, Some(&slow), at("10:30:01"));
    dispatch.recorded(0, at("10:30:01"));
    dispatch.recorded(1, at("10:30:01"));
    dispatch.clock_jumped(-hour);
    assert_eq!(dispatch.acts(at("09:30:59")), []);
    let until = dispatch
        .held(1, at("09:30:59"))
        .and_then(Held::until)
        .unwrap();
    let left = until.duration_since(at("09:30:01")).as_secs();
    assert!((60..=75).contains(&left), "{until}");
    let mut asked = Vec::new();
    for minute in 31..40 {
        let now = at(&format!("09:{minute}:01"));
        for (poll, slot) in starts(&dispatch.acts(now)) {
            asked.extend((poll == 0).then_some(slot));
            dispatch.answered(poll, None, now);
            dispatch.recorded(poll, now);
        }
    }
    let slots: Vec<_> = (31..40).map(|m| at(&format!("10:{m}:00"))).collect();
    assert_eq!(asked, slots);
    let passed = dispatch.take_passed();
    let passed: Vec<_> = passed.iter().filter(|(poll, _)| *poll == 0).collect();
    assert!(
        passed.is_empty(),
        "nothing passed without a poll: {passed:?}"
    );

    // Another start knows the newest slot alone, and goes on from there as well.
    let mut known = every(60, 0);
    (known.last_slot, known.accounted) = (Some(at("10:39:00")), Some(at("10:39:01")));
    let mut later = super::tests::dispatch(vec![known], &[1]);
    later.begin(at("09:39:30"), false);
    assert_eq!(starts(&later.acts(at("09:39:30"))), []);
    assert_eq!(starts(&later.acts(at("09:40:30"))), [(0, at("10:40:00"))]);
    // Set right again, the clock finds the interval where it would be.
    later.answered(0, None, at("09:40:31"));
    later.recorded(0, at("09:40:31"));
    later.clock_jumped(hour);
    let acts = later.acts(at("10:41:00"));
    assert_eq!(starts(&acts), [(0, at("10:41:00"))]);
    assert_eq!(later.take_passed(), []);
}

/// The slots that an interval takes while the clock is behind lie ahead of it; it is polled as long as the clock says.
#[test]
fn f31_an_interval_ahead_of_the_clock_ends_with_its_cycle() {
    let mut planned = every(60, 0);
    planned.until = at("11:00:00");
    planned.last_slot = Some(at("11:29:00"));
    let mut dispatch = dispatch(vec![planned], &[1]);
    dispatch.begin(at("10:50:00"), false);
    let mut asked = 0;
    for second in 0..1200 {
        let now = later(at("10:50:00"), Duration::from_secs(second));
        for (poll, _) in starts(&dispatch.acts(now)) {
            asked += 1;
            assert!(now < at("11:00:00"), "{now}");
            dispatch.answered(poll, None, now);
            dispatch.recorded(poll, now);
        }
    }
    assert_eq!(asked, 9);
}

#[test]
fn a_slot_whose_cycle_ends_while_it_waits_is_not_spoken_for() {
    let mut planned = every(60, 0);
    planned.until = at("10:00:30");
    planned.closes = planned.until;
    planned.accounted = Some(at("10:00:00"));
    let mut dispatch = dispatch(vec![every(60, 0), planned], &[1]);
    dispatch.begin(at("10:00:00"), false);
    dispatch.acts(at("10:00:00"));
    assert_eq!(dispatch.accounted(1), Some(at("10:00:00")));
    dispatch.answered(0, None, at("10:00:31"));
    assert_eq!(dispatch.acts(at("10:00:31")), []);
    assert_eq!(
        dispatch.accounted(1),
        Some(at("10:00:00")),
        "still to be counted"
    );
}

#[test]
fn f30_f33_a_leap_over_many_slots_asks_once() {
    let mut dispatch = dispatch(vec![every(1, 0)], &[1]);
    dispatch.begin(at("10:00:00"), false);
    dispatch.acts(at("10:00:00"));
    dispatch.answered(0, None, at("10:00:00"));
    dispatch.recorded(0, at("10:00:00"));
    let acts = dispatch.acts(at("15:00:00"));
    assert_eq!(starts(&acts), [(0, at("15:00:00"))], "the newest slot");
    assert_eq!(acts.len(), 1, "{acts:?}");
    dispatch.answered(0, None, at("15:00:00"));
    dispatch.recorded(0, at("15:00:00"));
    assert_eq!(dispatch.next_wake(at("15:00:00")), Some(at("15:00:01")));
}

/// As while the store takes no writes: firings go on, and nobody asks what is due.
#[test]
fn f33_firings_that_nobody_takes_up_do_not_pile_up_and_the_newest_slot_is_asked() {
    let mut dispatch = dispatch(vec![cron("* * * * *", 0, 0)], &[1]);
    dispatch.begin(at("10:00:00"), false);
    dispatch.acts(at("10:00:00"));
    dispatch.answered(0, None, at("10:00:00"));
    dispatch.recorded(0, at("10:00:00"));
    for minute in 1..60 {
        dispatch.fired(0, at(&format!("10:{minute:02}:00")));
    }
    assert_eq!(dispatch.due.len(), 1);
    let acts = dispatch.acts(at("10:59:30"));
    assert_eq!(starts(&acts), [(0, at("10:59:00"))]);
    assert_eq!(acts.len(), 1);
}

#[test]
fn a_new_definition_is_asked_once_the_question_of_the_old_one_is_through() {
    let mut dispatch = dispatch(vec![cron("0 6 * * *", 0, 0)], &[1]);
    dispatch.take_over(0, Stage::Asking, false, true);
    dispatch.begin(at("10:00:00"), false);
    assert_eq!(dispatch.acts(at("10:00:00")), []);
    dispatch.answered(0, None, at("10:00:03"));
    assert_eq!(dispatch.acts(at("10:00:03")), []);
    dispatch.recorded(0, at("10:00:03"));
    let started = starts(&dispatch.acts(at("10:00:04")));
    assert_eq!(started, [(0, at("06:00:00"))]);
}

#[test]
fn whoever_makes_a_source_ask_for_patience_does_not_keep_the_others_from_being_asked() {
    let mut dispatch = dispatch((0..3).map(|_| every(60, 0)).collect(), &[1]);
    dispatch.begin(at("10:00:00"), false);
    let mut now = at("10:00:00");
    let mut asked = Vec::new();
    for _ in 0..4 {
        for (poll, _) in starts(&dispatch.acts(now)) {
            asked.push(poll);
            let limited = Fault::new(FaultClass::RateLimited, "429");
            dispatch.answered(poll, (poll == 0).then_some(&limited), now);
            dispatch.recorded(poll, now);
        }
        let until = dispatch.held(0, now).and_then(Held::until);
        now = until.unwrap_or(later(now, Duration::from_secs(1)));
    }
    assert_eq!(asked, [0, 1, 2, 0]);
}

proptest! {
    /// Whatever happens, no slot is asked twice, none overlaps, permits hold, and all come in order.
    #[test]
    fn slots_are_asked_once_and_in_order(
        steps in proptest::collection::vec((0u64..3_000, any::<bool>(), 0usize..6), 1..200),
        permits in 1usize..3,
    ) {
        let mut dispatch = dispatch((0..4).map(|n| every(1 + n, 0)).collect(), &[permits]);
        let mut now = at("10:00:00");
        dispatch.begin(now, false);
        let mut running: Vec<PollIndex> = Vec::new();
        let mut newest = [None; 4];
        let mut in_vain = [false; 4];
        for (ms, refuse, finish) in steps {
            now = later(now, Duration::from_millis(ms));
            for (poll, slot) in starts(&dispatch.acts(now)) {
                prop_assert!(!running.contains(&poll));
                let again = in_vain[poll] && newest[poll] == Some(slot);
                prop_assert!(again || newest[poll] < Some(slot));
                in_vain[poll] = false;
                prop_assert!(slot <= now);
                newest[poll] = Some(slot);
                running.push(poll);
            }
            prop_assert!(running.len() <= permits);
            if finish < running.len() {
                let poll = running.swap_remove(finish);
                let fault = Fault::new(FaultClass::RateLimited, "slow down");
                dispatch.answered(poll, refuse.then_some(&fault), now);
                in_vain[poll] = refuse;
                dispatch.recorded(poll, now);
            }
        }
    }
}

#[test]
fn f31_a_slot_that_passed_before_the_clock_was_set_back_is_not_caught_up_with_after_a_restart() {
    let mut planned = cron("30 2 * * *", 0, 0);
    planned.from = "2026-11-01T00:00:00Z".parse().unwrap();
    planned.last_slot = Some("2026-11-20T02:30:00Z".parse().unwrap());
    let now = "2026-11-24T02:27:56Z".parse().unwrap();
    let started = |accounted: &str| {
        let mut planned = planned.clone();
        planned.accounted = Some(accounted.parse().unwrap());
        let mut dispatch = Dispatch::new(vec![planned], &[terms(4)]);
        dispatch.begin(now, false);
        starts(&dispatch.acts(now))
    };
    // It failed, so it is asked once more; but not when the next one has come since.
    let slot = "2026-11-23T02:30:00Z".parse().unwrap();
    assert_eq!(started("2026-11-23T02:30:00.001Z"), [(0, slot)]);
    assert_eq!(started("2026-11-24T02:30:00.001Z"), []);
    // Nor when that one was spoken for and then not asked.
    assert_eq!(started("2026-11-24T02:30:00Z"), []);
}
