//! What the sources say to the questions of a configuration, as findings with the places of those questions. Each
//! source is asked for each of its key results twice in a row, a statement is prepared before it is run, and a source that
//! cannot be reached, refuses us or is slow is left alone. Records nothing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::filters;
use crate::config::check::places::Places;
use crate::config::files::Files;
use crate::config::finding::{Code, Finding, Severity};
use crate::config::spec::{Config, Measure, Poll, SourceSpec};
use crate::domain::cycle::Cycle;
use crate::domain::fault::{Fault, FaultClass};
use crate::domain::id::{KeyResultId, Slug};
use crate::domain::number;
use crate::domain::reading::Reading;
use crate::domain::review;
use crate::domain::window::Moments;
use crate::net::fault::shown_time;
use crate::source::jira::{Api, Identity, Jira};
use crate::source::{Question, Source, sql};

/// How long a source may take to say who it is when no key result says more.
const GREETING: Duration = Duration::from_secs(30);

/// What the sources answered.
#[derive(Debug, Default)]
pub struct Answers {
    /// What is to be said of it, not in order.
    pub findings: Vec<Finding>,
    /// The numbers that came.
    pub numbers: BTreeMap<KeyResultId, f64>,
}

/// Asks all sources, all at a time. Key results of cycles that are over are not asked for, as the daemon does not
/// either.
pub async fn ask(config: &Config, files: &Files, now: Timestamp) -> Answers {
    let places = Places::of(files);
    let inquiries: Vec<_> = config
        .sources
        .iter()
        .map(|(name, spec)| Inquiry::new(config, &places, name, spec, now))
        .collect();
    let open = filters::opener();
    let found = inquiries
        .iter()
        .map(|inquiry| inquiry.answers(open(inquiry.spec)));
    let mut all = Answers::default();
    for answers in join_all(found).await {
        all.findings.extend(answers.findings);
        all.numbers.extend(answers.numbers);
    }
    all
}

/// The questions to one source.
struct Inquiry<'a> {
    name: &'a Slug,
    spec: &'a SourceSpec,
    polls: Vec<(&'a Poll, &'a Cycle)>,
    places: &'a Places<'a>,
    config: &'a Config,
    now: Timestamp,
}

/// What came of a question that did not fail.
enum Asked {
    /// A number, how long it took, and what came of asking again.
    Number(Box<Reading>, Duration, Option<Box<Reading>>),
    /// The window is still empty, so there is nothing to ask about yet.
    TooEarly,
}

impl<'a> Inquiry<'a> {
    fn new(
        config: &'a Config,
        places: &'a Places<'a>,
        name: &'a Slug,
        spec: &'a SourceSpec,
        now: Timestamp,
    ) -> Self {
        let of_source = config.polls.iter().filter(|poll| poll.source == *name);
        let polls = of_source
            .filter_map(|poll| Some((poll, config.goals.cycles.get(&poll.key_result.cycle)?)))
            .filter(|(_, cycle)| now < cycle.end())
            .collect();
        Self {
            name,
            spec,
            polls,
            places,
            config,
            now,
        }
    }

    async fn answers(&self, source: Arc<dyn Source>) -> Answers {
        let mut found = Vec::new();
        let mut numbers = BTreeMap::new();
        match self.greet().await {
            Ok(greeting) => found.extend(greeting),
            Err(fault) => {
                let message = format!("source {} does not answer: {}", self.name, told(&fault));
                found.push(self.at_source(Finding::new(Code::SrcAnswer, message), &fault));
                return Answers {
                    findings: found,
                    numbers,
                };
            }
        }
        let questions = self.polls.iter().map(|(poll, cycle)| {
            let asking = self.ask(source.as_ref(), poll, cycle);
            async move { (*poll, asking.await) }
        });
        let mut answers = stream::iter(questions).buffered(source.permits().max(1));
        let (mut heard, mut early) = (0, 0);
        let mut questions = Vec::new();
        while let Some((poll, answer)) = answers.next().await {
            heard += 1;
            match answer {
                Ok(Asked::TooEarly) => early += 1,
                Ok(Asked::Number(reading, took, again)) => {
                    found.extend(self.doubt(poll, &reading));
                    found.extend(self.slow(poll, took));
                    questions.push((took, poll.schedule.shortest_gap(self.now)));
                    found.extend(again.and_then(|again| self.fuzzy(poll, &reading, &again)));
                    numbers.insert(poll.key_result.clone(), reading.value);
                }
                Err(fault) if is_of_the_source(&fault) => {
                    found.push(self.unanswered(poll, &fault, self.polls.len() - heard));
                    break;
                }
                Err(fault) => found.push(self.measure_fault(poll, &fault)),
            }
        }
        if early > 0 {
            found.push(self.too_early(early));
        }
        found.extend(self.load(&questions, source.permits()));
        let remarks = source.remarks().into_iter();
        found.extend(remarks.map(|remark| self.remarked(&remark)));
        Answers {
            findings: found,
            numbers,
        }
    }

