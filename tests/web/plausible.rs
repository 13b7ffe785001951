//! The Plausible source against a Plausible that refuses what the real one refuses.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::civil::date;
use okrd::config::secret::SecretRef;
use okrd::config::spec::{Auth, Measure, SiteMetric};
use okrd::domain::fault::{Fault, FaultClass};
use okrd::domain::reading::Reading;
use okrd::source::plausible::PlausibleSource;
use okrd::source::{Question, Source};
use serde_json::{Value, json};

use crate::fakes::plausible::{Ask, Day, Plausible, Site};
use crate::fakes::wire::{self, Wire};
use crate::{moments, spec};

const KEY: &str = "plausible-key-0815";

fn day(visitors: u64, signups: (u64, u64)) -> Day {
    Day {
        visitors,
        visits: visitors + 10,
        pageviews: visitors * 3,
        bounces: visitors / 2,
        goals: BTreeMap::from([("Signup".into(), signups)]),
    }
}

/// One site with traffic around the last days of October and on 23 November.
fn service() -> Plausible {
    let zone = jiff::tz::TimeZoneDatabase::bundled().get("Europe/Amsterdam");
    let site = Site {
        zone: zone.unwrap(),
        locked: false,
        goals: vec!["Signup".into(), "Purchase".into()],
        days: BTreeMap::from([
            (date(2026, 9, 30), day(1_000_000, (1, 1))),
            (date(2026, 10, 1), day(100, (4, 5))),
            (date(2026, 10, 31), day(200, (8, 9))),
            (date(2026, 11, 1), day(300, (20, 25))),
            (date(2026, 11, 23), day(400, (10, 12))),
        ]),
    };
    Plausible {
        key: KEY.into(),
        sites: BTreeMap::from([("acme.example".into(), site)]),
        left: 600,
    }
}

async fn serve(service: Plausible) -> Wire {
    serve_twisted(service, |_, answer| answer).await
}

/// A Plausible whose good answers are twisted before they are sent.
async fn serve_twisted(
    service: Plausible,
    twist: impl Fn(&Value, Value) -> Value + Send + Sync + 'static,
) -> Wire {
    let service = Arc::new(Mutex::new(service));
    Wire::plain(move |asked| {
        let ask = Ask {
            method: &asked.method,
            path: &asked.target,
            authorization: asked.header("authorization"),
            content_type: asked.header("content-type"),
            body: &asked.body,
        };
        let (status, mut answer) = service.lock().unwrap().answer(&ask);
        if status == 200 {
            answer = twist(&serde_json::from_slice(&asked.body).unwrap(), answer);
        }
        wire::json(status, &answer.to_string())
    })
    .await
}

struct Asking {
    key: &'static str,
    site: &'static str,
    now: &'static str,
    window: &'static str,
}

const USUAL: Asking = Asking {
    key: KEY,
    site: "acme.example",
    now: "2026-11-23T12:00:00Z",
    window: "cycle_to_date",
};

impl Asking {
    async fn ask(
        &self,
        wire: &Wire,
        metric: SiteMetric,
        goal: Option<&str>,
    ) -> Result<Reading, Fault> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        std::fs::write(&path, self.key).unwrap();
        let mut spec = spec(&wire.url());
        spec.auth = Some(Auth::Bearer {
            token: SecretRef::File(path),
        });
        let question = Question {
            measure: &Measure::Site {
                metric,
                goal: goal.map(str::to_owned),
            },
            moments: &moments(self.now, self.window),
            timeout: Duration::from_secs(20),
        };
        PlausibleSource::new(&spec, self.site)
            .measure(question)
            .await
    }
}

/// Makes an honest answer dishonest.
type Twist = fn(&mut Value);

