//! Where numbers may come from and what each kind of source needs to be asked: a table. Knows no rule; the check judges.

use std::fmt::Write as _;

use super::plan::quoted;

/// The word for a key result that people record.
pub const BY_HAND: &str = "by hand";

/// A kind of source.
#[derive(Debug)]
pub struct Kind {
    /// Its `type`.
    pub word: &'static str,
    /// What the source needs.
    pub source: &'static [Part],
    /// What the measure needs.
    pub measure: &'static [Part],
    /// The trailing days that the measure looks at, where it would otherwise begin anew with each cycle.
    window: Option<&'static str>,
    /// Further lines of the source, commented out.
    further: &'static str,
}

/// A key that is asked for.
#[derive(Debug)]
pub struct Part {
    /// Its name in the file.
    pub key: &'static str,
    /// What is asked.
    pub ask: &'static str,
    /// An answer.
    pub example: &'static str,
    /// Whether the example is taken where nothing is answered.
    pub is_default: bool,
    /// Whether the answer names an environment variable that holds the value.
    in_environment: bool,
}

const fn part(key: &'static str, ask: &'static str, example: &'static str) -> Part {
    Part {
        key,
        ask,
        example,
        is_default: false,
        in_environment: false,
    }
}

const QUERY: Part = part(
    "query",
    "Query with one row and one number",
    "SELECT count(*) FROM subscribers WHERE confirmed",
);
const SERVER: Part = Part {
    in_environment: true,
    ..part(
        "url",
        "Environment variable that holds the database's URL",
        "SHOP_DATABASE_URL",
    )
};

/// All kinds.
pub static KINDS: [Kind; 6] = [
    Kind {
        word: "sqlite",
        source: &[part(
            "path",
            "Database file, seen from okrd.toml",
            "shop.db",
        )],
        measure: &[QUERY],
        window: None,
        further: "",
    },
    Kind {
        word: "postgres",
        source: &[SERVER],
        measure: &[QUERY],
        window: None,
        further: "",
    },
    Kind {
        word: "mysql",
        source: &[SERVER],
        measure: &[QUERY],
        window: None,
        further: "",
    },
    Kind {
        word: "jira",
        source: &[part(
            "url",
            "URL of the Jira site",
            "https://acme.atlassian.net",
        )],
        measure: &[part(
            "jql",
            "JQL of the issues to count",
            "project = CARE AND statusCategory != Done",
        )],
        window: None,
        further: "# auth = { user = \"okrd@acme.example\", token = { file = \"jira.token\" } }\n",
    },
    Kind {
        word: "plausible",
        source: &[
            Part {
                is_default: true,
                ..part("url", "URL of Plausible", "https://plausible.io")
            },
            part("site", "The site's domain", "acme.example"),
        ],
        measure: &[Part {
            is_default: true,
            ..part(
                "metric",
                "Metric of the last 30 days: visitors, visits, pageviews or bounce_rate",
                "visitors",
            )
        }],
        window: Some("30d"),
        further: "# auth = { token = { file = \"plausible.token\" } }\n",
    },
    Kind {
        word: "http",
        source: &[part(
            "url",
            "URL that answers JSON",
            "https://api.newsletter.example/v1/stats",
        )],
        measure: &[part(
            "value",
            "Where the number stands, as a JSON Pointer or a jq filter",
            "/data/total",
        )],
        window: None,
        further: "# auth = { token = { file = \"api.token\" } }\n",
    },
];

impl Kind {
    /// The `kind` of a key result that is measured like this, where the file has to say it.
    pub fn of_key_result(&self) -> Option<&'static str> {
        self.window.map(|_| "window")
    }

    /// Whether its source may log in, which is not asked for.
    pub fn may_log_in(&self) -> bool {
        !self.further.is_empty()
    }
}

/// The table of a source of this kind. There is one of each, called like it.
pub fn source(kind: &Kind, answers: &[String]) -> String {
    let word = kind.word;
    let mut text = format!("[sources.{word}]\ntype = {}\n", quoted(word));
    for (part, answer) in kind.source.iter().zip(answers) {
        let _ = writeln!(text, "{} = {}", part.key, part.value(answer));
    }
    text.push_str(kind.further);
    text
}

/// The answers before anything was asked.
pub fn examples(parts: &[Part]) -> Vec<String> {
    parts.iter().map(|part| part.example.to_owned()).collect()
}

/// The inline table of a measure.
pub fn measure(kind: &Kind, answers: &[String]) -> String {
    let mut text = format!("{{ source = {}", quoted(kind.word));
    for (part, answer) in kind.measure.iter().zip(answers) {
        let _ = write!(text, ", {} = {}", part.key, part.value(answer));
    }
    if let Some(window) = kind.window {
        let _ = write!(text, ", window = {}", quoted(window));
    }
    text.push_str(" }");
    text
}

impl Part {
    fn value(&self, answer: &str) -> String {
        if self.in_environment {
            format!("{{ env = {} }}", quoted(answer))
        } else {
            quoted(answer)
        }
    }
}
