//! From an answer's bytes to one finite number: a JSON Pointer or a jq filter, with what an empty answer means and what
//! makes an answer an error. Parsing and filters run on a worker with a deadline. Knows no HTTP.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jaq_json::{Num, Val, read};

pub use super::jq::Filter;
use super::worker::{self, WorkError};
use crate::config::spec::{Empty, Extract, HttpMeasure};
use crate::domain::fault::{Fault, FaultClass};
use crate::domain::reading::Reading;
use crate::net::json;

/// How one measure's number is found; compiled once and kept.
#[derive(Debug)]
pub struct Extraction {
    value: Place,
    fail_if: Option<Filter>,
    empty: Empty,
    /// Raised when the evaluation that was given up last has ended after all.
    left_behind: Mutex<Option<Arc<AtomicBool>>>,
}

#[derive(Debug)]
enum Place {
    Pointer { text: String, keys: Vec<String> },
    Jq(Filter),
}

impl Extraction {
    /// Compiles what the measure says.
    ///
    /// # Errors
    /// One line naming the key (`value` or `fail_if`) and what is wrong with it.
    pub fn compile(measure: &HttpMeasure) -> Result<Self, String> {
        let value = match &measure.value {
            Extract::Pointer(text) => Place::Pointer {
                keys: pointer(text).map_err(|e| format!("value: {e}"))?,
                text: text.clone(),
            },
            Extract::Jq(text) => {
                Place::Jq(Filter::compile(text).map_err(|e| format!("value: {e}"))?)
            }
        };
        let fail_if = measure.fail_if.as_deref().map(Filter::compile).transpose();
        Ok(Self {
            value,
            fail_if: fail_if.map_err(|e| format!("fail_if: {e}"))?,
            empty: measure.empty,
            left_behind: Mutex::default(),
        })
    }

    /// Reads the number out of a whole body.
    ///
    /// # Errors
    /// `bad_body` for what is no JSON or matches `fail_if`, `bad_value` where no finite number stands, `timeout` when a
    /// filter does not end, `config` when a filter can never work.
    pub async fn read(self: &Arc<Self>, body: Vec<u8>, within: Duration) -> Result<Reading, Fault> {
        let late = || {
            Fault::new(FaultClass::Timeout, "the filter did not end in time")
                .help("look for nested loops over the whole answer in value and fail_if")
        };
        if self.still_runs() {
            return Err(late());
        }
        let ended = Arc::new(AtomicBool::new(false));
        let (own, at_end) = (Arc::clone(self), Raise(Arc::clone(&ended)));
        let work = move || {
            let _at_end = at_end;
            own.evaluate(&body)
        };
        match worker::run(within, work).await {
            Ok(read) => read,
            Err(WorkError::Late) => {
                *self.left_behind() = Some(ended);
                Err(late())
            }
            Err(e) => Err(Fault::new(
                FaultClass::Internal,
                format!("the filter gave nothing: {e}"),
            )),
        }
    }

    /// Whether an evaluation that was given up has not ended yet: starting another would only pile them up.
    fn still_runs(&self) -> bool {
        let left_behind = self.left_behind();
        left_behind
            .as_ref()
            .is_some_and(|ended| !ended.load(Ordering::Acquire))
    }

    fn left_behind(&self) -> MutexGuard<'_, Option<Arc<AtomicBool>>> {
        self.left_behind
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn evaluate(&self, body: &[u8]) -> Result<Reading, Fault> {
        if body.iter().all(u8::is_ascii_whitespace) {
            return self.nothing("the answer has no body");
        }
        json::validate(body).map_err(|e| Fault::new(e.class, e.message).help(e.help))?;
        let document = read::parse_single(body)
            .map_err(|e| Fault::new(FaultClass::BadBody, format!("the body is not JSON: {e}")))?;
        self.refuse(&document)?;
        match &document {
            Val::Arr(items) if items.is_empty() => return self.nothing("the answer is `[]`"),
            Val::Obj(entries) if entries.is_empty() => return self.nothing("the answer is `{}`"),
            _ => {}
        }
        match &self.value {
            Place::Pointer { text, keys } => {
                let found = follow(&document, keys).ok_or_else(|| missing(text))?;
                number(found, &format!("value {text}"))
            }
            Place::Jq(filter) => self.filtered(filter, document),
        }
    }

