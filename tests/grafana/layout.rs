//! The grid and the links: panels that neither overlap nor leave holes, rows that fold away, links that lead somewhere.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::dashboards::{UIDS, all, find, list, text};

/// Left, top, width, height in units of the grid.
pub(crate) fn place(panel: &Value) -> [u64; 4] {
    ["x", "y", "w", "h"].map(|key| panel["gridPos"][key].as_u64().unwrap())
}

#[test]
fn ids_are_unique() {
    for board in all() {
        let mut ids = BTreeSet::new();
        for panel in board.everything() {
            let id = panel["id"].as_u64().unwrap();
            assert!(id > 0 && ids.insert(id), "{}: {id}", board.place(panel));
        }
    }
}

#[test]
fn panels_share_24_columns_without_overlap() {
    for board in all() {
        // What a row folds away takes no room beside what is seen.
        let mut groups = vec![list(&board.json["panels"])];
        groups.extend(
            board
                .everything()
                .iter()
                .map(|panel| list(&panel["panels"])),
        );
        for group in groups {
            let mut taken = BTreeMap::new();
            for panel in group {
                let [x, y, w, h] = place(panel);
                assert!(w > 0 && h > 0 && x + w <= 24, "{}", board.place(panel));
                for cell in (y..y + h).flat_map(|y| (x..x + w).map(move |x| (x, y))) {
                    let before = taken.insert(cell, &panel["title"]);
                    assert_eq!(before, None, "{} at {cell:?}", board.place(panel));
                }
            }
            // Every line of the grid is filled: nothing is ragged.
            let mut lines: BTreeMap<u64, usize> = BTreeMap::new();
            for (_, y) in taken.keys() {
                *lines.entry(*y).or_default() += 1;
            }
            for (y, cells) in lines {
                assert_eq!(cells, 24, "{}: line {y} has a hole", board.uid());
            }
        }
    }
}

#[test]
fn details_are_folded_away_in_rows() {
    let board = find("okrd-health");
    let rows: Vec<_> = board
        .everything()
        .into_iter()
        .filter(|p| p["type"] == "row")
        .collect();
    assert!(rows.len() >= 2);
    for row in rows {
        assert_eq!(row["collapsed"], true);
        assert!(!list(&row["panels"]).is_empty(), "{}", row["title"]);
        let [_, top, ..] = place(row);
        for panel in list(&row["panels"]) {
            assert!(place(panel)[1] > top, "{}", board.place(panel));
        }
    }
}

#[test]
fn nothing_is_crowded() {
    for board in all() {
        let seen = list(&board.json["panels"])
            .iter()
            .filter(|p| p["type"] != "row");
        assert!(seen.count() <= 14, "{}", board.uid());
        for panel in board.panels() {
            let [_, _, w, h] = place(panel);
            let (least_w, least_h) = match text(&panel["type"]) {
                "stat" => (4, 3),
                "table" => (10, 6),
                "state-timeline" => (12, 5),
                _ => (8, 7),
            };
            assert!(w >= least_w && h >= least_h, "{}", board.place(panel));
            // A title that fits its panel.
            let title = text(&panel["title"]).chars().count() as u64;
            assert!(title <= w * 7, "{}", board.place(panel));
        }
    }
}

#[test]
fn dashboards_link_each_other_and_keep_range_and_choice() {
    for board in all() {
        let links = list(&board.json["links"]);
        let link = links
            .iter()
            .find(|link| link["type"] == "dashboards")
            .unwrap();
        assert_eq!(link["tags"], serde_json::json!(["okrd"]));
        assert_eq!(
            (&link["keepTime"], &link["includeVars"]),
            (&true.into(), &true.into())
        );
    }
}

/// All addresses anywhere in a value.
fn addresses(value: &Value) -> Vec<&str> {
    match value {
        Value::Object(fields) => fields
            .iter()
            .flat_map(|(key, value)| match value {
                Value::String(url) if key == "url" && !url.is_empty() => vec![url.as_str()],
                other => addresses(other),
            })
            .collect(),
        Value::Array(items) => items.iter().flat_map(addresses).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn links_lead_to_dashboards_and_variables_that_there_are() {
    let mut led = BTreeSet::new();
    for board in all() {
        for url in addresses(&board.json) {
            let (path, query) = url.split_once('?').unwrap();
            let uid = path.strip_prefix("/d/").unwrap_or_else(|| panic!("{url}"));
            assert!(UIDS.contains(&uid), "{}: {url}", board.uid());
            led.insert((board.uid().to_owned(), uid.to_owned()));
            let there = find(uid);
            for part in query.split('&') {
                let name = match part.split_once('=') {
                    Some((name, _)) => name.strip_prefix("var-"),
                    // ${job:queryparam} becomes var-job=…, once for each value.
                    None => part
                        .strip_prefix("${")
                        .and_then(|p| p.strip_suffix(":queryparam}")),
                };
                match name {
                    Some(name) => {
                        assert!(there.variable(name).is_some(), "{url}: {uid} has no {name}");
                    }
                    None => assert!(
                        part.starts_with("from=") || part.starts_with("to="),
                        "{url}"
                    ),
                }
            }
            // What the address takes from here is here.
            for used in url.split("${").skip(1) {
                let name = used.split(['}', ':', '.']).next().unwrap();
                let known = name == "__data" || board.variable(name).is_some();
                assert!(known, "{}: {url} takes {name}", board.uid());
            }
        }
    }
    let way = |from: &str, to: &str| led.contains(&(from.to_owned(), to.to_owned()));
    assert!(way("okrd-overview", "okrd-team") && way("okrd-overview", "okrd-key-result"));
    assert!(way("okrd-team", "okrd-key-result") && way("okrd-key-result", "okrd-health"));
}

/// A link from a row takes its fields from that row, so no transformation may have dropped them.
#[test]
fn fields_that_links_take_are_still_there() {
    for board in all() {
        for panel in board.panels() {
            let json = panel.to_string();
            let drops = list(&panel["transformations"]).iter();
            let dropped: Vec<_> = drops
                .filter_map(|t| t["options"]["excludeByName"].as_object())
                .flat_map(|names| names.keys())
                .collect();
            for used in json.split("${__data.fields.").skip(1) {
                let field = used.split('}').next().unwrap();
                assert!(
                    !dropped.iter().any(|d| *d == field),
                    "{}: {field}",
                    board.place(panel)
                );
                let expr = text(&panel["targets"][0]["expr"]);
                let labelled = expr.contains("_info{") || expr.contains(field);
                assert!(labelled, "{}: {field}", board.place(panel));
            }
        }
    }
}

#[test]
fn tables_of_key_results_and_objectives_lead_on() {
    for (uid, title, to) in [
        ("okrd-overview", "Objectives", "/d/okrd-team?"),
        (
            "okrd-overview",
            "Furthest behind the plan",
            "/d/okrd-key-result?",
        ),
        (
            "okrd-overview",
            "Waiting for numbers",
            "/d/okrd-key-result?",
        ),
        ("okrd-team", "Key results", "/d/okrd-key-result?"),
        (
            "okrd-key-result",
            "Where the number comes from",
            "/d/okrd-health?",
        ),
    ] {
        let board = find(uid);
        let panel = board
            .panels()
            .into_iter()
            .find(|p| p["title"] == title)
            .unwrap()
            .clone();
        assert!(
            addresses(&panel).iter().any(|url| url.starts_with(to)),
            "{uid}: {title}"
        );
    }
}
