//! The chart of one key result over its whole cycle, as an SVG: what was measured, the target or the bounds to keep, what
//! the plan expects, and where it plausibly ends. Lines and areas alone: whoever shows it says in words what it shows. A
//! stretch in which nothing was measured is a gap and no line.

use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};
use maud::{Markup, html};

use crate::domain::card::KeyResultCard;
use crate::domain::course;
use crate::domain::cycle::Cycle;
use crate::domain::series::Point;
use crate::domain::target::{Aim, Band};

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

/// The chart of a key result, with a `label` for those who do not see it. `None` where there is nothing to draw: fewer than
/// two values, or an aim without numbers.
#[must_use]
pub fn chart(card: &KeyResultCard, cycle: &Cycle, now: Timestamp, label: &str) -> Option<Chart> {
    let plot = Plot::of(card, cycle)?;
    let now = (cycle.start() < now && now < cycle.end()).then(|| plot.x(now));
    let drawing = html! {
        svg class="chart" viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } preserveAspectRatio="none" role="img" aria-label=(label) {
            @if let Some((top, bottom)) = plot.held {
                rect.held y=(top) width=(WIDTH) height=(bottom - top) {}
            }
            @if let Some(y) = plot.target { path.target d={ "M0 " (y) "H" (WIDTH) } {} }
            @if let Some(x) = now { path.now d={ "M" (x) " 0V" (HEIGHT) } {} }
            @if !plot.plan.is_empty() { path.planned d=(plot.plan) {} }
            @if let Some(forecast) = &plot.forecast {
                @if let Some(range) = &forecast.range { path.range d=(range) {} }
                path.forecast d=(forecast.line) {}
            }
            path.measured d=(plot.measured) {}
            path.newest d=(plot.newest) {}
        }
    };
    Some(Chart {
        drawing,
        least: plot.low + plot.air,
        greatest: plot.high - plot.air,
    })
}

/// Everything in the units of the drawing.
struct Plot<'a> {
    cycle: &'a Cycle,
    low: f64,
    high: f64,
    /// What of that is free above, and below.
    air: f64,
    measured: String,
    newest: String,
    plan: String,
    target: Option<f64>,
    /// Top and bottom of the band to keep.
    held: Option<(f64, f64)>,
    forecast: Option<Ahead>,
}

/// Where it plausibly ends.
struct Ahead {
    line: String,
    range: Option<String>,
}

impl<'a> Plot<'a> {
    fn of(card: &KeyResultCard, cycle: &'a Cycle) -> Option<Self> {
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
        let (low, high, air) = around(all, forecast.map(|f| [f.low, f.high]));
        let mut plot = Self {
            cycle,
            low,
            high,
            air,
            measured: String::new(),
            newest: String::new(),
            plan: String::new(),
            target: None,
            held: None,
            forecast: None,
        };
        plot.measured = plot.runs(&points, card);
        plot.newest = format!("M{} {}h0", plot.x(last.as_of), plot.y(last.value));
        plot.plan = plot.line(&planned);
        plot.target = card.target.map(|target| plot.y(target));
        plot.held = bounds_of(card).map(|(low, high)| {
            let top = high.map_or(0.0, |high| plot.y(high));
            (top, low.map_or(HEIGHT, |low| plot.y(low)))
        });
        plot.forecast = forecast.map(|f| {
            let ends = |low: f64, high: f64| {
                let (x, y) = (plot.x(last.as_of), plot.y(last.value));
                let (low, high) = (plot.y(low), plot.y(high));
                format!("M{x} {y}L{WIDTH} {low}V{high}Z")
            };
            let end = Point {
                as_of: cycle.end(),
                value: f.value,
            };
            Ahead {
                line: plot.line(&[*last, end]),
                range: f.low.zip(f.high).map(|(low, high)| ends(low, high)),
            }
        });
        Some(plot)
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

    /// A line for each run of values that follow one another before the earlier one is too old to be believed.
    fn runs(&self, points: &[Point], card: &KeyResultCard) -> String {
        let longest = SignedDuration::try_from(card.key_result.stale_after);
        let longest = longest.unwrap_or(SignedDuration::MAX);
        // Of many values each thirtieth of the cycle keeps four (see `Series::for_chart`), which may stand that far apart.
        let length = self.cycle.end().duration_since(self.cycle.start());
        let longest = longest.max(length / 30);
        let follows = |a: &Point, b: &Point| b.as_of.duration_since(a.as_of) <= longest;
        let runs = points.chunk_by(follows);
        runs.map(|run| match run {
            // A line without length is a dot.
            [one] => self.line(&[*one, *one]),
            run => self.line(run),
        })
        .collect()
    }
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

/// Low and high of a band to keep.
fn bounds_of(card: &KeyResultCard) -> Option<(Option<f64>, Option<f64>)> {
    let Aim::Hold(hold) = &card.key_result.aim else {
        return None;
    };
    Some(match hold.band {
        Band::AtLeast(low) => (Some(low), None),
        Band::AtMost(high) => (None, Some(high)),
        Band::Between(low, high) => (Some(low), Some(high)),
    })
}

/// The numbers that a chart must have room for; `None` for an aim without any.
fn bounds(card: &KeyResultCard) -> Option<[Option<f64>; 2]> {
    match &card.key_result.aim {
        Aim::Reach(_) => Some([card.baseline, card.target]),
        Aim::Hold(_) => bounds_of(card).map(|(low, high)| [low, high]),
        Aim::Milestones(_) | Aim::Done | Aim::Baseline(_) => None,
    }
}

/// From where to where a chart reaches, and how much of that is air: all numbers with some around them, and of a forecast's range as much as
/// leaves them room.
fn around(all: impl Iterator<Item = f64>, range: Option<[Option<f64>; 2]>) -> (f64, f64, f64) {
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
    (low - air, high + air, air)
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
        let (low, high, _) = around([100.0, 200.0].into_iter(), None);
        assert!((low - 92.0).abs() < 1e-9 && (high - 208.0).abs() < 1e-9);
        let wide = Some([Some(-1e9), Some(1e9)]);
        let (low, high, _) = around([100.0, 200.0].into_iter(), wide);
        assert!(low > 20.0 && high < 280.0, "{low} {high}");
        let (low, high, _) = around([5.0].into_iter(), None);
        assert!(low < 5.0 && 5.0 < high);
    }
}
