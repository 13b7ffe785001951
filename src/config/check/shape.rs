//! The first pass: does every value have the shape that its key declares, is every key known, is every needed key
//! there? Driven by the key tables alone; knows no meaning and builds nothing.

use std::collections::BTreeMap;

use toml::de::DeValue;

use super::people;
use super::rules::{bad_name, is_variable, text_fits};
use super::suggest::{did_you_mean, nearest};
use super::table::{At, Table, date, found, instant, number};
use crate::config::finding::{Code, Finding, Rests, Severity, quoted};
use crate::config::keys::{Key, Names, Shape, TableKind, measure, notify, okr, source};
use crate::config::login::is_speakable;

/// The deepest nesting of a JSON value.
const DEEPEST_JSON: usize = 32;
/// Above this, f64 does not hold every whole number: 2^53.
const LARGEST_WHOLE: u128 = 9_007_199_254_740_992;

/// The finding for an empty `team`.
fn nobodys(at: &At<'_, &DeValue<'_>>) -> Finding {
    let message =
        "`team` is empty, so the objectives of the file are nobody's: expected the id of a team";
    let finding = at.finding(Code::ObjOwner, message).label("no team");
    finding.help("name the team; without the key the objectives are the company's")
}

/// What other programs call keys of ours.
const ALIASES: [(&str, &str); 10] = [
    ("username", "user"),
    ("login", "user"),
    ("email", "user"),
    ("password", "token"),
    ("pass", "token"),
    ("sql", "query"),
    ("host", "url"),
    ("dsn", "url"),
    ("description", "why"),
    ("zero_guard", "allow_zero"),
];

/// The pass over one file.
pub(super) struct Shapes<'a> {
    /// The type of every source of all files, where it has a usable one.
    pub(super) sources: &'a BTreeMap<&'a str, Option<&'a str>>,
    pub(super) out: Vec<Finding>,
}

/// Where a value stands: its key and whether it may be secret.
#[derive(Clone, Copy)]
struct Spot<'k> {
    key: &'k str,
    within: &'k str,
    secretive: bool,
}

impl<'a> Shapes<'a> {
    /// Checks a table and everything in it.
    pub(super) fn table(&mut self, kind: &'static TableKind, table: Table<'a>) {
        for (name, value) in table.entries() {
            if self.out.len() >= super::MOST_FINDINGS {
                return;
            }
            let spot = Spot {
                key: name.value,
                within: kind.name,
                secretive: kind.secretive,
            };
            match kind.key(name.value) {
                Some(Key {
                    shape: Shape::Later,
                    ..
                }) => self.later(&name, spot),
                Some(key) => self.value(&key.shape, &value, spot),
                None => self.unknown(kind, &name, value.value.as_str()),
            }
        }
        for key in kind.keys {
            if let Some(code) = key.needed
                && !table.has(key.name)
            {
                let message = format!("{} lacks the key `{}`", kind.name, key.name);
                self.out.push(
                    table
                        .finding(code, message)
                        .severity(Severity::Error)
                        .label(format!("no `{}` here", key.name))
                        .rests_on(match code {
                            Code::ObjKrs => Rests::KeyResults(table.span().start),
                            _ => Rests::Table(table.span().start),
                        })
                        .help(add(key)),
                );
            }
        }
    }

    fn unknown(&mut self, kind: &'static TableKind, name: &At<'a, &'a str>, value: Option<&str>) {
        if !kind.secretive
            && let Some(finding) = people::in_key(name, value, kind.name)
        {
            return self.out.push(finding);
        }
        let usable = kind
            .keys
            .iter()
            .filter(|key| !matches!(key.shape, Shape::Later));
        let known: Vec<&str> = usable.map(|key| key.name).collect();
        let alias = ALIASES.iter().find(|(other, _)| *other == name.value);
        let meant = alias
            .map(|(_, key)| *key)
            .filter(|key| known.contains(key))
            .or_else(|| nearest(name.value, known.iter().copied()));
        let help = meant.map_or_else(
            || format!("the keys of {} are {}", kind.name, known.join(", ")),
            |near| format!("did you mean `{near}`?"),
        );
        // A secret that slipped into the place of a key must not be told.
        let message = if kind.secretive {
            format!("unknown key in {}", kind.name)
        } else {
            format!("unknown key {} in {}", quoted(name.value), kind.name)
        };
        let finding = name
            .finding(Code::CfgKey, message)
            .label("unknown key")
            .help(help);
        self.out.push(hide(finding, kind.may_hold_logins()));
    }

