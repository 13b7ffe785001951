//! Jira Cloud, REST v3: counts by estimate, pages by token. `POST /rest/api/3/search` is gone there; the two addresses
//! below replace it. Knows no time and no login.
//! Protocol: developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-search

use std::collections::HashSet;

use serde::Deserialize;
use serde_json::json;

use super::line::Line;
use super::pages::{self, FoundIssue};
use crate::domain::fault::{Fault, FaultClass};

#[derive(Deserialize)]
struct Count {
    count: u64,
}

#[derive(Deserialize)]
struct Page {
    issues: Vec<FoundIssue>,
    #[serde(rename = "nextPageToken")]
    next: Option<String>,
    #[serde(rename = "isLast")]
    is_last: Option<bool>,
}

/// How many issues match, as Jira's index estimates.
pub(super) async fn count(line: &Line<'_>, jql: &str) -> Result<u64, Fault> {
    let path = "/rest/api/3/search/approximate-count";
    let answer: Count = line.post(path, &json!({ "jql": jql })).await?;
    Ok(answer.count)
}

/// The first issues that match, at most `limit`, with these fields.
pub(super) async fn first(
    line: &Line<'_>,
    jql: &str,
    fields: &[&str],
    limit: usize,
) -> Result<Vec<FoundIssue>, Fault> {
    Ok(page(line, jql, fields, limit, None).await?.issues)
}

/// Every issue that matches, each once, with these fields, as many as Jira counts: a login that is lost between two pages
/// ends them early without a word. The count comes first, so that far too many cost one request.
pub(super) async fn whole(
    line: &Line<'_>,
    jql: &str,
    fields: &[&str],
) -> Result<Vec<FoundIssue>, Fault> {
    let counted = count(line, jql).await?;
    // Near the limit the estimate decides nothing: the issues themselves do.
    if counted > pages::MOST_ISSUES as u64 + pages::slack(counted) {
        return Err(pages::too_many(counted));
    }
    let issues = all(line, jql, fields).await?;
    let came = issues.len() as u64;
    if came + pages::slack(counted) < counted {
        return Err(Fault::new(
            FaultClass::Partial,
            format!("{came} issues came, expected about {counted} as Jira counts them"),
        )
        .help("does the account see all of them, and does Jira's own search list as many?"));
    }
    Ok(issues)
}

/// Every issue that matches, each once, with these fields. A short page is never a sign of the end, nor is an empty one:
/// only a missing token or `isLast` is.
pub(super) async fn all(
    line: &Line<'_>,
    jql: &str,
    fields: &[&str],
) -> Result<Vec<FoundIssue>, Fault> {
    let mut all = pages::Gathered::default();
    let mut tokens = HashSet::new();
    let mut token: Option<String> = None;
    for number in 1..=pages::MOST_PAGES {
        let page = page(line, jql, fields, pages::PAGE, token.as_deref())
            .await
            .map_err(|fault| pages::broken(number, fault))?;
        all.take(page.issues)?;
        match (page.next.filter(|t| !t.is_empty()), page.is_last) {
            (_, Some(true)) | (None, None) => return Ok(all.issues),
            (None, Some(false)) => {
                return Err(partial(number, "is not the last and names no next one"));
            }
            (Some(next), _) if !tokens.insert(next.clone()) => {
                return Err(partial(number, "names a next page that was read before"));
            }
            (Some(next), _) => token = Some(next),
        }
    }
    Err(partial(pages::MOST_PAGES, "is still not the last"))
}

fn partial(number: usize, why: &str) -> Fault {
    Fault::new(
        FaultClass::Partial,
        format!("page {number} of Jira's answer {why}"),
    )
}

async fn page(
    line: &Line<'_>,
    jql: &str,
    fields: &[&str],
    size: usize,
    token: Option<&str>,
) -> Result<Page, Fault> {
    let mut body = json!({ "jql": jql, "maxResults": size, "fields": fields });
    if let (Some(token), Some(body)) = (token, body.as_object_mut()) {
        body.insert("nextPageToken".into(), token.into());
    }
    line.post("/rest/api/3/search/jql", &body).await
}
