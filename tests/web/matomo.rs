//! The Matomo source against a Matomo that refuses what the real one refuses.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::civil::date;
use okrd::config::secret::SecretRef;
use okrd::config::spec::{Auth, Measure, SiteMetric};
use okrd::domain::fault::{Fault, FaultClass};
use okrd::domain::reading::Reading;
use okrd::source::matomo::MatomoSource;
use okrd::source::{Question, Source};

use crate::fakes::matomo::Matomo;
use crate::fakes::wire::{self, Wire};
use crate::{Kept, moments, spec};

const TOKEN: &str = "c0ffee-4711-0815";

fn service() -> Matomo {
    Matomo {
        token: TOKEN.into(),
        days: BTreeMap::from([
            (date(2026, 9, 30), [900, 900, 900, 900, 900]),
            (date(2026, 10, 1), [100, 40, 300, 12, 10]),
            (date(2026, 10, 31), [50, 20, 100, 3, 2]),
            (date(2026, 11, 23), [50, 20, 110, 5, 4]),
        ]),
        wrong: 0,
    }
}

async fn serve(service: Matomo) -> Wire {
    let service = Mutex::new(service);
    Wire::plain(move |asked| service.lock().unwrap().serve(asked)).await
}

fn source(wire: &Wire, kept: &Kept) -> MatomoSource {
    let mut spec = spec(&wire.url());
    spec.auth = Some(Auth::Bearer {
        token: SecretRef::File(kept.path()),
    });
    MatomoSource::new(&spec, "3")
}

async fn ask(
    source: &MatomoSource,
    metric: SiteMetric,
    goal: Option<&str>,
    window: &str,
) -> Result<Reading, Fault> {
    let question = Question {
        measure: &Measure::Site {
            metric,
            goal: goal.map(str::to_owned),
        },
        moments: &moments("2026-11-23T12:00:00Z", window),
        timeout: Duration::from_secs(20),
    };
    source.measure(question).await
}

#[tokio::test]
async fn every_metric_is_read_over_its_window() {
    let wire = serve(service()).await;
    let kept = Kept::new(TOKEN);
    let source = source(&wire, &kept);
    for (metric, goal, window, value) in [
        (SiteMetric::Visits, None, "cycle_to_date", 200.0),
        (SiteMetric::Pageviews, None, "cycle_to_date", 510.0),
        (SiteMetric::BounceRate, None, "cycle_to_date", 40.0),
        (SiteMetric::Conversions, Some("2"), "cycle_to_date", 20.0),
        (SiteMetric::Visits, Some("2"), "cycle_to_date", 16.0),
        (SiteMetric::ConversionRate, Some("2"), "cycle_to_date", 8.0),
        (SiteMetric::Visitors, None, "previous_month", 149.0),
        (SiteMetric::Visitors, None, "month_to_date", 49.0),
        // Nobody came: `[]`.
        (SiteMetric::Visits, None, "1d", 0.0),
        (SiteMetric::Visitors, None, "1d", 0.0),
    ] {
        let reading = ask(&source, metric, goal, window).await.unwrap();
        assert_eq!(reading.value, value, "{metric:?} {goal:?} {window}");
    }
    for asked in wire.asked() {
        assert_eq!(
            asked.target, "/index.php",
            "the token never travels in the address"
        );
        assert_eq!(asked.header("authorization"), None);
    }
}

#[tokio::test]
async fn unique_visitors_of_other_stretches_are_never_asked_for() {
    let wire = serve(service()).await;
    let kept = Kept::new(TOKEN);
    for window in ["cycle_to_date", "30d", "quarter_to_date", "year_to_date"] {
        let asked = ask(&source(&wire, &kept), SiteMetric::Visitors, None, window).await;
        let fault = asked.unwrap_err();
        assert_eq!(fault.class, FaultClass::Config, "{window}: {fault}");
        assert!(fault.help.contains("month_to_date"), "{fault}");
    }
    assert_eq!(wire.asked().len(), 0);
}

