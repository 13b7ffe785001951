//! The API against its own description: the document is sound, what is really answered is in it, conditional requests and
//! pages keep what they promise, and nothing that a stranger sends makes the server fail or say what is not described.
#![expect(clippy::unwrap_used, reason = "tests")]

extern crate okrd;

#[expect(dead_code, reason = "other tests use the rest")]
mod sample;

#[path = "sample/token.rs"]
mod token;

#[path = "openapi/mod.rs"]
mod openapi;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::{HeaderMap, Method, Request};
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use jiff::{SignedDuration, Timestamp};
use okrd::domain::cycle::Cycle;
use okrd::domain::epoch::{Epoch, Measured, Past};
use okrd::domain::goals::{KeyResult, Objective};
use okrd::domain::quality::Quality;
use okrd::engine::board::Board;
use okrd::engine::vitals::Vitals;
use okrd::http::access::{Credential, Keys, Scope, Scopes};
use okrd::http::hosts::Loopback;
use okrd::http::measurements::Recorder;
use okrd::http::paging::{Portion, Stretch};
use okrd::http::router::{Chronicle, HistoryReader, ROUTES, State, router};
use okrd::metrics::exposition::{Build, Metrics};
use okrd::store::Entry;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::Value;
use tokio::sync::watch;

use openapi::Document;

/// What no answer may say: it stands where an API never looks.
const SECRET: &str = "hunter2-of-the-recorder";

/// An answer whole.
struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        let found = self.headers.get(name);
        found.map_or("", |value| value.to_str().unwrap())
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

async fn ask(service: &TowerToHyperService<Router>, request: Request<Body>) -> Answer {
    let answer = service.call(request).await.unwrap();
    Answer {
        status: answer.status().as_u16(),
        headers: answer.headers().clone(),
        body: to_bytes(Body::new(answer.into_body()), usize::MAX)
            .await
            .unwrap(),
    }
}

async fn get(
    service: &TowerToHyperService<Router>,
    path: &str,
    headers: &[(&str, &str)],
) -> Answer {
    let request = Request::get(path);
    let request = headers.iter().fold(request, |request, (name, value)| {
        request.header(*name, *value)
    });
    ask(service, request.body(Body::empty()).unwrap()).await
}

/// Values that a test may add to, at their slots.
#[derive(Clone, Default)]
struct Shelf(Arc<std::sync::Mutex<Vec<(Timestamp, f64)>>>);

#[async_trait]
impl HistoryReader for Shelf {
    async fn series(
        &self,
        _: &Objective,
        key_result: &KeyResult,
        _: &Cycle,
        stretch: Stretch,
    ) -> Result<Portion, String> {
        let begin = stretch.begin();
        let all = self.0.lock().unwrap();
        let range = begin.at..stretch.to;
        let values: Vec<_> = all.iter().filter(|(at, _)| range.contains(at)).collect();
        let slots: Vec<_> = values.iter().map(|(at, _)| *at).collect();
        let (page, next) = stretch.cut(&slots, None);
        let measured = |(at, value): &&(Timestamp, f64)| Measured {
            definition: key_result.definition.as_str().into(),
            as_of: *at,
            value: *value,
            origin: "polled",
            quality: Quality::default(),
        };
        let values: Vec<_> = values.iter().map(measured).collect();
        let epochs = values
            .first()
            .zip(values.last())
            .map(|(first, last)| Epoch {
                definition: key_result.definition.clone(),
                first: first.as_of,
                last: last.as_of,
            });
        let epochs = epochs.into_iter().collect();
        let past = Past { epochs, values };
        Ok(Portion { past, page, next })
    }

    async fn chronicle(
        &self,
        _: &Arc<Objective>,
        _: &KeyResult,
        _: &Cycle,
        _: okrd::domain::method::Method,
        _: Timestamp,
    ) -> Result<Chronicle, String> {
        Ok(Chronicle::default())
    }
}

struct Keeper;

