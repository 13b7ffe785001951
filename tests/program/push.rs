//! Pushing: a real Prometheus that is written to knows what one that scrapes knows, an OpenTelemetry receiver reads it with
//! the official types, and a receiver that is away, slow, rude or full holds up nobody and learns no secret's echo.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsPartialSuccess, ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Metric, metric, number_data_point,
};
use prost::Message;
use rustix::process::Signal;

use crate::fakes::wire::{Act, Asked, Wire, respond};
use crate::home::{DAEMON, Daemon, Home, PATIENT, SHOP, growth, key_result, on_air, within};
use crate::servers::prometheus::Prometheus;

/// A shop, a number that people tell, and this receiver.
fn home(push: &str) -> Home {
    let home = Home::shop();
    home.write("okrd.toml", &format!("{DAEMON}{SHOP}{push}"));
    home
}

/// A Prometheus that may be written to, and scrapes `target` if there is one.
fn receiver(home: &Home, target: Option<&str>) -> Prometheus {
    let scrape = target.map_or_else(String::new, |target| {
        format!("scrape_configs: [{{job_name: scraped, static_configs: [{{targets: [\"{target}\"]}}]}}]\n")
    });
    let config = format!("global: {{scrape_interval: 1s}}\n{scrape}");
    home.write("prometheus.yml", &config);
    let (config, storage) = (home.path("prometheus.yml"), home.path("tsdb"));
    Prometheus::start_with(&config, &storage, &["--web.enable-remote-write-receiver"])
}

fn remote_write(prometheus: &Prometheus, interval: &str) -> String {
    format!(
        "[push.prometheus]\ntype = \"remote_write\"\nurl = \"{}/api/v1/write\"\ninterval = \"{interval}\"\nlabels = {{ instance = \"here\", env = \"test\" }}\n",
        prometheus.url()
    )
}

/// Labels of all series of a job but its own and those that only one way of getting there adds.
fn series(prometheus: &Prometheus, job: &str) -> BTreeSet<BTreeMap<String, String>> {
    let expr = format!("{{__name__=~\"(okrd|process)_.+\",job=\"{job}\"}}");
    let all = prometheus.query(&expr).into_iter().map(|sample| {
        let mut labels = sample.labels;
        for name in ["job", "instance", "env"] {
            labels.remove(name);
        }
        labels
    });
    all.collect()
}

#[test]
fn a_prometheus_that_is_written_to_knows_what_one_that_scrapes_knows() {
    let home = home("");
    let daemon = home.start();
    let prometheus = receiver(&home, Some(&daemon.address));
    daemon.value("growth/subscribers");
    let push = remote_write(&prometheus, "1s");
    home.append("okrd.toml", &push);
    home.ends(0, &["reload"]);
    prometheus.wait_for("okrd_push_up{job=\"okrd\",push=\"prometheus\"} == 1");
    prometheus.wait_for("okrd_push_up{job=\"scraped\",push=\"prometheus\"} == 1");
    within(PATIENT, "both ways lead to the same series", || {
        let (pushed, scraped) = (series(&prometheus, "okrd"), series(&prometheus, "scraped"));
        (pushed == scraped && pushed.len() > 100).then_some(())
    });
    let value = prometheus.query("okrd_key_result_value{job=\"okrd\"}");
    assert_eq!((value.len(), value[0].value), (1, 7.0));
    assert_eq!(value[0].labels["instance"], "here");
    assert_eq!(value[0].labels["env"], "test");
    let bucket = "okrd_source_poll_duration_seconds_bucket{job=\"okrd\",le=\"+Inf\"} == 1";
    assert_eq!(prometheus.wait_for(bucket).len(), 1);

    // What is gone from the files is gone there at once, and not in five minutes.
    let of = "count({job=\"okrd\",key_result=\"recommend\"})";
    prometheus.wait_for(of);
    let count = "measure = { source = \"shop\", query = \"SELECT count(*) FROM subscribers\" }";
    home.write(
        "okrs/team.toml",
        &growth(&[&key_result("subscribers", count)]),
    );
    home.ends(0, &["reload"]);
    let began = Instant::now();
    prometheus.wait_until(of, |found| found.is_empty());
    assert!(
        began.elapsed() < Duration::from_secs(60),
        "markers, not patience"
    );
    prometheus.wait_for("okrd_key_result_value{job=\"okrd\",key_result=\"subscribers\"}");

    // A receiver that is configured no more is told that all has ended.
    let text = std::fs::read_to_string(home.path("okrd.toml")).unwrap();
    home.write("okrd.toml", &text.replace(&push, ""));
    home.ends(0, &["reload"]);
    prometheus.wait_until("count({job=\"okrd\"})", |found| found.is_empty());
    let metrics = daemon.until("its counters are gone", |m| !m.0.contains("okrd_push"));
    assert!(metrics.0.contains("okrd_store_up"));
    daemon.end();
}

