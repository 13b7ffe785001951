//! JQL as text: puts a poll's moments in the place of `{names}` and takes an `ORDER BY` off. Of the language it knows
//! quotes, escapes and what ends a word (white space, `)`, a closing quote), and nothing else; knows no HTTP.
//!
//! Jira reads a date without an offset in the time zone of the *calling account's profile*, to the minute. An instant is
//! therefore written in that zone (`"2026/10/01 00:00"`), or as epoch milliseconds where the zone is not known or
//! tells the time twice (the hour after summer time ends); Jira takes both.

use jiff::Timestamp;
use jiff::tz::{AmbiguousOffset, TimeZone};

use crate::domain::fault::{Fault, FaultClass};
use crate::domain::window::Moments;

/// Whether the text binds an instant, so that the account's time zone matters.
#[must_use]
pub fn binds_an_instant(jql: &str) -> bool {
    let mut rest = jql;
    while let Some((_, from)) = rest.split_once('{') {
        if placeholder_body(from).is_some_and(|(name, _)| name != "today") {
            return true;
        }
        rest = from;
    }
    false
}

/// The JQL with every `{name}` of [`Moments::NAMES`] replaced; any other brace stays as it is. `{name}` and `"{name}"`
/// both become a date literal; inside a longer string the bare text is put. `{today}` is the day alone, the others are
/// instants, cut to the minute.
///
/// # Errors
/// [`FaultClass::Config`] when an instant stands inside a longer string and cannot be written in the account's zone.
pub fn fill(jql: &str, moments: &Moments, zone: Option<&TimeZone>) -> Result<String, Fault> {
    let mut filled = String::with_capacity(jql.len() + 32);
    let mut quotes = Quotes::default();
    let mut rest = jql;
    loop {
        if !quotes.inside()
            && let Some((name, after)) = placeholder(rest).or_else(|| quoted_placeholder(rest))
        {
            filled.push_str(&literal(name, moments, zone));
            rest = after;
            continue;
        }
        if let Some((name, after)) = placeholder(rest) {
            filled.push_str(&bare(name, moments, zone)?);
            quotes.escaped = false;
            rest = after;
            continue;
        }
        let mut chars = rest.chars();
        let Some(c) = chars.next() else { break };
        quotes.step(c);
        filled.push(c);
        rest = chars.as_str();
    }
    Ok(filled)
}

/// The JQL without its `ORDER BY`, which neither a count nor a sum needs.
#[must_use]
pub fn without_order(jql: &str) -> &str {
    let mut quotes = Quotes::default();
    let mut at_word_start = true;
    for (at, c) in jql.char_indices() {
        let (before, from) = jql.split_at(at);
        if at_word_start && !quotes.inside() && starts_with_order_by(from) {
            return before.trim();
        }
        let was_inside = quotes.inside();
        quotes.step(c);
        at_word_start = c.is_whitespace() || c == ')' || was_inside && !quotes.inside();
    }
    jql.trim()
}

fn starts_with_order_by(text: &str) -> bool {
    let Some(rest) =
        without_word(text, "order").filter(|rest| rest.starts_with(char::is_whitespace))
    else {
        return false;
    };
    without_word(rest.trim_start(), "by").is_some()
}

/// What follows a word; `None` when the text begins with another or a longer one.
fn without_word<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let (first, rest) = text.split_at_checked(word.len())?;
    let ends = !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_');
    (ends && first.eq_ignore_ascii_case(word)).then_some(rest)
}

/// Whether one stands inside a JQL string: quoted by `"` or `'`, with backslash escapes.
#[derive(Default)]
struct Quotes {
    open: Option<char>,
    escaped: bool,
}

impl Quotes {
    fn inside(&self) -> bool {
        self.open.is_some() || self.escaped
    }

    fn step(&mut self, c: char) {
        if std::mem::take(&mut self.escaped) {
            return;
        }
        match self.open {
            _ if c == '\\' => self.escaped = true,
            Some(quote) if c == quote => self.open = None,
            None if c == '"' || c == '\'' => self.open = Some(c),
            _ => {}
        }
    }
}

/// `{name}` at the start of the text, with what follows it.
fn placeholder(text: &str) -> Option<(&'static str, &str)> {
    placeholder_body(text.strip_prefix('{')?)
}

/// `"{name}"` or `'{name}'` at the start of the text, with what follows it.
fn quoted_placeholder(text: &str) -> Option<(&'static str, &str)> {
    ['"', '\''].into_iter().find_map(|quote| {
        let (name, after) = placeholder(text.strip_prefix(quote)?)?;
        Some((name, after.strip_prefix(quote)?))
    })
}

fn placeholder_body(text: &str) -> Option<(&'static str, &str)> {
    Moments::NAMES.into_iter().find_map(|name| {
        let after = text.strip_prefix(name)?.strip_prefix('}')?;
        Some((name, after))
    })
}

fn literal(name: &str, moments: &Moments, zone: Option<&TimeZone>) -> String {
    let Some(instant) = moments.instant(name) else {
        return format!("\"{}\"", day(moments));
    };
    match zone.and_then(|zone| in_zone(instant, zone)) {
        Some(text) => format!("\"{text}\""),
        None => instant.as_millisecond().to_string(),
    }
}

fn bare(name: &str, moments: &Moments, zone: Option<&TimeZone>) -> Result<String, Fault> {
    let Some(instant) = moments.instant(name) else {
        return Ok(day(moments));
    };
    zone.and_then(|zone| in_zone(instant, zone)).ok_or_else(|| {
        Fault::new(
            FaultClass::Config,
            format!("jql: {{{name}}} inside a longer string cannot be written in the account's time zone"),
        )
        .help(format!("let {{{name}}} stand by itself: created >= {{{name}}}"))
    })
}

