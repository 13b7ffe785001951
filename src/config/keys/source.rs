//! The keys of sources, one table a type. Knows no meaning beyond a description.

use super::lints::ALLOW;
use super::{Key, Names, Shape, TableKind, key};

/// Every type of source with its keys.
pub(crate) static TYPES: [(&str, &TableKind); 12] = [
    ("sqlite", &SQLITE),
    ("postgres", &POSTGRES),
    ("mysql", &MYSQL),
    ("jira", &JIRA),
    ("http", &HTTP),
    ("plausible", &PLAUSIBLE),
    ("umami", &UMAMI),
    ("matomo", &MATOMO),
    ("prometheus", &PROMETHEUS),
    ("github", &GITHUB),
    ("gitlab", &GITLAB),
    ("posthog", &POSTHOG),
];

/// Types that later versions bring.
pub(crate) const LATER: [&str; 4] = ["ga4", "fathom", "simple_analytics", "sheets"];

/// The keys of a source of this type.
pub(crate) fn of_type(word: &str) -> Option<&'static TableKind> {
    TYPES
        .iter()
        .find(|(name, _)| *name == word)
        .map(|(_, kind)| *kind)
}

const WORDS: &[&str] = &[
    "sqlite",
    "postgres",
    "mysql",
    "jira",
    "http",
    "plausible",
    "umami",
    "matomo",
    "prometheus",
    "github",
    "gitlab",
    "posthog",
];

const TYPE: Key = key("type", Shape::Words(WORDS), "What kind of source it is.").needed();

/// How often there is news behind a source, or behind one measure.
pub(crate) const REFRESH: Key = key(
    "refresh",
    Shape::Duration,
    "How often its data is renewed, by an export at night for instance; what is asked more often is a finding.",
)
.examples(&["\"1d\""]);

const MAX_IN_FLIGHT: Key = key(
    "max_in_flight",
    Shape::Number,
    "How many questions it is asked at a time, 1 to 64. Sources of one host share: together they have no more than the one that may most.",
)
.bounds(&[("minimum", 1), ("maximum", 64)]);

const PER_MINUTE: Key = key(
    "per_minute",
    Shape::Number,
    "How many questions may begin a minute, evenly spread, 1 to 60000; absent: as many as are due. Sources of one host share, as with max_in_flight.",
)
.bounds(&[("minimum", 1), ("maximum", 60_000)])
.examples(&["60"]);

/// A service whose address and login are those of every HTTP source: its `type`, what it is, an example of its address,
/// how many questions it takes at a time, and the keys of its own.
macro_rules! service {
    ($type:literal, $what:literal, $url:literal, $permits:literal $(, $key:expr)*) => {
        TableKind::new(
            concat!("a source of type ", $type),
            $what,
            &[
                TYPE,
                URL.examples(&[$url]),
                $($key,)*
                LOGIN,
                HEADERS,
                CA_FILE,
                MAX_BODY,
                MAX_IN_FLIGHT.default($permits),
                PER_MINUTE,
                REFRESH,
                ALLOW,
            ],
        )
    };
}

static SQLITE: TableKind = TableKind::new(
    "a source of type sqlite",
    "A SQLite file, opened read-only.",
    &[
        TYPE,
        key(
            "path",
            Shape::Path,
            "The file, relative to the file that names it.",
        )
        .needed()
        .examples(&["\"shop.db\""]),
        REFRESH,
        ALLOW,
    ],
);

static POSTGRES: TableKind = TableKind::new(
    "a source of type postgres",
    "A PostgreSQL server, asked in read-only transactions. Give okrd an account that may only SELECT.",
    &[
        TYPE,
        key(
            "url",
            Shape::Setting,
            "How to reach it. A URL that holds a password must be kept elsewhere as a secret.",
        )
        .needed()
        .examples(&[
            "{ env = \"CRM_DATABASE_URL\" }",
            "\"postgres://okrd@db.acme.example/crm\"",
        ]),
        PER_MINUTE,
        REFRESH,
        ALLOW,
    ],
);

static MYSQL: TableKind = TableKind::new(
    "a source of type mysql",
    "A MySQL or MariaDB server, asked in read-only transactions. Give okrd an account that may only SELECT.",
    &[
        TYPE,
        key(
            "url",
            Shape::Setting,
            "How to reach it. A URL that holds a password must be kept elsewhere as a secret.",
        )
        .needed()
        .examples(&[
            "{ env = \"SHOP_DATABASE_URL\" }",
            "\"mysql://okrd@db.acme.example/shop\"",
        ]),
        PER_MINUTE,
        REFRESH,
        ALLOW,
    ],
);

pub(crate) static AUTH: TableKind = TableKind::new(
    "a login",
    "How to log in: `user` and `token` together are basic authentication, `token` alone is a bearer token.",
    &[
        key("user", Shape::Line, "The user, often a mail address.").examples(&["\"okrd@acme.example\""]),
        key("token", Shape::Secret, "The token or password, kept elsewhere.")
            .needed()
            .examples(&["{ file = \"jira.token\" }", "{ env = \"JIRA_TOKEN\" }", "{ credential = \"jira\" }"]),
    ],
)
.secretive();

