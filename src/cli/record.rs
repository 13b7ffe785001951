//! `okrd record`: a value that people know, kept beside those that are measured. Works while the daemon runs, which
//! takes it in within a second.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::args::{Format, RecordArgs};
use super::exit::{Failure, Verdict, say};
use super::{configuration, key_results, runtime, when};
use crate::domain::goals::{Feed, KeyResult};
use crate::domain::reading::Reading;
use crate::engine::clock::{Clock, SystemClock};
use crate::store::{Entry, Origin, Store};

/// The longest note kept.
const LONGEST_NOTE: usize = 2000;

/// Records the value; when this returns, it is on disk.
///
/// # Errors
/// When the configuration, the name, the value or the store is at fault.
pub fn run(config: Option<&Path>, args: &RecordArgs) -> Result<Verdict, Failure> {
    let config = configuration::valid(config)?;
    let now = SystemClock.now();
    let key_result = key_results::find(&config.goals, &args.key_result, now)?;
    refuse_measured(key_result)?;
    let reading = Reading::parse(args.value.trim()).map_err(|fault| {
        Failure::usage(format!("value of {}: {}", key_result.id, fault.message))
    })?;
    let at = match &args.at {
        Some(text) => when::parse(text, now, &config.zone)?,
        None => now,
    };
    if at > now {
        return Err(Failure::usage(format!(
            "--at {at} lies in the future: a value is recorded once it is known"
        )));
    }
    let note = args.note.clone().filter(|note| !note.is_empty());
    if note
        .as_ref()
        .is_some_and(|note| note.chars().count() > LONGEST_NOTE)
    {
        return Err(Failure::usage(format!(
            "the note is longer than {LONGEST_NOTE} characters"
        )));
    }
    let entry = Entry {
        key_result: key_result.id.clone(),
        slot: at,
        started_at: now,
        took: Duration::ZERO,
        tries: 1,
        definition: Arc::from(key_result.definition.as_str()),
        origin: Origin::Recorded { note, author: None },
        outcome: Ok(reading),
    };
    keep(&config.store.path, entry)?;
    let value = args.value.trim();
    say(&match args.format {
        Format::Text => format!(
            "recorded {value} {} for {} at {}\n",
            key_result.unit,
            key_result.id,
            when::show(at, &config.zone)
        ),
        Format::Json => format!(
            "{}\n",
            json!({
                "cycle": key_result.id.cycle.as_str(),
                "key_result": key_result.id.to_string(),
                "value": value.parse::<f64>().ok(),
                "at": at.to_string(),
            })
        ),
    })?;
    Ok(Verdict::Yes)
}

/// A measured key result takes no typed value: nobody could tell any more which of its numbers were measured.
fn refuse_measured(key_result: &KeyResult) -> Result<(), Failure> {
    match &key_result.feed {
        Feed::Recorded => Ok(()),
        Feed::Polled { source } => Err(Failure::usage(format!(
            "key result {} is measured by source {source}: only a key result without `measure` is recorded by people; \
             remove its measure first",
            key_result.id
        ))),
    }
}

fn keep(path: &Path, entry: Entry) -> Result<(), Failure> {
    let runtime = runtime::small()?;
    runtime.block_on(async {
        let store = Store::open_shared(path, runtime::VERSION, entry.started_at)?;
        store.append(vec![entry]).await?;
        store.close().await
    })?;
    Ok(())
}
