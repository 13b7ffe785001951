//! A report as one page that needs nothing else: to read on any screen, to send along, to print.

use maud::{Markup, html};

use super::figure::{badge, document, drawn};
use super::{KeyResultTold, ObjectiveTold, Part, Report};
use crate::chart::bar;
use crate::domain::goals::{Initiative, Role};

const STYLE: &str = concat!(
    include_str!("../chart/chart.css"),
    include_str!("report.css")
);

/// The whole page.
#[must_use]
pub fn html(report: &Report) -> String {
    let t = report.tongue;
    let inside = html! {
        (head(report))
        main {
            @if report.cycles.is_empty() { p.empty { (t.no_objectives_yet()) } }
            @for part in &report.cycles { (cycle(report, part)) }
            @if !report.cycles.is_empty() {
                (changes(report))
                (lessons(report))
            }
        }
    };
    document(report, &report.title(), STYLE, None, &inside)
}

/// Vision and strategy.
fn head(report: &Report) -> Markup {
    let t = report.tongue;
    let company = &report.company;
    html! {
        header.masthead {
            p.about { (report.title()) " · " (report.as_of()) }
            h1 { (company.vision.as_deref().unwrap_or_else(|| t.objectives_and_key_results())) }
            @if !company.strategy.is_empty() {
                ul.strategy aria-label=(t.strategy()) {
                    @for line in &company.strategy { li { (line) } }
                }
            }
        }
    }
}

fn cycle(report: &Report, part: &Part) -> Markup {
    let t = report.tongue;
    let passed = t.passed(&part.cycle, report.until);
    let gone = part.cycle.elapsed(report.until);
    html! {
        section.cycle {
            header {
                h2 { (part.cycle.name) }
                p.soft { (t.cycle_days(&part.cycle)) " · " (passed) }
                (bar(Some(gone), None, "elapsed", &passed))
            }
            @for told in &part.objectives { (objective(report, told)) }
        }
    }
}

fn objective(report: &Report, told: &ObjectiveTold) -> Markup {
    let t = report.tongue;
    let agreed = &told.card.objective;
    html! {
        section.objective {
            header {
                p.owner {
                    (told.owner(t))
                    @if let Some(serves) = told.serves(t) { " · " (serves) }
                }
                h3 { (agreed.title) }
                @if let Some(why) = &agreed.why { p.soft { (why) } }
                p.state { (badge(told.card.status, told.status(t))) " " (told.progress(t)) }
            }
            @if !told.key_results.is_empty() {
                ul.key-results {
                    @for kr in &told.key_results { li { (key_result(report, told, kr)) } }
                }
            }
            @if !agreed.initiatives.is_empty() {
                div.tried {
                    h4 { (t.what_we_try()) }
                    ul { @for initiative in &agreed.initiatives { li { (tried(report, initiative)) } } }
                }
            }
        }
    }
}

fn key_result(report: &Report, told: &ObjectiveTold, kr: &KeyResultTold) -> Markup {
    let t = report.tongue;
    let (card, agreed) = (&kr.card, &kr.card.key_result);
    let ambition = told.card.objective.ambition;
    let words = t.made_and_expected(card, ambition);
    let beside = report.beside(kr).join(" ");
    html! {
        div.text {
            h4 {
                (agreed.title)
                @if agreed.role == Role::Guardrail { " " span.tag { (t.guardrail()) } }
                @else if (agreed.weight - 1.0).abs() > f64::EPSILON { " " span.tag { (t.weight(t.number(agreed.weight))) } }
            }
            @if let Some(why) = &agreed.why { p.soft { (why) } }
        }
        div.figure {
            @if let Some((value, _)) = card.value {
                p class=(if card.stale { "value old" } else { "value" }) {
                    strong { (t.number(value)) } " " span.unit { (agreed.unit) }
                }
            } @else {
                p.value.none { (t.status_no_data()) }
            }
            p.goal { (t.goal(card)) }
        }
        @if card.made().is_some() {
            div.way {
                (bar(card.made(), card.planned(ambition), card.status.as_str(), &words))
                p.goal { (words) }
            }
        }
        @if let Some(drawn) = drawn(report, card) { (drawn) }
        p.reason { (badge(card.status, &t.ended(t.status(card.status), card.closing))) " " (t.reason(card)) }
        @if !beside.is_empty() { p.note { (beside) } }
    }
}

fn tried(report: &Report, initiative: &Initiative) -> Markup {
    let t = report.tongue;
    html! {
        span.tag { (t.initiative(initiative.state)) } " " (initiative.title)
        @if let Some(jira) = &initiative.jira { " " span.soft { (jira) } }
        @for link in &initiative.links { " " a.soft href=(link.as_str()) rel="noopener noreferrer" { (link.shown()) } }
        @if let Some(learned) = &initiative.learned { p.soft { (t.learned(learned)) } }
    }
}

fn changes(report: &Report) -> Markup {
    let changed: Vec<_> = report.objectives().filter(|o| o.has_changed()).collect();
    html! {
        section.changes {
            h2 { (report.tongue.what_changed()) }
            p.soft { (report.period()) }
            @for told in &changed {
                section {
                    h3 { (told.card.objective.title) }
                    @if let Some(turn) = report.turn(told) { p.turn { (turn) } }
                    @for (kr, changes) in told.changes() {
                        div.changed {
                            h4 { (kr.card.key_result.title) }
                            ul { @for change in &changes { li { (report.change(change, kr)) } } }
                        }
                    }
                }
            }
            @if !report.said.is_empty() {
                section {
                    h3 { (report.tongue.noted_of_all()) }
                    ul { @for said in &report.said { li { (report.said(said)) } } }
                }
            }
            @if changed.is_empty() && report.said.is_empty() { p.soft { (report.tongue.nothing_changed()) } }
        }
    }
}

fn lessons(report: &Report) -> Markup {
    let lessons: Vec<_> = report.lessons().collect();
    if lessons.is_empty() {
        return html! {};
    }
    html! {
        section.changes {
            h2 { (report.tongue.what_was_learned()) }
            @for (told, learned) in lessons {
                section {
                    h3 { (told.card.objective.title) }
                    @for initiative in learned {
                        div.changed {
                            h4 { (initiative.title) }
                            p { (initiative.learned.as_deref().unwrap_or_default()) }
                        }
                    }
                }
            }
        }
    }
}