    /// Asks the source itself, where it can be asked without a question of ours.
    async fn greet(&self) -> Result<Vec<Finding>, Fault> {
        let timeout = self
            .polls
            .first()
            .map_or(GREETING, |(poll, _)| poll.timeout);
        match self.spec {
            SourceSpec::Jira { http, deployment } => {
                let jira = Jira::new(http, *deployment);
                let identity = jira.identify(timeout).await?;
                let mut found = vec![introduced(self.name, &identity)];
                found.extend(self.other_clock(&identity));
                found.extend(self.blind(&identity));
                let placed = |finding| self.places.at_source(finding, self.name);
                Ok(found.into_iter().map(placed).collect())
            }
            SourceSpec::Sqlite { .. } if self.polls.is_empty() => {
                sql::describe(self.spec, "SELECT 1", timeout).await?;
                Ok(Vec::new())
            }
            SourceSpec::Postgres { .. } | SourceSpec::Mysql { .. } => {
                let account = sql::account(self.spec, timeout).await?;
                let message = format!("source {} takes us for {account}", self.name);
                let known = Finding::new(Code::SrcAnswer, message).severity(Severity::Info);
                let known = known.help("it sees what this account may see");
                let powers = sql::powers(self.spec, timeout).await?;
                let powers = powers.iter().map(|power| self.powerful(power));
                let known = self.places.at_source(known, self.name);
                Ok(std::iter::once(known).chain(powers).collect())
            }
            _ => Ok(Vec::new()),
        }
    }

    /// The account is the boundary; what stands before it in okrd is only the second one.
    fn powerful(&self, power: &sql::Power) -> Finding {
        let message = format!(
            "okrd's account at source {} {}, expected one that may only SELECT",
            self.name, power.what
        );
        let severity = if power.grave {
            Severity::Error
        } else {
            Severity::Warning
        };
        let finding = Finding::new(Code::SrcWrite, message).severity(severity);
        let finding = finding.label("may do more than read").help(
            "make an account for okrd alone, GRANT it SELECT on what is measured and nothing else, and name it in the URL",
        );
        self.places.at_source(finding, self.name)
    }

    async fn ask(&self, source: &dyn Source, poll: &Poll, cycle: &Cycle) -> Result<Asked, Fault> {
        if let Measure::Sql { query, .. } = &poll.measure {
            sql::describe(self.spec, query, poll.timeout).await?;
        }
        let Some(moments) = Moments::at(self.now, cycle, poll.window) else {
            return Ok(Asked::TooEarly);
        };
        let question = Question {
            measure: &poll.measure,
            moments: &moments,
            timeout: poll.timeout,
        };
        let began = Instant::now();
        let reading = source.measure(question).await?;
        let took = began.elapsed();
        // Whoever is slow is not asked for more. A second answer that fails says what the next poll will tell.
        let again = match review::is_slow(took) {
            true => None,
            false => source.measure(question).await.ok().map(Box::new),
        };
        Ok(Asked::Number(Box::new(reading), took, again))
    }

