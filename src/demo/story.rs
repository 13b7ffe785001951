//! What the demo remembers of itself from one run in a folder to the next: how far its story was told, so that no
//! number falls back, and which ports it took in place of taken ones. Damaged or gone, the story begins anew.

use std::net::SocketAddr;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::world::World;

/// The file in the demo's folder.
const FILE: &str = ".demo.json";

/// What is remembered.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Story {
    /// The start of the cycle it is told of, in seconds since 1970.
    cycle_start: i64,
    /// Seconds told so far.
    told: f64,
    /// Where page, Jira and Plausible stood in place of their usual addresses.
    pub instead: [Option<SocketAddr>; 3],
}

impl Story {
    /// The story of a folder.
    #[must_use]
    pub fn read(folder: &Path) -> Self {
        let text = std::fs::read_to_string(folder.join(FILE)).ok();
        text.and_then(|text| serde_json::from_str(&text).ok())
            .unwrap_or_default()
    }

    /// Goes on telling at `now` where it ended, or begins with another cycle; `gone` is its share gone. Also tells
    /// whether the story is new.
    pub fn go_on(&mut self, start: Timestamp, gone: f64, now: Timestamp) -> (World, bool) {
        let is_new = self.cycle_start != start.as_second() || !self.told.is_finite();
        if is_new {
            (self.cycle_start, self.told) = (start.as_second(), 0.0);
        }
        let told = SignedDuration::try_from_secs_f64(self.told.max(0.0)).unwrap_or_default();
        let began = now.checked_sub(told).unwrap_or(now);
        (World { began, gone }, is_new)
    }

    /// Remembers how far the story is told.
    ///
    /// # Errors
    /// What the system says.
    pub fn keep(&mut self, folder: &Path, told: f64) -> std::io::Result<()> {
        self.told = told;
        let text = serde_json::to_string(self).map_err(std::io::Error::other)?;
        let (file, unfinished) = (folder.join(FILE), folder.join(".demo.json.new"));
        std::fs::write(&unfinished, text)?;
        std::fs::rename(unfinished, file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_story_goes_on_where_it_ended_until_its_cycle_does() {
        let folder = tempfile::tempdir().unwrap();
        let at = |second| Timestamp::from_second(second).unwrap();
        let mut story = Story::read(folder.path());
        let (world, is_new) = story.go_on(at(100), 0.5, at(500));
        assert!(is_new);
        let last = world.orders(at(640));
        story.keep(folder.path(), world.seconds(at(640))).unwrap();

        let mut story = Story::read(folder.path());
        let (world, is_new) = story.go_on(at(100), 0.5, at(9_000));
        assert!(!is_new);
        assert_eq!(world.orders(at(9_000)), last);
        assert!(story.go_on(at(7_000), 0.0, at(9_000)).1, "another cycle");
        std::fs::write(folder.path().join(FILE), "{").unwrap();
        assert_eq!(Story::read(folder.path()), Story::default());
    }
}
