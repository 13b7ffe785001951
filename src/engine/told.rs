//! A value that a person tells: which key results take one, for which instants, and what the store keeps of it. The
//! same rules for every way to tell it; knows no command line and no HTTP.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::domain::cycle::Cycle;
use crate::domain::formula::Formula;
use crate::domain::goals::{Feed, KeyResult};
use crate::domain::history::CheckIn;
use crate::domain::id::{CycleName, KeyResultId, Slug};
use crate::domain::reading::Reading;
use crate::domain::status::Phase;
use crate::domain::target::Aim;
use crate::store::{Entry, Origin, ToldCheckIn};

/// The longest note kept, in characters.
pub const LONGEST_NOTE: usize = 2000;

/// What a person tells.
#[derive(Clone, Debug)]
pub struct Told {
    /// The number.
    pub value: Reading,
    /// The instant it describes; `None` for now.
    pub at: Option<Timestamp>,
    /// A few words kept beside it.
    pub note: Option<String>,
    /// Who tells it.
    pub author: Option<String>,
}

/// Why a told value is not taken.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// Nobody could tell any more which of its numbers were measured.
    #[error(
        "key result {key_result} is measured by source {by}: only a key result without `measure` is recorded by people; \
         remove its measure first"
    )]
    Measured {
        /// Which.
        key_result: KeyResultId,
        /// By which source.
        by: Slug,
    },
    /// It follows from others.
    #[error("key result {key_result} is computed as `{formula}`: record its key results instead")]
    Computed {
        /// Which.
        key_result: KeyResultId,
        /// From what.
        formula: Formula,
    },
    /// The files say it.
    #[error(
        "key result {key_result} has milestones: write `done = <the day>` beside those that are done, in its file"
    )]
    Stated {
        /// Which.
        key_result: KeyResultId,
    },
    /// It is either so or not.
    #[error("key result {key_result} is so or not so: found {found}, expected 1 or 0")]
    NeitherNor {
        /// Which.
        key_result: KeyResultId,
        /// What was told.
        found: f64,
    },
    /// Its score is final.
    #[error(
        "cycle {cycle} of key result {key_result} is closed since {since}: its figures are final, later values are not \
         taken"
    )]
    Closed {
        /// Which.
        key_result: KeyResultId,
        /// Its cycle.
        cycle: CycleName,
        /// When it had settled.
        since: Timestamp,
    },
    /// Nobody knows it yet.
    #[error("{at} lies in the future: a value is recorded once it is known")]
    Future {
        /// The instant told.
        at: Timestamp,
    },
    /// A confidence is a share.
    #[error("the confidence is {found}, expected a share between 0 and 1, such as 0.6")]
    NoShare {
        /// The text.
        found: String,
    },
    /// There is nothing to keep.
    #[error("the check-in of {key_result} says nothing: give a confidence, a note or both")]
    Nothing {
        /// Which.
        key_result: KeyResultId,
    },
    /// It would fill the store.
    #[error("the note has {found} characters, expected no more than {LONGEST_NOTE} characters")]
    LongNote {
        /// How many.
        found: usize,
    },
}

/// What the store keeps of a value told at `now` for a key result of `cycle`.
///
/// # Errors
/// When it is not taken.
pub fn entry(
    key_result: &KeyResult,
    cycle: &Cycle,
    told: Told,
    now: Timestamp,
) -> Result<Entry, Refusal> {
    takes(key_result, told.value.value)?;
    still_open(key_result, cycle, now)?;
    let at = told.at.unwrap_or(now);
    if at > now {
        return Err(Refusal::Future { at });
    }
    let note = told.note.filter(|note| !note.is_empty());
    note.as_deref().map(short_enough).transpose()?;
    Ok(Entry {
        key_result: key_result.id.clone(),
        slot: at,
        started_at: now,
        took: Duration::ZERO,
        tries: 1,
        definition: Arc::from(key_result.definition.as_str()),
        cycle: Arc::new(cycle.clone()),
        origin: Origin::Recorded {
            note,
            author: told.author,
        },
        outcome: Ok(told.value),
    })
}