#[async_trait]
impl Recorder for Keeper {
    async fn record(&self, entry: Entry) -> Result<(), String> {
        let value = entry.outcome.map(|reading| reading.value);
        match value {
            Ok(value) if value < 0.0 => Err(format!("disk on fire: {SECRET}")),
            _ => Ok(()),
        }
    }
}

/// The server without its sockets, with what may be changed beside it.
struct House {
    service: TowerToHyperService<Router>,
    board: watch::Sender<Arc<Board>>,
    clock: Arc<AtomicI64>,
    shelf: Shelf,
}

impl House {
    /// Must be called on a runtime.
    fn open() -> Self {
        Self::with(Arc::new(token::OneToken))
    }

    fn with(keys: Arc<dyn Keys>) -> Self {
        let mut board = sample::board();
        // One that programs may record.
        let objective = Arc::make_mut(board.scorecard.objectives.last_mut().unwrap());
        let card = Arc::make_mut(&mut objective.key_results[0]);
        Arc::make_mut(&mut card.key_result).feed = okrd::domain::goals::Feed::Recorded;
        let (board, receiver) = watch::channel(Arc::new(board));
        let clock = Arc::new(AtomicI64::new(sample::now().as_second()));
        let build = Build {
            version: "0.1.0",
            revision: "",
            rustc: "",
        };
        let metrics = Metrics::new(build, sample::now()).unwrap();
        metrics.know_handlers(&ROUTES);
        let vitals = Arc::new(Vitals::starting(sample::now()));
        vitals.set_readiness(None);
        let (hands, shelf) = (Arc::clone(&clock), Shelf::default());
        let state = State {
            board: receiver,
            vitals,
            exposition: Arc::new(metrics),
            lifecycle: None,
            recorder: Some(Arc::new(Keeper)),
            keys,
            headers: Arc::new(Arc::default),
            loopback: Loopback::of(([0, 0, 0, 0], 0).into()),
            history: Arc::new(shelf.clone()),
            clock: Arc::new(move || Timestamp::from_second(hands.load(Ordering::Relaxed)).unwrap()),
        };
        Self {
            service: TowerToHyperService::new(router(state)),
            board,
            clock,
            shelf,
        }
    }

    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        get(&self.service, path, headers).await
    }

    async fn document(&self) -> Document {
        let answer = self.get("/api/v1/openapi.json", &[]).await;
        assert_eq!(answer.status, 200);
        Document::read(answer.json())
    }
}

const KR: &str = "/api/v1/key-results/more-visitors/subscribers";

#[tokio::test]
async fn the_description_is_an_openapi_document_of_all_routes() {
    let house = House::open();
    let document = house.document().await;
    document.is_sound();
    let mut routes: Vec<&str> = ROUTES
        .into_iter()
        .filter(|r| r.starts_with("/api/"))
        .collect();
    routes.sort_unstable();
    assert_eq!(document.paths(), routes);
    // Every closed set of the method is there, and what a person may not be told of is not.
    let text = document.root.to_string();
    for word in [
        "\"off_track\"",
        "\"daily\"",
        "\"theil_sen\"",
        "\"too_easy\"",
        "\"sql_refused\"",
    ] {
        assert!(text.contains(word), "{word}");
    }
    assert!(!text.contains("author"));
}

#[tokio::test]
async fn what_is_answered_is_described_to_the_last_field() {
    let house = House::open();
    let document = house.document().await;
    let mut paths = vec![
        "/api/v1/scorecard".to_owned(),
        "/api/v1/openapi.json".to_owned(),
    ];
    let card = house.get("/api/v1/scorecard", &[]).await.json();
    for objective in card["objectives"].as_array().unwrap() {
        for key_result in objective["key_results"].as_array().unwrap() {
            let id = key_result["id"].as_str().unwrap();
            let cycle = key_result["cycle"].as_str().unwrap();
            paths.push(format!("/api/v1/key-results/{cycle}:{id}"));
            paths.push(format!("/api/v1/key-results/{cycle}:{id}/history"));
        }
    }
    assert!(paths.len() > 10);
    for path in paths {
        let answer = house.get(&path, &[]).await;
        assert_eq!(answer.status, 200, "{path}");
        document.describes("GET", &path, &answer.headers, answer.status, &answer.body);
    }
}

