//! Pure decisions of the engine: how far a key result's poll is spread from its slot, how long to wait before the
//! one retry, how long a source is held. Knows no task and no clock.

use std::time::Duration;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::config::schedule::Schedule;
use crate::config::spec::SourceSpec;
use crate::domain::fault::{Fault, FaultClass, Remedy};
use crate::domain::id::KeyResultId;

/// How long a key result is left out that is refused while others of its source are answered.
pub const REFUSED_ALONE: Duration = Duration::from_secs(15 * 60);
/// How long a source is left alone when it asks for patience and does not say how much; twice as long each time that it
/// asks again, from the second time on also when it does say.
pub const DEFAULT_PATIENCE: Duration = Duration::from_secs(60);
/// The longest patience a source may ask for when nothing else is configured.
pub const LONGEST_PATIENCE: Duration = Duration::from_secs(60 * 60);

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

/// How long a source is to be left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// So long.
    pub wait: Duration,
    /// It asked for longer than is granted.
    pub cut: bool,
}

/// How long the whole source is left alone that asks for patience and did so `before` times in a row: as long as it says, or
/// else, or from the second time on, the back-off if that is longer; up to `longest`; and a little longer, so that not all
/// come back at once.
#[must_use]
pub fn patience(fault: &Fault, before: u32, longest: Duration, seed: u64) -> Patience {
    let asked = fault.retry_after.filter(|asked| !asked.is_zero());
    let doubled = |times: u32| DEFAULT_PATIENCE.saturating_mul(1 << times.min(16));
    let back_off = match (asked, before) {
        (Some(_), 0) => Duration::ZERO,
        (Some(_), before) => doubled(before - 1),
        (None, before) => doubled(before),
    };
    let wait = asked.unwrap_or_default().max(back_off).min(longest);
    Patience {
        wait: jittered(wait, seed),
        cut: asked.is_some_and(|asked| asked > longest),
    }
}

/// The longest wait that [`patience`] gives.
#[must_use]
pub fn longest(patience: Duration) -> Duration {
    jittered(patience, u64::MAX)
}

/// A wait with up to a fifth more, a minute at most; never shorter, for somebody asked for it.
#[must_use]
pub fn jittered(wait: Duration, seed: u64) -> Duration {
    let room = (wait / 5).min(Duration::from_secs(60));
    let room = u64::try_from(room.as_millis()).unwrap_or(u64::MAX);
    let share = match seed {
        u64::MAX => room,
        seed => seed % (room + 1),
    };
    wait.saturating_add(Duration::from_millis(share))
}

/// An instant so much later.
#[must_use]
pub fn later(t: Timestamp, by: Duration) -> Timestamp {
    t.saturating_add(jiff::SignedDuration::try_from(by).unwrap_or(jiff::SignedDuration::MAX))
        .unwrap_or(Timestamp::MAX)
}

/// A number that depends on nothing but a name.
#[must_use]
pub fn seed(name: &str) -> u64 {
    let digest = Sha256::digest(name);
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    u64::from_le_bytes(first)
}

/// A number that depends on a seed and an instant.
#[must_use]
pub fn mixed(seed: u64, now: Timestamp) -> u64 {
    let now = u64::from_le_bytes(now.as_millisecond().to_le_bytes());
    let mixed = (seed ^ now).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 7
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
        SourceSpec::Jira { .. } | SourceSpec::Http(_) | SourceSpec::Preset { .. } => {
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
    seed(&key_result.full())
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
    fn f13_f14_patience_follows_the_source_within_bounds_and_grows_when_it_asks_again() {
        let patience = |after: Option<u64>, before, longest| {
            let mut fault = Fault::new(FaultClass::RateLimited, "x");
            fault.retry_after = after.map(Duration::from_secs);
            let patience = patience(&fault, before, Duration::from_secs(longest), 0);
            (patience.wait.as_secs(), patience.cut)
        };
        for (after, before, longest, expected) in [
            (None, 0, 3600, (60, false)),
            (Some(0), 0, 3600, (60, false)),
            (Some(7), 0, 3600, (7, false)),
            (Some(7), 1, 3600, (60, false)),
            (Some(7), 3, 3600, (240, false)),
            (Some(900), 3, 3600, (900, false)),
            (None, 1, 3600, (120, false)),
            (None, 9, 3600, (3600, false)),
            (None, 4_000_000_000, 3600, (3600, false)),
            (Some(3600), 0, 3600, (3600, false)),
            (Some(315_360_000), 0, 3600, (3600, true)),
            (Some(315_360_000), 0, 86_400, (86_400, true)),
            (Some(90), 0, 10, (10, true)),
        ] {
            let found = patience(after, before, longest);
            assert_eq!(found, expected, "{after:?} {before} {longest}");
        }
    }

    #[test]
    fn f13_a_jittered_wait_is_never_shorter_and_at_most_a_fifth_longer() {
        let second = Duration::from_secs(1);
        for wait in [Duration::ZERO, second, 7 * second, 3600 * second] {
            for n in 0..500 {
                let jittered = jittered(
                    wait,
                    mixed(seed("shop"), Timestamp::from_second(n).unwrap()),
                );
                assert!(jittered >= wait && jittered <= wait + (wait / 5).min(60 * second));
                assert!(jittered <= longest(wait));
            }
        }
        let waits: std::collections::BTreeSet<_> = (0..100)
            .map(|n| {
                jittered(
                    60 * second,
                    mixed(seed(&format!("s{n}")), Timestamp::UNIX_EPOCH),
                )
            })
            .collect();
        assert!(waits.len() > 90, "sources do not come back together");
    }

    #[test]
    fn the_shortest_gap_of_office_hours_is_an_hour() {
        let schedule = Schedule::parse("0 9-17 * * 1-5", &TimeZone::UTC, "UTC").unwrap();
        let from = "2026-11-23T08:00:00Z".parse().unwrap();
        assert_eq!(shortest_gap(&schedule, from), Duration::from_secs(3600));
    }
}
