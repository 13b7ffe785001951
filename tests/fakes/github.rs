//! GitHub's search over issues as its documentation has it: refuses who does not introduce themselves, what is no search
//! and what is too much, each in its own way.

use super::wire::{self, Act, Asked};

/// `GET /search/issues`.
#[derive(Clone, Debug)]
pub(crate) struct Github {
    pub(crate) token: String,
    /// What every search finds.
    pub(crate) total: u64,
    /// Whether the search runs out of time.
    pub(crate) incomplete: bool,
    /// Searches left in this minute.
    pub(crate) left: usize,
    /// How the limit is told: by the headers of the primary one, or by `Retry-After` of the secondary.
    pub(crate) secondary: bool,
}

impl Github {
    pub(crate) fn serve(&mut self, asked: &Asked) -> Vec<Act> {
        let told = |status, told: &str| wire::json(status, &format!(r#"{{"message":"{told}"}}"#));
        if asked.header("user-agent").is_none_or(str::is_empty) {
            return told(403, "Request forbidden by administrative rules");
        }
        let query = asked.target.strip_prefix("/search/issues?");
        let Some(query) = query.filter(|_| asked.method == "GET") else {
            return told(404, "Not Found");
        };
        if asked.header("authorization") != Some(&format!("Bearer {}", self.token)) {
            return told(401, "Bad credentials");
        }
        if self.left == 0 {
            return self.limit();
        }
        self.left -= 1;
        let pairs: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect();
        let q = pairs.iter().find(|(name, _)| name == "q");
        let q = q.map(|(_, q)| q.as_str()).unwrap_or_default();
        let says = q.contains("is:issue") || q.contains("is:pull-request") || q.contains("is:pr");
        if !says || q.len() > 256 || q.contains("repo:acme/secret") {
            return told(422, "Validation Failed");
        }
        let (total, incomplete) = (self.total, self.incomplete);
        let body = format!(
            r#"{{"total_count":{total},"incomplete_results":{incomplete},"items":[{{"number":1}}]}}"#
        );
        wire::json(200, &body)
    }

    fn limit(&self) -> Vec<Act> {
        let kind = ("Content-Type", "application/json");
        let body = br#"{"message":"API rate limit exceeded"}"#;
        // 40 seconds after 12:00:00 by its own clock, which is all that counts.
        let date = ("Date", "Mon, 23 Nov 2026 12:00:00 GMT");
        if self.secondary {
            return wire::respond(403, &[kind, ("Retry-After", "60")], body);
        }
        let headers = [
            kind,
            ("x-ratelimit-remaining", "0"),
            ("x-ratelimit-reset", "1795435240"),
            date,
        ];
        wire::respond(403, &headers, body)
    }
}
