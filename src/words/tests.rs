//! Every phrase and every kind of sentence in all languages side by side, in `tests/golden/words.txt`, so that somebody
//! who speaks them can read it in one go.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::{Tongue, tables};
use crate::domain::fault::FaultClass;
use crate::domain::forecast::{Forecast, Method, NoForecast};
use crate::domain::goals::Ambition;
use crate::domain::language::Language;
use crate::domain::reason::{Collected, End, InBand, Made, Place, Reason, Said};
use crate::domain::target::{Band, Hold, ScoreBy, TargetError};
use crate::domain::verdict::{Closing, Outcome, Verdict};
use jiff::civil::date;

/// What stands between the blanks of a phrase, and the names of the blanks.
fn parts(text: &str) -> (Vec<&str>, BTreeSet<&str>) {
    let mut literals = Vec::new();
    let mut blanks = BTreeSet::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('{') {
        let (blank, after) = behind.split_once('}').unwrap();
        literals.push(before);
        blanks.insert(blank);
        rest = after;
    }
    literals.push(rest);
    (literals, blanks)
}

fn hold(band: Band) -> Hold {
    Hold {
        band,
        strict: false,
        compliance: 0.9,
        score_by: ScoreBy::Time,
    }
}

fn outcome(score: f64, verdict: Verdict) -> Outcome {
    Outcome {
        score: Some(score),
        verdict,
    }
}

/// One of each kind of thing that is said of a status. The `match` keeps it whole: a new kind does not compile before it
/// is here.
fn way() -> Made {
    Made::Way {
        value: Some(1_820.5),
        share: 0.388_9,
        from: Some(1_640.0),
        to: Some(2_104.0),
    }
}

fn back() -> Made {
    Made::Way {
        value: Some(1_604.0),
        share: -0.1,
        from: Some(1_640.0),
        to: Some(2_104.0),
    }
}

fn steps() -> Made {
    Made::Milestones {
        done: Some(1.0),
        of: 3,
        share: 0.25,
    }
}

/// Each thing that can be said.
fn said() -> Vec<Said> {
    let all: Vec<Said> = [unmeasured(), over(), under_way(), held()].concat();
    for said in &all {
        match said {
            Said::Nothing
            | Said::Begins(_)
            | Said::NothingYet(_)
            | Said::TooOld { .. }
            | Said::Collected(_)
            | Said::FirstIsBaseline
            | Said::NoWay { .. }
            | Said::Over { .. }
            | Said::Made(_)
            | Said::AtTarget { .. }
            | Said::TooEarly { .. }
            | Said::Gap { .. }
            | Said::Paced { .. }
            | Said::Band(_)
            | Said::Holding { .. } => {}
        }
    }
    all
}

fn unmeasured() -> Vec<Said> {
    vec![
        Said::Nothing,
        Said::Begins(date(2027, 1, 1)),
        Said::NothingYet(None),
        Said::NothingYet(Some(FaultClass::Timeout)),
        Said::TooOld {
            value: Some(1_780.0),
            on: date(2026, 11, 26).at(6, 0, 0, 0),
            counts_for: 3 * 86_400,
            failed: Some(FaultClass::Auth),
        },
        Said::Collected(Collected {
            found: 4.0,
            wanted: 20,
        }),
        Said::Collected(Collected {
            found: 20.0,
            wanted: 20,
        }),
        Said::FirstIsBaseline,
        Said::NoWay {
            baseline: 0.0,
            error: TargetError::ShareOfNonPositive,
        },
        Said::NoWay {
            baseline: 7.0,
            error: TargetError::Flat,
        },
        Said::NoWay {
            baseline: 1e300,
            error: TargetError::NotFinite,
        },
    ]
}

