//! What holds for every request and every answer, whatever the route: who is let in, limits, problems for errors, headers
//! that keep browsers from doing more than showing, one count a request.

use std::any::Any;

use axum::extract::State as Given;
use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::access::{self, Scope};
use super::negotiate;
use super::peer::Peer;
use super::problem::{self, Problem};
use super::router::{HEALTHY, LARGEST_BODY, MEASUREMENTS, OTHER, READY, RELOAD, Shared};
use super::state::State;

/// Below this everything is JSON.
const API: &str = "/api/";

/// Refuses whoever means another host or may not do this, and before anything of it is read a body above the limit or in
/// chunks: no request of ours needs them, and a length beside chunks is how requests are smuggled through a proxy.
pub(super) async fn guard(Given(house): Shared, request: Request, next: Next) -> Response {
    if let Err(problem) = house.state.loopback.admit(&request) {
        return problem.into_response();
    }
    if request.headers().contains_key(header::TRANSFER_ENCODING) {
        let detail = "a body in chunks is not taken; send it with its Content-Length";
        let mut response = Problem::new(StatusCode::LENGTH_REQUIRED, detail).into_response();
        // What follows on this connection cannot be told from the rest of the body.
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
        return response;
    }
    let announced = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > LARGEST_BODY as u64) {
        return Problem::of(StatusCode::PAYLOAD_TOO_LARGE).into_response();
    }
    let state = &house.state;
    match needed(state, &request) {
        Ok(None) => {}
        Ok(Some(scope)) => {
            let peer = request.extensions().get::<Peer>().copied();
            let (keys, headers) = (state.keys.as_ref(), request.headers());
            if let Err(refused) = access::admit(keys, scope, headers, &house.tries, peer).await {
                return refused;
            }
        }
        Err(problem) => return problem.into_response(),
    }
    if request.uri().path().starts_with(API) && !negotiate::json(request.headers()) {
        return Problem::of(StatusCode::NOT_ACCEPTABLE).into_response();
    }
    next.run(request).await
}

/// What must be allowed to whoever asks. Whether the process lives is open to all: those who restart it know no secret.
fn needed(state: &State, request: &Request) -> Result<Option<Scope>, Problem> {
    let route = request.extensions().get::<MatchedPath>();
    let off = |detail: &str| Err(Problem::new(StatusCode::FORBIDDEN, detail));
    match route.map(MatchedPath::as_str) {
        Some(HEALTHY | READY) => Ok(None),
        Some(RELOAD) if [Method::POST, Method::PUT].contains(request.method()) => {
            if state.lifecycle.is_none() {
                return off(
                    "Lifecycle API is not enabled. Set `lifecycle = true` under `[server]`, or send SIGHUP",
                );
            }
            Ok(Some(Scope::Reload))
        }
        Some(MEASUREMENTS) if request.method() == Method::POST => {
            if state.recorder.is_none() {
                return off(
                    "recording over HTTP is not enabled. Set `write_token = { file = \"…\" }` under `[server]`, or use `okrd record`",
                );
            }
            Ok(Some(Scope::Write))
        }
        _ => Ok(Some(Scope::Read)),
    }
}

pub(super) fn panicked(_: Box<dyn Any + Send>) -> Response {
    Problem::of(StatusCode::INTERNAL_SERVER_ERROR).into_response()
}

/// What every answer gets: errors become problems, headers that keep browsers from doing more than showing, a count.
pub(super) async fn dress(Given(house): Shared, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let mut response = next.run(request).await;
    let status = response.status();
    // A page may say so in its own words.
    let is_told = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|value| value == problem::MEDIA_TYPE || value == PAGE_TYPE);
    if (status.is_client_error() || status.is_server_error()) && !is_told {
        let allow = response.headers_mut().remove(header::ALLOW);
        response = Problem::of(status).into_response();
        if let Some(allow) = allow {
            response.headers_mut().insert(header::ALLOW, allow);
        }
    }
    let headers = response.headers_mut();
    for (name, value) in SECURITY {
        headers.insert(name, HeaderValue::from_static(value));
    }
    for (name, value) in (house.state.headers)().iter() {
        headers.insert(name.clone(), value.clone());
    }
    let cache = match house.state.keys.open().has(Scope::Read) {
        true => "no-cache",
        false => "private, no-cache",
    };
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static(cache));
    if status == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    let route = route.as_ref().map_or(OTHER, MatchedPath::as_str);
    house.state.exposition.served(route, status.as_u16());
    response
}

/// What a page is.
pub(super) const PAGE_TYPE: &str = "text/html; charset=utf-8";

/// No script, nothing from elsewhere, no frame, no guess at types, no word to other sites.
const SECURITY: [(HeaderName, &str); 6] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
];
