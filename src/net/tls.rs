//! TLS for every outgoing connection: rustls with ring, the system's CA certificates and, where configured, a private
//! authority. There is no way to skip verification. Loaded at the first use, not at start.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use rustls_platform_verifier::Verifier;

use crate::domain::fault::{Fault, FaultClass};

/// The system's certificates, read once: every client without an authority of its own shares them. Only success is
/// kept, so that certificates installed later are found.
static SYSTEM: Mutex<Option<ClientConfig>> = Mutex::new(None);

/// A client configuration that trusts the system's authorities and those in `ca_file` (PEM). Both HTTP stacks in the
/// program take it. Reads files; cheap to clone.
///
/// # Errors
/// [`FaultClass::Tls`] when there is no authority to trust, [`FaultClass::Config`] when `ca_file` cannot be read.
pub fn client_config(ca_file: Option<&Path>) -> Result<ClientConfig, Fault> {
    if let Some(path) = ca_file {
        return verified(read_authorities(path)?);
    }
    let mut system = SYSTEM.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(config) = system.as_ref() {
        return Ok(config.clone());
    }
    let config = verified(Vec::new())?;
    *system = Some(config.clone());
    Ok(config)
}

/// A configuration that trusts nobody: for clients that speak plain HTTP only, where certificates may be missing.
///
/// # Errors
/// [`FaultClass::Tls`] when ring offers no protocol version, which it does.
pub(super) fn trusting_nobody() -> Result<ClientConfig, Fault> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|e| Fault::new(FaultClass::Tls, format!("no TLS: {e}")))?;
    Ok(builder
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth())
}

/// A connection on which TLS is spoken to a server that shows a certificate for `name`; blocking, within the time limits of
/// the stream.
///
/// # Errors
/// [`FaultClass::Tls`] or [`FaultClass::Config`] when nobody can be trusted or `name` is no name.
pub fn over(
    stream: TcpStream,
    name: &str,
    ca_file: Option<&Path>,
) -> Result<impl Read + Write + use<>, Fault> {
    let config = client_config(ca_file)?;
    let named = ServerName::try_from(name.to_owned());
    let named = named.map_err(|_| {
        Fault::new(
            FaultClass::Config,
            "expected the name of a host, or an address, that the certificate is for",
        )
    })?;
    let connection = ClientConnection::new(config.into(), named)
        .map_err(|e| Fault::new(FaultClass::Tls, format!("no TLS: {e}")))?;
    Ok(StreamOwned::new(connection, stream))
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn verified(extra: Vec<CertificateDer<'static>>) -> Result<ClientConfig, Fault> {
    let provider = provider();
    let verifier = Verifier::new_with_extra_roots(extra, provider.clone()).map_err(|e| {
        Fault::new(FaultClass::Tls, format!("no authority to trust: {e}"))
            .help("install the system's CA certificates (package ca-certificates), set SSL_CERT_FILE, or give the source a ca_file")
    })?;
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| Fault::new(FaultClass::Tls, format!("no TLS: {e}")))?;
    Ok(builder
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth())
}

fn read_authorities(path: &Path) -> Result<Vec<CertificateDer<'static>>, Fault> {
    let unusable = |why: String| {
        Fault::new(
            FaultClass::Config,
            format!("ca_file {}: {why}", path.display()),
        )
        .help("expected a readable PEM file with at least one certificate")
    };
    let pem = std::fs::read(path).map_err(|e| unusable(e.to_string()))?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let certificates = certificates.map_err(|e| unusable(e.to_string()))?;
    if certificates.is_empty() {
        return Err(unusable("holds no certificate".into()));
    }
    Ok(certificates)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f16_an_unusable_ca_file_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ca.pem");
        let fault = client_config(Some(&path)).unwrap_err();
        assert_eq!(fault.class, FaultClass::Config);
        assert!(fault.message.contains("ca.pem"), "{fault}");
        std::fs::write(&path, "no certificate\n").unwrap();
        let fault = client_config(Some(&path)).unwrap_err();
        assert!(fault.message.contains("holds no certificate"), "{fault}");
    }
}
