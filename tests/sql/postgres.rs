//! A PostgreSQL server.

use std::time::{Duration, Instant};

use okrd::config::secret::{SecretRef, Setting};
use okrd::domain::fault::FaultClass;
use okrd::source::Source;
use okrd::source::sql::postgres::Postgres;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Executor};
use tokio::sync::{OnceCell, RwLock, RwLockReadGuard};

use super::servers::{self, Server};
use super::{ask, ask_within, eventually, fault, one_row_one_number, value, values};

/// Held for reading by every test, for writing by the one that takes the server down.
static UP: RwLock<()> = RwLock::const_new(());
static READY: OnceCell<()> = OnceCell::const_new();

const SETUP: &str = "
    CREATE TABLE t(id int PRIMARY KEY, amount numeric, at timestamptz, day date);
    INSERT INTO t VALUES (1, 10.50, '2026-11-21 23:30Z', '2026-11-22'),
                         (2, 20.25, '2026-11-22 23:30Z', '2026-11-23'),
                         (3, 30.25, '2026-11-23 23:30Z', '2026-11-24');
    CREATE TABLE hidden(id int);
    CREATE SEQUENCE s;
    CREATE FUNCTION writes() RETURNS int LANGUAGE sql AS 'INSERT INTO t(id) VALUES (99) RETURNING id';
    CREATE FUNCTION sets() RETURNS int LANGUAGE plpgsql AS
        $$ BEGIN PERFORM set_config('statement_timeout', '0', false); PERFORM pg_advisory_lock(42); RETURN 1; END $$;
    CREATE DOMAIN amount AS numeric;
    CREATE ROLE reader LOGIN PASSWORD 'r';
    GRANT SELECT ON t TO reader;
    CREATE ROLE writer LOGIN PASSWORD 'w';
    GRANT SELECT, INSERT ON t TO writer;
    GRANT UPDATE (id) ON hidden TO writer;
    CREATE SCHEMA open; GRANT CREATE ON SCHEMA open TO writer;
    CREATE ROLE filer LOGIN PASSWORD 'f' IN ROLE pg_write_server_files;
    CREATE ROLE rotating LOGIN PASSWORD 'one';
    CREATE ROLE only_one LOGIN PASSWORD 'r' CONNECTION LIMIT 1;
";

async fn server() -> (RwLockReadGuard<'static, ()>, &'static Server) {
    let up = UP.read().await;
    let server = servers::postgres();
    READY
        .get_or_init(|| async {
            admin(server).await.execute(SETUP).await.unwrap();
        })
        .await;
    (up, server)
}

async fn admin(server: &Server) -> PgConnection {
    PgConnection::connect(&server.root_url("postgres"))
        .await
        .unwrap()
}

/// One number, asked by the account that may do everything.
async fn admin_number(server: &Server, query: &str) -> i64 {
    let mut c = admin(server).await;
    sqlx::query_scalar(AssertSqlSafe(query.to_owned()))
        .fetch_one(&mut c)
        .await
        .unwrap()
}

fn source(url: impl Into<String>) -> Postgres {
    Postgres::new(Setting::Plain(url.into()))
}

fn root(server: &Server) -> Postgres {
    source(server.root_url("postgres"))
}

fn reader(server: &Server) -> Postgres {
    source(server.url("reader", "r", "postgres"))
}

#[tokio::test]
async fn f83_f84_f86_f24_one_row_one_number_or_what_its_writer_says() {
    let (_up, server) = server().await;
    let source = reader(server);
    let none = "SELECT id FROM t WHERE id > 9";
    for zone in ["timestamptz '{}+00'", "timestamp '{}'"] {
        one_row_one_number(&source, none, |text| zone.replace("{}", text)).await;
    }
    let day = ask(&source, "SELECT 7 AS value, date '2026-11-02' AS as_of").await;
    assert_eq!(
        day.unwrap().as_of.unwrap().to_string(),
        "2026-11-02T00:00:00Z"
    );
    for (instant, word) in [
        ("'2026-11-02'", "timestamptz"),
        ("timestamptz 'infinity'", "beyond time"),
    ] {
        let query = format!("SELECT 7 AS value, {instant} AS as_of");
        fault(&source, &query, FaultClass::BadValue, word).await;
    }
}

