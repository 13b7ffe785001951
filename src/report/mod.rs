//! Floor 4, reports: how the goals stand at the end of a period and what changed in it, for people who meet about them. One
//! model of two scorecards, told as Markdown, HTML, JSON and slides. Judges nothing; knows no store, no file, no clock.

pub mod change;
pub mod deck;
pub mod escape;
pub mod figure;
pub mod html;
pub mod json;
pub mod markdown;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::domain::amendment::Amendment;
use crate::domain::card::KeyResultCard;
use crate::domain::cycle::Cycle;
use crate::domain::goals::{Company, Initiative, ParentLink};
use crate::domain::id::{CycleName, KeyResultId, ObjectiveId, Slug};
use crate::domain::method::Boundaries;
use crate::domain::objective::ObjectiveCard;
use crate::domain::scorecard::Scorecard;
use crate::words::Tongue;

/// What a report is made of.
#[derive(Clone, Debug)]
pub struct Material {
    /// How everything stood at the beginning of the period.
    pub before: Scorecard,
    /// How everything stands at its end.
    pub after: Scorecard,
    /// What people said in the period, and of cycles that are over at any time; oldest first.
    pub said: Vec<Said>,
    /// Where the method draws its lines.
    pub boundaries: Boundaries,
    /// The zone whose days are told.
    pub zone: TimeZone,
}

/// What people said or noted, without who it was.
#[derive(Clone, Debug, PartialEq)]
pub struct Said {
    /// About which key result; `None` for everything.
    pub about: Option<KeyResultId>,
    /// When, or where the stretch begins that it is about.
    pub at: Timestamp,
    /// How likely they held it to be met, 0 to 1.
    pub confidence: Option<f64>,
    /// The words.
    pub text: Option<String>,
    /// Whether it was noted beside the figures instead of said at a check-in.
    pub is_note: bool,
}

/// Of what is told.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scope {
    /// These cycles, in this order.
    pub cycles: Vec<CycleName>,
    /// This team alone; `None` for the company and all teams.
    pub team: Option<Slug>,
}

/// A period told.
#[derive(Clone, Debug)]
pub struct Report {
    /// How it is told.
    pub tongue: Tongue,
    /// The company.
    pub company: Arc<Company>,
    /// The team that it is about, with its name; `None` for the company and all teams.
    pub team: Option<(Slug, String)>,
    /// Where the period begins.
    pub since: Timestamp,
    /// Where it ends: as of when all figures are.
    pub until: Timestamp,
    /// The zone whose days are told.
    pub zone: TimeZone,
    /// The cycles that have objectives.
    pub cycles: Vec<Part>,
    /// What was noted about everything.
    pub said: Vec<Said>,
    /// Where the method draws its lines.
    pub boundaries: Boundaries,
}

/// A cycle of it.
#[derive(Clone, Debug)]
pub struct Part {
    /// The cycle.
    pub cycle: Cycle,
    /// The company's objectives first, then those of each team, each in the order of the files.
    pub objectives: Vec<ObjectiveTold>,
}

/// An objective of it.
#[derive(Clone, Debug)]
pub struct ObjectiveTold {
    /// How it stands.
    pub card: Arc<ObjectiveCard>,
    /// How it stood at the beginning; `None` when it was not told of then.
    pub before: Option<Arc<ObjectiveCard>>,
    /// The name of its team; `None` on company level.
    pub team: Option<String>,
    /// The title of the objective that it serves, and how.
    pub parent: Option<(String, ParentLink)>,
    /// Which of several makes its status what it is.
    pub decided_by: Option<String>,
    /// Its key results, in order.
    pub key_results: Vec<KeyResultTold>,
}

/// A key result of it.
#[derive(Clone, Debug)]
pub struct KeyResultTold {
    /// How it stands.
    pub card: Arc<KeyResultCard>,
    /// How it stood at the beginning; `None` when it was not told of then.
    pub before: Option<Arc<KeyResultCard>>,
    /// What was agreed otherwise in the period.
    pub amended: Vec<Amendment>,
    /// Whether it was measured otherwise at the beginning, so that its values stand in other units.
    pub is_anew: bool,
    /// What was said of it.
    pub said: Vec<Said>,
}

