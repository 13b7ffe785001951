//! Sources whose API okrd knows, and what they are asked: what each of them needs, and what it can never answer. Reaches
//! no source.

use super::measure::template;
use super::table::{At, Table};
use crate::config::finding::{Code, Finding, Severity, quoted};
use crate::config::spec::{Language, Measure, Preset, SiteMetric};

/// Reads which service it is; `None` when something essential is missing.
pub(super) fn preset(table: Table<'_>, kind: &str, out: &mut Vec<Finding>) -> Option<Preset> {
    let number = |at: &At<'_, &str>| at.value.bytes().all(|b| b.is_ascii_digit());
    Some(match kind {
        "plausible" => Preset::Plausible {
            site: table.owned("site")?,
        },
        "umami" => {
            needs_login(table, out);
            let form = "a UUID such as 8f2d3c1a-0b5e-4a57-9c1d-2e3f4a5b6c7d";
            Preset::Umami {
                site: subject(table, "site", form, |at| is_uuid(at.value), out)?,
            }
        }
        "matomo" => {
            token_alone(table, "Matomo", out);
            Preset::Matomo {
                site: subject(table, "site", "a number such as \"3\"", number, out)?,
            }
        }
        "prometheus" => Preset::Prometheus,
        "github" => {
            token_alone(table, "GitHub", out);
            Preset::Github
        }
        "gitlab" => {
            token_alone(table, "GitLab", out);
            let plain = |at: &At<'_, &str>| {
                let part = |c: char| c.is_alphanumeric() || matches!(c, '/' | '-' | '_' | '.');
                at.value.chars().all(part) && !at.value.starts_with('/')
            };
            let form = "a number or a path such as \"acme/shop\"";
            Preset::Gitlab {
                project: subject(table, "project", form, plain, out)?,
            }
        }
        "posthog" => {
            needs_login(table, out);
            token_alone(table, "PostHog", out);
            Preset::Posthog {
                project: subject(table, "project", "a number such as \"12345\"", number, out)?,
            }
        }
        _ => return None,
    })
}

