//! A Plausible that is no kinder than the real one: Stats API v2, `POST /api/v2/query`. Validates a question in the real
//! order (path, key, rate, body, site, plan, query) and answers with the real shapes. [`Plausible::answer`] is a plain
//! function from a question to status and JSON; a server may stand around it.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

/// The service with its sites.
#[derive(Clone, Debug)]
pub(crate) struct Plausible {
    /// The one key that opens it.
    pub(crate) key: String,
    /// Sites that the key may see.
    pub(crate) sites: BTreeMap<String, Site>,
    /// Questions left in this hour.
    pub(crate) left: usize,
}

/// A site.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    /// Its own zone, in which its days are cut.
    pub(crate) zone: TimeZone,
    /// Without a plan that has the Stats API.
    pub(crate) locked: bool,
    /// Goals by their display names, configured whether reached or not.
    pub(crate) goals: Vec<String>,
    /// What happened.
    pub(crate) days: BTreeMap<Date, Day>,
}

/// What happened on one day.
#[derive(Clone, Debug, Default)]
pub(crate) struct Day {
    pub(crate) visitors: u64,
    pub(crate) visits: u64,
    pub(crate) pageviews: u64,
    /// Visits with one page.
    pub(crate) bounces: u64,
    /// By goal: people and conversions.
    pub(crate) goals: BTreeMap<String, (u64, u64)>,
}

/// A question's parts.
pub(crate) struct Ask<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) authorization: Option<&'a str>,
    pub(crate) content_type: Option<&'a str>,
    pub(crate) body: &'a [u8],
}

/// A query that holds.
struct Query<'a> {
    metrics: Vec<&'a str>,
    first: Date,
    last: Date,
    goal: Option<&'a str>,
}

const METRICS: [&str; 10] = [
    "visitors",
    "visits",
    "pageviews",
    "views_per_visit",
    "bounce_rate",
    "visit_duration",
    "events",
    "conversion_rate",
    "total_revenue",
    "average_revenue",
];

const KEYS: [&str; 8] = [
    "site_id",
    "metrics",
    "date_range",
    "filters",
    "dimensions",
    "order_by",
    "include",
    "pagination",
];

impl Plausible {
    /// Status and body. Every refusal is `{"error": text}`.
    pub(crate) fn answer(&mut self, ask: &Ask<'_>) -> (u16, Value) {
        match self.judge(ask) {
            Ok(found) => (200, found),
            Err((status, error)) => (status, json!({ "error": error })),
        }
    }

    fn judge(&mut self, ask: &Ask<'_>) -> Result<Value, (u16, String)> {
        if (ask.method, ask.path) != ("POST", "/api/v2/query") {
            return Err((404, "Not found".into()));
        }
        let unauthorized = |what: &str| (401, format!("Invalid API key or site ID. {what}"));
        let key = ask.authorization.and_then(|a| a.strip_prefix("Bearer "));
        if key != Some(self.key.as_str()) {
            return Err(unauthorized(
                "Please make sure you're using a valid API key.",
            ));
        }
        // The rate is checked before the site.
        self.left = self.left.checked_sub(1).ok_or_else(|| {
            let text = "Too many API requests. The limit is 600 per hour.";
            (429, text.to_owned())
        })?;
        let query = parse_body(ask)?;
        let site = query.get("site_id").and_then(Value::as_str);
        let site = site.ok_or((400, "Missing site ID.".to_owned()))?;
        let found = self.sites.get(site);
        let found = found.ok_or_else(|| unauthorized("The site is not yours to see."))?;
        if found.locked {
            return Err((
                402,
                "The account owner does not have access to Stats API.".into(),
            ));
        }
        let parsed = parse_query(&query, found).map_err(|why| (400, why))?;
        Ok(found.report(site, &query, &parsed))
    }
}

fn parse_body(ask: &Ask<'_>) -> Result<Map<String, Value>, (u16, String)> {
    let is_json = ask
        .content_type
        .is_some_and(|t| t.starts_with("application/json"));
    if !is_json {
        // Without the type the body is not parsed, so there are no parameters.
        return Err((400, "Missing site ID.".into()));
    }
    match serde_json::from_slice(ask.body) {
        Ok(Value::Object(query)) => Ok(query),
        _ => Err((400, "Bad Request".into())),
    }
}

fn parse_query<'a>(query: &'a Map<String, Value>, site: &Site) -> Result<Query<'a>, String> {
    if let Some(unknown) = query.keys().find(|key| !KEYS.contains(&key.as_str())) {
        return Err(format!(
            "#/{unknown}: Schema does not allow additional properties."
        ));
    }
    let goal = parse_filters(query.get("filters"), site)?;
    let (first, last) = parse_days(query.get("date_range"))?;
    let metrics = parse_metrics(query.get("metrics"), goal)?;
    Ok(Query {
        metrics,
        first,
        last,
        goal,
    })
}

