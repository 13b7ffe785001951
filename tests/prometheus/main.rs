//! What okrd ships for Prometheus, judged by Prometheus itself. Knows nothing of how okrd is built.

mod fixture;

#[path = "../servers/mod.rs"]
mod servers;
