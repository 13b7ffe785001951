//! What the tokens of a statement tell of its dates and counts: whether it asks about trailing days, where its days
//! begin, whether it adds distinct counts. Knows no grammar, so it tells only what is nearly always meant.

use std::ops::Range;

use crate::config::replay::reads_clock;
use crate::config::sql::lex::{Dialect, Kind, Token};

/// Functions that move an instant, or cut it to the start of something.
const MOVES: [&str; 13] = [
    "date_sub",
    "subdate",
    "date_add",
    "adddate",
    "dateadd",
    "timestampadd",
    "datediff",
    "timestampdiff",
    "date_trunc",
    "yearweek",
    "month",
    "week",
    "quarter",
];
/// Counts of something distinct, as columns are called.
const DISTINCT: [&str; 12] = [
    "visitors",
    "unique_visitors",
    "uniques",
    "unique_users",
    "distinct_users",
    "active_users",
    "daily_active_users",
    "dau",
    "wau",
    "mau",
    "visitors_unique",
    "users_unique",
];

/// A statement as tokens.
pub(super) struct Statement<'q> {
    pub(super) tokens: &'q [Token<'q>],
    pub(super) dialect: Dialect,
}

impl Statement<'_> {
    fn at(&self, nth: usize) -> Option<&Token<'_>> {
        self.tokens.get(nth)
    }

    fn is_punct(&self, nth: usize, text: &str) -> bool {
        self.at(nth).is_some_and(|token| token.is_punct(text))
    }

    fn calls(&self, nth: usize, functions: &[&str]) -> bool {
        let named = self
            .at(nth)
            .is_some_and(|t| functions.iter().any(|f| t.is(f)));
        named && self.is_punct(nth + 1, "(")
    }

    /// Where it asks about days that trail the present, unless it begins at a day that is fixed.
    pub(super) fn trails(&self) -> Option<Range<usize>> {
        let fixed = self.tokens.iter().any(|token| match token.kind {
            Kind::Name => ["cycle_start", "window_start"].contains(&token.text),
            Kind::Str => is_day(token.text.trim_matches('\'')),
            _ => false,
        });
        if fixed {
            return None;
        }
        let all = 0..self.tokens.len();
        let clock = all.clone().find(|nth| self.is_present(*nth))?;
        let moved = |nth: &usize| {
            let here = self.at(*nth);
            let modifier = here.is_some_and(|t| t.kind == Kind::Str && moves(t.text));
            let minus = self.is_present(*nth) && {
                let bare = self.is_punct(nth + 1, "(") && self.is_punct(nth + 2, ")");
                self.is_punct(nth + if bare { 3 } else { 1 }, "-")
            };
            modifier || minus || here.is_some_and(|t| t.is("interval")) || self.calls(*nth, &MOVES)
        };
        let mut all = all;
        all.find(moved)?;
        self.at(clock).map(Token::span)
    }

    /// Whether the token stands for the present.
    fn is_present(&self, nth: usize) -> bool {
        let rest = self.tokens.get(nth..).unwrap_or_default();
        let bound = |t: &Token<'_>| t.kind == Kind::Name && ["now", "today"].contains(&t.text);
        rest.first().is_some_and(bound) || reads_clock(rest, self.dialect)
    }

    /// Where it cuts time into days, or takes today, without saying in which time zone.
    pub(super) fn days(&self) -> Option<Range<usize>> {
        let says = |nth: usize| {
            let zone = |n: usize, word: &str| self.at(n).is_some_and(|t| t.is(word));
            (zone(nth, "at") && zone(nth + 1, "time") && zone(nth + 2, "zone"))
                || self.calls(nth, &["timezone", "convert_tz"])
        };
        let all = 0..self.tokens.len();
        if all.clone().any(says) {
            return None;
        }
        let mut all = all;
        let nth = all.find(|nth| self.is_cut(*nth))?;
        self.at(nth).map(Token::span)
    }

    fn is_cut(&self, nth: usize) -> bool {
        let word = |n: usize, word: &str| self.at(n).is_some_and(|t| t.is(word));
        let column = nth > 0 && self.is_punct(nth - 1, ".");
        if column {
            return false;
        }
        if word(nth, "current_date") || self.calls(nth, &["curdate"]) {
            return true;
        }
        if self.calls(nth, &["date"]) {
            // What okrd binds is resolved in its own time zone.
            let inner = self.at(nth + 2);
            return !inner.is_some_and(|t| t.kind == Kind::Name || t.is_punct(")"));
        }
        let cast = word(nth, "as") && word(nth + 1, "date") && self.is_punct(nth + 2, ")");
        let colons = self.is_punct(nth, "::") && word(nth + 1, "date");
        let bound = nth > 0
            && self
                .at(nth - 1)
                .is_some_and(|t| t.kind != Kind::Word && !t.is_punct(")"));
        ((cast || colons) && !bound) || self.truncates(nth)
    }

    /// `date_trunc('day', x)`; a third argument is a time zone.
    fn truncates(&self, nth: usize) -> bool {
        let cuts = ["'day'", "'week'", "'month'", "'quarter'", "'year'"];
        let unit = self.at(nth + 2);
        let unit = unit.is_some_and(|t| cuts.iter().any(|cut| t.text.eq_ignore_ascii_case(cut)));
        if !(self.calls(nth, &["date_trunc"]) && unit) {
            return false;
        }
        let bound = self.at(nth + 4).is_some_and(|t| t.kind == Kind::Name);
        let (mut depth, mut commas) = (0_usize, 0);
        for token in self.tokens.iter().skip(nth + 1) {
            match token.text {
                "(" if token.kind == Kind::Punct => depth += 1,
                ")" if token.kind == Kind::Punct => depth = depth.saturating_sub(1),
                "," if depth == 1 => commas += 1,
                _ => {}
            }
            if depth == 0 {
                break;
            }
        }
        commas == 1 && !bound
    }

    /// Where it adds up counts of something distinct: a sum of such a column, or over groups that count so.
    pub(super) fn adds_distinct(&self) -> Option<Range<usize>> {
        let mut all = 0..self.tokens.len();
        let sum = all.find(|nth| {
            self.calls(*nth, &["sum", "total"])
                && (self.named_distinct(nth + 2) || self.groups_distinct(*nth))
        })?;
        self.at(sum).map(Token::span)
    }

    /// Whether the argument that begins here is a column called like a distinct count.
    fn named_distinct(&self, nth: usize) -> bool {
        let nth = if self.is_punct(nth + 1, ".") {
            nth + 2
        } else {
            nth
        };
        let name = self.at(nth).and_then(Token::identifier);
        name.is_some_and(|name| DISTINCT.contains(&name.as_str())) && self.is_punct(nth + 1, ")")
    }

    fn groups_distinct(&self, sum: usize) -> bool {
        let after = sum..self.tokens.len();
        let counted = after.clone().find(|nth| {
            self.calls(*nth, &["count"]) && self.at(nth + 2).is_some_and(|t| t.is("distinct"))
        });
        let by = |nth: usize| {
            let word = |n: usize, word: &str| self.at(n).is_some_and(|t| t.is(word));
            word(nth, "group") && word(nth + 1, "by")
        };
        // Behind the sum only: within a subquery that it adds up.
        counted.is_some_and(|counted| (counted..after.end).any(by))
    }
}

