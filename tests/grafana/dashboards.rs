//! The files of the dashboards, as JSON, and the walks through them. Knows no rule.

use std::path::{Path, PathBuf};

use serde_json::Value;

/// Their uids, which are also their file names.
pub(crate) const UIDS: [&str; 4] = [
    "okrd-health",
    "okrd-key-result",
    "okrd-overview",
    "okrd-team",
];

/// One dashboard.
#[derive(Clone)]
pub(crate) struct Dashboard {
    pub(crate) json: Value,
}

/// A PromQL expression and where it stands.
pub(crate) struct Query {
    pub(crate) place: String,
    pub(crate) expr: String,
}

/// A file below the root of the repository.
pub(crate) fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// All dashboards, by file name.
pub(crate) fn all() -> Vec<Dashboard> {
    let folder = file("deploy/grafana/dashboards");
    let mut names: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let expected = UIDS.map(|uid| format!("{uid}.json"));
    assert_eq!(names, expected, "the files in {}", folder.display());
    let read = |name: &String| {
        let text = std::fs::read_to_string(folder.join(name)).unwrap();
        let json = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        Dashboard { json }
    };
    names.iter().map(read).collect()
}

/// The one with this uid.
pub(crate) fn find(uid: &str) -> Dashboard {
    all().into_iter().find(|board| board.uid() == uid).unwrap()
}

impl Dashboard {
    pub(crate) fn uid(&self) -> &str {
        text(&self.json["uid"])
    }

    /// Everything that stands on the grid, rows and what they fold away included.
    pub(crate) fn everything(&self) -> Vec<&Value> {
        let mut found = Vec::new();
        for panel in list(&self.json["panels"]) {
            found.push(panel);
            found.extend(list(&panel["panels"]));
        }
        found
    }

    /// What shows something, so no rows.
    pub(crate) fn panels(&self) -> Vec<&Value> {
        let mut all = self.everything();
        all.retain(|panel| panel["type"] != "row");
        all
    }

    pub(crate) fn variables(&self) -> &[Value] {
        list(&self.json["templating"]["list"])
    }

    pub(crate) fn variable(&self, name: &str) -> Option<&Value> {
        self.variables().iter().find(|v| v["name"] == name)
    }

    /// Variables that ask Prometheus.
    pub(crate) fn query_variables(&self) -> impl Iterator<Item = &Value> {
        self.variables().iter().filter(|v| v["type"] == "query")
    }

    /// Annotations that ask Prometheus: all but the one that Grafana has of its own.
    pub(crate) fn annotations(&self) -> impl Iterator<Item = &Value> {
        let all = list(&self.json["annotations"]["list"]);
        all.iter().filter(|annotation| annotation["builtIn"] != 1)
    }

    /// Where a panel stands, in words.
    pub(crate) fn place(&self, panel: &Value) -> String {
        format!("{}: panel \"{}\"", self.uid(), text(&panel["title"]))
    }

    /// The expressions of panels.
    pub(crate) fn targets(&self) -> Vec<Query> {
        let mut found = Vec::new();
        for panel in self.panels() {
            for target in list(&panel["targets"]) {
                let place = format!("{}, query {}", self.place(panel), text(&target["refId"]));
                let expr = text(&target["expr"]).to_owned();
                found.push(Query { place, expr });
            }
        }
        found
    }

    /// The expressions of panels, annotations and variables.
    pub(crate) fn queries(&self) -> Vec<Query> {
        let mut found = self.targets();
        for annotation in self.annotations() {
            let place = format!("{}: annotation {}", self.uid(), annotation["name"]);
            let expr = text(&annotation["expr"]).to_owned();
            found.push(Query { place, expr });
        }
        for variable in self.query_variables() {
            let place = format!("{}: variable {}", self.uid(), variable["name"]);
            let (_, expr) = call(text(&variable["query"]));
            // label_values(label) has none.
            found.push(Query { place, expr });
        }
        found
    }
}

/// The function of a variable's query and the expression in it; the label of `label_values` is left out.
pub(crate) fn call(query: &str) -> (&str, String) {
    let (function, rest) = query.split_once('(').unwrap_or((query, ")"));
    let mut inner = rest.strip_suffix(')').unwrap_or(rest);
    if function == "label_values" {
        inner = inner.rsplit_once(", ").map_or("", |(expr, _)| expr);
    }
    (function, inner.to_owned())
}

/// A text; empty where there is none.
pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// A list; empty where there is none.
pub(crate) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
