//! One question's turn on a database server, the same for every server: a kept connection or a new one, a read-only
//! transaction, the question, and at the deadline a cancel from a second connection. A connection that was cut short
//! is never used again, and what arrives after the deadline is no answer. Knows no server's dialect of all that.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use sqlx::Error;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::task::TaskTracker;

use super::Power;
use super::bind::Statement;
use super::line::Meter;
use super::server::{self, Address, CANCEL, CONNECT, Clock, LIFETIME, TIDY, WAKE};
use crate::config::secret::Setting;
use crate::config::spec::Takes;
use crate::config::sql::lex::Dialect;
use crate::domain::fault::{Fault, FaultClass};
use crate::domain::reading::Reading;
use crate::domain::window::Moments;

/// A connection to one kind of server.
pub(super) trait Session: Sized + Send {
    /// How its statements are written.
    const DIALECT: Dialect;

    /// Connects and learns what must be known of the server.
    fn connect(address: &Address) -> impl Future<Output = Result<Self, Fault>> + Send;

    /// How much the server may still say.
    fn meter(&self) -> &Meter;

    /// Sets what a question relies on, the time limit included, and begins a read-only transaction.
    fn begin(&mut self, clock: &Clock) -> impl Future<Output = Result<(), Error>> + Send;

    /// Prepares, judges the column and, with moments, asks.
    fn ask(
        &mut self,
        statement: &Statement,
        moments: Option<&Moments>,
    ) -> impl Future<Output = Result<Answer, Error>> + Send;

    /// Asks for the account and the database in which we are.
    fn account(&mut self) -> impl Future<Output = Result<(String, Option<String>), Error>> + Send;

    /// Asks what the account may do beyond reading.
    fn powers(&mut self) -> impl Future<Output = Result<Vec<Power>, Error>> + Send;

    /// Ends the transaction without a commit and leaves nothing in the session.
    fn tidy(&mut self) -> impl Future<Output = Result<(), Error>> + Send;

    /// Tells the server, from a second connection, to stop what this one does. Best effort: the server's own limit is
    /// behind it.
    fn stop(&self) -> Stop;

    /// An error as a fault.
    fn fault(error: &Error, address: &Address) -> Fault;

    /// An error of a statement as a fault, with its place in the statement where the server tells it.
    fn fault_in(error: &Error, address: &Address, query: &str, statement: &Statement) -> Fault {
        let _ = (query, statement);
        Self::fault(error, address)
    }
}

/// What came of asking, and whether the connection is fit for the next question.
pub(super) type Answer = (Result<Reading, Fault>, bool);

/// The errand of stopping a statement; nothing happens before it is awaited.
pub(super) type Stop = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

/// A server, asked one question at a time.
pub(super) struct Turns<S> {
    url: Setting,
    kept: Mutex<Option<Kept<S>>>,
    /// Cancels on their way to the server after their question was dropped.
    cancels: TaskTracker,
}

/// A connection that worked.
struct Kept<S> {
    session: S,
    address: Address,
    credentials: u64,
    since: Instant,
}

impl<S: Session> Turns<S> {
    /// A server that is not contacted before the first question.
    pub(super) fn new(url: Setting) -> Self {
        Self {
            url,
            kept: Mutex::new(None),
            cancels: TaskTracker::new(),
        }
    }

    /// Waits until the server was told to stop what dropped questions left behind.
    pub(super) async fn settle(&self) {
        self.cancels.close();
        self.cancels.wait().await;
    }

    /// A number that changes with the URL's secret.
    pub(super) fn credentials(&self) -> u64 {
        server::credentials(&self.url)
    }

