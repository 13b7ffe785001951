//! The HTTP client and the sources built on it, against servers that break every promise. The fault rows that a test
//! stands for are in its name.
#![allow(
    clippy::unwrap_used,
    clippy::float_cmp,
    reason = "a test that finds nothing to unwrap has failed"
)]

#[allow(dead_code, reason = "not every fake is needed by every test program")]
mod fakes;

#[path = "web/client.rs"]
mod client;
#[path = "web/contract.rs"]
mod contract;
#[path = "web/expressions.rs"]
mod expressions;
#[path = "web/http.rs"]
mod http;
#[path = "web/matomo.rs"]
mod matomo;
#[path = "web/plausible.rs"]
mod plausible;
#[path = "web/tried.rs"]
mod tried;
#[path = "web/umami.rs"]
mod umami;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::civil::date;
use okrd::config::secret::Setting;
use okrd::config::spec::HttpSpec;
use okrd::domain::cycle::Cycle;
use okrd::domain::id::CycleName;
use okrd::domain::window::{Moments, Window};
use okrd::source::worker::Workers;

/// Workers that are the built program.
fn workers() -> Arc<Workers> {
    Arc::new(Workers::new(env!("CARGO_BIN_EXE_okrd").into()))
}

fn spec(url: &str) -> HttpSpec {
    HttpSpec {
        url: Setting::Plain(url.into()),
        auth: None,
        headers: BTreeMap::new(),
        ca_file: None,
        max_body: HttpSpec::DEFAULT_MAX_BODY,
    }
}

/// Moments in the last quarter of 2026, in Amsterdam.
fn moments(now: &str, window: &str) -> Moments {
    let zone = jiff::tz::TimeZoneDatabase::bundled();
    let cycle = Cycle::new(
        CycleName::parse("2026-Q4").unwrap(),
        date(2026, 10, 1),
        date(2026, 12, 31),
        zone.get("Europe/Amsterdam").unwrap(),
    );
    let window = Window::parse(window).unwrap();
    Moments::at(now.parse().unwrap(), &cycle.unwrap(), window).unwrap()
}

/// A secret in a file of its own.
struct Kept(tempfile::TempDir);

impl Kept {
    fn new(secret: &str) -> Self {
        let kept = Self(tempfile::tempdir().unwrap());
        kept.write(secret);
        kept
    }

    fn path(&self) -> std::path::PathBuf {
        self.0.path().join("secret")
    }

    fn write(&self, secret: &str) {
        std::fs::write(self.path(), secret).unwrap();
    }
}
