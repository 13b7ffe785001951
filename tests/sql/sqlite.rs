//! SQLite files.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use okrd::domain::fault::FaultClass;
use okrd::source::Source;
use okrd::source::sql::sqlite::Sqlite;
use rusqlite::Connection;
use tempfile::TempDir;

use super::{ask, ask_within, eventually, fault, one_row_one_number, value, values};

const ENDLESS: &str =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";

struct Shop {
    dir: TempDir,
    path: PathBuf,
    source: Sqlite,
}

/// A file with three rows, in the given journal mode.
fn shop(journal: &str) -> Shop {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("shop.db");
    fill(&path, journal, 3);
    let source = Sqlite::new(path.clone());
    Shop { dir, path, source }
}

fn fill(path: &std::path::Path, journal: &str, rows: usize) -> Connection {
    let c = Connection::open(path).unwrap();
    c.pragma_update(None, "journal_mode", journal).unwrap();
    c.execute_batch("CREATE TABLE t(id INTEGER PRIMARY KEY, name, at TEXT); CREATE TABLE big(x);")
        .unwrap();
    for i in 1..=rows {
        let at = format!("2026-11-2{i} 23:30:00");
        c.execute("INSERT INTO t(name, at) VALUES ('a', ?1)", [at])
            .unwrap();
    }
    c
}

#[tokio::test]
async fn f85_f26_a_value_is_judged_by_its_own_type() {
    let shop = shop("delete");
    values(
        &shop.source,
        &[
            ("SELECT count(*) FROM t", 3.0, None),
            ("select 1.5;", 1.5, None),
            (" -- how many\n SELECT -0.0", 0.0, None),
            ("VALUES (7)", 7.0, None),
            ("WITH x AS (SELECT 2 AS a) SELECT sum(a) FROM x", 2.0, None),
            (
                "SELECT 9007199254740993",
                9_007_199_254_740_992.0,
                Some("9007199254740993"),
            ),
            ("SELECT CAST('12' AS INTEGER)", 12.0, None),
            ("SELECT sum(value) FROM json_each('[1,2]')", 3.0, None),
            ("SELECT count(*) > 2 FROM t", 1.0, None),
        ],
    )
    .await;
    for (query, word) in [
        ("SELECT '12'", "CAST"),
        ("SELECT name FROM t WHERE id = 1", "text `a`"),
        ("SELECT x'0102'", "blob of 2 bytes"),
        ("SELECT 9e999", "inf"),
        ("SELECT -9e999", "inf"),
        // F84, F83, F86
        ("SELECT sum(id) FROM t WHERE id > 9", "COALESCE"),
        ("SELECT id FROM t WHERE id > 9", "no row"),
        ("SELECT id FROM t", "more than one row"),
        ("SELECT id, id FROM t", "2 columns"),
    ] {
        fault(&shop.source, query, FaultClass::BadValue, word).await;
    }
    fault(
        &shop.source,
        "SELECT sum(x) FROM (SELECT 9223372036854775807 AS x UNION ALL SELECT 1)",
        FaultClass::SqlError,
        "overflow",
    )
    .await;
}

#[tokio::test]
async fn f83_f84_f86_f24_one_row_one_number_or_what_its_writer_says() {
    let shop = shop("delete");
    let none = "SELECT id FROM t WHERE id > 9";
    one_row_one_number(&shop.source, none, |text| format!("'{text}'")).await;
    let seconds = "SELECT 7 AS value, unixepoch('2026-11-02 09:30:00') AS as_of";
    let as_of = ask(&shop.source, seconds).await.unwrap().as_of.unwrap();
    assert_eq!(as_of.to_string(), "2026-11-02T09:30:00Z");
    // The check sees it before any poll.
    let soon = Duration::from_secs(5);
    let fault = shop.source.describe("SELECT 1, 2", soon).await.unwrap_err();
    assert!(fault.message.contains("2 columns"), "{fault}");
    let two = "SELECT 1 AS value, 2 AS as_of";
    shop.source.describe(two, soon).await.unwrap();
}

#[tokio::test]
async fn f83_no_more_than_two_rows_are_fetched() {
    let shop = shop("delete");
    let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n";
    fault(
        &shop.source,
        endless,
        FaultClass::BadValue,
        "more than one row",
    )
    .await;
}

