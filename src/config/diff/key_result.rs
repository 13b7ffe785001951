//! One key result before and after: its aim, its weight, its plan and its records. Numbers are compared in the units of the
//! first definition, as the file holds them, so that a rebase by itself moves no goalpost.

use super::lean::lean;
use super::{Change, Class, Comparing, Lean, OnRecord, Subject, plain, short};
use crate::config::finding::Code;
use crate::config::spec::{Noted, Poll};
use crate::domain::amendment::Amendment;
use crate::domain::cycle::Cycle;
use crate::domain::epoch::in_first_units;
use crate::domain::goals::KeyResult;
use crate::domain::id::CycleName;
use crate::domain::milestones::Milestones;
use crate::domain::number::show;
use crate::domain::rebase::Rebase;
use crate::domain::target::{Aim, Band, Baseline, Hold, Reach, ScoreBy, Target};

/// The share of a cycle after which an easier goal deserves a second look.
const LATE: f64 = 0.7;

/// One key result of one side, with what it asks.
type Side<'c> = (&'c KeyResult, Option<&'c Poll>);

impl Comparing<'_> {
    pub(super) fn key_result(&mut self, before: Side<'_>, after: Side<'_>) {
        let (old, new) = (before.0, after.0);
        // A field that is new finds its class here before it compiles.
        let KeyResult {
            id: _,
            title: _,
            why: _,
            unit: _,
            kind: _,
            window: _,
            aim: _,
            plan: _,
            role: _,
            weight: _,
            feed: _,
            stale_after: _,
            amendments: _,
            rebases: _,
            definition: _,
        } = old;
        let subject = Subject::KeyResult(new.id.clone());
        let text = |text: &Option<String>| text.as_deref().map(short);
        for (field, was, is, same) in [
            (
                "title",
                Some(short(&old.title)),
                Some(short(&new.title)),
                old.title == new.title,
            ),
            ("why", text(&old.why), text(&new.why), old.why == new.why),
        ] {
            if !same {
                let mut change = plain(subject.clone(), Class::Cosmetic, field);
                (change.before, change.after) = (was, is);
                self.push(change);
            }
        }
        let (first_old, first_new) = (in_first_units(old), in_first_units(new));
        let added = added(&first_old.amendments, &first_new.amendments);
        let agreed = Agreed {
            old: &first_old,
            new: &first_new,
            undone: first_new.without(&added),
            added,
            rebases: (&old.rebases, &new.rebases),
        };
        self.records(&agreed, &subject);
        self.aims(&agreed, &subject);
        self.standing(&agreed, &subject);
        let new_baseline = agreed.told("baseline").or_else(|| agreed.told("anchors"));
        self.measure(before, after, new_baseline);
    }

    /// A goalpost that was moved: on record where an amendment of this change says so.
    pub(super) fn goalpost(
        &mut self,
        mut change: Change,
        cycle: &CycleName,
        told: Option<String>,
        remedy: String,
    ) {
        if self.has_begun(cycle) {
            change.record = match told {
                Some(told) => OnRecord::Yes(told),
                None => OnRecord::No(remedy),
            };
            if change.needs_an_act() {
                let words = "moved after the start of its cycle".to_owned();
                change.remarks.push((Code::ChgGoal, words));
            }
            let elapsed = self.cycle(cycle).map(|cycle| cycle.elapsed(self.now));
            if change.lean == Lean::Easier && elapsed.is_some_and(|elapsed| elapsed >= LATE) {
                let words = "easier in the last 30 % of the cycle".to_owned();
                change.remarks.push((Code::ChgLate, words));
            }
        }
        self.push(change);
    }

    fn moved(
        &mut self,
        agreed: &Agreed<'_>,
        subject: &Subject,
        field: &'static str,
        (was, is): (String, String),
        lean: Lean,
    ) {
        let mut change = plain(subject.clone(), Class::Goalpost, field);
        let remedy = remedy(agreed, field);
        (change.before, change.after, change.lean) = (Some(was), Some(is), lean);
        let told = agreed.told_of(field).or_else(|| self.noted(agreed, field));
        self.goalpost(change, &agreed.old.id.cycle, told, remedy);
    }

    /// An amendment of what the score does not hang on.
    fn noted(&self, agreed: &Agreed<'_>, field: &str) -> Option<String> {
        let none: &[Noted] = &[];
        let known = self.old.records.key_results.get(&agreed.old.id);
        let known = known.map_or(none, Vec::as_slice);
        let all = self.new.records.key_results.get(&agreed.new.id)?;
        let found = all
            .iter()
            .find(|n| n.field == field && !known.contains(n))?;
        Some(format!(
            "amended on {} by {}",
            found.date, found.approved_by
        ))
    }

    /// Amendments and rebases themselves: what was agreed first must stay readable.
    fn records(&mut self, agreed: &Agreed<'_>, subject: &Subject) {
        let gone = added(&agreed.new.amendments, &agreed.old.amendments);
        if let Some(first) = gone.first() {
            let mut change = plain(subject.clone(), Class::Goalpost, "amendments");
            change.before = Some(format!("of {}, by {}", first.date, first.approved_by));
            change.lean = Lean::Open;
            let remedy = "put the amendment back as it was and add another one: what was agreed first is told by them";
            self.goalpost(change, &agreed.old.id.cycle, None, remedy.to_owned());
        }
        self.rebases(agreed, subject);
    }

    /// A rebase that is gone or says something else: then earlier values stand for other numbers, or for none.
    fn rebases(&mut self, agreed: &Agreed<'_>, subject: &Subject) {
        let (known, kept) = agreed.rebases;
        let told = |rebase: &Rebase| {
            let (old, new) = (show(rebase.old), show(rebase.new));
            Some(format!("{old} is {new} on {}", rebase.date))
        };
        let Some(gone) = known.iter().find(|rebase| !kept.contains(rebase)) else {
            let came = kept.iter().find(|rebase| !known.contains(rebase));
            // With another definition it is the bridge to that one.
            if let Some(came) = came.filter(|_| agreed.old.definition == agreed.new.definition) {
                let mut change = plain(subject.clone(), Class::Comparability, "rebases");
                (change.after, change.lean) = (told(came), Lean::Open);
                change.record = OnRecord::Yes(format!("by {}", came.approved_by));
                self.push(change);
            }
            return;
        };
        let mut change = plain(subject.clone(), Class::Comparability, "rebases");
        change.before = Some(format!(
            "{} is {} on {}",
            show(gone.old),
            show(gone.new),
            gone.date
        ));
        change.lean = Lean::Open;
        if self.has_begun(&agreed.old.id.cycle) {
            let remedy =
                "put the rebase back as it was: what was measured before it is carried over by it";
            change.record = OnRecord::No(remedy.to_owned());
            let words = "values from before and after do not compare".to_owned();
            change.remarks.push((Code::ChgEpoch, words));
        }
        self.push(change);
    }

    fn aims(&mut self, agreed: &Agreed<'_>, subject: &Subject) {
        let lean = lean(&agreed.old.aim, &agreed.new.aim);
        match (&agreed.old.aim, &agreed.new.aim) {
            (Aim::Reach(old), Aim::Reach(new)) => self.reaches(agreed, subject, (old, new)),
            (Aim::Hold(old), Aim::Hold(new)) => self.holds(agreed, subject, (old, new)),
            (Aim::Milestones(old), Aim::Milestones(new)) => {
                self.milestones(agreed, subject, (old, new));
            }
            (Aim::Baseline(old), Aim::Baseline(new)) if old != new => {
                let days = (old.to_string(), new.to_string());
                self.moved(agreed, subject, "baseline_days", days, lean);
            }
            (old, new) if std::mem::discriminant(old) != std::mem::discriminant(new) => {
                let aims = (aim(old), aim(new));
                self.moved(agreed, subject, "aim", aims, Lean::Open);
            }
            _ => {}
        }
    }

    fn reaches(&mut self, agreed: &Agreed<'_>, subject: &Subject, (old, new): (&Reach, &Reach)) {
        let only = |change: &dyn Fn(&mut Reach)| {
            let mut changed = old.clone();
            change(&mut changed);
            lean(&Aim::Reach(old.clone()), &Aim::Reach(changed))
        };
        if !same_anchors(old, new) {
            let all = (anchors(old), anchors(new));
            let whole = lean(&Aim::Reach(old.clone()), &Aim::Reach(new.clone()));
            self.moved(agreed, subject, "anchors", all, whole);
        } else if old.anchors.is_none() {
            if !same_baseline(old.baseline, new.baseline) {
                let both = (baseline(old.baseline), baseline(new.baseline));
                let lean = only(&|reach| reach.baseline = new.baseline);
                self.moved(agreed, subject, "baseline", both, lean);
            }
            if !same_target(old.target, new.target) {
                let both = (target(old.target), target(new.target));
                let lean = only(&|reach| reach.target = new.target);
                self.moved(agreed, subject, "target", both, lean);
            }
        }
        if old.strict != new.strict {
            let both = (old.strict.to_string(), new.strict.to_string());
            let lean = only(&|reach| reach.strict = new.strict);
            self.moved(agreed, subject, "strict", both, lean);
        }
    }

    fn holds(&mut self, agreed: &Agreed<'_>, subject: &Subject, (old, new): (&Hold, &Hold)) {
        let only = |changed: Hold| lean(&Aim::Hold(*old), &Aim::Hold(changed));
        if !same_band(old.band, new.band) {
            let field = match new.band {
                Band::AtLeast(_) => "at_least",
                Band::AtMost(_) => "at_most",
                Band::Between(..) => "between",
            };
            let lean = only(Hold {
                band: new.band,
                ..*old
            });
            let both = if std::mem::discriminant(&old.band) == std::mem::discriminant(&new.band) {
                (bounds(old.band), bounds(new.band))
            } else {
                (old.to_string(), new.to_string())
            };
            self.moved(agreed, subject, field, both, lean);
        }
        if old.strict != new.strict {
            let both = (old.strict.to_string(), new.strict.to_string());
            let lean = only(Hold {
                strict: new.strict,
                ..*old
            });
            self.moved(agreed, subject, "strict", both, lean);
        }
        if !close(old.compliance, new.compliance) {
            let both = (show(old.compliance), show(new.compliance));
            let lean = only(Hold {
                compliance: new.compliance,
                ..*old
            });
            self.moved(agreed, subject, "compliance", both, lean);
        }
        if old.score_by != new.score_by {
            let both = (score_by(old.score_by).into(), score_by(new.score_by).into());
            self.moved(agreed, subject, "score_by", both, Lean::Open);
        }
    }

    /// Steps, their weights and days are agreed; that one is done is what they are there to tell.
    fn milestones(
        &mut self,
        agreed: &Agreed<'_>,
        subject: &Subject,
        (old, new): (&Milestones, &Milestones),
    ) {
        let steps = |milestones: &Milestones| -> Vec<_> {
            let all = milestones.steps().iter();
            all.map(|s| (s.title.clone(), s.due, s.weight.to_bits()))
                .collect()
        };
        let done = |milestones: &Milestones| -> Vec<_> {
            milestones.steps().iter().map(|step| step.done).collect()
        };
        if steps(old) != steps(new) {
            let count = |milestones: &Milestones| format!("{} steps", milestones.steps().len());
            let both = (count(old), count(new));
            self.moved(agreed, subject, "milestones", both, Lean::Open);
        } else if done(old) != done(new) {
            let count = |milestones: &Milestones| {
                let done = milestones.steps().iter().filter(|s| s.done.is_some());
                Some(format!("{} done", done.count()))
            };
            let mut change = plain(subject.clone(), Class::Operational, "milestones");
            (change.before, change.after) = (count(old), count(new));
            self.push(change);
        }
    }

    /// What it counts for, and what is due when.
    fn standing(&mut self, agreed: &Agreed<'_>, subject: &Subject) {
        let (old, new) = (agreed.old, agreed.new);
        if old.role != new.role {
            let both = (old.role.as_str().into(), new.role.as_str().into());
            self.moved(agreed, subject, "role", both, Lean::Open);
        } else if !close(old.counts_for(), new.counts_for()) {
            let both = (show(old.counts_for()), show(new.counts_for()));
            self.moved(agreed, subject, "weight", both, Lean::Open);
        }
        let cycle = self.cycle(&old.id.cycle).cloned();
        if !same_plan(old, new) {
            let both = (plan(old, cycle.as_ref()), plan(new, cycle.as_ref()));
            self.moved(agreed, subject, "plan", both, Lean::Neither);
        }
    }
}

