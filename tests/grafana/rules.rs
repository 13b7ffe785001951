//! What our dashboards promise beyond the linter's rules, one test a rule.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::dashboards::{Dashboard, all, file, find, list, text};
use crate::promql::selectors;

#[test]
fn uids_are_fixed_and_readable_and_nothing_is_asked_at_import() {
    for board in all() {
        let (uid, json) = (board.uid(), &board.json);
        let fits = |c: char| c.is_ascii_lowercase() || c == '-';
        assert!(
            (8..=40).contains(&uid.len()) && uid.chars().all(fits),
            "{uid}"
        );
        assert!(json["id"].is_null() && json.get("id").is_some(), "{uid}");
        assert_eq!(json["tags"], serde_json::json!(["okrd"]), "{uid}");
        assert!(text(&json["description"]).ends_with('.'), "{uid}");
        for word in ["__inputs", "__requires", "DS_PROMETHEUS"] {
            assert!(!json.to_string().contains(word), "{uid}: {word}");
        }
    }
}

/// Grafana's own annotation names its own source; every other place names the variable.
#[test]
fn no_data_source_is_named_but_the_variable() {
    fn walk(value: &Value, place: &str) {
        match value {
            Value::Object(fields) => {
                if let Some(source) = fields.get("datasource") {
                    let uid = text(&source["uid"]);
                    let own = fields.get("builtIn").is_some() && uid == "-- Grafana --";
                    assert!(uid == "${datasource}" || own, "{place}: {source}");
                }
                fields.values().for_each(|value| walk(value, place));
            }
            Value::Array(items) => items.iter().for_each(|value| walk(value, place)),
            _ => {}
        }
    }
    for board in all() {
        walk(&board.json, board.uid());
    }
}

#[test]
fn variables_are_chained_in_one_order() {
    let order = [
        ("okrd-health", &["datasource", "job", "instance"][..]),
        ("okrd-overview", &["datasource", "job", "instance", "cycle"]),
        (
            "okrd-team",
            &[
                "datasource",
                "job",
                "instance",
                "cycle",
                "team",
                "objective",
            ],
        ),
        (
            "okrd-key-result",
            &[
                "datasource",
                "job",
                "instance",
                "cycle",
                "team",
                "objective",
                "key_result",
            ],
        ),
    ];
    for (uid, expected) in order {
        let board = find(uid);
        let shown = board.variables().iter().filter(|v| v["hide"] == 0);
        let names: Vec<_> = shown.map(|v| text(&v["name"])).collect();
        assert_eq!(names, expected, "{uid}");
        // A variable is narrowed by those before it.
        for (before, after) in [
            ("job", "instance"),
            ("instance", "cycle"),
            ("cycle", "team"),
            ("team", "objective"),
            ("objective", "key_result"),
        ] {
            if let Some(variable) = board.variable(after) {
                let query = text(&variable["query"]);
                assert!(query.contains(&format!("\"${before}\"")), "{uid}: {query}");
            }
        }
        for variable in board.variables() {
            let described = !text(&variable["label"]).is_empty();
            assert!(described, "{uid}: {}", variable["name"]);
        }
        if let Some(cycle) = board.variable("cycle") {
            assert_eq!(cycle["multi"], false, "{uid}: one cycle at a time");
            // The query puts them in order, the newest that has begun first; `data.rs` sees it do so.
            assert_eq!(cycle["sort"], 0, "{uid}");
        }
    }
}

#[test]
fn joins_keep_job_and_instance() {
    for board in all() {
        for query in board.queries() {
            for (at, _) in query.expr.match_indices(" on (") {
                let labels = query.expr[at + 5..].split(')').next().unwrap();
                let keeps = labels.starts_with("job, instance");
                // Nothing at all is what a moment in time is compared by.
                assert!(keeps || labels.is_empty(), "{}: on ({labels})", query.place);
            }
        }
    }
}

/// A series that everybody may misspell: all names stand in the table of metrics.
#[test]
fn every_metric_is_one_that_okrd_has() {
    let page = std::fs::read_to_string(file("docs/metrics.md")).unwrap();
    for board in all() {
        for query in board.queries() {
            for selector in selectors(&query.expr) {
                let name = selector.name.trim_end_matches("_bucket");
                let known = page
                    .lines()
                    .find(|l| l.starts_with(&format!("| `{name}` |")));
                if name == "ALERTS" {
                    continue;
                }
                let row = known.unwrap_or_else(|| panic!("{}: {name}", query.place));
                let labels = row.split('|').nth(3).unwrap();
                for (label, _, _) in &selector.matchers {
                    let has = labels.split(',').any(|l| l.trim() == label);
                    let of_scrape = ["job", "instance"].contains(&label.as_str());
                    assert!(has || of_scrape, "{}: {name} has no {label}", query.place);
                }
            }
        }
    }
}

