//! The first fence of the servers' statements: one statement that reads, and none of the side doors that a
//! read-only transaction leaves open. A second fence only: the boundary is an account that may do no more than
//! SELECT. SQLite needs none of it, its authorizer judges what a statement really does.

use std::ops::Range;

use super::lex::{Dialect, Kind, Token};

/// Functions that act, read the server's files, take locks that outlive a rollback or run text as a statement.
/// A trailing `*` stands for any ending.
const POSTGRES_ACTS: &[&str] = &[
    "set_config",
    "pg_advisory_*",
    "pg_try_advisory_*",
    "nextval",
    "setval",
    "lo_*",
    "loread",
    "lowrite",
    "dblink*",
    "pg_read_*",
    "pg_ls_*",
    "pg_stat_file",
    "pg_file_*",
    "pg_logfile_rotate",
    "pg_rotate_logfile",
    "pg_terminate_backend",
    "pg_cancel_backend",
    "pg_reload_conf",
    "pg_switch_wal",
    "pg_create_*",
    "pg_drop_*",
    "pg_copy_*",
    "pg_replication_*",
    "pg_logical_*",
    "pg_backup_*",
    "pg_start_backup",
    "pg_stop_backup",
    "pg_promote",
    "pg_wal_replay_*",
    "pg_notify",
    "pg_export_snapshot",
    "pg_stat_reset*",
    "pg_stat_statements_reset",
    "pg_import_system_collations",
    "query_to_xml*",
    "cursor_to_xml*",
    "ts_stat",
    "ts_rewrite",
    "connectby",
    "crosstab*",
    "xpath_table",
    "gin_clean_pending_list",
    "brin_summarize_*",
    "brin_desummarize_range",
    "pg_truncate_visibility_map",
    "pg_nextoid",
    "txid_current",
    "pg_current_xact_id",
    "pg_log_*",
    "pg_stop_making_pinned_objects",
    "pg_restore_*",
    "pg_clear_*",
    "pg_buffercache_evict*",
    "heap_force_*",
];

/// The same for MySQL and MariaDB.
const MYSQL_ACTS: &[&str] = &[
    "load_file",
    "get_lock",
    "release_lock",
    "release_all_locks",
    "nextval",
    "setval",
    "sys_exec",
    "sys_eval",
    "master_pos_wait",
    "source_pos_wait",
    "master_gtid_wait",
    "wait_for_executed_gtid_set",
    "wait_until_sql_thread_after_gtids",
    // Cut short by someone's KILL QUERY it gives 0 and no error.
    "benchmark",
];

/// Why a statement is not admitted, and where in its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Objection {
    /// What was found.
    pub found: Found,
    /// The bytes of the statement that are meant.
    pub span: Range<usize>,
}

/// What a statement that is not admitted holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing at all.
    Nothing,
    /// This first word, which does not begin a reading statement.
    Opening(String),
    /// A second statement, which begins with this.
    Second(String),
    /// Something that acts, as a noun to stand in a sentence.
    Act(String),
    /// A character that one does not see and that servers read in different ways.
    Hidden(char),
}

/// The words that begin a reading statement.
pub const READS: [&str; 4] = ["SELECT", "WITH", "VALUES", "TABLE"];

