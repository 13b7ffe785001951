//! The listener: accepts, limits and drains connections. Written on hyper because a server without time limits for
//! request heads or a bound on connections can be held up by a few slow clients. Knows no route.
//!
//! When all seats are taken the connection that has waited longest makes room: a client that asks at once is served in
//! any flood, while one that only holds a connection open loses it.

use std::collections::HashMap;
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
use tokio::time::{Instant, Sleep, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

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
    limits: Limits,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    listener.local_addr()?;
    let (seats, tasks) = (Arc::new(Seats::default()), TaskTracker::new());
    let closing = CancellationToken::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut shutdown => break,
        };
        match accepted {
            Ok((stream, _)) => {
                // An answer is sent in pieces; held back until the client acknowledges, the last would come 40 ms late.
                // A connection that cannot do without is served all the same.
                let _ = stream.set_nodelay(true);
                let seat = seats.take(limits.connections);
                tasks.spawn(connection(
                    stream,
                    router.clone(),
                    limits,
                    seat,
                    closing.clone(),
                ));
            }
            Err(error) if is_about_one_connection(&error) => {}
            Err(error) => {
                // Out of descriptors or memory: connections must end first, so do not spin.
                tracing::warn!(%error, "cannot accept connections");
                tokio::select! {
                    () = sleep(Duration::from_millis(500)) => {}
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

fn is_about_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    )
}

async fn connection(
    stream: TcpStream,
    router: Router,
    limits: Limits,
    seat: Seat,
    closing: CancellationToken,
) {
    let left = seat.left.clone();
    let seat = Arc::new(seat);
    let service = TowerToHyperService::new(router);
    let service = service_fn(move |request| {
        let (answer, seat) = (service.call(request), Arc::clone(&seat));
        async move {
            seat.asked(true);
            let answer = answer.await;
            seat.asked(false);
            answer
        }
    });
    let io = TokioIo::new(Hurried::new(stream, limits.answer_within));
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
    /// Takes a seat. When there is none the place that is idle for the longest time is cleared, and only when all are
    /// being answered the oldest of those.
    fn take(self: &Arc<Self>, limit: usize) -> Seat {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.seats.len() >= limit {
            let oldest = taken
                .seats
                .iter()
                .min_by_key(|(_, place)| (place.asked, place.since));
            if let Some(number) = oldest.map(|(number, _)| *number)
                && let Some(place) = taken.seats.remove(&number)
            {
                place.left.cancel();
            }
        }
        let (number, left) = (taken.next, CancellationToken::new());
        taken.next += 1;
        let place = Place {
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

    fn clear(&self) {
        let taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        taken.seats.values().for_each(|place| place.left.cancel());
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
