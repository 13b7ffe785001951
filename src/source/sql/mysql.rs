//! MySQL and MariaDB as a source, told apart by their version. One connection, made at the first question and kept
//! for a while; all that a question relies on in the session is set anew before it, and its read-only transaction is
//! rolled back after it. Knows no other source.

use std::time::Duration;

use async_trait::async_trait;
use futures_util::TryStreamExt;
use sqlx::mysql::{
    MySqlColumn, MySqlConnectOptions, MySqlConnection, MySqlDatabaseError, MySqlRow, MySqlSslMode,
};
use sqlx::{
    AssertSqlSafe, Column, ConnectOptions, Connection, Error, Executor, Row, SqlSafeStr,
    Statement as _, TypeInfo, ValueRef,
};

use super::bind::{self, Statement};
use super::server::{self, Address, Clock, Host, Tls};
use super::turn::{Answer, Session, Stop, Turns};
use super::{Power, grants};
use crate::config::secret::Setting;
use crate::config::sql::lex::Dialect;
use crate::domain::fault::{Fault, FaultClass};
use crate::domain::reading::Reading;
use crate::domain::window::Moments;
use crate::source::{Question, Source};

/// Fixed, so that a statement means the same on each server and is cut into tokens as the server does.
const MODE: &str =
    "STRICT_TRANS_TABLES,STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION";

/// How many conditions of a statement the server keeps to be told.
const CONDITIONS: usize = 64;

/// A MySQL or MariaDB server.
pub struct Mysql(Turns<Live>);

/// A connection that works.
struct Live {
    connection: MySqlConnection,
    options: MySqlConnectOptions,
    /// The server's id of this connection.
    id: u64,
    mariadb: bool,
}

impl Mysql {
    /// A source for a server; it is not contacted before the first question.
    #[must_use]
    pub fn new(url: Setting) -> Self {
        Self(Turns::new(url))
    }

    /// Prepares a statement on the server and runs nothing.
    ///
    /// # Errors
    /// The fault that asking would end in, as far as preparing shows it.
    pub async fn describe(&self, query: &str, timeout: Duration) -> Result<(), Fault> {
        self.0.ask(query, None, timeout).await.map(|_| ())
    }

    /// What the account may do beyond reading.
    ///
    /// # Errors
    /// The fault of a server that does not answer.
    pub async fn powers(&self, timeout: Duration) -> Result<Vec<Power>, Fault> {
        self.0.powers(timeout).await
    }

    /// Whom the server takes us for.
    ///
    /// # Errors
    /// The fault of a server that does not answer.
    pub async fn account(&self, timeout: Duration) -> Result<String, Fault> {
        self.0.account(timeout).await
    }
}

#[async_trait]
impl Source for Mysql {
    async fn measure(&self, question: Question<'_>) -> Result<Reading, Fault> {
        let query = super::query_of(question.measure)?;
        let moments = Some(question.moments);
        self.0.ask(query, moments, question.timeout).await
    }

    fn permits(&self) -> usize {
        1
    }

    fn credentials(&self) -> u64 {
        self.0.credentials()
    }

    async fn settle(&self) {
        self.0.settle().await;
    }
}

impl Session for Live {
    const DIALECT: Dialect = Dialect::Mysql;

    async fn connect(address: &Address) -> Result<Self, Fault> {
        address.resolve().await?;
        let options = options(address);
        let who = async {
            let mut connection = options.connect().await?;
            let row = sqlx::raw_sql("SELECT VERSION(), CONNECTION_ID()")
                .fetch_one(&mut connection)
                .await?;
            let version: String = row.try_get_unchecked(0)?;
            let id: String = row.try_get_unchecked(1)?;
            Ok::<_, Error>((connection, version, id))
        };
        let (connection, version, id) = who.await.map_err(|e| database_fault(&e, address))?;
        Ok(Self {
            connection,
            options,
            id: id.parse().unwrap_or(0),
            mariadb: version.to_ascii_lowercase().contains("mariadb"),
        })
    }

