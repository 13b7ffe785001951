//! What stands on slides, block by block, each with the height that it takes at most. Lengths are those of `deck.css`, in
//! rem.

use maud::{Markup, html};

use super::flow::Block;
use super::measure::{HEADING, ITEM, ITEM_NAME, NUMBER, SMALL, STATE, TEXT, THOUGHT, Type};
use crate::chart::bar;
use crate::domain::card::KeyResultCard;
use crate::domain::goals::{Ambition, Initiative, Role};
use crate::report::figure::{badge, drawn};
use crate::report::{KeyResultTold, ObjectiveTold, Report};
use crate::words::Tongue;

/// The width of a slide without its margins.
pub(super) const WHOLE: f64 = 72.0;
/// Left and right column of a key result.
const LEFT: f64 = 48.0;
const RIGHT: f64 = 22.0;
/// The left column of a row.
const ROW: f64 = 48.0;
/// The height of a chart with its days.
const DRAWN: f64 = 5.6;
/// What stands around a badge, in letters of its text.
const AROUND: &str = "MM";
/// A paragraph is broken into pieces of so many lines.
const LINES: usize = 5;

fn block(height: f64, markup: Markup) -> Block {
    Block {
        height,
        leads: false,
        markup,
    }
}

/// A paragraph, in as many blocks as it needs.
pub(super) fn paragraph(
    text: &str,
    set: &Type,
    class: &str,
    width: f64,
    around: f64,
) -> Vec<Block> {
    let pieces = set.pieces(text, width, LINES).into_iter();
    let blocks = pieces.map(|piece| {
        let height = set.height(&piece, width) + around;
        block(
            height,
            html! { p class={ (class) " " (set.class) } { (piece) } },
        )
    });
    blocks.collect()
}

/// What a title had no room for, or why an objective matters.
pub(super) fn words(text: &str) -> Vec<Block> {
    paragraph(text, &STATE, "soft para", WHOLE, 0.7)
}

/// One thought of the strategy.
pub(super) fn thought(text: &str) -> Vec<Block> {
    paragraph(text, &THOUGHT, "thought", 68.5, 1.8)
}

/// What an objective's status is and how far it has come.
pub(super) fn state(report: &Report, told: &ObjectiveTold) -> Vec<Block> {
    let t = report.tongue;
    let (status, progress) = (told.status(t), told.progress(t));
    let text = format!("{status}{AROUND}{progress}");
    if !STATE.fits(&text, WHOLE, LINES) {
        let first = block(
            STATE.height(status, WHOLE) + 1.0,
            html! { p.lead.t-state { (badge(told.card.status, status)) } },
        );
        return std::iter::once(first).chain(words(&progress)).collect();
    }
    let markup = html! { p.lead.t-state { (badge(told.card.status, status)) " " (progress) } };
    vec![block(STATE.height(&text, WHOLE) + 1.0, markup)]
}

/// A heading above what follows.
pub(super) fn group(text: &str) -> Vec<Block> {
    let mut blocks = paragraph(text, &SMALL, "group", WHOLE, 1.1);
    blocks.iter_mut().for_each(|block| block.leads = true);
    blocks
}

/// A line below a heading.
pub(super) fn point(text: &str) -> Vec<Block> {
    paragraph(text, &TEXT, "point", 69.5, 0.2)
}

/// An objective above what is told of it.
pub(super) fn heading(text: &str) -> Vec<Block> {
    let mut blocks = paragraph(text, &HEADING, "heading", WHOLE, 1.3);
    blocks.iter_mut().for_each(|block| block.leads = true);
    blocks
}

/// So many lines stay together with what they are about.
const TOGETHER: usize = 6;

/// A key result or initiative with what is told of it.
pub(super) fn item(text: &str, told: Vec<Block>) -> Vec<Block> {
    let mut blocks = paragraph(text, &ITEM_NAME, "item", WHOLE, 0.6);
    blocks.iter_mut().for_each(|block| block.leads = true);
    let together = told.len() <= TOGETHER;
    let last = told.len().saturating_sub(1);
    for (nth, mut block) in told.into_iter().enumerate() {
        block.leads = together && nth < last;
        blocks.push(block);
    }
    blocks
}

