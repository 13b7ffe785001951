//! What okrd ships for Prometheus, judged by Prometheus and Alertmanager themselves. Knows nothing of how okrd is built but
//! the names of its metrics.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "tests may fail loudly"
)]

mod fixture;
mod live;
mod promql;
mod rules;
mod secured;
mod shipped;
mod stack;
mod titles;

#[allow(dead_code, reason = "not every fake is needed by every test program")]
#[path = "../fakes/mod.rs"]
mod fakes;
#[allow(
    dead_code,
    reason = "not all that one can do with an okrd is done here"
)]
#[path = "../program/home.rs"]
mod home;
#[path = "../servers/mod.rs"]
mod servers;
