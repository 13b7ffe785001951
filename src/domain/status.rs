//! Status: the ten words in which okrd judges, and their order when several meet.
//! The rules: the OKR method, "Pace and status". Knows no clock and no samples but those it is given.

use std::fmt;

use jiff::{SignedDuration, Timestamp};

use super::cycle::Cycle;
use super::method::{Ambition, PaceBy};
use super::progress::{EPSILON, at_least, pace};

/// How a key result or objective stands. The words are the contract's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// The cycle has ended and settled.
    Closed,
    /// The cycle has not begun.
    Pending,
    /// Never measured.
    NoData,
    /// The newest value is too old to judge.
    Stale,
    /// Collecting a baseline.
    Measuring,
    /// The target is met now; a level can fall back.
    AtTarget,
    /// Less than a tenth of the plan was due so far.
    TooEarly,
    /// On pace.
    OnTrack,
    /// Behind pace.
    AtRisk,
    /// Far behind pace.
    OffTrack,
}

impl Status {
    /// All statuses, in the order of the contract.
    pub const ALL: [Self; 10] = [
        Self::Closed,
        Self::Pending,
        Self::NoData,
        Self::Stale,
        Self::Measuring,
        Self::AtTarget,
        Self::TooEarly,
        Self::OnTrack,
        Self::AtRisk,
        Self::OffTrack,
    ];

    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Pending => "pending",
            Self::NoData => "no_data",
            Self::Stale => "stale",
            Self::Measuring => "measuring",
            Self::AtTarget => "at_target",
            Self::TooEarly => "too_early",
            Self::OnTrack => "on_track",
            Self::AtRisk => "at_risk",
            Self::OffTrack => "off_track",
        }
    }

    /// The status behind a word.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Where an instant lies in the life of a cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Before its start.
    Pending,
    /// From its start until it has settled.
    Open,
    /// Ended and settled: its figures are final.
    Closed,
}

impl Phase {
    /// How long after its end a cycle still takes late data: 7 days.
    pub const SETTLE: SignedDuration = SignedDuration::from_hours(7 * 24);

    /// The phase of `cycle` at `now`.
    #[must_use]
    pub fn of(cycle: &Cycle, now: Timestamp) -> Self {
        if now < cycle.start() {
            Self::Pending
        } else if now.duration_since(cycle.end()) >= Self::SETTLE {
            Self::Closed
        } else {
            Self::Open
        }
    }
}

/// What the figures of a key result say, before the calendar and the age of its data have had their word.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Standing {
    /// Never measured.
    NoData,
    /// The newest value is older than it may be.
    Stale,
    /// Measured, but without a baseline to judge from.
    Measuring,
    /// On its way from a baseline to a target.
    Reach {
        /// The share of the way made, unclamped.
        raw: f64,
        /// Whether the target is met now.
        met: bool,
        /// The planned share, q.
        planned: f64,
        /// How high the objective aims.
        ambition: Ambition,
        /// How the pace is told.
        by: PaceBy,
    },
    /// Keeping to a band.
    Hold {
        /// Whether the newest value lies in it.
        in_band: bool,
        /// The share of the time allowed outside that is left.
        budget_left: f64,
    },
}

/// From which planned share on a pace means something.
const TOO_EARLY: f64 = 0.10;
/// How far on the wrong side of the baseline is a risk even before that.
const EARLY_REGRESS: f64 = -0.10;
/// How far behind the plan is on track, where the pace is told as a gap.
const GAP_ON_TRACK: f64 = -0.10;
/// How far behind it is at risk.
const GAP_AT_RISK: f64 = -0.25;
/// Up to which share of the budget left a band is at risk.
const BUDGET_LOW: f64 = 0.25;

impl Status {
    /// The status of a key result; the first rule that fits wins.
    #[must_use]
    pub fn of(phase: Phase, standing: Standing) -> Self {
        match (phase, standing) {
            (Phase::Closed, _) => Self::Closed,
            (Phase::Pending, _) => Self::Pending,
            (Phase::Open, Standing::NoData) => Self::NoData,
            (Phase::Open, Standing::Stale) => Self::Stale,
            (Phase::Open, Standing::Measuring) => Self::Measuring,
            (Phase::Open, Standing::Reach { met: true, .. }) => Self::AtTarget,
            (
                Phase::Open,
                Standing::Reach {
                    raw,
                    planned,
                    ambition,
                    by,
                    ..
                },
            ) => Self::of_pace(raw, planned, ambition, by),
            (
                Phase::Open,
                Standing::Hold {
                    in_band,
                    budget_left,
                },
            ) => Self::of_budget(in_band, budget_left),
        }
    }