/// Everything that speaks against a statement: it must be one, begin with one of [`READS`], and use none of the side
/// doors of its server.
#[must_use]
pub fn objections(tokens: &[Token<'_>], dialect: Dialect) -> Vec<Objection> {
    let mut found = Vec::new();
    let object = |found, token: &Token<'_>| Objection {
        found,
        span: token.span(),
    };
    if dialect != Dialect::Sqlite {
        found.extend(tokens.iter().filter_map(hidden));
        // Whether a server cuts the rest as we do is no longer certain.
        if !found.is_empty() {
            return found;
        }
    }
    let seen = |token: &&Token<'_>| token.kind != Kind::Control;
    let tokens: Vec<_> = tokens.iter().filter(seen).copied().collect();
    let (first, rest) = split(&tokens);
    let second = rest.iter().find(|t| !t.is_punct(";"));
    found.extend(second.map(|t| object(Found::Second(excerpt(t.text)), t)));
    match first.iter().find(|t| !t.is_punct("(")) {
        Some(token) if READS.iter().any(|word| token.is(word)) => {}
        Some(token) => found.push(object(Found::Opening(excerpt(token.text)), token)),
        None if second.is_some() => {}
        None => found.push(Objection {
            found: Found::Nothing,
            span: 0..0,
        }),
    }
    found.extend(
        behind_with(first)
            .into_iter()
            .map(|t| object(Found::Act(t.text.to_ascii_uppercase()), t)),
    );
    if dialect != Dialect::Sqlite {
        for (i, token) in first.iter().enumerate() {
            let (before, following) = (first.get(..i), first.get(i + 1..));
            let before = before.and_then(<[_]>::last);
            let act = side_door(token, before, following.unwrap_or_default(), dialect);
            found.extend(act.map(|act| object(Found::Act(act), token)));
        }
    }
    found
}

/// The byte where the statement ends, if anything but comments and spaces follows.
#[must_use]
pub fn end(tokens: &[Token<'_>]) -> Option<usize> {
    let (first, rest) = split(tokens);
    let last = first.last().filter(|_| !rest.is_empty());
    last.map(|token| token.span().end)
}

/// The tokens before the first semicolon, and the rest from it on.
fn split<'t, 'a>(tokens: &'t [Token<'a>]) -> (&'t [Token<'a>], &'t [Token<'a>]) {
    let end = tokens.iter().position(|t| t.is_punct(";"));
    tokens.split_at(end.unwrap_or(tokens.len()))
}

/// A second net below the rules of quoting: outside quotes there are no control characters and no spaces but plain
/// ones, and nowhere is there the end of a C string.
fn hidden(token: &Token<'_>) -> Option<Objection> {
    let (at, c) = match token.kind {
        Kind::Str | Kind::Quoted => token.text.char_indices().find(|(_, c)| *c == '\0'),
        Kind::Hint => None,
        Kind::Word | Kind::Name | Kind::Punct | Kind::Control => {
            token.text.char_indices().find(|(_, c)| {
                let no_width = matches!(c, '\u{200b}' | '\u{2060}' | '\u{feff}');
                c.is_control() || c.is_whitespace() || no_width
            })
        }
    }?;
    let start = token.span().end - token.text.len() + at;
    Some(Objection {
        found: Found::Hidden(c),
        span: start..start + c.len_utf8(),
    })
}

/// The words that begin a writing statement where a reading one may stand as well.
const WRITES: [&str; 5] = ["insert", "update", "delete", "merge", "replace"];

/// Every write that follows a list of `WITH`: it begins like a read, and only what comes after the list tells.
fn behind_with<'t, 'a>(tokens: &'t [Token<'a>]) -> Vec<&'t Token<'a>> {
    let opens = |n: usize| {
        n.checked_sub(1)
            .and_then(|n| tokens.get(n))
            .is_none_or(|before| before.is_punct("("))
    };
    let starts = tokens
        .iter()
        .enumerate()
        .filter(|(n, token)| token.is("with") && opens(*n));
    starts
        .filter_map(|(n, _)| main_word(tokens.get(n + 1..)?))
        .filter(|word| WRITES.iter().any(|write| word.is(write)))
        .collect()
}