#[tokio::test]
async fn every_metric_is_asked_for_in_plausibles_words() {
    let wire = serve(service()).await;
    for (metric, goal, value, word) in [
        (SiteMetric::Visitors, None, 1000.0, "visitors"),
        (SiteMetric::Visitors, Some("Signup"), 42.0, "visitors"),
        (SiteMetric::Visits, None, 1040.0, "visits"),
        (SiteMetric::Pageviews, None, 3000.0, "pageviews"),
        (SiteMetric::Conversions, Some("Signup"), 51.0, "events"),
        (
            SiteMetric::ConversionRate,
            Some("Signup"),
            4.2,
            "conversion_rate",
        ),
        (SiteMetric::BounceRate, None, 48.0, "bounce_rate"),
    ] {
        let reading = USUAL.ask(&wire, metric, goal).await.unwrap();
        assert_eq!(reading.value, value, "{metric:?}");
        let asked: Value = serde_json::from_slice(&wire.asked().last().unwrap().body).unwrap();
        let mut expected = json!({
            "site_id": "acme.example",
            "metrics": [word],
            "date_range": ["2026-10-01", "2026-11-23"],
        });
        if let Some(goal) = goal {
            expected["filters"] = json!([["is", "event:goal", [goal]]]);
        }
        assert_eq!(asked, expected);
    }
}

#[tokio::test]
async fn windows_are_days_of_the_zone_with_both_ends_in() {
    let wire = serve(service()).await;
    for (now, window, first, last, value) in [
        // Half past midnight in Amsterdam: the first of November has begun there.
        (
            "2026-10-31T23:30:00Z",
            "month_to_date",
            "2026-11-01",
            "2026-11-01",
            300.0,
        ),
        (
            "2026-11-23T12:00:00Z",
            "previous_month",
            "2026-10-01",
            "2026-10-31",
            300.0,
        ),
        // Today is left out of rolling windows, whose first day lies before the change of clocks.
        (
            "2026-11-23T12:00:00Z",
            "30d",
            "2026-10-24",
            "2026-11-22",
            500.0,
        ),
        (
            "2027-02-01T00:00:00Z",
            "cycle_to_date",
            "2026-10-01",
            "2026-12-31",
            1000.0,
        ),
    ] {
        let asking = Asking {
            now,
            window,
            ..USUAL
        };
        let reading = asking.ask(&wire, SiteMetric::Visitors, None).await.unwrap();
        assert_eq!(reading.value, value, "{window}");
        let asked: Value = serde_json::from_slice(&wire.asked().last().unwrap().body).unwrap();
        assert_eq!(asked["date_range"], json!([first, last]));
    }
}

#[tokio::test]
async fn refusals_have_their_classes_and_remedies() {
    let mut locked = service();
    locked.sites.get_mut("acme.example").unwrap().locked = true;
    let mut spent = service();
    spent.left = 0;
    let goal = Some("Nosuch");
    let (people, conversions) = (SiteMetric::Visitors, SiteMetric::Conversions);
    for (service, asking, metric, goal, class, word) in [
        (
            service(),
            USUAL,
            conversions,
            goal,
            FaultClass::Http4xx,
            "goal",
        ),
        (
            service(),
            Asking {
                key: "wrong-key-1",
                ..USUAL
            },
            people,
            None,
            FaultClass::Auth,
            "wrong key",
        ),
        (
            service(),
            Asking {
                site: "other.example",
                ..USUAL
            },
            people,
            None,
            FaultClass::Auth,
            "site",
        ),
        (locked, USUAL, people, None, FaultClass::Http4xx, "plan"),
        (spent, USUAL, people, None, FaultClass::RateLimited, "600"),
    ] {
        let wire = serve(service).await;
        let fault = asking.ask(&wire, metric, goal).await.unwrap_err();
        assert_eq!(fault.class, class, "{fault}");
        assert!(fault.help.contains(word), "{fault}");
        assert_eq!(fault.retry_after, None, "the service names no time");
        assert_eq!(wire.asked().len(), 1);
    }
}

#[tokio::test]
async fn the_sources_own_words_reach_the_reader() {
    let wire = serve(service()).await;
    let asked = USUAL
        .ask(&wire, SiteMetric::Conversions, Some("Nosuch"))
        .await;
    let fault = asked.unwrap_err();
    assert!(fault.message.contains("Nosuch"), "{fault}");
}

