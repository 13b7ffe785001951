//! `POST …/measurements`: a program records what it knows. Reads the request and refuses it with the right status; the
//! rules of recording are the engine's, the store comes in as a trait.

use async_trait::async_trait;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;

use super::api;
use super::problem::Problem;
use crate::domain::cycle::Cycle;
use crate::domain::goals::KeyResult;
use crate::domain::reading::Reading;
use crate::engine::told::{self, Refusal, Told};
use crate::store::Entry;

/// Someone who records.
#[async_trait]
pub trait Recorder: Send + Sync {
    /// Keeps the value: when this returns, it is on disk.
    ///
    /// # Errors
    /// What went wrong, for the log.
    async fn record(&self, entry: Entry) -> Result<(), String>;
}

/// A value as it is told.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Told")]
pub(super) struct Said {
    /// The value, in the unit of the key result.
    value: serde_json::Number,
    /// The instant it describes, never in the future; now by default.
    #[schemars(extend("format" = "date-time"))]
    at: Option<String>,
    /// A few words kept beside it.
    #[schemars(length(max = 2000))]
    note: Option<String>,
}

/// That the body calls itself JSON.
pub(super) fn is_json(headers: &HeaderMap) -> Result<(), Problem> {
    let given = headers.get(header::CONTENT_TYPE);
    let media = given
        .and_then(|value| value.to_str().ok())
        .map(|value| value.split(';').next().unwrap_or_default().trim());
    if media.is_some_and(|media| media.eq_ignore_ascii_case("application/json")) {
        return Ok(());
    }
    Err(Problem::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "expected a body of Content-Type application/json, such as {\"value\": 34}",
    ))
}

/// What the body says, as the store keeps it.
pub(super) fn entry(
    body: &Bytes,
    key_result: &KeyResult,
    cycle: &Cycle,
    now: Timestamp,
) -> Result<Entry, Problem> {
    let said: Said = serde_json::from_slice(body).map_err(|error| {
        let status = if error.is_data() {
            StatusCode::UNPROCESSABLE_ENTITY
        } else {
            StatusCode::BAD_REQUEST
        };
        let detail = format!(
            "the body is not what is expected, {{\"value\": number, \"at\"?: instant, \"note\"?: text}}: {error}"
        );
        Problem::new(status, detail)
    })?;
    let unfit = |detail: String| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail);
    let value = Reading::parse(&said.value.to_string())
        .map_err(|fault| unfit(format!("`value`: {}", fault.message)))?;
    let at = said.at.as_deref().map(|text| {
        text.parse::<Timestamp>().map_err(|_| {
            let found: String = text.chars().take(60).collect();
            unfit(format!(
                "`at` is `{}`, expected an instant such as 2026-11-01T06:00:00Z",
                found.escape_debug()
            ))
        })
    });
    let told = Told {
        value,
        at: at.transpose()?,
        note: said.note,
        author: None,
    };
    told::entry(key_result, cycle, told, now).map_err(|refusal| {
        let status = match refusal {
            Refusal::Measured { .. }
            | Refusal::Computed { .. }
            | Refusal::Stated { .. }
            | Refusal::Closed { .. } => StatusCode::CONFLICT,
            Refusal::NeitherNor { .. }
            | Refusal::Future { .. }
            | Refusal::LongNote { .. }
            | Refusal::NoShare { .. }
            | Refusal::Nothing { .. } => StatusCode::UNPROCESSABLE_ENTITY,
        };
        Problem::new(status, refusal.to_string())
    })
}

/// The answer to a value that is kept.
pub(super) fn kept(entry: &Entry) -> Response {
    (StatusCode::CREATED, axum::Json(api::recorded(entry))).into_response()
}
