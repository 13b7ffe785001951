//! What `okrd report` and `okrd present` tell of: the cycles, the team and the period that are asked for, how everything
//! stood at both of its ends, and what people said. Reads the store beside whoever writes it; asks no source.

use std::collections::HashMap;
use std::path::Path;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, ToSpan as _};

use super::exit::{Failure, say};
use super::{configuration, lore, when, write};
use crate::config::spec::Config;
use crate::domain::cycle::Cycle;
use crate::domain::goals::Goals;
use crate::domain::history::History;
use crate::domain::id::{CycleName, KeyResultId, Slug};
use crate::domain::retrace::{Lore, Retrace};
use crate::domain::scorecard::{Scorecard, score};
use crate::engine::clock::{Clock, SystemClock};
use crate::report::{Material, Said, Scope};
use crate::store::{Annotation, Reader, StoreError, ToldCheckIn};

/// What is asked for, as it was typed.
pub struct Asked<'a> {
    /// A cycle.
    pub cycle: Option<&'a str>,
    /// A team.
    pub team: Option<&'a str>,
    /// The beginning.
    pub since: Option<&'a str>,
    /// The end.
    pub until: Option<&'a str>,
    /// How long before the end the period begins where nothing else is said.
    pub usual: SignedDuration,
}

/// A period with all that is told of it.
pub struct Period {
    /// What is told.
    pub material: Material,
    /// Of which cycles and team.
    pub scope: Scope,
    /// The cycle before those.
    pub last: Option<CycleName>,
}

