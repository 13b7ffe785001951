//! From an answer's bytes to one finite number: a JSON Pointer or a jq filter, with what an empty answer means and what
//! makes an answer an error. A plain function of its arguments; who calls it minds time and memory. Knows no HTTP.

use jaq_json::{Num, Val, read};
use jiff::Timestamp;
use serde::de::IgnoredAny;

pub use super::jq::Filter;
use super::pointer::Pointer;
use crate::config::spec::{Empty, Extract, HttpMeasure};
use crate::domain::fault::{Fault, FaultClass};
use crate::domain::quality::Flag;
use crate::domain::reading::Reading;
use crate::net::json;

/// How one measure's number is found, as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Rule {
    /// Where the number stands.
    pub value: Extract,
    /// What makes an answer an error.
    pub fail_if: Option<String>,
    /// What an answer must show that is none.
    pub require: Option<String>,
    /// What an empty answer means.
    pub empty: Empty,
    /// Where it stands of which instant the data are.
    pub as_of: Option<Extract>,
    /// What raises which flag.
    pub quality: Vec<(Flag, String)>,
}

impl Rule {
    /// Whether a filter is run: what it needs of time and memory nobody knows beforehand.
    #[must_use]
    pub fn filters(&self) -> bool {
        let filters = |place: &Extract| matches!(place, Extract::Jq(_));
        filters(&self.value)
            || self.as_of.as_ref().is_some_and(filters)
            || self.fail_if.is_some()
            || self.require.is_some()
            || !self.quality.is_empty()
    }
}

impl From<&HttpMeasure> for Rule {
    fn from(measure: &HttpMeasure) -> Self {
        Self {
            value: measure.value.clone(),
            fail_if: measure.fail_if.clone(),
            require: measure.require.clone(),
            empty: measure.empty,
            as_of: measure.as_of.clone(),
            quality: measure.quality.clone(),
        }
    }
}

/// A rule, compiled.
#[derive(Debug)]
pub struct Extraction {
    value: Place,
    fail_if: Option<Filter>,
    require: Option<Filter>,
    empty: Empty,
    as_of: Option<Place>,
    quality: Vec<(Flag, Filter)>,
}

#[derive(Debug)]
enum Place {
    Pointer(Pointer),
    Jq(Filter),
}

impl Extraction {
    /// Compiles what the rule says.
    ///
    /// # Errors
    /// One line naming the key (`value`, `fail_if`, `as_of`, `quality`) and what is wrong with it.
    pub fn compile(rule: &Rule) -> Result<Self, String> {
        let place = |place: &Extract| match place {
            Extract::Pointer(text) => Pointer::parse(text).map(Place::Pointer),
            Extract::Jq(text) => Filter::compile(text).map(Place::Jq),
        };
        let value = place(&rule.value);
        let fail_if = rule.fail_if.as_deref().map(Filter::compile).transpose();
        let require = rule.require.as_deref().map(Filter::compile).transpose();
        let as_of = rule.as_of.as_ref().map(place).transpose();
        let quality = rule.quality.iter();
        let quality: Result<Vec<_>, _> = quality
            .map(|(flag, text)| Ok::<_, String>((*flag, Filter::compile(text)?)))
            .collect();
        Ok(Self {
            value: value.map_err(|e| format!("value: {e}"))?,
            fail_if: fail_if.map_err(|e| format!("fail_if: {e}"))?,
            require: require.map_err(|e| format!("require: {e}"))?,
            empty: rule.empty,
            as_of: as_of.map_err(|e| format!("as_of: {e}"))?,
            quality: quality.map_err(|e| format!("quality: {e}"))?,
        })
    }

