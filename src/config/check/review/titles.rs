//! Lints of titles: objectives say what shall change and no number, key results tell the numbers that were agreed.

use super::Entry;
use super::figures::{Figure, figures, sign, words};
use super::words::{DELIVERY, MODAL, NAMING, TIMES};
use crate::config::check::goals::Draft;
use crate::config::check::table::At;
use crate::config::finding::{Code, Finding, quoted};
use crate::domain::goals::KeyResult;
use crate::domain::number::show;
use crate::domain::target::{Aim, Baseline, Hold, Reach, Target};

/// The lints of an objective's title.
pub(super) fn objective(draft: &Draft<'_>, out: &mut Vec<Finding>) {
    let Some(title) = draft.table.text("title") else {
        return;
    };
    out.extend(number(&title));
    out.extend(deliverable(&title));
}

/// The lints of a key result's title.
pub(super) fn key_result(entry: &Entry<'_, '_>, out: &mut Vec<Finding>) {
    // Of a rebased one the title and the agreed numbers are in other units than the values.
    let kr = entry.key_result.filter(|kr| kr.rebases.is_empty());
    if let (Some(title), Some(kr)) = (entry.table.text("title"), kr) {
        out.extend(two_truths(&title, kr));
    }
}

fn number(title: &At<'_, &str>) -> Option<Finding> {
    let figure = figures(title.value).into_iter().next();
    let span = figure.map(|f| f.span).or_else(|| sign(title.value))?;
    let part = title.part(&span);
    let message = format!("the title of the objective holds {}", quoted(part.value));
    let finding = part.finding(Code::ObjNum, message).label("an amount");
    Some(finding.help("say in words what shall change; the number belongs in a key result"))
}

fn deliverable(title: &At<'_, &str>) -> Option<Finding> {
    let text = title.value.to_lowercase();
    let text = text.trim_matches(|c: char| !c.is_alphanumeric());
    let begins = |verb: &&&str| {
        text.strip_prefix(**verb)
            .is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '-'))
    };
    let ends = |verb: &&&str| {
        text.strip_suffix(**verb)
            .is_some_and(|rest| rest.ends_with(char::is_whitespace))
    };
    // "Boeren kunnen sneller leveren" tells what somebody can do, not what we deliver.
    let can = words(text).any(|span| MODAL.contains(&text.get(span).unwrap_or_default()));
    let verb = DELIVERY.iter().find_map(|verbs| {
        let first = verbs.first.iter().find(begins);
        first.or_else(|| verbs.last.iter().find(ends).filter(|_| !can))
    })?;
    let message = format!("the objective names a deliverable: {}", quoted(verb));
    let finding = title.finding(Code::ObjVerb, message).label("output");
    Some(
        finding.help(
            "say what is different for whom when it is there; the work itself is an initiative",
        ),
    )
}

/// Numbers of which none is the target are another truth. What tells the target, whatever else it tells, is taken.
fn two_truths(title: &At<'_, &str>, kr: &KeyResult) -> Option<Finding> {
    let agreed = Agreed::of(kr)?;
    let told: Vec<Figure> = figures(title.value)
        .into_iter()
        .filter(|figure| !is_aside(title.value, figure, kr))
        .collect();
    if told.iter().any(|figure| agreed.is_aim(figure)) {
        return None;
    }
    let other = told.iter().find(|figure| !agreed.is_start(figure))?;
    let part = title.part(&other.span);
    let message = format!(
        "the title says {}, and what is agreed is {}",
        quoted(part.value),
        agreed.told
    );
    let finding = part.finding(Code::KrTitle, message).label("another number");
    Some(finding.help("let title and target say the same, or leave the number out of the title"))
}

