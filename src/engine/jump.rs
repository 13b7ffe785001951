//! A wall clock that cannot be trusted: its jumps, told by holding it against a clock that nobody sets, and a start at an
//! hour that cannot be. Knows no task and reads no wall clock.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// A difference below this is no jump: clocks are slewed, and to read both takes a moment.
const LEAST: SignedDuration = SignedDuration::from_secs(2);
/// When to read the clock took longer than this, the thread was held up in between and nothing can be told.
const HELD_UP: Duration = Duration::from_millis(500);

/// So far behind the newest that the store has seen the clock may stand: it may have been set back a little.
const MAY_LAG: SignedDuration = SignedDuration::from_mins(5);

/// Why a clock that shows `now` cannot be right: this program was not built before `built`, and the store saw a later
/// time. `None` when it can be.
pub(super) fn doubt(now: Timestamp, built: Timestamp, seen: Option<Timestamp>) -> Option<String> {
    if now < built {
        return Some(format!(
            "the clock stands at {now:.0}, expected {built:.0} or later, when this okrd was built: set it right"
        ));
    }
    let seen = seen?;
    let least = seen.checked_sub(MAY_LAG).ok()?;
    (now < least).then(|| {
        format!(
            "the clock stands at {now:.0}, expected {least:.0} or later, since the store has seen {seen:.0}: set it right, \
             or start okrd with --trust-clock if it stood ahead then and is right now"
        )
    })
}

/// Both clocks as they were read together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Watch {
    wall: Timestamp,
    monotonic: Instant,
}

impl Watch {
    /// Begins with the wall clock as just read.
    pub(super) fn new(wall: Timestamp) -> Self {
        Self {
            wall,
            monotonic: Instant::now(),
        }
    }

    /// By how much the wall clock jumped since it was looked at last; forward is positive. The wall clock was read after
    /// `before`. A machine that slept shows as a jump forward, since the other clock stood still meanwhile.
    pub(super) fn look(&mut self, before: Instant, wall: Timestamp) -> Option<SignedDuration> {
        let monotonic = Instant::now();
        if monotonic.duration_since(before) > HELD_UP {
            return None;
        }
        let gone = SignedDuration::try_from(monotonic.duration_since(self.monotonic)).ok()?;
        let by = wall.duration_since(self.wall).checked_sub(gone)?;
        *self = Self { wall, monotonic };
        (by.abs() >= LEAST).then_some(by)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(n: i64) -> SignedDuration {
        SignedDuration::from_secs(n)
    }

    #[tokio::test(start_paused = true)]
    async fn f30_f31_a_jump_is_told_once_and_by_how_much() {
        let mut wall: Timestamp = "2026-11-24T10:00:00Z".parse().unwrap();
        let mut watch = Watch::new(wall);
        for (gone, jump, told) in [
            (1, 0, None),
            (3600, 0, None),
            (1, 1, None),
            (0, 3 * 86_400, Some(seconds(3 * 86_400))),
            (1, 0, None),
            (1, -3600, Some(seconds(-3600))),
            (0, -1, None),
            (0, -1, None),
        ] {
            tokio::time::advance(Duration::from_secs(gone)).await;
            wall += seconds(i64::try_from(gone).unwrap() + jump);
            assert_eq!(watch.look(Instant::now(), wall), told, "{gone} {jump}");
        }
    }

    #[test]
    fn f32_a_clock_before_the_build_or_what_the_store_saw_is_in_doubt() {
        let at = |text: &str| -> Timestamp { text.parse().unwrap() };
        let built = at("2026-11-20T12:00:00Z");
        let seen = Some(at("2026-11-24T10:00:00.5Z"));
        for (now, seen, why) in [
            (
                "1970-01-01T00:00:03.2Z",
                None,
                Some("stands at 1970-01-01T00:00:03Z, expected 2026-11-20T12:00:00Z or later"),
            ),
            (
                "1970-01-01T00:00:03Z",
                seen,
                Some("when this okrd was built"),
            ),
            ("2026-11-20T12:00:00Z", None, None),
            (
                "2026-11-24T09:55:00Z",
                seen,
                Some("the store has seen 2026-11-24T10:00:00Z"),
            ),
            ("2026-11-24T09:55:00.5Z", seen, None),
            ("2036-11-24T10:00:00Z", seen, None),
        ] {
            let found = doubt(at(now), built, seen);
            let fits = match (&found, why) {
                (Some(found), Some(why)) => found.contains(why),
                (found, why) => found.is_none() && why.is_none(),
            };
            assert!(fits, "{now}: {found:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_thread_that_was_held_up_between_the_clocks_tells_no_jump() {
        let wall: Timestamp = "2026-11-24T10:00:00Z".parse().unwrap();
        let mut watch = Watch::new(wall);
        let before = Instant::now();
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(watch.look(before, wall), None);
        let later = wall + seconds(5);
        assert_eq!(watch.look(Instant::now(), later), None);
    }
}
