//! The pace at which questions begin, and the hosts that several sources share: together these have no more questions under
//! way and begin no more a minute than the one of them that may most. Pure; knows no poll.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::dispatch::{LaneIndex, moved};
use super::policy;

/// The least time between the beginnings of two questions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pace {
    gap: Duration,
    next: Option<Timestamp>,
}

impl Pace {
    /// A pace of one question each `gap`; zero lets everything begin at once.
    #[must_use]
    pub fn new(gap: Duration) -> Self {
        Self { gap, next: None }
    }

    /// When the next question may begin, if that is not now.
    #[must_use]
    pub fn waits_until(&self, now: Timestamp) -> Option<Timestamp> {
        let next = self.next.filter(|next| now < *next)?;
        // A clock that was set back must not make it wait for days.
        let gap = SignedDuration::try_from(self.gap).ok()?;
        (next.duration_since(now) <= gap).then_some(next)
    }

    /// The clock was set back or forth by so much.
    pub(super) fn clock_jumped(&mut self, shift: SignedDuration) {
        self.next = self.next.map(|next| moved(next, shift));
    }

    /// A question begins.
    pub fn began(&mut self, now: Timestamp) {
        if !self.gap.is_zero() {
            self.next = Some(policy::later(now, self.gap));
        }
    }
}

/// On what terms a source is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// How many questions it takes at a time.
    pub permits: usize,
    /// The least time between two questions.
    pub gap: Duration,
    /// The host behind it, where others may share it.
    pub host: Option<String>,
    /// How many questions that host takes at a time, as far as this source is concerned.
    pub host_permits: usize,
    /// The longest patience it may ask for.
    pub longest_patience: Duration,
    /// A number of its own, so that sources which stumbled together do not come back together.
    pub seed: u64,
}

/// The hosts behind all sources. A source without a host that others share has one of its own, which limits nothing.
#[derive(Debug, Default)]
pub struct Hosts {
    all: Vec<Host>,
    of: Vec<usize>,
}

#[derive(Debug)]
struct Host {
    permits: usize,
    running: usize,
    pace: Pace,
    members: Vec<LaneIndex>,
    /// The place among the members whose turn is next.
    turn: usize,
}

impl Hosts {
    /// The clock was set back or forth by so much.
    pub(super) fn clock_jumped(&mut self, shift: SignedDuration) {
        for host in &mut self.all {
            host.pace.clock_jumped(shift);
        }
    }

    /// The hosts of sources that are asked on these terms.
    #[must_use]
    pub fn new(terms: &[Terms]) -> Self {
        let mut by_name: BTreeMap<&str, usize> = BTreeMap::new();
        let mut hosts = Self::default();
        for (lane, terms) in terms.iter().enumerate() {
            let known = terms
                .host
                .as_deref()
                .map(|name| *by_name.entry(name).or_insert(hosts.all.len()));
            let place = known.unwrap_or(hosts.all.len());
            hosts.of.push(place);
            match hosts.all.get_mut(place) {
                Some(host) => {
                    host.permits = host.permits.max(terms.host_permits);
                    host.pace.gap = host.pace.gap.min(terms.gap);
                    host.members.push(lane);
                }
                None => hosts.all.push(Host {
                    permits: match known {
                        Some(_) => terms.host_permits.max(1),
                        None => usize::MAX,
                    },
                    running: 0,
                    pace: Pace::new(terms.gap),
                    members: vec![lane],
                    turn: 0,
                }),
            }
        }
        hosts
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.all.len()
    }

    /// The sources of a host, the one whose turn it is first.
    #[must_use]
    pub fn in_turn(&self, host: usize) -> Vec<LaneIndex> {
        let Some(host) = self.all.get(host) else {
            return Vec::new();
        };
        let (first, rest) = host.members.split_at(host.turn.min(host.members.len()));
        rest.iter().chain(first).copied().collect()
    }

    /// Whether the host of a source takes one more question, its pace aside.
    #[must_use]
    pub fn has_permit(&self, lane: LaneIndex) -> bool {
        self.host(lane)
            .is_none_or(|host| host.running < host.permits)
    }

    /// When its pace allows the next question, if that is not now.
    #[must_use]
    pub fn waits_until(&self, lane: LaneIndex, now: Timestamp) -> Option<Timestamp> {
        self.host(lane)?.pace.waits_until(now)
    }

    /// A question to a source begins at `now`; the turn goes to the next source of its host.
    pub fn began(&mut self, lane: LaneIndex, now: Timestamp) {
        if let Some(host) = self.host_mut(lane) {
            host.running += 1;
            host.pace.began(now);
            let place = host.members.iter().position(|member| *member == lane);
            host.turn = place.map_or(0, |place| (place + 1) % host.members.len());
        }
    }

    /// A question that began earlier is under way.
    pub fn goes_on(&mut self, lane: LaneIndex) {
        if let Some(host) = self.host_mut(lane) {
            host.running += 1;
        }
    }

    /// A question to a source ended.
    pub fn ended(&mut self, lane: LaneIndex) {
        if let Some(host) = self.host_mut(lane) {
            host.running = host.running.saturating_sub(1);
        }
    }

    fn host(&self, lane: LaneIndex) -> Option<&Host> {
        self.all.get(*self.of.get(lane)?)
    }

    fn host_mut(&mut self, lane: LaneIndex) -> Option<&mut Host> {
        self.all.get_mut(*self.of.get(lane)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(1_800_000_000_000 + ms).unwrap()
    }

    fn terms(permits: usize, gap: u64, host: Option<&str>) -> Terms {
        Terms {
            permits,
            gap: Duration::from_millis(gap),
            host: host.map(str::to_owned),
            host_permits: permits,
            longest_patience: Duration::from_secs(3600),
            seed: 0,
        }
    }

    #[test]
    fn f59_questions_begin_a_gap_apart_whatever_the_clock_does() {
        let mut pace = Pace::new(Duration::from_millis(100));
        assert_eq!(pace.waits_until(at(0)), None);
        pace.began(at(0));
        assert_eq!(pace.waits_until(at(99)), Some(at(100)));
        assert_eq!(pace.waits_until(at(100)), None);
        assert_eq!(pace.waits_until(at(-60_000)), None, "set back");
        let mut free = Pace::new(Duration::ZERO);
        free.began(at(0));
        assert_eq!(free.waits_until(at(0)), None);
    }

    #[test]
    fn sources_of_one_host_share_what_the_one_may_that_may_most() {
        let host = Some("api.example:443");
        let mut hosts = Hosts::new(&[terms(1, 500, host), terms(2, 100, host), terms(4, 0, None)]);
        assert_eq!(hosts.count(), 2);
        hosts.began(0, at(0));
        assert_eq!(hosts.waits_until(1, at(0)), Some(at(100)));
        assert!(hosts.has_permit(0));
        hosts.began(1, at(100));
        assert!(!hosts.has_permit(0) && !hosts.has_permit(1));
        assert!(hosts.has_permit(2), "it shares with nobody");
        hosts.ended(0);
        assert!(hosts.has_permit(1));
    }

    #[test]
    fn f60_sources_of_one_host_take_turns() {
        let host = Some("db:5432");
        let mut hosts = Hosts::new(&[terms(1, 0, host), terms(1, 0, host), terms(1, 0, host)]);
        assert_eq!(hosts.in_turn(0), [0, 1, 2]);
        hosts.began(0, at(0));
        assert_eq!(hosts.in_turn(0), [1, 2, 0]);
        hosts.began(2, at(0));
        assert_eq!(hosts.in_turn(0), [0, 1, 2]);
    }
}