#[tokio::test]
async fn f85_f26_numbers_are_read_exactly() {
    let (_up, server) = server().await;
    values(
        &reader(server),
        &[
            ("SELECT count(*) FROM t", 3.0, None),
            ("SELECT sum(amount) FROM t;", 61.0, None),
            ("SELECT 7::smallint", 7.0, None),
            ("SELECT -7", -7.0, None),
            (
                "SELECT 9007199254740993::bigint",
                9_007_199_254_740_992.0,
                Some("9007199254740993"),
            ),
            ("SELECT 0.1::real", 0.1, None),
            ("SELECT 1.5::float8", 1.5, None),
            ("SELECT '-0'::float8", 0.0, None),
            ("SELECT 0.000001::numeric", 0.000_001, None),
            ("SELECT -12345.678::numeric(12,3)", -12_345.678, None),
            ("SELECT 1e20::numeric", 1e20, None),
            (
                "SELECT 12345678901234567890123456789012345678.5",
                12_345_678_901_234_567_890_123_456_789_012_345_678.5,
                Some("12345678901234567890123456789012345678.5"),
            ),
            ("SELECT 5::amount", 5.0, None),
            ("VALUES (4)", 4.0, None),
        ],
    )
    .await;
}

#[tokio::test]
async fn f85_what_is_no_number_is_refused_with_its_cast() {
    let (_up, server) = server().await;
    let source = reader(server);
    for (query, word) in [
        ("SELECT 'NaN'::numeric", "NaN"),
        ("SELECT 'Infinity'::numeric", "Infinity"),
        ("SELECT 'NaN'::float8", "NaN"),
        ("SELECT '-Infinity'::float8", "inf"),
        ("SELECT '1e400'::numeric", "decimal number"),
        ("SELECT true", "::int"),
        ("SELECT 5::money", "::numeric"),
        ("SELECT '12'", "::numeric"),
        ("SELECT '12'::varchar", "varchar"),
        ("SELECT now()", "extract(epoch"),
        ("SELECT current_date", "date"),
        ("SELECT interval '1 day'", "interval"),
        ("SELECT '{}'::jsonb", "jsonb"),
        ("SELECT '\\x00'::bytea", "bytea"),
        ("SELECT B'101'", "bit"),
        ("SELECT ARRAY[1]", "type"),
        ("SELECT pg_sleep(0)", "void"),
        // F84, F83, F86
        ("SELECT NULL::int", "COALESCE"),
        ("SELECT sum(id) FROM t WHERE id > 9", "COALESCE"),
        ("SELECT id FROM t WHERE id > 9", "no row"),
        ("SELECT id FROM t", "more than one row"),
        ("SELECT generate_series(1, 100000000)", "more than one row"),
        ("SELECT 1 AS value, 2 AS value", "2 columns"),
        ("SELECT FROM t", "refused"),
    ] {
        let class = if word == "refused" {
            FaultClass::SqlRefused
        } else {
            FaultClass::BadValue
        };
        let word = if word == "refused" { "no rows" } else { word };
        fault(&source, query, class, word).await;
    }
    assert_eq!(value(&source, "SELECT 1").await, 1.0);
}

