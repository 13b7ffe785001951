//! The line to a database server, with a meter on it. The library behind the sources keeps whatever a server calls one
//! message, and a hostile one may call a gigabyte so; nothing there can be told to stop. So what comes from the server is
//! counted before it gets there, and the line ends when it is too much for one number. Knows no protocol but the length of
//! PostgreSQL's messages.
//!
//! The library connects to an abstract socket that only this process may enter; what it says is handed on as it is, TLS
//! included, of which this end knows nothing.

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use sqlx::Error;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixListener, UnixStream};

use super::server::{Address, Host, Tls};
use crate::config::sql::lex::Dialect;
use crate::domain::fault::{Fault, FaultClass};

/// The largest row, and so the largest message.
const ROW: usize = 64 * 1024;
/// The most that may come for one question: its row, and what a server tells of columns, types and itself.
const QUESTION: usize = 4 * ROW;
/// How long we take to enter our own socket.
const ENTER: Duration = Duration::from_secs(5);

/// How much a server may still say.
#[derive(Debug)]
pub(super) struct Meter {
    left: AtomicUsize,
    overrun: AtomicBool,
}

impl Meter {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            left: AtomicUsize::new(QUESTION),
            overrun: AtomicBool::new(false),
        })
    }

    /// Another question begins.
    pub(super) fn refill(&self) {
        self.left.store(QUESTION, Ordering::Relaxed);
    }

    /// The fault of a server that said too much, or else the one that it looks like from the other end.
    pub(super) fn judge(&self, address: &Address, fault: Fault) -> Fault {
        if !self.overrun.load(Ordering::Relaxed) {
            return fault;
        }
        let message = format!(
            "{address} sent more than a number needs: limit {ROW} bytes a row, {QUESTION} a question"
        );
        Fault::new(FaultClass::TooLarge, message).help("is it the database that is meant?")
    }

    /// Whether so many bytes may pass.
    fn takes(&self, bytes: usize) -> bool {
        let rest = |left: usize| left.checked_sub(bytes);
        let passes = self
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, rest)
            .is_ok();
        if !passes {
            self.overrun.store(true, Ordering::Relaxed);
        }
        passes
    }
}

/// What the library connects to.
pub(super) struct Line {
    /// PostgreSQL's directory, MySQL's file, as a Unix socket is named to them.
    pub(super) socket: PathBuf,
    pub(super) meter: Arc<Meter>,
}

/// Connects to a server and opens the line to it.
///
/// # Errors
/// Those of connecting.
pub(super) async fn open(address: &Address, dialect: Dialect) -> Result<Line, Error> {
    let meter = Meter::new();
    let socket = unused_name();
    // How PostgreSQL names the socket in a directory.
    let inside = |path: &Path| match dialect {
        Dialect::Postgres => path.join(format!(".s.PGSQL.{}", address.port)),
        _ => path.to_owned(),
    };
    let listener = UnixListener::bind(inside(&socket))?;
    // Under TLS nobody here can read how long a message is; then the count alone ends it.
    let heads = (dialect == Dialect::Postgres && address.tls == Tls::Off).then(Heads::default);
    match &address.host {
        Host::Tcp(host) => {
            let far = TcpStream::connect((host.as_str(), address.port)).await?;
            far.set_nodelay(true)?;
            tokio::spawn(relay(listener, far, Arc::clone(&meter), heads));
        }
        Host::Socket(path) => {
            let far = UnixStream::connect(inside(path)).await?;
            tokio::spawn(relay(listener, far, Arc::clone(&meter), heads));
        }
    }
    Ok(Line { socket, meter })
}

/// A name in the abstract namespace, which leaves no file behind.
fn unused_name() -> PathBuf {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let salt = RandomState::new().hash_one(number);
    PathBuf::from(format!(
        "\0okrd-{}-{number}-{salt:016x}",
        std::process::id()
    ))
}

