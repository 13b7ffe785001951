//! The generic HTTP source: what it sends, and that only a whole, honest answer becomes a reading.

use std::collections::BTreeMap;
use std::time::Duration;

use okrd::config::secret::{SecretRef, Setting};
use okrd::config::spec::{
    Auth, Body, Empty, Extract, Format, HttpMeasure, HttpSpec, Measure, Method,
};
use okrd::domain::fault::{Fault, FaultClass};
use okrd::domain::reading::Reading;
use okrd::domain::window::Moments;
use okrd::source::http::HttpSource;
use okrd::source::{Question, Source};

use crate::fakes::wire::{Act, Wire, head, json, respond};
use crate::{moments, spec, workers};

const PATIENT: Duration = Duration::from_secs(20);

fn measure(value: &str) -> HttpMeasure {
    HttpMeasure {
        path: "/stats".into(),
        query: BTreeMap::new(),
        method: Method::Get,
        body: Body::None,
        value: if value.starts_with('/') {
            Extract::Pointer(value.into())
        } else {
            Extract::Jq(value.into())
        },
        fail_if: None,
        require: None,
        format: Format::Json,
        empty: Empty::Error,
        as_of: None,
        quality: Vec::new(),
    }
}

async fn ask_at(
    spec: &HttpSpec,
    measure: HttpMeasure,
    moments: &Moments,
) -> Result<Reading, Fault> {
    let question = Question {
        measure: &Measure::Http(measure),
        moments,
        timeout: PATIENT,
    };
    HttpSource::new(spec, workers()).measure(question).await
}

async fn ask(spec: &HttpSpec, measure: HttpMeasure) -> Result<Reading, Fault> {
    ask_at(
        spec,
        measure,
        &moments("2026-11-23T23:30:15Z", "cycle_to_date"),
    )
    .await
}

async fn read(acts: Vec<Act>, value: &str) -> Result<Reading, Fault> {
    let wire = Wire::always(acts).await;
    ask(&spec(&wire.url()), measure(value)).await
}

#[tokio::test]
async fn a_number_is_read_by_pointer_and_by_filter() {
    let body = r#"{"stats":{"n":42},"rows":[{"n":1},{"n":2}]}"#;
    assert_eq!(read(json(200, body), "/stats/n").await.unwrap().value, 42.0);
    assert_eq!(
        read(json(200, body), "[.rows[].n] | add")
            .await
            .unwrap()
            .value,
        3.0
    );
    let big = read(json(200, "9007199254740993"), ".").await.unwrap();
    assert_eq!(big.exact.as_deref(), Some("9007199254740993"));
}

