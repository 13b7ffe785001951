//! Asks the measure before a change and the one after it for the same instant, so that people see what the change does to the
//! number. Records nothing. A source that cannot be asked, for want of credentials for instance, is told and fails nothing.

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Value, json};

use crate::cli::markdown;
use crate::cli::probe::{self, Answer};
use crate::cli::table::{Align, Table, printable};
use crate::config::spec::{Config, Poll};
use crate::domain::id::KeyResultId;
use crate::domain::number::show as number;

/// Two numbers agree when they differ by no more than this share of the larger.
pub(super) const TOLERANCE: f64 = 0.01;

/// One key result, asked by both measures.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct SideBySide {
    /// Its name after the change.
    pub key_result: KeyResultId,
    /// What the measure before the change says.
    pub old: Told,
    /// What the one after it says.
    pub new: Told,
    /// The definition before the change.
    pub from: String,
    /// Whether the definition changes, so that the numbers are not compared without a rebase.
    pub is_other: bool,
    /// The day of the question, in the zone of the configuration.
    pub date: Date,
    /// The instant both were asked about.
    pub at: Timestamp,
}

/// What came of one question.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Told {
    /// The number, or why there is none.
    pub value: Result<f64, String>,
    /// How long it took.
    pub took: Duration,
}

/// Asks for these pairs of key results, before and after the change. `None` when the end came first.
pub(super) async fn ask(
    (old, new): (&Config, &Config),
    pairs: &[(KeyResultId, KeyResultId)],
    now: Timestamp,
    end: impl Future<Output = ()>,
) -> Option<Vec<SideBySide>> {
    let before: Vec<&Poll> = polls(old, pairs.iter().map(|(old, _)| old));
    let after: Vec<&Poll> = polls(new, pairs.iter().map(|(_, new)| new));
    let asked = async {
        let never = std::future::pending::<()>;
        // One after the other: a login that is refused is tried no more often than it must be.
        let before = probe::ask(old, before, now, never()).await?;
        let after = probe::ask(new, after, now, never()).await?;
        Some((before, after))
    };
    let (before, after) = tokio::select! {
        answers = asked => answers?,
        () = end => return None,
    };
    let told = pairs.iter().map(|(was, is)| {
        let definition = |config: &Config, id| {
            let key_result = config.goals.key_result(id);
            key_result.map_or_else(String::new, |kr| kr.definition.clone())
        };
        let from = definition(old, was);
        SideBySide {
            key_result: is.clone(),
            old: Told::of(&before, was),
            new: Told::of(&after, is),
            is_other: from != definition(new, is),
            from,
            date: now.to_zoned(new.zone.clone()).date(),
            at: now,
        }
    });
    Some(told.collect())
}

fn polls<'c, 'i>(config: &'c Config, ids: impl Iterator<Item = &'i KeyResultId>) -> Vec<&'c Poll> {
    ids.filter_map(|id| config.polls.iter().find(|poll| poll.key_result == *id))
        .collect()
}

impl Told {
    fn of(answers: &[Answer<'_>], id: &KeyResultId) -> Self {
        let answer = answers.iter().find(|a| a.poll.key_result == *id);
        match answer {
            None => Self {
                value: Err("no source is asked for it".to_owned()),
                took: Duration::ZERO,
            },
            Some(answer) => Self {
                value: match &answer.outcome {
                    Ok(reading) => Ok(reading.value),
                    Err(fault) => Err(fault.to_string()),
                },
                took: answer.took,
            },
        }
    }

    fn json(&self) -> Value {
        json!({
            "value": self.value.as_ref().ok(),
            "fault": self.value.as_ref().err(),
            "duration_seconds": self.took.as_secs_f64(),
        })
    }
}

impl SideBySide {
    /// Both numbers, where there are two.
    pub(super) fn values(&self) -> Option<(f64, f64)> {
        Some((
            *self.old.value.as_ref().ok()?,
            *self.new.value.as_ref().ok()?,
        ))
    }

