//! The Umami source against an Umami that refuses what the real one refuses.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use okrd::config::secret::SecretRef;
use okrd::config::spec::{Auth, Measure, SiteMetric};
use okrd::domain::fault::{Fault, FaultClass};
use okrd::domain::reading::Reading;
use okrd::source::umami::UmamiSource;
use okrd::source::{Question, Source};

use crate::fakes::umami::{Umami, Version};
use crate::fakes::wire::Wire;
use crate::{Kept, moments, spec};

const SITE: &str = "8f2d3c1a-0b5e-4a57-9c1d-2e3f4a5b6c7d";
const PASSWORD: &str = "umami-password-0815";

fn at(text: &str) -> i64 {
    text.parse::<jiff::Timestamp>().unwrap().as_millisecond()
}

fn service(version: Version) -> Umami {
    Umami {
        version,
        key: None,
        password: PASSWORD.into(),
        site: SITE.into(),
        visits: vec![
            // Half an hour before the cycle begins in Amsterdam, its first instant, and its last ones so far.
            (at("2026-09-30T21:30:00Z"), 9),
            (at("2026-09-30T22:00:00Z"), 3),
            (at("2026-11-01T12:00:00Z"), 1),
            (at("2026-11-20T12:00:00Z"), 4),
            (at("2026-11-22T22:59:59.999Z"), 1),
            (at("2026-11-22T23:00:00Z"), 2),
            (at("2026-11-23T12:00:00Z"), 9),
        ],
        events: vec![
            (at("2026-10-05T12:00:00Z"), "signup"),
            (at("2026-11-20T12:00:00Z"), "signup"),
            (at("2026-11-20T13:00:00Z"), "signup"),
            (at("2026-11-20T13:00:00Z"), "buy"),
        ],
        logins: 0,
        lives: 100,
    }
}

async fn serve(service: Umami) -> (Wire, Arc<Mutex<Umami>>) {
    let service = Arc::new(Mutex::new(service));
    let own = service.clone();
    (
        Wire::plain(move |asked| own.lock().unwrap().serve(asked)).await,
        service,
    )
}

fn own_server(wire: &Wire, kept: &Kept) -> UmamiSource {
    let mut spec = spec(&wire.url());
    spec.auth = Some(Auth::Basic {
        user: "ro".into(),
        token: SecretRef::File(kept.path()),
    });
    UmamiSource::new(&spec, SITE)
}

