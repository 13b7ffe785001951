//! The files of `deploy/prometheus`, as data, and the programs that judge them.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// A path inside the repository.
pub(crate) fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The text of a file of the repository.
pub(crate) fn text(name: &str) -> String {
    let path = path(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A YAML file of the repository, as its author's tools read it.
pub(crate) fn yaml(name: &str) -> Value {
    let program =
        "import json, sys, yaml; json.dump(yaml.safe_load(open(sys.argv[1])), sys.stdout)";
    let file = path(name).display().to_string();
    serde_json::from_str(&said("python3", &["-c", program, &file])).unwrap()
}

/// The names of the files in a folder of the repository with this ending, in order.
pub(crate) fn files(folder: &str, ending: &str) -> Vec<String> {
    let entries = std::fs::read_dir(path(folder)).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| name.ends_with(ending)).collect();
    names.sort();
    assert!(!names.is_empty(), "{folder} has no {ending}");
    names
}

/// One alert or recording rule.
pub(crate) struct Rule {
    /// Its name.
    pub(crate) name: String,
    /// Its expression.
    pub(crate) expr: String,
    /// All of it.
    pub(crate) all: Value,
}

/// The alerts, in order.
pub(crate) fn alerts() -> Vec<Rule> {
    rules("deploy/prometheus/okrd.alerts.yml", "alert")
}

/// The recording rules, in order.
pub(crate) fn figures() -> Vec<Rule> {
    rules("deploy/prometheus/okrd.rules.yml", "record")
}

fn rules(file: &str, kind: &str) -> Vec<Rule> {
    let file = yaml(file);
    let groups = file["groups"].as_array().unwrap().iter();
    let rules = groups.flat_map(|group| group["rules"].as_array().unwrap());
    rules
        .map(|rule| Rule {
            name: rule[kind].as_str().unwrap().to_owned(),
            expr: rule["expr"].as_str().unwrap().to_owned(),
            all: rule.clone(),
        })
        .collect()
}

/// Runs a program that must be content; gives what it said.
pub(crate) fn said(program: &str, args: &[&str]) -> String {
    let done = Command::new(program)
        .args(args)
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}: run tests/install-servers"));
    let out = String::from_utf8_lossy(&done.stdout).into_owned();
    let err = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{program} {args:?}:\n{out}{err}");
    out
}
