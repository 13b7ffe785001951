//! The keys of measures, one table a type of source. Knows no meaning beyond a description.

use super::source::REFRESH;
use super::{Key, Names, Shape, TableKind, key, later};

/// The keys of a measure by the type of its source.
pub(crate) static TYPES: [(&str, &TableKind); 6] = [
    ("sqlite", &SQL),
    ("postgres", &SQL),
    ("mysql", &SQL),
    ("jira", &JIRA),
    ("http", &HTTP),
    ("plausible", &PLAUSIBLE),
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
    "One statement that gives exactly one row with one numeric column.",
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
        key("body", Shape::Code, "The text to send."),
        key("json", Shape::Json, "The JSON document to send.").examples(&["{ from = \"{window_start:date}\" }"]),
        key("form", Shape::Map(Names::Any, &Shape::Parameter), "The form to send."),
        key(
            "value",
            Shape::Code,
            "Where the number stands: a JSON Pointer when it starts with `/`, otherwise a jq filter that yields exactly one finite number. A filter knows the moments of the poll as $now $today $cycle_start $cycle_end $window_start $window_end: RFC 3339 text, `$today` a date.",
        )
        .needed()
        .examples(&["\"/data/total\"", "\".items | length\"", "\"[.items[] | select(.at >= $window_start)] | length\""]),
        key("fail_if", Shape::Code, "A jq filter; when it yields true the answer is an error. It knows the same moments as `value`.")
            .examples(&["\".errors != null\""]),
        key(
            "empty",
            Shape::Words(&["error", "zero", "skip"]),
            "What an empty answer means: a fault, the number 0, or no number this time.",
        )
        .default("\"error\""),
        WINDOW,
        REFRESH,
    ],
);

static PLAUSIBLE: TableKind = TableKind::new(
    "a measure of web analytics",
    "A metric of the site over the window; percentages are 0 to 100.",
    &[
        SOURCE,
        key(
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
        .needed(),
        key(
            "goal",
            Shape::Line,
            "Only visits with this goal; needed for conversions and conversion_rate.",
        )
        .examples(&["\"Signup\""]),
        WINDOW,
        REFRESH,
    ],
);