    /// An answer that took long.
    fn slow(&self, poll: &Poll, took: Duration) -> Option<Finding> {
        if !review::is_slow(took) {
            return None;
        }
        let message = format!(
            "source {} took {} to answer for {}, expected {} at most",
            self.name,
            shown_time(took),
            poll.key_result,
            shown_time(review::SLOW)
        );
        let finding = Finding::new(Code::SrcSlow, message)
            .label("takes long")
            .help("count in a table that is kept ready, add an index, or ask for fewer days");
        Some(self.places.at_measure(finding, &poll.key_result))
    }

    /// More questions than it answers in time, each taking so long and coming every so often.
    fn load(&self, questions: &[(Duration, Duration)], permits: usize) -> Option<Finding> {
        let limits = self.config.limits.get(self.name).copied();
        let limits = limits.unwrap_or_default();
        let permits = limits.max_in_flight.unwrap_or(permits).max(1);
        let load = review::load(questions.iter().copied(), permits, limits.gap());
        if load <= review::LOAD {
            return None;
        }
        let message = format!(
            "source {} would be asked for {:.0} % of the time, expected {:.0} % at most: {} questions, {permits} at a time{}",
            self.name,
            load * 100.0,
            review::LOAD * 100.0,
            questions.len(),
            limits
                .per_minute
                .map(|n| format!(", {n} a minute"))
                .unwrap_or_default(),
        );
        let finding = Finding::new(Code::SrcLoad, message)
            .label("asked too often")
            .help("ask less often, make the questions quicker, or let max_in_flight and per_minute allow more if it can bear it");
        Some(self.places.at_source(finding, self.name))
    }

    /// Two answers to one question that contradict each other.
    fn fuzzy(&self, poll: &Poll, first: &Reading, second: &Reading) -> Option<Finding> {
        if !review::contradict(first, second) {
            return None;
        }
        let digits = |reading: &Reading| {
            let exact = reading.exact.clone();
            exact.unwrap_or_else(|| number::show(reading.value))
        };
        let message = format!(
            "source {} gave {} and then {} for {}, asked twice for the same instant",
            self.name,
            digits(first),
            digits(second),
            poll.key_result
        );
        let help = match self.spec {
            SourceSpec::Sqlite { .. } | SourceSpec::Postgres { .. } | SourceSpec::Mysql { .. } => {
                "leave out what is drawn at random or ordered by chance; hold what moves still by a condition on :now"
            }
            _ => "leave out what is drawn at random; hold what moves still by a condition on {now}",
        };
        let finding = Finding::new(Code::SrcSame, message).label("two answers");
        Some(self.places.at_measure(finding.help(help), &poll.key_result))
    }

    /// A number that came and is perhaps not meant: one that its source has a remark on, or a JQL that finds nothing.
    fn doubt(&self, poll: &Poll, reading: &Reading) -> Option<Finding> {
        let (source, key_result) = (self.name, &poll.key_result);
        let (what, label, help) = match (&reading.note, &poll.measure) {
            (Some(note), _) => (
                format!(
                    "source {source} gives {} for {key_result}, but {note}",
                    reading.value
                ),
                "perhaps not whole",
                "show the field to the account of this source, or narrow the JQL to issues that use it",
            ),
            (None, Measure::Jira { .. }) if reading.value == 0.0 => (
                format!("source {source} gives 0 for {key_result}"),
                "finds nothing",
                "if that is not what you expect: try the JQL in Jira's issue search; a mistyped one may just find nothing",
            ),
            _ => return None,
        };
        let finding = Finding::new(Code::SrcAnswer, what).severity(Severity::Warning);
        let finding = finding.label(label).help(help);
        Some(self.places.at_measure(finding, key_result))
    }

    /// A Jira that reads the dates of a JQL by another clock than ours.
    fn other_clock(&self, identity: &Identity) -> Option<Finding> {
        let zone = identity.account.as_ref()?.zone.as_ref()?;
        if agree(zone, &self.config.zone, self.now) {
            return None;
        }
        let message = format!(
            "source {} reads dates in {} for this account, expected the configured timezone {}",
            self.name,
            zone.iana_name().unwrap_or("another time zone"),
            self.config.zone_name,
        );
        let finding = Finding::new(Code::SrcAnswer, message).severity(Severity::Warning);
        Some(finding.label("another clock").help(
            "{now}, {cycle_start} and their like mean the same in both, but startOfDay(), -1d or \"2026/10/01\" in a JQL do not: \
             give the account the same time zone in its Jira profile",
        ))
    }