#[tokio::test]
async fn f78_f79_f80_nothing_but_reading_gets_through() {
    let shop = shop("delete");
    let before = std::fs::read(&shop.path).unwrap();
    let other = shop.dir.path().join("other.db");
    for query in [
        "INSERT INTO t(name) VALUES ('b')",
        "UPDATE t SET name = 'b'",
        "DELETE FROM t",
        "INSERT INTO t(name) VALUES ('b') RETURNING 1",
        "CREATE TABLE x(a)",
        "CREATE TEMP TABLE x(a)",
        "CREATE TABLE x AS SELECT 1",
        "DROP TABLE t",
        "ALTER TABLE t ADD COLUMN b",
        "REINDEX",
        "ANALYZE",
        "VACUUM",
        &format!("VACUUM INTO '{}'", other.display()),
        &format!("ATTACH '{}' AS o", other.display()),
        "PRAGMA user_version",
        "PRAGMA query_only = 0",
        "PRAGMA writable_schema = 1",
        "SELECT user_version FROM pragma_user_version",
        "BEGIN",
        "BEGIN IMMEDIATE",
        "SAVEPOINT a",
        "SELECT load_extension('x')",
        "EXPLAIN SELECT 1",
        "EXPLAIN QUERY PLAN SELECT 1",
        "SELECT 1; DROP TABLE t",
        "SELECT 1; SELECT 2",
        "WITH x AS (SELECT 1) DELETE FROM t",
        "",
    ] {
        let Err(fault) = ask(&shop.source, query).await else {
            panic!("{query} was answered");
        };
        let expected = [FaultClass::SqlRefused, FaultClass::SqlError];
        assert!(expected.contains(&fault.class), "{query}: {fault}");
        // A pragma's table function acts when it is run, and is refused then.
        let late = query.contains("FROM pragma_");
        let described = shop.source.describe(query, Duration::from_secs(5)).await;
        assert_eq!(described.is_ok(), late, "{query}");
    }
    fault(
        &shop.source,
        "DELETE FROM t",
        FaultClass::SqlRefused,
        "more than read",
    )
    .await;
    fault(
        &shop.source,
        "SELECT 1; SELECT 2",
        FaultClass::SqlRefused,
        "second statement",
    )
    .await;
    assert_eq!(std::fs::read(&shop.path).unwrap(), before);
    assert_eq!(
        std::fs::read_dir(shop.dir.path()).unwrap().count(),
        1,
        "no file was made"
    );
}

#[tokio::test]
async fn moments_are_bound_and_compare_with_what_sqlite_writes() {
    let shop = shop("delete");
    for (query, expected) in [
        // Rows at 23:30 UTC on the 21st, 22nd and 23rd; now is 23:30 on the 23rd.
        (
            "SELECT count(*) FROM t WHERE at >= :window_start AND at < :now",
            2.0,
        ),
        ("SELECT count(*) FROM t WHERE at <= :now", 3.0),
        ("SELECT :now = datetime('2026-11-23 23:30:00')", 1.0),
        ("SELECT unixepoch(:cycle_start)", 1_790_805_600.0),
        (
            "SELECT unixepoch(:cycle_end) - unixepoch(:window_end)",
            3_281_400.0,
        ),
        ("SELECT :today = '2026-11-24' AND ':now' <> :now", 1.0),
    ] {
        assert_eq!(value(&shop.source, query).await, expected, "{query}");
    }
}

#[tokio::test]
async fn f90_mistakes_are_found_without_running() {
    let shop = shop("delete");
    let five = Duration::from_secs(5);
    for (query, class, word) in [
        (
            "SELECT count(*)\nFROM missing",
            FaultClass::SqlError,
            "no such table: missing",
        ),
        (
            "SELECT count(*)\nFROM t WHERE ida > 1",
            FaultClass::SqlError,
            "line 2, column 14",
        ),
        ("SELECT :nwo", FaultClass::Config, ":now"),
        ("SELECT ?", FaultClass::Config, "`?`"),
        ("SELECT $now", FaultClass::Config, "$now"),
        ("SELECT @now", FaultClass::Config, "@now"),
        ("SELECT 1, 2", FaultClass::BadValue, "2 columns"),
        ("SELEC 1", FaultClass::SqlError, "line 1, column 1"),
        (
            "\n\n  SELECT nosuch",
            FaultClass::SqlError,
            "line 3, column 10",
        ),
        // A misspelled column in double quotes is no string, whose count would be a plausible 0.
        (
            "SELECT count(*) FROM t WHERE \"stauts\" = 'a'",
            FaultClass::SqlError,
            "stauts",
        ),
    ] {
        fault(&shop.source, query, class, word).await;
        let described = shop.source.describe(query, five).await.unwrap_err();
        assert_eq!(described.class, class, "{query}: {described}");
        assert!(described.to_string().contains(word), "{query}: {described}");
    }
    let begun = Instant::now();
    shop.source.describe(ENDLESS, five).await.unwrap();
    assert!(begun.elapsed() < five);
}

