//! The story that the demo tells: how Acme's numbers stand at an instant. Pure arithmetic, the same for every
//! endpoint; the numbers move within seconds, so that there is something to see.

use jiff::Timestamp;

/// Acme at the time the demo began.
#[derive(Clone, Copy, Debug)]
pub struct World {
    /// When the demo began.
    pub began: Timestamp,
    /// The share of the cycle that was gone then.
    pub gone: f64,
}

/// How many issues of a kind there are, or what they add up to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Issues {
    /// Open complaints.
    Complaints,
    /// Questions of this cycle.
    Questions,
    /// Questions of this cycle that were answered.
    Answered,
    /// Corrections of the last 30 days.
    Corrections,
    /// Guides published in this cycle.
    Guides,
    /// Issues under the one of the weekly letter.
    Letter,
    /// Those of them that are done.
    LetterDone,
}

impl World {
    /// Subscribers who confirmed.
    #[must_use]
    pub fn subscribers(&self, now: Timestamp) -> u32 {
        count(640.0 + 330.0 * self.gone + self.seconds(now) / 4.0)
    }

    /// Orders since the cycle began.
    #[must_use]
    pub fn orders(&self, now: Timestamp) -> u32 {
        count(310.0 * self.gone + self.seconds(now) / 7.0)
    }

    /// How many issues of a kind there are.
    #[must_use]
    pub fn issues(&self, kind: Issues, now: Timestamp) -> u32 {
        let t = self.seconds(now);
        count(match kind {
            Issues::Complaints => 262.0 + wave(t, 60.0) * 25.0,
            Issues::Questions => 40.0 + 700.0 * self.gone + t / 3.0,
            Issues::Answered => (40.0 + 700.0 * self.gone + t / 3.0) * (0.62 + 0.13 * self.gone),
            Issues::Corrections => 12.0 - 2.0 * self.gone - t / 90.0,
            Issues::Guides => 2.0 + 15.0 * self.gone + t / 45.0,
            Issues::Letter => 8.0,
            Issues::LetterDone => (1.0 + 5.0 * self.gone + t / 600.0).min(7.0),
        })
    }

    /// Visitors of the last 30 days.
    #[must_use]
    pub fn visitors(&self, now: Timestamp) -> u32 {
        count(48_000.0 + 17_000.0 * self.gone + self.seconds(now) * 6.0)
    }

    /// Sign-ups of a hundred visitors.
    #[must_use]
    pub fn conversion_rate(&self, now: Timestamp) -> f64 {
        tenth(2.5 + 0.6 * self.gone + wave(self.seconds(now), 90.0) * 0.1)
    }

    /// Visits of a hundred that end on their first page.
    #[must_use]
    pub fn bounce_rate(&self, now: Timestamp) -> f64 {
        let t = self.seconds(now);
        (52.0 - (t / 30.0).min(6.0)).round()
    }

    /// How far the story is told.
    #[must_use]
    pub fn seconds(&self, now: Timestamp) -> f64 {
        now.duration_since(self.began).as_secs_f64().max(0.0)
    }
}

/// Up and down between -1 and 1.
fn wave(seconds: f64, period: f64) -> f64 {
    (seconds * std::f64::consts::TAU / period).sin()
}

fn tenth(x: f64) -> f64 {
    (x * 10.0).round() / 10.0
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the numbers of the story are small; below zero there is nothing to count"
)]
fn count(x: f64) -> u32 {
    x.max(0.0) as u32
}