    /// Whether the two agree within [`TOLERANCE`]; `None` when there are no two.
    pub(super) fn agree(&self) -> Option<bool> {
        let (old, new) = self.values()?;
        Some((new - old).abs() <= TOLERANCE * old.abs().max(new.abs()))
    }

    fn difference(&self) -> String {
        let difference = self.values().map(|(old, new)| number(new - old));
        difference.unwrap_or_else(|| "–".to_owned())
    }

    fn words(&self) -> &'static str {
        match self.agree() {
            Some(true) => "they agree",
            Some(false) => "they differ",
            None => "not both answered",
        }
    }

    /// The lines that carry what was measured before over the change; `None` where no factor can be made of the two.
    pub(super) fn rebase(&self) -> Option<String> {
        let (old, new) = self.values().filter(|_| self.is_other)?;
        let k = new / old;
        let id = &self.key_result;
        (k > 0.0 && k.is_normal()).then(|| {
            format!(
                "[[objectives.{}.key_results.{}.rebases]]\ndate = {}\nfrom = \"{}\"\nat = {}\nold = {old}\nnew = {new}\nreason = \"\"\napproved_by = \"\"\n",
                id.objective, id.key_result, self.date, self.from, self.at
            )
        })
    }

    /// As JSON.
    pub(super) fn json(&self) -> Value {
        json!({
            "cycle": self.key_result.cycle.as_str(),
            "key_result": self.key_result.to_string(),
            "at": self.at.to_string(),
            "old": self.old.json(),
            "new": self.new.json(),
            "difference": self.values().map(|(old, new)| new - old),
            "agree": self.agree(),
            "tolerance": TOLERANCE,
            "rebase": self.rebase(),
        })
    }
}

/// Both numbers of each for a terminal; empty when nothing was asked.
pub(super) fn text(all: &[SideBySide]) -> String {
    if all.is_empty() {
        return String::new();
    }
    let mut table = Table::new([
        ("WHAT", Align::Left),
        ("OLD", Align::Right),
        ("TOOK", Align::Right),
        ("NEW", Align::Right),
        ("TOOK", Align::Right),
        ("DIFFERENCE", Align::Right),
        ("", Align::Left),
    ]);
    let mut below = String::new();
    for both in all {
        let told = |told: &Told| told.value.as_ref().map_or("–".to_owned(), |v| number(*v));
        for (which, told) in [("old", &both.old), ("new", &both.new)] {
            if let Err(why) = &told.value {
                let line = format!("{}, {which}: {why}", both.key_result);
                below += &format!("  {}\n", printable(&line));
            }
        }
        table.row([
            both.key_result.to_string(),
            told(&both.old),
            took(both.old.took),
            told(&both.new),
            took(both.new.took),
            both.difference(),
            both.words().to_owned(),
        ]);
    }
    let rebases = rebases(all).map_or_else(String::new, |lines| format!("\n{CARRIES}:\n\n{lines}"));
    format!(
        "\nOld and new measure, asked now\n{}{below}{rebases}",
        table.render(2)
    )
}

/// The same for a comment.
pub(super) fn markdown(all: &[SideBySide]) -> String {
    if all.is_empty() {
        return String::new();
    }
    let rows = all.iter().map(|both| {
        let told = |told: &Told| match &told.value {
            Ok(value) => format!("{} in {}", number(*value), took(told.took)),
            Err(why) => markdown::escape(why),
        };
        [
            markdown::code(&both.key_result.to_string()),
            told(&both.old),
            told(&both.new),
            both.difference(),
            both.words().to_owned(),
        ]
    });
    let table = markdown::table(["What", ">Old", ">New", ">Difference", "Verdict"], rows);
    let rebases = rebases(all).map_or_else(String::new, |lines| {
        format!("\n{CARRIES}:\n\n{}", markdown::block(&lines, "toml"))
    });
    format!("\n#### Old and new measure, asked now\n\n{table}{rebases}")
}

