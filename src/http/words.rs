//! What the engine knows of a source, in words. Knows no markup; `now` is an argument.

use jiff::Timestamp;

use crate::domain::id::Slug;
use crate::engine::lane::Held;
use crate::words::Tongue;

/// Why a source is left alone, and what to do about it where somebody must act.
#[must_use]
pub fn held(tongue: Tongue, source: &Slug, held: Held, now: Timestamp) -> String {
    match held {
        Held::Login { since } => tongue.held_login(tongue.ago(since, now), source),
        Held::Patience { until, .. } => tongue.held_patience(utc(until)),
        Held::Trouble { until, .. } => tongue.held_trouble(utc(until)),
    }
}

fn utc(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}
