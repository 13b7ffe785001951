//! MySQL and MariaDB as a source, told apart by their version. One connection, made at the first question and kept
//! for a while; all that a question relies on in the session is set anew before it, and its read-only transaction is
//! rolled back after it. Knows no other source.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::TryStreamExt;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use sqlx::mysql::{
    MySqlColumn, MySqlConnectOptions, MySqlConnection, MySqlDatabaseError, MySqlRow, MySqlSslMode,
};
use sqlx::{
    AssertSqlSafe, Column, ConnectOptions, Connection, Decode, Error, Executor, MySql, Row,
    SqlSafeStr, Statement as _, TypeInfo, ValueRef,
};

use super::bind::{self, Statement};
use super::line::{self, Line, Meter};
use super::server::{self, Address, Clock, Host, Tls};
use super::turn::{Answer, Session, Stop, Turns};
use super::{Columns, Power, grants};
use crate::config::secret::Setting;
use crate::config::spec::Takes;
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
    address: Address,
    meter: Arc<Meter>,
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
        let asked = (query, Takes::default());
        self.0.ask(asked, None, timeout).await.map(|_| ())
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
        let asked = super::query_of(question.measure)?;
        let moments = Some(question.moments);
        self.0.ask(asked, moments, question.timeout).await
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
        let line = line::open(address, Self::DIALECT).await;
        let line = line.map_err(|e| database_fault(&e, address))?;
        let who = async {
            let mut connection = options(address, &line).connect().await?;
            let row = sqlx::raw_sql("SELECT VERSION(), CONNECTION_ID()")
                .fetch_one(&mut connection)
                .await?;
            let version: String = row.try_get_unchecked(0)?;
            let id: String = row.try_get_unchecked(1)?;
            Ok::<_, Error>((connection, version, id))
        };
        let (connection, version, id) = who
            .await
            .map_err(|e| line.meter.judge(address, database_fault(&e, address)))?;
        Ok(Self {
            connection,
            address: address.clone(),
            meter: line.meter,
            id: id.parse().unwrap_or(0),
            mariadb: version.to_ascii_lowercase().contains("mariadb"),
        })
    }

    fn meter(&self) -> &Meter {
        &self.meter
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
        let columns = match judge_columns(prepared.columns()) {
            Ok(columns) => columns,
            Err(fault) => {
                // As it was prepared first; the next time the table may be another.
                self.connection.clear_cached_statements().await?;
                return Ok((Err(fault), true));
            }
        };
        let Some(moments) = moments else {
            return Ok((Ok(Reading::whole(0)), true));
        };
        let mut asked = prepared.query();
        for name in &statement.names {
            asked = asked.bind(bind::value(name, moments, Dialect::Mysql));
        }
        let mut rows = asked.fetch(&mut self.connection);
        let Some(row) = rows.try_next().await? else {
            return Ok((super::no_row(statement.takes), true));
        };
        if rows.try_next().await?.is_some() {
            return Ok((Err(super::more_rows()), server::drain(rows).await));
        }
        drop(rows);
        if !statement.takes.warnings
            && let Some(fault) = self.warned().await?
        {
            return Ok((Err(fault), true));
        }
        Ok((reading(&row, columns, statement.takes), true))
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
        let (address, id) = (self.address.clone(), self.id);
        Box::pin(async move {
            let line = line::open(&address, Self::DIALECT).await?;
            let mut second = options(&address, &line).connect().await?;
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
                let help = "write the statement so that the server has nothing to warn of, or allow_warnings = true";
                return Ok(Some(Fault::new(FaultClass::Suspect, message).help(help)));
            }
        }
        Ok(None)
    }
}

