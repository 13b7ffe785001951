//! What a reload changes for the daemon, counted: which key results come, go, stay as they are, and in which respect the
//! others change. Where `diff` asks what people agreed, this asks what goes on as before. Knows no file and no measured value.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;

use crate::config::spec::{Config, Poll};
use crate::domain::goals::KeyResult;
use crate::domain::id::KeyResultId;

/// In which respect a key result changed, that which matters most first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Respect {
    /// The number means something else: it is asked at once, and a new epoch begins.
    Definition,
    /// What was agreed: it is judged anew.
    Goal,
    /// Where or in which words it is asked for the same number.
    Source,
    /// When it is asked, how long that may take, and how long its value holds, which follows the schedule.
    Schedule,
    /// What it is called.
    Name,
    /// How it reads.
    Text,
}

impl Respect {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Definition => "definition",
            Self::Goal => "goal",
            Self::Source => "source",
            Self::Schedule => "schedule",
            Self::Name => "name",
            Self::Text => "text",
        }
    }
}

/// The difference between the configuration in force and the one that takes its place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Turnover {
    /// Key results that are new.
    pub added: Vec<KeyResultId>,
    /// Key results that are in force no more; what was measured of them is kept.
    pub removed: Vec<KeyResultId>,
    /// Key results that changed, each counted once, under what matters most.
    pub changed: BTreeMap<Respect, usize>,
    /// How many keep schedule, state and last value.
    pub untouched: usize,
    /// How many there were whose cycle had not ended.
    pub running: usize,
    /// Those of `removed` whose cycle had not ended.
    pub lost: Vec<KeyResultId>,
}

impl Turnover {
    /// What changes from one configuration to another at `now`.
    #[must_use]
    pub fn of(old: &Config, new: &Config, now: Timestamp) -> Self {
        let (before, after) = (Side::of(old), Side::of(new));
        let mut turnover = Self::default();
        let mut left = before.key_results.clone();
        for (id, key_result) in &after.key_results {
            let known = if before.key_results.contains_key(id) {
                *id
            } else {
                new.records.renamed.get(*id).unwrap_or(id)
            };
            let Some(earlier) = left.remove(known) else {
                turnover.added.push((*id).clone());
                continue;
            };
            match respect((&before, earlier), (&after, key_result)) {
                Some(respect) => *turnover.changed.entry(respect).or_default() += 1,
                None => turnover.untouched += 1,
            }
        }
        turnover.removed = left.into_keys().cloned().collect();
        let runs = |id: &KeyResultId| {
            let cycle = old.goals.cycles.get(&id.cycle);
            cycle.is_none_or(|cycle| now < cycle.end())
        };
        turnover.running = before.key_results.keys().filter(|id| runs(id)).count();
        turnover.lost = turnover
            .removed
            .iter()
            .filter(|id| runs(id))
            .cloned()
            .collect();
        turnover
    }

    /// Whether more than half of what is under way would go: files that were lost look like this.
    #[must_use]
    pub fn is_mass_removal(&self) -> bool {
        self.lost.len() * 2 > self.running
    }
}

impl fmt::Display for Turnover {
    /// `added 2, removed 1, changed 3 (definition 1, schedule 2), 994 untouched`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let changed: usize = self.changed.values().sum();
        let (added, removed) = (self.added.len(), self.removed.len());
        write!(f, "added {added}, removed {removed}, changed {changed}")?;
        for (nth, (respect, count)) in self.changed.iter().enumerate() {
            let before = if nth == 0 { " (" } else { ", " };
            write!(f, "{before}{} {count}", respect.as_str())?;
        }
        let end = if changed == 0 { "" } else { ")" };
        write!(f, "{end}, {} untouched", self.untouched)
    }
}

/// One configuration, by key result.
struct Side<'c> {
    config: &'c Config,
    key_results: BTreeMap<&'c KeyResultId, &'c KeyResult>,
    polls: BTreeMap<&'c KeyResultId, &'c Poll>,
}

impl<'c> Side<'c> {
    fn of(config: &'c Config) -> Self {
        let key_results = config.goals.key_results();
        Self {
            config,
            key_results: key_results.map(|(_, kr)| (&kr.id, &**kr)).collect(),
            polls: config.polls.iter().map(|p| (&p.key_result, p)).collect(),
        }
    }
}

