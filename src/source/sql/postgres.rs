//! PostgreSQL as a source. One connection, made at the first question and kept for a while; each question runs in a
//! read-only transaction of its own with its own limits and leaves nothing in the session. Knows no other source.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::TryStreamExt;
use jiff::Timestamp;
use sqlx::postgres::{
    PgColumn, PgConnectOptions, PgConnection, PgDatabaseError, PgErrorPosition, PgRow, PgSslMode,
    PgValueRef,
};
use sqlx::{
    AssertSqlSafe, Column, ConnectOptions, Connection, Error, Executor, Row, SqlSafeStr,
    Statement as _, Type, TypeInfo, ValueRef,
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

/// One row of texts: whether we are a superuser, or could become it again; which roles with a way to the machine we
/// have; the words, number and first of the relations that we may write; the schemas and the database that we may create
/// in.
const POWERS: &str = "
    WITH relations AS (
        SELECT c.oid::regclass::text AS name, w.word, w.nth
        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace,
             (VALUES ('INSERT', 1), ('UPDATE', 2), ('DELETE', 3), ('TRUNCATE', 4)) AS w(word, nth)
        WHERE c.relkind IN ('r', 'p', 'v', 'f') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
          AND (has_table_privilege(c.oid, w.word) OR CASE WHEN w.nth < 3 THEN has_any_column_privilege(c.oid, w.word) END)
    ), places AS (
        SELECT 'schema ' || quote_ident(nspname) AS name FROM pg_catalog.pg_namespace
        WHERE nspname !~ '^pg_' AND has_schema_privilege(oid, 'CREATE')
        UNION ALL
        SELECT 'database ' || quote_ident(current_database()) WHERE has_database_privilege(current_database(), 'CREATE')
    )
    SELECT (SELECT bool_or(rolsuper) FROM pg_catalog.pg_roles WHERE rolname IN (current_user, session_user)),
           (SELECT string_agg(rolname, ', ' ORDER BY rolname) FROM pg_catalog.pg_roles
            WHERE rolname IN ('pg_write_server_files', 'pg_execute_server_program') AND pg_has_role(oid, 'MEMBER')),
           (SELECT string_agg(word, ', ' ORDER BY nth) FROM (SELECT DISTINCT word, nth FROM relations) AS words),
           (SELECT count(DISTINCT name) FROM relations),
           (SELECT min(name) FROM relations),
           (SELECT string_agg(name, ', ' ORDER BY name DESC) FROM places)";

/// A PostgreSQL server.
pub struct Postgres(Turns<Live>);

/// A connection that works.
struct Live {
    connection: PgConnection,
    address: Address,
    meter: Arc<Meter>,
    /// The server's process behind the transaction under way; with a pooler in between, another one each time.
    backend: i32,
    /// What `SET LOCAL` may say beyond the limits that every version knows.
    extras: String,
}

impl Postgres {
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
impl Source for Postgres {
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
    const DIALECT: Dialect = Dialect::Postgres;

    async fn connect(address: &Address) -> Result<Self, Fault> {
        address.resolve().await?;
        let line = line::open(address, Self::DIALECT).await;
        let line = line.map_err(|e| database_fault(&e, address))?;
        let failed = |e: Error| line.meter.judge(address, database_fault(&e, address));
        let entrance = options(address, &line);
        let mut connection = entrance.connect().await.map_err(failed)?;
        let version = connection.server_version_num().unwrap_or(0);
        let mut extras = String::new();
        // Notices that we are gone; refused on systems that cannot tell, hence tried once.
        let notice = "SET LOCAL client_connection_check_interval = 500;";
        if version >= 140_000 {
            let tried = connection
                .execute(AssertSqlSafe(format!("BEGIN; {notice}")))
                .await;
            if tried.is_ok() {
                extras += notice;
            }
            connection.execute("ROLLBACK").await.map_err(failed)?;
        }
        Ok(Self {
            connection,
            address: address.clone(),
            meter: line.meter,
            backend: 0,
            extras,
        })
    }

    fn meter(&self) -> &Meter {
        &self.meter
    }

    /// Begins a read-only transaction with its limits; its first query takes the snapshot, after which the mode cannot
    /// be changed. `SET LOCAL` rather than start-up options, which poolers reject or leak.
    async fn begin(&mut self, clock: &Clock) -> Result<(), Error> {
        let limit = clock.left().as_millis();
        let text = format!(
            "BEGIN READ ONLY; \
             SET LOCAL statement_timeout = {limit}; \
             SET LOCAL lock_timeout = 1000; \
             SET LOCAL idle_in_transaction_session_timeout = 10000; \
             SET LOCAL standard_conforming_strings = on; {} \
             SELECT pg_backend_pid()",
            self.extras
        );
        let row = sqlx::raw_sql(AssertSqlSafe(text))
            .fetch_one(&mut self.connection)
            .await?;
        let backend = row.try_get_unchecked::<&str, _>(0)?.parse();
        self.backend =
            backend.map_err(|_| Error::Protocol("pg_backend_pid() gave no number".into()))?;
        Ok(())
    }

    async fn ask(
        &mut self,
        statement: &Statement,
        moments: Option<&Moments>,
    ) -> Result<Answer, Error> {
        let text = AssertSqlSafe(statement.text.clone()).into_sql_str();
        let types = vec![<str as Type<sqlx::Postgres>>::type_info(); statement.names.len()];
        let prepared = self.connection.prepare_with(text, &types).await?;
        let columns = match judge_columns(prepared.columns()) {
            Ok(columns) => columns,
            Err(fault) => return Ok((Err(fault), true)),
        };
        let Some(moments) = moments else {
            return Ok((Ok(Reading::whole(0)), true));
        };
        let mut asked = prepared.query().persistent(false);
        for name in &statement.names {
            asked = asked.bind(bind::value(name, moments, Dialect::Postgres));
        }
        let mut rows = asked.fetch(&mut self.connection);
        let Some(row) = rows.try_next().await? else {
            return Ok((super::no_row(statement.takes), true));
        };
        if rows.try_next().await?.is_some() {
            return Ok((Err(super::more_rows()), server::drain(rows).await));
        }
        Ok((reading(&row, columns, statement.takes), true))
    }

    async fn account(&mut self) -> Result<(String, Option<String>), Error> {
        let row = sqlx::raw_sql("SELECT current_user::text, current_database()::text")
            .fetch_one(&mut self.connection)
            .await?;
        Ok((row.try_get_unchecked(0)?, row.try_get_unchecked(1)?))
    }

    async fn powers(&mut self) -> Result<Vec<Power>, Error> {
        let row = sqlx::raw_sql(POWERS)
            .fetch_one(&mut self.connection)
            .await?;
        let text = |i: usize| row.try_get_unchecked::<Option<String>, _>(i);
        if text(0)?.as_deref() == Some("t") {
            return Ok(vec![Power::grave("is a superuser")]);
        }
        let mut powers = Vec::new();
        if let Some(roles) = text(1)? {
            powers.push(Power::grave(format!("is a member of {roles}")));
        }
        if let (Some(words), Some(count), Some(first)) = (text(2)?, text(3)?, text(4)?) {
            powers.push(grants::writes(&words, &count, &first));
        }
        if let Some(places) = text(5)? {
            powers.push(Power::writes(format!("may CREATE in {places}")));
        }
        Ok(powers)
    }

    /// Forgets everything: the transaction, settings, locks, prepared statements.
    async fn tidy(&mut self) -> Result<(), Error> {
        self.connection.execute("ROLLBACK").await?;
        self.connection.execute("DISCARD ALL").await?;
        Ok(())
    }

    fn stop(&self) -> Stop {
        let (address, backend) = (self.address.clone(), self.backend);
        Box::pin(async move {
            let line = line::open(&address, Self::DIALECT).await?;
            let mut second = options(&address, &line).connect().await?;
            let text = format!("SELECT pg_cancel_backend({backend})");
            second.execute(AssertSqlSafe(text)).await?;
            second.close().await
        })
    }

    fn fault(error: &Error, address: &Address) -> Fault {
        database_fault(error, address)
    }

    fn fault_in(error: &Error, address: &Address, query: &str, statement: &Statement) -> Fault {
        let fault = database_fault(error, address);
        let Error::Database(e) = error else {
            return fault;
        };
        let Some(PgErrorPosition::Original(at)) = e
            .try_downcast_ref::<PgDatabaseError>()
            .and_then(PgDatabaseError::position)
        else {
            return fault;
        };
        // The server counts characters from 1.
        let byte = statement
            .text
            .char_indices()
            .nth(at.saturating_sub(1))
            .map_or(statement.text.len(), |(i, _)| i);
        let place = super::place(query, statement.original(byte));
        Fault {
            message: format!("{} at {place}", fault.message),
            ..fault
        }
    }
}

/// For a line that is open already: it is entered by its socket; the host's name is for the certificate alone.
fn options(address: &Address, line: &Line) -> PgConnectOptions {
    let mut options = PgConnectOptions::new_without_pgpass()
        .port(address.port)
        .application_name("okrd")
        .statement_cache_capacity(0)
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
        Tls::Off => options.ssl_mode(PgSslMode::Disable),
        Tls::On {
            host_name,
            ca,
            cert,
            key,
        } => {
            options = options.ssl_mode(if *host_name {
                PgSslMode::VerifyFull
            } else {
                PgSslMode::VerifyCa
            });
            let with =
                |options,
                 path: &Option<PathBuf>,
                 set: fn(PgConnectOptions, &PathBuf) -> PgConnectOptions| {
                    match path {
                        Some(path) => set(options, path),
                        None => options,
                    }
                };
            options = with(options, ca, |o, p| o.ssl_root_cert(p));
            options = with(options, cert, |o, p| o.ssl_client_cert(p));
            with(options, key, |o, p| o.ssl_client_key(p))
        }
    }
}

/// The class of a server's error, by SQLSTATE (PostgreSQL manual, appendix A).
fn database_fault(error: &Error, address: &Address) -> Fault {
    let Error::Database(e) = error else {
        return server::transport(error, address);
    };
    let code = e.code().unwrap_or_default().into_owned();
    let (class, help) = match code.as_str() {
        "28000" | "28P01" => (
            FaultClass::Auth,
            "check user and password in the URL, and pg_hba.conf",
        ),
        "3D000" => (FaultClass::Config, "check the database's name in the URL"),
        "53300" | "53400" => (
            FaultClass::RateLimited,
            "the server has no connection left for okrd, which takes one",
        ),
        "57P01" | "57P02" | "57P03" | "57P05" | "25P03" => {
            (FaultClass::Net, "the server is starting or stopping")
        }
        "57014" | "25P04" => (
            FaultClass::Timeout,
            "make the statement faster, such as with an index, or raise `timeout`",
        ),
        "55P03" => (FaultClass::Timeout, "another session holds a lock on it"),
        "25006" => (
            FaultClass::SqlRefused,
            "a measure is one SELECT that gives one number; sources are never written",
        ),
        "42501" => (FaultClass::SqlError, "GRANT SELECT on it to okrd's account"),
        _ => (FaultClass::SqlError, ""),
    };
    let detail = e.message();
    address.scrub(Fault::new(class, format!("{detail} ({code})")).help(help))
}

fn judge_columns(all: &[PgColumn]) -> Result<Columns, Fault> {
    let names: Vec<&str> = all.iter().map(Column::name).collect();
    let columns = super::columns(&names)?;
    let kind = |at: usize| all.get(at).map_or("unknown", |c| c.type_info().name());
    match kind(columns.value) {
        "INT2" | "INT4" | "INT8" | "FLOAT4" | "FLOAT8" | "NUMERIC" => {}
        other => {
            let kind = other.to_ascii_lowercase();
            return Err(super::no_number(
                &format!("a column of type {kind}"),
                cast(&kind),
            ));
        }
    }
    match columns.as_of.map(kind) {
        None | Some("TIMESTAMPTZ" | "TIMESTAMP" | "DATE") => Ok(columns),
        Some(other) => {
            let kind = other.to_ascii_lowercase();
            Err(super::no_instant(
                &format!("a column of type {kind}"),
                INSTANT,
            ))
        }
    }
}

/// What makes an instant of a value.
const INSTANT: &str = "(…)::timestamptz, or to_timestamp(…) of seconds since 1970";

/// The cast that makes a number of a type, if it always is one.
fn cast(kind: &str) -> &'static str {
    match kind {
        "bool" => "(…)::int, or count(*) FILTER (WHERE …)",
        "money" => "(…)::numeric",
        "text" | "varchar" | "bpchar" | "char" | "name" | "unknown" | "json" | "jsonb" => {
            "(…)::numeric, if it always is a number"
        }
        "interval" | "timestamp" | "timestamptz" | "time" | "timetz" => "extract(epoch FROM …)",
        "date" => "subtract two dates, or extract(epoch FROM …)",
        "oid" | "xid" => "(…)::bigint",
        _ => "select a number instead",
    }
}