/// Whether a number tells a time, a rank or what its unit tells.
fn is_aside(title: &str, figure: &Figure, kr: &KeyResult) -> bool {
    let word = |span: std::ops::Range<usize>| {
        title
            .get(span)
            .unwrap_or_default()
            .trim_matches('-')
            .to_lowercase()
    };
    let before = words(title)
        .take_while(|w| w.end <= figure.span.start)
        .last();
    let after = words(title).find(|w| w.start >= figure.span.end).map(word);
    let before = before.map(word).unwrap_or_default();
    let unit = kr.unit.to_lowercase();
    let time = after.is_some_and(|next| TIMES.contains(&next.as_str()) && !unit.starts_with(&next));
    let in_unit = figures(&unit)
        .iter()
        .any(|of| of.readings == figure.readings);
    NAMING.contains(&before.as_str()) || time || in_unit
}

/// The numbers that a title may tell.
struct Agreed {
    /// What counts as telling the aim.
    aim: Vec<f64>,
    /// In percent, rounded in a title.
    percent: Vec<f64>,
    /// Target over baseline, rounded in a title.
    times: Option<f64>,
    start: Option<f64>,
    /// The aim in words.
    told: String,
}

impl Agreed {
    /// `None` where titles tell other things: steps, days.
    fn of(kr: &KeyResult) -> Option<Self> {
        match &kr.aim {
            Aim::Reach(reach) => Some(Self::reach(reach)),
            Aim::Hold(hold) => Some(Self::hold(hold)),
            Aim::Milestones(_) | Aim::Done | Aim::Baseline(_) => None,
        }
    }

    fn hold(hold: &Hold) -> Self {
        let (low, high) = hold.band.bounds();
        Self {
            aim: low.into_iter().chain(high).collect(),
            percent: vec![100.0 * hold.compliance],
            times: None,
            start: None,
            told: hold.to_string(),
        }
    }

    fn reach(reach: &Reach) -> Self {
        let start = match reach.baseline {
            Baseline::Fixed(baseline) => Some(baseline),
            Baseline::First => None,
        };
        let (mut aim, mut percent) = (Vec::new(), Vec::new());
        let told = match reach.target {
            Target::Absolute(target) => show(target),
            Target::Share(share) => {
                percent.push(100.0 * share);
                format!("{:+} %", (1e6 * share).round() / 1e4)
            }
            Target::Plus(plus) => {
                aim.push(plus);
                format!("{plus:+}")
            }
        };
        let target = match (start, reach.target) {
            (_, Target::Absolute(target)) => Some(target),
            (Some(start), _) => reach.resolve(start).ok(),
            (None, _) => None,
        };
        aim.extend(target);
        if let (Some(from), Some(to)) = (start, target) {
            aim.push(to - from);
            percent.extend([100.0 * (to - from) / from, 100.0 * to / from]);
        }
        aim.extend(reach.anchors.iter().flat_map(|anchors| anchors.values()));
        Self {
            aim,
            percent,
            times: start.zip(target).map(|(from, to)| to / from),
            start,
            told,
        }
    }

    fn is_aim(&self, figure: &Figure) -> bool {
        let near = |agreed: f64, told: f64, by: f64| (agreed.abs() - told).abs() < by;
        figure.readings.iter().any(|told| {
            let times = figure.times && self.times.is_some_and(|n| near(n, *told, 0.06));
            times
                || self.aim.iter().any(|agreed| same(*agreed, *told))
                || self.percent.iter().any(|agreed| near(*agreed, *told, 0.51))
        })
    }

    fn is_start(&self, figure: &Figure) -> bool {
        let start = |told: &f64| self.start.is_some_and(|start| same(start, *told));
        figure.readings.iter().any(start)
    }
}

