//! Routes and what each answers. What other floors give (exposition, reload, history, clock) comes in as traits; knows no
//! metric and no store.

use std::sync::{Arc, Weak};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, State as Given};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::{Semaphore, watch};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::timeout::TimeoutLayer;

use super::access::Scope;
use super::ahead::Ahead;
use super::body::Gzip;
use super::conditional::Tag;
use super::guard::{PAGE_TYPE, dress, guard, panicked};
use super::house::{House, Snapshot};
use super::measurements;
use super::missing::Missing;
use super::negotiate;
use super::openapi;
use super::problem::Problem;
pub use super::state::{Chronicle, Exposition, Headers, HistoryReader, Reload, Saying, State};
use super::tries::Tries;
use super::wishes::Wishes;
use super::{api, aside, detail, missing, page, words};
use crate::domain::cycle::Cycle;
use crate::domain::id::KeyResultRef;
use crate::domain::scorecard::KeyResultCard;
use crate::engine::board::Board;
use crate::words::ENGLISH;

/// Every route, as it appears in the label of request counters; other paths count as [`OTHER`].
pub const ROUTES: [&str; 11] = [
    PAGE,
    STYLE,
    METRICS,
    HEALTHY,
    READY,
    RELOAD,
    SCORECARD,
    KEY_RESULT,
    HISTORY,
    MEASUREMENTS,
    OPENAPI,
];
/// The label of requests for paths that do not exist.
pub const OTHER: &str = "other";

const PAGE: &str = "/";
const STYLE: &str = "/style.css";
const METRICS: &str = "/metrics";
pub(super) const HEALTHY: &str = "/-/healthy";
pub(super) const READY: &str = "/-/ready";
pub(super) const RELOAD: &str = "/-/reload";
pub(super) const SCORECARD: &str = "/api/v1/scorecard";
pub(super) const KEY_RESULT: &str = "/api/v1/key-results/{objective}/{key_result}";
pub(super) const HISTORY: &str = "/api/v1/key-results/{objective}/{key_result}/history";
pub(super) const MEASUREMENTS: &str = "/api/v1/key-results/{objective}/{key_result}/measurements";
pub(super) const OPENAPI: &str = "/api/v1/openapi.json";

/// How long an answer may take to begin.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);
/// Age of the scheduler's last tick, which comes each second, from which the process is not healthy.
const STALLED_AFTER: Duration = Duration::from_secs(60);
/// Histories read at a time; more are asked to come back, so that the store is left to the engine.
const HISTORIES: usize = 4;
/// The largest request body in bytes.
pub(super) const LARGEST_BODY: usize = 64 * 1024;

/// The rest between two expositions made ahead: boards may come ten times a second.
const MADE_EVERY: Duration = Duration::from_millis(250);

/// Writes each new board for those who scrape, until the boards end. On a thread of its own: a worker that writes for
/// milliseconds may be the one that listens for all.
async fn make_ahead(house: Weak<House>, mut boards: watch::Receiver<Arc<Board>>) {
    while boards.changed().await.is_ok() {
        let Some(house) = house.upgrade() else { return };
        let board = Arc::clone(&boards.borrow_and_update());
        let kinds = house.ahead.wanted();
        if kinds.is_empty() {
            continue;
        }
        let made = tokio::task::spawn_blocking(move || {
            for (format, gzip) in &kinds {
                let state = &house.state;
                let parts = state.exposition.render(&board, &state.vitals, *format);
                if *gzip {
                    house.gzip.prepare(&parts.shared);
                }
            }
            house.ahead.made(board, kinds);
        });
        // A panic was logged; the next scrape writes for itself.
        let _ = made.await;
        tokio::time::sleep(MADE_EVERY).await;
    }
}

