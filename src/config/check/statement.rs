//! SQL measures: what can be said of a statement before anyone runs it. The database has the last word.

use super::suggest::did_you_mean;
use super::table::{At, Table};
use crate::config::finding::{Code, Finding, quoted};
use crate::config::spec::{Measure, Takes};
use crate::config::sql::gate::{Found, Objection, READS, objections};
use crate::config::sql::lex::{Dialect, Kind, Token, tokens};
use crate::domain::window::Moments;

/// Reads an SQL measure; `None` without a query.
pub(super) fn sql(table: Table<'_>, dialect: Dialect, out: &mut Vec<Finding>) -> Option<Measure> {
    let at = table.text("query")?;
    let tokens = tokens(at.value, dialect);
    let objections = objections(&tokens, dialect);
    out.extend(objections.iter().map(|objection| told(&at, objection)));
    for token in &tokens {
        if token.is_own_placeholder(dialect) {
            out.push(placeholder(&at, token));
        } else if token.kind == Kind::Name && !Moments::NAMES.contains(&token.text) {
            out.push(unknown_name(&at, token));
        }
    }
    Some(Measure::Sql {
        query: at.value.to_owned(),
        takes: Takes {
            no_row: table.text("on_empty").is_some_and(|at| at.value == "zero"),
            null: table.flag("null_as_zero").unwrap_or_default(),
            warnings: table.flag("allow_warnings").unwrap_or_default(),
        },
    })
}

fn told(at: &At<'_, &str>, objection: &Objection) -> Finding {
    let finding = |message: &str| at.finding(Code::SrcWrite, message);
    let one_select = "write one SELECT that gives one number; okrd never writes to a source";
    match &objection.found {
        Found::Nothing => finding("the query is empty, expected a SELECT")
            .label("not a read")
            .help(one_select),
        Found::Opening(word) => finding(&format!(
            "the query starts with {}, expected {}",
            quoted(word),
            READS.join(", ")
        ))
        .label("not a read")
        .help(one_select),
        Found::Second(_) => at
            .part(&objection.span)
            .finding(
                Code::SrcWrite,
                "the query holds more than one statement, expected one",
            )
            .label("more than one statement")
            .help("keep the SELECT and remove what follows the `;`"),
        Found::Act(act) => at
            .part(&objection.span)
            .finding(
                Code::SrcWrite,
                format!("the query holds {act}, expected one that only reads"),
            )
            .label("not a read")
            .help("leave it out; okrd never writes to a source and takes no locks there"),
        Found::Hidden(c) => at
            .part(&objection.span)
            .finding(
                Code::SrcWrite,
                format!(
                    "the query holds the character U+{:04X}, expected plain spaces and line ends outside quotes",
                    u32::from(*c)
                ),
            )
            .label("not a plain space")
            .help("type a space in its place; databases differ in what they take it for"),
    }
}

fn placeholder(at: &At<'_, &str>, token: &Token<'_>) -> Finding {
    let message = format!(
        "the query holds the placeholder {}, which nothing fills",
        quoted(token.text)
    );
    at.part(&token.span())
        .finding(Code::CfgRef, message)
        .label("nothing fills it")
        .help(format!(
            "names that may be bound: :{}",
            Moments::NAMES.join(" :")
        ))
}

fn unknown_name(at: &At<'_, &str>, token: &Token<'_>) -> Finding {
    let message = format!(
        "the query binds {}, which okrd does not know",
        quoted(&format!(":{}", token.text))
    );
    let help = did_you_mean(
        token.text,
        Moments::NAMES.into_iter(),
        "names that may be bound",
    );
    at.part(&token.span())
        .finding(Code::CfgRef, message)
        .label("unknown name")
        .help(help)
}