#[tokio::test]
async fn requests_carry_moments_percent_encoded_where_they_land() {
    let wire = Wire::always(json(200, r#"{"n":1}"#)).await;
    let plain = |text: &str| Setting::Plain(text.to_owned());
    let spec = spec(&format!("{}/v1", wire.url()));
    let get = HttpMeasure {
        path: "at/{now}/{other}?since={cycle_start}".into(),
        query: BTreeMap::from([
            ("day".into(), plain("{today}")),
            ("q".into(), plain("a&b {now:unix} ü")),
        ]),
        ..measure("/n")
    };
    ask(&spec, get).await.unwrap();
    let form = HttpMeasure {
        method: Method::Post,
        body: Body::Form(BTreeMap::from([(
            "to".into(),
            plain("{window_end:date}&x"),
        )])),
        ..measure("/n")
    };
    ask(&spec, form).await.unwrap();
    let document = HttpMeasure {
        method: Method::Post,
        body: Body::Json(r#"{"q":{"to":"{now:date}","n":12345678901234567890}}"#.into()),
        ..measure("/n")
    };
    ask(&spec, document).await.unwrap();
    let text = HttpMeasure {
        method: Method::Post,
        body: Body::Text("query { since(day: {today}) }".into()),
        ..measure("/n")
    };
    ask(&spec, text).await.unwrap();

    let asked = wire.asked();
    assert_eq!(asked[0].method, "GET");
    assert_eq!(
        asked[0].target,
        "/v1/at/2026-11-23T23%3A30%3A15Z/%7Bother%7D?since=2026-09-30T22%3A00%3A00Z\
         &day=2026-11-24&q=a%26b+1795476615+%C3%BC"
    );
    assert_eq!(asked[0].header("accept"), Some("application/json"));
    assert_eq!(
        (asked[1].method.as_str(), asked[1].body_text()),
        ("POST", "to=2026-11-24%26x")
    );
    let kind = |n: usize| asked[n].header("content-type");
    assert_eq!(kind(1), Some("application/x-www-form-urlencoded"));
    assert_eq!(
        asked[2].body_text(),
        r#"{"q":{"to":"2026-11-24","n":12345678901234567890}}"#
    );
    assert_eq!(kind(2), Some("application/json"));
    assert_eq!(asked[3].body_text(), "query { since(day: 2026-11-24) }");
    assert_eq!(kind(3), Some("text/plain; charset=utf-8"));
}

#[tokio::test]
async fn configured_headers_win_over_ours_and_come_once() {
    let wire = Wire::always(json(200, r#"{"n":1}"#)).await;
    let plain = |text: &str| Setting::Plain(text.to_owned());
    let mut spec = spec(&wire.url());
    spec.headers = BTreeMap::from([
        ("Accept".into(), plain("application/vnd.github+json")),
        ("Content-Type".into(), plain("application/graphql")),
        ("User-Agent".into(), plain("acme")),
    ]);
    let post = HttpMeasure {
        method: Method::Post,
        body: Body::Text("{ a }".into()),
        ..measure("/n")
    };
    ask(&spec, post).await.unwrap();
    let asked = &wire.asked()[0];
    assert_eq!(asked.header("accept"), Some("application/vnd.github+json"));
    assert_eq!(asked.header("content-type"), Some("application/graphql"));
    assert_eq!(asked.header("user-agent"), Some("acme"));
}

#[tokio::test]
async fn f18_expired_credentials_are_auth_until_the_file_changes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("token");
    let wire = Wire::plain(|asked| match asked.header("authorization") {
        Some("Bearer new-token") => json(200, r#"{"n":7}"#),
        _ => json(401, r#"{"error":"expired"}"#),
    })
    .await;
    let mut spec = spec(&wire.url());
    spec.auth = Some(Auth::Bearer {
        token: SecretRef::File(path.clone()),
    });
    let source = HttpSource::new(&spec, workers());
    let measure = Measure::Http(measure("/n"));
    let moments = moments("2026-11-23T12:00:00Z", "30d");
    let question = Question {
        measure: &measure,
        moments: &moments,
        timeout: PATIENT,
    };
    let missing = source.measure(question).await.unwrap_err();
    assert_eq!(missing.class, FaultClass::Config, "{missing}");
    assert_eq!(wire.connections(), 0);
    std::fs::write(&path, "old-token\n").unwrap();
    let before = source.credentials();
    let expired = source.measure(question).await.unwrap_err();
    assert_eq!(expired.class, FaultClass::Auth);
    assert_eq!(
        wire.asked().len(),
        1,
        "no second try with refused credentials"
    );
    std::fs::write(&path, "new-token\n").unwrap();
    assert_ne!(source.credentials(), before);
    assert_eq!(source.measure(question).await.unwrap().value, 7.0);
}

#[tokio::test]
async fn basic_logins_are_sent_as_rfc_7617_says() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("token");
    std::fs::write(&path, "open sesame").unwrap();
    let wire = Wire::always(json(200, r#"{"n":7}"#)).await;
    let mut spec = spec(&wire.url());
    spec.auth = Some(Auth::Basic {
        user: "Aladdin".into(),
        token: SecretRef::File(path),
    });
    ask(&spec, measure("/n")).await.unwrap();
    let sent = wire.asked()[0].header("authorization").map(str::to_owned);
    assert_eq!(sent.as_deref(), Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="));
}

#[tokio::test]
async fn f71_a_server_that_echoes_everything_learns_us_nothing_to_leak() {
    let dir = tempfile::tempdir().unwrap();
    let secret = |name: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, format!("canary-{name}-4711")).unwrap();
        Setting::Secret(SecretRef::File(path))
    };
    let Setting::Secret(token) = secret("token") else {
        unreachable!()
    };
    for (status, kind) in [
        (200, "application/json"),
        (200, "text/html"),
        (400, "application/json"),
        (400, "text/plain"),
        (401, "text/plain"),
        (500, "application/json"),
    ] {
        let wire = Wire::plain(move |asked| {
            let echo = serde_json::json!({ "n": String::from_utf8_lossy(&asked.raw) }).to_string();
            respond(status, &[("Content-Type", kind)], echo.as_bytes())
        })
        .await;
        let mut spec = spec(&wire.url());
        spec.headers = BTreeMap::from([("X-Api-Key".into(), secret("header"))]);
        for (user, token) in [(Some("okrd"), token.clone()), (None, token.clone())] {
            spec.auth = Some(match user {
                Some(user) => Auth::Basic {
                    user: user.into(),
                    token,
                },
                None => Auth::Bearer { token },
            });
            let post = HttpMeasure {
                method: Method::Post,
                query: BTreeMap::from([("key".into(), secret("query"))]),
                body: Body::Form(BTreeMap::from([("token_auth".into(), secret("form"))])),
                ..measure("/n")
            };
            let fault = ask(&spec, post).await.unwrap_err();
            let raw = String::from_utf8(wire.asked().last().unwrap().raw.clone()).unwrap();
            for name in ["header", "query", "form"] {
                assert!(
                    raw.contains(&format!("canary-{name}-4711")),
                    "{name} was not sent: {raw}"
                );
            }
            let shown = format!("{fault} {fault:?}");
            assert!(
                !shown.contains("canary") && !shown.contains("4711"),
                "{shown}"
            );
            let coded = wire
                .asked()
                .last()
                .unwrap()
                .header("authorization")
                .unwrap()[8..]
                .to_owned();
            assert!(!shown.contains(&coded), "{shown}");
        }
    }
}

#[tokio::test]
async fn f71_a_secret_base_url_shows_its_host_only() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("url");
    let wire = Wire::always(json(404, "{}")).await;
    std::fs::write(&path, format!("{}/hooks/canary-4711/", wire.url())).unwrap();
    let mut spec = spec("");
    spec.url = Setting::Secret(SecretRef::File(path));
    let fault = ask(&spec, measure("/n")).await.unwrap_err();
    assert_eq!(wire.asked()[0].target, "/hooks/canary-4711/stats");
    assert_eq!(fault.class, FaultClass::Http4xx);
    assert!(
        fault.message.contains(&wire.url()) && !fault.to_string().contains("canary"),
        "{fault}"
    );
}

#[tokio::test]
async fn f9_a_login_page_with_200_is_bad_type() {
    for (kind, body) in [
        (
            "text/html; charset=utf-8",
            "<!doctype html><title>Sign in</title>",
        ),
        ("application/json", "<html>0</html>"),
        ("text/csv", "0"),
    ] {
        let acts = respond(200, &[("Content-Type", kind)], body.as_bytes());
        let fault = read(acts, "/n").await.unwrap_err();
        assert_eq!(fault.class, FaultClass::BadType, "{fault}");
        assert!(
            fault.message.contains(kind) && fault.help.contains("login page"),
            "{fault}"
        );
    }
}

#[tokio::test]
async fn f10_an_error_in_a_good_looking_answer_is_found_by_fail_if() {
    let wire = Wire::always(json(200, r#"{"result":"error","message":"x","n":0}"#)).await;
    let guarded = HttpMeasure {
        fail_if: Some(r#".result? == "error""#.into()),
        ..measure("/n")
    };
    let fault = ask(&spec(&wire.url()), guarded).await.unwrap_err();
    assert_eq!(fault.class, FaultClass::BadBody, "{fault}");
}

#[tokio::test]
async fn f11_f12_what_is_not_exactly_one_document_is_refused() {
    for (body, class) in [
        ("\u{feff}{\"n\":1}", FaultClass::BadBody),
        ("{\"n\":1", FaultClass::BadBody),
        ("{\"n\":1}{\"n\":2}", FaultClass::BadBody),
        ("{\"n\":1,\"n\":2}", FaultClass::BadBody),
        ("{\"n\":NaN}", FaultClass::BadBody),
        ("{\"n\":1e999}", FaultClass::BadValue),
    ] {
        let fault = read(json(200, body), "/n").await.unwrap_err();
        assert_eq!(fault.class, class, "{body}: {fault}");
        assert!(
            fault.message.starts_with("GET http://127.0.0.1:"),
            "{fault}"
        );
    }
    let cut = vec![
        head("Content-Length: 99\r\n"),
        Act::Send(b"{\"n\":1}".to_vec()),
    ];
    assert_eq!(read(cut, "/n").await.unwrap_err().class, FaultClass::Net);
}

#[tokio::test]
async fn f13_f14_patience_asked_for_is_handed_on() {
    let date = ("Date", "Tue, 24 Nov 2026 12:00:00 GMT");
    for (status, headers, class, seconds) in [
        (
            429,
            vec![("Retry-After", "120")],
            FaultClass::RateLimited,
            Some(120),
        ),
        (429, vec![], FaultClass::RateLimited, None),
        (
            503,
            vec![date, ("Retry-After", "Tue, 24 Nov 2026 12:00:30 GMT")],
            FaultClass::RateLimited,
            Some(30),
        ),
        (503, vec![], FaultClass::Http5xx, None),
    ] {
        let fault = read(respond(status, &headers, b""), "/n")
            .await
            .unwrap_err();
        let waits = fault.retry_after.map(|d| d.as_secs());
        assert_eq!((fault.class, waits), (class, seconds), "{fault}");
    }
}

#[tokio::test]
async fn f20_a_part_or_a_promise_of_an_answer_is_partial() {
    for status in [202, 206] {
        let fault = read(json(status, r#"{"n":0}"#), "/n").await.unwrap_err();
        assert_eq!(fault.class, FaultClass::Partial, "{fault}");
    }
}

#[tokio::test]
async fn f25_to_f28_what_is_no_finite_number_is_refused_over_the_wire() {
    for body in [
        r#"{"n":"NaN"}"#,
        r#"{"n":"1,234"}"#,
        r#"{"n":"45%"}"#,
        r#"{"n":""}"#,
        r#"{"n":null}"#,
        r#"{"n":[1]}"#,
        r#"{"n":{}}"#,
        r#"{"n":false}"#,
        r#"{"m":1}"#,
    ] {
        let fault = read(json(200, body), "/n").await.unwrap_err();
        assert_eq!(fault.class, FaultClass::BadValue, "{body}");
    }
}

#[tokio::test]
async fn nothing_is_zero_only_where_the_author_said_so() {
    let nothing = [
        respond(204, &[], b""),
        respond(200, &[], b""),
        json(200, "[]"),
        json(200, "{}"),
    ];
    for acts in nothing {
        let wire = Wire::always(acts).await;
        for (empty, value) in [
            (Empty::Zero, Some(0.0)),
            (Empty::Error, None),
            (Empty::Skip, None),
        ] {
            let asked = ask(
                &spec(&wire.url()),
                HttpMeasure {
                    empty,
                    ..measure("/n")
                },
            )
            .await;
            assert_eq!(asked.ok().map(|r| r.value), value, "{empty:?}");
        }
    }
}

#[tokio::test]
async fn a_filter_that_cannot_work_is_a_config_fault_and_nothing_is_asked() {
    let wire = Wire::always(json(200, "1")).await;
    let fault = ask(&spec(&wire.url()), measure("env")).await.unwrap_err();
    assert_eq!(fault.class, FaultClass::Config, "{fault}");
    assert_eq!(wire.connections(), 0);
}

#[tokio::test]
async fn a_slow_answer_ends_with_the_question() {
    let wire = Wire::always(vec![Act::Stall]).await;
    let moments = moments("2026-11-23T12:00:00Z", "30d");
    let question = Question {
        measure: &Measure::Http(measure("/n")),
        moments: &moments,
        timeout: Duration::from_millis(200),
    };
    let source = HttpSource::new(&spec(&wire.url()), workers());
    let started = std::time::Instant::now();
    let fault = source.measure(question).await.unwrap_err();
    assert_eq!(fault.class, FaultClass::Timeout);
    assert!(started.elapsed() < Duration::from_millis(1200));
}

#[tokio::test]
async fn f10_only_a_whole_success_may_be_empty() {
    let zero = |url: &str| {
        let measure = HttpMeasure {
            empty: Empty::Zero,
            ..measure("/n")
        };
        (spec(url), measure)
    };
    for (status, kind, good) in [
        (200, Some("application/json"), true),
        (200, None, true),
        (204, None, true),
        (200, Some("text/html"), false),
        (205, None, false),
        (202, None, false),
    ] {
        let headers: Vec<_> = kind
            .map(|kind| ("Content-Type", kind))
            .into_iter()
            .collect();
        let wire = Wire::always(respond(status, &headers, b"")).await;
        let (spec, measure) = zero(&wire.url());
        let read = ask(&spec, measure).await;
        assert_eq!(read.is_ok(), good, "{status} {kind:?}: {read:?}");
    }
    let switching =
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n";
    let wire = Wire::always(vec![Act::Send(switching.to_vec())]).await;
    let (spec, measure) = zero(&wire.url());
    assert!(ask(&spec, measure).await.is_err());
}

#[tokio::test]
async fn f18_a_rotated_secret_in_query_or_form_is_seen() {
    let dir = tempfile::tempdir().unwrap();
    let wire = Wire::always(json(401, "{}")).await;
    let source = HttpSource::new(&spec(&wire.url()), workers());
    let moments = moments("2026-11-23T12:00:00Z", "30d");
    for place in ["query", "form"] {
        let path = dir.path().join(place);
        std::fs::write(&path, "old-secret").unwrap();
        let fields = BTreeMap::from([(
            "key".to_owned(),
            Setting::Secret(SecretRef::File(path.clone())),
        )]);
        let mut measure = measure("/n");
        if place == "query" {
            measure.query = fields;
        } else {
            (measure.method, measure.body) = (Method::Post, Body::Form(fields));
        }
        let question = Question {
            measure: &Measure::Http(measure),
            moments: &moments,
            timeout: PATIENT,
        };
        let fault = source.measure(question).await.unwrap_err();
        assert_eq!(fault.class, FaultClass::Auth, "{fault}");
        let refused = source.credentials();
        assert_eq!(source.credentials(), refused);
        std::fs::write(&path, "new-secret").unwrap();
        assert_ne!(source.credentials(), refused, "{place}");
    }
}

#[tokio::test]
async fn f71_a_secret_is_hidden_wherever_and_however_a_server_says_it() {
    let secret = r#"p@s/w"r&d+x=\y"#;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("token");
    std::fs::write(&path, secret).unwrap();
    let form: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let json_text = serde_json::to_string(secret).unwrap();
    let host = "canary-4711-token";
    let says =
        |text: &str| [("Content-Type", "text/plain")].map(|h| respond(400, &[h], text.as_bytes()));
    let mut answers: Vec<Vec<Act>> = Vec::new();
    answers.extend(says(&form));
    answers.extend(says(&json_text));
    answers.extend(says(&format!("Bearer {secret}")));
    for acts in answers {
        let wire = Wire::always(acts).await;
        let mut spec = spec(&wire.url());
        spec.auth = Some(Auth::Bearer {
            token: SecretRef::File(path.clone()),
        });
        let shown = ask(&spec, measure("/n")).await.unwrap_err().to_string();
        for part in ["p%40s", "p@s", "%2Fw", r#"w\"r"#, "r&d"] {
            assert!(!shown.contains(part), "{shown}");
        }
    }
    std::fs::write(&path, host).unwrap();
    let location = format!("https://{host}.example/login");
    for (status, header) in [
        (302, ("Location", location.as_str())),
        (200, ("Content-Encoding", host)),
        (200, ("Content-Type", "text/canary-4711-token")),
    ] {
        let wire = Wire::always(respond(status, &[header], b"7")).await;
        let mut spec = spec(&wire.url());
        spec.auth = Some(Auth::Bearer {
            token: SecretRef::File(path.clone()),
        });
        let fault = ask(&spec, measure("/n")).await.unwrap_err();
        assert!(!fault.to_string().contains("canary"), "{fault}");
        assert!(fault.message.contains(&wire.url()), "{fault}");
    }
}

#[tokio::test]
async fn f20_an_answer_of_too_many_values_is_too_large() {
    let body = format!(r#"{{"n":[{}0]}}"#, "[],".repeat(1_000_000));
    let fault = read(json(200, &body), "/n").await.unwrap_err();
    assert_eq!(fault.class, FaultClass::TooLarge, "{fault}");
}

#[tokio::test]
async fn filters_know_the_moments_of_the_poll() {
    let body = r#"[{"day":"2026-10-23"},{"day":"2026-10-24"},{"day":"2026-11-22"}]"#;
    for (filter, value) in [
        ("[.[] | select(.day >= $cycle_start[:10])] | length", 3.0),
        ("[.[] | select(.day > $window_start)] | length", 2.0),
        ("$now | fromdate", 1_795_435_200.0),
        ("if $today == \"2026-11-23\" then 1 else 0 end", 1.0),
    ] {
        let wire = Wire::always(json(200, body)).await;
        let moments = moments("2026-11-23T12:00:00.9Z", "30d");
        let read = ask_at(&spec(&wire.url()), measure(filter), &moments).await;
        assert_eq!(read.unwrap().value, value, "{filter}");
    }
}

#[tokio::test]
async fn rows_and_plain_text_are_read_like_json() {
    let csv = |separator| Format::Csv { separator };
    let sheet = b"\xef\xbb\xbfstate;n\r\nopen;3\r\ndone;4\r\ndone;5\r\n";
    for (kind, body, format, value, number) in [
        (
            "text/csv",
            sheet.as_slice(),
            csv(';'),
            r#"[.[] | select(.state == "done") | .n | tonumber] | add"#,
            9.0,
        ),
        ("text/csv; charset=utf-8", b"n\n7\n", csv(','), "/0/n", 7.0),
        ("text/plain", b"n\n7\n8\n", csv(','), "length", 2.0),
        ("text/plain", b" 42\n", Format::Text, "tonumber", 42.0),
        (
            "application/octet-stream",
            b"up 17 users\n",
            Format::Text,
            r#"capture("(?<n>[0-9]+) users").n | tonumber"#,
            17.0,
        ),
    ] {
        let wire = Wire::always(respond(200, &[("Content-Type", kind)], body)).await;
        let asked = HttpMeasure {
            format,
            ..measure(value)
        };
        assert_eq!(
            ask(&spec(&wire.url()), asked).await.unwrap().value,
            number,
            "{value}"
        );
    }
    for (kind, body, format, class) in [
        ("text/html", "<html>7", Format::Text, FaultClass::BadType),
        ("text/plain", "<html>7", csv(','), FaultClass::BadType),
        ("text/csv", "a,b\n1\n", csv(','), FaultClass::BadBody),
        ("text/csv", "n\n", csv(','), FaultClass::BadValue),
        ("text/csv", "n\n1 000\n", csv(','), FaultClass::BadValue),
    ] {
        let wire = Wire::always(respond(200, &[("Content-Type", kind)], body.as_bytes())).await;
        let asked = HttpMeasure {
            format,
            ..measure("/0/n")
        };
        let fault = ask(&spec(&wire.url()), asked).await.unwrap_err();
        assert_eq!(fault.class, class, "{body:?}: {fault}");
    }
}

#[tokio::test]
async fn what_an_answer_must_show_is_demanded() {
    for (body, good) in [
        (r#"{"n":1,"complete":true}"#, true),
        (r#"{"n":1,"complete":false}"#, false),
        (r#"{"n":1}"#, false),
    ] {
        let wire = Wire::always(json(200, body)).await;
        let asked = HttpMeasure {
            require: Some(".complete".into()),
            ..measure("/n")
        };
        match ask(&spec(&wire.url()), asked).await {
            Ok(reading) => assert!(good && reading.value == 1.0, "{body}"),
            Err(fault) => {
                assert!(!good, "{body}: {fault}");
                assert_eq!(fault.class, FaultClass::BadBody);
                assert!(fault.message.contains("require"), "{fault}");
            }
        }
    }
}
