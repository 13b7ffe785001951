//! The description of `/api/v1` in the words of OpenAPI 3.1, made of the types that are answered: a field that is not in
//! it cannot be sent. What no type tells (paths, parameters, statuses) stands in one table here; a test holds it against
//! the routes, and against what a server really answers.

use std::sync::OnceLock;

use schemars::JsonSchema;
use schemars::generate::{SchemaGenerator, SchemaSettings};
use serde_json::{Map, Value, json};

use super::api::{HistoryDto, KeyResultDto, RecordedDto, ScorecardDto};
use super::measurements::Said;
use super::paging;
use super::problem::{self, Details};
use super::router::{HISTORY, KEY_RESULT, MEASUREMENTS, OPENAPI, SCORECARD};

/// The document as text; made once.
pub(super) fn document() -> &'static str {
    static DOCUMENT: OnceLock<String> = OnceLock::new();
    DOCUMENT.get_or_init(|| make().to_string())
}

/// What one path takes and answers.
struct Operation {
    path: &'static str,
    method: &'static str,
    id: &'static str,
    summary: &'static str,
    about: &'static str,
    parameters: &'static [Parameter],
    body: Option<fn(&mut Schemas) -> Value>,
    /// The status when all is well, what it means and what it carries.
    good: (u16, &'static str, fn(&mut Schemas) -> Value),
    /// Whether it is known again by its tag.
    tagged: bool,
    /// Statuses that only this path has, with what they mean.
    bad: &'static [(u16, &'static str)],
}

#[derive(Clone, Copy)]
struct Parameter {
    name: &'static str,
    place: &'static str,
    about: &'static str,
    schema: fn() -> Value,
}

/// What may befall every request.
const ALWAYS: [(u16, &str); 9] = [
    (400, "Path, query or body cannot be read."),
    (
        401,
        "No credential, or one that is not known; `WWW-Authenticate` says which are.",
    ),
    (
        403,
        "The credential does not allow this, or it is not enabled.",
    ),
    (406, "`Accept` leaves out what is answered."),
    (411, "A body in chunks."),
    (413, "A body above 64 KiB."),
    (421, "A server on loopback that was asked by another name."),
    (
        429,
        "Too many wrong credentials from this address; `Retry-After` says when to try again.",
    ),
    (500, "A fault of okrd itself."),
];

const OF_KEY_RESULT: [Parameter; 2] = [
    Parameter {
        name: "objective",
        place: "path",
        about: "Id of the objective; `cycle:objective` names another cycle than the newest open one.",
        schema: || json!({ "type": "string", "minLength": 1 }),
    },
    Parameter {
        name: "key_result",
        place: "path",
        about: "Id of the key result.",
        schema: || json!({ "type": "string", "minLength": 1 }),
    },
];

const OF_HISTORY: [Parameter; 6] = [
    OF_KEY_RESULT[0],
    OF_KEY_RESULT[1],
    Parameter {
        name: "from",
        place: "query",
        about: "First instant, RFC 3339, or a day in the zone of the cycle; the start of the cycle by default.",
        schema: instant,
    },
    Parameter {
        name: "to",
        place: "query",
        about: "The first instant after the range, or a day; now by default.",
        schema: instant,
    },
    Parameter {
        name: "limit",
        place: "query",
        about: "Values in a page at most.",
        schema: || json!({ "type": "integer", "minimum": 1, "maximum": paging::MOST, "default": paging::USUAL }),
    },
    Parameter {
        name: "after",
        place: "query",
        about: "Where to go on, from the link to the next page; of use only with the same `from` and `to`.",
        schema: || json!({ "type": "string", "pattern": "^[^~]+~[0-9]+$" }),
    },
];

fn instant() -> Value {
    json!({ "type": "string", "anyOf": [{ "format": "date-time" }, { "format": "date" }] })
}