impl Report {
    /// The report of a scope.
    #[must_use]
    pub fn new(material: &Material, scope: &Scope) -> Self {
        let (before, after) = (&material.before, &material.after);
        let name_of = |team: &Slug| {
            let known = after.teams.get(team);
            known.map_or_else(|| team.to_string(), |team| team.name.clone())
        };
        let parts = scope.cycles.iter().filter_map(|name| after.cycle(name));
        let parts = parts.map(|cycle| Part::new(material, cycle, scope.team.as_ref()));
        let of_all = material.said.iter().filter(|said| said.about.is_none());
        Self {
            tongue: Tongue::of(after.company.language),
            company: Arc::clone(&after.company),
            team: (scope.team.as_ref()).map(|team| (team.clone(), name_of(team))),
            since: before.at,
            until: after.at,
            zone: material.zone.clone(),
            cycles: parts.filter(|part| !part.objectives.is_empty()).collect(),
            said: of_all.cloned().collect(),
            boundaries: material.boundaries,
        }
    }

    /// The day of an instant.
    #[must_use]
    pub fn day(&self, at: Timestamp) -> Date {
        at.to_zoned(self.zone.clone()).date()
    }

    /// The day of an instant, as it is read.
    #[must_use]
    pub fn date(&self, at: Timestamp) -> String {
        self.tongue.date(self.day(at))
    }

    /// The last day of the period: of one that ends at midnight the day before.
    #[must_use]
    pub fn last_day(&self) -> Date {
        let moment = jiff::SignedDuration::from_nanos(1);
        self.day(self.until.checked_sub(moment).unwrap_or(self.until))
    }

    /// As of when it is: "As of 26 November 2026, 19:30".
    #[must_use]
    pub fn as_of(&self) -> String {
        let at = self.until.to_zoned(self.zone.clone());
        let time = at.strftime("%H:%M").to_string();
        self.tongue.report_as_of(self.tongue.date(at.date()), time)
    }

    /// The days that are told of: "19 November 2026 to 26 November 2026".
    #[must_use]
    pub fn period(&self) -> String {
        let last = self.tongue.date(self.last_day());
        self.tongue.first_to_last(self.date(self.since), last)
    }

    /// What it is called: the company's name, or the team's.
    #[must_use]
    pub fn title(&self) -> String {
        let t = self.tongue;
        let company = self.company.name.as_str();
        let of = match &self.team {
            Some((_, team)) => t.report_of_team(team),
            None => t.report().to_owned(),
        };
        if company.is_empty() {
            of
        } else {
            format!("{company} · {of}")
        }
    }

    /// Every objective, in order.
    pub fn objectives(&self) -> impl Iterator<Item = &ObjectiveTold> {
        self.cycles.iter().flat_map(|part| &part.objectives)
    }

    /// What was learned, by objective.
    pub fn lessons(&self) -> impl Iterator<Item = (&ObjectiveTold, Vec<&Initiative>)> {
        self.objectives().filter_map(|objective| {
            let learned = objective.learned();
            (!learned.is_empty()).then_some((objective, learned))
        })
    }
}

impl Part {
    /// What there is of a cycle, of one team or of the company and all teams.
    #[must_use]
    pub fn new(material: &Material, cycle: &Cycle, team: Option<&Slug>) -> Self {
        let of_cycle = |card: &&Arc<ObjectiveCard>| card.objective.id.cycle == cycle.name;
        let all: Vec<_> = material.after.objectives.iter().filter(of_cycle).collect();
        let old = material.before.objectives.iter();
        let old: BTreeMap<&ObjectiveId, &Arc<ObjectiveCard>> =
            old.map(|card| (&card.objective.id, card)).collect();
        let wanted = all.iter().filter(|card| {
            let of = card.objective.team.as_ref();
            team.is_none() || of == team
        });
        let told = wanted.map(|card| {
            let before = old.get(&card.objective.id).copied();
            ObjectiveTold::new(material, card, before, &all)
        });
        let mut objectives: Vec<_> = told.collect();
        objectives.sort_by(|a, b| a.card.objective.team.cmp(&b.card.objective.team));
        Self {
            cycle: cycle.clone(),
            objectives,
        }
    }

