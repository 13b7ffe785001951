//! `okrd rebase`: by which definitions a key result was measured, and where two of them measured the same slot, the lines
//! that carry the earlier figures over, ready to paste. Writes no file.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::json;

use super::args::{Format, RebaseArgs};
use super::exit::{Failure, Verdict, say};
use super::table::{Align, Table};
use super::{configuration, key_results, when};
use crate::config::replay;
use crate::config::spec::Config;
use crate::domain::cycle::Cycle;
use crate::domain::epoch::{Comparison, Epoch};
use crate::domain::goals::{Feed, KeyResult};
use crate::domain::number::show as number;
use crate::engine::clock::{Clock, SystemClock};
use crate::store::{Measurement, Origin, Reader, StoreError};

/// Shows the definitions and what splices them.
///
/// # Errors
/// When the configuration, the name or the store is at fault.
pub fn run(config: Option<&Path>, args: &RebaseArgs) -> Result<Verdict, Failure> {
    let config = configuration::valid(config)?;
    let now = SystemClock.now();
    let key_result = key_results::find(&config.goals, &args.key_result, now)?;
    let id = &key_result.id;
    let cycle = config.goals.cycles.get(&id.cycle);
    let cycle = cycle.ok_or_else(|| Failure::usage(format!("{id} has no cycle")))?;
    let (epochs, measurements) = match Reader::open(&config.store.path) {
        Ok(reader) => (reader.epochs(id)?, reader.series(id, None, None)?),
        Err(StoreError::Missing { .. }) => (Vec::new(), Vec::new()),
        Err(error) => return Err(error.into()),
    };
    let known = Known {
        key_result,
        cycle,
        comparison: key_result.comparison(&epochs),
        epochs,
        measurements,
    };
    let splice = known.splice(now);
    say(&match args.format {
        Format::Text => known.text(&config, splice.as_ref()),
        Format::Json => known.json(splice.as_ref()),
    })?;
    Ok(Verdict::of(!matches!(
        splice,
        Some(Splice { overlap: None, .. })
    )))
}

/// What the store knows of a key result.
struct Known<'c> {
    key_result: &'c KeyResult,
    cycle: &'c Cycle,
    epochs: Vec<Epoch>,
    comparison: Comparison,
    measurements: Vec<Measurement>,
}

/// The change of definition that is to be spliced next.
struct Splice {
    /// The earlier definition.
    from: String,
    /// The day of the change.
    date: Date,
    /// `None` when no slot was measured by both.
    overlap: Option<Overlap>,
}

/// What two definitions gave for the same slots.
struct Overlap {
    slot: Timestamp,
    old: f64,
    new: f64,
    /// In how many slots both gave a number that a factor can be made of, and the smallest and the largest factor.
    slots: usize,
    range: (f64, f64),
}

