//! A MariaDB server. MySQL itself is not run; where the two differ the code says so.

use std::time::{Duration, Instant};

use okrd::config::secret::{SecretRef, Setting};
use okrd::config::spec::Takes;
use okrd::domain::fault::FaultClass;
use okrd::source::Source;
use okrd::source::sql::mysql::Mysql;
use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, Connection, Executor};
use tokio::sync::{OnceCell, RwLock, RwLockReadGuard};

use super::servers::{self, Server};
use super::{
    NOTHING, ask, ask_taking, ask_within, eventually, fault, one_row_one_number, value, values,
};

/// Held for reading by every test, for writing by the one that takes the server down.
static UP: RwLock<()> = RwLock::const_new(());
static READY: OnceCell<()> = OnceCell::const_new();

const SETUP: &str = "
    CREATE TABLE t(id int PRIMARY KEY, amount decimal(30,2), at datetime(6), stamp timestamp NOT NULL DEFAULT '2026-11-22 23:30:00', day date, flag tinyint(1), name varchar(9), year year DEFAULT 2026);
    INSERT INTO t(id, amount, at, day, flag, name) VALUES
        (1, 10.50, '2026-11-21 23:30:00', '2026-11-22', 1, 'a'),
        (2, 20.25, '2026-11-22 23:30:00', '2026-11-23', 0, 'b'),
        (3, 30.25, '2026-11-23 23:30:00', '2026-11-24', 1, 'c');
    CREATE TABLE hidden(id int);
    CREATE SEQUENCE s;
    CREATE FUNCTION writes() RETURNS int MODIFIES SQL DATA BEGIN INSERT INTO t(id) VALUES (99); RETURN 1; END;
    CREATE FUNCTION locks() RETURNS int BEGIN RETURN GET_LOCK('okrd-test', 0); END;
    CREATE FUNCTION unlimits() RETURNS int BEGIN SET SESSION time_zone = '+05:00', SESSION sql_mode = 'ANSI_QUOTES'; RETURN 1; END;
    CREATE FUNCTION hushes() RETURNS int BEGIN SET SESSION sql_select_limit = 1, SESSION max_error_count = 0, SESSION div_precision_increment = 0, SESSION sql_notes = 0; RETURN 1; END;
    CREATE TABLE shifting(n varchar(9));
    INSERT INTO shifting VALUES ('7');
    CREATE VIEW busy AS SELECT BENCHMARK(10000000000, SHA2('x', 512)) AS n;
    CREATE USER reader@'127.0.0.1' IDENTIFIED BY 'r';
    GRANT SELECT ON shop.t TO reader@'127.0.0.1';
    CREATE USER writer@'127.0.0.1' IDENTIFIED BY 'w';
    GRANT SELECT, INSERT ON shop.t TO writer@'127.0.0.1';
    GRANT UPDATE (id) ON shop.hidden TO writer@'127.0.0.1';
    CREATE USER filer@'127.0.0.1' IDENTIFIED BY 'f';
    GRANT SELECT, FILE ON *.* TO filer@'127.0.0.1';
    CREATE ROLE writers; GRANT DELETE ON shop.t TO writers;
    CREATE USER member@'127.0.0.1' IDENTIFIED BY 'm';
    GRANT writers TO member@'127.0.0.1'; SET DEFAULT ROLE writers FOR member@'127.0.0.1';
    CREATE USER rotating@'127.0.0.1' IDENTIFIED BY 'one';
    GRANT SELECT ON shop.t TO rotating@'127.0.0.1';
    CREATE USER only_one@'127.0.0.1' IDENTIFIED BY 'r' WITH MAX_USER_CONNECTIONS 1;
    GRANT SELECT ON shop.t TO only_one@'127.0.0.1';
";

async fn server() -> (RwLockReadGuard<'static, ()>, &'static Server) {
    let up = UP.read().await;
    let server = servers::mariadb();
    READY
        .get_or_init(|| async {
            let mut c = admin(server).await;
            c.execute("SET SESSION time_zone = '+00:00'").await.unwrap();
            c.execute(SETUP).await.unwrap();
        })
        .await;
    (up, server)
}