#[test]
fn what_was_measured_last_is_pushed_before_the_end() {
    let home = home("");
    let prometheus = receiver(&home, None);
    home.append("okrd.toml", &remote_write(&prometheus, "5m"));
    let daemon = home.start();
    daemon.until("a push was taken", |m| {
        m.sample("okrd_push_up", &[("push", "prometheus")]) == Some(1.0)
    });
    home.ends(0, &["record", "growth/recommend", "321"]);
    daemon.until("it is told", |m| m.value("growth/recommend") == Some(321.0));
    let value = "okrd_key_result_value{key_result=\"recommend\"}";
    assert!(prometheus.query(value).is_empty());
    daemon.end();
    assert_eq!(prometheus.query(value)[0].value, 321.0);
}

fn text(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    let pair = |kv: &KeyValue| {
        let value = kv.value.clone().and_then(|value| value.value);
        let Some(any_value::Value::StringValue(value)) = value else {
            panic!("{kv:?} is no text");
        };
        assert!(!value.is_empty(), "{kv:?}");
        (kv.key.clone(), value)
    };
    let all: BTreeMap<_, _> = attributes.iter().map(pair).collect();
    assert_eq!(all.len(), attributes.len(), "{attributes:?}");
    all
}

/// Decodes a request, which must be whole and as the protocol says.
fn decoded(asked: &Asked) -> ExportMetricsServiceRequest {
    assert_eq!(
        (asked.method.as_str(), asked.target.as_str()),
        ("POST", "/v1/metrics")
    );
    assert_eq!(asked.header("content-type"), Some("application/x-protobuf"));
    assert_eq!(asked.header("content-encoding"), Some("gzip"));
    assert!(asked.header("user-agent").unwrap().starts_with("okrd/"));
    let mut body = Vec::new();
    flate2::read::GzDecoder::new(&*asked.body)
        .read_to_end(&mut body)
        .unwrap();
    let request = ExportMetricsServiceRequest::decode(&*body).unwrap();
    // Nothing in it that the official types do not know.
    assert_eq!(request.encoded_len(), body.len());
    request
}

fn metrics(request: &ExportMetricsServiceRequest) -> BTreeMap<String, Metric> {
    let [resource] = request.resource_metrics.as_slice() else {
        panic!("one resource");
    };
    let of = text(&resource.resource.as_ref().unwrap().attributes);
    assert_eq!(of["service.name"], "okrd");
    assert_eq!(of["service.instance.id"], "here");
    assert_eq!(of["env"], "test");
    assert!(of.contains_key("service.version"));
    let [scope] = resource.scope_metrics.as_slice() else {
        panic!("one scope");
    };
    assert_eq!(scope.scope.as_ref().unwrap().name, "okrd");
    let all: BTreeMap<_, _> = scope
        .metrics
        .iter()
        .map(|m| (m.name.clone(), m.clone()))
        .collect();
    assert_eq!(all.len(), scope.metrics.len(), "each metric once");
    all
}

