//! Past slots: which of them a key result had, so that they can be filled afterwards. Pure; knows no source.

use jiff::Timestamp;

use crate::config::schedule::Schedule;
use crate::config::spec::Poll;
use crate::domain::cycle::Cycle;
use crate::domain::window::Moments;
use crate::store::Stretch;

/// The slots of a key result in `[from, to]` and in its cycle, oldest first, no more than `most` of them. A slot at which
/// its window is still empty, such as the very start of the cycle, has nothing that could be asked.
#[must_use]
pub fn slots(
    poll: &Poll,
    cycle: &Cycle,
    from: Timestamp,
    to: Timestamp,
    most: usize,
) -> Vec<Timestamp> {
    let from = from.max(cycle.start());
    let before = from.checked_sub(jiff::SignedDuration::from_nanos(1));
    let first = poll.schedule.next_after(before.unwrap_or(from));
    std::iter::successors(first, |slot| poll.schedule.next_after(*slot))
        .take_while(|slot| *slot <= to && *slot < cycle.end())
        .filter(|slot| Moments::at(*slot, cycle, poll.window).is_some())
        .take(most)
        .collect()
}

/// The first slot at or after an instant.
#[must_use]
pub fn first(schedule: &Schedule, from: Timestamp) -> Option<Timestamp> {
    let before = from.checked_sub(jiff::SignedDuration::from_nanos(1));
    schedule.next_after(before.unwrap_or(from))
}

/// Slots of a stretch: how many, the first and the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slots {
    /// How many; at least one.
    pub count: u64,
    /// The oldest.
    pub first: Timestamp,
    /// The newest.
    pub last: Timestamp,
}

impl Slots {
    /// Those of a schedule in a stretch; `None` when there are none. Walks through a cron pattern slot by slot.
    #[must_use]
    pub fn of(schedule: &Schedule, stretch: Stretch) -> Option<Self> {
        let before = |slot: &Timestamp| *slot < stretch.until;
        let first = first(schedule, stretch.from).filter(before)?;
        if let Schedule::Every(every) = schedule {
            let newest = stretch.until.as_millisecond().checked_sub(1)?;
            let last = schedule.at_or_before(Timestamp::from_millisecond(newest).ok()?)?;
            let steps = last.as_millisecond() - first.as_millisecond();
            let steps = steps / i64::try_from(every.as_millis()).ok()?;
            let count = u64::try_from(steps).ok()? + 1;
            return Some(Self { count, first, last });
        }
        let rest = std::iter::successors(Some(first), |slot| schedule.next_after(*slot));
        let alone = Self {
            count: 0,
            first,
            last: first,
        };
        Some(rest.take_while(before).fold(alone, |slots, last| Self {
            count: slots.count + 1,
            last,
            ..slots
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::schedule::Schedule;
    use crate::config::spec::Measure;
    use crate::domain::guard::Guard;
    use crate::domain::id::{CycleName, KeyResultId, Slug};
    use crate::domain::window::Window;
    use jiff::civil::date;
    use jiff::tz::TimeZoneDatabase;
    use std::time::Duration;

    fn found(schedule: &str, from: &str, to: &str, most: usize) -> Vec<String> {
        let zone = TimeZoneDatabase::bundled().get("Europe/Amsterdam").unwrap();
        let name = CycleName::parse("2026-Q4").unwrap();
        let cycle = Cycle::new(name, date(2026, 10, 1), date(2026, 12, 31), zone.clone());
        let poll = Poll {
            key_result: KeyResultId::parse_full("2026-Q4:growth/users").unwrap(),
            source: Slug::parse("shop").unwrap(),
            measure: Measure::sql("SELECT :now"),
            window: Window::CycleToDate,
            schedule: Schedule::parse(schedule, &zone, "Europe/Amsterdam").unwrap(),
            jitter: Duration::ZERO,
            timeout: Duration::from_secs(1),
            guard: Guard::default(),
            canary: None,
        };
        let (from, to) = (from.parse().unwrap(), to.parse().unwrap());
        let slots = slots(&poll, &cycle.unwrap(), from, to, most);
        slots.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn slots_are_those_of_the_schedule_and_both_ends_belong_to_them() {
        let three = [
            "2026-10-24T04:00:00Z",
            "2026-10-25T05:00:00Z",
            "2026-10-26T05:00:00Z",
        ];
        let to = "2026-10-26T05:00:00Z";
        // Six in the morning, whichever way the clocks are set.
        assert_eq!(found("0 6 * * *", three[0], to, 9), three);
        assert_eq!(found("0 6 * * *", three[0], to, 2), three[..2]);
        assert_eq!(
            found("0 6 * * *", "2026-10-24T04:00:01Z", to, 9),
            three[1..]
        );
    }

    #[test]
    fn slots_lie_in_the_cycle_behind_its_first_instant() {
        let first = found(
            "every 1h",
            "2026-09-01T00:00:00Z",
            "2026-09-30T23:30:00Z",
            9,
        );
        assert_eq!(
            first,
            ["2026-09-30T23:00:00Z"],
            "at 22:00 it has just begun"
        );
        let last = found(
            "every 1h",
            "2026-12-31T21:30:00Z",
            "2027-03-01T00:00:00Z",
            9,
        );
        assert_eq!(last, ["2026-12-31T22:00:00Z"]);
        assert!(
            found(
                "every 1h",
                "2027-01-02T00:00:00Z",
                "2027-03-01T00:00:00Z",
                9
            )
            .is_empty()
        );
    }
}
