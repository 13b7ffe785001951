//! `okrd diff`: what a change of the configuration means, against a revision in git or another folder, with what it makes of
//! the newest values where these are known. Changes nothing.

mod base;
mod json;
mod markdown;
mod report;
mod text;
mod values;

use std::path::Path;

use self::base::Base;
use self::report::Report;
use super::args::{DiffArgs, DiffFormat};
use super::configuration;
use super::exit::{Failure, Verdict, complain, say};
use crate::config::diff::diff;
use crate::config::render;
use crate::config::spec::Config;
use crate::domain::effect::{Effects, effects};
use crate::domain::scorecard::score;
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
    let told = values::histories(args.values.as_deref(), &old, &new, &diff);
    let effects = told.histories.as_ref().map(|(before, after)| {
        let cards = (
            score(&old.goals, before, now),
            score(&new.goals, after, now),
        );
        self::effect(&cards, &diff)
    });
    let report = Report::new(
        report::Sides {
            old: &old,
            new: &new,
        },
        &diff,
        effects,
        report::Circumstances {
            base: base.label.clone(),
            unread,
            values: told.words,
            findings: report::new_findings(&known, &findings),
        },
    );
    say(&match args.format {
        DiffFormat::Text => text::text(&report),
        DiffFormat::Markdown => markdown::markdown(&report),
        DiffFormat::Json => json::json(&report),
    })?;
    Ok(Verdict::of(!diff.needs_an_act()))
}

fn effect(
    (before, after): &(
        crate::domain::scorecard::Scorecard,
        crate::domain::scorecard::Scorecard,
    ),
    diff: &crate::config::diff::Diff,
) -> Effects {
    use crate::config::diff::{Class, Subject};
    let touched = |id: &crate::domain::id::KeyResultId| {
        diff.changes.iter().any(|change| {
            matches!(&change.subject, Subject::KeyResult(subject) if subject == id)
                && matches!(change.class, Class::Goalpost | Class::Comparability)
        })
    };
    effects(before, after, &diff.key_results, &diff.objectives, touched)
}

/// The configuration of each side.
pub(super) type Both<'c> = (&'c Config, &'c Config);