/// The same number, whether it is told in hundredths, in thousands or in millions, and whatever its sign.
fn same(agreed: f64, told: f64) -> bool {
    let close = |a: f64, b: f64| (a - b).abs() <= 1e-9 * a.abs().max(b.abs());
    [1.0, 100.0, 0.01, 1e3, 1e-3, 1e6, 1e-6]
        .into_iter()
        .any(|times| close(agreed.abs() * times, told))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::check::table::Table;
    use crate::config::files::File;
    use crate::domain::example::{key_result, reach};
    use toml::de::DeTable;

    /// What a lint says of a title.
    fn seen(title: &str, lint: fn(&At<'_, &str>) -> Option<Finding>) -> Option<String> {
        let file = File::new("x", "/", format!("title = '{title}'"));
        let map = DeTable::parse(file.text()).unwrap();
        let at = Table::root(&file, map.get_ref()).text("title").unwrap();
        lint(&at).map(|finding| file.slice(&finding.span).to_owned())
    }

    fn reached(from: Baseline, to: Target) -> KeyResult {
        key_result("o/k", "readers", reach(from, to))
    }

    /// What a title says that was not agreed.
    fn other(title: &str, kr: &KeyResult) -> Option<String> {
        let file = File::new("x", "/", format!("title = '{title}'"));
        let map = DeTable::parse(file.text()).unwrap();
        let at = Table::root(&file, map.get_ref()).text("title").unwrap();
        two_truths(&at, kr).map(|finding| file.slice(&finding.span).to_owned())
    }

    #[test]
    fn titles_tell_what_is_agreed_or_no_number() {
        let plain = reached(Baseline::Fixed(640.0), Target::Absolute(1000.0));
        for title in [
            "Pass 1,000 readers",
            "1.000 lezers",
            "1k readers",
            "From 640 to 1000 readers",
            "360 readers more",
            "56% more readers",
            "1.6x as many readers",
            "Pass 1,000 readers within 90 days",
            "Top 3 of every list of our readers",
            "More readers in 2026 than ever",
            "More readers",
        ] {
            assert_eq!(other(title, &plain), None, "{title}");
        }
        for (title, told) in [
            ("Pass 1,200 readers", "1,200"),
            ("From 640 to 1200 readers", "1200"),
            ("30% more readers", "30"),
            ("2x as many readers", "2x"),
            ("900 lezers", "900"),
        ] {
            assert_eq!(other(title, &plain).as_deref(), Some(told), "{title}");
        }
        let share = reached(Baseline::First, Target::Share(0.3));
        assert_eq!(other("30 % more", &share), None);
        assert_eq!(other("40 % more", &share).as_deref(), Some("40"));
        let ratio = reached(Baseline::Fixed(0.62), Target::Absolute(0.8));
        assert_eq!(other("80% answered", &ratio), None);
        assert_eq!(other("Up from 62% to 80%", &ratio), None);
        assert_eq!(other("90% answered", &ratio).as_deref(), Some("90"));
        let thousands = reached(Baseline::Fixed(900.0), Target::Absolute(1200.0));
        assert_eq!(other("1.2 million euro", &thousands), None);
    }

    #[test]
    fn amounts_have_no_place_in_objectives() {
        for (title, amount) in [
            ("Reach 1,000 readers", "1,000"),
            ("Grow by 30%", "30"),
            ("Double the € we earn", "€"),
            ("A hundred percent happy", "percent"),
            ("10k people find us", "10k"),
            ("Maak 3 klanten blij", "3"),
        ] {
            assert_eq!(seen(title, number).as_deref(), Some(amount), "{title}");
        }
        for title in [
            "More people find their way to our website",
            "B2B customers choose us first",
            "A 2026 that our readers remember",
            "Always there, 24/7",
            "Everyone trusts our COVID-19 pages",
            "We are #1 for families",
        ] {
            assert_eq!(seen(title, number), None, "{title}");
        }
    }

    #[test]
    fn deliverables_are_told_by_their_verb() {
        for title in [
            "Build a new website",
            "Launch: the app",
            "Roll out the new shop",
            "Lanceer de nieuwe app",
            "Een nieuwe website bouwen",
            "Die neue App einführen",
            "Mettre en place un blog",
            "\"Deliver\" the migration",
        ] {
            assert!(seen(title, deliverable).is_some(), "{title}");
        }
        for title in [
            "More people find their way to our website",
            "Builders love our tools",
            "Launchpads for everyone",
            "Release-day calm",
            "Make it worth coming back",
            "Onze bouwers werken graag met ons",
            "Lezers leveren ons hun verhalen aan",
            "Kunden vertrauen uns",
            "Boeren kunnen sneller leveren",
            "Complete, reliable answers for everyone",
        ] {
            assert_eq!(seen(title, deliverable), None, "{title}");
        }
    }
}
