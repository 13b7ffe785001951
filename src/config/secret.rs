//! Secrets: where they are kept, and a type that cannot be printed. The only file besides `load` that reads
//! files and environment. A secret is read at each use, so that a rotated one works without a restart; a file system
//! that does not answer holds up nobody for long.

use std::collections::BTreeSet;
use std::fmt;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

/// A place where a secret is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretRef {
    /// An environment variable.
    Env(String),
    /// A file, absolute.
    File(PathBuf),
    /// A systemd credential: a file in `$CREDENTIALS_DIRECTORY`.
    Credential(String),
}

/// A secret. Neither `Debug` nor `Display` shows it.
#[derive(Clone)]
pub struct Secret(SecretString);

/// Why a secret cannot be read; names the place, never the content.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// The variable is not set.
    #[error("environment variable {0} is not set: set it for the okrd process")]
    NoVariable(String),
    /// `$CREDENTIALS_DIRECTORY` is not set.
    #[error(
        "credential {0}: $CREDENTIALS_DIRECTORY is not set: run under systemd with LoadCredential={0}:PATH"
    )]
    NoCredentials(String),
    /// The file cannot be read.
    #[error("secret file {path}: {why}")]
    Unreadable {
        /// The file.
        path: String,
        /// The system's words.
        why: String,
    },
    /// The secret is empty or no text.
    #[error(
        "{0} is empty or not UTF-8 text: expected the secret itself, one trailing newline is dropped"
    )]
    NotText(String),
}

impl SecretRef {
    /// Reads the secret; one trailing newline is dropped from a file.
    ///
    /// # Errors
    /// When the place does not exist, cannot be read or holds no text.
    pub fn read(&self) -> Result<Secret, SecretError> {
        let text = match self {
            Self::Env(name) => match std::env::var(name) {
                Ok(text) => text,
                Err(std::env::VarError::NotPresent) => {
                    return Err(SecretError::NoVariable(name.clone()));
                }
                Err(std::env::VarError::NotUnicode(_)) => {
                    return Err(SecretError::NotText(self.to_string()));
                }
            },
            Self::File(path) => self.read_file(path)?,
            Self::Credential(name) => {
                let folder = std::env::var_os("CREDENTIALS_DIRECTORY")
                    .ok_or_else(|| SecretError::NoCredentials(name.clone()))?;
                self.read_file(&Path::new(&folder).join(name))?
            }
        };
        if text.is_empty() {
            return Err(SecretError::NotText(self.to_string()));
        }
        Ok(Secret::new(text))
    }

    fn read_file(&self, path: &Path) -> Result<String, SecretError> {
        let bytes = PATIENTLY.read(path, read_regular_file);
        let bytes = bytes.map_err(|e| SecretError::Unreadable {
            path: path.display().to_string(),
            why: e.to_string(),
        })?;
        let mut text =
            String::from_utf8(bytes).map_err(|_| SecretError::NotText(self.to_string()))?;
        if text.ends_with('\n') {
            text.pop();
            if text.ends_with('\r') {
                text.pop();
            }
        }
        Ok(text)
    }
}

/// The largest secret file in bytes; keys with their certificates stay far below.
const LARGEST: u64 = 64 * 1024;

/// Reads a file that is one: a pipe or a device may have no end, or no beginning.
fn read_regular_file(path: &Path) -> io::Result<Vec<u8>> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path)?;
    file.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST {
        let why = format!("it is larger than {LARGEST} bytes: is it the right file");
        return Err(io::Error::other(why));
    }
    Ok(bytes)
}

/// Reads on threads of their own, because a file system on the network may not answer for hours.
struct Patiently {
    /// How long a read is waited for.
    limit: Duration,
    /// The files whose reads were given up and have not ended: nobody waits for them a second time.
    stuck: Mutex<BTreeSet<PathBuf>>,
}

static PATIENTLY: Patiently = Patiently {
    limit: Duration::from_millis(500),
    stuck: Mutex::new(BTreeSet::new()),
};

