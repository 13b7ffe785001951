//! Verdicts: what a closed cycle says of its key results and objectives, twice where something was amended. The rules:
//! the OKR method, "Close, score, verdict". Planning data, not appraisal: knows no people, no samples and no clock.

use jiff::Timestamp;

use super::forecast::ForecastError;
use super::method::{Ambition, Boundaries, Terms};
use super::progress::{EPSILON, at_least, clamped};
use super::target::Aim;

/// What the final score of a key result or objective says about the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// All of it was reached: the target was not ambitious enough.
    TooEasy,
    /// More than the sweet spot.
    Strong,
    /// The sweet spot; of what was committed or held: all that was due.
    Achieved,
    /// A part of the way.
    Partial,
    /// Less than that.
    Missed,
    /// There is no score: nothing was measured, or there was nothing to judge it by.
    NotScored,
}

impl Verdict {
    /// All verdicts, best first.
    pub const ALL: [Self; 6] = [
        Self::TooEasy,
        Self::Strong,
        Self::Achieved,
        Self::Partial,
        Self::Missed,
        Self::NotScored,
    ];

    /// The word for it, for programs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TooEasy => "too_easy",
            Self::Strong => "strong",
            Self::Achieved => "achieved",
            Self::Partial => "partial",
            Self::Missed => "missed",
            Self::NotScored => "not_scored",
        }
    }

    /// The verdict behind a word.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|verdict| verdict.as_str() == text)
    }

    /// Whether it counts as achieved.
    #[must_use]
    pub fn is_achieved(self) -> bool {
        matches!(self, Self::TooEasy | Self::Strong | Self::Achieved)
    }
}

impl Boundaries {
    /// The verdict on a share of the way, unclamped, of what aims that high.
    #[must_use]
    pub fn of_way(&self, raw: f64, ambition: Ambition) -> Verdict {
        let score = clamped(raw);
        match ambition {
            Ambition::Committed if at_least(raw, ambition.expected_score()) => Verdict::Achieved,
            Ambition::Committed => Verdict::Missed,
            Ambition::Aspirational if at_least(raw, self.too_easy_at) => Verdict::TooEasy,
            Ambition::Aspirational if score > self.sweet_spot_to + EPSILON => Verdict::Strong,
            Ambition::Aspirational if at_least(score, self.achieved_at) => Verdict::Achieved,
            Ambition::Aspirational if at_least(score, self.partial_at) => Verdict::Partial,
            Ambition::Aspirational => Verdict::Missed,
        }
    }

    /// The verdict on a band: it was held for the expected share of known time, c*, or it was not.
    #[must_use]
    pub fn of_band(compliance: f64, expected: f64) -> Verdict {
        if at_least(compliance, expected) {
            Verdict::Achieved
        } else {
            Verdict::Missed
        }
    }
}

/// A final score with its verdict.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outcome {
    /// 0 to 1; `None` when there is none, which is never 0.
    pub score: Option<f64>,
    /// What it says.
    pub verdict: Verdict,
}

impl Outcome {
    /// Of a key result: `raw` is its final share of the way, for a band its compliance.
    #[must_use]
    pub fn of_key_result(aim: &Aim, raw: Option<f64>, terms: Terms) -> Self {
        let of_way = |raw| terms.method.boundaries.of_way(raw, terms.ambition);
        Self::of(raw, |raw| match aim {
            Aim::Reach(_) => of_way(raw),
            Aim::Hold(hold) => Boundaries::of_band(raw, hold.compliance),
            // What can go no further than done is never too easy.
            Aim::Milestones(_) | Aim::Done => match of_way(raw) {
                Verdict::TooEasy | Verdict::Strong => Verdict::Achieved,
                other => other,
            },
            // It has no target that it could have reached.
            Aim::Baseline(_) => Verdict::NotScored,
        })
    }

    /// Of an objective: `score` is its roll-up at close.
    #[must_use]
    pub fn of_objective(score: Option<f64>, terms: Terms) -> Self {
        Self::of(score, |raw| {
            terms.method.boundaries.of_way(raw, terms.ambition)
        })
    }

    fn of(raw: Option<f64>, judge: impl Fn(f64) -> Verdict) -> Self {
        Self {
            score: raw.map(clamped),
            verdict: raw.map_or(Verdict::NotScored, judge),
        }
    }
}

/// How something ended, seen from what was agreed in the end and from what was agreed first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Closing {
    /// With all amendments; without any it is the only one.
    pub as_amended: Outcome,
    /// As if nothing had been amended.
    pub as_committed: Outcome,
}

impl Closing {
    /// The outcome as first committed, where it is another.
    #[must_use]
    pub fn committed_otherwise(&self) -> Option<Outcome> {
        (self.as_committed != self.as_amended).then_some(self.as_committed)
    }
}

