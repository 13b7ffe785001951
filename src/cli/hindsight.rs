//! What the store tells of the goals beside any score, as findings with the places of cycles, objectives and key results.
//! Reads the store and never makes one; what is remarkable is the affair of `domain::review`. Asks no source.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;

use super::exit::complain;
use super::when;
use crate::config::check::places::Places;
use crate::config::files::Files;
use crate::config::finding::{Code, Finding};
use crate::config::spec::Config;
use crate::domain::cycle::Cycle;
use crate::domain::goals::KeyResult;
use crate::domain::history::{History, Point};
use crate::domain::id::{CycleName, KeyResultId};
use crate::domain::review::{self, Remark};
use crate::domain::scorecard::{KeyResultCard, ObjectiveCard, score};
use crate::domain::status::Phase;
use crate::store::{Reader, StoreError, ToldCheckIn};
use crate::words::ENGLISH;

/// What the store holds of the goals in force.
#[derive(Debug, Default)]
pub struct Past {
    history: History,
    /// How likely each of those who drafted a key result held it to be met.
    drafted: HashMap<KeyResultId, Vec<f64>>,
    /// The cycles that were closed.
    closed: BTreeMap<CycleName, Timestamp>,
}

impl Past {
    /// Reads it; `None` when nothing was ever recorded.
    ///
    /// # Errors
    /// When there is a store that cannot be read.
    pub fn read(config: &Config, now: Timestamp) -> Result<Option<Self>, StoreError> {
        let reader = match Reader::open(&config.store.path) {
            Ok(reader) => reader,
            Err(StoreError::Missing { .. }) => return Ok(None),
            // Whoever checks before an update has a store of the version before, which the daemon will migrate.
            Err(error @ StoreError::Older { .. }) => {
                complain(&format!(
                    "note: what the store holds is not judged: {error}\n"
                ));
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let mut past = Self {
            history: reader.load(&config.goals)?.history,
            ..Self::default()
        };
        for (name, cycle) in &config.goals.cycles {
            if Phase::of(cycle, now) == Phase::Closed {
                let at = reader.closed_at(name)?;
                past.closed.extend(at.map(|at| (name.clone(), at)));
            }
        }
        for (_, key_result) in config.goals.key_results() {
            let id = &key_result.id;
            let record = past.history.get(id);
            let spoke = record.is_some_and(|record| record.confidence.is_some());
            if let Some(cycle) = config.goals.cycles.get(&id.cycle).filter(|_| spoke) {
                let told = newest_of_each(&reader.check_ins(id)?, cycle);
                past.drafted.insert(id.clone(), told);
            }
        }
        Ok(Some(past))
    }
}

/// The confidences of the draft, the newest of each who told one. Who gave no name counts as one person.
fn newest_of_each(told: &[ToldCheckIn], cycle: &Cycle) -> Vec<f64> {
    let drafts = told.iter();
    let drafts = drafts.filter(|told| review::is_of_the_draft(&told.said, cycle));
    let of_each = drafts.filter_map(|told| Some((told.author.as_deref(), told.said.confidence?)));
    let of_each: BTreeMap<Option<&str>, f64> = of_each.collect();
    of_each.into_values().collect()
}

/// What is remarked on the goals of cycles that run or are to come, and on cycles that are over. `answers` are the
/// numbers that sources gave just now; they stand in for a first value that was never recorded.
pub fn remarks(
    config: &Config,
    files: &Files,
    past: Option<&Past>,
    answers: &BTreeMap<KeyResultId, f64>,
    now: Timestamp,
) -> Vec<Finding> {
    let places = Places::of(files);
    let nothing = Past::default();
    let review = Review {
        config,
        places: &places,
        past: past.unwrap_or(&nothing),
        answers,
        now,
    };
    // Without a store nothing is told of silence: nobody has begun to measure.
    let is_recorded = past.is_some();
    let scorecard = score(&config.goals, &review.past.history, now);
    let mut found = Vec::new();
    for objective in scorecard.objectives() {
        let Some(cycle) = config.goals.cycles.get(&objective.objective.id.cycle) else {
            continue;
        };
        if now >= cycle.end() {
            continue;
        }
        found.extend(
            is_recorded
                .then(|| review.uncovered(objective, cycle))
                .flatten(),
        );
        for card in &objective.key_results {
            found.extend(review.start(&card.key_result, cycle));
            found.extend(review.reach(card, cycle));
            found.extend(review.confidence(&card.key_result));
            if is_recorded {
                found.extend(review.silence(card, cycle));
            }
        }
    }
    if is_recorded {
        found.extend(review.left_open());
    }
    found
}

struct Review<'a> {
    config: &'a Config,
    places: &'a Places<'a>,
    past: &'a Past,
    answers: &'a BTreeMap<KeyResultId, f64>,
    now: Timestamp,
}

impl Review<'_> {
    fn start(&self, key_result: &KeyResult, cycle: &Cycle) -> Option<Finding> {
        let id = &key_result.id;
        let record = self.past.history.get(id);
        let stored = record.and_then(|record| record.baseline(cycle));
        let (first, what) = match (stored, self.answers.get(id)) {
            (Some(first), _) => (first, format!("the first value of {id} in its cycle")),
            (None, Some(value)) => {
                let as_of = self.now;
                let value = *value;
                (Point { as_of, value }, format!("{id} as it is now"))
            }
            (None, None) => return None,
        };
        let quantity = |value| ENGLISH.quantity(value, &key_result.unit);
        let finding = match review::start(&key_result.aim, cycle, first)? {
            Remark::Done { value, target } => {
                let (value, target) = (quantity(value), quantity(target));
                let message = format!("{what} is {value} and meets the target {target} already");
                Finding::new(Code::KrDone, message)
                    .label("met at the start")
                    .help("agree on a target beyond what is there, or keep it as a band with `at_least` or `at_most`")
            }
            Remark::Start {
                value,
                baseline,
                off,
            } => {
                let (told, baseline) = (quantity(value), quantity(baseline));
                let off = ENGLISH.percent(off);
                let message = format!(
                    "{what} is {told}, expected about the baseline {baseline}: {off} of the way off"
                );
                Finding::new(Code::KrStart, message)
                    .label("not where it starts")
                    .help(format!(
                        "write baseline = {value} and agree on the target anew, or write baseline = \"first\""
                    ))
            }
            _ => return None,
        };
        Some(self.places.at_key_result(finding, id))
    }

