//! Forecasts in words: one sentence for people, whether there is a forecast or not. Says what is plausible and nothing of
//! probability. Knows nothing but the forecast.

use std::fmt;

use super::{Forecast, NoForecast, Rate};
use crate::domain::number::{percent, show as number, with_unit};

impl Forecast {
    /// "At this pace about 929 subscribers by 2026-12-31 (80 % of the way); plausible between 848 and 1,045."
    #[must_use]
    pub fn sentence(&self, unit: &str) -> String {
        let share = if self.progress < 0.0 {
            "further from the target than the baseline".to_owned()
        } else {
            format!("{} of the way", percent(self.progress))
        };
        let mut text = format!(
            "At this pace about {} by {} ({share})",
            with_unit(&self.about(self.value), unit),
            self.by
        );
        if let (Some(low), Some(high)) = (self.low, self.high) {
            let (low, high) = (self.about(low), self.about(high));
            text += &format!("; plausible between {low} and {high}");
        }
        if let Some(day) = self.corrected {
            text += &format!("; it was corrected downward on {day}");
        }
        if self.few_events {
            text += "; too few events to judge";
        }
        if self.weak {
            text += "; weak, since more than twice the measured span lies ahead";
        }
        text + "."
    }

    /// A number in no more detail than a forecast has: to the power of ten that makes at least a hundred steps of the way.
    #[must_use]
    pub fn about(&self, value: f64) -> String {
        let step = (self.way / 100.0).log10().floor();
        let rounded = if step >= 0.0 {
            let size = 10_f64.powf(step);
            (value / size).round() * size
        } else {
            let size = 10_f64.powf(-step);
            (value * size).round() / size
        };
        number(if rounded.is_finite() {
            rounded + 0.0
        } else {
            value
        })
    }
}

impl Rate {
    /// "Needs 5.5 a day, makes 2.6.", with two digits that count; `None` when nothing is needed any more.
    #[must_use]
    pub fn sentence(&self, way_up: bool) -> Option<String> {
        let leads_there = if way_up {
            self.needed > 0.0
        } else {
            self.needed < 0.0
        };
        let needed = two_digits(self.needed);
        leads_there.then(|| match self.actual {
            Some(actual) => format!("Needs {needed} a day, makes {}.", two_digits(actual)),
            None => format!("Needs {needed} a day."),
        })
    }
}

/// A rate with two digits that count: more would claim to know the days to come. Whole numbers stay whole.
fn two_digits(rate: f64) -> String {
    let size = 10_f64.powf((rate.abs().log10().floor() - 1.0).min(0.0));
    let rounded = (rate / size).round() * size;
    number(if rounded.is_finite() {
        rounded + 0.0
    } else {
        rate
    })
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

impl fmt::Display for NoForecast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Band => "A level to hold has no forecast.",
            Self::NoTarget => "Only a way to a target has a forecast.",
            Self::CycleNotOpen => "There is a forecast only while the cycle runs.",
            Self::Stale => "No forecast: the last value is too old.",
            Self::BeginsAnew => {
                "No forecast: the number begins anew within the cycle, so no line through its days leads to the end."
            }
            Self::NoWay => "No forecast yet: the way from the baseline to the target is not known.",
            Self::TooEarly => "No forecast yet: less than a tenth of it was due by now.",
            Self::TooLarge => "No forecast: the numbers are too large to be carried on.",
            Self::FewDays(days) => {
                let s = if *days == 1 { "" } else { "s" };
                return write!(
                    f,
                    "No forecast yet: measured on {days} day{s}, {} are needed.",
                    super::trend::LEAST_DAYS
                );
            }
            Self::ShortSpan(span, needed) => {
                return write!(
                    f,
                    "No forecast yet: from the first measured day to the last it is {} days, {} are needed.",
                    number(*span),
                    number(*needed)
                );
            }
            Self::FirstWindows(days) => {
                let s = if *days == 1 { "" } else { "s" };
                return write!(
                    f,
                    "No forecast yet: each value looks back over {days} day{s}, and the cycle must run for twice as long."
                );
            }
        };
        f.write_str(text)
    }
}