/// An objective in one line.
pub(super) fn row(report: &Report, told: &ObjectiveTold) -> Vec<Block> {
    let t = report.tongue;
    let (title, rest) = cut(&told.card.objective.title, &ITEM, ROW, 2);
    let status = told.status(t);
    // A share of what is known alone says little of the whole.
    let is_whole = told.card.coverage >= 1.0;
    let made = match told.card.closing {
        Some(_) => t.objective_progress(&told.card),
        None => {
            let made = told.card.progress.filter(|_| is_whole);
            made.map(|share| t.percent(share)).unwrap_or_default()
        }
    };
    let right = TEXT.height(&format!("{status}{AROUND}{made}"), RIGHT);
    let height = ITEM.height(&title, ROW).max(right) + 1.1;
    let markup = html! {
        div.row {
            p.t-item { (title) }
            p.t-text { (badge(told.card.status, status)) " " span.soft { (made) } }
        }
    };
    let first = block(height, markup);
    std::iter::once(first)
        .chain(rest.iter().flat_map(|rest| words(rest)))
        .collect()
}

/// The first lines of a text, and what comes behind them.
pub(super) fn cut(text: &str, set: &Type, width: f64, most: usize) -> (String, Option<String>) {
    // Room for the dots.
    let pieces = set.pieces(text, width, most);
    if pieces.len() < 2 {
        return (pieces.into_iter().next().unwrap_or_default(), None);
    }
    let narrow = width - set.width("…");
    let mut pieces = set.pieces(text, narrow, most).into_iter();
    let first = pieces.next().unwrap_or_default() + "…";
    let rest: Vec<_> = pieces.collect();
    (first, Some(format!("…{}", rest.join(" "))))
}

/// A key result with its figures.
pub(super) fn key_result(report: &Report, told: &ObjectiveTold, kr: &KeyResultTold) -> Vec<Block> {
    let (sentences, left, rest) = sentences(report, kr);
    let ambition = told.card.objective.ambition;
    let (figures, mut right) = figures(report.tongue, &kr.card, ambition);
    let drawn = drawn(report, &kr.card);
    if drawn.is_some() {
        right += DRAWN;
    }
    let markup = html! { div.kr { div { (sentences) } div { (figures) @if let Some(drawn) = drawn { (drawn) } } } };
    let mut blocks = vec![block(left.max(right) + 1.6, markup)];
    blocks.extend(rest.iter().flat_map(|rest| words(rest)));
    blocks
}

/// Title, status with its reason, and what stands beside: with their height, and what they have no room for.
fn sentences(report: &Report, kr: &KeyResultTold) -> (Markup, f64, Vec<String>) {
    let t = report.tongue;
    let (card, agreed) = (&*kr.card, &kr.card.key_result);
    let named = match agreed.role {
        Role::Guardrail => format!("{} ({})", agreed.title, t.guardrail()),
        Role::Contributes => agreed.title.clone(),
    };
    let (title, rest) = cut(&named, &ITEM, LEFT, 3);
    let status = t.ended(t.status(card.status), card.closing);
    let before = format!("{status}{AROUND}");
    let (reason, more) = cut(&format!("{before} {}", t.reason(card)), &TEXT, LEFT, 5);
    let (beside, further) = cut(&beside(report, kr), &SMALL, LEFT, 4);
    let height =
        ITEM.height(&title, LEFT) + TEXT.height(&reason, LEFT) + SMALL.height(&beside, LEFT) + 0.6;
    let reason = reason.strip_prefix(&before).unwrap_or_default().trim();
    let markup = html! {
        h3.t-item { (title) }
        p.t-text { (badge(card.status, &status)) " " (reason) }
        @if !beside.is_empty() { p.t-small { (beside) } }
    };
    let rest = [rest, more, further].into_iter().flatten();
    (markup, height, rest.collect())
}

