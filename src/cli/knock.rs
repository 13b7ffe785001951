//! `okrd reload`: asks the running daemon to take in its changed files, and tells what came of it.

use std::io::ErrorKind;
use std::path::Path;

use serde_json::Value;

use super::args::{Format, ReloadArgs};
use super::exit::{Failure, Verdict, complain, say};
use super::{configuration, door};

/// Asks and tells.
///
/// # Errors
/// When there is no configuration, no daemon, or no answer.
pub fn run(config: Option<&Path>, args: &ReloadArgs) -> Result<Verdict, Failure> {
    // Whether the files are sound is for the daemon to say; here they only tell where its store is.
    let files = configuration::read(&configuration::locate(config)?)?;
    let (config, _) = configuration::check_all(&files);
    let store = config.store.path;
    let store = store.canonicalize().unwrap_or(store);
    let answer = door::knock(&store, args.allow_mass_removal)
        .map_err(|error| Failure::usage(unanswered(&store, &error)))?;
    let taken = answer.get("taken").and_then(Value::as_bool) == Some(true);
    if args.format == Format::Json {
        say(&format!("{answer}\n"))?;
    } else if taken {
        let text = |key: &str| answer.get(key).and_then(Value::as_str);
        say(&format!(
            "reloaded: {}\n",
            text("summary").unwrap_or_default()
        ))?;
        if let Some(note) = text("at_restart") {
            complain(&format!("note: {note}\n"));
        }
    } else {
        let why = answer
            .get("why")
            .and_then(Value::as_str)
            .unwrap_or_default();
        complain(&format!(
            "error: not reloaded, the configuration before stays in force:\n{why}\n"
        ));
    }
    Ok(Verdict::of(taken))
}

fn unanswered(store: &Path, error: &std::io::Error) -> String {
    let store = store.display();
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::ConnectionRefused => format!(
            "no daemon runs on the store {store}: start one with `okrd run`; if store.path was changed since it started, \
             restart it"
        ),
        ErrorKind::PermissionDenied => {
            format!("the daemon on the store {store} answers only its own user and root")
        }
        ErrorKind::WouldBlock | ErrorKind::TimedOut => format!(
            "the daemon on the store {store} did not answer in time; its log tells whether it still took the configuration"
        ),
        ErrorKind::UnexpectedEof => format!(
            "the daemon on the store {store} gave no answer: it is ending, or answers only its own user and root"
        ),
        _ => format!("the daemon on the store {store} cannot be asked: {error}"),
    }
}