fn day(moments: &Moments) -> String {
    moments.today.strftime("%Y/%m/%d").to_string()
}

/// `yyyy/MM/dd HH:mm` in the zone; `None` where that text names two instants.
fn in_zone(instant: Timestamp, zone: &TimeZone) -> Option<String> {
    let local = zone.to_datetime(instant);
    let offset = zone.to_ambiguous_timestamp(local).offset();
    matches!(offset, AmbiguousOffset::Unambiguous { .. })
        .then(|| local.strftime("%Y/%m/%d %H:%M").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::cycle::Cycle;
    use crate::domain::id::CycleName;
    use crate::domain::window::Window;
    use jiff::civil::date;
    use jiff::tz::TimeZoneDatabase;

    fn zone(name: &str) -> TimeZone {
        TimeZoneDatabase::bundled().get(name).unwrap()
    }

    fn moments(now: &str) -> Moments {
        let cycle = Cycle::new(
            CycleName::parse("2026-Q4").unwrap(),
            date(2026, 10, 1),
            date(2026, 12, 31),
            zone("Europe/Amsterdam"),
        )
        .unwrap();
        Moments::at(now.parse().unwrap(), &cycle, Window::CycleToDate).unwrap()
    }

    fn filled(jql: &str, account: Option<&str>) -> String {
        let account = account.map(zone);
        fill(jql, &moments("2026-11-23T20:59:48Z"), account.as_ref()).unwrap()
    }

    #[test]
    fn instants_are_written_in_the_zone_of_the_account() {
        let jql = "created >= {cycle_start} AND created < {now} AND resolved < \"{cycle_end}\" AND due < '{today}'";
        assert_eq!(
            filled(jql, Some("Europe/Amsterdam")),
            "created >= \"2026/10/01 00:00\" AND created < \"2026/11/23 21:59\" AND resolved < \"2027/01/01 00:00\" \
             AND due < \"2026/11/23\""
        );
        assert_eq!(
            filled("created >= {cycle_start}", Some("America/New_York")),
            "created >= \"2026/09/30 18:00\""
        );
        assert_eq!(
            filled(
                "created in [{window_start}, {window_end}]",
                Some("Asia/Kolkata")
            ),
            "created in [\"2026/10/01 03:30\", \"2026/11/24 02:29\"]"
        );
    }

    #[test]
    fn without_a_zone_or_in_the_hour_told_twice_epoch_milliseconds_are_written() {
        assert_eq!(
            filled("created >= \"{cycle_start}\"", None),
            "created >= 1790805600000"
        );
        // 02:30 in Amsterdam happens at 00:30Z and at 01:30Z on 25 October 2026.
        for (now, millis) in [
            ("2026-10-25T00:30:00Z", "1792888200000"),
            ("2026-10-25T01:30:00Z", "1792891800000"),
        ] {
            let zone = zone("Europe/Amsterdam");
            let jql = fill("created < {now}", &moments(now), Some(&zone)).unwrap();
            assert_eq!(jql, format!("created < {millis}"));
        }
    }

    #[test]
    fn inside_a_longer_string_the_bare_text_is_put_or_the_fault_says_how_to_write_it() {
        assert_eq!(
            filled(r#"summary ~ "as of {now} or {today}""#, Some("UTC")),
            r#"summary ~ "as of 2026/11/23 20:59 or 2026/11/23""#
        );
        let fault = fill(
            r#"summary ~ "since {now}""#,
            &moments("2026-11-23T21:00:00Z"),
            None,
        )
        .unwrap_err();
        assert_eq!(fault.class, FaultClass::Config);
        assert!(fault.help.contains("created >= {now}"), "{fault}");
    }

    #[test]
    fn every_other_brace_and_every_escape_stays() {
        for jql in [
            r#"summary ~ "{tomorrow} {now:date} {Now} {{" AND x = "a\"b\\" "#,
            r#"labels = 'it''s {' AND text ~ "\"pay {} now\"""#,
            "",
            "{",
            "{now",
        ] {
            assert_eq!(filled(jql, Some("UTC")), jql);
        }
        assert_eq!(
            filled(r#"a = "x\"" AND b > {today}"#, None),
            r#"a = "x\"" AND b > "2026/11/23""#
        );
    }

    #[test]
    fn only_texts_that_bind_an_instant_need_the_zone() {
        for (jql, needs) in [
            ("project = A", false),
            ("due < {today} AND summary ~ '{x} {now'", false),
            ("created < \"{now}\"", true),
            ("{x} {{window_start}", true),
        ] {
            assert_eq!(binds_an_instant(jql), needs, "{jql}");
        }
    }

    #[test]
    fn an_order_is_taken_off_only_where_it_is_one() {
        for (jql, filter) in [
            ("project = A ORDER BY created DESC, key", "project = A"),
            ("(project = A)order   by rank", "(project = A)"),
            ("order by created", ""),
            (
                r#"summary ~ "order by mail" AND x = 1"#,
                r#"summary ~ "order by mail" AND x = 1"#,
            ),
            (
                r#"a = "x\" order by b" Order By c"#,
                r#"a = "x\" order by b""#,
            ),
            (r#"project = "SHOP"ORDER BY created"#, r#"project = "SHOP""#),
            (
                "project = 'SHOP'order by\"Story Points\"",
                "project = 'SHOP'",
            ),
            (r#"a = "x\""order by b"#, r#"a = "x\"""#),
            ("order bypass = 2", "order bypass = 2"),
            ("reorder by = 2", "reorder by = 2"),
            ("border = 1 ", "border = 1"),
        ] {
            assert_eq!(without_order(jql), filter, "{jql}");
        }
    }
}
