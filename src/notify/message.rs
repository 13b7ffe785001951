//! A message as plain facts: what is kept in the outbox and sent to programs as it is. In which words people read it is
//! another's affair. Holds what was so when it was made, so that a message that comes late says what it meant.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::goals::{Initiative, InitiativeState, Team};
use crate::domain::language::Language;
use crate::domain::scorecard::{KeyResultCard, ObjectiveCard, Scorecard};
use crate::domain::status::Status;
use crate::words::Tongue;

/// What a message is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Key results of an objective changed their status.
    Status,
    /// A cycle has closed.
    Closed,
    /// How everything stands.
    Digest,
    /// Somebody wants to see whether messages come through.
    Test,
}

impl Kind {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Closed => "closed",
            Self::Digest => "digest",
            Self::Test => "test",
        }
    }
}

/// A message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// What it is for.
    pub kind: Kind,
    /// When it was made: what it says was so then.
    pub at: Timestamp,
    /// In which language people are told.
    #[serde(with = "language_code")]
    pub language: Language,
    /// The company's name; may be empty.
    pub company: String,
    /// The company's vision.
    pub vision: Option<String>,
    /// Whose digest it is: a team's name; `None` for the company.
    pub team: Option<String>,
    /// Of a digest, since when changes are told as new.
    pub since: Option<Timestamp>,
    /// Of a digest in several messages, which one of how many.
    pub part: Option<(usize, usize)>,
    /// Vision first, then objectives, then numbers.
    pub objectives: Vec<ObjectiveNote>,
    /// Where more is to be seen.
    pub page: Option<String>,
}

/// What is told of an objective.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ObjectiveNote {
    /// `cycle:objective`.
    pub id: String,
    /// What it says.
    pub title: String,
    /// Why it matters.
    pub why: Option<String>,
    /// The team's name; `None` on company level.
    pub team: Option<String>,
    /// How it stands.
    #[serde(with = "status_word")]
    pub status: Status,
    /// Its score, 0 to 1; `None` when nothing is known.
    pub progress: Option<f64>,
    /// How it ended, once closed, such as "0.7, achieved".
    pub ended: Option<String>,
    /// Its key results, or those that changed.
    pub key_results: Vec<KeyResultNote>,
    /// What is tried.
    pub initiatives: Vec<InitiativeNote>,
}

/// What is told of a key result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeyResultNote {
    /// `cycle:objective/key_result`.
    pub id: String,
    /// What it says.
    pub title: String,
    /// How it stands.
    #[serde(with = "status_word")]
    pub status: Status,
    /// What was told of it before; `None` when nothing changed.
    #[serde(with = "optional_status_word")]
    pub was: Option<Status>,
    /// Since when it stands so.
    pub since: Timestamp,
    /// Whether that is since the digest before.
    pub is_new: bool,
    /// The newest value; of a stale one it is what was last measured.
    pub value: Option<f64>,
    /// Its unit.
    pub unit: String,
    /// Which instant it describes.
    pub as_of: Option<Timestamp>,
    /// What was agreed, such as "from 640 to 1,000".
    pub goal: String,
    /// Who measures it: a source, `manual`, `formula` or `files`.
    pub source: String,
    /// One sentence that says why it stands so.
    pub reason: String,
    /// How it ended, once closed.
    pub ended: Option<String>,
}

/// What is told of an initiative.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InitiativeNote {
    /// What it is.
    pub title: String,
    /// How far it is.
    #[serde(with = "state_word")]
    pub state: InitiativeState,
    /// What was learned.
    pub learned: Option<String>,
}

impl Message {
    /// A message without objectives.
    #[must_use]
    pub fn new(kind: Kind, card: &Scorecard, page: Option<&String>, at: Timestamp) -> Self {
        Self {
            kind,
            at,
            language: card.company.language,
            company: card.company.name.clone(),
            vision: card.company.vision.clone(),
            team: None,
            since: None,
            part: None,
            objectives: Vec::new(),
            page: page.cloned(),
        }
    }

    /// The message as it is kept.
    #[must_use]
    pub fn body(&self) -> String {
        // Plain values of known kinds; a float that is no number becomes null.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The message behind what was kept; `None` when a later okrd kept something else.
    #[must_use]
    pub fn of_body(body: &str) -> Option<Self> {
        serde_json::from_str(body).ok()
    }
}

impl ObjectiveNote {
    /// An objective without its key results, its texts in this tongue.
    #[must_use]
    pub fn of(card: &ObjectiveCard, team: Option<&Team>, t: Tongue) -> Self {
        let objective = &card.objective;
        Self {
            id: objective.id.full(),
            title: objective.title.clone(),
            why: objective.why.clone(),
            team: team.map(|team| team.name.clone()),
            status: card.status,
            progress: card.progress,
            ended: (card.closing).map(|closing| t.outcome(closing.as_amended)),
            key_results: Vec::new(),
            initiatives: Vec::new(),
        }
    }
}

impl KeyResultNote {
    /// A key result as it stands, its texts in this tongue.
    #[must_use]
    pub fn of(card: &KeyResultCard, t: Tongue) -> Self {
        let key_result = &card.key_result;
        Self {
            id: key_result.id.full(),
            title: key_result.title.clone(),
            status: card.status,
            was: None,
            since: card.status_since,
            is_new: false,
            value: card.value.map(|(value, _)| value),
            unit: key_result.unit.clone(),
            as_of: card.value.map(|(_, as_of)| as_of),
            goal: t.goal(card),
            source: key_result.feed.source().to_owned(),
            reason: t.reason(card),
            ended: (card.closing).map(|closing| t.outcome(closing.as_amended)),
        }
    }
}

impl InitiativeNote {
    /// An initiative, unless it is no more than an idea.
    #[must_use]
    pub fn of(initiative: &Initiative) -> Option<Self> {
        (initiative.state != InitiativeState::Idea).then(|| Self {
            title: initiative.title.clone(),
            state: initiative.state,
            learned: initiative.learned.clone(),
        })
    }
}

/// A module by which serde writes values of this type as their words, and reads them.
macro_rules! words_of {
    ($name:ident, $of:ty) => {
        mod $name {
            use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

            pub(super) fn serialize<S: Serializer>(value: &$of, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(value.as_str())
            }

            pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<$of, D::Error> {
                let word = String::deserialize(from)?;
                <$of>::parse(&word).ok_or_else(|| D::Error::custom("an unknown word"))
            }
        }
    };
}
words_of!(language_code, crate::domain::language::Language);
words_of!(state_word, crate::domain::goals::InitiativeState);
words_of!(status_word, crate::domain::status::Status);

/// A status that may be none.
mod optional_status_word {
    use crate::domain::status::Status;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Deserialize, Serialize)]
    struct Word(#[serde(with = "super::status_word")] Status);

    pub(super) fn serialize<S: Serializer>(
        status: &Option<Status>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        status.map(Word).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Status>, D::Error> {
        let word = Option::<Word>::deserialize(from)?;
        Ok(word.map(|Word(status)| status))
    }
}
