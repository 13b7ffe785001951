//! `okrd notify`: what a channel would be sent, before it is, and a message that shows whether any come through. Neither
//! changes what was told.

use std::collections::BTreeSet;
use std::path::Path;

use jiff::Timestamp;

use super::args::{NotifyCommand, PreviewArgs, TestArgs};
use super::exit::{Failure, Verdict, say};
use super::table::printable;
use super::{configuration, runtime};
use crate::config::notify::{NotifySpec, Way};
use crate::config::spec::Config;
use crate::domain::id::Slug;
use crate::domain::scorecard::{Scorecard, score};
use crate::engine::clock::{Clock, SystemClock};
use crate::notify::message::{Kind, Message};
use crate::notify::paper::paper;
use crate::notify::post::{self, Address};
use crate::notify::{digest, status};
use crate::store::{Loaded, Outbox, Reader, StoreError};

/// Shows or tries.
///
/// # Errors
/// When the configuration, the name or the store is at fault.
pub fn run(config: Option<&Path>, command: &NotifyCommand) -> Result<Verdict, Failure> {
    let config = configuration::valid(config)?;
    match command {
        NotifyCommand::Preview(args) => preview(&config, args),
        NotifyCommand::Test(args) => test(&config, args),
    }
}

fn find<'c>(config: &'c Config, name: &str) -> Result<(&'c Slug, &'c NotifySpec), Failure> {
    let found = config
        .notify
        .iter()
        .find(|(known, _)| known.as_str() == name);
    found.ok_or_else(|| {
        let all: Vec<&str> = config.notify.keys().map(Slug::as_str).collect();
        let known = match all.is_empty() {
            true => "the configuration has none, see [notify.NAME]".to_owned(),
            false => format!("expected one of {}", all.join(", ")),
        };
        Failure::usage(format!("no channel is called {name}: {known}"))
    })
}

/// What is known now, and what waits for the channel.
fn known(config: &Config, name: &Slug, now: Timestamp) -> Result<(Scorecard, Outbox), Failure> {
    let (loaded, outbox) = match Reader::open(&config.store.path) {
        Ok(reader) => (reader.load(&config.goals)?, reader.outbox(name)?),
        // Nothing was ever recorded or told.
        Err(StoreError::Missing { .. }) => (Loaded::default(), Outbox::default()),
        Err(error) => return Err(error.into()),
    };
    Ok((score(&config.goals, &loaded.history, now), outbox))
}

fn preview(config: &Config, args: &PreviewArgs) -> Result<Verdict, Failure> {
    let now = SystemClock.now();
    let (name, spec) = find(config, &args.channel)?;
    let (card, outbox) = known(config, name, now)?;
    let mut out = String::new();
    for (place, suspension) in &outbox.suspended {
        let shown = if place.is_empty() {
            "nothing"
        } else {
            "nothing at "
        };
        let why = printable(&suspension.why);
        out.push_str(&format!(
            "{shown}{} is sent until somebody acts: {why}\nonce it is mended, run `okrd resume {name}`\n\n",
            printable(place)
        ));
    }
    let waiting = outbox.waiting.iter().filter_map(|letter| {
        let message = Message::of_body(&letter.body)?;
        Some((letter.key.clone(), letter.place.clone(), message))
    });
    let mut messages: Vec<(String, String, Message)> = waiting.collect();
    let waits = messages.len();
    if let Some(schedule) = &spec.digest {
        let since = schedule.at_or_before(now).unwrap_or(now);
        let digest = digest::messages(spec, &card, since, now);
        messages.extend(
            digest
                .into_iter()
                .map(|(place, m)| ("digest".to_owned(), place, m)),
        );
    }
    let post = post::open(spec, &config.zone);
    for (n, (key, place, message)) in messages.iter().enumerate() {
        let what = if n < waits {
            "waits to be sent"
        } else {
            "the digest, if it were due now"
        };
        let place = if place.is_empty() {
            name.as_str()
        } else {
            place
        };
        out.push_str(&format!("--- {}: {what}\n", printable(place)));
        let to = Address {
            key,
            place,
            thread: None,
            at: now,
        };
        let text = match args.payload {
            true => post.preview(to, message),
            false => plain(message, config),
        };
        text.lines()
            .for_each(|line| out.push_str(&format!("{}\n", printable(line))));
        out.push('\n');
    }
    if messages.is_empty() {
        out.push_str("nothing waits, and there is no digest\n");
    }
    say(&out)?;
    Ok(Verdict::Yes)
}

/// A message as people read it.
fn plain(message: &Message, config: &Config) -> String {
    let paper = paper(message, &config.zone);
    let mut blocks = vec![paper.subject];
    blocks.extend(paper.above);
    for part in paper.parts {
        blocks.push(
            format!("{}\n{}", part.heading, part.lead)
                .trim_end()
                .to_owned(),
        );
        blocks.extend(part.paragraphs);
    }
    blocks.push(paper.below);
    blocks.extend(paper.page);
    blocks.join("\n\n")
}

fn test(config: &Config, args: &TestArgs) -> Result<Verdict, Failure> {
    let now = SystemClock.now();
    let (name, spec) = find(config, &args.channel)?;
    if matches!(spec.way, Way::Jira { .. }) {
        return Err(Failure::usage(format!(
            "channel {name} writes to the issues of initiatives and to nothing else, so that there is nothing to test on: see `okrd notify preview {name}`"
        )));
    }
    let card = score(&config.goals, &Loaded::default().history, now);
    let message = Message::new(Kind::Test, &card, spec.page.as_ref(), now);
    let teams = config.goals.teams.keys().map(Some).chain([None]);
    let told = teams.filter(|team| spec.tells_of(*team));
    let places: BTreeSet<String> = told
        .flat_map(|team| status::places(spec, &card, team))
        .collect();
    let post = post::open(spec, &config.zone);
    let (mut out, mut all_well) = (String::new(), true);
    runtime::small()?.block_on(async {
        for place in &places {
            let key = format!("test/{now}/{place}");
            let to = Address {
                key: &key,
                place,
                thread: None,
                at: now,
            };
            let shown = if place.is_empty() {
                name.as_str()
            } else {
                place
            };
            let line = match post.deliver(to, &message).await {
                Ok(_) => "taken".to_owned(),
                Err(refusal) => {
                    all_well = false;
                    format!("not taken: {}", refusal.fault())
                }
            };
            out.push_str(&format!("{}: {}\n", printable(shown), printable(&line)));
            // Receivers take a message a second.
            if places.len() > 1 {
                tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
            }
        }
    });
    say(&out)?;
    Ok(Verdict::of(all_well))
}