/// All routes. Must be called on a runtime.
pub fn router(state: State) -> Router {
    let house = Arc::new(House {
        state,
        ahead: Ahead::default(),
        gzip: Gzip::default(),
        page: Snapshot::default(),
        scorecard: Snapshot::default(),
        histories: Arc::new(Semaphore::new(HISTORIES)),
        tries: Tries::default(),
    });
    let boards = house.state.board.clone();
    tokio::spawn(make_ahead(Arc::downgrade(&house), boards));
    Router::new()
        .route(PAGE, get(landing))
        .route(STYLE, get(style))
        .route(METRICS, get(metrics))
        .route(HEALTHY, get(healthy))
        .route(READY, get(ready))
        .route(RELOAD, post(reload).put(reload))
        .route(SCORECARD, get(scorecard))
        .route(KEY_RESULT, get(key_result))
        .route(HISTORY, get(history))
        .route(MEASUREMENTS, post(measurements))
        .route(OPENAPI, get(openapi_document))
        .layer(middleware::from_fn_with_state(Arc::clone(&house), guard))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(TimeoutLayer::with_status_code(
            StatusCode::SERVICE_UNAVAILABLE,
            ANSWER_WITHIN,
        ))
        .layer(middleware::from_fn_with_state(Arc::clone(&house), dress))
        .with_state(house)
}

/// What each handler is given.
pub(super) type Shared = Given<Arc<House>>;

#[derive(Deserialize)]
struct Look {
    cycle: Option<String>,
    team: Option<String>,
    key_result: Option<String>,
}

/// The page; with `?cycle=NAME` that of one cycle, such as one that ended, with `?team=NAME` that of a team, with
/// `?key_result=NAME` that of one key result.
async fn landing(Given(house): Shared, Query(look): Query<Look>, headers: HeaderMap) -> Response {
    let (board, now) = (house.board(), house.now());
    let found = match look.key_result.as_deref() {
        Some(name) => one(&house, &board, name, now).await,
        None => view(&board, &look).map(|view| match view {
            view if view.is_whole() => {
                let whole = || page::page(&board, view, now);
                house.page.get(&board, now, whole)
            }
            view => page::page(&board, view, now).into(),
        }),
    };
    let (status, text) = match found {
        Ok(text) => (StatusCode::OK, text),
        Err(missing) => {
            let text = missing::page(&board, missing, now);
            (StatusCode::NOT_FOUND, text.into())
        }
    };
    let mut response = house.shared(&headers, PAGE_TYPE, text);
    *response.status_mut() = status;
    response
}

/// Which cycle and team are to be shown.
fn view<'b>(board: &'b Board, look: &'b Look) -> Result<page::View<'b>, Missing<'b>> {
    let scorecard = &board.scorecard;
    let cycle = look.cycle.as_deref().map(|name| {
        let mut all = scorecard.cycles.iter();
        all.find(|cycle| cycle.name.as_str() == name)
            .ok_or(Missing::Cycle(name))
    });
    let team = look.team.as_deref().map(|name| {
        let mut all = scorecard.teams.keys();
        all.find(|team| team.as_str() == name)
            .ok_or(Missing::Team(name))
    });
    let (cycle, team) = (cycle.transpose()?, team.transpose()?);
    Ok(page::View { cycle, team })
}

/// The page of one key result. Without its past when that cannot be read: what is known now is worth a page.
async fn one<'q>(
    house: &House,
    board: &Board,
    name: &'q str,
    now: Timestamp,
) -> Result<Arc<String>, Missing<'q>> {
    let subject = detail::find(board, name, now).ok_or(Missing::KeyResult(name))?;
    let past = aside::chronicle(house, board, subject.card, subject.cycle, now).await;
    Ok(detail::page(board, subject, past.ok().as_ref(), now).into())
}

#[derive(Deserialize)]
struct Version {
    v: Option<String>,
}

/// Kept for ever under the version that the page names, which changes with it, and looked for anew under any other.
async fn style(Query(version): Query<Version>) -> impl IntoResponse {
    let cache = match version.v {
        Some(v) if v == page::style_version() => "max-age=31536000, immutable",
        _ => "no-cache",
    };
    let headers = [
        (header::CONTENT_TYPE, "text/css; charset=utf-8"),
        (header::CACHE_CONTROL, cache),
    ];
    (headers, page::STYLE)
}

