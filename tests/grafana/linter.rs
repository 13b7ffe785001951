//! The rules of Grafana's dashboard linter (github.com/grafana/dashboard-linter, docs/index.md), written anew: one test a
//! rule, named as there. Loki's two hold because nothing here asks a Loki. Where the linter looks at some panel types
//! only, these look at all.

use serde_json::{Value, json};

use crate::dashboards::{Dashboard, all, call, list, text};
use crate::promql::selectors;

/// What every panel, target and variable asks.
fn datasource() -> Value {
    json!({ "type": "prometheus", "uid": "${datasource}" })
}

#[test]
fn template_datasource_rule() {
    for board in all() {
        let mut sources = board.variables().iter();
        let source = sources.find(|v| v["type"] == "datasource").unwrap();
        assert_eq!(
            [&source["name"], &source["label"], &source["query"]],
            ["datasource", "Data source", "prometheus"],
            "{}",
            board.uid()
        );
        assert!(sources.all(|v| v["type"] != "datasource"));
        assert_eq!(board.variables()[0]["name"], "datasource", "it comes first");
    }
}

fn template_rule(name: &str, label: &str) {
    for board in all() {
        let variable = board.variable(name).unwrap_or_else(|| panic!("{name}"));
        let seen = json!({
            "datasource": variable["datasource"], "type": variable["type"], "label": variable["label"],
            "multi": variable["multi"], "includeAll": variable["includeAll"], "allValue": variable["allValue"],
        });
        let expected = json!({
            "datasource": datasource(), "type": "query", "label": label,
            "multi": true, "includeAll": true, "allValue": ".+",
        });
        assert_eq!(seen, expected, "{}: variable {name}", board.uid());
    }
}

#[test]
fn template_job_rule() {
    template_rule("job", "Job");
}

#[test]
fn template_instance_rule() {
    template_rule("instance", "Instance");
}

/// The functions that Grafana's Prometheus source knows in a variable. That the expression is valid is found in `data.rs`,
/// where each variable is asked.
#[test]
fn template_label_promql_rule() {
    for board in all() {
        for variable in board.query_variables() {
            let query = text(&variable["query"]);
            let (function, expr) = call(query);
            assert!(
                ["label_values", "query_result"].contains(&function) && query.ends_with(')'),
                "{}: {query}",
                board.uid()
            );
            assert!(!selectors(&expr).is_empty(), "{}: {query}", board.uid());
        }
    }
}

#[test]
fn template_on_time_change_reload_rule() {
    for board in all() {
        for variable in board.query_variables() {
            assert_eq!(
                variable["refresh"],
                2,
                "{}: {}",
                board.uid(),
                variable["name"]
            );
        }
    }
}

#[test]
fn panel_datasource_rule() {
    for board in all() {
        for panel in board.panels() {
            assert_eq!(panel["datasource"], datasource(), "{}", board.place(panel));
            for target in list(&panel["targets"]) {
                assert_eq!(target["datasource"], datasource(), "{}", board.place(panel));
            }
        }
    }
}

#[test]
fn panel_title_description_rule() {
    for board in all() {
        for panel in board.panels() {
            let place = board.place(panel);
            let (title, description) = (text(&panel["title"]), text(&panel["description"]));
            assert!(!title.is_empty(), "{place} has no title");
            assert!(
                description.len() > 15 && description.ends_with('.'),
                "{place}: a description of whole sentences, not \"{description}\""
            );
        }
    }
}

/// The units of Grafana, from `units.txt`.
fn units() -> Vec<&'static str> {
    let lines = include_str!("units.txt").lines();
    lines
        .filter(|l| !l.starts_with('#') && !l.is_empty())
        .collect()
}

#[test]
fn panel_units_rule() {
    let known = units();
    assert!(known.len() > 250, "{}", known.len());
    for board in all() {
        for panel in board.panels() {
            let unit = &panel["fieldConfig"]["defaults"]["unit"];
            let overrides = list(&panel["fieldConfig"]["overrides"]).iter();
            let more = overrides
                .flat_map(|o| list(&o["properties"]))
                .filter(|property| property["id"] == "unit")
                .map(|property| &property["value"]);
            for unit in more.chain([unit]) {
                assert!(
                    known.contains(&text(unit)),
                    "{}: unit {unit} is none of Grafana's",
                    board.place(panel)
                );
            }
        }
    }
}

#[test]
fn panel_no_targets_rule() {
    for board in all() {
        for panel in board.panels() {
            let targets = list(&panel["targets"]);
            assert!(!targets.is_empty(), "{}", board.place(panel));
        }
    }
}

#[test]
fn target_logql_rule_and_target_logql_auto_rule() {
    for board in all() {
        let text = board.json.to_string();
        assert!(!text.contains("loki"), "{}", board.uid());
    }
}

/// That each is valid is found in `data.rs`, where Prometheus reads it.
#[test]
fn target_promql_rule() {
    for board in all() {
        for query in board.targets() {
            assert!(!selectors(&query.expr).is_empty(), "{}", query.place);
        }
    }
}

#[test]
fn target_rate_interval_rule() {
    for board in all() {
        for query in board.queries() {
            for selector in selectors(&query.expr) {
                let is_rate = ["rate", "irate"].contains(&selector.function.as_str());
                let range = selector.range.as_deref();
                assert_eq!(
                    is_rate,
                    range == Some("$__rate_interval"),
                    "{}: {} over {range:?}",
                    query.place,
                    selector.name
                );
            }
        }
    }
}

/// Every selector of every expression, the info side of a join included; the job itself is asked for without one.
fn has_matcher(label: &str) {
    for board in all() {
        for query in board.queries() {
            for selector in selectors(&query.expr) {
                let asks_for_it = query.place.ends_with(&format!("variable \"{label}\""));
                let asks_for_job = query.place.ends_with("variable \"job\"");
                assert!(
                    selector.has(label, "=~", &format!("${label}")) || asks_for_it || asks_for_job,
                    "{}: {} has no {label}=~\"${label}\"",
                    query.place,
                    selector.name
                );
            }
        }
    }
}

#[test]
fn target_job_rule() {
    has_matcher("job");
}

#[test]
fn target_instance_rule() {
    has_matcher("instance");
}

#[test]
fn target_counter_agg_rule() {
    for board in all() {
        for query in board.queries() {
            for selector in selectors(&query.expr) {
                let counts = ["_total", "_bucket", "_count", "_sum"];
                if counts.iter().any(|end| selector.name.ends_with(end)) {
                    let functions = ["rate", "irate", "increase"];
                    assert!(
                        functions.contains(&selector.function.as_str()),
                        "{}: {} is a counter",
                        query.place,
                        selector.name
                    );
                }
            }
        }
    }
}

#[test]
fn uneditable_dashboard() {
    let uneditable = |board: &Dashboard| board.json["editable"] == false;
    assert!(all().iter().all(uneditable));
}
