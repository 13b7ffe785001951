//! Pages of issues, put together to a whole or to nothing: a sum over a part of the issues is never told. Knows
//! neither deployment's protocol.

use std::collections::HashSet;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::domain::fault::{Fault, FaultClass, Remedy};

/// Issues asked for at a time; servers give fewer as they like.
pub(super) const PAGE: usize = 1000;
/// More pages are never read.
pub(super) const MOST_PAGES: usize = 400;
/// More issues are never added up: Data Center's result window, and time enough for a poll.
pub(super) const MOST_ISSUES: usize = 10_000;

/// By how many an estimated count and the issues that come may differ: a twentieth and a few, for an index lags behind
/// what happens.
pub(super) fn slack(counted: u64) -> u64 {
    3 + counted / 20
}

/// An issue in a page.
#[derive(Deserialize)]
pub(super) struct FoundIssue {
    /// Keys move with projects, ids stay.
    pub(super) id: String,
    #[serde(default)]
    pub(super) key: Option<String>,
    #[serde(default)]
    pub(super) fields: Option<Map<String, Value>>,
}

/// Issues gathered so far, each once.
#[derive(Default)]
pub(super) struct Gathered {
    pub(super) issues: Vec<FoundIssue>,
    ids: HashSet<String>,
}

impl Gathered {
    /// Takes in a page.
    ///
    /// # Errors
    /// [`FaultClass::Partial`] beyond [`MOST_ISSUES`].
    pub(super) fn take(&mut self, page: Vec<FoundIssue>) -> Result<(), Fault> {
        for issue in page {
            if self.ids.insert(issue.id.clone()) {
                self.issues.push(issue);
            }
        }
        fail_beyond_cap(self.issues.len() as u64)
    }
}

/// # Errors
/// [`FaultClass::Partial`] beyond [`MOST_ISSUES`].
pub(super) fn fail_beyond_cap(issues: u64) -> Result<(), Fault> {
    if issues <= MOST_ISSUES as u64 {
        return Ok(());
    }
    Err(too_many(issues))
}

/// The fault of so many issues or more.
pub(super) fn too_many(issues: u64) -> Fault {
    Fault::new(
        FaultClass::Partial,
        format!("{issues} issues or more match, at most {MOST_ISSUES} are added up"),
    )
    .help("narrow the JQL, for instance to issues whose field is not EMPTY")
}

/// The fault of page `number`: from the second on the answer is partial, unless the fault asks to leave the source
/// alone or may heal by itself, so that the poll is tried once more as it would be for the first page.
pub(super) fn broken(number: usize, fault: Fault) -> Fault {
    let speaks_for_itself = matches!(
        fault.class,
        FaultClass::Auth | FaultClass::RateLimited | FaultClass::Timeout | FaultClass::Partial
    );
    if number == 1 || speaks_for_itself {
        return fault;
    }
    if fault.class.remedy() == Remedy::RetryOnce {
        return Fault::new(fault.class, format!("page {number}: {}", fault.message))
            .help(fault.help)
            .after(fault.retry_after);
    }
    Fault::new(
        FaultClass::Partial,
        format!("page {number}: {}: {}", fault.class.as_str(), fault.message),
    )
    .help(fault.help)
}
