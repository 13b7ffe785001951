//! Changes of where a number comes from: another definition, the same one written otherwise, or only asked otherwise.

use std::collections::BTreeMap;

use super::{Class, Comparing, Lean, OnRecord, Subject, plain, short};
use crate::config::check::measure::canonical;
use crate::config::finding::Code;
use crate::config::schedule::show_duration;
use crate::config::spec::{Config, Extract, Measure, Poll};
use crate::domain::goals::{Feed, KeyResult};
use crate::domain::guard::Guard;
use crate::domain::id::KeyResultId;
use crate::domain::number::show;
use crate::domain::target::{Aim, Baseline};

/// What each poll of a configuration asks, by key result.
pub(super) type Polls<'c> = BTreeMap<&'c KeyResultId, &'c Poll>;

pub(super) fn polls(config: &Config) -> Polls<'_> {
    let polls = config.polls.iter();
    polls.map(|poll| (&poll.key_result, poll)).collect()
}

/// A part of a definition: what it is called in the file, and what it is.
type Part = (&'static str, String);

impl Comparing<'_> {
    /// Compares the definitions of a key result. `new_baseline` tells of an amendment that gives it another baseline.
    pub(super) fn measure(
        &mut self,
        (old, before): (&KeyResult, Option<&Poll>),
        (new, after): (&KeyResult, Option<&Poll>),
        new_baseline: Option<String>,
    ) {
        let subject = Subject::KeyResult(new.id.clone());
        if old.definition == new.definition {
            self.written_otherwise(&subject, before, after);
        } else {
            let record = self.bridge(old, new, new_baseline);
            let parts =
                parts_that_differ(&parts(old, before, self.old), &parts(new, after, self.new));
            for (field, was, is) in parts {
                let mut change = plain(subject.clone(), Class::Comparability, field);
                (change.before, change.after) = (was, is);
                change.lean = Lean::Open;
                change.record = record.clone();
                if let OnRecord::No(_) = record {
                    let words = "values from before and after do not compare".to_owned();
                    change.remarks.push((Code::ChgEpoch, words));
                }
                self.push(change);
            }
        }
        self.asked_otherwise(&subject, (old, before), (new, after));
    }

    /// Whether something leads over from the old definition to the new one.
    fn bridge(&self, old: &KeyResult, new: &KeyResult, new_baseline: Option<String>) -> OnRecord {
        if !self.has_begun(&old.id.cycle) {
            return OnRecord::NotNeeded;
        }
        let rebase = new
            .rebases
            .iter()
            .find(|rebase| !old.rebases.contains(rebase));
        if let Some(rebase) = rebase {
            return OnRecord::Yes(format!(
                "rebased on {} by {}",
                rebase.date, rebase.approved_by
            ));
        }
        if let Some(told) = new_baseline {
            return OnRecord::Yes(told);
        }
        let measured_anew = match &new.aim {
            Aim::Reach(reach) => reach.anchors.is_none() && reach.baseline == Baseline::First,
            Aim::Milestones(_) | Aim::Done | Aim::Baseline(_) => true,
            Aim::Hold(_) => false,
        };
        if measured_anew {
            return OnRecord::Yes("it begins anew with its first value".to_owned());
        }
        OnRecord::No(
            "add the `rebases` block that `okrd rebase` prints once both definitions were measured, or amend the baseline"
                .to_owned(),
        )
    }

    /// The same definition in other words: spaces, comments, letters that mean nothing.
    fn written_otherwise(
        &mut self,
        subject: &Subject,
        before: Option<&Poll>,
        after: Option<&Poll>,
    ) {
        let (Some(before), Some(after)) = (before, after) else {
            return;
        };
        if question(&before.measure) != question(&after.measure) {
            let mut change = plain(subject.clone(), Class::Cosmetic, text_of(&after.measure));
            change.after = Some("written otherwise, the same question".to_owned());
            self.push(change);
        }
    }

    /// When and how patiently it is asked.
    fn asked_otherwise(
        &mut self,
        subject: &Subject,
        (old, before): (&KeyResult, Option<&Poll>),
        (new, after): (&KeyResult, Option<&Poll>),
    ) {
        let mut fields: Vec<(&'static str, String, String)> = Vec::new();
        if let (Some(before), Some(after)) = (before, after) {
            fields.push((
                "schedule",
                before.schedule.to_string(),
                after.schedule.to_string(),
            ));
            for (field, of) in [
                ("jitter", (|poll| poll.jitter) as fn(&Poll) -> _),
                ("timeout", |poll| poll.timeout),
            ] {
                fields.push((field, show_duration(of(before)), show_duration(of(after))));
            }
            // Where nothing is said of it, `max_age` follows `stale_after`.
            let follows =
                |(kr, poll): (&KeyResult, &Poll)| poll.guard.max_age == Some(kr.stale_after);
            let both_follow = follows((old, before)) && follows((new, after));
            let is = belief(after);
            for (field, was) in belief(before) {
                let is = is.iter().find(|(name, _)| *name == field);
                if let Some((_, is)) = is.filter(|_| !(field == "max_age" && both_follow)) {
                    fields.push((field, was, is.clone()));
                }
            }
        }
        // That of a computed number follows from those that it reads.
        if !matches!(new.feed, Feed::Computed(_)) {
            let (was, is) = (old.stale_after, new.stale_after);
            fields.push(("stale_after", show_duration(was), show_duration(is)));
        }
        for (field, was, is) in fields.into_iter().filter(|(_, was, is)| was != is) {
            let mut change = plain(subject.clone(), Class::Operational, field);
            let told = |text: String| Some(text).filter(|text| !text.is_empty());
            (change.before, change.after) = (told(was), told(is));
            self.push(change);
        }
    }
}

/// What is asked, without what only tells how the answer is believed.
fn question(measure: &Measure) -> Measure {
    let mut question = measure.clone();
    match &mut question {
        Measure::Sql { takes, .. } => takes.warnings = false,
        Measure::Http(http) => (http.as_of, http.quality) = (None, Vec::new()),
        Measure::Jira { .. } | Measure::Site { .. } | Measure::Expression { .. } => {}
    }
    question
}

/// What of its answers is believed, by the keys that say so.
fn belief(poll: &Poll) -> Vec<Part> {
    let Guard {
        allow_zero,
        min,
        max,
        max_drop_percent,
        require_exact,
        max_age,
    } = &poll.guard;
    let number = |of: &Option<f64>| of.map_or_else(String::new, show);
    let canary = poll.canary.as_ref().map_or_else(String::new, |canary| {
        let asks = canonical(&canary.measure, None);
        short(&format!(
            "{} at least {}",
            asks.join(" "),
            show(canary.at_least)
        ))
    });
    let mut parts = vec![
        ("allow_zero", allow_zero.to_string()),
        ("min", number(min)),
        ("max", number(max)),
        ("max_drop_percent", number(max_drop_percent)),
        ("require_exact", require_exact.to_string()),
        ("max_age", max_age.map_or_else(String::new, show_duration)),
        ("canary", canary),
    ];
    match &poll.measure {
        Measure::Sql { takes, .. } => parts.push(("allow_warnings", takes.warnings.to_string())),
        Measure::Http(http) => {
            let as_of = http.as_of.as_ref().map_or("", |place| match place {
                Extract::Pointer(text) | Extract::Jq(text) => text,
            });
            parts.push(("as_of", short(as_of)));
            let flags = http.quality.iter();
            let flags = flags.map(|(flag, filter)| format!("{} {filter}", flag.as_str()));
            parts.push(("quality", short(&flags.collect::<Vec<_>>().join(", "))));
        }
        Measure::Jira { .. } | Measure::Site { .. } | Measure::Expression { .. } => {}
    }
    parts
}

/// The key that holds the question.
fn text_of(measure: &Measure) -> &'static str {
    match measure {
        Measure::Sql { .. } => "query",
        Measure::Jira { .. } => "jql",
        Measure::Http(_) => "value",
        Measure::Site { .. } => "metric",
        Measure::Expression { language, .. } => language.key(),
    }
}

