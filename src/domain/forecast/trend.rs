//! Trends: what the measured days of a cycle tell of its end, whatever the moment one asks. The costly part of a
//! forecast, and it changes only with the days. Knows no target and no status.

use super::Method;
use super::holt::{Holt, saturates};
use super::theil_sen::TheilSen;
use crate::domain::cycle::Cycle;
use crate::domain::goals::{KeyResult, Kind};
use crate::domain::progress::EPSILON;
use crate::domain::series::{Point, STRETCHES, Series};
use crate::domain::target::{Aim, Direction};

use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;

/// The fewest days from which a line is drawn.
pub const LEAST_DAYS: usize = 6;

/// What the measured days come to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trend {
    /// What was measured, for a chart.
    pub(super) curve: Arc<[Point]>,
    /// How many local days were measured.
    pub(super) days: usize,
    /// From the first of these days to the last, in days.
    pub(super) span: f64,
    /// Where they lead; `None` for too few, and for a flow, whose run-rate needs no line.
    pub(super) line: Option<Line>,
    /// The newest day on which a flow was less than on the day before.
    pub(super) corrected: Option<Date>,
}

/// Where a line through the days leads.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Line {
    /// Per day of 86,400 seconds, as things go now.
    pub slope: f64,
    /// The value at the end of the cycle.
    pub at_end: f64,
    /// The plausible values at the end of the cycle, the lower first.
    pub range: Option<(f64, f64)>,
    pub method: Method,
}

/// The last good value of one local day.
#[derive(Clone, Copy, Debug)]
struct Day {
    date: Date,
    /// Days of 86,400 seconds since the start of the cycle.
    x: f64,
    value: f64,
}

impl Trend {
    /// Draws the trend of the days from the start of the cycle up to `now`, each with its last good value, under the
    /// definition in force.
    ///
    /// Costs a look at all pairs of days, see [`TheilSen::through`]; so whoever judges often keeps it until the days
    /// change.
    #[must_use]
    pub fn draw(key_result: &KeyResult, cycle: &Cycle, series: &Series, now: Timestamp) -> Self {
        let curve = series.for_chart(cycle.start(), now.min(cycle.end()), STRETCHES);
        if matches!(key_result.aim, Aim::Hold(_)) || !cycle.is_open(now) {
            return Self {
                curve,
                ..Self::default()
            };
        }
        let days = days(cycle, series, now);
        let ends = days.first().zip(days.last());
        Self {
            curve,
            days: days.len(),
            span: ends.map_or(0.0, |(first, last)| days_between(first.date, last.date)),
            line: match key_result.kind {
                Kind::Cumulative => None,
                Kind::Level | Kind::Window | Kind::Ratio if days.len() < LEAST_DAYS => None,
                Kind::Level => saturating(&days, cycle).or_else(|| straight(&days, cycle)),
                Kind::Window | Kind::Ratio => straight(&days, cycle),
            },
            corrected: corrected(key_result, &days),
        }
    }

    /// What was measured in the cycle, thinned for a chart.
    #[must_use]
    pub fn curve(&self) -> &Arc<[Point]> {
        &self.curve
    }

    /// The newest day on which a flow was corrected downward; `None` where none was, and for what is no flow.
    #[must_use]
    pub fn corrected(&self) -> Option<Date> {
        self.corrected
    }

    /// How many pairs of days were looked at: what drawing it costs.
    #[must_use]
    pub fn pairs(&self) -> usize {
        match self.line {
            Some(_) => self.days * self.days.saturating_sub(1) / 2,
            None => 0,
        }
    }
}

