//! Which measures are replayable: their request says of which instant it asks, so that it can be asked again for any
//! past one. Told by the text alone, with the readers that the check uses; reaches no source.
//!
//! What counts is where the answer ends: `now`, `today` or `window_end`. A request that binds its beginning alone
//! (`window_start`, `cycle_start`), or the end of the whole cycle, is answered with what is there today, and so is one
//! whose moments stand in a jq filter only: the filter reads an answer of now. Days (`:today`, `{window_end:date}`, all
//! of web analytics) are whole days: for a past instant they hold what came later that day, too.

use std::fmt;
use std::ops::Range;

use super::check::braces::{FORMS, braces};
use super::secret::Setting;
use super::spec::{
    Body, HttpMeasure, JiraValue, Language, Measure, Poll, Preset, SiteMetric, SourceSpec,
};
use super::sql::lex::{Dialect, Kind, Token, tokens};

/// Why a measure cannot be asked for a past instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Objection {
    /// A text of its request binds no instant at which the answer ends.
    Unbound {
        /// Which text, such as `query`.
        text: &'static str,
        /// What to bind there.
        bind: &'static str,
    },
    /// A text of its request asks the source's own clock.
    OwnClock {
        /// Which text.
        text: &'static str,
        /// The word that reads the clock.
        word: String,
        /// What to write in its place.
        bind: &'static str,
    },
    /// Its source answers in stretches that are whole only when they are over.
    Whole {
        /// What is told so.
        what: &'static str,
    },
}

impl fmt::Display for Objection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unbound { text, bind } => write!(
                f,
                "its {text} does not say of which instant it asks, so every answer is of now: bind {bind}"
            ),
            Self::OwnClock { text, word, bind } => write!(
                f,
                "its {text} holds `{}`, which is always the source's present: write {bind} in its place",
                word.escape_debug()
            ),
            Self::Whole { what } => write!(
                f,
                "{what}, so that an answer of a past day holds what came after it"
            ),
        }
    }
}

impl Poll {
    /// Whether it can be asked again for any past instant, of a source that is configured so.
    #[must_use]
    pub fn is_replayable(&self, source: &SourceSpec) -> bool {
        objection(&self.measure, source).is_none()
    }
}

/// The moments at which an answer may end.
const ENDS: [&str; 3] = ["now", "today", "window_end"];
const BIND_SQL: &str = ":now or :window_end";
const BIND_TEXT: &str = "{now} or {window_end}";

/// Why this measure of this source cannot be asked for a past instant; `None` when it can.
#[must_use]
pub fn objection(measure: &Measure, source: &SourceSpec) -> Option<Objection> {
    match measure {
        Measure::Sql { query, .. } => sql(query, dialect(source)),
        Measure::Jira { jql, value } => {
            let whole = match value {
                JiraValue::RatioOf(whole) => Some(whole),
                JiraValue::Count | JiraValue::Sum(_) | JiraValue::Avg(_) => None,
            };
            std::iter::once(jql)
                .chain(whole)
                .find_map(|jql| of_jql(jql))
        }
        Measure::Http(measure) => {
            let bound = http_texts(measure).any(|text| binds_an_end(text, &FORMS));
            (!bound).then_some(Objection::Unbound {
                text: "request",
                bind: "{now} or {window_end} in `path`, `query` or what is sent",
            })
        }
        // It is always asked for the days of a window.
        Measure::Site { metric, .. } => of_site(*metric, source),
        Measure::Expression { language, text } => of_expression(*language, text),
    }
}

/// Matomo tells unique visitors by whole calendar months only.
fn of_site(metric: SiteMetric, source: &SourceSpec) -> Option<Objection> {
    let whole = matches!(
        source,
        SourceSpec::Preset {
            preset: Preset::Matomo { .. },
            ..
        }
    );
    (whole && metric == SiteMetric::Visitors).then_some(Objection::Whole {
        what: "unique visitors are told by whole months",
    })
}