    fn later(&mut self, name: &At<'a, &'a str>, spot: Spot<'_>) {
        let message = format!(
            "`{}` in {} is not supported by this version",
            spot.key, spot.within
        );
        let finding = name.finding(Code::CfgUnsupported, message);
        self.out.push(
            finding
                .label("not supported")
                .help("remove it; a later version brings it"),
        );
    }

    fn wrong_type(&mut self, shape: &Shape, at: &At<'a, &'a DeValue<'a>>, spot: Spot<'_>) {
        let message = format!(
            "`{}` in {}: found {}, expected {}",
            shown(spot.key),
            spot.within,
            found(at.value),
            shape.expected()
        );
        let help = match (shape, at.value) {
            (Shape::Number | Shape::Either(_), DeValue::String(_)) => {
                "write the number without quotes and without separators"
            }
            (Shape::Bool, DeValue::String(_)) => "write true or false without quotes",
            (Shape::Date, DeValue::String(_)) => "write the date without quotes",
            (Shape::Instant, _) => "write it without quotes, such as 2026-11-12T06:00:00Z",
            (Shape::Duration, DeValue::Integer(_)) => {
                "write the number with its unit and in quotes, such as \"90s\""
            }
            _ => "change the value to what is expected",
        };
        let finding = at
            .finding(Code::CfgType, message)
            .label(format!("found {}", found(at.value)))
            .help(help);
        self.out.push(hide(finding, spot.secretive));
    }

    fn wrong_value(&mut self, at: &At<'a, &'a DeValue<'a>>, spot: Spot<'_>, why: &str, help: &str) {
        let message = format!("`{}` in {}: {why}", shown(spot.key), spot.within);
        let finding = at.finding(Code::CfgValue, message).help(help);
        self.out.push(hide(finding, spot.secretive));
    }

    /// Checks one value against the shape of its key.
    fn value(&mut self, shape: &'static Shape, at: &At<'a, &'a DeValue<'a>>, spot: Spot<'_>) {
        match shape {
            Shape::Either(shapes) => self.either(shape, shapes, at, spot),
            Shape::Secret => self.secret(at, spot),
            Shape::Setting | Shape::Parameter if at.value.is_table() => self.secret(at, spot),
            _ if !fits(shape, at.value) => self.wrong_type(shape, at, spot),
            Shape::Table(kind) => at.table().into_iter().for_each(|t| self.table(kind, t)),
            Shape::Tables(kind) => self.tables(shape, kind, at, spot),
            Shape::Map(names, each) => self.map(*names, each, at, spot),
            Shape::List(each) => {
                for entry in entries(at) {
                    self.value(each, &entry, spot);
                }
            }
            Shape::Source => self.source(at, spot),
            Shape::Notify => self.notify(at, spot),
            Shape::Measure => self.measure(at, spot),
            _ => self.scalar(shape, at, spot),
        }
    }

    fn either(
        &mut self,
        shape: &'static Shape,
        shapes: &'static [Shape],
        at: &At<'a, &'a DeValue<'a>>,
        spot: Spot<'_>,
    ) {
        let number_in_quotes = |text: &str| text.parse::<f64>().is_ok();
        match shapes.iter().find(|shape| fits(shape, at.value)) {
            Some(Shape::Words(_)) if at.value.as_str().is_some_and(number_in_quotes) => {
                self.wrong_type(shape, at, spot);
            }
            Some(fitting) => self.value(fitting, at, spot),
            None => self.wrong_type(shape, at, spot),
        }
    }

