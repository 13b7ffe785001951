//! How far something is, as a bar: its share, and a mark where the plan stands. Knows no card.

use maud::{Markup, html};

/// A bar with a mark where the plan stands; `label` says it to those who do not see it. Sizes are attributes of the drawing,
/// so that no inline style is needed.
#[must_use]
pub fn bar(share: Option<f64>, expected: Option<f64>, class: &str, label: &str) -> Markup {
    let width = |share: f64| (share.clamp(0.0, 1.0) * 1000.0).round();
    // Whole even at the ends, which are round.
    let mark = |share: f64| (width(share) - 3.0).clamp(6.0, 988.0);
    html! {
        svg class={ "bar " (class) } viewBox="0 0 1000 10" preserveAspectRatio="none" role="img" aria-label=(label) {
            rect.track width="1000" height="10" {}
            @if let Some(share) = share { rect.fill width=(width(share)) height="10" {} }
            @if let Some(expected) = expected {
                rect.gap x=(mark(expected) - 4.0) width="14" height="10" {}
                rect.plan x=(mark(expected)) width="6" height="10" {}
            }
        }
    }
}
