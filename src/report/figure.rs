//! What HTML report and slides draw alike: bars, badges, and the head of a document that loads nothing.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest as _, Sha256};

use super::Report;
use crate::domain::status::Status;

/// A document that needs nothing else. What is not written here does not come in: the policy names style and script by
/// their digests.
pub(super) fn document(
    report: &Report,
    title: &str,
    style: &str,
    script: Option<&str>,
    inside: &Markup,
) -> String {
    let digest = |text: &str| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)));
    let mut policy = format!(
        "default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:; style-src {}",
        digest(style)
    );
    if let Some(script) = script {
        policy += &format!("; script-src {}", digest(script));
    }
    let markup = html! {
        (DOCTYPE)
        html lang=(report.tongue.language().as_str()) {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="generator" content={ "okrd " (env!("CARGO_PKG_VERSION")) };
                title { (title) }
                link rel="icon" href="data:,";
                style { (PreEscaped(style)) }
            }
            body {
                (inside)
                @if let Some(script) = script { script { (PreEscaped(script)) } }
            }
        }
    };
    markup.into_string() + "\n"
}

/// A status in words; its colour says nothing more.
pub(super) fn badge(status: Status, words: &str) -> Markup {
    html! { span class={ "badge " (status.as_str()) } { (words) } }
}
