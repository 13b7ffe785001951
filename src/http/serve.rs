//! The listener: accepts, limits and drains connections. Written on hyper because a server without time limits for
//! request heads or a bound on connections can be held up by a few slow clients. Knows no route.
//!
//! When all seats are taken, whoever has most of them gives up the one that has waited longest: a client that asks at
//! once is served in any flood, while one that only holds connections open loses them. So it is when the process has no
//! file descriptor left.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::fs::File;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, Semaphore};
use tokio::time::{Instant, Sleep, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::peer::Peer;
use super::tls::{Tls, Wire};

/// What a client may take of us.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at a time.
    pub connections: usize,
    /// From the last answer, or from the start, to the end of the next request head.
    pub head_within: Duration,
    /// Bytes of a request head.
    pub head_size: usize,
    /// From the first byte of an answer to its last.
    pub answer_within: Duration,
    /// How long answers under way may take after the end was asked for.
    pub drain_within: Duration,
}

impl Limits {
    /// Fewer connections where the process may open few files: at least half of them are left to sources and store,
    /// which no flood must reach.
    #[must_use]
    pub fn within(self, open_files: u64) -> Self {
        let fitting = usize::try_from(open_files.saturating_sub(BASE_FILES) / 2);
        let fitting = fitting.unwrap_or(usize::MAX).max(FEWEST);
        Self {
            connections: self.connections.min(fitting),
            ..self
        }
    }
}

/// Files that okrd has open by itself, roughly.
const BASE_FILES: u64 = 32;
/// Connections at a time that there are always.
const FEWEST: usize = 8;
/// Files kept open for nothing, to be given up when there is no other.
const SPARE: usize = 2;
/// How long there must have been enough files before that is told.
const SHORT_FOR: Duration = Duration::from_secs(5);
/// The rest after no connection could be accepted, unless one ends meanwhile.
const NONE_LEFT: Duration = Duration::from_millis(100);

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 512,
            head_within: Duration::from_secs(10),
            head_size: 32 * 1024,
            answer_within: Duration::from_secs(30),
            drain_within: Duration::from_secs(5),
        }
    }
}

/// Serves until `shutdown`, then lets answers under way finish.
///
/// # Errors
/// When the listener is unusable from the start. Later failures to accept are waited out.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    tls: Tls,
    limits: Limits,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    listener.local_addr()?;
    let (seats, tasks) = (Arc::new(Seats::default()), TaskTracker::new());
    // Those who were shown out may take a moment to leave; no more than a few may be on their way at once.
    let doorway = Arc::new(Semaphore::new(
        limits.connections + limits.connections.div_ceil(8),
    ));
    let (mut spare, gone) = (Spare::default(), Arc::new(Notify::new()));
    let closing = CancellationToken::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let accepted = async {
            let place = Arc::clone(&doorway).acquire_owned().await;
            (listener.accept().await, place)
        };
        let (accepted, place) = tokio::select! {
            accepted = accepted => accepted,
            () = &mut shutdown => break,
        };
        match accepted {
            Ok((stream, address)) => {
                if !spare.keep() {
                    seats.make_room();
                }
                // An answer is sent in pieces; held back until the client acknowledges, the last would come 40 ms late.
                // A connection that cannot do without is served all the same.
                let _ = stream.set_nodelay(true);
                let peer = Peer::of(address.ip());
                let seat = seats.take(limits.connections, peer);
                let wire = Wire::open(Hurried::new(stream, limits.answer_within), tls());
                let served = connection(wire, peer, router.clone(), limits, seat, closing.clone());
                let gone = Arc::clone(&gone);
                tasks.spawn(async move {
                    served.await;
                    drop(place);
                    gone.notify_one();
                });
            }
            Err(error) if is_about_one_connection(&error) => {}
            Err(error) => {
                // Out of descriptors or memory. Linux says so even when nobody waits to be let in, so this alone is no reason
                // to show somebody out; and others must leave first, so do not spin.
                if spare.give_up(&error) {
                    continue;
                }
                tokio::select! {
                    () = gone.notified() => {}
                    () = sleep(NONE_LEFT) => {}
                    () = &mut shutdown => break,
                }
            }
        }
    }
    drop(listener);
    closing.cancel();
    tasks.close();
    if timeout(limits.drain_within, tasks.wait()).await.is_err() {
        seats.clear();
    }
    Ok(())
}

/// Open files for nothing. Told in the log when they are given up and when there are some again, not at each connection.
struct Spare {
    files: Vec<File>,
    /// When they were needed last, until it is told that they are no more.
    short: Option<Instant>,
}

impl Default for Spare {
    fn default() -> Self {
        let mut spare = Self {
            files: Vec::new(),
            short: None,
        };
        spare.keep();
        spare
    }
}

impl Spare {
    /// Opens what is missing; tells whether that worked.
    fn keep(&mut self) -> bool {
        while self.files.len() < SPARE {
            match File::open("/dev/null") {
                Ok(file) => self.files.push(file),
                Err(_) => return false,
            }
        }
        if self.short.is_some_and(|last| last.elapsed() >= SHORT_FOR) {
            self.short = None;
            tracing::info!("files can be opened again; connections are accepted as before");
        }
        true
    }

