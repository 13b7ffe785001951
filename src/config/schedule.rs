//! Schedules: which slots a key result has. A slot is a nominal instant, the same after every restart; when the
//! poll really happens (jitter, catch-up) is the engine's affair. Pure arithmetic over croner and jiff; no clock.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// When a key result is due.
#[derive(Clone, Debug)]
pub enum Schedule {
    /// A five-field cron pattern in a zone.
    Cron(Arc<CronSchedule>),
    /// Every so often, at whole multiples since 1970 so that slots survive a restart.
    Every(Duration),
}

/// A cron pattern and its zone: what one ticker of the scheduler stands for.
#[derive(Clone, Debug)]
pub struct CronSchedule {
    /// The pattern as written.
    pub pattern: String,
    /// The zone's IANA name.
    pub zone_name: String,
    zone: TimeZone,
    cron: croner::Cron,
}

/// Why a text is no schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleError {
    /// The text as found.
    pub found: String,
    /// What is wrong with it.
    pub why: String,
}

impl fmt::Display for ScheduleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is not a schedule: {}",
            self.found.escape_debug(),
            self.why
        )
    }
}

impl std::error::Error for ScheduleError {}

impl PartialEq for CronSchedule {
    fn eq(&self, other: &Self) -> bool {
        self.pattern == other.pattern && self.zone_name == other.zone_name
    }
}

impl PartialEq for Schedule {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Cron(a), Self::Cron(b)) => a == b,
            (Self::Every(a), Self::Every(b)) => a == b,
            _ => false,
        }
    }
}

impl CronSchedule {
    /// The first firing after `t`, the rule for missing and double hours being croner's: a fixed time in a gap
    /// runs at the first valid instant after it, one in an overlap runs once.
    #[must_use]
    pub fn next_after(&self, t: Timestamp) -> Option<Timestamp> {
        let from = t.to_zoned(self.zone.clone());
        self.cron
            .find_next_occurrence(&from, false)
            .ok()
            .map(|z| z.timestamp())
    }

    /// The newest firing at or before `t`.
    #[must_use]
    pub fn at_or_before(&self, t: Timestamp) -> Option<Timestamp> {
        let from = t.to_zoned(self.zone.clone());
        self.cron
            .find_previous_occurrence(&from, true)
            .ok()
            .map(|z| z.timestamp())
    }
}

impl Schedule {
    /// Parses `every 15m` or a five-field cron pattern, the latter in `zone`.
    ///
    /// # Errors
    /// When the text is neither, or the interval is under a second.
    pub fn parse(text: &str, zone: &TimeZone, zone_name: &str) -> Result<Self, ScheduleError> {
        let wrong = |why: String| ScheduleError {
            found: text.to_owned(),
            why,
        };
        let every = text.trim().strip_prefix("every");
        if let Some(rest) = every.filter(|rest| rest.starts_with([' ', '\t'])) {
            let every = parse_duration(rest.trim()).map_err(wrong)?;
            if every < Duration::from_secs(1) {
                return Err(wrong("the shortest interval is 1s".into()));
            }
            return Ok(Self::Every(every));
        }
        let fields = text.split_whitespace().count();
        if fields != 5 {
            let fields = match fields {
                1 => "1 field".to_owned(),
                n => format!("{n} fields"),
            };
            return Err(wrong(format!(
                "found {fields}, expected five (minute hour day month weekday) or `every 15m`"
            )));
        }
        let cron = cron(text).map_err(wrong)?;
        let schedule = CronSchedule {
            pattern: text.to_owned(),
            zone_name: zone_name.to_owned(),
            zone: zone.clone(),
            cron,
        };
        if schedule.next_after(Timestamp::UNIX_EPOCH).is_none() {
            return Err(wrong("it never fires".into()));
        }
        Ok(Self::Cron(Arc::new(schedule)))
    }

