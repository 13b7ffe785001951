//! TLS for those who connect to us: rustls with ring, from certificates that may be renewed while it serves. Reads no file.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, SupportedProtocolVersion};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::config::secret::Secret;
use crate::config::web::{Clients, TlsSpec, TlsVersion};

/// A way to speak TLS.
pub type Spoken = Arc<ServerConfig>;

/// How TLS is spoken at this moment; `None` when it is not.
pub type Tls = Arc<dyn Fn() -> Option<Spoken> + Send + Sync>;

/// No TLS.
#[must_use]
pub fn none() -> Tls {
    Arc::new(|| None)
}

/// What the files behind a specification hold, as PEM.
pub struct Held {
    /// The certificate, with those that lead to its authority.
    pub cert: Secret,
    /// Its key.
    pub key: Secret,
    /// Authorities of clients.
    pub client_ca: Option<Secret>,
}

/// How TLS is spoken by a specification.
///
/// # Errors
/// What is wrong with it, and the remedy.
pub fn configuration(spec: &TlsSpec, held: &Held) -> Result<Spoken, String> {
    let provider = Arc::new(provider(spec)?);
    let certificates = certificates("cert_file", &held.cert)?;
    let key = PrivateKeyDer::from_pem_slice(held.key.expose().as_bytes())
        .map_err(|_| "key_file holds no private key in PEM (PKCS#8, PKCS#1 or SEC1)".to_owned())?;
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&versions(spec))
        .map_err(|error| format!("cipher_suites and versions leave nothing to speak: {error}"))?;
    let builder = match (&spec.clients, &held.client_ca) {
        (Clients::Nobody, _) | (_, None) => builder.with_no_client_auth(),
        (clients, Some(authorities)) => {
            let mut roots = RootCertStore::empty();
            for authority in self::certificates("client_ca_file", authorities)? {
                roots
                    .add(authority)
                    .map_err(|error| format!("client_ca_file holds no authority: {error}"))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
            let verifier = match clients {
                Clients::IfGiven(_) => verifier.allow_unauthenticated(),
                _ => verifier,
            };
            let verifier = verifier
                .build()
                .map_err(|error| format!("client_ca_file is of no use: {error}"))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut config = builder
        .with_single_cert(certificates, key)
        .map_err(|error| format!("cert_file and key_file do not go together: {error}"))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn certificates(name: &str, pem: &Secret) -> Result<Vec<CertificateDer<'static>>, String> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.expose().as_bytes()).collect();
    let found = read.ok().filter(|found| !found.is_empty());
    found.ok_or_else(|| format!("{name} holds no certificate in PEM"))
}

fn versions(spec: &TlsSpec) -> Vec<&'static SupportedProtocolVersion> {
    let all = [(TlsVersion::Tls12, &TLS12), (TlsVersion::Tls13, &TLS13)];
    let range = spec.min_version..=spec.max_version;
    let all = all
        .into_iter()
        .filter(|(version, _)| range.contains(version));
    all.map(|(_, version)| version).collect()
}

/// What ring has, less what the file leaves out; its lists speak of TLS 1.2 as far as ciphers go.
fn provider(spec: &TlsSpec) -> Result<CryptoProvider, String> {
    let mut provider = ring::default_provider();
    if !spec.cipher_suites.is_empty() {
        let name = |suite: &rustls::SupportedCipherSuite| format!("{:?}", suite.suite());
        let known: Vec<_> = provider.cipher_suites.iter().map(name).collect();
        if let Some(wrong) = unknown(&spec.cipher_suites, &known) {
            return Err(format!(
                "cipher_suites names `{wrong}`, which okrd does not speak; known are {}",
                known.join(", ")
            ));
        }
        provider.cipher_suites.retain(|suite| {
            suite.version().version == TLS13.version || spec.cipher_suites.contains(&name(suite))
        });
    }
    if !spec.curves.is_empty() {
        let known = [
            ("X25519", rustls::NamedGroup::X25519),
            ("CurveP256", rustls::NamedGroup::secp256r1),
            ("CurveP384", rustls::NamedGroup::secp384r1),
        ];
        let names: Vec<_> = known.iter().map(|(name, _)| (*name).to_owned()).collect();
        if let Some(wrong) = unknown(&spec.curves, &names) {
            return Err(format!(
                "curve_preferences names `{wrong}`, which okrd does not speak; known are {}",
                names.join(", ")
            ));
        }
        let place = |group: rustls::NamedGroup| {
            let name = known.iter().find(|(_, known)| *known == group)?.0;
            spec.curves.iter().position(|curve| curve == name)
        };
        provider
            .kx_groups
            .retain(|group| place(group.name()).is_some());
        provider.kx_groups.sort_by_key(|group| place(group.name()));
    }
    Ok(provider)
}

fn unknown<'n>(named: &'n [String], known: &[String]) -> Option<&'n str> {
    let wrong = named.iter().find(|name| !known.contains(name));
    wrong.map(String::as_str)
}

/// A connection, in the clear or not.
pub(super) enum Wire<S> {
    Plain(S),
    Tls(Box<TlsStream<S>>),
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    /// Shakes hands where TLS is spoken. The caller sets the limit of time.
    pub(super) async fn open(stream: S, tls: Option<Spoken>) -> io::Result<Self> {
        Ok(match tls {
            None => Self::Plain(stream),
            Some(config) => Self::Tls(Box::new(TlsAcceptor::from(config).accept(stream).await?)),
        })
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Wire<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, bytes),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