#[tokio::test]
async fn whoever_has_an_answer_is_not_sent_it_again() {
    let house = House::open();
    for path in [
        "/api/v1/scorecard",
        KR,
        &format!("{KR}/history"),
        "/api/v1/openapi.json",
    ] {
        let first = house.get(path, &[]).await;
        let tag = first.header("etag").to_owned();
        assert!(tag.starts_with("W/\"") && tag.len() > 12, "{path}: {tag}");
        assert_eq!(first.header("cache-control"), "no-cache");
        // Seconds pass, and nothing is measured.
        house.clock.fetch_add(40, Ordering::Relaxed);
        for named in [tag.clone(), format!("\"other\", {tag}"), "*".into()] {
            let again = house.get(path, &[("if-none-match", &named)]).await;
            assert_eq!(again.status, 304, "{path} {named}");
            assert_eq!(again.header("etag"), tag);
            assert!(again.body.is_empty() && !again.headers.contains_key("content-type"));
            assert_eq!(again.header("cache-control"), "no-cache");
            let packed = [("if-none-match", &*named), ("accept-encoding", "gzip")];
            assert_eq!(house.get(path, &packed).await.status, 304, "{path}");
        }
        let other = house.get(path, &[("if-none-match", "W/\"other\"")]).await;
        assert_eq!((other.status, other.header("etag")), (200, &*tag));
    }
    // Something is measured: each says so, and only what it concerns.
    let tag_of = async |path: &str| house.get(path, &[]).await.header("etag").to_owned();
    let accounts = "/api/v1/key-results/more-visitors/accounts";
    let before = [
        tag_of("/api/v1/scorecard").await,
        tag_of(KR).await,
        tag_of(accounts).await,
        tag_of(&format!("{KR}/history")).await,
    ];
    let mut board = Board::clone(&house.board.borrow());
    for objective in &mut board.scorecard.objectives {
        for card in &mut Arc::make_mut(objective).key_results {
            if card.key_result.id.key_result.as_str() == "subscribers" {
                let card = Arc::make_mut(card);
                card.value = card.value.map(|(value, at)| (value + 1.0, at));
            }
        }
    }
    house.board.send_replace(Arc::new(board));
    let slot = sample::now() - SignedDuration::from_hours(1);
    house.shelf.0.lock().unwrap().push((slot, 781.0));
    assert_ne!(tag_of("/api/v1/scorecard").await, before[0]);
    assert_ne!(tag_of(KR).await, before[1]);
    assert_eq!(tag_of(accounts).await, before[2]);
    assert_ne!(tag_of(&format!("{KR}/history")).await, before[3]);
}

