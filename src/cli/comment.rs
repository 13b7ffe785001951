//! A change of the goals as one comment on a pull or merge request: verdict first, then what changes by class, what it does
//! today, who must approve, what is newly found. Knows no git and judges nothing; everything that others wrote is escaped.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::effects;
use super::markdown::{block, code, escape, fit, table};
use super::side_by_side::SideBySide;
use crate::config::finding::Finding;
use crate::domain::approval::Approver;
use crate::domain::effect::Effect;
use crate::domain::goals::Goals;
use crate::domain::number::show as number;

/// The first line, by which a program finds the comment again that it keeps up to date.
pub const MARKER: &str = "<!-- okrd-review -->";

/// One change, in words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// The word for its class, such as `goalpost`.
    pub class: String,
    /// What changes, such as `more-visitors/subscribers`.
    pub subject: String,
    /// Its title; may be empty.
    pub title: String,
    /// What of it changes, such as `target`; may be empty.
    pub field: String,
    /// What it was; empty of what is new.
    pub before: String,
    /// What it becomes; empty of what goes.
    pub after: String,
    /// `easier`, `harder` or nothing.
    pub becomes: String,
    /// The record that it needs or has, in words; empty where none is needed.
    pub record: String,
    /// Whether it needs one and has none.
    pub needs_act: bool,
}

/// Everything that the comment tells.
#[derive(Clone, Debug, Default)]
pub struct Comment<'a> {
    /// What it is compared with, as the user named it.
    pub base: &'a str,
    /// What changes, in order.
    pub changes: Vec<Told>,
    /// What should be known of the comparison itself, such as parts of the base that could not be read; a line each.
    pub remarks: Vec<String>,
    /// Where the values come from, or why there are none.
    pub values: Option<&'a Result<String, String>>,
    /// What the change does today; `None` without values.
    pub effect: Option<&'a Effect>,
    /// Who should agree.
    pub approvers: BTreeMap<Approver, BTreeSet<String>>,
    /// Names of the teams stand in these goals and in those before the change.
    pub goals: Vec<&'a Goals>,
    /// What is found now and was not before.
    pub findings: Vec<&'a Finding>,
    /// Old and new measures asked side by side.
    pub probes: &'a [SideBySide],
}

/// The classes in the order in which people want to read them, each with its heading.
const CLASSES: [(&str, &str); 6] = [
    ("goalpost", "Goals that move"),
    ("comparability", "Numbers that can no longer be compared"),
    ("identity", "Names"),
    ("accountability", "Who answers for what"),
    ("operational", "How it is measured"),
    ("cosmetic", "Words"),
];

