//! A server that is asked over HTTP, on a free port of 127.0.0.1, and says at `/-/ready` when it is: Prometheus and its kin.
//! It is gone with the value or with the test binary, however that ends.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Child;
use std::time::{Duration, Instant};

use super::{free_port, supervise};

/// Long enough for a busy machine, never waited for in a test that passes.
pub const PATIENT: Duration = Duration::from_secs(60);

/// The server.
pub struct Web {
    name: &'static str,
    /// Where it listens: `127.0.0.1:PORT`.
    pub address: String,
    /// A folder of its own; its log is there.
    pub dir: PathBuf,
    running: Option<Child>,
}

impl Web {
    /// A place for one that is not started yet.
    pub fn new(name: &'static str) -> Self {
        let dir = tempfile::Builder::new().prefix("okrd-test-").tempdir();
        Self {
            name,
            address: format!("127.0.0.1:{}", free_port()),
            dir: dir.unwrap().keep(),
            running: None,
        }
    }

    /// Starts it and waits until it is ready.
    pub fn start(mut self, command: &[String]) -> Self {
        self.running = Some(supervise(&self.dir, command));
        let end = Instant::now() + PATIENT;
        while http(&self.address, "GET", "/-/ready", "").is_none_or(|answer| answer.0 != 200) {
            assert!(
                Instant::now() < end,
                "{} is not ready after {PATIENT:?}; its log:\n{}",
                self.name,
                self.log()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        self
    }

    /// What it wrote so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.join("log")).unwrap_or_default()
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        if let Some(mut child) = self.running.take() {
            // The end of its input tells the shell to tidy up.
            drop(child.stdin.take());
            let _ = child.wait();
        }
    }
}

/// One request with a form as its body; status and body of the answer, `None` when nobody answers.
pub fn http(address: &str, method: &str, path: &str, form: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(PATIENT)).ok()?;
    // HTTP 1.0: the answer is as long as the connection.
    let request = format!(
        "{method} {path} HTTP/1.0\r\nHost: {address}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\n\r\n{form}",
        form.len()
    );
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, body.to_owned()))
}