    /// Rules 7 and 8 for a target: too early to tell, or the band in which the pace `raw / (S · q)` lies, or the gap
    /// `raw − q`.
    fn of_pace(raw: f64, planned: f64, ambition: Ambition, by: PaceBy) -> Self {
        if !at_least(planned, TOO_EARLY) {
            return if at_least(EARLY_REGRESS, raw) {
                Self::AtRisk
            } else {
                Self::TooEarly
            };
        }
        if by == PaceBy::Gap {
            return match raw - planned {
                gap if at_least(gap, GAP_ON_TRACK) => Self::OnTrack,
                gap if at_least(gap, GAP_AT_RISK) => Self::AtRisk,
                _ => Self::OffTrack,
            };
        }
        let (on_track, at_risk) = match ambition {
            Ambition::Aspirational => (0.90, 0.70),
            Ambition::Committed => (0.95, 0.75),
        };
        match pace(raw, ambition.expected_score() * planned) {
            Some(pace) if at_least(pace, on_track) => Self::OnTrack,
            Some(pace) if at_least(pace, at_risk) => Self::AtRisk,
            _ => Self::OffTrack,
        }
    }

    /// Rule 8 for a band.
    fn of_budget(in_band: bool, budget_left: f64) -> Self {
        if in_band && budget_left > BUDGET_LOW + EPSILON {
            Self::OnTrack
        } else if budget_left > EPSILON {
            Self::AtRisk
        } else {
            Self::OffTrack
        }
    }

    /// Where it stands when the worst of several is sought, the larger the worse. `None`: says nothing about how
    /// things go.
    fn badness(self) -> Option<u8> {
        Some(match self {
            Self::Closed | Self::Pending => return None,
            Self::AtTarget => 0,
            Self::OnTrack => 1,
            Self::TooEarly => 2,
            Self::Measuring => 3,
            Self::Stale => 4,
            Self::NoData => 5,
            Self::AtRisk => 6,
            Self::OffTrack => 7,
        })
    }

    /// The status of an objective: the worst of what counts in it, and of what its guardrails leave possible.
    /// Silence is never green: where nothing counts it is [`Status::NoData`].
    #[must_use]
    pub fn of_objective(
        phase: Phase,
        counting: impl IntoIterator<Item = Self>,
        guardrails: impl IntoIterator<Item = Guardrail>,
    ) -> Self {
        match phase {
            Phase::Closed => return Self::Closed,
            Phase::Pending => return Self::Pending,
            Phase::Open => {}
        }
        let worst = counting
            .into_iter()
            .filter(|status| status.badness().is_some())
            .max_by_key(|status| status.badness())
            .unwrap_or(Self::NoData);
        let caps = guardrails.into_iter().filter_map(Guardrail::cap);
        caps.fold(worst, |a, b| if b.badness() > a.badness() { b } else { a })
    }
}

/// A key result that guards an objective: how it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guardrail {
    /// Its status.
    pub status: Status,
    /// Whether its newest value lies in its band; `None` when it has no band.
    pub in_band: Option<bool>,
}

impl Guardrail {
    /// Whether it is broken: its value lies outside its band now, or it is off track.
    #[must_use]
    pub fn is_breached(self) -> bool {
        match self.status {
            Status::OffTrack => true,
            Status::AtRisk => self.in_band == Some(false),
            _ => false,
        }
    }

    /// The best status it leaves to its objective: [`Status::AtRisk`] when breached, and its own silence when it
    /// cannot tell.
    fn cap(self) -> Option<Status> {
        match self.status {
            Status::Stale | Status::NoData => Some(self.status),
            _ => self.is_breached().then_some(Status::AtRisk),
        }
    }
}