impl Known<'_> {
    /// The newest epoch that is not compared with the one in force, and what splices the two; `None` when there is none.
    fn splice(&self, now: Timestamp) -> Option<Splice> {
        let others = self.epochs.iter();
        let others = others.filter(|epoch| self.comparison.factor(&epoch.definition).is_none());
        let from = others.max_by_key(|epoch| epoch.last)?;
        Some(Splice {
            from: from.definition.clone(),
            date: self.changed(now),
            overlap: self.overlap(&from.definition),
        })
    }

    /// The day on which the definition in force was first asked for the present; today when it was not yet. Held within the
    /// cycle.
    fn changed(&self, now: Timestamp) -> Date {
        let own = self.of(&self.key_result.definition);
        let asked = own.filter(|m| m.origin != Origin::Backfilled);
        let at = asked.map(|m| m.started_at).min().unwrap_or(now);
        let day = at.to_zoned(self.cycle.zone.clone()).date();
        day.clamp(self.cycle.first_day, self.cycle.last_day)
    }

    fn of(&self, definition: &str) -> impl Iterator<Item = &Measurement> {
        let all = self.measurements.iter();
        all.filter(move |m| *m.definition == *definition)
    }

    fn overlap(&self, from: &str) -> Option<Overlap> {
        let old: BTreeMap<Timestamp, f64> = self.of(from).map(|m| (m.slot, m.value)).collect();
        let own = self.of(&self.key_result.definition);
        let both = own.filter_map(|m| Some((m.slot, *old.get(&m.slot)?, m.value)));
        let usable = |(_, old, new): &(Timestamp, f64, f64)| {
            let k = new / old;
            k > 0.0 && k.is_normal()
        };
        let mut both: Vec<_> = both.filter(usable).collect();
        both.sort_by_key(|(slot, ..)| *slot);
        let (slot, old, new) = *both.last()?;
        let factors = || both.iter().map(|(_, old, new)| new / old);
        Some(Overlap {
            slot,
            old,
            new,
            slots: both.len(),
            range: (
                factors().fold(f64::INFINITY, f64::min),
                factors().fold(0.0, f64::max),
            ),
        })
    }

    fn text(&self, config: &Config, splice: Option<&Splice>) -> String {
        let id = &self.key_result.id;
        if self.epochs.is_empty() {
            return format!("{id}: nothing recorded\n");
        }
        let mut table = Table::new([
            ("DEFINITION", Align::Left),
            ("FIRST", Align::Left),
            ("LAST", Align::Left),
            ("VALUES", Align::Right),
            ("COMPARED", Align::Left),
        ]);
        for epoch in &self.epochs {
            table.row([
                epoch.definition.clone(),
                when::show(epoch.first, &config.zone),
                when::show(epoch.last, &config.zone),
                self.of(&epoch.definition).count().to_string(),
                compared(&self.comparison, &epoch.definition),
            ]);
        }
        let in_force = &self.key_result.definition;
        let mut text = table.render(0);
        if !self.epochs.iter().any(|e| e.definition == *in_force) {
            text += &format!("{in_force} is in force and has measured nothing yet\n");
        }
        text + "\n"
            + &match splice {
                None => "Nothing is to be spliced.\n".to_owned(),
                Some(splice) => match &splice.overlap {
                    Some(overlap) => self.block(splice, overlap),
                    None => self.without_overlap(config, splice),
                },
            }
    }

    /// The lines to paste.
    fn block(&self, splice: &Splice, overlap: &Overlap) -> String {
        let id = &self.key_result.id;
        let (low, high) = overlap.range;
        let factor = number(overlap.new / overlap.old);
        let mut text = format!(
            "Both {} and {} measured {}. The newest of them gives ×{factor}",
            splice.from,
            self.key_result.definition,
            match overlap.slots {
                1 => "one slot".to_owned(),
                n => format!("{n} slots"),
            },
        );
        if overlap.slots > 1 {
            text += &format!(", all of them ×{} to ×{}", number(low), number(high));
        }
        text += ".\nPaste this into the file of the key result, with your reason and who approved it:\n\n";
        text += &format!(
            "[[objectives.{}.key_results.{}.rebases]]\ndate = {}\nfrom = \"{}\"\nat = {}\nold = {}\nnew = {}\nreason = \"\"\napproved_by = \"\"\n",
            id.objective,
            id.key_result,
            splice.date,
            splice.from,
            overlap.slot,
            overlap.old,
            overlap.new
        );
        if !self.key_result.rebases.is_empty() {
            text += "\nIts earlier rebases stay as they are.\n";
        }
        text
    }

    fn without_overlap(&self, config: &Config, splice: &Splice) -> String {
        let id = &self.key_result.id;
        let poll = config.polls.iter().find(|poll| poll.key_result == *id);
        let asked = poll.and_then(|poll| Some((poll, config.sources.get(&poll.source)?)));
        let first = self.epochs.iter().find(|e| e.definition == splice.from);
        let since = first.map_or(self.cycle.first_day, |epoch| {
            epoch.first.to_zoned(self.cycle.zone.clone()).date()
        });
        let how = match (&self.key_result.feed, asked) {
            (Feed::Recorded, _) => format!(
                "Tell the new number of an instant that has an old one: `okrd record {id} VALUE --at T`, then run this again."
            ),
            (_, Some((poll, spec))) => match replay::objection(&poll.measure, spec) {
                None => format!(
                    "Ask the new measure for the time of the old one: `okrd backfill {id} --from {since}`, then run this again."
                ),
                Some(why) => format!("It cannot be asked for the past: {why}."),
            },
            (_, None) => "It cannot be asked for the past.".to_owned(),
        };
        format!(
            "{} and {} measured no slot both, so nobody can tell what one is in the other.\n{how}\nOr leave them apart: state a new baseline, and what else was agreed, by amendments.\n",
            splice.from, self.key_result.definition
        )
    }

    fn json(&self, splice: Option<&Splice>) -> String {
        let epochs = self.epochs.iter().map(|epoch| {
            json!({
                "definition": epoch.definition,
                "first": epoch.first.to_string(),
                "last": epoch.last.to_string(),
                "values": self.of(&epoch.definition).count(),
                "in_force": self.comparison.is_in_force(&epoch.definition),
                "factor": self.comparison.factor(&epoch.definition),
            })
        });
        let splice = splice.map(|splice| {
            json!({
                "from": splice.from,
                "date": splice.date.to_string(),
                "overlap": splice.overlap.as_ref().map(|overlap| json!({
                    "at": overlap.slot.to_string(),
                    "old": overlap.old,
                    "new": overlap.new,
                    "slots": overlap.slots,
                    "factor_lowest": overlap.range.0,
                    "factor_highest": overlap.range.1,
                })),
            })
        });
        let document = json!({
            "cycle": self.key_result.id.cycle.as_str(),
            "key_result": self.key_result.id.to_string(),
            "definition": self.key_result.definition,
            "epochs": epochs.collect::<Vec<_>>(),
            "rebase": splice,
        });
        format!("{document:#}\n")
    }
}

/// How the values of a definition stand to the present ones.
pub(super) fn compared(comparison: &Comparison, definition: &str) -> String {
    match comparison.factor(definition) {
        _ if comparison.is_in_force(definition) => "in force".to_owned(),
        Some(factor) => format!("carried over ×{}", number(factor)),
        None => "no".to_owned(),
    }
}
