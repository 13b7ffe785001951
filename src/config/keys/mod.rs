//! Every key that a file may hold: its shape, whether it is needed, its meaning. One declaration drives the check
//! of types, the search for misspelt keys and the JSON schema, so that the three cannot drift apart.

pub(crate) mod daemon;
pub(crate) mod lints;
pub(crate) mod measure;
pub(crate) mod notify;
pub(crate) mod okr;
pub(crate) mod source;

use super::finding::Code;

/// A kind of table: which keys it has.
#[derive(Debug)]
pub(crate) struct TableKind {
    /// What one such table is called in messages: "a source of type jira".
    pub(crate) name: &'static str,
    /// What it is for.
    pub(crate) about: &'static str,
    /// Its keys.
    pub(crate) keys: &'static [Key],
    /// Whether literal values in it may be secrets and must not be shown.
    pub(crate) secretive: bool,
    /// Sets of keys of which exactly one must be there, without a key of the others; empty when there are none.
    pub(crate) choices: &'static [&'static [&'static str]],
}

/// One key of a table.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) shape: Shape,
    /// The code of the finding when it is absent; `None` when it may be.
    pub(crate) needed: Option<Code>,
    pub(crate) about: &'static str,
    /// The default as TOML, for people.
    pub(crate) default: &'static str,
    /// Examples as TOML values.
    pub(crate) examples: &'static [&'static str],
    /// Bounds of a number as keywords of JSON Schema, for editors; the check says them with more words.
    pub(crate) bounds: &'static [(&'static str, u32)],
}

