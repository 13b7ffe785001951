//! What a change of the configuration means: two checked configurations go in, every change comes out with its class, whether
//! it makes a key result easier, and whether the record is there that the class asks for. Rules: the OKR method, "What a
//! definition change means". Knows no file, no git and no measured value.

mod goals;
mod key_result;
mod lean;
mod measure;
mod settings;
pub mod turnover;

use jiff::Timestamp;

use super::finding::Code;
use super::spec::Config;
use crate::domain::cycle::Cycle;
use crate::domain::id::{CycleName, KeyResultId, ObjectiveId, Slug};
use crate::domain::status::Phase;

/// What kind of change it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// What was agreed is another thing now.
    Goalpost,
    /// The number means something else.
    Comparability,
    /// Something has another name, or no longer one that it can be followed by.
    Identity,
    /// Someone else answers for it.
    Accountability,
    /// It is asked otherwise, and the answer must be the same.
    Operational,
    /// It reads otherwise.
    Cosmetic,
}

impl Class {
    /// Every class, those that matter most first.
    pub const ALL: [Self; 6] = [
        Self::Goalpost,
        Self::Comparability,
        Self::Identity,
        Self::Accountability,
        Self::Operational,
        Self::Cosmetic,
    ];

    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Goalpost => "goalpost",
            Self::Comparability => "comparability",
            Self::Identity => "identity",
            Self::Accountability => "accountability",
            Self::Operational => "operational",
            Self::Cosmetic => "cosmetic",
        }
    }

    /// What such a change is, for people.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Goalpost => "what was agreed",
            Self::Comparability => "what the number means",
            Self::Identity => "what it is called",
            Self::Accountability => "who answers for it",
            Self::Operational => "how it is asked",
            Self::Cosmetic => "how it reads",
        }
    }
}

/// Whether a change makes it easier to get there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lean {
    /// The same value is more progress.
    Easier,
    /// The same value is less progress.
    Harder,
    /// It makes no difference.
    Neither,
    /// That depends on the value.
    Open,
}

impl Lean {
    /// The word for it; empty where there is none to tell.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Easier => "easier",
            Self::Harder => "harder",
            Self::Neither => "",
            Self::Open => "depends on the value",
        }
    }
}

/// Whether a change is on record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OnRecord {
    /// It needs none.
    NotNeeded,
    /// It is, by this amendment, rebase or note, told for people.
    Yes(String),
    /// It is not: what to do about it.
    No(String),
}

/// What was changed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// A key result, under its id of now, or of before where it is gone.
    KeyResult(KeyResultId),
    /// An objective.
    Objective(ObjectiveId),
    /// Work of an objective.
    Initiative(ObjectiveId, Slug),
    /// A cycle.
    Cycle(CycleName),
    /// A team.
    Team(Slug),
    /// A source.
    Source(Slug),
    /// The company and its method.
    Company,
    /// The daemon.
    Daemon,
}

/// One change.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// What was changed.
    pub subject: Subject,
    /// What kind of change it is.
    pub class: Class,
    /// The key in the file, or what else it is called.
    pub field: &'static str,
    /// What it was, for people; `None` where nothing was, or it is not shown.
    pub before: Option<String>,
    /// What it is.
    pub after: Option<String>,
    /// Whether it is easier now, as far as the aims alone tell.
    pub lean: Lean,
    /// Whether it is on record.
    pub record: OnRecord,
    /// What a reviewer should know of it, by code.
    pub remarks: Vec<(Code, String)>,
}

impl Change {
    /// Whether it needs an act before it may be merged.
    #[must_use]
    pub fn needs_an_act(&self) -> bool {
        matches!(self.record, OnRecord::No(_))
    }
}

/// All changes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Diff {
    /// The changes: by subject, then those that matter most.
    pub changes: Vec<Change>,
    /// Key results that are in both, before and after.
    pub key_results: Vec<(KeyResultId, KeyResultId)>,
    /// Objectives that are in both, before and after.
    pub objectives: Vec<(ObjectiveId, ObjectiveId)>,
}

impl Diff {
    /// Whether any change needs an act before it may be merged.
    #[must_use]
    pub fn needs_an_act(&self) -> bool {
        self.changes.iter().any(Change::needs_an_act)
    }
}

/// Compares two configurations at `now`: what is changed before its cycle starts needs no record.
#[must_use]
pub fn diff(old: &Config, new: &Config, now: Timestamp) -> Diff {
    let mut comparing = Comparing {
        old,
        new,
        now,
        diff: Diff::default(),
    };
    comparing.goals();
    comparing.settings();
    let mut diff = comparing.diff;
    let order = |change: &Change| (change.subject.clone(), change.class);
    diff.changes.sort_by_key(order);
    diff
}

/// Two configurations while they are compared.
struct Comparing<'c> {
    old: &'c Config,
    new: &'c Config,
    now: Timestamp,
    diff: Diff,
}

impl Comparing<'_> {
    fn push(&mut self, change: Change) {
        self.diff.changes.push(change);
    }

    /// How far a cycle is, by the days that were agreed before.
    fn phase(&self, cycle: &CycleName) -> Phase {
        match self.cycle(cycle) {
            Some(cycle) => Phase::of(cycle, self.now),
            None => Phase::Pending,
        }
    }

    fn cycle(&self, name: &CycleName) -> Option<&Cycle> {
        self.old
            .goals
            .cycles
            .get(name)
            .or_else(|| self.new.goals.cycles.get(name))
    }

    fn has_begun(&self, cycle: &CycleName) -> bool {
        self.phase(cycle) != Phase::Pending
    }
}

/// A change that has nothing special about it.
fn plain(subject: Subject, class: Class, field: &'static str) -> Change {
    Change {
        subject,
        class,
        field,
        before: None,
        after: None,
        lean: Lean::Neither,
        record: OnRecord::NotNeeded,
        remarks: Vec::new(),
    }
}

/// A text, shortened for people.
fn short(text: &str) -> String {
    const LONGEST: usize = 200;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut shown: String = line.chars().take(LONGEST).collect();
    if line.chars().nth(LONGEST).is_some() {
        shown.push('…');
    }
    shown
}
