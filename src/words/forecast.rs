//! Forecasts in words: one sentence for people, whether there is a forecast or not. Says what is plausible and nothing of
//! probability.

use super::Tongue;
use super::phrase::phrases;
use crate::domain::forecast::{Forecast, LEAST_DAYS, NoForecast};

phrases! {
    at_this_pace(value, day, share) = "At this pace about {value} by {day} ({share})", "In dit tempo ongeveer {value} op {day} ({share})";
    share_of_the_way(share) = "{share} of the way", "{share} van de weg";
    further_than_baseline = "further from the target than the baseline", "verder van het doel dan de startwaarde";
    plausible_between(low, high) = "; plausible between {low} and {high}", "; aannemelijk tussen {low} en {high}";
    was_corrected(day) = "; it was corrected downward on {day}", "; op {day} naar beneden bijgesteld";
    few_events = "; too few events to judge", "; te weinig gebeurtenissen voor een oordeel";
    weak = "; weak, since more than twice the measured span lies ahead", "; zwak, want er is nog meer dan tweemaal de gemeten periode te gaan";
    needs_and_makes(needed, actual) = "Needs {needed} a day, makes {actual}.", "Nodig is {needed} per dag, nu is het {actual}.";
    needs(needed) = "Needs {needed} a day.", "Nodig is {needed} per dag.";
    no_forecast_band = "A level to hold has no forecast.", "Voor grenzen om binnen te blijven is er geen prognose.";
    no_forecast_target = "Only a way to a target has a forecast.", "Alleen voor een weg naar een doel is er een prognose.";
    no_forecast_cycle = "There is a forecast only while the cycle runs.", "Er is alleen een prognose zolang de cyclus loopt.";
    no_forecast_stale = "No forecast: the last value is too old.", "Geen prognose: de laatste waarde is te oud.";
    no_forecast_anew = "No forecast: the number begins anew within the cycle, so no line through its days leads to the end.", "Geen prognose: het getal begint binnen de cyclus opnieuw, dus geen lijn door de dagen leidt naar het eind.";
    no_forecast_way = "No forecast yet: the way from the baseline to the target is not known.", "Nog geen prognose: de weg van de startwaarde naar het doel is niet bekend.";
    no_forecast_early = "No forecast yet: less than a tenth of it was due by now.", "Nog geen prognose: tot nu toe was er minder dan een tiende aan de beurt.";
    no_forecast_large = "No forecast: the numbers are too large to be carried on.", "Geen prognose: de getallen zijn te groot om door te trekken.";
    no_forecast_days(days, needed) = "No forecast yet: measured on {days}, {needed} are needed.", "Nog geen prognose: gemeten op {days}, nodig zijn er {needed}.";
    no_forecast_span(span, needed) = "No forecast yet: from the first measured day to the last it is {span} days, {needed} are needed.", "Nog geen prognose: van de eerste gemeten dag tot de laatste zijn het {span} dagen, nodig zijn er {needed}.";
    no_forecast_windows(days) = "No forecast yet: each value looks back over {days}, and the cycle must run for twice as long.", "Nog geen prognose: elke waarde kijkt {days} terug, en de cyclus moet tweemaal zo lang lopen.";
}

impl Tongue {
    /// "At this pace about 929 subscribers by 2026-12-31 (80 % of the way); plausible between 848 and 1,045."
    #[must_use]
    pub fn forecast(self, forecast: &Forecast, unit: &str) -> String {
        let about = |value| self.number(forecast.rounded(value));
        let share = if forecast.progress < 0.0 {
            self.further_than_baseline().to_owned()
        } else {
            self.share_of_the_way(self.careful_percent(forecast.progress))
        };
        let value = self.with_unit(&about(forecast.value), unit);
        let mut text = self.at_this_pace(value, self.day(forecast.by), share);
        if let (Some(low), Some(high)) = (forecast.low, forecast.high) {
            text += &self.plausible_between(about(low), about(high));
        }
        if let Some(day) = forecast.corrected {
            text += &self.was_corrected(self.day(day));
        }
        if forecast.few_events {
            text += self.few_events();
        }
        if forecast.weak {
            text += self.weak();
        }
        text + "."
    }

    /// Why there is no forecast.
    #[must_use]
    pub fn no_forecast(self, why: NoForecast) -> String {
        match why {
            NoForecast::Band => self.no_forecast_band().to_owned(),
            NoForecast::NoTarget => self.no_forecast_target().to_owned(),
            NoForecast::CycleNotOpen => self.no_forecast_cycle().to_owned(),
            NoForecast::Stale => self.no_forecast_stale().to_owned(),
            NoForecast::BeginsAnew => self.no_forecast_anew().to_owned(),
            NoForecast::NoWay => self.no_forecast_way().to_owned(),
            NoForecast::TooEarly => self.no_forecast_early().to_owned(),
            NoForecast::TooLarge => self.no_forecast_large().to_owned(),
            NoForecast::FewDays(days) => self.no_forecast_days(self.days(days), LEAST_DAYS),
            NoForecast::ShortSpan(span, needed) => {
                self.no_forecast_span(self.number(span), self.number(needed))
            }
            NoForecast::FirstWindows(days) => self.no_forecast_windows(self.days(days.into())),
        }
    }

    /// The rate that is needed beside the actual one, as far as that is known: "Needs 5.5 a day, makes 2.6."
    #[must_use]
    pub fn rate(self, (needed, actual): (f64, Option<f64>)) -> String {
        let needed = self.number(needed);
        match actual {
            Some(actual) => self.needs_and_makes(needed, self.number(actual)),
            None => self.needs(needed),
        }
    }
}
