//! Forecasts that are kept: as each stood at the end of a local day, and how far the one of half-time was off when the
//! cycle had closed, so that the method earns or loses trust. Rule: the OKR method, "Forecast of the final value". Knows
//! no store and no clock.

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

use super::{Forecast, Method};
use crate::domain::cycle::Cycle;

/// The forecast of half-time may be so old and no older.
const BEFORE_HALF_TIME: SignedDuration = SignedDuration::from_hours(14 * 24);

/// A forecast as it was kept. All numbers are finite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KeptForecast {
    /// The local day of its cycle on which it was made.
    pub day: Date,
    /// When it was made, to the millisecond.
    pub at: Timestamp,
    /// The value at the end of the cycle, in the unit of the key result.
    pub value: f64,
    /// The share of the way that it would have made, unclamped.
    pub progress: f64,
    /// The lower end of the plausible range.
    pub low: Option<f64>,
    /// The upper end.
    pub high: Option<f64>,
    /// How it was found.
    pub method: Method,
    /// Whether more than twice the measured span lay ahead.
    pub weak: bool,
}

impl KeptForecast {
    /// A forecast made at `at`, on this local day.
    #[must_use]
    pub fn of(forecast: &Forecast, day: Date, at: Timestamp) -> Self {
        Self {
            day,
            // As a later load gives it.
            at: Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at),
            value: forecast.value,
            progress: forecast.progress,
            low: forecast.low,
            high: forecast.high,
            method: forecast.method,
            weak: forecast.weak,
        }
    }

    /// Whether the two say the same, whenever they were made.
    #[must_use]
    pub fn says_what(&self, other: &Self) -> bool {
        *self
            == Self {
                day: self.day,
                at: self.at,
                ..*other
            }
    }

    /// Whether it is one of those of which the newest stood at half-time: made in the two weeks before the middle of its
    /// cycle.
    #[must_use]
    pub fn is_of_half_time(&self, cycle: &Cycle) -> bool {
        let (from, until) = half_time(cycle);
        from <= self.at && self.at <= until
    }
}

/// From when until when the forecasts are made of which the newest stood at half-time; both ends included.
#[must_use]
pub fn half_time(cycle: &Cycle) -> (Timestamp, Timestamp) {
    let middle = cycle.start() + cycle.end().duration_since(cycle.start()) / 2;
    (
        middle
            .checked_sub(BEFORE_HALF_TIME)
            .unwrap_or(Timestamp::MIN),
        middle,
    )
}

/// How far the forecast that stood at half-time was off.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ForecastError {
    /// What was forecast, in the unit of the key result.
    pub forecast: f64,
    /// When.
    pub at: Timestamp,
    /// How it was found.
    pub method: Method,
    /// `|forecast - final value|`, in the unit of the key result.
    pub error: f64,
}

impl ForecastError {
    /// Of the forecast that stood at half-time, once the final value is known. `None` when the numbers are too large to
    /// be told apart.
    #[must_use]
    pub fn of(stood: &KeptForecast, last: f64) -> Option<Self> {
        let error = (stood.value - last).abs();
        error.is_finite().then_some(Self {
            forecast: stood.value,
            at: stood.at,
            method: stood.method,
            error,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::example::{day, quarter};
    use jiff::civil::date;

    fn made(at: f64, value: f64) -> KeptForecast {
        KeptForecast {
            day: date(2026, 1, 1),
            at: day(at),
            value,
            progress: 0.5,
            low: None,
            high: None,
            method: Method::RunRate,
            weak: false,
        }
    }

    /// The middle of the 90 days is day 45.
    #[test]
    fn half_time_is_the_middle_and_the_two_weeks_before_it() {
        let second = 1.0 / 86_400.0;
        for (at, stands) in [
            (31.0 - second, false),
            (31.0, true),
            (44.99, true),
            (45.0, true),
            (45.0 + second, false),
        ] {
            assert_eq!(made(at, 1.0).is_of_half_time(&quarter()), stands, "{at}");
        }
    }

    #[test]
    fn the_error_is_a_distance_in_the_unit_of_the_key_result() {
        for (forecast, last, expected) in [
            (940.0, 910.0, 30.0),
            (910.0, 940.0, 30.0),
            (-1.0, -1.0, 0.0),
        ] {
            let found = ForecastError::of(&made(44.0, forecast), last).unwrap();
            assert_eq!((found.error, found.forecast), (expected, forecast));
        }
        assert_eq!(ForecastError::of(&made(44.0, f64::MAX), f64::MIN), None);
    }

    #[test]
    fn two_forecasts_say_the_same_whenever_they_were_made() {
        assert!(made(1.0, 5.0).says_what(&made(2.0, 5.0)));
        assert!(!made(1.0, 5.0).says_what(&made(1.0, 5.1)));
    }
}
