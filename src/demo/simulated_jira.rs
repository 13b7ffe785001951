//! A simulated Jira Cloud: just the addresses that counting and adding up need, answered from the demo's story. Says
//! on every page that it is simulated, and refuses questions it has no story for rather than inventing numbers.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Json, State};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::world::{Issues, World};

/// What the endpoint knows.
struct Jira {
    world: World,
    now: Box<dyn Fn() -> Timestamp + Send + Sync>,
}

#[derive(Deserialize)]
struct Search {
    jql: String,
    #[serde(rename = "maxResults")]
    most: Option<usize>,
}

const POINTS: &str = "customfield_10016";

/// The routes of the simulated Jira.
pub fn router(world: World, now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Router {
    let jira = Arc::new(Jira {
        world,
        now: Box::new(now),
    });
    Router::new()
        .route("/", get(front_page))
        .route("/rest/api/2/serverInfo", get(server_info))
        .route("/rest/api/2/myself", get(myself))
        .route("/rest/api/3/myself", get(myself))
        .route("/rest/api/2/field", get(fields))
        .route("/rest/api/3/field", get(fields))
        .route("/rest/api/3/search/approximate-count", post(count))
        .route("/rest/api/3/search/jql", post(search))
        .layer(axum::middleware::map_response(say_what_this_is))
        .with_state(jira)
}

async fn say_what_this_is(mut response: Response) -> Response {
    response.headers_mut().insert(
        HeaderName::from_static("x-okrd-demo"),
        HeaderValue::from_static("simulated, no real data"),
    );
    response
}

async fn front_page() -> &'static str {
    "This is the simulated Jira of `okrd demo`. Its numbers are made up.\n"
}

async fn server_info() -> Json<Value> {
    Json(json!({
        "baseUrl": "https://simulated.invalid",
        "version": "1001.0.0-SNAPSHOT",
        "deploymentType": "Cloud",
        "serverTitle": "Simulated Jira of okrd demo, no real data",
    }))
}

async fn myself() -> Json<Value> {
    Json(json!({ "accountId": "simulated", "displayName": "okrd demo", "timeZone": "Etc/UTC" }))
}

async fn fields() -> Json<Value> {
    Json(json!([
        { "id": POINTS, "name": "Story Points", "custom": true, "schema": { "type": "number" } },
    ]))
}

async fn count(State(jira): State<Arc<Jira>>, Json(asked): Json<Search>) -> Response {
    match kind(&asked.jql) {
        Some(kind) => {
            Json(json!({ "count": jira.world.issues(kind, (jira.now)()) })).into_response()
        }
        None => unknown(),
    }
}

async fn search(State(jira): State<Arc<Jira>>, Json(asked): Json<Search>) -> Response {
    let numbers = match (named(&asked.jql), kind(&asked.jql)) {
        (Some(numbers), _) => numbers,
        (None, Some(kind)) => (1..=jira.world.issues(kind, (jira.now)())).collect(),
        (None, None) => return unknown(),
    };
    let most = asked.most.unwrap_or(usize::MAX);
    let issues: Vec<Value> = numbers.iter().take(most).map(|n| issue(*n)).collect();
    Json(json!({ "issues": issues, "isLast": true })).into_response()
}

const FIRST_ID: u32 = 10_000;

/// One made-up issue.
fn issue(n: u32) -> Value {
    json!({
        "id": (FIRST_ID + n).to_string(),
        "key": format!("CONT-{n}"),
        "fields": {
            POINTS: 1 + n % 5,
            "summary": format!("Simulated issue {n}"),
            "status": { "name": "Simulated" },
        },
    })
}

/// The issues that a query names one by one: `id in (10001, 10002)`.
fn named(jql: &str) -> Option<Vec<u32>> {
    let list = jql.strip_prefix("id in (")?.split(')').next()?;
    list.split(',')
        .map(|id| id.trim().parse::<u32>().ok()?.checked_sub(FIRST_ID))
        .collect()
}

/// The issues that a query of the example configuration means.
fn kind(jql: &str) -> Option<Issues> {
    let has = |part: &str| jql.contains(part);
    Some(match () {
        () if has("labels = correction") => Issues::Corrections,
        () if has("type = Guide") => Issues::Guides,
        () if has("parent = \"CONT-12\" AND statusCategory = Done") => Issues::LetterDone,
        () if has("parent = \"CONT-12\"") => Issues::Letter,
        () if !has("project = CARE") => return None,
        () if has("statusCategory != Done") => Issues::Complaints,
        () if has("statusCategory = Done") => Issues::Answered,
        () => Issues::Questions,
    })
}

fn unknown() -> Response {
    let message =
        "The simulated Jira of okrd demo knows only the queries of the example configuration.";
    let body = json!({ "errorMessages": [message], "errors": {} });
    (StatusCode::BAD_REQUEST, Json(body)).into_response()
}