#[test]
fn an_opentelemetry_receiver_reads_it_with_the_official_types() {
    let wire = on_air(Wire::plain(|_| {
        let kind = [("Content-Type", "application/x-protobuf")];
        respond(
            200,
            &kind,
            &ExportMetricsServiceResponse::default().encode_to_vec(),
        )
    }));
    let home = home(&format!(
        "[push.collector]\ntype = \"otlp\"\nurl = \"{}/v1/metrics\"\ninterval = \"1s\"\nlabels = {{ instance = \"here\", env = \"test\" }}\n",
        wire.url()
    ));
    let daemon = home.start();
    daemon.value("growth/subscribers");
    let newest = || Some(metrics(&decoded(wire.asked().last()?)));
    let all = within(PATIENT, "the value is pushed", || {
        newest().filter(|all| all.contains_key("okrd_key_result_value"))
    });
    let gauge = |all: &BTreeMap<String, Metric>, name: &str| {
        let Some(metric::Data::Gauge(gauge)) = all[name].data.clone() else {
            panic!("{name} is no gauge");
        };
        gauge.data_points
    };
    let value = gauge(&all, "okrd_key_result_value");
    let [value] = value.as_slice() else {
        panic!("one value");
    };
    assert_eq!(value.value, Some(number_data_point::Value::AsDouble(7.0)));
    let labels = text(&value.attributes);
    assert_eq!(
        (labels["objective"].as_str(), labels["key_result"].as_str()),
        ("growth", "subscribers")
    );
    let age = std::time::SystemTime::UNIX_EPOCH + Duration::from_nanos(value.time_unix_nano);
    assert!(age.elapsed().unwrap() < Duration::from_secs(60));
    assert!(
        all["okrd_key_result_value"]
            .description
            .contains("do not sum")
    );
    for (name, unit) in [
        ("okrd_key_result_value", ""),
        ("okrd_key_results", ""),
        ("okrd_objective_coverage_ratio", "1"),
        ("okrd_cycle_end_timestamp_seconds", "s"),
        ("okrd_store_size_bytes", "By"),
    ] {
        assert_eq!(all[name].unit, unit, "{name}");
    }
    let Some(metric::Data::Sum(sum)) = &all["okrd_source_polls_total"].data else {
        panic!("a counter is a sum");
    };
    assert!(sum.is_monotonic);
    assert_eq!(
        sum.aggregation_temporality(),
        AggregationTemporality::Cumulative
    );
    let polls = &sum.data_points[0];
    assert_eq!(polls.value, Some(number_data_point::Value::AsDouble(1.0)));
    assert!(0 < polls.start_time_unix_nano && polls.start_time_unix_nano < polls.time_unix_nano);
    let Some(metric::Data::Histogram(histogram)) = &all["okrd_source_poll_duration_seconds"].data
    else {
        panic!("a histogram");
    };
    assert_eq!(
        histogram.aggregation_temporality(),
        AggregationTemporality::Cumulative
    );
    let took = &histogram.data_points[0];
    assert_eq!(took.bucket_counts.len(), took.explicit_bounds.len() + 1);
    assert_eq!((took.count, took.bucket_counts.iter().sum::<u64>()), (1, 1));
    assert!(took.explicit_bounds.is_sorted() && took.sum.unwrap() > 0.0);
    assert!(took.start_time_unix_nano > 0);

    // What is gone is told once, by a point without a value.
    let before = wire.asked().len();
    let count = "measure = { source = \"shop\", query = \"SELECT count(*) FROM subscribers\" }";
    home.write(
        "okrs/team.toml",
        &growth(&[&key_result("subscribers", count)]),
    );
    home.ends(0, &["reload"]);
    within(PATIENT, "the end is told and then nothing", || {
        let asked = wire.asked();
        let told = asked[before..].iter().map(|asked| {
            let points = gauge(&metrics(&decoded(asked)), "okrd_key_result_info");
            let gone = points
                .iter()
                .filter(|p| text(&p.attributes)["key_result"] == "recommend");
            let gone: Vec<_> = gone.map(|p| (p.flags, p.value.is_some())).collect();
            gone
        });
        let told: Vec<_> = told.collect();
        let end = told.iter().position(|points| *points == [(1, false)])?;
        assert!(
            told[..end].iter().all(|points| *points == [(0, true)]),
            "{told:?}"
        );
        told.get(end + 1)
            .map(|points| assert!(points.is_empty(), "{told:?}"))
    });
    daemon.end();
}