    /// Reads the number out of a whole body; `moments` are what the variables of filters stand for. With a filter this
    /// must run in a worker: nothing else ends one that does not end, or one that eats the memory.
    ///
    /// # Errors
    /// `bad_body` for what is no JSON or matches `fail_if`, `bad_value` where no finite number stands, `config` when a
    /// filter can never work.
    pub fn evaluate(&self, body: &[u8], moments: &[String]) -> Result<Reading, Fault> {
        if body.iter().all(u8::is_ascii_whitespace) {
            return self.nothing("the answer has no body");
        }
        json::validate(body).map_err(|e| Fault::new(e.class, e.message).help(e.help))?;
        let document = if self.filters() {
            parse(body)?
        } else {
            Val::Null
        };
        if let Some(filter) = &self.fail_if {
            refuse(filter, document.clone(), moments)?;
        }
        if let Some(filter) = &self.require {
            demand(filter, document.clone(), moments)?;
        }
        match bare(body).as_slice() {
            b"[]" => return self.nothing("the answer is `[]`"),
            b"{}" => return self.nothing("the answer is `{}`"),
            _ => {}
        }
        let mut reading = match &self.value {
            Place::Pointer(pointer) => {
                let found = pointer
                    .follow(body)
                    .ok_or_else(|| missing(pointer.text()))?;
                pointed_at(found, &format!("value {}", pointer.text()))
            }
            Place::Jq(filter) => self.filtered(filter, document.clone(), moments),
        }?;
        if let Some(place) = &self.as_of {
            reading.as_of = Some(told_as_of(place, body, &document, moments)?);
        }
        for (flag, filter) in &self.quality {
            if holds(filter, document.clone(), moments)
                .map_err(|why| unclear(&format!("quality: {why}")))?
            {
                reading.quality = reading.quality.with(*flag);
            }
        }
        Ok(reading)
    }

    fn filters(&self) -> bool {
        let filters = |place: &Place| matches!(place, Place::Jq(_));
        filters(&self.value)
            || self.as_of.as_ref().is_some_and(filters)
            || self.fail_if.is_some()
            || self.require.is_some()
            || !self.quality.is_empty()
    }

    fn filtered(
        &self,
        filter: &Filter,
        document: Val,
        moments: &[String],
    ) -> Result<Reading, Fault> {
        let outputs: Result<Vec<Val>, _> = filter.outputs(document, moments).take(2).collect();
        let outputs =
            outputs.map_err(|e| Fault::new(FaultClass::BadValue, format!("value: {e}")))?;
        match outputs.as_slice() {
            [] => self.nothing("the filter of value yields nothing"),
            [one] => number(one, "value"),
            _ => Err(Fault::new(
                FaultClass::BadValue,
                "value: the filter yields more than one output, expected exactly one number",
            )
            .help("wrap it: [ … ] | add, or first( … )")),
        }
    }

    fn nothing(&self, what: &str) -> Result<Reading, Fault> {
        match self.empty {
            Empty::Zero => Reading::new(0.0),
            Empty::Skip => Err(Fault::new(
                FaultClass::BadValue,
                format!("{what}: no number this time (empty = \"skip\")"),
            )),
            Empty::Error => Err(Fault::new(
                FaultClass::BadValue,
                format!("{what}, expected a number"),
            )
            .help("say empty = \"zero\" if nothing means 0 here, or empty = \"skip\" if it means no number")),
        }
    }
}

/// Fails when `fail_if` yields anything but false and null, however late, or cannot be evaluated: then nobody knows.
fn refuse(filter: &Filter, document: Val, moments: &[String]) -> Result<(), Fault> {
    if !holds(filter, document, moments).map_err(|why| unclear(&format!("fail_if: {why}")))? {
        return Ok(());
    }
    let filter: String = filter.text().chars().take(80).collect();
    Err(unclear(&format!(
        "the answer is an error by its own account: fail_if `{filter}` holds"
    )))
}

/// The opposite: an answer that does not show what it must.
fn demand(filter: &Filter, document: Val, moments: &[String]) -> Result<(), Fault> {
    if holds(filter, document, moments).map_err(|why| unclear(&format!("require: {why}")))? {
        return Ok(());
    }
    let filter: String = filter.text().chars().take(80).collect();
    Err(unclear(&format!(
        "the answer lacks what it must show: require `{filter}` does not hold"
    )))
}

