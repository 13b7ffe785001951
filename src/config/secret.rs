//! Secrets: where they are kept, and a type that cannot be printed. The only file besides `load` that reads
//! files and environment. A secret is read at each use, so that a rotated one works without a restart.

use std::fmt;
use std::path::{Path, PathBuf};

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
        let bytes = std::fs::read(path).map_err(|e| SecretError::Unreadable {
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