/// Reads it.
///
/// # Errors
/// When the configuration, what is asked for or the store is at fault.
pub fn read(config: Option<&Path>, asked: &Asked<'_>) -> Result<Period, Failure> {
    let config = configuration::valid(config)?;
    let now = SystemClock.now();
    let until = until(&config, asked, now)?;
    let cycles = cycles(&config.goals, asked.cycle, until)?;
    let team = asked.team.map(|id| team(&config.goals, id)).transpose()?;
    let since = since(&config, asked, &cycles, until)?;
    let last = before(&config.goals, &cycles, until);
    let is_wanted = |cycle: &Cycle| {
        let mut all = cycles.iter().copied().chain(last);
        all.any(|wanted| wanted.name == cycle.name)
    };
    let reader = match Reader::open(&config.store.path) {
        Ok(reader) => Some(reader),
        // Nothing was ever recorded: the goals are told all the same.
        Err(StoreError::Missing { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    let known = Known::read(reader.as_ref(), &config, is_wanted, since)?;
    let said = said(reader.as_ref(), &config, &cycles, last, (since, until))?;
    let (before, after) = known.judged(&config.goals, is_wanted, (since, until), now);
    Ok(Period {
        material: Material {
            before,
            after,
            said,
            boundaries: config.goals.method.boundaries,
            zone: config.zone.clone(),
        },
        scope: Scope {
            cycles: cycles.iter().map(|cycle| cycle.name.clone()).collect(),
            team,
        },
        last: last.map(|cycle| cycle.name.clone()),
    })
}

/// Writes a text where it is wanted.
///
/// # Errors
/// When it cannot be written.
pub fn hand_over(text: &str, output: Option<&Path>) -> Result<(), Failure> {
    match output {
        Some(file) => write::put(file, text).map_err(Failure::usage),
        None => say(text),
    }
}

/// What the store knows, by the time it became known and as of today.
struct Known {
    lore: HashMap<KeyResultId, Lore>,
    today: History,
}

impl Known {
    fn read(
        reader: Option<&Reader>,
        config: &Config,
        wanted: impl Fn(&Cycle) -> bool,
        since: Timestamp,
    ) -> Result<Self, StoreError> {
        let goals = &config.goals;
        let (mut lore, today) = match reader {
            Some(reader) => (
                lore::read(reader, goals, &config.zone, wanted)?,
                reader.load(goals)?.history,
            ),
            None => Default::default(),
        };
        for (_, key_result) in goals.key_results() {
            let lore: &mut Lore = lore.entry(key_result.id.clone()).or_default();
            // What was agreed is told of before anything is known of it.
            let start = goals.cycles.get(&key_result.id.cycle).map(Cycle::start);
            lore.begins = [Some(since), start, lore.begins]
                .into_iter()
                .flatten()
                .min();
        }
        Ok(Self { lore, today })
    }

    /// How everything stood at both ends of the period.
    fn judged(
        mut self,
        goals: &Goals,
        wanted: impl Fn(&Cycle) -> bool,
        (since, until): (Timestamp, Timestamp),
        now: Timestamp,
    ) -> (Scorecard, Scorecard) {
        let mut past = Retrace::new(goals, wanted, self.lore, &self.today);
        let (before, after) = (past.at(since), past.at(until));
        if until < now {
            return (before, after);
        }
        // Of now more is known: what came with the values, and how the newest attempts ended. Since when each status
        // stands the past tells, also where no daemon was there to note it.
        for (_, card) in after.key_results() {
            let stands = Some((card.status, card.status_since));
            self.today.record(&card.key_result.id).status_since = stands;
        }
        (before, score(goals, &self.today, now))
    }
}

/// Where the period ends: now, or the end of the day that is named.
fn until(config: &Config, asked: &Asked<'_>, now: Timestamp) -> Result<Timestamp, Failure> {
    let Some(text) = asked.until else {
        return Ok(now);
    };
    let first = when::parse(text, now, &config.zone)?;
    if first > now {
        return Err(Failure::usage(format!(
            "--until {} lies in the future: nothing is known of it yet",
            text.escape_debug()
        )));
    }
    let next = text.parse::<Date>().ok();
    let next = next.and_then(|day| day.checked_add(1.day()).ok());
    let next = next.and_then(|day| config.zone.to_zoned(day.at(0, 0, 0, 0)).ok());
    Ok(next.map_or(first, |next| next.timestamp()).min(now))
}

fn since(
    config: &Config,
    asked: &Asked<'_>,
    cycles: &[&Cycle],
    until: Timestamp,
) -> Result<Timestamp, Failure> {
    if let Some(text) = asked.since {
        let since = when::parse(text, until, &config.zone)?;
        if since < until {
            return Ok(since);
        }
        return Err(Failure::usage(format!(
            "the period has no length: --since is {}, and it ends at {}",
            when::show(since, &config.zone),
            when::show(until, &config.zone)
        )));
    }
    let starts = cycles.iter().map(|cycle| cycle.start()).min();
    let all_over = cycles.iter().all(|cycle| cycle.end() <= until);
    let usual = until.saturating_sub(asked.usual).unwrap_or(until);
    let found = match starts {
        Some(start) if all_over => start,
        Some(start) => usual.max(start),
        None => usual,
    };
    // A cycle to come has no past.
    Ok(if found < until { found } else { usual })
}

/// The cycles that are told of: the named one, or those that run, or else the one that ended last, or else the next one.
fn cycles<'g>(
    goals: &'g Goals,
    named: Option<&str>,
    until: Timestamp,
) -> Result<Vec<&'g Cycle>, Failure> {
    let all = || goals.cycles.values();
    if let Some(text) = named {
        let found = CycleName::parse(text).ok();
        let found = found.and_then(|name| goals.cycles.get(&name));
        let known = all().map(|cycle| cycle.name.as_str());
        return found
            .map(|cycle| vec![cycle])
            .ok_or_else(|| unknown("cycle", text, known));
    }
    let mut open: Vec<_> = all().filter(|cycle| cycle.is_open(until)).collect();
    // A year stands before its quarters.
    open.sort_by_key(|cycle| (cycle.start(), std::cmp::Reverse(cycle.end())));
    if !open.is_empty() {
        return Ok(open);
    }
    let ended = all().filter(|cycle| cycle.end() <= until);
    let ended = ended.max_by_key(|cycle| cycle.end());
    let next = all().min_by_key(|cycle| cycle.start());
    Ok(ended.or(next).into_iter().collect())
}

/// The cycle that ended last before these: of their length if there is one.
fn before<'g>(goals: &'g Goals, cycles: &[&Cycle], until: Timestamp) -> Option<&'g Cycle> {
    let newest = cycles.iter().max_by_key(|cycle| cycle.start())?;
    let earlier = goals.cycles.values();
    let earlier = earlier.filter(|c| c.end() <= newest.start() && c.end() <= until);
    earlier.max_by_key(|cycle| (cycle.length() == newest.length(), cycle.end()))
}

fn team(goals: &Goals, text: &str) -> Result<Slug, Failure> {
    let found = Slug::parse(text)
        .ok()
        .filter(|id| goals.teams.contains_key(id));
    let known = goals.teams.keys().map(Slug::as_str);
    found.ok_or_else(|| unknown("team", text, known))
}

/// That there is no such thing, and what there is.
fn unknown<'a>(what: &str, text: &str, known: impl Iterator<Item = &'a str>) -> Failure {
    let known: Vec<_> = known.map(|name| format!("`{name}`")).collect();
    let there = match known.as_slice() {
        [] => format!("the configuration has no {what}"),
        known => format!("there is {}", known.join(", ")),
    };
    Failure::usage(format!("no {what} `{}`: {there}", text.escape_debug()))
}

