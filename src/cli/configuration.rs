//! Finds the configuration, reads it and tells what is wrong with it. The way every command comes to its config.

use std::path::{Path, PathBuf};

use super::exit::{Failure, complain};
use crate::config;
use crate::config::files::Files;
use crate::config::finding::{Finding, Severity};
use crate::config::load;
use crate::config::render;
use crate::config::spec::Config;
use crate::source::jq;

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
    judged(&files).map_err(|findings| {
        complain(&render::text(&findings, &files));
        Failure::usage(String::new())
    })
}

/// The valid configuration at a path.
///
/// # Errors
/// What is wrong with it, one line each: code, place and message, nothing of the files themselves, since this goes to
/// a log and over the network.
pub fn sound(path: &Path) -> Result<Config, String> {
    let files = load::load(path).map_err(|error| error.to_string())?;
    judged(&files).map_err(|findings| render::brief(&findings))
}

/// The configuration, or the findings that fail.
fn judged(files: &Files) -> Result<Config, Vec<Finding>> {
    let (config, findings) = check(files);
    config.ok_or_else(|| failing(findings))
}

/// Everything there is to say of files, filters included.
pub fn check(files: &Files) -> (Option<Config>, Vec<Finding>) {
    config::check::check(files, jq::judge)
}

/// The same with what could be read where there are errors: to be compared, and never to be run.
pub fn check_all(files: &Files) -> (Config, Vec<Finding>) {
    config::check::check_all(files, jq::judge)
}

/// Only what keeps a configuration from being used.
fn failing(findings: Vec<Finding>) -> Vec<Finding> {
    findings
        .into_iter()
        .filter(|finding| finding.severity == Severity::Error)
        .collect()
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
        assert!(sound(&path).unwrap_err().contains("CFG-VALUE"));
        assert!(valid(Some(&path)).is_err());
        let mended = written
            .replace("| ad\"", "| add\"")
            .replace("| | .b", "| .b")
            .replace("> now", "> 3");
        std::fs::write(&path, mended).unwrap();
        assert!(sound(&path).is_ok());
    }
}