#[tokio::test]
async fn f78_f79_f80_nothing_is_written_even_by_a_superuser() {
    let (_up, server) = server().await;
    let tables = "SELECT count(*) FROM pg_class";
    let before = admin_number(server, tables).await;
    let file = server.dir.join("outfile");
    let copy = format!("COPY t TO '{}'", file.display());
    let large = "SELECT lo_from_bytea(0, 'x')::bigint";
    let large = admin_number(server, large).await;
    let export = format!("lo_export({large}, '{}')", file.display());
    // What the server cuts into words as we do not: to it these are calls, whatever quotes stand around them.
    let hidden = [
        format!("SELECT 1 -- x\r + {export}"),
        format!("SELECT length(E'a'\n'\\'') + {export} + length('')"),
        format!("SELECT length(E'a' -- c\n'\\'') + {export} + length('')"),
        format!("SELECT length($\u{a0}$ ' $\u{a0}$) + {export} + length($\u{a0}$ ' $\u{a0}$)"),
        "SELECT gin_clean_pending_list('words')".into(),
        "SELECT txid_current()".into(),
        "SELECT pg_log_backend_memory_contexts(pg_backend_pid())::int".into(),
    ];
    for query in &hidden {
        for source in [root(server), reader(server)] {
            fault(&source, query, FaultClass::SqlRefused, "found").await;
        }
    }
    assert!(!file.exists());
    for source in [root(server), reader(server)] {
        for query in [
            "INSERT INTO t(id) VALUES (9)",
            "INSERT INTO t(id) VALUES (9) RETURNING id",
            "UPDATE t SET amount = 0",
            "DELETE FROM t",
            "TRUNCATE t",
            "CREATE TABLE x(a int)",
            "CREATE TEMP TABLE x(a int)",
            "SELECT 1 AS a INTO x",
            "WITH d AS (DELETE FROM t RETURNING id) SELECT count(*) FROM d",
            "WITH d AS (SELECT 1) DELETE FROM t",
            "SELECT writes()",
            "SELECT id FROM t WHERE id = 1 FOR UPDATE",
            "SELECT nextval('s')",
            "SELECT setval('s', 5)",
            copy.as_str(),
            "COPY t TO PROGRAM 'cat'",
            "SET TRANSACTION READ WRITE",
            "SELECT set_config('transaction_read_only', 'off', false)::int",
            "SELECT \"pg_catalog\".\"set_config\"('statement_timeout', '0', false)::int",
            "SELECT length(pg_read_file('/etc/passwd'))",
            "SELECT lo_create(0)::int",
            "SELECT 1 FROM pg_advisory_lock(1)",
            "SELECT pg_try_advisory_lock(1)::int",
            "DO $$ BEGIN DELETE FROM t; END $$",
            "CALL x()",
            "EXPLAIN ANALYZE SELECT 1",
            "SELECT 1; DROP TABLE t",
            "SELECT 1; COMMIT; DELETE FROM t",
            "COMMIT",
            "BEGIN",
            "VACUUM",
            "LISTEN x",
            "PREPARE p AS SELECT 1",
            "/* SELECT */ DELETE FROM t",
        ] {
            let Err(fault) = ask(&source, query).await else {
                panic!("{query} was answered");
            };
            let expected = [FaultClass::SqlRefused, FaultClass::SqlError];
            assert!(expected.contains(&fault.class), "{query}: {fault}");
        }
    }
    fault(
        &root(server),
        "SELECT writes()",
        FaultClass::SqlRefused,
        "read-only transaction",
    )
    .await;
    assert_eq!(admin_number(server, tables).await, before);
    assert_eq!(admin_number(server, "SELECT count(*) FROM t").await, 3);
    assert_eq!(
        admin_number(server, "SELECT (NOT is_called)::int::bigint FROM s").await,
        1
    );
    assert!(!file.exists());
}

