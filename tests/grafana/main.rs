//! The dashboards of `deploy/grafana/`: every rule they follow by its name, their model against Grafana's published
//! schema, and every query against a real Prometheus that scraped the real daemon over a backfilled cycle. What came back
//! is drawn under `target/grafana/`, since no Grafana is at hand to look at.
#![expect(clippy::unwrap_used, reason = "tests may fail loudly")]

mod breadth;
mod dashboards;
mod data;
mod draw;
mod figures;
mod frames;
mod layout;
mod linter;
mod looks;
mod model;
mod page;
mod promql;
mod provisioning;
mod rules;
mod variables;
mod world;

#[path = "../servers/mod.rs"]
mod servers;