/// Value, target, baseline, forecast and expected value have units of their own; a mean or sum over them means nothing.
#[test]
fn values_of_different_units_are_never_put_together() {
    for board in all() {
        for query in board.queries() {
            for aggregation in ["sum", "avg", "topk", "bottomk", "quantile", "stddev"] {
                for (at, _) in query.expr.match_indices(aggregation) {
                    let inside = &query.expr[at..];
                    let until = inside.find(") ").unwrap_or(inside.len());
                    assert!(!inside[..until].contains("_value{"), "{}", query.place);
                }
            }
        }
    }
}

#[test]
fn targets_have_legends_and_tables_ask_for_tables() {
    for board in all() {
        for panel in board.panels() {
            let mut refs = BTreeSet::new();
            for target in list(&panel["targets"]) {
                let place = board.place(panel);
                assert!(!text(&target["legendFormat"]).is_empty(), "{place}");
                assert!(refs.insert(text(&target["refId"])), "{place}");
                let is_table = panel["type"] == "table";
                assert_eq!(target["format"] == "table", is_table, "{place}");
                let over_time = ["timeseries", "state-timeline"].contains(&text(&panel["type"]));
                let asks = (&target["instant"], &target["range"]);
                assert_eq!(asks, (&(!over_time).into(), &over_time.into()), "{place}");
            }
        }
    }
}

/// The range of a dashboard may reach into the future, where an instant query finds nothing.
#[test]
fn what_is_asked_for_now_is_asked_for_now_whatever_the_range() {
    for board in all() {
        for panel in board.panels() {
            let instant = panel["targets"][0]["instant"] == true;
            let seen = (&panel["timeFrom"], &panel["hideTimeOverride"]);
            let expected = (&"1d".into(), &true.into());
            assert_eq!(seen == expected, instant, "{}", board.place(panel));
        }
    }
}

#[test]
fn the_model_is_the_classic_one_of_grafana_11() {
    for board in all() {
        assert_eq!(board.json["schemaVersion"], 39, "{}", board.uid());
        assert!(board.json.get("kind").is_none() && board.json.get("spec").is_none());
    }
}

#[test]
fn the_cursor_is_shared_and_refresh_is_slow() {
    for board in all() {
        let json = &board.json;
        assert_eq!(json["graphTooltip"], 1, "{}", board.uid());
        assert_eq!(json["refresh"], "5m", "{}", board.uid());
        assert_eq!(json["timezone"], "browser", "{}", board.uid());
    }
}

#[test]
fn the_key_result_is_seen_from_half_a_cycle_ago_to_half_a_cycle_ahead() {
    let board = find("okrd-key-result");
    let range = (&board.json["time"]["from"], &board.json["time"]["to"]);
    assert_eq!(range, (&"now-45d".into(), &"now+45d".into()));
}

/// Statuses in one look everywhere: a word beside each colour, and no green for what is not known.
#[test]
fn statuses_are_words_in_the_same_colours_everywhere() {
    let words = [
        ("closed", "Closed"),
        ("pending", "Not begun"),
        ("no_data", "No data yet"),
        ("stale", "Stale"),
        ("measuring", "Measuring"),
        ("too_early", "Too early to tell"),
        ("off_track", "Off track"),
        ("at_risk", "At risk"),
        ("on_track", "On track"),
        ("at_target", "At target"),
    ];
    let mut looks = BTreeSet::new();
    let mut panels = 0;
    for board in all() {
        for panel in board.panels() {
            for mapping in mappings(panel) {
                let by_word = mapping.get("on_track").is_some();
                let by_code = mapping.get("9").is_some();
                if !by_word && !by_code {
                    continue;
                }
                panels += 1;
                for (i, (word, shown)) in words.iter().enumerate() {
                    let key = if by_word {
                        (*word).to_owned()
                    } else {
                        (i + 1).to_string()
                    };
                    let look = &mapping[&key];
                    assert_eq!(look["text"], *shown, "{}", board.place(panel));
                    looks.insert((*word, text(&look["color"]).to_owned()));
                    // The code that the query gives is that of the mapping.
                    let expr = text(&panel["targets"][0]["expr"]);
                    let coded = expr.contains(&format!("{} * okrd_key_result_status{{", i + 1));
                    assert!(by_word || coded, "{}", board.place(panel));
                }
            }
        }
    }
    assert!(panels >= 6, "{panels}");
    assert_eq!(looks.len(), words.len(), "one colour a status: {looks:?}");
    let colour = |word| &looks.iter().find(|(w, _)| *w == word).unwrap().1;
    for unknown in ["stale", "no_data", "pending", "measuring", "closed"] {
        assert_ne!(colour(unknown), colour("on_track"), "{unknown}");
    }
}