fn operations() -> [Operation; 5] {
    [
        Operation {
            path: SCORECARD,
            method: "get",
            id: "scorecard",
            summary: "Everything that was agreed, judged",
            about: "",
            parameters: &[],
            body: None,
            good: (200, "The scorecard.", Schemas::of::<ScorecardDto<'_>>),
            tagged: true,
            bad: &[],
        },
        Operation {
            path: KEY_RESULT,
            method: "get",
            id: "keyResult",
            summary: "One key result",
            about: "",
            parameters: &OF_KEY_RESULT,
            body: None,
            good: (200, "The key result.", Schemas::of::<KeyResultDto<'_>>),
            tagged: true,
            bad: &[(404, "There is no such key result.")],
        },
        Operation {
            path: HISTORY,
            method: "get",
            id: "history",
            summary: "Its measurements, oldest first, in pages",
            about: "`next` in the answer and `Link: <…>; rel=\"next\"` lead to the next page. No value is given twice or left out, whatever is measured meanwhile.",
            parameters: &OF_HISTORY,
            body: None,
            good: (200, "The measurements.", Schemas::of::<HistoryDto<'_>>),
            tagged: true,
            bad: &[(404, "There is no such key result.")],
        },
        Operation {
            path: MEASUREMENTS,
            method: "post",
            id: "record",
            summary: "Record a value that people or programs know",
            about: "Off unless a token with the scope `write` is configured. Only key results without `measure` are recorded; an acknowledged value is on disk and on the board.",
            parameters: &OF_KEY_RESULT,
            body: Some(Schemas::told::<Said>),
            good: (201, "The value is on disk.", Schemas::of::<RecordedDto<'_>>),
            tagged: false,
            bad: &[
                (404, "There is no such key result."),
                (409, "The key result is measured, or its cycle is closed."),
                (415, "A body that is not application/json."),
                (422, "A value, instant or note that is not taken."),
            ],
        },
        Operation {
            path: OPENAPI,
            method: "get",
            id: "openapi",
            summary: "This document",
            about: "",
            parameters: &[],
            body: None,
            good: (200, "This document.", |_| json!({ "type": "object" })),
            tagged: true,
            bad: &[],
        },
    ]
}

/// Schemas of types, each named once.
struct Schemas {
    answered: SchemaGenerator,
    told: SchemaGenerator,
}

impl Schemas {
    fn new() -> Self {
        let settings = SchemaSettings::draft2020_12().with(|settings| {
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
        });
        Self {
            answered: settings.clone().for_serialize().into_generator(),
            told: settings.for_deserialize().into_generator(),
        }
    }

    fn of<T: JsonSchema>(&mut self) -> Value {
        self.answered.subschema_for::<T>().to_value()
    }

    fn told<T: JsonSchema>(&mut self) -> Value {
        self.told.subschema_for::<T>().to_value()
    }

    fn all(&self) -> Map<String, Value> {
        let all = [&self.answered, &self.told].into_iter();
        let all = all.flat_map(|made| made.definitions());
        let mut all: Map<_, _> = all.map(|(name, one)| (name.clone(), one.clone())).collect();
        all.values_mut().for_each(plain);
        all
    }
}

/// Formats that say how Rust keeps a number say nothing to a client.
fn plain(schema: &mut Value) {
    if let Some(found) = schema.as_object_mut()
        && found.get("type") != Some(&json!("string"))
        && let Some(format) = found.get("format").and_then(Value::as_str)
        && ["double", "uint16"].contains(&format)
    {
        found.remove("format");
    }
    match schema {
        Value::Object(fields) => fields.values_mut().for_each(plain),
        Value::Array(each) => each.iter_mut().for_each(plain),
        _ => {}
    }
}

fn make() -> Value {
    let mut schemas = Schemas::new();
    let problem = schemas.of::<Details<'_>>();
    let mut paths = Map::new();
    for operation in operations() {
        let described = describe(&operation, &mut schemas);
        paths.insert(
            operation.path.into(),
            json!({ operation.method: described }),
        );
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "okrd",
            "version": "1",
            "summary": "Objectives and key results, measured",
            "description": "What is not known is null, never 0. Times are RFC 3339 in UTC. Ratios are 0 to 1. Credentials are asked for once readers are configured.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "paths": paths,
        "components": {
            "schemas": schemas.all(),
            "responses": { "Problem": {
                "description": "An error.",
                "content": { problem::MEDIA_TYPE: { "schema": problem } },
            } },
            "securitySchemes": {
                "token": { "type": "http", "scheme": "bearer", "description": "A token under `server.tokens`, or that of `server.write_token`." },
                "user": { "type": "http", "scheme": "basic", "description": "A user of the file that `server.web_config` names." },
            },
        },
    })
}

fn describe(operation: &Operation, schemas: &mut Schemas) -> Value {
    let parameters: Vec<_> = operation.parameters.iter().map(parameter).collect();
    let mut described = json!({
        "operationId": operation.id,
        "summary": operation.summary,
        "parameters": parameters,
        "responses": responses(operation, schemas),
        "security": match operation.body {
            Some(_) => json!([{ "token": [] }]),
            None => json!([{}, { "token": [] }, { "user": [] }]),
        },
    });
    if !operation.about.is_empty() {
        described["description"] = operation.about.into();
    }
    if let Some(body) = operation.body {
        let schema = body(schemas);
        described["requestBody"] =
            json!({ "required": true, "content": { "application/json": { "schema": schema } } });
    }
    described
}

fn parameter(parameter: &Parameter) -> Value {
    json!({
        "name": parameter.name,
        "in": parameter.place,
        "required": parameter.place == "path",
        "description": parameter.about,
        "schema": (parameter.schema)(),
    })
}

fn responses(operation: &Operation, schemas: &mut Schemas) -> Value {
    let mut responses = Map::new();
    let (status, about, schema) = operation.good;
    let content = json!({ "application/json": { "schema": schema(schemas) } });
    let mut good = json!({ "description": about, "content": content });
    if operation.tagged {
        let tag = json!({ "description": "What tells this state from another.", "required": true, "schema": { "type": "string" } });
        good["headers"] = json!({ "ETag": tag });
        let known = json!({ "description": "The client has it: its `If-None-Match` names the tag of this state." });
        responses.insert("304".into(), known);
    }
    if operation.path == HISTORY {
        good["headers"]["Link"] = json!({ "description": "The next page, when there is one.", "schema": { "type": "string" } });
    }
    responses.insert(status.to_string(), good);
    let unready = (
        503,
        "Not ready in time, or the store does not answer; `Retry-After` says when to try again.",
    );
    for (status, about) in ALWAYS.iter().chain(operation.bad).chain([&unready]) {
        let problem = json!({ "$ref": "#/components/responses/Problem", "description": about });
        responses.insert(status.to_string(), problem);
    }
    Value::Object(responses)
}
