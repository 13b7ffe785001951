//! What edits of a configuration mean: `tests/diff/edits.toml` holds them, each labelled by hand, against the configuration in
//! `tests/diff/base/`. Nothing may be missed, nothing may be told that is not there.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use okrd::config::check::check;
use okrd::config::diff::{Change, Lean, OnRecord, Subject, diff};
use okrd::config::load::load;
use okrd::config::render;
use okrd::config::spec::Config;
use okrd::source::jq::judge;
use toml::{Table, Value};

/// Texts by path.
type Tree = BTreeMap<String, String>;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/diff")
}

fn base() -> Tree {
    let root = folder().join("base");
    let mut tree = Tree::new();
    for folder in ["", "okrs"] {
        for entry in std::fs::read_dir(root.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                let name = path.strip_prefix(&root).unwrap().display().to_string();
                tree.insert(name, std::fs::read_to_string(&path).unwrap());
            }
        }
    }
    tree
}

/// The configuration that stands in these files, laid out at `root`.
fn config(tree: &Tree, root: &Path, what: &str) -> Config {
    drop(std::fs::remove_dir_all(root));
    for (name, text) in tree {
        let path = root.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let files = load(root).unwrap();
    let (config, findings) = check(&files, judge);
    config.unwrap_or_else(|| panic!("{what}:\n{}", render::text(&findings, &files)))
}

struct Edit {
    name: String,
    table: Table,
}

impl Edit {
    fn text<'t>(table: &'t Table, key: &str) -> Option<&'t str> {
        table.get(key).and_then(Value::as_str)
    }

    fn list<'t>(table: &'t Table, key: &str) -> &'t [Value] {
        table
            .get(key)
            .and_then(Value::as_array)
            .map_or(&[], Vec::as_slice)
    }

    fn apply(&self, tree: &mut Tree) {
        let table = &self.table;
        if let Some(all) = table.get("replace_all").and_then(Value::as_table) {
            let file = tree.get_mut(Self::text(all, "file").unwrap()).unwrap();
            let (find, put) = (
                Self::text(all, "find").unwrap(),
                Self::text(all, "put").unwrap(),
            );
            assert!(file.contains(find), "{}: {find}", self.name);
            *file = file.replace(find, put);
        }
        if table.contains_key("find") {
            self.step(table, tree);
        }
        for key in ["steps", "also"] {
            for step in Self::list(table, key) {
                self.step(step.as_table().unwrap(), tree);
            }
        }
        if let Some(split) = table.get("split").and_then(Value::as_table) {
            let text = |key: &str| Self::text(split, key).unwrap();
            let file = tree.get_mut(text("file")).unwrap();
            let at = file.find(text("at")).unwrap();
            let rest = file.split_off(at);
            tree.insert(text("to").to_owned(), format!("{}{rest}", text("head")));
        }
        for pair in Self::list(table, "move") {
            let (from, to) = (pair[0].as_str().unwrap(), pair[1].as_str().unwrap());
            let text = tree.remove(from).unwrap();
            tree.insert(to.to_owned(), text);
        }
        for file in Self::list(table, "remove") {
            assert!(tree.remove(file.as_str().unwrap()).is_some());
        }
    }

    fn step(&self, step: &Table, tree: &mut Tree) {
        let text = |key: &str| {
            let found = Self::text(step, key);
            found.unwrap_or_else(|| panic!("{}: no `{key}`", self.name))
        };
        let file = tree
            .get_mut(text("file"))
            .unwrap_or_else(|| panic!("{}: no {}", self.name, text("file")));
        let found = file.matches(text("find")).count();
        assert_eq!(found, 1, "{}: {:?}", self.name, text("find"));
        *file = file.replacen(text("find"), text("put"), 1);
    }

    fn expected(&self) -> Vec<Vec<String>> {
        let row = |row: &Value| {
            let words = row.as_array().unwrap().iter();
            words
                .map(|word| word.as_str().unwrap().to_owned())
                .collect()
        };
        Self::list(&self.table, "changes").iter().map(row).collect()
    }
}

