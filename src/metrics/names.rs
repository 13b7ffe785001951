//! Every metric of okrd in one table: name, type, unit, labels and help. Nothing else in the house spells a metric
//! name. Knows no values.

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A number that goes up and down.
    Gauge,
    /// Always 1; its labels tell. Text 0.0.4 has no such type and calls it a gauge.
    Info,
    /// A number that only grows; the name ends in `_total`.
    Counter,
    /// Counts in buckets.
    Histogram,
}

/// The unit, which is also the end of the name (before `_total`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A plain number, a truth value, or the key result's own unit.
    None,
    /// Seconds; for timestamps since 1970 UTC.
    Seconds,
    /// Bytes.
    Bytes,
    /// A share, 1 is the whole.
    Ratio,
}

impl Unit {
    /// The word at the end of the name; empty for none.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Seconds => "seconds",
            Self::Bytes => "bytes",
            Self::Ratio => "ratio",
        }
    }
}

/// One row of the table.
#[derive(Debug, PartialEq, Eq)]
pub struct Metric {
    /// The full name as text 0.0.4 shows it.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// Its unit.
    pub unit: Unit,
    /// Its label names, in the order in which they are written.
    pub labels: &'static [&'static str],
    /// What it means.
    pub help: &'static str,
}

/// The labels that name a key result.
const K: &[&str] = &["cycle", "objective", "key_result"];
/// The labels that name an objective.
const O: &[&str] = &["cycle", "objective"];
const SOURCE: &[&str] = &["source"];
const PUSH: &[&str] = &["push"];
const NOTIFY: &[&str] = &["notify"];

macro_rules! table {
    ($($id:ident = $kind:ident $name:literal, $unit:ident, $labels:expr, $help:literal;)*) => {
        $(
            #[doc = concat!("`", $name, "`: ", $help, ".")]
            pub static $id: Metric = Metric {
                name: $name,
                kind: Kind::$kind,
                unit: Unit::$unit,
                labels: $labels,
                help: $help,
            };
        )*
        /// The whole table, in the order of exposition.
        pub static ALL: &[&Metric] = &[$(&$id),*];
    };
}

