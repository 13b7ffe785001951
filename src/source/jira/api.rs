//! The two APIs side by side: the same four questions, asked of Cloud or of Data Center. Knows no login and no time.

use super::line::Line;
use super::pages::FoundIssue;
use super::{cloud, data_center};
use crate::domain::fault::Fault;
use crate::domain::quality::{Flag, Quality};

/// Which of the two APIs is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    /// Jira Cloud, REST v3.
    Cloud,
    /// Jira Data Center or Server, REST v2.
    DataCenter,
}

impl Api {
    /// What is known against its counts: those of the cloud are estimates.
    pub(super) fn quality(self) -> Quality {
        match self {
            Self::Cloud => Quality::default().with(Flag::Approximate),
            Self::DataCenter => Quality::default(),
        }
    }

    /// The address of something that both have.
    pub(super) fn path(self, what: &str) -> String {
        match self {
            Self::Cloud => format!("/rest/api/3/{what}"),
            Self::DataCenter => format!("/rest/api/2/{what}"),
        }
    }

    /// How many issues match.
    pub(super) async fn count(self, line: &Line<'_>, jql: &str) -> Result<u64, Fault> {
        match self {
            Self::Cloud => cloud::count(line, jql).await,
            Self::DataCenter => data_center::count(line, jql).await,
        }
    }

    /// Every issue that matches, each once, with these fields; all or a fault.
    pub(super) async fn all(
        self,
        line: &Line<'_>,
        jql: &str,
        fields: &[&str],
    ) -> Result<Vec<FoundIssue>, Fault> {
        match self {
            Self::Cloud => cloud::all(line, jql, fields).await,
            Self::DataCenter => data_center::all(line, jql, fields).await,
        }
    }

    /// The same, checked against a count of Jira's own: good enough to be measured.
    pub(super) async fn whole(
        self,
        line: &Line<'_>,
        jql: &str,
        fields: &[&str],
    ) -> Result<Vec<FoundIssue>, Fault> {
        match self {
            Self::Cloud => cloud::whole(line, jql, fields).await,
            // Each page tells the total.
            Self::DataCenter => data_center::all(line, jql, fields).await,
        }
    }

    /// The first issues that match, at most `limit`, with these fields.
    pub(super) async fn first(
        self,
        line: &Line<'_>,
        jql: &str,
        fields: &[&str],
        limit: usize,
    ) -> Result<Vec<FoundIssue>, Fault> {
        match self {
            Self::Cloud => cloud::first(line, jql, fields, limit).await,
            Self::DataCenter => data_center::first(line, jql, fields, limit).await,
        }
    }
}