fn reading(row: &PgRow, columns: Columns, takes: Takes) -> Result<Reading, Fault> {
    let mut reading = number(row, columns.value, takes)?;
    if let Some(at) = columns.as_of {
        reading.as_of = Some(instant(row, at)?);
    }
    Ok(reading)
}

/// An instant as it travels: microseconds, or of a date days, since 2000; a timestamp without zone is UTC.
fn instant(row: &PgRow, at: usize) -> Result<Timestamp, Fault> {
    /// 2000-01-01 in seconds since 1970.
    const EPOCH: i64 = 946_684_800;
    let raw = row
        .try_get_raw(at)
        .map_err(|e| super::no_instant(&e.to_string(), INSTANT))?;
    if raw.is_null() {
        return Err(super::no_instant("NULL", INSTANT));
    }
    let found = match raw.as_bytes().unwrap_or_default() {
        bytes @ [_, _, _, _, _, _, _, _] => {
            let since = bytes.try_into().map_or(i64::MAX, i64::from_be_bytes);
            since.checked_add(EPOCH * 1_000_000)
        }
        bytes => {
            let since = bytes.try_into().map_or(i32::MAX, i32::from_be_bytes);
            Some((i64::from(since) * 86_400 + EPOCH) * 1_000_000)
        }
    };
    let found = found.and_then(|us| Timestamp::from_microsecond(us).ok());
    found.ok_or_else(|| super::no_instant("an instant beyond time", INSTANT))
}

