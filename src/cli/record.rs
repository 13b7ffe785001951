//! `okrd record`: a value that people know, kept beside those that are measured. Works while the daemon runs, which
//! takes it in within a second.

use std::path::Path;

use serde_json::json;

use super::args::{Format, RecordArgs};
use super::author::author;
use super::exit::{Failure, Verdict, complain, say};
use super::{configuration, key_results, runtime, when};
use crate::config::spec::Config;
use crate::domain::reading::Reading;
use crate::engine::clock::{Clock, SystemClock};
use crate::engine::told::{self, Told};
use crate::store::{Entry, Store};

/// Records the value; when this returns, it is on disk.
///
/// # Errors
/// When the configuration, the name, the value or the store is at fault.
pub fn run(config: Option<&Path>, args: &RecordArgs) -> Result<Verdict, Failure> {
    let config = configuration::valid(config)?;
    let now = SystemClock.now();
    let key_result = key_results::find(&config.goals, &args.key_result, now)?;
    let value = Reading::parse(args.value.trim()).map_err(|fault| {
        Failure::usage(format!("value of {}: {}", key_result.id, fault.message))
    })?;
    let at = args.at.as_deref();
    let at = at.map(|text| when::parse(text, now, &config.zone));
    let told = Told {
        value,
        at: at.transpose()?,
        note: args.note.clone(),
        author: Some(author(args.author.as_deref())?),
    };
    let cycle = config.goals.cycles.get(&key_result.id.cycle);
    let cycle = cycle.ok_or_else(|| Failure::usage(format!("{} has no cycle", key_result.id)))?;
    let entry = told::entry(key_result, cycle, told, now)
        .map_err(|refusal| Failure::usage(refusal.to_string()))?;
    let (at, remark) = (entry.slot, told::remark(&entry));
    keep(&config, entry)?;
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
    if let Some(remark) = remark {
        complain(&format!("note: {remark}\n"));
    }
    Ok(Verdict::Yes)
}

fn keep(config: &Config, entry: Entry) -> Result<(), Failure> {
    let runtime = runtime::small()?;
    runtime.block_on(async {
        let now = entry.started_at;
        let store = Store::open_shared_as(&config.store, runtime::VERSION, now)?;
        let questions = configuration::questions(config);
        store
            .keep_revision(&config.revision, now, questions)
            .await?;
        store.append(vec![entry]).await?;
        store.close().await
    })?;
    Ok(())
}