/// Whether people record it, and this number.
fn takes(key_result: &KeyResult, value: f64) -> Result<(), Refusal> {
    let id = || key_result.id.clone();
    match &key_result.feed {
        Feed::Polled { source } => Err(Refusal::Measured {
            key_result: id(),
            by: source.clone(),
        }),
        Feed::Computed(formula) => Err(Refusal::Computed {
            key_result: id(),
            formula: formula.clone(),
        }),
        Feed::Stated => Err(Refusal::Stated { key_result: id() }),
        Feed::Recorded if key_result.aim == Aim::Done && value != 0.0 && value != 1.0 => {
            Err(Refusal::NeitherNor {
                key_result: id(),
                found: value,
            })
        }
        Feed::Recorded => Ok(()),
    }
}

/// That the figures of the key result are not final yet.
fn still_open(key_result: &KeyResult, cycle: &Cycle, now: Timestamp) -> Result<(), Refusal> {
    if Phase::of(cycle, now) != Phase::Closed {
        return Ok(());
    }
    Err(Refusal::Closed {
        key_result: key_result.id.clone(),
        cycle: cycle.name.clone(),
        since: cycle.end() + Phase::SETTLE,
    })
}

/// That words may be kept as they are.
///
/// # Errors
/// When there are too many of them.
pub fn short_enough(words: &str) -> Result<(), Refusal> {
    match words.chars().count() {
        found if found > LONGEST_NOTE => Err(Refusal::LongNote { found }),
        _ => Ok(()),
    }
}

/// The confidence behind a text, 0 to 1.
///
/// # Errors
/// When it is no number or no share.
pub fn confidence(text: &str) -> Result<f64, Refusal> {
    let share = text.trim().parse::<f64>().ok();
    let share = share.filter(|share| (0.0..=1.0).contains(share));
    // -0.0 is 0 too and must not be shown with its sign.
    share.map(|share| share + 0.0).ok_or_else(|| {
        let found = text.escape_debug().to_string();
        Refusal::NoShare { found }
    })
}

/// What the store keeps of a check-in told at `now`: measured key results take one too.
///
/// # Errors
/// When it says nothing or too much, or its cycle is closed.
pub fn check_in(
    key_result: &KeyResult,
    cycle: &Cycle,
    confidence: Option<f64>,
    note: Option<String>,
    author: String,
    now: Timestamp,
) -> Result<ToldCheckIn, Refusal> {
    still_open(key_result, cycle, now)?;
    let note = note.filter(|note| !note.trim().is_empty());
    if confidence.is_none() && note.is_none() {
        return Err(Refusal::Nothing {
            key_result: key_result.id.clone(),
        });
    }
    note.as_deref().map(short_enough).transpose()?;
    Ok(ToldCheckIn {
        key_result: key_result.id.clone(),
        said: CheckIn {
            at: now,
            confidence,
            note,
        },
        author: Some(author),
    })
}