    /// Fails when `fail_if` yields anything but false and null, or cannot be evaluated: then nobody knows.
    fn refuse(&self, document: &Val) -> Result<(), Fault> {
        const OUTPUTS: usize = 1000;
        let Some(filter) = &self.fail_if else {
            return Ok(());
        };
        let outputs = filter.outputs(document.clone(), OUTPUTS);
        let outputs =
            outputs.map_err(|e| Fault::new(FaultClass::BadBody, format!("fail_if: {e}")))?;
        let fails = |output: &Val| !matches!(output, Val::Null | Val::Bool(false));
        if outputs.iter().any(fails) {
            let filter: String = filter.text().chars().take(80).collect();
            return Err(Fault::new(
                FaultClass::BadBody,
                format!("the answer is an error by its own account: fail_if `{filter}` holds"),
            ));
        }
        Ok(())
    }

    fn filtered(&self, filter: &Filter, document: Val) -> Result<Reading, Fault> {
        let outputs = filter.outputs(document, 2);
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

/// Raises a flag when the work ends, panics included.
struct Raise(Arc<AtomicBool>);

impl Drop for Raise {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// The keys of a JSON Pointer (RFC 6901), unescaped.
fn pointer(text: &str) -> Result<Vec<String>, String> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let Some(rest) = text.strip_prefix('/') else {
        return Err(format!(
            "found `{text}`, expected a JSON Pointer that begins with `/`"
        ));
    };
    let keys = rest.split('/').map(|key| {
        let mut escapes = key.split('~').skip(1);
        if escapes.any(|after| !after.starts_with(['0', '1'])) {
            return Err(format!(
                "found `~` in `{key}`, expected ~0 for `~` or ~1 for `/`"
            ));
        }
        Ok(key.replace("~1", "/").replace("~0", "~"))
    });
    keys.collect()
}

fn follow<'a>(document: &'a Val, keys: &[String]) -> Option<&'a Val> {
    keys.iter().try_fold(document, |value, key| match value {
        Val::Obj(entries) => entries.get(&Val::from(key.clone())),
        // RFC 6901 section 4: digits without a leading zero.
        Val::Arr(items) if key == "0" || (!key.starts_with('0') && is_digits(key)) => {
            items.get(key.parse::<usize>().ok()?)
        }
        _ => None,
    })
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
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
    let found = |kind: &str| {
        Err(Fault::new(
            FaultClass::BadValue,
            format!("{what}: found {kind}, expected a finite number"),
        ))
    };
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
    use crate::config::spec::{Body, Method};
    use std::collections::BTreeMap;

    fn measure(value: &str) -> HttpMeasure {
        HttpMeasure {
            path: String::new(),
            query: BTreeMap::new(),
            method: Method::Get,
            body: Body::None,
            value: if value.is_empty() || value.starts_with('/') {
                Extract::Pointer(value.into())
            } else {
                Extract::Jq(value.into())
            },
            fail_if: None,
            empty: Empty::Error,
        }
    }

    fn evaluate(measure: &HttpMeasure, body: &str) -> Result<Reading, Fault> {
        Extraction::compile(measure)
            .unwrap()
            .evaluate(body.as_bytes())
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
                    &HttpMeasure {
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
                &HttpMeasure {
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
        let bad_if = HttpMeasure {
            fail_if: Some(".a |".into()),
            ..measure("/a")
        };
        assert!(
            Extraction::compile(&bad_if)
                .unwrap_err()
                .starts_with("fail_if: ")
        );
    }

    #[tokio::test]
    async fn a_filter_without_end_is_left_behind_and_not_started_again() {
        let all_pairs = "reduce (.[] as $a | .[] as $b | .[] as $c | .[] as $d | .[] as $e | 1) as $x (0; . + 1)";
        let extraction = Arc::new(Extraction::compile(&measure(all_pairs)).unwrap());
        let body = format!("[{}0]", "0,".repeat(99));
        let within = Duration::from_millis(50);
        let first = extraction.read(body.clone().into_bytes(), within).await;
        assert_eq!(first.unwrap_err().class, FaultClass::Timeout);
        // Its thread still runs, so that the second attempt takes no time and no second thread.
        let second = extraction
            .read(body.into_bytes(), Duration::from_secs(3600))
            .await;
        assert_eq!(second.unwrap_err().class, FaultClass::Timeout);
        let other = Arc::new(Extraction::compile(&measure("/a")).unwrap());
        let read = other
            .read(br#"{"a":5}"#.to_vec(), Duration::from_secs(5))
            .await;
        assert_eq!(read.unwrap().value, 5.0);
    }
}
