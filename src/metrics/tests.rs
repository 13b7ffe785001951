//! The exposition as a whole: golden texts of a small board, the crate's own encoder as a second opinion, promtool as a
//! third.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use prometheus::proto;
use prometheus::{Encoder, TextEncoder};

use super::daemon::Counters;
use super::exposition::{Build, Metrics};
use super::names::{self, Kind};
use super::sample;
use super::scorecard::families;
use super::writer::{self, Family, Format, Value};
use crate::domain::fault::{Fault, FaultClass};
use crate::domain::id::{KeyResultId, Slug};
use crate::engine::board::Board;
use crate::engine::event::{Event, Observe, Skip};
use crate::engine::lane::Why;
use crate::engine::vitals::Vitals;

fn metrics() -> Metrics {
    let build = Build {
        version: "0.1.0",
        revision: "abc",
        rustc: "1.95.0",
    };
    Metrics::new(build, sample::now()).unwrap()
}

fn whole(metrics: &Metrics, board: &Arc<Board>, format: Format) -> String {
    let exposed = metrics.render(board, &Vitals::starting(sample::now()), format);
    format!(
        "{}{}",
        exposed
            .shared
            .iter()
            .map(|text| text.as_str())
            .collect::<String>(),
        exposed.own
    )
}

fn observe_a_day(observer: &dyn Observe) {
    let source = Slug::parse("shop").unwrap();
    let key_result = KeyResultId::parse_full("2026-Q4:more-visitors/subscribers").unwrap();
    let fault = Fault::new(FaultClass::Timeout, "no answer");
    let (source, key_result) = (&source, &key_result);
    for (seconds, fault) in [(0.25, None), (30.5, Some(&fault))] {
        observer.observe(&Event::PollStarted { source });
        let took = Duration::from_secs_f64(seconds);
        observer.observe(&Event::PollEnded {
            source,
            key_result,
            took,
            fault,
        });
    }
    for why in [Skip::StillRunning, Skip::SourceHeld(Why::Login)] {
        observer.observe(&Event::PollSkipped {
            source,
            key_result,
            why,
        });
    }
    observer.observe(&Event::StoreWrote);
    observer.observe(&Event::StoreFailed { message: "full" });
    observer.observe(&Event::Reloaded { accepted: false });
    observer.observe(&Event::Reloaded { accepted: true });
}

/// What differs from machine to machine and from run to run.
fn steady(text: &str) -> String {
    let lines = text.lines().map(|line| match line.split_once(' ') {
        Some((name, _)) if name.starts_with("process_") && !name.contains("start") => {
            format!("{name} 1\n")
        }
        _ => format!("{line}\n"),
    });
    lines.collect()
}

/// Compares with the golden text; `UPDATE_GOLDEN=1` writes it anew.
fn golden(path: &str, text: &str) {
    let path = format!("{}/tests/golden/{path}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        text == expected,
        "{path} differs; see the difference after UPDATE_GOLDEN=1"
    );
}

#[test]
fn a_small_board_reads_as_the_golden_texts() {
    let metrics = metrics();
    let board = Arc::new(sample::board());
    let _ = whole(&metrics, &board, Format::Text);
    metrics.know_handlers(&["/metrics"]);
    metrics.served("/metrics", 406);
    observe_a_day(&metrics);
    golden(
        "metrics.txt",
        &steady(&whole(&metrics, &board, Format::Text)),
    );
    golden(
        "metrics.om",
        &steady(&whole(&metrics, &board, Format::OpenMetrics)),
    );
}

#[test]
fn every_metric_of_the_table_is_exported_and_none_besides() {
    let metrics = metrics();
    metrics.know_handlers(&["/"]);
    // Metrics of receivers are there where there are receivers.
    let receiver = Slug::parse("prometheus").unwrap();
    metrics.know_receivers(&BTreeSet::from([receiver.clone()]));
    metrics.pushed(&receiver, true, sample::board().scorecard.at);
    // And those of channels where there are channels.
    let chat = Slug::parse("chat").unwrap();
    metrics.know_channels(&BTreeSet::from([chat.clone()]));
    metrics.message_sent(&chat);
    metrics.messages_wait(&chat, 1, Some(sample::board().scorecard.at), false);
    let text = whole(&metrics, &Arc::new(sample::board()), Format::Text);
    let found: BTreeSet<_> = text
        .lines()
        .filter_map(|l| l.strip_prefix("# TYPE ")?.split(' ').next())
        .collect();
    let expected: BTreeSet<_> = names::ALL.iter().map(|metric| metric.name).collect();
    assert_eq!(found, expected);
}

