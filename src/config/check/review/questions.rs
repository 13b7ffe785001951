//! Lints of what sources are asked: trailing days where the cycle is counted, days of nobody's time zone, distinct
//! counts that are added up, questions that come faster than news, and one question that stands twice.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use jiff::Timestamp;

use super::sql::Statement;
use super::{Entry, Review};
use crate::config::check::daemon::duration;
use crate::config::check::measure::canonical;
use crate::config::check::table::At;
use crate::config::finding::{Code, Finding};
use crate::config::replay::{clocks, dialect};
use crate::config::schedule::show_duration;
use crate::config::secret::Setting;
use crate::config::spec::{Body, Extract, HttpMeasure, JiraValue, Measure, Poll};
use crate::config::sql::lex::tokens;
use crate::domain::cycle::Length;
use crate::domain::goals::{Kind, Role};
use crate::domain::id::CycleName;
use crate::domain::window::Window;

/// Names of lists of distinct counts in answers.
const DISTINCT: [&str; 7] = [
    "visitors",
    "uniques",
    "unique_visitors",
    "unique_users",
    "active_users",
    "dau",
    "users",
];

/// The lints of one question.
pub(super) fn question(review: &Review<'_, '_>, entry: &Entry<'_, '_>, out: &mut Vec<Finding>) {
    let (Some(poll), Some(measured)) = (entry.poll, entry.table.table("measure")) else {
        return;
    };
    let cumulative = entry
        .key_result
        .is_some_and(|kr| kr.kind == Kind::Cumulative);
    let source = review.sources.get(&poll.source);
    out.extend(too_fast(review, entry, poll));
    if cumulative {
        out.extend(measured.text("window").and_then(|at| rolling(entry, &at)));
    }
    match (&poll.measure, source) {
        (Measure::Sql { query, .. }, Some(source)) => {
            let Some(at) = measured.text("query") else {
                return;
            };
            let dialect = dialect(source);
            let tokens = tokens(query, dialect);
            let statement = Statement {
                tokens: &tokens,
                dialect,
            };
            // SQLite knows UTC alone.
            let exact = source.kind() == "sqlite" && review.utc;
            out.extend(
                statement
                    .trails()
                    .filter(|_| cumulative)
                    .map(|span| trailing(&at, &span)),
            );
            out.extend(
                statement
                    .days()
                    .filter(|_| !exact)
                    .map(|span| whose_days(&at, &span)),
            );
            out.extend(statement.adds_distinct().map(|span| added(&at, &span)));
        }
        (Measure::Jira { value, .. }, _) => {
            out.extend(
                measured
                    .text("jql")
                    .iter()
                    .flat_map(|at| jql(at, cumulative)),
            );
            if let (JiraValue::RatioOf(_), Some(at)) = (
                value,
                measured.table("value").and_then(|t| t.text("ratio_of")),
            ) {
                out.extend(jql(&at, cumulative));
            }
        }
        (Measure::Http(http), _) => {
            if cumulative && !binds_a_start(http) {
                out.extend(measured.table("query").and_then(|query| {
                    let texts = query.entries().into_iter();
                    let mut texts = texts.filter_map(|(_, at)| Some(at.with(at.value.as_str()?)));
                    let at = texts.find(|at| is_period(at.value))?;
                    Some(trailing(&at, &(0..at.value.len())))
                }));
            }
            if let (Extract::Jq(filter), Some(at)) = (&http.value, measured.text("value")) {
                out.extend(adds(filter).map(|span| added(&at, &span)));
            }
        }
        _ => {}
    }
}

fn trailing(at: &At<'_, &str>, span: &Range<usize>) -> Finding {
    let finding = at.part(span).finding(
        Code::SrcReldate,
        "a count since the start of the cycle asks about days that trail the present",
    );
    finding.label("moves with each poll").help(
        "begin at the start of the cycle (:cycle_start, {cycle_start}), or write kind = \"window\" if trailing days are meant",
    )
}

/// A window that moves, of a count that should begin with its cycle.
fn rolling(entry: &Entry<'_, '_>, at: &At<'_, &str>) -> Option<Finding> {
    let length = entry.cycle?.length();
    let moves = match Window::parse(at.value).ok()? {
        Window::LastDays(_) | Window::PreviousMonth => true,
        Window::MonthToDate => length != Length::Month,
        Window::QuarterToDate => length != Length::Quarter,
        Window::YearToDate => length != Length::Year,
        Window::CycleToDate => false,
    };
    moves.then(|| trailing(at, &(0..at.value.len())))
}

fn whose_days(at: &At<'_, &str>, span: &Range<usize>) -> Finding {
    let finding = at.part(span).finding(
        Code::SrcTz,
        "days begin here in the time zone that the source happens to have",
    );
    finding.label("whose midnight?").help(
        "bind :today, :cycle_start or :window_start ({today} … in JQL), which are midnights of `timezone`, or name the zone (AT TIME ZONE '…')",
    )
}

fn added(at: &At<'_, &str>, span: &Range<usize>) -> Finding {
    let finding = at
        .part(span)
        .finding(Code::KrDistinct, "distinct counts are added up");
    finding
        .label("counts many times who comes often")
        .help("count what is distinct over the whole stretch at once")
}

