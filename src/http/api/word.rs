//! Words of closed sets in the JSON: each set is listed once, and a word that okrd says and the list has not does not
//! compile. Knows no route.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};

use crate::domain::fault::FaultClass;
use crate::domain::forecast::Method;
use crate::domain::goals::{InitiativeState, Kind, ParentLink, Role};
use crate::domain::method::Ambition;
use crate::domain::quality::Flag;
use crate::domain::status::Status;
use crate::domain::target::{Aim, Direction};
use crate::domain::verdict::Verdict;

/// A value of a closed set, each of which has a word.
pub(super) trait Word {
    /// The set's name in the description.
    const NAME: &'static str;
    /// What the set is about, for people.
    const ABOUT: &'static str;
    /// Every word.
    const ALL: &'static [&'static str];
    /// The word of this one.
    fn word(&self) -> &'static str;
}

/// Said by its word.
#[derive(Clone, Copy, Debug)]
pub(super) struct Said<W>(pub(super) W);

impl<W: Word> Serialize for Said<W> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.word())
    }
}

impl<W: Word> JsonSchema for Said<W> {
    fn schema_name() -> Cow<'static, str> {
        W::NAME.into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "description": W::ABOUT, "enum": W::ALL })
    }
}

/// Lists a set; the `match` makes a variant that is missing an error of the compiler.
macro_rules! words {
    ($of:ty, $name:literal, $about:literal: $($variant:pat => $word:literal),+ $(,)?) => {
        impl Word for $of {
            const NAME: &'static str = $name;
            const ABOUT: &'static str = $about;
            const ALL: &'static [&'static str] = &[$($word),+];
            fn word(&self) -> &'static str {
                match self { $($variant => $word),+ }
            }
        }
    };
}

words!(Status, "Status", "How a key result or objective stands.":
    Self::Closed => "closed", Self::Pending => "pending", Self::NoData => "no_data", Self::Stale => "stale",
    Self::Measuring => "measuring", Self::AtTarget => "at_target", Self::TooEarly => "too_early",
    Self::OnTrack => "on_track", Self::AtRisk => "at_risk", Self::OffTrack => "off_track");

words!(Verdict, "Verdict", "What a final score says about the target, never about people.":
    Self::TooEasy => "too_easy", Self::Strong => "strong", Self::Achieved => "achieved",
    Self::Partial => "partial", Self::Missed => "missed", Self::NotScored => "not_scored");

words!(Kind, "Kind", "What the number is: a flow since the start of the cycle, a stock, trailing days, or a share.":
    Self::Cumulative => "cumulative", Self::Level => "level", Self::Window => "window", Self::Ratio => "ratio");

words!(&Aim, "Aim", "What a key result aims for: to go from a baseline to a target, to keep to a band, to do milestones, to make it so, or to collect a baseline.":
    Aim::Reach(_) => "target", Aim::Hold(_) => "band", Aim::Milestones(_) => "milestones",
    Aim::Done => "boolean", Aim::Baseline(_) => "baseline");

words!(Direction, "Direction", "Which way is good.":
    Self::Increase => "increase", Self::Decrease => "decrease", Self::Hold => "hold", Self::Done => "done",
    Self::Unknown => "unknown");

words!(Role, "Role", "Whether it counts into the objective's progress, or only guards it.":
    Self::Contributes => "contributes", Self::Guardrail => "guardrail");

words!(ParentLink, "ParentLink", "Whether the parent is only served, or counts the progress as well.":
    Self::Supports => "supports", Self::Contributes => "contributes");

words!(Ambition, "Ambition", "How high an objective aims: 0.7 of it is a good end, or all of it is due.":
    Self::Aspirational => "aspirational", Self::Committed => "committed");

words!(InitiativeState, "InitiativeState", "How far an initiative is.":
    Self::Idea => "idea", Self::Doing => "doing", Self::Done => "done", Self::Dropped => "dropped");

words!(Method, "ForecastMethod", "How a forecast was drawn.":
    Self::RunRate => "run_rate", Self::TheilSen => "theil_sen", Self::DampedHolt => "damped_holt");

words!(Flag, "Quality", "What may be held against a value.":
    Self::Approximate => "approximate", Self::Sampled => "sampled", Self::Thresholded => "thresholded",
    Self::Other => "other", Self::Late => "late");

words!(FaultClass, "FaultClass", "Why there was no number.":
    Self::Net => "net", Self::Dns => "dns", Self::Tls => "tls", Self::Timeout => "timeout",
    Self::Http4xx => "http_4xx", Self::Auth => "auth", Self::RateLimited => "rate_limited",
    Self::Http5xx => "http_5xx", Self::Redirect => "redirect", Self::TooLarge => "too_large",
    Self::BadType => "bad_type", Self::BadBody => "bad_body", Self::BadValue => "bad_value",
    Self::Partial => "partial", Self::Suspect => "suspect", Self::SqlRefused => "sql_refused",
    Self::SqlError => "sql_error", Self::Config => "config", Self::Store => "store",
    Self::Internal => "internal");

#[cfg(test)]
mod tests {
    use super::*;

    /// The words are those that metrics and files have as well.
    #[test]
    fn every_word_is_the_one_that_okrd_says_elsewhere() {
        assert_eq!(Status::ALL.map(Status::as_str), <Status as Word>::ALL);
        assert_eq!(Verdict::ALL.map(Verdict::as_str), <Verdict as Word>::ALL);
        assert_eq!(Method::ALL.map(Method::as_str), <Method as Word>::ALL);
        assert_eq!(Flag::ALL.map(Flag::as_str), <Flag as Word>::ALL);
        let classes = FaultClass::ALL.map(FaultClass::as_str);
        assert_eq!(classes, <FaultClass as Word>::ALL);
        for kind in [Kind::Cumulative, Kind::Level, Kind::Window, Kind::Ratio] {
            assert_eq!(kind.as_str(), kind.word());
        }
        let states = InitiativeState::ALL;
        assert_eq!(
            states.map(InitiativeState::as_str),
            <InitiativeState as Word>::ALL
        );
        for role in [Role::Contributes, Role::Guardrail] {
            assert_eq!(role.as_str(), role.word());
        }
        for link in [ParentLink::Supports, ParentLink::Contributes] {
            assert_eq!(link.as_str(), link.word());
        }
        for ambition in [Ambition::Aspirational, Ambition::Committed] {
            assert_eq!(ambition.as_str(), ambition.word());
        }
    }
}