#[tokio::test]
async fn a_history_is_read_page_by_page_whatever_is_measured_meanwhile() {
    let house = House::open();
    let start = sample::now() - SignedDuration::from_hours(300);
    let slot = |nth: usize| start + SignedDuration::from_hours(nth as i64);
    house
        .shelf
        .0
        .lock()
        .unwrap()
        .extend((0..250).map(|nth| (slot(nth), nth as f64)));
    let (mut path, mut seen) = (format!("{KR}/history?limit=60"), Vec::new());
    let document = house.document().await;
    let mut pages = 0;
    loop {
        let answer = house.get(&path, &[]).await;
        document.describes("GET", &path, &answer.headers, answer.status, &answer.body);
        let json = answer.json();
        let values = json["measurements"].as_array().unwrap();
        assert!(values.len() <= 60);
        seen.extend(values.iter().map(|value| value["value"].as_f64().unwrap()));
        pages += 1;
        // A new value at the end, as each poll brings one; the pages asked for end where they ended.
        house.shelf.0.lock().unwrap().push((sample::now(), 9999.0));
        house.clock.fetch_add(3600, Ordering::Relaxed);
        let Some(next) = json["next"].as_str() else {
            assert!(!answer.headers.contains_key("link"));
            break;
        };
        assert_eq!(answer.header("link"), format!("<{next}>; rel=\"next\""));
        assert!(next.contains("2026-Q4:more-visitors"), "{next}");
        path = next.to_owned();
    }
    let expected: Vec<f64> = (0..250).map(|nth| nth as f64).collect();
    assert_eq!(seen[..250], expected);
    assert!(seen[250..].iter().all(|value| *value == 9999.0) && pages >= 5);
    let refused = [
        ("limit=0", "limit"),
        ("limit=10001", "10000"),
        ("limit=-1", "limit"),
        ("limit=many", "`many`"),
        ("after=soon", "`soon`"),
        ("after=2020-01-01T00:00:00Z~0", "link to the next page"),
        ("from=yesterday", "`yesterday`"),
        ("from=2026-11-02&to=2026-11-01", "not after"),
        ("frm=2026-11-01", "there is no parameter `frm`"),
        ("from=2026-11-01&from=2026-11-02", "given twice"),
    ];
    for (query, said) in refused {
        let answer = house.get(&format!("{KR}/history?{query}"), &[]).await;
        assert_eq!(answer.status, 400, "{query}");
        assert_eq!(answer.header("content-type"), "application/problem+json");
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(said), "{query}: {detail}");
    }
}

#[tokio::test]
async fn errors_are_problems_with_what_a_client_needs_to_know() {
    let house = House::open();
    let post = async |path: &str, headers: &[(&str, &str)], body: &str| {
        let request = Request::post(path).header("content-length", body.len());
        let request = headers.iter().fold(request, |r, (n, v)| r.header(*n, *v));
        ask(
            &house.service,
            request.body(Body::from(body.to_owned())).unwrap(),
        )
        .await
    };
    let record = format!("{KR}/measurements");
    let token = ("authorization", "Bearer let-me");
    let json = ("content-type", "application/json");
    let get = async |path: &str, headers: &[(&str, &str)]| house.get(path, headers).await;
    for (answer, status, header) in [
        (get("/api/v1/none", &[]).await, 404, None),
        (get(&record, &[]).await, 405, Some(("allow", "POST"))),
        (
            post("/api/v1/scorecard", &[], "").await,
            405,
            Some(("allow", "GET,HEAD")),
        ),
        (get(KR, &[("accept", "text/html")]).await, 406, None),
        (post(&record, &[token], "{}").await, 415, None),
        (post(&record, &[token, json], "{}").await, 422, None),
        (
            post(&record, &[token, json], &" ".repeat(70_000)).await,
            413,
            None,
        ),
        (
            post(&record, &[json], "{}").await,
            401,
            Some(("www-authenticate", "Bearer realm=\"okrd\"")),
        ),
    ] {
        assert_eq!(answer.status, status);
        assert_eq!(
            answer.header("content-type"),
            "application/problem+json",
            "{status}"
        );
        let problem = answer.json();
        assert_eq!(problem["status"], status);
        assert!(problem["detail"].as_str().unwrap().len() > 10 && problem["title"].is_string());
        if let Some((name, value)) = header {
            assert_eq!(answer.header(name), value);
        }
    }
}

/// F76: no page of another site reads or changes anything, whatever it tries.
#[tokio::test]
async fn f76_pages_of_other_sites_are_told_nothing_and_change_nothing() {
    let house = House::open();
    let foreign = ("origin", "https://evil.example");
    for path in ["/", "/metrics", "/api/v1/scorecard", KR] {
        let answer = house.get(path, &[foreign]).await;
        for (name, _) in &answer.headers {
            assert!(
                !name.as_str().starts_with("access-control"),
                "{path}: {name}"
            );
            assert_ne!(name.as_str(), "set-cookie");
        }
        assert_eq!(answer.header("cross-origin-resource-policy"), "same-origin");
        // What a browser asks before it sends a request that is not simple.
        let preflight = Request::options(path)
            .header("origin", "https://evil.example")
            .header("access-control-request-method", "POST")
            .body(Body::empty())
            .unwrap();
        let answer = ask(&house.service, preflight).await;
        assert_eq!(answer.status, 405, "{path}");
        assert!(!answer.headers.contains_key("access-control-allow-origin"));
    }
    // A form, or what a script may send without asking first.
    for media in [
        "application/x-www-form-urlencoded",
        "text/plain",
        "multipart/form-data",
    ] {
        let request = Request::post("/api/v1/key-results/happy/talks/measurements")
            .header("content-type", media)
            .body(Body::from("{\"value\": 1}"))
            .unwrap();
        assert_eq!(ask(&house.service, request).await.status, 401, "{media}");
    }
}

