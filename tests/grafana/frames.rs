//! What a table shows: the answers of its queries, put together, renamed and put in order by the panel's transformations
//! (`merge` and `organize`), as Grafana does it. Knows no Prometheus and draws nothing.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::dashboards::{list, text};
use crate::servers::prometheus::Sample;

/// A cell.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cell {
    Text(String),
    Number(f64),
}

/// Columns by the names that people read, in order, and rows; a cell may be missing.
#[derive(Debug, PartialEq)]
pub(crate) struct Table {
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Vec<Option<Cell>>>,
}

type Row = BTreeMap<String, Cell>;

/// The table of a panel, from the answers by refId.
pub(crate) fn table(panel: &Value, answers: &[(String, Vec<Sample>)]) -> Table {
    let mut rows: Vec<Row> = Vec::new();
    for (reference, samples) in answers {
        let value = if answers.len() == 1 {
            "Value".to_owned()
        } else {
            format!("Value #{reference}")
        };
        for sample in samples {
            let labels = sample.labels.iter();
            let mut row: Row = labels
                .map(|(n, v)| (n.clone(), Cell::Text(v.clone())))
                .collect();
            row.remove("__name__");
            row.insert(value.clone(), Cell::Number(sample.value));
            merge(&mut rows, row);
        }
    }
    organize(panel, rows)
}

/// Rows that agree in all they share become one.
fn merge(rows: &mut Vec<Row>, row: Row) {
    let agrees = |other: &&mut Row| {
        row.iter()
            .all(|(key, cell)| other.get(key).is_none_or(|there| there == cell))
            && row.keys().any(|key| other.contains_key(key))
    };
    match rows.iter_mut().find(agrees) {
        Some(other) => other.extend(row),
        None => rows.push(row),
    }
}

fn organize(panel: &Value, mut rows: Vec<Row>) -> Table {
    let options = list(&panel["transformations"])
        .iter()
        .find(|t| t["id"] == "organize");
    let options = options.map_or(&Value::Null, |t| &t["options"]);
    let mut names: Vec<String> = rows.iter().flat_map(|row| row.keys().cloned()).collect();
    names.sort_by_key(|name| {
        (
            options["indexByName"][name].as_u64().unwrap_or(u64::MAX),
            name.clone(),
        )
    });
    names.dedup();
    names.retain(|name| options["excludeByName"][name] != true);
    if let Some(by) = panel["options"]["sortBy"][0]["displayName"].as_str() {
        let number = |row: &Row| {
            let column = row.iter().find(|(name, _)| shown(options, name) == by);
            match column {
                Some((_, Cell::Number(number))) => *number,
                _ => f64::INFINITY,
            }
        };
        rows.sort_by(|a, b| number(a).total_cmp(&number(b)));
    }
    Table {
        rows: rows
            .iter()
            .map(|row| names.iter().map(|name| row.get(name).cloned()).collect())
            .collect(),
        columns: names
            .iter()
            .map(|name| shown(options, name).to_owned())
            .collect(),
    }
}

fn shown<'a>(options: &'a Value, name: &'a str) -> &'a str {
    options["renameByName"][name].as_str().unwrap_or(name)
}

/// A property of a field: what an override for its name says, or the default of the panel.
pub(crate) fn property<'a>(panel: &'a Value, field: &str, id: &str) -> &'a Value {
    let overrides = list(&panel["fieldConfig"]["overrides"]).iter();
    let own = overrides
        .filter(|o| o["matcher"]["id"] == "byName" && text(&o["matcher"]["options"]) == field)
        .flat_map(|o| list(&o["properties"]))
        .find(|property| property["id"] == id);
    let defaults = &panel["fieldConfig"]["defaults"];
    own.map_or_else(
        || id.split('.').fold(defaults, |value, part| &value[part]),
        |property| &property["value"],
    )
}

#[test]
fn answers_become_one_row_for_what_they_share() {
    let sample = |labels: &[(&str, &str)], value| Sample {
        labels: labels
            .iter()
            .map(|(n, v)| ((*n).into(), (*v).into()))
            .collect(),
        at: 0.0,
        value,
    };
    let panel = serde_json::json!({ "transformations": [{ "id": "organize", "options": {
        "excludeByName": { "Value #A": true, "job": true },
        "indexByName": { "title": 0, "Value #B": 1 },
        "renameByName": { "title": "Title", "Value #B": "Score" },
    } }] });
    let info = vec![
        sample(&[("job", "j"), ("id", "a"), ("title", "First")], 1.0),
        sample(&[("job", "j"), ("id", "b"), ("title", "Second")], 1.0),
    ];
    let score = vec![sample(&[("job", "j"), ("id", "b")], 0.5)];
    let found = table(&panel, &[("A".into(), info), ("B".into(), score)]);
    assert_eq!(found.columns, ["Title", "Score", "id"]);
    let text = |t: &str| Some(Cell::Text(t.into()));
    assert_eq!(found.rows[0], [text("First"), None, text("a")]);
    assert_eq!(
        found.rows[1],
        [text("Second"), Some(Cell::Number(0.5)), text("b")]
    );
}