fn over() -> Vec<Said> {
    let over = |end, closing| Said::Over {
        end,
        closing,
        ambition: Ambition::Aspirational,
    };
    let closing = |amended, first| {
        Some(Closing {
            as_amended: amended,
            as_committed: first,
        })
    };
    let strong = outcome(0.8, Verdict::Strong);
    vec![
        over(End::NotMeasured, None),
        over(
            End::Collected(Collected {
                found: 20.0,
                wanted: 20,
            }),
            None,
        ),
        over(
            End::Band(InBand::OnceOutside(hold(Band::AtLeast(98.5)))),
            closing(outcome(0.0, Verdict::Missed), outcome(0.0, Verdict::Missed)),
        ),
        over(
            End::Made(way()),
            closing(strong, outcome(0.625, Verdict::Achieved)),
        ),
        over(
            End::Made(steps()),
            closing(outcome(1.0, Verdict::Achieved), strong),
        ),
        over(
            End::Held {
                hold: hold(Band::Between(1.5, 2.5)),
                compliance: 0.996,
            },
            closing(
                outcome(0.996, Verdict::Achieved),
                outcome(0.996, Verdict::Achieved),
            ),
        ),
        over(End::Unjudged(Some(5.0)), None),
    ]
}

fn under_way() -> Vec<Said> {
    vec![
        Said::Made(Made::So(true)),
        Said::AtTarget {
            value: Some(2_104.0),
            target: Some(2_104.0),
            strict: false,
            too_safe: false,
        },
        Said::AtTarget {
            value: Some(2_105.0),
            target: Some(2_104.0),
            strict: true,
            too_safe: true,
        },
        Said::TooEarly {
            made: way(),
            planned: 0.05,
            by_plan: false,
        },
        Said::TooEarly {
            made: Made::So(false),
            planned: 0.004,
            by_plan: true,
        },
        Said::Gap {
            made: way(),
            gap: -0.11,
            planned: 0.5,
        },
        Said::Gap {
            made: back(),
            gap: 0.01,
            planned: 0.5,
        },
        Said::Gap {
            made: steps(),
            gap: 0.0,
            planned: 0.25,
        },
        Said::Paced {
            made: way(),
            ambition: Ambition::Aspirational,
            expected: 0.35,
        },
        Said::Paced {
            made: back(),
            ambition: Ambition::Committed,
            expected: 0.5,
        },
    ]
}

fn held() -> Vec<Said> {
    let place = |value, inside| Place {
        value: Some(value),
        inside,
        hold: hold(Band::AtMost(1_300.0)),
    };
    vec![
        Said::Band(InBand::Newest(place(1_280.0, true))),
        Said::Holding {
            place: place(1_280.0, true),
            compliance: Some(0.95),
            left: Some(0.5),
        },
        Said::Holding {
            place: place(1_310.0, false),
            compliance: Some(0.7),
            left: None,
        },
    ]
}

fn forecasts() -> Vec<Forecast> {
    let plain = Forecast {
        value: 1_929.29,
        progress: 0.803_5,
        low: Some(1_847.9),
        high: Some(2_045.0),
        method: Method::TheilSen,
        weak: false,
        few_events: false,
        per_day: 3.2,
        by: date(2026, 12, 31),
        way: 360.0,
        corrected: None,
    };
    let odd = Forecast {
        progress: -0.1,
        low: None,
        high: None,
        weak: true,
        few_events: true,
        corrected: Some(date(2026, 11, 2)),
        ..plain
    };
    vec![plain, odd]
}

fn no_forecasts() -> [NoForecast; 12] {
    [
        NoForecast::Band,
        NoForecast::NoTarget,
        NoForecast::CycleNotOpen,
        NoForecast::Stale,
        NoForecast::FewDays(1),
        NoForecast::FewDays(5),
        NoForecast::ShortSpan(9.5, 14.0),
        NoForecast::FirstWindows(28),
        NoForecast::BeginsAnew,
        NoForecast::NoWay,
        NoForecast::TooEarly,
        NoForecast::TooLarge,
    ]
}