    /// A Jira that shows us no project at all.
    fn blind(&self, identity: &Identity) -> Option<Finding> {
        if identity.browses != Some(false) {
            return None;
        }
        let message = format!(
            "source {} shows this account no project, expected the permission Browse Projects",
            self.name
        );
        let finding = Finding::new(Code::SrcAnswer, message).severity(Severity::Warning);
        Some(finding.label("sees nothing").help(
            "every JQL finds nothing then: give the account Browse Projects in the projects whose issues count",
        ))
    }

    fn unanswered(&self, poll: &Poll, fault: &Fault, not_asked: usize) -> Finding {
        let (source, key_result) = (self.name, &poll.key_result);
        let rest = match not_asked {
            0 => String::new(),
            n => format!("; not asked for {n} more"),
        };
        let message = format!(
            "source {source} does not answer for {key_result}: {}{rest}",
            told(fault)
        );
        self.at_source(Finding::new(Code::SrcAnswer, message), fault)
    }

    fn at_source(&self, finding: Finding, fault: &Fault) -> Finding {
        let finding = finding
            .label("does not answer")
            .help(match fault.help.as_str() {
                "" => "is the source up, and does it take connections from this machine?",
                help => help,
            });
        self.places.at_source(finding, self.name)
    }

    fn measure_fault(&self, poll: &Poll, fault: &Fault) -> Finding {
        let (source, key_result) = (self.name, &poll.key_result);
        let (code, what, label) = match fault.class {
            FaultClass::BadValue | FaultClass::BadBody | FaultClass::BadType => (
                Code::SrcOne,
                format!("source {source} gives no number for {key_result}"),
                "not one number",
            ),
            FaultClass::SqlRefused => (
                Code::SrcWrite,
                format!("the query of {key_result} is no single read"),
                "not a read",
            ),
            _ => (
                Code::SrcAnswer,
                format!("source {source} does not answer for {key_result}"),
                "does not answer",
            ),
        };
        let finding = Finding::new(code, format!("{what}: {}", told(fault))).label(label);
        let finding = match fault.help.as_str() {
            "" => finding.help(format!("ask again with `okrd probe {key_result}`")),
            help => finding.help(help),
        };
        self.places.at_measure(finding, key_result)
    }

    fn remarked(&self, remark: &str) -> Finding {
        let message = format!("source {} answers, but {remark}", self.name);
        let finding = Finding::new(Code::SrcAnswer, message).severity(Severity::Warning);
        let finding = finding.label("answers otherwise than it seems");
        self.places.at_source(finding, self.name)
    }

    fn too_early(&self, count: usize) -> Finding {
        let message = format!(
            "source {} was not asked for {count} of its numbers: their windows are still empty",
            self.name
        );
        let finding = Finding::new(Code::SrcAnswer, message).severity(Severity::Info);
        let finding = finding.help("ask again when the cycle has begun");
        self.places.at_source(finding, self.name)
    }
}

/// Faults that every other question would end in too; asking on may even lock an account out.
fn is_of_the_source(fault: &Fault) -> bool {
    matches!(
        fault.class,
        FaultClass::Net
            | FaultClass::Dns
            | FaultClass::Tls
            | FaultClass::Auth
            | FaultClass::RateLimited
    )
}

/// Whether clocks in both zones show the same all year round: looked at week by week.
fn agree(a: &TimeZone, b: &TimeZone, now: Timestamp) -> bool {
    (0..53).all(|week| {
        let then = now.saturating_add(SignedDuration::from_hours(week * 7 * 24));
        then.is_ok_and(|then| a.to_offset(then) == b.to_offset(then))
    })
}

/// Servers like to end with a full stop.
fn told(fault: &Fault) -> &str {
    fault.message.trim_end_matches('.')
}