/// One value a local day, the last of each. Where a clock is set back across midnight the repeated hour belongs to the
/// day that has begun.
fn days(cycle: &Cycle, series: &Series, now: Timestamp) -> Vec<Day> {
    let points = series.points().iter();
    let points = points.filter(|p| cycle.start() <= p.as_of && p.as_of <= now);
    let mut days: Vec<Day> = Vec::new();
    for point in points {
        let day = Day {
            date: point.as_of.to_zoned(cycle.zone.clone()).date(),
            x: since_start(cycle, point.as_of),
            value: point.value,
        };
        match days.last_mut() {
            Some(last) if day.date <= last.date => {
                *last = Day {
                    date: last.date,
                    ..day
                };
            }
            _ => days.push(day),
        }
    }
    days
}

/// Days of 86,400 seconds since the start of the cycle.
fn since_start(cycle: &Cycle, at: Timestamp) -> f64 {
    at.duration_since(cycle.start()).as_secs_f64() / super::DAY
}

fn days_between(first: Date, last: Date) -> f64 {
    f64::from(first.until(last).map_or(0, |span| span.get_days()))
}

/// The newest day on which a flow was less than on the day before: what is counted up only falls when it is corrected. It
/// is no counter that begins anew, so the newest value goes on being believed. Where the target lies below, to fall is
/// the way to go.
fn corrected(key_result: &KeyResult, days: &[Day]) -> Option<Date> {
    let downward = key_result.aim.direction() == Direction::Decrease;
    if key_result.kind != Kind::Cumulative || downward {
        return None;
    }
    let mut pairs = days.iter().zip(days.iter().skip(1));
    let falls = |(before, after): &(&Day, &Day)| {
        before.value - after.value > EPSILON * before.value.abs().max(1.0)
    };
    pairs.rfind(falls).map(|(_, after)| after.date)
}

/// The median line, the rule for everything that is no flow. It takes all days: days of the week hardly bend a median,
/// whereas leaving out days to make whole weeks bends it more.
fn straight(days: &[Day], cycle: &Cycle) -> Option<Line> {
    let points: Vec<(f64, f64)> = days.iter().map(|day| (day.x, day.value)).collect();
    let line = TheilSen::through(&points)?;
    let end = since_start(cycle, cycle.end());
    Some(Line {
        slope: line.slope,
        at_end: line.at(end),
        range: line.range_at(end),
        method: Method::TheilSen,
    })
}

/// A damped line for a level whose weekly steps become smaller and smaller; `None` for every other.
fn saturating(days: &[Day], cycle: &Cycle) -> Option<Line> {
    let weekly = weekly(days)?;
    if !saturates(&weekly) {
        return None;
    }
    let holt = Holt::of(&weekly)?;
    let first = days.first()?;
    let newest = 7.0 * f64::from(u32::try_from(weekly.len()).ok()?.checked_sub(1)?);
    let left = since_start(cycle, cycle.end()) - first.x - newest;
    Some(Line {
        slope: holt.trend / 7.0,
        at_end: holt.after(left / 7.0),
        range: None,
        method: Method::DampedHolt,
    })
}