/// The parts of a definition as people know them.
fn parts(key_result: &KeyResult, poll: Option<&Poll>, config: &Config) -> Vec<Part> {
    let mut parts = vec![
        ("source", key_result.feed.source().to_owned()),
        ("unit", key_result.unit.clone()),
        ("kind", key_result.kind.as_str().to_owned()),
    ];
    if let Feed::Computed(formula) = &key_result.feed {
        parts.push(("formula", formula.to_string()));
    }
    let Some(poll) = poll else {
        return parts;
    };
    parts.push(("window", poll.window.to_string()));
    let names: &[&'static str] = match &poll.measure {
        Measure::Sql { .. } => &["query", "on_empty"],
        Measure::Jira { .. } => &["jql", "value", "value of"],
        Measure::Http(_) => &[
            "path", "query", "method", "body", "value", "empty", "format",
        ],
        Measure::Site { .. } => &["metric", "goal"],
        Measure::Expression { language, .. } => &[language.key()],
    };
    let canonical = canonical(&poll.measure, config.sources.get(&poll.source));
    // The first of them is the kind of source.
    parts.extend(names.iter().copied().zip(canonical.into_iter().skip(1)));
    parts
}

/// The parts of which one side has another than the other. What differs and has no name is the zone of days, or the site.
fn parts_that_differ(
    old: &[Part],
    new: &[Part],
) -> Vec<(&'static str, Option<String>, Option<String>)> {
    let of = |parts: &[Part], name: &str| {
        let found = parts.iter().find(|(field, _)| *field == name);
        found.map(|(_, text)| text.clone())
    };
    let mut names: Vec<&'static str> = Vec::new();
    for (name, _) in old.iter().chain(new) {
        if !names.contains(name) {
            names.push(name);
        }
    }
    let shown = |text: Option<String>| text.filter(|text| !text.is_empty()).map(|t| short(&t));
    let differ: Vec<_> = names
        .into_iter()
        .map(|name| (name, of(old, name), of(new, name)))
        .filter(|(_, was, is)| was != is)
        .map(|(name, was, is)| (name, shown(was), shown(is)))
        .collect();
    if differ.is_empty() {
        let words = "counted by the days of another time zone, or of another site";
        return vec![("measure", None, Some(words.to_owned()))];
    }
    differ
}