pub(crate) static SECRET: TableKind = TableKind::new(
    "a secret",
    "Where a secret is kept; exactly one of the keys. Read at each use, so that a rotated secret works at once.",
    &[
        key("env", Shape::Line, "An environment variable of the okrd process.").examples(&["\"CRM_DATABASE_URL\""]),
        key("file", Shape::Path, "A file, relative to the file that names it; one trailing newline is dropped.")
            .examples(&["\"jira.token\""]),
        key("credential", Shape::Line, "A systemd credential: a file in $CREDENTIALS_DIRECTORY.")
            .examples(&["\"plausible\""]),
    ],
)
.secretive()
.choices(&[&["env"], &["file"], &["credential"]]);

const URL: Key = key(
    "url",
    Shape::Setting,
    "The base URL, http or https, without user, query and fragment.",
)
.needed();
pub(crate) const LOGIN: Key = key(
    "auth",
    Shape::Table(&AUTH),
    "How to log in; absent: anonymous.",
)
.examples(&["{ user = \"okrd@acme.example\", token = { file = \"jira.token\" } }"]);
pub(crate) const HEADERS: Key = key(
    "headers",
    Shape::Map(Names::Header, &Shape::Setting),
    "Headers sent with each request; those that log in must be kept elsewhere as secrets.",
)
.examples(&["{ \"X-Api-Key\" = { env = \"NEWSLETTER_KEY\" } }"]);
pub(crate) const CA_FILE: Key = key(
    "ca_file",
    Shape::Path,
    "A private certificate authority (PEM), relative to the file that names it.",
)
.examples(&["\"company-ca.pem\""]);
const MAX_BODY: Key = key(
    "max_body",
    Shape::Size,
    "The largest answer, counted after decompression.",
)
.default("\"8MiB\"");

/// A source whose type nobody knows yet: every key that some type has, none of them needed.
pub(crate) static ANY: TableKind = TableKind::new(
    "a source",
    "Any source.",
    &[
        key("type", Shape::Line, "What kind of source it is."),
        key("path", Shape::Path, "The file."),
        key("url", Shape::Setting, "How to reach it."),
        key("deployment", Shape::Line, "Which API it speaks."),
        key("site", Shape::Line, "The site's domain."),
        key("project", Shape::Line, "The project's number."),
        LOGIN,
        HEADERS,
        CA_FILE,
        MAX_BODY,
        MAX_IN_FLIGHT.default("4"),
        PER_MINUTE,
        REFRESH,
        ALLOW,
    ],
);

static JIRA: TableKind = service!(
    "jira",
    "A Jira site, Cloud or Data Center.",
    "\"https://acme.atlassian.net\"",
    "2",
    key(
        "deployment",
        Shape::Words(&["auto", "cloud", "data_center"]),
        "Which of the two APIs it speaks; `auto` asks the site.",
    )
    .default("\"auto\"")
);

static HTTP: TableKind = service!(
    "http",
    "Any HTTP endpoint that answers JSON.",
    "\"https://api.newsletter.example/v1\"",
    "4"
);

static PLAUSIBLE: TableKind = service!(
    "plausible",
    "Plausible Analytics, hosted or self-hosted.",
    "\"https://plausible.io\"",
    "4",
    key(
        "site",
        Shape::Line,
        "The site's domain as Plausible knows it.",
    )
    .needed()
    .examples(&["\"acme.example\""])
);

static UMAMI: TableKind = service!(
    "umami",
    "Umami, its cloud (`auth` with the API key as `token` alone) or a server of one's own (`auth` with `user` and the password as `token`).",
    "\"https://stats.acme.example\"",
    "4",
    key(
        "site",
        Shape::Line,
        "The website's id, a UUID, as the address of its page in Umami shows it.",
    )
    .needed()
    .examples(&["\"8f2d3c1a-0b5e-4a57-9c1d-2e3f4a5b6c7d\""])
);

static MATOMO: TableKind = service!(
    "matomo",
    "Matomo. `auth` holds the API token as `token` alone; it is sent in the body.",
    "\"https://stats.acme.example\"",
    "1",
    key(
        "site",
        Shape::Line,
        "The site's number in Matomo, `idSite`.",
    )
    .needed()
    .examples(&["\"3\""])
);

static PROMETHEUS: TableKind = service!(
    "prometheus",
    "A Prometheus, or what speaks its HTTP API.",
    "\"http://prometheus.acme.example:9090\"",
    "4"
);

static GITHUB: TableKind = service!(
    "github",
    "GitHub: counts of issues and pull requests.",
    "\"https://api.github.com\"",
    "1"
);

static POSTHOG: TableKind = service!(
    "posthog",
    "PostHog, asked in its SQL. `auth` holds a personal API key with query:read.",
    "\"https://eu.posthog.com\"",
    "2",
    key("project", Shape::Line, "The project's number.")
        .needed()
        .examples(&["\"12345\""])
);

static GITLAB: TableKind = service!(
    "gitlab",
    "GitLab: counts of a project's issues. `auth` holds an access token with the scope read_api.",
    "\"https://gitlab.com\"",
    "2",
    key(
        "project",
        Shape::Line,
        "The project, by its number or its path.",
    )
    .needed()
    .examples(&["\"acme/shop\"", "\"4711\""])
);
