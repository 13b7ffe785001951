//! The valid configuration: plain values that every floor above may trust. Made only by `check`; there is no
//! serde here and nothing of the file's own shape.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::notify::NotifySpec;
use super::schedule::Schedule;
use super::secret::{SecretRef, Setting};
use crate::domain::goals::Goals;
use crate::domain::guard::Guard;
use crate::domain::id::{CycleName, KeyResultId, ObjectiveId, Slug};
use crate::domain::quality::Flag;
use crate::domain::window::Window;

/// Everything that was configured.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// SHA-256 over all files, hex: the revision.
    pub revision: String,
    /// The zone's IANA name.
    pub zone_name: String,
    /// The zone of cron patterns, cycle days and windows.
    pub zone: TimeZone,
    /// What was agreed.
    pub goals: Goals,
    /// Our own HTTP server.
    pub server: Server,
    /// How changes of all this are taken in.
    pub reload: Reloading,
    /// Where values are kept.
    pub store: StoreSpec,
    /// Sources by name.
    pub sources: BTreeMap<Slug, SourceSpec>,
    /// How often sources may be asked, as far as the files say so.
    pub limits: BTreeMap<Slug, Limits>,
    /// The longest patience that a source may ask for.
    pub max_retry_after: Duration,
    /// What is polled: one entry for each key result with a source.
    pub polls: Vec<Poll>,
    /// How far back slots that passed without a poll are filled; zero fills none.
    pub catch_up: Duration,
    /// Who is sent what the metrics show, by name.
    pub pushes: BTreeMap<Slug, PushSpec>,
    /// Through which channels people are told, by name.
    pub notify: BTreeMap<Slug, NotifySpec>,
    /// What the files say of changes that no goal shows.
    pub records: Records,
    /// Lint warnings in this configuration.
    pub warnings: usize,
}

/// What the files say of changes beside those that a key result carries itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Records {
    /// The ids of key results that were renamed, before by after.
    pub renamed: BTreeMap<KeyResultId, KeyResultId>,
    /// The ids of objectives that were renamed, before by after.
    pub renamed_objectives: BTreeMap<ObjectiveId, ObjectiveId>,
    /// Changes of the days of cycles.
    pub cycles: BTreeMap<CycleName, Vec<Noted>>,
    /// Changes of objectives themselves.
    pub objectives: BTreeMap<ObjectiveId, Vec<Noted>>,
    /// Changes of key results that leave the score as it was: of a plan, of milestones, of what counts in a band.
    pub key_results: BTreeMap<KeyResultId, Vec<Noted>>,
    /// What was given up.
    pub dropped: Vec<Dropped>,
}

impl Records {
    /// Every rename: the id before, the id of now.
    #[must_use]
    pub fn renames(&self) -> Vec<(KeyResultId, KeyResultId)> {
        let each = |(is, was): (&KeyResultId, &KeyResultId)| (was.clone(), is.clone());
        self.renamed.iter().map(each).collect()
    }
}

/// That a field was changed on purpose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Noted {
    /// The day of the change.
    pub date: Date,
    /// What was changed.
    pub field: String,
    /// What it became, as written.
    pub to: String,
    /// Whose decision it was.
    pub approved_by: String,
}

/// That an objective or a key result was given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// Its cycle.
    pub cycle: CycleName,
    /// The objective.
    pub objective: Slug,
    /// The key result; `None` for the whole objective.
    pub key_result: Option<Slug>,
    /// The day.
    pub date: Date,
    /// Whose decision it was.
    pub approved_by: String,
}

/// Our own HTTP server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Whether `POST /-/reload` is on.
    pub lifecycle: bool,
    /// The token with which values may be recorded over HTTP.
    pub write_token: Option<SecretRef>,
    /// Tokens by their names.
    pub tokens: BTreeMap<Slug, TokenSpec>,
    /// The file with TLS and passwords, absolute.
    pub web_config: Option<PathBuf>,
}

/// A token for programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenSpec {
    /// Where it is kept.
    pub token: SecretRef,
    /// Whether it allows to read.
    pub read: bool,
    /// Whether it allows to record values.
    pub write: bool,
    /// Whether it allows to ask for a reload.
    pub reload: bool,
}

/// How a running daemon takes in a changed configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reloading {
    /// Whether the files are watched.
    pub watch: bool,
    /// Whether more than half of the key results may go at once.
    pub allow_mass_removal: bool,
}