/// For a line that is open already: it is entered by its socket; the host's name is for the certificate alone.
fn options(address: &Address, line: &Line) -> MySqlConnectOptions {
    let mut options = MySqlConnectOptions::new()
        .port(address.port)
        .charset("utf8mb4")
        .pipes_as_concat(false)
        .no_engine_substitution(false)
        .statement_cache_capacity(128)
        .disable_statement_logging();
    options = match &address.host {
        Host::Tcp(host) => options.host(host),
        Host::Socket(_) => options,
    }
    .socket(&line.socket);
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
fn judge_columns(all: &[MySqlColumn]) -> Result<Columns, Fault> {
    let names: Vec<&str> = all.iter().map(Column::name).collect();
    let columns = super::columns(&names)?;
    let kind = |at: usize| all.get(at).map_or("NULL", |c| c.type_info().name());
    match kind(columns.value).trim_end_matches(" UNSIGNED") {
        "TINYINT" | "SMALLINT" | "MEDIUMINT" | "INT" | "BIGINT" | "FLOAT" | "DOUBLE"
        | "DECIMAL" | "NULL" => {}
        _ => {
            let kind = kind(columns.value).to_ascii_lowercase();
            return Err(super::no_number(
                &format!("a column of type {kind}"),
                cast(&kind),
            ));
        }
    }
    match columns.as_of.map(kind) {
        None | Some("TIMESTAMP" | "DATETIME" | "DATE" | "NULL") => Ok(columns),
        Some(other) => {
            let kind = other.to_ascii_lowercase();
            Err(super::no_instant(
                &format!("a column of type {kind}"),
                INSTANT,
            ))
        }
    }
}

/// What makes an instant of a value; the session's zone is UTC.
const INSTANT: &str = "a TIMESTAMP, a DATETIME in UTC, or FROM_UNIXTIME(…) of seconds since 1970";

fn reading(row: &MySqlRow, columns: Columns, takes: Takes) -> Result<Reading, Fault> {
    let mut reading = number(row, columns.value, takes)?;
    if let Some(at) = columns.as_of {
        reading.as_of = Some(instant(row, at)?);
    }
    Ok(reading)
}

/// A date with or without a time as it travels in a binary row: its length, the year in two bytes, month and day, then
/// as far as they are not 0 hour, minute and second, and microseconds in four bytes.
fn instant(row: &MySqlRow, at: usize) -> Result<Timestamp, Fault> {
    let raw = row
        .try_get_raw(at)
        .map_err(|e| super::no_instant(&e.to_string(), INSTANT))?;
    if raw.is_null() {
        return Err(super::no_instant("NULL", INSTANT));
    }
    let bytes = <&[u8] as Decode<MySql>>::decode(raw).unwrap_or_default();
    binary_instant(bytes).ok_or_else(|| super::no_instant("no date, such as one of zeros", INSTANT))
}

fn binary_instant(bytes: &[u8]) -> Option<Timestamp> {
    let part = |i: usize| bytes.get(i).map_or(0, |b| b.cast_signed());
    let year = i16::from_le_bytes([*bytes.get(1)?, *bytes.get(2)?]);
    let micros = match bytes.get(8..12) {
        Some(four) => i32::from_le_bytes(four.try_into().ok()?),
        None => 0,
    };
    let micros = micros.checked_mul(1000)?;
    let civil = DateTime::new(year, part(3), part(4), part(5), part(6), part(7), micros).ok()?;
    TimeZone::UTC.to_timestamp(civil).ok()
}

fn number(row: &MySqlRow, at: usize, takes: Takes) -> Result<Reading, Fault> {
    let odd = |e: Error| {
        Fault::new(
            FaultClass::BadBody,
            format!("the value cannot be read: {e}"),
        )
    };
    let raw = row.try_get_raw(at).map_err(odd)?;
    if raw.is_null() {
        return super::null(takes);
    }
    let kind = row
        .columns()
        .get(at)
        .map_or("?", |c| c.type_info().name())
        .to_owned();
    match kind.as_str() {
        "TINYINT" | "SMALLINT" | "MEDIUMINT" | "INT" | "BIGINT" => {
            let value: i64 = row.try_get_unchecked(at).map_err(odd)?;
            Ok(Reading::whole(value.into()))
        }
        "TINYINT UNSIGNED" | "SMALLINT UNSIGNED" | "MEDIUMINT UNSIGNED" | "INT UNSIGNED"
        | "BIGINT UNSIGNED" => {
            let value: u64 = row.try_get_unchecked(at).map_err(odd)?;
            Ok(Reading::whole(value.into()))
        }
        // Its shortest decimal is what the column shows: 0.1, not 0.10000000149.
        "FLOAT" => {
            let value: f32 = row.try_get_unchecked(at).map_err(odd)?;
            Reading::new(value.to_string().parse().unwrap_or(f64::from(value)))
        }
        "DOUBLE" => Reading::new(row.try_get_unchecked(at).map_err(odd)?),
        // DECIMAL travels as text, whatever its width.
        "DECIMAL" => Reading::parse(&row.try_get_unchecked::<String, _>(at).map_err(odd)?),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f24_dates_of_every_length_are_read() {
        for (bytes, text) in [
            (&[4, 0xEA, 0x07, 11, 2][..], Some("2026-11-02T00:00:00Z")),
            (
                &[7, 0xEA, 0x07, 11, 2, 9, 30, 1],
                Some("2026-11-02T09:30:01Z"),
            ),
            (
                &[11, 0xEA, 0x07, 11, 2, 9, 30, 1, 0x20, 0xA1, 0x07, 0],
                Some("2026-11-02T09:30:01.5Z"),
            ),
            // 0000-00-00, which is no day.
            (&[0], None),
            (&[4, 0, 0, 0, 0], None),
            (&[], None),
        ] {
            let found = binary_instant(bytes).map(|at| at.to_string());
            assert_eq!(found.as_deref(), text, "{bytes:?}");
        }
    }
}