    /// The company's objectives, and those of each team with its name.
    #[must_use]
    pub fn by_team(&self) -> Vec<(Option<&str>, &[ObjectiveTold])> {
        let of_one =
            |a: &ObjectiveTold, b: &ObjectiveTold| a.card.objective.team == b.card.objective.team;
        let groups = self.objectives.chunk_by(of_one);
        let named = groups.map(|group| (group.first().and_then(|o| o.team.as_deref()), group));
        named.collect()
    }
}

impl ObjectiveTold {
    fn new(
        material: &Material,
        card: &Arc<ObjectiveCard>,
        before: Option<&Arc<ObjectiveCard>>,
        all: &[&Arc<ObjectiveCard>],
    ) -> Self {
        let objective = &card.objective;
        let parent = objective.parent.as_ref().map(|parent| {
            let mut all = all.iter();
            let of = all.find(|card| card.objective.id.objective == parent.objective);
            let title = of.map(|card| card.objective.title.clone());
            let title = title.unwrap_or_else(|| parent.objective.to_string());
            (title, parent.link)
        });
        let cards: Vec<&ObjectiveCard> = all.iter().map(|card| &***card).collect();
        let key_results = card.key_results.iter().map(|kr| {
            let id = &kr.key_result.id;
            let before = before.and_then(|before| {
                let mut all = before.key_results.iter();
                all.find(|old| old.key_result.id == *id)
            });
            KeyResultTold::new(material, kr, before)
        });
        Self {
            team: objective.team.as_ref().map(|team| {
                let known = material.after.teams.get(team);
                known.map_or_else(|| team.to_string(), |team| team.name.clone())
            }),
            parent,
            decided_by: card.decided_by(&cards).map(str::to_owned),
            key_results: key_results.collect(),
            card: Arc::clone(card),
            before: before.cloned(),
        }
    }

    /// The initiatives of which something was learned.
    #[must_use]
    pub fn learned(&self) -> Vec<&Initiative> {
        let all = self.card.objective.initiatives.iter();
        all.filter(|initiative| initiative.learned.is_some())
            .collect()
    }

    /// Whose it is, and how high it aims: "Content · aspirational".
    #[must_use]
    pub fn owner(&self, t: Tongue) -> String {
        let owner = self.team.as_deref().unwrap_or_else(|| t.company_level());
        let ambition = t.ambition(self.card.objective.ambition);
        format!("{owner} · {ambition}")
    }

    /// What it serves, as a sentence.
    #[must_use]
    pub fn serves(&self, t: Tongue) -> Option<String> {
        let (title, link) = self.parent.as_ref()?;
        Some(match link {
            ParentLink::Supports => t.serves_objective(title),
            ParentLink::Contributes => t.counts_in_objective(title),
        })
    }

    /// Its status in a word or two.
    #[must_use]
    pub fn status(&self, t: Tongue) -> &'static str {
        t.objective_status(self.card.status, self.card.progress.is_some())
    }

    /// How far it has come and what decides its status.
    #[must_use]
    pub fn progress(&self, t: Tongue) -> String {
        let decided = self.decided_by.as_ref().map(|title| t.decided_by(title));
        t.objective_progress(&self.card) + &decided.unwrap_or_default()
    }
}

impl KeyResultTold {
    fn new(
        material: &Material,
        card: &Arc<KeyResultCard>,
        before: Option<&Arc<KeyResultCard>>,
    ) -> Self {
        let key_result = &card.key_result;
        let day = |at: Timestamp| at.to_zoned(material.zone.clone()).date();
        let (first, last) = (day(material.before.at), day(material.after.at));
        let is_of_period = |on: Date| first < on && on <= last;
        let amended = key_result.amendments.iter();
        let rebases = key_result.rebases.iter();
        let of_it = |said: &&Said| said.about.as_ref() == Some(&key_result.id);
        Self {
            card: Arc::clone(card),
            before: before.cloned(),
            amended: amended
                .filter(|amendment| is_of_period(amendment.date))
                .cloned()
                .collect(),
            is_anew: rebases.into_iter().any(|rebase| is_of_period(rebase.date)),
            said: material.said.iter().filter(of_it).cloned().collect(),
        }
    }
}
