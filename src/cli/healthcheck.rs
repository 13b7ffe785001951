//! `okrd healthcheck`: asks a running okrd whether it is healthy, for containers that hold no other program that could. Reads
//! no configuration: files that are being edited must not make a healthy daemon look ill.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::args::HealthcheckArgs;
use super::exit::{Failure, Verdict, complain, say};
use super::table::printable;
use crate::net::tls;

/// How long each step of the question may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// More than the answer ever has, in bytes.
const LONGEST: u64 = 4096;

/// Asks, and says what came back.
///
/// # Errors
/// When stdout takes no more.
pub fn run(args: &HealthcheckArgs) -> Result<Verdict, Failure> {
    let address = args.address;
    match ask(args) {
        Ok(answer) if answer.status == 200 => {
            say(&format!("{}\n", printable(answer.body.trim())))?;
            return Ok(Verdict::Yes);
        }
        Ok(Answer { status, body }) => complain(&format!(
            "not healthy: {address} answers {status}: {}\n",
            printable(body.trim())
        )),
        Err(error) => complain(&format!(
            "not healthy: no okrd answers at {address}: {error}; `server.listen` says where it listens{}\n",
            match args.tls_name {
                Some(_) => "",
                None => ", and one that speaks TLS is asked with `--tls-name`",
            }
        )),
    }
    Ok(Verdict::No)
}

struct Answer {
    status: u16,
    body: String,
}

fn ask(args: &HealthcheckArgs) -> io::Result<Answer> {
    let address = args.address;
    let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    match &args.tls_name {
        None => talk(stream, &address.to_string()),
        Some(name) => {
            let secured = tls::over(stream, name, args.ca.as_deref());
            let secured = secured.map_err(|fault| io::Error::other(fault.to_string()))?;
            // Where only loopback names are answered to, the address is one and the certificate's name may be none.
            talk(secured, &address.to_string())
        }
    }
}

fn talk(mut stream: impl Read + Write, host: &str) -> io::Result<Answer> {
    let question = format!("GET /-/healthy HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(question.as_bytes())?;
    stream.flush()?;
    let mut answer = Vec::new();
    stream.take(LONGEST).read_to_end(&mut answer)?;
    parse(&answer).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "that is no HTTP"))
}

/// `HTTP/1.1 200 OK`, further lines of the head, an empty line, the body.
fn parse(answer: &[u8]) -> Option<Answer> {
    let answer = String::from_utf8_lossy(answer);
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let mut words = head.strip_prefix("HTTP/1.")?.split_ascii_whitespace();
    Some(Answer {
        status: words.nth(1)?.parse().ok()?,
        body: body.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_http_is_an_answer() {
        let well = parse(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nyes").unwrap();
        assert_eq!((well.status, well.body.as_str()), (200, "yes"));
        let ill = parse(b"HTTP/1.0 503 Service Unavailable\r\n\r\n").unwrap();
        assert_eq!((ill.status, ill.body.as_str()), (503, ""));
        for nonsense in [
            &b""[..],
            b"SSH-2.0-x\r\n\r\n",
            b"HTTP/1.1 200 OK\r\n",
            b"HTTP/1.1 x\r\n\r\n",
        ] {
            assert!(parse(nonsense).is_none());
        }
    }
}