async fn openapi_document(Given(house): Shared, headers: HeaderMap) -> Response {
    let document = openapi::document();
    let tag = Tag::of([document.as_bytes()]);
    tag.answer(&headers, || house.gzip.json(&headers, document.to_owned()))
}

async fn metrics(Given(house): Shared, headers: HeaderMap) -> Result<Response, Problem> {
    let (format, content_type) = negotiate::exposition(&headers);
    let content_type = HeaderValue::from_str(&content_type)
        .map_err(|_| Problem::of(StatusCode::INTERNAL_SERVER_ERROR))?;
    let kind = (format, negotiate::gzip(&headers));
    let board = house.ahead.board(house.board(), kind);
    let state = &house.state;
    let parts = state.exposition.render(&board, &state.vitals, format);
    let mut response = house.gzip.answer(&headers, content_type, parts);
    response
        .headers_mut()
        .append(header::VARY, HeaderValue::from_static("Accept"));
    Ok(response)
}

/// Healthy while the scheduler ticks; a failing source never shows here.
async fn healthy(Given(house): Shared) -> Result<&'static str, Problem> {
    let idle = house.now().duration_since(house.state.vitals.last_tick());
    if idle.as_secs_f64() > STALLED_AFTER.as_secs_f64() {
        let detail = format!(
            "the scheduler last went round {} s ago, expected each second",
            idle.as_secs()
        );
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail));
    }
    Ok("okrd is Healthy.\n")
}

/// Ready when it serves and polls. A source that nobody asks until somebody acts makes it no less ready, and is named.
async fn ready(Given(house): Shared) -> Result<String, Problem> {
    match house.state.vitals.not_ready() {
        None => {
            let (board, now) = (house.board(), house.now());
            // Names of sources are for those who may read.
            let told = house.state.keys.open().has(Scope::Read);
            let suspended = board.sources.iter();
            let suspended = suspended.filter(|source| told && source.suspended);
            let lines = suspended.filter_map(|source| {
                let held = words::held(ENGLISH, &source.name, source.held?, now);
                Some(format!("source {}: {held}\n", source.name))
            });
            let ready = "okrd is Ready.\n".to_owned();
            Ok(std::iter::once(ready).chain(lines).collect())
        }
        Some(reason) => Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, reason)),
    }
}

/// Runs to its end even if the client leaves meanwhile. Pages of other sites cannot trigger it: browsers name the
/// origin of such requests, and no page of ours sends any.
async fn reload(Given(house): Shared, headers: HeaderMap, body: Body) -> Result<String, Problem> {
    let Some(hook) = house.state.lifecycle.clone() else {
        return Err(Problem::of(StatusCode::FORBIDDEN));
    };
    if headers.contains_key(header::ORIGIN) || headers.contains_key("sec-fetch-site") {
        let detail = "a reload cannot be asked for by a browser; use a command line client";
        return Err(Problem::new(StatusCode::FORBIDDEN, detail));
    }
    // What was not sent to its end was perhaps not meant.
    whole(body).await?;
    let outcome = tokio::spawn(async move { hook.reload().await }).await;
    match outcome {
        Ok(Ok(difference)) => Ok(format!("reloaded: {difference}\n")),
        Ok(Err(findings)) => Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, findings)),
        Err(_) => Err(Problem::of(StatusCode::INTERNAL_SERVER_ERROR)),
    }
}

async fn scorecard(Given(house): Shared, headers: HeaderMap) -> Result<Response, Problem> {
    let (board, now) = (house.board(), house.now());
    // Nothing in it can fail to serialise; an empty text would still not pass for a scorecard.
    let make = || serde_json::to_string(&api::scorecard(&board, now)).unwrap_or_default();
    let text = house.scorecard.get(&board, now, make);
    if text.is_empty() {
        return Err(Problem::of(StatusCode::INTERNAL_SERVER_ERROR));
    }
    Ok(of_board(&board).answer(&headers, || {
        house.shared(&headers, "application/json", text)
    }))
}

