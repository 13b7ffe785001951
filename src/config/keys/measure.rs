//! The keys of measures, one table a type of source. Knows no meaning beyond a description.

use super::source::REFRESH;
use super::{Key, Names, Shape, TableKind, key, later};

/// The keys of a measure by the type of its source.
pub(crate) static TYPES: [(&str, &TableKind); 12] = [
    ("sqlite", &SQL),
    ("postgres", &SQL),
    ("mysql", &SQL),
    ("jira", &JIRA),
    ("http", &HTTP),
    ("plausible", &SITE),
    ("umami", &SITE),
    ("matomo", &SITE),
    ("prometheus", &PROMETHEUS),
    ("github", &GITHUB),
    ("gitlab", &GITLAB),
    ("posthog", &POSTHOG),
];

/// The keys of a measure whose source has this type.
pub(crate) fn of_type(word: &str) -> Option<&'static TableKind> {
    TYPES
        .iter()
        .find(|(name, _)| *name == word)
        .map(|(_, kind)| *kind)
}

const SOURCE: Key = key(
    "source",
    Shape::Slug,
    "The source that is asked: a name under `sources`.",
)
.needed()
.examples(&["\"shop\""]);
const WINDOW: Key = key(
    "window",
    Shape::Window,
    "The stretch asked about: cycle_to_date, month_to_date, quarter_to_date, year_to_date, previous_month or whole days such as 30d.",
)
.default("\"cycle_to_date\"")
.examples(&["\"30d\"", "\"previous_month\""]);