fn of_expression(language: Language, text: &str) -> Option<Objection> {
    match language {
        // It is always evaluated at the end of the window.
        Language::Promql => None,
        Language::Hogql | Language::Search | Language::Issues => (!binds_an_end(text, &FORMS))
            .then_some(Objection::Unbound {
                text: language.key(),
                bind: BIND_TEXT,
            }),
    }
}

/// Whose quoting rules hold for the statements of a source.
pub(super) fn dialect(source: &SourceSpec) -> Dialect {
    match source {
        SourceSpec::Postgres { .. } => Dialect::Postgres,
        SourceSpec::Mysql { .. } => Dialect::Mysql,
        _ => Dialect::Sqlite,
    }
}

fn sql(query: &str, dialect: Dialect) -> Option<Objection> {
    let tokens = tokens(query, dialect);
    let name = |token: &Token<'_>| token.kind == Kind::Name && ENDS.contains(&token.text);
    if !tokens.iter().any(name) {
        return Some(Objection::Unbound {
            text: "query",
            bind: BIND_SQL,
        });
    }
    let mut pairs = tokens.iter().enumerate();
    let clock = pairs.find(|(at, _)| reads_clock(tokens.get(*at..).unwrap_or_default(), dialect));
    clock.map(|(_, token)| Objection::OwnClock {
        text: "query",
        word: token.text.to_owned(),
        bind: BIND_SQL,
    })
}

/// Words that are the present by themselves.
const PRESENT: [&str; 5] = [
    "current_timestamp",
    "current_date",
    "current_time",
    "localtimestamp",
    "localtime",
];
/// Functions that give the present whatever their arguments.
const CLOCKS: [&str; 11] = [
    "now",
    "sysdate",
    "curdate",
    "curtime",
    "utc_date",
    "utc_time",
    "utc_timestamp",
    "clock_timestamp",
    "statement_timestamp",
    "transaction_timestamp",
    "timeofday",
];
/// Functions that give the present when they have no argument.
const BARE_CLOCKS: [&str; 6] = [
    "date",
    "time",
    "datetime",
    "julianday",
    "unixepoch",
    "unix_timestamp",
];

/// Whether the first of these tokens asks the database's clock.
pub(super) fn reads_clock(tokens: &[Token<'_>], dialect: Dialect) -> bool {
    let [first, rest @ ..] = tokens else {
        return false;
    };
    let calls = rest.first().is_some_and(|token| token.is_punct("("));
    let bare = calls && rest.get(1).is_some_and(|token| token.is_punct(")"));
    let one_of = |words: &[&str]| words.iter().any(|word| first.is(word));
    // SQLite and PostgreSQL read the clock behind this string, too.
    let string = dialect != Dialect::Mysql
        && first.kind == Kind::Str
        && first.text.eq_ignore_ascii_case("'now'");
    string || one_of(&PRESENT) || calls && one_of(&CLOCKS) || bare && one_of(&BARE_CLOCKS)
}

fn binds_an_end(text: &str, forms: &[&str]) -> bool {
    let mut all = braces(text).into_iter();
    all.any(|brace| brace.is_ours(forms) && ENDS.contains(&brace.name))
}

fn of_jql(jql: &str) -> Option<Objection> {
    if !binds_an_end(jql, &[]) {
        return Some(Objection::Unbound {
            text: "JQL",
            bind: BIND_TEXT,
        });
    }
    relative(jql).map(|word| Objection::OwnClock {
        text: "JQL",
        word: word.to_owned(),
        bind: BIND_TEXT,
    })
}

/// Functions of JQL that give an instant near the present.
const JQL_CLOCKS: [&str; 11] = [
    "now",
    "currentlogin",
    "lastlogin",
    "startofday",
    "startofweek",
    "startofmonth",
    "startofyear",
    "endofday",
    "endofweek",
    "endofmonth",
    "endofyear",
];

/// The first word of a JQL that stands for an instant near the present.
fn relative(jql: &str) -> Option<&str> {
    let first = clocks(jql).into_iter().next()?;
    jql.get(first)
}

/// The words of a JQL that stand for an instant near the present: functions, and ages such as `-7d`.
pub(super) fn clocks(jql: &str) -> Vec<Range<usize>> {
    let part_of_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '+');
    let mut found = Vec::new();
    let mut rest = jql;
    while let Some(start) = rest.find(part_of_word) {
        let (gap, from) = rest.split_at(start);
        let gap = gap.trim_end_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\''));
        let before = gap.chars().next_back();
        let (word, after) = from.split_at(from.find(|c| !part_of_word(c)).unwrap_or(from.len()));
        let calls = after.trim_start().starts_with('(');
        let clock = calls
            && JQL_CLOCKS
                .iter()
                .any(|name| word.eq_ignore_ascii_case(name));
        if clock || is_age(word, before) {
            let start = jql.len() - from.len();
            found.push(start..start + word.len());
        }
        rest = after;
    }
    found
}

