//! The keys of channels through which people are told, one table a type. Knows no meaning beyond a description.

use super::daemon::SCHEDULE;
use super::lints::ALLOW;
use super::source::{CA_FILE, HEADERS, LOGIN};
use super::{Key, Shape, TableKind, key};

/// Every type of channel with its keys.
pub(crate) static TYPES: [(&str, &TableKind); 4] = [
    ("slack", &SLACK),
    ("webhook", &WEBHOOK),
    ("email", &EMAIL),
    ("jira", &JIRA),
];

/// The keys of a channel of this type.
pub(crate) fn of_type(word: &str) -> Option<&'static TableKind> {
    let found = TYPES.iter().find(|(name, _)| *name == word);
    found.map(|(_, kind)| *kind)
}

const TYPE: Key = key(
    "type",
    Shape::Words(&["slack", "webhook", "email", "jira"]),
    "What kind of channel it is.",
)
.needed();

const WHAT: Key = key(
    "what",
    Shape::List(&Shape::Words(&["status", "digest"])),
    "What is told: status, changes of the status of key results as they come to stand; digest, all of it once a week.",
)
.default("[\"status\", \"digest\"]");

const TEAMS: Key = key(
    "teams",
    Shape::List(&Shape::Slug),
    "Of which teams it is told; absent: of all.",
)
.examples(&["[\"content\"]"]);

const COMPANY: Key = key(
    "company",
    Shape::Bool,
    "Whether objectives on company level are told of; absent: unless `teams` names some.",
)
.examples(&["true"]);

const HOLD: Key = key(
    "hold",
    Shape::Duration,
    "How long a status must have stood before its change is told, so that what goes to and fro is not told each time; up to 7d, \"0s\" tells at once.",
)
.default("\"6h\"");

const QUIET: Key = key(
    "quiet",
    Shape::List(&Shape::Line),
    "When nothing is sent, in `timezone`: hours of each day, days of the week (\"mon\" to \"sun\") or \"weekends\"; what is due then is sent after.",
)
.examples(&["[\"20:00-07:00\", \"weekends\"]"]);

const DIGEST: Key = Key {
    name: "digest",
    about: "When the digest is sent: a cron pattern of five fields in `timezone`.",
    ..SCHEDULE
}
.default("\"0 9 * * 1\"")
.examples(&["\"0 9 * * 1\""]);

const PAGE: Key = key(
    "page",
    Shape::Line,
    "Where people find okrd's page, http or https; messages link there.",
)
.examples(&["\"https://okrd.acme.example\""]);

static SLACK: TableKind = TableKind::new(
    "a channel of type slack",
    "Slack: through an incoming webhook into its one channel, or as a bot into the channel of each team.",
    &[
        TYPE,
        key(
            "webhook",
            Shape::Secret,
            "The address of an incoming webhook, kept elsewhere: whoever has it may post.",
        )
        .examples(&["{ file = \"slack.webhook\" }"]),
        key(
            "token",
            Shape::Secret,
            "The token of a bot that may `chat:write`, kept elsewhere. It posts to `slack` of the team, and keeps a thread for each objective.",
        )
        .examples(&["{ env = \"SLACK_BOT_TOKEN\" }"]),
        key(
            "channel",
            Shape::Line,
            "With `token`: where it posts what is of the company, and of teams without `slack`.",
        )
        .examples(&["\"#okrs\"", "\"C012AB3CD\""]),
        key(
            "api",
            Shape::Line,
            "With `token`: the address of Slack's API.",
        )
        .default("\"https://slack.com/api\"")
        .examples(&["\"https://slack-gov.com/api\""]),
        CA_FILE,
        WHAT,
        TEAMS,
        COMPANY,
        HOLD,
        QUIET,
        DIGEST,
        PAGE,
        ALLOW,
    ],
)
.choices(&[&["webhook"], &["token", "channel"]]);

static WEBHOOK: TableKind = TableKind::new(
    "a channel of type webhook",
    "Any program that takes JSON over HTTP.",
    &[
        TYPE,
        key(
            "url",
            Shape::Setting,
            "The whole address, http or https. One that is a secret itself must be kept elsewhere.",
        )
        .needed()
        .examples(&[
            "\"https://hooks.acme.example/okrd\"",
            "{ env = \"OKRD_HOOK\" }",
        ]),
        key(
            "secret",
            Shape::Secret,
            "The key by which each message is signed (HMAC-SHA256), kept elsewhere.",
        )
        .examples(&["{ file = \"hook.key\" }"]),
        LOGIN,
        HEADERS,
        CA_FILE,
        WHAT,
        TEAMS,
        COMPANY,
        HOLD,
        QUIET,
        DIGEST,
        PAGE,
        ALLOW,
    ],
);

static EMAIL: TableKind = TableKind::new(
    "a channel of type email",
    "E-mail, through a server that takes it (SMTP).",
    &[
        TYPE,
        key("server", Shape::Line, "The server's name.")
            .needed()
            .examples(&["\"smtp.acme.example\""]),
        key("port", Shape::Number, "Its port; absent: 587, with `security` \"tls\" 465, with \"none\" 25.")
            .bounds(&[("minimum", 1), ("maximum", 65_535)])
            .examples(&["587"]),
        key(
            "security",
            Shape::Words(&["starttls", "tls", "none"]),
            "starttls: the connection is made safe before anything is told; tls: it is safe from the start; none: it is not, and no login is sent.",
        )
        .default("\"starttls\""),
        LOGIN,
        CA_FILE,
        key("from", Shape::Line, "Whom it comes from.")
            .needed()
            .examples(&["\"okrd@acme.example\"", "\"Acme OKRs <okrd@acme.example>\""]),
        key("to", Shape::List(&Shape::Line), "Whom it goes to.")
            .needed()
            .examples(&["[\"all@acme.example\"]"]),
        WHAT.default("[\"digest\"]"),
        TEAMS,
        COMPANY,
        HOLD,
        QUIET,
        DIGEST,
        PAGE,
        ALLOW,
    ],
);

static JIRA: TableKind = TableKind::new(
    "a channel of type jira",
    "Jira: an initiative's issue hears when a key result that it is meant to move changes its status. Not a source: this account may comment or link, and nothing else is ever written.",
    &[
        TYPE,
        key("url", Shape::Setting, "The site's address.")
            .needed()
            .examples(&["\"https://acme.atlassian.net\""]),
        key(
            "deployment",
            Shape::Words(&["auto", "cloud", "data_center"]),
            "Which of the two APIs it speaks; `auto` asks the site.",
        )
        .default("\"auto\""),
        LOGIN,
        HEADERS,
        CA_FILE,
        key(
            "write",
            Shape::List(&Shape::Words(&["link", "comment"])),
            "link: one link to okrd on the issue, which shows how its key result stands and is kept up to date (needs `page`); comment: a comment on each change.",
        )
        .needed()
        .examples(&["[\"link\"]", "[\"link\", \"comment\"]"]),
        TEAMS,
        COMPANY,
        HOLD,
        QUIET,
        PAGE,
        ALLOW,
    ],
);
