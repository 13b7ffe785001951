//! What holds for every source that asks over HTTP, whatever it speaks: one suite over all of them, opened as the daemon
//! opens them. A new one needs a line in `all` and nothing else here. Jira is not among them: it asks a second time to find out
//! why it was refused, and has a suite of its own.

use std::sync::Arc;
use std::time::{Duration, Instant};

use okrd::config::secret::SecretRef;
use okrd::config::spec::{
    Auth, Body, Empty, Extract, Format, HttpMeasure, HttpSpec, Language, Measure, Method, Preset,
    SiteMetric, SourceSpec,
};
use okrd::domain::fault::{Fault, FaultClass};
use okrd::domain::reading::Reading;
use okrd::source::{Question, Source, open};

use crate::fakes::wire::{self, Act, Wire, json, respond};
use crate::{Kept, moments, spec, workers};

const TOKEN: &str = "canary-token-4711";

/// Every kind with a measure for it.
fn all() -> Vec<(SourceSpec, Measure)> {
    let http = spec("");
    let site = "8f2d3c1a-0b5e-4a57-9c1d-2e3f4a5b6c7d";
    let preset = |preset| SourceSpec::Preset {
        http: http.clone(),
        preset,
    };
    let visits = Measure::Site {
        metric: SiteMetric::Visits,
        goal: None,
    };
    let words = |language| Measure::Expression {
        language,
        text: "is:issue".into(),
    };
    let number = HttpMeasure {
        path: "/n".into(),
        query: std::collections::BTreeMap::new(),
        method: Method::Get,
        body: Body::None,
        value: Extract::Pointer("/n".into()),
        fail_if: None,
        require: None,
        format: Format::Json,
        empty: Empty::Error,
        as_of: None,
        quality: Vec::new(),
    };
    vec![
        (SourceSpec::Http(http.clone()), Measure::Http(number)),
        (
            preset(Preset::Plausible {
                site: "acme.example".into(),
            }),
            visits.clone(),
        ),
        (preset(Preset::Umami { site: site.into() }), visits.clone()),
        (preset(Preset::Matomo { site: "3".into() }), visits),
        (preset(Preset::Prometheus), words(Language::Promql)),
        (preset(Preset::Github), words(Language::Search)),
        (
            preset(Preset::Gitlab {
                project: "4711".into(),
            }),
            Measure::Expression {
                language: Language::Issues,
                text: "state=all".into(),
            },
        ),
        (
            preset(Preset::Posthog {
                project: "12".into(),
            }),
            words(Language::Hogql),
        ),
    ]
}

fn reached(mut spec: SourceSpec, url: &str, kept: &Kept, max_body: usize) -> SourceSpec {
    let set = |http: &mut HttpSpec| {
        http.url = okrd::config::secret::Setting::Plain(url.to_owned());
        http.max_body = max_body;
        http.auth = Some(Auth::Bearer {
            token: SecretRef::File(kept.path()),
        });
    };
    match &mut spec {
        SourceSpec::Http(http) | SourceSpec::Preset { http, .. } => set(http),
        other => panic!("{other:?} is not of this suite"),
    }
    spec
}

async fn ask(
    source: &Arc<dyn Source>,
    measure: &Measure,
    timeout: Duration,
) -> Result<Reading, Fault> {
    let question = Question {
        measure,
        moments: &moments("2026-11-23T12:00:00Z", "month_to_date"),
        timeout,
    };
    source.measure(question).await
}

/// Every kind in turn against a server that always does the same.
async fn each(
    acts: Vec<Act>,
    timeout: Duration,
    class: FaultClass,
    holds: impl Fn(&Fault) -> bool,
) {
    for (spec, measure) in all() {
        let wire = Wire::always(acts.clone()).await;
        let kept = Kept::new(TOKEN);
        let kind = spec.kind();
        let source = open(&reached(spec, &wire.url(), &kept, 100_000), &workers());
        let began = Instant::now();
        let fault = ask(&source, &measure, timeout).await.unwrap_err();
        assert_eq!(fault.class, class, "{kind}: {fault}");
        assert!(holds(&fault), "{kind}: {fault:?}");
        assert!(!fault.to_string().contains("canary"), "{kind}: {fault}");
        assert!(began.elapsed() < timeout + Duration::from_secs(1), "{kind}");
        assert!(wire.asked().len() <= 1, "{kind} asked again by itself");
    }
}

