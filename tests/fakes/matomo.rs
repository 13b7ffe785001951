//! A Matomo that is no kinder than the real one (5.2): answers XML where nobody asks for JSON, errors with status 200,
//! `[]` where nobody came, no unique visitors of a range, and locks out who guesses tokens.

use std::collections::BTreeMap;

use jiff::ToSpan;
use jiff::civil::Date;
use serde_json::{Value, json};

use super::wire::{self, Act, Asked};

/// The service with one site, number 3, and one goal, number 2.
#[derive(Clone, Debug)]
pub(crate) struct Matomo {
    pub(crate) token: String,
    /// By day: visits, bounces, page views, conversions of the goal, visits with it.
    pub(crate) days: BTreeMap<Date, [u64; 5]>,
    /// Wrong tokens so far; after 20 the address is locked out.
    pub(crate) wrong: usize,
}

impl Matomo {
    pub(crate) fn serve(&mut self, asked: &Asked) -> Vec<Act> {
        if (asked.method.as_str(), asked.target.as_str()) != ("POST", "/index.php") {
            return wire::respond(404, &[("Content-Type", "text/html")], b"<html>");
        }
        let form: BTreeMap<String, String> = url::form_urlencoded::parse(&asked.body)
            .into_owned()
            .collect();
        let of = |key: &str| form.get(key).map(String::as_str).unwrap_or_default();
        if of("format") != "json" {
            return wire::respond(
                200,
                &[("Content-Type", "text/xml; charset=utf-8")],
                b"<?xml version=\"1.0\" encoding=\"utf-8\" ?>\n<result />",
            );
        }
        let (status, body) = self
            .answer(&of)
            .unwrap_or_else(|(status, told)| (status, json!({"result": "error", "message": told})));
        wire::json(status, &body.to_string())
    }

    fn answer<'f>(&mut self, of: &impl Fn(&str) -> &'f str) -> Result<(u16, Value), (u16, String)> {
        let error = |status, told: &str| Err((status, told.to_owned()));
        if self.wrong >= 20 {
            return error(403, "You are currently blocked from logging in.");
        }
        if of("token_auth") != self.token {
            self.wrong += 1;
            return error(401, "Unable to authenticate with the provided token.");
        }
        if of("module") != "API" {
            return error(400, "no such module");
        }
        if of("idSite") != "3" {
            return error(
                401,
                "You can't access this resource as it requires 'view' access",
            );
        }
        let (first, last) = stretch(of("period"), of("date")).map_err(|told| (200, told))?;
        let days: Vec<_> = self.days.range(first..=last).map(|(_, day)| *day).collect();
        if days.is_empty() {
            return Ok((200, json!([])));
        }
        let sum = |at: usize| days.iter().map(|day| day[at]).sum::<u64>();
        let raw = of("format_metrics") == "0";
        match of("method") {
            "VisitsSummary.get" => {
                let mut found = json!({
                    "nb_users": 0,
                    "nb_visits": sum(0),
                    "nb_actions": sum(2) + 7,
                    "nb_visits_converted": sum(4),
                    "bounce_count": sum(1),
                    "bounce_rate": if raw { json!(0.47) } else { json!("47%") },
                });
                if of("period") != "range" {
                    found["nb_uniq_visitors"] = json!(sum(0) - 1);
                }
                Ok((200, found))
            }
            "Actions.get" => Ok((200, json!({"nb_pageviews": sum(2), "nb_downloads": 7}))),
            "Goals.get" if of("idGoal") == "2" => Ok((
                200,
                json!({"nb_conversions": sum(3), "nb_visits_converted": sum(4), "revenue": 0}),
            )),
            "Goals.get" => error(200, "The requested goal does not exist"),
            _ => error(400, "The method is not available"),
        }
    }
}

/// The days of a period; a month is the whole of it, whatever day names it.
fn stretch(period: &str, date: &str) -> Result<(Date, Date), String> {
    let day = |text: &str| text.parse().map_err(|_| format!("invalid date {text}"));
    let (from, to) = date.split_once(',').unwrap_or((date, date));
    let (from, to): (Date, Date) = (day(from)?, day(to)?);
    match period {
        "range" if date.contains(',') && from <= to => Ok((from, to)),
        "day" if from == to => Ok((from, to)),
        "month" if from == to => Ok((from.first_of_month(), from.last_of_month())),
        "week" if from == to => {
            let monday = i64::from(from.weekday().to_monday_zero_offset());
            Ok((from - monday.days(), from + (6 - monday).days()))
        }
        _ => Err(format!("The period '{period}' is not supported")),
    }
}