async fn admin(server: &Server) -> MySqlConnection {
    MySqlConnection::connect(&server.root_url("shop"))
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

fn source(url: impl Into<String>) -> Mysql {
    Mysql::new(Setting::Plain(url.into()))
}

fn root(server: &Server) -> Mysql {
    source(server.root_url("shop"))
}

fn reader(server: &Server) -> Mysql {
    source(server.url("reader", "r", "shop"))
}

#[tokio::test]
async fn f83_f84_f86_f24_one_row_one_number_or_what_its_writer_says() {
    let (_up, server) = server().await;
    let source = reader(server);
    let none = "SELECT id FROM t WHERE id > 9";
    one_row_one_number(&source, none, |text| format!("TIMESTAMP'{text}'")).await;
    let stamp = ask(&source, "SELECT 7 AS value, max(stamp) AS as_of FROM t").await;
    assert_eq!(
        stamp.unwrap().as_of.unwrap().to_string(),
        "2026-11-22T23:30:00Z"
    );
    let text = "SELECT 7 AS value, '2026-11-02' AS as_of";
    fault(&source, text, FaultClass::BadValue, "FROM_UNIXTIME").await;
}

#[tokio::test]
async fn f87_a_warning_is_passed_over_only_where_its_writer_says_so() {
    let (_up, server) = server().await;
    let source = reader(server);
    let warned = "SELECT CAST('12x' AS SIGNED)";
    let fault = ask(&source, warned).await.unwrap_err();
    assert!(fault.help.contains("allow_warnings"), "{fault}");
    let takes = Takes {
        warnings: true,
        ..NOTHING
    };
    assert_eq!(
        ask_taking(&source, warned, takes).await.unwrap().value,
        12.0
    );
    assert!(ask(&source, warned).await.is_err());
}

#[tokio::test]
async fn f85_f26_numbers_are_read_exactly() {
    let (_up, server) = server().await;
    values(
        &reader(server),
        &[
            ("SELECT count(*) FROM t", 3.0, None),
            ("SELECT sum(amount) FROM t;", 61.0, None),
            ("SELECT -7", -7.0, None),
            (
                "SELECT 18446744073709551615",
                18_446_744_073_709_551_615.0,
                Some("18446744073709551615"),
            ),
            (
                "SELECT 9007199254740993",
                9_007_199_254_740_992.0,
                Some("9007199254740993"),
            ),
            ("SELECT CAST(0.1 AS FLOAT)", 0.1, None),
            ("SELECT 1.5e0", 1.5, None),
            ("SELECT avg(id) FROM t", 2.0, None),
            (
                "SELECT CAST('-12345.678' AS DECIMAL(12,3))",
                -12_345.678,
                None,
            ),
            (
                "SELECT 12345678901234567890123456789012345678.5",
                12_345_678_901_234_567_890_123_456_789_012_345_678.5,
                Some("12345678901234567890123456789012345678.5"),
            ),
            ("SELECT CAST(flag AS SIGNED) FROM t WHERE id = 1", 1.0, None),
            ("WITH x AS (SELECT 2 AS a) SELECT a FROM x", 2.0, None),
            ("SELECT \"3\" + 0", 3.0, None),
        ],
    )
    .await;
}

#[tokio::test]
async fn f85_what_is_no_number_is_refused_with_its_cast() {
    let (_up, server) = server().await;
    let source = root(server);
    for (query, word) in [
        ("SELECT '12'", "DECIMAL"),
        ("SELECT name FROM t WHERE id = 1", "varchar"),
        ("SELECT flag FROM t WHERE id = 1", "SIGNED"),
        ("SELECT at FROM t WHERE id = 1", "UNIX_TIMESTAMP"),
        ("SELECT day FROM t WHERE id = 1", "DATEDIFF"),
        ("SELECT CAST('10:00' AS TIME)", "TIME_TO_SEC"),
        ("SELECT b'101'", "type"),
        ("SELECT year FROM t WHERE id = 1", "UNSIGNED"),
        ("SELECT JSON_OBJECT()", "type"),
        // F84, F83, F86
        ("SELECT NULL", "COALESCE"),
        ("SELECT sum(id) FROM t WHERE id > 9", "COALESCE"),
        ("SELECT id FROM t WHERE id > 9", "no row"),
        ("SELECT id FROM t", "more than one row"),
        ("SELECT seq FROM seq_1_to_100000000", "more than one row"),
        ("SELECT 1 AS value, 2 AS value", "2 columns"),
    ] {
        fault(&source, query, FaultClass::BadValue, word).await;
    }
    assert_eq!(value(&source, "SELECT 1").await, 1.0);
}

#[tokio::test]
async fn f78_f79_f80_nothing_is_written_even_by_root() {
    let (_up, server) = server().await;
    let tables = "SELECT count(*) FROM information_schema.tables";
    let before = admin_number(server, tables).await;
    let file = server.dir.join("outfile");
    let outfile = format!("SELECT 1 INTO OUTFILE '{}'", file.display());
    let outfile_in = format!("SELECT (SELECT 1) INTO/**/DUMPFILE '{}'", file.display());
    // Two words to the server, where a number ends; and no comment, where the space is none.
    let glued = |words: &str| format!("SELECT {words} OUTFILE '{}'", file.display());
    let unseen = format!(
        "SELECT 1--\u{a0}x INTO OUTFILE '{}'\nFROM (SELECT 1 AS `\u{a0}x`) t",
        file.display()
    );
    for source in [root(server), reader(server)] {
        for query in [
            "INSERT INTO t(id) VALUES (9)",
            "INSERT INTO t(id) VALUES (9) RETURNING id",
            "REPLACE INTO t(id) VALUES (9)",
            "UPDATE t SET amount = 0",
            "DELETE FROM t",
            "TRUNCATE t",
            "CREATE TABLE x(a int)",
            "CREATE TEMPORARY TABLE x(a int)",
            "WITH d AS (SELECT 1) DELETE FROM t",
            "SELECT writes()",
            "SELECT id FROM t WHERE id = 1 FOR UPDATE",
            "SELECT id FROM t WHERE id = 1 LOCK IN SHARE MODE",
            "SELECT NEXTVAL(s)",
            "SELECT NEXT VALUE FOR s",
            "SELECT SETVAL(s, 9)",
            outfile.as_str(),
            outfile_in.as_str(),
            glued("1e5INTO").as_str(),
            glued("1.5INTO").as_str(),
            glued("1.e5INTO").as_str(),
            glued(".5INTO").as_str(),
            glued("\\NINTO").as_str(),
            unseen.as_str(),
            "SELECT 1--\u{a0}x + length(load_file('/etc/passwd'))\nFROM (SELECT 1 AS `\u{a0}x`) t",
            "SELECT 1 INTO @a",
            "SELECT @a := 1",
            "SELECT length(LOAD_FILE('/etc/passwd'))",
            "SELECT GET_LOCK('a', 1)",
            "SELECT `get_lock`('a', 1)",
            "SELECT BENCHMARK(1, 1)",
            "SET STATEMENT max_statement_time=0 FOR SELECT 1",
            "SET SESSION TRANSACTION READ WRITE",
            "SELECT /*!50000 GET_LOCK('a', 1) */",
            "SELECT /*M!100000 GET_LOCK('a', 1) */",
            "CALL x()",
            "DO SLEEP(0)",
            "FLUSH TABLES",
            "EXPLAIN SELECT 1",
            "ANALYZE SELECT 1",
            "LOAD DATA INFILE '/etc/passwd' INTO TABLE t",
            "SELECT 1; DROP TABLE t",
            "SELECT 1; COMMIT; DELETE FROM t",
            "COMMIT",
            "LOCK TABLES t WRITE",
            "PREPARE p FROM 'DELETE FROM t'",
            "# SELECT\nDELETE FROM t",
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
        "READ ONLY",
    )
    .await;
    assert_eq!(admin_number(server, tables).await, before);
    assert_eq!(admin_number(server, "SELECT count(*) FROM t").await, 3);
    assert!(!file.exists());
}

#[tokio::test]
async fn f78_what_the_account_may_do_beyond_reading_is_told() {
    let (_up, server) = server().await;
    let url = |user: &str, password: &str| server.url(user, password, "shop");
    for (url, expected) in [
        (url("reader", "r"), vec![]),
        (
            url("writer", "w"),
            vec![("INSERT, UPDATE|UPDATE, INSERT", false)],
        ),
        (url("filer", "f"), vec![("has FILE on *.*", true)]),
        (
            server.root_url("shop"),
            vec![("has ALL PRIVILEGES on *.*", true)],
        ),
        (
            server.url("member", "m", ""),
            vec![("may DELETE on `shop`.`t`", false)],
        ),
    ] {
        let powers = source(url).powers(Duration::from_secs(20)).await.unwrap();
        assert_eq!(powers.len(), expected.len(), "{powers:?}");
        for (power, (what, grave)) in powers.iter().zip(expected) {
            assert!(what.split('|').any(|w| power.what.contains(w)), "{power:?}");
            assert_eq!(power.grave, grave);
        }
    }
    let patient = Duration::from_secs(20);
    let reader = source(url("reader", "r")).account(patient).await.unwrap();
    assert!(reader.starts_with("`reader@"), "{reader}");
    assert!(reader.ends_with("` in the database `shop`"), "{reader}");
    let nowhere = source(server.url("member", "m", "")).account(patient).await;
    assert!(!nowhere.unwrap().contains("database"));
}

#[tokio::test]
async fn a_question_leaves_nothing_that_the_next_one_minds() {
    let (_up, server) = server().await;
    let source = root(server);
    let id = value(&source, "SELECT CONNECTION_ID()").await;
    assert_eq!(value(&source, "SELECT locks()").await, 1.0);
    assert_eq!(
        admin_number(server, "SELECT IS_FREE_LOCK('okrd-test')").await,
        1
    );
    // A function may change the session; the next question finds it as it should be.
    assert_eq!(value(&source, "SELECT unlimits()").await, 1.0);
    assert_eq!(
        value(
            &source,
            "SELECT TIMESTAMPDIFF(HOUR, UTC_TIMESTAMP(), NOW())"
        )
        .await,
        0.0
    );
    assert_eq!(value(&source, "SELECT LENGTH(\"text\")").await, 4.0);
    let limit = value(&source, "SELECT @@max_statement_time").await;
    assert!(limit > 0.0 && limit <= 20.0, "{limit}");
    assert_eq!(
        value(&source, "SELECT CONNECTION_ID()").await,
        id,
        "one connection serves all"
    );
    let open = "SELECT count(*) FROM information_schema.innodb_trx WHERE trx_mysql_thread_id = ";
    assert_eq!(admin_number(server, &format!("{open}{id}")).await, 0);
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
            "SELECT count(*) FROM t WHERE at < :now + INTERVAL 1 SECOND",
            3.0,
        ),
        (
            "SELECT count(*) FROM t WHERE stamp < :now AND stamp > :now - INTERVAL 25 HOUR",
            3.0,
        ),
        ("SELECT count(*) FROM t WHERE day = :today", 1.0),
        (
            "SELECT UNIX_TIMESTAMP(:cycle_start) # :now",
            1_790_805_600.0,
        ),
        ("SELECT DATEDIFF(:today, :now)", 1.0),
        ("SELECT count(*) FROM t WHERE at = :now OR at = :now", 1.0),
        ("SELECT LENGTH(':now')", 4.0),
    ] {
        assert_eq!(value(&source, query).await, expected, "{query}");
    }
}