table! {
    COMPANY_INFO = Info "okrd_company_info", None, &["name", "vision"], "Whose goals these are and what the company wants to be, always 1";
    CYCLE_START = Gauge "okrd_cycle_start_timestamp_seconds", Seconds, &["cycle"], "Instant at which the cycle begins";
    CYCLE_END = Gauge "okrd_cycle_end_timestamp_seconds", Seconds, &["cycle"], "Instant at which the cycle ends, midnight after its last day";
    CYCLE_CLOSED = Gauge "okrd_cycle_closed_timestamp_seconds", Seconds, &["cycle"], "Instant at which okrd close kept how the cycle ended, absent before";
    KEY_RESULTS = Gauge "okrd_key_results", None, &["cycle", "status"], "Number of key results per status, all statuses present";

    OBJECTIVE_INFO = Info "okrd_objective_info", None, &["cycle", "objective", "team", "parent", "title"], "What the objective is, always 1";
    OBJECTIVE_SCORE = Gauge "okrd_objective_score_ratio", Ratio, O, "Weighted mean of the known key results, 0 to 1";
    OBJECTIVE_EXPECTED_SCORE = Gauge "okrd_objective_expected_score_ratio", Ratio, O, "Score that the plan expects by now";
    OBJECTIVE_COVERAGE = Gauge "okrd_objective_coverage_ratio", Ratio, O, "Share of the weights with fresh data, 0 to 1";
    OBJECTIVE_STATUS = Gauge "okrd_objective_status", None, &["cycle", "objective", "status"], "1 for the current status, that of the key result in most trouble; other statuses are absent";

    KEY_RESULT_INFO = Info "okrd_key_result_info", None, &["cycle", "objective", "key_result", "team", "unit", "direction", "source", "title"], "What the key result is, always 1, exactly one per key result";
    KEY_RESULT_VALUE = Gauge "okrd_key_result_value", None, K, "Last good value in the unit that okrd_key_result_info names, absent when stale; units are mixed, do not sum";
    KEY_RESULT_BASELINE = Gauge "okrd_key_result_baseline_value", None, K, "Baseline in the unit of the key result; do not sum";
    KEY_RESULT_TARGET = Gauge "okrd_key_result_target_value", None, K, "Target in the unit of the key result; do not sum";
    KEY_RESULT_BAND = Gauge "okrd_key_result_band_value", None, &["cycle", "objective", "key_result", "bound"], "Ends of the band that is to be held (at_least, at_most), in the unit of the key result; absent where nothing is to be held; do not sum";
    KEY_RESULT_EXPECTED = Gauge "okrd_key_result_expected_value", None, K, "Value that the plan expects by now, in the unit of the key result; do not sum";
    KEY_RESULT_FORECAST = Gauge "okrd_key_result_forecast_value", None, K, "Value at the end of the cycle when it goes on like this, in the unit of the key result, absent if none can be told or when stale; do not sum";
    KEY_RESULT_FORECAST_ERROR = Gauge "okrd_key_result_forecast_error_value", None, K, "Distance between the forecast that stood at half-time and the final value, in the unit of the key result; only once its cycle is closed, absent if none stood; do not sum";
    KEY_RESULT_PROGRESS = Gauge "okrd_key_result_progress_ratio", Ratio, K, "Share of the way from baseline to target, not clamped; absent when stale";
    KEY_RESULT_EXPECTED_PROGRESS = Gauge "okrd_key_result_expected_progress_ratio", Ratio, K, "Share of the way that the plan expects by now";
    KEY_RESULT_FORECAST_PROGRESS = Gauge "okrd_key_result_forecast_progress_ratio", Ratio, K, "Share of the way that the forecast makes, not clamped; absent if none can be told or when stale";
    KEY_RESULT_SCORE = Gauge "okrd_key_result_score_ratio", Ratio, K, "Progress graded from 0 to 1; absent when stale";
    KEY_RESULT_CONFIDENCE = Gauge "okrd_key_result_confidence_ratio", Ratio, K, "Last confidence told by people, 0 to 1, absent if none";
    KEY_RESULT_WEIGHT = Gauge "okrd_key_result_weight", None, K, "Weight in the objective, 0 for a guardrail";
    KEY_RESULT_STATUS = Gauge "okrd_key_result_status", None, &["cycle", "objective", "key_result", "status"], "1 for the current status, other statuses are absent";
    KEY_RESULT_STATUS_SINCE = Gauge "okrd_key_result_status_since_timestamp_seconds", Seconds, K, "Instant since when the key result has its status";
    KEY_RESULT_LAST_MEASUREMENT = Gauge "okrd_key_result_last_measurement_timestamp_seconds", Seconds, K, "Instant that the newest good value describes; stays when the value is stale";
    KEY_RESULT_LAST_MEASUREMENT_SUCCESSFUL = Gauge "okrd_key_result_last_measurement_successful", None, K, "1 when the newest attempt gave a number, 0 when it failed, absent before the first";
    KEY_RESULT_MAX_AGE = Gauge "okrd_key_result_max_age_seconds", Seconds, K, "Age from which the newest value is stale";
    KEY_RESULT_QUALITY = Gauge "okrd_key_result_quality", None, &["cycle", "objective", "key_result", "flag"], "1 for each flag held against the newest value (approximate, sampled, thresholded, other, late), other flags are absent; absent when stale";

    SOURCE_INFO = Info "okrd_source_info", None, &["source", "kind"], "What the source is, always 1";
    SOURCE_UP = Gauge "okrd_source_up", None, SOURCE, "1 when the newest poll worked, 0 when it failed, absent before the first";
    SOURCE_SUSPENDED = Gauge "okrd_source_suspended", None, SOURCE, "1 when the login was refused and polling is held back until its secret changes or someone runs okrd resume";
    SOURCE_BREAKER_OPEN = Gauge "okrd_source_breaker_open", None, SOURCE, "1 when the source failed several times in a row and is asked nothing but one question at a time that tells whether it is back";
    SOURCE_POLL_INTERVAL = Gauge "okrd_source_poll_interval_seconds", Seconds, SOURCE, "Shortest configured interval between polls";
    SOURCE_LAST_POLL = Gauge "okrd_source_last_poll_timestamp_seconds", Seconds, SOURCE, "Instant of the newest poll";
    SOURCE_LAST_SUCCESS = Gauge "okrd_source_last_success_timestamp_seconds", Seconds, SOURCE, "Instant of the newest poll that worked";
    SOURCE_NEXT_POLL = Gauge "okrd_source_next_poll_timestamp_seconds", Seconds, SOURCE, "Instant of the next poll, back-off included";

    CONFIG_LAST_RELOAD_SUCCESSFUL = Gauge "okrd_config_last_reload_successful", None, &[], "1 when the newest load of the configuration was accepted";
    CONFIG_LAST_RELOAD_SUCCESS = Gauge "okrd_config_last_reload_success_timestamp_seconds", Seconds, &[], "Instant of the newest accepted load";
    CONFIG_WARNINGS = Gauge "okrd_config_warnings", None, &[], "Warnings in the configuration in force";
    STORE_UP = Gauge "okrd_store_up", None, &[], "1 when the newest write worked";
    STORE_SIZE = Gauge "okrd_store_size_bytes", Bytes, &[], "Size of the database and its write-ahead log";
    STORE_LOG_SIZE = Gauge "okrd_store_wal_size_bytes", Bytes, &[], "Size of the write-ahead log alone; grows while a long read holds it";
    STORE_INCIDENT = Gauge "okrd_store_incident", None, &[], "1 from when the store was put aside or restored until `okrd store acknowledge`";
    STORE_CHECKED = Gauge "okrd_store_last_check_timestamp_seconds", Seconds, &[], "Instant of the newest check of the whole store, absent before the first";
    STORE_SOUND = Gauge "okrd_store_last_check_successful", None, &[], "1 when the newest check of the whole store found it sound, absent before the first";
    STORE_LAST_WRITE = Gauge "okrd_store_last_write_timestamp_seconds", Seconds, &[], "Instant of the newest write";

    BUILD_INFO = Info "okrd_build_info", None, &["version", "revision", "rustc"], "How okrd was built, always 1";
    CONFIG_RELOADS = Counter "okrd_config_reloads_total", None, &[], "Attempts to reload the configuration";
    CONFIG_RELOAD_FAILURES = Counter "okrd_config_reload_failures_total", None, &[], "Reloads that were rejected; the old configuration stays";
    SOURCE_POLLS = Counter "okrd_source_polls_total", None, SOURCE, "Polls started";
    SOURCE_POLL_FAILURES = Counter "okrd_source_poll_failures_total", None, &["source", "reason"], "Polls that gave no number, by reason";
    SOURCE_POLL_DURATION = Histogram "okrd_source_poll_duration_seconds", Seconds, SOURCE, "How long polls took, retry included";
    SCHEDULER_LAST_TICK = Gauge "okrd_scheduler_last_tick_timestamp_seconds", Seconds, &[], "Instant at which the scheduler last went round";
    SCHEDULER_POLLS_IN_FLIGHT = Gauge "okrd_scheduler_polls_in_flight", None, &[], "Polls running now";
    SCHEDULER_LAG = Gauge "okrd_scheduler_lag_seconds", Seconds, &[], "How long the poll that waits longest for its turn at a source has waited, 0 when none waits";
    SCHEDULER_POLLS_SKIPPED = Counter "okrd_scheduler_polls_skipped_total", None, SOURCE, "Polls left out because the previous one still ran";
    SCHEDULER_POLLS_HELD = Counter "okrd_scheduler_polls_held_total", None, SOURCE, "Polls left out because the source is left alone: it asked for patience, failed in a row or refused the login; when that is over each key result is asked once";
    SCHEDULER_SLOTS_MISSED = Counter "okrd_scheduler_slots_missed_total", None, SOURCE, "Slots that passed without a poll and cannot be filled afterwards";
    SCHEDULER_CLOCK_JUMPS = Counter "okrd_scheduler_clock_jumps_total", None, &["direction"], "Times that the wall clock jumped by two seconds or more, a sleep of the machine included";
    STORE_WRITES = Counter "okrd_store_writes_total", None, &[], "Transactions committed";
    STORE_WRITE_FAILURES = Counter "okrd_store_write_failures_total", None, &[], "Transactions that the store refused";
    PUSH_UP = Gauge "okrd_push_up", None, PUSH, "1 when the newest push was taken, 0 when it failed, absent before the first";
    PUSHES = Counter "okrd_pushes_total", None, PUSH, "Requests that were sent to push metrics";
    PUSH_FAILURES = Counter "okrd_push_failures_total", None, PUSH, "Requests that were sent to push metrics and not taken";
    PUSH_LAST_SUCCESS = Gauge "okrd_push_last_success_timestamp_seconds", Seconds, PUSH, "Instant of the newest push that was taken, absent before the first";
    NOTIFY_UP = Gauge "okrd_notify_up", None, NOTIFY, "1 when the newest message was taken, 0 when it was not, absent before the first";
    NOTIFY_SENT = Counter "okrd_notify_sent_total", None, NOTIFY, "Messages that their receiver acknowledged";
    NOTIFY_FAILURES = Counter "okrd_notify_failures_total", None, &["notify", "reason"], "Messages that were sent and not taken, by class of the fault; one that waits counts each time";
    NOTIFY_DROPPED = Counter "okrd_notify_dropped_total", None, NOTIFY, "Messages that were given up: refused for good, or after 7 days of waiting";
    NOTIFY_WAITING = Gauge "okrd_notify_waiting", None, NOTIFY, "Messages that wait to be sent, those of quiet hours included";
    NOTIFY_OLDEST_WAITING = Gauge "okrd_notify_oldest_waiting_timestamp_seconds", Seconds, NOTIFY, "Instant at which the oldest message that waits was made, absent when none waits";
    NOTIFY_SUSPENDED = Gauge "okrd_notify_suspended", None, NOTIFY, "1 when the receiver refused us for good and nothing is sent, there or to one of its places, until somebody acts";
    HTTP_REQUESTS = Counter "okrd_http_requests_total", None, &["handler", "code"], "Requests answered, by route pattern and status code";
    LOG_MESSAGES = Counter "okrd_log_messages_total", None, &["level"], "Log messages written";

    PROCESS_CPU = Counter "process_cpu_seconds_total", Seconds, &[], "User and system CPU time spent";
    PROCESS_RESIDENT = Gauge "process_resident_memory_bytes", Bytes, &[], "Resident memory";
    PROCESS_VIRTUAL = Gauge "process_virtual_memory_bytes", Bytes, &[], "Virtual memory";
    PROCESS_OPEN_FDS = Gauge "process_open_fds", None, &[], "Open file descriptors";
    PROCESS_MAX_FDS = Gauge "process_max_fds", None, &[], "Largest number of open file descriptors";
    PROCESS_START = Gauge "process_start_time_seconds", Seconds, &[], "Instant at which the process began";
}