fn mappings(panel: &Value) -> Vec<&Value> {
    let defaults = list(&panel["fieldConfig"]["defaults"]["mappings"]);
    let overrides = list(&panel["fieldConfig"]["overrides"]).iter();
    let more = overrides
        .flat_map(|o| list(&o["properties"]))
        .filter(|property| property["id"] == "mappings")
        .flat_map(|property| list(&property["value"]));
    defaults
        .iter()
        .chain(more)
        .map(|mapping| &mapping["options"])
        .collect()
}

#[test]
fn thresholds_are_absolute_and_what_is_missing_is_said() {
    for board in all() {
        for panel in board.panels() {
            let defaults = &panel["fieldConfig"]["defaults"];
            assert_eq!(
                defaults["thresholds"]["mode"],
                "absolute",
                "{}",
                board.place(panel)
            );
            let missing = text(&defaults["noValue"]);
            assert!(
                !missing.is_empty() && missing != "0",
                "{}",
                board.place(panel)
            );
        }
    }
}

/// One hue for what is measured, one for what is aimed at, greys, and the three of the statuses.
#[test]
fn colours_are_few() {
    let mut used = BTreeSet::new();
    for board in all() {
        let json = board.json.to_string();
        for (at, _) in json.match_indices("\"#") {
            used.insert(json[at + 1..].split('"').next().unwrap().to_owned());
        }
    }
    assert!(used.len() <= 6, "{used:?}");
}

#[test]
fn annotations_tell_of_new_configurations_and_of_changed_targets() {
    for board in all() {
        let exprs: Vec<_> = board.annotations().map(|a| text(&a["expr"])).collect();
        let has = |part: &str| exprs.iter().any(|expr| expr.contains(part));
        assert!(
            has("changes(okrd_config_last_reload_success_timestamp_seconds"),
            "{}",
            board.uid()
        );
        let of_goals = board.uid() != "okrd-health";
        assert_eq!(
            has("okrd_key_result_target_value"),
            of_goals,
            "{}",
            board.uid()
        );
    }
}

/// Vision and objectives come first.
#[test]
fn the_overview_begins_with_the_vision_and_the_objectives() {
    let board = find("okrd-overview");
    let panels = board.panels();
    assert!(text(&panels[0]["targets"][0]["expr"]).starts_with("okrd_company_info"));
    assert_eq!(panels[0]["gridPos"]["x"], 0);
    let full = panels.iter().find(|p| p["gridPos"]["w"] == 24).unwrap();
    assert_eq!(full["title"], "Objectives");
    let above = |board: &Dashboard| board.panels()[0]["title"].clone();
    assert!(text(&above(&find("okrd-team"))).starts_with("What we aim for"));
}

/// No person has a label, and nothing but key results is put in an order of better and worse.
#[test]
fn nothing_ranks_or_rates_people() {
    for board in all() {
        for query in board.queries() {
            for word in ["author", "assignee", "owner", "user", "member", "topk"] {
                let holds = query
                    .expr
                    .split(|c: char| !c.is_ascii_alphabetic())
                    .any(|w| w == word);
                assert!(!holds, "{}: {word}", query.place);
            }
            if query.expr.contains("bottomk") {
                assert!(
                    query.expr.contains("okrd_key_result_progress_ratio"),
                    "{}",
                    query.place
                );
            }
            // Teams are filtered by, and shown beside what is theirs, never compared by a figure.
            for compared in ["by (team", "without (objective, key_result"] {
                assert!(!query.expr.contains(compared), "{}", query.place);
            }
        }
    }
}

/// Each alert that is shipped has words, and there are words for no other.
#[test]
fn alerts_are_told_in_words() {
    let shipped = std::fs::read_to_string(file("deploy/prometheus/okrd.alerts.yml")).unwrap();
    let shipped = shipped
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: "));
    let shipped: BTreeSet<_> = shipped.collect();
    let board = find("okrd-overview");
    let panels = board.panels();
    let panel = panels.iter().find(|p| p["title"] == "Alerts").unwrap();
    let told = mappings(panel)
        .into_iter()
        .find(|m| m["OkrdDown"].is_object());
    let told: BTreeSet<_> = told
        .and_then(Value::as_object)
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(told, shipped);
}

/// Columns that only links need are hidden in the words of Grafana 11 and of later ones.
#[test]
fn hidden_columns_are_hidden_in_every_grafana() {
    let mut hidden = 0;
    for board in all() {
        for panel in board.panels() {
            for field in list(&panel["fieldConfig"]["overrides"]) {
                let says = |id: &str, value: Value| {
                    let properties = list(&field["properties"]).iter();
                    properties
                        .filter(|p| p["id"] == id)
                        .any(|p| p["value"] == value || p["value"]["viz"] == value)
                };
                let old = says("custom.hidden", true.into());
                let new = says("custom.hideFrom", true.into());
                assert_eq!(old, new, "{}: {field}", board.place(panel));
                hidden += usize::from(old);
            }
        }
    }
    assert!(hidden >= 7, "{hidden}");
}