/// An id of this form: one of another form is answered with nothing, or with numbers of nothing.
fn subject(
    table: Table<'_>,
    key: &'static str,
    form: &str,
    fits: impl Fn(&At<'_, &str>) -> bool,
    out: &mut Vec<Finding>,
) -> Option<String> {
    let at = table.text(key)?;
    if at.value.is_empty() || !fits(&at) {
        let message = format!("`{key}` is {}, expected {form}", quoted(at.value));
        let finding = at.finding(Code::CfgValue, message);
        out.push(finding.help("copy it from the address of its page in the service"));
        return None;
    }
    Some(at.value.to_owned())
}

fn is_uuid(text: &str) -> bool {
    let lengths = text.split('-').map(str::len);
    let plain = text.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    plain && lengths.eq([8, 4, 4, 4, 12])
}

fn needs_login(table: Table<'_>, out: &mut Vec<Finding>) {
    if table.has("auth") || table.has("headers") {
        return;
    }
    let finding = table.finding(Code::CfgMissing, "the source lacks its `auth`");
    out.push(finding.help("add auth = { token = { env = \"NAME\" } }: it answers nobody else"));
}

fn token_alone(table: Table<'_>, who: &str, out: &mut Vec<Finding>) {
    let user = table.table("auth").and_then(|auth| auth.text("user"));
    if let Some(at) = user {
        let message = format!("`user` means nothing to {who}, which takes a token alone");
        let finding = at.finding(Code::CfgValue, message);
        out.push(finding.help("remove `user`"));
    }
}

/// Reads the measure of a source with a preset; `None` when something essential is missing.
pub(super) fn measure(table: Table<'_>, kind: &str, out: &mut Vec<Finding>) -> Option<Measure> {
    match kind {
        "plausible" | "umami" | "matomo" => site(table, kind, out),
        "prometheus" => expression(table, Language::Promql, out),
        "posthog" => expression(table, Language::Hogql, out),
        "gitlab" => {
            state(table, out);
            expression(table, Language::Issues, out)
        }
        "github" => {
            let measure = expression(table, Language::Search, out);
            search(table, out);
            measure
        }
        _ => None,
    }
}

fn expression(table: Table<'_>, language: Language, out: &mut Vec<Finding>) -> Option<Measure> {
    let at = table.text(language.key())?;
    if at.value.trim().is_empty() {
        let finding = at.finding(Code::CfgValue, format!("`{}` is empty", language.key()));
        out.push(finding.help("write the question as the service's own page takes it"));
    }
    template(&at, &super::braces::FORMS, out);
    Some(Measure::Expression {
        language,
        text: at.value.to_owned(),
    })
}

/// GitHub answers 422 to a search that does not say which of the two it is for.
fn search(table: Table<'_>, out: &mut Vec<Finding>) {
    let Some(at) = table.text(Language::Search.key()) else {
        return;
    };
    let says = |word: &str| {
        [
            "is:issue",
            "is:pr",
            "is:pull-request",
            "type:issue",
            "type:pr",
        ]
        .contains(&word)
    };
    if !at.value.split_whitespace().any(says) {
        let message =
            "the search says neither `is:issue` nor `is:pull-request`, which GitHub refuses";
        let finding = at.finding(Code::CfgValue, message);
        out.push(finding.help("add one of them"));
    }
}

/// GitLab counts issues of each state at once; one of them is the number.
fn state(table: Table<'_>, out: &mut Vec<Finding>) {
    let Some(at) = table.text(Language::Issues.key()) else {
        return;
    };
    let states = at
        .value
        .split('&')
        .filter_map(|part| part.strip_prefix("state="));
    let states: Vec<_> = states.collect();
    if !matches!(states.as_slice(), ["opened" | "closed" | "all"]) {
        let message = "the filters do not say which `state` is counted";
        let finding = at.finding(Code::CfgValue, message);
        out.push(finding.help("write state=opened, state=closed or state=all among them, once"));
    }
}

fn site(table: Table<'_>, kind: &str, out: &mut Vec<Finding>) -> Option<Measure> {
    let word = table.text("metric")?;
    let metric = SiteMetric::ALL
        .iter()
        .find(|(name, _)| *name == word.value)
        .map(|(_, metric)| *metric)?;
    let goal = table.text("goal");
    if metric.needs_goal() && goal.is_none() {
        let message = format!("metric `{}` lacks its `goal`", word.value);
        let finding = word
            .finding(Code::CfgMissing, message)
            .label("of which goal?");
        let shown = match kind {
            "matomo" => "add `goal` with the number of the goal in Matomo",
            "umami" => "add `goal` with the name of the event in Umami",
            _ => "add `goal` with the name of the goal as Plausible shows it",
        };
        out.push(finding.help(shown));
    }
    match (kind, &goal) {
        ("plausible", Some(goal)) => of_a_page(metric, goal, out),
        ("umami" | "matomo", Some(goal)) => of_a_goal(kind, metric, &word, goal, out),
        _ => {}
    }
    if kind == "matomo" && metric == SiteMetric::Visitors && goal.is_none() {
        by_calendar(table, &word, out);
    }
    Some(Measure::Site {
        metric,
        goal: goal.map(|at| at.value.to_owned()),
    })
}

fn of_a_page(metric: SiteMetric, goal: &At<'_, &str>, out: &mut Vec<Finding>) {
    if metric != SiteMetric::Pageviews || goal.value.starts_with("Visit ") {
        return;
    }
    let message = format!(
        "`pageviews` of the goal {} are 0 unless the goal is a page",
        quoted(goal.value)
    );
    let finding = goal.finding(Code::CfgValue, message);
    out.push(
        finding
            .severity(Severity::Warning)
            .label("a custom event has no page views")
            .help("write metric = \"conversions\" to count how often the goal was reached"),
    );
}

/// What Umami and Matomo do not know of a goal, and Matomo's names of goals, which are numbers.
fn of_a_goal(
    kind: &str,
    metric: SiteMetric,
    word: &At<'_, &str>,
    goal: &At<'_, &str>,
    out: &mut Vec<Finding>,
) {
    let known: &[SiteMetric] = match kind {
        "umami" => &[
            SiteMetric::Visitors,
            SiteMetric::Visits,
            SiteMetric::Conversions,
            SiteMetric::ConversionRate,
        ],
        _ => &[
            SiteMetric::Visits,
            SiteMetric::Conversions,
            SiteMetric::ConversionRate,
        ],
    };
    if !known.contains(&metric) {
        let message = format!("{kind} does not tell `{}` of a goal", word.value);
        let finding = word.finding(Code::CfgValue, message);
        out.push(finding.help("remove `goal`, or write metric = \"conversions\""));
    }
    if kind == "matomo" && !goal.value.bytes().all(|b| b.is_ascii_digit()) {
        let message = format!("`goal` is {}, expected a number", quoted(goal.value));
        let finding = goal.finding(Code::CfgValue, message);
        out.push(finding.help("write the goal's id as Matomo lists it under Goals, such as \"2\""));
    }
}

/// Matomo counts unique visitors of a day and of a calendar month, and of no other stretch by default (facts of its
/// `enable_processing_unique_visitors_range`).
fn by_calendar(table: Table<'_>, word: &At<'_, &str>, out: &mut Vec<Finding>) {
    const KNOWN: [&str; 3] = ["month_to_date", "previous_month", "1d"];
    let window = table.text("window").map_or("cycle_to_date", |at| at.value);
    if KNOWN.contains(&window) {
        return;
    }
    let message = format!(
        "Matomo knows no unique visitors of the window {}",
        quoted(window)
    );
    let finding = word.finding(Code::CfgValue, message);
    out.push(finding.help(
        "write window = \"month_to_date\" or \"previous_month\", or count metric = \"visits\": people are counted once a day or a calendar month there",
    ));
}
