//! Errors as problem details (RFC 9457): one JSON object, the same for every route. Knows no route.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;

/// The media type of a problem.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// What went wrong, for the one who asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The status of the answer.
    pub status: StatusCode,
    /// What was found, what was expected, and the remedy.
    pub detail: String,
}

impl Problem {
    /// A problem with a sentence for people.
    #[must_use]
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            status,
            detail: detail.into(),
        }
    }

    /// The problem of a status about which nothing else is known.
    #[must_use]
    pub fn of(status: StatusCode) -> Self {
        Self::new(
            status,
            match status {
                StatusCode::NOT_FOUND => {
                    "there is nothing under this path; `/` links to what there is"
                }
                StatusCode::METHOD_NOT_ALLOWED => {
                    "this path does not take this method; `Allow` names those that it takes"
                }
                StatusCode::SERVICE_UNAVAILABLE => {
                    "the answer was not ready in time; try again later"
                }
                StatusCode::BAD_REQUEST => {
                    "path or query cannot be read: expected percent escapes of UTF-8 text, and each parameter once"
                }
                StatusCode::NOT_ACCEPTABLE => {
                    "this answers application/json, which the request's `Accept` leaves out"
                }
                StatusCode::PAYLOAD_TOO_LARGE => "the request's body is too large",
                StatusCode::INTERNAL_SERVER_ERROR => "a fault of okrd itself; its log says more",
                _ => "the request cannot be answered",
            },
        )
    }
}

/// An error (RFC 9457).
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Problem", deny_unknown_fields)]
pub(super) struct Details<'a> {
    /// Always `about:blank`: the status says which kind it is.
    r#type: &'static str,
    /// The status in words.
    title: &'static str,
    #[schemars(range(min = 400, max = 599))]
    status: u16,
    /// What was found, what was expected, and the remedy.
    detail: &'a str,
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let details = Details {
            r#type: "about:blank",
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            detail: &self.detail,
        };
        let mut response = (self.status, Json(details)).into_response();
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        response
    }
}
