//! The HTTP face over real connections: what it answers, what it refuses, and what slow or hostile clients can do.
#![expect(clippy::unwrap_used, reason = "tests")]

extern crate okrd;

mod sample;

#[path = "sample/token.rs"]
mod token;

use std::collections::BTreeMap;
use std::io::Read as _;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use axum::body::Body;
use axum::http::Request;
use flate2::read::GzDecoder;
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use jiff::{SignedDuration, Timestamp};
use okrd::domain::card::KeyResultCard;
use okrd::domain::cycle::Cycle;
use okrd::domain::epoch::{Epoch, Measured, Past};
use okrd::domain::fault::FaultClass;
use okrd::domain::goals::{KeyResult, Objective};
use okrd::domain::history::CheckIn;
use okrd::domain::id::Slug;
use okrd::domain::language::Language;
use okrd::domain::method::Method;
use okrd::domain::quality::Quality;
use okrd::domain::reason::{Reason, Said};
use okrd::domain::status::Status;
use okrd::domain::work::Work;
use okrd::engine::board::Board;
use okrd::engine::vitals::Vitals;
use okrd::http::body::Parts;
use okrd::http::hosts::Loopback;
use okrd::http::measurements::Recorder;
use okrd::http::negotiate::Format;
use okrd::http::paging::{Portion, Stretch};
use okrd::http::router::{
    Chronicle, Exposition, HistoryReader, ROUTES, Reload, Saying, State, router,
};
use okrd::http::serve::{Limits, serve};
use okrd::metrics::exposition::{Build, Metrics};
use okrd::store::{Entry, Origin};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

/// Long enough for a loaded machine, short enough to notice a hang.
const DEADLINE: Duration = Duration::from_secs(20);

/// A running server.
struct House {
    address: SocketAddr,
    board: watch::Sender<Arc<Board>>,
    vitals: Arc<Vitals>,
    clock: Arc<AtomicI64>,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<std::io::Result<()>>,
}

/// Three measurements of any key result; remembers what it was asked.
#[derive(Default)]
struct Measurements(Mutex<Vec<(String, Timestamp, Timestamp)>>);

#[async_trait]
impl HistoryReader for Measurements {
    async fn series(
        &self,
        objective: &Objective,
        key_result: &KeyResult,
        cycle: &Cycle,
        stretch: Stretch,
    ) -> Result<Portion, String> {
        let Stretch { from, to, .. } = stretch;
        let id = &key_result.id;
        assert_eq!(objective.id, id.objective_id());
        assert_eq!(cycle.name, id.cycle);
        self.0.lock().unwrap().push((id.full(), from, to));
        match id.key_result.as_str() {
            "visitors" => Err("disk on fire at /secret/path".into()),
            "accounts" => std::panic::panic_any("reader broke"),
            "talks" => {
                // Blocks a thread, as a store might; no other answer may notice.
                std::thread::sleep(Duration::from_secs(3));
                Ok(Portion::default())
            }
            _ => {
                let past = past();
                let slots: Vec<_> = past.values.iter().map(|value| value.as_of).collect();
                let before = slots.partition_point(|slot| *slot < stretch.begin().at);
                let (page, next) = stretch.cut(&slots[before..], None);
                let page = before + page.start..before + page.end;
                Ok(Portion { past, page, next })
            }
        }
    }

    async fn chronicle(
        &self,
        objective: &Arc<Objective>,
        key_result: &KeyResult,
        cycle: &Cycle,
        _: Method,
        now: Timestamp,
    ) -> Result<Chronicle, String> {
        match key_result.id.key_result.as_str() {
            "visitors" => return Err("disk on fire at /secret/path".into()),
            "accounts" => std::panic::panic_any("reader broke"),
            _ => {}
        }
        assert_eq!(objective.id, key_result.id.objective_id());
        let board = sample::board();
        let mut all = board.scorecard.key_results();
        let (_, card) = all
            .find(|(_, card)| card.key_result.id == key_result.id)
            .unwrap();
        let turn = |status, since| {
            let mut card = KeyResultCard::clone(card);
            (card.status, card.status_since) = (status, since);
            card.reason = Reason {
                said: Said::NothingYet(None),
                ..Reason::default()
            };
            Arc::new(card)
        };
        let said = |at, confidence, note: &str, is_note| Saying {
            said: CheckIn {
                at,
                confidence,
                note: Some(note.into()),
            },
            is_note,
        };
        let days = |n: i64| now - SignedDuration::from_hours(24 * n);
        let early =
            (0..40).map(|n| turn(Status::Stale, cycle.start() + SignedDuration::from_hours(n)));
        Ok(Chronicle {
            turns: early
                .chain([
                    turn(Status::AtRisk, days(9)),
                    turn(Status::OnTrack, days(2)),
                ])
                .collect(),
            said: vec![
                said(days(5), Some(0.4), "We <b>doubt</b> it", false),
                said(days(3), None, "The site was down", true),
            ],
        })
    }
}

/// Two values by the definition in force, and two by another one.
fn past() -> Past {
    let value = |definition: &str, at: &str, value: f64, origin| Measured {
        definition: definition.into(),
        as_of: at.parse().unwrap(),
        value,
        origin,
        quality: Quality::default(),
    };
    let (old, own) = ("fedcba9876543210", "0123456789abcdef");
    let values = vec![
        value(old, "2026-11-18T06:00:00Z", 57.0, "polled"),
        value(old, "2026-11-19T06:00:00Z", 58.0, "polled"),
        value(own, "2026-11-20T06:00:00Z", 760.0, "backfilled"),
        value(own, "2026-11-21T06:00:00Z", 780.0, "polled"),
    ];
    let epoch = |definition: &str, of: &[Measured]| Epoch {
        definition: definition.into(),
        first: of[0].as_of,
        last: of[1].as_of,
    };
    let epochs = vec![epoch(old, &values[..2]), epoch(own, &values[2..])];
    Past { epochs, values }
}

struct Hook(Result<String, String>);

#[async_trait]
impl Reload for Hook {
    async fn reload(&self) -> Result<String, String> {
        self.0.clone()
    }
}

fn state(board: Board) -> (State, watch::Sender<Arc<Board>>, Arc<AtomicI64>) {
    let (sender, receiver) = watch::channel(Arc::new(board));
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
    let hands = Arc::clone(&clock);
    let state = State {
        board: receiver,
        vitals,
        exposition: Arc::new(metrics),
        lifecycle: None,
        recorder: None,
        keys: Arc::new(token::OneToken),
        headers: Arc::new(Arc::default),
        loopback: Loopback::of(([0, 0, 0, 0], 0).into()),
        history: Arc::new(Measurements::default()),
        clock: Arc::new(move || Timestamp::from_second(hands.load(Ordering::Relaxed)).unwrap()),
    };
    (state, sender, clock)
}

async fn start(board: Board) -> House {
    start_with(board, Limits::default(), |_| ()).await
}

async fn start_with(board: Board, limits: Limits, change: impl FnOnce(&mut State)) -> House {
    let (mut state, board, clock) = state(board);
    change(&mut state);
    let vitals = Arc::clone(&state.vitals);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let end = async move {
        let _ = stopped.await;
    };
    let task = tokio::spawn(serve(
        listener,
        router(state),
        okrd::http::tls::none(),
        limits,
        end,
    ));
    House {
        address,
        board,
        vitals,
        clock,
        stop: Some(stop),
        task,
    }
}