fn parse_metrics<'a>(
    metrics: Option<&'a Value>,
    goal: Option<&str>,
) -> Result<Vec<&'a str>, String> {
    let metrics = metrics.and_then(Value::as_array);
    let metrics = metrics.ok_or("#: Required property metrics was not present.")?;
    if metrics.is_empty() {
        return Err("#/metrics: Expected a minimum of 1 items but got 0.".into());
    }
    let named = metrics.iter().map(|metric| {
        let name = metric.as_str().filter(|name| METRICS.contains(name));
        let name = name.ok_or_else(|| format!("#/metrics: Invalid metric {metric}"))?;
        if name == "conversion_rate" && goal.is_none() {
            return Err(format!(
                "Metric `{name}` can only be queried with event:goal filters or dimensions."
            ));
        }
        Ok(name)
    });
    named.collect()
}

/// Only a pair of days is served here: it is the only range that means the same on every version.
fn parse_days(range: Option<&Value>) -> Result<(Date, Date), String> {
    let range = range.ok_or("#: Required property date_range was not present.")?;
    let invalid = || format!("#/date_range: Invalid date range {range}");
    let [first, last] = range.as_array().map(Vec::as_slice).unwrap_or_default() else {
        return Err(invalid());
    };
    let day = |value: &Value| {
        value
            .as_str()
            .and_then(|text| text.parse().ok())
            .ok_or_else(invalid)
    };
    let (first, last): (Date, Date) = (day(first)?, day(last)?);
    if last < first {
        return Err(invalid());
    }
    Ok((first, last))
}

fn parse_filters<'a>(filters: Option<&'a Value>, site: &Site) -> Result<Option<&'a str>, String> {
    let Some(filters) = filters else {
        return Ok(None);
    };
    let invalid = || format!("#/filters: Invalid filters {filters}");
    let filters = filters.as_array().ok_or_else(invalid)?;
    let mut goal = None;
    for filter in filters {
        let [operator, dimension, clauses] =
            filter.as_array().map(Vec::as_slice).unwrap_or_default()
        else {
            return Err(invalid());
        };
        let clauses = clauses.as_array().ok_or_else(invalid)?;
        if operator != "is" || dimension != "event:goal" || clauses.len() != 1 {
            return Err(invalid());
        }
        let name = clauses[0].as_str().ok_or_else(invalid)?;
        if !site.goals.iter().any(|known| known == name) {
            return Err(format!(
                "Invalid filters. The goal `{name}` is not configured for this site."
            ));
        }
        goal = Some(name);
    }
    Ok(goal)
}

impl Site {
    fn report(&self, id: &str, asked: &Map<String, Value>, query: &Query<'_>) -> Value {
        let total = self.total(query.first, query.last);
        let metrics: Vec<Value> = query
            .metrics
            .iter()
            .map(|m| total.metric(m, query.goal))
            .collect();
        let or = |key: &str, default: Value| asked.get(key).cloned().unwrap_or(default);
        json!({
            "results": [{"metrics": metrics, "dimensions": []}],
            "meta": {},
            "query": {
                "site_id": id,
                "metrics": query.metrics,
                "date_range": [
                    self.instant(query.first, 0, 0, 0),
                    self.instant(query.last, 23, 59, 59),
                ],
                "filters": or("filters", json!([])),
                "dimensions": or("dimensions", json!([])),
                "order_by": or("order_by", json!([[query.metrics[0], "desc"]])),
                "include": or("include", json!({})),
                "pagination": or("pagination", json!({"offset": 0, "limit": 10000})),
            },
        })
    }

    /// `2026-10-01T00:00:00+02:00`
    fn instant(&self, day: Date, hour: i8, minute: i8, second: i8) -> String {
        let local = day
            .at(hour, minute, second, 0)
            .to_zoned(self.zone.clone())
            .unwrap();
        local.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
    }

    /// Nobody is recognised on another day, so days add up.
    fn total(&self, first: Date, last: Date) -> Day {
        let mut total = Day::default();
        for day in self.days.range(first..=last).map(|(_, day)| day) {
            total.visitors += day.visitors;
            total.visits += day.visits;
            total.pageviews += day.pageviews;
            total.bounces += day.bounces;
            for (goal, (people, conversions)) in &day.goals {
                let sum = total.goals.entry(goal.clone()).or_default();
                *sum = (sum.0 + people, sum.1 + conversions);
            }
        }
        total
    }
}

impl Day {
    fn metric(&self, metric: &str, goal: Option<&str>) -> Value {
        let (people, conversions) = goal.map_or((self.visitors, self.pageviews), |goal| {
            self.goals.get(goal).copied().unwrap_or_default()
        });
        match metric {
            "visitors" => json!(people),
            "events" => json!(conversions),
            "visits" => json!(self.visits),
            "pageviews" => json!(self.pageviews),
            "bounce_rate" => json!(percent(self.bounces, self.visits).round() as u64),
            "conversion_rate" => json!((percent(people, self.visitors) * 10.0).round() / 10.0),
            // Revenue goals are not set up, and the rest is not needed here.
            _ => Value::Null,
        }
    }
}

/// Of nothing it is 0, as in the real service.
fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        return 0.0;
    }
    part as f64 * 100.0 / whole as f64
}
