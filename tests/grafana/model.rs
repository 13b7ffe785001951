//! The model against Grafana's published schema: the TypeScript compiler holds each dashboard, and the options of each
//! panel, against the types of the package `@grafana/schema`. The packages are kept under `target/`.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::dashboards::{Dashboard, all, file, list, text};

const SCHEMA: &str = "@grafana/schema@13.2.3";
const COMPILER: &str = "typescript@5.9.3";

/// What every file of a check begins with.
const HEAD: &str = include_str!("model.ts");

/// Panel types with the names of their options and fields in `model.ts`.
const TYPES: [(&str, &str); 5] = [
    ("stat", "Stat"),
    ("table", "Table"),
    ("bargauge", "BarGauge"),
    ("timeseries", "TimeSeries"),
    ("state-timeline", "StateTimeline"),
];

fn run(folder: &Path, program: &str, args: &[&str]) -> (bool, String) {
    let done = Command::new(program)
        .args(args)
        .current_dir(folder)
        .output()
        .unwrap_or_else(|error| {
            panic!("{program} cannot be run ({error}): tests/install-servers installs it")
        });
    let said = [done.stdout, done.stderr].concat();
    (
        done.status.success(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

/// The folder with the packages; they are fetched when it is new.
fn packages() -> std::path::PathBuf {
    let target = file("target").join("grafana-schema");
    let folder = target.join(format!("{SCHEMA}-{COMPILER}").replace(['@', '/'], "_"));
    let ready = folder.join("ready");
    if !ready.exists() {
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("package.json"), "{\"private\":true}").unwrap();
        let flags = "install --no-package-lock --no-save --no-audit --no-fund --ignore-scripts";
        let mut args: Vec<_> = flags.split(' ').collect();
        args.extend([SCHEMA, COMPILER]);
        let (fine, said) = run(&folder, "npm", &args);
        assert!(fine, "npm {args:?}:\n{said}");
        std::fs::write(ready, "").unwrap();
    }
    folder
}

/// What a panel says of single fields.
fn overridden(panel: &Value) -> impl Iterator<Item = &Value> {
    let overrides = list(&panel["fieldConfig"]["overrides"]).iter();
    overrides.flat_map(|o| list(&o["properties"]))
}

/// What the compiler has against these dashboards.
fn compile(name: &str, boards: &[Dashboard]) -> String {
    let mut code = HEAD.to_owned();
    for (i, board) in boards.iter().enumerate() {
        writeln!(code, "export const d{i}: Model = {};", board.json).unwrap();
        for (j, panel) in board.panels().iter().enumerate() {
            let kind = TYPES.iter().find(|(kind, _)| panel["type"] == *kind);
            let (_, kind) =
                kind.unwrap_or_else(|| panic!("{}: {}", board.place(panel), panel["type"]));
            let options = &panel["options"];
            writeln!(code, "export const o{i}_{j}: {kind}Options = {options};").unwrap();
            let custom = &panel["fieldConfig"]["defaults"]["custom"];
            if !custom.is_null() {
                writeln!(code, "export const f{i}_{j}: {kind}Field = {custom};").unwrap();
            }
            for property in overridden(panel) {
                let (id, value) = (text(&property["id"]), &property["value"]);
                let (of, id) = match id.strip_prefix("custom.") {
                    Some(id) => (format!("{kind}Field"), id),
                    None => ("Field".to_owned(), id),
                };
                let field = json!({ id: value });
                writeln!(code, "{{ const o: {of} = {field}; }}").unwrap();
            }
        }
    }
    // Beside the packages, where the compiler finds them.
    let folder = packages();
    let file = format!("{name}.ts");
    std::fs::write(folder.join(&file), code).unwrap();
    let flags = "node_modules/typescript/bin/tsc --noEmit --strict --skipLibCheck --module esnext \
                 --moduleResolution bundler --target es2022 --lib es2022";
    let mut args: Vec<_> = flags.split(' ').filter(|flag| !flag.is_empty()).collect();
    args.push(&file);
    let (fine, said) = run(&folder, "node", &args);
    assert_eq!(fine, said.is_empty(), "{said}");
    said
}

/// Both in one test: the packages are fetched once.
#[test]
fn every_field_is_one_of_grafanas_model_and_a_wrong_one_is_found() {
    assert_eq!(compile("dashboards", &all()), "");

    let broken = |change: fn(&mut Value)| {
        let mut board = all().remove(0);
        change(&mut board.json);
        board
    };
    let faults = compile(
        "broken",
        &[
            broken(|json| json["titel"] = "x".into()),
            broken(|json| json["panels"][0]["gridPos"]["h"] = "4".into()),
            broken(|json| json["templating"]["list"][1]["refresh"] = 7.into()),
            broken(|json| json["panels"][0]["options"]["graphmode"] = "none".into()),
            broken(|json| {
                let properties =
                    &mut json["panels"][6]["fieldConfig"]["overrides"][0]["properties"];
                *properties =
                    json!([{ "id": "custom.widht", "value": 9 }, { "id": "unti", "value": "s" }]);
            }),
        ],
    );
    for fault in [
        "titel",
        "'string' is not assignable to type 'number'",
        "VariableRefresh",
        "graphmode",
        "widht",
        "unti",
    ] {
        assert!(faults.contains(fault), "{fault} is not found:\n{faults}");
    }
    assert!(text(&all()[0].json["title"]).starts_with("OKRs"));
}