    /// Closes one; tells whether there was any.
    fn give_up(&mut self, error: &io::Error) -> bool {
        if self.short.replace(Instant::now()).is_none() {
            tracing::warn!(
                %error,
                "a connection could not be accepted; those that wait longest make room. If it lasts, let okrd open more \
                 files (`ulimit -n`, `LimitNOFILE=`)"
            );
        }
        self.files.pop().is_some()
    }
}

fn is_about_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    )
}

async fn connection(
    wire: impl Future<Output = io::Result<Wire<Hurried>>>,
    peer: Peer,
    router: Router,
    limits: Limits,
    seat: Seat,
    closing: CancellationToken,
) {
    let left = seat.left.clone();
    // A handshake has as much time as the head of a request, which may follow it at once.
    let opened = tokio::select! {
        opened = timeout(limits.head_within, wire) => opened,
        () = left.cancelled() => return,
        () = closing.cancelled() => return,
    };
    let Ok(Ok(wire)) = opened else { return };
    let seat = Arc::new(seat);
    let service = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(peer);
        let (answer, seat) = (service.call(request), Arc::clone(&seat));
        async move {
            seat.asked(true);
            let answer = answer.await;
            seat.asked(false);
            answer
        }
    });
    let io = TokioIo::new(wire);
    let mut connection = std::pin::pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.head_within)
            .max_buf_size(limits.head_size)
            .serve_connection(io, service)
    );
    // Errors here are the client's: it left, was slow, or spoke no HTTP. It was told what can be told.
    tokio::select! {
        _ = &mut connection => return,
        () = left.cancelled() => return,
        () = closing.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    tokio::select! {
        _ = connection => {}
        () = left.cancelled() => {}
    }
}

/// Who is connected, and since when they keep us waiting.
#[derive(Debug, Default)]
struct Seats(Mutex<Taken>);

#[derive(Debug, Default)]
struct Taken {
    next: u64,
    seats: HashMap<u64, Place>,
}

#[derive(Debug)]
struct Place {
    peer: Peer,
    /// Whether a request is being answered.
    asked: bool,
    since: Instant,
    left: CancellationToken,
}

/// The place of one connection; dropped with it.
#[derive(Debug)]
struct Seat {
    seats: Arc<Seats>,
    number: u64,
    left: CancellationToken,
}

impl Seats {
    /// Takes a seat; when there is none, after one was cleared.
    fn take(self: &Arc<Self>, limit: usize, peer: Peer) -> Seat {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.seats.len() >= limit {
            taken.make_room();
        }
        let (number, left) = (taken.next, CancellationToken::new());
        taken.next += 1;
        let place = Place {
            peer,
            asked: false,
            since: Instant::now(),
            left: left.clone(),
        };
        taken.seats.insert(number, place);
        Seat {
            seats: Arc::clone(self),
            number,
            left,
        }
    }

    fn make_room(&self) {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        taken.make_room();
    }

    fn clear(&self) {
        let taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        taken.seats.values().for_each(|place| place.left.cancel());
    }
}

impl Taken {
    /// Clears a seat of whoever has most: the one that is idle for the longest time, and only when all of them are being
    /// answered the oldest of those.
    fn make_room(&mut self) {
        let mut seats_of: HashMap<Peer, usize> = HashMap::new();
        for place in self.seats.values() {
            *seats_of.entry(place.peer).or_default() += 1;
        }
        let has = |place: &Place| seats_of.get(&place.peer).copied().unwrap_or(0);
        let order = |place: &Place| (Reverse(has(place)), place.asked, place.since);
        let first = self.seats.iter().min_by_key(|(_, place)| order(place));
        if let Some(number) = first.map(|(number, _)| *number)
            && let Some(place) = self.seats.remove(&number)
        {
            place.left.cancel();
        }
    }
}

impl Seat {
    fn asked(&self, asked: bool) {
        let mut taken = self.seats.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = taken.seats.get_mut(&self.number) {
            (place.asked, place.since) = (asked, Instant::now());
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.0.lock().unwrap_or_else(PoisonError::into_inner);
        taken.seats.remove(&self.number);
    }
}

/// A connection whose answers must be taken within a time: measured from the first byte that waits to the moment when
/// all are handed over, so that a reader of one byte a second is no exception.
struct Hurried {
    stream: TcpStream,
    within: Duration,
    deadline: Option<Pin<Box<Sleep>>>,
}

impl Hurried {
    fn new(stream: TcpStream, within: Duration) -> Self {
        Self {
            stream,
            within,
            deadline: None,
        }
    }

    /// Still waiting: fine until the deadline, which the first wait sets.
    fn wait<T>(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        let within = self.within;
        let deadline = self.deadline.get_or_insert_with(|| Box::pin(sleep(within)));
        ready!(deadline.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Hurried {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Hurried {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.stream).poll_write(cx, bytes) {
            Poll::Pending => self.wait(cx),
            done => done,
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.stream).poll_write_vectored(cx, bytes) {
            Poll::Pending => self.wait(cx),
            done => done,
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// Called when nothing is left to write: the client has taken it all.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.deadline = None;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