#[tokio::test]
async fn f87_what_the_server_warns_of_is_not_believed() {
    let (_up, server) = server().await;
    let source = reader(server);
    for (query, word) in [
        ("SELECT CAST('abc' AS SIGNED)", "1292"),
        ("SELECT 1 / 0", "1365"),
        ("SELECT count(*) FROM t WHERE name = 0", "1292"),
        ("SELECT CAST(-1 AS UNSIGNED)", "1105"),
        (
            "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 5000) SELECT count(*) FROM n",
            "1931",
        ),
    ] {
        fault(&source, query, FaultClass::Suspect, word).await;
        // The warning is not held against the next one.
        assert_eq!(value(&source, "SELECT 1").await, 1.0);
    }
}

#[tokio::test]
async fn f87_settings_of_the_server_make_no_other_number() {
    let (_up, server) = server().await;
    let source = root(server);
    let third = value(&source, "SELECT 1 / 3").await;
    for _ in 0..2 {
        assert_eq!(value(&source, "SELECT hushes()").await, 1.0);
        fault(&source, "SELECT id FROM t", FaultClass::BadValue, "one row").await;
        assert_eq!(value(&source, "SELECT hushes()").await, 1.0);
        assert_eq!(value(&source, "SELECT 1 / 3").await, third);
        let cast = "SELECT CAST('abc' AS SIGNED)";
        assert_eq!(value(&source, "SELECT hushes()").await, 1.0);
        fault(&source, cast, FaultClass::Suspect, "1292").await;
    }
    let mut admin = admin(server).await;
    let set = "SET GLOBAL max_error_count = 0, GLOBAL sql_select_limit = 1, GLOBAL div_precision_increment = 0";
    admin.execute(set).await.unwrap();
    let fresh = root(server);
    assert_eq!(value(&fresh, "SELECT 1 / 3").await, third);
    fault(&fresh, "SELECT id FROM t", FaultClass::BadValue, "one row").await;
    let unset = "SET GLOBAL max_error_count = DEFAULT, GLOBAL sql_select_limit = DEFAULT, GLOBAL div_precision_increment = DEFAULT";
    admin.execute(unset).await.unwrap();
}

