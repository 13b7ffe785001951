//! `okrd annotate`: a few words about an instant or a stretch of time, of one key result or of everything: a campaign, an
//! outage, the cause of what was missed.

use std::path::Path;

use jiff::Timestamp;
use serde_json::json;

use super::args::{AnnotateArgs, Format};
use super::author::author;
use super::exit::{Failure, Verdict, say};
use super::{configuration, key_results, runtime, when};
use crate::config::spec::{Config, StoreSpec};
use crate::domain::id::KeyResultRef;
use crate::engine::clock::{Clock, SystemClock};
use crate::engine::told;
use crate::store::{Annotation, Store};

/// Keeps the words; when this returns, they are on disk.
///
/// # Errors
/// When the configuration, the name, the time, the words or the store is at fault.
pub fn run(config: Option<&Path>, args: &AnnotateArgs) -> Result<Verdict, Failure> {
    let config = configuration::valid(config)?;
    let now = SystemClock.now();
    let annotation = annotation(&config, args, now)?;
    let about = annotation.key_result.as_ref();
    let about = about.map_or_else(|| "everything".to_owned(), ToString::to_string);
    let span = match annotation.to {
        Some(to) => format!(
            "from {} to {}",
            when::show(annotation.from, &config.zone),
            when::show(to, &config.zone)
        ),
        None => format!("at {}", when::show(annotation.from, &config.zone)),
    };
    let text = match args.format {
        Format::Text => format!("annotated {about} {span}\n"),
        Format::Json => {
            let id = annotation.key_result.as_ref();
            let document = json!({
                "cycle": id.map(|id| id.cycle.as_str()),
                "key_result": id.map(ToString::to_string),
                "from": annotation.from.to_string(),
                "to": annotation.to.map(|to| to.to_string()),
                "text": annotation.text,
                "author": annotation.author,
            });
            format!("{document}\n")
        }
    };
    keep(&config.store, annotation)?;
    say(&text)?;
    Ok(Verdict::Yes)
}

fn annotation(config: &Config, args: &AnnotateArgs, now: Timestamp) -> Result<Annotation, Failure> {
    let text = args.text.trim();
    if args.key_result.is_none() && names_a_key_result(config, text, now) {
        return Err(Failure::usage(format!(
            "there is nothing to keep about {text}: write the text after the name of the key result"
        )));
    }
    if text.is_empty() {
        return Err(Failure::usage("the text is empty, expected a few words"));
    }
    told::short_enough(text).map_err(|refusal| Failure::usage(refusal.to_string()))?;
    let key_result = args.key_result.as_deref();
    let key_result = key_result.map(|name| key_results::find(&config.goals, name, now));
    let instant = |text: &Option<String>| {
        let text = text.as_deref();
        text.map(|text| when::parse(text, now, &config.zone))
            .transpose()
    };
    let (from, to) = (instant(&args.from)?.unwrap_or(now), instant(&args.to)?);
    if let Some(to) = to.filter(|to| *to < from) {
        return Err(Failure::usage(format!(
            "the stretch ends at {to}, before it begins at {from}: write --from with the earlier instant"
        )));
    }
    Ok(Annotation {
        key_result: key_result.transpose()?.map(|kr| kr.id.clone()),
        from,
        to,
        text: text.to_owned(),
        author: Some(author(args.author.as_deref())?),
        told_at: now,
    })
}

/// Whether the only words are the name of a key result: then what was to be said about it is missing.
fn names_a_key_result(config: &Config, text: &str, now: Timestamp) -> bool {
    KeyResultRef::parse(text).is_ok_and(|name| config.goals.find(&name, now).is_some())
}

fn keep(spec: &StoreSpec, annotation: Annotation) -> Result<(), Failure> {
    let runtime = runtime::small()?;
    runtime.block_on(async {
        let store = Store::open_shared_as(spec, runtime::VERSION, annotation.told_at)?;
        store.keep_annotation(annotation).await?;
        store.close().await
    })?;
    Ok(())
}
