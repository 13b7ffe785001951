//! okrd measures OKRs: it reads goals from TOML, polls the sources behind the key results, keeps every
//! value and exports progress. The modules below are the floors of the house, ground floor first; a floor
//! imports only from floors below it (`tests/floors.rs` guards that). ARCHITECTURE.md is the guided tour.

pub mod domain;

pub mod chart;
pub mod config;
pub mod net;
pub mod words;

pub mod source;
pub mod store;

pub mod engine;

pub mod http;
pub mod metrics;
pub mod notify;
pub mod report;

pub mod cli;
pub mod demo;
