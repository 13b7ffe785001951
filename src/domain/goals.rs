//! The goals of a company as they were agreed: vision, cycles, teams, objectives, key results, initiatives.
//! Plain values, checked before they are made; knows no file and no source.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::amendment::Amendment;
use super::cycle::Cycle;
use super::formula::Formula;
use super::id::{CycleName, KeyResultId, ObjectiveId, Slug};
use super::language::Language;
use super::link::Link;
pub use super::method::Ambition;
use super::method::{Method, Terms};
use super::plan::Plan;
use super::rebase::Rebase;
pub use super::rollup::Role;
use super::target::Aim;
use super::window::Window;

/// Everything that was agreed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Goals {
    /// Who it is for and what stands above all objectives.
    pub company: Company,
    /// Cycles by name.
    pub cycles: BTreeMap<CycleName, Cycle>,
    /// Teams by id.
    pub teams: BTreeMap<Slug, Team>,
    /// The settings of the method.
    pub method: Method,
    /// Objectives of all cycles, in the order of their files. Shared, so that each new scorecard takes them along
    /// without a copy.
    pub objectives: Vec<Arc<Objective>>,
}

/// The company, its vision and its strategy.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Company {
    /// Its name; empty when none is given.
    pub name: String,
    /// What the company wants to be.
    pub vision: Option<String>,
    /// How it wants to get there.
    pub strategy: Vec<String>,
    /// In which language its people are spoken to.
    pub language: Language,
}

/// A team.
#[derive(Clone, Debug, PartialEq)]
pub struct Team {
    /// Its name for people.
    pub name: String,
    /// Its Slack channel.
    pub slack: Option<String>,
}

/// A qualitative aim, proven by its key results.
#[derive(Clone, Debug, PartialEq)]
pub struct Objective {
    /// Its id.
    pub id: ObjectiveId,
    /// What it says.
    pub title: String,
    /// Why it matters.
    pub why: Option<String>,
    /// The team; `None` on company level.
    pub team: Option<Slug>,
    /// The objective of the same cycle that it serves.
    pub parent: Option<Parent>,
    /// How high it aims.
    pub ambition: Ambition,
    /// What proves it.
    pub key_results: Vec<Arc<KeyResult>>,
    /// What is tried to get there; never counts into progress.
    pub initiatives: Vec<Initiative>,
}

/// A link to the objective served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parent {
    /// Its id in the same cycle.
    pub objective: Slug,
    /// Whether the child counts in the parent's score.
    pub link: ParentLink,
}

/// What a link to a parent means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ParentLink {
    /// Drawn only.
    #[default]
    Supports,
    /// Counts in the parent's progress with weight 1.
    Contributes,
}

impl ParentLink {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Supports => "supports",
            Self::Contributes => "contributes",
        }
    }
}

/// One measured number that proves an objective.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyResult {
    /// Its id.
    pub id: KeyResultId,
    /// What it says.
    pub title: String,
    /// How it links to the objective.
    pub why: Option<String>,
    /// The unit of its value.
    pub unit: String,
    /// What the number is.
    pub kind: Kind,
    /// Of a number over trailing days the stretch that its measure names; `None` where none is named, as in a statement
    /// that counts back by itself.
    pub window: Option<Window>,
    /// What it aims for.
    pub aim: Aim,
    /// Which value is due when, for a value to reach; straight over the cycle when nothing is said.
    pub plan: Option<Plan>,
    /// Whether it counts or guards.
    pub role: Role,
    /// Weight in the objective; 0 for a guardrail.
    pub weight: f64,
    /// Where its values come from.
    pub feed: Feed,
    /// How old its newest value may be before it is stale.
    pub stale_after: Duration,
    /// Changes to what was agreed, in the order of the file.
    pub amendments: Vec<Amendment>,
    /// Changes of its measure whose both sides were measured, in the order of their days.
    pub rebases: Vec<Rebase>,
    /// First 16 hex digits of the SHA-256 over what makes values comparable; a changed definition is another number.
    pub definition: String,
}