const ALLOW_ZERO: Key = key(
    "allow_zero",
    Shape::Bool,
    "true: a fall to 0 is believed at once. Otherwise it is suspect until a second poll shows it, for 0 is also what an account without permission sees.",
)
.default("false")
.examples(&["true"]);
const MIN: Key = key(
    "min",
    Shape::Number,
    "The lowest value that can be: an answer below it is suspect and no measurement.",
)
.examples(&["0"]);
const MAX: Key = key(
    "max",
    Shape::Number,
    "The highest value that can be: an answer above it is suspect and no measurement.",
)
.examples(&["100"]);
const MAX_DROP: Key = key(
    "max_drop_percent",
    Shape::Number,
    "By how many percent of the last good value it may fall from one poll to the next, above 0 up to 100; a steeper fall is suspect until a second poll shows it.",
)
.bounds(&[("exclusiveMinimum", 0), ("maximum", 100)])
.examples(&["50"]);
const REQUIRE_EXACT: Key = key(
    "require_exact",
    Shape::Bool,
    "true: a number that its source calls estimated, sampled or cut is suspect and no measurement. Otherwise it is kept and marked.",
)
.default("false")
.examples(&["true"]);
const MAX_AGE: Key = key(
    "max_age",
    Shape::Duration,
    "How old the data may be where the source tells their instant, see `as_of`; older ones are suspect. By default as long as `stale_after`.",
)
.examples(&["\"6h\""]);
const AT_LEAST: Key = key(
    "at_least",
    Shape::Number,
    "The least that the canary must count, above 0.",
)
.needed()
.bounds(&[("exclusiveMinimum", 0)])
.examples(&["100"]);
/// The canary of a measure whose keys are in this table.
const fn canary(kind: &'static TableKind, examples: &'static [&'static str]) -> Key {
    key(
        "canary",
        Shape::Table(kind),
        "A second question to the same source, asked with each poll: when it counts less than `at_least`, okrd no longer sees everything and the number is suspect.",
    )
    .examples(examples)
}

static SQL_CANARY: TableKind = TableKind::new(
    "a canary in SQL",
    "What must be seen beside the number.",
    &[
        key(
            "query",
            Shape::Code,
            "The SELECT that counts it; it may bind what the measure may bind.",
        )
        .needed()
        .examples(&["\"SELECT count(*) FROM subscribers\""]),
        AT_LEAST,
    ],
);

static JIRA_CANARY: TableKind = TableKind::new(
    "a canary in JQL",
    "What must be seen beside the number.",
    &[
        key("jql", Shape::Code, "The JQL whose issues are counted.")
            .needed()
            .examples(&["\"project = CARE\""]),
        AT_LEAST,
    ],
);

static HTTP_CANARY: TableKind = TableKind::new(
    "a canary over HTTP",
    "What must be seen beside the number.",
    &[
        key("path", Shape::Line, "Appended to the source's URL.").examples(&["\"/accounts\""]),
        key(
            "query",
            Shape::Map(Names::Any, &Shape::Parameter),
            "Query parameters; those that log in must be kept elsewhere as secrets.",
        )
        .examples(&["{ limit = 1 }"]),
        key(
            "value",
            Shape::Code,
            "Where its number stands: a JSON Pointer when it starts with `/`, otherwise a jq filter.",
        )
        .needed()
        .examples(&["\"/total\""]),
        AT_LEAST,
    ],
);

static SITE_CANARY: TableKind = TableKind::new(
    "a canary of web analytics",
    "What must be seen beside the number, over the same window.",
    &[METRIC, GOAL, AT_LEAST],
);

static QUALITY: TableKind = TableKind::new(
    "what is known against an answer",
    "jq filters over the answer; one that yields true marks the number with its flag.",
    &[
        key("approximate", Shape::Code, "The number is an estimate.")
            .examples(&["\".meta.estimated\""]),
        key(
            "sampled",
            Shape::Code,
            "It was made of a sample of the data.",
        )
        .examples(&["\".metadata.samplingMetadatas != null\""]),
        key("thresholded", Shape::Code, "Rows were held back.")
            .examples(&["\".metadata.subjectToThresholding\""]),
        key("other", Shape::Code, "Rows were lumped together as other.")
            .examples(&["\".metadata.dataLossFromOtherRow\""]),
    ],
);

const METRIC: Key = key(
    "metric",
    Shape::Words(&[
        "visitors",
        "visits",
        "pageviews",
        "conversions",
        "conversion_rate",
        "bounce_rate",
    ]),
    "What is counted.",
)
.needed();

const GOAL: Key = key(
    "goal",
    Shape::Line,
    "Only what reached this goal, by Plausible's name of it, Matomo's number of it or the name of Umami's event; needed for conversions and conversion_rate.",
)
.examples(&["\"Signup\""]);

pub(crate) static FORMULA: TableKind = TableKind::new(
    "a measure by formula",
    "A number that follows from other key results of the same objective.",
    &[key(
        "formula",
        Shape::Code,
        "Numbers, ids of key results of the same objective, + - * / and brackets. It has a value wherever all of them have one.",
    )
    .needed()
    .examples(&["\"100 * signups / visitors\""])],
);

static SQL: TableKind = TableKind::new(
    "a measure in SQL",
    "One statement that gives exactly one row with one numeric column, or with two that are named `value` and `as_of`: the number, and the instant of the data.",
    &[
        SOURCE,
        key(
            "query",
            Shape::Code,
            "The SELECT. It may bind :now :today :cycle_start :cycle_end :window_start :window_end.",
        )
        .needed()
        .examples(&["\"SELECT count(*) FROM subscribers WHERE confirmed\""]),
        WINDOW,
        key(
            "on_empty",
            Shape::Words(&["error", "zero"]),
            "What an answer without a row means: a fault, or the number 0.",
        )
        .default("\"error\""),
        key("null_as_zero", Shape::Bool, "true: NULL is 0. Otherwise it is a fault.")
            .default("false"),
        key(
            "allow_warnings",
            Shape::Bool,
            "true: a number is taken whatever MySQL or MariaDB warns of. Otherwise it is suspect.",
        )
        .default("false"),
        MAX_AGE,
        ALLOW_ZERO,
        MIN,
        MAX,
        MAX_DROP,
        canary(&SQL_CANARY, &["{ query = \"SELECT count(*) FROM subscribers\", at_least = 500 }"]),
        REFRESH,
    ],
);

pub(crate) static JIRA_VALUE: TableKind = TableKind::new(
    "a value over Jira issues",
    "What is made of the issues; exactly one of the keys.",
    &[
        key(
            "sum",
            Shape::Line,
            "The sum of a number field, by name or id.",
        )
        .examples(&["\"Story Points\""]),
        key(
            "avg",
            Shape::Line,
            "The mean of a number field over the issues that have it.",
        )
        .examples(&["\"Story Points\""]),
        key(
            "ratio_of",
            Shape::Code,
            "This count divided by the count of another JQL.",
        )
        .examples(&["\"project = CARE AND created >= {cycle_start}\""]),
        later("median"),
        later("percentile"),
    ],
)
.choices(&[&["sum"], &["avg"], &["ratio_of"]]);

/// Words of a Jira value that later versions bring.
const JIRA_LATER: [&str; 4] = [
    "lead_time_days",
    "cycle_time_days",
    "percent_done",
    "age_days",
];

static JIRA: TableKind = TableKind::new(
    "a measure in JQL",
    "A number over the issues of a JQL.",
    &[
        SOURCE,
        key(
            "jql",
            Shape::Code,
            "The JQL. {now} {today} {cycle_start} {cycle_end} {window_start} {window_end} are replaced.",
        )
        .needed()
        .examples(&["\"project = CARE AND statusCategory != Done\""]),
        key(
            "value",
            Shape::Either(&[Shape::SomeWords(&["count"], &JIRA_LATER), Shape::Table(&JIRA_VALUE)]),
            "What is made of the issues.",
        )
        .default("\"count\"")
        .examples(&["\"count\"", "{ sum = \"Story Points\" }"]),
        WINDOW,
        REQUIRE_EXACT,
        ALLOW_ZERO,
        MIN,
        MAX,
        MAX_DROP,
        canary(&JIRA_CANARY, &["{ jql = \"project = CARE\", at_least = 100 }"]),
        REFRESH,
    ],
);

static HTTP: TableKind = TableKind::new(
    "a measure over HTTP",
    "One request and the place of the number in its JSON answer. Texts may hold {now}, {cycle_start}, {window_start:date} and their kin.",
    &[
        SOURCE,
        key("path", Shape::Line, "Appended to the source's URL.").examples(&["\"/subscribers/stats\""]),
        key(
            "query",
            Shape::Map(Names::Any, &Shape::Parameter),
            "Query parameters; those that log in must be kept elsewhere as secrets.",
        )
        .examples(&["{ since = \"{cycle_start:date}\" }"]),
        key("method", Shape::Words(&["GET", "POST"]), "How it is asked; POST by default when something is sent."),
        key("body", Shape::Code, "The text to send.").examples(&["\"<report from='{window_start:date}'/>\""]),
        key("json", Shape::Json, "The JSON document to send.").examples(&["{ from = \"{window_start:date}\" }"]),
        key("form", Shape::Map(Names::Any, &Shape::Parameter), "The form to send.").examples(&["{ since = \"{cycle_start:date}\" }"]),
        key(
            "value",
            Shape::Code,
            "Where the number stands: a JSON Pointer when it starts with `/`, otherwise a jq filter that yields exactly one finite number. A filter knows the moments of the poll as $now $today $cycle_start $cycle_end $window_start $window_end: RFC 3339 text, `$today` a date.",
        )
        .needed()
        .examples(&["\"/data/total\"", "\".items | length\"", "\"[.items[] | select(.at >= $window_start)] | length\""]),
        key("fail_if", Shape::Code, "A jq filter; when it yields true the answer is an error. It knows the same moments as `value`.")
            .examples(&["\".errors != null\""]),
        key("require", Shape::Code, "A jq filter; unless it yields true the answer is an error. It knows the same moments as `value`.")
            .examples(&["\".complete\""]),
        key(
            "format",
            Shape::Words(&["json", "csv", "text"]),
            "What kind of text the answer is. Filters and pointers read rows of CSV as a list of objects by the names of the first row, every value a text, and plain text as one JSON text.",
        )
        .default("\"json\""),
        key("separator", Shape::Words(&[",", ";", "\t", "|"]), "What stands between two columns of CSV.")
            .default("\",\""),
        key(
            "empty",
            Shape::Words(&["error", "zero", "skip"]),
            "What an empty answer means: a fault, the number 0, or no number this time.",
        )
        .default("\"error\""),
        key(
            "as_of",
            Shape::Code,
            "Where it stands of which instant the data are: a JSON Pointer or a jq filter, as `value`; RFC 3339 text, or seconds or milliseconds since 1970.",
        )
        .examples(&["\"/updated_at\"", "\".meta.refreshed\""]),
        MAX_AGE,
        key(
            "quality",
            Shape::Table(&QUALITY),
            "What in the answer is held against its number.",
        )
        .examples(&["{ sampled = \".metadata.samplingMetadatas != null\" }"]),
        WINDOW,
        REQUIRE_EXACT,
        ALLOW_ZERO,
        MIN,
        MAX,
        MAX_DROP,
        canary(&HTTP_CANARY, &["{ path = \"/accounts\", value = \"/total\", at_least = 100 }"]),
        REFRESH,
    ],
);

static SITE: TableKind = TableKind::new(
    "a measure of web analytics",
    "A metric of the site over the window; percentages are 0 to 100.",
    &[
        SOURCE,
        METRIC,
        GOAL,
        WINDOW,
        ALLOW_ZERO,
        MIN,
        MAX,
        MAX_DROP,
        canary(&SITE_CANARY, &["{ metric = \"visitors\", at_least = 1 }"]),
        REFRESH,
    ],
);

/// A measure in a language of its source, and what may be seen beside it: the key of the question, the source's type, what
/// it gives, and an example of the canary.
macro_rules! expression {
    ($name:ident, $canary:ident, $text:ident, $of:literal, $what:literal, $example:literal) => {
        static $canary: TableKind = TableKind::new(
            concat!("a canary of ", $of),
            "What must be seen beside the number.",
            &[$text, AT_LEAST],
        );
        static $name: TableKind = TableKind::new(
            concat!("a measure of ", $of),
            $what,
            &[
                SOURCE,
                $text,
                WINDOW,
                REQUIRE_EXACT,
                ALLOW_ZERO,
                MIN,
                MAX,
                MAX_DROP,
                canary(&$canary, &[$example]),
                REFRESH,
            ],
        );
    };
}

const PROMETHEUS_TEXT: Key = key(
    "promql",
    Shape::Code,
    "The expression, evaluated at the end of the window; it must give exactly one sample. {now:unix} and their kin are replaced, every other brace is its own.",
)
.needed()
.examples(&["\"sum(orders_total)\""]);

expression!(
    PROMETHEUS,
    PROMETHEUS_CANARY,
    PROMETHEUS_TEXT,
    "prometheus",
    "One sample of an expression.",
    "{ promql = \"sum(up)\", at_least = 2 }"
);

const GITHUB_TEXT: Key = key(
    "search",
    Shape::Code,
    "A search over issues and pull requests, as typed on GitHub; what it finds is counted. {window_start:date} and their kin are replaced.",
)
.needed()
.examples(&["\"repo:acme/shop is:issue closed:{window_start:date}..{window_end:date}\""]);

expression!(
    GITHUB,
    GITHUB_CANARY,
    GITHUB_TEXT,
    "github",
    "How many issues or pull requests a search finds.",
    "{ search = \"repo:acme/shop is:issue\", at_least = 100 }"
);

const POSTHOG_TEXT: Key = key(
    "hogql",
    Shape::Code,
    "The SELECT, which gives one row with one number. {window_start} and their kin are replaced; write them in quotes.",
)
.needed()
.examples(&["\"SELECT count(DISTINCT person_id) FROM events WHERE event = 'signup' AND timestamp >= toDateTime('{window_start}') AND timestamp < toDateTime('{window_end}')\""]);

expression!(
    POSTHOG,
    POSTHOG_CANARY,
    POSTHOG_TEXT,
    "posthog",
    "One statement over PostHog's events.",
    "{ hogql = \"SELECT count() FROM events\", at_least = 1000 }"
);

const GITLAB_TEXT: Key = key(
    "issues",
    Shape::Code,
    "Filters of issues as GitLab's API takes them, with `state` (opened, closed or all) for what is counted. {window_start} and their kin are replaced.",
)
.needed()
.examples(&["\"state=opened&labels=bug\""]);

static GITLAB_CANARY: TableKind = TableKind::new(
    "a canary of gitlab",
    "What must be seen beside the number.",
    &[GITLAB_TEXT, AT_LEAST],
);

static GITLAB: TableKind = TableKind::new(
    "a measure of gitlab",
    "How many issues of the project fit.",
    &[
        SOURCE,
        GITLAB_TEXT,
        WINDOW,
        ALLOW_ZERO,
        MIN,
        MAX,
        MAX_DROP,
        canary(
            &GITLAB_CANARY,
            &["{ issues = \"state=all\", at_least = 100 }"],
        ),
        REFRESH,
    ],
);
