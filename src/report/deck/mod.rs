//! The slides of a strategy meeting as one HTML file that needs nothing else: vision and strategy, the company's
//! objectives, those of the teams, what changed, how the last cycle ended and what was learned. Printed, each slide is a
//! page. What stands on which slide is told by `slides`; how it looks by `deck.css`.

mod blocks;
mod flow;
mod measure;
mod slides;

use maud::{Markup, html};

use self::slides::Slide;
use super::figure::document;
use super::{Part, Report};

/// Leads from slide to slide by keys; without it the slides are read by scrolling.
const SCRIPT: &str = include_str!("deck.js");

/// The whole deck; `last` is the cycle that ended before.
#[must_use]
pub fn deck(report: &Report, last: Option<&Part>) -> String {
    let slides = slides::all(report, last);
    let of = slides.len();
    let style = [
        &*measure::style(),
        include_str!("../../chart/chart.css"),
        include_str!("deck.css"),
    ]
    .concat();
    let inside = html! {
        @for (nth, found) in slides.iter().enumerate() { (slide(report, found, nth + 1, of)) }
    };
    document(report, &title(report), &style, Some(SCRIPT), &inside)
}

/// "Acme · Strategy meeting".
fn title(report: &Report) -> String {
    let meeting = report.tongue.strategy_meeting();
    match report.company.name.as_str() {
        "" => meeting.to_owned(),
        name => format!("{name} · {meeting}"),
    }
}

fn slide(report: &Report, slide: &Slide, nth: usize, of: usize) -> Markup {
    let t = report.tongue;
    html! {
        section class={ "slide " (slide.class) } id={ "slide-" (nth) } {
            header {
                p.kicker.t-small { (slide.kicker) }
                @if nth == 1 { h1 class=(slide.set.class) { (slide.title) } }
                @else { h2 class=(slide.set.class) { (slide.title) } }
            }
            div.body { @for block in &slide.body { (block) } }
            footer.t-small {
                span.about { (title(report)) " · " (report.as_of()) }
                @if nth == 1 { span.hint { (t.print_hint()) } }
                span.nth { (nth) " / " (of) }
            }
        }
    }
}