fn side_by_side() -> String {
    let mut text = String::new();
    let mut both = |name: &str, of: &dyn Fn(Tongue) -> String| {
        let _ = writeln!(text, "{name}");
        for language in Language::ALL {
            let phrase = of(Tongue::of(language)).replace('\u{a0}', "·");
            let _ = writeln!(text, "  {}  {phrase}|", language.as_str());
        }
    };
    for (table, phrases) in tables() {
        for phrase in phrases {
            both(&format!("{table}.{}", phrase.name), &|t| {
                match t.language() {
                    Language::English => phrase.english,
                    Language::Dutch => phrase.dutch,
                }
                .to_owned()
            });
        }
    }
    for (i, said) in said().into_iter().enumerate() {
        let reason = Reason {
            said,
            ..Reason::default()
        };
        both(&format!("sentence.{i}"), &|t| t.why(&reason, "subscribers"));
    }
    let moved = Reason {
        said: Said::FirstIsBaseline,
        rebased: Some((date(2026, 11, 12), 1.070_175_4)),
        unlike_until: Some(date(2026, 10, 20)),
        kept: None,
    };
    both("sentence.epochs", &|t| t.why(&moved, ""));
    for forecast in forecasts() {
        both("sentence.forecast", &|t| t.forecast(&forecast, "%"));
    }
    for why in no_forecasts() {
        both("sentence.no_forecast", &|t| t.no_forecast(why));
    }
    text
}

/// A phrase ends with `|`, so that a blank at its end is seen; a space that no line breaks at is shown as `·`.
#[test]
fn every_phrase_stands_in_every_language() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/words.txt");
    let text = side_by_side();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    let expected = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        text == expected,
        "{path} differs; see the difference after UPDATE_GOLDEN=1"
    );
}

#[test]
fn every_table_of_phrases_is_listed() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/words");
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        if text.contains("\nphrases! {") {
            found.insert(path.file_stem().unwrap().to_str().unwrap().to_owned());
        }
    }
    let listed = tables().map(|(name, _)| name.to_owned());
    assert_eq!(found, listed.into());
}

#[test]
fn a_phrase_says_the_same_things_in_every_language() {
    for (table, phrases) in tables() {
        for phrase in phrases {
            let name = format!("{table}.{}", phrase.name);
            let (english, dutch) = (phrase.english, phrase.dutch);
            assert_eq!(parts(english).1, parts(dutch).1, "{name}: the blanks");
            assert!(!english.is_empty() && !dutch.is_empty(), "{name}");
            // Phrases are put together: they begin and end alike.
            let ends = |text: &str| {
                let first = text
                    .chars()
                    .next()
                    .filter(|c| !c.is_alphanumeric() && *c != '{');
                (first, text.ends_with(' '), text.ends_with('.'))
            };
            assert_eq!(ends(english), ends(dutch), "{name}");
        }
    }
}

/// What was kept when a cycle was closed is told as it was kept, but not to those who read another language.
#[test]
fn a_kept_sentence_is_told_as_it_was_kept() {
    let reason = Reason {
        said: Said::Over {
            end: End::NotMeasured,
            closing: None,
            ambition: Ambition::Committed,
        },
        kept: Some("As it was kept.".to_owned()),
        ..Reason::default()
    };
    let told = |language| Tongue::of(language).why(&reason, "");
    assert_eq!(told(Language::English), "As it was kept.");
    assert_eq!(
        told(Language::Dutch),
        "De cyclus is afgelopen en er is niets gemeten."
    );
}

/// Messages about the configuration tell a band in the same words.
#[test]
fn a_band_has_one_name() {
    for band in [
        Band::AtLeast(1.5),
        Band::AtMost(300.0),
        Band::Between(1.0, 2.0),
    ] {
        for strict in [false, true] {
            let hold = Hold {
                strict,
                ..hold(band)
            };
            assert_eq!(super::ENGLISH.hold(&hold), hold.to_string());
        }
    }
}
