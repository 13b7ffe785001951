//! jq filters, tamed: compiled once, without what reads the world (environment, clock, files), writes to the log, ends
//! the process or recurses without bound. A filter that loops runs out of steps. What it needs of memory and stack nobody
//! can bound in here: it is run by a worker. Knows no HTTP.

use std::any::Any;
use std::cell::Cell;
use std::fmt;
use std::sync::LazyLock;

use jaq_core::box_iter::box_once;
use jaq_core::compile::{Compiler, Undefined};
use jaq_core::data::JustLut;
use jaq_core::load::lex::{Lexer, StrPart, Tok, Token};
use jaq_core::load::{self, Arena, File, Loader};
use jaq_core::native::{Fun, bome, run, v};
use jaq_core::{Ctx, Cv, Error, Exn, Native, ValXs, Vars};
use jaq_json::{Val, read};
use jaq_std::ValT as _;

use crate::domain::window::Moments;
use crate::net::json;

type Data = JustLut<Val>;

/// A compiled filter; `Send` and `Sync`, unlike the values it works on.
pub struct Filter {
    text: String,
    program: jaq_core::Filter<Data>,
}

/// Native filters left out. They read the environment, the clock or the machine's zone, write what they are given to
/// the log, or end the process.
const NO_NATIVES: [&str; 7] = [
    "env",
    "now",
    "localtime",
    "strflocaltime",
    "halt",
    "debug_empty",
    "stderr_empty",
];

/// Definitions left out: they need a native left out, or loop for as long as their argument pleases.
const NO_DEFINITIONS: [(&str, usize); 11] = [
    ("stderr", 0),
    ("debug", 0),
    ("debug", 1),
    ("halt", 0),
    ("halt_error", 0),
    ("halt_error", 1),
    ("repeat", 1),
    ("while", 2),
    ("until", 2),
    ("combinations", 1),
    // Replaced by the one below.
    ("recurse", 1),
];

/// Loops that count their steps; `step` is a native of [`natives`].
const OWN_DEFINITIONS: &str = "
    def recurse(f): def rec: step, (f | rec); rec;
    def range(from; to; by): range_unbounded(from; to; by) | step;
";

/// The most steps of one evaluation; far more than items in an answer of the usual size.
const STEPS: u32 = 500_000;

/// Stack for the parser, which recurses on nested text. Address space, not memory: pages are taken as it grows.
const STACK: usize = 64 * 1024 * 1024;

/// The variables of every filter, in the order of their values.
static VARIABLES: LazyLock<[String; Moments::NAMES.len()]> =
    LazyLock::new(|| Moments::NAMES.map(|name| format!("${name}")));

/// The longest filter in bytes: the parser recurses, and a filter is a line, not a program.
const LONGEST: usize = 4096;

thread_local! {
    static STEPS_LEFT: Cell<u32> = const { Cell::new(0) };
}

/// Why a filter gave no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterError(String);

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether a text compiles: the word that the check of a configuration needs.
///
/// # Errors
/// As [`Filter::compile`].
pub fn judge(text: &str) -> Result<(), String> {
    Filter::compile(text).map(drop)
}

impl Filter {
    /// Compiles a filter.
    ///
    /// # Errors
    /// One line that says what is wrong and where in the text.
    pub fn compile(text: &str) -> Result<Self, String> {
        if text.len() > LONGEST {
            let found = text.len();
            return Err(format!(
                "found {found} bytes, expected a filter of at most {LONGEST}"
            ));
        }
        let text = text.to_owned();
        // A panic of the parser ends with its thread.
        let thread = std::thread::Builder::new().stack_size(STACK);
        let compiled = thread.spawn(move || compile(text));
        let compiled = compiled.map_err(|e| format!("no thread to compile it: {e}"))?;
        compiled
            .join()
            .unwrap_or_else(|_panic| Err("the parser broke off".into()))
    }