    /// Sets all that a question relies on, and begins a read-only transaction: each of these may be set otherwise on the
    /// server, or by a function that the question before called, and makes another number or keeps a warning quiet. A
    /// statement without tables leaves the warnings of the one before it in place; the last one here has a derived table,
    /// which clears them.
    async fn begin(&mut self, clock: &Clock) -> Result<(), Error> {
        let left = clock.left();
        let limit = if self.mariadb {
            format!("max_statement_time = {:.3}", left.as_secs_f64())
        } else {
            format!("max_execution_time = {}", left.as_millis())
        };
        let text = format!(
            "SET SESSION {limit}, SESSION lock_wait_timeout = 1, SESSION sql_mode = '{MODE}', \
             SESSION time_zone = '+00:00', SESSION sql_notes = 1, SESSION max_error_count = {CONDITIONS}, \
             SESSION sql_select_limit = 18446744073709551615, SESSION div_precision_increment = 4, \
             SESSION sql_auto_is_null = 0; \
             SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY; \
             START TRANSACTION READ ONLY; \
             DO (SELECT 1 FROM (SELECT 1) x)"
        );
        self.connection
            .execute(AssertSqlSafe(text))
            .await
            .map(|_| ())
    }

    async fn ask(
        &mut self,
        statement: &Statement,
        moments: Option<&Moments>,
    ) -> Result<Answer, Error> {
        let text = AssertSqlSafe(statement.text.clone()).into_sql_str();
        let prepared = self.connection.prepare(text).await?;
        if let Err(fault) = one_number_column(prepared.columns()) {
            // As it was prepared first; the next time the table may be another.
            self.connection.clear_cached_statements().await?;
            return Ok((Err(fault), true));
        }
        let Some(moments) = moments else {
            return Ok((Ok(Reading::whole(0)), true));
        };
        let mut asked = prepared.query();
        for name in &statement.names {
            asked = asked.bind(bind::value(name, moments, Dialect::Mysql));
        }
        let mut rows = asked.fetch(&mut self.connection);
        let Some(row) = rows.try_next().await? else {
            return Ok((Err(super::no_row()), true));
        };
        if rows.try_next().await?.is_some() {
            return Ok((Err(super::more_rows()), server::drain(rows).await));
        }
        drop(rows);
        Ok((self.warned().await?.map_or_else(|| number(&row), Err), true))
    }

    async fn account(&mut self) -> Result<(String, Option<String>), Error> {
        let row = sqlx::raw_sql("SELECT CAST(CURRENT_USER() AS CHAR), CAST(DATABASE() AS CHAR)")
            .fetch_one(&mut self.connection)
            .await?;
        Ok((row.try_get_unchecked(0)?, row.try_get_unchecked(1)?))
    }

    async fn powers(&mut self) -> Result<Vec<Power>, Error> {
        let mut lines = self.grants("SHOW GRANTS".into()).await?;
        let roles = grants::roles(&lines);
        // MariaDB tells those of the role in force beside the account's own.
        if !self.mariadb && !roles.is_empty() {
            let using = format!("SHOW GRANTS FOR CURRENT_USER() USING {}", roles.join(", "));
            lines = self.grants(using).await?;
        }
        Ok(grants::powers(&lines))
    }

    /// Ends the transaction and lets go of named locks, which would survive it. Never commits.
    async fn tidy(&mut self) -> Result<(), Error> {
        self.connection.execute("ROLLBACK").await?;
        // Not every version knows it; the gate refuses GET_LOCK() in a statement anyway.
        match self.connection.execute("DO RELEASE_ALL_LOCKS()").await {
            Err(Error::Database(_)) | Ok(_) => Ok(()),
            Err(e) => Err(e),
        }
    }