/// The first word of the statement that follows `name AS (…), …`. What a list's end is followed by otherwise, such as
/// `SEARCH BREADTH FIRST BY a SET b`, begins no statement.
fn main_word<'t, 'a>(tokens: &'t [Token<'a>]) -> Option<&'t Token<'a>> {
    let (mut depth, mut named, mut listed) = (0_usize, false, false);
    for token in tokens {
        match token.kind {
            Kind::Punct if token.text == "(" => depth += 1,
            Kind::Punct if token.text == ")" && depth == 0 => return None,
            Kind::Punct if token.text == ")" => {
                depth -= 1;
                listed |= named && depth == 0;
            }
            Kind::Punct if token.text == "," && depth == 0 => (named, listed) = (false, false),
            Kind::Word if depth == 0 && !listed => named |= token.is("as"),
            Kind::Word if depth == 0 => {
                let begins = WRITES.iter().chain(&["select", "values", "table"]);
                if begins.into_iter().any(|word| token.is(word)) {
                    return Some(token);
                }
            }
            _ => {}
        }
    }
    None
}

fn side_door(
    token: &Token<'_>,
    before: Option<&Token<'_>>,
    following: &[Token<'_>],
    dialect: Dialect,
) -> Option<String> {
    let next = following.first();
    // Behind a point or AS stands a name, whatever it is.
    let is_name = before.is_some_and(|t| t.is_punct(".") || t.is("as"));
    let next_is = |word: &str| next.is_some_and(|t| t.is(word));
    let then = |words: &[&str]| {
        let mut tokens = following.iter();
        words
            .iter()
            .all(|word| tokens.next().is_some_and(|t| t.is(word)))
    };
    match token.kind {
        Kind::Hint if speaks_too_much(token.text) => Some("a comment that the server obeys".into()),
        Kind::Word if token.is("into") && !is_name => Some("INTO".into()),
        Kind::Word if token.is("u") && dialect == Dialect::Postgres => following
            .get(1)
            .filter(|t| matches!(t.kind, Kind::Str | Kind::Quoted) && t.at == token.at + 2)
            .map(|_| "an escaped identifier or string (U&)".into()),
        Kind::Word
            if token.is("for")
                && (next_is("update")
                    || next_is("share")
                    || then(&["key", "share"])
                    || then(&["no", "key"])) =>
        {
            Some("a locking clause (FOR …)".into())
        }
        Kind::Word if token.is("lock") && then(&["in", "share"]) => {
            Some("LOCK IN SHARE MODE".into())
        }
        Kind::Word if token.is("next") && then(&["value", "for"]) => Some("NEXT VALUE FOR".into()),
        Kind::Punct if token.text == ":=" && dialect == Dialect::Mysql => {
            Some("an assignment (:=)".into())
        }
        Kind::Punct if token.text == "(" => next
            .filter(|t| WRITES.iter().any(|w| t.is(w)))
            // A column may be called so: a statement goes on with a word.
            .filter(|_| {
                let then = following.get(1).map(|t| t.kind);
                matches!(then, Some(Kind::Word | Kind::Quoted | Kind::Hint))
            })
            .map(|t| t.text.to_ascii_uppercase()),
        _ if is_with_query(before, following) => None,
        _ => acting_function(token, next, dialect),
    }
}

/// Whether what precedes these tokens is the name in `WITH name(a, b) AS (SELECT …`.
fn is_with_query(before: Option<&Token<'_>>, following: &[Token<'_>]) -> bool {
    let listed = before.is_some_and(|t| t.is("with") || t.is("recursive") || t.is_punct(","));
    let column = |t: &&Token<'_>| t.identifier().is_some() || t.is_punct(",");
    let columns = following.iter().skip(1).take_while(column).count();
    let behind = following.get(columns + 1..).unwrap_or_default();
    let [close, a, open, read, ..] = behind else {
        return false;
    };
    // Behind a function stands `AS (a int)` at most: no column of it may be named SELECT or WITH.
    let query = open.is_punct("(") && (read.is("select") || read.is("with"));
    listed && close.is_punct(")") && a.is("as") && query
}

/// `/*! */` is run as text; of the optimizer's hints two change the session.
fn speaks_too_much(comment: &str) -> bool {
    let text = comment.to_ascii_lowercase();
    !text.starts_with("/*+") || text.contains("set_var") || text.contains("max_execution_time")
}

