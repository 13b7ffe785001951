//! `okrd checkin`: how likely people hold a key result to be met, and a few words. Works while the daemon runs, which takes
//! it in within a second.

use crate::config::spec::StoreSpec;
use std::path::Path;

use serde_json::json;

use super::args::{CheckinArgs, Format};
use super::author::author;
use super::exit::{Failure, Verdict, say};
use super::{configuration, key_results, runtime, when};
use crate::engine::clock::{Clock, SystemClock};
use crate::engine::told;
use crate::store::{Store, ToldCheckIn};
use crate::words::ENGLISH;

/// Keeps the check-in; when this returns, it is on disk.
///
/// # Errors
/// When the configuration, the name, the confidence or the store is at fault.
pub fn run(config: Option<&Path>, args: &CheckinArgs) -> Result<Verdict, Failure> {
    let config = configuration::valid(config)?;
    let now = SystemClock.now();
    let key_result = key_results::find(&config.goals, &args.key_result, now)?;
    let cycle = config.goals.cycles.get(&key_result.id.cycle);
    let cycle = cycle.ok_or_else(|| Failure::usage(format!("{} has no cycle", key_result.id)))?;
    let author = author(args.author.as_deref())?;
    let confidence = args.confidence.as_deref();
    let confidence = confidence.map(told::confidence).transpose();
    let confidence = confidence.map_err(|refusal| Failure::usage(refusal.to_string()))?;
    let told = told::check_in(
        key_result,
        cycle,
        confidence,
        args.note.clone(),
        author,
        now,
    );
    let told = told.map_err(|refusal| Failure::usage(refusal.to_string()))?;
    keep(&config.store, told.clone())?;
    let said = told.said;
    say(&match args.format {
        Format::Text => {
            let confidence = said.confidence.map_or_else(
                || "note".to_owned(),
                |confidence| format!("confidence {}", ENGLISH.percent(confidence)),
            );
            format!(
                "checked in {confidence} for {} at {}\n",
                key_result.id,
                when::show(said.at, &config.zone)
            )
        }
        Format::Json => format!(
            "{}\n",
            json!({
                "cycle": key_result.id.cycle.as_str(),
                "key_result": key_result.id.to_string(),
                "at": said.at.to_string(),
                "confidence": said.confidence,
                "note": said.note,
                "author": told.author,
            })
        ),
    })?;
    Ok(Verdict::Yes)
}

fn keep(spec: &StoreSpec, told: ToldCheckIn) -> Result<(), Failure> {
    let runtime = runtime::small()?;
    runtime.block_on(async {
        let store = Store::open_shared_as(spec, runtime::VERSION, told.said.at)?;
        store.keep_check_in(told).await?;
        store.close().await
    })?;
    Ok(())
}
