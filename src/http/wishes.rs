//! What a client asks of a history: the words of the query, read and held against the cycle. Pure.

use jiff::Timestamp;
use jiff::civil::Date;

use axum::http::StatusCode;

use super::paging::{self, Cursor, Stretch};
use super::problem::Problem;
use super::router::HISTORY;
use crate::domain::cycle::Cycle;
use crate::domain::id::KeyResultId;

/// The words of a query, as they were sent.
#[derive(Debug, Default)]
pub(super) struct Wishes<'q> {
    from: Option<&'q str>,
    pub(super) to: Option<&'q str>,
    limit: Option<&'q str>,
    after: Option<&'q str>,
}

impl<'q> Wishes<'q> {
    /// Each at most once, and no other: a misspelt one would pass for the default.
    pub(super) fn of(query: &'q [(String, String)]) -> Result<Self, Problem> {
        let mut wishes = Self::default();
        for (name, value) in query {
            let place = match name.as_str() {
                "from" => &mut wishes.from,
                "to" => &mut wishes.to,
                "limit" => &mut wishes.limit,
                "after" => &mut wishes.after,
                _ => {
                    return Err(refused(format!(
                        "there is no parameter `{}`, expected from, to, limit or after",
                        found(name)
                    )));
                }
            };
            if place.replace(value.as_str()).is_some() {
                return Err(refused(format!("`{name}` is given twice, expected once")));
            }
        }
        Ok(wishes)
    }

    /// What is meant; by default the first page of the cycle up to now.
    pub(super) fn resolve(&self, cycle: &Cycle, now: Timestamp) -> Result<Stretch, Problem> {
        let (from, to) = self.range(cycle, now)?;
        let limit = self.limit.map_or(Ok(paging::USUAL), |text| {
            let read = text.parse().ok();
            read.filter(|limit| (1..=paging::MOST).contains(limit))
                .ok_or_else(|| {
                    refused(format!(
                        "`limit` is `{}`, expected a number from 1 to {}",
                        found(text),
                        paging::MOST
                    ))
                })
        })?;
        let cursor = |text: &str| {
            let read = text.parse().ok();
            read.filter(|cursor: &Cursor| (from..to).contains(&cursor.at))
                .ok_or_else(|| {
                    refused(format!(
                        "`after` is `{}`, expected what the link to the next page has, with the same `from` and `to`",
                        found(text)
                    ))
                })
        };
        Ok(Stretch {
            from,
            to,
            after: self.after.map(cursor).transpose()?,
            limit,
        })
    }

    fn range(&self, cycle: &Cycle, now: Timestamp) -> Result<(Timestamp, Timestamp), Problem> {
        let second = jiff::SignedDuration::from_secs(1);
        let until = now.checked_add(second).unwrap_or(now).min(cycle.end());
        let from = self
            .from
            .map_or(Ok(cycle.start()), |text| instant("from", text, cycle))?;
        let to = self
            .to
            .map_or(Ok(until.max(from)), |text| instant("to", text, cycle))?;
        if from > to {
            return Err(refused(match self.from {
                Some(_) => format!("`from` is {from}, expected an instant not after `to`, {to}"),
                None => format!(
                    "`to` is {to}, expected an instant not before the start of the cycle, {from}; give an earlier `from`"
                ),
            }));
        }
        Ok((from, to))
    }

    /// Where the next page is. The end stays what it was for this one, and the cycle is named, so that neither moves on.
    pub(super) fn link(&self, id: &KeyResultId, stretch: Stretch, next: Cursor) -> String {
        let objective = id.objective_id().full();
        let path = HISTORY
            .replace("{objective}", &objective)
            .replace("{key_result}", id.key_result.as_str());
        let Stretch { from, to, .. } = stretch;
        let limit = (self.limit.map(|_| stretch.limit)).map(|limit| format!("&limit={limit}"));
        let limit = limit.unwrap_or_default();
        format!("{path}?from={from}&to={to}{limit}&after={next}")
    }
}

fn refused(detail: String) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, detail)
}

/// What was found, in a length that fits a sentence.
fn found(text: &str) -> String {
    let short: String = text.chars().take(60).collect();
    short.escape_debug().to_string()
}

/// An RFC 3339 instant, or a day, which begins at midnight in the zone of the cycle.
fn instant(name: &str, text: &str, cycle: &Cycle) -> Result<Timestamp, Problem> {
    let midnight = |day: Date| Some(day.to_zoned(cycle.zone.clone()).ok()?.timestamp());
    let day = || {
        text.parse::<Date>()
            .ok()
            .filter(|_| text.len() == 10)
            .and_then(midnight)
    };
    text.parse().ok().or_else(day).ok_or_else(|| {
        refused(format!(
            "`{name}` is `{}`, expected an instant such as 2026-10-01T00:00:00Z or a day such as 2026-10-01",
            found(text)
        ))
    })
}