fn acting_function(
    token: &Token<'_>,
    next: Option<&Token<'_>>,
    dialect: Dialect,
) -> Option<String> {
    if !next.is_some_and(|t| t.is_punct("(")) {
        return None;
    }
    let name = token.identifier()?;
    let acts = match dialect {
        Dialect::Postgres => POSTGRES_ACTS,
        Dialect::Mysql => MYSQL_ACTS,
        Dialect::Sqlite => &[],
    };
    let acting = acts.iter().any(|pattern| match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == *pattern,
    });
    acting.then(|| format!("the function {}()", excerpt(&name)))
}

fn excerpt(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::super::lex::tokens;
    use super::*;

    fn admits(sql: &str, dialect: Dialect) -> bool {
        objections(&tokens(sql, dialect), dialect).is_empty()
    }

    #[test]
    fn f78_f79_f80_what_does_more_than_read_is_refused() {
        for sql in [
            "",
            "-- nothing",
            ";",
            "INSERT INTO t VALUES (1)",
            "/* SELECT */ DELETE FROM t",
            "SELECT 1; DROP TABLE t",
            "SELECT 1;; SELECT 2",
            "SELECT 1 INTO x",
            "SELECT * FROM t FOR UPDATE",
            "SELECT * FROM t for /* x */ share",
            "SELECT * FROM t FOR NO KEY UPDATE",
            "WITH x AS (DELETE FROM t RETURNING a) SELECT count(*) FROM x",
            "WITH x AS ( update t SET a = 1 RETURNING a) SELECT 1",
            "SET x = 1",
            "EXPLAIN ANALYZE SELECT 1",
            "CALL p()",
            "DO SLEEP(1)",
            "COPY t TO '/tmp/x'",
            "BEGIN",
            "PRAGMA x",
            "WITH x AS (SELECT 1) DELETE FROM t",
            "WITH x AS (SELECT 1) UPDATE t SET a = 1",
            "WITH RECURSIVE x(a, b) AS NOT MATERIALIZED (SELECT 1, 2), y AS (SELECT ')') INSERT INTO t SELECT 1",
            "WITH x AS (SELECT 1) SEARCH BREADTH FIRST BY a SET b MERGE INTO t USING x ON true",
            "WITH a AS (WITH b AS (SELECT 1) DELETE FROM t RETURNING 1) SELECT count(*) FROM a",
        ] {
            assert!(!admits(sql, Dialect::Postgres), "PostgreSQL: {sql}");
            assert!(!admits(sql, Dialect::Mysql), "MySQL: {sql}");
        }
        for sql in [
            "SELECT set_config('a', 'b', false)",
            "SELECT pg_catalog.\"set_config\" ('a', 'b', false)",
            "SELECT U&\"\\0073et_config\"('a', 'b', false)",
            "SELECT pg_try_advisory_lock(1)",
            "SELECT lo_create(0)",
            "SELECT nextval('s')",
            "SELECT query_to_xml('select 1', true, true, '')",
            "SELECT gin_clean_pending_list('i')",
            "SELECT txid_current()",
            "SELECT pg_catalog.pg_current_xact_id()",
            "SELECT brin_summarize_new_values('i')",
            "SELECT pg_log_standby_snapshot()",
            "SELECT 1 FROM t, dblink(a, b) AS (c int)",
            "WITH q AS (SELECT 1) SELECT 1 FROM q, lo_unlink(a) AS lo_unlink(b)",
            "SELECT pg_stat_statements_reset()",
        ] {
            assert!(!admits(sql, Dialect::Postgres), "{sql}");
        }
        for sql in [
            "SELECT load_file('/etc/passwd')",
            "SELECT `GET_LOCK`('a', 1)",
            "SELECT 1 INTO OUTFILE '/tmp/x'",
            "SET STATEMENT max_statement_time=0 FOR SELECT 1",
            "SELECT /*!50000 SLEEP(1) */",
            "SELECT /*+ SET_VAR(max_execution_time=0) */ 1",
            "SELECT @a := 1",
            "SELECT 1 FROM t LOCK IN SHARE MODE",
            "SELECT NEXT VALUE FOR s",
            "SELECT BENCHMARK(1, 2)",
        ] {
            assert!(!admits(sql, Dialect::Mysql), "{sql}");
        }
    }

    /// Each was a string or comment to us and code to the server, or one word to us and two to it.
    #[test]
    fn f79_what_a_server_would_cut_otherwise_is_refused() {
        for sql in [
            "SELECT 1 -- x\r + lo_export(1, '/tmp/x')",
            "SELECT length(E'a'\n'\\'') + lo_export(1, '/tmp/x') + length('')",
            "SELECT length(E'a' -- c\n'\\'') + lo_export(1, '/tmp/x') + length('')",
            "SELECT length(E'a' -- c\r\n -- d\n 'b' \n'\\'') + lo_export(1, '/tmp/x') + length('')",
            "SELECT length($\u{a0}$ ' $\u{a0}$) + lo_export(1, '/tmp/x') + length($\u{a0}$ ' $\u{a0}$)",
            "SELECT length($\u{3000}$ ' $\u{3000}$) + lo_export(1, '/tmp/x') + length('')",
            "SELECT 1FOR UPDATE",
            "SELECT $1FOR UPDATE",
            "SELECT 1u&'\\0041'",
            "SELECT 'a\0'",
            "SELECT 1 \0",
            "SELECT\u{b}1",
            "SELECT\u{c}1",
            "SELECT /* \r */ 1",
            "\u{feff}SELECT 1",
            "SELECT\u{a0}1",
            "SELECT \u{85}1",
        ] {
            assert!(!admits(sql, Dialect::Postgres), "{sql:?}");
        }
        for sql in [
            "SELECT 1--\u{a0}x+length(load_file('/etc/passwd'))\nFROM (SELECT 1 AS `\u{a0}x`) t",
            "SELECT 1--\u{85}x INTO OUTFILE '/tmp/x'\nFROM (SELECT 1 AS `\u{85}x`) t",
            "SELECT 1e5INTO OUTFILE '/tmp/x'",
            "SELECT 1e+5INTO OUTFILE '/tmp/x'",
            "SELECT 1.5INTO OUTFILE '/tmp/x'",
            "SELECT 1.e5INTO OUTFILE '/tmp/x'",
            "SELECT .5INTO OUTFILE '/tmp/x'",
            "SELECT \\NINTO OUTFILE '/tmp/x'",
            "SELECT 1 # \r\n, \r 2",
            "SELECT 1\u{2003}",
        ] {
            assert!(!admits(sql, Dialect::Mysql), "{sql:?}");
        }
        for (sql, at) in [("SELECT é\u{a0}", "\u{a0}"), ("SELECT 1 -- x\r+1", "\r")] {
            let found = objections(&tokens(sql, Dialect::Postgres), Dialect::Postgres);
            let c = at.chars().next().unwrap();
            assert_eq!(found.len(), 1);
            assert_eq!(found[0].found, Found::Hidden(c));
            assert_eq!(sql.get(found[0].span.clone()), Some(at));
        }
    }

    #[test]
    fn honest_statements_pass() {
        for sql in [
            "SELECT count(*) FROM t",
            "  -- how many\n select 1 ;",
            "(SELECT 1) UNION ALL (SELECT 2)",
            "WITH x AS (SELECT 1 AS a) SELECT sum(a) FROM x",
            "VALUES (1)",
            "SELECT 'INSERT INTO x; DROP TABLE t' = name FROM t",
            "SELECT substring(a FOR 3) FROM t",
            "SELECT replace(a, 'x', 'y'), (replace(b, 'x', 'y')) FROM t",
            "SELECT \"into\".\"update\" FROM \"into\"",
            "SELECT lock FROM t WHERE next > 1 AND u&1 = 1",
            "SELECT count(*) FROM t WHERE lock IN ('a', 'b')",
            "SELECT count(*) FROM t WHERE verb IN (update)",
            "SELECT substring(a FROM 1 FOR key) FROM t",
            "WITH update AS (SELECT 1 AS replace) SELECT update.replace FROM update",
            "WITH x AS (SELECT 1) (SELECT 1) UNION (SELECT 2)",
            "WITH x AS (SELECT 1), y(insert) AS (VALUES (1)) SELECT insert, (SELECT delete FROM t) FROM y",
            "WITH x AS (SELECT 1) SEARCH DEPTH FIRST BY a SET b SELECT 1",
        ] {
            for dialect in [Dialect::Postgres, Dialect::Sqlite] {
                assert!(admits(sql, dialect), "{sql}");
            }
        }
        for sql in [
            "SELECT 1\r\n-- x\r\n, 1.5e-3, 1.::int, .5 /* combien\u{a0}? \r\n */",
            "SELECT '\u{a0}\r\u{b}', \"a\u{a0}b\", $q$\u{a0}\r$q$ FROM größe WHERE 名 = 1",
            "SELECT E'a'\n'\\'', 'a'\n'\\' FROM t",
            "SELECT 1 AS into, l.into, next value FROM t l",
            "WITH lo_totals(a, \"b\") AS (SELECT 1, 2) SELECT sum(a) FROM lo_totals",
            "WITH a AS (SELECT 1), crosstab_x(a) AS (WITH b AS (SELECT 1) SELECT * FROM b) SELECT a FROM crosstab_x",
        ] {
            assert!(admits(sql, Dialect::Postgres), "{sql}");
        }
        for write in [
            "DELETE FROM t",
            "INSERT INTO t VALUES (1)",
            "REPLACE INTO t VALUES (1)",
        ] {
            let sql = format!("WITH x AS (SELECT 1) {write}");
            assert!(!admits(&sql, Dialect::Sqlite), "{sql}");
        }
        assert!(admits(
            "SELECT /*+ NO_INDEX_MERGE(t) */ 1 FROM t",
            Dialect::Mysql
        ));
    }

    #[test]
    fn the_end_is_before_the_semicolon() {
        let sql = "SELECT :now ; ;";
        let found = end(&tokens(sql, Dialect::Postgres)).unwrap();
        assert_eq!(sql.get(..found), Some("SELECT :now"));
        assert_eq!(end(&tokens("SELECT 1 -- x", Dialect::Postgres)), None);
    }

    #[test]
    fn objections_tell_what_they_mean_and_where() {
        let told = |sql: &str, dialect| -> Vec<(Found, String)> {
            let objections = objections(&tokens(sql, dialect), dialect);
            let place = |o: Objection| (o.found, sql.get(o.span).unwrap_or("?").to_owned());
            objections.into_iter().map(place).collect()
        };
        let text = |text: &str| text.to_owned();
        assert_eq!(
            told("-- é\n", Dialect::Mysql),
            [(Found::Nothing, String::new())]
        );
        assert_eq!(
            told("DELETE FROM t; :x", Dialect::Sqlite),
            [
                (Found::Second(text("x")), text(":x")),
                (Found::Opening(text("DELETE")), text("DELETE"))
            ]
        );
        assert_eq!(
            told("; SELECT 1", Dialect::Sqlite),
            [(Found::Second(text("SELECT")), text("SELECT"))]
        );
        assert_eq!(
            told("SELECT 'for' FROM t FOR UPDATE", Dialect::Postgres),
            [(Found::Act(text("a locking clause (FOR …)")), text("FOR"))]
        );
        assert_eq!(
            told("SELECT \"nextval\"('s')", Dialect::Postgres),
            [(
                Found::Act(text("the function nextval()")),
                text("\"nextval\"")
            )]
        );
    }
}