/// Whether a word is an age, such as `-7d`; without a sign only behind a comparison, for names may look so.
fn is_age(word: &str, before: Option<char>) -> bool {
    let unsigned = word.trim_start_matches(['-', '+']);
    let compared = before.is_some_and(|c| matches!(c, '<' | '>' | '='));
    let number = unsigned.strip_suffix(['y', 'w', 'd', 'h', 'm', 'M']);
    let number = number.is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
    number && (compared || unsigned.len() < word.len())
}

fn http_texts(measure: &HttpMeasure) -> impl Iterator<Item = &str> {
    let (text, form) = match &measure.body {
        Body::None => (None, None),
        Body::Text(text) | Body::Json(text) => (Some(text.as_str()), None),
        Body::Form(fields) => (None, Some(fields.values())),
    };
    let settings = measure.query.values().chain(form.into_iter().flatten());
    let settings = settings.filter_map(|setting| match setting {
        Setting::Plain(text) => Some(text.as_str()),
        Setting::Secret(_) => None,
    });
    [Some(measure.path.as_str()), text]
        .into_iter()
        .flatten()
        .chain(settings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::spec::{Empty, Extract, Format, HttpSpec, Method, SiteMetric};
    use std::collections::BTreeMap;

    fn http_spec() -> HttpSpec {
        HttpSpec {
            url: Setting::Plain("https://api.example".into()),
            auth: None,
            headers: BTreeMap::new(),
            ca_file: None,
            max_body: HttpSpec::DEFAULT_MAX_BODY,
        }
    }

    fn sources() -> [SourceSpec; 3] {
        let url = || Setting::Plain("x".into());
        [
            SourceSpec::Sqlite { path: "x".into() },
            SourceSpec::Postgres { url: url() },
            SourceSpec::Mysql { url: url() },
        ]
    }

    #[test]
    fn a_query_is_replayable_when_it_binds_where_its_answer_ends() {
        for (query, replayable) in [
            ("SELECT count(*) FROM t", false),
            ("SELECT count(*) FROM t WHERE at <= :now", true),
            ("SELECT count(*) FROM t WHERE day <= :today", true),
            (
                "SELECT count(*) FROM t WHERE at >= :window_start AND at < :window_end",
                true,
            ),
            // Everything since then, up to now.
            ("SELECT count(*) FROM t WHERE at >= :window_start", false),
            (
                "SELECT count(*) FROM t WHERE at >= :cycle_start AND at < :cycle_end",
                false,
            ),
            ("SELECT count(*) FROM t WHERE note = ':now'", false),
            ("SELECT count(*) FROM t -- :now", false),
            (
                "SELECT count(*) FROM t WHERE now <= :now AND date < :now",
                true,
            ),
            (
                "SELECT count(*) FROM t WHERE at <= :now AND due < CURRENT_DATE",
                false,
            ),
            (
                "SELECT count(*) FROM t WHERE at <= :now AND due < now()",
                false,
            ),
        ] {
            for source in sources() {
                let measure = Measure::sql(query);
                let found = objection(&measure, &source);
                assert_eq!(found.is_none(), replayable, "{query}: {found:?}");
            }
        }
        let [sqlite, _, mysql] = sources();
        for query in [
            "SELECT count(*) FROM t WHERE at <= :now AND at > date('now', '-7 days')",
            "SELECT count(*) FROM t WHERE at <= :now AND at > datetime()",
        ] {
            let told = objection(&Measure::sql(query), &sqlite);
            let told = told.unwrap().to_string();
            assert!(told.contains("write :now or :window_end"), "{told}");
        }
        let text = "SELECT count(*) FROM t WHERE at <= :now AND word = 'now'";
        assert_eq!(objection(&Measure::sql(text), &mysql), None);
    }

    #[test]
    fn a_jql_is_replayable_when_all_of_it_is_of_one_instant() {
        let jira = SourceSpec::Jira {
            http: http_spec(),
            deployment: crate::config::spec::Deployment::Auto,
        };
        for (jql, replayable) in [
            ("project = A", false),
            ("project = A AND created <= {now}", true),
            ("project = A AND created <= \"{window_end}\"", true),
            ("project = A AND created >= {cycle_start}", false),
            // A form is for HTTP; Jira would get it as it stands.
            ("created <= {now:date}", false),
            ("created <= {now} AND updated >= -7d", false),
            ("created <= {now} AND updated >= \"-1w\"", false),
            ("created <= {now} AND due < 14d", false),
            ("created <= {now} AND due > startOfDay(-1)", false),
            ("created <= {now} AND due > NOW ()", false),
            (
                "created <= {now} AND project = A-7 AND fixVersion in (4d, now)",
                true,
            ),
        ] {
            let measure = Measure::Jira {
                jql: jql.into(),
                value: JiraValue::Count,
            };
            let found = objection(&measure, &jira);
            assert_eq!(found.is_none(), replayable, "{jql}: {found:?}");
        }
        let ratio = |whole: &str| Measure::Jira {
            jql: "created <= {now} AND x = 1".into(),
            value: JiraValue::RatioOf(whole.into()),
        };
        assert!(objection(&ratio("project = A"), &jira).is_some());
        assert_eq!(objection(&ratio("created <= {now}"), &jira), None);
    }

    #[test]
    fn a_request_is_replayable_wherever_it_binds_and_not_by_its_filter() {
        let http = SourceSpec::Http(http_spec());
        let measure = |path: &str, query: &str, body: Body| {
            Measure::Http(HttpMeasure {
                path: path.into(),
                query: BTreeMap::from([("q".into(), Setting::Plain(query.into()))]),
                method: Method::Post,
                body,
                value: Extract::Jq(".rows | map(select(.at <= $now)) | length".into()),
                fail_if: None,
                require: None,
                format: Format::Json,
                empty: Empty::Error,
                as_of: None,
                quality: Vec::new(),
            })
        };
        let form = |text: &str| Body::Form([("to".into(), Setting::Plain(text.into()))].into());
        for (path, query, body, replayable) in [
            ("/a", "b", Body::None, false),
            ("/{now:unix}", "b", Body::None, true),
            ("/a", "{today}", Body::None, true),
            ("/a", "{window_start:date}", Body::None, false),
            ("/a", "b", Body::Text("{window_end}".into()), true),
            (
                "/a",
                "b",
                Body::Json("{\"to\":\"{now:week}\"}".into()),
                false,
            ),
            ("/a", "b", Body::Json("{\"to\":\"{now}\"}".into()), true),
            ("/a", "b", form("{window_end:date}"), true),
            ("/a", "b", form("{cycle_end}"), false),
        ] {
            let shown = format!("{path} {query} {body:?}");
            let found = objection(&measure(path, query, body), &http);
            assert_eq!(found.is_none(), replayable, "{shown}: {found:?}");
        }
        let plausible = Measure::Site {
            metric: SiteMetric::Visitors,
            goal: None,
        };
        assert_eq!(objection(&plausible, &http), None);
    }
}