/// What was agreed on both sides, and which amendments this change adds.
struct Agreed<'k> {
    old: &'k KeyResult,
    new: &'k KeyResult,
    /// The new one as it was before the amendments of this change.
    undone: KeyResult,
    added: Vec<Amendment>,
    /// As the files have them.
    rebases: (&'k [Rebase], &'k [Rebase]),
}

impl Agreed<'_> {
    /// The amendment of this change that speaks of a field.
    fn told(&self, field: &str) -> Option<String> {
        let found = self.added.iter().find(|a| a.change.field() == field)?;
        Some(format!(
            "amended on {} by {}",
            found.date, found.approved_by
        ))
    }

    /// The same, if it leads back to what stood there before.
    fn told_of(&self, field: &str) -> Option<String> {
        let leads_back = match (&self.old.aim, &self.undone.aim) {
            (Aim::Reach(old), Aim::Reach(undone)) => match field {
                "target" => same_target(old.target, undone.target),
                "baseline" => same_baseline(old.baseline, undone.baseline),
                "anchors" => same_anchors(old, undone),
                "strict" => old.strict == undone.strict,
                _ => true,
            },
            (Aim::Hold(old), Aim::Hold(undone)) => match field {
                "at_least" | "at_most" | "between" => same_band(old.band, undone.band),
                "strict" => old.strict == undone.strict,
                "compliance" => close(old.compliance, undone.compliance),
                _ => true,
            },
            (Aim::Baseline(old), Aim::Baseline(undone)) => old == undone,
            _ => field != "aim",
        };
        let stands = match field {
            "weight" => close(self.old.counts_for(), self.undone.counts_for()),
            "role" => self.old.role == self.undone.role,
            _ => leads_back,
        };
        self.told(field).filter(|_| stands)
    }
}

