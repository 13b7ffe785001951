//! The built program, driven as its users drive it: by commands, files, signals and HTTP, against real databases and
//! strict fakes. Knows nothing of how it is built.
#![expect(clippy::unwrap_used, reason = "tests may fail loudly")]

mod backfill;
mod backup;
mod catch_up;
mod check;
mod clock;
mod demo;
mod diff;
mod editors;
mod epochs;
mod everything;
mod export;
mod faults;
mod filters;
mod forecast;
mod home;
mod init;
mod kill;
mod kinds;
mod lifecycle;
mod manual;
mod mistakes;
mod notify;
mod people;
mod politeness;
mod push;
mod record;
mod reload;
mod report;
mod review;
mod secrets;
mod server;
mod soak;
mod start;
mod store;
mod told;
mod truth;
mod watch;
mod web;
mod why;

#[allow(dead_code, reason = "not every fake is needed by every test program")]
#[path = "../fakes/mod.rs"]
mod fakes;
#[allow(dead_code, reason = "not every fake is needed by every test program")]
#[path = "../jira/fake.rs"]
mod jira;
#[path = "../jira/query.rs"]
mod query;
#[path = "../servers/mod.rs"]
mod servers;
#[path = "../fakes/smtp.rs"]
mod smtp;
#[path = "../fakes/tracker.rs"]
mod tracker;
