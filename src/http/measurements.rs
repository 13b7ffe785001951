//! `POST …/measurements`: a program records what it knows. Reads the request and refuses it with the right status; the
//! rules of recording are the engine's, the token and the store come in as a trait.

use async_trait::async_trait;
use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::Deserialize;

use super::api;
use super::peer::Peer;
use super::problem::Problem;
use super::tries::Tries;
use crate::domain::cycle::Cycle;
use crate::domain::goals::KeyResult;
use crate::domain::reading::Reading;
use crate::engine::told::{self, Refusal, Told};
use crate::store::Entry;

/// Someone who records.
#[async_trait]
pub trait Recorder: Send + Sync {
    /// Whether this is the write token.
    ///
    /// # Errors
    /// Why it cannot be told, for the log.
    async fn admits(&self, token: &str) -> Result<bool, String>;

    /// Keeps the value: when this returns, it is on disk.
    ///
    /// # Errors
    /// What went wrong, for the log.
    async fn record(&self, entry: Entry) -> Result<(), String>;
}

/// The body of a request.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    value: serde_json::Number,
    at: Option<String>,
    note: Option<String>,
}

/// That the request comes from one who may write.
pub(super) async fn admit(
    recorder: Option<&dyn Recorder>,
    headers: &HeaderMap,
    tries: &Tries,
    peer: Option<Peer>,
) -> Result<(), Response> {
    let Some(recorder) = recorder else {
        let detail = "recording over HTTP is not enabled. Set `write_token = { file = \"…\" }` under `[server]`, or use \
                      `okrd record`";
        return Err(Problem::new(StatusCode::FORBIDDEN, detail).into_response());
    };
    let given = headers.get(header::AUTHORIZATION);
    let token = given.and_then(|value| value.to_str().ok()).and_then(bearer);
    let Some(token) = token else {
        return Err(unauthorized(
            "expected the header `Authorization: Bearer` with the write token that `server.write_token` names",
        ));
    };
    let Ok(tried) = tries.begin(peer).await else {
        let detail =
            "too many wrong write tokens came from this address; try again in a few seconds";
        let mut response = Problem::new(StatusCode::TOO_MANY_REQUESTS, detail).into_response();
        let later = HeaderValue::from_static("5");
        response.headers_mut().insert(header::RETRY_AFTER, later);
        return Err(response);
    };
    match recorder.admits(token).await {
        Ok(true) => Ok(()),
        Ok(false) => {
            tried.was_wrong().await;
            Err(unauthorized(
                "this is not the write token that `server.write_token` names",
            ))
        }
        Err(error) => {
            tracing::error!(error, "the write token cannot be read");
            let detail = "the write token cannot be read; the log of okrd says more";
            Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).into_response())
        }
    }
}

fn unauthorized(detail: &'static str) -> Response {
    let mut response = Problem::new(StatusCode::UNAUTHORIZED, detail).into_response();
    let challenge = HeaderValue::from_static("Bearer realm=\"okrd\"");
    let headers = response.headers_mut();
    headers.insert(header::WWW_AUTHENTICATE, challenge);
    response
}

/// The token in `Bearer TOKEN`; the scheme in any case.
fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
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
