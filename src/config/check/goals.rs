//! Objectives, key results and initiatives: from their tables to domain values, with every fault that one objective
//! shows by itself. What objectives say of each other is `tree`'s affair.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use sha2::{Digest, Sha256};
use toml::de::DeValue;

use super::daemon::{Polling, Schedules, duration, timeout};
use super::measure::{canonical, counts_days, measure};
use super::suggest::did_you_mean;
use super::table::{At, Table};
use super::{FilterJudge, aim, amendments, formula, guard, links, rebases};
use crate::config::finding::{Code, Finding, Rests, Severity, quoted};
use crate::config::schedule::{Schedule, show_duration};
use crate::config::spec::{Canary, Measure, Poll, SourceSpec};
use crate::domain::cycle::Cycle;
use crate::domain::formula::Formula;
use crate::domain::goals::{
    Ambition, Feed, Initiative, InitiativeState, KeyResult, Kind, Objective, Parent, ParentLink,
    Role,
};
use crate::domain::id::{CycleName, KeyResultId, ObjectiveId, Slug};
use crate::domain::window::Window;

/// Three weekly check-ins missed: when a number recorded by people is stale.
const STALE_RECORDED: Duration = Duration::from_secs(21 * 86_400);
/// No polled number is stale before a day has passed.
const STALE_AT_LEAST: Duration = Duration::from_secs(86_400);

/// What an objective is read with.
pub(super) struct Reader<'a, 'r> {
    /// Cycles that are sound.
    pub(super) cycles: &'r BTreeMap<CycleName, Cycle>,
    /// The type of every source, where it has a usable one.
    pub(super) sources: &'r BTreeMap<&'a str, Option<&'a str>>,
    /// Every source that is sound.
    pub(super) specs: &'r BTreeMap<Slug, SourceSpec>,
    pub(super) polling: &'r Polling,
    pub(super) schedules: &'r mut Schedules,
    pub(super) filters: FilterJudge,
    pub(super) out: &'r mut Vec<Finding>,
}

/// An objective as it was read, with the places that the tree needs.
#[derive(Debug)]
pub(super) struct Draft<'a> {
    pub(super) name: At<'a, &'a str>,
    pub(super) table: Table<'a>,
    pub(super) parent: Option<At<'a, &'a str>>,
    pub(super) objective: Objective,
    pub(super) polls: Vec<Poll>,
}

/// What all objectives of a file share.
#[derive(Clone, Debug)]
pub(super) struct Shared {
    /// Which of the files it is.
    pub(super) nth: usize,
    pub(super) cycle: CycleName,
    pub(super) team: Option<Slug>,
}

