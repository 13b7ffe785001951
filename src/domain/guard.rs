//! What of an answer is believed. A number that cannot be, or that looks like what a lost permission shows, is suspect: it
//! is kept with its attempt and never as a measurement. Knows no source and no store; the schedule is an argument.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::fault::{Doubt, Fault, FaultClass};
use super::number::show;
use super::quality::{Flag, Quality};
use super::reading::Reading;

/// By how much the clock of a source may be ahead of ours.
const AHEAD: SignedDuration = SignedDuration::from_mins(5);

/// What is believed of the answers for one key result.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Guard {
    /// A fall to 0 is believed at once.
    pub allow_zero: bool,
    /// The lowest value that can be.
    pub min: Option<f64>,
    /// The highest value that can be.
    pub max: Option<f64>,
    /// By how many percent of the last good value it may fall from one poll to the next, 0 to 100.
    pub max_drop_percent: Option<f64>,
    /// Only a number of which nothing is known against it is taken.
    pub require_exact: bool,
    /// How old the data may be, where the source tells their instant.
    pub max_age: Option<Duration>,
}

/// What is known of a key result before its answer comes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Known {
    /// The newest good value.
    pub last_good: Option<f64>,
    /// What was seen since then, once, and would be believed when seen again.
    pub doubted: Option<Doubted>,
}

/// A number that was seen once and is not believed yet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Doubted {
    /// The slot it was asked for.
    pub slot: Timestamp,
    /// The number.
    pub value: f64,
}

/// For which slot a number was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// This one, at its time; the next is asked then, if any is.
    Now(Timestamp, Option<Timestamp>),
    /// One that passed long ago: nothing will be seen again.
    Past,
}

impl Guard {
    /// What a number shows by itself: its bounds, the age of its data, what is known against it.
    ///
    /// # Errors
    /// A `suspect` fault that carries the number.
    pub fn plausible(&self, reading: Reading, now: Timestamp) -> Result<Reading, Fault> {
        let value = reading.value;
        let no = |message: String, help: &str| {
            let fault = Fault::new(FaultClass::Suspect, message).help(help);
            Err(fault.doubt(Doubt::never(value)))
        };
        if let Some(as_of) = reading.as_of {
            let age = now.duration_since(as_of);
            if age < -AHEAD {
                return no(
                    format!("the data are of {as_of}, which is to come: found at {now}"),
                    "is `as_of` the instant that the data describe, with its zone?",
                );
            }
            let limit = self
                .max_age
                .and_then(|limit| SignedDuration::try_from(limit).ok());
            if let Some(limit) = limit.filter(|limit| age > *limit) {
                return no(
                    format!(
                        "the data are of {as_of}, {} old, expected no more than {}",
                        spell(age),
                        spell(limit)
                    ),
                    "the source is behind: bring its data up to date, or raise `max_age`",
                );
            }
        }
        let held_against: Quality = (reading.quality.flags())
            .filter(|flag| *flag != Flag::Late)
            .collect();
        if self.require_exact && !held_against.is_clear() {
            return no(
                format!(
                    "{} is {held_against}, expected an exact number",
                    show(value)
                ),
                "ask for less at a time so that the source need not estimate, or remove `require_exact`",
            );
        }
        if let Some(min) = self.min.filter(|min| value < *min) {
            return no(
                format!("found {}, expected no less than {}", show(value), show(min)),
                "if it can be that low, lower `min`",
            );
        }
        if let Some(max) = self.max.filter(|max| value > *max) {
            return no(
                format!("found {}, expected no more than {}", show(value), show(max)),
                "if it can be that high, raise `max`",
            );
        }
        Ok(reading)
    }

    /// What a number shows beside the ones before it. A fall that a lost permission could make is believed when it is seen
    /// for a second slot; one of the past, which nobody sees again, is not.
    ///
    /// # Errors
    /// A `suspect` fault that carries the number and says how it would be believed.
    pub fn believe(&self, reading: Reading, known: &Known, turn: Turn) -> Result<Reading, Fault> {
        let value = reading.value;
        let Some(last) = known.last_good else {
            return Ok(reading);
        };
        let Some(fall) = self.fall(last, value) else {
            return Ok(reading);
        };
        let seen_before = |slot: Timestamp| {
            known.doubted.is_some_and(|doubted| {
                doubted.slot < slot && self.fall(last, doubted.value) == Some(fall)
            })
        };
        let way_out = match fall {
            Fall::ToZero => "if it may be 0 at any time, write allow_zero = true in its measure",
            Fall::Steep => "if it may fall like that at any time, raise `max_drop_percent`",
        };
        let found = match fall {
            Fall::ToZero => format!("found 0 after {}", show(last)),
            Fall::Steep => format!(
                "found {} after {}, expected a fall of no more than {} %",
                show(value),
                show(last),
                show(self.max_drop_percent.unwrap_or_default())
            ),
        };
        let (doubt, waits) = match turn {
            Turn::Now(slot, _) if seen_before(slot) => return Ok(reading),
            Turn::Now(_, Some(next)) => (
                Doubt::until_seen_again(value),
                format!("accepted when seen again at {next}"),
            ),
            Turn::Now(_, None) => (
                Doubt::until_seen_again(value),
                "accepted when seen again".to_owned(),
            ),
            Turn::Past => (
                Doubt::never(value),
                "of a past slot, which nobody sees twice".to_owned(),
            ),
        };
        let message =
            format!("{found}, which a lost permission looks like, too: seen once, {waits}");
        Err(Fault::new(FaultClass::Suspect, message)
            .help(way_out)
            .doubt(doubt))
    }

