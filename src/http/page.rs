//! The page: vision and strategy first, then objectives with their key results as a tree, rendered on the server
//! without script. Shows only what the board says, names no person and ranks nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use maud::{DOCTYPE, Markup, html};
use sha2::{Digest as _, Sha256};

use super::words;
use crate::chart::{bar, chart};
use crate::domain::cycle::Cycle;
use crate::domain::goals::{Company, Initiative, Objective, ParentLink, Role};
use crate::domain::id::Slug;
use crate::domain::scorecard::{KeyResultCard, ObjectiveCard};
use crate::domain::status::Status;
use crate::domain::target::Aim;
use crate::engine::board::{Board, SourceBoard};
use crate::words::Tongue;

/// The style sheet, served beside the page.
pub const STYLE: &str = concat!(include_str!("../chart/chart.css"), include_str!("page.css"));

/// Changes with the style sheet, so that browsers may keep it.
static STYLE_VERSION: LazyLock<String> =
    LazyLock::new(|| format!("{:.12x}", Sha256::digest(STYLE)));

/// Seconds after which the page loads itself again.
const REFRESH: u32 = 30;

/// The version of the style sheet, which its address on the page carries.
pub(super) fn style_version() -> &'static str {
    &STYLE_VERSION
}

/// The language that the company reads.
pub(super) fn tongue(board: &Board) -> Tongue {
    Tongue::of(board.scorecard.company.language)
}

/// What a page is to show; everything that runs when nothing is said.
#[derive(Clone, Copy, Debug, Default)]
pub struct View<'v> {
    /// Of one cycle, such as one that ended.
    pub cycle: Option<&'v Cycle>,
    /// Of one team, with the objectives that its own serve.
    pub team: Option<&'v Slug>,
}

impl View<'_> {
    /// Whether everything that runs is shown.
    #[must_use]
    pub fn is_whole(self) -> bool {
        self.cycle.is_none() && self.team.is_none()
    }

    /// The address of a page like this one.
    pub(super) fn address(self) -> String {
        let cycle = self.cycle.map(|cycle| format!("cycle={}", cycle.name));
        let team = self.team.map(|team| format!("team={team}"));
        match (cycle, team) {
            (Some(cycle), Some(team)) => format!("?{cycle}&{team}"),
            (Some(one), None) | (None, Some(one)) => format!("?{one}"),
            (None, None) => "./".into(),
        }
    }
}

/// The page as of `now`: cycles that run or are to come, with links to those that ended; or the cycle of the view.
#[must_use]
pub fn page(board: &Board, view: View<'_>, now: Timestamp) -> String {
    let t = tongue(board);
    let cycles = board.scorecard.in_reading_order(now);
    let (ended, current): (Vec<&Cycle>, Vec<&Cycle>) =
        cycles.into_iter().partition(|cycle| cycle.end() <= now);
    let shown = view.cycle.map_or(current, |cycle| vec![cycle]);
    let ended = ended.into_iter().filter(|c| has_objectives(board, c));
    let ended: Vec<_> = ended.filter(|_| view.cycle.is_none()).collect();
    frame(
        board,
        now,
        &html! {
            (choices(board, view))
            @if board.scorecard.objectives.is_empty() {
                p.empty { (t.no_objectives_yet()) }
            }
            @for cycle in shown { (cycle_section(board, cycle, view, now)) }
            @if !ended.is_empty() {
                nav.ended aria-label=(t.cycles_that_ended()) {
                    @for cycle in ended {
                        @let other = View { cycle: Some(cycle), ..view };
                        a href=(other.address()) { (cycle.name) ", " (t.cycle_days(cycle)) } " "
                    }
                }
            }
        },
    )
}

