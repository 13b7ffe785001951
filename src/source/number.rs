//! Numbers as services with a preset write them: as numbers, or as texts that hold nothing but a number. Knows no service.

use serde_json::Value;

use crate::domain::fault::{Fault, FaultClass};
use crate::domain::reading::Reading;

/// A count: a whole number from 0 up.
///
/// # Errors
/// `bad_value`, with `name` and what was found in its place.
pub(super) fn count(name: &str, value: Option<&Value>) -> Result<u64, Fault> {
    let not = |found: &str| {
        Fault::new(
            FaultClass::BadValue,
            format!("{name}: found {found}, expected a count"),
        )
    };
    match value {
        None => Err(not("nothing")),
        Some(Value::Number(number)) => {
            let whole = number.as_f64().filter(|n| *n >= 0.0 && n.fract() == 0.0);
            (number.as_u64())
                .or_else(|| whole.filter(|n| *n < 9e15).map(|n| n as u64))
                .ok_or_else(|| not(&number.to_string()))
        }
        Some(Value::String(text)) => text.parse().map_err(|_| not("a text that is no count")),
        Some(other) => Err(not(kind(other))),
    }
}

/// A reading of a count.
pub(super) fn counted(count: u64) -> Reading {
    Reading::whole(count.into())
}

/// `part` of `whole` in percent. Nothing is no share of nothing.
///
/// # Errors
/// `bad_value` when the whole is 0 or less than the part.
pub(super) fn percent(
    name: &str,
    (part, of): (u64, u64),
    (what, of_what): (&str, &str),
) -> Result<Reading, Fault> {
    if of == 0 {
        let why = format!("{name} has no value: there were no {of_what} to be a share of");
        return Err(Fault::new(FaultClass::BadValue, why));
    }
    if part > of {
        let why =
            format!("{name}: found {part} {what} of {of} {of_what}, expected no more than all");
        return Err(Fault::new(FaultClass::BadValue, why));
    }
    #[expect(
        clippy::cast_precision_loss,
        reason = "a share is rounded anyway, and no site has 2^53 visits"
    )]
    let share = part as f64 * 100.0 / of as f64;
    Reading::new(share)
}

/// What kind of JSON it is, for a message.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// The same fault with what was asked before it.
pub(super) fn of_answer(asked: &str, fault: Fault) -> Fault {
    let help = fault.help.clone();
    Fault::new(fault.class, format!("{asked}: {}", fault.message)).help(help)
}
