//! Matomo's reporting API: one metric of one site over a window, in one or two requests. The token travels in the body,
//! the only place where every installation takes it. Status 200 may carry an error, and `[]` means that nobody came.

use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;
use tokio::time::Instant;
use url::form_urlencoded::Serializer;

use super::endpoint::{Endpoint, unreadable};
use super::number::{count, counted, kind, of_answer, percent};
use super::{Question, Source};
use crate::config::secret::{Secret, SecretRef};
use crate::config::spec::{Auth, HttpSpec, SiteMetric};
use crate::domain::fault::{Fault, FaultClass};
use crate::domain::reading::Reading;
use crate::domain::window::Span;
use crate::net::request::Method;

/// A report is made while one waits; a second question beside it only makes both slower.
const PERMITS: usize = 1;

/// A site in Matomo.
#[derive(Debug)]
pub struct MatomoSource {
    endpoint: Endpoint,
    site: String,
    token: Option<SecretRef>,
}

/// One column of one report.
#[derive(Clone, Copy, Debug)]
struct Column<'a> {
    report: &'static str,
    goal: Option<&'a str>,
    name: &'static str,
}

const VISITS: Column<'static> = Column {
    report: "VisitsSummary.get",
    goal: None,
    name: "nb_visits",
};

impl MatomoSource {
    /// A source; neither reads secrets nor connects.
    #[must_use]
    pub fn new(http: &HttpSpec, site: &str) -> Self {
        let mut http = http.clone();
        let token = match http.auth.take() {
            Some(Auth::Bearer { token } | Auth::Basic { token, .. }) => Some(token),
            None => None,
        };
        Self {
            endpoint: Endpoint::new(&http),
            site: site.to_owned(),
            token,
        }
    }

    fn form(
        &self,
        column: Column<'_>,
        (period, date): (&str, &str),
        token: Option<&Secret>,
    ) -> String {
        let mut form = Serializer::new(String::new());
        form.append_pair("module", "API")
            .append_pair("method", column.report)
            .append_pair("idSite", &self.site)
            .append_pair("period", period)
            .append_pair("date", date)
            .append_pair("format", "json")
            .append_pair("format_metrics", "0");
        if let Some(goal) = column.goal {
            form.append_pair("idGoal", goal);
        }
        if let Some(token) = token {
            form.append_pair("token_auth", token.expose());
        }
        form.finish()
    }

    /// The count in a column, 0 where nobody came.
    async fn ask(
        &self,
        column: Column<'_>,
        stretch: (&str, &str),
        deadline: Duration,
    ) -> Result<u64, Fault> {
        let token = self.token.as_ref().map(SecretRef::read).transpose();
        let token = token.map_err(|e| unreadable(&e))?;
        let form = self.form(column, stretch, token.as_ref());
        let body = Some(("application/x-www-form-urlencoded", form.into_bytes()));
        let mut request = self
            .endpoint
            .request(Method::Post, "/index.php", body, deadline)?;
        if let Some(token) = &token {
            request = request.hide(token.expose());
        }
        let answer = self.endpoint.send(request).await?;
        answer
            .fail_on_status()
            .map_err(|fault| explain(answer.status, fault))?;
        let found = read(&answer.json()?, column.name);
        found.map_err(|fault| answer.guard(of_answer(&answer.asked, fault)))
    }
}

#[async_trait]
impl Source for MatomoSource {
    async fn measure(&self, question: Question<'_>) -> Result<Reading, Fault> {
        let (metric, goal) = question.of_site()?;
        let ends = Instant::now() + question.timeout;
        let column = column(metric, goal)?;
        let (period, date) = period(metric, goal.is_some(), &question.moments.window)?;
        let stretch = (period, date.as_str());
        let part = self.ask(column, stretch, question.timeout).await?;
        let of = match metric {
            SiteMetric::ConversionRate => "visits with the goal",
            SiteMetric::BounceRate => "bounces",
            _ => return Ok(counted(part)),
        };
        let left = ends.saturating_duration_since(Instant::now());
        let visits = self.ask(VISITS, stretch, left).await?;
        percent(column.name, (part, visits), (of, "visits"))
    }

