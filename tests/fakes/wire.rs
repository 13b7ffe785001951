//! A server on raw TCP. A handler reads each request and says, act by act, what goes over the wire, so that a test
//! can stall, drip, cut, lie and reset. One request per connection.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// One thing the server does.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Sends these bytes.
    Send(Vec<u8>),
    /// Sends the piece again and again, so often, until the client goes.
    Drip(Vec<u8>, Duration),
    /// Sends the piece for ever as fast as it goes, until the client goes.
    Flood(Vec<u8>),
    /// Says nothing more, until the client goes.
    Stall,
    /// Resets the connection.
    Reset,
}

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Everything, to look for what must not be there.
    pub(crate) raw: Vec<u8>,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(n, _)| n == name);
        let value = found.next().map(|(_, value)| value.as_str());
        assert!(found.next().is_none(), "header {name} came twice");
        value
    }

    pub(crate) fn body_text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

type Handler = dyn Fn(&Asked) -> Vec<Act> + Send + Sync;

/// The server; ends with the test's runtime.
#[derive(Clone)]
pub(crate) struct Wire {
    pub(crate) addr: SocketAddr,
    scheme: &'static str,
    asked: Arc<Mutex<Vec<Asked>>>,
    connections: Arc<AtomicUsize>,
    sent: Arc<AtomicUsize>,
}

impl Wire {
    /// Plain HTTP.
    pub(crate) async fn plain(
        handler: impl Fn(&Asked) -> Vec<Act> + Send + Sync + 'static,
    ) -> Self {
        Self::start(None, Arc::new(handler)).await
    }

    /// HTTP over TLS.
    pub(crate) async fn tls(
        acceptor: TlsAcceptor,
        handler: impl Fn(&Asked) -> Vec<Act> + Send + Sync + 'static,
    ) -> Self {
        Self::start(Some(acceptor), Arc::new(handler)).await
    }

    /// The same acts for every request.
    pub(crate) async fn always(acts: Vec<Act>) -> Self {
        Self::plain(move |_| acts.clone()).await
    }

    async fn start(acceptor: Option<TlsAcceptor>, handler: Arc<Handler>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let wire = Self {
            addr: listener.local_addr().unwrap(),
            scheme: if acceptor.is_some() { "https" } else { "http" },
            asked: Arc::default(),
            connections: Arc::default(),
            sent: Arc::default(),
        };
        let own = wire.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                own.connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(own.clone().greet(stream, acceptor.clone(), handler.clone()));
            }
        });
        wire
    }

    pub(crate) fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.addr)
    }

    pub(crate) fn port(&self) -> u16 {
        self.addr.port()
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// Connections taken, requests or not.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Bytes that the system took from us.
    pub(crate) fn sent(&self) -> usize {
        self.sent.load(Ordering::SeqCst)
    }

    async fn greet(self, stream: TcpStream, acceptor: Option<TlsAcceptor>, handler: Arc<Handler>) {
        match acceptor {
            None => {
                let stream = self.serve(stream, handler).await;
                if let Some(stream) = stream {
                    stream.set_zero_linger().unwrap();
                }
            }
            Some(acceptor) => {
                // The client may refuse the certificate: then there is nothing to serve.
                if let Ok(stream) = acceptor.accept(stream).await {
                    self.serve(stream, handler).await;
                }
            }
        }
    }

    /// Plays the acts; hands the stream back when it is to be reset.
    async fn serve<S>(&self, mut stream: S, handler: Arc<Handler>) -> Option<S>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let asked = read_request(&mut stream).await?;
        self.asked.lock().unwrap().push(asked.clone());
        for act in handler(&asked) {
            match act {
                Act::Send(bytes) => self.write(&mut stream, &bytes).await?,
                Act::Drip(piece, every) => {
                    let mut ticks = tokio::time::interval(every);
                    loop {
                        ticks.tick().await;
                        self.write(&mut stream, &piece).await?;
                    }
                }
                Act::Flood(piece) => loop {
                    self.write(&mut stream, &piece).await?;
                },
                Act::Stall => {
                    let mut rest = Vec::new();
                    let _ = stream.read_to_end(&mut rest).await;
                }
                Act::Reset => return Some(stream),
            }
        }
        let _ = stream.shutdown().await;
        None
    }

    async fn write<S: AsyncWrite + Unpin>(&self, stream: &mut S, bytes: &[u8]) -> Option<()> {
        stream.write_all(bytes).await.ok()?;
        self.sent.fetch_add(bytes.len(), Ordering::SeqCst);
        stream.flush().await.ok()
    }
}

