//! A plain HTTP client for measuring: one connection that is kept, nothing between the socket and the figure.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

/// One connection that is kept.
pub(crate) struct Client(BufReader<TcpStream>);

impl Client {
    pub(crate) fn to(address: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        Self(BufReader::with_capacity(64 * 1024, stream))
    }

    /// The body of the answer, which must be 200.
    pub(crate) fn get(&mut self, path: &str, headers: &str) -> Vec<u8> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
        self.0.get_mut().write_all(request.as_bytes()).unwrap();
        let mut length = None;
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line).unwrap();
            let line = line.trim_end().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if line.starts_with("http/") {
                assert!(line.contains(" 200 "), "{line}");
            }
            if let Some(found) = line.strip_prefix("content-length: ") {
                length = Some(found.parse().unwrap());
            }
        }
        let mut body = vec![0; length.unwrap()];
        self.0.read_exact(&mut body).unwrap();
        body
    }
}
