//! In how much detail a forecast is told: no more than it knows. Knows nothing but the forecast.

use super::{Forecast, NoForecast, Rate};

impl Forecast {
    /// A number in no more detail than a forecast has: to the power of ten that makes at least a hundred steps of the way.
    #[must_use]
    pub fn rounded(&self, value: f64) -> f64 {
        let step = (self.way / 100.0).log10().floor();
        let rounded = if step >= 0.0 {
            let size = 10_f64.powf(step);
            (value / size).round() * size
        } else {
            let size = 10_f64.powf(-step);
            (value * size).round() / size
        };
        finite(rounded, value)
    }
}

impl Rate {
    /// What is needed and what is made, with two digits that count; `None` when nothing is needed any more.
    #[must_use]
    pub fn still_needed(&self, way_up: bool) -> Option<(f64, Option<f64>)> {
        let leads_there = if way_up {
            self.needed > 0.0
        } else {
            self.needed < 0.0
        };
        leads_there.then(|| (two_digits(self.needed), self.actual.map(two_digits)))
    }
}

/// A rate with two digits that count: more would claim to know the days to come. Whole numbers stay whole.
fn two_digits(rate: f64) -> f64 {
    let size = 10_f64.powf((rate.abs().log10().floor() - 1.0).min(0.0));
    finite((rate / size).round() * size, rate)
}

/// The rounded number, never -0; the number itself where rounding leads beyond all numbers.
fn finite(rounded: f64, otherwise: f64) -> f64 {
    if rounded.is_finite() {
        rounded + 0.0
    } else {
        otherwise
    }
}

impl NoForecast {
    /// Whether it is only a matter of time: people who wait for a forecast want to know for what.
    #[must_use]
    pub fn is_to_come(self) -> bool {
        matches!(
            self,
            Self::FewDays(_) | Self::ShortSpan(..) | Self::FirstWindows(_) | Self::TooEarly
        )
    }
}
