//! Floor 1: what was written, checked. Text goes in, a valid [`spec::Config`] and findings come out; only
//! `load` and `secret` touch the world. Knows no source, no store and no face.

pub mod files;
pub mod finding;
pub mod load;
pub mod notify;
pub mod quiet;

mod keys;
mod login;
mod veil;

pub mod asked;
pub mod check;
pub mod diff;
pub mod format;
pub mod render;
pub mod schema;

pub mod replay;
pub mod schedule;
pub mod secret;
pub mod spec;
pub mod sql;
pub mod web;
