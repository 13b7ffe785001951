//! Numbers in titles, as people write them: "1,000", "1.000", "10k", "+30 %", "€ 2 million". Leaves out what is part of a
//! name or a date: "B2B", "5G", "24/7", "COVID-19", "2026", "#1". Knows no goal.

use std::ops::Range;

use super::words::{FACTORS, PERCENT};

/// Years that a title may name without meaning an amount.
const YEARS: std::ops::RangeInclusive<u32> = 2015..=2040;
/// Signs that stand before or behind an amount of money.
const MONEY: [char; 5] = ['€', '$', '£', '¥', '₹'];

/// A number and its place in the text.
#[derive(Debug, PartialEq)]
pub(super) struct Figure {
    pub(super) span: Range<usize>,
    /// What it may mean: "1.000" is a thousand to some and one to others.
    pub(super) readings: Vec<f64>,
    /// Whether it says how many times as much: "3x".
    pub(super) times: bool,
}

/// The numbers of a text.
pub(super) fn figures(text: &str) -> Vec<Figure> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(start) = text.get(at..).and_then(|rest| {
        rest.find(|c: char| c.is_ascii_digit())
            .map(|start| at + start)
    }) {
        let end = start + digits(text.get(start..).unwrap_or_default());
        let (before, number, after) = parts(text, &(start..end));
        let glued = after.chars().take_while(|c| c.is_alphanumeric()).count();
        let word: String = after.chars().take(glued).collect();
        // 24/7, 9:30: the whole of it is passed over.
        let clock = after
            .strip_prefix(['/', ':'])
            .filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
        at = end + word.len();
        if let Some(rest) = clock {
            at = end + 1 + digits(rest);
            continue;
        }
        let (times, suffix) = factor(&word, after);
        let named = !word.is_empty() && times.is_none() && !matches!(word.as_str(), "x" | "pp");
        if named || is_name(before) || (suffix == 0 && word.is_empty() && is_year(number, after)) {
            continue;
        }
        let readings = readings(number).into_iter();
        found.push(Figure {
            span: start..end + suffix.max(word.len()),
            readings: readings.map(|n| n * times.unwrap_or(1.0)).collect(),
            times: word == "x",
        });
    }
    found
}

/// A sign of money or percent, or a word for it: an amount even where no digit is.
pub(super) fn sign(text: &str) -> Option<Range<usize>> {
    let sign = |c: char| c == '%' || MONEY.contains(&c);
    if let Some((at, c)) = text.char_indices().find(|(_, c)| sign(*c)) {
        return Some(at..at + c.len_utf8());
    }
    words(text).find(|span| {
        let word = text.get(span.clone()).unwrap_or_default().to_lowercase();
        PERCENT.contains(&word.as_str())
    })
}

/// The words of a text with their places.
pub(super) fn words(text: &str) -> impl Iterator<Item = Range<usize>> {
    let inside = |c: char| c.is_alphanumeric() || matches!(c, '-' | '\'' | '’');
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = text.get(at..)?;
        let start = at + rest.find(inside)?;
        let rest = text.get(start..)?;
        let end = start + rest.find(|c| !inside(c)).unwrap_or(rest.len());
        at = end;
        Some(start..end)
    })
}

fn parts<'t>(text: &'t str, span: &Range<usize>) -> (&'t str, &'t str, &'t str) {
    let part = |range: Range<usize>| text.get(range).unwrap_or_default();
    (
        part(0..span.start),
        part(span.clone()),
        part(span.end..text.len()),
    )
}

/// The length of a number with its separators; a space is one only between groups of three.
fn digits(text: &str) -> usize {
    let (mut end, mut group) = (0, 0);
    for (at, c) in text.char_indices() {
        if c.is_ascii_digit() {
            (end, group) = (at + 1, group + 1);
            continue;
        }
        let rest = text.get(at + c.len_utf8()..).unwrap_or_default();
        let follow = rest.chars().take_while(char::is_ascii_digit).count();
        let goes_on = match c {
            '.' | ',' | '\'' | '’' => follow > 0,
            ' ' | '\u{a0}' | '\u{202f}' => follow == 3 && group <= 3,
            _ => false,
        };
        if !goes_on {
            break;
        }
        group = 0;
    }
    end
}