/// Amendments of `after` that `before` has not, each as often as it is there.
fn added(before: &[Amendment], after: &[Amendment]) -> Vec<Amendment> {
    let mut known: Vec<&Amendment> = before.iter().collect();
    let mut added = Vec::new();
    for amendment in after {
        match known.iter().position(|k| same_amendment(k, amendment)) {
            Some(place) => drop(known.swap_remove(place)),
            None => added.push(amendment.clone()),
        }
    }
    added
}

/// The reason may be put in better words.
fn same_amendment(a: &Amendment, b: &Amendment) -> bool {
    a.date == b.date && a.change == b.change && a.approved_by == b.approved_by
}

fn remedy(agreed: &Agreed<'_>, field: &str) -> String {
    let id = agreed.new.id.to_string();
    if field == "aim" {
        return format!(
            "give what is another aim another id, and record that {id} was given up with [[dropped]]"
        );
    }
    let table = id.replacen('/', ".key_results.", 1);
    let step = match (written(agreed.old, field), written(agreed.new, field)) {
        (Some(from), Some(to)) => format!("from = {from}, to = {to}"),
        _ => "from, to".to_owned(),
    };
    format!(
        "add [[objectives.{table}.amendments]] with field = \"{field}\", {step}, date, reason and approved_by"
    )
}