#[tokio::test]
async fn f81_what_never_ends_is_stopped_in_time() {
    let shop = shop("delete");
    let begun = Instant::now();
    let short = Duration::from_millis(300);
    let stopped = ask_within(&shop.source, ENDLESS, short).await.unwrap_err();
    assert_eq!(stopped.class, FaultClass::Timeout);
    assert!(
        begun.elapsed() < short + Duration::from_secs(1),
        "{:?}",
        begun.elapsed()
    );
    fault(
        &shop.source,
        "SELECT length(hex(zeroblob(400000000)))",
        FaultClass::TooLarge,
        "limit",
    )
    .await;
    assert_eq!(value(&shop.source, "SELECT count(*) FROM t").await, 3.0);
}

/// `count(*)` of a table is one step, which asks nobody whether to go on.
#[tokio::test]
async fn f81_f91_a_long_count_is_stopped_and_lets_the_writer_in() {
    let shop = shop("delete");
    let path = shop.dir.path().join("large.db");
    let app = Connection::open(&path).unwrap();
    app.execute_batch(
        "PRAGMA page_size = 512; PRAGMA journal_mode = off; PRAGMA synchronous = off;
         CREATE TABLE t(x);
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 150000)
         INSERT INTO t SELECT zeroblob(400) FROM n;
         PRAGMA journal_mode = delete;",
    )
    .unwrap();
    app.busy_timeout(Duration::ZERO).unwrap();
    let source = Sqlite::new(path);
    let count = "SELECT count(*) FROM t";
    assert_eq!(value(&source, count).await, 150_000.0);
    let begun = Instant::now();
    assert_eq!(value(&source, count).await, 150_000.0);
    let whole = begun.elapsed();
    let begun = Instant::now();
    let stopped = ask_within(&source, count, whole / 10).await.unwrap_err();
    let took = begun.elapsed();
    assert_eq!(stopped.class, FaultClass::Timeout);
    assert!(took < whole / 2, "{took:?} of {whole:?}");
    app.execute_batch("UPDATE t SET x = 1 WHERE rowid = 1")
        .unwrap();
    // Nobody waits any more: the statement stops, and the thread takes the next one.
    let asking = ask_within(&source, count, Duration::from_secs(20));
    assert!(tokio::time::timeout(whole / 10, asking).await.is_err());
    assert_eq!(value(&source, "SELECT 1").await, 1.0);
    eventually("the writer is let in", || async {
        app.execute_batch("UPDATE t SET x = 2 WHERE rowid = 1")
            .is_ok()
    })
    .await;
    assert_eq!(value(&source, count).await, 150_000.0);
}

/// One step of it takes seconds and cannot be stopped.
#[tokio::test]
async fn f81_a_statement_that_does_not_stop_gets_no_second_thread() {
    let shop = shop("delete");
    let query = "SELECT instr(hex(zeroblob(400000)), hex(zeroblob(150000)) || '1')";
    let short = Duration::from_millis(50);
    let first = ask_within(&shop.source, query, short).await.unwrap_err();
    assert_eq!(first.class, FaultClass::Timeout);
    assert!(first.message.contains("has not stopped yet"), "{first}");
    let begun = Instant::now();
    let second = ask_within(&shop.source, query, Duration::from_secs(20)).await;
    let second = second.unwrap_err();
    assert!(second.message.contains("earlier poll"), "{second}");
    assert!(begun.elapsed() < Duration::from_secs(2));
    assert_eq!(value(&shop.source, "SELECT count(*) FROM t").await, 3.0);
}