/// A day that stands in the text.
fn is_day(text: &str) -> bool {
    let day = text.get(..10).unwrap_or_default();
    day.parse::<jiff::civil::Date>().is_ok()
}

/// A modifier of SQLite such as '-30 days' or 'start of month'.
fn moves(string: &str) -> bool {
    let text = string.trim_matches('\'').trim().to_ascii_lowercase();
    if let Some(what) = text.strip_prefix("start of ") {
        return ["day", "month", "year"].contains(&what);
    }
    let units = ["day", "month", "year", "hour", "minute", "second"];
    text.split_once(' ').is_some_and(|(count, unit)| {
        count.parse::<f64>().is_ok() && units.contains(&unit.trim().trim_end_matches('s'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::sql::lex::tokens;

    fn seen(
        query: &str,
        dialect: Dialect,
        lint: impl Fn(&Statement<'_>) -> Option<Range<usize>>,
    ) -> bool {
        let tokens = tokens(query, dialect);
        let tokens = tokens.as_slice();
        lint(&Statement { tokens, dialect }).is_some()
    }

    #[test]
    fn trailing_days_are_seen() {
        for (dialect, query) in [
            (
                Dialect::Postgres,
                "SELECT count(*) FROM o WHERE at >= now() - interval '30 days'",
            ),
            (
                Dialect::Postgres,
                "SELECT count(*) FROM o WHERE at >= current_date - 30",
            ),
            (
                Dialect::Postgres,
                "SELECT count(*) FROM o WHERE at >= :now - interval '4 weeks'",
            ),
            (
                Dialect::Postgres,
                "SELECT count(*) FROM o WHERE at >= date_trunc('month', now())",
            ),
            (
                Dialect::Mysql,
                "SELECT count(*) FROM o WHERE at >= DATE_SUB(NOW(), INTERVAL 7 DAY)",
            ),
            (
                Dialect::Mysql,
                "SELECT count(*) FROM o WHERE month(at) = month(curdate())",
            ),
            (
                Dialect::Sqlite,
                "SELECT count(*) FROM o WHERE at >= date('now', '-30 days')",
            ),
            (
                Dialect::Sqlite,
                "SELECT count(*) FROM o WHERE at >= date('now', 'start of month')",
            ),
        ] {
            assert!(seen(query, dialect, |s| s.trails()), "{query}");
        }
        for (dialect, query) in [
            (
                Dialect::Postgres,
                "SELECT count(*) FROM o WHERE at >= :cycle_start AND at < :now",
            ),
            (
                Dialect::Postgres,
                "SELECT count(*) FROM o WHERE at >= :window_start AND at < now() - interval '1 hour'",
            ),
            (
                Dialect::Postgres,
                "SELECT count(*) FROM o WHERE at >= '2026-10-01' AND at < current_date - 1",
            ),
            (
                Dialect::Postgres,
                "SELECT count(*) FROM o WHERE at <= now()",
            ),
            (
                Dialect::Postgres,
                "SELECT count(*) - 1 FROM o -- now() - interval",
            ),
            (
                Dialect::Sqlite,
                "SELECT count(*) FROM o WHERE note = 'start of month'",
            ),
        ] {
            assert!(!seen(query, dialect, |s| s.trails()), "{query}");
        }
    }

    #[test]
    fn days_of_nobodys_time_zone_are_seen() {
        for (dialect, query) in [
            (
                Dialect::Postgres,
                "SELECT count(*) FROM o WHERE day < current_date",
            ),
            (Dialect::Postgres, "SELECT count(DISTINCT at::date) FROM o"),
            (
                Dialect::Postgres,
                "SELECT count(DISTINCT date_trunc('day', at)) FROM o",
            ),
            (
                Dialect::Postgres,
                "SELECT count(DISTINCT CAST(at AS date)) FROM o",
            ),
            (
                Dialect::Mysql,
                "SELECT count(*) FROM o WHERE at < CURDATE()",
            ),
            (Dialect::Mysql, "SELECT count(DISTINCT DATE(at)) FROM o"),
            (
                Dialect::Sqlite,
                "SELECT count(*) FROM o WHERE day = date('now')",
            ),
        ] {
            assert!(seen(query, dialect, |s| s.days()), "{query}");
        }
        for (dialect, query) in [
            (
                Dialect::Postgres,
                "SELECT count(*) FROM o WHERE at >= :today",
            ),
            (
                Dialect::Postgres,
                "SELECT count(DISTINCT (at AT TIME ZONE 'Europe/Amsterdam')::date) FROM o",
            ),
            (
                Dialect::Postgres,
                "SELECT count(DISTINCT date_trunc('day', at, 'Europe/Amsterdam')) FROM o",
            ),
            (
                Dialect::Postgres,
                "SELECT count(*) FROM o WHERE at >= :cycle_start::date",
            ),
            (
                Dialect::Postgres,
                "SELECT count(*) FROM o WHERE at >= '2026-10-01'::date",
            ),
            (
                Dialect::Postgres,
                "SELECT count(date), max(o.date) FROM o WHERE day >= DATE '2026-10-01'",
            ),
            (
                Dialect::Mysql,
                "SELECT count(DISTINCT DATE(CONVERT_TZ(at, 'UTC', 'Europe/Amsterdam'))) FROM o",
            ),
            (
                Dialect::Sqlite,
                "SELECT count(*) FROM o WHERE at >= date(:cycle_start)",
            ),
        ] {
            assert!(!seen(query, dialect, |s| s.days()), "{query}");
        }
    }

    #[test]
    fn distinct_counts_that_are_added_are_seen() {
        let seen = |query| seen(query, Dialect::Postgres, |s| s.adds_distinct());
        for query in [
            "SELECT sum(n) FROM (SELECT count(DISTINCT reader) AS n FROM visits GROUP BY day) d",
            "SELECT sum(visitors) FROM daily WHERE day >= :cycle_start",
            "SELECT sum(d.unique_visitors) FROM daily d",
            "SELECT sum(\"dau\") FROM daily",
        ] {
            assert!(seen(query), "{query}");
        }
        for query in [
            "SELECT count(DISTINCT reader) FROM visits WHERE at >= :cycle_start",
            "SELECT sum(amount) FROM orders",
            "SELECT avg(n) FROM (SELECT count(DISTINCT reader) AS n FROM visits GROUP BY day) d",
            "SELECT sum(orders) / count(DISTINCT reader) FROM orders",
            "SELECT max(visitors) FROM daily",
        ] {
            assert!(!seen(query), "{query}");
        }
    }
}
