//! What editors are told: the schema explains every key, takes every example, and refuses one fault of each rule that it
//! can say. A validator that is not ours (the crate `jsonschema`) judges, beside the check.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use jsonschema::Validator;
use okrd::config::check::check;
use okrd::config::files::{File, Files};
use okrd::config::finding::Severity;
use okrd::config::schema::schema;
use okrd::source::jq::judge;
use serde_json::Value;

fn validator() -> &'static Validator {
    static VALIDATOR: OnceLock<Validator> = OnceLock::new();
    VALIDATOR.get_or_init(|| jsonschema::draft202012::new(&schema()).unwrap())
}

/// A TOML document as editors hand it to the schema: dates are texts.
fn json(value: toml::Value) -> Value {
    match value {
        toml::Value::Datetime(at) => at.to_string().into(),
        toml::Value::Array(list) => list.into_iter().map(json).collect(),
        toml::Value::Table(table) => Value::Object(
            table
                .into_iter()
                .map(|(key, value)| (key, json(value)))
                .collect(),
        ),
        other => serde_json::to_value(other).unwrap(),
    }
}

/// What the schema has against a document.
fn objections(text: &str) -> Vec<String> {
    let table: toml::Table = toml::from_str(text).unwrap_or_else(|why| panic!("{why}\n{text}"));
    let document = json(toml::Value::Table(table));
    let errors = validator().iter_errors(&document);
    errors
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

/// The codes of what the check refuses a document for.
fn codes(text: &str) -> Vec<&'static str> {
    let files = Files::one(File::new("okrd.toml", "/etc/okrd", text.to_owned()));
    let (_, findings) = check(&files, judge, jiff::Timestamp::UNIX_EPOCH);
    let errors = findings
        .iter()
        .filter(|finding| finding.severity == Severity::Error);
    errors.map(|finding| finding.code.as_str()).collect()
}