/// Whether a filter yields anything but false and null, however late.
fn holds(filter: &Filter, document: Val, moments: &[String]) -> Result<bool, String> {
    for output in filter.outputs(document, moments) {
        let output = output.map_err(|e| e.to_string())?;
        if !matches!(output, Val::Null | Val::Bool(false)) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn unclear(message: &str) -> Fault {
    Fault::new(FaultClass::BadBody, message)
}

/// The instant of the data: RFC 3339 text, or seconds or milliseconds since 1970. An answer without it is of no known
/// instant, and no measurement.
fn told_as_of(
    place: &Place,
    body: &[u8],
    document: &Val,
    moments: &[String],
) -> Result<Timestamp, Fault> {
    let bad = |why: String| {
        Fault::new(FaultClass::BadValue, format!("as_of: {why}"))
            .help("expected an instant: RFC 3339 text with its zone, or seconds or milliseconds since 1970")
    };
    let found = match place {
        Place::Pointer(pointer) => match pointer.follow(body) {
            Some(text) => parse(text.as_bytes())?,
            None => {
                return Err(bad(format!(
                    "{} points at nothing in the answer",
                    pointer.text()
                )));
            }
        },
        Place::Jq(filter) => match filter.outputs(document.clone(), moments).next() {
            Some(output) => output.map_err(|e| bad(e.to_string()))?,
            None => return Err(bad("the filter yields nothing".into())),
        },
    };
    let told = match &found {
        Val::TStr(text) => {
            let text = String::from_utf8_lossy(text);
            super::as_of::of_text(text.trim())
        }
        Val::Num(_) => super::as_of::of_number(number(&found, "as_of")?.value),
        _ => None,
    };
    told.ok_or_else(|| bad(format!("found {}", shown(&found))))
}

/// The start of a value as JSON.
fn shown(value: &Val) -> String {
    let text: String = value.to_string().chars().take(40).collect();
    format!("`{}`", text.escape_debug())
}

/// A document that was found valid.
fn parse(body: &[u8]) -> Result<Val, Fault> {
    read::parse_single(body)
        .map_err(|e| Fault::new(FaultClass::BadBody, format!("the body is not JSON: {e}")))
}

/// The first bytes of a document that are no white space: enough to tell an empty list or object.
fn bare(body: &[u8]) -> Vec<u8> {
    let bytes = body.iter().filter(|b| !b.is_ascii_whitespace());
    bytes.take(3).copied().collect()
}

/// The number that a pointer points at. Lists and objects are counted, not built.
fn pointed_at(text: &str, what: &str) -> Result<Reading, Fault> {
    match text.as_bytes().first() {
        Some(b'[') => {
            let items: Vec<IgnoredAny> = serde_json::from_str(text).unwrap_or_default();
            no_number(what, &format!("a list of {} items", items.len()))
        }
        Some(b'{') => no_number(what, "an object"),
        _ => number(&parse(text.as_bytes())?, what),
    }
}

fn no_number(what: &str, found: &str) -> Result<Reading, Fault> {
    Err(Fault::new(
        FaultClass::BadValue,
        format!("{what}: found {found}, expected a finite number"),
    ))
}

fn missing(text: &str) -> Fault {
    Fault::new(
        FaultClass::BadValue,
        format!("value {text} points at nothing in the answer"),
    )
    .help("a missing number is no zero: check the path, or use a jq filter such as `.a // 0` if missing means 0")
}

/// The finite number that `value` is. Text counts when all of it is a plain decimal number.
fn number(value: &Val, what: &str) -> Result<Reading, Fault> {
    let found = |kind: &str| no_number(what, kind);
    let parse = |text: &str| {
        Reading::parse(text)
            .map_err(|fault| Fault::new(fault.class, format!("{what}: {}", fault.message)))
    };
    match value {
        Val::Num(Num::Int(whole)) => Ok(Reading::whole(*whole as i128)),
        Val::Num(Num::BigInt(whole)) => parse(&whole.to_string()),
        Val::Num(Num::Dec(digits)) => parse(digits),
        Val::Num(Num::Float(float)) => Reading::new(*float)
            .map_err(|fault| Fault::new(fault.class, format!("{what}: {}", fault.message))),
        Val::TStr(text) => match std::str::from_utf8(text) {
            Ok(text) => parse(text.trim()).map_err(|fault| {
                fault.help("text is taken as a number only if it is one as it stands; clean it with a jq filter")
            }),
            Err(_) => found("text that is not UTF-8"),
        },
        Val::BStr(_) => found("bytes"),
        Val::Null => found("null"),
        Val::Bool(_) => found("true or false"),
        Val::Arr(items) => found(&format!("a list of {} items", items.len())),
        Val::Obj(_) => found("an object"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measure(value: &str) -> Rule {
        Rule {
            value: if value.is_empty() || value.starts_with('/') {
                Extract::Pointer(value.into())
            } else {
                Extract::Jq(value.into())
            },
            fail_if: None,
            require: None,
            empty: Empty::Error,
            as_of: None,
            quality: Vec::new(),
        }
    }

    fn evaluate(rule: &Rule, body: &str) -> Result<Reading, Fault> {
        let moments: Vec<String> = (0..6).map(|n| format!("2026-11-0{n}")).collect();
        let extraction = Extraction::compile(rule).unwrap();
        extraction.evaluate(body.as_bytes(), &moments)
    }

    fn read(value: &str, body: &str) -> Result<Reading, Fault> {
        evaluate(&measure(value), body)
    }

    /// RFC 6901 section 5, for the pointers whose values are numbers.
    #[test]
    fn pointers_follow_the_rfc() {
        let document = r#"{"foo":["bar","baz",7],"":0,"a/b":1,"c%d":2,"e^f":3,"g|h":4,"i\\j":5,"k\"l":6," ":7,"m~n":8,"01":9}"#;
        for (text, value) in [
            ("/foo/2", 7.0),
            ("/", 0.0),
            ("/a~1b", 1.0),
            ("/c%d", 2.0),
            ("/e^f", 3.0),
            ("/g|h", 4.0),
            ("/i\\j", 5.0),
            ("/k\"l", 6.0),
            ("/ ", 7.0),
            ("/m~0n", 8.0),
            ("/01", 9.0),
        ] {
            assert_eq!(read(text, document).unwrap().value, value, "{text}");
        }
        assert_eq!(read("", "7612781").unwrap().value, 7_612_781.0);
        for text in [
            "/foo/02", "/foo/-", "/foo/3", "/foo/-1", "/nope", "/foo/2/x",
        ] {
            let fault = read(text, document).unwrap_err();
            assert_eq!(fault.class, FaultClass::BadValue, "{text}");
            assert!(fault.message.contains(text), "{fault}");
        }
        for bad in ["/a~2", "/a~"] {
            assert!(Extraction::compile(&measure(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn f25_no_number_is_made_of_what_is_not_finite() {
        for (value, body) in [
            ("/a", r#"{"a":"NaN"}"#),
            ("/a", r#"{"a":"Infinity"}"#),
            ("/a", r#"{"a":1e999}"#),
            (".a / .b", r#"{"a":1,"b":0}"#),
            (".a / .b", r#"{"a":0,"b":0}"#),
            (".a | tonumber", r#"{"a":"nan"}"#),
            ("1e400", "1"),
            ("nan", "1"),
            ("infinite", "1"),
        ] {
            assert_eq!(
                read(value, body).unwrap_err().class,
                FaultClass::BadValue,
                "{value} {body}"
            );
        }
    }

    #[test]
    fn f26_digits_beyond_f64_are_kept() {
        for value in ["/n", ".n"] {
            for digits in [
                "9007199254740993",
                "18446744073709551615",
                "123456789012345678901234567890",
            ] {
                let reading = read(value, &format!(r#"{{"n":{digits}}}"#)).unwrap();
                assert_eq!(reading.exact.as_deref(), Some(digits), "{value}");
            }
            let reading = read(value, r#"{"n":0.1}"#).unwrap();
            assert_eq!((reading.value, reading.exact), (0.1, None));
        }
        assert_eq!(
            read("add", "[9007199254740993, 2]")
                .unwrap()
                .exact
                .as_deref(),
            Some("9007199254740995")
        );
    }

    #[test]
    fn f27_text_counts_only_when_all_of_it_is_a_number() {
        assert_eq!(read("/a", r#"{"a":" 1842 "}"#).unwrap().value, 1842.0);
        assert_eq!(read(".a", r#"{"a":"-3.50"}"#).unwrap().value, -3.5);
        for text in [
            "", " ", "1,234", "45%", "1 000 MB", "0x10", "1_000", "N", "1.5.1", "١٢",
        ] {
            for value in ["/a", ".a"] {
                let fault = read(value, &format!(r#"{{"a":"{text}"}}"#)).unwrap_err();
                assert_eq!(fault.class, FaultClass::BadValue, "{text}");
            }
        }
    }

    #[test]
    fn f28_other_types_are_refused_by_name() {
        for (body, word) in [
            (r#"{"a":null}"#, "null"),
            (r#"{"a":true}"#, "true or false"),
            (r#"{"a":[1]}"#, "a list of 1"),
            (r#"{"a":{"b":1}}"#, "an object"),
        ] {
            for value in ["/a", ".a"] {
                let fault = read(value, body).unwrap_err();
                assert_eq!(fault.class, FaultClass::BadValue);
                assert!(fault.message.contains(word), "{fault}");
            }
        }
        assert!(
            read(".b", r#"{"a":1}"#)
                .unwrap_err()
                .message
                .contains("null")
        );
    }

    #[test]
    fn f29_negative_zero_becomes_zero_and_negative_numbers_stay() {
        assert!(
            read("/a", r#"{"a":-0.0}"#)
                .unwrap()
                .value
                .is_sign_positive()
        );
        assert!(read("-0.0", "1").unwrap().value.is_sign_positive());
        assert_eq!(read("/a", r#"{"a":-4}"#).unwrap().value, -4.0);
    }

    #[test]
    fn two_outputs_are_no_number() {
        for value in [".[]", "1, 2", "1, error(\"x\")"] {
            let fault = read(value, "[1,2]").unwrap_err();
            assert_eq!(fault.class, FaultClass::BadValue, "{value}");
        }
    }

    #[test]
    fn empty_answers_mean_what_the_author_chose() {
        for (value, body, is_empty) in [
            ("/a", "", true),
            ("/a", " \n", true),
            ("/a", "[]", true),
            ("/a", "{ }", true),
            ("length", "[]", true),
            (".[] | select(.x == 9) | .n", r#"[{"x":1,"n":2}]"#, true),
            // Missing or null inside a document that is not empty is never a zero.
            ("/a", r#"{"b":1}"#, false),
            ("/a", r#"{"a":null}"#, false),
            (".a", r#"{"b":1}"#, false),
            ("/a", "null", false),
            ("/a", r#"{"a":[]}"#, false),
        ] {
            let ask = |empty| {
                evaluate(
                    &Rule {
                        empty,
                        ..measure(value)
                    },
                    body,
                )
            };
            let zero = ask(Empty::Zero);
            assert_eq!(zero.is_ok(), is_empty, "{value} {body}");
            if let Ok(zero) = zero {
                assert_eq!(zero.value, 0.0);
            }
            for empty in [Empty::Error, Empty::Skip] {
                assert_eq!(
                    ask(empty).unwrap_err().class,
                    FaultClass::BadValue,
                    "{value} {body}"
                );
            }
        }
    }

    #[test]
    fn f10_fail_if_finds_errors_in_good_looking_answers() {
        let ask = |fail_if: &str, body: &str| {
            let fail_if = Some(fail_if.to_owned());
            evaluate(
                &Rule {
                    fail_if,
                    ..measure("/n")
                },
                body,
            )
        };
        let matomo = r#"(type == "object") and (.result? == "error")"#;
        assert!(ask(matomo, r#"{"n":1}"#).is_ok());
        for (fail_if, body) in [
            (matomo, r#"{"result":"error","message":"x","n":0}"#),
            (".errors", r#"{"errors":[{"message":"x"}],"n":0}"#),
            (
                ".incomplete_results",
                r#"{"incomplete_results":true,"n":3}"#,
            ),
            (".[] == 0", r#"{"m":1,"n":0}"#),
            // Nobody knows what an answer is that the filter cannot judge.
            (".n.x", r#"{"n":1}"#),
        ] {
            assert_eq!(
                ask(fail_if, body).unwrap_err().class,
                FaultClass::BadBody,
                "{fail_if}"
            );
        }
        for body in [
            r#"{"n":1,"errors":null}"#,
            r#"{"n":1,"errors":false}"#,
            r#"{"n":1}"#,
        ] {
            assert!(ask(".errors", body).is_ok(), "{body}");
        }
        assert!(ask(".errors[]?", r#"{"n":1,"errors":[]}"#).is_ok());
    }

    #[test]
    fn bad_filters_are_named_by_their_key() {
        let bad_value = Extraction::compile(&measure("now")).unwrap_err();
        assert!(bad_value.starts_with("value: "), "{bad_value}");
        let bad_if = Rule {
            fail_if: Some(".a |".into()),
            ..measure("/a")
        };
        assert!(
            Extraction::compile(&bad_if)
                .unwrap_err()
                .starts_with("fail_if: ")
        );
    }

    #[test]
    fn f10_fail_if_is_looked_for_until_the_end() {
        let late = format!(
            r#"{{"n":1,"items":[{}{{"bad":true}}]}}"#,
            r#"{"bad":false},"#.repeat(5000)
        );
        let fail_if = Some(".items[].bad".to_owned());
        let rule = Rule {
            fail_if,
            ..measure("/n")
        };
        let fault = evaluate(&rule, &late).unwrap_err();
        assert_eq!(fault.class, FaultClass::BadBody, "{fault}");
        assert!(evaluate(&rule, &late.replace("true", "false")).is_ok());
    }

    #[test]
    fn filters_compare_with_the_moments_of_the_poll() {
        let since = "[.[] | select(.at >= $now and .at < $window_end)] | length";
        let body = r#"[{"at":"2025-12-31"},{"at":"2026-11-01"},{"at":"2026-11-05"}]"#;
        assert_eq!(read(since, body).unwrap().value, 1.0);
    }

    #[test]
    fn f23_what_is_held_against_an_answer_becomes_its_flags() {
        let rule = Rule {
            quality: vec![
                (Flag::Sampled, ".metadata.samplingMetadatas != null".into()),
                (Flag::Thresholded, ".metadata.subjectToThresholding".into()),
                (Flag::Other, ".metadata.dataLossFromOtherRow".into()),
            ],
            ..measure("/rows/0/metricValues/0/value")
        };
        let report = |metadata: &str| {
            format!(r#"{{"rows":[{{"metricValues":[{{"value":"1204"}}]}}],"metadata":{metadata}}}"#)
        };
        for (metadata, flags) in [
            ("{}", &[][..]),
            (
                r#"{"samplingMetadatas":[{"samplesReadCount":"500"}]}"#,
                &["sampled"],
            ),
            (
                r#"{"subjectToThresholding":true,"dataLossFromOtherRow":true}"#,
                &["thresholded", "other"],
            ),
            (r#"{"subjectToThresholding":false}"#, &[]),
        ] {
            let reading = evaluate(&rule, &report(metadata)).unwrap();
            assert_eq!(
                (reading.value, reading.quality.words()),
                (1204.0, flags.to_vec())
            );
        }
        // What cannot be told is no clean number.
        let broken = Rule {
            quality: vec![(Flag::Sampled, ".rows.sampled".into())],
            ..measure("/rows/0/metricValues/0/value")
        };
        let fault = evaluate(&broken, &report("{}")).unwrap_err();
        assert_eq!(fault.class, FaultClass::BadBody);
    }

    #[test]
    fn f24_the_instant_of_the_data_is_read_beside_the_number() {
        let pointer = Extract::Pointer("/at".into());
        let filter = Extract::Jq(".at | if type == \"object\" then .to else . end".into());
        for place in [pointer, filter] {
            let rule = Rule {
                as_of: Some(place),
                ..measure("/n")
            };
            let at = |told: &str| evaluate(&rule, &format!(r#"{{"n":7,"at":{told}}}"#));
            for told in [
                r#""2026-11-02T09:30:00Z""#,
                r#""2026-11-02 09:30:00""#,
                "1793611800",
                "1793611800000",
            ] {
                let as_of = at(told).unwrap().as_of.map(|at| at.to_string());
                assert_eq!(as_of.as_deref(), Some("2026-11-02T09:30:00Z"), "{told}");
            }
            for told in ["null", "true", r#""last week""#, "[]"] {
                let fault = at(told).unwrap_err();
                assert_eq!(fault.class, FaultClass::BadValue, "{told}");
                assert!(fault.message.starts_with("as_of: "), "{fault}");
            }
            assert!(evaluate(&rule, r#"{"n":7}"#).is_err());
        }
    }
}