    fn reach(&self, card: &KeyResultCard, cycle: &Cycle) -> Option<Finding> {
        let (id, unit) = (&card.key_result.id, &card.key_result.unit);
        let (name, past) = self.trend_before(&card.key_result, cycle)?;
        let remark = review::reach(card.baseline?, card.target?, cycle, past)?;
        let Remark::Reach {
            needed,
            past,
            times,
        } = remark
        else {
            return None;
        };
        let (needed, past) = (ENGLISH.quantity(needed, unit), ENGLISH.quantity(past, unit));
        let message = format!(
            "{id} needs {needed} a day, {times:.1} times the {past} a day of {name}, expected 1 to 3 times"
        );
        let (label, help) = if times < 1.0 {
            (
                "asks for less than before",
                "it is reached by going on as before: agree on a higher target",
            )
        } else {
            (
                "asks for much more than before",
                "what will be so different? agree on a nearer target, or say it in `why`",
            )
        };
        let finding = Finding::new(Code::KrReach, message).label(label).help(help);
        Some(self.places.at_key_result(finding, id))
    }

    /// How fast the same number moved in the newest cycle before, under the same definition.
    fn trend_before(&self, key_result: &KeyResult, cycle: &Cycle) -> Option<(&CycleName, f64)> {
        let goals = &self.config.goals;
        let is_same = |other: &KeyResult| {
            let (one, two) = (&other.id, &key_result.id);
            let names = (&one.objective, &one.key_result) == (&two.objective, &two.key_result);
            names && other.definition == key_result.definition
        };
        let earlier = goals.key_results().filter(|(_, other)| is_same(other));
        let earlier = earlier.filter_map(|(_, other)| {
            let before = goals.cycles.get(&other.id.cycle)?;
            (before.end() <= cycle.start()).then_some((before, other))
        });
        let (before, other) = earlier.max_by_key(|(before, _)| before.end())?;
        let series = &self.past.history.get(&other.id)?.series;
        let past = review::trend(other.kind, before, series)?;
        Some((&before.name, past))
    }

