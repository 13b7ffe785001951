//! A simulated Plausible: the one address of its statistics API, answered from the demo's story. Says on every answer
//! that it is simulated, and refuses metrics it has no story for.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Json, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::world::World;

/// What the endpoint knows.
struct Plausible {
    world: World,
    now: Box<dyn Fn() -> Timestamp + Send + Sync>,
}

/// The routes of the simulated Plausible.
pub fn router(world: World, now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Router {
    let plausible = Arc::new(Plausible {
        world,
        now: Box::new(now),
    });
    Router::new()
        .route("/", get(front_page))
        .route("/api/v2/query", post(query))
        .with_state(plausible)
}

async fn front_page() -> &'static str {
    "This is the simulated Plausible of `okrd demo`. Its numbers are made up.\n"
}

/// `POST /api/v2/query`: one metric, answered with the query as it was understood.
async fn query(State(plausible): State<Arc<Plausible>>, Json(asked): Json<Value>) -> Response {
    let now = (plausible.now)();
    let metric = asked["metrics"][0].as_str().unwrap_or_default();
    let value = match metric {
        "visitors" => json!(plausible.world.visitors(now)),
        "conversion_rate" => json!(plausible.world.conversion_rate(now)),
        "bounce_rate" => json!(plausible.world.bounce_rate(now)),
        _ => {
            let error = "The simulated Plausible of okrd demo knows visitors, conversion_rate and bounce_rate.";
            return (StatusCode::BAD_REQUEST, Json(json!({ "error": error }))).into_response();
        }
    };
    let mut understood = asked.clone();
    understood["date_range"] = whole_days(&asked["date_range"]);
    Json(json!({
        "results": [{ "metrics": [value], "dimensions": [] }],
        "meta": { "simulated": "okrd demo, no real data" },
        "query": understood,
    }))
    .into_response()
}

/// A pair of days as Plausible tells it back: from the first instant of the first to the last of the last.
fn whole_days(range: &Value) -> Value {
    let day = |n: usize| range[n].as_str().unwrap_or_default();
    json!([
        format!("{}T00:00:00+00:00", day(0)),
        format!("{}T23:59:59+00:00", day(1))
    ])
}
