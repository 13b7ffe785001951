//! What went over the wire while something was asked, for people who wonder about a number: each request and its answer,
//! in texts that repeat no secret. Costs nothing where nobody listens.

use std::cell::RefCell;

use url::form_urlencoded;

use super::answer::Answer;
use super::request::Request;
use crate::domain::fault::Fault;

/// One request and what came of it, as it may be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// Method and URL, without its query.
    pub asked: String,
    /// Query parameters, headers and fields of a form, one a line, and a body of another kind as it is.
    pub sent: Vec<String>,
    /// Status, kind and size of the answer; `None` when there was none.
    pub answered: Option<String>,
    /// The beginning of its body; empty where it may not be shown.
    pub snippet: String,
}

tokio::task_local! {
    static HEARD: RefCell<Vec<Exchange>>;
}

/// Runs what asks, and tells what it sent and was answered. What it asks from tasks of its own is not heard.
pub async fn overhear<T>(asking: impl Future<Output = T>) -> (T, Vec<Exchange>) {
    HEARD
        .scope(RefCell::default(), async {
            let outcome = asking.await;
            (outcome, HEARD.with(RefCell::take))
        })
        .await
}

/// Whether somebody listens, so that nothing is written for nobody.
pub(super) fn is_heard() -> bool {
    HEARD.try_with(|_| ()).is_ok()
}

/// Keeps an exchange for who listens.
pub(super) fn tell(mut exchange: Exchange, outcome: &Result<Answer, Fault>) {
    const SHOWN: usize = 400;
    if let Ok(answer) = outcome {
        let kind = match answer.content_type() {
            none if none.is_empty() => "of no kind".to_owned(),
            kind => kind,
        };
        exchange.answered = Some(format!(
            "{}, {kind}, {} bytes",
            answer.status,
            answer.body.len()
        ));
        exchange.snippet = answer.excerpt(SHOWN);
    }
    let _ = HEARD.try_with(|heard| heard.borrow_mut().push(exchange));
}

/// What of a request may be shown.
pub(super) fn of(request: &Request) -> Exchange {
    let open = |text: String| {
        if request.gives_away(&text) {
            None
        } else {
            Some(text)
        }
    };
    let line = |what: &str, name: &str, value: &str| {
        let value = open(value.to_owned()).unwrap_or_else(|| "…".to_owned());
        let name = open(name.to_owned()).unwrap_or_else(|| "…".to_owned());
        format!("{what} {name}: {value}")
    };
    let query = request.url.query_pairs();
    let mut sent: Vec<String> = query
        .map(|(name, value)| line("query", &name, &value))
        .collect();
    for (name, value) in &request.headers {
        let shown = value.to_str().ok().filter(|_| !value.is_sensitive());
        sent.push(line("header", name.as_str(), shown.unwrap_or("…")));
    }
    if let Some((user, _)) = &request.login {
        sent.push(line(
            "header",
            "authorization",
            &format!("Basic, user {user}"),
        ));
    }
    match &request.body {
        Some((kind, bytes)) if kind.starts_with("application/x-www-form-urlencoded") => {
            sent.extend(form_urlencoded::parse(bytes).map(|(n, v)| line("form", &n, &v)));
        }
        Some((kind, bytes)) => {
            let text = String::from_utf8_lossy(bytes).into_owned();
            let text = open(text).unwrap_or_else(|| "… (it holds a secret)".to_owned());
            sent.push(format!("body {kind}: {text}"));
        }
        None => {}
    }
    Exchange {
        asked: format!("{} {}", request.method, request.shown_url()),
        sent,
        answered: None,
        snippet: String::new(),
    }
}