    fn confidence(&self, key_result: &KeyResult) -> Option<Finding> {
        let id = &key_result.id;
        let told = self.past.drafted.get(id)?;
        let Remark::Confidence { mean, told } = review::confidence(told)? else {
            return None;
        };
        let people = match told {
            1 => "one person".to_owned(),
            n => format!("{n} people"),
        };
        let message = format!(
            "{id} was drafted with a confidence of {} on the mean, told by {people}, expected 40 to 75\u{a0}%",
            ENGLISH.percent(mean)
        );
        let (label, help) = if mean > 0.5 {
            (
                "almost certain",
                "aim higher: what is certain needs no objective",
            )
        } else {
            ("hardly believed", "aim at what people hold to be possible")
        };
        let finding = Finding::new(Code::KrConf, message).label(label).help(help);
        Some(self.places.at_key_result(finding, id))
    }

    fn silence(&self, card: &KeyResultCard, cycle: &Cycle) -> Vec<Finding> {
        let id = &card.key_result.id;
        let record = self.past.history.get(id);
        let remarks = review::silence(card, record, cycle, self.now);
        let told = remarks
            .iter()
            .filter_map(|remark| self.silent(remark, &card.key_result));
        told.map(|finding| self.places.at_key_result(finding, id))
            .collect()
    }

    fn silent(&self, remark: &Remark, key_result: &KeyResult) -> Option<Finding> {
        let id = &key_result.id;
        let show = |at| when::show(at, &self.config.zone);
        let since = "since its cycle began 14 days ago or more";
        Some(match remark {
            Remark::Stale { as_of } => Finding::new(
                Code::RunStale,
                format!("the newest value of {id} is of {}, older than `stale_after` allows", show(*as_of)),
            )
            .label("no newer value")
            .help(format!("see why with `okrd probe {id}` and `okrd history {id}`")),
            Remark::Unmoved { value: Some(value) } => Finding::new(
                Code::RunNotStarted,
                format!("{id} has stood at {} {since}", ENGLISH.quantity(*value, &key_result.unit)),
            )
            .label("does not move")
            .help("is anybody at work on it? drop it, or say in a check-in what is in the way"),
            Remark::Unmoved { value: None } => Finding::new(
                Code::RunNotStarted,
                format!("{id} has had no value {since}"),
            )
            .label("never measured")
            .help(format!("`okrd probe {id}` asks its source; without one `okrd record` keeps what people know")),
            Remark::Unspoken { last } => {
                let last = last.map_or_else(String::new, |at| format!(", last at {}", show(at)));
                Finding::new(
                    Code::RunNotStarted,
                    format!("nobody has checked in on {id} for two weeks{last}"),
                )
                .label("no check-in")
                .help(format!("tell how likely it is to be met: `okrd checkin {id} --confidence 0.6`"))
            }
            _ => return None,
        })
    }

    fn uncovered(&self, card: &ObjectiveCard, cycle: &Cycle) -> Option<Finding> {
        let coverage = review::uncovered(card, cycle, self.now)?;
        let id = &card.objective.id;
        let message = format!(
            "{} of the weights of {} is known, expected half at least",
            ENGLISH.percent(coverage),
            id.objective
        );
        let finding = Finding::new(Code::RunCover, message)
            .label("mostly unknown")
            .help(
                "see in `okrd status` which of its key results were never measured or are too old",
            );
        Some(self.places.at_objective(finding, id))
    }

