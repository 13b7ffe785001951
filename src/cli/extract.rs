//! `okrd extract`: tries an expression on an answer that stands in a file or comes in, as an HTTP source would read it.
//! Asks no source and reads no configuration.

use std::io::Read;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::args::{ExtractArgs, Input};
use super::exit::{Failure, Verdict, complain, say};
use super::{filters, runtime};
use crate::config::spec::{Empty, Extract, Format, HttpSpec};
use crate::domain::cycle::Cycle;
use crate::domain::fault::Fault;
use crate::domain::id::CycleName;
use crate::domain::reading::Reading;
use crate::domain::window::{Moments, Window};
use crate::engine::clock::{Clock, SystemClock};
use crate::source::extract::{Extraction, Rule};
use crate::source::rows;
use crate::source::template::variables;

/// How long a filter may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Tries it and prints the number.
///
/// # Errors
/// When the answer cannot be read, or the expression is none.
pub fn run(args: &ExtractArgs) -> Result<Verdict, Failure> {
    let place = |text: &str| {
        if text.is_empty() || text.starts_with('/') {
            Extract::Pointer(text.to_owned())
        } else {
            Extract::Jq(text.to_owned())
        }
    };
    let rule = Rule {
        value: place(&args.expression),
        fail_if: args.fail_if.clone(),
        require: args.require.clone(),
        empty: Empty::Error,
        as_of: args.as_of.as_deref().map(place),
        quality: Vec::new(),
    };
    let extraction = Extraction::compile(&rule).map_err(Failure::usage)?;
    let body = answer(args)?;
    let body = match rows::to_json(&body, format(args.input), HttpSpec::DEFAULT_MAX_BODY) {
        Ok(document) => document.unwrap_or(body),
        Err(fault) => return tell(Err(fault)),
    };
    let moments = moments(SystemClock.now());
    let moments = moments.as_ref().map(variables).unwrap_or_default();
    let read = if rule.filters() {
        let workers = filters::workers();
        runtime::small()?.block_on(workers.read(&rule, &moments, &body, PATIENCE))
    } else {
        extraction.evaluate(&body, &moments)
    };
    tell(read)
}

fn format(input: Input) -> Format {
    match input {
        Input::Json => Format::Json,
        Input::Csv => Format::Csv { separator: ',' },
        Input::CsvSemicolon => Format::Csv { separator: ';' },
        Input::Tsv => Format::Csv { separator: '\t' },
        Input::Text => Format::Text,
    }
}

fn tell(read: Result<Reading, Fault>) -> Result<Verdict, Failure> {
    match read {
        Ok(reading) => {
            let digits = reading.exact.unwrap_or_else(|| reading.value.to_string());
            let as_of = reading
                .as_of
                .map_or_else(String::new, |at| format!(" as of {at}"));
            say(&format!("{digits}{as_of}\n"))?;
            Ok(Verdict::Yes)
        }
        Err(fault) => {
            complain(&format!("{fault}\n"));
            Ok(Verdict::No)
        }
    }
}

/// The answer, of no more than a source takes when nothing else is said.
fn answer(args: &ExtractArgs) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    let most = HttpSpec::DEFAULT_MAX_BODY as u64;
    let read = match &args.file {
        Some(path) => {
            std::fs::File::open(path).and_then(|file| file.take(most + 1).read_to_end(&mut body))
        }
        None => std::io::stdin()
            .lock()
            .take(most + 1)
            .read_to_end(&mut body),
    };
    let from = args
        .file
        .as_ref()
        .map_or("stdin".to_owned(), |path| path.display().to_string());
    read.map_err(|e| Failure::usage(format!("cannot read {from}: {e}")))?;
    if body.len() as u64 > most {
        return Err(Failure::usage(format!(
            "{from} is larger than {most} bytes"
        )));
    }
    Ok(body)
}

/// The moments of this calendar quarter in UTC: what the variables of a filter stand for where no key result is meant.
fn moments(now: Timestamp) -> Option<Moments> {
    let today = now.to_zoned(TimeZone::UTC).date();
    let first_month = (today.month() - 1) / 3 * 3 + 1;
    let first = Date::new(today.year(), first_month, 1).ok()?;
    let last = Date::new(today.year(), first_month + 2, 1)
        .ok()?
        .last_of_month();
    let name = CycleName::parse("quarter").ok()?;
    let cycle = Cycle::new(name, first, last, TimeZone::UTC).ok()?;
    Moments::at(now, &cycle, Window::default())
}