#[tokio::test]
async fn indexes_of_words_and_places_are_read_and_not_written() {
    let shop = shop("delete");
    let app = Connection::open(&shop.path).unwrap();
    app.execute_batch(
        "CREATE VIRTUAL TABLE words USING fts5(body);
         INSERT INTO words VALUES ('a word worth finding'), ('none');
         CREATE VIRTUAL TABLE places USING rtree(id, x0, x1, +name);
         INSERT INTO places VALUES (1, 0, 1, 'a'), (2, 5, 6, 'b');
         CREATE TABLE x_node(a); INSERT INTO x_node VALUES (1);",
    )
    .unwrap();
    for (query, expected) in [
        ("SELECT count(*) FROM words WHERE words MATCH 'worth'", 1.0),
        ("SELECT count(*) FROM places WHERE x1 < 2", 1.0),
        ("SELECT count(*) FROM x_node", 1.0),
    ] {
        assert_eq!(value(&shop.source, query).await, expected, "{query}");
    }
    for query in [
        "DELETE FROM x_node",
        "DELETE FROM x_node RETURNING a",
        "INSERT INTO x_node VALUES (2) RETURNING a",
        "UPDATE x_node SET a = 2 RETURNING a",
        "DELETE FROM places WHERE id = 1 RETURNING id",
        "DELETE FROM places_node RETURNING 1",
        "INSERT INTO words(words) VALUES ('optimize') RETURNING 1",
        "PRAGMA data_version = 1",
        "WITH q AS (SELECT 1) DELETE FROM x_node RETURNING a",
    ] {
        let Err(fault) = ask(&shop.source, query).await else {
            panic!("{query} was answered");
        };
        let expected = [FaultClass::SqlRefused, FaultClass::SqlError];
        assert!(expected.contains(&fault.class), "{query}: {fault}");
    }
    let sum = "SELECT sum(a) + (SELECT count(*) FROM places) FROM x_node";
    assert_eq!(value(&shop.source, sum).await, 3.0);
}

#[tokio::test]
async fn okrds_own_store_is_no_source_whatever_leads_to_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().join("okrd.db");
    let now = "2026-11-23T23:30:00Z".parse().unwrap();
    let open = okrd::store::Store::open(&store, "0", now).unwrap();
    std::os::unix::fs::symlink(&store, dir.path().join("soft.db")).unwrap();
    std::fs::hard_link(&store, dir.path().join("hard.db")).unwrap();
    for name in ["okrd.db", "soft.db", "hard.db"] {
        let source = Sqlite::new(dir.path().join(name));
        fault(&source, "SELECT 1", FaultClass::Config, "okrd keeps").await;
    }
    open.close().await.unwrap();
    for name in ["okrd.db", "soft.db", "hard.db"] {
        let source = Sqlite::new(dir.path().join(name));
        fault(&source, "SELECT 1", FaultClass::Config, "okrd keeps").await;
    }
}

#[tokio::test]
async fn rows_with_large_values_are_counted_all_the_same() {
    let shop = shop("delete");
    let app = Connection::open(&shop.path).unwrap();
    app.execute_batch(
        "CREATE TABLE doc(body, n INT); INSERT INTO doc VALUES (zeroblob(5000000), 4), (zeroblob(10), 5)",
    )
    .unwrap();
    assert_eq!(
        value(&shop.source, "SELECT sum(n) FROM doc WHERE n > 0").await,
        9.0
    );
    assert_eq!(
        value(
            &shop.source,
            "SELECT count(*) FROM doc WHERE length(body) > 9"
        )
        .await,
        2.0
    );
}

