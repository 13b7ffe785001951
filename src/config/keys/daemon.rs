//! The keys of the daemon's own tables. Knows no meaning beyond a description.

use super::lints::ALLOW;
use super::source::{CA_FILE, HEADERS, LOGIN};
use super::{Key, Names, Shape, TableKind, key, later};

pub(crate) static COMPANY: TableKind = TableKind::new(
    "the company",
    "Whose goals these are and what stands above them.",
    &[
        key("name", Shape::Line, "The company's name.").examples(&["\"Acme\""]),
        key("vision", Shape::Prose, "What the company wants to be.")
            .examples(&["\"Looking it up on our website is a reflex for everyone online\""]),
        key(
            "strategy",
            Shape::List(&Shape::Prose),
            "How it wants to get there, one thought an entry.",
        )
        .examples(&["[\"Be the first answer people find\", \"Make it worth coming back\"]"]),
        key(
            "language",
            Shape::Words(&["en", "nl"]),
            "The language of the page, reports and messages: en is English, nl is Dutch.",
        )
        .default("\"en\""),
    ],
);

pub(crate) static METHOD: TableKind = TableKind::new(
    "the method",
    "How a pace is told and where one verdict ends and the next begins, for all objectives.",
    &[
        key(
            "pace",
            Shape::Words(&["ratio", "gap"]),
            "ratio: progress over what the ambition expects by now; gap: points behind the plan, on track down to 10, at risk down to 25.",
        )
        .default("\"ratio\""),
        key("partial_at", Shape::Number, "From which score on a verdict is partial.")
            .bounds(&[("exclusiveMinimum", 0), ("maximum", 1)])
            .default("0.4"),
        key("achieved_at", Shape::Number, "From which score on a verdict is achieved.")
            .bounds(&[("exclusiveMinimum", 0), ("maximum", 1)])
            .default("0.6"),
        key(
            "sweet_spot",
            Shape::Pair,
            "From achieved_at to the score up to which it is achieved; above it is strong.",
        )
        .default("[0.6, 0.7]"),
        key(
            "too_easy_at",
            Shape::Number,
            "From which share of the way on the target was too easy; may be more than 1.",
        )
        .bounds(&[("exclusiveMinimum", 0)])
        .default("1.0"),
    ],
);

pub(crate) static CYCLE: TableKind = TableKind::new(
    "a cycle",
    "A stretch of whole days in `timezone`, such as a quarter.",
    &[
        key("starts", Shape::Date, "First day.")
            .needed()
            .examples(&["2026-10-01"]),
        key("ends", Shape::Date, "Last day, included.")
            .needed()
            .examples(&["2026-12-31"]),
        key(
            "amendments",
            Shape::Tables(&super::okr::CYCLE_AMENDMENT),
            "Changes of its days, made after it began.",
        )
        .examples(&["[{ date = 2026-11-02, field = \"ends\", from = 2026-12-31, to = 2027-01-31, reason = \"The office moved\", approved_by = \"head of content\" }]"]),
        ALLOW,
    ],
);

pub(crate) static TEAM: TableKind = TableKind::new(
    "a team",
    "A team.",
    &[
        key("name", Shape::Label, "Its name for people.")
            .needed()
            .examples(&["\"Content\""]),
        key("slack", Shape::Line, "Its Slack channel.").examples(&["\"#team-content\""]),
        ALLOW,
    ],
);

pub(crate) static SERVER: TableKind = TableKind::new(
    "the server",
    "okrd's own HTTP server.",
    &[
        key("listen", Shape::Line, "Address and port it listens on.")
            .default("\"127.0.0.1:10650\"")
            .examples(&["\"0.0.0.0:10650\"", "\"[::1]:10650\""]),
        key(
            "lifecycle",
            Shape::Bool,
            "Whether `POST /-/reload` is answered.",
        )
        .default("false"),
        key(
            "write_token",
            Shape::Secret,
            "The token with which programs may record values over HTTP; without it none may.",
        )
        .examples(&["{ file = \"write.token\" }"]),
        key(
            "tokens",
            Shape::Map(Names::Slug, &Shape::Table(&TOKEN)),
            "Tokens with which programs may do more than is open to all; with one that may read, nothing but `/-/healthy` and `/-/ready` is open any more.",
        )
        .examples(&["{ grafana = { token = { file = \"grafana.token\" }, scopes = [\"read\"] } }"]),
        key(
            "web_config",
            Shape::Path,
            "A file with TLS and passwords in the format of Prometheus and its exporters (exporter toolkit); read anew when it changes.",
        )
        .examples(&["\"web.yml\""]),
    ],
);

pub(crate) static TOKEN: TableKind = TableKind::new(
    "a token",
    "A token for programs, sent as `Authorization: Bearer`.",
    &[
        key("token", Shape::Secret, "Where the token is kept.")
            .needed()
            .examples(&["{ file = \"grafana.token\" }"]),
        key(
            "scopes",
            Shape::List(&Shape::Words(&["read", "write", "reload"])),
            "What it allows: to read page, metrics and API, to record values, to ask for a reload.",
        )
        .needed()
        .examples(&["[\"read\"]", "[\"read\", \"write\"]"]),
    ],
);

