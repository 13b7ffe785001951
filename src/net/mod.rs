//! Floor 1: polite HTTP. One client with one TLS configuration, bodies read under a cap and a deadline, faults in
//! our own classes. Knows no Jira, no Plausible and no configuration; limits come as plain values.

pub mod client;

pub mod answer;
pub mod fault;
pub mod json;
pub mod overheard;
pub mod request;
pub mod resolve;
pub mod tls;

/// The headers of an answer, in the words of the HTTP library, so that nobody above needs to name it.
pub mod headers {
    pub use reqwest::header::{DATE, HeaderMap, HeaderValue};
}
