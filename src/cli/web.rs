//! The file of `server.web_config` while the daemon runs: read anew each second together with the certificates it names,
//! taken over when it changed and is sound. A faulty one changes nothing, and neither TLS nor passwords are given up
//! without a restart: a file that is half written must not open the server.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue};
use sha2::{Digest as _, Sha256};
use tokio::time::sleep;

use crate::config::secret::{Secret, SecretRef};
use crate::config::web::WebConfig;
use crate::http::tls::{self, Held, Spoken, Tls};

/// How often the files are read.
const READ_EVERY: Duration = Duration::from_secs(1);

/// The file, and what it says now.
pub struct Web {
    path: PathBuf,
    live: RwLock<Arc<Live>>,
}

/// What is in force.
#[derive(Clone)]
pub struct Live {
    fingerprint: [u8; 32],
    /// Users with the hashes of their passwords.
    pub users: BTreeMap<String, Secret>,
    /// Headers for every answer.
    pub headers: Arc<[(HeaderName, HeaderValue)]>,
    tls: Option<Spoken>,
}

/// The files as they were read, before anything is made of them.
struct Texts {
    web: WebConfig,
    held: Option<Held>,
    fingerprint: [u8; 32],
}

impl Texts {
    fn read(path: &Path) -> Result<Self, String> {
        let of_file = |error: String| format!("web_config {}: {error}", path.display());
        let text = SecretRef::File(path.to_owned()).read();
        let text = text.map_err(|error| of_file(error.to_string()))?;
        let folder = path.parent().unwrap_or(Path::new("."));
        let web = WebConfig::parse(text.expose(), folder).map_err(of_file)?;
        let mut digest = Sha256::new();
        let mut enter = |text: &Secret| {
            digest.update(text.expose().len().to_le_bytes());
            digest.update(text.expose());
        };
        enter(&text);
        let held = match &web.tls {
            None => None,
            Some(spec) => {
                let read = |pem: &crate::config::web::Pem| {
                    let read = pem.read();
                    read.map_err(|error| of_file(error.to_string()))
                };
                let held = Held {
                    cert: read(&spec.cert)?,
                    key: read(&spec.key)?,
                    client_ca: spec.clients.authorities().map(read).transpose()?,
                };
                [Some(&held.cert), Some(&held.key), held.client_ca.as_ref()]
                    .into_iter()
                    .flatten()
                    .for_each(&mut enter);
                Some(held)
            }
        };
        Ok(Self {
            web,
            held,
            fingerprint: digest.finalize().into(),
        })
    }

    fn live(self, path: &Path) -> Result<Live, String> {
        let of_file = |error| format!("web_config {}: {error}", path.display());
        let tls = self.web.tls.as_ref().zip(self.held.as_ref());
        let tls = tls.map(|(spec, held)| tls::configuration(spec, held));
        let headers = self.web.headers.iter().map(|(name, value)| {
            // The reader let only known names and plain values through.
            Some((name.parse().ok()?, value.parse().ok()?))
        });
        Ok(Live {
            fingerprint: self.fingerprint,
            users: self.web.users,
            headers: headers.flatten().collect(),
            tls: tls.transpose().map_err(of_file)?,
        })
    }
}

impl Web {
    /// Reads the file and what it names.
    ///
    /// # Errors
    /// What is wrong with them, and the remedy.
    pub fn open(path: &Path) -> Result<Arc<Self>, String> {
        let live = Texts::read(path)?.live(path)?;
        Ok(Arc::new(Self {
            path: path.to_owned(),
            live: RwLock::new(Arc::new(live)),
        }))
    }

    /// What is in force now.
    pub fn live(&self) -> Arc<Live> {
        Arc::clone(&self.live.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// How TLS is spoken, now and later.
    pub fn tls(self: &Arc<Self>) -> Tls {
        let web = Arc::clone(self);
        Arc::new(move || web.live().tls.clone())
    }

    /// Whether TLS is spoken.
    pub fn is_tls(&self) -> bool {
        self.live().tls.is_some()
    }

    /// Takes over what changed; tells whether anything did.
    fn renew(&self) -> Result<bool, String> {
        let texts = Texts::read(&self.path)?;
        let before = self.live();
        if texts.fingerprint == before.fingerprint {
            return Ok(false);
        }
        let live = texts.live(&self.path)?;
        let given_up = |what: &str| {
            format!(
                "web_config {}: it gives up {what}, which takes a restart",
                self.path.display()
            )
        };
        if before.tls.is_some() && live.tls.is_none() {
            return Err(given_up("TLS"));
        }
        if !before.users.is_empty() && live.users.is_empty() {
            return Err(given_up("all users"));
        }
        *self.live.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(live);
        Ok(true)
    }

    /// Looks each second, for ever. What is wrong twice in a row is told once: certificate and key change one after the other.
    pub async fn keep(self: Arc<Self>) {
        let (mut before, mut told) = (None, None);
        loop {
            sleep(READ_EVERY).await;
            let web = Arc::clone(&self);
            let renewed = tokio::task::spawn_blocking(move || web.renew()).await;
            match renewed {
                Ok(Ok(renewed)) => {
                    if renewed {
                        tracing::info!("web_config or a certificate changed and is in force");
                    } else if told.is_some() {
                        tracing::info!("web_config and certificates are sound again");
                    }
                    (before, told) = (None, None);
                }
                Ok(Err(error)) => {
                    if before.as_ref() == Some(&error) && told.as_ref() != Some(&error) {
                        tracing::error!("{error}; what was in force stays so");
                        told = Some(error.clone());
                    }
                    before = Some(error);
                }
                Err(_) => {}
            }
        }
    }
}