/// The first day's value, then the last value of each whole week since. `None` when a week has no value of its own: to
/// carry the old one on would look like a step of nothing.
fn weekly(days: &[Day]) -> Option<Vec<f64>> {
    let first = days.first()?;
    let mut weekly = vec![first.value];
    // The week that ends 7, 14, … days after the first day.
    let mut week = 1;
    let mut newest: Option<f64> = None;
    for day in days.iter().skip(1) {
        let at = days_between(first.date, day.date);
        while at > 7.0 * f64::from(week) {
            weekly.push(newest.take()?);
            week += 1;
        }
        newest = Some(day.value);
    }
    let last = days_between(first.date, days.last()?.date);
    if last >= 7.0 * f64::from(week) {
        weekly.push(newest?);
    }
    Some(weekly)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::example::{day, key_result, quarter, reach, record};
    use crate::domain::target::{Baseline, Target};

    fn level() -> KeyResult {
        let aim = reach(Baseline::Fixed(640.0), Target::Absolute(1000.0));
        key_result("more/subscribers", "subscribers", aim)
    }

    fn drawn(samples: &[(f64, f64)], now: f64) -> Trend {
        Trend::draw(&level(), &quarter(), &record(samples).series, day(now))
    }

    #[test]
    fn a_day_has_one_value_its_last_and_only_days_of_the_cycle_until_now_count() {
        let samples = [
            (-1.0, 1e6),
            (0.0, 1.0),
            (0.9, 10.0),
            (1.5, 11.0),
            (1.75, 12.0),
            (8.0, 13.0),
            (9.0, 1e6),
        ];
        let found = days(&quarter(), &record(&samples).series, day(8.5));
        let found: Vec<_> = found.iter().map(|day| (day.x, day.value)).collect();
        assert_eq!(found, [(0.9, 10.0), (1.75, 12.0), (8.0, 13.0)]);
        let trend = drawn(&samples, 8.5);
        assert_eq!((trend.days, trend.span, trend.line), (3, 8.0, None));
    }

    #[test]
    fn weeks_count_from_the_first_day() {
        let week =
            |samples: &[(f64, f64)]| weekly(&days(&quarter(), &record(samples).series, day(89.0)));
        let daily: Vec<_> = (3..20).map(|d| (f64::from(d), f64::from(d))).collect();
        // The week under way is no whole one.
        assert_eq!(week(&daily), Some(vec![3.0, 10.0, 17.0]));
        // A week without a value of its own.
        assert_eq!(week(&[(0.0, 1.0), (6.0, 2.0), (15.0, 3.0)]), None);
        // The last value of a week, wherever in it.
        assert_eq!(
            week(&[(0.0, 1.0), (6.0, 2.0), (9.0, 3.0), (15.0, 4.0)]),
            Some(vec![1.0, 2.0, 3.0])
        );
    }

    #[test]
    fn a_level_that_saturates_is_no_straight_line() {
        let values = [0.0, 100.0, 180.0, 230.0, 250.0];
        let mut samples: Vec<(f64, f64)> = Vec::new();
        for (week, pair) in values.windows(2).enumerate() {
            let from = 7.0 * f64::from(u32::try_from(week).unwrap());
            let step = (pair[1] - pair[0]) / 7.0;
            samples.extend((0..7).map(|d| (from + f64::from(d), pair[0] + step * f64::from(d))));
        }
        samples.push((28.0, 250.0));
        let line = drawn(&samples, 28.5).line.unwrap();
        assert_eq!((line.method, line.range), (Method::DampedHolt, None));
        let expected = Holt::of(&values).unwrap().after((90.0 - 28.0) / 7.0);
        assert!((line.at_end - expected).abs() < 1e-9, "{line:?}");
        assert!(
            line.at_end
                < straight(
                    &days(&quarter(), &record(&samples).series, day(28.5)),
                    &quarter()
                )
                .unwrap()
                .at_end
        );
        // A share is bounded anyway and keeps the line that people can check by eye.
        let ratio = KeyResult {
            kind: Kind::Ratio,
            ..level()
        };
        let trend = Trend::draw(&ratio, &quarter(), &record(&samples).series, day(28.5));
        assert_eq!(trend.line.unwrap().method, Method::TheilSen);
    }

    #[test]
    fn the_seven_values_of_the_method_lead_where_it_says() {
        let values = [640.0, 655.0, 690.0, 700.0, 735.0, 742.0, 780.0];
        let samples: Vec<_> = (0..7).map(|i| 7.0 * f64::from(i)).zip(values).collect();
        let trend = drawn(&samples, 42.0);
        let line = trend.line.unwrap();
        assert_eq!((trend.days, trend.span, trend.pairs()), (7, 42.0, 21));
        assert_eq!(line.method, Method::TheilSen);
        assert!((line.at_end - 929.285_714_3).abs() < 1e-6, "{line:?}");
        // Before and after its cycle there is nothing to tell, but to show.
        let after = drawn(&samples, 90.0);
        assert_eq!((after.days, after.line, after.curve.len()), (0, None, 7));
        assert_eq!(drawn(&samples, -1.0), Trend::default());
    }
}
