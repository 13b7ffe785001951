//! Fake servers for tests, no kinder than the real ones: a scripted wire that can break every promise of HTTP, TLS with
//! certificates of any fault, and a Plausible and a Slack that refuse what those refuse. Know nothing of okrd.

pub(crate) mod plausible;
pub(crate) mod slack;
pub(crate) mod tls;
pub(crate) mod wire;
