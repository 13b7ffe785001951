//! Prometheus, GitHub, GitLab and PostHog against services that refuse what the real ones refuse.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use okrd::config::secret::SecretRef;
use okrd::config::spec::{Auth, Language, Measure, Preset, SourceSpec};
use okrd::domain::fault::{Fault, FaultClass};
use okrd::domain::quality::Flag;
use okrd::domain::reading::Reading;
use okrd::source::Question;
use serde_json::json;

use crate::fakes::github::Github;
use crate::fakes::gitlab::Gitlab;
use crate::fakes::posthog::Posthog;
use crate::fakes::prometheus::Prometheus;
use crate::fakes::wire::Wire;
use crate::{Kept, moments, spec, workers};

const TOKEN: &str = "expression-token-0815";

async fn ask(
    wire: &Wire,
    preset: Preset,
    language: Language,
    text: &str,
    window: &str,
) -> Result<Reading, Fault> {
    let kept = Kept::new(TOKEN);
    let mut http = spec(&wire.url());
    http.auth = Some(Auth::Bearer {
        token: SecretRef::File(kept.path()),
    });
    let question = Question {
        measure: &Measure::Expression {
            language,
            text: text.into(),
        },
        moments: &moments("2026-11-23T12:00:00Z", window),
        timeout: Duration::from_secs(20),
    };
    let source = okrd::source::open(&SourceSpec::Preset { http, preset }, &workers());
    source.measure(question).await
}

async fn promql(wire: &Wire, text: &str) -> Result<Reading, Fault> {
    ask(wire, Preset::Prometheus, Language::Promql, text, "30d").await
}

#[tokio::test]
async fn prometheus_gives_one_sample_or_a_fault() {
    let results = [
        (
            "one",
            200,
            r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{"job":"web"},"value":[1792400400.2,"1842.5"]}]}}"#,
        ),
        (
            "none",
            200,
            r#"{"status":"success","data":{"resultType":"vector","result":[]}}"#,
        ),
        (
            "two",
            200,
            r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"1"]},{"metric":{},"value":[1,"2"]}]}}"#,
        ),
        (
            "scalar",
            200,
            r#"{"status":"success","data":{"resultType":"scalar","result":[1792400400.2,"3.5"]}}"#,
        ),
        (
            "nan",
            200,
            r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"NaN"]}]}}"#,
        ),
        (
            "inf",
            200,
            r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"+Inf"]}]}}"#,
        ),
        (
            "range",
            200,
            r#"{"status":"success","data":{"resultType":"matrix","result":[]}}"#,
        ),
        (
            "histogram",
            200,
            r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"histogram":[1,{}]}]}}"#,
        ),
        (
            "warned",
            200,
            r#"{"status":"success","warnings":["remote read failed"],"data":{"resultType":"scalar","result":[1,"7"]}}"#,
        ),
        (
            "broken",
            422,
            r#"{"status":"error","errorType":"execution","error":"many-to-many matching not allowed"}"#,
        ),
        (
            "slow",
            503,
            r#"{"status":"error","errorType":"timeout","error":"query timed out"}"#,
        ),
        (
            "lies",
            200,
            r#"{"status":"error","errorType":"internal","error":"said with 200"}"#,
        ),
    ];
    let results = results.map(|(query, status, body)| (query, (status, body)));
    let fake = Prometheus(BTreeMap::from(results));
    let wire = Wire::plain(move |asked| fake.serve(asked)).await;
    for (query, value) in [("one", 1842.5), ("scalar", 3.5), ("warned", 7.0)] {
        let reading = promql(&wire, query).await.unwrap();
        assert_eq!(reading.value, value, "{query}");
        let warned = query == "warned";
        assert_eq!(reading.quality.has(Flag::Approximate), warned);
        assert_eq!(reading.note.is_some(), warned);
    }
    for (query, class, help) in [
        ("none", FaultClass::BadValue, "vector(0)"),
        ("two", FaultClass::BadValue, "sum"),
        ("nan", FaultClass::BadValue, ""),
        ("inf", FaultClass::BadValue, ""),
        ("range", FaultClass::BadValue, "increase"),
        ("histogram", FaultClass::BadValue, "histogram_quantile"),
        ("broken", FaultClass::Http4xx, "evaluated"),
        ("slow", FaultClass::Http5xx, "shorter"),
        ("lies", FaultClass::BadBody, ""),
        ("(", FaultClass::Http4xx, "parsed"),
    ] {
        let fault = promql(&wire, query).await.unwrap_err();
        assert_eq!(fault.class, class, "{query}: {fault}");
        assert!(fault.help.contains(help), "{fault}");
    }
}