/// The row of a name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Metric> {
    ALL.iter().copied().find(|metric| metric.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names agreed for okrd with type and labels (K: cycle, objective, key_result).
    const AGREED: &[(&str, char, &str)] = &[
        ("okrd_build_info", 'i', "version,revision,rustc"),
        ("okrd_config_last_reload_successful", 'g', ""),
        ("okrd_config_last_reload_success_timestamp_seconds", 'g', ""),
        ("okrd_config_reloads_total", 'c', ""),
        ("okrd_config_reload_failures_total", 'c', ""),
        ("okrd_config_warnings", 'g', ""),
        ("okrd_company_info", 'i', "name,vision"),
        ("okrd_cycle_start_timestamp_seconds", 'g', "cycle"),
        ("okrd_cycle_end_timestamp_seconds", 'g', "cycle"),
        ("okrd_cycle_closed_timestamp_seconds", 'g', "cycle"),
        ("okrd_key_results", 'g', "cycle,status"),
        (
            "okrd_objective_info",
            'i',
            "cycle,objective,team,parent,title",
        ),
        ("okrd_objective_score_ratio", 'g', "cycle,objective"),
        (
            "okrd_objective_expected_score_ratio",
            'g',
            "cycle,objective",
        ),
        ("okrd_objective_status", 'g', "cycle,objective,status"),
        ("okrd_objective_coverage_ratio", 'g', "cycle,objective"),
        (
            "okrd_key_result_info",
            'i',
            "K,team,unit,direction,source,title",
        ),
        ("okrd_key_result_value", 'g', "K"),
        ("okrd_key_result_baseline_value", 'g', "K"),
        ("okrd_key_result_target_value", 'g', "K"),
        ("okrd_key_result_band_value", 'g', "K,bound"),
        ("okrd_key_result_expected_value", 'g', "K"),
        ("okrd_key_result_forecast_value", 'g', "K"),
        ("okrd_key_result_forecast_error_value", 'g', "K"),
        ("okrd_key_result_progress_ratio", 'g', "K"),
        ("okrd_key_result_expected_progress_ratio", 'g', "K"),
        ("okrd_key_result_forecast_progress_ratio", 'g', "K"),
        ("okrd_key_result_score_ratio", 'g', "K"),
        ("okrd_key_result_confidence_ratio", 'g', "K"),
        ("okrd_key_result_weight", 'g', "K"),
        ("okrd_key_result_status", 'g', "K,status"),
        ("okrd_key_result_status_since_timestamp_seconds", 'g', "K"),
        (
            "okrd_key_result_last_measurement_timestamp_seconds",
            'g',
            "K",
        ),
        ("okrd_key_result_last_measurement_successful", 'g', "K"),
        ("okrd_key_result_max_age_seconds", 'g', "K"),
        ("okrd_key_result_quality", 'g', "K,flag"),
        ("okrd_source_info", 'i', "source,kind"),
        ("okrd_source_up", 'g', "source"),
        ("okrd_source_suspended", 'g', "source"),
        ("okrd_source_breaker_open", 'g', "source"),
        ("okrd_source_polls_total", 'c', "source"),
        ("okrd_source_poll_failures_total", 'c', "source,reason"),
        ("okrd_source_poll_duration_seconds", 'h', "source"),
        ("okrd_source_poll_interval_seconds", 'g', "source"),
        ("okrd_source_last_poll_timestamp_seconds", 'g', "source"),
        ("okrd_source_last_success_timestamp_seconds", 'g', "source"),
        ("okrd_source_next_poll_timestamp_seconds", 'g', "source"),
        ("okrd_scheduler_last_tick_timestamp_seconds", 'g', ""),
        ("okrd_scheduler_polls_in_flight", 'g', ""),
        ("okrd_scheduler_lag_seconds", 'g', ""),
        ("okrd_scheduler_polls_skipped_total", 'c', "source"),
        ("okrd_scheduler_polls_held_total", 'c', "source"),
        ("okrd_scheduler_slots_missed_total", 'c', "source"),
        ("okrd_scheduler_clock_jumps_total", 'c', "direction"),
        ("okrd_store_up", 'g', ""),
        ("okrd_store_size_bytes", 'g', ""),
        ("okrd_store_wal_size_bytes", 'g', ""),
        ("okrd_store_incident", 'g', ""),
        ("okrd_store_last_check_timestamp_seconds", 'g', ""),
        ("okrd_store_last_check_successful", 'g', ""),
        ("okrd_store_last_write_timestamp_seconds", 'g', ""),
        ("okrd_store_writes_total", 'c', ""),
        ("okrd_store_write_failures_total", 'c', ""),
        ("okrd_push_up", 'g', "push"),
        ("okrd_pushes_total", 'c', "push"),
        ("okrd_push_failures_total", 'c', "push"),
        ("okrd_push_last_success_timestamp_seconds", 'g', "push"),
        ("okrd_notify_up", 'g', "notify"),
        ("okrd_notify_sent_total", 'c', "notify"),
        ("okrd_notify_failures_total", 'c', "notify,reason"),
        ("okrd_notify_dropped_total", 'c', "notify"),
        ("okrd_notify_waiting", 'g', "notify"),
        (
            "okrd_notify_oldest_waiting_timestamp_seconds",
            'g',
            "notify",
        ),
        ("okrd_notify_suspended", 'g', "notify"),
        ("okrd_http_requests_total", 'c', "handler,code"),
        ("okrd_log_messages_total", 'c', "level"),
        ("process_cpu_seconds_total", 'c', ""),
        ("process_resident_memory_bytes", 'g', ""),
        ("process_virtual_memory_bytes", 'g', ""),
        ("process_open_fds", 'g', ""),
        ("process_max_fds", 'g', ""),
        ("process_start_time_seconds", 'g', ""),
    ];

    #[test]
    fn the_table_is_what_was_agreed_no_more_and_no_less() {
        for (name, kind, labels) in AGREED {
            let metric = find(name).expect(name);
            let letter = match metric.kind {
                Kind::Gauge => 'g',
                Kind::Info => 'i',
                Kind::Counter => 'c',
                Kind::Histogram => 'h',
            };
            let expected = labels.replace('K', "cycle,objective,key_result");
            assert_eq!(
                (letter, metric.labels.join(",")),
                (*kind, expected),
                "{name}"
            );
        }
        assert_eq!(ALL.len(), AGREED.len());
    }

    #[test]
    fn names_follow_the_conventions() {
        for metric in ALL {
            let stem = metric.name.strip_suffix("_total").unwrap_or(metric.name);
            assert_eq!(
                stem != metric.name,
                metric.kind == Kind::Counter,
                "{}",
                metric.name
            );
            assert_eq!(
                stem.ends_with("_info"),
                metric.kind == Kind::Info,
                "{}",
                metric.name
            );
            assert!(stem.ends_with(metric.unit.as_str()), "{}", metric.name);
            let unit_in_name = ["_seconds", "_bytes", "_ratio"]
                .iter()
                .any(|unit| stem.ends_with(unit));
            assert_eq!(unit_in_name, metric.unit != Unit::None, "{}", metric.name);
            assert!(!metric.help.is_empty() && !metric.help.ends_with('.'));
        }
    }

    /// The table as Markdown, for the reference page.
    fn reference() -> String {
        let mut page = String::from(
            "# Metrics\n\nServed under `/metrics` as text 0.0.4 and OpenMetrics 1.0. A value that is not known is absent, \
         never 0; past its staleness limit a key result keeps its status and timestamps and loses value, progress, \
         score and forecast. Key results of a closed cycle keep their final figures, with the status `closed`. This page is written from the table in `src/metrics/names.rs`; a test keeps the two equal.\n\n\
         | name | type | labels | meaning |\n|---|---|---|---|\n",
        );
        for metric in ALL {
            let kind = match metric.kind {
                Kind::Gauge => "gauge",
                Kind::Info => "info",
                Kind::Counter => "counter",
                Kind::Histogram => "histogram",
            };
            let labels = metric.labels.join(", ");
            page += &format!(
                "| `{}` | {kind} | {labels} | {} |\n",
                metric.name, metric.help
            );
        }
        page
    }

    /// `UPDATE_GOLDEN=1` writes the page anew.
    #[test]
    fn every_metric_is_documented_and_every_documented_metric_exists() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/metrics.md");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(path, reference()).expect(path);
        }
        let page = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            page == reference(),
            "docs/metrics.md differs from the table"
        );
    }
}
