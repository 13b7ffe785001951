//! Jira Data Center and Server, REST v2: exact counts without issues, pages by offset. Knows no time and no login.
//! Protocol: developer.atlassian.com/server/jira/platform/rest, `search`

use serde::Deserialize;
use serde_json::json;

use super::jql;
use super::line::Line;
use super::pages::{self, FoundIssue};
use crate::domain::fault::{Fault, FaultClass};

#[derive(Deserialize)]
struct Page {
    #[serde(rename = "startAt")]
    start_at: u64,
    total: u64,
    issues: Vec<FoundIssue>,
    #[serde(default, rename = "warningMessages")]
    warnings: Vec<String>,
}

/// How many issues match, exactly.
pub(super) async fn count(line: &Line<'_>, jql: &str) -> Result<u64, Fault> {
    Ok(page(line, jql, &["id"], 0, 0).await?.total)
}

/// The first issues that match, at most `limit`, with these fields.
pub(super) async fn first(
    line: &Line<'_>,
    jql: &str,
    fields: &[&str],
    limit: usize,
) -> Result<Vec<FoundIssue>, Fault> {
    Ok(page(line, jql, fields, 0, limit).await?.issues)
}

/// Every issue that matches, each once, with these fields. Ordered by key, because offsets into tied sort values skip and
/// repeat; the server caps pages below what is asked, so the next offset is what was received.
pub(super) async fn all(
    line: &Line<'_>,
    jql: &str,
    fields: &[&str],
) -> Result<Vec<FoundIssue>, Fault> {
    let jql = format!("{} ORDER BY key ASC", jql::without_order(jql));
    let mut all = pages::Gathered::default();
    let mut start = 0;
    let mut expected = None;
    for number in 1..=pages::MOST_PAGES {
        let page = page(line, &jql, fields, start, pages::PAGE)
            .await
            .map_err(|fault| pages::broken(number, fault))?;
        let total = *expected.get_or_insert(page.total);
        pages::fail_beyond_cap(total)?;
        if page.total != total {
            return Err(partial(format!(
                "there were {total} issues on page 1 and {} on page {number}: they changed while being read",
                page.total
            )));
        }
        if page.start_at != start {
            return Err(partial(format!(
                "page {number} starts at issue {}, expected {start}",
                page.start_at
            )));
        }
        start += page.issues.len() as u64;
        let is_empty = page.issues.is_empty();
        all.take(page.issues)?;
        if start >= total {
            return complete(all, total);
        }
        if is_empty {
            return Err(partial(format!(
                "page {number} is empty after {start} of {total} issues"
            )));
        }
    }
    Err(partial(format!(
        "{start} issues came in {} pages and more were to come",
        pages::MOST_PAGES
    )))
}

fn complete(all: pages::Gathered, total: u64) -> Result<Vec<FoundIssue>, Fault> {
    let found = all.issues.len() as u64;
    if found != total {
        return Err(partial(format!(
            "{found} different issues came, expected {total}: they moved while being read"
        )));
    }
    Ok(all.issues)
}

fn partial(why: String) -> Fault {
    Fault::new(FaultClass::Partial, why)
}

async fn page(
    line: &Line<'_>,
    jql: &str,
    fields: &[&str],
    start: u64,
    size: usize,
) -> Result<Page, Fault> {
    let body = json!({ "jql": jql, "startAt": start, "maxResults": size, "fields": fields });
    let page: Page = line.post("/rest/api/2/search", &body).await?;
    // A warning means that a part of the JQL was passed over: the number is one of another question.
    if let Some(warning) = page.warnings.first() {
        return Err(Fault::new(
            FaultClass::Suspect,
            format!("Jira answered with a warning: {warning}"),
        )
        .help("mend the JQL until Jira's issue search shows no warning"));
    }
    Ok(page)
}