#[tokio::test]
async fn status_200_may_be_an_error_and_a_missing_column_is_no_zero() {
    let wire = serve(service()).await;
    let kept = Kept::new(TOKEN);
    let asked = ask(
        &source(&wire, &kept),
        SiteMetric::Conversions,
        Some("9"),
        "30d",
    )
    .await;
    let fault = asked.unwrap_err();
    assert_eq!(fault.class, FaultClass::BadBody);
    assert!(fault.message.contains("requested goal"), "{fault}");

    for (body, class) in [
        (r#"{"nb_users":0,"nb_actions":3}"#, FaultClass::BadValue),
        (r#"{"nb_visits":"47%"}"#, FaultClass::BadValue),
        (r#"{"nb_visits":null}"#, FaultClass::BadValue),
        (r#"{"nb_visits":-1}"#, FaultClass::BadValue),
        (
            r#"{"2026-10-01":{"nb_visits":3},"2026-10-02":[]}"#,
            FaultClass::BadValue,
        ),
        (r#"[{"nb_visits":3}]"#, FaultClass::BadBody),
        ("7", FaultClass::BadBody),
    ] {
        let wire = Wire::always(wire::json(200, body)).await;
        let asked = ask(&source(&wire, &kept), SiteMetric::Visits, None, "30d").await;
        assert_eq!(asked.unwrap_err().class, class, "{body}");
    }
    for (body, value) in [
        (r#"{"value":905}"#, 905.0),
        (r#"{"nb_visits":"905"}"#, 905.0),
    ] {
        let wire = Wire::always(wire::json(200, body)).await;
        let asked = ask(&source(&wire, &kept), SiteMetric::Visits, None, "30d").await;
        assert_eq!(asked.unwrap().value, value, "{body}");
    }
}

#[tokio::test]
async fn a_wrong_token_and_a_lockout_are_matters_of_the_login() {
    for (wrong, status) in [(0, "401"), (20, "403")] {
        let wire = serve(Matomo { wrong, ..service() }).await;
        let kept = Kept::new("wrong-token-1");
        let asked = ask(&source(&wire, &kept), SiteMetric::Visits, None, "30d").await;
        let fault = asked.unwrap_err();
        assert_eq!(fault.class, FaultClass::Auth, "{fault}");
        assert!(
            fault.message.contains(status) && fault.help.contains("20"),
            "{fault}"
        );
        assert_eq!(wire.asked().len(), 1);
    }
}

#[tokio::test]
async fn a_rate_without_visits_is_no_zero() {
    let wire = serve(Matomo {
        days: BTreeMap::new(),
        ..service()
    })
    .await;
    let kept = Kept::new(TOKEN);
    for (metric, goal) in [
        (SiteMetric::BounceRate, None),
        (SiteMetric::ConversionRate, Some("2")),
    ] {
        let asked = ask(&source(&wire, &kept), metric, goal, "30d").await;
        assert_eq!(asked.unwrap_err().class, FaultClass::BadValue);
    }
}

/// The fake itself: it must refuse what the real service refuses.
#[tokio::test]
async fn the_fake_is_strict() {
    let service = Arc::new(Mutex::new(service()));
    let own = service.clone();
    let wire = Wire::plain(move |asked| own.lock().unwrap().serve(asked)).await;
    let client = okrd::net::client::Client::new(okrd::net::client::ClientOptions::default());
    let ask = async |body: &str| {
        let url = format!("{}/index.php", wire.url()).parse().unwrap();
        let kind = "application/x-www-form-urlencoded";
        let patient = Duration::from_secs(20);
        let request = okrd::net::request::Request::post(url, kind, body.into(), patient);
        let answer = client.send(request).await.unwrap();
        (answer.status, String::from_utf8(answer.body).unwrap())
    };
    let good = format!(
        "module=API&method=VisitsSummary.get&idSite=3&period=range&date=2026-10-01,2026-10-31&format_metrics=0&token_auth={TOKEN}"
    );
    assert!(ask(&good).await.1.starts_with("<?xml"));
    let json = format!("{good}&format=json");
    assert!(!ask(&json).await.1.contains("nb_uniq_visitors"));
    let month = json.replace("range", "month").replace(",2026-10-31", "");
    assert!(ask(&month).await.1.contains(r#""nb_uniq_visitors":149"#));
    let formatted = json.replace("&format_metrics=0", "");
    assert!(ask(&formatted).await.1.contains(r#""bounce_rate":"47%""#));
    let odd = json.replace("range", "fortnight");
    assert_eq!(ask(&odd).await.0, 200);
    assert!(ask(&odd).await.1.contains(r#""result":"error""#));
    assert_eq!(ask(&json.replace("=3", "=4")).await.0, 401);
    assert_eq!(
        ask(&json.replace("Summary.get", "Summary.nosuch")).await.0,
        400
    );
    for _ in 0..20 {
        assert_eq!(ask(&json.replace(TOKEN, "guess")).await.0, 401);
    }
    assert_eq!(
        ask(&json).await.0,
        403,
        "locked out, with the right token too"
    );
}
