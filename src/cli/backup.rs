//! `okrd backup` and `okrd store`: a copy of the store, a check of it, a damaged one put aside, a backup put back. The
//! store is found through the configuration and everything else is done one floor below.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::args::{AcknowledgeArgs, BackupArgs, Format, RestoreArgs, StoreCommand, VerifyArgs};
use super::author::author;
use super::exit::{Failure, Verdict, complain, say};
use super::table::printable;
use super::{configuration, runtime, when};
use crate::config::spec::Config;
use crate::domain::number;
use crate::engine::clock::{Clock, SystemClock};
use crate::store::{self, Reader, Store, StoreError, Verified};

/// Copies the store; when this returns the copy is on disk and was checked.
///
/// # Errors
/// When the configuration, the store or the new file is at fault.
pub fn run(config: Option<&Path>, args: &BackupArgs) -> Result<Verdict, Failure> {
    let config = configuration::valid(config)?;
    let made = store::back_up(&config.store.path, &args.file).map_err(taken)?;
    say(&match args.format {
        Format::Text => format!("{}: sound\n", told(&made, &config)),
        Format::Json => json(&made),
    })?;
    Ok(Verdict::Yes)
}

/// Does one of the works on a whole store.
///
/// # Errors
/// When the configuration, the store or the backup is at fault.
pub fn store(config: Option<&Path>, command: &StoreCommand) -> Result<Verdict, Failure> {
    let config = configuration::valid(config)?;
    match command {
        StoreCommand::Verify(args) => verify(&config, args),
        StoreCommand::Quarantine => quarantine(&config),
        StoreCommand::Restore(args) => restore(&config, args),
        StoreCommand::Acknowledge(args) => acknowledge(&config, args),
    }
}

fn verify(config: &Config, args: &VerifyArgs) -> Result<Verdict, Failure> {
    let file = args.file.as_ref().unwrap_or(&config.store.path);
    let found = match store::verify(file) {
        // Too damaged to be opened is an answer, too.
        Err(StoreError::Corrupt { file, found, .. }) => unreadable(file, found),
        verified => verified?,
    };
    let is_sound = found.damage.is_empty();
    say(&match args.format {
        Format::Json => json(&found),
        Format::Text if is_sound => format!("{}: sound\n", told(&found, config)),
        Format::Text => damaged(&found),
    })?;
    Ok(Verdict::of(is_sound))
}

fn unreadable(file: PathBuf, found: String) -> Verified {
    Verified {
        file,
        bytes: 0,
        key_results: 0,
        measurements: 0,
        newest: None,
        damage: vec![found],
    }
}

fn damaged(found: &Verified) -> String {
    let file = found.file.display();
    let lines: String = (found.damage.iter())
        .map(|line| format!("  {}\n", line.escape_debug()))
        .collect();
    let backup = store::newest_backup(&found.file);
    let (backup, note) = match backup {
        Some(backup) => (
            backup.display().to_string(),
            " (the newest sound one that was found)",
        ),
        None => ("FILE".into(), ""),
    };
    format!(
        "{file}: damaged\n{lines}Stop okrd, put the store aside by `okrd store quarantine`, and put a backup in its place by `okrd store restore {backup}`{note}.\n"
    )
}

fn quarantine(config: &Config) -> Result<Verdict, Failure> {
    let aside = store::quarantine(&config.store.path, SystemClock.now())?;
    say(&format!("{}\n", aside.display()))?;
    complain(
        "note: the store was put aside under this name, and nothing of it was deleted. `okrd store restore FILE` puts a backup in its\n      place; without one, `okrd run` begins with an empty store.\n",
    );
    Ok(Verdict::Yes)
}

fn restore(config: &Config, args: &RestoreArgs) -> Result<Verdict, Failure> {
    let restored = store::restore(&args.file, &config.store.path, SystemClock.now())?;
    say(&format!("{}: restored\n", told(&restored, config)))?;
    Ok(Verdict::Yes)
}

/// Notes that somebody knows of what befell the store, which the daemon's metrics tell until then.
fn acknowledge(config: &Config, args: &AcknowledgeArgs) -> Result<Verdict, Failure> {
    let now = SystemClock.now();
    let by = author(args.author.as_deref())?;
    let known = runtime::small()?.block_on(async {
        let store = Store::open_shared_as(&config.store, runtime::VERSION, now)?;
        let known = Reader::open(store.path())?.incidents()?;
        store.acknowledge(now, Some(by)).await?;
        store.close().await?;
        Ok::<_, StoreError>(known)
    })?;
    if known.is_empty() {
        complain("note: there is nothing to acknowledge\n");
    }
    let lines = known.iter().map(|incident| {
        let at = when::show(incident.at, &config.zone);
        format!("{at} {} {}\n", incident.what, printable(&incident.file))
    });
    say(&lines.collect::<String>())?;
    Ok(Verdict::Yes)
}

/// A name that is taken is a fault of usage where the user chose it.
fn taken(error: StoreError) -> Failure {
    match error {
        StoreError::Occupied { .. } => Failure::usage(error.to_string()),
        _ => error.into(),
    }
}

/// `okrd.db, 1,234 measurements of 5 key results up to 2026-11-26 06:00`.
fn told(store: &Verified, config: &Config) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a count for people")]
    let many = |n: u64, one: &str| {
        let s = if n == 1 { "" } else { "s" };
        format!("{} {one}{s}", number::show(n as f64))
    };
    let measurements = many(store.measurements, "measurement");
    let of = many(store.key_results, "key result");
    let newest = store.newest.map_or_else(String::new, |at| {
        format!(" up to {}", when::show(at, &config.zone))
    });
    format!(
        "{}, {} bytes, {measurements} of {of}{newest}",
        store.file.display(),
        number::show(store.bytes as f64)
    )
}

fn json(store: &Verified) -> String {
    let document: Value = json!({
        "file": store.file.display().to_string(),
        "bytes": store.bytes,
        "key_results": store.key_results,
        "measurements": store.measurements,
        "newest": store.newest.map(|at| at.to_string()),
        "sound": store.damage.is_empty(),
        "damage": store.damage,
    });
    format!("{document}\n")
}