    /// One question; without moments it ends once the statement is prepared.
    pub(super) async fn ask(
        &self,
        (query, takes): (&str, Takes),
        moments: Option<&Moments>,
        limit: Duration,
    ) -> Result<Reading, Fault> {
        let mut statement = Statement::parse(query, S::DIALECT)?;
        statement.takes = takes;
        let clock = Clock::start(limit);
        let mut slot = timeout_at(clock.cancel_at(), self.kept.lock())
            .await
            .map_err(|_| clock.fault())?;
        let mut kept = self.begin(slot.take(), &clock).await?;
        let cancel = Cancel(Some(kept.session.stop()), self.cancels.clone());
        let work = kept.session.ask(&statement, moments);
        let Ok(answer) = timeout_at(clock.cancel_at(), work).await else {
            cancel.send().await;
            return Err(clock.fault());
        };
        let (answer, fit) = match answer {
            // A statement that the server cut short may give a row and no error: seen of MariaDB's BENCHMARK().
            Ok(_) if clock.is_over() => (Err(clock.fault()), true),
            Ok(answer) => answer,
            Err(e) => {
                let fault = S::fault_in(&e, &kept.address, query, &statement);
                let fault = kept.session.meter().judge(&kept.address, fault);
                (Err(fault), matches!(e, Error::Database(_)))
            }
        };
        if !fit {
            cancel.send().await;
            return answer;
        }
        let tidy = timeout(TIDY, kept.session.tidy()).await;
        cancel.disarm();
        // Answered but not tidied: the connection goes, and with it everything.
        if matches!(tidy, Ok(Ok(()))) {
            *slot = Some(kept);
        }
        answer
    }

    /// What the account may do beyond reading. The connection is not kept.
    pub(super) async fn powers(&self, limit: Duration) -> Result<Vec<Power>, Fault> {
        let clock = Clock::start(limit);
        let mut kept = self.begin(None, &clock).await?;
        let powers = timeout_at(clock.cancel_at(), kept.session.powers()).await;
        let powers = powers.map_err(|_| clock.fault())?;
        powers.map_err(|e| S::fault(&e, &kept.address))
    }

    /// Whom the server takes us for, in words. The connection is not kept.
    pub(super) async fn account(&self, limit: Duration) -> Result<String, Fault> {
        let clock = Clock::start(limit);
        let mut kept = self.begin(None, &clock).await?;
        let account = timeout_at(clock.cancel_at(), kept.session.account()).await;
        let account = account.map_err(|_| clock.fault())?;
        let (account, database) = account.map_err(|e| S::fault(&e, &kept.address))?;
        let account = match kept.address.gives_away(&account) {
            true => "an account whose name repeats its password".to_owned(),
            false => format!("`{account}`"),
        };
        Ok(match database {
            Some(database) if !kept.address.gives_away(&database) => {
                format!("{account} in the database `{database}`")
            }
            _ => account,
        })
    }

    /// A connection with its transaction begun, the kept one if it still works.
    async fn begin(&self, kept: Option<Kept<S>>, clock: &Clock) -> Result<Kept<S>, Fault> {
        let (secret, credentials) = server::read(&self.url)?;
        let fresh_enough =
            |kept: &Kept<S>| kept.credentials == credentials && kept.since.elapsed() < LIFETIME;
        if let Some(mut kept) = kept
            .filter(fresh_enough)
            .inspect(|kept| kept.session.meter().refill())
            && let Ok(Ok(())) = timeout(WAKE.min(clock.left()), kept.session.begin(clock)).await
        {
            return Ok(kept);
        }
        let address = Address::parse(secret.expose(), S::DIALECT)?;
        if clock.is_over() {
            return Err(clock.fault());
        }
        let limit = CONNECT.min(clock.left());
        let fresh = async {
            let mut session = S::connect(&address).await?;
            let begun = session.begin(clock).await;
            begun.map_err(|e| session.meter().judge(&address, S::fault(&e, &address)))?;
            Ok(session)
        };
        let session = timeout(limit, fresh).await.unwrap_or_else(|_| {
            Err(Fault::new(
                FaultClass::Timeout,
                format!("{address}: no connection within {limit:?}"),
            )
            .help("is a firewall in between?"))
        })?;
        Ok(Kept {
            session,
            address,
            credentials,
            since: Instant::now(),
        })
    }
}

/// Stops the statement when it is sent, and when the question is dropped before it was answered.
struct Cancel(Option<Stop>, TaskTracker);

impl Cancel {
    fn disarm(mut self) {
        self.0 = None;
    }

    async fn send(mut self) {
        if let Some(stop) = self.0.take() {
            give_up(stop).await;
        }
    }
}

impl Drop for Cancel {
    fn drop(&mut self) {
        if let Some(stop) = self.0.take()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(self.1.track_future(give_up(stop)));
        }
    }
}

async fn give_up(stop: Stop) {
    if !matches!(timeout(CANCEL, stop).await, Ok(Ok(()))) {
        tracing::debug!("a statement could not be told to stop, its own limit stops it");
    }
}
