//! Fake servers for tests, no kinder than the real ones: a scripted wire that can break every promise of HTTP, TLS with
//! certificates of any fault, and services that refuse what the real ones refuse. Know nothing of okrd.

pub(crate) mod github;
pub(crate) mod gitlab;
pub(crate) mod matomo;
pub(crate) mod plausible;
pub(crate) mod posthog;
pub(crate) mod prometheus;
pub(crate) mod slack;
pub(crate) mod tls;
pub(crate) mod umami;
pub(crate) mod wire;