    fn scalar(&mut self, shape: &'static Shape, at: &At<'a, &'a DeValue<'a>>, spot: Spot<'_>) {
        if let Some(n) =
            number(at.value).filter(|_| matches!(shape, Shape::Number | Shape::Parameter))
        {
            return self.finite(n, at, spot);
        }
        if matches!(shape, Shape::Json) {
            return self.json(at, spot, 0);
        }
        if matches!(shape, Shape::Pair | Shape::Dated) {
            for (at, n) in entries(at)
                .iter()
                .filter_map(|at| Some((at, number(at.value)?)))
            {
                self.finite(n, at, spot);
            }
            return;
        }
        let Some(text) = at.value.as_str() else {
            return;
        };
        if let Shape::SomeWords(_, later) = shape
            && later.contains(&text)
        {
            let message = format!(
                "`{}` \"{text}\" in {} is not supported by this version",
                spot.key, spot.within
            );
            let finding = at
                .finding(Code::CfgUnsupported, message)
                .label("not supported");
            return self.out.push(finding.help(format!(
                "write {}; a later version brings it",
                shape.expected()
            )));
        }
        let named = if spot.secretive {
            "the value".to_owned()
        } else {
            quoted(text)
        };
        if text.is_empty() && spot.key == "team" {
            return self.out.push(nobodys(at));
        }
        let person = match shape {
            Shape::Slug | Shape::CycleName => people::in_name(&at.with(text)),
            Shape::Label => people::in_label(&at.with(text), spot.key, spot.within),
            _ => None,
        };
        let is_name = matches!(shape, Shape::Slug | Shape::CycleName);
        if let Some(person) = person {
            self.out.push(person);
            if is_name {
                return;
            }
        }
        if let Err((why, help)) = text_fits(shape, text, &named) {
            self.wrong_value(at, spot, &why, &help);
        }
    }

    fn finite(&mut self, n: f64, at: &At<'a, &'a DeValue<'a>>, spot: Spot<'_>) {
        let (code, why) = if !n.is_finite() {
            (Code::KrNum, "not a finite number")
        } else if is_inexact(at.value) {
            (Code::CfgValue, "too large to be held exactly")
        } else {
            return;
        };
        let message = format!("`{}` in {} is {why}", shown(spot.key), spot.within);
        let finding = at.finding(code, message).label(why);
        self.out.push(
            finding.help("write a plain number between -2^53 and 2^53, or a decimal fraction"),
        );
    }

    fn json(&mut self, at: &At<'a, &'a DeValue<'a>>, spot: Spot<'_>, depth: usize) {
        if depth > DEEPEST_JSON {
            return self.wrong_value(at, spot, "nested too deep", "nest at most 32 levels");
        }
        if let Some(n) = number(at.value) {
            self.finite(n, at, spot);
        }
        for entry in entries(at) {
            self.json(&entry, spot, depth + 1);
        }
        for (_, entry) in at.table().map(|t| t.entries()).unwrap_or_default() {
            self.json(&entry, spot, depth + 1);
        }
    }

    fn tables(
        &mut self,
        shape: &Shape,
        kind: &'static TableKind,
        at: &At<'a, &'a DeValue<'a>>,
        spot: Spot<'_>,
    ) {
        for entry in entries(at) {
            match entry.table() {
                Some(table) => {
                    self.table(kind, table);
                    if std::ptr::eq(kind, &raw const okr::AMENDMENT) {
                        self.amendment(table);
                    }
                }
                None => self.wrong_type(shape, &entry, spot),
            }
        }
    }

    /// What a field was and became has the shape of the field.
    fn amendment(&mut self, table: Table<'a>) {
        let field = table.text("field").map(|at| at.value);
        let Some(shape) = field.and_then(|field| okr::KEY_RESULT.key(field)) else {
            return;
        };
        for key in ["from", "to"] {
            if let Some(at) = table.get(key) {
                let within = okr::AMENDMENT.name;
                let spot = Spot {
                    key,
                    within,
                    secretive: false,
                };
                self.value(&shape.shape, &at, spot);
            }
        }
    }

    fn map(
        &mut self,
        names: Names,
        each: &'static Shape,
        at: &At<'a, &'a DeValue<'a>>,
        spot: Spot<'_>,
    ) {
        for (name, value) in at.table().map(|t| t.entries()).unwrap_or_default() {
            let ours = matches!(names, Names::Slug | Names::Cycle);
            if let Some(person) = people::in_name(&name).filter(|_| ours) {
                self.out.push(person);
            } else if let Some(why) = bad_name(names, name.value) {
                let message = format!("`{}`: {why}", spot.key);
                let finding = name.finding(Code::CfgValue, message).label("not a name");
                self.out.push(finding.help("rename it"));
            }
            let logs_in = matches!(each, Shape::Setting | Shape::Parameter | Shape::Secret);
            let each_spot = Spot {
                key: if logs_in {
                    speakable(name.value)
                } else {
                    name.value
                },
                within: spot.key,
                secretive: spot.secretive || logs_in,
            };
            self.value(each, &value, each_spot);
        }
    }

