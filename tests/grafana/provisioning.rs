//! The provisioning files, read by a YAML reader that is not ours: one fixed data source, and dashboards that only the
//! files change.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::dashboards::file;

fn yaml(name: &str) -> Value {
    read(&file("deploy/grafana/provisioning").join(name))
}

fn read(path: &Path) -> Value {
    let code = "import json, sys, yaml; print(json.dumps(yaml.safe_load(open(sys.argv[1]))))";
    let done = Command::new("python3")
        .args(["-c", code])
        .arg(path)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{}: {said}", path.display());
    serde_json::from_slice(&done.stdout).unwrap()
}

#[test]
fn the_data_source_is_fixed_and_tells_the_scrape_interval() {
    let yaml = yaml("datasources/okrd.yaml");
    assert_eq!(yaml["apiVersion"], 1);
    let source = &yaml["datasources"][0];
    assert_eq!(source["uid"], "okrd-prometheus");
    assert_eq!(source["type"], "prometheus");
    assert_eq!(source["editable"], false);
    let told = &source["jsonData"];
    // What makes $__rate_interval right.
    let scrape = read(&file("deploy/prometheus/prometheus.yml"));
    assert_eq!(told["timeInterval"], scrape["global"]["scrape_interval"]);
    assert_eq!(told["httpMethod"], "POST");
    let text = yaml.to_string().to_ascii_lowercase();
    assert!(
        !text.contains("password") && !text.contains("basicauth"),
        "{text}"
    );
}

#[test]
fn dashboards_come_from_files_and_only_from_there() {
    let yaml = yaml("dashboards/okrd.yaml");
    assert_eq!(yaml["apiVersion"], 1);
    let provider = &yaml["providers"][0];
    assert_eq!(provider["type"], "file");
    assert_eq!(
        (&provider["allowUiUpdates"], &provider["disableDeletion"]),
        (&json!(false), &json!(true))
    );
    let path = &provider["options"]["path"];
    let readme = std::fs::read_to_string(file("deploy/grafana/README.md")).unwrap();
    assert!(
        readme.contains(path.as_str().unwrap()),
        "the README mounts the dashboards at {path}"
    );
}