impl KeyResult {
    /// Its weight in its objective; a guardrail has none.
    #[must_use]
    pub fn counts_for(&self) -> f64 {
        match self.role {
            Role::Contributes => self.weight,
            Role::Guardrail => 0.0,
        }
    }
}

/// What the number of a key result is; decides pace and forecast.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// A flow since the start of the cycle.
    Cumulative,
    /// A stock.
    #[default]
    Level,
    /// Trailing days.
    Window,
    /// A share k/n.
    Ratio,
}

impl Kind {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cumulative => "cumulative",
            Self::Level => "level",
            Self::Window => "window",
            Self::Ratio => "ratio",
        }
    }
}

/// Where the values of a key result come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Feed {
    /// A source is asked on a schedule.
    Polled {
        /// Name of the source.
        source: Slug,
    },
    /// People record it.
    Recorded,
    /// It follows from other key results of its objective.
    Computed(Formula),
    /// The files say it: milestones.
    Stated,
}

impl Feed {
    /// The source's name, or `manual`, `formula`, `files`.
    #[must_use]
    pub fn source(&self) -> &str {
        match self {
            Self::Polled { source } => source.as_str(),
            Self::Recorded => "manual",
            Self::Computed(_) => "formula",
            Self::Stated => "files",
        }
    }
}

/// Work that a team tries.
#[derive(Clone, Debug, PartialEq)]
pub struct Initiative {
    /// Its id in the objective.
    pub id: Slug,
    /// What it is.
    pub title: String,
    /// Key results of the same objective it is meant to move.
    pub key_results: Vec<Slug>,
    /// How far it is.
    pub state: InitiativeState,
    /// What was learned.
    pub learned: Option<String>,
    /// The key of its Jira issue.
    pub jira: Option<String>,
    /// Where more is told about it.
    pub links: Vec<Link>,
}

/// How far an initiative is. A dropped one is no failure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InitiativeState {
    /// Not begun.
    #[default]
    Idea,
    /// Under way.
    Doing,
    /// Finished.
    Done,
    /// Given up, with a lesson.
    Dropped,
}

impl InitiativeState {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Idea, Self::Doing, Self::Done, Self::Dropped];

    /// The state behind a word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == word)
    }

    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Idea => "idea",
            Self::Doing => "doing",
            Self::Done => "done",
            Self::Dropped => "dropped",
        }
    }
}

impl Goals {
    /// What the key results of an objective are judged by beside their aims.
    #[must_use]
    pub fn terms(&self, objective: &Objective) -> Terms {
        Terms {
            ambition: objective.ambition,
            method: self.method,
        }
    }

    /// Every key result with its objective, in order.
    pub fn key_results(&self) -> impl Iterator<Item = (&Arc<Objective>, &Arc<KeyResult>)> {
        self.objectives
            .iter()
            .flat_map(|o| o.key_results.iter().map(move |kr| (o, kr)))
    }

    /// The key result of this id.
    #[must_use]
    pub fn key_result(&self, id: &KeyResultId) -> Option<&Arc<KeyResult>> {
        self.key_results().map(|(_, kr)| kr).find(|kr| kr.id == *id)
    }

    /// The key result that a person means: in the named cycle, or else in the newest open cycle that has it,
    /// or else in the newest cycle that has it.
    #[must_use]
    pub fn find(
        &self,
        name: &super::id::KeyResultRef,
        now: jiff::Timestamp,
    ) -> Option<&Arc<KeyResult>> {
        self.key_results()
            .map(|(_, kr)| kr)
            .filter(|kr| kr.id.objective == name.objective && kr.id.key_result == name.key_result)
            .filter(|kr| {
                name.cycle
                    .as_ref()
                    .is_none_or(|cycle| *cycle == kr.id.cycle)
            })
            .max_by_key(|kr| {
                self.cycles
                    .get(&kr.id.cycle)
                    .map(|c| (c.is_open(now), c.start()))
            })
    }
}
