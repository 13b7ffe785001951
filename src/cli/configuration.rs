//! Finds the configuration, reads it and tells what is wrong with it. The way every command comes to its config.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::exit::{Failure, complain};
use crate::config;
use crate::config::asked;
use crate::config::files::Files;
use crate::config::finding::{Finding, Severity};
use crate::config::load;
use crate::config::render;
use crate::config::spec::Config;
use crate::engine::clock::{Clock, SystemClock};
use crate::source::jq;
use crate::store::{Question, Questions};

/// Where a configuration is looked for when none is named.
const PLACES: [&str; 2] = ["okrd.toml", "/etc/okrd/okrd.toml"];

/// The path of the configuration.
///
/// # Errors
/// When none is named and none stands in the usual places.
pub fn locate(named: Option<&Path>) -> Result<PathBuf, Failure> {
    if let Some(path) = named {
        return Ok(path.to_owned());
    }
    PLACES
        .iter()
        .map(PathBuf::from)
        .find(|path| path.exists())
        .ok_or_else(|| {
            Failure::usage(format!(
                "no configuration: found neither ./{} nor {}: name one with --config PATH, or see `okrd demo`",
                PLACES[0], PLACES[1]
            ))
        })
}

/// Reads the files of a configuration.
///
/// # Errors
/// When the main file cannot be read.
pub fn read(path: &Path) -> Result<Files, Failure> {
    load::load(path).map_err(|error| Failure::usage(error.to_string()))
}

/// The valid configuration, for a command that only wants to use it. Findings that fail are printed.
///
/// # Errors
/// When the configuration is not valid.
pub fn valid(named: Option<&Path>) -> Result<Config, Failure> {
    let files = read(&locate(named)?)?;
    judged(&files)
        .map(|(config, _)| config)
        .map_err(|findings| {
            complain(&render::text(&findings, &files));
            Failure::usage(String::new())
        })
}

/// The valid configuration at a path, for the daemon: it takes what can be used, and logs what `[lints]` calls an error
/// all the same.
///
/// # Errors
/// When the configuration is not valid.
pub fn to_run(path: &Path) -> Result<Config, Failure> {
    let files = read(path)?;
    match judged(&files) {
        Ok((config, findings)) => {
            log_raised(&findings);
            Ok(config)
        }
        Err(findings) => {
            complain(&render::text(&findings, &files));
            Err(Failure::usage(String::new()))
        }
    }
}

/// The valid configuration that files hold, for the running daemon; logs what `to_run` does.
///
/// # Errors
/// What is wrong with it, one line each: code, place and message, nothing of the files themselves, since this goes to
/// a log and over the network.
pub fn sound(files: &Files) -> Result<Config, String> {
    let (config, findings) = judged(files).map_err(|findings| render::brief(&findings))?;
    log_raised(&findings);
    Ok(config)
}

/// What it asks, as the store keeps it beside the values.
#[must_use]
pub fn questions(config: &Config) -> Questions {
    let definitions = config.goals.key_results();
    let definitions: HashMap<_, _> = definitions
        .map(|(_, kr)| (&kr.id, &kr.definition))
        .collect();
    let asked = asked::asked(config).into_iter();
    let questions = asked.filter_map(|(id, text)| {
        let definition = (*definitions.get(&id)?).clone();
        Some((id, Question { definition, text }))
    });
    Arc::new(questions.collect())
}

/// The configuration with its findings, or the findings that refuse it.
fn judged(files: &Files) -> Result<(Config, Vec<Finding>), Vec<Finding>> {
    let (config, mut findings) = check(files);
    match config {
        Some(config) => Ok((config, findings)),
        None => {
            findings.retain(Finding::refuses);
            Err(findings)
        }
    }
}

/// Everything there is to say of files, filters included, as of now.
pub fn check(files: &Files) -> (Option<Config>, Vec<Finding>) {
    config::check::check(files, jq::judge, SystemClock.now())
}

fn log_raised(findings: &[Finding]) {
    let raised = findings.iter().filter(|f| f.severity == Severity::Error);
    let raised: Vec<Finding> = raised.cloned().collect();
    if !raised.is_empty() {
        for line in render::brief(&raised).lines() {
            tracing::warn!("the configuration is used although `okrd check` fails: {line}");
        }
    }
}

/// The same with what could be read where there are errors: to be compared, and never to be run.
pub fn check_all(files: &Files) -> (Config, Vec<Finding>) {
    config::check::check_all(files, jq::judge, SystemClock.now())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_that_does_not_compile_keeps_a_configuration_from_use() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("okrd.toml");
        let written = include_str!("../../tests/check/value-filters.toml");
        std::fs::write(&path, written).unwrap();
        assert!(
            sound(&read(&path).unwrap())
                .unwrap_err()
                .contains("CFG-VALUE")
        );
        assert!(valid(Some(&path)).is_err());
        let mended = written
            .replace("| ad\"", "| add\"")
            .replace("| | .b", "| .b")
            .replace("> now", "> 3");
        std::fs::write(&path, mended).unwrap();
        assert!(sound(&read(&path).unwrap()).is_ok());
    }
}