#[tokio::test]
async fn an_answer_to_another_question_is_suspect() {
    let twists: [(&str, Twist); 4] = [
        ("days", |q| {
            q["date_range"][0] = json!("2026-10-02T00:00:00+02:00")
        }),
        ("site_id", |q| q["site_id"] = json!("other.example")),
        ("metrics", |q| q["metrics"] = json!(["visits"])),
        ("filters", |q| q["filters"] = json!([])),
    ];
    for (word, twist) in twists {
        let wire = serve_twisted(service(), move |_, mut answer| {
            twist(&mut answer["query"]);
            answer
        })
        .await;
        let asked = USUAL.ask(&wire, SiteMetric::Visitors, Some("Signup")).await;
        let fault = asked.unwrap_err();
        assert_eq!(fault.class, FaultClass::Suspect, "{fault}");
        assert!(fault.message.contains(word), "{fault}");
    }
}

#[tokio::test]
async fn a_site_in_another_zone_is_remarked_on() {
    for (zone, remark) in [
        ("Europe/Amsterdam", None),
        ("UTC", Some("2026-10-01T00:00:00Z")),
    ] {
        let mut service = service();
        let site = service.sites.get_mut("acme.example").unwrap();
        site.zone = jiff::tz::TimeZoneDatabase::bundled().get(zone).unwrap();
        let wire = serve(service).await;
        let mut spec = spec(&wire.url());
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("key"), KEY).unwrap();
        spec.auth = Some(Auth::Bearer {
            token: SecretRef::File(dir.path().join("key")),
        });
        let source = PlausibleSource::new(&spec, "acme.example");
        let question = Question {
            measure: &Measure::Site {
                metric: SiteMetric::Visitors,
                goal: None,
            },
            moments: &moments(USUAL.now, USUAL.window),
            timeout: Duration::from_secs(20),
        };
        source.measure(question).await.unwrap();
        let remarks = source.remarks();
        match remark {
            None => assert!(remarks.is_empty(), "{remarks:?}"),
            Some(words) => assert!(remarks[0].contains(words), "{remarks:?}"),
        }
    }
}

#[tokio::test]
async fn f71_a_warning_that_repeats_the_key_is_not_shown() {
    let wire = serve_twisted(service(), |_, mut answer| {
        answer["meta"] = json!({"metric_warnings": {"visitors": {"code": KEY}}});
        answer
    })
    .await;
    let fault = USUAL
        .ask(&wire, SiteMetric::Visitors, None)
        .await
        .unwrap_err();
    assert_eq!(fault.class, FaultClass::Partial);
    assert!(!fault.to_string().contains("key-0815"), "{fault}");
}

#[tokio::test]
async fn what_is_no_count_or_percentage_is_no_reading() {
    let twists: [(SiteMetric, FaultClass, Twist); 9] = [
        (SiteMetric::Visitors, FaultClass::BadValue, |a| {
            a["results"][0]["metrics"][0] = Value::Null
        }),
        (SiteMetric::Visitors, FaultClass::BadValue, |a| {
            a["results"][0]["metrics"][0] = json!("12")
        }),
        (SiteMetric::Visitors, FaultClass::BadValue, |a| {
            a["results"][0]["metrics"][0] = json!(-1)
        }),
        (SiteMetric::Visitors, FaultClass::BadValue, |a| {
            a["results"] = json!([])
        }),
        (SiteMetric::Visitors, FaultClass::BadValue, |a| {
            a["results"][0]["metrics"] = json!([1, 2])
        }),
        (SiteMetric::BounceRate, FaultClass::BadValue, |a| {
            a["results"][0]["metrics"][0] = json!(100.5)
        }),
        (SiteMetric::Visitors, FaultClass::BadBody, |a| {
            *a = json!({"results": {"visitors": {"value": 0}}})
        }),
        (SiteMetric::Visitors, FaultClass::BadBody, |a| *a = json!(0)),
        (SiteMetric::Visitors, FaultClass::Partial, |a| {
            a["meta"] = json!({"metric_warnings": {"visitors": {"code": "no_imported_data"}}});
        }),
    ];
    for (metric, class, twist) in twists {
        let wire = serve_twisted(service(), move |_, mut answer| {
            twist(&mut answer);
            answer
        })
        .await;
        let fault = USUAL.ask(&wire, metric, None).await.unwrap_err();
        assert_eq!(fault.class, class, "{fault}");
    }
}

