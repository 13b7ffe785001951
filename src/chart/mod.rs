//! Floor 1, what is drawn of the goals, as SVG. The chart of one key result over its whole cycle: what was measured, the
//! target or the bounds to keep, what the plan expects, and where it plausibly ends. Lines and areas alone: whoever shows it
//! says in words what it shows. A stretch in which nothing was measured is a gap and no line.

mod bar;

use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};
use maud::{Markup, html};

pub use self::bar::bar;
use crate::domain::card::KeyResultCard;
use crate::domain::course;
use crate::domain::cycle::Cycle;
use crate::domain::forecast::Forecast;
use crate::domain::series::{Point, STRETCHES};
use crate::domain::target::Aim;

/// The size of the drawing; it is stretched to the room that there is.
const WIDTH: f64 = 600.0;
const HEIGHT: f64 = 100.0;
/// The share of the height that is left free above and below.
const PAD: f64 = 0.08;
/// A forecast's range reaches so many times the height of all else and no further.
const RANGE: f64 = 0.6;

/// A chart, and between which numbers it is drawn.
#[derive(Debug)]
pub struct Chart {
    /// The SVG.
    pub drawing: Markup,
    /// The least number that is drawn.
    pub least: f64,
    /// The greatest.
    pub greatest: f64,
}

impl Chart {
    /// The drawing between its numbers and its days, told by whoever shows it.
    #[must_use]
    pub fn framed(&self, [least, greatest]: [&str; 2], [first, last]: [&str; 2]) -> Markup {
        html! {
            figure.drawn {
                span.high { (greatest) }
                (self.drawing)
                span.low { (least) }
                figcaption { span { (first) } span { (last) } }
            }
        }
    }
}

/// The chart of a key result, with a `label` for those who do not see it. `None` where there is nothing to draw: fewer than
/// two values, an aim without numbers, or numbers too far apart for a number.
#[must_use]
pub fn chart(card: &KeyResultCard, cycle: &Cycle, now: Timestamp, label: &str) -> Option<Chart> {
    let bounds = bounds(card)?;
    let points = points(card, cycle);
    let (first, last) = (points.first()?, points.last()?);
    if first.as_of == last.as_of {
        return None;
    }
    let planned = card.baseline.filter(|_| card.target.is_some());
    let planned = planned.map(|b| course::corners(&card.key_result, b, cycle));
    let planned = planned.unwrap_or_default();
    let forecast = card.forecast.as_ref().ok();
    let all = points.iter().chain(&planned).map(|p| p.value);
    let all = all.chain(bounds.into_iter().flatten());
    let all = all.chain(forecast.map(|f| f.value));
    let scale = Scale::around(cycle, all, forecast.map(|f| [f.low, f.high]))?;
    let inside = cycle.start() < now && now < cycle.end();
    let drawing = html! {
        svg class="chart" viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } preserveAspectRatio="none" role="img" aria-label=(label) {
            @if let Some((top, bottom)) = held(card, &scale) {
                rect.held y=(top) width=(WIDTH) height=(bottom - top) {}
            }
            @if let Some(target) = card.target { path.target d={ "M0 " (scale.y(target)) "H" (WIDTH) } {} }
            @if inside { path.now d={ "M" (scale.x(now)) " 0V" (HEIGHT) } {} }
            @if !planned.is_empty() { path.planned d=(scale.line(&planned)) {} }
            @if let Some(forecast) = forecast { (ahead(forecast, last, &scale)) }
            path.measured d=(runs(&points, card, &scale)) {}
            path.newest d={ "M" (scale.x(last.as_of)) " " (scale.y(last.value)) "h0" } {}
        }
    };
    Some(Chart {
        drawing,
        least: scale.low + scale.air,
        greatest: scale.high - scale.air,
    })
}

/// Top and bottom of the band to keep.
fn held(card: &KeyResultCard, scale: &Scale<'_>) -> Option<(f64, f64)> {
    let Aim::Hold(hold) = &card.key_result.aim else {
        return None;
    };
    let (low, high) = hold.band.bounds();
    let top = high.map_or(0.0, |high| scale.y(high));
    Some((top, low.map_or(HEIGHT, |low| scale.y(low))))
}

/// From the newest value to where it plausibly ends, with its range.
fn ahead(forecast: &Forecast, last: &Point, scale: &Scale<'_>) -> Markup {
    let end = Point {
        as_of: scale.cycle.end(),
        value: forecast.value,
    };
    let range = forecast.low.zip(forecast.high).map(|(low, high)| {
        let (x, y) = (scale.x(last.as_of), scale.y(last.value));
        let (low, high) = (scale.y(low), scale.y(high));
        format!("M{x} {y}L{WIDTH} {low}V{high}Z")
    });
    html! {
        @if let Some(range) = range { path.range d=(range) {} }
        path.forecast d=(scale.line(&[*last, end])) {}
    }
}

/// A line for each run of values that follow one another before the earlier one is too old to be believed.
fn runs(points: &[Point], card: &KeyResultCard, scale: &Scale<'_>) -> String {
    let longest = SignedDuration::try_from(card.key_result.stale_after);
    let longest = longest.unwrap_or(SignedDuration::MAX);
    // Of many values each stretch of the cycle keeps four (see `Series::for_chart`), which may stand that far apart.
    let length = scale.cycle.end().duration_since(scale.cycle.start());
    let longest = longest.max(length / STRETCHES.cast_signed());
    let follows = |a: &Point, b: &Point| b.as_of.duration_since(a.as_of) <= longest;
    let runs = points.chunk_by(follows);
    runs.map(|run| match run {
        // A line without length is a dot.
        [one] => scale.line(&[*one, *one]),
        run => scale.line(run),
    })
    .collect()
}

