//! GitHub's search over issues and pull requests: how many it finds. A search that GitHub did not finish is no count. Of
//! repositories that the token may not see, GitHub says nothing and counts nothing: give the measure a `canary`.

use async_trait::async_trait;
use serde_json::Value;
use url::form_urlencoded::Serializer;

use super::endpoint::Endpoint;
use super::number::{count, counted, of_answer};
use super::template::fill;
use super::{Question, Source};
use crate::config::secret::Setting;
use crate::config::spec::{HttpSpec, Language};
use crate::domain::fault::{Fault, FaultClass};
use crate::domain::reading::Reading;
use crate::net::request::Method;

/// GitHub asks for no two requests at a time.
const PERMITS: usize = 1;

/// GitHub, the public one or an Enterprise Server (`https://host/api/v3`).
#[derive(Debug)]
pub struct GithubSource {
    endpoint: Endpoint,
}

impl GithubSource {
    /// A source; neither reads secrets nor connects.
    #[must_use]
    pub fn new(http: &HttpSpec) -> Self {
        let mut http = http.clone();
        let own = |name: &String| name.eq_ignore_ascii_case("accept");
        if !http.headers.keys().any(own) {
            let kind = Setting::Plain("application/vnd.github+json".to_owned());
            http.headers.insert("accept".to_owned(), kind);
        }
        Self {
            endpoint: Endpoint::new(&http),
        }
    }
}

#[async_trait]
impl Source for GithubSource {
    async fn measure(&self, question: Question<'_>) -> Result<Reading, Fault> {
        let text = question.expression(Language::Search)?;
        let query = Serializer::new(String::new())
            .append_pair("q", &fill(text, question.moments, str::to_owned))
            .append_pair("per_page", "1")
            .finish();
        let path = format!("/search/issues?{query}");
        let request = self
            .endpoint
            .request(Method::Get, &path, None, question.timeout)?;
        let answer = self.endpoint.send(request).await?;
        answer
            .fail_on_status()
            .map_err(|fault| explain(answer.status, fault))?;
        let reading = read(&answer.json()?);
        reading.map_err(|fault| answer.guard(of_answer(&answer.asked, fault)))
    }

    fn permits(&self) -> usize {
        PERMITS
    }

    fn credentials(&self) -> u64 {
        self.endpoint.credentials()
    }
}

fn read(document: &Value) -> Result<Reading, Fault> {
    match document.get("incomplete_results").and_then(Value::as_bool) {
        Some(false) => Ok(counted(count("total_count", document.get("total_count"))?)),
        Some(true) => {
            let why = "GitHub did not finish the search in its time, the count is of a part";
            Err(Fault::new(FaultClass::Partial, why)
                .help("narrow the search, to one repository for instance"))
        }
        None => {
            let why = "found no incomplete_results, expected the answer to a search";
            Err(Fault::new(FaultClass::BadBody, why).help(
                "the url is https://api.github.com, or https://host/api/v3 of an Enterprise Server",
            ))
        }
    }
}

/// The remedies that GitHub's statuses call for.
fn explain(status: u16, fault: Fault) -> Fault {
    match (status, fault.class) {
        (422, _) => fault.help("GitHub refuses the search: a word it does not know, more than 256 characters, or no repository that the token may see"),
        (_, FaultClass::RateLimited) => fault.help("GitHub allows 30 searches a minute with a token, 10 without: set per_minute, poll less often"),
        (401, _) => fault.help("the token is wrong or has ended: check auth"),
        _ => fault,
    }
}
