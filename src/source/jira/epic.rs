//! How far the work under an issue is: its issues by the category of their status. On Cloud every child names its `parent`
//! (developer.atlassian.com, "Deprecation of the Epic Link"); on Data Center the issues of an epic name it in `Epic Link`.
//! Nothing here is a measure of a key result.

use std::time::Duration;

use super::line::Line;
use super::trust::Figure;
use super::{Api, Jira, within};
use crate::domain::fault::Fault;
use crate::domain::reading::Reading;
use crate::domain::work::Work;

impl Jira {
    /// The work under an issue, whose key was checked; `None` where no issue is under it.
    pub(super) async fn work_under(
        &self,
        issue: &str,
        timeout: Duration,
    ) -> Result<Option<Work>, Fault> {
        let line = self.open(timeout);
        let counted = within(timeout, self.count_work(&line, issue)).await;
        counted.map_err(|fault| line.veil(fault))
    }

    async fn count_work(&self, line: &Line<'_>, issue: &str) -> Result<Option<Work>, Fault> {
        let api = self.api(line).await?;
        let (mut done, mut of) = (0, 0);
        let read = async {
            of = api.count(line, &under(api, issue)).await?;
            let finished = format!("{} AND statusCategory = Done", under(api, issue));
            done = api.count(line, &finished).await?;
            Ok(Figure {
                reading: Ok(Reading::whole(done.into())),
                empty: of == 0,
            })
        };
        let read = read.await;
        self.settle(line, api, read).await?;
        Ok(Work::new(done, of))
    }
}

fn under(api: Api, issue: &str) -> String {
    match api {
        Api::Cloud => format!("parent = \"{issue}\""),
        Api::DataCenter => format!("\"Epic Link\" = \"{issue}\""),
    }
}