    fn fall(&self, last: f64, value: f64) -> Option<Fall> {
        if last <= 0.0 || value >= last {
            return None;
        }
        if value == 0.0 && !self.allow_zero {
            return Some(Fall::ToZero);
        }
        // What may be 0 at any time may also fall there.
        let steep = |percent: f64| value < last * (1.0 - percent / 100.0);
        let allowed = value == 0.0 && self.allow_zero;
        (!allowed && self.max_drop_percent.is_some_and(steep)).then_some(Fall::Steep)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fall {
    ToZero,
    Steep,
}

/// A canary must sing: what it counts is there whatever the key result does, so that too little of it shows that okrd no
/// longer sees everything.
///
/// # Errors
/// A `suspect` fault that carries the number of the key result.
pub fn canary(found: f64, at_least: f64, reading: &Reading) -> Result<(), Fault> {
    if found >= at_least {
        return Ok(());
    }
    let message = format!(
        "the canary counts {}, expected no less than {}: okrd does not see everything any more",
        show(found),
        show(at_least)
    );
    let fault = Fault::new(FaultClass::Suspect, message);
    let help = "look at the permissions of okrd's account at the source";
    Err(fault.help(help).doubt(Doubt::never(reading.value)))
}

/// In whole units, as people write it.
fn spell(age: SignedDuration) -> String {
    let seconds = age.as_secs().max(0);
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7200 => format!("{}m", seconds / 60),
        7200..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> Timestamp {
        format!("2026-11-{text}Z").parse().unwrap()
    }

    fn read(value: f64) -> Reading {
        Reading::new(value).unwrap()
    }

    fn after(last: f64) -> Known {
        Known {
            last_good: Some(last),
            doubted: None,
        }
    }

    fn seen(last: f64, value: f64) -> Known {
        Known {
            last_good: Some(last),
            doubted: Some(Doubted {
                slot: at("02T10:00:00"),
                value,
            }),
        }
    }

    const fn now(slot: Timestamp) -> Turn {
        Turn::Now(slot, None)
    }

    #[test]
    fn f21_a_fall_to_zero_is_believed_when_a_second_slot_shows_it() {
        let guard = Guard::default();
        let (first, second) = (at("02T10:00:00"), at("02T11:00:00"));
        let fault = guard
            .believe(read(0.0), &after(42.0), Turn::Now(first, Some(second)))
            .unwrap_err();
        assert_eq!(fault.class, FaultClass::Suspect);
        assert_eq!(
            fault.to_string(),
            "suspect: found 0 after 42, which a lost permission looks like, too: seen once, accepted when seen again at \
             2026-11-02T11:00:00Z (if it may be 0 at any time, write allow_zero = true in its measure)"
        );
        assert_eq!(fault.doubt, Some(Doubt::until_seen_again(0.0)));
        let again = |slot| guard.believe(read(0.0), &seen(42.0, 0.0), now(slot));
        assert!(again(second).is_ok());
        // The same slot, asked again after a restart, shows nothing new.
        assert!(again(first).is_err());
        // What was seen before was no zero.
        assert!(
            guard
                .believe(read(0.0), &seen(42.0, 1.0), now(second))
                .is_err()
        );
        // Nothing to fall from.
        for known in [Known::default(), after(0.0), after(-3.0)] {
            assert!(
                guard.believe(read(0.0), &known, now(first)).is_ok(),
                "{known:?}"
            );
        }
        assert!(guard.believe(read(0.1), &after(42.0), now(first)).is_ok());
        let allowed = Guard {
            allow_zero: true,
            ..Guard::default()
        };
        assert!(allowed.believe(read(0.0), &after(42.0), now(first)).is_ok());
        let past = guard.believe(read(0.0), &seen(42.0, 0.0), Turn::Past);
        assert_eq!(past.unwrap_err().doubt, Some(Doubt::never(0.0)));
    }

    #[test]
    fn f22_a_fall_from_1000_to_12_is_believed_when_a_second_slot_shows_it() {
        let guard = Guard {
            max_drop_percent: Some(50.0),
            allow_zero: true,
            ..Guard::default()
        };
        let (first, second) = (at("02T10:00:00"), at("02T11:00:00"));
        let fault = guard
            .believe(read(12.0), &after(1000.0), now(first))
            .unwrap_err();
        assert!(fault.message.starts_with("found 12 after 1,000"), "{fault}");
        assert!(fault.help.contains("max_drop_percent"), "{fault}");
        assert!(
            guard
                .believe(read(500.0), &after(1000.0), now(first))
                .is_ok()
        );
        assert!(
            guard
                .believe(read(499.0), &after(1000.0), now(first))
                .is_err()
        );
        assert!(
            guard
                .believe(read(11.0), &seen(1000.0, 12.0), now(second))
                .is_ok()
        );
        // Both are said of one number: what may be 0 may fall there.
        assert!(guard.believe(read(0.0), &after(1000.0), now(first)).is_ok());
        assert!(
            Guard::default()
                .believe(read(12.0), &after(1000.0), now(first))
                .is_ok()
        );
    }

    #[test]
    fn f22_a_canary_that_counts_too_little_makes_the_number_suspect() {
        assert!(canary(100.0, 100.0, &read(12.0)).is_ok());
        let fault = canary(99.0, 100.0, &read(12.0)).unwrap_err();
        assert_eq!(
            (fault.class, fault.doubt),
            (FaultClass::Suspect, Some(Doubt::never(12.0)))
        );
        assert!(
            fault.message.contains("99, expected no less than 100"),
            "{fault}"
        );
    }

    #[test]
    fn f23_require_exact_takes_only_what_nothing_is_known_against() {
        let guard = Guard {
            require_exact: true,
            ..Guard::default()
        };
        for flag in Flag::ALL {
            let mut reading = read(7.0);
            reading.quality = Quality::default().with(flag);
            let taken = guard.plausible(reading.clone(), at("02T10:00:00"));
            assert_eq!(taken.is_ok(), flag == Flag::Late, "{flag:?}");
            if let Err(fault) = taken {
                assert!(fault.message.contains(flag.as_str()), "{fault}");
            }
            assert!(
                Guard::default()
                    .plausible(reading, at("02T10:00:00"))
                    .is_ok()
            );
        }
    }

    #[test]
    fn f24_data_that_are_too_old_are_suspect() {
        let guard = Guard {
            max_age: Some(Duration::from_secs(3600)),
            ..Guard::default()
        };
        let of = |as_of: &str| {
            let mut reading = read(7.0);
            reading.as_of = Some(at(as_of));
            guard.plausible(reading, at("02T10:00:00"))
        };
        assert!(of("02T09:00:00").is_ok());
        let fault = of("02T08:59:59").unwrap_err();
        assert_eq!(
            (fault.class, fault.doubt),
            (FaultClass::Suspect, Some(Doubt::never(7.0)))
        );
        assert_eq!(
            fault.message,
            "the data are of 2026-11-02T08:59:59Z, 60m old, expected no more than 60m"
        );
        assert!(of("02T10:05:00").is_ok());
        assert!(
            of("02T10:05:01")
                .unwrap_err()
                .message
                .contains("which is to come")
        );
    }

    #[test]
    fn f29_what_lies_outside_the_bounds_is_suspect() {
        let guard = Guard {
            min: Some(0.0),
            max: Some(100.0),
            ..Guard::default()
        };
        for (value, fits) in [(0.0, true), (100.0, true), (-0.1, false), (100.1, false)] {
            let taken = guard.plausible(read(value), at("02T10:00:00"));
            assert_eq!(taken.is_ok(), fits, "{value}");
            if let Err(fault) = taken {
                assert_eq!(
                    (fault.class, fault.doubt),
                    (FaultClass::Suspect, Some(Doubt::never(value)))
                );
            }
        }
    }

    proptest! {
        /// Whatever came before, a number that does not fall is believed, and one that fell is after a second slot.
        #[test]
        fn f21_a_number_is_doubted_at_most_once(
            last in -10.0..1000.0_f64,
            value in prop_oneof![Just(0.0), -10.0..1000.0_f64],
            percent in proptest::option::of(0.0..100.0_f64),
            allow_zero: bool,
        ) {
            let guard = Guard { allow_zero, max_drop_percent: percent, ..Guard::default() };
            let first = guard.believe(read(value), &after(last), now(at("02T10:00:00")));
            if value >= last || last <= 0.0 {
                prop_assert!(first.is_ok());
            }
            if let Err(fault) = first {
                prop_assert_eq!(fault.doubt, Some(Doubt::until_seen_again(value)));
                prop_assert!(guard.believe(read(value), &seen(last, value), now(at("02T11:00:00"))).is_ok());
            }
        }
    }
}