    /// `{ env = … }`, `{ file = … }` or `{ credential = … }`; a text instead is a literal secret.
    fn secret(&mut self, at: &At<'a, &'a DeValue<'a>>, spot: Spot<'_>) {
        if at.value.is_str() {
            self.out.push(literal_secret(at, spot.key));
            return;
        }
        let hidden = Spot {
            secretive: true,
            ..spot
        };
        let Some(table) = at.table() else {
            return self.wrong_type(&Shape::Secret, at, hidden);
        };
        self.table(&source::SECRET, table);
        let known = table
            .entries()
            .iter()
            .filter(|(name, _)| source::SECRET.key(name.value).is_some())
            .count();
        if known != 1 {
            let help = "write { env = \"NAME\" }, { file = \"path\" } or { credential = \"name\" }";
            let spot = Spot {
                secretive: false,
                ..spot
            };
            self.wrong_value(
                at,
                spot,
                &format!("found {known} places for the secret, expected one"),
                help,
            );
        }
        if let Some(name) = table.text("env").filter(|name| !is_variable(name.value)) {
            // Whoever puts the secret itself here must not find it in a log.
            let message = format!(
                "`env` of `{}` is not the name of an environment variable",
                shown(spot.key)
            );
            let finding = name.finding(Code::CfgValue, message).hidden();
            self.out.push(
                finding.help("name a variable: letters, digits and `_`, not starting with a digit"),
            );
        }
        if let Some(name) = table
            .text("credential")
            .filter(|n| n.value.contains('/') || n.value.starts_with('.'))
        {
            let message = format!("`credential` of `{}` is not a file name", shown(spot.key));
            let finding = name.finding(Code::CfgValue, message).hidden();
            self.out
                .push(finding.help("name a file in $CREDENTIALS_DIRECTORY, without `/`"));
        }
    }

    fn source(&mut self, at: &At<'a, &'a DeValue<'a>>, spot: Spot<'_>) {
        let Some(table) = at.table() else { return };
        let words = || source::TYPES.iter().map(|(word, _)| *word);
        let Some(kind) = table.get("type") else {
            let message = format!("source {} lacks the key `type`", quoted(spot.key));
            let finding = table
                .finding(Code::CfgMissing, message)
                .label("no `type` here")
                .rests_on(Rests::Table(table.span().start));
            let known: Vec<_> = words().collect();
            self.out
                .push(finding.help(format!("add `type`, one of {}", known.join(", "))));
            return self.table(&source::ANY, table);
        };
        let Some(word) = kind.value.as_str() else {
            let spot = Spot {
                key: "type",
                within: "a source",
                ..spot
            };
            return self.wrong_type(&Shape::Line, &kind, spot);
        };
        if let Some(known) = source::of_type(word) {
            return self.table(known, table);
        }
        self.out.push(if source::LATER.contains(&word) {
            let message = format!("sources of type `{word}` are not supported by this version");
            let finding = kind.finding(Code::CfgUnsupported, message);
            finding
                .help("use type \"http\" with the address of its API, or wait for a later version")
        } else {
            let message = format!("{} is not a type of source", quoted(word));
            let finding = kind.finding(Code::CfgValue, message);
            let known = words().chain(source::LATER);
            let help = nearest(word, known).map_or_else(
                || did_you_mean(word, words(), "types"),
                |near| format!("did you mean `{near}`?"),
            );
            finding.help(help)
        });
        if !source::LATER.contains(&word) {
            self.table(&source::ANY, table);
        }
    }

    fn notify(&mut self, at: &At<'a, &'a DeValue<'a>>, spot: Spot<'_>) {
        let Some(table) = at.table() else { return };
        let words = || notify::TYPES.iter().map(|(word, _)| *word);
        let Some(kind) = table.get("type") else {
            let message = format!("channel {} lacks the key `type`", quoted(spot.key));
            let finding = table
                .finding(Code::CfgMissing, message)
                .label("no `type` here")
                .rests_on(Rests::Table(table.span().start));
            let known: Vec<_> = words().collect();
            let help = format!("add `type`, one of {}", known.join(", "));
            return self.out.push(finding.help(help));
        };
        let Some(word) = kind.value.as_str() else {
            let spot = Spot {
                key: "type",
                within: "a channel",
                ..spot
            };
            return self.wrong_type(&Shape::Line, &kind, spot);
        };
        if let Some(known) = notify::of_type(word) {
            return self.table(known, table);
        }
        let message = format!("{} is not a type of channel", quoted(word));
        let finding = kind.finding(Code::CfgValue, message);
        let help = did_you_mean(word, words(), "types");
        self.out.push(finding.help(help));
    }