/// A field as the file writes it; `None` for lists, which are copied from the file.
fn written(key_result: &KeyResult, field: &str) -> Option<String> {
    Some(match (&key_result.aim, field) {
        (Aim::Reach(reach), "target") => match reach.target {
            Target::Absolute(value) => value.to_string(),
            Target::Share(share) => format!("\"{:+}%\"", tidy(100.0 * share)),
            Target::Plus(delta) => format!("\"{delta:+}\""),
        },
        (Aim::Reach(reach), "baseline") => match reach.baseline {
            Baseline::Fixed(value) => value.to_string(),
            Baseline::First => "\"first\"".to_owned(),
        },
        (Aim::Reach(reach), "strict") => reach.strict.to_string(),
        (Aim::Hold(hold), "strict") => hold.strict.to_string(),
        (Aim::Hold(hold), "compliance") => hold.compliance.to_string(),
        (Aim::Hold(hold), "at_least" | "at_most") => match hold.band {
            Band::AtLeast(bound) | Band::AtMost(bound) => bound.to_string(),
            Band::Between(..) => return None,
        },
        (Aim::Hold(hold), "between") => match hold.band {
            Band::Between(low, high) => format!("[{low}, {high}]"),
            _ => return None,
        },
        (Aim::Hold(hold), "score_by") => format!("\"{}\"", score_by(hold.score_by)),
        (Aim::Baseline(days), "baseline_days") => days.to_string(),
        (_, "weight") => key_result.weight.to_string(),
        (_, "role") => format!("\"{}\"", key_result.role.as_str()),
        _ => return None,
    })
}

