//! People where a metric's label would name them: mail addresses, handles and levels that mean one person. Finds what
//! can be seen for sure; a name is a word like another and is not guessed at. Knows no file.

use super::table::At;
use crate::config::finding::{Code, Finding, Severity, quoted};

/// Words for a level that is one person.
const LEVELS: [&str; 7] = [
    "individual",
    "individuals",
    "person",
    "personal",
    "employee",
    "employees",
    "people",
];
/// Keys by which a person would be meant.
const KEYS: [&str; 5] = ["individual", "person", "employee", "assignee", "people"];

/// What to do about any of it.
const HELP: &str = "name a team or a role: okrd judges aims and never people";

/// The finding for a name (an id, the name of a cycle) that is a person's: no name of ours holds an `@`.
pub(super) fn in_name(at: &At<'_, &str>) -> Option<Finding> {
    at.value.contains('@').then(|| {
        let message = format!(
            "{} names a person, and names become labels",
            quoted(at.value)
        );
        at.finding(Code::PplLabel, message)
            .label("a person")
            .help(HELP)
    })
}

/// The finding for a text that becomes a label and holds a mail address, or what may be somebody's handle: that may be the
/// company's own in a network, so it is only warned of.
pub(super) fn in_label(at: &At<'_, &str>, key: &str, within: &str) -> Option<Finding> {
    if let Some(mail) = mail(at.value) {
        let message = format!(
            "`{key}` in {within} holds the mail address {}, and it becomes a label",
            quoted(mail)
        );
        let finding = at.finding(Code::PplLabel, message);
        return Some(finding.label("a mail address").help(HELP));
    }
    let handle = handle(at.value)?;
    let message = format!(
        "`{key}` in {within} holds {}, which may be a person, and it becomes a label",
        quoted(handle)
    );
    let finding = at
        .finding(Code::PplLabel, message)
        .severity(Severity::Warning);
    Some(
        finding.help("name a team or a role; what is the company's own can be written without `@`"),
    )
}

/// The finding for an unknown key that would put a person where a team belongs.
pub(super) fn in_key(name: &At<'_, &str>, value: Option<&str>, within: &str) -> Option<Finding> {
    let message = match (name.value, value) {
        ("level", Some(level)) if LEVELS.contains(&level.to_lowercase().as_str()) => {
            format!("`level` in {within} is {}", quoted(level))
        }
        ("owner", Some(owner)) if owner.contains('@') => {
            format!("`owner` in {within} names a person")
        }
        (key, _) if KEYS.contains(&key) => format!("`{key}` in {within} would name a person"),
        _ => return None,
    };
    let message = format!("{message}: expected aims of the company or of a team");
    let finding = name.finding(Code::PplLabel, message).label("a person");
    Some(finding.help("remove it; whose objectives a file holds is told by `team` at its top"))
}

/// The first mail address in a text.
fn mail(text: &str) -> Option<&str> {
    let local = |c: char| c.is_alphanumeric() || "._%+-".contains(c);
    let domain = |c: char| c.is_alphanumeric() || ".-".contains(c);
    text.match_indices('@').find_map(|(at, _)| {
        let (before, after) = (text.get(..at)?, text.get(at + 1..)?);
        let start = before.trim_end_matches(local).len();
        let rest = after.trim_start_matches(domain);
        let host = after.get(..after.len() - rest.len())?.trim_end_matches('.');
        let (_, top) = host.rsplit_once('.')?;
        let is_top = top.chars().count() >= 2 && top.chars().all(char::is_alphabetic);
        (start < at && is_top).then(|| text.get(start..at + 1 + host.len()))?
    })
}

/// The first `@handle` in a text: an `@` at the beginning of a word, with letters behind it.
fn handle(text: &str) -> Option<&str> {
    text.match_indices('@').find_map(|(at, _)| {
        let (before, after) = (text.get(..at)?, text.get(at + 1..)?);
        let begins = !before.ends_with(|c: char| c.is_alphanumeric() || c == '@');
        let inner = |c: char| c.is_alphanumeric() || "._-".contains(c);
        let rest = after.trim_start_matches(inner);
        let found = begins && after.starts_with(char::is_alphabetic);
        found.then(|| text.get(at..text.len() - rest.len()))?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mail_addresses_and_handles_are_seen_and_nothing_else() {
        for (text, found_mail, found_handle) in [
            (
                "Answer jan.de-vries+okr@acme.example.",
                Some("jan.de-vries+okr@acme.example"),
                None,
            ),
            ("(josé@bücher.example)", Some("josé@bücher.example"), None),
            ("a @ b, x@y@zed.org", Some("y@zed.org"), None),
            ("Followers of @acme-news", None, Some("@acme-news")),
            ("@jan", None, Some("@jan")),
            ("3 @ 5", None, None),
            ("latency@p95", None, None),
            ("a@b", None, None),
            ("@95 %", None, None),
            ("a@1.5", None, None),
            ("@@", None, None),
            ("", None, None),
        ] {
            assert_eq!(
                (mail(text), handle(text)),
                (found_mail, found_handle),
                "{text}"
            );
        }
    }
}
