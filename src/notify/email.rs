//! E-mail: text and HTML, one message for each receiver, so that one wrong address costs nobody else theirs and nobody sees
//! the others. The id of a message is made of its key, so that one that is sent twice is known again.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::transport::smtp::{AsyncSmtpTransport, Error};
use lettre::{AsyncTransport as _, Message as Mail, Tokio1Executor};
use maud::{DOCTYPE, html};
use secrecy::SecretString;
use sha2::{Digest as _, Sha256};

use super::english::{Paper, paper};
use super::message::Message;
use super::post::{Address, DEADLINE, Post, Refusal};
use super::visible::visible;
use crate::config::notify::{EmailSpec, Security};
use crate::config::secret::Secret;
use crate::config::spec::Auth;
use crate::domain::fault::{Fault, FaultClass};
use crate::net::request::Hidden;

/// The longest subject.
const SUBJECT: usize = 200;

/// A server that takes e-mail.
pub struct Email {
    spec: EmailSpec,
    zone: TimeZone,
}

impl Email {
    /// The server; neither reads secrets nor connects.
    #[must_use]
    pub fn new(spec: &EmailSpec, zone: &TimeZone) -> Self {
        Self {
            spec: spec.clone(),
            zone: zone.clone(),
        }
    }

    fn mail(&self, to: Address<'_>, message: &Message) -> Result<Mail, Fault> {
        let paper = paper(message, &self.zone);
        let from = mailbox(&self.spec.from, "from")?;
        let digest = Sha256::digest(to.key);
        let id = format!("<{digest:.32x}@{}>", from.email.domain());
        let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
        Mail::builder()
            .from(from)
            .to(mailbox(to.place, "to")?)
            .subject(visible(&paper.subject, SUBJECT).replace('\n', " "))
            .date(moment(to.at))
            .message_id(Some(id))
            .raw_header(HeaderValue::new(automatic, "auto-generated".into()))
            .multipart(MultiPart::alternative_plain_html(
                text(&paper),
                html(&paper),
            ))
            .map_err(|e| Fault::new(FaultClass::Config, format!("no e-mail can be made: {e}")))
    }

    fn transport(
        &self,
        login: Option<Credentials>,
    ) -> Result<AsyncSmtpTransport<Tokio1Executor>, Fault> {
        let tls = match self.spec.security {
            Security::None => Tls::None,
            Security::StartTls => Tls::Required(self.tls()?),
            Security::Tls => Tls::Wrapper(self.tls()?),
        };
        let builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&*self.spec.server)
            .port(self.spec.port)
            .tls(tls)
            .timeout(Some(DEADLINE));
        Ok(match login {
            Some(login) => builder.credentials(login).build(),
            None => builder.build(),
        })
    }

    fn tls(&self) -> Result<TlsParameters, Fault> {
        let mut builder = TlsParameters::builder(self.spec.server.clone());
        if let Some(path) = &self.spec.ca_file {
            let unreadable = |why: String| {
                let shown = path.display();
                Fault::new(
                    FaultClass::Config,
                    format!("ca_file {shown} cannot be used: {why}"),
                )
            };
            let pem = std::fs::read(path).map_err(|e| unreadable(e.to_string()))?;
            let authority = Certificate::from_pem(&pem).map_err(|e| unreadable(e.to_string()))?;
            builder = builder.add_root_certificate(authority);
        }
        let built = builder.build();
        built.map_err(|e| Fault::new(FaultClass::Tls, format!("no TLS: {e}")))
    }

    /// The login, and the secret in it.
    fn login(&self) -> Result<Option<(Credentials, Secret)>, Fault> {
        let Some(Auth::Basic { user, token }) = &self.spec.auth else {
            return Ok(None);
        };
        let secret = token.read();
        let secret = secret.map_err(|e| Fault::new(FaultClass::Config, e.to_string()))?;
        let login = Credentials::new(user.clone(), secret.expose().to_owned());
        Ok(Some((login, secret)))
    }
}