/// Links to the same for each team, and from one cycle to all that runs.
fn choices(board: &Board, view: View<'_>) -> Markup {
    let t = tongue(board);
    let teams = &board.scorecard.teams;
    let link = |other: View<'_>, name: &str| {
        let is_here = other.team == view.team && other.cycle.is_some() == view.cycle.is_some();
        html! { a href=(other.address()) aria-current=[is_here.then_some("page")] { (name) } " " }
    };
    html! {
        @if view.cycle.is_some() {
            nav.ended { (link(View { cycle: None, ..view }, t.all_that_runs_now())) }
        }
        @if !teams.is_empty() {
            nav.ended.teams aria-label=(t.teams()) {
                (link(View { team: None, ..view }, t.everyone()))
                @for (id, team) in teams.iter() {
                    (link(View { team: Some(id), ..view }, &team.name))
                }
            }
        }
    }
}

/// The objectives of a team, and those that they serve, however far up.
fn of_team<'c>(cards: &[&'c ObjectiveCard], team: &Slug) -> Vec<&'c ObjectiveCard> {
    let parent = |id: &Slug| {
        let mut all = cards.iter();
        let card = all.find(|card| card.objective.id.objective == *id)?;
        card.objective
            .parent
            .as_ref()
            .map(|parent| &parent.objective)
    };
    let own = cards
        .iter()
        .filter(|card| card.objective.team.as_ref() == Some(team));
    let mut kept = BTreeSet::new();
    for card in own {
        let mut next = Some(&card.objective.id.objective);
        // What was kept before has its parents already, also where they lead round in a circle.
        while let Some(id) = next.filter(|id| kept.insert((*id).clone())) {
            next = parent(id);
        }
    }
    let is_kept = |card: &&&ObjectiveCard| kept.contains(&card.objective.id.objective);
    cards.iter().filter(is_kept).copied().collect()
}

fn has_objectives(board: &Board, cycle: &Cycle) -> bool {
    let mut all = board.scorecard.objectives();
    all.any(|card| card.objective.id.cycle == cycle.name)
}

pub(super) fn frame(board: &Board, now: Timestamp, inside: &Markup) -> String {
    let company = &board.scorecard.company;
    let t = tongue(board);
    let title = if company.name.is_empty() {
        t.objectives_and_key_results().to_owned()
    } else {
        t.page_title(&company.name)
    };
    let markup = html! {
        (DOCTYPE)
        html lang=(t.language().as_str()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta http-equiv="refresh" content=(REFRESH);
                title { (title) }
                link rel="icon" href="data:,";
                link rel="stylesheet" href={ "style.css?v=" (style_version()) };
            }
            body {
                (masthead(t, company))
                main {
                    (inside)
                    (health(board, now))
                }
                (footer(board, now))
            }
        }
    };
    markup.into_string()
}

fn masthead(t: Tongue, company: &Company) -> Markup {
    html! {
        header.masthead {
            @if !company.name.is_empty() { p.company { (company.name) } }
            @if let Some(vision) = &company.vision {
                h1 { (vision) }
            } @else {
                h1 { (t.objectives_and_key_results()) }
            }
            @if !company.strategy.is_empty() {
                ul.strategy aria-label=(t.strategy()) {
                    @for line in &company.strategy { li { (line) } }
                }
            }
        }
    }
}

fn cycle_section(board: &Board, cycle: &Cycle, view: View<'_>, now: Timestamp) -> Markup {
    let all = board.scorecard.objectives();
    let all: Vec<_> = all
        .filter(|card| card.objective.id.cycle == cycle.name)
        .collect();
    let cards = view
        .team
        .map_or_else(|| all.clone(), |team| of_team(&all, team));
    if cards.is_empty() {
        return html! {};
    }
    let t = tongue(board);
    let passed = t.passed(cycle, now);
    let inside = html! {
        @for (depth, card) in tree(&cards) { (objective(board, card, &all, depth, now)) }
    };
    html! {
        section.cycle {
            header {
                h2 { (cycle.name) }
                p.dates { (t.cycle_days(cycle)) " · " (passed) }
                (bar(Some(cycle.elapsed(now)), None, "elapsed", &passed))
            }
            (inside)
        }
    }
}

