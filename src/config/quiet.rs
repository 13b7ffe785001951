//! Quiet hours: when people are not to be disturbed, and when that ends. Pure; knows no channel.

use std::fmt;

use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _, Zoned};

/// Hours of each day and whole days of the week, in a zone.
#[derive(Clone, Debug, PartialEq)]
pub struct Quiet {
    hours: Vec<(Time, Time)>,
    days: Vec<Weekday>,
    zone: TimeZone,
}

/// The days of the week as they are written.
const DAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];
/// More ends of quiet hours than a week can hold.
const MOST_ENDS: usize = 200;

impl Quiet {
    /// Never quiet.
    #[must_use]
    pub fn never(zone: TimeZone) -> Self {
        Self {
            hours: Vec::new(),
            days: Vec::new(),
            zone,
        }
    }

    /// Adds `20:00-07:00`, `sat` or `weekends`.
    ///
    /// # Errors
    /// What is wrong with the text, to be read after it.
    pub fn add(&mut self, text: &str) -> Result<(), &'static str> {
        let text = text.trim();
        if text == "weekends" {
            self.days.extend([Weekday::Saturday, Weekday::Sunday]);
            return Ok(());
        }
        if let Some((_, day)) = DAYS.iter().find(|(word, _)| *word == text) {
            self.days.push(*day);
            return Ok(());
        }
        let hours = text.split_once('-');
        let hours = hours.and_then(|(from, to)| Some((time(from)?, time(to)?)));
        match hours {
            None => Err("is neither hours nor a day"),
            Some((from, to)) if from == to => Err("begins when it ends"),
            Some(hours) => {
                self.hours.push(hours);
                Ok(())
            }
        }
    }

    /// The first instant from `t` on that is not quiet: `t` itself when it is none. `None` when there is never one.
    #[must_use]
    pub fn open_from(&self, t: Timestamp) -> Option<Timestamp> {
        let mut at = t;
        for _ in 0..MOST_ENDS {
            let local = at.to_zoned(self.zone.clone());
            if !self.holds(&local) {
                return Some(at);
            }
            at = self.next_end(&local)?;
        }
        None
    }

    fn holds(&self, local: &Zoned) -> bool {
        let time = local.time();
        let within = |&(from, to): &(Time, Time)| {
            if from < to {
                from <= time && time < to
            } else {
                from <= time || time < to
            }
        };
        self.days.contains(&local.weekday()) || self.hours.iter().any(within)
    }

    /// The next instant after this one at which quiet may end: an hour that is named, midnight, or a change of the clock,
    /// which may jump over either.
    fn next_end(&self, local: &Zoned) -> Option<Timestamp> {
        let now = local.timestamp();
        let tomorrow = local.date().checked_add(1.day()).ok()?;
        let ends = self.hours.iter().map(|(_, to)| *to);
        let ends: Vec<Time> = ends.chain([Time::midnight()]).collect();
        let days = [local.date(), tomorrow];
        let hours = days.iter().flat_map(|day| {
            let at = |time: &Time| self.zone.to_timestamp(day.to_datetime(*time)).ok();
            ends.iter().filter_map(at).collect::<Vec<_>>()
        });
        let change = self.zone.following(now).next().map(|t| t.timestamp());
        hours.chain(change).filter(|at| *at > now).min()
    }
}

/// Hours and minutes.
fn time(text: &str) -> Option<Time> {
    let (hour, minute) = text.trim().split_once(':')?;
    let digits = |text: &str| text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
    if !(digits(hour) && digits(minute)) {
        return None;
    }
    // Midnight at the end of a day is the one at the beginning of the next.
    let hour = if hour == "24" && minute == "00" {
        0
    } else {
        hour.parse().ok()?
    };
    Time::new(hour, minute.parse().ok()?, 0, 0).ok()
}