    fn permits(&self) -> usize {
        PERMITS
    }

    fn credentials(&self) -> u64 {
        let token: Vec<_> = self.token.iter().cloned().collect();
        self.endpoint.credentials_with(&token)
    }
}

/// Where a metric stands. Of a goal Matomo counts visits and conversions, and no people.
fn column(metric: SiteMetric, goal: Option<&str>) -> Result<Column<'_>, Fault> {
    let of_goal = |name| Column {
        report: "Goals.get",
        goal,
        name,
    };
    let config = |why: &str| Err(Fault::new(FaultClass::Config, why));
    Ok(match (metric, goal) {
        (SiteMetric::Visitors, None) => Column {
            name: "nb_uniq_visitors",
            ..VISITS
        },
        (SiteMetric::Visits, None) => VISITS,
        (SiteMetric::BounceRate, None) => Column {
            name: "bounce_count",
            ..VISITS
        },
        (SiteMetric::Pageviews, None) => Column {
            report: "Actions.get",
            goal: None,
            name: "nb_pageviews",
        },
        (SiteMetric::Conversions, Some(_)) => of_goal("nb_conversions"),
        (SiteMetric::Visits | SiteMetric::ConversionRate, Some(_)) => {
            of_goal("nb_visits_converted")
        }
        (SiteMetric::Conversions | SiteMetric::ConversionRate, None) => {
            return config("conversions and conversion_rate mean nothing without a goal");
        }
        (_, Some(_)) => {
            return config(
                "Matomo tells visits, conversions and conversion_rate of a goal, and nothing else",
            );
        }
    })
}

/// Matomo's words for a window. Unique visitors do not add up, and it counts them of a day and of a calendar month only.
fn period(
    metric: SiteMetric,
    has_goal: bool,
    window: &Span,
) -> Result<(&'static str, String), Fault> {
    let (first, last) = (window.first_day, window.last_day);
    if metric != SiteMetric::Visitors || has_goal {
        return Ok(("range", format!("{first},{last}")));
    }
    if first == last {
        return Ok(("day", first.to_string()));
    }
    if first.day() == 1 && first.first_of_month() == last.first_of_month() {
        return Ok(("month", last.to_string()));
    }
    let why = format!("Matomo counts no unique visitors from {first} to {last}");
    let fault = Fault::new(FaultClass::Config, why);
    Err(fault.help("write window = \"month_to_date\" or \"previous_month\", or count visits"))
}

/// The count in a column of an answer.
fn read(document: &Value, name: &str) -> Result<u64, Fault> {
    let bad = |why: String| Fault::new(FaultClass::BadBody, why);
    match document {
        Value::Array(none) if none.is_empty() => Ok(0),
        Value::Object(answer) if answer.get("result").is_some_and(|it| it == "error") => {
            let told = answer.get("message").and_then(Value::as_str);
            let told: String = told.unwrap_or("no message").chars().take(200).collect();
            Err(bad(format!("Matomo reports an error: {told}")))
        }
        // A report of one column may call it `value`.
        Value::Object(answer) => {
            let alone = answer.get("value").filter(|_| answer.len() == 1);
            match answer.get(name).or(alone) {
                None => {
                    let why = format!("found no {name} in the answer, which is not 0");
                    let fault = Fault::new(FaultClass::BadValue, why);
                    Err(fault.help("Matomo leaves out what it did not compute, such as unique visitors of a range"))
                }
                found => count(name, found),
            }
        }
        other => Err(bad(format!("found {}, expected a report", kind(other)))),
    }
}

/// The remedies that Matomo's statuses call for.
fn explain(status: u16, fault: Fault) -> Fault {
    match status {
        401 | 403 => fault.help("check that the token is right and may view the site; after 20 wrong ones within an hour Matomo refuses this address every token"),
        404 => fault.help("check that the url leads to the folder of Matomo's index.php"),
        _ => fault,
    }
}