impl Default for Reloading {
    fn default() -> Self {
        Self {
            watch: true,
            allow_mass_removal: false,
        }
    }
}

/// Where values are kept, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreSpec {
    /// The SQLite file, absolute.
    pub path: PathBuf,
    /// What an acknowledged write survives.
    pub synchronous: Synchronous,
    /// Whether the file may lie where locks are not to be trusted.
    pub allow_network_filesystem: bool,
    /// How long what is kept.
    pub keep: Retention,
}

impl StoreSpec {
    /// A store at this path, with what holds when nothing is said.
    #[must_use]
    pub fn at(path: PathBuf) -> Self {
        Self {
            path,
            synchronous: Synchronous::Full,
            allow_network_filesystem: false,
            keep: Retention::default(),
        }
    }
}

/// What an acknowledged write survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Synchronous {
    /// The loss of power: each commit waits until the disk has it.
    Full,
    /// The end of the process; a loss of power may take the last commits.
    Normal,
}

impl Synchronous {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Normal => "normal",
        }
    }
}

/// How long what is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Every single value; then one row for each day, for ever.
    pub values: Duration,
    /// Attempts that failed.
    pub failures: Duration,
    /// Attempts that gave a number which did not count.
    pub attempts: Duration,
}

impl Default for Retention {
    fn default() -> Self {
        let days = |days: u64| Duration::from_secs(days * 86_400);
        Self {
            values: days(400),
            failures: days(90),
            attempts: days(30),
        }
    }
}

/// How one key result is measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Poll {
    /// Which key result.
    pub key_result: KeyResultId,
    /// Which source is asked.
    pub source: Slug,
    /// What is asked.
    pub measure: Measure,
    /// The stretch asked about.
    pub window: Window,
    /// When.
    pub schedule: Schedule,
    /// The largest delay after the slot; each key result has its own, stable one below it.
    pub jitter: Duration,
    /// How long one attempt may take.
    pub timeout: Duration,
    /// What of its answers is believed.
    pub guard: Guard,
    /// What must be seen beside it.
    pub canary: Option<Canary>,
}

/// A second question to the same source, whose answer shows whether okrd still sees everything.
#[derive(Clone, Debug, PartialEq)]
pub struct Canary {
    /// What is asked.
    pub measure: Measure,
    /// The least that must be there.
    pub at_least: f64,
}

/// How often a source may be asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// How many questions at a time; `None`: as its kind takes.
    pub max_in_flight: Option<usize>,
    /// How many questions may begin within a minute, evenly spread; `None`: as many as there are.
    pub per_minute: Option<u32>,
}

impl Limits {
    /// The time from the beginning of a question to that of the next.
    #[must_use]
    pub fn gap(self) -> Duration {
        self.per_minute
            .map_or(Duration::ZERO, |n| Duration::from_secs(60) / n.max(1))
    }
}

/// A source.
#[derive(Clone, Debug, PartialEq)]
pub enum SourceSpec {
    /// A SQLite file, absolute path.
    Sqlite {
        /// The file.
        path: PathBuf,
    },
    /// A PostgreSQL server.
    Postgres {
        /// `postgres://user:password@host/database`
        url: Setting,
    },
    /// A MySQL or MariaDB server.
    Mysql {
        /// `mysql://user:password@host/database`
        url: Setting,
    },
    /// A Jira site.
    Jira {
        /// How to reach it.
        http: HttpSpec,
        /// Which of the two APIs it speaks.
        deployment: Deployment,
    },
    /// Any HTTP endpoint that answers JSON.
    Http(HttpSpec),
    /// A service whose API okrd knows.
    Preset {
        /// How to reach it.
        http: HttpSpec,
        /// Which, and what of it is asked about.
        preset: Preset,
    },
}

/// A service whose API okrd knows, with what of it is asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Preset {
    /// Plausible Analytics, API v2.
    Plausible {
        /// The site's domain.
        site: String,
    },
    /// Umami, its cloud or a server of one's own.
    Umami {
        /// The website's id, a UUID.
        site: String,
    },
    /// Matomo.
    Matomo {
        /// The site's number.
        site: String,
    },
    /// A Prometheus or what speaks like one.
    Prometheus,
    /// GitHub: the search over issues and pull requests.
    Github,
    /// GitLab: counts of a project's issues.
    Gitlab {
        /// The project, by number or path.
        project: String,
    },
    /// PostHog: its query API.
    Posthog {
        /// The project's number.
        project: String,
    },
}