/// Objectives with their depth, each parent before its children, company level first. A parent that is not there, or a
/// loop, makes an objective a root: nothing is ever left out.
fn tree<'a>(cards: &[&'a ObjectiveCard]) -> Vec<(usize, &'a ObjectiveCard)> {
    let ids: BTreeSet<&Slug> = cards
        .iter()
        .map(|card| &card.objective.id.objective)
        .collect();
    let mut children: BTreeMap<&Slug, Vec<&ObjectiveCard>> = BTreeMap::new();
    let mut roots = Vec::new();
    for &card in cards {
        match &card.objective.parent {
            Some(parent) if ids.contains(&parent.objective) => {
                children.entry(&parent.objective).or_default().push(card);
            }
            _ => roots.push(card),
        }
    }
    roots.sort_by_key(|card| card.objective.team.is_some());
    let mut seen = BTreeSet::new();
    let mut order = Vec::new();
    // What hangs in a loop is reached from no root; each one of it is tried as a root at the end.
    for &root in roots.iter().chain(cards) {
        let mut waiting = vec![(0, root)];
        while let Some((depth, card)) = waiting.pop() {
            let id = &card.objective.id.objective;
            if seen.insert(id) {
                order.push((depth, card));
                let below = children.get(id).into_iter().flatten().rev();
                waiting.extend(below.map(|child| (depth + 1, *child)));
            }
        }
    }
    order
}

fn objective(
    board: &Board,
    card: &ObjectiveCard,
    all: &[&ObjectiveCard],
    depth: usize,
    now: Timestamp,
) -> Markup {
    let t = tongue(board);
    let objective = &card.objective;
    let name_of = |id: &Slug| {
        board
            .scorecard
            .teams
            .get(id)
            .map_or(id.to_string(), |team| team.name.clone())
    };
    let owner = objective
        .team
        .as_ref()
        .map_or_else(|| t.of_company().to_owned(), name_of);
    let status = t.objective_status(card.status, card.progress.is_some());
    html! {
        section class={ "objective depth-" (depth.min(3)) } {
            header {
                p.owner {
                    (owner)
                    @if let Some(parent) = &objective.parent {
                        @if parent.link == ParentLink::Contributes { (t.counts_in(&parent.objective)) }
                        @else if depth == 0 { (t.serves(&parent.objective)) }
                    }
                }
                h3 { (objective.title) }
                @if let Some(why) = &objective.why { p.why { (why) } }
                p.state {
                    (badge_of(card.status, status)) " " span { (t.objective_progress(card)) }
                    @if let Some(decides) = card.decided_by(all) { span.decides { (t.decided_by(decides)) } }
                }
            }
            @if !card.key_results.is_empty() {
                ul.key-results {
                    @for kr in &card.key_results { li { (key_result(board, card, kr, Size::Small, now)) } }
                }
            }
            (initiatives(board, objective, None, now))
        }
    }
}

/// How large a chart is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Size {
    /// One of many.
    Small,
    /// The only one, with what its lines are.
    Large,
}

