//! The JSON Schema of every file, for editors: completion, descriptions, red lines while typing. Made from the same
//! key tables that drive the check, so that the two agree.

use serde_json::{Map, Value, json};

use super::keys::{Key, ROOT, Shape, TableKind, measure, notify, source};

const DURATION: &str = "^[0-9]+(ms|s|m|h|d)$";
const WINDOW: &str =
    "^(cycle_to_date|month_to_date|quarter_to_date|year_to_date|previous_month|[0-9]{1,4}d)$";
const RELATIVE: &str = "^[+-][0-9]+([.][0-9]+)?(%|pp)?$";
const SIZE: &str = "^[0-9]+(KiB|MiB|GiB)$";
const SCHEDULE: &str = "^\\s*(every\\s+[0-9]+(ms|s|m|h|d)|\\S+(\\s+\\S+){4})\\s*$";

/// The schema (draft 2020-12) of okrd.toml and of the files it includes: one for all, since every key may stand in
/// any of them.
#[must_use]
pub fn schema() -> Value {
    let mut root = table(&ROOT, None);
    if let Some(members) = root.as_object_mut() {
        members.insert(
            "$schema".into(),
            "https://json-schema.org/draft/2020-12/schema".into(),
        );
        members.insert("title".into(), "okrd".into());
        members.insert(
            "dependentRequired".into(),
            json!({ "objectives": ["cycle"] }),
        );
    }
    root
}

/// A table of a kind; `word` is its `type` where there are several kinds in one place.
fn table(kind: &TableKind, word: Option<&str>) -> Value {
    let usable = || {
        kind.keys
            .iter()
            .filter(|key| !matches!(key.shape, Shape::Later))
    };
    let mut properties: Map<String, Value> = usable()
        .map(|key| (key.name.to_owned(), property(key)))
        .collect();
    if let (Some(word), Some(members)) = (
        word,
        properties.get_mut("type").and_then(Value::as_object_mut),
    ) {
        members.remove("enum");
        members.insert("const".into(), word.into());
    }
    let required: Vec<&str> = usable()
        .filter(|key| key.needed.is_some())
        .map(|key| key.name)
        .collect();
    let mut schema = json!({
        "type": "object",
        "description": kind.about,
        "properties": properties,
        "additionalProperties": false,
    });
    if let Some(members) = schema.as_object_mut() {
        if !required.is_empty() {
            members.insert("required".into(), json!(required));
        }
        if !kind.choices.is_empty() {
            members.insert("oneOf".into(), choices(kind.choices));
        }
    }
    schema
}

/// Exactly one of these sets of keys, and no key of another.
fn choices(sets: &[&[&str]]) -> Value {
    let choice = |set: &&[&str]| {
        let others = sets
            .iter()
            .filter(|other| *other != set)
            .flat_map(|other| other.iter());
        let without: Map<String, Value> = others
            .map(|key| ((*key).to_owned(), Value::Bool(false)))
            .collect();
        json!({ "required": set, "properties": without })
    };
    sets.iter().map(choice).collect()
}

fn property(key: &Key) -> Value {
    let mut schema = shape(&key.shape);
    if let Some(members) = schema.as_object_mut() {
        members.insert("description".into(), key.about.into());
        for (keyword, bound) in key.bounds {
            members.insert((*keyword).to_owned(), (*bound).into());
        }
        if let Some(default) = value(key.default) {
            members.insert("default".into(), default);
        }
        let examples: Vec<Value> = key.examples.iter().filter_map(|text| value(text)).collect();
        if !examples.is_empty() {
            members.insert("examples".into(), examples.into());
        }
    }
    schema
}

/// A default or an example: TOML in the key tables, JSON in the schema.
fn value(text: &str) -> Option<Value> {
    let table: toml::Table = toml::from_str(&format!("value = {text}")).ok()?;
    Some(super::keys::json(table.get("value")?))
}

fn text(pattern: &str) -> Value {
    json!({ "type": "string", "pattern": pattern })
}

