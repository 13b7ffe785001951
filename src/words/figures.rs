//! Figures as people read them: numbers, shares, days, ages and spans of time. `now` is an argument.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};

use super::Tongue;
use super::phrase::phrases;
use crate::domain::language::Language;
use crate::domain::number;
use crate::domain::share::EPSILON;

phrases! {
    less_than_one_percent = "less than 1\u{a0}%", "minder dan 1%";
    almost_all = "almost 100\u{a0}%", "bijna 100%";
    one_day = "1 day", "1 dag";
    many_days(n) = "{n} days", "{n} dagen";
    one_hour = "1 hour", "1 uur";
    many_hours(n) = "{n} hours", "{n} uur";
    one_minute = "1 minute", "1 minuut";
    many_minutes(n) = "{n} minutes", "{n} minuten";
    many_seconds(n) = "{n} seconds", "{n} seconden";
    in_the_future = "in the future", "in de toekomst";
    just_now = "just now", "zojuist";
    seconds_ago(n) = "{n} s ago", "{n} s geleden";
    minutes_ago(n) = "{n} min ago", "{n} min geleden";
    hours_ago(n) = "{n} h ago", "{n} uur geleden";
    days_ago(n) = "{n} days ago", "{n} dagen geleden";
}

/// The months as the Dutch write them, without a capital letter.
const DUTCH_MONTHS: [&str; 12] = [
    "januari",
    "februari",
    "maart",
    "april",
    "mei",
    "juni",
    "juli",
    "augustus",
    "september",
    "oktober",
    "november",
    "december",
];

impl Tongue {
    /// A number: whole ones in full, others with five digits that count. "1,234.5", "1.234,5".
    #[must_use]
    pub fn number(self, x: f64) -> String {
        self.localised(&number::show(x))
    }

    /// A number that is written in English, as this language writes it.
    fn localised(self, english: &str) -> String {
        match self.language() {
            Language::English => english.to_owned(),
            Language::Dutch => {
                let swapped = english.chars().map(|c| match c {
                    ',' => '.',
                    '.' => ',',
                    c => c,
                });
                swapped.collect()
            }
        }
    }

    /// A score in tenths: "0.7", "0,7".
    #[must_use]
    pub fn tenths(self, score: f64) -> String {
        self.localised(&format!("{:.1}", crate::domain::verdict::tenths(score)))
    }

    /// A share as whole percent.
    #[must_use]
    pub fn percent(self, share: f64) -> String {
        self.percent_sign(&self.number((share * 100.0).round()))
    }

    /// A share in whole percent, but what is more than nothing or less than all is not rounded to it.
    #[must_use]
    pub fn careful_percent(self, share: f64) -> String {
        if (EPSILON..0.005).contains(&share) {
            self.less_than_one_percent().to_owned()
        } else if (0.995..1.0 - EPSILON).contains(&share) {
            self.almost_all().to_owned()
        } else {
            // f64 makes 3.4999999999999996 of 3.5; and a hundredfold may overflow.
            let percent = (share + EPSILON).clamp(f64::MIN / 100.0, f64::MAX / 100.0) * 100.0;
            self.percent_sign(&self.number(percent.round()))
        }
    }

    fn percent_sign(self, number: &str) -> String {
        match self.language() {
            Language::English => format!("{number}\u{a0}%"),
            Language::Dutch => format!("{number}%"),
        }
    }

    /// A number with its unit, held together on a line.
    #[must_use]
    pub fn quantity(self, value: f64, unit: &str) -> String {
        self.joined(&self.number(value), unit, '\u{a0}')
    }

    /// A number that is written already, with its unit, within a sentence.
    pub(super) fn with_unit(self, number: &str, unit: &str) -> String {
        let gap = if unit.starts_with('%') { '\u{a0}' } else { ' ' };
        self.joined(number, unit, gap)
    }

    /// English sets `%` apart from its number, Dutch does not.
    fn joined(self, number: &str, unit: &str, gap: char) -> String {
        match (unit, self.language()) {
            ("", _) => number.to_owned(),
            (unit, Language::Dutch) if unit.starts_with('%') => format!("{number}{unit}"),
            (unit, _) => format!("{number}{gap}{unit}"),
        }
    }

    /// "26 November 2026", "26 november 2026".
    #[must_use]
    pub fn date(self, day: Date) -> String {
        match self.language() {
            Language::English => day.strftime("%-d %B %Y").to_string(),
            Language::Dutch => {
                let month = usize::try_from(day.month() - 1).unwrap_or_default();
                let month = DUTCH_MONTHS.get(month).unwrap_or(&"");
                format!("{} {month} {}", day.day(), day.year())
            }
        }
    }

    /// A day within a sentence: "2026-11-26" where programs read along, "26 november 2026".
    #[must_use]
    pub fn day(self, day: Date) -> String {
        match self.language() {
            Language::English => day.to_string(),
            Language::Dutch => self.date(day),
        }
    }