/// Who a Jira site takes us for, and in which zone it reads dates for us.
fn introduced(name: &Slug, identity: &Identity) -> Finding {
    let api = match identity.api {
        Api::Cloud => "Jira Cloud",
        Api::DataCenter => "Jira Data Center",
    };
    let (whom, help) = match &identity.account {
        None => (
            "anybody, for want of credentials".to_owned(),
            "add `auth` unless every issue that counts is public",
        ),
        Some(account) => {
            let zone = account.zone.as_ref().and_then(|zone| zone.iana_name());
            let zone = zone.map_or_else(
                || "of no known time zone".to_owned(),
                |zone| format!("in the time zone {zone}"),
            );
            (
                format!("`{}` {zone}", account.name),
                "it sees what this account may see, and reads dates in that zone",
            )
        }
    };
    let message = format!("source {name} is {api} and takes us for {whom}");
    let finding = Finding::new(Code::SrcAnswer, message);
    finding.severity(Severity::Info).help(help)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::configuration::check;
    use crate::config::files::File;
    use crate::config::spec::Limits;
    use axum::routing::{get, post};
    use axum::{Json, Router};
    use serde_json::json;

    const CYCLES: &str = "cycle = \"now\"
[cycles.now]
starts = 2026-10-01
ends = 2026-12-31
[cycles.next]
starts = 2027-01-01
ends = 2027-03-31
[cycles.over]
starts = 2026-07-01
ends = 2026-09-30
[sources.shop]
type = \"sqlite\"
path = \"shop.db\"
";

    /// A file of objectives: each key result with its measure.
    fn okrs(cycle: &str, measures: &[(&str, &str)]) -> String {
        let mut text = format!("cycle = \"{cycle}\"\n[objectives.growth]\ntitle = \"Growth\"\n");
        for (name, measure) in measures {
            text.push_str(&format!(
                "[objectives.growth.key_results.{name}]\ntitle = \"T\"\nunit = \"u\"\nat_most = 3\nmeasure = {{ {measure} }}\n"
            ));
        }
        text
    }

    async fn found(folder: &std::path::Path, files: &[(&str, String)]) -> Vec<Finding> {
        let files = Files {
            files: files
                .iter()
                .map(|(name, text)| File::new(*name, folder, text.clone()))
                .collect(),
            findings: Vec::new(),
        };
        let (config, findings) = check(&files);
        let config = config.unwrap_or_else(|| panic!("{findings:?}"));
        let now = "2026-11-01T12:00:00Z".parse().unwrap();
        let mut found = ask(&config, &files, now).await.findings;
        crate::cli::check::put_in_order(&files, &mut found);
        found
    }

    /// A folder with a shop of three orders.
    fn shop() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let shop = rusqlite::Connection::open(folder.path().join("shop.db")).unwrap();
        shop.execute_batch("CREATE TABLE orders (id); INSERT INTO orders VALUES (1), (2), (3)")
            .unwrap();
        folder
    }

    /// Code, severity, file and line, and the message.
    fn lines(found: &[Finding]) -> Vec<String> {
        let line = |f: &Finding| {
            let severity = f.severity.as_str();
            format!("{} {severity} {}:{} {}", f.code, f.file, f.line, f.message)
        };
        found.iter().map(line).collect()
    }

    #[tokio::test]
    async fn f90_each_question_that_fails_is_told_at_its_place() {
        let folder = shop();
        let now = okrs(
            "now",
            &[
                (
                    "fine",
                    "source = \"shop\", query = \"SELECT count(*) FROM orders\"",
                ),
                (
                    "many",
                    "source = \"shop\", query = \"SELECT id FROM orders\"",
                ),
                (
                    "misspelt",
                    "source = \"shop\", query = \"SELECT count(*) FROM ordres\"",
                ),
                (
                    "secretive",
                    "source = \"shop\", query = \"SELECT count(*) FROM pragma_database_list\"",
                ),
            ],
        );
        let found = found(
            folder.path(),
            &[("okrd.toml", CYCLES.into()), ("now.toml", now)],
        )
        .await;
        let lines = lines(&found);
        assert_eq!(lines.len(), 3, "{lines:#?}");
        let starts = [
            "SRC-ONE error now.toml:13 source shop gives no number for growth/many: found more than one row",
            "SRC-ANSWER error now.toml:18 source shop does not answer for growth/misspelt: no such table: ordres",
            "SRC-WRITE error now.toml:23 the query of growth/secretive is no single read: ",
        ];
        for (line, start) in lines.iter().zip(starts) {
            assert!(line.starts_with(start), "{line}");
        }
        assert!(found.iter().all(|f| f.column == 11 && !f.help.is_empty()));
    }

    #[tokio::test]
    async fn f90_next_cycles_statements_are_prepared_and_those_of_the_last_left_alone() {
        let folder = shop();
        let good = "source = \"shop\", query = \"SELECT count(*) FROM orders\"";
        let bad = "source = \"shop\", query = \"SELECT count(*) FROM ordres\"";
        let files = [
            ("okrd.toml", CYCLES.into()),
            ("next.toml", okrs("next", &[("good", good), ("bad", bad)])),
            ("over.toml", okrs("over", &[("bad", bad), ("worse", bad)])),
        ];
        let lines = lines(&found(folder.path(), &files).await);
        assert_eq!(lines.len(), 2, "{lines:#?}");
        assert!(
            lines[0].starts_with("SRC-ANSWER info okrd.toml:11 source shop was not asked for 1")
        );
        assert!(lines[1].starts_with("SRC-ANSWER error next.toml:13 "));
        assert!(lines[1].contains("growth/bad: no such table: ordres"));
    }

    #[tokio::test]
    async fn f23_a_number_that_is_perhaps_not_meant_is_a_warning() {
        let address = desk().await;
        let folder = shop();
        let tracker =
            format!("{CYCLES}[sources.tracker]\ntype = \"jira\"\nurl = \"http://{address}\"\n");
        let measures = [
            (
                "mixed",
                "source = \"tracker\", jql = \"project = MIXED\", value = { sum = \"Points\" }",
            ),
            ("none", "source = \"tracker\", jql = \"project = NONE\""),
            (
                "three",
                "source = \"tracker\", jql = \"project = MIXED ORDER BY key\"",
            ),
        ];
        let files = [("okrd.toml", tracker), ("now.toml", okrs("now", &measures))];
        let lines = lines(&found(folder.path(), &files).await);
        assert_eq!(
            lines[1..],
            [
                "SRC-ANSWER warning now.toml:8 source tracker gives 13 for growth/mixed, but 2 of 3 issues have a value, 1 does not carry the field",
                "SRC-ANSWER warning now.toml:13 source tracker gives 0 for growth/none",
            ]
        );
    }

    #[tokio::test]
    async fn a_number_that_changes_while_nothing_does_is_a_warning() {
        let folder = shop();
        let measures = [
            (
                "drawn",
                "source = \"shop\", query = \"SELECT abs(random() % 1000000007)\"",
            ),
            (
                "counted",
                "source = \"shop\", query = \"SELECT count(*) FROM orders\"",
            ),
        ];
        let files = [
            ("okrd.toml", CYCLES.to_owned()),
            ("now.toml", okrs("now", &measures)),
        ];
        let lines = lines(&found(folder.path(), &files).await);
        assert_eq!(lines.len(), 1, "{lines:#?}");
        let line = &lines[0];
        assert!(
            line.starts_with("SRC-SAME warning now.toml:8 source shop gave "),
            "{line}"
        );
        assert!(
            line.ends_with(" for growth/drawn, asked twice for the same instant"),
            "{line}"
        );
    }

    /// Without waiting for it: how long an answer took is an argument.
    #[test]
    fn an_answer_that_took_longer_than_thirty_seconds_is_a_warning() {
        let files = Files {
            files: [
                ("okrd.toml", CYCLES.to_owned()),
                (
                    "now.toml",
                    okrs("now", &[("k", "source = \"shop\", query = \"SELECT 1\"")]),
                ),
            ]
            .into_iter()
            .map(|(name, text)| File::new(name, "/", text))
            .collect(),
            findings: Vec::new(),
        };
        let (config, findings) = check(&files);
        let config = config.unwrap_or_else(|| panic!("{findings:?}"));
        let places = Places::of(&files);
        let (name, spec) = config.sources.iter().next().unwrap();
        let now = "2026-11-01T12:00:00Z".parse().unwrap();
        let inquiry = Inquiry::new(&config, &places, name, spec, now);
        let took = |seconds| inquiry.slow(&config.polls[0], Duration::from_secs(seconds));
        assert_eq!(took(30), None);
        let told = lines(&[took(41).unwrap()]);
        assert_eq!(
            told,
            [
                "SRC-SLOW warning now.toml:8 source shop took 41 s to answer for growth/k, expected 30 s at most"
            ]
        );
    }

    /// Without asking: how long each answer took is an argument.
    #[test]
    fn f59_a_source_that_is_asked_nearly_all_the_time_is_a_warning() {
        let okrs = okrs("now", &[("k", "source = \"shop\", query = \"SELECT 1\"")]);
        let texts = [("okrd.toml", CYCLES.to_owned()), ("now.toml", okrs)];
        let files = texts.map(|(name, text)| File::new(name, "/", text));
        let files = Files {
            files: files.into(),
            findings: Vec::new(),
        };
        let (config, findings) = check(&files);
        let mut config = config.unwrap_or_else(|| panic!("{findings:?}"));
        let places = Places::of(&files);
        let now = "2026-11-01T12:00:00Z".parse().unwrap();
        let mut told = |max_in_flight, per_minute, takes: f64, questions: usize| {
            let (name, spec) = config.sources.iter().next().unwrap();
            let limits = Limits {
                max_in_flight,
                per_minute,
            };
            config.limits.insert(name.clone(), limits);
            let inquiry = Inquiry::new(&config, &places, name, spec, now);
            let question = (Duration::from_secs_f64(takes), Duration::from_secs(60));
            let finding = inquiry.load(&vec![question; questions], 4);
            finding.map(|finding| lines(&[finding]).remove(0))
        };
        // 4 at a time for 60 seconds: 240 seconds of answers; 70 % are 168.
        assert_eq!(told(None, None, 27.0, 6), None);
        let all_the_time = "SRC-LOAD warning okrd.toml:11 source shop would be asked for";
        assert_eq!(
            told(None, None, 29.0, 6).unwrap(),
            format!(
                "{all_the_time} 72 % of the time, expected 70 % at most: 6 questions, 4 at a time"
            )
        );
        assert_eq!(told(Some(8), None, 29.0, 6), None);
        assert_eq!(told(None, Some(10), 0.1, 7), None);
        assert_eq!(
            told(None, Some(10), 0.1, 15).unwrap(),
            format!(
                "{all_the_time} 150 % of the time, expected 70 % at most: 15 questions, 4 at a time, 10 a minute"
            )
        );
    }

    #[tokio::test]
    async fn a_jira_that_shows_no_project_is_a_warning() {
        let may = |have: bool| {
            let about = json!({ "version": "10.3.1", "deploymentType": "Server" });
            let account = json!({ "name": "okrd", "displayName": "OKR robot", "timeZone": "UTC" });
            let may = json!({ "permissions": { "BROWSE_PROJECTS": { "havePermission": have } } });
            let known = [("x-ausername", "okrd")];
            Router::new()
                .route("/rest/api/2/serverInfo", get(async || Json(about)))
                .route(
                    "/rest/api/2/myself",
                    get(async move || (known, Json(account))),
                )
                .route(
                    "/rest/api/2/mypermissions",
                    get(
                        async move |axum::extract::RawQuery(query): axum::extract::RawQuery| {
                            assert_eq!(query.as_deref(), Some("permissions=BROWSE_PROJECTS"));
                            (known, Json(may))
                        },
                    ),
                )
        };
        let folder = shop();
        std::fs::write(folder.path().join("token"), "t0ken").unwrap();
        for (have, expected) in [(true, 1), (false, 2)] {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            tokio::spawn(async move { axum::serve(listener, may(have)).await });
            let jira = format!(
                "{CYCLES}[sources.tracker]\ntype = \"jira\"\nurl = \"http://{address}\"\nauth = {{ token = {{ file = \"token\" }} }}\n"
            );
            let told = lines(&found(folder.path(), &[("okrd.toml", jira)]).await);
            assert_eq!(told.len(), expected, "{told:#?}");
            if !have {
                assert_eq!(
                    told[1],
                    "SRC-ANSWER warning okrd.toml:14 source tracker shows this account no project, expected the permission Browse Projects"
                );
            }
        }
    }

    #[tokio::test]
    async fn f01_a_source_that_is_down_is_told_once() {
        let folder = shop();
        let port = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = port.local_addr().unwrap();
        drop(port);
        let dead = format!("{CYCLES}[sources.dead]\ntype = \"http\"\nurl = \"http://{address}\"\n");
        let measure = "source = \"dead\", value = \"/n\"";
        let now = okrs("now", &[("a", measure), ("b", measure), ("c", measure)]);
        let found = found(folder.path(), &[("okrd.toml", dead), ("now.toml", now)]).await;
        let lines = lines(&found);
        assert_eq!(lines.len(), 1, "{lines:#?}");
        assert!(lines[0].starts_with(
            "SRC-ANSWER error okrd.toml:14 source dead does not answer for growth/a: "
        ));
        assert!(lines[0].ends_with("; not asked for 2 more"), "{lines:#?}");
    }

    /// A Jira Data Center with an account in Tokyo and three issues, of which two carry points; nothing else is found.
    async fn desk() -> std::net::SocketAddr {
        let search = async |Json(asked): Json<serde_json::Value>| {
            let issues = match asked["jql"].as_str() {
                Some(jql) if jql.starts_with("project = MIXED") => json!([
                    { "id": "1", "fields": { "points": 5 } },
                    { "id": "2", "fields": { "points": 8 } },
                    { "id": "3", "fields": {} },
                ]),
                _ => json!([]),
            };
            let total = issues.as_array().map_or(0, Vec::len);
            Json(json!({ "startAt": 0, "total": total, "issues": issues }))
        };
        let account =
            json!({ "name": "okrd", "displayName": "OKR robot", "timeZone": "Asia/Tokyo" });
        let points = json!([{ "id": "points", "name": "Points", "schema": { "type": "number" } }]);
        let about = json!({ "version": "10.3.1", "deploymentType": "Server" });
        let jira = Router::new()
            .route("/rest/api/2/serverInfo", get(async || Json(about)))
            .route("/rest/api/2/myself", get(async || Json(account)))
            .route("/rest/api/2/field", get(async || Json(points)))
            .route("/rest/api/2/search", post(search));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, jira).await });
        address
    }

    #[tokio::test]
    async fn f21_jira_says_whom_it_takes_us_for_and_by_which_clock() {
        let address = desk().await;
        let folder = shop();
        std::fs::write(folder.path().join("token"), "t0ken").unwrap();
        let jira = |auth: &str| {
            format!(
                "{CYCLES}[sources.tracker]\ntype = \"jira\"\nurl = \"http://{address}\"\n{auth}"
            )
        };
        let known = jira("auth = { token = { file = \"token\" } }\n");
        let introduced = "SRC-ANSWER info okrd.toml:14 source tracker is Jira Data Center and takes us for `OKR robot` in the time zone Asia/Tokyo";
        let told = found(folder.path(), &[("okrd.toml", known.clone())]).await;
        assert_eq!(
            lines(&told),
            [
                introduced,
                "SRC-ANSWER warning okrd.toml:14 source tracker reads dates in Asia/Tokyo for this account, expected the configured timezone UTC",
            ]
        );
        // Another name for the same clock is no other clock.
        let seoul = known.replacen("cycle =", "timezone = \"Asia/Seoul\"\ncycle =", 1);
        let told = lines(&found(folder.path(), &[("okrd.toml", seoul)]).await);
        assert_eq!(told, [introduced.replace(":14", ":15")]);
        let unknown = lines(&found(folder.path(), &[("okrd.toml", jira(""))]).await);
        assert!(unknown[0].ends_with("takes us for anybody, for want of credentials"));
        let lost = jira("").replace(&address.to_string(), "127.0.0.1:1");
        let lost = lines(&found(folder.path(), &[("okrd.toml", lost)]).await);
        assert!(
            lost[0].starts_with("SRC-ANSWER error okrd.toml:14 source tracker does not answer: ")
        );
    }
}