    fn stop(&self) -> Stop {
        let (options, id) = (self.options.clone(), self.id);
        Box::pin(async move {
            let mut second = options.connect().await?;
            let text = format!("KILL QUERY {id}");
            second.execute(AssertSqlSafe(text)).await?;
            second.close().await
        })
    }

    fn fault(error: &Error, address: &Address) -> Fault {
        database_fault(error, address)
    }
}

impl Live {
    async fn grants(&mut self, text: String) -> Result<Vec<String>, Error> {
        let rows = sqlx::raw_sql(AssertSqlSafe(text))
            .fetch_all(&mut self.connection)
            .await?;
        rows.iter().map(|row| row.try_get_unchecked(0)).collect()
    }

    /// The first warning of the last statement as a fault. A server that warns of cut recursion or a text taken for 0
    /// gives a number all the same. Of a negative number made a huge one MariaDB only takes note.
    async fn warned(&mut self) -> Result<Option<Fault>, Error> {
        let rows = sqlx::raw_sql("SHOW WARNINGS")
            .fetch_all(&mut self.connection)
            .await?;
        for row in &rows {
            let level: String = row.try_get_unchecked(0)?;
            let code: String = row.try_get_unchecked(1)?;
            let said: String = row.try_get_unchecked(2)?;
            // A full list may have kept what matters out.
            if level != "Note" || code == "1105" || rows.len() >= CONDITIONS {
                let message = format!("the server warns: {said} ({code})");
                let help = "write the statement so that the server has nothing to warn of";
                return Ok(Some(Fault::new(FaultClass::Suspect, message).help(help)));
            }
        }
        Ok(None)
    }
}

fn options(address: &Address) -> MySqlConnectOptions {
    let mut options = MySqlConnectOptions::new()
        .port(address.port)
        .charset("utf8mb4")
        .pipes_as_concat(false)
        .no_engine_substitution(false)
        .statement_cache_capacity(128)
        .disable_statement_logging();
    options = match &address.host {
        Host::Tcp(host) => options.host(host),
        Host::Socket(path) => options.socket(path),
    };
    if let Some(user) = &address.user {
        options = options.username(user);
    }
    if let Some(password) = &address.password {
        options = options.password(password.expose());
    }
    if let Some(database) = &address.database {
        options = options.database(database);
    }
    match &address.tls {
        Tls::Off => options.ssl_mode(MySqlSslMode::Disabled),
        Tls::On {
            host_name,
            ca,
            cert,
            key,
        } => {
            options = options.ssl_mode(if *host_name {
                MySqlSslMode::VerifyIdentity
            } else {
                MySqlSslMode::VerifyCa
            });
            if let Some(path) = ca {
                options = options.ssl_ca(path);
            }
            if let Some(path) = cert {
                options = options.ssl_client_cert(path);
            }
            match key {
                Some(path) => options.ssl_client_key(path),
                None => options,
            }
        }
    }
}

/// The class of a server's error, by number (MySQL 8 and MariaDB 10 error references; they agree on these).
fn database_fault(error: &Error, address: &Address) -> Fault {
    let Error::Database(e) = error else {
        return server::transport(error, address);
    };
    let number = e
        .try_downcast_ref::<MySqlDatabaseError>()
        .map_or(0, MySqlDatabaseError::number);
    let (class, help) = match number {
        1044 | 1045 | 1130 | 1251 | 1275 | 1698 | 1820 | 1862 | 3118 | 3955 | 4151 => (
            FaultClass::Auth,
            "check user and password in the URL, and the account's host",
        ),
        1049 => (FaultClass::Config, "check the database's name in the URL"),
        1040 | 1203 | 1226 => (
            FaultClass::RateLimited,
            "the server has no connection left for okrd, which takes one",
        ),
        1053 | 1077 | 1079 | 1152 | 1184 | 1927 => {
            (FaultClass::Net, "the server is starting or stopping")
        }
        1317 | 1969 | 3024 => (
            FaultClass::Timeout,
            "make the statement faster, such as with an index, or raise `timeout`",
        ),
        1205 => (FaultClass::Timeout, "another session holds a lock on it"),
        1290 | 1792 => (
            FaultClass::SqlRefused,
            "a measure is one SELECT that gives one number; sources are never written",
        ),
        1142 | 1143 | 1370 => (FaultClass::SqlError, "GRANT SELECT on it to okrd's account"),
        _ => (FaultClass::SqlError, ""),
    };
    let said = e.message();
    address.scrub(Fault::new(class, format!("{said} ({number})")).help(help))
}