/// The closing of a key result as it was kept, with the figures it rests on. Whatever changes in the files later, this is
/// what is shown.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    /// When it was kept.
    pub at: Timestamp,
    /// How it ended.
    pub closing: Closing,
    /// The final value and the instant it describes.
    pub value: Option<(f64, Timestamp)>,
    /// The final share of the way, unclamped; for a band its compliance.
    pub raw: Option<f64>,
    /// The baseline that it was measured from.
    pub baseline: Option<f64>,
    /// The target that it was measured to.
    pub target: Option<f64>,
    /// The sentence that says why.
    pub reason: String,
    /// How far the forecast that stood at half-time was off.
    pub forecast_error: Option<ForecastError>,
}

/// The closing of an objective as it was kept.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KeptObjective {
    /// When it was kept.
    pub at: Timestamp,
    /// How it ended.
    pub closing: Closing,
    /// The share of the weights that was known.
    pub coverage: f64,
}

/// What the scores of several objectives say together, about the targets and not about anyone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetReading {
    /// Above 0.85 on average.
    TooSafe,
    /// From 0.6.
    Healthy,
    /// From 0.4.
    Partial,
    /// Below that.
    Outran,
}

impl SetReading {
    /// Reads the mean of the scores.
    #[must_use]
    pub fn of(mean: f64) -> Self {
        if mean > 0.85 + EPSILON {
            Self::TooSafe
        } else if at_least(mean, 0.6) {
            Self::Healthy
        } else if at_least(mean, 0.4) {
            Self::Partial
        } else {
            Self::Outran
        }
    }

    /// The word for it, for programs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TooSafe => "too_safe",
            Self::Healthy => "healthy",
            Self::Partial => "partial",
            Self::Outran => "outran_capacity",
        }
    }

    /// What it says, for people.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::TooSafe => "the targets were too safe",
            Self::Healthy => "healthy",
            Self::Partial => "partial",
            Self::Outran => "the targets outran capacity",
        }
    }
}

/// The mean of the scores that are known; `None` without one.
#[must_use]
pub fn mean(scores: impl IntoIterator<Item = f64>) -> Option<f64> {
    let (sum, n) = scores
        .into_iter()
        .fold((0.0, 0.0), |(sum, n), score| (sum + score, n + 1.0));
    (n > 0.0).then(|| sum / n)
}

/// A score to be shown: rounded to tenths, half away from zero. Verdicts never see it.
#[must_use]
pub fn tenths(score: f64) -> f64 {
    ((score.abs() + EPSILON) * 10.0).round() / 10.0 * score.signum()
}

/// Whether a target looks too safe: all of it is reached before half of the cycle has passed.
#[must_use]
pub fn looks_too_safe(raw: f64, elapsed: f64) -> bool {
    at_least(raw, 1.0) && !at_least(elapsed, 0.5)
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "tests")]
mod tests {
    use super::*;
    use crate::words::ENGLISH;
    use Ambition::{Aspirational, Committed};
    use proptest::prelude::*;

    /// The table of verdicts, its boundaries and a step beside each: raw, verdict, achieved.
    #[test]
    fn aspirational_verdicts_match_the_table() {
        for (raw, verdict, achieved) in [
            (1.4, Verdict::TooEasy, true),
            (1.0, Verdict::TooEasy, true),
            (0.999_999, Verdict::Strong, true),
            (0.700_001, Verdict::Strong, true),
            (0.7, Verdict::Achieved, true),
            (0.65, Verdict::Achieved, true),
            (0.6, Verdict::Achieved, true),
            (0.599_999, Verdict::Partial, false),
            (0.4, Verdict::Partial, false),
            (0.399_999, Verdict::Missed, false),
            (0.0, Verdict::Missed, false),
            (-0.25, Verdict::Missed, false),
        ] {
            let found = Boundaries::default().of_way(raw, Aspirational);
            assert_eq!((found, found.is_achieved()), (verdict, achieved), "{raw}");
        }
    }

    /// f64 gives 0.59999999999997 for (99.91 − 99.85)/(99.95 − 99.85), and its kin at every boundary.
    #[test]
    fn rounding_errors_move_no_verdict() {
        for (raw, verdict) in [
            (0.599_999_999_999_97, Verdict::Achieved),
            (0.1 * 7.0, Verdict::Achieved),
            (0.700_000_000_000_01, Verdict::Achieved),
            (0.399_999_999_999_99, Verdict::Partial),
            (0.999_999_999_999_99, Verdict::TooEasy),
        ] {
            let found = Boundaries::default().of_way(raw, Aspirational);
            assert_eq!(found, verdict, "{raw}");
        }
        let committed = Boundaries::default().of_way(0.999_999_999_999_99, Committed);
        assert_eq!(committed, Verdict::Achieved);
        assert_eq!(
            Boundaries::of_band(0.899_999_999_999, 0.9),
            Verdict::Achieved
        );
    }