#[test]
fn labels_are_those_of_the_table() {
    let metrics = metrics();
    let text = whole(&metrics, &Arc::new(sample::board()), Format::Text);
    for family in families(&sample::board()) {
        for (labels, _) in family.samples() {
            let found: Vec<_> = labels.pairs().iter().map(|(name, _)| *name).collect();
            assert_eq!(found, family.metric().labels, "{}", family.metric().name);
        }
    }
    assert!(text.contains("okrd_source_poll_failures_total{source=\"shop\",reason=\"net\"} 0\n"));
}

#[test]
fn stale_key_results_lose_their_figures_and_keep_status_and_time() {
    let board = sample::board();
    let of = |name: &str| {
        families(&board)
            .iter()
            .find(|f| f.metric().name == name)
            .unwrap()
            .samples()
            .iter()
            .any(|(labels, _)| labels.pairs().iter().any(|(_, value)| value == "accounts"))
    };
    for name in [
        "okrd_key_result_value",
        "okrd_key_result_progress_ratio",
        "okrd_key_result_score_ratio",
        "okrd_key_result_forecast_value",
        "okrd_key_result_forecast_progress_ratio",
    ] {
        assert!(!of(name), "{name}");
    }
    for name in [
        "okrd_key_result_info",
        "okrd_key_result_target_value",
        "okrd_key_result_status",
        "okrd_key_result_last_measurement_timestamp_seconds",
    ] {
        assert!(of(name), "{name}");
    }
}

#[test]
fn counters_exist_at_zero_and_go_with_their_source() {
    let counters = Counters::new().unwrap();
    let shop = BTreeSet::from([Slug::parse("shop").unwrap()]);
    counters.know_sources(&shop);
    let count = |counters: &Counters, metric: &names::Metric| -> (usize, f64) {
        let families = counters.families();
        let found = families.iter().find(|f| f.metric() == metric);
        let samples = found.map_or(&[][..], |f| f.samples());
        let sum = samples.iter().map(|(_, value)| match value {
            Value::Number(number) => *number,
            Value::Buckets { sum, .. } => *sum,
        });
        (samples.len(), sum.sum())
    };
    assert_eq!(count(&counters, &names::SOURCE_POLLS), (1, 0.0));
    assert_eq!(
        count(&counters, &names::SOURCE_POLL_FAILURES),
        (FaultClass::ALL.len(), 0.0)
    );
    assert_eq!(count(&counters, &names::LOG_MESSAGES), (5, 0.0));
    observe_a_day(&counters);
    assert_eq!(count(&counters, &names::SOURCE_POLLS), (1, 2.0));
    assert_eq!(count(&counters, &names::SOURCE_POLL_FAILURES).1, 1.0);
    assert_eq!(count(&counters, &names::SOURCE_POLL_DURATION), (1, 30.75));
    assert_eq!(count(&counters, &names::SCHEDULER_POLLS_SKIPPED), (1, 1.0));
    assert_eq!(count(&counters, &names::SCHEDULER_POLLS_HELD), (1, 1.0));
    assert_eq!(count(&counters, &names::CONFIG_RELOADS), (1, 2.0));
    assert_eq!(count(&counters, &names::CONFIG_RELOAD_FAILURES), (1, 1.0));
    counters.know_sources(&BTreeSet::new());
    assert_eq!(count(&counters, &names::SOURCE_POLLS), (0, 0.0));
    assert_eq!(count(&counters, &names::SOURCE_POLL_DURATION), (0, 0.0));
}

#[test]
fn log_messages_are_counted_by_level() {
    use tracing_subscriber::layer::SubscriberExt as _;
    let metrics = metrics();
    let subscriber = tracing_subscriber::registry().with(metrics.log_layer());
    tracing::subscriber::with_default(subscriber, || {
        tracing::warn!("once");
        tracing::warn!("twice");
    });
    let text = whole(&metrics, &Arc::new(sample::board()), Format::Text);
    assert!(text.contains("okrd_log_messages_total{level=\"warn\"} 2\n"));
    assert!(text.contains("okrd_log_messages_total{level=\"error\"} 0\n"));
}

/// A family as the crate would hold it.
fn as_proto(family: &Family) -> proto::MetricFamily {
    let mut found = proto::MetricFamily::default();
    found.set_name(family.metric().name.into());
    found.set_help(family.metric().help.into());
    found.set_field_type(match family.metric().kind {
        Kind::Gauge | Kind::Info => proto::MetricType::GAUGE,
        Kind::Counter => proto::MetricType::COUNTER,
        Kind::Histogram => proto::MetricType::HISTOGRAM,
    });
    let samples = family.samples().iter().map(|(labels, value)| {
        let pairs = labels.pairs().iter().map(|(name, value)| {
            let mut pair = proto::LabelPair::default();
            pair.set_name((*name).into());
            pair.set_value(value.clone());
            pair
        });
        let mut sample = proto::Metric::from_label(pairs.collect());
        match value {
            Value::Number(number) if family.metric().kind == Kind::Counter => {
                let mut counter = proto::Counter::default();
                counter.set_value(*number);
                sample.set_counter(counter);
            }
            Value::Number(number) => {
                let mut gauge = proto::Gauge::default();
                gauge.set_value(*number);
                sample.set_gauge(gauge);
            }
            Value::Buckets {
                cumulative,
                sum,
                count,
            } => {
                let mut histogram = proto::Histogram::default();
                histogram.set_sample_count(*count);
                histogram.set_sample_sum(*sum);
                let bucket = |(bound, count): &(f64, u64)| {
                    let mut bucket = proto::Bucket::default();
                    bucket.set_upper_bound(*bound);
                    bucket.set_cumulative_count(*count);
                    bucket
                };
                histogram.set_bucket(cumulative.iter().map(bucket).collect());
                sample.set_histogram(histogram);
            }
        }
        sample
    });
    found.set_metric(samples.collect());
    found
}