/// What the one who tells should know of a value that is kept but lies outside its cycle, perhaps by a slip.
#[must_use]
pub fn remark(entry: &Entry) -> Option<String> {
    let (at, cycle) = (entry.slot, &entry.cycle);
    let name = &cycle.name;
    if at > cycle.end() {
        Some(format!(
            "{at} lies after the end of cycle {name}, {}: the value is kept and counts for nothing there",
            cycle.end()
        ))
    } else if at < cycle.start() {
        Some(format!(
            "{at} lies before the start of cycle {name}, {}: the value is kept and shows only until the first one of \
             the cycle",
            cycle.start()
        ))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::example::{at_most, day, key_result, quarter};

    fn told(at: Option<f64>) -> Told {
        Told {
            value: Reading::whole(7),
            at: at.map(day),
            note: Some(String::new()),
            author: None,
        }
    }

    fn recorded() -> KeyResult {
        KeyResult {
            feed: Feed::Recorded,
            ..key_result("more/complaints", "complaints", at_most(300.0))
        }
    }

    /// Now in days, the instant told, whether it is taken.
    #[test]
    fn a_value_is_taken_until_its_cycle_has_closed_and_never_from_the_future() {
        for (now, at, taken) in [
            (-5.0, None, true),
            (10.0, Some(3.0), true),
            (10.0, Some(10.5), false),
            (96.9, Some(89.0), true),
            (97.0, Some(89.0), false),
            (200.0, None, false),
        ] {
            let found = entry(&recorded(), &quarter(), told(at), day(now));
            assert_eq!(found.is_ok(), taken, "{now} {at:?}: {found:?}");
        }
        let closed = entry(&recorded(), &quarter(), told(None), day(97.0)).unwrap_err();
        assert!(closed.to_string().contains("is closed since"), "{closed}");
    }

    #[test]
    fn what_is_told_is_what_is_kept() {
        let kept = entry(&recorded(), &quarter(), told(Some(3.0)), day(10.0)).unwrap();
        assert_eq!((kept.slot, kept.started_at), (day(3.0), day(10.0)));
        let nothing_said = Origin::Recorded {
            note: None,
            author: None,
        };
        assert_eq!(kept.origin, nothing_said);
        assert_eq!(remark(&kept), None);
        for (at, words) in [(-3.0, "before the start"), (91.0, "after the end")] {
            let kept = entry(&recorded(), &quarter(), told(Some(at)), day(92.0)).unwrap();
            assert!(remark(&kept).unwrap().contains(words));
        }
        let long = Told {
            note: Some("ö".repeat(LONGEST_NOTE + 1)),
            ..told(None)
        };
        let refusal = entry(&recorded(), &quarter(), long, day(10.0)).unwrap_err();
        assert_eq!(refusal, Refusal::LongNote { found: 2001 });
    }

    #[test]
    fn a_check_in_takes_a_share_or_words_while_its_cycle_is_open() {
        for (text, share) in [("0.6", 0.6), ("0", 0.0), ("1", 1.0), (" .5 ", 0.5)] {
            assert_eq!(confidence(text), Ok(share), "{text}");
        }
        assert!(confidence("-0").unwrap().is_sign_positive());
        for text in ["60", "60%", "-0.1", "1.01", "NaN", "", "high"] {
            let refusal = confidence(text).unwrap_err().to_string();
            assert!(
                refusal.contains(text) && refusal.contains("between 0 and 1, such as 0.6"),
                "{refusal}"
            );
        }
        let told = |confidence, note: Option<&str>, now| {
            let note = note.map(str::to_owned);
            check_in(
                &recorded(),
                &quarter(),
                confidence,
                note,
                "ada".into(),
                day(now),
            )
        };
        let kept = told(Some(0.6), None, 10.0).unwrap();
        assert_eq!((kept.said.at, kept.said.confidence), (day(10.0), Some(0.6)));
        assert_eq!(kept.author.as_deref(), Some("ada"));
        assert!(told(None, Some("slow"), 96.9).is_ok());
        assert!(matches!(
            told(None, Some(" "), 10.0),
            Err(Refusal::Nothing { .. })
        ));
        assert!(matches!(
            told(Some(0.6), None, 97.0),
            Err(Refusal::Closed { .. })
        ));
        let long = "ö".repeat(LONGEST_NOTE + 1);
        assert_eq!(
            told(None, Some(&long), 10.0),
            Err(Refusal::LongNote { found: 2001 })
        );
    }

    #[test]
    fn a_measured_key_result_takes_no_told_value() {
        let measured = KeyResult {
            feed: Feed::Polled {
                source: Slug::parse("shop").unwrap(),
            },
            ..recorded()
        };
        let refusal = entry(&measured, &quarter(), told(None), day(10.0)).unwrap_err();
        assert!(refusal.to_string().contains("source shop"), "{refusal}");
    }
}