fn shape(shape_: &Shape) -> Value {
    match shape_ {
        Shape::Line | Shape::Label => json!({ "type": "string", "minLength": 1, "maxLength": 300 }),
        Shape::Prose => json!({ "type": "string", "maxLength": 10_000 }),
        Shape::Code => json!({ "type": "string", "maxLength": 65_536 }),
        Shape::Path => json!({ "type": "string", "pattern": "^[^~]" }),
        Shape::Slug => text(super::keys::Names::Slug.pattern()),
        Shape::CycleName => text(super::keys::Names::Cycle.pattern()),
        Shape::Words(words) | Shape::SomeWords(words, _) => {
            json!({ "type": "string", "enum": words })
        }
        Shape::Lint => json!({ "type": "string", "enum": super::finding::Code::WORDS.as_slice() }),
        Shape::Number => json!({ "type": "number" }),
        Shape::Relative => text(RELATIVE),
        Shape::Bool => json!({ "type": "boolean" }),
        Shape::Date => json!({ "type": "string", "format": "date" }),
        Shape::Instant => json!({ "type": "string", "format": "date-time" }),
        Shape::Duration => text(DURATION),
        Shape::Size => text(SIZE),
        Shape::Window => text(WINDOW),
        Shape::Schedule => text(SCHEDULE),
        Shape::List(each) => json!({ "type": "array", "items": shape(each) }),
        Shape::Pair => {
            json!({ "type": "array", "items": { "type": "number" }, "minItems": 2, "maxItems": 2 })
        }
        Shape::Dated => json!({
            "type": "array",
            "prefixItems": [{ "type": "string", "format": "date" }, { "type": "number" }],
            "minItems": 2,
            "maxItems": 2,
        }),
        Shape::Map(names, each) => json!({
            "type": "object",
            "patternProperties": { names.pattern(): shape(each) },
            "additionalProperties": false,
        }),
        Shape::Table(kind) => table(kind, None),
        Shape::Tables(kind) => json!({ "type": "array", "items": table(kind, None) }),
        Shape::Source => of_types(&source::TYPES),
        Shape::Notify => of_types(&notify::TYPES),
        Shape::Measure => measures(),
        Shape::Secret => table(&source::SECRET, None),
        Shape::Setting => json!({ "anyOf": [{ "type": "string" }, table(&source::SECRET, None)] }),
        Shape::Parameter => {
            json!({ "anyOf": [{ "type": ["string", "number", "boolean"] }, table(&source::SECRET, None)] })
        }
        Shape::Json => json!({}),
        Shape::Either(shapes) => json!({ "anyOf": shapes.iter().map(shape).collect::<Vec<_>>() }),
        Shape::Later => Value::Bool(false),
    }
}

/// A table whose kind is told by its `type`.
fn of_types(types: &[(&str, &TableKind)]) -> Value {
    let kinds = types.iter().map(|(word, kind)| table(kind, Some(word)));
    json!({ "type": "object", "oneOf": kinds.collect::<Vec<_>>() })
}

