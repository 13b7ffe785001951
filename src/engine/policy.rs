//! Pure decisions of the engine: how far a key result's poll is spread from its slot, how long to wait before the
//! one retry, how long a source is held. Knows no task and no clock.

use std::time::Duration;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::config::schedule::Schedule;
use crate::config::spec::SourceSpec;
use crate::domain::fault::{Fault, FaultClass, Remedy};
use crate::domain::id::KeyResultId;

/// How long a source is left alone after it refused our credentials: asking on would lock accounts out.
pub const LEAST_AUTH_HOLD: Duration = Duration::from_secs(15 * 60);
/// How long a source is left alone when it asks for patience and does not say how much.
pub const DEFAULT_RATE_HOLD: Duration = Duration::from_secs(60);
/// The longest patience a source may ask for.
pub const LONGEST_RATE_HOLD: Duration = Duration::from_secs(60 * 60);

/// The stable delay of a key result after its slots: the same after every restart, below `jitter`, and below half the
/// interval so that two slots never meet.
#[must_use]
pub fn splay(key_result: &KeyResultId, jitter: Duration, interval: Duration) -> Duration {
    let room = jitter.min(interval / 2);
    let room = u64::try_from(room.as_millis()).unwrap_or(u64::MAX);
    if room == 0 {
        return Duration::ZERO;
    }
    Duration::from_millis(stable_number(key_result) % room)
}

/// The delay before the one retry in a slot: a quarter second to a second, another for each key result and slot, so
/// that those that failed together do not come back together.
#[must_use]
pub fn retry_delay(key_result: &KeyResultId, slot: Timestamp) -> Duration {
    let slot = u64::from_le_bytes(slot.as_millisecond().to_le_bytes());
    Duration::from_millis(250 + (stable_number(key_result) ^ slot.wrapping_mul(0x9e37_79b9)) % 750)
}

/// How long the whole source must be left alone after this fault; `None` when it need not be.
#[must_use]
pub fn hold(fault: &Fault) -> Option<Duration> {
    match fault.class {
        FaultClass::Auth => Some(fault.retry_after.unwrap_or_default().max(LEAST_AUTH_HOLD)),
        FaultClass::RateLimited => Some(
            fault
                .retry_after
                .filter(|asked| !asked.is_zero())
                .unwrap_or(DEFAULT_RATE_HOLD)
                .min(LONGEST_RATE_HOLD),
        ),
        _ => None,
    }
}

/// How many answers in a row that show the source itself in trouble end the filling of past slots.
pub const TROUBLES: usize = 3;

/// How many past slots of a source are asked for at a time: a few, since polls are what matters.
pub const FILLS: usize = 2;
/// How long the filling of a key result rests after so many troubles, or when nothing is left but slots that were trouble.
pub const FILL_RESTS: jiff::SignedDuration = jiff::SignedDuration::from_hours(1);

/// The rest between two questions for past slots: a source that others share is asked five times a second at most, a
/// database at once.
#[must_use]
pub fn rest(source: &SourceSpec) -> Duration {
    match source {
        SourceSpec::Sqlite { .. } | SourceSpec::Postgres { .. } | SourceSpec::Mysql { .. } => {
            Duration::ZERO
        }
        SourceSpec::Jira { .. } | SourceSpec::Http(_) | SourceSpec::Plausible { .. } => {
            Duration::from_millis(200)
        }
    }
}

/// Whether a fault shows the source itself in trouble, so that the next past slot would be asked in vain as well. Any
/// other fault is of one question: an interface may know nothing of some old day and all of the next.
#[must_use]
pub fn is_trouble(fault: &Fault) -> bool {
    fault.class.remedy() == Remedy::RetryOnce || fault.class == FaultClass::Timeout
}

/// The shortest gap between the slots that follow `from`.
#[must_use]
pub fn shortest_gap(schedule: &Schedule, from: Timestamp) -> Duration {
    const LOOK_AHEAD: usize = 12;
    if let Schedule::Every(every) = schedule {
        return *every;
    }
    let mut shortest = Duration::MAX;
    let mut slot = schedule.next_after(from);
    for _ in 0..LOOK_AHEAD {
        let next = slot.and_then(|s| schedule.next_after(s));
        let (Some(a), Some(b)) = (slot, next) else {
            break;
        };
        shortest = shortest.min(b.duration_since(a).unsigned_abs());
        slot = next;
    }
    shortest
}

/// A number that depends on nothing but the key result.
fn stable_number(key_result: &KeyResultId) -> u64 {
    let digest = Sha256::digest(key_result.full());
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    u64::from_le_bytes(first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::tz::TimeZone;

    fn key_result(n: usize) -> KeyResultId {
        KeyResultId::parse_full(&format!("2026-Q4:growth/kr{n}")).unwrap()
    }

    #[test]
    fn the_splay_is_stable_and_stays_below_jitter_and_half_the_interval() {
        let second = Duration::from_secs(1);
        for n in 0..1000 {
            let id = key_result(n);
            let splay_of = |jitter, interval| splay(&id, jitter, interval);
            assert!(splay_of(30 * second, 3600 * second) < 30 * second);
            assert!(splay_of(30 * second, 10 * second) < 5 * second);
            assert_eq!(splay_of(Duration::ZERO, second), Duration::ZERO);
            assert_eq!(
                splay_of(30 * second, 60 * second),
                splay_of(30 * second, 60 * second)
            );
        }
    }

    #[test]
    fn splays_fill_the_room_evenly() {
        let mut seen = [0; 10];
        for n in 0..10_000 {
            let splay = splay(
                &key_result(n),
                Duration::from_secs(10),
                Duration::from_secs(60),
            );
            seen[usize::try_from(splay.as_secs()).unwrap()] += 1;
        }
        assert!(seen.iter().all(|n| (800..1200).contains(n)), "{seen:?}");
    }

    #[test]
    fn f13_f18_holds_follow_the_source_within_bounds() {
        let fault = |class, after: Option<u64>| {
            let mut fault = Fault::new(class, "x");
            fault.retry_after = after.map(Duration::from_secs);
            hold(&fault).map(|d| d.as_secs())
        };
        let cases = [
            (FaultClass::Auth, None, Some(900)),
            (FaultClass::Auth, Some(5), Some(900)),
            (FaultClass::Auth, Some(1800), Some(1800)),
            (FaultClass::RateLimited, None, Some(60)),
            (FaultClass::RateLimited, Some(0), Some(60)),
            (FaultClass::RateLimited, Some(7), Some(7)),
            (FaultClass::RateLimited, Some(315_360_000), Some(3600)),
            (FaultClass::Net, Some(7), None),
        ];
        for (class, after, expected) in cases {
            assert_eq!(fault(class, after), expected, "{class:?} {after:?}");
        }
    }

    #[test]
    fn the_shortest_gap_of_office_hours_is_an_hour() {
        let schedule = Schedule::parse("0 9-17 * * 1-5", &TimeZone::UTC, "UTC").unwrap();
        let from = "2026-11-23T08:00:00Z".parse().unwrap();
        assert_eq!(shortest_gap(&schedule, from), Duration::from_secs(3600));
    }
}