    /// The first slot after `t`; `None` only where time ends.
    #[must_use]
    pub fn next_after(&self, t: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Cron(cron) => cron.next_after(t),
            Self::Every(every) => self.at_or_before(t)?.checked_add(*every).ok(),
        }
    }

    /// The newest slot at or before `t`.
    #[must_use]
    pub fn at_or_before(&self, t: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Cron(cron) => cron.at_or_before(t),
            Self::Every(every) => {
                let every = i64::try_from(every.as_millis()).ok()?;
                Timestamp::from_millisecond(t.as_millisecond().div_euclid(every) * every).ok()
            }
        }
    }

    /// The shortest gap between the slots that follow `from`, of the first hundred.
    #[must_use]
    pub fn shortest_gap(&self, from: Timestamp) -> Duration {
        const SLOTS: usize = 100;
        if let Self::Every(every) = self {
            return *every;
        }
        let slots = std::iter::successors(self.next_after(from), |slot| self.next_after(*slot));
        let slots: Vec<Timestamp> = slots.take(SLOTS).collect();
        let gaps = slots.windows(2).filter_map(|pair| match pair {
            [a, b] => Duration::try_from(b.duration_since(*a)).ok(),
            _ => None,
        });
        gaps.min().unwrap_or(Duration::ZERO)
    }

    /// The longest gap between the slots that follow `from`: what "three missed polls" is measured by. Looks over a whole
    /// week, so that the nights and the weekend of office hours are seen, and over a dozen slots of rarer patterns.
    #[must_use]
    pub fn longest_gap(&self, from: Timestamp) -> Duration {
        const SLOTS: usize = 12;
        const DAYS: SignedDuration = SignedDuration::from_hours(8 * 24);
        // More than every minute of those days.
        const MOST_SLOTS: usize = 12_000;
        let cron = match self {
            Self::Every(every) => return *every,
            Self::Cron(cron) => cron,
        };
        let mut fields = cron.pattern.split_whitespace().skip(1);
        let days = if fields.all(|field| field == "*") {
            SignedDuration::ZERO
        } else {
            DAYS
        };
        let mut slot = self.next_after(from);
        let mut longest = SignedDuration::ZERO;
        for nth in 0..MOST_SLOTS {
            let next = slot.and_then(|s| self.next_after(s));
            let (Some(a), Some(b)) = (slot, next) else {
                break;
            };
            longest = longest.max(b.duration_since(a));
            if nth + 1 >= SLOTS && b.duration_since(from) >= days {
                break;
            }
            slot = next;
        }
        longest.unsigned_abs()
    }
}

/// The fields of a pattern and the largest step that each can take.
const FIELDS: [(&str, u32); 5] = [
    ("minute", 59),
    ("hour", 23),
    ("day", 31),
    ("month", 12),
    ("weekday", 7),
];

/// Parses five fields, or says which of them is wrong.
fn cron(text: &str) -> Result<croner::Cron, String> {
    let parse = |text: &str| {
        croner::parser::CronParser::builder()
            .seconds(croner::parser::Seconds::Disallowed)
            .build()
            .parse(text)
    };
    let fields: Vec<&str> = text.split_whitespace().collect();
    for ((name, most), field) in FIELDS.into_iter().zip(&fields) {
        let steps = field.split(',').filter_map(|part| part.split_once('/'));
        if let Some((_, step)) = steps
            .into_iter()
            .find(|(_, step)| step.parse::<u32>().is_ok_and(|step| step > most))
        {
            return Err(format!(
                "the {name} has the step {step}, at most {most} is possible"
            ));
        }
    }
    parse(text).map_err(|error| {
        let alone = |nth: usize| {
            let mut only = ["*"; 5];
            if let (Some(place), Some(field)) = (only.get_mut(nth), fields.get(nth)) {
                *place = field;
            }
            parse(&only.join(" ")).err()
        };
        let faulty = FIELDS
            .iter()
            .enumerate()
            .find_map(|(nth, (name, _))| Some((name, alone(nth)?)));
        let why = |error: croner::errors::CronError| {
            let why = error.to_string();
            let why = why.split_once(": ").map_or(why.as_str(), |(_, why)| why);
            why.trim_end_matches('.').to_owned()
        };
        match faulty {
            Some((name, error)) => format!("the {name} cannot be read: {}", why(error)),
            None => why(error),
        }
    })
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cron(cron) => f.write_str(&cron.pattern),
            Self::Every(every) => write!(f, "every {}", show_duration(*every)),
        }
    }
}

/// Parses a duration as the files write it: `90s`, `15m`, `6h`, `30d`, also `500ms`.
///
/// # Errors
/// One line that says what was expected.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let expected = || {
        format!(
            "`{}` is not a duration: expected a whole number and a unit, such as \"90s\", \"15m\", \"6h\" or \"30d\"",
            text.escape_debug()
        )
    };
    let split = text
        .find(|c: char| !c.is_ascii_digit())
        .ok_or_else(expected)?;
    let (number, unit) = text.split_at(split);
    let number: u64 = number.parse().map_err(|_| expected())?;
    let factor = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(expected()),
    };
    // A hundred years is beyond any use and keeps every later sum in range.
    number
        .checked_mul(factor)
        .filter(|ms| *ms <= 36_525 * 86_400_000)
        .map(Duration::from_millis)
        .ok_or_else(|| format!("`{text}` is longer than a hundred years"))
}

/// Writes a duration as the files do, in the largest unit that divides it.
#[must_use]
pub fn show_duration(duration: Duration) -> String {
    let ms = duration.as_millis();
    for (factor, unit) in [
        (86_400_000, "d"),
        (3_600_000, "h"),
        (60_000, "m"),
        (1_000, "s"),
    ] {
        if ms >= factor && ms.is_multiple_of(factor) {
            return format!("{}{unit}", ms / factor);
        }
    }
    format!("{ms}ms")
}