    /// Cycles that are over, have objectives and were not closed.
    fn left_open(&self) -> Vec<Finding> {
        let goals = &self.config.goals;
        let used: BTreeSet<&CycleName> = goals.objectives.iter().map(|o| &o.id.cycle).collect();
        let open = goals.cycles.values().filter(|cycle| {
            let closed_at = self.past.closed.get(&cycle.name).copied();
            used.contains(&cycle.name) && review::is_left_open(cycle, closed_at, self.now)
        });
        open.map(|cycle| {
            let (name, day) = (&cycle.name, cycle.last_day);
            let message = format!("cycle {name} ended on {day} and is not closed");
            let finding = Finding::new(Code::CycOpen, message)
                .label("not closed")
                .help(format!(
                    "keep how it ended with `okrd close {name}`, and say what was learned"
                ));
            self.places.at_cycle(finding, name)
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{check, configuration};
    use crate::config::files::File;
    use crate::config::render;
    use crate::domain::history::{CheckIn, Series};

    const MAIN: &str = "cycle = \"2026-Q4\"
[cycles.2026-Q3]
starts = 2026-07-01
ends = 2026-09-30
[cycles.2026-Q4]
starts = 2026-10-01
ends = 2026-12-31
[cycles.2027-Q1]
starts = 2027-01-01
ends = 2027-03-31
";

    /// An objective of these key results, each with its keys.
    fn okrs(cycle: &str, key_results: &[(&str, &str)]) -> String {
        let mut text = format!("cycle = \"{cycle}\"\n[objectives.growth]\ntitle = \"Growth\"\n");
        for (name, keys) in key_results {
            text.push_str(&format!(
                "[objectives.growth.key_results.{name}]\ntitle = \"T\"\nunit = \"u\"\n{keys}\n"
            ));
        }
        text
    }

    fn id(text: &str) -> KeyResultId {
        KeyResultId::parse_full(text).unwrap()
    }

    /// One value a day from a day on, each so much more than the one before.
    fn daily(from: &str, days: i64, first: f64, step: f64) -> Series {
        let start: Timestamp = format!("{from}T12:00:00Z").parse().unwrap();
        let point = |day: i64| {
            #[expect(clippy::cast_precision_loss, reason = "small numbers")]
            let value = first + step * day as f64;
            let as_of = start + jiff::SignedDuration::from_hours(24 * day);
            Point { as_of, value }
        };
        (0..days).map(point).collect()
    }

    fn said(past: &mut Past, key_result: &str, at: &str, confidence: f64) {
        let record = past.history.record(&id(key_result));
        record.confidence = Some(confidence);
        record.check_in = Some(CheckIn {
            at: at.parse().unwrap(),
            confidence: Some(confidence),
            note: None,
        });
    }

    /// Each remark with its place and its words, as people read them: `OKRD_GOLDEN=write` writes them anew.
    #[test]
    fn every_remark_is_told_at_its_place() {
        let way = "baseline = 100\ntarget = 190";
        let quarter = [
            ("jump", way),
            ("met", way),
            ("old", "baseline = 100\ntarget = 190\nstale_after = \"3d\""),
            ("still", way),
            ("never", way),
            ("fine", way),
            ("safe", "baseline = 100\ntarget = 120"),
            ("wild", "baseline = 100\ntarget = 1000"),
        ];
        let next = [("certain", way), ("hopeless", way), ("probed", way)];
        let before = [("safe", way), ("wild", way)];
        let texts = [
            ("okrd.toml", MAIN.to_owned()),
            ("before.toml", okrs("2026-Q3", &before)),
            ("now.toml", okrs("2026-Q4", &quarter)),
            ("next.toml", okrs("2027-Q1", &next)),
        ];
        let files = Files {
            files: texts
                .iter()
                .map(|(name, text)| File::new(*name, "/", text.clone()))
                .collect(),
            findings: Vec::new(),
        };
        let (config, findings) = configuration::check(&files);
        let config = config.unwrap_or_else(|| panic!("{findings:?}"));
        let now = "2026-11-24T12:00:00Z".parse().unwrap();

        let mut past = Past::default();
        for (key_result, series) in [
            ("2026-Q3:growth/safe", daily("2026-07-01", 92, 10.0, 1.0)),
            ("2026-Q3:growth/wild", daily("2026-07-01", 92, 10.0, 1.0)),
            ("2026-Q4:growth/jump", daily("2026-10-01", 55, 150.0, 0.1)),
            ("2026-Q4:growth/met", daily("2026-10-01", 55, 190.0, 0.1)),
            ("2026-Q4:growth/old", daily("2026-10-01", 5, 100.0, 1.0)),
            ("2026-Q4:growth/still", daily("2026-10-01", 55, 101.0, 0.0)),
            ("2026-Q4:growth/fine", daily("2026-10-01", 55, 100.0, 1.0)),
            ("2026-Q4:growth/safe", daily("2026-10-01", 55, 100.0, 0.2)),
            ("2026-Q4:growth/wild", daily("2026-10-01", 55, 100.0, 3.0)),
        ] {
            past.history.record(&id(key_result)).series = series;
        }
        for (name, _) in quarter.iter().filter(|(name, _)| *name != "fine") {
            let name = format!("2026-Q4:growth/{name}");
            said(&mut past, &name, "2026-11-20T12:00:00Z", 0.5);
        }
        said(
            &mut past,
            "2026-Q4:growth/fine",
            "2026-11-01T12:00:00Z",
            0.5,
        );
        past.drafted
            .insert(id("2027-Q1:growth/certain"), vec![0.95, 1.0]);
        past.drafted
            .insert(id("2027-Q1:growth/hopeless"), vec![0.1]);
        let answers = BTreeMap::from([
            (id("2027-Q1:growth/probed"), 120.0),
            // The first value in the store counts, not what it has become.
            (id("2026-Q4:growth/fine"), 154.0),
        ]);

        let mut found = remarks(&config, &files, Some(&past), &answers, now);
        check::put_in_order(&files, &mut found);
        let text = render::text(&found, &files);
        let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/hindsight.txt");
        if std::env::var("OKRD_GOLDEN").is_ok_and(|value| value == "write") {
            std::fs::write(golden, &text).unwrap();
        }
        assert_eq!(std::fs::read_to_string(golden).unwrap_or_default(), text);

        // A cycle that was closed is no longer told.
        let closed_at = (CycleName::parse("2026-Q3").unwrap(), now);
        past.closed.extend([closed_at]);
        let found = remarks(&config, &files, Some(&past), &answers, now);
        assert!(found.iter().all(|f| f.code != Code::CycOpen));
        // Without a store only what a source said just now is judged, and nobody is told to be silent.
        let found = remarks(&config, &files, None, &answers, now);
        let told: Vec<_> = found.iter().map(|f| (f.code, f.file.as_str())).collect();
        assert_eq!(told, [(Code::KrStart, "next.toml")]);
        // Half an objective is known.
        let mut little = Past::default();
        little.history.record(&id("2026-Q4:growth/fine")).series =
            daily("2026-10-01", 55, 100.0, 1.0);
        let found = remarks(&config, &files, Some(&little), &answers, now);
        let cover = found.iter().find(|f| f.code == Code::RunCover).unwrap();
        assert_eq!((cover.file.as_str(), cover.line), ("now.toml", 2));
        assert!(
            cover
                .message
                .starts_with("13\u{a0}% of the weights of growth"),
            "{cover:?}"
        );
    }

    #[test]
    fn of_a_draft_the_newest_word_of_each_counts() {
        let cycle = Cycle::new(
            CycleName::parse("c").unwrap(),
            jiff::civil::date(2026, 10, 1),
            jiff::civil::date(2026, 12, 31),
            jiff::tz::TimeZone::UTC,
        )
        .unwrap();
        let told = |author: Option<&str>, at: &str, confidence| ToldCheckIn {
            key_result: id("c:o/k"),
            said: CheckIn {
                at: at.parse().unwrap(),
                confidence,
                note: None,
            },
            author: author.map(str::to_owned),
        };
        let all = [
            told(Some("ada"), "2026-09-20T12:00:00Z", Some(0.2)),
            told(Some("ben"), "2026-09-20T12:00:00Z", Some(0.9)),
            told(None, "2026-09-20T12:00:00Z", Some(0.5)),
            told(Some("ada"), "2026-10-02T12:00:00Z", Some(0.4)),
            told(Some("ben"), "2026-10-02T12:00:00Z", None),
            told(Some("ada"), "2026-10-09T12:00:00Z", Some(1.0)),
        ];
        assert_eq!(newest_of_each(&all, &cycle), [0.5, 0.4, 0.9]);
    }
}