    fn measure(&mut self, at: &At<'a, &'a DeValue<'a>>, spot: Spot<'_>) {
        let Some(table) = at.table() else { return };
        if table.has("formula") {
            return self.table(&measure::FORMULA, table);
        }
        let Some(name) = table.get("source") else {
            let finding = table
                .finding(Code::CfgMissing, "a measure lacks the key `source`")
                .label("no `source` here")
                .rests_on(Rests::Table(table.span().start));
            return self.out.push(
                finding.help("name a source, or leave `measure` out and record values by hand"),
            );
        };
        let Some(text) = name.value.as_str() else {
            let spot = Spot {
                key: "source",
                within: "a measure",
                ..spot
            };
            return self.wrong_type(&Shape::Slug, &name, spot);
        };
        match self.sources.get(text) {
            Some(Some(word)) => {
                if let Some(kind) = measure::of_type(word) {
                    self.table(kind, table);
                }
            }
            // The source itself has its finding.
            Some(None) => {}
            None => {
                let help = did_you_mean(text, self.sources.keys().copied(), "sources");
                let message = format!("no source is called {}", quoted(text));
                self.out.push(
                    name.finding(Code::CfgRef, message)
                        .label("unknown source")
                        .rests_on(Rests::AllFiles)
                        .help(help),
                );
            }
        }
    }
}

/// The finding for a secret that stands in the file.
pub(super) fn literal_secret<T>(at: &At<'_, T>, key: &str) -> Finding {
    let message = format!("`{}` holds a secret as plain text", shown(key));
    let finding = at
        .finding(Code::SrcSecret, message)
        .hidden()
        .label("a literal secret");
    finding.help(
        "keep it elsewhere and write { env = \"NAME\" }, { file = \"path\" } or { credential = \"name\" }; change it if it was ever committed",
    )
}

fn hide(finding: Finding, secretive: bool) -> Finding {
    if secretive { finding.hidden() } else { finding }
}

/// The name of a header or parameter as messages may show it: a secret may have slipped into its place.
pub(super) fn speakable(name: &str) -> &str {
    if is_speakable(name) { name } else { "…" }
}

/// A key as messages show it.
fn shown(key: &str) -> String {
    quoted(key).trim_matches('`').to_owned()
}

fn add(key: &Key) -> String {
    let example = key.examples.first().map_or_else(String::new, |e| {
        format!(", for example `{} = {e}`", key.name)
    });
    let about = key.about.trim_end_matches('.');
    format!("add `{}`{example}: {about}", key.name)
}

fn entries<'a>(at: &At<'a, &'a DeValue<'a>>) -> Vec<At<'a, &'a DeValue<'a>>> {
    let list = at.value.as_array();
    list.map(|list| {
        let entry = |v: &'a toml::Spanned<DeValue<'a>>| At {
            value: v.get_ref(),
            file: at.file,
            span: v.span(),
        };
        list.iter().map(entry).collect()
    })
    .unwrap_or_default()
}

/// Whether a whole number would be another one as f64.
fn is_inexact(value: &DeValue<'_>) -> bool {
    let digits = |n: &toml::de::DeInteger<'_>| i128::from_str_radix(n.as_str(), n.radix());
    value
        .as_integer()
        .is_some_and(|n| digits(n).map_or(true, |n| n.unsigned_abs() > LARGEST_WHOLE))
}

/// Whether a value has the TOML type that a shape wants, whatever it says.
fn fits(shape: &Shape, value: &DeValue<'_>) -> bool {
    match shape {
        Shape::Number => number(value).is_some(),
        Shape::Bool => value.is_bool(),
        Shape::Date => date(value).is_some(),
        Shape::Instant => instant(value).is_some(),
        Shape::Pair => value.as_array().is_some_and(|list| {
            list.len() == 2 && list.iter().all(|v| number(v.get_ref()).is_some())
        }),
        Shape::Dated => value.as_array().is_some_and(|list| match &list[..] {
            [day, n] => date(day.get_ref()).is_some() && number(n.get_ref()).is_some(),
            _ => false,
        }),
        Shape::List(_) | Shape::Tables(_) => value.is_array(),
        Shape::Map(..)
        | Shape::Table(_)
        | Shape::Source
        | Shape::Notify
        | Shape::Measure
        | Shape::Secret => value.is_table(),
        Shape::Parameter => value.is_str() || value.is_bool() || number(value).is_some(),
        Shape::Json => true,
        Shape::Either(shapes) => shapes.iter().any(|shape| fits(shape, value)),
        Shape::Later => false,
        _ => value.is_str(),
    }
}