    /// A moment within a sentence: "2026-11-26 09:30", "26 november 2026 om 09:30".
    #[must_use]
    pub fn moment(self, at: DateTime) -> String {
        let time = at.strftime("%H:%M");
        match self.language() {
            Language::English => format!("{} {time}", at.date()),
            Language::Dutch => format!("{} om {time}", self.date(at.date())),
        }
    }

    /// How long ago, roughly: the largest unit of which there are two, or one.
    #[must_use]
    pub fn ago(self, at: Timestamp, now: Timestamp) -> String {
        match now.as_second().saturating_sub(at.as_second()) {
            ..0 => self.in_the_future().to_owned(),
            0..10 => self.just_now().to_owned(),
            s @ 10..120 => self.seconds_ago(s),
            s @ 120..7_200 => self.minutes_ago(s / 60),
            s @ 7_200..172_800 => self.hours_ago(s / 3_600),
            s => self.days_ago(s / 86_400),
        }
    }

    /// A span of time in the largest unit that divides it.
    #[must_use]
    pub fn span(self, seconds: u64) -> String {
        let of = |length| seconds >= length && seconds.is_multiple_of(length);
        match seconds {
            86_400 => self.one_day().to_owned(),
            3_600 => self.one_hour().to_owned(),
            60 => self.one_minute().to_owned(),
            s if of(86_400) => self.many_days(s / 86_400),
            s if of(3_600) => self.many_hours(s / 3_600),
            s if of(60) => self.many_minutes(s / 60),
            s => self.many_seconds(s),
        }
    }

    /// "1 day", "3 days".
    #[must_use]
    pub fn days(self, n: usize) -> String {
        if n == 1 {
            self.one_day().to_owned()
        } else {
            self.many_days(n)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::ENGLISH;
    use jiff::civil::date;

    const DUTCH: Tongue = Tongue::of(Language::Dutch);

    #[test]
    fn numbers_are_written_as_their_readers_write_them() {
        for (value, english, dutch) in [
            (1_234.5, "1,234.5", "1.234,5"),
            (1_234_567.0, "1,234,567", "1.234.567"),
            (-0.5, "-0.5", "-0,5"),
            (-1.234_567_8e21, "-1.2346e21", "-1,2346e21"),
        ] {
            assert_eq!(ENGLISH.number(value), english);
            assert_eq!(DUTCH.number(value), dutch);
        }
        assert_eq!(ENGLISH.percent(0.388_9), "39\u{a0}%");
        assert_eq!(DUTCH.percent(0.388_9), "39%");
        assert_eq!(DUTCH.careful_percent(0.004), "minder dan 1%");
        assert_eq!(DUTCH.tenths(0.65), "0,7");
        assert_eq!(
            ENGLISH.quantity(780.0, "subscribers"),
            "780\u{a0}subscribers"
        );
        assert_eq!(ENGLISH.quantity(3.0, ""), "3");
        assert_eq!(DUTCH.quantity(12.5, "%"), "12,5%");
        assert_eq!(
            DUTCH.quantity(48_000.0, "bezoekers"),
            "48.000\u{a0}bezoekers"
        );
    }

    #[test]
    fn days_are_written_as_their_readers_write_them() {
        let day = date(2026, 11, 26);
        assert_eq!(ENGLISH.date(day), "26 November 2026");
        assert_eq!(DUTCH.date(day), "26 november 2026");
        assert_eq!(DUTCH.date(date(2027, 1, 1)), "1 januari 2027");
        assert_eq!(ENGLISH.moment(day.at(9, 30, 0, 0)), "2026-11-26 09:30");
        assert_eq!(
            DUTCH.moment(day.at(9, 30, 0, 0)),
            "26 november 2026 om 09:30"
        );
        assert_eq!(ENGLISH.span(86_400), "1 day");
        assert_eq!(ENGLISH.span(5_400), "90 minutes");
        assert_eq!(DUTCH.span(7_200), "2 uur");
        assert_eq!(DUTCH.span(90), "90 seconden");
    }

    #[test]
    fn ages_are_rough() {
        let at = Timestamp::UNIX_EPOCH;
        for (seconds, english, dutch) in [
            (3, "just now", "zojuist"),
            (60, "60 s ago", "60 s geleden"),
            (240, "4 min ago", "4 min geleden"),
            (9 * 3_600, "9 h ago", "9 uur geleden"),
            (4 * 86_400, "4 days ago", "4 dagen geleden"),
            (-5, "in the future", "in de toekomst"),
        ] {
            let now = Timestamp::from_second(seconds).unwrap_or_default();
            assert_eq!(ENGLISH.ago(at, now), english);
            assert_eq!(DUTCH.ago(at, now), dutch);
        }
    }
}
