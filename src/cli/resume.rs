//! `okrd resume`: a source that refused our login, or failed, is asked again. Works with a daemon and without: it writes to
//! the store, and a running daemon hears of it within a second.

use std::path::Path;

use jiff::Timestamp;
use serde_json::json;

use super::args::{Format, ResumeArgs};
use super::exit::{Failure, Verdict, say};
use super::{configuration, runtime, when};
use crate::config::spec::Config;
use crate::domain::id::Slug;
use crate::engine::clock::{Clock, SystemClock};
use crate::store::{Reader, SourceState, Store, StoreError};

/// Resumes the source; when this returns, that is on disk.
///
/// # Errors
/// When the configuration, the name or the store is at fault.
pub fn run(config: Option<&Path>, args: &ResumeArgs) -> Result<Verdict, Failure> {
    let config = configuration::valid(config)?;
    let now = SystemClock.now();
    let source = find(&config, &args.source)?;
    let known = match Reader::open(&config.store.path) {
        Ok(reader) => reader.sources()?.remove(source).unwrap_or_default(),
        // Nothing was ever asked.
        Err(StoreError::Missing { .. }) => SourceState::default(),
        Err(error) => return Err(error.into()),
    };
    // Also one of which nothing is known: a daemon may be about to note it.
    let runtime = runtime::small()?;
    runtime.block_on(async {
        let store = Store::open_shared(&config.store.path, runtime::VERSION, now)?;
        store.resume(source.clone(), now).await?;
        store.close().await
    })?;
    say(&match args.format {
        Format::Text => text(source, &known, &config, now),
        Format::Json => {
            let at = |at: Option<Timestamp>| at.map(|at| at.to_string());
            let document = json!({
                "source": source.as_str(),
                "resumed_at": now.to_string(),
                "suspended_since": at(known.suspended),
                "left_alone_until": at(known.not_before.filter(|until| *until > now)),
            });
            format!("{document}\n")
        }
    })?;
    Ok(Verdict::Yes)
}

fn find<'c>(config: &'c Config, name: &str) -> Result<&'c Slug, Failure> {
    let found = config.sources.keys().find(|source| source.as_str() == name);
    found.ok_or_else(|| {
        let all: Vec<&str> = config.sources.keys().map(Slug::as_str).collect();
        let known = match all.is_empty() {
            true => "the configuration has none".to_owned(),
            false => format!("expected one of {}", all.join(", ")),
        };
        Failure::usage(format!("no source is called {name}: {known}"))
    })
}

fn text(source: &Slug, known: &SourceState, config: &Config, now: Timestamp) -> String {
    let was = match (known.suspended, known.open_until) {
        (Some(since), _) => format!(
            "resumed {source}, which refused the login on {}; it is asked again within a second, or when the daemon starts\n",
            when::show(since, &config.zone)
        ),
        (None, Some(_)) => {
            format!("resumed {source}, which failed several times in a row; it is asked again\n")
        }
        (None, None) => format!("{source} was not suspended\n"),
    };
    let patience = known.not_before.filter(|until| *until > now);
    let patience = patience.map(|until| {
        format!(
            "it asked to be left alone until {}, and still is\n",
            when::show(until, &config.zone)
        )
    });
    format!("{was}{}", patience.unwrap_or_default())
}
