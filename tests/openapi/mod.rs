//! An OpenAPI document as a program reads it that has nothing else: which requests it gives, and whether an answer is among
//! those that it describes. Knows nothing of okrd.

use std::cell::RefCell;
use std::collections::BTreeMap;

use axum::http::HeaderMap;
use flate2::read::GzDecoder;
use jsonschema::Validator;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// A document, read.
pub(crate) struct Document {
    /// All of it.
    pub(crate) root: Value,
    made: RefCell<BTreeMap<String, std::rc::Rc<Validator>>>,
}

/// Something that can be asked.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    pub(crate) method: String,
    path: String,
    parameters: Vec<Value>,
    body: Option<Value>,
}

impl Document {
    pub(crate) fn read(root: Value) -> Self {
        Self {
            root,
            made: RefCell::default(),
        }
    }

    /// That it keeps to the published schema of such documents, that all its schemas are schemas, and that every reference leads
    /// somewhere.
    pub(crate) fn is_sound(&self) {
        let meta: Value = serde_json::from_str(include_str!("schema.json")).unwrap();
        let meta = jsonschema::draft202012::new(&meta).unwrap();
        let errors: Vec<_> = meta
            .iter_errors(&self.root)
            .map(|e| format!("{} {e}", e.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{errors:#?}");
        for (name, schema) in self.root["components"]["schemas"].as_object().unwrap() {
            jsonschema::draft202012::meta::validate(schema)
                .unwrap_or_else(|e| panic!("{name}: {e}"));
            assert!(schema["description"].is_string(), "{name} is not described");
        }
        references(&self.root, &mut |reference| {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(
                self.root.pointer(pointer).is_some(),
                "{reference} leads nowhere"
            );
        });
    }

    pub(crate) fn paths(&self) -> Vec<&str> {
        self.root["paths"]
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect()
    }

    pub(crate) fn operations(&self) -> Vec<Operation> {
        let mut operations = Vec::new();
        for (path, item) in self.root["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let parameters = operation["parameters"]
                    .as_array()
                    .cloned()
                    .unwrap_or_default();
                let body = &operation["requestBody"]["content"]["application/json"]["schema"];
                operations.push(Operation {
                    method: method.to_uppercase(),
                    path: path.clone(),
                    parameters,
                    body: (!body.is_null()).then(|| self.resolve(body).clone()),
                });
            }
        }
        operations
    }

    fn resolve<'v>(&'v self, value: &'v Value) -> &'v Value {
        match value["$ref"].as_str() {
            Some(reference) => self.root.pointer(&reference[1..]).unwrap(),
            None => value,
        }
    }

    /// The template that a target belongs to.
    fn template(&self, target: &str) -> Option<(&str, &Value)> {
        let path = target.split(['?', '#']).next().unwrap();
        let fits = |template: &str| {
            let (mut parts, mut given) = (template.split('/'), path.split('/'));
            loop {
                match (parts.next(), given.next()) {
                    (None, None) => return true,
                    (Some(part), Some(given)) if part.starts_with('{') && !given.is_empty() => {}
                    (Some(part), Some(given)) if part == given => {}
                    _ => return false,
                }
            }
        };
        let paths = self.root["paths"].as_object().unwrap();
        let found = paths.iter().find(|(template, _)| fits(template));
        found.map(|(template, item)| (template.as_str(), item))
    }

    /// That this answer to a request is one of those described: status, media type, body, headers.
    pub(crate) fn describes(
        &self,
        method: &str,
        target: &str,
        headers: &HeaderMap,
        status: u16,
        body: &[u8],
    ) {
        let what = format!("{method} {target}: {status}");
        let header = |name: &str| headers.get(name).map(|value| value.to_str().unwrap());
        let Some((template, item)) = self.template(target) else {
            // Below no path of the document there is nothing, which is said the same way.
            assert!((400..500).contains(&status), "{what}");
            return self.is_problem(&what, status, header("content-type"), body);
        };
        let head = method == "HEAD" && item.get("get").is_some();
        let described = if head {
            "get".to_owned()
        } else {
            method.to_lowercase()
        };
        let Some(operation) = item.get(&described) else {
            // Refused for another reason, or for its method, and then with those that there are.
            assert!([405, 400, 401, 406, 413].contains(&status), "{what}");
            if status == 405 {
                let allow = header("allow").unwrap_or_default();
                for method in item.as_object().unwrap().keys() {
                    assert!(allow.contains(&method.to_uppercase()), "{what}: {allow}");
                }
            }
            return self.is_problem(&what, status, header("content-type"), body);
        };
        let response = &operation["responses"][status.to_string()];
        assert!(
            response.is_object(),
            "{what} is not described for {template}"
        );
        let response = self.resolve(response);
        for (name, described) in response["headers"].as_object().into_iter().flatten() {
            let required = described["required"] == true;
            assert!(
                !required || headers.contains_key(name.as_str()),
                "{what}: no {name}"
            );
        }
        let Some(content) = response["content"].as_object() else {
            assert!(body.is_empty(), "{what} has a body");
            return;
        };
        let media = header("content-type").unwrap_or_default();
        let schema = &content
            .get(media)
            .unwrap_or_else(|| panic!("{what}: {media}"))["schema"];
        if !head {
            self.fits(&what, schema, body, header("content-encoding"));
        }
    }

    fn is_problem(&self, what: &str, status: u16, media: Option<&str>, body: &[u8]) {
        assert_eq!(media, Some("application/problem+json"), "{what}");
        if !body.is_empty() {
            let schema = json!({ "$ref": "#/components/schemas/Problem" });
            self.fits(what, &schema, body, None);
            let problem: Value = serde_json::from_slice(body).unwrap();
            assert_eq!(problem["status"], status, "{what}");
        }
    }

    fn fits(&self, what: &str, schema: &Value, body: &[u8], coding: Option<&str>) {
        let value: Value = match coding {
            Some("gzip") => serde_json::from_reader(GzDecoder::new(body)).unwrap(),
            other => {
                assert_eq!(other, None, "{what}");
                serde_json::from_slice(body).unwrap_or_else(|e| panic!("{what}: {e}"))
            }
        };
        let validator = self.validator(schema);
        let errors: Vec<_> = validator
            .iter_errors(&value)
            .map(|e| format!("{} {e}", e.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{what}: {errors:#?}");
    }

    fn validator(&self, schema: &Value) -> std::rc::Rc<Validator> {
        let make = || {
            let mut root = schema.as_object().unwrap().clone();
            root.insert("components".into(), self.root["components"].clone());
            let made = jsonschema::draft202012::options().should_validate_formats(true);
            made.build(&Value::Object(root)).unwrap().into()
        };
        let mut made = self.made.borrow_mut();
        made.entry(schema.to_string()).or_insert_with(make).clone()
    }
}

fn references(value: &Value, look: &mut impl FnMut(&str)) {
    match value {
        Value::Object(fields) => {
            if let Some(reference) = fields.get("$ref").and_then(Value::as_str) {
                look(reference);
            }
            fields.values().for_each(|value| references(value, look));
        }
        Value::Array(each) => each.iter().for_each(|value| references(value, look)),
        _ => {}
    }
}

impl Operation {
    pub(crate) fn takes_a_body(&self) -> bool {
        self.body.is_some()
    }

    /// A target: what the schemas of the parameters give, and what they do not.
    pub(crate) fn target(&self) -> BoxedStrategy<String> {
        let mut whole = Just((self.path.clone(), String::new())).boxed();
        for parameter in &self.parameters {
            let name = parameter["name"].as_str().unwrap().to_owned();
            let value = texts(&parameter["schema"], &name);
            let is_path = parameter["in"] == "path";
            whole = (whole, value, 0..4usize)
                .prop_map(move |((path, query), value, times)| {
                    let value = escaped(&value);
                    if is_path {
                        return (path.replace(&format!("{{{name}}}"), &value), query);
                    }
                    // Now and then not at all, and seldom twice.
                    let pair = format!("{name}={value}&");
                    (path, query + &pair.repeat([0, 0, 1, 1][times]))
                })
                .boxed();
        }
        (whole, prop::option::weighted(0.1, "[a-z=&%;+]{0,8}"))
            .prop_map(|((path, query), more)| {
                let query = query + &more.unwrap_or_default();
                if query.is_empty() {
                    path
                } else {
                    format!("{path}?{query}")
                }
            })
            .boxed()
    }

    /// A body: what the schema gives, the same with something wrong, or anything.
    pub(crate) fn body(&self) -> BoxedStrategy<Vec<u8>> {
        let Some(schema) = self.body.clone() else {
            return prop_oneof![9 => Just(Vec::new()), 1 => prop::collection::vec(any::<u8>(), 0..40)].boxed();
        };
        let sound = object(&schema);
        prop_oneof![
            6 => sound.clone().prop_map(|v| Value::Object(v).to_string().into_bytes()),
            2 => (sound, json_value()).prop_map(|(mut fields, wrong)| {
                let name = fields.keys().next_back().cloned().unwrap_or_else(|| "more".into());
                fields.insert(name, wrong);
                Value::Object(fields).to_string().into_bytes()
            }),
            1 => json_value().prop_map(|v| v.to_string().into_bytes()),
            1 => prop::collection::vec(any::<u8>(), 0..60),
        ]
        .boxed()
    }
}

/// An object of a schema, with what is required and some of the rest.
fn object(schema: &Value) -> BoxedStrategy<Map<String, Value>> {
    let required: Vec<_> = schema["required"].as_array().cloned().unwrap_or_default();
    let mut whole = Just(Map::new()).boxed();
    for (name, field) in schema["properties"].as_object().unwrap() {
        let (name, needed) = (name.clone(), required.contains(&json!(name)));
        whole = (whole, of(field), any::<bool>())
            .prop_map(move |(mut fields, value, there)| {
                if needed || there {
                    fields.insert(name.clone(), value);
                }
                fields
            })
            .boxed();
    }
    whole
}

fn of(schema: &Value) -> BoxedStrategy<Value> {
    let kind = &schema["type"];
    let is = |name: &str| {
        *kind == json!(name) || kind.as_array().is_some_and(|k| k.contains(&json!(name)))
    };
    if schema["format"] == "date-time" {
        return instant().prop_map(Value::from).boxed();
    }
    if is("number") {
        return prop_oneof![
            (-10i32..100).prop_map(|n| json!(n)),
            any::<f64>().prop_filter_map("finite", |n| n.is_finite().then(|| json!(n)))
        ]
        .boxed();
    }
    assert!(is("string"), "{schema}");
    ".{0,40}".prop_map(Value::from).boxed()
}

/// Texts for a parameter: of its schema, of what the server surely has, or any.
fn texts(schema: &Value, name: &str) -> BoxedStrategy<String> {
    let fitting = match name {
        "objective" => prop::sample::select(vec![
            "more-visitors",
            "happy",
            "2026-Q4:happy",
            "2026-Q3:found",
        ])
        .prop_map(str::to_owned)
        .boxed(),
        "key_result" => prop::sample::select(vec!["subscribers", "talks", "complaints"])
            .prop_map(str::to_owned)
            .boxed(),
        "after" => (instant(), 0..9u32)
            .prop_map(|(at, given)| format!("{at}~{given}"))
            .boxed(),
        _ if schema["type"] == "integer" => {
            let (low, high) = (
                schema["minimum"].as_u64().unwrap(),
                schema["maximum"].as_u64().unwrap(),
            );
            (low..=high).prop_map(|n| n.to_string()).boxed()
        }
        _ => instant().boxed(),
    };
    prop_oneof![7 => fitting, 1 => "[a-z0-9:~.-]{1,20}", 1 => ".{1,10}", 1 => any::<i64>().prop_map(|n| n.to_string())].boxed()
}

fn instant() -> impl Strategy<Value = String> {
    prop_oneof![
        (1u32..13, 1u32..29, 0u32..24)
            .prop_map(|(month, day, hour)| format!("2026-{month:02}-{day:02}T{hour:02}:00:00Z")),
        (0u32..10000, 1u32..14, 1u32..33)
            .prop_map(|(year, month, day)| format!("{year:04}-{month:02}-{day:02}")),
    ]
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,10}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::hash_map("[a-z]{0,5}", inner, 0..3)
                .prop_map(|m| Value::Object(m.into_iter().collect())),
        ]
    })
}

/// For a path or a query.
fn escaped(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~:".contains(&byte);
    let escape = |byte: u8| {
        if plain(byte) {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    };
    text.bytes().map(escape).collect()
}