    /// The text it was made of.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The outputs of the filter, one after another; `moments` are the values of its variables in the order of
    /// [`Moments::NAMES`]. Each is the output, or the filter's first error without the document's text.
    pub(super) fn outputs(
        &self,
        input: Val,
        moments: &[String],
    ) -> impl Iterator<Item = Result<Val, FilterError>> + '_ {
        STEPS_LEFT.set(STEPS);
        let value = |n: usize| moments.get(n).map_or(Val::Null, |m| Val::from(m.clone()));
        let values: Vec<Val> = (0..VARIABLES.len()).map(value).collect();
        let ctx = Ctx::<Data>::new(&self.program.lut, Vars::new(values));
        let outputs = self.program.id.run((ctx, input));
        outputs.map(|output| output.map_err(|exn| FilterError(explain(exn))))
    }
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Filter({:?})", self.text)
    }
}

fn compile(text: String) -> Result<Filter, String> {
    refuse_definitions(&text)?;
    let own = load::parse(OWN_DEFINITIONS, |p| p.defs()).unwrap_or_default();
    let given = jaq_core::defs()
        .chain(jaq_std::defs())
        .chain(jaq_json::defs());
    let given = given.filter(|d| !NO_DEFINITIONS.contains(&(d.name, d.args.len())));
    let arena = Arena::default();
    let file = File {
        code: text.as_str(),
        path: (),
    };
    let modules = Loader::new(own.into_iter().chain(given))
        .load(&arena, file)
        .map_err(|errors| tell_load_errors(&text, &errors))?;
    load::import(&modules, |_| Err("import is not offered".into()))
        .map_err(|_| "import is not offered".to_owned())?;
    let program = Compiler::default()
        .with_funs(natives())
        .with_global_vars(VARIABLES.iter().map(String::as_str))
        .compile(modules)
        .map_err(|errors| tell_undefined(&errors))?;
    Ok(Filter { text, program })
}

fn natives() -> impl Iterator<Item = Fun<Data>> {
    let given = jaq_core::funs()
        .chain(jaq_std::funs())
        .chain(jaq_json::funs());
    let given = given.filter_map(|(name, args, native)| match name {
        "range" => Some(("range_unbounded", args, native)),
        "fromjson" => None,
        _ if NO_NATIVES.contains(&name) => None,
        _ => Some((name, args, native)),
    });
    let own: [Fun<Data>; 2] = [
        run::<Data>(("step", v(0), step)),
        run::<Data>(("fromjson", v(0), strict_fromjson)),
    ];
    given.chain(own)
}

/// Hands its input on, until the steps are used up.
fn step<'a>(cv: Cv<'a, Data>) -> ValXs<'a, Val> {
    let left = STEPS_LEFT.get();
    STEPS_LEFT.set(left.saturating_sub(1));
    if left == 0 {
        return box_once(Err(Exn::from(Error::str("the filter loops without end"))));
    }
    box_once(Ok(cv.1))
}

/// `fromjson` (and with it `tonumber`) on exactly one strict document. The stock one recurses without bound on text
/// that a source chose, and yields `1` before it fails on `"1_000"`.
fn strict_fromjson<'a>(cv: Cv<'a, Data>) -> ValXs<'a, Val> {
    let parsed = cv.1.as_utf8_bytes().and_then(|bytes| {
        json::validate(bytes).ok()?;
        read::parse_single(bytes).ok()
    });
    bome(parsed.ok_or_else(|| Error::str("this text is not JSON")))
}

/// A user's `def` may call itself and overflow the stack, which no one can catch.
fn refuse_definitions(text: &str) -> Result<(), String> {
    let Ok(tokens) = Lexer::new(text).lex() else {
        // The loader says it better.
        return Ok(());
    };
    if tokens.iter().any(defines) {
        return Err("`def` is not offered here: write the filter as one expression".into());
    }
    Ok(())
}

fn defines(token: &Token<&str>) -> bool {
    match &token.1 {
        Tok::Word => token.0 == "def",
        Tok::Block(inner) => inner.iter().any(defines),
        Tok::Str(parts) => parts
            .iter()
            .any(|part| matches!(part, StrPart::Term(inner) if defines(inner))),
        _ => false,
    }
}