impl Patiently {
    fn read(
        &'static self,
        path: &Path,
        how: impl FnOnce(&Path) -> io::Result<Vec<u8>> + Send + 'static,
    ) -> io::Result<Vec<u8>> {
        let given_up = || io::Error::other("the file system does not answer");
        if self.stuck().contains(path) {
            return Err(given_up());
        }
        let (tell, told) = mpsc::channel();
        let own = path.to_owned();
        std::thread::Builder::new().spawn(move || {
            let bytes = how(&own);
            // The lock is held meanwhile, so that a read given up at this very moment is not taken for stuck.
            let mut stuck = self.stuck();
            stuck.remove(&own);
            let _ = tell.send(bytes);
        })?;
        if let Ok(bytes) = told.recv_timeout(self.limit) {
            return bytes;
        }
        let mut stuck = self.stuck();
        told.try_recv().unwrap_or_else(|_nothing_yet| {
            stuck.insert(path.to_owned());
            Err(given_up())
        })
    }

    fn stuck(&self) -> MutexGuard<'_, BTreeSet<PathBuf>> {
        self.stuck.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "environment variable {name}"),
            Self::File(path) => write!(f, "secret file {}", path.display()),
            Self::Credential(name) => write!(f, "credential {name}"),
        }
    }
}

impl Secret {
    /// Takes a text as a secret.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(SecretString::from(text))
    }

    /// The secret itself, for the one place that sends it.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// A setting that is plain text or kept elsewhere as a secret, such as a URL with a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setting {
    /// Plain text, free of secrets.
    Plain(String),
    /// Kept elsewhere.
    Secret(SecretRef),
}

impl Setting {
    /// Reads the setting as a secret, whichever it is.
    ///
    /// # Errors
    /// As [`SecretRef::read`].
    pub fn read(&self) -> Result<Secret, SecretError> {
        match self {
            Self::Plain(text) => Ok(Secret::new(text.clone())),
            Self::Secret(place) => place.read(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f58_files_are_read_at_each_use_and_lose_one_newline() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        let place = SecretRef::File(path.clone());
        assert!(matches!(place.read(), Err(SecretError::Unreadable { .. })));
        std::fs::write(&path, "one\n\n").unwrap();
        assert_eq!(place.read().unwrap().expose(), "one\n");
        std::fs::write(&path, "two").unwrap();
        assert_eq!(place.read().unwrap().expose(), "two");
        std::fs::write(&path, "\n").unwrap();
        assert!(matches!(place.read(), Err(SecretError::NotText(_))));
        std::fs::write(&path, [0xff, 0xfe]).unwrap();
        assert!(matches!(place.read(), Err(SecretError::NotText(_))));
    }

    #[test]
    fn f58_only_regular_files_of_a_sane_size_are_secrets() {
        let dir = tempfile::tempdir().unwrap();
        let fifo = dir.path().join("fifo");
        let made = std::process::Command::new("mkfifo").arg(&fifo).status();
        assert!(made.unwrap().success());
        let large = dir.path().join("large");
        std::fs::write(&large, vec![b'x'; 64 * 1024 + 1]).unwrap();
        let zero = PathBuf::from("/dev/zero");
        for (path, why) in [
            (fifo, "no regular file"),
            (zero, "no regular file"),
            (dir.path().into(), "no regular file"),
            (large.clone(), "larger than"),
        ] {
            let error = SecretRef::File(path).read().unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
        std::fs::write(&large, vec![b'x'; 64 * 1024]).unwrap();
        assert!(SecretRef::File(large).read().is_ok());
    }

    #[test]
    fn f58_a_file_system_that_does_not_answer_is_waited_for_once() {
        static QUICK: Patiently = Patiently {
            limit: Duration::from_millis(50),
            stuck: Mutex::new(BTreeSet::new()),
        };
        let (answer, hangs) = mpsc::channel::<()>();
        let path = Path::new("/far/away");
        let error = QUICK.read(path, move |_| {
            let _ = hangs.recv();
            Ok(Vec::new())
        });
        assert!(error.unwrap_err().to_string().contains("does not answer"));
        let again = QUICK.read(path, |_| unreachable!("it is not asked a second time"));
        assert!(again.is_err());
        let other = QUICK.read(Path::new("/near"), |_| Ok(b"near".to_vec()));
        assert_eq!(other.unwrap(), b"near");
        drop(answer);
        while QUICK.read(path, |_| Ok(b"far".to_vec())).is_err() {
            std::thread::yield_now();
        }
    }

    #[test]
    fn f71_a_secret_is_never_printed() {
        let secret = Secret::new("hunter2".into());
        assert!(!format!("{secret:?}").contains("hunter2"));
        assert!(
            SecretRef::Env("OKRD_NO_SUCH_VARIABLE".into())
                .read()
                .unwrap_err()
                .to_string()
                .contains("OKRD_NO_SUCH_VARIABLE")
        );
    }
}
