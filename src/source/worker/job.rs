//! What goes to a worker and what comes back, and how both look on a pipe: a length, then JSON; a document follows its
//! job as it came. Knows no processes.

use std::io::{self, Read};

use serde::{Deserialize, Serialize};

use crate::config::spec::{Empty, Extract};
use crate::domain::fault::{Fault, FaultClass};
use crate::domain::quality::{Flag, Quality};
use crate::domain::reading::Reading;
use crate::source::extract::Rule;

/// The longest text of a job or an answer. Filters and messages are capped far below; a longer one is noise on the pipe.
const LONGEST: u32 = 1024 * 1024;

/// What a worker is asked; the document follows it on the pipe.
#[derive(Serialize, Deserialize)]
pub(super) struct Job {
    pointer: Option<String>,
    filter: Option<String>,
    fail_if: Option<String>,
    require: Option<String>,
    empty: String,
    as_of_pointer: Option<String>,
    as_of_filter: Option<String>,
    /// Filters by the words of the flags they raise.
    quality: Vec<(String, String)>,
    /// What the variables of a filter stand for, in their order.
    pub(super) moments: Vec<String>,
    document_bytes: u64,
}

/// The words for [`Empty`].
const EMPTY: [(&str, Empty); 3] = [
    ("error", Empty::Error),
    ("zero", Empty::Zero),
    ("skip", Empty::Skip),
];

impl Job {
    pub(super) fn new(rule: &Rule, moments: &[String], document: &[u8]) -> Self {
        let either = |place: &Extract| match place {
            Extract::Pointer(text) => (Some(text.clone()), None),
            Extract::Jq(text) => (None, Some(text.clone())),
        };
        let (pointer, filter) = either(&rule.value);
        let (as_of_pointer, as_of_filter) = rule.as_of.as_ref().map_or((None, None), either);
        let quality = rule.quality.iter();
        let word = EMPTY.iter().find(|(_, empty)| *empty == rule.empty);
        Self {
            pointer,
            filter,
            fail_if: rule.fail_if.clone(),
            require: rule.require.clone(),
            empty: word.map_or("error", |(word, _)| word).to_owned(),
            as_of_pointer,
            as_of_filter,
            quality: quality
                .map(|(flag, filter)| (flag.as_str().to_owned(), filter.clone()))
                .collect(),
            moments: moments.to_vec(),
            document_bytes: document.len() as u64,
        }
    }

    pub(super) fn rule(&self) -> Rule {
        let word = EMPTY.iter().find(|(word, _)| *word == self.empty);
        Rule {
            value: match (&self.pointer, &self.filter) {
                (_, Some(filter)) => Extract::Jq(filter.clone()),
                (pointer, None) => Extract::Pointer(pointer.clone().unwrap_or_default()),
            },
            fail_if: self.fail_if.clone(),
            require: self.require.clone(),
            empty: word.map_or(Empty::Error, |(_, empty)| *empty),
            as_of: match (&self.as_of_pointer, &self.as_of_filter) {
                (_, Some(filter)) => Some(Extract::Jq(filter.clone())),
                (pointer, None) => pointer.clone().map(Extract::Pointer),
            },
            quality: (self.quality.iter())
                .filter_map(|(word, filter)| Some((Flag::parse(word)?, filter.clone())))
                .collect(),
        }
    }

    /// The next job and its document; `None` when nobody asks any more.
    pub(super) fn read(from: &mut impl Read) -> io::Result<Option<(Self, Vec<u8>)>> {
        let Some(text) = unframe(from)? else {
            return Ok(None);
        };
        let job: Self = serde_json::from_slice(&text)?;
        let length = usize::try_from(job.document_bytes).map_err(io::Error::other)?;
        let mut document = Vec::new();
        document
            .try_reserve_exact(length)
            .map_err(io::Error::other)?;
        document.resize(length, 0);
        from.read_exact(&mut document)?;
        Ok(Some((job, document)))
    }
}