fn tell_load_errors<P>(text: &str, errors: &load::Errors<&str, P>) -> String {
    let Some((_, error)) = errors.first() else {
        return "it cannot be read".into();
    };
    let told = |expected: &str, found: &str| {
        if found.is_empty() {
            return format!("expected {expected}, found the end of the filter");
        }
        // What was found is a slice of the text, so its address tells where it stands.
        let at = (found.as_ptr() as usize).checked_sub(text.as_ptr() as usize);
        let column = at
            .and_then(|at| text.get(..at))
            .map(|before| before.chars().count() + 1);
        let column = column.map_or_else(String::new, |c| format!(" at character {c}"));
        let found: String = found.chars().take(20).collect();
        format!(
            "expected {expected}, found `{}`{column}",
            found.escape_debug()
        )
    };
    match error {
        load::Error::Io(_) => "include and import are not offered".into(),
        load::Error::Lex(errors) => errors
            .first()
            .map_or_else(String::new, |(expected, found)| {
                told(expected.as_str(), found)
            }),
        load::Error::Parse(errors) => errors
            .first()
            .map_or_else(String::new, |(expected, found)| {
                told(expected.as_str(), found)
            }),
    }
}

fn tell_undefined<P>(errors: &jaq_core::compile::Errors<&str, P>) -> String {
    let undefined = errors.iter().find_map(|(_, errors)| errors.first());
    match undefined {
        Some((name, Undefined::Filter(arity))) => {
            let why = match *name {
                "now" | "env" | "input" | "inputs" | "debug" | "stderr" | "halt" | "halt_error"
                | "localtime" | "strflocaltime" | "repeat" | "while" | "until" => {
                    "is not offered here"
                }
                _ => "is no filter of jq",
            };
            format!("`{name}/{arity}` {why}")
        }
        Some((name, what)) => format!("`{name}` is an unknown {}", what.as_str()),
        None => "it cannot be compiled".into(),
    }
}

/// A run-time error without the document it quotes: what follows the first brace, bracket or quote is cut.
fn explain(exn: Exn<'_, Val>) -> String {
    let Ok(error) = exn.get_err() else {
        return "it stopped by itself".into();
    };
    let text = match error.into_val() {
        Val::TStr(own) if own.len() <= 200 => String::from_utf8_lossy(&own).into_owned(),
        _ => "it failed".into(),
    };
    match text.find(['{', '[', '"']) {
        Some(cut) => format!("{}…", text[..cut].trim_end()),
        None => text,
    }
}

