//! Findings: what is wrong with a configuration, where, and what to do about it. A closed set of codes, each with
//! its usual severity and one line that says why it matters. Knows no output format.

use std::fmt;
use std::ops::Range;

use super::files::File;
use crate::domain::fault::is_bidi_control;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The configuration cannot be used.
    Error,
    /// It can, but something is probably not meant.
    Warning,
    /// Worth a thought.
    Info,
}

impl Severity {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}

/// What kind of thing is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Code {
    /// Not TOML.
    CfgSyntax,
    /// A key that does not exist.
    CfgKey,
    /// A value of another type.
    CfgType,
    /// A required key is absent.
    CfgMissing,
    /// A value outside what is allowed.
    CfgValue,
    /// Said twice.
    CfgDuplicate,
    /// A file that cannot be used.
    CfgFile,
    /// A name that nothing has.
    CfgRef,
    /// Known, but not yet possible.
    CfgUnsupported,
    /// No measurable number.
    KrNum,
    /// Baseline and target are equal.
    KrFlat,
    /// A percentage of nothing.
    KrRel,
    /// A weight that cannot be.
    KrWeight,
    /// A plan that leaves its cycle or does not end at the target.
    KrPlan,
    /// A day outside the cycle.
    KrDate,
    /// A parent that does not exist or leads in a circle.
    AlnCycle,
    /// A company objective under a team.
    AlnLevel,
    /// A secret in the file.
    SrcSecret,
    /// A query that is no single read.
    SrcWrite,
    /// A source that does not answer.
    SrcAnswer,
    /// An answer that is not one number.
    SrcOne,
    /// Too few or too many key results.
    ObjKrs,
    /// Nobody whose objectives these are.
    ObjOwner,
    /// One team in two cycles at once.
    CycOverlap,
    /// A person where a label or a level would name them.
    PplLabel,
}

impl Code {
    /// Every code, in the order of their declaration.
    pub const ALL: [Self; 25] = [
        Self::CfgSyntax,
        Self::CfgKey,
        Self::CfgType,
        Self::CfgMissing,
        Self::CfgValue,
        Self::CfgDuplicate,
        Self::CfgFile,
        Self::CfgRef,
        Self::CfgUnsupported,
        Self::KrNum,
        Self::KrFlat,
        Self::KrRel,
        Self::KrWeight,
        Self::KrPlan,
        Self::KrDate,
        Self::AlnCycle,
        Self::AlnLevel,
        Self::SrcSecret,
        Self::SrcWrite,
        Self::SrcAnswer,
        Self::SrcOne,
        Self::ObjKrs,
        Self::ObjOwner,
        Self::CycOverlap,
        Self::PplLabel,
    ];

    /// The code as written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CfgSyntax => "CFG-SYNTAX",
            Self::CfgKey => "CFG-KEY",
            Self::CfgType => "CFG-TYPE",
            Self::CfgMissing => "CFG-MISSING",
            Self::CfgValue => "CFG-VALUE",
            Self::CfgDuplicate => "CFG-DUPLICATE",
            Self::CfgFile => "CFG-FILE",
            Self::CfgRef => "CFG-REF",
            Self::CfgUnsupported => "CFG-UNSUPPORTED",
            Self::KrNum => "KR-NUM",
            Self::KrFlat => "KR-FLAT",
            Self::KrRel => "KR-REL",
            Self::KrWeight => "KR-WEIGHT",
            Self::KrPlan => "KR-PLAN",
            Self::KrDate => "KR-DATE",
            Self::AlnCycle => "ALN-CYCLE",
            Self::AlnLevel => "ALN-LEVEL",
            Self::SrcSecret => "SRC-SECRET",
            Self::SrcWrite => "SRC-WRITE",
            Self::SrcAnswer => "SRC-ANSWER",
            Self::SrcOne => "SRC-ONE",
            Self::ObjKrs => "OBJ-KRS",
            Self::ObjOwner => "OBJ-OWNER",
            Self::CycOverlap => "CYC-OVERLAP",
            Self::PplLabel => "PPL-LABEL",
        }
    }

    /// Why it matters, in one line.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::CfgSyntax => "a file that is not TOML says nothing for sure",
            Self::CfgKey => "a misspelt key would be a setting that silently does nothing",
            Self::CfgType => "a value of another type cannot mean what was meant",
            Self::CfgMissing => "nothing sensible can be assumed for this key",
            Self::CfgValue => "a value outside what is allowed would fail later, at night",
            Self::CfgDuplicate => "of two definitions nobody knows which one holds",
            Self::CfgFile => "a file that is left out would make goals vanish",
            Self::CfgRef => "a name that nothing has cannot be followed",
            Self::CfgUnsupported => {
                "a setting that this version does not act on must not look as if it did"
            }
            Self::KrNum => "a key result without unit, baseline and target is not measurable",
            Self::KrFlat => {
                "with baseline and target equal there is no way to go and progress is undefined"
            }
            Self::KrRel => {
                "a percentage of a baseline at or below zero is no change or the wrong way"
            }
            Self::KrWeight => "such weights make the roll-up meaningless",
            Self::KrPlan => {
                "a plan that does not end at the target was left behind when the target moved"
            }
            Self::KrDate => "what is due outside the cycle is never scored",
            Self::AlnCycle => "objectives that lead in a circle or to nothing are a broken tree",
            Self::AlnLevel => "a company objective that serves a team turns the tree upside down",
            Self::SrcSecret => {
                "configuration is reviewed, copied and kept in git: a secret in it is no secret"
            }
            Self::SrcWrite => "okrd reads sources and never writes to them",
            Self::SrcAnswer => "a source that does not answer now may not answer the daemon either",
            Self::SrcOne => "a key result is exactly one number",
            Self::ObjKrs => {
                "one key result rarely proves an aim, none never does, and more than five are no focus"
            }
            Self::ObjOwner => "nobody acts on objectives that are nobody's",
            Self::CycOverlap => "work that serves two cycles of one kind at once is scored twice",
            Self::PplLabel => "okrd judges aims, so no person may stand beside a figure",
        }
    }

    /// The severity it has unless a finding says otherwise.
    #[must_use]
    pub fn severity(self) -> Severity {
        match self {
            Self::ObjKrs => Severity::Warning,
            _ => Severity::Error,
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Something that is wrong, where, and what to do about it. Message and help are single lines without control
/// characters and never hold a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What kind of thing it is.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// What was found and what was expected.
    pub message: String,
    /// What to do about it.
    pub help: String,
    /// The file as the user knows it.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1, in characters.
    pub column: usize,
    /// The bytes of the file that are meant.
    pub span: Range<usize>,
    /// A few words to stand at the place itself; may be empty.
    pub label: String,
    /// Another place that belongs to it, such as the first of two definitions.
    pub also: Option<Also>,
    /// The text at the place may be secret and must not be shown.
    pub hidden: bool,
    /// What it rests on.
    pub(super) rests: Rests,
}

/// What must have been read whole for a finding to hold: what seems absent or unknown may stand in a part that could
/// not be read. Tables are told by the byte where they start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Rests {
    /// Nothing but the place itself.
    #[default]
    Itself,
    /// The keys of a table.
    Table(usize),
    /// The keys of a table and the key results in it.
    KeyResults(usize),
    /// The keys at the top of the file.
    Top,
    /// All of the file.
    File,
    /// All files.
    AllFiles,
}