/// A key result with its chart.
pub(super) fn key_result(
    board: &Board,
    objective: &ObjectiveCard,
    card: &KeyResultCard,
    size: Size,
    now: Timestamp,
) -> Markup {
    let t = tongue(board);
    let key_result = &card.key_result;
    let (share, expected) = (
        card.made().map(|share| share.clamp(0.0, 1.0)),
        card.planned(objective.objective.ambition),
    );
    html! {
        div.text {
            h4 {
                a href={ "?key_result=" (key_result.id.full()) } { (key_result.title) }
                @if key_result.role == Role::Guardrail { " " span.tag { (t.guardrail()) } }
                @else if (key_result.weight - 1.0).abs() > f64::EPSILON { " " span.tag { (t.weight(t.number(key_result.weight))) } }
            }
            @if let Some(why) = &key_result.why { p.why { (why) } }
        }
        div.figure {
            @if let Some((value, _)) = card.value {
                p class=(if card.stale { "value old" } else { "value" }) {
                    strong { (t.number(value)) } " " span.unit { (key_result.unit) }
                }
            } @else {
                p.value.none { (t.status_no_data()) }
            }
            p.goal { (goal(t, card)) }
        }
        (bar(share, expected, card.status.as_str(), &t.made_and_expected(card, objective.objective.ambition)))
        (drawn(t, board, card, size, now))
        div.state {
            p { (badge_of(card.status, t.status(card.status))) " " span.reason { (t.reason(card)) } }
            @if let Some((_, as_of)) = card.value {
                p.age { @if card.stale { (t.last_known()) } @else { (t.measured()) } (moment(t, as_of, now)) }
            }
        }
        @match &card.forecast {
            Ok(forecast) => { p.forecast { (t.forecast(forecast, &key_result.unit)) } },
            Err(reason) => {
                @if reason.is_to_come() && card.value.is_some() { p.forecast { (t.no_forecast(*reason)) } }
                @if let Some(day) = card.corrected { p.note { (t.corrected_on(t.day(day))) } }
            },
        }
        @if let Some(rate) = card.rate_needed() { p.rate { (t.rate(rate)) } }
        @if let Some(note) = &card.note {
            p.note { (t.with_this_value(note)) }
        }
        @for flag in card.quality.flags() {
            p.note { (t.this_value(t.flag(flag))) }
        }
        @if card.is_contradicted() && let Some(confidence) = card.confidence {
            p.note { (t.disagrees(confidence)) }
        }
        @if let Some(said) = &card.check_in {
            @if let Some(note) = &said.note { p.note { (t.said(t.ago(said.at, now), note)) } }
        }
        @if let Some(attempt) = &card.last_attempt && let Some((class, message)) = &attempt.fault {
            p.fault {
                (t.newest_attempt_failed(t.ago(attempt.at, now)))
                @if is_told_below(board, card, message) {
                    (t.see_source(card.key_result.feed.source(), t.fault(*class)))
                } @else {
                    (t.fault_told(message, t.fault(*class)))
                }
            }
        }
    }
}

/// Whether the page tells the fault once for all, where it speaks of the source.
fn is_told_below(board: &Board, card: &KeyResultCard, message: &str) -> bool {
    let name = card.key_result.feed.source();
    let mut sources = board.sources.iter();
    let source = sources.find(|source| source.name.as_str() == name);
    let fault = source.and_then(|source| source.fault.as_deref());
    fault.is_some_and(|fault| fault.contains(message))
}

/// What the key result aims for, in a few words; with its unit where no value shows that.
fn goal(t: Tongue, card: &KeyResultCard) -> String {
    match (&card.key_result.aim, card.baseline, card.target) {
        (Aim::Reach(reach), Some(from), Some(to)) if card.value.is_none() && !reach.strict => {
            t.from_to(t.number(from), t.quantity(to, &card.key_result.unit))
        }
        _ => t.goal(card),
    }
}

/// The chart with the numbers between which it is drawn, and the days.
fn drawn(t: Tongue, board: &Board, card: &KeyResultCard, size: Size, now: Timestamp) -> Markup {
    let name = &card.key_result.id.cycle;
    let mut cycles = board.scorecard.cycles.iter();
    let cycle = cycles.find(|cycle| cycle.name == *name);
    let label = t.chart_of(&card.key_result.title, t.goal(card));
    let drawn = cycle.and_then(|cycle| Some((cycle, chart(card, cycle, now, &label)?)));
    html! {
        @if let Some((cycle, chart)) = drawn {
            @let framed = chart.framed(
                [&t.number(chart.least), &t.number(chart.greatest)],
                [&t.date(cycle.first_day), &t.date(cycle.last_day)],
            );
            @match size {
                Size::Small => (framed),
                Size::Large => { div.large { (framed) p.legend { (t.chart_legend()) } } },
            }
        }
    }
}

pub(super) fn badge_of(status: Status, words: &str) -> Markup {
    html! { span class={ "badge badge-" (status.as_str()) } { (words) } }
}