fn jql<'f>(at: &At<'f, &'f str>, cumulative: bool) -> Vec<Finding> {
    let word = |span: &Range<usize>| {
        at.value
            .get(span.clone())
            .unwrap_or_default()
            .to_lowercase()
    };
    let clocks = clocks(at.value);
    let fixed = ["{cycle_start", "{window_start"];
    let fixed = fixed.iter().any(|name| at.value.contains(name)) || names_a_day(at.value);
    let is_cut = |word: &str| word.starts_with("startof") || word.starts_with("endof");
    let is_age = |word: &str| !is_cut(word) && word.contains(|c: char| c.is_ascii_digit());
    let trails = clocks
        .iter()
        .find(|span| is_age(&word(span)) || is_cut(&word(span)));
    if let Some(span) = trails.filter(|_| cumulative && !fixed) {
        return vec![trailing(at, span)];
    }
    let cut = clocks.iter().find(|span| is_cut(&word(span)));
    cut.map(|span| whose_days(at, span)).into_iter().collect()
}

fn names_a_day(text: &str) -> bool {
    let parts = text.split(|c: char| !(c.is_ascii_digit() || c == '-' || c == '/'));
    parts
        .into_iter()
        .any(|part| part.len() == 10 && part.replace('/', "-").parse::<jiff::civil::Date>().is_ok())
}

/// A period that ends with the present, as the interfaces of others call it.
fn is_period(text: &str) -> bool {
    let text = text.trim().to_lowercase().replace([' ', '_', '-'], "");
    let text = text.strip_prefix("last").unwrap_or(&text);
    let digits = text.chars().take_while(char::is_ascii_digit).count();
    let unit = text.get(digits..).unwrap_or_default();
    let units = [
        "d", "day", "days", "w", "week", "weeks", "mo", "month", "months",
    ];
    digits > 0 && units.contains(&unit)
}

fn binds_a_start(http: &HttpMeasure) -> bool {
    let plain = |setting: &Setting| match setting {
        Setting::Plain(text) => text.clone(),
        Setting::Secret(_) => String::new(),
    };
    let mut texts = vec![http.path.clone()];
    texts.extend(http.query.values().map(plain));
    match &http.body {
        Body::Text(text) | Body::Json(text) => texts.push(text.clone()),
        Body::Form(form) => texts.extend(form.values().map(plain)),
        Body::None => {}
    }
    if let Extract::Jq(filter) = &http.value {
        texts.push(filter.clone());
    }
    let starts = ["cycle_start", "window_start"];
    texts
        .iter()
        .any(|text| starts.iter().any(|start| text.contains(start)))
}

/// Where a filter adds up a list of distinct counts.
fn adds(filter: &str) -> Option<Range<usize>> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut words = Vec::new();
    let mut at = 0;
    while let Some(start) = filter.get(at..).and_then(|rest| rest.find(is_word)) {
        let start = at + start;
        let rest = filter.get(start..).unwrap_or_default();
        let end = start + rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        words.push(start..end);
        at = end;
    }
    let word = |span: &Range<usize>| filter.get(span.clone()).unwrap_or_default();
    let adds = words.iter().any(|span| word(span) == "add");
    let field = |span: &&Range<usize>| {
        span.start > 0
            && filter
                .get(..span.start)
                .is_some_and(|before| before.ends_with('.'))
            && DISTINCT.contains(&word(span))
    };
    words.iter().find(field).filter(|_| adds).cloned()
}

/// Asked more often than the source has news, as it says itself.
fn too_fast(review: &Review<'_, '_>, entry: &Entry<'_, '_>, poll: &Poll) -> Option<Finding> {
    let own = entry.table.table("measure")?;
    let table = if own.has("refresh") {
        own
    } else {
        *review.source_tables.get(poll.source.as_str())?
    };
    let refresh = duration(table, "refresh")?;
    let said = table.get("refresh")?;
    let from = entry
        .cycle
        .map_or(Timestamp::UNIX_EPOCH, |cycle| cycle.start());
    let gap = poll.schedule.shortest_gap(from);
    if gap == Duration::ZERO || gap >= refresh {
        return None;
    }
    let at = entry
        .table
        .text("schedule")
        .or_else(|| own.text("source"))?;
    let message = format!(
        "asked every {}, and its data is renewed every {}",
        show_duration(gap),
        show_duration(refresh)
    );
    let finding = at
        .finding(Code::SrcFast, message)
        .label("asks for old news");
    Some(
        finding
            .also(said.file, &said.span, "how often there is news")
            .help(format!(
                "write a schedule that asks every {} or less often",
                show_duration(refresh)
            )),
    )
}

/// What one question is known by, with the one that asked it first.
pub(super) type Asked<'a> = BTreeMap<(CycleName, String), At<'a, ()>>;

/// Two key results that count and ask the same count it twice.
pub(super) fn twice<'a>(
    review: &Review<'a, '_>,
    entry: &Entry<'a, '_>,
    asked: &mut Asked<'a>,
    out: &mut Vec<Finding>,
) {
    let (Some(poll), Some(kr)) = (entry.poll, entry.key_result) else {
        return;
    };
    let Some(at) = entry.table.get("measure").map(|at| at.with(())) else {
        return;
    };
    if kr.role == Role::Guardrail || kr.weight <= 0.0 {
        return;
    }
    let spec = review.sources.get(&poll.source);
    let mut parts = vec![poll.source.to_string(), poll.window.to_string()];
    parts.extend(canonical(&poll.measure, spec));
    let key = (entry.objective.id.cycle.clone(), parts.join("\0"));
    match asked.get(&key) {
        None => {
            asked.insert(key, at);
        }
        Some(first) => {
            let finding = at
                .finding(Code::SrcDup, "another key result asks the same")
                .label("asked twice");
            out.push(
                finding
                    .also(first.file, &first.span, "the same question")
                    .help("keep one of the two, or make one a guardrail: what it measures counts twice"),
            );
        }
    }
}
