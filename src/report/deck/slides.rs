//! What stands on which slide, in the order of the meeting: first what the company wants to be, then its objectives, then
//! figures.

use maud::Markup;

use super::blocks::{self, WHOLE};
use super::flow::{Block, flow};
use super::measure::{HEIGHT, SMALL, STATE, TITLE, TITLE_SMALL, Type, VISION, VISION_SMALL, WIDTH};
use crate::domain::status::Phase;
use crate::domain::verdict::{SetReading, mean};
use crate::report::{ObjectiveTold, Part, Report};

/// One slide.
#[derive(Debug)]
pub(super) struct Slide {
    /// How it is laid out, beside what all slides have in common.
    pub(super) class: &'static str,
    /// What it is about, above its title.
    pub(super) kicker: String,
    /// Its title.
    pub(super) title: String,
    /// How that is set.
    pub(super) set: &'static Type,
    /// What stands on it.
    pub(super) body: Vec<Markup>,
}

/// What is above and below the blocks of a slide beside its title: margins, footer, and some air.
const AROUND: f64 = 3.0 + 0.5 + 1.1 + 0.8 + 1.4 + 1.6 + 0.4;

const _: () = assert!(WIDTH > WHOLE);

/// All slides of a meeting.
pub(super) fn all(report: &Report, last: Option<&Part>) -> Vec<Slide> {
    let mut slides = opening(report);
    slides.extend(strategy(report));
    if report.cycles.is_empty() {
        let text = report.tongue.no_objectives_yet();
        slides.extend(series(String::new(), text, Vec::new()));
        return slides;
    }
    slides.extend(at_a_glance(report));
    for is_of_team in [false, true] {
        for part in &report.cycles {
            let all = part.objectives.iter();
            let of_level = all.filter(|told| told.team.is_some() == is_of_team);
            slides.extend(of_level.flat_map(|told| objective(report, part, told)));
        }
    }
    slides.extend(changes(report));
    if let Some(part) = last {
        slides.extend(how_it_ended(report, part));
        slides.extend(lessons(report, part));
    }
    slides
}

/// A title with its blocks on as many slides as they need.
fn series(kicker: String, title: &str, mut blocks: Vec<Block>) -> Vec<Slide> {
    let (title, set) = if TITLE.fits(title, WHOLE, 2) {
        (title.to_owned(), &TITLE)
    } else {
        let (title, rest) = blocks::cut(title, &TITLE_SMALL, WHOLE, 3);
        if let Some(rest) = rest {
            blocks.splice(0..0, blocks::words(&rest));
        }
        (title, &TITLE_SMALL)
    };
    let (kicker, rest) = blocks::cut(&kicker, &SMALL, WHOLE - 8.0, 2);
    if let Some(rest) = rest {
        blocks.splice(0..0, blocks::words(&rest));
    }
    let room = HEIGHT - AROUND - set.height(&title, WHOLE) - SMALL.height(&kicker, WHOLE - 8.0);
    let mut bodies = flow(blocks, room);
    if bodies.is_empty() {
        bodies.push(Vec::new());
    }
    let slide = |body| Slide {
        class: "plain",
        kicker: kicker.clone(),
        title: title.clone(),
        set,
        body,
    };
    bodies.into_iter().map(slide).collect()
}

/// The same, with the number of each slide where there are several.
fn numbered(report: &Report, kicker: &str, title: &str, blocks: Vec<Block>) -> Vec<Slide> {
    let mut slides = series(kicker.to_owned(), title, blocks);
    let of = slides.len();
    if of > 1 {
        for (nth, slide) in slides.iter_mut().enumerate() {
            let part = report.tongue.part_of(nth + 1, of);
            let gap = if slide.kicker.is_empty() { "" } else { " · " };
            slide.kicker += &format!("{gap}{part}");
        }
    }
    slides
}