#[tokio::test]
async fn prometheus_is_asked_at_the_end_of_the_window_and_keeps_its_braces() {
    let query = r#"sum(orders{job="web"} @ 1792792800)"#;
    let body = r#"{"status":"success","data":{"resultType":"scalar","result":[1,"1"]}}"#;
    let fake = Prometheus(BTreeMap::from([(query, (200, body))]));
    let wire = Wire::plain(move |asked| fake.serve(asked)).await;
    let text = r#"sum(orders{job="web"} @ {window_start:unix})"#;
    promql(&wire, text).await.unwrap();
    let asked = wire.asked();
    // The last midnight in Amsterdam.
    assert!(
        asked[0].body_text().contains("&time=1795388400&"),
        "{}",
        asked[0].body_text()
    );
}

const SEARCH: &str = "repo:acme/shop is:issue closed:{window_start:date}..{window_end:date}";

fn github() -> Github {
    Github {
        token: TOKEN.into(),
        total: 312,
        incomplete: false,
        left: 30,
        secondary: false,
    }
}

async fn search(service: Github, text: &str) -> (Result<Reading, Fault>, Wire) {
    let service = Mutex::new(service);
    let wire = Wire::plain(move |asked| service.lock().unwrap().serve(asked)).await;
    let asked = ask(
        &wire,
        Preset::Github,
        Language::Search,
        text,
        "previous_month",
    )
    .await;
    (asked, wire)
}

#[tokio::test]
async fn github_counts_what_a_search_finds() {
    let (reading, wire) = search(github(), SEARCH).await;
    assert_eq!(reading.unwrap().value, 312.0);
    let asked = wire.asked();
    assert_eq!(
        asked[0].target,
        "/search/issues?q=repo%3Aacme%2Fshop+is%3Aissue+closed%3A2026-10-01..2026-10-31&per_page=1"
    );
    assert_eq!(
        asked[0].header("accept"),
        Some("application/vnd.github+json")
    );
}

#[tokio::test]
async fn github_s_refusals_have_their_classes_and_remedies() {
    let none = Github {
        left: 0,
        ..github()
    };
    let secondary = Github {
        secondary: true,
        ..none.clone()
    };
    let incomplete = Github {
        incomplete: true,
        ..github()
    };
    let other = Github {
        token: "another".into(),
        ..github()
    };
    for (service, text, class, help, wait) in [
        (incomplete, SEARCH, FaultClass::Partial, "narrow", None),
        (
            none,
            SEARCH,
            FaultClass::RateLimited,
            "30 searches",
            Some(40),
        ),
        (
            secondary,
            SEARCH,
            FaultClass::RateLimited,
            "30 searches",
            Some(60),
        ),
        (other, SEARCH, FaultClass::Auth, "token", None),
        (
            github(),
            "repo:acme/shop",
            FaultClass::Http4xx,
            "refuses",
            None,
        ),
        (
            github(),
            "repo:acme/secret is:issue",
            FaultClass::Http4xx,
            "no repository",
            None,
        ),
    ] {
        let (asked, _) = search(service, text).await;
        let fault = asked.unwrap_err();
        assert_eq!(fault.class, class, "{fault}");
        assert!(fault.help.contains(help), "{fault}");
        assert_eq!(
            fault.retry_after.map(|wait| wait.as_secs()),
            wait,
            "{fault:?}"
        );
    }
}

fn posthog() -> Posthog {
    Posthog {
        key: TOKEN.into(),
        rows: json!([[88]]),
        later: 0,
        left: 240,
    }
}

async fn hogql(service: Posthog, project: &str) -> (Result<Reading, Fault>, Wire) {
    let service = Arc::new(Mutex::new(service));
    let wire = Wire::plain(move |asked| service.lock().unwrap().serve(asked)).await;
    let preset = Preset::Posthog {
        project: project.into(),
    };
    let text = "SELECT count() FROM events WHERE timestamp >= toDateTime('{window_start}')";
    let asked = ask(&wire, preset, Language::Hogql, text, "30d").await;
    (asked, wire)
}