/// What people said in the period of the key results of these cycles, and what was noted of those of the last one at any
/// time.
fn said(
    reader: Option<&Reader>,
    config: &Config,
    cycles: &[&Cycle],
    last: Option<&Cycle>,
    (since, until): (Timestamp, Timestamp),
) -> Result<Vec<Said>, StoreError> {
    let mut all = Vec::new();
    let Some(reader) = reader else {
        return Ok(all);
    };
    for (_, key_result) in config.goals.key_results() {
        let id = &key_result.id;
        if cycles.iter().any(|cycle| cycle.name == id.cycle) {
            let told = reader.check_ins(id)?.into_iter();
            let told = told.filter(|told| since <= told.said.at && told.said.at <= until);
            all.extend(told.map(checked_in));
        } else if last.is_none_or(|cycle| cycle.name != id.cycle) {
            continue;
        }
        let is_last = last.is_some_and(|cycle| cycle.name == id.cycle);
        let noted = reader.annotations(id)?.into_iter().filter(|noted| {
            let reaches = noted.from <= until && since <= noted.to.unwrap_or(noted.from);
            noted.told_at <= until && (reaches || is_last && noted.key_result.is_some())
        });
        all.extend(noted.map(annotated));
    }
    all.sort_by_key(|said| said.at);
    // What is about everything was read with each key result.
    let mut seen: Vec<Said> = Vec::new();
    for said in all {
        if said.about.is_some() || !seen.contains(&said) {
            seen.push(said);
        }
    }
    Ok(seen)
}

fn checked_in(told: ToldCheckIn) -> Said {
    Said {
        about: Some(told.key_result),
        at: told.said.at,
        confidence: told.said.confidence,
        text: told.said.note,
        is_note: false,
    }
}

fn annotated(noted: Annotation) -> Said {
    Said {
        about: noted.key_result,
        at: noted.from,
        confidence: None,
        text: Some(noted.text),
        is_note: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;
    use jiff::tz::TimeZone;

    fn goals(cycles: &[(&str, Date, Date)]) -> Goals {
        let cycles = cycles.iter().map(|(name, first, last)| {
            let name = CycleName::parse(name).unwrap();
            let cycle = Cycle::new(name.clone(), *first, *last, TimeZone::UTC).unwrap();
            (name, cycle)
        });
        Goals {
            cycles: cycles.collect(),
            ..Goals::default()
        }
    }

    /// A year with its quarters, the year before, and a month.
    fn years() -> Goals {
        goals(&[
            ("2026-Q3", date(2026, 7, 1), date(2026, 9, 30)),
            ("2026-Q4", date(2026, 10, 1), date(2026, 12, 31)),
            ("2027-Q1", date(2027, 1, 1), date(2027, 3, 31)),
            ("year", date(2026, 1, 1), date(2026, 12, 31)),
            ("2025", date(2025, 1, 1), date(2025, 12, 31)),
            ("sprint", date(2026, 9, 1), date(2026, 9, 30)),
        ])
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn told(goals: &Goals, named: Option<&str>, until: &str) -> (Vec<String>, Option<String>) {
        let until = at(until);
        let found = cycles(goals, named, until).unwrap();
        let last = before(goals, &found, until);
        let names = found.iter().map(|cycle| cycle.name.to_string());
        (names.collect(), last.map(|cycle| cycle.name.to_string()))
    }

    #[test]
    fn what_runs_is_told_of_and_the_cycle_of_its_kind_before_it() {
        let goals = years();
        let some = |name: &str| Some(name.to_owned());
        let now = "2026-11-26T12:00:00Z";
        let running = vec!["year".to_owned(), "2026-Q4".to_owned()];
        assert_eq!(told(&goals, None, now), (running, some("2026-Q3")));
        let named = |name: &str| vec![name.to_owned()];
        assert_eq!(
            told(&goals, Some("year"), now),
            (named("year"), some("2025"))
        );
        assert_eq!(told(&goals, Some("2025"), now), (named("2025"), None));
        // Of a cycle to come the one before has not ended yet.
        assert_eq!(
            told(&goals, Some("2027-Q1"), now),
            (named("2027-Q1"), some("2026-Q3"))
        );
        // Nothing runs: what ended last, or else what comes first.
        let after = "2030-01-01T00:00:00Z";
        assert_eq!(
            told(&goals, None, after),
            (named("2027-Q1"), some("2026-Q4"))
        );
        let before = "2020-01-01T00:00:00Z";
        assert_eq!(told(&goals, None, before), (named("2025"), None));
        assert_eq!(told(&Goals::default(), None, now), (Vec::new(), None));
    }
}