/// Who, what they want to be, and when this was so.
fn opening(report: &Report) -> Vec<Slide> {
    let t = report.tongue;
    let company = &report.company;
    let vision = company.vision.as_deref();
    let vision = vision.unwrap_or_else(|| t.objectives_and_key_results());
    let set = if VISION.fits(vision, WHOLE, 4) {
        &VISION
    } else {
        &VISION_SMALL
    };
    let (title, rest) = blocks::cut(vision, set, WHOLE, 7);
    let cycles: Vec<_> = report
        .cycles
        .iter()
        .map(|p| p.cycle.name.as_str())
        .collect();
    let mut about = vec![t.strategy_meeting().to_owned()];
    about.extend((!cycles.is_empty()).then(|| cycles.join(", ")));
    about.push(report.as_of());
    let (kicker, name) = blocks::cut(&company.name, &SMALL, WHOLE * 0.6, 2);
    let body = blocks::paragraph(&about.join(" · "), &STATE, "soft", WHOLE, 0.0);
    let first = Slide {
        class: "opening",
        kicker,
        title,
        set,
        body: body.into_iter().take(1).map(|block| block.markup).collect(),
    };
    let rest = [name, rest].into_iter().flatten();
    let rest: Vec<_> = rest.flat_map(|rest| blocks::words(&rest)).collect();
    let mut slides = vec![first];
    if !rest.is_empty() {
        slides.extend(numbered(report, &company.name, t.vision(), rest));
    }
    slides
}

fn strategy(report: &Report) -> Vec<Slide> {
    let lines = &report.company.strategy;
    let blocks: Vec<_> = lines
        .iter()
        .flat_map(|line| blocks::thought(line))
        .collect();
    if blocks.is_empty() {
        return Vec::new();
    }
    let (company, title) = (&report.company.name, report.tongue.strategy());
    let mut slides = numbered(report, company, title, blocks);
    slides.iter_mut().for_each(|slide| slide.class = "thoughts");
    slides
}

/// Every objective in a line, the company's and those of each team.
fn at_a_glance(report: &Report) -> Vec<Slide> {
    let t = report.tongue;
    let mut all = Vec::new();
    for part in &report.cycles {
        for (team, objectives) in part.by_team() {
            let mut heading = team.unwrap_or_else(|| t.company_level()).to_owned();
            if report.cycles.len() > 1 {
                heading += &format!(" · {}", part.cycle.name);
            }
            all.extend(blocks::group(&heading));
            all.extend(objectives.iter().flat_map(|told| blocks::row(report, told)));
        }
    }
    let cycles = report.cycles.iter().map(|part| {
        let cycle = &part.cycle;
        format!("{}, {}", cycle.name, t.passed(cycle, report.until))
    });
    let cycles = cycles.collect::<Vec<_>>().join(" · ");
    numbered(report, &cycles, t.at_a_glance(), all)
}

fn objective(report: &Report, part: &Part, told: &ObjectiveTold) -> Vec<Slide> {
    let t = report.tongue;
    let agreed = &told.card.objective;
    let mut kicker = format!("{} · {}", part.cycle.name, told.owner(t));
    if let Some(serves) = told.serves(t) {
        kicker += &format!(" · {serves}");
    }
    let mut all = Vec::new();
    all.extend(agreed.why.iter().flat_map(|why| blocks::words(why)));
    all.extend(blocks::state(report, told));
    for kr in &told.key_results {
        all.extend(blocks::key_result(report, told, kr));
    }
    if !agreed.initiatives.is_empty() {
        all.extend(blocks::group(t.what_we_try()));
        let tried = agreed.initiatives.iter();
        all.extend(tried.flat_map(|initiative| blocks::tried(t, initiative)));
    }
    numbered(report, &kicker, &agreed.title, all)
}