/// Whether people's confidence (0..1) contradicts the status: confident while off track, or doubtful while on track.
#[must_use]
pub fn contradicts(confidence: f64, status: Status) -> bool {
    match status {
        Status::OffTrack => at_least(confidence, 0.7),
        Status::OnTrack => !at_least(confidence, 0.4),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Ambition::{Aspirational, Committed};
    use jiff::civil::date;
    use jiff::tz::TimeZone;
    use proptest::prelude::*;

    fn reach(raw: f64, planned: f64, ambition: Ambition) -> Standing {
        Standing::Reach {
            raw,
            met: false,
            planned,
            ambition,
            by: PaceBy::Ratio,
        }
    }

    fn hold(in_band: bool, burned_days: f64) -> Standing {
        Standing::Hold {
            in_band,
            budget_left: 1.0 - burned_days / 9.0,
        }
    }

    /// Raw progress, planned share, ambition, status.
    #[test]
    fn pace_bands_match_the_vectors() {
        for (raw, planned, ambition, status) in [
            (0.42, 0.5, Aspirational, Status::OnTrack),
            (0.315, 0.5, Aspirational, Status::OnTrack),
            (0.30, 0.5, Aspirational, Status::AtRisk),
            (0.245, 0.5, Aspirational, Status::AtRisk),
            (0.20, 0.5, Aspirational, Status::OffTrack),
            (-0.1, 0.5, Aspirational, Status::OffTrack),
            (0.42, 0.5, Committed, Status::AtRisk),
            (0.3, 0.4, Committed, Status::AtRisk),
            (0.05, 0.08, Committed, Status::TooEarly),
            (0.2, 0.0, Aspirational, Status::TooEarly),
            (-0.2, 0.0, Aspirational, Status::AtRisk),
            // The limits themselves: a tenth is no longer early, and a tenth backwards is a risk.
            (0.0, 0.1, Aspirational, Status::OffTrack),
            (0.0, 0.3 - 0.2, Aspirational, Status::OffTrack),
            (-0.1, 0.05, Committed, Status::AtRisk),
            (-0.09, 0.05, Committed, Status::TooEarly),
            // The worked example.
            (0.75, 0.5, Aspirational, Status::OnTrack),
            (-0.1, 0.5, Aspirational, Status::OffTrack),
        ] {
            let found = Status::of(Phase::Open, reach(raw, planned, ambition));
            assert_eq!(found, status, "{raw} {planned} {ambition:?}");
        }
    }

    /// Raw progress, planned share, status, whatever the ambition.
    #[test]
    fn a_gap_is_counted_in_points_of_the_way() {
        for (raw, planned, status) in [
            (0.6, 0.5, Status::OnTrack),
            (0.4, 0.5, Status::OnTrack),
            // f64 makes -0.10000000000000003 of 0.2 − 0.3, and -0.25000000000000006 of 0.15 − 0.4.
            (0.2, 0.3, Status::OnTrack),
            (0.15, 0.4, Status::AtRisk),
            (0.39, 0.5, Status::AtRisk),
            (0.25, 0.5, Status::AtRisk),
            (0.24, 0.5, Status::OffTrack),
            (-0.1, 0.5, Status::OffTrack),
            (0.0, 0.1, Status::OnTrack),
            // Too early to tell comes first, and so does a step back.
            (0.0, 0.09, Status::TooEarly),
            (-0.2, 0.0, Status::AtRisk),
        ] {
            for ambition in [Aspirational, Committed] {
                let (met, by) = (false, PaceBy::Gap);
                let standing = Standing::Reach {
                    raw,
                    met,
                    planned,
                    ambition,
                    by,
                };
                let found = Status::of(Phase::Open, standing);
                assert_eq!(found, status, "{raw} {planned} {ambition:?}");
            }
        }
    }

    /// 90 days, c* 0.9: in band now, days outside, status.
    #[test]
    fn bands_match_the_vectors() {
        for (in_band, burned, status) in [
            (true, 3.0, Status::OnTrack),
            (false, 3.0, Status::AtRisk),
            (true, 7.0, Status::AtRisk),
            (true, 9.5, Status::OffTrack),
            (false, 9.5, Status::OffTrack),
            // The limits themselves: a quarter left, nothing left.
            (true, 6.75, Status::AtRisk),
            (true, 9.0, Status::OffTrack),
            (true, 0.0, Status::OnTrack),
        ] {
            let found = Status::of(Phase::Open, hold(in_band, burned));
            assert_eq!(found, status, "{in_band} {burned}");
        }
    }

    #[test]
    fn the_first_rule_that_fits_wins() {
        let met = Standing::Reach {
            raw: 1.0,
            met: true,
            planned: 0.01,
            ambition: Committed,
            by: PaceBy::Ratio,
        };
        for (standing, open) in [
            (Standing::NoData, Status::NoData),
            (Standing::Stale, Status::Stale),
            (Standing::Measuring, Status::Measuring),
            (met, Status::AtTarget),
            (reach(0.0, 0.01, Committed), Status::TooEarly),
            // A band is judged from its first day and is never at its target.
            (hold(true, 0.0), Status::OnTrack),
        ] {
            assert_eq!(Status::of(Phase::Closed, standing), Status::Closed);
            assert_eq!(Status::of(Phase::Pending, standing), Status::Pending);
            assert_eq!(Status::of(Phase::Open, standing), open);
        }
    }

    #[test]
    fn a_cycle_is_closed_seven_days_after_its_end() {
        let name = crate::domain::id::CycleName::parse("2026-Q1").unwrap();
        let cycle = Cycle::new(name, date(2026, 1, 1), date(2026, 3, 31), TimeZone::UTC).unwrap();
        for (now, phase) in [
            ("2025-12-31T23:59:59Z", Phase::Pending),
            ("2026-01-01T00:00:00Z", Phase::Open),
            ("2026-04-07T23:59:59Z", Phase::Open),
            ("2026-04-08T00:00:00Z", Phase::Closed),
        ] {
            assert_eq!(Phase::of(&cycle, now.parse().unwrap()), phase, "{now}");
        }
    }

    fn guardrail(status: Status, in_band: bool) -> Guardrail {
        Guardrail {
            status,
            in_band: Some(in_band),
        }
    }

    /// What counts, what guards, the objective's status.
    #[test]
    fn objectives_take_the_worst_of_what_counts() {
        use Status::{AtRisk, AtTarget, Measuring, NoData, OffTrack, OnTrack, Stale, TooEarly};
        type Row<'a> = (&'a [Status], &'a [Guardrail], Status);
        let breached = guardrail(AtRisk, false);
        let rows: [Row<'_>; 17] = [
            (&[OnTrack, Stale], &[], Stale),
            (&[OffTrack, Stale], &[], OffTrack),
            (&[AtTarget, AtTarget], &[breached], AtRisk),
            // The worked example: off track; with its visitors never measured: no data.
            (&[OnTrack, OnTrack, OffTrack], &[], OffTrack),
            (&[OnTrack, OnTrack, NoData], &[], NoData),
            // The whole order.
            (&[AtTarget, OnTrack], &[], OnTrack),
            (&[OnTrack, TooEarly], &[], TooEarly),
            (&[OnTrack, Measuring], &[], Measuring),
            (&[TooEarly, Stale], &[], Stale),
            (&[NoData, AtRisk], &[], AtRisk),
            (&[AtRisk, OffTrack], &[], OffTrack),
            (&[AtTarget], &[], AtTarget),
            // A cap never makes things better, and a whole guardrail changes nothing.
            (&[OffTrack], &[breached], OffTrack),
            (
                &[OnTrack],
                &[guardrail(OnTrack, true), guardrail(AtRisk, true)],
                OnTrack,
            ),
            // A spent budget is a breach even with the value back in its band.
            (&[OnTrack], &[guardrail(OffTrack, true)], AtRisk),
            // Silence is never green.
            (&[OnTrack], &[guardrail(NoData, true)], NoData),
            (&[], &[], NoData),
        ];
        for (counting, guards, status) in rows {
            let found = Status::of_objective(
                Phase::Open,
                counting.iter().copied(),
                guards.iter().copied(),
            );
            assert_eq!(found, status, "{counting:?} {guards:?}");
        }
        let closed = Status::of_objective(Phase::Closed, [OffTrack], [breached]);
        let pending = Status::of_objective(Phase::Pending, [NoData], []);
        assert_eq!((closed, pending), (Status::Closed, Status::Pending));
    }

    #[test]
    fn confidence_and_status_may_disagree() {
        for (confidence, status, disagree) in [
            (0.7, Status::OffTrack, true),
            (0.69, Status::OffTrack, false),
            (0.39, Status::OnTrack, true),
            (0.4, Status::OnTrack, false),
            (0.1, Status::OffTrack, false),
            (0.9, Status::AtRisk, false),
        ] {
            assert_eq!(
                contradicts(confidence, status),
                disagree,
                "{confidence} {status}"
            );
        }
    }

    fn any_status() -> impl Strategy<Value = Status> {
        prop::sample::select(Status::ALL.to_vec())
    }

    proptest! {
        /// Whatever the figures, there is one status, and it is one that an open key result can have.
        #[test]
        fn every_standing_has_a_status(raw in any::<f64>(), planned in any::<f64>(), met: bool, in_band: bool, committed: bool, gap: bool) {
            let ambition = if committed { Committed } else { Aspirational };
            let by = if gap { PaceBy::Gap } else { PaceBy::Ratio };
            let reach = Status::of(Phase::Open, Standing::Reach { raw, met, planned, ambition, by });
            let hold = Status::of(Phase::Open, Standing::Hold { in_band, budget_left: raw });
            for status in [reach, hold] {
                prop_assert!(!matches!(status, Status::Closed | Status::Pending | Status::NoData | Status::Stale));
            }
        }

        /// More progress never makes the status worse.
        #[test]
        fn more_progress_is_never_worse(a in -2.0..2.0, b in -2.0..2.0, planned in 0.0..=1.0, committed: bool) {
            let ambition = if committed { Committed } else { Aspirational };
            let status = |raw| Status::of(Phase::Open, reach(raw, planned, ambition)).badness();
            prop_assert!(status(f64::max(a, b)) <= status(f64::min(a, b)));
        }

        #[test]
        fn order_does_not_matter(
            (given, mixed) in prop::collection::vec(any_status(), 0..8)
                .prop_flat_map(|s| (Just(s.clone()), Just(s).prop_shuffle())),
        ) {
            prop_assert_eq!(
                Status::of_objective(Phase::Open, given, []),
                Status::of_objective(Phase::Open, mixed, [])
            );
        }
    }
}