/// Reads one request with `Content-Length` or none; panics on what no client of ours may send.
async fn read_request<S: AsyncRead + Unpin>(stream: &mut S) -> Option<Asked> {
    let mut raw = Vec::new();
    let head_ends = loop {
        if let Some(at) = raw.windows(4).position(|w| w == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(&mut raw).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(raw[..head_ends].to_vec()).unwrap();
    let mut lines = head.lines();
    let mut request_line = lines.next().unwrap().split(' ');
    let method = request_line.next().unwrap().to_owned();
    let target = request_line.next().unwrap().to_owned();
    assert_eq!(request_line.next(), Some("HTTP/1.1"));
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length: usize = length.map_or(0, |(_, n)| n.parse().unwrap());
    while raw.len() < head_ends + length {
        if stream.read_buf(&mut raw).await.ok()? == 0 {
            return None;
        }
    }
    Some(Asked {
        method,
        target,
        headers,
        body: raw[head_ends..].to_vec(),
        raw,
    })
}

/// A whole answer.
pub(crate) fn respond(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Vec<Act> {
    let mut head = format!(
        "HTTP/1.1 {status} Status\r\nContent-Length: {}\r\nConnection: close\r\n",
        body.len()
    );
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    vec![Act::Send([head.as_bytes(), body].concat())]
}

/// A whole answer in JSON.
pub(crate) fn json(status: u16, body: &str) -> Vec<Act> {
    respond(
        status,
        &[("Content-Type", "application/json")],
        body.as_bytes(),
    )
}

/// The head of an answer in JSON with these further lines, each ended by `\r\n`.
pub(crate) fn head(lines: &str) -> Act {
    Act::Send(
        format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{lines}\r\n").into_bytes(),
    )
}

/// A server that takes no connection: its queue is full, further packets are dropped. Lives as long as what is returned.
pub(crate) async fn black_hole() -> (SocketAddr, impl Sized) {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let addr = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Some(stream) = soon(TcpStream::connect(addr)).await {
        waiting.push(stream);
        assert!(waiting.len() < 16, "the queue does not fill");
    }
    (addr, (listener, waiting))
}

async fn soon<T, E>(connecting: impl Future<Output = Result<T, E>>) -> Option<T> {
    let wait = Duration::from_millis(200);
    tokio::time::timeout(wait, connecting).await.ok()?.ok()
}

/// Zeros in a deflate stream of 13 bits for each 258 bytes, in gzip's wrapping and without its end: one match of the
/// byte before, over and over (RFC 1951 section 3.2.6, fixed codes).
pub(crate) fn gzip_bomb(bytes: usize) -> Vec<u8> {
    let mut bits = Bits::default();
    bits.number(0b1, 1); // last block
    bits.number(0b01, 2); // fixed codes
    bits.code(0b0011_0000, 8); // literal 0
    for _ in 0..bytes / 258 {
        bits.code(0b1100_0101, 8); // length 258
        bits.code(0, 5); // distance 1
    }
    let head = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    [head.as_slice(), bits.bytes.as_slice()].concat()
}

#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    used: u32,
}

impl Bits {
    fn bit(&mut self, bit: u32) {
        if self.used.is_multiple_of(8) {
            self.bytes.push(0);
        }
        *self.bytes.last_mut().unwrap() |= (bit as u8) << (self.used % 8);
        self.used += 1;
    }

    /// Lowest bit first.
    fn number(&mut self, value: u32, width: u32) {
        (0..width).for_each(|n| self.bit(value >> n & 1));
    }

    /// Highest bit first, as Huffman codes are packed.
    fn code(&mut self, value: u32, width: u32) {
        (0..width).rev().for_each(|n| self.bit(value >> n & 1));
    }
}