/// A receiver that takes everything from its nth request on and does before what it is told; it notes when it was asked.
struct Moody {
    wire: Wire,
    at: Arc<Mutex<Vec<Instant>>>,
}

impl Moody {
    fn new(moods: Vec<Vec<Act>>) -> Self {
        let at: Arc<Mutex<Vec<Instant>>> = Arc::default();
        let noted = Arc::clone(&at);
        let wire = on_air(Wire::plain(move |_| {
            let mut noted = noted.lock().unwrap();
            noted.push(Instant::now());
            let taken = || respond(200, &[], b"");
            moods.get(noted.len() - 1).cloned().unwrap_or_else(taken)
        }));
        Self { wire, at }
    }

    fn count(&self) -> usize {
        self.at.lock().unwrap().len()
    }

    fn push(&self, kind: &str) -> String {
        format!(
            "[push.moody]\ntype = \"{kind}\"\nurl = \"{}/write\"\ninterval = \"1s\"\n\
             auth = {{ user = \"okrd\", token = {{ file = \"push.token\" }} }}\nheaders = {{ X-Scope = {{ file = \"tenant.key\" }} }}\n",
            self.wire.url()
        )
    }

    fn home(&self, kind: &str) -> Home {
        let home = home(&self.push(kind));
        home.write("push.token", "canary-t0ken");
        home.write("tenant.key", "canary-t3nant");
        home
    }
}

/// How long `/metrics` takes.
fn scrape(daemon: &Daemon) -> Duration {
    let began = Instant::now();
    assert_eq!(daemon.get("/metrics").status, 200);
    began.elapsed()
}

fn failures(daemon: &Daemon) -> Option<f64> {
    daemon
        .metrics()
        .sample("okrd_push_failures_total", &[("push", "moody")])
}

#[test]
fn a_receiver_in_trouble_gets_everything_later_and_holds_up_nobody() {
    let echo = b"no room for canary-t0ken of canary-t3nant";
    let plain = [("Content-Type", "text/plain")];
    let moody = Moody::new(vec![
        respond(503, &plain, echo),
        vec![Act::Reset],
        respond(
            429,
            &[("Retry-After", "4"), ("Content-Type", "text/plain")],
            echo,
        ),
        vec![Act::Stall],
        respond(500, &plain, echo),
    ]);
    let home = moody.home("remote_write");
    let daemon = home.start();
    let up = |wanted| {
        daemon.until("okrd_push_up tells it", |m| {
            m.sample("okrd_push_up", &[("push", "moody")]) == Some(wanted)
        })
    };
    up(0.0);
    within(PATIENT, "it stalls", || {
        // Whatever the receiver does meanwhile.
        assert!(scrape(&daemon) < Duration::from_secs(2));
        (moody.count() >= 4).then_some(())
    });
    up(1.0);
    within(PATIENT, "the next ones follow", || {
        (moody.wire.asked().len() > 6).then_some(())
    });
    let asked = moody.wire.asked();
    // A connection that broke before an answer began is made anew at once, which is no failure.
    assert_eq!(failures(&daemon), Some(4.0));
    // The same push until it is taken, then the next ones in their order.
    assert!(
        asked[..6].iter().all(|a| a.body == asked[0].body),
        "sent again"
    );
    assert_ne!(asked[6].body, asked[0].body);
    let at = moody.at.lock().unwrap().clone();
    assert!(
        at[3] - at[2] >= Duration::from_secs(4),
        "patience was asked for"
    );
    for asked in &asked {
        assert_eq!(asked.header("content-type"), Some("application/x-protobuf"));
        assert_eq!(asked.header("content-encoding"), Some("snappy"));
        assert_eq!(
            asked.header("x-prometheus-remote-write-version"),
            Some("0.1.0")
        );
        assert_eq!(asked.header("x-scope"), Some("canary-t3nant"));
        assert!(asked.header("authorization").unwrap().starts_with("Basic "));
    }
    let metrics = daemon.metrics();
    let last = metrics.sample(
        "okrd_push_last_success_timestamp_seconds",
        &[("push", "moody")],
    );
    assert!(last.is_some());
    let log = daemon.end();
    assert!(log.contains("kept and sent again"), "{log}");
    assert!(log.contains("metrics are pushed again"), "{log}");
    assert!(!log.contains("canary"), "{log}");
    assert!(!metrics.0.contains("canary"));
}