/// Another place that belongs to a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Also {
    /// The file as the user knows it.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1, in characters.
    pub column: usize,
    /// The bytes of the file that are meant.
    pub span: Range<usize>,
    /// What is there.
    pub label: String,
}

impl Finding {
    /// A finding that still lacks its place.
    #[must_use]
    pub fn new(code: Code, message: impl AsRef<str>) -> Self {
        Self {
            code,
            severity: code.severity(),
            message: one_line(message.as_ref()),
            help: String::new(),
            file: String::new(),
            line: 1,
            column: 1,
            span: 0..0,
            label: String::new(),
            also: None,
            hidden: false,
            rests: Rests::Itself,
        }
    }

    /// The same finding at a place.
    #[must_use]
    pub fn at(mut self, file: &File, span: &Range<usize>) -> Self {
        let place = file.place(span.start);
        file.shown().clone_into(&mut self.file);
        (self.line, self.column) = (place.line, place.column);
        self.span = span.clone();
        self
    }

    /// The same finding in a file that has no text to show, at one of its lines.
    #[must_use]
    pub fn in_file(mut self, shown: &str, line: usize) -> Self {
        shown.clone_into(&mut self.file);
        self.line = line;
        self
    }

    /// The same finding with what to do about it.
    #[must_use]
    pub fn help(mut self, help: impl AsRef<str>) -> Self {
        self.help = one_line(help.as_ref());
        self
    }

    /// The same finding with a few words at the place.
    #[must_use]
    pub fn label(mut self, label: impl AsRef<str>) -> Self {
        self.label = one_line(label.as_ref());
        self
    }

    /// The same finding with a severity other than its code's.
    #[must_use]
    pub fn severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    /// The same finding with a second place.
    #[must_use]
    pub fn also(mut self, file: &File, span: &Range<usize>, label: impl AsRef<str>) -> Self {
        let place = file.place(span.start);
        self.also = Some(Also {
            file: file.shown().to_owned(),
            line: place.line,
            column: place.column,
            span: span.clone(),
            label: one_line(label.as_ref()),
        });
        self
    }

    /// The same finding, to be withheld where what it rests on could not be read.
    #[must_use]
    pub(super) fn rests_on(mut self, rests: Rests) -> Self {
        self.rests = rests;
        self
    }

    /// The same finding, its text never to be shown.
    #[must_use]
    pub fn hidden(mut self) -> Self {
        self.hidden = true;
        self
    }
}

/// Text from a file as messages may quote it: at most 60 characters, control and bidi characters escaped.
#[must_use]
pub fn quoted(text: &str) -> String {
    const LONGEST: usize = 60;
    let mut shown: String = text.chars().take(LONGEST).collect();
    if text.chars().nth(LONGEST).is_some() {
        shown.push('…');
    }
    format!("`{}`", one_line(&shown))
}

/// The text with control, bidi and line separator characters escaped, so that it stays one line everywhere.
fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || is_bidi_control(c) || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}')
        {
            line.extend(c.escape_default());
        } else {
            line.push(c);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_own_word_and_a_one_line_reason() {
        let mut words: Vec<_> = Code::ALL.map(Code::as_str).to_vec();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), Code::ALL.len());
        for code in Code::ALL {
            assert!(
                code.reason().len() > 20 && !code.reason().ends_with('.'),
                "{code}"
            );
            assert!(!code.reason().contains('\n'));
        }
    }

    #[test]
    fn messages_stay_one_line() {
        let finding = Finding::new(Code::CfgKey, "a\nb\u{202e}c\u{1b}[31m\0");
        assert_eq!(finding.message, "a\\nb\\u{202e}c\\u{1b}[31m\\u{0}");
        assert_eq!(quoted(&"x".repeat(100)).chars().count(), 63);
    }
}