impl fmt::Display for Quiet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = |day: &Weekday| DAYS.iter().find(|(_, d)| d == day).map_or("", |(w, _)| *w);
        let days = self.days.iter().map(|day| word(day).to_owned());
        let hours = self.hours.iter();
        let hours = hours.map(|(a, b)| format!("{}-{}", a.strftime("%H:%M"), b.strftime("%H:%M")));
        f.write_str(&hours.chain(days).collect::<Vec<_>>().join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn quiet(texts: &[&str]) -> Quiet {
        let zone = jiff::tz::TimeZoneDatabase::bundled().get("Europe/Amsterdam");
        let mut quiet = Quiet::never(zone.unwrap());
        texts.iter().for_each(|text| quiet.add(text).unwrap());
        quiet
    }

    fn open(texts: &[&str], t: &str) -> String {
        let open = quiet(texts).open_from(t.parse().unwrap());
        open.map_or("never".into(), |t| t.to_string())
    }

    #[test]
    fn what_is_due_at_night_waits_until_the_morning() {
        let night = &["20:00-07:00"];
        // Winter: an hour ahead of UTC.
        assert_eq!(open(night, "2026-11-24T12:00:00Z"), "2026-11-24T12:00:00Z");
        assert_eq!(open(night, "2026-11-24T19:00:00Z"), "2026-11-25T06:00:00Z");
        assert_eq!(open(night, "2026-11-24T18:59:59Z"), "2026-11-24T18:59:59Z");
        assert_eq!(open(night, "2026-11-25T05:59:59Z"), "2026-11-25T06:00:00Z");
        // From Friday evening over the weekend into Monday morning.
        let both = &["20:00-07:00", "weekends"];
        assert_eq!(open(both, "2026-11-27T20:00:00Z"), "2026-11-30T06:00:00Z");
        assert_eq!(
            open(&["sun"], "2026-11-29T10:00:00Z"),
            "2026-11-29T23:00:00Z"
        );
        assert_eq!(
            open(&["22:00-24:00"], "2026-11-29T22:00:00Z"),
            "2026-11-29T23:00:00Z"
        );
        assert_eq!(
            open(&["08:00-20:00", "20:00-08:00"], "2026-11-29T10:00:00Z"),
            "never"
        );
        assert_eq!(open(&[], "2026-11-29T10:00:00Z"), "2026-11-29T10:00:00Z");
    }

    #[test]
    fn f34_f35_quiet_hours_end_when_the_clock_says_so_though_it_is_changed_meanwhile() {
        let night = &["20:00-07:00"];
        // Summer time begins on 29 March and ends on 25 October: the nights are an hour shorter and longer.
        assert_eq!(open(night, "2026-03-28T20:00:00Z"), "2026-03-29T05:00:00Z");
        assert_eq!(open(night, "2026-10-24T20:00:00Z"), "2026-10-25T06:00:00Z");
        // 02:30 does not exist that night: quiet ends as the clock jumps over it.
        assert_eq!(
            open(&["22:00-02:30"], "2026-03-28T23:00:00Z"),
            "2026-03-29T01:00:00Z"
        );
        // And comes twice in the other: the first one ends it.
        assert_eq!(
            open(&["22:00-02:30"], "2026-10-24T22:00:00Z"),
            "2026-10-25T00:30:00Z"
        );
    }

    #[test]
    fn what_is_neither_hours_nor_a_day_is_refused() {
        for text in [
            "",
            "20-7",
            "20:00",
            "20:00-25:00",
            "8:00-9:00",
            "20:00-20:00",
            "saturday",
            "+1:00-02:00",
        ] {
            assert!(Quiet::never(TimeZone::UTC).add(text).is_err(), "{text}");
        }
        assert_eq!(
            quiet(&["20:00-07:00", "weekends"]).to_string(),
            "20:00-07:00, sat, sun"
        );
    }

    proptest! {
        /// Whatever the hours: what is found is not quiet, nothing before it is open, and asking again changes nothing.
        #[test]
        fn the_first_open_instant_is_found(
            from in 0_i8..24, to in 0_i8..24, at in 1_790_000_000_i64..1_850_000_000, minutes in 0_i64..60,
        ) {
            prop_assume!(from != to);
            let quiet = quiet(&[&format!("{from:02}:15-{to:02}:45"), "sun"]);
            let t = Timestamp::from_second(at).unwrap();
            let open = quiet.open_from(t).unwrap();
            prop_assert!(open >= t);
            prop_assert_eq!(quiet.open_from(open), Some(open));
            let between = t + jiff::SignedDuration::from_mins(minutes);
            if between < open {
                prop_assert_eq!(quiet.open_from(between), Some(open));
            }
        }
    }
}