/// A hundredfold without the noise of its last digits.
fn tidy(percent: f64) -> f64 {
    (percent * 1e9).round() / 1e9
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1e-9)
}

fn same_baseline(a: Baseline, b: Baseline) -> bool {
    match (a, b) {
        (Baseline::Fixed(a), Baseline::Fixed(b)) => close(a, b),
        (a, b) => a == b,
    }
}

fn same_target(a: Target, b: Target) -> bool {
    match (a, b) {
        (Target::Absolute(a), Target::Absolute(b))
        | (Target::Share(a), Target::Share(b))
        | (Target::Plus(a), Target::Plus(b)) => close(a, b),
        _ => false,
    }
}

fn same_band(a: Band, b: Band) -> bool {
    match (a, b) {
        (Band::AtLeast(a), Band::AtLeast(b)) | (Band::AtMost(a), Band::AtMost(b)) => close(a, b),
        (Band::Between(a, c), Band::Between(b, d)) => close(a, b) && close(c, d),
        _ => false,
    }
}

fn same_points<T: PartialEq>(a: &[(T, f64)], b: &[(T, f64)]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.0 == b.0 && close(a.1, b.1))
}

fn same_anchors(a: &Reach, b: &Reach) -> bool {
    let turned = |reach: &Reach| {
        let anchors = reach.anchors.as_ref()?;
        let points = anchors.points().iter();
        Some(
            points
                .map(|(value, share)| (share.to_bits(), *value))
                .collect::<Vec<_>>(),
        )
    };
    match (turned(a), turned(b)) {
        (None, None) => true,
        (Some(a), Some(b)) => same_points(&a, &b),
        _ => false,
    }
}

fn same_plan(a: &KeyResult, b: &KeyResult) -> bool {
    match (&a.plan, &b.plan) {
        (None, None) => true,
        (Some(a), Some(b)) => same_points(a.points(), b.points()),
        _ => false,
    }
}

fn plan(key_result: &KeyResult, cycle: Option<&Cycle>) -> String {
    let Some(plan) = &key_result.plan else {
        return "straight".to_owned();
    };
    let point = |(at, value): &(jiff::Timestamp, f64)| {
        let zone = cycle.map_or(jiff::tz::TimeZone::UTC, |cycle| cycle.zone.clone());
        format!("{} {}", at.to_zoned(zone).date(), show(*value))
    };
    plan.points()
        .iter()
        .map(point)
        .collect::<Vec<_>>()
        .join(", ")
}

fn baseline(baseline: Baseline) -> String {
    match baseline {
        Baseline::Fixed(value) => show(value),
        Baseline::First => "the first measurement".to_owned(),
    }
}

fn target(target: Target) -> String {
    let signed = |value: f64| {
        if value < 0.0 {
            show(value)
        } else {
            format!("+{}", show(value))
        }
    };
    match target {
        Target::Absolute(value) => show(value),
        Target::Share(share) => format!("{} %", signed(100.0 * share)),
        Target::Plus(delta) => signed(delta),
    }
}

fn bounds(band: Band) -> String {
    match band {
        Band::AtLeast(bound) | Band::AtMost(bound) => show(bound),
        Band::Between(low, high) => format!("{} to {}", show(low), show(high)),
    }
}

fn anchors(reach: &Reach) -> String {
    let Some(anchors) = &reach.anchors else {
        return format!("{} to {}", baseline(reach.baseline), target(reach.target));
    };
    let point = |(value, share): &(f64, f64)| format!("{} is {}", show(*value), show(*share));
    anchors
        .points()
        .iter()
        .map(point)
        .collect::<Vec<_>>()
        .join(", ")
}

fn aim(aim: &Aim) -> String {
    match aim {
        Aim::Reach(reach) => format!("{} to {}", baseline(reach.baseline), target(reach.target)),
        Aim::Hold(hold) => hold.to_string(),
        Aim::Milestones(milestones) => format!("{} milestones", milestones.steps().len()),
        Aim::Done => "so or not so".to_owned(),
        Aim::Baseline(days) => format!("a baseline of {days} days"),
    }
}

fn score_by(score_by: ScoreBy) -> &'static str {
    match score_by {
        ScoreBy::Time => "time",
        ScoreBy::Latest => "latest",
        ScoreBy::Worst => "worst",
    }
}