/// One thing that a stranger may send.
#[derive(Clone, Debug)]
struct Sent {
    method: String,
    target: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

fn headers() -> impl Strategy<Value = Vec<(String, Vec<u8>)>> {
    let one = prop_oneof![
        prop::sample::select(vec![
            "application/json",
            "*/*",
            "text/html",
            "application/*;q=0",
            ";;",
            "é"
        ])
        .prop_map(|v| ("accept".to_owned(), v.as_bytes().to_vec())),
        prop::sample::select(vec!["gzip", "*;q=0", "br, gzip;q=0.1"])
            .prop_map(|v| ("accept-encoding".to_owned(), v.as_bytes().to_vec())),
        prop::sample::select(vec!["*", "W/\"x\"", "\"", ",,,"])
            .prop_map(|v| ("if-none-match".to_owned(), v.as_bytes().to_vec())),
        prop::sample::select(vec![
            "Bearer let-me",
            "Bearer let-me",
            "bearer let-me",
            "Basic YTpi",
            "Bearer",
            ""
        ])
        .prop_map(|v| ("authorization".to_owned(), v.as_bytes().to_vec())),
        prop::sample::select(vec![
            "application/json",
            "application/json; charset=utf-8",
            "text/plain"
        ])
        .prop_map(|v| ("content-type".to_owned(), v.as_bytes().to_vec())),
        (
            "(origin|range|expect|x-forwarded-for|upgrade)",
            prop::collection::vec(0x20u8..0x7f, 0..20)
        ),
    ];
    prop::collection::vec(one, 0..5)
}

/// What the document asks of a request with a body.
const MAY_WRITE: [(&str, &str); 2] = [
    ("authorization", "Bearer let-me"),
    ("content-type", "application/json"),
];

/// Requests that the document gives, most of them sound and some of them not.
fn sent(document: &Document) -> impl Strategy<Value = Sent> + use<> {
    let operations = document.operations();
    (prop::sample::select(operations), headers()).prop_flat_map(|(operation, headers)| {
        let target = operation.target();
        let body = operation.body();
        let ready = match operation.takes_a_body() {
            true => 0.7,
            false => 0.0,
        };
        let method = prop_oneof![
            6 => Just(operation.method.clone()),
            1 => prop::sample::select(vec!["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"])
                .prop_map(str::to_owned),
        ];
        (method, target, body, Just(headers), prop::bool::weighted(ready))
            .prop_map(|(method, target, body, headers, ready)| Sent {
            method,
            target,
            headers: match ready {
                true => MAY_WRITE.map(|(name, value)| (name.to_owned(), value.into())).into(),
                false => headers,
            },
            body,
        })
    })
}

/// Nothing is open, and one token may everything.
struct Closed;

#[async_trait]
impl Keys for Closed {
    fn open(&self) -> Scopes {
        Scopes::default()
    }

    fn has_users(&self) -> bool {
        true
    }