/// Whether what stands before makes the number part of a name: "B2B", "COVID-19", "#1", "v2.0".
fn is_name(before: &str) -> bool {
    let mut back = before.chars().rev();
    match back.next() {
        Some('#') => true,
        Some('-' | '–' | '_' | '.') => back.next().is_some_and(char::is_alphabetic),
        Some(c) => c.is_alphanumeric(),
        None => false,
    }
}

fn is_year(number: &str, after: &str) -> bool {
    let percent = after.trim_start().starts_with('%');
    number.len() == 4 && !percent && number.parse().is_ok_and(|year| YEARS.contains(&year))
}

/// The factor that a suffix or the next word stands for, and how many bytes of what follows belong to it.
fn factor(glued: &str, after: &str) -> (Option<f64>, usize) {
    let of = |word: &str| {
        let word = word.to_lowercase();
        let known = FACTORS.iter().find(|(known, _)| *known == word);
        known.map(|(_, factor)| *factor)
    };
    if !glued.is_empty() {
        return (of(glued), glued.len());
    }
    let gap = after.len() - after.trim_start_matches([' ', '\u{a0}']).len();
    let next = words(after).next().filter(|span| span.start == gap);
    // A letter by itself is a word of another kind.
    let next = next.filter(|span| span.len() > 2);
    match next.and_then(|span| Some((of(after.get(span.clone())?)?, span.end))) {
        Some((factor, length)) => (Some(factor), length),
        None => (None, 0),
    }
}

/// What a number may mean.
fn readings(number: &str) -> Vec<f64> {
    let plain: String = number
        .chars()
        .filter(|c| c.is_ascii_digit() || matches!(c, '.' | ','))
        .collect();
    let count = |c: char| plain.matches(c).count();
    let parse = |text: &str| text.parse::<f64>().ok();
    let without = |c: char| plain.replace(c, "");
    let all: [Option<f64>; 2] = match (count('.'), count(',')) {
        (0, 0) => [parse(&plain), None],
        (1, 0) | (0, 1) => {
            let decimal = parse(&plain.replace(',', "."));
            let (whole, rest) = plain.split_once(['.', ',']).unwrap_or((&plain, ""));
            let grouped = rest.len() == 3 && whole.len() <= 3 && whole != "0";
            let joined = format!("{whole}{rest}");
            [decimal, grouped.then(|| parse(&joined)).flatten()]
        }
        (_, 0) => [parse(&without('.')), None],
        (0, _) => [parse(&without(',')), None],
        _ if plain.rfind('.') > plain.rfind(',') => [parse(&without(',')), None],
        _ => [parse(&without('.').replace(',', ".")), None],
    };
    all.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_people_write_them() {
        for (text, expected) in [
            ("Pass 1,000 subscribers", vec![vec![1.0, 1000.0]]),
            ("1.000.000 lezers", vec![vec![1e6]]),
            ("1 000 abonnés", vec![vec![1000.0]]),
            ("10 000 and 12 500 000", vec![vec![1e4], vec![1.25e7]]),
            ("10k users", vec![vec![1e4]]),
            ("2.5 million readers", vec![vec![2.5e6]]),
            ("+30%", vec![vec![30.0]]),
            ("99.95 % of requests", vec![vec![99.95]]),
            ("0,62", vec![vec![0.62]]),
            ("1,234.5", vec![vec![1234.5]]),
            ("from 640 to 1200", vec![vec![640.0], vec![1200.0]]),
            ("3x as many", vec![vec![3.0]]),
            ("€2m of revenue", vec![vec![2e6]]),
        ] {
            let found: Vec<_> = figures(text).into_iter().map(|f| f.readings).collect();
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn names_and_dates_are_no_numbers() {
        for text in [
            "The choice of B2B customers",
            "Ready for 5G",
            "Open 24/7",
            "After COVID-19",
            "A 2026 to remember",
            "#1 in Europe",
            "From the 1st visit on",
            "v2.0 is loved",
            "Q4",
            "At 9:30",
        ] {
            assert_eq!(figures(text), [], "{text}");
        }
        assert_eq!(sign("More € for us").unwrap(), 5..8);
        assert_eq!(sign("A percent more").unwrap(), 2..9);
        assert_eq!(sign("More for us"), None);
    }
}