#[async_trait]
impl Post for Email {
    async fn deliver(&self, to: Address<'_>, message: &Message) -> Result<Option<String>, Refusal> {
        let mail = self.mail(to, message)?;
        let login = self.login()?;
        let hidden = login.as_ref().map(|(_, s)| SecretString::from(s.expose()));
        let hidden = Hidden::from(hidden.into_iter().collect::<Vec<_>>());
        let transport = self.transport(login.map(|(login, _)| login))?;
        // Each command has its time; this is that of all.
        let whole = DEADLINE * 2;
        match tokio::time::timeout(whole, transport.send(mail)).await {
            Ok(Ok(_)) => Ok(None),
            Ok(Err(error)) => Err(judge(&self.spec, &error, &hidden)),
            Err(_) => Err(Refusal::Later(Fault::new(
                FaultClass::Timeout,
                format!(
                    "{}: not taken within {} s",
                    self.spec.server,
                    whole.as_secs()
                ),
            ))),
        }
    }

    fn preview(&self, to: Address<'_>, message: &Message) -> String {
        let paper = paper(message, &self.zone);
        format!(
            "To: {}\nSubject: {}\n\n{}",
            to.place,
            paper.subject,
            text(&paper)
        )
    }

    fn credentials(&self) -> u64 {
        use std::hash::{DefaultHasher, Hash as _, Hasher as _};
        let mut hash = DefaultHasher::new();
        match self.login() {
            Ok(login) => login
                .map(|(_, secret)| secret.expose().to_owned())
                .hash(&mut hash),
            Err(fault) => fault.message.hash(&mut hash),
        }
        hash.finish()
    }
}

/// What an error of the transport means (RFC 5321 section 4.2.1: 4yz may pass, 5yz does not).
fn judge(spec: &EmailSpec, error: &Error, hidden: &Hidden) -> Refusal {
    let code = error.status().map(u16::from);
    let class = match code {
        Some(530 | 534 | 535 | 538) => FaultClass::Auth,
        Some(400..500) => FaultClass::RateLimited,
        Some(_) => FaultClass::Http4xx,
        None if error.is_timeout() => FaultClass::Timeout,
        None if error.is_tls() => FaultClass::Tls,
        None if error.is_client() => FaultClass::BadBody,
        None => FaultClass::Net,
    };
    let mut why = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let _ = write!(why, ": {cause}");
        source = cause.source();
    }
    let server = format!("{}:{}", spec.server, spec.port);
    let fault = hidden.guard(&server, Fault::new(class, format!("{server}: {why}")));
    match code {
        Some(530 | 534 | 535 | 538) => Refusal::All(fault),
        // No such mailbox, or none that may be written to.
        Some(550 | 551 | 553) => Refusal::Place(fault),
        Some(500..) => Refusal::Never(fault),
        _ => Refusal::Later(fault),
    }
}

fn mailbox(text: &str, key: &str) -> Result<Mailbox, Fault> {
    text.parse().map_err(|_| {
        let message = format!("`{key}` holds what is no e-mail address");
        Fault::new(FaultClass::Config, message)
    })
}

fn moment(at: Timestamp) -> SystemTime {
    let since = Duration::from_secs(u64::try_from(at.as_second()).unwrap_or_default());
    SystemTime::UNIX_EPOCH + since
}

/// What can be seen, of any length.
fn seen(text: &str) -> String {
    visible(text, usize::MAX)
}

fn text(paper: &Paper) -> String {
    let mut blocks: Vec<String> = paper.above.iter().map(|above| seen(above)).collect();
    for part in &paper.parts {
        let heading = seen(&part.heading);
        blocks.push(format!(
            "{heading}\n{}",
            "=".repeat(heading.chars().count().min(72))
        ));
        let rest = std::iter::once(&part.lead).filter(|lead| !lead.is_empty());
        blocks.extend(rest.chain(&part.paragraphs).map(|text| seen(text)));
    }
    blocks.push(paper.below.clone());
    blocks.extend(paper.page.clone());
    blocks.join("\n\n") + "\n"
}

fn html(paper: &Paper) -> String {
    let lines = |text: &str| {
        let text = seen(text);
        html! { @for (n, line) in text.lines().enumerate() { @if n > 0 { br; } (line) } }
    };
    let page = html! {
        (DOCTYPE)
        meta charset="utf-8";
        body style="font-family: sans-serif; max-width: 44em" {
            @if let Some(above) = &paper.above { p { (lines(above)) } }
            @for part in &paper.parts {
                h2 { (lines(&part.heading)) }
                @if !part.lead.is_empty() { p { (lines(&part.lead)) } }
                @for paragraph in &part.paragraphs { p { (lines(paragraph)) } }
            }
            p { (lines(&paper.below)) }
            @if let Some(page) = &paper.page { p { a href=(page) { "Open okrd" } } }
        }
    };
    page.into_string()
}