/// Every key of the schema, with its path from the root.
fn keys<'s>(schema: &'s Value, path: &str, found: &mut Vec<(String, &'s Value)>) {
    match schema {
        Value::Object(members) => {
            // Where keys exclude each other, `properties` names what must not be there.
            let table = members.contains_key("type");
            let properties = members
                .get("properties")
                .and_then(Value::as_object)
                .filter(|_| table);
            for (name, key) in properties.into_iter().flatten() {
                found.push((format!("{path}/{name}"), key));
            }
            for (name, inner) in members {
                if !["default", "examples", "enum"].contains(&name.as_str()) {
                    let here = matches!(name.as_str(), "properties" | "items" | "oneOf" | "anyOf");
                    let path = if here {
                        path.to_owned()
                    } else {
                        format!("{path}/{name}")
                    };
                    keys(inner, &path, found);
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|inner| keys(inner, path, found)),
        _ => {}
    }
}

#[test]
fn every_key_is_described_and_shown_by_an_example() {
    let schema = schema();
    let mut found = Vec::new();
    keys(&schema, "", &mut found);
    assert!(found.len() > 120, "only {} keys", found.len());
    let lacking = found.iter().filter(|(_, key)| {
        let described = key["description"]
            .as_str()
            .is_some_and(|text| text.len() > 3 && text.ends_with('.'));
        let examples = key["examples"]
            .as_array()
            .is_some_and(|examples| !examples.is_empty());
        // Where all that may be written is listed, or a default shows how, nobody needs an example.
        let shown = ["enum", "const", "default"]
            .iter()
            .any(|word| key.get(word).is_some());
        !(described && (examples || shown))
    });
    let lacking: Vec<&String> = lacking.map(|(path, _)| path).collect();
    assert!(
        lacking.is_empty(),
        "without a description (a sentence) or an example: {lacking:#?}"
    );
}

#[test]
fn closed_sets_are_listed() {
    let schema = schema();
    let mut found = Vec::new();
    keys(&schema, "", &mut found);
    for (end, least) in [
        ("/method/pace", 2),
        ("/ambition", 2),
        ("/parent_link", 2),
        ("/kind", 4),
        ("/role", 2),
        ("/score_by", 3),
        ("/field", 1),
        ("/state", 4),
        ("/deployment", 3),
        ("/metric", 6),
        ("/empty", 3),
        ("/method", 2),
    ] {
        let listed = found
            .iter()
            .filter(|(path, key)| path.ends_with(end) && key.get("enum").is_some());
        let counts: Vec<usize> = listed
            .map(|(_, key)| key["enum"].as_array().unwrap().len())
            .collect();
        assert!(
            !counts.is_empty() && counts.iter().all(|count| *count >= least),
            "{end}: {counts:?}"
        );
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every configuration that people are shown, and those of the tests: name and text.
fn good() -> Vec<(String, String)> {
    let mut good = Vec::new();
    for folder in ["config", "config/okrs", "tests/scorecards"] {
        for entry in std::fs::read_dir(root().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|e| e == "toml") {
                let text = std::fs::read_to_string(&path).unwrap();
                // A scorecard tells below its files what must come of them.
                let text = text
                    .split("# --- measured and expected ---")
                    .next()
                    .unwrap();
                good.push((path.display().to_string(), text.to_owned()));
            }
        }
    }
    let mut pages = vec![root().join("README.md"), root().join("ARCHITECTURE.md")];
    if let Ok(docs) = std::fs::read_dir(root().join("docs")) {
        pages.extend(docs.map(|entry| entry.unwrap().path()));
    }
    for page in pages
        .iter()
        .filter(|page| page.extension().is_some_and(|e| e == "md"))
    {
        let text = std::fs::read_to_string(page).unwrap();
        for block in text.split("```toml\n").skip(1) {
            let block = block.split("```").next().unwrap();
            good.push((page.display().to_string(), block.to_owned()));
        }
    }
    let started = std::fs::read_to_string(root().join("tests/golden/init.txt")).unwrap();
    for file in started.split("==> ").skip(1) {
        let (name, text) = file.split_once(" <==\n").unwrap();
        good.push((format!("{name} of init"), text.to_owned()));
    }
    good
}

#[test]
fn every_example_is_taken() {
    let good = good();
    let has = |part: &str| {
        good.iter()
            .any(|(name, _)| Path::new(name).ends_with(part) || name == part)
    };
    assert!(has("config/okrd.toml") && has("README.md") && has("okrd.toml of init"));
    assert!(good.len() > 30, "only {}", good.len());
    for (name, text) in good {
        assert_eq!(objections(&text), [] as [String; 0], "{name}:\n{text}");
    }
}

/// A sound configuration; each fault below stands in the place of one of its lines.
const BASE: &str = r#"timezone = "UTC"
cycle = "2026-Q4"
team = "content"
[method]
partial_at = 0.4
[cycles.2026-Q4]
starts = 2026-10-01
ends = 2026-12-31
[teams.content]
name = "Content"
[server]
listen = "127.0.0.1:10650"
[polling]
schedule = "0 * * * *"
timeout = "30s"
[sources.shop]
type = "sqlite"
path = "shop.db"
[sources.api]
type = "http"
url = "https://api.example"
auth = { token = { env = "API_TOKEN" } }
max_body = "8MiB"
[sources.tracker]
type = "jira"
url = "https://acme.atlassian.net"
[objectives.growth]
title = "Grow"
ambition = "aspirational"
[objectives.growth.key_results.one]
title = "One"
unit = "things"
baseline = 1
target = 3
weight = 1
measure = { source = "shop", query = "SELECT 1", window = "30d" }
[objectives.growth.key_results.two]
title = "Two"
unit = "things"
at_most = 3
compliance = 0.9
measure = { source = "api", value = "/total" }
[objectives.growth.key_results.three]
title = "Three"
unit = "things"
milestones = [{ title = "M", due = 2026-11-15, weight = 1 }]
[objectives.growth.key_results.four]
title = "Four"
unit = "things"
baseline_days = 28
measure = { source = "tracker", jql = "project = A", value = "count" }
[objectives.growth.initiatives.letter]
title = "A letter"
state = "doing"
"#;

/// The base with another line in the place of one.
fn with(line: &str, other: &str) -> String {
    let wanted = format!("\n{line}\n");
    let text = format!("\n{BASE}");
    assert_eq!(
        text.matches(&wanted).count(),
        1,
        "{line} must stand in the base once"
    );
    text.replace(&wanted, &format!("\n{other}\n"))
}

/// One fault of each rule that a schema can say: the rule, the check's code, the line and what stands in its place.
const REFUSED: &[(&str, &str, &str, &str)] = &[
    (
        "unknown key",
        "CFG-KEY",
        "timezone = \"UTC\"",
        "timezon = \"UTC\"",
    ),
    (
        "unknown key in a table",
        "CFG-KEY",
        "at_most = 3",
        "at_most = 3\nat_mst = 3",
    ),
    (
        "key of another source",
        "CFG-KEY",
        "path = \"shop.db\"",
        "path = \"shop.db\"\nurl = \"x\"",
    ),
    (
        "not yet possible",
        "CFG-UNSUPPORTED",
        "timezone = \"UTC\"",
        "timezone = \"UTC\"\nstore.type = \"postgres\"",
    ),
    (
        "number for a text",
        "CFG-TYPE",
        "title = \"Grow\"",
        "title = 3",
    ),
    (
        "text for a number",
        "CFG-TYPE",
        "at_most = 3",
        "at_most = \"3\"",
    ),
    (
        "text for a table",
        "CFG-TYPE",
        "measure = { source = \"api\", value = \"/total\" }",
        "measure = \"api\"",
    ),
    (
        "table for a list",
        "CFG-TYPE",
        "milestones = [{ title = \"M\", due = 2026-11-15, weight = 1 }]",
        "milestones = { title = \"M\" }",
    ),
    (
        "number for a duration",
        "CFG-TYPE",
        "timeout = \"30s\"",
        "timeout = 30",
    ),
    ("weight below 0", "KR-WEIGHT", "weight = 1", "weight = -1"),
    (
        "milestone of no weight",
        "KR-WEIGHT",
        "milestones = [{ title = \"M\", due = 2026-11-15, weight = 1 }]",
        "milestones = [{ title = \"M\", weight = 0 }]",
    ),
    (
        "compliance above 1",
        "CFG-VALUE",
        "compliance = 0.9",
        "compliance = 1.1",
    ),
    (
        "compliance of 0",
        "CFG-VALUE",
        "compliance = 0.9",
        "compliance = 0",
    ),
    (
        "no whole day",
        "CFG-VALUE",
        "baseline_days = 28",
        "baseline_days = 1.5",
    ),
    (
        "no day",
        "CFG-VALUE",
        "baseline_days = 28",
        "baseline_days = 0",
    ),
    (
        "more than a year of days",
        "CFG-VALUE",
        "baseline_days = 28",
        "baseline_days = 367",
    ),
    (
        "boundary of 0",
        "CFG-VALUE",
        "partial_at = 0.4",
        "partial_at = 0",
    ),
    (
        "empty title",
        "CFG-VALUE",
        "title = \"Grow\"",
        "title = \"\"",
    ),
    (
        "word of another set",
        "CFG-VALUE",
        "ambition = \"aspirational\"",
        "ambition = \"huge\"",
    ),
    (
        "word of another set, in an initiative",
        "CFG-VALUE",
        "state = \"doing\"",
        "state = \"stuck\"",
    ),
    (
        "type of no source",
        "CFG-VALUE",
        "type = \"jira\"",
        "type = \"oracle\"",
    ),
    ("missing title", "CFG-MISSING", "title = \"Two\"", ""),
    (
        "missing unit",
        "KR-NUM",
        "at_most = 3",
        "at_most = 3\n[objectives.growth.key_results.five]\ntitle = \"Five\"\nat_most = 3",
    ),
    (
        "missing end of a cycle",
        "CFG-MISSING",
        "ends = 2026-12-31",
        "",
    ),
    ("missing cycle", "CFG-MISSING", "cycle = \"2026-Q4\"", ""),
    (
        "missing query",
        "CFG-MISSING",
        "measure = { source = \"shop\", query = \"SELECT 1\", window = \"30d\" }",
        "measure = { source = \"shop\" }",
    ),
    ("missing target", "KR-NUM", "target = 3", ""),
    ("no aim", "KR-NUM", "baseline_days = 28", ""),
    (
        "literal secret",
        "SRC-SECRET",
        "auth = { token = { env = \"API_TOKEN\" } }",
        "auth = { token = \"hunter2\" }",
    ),
    (
        "secret in two places",
        "CFG-VALUE",
        "auth = { token = { env = \"API_TOKEN\" } }",
        "auth = { token = { env = \"A\", file = \"b\" } }",
    ),
    (
        "no id",
        "CFG-VALUE",
        "[teams.content]",
        "[teams.Content]\nname = \"C\"\n[teams.content]",
    ),
    (
        "no id in a reference",
        "CFG-VALUE",
        "team = \"content\"",
        "team = \"The Content Team\"",
    ),
    (
        "no name of a cycle",
        "CFG-VALUE",
        "cycle = \"2026-Q4\"",
        "cycle = \"Q4 2026\"",
    ),
    (
        "no duration",
        "CFG-VALUE",
        "timeout = \"30s\"",
        "timeout = \"30 seconds\"",
    ),
    (
        "no size",
        "CFG-VALUE",
        "max_body = \"8MiB\"",
        "max_body = \"8MB\"",
    ),
    (
        "no window",
        "CFG-VALUE",
        "measure = { source = \"shop\", query = \"SELECT 1\", window = \"30d\" }",
        "measure = { source = \"shop\", query = \"SELECT 1\", window = \"last_month\" }",
    ),
    (
        "no schedule",
        "CFG-VALUE",
        "schedule = \"0 * * * *\"",
        "schedule = \"hourly\"",
    ),
    (
        "no relative target",
        "CFG-VALUE",
        "target = 3",
        "target = \"30%\"",
    ),
    (
        "a tilde",
        "CFG-VALUE",
        "path = \"shop.db\"",
        "path = \"~/shop.db\"",
    ),
    (
        "two aims",
        "CFG-VALUE",
        "target = 3",
        "target = 3\nat_most = 3",
    ),
    (
        "two values of issues",
        "CFG-VALUE",
        "measure = { source = \"tracker\", jql = \"project = A\", value = \"count\" }",
        "measure = { source = \"tracker\", jql = \"project = A\", value = { sum = \"a\", avg = \"b\" } }",
    ),
    (
        "formula and source",
        "CFG-KEY",
        "measure = { source = \"api\", value = \"/total\" }",
        "measure = { source = \"api\", formula = \"one\" }",
    ),
];

/// What the check refuses and a schema takes, and why it cannot say it. An editor shows these only once `okrd check` ran.
const BEYOND: &[(&str, &str, &str, &str)] = &[
    // TOML has dates; the schema sees texts.
    (
        "a date in quotes",
        "CFG-TYPE",
        "starts = 2026-10-01",
        "starts = \"2026-10-01\"",
    ),
    // One value beside another.
    (
        "the end before the start",
        "CFG-VALUE",
        "ends = 2026-12-31",
        "ends = 2026-09-30",
    ),
    ("no way to go", "KR-FLAT", "target = 3", "target = 1"),
    (
        "outside the cycle",
        "KR-DATE",
        "milestones = [{ title = \"M\", due = 2026-11-15, weight = 1 }]",
        "milestones = [{ title = \"M\", due = 2027-11-15 }]",
    ),
    (
        "boundaries out of order",
        "CFG-VALUE",
        "partial_at = 0.4",
        "partial_at = 0.7",
    ),
    // What stands elsewhere, perhaps in another file.
    (
        "a name that nothing has",
        "CFG-REF",
        "team = \"content\"",
        "team = \"care\"",
    ),
    (
        "a source that nobody described",
        "CFG-REF",
        "measure = { source = \"api\", value = \"/total\" }",
        "measure = { source = \"apy\", value = \"/total\" }",
    ),
    (
        "the measure of another source",
        "CFG-KEY",
        "measure = { source = \"api\", value = \"/total\" }",
        "measure = { source = \"shop\", value = \"/total\" }",
    ),
    // The sense of a text.
    (
        "a time zone of no place",
        "CFG-VALUE",
        "timezone = \"UTC\"",
        "timezone = \"Mars/Olympus\"",
    ),
    (
        "a minute that never comes",
        "CFG-VALUE",
        "schedule = \"0 * * * *\"",
        "schedule = \"99 * * * *\"",
    ),
    (
        "longer than may be waited",
        "CFG-VALUE",
        "timeout = \"30s\"",
        "timeout = \"2h\"",
    ),
    (
        "a statement that writes",
        "SRC-WRITE",
        "measure = { source = \"shop\", query = \"SELECT 1\", window = \"30d\" }",
        "measure = { source = \"shop\", query = \"DELETE FROM a\" }",
    ),
    (
        "a filter that does not compile",
        "CFG-VALUE",
        "measure = { source = \"api\", value = \"/total\" }",
        "measure = { source = \"api\", value = \".a |\" }",
    ),
    (
        "a secret in a URL",
        "SRC-SECRET",
        "url = \"https://api.example\"",
        "url = \"https://me:hunter2@api.example\"",
    ),
    (
        "a login in a header",
        "SRC-SECRET",
        "max_body = \"8MiB\"",
        "headers = { Authorization = \"Bearer hunter2\" }",
    ),
    (
        "an invisible character",
        "CFG-VALUE",
        "title = \"Grow\"",
        "title = \"Gr\\u200bow\\u202e\"",
    ),
    (
        "a person",
        "PPL-LABEL",
        "title = \"Grow\"",
        "title = \"Ask ada@acme.example\"",
    ),
    (
        "no address",
        "CFG-VALUE",
        "listen = \"127.0.0.1:10650\"",
        "listen = \"here\"",
    ),
];

#[test]
fn one_fault_of_each_rule_is_refused() {
    assert_eq!((objections(BASE), codes(BASE)), (vec![], vec![]));
    for (rule, code, line, other) in REFUSED {
        let faulty = with(line, other);
        assert!(
            !objections(&faulty).is_empty(),
            "{rule}: the schema takes\n{other}"
        );
        assert!(
            codes(&faulty).contains(code),
            "{rule}: the check says {:?}",
            codes(&faulty)
        );
    }
}

/// The other list is true as well: who teaches the schema one of these moves it up.
#[test]
fn what_the_schema_cannot_say_is_known() {
    for (rule, code, line, other) in BEYOND {
        let faulty = with(line, other);
        assert_eq!(
            objections(&faulty),
            [] as [String; 0],
            "{rule}: the schema refuses it by now"
        );
        assert!(
            codes(&faulty).contains(code),
            "{rule}: the check says {:?}",
            codes(&faulty)
        );
    }
}
