//! Figures in words for the page: numbers, ages, statuses. Knows no markup; `now` is an argument.

pub use crate::domain::number::show as number;
use jiff::Timestamp;

use crate::domain::goals::InitiativeState;
use crate::domain::id::Slug;
use crate::domain::status::Status;
use crate::domain::verdict::Closing;
use crate::engine::lane::Held;

/// A status as a person says it.
#[must_use]
pub fn status(status: Status) -> &'static str {
    match status {
        Status::Closed => "Closed",
        Status::Pending => "Not begun",
        Status::NoData => "No data yet",
        Status::Stale => "Stale",
        Status::Measuring => "Measuring",
        Status::AtTarget => "At target",
        Status::TooEarly => "Too early to tell",
        Status::OnTrack => "On track",
        Status::AtRisk => "At risk",
        Status::OffTrack => "Off track",
    }
}

/// The status of an objective as a person says it: of one that has some data it would be wrong that there is none yet.
#[must_use]
pub fn objective_status(of: Status, has_data: bool) -> &'static str {
    match of {
        Status::NoData if has_data => "Data missing",
        other => status(other),
    }
}

/// How something ended, once its cycle is closed: "Closed: 0.7, achieved".
#[must_use]
pub fn ended(status: &str, closing: Option<Closing>) -> String {
    closing.map_or_else(
        || status.to_owned(),
        |closing| format!("{status}: {}", closing.as_amended.words()),
    )
}

/// That people's confidence and the status say different things, as one sentence.
#[must_use]
pub fn disagrees(confidence: f64) -> String {
    format!(
        "People put their confidence at {}, which differs from what the figures say: worth a word.",
        percent(confidence)
    )
}

/// The state of an initiative as a person says it.
#[must_use]
pub fn initiative(state: InitiativeState) -> &'static str {
    match state {
        InitiativeState::Idea => "Idea",
        InitiativeState::Doing => "Doing",
        InitiativeState::Done => "Done",
        InitiativeState::Dropped => "Dropped",
    }
}

/// A share as whole percent.
#[must_use]
pub fn percent(share: f64) -> String {
    number((share * 100.0).round()) + "\u{a0}%"
}

/// A number with its unit; `%` and words alike stand apart from the number.
#[must_use]
pub fn quantity(value: f64, unit: &str) -> String {
    let number = number(value);
    if unit.is_empty() {
        number
    } else {
        format!("{number}\u{a0}{unit}")
    }
}

/// How long ago, roughly: the largest unit of which there are two, or one.
#[must_use]
pub fn ago(at: Timestamp, now: Timestamp) -> String {
    match now.as_second().saturating_sub(at.as_second()) {
        ..0 => "in the future".into(),
        0..10 => "just now".into(),
        s @ 10..120 => format!("{s} s ago"),
        s @ 120..7_200 => format!("{} min ago", s / 60),
        s @ 7_200..172_800 => format!("{} h ago", s / 3_600),
        s => format!("{} days ago", s / 86_400),
    }
}

/// Why a source is left alone, and what to do about it where somebody must act.
#[must_use]
pub fn held(source: &Slug, held: Held, now: Timestamp) -> String {
    match held {
        Held::Login { since } => format!(
            "polling is held back since its login was refused {}: give it another secret, or run `okrd resume {source}`",
            ago(since, now)
        ),
        Held::Patience { until, .. } => {
            format!("polling is held back until {}, as it asked", utc(until))
        }
        Held::Trouble { until, .. } => format!(
            "it failed several times in a row; {} one question tells whether it is back",
            utc(until)
        ),
    }
}

fn utc(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_and_quantities_read_well() {
        assert_eq!(percent(0.388_9), "39\u{a0}%");
        assert_eq!(quantity(780.0, "subscribers"), "780\u{a0}subscribers");
        assert_eq!(quantity(3.0, ""), "3");
    }

    #[test]
    fn ages_are_rough() {
        let at = Timestamp::UNIX_EPOCH;
        for (seconds, expected) in [
            (3, "just now"),
            (60, "60 s ago"),
            (240, "4 min ago"),
            (9 * 3_600, "9 h ago"),
            (4 * 86_400, "4 days ago"),
            (-5, "in the future"),
        ] {
            let now = Timestamp::from_second(seconds).unwrap_or_default();
            assert_eq!(ago(at, now), expected);
        }
    }
}