async fn ask(
    source: &UmamiSource,
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
async fn every_metric_of_every_version_is_read() {
    for version in [Version::Two, Version::Three] {
        let (wire, service) = serve(service(version)).await;
        let kept = Kept::new(PASSWORD);
        let source = own_server(&wire, &kept);
        for (metric, goal, value) in [
            (SiteMetric::Visitors, None, 4.0),
            (SiteMetric::Visits, None, 5.0),
            (SiteMetric::Pageviews, None, 11.0),
            (SiteMetric::BounceRate, None, 40.0),
            (SiteMetric::Conversions, Some("signup"), 3.0),
            (SiteMetric::Visitors, Some("signup"), 2.0),
            (SiteMetric::ConversionRate, Some("signup"), 50.0),
            (SiteMetric::Conversions, Some("a b&c"), 0.0),
        ] {
            let reading = ask(&source, metric, goal, "cycle_to_date").await.unwrap();
            assert_eq!(reading.value, value, "{version:?} {metric:?}");
        }
        assert_eq!(
            service.lock().unwrap().logins,
            1,
            "one login for all of them"
        );
    }
    let (wire, _) = serve(service(Version::One)).await;
    let kept = Kept::new(PASSWORD);
    let source = own_server(&wire, &kept);
    let visitors = ask(&source, SiteMetric::Visitors, None, "cycle_to_date").await;
    assert_eq!(visitors.unwrap().value, 4.0);
    let visits = ask(&source, SiteMetric::Visits, None, "cycle_to_date").await;
    let fault = visits.unwrap_err();
    assert_eq!(
        fault.class,
        FaultClass::BadValue,
        "version 1 knew no visits: {fault}"
    );
}

#[tokio::test]
async fn windows_are_instants_of_the_zone_with_both_ends_in() {
    let (wire, _) = serve(service(Version::Three)).await;
    let kept = Kept::new(PASSWORD);
    let source = own_server(&wire, &kept);
    for (window, visits, query) in [
        // Until the last millisecond of the 22nd in Amsterdam.
        ("30d", 3.0, "startAt=1792792800000&endAt=1795388399999"),
        (
            "month_to_date",
            4.0,
            "startAt=1793487600000&endAt=1795435199999",
        ),
        (
            "previous_month",
            1.0,
            "startAt=1790805600000&endAt=1793487599999",
        ),
    ] {
        let reading = ask(&source, SiteMetric::Visits, None, window).await;
        assert_eq!(reading.unwrap().value, visits, "{window}");
        let asked = wire.asked().last().unwrap().target.clone();
        assert_eq!(asked, format!("/api/websites/{SITE}/stats?{query}"));
    }
}

#[tokio::test]
async fn a_token_that_died_is_replaced_once_and_a_wrong_password_is_sent_once() {
    let mut mortal = service(Version::Three);
    mortal.lives = 1;
    let (wire, service_now) = serve(mortal).await;
    let kept = Kept::new(PASSWORD);
    let source = own_server(&wire, &kept);
    for _ in 0..2 {
        let reading = ask(&source, SiteMetric::Visits, None, "cycle_to_date").await;
        assert_eq!(reading.unwrap().value, 5.0);
    }
    let asked: Vec<_> = wire
        .asked()
        .iter()
        .map(|a| a.target.contains("login"))
        .collect();
    assert_eq!(asked, [true, false, false, true, false]);
    assert!(service_now.lock().unwrap().logins > 1);

    let (wire, _) = serve(service(Version::Three)).await;
    let wrong = Kept::new("wrong-password-1");
    let asked = ask(&own_server(&wire, &wrong), SiteMetric::Visits, None, "30d").await;
    let fault = asked.unwrap_err();
    assert_eq!(fault.class, FaultClass::Auth);
    assert!(fault.help.contains("another password"), "{fault}");
    assert_eq!(wire.asked().len(), 1);
}

#[tokio::test]
async fn a_website_of_somebody_else_is_asked_for_twice_at_most() {
    let mut other = service(Version::Three);
    other.site = "00000000-0000-0000-0000-000000000000".into();
    let (wire, _) = serve(other).await;
    let kept = Kept::new(PASSWORD);
    let asked = ask(&own_server(&wire, &kept), SiteMetric::Visits, None, "30d").await;
    let fault = asked.unwrap_err();
    assert_eq!(fault.class, FaultClass::Auth);
    assert!(fault.help.contains("site"), "{fault}");
    assert_eq!(wire.asked().len(), 4, "two logins, two questions");
}

#[tokio::test]
async fn the_cloud_takes_a_key_in_a_header_and_has_no_api_in_its_path() {
    let mut cloud = service(Version::Three);
    cloud.key = Some("cloud-key-4711".into());
    let (wire, _) = serve(cloud).await;
    let kept = Kept::new("cloud-key-4711");
    let mut spec = spec(&format!("{}/v1", wire.url()));
    spec.auth = Some(Auth::Bearer {
        token: SecretRef::File(kept.path()),
    });
    let source = UmamiSource::new(&spec, SITE);
    let rate = ask(
        &source,
        SiteMetric::ConversionRate,
        Some("signup"),
        "cycle_to_date",
    )
    .await;
    assert_eq!(rate.unwrap().value, 50.0);
    let asked = wire.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].header("authorization"), None);
    let before = source.credentials();
    kept.write("cloud-key-4712");
    assert_ne!(source.credentials(), before);
    let fault = ask(&source, SiteMetric::Visits, None, "30d")
        .await
        .unwrap_err();
    assert_eq!(fault.class, FaultClass::Auth);
    assert!(!fault.to_string().contains("key-4712"), "{fault}");
}

#[tokio::test]
async fn a_rate_of_nobody_is_no_zero() {
    let mut quiet = service(Version::Three);
    quiet.visits.clear();
    let (wire, _) = serve(quiet).await;
    let kept = Kept::new(PASSWORD);
    let source = own_server(&wire, &kept);
    for (metric, goal) in [
        (SiteMetric::BounceRate, None),
        (SiteMetric::ConversionRate, Some("nosuch")),
    ] {
        let fault = ask(&source, metric, goal, "cycle_to_date")
            .await
            .unwrap_err();
        assert_eq!(fault.class, FaultClass::BadValue, "{fault}");
    }
    let visits = ask(&source, SiteMetric::Visits, None, "cycle_to_date").await;
    assert_eq!(visits.unwrap().value, 0.0);
}
