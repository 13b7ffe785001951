//! GitLab's `issues_statistics` as its documentation has it: a project by number or encoded path, 404 for what the token may
//! not see, and only what its owner wrote where nobody asks for more.

use super::wire::{self, Act, Asked};

/// One private project, 4711 or `acme/shop`.
#[derive(Clone, Debug)]
pub(crate) struct Gitlab {
    pub(crate) token: String,
    /// Whether it asks for patience.
    pub(crate) busy: bool,
}

impl Gitlab {
    pub(crate) fn serve(&self, asked: &Asked) -> Vec<Act> {
        let told = |status, told: &str| wire::json(status, &format!(r#"{{"message":"{told}"}}"#));
        let (path, query) = asked.target.split_once('?').unwrap_or((&asked.target, ""));
        if self.busy {
            let kind = ("Content-Type", "application/json");
            return wire::respond(429, &[kind, ("Retry-After", "30")], b"{}");
        }
        if asked.header("private-token") != Some(&self.token) {
            return told(401, "401 Unauthorized");
        }
        let own = ["acme%2Fshop", "4711"]
            .map(|project| format!("/api/v4/projects/{project}/issues_statistics"));
        if asked.method != "GET" || !own.iter().any(|known| known == path) {
            return told(404, "404 Project Not Found");
        }
        let pairs: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect();
        let of = |key: &str| {
            pairs
                .iter()
                .find(|(name, _)| name == key)
                .map(|(_, value)| value.as_str())
        };
        if of("created_after").is_some_and(|at| at.parse::<jiff::Timestamp>().is_err()) {
            return told(400, "created_after is invalid");
        }
        let all = of("scope") == Some("all");
        let counts = match (all, of("labels")) {
            (true, None) => [20, 5, 15],
            (true, Some("bug")) => [7, 3, 4],
            _ => [0, 0, 0],
        };
        let [all, closed, opened] = counts;
        let body = format!(
            r#"{{"statistics":{{"counts":{{"all":{all},"closed":{closed},"opened":{opened}}}}}}}"#
        );
        wire::json(200, &body)
    }
}