impl Preset {
    /// The word of its `type`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Plausible { .. } => "plausible",
            Self::Umami { .. } => "umami",
            Self::Matomo { .. } => "matomo",
            Self::Prometheus => "prometheus",
            Self::Github => "github",
            Self::Gitlab { .. } => "gitlab",
            Self::Posthog { .. } => "posthog",
        }
    }

    /// The key that says what of the service is asked about, and its value: part of every definition measured there.
    #[must_use]
    pub fn subject(&self) -> Option<(&'static str, &str)> {
        match self {
            Self::Plausible { site } | Self::Umami { site } | Self::Matomo { site } => {
                Some(("site", site))
            }
            Self::Gitlab { project } | Self::Posthog { project } => Some(("project", project)),
            Self::Prometheus | Self::Github => None,
        }
    }
}

impl SourceSpec {
    /// The word of its `type`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Sqlite { .. } => "sqlite",
            Self::Postgres { .. } => "postgres",
            Self::Mysql { .. } => "mysql",
            Self::Jira { .. } => "jira",
            Self::Http(_) => "http",
            Self::Preset { preset, .. } => preset.kind(),
        }
    }

    /// What of a service with a preset is asked about; see [`Preset::subject`].
    #[must_use]
    pub fn subject(&self) -> Option<(&'static str, &str)> {
        match self {
            Self::Preset { preset, .. } => preset.subject(),
            _ => None,
        }
    }
}

/// How to reach an HTTP source.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpSpec {
    /// The base URL, `http` or `https`, without user, query and fragment; a trailing slash is removed.
    pub url: Setting,
    /// How to log in.
    pub auth: Option<Auth>,
    /// Headers sent with each request.
    pub headers: BTreeMap<String, Setting>,
    /// A private certificate authority (PEM), absolute path.
    pub ca_file: Option<PathBuf>,
    /// The largest answer in bytes, counted after decompression.
    pub max_body: usize,
}

impl HttpSpec {
    /// The largest answer when nothing else is said: 8 MiB.
    pub const DEFAULT_MAX_BODY: usize = 8 * 1024 * 1024;
}

/// Who is sent what the metrics show, and how.
#[derive(Clone, Debug, PartialEq)]
pub struct PushSpec {
    /// In which words.
    pub protocol: Protocol,
    /// How to reach it; the URL is the whole address.
    pub http: HttpSpec,
    /// From one push to the next.
    pub interval: Duration,
    /// Labels of every series, `job` and `instance` among them.
    pub labels: BTreeMap<String, String>,
}

/// Whether somebody may name a label so (prometheus.io/docs/concepts/data_model): what begins with `__` is Prometheus' own.
#[must_use]
pub fn is_label_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let begins = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    begins && name.chars().all(plain) && !name.starts_with("__")
}

/// How metrics are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Prometheus remote write 1.0.
    RemoteWrite,
    /// OTLP over HTTP, in protobuf.
    Otlp,
}

impl Protocol {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RemoteWrite => "remote_write",
            Self::Otlp => "otlp",
        }
    }
}

/// How to log in over HTTP.
#[derive(Clone, Debug, PartialEq)]
pub enum Auth {
    /// `Authorization: Basic`, user and token.
    Basic {
        /// The user, often a mail address.
        user: String,
        /// The token or password.
        token: SecretRef,
    },
    /// `Authorization: Bearer`.
    Bearer {
        /// The token.
        token: SecretRef,
    },
}

/// Which API a Jira site speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Deployment {
    /// Ask `serverInfo`.
    #[default]
    Auto,
    /// Jira Cloud, REST v3.
    Cloud,
    /// Jira Data Center or Server, REST v2.
    DataCenter,
}

/// What is asked of a source.
#[derive(Clone, Debug, PartialEq)]
pub enum Measure {
    /// One statement that gives one number.
    Sql {
        /// The statement, with `:names` of `Moments::NAMES`.
        query: String,
        /// What passes for a number.
        takes: Takes,
    },
    /// A number over the issues of a JQL.
    Jira {
        /// The JQL, with `{names}` of `Moments::NAMES`.
        jql: String,
        /// What is made of the issues.
        value: JiraValue,
    },
    /// A number in a JSON answer.
    Http(HttpMeasure),
    /// A metric of a site in web analytics.
    Site {
        /// Which.
        metric: SiteMetric,
        /// Only visits with this goal.
        goal: Option<String>,
    },
    /// A question in a language of its source.
    Expression {
        /// Which language.
        language: Language,
        /// The question, with `{names}` of `Moments::NAMES`.
        text: String,
    },
}