const CARRIES: &str = "This carries the earlier figures over, once reason and approver stand in it";

fn rebases(all: &[SideBySide]) -> Option<String> {
    let blocks: Vec<String> = all.iter().filter_map(SideBySide::rebase).collect();
    (!blocks.is_empty()).then(|| blocks.join("\n"))
}

fn took(took: Duration) -> String {
    match took.as_millis() {
        ms @ ..1_000 => format!("{ms} ms"),
        _ => format!("{:.1} s", took.as_secs_f64()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::configuration::check;
    use crate::config::files::{File, Files};

    fn config(folder: &std::path::Path, query: &str) -> Config {
        let text = format!(
            "cycle = \"now\"\n[cycles.now]\nstarts = 2026-10-01\nends = 2026-12-31\n\
             [sources.shop]\ntype = \"sqlite\"\npath = \"shop.db\"\n\
             [sources.crm]\ntype = \"postgres\"\nurl = {{ env = \"OKRD_TEST_NO_SUCH_VARIABLE\" }}\n\
             [objectives.o]\ntitle = \"O\"\n[objectives.o.key_results.k]\ntitle = \"T\"\nunit = \"u\"\n\
             at_most = 3\nmeasure = {{ {query} }}\n\
             [objectives.o.key_results.other]\ntitle = \"T\"\nunit = \"u\"\nat_most = 3\n"
        );
        let files = Files {
            files: vec![File::new("okrd.toml", folder, text)],
            findings: Vec::new(),
        };
        let (config, findings) = check(&files);
        config.unwrap_or_else(|| panic!("{findings:?}"))
    }

    async fn asked(old: &str, new: &str) -> SideBySide {
        let folder = tempfile::tempdir().unwrap();
        let shop = rusqlite::Connection::open(folder.path().join("shop.db")).unwrap();
        shop.execute_batch("CREATE TABLE orders (id)").unwrap();
        let (old, new) = (config(folder.path(), old), config(folder.path(), new));
        let id = old.goals.objectives[0].key_results[0].id.clone();
        let now = "2026-11-01T12:00:00Z".parse().unwrap();
        let pairs = [(id.clone(), id)];
        let never = std::future::pending();
        ask((&old, &new), &pairs, now, never)
            .await
            .unwrap()
            .remove(0)
    }

    fn select(value: &str) -> String {
        format!("source = \"shop\", query = \"SELECT {value}\"")
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn both_are_asked_and_what_carries_over_is_told() {
        let both = asked(&select("57000"), &select("61000")).await;
        assert_eq!(both.values(), Some((57_000.0, 61_000.0)));
        assert_eq!(both.agree(), Some(false));
        let expected = format!(
            "[[objectives.o.key_results.k.rebases]]\ndate = 2026-11-01\nfrom = \"{}\"\n\
             at = 2026-11-01T12:00:00Z\nold = 57000\nnew = 61000\nreason = \"\"\napproved_by = \"\"\n",
            both.from
        );
        assert_eq!(both.rebase(), Some(expected));

        let near = asked(&select("1000"), &select("1009")).await;
        assert_eq!(near.agree(), Some(true));
        // No factor leads from nothing, or through it.
        assert_eq!(asked(&select("0"), &select("5")).await.rebase(), None);
        assert_eq!(asked(&select("-3"), &select("5")).await.rebase(), None);
        // The same measure needs none.
        assert_eq!(asked(&select("7"), &select("7")).await.rebase(), None);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_source_without_credentials_is_told() {
        let both = asked(&select("5"), "source = \"crm\", query = \"SELECT 5\"").await;
        assert_eq!(both.old.value, Ok(5.0));
        let why = both.new.value.as_ref().unwrap_err();
        assert!(why.contains("OKRD_TEST_NO_SUCH_VARIABLE"), "{why}");
        assert_eq!((both.agree(), both.rebase()), (None, None));
    }
}
