//! The diary: which forecasts of a key result are kept, and when. Of each local day of its cycle the last one stays. To
//! write each would be a write with each judgement; so the first of a day is written at once, that a killed daemon leaves
//! one, and the last when the day is over or the daemon ends, if it says something else. Knows no store.

use jiff::Timestamp;

use crate::domain::cycle::Cycle;
use crate::domain::forecast::{Forecast, KeptForecast};

/// The day of a key result that is not over yet.
#[derive(Debug, Default)]
pub(super) struct Diary {
    day: Option<Day>,
}

#[derive(Debug)]
struct Day {
    begins: Timestamp,
    ends: Timestamp,
    newest: KeptForecast,
    written: KeptForecast,
}

impl Diary {
    /// Notes the forecast of a judgement at `now`; gives what is to be written: the last of a day that is over, the first
    /// of a new one.
    pub(super) fn note(
        &mut self,
        forecast: Option<&Forecast>,
        cycle: &Cycle,
        now: Timestamp,
    ) -> [Option<KeptForecast>; 2] {
        // Outside of it in either direction: a clock may be set back.
        let is_over = |day: &Day| now < day.begins || day.ends <= now;
        let last = if self.day.as_ref().is_some_and(is_over) {
            let last = self.last();
            self.day = None;
            last
        } else {
            None
        };
        let Some(forecast) = forecast else {
            return [last, None];
        };
        if let Some(day) = &mut self.day {
            day.newest = KeptForecast::of(forecast, day.newest.day, now);
            return [last, None];
        }
        let date = now.to_zoned(cycle.zone.clone()).date();
        let first = KeptForecast::of(forecast, date, now);
        let midnight = |date: jiff::civil::Date| {
            let begun = date.to_zoned(cycle.zone.clone()).ok();
            begun.map(|midnight| midnight.timestamp())
        };
        self.day = Some(Day {
            begins: midnight(date).unwrap_or(Timestamp::MIN),
            ends: date
                .tomorrow()
                .ok()
                .and_then(midnight)
                .unwrap_or(Timestamp::MAX),
            newest: first,
            written: first,
        });
        [last, Some(first)]
    }

    /// The newest forecast, where what is written says something else; from now on it counts as written.
    pub(super) fn last(&mut self) -> Option<KeptForecast> {
        let day = self.day.as_mut()?;
        let differs = !day.newest.says_what(&day.written);
        day.written = day.newest;
        differs.then_some(day.newest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::forecast::Method;
    use crate::domain::id::CycleName;
    use jiff::civil::date;
    use jiff::tz::TimeZoneDatabase;

    /// September to November 2026 in Amsterdam, where 25 October has 25 hours.
    fn autumn() -> Cycle {
        let zone = TimeZoneDatabase::bundled().get("Europe/Amsterdam").unwrap();
        let name = CycleName::parse("autumn").unwrap();
        Cycle::new(name, date(2026, 9, 1), date(2026, 11, 30), zone).unwrap()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn forecast(value: f64) -> Forecast {
        Forecast {
            value,
            progress: value / 100.0,
            low: None,
            high: None,
            method: Method::RunRate,
            weak: false,
            few_events: false,
            per_day: 1.0,
            by: date(2026, 11, 30),
            way: 100.0,
            corrected: None,
        }
    }

    /// Day and value of what is to be written.
    fn written(all: [Option<KeptForecast>; 2]) -> Vec<(String, f64)> {
        all.into_iter()
            .flatten()
            .map(|kept| (kept.day.to_string(), kept.value))
            .collect()
    }

    fn note(diary: &mut Diary, when: &str, value: Option<f64>) -> Vec<(String, f64)> {
        let told = value.map(forecast);
        written(diary.note(told.as_ref(), &autumn(), at(when)))
    }

    fn on(day: &str, value: f64) -> (String, f64) {
        (day.to_owned(), value)
    }

    /// Midnight in Amsterdam is 22:00 in UTC.
    #[test]
    fn the_first_of_a_day_is_written_at_once_and_the_last_when_the_day_is_over() {
        let mut diary = Diary::default();
        assert_eq!(note(&mut diary, "2026-10-10T08:00:00Z", None), []);
        let first = note(&mut diary, "2026-10-10T09:00:00Z", Some(1.0));
        assert_eq!(first, [on("2026-10-10", 1.0)]);
        for value in [2.0, 3.0, 4.0] {
            let poll = note(&mut diary, "2026-10-10T12:00:00Z", Some(value));
            assert_eq!(poll, [], "a poll costs no write");
        }
        // A value that became too old takes back nothing that was said.
        assert_eq!(note(&mut diary, "2026-10-10T21:59:59Z", None), []);
        let midnight = note(&mut diary, "2026-10-10T22:00:00Z", Some(5.0));
        assert_eq!(midnight, [on("2026-10-10", 4.0), on("2026-10-11", 5.0)]);
        // What says the same as what is written is not written again.
        assert_eq!(note(&mut diary, "2026-10-11T12:00:00Z", Some(5.0)), []);
        assert_eq!(note(&mut diary, "2026-10-11T22:00:01Z", None), []);
    }

    #[test]
    fn the_day_on_which_the_clock_is_set_back_has_25_hours_and_one_forecast() {
        let mut diary = Diary::default();
        let first = note(&mut diary, "2026-10-24T22:00:00Z", Some(1.0));
        assert_eq!(first, [on("2026-10-25", 1.0)]);
        // Half past two comes twice, and so does nothing else.
        for when in [
            "2026-10-25T00:30:00Z",
            "2026-10-25T01:30:00Z",
            "2026-10-25T22:59:59Z",
        ] {
            assert_eq!(note(&mut diary, when, Some(2.0)), [], "{when}");
        }
        let next = note(&mut diary, "2026-10-25T23:00:00Z", Some(3.0));
        assert_eq!(next, [on("2026-10-25", 2.0), on("2026-10-26", 3.0)]);
    }

    #[test]
    fn a_machine_that_slept_and_a_clock_that_is_set_back_lose_no_day() {
        let mut diary = Diary::default();
        note(&mut diary, "2026-10-10T09:00:00Z", Some(1.0));
        note(&mut diary, "2026-10-10T10:00:00Z", Some(2.0));
        let awake = note(&mut diary, "2026-10-14T09:00:00Z", Some(3.0));
        assert_eq!(awake, [on("2026-10-10", 2.0), on("2026-10-14", 3.0)]);
        let back = note(&mut diary, "2026-10-13T09:00:00Z", Some(4.0));
        assert_eq!(back, [on("2026-10-13", 4.0)]);
    }

    #[test]
    fn at_the_end_the_newest_is_written_once_and_only_if_it_says_something_else() {
        let mut diary = Diary::default();
        assert_eq!(diary.last(), None);
        note(&mut diary, "2026-10-10T09:00:00Z", Some(1.0));
        assert_eq!(diary.last(), None);
        note(&mut diary, "2026-10-10T10:00:00Z", Some(2.0));
        assert_eq!(diary.last().map(|kept| kept.value), Some(2.0));
        assert_eq!(diary.last(), None);
    }
}
