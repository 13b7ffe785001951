//! Receivers of metrics: from their tables to `PushSpec`s. Reaches none.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use super::daemon::{duration, named};
use super::source::http;
use super::table::Table;
use crate::config::finding::{Code, Finding, quoted};
use crate::config::schedule::show_duration;
use crate::config::spec::{HttpSpec, Protocol, PushSpec, is_label_name};
use crate::domain::id::Slug;

/// What a receiver answers is a few words.
const LONGEST_ANSWER: usize = 64 * 1024;
/// Prometheus looks back five minutes for the newest sample.
const INTERVALS: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(300);

/// All of them; `listen` is where a scrape would find okrd.
pub(super) fn pushes(
    roots: &[Table<'_>],
    listen: SocketAddr,
    out: &mut Vec<Finding>,
) -> BTreeMap<Slug, PushSpec> {
    let mut pushes = BTreeMap::new();
    for (name, table) in named(roots, "push", "push", out) {
        let spec = push(table, listen, out);
        if let (Ok(name), Some(spec)) = (Slug::parse(name.value), spec) {
            pushes.insert(name, spec);
        }
    }
    pushes
}

fn push(table: Table<'_>, listen: SocketAddr, out: &mut Vec<Finding>) -> Option<PushSpec> {
    let http = http(table, out);
    let interval = interval(table, out);
    let labels = labels(table, listen, out);
    let protocol = match table.text("type")?.value {
        "remote_write" => Protocol::RemoteWrite,
        "otlp" => Protocol::Otlp,
        _ => return None,
    };
    Some(PushSpec {
        protocol,
        http: HttpSpec {
            max_body: LONGEST_ANSWER,
            ..http?
        },
        interval,
        labels,
    })
}

fn interval(table: Table<'_>, out: &mut Vec<Finding>) -> Duration {
    let interval = duration(table, "interval").unwrap_or(Duration::from_secs(60));
    if !INTERVALS.contains(&interval)
        && let Some(at) = table.get("interval")
    {
        let message = format!(
            "`interval` is {}, expected 1s to 5m",
            show_duration(interval)
        );
        let finding = at.finding(Code::CfgValue, message);
        out.push(finding.help("write for example \"1m\"; Prometheus looks back 5m for a sample"));
    }
    interval
}

fn labels(
    table: Table<'_>,
    listen: SocketAddr,
    out: &mut Vec<Finding>,
) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::from([
        ("job".to_owned(), "okrd".to_owned()),
        ("instance".to_owned(), listen.to_string()),
    ]);
    let Some(told) = table.table("labels") else {
        return labels;
    };
    for (name, value) in told.entries() {
        if !is_label_name(name.value) {
            let message = format!("{} is no name of a label", quoted(name.value));
            let finding = name.finding(Code::CfgValue, message);
            out.push(
                finding
                    .help("write letters, digits and `_`, beginning with a letter, such as `env`"),
            );
        } else if let Some(value) = value.value.as_str() {
            labels.insert(name.value.to_owned(), value.to_owned());
        }
    }
    labels
}
