//! An Umami that is no kinder than the real one (3.1, with the shapes of 2 and 1 on demand): a server with users and
//! tokens, or the cloud with keys. Refuses what those refuse, in their words and statuses.

use serde_json::{Value, json};

use super::wire::{self, Act, Asked};

/// Which version's shapes it answers in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    One,
    Two,
    Three,
}

/// The service with one website.
#[derive(Clone, Debug)]
pub(crate) struct Umami {
    pub(crate) version: Version,
    /// The key of the cloud; a server of one's own knows none.
    pub(crate) key: Option<String>,
    /// The password of the user `ro`.
    pub(crate) password: String,
    pub(crate) site: String,
    /// Visits by instant: milliseconds, pages seen.
    pub(crate) visits: Vec<(i64, u64)>,
    /// Events by instant and name.
    pub(crate) events: Vec<(i64, &'static str)>,
    /// Logins so far: the number of the token that counts.
    pub(crate) logins: usize,
    /// How often a token is taken before it dies; as with a flushed Redis.
    pub(crate) lives: usize,
}

type Answer = (u16, Value);

fn refuse(status: u16, code: &str) -> Answer {
    let error = json!({"message": code, "code": code, "status": status});
    (status, json!({ "error": error }))
}

impl Umami {
    pub(crate) fn serve(&mut self, asked: &Asked) -> Vec<Act> {
        let (status, body) = self.answer(asked).unwrap_or_else(|refused| refused);
        wire::json(status, &body.to_string())
    }

    fn answer(&mut self, asked: &Asked) -> Result<Answer, Answer> {
        let (path, query) = asked.target.split_once('?').unwrap_or((&asked.target, ""));
        let query: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect();
        if self.key.is_none() && path == "/api/auth/login" {
            return self.log_in(asked);
        }
        let own = match self.key {
            Some(_) => path.strip_prefix("/v1"),
            None => path.strip_prefix("/api"),
        };
        let path = own.ok_or_else(|| refuse(404, "not-found"))?;
        self.authorize(asked)?;
        let stats = format!("/websites/{}/stats", self.site);
        let events = format!("/websites/{}/events/stats", self.site);
        match (asked.method.as_str(), path) {
            ("GET", path) if path == stats => Ok((200, self.stats(&window(&query)?))),
            ("GET", path) if path == events => {
                let name = query.iter().find(|(key, _)| key == "event");
                let name = name.map(|(_, name)| name.as_str());
                Ok((200, self.of_event(name, &window(&query)?)))
            }
            ("POST", "/reports/goal") => self.goal(asked),
            // A website of somebody else, or of nobody.
            ("GET", path) if path.starts_with("/websites/") => Err(refuse(401, "unauthorized")),
            _ => Err(refuse(404, "not-found")),
        }
    }

    fn log_in(&mut self, asked: &Asked) -> Result<Answer, Answer> {
        let bad = || refuse(400, "bad-request");
        let body: Value = serde_json::from_slice(&asked.body).map_err(|_| bad())?;
        if asked.header("content-type") != Some("application/json") {
            return Err(bad());
        }
        if body["username"] != "ro" || body["password"] != self.password.as_str() {
            return Err(refuse(401, "incorrect-username-password"));
        }
        self.logins += 1;
        let token = format!("token-of-umami-{}", self.logins);
        Ok((
            200,
            json!({"token": token, "user": {"id": "u", "username": "ro", "role": "view-only", "isAdmin": false}}),
        ))
    }

    fn authorize(&mut self, asked: &Asked) -> Result<(), Answer> {
        let sent = asked.header("authorization").map(str::to_owned);
        let good = match &self.key {
            Some(key) => asked.header("x-umami-api-key") == Some(key),
            None => {
                sent == Some(format!("Bearer token-of-umami-{}", self.logins)) && self.lives > 0
            }
        };
        if !good {
            self.lives = self.lives.max(1);
            return Err(refuse(401, "unauthorized"));
        }
        self.lives -= 1;
        if self.lives == 0 {
            // The next question finds it dead.
            self.logins += 1;
        }
        Ok(())
    }

    fn stats(&self, (from, to): &(i64, i64)) -> Value {
        let seen = || {
            self.visits
                .iter()
                .filter(|(at, _)| (from..=to).contains(&at))
        };
        let (visits, pages) = (seen().count(), seen().map(|(_, pages)| pages).sum::<u64>());
        let bounces = seen().filter(|(_, pages)| *pages == 1).count();
        let visitors = visits.saturating_sub(1);
        let all = json!({"pageviews": pages, "visitors": visitors, "visits": visits, "bounces": bounces, "totaltime": 60});
        match self.version {
            Version::Three => {
                let mut all = all;
                all["comparison"] = json!({"pageviews": 1, "visitors": 1, "visits": 1});
                all
            }
            Version::Two => {
                let old = all.as_object().unwrap().iter();
                old.map(|(k, v)| (k.clone(), json!({"value": v, "prev": 1})))
                    .collect::<serde_json::Map<_, _>>()
                    .into()
            }
            Version::One => json!({
                "pageviews": {"value": pages, "change": 0},
                "uniques": {"value": visitors, "change": 0},
                "bounces": {"value": bounces, "change": 0},
                "totaltime": {"value": 60, "change": 0},
            }),
        }
    }

    fn of_event(&self, name: Option<&str>, (from, to): &(i64, i64)) -> Value {
        let seen = self.events.iter();
        let seen =
            seen.filter(|(at, is)| (from..=to).contains(&at) && name.is_none_or(|n| n == *is));
        let events = seen.count();
        json!({"data": {"events": events, "visitors": events.min(2), "visits": events.min(3), "uniqueEvents": 1, "comparison": {"events": 1}}})
    }

    fn goal(&self, asked: &Asked) -> Result<Answer, Answer> {
        let bad = || refuse(400, "bad-request");
        let body: Value = serde_json::from_slice(&asked.body).map_err(|_| bad())?;
        if body["websiteId"] != self.site.as_str() {
            return Err(refuse(401, "unauthorized"));
        }
        let parameters = &body["parameters"];
        let typed = body["type"] == "goal" && parameters["type"] == "event";
        if !typed || !body["filters"].is_object() {
            return Err(bad());
        }
        let at = |key: &str| {
            let text = parameters[key].as_str()?;
            Some(text.parse::<jiff::Timestamp>().ok()?.as_millisecond())
        };
        let span = (
            at("startDate").ok_or_else(bad)?,
            at("endDate").ok_or_else(bad)?,
        );
        let name = parameters["value"].as_str().ok_or_else(bad)?;
        let num = self.of_event(Some(name), &span)["data"]["visitors"].clone();
        let seen = self.visits.iter();
        let seen = seen.filter(|(at, _)| (span.0..=span.1).contains(at));
        let total = seen.count().saturating_sub(1);
        Ok((200, json!({"num": num, "total": total})))
    }
}

/// Only instants in milliseconds are read; dates pass the schema and change nothing, so they are refused here.
fn window(query: &[(String, String)]) -> Result<(i64, i64), Answer> {
    let at = |key: &str| {
        let found = query.iter().find(|(name, _)| name == key)?;
        found
            .1
            .parse::<i64>()
            .ok()
            .filter(|ms| *ms > 1_000_000_000_000)
    };
    let bad = || refuse(400, "bad-request");
    Ok((at("startAt").ok_or_else(bad)?, at("endAt").ok_or_else(bad)?))
}
