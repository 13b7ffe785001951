//! `okrd diff`: what a change of the configuration means, against a revision in git or another folder, with what it makes of
//! the newest values where these are known. Changes nothing.

mod base;
mod comment;
mod effects;
mod json;
mod report;
mod side_by_side;
mod text;
mod values;

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;

use self::base::Base;
use self::report::Report;
use self::side_by_side::SideBySide;
use self::values::{Compared, Values};
use super::args::{DiffArgs, DiffFormat};
use super::exit::{Failure, Verdict, complain, say};
use super::run::end_on_signal;
use super::{configuration, runtime};
use crate::config::diff::{Class, Diff, Lean, Subject, diff};
use crate::config::finding::Code;
use crate::config::render;
use crate::config::spec::Config;
use crate::domain::effect::{Ease, Effect, Renamed, effect, reach};
use crate::domain::id::KeyResultId;
use crate::domain::status::Status;
use crate::engine::clock::{Clock, SystemClock};

/// Compares and tells.
///
/// # Errors
/// When the configuration is not valid, or the base cannot be found.
pub fn run(config: Option<&Path>, args: &DiffArgs) -> Result<Verdict, Failure> {
    let path = configuration::locate(config)?;
    let files = configuration::read(&path)?;
    let (new, findings) = configuration::check(&files);
    let Some(new) = new else {
        complain(&render::text(&findings, &files));
        return Err(Failure::usage(String::new()));
    };
    let base = Base::read(&args.base, &path)?;
    let now = SystemClock.now();
    let (old, known) = configuration::check_all(&base.files);
    let mut diff = diff(&old, &new, now);
    let unread = base.leave_out_unread(&known, &old, &mut diff);
    let (values, effect) = effect_today((&old, &new), &diff, args.values.as_deref(), now)?;
    if let Some(effect) = &effect {
        settle_open(effect, &mut diff);
        remark_on_gone(effect, &mut diff);
    }
    let probes = if args.probe {
        probe((&old, &new), &diff, now)?
    } else {
        Vec::new()
    };
    let report = Report::new(
        report::Sides {
            old: &old,
            new: &new,
        },
        &diff,
        effect,
        probes,
        report::Circumstances {
            base: base.label.clone(),
            unread,
            values: values.from,
            remarks: values.remarks,
            findings: report::new_findings(&known, &findings),
        },
    );
    say(&match args.format {
        DiffFormat::Text => text::text(&report),
        DiffFormat::Markdown => comment::markdown(&report),
        DiffFormat::Json => json::json(&report),
    })?;
    Ok(Verdict::of(!diff.needs_an_act()))
}

/// The values that are known, and what the change makes of them; `None` without any.
fn effect_today(
    (old, new): Both<'_>,
    diff: &Diff,
    daemon: Option<&str>,
    now: Timestamp,
) -> Result<(Values, Option<Effect>), Failure> {
    let renamed = renamed(diff);
    let within = reach(&old.goals, &new.goals, &renamed);
    let compared = Compared {
        old: &old.goals,
        new: &new.goals,
        renamed: &renamed,
        reach: &within,
    };
    let values = match daemon {
        Some(address) => runtime::small()?.block_on(values::of_daemon(address, compared)),
        None => values::of_store(&new.store.path, compared),
    };
    let goals = (&old.goals, &new.goals);
    let known = (&values.before, &values.after);
    let effect = (values.from.is_ok()).then(|| effect(goals, known, &renamed, &within, now));
    Ok((values, effect))
}

fn renamed(diff: &Diff) -> Renamed {
    let objectives = diff.objectives.iter().filter(|(was, is)| was != is);
    let key_results = diff.key_results.iter().filter(|(was, is)| was != is);
    Renamed {
        objectives: objectives.cloned().collect(),
        key_results: key_results.cloned().collect(),
    }
}

/// Where the aims alone do not tell whether a change makes it easier, today's values do: of a key result with one such
/// change, since of several nobody could tell which.
fn settle_open(effect: &Effect, diff: &mut Diff) {
    let mut goalposts: BTreeMap<Subject, usize> = BTreeMap::new();
    for change in diff.changes.iter().filter(|c| c.class == Class::Goalpost) {
        *goalposts.entry(change.subject.clone()).or_default() += 1;
    }
    for change in &mut diff.changes {
        let alone = goalposts.get(&change.subject) == Some(&1);
        let open = change.lean == Lean::Open && change.class == Class::Goalpost;
        if let Subject::KeyResult(id) = &change.subject
            && alone
            && open
        {
            change.lean = match effect.key_result(id).map(|shift| shift.ease) {
                Some(Ease::Easier) => Lean::Easier,
                Some(Ease::Harder) => Lean::Harder,
                Some(Ease::Same | Ease::Unknown) | None => Lean::Open,
            };
        }
    }
}

/// Tells of what goes while it does not go well: that is when its score would be missed.
fn remark_on_gone(effect: &Effect, diff: &mut Diff) {
    for change in &mut diff.changes {
        let Subject::KeyResult(id) = &change.subject else {
            continue;
        };
        let gone = change.field == "key result" && change.after.is_none();
        if gone && effect.status_of_gone(id) == Some(Status::OffTrack) {
            change.remarks.retain(|(rule, _)| *rule != Code::ChgDrop);
            let words = "given up while it is off track".to_owned();
            change.remarks.push((Code::ChgDrop, words));
        }
    }
}

/// Asks old and new measure of what is measured or asked otherwise.
fn probe(sides: Both<'_>, diff: &Diff, now: Timestamp) -> Result<Vec<SideBySide>, Failure> {
    let otherwise = |id: &KeyResultId| {
        diff.changes.iter().any(|change| {
            let asked = matches!(change.class, Class::Comparability | Class::Operational);
            let concerns = match &change.subject {
                Subject::KeyResult(subject) => subject == id,
                Subject::Source(source) => {
                    let mut polls = sides.1.polls.iter();
                    polls.any(|poll| poll.key_result == *id && poll.source == *source)
                }
                _ => false,
            };
            asked && concerns
        })
    };
    let pairs = diff.key_results.iter().filter(|(_, is)| otherwise(is));
    let pairs: Vec<_> = pairs.cloned().collect();
    let asked = runtime::small()?.block_on(async {
        let end = end_on_signal()?.asked().clone();
        Ok::<_, Failure>(side_by_side::ask(sides, &pairs, now, end.cancelled()).await)
    })?;
    if asked.is_none() {
        complain("ended by a signal, before everything was asked\n");
    }
    Ok(asked.unwrap_or_default())
}

/// The configuration of each side.
pub(super) type Both<'c> = (&'c Config, &'c Config);

#[cfg(test)]
mod tests;