/// Its initiatives that are meant to move one key result, or all.
pub(super) fn initiatives(
    board: &Board,
    objective: &Objective,
    of: Option<&Slug>,
    now: Timestamp,
) -> Markup {
    let t = tongue(board);
    let work = |one: &Initiative| board.works.get(&(objective.id.clone(), one.id.clone()));
    let all = objective.initiatives.iter();
    let all: Vec<_> = all
        .filter(|one| of.is_none_or(|key_result| one.key_results.contains(key_result)))
        .collect();
    if all.is_empty() {
        return html! {};
    }
    html! {
        div.initiatives {
            h4 { (t.what_we_try()) }
            ul {
                @for initiative in all {
                    li {
                        span.tag { (t.initiative(initiative.state)) } " " (initiative.title)
                        @if let Some(jira) = &initiative.jira { " " span.issue { (jira) } }
                        @if let Some((work, at)) = work(initiative) {
                            span.issue title=(t.ago(*at, now)) { ": " (t.work_done(work.done, work.of)) }
                        }
                        @for link in &initiative.links { " " a.issue href=(link.as_str()) rel="noopener noreferrer" { (link.shown()) } }
                        @if let Some(moves) = moves(objective, initiative) { p.moves { (t.meant_to_move(moves)) } }
                        @if let Some(learned) = &initiative.learned { p.learned { (t.learned(learned)) } }
                    }
                }
            }
        }
    }
}

/// The titles of the key results that it is meant to move.
fn moves(objective: &Objective, initiative: &Initiative) -> Option<String> {
    let all = objective.key_results.iter();
    let meant = all.filter(|kr| initiative.key_results.contains(&kr.id.key_result));
    let titles: Vec<String> = meant.map(|kr| format!("“{}”", kr.title)).collect();
    (!titles.is_empty()).then(|| titles.join(", "))
}

/// What readers of the figures should know about where they come from; one quiet line each.
fn health(board: &Board, now: Timestamp) -> Markup {
    let troubled: Vec<_> = board
        .sources
        .iter()
        .filter(|s| s.fault.is_some() || s.held.is_some())
        .collect();
    if troubled.is_empty() && board.store.up && board.config.last_load_accepted {
        return html! {};
    }
    let t = tongue(board);
    html! {
        section.health {
            h2 { (t.about_these_figures()) }
            ul {
                @for source in troubled { (source_line(t, source, now)) }
                @if !board.store.up { li { (t.store_is_down()) } }
                @if !board.config.last_load_accepted {
                    li { (t.configuration_refused(t.ago(board.config.loaded_at, now))) }
                }
            }
        }
    }
}

fn source_line(t: Tongue, source: &SourceBoard, now: Timestamp) -> Markup {
    html! {
        li {
            strong { (source.name) } " (" (source.kind) ") "
            @match source.last_success {
                Some(at) => { (t.last_gave_a_number(t.ago(at, now))) },
                None => { (t.never_gave_a_number()) },
            }
            @if let Some(held) = source.held { "; " (words::held(t, &source.name, held, now)) }
            @if let Some(fault) = &source.fault { ". " (fault) }
        }
    }
}

fn footer(board: &Board, now: Timestamp) -> Markup {
    let zone = board
        .scorecard
        .cycles
        .first()
        .map_or(TimeZone::UTC, |cycle| cycle.zone.clone());
    let local = now.to_zoned(zone);
    let (t, day) = (tongue(board), local.date());
    let shown = format!("{}, {}", t.date(day), local.strftime("%H:%M:%S %Z"));
    html! {
        footer {
            p { (t.page_as_of(shown, REFRESH)) }
            nav {
                a href="api/v1/scorecard" { "JSON" } " "
                a href="metrics" { (t.metrics_link()) } " "
                a href="-/healthy" { (t.health_link()) } " "
                span { "okrd " (env!("CARGO_PKG_VERSION")) }
            }
        }
    }
}

