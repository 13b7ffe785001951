//! Fake servers for tests, no kinder than the real ones: a scripted wire that can break every promise of HTTP, TLS with
//! certificates of any fault, and a Plausible that refuses what Plausible refuses. Know nothing of okrd.

pub(crate) mod plausible;
pub(crate) mod tls;
pub(crate) mod wire;