const _: fn() = || {
    fn shareable<T: Send + Sync + Any>() {}
    shareable::<Filter>();
    shareable::<Native<Data>>();
};

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(filter: &'static str, input: &'static str) -> Result<String, String> {
        let input = read::parse_single(input.as_bytes()).map_err(|e| e.to_string())?;
        let filter = Filter::compile(filter)?;
        let moments: Vec<String> = (0..6).map(|n| format!("moment {n}")).collect();
        let outputs: Result<Vec<Val>, _> = filter.outputs(input, &moments).take(3).collect();
        let outputs = outputs.map_err(|e| e.to_string())?;
        let shown: Vec<String> = outputs.iter().map(ToString::to_string).collect();
        Ok(shown.join(" "))
    }

    #[test]
    fn everyday_filters_work() {
        for (filter, input, output) in [
            (".a.b", r#"{"a":{"b":3}}"#, "3"),
            (
                "[.[] | select(.ok)] | length",
                r#"[{"ok":true},{"ok":false}]"#,
                "1",
            ),
            ("map(.n) | add", r#"[{"n":1},{"n":2.5}]"#, "3.5"),
            (".a / .b * 100", r#"{"a":1,"b":4}"#, "25.0"),
            (".n | tonumber", r#"{"n":"1842"}"#, "1842"),
            (
                ".n | gsub(\"[^0-9]\"; \"\") | tonumber",
                r#"{"n":"1 842 MB"}"#,
                "1842",
            ),
            ("[.. | numbers] | length", "[1,[2,[3]]]", "3"),
            (
                "[recurse(.kids[]) | .n] | add",
                r#"{"n":1,"kids":[{"n":2,"kids":[]}]}"#,
                "3",
            ),
            ("[range(5)] | add", "null", "10"),
            (".def", r#"{"def":1}"#, "1"),
            (
                "first(.[] | select(.k == \"x\") | .v)",
                r#"[{"k":"y","v":1},{"k":"x","v":2}]"#,
                "2",
            ),
            (
                "if .b > 0 then .a / .b else empty end",
                r#"{"a":1,"b":0}"#,
                "",
            ),
            (".", "9007199254740993", "9007199254740993"),
        ] {
            assert_eq!(ask(filter, input).as_deref(), Ok(output), "{filter}");
        }
    }

    #[test]
    fn the_moments_of_the_poll_are_variables() {
        for (n, name) in Moments::NAMES.iter().enumerate() {
            let filter: &'static str = Box::leak(format!("[.[] | ${name}] | add").into());
            assert_eq!(ask(filter, "[1]").unwrap(), format!("\"moment {n}\""));
        }
        assert_eq!(ask(". as $now | $now", "1").unwrap(), "1");
    }

    #[test]
    fn filters_that_reach_outside_or_recurse_are_refused_when_compiled() {
        for (filter, word) in [
            ("env", "env/0"),
            ("$ENV.PATH", "ENV"),
            ("now", "now/0"),
            ("input", "input/0"),
            ("inputs", "inputs/0"),
            ("halt", "halt/0"),
            ("halt(0)", "halt/1"),
            ("halt_error", "halt_error/0"),
            ("debug", "debug/0"),
            ("stderr", "stderr/0"),
            ("localtime", "localtime/0"),
            ("strflocaltime(\"%H\")", "strflocaltime/1"),
            ("repeat(1)", "repeat/1"),
            ("until(false; .)", "until/2"),
            ("import \"x\" as x; x::y", "import"),
            ("import \"x\" as $d; 1", "import"),
            ("include \"x\"; 1", "import"),
            ("def f: 1+f; f", "def"),
            ("[1, (def f: f; f)]", "def"),
            ("\"a\\(def f: f; f)\"", "def"),
            (".a |", "expected"),
            (".a)", "expected"),
            ("\"a", "expected"),
            ("", "expected"),
            ("nosuch(1)", "nosuch/1"),
            ("$x", "$x"),
            ("$yesterday", "$yesterday"),
        ] {
            let refused = Filter::compile(filter).unwrap_err();
            assert!(refused.contains(word), "{filter}: {refused}");
        }
        assert!(
            Filter::compile(&"(".repeat(5000))
                .unwrap_err()
                .contains("at most")
        );
        assert!(Filter::compile(&"(".repeat(4000)).is_err());
        assert!(Filter::compile(&format!("{}1{}", "(".repeat(2000), ")".repeat(2000))).is_ok());
        let place = Filter::compile(".a | | .b").unwrap_err();
        assert!(place.contains("character 6"), "{place}");
    }

    #[test]
    fn loops_run_out_of_steps() {
        for filter in [
            "[range(infinite)] | length",
            "last(range(0; 1; 0))",
            "[recurse(. + 1)] | length",
            "[limit(1e12; range(infinite))] | length",
        ] {
            let error = ask(filter, "1").unwrap_err();
            assert!(error.contains("loops without end"), "{filter}: {error}");
        }
    }

    #[test]
    fn f27_text_becomes_a_number_only_as_a_whole() {
        for text in [
            r#""47%""#,
            r#""1_000""#,
            r#""0x10""#,
            r#""""#,
            r#""1 2""#,
            r#""NaN""#,
            r#""1,5""#,
        ] {
            assert!(ask("tonumber", text).is_err(), "{text}");
        }
    }

    #[test]
    fn f12_text_of_a_source_cannot_overflow_the_stack() {
        let deep: &'static str = Box::leak(format!("\"{}\"", "[".repeat(200_000)).into_boxed_str());
        assert!(ask("fromjson", deep).is_err());
        assert!(ask("tonumber", deep).is_err());
    }

    #[test]
    fn errors_do_not_quote_the_document() {
        let error = ask(".a.b", r#"{"a":"canary"}"#).unwrap_err();
        assert!(!error.contains("canary"), "{error}");
        let error = ask("error({x: .a})", r#"{"a":"canary"}"#).unwrap_err();
        assert!(!error.contains("canary"), "{error}");
        assert_eq!(ask("error(\"too old\")", "1").unwrap_err(), "too old");
    }
}
