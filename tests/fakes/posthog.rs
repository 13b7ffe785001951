//! PostHog's query API as its documentation and source have it: `POST …/query/` with a trailing slash, answers that may be
//! put off, errors with type, code and detail.

use serde_json::{Value, json};

use super::wire::{self, Act, Asked};

/// One project, number 12.
#[derive(Clone, Debug)]
pub(crate) struct Posthog {
    pub(crate) key: String,
    /// The rows of every statement.
    pub(crate) rows: Value,
    /// How often the answer is put off.
    pub(crate) later: usize,
    /// Queries left in this minute.
    pub(crate) left: usize,
}

impl Posthog {
    pub(crate) fn serve(&mut self, asked: &Asked) -> Vec<Act> {
        let (status, body) = self.answer(asked);
        wire::json(status, &body.to_string())
    }

    fn answer(&mut self, asked: &Asked) -> (u16, Value) {
        let error = |status, code: &str, detail: &str| {
            let body =
                json!({"type": "validation_error", "code": code, "detail": detail, "attr": null});
            (status, body)
        };
        let own = asked.target.strip_prefix("/api/projects/");
        let Some((project, rest)) = own.and_then(|rest| rest.split_once("/query/")) else {
            return error(404, "not_found", "Endpoint not found.");
        };
        if asked.header("authorization") != Some(&format!("Bearer {}", self.key)) {
            return error(401, "authentication_failed", "Invalid personal API key.");
        }
        if project != "12" {
            return error(
                403,
                "permission_denied",
                "You don't have access to the project.",
            );
        }
        if self.left == 0 {
            return error(
                429,
                "throttled",
                "Request was throttled. Expected available in 9 seconds.",
            );
        }
        self.left -= 1;
        match (asked.method.as_str(), rest) {
            ("POST", "") => self.query(asked),
            ("GET", "q-1/") => self.put_off().unwrap_or_else(|| {
                let status =
                    json!({"id": "q-1", "complete": true, "error": false, "results": self.found()});
                (200, json!({ "query_status": status }))
            }),
            _ => error(404, "not_found", "Not found."),
        }
    }

    fn query(&mut self, asked: &Asked) -> (u16, Value) {
        let body: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
        let statement = body["query"]["query"].as_str().unwrap_or_default();
        let good = body["query"]["kind"] == "HogQLQuery"
            && statement.starts_with("SELECT")
            && body["refresh"] == "force_blocking";
        if !good {
            let body = json!({"type": "validation_error", "code": "illegal_type_of_argument", "detail": "bad query", "attr": null});
            return (400, body);
        }
        self.put_off().unwrap_or_else(|| (200, self.found()))
    }

    fn put_off(&mut self) -> Option<(u16, Value)> {
        self.later = self.later.checked_sub(1)?;
        Some((
            202,
            json!({"query_status": {"id": "q-1", "complete": false, "error": false}}),
        ))
    }

    fn found(&self) -> Value {
        json!({
            "results": self.rows,
            "columns": ["count()"],
            "types": [["count()", "UInt64"]],
            "hasMore": false,
            "limit": 100,
            "offset": 0,
            "is_cached": false,
            "last_refresh": "2026-11-23T11:59:58Z",
        })
    }
}