/// What was measured, up to the newest value of the card; that may be newer than its curve.
fn points(card: &KeyResultCard, cycle: &Cycle) -> Vec<Point> {
    let mut points = card.curve.to_vec();
    if let Some((value, as_of)) = card.value
        && cycle.covers(as_of)
        && points.last().is_none_or(|last| last.as_of < as_of)
    {
        points.push(Point { as_of, value });
    }
    points
}

/// The numbers that a chart must have room for; `None` for an aim without any.
fn bounds(card: &KeyResultCard) -> Option<[Option<f64>; 2]> {
    match &card.key_result.aim {
        Aim::Reach(_) => Some([card.baseline, card.target]),
        Aim::Hold(hold) => Some(hold.band.bounds().into()),
        Aim::Milestones(_) | Aim::Done | Aim::Baseline(_) => None,
    }
}

/// Where instants and numbers stand in the drawing.
struct Scale<'a> {
    cycle: &'a Cycle,
    low: f64,
    high: f64,
    /// What of that is free above, and below.
    air: f64,
}

impl<'a> Scale<'a> {
    /// One with room for all numbers and some air around them, and for as much of a forecast's range as leaves them room.
    fn around(
        cycle: &'a Cycle,
        all: impl Iterator<Item = f64>,
        range: Option<[Option<f64>; 2]>,
    ) -> Option<Self> {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in all.filter(|value| value.is_finite()) {
            (low, high) = (low.min(value), high.max(value));
        }
        let height = high - low;
        let [down, up] = range.unwrap_or_default();
        let down = down.map_or(low, |down| down.max(low - height * RANGE));
        let up = up.map_or(high, |up| up.min(high + height * RANGE));
        (low, high) = (low.min(down), high.max(up));
        let air = (high - low) * PAD;
        let air = if air > 0.0 { air } else { 1.0 };
        let (low, high) = (low - air, high + air);
        (high - low).is_finite().then_some(Self {
            cycle,
            low,
            high,
            air,
        })
    }

    fn x(&self, at: Timestamp) -> f64 {
        (self.cycle.elapsed(at) * WIDTH).round()
    }

    fn y(&self, value: f64) -> f64 {
        let share = (value - self.low) / (self.high - self.low);
        ((1.0 - share.clamp(0.0, 1.0)) * HEIGHT).round()
    }

    fn line(&self, points: &[Point]) -> String {
        let mut path = String::new();
        for (nth, point) in points.iter().enumerate() {
            let step = if nth == 0 { 'M' } else { 'L' };
            // Writing to a text cannot fail.
            let _ = write!(
                path,
                "{step}{} {}",
                self.x(point.as_of),
                self.y(point.value)
            );
        }
        path
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::metrics::sample;

    /// Measured on three days, and after a hole on two more; what the sample knows of today stands alone.
    #[test]
    fn where_nothing_was_measured_there_is_no_line() {
        let board = sample::board();
        let cycle = &board.scorecard.cycles[1];
        let mut card = board.scorecard.objectives[1].key_results[0]
            .as_ref()
            .clone();
        let day = |n: i64| cycle.start() + SignedDuration::from_hours(24 * n);
        let point = |(n, value)| Point {
            as_of: day(n),
            value,
        };
        let all = [(2, 650.0), (3, 660.0), (4, 670.0), (20, 700.0), (21, 710.0)];
        card.curve = all.map(point).into();
        Arc::make_mut(&mut card.key_result).stale_after = Duration::from_secs(2 * 86_400);
        let chart = chart(&card, cycle, sample::now(), "<what>").unwrap();
        let drawn = chart.drawing.into_string();
        let path = |class: &str| {
            let (_, rest) = drawn
                .split_once(&format!("<path class=\"{class}\" d=\""))
                .unwrap();
            rest.split('"').next().unwrap().to_owned()
        };
        assert_eq!(path("measured").matches('M').count(), 3, "{drawn}");
        assert_eq!(path("measured").matches('L').count(), 4, "{drawn}");
        assert_eq!(path("planned").matches('L').count(), 1, "{drawn}");
        assert!(path("target").ends_with("H600") && path("forecast").contains("L600"));
        assert!(path("range").ends_with('Z') && drawn.contains("&lt;what&gt;"));
        assert!((chart.least - 640.0).abs() < 1.0 && (chart.greatest - 1000.0).abs() < 1.0);
        // With one value there is no curve, and with none nothing at all.
        card.curve = Arc::new([]);
        card.value = None;
        assert!(super::chart(&card, cycle, sample::now(), "").is_none());
    }

    #[test]
    fn all_numbers_have_room_and_a_wide_range_leaves_it_to_them() {
        let board = sample::board();
        let around = |all: &[f64], range| {
            let scale = Scale::around(&board.scorecard.cycles[1], all.iter().copied(), range)?;
            Some((scale.low, scale.high))
        };
        let (low, high) = around(&[100.0, 200.0], None).unwrap();
        assert!((low - 92.0).abs() < 1e-9 && (high - 208.0).abs() < 1e-9);
        let wide = Some([Some(-1e9), Some(1e9)]);
        let (low, high) = around(&[100.0, 200.0], wide).unwrap();
        assert!(low > 20.0 && high < 280.0, "{low} {high}");
        let (low, high) = around(&[5.0], None).unwrap();
        assert!(low < 5.0 && 5.0 < high);
        assert_eq!(around(&[f64::MIN, f64::MAX], None), None);
    }
}
