//! Forecasts: where a key result plausibly ends when it goes on as it does, and how fast it would have to go. Formulas:
//! the OKR method, "Forecast of the final value" and "Needed vs actual rate". A forecast is a statement beside the
//! status and never replaces it. Knows no clock, no card and no other key result.

mod holt;
mod kept;
mod rounding;
mod run_rate;
mod theil_sen;
mod trend;
mod wilson;

use jiff::Timestamp;
use jiff::civil::Date;

pub use self::holt::{Holt, saturates};
pub use self::kept::{ForecastError, KeptForecast, half_time};
pub use self::run_rate::run_rate;
pub use self::theil_sen::TheilSen;
pub use self::trend::{LEAST_DAYS, Trend};
pub use self::wilson::{too_few_events, wilson};
use super::cycle::Cycle;
use super::goals::{KeyResult, Kind};
use super::progress::{EPSILON, Way};
use super::target::Aim;
use super::window::Window;

/// Seconds of a day of the cycle.
const DAY: f64 = 86_400.0;
/// The shortest span of measured days that tells of the end, in days.
const LEAST_SPAN: f64 = 14.0;
/// The same as a share of the cycle.
const LEAST_SHARE: f64 = 0.15;
/// A forecast is weak when more than so many times the measured span lies ahead.
const WEAK_BEYOND: f64 = 2.0;
/// So many windows of a number over trailing days tell nothing yet: neighbouring points share most of their data, and
/// the first window holds days from before the cycle.
const FIRST_WINDOWS: f64 = 2.0;

/// Where a key result plausibly ends. All numbers are finite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Forecast {
    /// The value at the end of the cycle, in the unit of the key result.
    pub value: f64,
    /// The share of the way from baseline to target that it would have made, unclamped.
    pub progress: f64,
    /// The lower end of the plausible range; no probability stands behind it.
    pub low: Option<f64>,
    /// The upper end.
    pub high: Option<f64>,
    /// How it was found.
    pub method: Method,
    /// Whether more than twice the measured span lies ahead.
    pub weak: bool,
    /// Whether it rests on too few events to judge, as far as events were counted.
    pub few_events: bool,
    /// How much the value changes in a day of 86,400 seconds as things go now.
    pub per_day: f64,
    /// The last day of the cycle.
    pub by: Date,
    /// From baseline to target, without sign: how finely the numbers are told.
    pub way: f64,
    /// The newest day on which a flow was corrected downward.
    pub corrected: Option<Date>,
}

/// How a forecast was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// A flow that goes on as it did on average.
    RunRate,
    /// The median line through the days.
    TheilSen,
    /// A line that becomes flatter, for a level that saturates.
    DampedHolt,
}

impl Method {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::RunRate, Self::TheilSen, Self::DampedHolt];

    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RunRate => "run_rate",
            Self::TheilSen => "theil_sen",
            Self::DampedHolt => "damped_holt",
        }
    }

    /// The method behind a word.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == text)
    }
}

/// Why there is no forecast.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum NoForecast {
    /// A band is held, not reached.
    Band,
    /// Milestones, what is so or not, a baseline to collect.
    NoTarget,
    /// The cycle has not begun or is over.
    CycleNotOpen,
    /// The newest value is too old to be believed.
    Stale,
    /// Measured on so few days.
    FewDays(usize),
    /// The measured days span so few days, and so many are needed.
    ShortSpan(f64, f64),
    /// A number over trailing days, so many of them, in its first two windows.
    FirstWindows(u16),
    /// A number to date that begins anew within the cycle.
    BeginsAnew,
    /// Baseline and target make no way yet.
    NoWay,
    /// Too little of a flow was due by now.
    TooEarly,
    /// The numbers are too large to be carried on.
    TooLarge,
}

/// How fast the value has to change to meet the target, and how fast it does; in its unit per day of 86,400 seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// `(t − v) / days left`.
    pub needed: f64,
    /// As the forecast has it.
    pub actual: Option<f64>,
    /// `needed / actual`: 1 is just enough, more is too slow. `None` when the actual rate is 0 or leads elsewhere.
    pub ratio: Option<f64>,
}

/// What must be known beside the trend.
#[derive(Clone, Debug)]
pub struct Outlook<'a> {
    /// What was agreed.
    pub key_result: &'a KeyResult,
    /// Its cycle.
    pub cycle: &'a Cycle,
    /// From its baseline to its target, once known.
    pub way: Option<Way>,
    /// The newest value.
    pub value: Option<f64>,
    /// Whether that is too old to be believed.
    pub stale: bool,
    /// The planned share q of the way by now.
    pub planned: f64,
    /// How many of how many were counted for the newest value of a ratio, where its source tells.
    pub counts: Option<(f64, f64)>,
    /// The instant of the question.
    pub now: Timestamp,
}