#[tokio::test]
async fn f78_what_the_account_may_do_beyond_reading_is_told() {
    let (_up, server) = server().await;
    let url = |user: &str, password: &str| server.url(user, password, "postgres");
    for (url, expected) in [
        (url("reader", "r"), vec![]),
        (
            url("writer", "w"),
            vec![
                ("may INSERT, UPDATE on hidden and 1 more", false),
                ("may CREATE in schema open", false),
            ],
        ),
        (
            url("filer", "f"),
            vec![("is a member of pg_write_server_files", true)],
        ),
        (server.root_url("postgres"), vec![("is a superuser", true)]),
    ] {
        let powers = source(url).powers(Duration::from_secs(20)).await.unwrap();
        let told: Vec<_> = powers.iter().map(|p| (p.what.as_str(), p.grave)).collect();
        assert_eq!(told, expected);
    }
    let patient = Duration::from_secs(20);
    let reader = source(url("reader", "r")).account(patient).await.unwrap();
    assert_eq!(reader, "`reader` in the database `postgres`");
    let wrong = source(url("reader", "x")).account(patient).await;
    assert_eq!(wrong.unwrap_err().class, FaultClass::Auth);
}

#[tokio::test]
async fn a_question_leaves_nothing_in_the_session() {
    let (_up, server) = server().await;
    let source = root(server);
    // A function may set and lock what a statement of its own may not.
    assert_eq!(value(&source, "SELECT sets()").await, 1.0);
    let pid = value(&source, "SELECT pg_backend_pid()").await;
    let left = format!(
        "SELECT (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory')
              + (SELECT count(*) FROM pg_stat_activity WHERE pid = {pid} AND state <> 'idle')"
    );
    assert_eq!(admin_number(server, &left).await, 0);
    let limit = "SELECT setting::int FROM pg_settings WHERE name = 'statement_timeout'";
    let limit = value(&source, limit).await;
    assert!((1.0..=20_000.0).contains(&limit), "{limit}");
    assert_eq!(
        value(&source, "SELECT pg_backend_pid()").await,
        pid,
        "one connection serves all"
    );
    let named = "SELECT (current_setting('application_name') = 'okrd')::int";
    assert_eq!(value(&source, named).await, 1.0);
}

#[tokio::test]
async fn moments_are_bound_with_their_types() {
    let (_up, server) = server().await;
    let source = reader(server);
    for (query, expected) in [
        (
            "SELECT count(*) FROM t WHERE at >= :window_start AND at < :now",
            2.0,
        ),
        (
            "SELECT count(*) FROM t WHERE at < :now + interval '1 second'",
            3.0,
        ),
        ("SELECT count(*) FROM t WHERE day = :today", 1.0),
        (
            "SELECT extract(epoch FROM :cycle_start)::bigint -- :now",
            1_790_805_600.0,
        ),
        ("SELECT :today - :now::date", 1.0),
        ("SELECT count(*) FROM t WHERE at = :now OR at = :now", 1.0),
        ("SELECT length(':now' || $$:now$$)", 8.0),
        ("SELECT array_length((ARRAY[1,2,3])[2:3], 1)", 2.0),
    ] {
        assert_eq!(value(&source, query).await, expected, "{query}");
    }
}

#[tokio::test]
async fn f90_mistakes_are_found_without_running() {
    let (_up, server) = server().await;
    let source = reader(server);
    let five = Duration::from_secs(5);
    for (query, class, word) in [
        (
            "SELECT count(*)\nFROM missing",
            FaultClass::SqlError,
            "line 2, column 6",
        ),
        (
            "SELECT count(*) FROM t\nWHERE at < :now AND ida = 1",
            FaultClass::SqlError,
            "line 2, column 21",
        ),
        (
            "SELECT count(*) FROM hidden",
            FaultClass::SqlError,
            "GRANT SELECT",
        ),
        ("SELECT :nwo", FaultClass::Config, ":now"),
        ("SELECT $1", FaultClass::Config, "$1"),
        ("SELECT 1, 2", FaultClass::BadValue, "2 columns"),
        ("SELECT true", FaultClass::BadValue, "::int"),
        ("SELEC 1", FaultClass::SqlRefused, "SELEC"),
    ] {
        fault(&source, query, class, word).await;
        let Err(described) = source.describe(query, five).await else {
            // Rights are looked at when a statement runs.
            assert!(query.contains("hidden"), "{query} passed");
            continue;
        };
        assert_eq!(described.class, class, "{query}: {described}");
        assert!(described.to_string().contains(word), "{query}: {described}");
    }
    let begun = Instant::now();
    source
        .describe("SELECT count(*) FROM t, pg_sleep(60) WHERE at < :now", five)
        .await
        .unwrap();
    assert!(begun.elapsed() < five);
}