    async fn admits(&self, credential: Credential<'_>) -> Result<Option<Scopes>, String> {
        let right = matches!(credential, Credential::Token("let-me"));
        let all = [Scope::Read, Scope::Write, Scope::Reload];
        Ok(right.then(|| all.into_iter().collect()))
    }
}

/// Whatever a stranger sends: nothing of what is known, and no word of whether it exists.
#[test]
fn a_closed_server_answers_nobody_without_a_credential() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    let document = runtime.block_on(async { House::open().document().await });
    let house = runtime.block_on(async { House::with(Arc::new(Closed)) });
    let mut runner = TestRunner::new(Config {
        cases: 500,
        failure_persistence: None,
        ..Config::default()
    });
    runner
        .run(&sent(&document), |mut sent| {
            let is = |header: &(String, Vec<u8>), name| header.0 == name;
            let only = sent.headers.iter().filter(|h| is(h, "authorization"));
            let right = only.clone().any(|(_, value)| value.ends_with(b"let-me"));
            if right {
                let wrong = b"Bearer let-him".to_vec();
                sent.headers.retain(|header| !is(header, "authorization"));
                sent.headers.push(("authorization".into(), wrong));
            }
            let request = Request::builder()
                .method(Method::from_bytes(sent.method.as_bytes()).unwrap())
                .uri(&sent.target);
            let request = sent.headers.iter().fold(request, |request, (name, value)| {
                request.header(name, &value[..])
            });
            let Ok(request) = request.body(Body::from(sent.body)) else {
                return Ok(());
            };
            let answer = runtime.block_on(ask(&house.service, request));
            prop_assert_eq!(answer.status, 401);
            prop_assert!(answer.headers.contains_key("www-authenticate"));
            Ok(())
        })
        .unwrap();
    let (known, tag) = runtime.block_on(async {
        let may = [("authorization", "Bearer let-me")];
        let answer = house.get(KR, &may).await;
        (answer.status, answer.header("cache-control").to_owned())
    });
    assert_eq!((known, tag.as_str()), (200, "private, no-cache"));
}

/// A run like that of schemathesis: what the document allows and what it does not, and no answer beside the document.
#[test]
fn nothing_that_is_sent_is_answered_beside_the_description() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    let (house, document) = runtime.block_on(async {
        let house = House::open();
        let slots = (0..50).map(|nth| sample::now() - SignedDuration::from_hours(nth * 7));
        let mut slots: Vec<_> = slots.map(|slot| (slot, 1.5)).collect();
        slots.reverse();
        house.shelf.0.lock().unwrap().extend(slots);
        let document = house.document().await;
        (house, document)
    });
    let cases = std::env::var("OKRD_API_CASES")
        .ok()
        .and_then(|n| n.parse().ok());
    let mut runner = TestRunner::new(Config {
        cases: cases.unwrap_or(1500),
        failure_persistence: None,
        ..Config::default()
    });
    let seen = std::cell::RefCell::new(BTreeMap::<u16, usize>::new());
    let strategy = sent(&document);
    runner
        .run(&strategy, |sent| {
            let request = Request::builder()
                .method(Method::from_bytes(sent.method.as_bytes()).unwrap())
                .uri(&sent.target)
                .header("content-length", sent.body.len());
            let request = sent.headers.iter().fold(request, |request, (name, value)| {
                request.header(name, &value[..])
            });
            let Ok(request) = request.body(Body::from(sent.body.clone())) else {
                // No HTTP: nothing to answer.
                return Ok(());
            };
            let answer = runtime.block_on(ask(&house.service, request));
            *seen.borrow_mut().entry(answer.status).or_default() += 1;
            prop_assert!(!String::from_utf8_lossy(&answer.body).contains(SECRET));
            prop_assert!(!answer.headers.contains_key("set-cookie"));
            // A store that fails is the one thing that is 503 here, and it is asked for.
            prop_assert!(answer.status < 500 || answer.status == 503);
            document.describes(
                &sent.method,
                &sent.target,
                &answer.headers,
                answer.status,
                &answer.body,
            );
            Ok(())
        })
        .unwrap();
    let seen = seen.into_inner();
    for status in [200, 201, 304, 400, 401, 404, 405, 406, 415, 422] {
        assert!(
            seen.contains_key(&status),
            "no request led to {status}: {seen:?}"
        );
    }
}