impl<'a> Reader<'a, '_> {
    /// Reads one objective.
    pub(super) fn objective(
        &mut self,
        shared: &Shared,
        name: &At<'a, &'a str>,
        table: Table<'a>,
    ) -> Option<Draft<'a>> {
        let id = ObjectiveId {
            cycle: shared.cycle.clone(),
            objective: id_or_stand_in(name, shared.nth)?,
        };
        let mut polls = Vec::new();
        let mut key_results = Vec::new();
        let tables = table.tables("key_results");
        for (name, table) in &tables {
            if let Some((key_result, poll)) = self.key_result(&id, name, *table, &tables) {
                key_results.push(key_result);
                polls.extend(poll);
            }
        }
        believe_computed(&mut key_results, &tables);
        self.how_many(name, table, tables.len());
        self.balance(table, &tables);
        let parent = table.text("parent");
        let objective = Objective {
            title: table.owned("title").unwrap_or_default(),
            why: table.owned("why"),
            team: shared.team.clone(),
            parent: parent.as_ref().and_then(|at| parent_of(at, table)),
            ambition: match table.text("ambition").map(|at| at.value) {
                Some("committed") => Ambition::Committed,
                _ => Ambition::Aspirational,
            },
            initiatives: self.initiatives(table, &tables),
            key_results: key_results.into_iter().map(Arc::new).collect(),
            id,
        };
        if let (None, Some(link)) = (&parent, table.key("parent_link")) {
            let finding = link.finding(
                Code::CfgValue,
                "`parent_link` without a `parent` links to nothing",
            );
            self.out
                .push(finding.help("add `parent`, or remove `parent_link`"));
        }
        Some(Draft {
            name: name.clone(),
            table,
            parent,
            objective,
            polls,
        })
    }

    /// One key result rarely proves an aim and more than five are no focus.
    fn how_many(&mut self, name: &At<'a, &'a str>, table: Table<'a>, count: usize) {
        let finding = match count {
            0 if table.has("key_results") => name
                .finding(
                    Code::ObjKrs,
                    "the objective has no key result, so nothing proves it",
                )
                .severity(Severity::Error)
                .help("add two to five key results"),
            1 => name
                .finding(
                    Code::ObjKrs,
                    "the objective has one key result, expected two to five",
                )
                .help("add another one that shows the aim from a second side"),
            6.. => name
                .finding(
                    Code::ObjKrs,
                    format!("the objective has {count} key results, expected two to five"),
                )
                .help("keep those that prove the aim, or split the objective"),
            _ => return,
        };
        let rests = match count {
            0 | 1 => Rests::KeyResults(table.span().start),
            _ => Rests::Itself,
        };
        self.out.push(finding.rests_on(rests));
    }

    /// Weights that cannot be meant: nothing counts, or one key result counts for nearly all.
    fn balance(&mut self, table: Table<'a>, tables: &[(At<'a, &'a str>, Table<'a>)]) {
        let weights: Vec<(f64, &At<'a, &'a str>, Table<'a>)> = tables
            .iter()
            .map(|(name, table)| (weight_of(*table), name, *table))
            .filter(|(w, ..)| *w >= 0.0)
            .collect();
        let sum: f64 = weights.iter().map(|(weight, ..)| weight).sum();
        if weights.len() < tables.len() || weights.is_empty() {
            return;
        }
        if sum <= 0.0 {
            let finding = table.finding(
                Code::KrWeight,
                "no key result of the objective counts: every weight is 0",
            );
            let finding = finding.severity(Severity::Warning);
            self.out
                .push(finding.help("give at least one key result a weight; guardrails have none"));
            return;
        }
        let counting = weights.iter().filter(|(weight, ..)| *weight > 0.0).count();
        let heavy = weights
            .iter()
            .find(|(weight, ..)| counting > 1 && weight / sum > 0.8 + 1e-9);
        if let Some((weight, name, table)) = heavy {
            let percent = 100.0 * weight / sum;
            let at = table
                .get("weight")
                .map_or_else(|| name.span.clone(), |at| at.span);
            let message =
                format!("one key result has {percent:.0} % of the weight of the objective");
            let finding = name
                .file
                .finding(&at, Code::KrWeight, message)
                .severity(Severity::Warning);
            self.out
                .push(finding.help("spread the weights, or make this an objective of its own"));
        }
    }

    fn key_result(
        &mut self,
        objective: &ObjectiveId,
        name: &At<'a, &'a str>,
        table: Table<'a>,
        all: &[(At<'a, &'a str>, Table<'a>)],
    ) -> Option<(KeyResult, Option<Poll>)> {
        let role = match table.text("role").map(|at| at.value) {
            Some("guardrail") => Role::Guardrail,
            _ => Role::Contributes,
        };
        self.weight(table, role);
        self.amendments(objective, table);
        let aim = aim::aim(table, self.cycles.get(&objective.cycle), self.out);
        let asked = self.asked(table, name, all);
        let schedule = self.schedule(table);
        let kind = kind_of(table);
        let window = trailing(table).filter(|_| kind == Kind::Window);
        let unit = table.owned("unit").unwrap_or_default();
        let id = KeyResultId {
            cycle: objective.cycle.clone(),
            objective: objective.objective.clone(),
            key_result: id_or_stand_in(name, 0)?,
        };
        let feed = match &asked {
            Asked::Source(source, ..) => Feed::Polled {
                source: source.clone(),
            },
            Asked::Others(formula) => Feed::Computed(formula.clone()),
            Asked::Nobody if table.has("milestones") => Feed::Stated,
            Asked::Nobody | Asked::Wrongly => Feed::Recorded,
        };
        let definition = self.definition(objective, &asked, feed.source(), &unit, kind);
        let stale_after = self.stale_after(table, objective, &asked, schedule.as_ref());
        let poll = self.poll(table, &id, asked, schedule, stale_after);
        let cycle = self.cycles.get(&objective.cycle);
        let rebases = rebases::read(table, cycle, &definition, self.out);
        let (aim, plan) = aim?;
        let key_result = KeyResult {
            id,
            title: table.owned("title").unwrap_or_default(),
            why: table.owned("why"),
            unit,
            kind,
            window,
            aim,
            plan,
            role,
            weight: weight_of(table),
            feed,
            stale_after,
            amendments: amendments::read(table),
            rebases,
            definition,
        };
        let key_result = rebases::carry_over(key_result, table, self.out);
        Some((key_result, poll))
    }

    /// The first 16 hex digits of the SHA-256 over what makes values comparable, each part with its length before it.
    fn definition(
        &self,
        objective: &ObjectiveId,
        asked: &Asked,
        source: &str,
        unit: &str,
        kind: Kind,
    ) -> String {
        let mut parts = vec![source.to_owned(), unit.to_owned(), kind.as_str().to_owned()];
        if let Asked::Others(formula) = asked {
            parts.push(formula.to_string());
        }
        if let Asked::Source(source, measure, window, _) = asked {
            let spec = self.specs.get(source);
            parts.push(window.to_string());
            parts.extend(canonical(measure, spec));
            let cycle = self.cycles.get(&objective.cycle);
            let zone = cycle.and_then(|cycle| cycle.zone.iana_name());
            parts.extend(zone.filter(|_| counts_days(measure)).map(str::to_owned));
            parts.extend(
                spec.and_then(SourceSpec::subject)
                    .map(|(_, of)| of.to_owned()),
            );
        }
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        format!("{:.16x}", hash.finalize())
    }

    /// How the number is asked for, when a source is asked.
    fn poll(
        &mut self,
        table: Table<'a>,
        id: &KeyResultId,
        asked: Asked,
        schedule: Option<Schedule>,
        stale_after: Duration,
    ) -> Option<Poll> {
        let timeout = timeout(table, self.out).unwrap_or(self.polling.timeout);
        let Asked::Source(source, measure, window, canary) = asked else {
            return None;
        };
        guard::out_of_reach(table, self.out);
        let guard = table.table("measure");
        let guard = guard.map(|measure| guard::guard(measure, stale_after, self.out));
        Some(Poll {
            key_result: id.clone(),
            source,
            measure,
            window,
            schedule: schedule?,
            jitter: duration(table, "jitter").unwrap_or(self.polling.jitter),
            timeout,
            guard: guard.unwrap_or_default(),
            canary: canary.map(|canary| *canary),
        })
    }

    fn weight(&mut self, table: Table<'a>, role: Role) {
        let Some(at) = table.number("weight") else {
            return;
        };
        let (message, help) = if at.value < 0.0 {
            (
                format!("the weight is {}, expected 0 or more", at.value),
                "write how much it counts beside the others; 1 is usual",
            )
        } else if role == Role::Guardrail && at.value > 0.0 {
            (
                format!("a guardrail has weight 0, found {}", at.value),
                "remove `weight`: a guardrail caps the status instead of counting",
            )
        } else {
            return;
        };
        self.out
            .push(at.finding(Code::KrWeight, message).help(help));
    }

    /// Who is asked for the number.
    fn asked(
        &mut self,
        table: Table<'a>,
        name: &At<'a, &'a str>,
        all: &[(At<'a, &'a str>, Table<'a>)],
    ) -> Asked {
        let Some(measured) = table.table("measure") else {
            if !table.has("measure") {
                self.only_polled(table, "without `measure` the number is recorded by people");
                return Asked::Nobody;
            }
            return Asked::Wrongly;
        };
        self.stated(table);
        if let Some(at) = measured.text("formula") {
            self.only_polled(table, "a formula follows from what is measured");
            self.frozen(table, &at);
            let formula = formula::formula(&at, name.value, all, self.out);
            return formula.map_or(Asked::Wrongly, Asked::Others);
        }
        let kind = measured
            .text("source")
            .and_then(|at| Some((at.value, (*self.sources.get(at.value)?)?)));
        let Some((name, kind)) = kind else {
            return Asked::Wrongly;
        };
        let window = measured
            .text("window")
            .and_then(|at| Window::parse(at.value).ok())
            .unwrap_or_default();
        match (
            Slug::parse(name),
            measure(measured, kind, self.filters, self.out),
        ) {
            (Ok(source), Some(measure)) => {
                let canary = guard::canary(measured, kind, self.filters, self.out);
                Asked::Source(source, measure, window, canary.map(Box::new))
            }
            _ => Asked::Wrongly,
        }
    }

    /// Milestones are no measured number.
    fn stated(&mut self, table: Table<'a>) {
        if let (true, Some(key)) = (table.has("milestones"), table.key("measure")) {
            let finding = key.finding(
                Code::CfgValue,
                "milestones are told by the file, found a `measure` beside them",
            );
            self.out.push(finding.help(
                "write `done = <the day>` beside each step that is done, and remove `measure`",
            ));
        }
    }

    /// A computed value is stored nowhere, so the first one of a cycle cannot be frozen.
    fn frozen(&mut self, table: Table<'a>, formula: &At<'a, &'a str>) {
        if let Some(at) = table.text("baseline").filter(|at| at.value == "first") {
            let finding = at.finding(
                Code::CfgValue,
                "the baseline of a formula is \"first\", expected a number",
            );
            let finding = finding.also(formula.file, &formula.span, "the formula");
            self.out
                .push(finding.help("write the number: what is computed cannot be frozen"));
        }
    }

    /// A number that is not polled has no slots.
    fn only_polled(&mut self, table: Table<'a>, why: &str) {
        for key in ["schedule", "jitter", "timeout"]
            .into_iter()
            .filter_map(|key| table.key(key))
        {
            let message = format!("`{}` does nothing: {why}", key.value);
            let finding = key
                .finding(Code::CfgValue, message)
                .severity(Severity::Warning);
            self.out.push(finding.help(if table.has("measure") {
                "remove this key"
            } else {
                "add `measure`, or remove this key"
            }));
        }
    }

    fn schedule(&mut self, table: Table<'a>) -> Option<Schedule> {
        match table.text("schedule") {
            Some(at) => self.schedules.parse(&at, self.out),
            None => self.polling.schedule.clone(),
        }
    }

    /// How old the newest value may be: as written, or long enough for three missed polls.
    fn stale_after(
        &mut self,
        table: Table<'a>,
        objective: &ObjectiveId,
        asked: &Asked,
        schedule: Option<&Schedule>,
    ) -> Duration {
        let start = self
            .cycles
            .get(&objective.cycle)
            .map_or(Timestamp::UNIX_EPOCH, Cycle::start);
        let polled = schedule.filter(|_| !matches!(asked, Asked::Nobody | Asked::Others(_)));
        let gap = polled.map_or(Duration::ZERO, |schedule| {
            self.schedules.longest_gap(schedule, start)
        });
        if let (Some(written), Some(at)) =
            (duration(table, "stale_after"), table.get("stale_after"))
        {
            self.out.extend(too_soon(&at, written, gap));
            return written;
        }
        match asked {
            Asked::Nobody | Asked::Others(_) => STALE_RECORDED,
            _ => gap.saturating_mul(3).max(STALE_AT_LEAST),
        }
    }

    /// Whether the amendments can be meant; what they say is read by `aim`.
    fn amendments(&mut self, objective: &ObjectiveId, table: Table<'a>) {
        let cycle = self.cycles.get(&objective.cycle);
        for amendment in table.list("amendments").iter().filter_map(At::table) {
            let (Some(cycle), Some(date)) = (cycle, amendment.date("date")) else {
                continue;
            };
            if date.value < cycle.first_day || date.value > cycle.last_day {
                let message = format!("the amendment is dated {}, outside its cycle", date.value);
                let help = format!(
                    "the cycle goes from {} to {}",
                    cycle.first_day, cycle.last_day
                );
                let finding = date.finding(Code::KrDate, message).help(help);
                // What was changed before the cycle began is no amendment, but does no harm.
                self.out.push(if date.value < cycle.first_day {
                    finding.severity(Severity::Warning)
                } else {
                    finding
                });
            }
        }
        amendments::agree(table, self.out);
    }

    fn initiatives(
        &mut self,
        table: Table<'a>,
        key_results: &[(At<'a, &'a str>, Table<'a>)],
    ) -> Vec<Initiative> {
        let known: BTreeSet<&str> = key_results.iter().map(|(name, _)| name.value).collect();
        let mut initiatives = Vec::new();
        for (name, table) in table.tables("initiatives") {
            let moved = table.texts("key_results");
            for at in &moved {
                if !known.contains(at.value) && self.out.len() < super::MOST_FINDINGS {
                    let message = format!(
                        "the objective has no key result called {}",
                        quoted(at.value)
                    );
                    let help = did_you_mean(
                        at.value,
                        known.iter().copied(),
                        "key results of this objective",
                    );
                    self.out.push(
                        at.finding(Code::CfgRef, message)
                            .label("unknown key result")
                            .rests_on(Rests::File)
                            .help(help),
                    );
                }
            }
            let Ok(id) = Slug::parse(name.value) else {
                continue;
            };
            initiatives.push(Initiative {
                id,
                title: table.owned("title").unwrap_or_default(),
                key_results: moved
                    .iter()
                    .filter_map(|at| Slug::parse(at.value).ok())
                    .collect(),
                state: table
                    .text("state")
                    .and_then(|at| InitiativeState::parse(at.value))
                    .unwrap_or_default(),
                learned: table.owned("learned"),
                jira: links::issue(table, self.out),
                links: links::links(table, self.out),
            });
        }
        initiatives
    }
}

/// Who is asked for a number.
enum Asked {
    Source(Slug, Measure, Window, Option<Box<Canary>>),
    /// It follows from other key results.
    Others(Formula),
    /// People record it.
    Nobody,
    /// The measure has its finding.
    Wrongly,
}

/// A computed value for which nothing else is said may be as old as the longest-lived of those it reads.
fn believe_computed(all: &mut [KeyResult], tables: &[(At<'_, &str>, Table<'_>)]) {
    let ages: BTreeMap<Slug, Duration> = all
        .iter()
        .map(|kr| (kr.id.key_result.clone(), kr.stale_after))
        .collect();
    for kr in all {
        let Feed::Computed(formula) = &kr.feed else {
            continue;
        };
        let written = |(name, table): &(At<'_, &str>, Table<'_>)| {
            name.value == kr.id.key_result.as_str() && table.has("stale_after")
        };
        let longest = formula.inputs().iter().filter_map(|id| ages.get(id)).max();
        if let Some(longest) = longest.filter(|_| !tables.iter().any(written)) {
            kr.stale_after = *longest;
        }
    }
}

/// What is wrong with a `stale_after` that ends before the next value can come.
fn too_soon(at: &At<'_, &DeValue<'_>>, written: Duration, gap: Duration) -> Option<Finding> {
    if written.is_zero() {
        let finding = at.finding(
            Code::CfgValue,
            "`stale_after` is 0, so every value would be stale at once",
        );
        return Some(finding.help("write a duration such as \"3d\", or remove the key"));
    }
    (written < gap).then(|| {
        let message = format!(
            "`stale_after` is {}, shorter than the longest gap of the schedule, {}",
            show_duration(written),
            show_duration(gap)
        );
        at.finding(Code::CfgValue, message)
            .severity(Severity::Warning)
            .help("the value would be stale between two polls: write at least twice the gap, or remove the key")
    })
}

/// The id; where the name is none, which has its finding, one that nothing else has, so that what stands under it is
/// read all the same.
fn id_or_stand_in(name: &At<'_, &str>, file: usize) -> Option<Slug> {
    let stand_in = || Slug::parse(&format!("stand-in-{file}-{}", name.span.start));
    Slug::parse(name.value).or_else(|_| stand_in()).ok()
}

fn parent_of(at: &At<'_, &str>, table: Table<'_>) -> Option<Parent> {
    let link = match table.text("parent_link").map(|at| at.value) {
        Some("contributes") => ParentLink::Contributes,
        _ => ParentLink::Supports,
    };
    Some(Parent {
        objective: Slug::parse(at.value).ok()?,
        link,
    })
}

fn kind_of(table: Table<'_>) -> Kind {
    match table.text("kind").map(|at| at.value) {
        Some("cumulative") => Kind::Cumulative,
        Some("window") => Kind::Window,
        Some("ratio") => Kind::Ratio,
        _ => Kind::Level,
    }
}

/// The window that the measure names.
fn trailing(table: Table<'_>) -> Option<Window> {
    let named = table.table("measure")?.text("window")?;
    Window::parse(named.value).ok()
}

/// The weight that counts: 0 for a guardrail, 1 when nothing is said.
fn weight_of(table: Table<'_>) -> f64 {
    if table.text("role").is_some_and(|at| at.value == "guardrail") {
        return 0.0;
    }
    table.number("weight").map_or(1.0, |at| at.value)
}