/// How many backends work on a statement with this mark.
async fn working(server: &Server, mark: &str) -> i64 {
    let query = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE state <> 'idle' AND pid <> pg_backend_pid() AND query LIKE '%{mark}%'"
    );
    admin_number(server, &query).await
}

#[tokio::test]
async fn f81_what_never_ends_is_stopped_on_the_server_too() {
    let (_up, server) = server().await;
    let source = reader(server);
    let short = Duration::from_millis(400);
    for query in [
        "SELECT count(*) FROM (SELECT pg_sleep(60)) AS mark_81",
        "SELECT count(*) FROM generate_series(1, 1000000000000) AS mark_81",
    ] {
        let begun = Instant::now();
        let stopped = ask_within(&source, query, short).await.unwrap_err();
        assert_eq!(stopped.class, FaultClass::Timeout, "{stopped}");
        assert!(
            begun.elapsed() < short + Duration::from_secs(1),
            "{:?}",
            begun.elapsed()
        );
    }
    eventually("no backend is left", || async {
        working(server, "mark_81").await == 0
    })
    .await;
    assert_eq!(value(&source, "SELECT 1").await, 1.0);
}

#[tokio::test]
async fn f81_f64_a_dropped_question_is_cancelled() {
    let (_up, server) = server().await;
    let source = std::sync::Arc::new(reader(server));
    let asking = {
        let source = std::sync::Arc::clone(&source);
        let query = "SELECT count(*) FROM (SELECT pg_sleep(60)) AS mark_64";
        tokio::spawn(async move { ask_within(&*source, query, Duration::from_secs(50)).await })
    };
    eventually("it runs", || async {
        working(server, "mark_64").await == 1
    })
    .await;
    asking.abort();
    eventually("it is cancelled", || async {
        working(server, "mark_64").await == 0
    })
    .await;
    assert_eq!(value(&*source, "SELECT 1").await, 1.0);
}

#[tokio::test]
async fn f18_f71_logins_that_fail_are_told_apart_and_show_no_secret() {
    let (_up, server) = server().await;
    let canary = "canary-w0rd";
    let wrong = source(server.url("reader", canary, "postgres"));
    let said = fault(&wrong, "SELECT 1", FaultClass::Auth, "reader").await;
    assert!(!said.to_string().contains(canary), "{said}");
    fault(
        &source(server.url("reader", "r", "nowhere")),
        "SELECT 1",
        FaultClass::Config,
        "nowhere",
    )
    .await;
    let closed = source(format!("postgres://u:{canary}@127.0.0.1:1/d"));
    let said = fault(&closed, "SELECT 1", FaultClass::Net, "refuses connections").await;
    assert!(
        !said.to_string().contains(canary) && said.to_string().contains("127.0.0.1:1"),
        "{said}"
    );
    let nowhere = source(format!("postgres://u:{canary}@no-such-host.invalid/d"));
    let said = fault(
        &nowhere,
        "SELECT 1",
        FaultClass::Dns,
        "no-such-host.invalid",
    )
    .await;
    assert!(!said.to_string().contains(canary), "{said}");
    let unset = Postgres::new(Setting::Secret(SecretRef::Env(
        "OKRD_TEST_UNSET_URL".into(),
    )));
    fault(
        &unset,
        "SELECT 1",
        FaultClass::Config,
        "OKRD_TEST_UNSET_URL",
    )
    .await;
}

