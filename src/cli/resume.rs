//! `okrd resume`: a source that refused our login, or failed, is asked again; a channel that refused our messages is sent
//! them again. Works with a daemon and without: it writes to the store, and a running daemon hears of it within a second.

use std::path::Path;

use jiff::Timestamp;
use serde_json::json;

use super::args::{Format, ResumeArgs};
use super::exit::{Failure, Verdict, say};
use super::{configuration, runtime, when};
use crate::config::spec::Config;
use crate::domain::id::Slug;
use crate::engine::clock::{Clock, SystemClock};
use crate::store::{Outbox, Reader, SourceState, Store, StoreError};

/// Resumes the source; when this returns, that is on disk.
///
/// # Errors
/// When the configuration, the name or the store is at fault.
pub fn run(config: Option<&Path>, args: &ResumeArgs) -> Result<Verdict, Failure> {
    let config = configuration::valid(config)?;
    let now = SystemClock.now();
    if let Some(channel) = channel(&config, &args.source) {
        return resume_channel(&config, channel, args.format, now);
    }
    let source = find(&config, &args.source)?;
    let known = match Reader::open(&config.store.path) {
        Ok(reader) => reader.sources()?.remove(source).unwrap_or_default(),
        // Nothing was ever asked.
        Err(StoreError::Missing { .. }) => SourceState::default(),
        Err(error) => return Err(error.into()),
    };
    // Also one of which nothing is known: a daemon may be about to note it.
    write(&config, now, async |store| {
        store.resume(source.clone(), now).await
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

/// The channel of this name, unless a source has it.
fn channel<'c>(config: &'c Config, name: &str) -> Option<&'c Slug> {
    let is_source = config.sources.keys().any(|source| source.as_str() == name);
    let mut channels = config.notify.keys().filter(|_| !is_source);
    channels.find(|channel| channel.as_str() == name)
}

fn resume_channel(
    config: &Config,
    channel: &Slug,
    format: Format,
    now: Timestamp,
) -> Result<Verdict, Failure> {
    let known = match Reader::open(&config.store.path) {
        Ok(reader) => reader.outbox(channel)?,
        Err(StoreError::Missing { .. }) => Outbox::default(),
        Err(error) => return Err(error.into()),
    };
    write(config, now, async |store| {
        store.resume_channel(channel.clone(), now).await
    })?;
    let since = known
        .suspended
        .values()
        .map(|suspension| suspension.since)
        .min();
    say(&match (format, since) {
        (Format::Json, since) => {
            let document = json!({
                "channel": channel.as_str(),
                "resumed_at": now.to_string(),
                "suspended_since": since.map(|at| at.to_string()),
                "waiting": known.waiting.len(),
            });
            format!("{document}\n")
        }
        (Format::Text, Some(since)) => format!(
            "resumed {channel}, which took no messages since {}; {} wait and are sent within seconds, or when the daemon starts\n",
            when::show(since, &config.zone),
            known.waiting.len()
        ),
        (Format::Text, None) => format!("{channel} was not suspended\n"),
    })?;
    Ok(Verdict::Yes)
}

/// Writes to the store beside a daemon that may hold it.
fn write(
    config: &Config,
    now: Timestamp,
    what: impl AsyncFnOnce(&Store) -> Result<(), StoreError>,
) -> Result<(), Failure> {
    Ok(runtime::small()?.block_on(async {
        let store = Store::open_shared(&config.store.path, runtime::VERSION, now)?;
        what(&store).await?;
        store.close().await
    })?)
}

fn find<'c>(config: &'c Config, name: &str) -> Result<&'c Slug, Failure> {
    let found = config.sources.keys().find(|source| source.as_str() == name);
    found.ok_or_else(|| {
        let all: Vec<&str> = config.sources.keys().map(Slug::as_str).collect();
        let all: Vec<&str> = all
            .into_iter()
            .chain(config.notify.keys().map(Slug::as_str))
            .collect();
        let known = match all.is_empty() {
            true => "the configuration has none".to_owned(),
            false => format!("expected one of {}", all.join(", ")),
        };
        Failure::usage(format!("no source or channel is called {name}: {known}"))
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