/// The only difference: the crate writes the bucket bound 1 where Prometheus 3 wants 1.0.
#[test]
fn text_equals_the_encoder_of_the_crate() {
    let counters = Counters::new().unwrap();
    observe_a_day(&counters);
    for board in [sample::board(), sample::hostile()] {
        let all = families(&board).into_iter().chain(counters.families());
        let all: Vec<_> = all.filter(|f| !f.samples().is_empty()).collect();
        let mut ours = String::new();
        writer::write(&mut ours, &all, Format::Text);
        let protos: Vec<_> = all.iter().map(as_proto).collect();
        let mut theirs = Vec::new();
        TextEncoder::new().encode(&protos, &mut theirs).unwrap();
        let theirs = String::from_utf8(theirs).unwrap();
        let ours: Vec<_> = ours
            .lines()
            .map(|line| {
                if line.contains("_bucket{") {
                    line.replace(".0\"}", "\"}")
                } else {
                    line.to_owned()
                }
            })
            .collect();
        assert_eq!(ours, theirs.lines().collect::<Vec<_>>());
    }
}

#[test]
fn f70_promtool_has_nothing_to_say() {
    let metrics = metrics();
    observe_a_day(&metrics);
    for board in [sample::board(), sample::hostile()] {
        let text = whole(&metrics, &Arc::new(board), Format::Text);
        let child = Command::new("promtool")
            .args(["check", "metrics"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = child.expect("promtool is not installed: run tests/install-servers");
        let mut input = child.stdin.take().unwrap();
        input.write_all(text.as_bytes()).unwrap();
        drop(input);
        let out = child.wait_with_output().unwrap();
        assert!(out.status.success(), "{out:?}");
        assert!(out.stdout.is_empty() && out.stderr.is_empty(), "{out:?}");
    }
}

#[test]
fn one_board_is_written_once_and_of_a_new_one_what_changed() {
    let metrics = metrics();
    let vitals = Vitals::starting(sample::now());
    let render = |board: &Arc<Board>, format| metrics.render(board, &vitals, format).shared;
    let board = Arc::new(sample::large(1_000));
    let first = render(&board, Format::Text);
    assert!(Arc::ptr_eq(&first, &render(&board, Format::Text)));
    let holds = |pieces: &[Arc<String>], what: &str| pieces.iter().any(|text| text.contains(what));
    assert!(holds(&first, "objective-199"));
    let same = |a: &[Arc<String>], b: &[Arc<String>]| {
        let same = |text: &&Arc<String>| a.iter().any(|other| Arc::ptr_eq(other, text));
        b.iter().filter(same).count()
    };
    // The other format differs in its heads and in what comes after the samples.
    let open = render(&board, Format::OpenMetrics);
    assert!(same(&first, &open) > open.len() / 2);
    let mut changed = Board::clone(&board);
    let card = Arc::make_mut(&mut changed.scorecard.objectives[7]);
    let card = Arc::make_mut(&mut card.key_results[0]);
    card.value = card.value.map(|(value, at)| (value + 1.0, at));
    let changed = Arc::new(changed);
    let second = render(&changed, Format::Text);
    let new = second.len() - same(&first, &second);
    // The first and the last piece are made anew, and the values of one group.
    assert_eq!(new, 3, "of {}", second.len());
    assert_ne!(
        whole(&metrics, &board, Format::Text),
        whole(&metrics, &changed, Format::Text)
    );
    let next = Arc::new(sample::board());
    assert!(!holds(&render(&next, Format::Text), "objective-199"));
}

#[test]
fn pieces_make_the_same_exposition_as_all_families_at_once() {
    for board in [sample::board(), sample::hostile(), sample::large(1_000)] {
        for format in [Format::Text, Format::OpenMetrics] {
            let mut expected = String::new();
            writer::write(&mut expected, &families(&board), format);
            let text = whole(&metrics(), &Arc::new(board.clone()), format);
            assert!(
                text.starts_with(&expected),
                "{text}\n\nexpected\n\n{expected}"
            );
        }
    }
}
