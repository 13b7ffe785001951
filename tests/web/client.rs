//! The client alone: connections, deadlines, caps, redirects, TLS.

use std::process::Command;
use std::time::{Duration, Instant};

use okrd::domain::fault::{Fault, FaultClass};
use okrd::net::answer::Answer;
use okrd::net::client::{Client, ClientOptions, USER_AGENT};
use okrd::net::request::Request;
use tokio::net::TcpListener;
use url::Url;

use crate::fakes::tls::Authority;
use crate::fakes::wire::{self, Act, Wire, head, json, respond};

/// Long enough for a busy machine, never waited for in a test that passes.
const PATIENT: Duration = Duration::from_secs(20);
/// For servers that never come to an end.
const SHORT: Duration = Duration::from_millis(400);

fn get(url: &str, deadline: Duration) -> Request {
    Request::get(Url::parse(url).unwrap(), deadline)
}

async fn ask(url: &str, deadline: Duration) -> Result<Answer, Fault> {
    let client = Client::new(ClientOptions::default());
    client.send(get(url, deadline)).await
}

async fn fault(wire: &Wire, deadline: Duration) -> Fault {
    ask(&format!("{}/x?token=canary-99", wire.url()), deadline)
        .await
        .unwrap_err()
}

#[tokio::test]
async fn a_good_answer_comes_whole_and_we_introduce_ourselves() {
    let wire = Wire::always(json(200, r#"{"n":42}"#)).await;
    let answer = ask(&wire.url(), PATIENT).await.unwrap();
    assert_eq!(
        (answer.status, answer.body.as_slice()),
        (200, br#"{"n":42}"#.as_slice())
    );
    let asked = &wire.asked()[0];
    assert_eq!(asked.header("user-agent"), Some(USER_AGENT));
    assert_eq!(asked.header("accept-encoding"), Some("gzip"));
}

#[tokio::test]
async fn f1_a_closed_port_and_a_reset_are_net() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = free.local_addr().unwrap();
    drop(free);
    let refused = ask(&format!("http://{addr}/x?token=canary-99"), PATIENT)
        .await
        .unwrap_err();
    assert_eq!(refused.class, FaultClass::Net, "{refused}");
    assert!(refused.message.contains("refused"), "{refused}");
    assert!(!refused.to_string().contains("canary"), "{refused}");

    let half = Act::Send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf".to_vec());
    for acts in [vec![half, Act::Reset], vec![Act::Reset]] {
        let wire = Wire::always(acts).await;
        let reset = fault(&wire, PATIENT).await;
        assert_eq!(reset.class, FaultClass::Net, "{reset}");
        assert_eq!(wire.connections(), 1, "a second try is the engine's affair");
        assert!(!reset.to_string().contains("canary"), "{reset}");
    }
}

#[tokio::test]
async fn f2_a_black_hole_ends_with_the_connect_budget_or_the_deadline() {
    let (addr, _held) = wire::black_hole().await;
    let url = format!("http://{addr}/");
    let started = Instant::now();
    let by_deadline = ask(&url, SHORT).await.unwrap_err();
    assert_eq!(by_deadline.class, FaultClass::Timeout);
    assert!(started.elapsed() < SHORT + Duration::from_secs(1));
    let by_budget = ask(&url, Duration::from_secs(60)).await.unwrap_err();
    assert_eq!(by_budget.class, FaultClass::Timeout, "{by_budget}");
    assert!(by_budget.message.contains("no connection"), "{by_budget}");
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn f3_a_dripping_head_or_body_ends_at_the_deadline() {
    let drip = Act::Drip(b"1 ".to_vec(), Duration::from_millis(20));
    let never_ends = [
        vec![Act::Send(b"HTTP/1.1 200 OK\r\nX: ".to_vec()), drip.clone()],
        vec![head("Content-Length: 9999\r\n"), drip],
        vec![head("Content-Length: 9999\r\n"), Act::Stall],
        vec![Act::Stall],
    ];
    for acts in never_ends {
        let wire = Wire::always(acts).await;
        let started = Instant::now();
        let late = fault(&wire, SHORT).await;
        assert_eq!(late.class, FaultClass::Timeout, "{late}");
        assert!(started.elapsed() < SHORT + Duration::from_secs(1), "{late}");
        assert!(late.message.contains("0.4 s"), "{late}");
    }
}

#[tokio::test]
async fn f4_an_endless_body_stops_at_the_cap() {
    let piece = [b"10000\r\n".as_slice(), &[b'1'; 0x10000], b"\r\n"].concat();
    let endless = vec![head("Transfer-Encoding: chunked\r\n"), Act::Flood(piece)];
    let wire = Wire::always(endless).await;
    let cap = 1 << 20;
    let client = Client::new(ClientOptions::default());
    let stopped = client.send(get(&wire.url(), PATIENT).max_body(cap)).await;
    assert_eq!(stopped.unwrap_err().class, FaultClass::TooLarge);
    // The cap, and what the system's buffers hold.
    assert!(wire.sent() < cap + (16 << 20), "{}", wire.sent());
}

#[tokio::test]
async fn f4_a_declared_length_beyond_the_cap_is_not_read() {
    let wire = Wire::always(vec![head("Content-Length: 99999999\r\n"), Act::Stall]).await;
    assert_eq!(fault(&wire, PATIENT).await.class, FaultClass::TooLarge);
}

#[tokio::test]
async fn f5_a_gzip_bomb_stops_at_the_cap_counted_after_decompression() {
    let bomb = wire::gzip_bomb(256 << 20);
    assert!(bomb.len() < 2 << 20);
    let lines = format!(
        "Content-Encoding: gzip\r\nContent-Length: {}\r\n",
        bomb.len()
    );
    let wire = Wire::always(vec![head(&lines), Act::Send(bomb)]).await;
    let stopped = fault(&wire, PATIENT).await;
    assert_eq!(stopped.class, FaultClass::TooLarge, "{stopped}");
}

#[tokio::test]
async fn f5_gzip_is_read_and_other_encodings_are_refused() {
    let zipped = [
        31, 139, 8, 0, 0, 0, 0, 0, 2, 255, 171, 86, 202, 83, 178, 50, 49, 170, 5, 0, 45, 100, 245,
        58, 8, 0, 0, 0,
    ];
    let coded = |coding, body: &[u8]| {
        respond(
            200,
            &[
                ("Content-Type", "application/json"),
                ("Content-Encoding", coding),
            ],
            body,
        )
    };
    let wire = Wire::always(coded("gzip", &zipped)).await;
    assert_eq!(
        ask(&wire.url(), PATIENT).await.unwrap().body,
        br#"{"n":42}"#
    );
    for (coding, body) in [
        ("br", zipped.as_slice()),
        ("deflate", &zipped),
        ("gzip", b"no gzip at all"),
    ] {
        let wire = Wire::always(coded(coding, body)).await;
        assert_eq!(
            fault(&wire, PATIENT).await.class,
            FaultClass::BadBody,
            "{coding}"
        );
    }
    // Cut within: the whole wire length is there, the stream is not.
    let wire = Wire::always(coded("gzip", &zipped[..16])).await;
    let cut = fault(&wire, PATIENT).await;
    assert!(
        matches!(cut.class, FaultClass::Net | FaultClass::BadBody),
        "{cut}"
    );
}

#[tokio::test]
async fn f6_f7_a_redirect_is_a_fault_that_names_the_host_and_nothing_follows_it() {
    let other = Wire::always(json(200, r#"{"n":1}"#)).await;
    let target = other.url();
    for location in [
        format!("{target}/login?from=canary-99"),
        "/x".to_owned(),
        "//%".to_owned(),
    ] {
        for status in [301, 302, 303, 307, 308] {
            let wire = Wire::always(respond(status, &[("Location", &location)], b"")).await;
            let request = get(&format!("{}/x?token=canary-99", wire.url()), PATIENT)
                .secret_header("x-api-key", "canary-99")
                .unwrap();
            let client = Client::new(ClientOptions::default());
            let redirect = client.send(request).await.unwrap_err();
            assert_eq!(redirect.class, FaultClass::Redirect, "{redirect}");
            assert!(!redirect.to_string().contains("canary"), "{redirect}");
            assert_eq!(
                redirect.message.contains(&target),
                location.starts_with(&target)
            );
            assert_eq!(wire.connections(), 1);
        }
    }
    assert_eq!(other.connections(), 0);
    let wire = Wire::always(respond(304, &[], b"")).await;
    assert_eq!(fault(&wire, PATIENT).await.class, FaultClass::Redirect);
}

#[tokio::test]
async fn f8_https_never_falls_back_to_http() {
    let plain = Wire::always(json(200, "1")).await;
    let (authority, dir) = (Authority::new("Acme"), tempfile::tempdir().unwrap());
    let location = plain.url();
    let acts = respond(302, &[("Location", &location)], b"");
    let wire = Wire::tls(authority.server("localhost"), move |_| acts.clone()).await;
    let client = Client::new(ClientOptions {
        ca_file: Some(authority.write(dir.path())),
    });
    let redirect = client
        .send(get(&format!("https://localhost:{}/", wire.port()), PATIENT))
        .await
        .unwrap_err();
    assert_eq!(redirect.class, FaultClass::Redirect);
    assert_eq!(plain.connections(), 0);
}

#[tokio::test]
async fn f11_a_body_that_breaks_off_is_net_and_never_parsed() {
    for acts in [
        vec![
            head("Content-Length: 100\r\n"),
            Act::Send(b"{\"n\":1}".to_vec()),
        ],
        vec![head("Content-Length: 1\r\n")],
        vec![
            head("Transfer-Encoding: chunked\r\n"),
            Act::Send(b"7\r\n{\"n\":1}\r\n".to_vec()),
        ],
        vec![
            head("Transfer-Encoding: chunked\r\n"),
            Act::Send(b"ff\r\n{".to_vec()),
        ],
        vec![Act::Send(b"HTTP/1.1 200 OK\r\nContent-Le".to_vec())],
        vec![],
    ] {
        let wire = Wire::always(acts.clone()).await;
        let cut = fault(&wire, PATIENT).await;
        assert_eq!(cut.class, FaultClass::Net, "{cut} {acts:?}");
    }
}

#[tokio::test]
async fn f16_only_a_certificate_that_holds_is_accepted() {
    let (authority, dir) = (Authority::new("Acme"), tempfile::tempdir().unwrap());
    let trusting = || {
        Client::new(ClientOptions {
            ca_file: Some(authority.write(dir.path())),
        })
    };
    let asked = |client: Client, acceptor| async move {
        let wire = Wire::tls(acceptor, |_| json(200, r#"{"n":42}"#)).await;
        let url = format!("https://localhost:{}/x?token=canary-99", wire.port());
        let result = client.send(get(&url, PATIENT)).await;
        (result, wire.asked().len())
    };
    let (good, _) = asked(trusting(), authority.server("localhost")).await;
    assert_eq!(good.unwrap().body, br#"{"n":42}"#);

    for (client, acceptor, word) in [
        (
            trusting(),
            authority.server_until("localhost", 2020),
            "expired",
        ),
        (
            trusting(),
            authority.server("other.example"),
            "not valid for name",
        ),
        (
            trusting(),
            Authority::new("Another").server("localhost"),
            "UnknownIssuer",
        ),
        (
            Client::new(ClientOptions::default()),
            authority.server("localhost"),
            "UnknownIssuer",
        ),
    ] {
        let (refused, asked) = asked(client, acceptor).await;
        let refused = refused.unwrap_err();
        assert_eq!(refused.class, FaultClass::Tls, "{refused}");
        assert!(refused.message.contains(word), "{refused}");
        assert!(!refused.to_string().contains("canary"), "{refused}");
        assert_eq!(asked, 0, "nothing is sent before the certificate holds");
    }
}

#[tokio::test]
async fn f16_an_old_protocol_or_none_is_tls() {
    // An alert that no offered protocol version will do, as an old server sends it; and plain HTTP on the port.
    let alert = [0x15, 3, 1, 0, 2, 2, 70];
    for answer in [alert.to_vec(), b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let server = tokio::spawn(async move {
            use tokio::io::{AsyncReadExt, AsyncWriteExt};
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut hello = [0; 1024];
            let _ = stream.read(&mut hello).await.unwrap();
            stream.write_all(&answer).await.unwrap();
            let _ = stream.read_to_end(&mut Vec::new()).await;
        });
        let refused = ask(&format!("https://localhost:{}/", addr.port()), PATIENT)
            .await
            .unwrap_err();
        assert_eq!(refused.class, FaultClass::Tls, "{refused}");
        server.await.unwrap();
    }
}

#[tokio::test]
async fn f17_a_name_without_address_is_dns() {
    // A label of 64 characters is no name, so the system says no without asking anyone.
    let url = format!("http://{}.invalid/x?token=canary-99", "a".repeat(64));
    let unknown = ask(&url, PATIENT).await.unwrap_err();
    assert_eq!(unknown.class, FaultClass::Dns, "{unknown}");
    assert!(!unknown.to_string().contains("canary"), "{unknown}");
}

/// The server promises to keep the connection and closes it after each answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f19_a_kept_connection_that_the_server_closed_is_replaced_unnoticed() {
    let wire = Wire::always(vec![
        head("Content-Length: 1\r\n"),
        Act::Send(b"7".to_vec()),
    ])
    .await;
    let client = Client::new(ClientOptions::default());
    for n in 0..50 {
        let url = Url::parse(&wire.url()).unwrap();
        let request = match n % 2 {
            0 => Request::get(url, PATIENT),
            _ => Request::post(url, "text/plain", b"?".to_vec(), PATIENT),
        };
        assert_eq!(client.send(request).await.unwrap().body, b"7", "{n}");
    }
}

const NO_AUTHORITIES: &str = "OKRD_TEST_NO_AUTHORITIES";

/// Runs in the child below, whose environment has no certificates.
#[tokio::test]
async fn without_certificates() {
    if std::env::var_os(NO_AUTHORITIES).is_none() {
        return;
    }
    let plain = Wire::always(json(200, "1")).await;
    assert_eq!(ask(&plain.url(), PATIENT).await.unwrap().body, b"1");
    let client = Client::new(ClientOptions::default());
    let secure = client
        .send(get("https://localhost:1/", PATIENT))
        .await
        .unwrap_err();
    assert_eq!(secure.class, FaultClass::Tls, "{secure}");
    assert!(secure.help.contains("ca-certificates"), "{secure}");
}

#[test]
fn f16_a_machine_without_certificates_still_speaks_http_and_says_what_is_missing_for_https() {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "client::without_certificates"])
        .env(NO_AUTHORITIES, "1")
        .env("SSL_CERT_FILE", "/nonexistent/certificates.pem")
        .env("SSL_CERT_DIR", "/nonexistent")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}"
    );
}