#[tokio::test]
async fn f92_a_text_is_refused_before_the_server_sends_it() {
    let (_up, server) = server().await;
    let source = reader(server);
    let begun = Instant::now();
    let slow = "SELECT CONCAT(SLEEP(15), REPEAT('x', 900000000))";
    fault(&source, slow, FaultClass::BadValue, "column of type").await;
    assert!(begun.elapsed() < Duration::from_secs(10));
    // The column may be a number the next time.
    let source = root(server);
    let query = "SELECT n FROM shifting";
    fault(&source, query, FaultClass::BadValue, "column of type").await;
    let alter = "ALTER TABLE shifting MODIFY n int";
    admin(server).await.execute(alter).await.unwrap();
    assert_eq!(value(&source, query).await, 7.0);
}

#[tokio::test]
async fn f90_mistakes_are_found_without_running() {
    let (_up, server) = server().await;
    let source = reader(server);
    let five = Duration::from_secs(5);
    for (query, class, word) in [
        (
            "SELECT count(*) FROM t WHERE ida = 1",
            FaultClass::SqlError,
            "ida",
        ),
        (
            "SELECT count(*) FROM hidden",
            FaultClass::SqlError,
            "GRANT SELECT",
        ),
        (
            "SELECT count(*) FROM t WHERE WHERE",
            FaultClass::SqlError,
            "line 1",
        ),
        ("SELECT :nwo", FaultClass::Config, ":now"),
        ("SELECT ?", FaultClass::Config, "`?`"),
        ("SELECT 1, 2", FaultClass::BadValue, "2 columns"),
        ("SELEC 1", FaultClass::SqlRefused, "SELEC"),
    ] {
        fault(&source, query, class, word).await;
        let described = source.describe(query, five).await.unwrap_err();
        assert_eq!(described.class, class, "{query}: {described}");
        assert!(described.to_string().contains(word), "{query}: {described}");
    }
    let begun = Instant::now();
    source
        .describe("SELECT SLEEP(60) FROM t WHERE at < :now", five)
        .await
        .unwrap();
    assert!(begun.elapsed() < five);
}