/// Hands on what both ends say until one of them goes, or the server says too much.
async fn relay<S: AsyncRead + AsyncWrite + Send + 'static>(
    listener: UnixListener,
    far: S,
    meter: Arc<Meter>,
    heads: Option<Heads>,
) {
    let Ok(Ok(near)) = tokio::time::timeout(ENTER, ourselves(listener)).await else {
        return;
    };
    let (mut near_read, near_write) = near.into_split();
    let (far_read, mut far_write) = tokio::io::split(far);
    tokio::select! {
        _ = tokio::io::copy(&mut near_read, &mut far_write) => {}
        _ = metered(far_read, near_write, &meter, heads) => {}
    }
}

/// The first connection that this very process makes: anybody on the machine may knock at an abstract socket.
async fn ourselves(listener: UnixListener) -> io::Result<UnixStream> {
    let own = i32::try_from(std::process::id()).ok();
    loop {
        let (stream, _) = listener.accept().await?;
        if stream.peer_cred()?.pid() == own {
            return Ok(stream);
        }
    }
}

async fn metered(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    meter: &Meter,
    mut heads: Option<Heads>,
) -> io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let read = from.read(&mut buffer).await?;
        let bytes = buffer.get(..read).unwrap_or_default();
        let fits = heads.as_mut().is_none_or(|heads| heads.fit(bytes));
        if !fits {
            meter.overrun.store(true, Ordering::Relaxed);
        }
        if bytes.is_empty() || !fits || !meter.takes(read) {
            return to.shutdown().await;
        }
        to.write_all(bytes).await?;
    }
}

/// The heads of PostgreSQL's messages: a letter, and the length of what follows, itself included. A length is believed by
/// the library, which makes room for all of it before the first byte is there.
#[derive(Default)]
struct Heads {
    head: Vec<u8>,
    /// What is left of the message under way.
    rest: usize,
}

impl Heads {
    const LENGTH: usize = 5;

    /// Whether all messages that begin in these bytes are short enough.
    fn fit(&mut self, mut bytes: &[u8]) -> bool {
        while !bytes.is_empty() {
            let skipped = self.rest.min(bytes.len());
            self.rest -= skipped;
            bytes = bytes.get(skipped..).unwrap_or_default();
            let missing = (Self::LENGTH - self.head.len()).min(bytes.len());
            let (head, behind) = bytes.split_at(missing);
            self.head.extend_from_slice(head);
            bytes = behind;
            let [_, length @ ..] = self.head.as_slice() else {
                continue;
            };
            if let Ok(length) = <[u8; 4]>::try_from(length) {
                let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
                if length > ROW {
                    return false;
                }
                self.rest = length.saturating_sub(4);
                self.head.clear();
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(length: u32) -> Vec<u8> {
        let mut bytes = vec![b'D'];
        bytes.extend(length.to_be_bytes());
        bytes.extend(std::iter::repeat_n(0, (length as usize).min(ROW) - 4));
        bytes
    }

    #[test]
    fn f92_a_message_is_judged_by_its_head_wherever_it_is_cut() {
        let short = [message(4), message(20), message(ROW as u32)].concat();
        let long = [message(20), message(ROW as u32 + 1)].concat();
        for size in [1, 3, 7, 4096, usize::MAX] {
            let fits = |bytes: &[u8]| {
                let mut heads = Heads::default();
                bytes
                    .chunks(size.min(bytes.len()))
                    .all(|part| heads.fit(part))
            };
            assert!(fits(&short), "{size}");
            assert!(!fits(&long), "{size}");
        }
    }

    #[test]
    fn f92_a_question_has_its_own_allowance() {
        let meter = Meter::new();
        assert!(meter.takes(QUESTION));
        meter.refill();
        assert!(meter.takes(QUESTION - 1));
        assert!(!meter.takes(2));
        assert!(meter.overrun.load(Ordering::Relaxed));
    }
}