impl Comment<'_> {
    /// The comment, small enough for every service.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut text = format!("{MARKER}\n### {}\n", self.verdict());
        let _ = write!(text, "\nCompared with {}", code(self.base));
        match self.values {
            Some(Ok(from)) => {
                let at = self
                    .effect
                    .map(|effect| format!(", {}", effect.at.strftime("%Y-%m-%d %H:%M UTC")));
                let _ = writeln!(
                    text,
                    "; values from {}{}.",
                    escape(from),
                    at.unwrap_or_default()
                );
            }
            Some(Err(why)) => {
                let _ = writeln!(text, ". No values are known: {}.", escape(why));
            }
            None => text.push_str(".\n"),
        }
        for remark in &self.remarks {
            let _ = write!(text, "\n> {}\n", escape(remark));
        }
        self.classes(&mut text);
        if let Some(effect) = self.effect {
            let moved = !effect.key_results.is_empty() || !effect.objectives.is_empty();
            text.push_str("\n#### What it does today\n\n");
            text.push_str(&if moved {
                effects::markdown(effect)
            } else {
                "No figure moves.\n".to_owned()
            });
        }
        self.probed(&mut text);
        self.asked(&mut text);
        self.found(&mut text);
        fit(text)
    }

    fn verdict(&self) -> String {
        match self.changes.iter().filter(|told| told.needs_act).count() {
            _ if self.changes.is_empty() => "✅ OKRs: nothing changes".to_owned(),
            0 => "✅ OKRs: nothing here needs a record".to_owned(),
            1 => "❌ OKRs: one change needs a record".to_owned(),
            n => format!("❌ OKRs: {n} changes need a record each"),
        }
    }

    fn classes(&self, text: &mut String) {
        let known: Vec<&str> = CLASSES.iter().map(|(class, _)| *class).collect();
        let others = ("", "Other changes");
        for (class, heading) in CLASSES.into_iter().chain([others]) {
            let of_class: Vec<&Told> = (self.changes.iter())
                .filter(|told| {
                    told.class == class || class.is_empty() && !known.contains(&&*told.class)
                })
                .collect();
            if of_class.is_empty() {
                continue;
            }
            let _ = write!(text, "\n#### {heading}\n\n");
            let rows = of_class.iter().map(|told| {
                [
                    format!("{} {}", code(&told.subject), escape(&told.title))
                        .trim_end()
                        .to_owned(),
                    escape(&told.field),
                    shown(&told.before),
                    shown(&told.after),
                    escape(&told.becomes),
                    if told.needs_act {
                        format!("❌ **{}**", escape(&told.record))
                    } else {
                        escape(&told.record)
                    },
                ]
            });
            let head = ["What", "Field", "Before", "After", "Becomes", "Record"];
            text.push_str(&table(head, rows));
        }
    }

    fn probed(&self, text: &mut String) {
        if self.probes.is_empty() {
            return;
        }
        text.push_str("\n#### Old and new measure, asked now\n\n");
        let rows = self.probes.iter().map(|both| {
            let told = |told: &super::side_by_side::Told| match &told.value {
                Ok(value) => format!("{} in {}", number(*value), took(told.took)),
                Err(why) => escape(why),
            };
            let difference = both.values().map(|(old, new)| number(new - old));
            let agree = match both.agree() {
                Some(true) => "they agree",
                Some(false) => "**they differ**",
                None => "not both answered",
            };
            [
                code(&both.key_result.to_string()),
                told(&both.old),
                told(&both.new),
                difference.unwrap_or_default(),
                agree.to_owned(),
            ]
        });
        text.push_str(&table(["What", "Old", "New", "Difference", ""], rows));
        let rebases: Vec<String> = self.probes.iter().filter_map(SideBySide::rebase).collect();
        if !rebases.is_empty() {
            text.push_str("\nThis carries the earlier figures over, once reason and approver stand in it:\n\n");
            text.push_str(&block(&rebases.join("\n"), "toml"));
        }
    }

    fn asked(&self, text: &mut String) {
        if self.approvers.is_empty() {
            return;
        }
        text.push_str("\n#### Who must approve\n\n");
        for (who, what) in &self.approvers {
            let name = match who {
                Approver::Team(id) => {
                    let mut teams = self.goals.iter().filter_map(|goals| goals.teams.get(id));
                    let name = teams.next().map(|team| escape(&team.name));
                    format!(
                        "**{}** ({})",
                        name.unwrap_or_else(|| escape(id.as_str())),
                        code(id.as_str())
                    )
                }
                Approver::Company => "**The company level**".to_owned(),
                Approver::Named(role) => format!("**{}**, named by a new record,", escape(role)),
            };
            let what: Vec<String> = what.iter().map(|what| escape(what)).collect();
            let _ = writeln!(text, "- {name} for {}", what.join(", "));
        }
    }

    fn found(&self, text: &mut String) {
        if self.findings.is_empty() {
            return;
        }
        text.push_str("\n#### Newly found\n\n");
        for finding in &self.findings {
            let place = format!("{}:{}", finding.file, finding.line);
            let mut line = format!(
                "- {} {} {}: {}",
                finding.severity.as_str(),
                code(finding.code.as_str()),
                code(&place),
                escape(&finding.message)
            );
            if !finding.help.is_empty() {
                let _ = write!(line, ". {}", escape(&finding.help));
            }
            let _ = writeln!(text, "{line}");
        }
    }
}

/// What is found after a change and was not before it. Lines move, so what is told counts, and how often.
#[must_use]
pub fn newly_found<'f>(before: &[Finding], after: &'f [Finding]) -> Vec<&'f Finding> {
    let mut known: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for finding in before {
        *known
            .entry((finding.code.as_str(), &finding.message))
            .or_default() += 1;
    }
    let mut is_new = |finding: &&Finding| match known
        .get_mut(&(finding.code.as_str(), finding.message.as_str()))
    {
        Some(count) if *count > 0 => {
            *count -= 1;
            false
        }
        _ => true,
    };
    after.iter().filter(|finding| is_new(finding)).collect()
}

fn shown(text: &str) -> String {
    if text.is_empty() {
        "–".to_owned()
    } else {
        code(text)
    }
}

fn took(took: std::time::Duration) -> String {
    let ms = took.as_secs_f64() * 1_000.0;
    if ms < 1_000.0 {
        format!("{ms:.0} ms")
    } else {
        format!("{:.1} s", took.as_secs_f64())
    }
}