#[tokio::test]
async fn posthog_answers_at_once_or_later() {
    for later in [0, 2] {
        let (reading, wire) = hogql(Posthog { later, ..posthog() }, "12").await;
        let reading = reading.unwrap();
        assert_eq!(reading.value, 88.0);
        let computed = "2026-11-23T11:59:58Z".parse().unwrap();
        assert_eq!(reading.as_of, Some(computed));
        assert_eq!(wire.asked().len(), later + 1);
        let sent: serde_json::Value = serde_json::from_slice(&wire.asked()[0].body).unwrap();
        assert_eq!(
            sent["query"]["query"],
            "SELECT count() FROM events WHERE timestamp >= toDateTime('2026-10-23T22:00:00Z')"
        );
    }
}

#[tokio::test]
async fn posthog_s_refusals_have_their_classes() {
    let other = Posthog {
        key: "another".into(),
        ..posthog()
    };
    let spent = Posthog {
        left: 0,
        ..posthog()
    };
    let of = |rows| Posthog { rows, ..posthog() };
    for (service, project, class) in [
        (posthog(), "13", FaultClass::Auth),
        (other, "12", FaultClass::Auth),
        (spent, "12", FaultClass::RateLimited),
        (of(json!([])), "12", FaultClass::BadValue),
        (of(json!([[1], [2]])), "12", FaultClass::BadValue),
        (of(json!([[1, 2]])), "12", FaultClass::BadValue),
        (of(json!([[null]])), "12", FaultClass::BadValue),
        (of(json!(7)), "12", FaultClass::BadBody),
    ] {
        let (asked, _) = hogql(service, project).await;
        let fault = asked.unwrap_err();
        assert_eq!(fault.class, class, "{fault}");
    }
}

async fn issues(fake: Gitlab, project: &str, filters: &str) -> (Result<Reading, Fault>, Wire) {
    let wire = Wire::plain(move |asked| fake.serve(asked)).await;
    let preset = Preset::Gitlab {
        project: project.into(),
    };
    let asked = ask(&wire, preset, Language::Issues, filters, "previous_month").await;
    (asked, wire)
}

fn gitlab() -> Gitlab {
    Gitlab {
        token: TOKEN.into(),
        busy: false,
    }
}

#[tokio::test]
async fn gitlab_counts_the_issues_of_a_project_whoever_wrote_them() {
    for (project, filters, value) in [
        ("acme/shop", "state=opened", 15.0),
        ("4711", "labels=bug&state=closed", 3.0),
        (
            "4711",
            "state=all&labels=bug&created_after={window_start}",
            7.0,
        ),
        ("4711", "state=all&labels=nosuch", 0.0),
    ] {
        let (reading, wire) = issues(gitlab(), project, filters).await;
        assert_eq!(reading.unwrap().value, value, "{filters}");
        assert_eq!(wire.asked()[0].header("authorization"), None);
    }
    let (_, wire) = issues(gitlab(), "4711", "state=all&created_after={window_start}").await;
    assert_eq!(
        wire.asked()[0].target,
        "/api/v4/projects/4711/issues_statistics?scope=all&created_after=2026-09-30T22%3A00%3A00Z"
    );
}

#[tokio::test]
async fn gitlab_s_refusals_have_their_classes_and_remedies() {
    let other = Gitlab {
        token: "another".into(),
        ..gitlab()
    };
    let busy = Gitlab {
        busy: true,
        ..gitlab()
    };
    for (fake, project, filters, class, help) in [
        (
            gitlab(),
            "acme/secret",
            "state=all",
            FaultClass::Http4xx,
            "may not see",
        ),
        (other, "4711", "state=all", FaultClass::Auth, "read_api"),
        (busy, "4711", "state=all", FaultClass::RateLimited, ""),
        (
            gitlab(),
            "4711",
            "state=all&created_after=monday",
            FaultClass::Http4xx,
            "filters",
        ),
        (gitlab(), "4711", "labels=bug", FaultClass::Config, ""),
    ] {
        let (asked, _) = issues(fake, project, filters).await;
        let fault = asked.unwrap_err();
        assert_eq!(fault.class, class, "{fault}");
        assert!(fault.help.contains(help), "{fault}");
    }
}