fn changes(report: &Report) -> Vec<Slide> {
    let t = report.tongue;
    let mut all = Vec::new();
    for told in report.objectives().filter(|told| told.has_changed()) {
        let owner = told.team.as_deref().unwrap_or_else(|| t.company_level());
        let title = &told.card.objective.title;
        all.extend(blocks::heading(&format!("{title} ({owner})")));
        let (turn, changed) = (report.turn(told), told.changes());
        let mut turn: Vec<_> = turn.iter().flat_map(|turn| blocks::point(turn)).collect();
        let leads = !changed.is_empty();
        turn.iter_mut().for_each(|block| block.leads = leads);
        all.extend(turn);
        for (kr, changes) in changed {
            let sentences = changes.iter().map(|change| report.change(change, kr));
            let points = sentences.flat_map(|sentence| blocks::point(&sentence));
            all.extend(blocks::item(&kr.card.key_result.title, points.collect()));
        }
    }
    if !report.said.is_empty() {
        all.extend(blocks::heading(t.noted_of_all()));
        let said = report.said.iter().map(|said| report.said(said));
        all.extend(said.flat_map(|said| blocks::point(&said)));
    }
    if all.is_empty() {
        all.extend(blocks::words(t.nothing_changed()));
    }
    numbered(report, &report.period(), t.what_changed(), all)
}

/// Scores and verdicts of the cycle before.
fn how_it_ended(report: &Report, part: &Part) -> Vec<Slide> {
    let t = report.tongue;
    let cycle = &part.cycle;
    let title = if Phase::of(cycle, report.until) == Phase::Closed {
        t.how_it_ended(&cycle.name)
    } else {
        let settled = cycle.end().saturating_add(Phase::SETTLE);
        t.how_it_stands(&cycle.name, report.date(settled.unwrap_or(cycle.end())))
    };
    let mut all = Vec::new();
    for (team, objectives) in part.by_team() {
        all.extend(blocks::group(team.unwrap_or_else(|| t.company_level())));
        for told in objectives {
            all.extend(blocks::ended(report, told));
            let key_results = told.key_results.iter();
            all.extend(key_results.flat_map(|kr| blocks::key_result_ended(report, kr)));
        }
    }
    all.extend(
        readings(report, part)
            .iter()
            .flat_map(|line| blocks::words(line)),
    );
    let low = t.percent(report.boundaries.achieved_at);
    let high = t.percent(report.boundaries.sweet_spot_to);
    all.extend(blocks::words(&t.reading_scores(low, high)));
    numbered(report, &t.cycle_days(cycle), &title, all)
}

/// What the scores say together: the company's, and those of all teams, since a mean of a single small team would speak
/// of people.
fn readings(report: &Report, part: &Part) -> Vec<String> {
    let t = report.tongue;
    let of_level = |is_of_team: bool| {
        let all = part.objectives.iter();
        let all = all.filter(|told| told.team.is_some() == is_of_team);
        let mean = mean(all.filter_map(|told| told.card.final_score()))?;
        let (mean, reading) = (t.tenths(mean), t.set_reading(SetReading::of(mean)));
        Some(if is_of_team {
            t.team_scores(mean, reading)
        } else {
            t.company_scores(mean, reading)
        })
    };
    [of_level(false), of_level(true)]
        .into_iter()
        .flatten()
        .collect()
}

/// What was learned in the cycle before, and what was noted of its key results.
fn lessons(report: &Report, part: &Part) -> Vec<Slide> {
    let t = report.tongue;
    let mut all = Vec::new();
    for told in &part.objectives {
        let mut of_it = Vec::new();
        for initiative in told.learned() {
            let learned = initiative.learned.as_deref().unwrap_or_default();
            of_it.extend(blocks::item(&initiative.title, blocks::point(learned)));
        }
        for kr in &told.key_results {
            let notes = kr.said.iter().filter(|said| said.is_note);
            let notes = notes.map(|note| report.said(note));
            let notes: Vec<_> = notes.flat_map(|note| blocks::point(&note)).collect();
            if !notes.is_empty() {
                of_it.extend(blocks::item(&kr.card.key_result.title, notes));
            }
        }
        if !of_it.is_empty() {
            all.extend(blocks::heading(&told.card.objective.title));
            all.extend(of_it);
        }
    }
    if all.is_empty() {
        all.extend(blocks::words(t.no_lessons()));
    }
    let title = t.lessons_of(&part.cycle.name);
    numbered(report, &t.cycle_days(&part.cycle), &title, all)
}