fn number(row: &PgRow, at: usize, takes: Takes) -> Result<Reading, Fault> {
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
    let kind = raw.type_info().name().to_owned();
    match kind.as_str() {
        "INT2" => Ok(Reading::whole(
            row.try_get::<i16, _>(at).map_err(odd)?.into(),
        )),
        "INT4" => Ok(Reading::whole(
            row.try_get::<i32, _>(at).map_err(odd)?.into(),
        )),
        "INT8" => Ok(Reading::whole(
            row.try_get::<i64, _>(at).map_err(odd)?.into(),
        )),
        // Its shortest decimal is what the column shows: 0.1, not 0.10000000149.
        "FLOAT4" => {
            let value: f32 = row.try_get(at).map_err(odd)?;
            Reading::new(value.to_string().parse().unwrap_or(f64::from(value)))
        }
        "FLOAT8" => Reading::new(row.try_get(at).map_err(odd)?),
        "NUMERIC" => numeric(&raw),
        other => Err(super::no_number(
            &format!("a value of type {other}"),
            cast(other),
        )),
    }
}

fn numeric(raw: &PgValueRef<'_>) -> Result<Reading, Fault> {
    let bytes = raw.as_bytes().unwrap_or_default();
    let text = numeric_text(bytes)
        .ok_or_else(|| Fault::new(FaultClass::BadBody, "a NUMERIC value cannot be read"))?;
    Reading::parse(&text)
}