/// Judged before the statement runs: a text may be of any length. The type of NULL says nothing yet.
fn one_number_column(columns: &[MySqlColumn]) -> Result<(), Fault> {
    super::one_column(columns.len())?;
    let kind = columns.first().map_or("NULL", |c| c.type_info().name());
    let whole = kind.trim_end_matches(" UNSIGNED");
    match whole {
        "TINYINT" | "SMALLINT" | "MEDIUMINT" | "INT" | "BIGINT" | "FLOAT" | "DOUBLE"
        | "DECIMAL" | "NULL" => Ok(()),
        _ => {
            let kind = kind.to_ascii_lowercase();
            Err(super::no_number(
                &format!("a column of type {kind}"),
                cast(&kind),
            ))
        }
    }
}

fn number(row: &MySqlRow) -> Result<Reading, Fault> {
    let odd = |e: Error| {
        Fault::new(
            FaultClass::BadBody,
            format!("the value cannot be read: {e}"),
        )
    };
    let raw = row.try_get_raw(0).map_err(odd)?;
    if raw.is_null() {
        return Err(super::null());
    }
    let kind = row
        .columns()
        .first()
        .map_or("?", |c| c.type_info().name())
        .to_owned();
    match kind.as_str() {
        "TINYINT" | "SMALLINT" | "MEDIUMINT" | "INT" | "BIGINT" => {
            let value: i64 = row.try_get_unchecked(0).map_err(odd)?;
            Ok(Reading::whole(value.into()))
        }
        "TINYINT UNSIGNED" | "SMALLINT UNSIGNED" | "MEDIUMINT UNSIGNED" | "INT UNSIGNED"
        | "BIGINT UNSIGNED" => {
            let value: u64 = row.try_get_unchecked(0).map_err(odd)?;
            Ok(Reading::whole(value.into()))
        }
        // Its shortest decimal is what the column shows: 0.1, not 0.10000000149.
        "FLOAT" => {
            let value: f32 = row.try_get_unchecked(0).map_err(odd)?;
            Reading::new(value.to_string().parse().unwrap_or(f64::from(value)))
        }
        "DOUBLE" => Reading::new(row.try_get_unchecked(0).map_err(odd)?),
        // DECIMAL travels as text, whatever its width.
        "DECIMAL" => Reading::parse(&row.try_get_unchecked::<String, _>(0).map_err(odd)?),
        other => {
            let kind = other.to_ascii_lowercase();
            Err(super::no_number(
                &format!("a value of type {kind}"),
                cast(&kind),
            ))
        }
    }
}

/// The cast that makes a number of a type, if it always is one.
fn cast(kind: &str) -> &'static str {
    match kind {
        "boolean" => "CAST(… AS SIGNED), or SUM(…) to count the true ones",
        "timestamp" | "datetime" => "UNIX_TIMESTAMP(…)",
        "date" => "DATEDIFF(…, …) or UNIX_TIMESTAMP(…)",
        "time" => "TIME_TO_SEC(…)",
        "year" | "bit" | "bit unsigned" => "CAST(… AS UNSIGNED)",
        "enum" | "char" | "varchar" | "text" | "tinytext" | "mediumtext" | "longtext" | "json" => {
            "CAST(… AS DECIMAL(30,6)), if it always is a number"
        }
        _ => "select a number instead",
    }
}