/// Measures of all types; which one holds is told by the source, which a schema cannot follow.
fn measures() -> Value {
    let mut kinds: Vec<&TableKind> = vec![&measure::FORMULA];
    for (_, kind) in &measure::TYPES {
        if !kinds.iter().any(|known| std::ptr::eq(*known, *kind)) {
            kinds.push(kind);
        }
    }
    let kinds: Vec<Value> = kinds.into_iter().map(|kind| table(kind, None)).collect();
    json!({ "type": "object", "anyOf": kinds })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts(document: &str) -> bool {
        let table: toml::Table = toml::from_str(document).unwrap();
        let document = super::super::keys::json(&toml::Value::Table(table));
        jsonschema::draft202012::new(&schema())
            .unwrap()
            .is_valid(&document)
    }

    /// Every default and example of the key tables is a value that the key itself takes.
    #[test]
    fn defaults_and_examples_fit_their_own_keys() {
        fn walk(schema: &Value, seen: &mut usize) {
            let described =
                |m: &&Map<String, Value>| m.get("description").is_some_and(Value::is_string);
            if let Some(members) = schema.as_object().filter(described) {
                let validator = jsonschema::draft202012::new(schema).unwrap();
                let examples = members.get("examples").and_then(Value::as_array);
                for example in examples.into_iter().flatten().chain(members.get("default")) {
                    assert!(
                        validator.is_valid(example),
                        "{example} does not fit {schema}"
                    );
                    *seen += 1;
                }
            }
            match schema {
                Value::Object(members) => members.values().for_each(|v| walk(v, seen)),
                Value::Array(list) => list.iter().for_each(|v| walk(v, seen)),
                _ => {}
            }
        }
        let mut seen = 0;
        walk(&schema(), &mut seen);
        assert!(seen > 50, "only {seen} examples were looked at");
    }

    /// Examples that are no TOML would be dropped in silence.
    #[test]
    fn every_default_and_example_is_toml() {
        fn walk(kind: &TableKind) {
            for key in kind.keys {
                for text in key
                    .examples
                    .iter()
                    .chain((!key.default.is_empty()).then_some(&key.default))
                {
                    assert!(value(text).is_some(), "{text}");
                }
                inner(&key.shape);
            }
        }
        fn inner(shape: &Shape) {
            match shape {
                Shape::Table(kind) | Shape::Tables(kind) => walk(kind),
                Shape::Map(_, each) | Shape::List(each) => inner(each),
                Shape::Source => source::TYPES.iter().for_each(|(_, kind)| walk(kind)),
                Shape::Notify => notify::TYPES.iter().for_each(|(_, kind)| walk(kind)),
                Shape::Measure => {
                    walk(&measure::FORMULA);
                    measure::TYPES.iter().for_each(|(_, kind)| walk(kind));
                }
                _ => {}
            }
        }
        walk(&ROOT);
    }

    const KEY_RESULT: &str = "cycle = \"q\"\n[objectives.a]\ntitle = \"A\"\n[objectives.a.key_results.b]\ntitle = \"B\"\nunit = \"u\"\n";

    #[test]
    fn one_faulty_document_for_each_rule_is_rejected() {
        let with = |rest: &str| format!("{KEY_RESULT}{rest}\n");
        assert!(accepts(&with("baseline = 1\ntarget = \"+30%\"")));
        assert!(accepts(&with("at_most = 3\nstrict = true")));
        assert!(accepts(&with(
            "at_most = 3\nmeasure = { formula = \"a / b\" }"
        )));
        assert!(accepts(&with(
            "baseline = 1\ntarget = 3\nplan = [[2026-11-01, 2]]"
        )));
        assert!(accepts(&with("anchors = [[1, 0], [2, 1]]")));
        assert!(accepts(&with(
            "milestones = [{ title = \"A\", done = 2026-11-02 }]"
        )));
        assert!(accepts(&with("boolean = true")) && accepts(&with("baseline_days = 28")));
        for faulty in [
            "includ = []".to_owned(),
            "timezone = 3".into(),
            "include = \"a\"".into(),
            "include = [\"~/a\"]".into(),
            "[server]\ntls = {}".into(),
            "[notify.a]\ntype = \"pager\"".into(),
            "[notify.a]\ntype = \"slack\"".into(),
            "[cycles.\"-x\"]\nstarts = 2026-10-01\nends = 2026-12-31".into(),
            "[cycles.x]\nstarts = 2026-10-01".into(),
            "[teams.A]\nname = \"A\"".into(),
            "[teams.a]".into(),
            "[server]\nlifecycle = \"yes\"".into(),
            "[polling]\nschedule = \"daily\"".into(),
            "[polling]\njitter = \"30\"".into(),
            "[sources.a]\npath = \"a\"".into(),
            "[sources.a]\ntype = \"oracle\"".into(),
            "[sources.a]\ntype = \"sqlite\"\nurl = \"x\"".into(),
            "[sources.a]\ntype = \"http\"\nurl = \"http://x\"\nauth = { token = \"literal\" }".into(),
            "[sources.a]\ntype = \"http\"\nurl = \"http://x\"\nauth = { token = { env = \"A\", file = \"b\" } }".into(),
            "[sources.a]\ntype = \"http\"\nurl = \"http://x\"\nmax_body = \"8MB\"".into(),
            "cycle = \"q\"\n[objectives.a]\ntitle = \"A\"".into(),
            KEY_RESULT.replace("cycle = \"q\"\n", "") + "at_most = 3",
            "cycle = \"q\"\n[objectives.a]\ntitle = \"\"\nkey_results = {}".into(),
            "cycle = \"q\"\n[objectives.a]\ntitle = \"A\"\nambition = \"huge\"\nkey_results = {}".into(),
            with(""),
            with("baseline = 1"),
            with("baseline = 1\ntarget = \"30%\""),
            with("baseline = \"last\"\ntarget = 3"),
            with("baseline = 1\ntarget = 3\nat_most = 3"),
            with("at_least = 1\nat_most = 3"),
            with("between = [1]"),
            with("at_most = 3\nkind = \"flow\""),
            with("at_most = 3\nstale_after = 3"),
            with("baseline = 1\ntarget = 3\nplan = [[11, 2]]"),
            with("baseline = 1\ntarget = 3\nplan = [[2026-11-01, 2, 3]]"),
            with("anchors = [[1, 0], [2]]"),
            with("anchors = [[1, 0], [2, 1]]\ntarget = 2"),
            with("milestones = [{ due = 2026-11-01 }]"),
            with("milestones = [{ title = \"A\", done = true }]"),
            with("boolean = 1"),
            with("baseline_days = \"28d\""),
            with("at_most = 3\nscore_by = \"mean\""),
            with("at_most = 3\nmeasure = { query = \"SELECT 1\" }"),
            with("at_most = 3\nmeasure = { source = \"s\", querry = \"SELECT 1\" }"),
            with("at_most = 3\nmeasure = { source = \"s\", jql = \"x\", value = \"lead_time_days\" }"),
            with("at_most = 3\nmeasure = { source = \"s\", jql = \"x\", value = { sum = \"a\", avg = \"b\" } }"),
            with("at_most = 3\nmeasure = { source = \"s\", metric = \"hits\" }"),
            with("at_most = 3\nmeasure = { source = \"s\", metric = \"visits\", window = \"last_month\" }"),
            with("at_most = 3\nmeasure = { formula = \"a / b\", source = \"s\" }"),
            with("at_most = 3\namendments = [{ date = 2026-11-02, field = \"title\", from = 1, to = 2, reason = \"r\", approved_by = \"a\" }]"),
            with("at_most = 3\n[objectives.a.initiatives.c]\ntitle = \"C\"\nstate = \"stuck\""),
        ] {
            assert!(!accepts(&faulty), "the schema takes this faulty document:\n{faulty}");
        }
    }
}