/// What changed of a key result; `None` where nothing did.
fn respect(
    (before, old): (&Side<'_>, &KeyResult),
    (after, new): (&Side<'_>, &KeyResult),
) -> Option<Respect> {
    if old.definition != new.definition {
        return Some(Respect::Definition);
    }
    let dressed_alike = KeyResult {
        id: new.id.clone(),
        title: new.title.clone(),
        why: new.why.clone(),
        stale_after: new.stale_after,
        ..old.clone()
    };
    if dressed_alike != *new {
        return Some(Respect::Goal);
    }
    let polls = (before.polls.get(&old.id), after.polls.get(&new.id));
    if let (Some(was), Some(is)) = polls {
        let spec = |side: &Side<'_>, poll: &Poll| side.config.sources.get(&poll.source).cloned();
        let asked = (&was.source, &was.measure, &was.window);
        if asked != (&is.source, &is.measure, &is.window) || spec(before, was) != spec(after, is) {
            return Some(Respect::Source);
        }
        if (&was.schedule, was.jitter, was.timeout) != (&is.schedule, is.jitter, is.timeout) {
            return Some(Respect::Schedule);
        }
    }
    if old.stale_after != new.stale_after {
        return Some(Respect::Schedule);
    }
    if old.id != new.id {
        return Some(Respect::Name);
    }
    ((&old.title, &old.why) != (&new.title, &new.why)).then_some(Respect::Text)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use crate::config::check::check;
    use crate::config::files::{File, Files};

    const HEAD: &str = r#"
lints.KR-WHY = "off"
[cycles.now]
starts = 2026-10-01
ends = 2026-12-31
[cycles.then]
starts = 2026-07-01
ends = 2026-09-30
[sources.shop]
type = "sqlite"
path = "shop.db"
[sources.mill]
type = "sqlite"
path = "mill.db"
"#;

    fn at() -> Timestamp {
        "2026-11-26T06:00:00Z".parse().unwrap()
    }

    /// Objectives by cycle, each key result as id and lines.
    fn config(head: &str, objectives: &[(&str, &[(&str, &str)])]) -> Config {
        let mut files = vec![File::new("okrd.toml", "/x", format!("{HEAD}{head}"))];
        for (cycle, key_results) in objectives.iter().filter(|(_, krs)| !krs.is_empty()) {
            let mut text = format!("cycle = \"{cycle}\"\n[objectives.{cycle}]\ntitle = \"Grow\"\n");
            for (id, lines) in *key_results {
                let _ = write!(
                    text,
                    "[objectives.{cycle}.key_results.{id}]\nunit = \"x\"\nbaseline = 0\n{lines}\n"
                );
            }
            files.push(File::new(format!("{cycle}.toml"), "/x", text));
        }
        let files = Files {
            files,
            findings: Vec::new(),
        };
        let (config, findings) = check(&files, |_| Ok(()), at());
        config.unwrap_or_else(|| panic!("{findings:#?}"))
    }

    const ASKED: &str =
        "title = \"T\"\ntarget = 9\nmeasure = { source = \"shop\", query = \"SELECT 1\" }";

    fn change(lines: &str, more: &str) -> String {
        let old = config("", &[("now", &[("a", ASKED), ("b", ASKED)])]);
        let new = config(more, &[("now", &[("a", lines), ("b", ASKED)])]);
        Turnover::of(&old, &new, at()).to_string()
    }

    #[test]
    fn each_key_result_is_counted_once_under_what_matters_most() {
        let one = |word: &str| format!("added 0, removed 0, changed 1 ({word} 1), 1 untouched");
        let asked = |from: &str, to: &str| change(&ASKED.replace(from, to), "");
        assert_eq!(
            change(ASKED, ""),
            "added 0, removed 0, changed 0, 2 untouched"
        );
        assert_eq!(asked("SELECT 1", "SELECT 2"), one("definition"));
        assert_eq!(asked("target = 9", "target = 8"), one("goal"));
        assert_eq!(asked("\"T\"", "\"U\""), one("text"));
        assert_eq!(
            asked("title", "schedule = \"every 5m\"\ntitle"),
            one("schedule")
        );
        assert_eq!(asked("title", "timeout = \"5s\"\ntitle"), one("schedule"));
        // All at once count as the first of them.
        let all = ASKED
            .replace("SELECT 1", "SELECT 2")
            .replace("\"T\"", "\"U\"");
        assert_eq!(change(&all, ""), one("definition"));
        let polling = "[polling]\nschedule = \"every 5m\"\n";
        assert_eq!(
            change(ASKED, polling),
            "added 0, removed 0, changed 2 (schedule 2), 0 untouched"
        );
    }

    #[test]
    fn f56_what_comes_goes_and_is_renamed_is_told_apart() {
        let old = config("", &[("now", &[("a", ASKED), ("b", ASKED), ("c", ASKED)])]);
        let renamed = format!("was = \"a\"\n{ASKED}");
        let new = config(
            "",
            &[("now", &[("z", &renamed), ("b", ASKED), ("d", ASKED)])],
        );
        let turnover = Turnover::of(&old, &new, at());
        assert_eq!(
            turnover.to_string(),
            "added 1, removed 1, changed 1 (name 1), 1 untouched"
        );
        assert_eq!(turnover.added[0].to_string(), "now/d");
        assert_eq!(turnover.removed[0].to_string(), "now/c");
        // The word stays in the file; the next reload has nothing to do with it.
        let again = Turnover::of(&new, &new, at());
        assert_eq!(again.untouched, 3);
    }

    #[test]
    fn f55_more_than_half_of_what_is_under_way_is_a_mass() {
        let [a, b, c, d] = ["a", "b", "c", "d"].map(|id| (id, ASKED));
        let ended: &[_] = &[a, b, c, d];
        let old = config("", &[("now", &[a, b, c, d]), ("then", ended)]);
        let is_mass = |kept: &[(&str, &str)], then: bool| {
            let then = if then { ended } else { &[] };
            let new = config("", &[("now", kept), ("then", then)]);
            Turnover::of(&old, &new, at()).is_mass_removal()
        };
        assert!(!is_mass(&[a, b], true), "half");
        assert!(is_mass(&[a], true), "more than half");
        assert!(is_mass(&[], true), "all");
        assert!(
            is_mass(&[("x", ASKED), ("y", ASKED), ("z", ASKED)], true),
            "others in their place"
        );
        assert!(
            !is_mass(&[a, b, c, d], false),
            "a cycle that ended is tidied away"
        );
        assert!(
            !Turnover::of(&config("", &[]), &old, at()).is_mass_removal(),
            "nothing to lose"
        );
    }
}
