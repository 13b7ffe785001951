//! An e-mail server that refuses what RFC 5321 refuses: commands out of order, a bare line feed, lines beyond 998
//! characters, a login or a message before the connection is safe where it must be, receivers that it does not know.
//! Undoes the dots of a message's lines and keeps what it took.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// The one login that is known, as `AUTH PLAIN` has it before base64.
pub(crate) const LOGIN: &str = "\0okrd@acme.example\0mail-canary-4711";

/// A message that was taken.
#[derive(Clone, Debug)]
pub(crate) struct Taken {
    pub(crate) to: Vec<String>,
    /// Whether the connection was safe.
    pub(crate) safe: bool,
    /// As sent, its lines' dots undone.
    pub(crate) text: String,
}

impl Taken {
    /// The value of a header, unfolded; panics when it is there twice.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let head = self
            .text
            .split("\r\n\r\n")
            .next()
            .unwrap()
            .replace("\r\n ", " ");
        let mut found = head
            .lines()
            .filter_map(|line| line.strip_prefix(&format!("{name}: ")));
        let value = found.next().map(str::to_owned);
        assert!(found.next().is_none(), "{name} stands twice in {head}");
        value
    }
}

#[derive(Default)]
struct State {
    taken: Vec<Taken>,
    /// What the next receivers are answered in place of 250.
    next: VecDeque<&'static str>,
    unknown: Vec<String>,
    commands: Vec<String>,
}

/// The server.
#[derive(Clone)]
pub(crate) struct Smtp {
    pub(crate) addr: SocketAddr,
    state: Arc<Mutex<State>>,
    /// Offers STARTTLS, and takes nothing before it, and no message before a login.
    tls: Option<TlsAcceptor>,
}

/// What a conversation ends with.
enum End<S> {
    Gone,
    StartTls(S),
}

impl Smtp {
    pub(crate) async fn start(tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            addr: listener.local_addr().unwrap(),
            state: Arc::default(),
            tls,
        };
        let own = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(own.clone().serve(stream));
            }
        });
        server
    }

    pub(crate) fn taken(&self) -> Vec<Taken> {
        self.state.lock().unwrap().taken.clone()
    }

    /// Every command, logins without their words.
    pub(crate) fn commands(&self) -> Vec<String> {
        self.state.lock().unwrap().commands.clone()
    }

    pub(crate) fn next(&self, answer: &'static str) {
        self.state.lock().unwrap().next.push_back(answer);
    }

    pub(crate) fn knows_not(&self, receiver: &str) {
        self.state.lock().unwrap().unknown.push(receiver.into());
    }

    async fn serve(self, stream: TcpStream) {
        let plain = self.talk(stream, true, false).await;
        if let (Some(End::StartTls(stream)), Some(tls)) = (plain, &self.tls)
            && let Ok(stream) = tls.accept(stream).await
        {
            self.talk(stream, false, true).await;
        }
    }

    async fn talk<S>(&self, mut stream: S, greet: bool, safe: bool) -> Option<End<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let must_be_safe = self.tls.is_some();
        let (mut rest, mut from, mut to) = (Vec::new(), None::<String>, Vec::new());
        let (mut greeted, mut logged_in) = (false, false);
        if greet {
            say(&mut stream, "220 mail.acme.example ESMTP").await?;
        }
        loop {
            let line = line(&mut stream, &mut rest).await?;
            let word = line.split([' ', ':']).next().unwrap().to_ascii_uppercase();
            let shown = if word == "AUTH" { "AUTH" } else { &line };
            self.state.lock().unwrap().commands.push(shown.to_owned());
            let answer = match word.as_str() {
                "EHLO" => {
                    greeted = true;
                    let offer = match (must_be_safe, safe) {
                        (true, false) => "250 STARTTLS",
                        (true, true) => "250 AUTH PLAIN",
                        (false, _) => "250 HELP",
                    };
                    format!("250-mail.acme.example\r\n{offer}")
                }
                "STARTTLS" if must_be_safe && !safe => {
                    say(&mut stream, "220 Go ahead").await?;
                    return Some(End::StartTls(stream));
                }
                "AUTH" if !safe => "538 5.7.11 Encryption required".into(),
                "AUTH" => {
                    let known = format!("AUTH PLAIN {}", crate::jira::base64(LOGIN));
                    logged_in = line == known;
                    if logged_in {
                        "235 2.7.0 Accepted"
                    } else {
                        "535 5.7.8 Bad credentials"
                    }
                    .into()
                }
                "MAIL" if must_be_safe && !(safe && logged_in) => "530 5.7.0 Log in first".into(),
                "MAIL" if greeted && from.is_none() => {
                    from = Some(line);
                    "250 OK".into()
                }
                "RCPT" if from.is_some() => {
                    let receiver = line.split(['<', '>']).nth(1).unwrap().to_owned();
                    let mut state = self.state.lock().unwrap();
                    if let Some(answer) = state.next.pop_front() {
                        answer.into()
                    } else if state.unknown.contains(&receiver) {
                        "550 5.1.1 No such mailbox".into()
                    } else {
                        to.push(receiver);
                        "250 OK".into()
                    }
                }
                "DATA" if !to.is_empty() => {
                    say(&mut stream, "354 Go on").await?;
                    let text = self.data(&mut stream, &mut rest).await?;
                    match text {
                        Ok(text) => {
                            let taken = Taken {
                                to: std::mem::take(&mut to),
                                safe,
                                text,
                            };
                            self.state.lock().unwrap().taken.push(taken);
                            from = None;
                            "250 2.0.0 Taken".into()
                        }
                        Err(refusal) => refusal.into(),
                    }
                }
                "RSET" => {
                    (from, to) = (None, Vec::new());
                    "250 OK".into()
                }
                "NOOP" => "250 OK".into(),
                "QUIT" => {
                    say(&mut stream, "221 Bye").await?;
                    return Some(End::Gone);
                }
                _ => "503 5.5.1 Bad sequence of commands".to_owned(),
            };
            say(&mut stream, &answer).await?;
        }
    }

    /// A message up to its dot.
    async fn data<S: AsyncRead + Unpin>(
        &self,
        stream: &mut S,
        rest: &mut Vec<u8>,
    ) -> Option<Result<String, &'static str>> {
        let (mut text, mut refused) = (String::new(), None);
        loop {
            let line = line(stream, rest).await?;
            if line == "." {
                return Some(refused.map_or(Ok(text), Err));
            }
            if line.len() > 998 || line.contains(['\r', '\n', '\0']) || !line.is_ascii() {
                refused = Some("500 5.5.2 A line that no message may have");
            }
            text.push_str(line.strip_prefix('.').unwrap_or(&line));
            text.push_str("\r\n");
        }
    }
}

async fn say<S: AsyncWrite + Unpin>(stream: &mut S, text: &str) -> Option<()> {
    stream
        .write_all(format!("{text}\r\n").as_bytes())
        .await
        .ok()?;
    stream.flush().await.ok()
}

/// One line, ended by CR and LF and by nothing else.
async fn line<S: AsyncRead + Unpin>(stream: &mut S, rest: &mut Vec<u8>) -> Option<String> {
    loop {
        if let Some(at) = rest.windows(2).position(|pair| pair == b"\r\n") {
            let line = String::from_utf8(rest.drain(..at).collect()).unwrap();
            rest.drain(..2);
            return Some(line);
        }
        if stream.read_buf(rest).await.ok()? == 0 {
            return None;
        }
    }
}