fn edits() -> Vec<Edit> {
    let text = std::fs::read_to_string(folder().join("edits.toml")).unwrap();
    let file: Table = text.parse().unwrap();
    let each = |value: &Value| {
        let table = value.as_table().unwrap().clone();
        let name = Edit::text(&table, "name").unwrap().to_owned();
        Edit { name, table }
    };
    Edit::list(&file, "edit").iter().map(each).collect()
}

fn label(change: &Change) -> Vec<String> {
    let (subject, id) = match &change.subject {
        Subject::KeyResult(id) => ("key_result", id.to_string()),
        Subject::Objective(id) => ("objective", id.objective.to_string()),
        Subject::Initiative(id, initiative) => {
            ("initiative", format!("{}/{initiative}", id.objective))
        }
        Subject::Cycle(name) => ("cycle", name.to_string()),
        Subject::Team(id) => ("team", id.to_string()),
        Subject::Source(id) => ("source", id.to_string()),
        Subject::Company => ("company", String::new()),
        Subject::Daemon => ("daemon", String::new()),
    };
    let effect = match change.lean {
        Lean::Easier => "easier",
        Lean::Harder => "harder",
        Lean::Open => "open",
        Lean::Neither => "none",
    };
    let record = match change.record {
        OnRecord::NotNeeded => "not_needed",
        OnRecord::Yes(_) => "present",
        OnRecord::No(_) => "missing",
    };
    let words = [
        subject,
        &id,
        change.class.as_str(),
        change.field,
        effect,
        record,
    ];
    words.map(str::to_owned).to_vec()
}

#[test]
fn every_edit_means_what_its_label_says() {
    let edits = edits();
    assert!(edits.len() >= 60, "only {} edits", edits.len());
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("config");
    let base = base();
    let old = config(&base, &root, "the base");
    let mut wrong = Vec::new();
    for edit in &edits {
        let mut tree = base.clone();
        edit.apply(&mut tree);
        assert!(tree != base, "{}: nothing was edited", edit.name);
        let new = config(&tree, &root, &edit.name);
        let now = Edit::text(&edit.table, "now").unwrap_or("2026-11-02T12:00:00Z");
        let now: Timestamp = now.parse().unwrap();
        let diff = diff(&old, &new, now);
        let (mut found, mut expected) = (
            diff.changes.iter().map(label).collect::<Vec<_>>(),
            edit.expected(),
        );
        found.sort();
        expected.sort();
        if found != expected {
            wrong.push(format!(
                "{}:\n  found    {found:?}\n  expected {expected:?}",
                edit.name
            ));
        }
        let rules: Vec<_> = diff.changes.iter().flat_map(|c| &c.remarks).collect();
        for rule in Edit::list(&edit.table, "rules") {
            let rule = rule.as_str().unwrap();
            if !rules.iter().any(|(found, _)| found.as_str() == rule) {
                wrong.push(format!("{}: {rule} is not told", edit.name));
            }
        }
        // What is lost one way is found the other way: the reverse tells as many subjects.
        let back = okrd::config::diff::diff(&new, &old, now);
        let subjects = |diff: &okrd::config::diff::Diff| diff.changes.is_empty();
        if subjects(&diff) != subjects(&back)
            && edit.name != "the reason of an amendment in better words"
        {
            wrong.push(format!(
                "{}: one way it is something, the other way nothing",
                edit.name
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn nothing_changed_is_nothing_told() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("config");
    let same = config(&base(), &root, "the base");
    let now: Timestamp = "2026-11-02T12:00:00Z".parse().unwrap();
    let diff = diff(&same, &same.clone(), now);
    assert_eq!(diff.changes, []);
    assert_eq!(diff.key_results.len(), same.goals.key_results().count());
}