/// What a value must look like.
#[derive(Debug)]
pub(crate) enum Shape {
    /// One line for people.
    Line,
    /// The same, and it becomes a metric's label: it may name no person.
    Label,
    /// Text for people, several lines if need be.
    Prose,
    /// Text for machines: a query, a body, a filter.
    Code,
    /// An id, `[a-z0-9][a-z0-9_-]{0,62}`.
    Slug,
    /// The name of a cycle.
    CycleName,
    /// One of these words.
    Words(&'static [&'static str]),
    /// One of the first words; the second ones are known, but not yet possible.
    SomeWords(&'static [&'static str], &'static [&'static str]),
    /// The code of a finding.
    Lint,
    /// A finite number.
    Number,
    /// A number written relative to the baseline, such as "+30%".
    Relative,
    /// true or false.
    Bool,
    /// A local date.
    Date,
    /// A date with its time and its offset from UTC.
    Instant,
    /// "90s", "15m", "6h", "30d".
    Duration,
    /// "512KiB", "8MiB".
    Size,
    /// "cycle_to_date", "30d".
    Window,
    /// A cron pattern or "every 15m".
    Schedule,
    /// A file, relative to the file that names it.
    Path,
    /// A list.
    List(&'static Shape),
    /// A list of exactly two numbers.
    Pair,
    /// A list of exactly a date and a number.
    Dated,
    /// A table with free names.
    Map(Names, &'static Shape),
    /// A table of a kind.
    Table(&'static TableKind),
    /// A list of tables of a kind.
    Tables(&'static TableKind),
    /// A table whose kind is told by its `type`.
    Source,
    /// The same of channels.
    Notify,
    /// A table whose kind is told by the type of its `source`.
    Measure,
    /// `{ env = … }`, `{ file = … }` or `{ credential = … }`.
    Secret,
    /// Plain text, or kept elsewhere as a secret.
    Setting,
    /// As `Setting`, numbers and booleans allowed.
    Parameter,
    /// Any value that JSON can hold.
    Json,
    /// The first of these shapes that fits the value's type.
    Either(&'static [Shape]),
    /// Known, but not yet possible.
    Later,
}

/// The rule for free names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Names {
    /// Ids.
    Slug,
    /// Names of cycles.
    Cycle,
    /// HTTP header names.
    Header,
    /// Anything.
    Any,
}

impl Names {
    /// The rule as a regular expression.
    pub(crate) fn pattern(self) -> &'static str {
        match self {
            Self::Slug => "^[a-z0-9][a-z0-9_-]{0,62}$",
            Self::Cycle => "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$",
            Self::Header => "^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$",
            Self::Any => "^.{1,200}$",
        }
    }
}

impl Shape {
    /// What is expected, readable after "expected".
    pub(crate) fn expected(&self) -> String {
        match self {
            Self::Line | Self::Label | Self::Prose | Self::Code | Self::Path => {
                "a text in quotes".into()
            }
            Self::Slug | Self::CycleName => "a name in quotes".into(),
            Self::Words([only]) | Self::SomeWords([only], _) => format!("\"{only}\""),
            Self::Words(words) | Self::SomeWords(words, _) => {
                format!("one of \"{}\"", words.join("\", \""))
            }
            Self::Lint => "the code of a lint in quotes, such as \"KR-WHY\"".into(),
            Self::Number => "a number".into(),
            Self::Relative => "a change such as \"+30%\", \"-25%\", \"+150\" or \"+5pp\"".into(),
            Self::Bool => "true or false".into(),
            Self::Date => "a date such as 2026-10-01, without quotes and without a time".into(),
            Self::Instant => "an instant such as 2026-11-12T06:00:00Z, without quotes".into(),
            Self::Duration => {
                "a duration in quotes, such as \"90s\", \"15m\", \"6h\" or \"30d\"".into()
            }
            Self::Size => "a size in quotes, such as \"512KiB\" or \"8MiB\"".into(),
            Self::Window => "a window in quotes, such as \"cycle_to_date\" or \"30d\"".into(),
            Self::Schedule => "a schedule in quotes, such as \"0 6 * * *\" or \"every 15m\"".into(),
            Self::List(each) => {
                format!("a list in square brackets, each entry {}", each.expected())
            }
            Self::Pair => "two numbers in square brackets, such as [10, 20]".into(),
            Self::Dated => {
                "a day and a number in square brackets, such as [2026-11-01, 700]".into()
            }
            Self::Map(..) | Self::Source | Self::Notify => "a table".into(),
            Self::Table(kind) => format!("a table: {}", kind.name),
            Self::Tables(kind) => format!("tables in double square brackets, each {}", kind.name),
            Self::Measure => "a table such as { source = \"…\", … }".into(),
            Self::Secret => SECRET.into(),
            Self::Setting => format!("a text in quotes, or {SECRET}"),
            Self::Parameter => format!("a text, a number, true, false, or {SECRET}"),
            Self::Json => "a value that JSON can hold".into(),
            Self::Either(shapes) => {
                let each: Vec<_> = shapes.iter().map(Self::expected).collect();
                each.join(", or ")
            }
            Self::Later => "nothing: this version does not support it".into(),
        }
    }
}

/// What a secret looks like, for messages.
pub(crate) const SECRET: &str =
    "{ env = \"NAME\" }, { file = \"path\" } or { credential = \"name\" }";

/// A key that may be absent; the methods below change one thing each.
pub(crate) const fn key(name: &'static str, shape: Shape, about: &'static str) -> Key {
    Key {
        name,
        shape,
        needed: None,
        about,
        default: "",
        examples: &[],
        bounds: &[],
    }
}

/// A key that this version knows but does not support.
pub(crate) const fn later(name: &'static str) -> Key {
    key(name, Shape::Later, "Not supported by this version.")
}

impl Key {
    pub(crate) const fn needed(mut self) -> Self {
        self.needed = Some(Code::CfgMissing);
        self
    }

    pub(crate) const fn needed_as(mut self, code: Code) -> Self {
        self.needed = Some(code);
        self
    }

    pub(crate) const fn default(mut self, default: &'static str) -> Self {
        self.default = default;
        self
    }

    pub(crate) const fn bounds(mut self, bounds: &'static [(&'static str, u32)]) -> Self {
        self.bounds = bounds;
        self
    }

    pub(crate) const fn examples(mut self, examples: &'static [&'static str]) -> Self {
        self.examples = examples;
        self
    }
}

impl TableKind {
    pub(crate) const fn new(name: &'static str, about: &'static str, keys: &'static [Key]) -> Self {
        Self {
            name,
            about,
            keys,
            secretive: false,
            choices: &[],
        }
    }

    pub(crate) const fn secretive(mut self) -> Self {
        self.secretive = true;
        self
    }

    pub(crate) const fn choices(mut self, choices: &'static [&'static [&'static str]]) -> Self {
        self.choices = choices;
        self
    }

    /// Whether a key that it does not know may be a misspelt or imagined login: sources and their parts.
    pub(crate) fn may_hold_logins(&self) -> bool {
        self.secretive || self.key("type").is_some()
    }

    /// The key of this name.
    pub(crate) fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }
}