#[cfg(test)]
mod zones;

#[cfg(test)]
mod tests {
    use super::*;

    fn berlin(pattern: &str) -> Schedule {
        let zone = jiff::tz::TimeZoneDatabase::bundled()
            .get("Europe/Berlin")
            .unwrap();
        Schedule::parse(pattern, &zone, "Europe/Berlin").unwrap()
    }

    fn next(schedule: &Schedule, after: &str) -> String {
        schedule
            .next_after(after.parse().unwrap())
            .unwrap()
            .to_string()
    }

    #[test]
    fn f34_a_time_in_the_gap_runs_at_the_first_instant_after_it() {
        let schedule = berlin("30 2 * * *");
        assert_eq!(
            next(&schedule, "2026-03-28T12:00:00Z"),
            "2026-03-29T01:00:00Z"
        );
        assert_eq!(
            next(&schedule, "2026-03-29T01:00:00Z"),
            "2026-03-30T00:30:00Z"
        );
    }

    #[test]
    fn f35_a_time_in_the_overlap_runs_once_and_intervals_keep_running() {
        let schedule = berlin("30 2 * * *");
        assert_eq!(
            next(&schedule, "2026-10-24T12:00:00Z"),
            "2026-10-25T00:30:00Z"
        );
        assert_eq!(
            next(&schedule, "2026-10-25T00:30:00Z"),
            "2026-10-26T01:30:00Z"
        );
        let quarters = berlin("*/15 * * * *");
        assert_eq!(
            next(&quarters, "2026-10-25T00:45:00Z"),
            "2026-10-25T01:00:00Z"
        );
    }

    #[test]
    fn intervals_stand_on_the_same_slots_after_a_restart() {
        let schedule = berlin("every 15m");
        assert_eq!(
            next(&schedule, "2026-11-01T10:07:00Z"),
            "2026-11-01T10:15:00Z"
        );
        assert_eq!(
            next(&schedule, "2026-11-01T10:15:00Z"),
            "2026-11-01T10:30:00Z"
        );
        let at = schedule.at_or_before("2026-11-01T10:15:00Z".parse().unwrap());
        assert_eq!(at.unwrap().to_string(), "2026-11-01T10:15:00Z");
    }

    #[test]
    fn gaps_are_the_longest_ahead() {
        let from = "2026-11-02T00:00:00Z".parse().unwrap();
        let hours = |pattern: &str| berlin(pattern).longest_gap(from).as_secs() / 3600;
        assert_eq!(hours("0 * * * *"), 1);
        assert_eq!(hours("0 9 * * 1-5"), 72);
        assert_eq!(hours("every 6h"), 6);
        assert_eq!(hours("0 9-17 * * 1-5"), 64, "from Friday to Monday");
        assert_eq!(hours("*/5 8-19 * * *"), 12);
        assert_eq!(
            hours("0 6 1 1,7 *"),
            184 * 24 + 1,
            "and the hour of winter time"
        );
    }

    #[test]
    fn what_is_no_schedule_is_refused() {
        for bad in [
            "",
            "every",
            "every 0s",
            "every 999ms",
            "every 15",
            "0 6 * *",
            "0 0 6 * * *",
            "61 * * * *",
            "0 0 31 2 *",
            "@daily",
            "*/70 * * * *",
            "every15m",
        ] {
            assert!(
                Schedule::parse(bad, &TimeZone::UTC, "UTC").is_err(),
                "{bad:?}"
            );
        }
        for (bad, part) in [
            ("0 25 * * *", "the hour cannot be read: "),
            ("*/70 * * * *", "the minute has the step 70, at most 59"),
            ("0 6 * * Mo-Fx", "the weekday cannot be read: "),
            ("6", "found 1 field,"),
        ] {
            let why = Schedule::parse(bad, &TimeZone::UTC, "UTC").unwrap_err().why;
            assert!(why.starts_with(part) && !why.ends_with('.'), "{why}");
        }
        assert_eq!(berlin("every\t15m").to_string(), "every 15m");
        assert_eq!(berlin("0 6 * * *").to_string(), "0 6 * * *");
        assert_eq!(berlin("every 90s").to_string(), "every 90s");
    }

    #[test]
    fn durations_are_read_and_written() {
        for text in ["500ms", "90s", "15m", "6h", "30d"] {
            assert_eq!(show_duration(parse_duration(text).unwrap()), text);
        }
        for bad in [
            "",
            "5",
            "s",
            "1.5h",
            "-1s",
            "1 h",
            "1w",
            "99999999999999999999s",
            "40000d",
        ] {
            assert!(parse_duration(bad).is_err(), "{bad:?}");
        }
    }
}