#[tokio::test]
async fn a_slow_question_neither_delays_nor_fails_its_neighbours() {
    let shop = Arc::new(shop("delete"));
    let slow: Vec<_> = (0..shop.source.permits() - 1)
        .map(|_| {
            let shop = Arc::clone(&shop);
            tokio::spawn(
                async move { ask_within(&shop.source, ENDLESS, Duration::from_secs(8)).await },
            )
        })
        .collect();
    let begun = Instant::now();
    for _ in 0..20 {
        assert_eq!(value(&shop.source, "SELECT count(*) FROM t").await, 3.0);
    }
    assert!(
        begun.elapsed() < Duration::from_secs(6),
        "{:?}",
        begun.elapsed()
    );
    // Who stops waiting stops the work too: each thread takes the next question at once.
    slow.iter().for_each(tokio::task::JoinHandle::abort);
    let begun = Instant::now();
    let all = (0..shop.source.permits())
        .map(|_| ask_within(&shop.source, ENDLESS, Duration::from_millis(100)));
    for answer in futures_util::future::join_all(all).await {
        assert_eq!(answer.unwrap_err().class, FaultClass::Timeout);
    }
    assert!(
        begun.elapsed() < Duration::from_secs(3),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test]
async fn f91_a_locked_file_is_a_timeout_and_our_reads_hold_no_lock() {
    let shop = shop("delete");
    assert_eq!(
        value(&shop.source, "SELECT id FROM t WHERE id = 1").await,
        1.0
    );
    assert!(ask(&shop.source, "SELECT id FROM t").await.is_err());
    let app = Connection::open(&shop.path).unwrap();
    app.busy_timeout(Duration::ZERO).unwrap();
    // The writer gets its exclusive lock at once: no statement of ours is open, not even the one that had a second row.
    app.execute_batch("BEGIN EXCLUSIVE; INSERT INTO t(name) VALUES ('b');")
        .unwrap();
    let begun = Instant::now();
    fault(
        &shop.source,
        "SELECT count(*) FROM t",
        FaultClass::Timeout,
        "locked by another process",
    )
    .await;
    assert!(
        begun.elapsed() < Duration::from_secs(4),
        "{:?}",
        begun.elapsed()
    );
    app.execute_batch("COMMIT").unwrap();
    assert_eq!(value(&shop.source, "SELECT count(*) FROM t").await, 4.0);
}

#[tokio::test]
async fn commits_of_others_are_seen_in_either_journal_mode() {
    for journal in ["wal", "delete"] {
        let shop = shop(journal);
        let app = Connection::open(&shop.path).unwrap();
        app.pragma_update(None, "wal_autocheckpoint", 0).unwrap();
        for expected in [3.0, 4.0, 5.0] {
            assert_eq!(
                value(&shop.source, "SELECT count(*) FROM t").await,
                expected,
                "{journal}"
            );
            app.execute("INSERT INTO t(name) VALUES ('b')", []).unwrap();
        }
        app.execute_batch("ALTER TABLE t ADD COLUMN extra DEFAULT 5")
            .unwrap();
        assert_eq!(
            value(&shop.source, "SELECT max(extra) FROM t").await,
            5.0,
            "{journal}"
        );
        if journal == "wal" {
            // Nothing of ours keeps the log from being emptied.
            let busy: i64 = app
                .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
                .unwrap();
            assert_eq!(busy, 0);
        }
    }
}

#[tokio::test]
async fn a_file_that_is_replaced_or_comes_back_is_opened_anew() {
    let shop = shop("delete");
    let count = "SELECT count(*) FROM t";
    assert_eq!(value(&shop.source, count).await, 3.0);
    // Renamed over, as an export does.
    let next = shop.dir.path().join("next.db");
    drop(fill(&next, "delete", 1));
    std::fs::rename(&next, &shop.path).unwrap();
    assert_eq!(value(&shop.source, count).await, 1.0);
    // Copied over in place, made by as many commits as the old one: SQLite itself would not notice.
    drop(fill(&next, "delete", 1));
    let c = Connection::open(&shop.path).unwrap();
    c.execute_batch("DELETE FROM t").unwrap();
    drop(c);
    let c = Connection::open(&next).unwrap();
    c.execute_batch("UPDATE t SET name = 'z'").unwrap();
    drop(c);
    assert_eq!(value(&shop.source, count).await, 0.0);
    std::thread::sleep(Duration::from_millis(20));
    std::fs::copy(&next, &shop.path).unwrap();
    assert_eq!(value(&shop.source, count).await, 1.0);
    // Gone and back.
    std::fs::remove_file(&shop.path).unwrap();
    fault(&shop.source, count, FaultClass::Net, "shop.db").await;
    assert!(!shop.path.exists(), "asking does not make a file");
    drop(fill(&shop.path, "delete", 2));
    assert_eq!(value(&shop.source, count).await, 2.0);
}

#[tokio::test]
async fn what_is_no_database_is_said_to_be_none() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.db");
    let source = Sqlite::new(path.clone());
    // An empty file opens as a healthy empty database.
    std::fs::write(&path, "").unwrap();
    fault(&source, "SELECT 1", FaultClass::SqlError, "empty").await;
    std::fs::write(&path, "no database ".repeat(1000)).unwrap();
    fault(
        &source,
        "SELECT count(*) FROM t",
        FaultClass::SqlError,
        "not a database",
    )
    .await;
    let folder = Sqlite::new(dir.path().to_owned());
    fault(&folder, "SELECT 1", FaultClass::Config, "no file").await;
}