/// A file: the daemon's own tables and objectives, in one file or spread over many.
pub(crate) static ROOT: TableKind = TableKind::new(
    "a configuration file",
    "okrd configuration. One file or many: `include` names the others, and every key may stand in any of them.",
    &[
        key(
            "include",
            Shape::List(&Shape::Path),
            "Further files: paths and globs (`*`, `**`), relative to the file that names them.",
        )
        .examples(&["[\"okrs/*.toml\"]"]),
        key(
            "timezone",
            Shape::Line,
            "IANA time zone of cron schedules, cycle days and windows.",
        )
        .default("\"UTC\"")
        .examples(&["\"Europe/Amsterdam\""]),
        key(
            "company",
            Shape::Table(&daemon::COMPANY),
            "Whose goals these are and what stands above them.",
        )
        .examples(&["{ name = \"Acme\" }"]),
        key(
            "method",
            Shape::Table(&daemon::METHOD),
            "How a pace is told and where one verdict ends and the next begins.",
        )
        .examples(&["{ pace = \"gap\", sweet_spot = [0.6, 0.7] }"]),
        key(
            "cycles",
            Shape::Map(Names::Cycle, &Shape::Table(&daemon::CYCLE)),
            "Cycles by name: the stretches of days that objectives are set for.",
        )
        .examples(&["{ \"2026-Q4\" = { starts = 2026-10-01, ends = 2026-12-31 } }"]),
        key(
            "teams",
            Shape::Map(Names::Slug, &Shape::Table(&daemon::TEAM)),
            "Teams by id.",
        )
        .examples(&["{ content = { name = \"Content\" } }"]),
        key(
            "server",
            Shape::Table(&daemon::SERVER),
            "okrd's own HTTP server.",
        )
        .examples(&["{ listen = \"0.0.0.0:10650\" }"]),
        key(
            "reload",
            Shape::Table(&daemon::RELOAD),
            "How a running daemon takes in a changed configuration.",
        )
        .examples(&["{ watch = false }"]),
        key(
            "store",
            Shape::Table(&daemon::STORE),
            "Where measurements are kept.",
        )
        .examples(&["{ path = \"/var/lib/okrd/okrd.db\" }"]),
        key(
            "polling",
            Shape::Table(&daemon::POLLING),
            "Defaults for every key result that has a measure.",
        )
        .examples(&["{ schedule = \"0 * * * *\", timeout = \"30s\" }"]),
        key(
            "sources",
            Shape::Map(Names::Slug, &Shape::Source),
            "Sources by name: the systems that are asked for numbers. They are only ever read.",
        )
        .examples(&["{ shop = { type = \"sqlite\", path = \"shop.db\" } }"]),
        key(
            "push",
            Shape::Map(Names::Slug, &Shape::Table(&daemon::PUSH)),
            "Receivers by name that are sent what `/metrics` shows, for those that cannot scrape it.",
        )
        .examples(&["{ grafana = { type = \"remote_write\", url = \"https://prometheus.acme.example/api/v1/write\" } }"]),
        key(
            "cycle",
            Shape::CycleName,
            "The cycle of the objectives in this file.",
        )
        .examples(&["\"2026-Q4\""]),
        key(
            "team",
            Shape::Slug,
            "The team of the objectives in this file; absent in a file on company level.",
        )
        .examples(&["\"content\""]),
        key(
            "objectives",
            Shape::Map(Names::Slug, &Shape::Table(&okr::OBJECTIVE)),
            "Objectives by id, unique in their cycle.",
        )
        .examples(&["{ more-visitors = { title = \"More people find us\", key_results = { subscribers = { title = \"Pass 1,000 subscribers\", unit = \"subscribers\", baseline = 640, target = 1000 } } } }"]),
        key(
            "dropped",
            Shape::Tables(&okr::DROPPED),
            "Key results and objectives of this file's cycle that were given up after its start.",
        )
        .examples(&["[{ id = \"more-visitors/orders\", date = 2026-11-02, reason = \"The shop was sold\", approved_by = \"head of content\" }]"]),
        key(
            "lints",
            Shape::Table(&lints::LINTS),
            "How bad findings are taken, by their code.",
        )
        .examples(&["{ KR-WHY = \"error\", OBJ-VERB = \"off\" }"]),
        lints::ALLOW,
        key(
            "notify",
            Shape::Map(Names::Slug, &Shape::Notify),
            "Channels by name through which people are told how it stands.",
        )
        .examples(&["{ chat = { type = \"slack\", webhook = { file = \"slack.webhook\" } } }"]),
    ],
);

/// A TOML value as JSON; dates become texts, as editors have it.
pub(crate) fn json(value: &toml::Value) -> serde_json::Value {
    match value {
        toml::Value::String(text) => text.as_str().into(),
        toml::Value::Integer(n) => (*n).into(),
        toml::Value::Float(n) => (*n).into(),
        toml::Value::Boolean(flag) => (*flag).into(),
        toml::Value::Datetime(at) => at.to_string().into(),
        toml::Value::Array(list) => list.iter().map(json).collect(),
        toml::Value::Table(table) => {
            serde_json::Value::Object(table.iter().map(|(k, v)| (k.clone(), json(v))).collect())
        }
    }
}
