//! Prometheus' HTTP API as its documentation has it: instant queries by form, each expression with its scripted result.
//! What the expressions mean is for the real server, which other tests start.

use std::collections::BTreeMap;

use super::wire::{self, Act, Asked};

/// `POST /api/v1/query`: expressions with status and body.
#[derive(Clone, Debug, Default)]
pub(crate) struct Prometheus(pub(crate) BTreeMap<&'static str, (u16, &'static str)>);

impl Prometheus {
    pub(crate) fn serve(&self, asked: &Asked) -> Vec<Act> {
        if (asked.method.as_str(), asked.target.as_str()) != ("POST", "/api/v1/query") {
            return wire::respond(
                404,
                &[("Content-Type", "text/plain")],
                b"404 page not found",
            );
        }
        let form: BTreeMap<String, String> = url::form_urlencoded::parse(&asked.body)
            .into_owned()
            .collect();
        let bad = |what: &str| {
            let body = format!(
                r#"{{"status":"error","errorType":"bad_data","error":"invalid parameter {what}"}}"#
            );
            wire::json(400, &body)
        };
        if asked.header("content-type") != Some("application/x-www-form-urlencoded") {
            return bad("query");
        }
        if form.get("time").is_none_or(|t| t.parse::<f64>().is_err()) {
            return bad("time");
        }
        if form.get("timeout").is_none_or(|t| !t.ends_with("ms")) {
            return bad("timeout");
        }
        let query = form.get("query").map(String::as_str).unwrap_or_default();
        match self.0.get(query) {
            Some((status, body)) => wire::json(*status, body),
            None => bad("query"),
        }
    }
}