#[tokio::test]
async fn a_rate_of_nobody_is_no_zero_and_a_zero_of_somebody_is() {
    let wire = serve(service()).await;
    let quiet = Asking {
        now: "2026-12-31T12:00:00Z",
        window: "30d",
        ..USUAL
    };
    for (metric, goal) in [
        (SiteMetric::ConversionRate, Some("Signup")),
        (SiteMetric::BounceRate, None),
    ] {
        let fault = quiet.ask(&wire, metric, goal).await.unwrap_err();
        assert_eq!(fault.class, FaultClass::BadValue, "{fault}");
    }
    assert_eq!(
        quiet
            .ask(&wire, SiteMetric::Visitors, None)
            .await
            .unwrap()
            .value,
        0.0
    );
    let never_bought = USUAL
        .ask(&wire, SiteMetric::ConversionRate, Some("Purchase"))
        .await;
    assert_eq!(never_bought.unwrap().value, 0.0);
}

#[tokio::test]
async fn f9_a_login_page_instead_of_plausible_is_bad_type() {
    let page = [("Content-Type", "text/html")];
    let wire = Wire::always(wire::respond(200, &page, b"<!doctype html>")).await;
    let fault = USUAL
        .ask(&wire, SiteMetric::Visitors, None)
        .await
        .unwrap_err();
    assert_eq!(fault.class, FaultClass::BadType);
}

/// The fake itself: it must refuse what the real service refuses, or the tests above prove little.
#[test]
fn the_fake_is_strict() {
    let good = r#"{"site_id":"acme.example","metrics":["visitors"],"date_range":["2026-10-01","2026-10-02"]"#;
    let (key, kind) = (format!("Bearer {KEY}"), "application/json");
    let status = |path, key: &str, kind, rest: &str| {
        let ask = Ask {
            method: "POST",
            path,
            authorization: Some(key),
            content_type: Some(kind),
            body: rest.as_bytes(),
        };
        let (status, answer) = service().answer(&ask);
        assert_eq!(status != 200, answer["error"].is_string(), "{answer}");
        status
    };
    let query = |rest: &str| status("/api/v2/query", &key, kind, &format!("{good}{rest}}}"));
    assert_eq!(query(""), 200);
    assert_eq!(query(r#","filters":[["is","event:goal",["Signup"]]]"#), 200);
    for rest in [
        r#","limit":10"#,
        r#","filters":[["is","event:goal","Signup"]]"#,
        r#","filters":[["is","event:goal",["Nosuch"]]]"#,
        r#","filters":["is","event:goal",["Signup"]]"#,
    ] {
        assert_eq!(query(rest), 400, "{rest}");
    }
    let whole = format!("{good}}}");
    assert_eq!(status("/api/v1/query", &key, kind, &whole), 404);
    assert_eq!(status("/api/v2/query", KEY, kind, &whole), 401);
    assert_eq!(status("/api/v2/query", &key, "text/plain", &whole), 400);
    for (from, to) in [
        (
            r#"["2026-10-01","2026-10-02"]"#,
            r#"["2026-10-02","2026-10-01"]"#,
        ),
        (r#"["2026-10-01","2026-10-02"]"#, r#""30d""#),
        (r#"["visitors"]"#, "[]"),
        (r#"["visitors"]"#, r#"["people"]"#),
        (r#"["visitors"]"#, r#"["conversion_rate"]"#),
    ] {
        assert_eq!(
            status("/api/v2/query", &key, kind, &whole.replace(from, to)),
            400,
            "{to}"
        );
    }
}