/// An instant as its age, the exact time on pointing at it.
fn moment(t: Tongue, at: Timestamp, now: Timestamp) -> Markup {
    html! { time datetime=(at) title=(at) { (t.ago(at, now)) } }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::goals::{Ambition, InitiativeState, Parent, ParentLink};
    use crate::domain::id::{CycleName, ObjectiveId};
    use crate::words::ENGLISH;

    fn card(id: &str, team: bool, parent: Option<&str>) -> ObjectiveCard {
        let slug = |text: &str| Slug::parse(text).unwrap();
        ObjectiveCard {
            objective: Arc::new(Objective {
                id: ObjectiveId {
                    cycle: CycleName::parse("2026-Q4").unwrap(),
                    objective: slug(id),
                },
                title: id.into(),
                why: None,
                team: team.then(|| slug("content")),
                parent: parent.map(|parent| Parent {
                    objective: slug(parent),
                    link: ParentLink::Supports,
                }),
                ambition: Ambition::Aspirational,
                key_results: Vec::new(),
                initiatives: Vec::new(),
            }),
            progress: None,
            expected: None,
            coverage: 0.0,
            status: Status::NoData,
            closing: None,
            closed_at: None,
            key_results: Vec::new(),
        }
    }

    /// Every state stands in the same quiet tag: none of them looks like a failure.
    #[test]
    fn initiatives_show_their_state_alike() {
        let mut objective = Objective::clone(&card("a", true, None).objective);
        let board = crate::metrics::sample::board();
        let mut told = |state| {
            objective.initiatives = vec![Initiative {
                id: Slug::parse("letter").unwrap(),
                title: "A letter".into(),
                key_results: vec![Slug::parse("gone").unwrap()],
                state,
                learned: Some("Few read it".into()),
                jira: None,
                links: vec![
                    crate::domain::link::Link::parse("https://a.example/b?c=1&d=2").unwrap(),
                ],
            }];
            let shown = initiatives(&board, &objective, None, Timestamp::UNIX_EPOCH).into_string();
            shown.replace(ENGLISH.initiative(state), "…")
        };
        let idea = told(InitiativeState::Idea);
        for state in [
            InitiativeState::Doing,
            InitiativeState::Done,
            InitiativeState::Dropped,
        ] {
            assert_eq!(told(state), idea, "{state:?}");
        }
        assert!(
            idea.contains("<span class=\"tag\">…</span> A letter"),
            "{idea}"
        );
        assert!(
            idea.contains("Learned: Few read it") && !idea.contains("Meant to move"),
            "{idea}"
        );
        let link =
            "href=\"https://a.example/b?c=1&amp;d=2\" rel=\"noopener noreferrer\">a.example/b</a>";
        assert!(idea.contains(link), "{idea}");
    }

    #[test]
    fn a_team_stands_with_all_that_it_serves() {
        let cards = [
            card("top", false, None),
            card("middle", false, Some("top")),
            card("own", true, Some("middle")),
            card("alone", true, Some("gone")),
            card("other", false, Some("top")),
            card("loop-a", true, Some("loop-b")),
            card("loop-b", false, Some("loop-a")),
        ];
        let refs: Vec<_> = cards.iter().collect();
        let kept = of_team(&refs, &Slug::parse("content").unwrap());
        let titles: Vec<_> = kept
            .iter()
            .map(|card| card.objective.title.as_str())
            .collect();
        assert_eq!(
            titles,
            ["top", "middle", "own", "alone", "loop-a", "loop-b"]
        );
        assert!(of_team(&refs, &Slug::parse("nobody").unwrap()).is_empty());
    }

    #[test]
    fn the_tree_begins_with_the_company_and_leaves_nobody_out() {
        let cards = [
            card("alone", true, None),
            card("child", true, Some("top")),
            card("orphan", true, Some("gone")),
            card("top", false, None),
            card("grandchild", true, Some("child")),
            card("loop-a", true, Some("loop-b")),
            card("loop-b", true, Some("loop-a")),
            card("self", true, Some("self")),
        ];
        let refs: Vec<_> = cards.iter().collect();
        let order: Vec<_> = tree(&refs)
            .into_iter()
            .map(|(depth, card)| (depth, card.objective.title.as_str()))
            .collect();
        assert_eq!(
            order,
            [
                (0, "top"),
                (1, "child"),
                (2, "grandchild"),
                (0, "alone"),
                (0, "orphan"),
                (0, "loop-a"),
                (1, "loop-b"),
                (0, "self"),
            ]
        );
    }
}