#[tokio::test]
async fn f16_who_answers_is_proved_or_nothing_is_sent() {
    let (_up, server) = server().await;
    let url = |host: &str, rest: &str| {
        source(format!(
            "postgres://reader:r@{host}:{}/postgres?{rest}",
            server.port
        ))
    };
    let ca = format!("sslrootcert={}", server.dir.join("ca.pem").display());
    let full = format!("sslmode=verify-full&{ca}");
    let only_ca = format!("sslmode=verify-ca&{ca}");
    let encrypted = "SELECT ssl::int FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    assert_eq!(value(&url("localhost", &full), encrypted).await, 1.0);
    assert_eq!(value(&url("localhost", &ca), encrypted).await, 1.0);
    assert_eq!(value(&url("127.0.0.1", &only_ca), encrypted).await, 1.0);
    assert_eq!(
        value(&url("127.0.0.1", "sslmode=disable"), encrypted).await,
        0.0
    );
    fault(
        &url("127.0.0.1", &full),
        "SELECT 1",
        FaultClass::Tls,
        "safe connection",
    )
    .await;
    fault(
        &url("localhost", "sslmode=verify-full"),
        "SELECT 1",
        FaultClass::Tls,
        "sslrootcert",
    )
    .await;
    fault(
        &url("localhost", "sslmode=prefer"),
        "SELECT 1",
        FaultClass::Config,
        "prefer",
    )
    .await;
    let socket = format!(
        "postgres://reader:r@{}/postgres?",
        server.dir.display().to_string().replace('/', "%2F")
    );
    let socket = socket.replacen("/postgres?", &format!(":{}/postgres", server.port), 1);
    assert_eq!(
        value(&source(socket), "SELECT (inet_client_addr() IS NULL)::int").await,
        1.0
    );
}

#[tokio::test]
async fn f58_a_rotated_url_is_read_at_the_next_question() {
    let (_up, server) = server().await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), server.url("rotating", "one", "postgres")).unwrap();
    let source = Postgres::new(Setting::Secret(SecretRef::File(file.path().to_owned())));
    let first = source.credentials();
    assert_eq!(value(&source, "SELECT 1").await, 1.0);
    admin(server)
        .await
        .execute("ALTER ROLE rotating PASSWORD 'two'")
        .await
        .unwrap();
    std::fs::write(
        file.path(),
        server.url("rotating", "two", "postgres") + "\n",
    )
    .unwrap();
    assert_ne!(source.credentials(), first);
    assert_eq!(value(&source, "SELECT 1").await, 1.0);
    std::fs::write(file.path(), server.url("rotating", "one", "postgres")).unwrap();
    fault(&source, "SELECT 1", FaultClass::Auth, "rotating").await;
}

#[tokio::test]
async fn f89_one_connection_is_enough_and_none_left_is_no_refusal_for_ever() {
    let (_up, server) = server().await;
    let url = server.url("only_one", "r", "postgres");
    let other = PgConnection::connect(&url).await.unwrap();
    let source = source(url);
    fault(
        &source,
        "SELECT 1",
        FaultClass::RateLimited,
        "too many connections",
    )
    .await;
    other.close().await.unwrap();
    eventually("there is room again", || async {
        ask(&source, "SELECT 1").await.is_ok()
    })
    .await;
    for _ in 0..5 {
        assert_eq!(value(&source, "SELECT 1").await, 1.0);
    }
}

#[tokio::test]
async fn f88_a_restarted_server_is_reached_again() {
    drop(server().await);
    let _alone = UP.write().await;
    let server = servers::postgres();
    let source = reader(server);
    assert_eq!(value(&source, "SELECT count(*) FROM t").await, 3.0);
    server.down();
    fault(&source, "SELECT 1", FaultClass::Net, "refuses").await;
    server.up();
    assert_eq!(value(&source, "SELECT count(*) FROM t").await, 3.0);
    // A connection that died while nobody looked costs one question nothing.
    server.down();
    server.up();
    assert_eq!(value(&source, "SELECT count(*) FROM t").await, 3.0);
}