#[test]
fn what_a_receiver_refuses_for_good_is_dropped_and_told() {
    let plain = [("Content-Type", "text/plain")];
    let partial = ExportMetricsServiceResponse {
        partial_success: Some(ExportMetricsPartialSuccess {
            rejected_data_points: 3,
            error_message: "too old, said canary-t0ken".into(),
        }),
    };
    for (kind, mood, told) in [
        (
            "remote_write",
            respond(400, &plain, b"out of order"),
            "answered 400",
        ),
        (
            "remote_write",
            respond(401, &plain, b"canary-t0ken is wrong"),
            "answered 401",
        ),
        (
            "remote_write",
            respond(302, &[("Location", "/login")], b""),
            "302",
        ),
        ("otlp", respond(500, &plain, b"no"), "answered 500"),
        (
            "otlp",
            respond(
                200,
                &[("Content-Type", "application/x-protobuf")],
                &partial.encode_to_vec(),
            ),
            "(dropped)",
        ),
    ] {
        let moody = Moody::new(vec![mood]);
        let home = moody.home(kind);
        let daemon = home.start();
        within(PATIENT, "the next push", || {
            (moody.count() >= 2).then_some(())
        });
        let asked = moody.wire.asked();
        assert_ne!(asked[0].body, asked[1].body, "{told}: not sent again");
        assert_eq!(failures(&daemon), Some(1.0), "{told}");
        let log = daemon.end();
        assert!(log.contains("(dropped)") && log.contains(told), "{log}");
        assert!(!log.contains("canary"), "{log}");
    }
}

#[test]
fn a_receiver_that_is_not_there_keeps_no_end_waiting() {
    let moody = Moody::new(vec![vec![Act::Stall]; 100]);
    let home = moody.home("remote_write");
    let daemon = home.start();
    within(PATIENT, "it hangs", || (moody.count() >= 1).then_some(()));
    let began = Instant::now();
    daemon.signal(Signal::TERM);
    let (code, log) = daemon.wait();
    assert_eq!(code, 0, "{log}");
    assert!(began.elapsed() < Duration::from_secs(8), "{log}");
    // A token that is not there holds up nothing either, and is told by its place.
    std::fs::remove_file(home.path("push.token")).unwrap();
    let daemon = home.start();
    daemon.until("it is told", |_| daemon.log().contains("push.token"));
    daemon.value("growth/subscribers");
    daemon.end();
}

#[test]
fn a_receiver_that_cannot_be_meant_is_a_finding() {
    for (push, told) in [
        ("type = \"remote_write\"", "lacks the key `url`"),
        (
            "type = \"carbon\"\nurl = \"http://a/\"",
            "expected one of \"remote_write\", \"otlp\"",
        ),
        ("type = \"otlp\"\nurl = \"ftp://a/\"", "another scheme"),
        (
            "type = \"otlp\"\nurl = \"http://u:s3cret@a/\"",
            "SRC-SECRET",
        ),
        (
            "type = \"otlp\"\nurl = \"http://a/\"\ninterval = \"10m\"",
            "expected 1s to 5m",
        ),
        (
            "type = \"otlp\"\nurl = \"http://a/\"\nlabels = { \"a-b\" = \"x\" }",
            "no name of a label",
        ),
        (
            "type = \"otlp\"\nurl = \"http://a/\"\nlabels = { __a = \"x\" }",
            "no name of a label",
        ),
        (
            "type = \"otlp\"\nurl = \"http://a/\"\nheaders = { X-Api-Key = \"s3cret\" }",
            "SRC-SECRET",
        ),
        (
            "type = \"otlp\"\nurl = \"http://a/\"\nintervall = \"1m\"",
            "did you mean `interval`?",
        ),
    ] {
        let home = home(&format!("[push.there]\n{push}\n"));
        let done = home.ends(1, &["check"]);
        assert!(done.out.contains(told), "{push}: {}", done.out);
        assert!(!done.out.contains("s3cret"), "{push}: {}", done.out);
    }
}