#[tokio::test]
async fn a_path_is_never_a_uri() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file:x.db?mode=memory");
    drop(fill(&path, "delete", 2));
    assert_eq!(
        value(&Sqlite::new(path), "SELECT count(*) FROM t").await,
        2.0
    );
}

#[tokio::test]
async fn a_dropped_source_leaves_no_file_open() {
    let shop = shop("delete");
    assert_eq!(value(&shop.source, "SELECT count(*) FROM t").await, 3.0);
    let open_files = |path: PathBuf| {
        let links = std::fs::read_dir("/proc/self/fd").unwrap();
        links
            .filter(|l| std::fs::read_link(l.as_ref().unwrap().path()).is_ok_and(|p| p == path))
            .count()
    };
    assert_eq!(open_files(shop.path.clone()), 1);
    let path = shop.path.clone();
    drop(shop.source);
    eventually("the file is closed", || {
        let open = open_files(path.clone());
        async move { open == 0 }
    })
    .await;
}

#[tokio::test]
async fn f91_a_file_in_wal_mode_at_rest_gets_no_files_beside_it() {
    let shop = shop("wal");
    let files = || {
        let entries = std::fs::read_dir(shop.dir.path()).unwrap();
        let mut names: Vec<_> = entries.map(|e| e.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let count = "SELECT count(*) FROM t";
    shop.source
        .describe(count, Duration::from_secs(5))
        .await
        .unwrap();
    assert_eq!(value(&shop.source, count).await, 3.0);
    assert_eq!(files(), ["shop.db"]);
    // The application comes, writes and goes; its own files are there as long as it is.
    let app = Connection::open(&shop.path).unwrap();
    app.execute("INSERT INTO t(name) VALUES ('b')", []).unwrap();
    assert_eq!(value(&shop.source, count).await, 4.0);
    assert_eq!(files(), ["shop.db", "shop.db-shm", "shop.db-wal"]);
    drop(app);
    assert_eq!(value(&shop.source, count).await, 4.0);
}

#[tokio::test]
async fn f91_a_broken_off_transaction_says_who_must_mend_it() {
    let shop = shop("delete");
    let app = Connection::open(&shop.path).unwrap();
    app.execute_batch(
        "PRAGMA cache_size = 2;
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
         INSERT INTO big SELECT hex(randomblob(100)) FROM n;
         BEGIN; DELETE FROM big; UPDATE t SET name = 'x';",
    )
    .unwrap();
    let broken = shop.dir.path().join("broken.db");
    std::fs::copy(&shop.path, &broken).unwrap();
    let journal = |path: &std::path::Path| path.with_extension("db-journal");
    std::fs::copy(journal(&shop.path), journal(&broken)).unwrap();
    let source = Sqlite::new(broken.clone());
    let query = "SELECT count(*) FROM big";
    fault(&source, query, FaultClass::SqlError, "broke off").await;
    assert!(journal(&broken).exists());
}

#[tokio::test]
async fn f91_a_wal_file_in_a_directory_we_cannot_write_is_read() {
    // Root may write anywhere: without that right the test runs once more, in a process of its own.
    const INNER: &str = "OKRD_TEST_WITHOUT_RIGHTS";
    if rustix::process::geteuid().is_root() && std::env::var_os(INNER).is_none() {
        let name = "sqlite::f91_a_wal_file_in_a_directory_we_cannot_write_is_read";
        let inner = std::process::Command::new("setpriv")
            .args(["--bounding-set=-dac_override,-dac_read_search", "--"])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", name])
            .env(INNER, "1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&inner.stdout);
        assert!(
            inner.status.success() && said.contains("1 passed"),
            "{said}"
        );
        return;
    }
    let shop = shop("wal");
    let mode =
        |mode| std::fs::set_permissions(shop.dir.path(), std::fs::Permissions::from_mode(mode));
    mode(0o555).unwrap();
    let count = ask(&shop.source, "SELECT count(*) FROM t").await;
    mode(0o755).unwrap();
    assert_eq!(count.unwrap().value, 3.0);
}