/// Forecast and remarks; of which day a value is where it is not that of the meeting.
fn beside(report: &Report, kr: &KeyResultTold) -> String {
    let mut all = report.forecast(kr);
    let day = kr.card.value.map(|(_, at)| report.day(at));
    let is_old = kr.card.stale || day != Some(report.day(report.until));
    all.extend(report.age(kr).filter(|_| is_old));
    all.extend(report.remarks(kr));
    all.join(" ")
}

/// Value, goal and bar, with their height.
fn figures(t: Tongue, card: &KeyResultCard, ambition: Ambition) -> (Markup, f64) {
    let unit = card.key_result.unit.as_str();
    let is_known = card.made().is_some();
    let words = if is_known {
        t.made_and_expected(card, ambition)
    } else {
        String::new()
    };
    let goal = t.goal(card);
    let (number, class) = match card.value {
        Some((value, _)) if card.stale => (t.number(value), "t-number old"),
        Some((value, _)) => (t.number(value), "t-number"),
        None => (t.status_no_data().to_owned(), "t-number old"),
    };
    let unit = if card.value.is_some() { unit } else { "" };
    let (unit, _) = cut(unit, &TEXT, RIGHT, 3);
    let one_line = NUMBER.width(&number) + TEXT.width(&format!(" {unit}")) <= RIGHT;
    let below = if one_line {
        0.0
    } else {
        TEXT.height(&unit, RIGHT)
    };
    let height = NUMBER.height(&number, RIGHT)
        + below
        + SMALL.height(&goal, RIGHT)
        + SMALL.height(&words, RIGHT)
        + 1.4;
    let markup = html! {
        p.value { span class=(class) { (number) } " " span.unit.t-text { (unit) } }
        p.t-small { (goal) }
        @if is_known {
            (bar(card.made(), card.planned(ambition), card.status.as_str(), &words))
            p.t-small { (words) }
        }
    };
    (markup, height)
}

/// What is tried, and what was learned of it.
pub(super) fn tried(t: Tongue, initiative: &Initiative) -> Vec<Block> {
    let mut text = format!("{}: {}", t.initiative(initiative.state), initiative.title);
    if let Some(learned) = &initiative.learned {
        text += &format!(". {}", t.learned(learned));
    }
    point(&text)
}

/// How an objective ended.
pub(super) fn ended(report: &Report, told: &ObjectiveTold) -> Vec<Block> {
    let t = report.tongue;
    let mut right = told.progress(t);
    let verdict = told.card.verdict();
    let advice = verdict.and_then(|verdict| t.advice(verdict, told.card.objective.ambition));
    if let Some(advice) = advice {
        right += &format!(": {advice}");
    }
    let mut blocks = score(&told.card.objective.title, &right, &ITEM, "whole");
    blocks
        .iter_mut()
        .for_each(|block| block.leads = !told.key_results.is_empty());
    blocks
}

/// How a key result ended.
pub(super) fn key_result_ended(report: &Report, kr: &KeyResultTold) -> Vec<Block> {
    let (t, card) = (report.tongue, &kr.card);
    let value = card.value.map_or_else(
        || t.never_measured().to_owned(),
        |(value, _)| t.final_value(t.quantity(value, &card.key_result.unit)),
    );
    let ended = match card.closing {
        Some(closing) => t.outcome(closing.as_amended),
        None => t.status(card.status).to_owned(),
    };
    let left = format!("{}. {value}", card.key_result.title);
    score(&left, &ended, &TEXT, "part")
}

fn score(left: &str, right: &str, set: &Type, class: &str) -> Vec<Block> {
    let (left, mut rest) = cut(left, set, ROW, 3);
    let (right, more) = cut(right, &TEXT, RIGHT, 5);
    rest = [rest, more]
        .into_iter()
        .flatten()
        .reduce(|all, next| format!("{all} {next}"));
    let height = set.height(&left, ROW).max(TEXT.height(&right, RIGHT)) + 1.3;
    let markup = html! {
        div class={ "score " (class) } {
            p class=(set.class) { (left) }
            p.t-text { (right) }
        }
    };
    let first = block(height, markup);
    std::iter::once(first)
        .chain(rest.iter().flat_map(|rest| words(rest)))
        .collect()
}