/// An answer as it came over the wire.
#[derive(Debug)]
struct Answer {
    status: u16,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl Answer {
    fn parse(bytes: &[u8]) -> Self {
        let end = bytes
            .windows(4)
            .position(|w| w == b"\r\n\r\n")
            .unwrap_or_else(|| panic!("no head in {:?}", String::from_utf8_lossy(bytes)));
        let head = std::str::from_utf8(&bytes[..end]).unwrap();
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap();
        let mut headers = BTreeMap::new();
        for line in lines {
            let (name, value) = line.split_once(": ").unwrap();
            let known: &mut String = headers.entry(name.to_ascii_lowercase()).or_default();
            if !known.is_empty() {
                known.push_str(", ");
            }
            known.push_str(value);
        }
        Self {
            status: status.parse().unwrap(),
            headers,
            body: bytes[end + 4..].to_vec(),
        }
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

impl House {
    /// Sends these bytes and reads until the server closes.
    async fn raw(&self, bytes: &[u8]) -> Vec<u8> {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let _ = stream.write_all(bytes).await;
        let mut answer = Vec::new();
        let read = stream.read_to_end(&mut answer);
        let _ = tokio::time::timeout(DEADLINE, read).await.unwrap();
        answer
    }

    async fn ask(&self, method: &str, path: &str, headers: &str) -> Answer {
        let request =
            format!("{method} {path} HTTP/1.1\r\nHost: okrd\r\nConnection: close\r\n{headers}\r\n");
        Answer::parse(&self.raw(request.as_bytes()).await)
    }

    async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, "").await
    }
}

const OPEN_METRICS: &str = "Accept: application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1\r\n";

#[tokio::test]
async fn every_route_answers_with_its_type_and_the_common_headers() {
    let house = start(sample::board()).await;
    let kr = "/api/v1/key-results/more-visitors/subscribers";
    for (path, status, media_type) in [
        ("/", 200, "text/html; charset=utf-8"),
        ("/style.css?v=1", 200, "text/css; charset=utf-8"),
        ("/metrics", 200, "text/plain; version=0.0.4; charset=utf-8"),
        ("/-/healthy", 200, "text/plain; charset=utf-8"),
        ("/-/ready", 200, "text/plain; charset=utf-8"),
        ("/api/v1/scorecard", 200, "application/json"),
        ("/api/v1/openapi.json", 200, "application/json"),
        (kr, 200, "application/json"),
        (&format!("{kr}/history"), 200, "application/json"),
        ("/nothing", 404, "application/problem+json"),
    ] {
        let get = house.get(path).await;
        let head = house.ask("HEAD", path, "").await;
        for answer in [&get, &head] {
            assert_eq!(answer.status, status, "{path}");
            assert_eq!(answer.header("content-type"), media_type, "{path}");
            assert!(
                answer
                    .header("content-security-policy")
                    .starts_with("default-src 'none'")
            );
            assert_eq!(answer.header("x-content-type-options"), "nosniff");
            assert!(!answer.headers.contains_key("server"));
        }
        assert_eq!(get.header("content-length"), get.body.len().to_string());
        assert!(head.body.is_empty() && !get.body.is_empty(), "{path}");
    }
    assert_eq!(house.get("/-/healthy").await.text(), "okrd is Healthy.\n");
}

#[tokio::test]
async fn metrics_come_in_both_formats_plain_and_packed() {
    let house = start(sample::board()).await;
    let text = house.get("/metrics").await;
    assert!(text.text().contains(
        "okrd_key_result_value{cycle=\"2026-Q4\",objective=\"more-visitors\",key_result=\"subscribers\"} 780\n"
    ));
    assert!(!text.text().contains("# EOF"));
    let open = house.ask("GET", "/metrics", OPEN_METRICS).await;
    assert_eq!(
        open.header("content-type"),
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    );
    assert!(open.text().ends_with("\n# EOF\n"));
    for answer in [&text, &open] {
        assert_eq!(answer.header("vary"), "Accept-Encoding, Accept");
        assert_eq!(answer.header("content-encoding"), "");
    }
    for _ in 0..2 {
        let headers = format!("{OPEN_METRICS}Accept-Encoding: gzip\r\n");
        let packed = house.ask("GET", "/metrics", &headers).await;
        assert_eq!(packed.header("content-encoding"), "gzip");
        assert!(packed.body.len() < open.body.len() / 4);
        let mut unpacked = String::new();
        let mut decoder = GzDecoder::new(packed.body.as_slice());
        decoder.read_to_string(&mut unpacked).unwrap();
        assert!(unpacked.ends_with("\n# EOF\n"));
        let goals = |text: &str| text.find("# HELP okrd_build").map(|end| text[..end].len());
        assert_eq!(goals(&unpacked), goals(&open.text()));
    }
}

#[tokio::test]
async fn requests_are_counted_by_route_and_never_by_path() {
    let house = start(sample::board()).await;
    let before = house.get("/metrics").await.text();
    assert!(
        before.contains("okrd_http_requests_total{handler=\"/api/v1/scorecard\",code=\"200\"} 0\n")
    );
    for _ in 0..3 {
        house.get("/api/v1/key-results/no/such").await;
        house.get("/secret-path-of-a-user").await;
    }
    let after = house.get("/metrics").await.text();
    assert!(
        after.contains(
            "{handler=\"/api/v1/key-results/{objective}/{key_result}\",code=\"404\"} 3\n"
        )
    );
    assert!(after.contains("{handler=\"other\",code=\"404\"} 3\n"));
    assert!(!after.contains("secret-path"));
}

#[tokio::test]
async fn a_new_board_is_seen_at_once_and_what_left_is_gone() {
    let house = start(sample::board()).await;
    assert!(house.get("/metrics").await.text().contains("subscribers"));
    let mut board = sample::board();
    board.scorecard.objectives.truncate(1);
    board.sources.truncate(1);
    house.board.send(Arc::new(board)).unwrap();
    for path in ["/metrics", "/", "/api/v1/scorecard"] {
        assert!(
            !house.get(path).await.text().contains("subscribers"),
            "{path}"
        );
    }
    let text = house.get("/metrics").await.text();
    assert!(!text.contains("source=\"tracker\""));
}

fn problem(answer: &Answer, status: u16) -> String {
    assert_eq!(answer.status, status);
    assert_eq!(answer.header("content-type"), "application/problem+json");
    let json = answer.json();
    assert_eq!(json["status"], status);
    assert_eq!(json["type"], "about:blank");
    assert!(!json["title"].as_str().unwrap().is_empty());
    json["detail"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn errors_are_problems() {
    let house = start(sample::board()).await;
    problem(&house.get("/no/such").await, 404);
    let kr = "/api/v1/key-results/more-visitors";
    let detail = problem(&house.get(&format!("{kr}/none")).await, 404);
    assert!(detail.contains("`more-visitors/none`"), "{detail}");
    problem(&house.get("/api/v1/key-results/A/%22%3E%00").await, 404);
    problem(&house.get("/api/v1/key-results/%ff/x").await, 400);
    let not_allowed = house.ask("DELETE", "/metrics", "").await;
    problem(&not_allowed, 405);
    assert_eq!(not_allowed.header("allow"), "GET,HEAD");
    let detail = problem(
        &house
            .get(&format!("{kr}/subscribers/history?from=soon"))
            .await,
        400,
    );
    assert!(detail.contains("`soon`"), "{detail}");
    problem(
        &house
            .get(&format!(
                "{kr}/subscribers/history?from=2026-12-01&to=2026-11-01"
            ))
            .await,
        400,
    );
    // Only what was asked is blamed.
    let early = format!("{kr}/subscribers/history?to=2026-01-01");
    let detail = problem(&house.get(&early).await, 400);
    assert!(
        detail.starts_with("`to` is 2025-12-31T23:00:00Z"),
        "{detail}"
    );
    for odd in ["/?cycle=a&cycle=b", "/api/v1/key-results/%ff/x"] {
        let detail = problem(&house.get(odd).await, 400);
        assert!(detail.contains("percent escapes"), "{odd}: {detail}");
    }
    let large = house
        .ask("POST", "/-/reload", "Content-Length: 65537\r\n")
        .await;
    problem(&large, 413);
    let down = house.get(&format!("{kr}/visitors/history")).await;
    assert!(!problem(&down, 503).contains("secret"));
    assert_eq!(down.header("retry-after"), "1");
    let broke = house.get(&format!("{kr}/accounts/history")).await;
    assert!(!problem(&broke, 500).contains("reader broke"));
}

struct Broken;

impl Exposition for Broken {
    fn render(&self, _: &Arc<Board>, _: &Vitals, _: Format) -> Parts {
        std::panic::panic_any("no metrics today")
    }

    fn served(&self, _: &str, _: u16) {}
}

#[tokio::test]
async fn a_panic_is_an_answer_and_the_next_request_is_served() {
    let house = start_with(sample::board(), Limits::default(), |state| {
        state.exposition = Arc::new(Broken);
    })
    .await;
    problem(&house.get("/metrics").await, 500);
    assert_eq!(house.get("/").await.status, 200);
}

/// Tells which boards were written, oldest first.
#[derive(Default)]
struct Scribe(Mutex<Vec<String>>);

impl Exposition for Scribe {
    fn render(&self, board: &Arc<Board>, _: &Vitals, _: Format) -> Parts {
        let name = board.scorecard.company.name.clone();
        self.0.lock().unwrap().push(name.clone());
        Parts {
            shared: vec![name.into()].into(),
            own: String::new(),
        }
    }

    fn served(&self, _: &str, _: u16) {}
}

#[tokio::test]
async fn while_somebody_scrapes_each_new_board_is_written_before_it_is_asked_for() {
    let scribe = Arc::new(Scribe::default());
    let exposition = Arc::clone(&scribe);
    let house = start_with(sample::board(), Limits::default(), |state| {
        state.exposition = exposition;
    })
    .await;
    let publish = |name: &str, seconds: i64| {
        let mut board = Board::clone(&house.board.borrow());
        Arc::make_mut(&mut board.scorecard.company).name = name.into();
        board.scorecard.at += jiff::SignedDuration::from_secs(seconds);
        house.board.send_replace(Arc::new(board));
    };
    let written = || scribe.0.lock().unwrap().clone();
    let until_written = async |name: &str| {
        let ends = std::time::Instant::now() + DEADLINE;
        while !written().contains(&name.to_owned()) {
            assert!(std::time::Instant::now() < ends, "{name}: {:?}", written());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    publish("unasked", 1);
    // The second scrape tells that more will come.
    for _ in 0..2 {
        let name = house.get("/metrics").await.text();
        assert_eq!(name, "unasked");
    }
    publish("ahead", 1);
    until_written("ahead").await;
    // A scrape that is too far behind what stands ready is written for on the spot.
    publish("late", 60);
    let served = house.get("/metrics").await.text();
    assert_eq!(served, "late");
    assert_eq!(written()[0], "unasked");
}

#[tokio::test]
async fn f65_health_follows_the_scheduler_and_readiness_its_reason() {
    let house = start(sample::board()).await;
    house.vitals.set_readiness(Some("stopping"));
    assert_eq!(problem(&house.get("/-/ready").await, 503), "stopping");
    house.vitals.set_readiness(None);
    assert_eq!(house.get("/-/ready").await.status, 200);
    house.clock.fetch_add(60, Ordering::Relaxed);
    assert_eq!(house.get("/-/healthy").await.status, 200);
    house.clock.fetch_add(1, Ordering::Relaxed);
    let detail = problem(&house.get("/-/healthy").await, 503);
    assert!(detail.contains("61 s ago"), "{detail}");
    let now = house.clock.load(Ordering::Relaxed);
    house.vitals.tick(Timestamp::from_second(now).unwrap());
    assert_eq!(house.get("/-/healthy").await.status, 200);
}

#[tokio::test]
async fn reload_is_off_unless_enabled_and_tells_what_was_wrong() {
    let house = start(sample::board()).await;
    let detail = problem(&house.ask("POST", "/-/reload", "").await, 403);
    assert!(
        detail.starts_with("Lifecycle API is not enabled."),
        "{detail}"
    );
    assert_eq!(house.get("/-/reload").await.status, 405);

    let with = |outcome: Result<String, String>| {
        start_with(sample::board(), Limits::default(), move |state| {
            state.lifecycle = Some(Arc::new(Hook(outcome)));
        })
    };
    let good = with(Ok("added 1".into())).await;
    for method in ["POST", "PUT"] {
        let answer = good.ask(method, "/-/reload", "").await;
        assert_eq!(
            (answer.status, answer.text()),
            (200, "reloaded: added 1\n".into())
        );
    }
    let foreign = good
        .ask("POST", "/-/reload", "Origin: https://evil.example\r\n")
        .await;
    problem(&foreign, 403);
    let bad = with(Err("okrs/content.toml:3:1: unknown key `titel`".into())).await;
    let detail = problem(&bad.ask("POST", "/-/reload", "").await, 500);
    assert_eq!(detail, "okrs/content.toml:3:1: unknown key `titel`");
}

/// A reload is asked for by a whole request only.
#[tokio::test]
async fn a_body_that_does_not_come_whole_reloads_nothing() {
    #[derive(Default)]
    struct Counted(AtomicI64);
    #[async_trait]
    impl Reload for Counted {
        async fn reload(&self) -> Result<String, String> {
            self.0.fetch_add(1, Ordering::SeqCst);
            Ok(String::new())
        }
    }
    let counted = Arc::new(Counted::default());
    let hook = Arc::clone(&counted);
    let house = start_with(sample::board(), Limits::default(), |state| {
        state.lifecycle = Some(hook);
    })
    .await;
    let head = "POST /-/reload HTTP/1.1\r\nHost: a\r\n";
    for (rest, status) in [
        (
            "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            411,
        ),
        (
            "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
            411,
        ),
        ("Transfer-Encoding: chunked\r\n\r\nzz\r\n", 411),
        ("Content-Length: 100000\r\n\r\n", 413),
    ] {
        let answer = Answer::parse(&house.raw(format!("{head}{rest}").as_bytes()).await);
        assert_eq!(answer.status, status, "{rest:?}");
    }
    // Half a body, then the client leaves.
    let mut half = TcpStream::connect(house.address).await.unwrap();
    let begun = format!("{head}Content-Length: 10\r\n\r\nhalf");
    half.write_all(begun.as_bytes()).await.unwrap();
    drop(half);
    let whole = house
        .ask("POST", "/-/reload", "Content-Length: 0\r\n")
        .await;
    assert_eq!(whole.status, 200);
    assert_eq!(counted.0.load(Ordering::SeqCst), 1);
}

/// Takes what it is given, to be looked at.
#[derive(Default)]
struct Taken(Mutex<Vec<Entry>>);

#[async_trait]
impl Recorder for Taken {
    async fn record(&self, entry: Entry) -> Result<(), String> {
        if entry.outcome.as_ref().is_ok_and(|r| r.value == 13.0) {
            return Err("disk on fire at /secret/path".into());
        }
        self.0.lock().unwrap().push(entry);
        Ok(())
    }
}

#[tokio::test]
async fn a_program_records_what_it_knows_with_the_write_token_only() {
    let talks = "/api/v1/key-results/happy/talks/measurements";
    let post = async |house: &House, path: &str, headers: &str, body: &str| {
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        Answer::parse(&house.raw(request.as_bytes()).await)
    };
    let json = "Content-Type: application/json\r\n";
    let off = start(sample::board()).await;
    let detail = problem(&post(&off, talks, json, "{\"value\": 1}").await, 403);
    assert!(
        detail.contains("not enabled") && detail.contains("write_token"),
        "{detail}"
    );

    let taken = Arc::new(Taken::default());
    let recorder = Arc::clone(&taken);
    let mut board = sample::board();
    let ended = board.scorecard.objectives.last_mut().unwrap();
    let card = Arc::make_mut(&mut Arc::make_mut(ended).key_results[0]);
    Arc::make_mut(&mut card.key_result).feed = okrd::domain::goals::Feed::Recorded;
    let house = start_with(board, Limits::default(), |state| {
        state.recorder = Some(recorder);
    })
    .await;
    for token in [
        "",
        "Authorization: Bearer \r\n",
        "Authorization: Bearer wrong\r\n",
        "Authorization: Basic let-me\r\n",
    ] {
        let answer = post(&house, talks, &format!("{json}{token}"), "{\"value\": 1}").await;
        assert!(!problem(&answer, 401).contains("let-me"));
        assert!(answer.header("www-authenticate").starts_with("Bearer"));
    }
    let may = "Authorization: bearer let-me\r\n";
    let good = format!("{json}{may}");
    let measured = "/api/v1/key-results/more-visitors/subscribers/measurements";
    let closed = "/api/v1/key-results/2026-Q3:found/subscribers/measurements";
    let unknown = "/api/v1/key-results/happy/none/measurements";
    let long = format!("{{\"value\": 1, \"note\": \"{}\"}}", "x".repeat(2001));
    let huge = format!("{{\"value\": 1, \"note\": \"{}\"}}", "x".repeat(70_000));
    for (path, headers, body, status, said) in [
        (talks, may, "{\"value\": 1}", 415, "application/json"),
        (talks, &*good, "{\"value\": 1", 400, "value"),
        (talks, &*good, "", 400, "value"),
        (talks, &*good, "{}", 422, "value"),
        (talks, &*good, "{\"value\": \"1\"}", 422, "number"),
        (talks, &*good, "{\"value\": 1, \"when\": 2}", 422, "when"),
        (
            talks,
            &*good,
            "{\"value\": 1, \"at\": \"soon\"}",
            422,
            "`soon`",
        ),
        (
            talks,
            &*good,
            "{\"value\": 1, \"at\": \"2099-01-01T00:00:00Z\"}",
            422,
            "future",
        ),
        (talks, &*good, &long, 422, "2000 characters"),
        (talks, &*good, &huge, 413, "too large"),
        (
            talks,
            &*good,
            "{\"value\": 13}",
            503,
            "nothing of it was kept",
        ),
        (
            measured,
            &*good,
            "{\"value\": 1}",
            409,
            "measured by source shop",
        ),
        (closed, &*good, "{\"value\": 1}", 409, "closed since"),
        (unknown, &*good, "{\"value\": 1}", 404, "happy/none"),
    ] {
        let answer = post(&house, path, headers, body).await;
        let detail = problem(&answer, status);
        assert!(
            detail.contains(said) && !detail.contains("secret"),
            "{detail}"
        );
    }
    assert!(taken.0.lock().unwrap().is_empty());

    let body =
        "{\"value\": 9007199254740993, \"at\": \"2026-11-20T06:00:00Z\", \"note\": \"a survey\"}";
    let answer = post(&house, talks, &good, body).await;
    assert_eq!(answer.status, 201);
    let told = answer.json();
    assert_eq!(
        (&told["id"], &told["as_of"]),
        (&"happy/talks".into(), &"2026-11-20T06:00:00Z".into())
    );
    assert_eq!(told["exact"], "9007199254740993");
    let kept = taken.0.lock().unwrap().pop().unwrap();
    assert_eq!(kept.slot, "2026-11-20T06:00:00Z".parse().unwrap());
    let note = Some("a survey".to_owned());
    assert_eq!(kept.origin, Origin::Recorded { note, author: None });
    let before = post(
        &house,
        talks,
        &good,
        "{\"value\": 1, \"at\": \"2020-01-01T00:00:00Z\"}",
    )
    .await;
    assert!(
        before.json()["remark"]
            .as_str()
            .unwrap()
            .contains("before the start")
    );

    let document = house.get("/api/v1/openapi.json").await.json();
    let mut root = document.clone();
    root["$ref"] = "#/components/schemas/Recorded".into();
    let validator = jsonschema::draft202012::new(&root).unwrap();
    assert!(validator.is_valid(&told), "{told}");
    assert_eq!(house.ask("GET", talks, "").await.status, 405);
}

/// Through a name of its own that points at this machine a page elsewhere reaches nothing.
#[tokio::test]
async fn f76_a_server_on_loopback_answers_to_no_foreign_name() {
    let house = start_with(sample::board(), Limits::default(), |state| {
        state.loopback = Loopback::of(([127, 0, 0, 1], 10650).into());
    })
    .await;
    for path in ["/", "/metrics", "/api/v1/scorecard", "/none"] {
        let ask = async |host: &str| {
            let request =
                format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
            Answer::parse(&house.raw(request.as_bytes()).await)
        };
        problem(&ask("evil.example:10650").await, 421);
        assert_ne!(ask("localhost:10650").await.status, 421);
    }
}

/// Time is simulated: the answer is given up without anyone waiting for it.
#[tokio::test(start_paused = true)]
async fn an_answer_that_does_not_come_is_given_up() {
    struct Endless;
    #[async_trait]
    impl Reload for Endless {
        async fn reload(&self) -> Result<String, String> {
            std::future::pending().await
        }
    }
    let (mut state, _board, _clock) = state(sample::board());
    state.lifecycle = Some(Arc::new(Endless));
    let service = TowerToHyperService::new(router(state));
    let request = Request::post("/-/reload").body(Body::empty()).unwrap();
    let began = tokio::time::Instant::now();
    let answer = service.call(request).await.unwrap();
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    assert!(began.elapsed() < Duration::from_secs(30));
}

#[tokio::test]
async fn the_scorecard_tells_everything_and_invents_nothing() {
    let house = start(sample::board()).await;
    let json = house.get("/api/v1/scorecard").await.json();
    assert_eq!(json["at"], "2026-11-24T09:30:00Z");
    assert_eq!(json["company"]["name"], "Acme");
    assert!(
        json["company"]["vision"]
            .as_str()
            .unwrap()
            .contains("reflex")
    );
    assert_eq!(json["company"]["strategy"][1], "Make it worth coming back");
    assert_eq!(json["cycles"][1]["name"], "2026-Q4");
    assert_eq!(json["cycles"][1]["start"], "2026-09-30T22:00:00Z");
    assert_eq!(json["cycles"][1]["ends"], "2026-12-31");
    assert_eq!(json["cycles"][1]["open"], true);
    let objectives = json["objectives"].as_array().unwrap();
    let more = objectives
        .iter()
        .find(|o| o["id"] == "more-visitors")
        .unwrap();
    assert_eq!(more["team"]["name"], "Content");
    assert_eq!(more["parent"]["link"], "contributes");
    assert_eq!(
        more["initiatives"][1]["learned"],
        "People search for questions, not for terms"
    );
    let letter = &more["initiatives"][0];
    assert_eq!(
        (
            &letter["state"],
            &letter["jira"],
            &letter["key_results"][0],
            &letter["links"][0]
        ),
        (
            &"doing".into(),
            &"CONT-12".into(),
            &"subscribers".into(),
            &"https://wiki.acme.example/letter?page=1".into()
        )
    );
    assert_eq!(more["initiatives"][1]["state"], "dropped");
    let of = |id: &str| {
        let all = objectives
            .iter()
            .flat_map(|o| o["key_results"].as_array().unwrap());
        all.clone()
            .find(|kr| kr["id"] == id && kr["cycle"] == "2026-Q4")
            .unwrap()
            .clone()
    };
    let subscribers = of("more-visitors/subscribers");
    assert_eq!(subscribers["value"], 780.0);
    assert_eq!(subscribers["unit"], "subscribers");
    assert_eq!(subscribers["status"], "at_risk");
    assert_eq!(subscribers["as_of"], "2026-11-24T09:26:00Z");
    assert_eq!(subscribers["direction"], "increase");
    assert_eq!(subscribers["note"], Value::Null);
    assert_eq!(
        subscribers["forecast"],
        serde_json::json!({
            "value": 880.25,
            "progress_ratio": 0.667_361_111,
            "low": 841.5,
            "high": 932.75,
            "method": "theil_sen",
            "weak": false,
            "sentence": "At this pace about 880 subscribers by 2026-12-31 (67\u{a0}% of the way); plausible between 842 and 933.",
        })
    );
    assert_eq!(subscribers["forecast_absent"], Value::Null);
    assert_eq!(subscribers["corrected_downward_on"], Value::Null);
    assert_eq!(
        subscribers["rate"],
        serde_json::json!({ "needed_per_day": 5.5, "actual_per_day": 2.625, "ratio": 2.095_238_095 })
    );
    let note = &of("more-visitors/visitors")["note"];
    assert_eq!(
        note,
        "4 of 10 issues have a value, 6 do not carry the field"
    );
    let accounts = of("more-visitors/accounts");
    assert_eq!(
        (&accounts["stale"], &accounts["value"]),
        (&Value::Bool(true), &2300.0.into())
    );
    assert_eq!(accounts["progress"], Value::Null);
    assert_eq!(
        (&accounts["forecast"], &accounts["rate"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(
        accounts["forecast_absent"],
        "No forecast: the last value is too old."
    );
    assert_eq!(accounts["last_attempt"]["fault"]["class"], "timeout");
    let first_reply = of("happy/first-reply");
    assert_eq!(first_reply["status"], "no_data");
    for unknown in [
        "value",
        "as_of",
        "progress",
        "progress_raw",
        "last_attempt",
        "confidence",
    ] {
        assert_eq!(first_reply[unknown], Value::Null, "{unknown}");
    }
    assert_eq!(of("happy/complaints")["band"]["at_most"], 300.0);
    assert_eq!(json["sources"][2]["up"], false);
}

#[tokio::test]
async fn answers_keep_to_the_published_description() {
    let house = start(sample::board()).await;
    let document = house.get("/api/v1/openapi.json").await.json();
    let described: Vec<_> = document["paths"].as_object().unwrap().keys().collect();
    let mut routes: Vec<_> = ROUTES
        .iter()
        .filter(|route| route.starts_with("/api/"))
        .collect();
    routes.sort_unstable();
    assert_eq!(described, routes);
    let kr = "/api/v1/key-results/more-visitors/accounts";
    let subscribers = "/api/v1/key-results/more-visitors/subscribers/history";
    for (path, schema) in [
        ("/api/v1/scorecard", "Scorecard"),
        (kr, "KeyResult"),
        ("/api/v1/key-results/happy/complaints", "KeyResult"),
        (subscribers, "History"),
        ("/api/v1/none", "Problem"),
    ] {
        let mut root = document.clone();
        root["$ref"] = format!("#/components/schemas/{schema}").into();
        let validator = jsonschema::draft202012::new(&root).unwrap();
        let answer = house.get(path).await.json();
        let errors: Vec<_> = validator
            .iter_errors(&answer)
            .map(|e| format!("{} {e}", e.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{path}: {errors:?}");
    }
}

#[tokio::test]
async fn a_key_result_is_found_in_the_open_cycle_or_in_the_one_named() {
    let mut board = sample::board();
    // The same objective in an older cycle, written after the newer one.
    let old = sample::objective("2026-Q3", "more-visitors", "As before", None);
    let card = sample::card(sample::key_result(
        &old,
        "subscribers",
        "Older",
        "",
        sample::reach(0.0, 1.0),
    ));
    let judged = sample::judged(old, okrd::domain::status::Status::NoData, vec![card]);
    board.scorecard.objectives.push(Arc::new(judged));
    let house = start(board).await;
    let of = async |path: &str| {
        house
            .get(&format!("/api/v1/key-results/{path}"))
            .await
            .json()
    };
    assert_eq!(of("more-visitors/subscribers").await["cycle"], "2026-Q4");
    assert_eq!(
        of("2026-Q3:more-visitors/subscribers").await["title"],
        "Older"
    );
    assert_eq!(of("found/subscribers").await["cycle"], "2026-Q3");
    problem(
        &house
            .get("/api/v1/key-results/2026-Q4:found/subscribers")
            .await,
        404,
    );
}

#[tokio::test]
async fn a_history_is_read_for_the_range_asked_for() {
    let measurements = Arc::new(Measurements::default());
    let reader = Arc::clone(&measurements);
    let house = start_with(sample::board(), Limits::default(), |state| {
        state.history = reader
    })
    .await;
    let path = "/api/v1/key-results/more-visitors/subscribers/history";
    let json = house.get(path).await.json();
    assert_eq!(json["measurements"][1]["as_of"], "2026-11-21T06:00:00Z");
    assert_eq!(json["measurements"][1]["value"], 780.0);
    assert_eq!(json["measurements"][0]["origin"], "backfilled");
    assert_eq!(json["measurements"][1]["origin"], "polled");
    assert_eq!(json["measurements"][1]["as_measured"], Value::Null);
    assert_eq!(json["next"], Value::Null);
    // What another definition gave stands on no line with it.
    assert_eq!(json["measurements"].as_array().unwrap().len(), 2);
    let other = &json["not_compared"][0];
    assert_eq!(other["definition"], "fedcba9876543210");
    assert_eq!(other["measurements"][1]["value"], 58.0);
    let zone = house
        .get(&format!(
            "{path}?from=2026-11-01&to=2026-11-02T00:00:00%2B02:00"
        ))
        .await;
    assert_eq!(zone.json()["from"], "2026-10-31T23:00:00Z");
    let asked = measurements.0.lock().unwrap().clone();
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    let id = "2026-Q4:more-visitors/subscribers".to_owned();
    assert_eq!(
        asked,
        [
            (
                id.clone(),
                at("2026-09-30T22:00:00Z"),
                at("2026-11-24T09:30:01Z")
            ),
            (id, at("2026-10-31T23:00:00Z"), at("2026-11-01T22:00:00Z")),
        ]
    );
}

/// A store that blocks its thread delays neither metrics nor page, and cannot be piled upon.
#[tokio::test]
async fn a_hanging_store_holds_up_nobody_else() {
    let house = Arc::new(start(sample::board()).await);
    let path = "/api/v1/key-results/happy/talks/history";
    let readers: Vec<_> = (0..6)
        .map(|_| {
            let house = Arc::clone(&house);
            tokio::spawn(async move { house.get(path).await.status })
        })
        .collect();
    let began = Instant::now();
    for path in ["/metrics", "/", "/-/healthy"] {
        assert_eq!(house.get(path).await.status, 200);
    }
    assert!(
        began.elapsed() < Duration::from_secs(2),
        "{:?}",
        began.elapsed()
    );
    let mut statuses = Vec::new();
    for reader in readers {
        statuses.push(reader.await.unwrap());
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 200, 200, 503, 503]);
}

#[tokio::test]
async fn the_page_shows_what_matters_and_says_what_it_does_not_know() {
    let house = start(sample::board()).await;
    let page = house.get("/").await.text();
    let place = |text: &str| {
        page.find(text)
            .unwrap_or_else(|| panic!("{text:?} is not on the page"))
    };
    assert!(place("Looking it up on our website") < place("Be the first answer"));
    assert!(place("Be the first answer") < place("Our website becomes the reflex"));
    assert!(place("Our website becomes the reflex") < place("More people find their way"));
    assert!(
        place("More people find their way") < place("2026-Q3, 1 July 2026"),
        "ended cycles come last"
    );
    for text in [
        "<strong>780</strong>",
        "from 640 to 1,000",
        "badge-at_risk\">At risk",
        "39 % of the way, 42 % expected by now",
        "No data yet",
        "Data missing",
        "decided by “Half as many visitors again”",
        "counts in the score of reflex",
        "last known <time",
        ">measured <time",
        "4 days ago",
        "gave no number: no answer within 30 s",
        "4 of 10 issues have a value, 6 do not carry the field",
        "Learned: People search for questions",
        "at most 300",
        "polling is held back",
        "confidence at 80\u{a0}%",
        "<p class=\"forecast\">At this pace about 880 subscribers by 2026-12-31 (67\u{a0}% of the way); plausible between 842 and 933.</p>",
        "<p class=\"rate\">Needs 5.5 a day, makes 2.6.</p>",
        "Said 3 days ago: “the autumn letter helps”",
        "http-equiv=\"refresh\" content=\"30\"",
    ] {
        place(text);
    }
    for never in ["<script", " style=", "onclick", "javascript:"] {
        assert!(!page.contains(never), "{never}");
    }
    // An ended cycle has an address of its own, to which renewing the page leads back.
    assert!(!page.contains("People find us") && page.contains("href=\"?cycle=2026-Q3\""));
    let ended = house.get("/?cycle=2026-Q3").await.text();
    assert!(ended.contains("0.8, strong; 0.6, achieved as first committed"));
    assert!(ended.contains("People find us") && ended.contains("content=\"30\""));
    assert!(!ended.contains("More people find their way"));
    assert_eq!(house.get("/?cycle=1999-Q1").await.status, 404);
    // Only under its own version is the style sheet kept for ever.
    let style = page
        .split("href=\"")
        .find(|rest| rest.starts_with("style.css"))
        .unwrap();
    let style = style.split('"').next().unwrap();
    let kept = house.get(&format!("/{style}")).await;
    assert!(kept.header("cache-control").contains("immutable"));
    for other in ["/style.css", "/style.css?v=0"] {
        assert_eq!(house.get(other).await.header("cache-control"), "no-cache");
    }
}

/// The choice is in the address: a team with what it serves, a cycle, one key result with all that is known of it.
#[tokio::test]
async fn the_page_shows_what_its_address_asks_for() {
    let mut board = sample::board();
    let id = board.scorecard.objectives[1].key_results[0]
        .key_result
        .id
        .clone();
    let asked = "{\"query\":\"SELECT count(*) <b>\"}".to_owned();
    board.config.asked = Arc::new([(id.clone(), asked)].into());
    let letter = (id.objective_id(), Slug::parse("weekly-letter").unwrap());
    let counted = (Work { done: 3, of: 8 }, board.scorecard.at);
    board.works = Arc::new([(letter, counted)].into());
    let house = start(board).await;
    let all = house.get("/").await.text();
    assert!(all.contains(": 3 of 8 issues done"), "{all}");
    let team = house.get("/?team=content").await.text();
    for text in [
        "More people find their way",
        "becomes the reflex",
        "aria-current=\"page\">Content",
    ] {
        assert!(team.contains(text), "{text}");
    }
    assert!(!team.contains("Readers feel taken seriously"));
    assert!(all.contains("href=\"?team=content\"") && all.contains("Readers feel taken"));
    assert!(team.contains("href=\"?cycle=2026-Q3&amp;team=content\""));
    let link = format!("href=\"?key_result={}\"", id.full());
    assert!(all.contains(&link) && team.contains(&link));
    for name in [id.full(), id.to_string()] {
        let one = house.get(&format!("/?key_result={name}")).await.text();
        for text in [
            "Looking it up on our website",
            "Pass 1,000 subscribers",
            "How it is measured",
            "SELECT count(*) &lt;b&gt;",
            "A weekly letter worth opening",
            "Nothing since it was agreed.",
            "How its status changed",
            "and 12 earlier",
            "confidence 40\u{a0}%: “We &lt;b&gt;doubt&lt;/b&gt; it”",
            "The site was down",
        ] {
            assert!(one.contains(text), "{text}");
        }
        let history = one.split_once("How its status changed").unwrap().1;
        let on_track = history.find("badge-on_track").unwrap();
        assert!(
            on_track < history.find("badge-at_risk").unwrap(),
            "the newest comes first"
        );
        assert!(!one.contains("Half as many visitors again</a>"));
        assert!(!one.contains("A glossary of the trade"), "it moves another");
    }
    // What the store does not give is missing alone.
    let unread = house.get("/?key_result=more-visitors/visitors").await;
    assert_eq!(unread.status, 200);
    let unread = unread.text();
    assert!(
        unread.contains("The history cannot be read just now"),
        "{unread}"
    );
    assert!(unread.contains("How it is measured") && !unread.contains("/secret/path"));
}

/// Whoever follows an old link reads in the page's own words what is not there, and finds what is.
#[tokio::test]
async fn what_is_not_there_is_told_on_a_page() {
    let house = start(sample::board()).await;
    for (odd, told) in [
        ("team=nobody", "There is no team “nobody”"),
        ("cycle=1999-Q1", "There is no cycle “1999-Q1”"),
        ("key_result=a/b", "There is no key result “a/b”"),
        (
            "key_result=%3Cb%3E%0A",
            "There is no key result “&lt;b&gt;”",
        ),
    ] {
        let answer = house.get(&format!("/?{odd}")).await;
        assert_eq!(answer.status, 404, "{odd}");
        assert_eq!(answer.headers["content-type"], "text/html; charset=utf-8");
        let page = answer.text();
        assert!(
            page.contains(told) && page.contains("href=\"./\""),
            "{page}"
        );
        assert!(
            page.contains("is a reflex for everyone"),
            "the vision stands above it: {page}"
        );
    }
    let team = house.get("/?team=nobody").await.text();
    assert!(team.contains("href=\"?team=content\""));
    assert!(!team.contains("aria-current"), "nobody is here");
    let cycle = house.get("/?cycle=nobody").await.text();
    assert!(cycle.contains("href=\"?cycle=2026-Q3\""));
}

/// A fault that is the source's is told where the page speaks of the source, once.
#[tokio::test]
async fn a_source_s_fault_is_told_once() {
    let mut board = sample::board();
    board.sources[0].fault = Some("timeout: no answer within 30 s from `shop`".into());
    let page = start(board).await.get("/").await.text();
    assert_eq!(page.matches("no answer within 30 s").count(), 1);
    assert!(page.contains("see source shop below (timeout)"));
}

#[tokio::test]
async fn an_empty_house_says_so() {
    let mut board = sample::with_objectives(Vec::new());
    board.scorecard.company = Default::default();
    board.scorecard.cycles = Arc::new([]);
    board.sources.clear();
    let house = start(board).await;
    assert!(house.get("/").await.text().contains("No objectives yet"));
    assert_eq!(
        house.get("/api/v1/scorecard").await.json()["company"]["vision"],
        Value::Null
    );
    assert_eq!(house.get("/metrics").await.status, 200);
}

/// The page in the language of the company. What okrd itself says is in that language, whole phrases at least; what stands in
/// the configuration stays as it was written.
#[tokio::test]
async fn the_page_speaks_the_language_of_the_company() {
    let mut board = sample::board();
    Arc::make_mut(&mut board.scorecard.company).language = Language::Dutch;
    // The sample's own sentences are of no language.
    for objective in &mut board.scorecard.objectives {
        for card in &mut Arc::make_mut(objective).key_results {
            Arc::make_mut(card).reason = Reason {
                said: Said::NothingYet(Some(FaultClass::Timeout)),
                ..Reason::default()
            };
        }
    }
    let house = start(board).await;
    // What people wrote is in their own words.
    let own = |page: String| page.replace("No more than 300", "Hoogstens 300");
    let pages = [
        own(house.get("/").await.text()),
        own(house.get("/?cycle=2026-Q3").await.text()),
        own(house
            .get("/?key_result=more-visitors/subscribers")
            .await
            .text()),
    ];
    for text in [
        "<html lang=\"nl\">",
        "1 oktober 2026 t/m 31 december 2026",
        "badge-at_risk\">Loopt risico",
        "van 640 naar 1.000",
        "39% van de weg afgelegd, nu 42% verwacht",
        "Nog geen gegevens",
        "laatst bekend <time",
        "4 dagen geleden",
        "Er is nog niets gemeten; de laatste poging mislukte (geen antwoord op tijd).",
        "gaf geen getal: geen antwoord op tijd (no answer within 30 s from `shop`)",
        "hoogstens 300",
        "<p class=\"forecast\">In dit tempo ongeveer 880 subscribers op 31 december 2026 (67% van de weg); aannemelijk tussen 842 en 933.</p>",
        "Nodig is 5,5 per dag, nu is het 2,6.",
        "Stand van 24 november 2026, 10:30:00 CET.",
    ] {
        assert!(pages[0].contains(text), "{text}: {}", pages[0]);
    }
    assert!(pages[1].contains("0,8 (sterk); 0,6 (behaald) volgens de eerste afspraak"));
    for (_, phrases) in okrd::words::tables() {
        for phrase in phrases {
            let pieces = phrase.english.split(['{', '}']).step_by(2).map(str::trim);
            for piece in pieces.filter(|piece| piece.len() > 8 && !phrase.dutch.contains(piece)) {
                for page in &pages {
                    assert!(!page.contains(piece), "{}: {piece}", phrase.name);
                }
            }
        }
    }
}

#[tokio::test]
async fn f73_hostile_text_stays_text() {
    let house = start(sample::hostile()).await;
    let page = house.get("/").await.text();
    assert!(!page.contains("<script") && !page.contains("<img"));
    assert!(page.contains("&quot;&gt;&lt;script&gt;alert(1)"));
    let json = house.get("/api/v1/scorecard").await.json();
    assert_eq!(json["company"]["vision"], sample::HOSTILE);
    let text = house.get("/metrics").await.text();
    assert!(text.lines().all(|l| l.starts_with("okrd_")
        || l.starts_with("process_")
        || l.starts_with("# HELP ")
        || l.starts_with("# TYPE ")));
}

/// Clients that ask for a large exposition and never read it.
#[tokio::test]
async fn f66_slow_readers_do_not_delay_a_scrape() {
    let limits = Limits {
        answer_within: Duration::from_millis(500),
        ..Limits::default()
    };
    let house = start_with(sample::large(2_000), limits, |_| ()).await;
    let mut slow = Vec::new();
    for _ in 0..200 {
        // A small window, or the kernel takes the whole answer for the client.
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let mut stream = socket.connect(house.address).await.unwrap();
        stream
            .write_all(b"GET /metrics HTTP/1.1\r\nHost: okrd\r\n\r\n")
            .await
            .unwrap();
        slow.push(stream);
    }
    let began = Instant::now();
    let scrape = house.get("/metrics").await;
    assert_eq!(scrape.status, 200);
    assert!(scrape.text().contains("objective-399"));
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
    // A byte now and then is not enough: the answer is larger than what the kernel takes, so whoever stays slow loses its
    // connection.
    let mut byte = [0];
    for _ in 0..5 {
        for stream in &mut slow {
            let _ = stream.read_exact(&mut byte).await;
        }
        tokio::time::sleep(limits.answer_within / 4).await;
    }
    let mut cut = 0;
    for mut stream in slow {
        let mut answer = Vec::new();
        let read = tokio::time::timeout(DEADLINE, stream.read_to_end(&mut answer)).await;
        let _ = read.unwrap();
        cut += usize::from(answer.len() < scrape.body.len());
    }
    assert!(cut > 100, "only {cut} slow readers were cut off");
}

#[tokio::test]
async fn f67_half_a_head_is_not_waited_for() {
    let limits = Limits {
        head_within: Duration::from_millis(300),
        ..Limits::default()
    };
    let house = start_with(sample::board(), limits, |_| ()).await;
    for start in [
        &b""[..],
        b"GET /metr",
        b"GET /metrics HTTP/1.1\r\nHost: okrd\r\nX-Slow: ",
    ] {
        let began = Instant::now();
        house.raw(start).await;
        assert!(began.elapsed() >= Duration::from_millis(250));
        assert!(began.elapsed() < Duration::from_secs(5), "{start:?}");
    }
    // One byte now and then does not help.
    let mut drip = TcpStream::connect(house.address).await.unwrap();
    let began = Instant::now();
    while drip.write_all(b"G").await.is_ok() {
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(began.elapsed() < DEADLINE);
    }
}

#[tokio::test]
async fn f68_a_flood_of_silent_connections_does_not_keep_a_scrape_out() {
    let limits = Limits {
        connections: 64,
        ..Limits::default()
    };
    let house = start_with(sample::board(), limits, |_| ()).await;
    let mut silent = Vec::new();
    for _ in 0..400 {
        silent.push(TcpStream::connect(house.address).await.unwrap());
    }
    for _ in 0..5 {
        assert_eq!(house.get("/metrics").await.status, 200);
    }
    // The first ones were shown out to make room, long before any time limit.
    let mut first = silent.remove(0);
    let mut rest = Vec::new();
    let closed = tokio::time::timeout(Duration::from_secs(5), first.read_to_end(&mut rest)).await;
    assert!(closed.is_ok());
}

/// Whoever has most connections makes room, so that a flood from one address closes none of another.
#[tokio::test]
async fn f68_a_flood_from_one_address_costs_no_other_its_connection() {
    let limits = Limits {
        connections: 32,
        ..Limits::default()
    };
    let house = start_with(sample::board(), limits, |_| ()).await;
    let from = async |last: u8| {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(([127, 0, 0, last], 0).into()).unwrap();
        socket.connect(house.address).await.unwrap()
    };
    // Older than all of the flood, and in the middle of a request.
    let mut quiet = from(2).await;
    quiet
        .write_all(b"GET /-/healthy HTTP/1.1\r\n")
        .await
        .unwrap();
    house.get("/-/healthy").await;
    let mut flood = Vec::new();
    for _ in 0..300 {
        flood.push(from(1).await);
    }
    quiet
        .write_all(b"Host: okrd\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut answer = Vec::new();
    let read = tokio::time::timeout(DEADLINE, quiet.read_to_end(&mut answer)).await;
    read.unwrap().unwrap();
    assert_eq!(Answer::parse(&answer).status, 200);
}

/// Requests that nobody foresaw: each of these with bytes changed, left out, doubled or put in.
#[tokio::test]
async fn f69_no_bytes_bring_the_server_down() {
    let limits = Limits {
        head_within: Duration::from_millis(300),
        ..Limits::default()
    };
    let house = start_with(sample::board(), limits, |_| ()).await;
    let seeds: [&[u8]; 6] = [
        b"GET /metrics HTTP/1.1\r\nHost: a\r\nAccept: text/plain;q=0.5,*/*;q=0.1\r\nAccept-Encoding: gzip\r\n\r\n",
        b"POST /-/reload HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\n\r\n",
        b"POST /api/v1/key-results/a/b/measurements HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n{\"value\": 1}",
        b"GET /api/v1/key-results/%2e%2e/%00/history?from=2026-10-01&to=9999-99-99 HTTP/1.1\r\nHost: [::1]:1\r\n\r\n",
        b"GET http://user:pw@okrd:1/?cycle=%ff%fe HTTP/1.0\r\nConnection: keep-alive, Upgrade\r\nUpgrade: h2c\r\nExpect: 100-continue\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
    ];
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut below = |limit: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % limit as u64).unwrap()
    };
    let mut cases = Vec::new();
    for nth in 0..600 {
        let mut bytes = seeds[nth % seeds.len()].to_vec();
        for _ in 0..=below(4) {
            let at = below(bytes.len().max(1));
            match below(5) {
                _ if bytes.is_empty() => break,
                0 => bytes[at] = u8::try_from(below(256)).unwrap(),
                1 => _ = bytes.remove(at),
                2 => bytes.truncate(at + 1),
                3 => bytes.insert(at, b"\r\n :\0"[below(5)]),
                _ => {
                    let tail = bytes[at..].to_vec();
                    bytes.extend(tail);
                }
            }
        }
        cases.push(bytes);
    }
    for batch in cases.chunks(40) {
        let answers = batch.iter().map(|bytes| house.raw(bytes));
        for (bytes, answer) in batch
            .iter()
            .zip(futures_util::future::join_all(answers).await)
        {
            let (sent, got) = (bytes.escape_ascii(), answer.escape_ascii());
            assert!(
                answer.is_empty() || answer.starts_with(b"HTTP/1."),
                "{sent}: {got}"
            );
            let status = answer.get(9..12).unwrap_or_default();
            assert!(
                !status.starts_with(b"5") || status == b"505",
                "{sent}: {got}"
            );
        }
    }
    assert_eq!(house.get("/-/healthy").await.status, 200);
    let text = house.get("/metrics").await.text();
    assert!(!text.contains("code=\"5"), "{text}");
}

#[tokio::test]
async fn f69_malformed_requests_are_refused_and_forgotten() {
    let limits = Limits {
        head_within: Duration::from_millis(500),
        ..Limits::default()
    };
    let house = start_with(sample::board(), limits, |_| ()).await;
    let huge = format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "a".repeat(1_000_000));
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(2_000));
    let long = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(40_000));
    let refused: [&[u8]; 19] = [
        b"GET /metrics\r\n\r\n",
        b"G\xffT / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n",
        b"POST /-/reload HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 65537\r\n\r\n",
        b"POST /-/reload HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
        b"TRACE /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        b"\x00\x01\x02\x03\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost : b\r\n\r\n",
        b"GET / HTTP/1.1\nBad\x01Name: x\r\n\r\n",
        b"POST /-/reload HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"POST /-/reload HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: banana\r\n\r\n",
        b"CONNECT okrd:443 HTTP/1.1\r\nHost: okrd\r\nConnection: close\r\n\r\n",
        b"GET /../../etc/passwd HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        huge.as_bytes(),
        many.as_bytes(),
        long.as_bytes(),
    ];
    for bytes in refused {
        let answer = house.raw(bytes).await;
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]).into_owned();
        // A reset may overtake the answer; but whatever is answered is a refusal.
        if !answer.is_empty() {
            let status = Answer::parse(&answer).status;
            assert!((400..500).contains(&status), "{status} for {shown:?}");
        }
    }
    // Length and chunks at once: read as chunks, and the connection is of no more use.
    let smuggled = house
        .raw(b"POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 60\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n")
        .await;
    assert!(Answer::parse(&smuggled).status >= 400);
    house
        .raw(b"POST /metrics HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
        .await;
    assert_eq!(house.get("/-/healthy").await.status, 200);
    let text = house.get("/metrics").await.text();
    assert!(!text.contains("passwd") && !text.contains("code=\"5"));
}

#[tokio::test]
async fn f70_a_scrape_succeeds_while_the_store_is_down() {
    let mut board = sample::board();
    board.store.up = false;
    board.config.last_load_accepted = false;
    let house = start(board).await;
    let text = house.get("/metrics").await.text();
    assert!(text.contains("okrd_store_up 0\n"));
    assert!(text.contains("okrd_config_last_reload_successful 0\n"));
    let page = house.get("/").await.text();
    assert!(page.contains("cannot be stored at the moment"));
    assert!(page.contains("was not accepted"));
}

#[tokio::test]
async fn the_end_lets_answers_finish_and_waits_for_nobody_else() {
    let mut house = start(sample::board()).await;
    let silent = TcpStream::connect(house.address).await.unwrap();
    let mut idle = TcpStream::connect(house.address).await.unwrap();
    idle.write_all(b"GET /-/healthy HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    let mut buffer = [0; 1024];
    assert!(idle.read(&mut buffer).await.unwrap() > 0);
    let mut busy = TcpStream::connect(house.address).await.unwrap();
    let request = b"GET /api/v1/key-results/happy/talks/history HTTP/1.1\r\nHost: a\r\n\r\n";
    busy.write_all(request).await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let began = Instant::now();
    house.stop.take().unwrap().send(()).unwrap();
    let mut answer = Vec::new();
    busy.read_to_end(&mut answer).await.unwrap();
    assert_eq!(Answer::parse(&answer).status, 200);
    house.task.await.unwrap().unwrap();
    assert!(
        began.elapsed() < Duration::from_millis(4_500),
        "{:?}",
        began.elapsed()
    );
    assert!(TcpStream::connect(house.address).await.is_err());
    drop(silent);
}

#[tokio::test]
async fn the_end_comes_even_if_a_client_reads_nothing() {
    let limits = Limits {
        drain_within: Duration::from_millis(300),
        ..Limits::default()
    };
    let mut house = start_with(sample::large(4_000), limits, |_| ()).await;
    let mut slow = TcpStream::connect(house.address).await.unwrap();
    slow.write_all(b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    let mut byte = [0];
    slow.read_exact(&mut byte).await.unwrap();
    house.stop.take().unwrap().send(()).unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(3), house.task).await;
    ended.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn a_thousand_key_results_are_scraped_from_what_was_written_once() {
    let house = start(sample::large(1_000)).await;
    let headers = format!("{OPEN_METRICS}Accept-Encoding: gzip\r\n");
    let first = house.ask("GET", "/metrics", &headers).await;
    assert_eq!(first.status, 200);
    let rounds = 20;
    let began = Instant::now();
    for _ in 0..rounds {
        house.ask("GET", "/metrics", &headers).await;
    }
    let each = began.elapsed() / rounds;
    // An optimised build takes well below a millisecond; this one is not optimised and shares its machine.
    assert!(each < Duration::from_millis(50), "{each:?} a scrape");
}
