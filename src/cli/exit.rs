//! How a command ends: a verdict, or a failure with its exit code and one message. The only file that writes to
//! stdout and stderr.

use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use crate::engine::actor::EngineError;
use crate::store::StoreError;

/// The answer of a command that did its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Done: 0.
    Yes,
    /// The answer is no: 1.
    No,
}

impl Verdict {
    /// `Yes` when it holds.
    pub fn of(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }
}

impl From<Verdict> for ExitCode {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Yes => Self::SUCCESS,
            Verdict::No => Self::from(1),
        }
    }
}

/// Why a command could not do its work.
#[derive(Debug)]
pub enum Failure {
    /// Usage or configuration: 2. The message may be empty when all was said already.
    Usage(String),
    /// The store: 3.
    Store(String),
    /// Another process holds the store: 4.
    Held(String),
    /// okrd itself failed, and another start may work: 101, as after a panic.
    Internal(String),
}

impl Failure {
    /// A failure of usage or configuration.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::Usage(message.into())
    }

    /// Prints the message and gives the exit code.
    pub fn report(self) -> ExitCode {
        let (code, message) = match self {
            Self::Usage(message) => (2, message),
            Self::Store(message) => (3, message),
            Self::Held(message) => (4, message),
            Self::Internal(message) => (101, message),
        };
        if !message.is_empty() {
            complain(&format!("error: {message}\n"));
        }
        ExitCode::from(code)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Held { .. } => Self::Held(error.to_string()),
            _ => Self::Store(error.to_string()),
        }
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        match error {
            // The thread that writes ends before its time only by a panic.
            EngineError::Store(StoreError::Ended { .. }) | EngineError::Silent => {
                Self::Internal(error.to_string())
            }
            EngineError::Store(error) => error.into(),
            EngineError::Unwritten => Self::Store(error.to_string()),
            EngineError::Ticker(_) => Self::Usage(error.to_string()),
        }
    }
}

/// Prints a result. A reader that has gone, such as `head`, wants no more and is no error.
///
/// # Errors
/// When stdout takes no more for another reason, such as a full disk.
pub fn say(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::Usage(format!("cannot write to stdout: {error}")))
        }
        _ => Ok(()),
    }
}

/// Hands stdout to something that writes much.
pub fn stream<T>(write: impl FnOnce(&mut dyn Write) -> T) -> T {
    write(&mut std::io::stdout().lock())
}

/// Prints something that is no result.
pub fn complain(text: &str) {
    // With stderr gone there is no one left to tell.
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}