impl Outlook<'_> {
    /// The forecast, from the trend of the days up to now. Costs a few multiplications.
    ///
    /// # Errors
    /// When there is none, and why.
    pub fn forecast(&self, trend: &Trend) -> Result<Forecast, NoForecast> {
        let (way, value) = self.grounds(trend)?;
        let (line, per_day, method) = match self.key_result.kind {
            Kind::Cumulative => {
                let at_end = run_rate(way.baseline(), value, self.planned);
                let at_end = at_end.ok_or(NoForecast::TooEarly)?;
                let elapsed = days(self.cycle.start(), self.now);
                let per_day = (value - way.baseline()) / elapsed;
                ((at_end, None), per_day, Method::RunRate)
            }
            Kind::Level | Kind::Window | Kind::Ratio => {
                let line = trend.line.ok_or(NoForecast::TooLarge)?;
                ((line.at_end, line.range), line.slope, line.method)
            }
        };
        let (at_end, range) = (self.clipped(line.0), line.1);
        let (low, high) = range
            .map(|(l, h)| (self.clipped(l), self.clipped(h)))
            .unzip();
        let numbers = [Some(at_end), low, high, Some(per_day)];
        if !numbers.iter().flatten().all(|number| number.is_finite()) {
            return Err(NoForecast::TooLarge);
        }
        Ok(Forecast {
            value: at_end,
            progress: way.progress_raw(at_end),
            low,
            high,
            method,
            weak: self.days_left() > WEAK_BEYOND * trend.span,
            few_events: self.few_events(way, value),
            per_day,
            by: self.cycle.last_day,
            way: (way.target() - way.baseline()).abs(),
            corrected: trend.corrected,
        })
    }

    /// Needed and actual rate. `None` unless the cycle is open, the way is known and the value is believed.
    #[must_use]
    pub fn rate(&self, forecast: Option<&Forecast>) -> Option<Rate> {
        let value = self.value.filter(|_| !self.stale)?;
        let way = self.way.as_ref().filter(|_| self.cycle.is_open(self.now))?;
        let finite = |number: &f64| number.is_finite();
        let needed = Some((way.target() - value) / self.days_left()).filter(finite)? + 0.0;
        let actual = forecast.map(|forecast| forecast.per_day + 0.0);
        // What stands still or goes the other way never gets there.
        let leads_there = |actual: &f64| *actual != 0.0 && needed / actual >= 0.0;
        let ratio = actual.filter(leads_there).map(|actual| needed / actual);
        Some(Rate {
            needed,
            actual,
            ratio: ratio.filter(finite),
        })
    }

    /// The way and the value of a key result that has grounds enough for a forecast.
    fn grounds(&self, trend: &Trend) -> Result<(&Way, f64), NoForecast> {
        match self.key_result.aim {
            Aim::Reach(_) => {}
            Aim::Hold(_) => return Err(NoForecast::Band),
            Aim::Milestones(_) | Aim::Done | Aim::Baseline(_) => return Err(NoForecast::NoTarget),
        }
        if !self.cycle.is_open(self.now) {
            return Err(NoForecast::CycleNotOpen);
        }
        let window = self.key_result.window;
        if window.is_some_and(|window| window.begins_anew_in(self.cycle)) {
            return Err(NoForecast::BeginsAnew);
        }
        if self.stale {
            return Err(NoForecast::Stale);
        }
        if let Some(window) = window.and_then(Window::days)
            && days(self.cycle.start(), self.now) + EPSILON < FIRST_WINDOWS * f64::from(window)
        {
            return Err(NoForecast::FirstWindows(window));
        }
        if trend.days < trend::LEAST_DAYS {
            return Err(NoForecast::FewDays(trend.days));
        }
        let share = LEAST_SHARE * days(self.cycle.start(), self.cycle.end());
        let needed = share.max(LEAST_SPAN);
        if trend.span + EPSILON < needed {
            return Err(NoForecast::ShortSpan(trend.span, needed.ceil()));
        }
        let way = self.way.as_ref().ok_or(NoForecast::NoWay)?;
        // Whatever was measured on some days has a newest value.
        let value = self.value.ok_or(NoForecast::FewDays(trend.days))?;
        Ok((way, value))
    }

    /// A share lies between nothing and the whole.
    fn clipped(&self, value: f64) -> f64 {
        let value = match self.key_result.kind {
            Kind::Ratio => value.clamp(0.0, self.whole()),
            Kind::Cumulative | Kind::Level | Kind::Window => value,
        };
        value + 0.0
    }

    /// The whole of a ratio: 100 when it is told in percent, else 1.
    fn whole(&self) -> f64 {
        if self.key_result.unit.starts_with('%') {
            100.0
        } else {
            1.0
        }
    }

    fn few_events(&self, way: &Way, value: f64) -> bool {
        let distance = (way.target() - value) / self.whole();
        let counts = self.counts.filter(|_| self.key_result.kind == Kind::Ratio);
        counts.is_some_and(|(k, n)| too_few_events(k, n, distance))
    }

    fn days_left(&self) -> f64 {
        days(self.now, self.cycle.end())
    }
}

/// Days of 86,400 seconds between two instants.
fn days(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64() / DAY
}

#[cfg(test)]
mod tests;