/// How many connections work on a statement with this mark.
async fn working(server: &Server, mark: &str) -> i64 {
    let query = format!(
        "SELECT count(*) FROM information_schema.processlist WHERE id <> CONNECTION_ID() AND command <> 'Sleep' AND info LIKE '%{mark}%'"
    );
    admin_number(server, &query).await
}

#[tokio::test]
async fn f81_f82_what_is_cut_short_gives_no_number() {
    let (_up, server) = server().await;
    let source = root(server);
    let short = Duration::from_millis(600);
    for query in [
        "SELECT SLEEP(60) AS mark_81",
        // Stopped by the server it gives a row with 0, and no error.
        "SELECT n AS mark_81 FROM busy",
        "SELECT count(*) AS mark_81 FROM seq_1_to_1000000 a, seq_1_to_1000000 b",
    ] {
        let begun = Instant::now();
        let stopped = ask_within(&source, query, short).await.unwrap_err();
        assert_eq!(stopped.class, FaultClass::Timeout, "{query}: {stopped}");
        assert!(
            begun.elapsed() < short + Duration::from_secs(1),
            "{:?}",
            begun.elapsed()
        );
    }
    eventually("no statement is left", || async {
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
        tokio::spawn(async move {
            ask_within(
                &*source,
                "SELECT SLEEP(60) AS mark_64",
                Duration::from_secs(50),
            )
            .await
        })
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
    let said = fault(
        &source(server.url("reader", canary, "shop")),
        "SELECT 1",
        FaultClass::Auth,
        "reader",
    )
    .await;
    assert!(!said.to_string().contains(canary), "{said}");
    fault(
        &source(server.root_url("nowhere")),
        "SELECT 1",
        FaultClass::Config,
        "nowhere",
    )
    .await;
    let closed = source(format!("mysql://u:{canary}@127.0.0.1:1/d"));
    let said = fault(&closed, "SELECT 1", FaultClass::Net, "refuses connections").await;
    assert!(
        !said.to_string().contains(canary) && said.to_string().contains("127.0.0.1:1"),
        "{said}"
    );
}

#[tokio::test]
async fn f16_who_answers_is_proved_or_nothing_is_sent() {
    let (_up, server) = server().await;
    let url = |host: &str, rest: &str| {
        source(format!(
            "mysql://reader:r@{host}:{}/shop?{rest}",
            server.port
        ))
    };
    let ca = format!("ssl-ca={}", server.dir.join("ca.pem").display());
    let full = format!("ssl-mode=VERIFY_IDENTITY&{ca}");
    let encrypted = "SELECT variable_value <> '' FROM information_schema.session_status WHERE variable_name = 'SSL_CIPHER'";
    assert_eq!(value(&url("localhost", &full), encrypted).await, 1.0);
    assert_eq!(
        value(
            &url("127.0.0.1", &format!("sslmode=verify-ca&{ca}")),
            encrypted
        )
        .await,
        1.0
    );
    assert_eq!(value(&url("127.0.0.1", ""), encrypted).await, 0.0);
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
}

#[tokio::test]
async fn f58_a_rotated_url_is_read_at_the_next_question() {
    let (_up, server) = server().await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), server.url("rotating", "one", "shop")).unwrap();
    let source = Mysql::new(Setting::Secret(SecretRef::File(file.path().to_owned())));
    let first = source.credentials();
    assert_eq!(value(&source, "SELECT 1").await, 1.0);
    let change = "ALTER USER rotating@'127.0.0.1' IDENTIFIED BY 'two'";
    admin(server).await.execute(change).await.unwrap();
    std::fs::write(file.path(), server.url("rotating", "two", "shop")).unwrap();
    assert_ne!(source.credentials(), first);
    assert_eq!(value(&source, "SELECT 1").await, 1.0);
    std::fs::write(file.path(), server.url("rotating", "one", "shop")).unwrap();
    fault(&source, "SELECT 1", FaultClass::Auth, "rotating").await;
}

#[tokio::test]
async fn f89_one_connection_is_enough_and_none_left_is_no_refusal_for_ever() {
    let (_up, server) = server().await;
    let url = server.url("only_one", "r", "shop");
    let other = MySqlConnection::connect(&url).await.unwrap();
    let source = source(url);
    fault(
        &source,
        "SELECT 1",
        FaultClass::RateLimited,
        "max_user_connections",
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
    let server = servers::mariadb();
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