/// The digits of a binary NUMERIC, of any width: two-byte integers in network order, the count of base-10000 digits,
/// the weight of the first, the sign, the digits after the point, then the base-10000 digits (PostgreSQL,
/// `src/backend/utils/adt/numeric.c`, `numeric_send`).
fn numeric_text(bytes: &[u8]) -> Option<String> {
    let mut words = bytes.chunks_exact(2).map(|w| match w {
        [high, low] => i32::from(u16::from_be_bytes([*high, *low])),
        _ => 0,
    });
    let count = words.next()?;
    let weight = i32::from(i16::from_be_bytes([*bytes.get(2)?, *bytes.get(3)?]));
    let _ = words.next();
    let sign = words.next()?;
    let scale = usize::try_from(words.next()?).ok()?;
    match sign {
        0xC000 => return Some("NaN".into()),
        0xD000 => return Some("Infinity".into()),
        0xF000 => return Some("-Infinity".into()),
        _ => {}
    }
    let digits: Vec<i32> = words.collect();
    if usize::try_from(count).ok()? != digits.len() {
        return None;
    }
    let digit = |i: i32| {
        usize::try_from(i)
            .ok()
            .and_then(|i| digits.get(i))
            .copied()
            .unwrap_or(0)
    };
    let mut whole: String = (0..=weight).map(|i| format!("{:04}", digit(i))).collect();
    let after = i32::try_from(scale.div_ceil(4)).ok()?;
    let mut part: String = (1..=after)
        .map(|i| format!("{:04}", digit(weight + i)))
        .collect();
    part.truncate(scale);
    whole = whole.trim_start_matches('0').to_owned();
    if whole.is_empty() {
        whole.push('0');
    }
    let minus = if sign == 0x4000 { "-" } else { "" };
    let point = if part.is_empty() { "" } else { "." };
    Some(format!("{minus}{whole}{point}{part}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binary(weight: i16, sign: u16, scale: u16, digits: &[u16]) -> Vec<u8> {
        let head = [
            u16::try_from(digits.len()).unwrap(),
            weight.cast_unsigned(),
            sign,
            scale,
        ];
        head.iter()
            .chain(digits)
            .flat_map(|w| w.to_be_bytes())
            .collect()
    }

    #[test]
    fn f85_numeric_is_told_digit_by_digit() {
        for (bytes, text) in [
            (binary(0, 0, 0, &[]), "0"),
            (binary(0, 0, 0, &[42]), "42"),
            (binary(1, 0, 2, &[1, 2345, 6700]), "12345.67"),
            (binary(-1, 0, 4, &[12]), "0.0012"),
            (binary(-2, 0x4000, 8, &[5]), "-0.00000005"),
            (binary(2, 0, 0, &[1]), "100000000"),
            (binary(0, 0, 1, &[1, 5000]), "1.5"),
            (binary(0, 0xC000, 0, &[]), "NaN"),
            (binary(0, 0xD000, 0, &[]), "Infinity"),
            (binary(0, 0xF000, 0, &[]), "-Infinity"),
        ] {
            assert_eq!(numeric_text(&bytes).as_deref(), Some(text));
        }
        assert_eq!(numeric_text(&[0, 9, 0, 0, 0, 0, 0, 0]), None);
        assert_eq!(numeric_text(&[0]), None);
    }
}