/// The tag of everything that one board says. What passes with each second, such as how much of a cycle is over, is no
/// other state; a cycle that begins or ends makes another board.
fn of_board(board: &Arc<Board>) -> Tag {
    let made = board.scorecard.at.as_nanosecond().to_le_bytes();
    let place = (Arc::as_ptr(board).addr()).to_le_bytes();
    Tag::of([&made[..], &place])
}

async fn key_result(
    Given(house): Shared,
    Path(path): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (board, now) = (house.board(), house.now());
    let (card, _) = find(&board, &path, now)?;
    let text = json(&api::key_result(card))?;
    let tag = Tag::of([text.as_bytes()]);
    Ok(tag.answer(&headers, || house.gzip.json(&headers, text)))
}

async fn history(
    Given(house): Shared,
    Path(path): Path<(String, String)>,
    Query(wishes): Query<Vec<(String, String)>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (board, now) = (house.board(), house.now());
    let (card, cycle) = find(&board, &path, now)?;
    let wishes = Wishes::of(&wishes)?;
    let stretch = wishes.resolve(cycle, now)?;
    let portion = aside::portion(&house, &board, card, cycle, stretch).await?;
    let next = portion
        .next
        .map(|next| wishes.link(&card.key_result.id, stretch, next));
    let answer = |to| api::history(card, cycle, (stretch.from, to), &portion, next.clone());
    let text = json(&answer(stretch.to))?;
    // Up to now is another range each second, and the same state until something is measured.
    let tag = match wishes.to {
        Some(_) => Tag::of([text.as_bytes()]),
        None => Tag::of([json(&answer(stretch.from))?.as_bytes()]),
    };
    let link = next.as_ref().map(|next| format!("<{next}>; rel=\"next\""));
    let mut response = tag.answer(&headers, || house.gzip.json(&headers, text));
    if let Some(link) = link.and_then(|link| HeaderValue::from_str(&link).ok()) {
        response.headers_mut().insert(header::LINK, link);
    }
    Ok(response)
}

/// Runs to its end even if the client leaves meanwhile.
async fn measurements(
    Given(house): Shared,
    Path(path): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let recorder = house.state.recorder.clone();
    measurements::is_json(&headers)?;
    let body = whole(body).await?;
    let (board, now) = (house.board(), house.now());
    let (card, cycle) = find(&board, &path, now)?;
    let entry = measurements::entry(&body, &card.key_result, cycle, now)?;
    let told = entry.clone();
    let keeping = tokio::spawn(async move {
        match recorder {
            Some(recorder) => recorder.record(told).await,
            None => Err("there is nobody to record".to_owned()),
        }
    });
    match keeping.await {
        Ok(Ok(())) => Ok(measurements::kept(&entry)),
        Ok(Err(error)) => {
            tracing::error!(key_result = %entry.key_result, error, "a value told over HTTP was not kept");
            let detail = "the store did not take the value, nothing of it was kept; the log of okrd says more";
            Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail))
        }
        Err(_) => Err(Problem::of(StatusCode::INTERNAL_SERVER_ERROR)),
    }
}

/// A body to its end, within the limit.
async fn whole(body: Body) -> Result<Bytes, Problem> {
    // Its length was announced and looked at, so what fails is the sending.
    axum::body::to_bytes(body, LARGEST_BODY).await.map_err(|_| {
        let detail = "the body ended before the length that its head announces";
        Problem::new(StatusCode::BAD_REQUEST, detail)
    })
}

fn json(value: &impl Serialize) -> Result<String, Problem> {
    serde_json::to_string(value).map_err(|_| Problem::of(StatusCode::INTERNAL_SERVER_ERROR))
}

fn find<'a>(
    board: &'a Board,
    path: &(String, String),
    now: Timestamp,
) -> Result<(&'a KeyResultCard, &'a Cycle), Problem> {
    let name = format!("{}/{}", path.0, path.1);
    let found = KeyResultRef::parse(&name)
        .ok()
        .and_then(|name| api::find(board, &name, now));
    found.ok_or_else(|| {
        let detail = format!(
            "there is no key result `{}`; /api/v1/scorecard lists all",
            name.escape_debug()
        );
        Problem::new(StatusCode::NOT_FOUND, detail)
    })
}