/// A language in which a source with a preset is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// Prometheus' own, evaluated at the end of the window.
    Promql,
    /// PostHog's SQL.
    Hogql,
    /// GitHub's search over issues and pull requests.
    Search,
    /// GitLab's filters of issues.
    Issues,
}

impl Language {
    /// The key under which it stands in a measure.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Promql => "promql",
            Self::Hogql => "hogql",
            Self::Search => "search",
            Self::Issues => "issues",
        }
    }
}

impl Measure {
    /// A statement whose answer must be a number without ifs and buts.
    #[must_use]
    pub fn sql(query: impl Into<String>) -> Self {
        Self::Sql {
            query: query.into(),
            takes: Takes::default(),
        }
    }
}

/// What passes for a number beside a number, for a statement of which its writer knows better.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Takes {
    /// No row is 0.
    pub no_row: bool,
    /// NULL is 0.
    pub null: bool,
    /// A number is taken whatever the server warns of.
    pub warnings: bool,
}

/// What is made of the issues of a JQL.
#[derive(Clone, Debug, PartialEq)]
pub enum JiraValue {
    /// How many there are.
    Count,
    /// The sum of a number field, by name or id.
    Sum(String),
    /// The mean of a number field over the issues that have it, by name or id.
    Avg(String),
    /// This count divided by the count of another JQL.
    RatioOf(String),
}

/// A number in a JSON answer.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpMeasure {
    /// Appended to the source's URL; may hold `{names}`.
    pub path: String,
    /// Query parameters; values may hold `{names}`.
    pub query: BTreeMap<String, Setting>,
    /// GET or POST.
    pub method: Method,
    /// What is sent.
    pub body: Body,
    /// Where the number stands.
    pub value: Extract,
    /// A jq filter; when it yields true the answer is an error.
    pub fail_if: Option<String>,
    /// A jq filter; unless it yields true the answer is an error.
    pub require: Option<String>,
    /// What kind of text the answer is.
    pub format: Format,
    /// What an empty answer means.
    pub empty: Empty,
    /// Where it stands of which instant the data are.
    pub as_of: Option<Extract>,
    /// jq filters; one that yields true raises its flag.
    pub quality: Vec<(Flag, String)>,
}

/// What kind of text an answer is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// One JSON document.
    #[default]
    Json,
    /// Rows with a header, as a list of objects with texts.
    Csv {
        /// What stands between two columns.
        separator: char,
    },
    /// Plain text, as one JSON text.
    Text,
}

/// How an HTTP source is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Method {
    /// GET.
    #[default]
    Get,
    /// POST; a question all the same, asked again without harm.
    Post,
}

/// What is sent with a request.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Body {
    /// Nothing.
    #[default]
    None,
    /// This text; may hold `{names}`.
    Text(String),
    /// This JSON document, as text; its strings may hold `{names}`.
    Json(String),
    /// A form; values may hold `{names}`.
    Form(BTreeMap<String, Setting>),
}

/// Where the number stands in an answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Extract {
    /// A JSON Pointer (RFC 6901), empty or starting with `/`.
    Pointer(String),
    /// A jq filter that yields exactly one finite number.
    Jq(String),
}

/// What an empty answer (no body, `[]`, `{}`, no jq output) means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Empty {
    /// A fault.
    #[default]
    Error,
    /// The number 0.
    Zero,
    /// No number this time, and no fault of the source: recorded as a failed attempt of class `bad_value`.
    Skip,
}

/// What a web analytics source counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SiteMetric {
    /// Unique visitors.
    Visitors,
    /// Visits.
    Visits,
    /// Page views.
    Pageviews,
    /// Conversions of the goal (events).
    Conversions,
    /// Share of visitors that converted, 0 to 100.
    ConversionRate,
    /// Share of visits with one page, 0 to 100.
    BounceRate,
}

impl SiteMetric {
    /// Every metric with its word.
    pub const ALL: [(&'static str, Self); 6] = [
        ("visitors", Self::Visitors),
        ("visits", Self::Visits),
        ("pageviews", Self::Pageviews),
        ("conversions", Self::Conversions),
        ("conversion_rate", Self::ConversionRate),
        ("bounce_rate", Self::BounceRate),
    ];

    /// Whether it means nothing without a goal.
    #[must_use]
    pub fn needs_goal(self) -> bool {
        matches!(self, Self::Conversions | Self::ConversionRate)
    }
}