const PATIENT: Duration = Duration::from_secs(20);

#[tokio::test]
async fn refusals_are_of_their_classes() {
    let echo = format!(r#"{{"error":"you sent {TOKEN}"}}"#);
    let yes = |_: &Fault| true;
    for (status, class) in [
        (400, FaultClass::Http4xx),
        (404, FaultClass::Http4xx),
        (422, FaultClass::Http4xx),
        (500, FaultClass::Http5xx),
        (502, FaultClass::Http5xx),
    ] {
        each(json(status, &echo), PATIENT, class, yes).await;
    }
    for status in [401, 403] {
        each(json(status, &echo), PATIENT, FaultClass::Auth, yes).await;
    }
}

#[tokio::test]
async fn a_time_that_is_told_is_kept_and_one_that_is_not_is_not_made_up() {
    let limited = FaultClass::RateLimited;
    let kind = ("Content-Type", "application/json");
    let told = respond(429, &[kind, ("Retry-After", "77")], b"{}");
    each(told, PATIENT, limited, |f| {
        f.retry_after == Some(Duration::from_secs(77))
    })
    .await;
    each(json(429, "{}"), PATIENT, limited, |f| {
        f.retry_after.is_none()
    })
    .await;
}

#[tokio::test]
async fn what_is_no_answer_is_no_number() {
    let yes = |_: &Fault| true;
    let page = [("Content-Type", "text/html")];
    each(
        respond(200, &page, b"<!doctype html>"),
        PATIENT,
        FaultClass::BadType,
        yes,
    )
    .await;
    let elsewhere = [("Location", "https://other.example/login")];
    let moved = respond(302, &elsewhere, b"");
    each(moved, PATIENT, FaultClass::Redirect, |f| {
        f.to_string().contains("other.example")
    })
    .await;
    for body in ["{\"n\":", "{\"n\":1}{\"n\":2}", "\u{feff}{\"n\":1}"] {
        each(json(200, body), PATIENT, FaultClass::BadBody, yes).await;
    }
    let large = format!("{{\"n\":\"{}\"}}", "x".repeat(200_000));
    each(json(200, &large), PATIENT, FaultClass::TooLarge, yes).await;
}

#[tokio::test]
async fn time_runs_out() {
    let short = Duration::from_millis(400);
    each(vec![Act::Stall], short, FaultClass::Timeout, |_| true).await;
    let drip = vec![
        wire::head("Content-Length: 90000\r\n"),
        Act::Drip(b" ".to_vec(), Duration::from_millis(30)),
    ];
    each(drip, short, FaultClass::Timeout, |_| true).await;
}

#[tokio::test]
async fn secrets_are_read_at_each_use_and_told_apart() {
    for (spec, measure) in all() {
        let wire = Wire::always(json(401, "{}")).await;
        let kept = Kept::new(TOKEN);
        let kind = spec.kind();
        let source = open(&reached(spec, &wire.url(), &kept, 100_000), &workers());
        let before = source.credentials();
        kept.write("another-token-0815");
        assert_ne!(source.credentials(), before, "{kind}");
        let _ = ask(&source, &measure, PATIENT).await;
        let sent = wire.asked().first().map(|asked| asked.raw.clone()).unwrap();
        let sent = String::from_utf8(sent).unwrap();
        assert!(
            sent.contains("another-token-0815") && !sent.contains(TOKEN),
            "{kind}: {sent}"
        );
        std::fs::remove_file(kept.path()).unwrap();
        let fault = ask(&source, &measure, PATIENT).await.unwrap_err();
        assert_eq!(fault.class, FaultClass::Config, "{kind}: {fault}");
        assert_eq!(
            wire.asked().len(),
            1,
            "{kind}: nothing is asked without its login"
        );
    }
}

#[tokio::test]
async fn a_question_of_another_kind_is_a_fault_of_okrd() {
    for (spec, _) in all() {
        let kept = Kept::new(TOKEN);
        let kind = spec.kind();
        let source = open(
            &reached(spec, "http://127.0.0.1:9", &kept, 100_000),
            &workers(),
        );
        let fault = ask(&source, &Measure::sql("SELECT 1"), PATIENT)
            .await
            .unwrap_err();
        assert_eq!(fault.class, FaultClass::Internal, "{kind}: {fault}");
    }
}