    #[test]
    fn what_was_committed_is_achieved_as_a_whole_or_missed_and_never_too_easy() {
        for (raw, verdict) in [
            (1.5, Verdict::Achieved),
            (1.0, Verdict::Achieved),
            (0.99, Verdict::Missed),
            (0.65, Verdict::Missed),
            (-1.0, Verdict::Missed),
        ] {
            assert_eq!(Boundaries::default().of_way(raw, Committed), verdict);
        }
        let advice = ENGLISH.advice(Verdict::Missed, Committed);
        assert_eq!(advice, Some("a written cause is asked for"));
    }

    #[test]
    fn a_band_was_held_or_not() {
        for (compliance, expected, verdict) in [
            (0.9, 0.9, Verdict::Achieved),
            (1.0, 0.9, Verdict::Achieved),
            (0.89, 0.9, Verdict::Missed),
            (0.99, 1.0, Verdict::Missed),
        ] {
            assert_eq!(Boundaries::of_band(compliance, expected), verdict);
        }
    }

    #[test]
    fn boundaries_are_settings() {
        let strict = Boundaries {
            achieved_at: 0.7,
            sweet_spot_to: 0.8,
            ..Boundaries::default()
        };
        assert_eq!(strict.of_way(0.65, Aspirational), Verdict::Partial);
        assert_eq!(strict.of_way(0.75, Aspirational), Verdict::Achieved);
        assert_eq!(strict.of_way(0.85, Aspirational), Verdict::Strong);
    }

    /// The [V] row on display, and its negatives.
    #[test]
    fn scores_show_in_tenths_half_away_from_zero() {
        for (score, shown) in [
            (0.34, 0.3),
            (0.35, 0.4),
            (0.65, 0.7),
            (0.649, 0.6),
            (0.0, 0.0),
            (1.0, 1.0),
            (-0.35, -0.4),
            // 0.3 + 0.15, which f64 holds just below .45.
            (0.449_999_999_999_999_96, 0.5),
        ] {
            assert_eq!(tenths(score), shown, "{score}");
        }
        let outcome = |score| ENGLISH.outcome(Outcome::of_objective(score, Aspirational.into()));
        assert_eq!(outcome(Some(0.65)), "0.7, achieved");
        assert_eq!(outcome(None), "not scored");
    }

    #[test]
    fn sets_of_objectives_are_read_by_their_mean() {
        for (mean, reading) in [
            (0.86, SetReading::TooSafe),
            (0.85, SetReading::Healthy),
            (0.850_000_000_000_1, SetReading::Healthy),
            (0.6, SetReading::Healthy),
            (0.59, SetReading::Partial),
            (0.4, SetReading::Partial),
            (0.39, SetReading::Outran),
        ] {
            assert_eq!(SetReading::of(mean), reading, "{mean}");
        }
        assert_eq!(mean([0.5, 0.75]), Some(0.625));
        assert_eq!(mean([]), None);
    }

    #[test]
    fn an_early_sign_needs_all_of_the_way_in_less_than_half_of_the_time() {
        for (raw, elapsed, safe) in [
            (1.0, 0.49, true),
            (1.2, 0.0, true),
            (1.0, 0.5, false),
            (0.99, 0.1, false),
        ] {
            assert_eq!(looks_too_safe(raw, elapsed), safe, "{raw} {elapsed}");
        }
    }

    #[test]
    fn words_are_read_back_and_judge_nobody() {
        for verdict in Verdict::ALL {
            assert_eq!(Verdict::parse(verdict.as_str()), Some(verdict));
            for word in ["fail", "good", "bad", "poor", "excellent"] {
                let advice = ENGLISH.advice(verdict, Aspirational).unwrap_or_default();
                let said = ENGLISH.verdict(verdict).to_owned() + advice;
                assert!(!said.contains(word), "{said}");
            }
        }
        assert_eq!(Verdict::parse("failed"), None);
    }

    proptest! {
        #[test]
        fn more_of_the_way_is_never_a_worse_verdict(a in -2.0..3.0, b in -2.0..3.0, committed in any::<bool>()) {
            let ambition = if committed { Committed } else { Aspirational };
            let verdict = |raw: f64| Boundaries::default().of_way(raw, ambition);
            prop_assert!(verdict(f64::max(a, b)) <= verdict(f64::min(a, b)));
        }

        #[test]
        fn a_score_is_a_share_and_shown_near_itself(raw in -2.0..3.0) {
            let outcome = Outcome::of_objective(Some(raw), Aspirational.into());
            let score = outcome.score.unwrap();
            prop_assert!((0.0..=1.0).contains(&score));
            prop_assert!((tenths(score) - score).abs() <= 0.05 + 1e-9);
        }
    }
}