pub(crate) static RELOAD: TableKind = TableKind::new(
    "reloading",
    "How a running daemon takes in a changed configuration.",
    &[
        key(
            "watch",
            Shape::Bool,
            "Whether the files are watched and taken in when they have come to rest; without it a SIGHUP, `okrd reload` or `POST /-/reload` asks for it.",
        )
        .default("true"),
        key(
            "allow_mass_removal",
            Shape::Bool,
            "Whether a change may remove more than half of the key results whose cycle has not ended; without it that is taken for lost files and refused.",
        )
        .default("false"),
    ],
);

pub(crate) static STORE: TableKind = TableKind::new(
    "the store",
    "Where measurements are kept.",
    &[
        key(
            "path",
            Shape::Path,
            "The SQLite file, relative to the file that names it; made if absent.",
        )
        .default("\"okrd.db\"")
        .examples(&["\"/var/lib/okrd/okrd.db\""]),
        key(
            "synchronous",
            Shape::Words(&["full", "normal"]),
            "What an acknowledged value survives: full, a loss of power too, if the disk keeps its word; normal, the end of the process only, and each commit costs less.",
        )
        .default("\"full\""),
        key(
            "allow_network_filesystem",
            Shape::Bool,
            "Whether the file may lie on NFS, SMB, FUSE or another file system whose locks are not to be trusted; a store there may be damaged.",
        )
        .default("false"),
        key(
            "keep_values",
            Shape::Duration,
            "How long every single value is kept, at least 1d; of the days before, one row each is kept for ever.",
        )
        .default("\"400d\""),
        key(
            "keep_failures",
            Shape::Duration,
            "How long attempts that failed are kept, at least 1d.",
        )
        .default("\"90d\""),
        key(
            "keep_attempts",
            Shape::Duration,
            "How long attempts are kept whose number did not count, as that of a slot that had one or of a value that was corrected, at least 1d.",
        )
        .default("\"30d\""),
        later("url"),
        later("type"),
    ],
);

pub(crate) const SCHEDULE: Key = key(
    "schedule",
    Shape::Schedule,
    "When it is polled: a cron pattern of five fields in `timezone`, or \"every 15m\" (from 1s up).",
)
.examples(&["\"0 6 * * *\"", "\"every 15m\""]);

pub(crate) const JITTER: Key = key(
    "jitter",
    Shape::Duration,
    "The largest delay after the slot, so that not all key results poll at once.",
)
.examples(&["\"30s\"", "\"0s\""]);

pub(crate) const TIMEOUT: Key = key(
    "timeout",
    Shape::Duration,
    "How long one attempt may take, from 100ms to 10m.",
)
.examples(&["\"30s\""]);

pub(crate) static POLLING: TableKind = TableKind::new(
    "the polling defaults",
    "Defaults for every key result that has a measure.",
    &[
        SCHEDULE.default("\"0 * * * *\""),
        JITTER.default("\"30s\""),
        TIMEOUT.default("\"30s\""),
        key(
            "catch_up",
            Shape::Duration,
            "How far back slots that passed without a poll (the daemon was down) are filled afterwards where the measure can be asked for the past, up to 366d; \"0s\" fills none.",
        )
        .default("\"30d\"")
        .examples(&["\"7d\"", "\"0s\""]),
        key(
            "max_retry_after",
            Shape::Duration,
            "The longest a source is left alone because it asks for that (Retry-After), from 1m to 7d; of a longer wait the log tells that it was cut.",
        )
        .default("\"1h\"")
        .examples(&["\"6h\""]),
    ],
);

pub(crate) static PUSH: TableKind = TableKind::new(
    "a receiver of metrics",
    "Where what `/metrics` shows is sent to, by okrd itself.",
    &[
        key(
            "type",
            Shape::Words(&["remote_write", "otlp"]),
            "remote_write: Prometheus remote write 1.0 (snappy and protobuf); otlp: OpenTelemetry metrics over HTTP (gzip and protobuf).",
        )
        .needed(),
        key(
            "url",
            Shape::Setting,
            "The whole address, http or https, without user, query and fragment; that of OTLP usually ends in /v1/metrics.",
        )
        .needed()
        .examples(&["\"https://prometheus.acme.example/api/v1/write\"", "\"http://collector:4318/v1/metrics\""]),
        LOGIN,
        HEADERS,
        CA_FILE,
        key(
            "interval",
            Shape::Duration,
            "From one push to the next, 1s to 5m.",
        )
        .default("\"1m\""),
        key(
            "labels",
            Shape::Map(Names::Any, &Shape::Line),
            "Labels of every series, as a scrape adds them: job is \"okrd\" and instance the address that okrd listens on unless they are given here. Over OTLP they are attributes of the resource, job as service.name and instance as service.instance.id.",
        )
        .examples(&["{ instance = \"okrd.acme.example\", env = \"prod\" }"]),
        ALLOW,
    ],
);