/// What a worker answers: a number, or a fault without time to wait.
#[derive(Serialize, Deserialize)]
pub(super) enum Reply {
    /// A reading; the bits of its value, because digits in JSON do not keep every float.
    Read {
        bits: u64,
        exact: Option<String>,
        quality: String,
        /// RFC 3339.
        as_of: Option<String>,
    },
    /// A fault by the word of its class.
    Failed {
        class: String,
        message: String,
        help: String,
    },
}

impl Reply {
    pub(super) fn new(outcome: &Result<Reading, Fault>) -> Self {
        match outcome {
            Ok(reading) => Self::Read {
                bits: reading.value.to_bits(),
                exact: reading.exact.clone(),
                quality: reading.quality.to_string(),
                as_of: reading.as_of.map(|at| at.to_string()),
            },
            Err(fault) => Self::Failed {
                class: fault.class.as_str().to_owned(),
                message: fault.message.clone(),
                help: fault.help.clone(),
            },
        }
    }

    /// What came of the job, whatever a worker says: a value that is not finite is a fault here as well.
    pub(super) fn outcome(self) -> Result<Reading, Fault> {
        match self {
            Self::Read {
                bits,
                exact,
                quality,
                as_of,
            } => {
                let mut reading = Reading::new(f64::from_bits(bits))?;
                reading.exact = exact;
                reading.as_of = as_of.and_then(|at| at.parse().ok());
                reading.quality = Quality::parse(&quality);
                Ok(reading)
            }
            Self::Failed {
                class,
                message,
                help,
            } => {
                let class = FaultClass::parse(&class).unwrap_or(FaultClass::Internal);
                Err(Fault::new(class, message).help(help))
            }
        }
    }
}

/// Length and text of a message.
pub(super) fn frame(message: &impl Serialize) -> io::Result<Vec<u8>> {
    let text = serde_json::to_vec(message)?;
    let length = u32::try_from(text.len()).ok().filter(|n| *n <= LONGEST);
    let length = length.ok_or_else(|| io::Error::other("a message is too long"))?;
    Ok([length.to_be_bytes().as_slice(), &text].concat())
}

/// How long the message is whose first bytes these are.
pub(super) fn length(head: [u8; 4]) -> io::Result<usize> {
    match u32::from_be_bytes(head) {
        length if length <= LONGEST => usize::try_from(length).map_err(io::Error::other),
        _ => Err(io::Error::other("a message is too long")),
    }
}

/// The text of the next message; `None` at the end.
fn unframe(from: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut head = [0; 4];
    match from.read_exact(&mut head) {
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let mut text = vec![0; length(head)?];
    from.read_exact(&mut text)?;
    Ok(Some(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_and_replies_come_out_as_they_went_in() {
        let rule = Rule {
            value: Extract::Jq(".a".into()),
            fail_if: Some(".b".into()),
            require: Some(".c".into()),
            empty: Empty::Skip,
            as_of: Some(Extract::Pointer("/at".into())),
            quality: vec![(Flag::Sampled, ".s".into())],
        };
        let job = Job::new(&rule, &["x".to_owned()], b"{}");
        let bytes = [frame(&job).unwrap(), b"{}".to_vec()].concat();
        let (read, document) = Job::read(&mut bytes.as_slice()).unwrap().unwrap();
        assert_eq!((read.rule(), document), (rule, b"{}".to_vec()));
        assert!(Job::read(&mut io::empty()).unwrap().is_none());
        assert!(Job::read(&mut bytes.split_last().unwrap().1).is_err());

        for outcome in [
            Reading::parse("0.1"),
            Reading::parse("123456789012345678901234567890"),
            Ok(Reading::whole(-4)),
            Err(Fault::new(FaultClass::BadBody, "no").help("look")),
        ] {
            assert_eq!(Reply::new(&outcome).outcome(), outcome);
        }
    }
}
