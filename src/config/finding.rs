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

    /// The same as TOML.
    pub(super) const fn quoted(self) -> &'static str {
        match self {
            Self::Error => "\"error\"",
            Self::Warning => "\"warning\"",
            Self::Info => "\"info\"",
        }
    }
}

/// What must be at hand for a finding to be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// The files, and what day it is.
    Files,
    /// Answers of the sources.
    Sources,
    /// What was measured so far.
    History,
    /// The configuration as it was before.
    Base,
}

/// Whether people may judge for themselves how bad a finding of a code is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bend {
    /// No: such a configuration cannot be used. It would divide by zero, go the wrong way, leak or write.
    Firm,
    /// Yes, unless a finding of the code refuses the configuration all the same.
    Lint,
}

/// The table of codes: what it is called, how bad it usually is, what must be at hand to see it, whether its level may
/// be set, why it matters. Everything that knows all codes is made from it: the keys of `[lints]`, the rules of SARIF,
/// and the page in `docs/lints/` that each must have.
macro_rules! codes {
    ($($(#[$doc:meta])* $code:ident $word:literal $severity:ident $needs:ident $bend:ident: $reason:literal;)*) => {
        /// What kind of thing is wrong.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $($(#[$doc])* $code,)*
        }

        impl Code {
            /// How many codes there are.
            pub const COUNT: usize = [$($word),*].len();

            /// Every code, in the order of their declaration.
            pub const ALL: [Self; Self::COUNT] = [$(Self::$code),*];

            /// The words of all codes, in the same order.
            pub const WORDS: [&'static str; Self::COUNT] = [$($word),*];

            /// The code as written.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$code => $word,)*
                }
            }

            /// Why it matters, in one line.
            #[must_use]
            pub const fn reason(self) -> &'static str {
                match self {
                    $(Self::$code => $reason,)*
                }
            }

            /// The same as a sentence.
            #[must_use]
            pub const fn sentence(self) -> &'static str {
                match self {
                    $(Self::$code => concat!($reason, "."),)*
                }
            }

            /// The severity it has unless a finding says otherwise.
            #[must_use]
            pub const fn severity(self) -> Severity {
                match self {
                    $(Self::$code => Severity::$severity,)*
                }
            }

            /// What must be at hand to see it.
            #[must_use]
            pub const fn needs(self) -> Needs {
                match self {
                    $(Self::$code => Needs::$needs,)*
                }
            }

            /// Its page in Markdown: what it finds, why it matters, what to write instead, how to silence it.
            #[must_use]
            pub const fn page(self) -> &'static str {
                match self {
                    $(Self::$code => include_str!(concat!("../../docs/lints/", $word, ".md")),)*
                }
            }

            /// Whether its level may be set and single findings allowed.
            #[must_use]
            pub const fn bend(self) -> Bend {
                match self {
                    $(Self::$code => Bend::$bend,)*
                }
            }
        }
    };
}

codes! {
    /// Not TOML.
    CfgSyntax "CFG-SYNTAX" Error Files Firm: "a file that is not TOML says nothing for sure";
    /// A key that does not exist.
    CfgKey "CFG-KEY" Error Files Firm: "a misspelt key would be a setting that silently does nothing";
    /// A value of another type.
    CfgType "CFG-TYPE" Error Files Firm: "a value of another type cannot mean what was meant";
    /// A required key is absent.
    CfgMissing "CFG-MISSING" Error Files Firm: "nothing sensible can be assumed for this key";
    /// A value outside what is allowed.
    CfgValue "CFG-VALUE" Error Files Firm: "a value outside what is allowed would fail later, at night";
    /// Said twice.
    CfgDuplicate "CFG-DUPLICATE" Error Files Firm: "of two definitions nobody knows which one holds";
    /// A file that cannot be used.
    CfgFile "CFG-FILE" Error Files Firm: "a file that is left out would make goals vanish";
    /// A name that nothing has.
    CfgRef "CFG-REF" Error Files Firm: "a name that nothing has cannot be followed";
    /// Known, but not yet possible.
    CfgUnsupported "CFG-UNSUPPORTED" Error Files Firm: "a setting that this version does not act on must not look as if it did";
    /// An allowance whose last day has passed.
    LintExpired "LINT-EXPIRED" Warning Files Lint: "what was allowed for a while was to be mended by then";
    /// An allowance that allows nothing.
    LintAllow "LINT-ALLOW" Info Files Lint: "an allowance that is no longer needed would hide the next finding of its kind";
    /// No measurable number.
    KrNum "KR-NUM" Error Files Firm: "a key result without unit, baseline and target is not measurable";
    /// Baseline and target are equal.
    KrFlat "KR-FLAT" Error Files Firm: "with baseline and target equal there is no way to go and progress is undefined";
    /// A percentage of nothing.
    KrRel "KR-REL" Error Files Firm: "a percentage of a baseline at or below zero is no change or the wrong way";
    /// A weight that cannot be, or that counts for everything.
    KrWeight "KR-WEIGHT" Error Files Lint: "such weights make the roll-up meaningless";
    /// A plan that leaves its cycle or does not end at the target.
    KrPlan "KR-PLAN" Error Files Firm: "a plan that does not end at the target was left behind when the target moved";
    /// A day outside the cycle.
    KrDate "KR-DATE" Error Files Firm: "what is due outside the cycle is never scored";
    /// A percentage of percentages.
    KrPp "KR-PP" Warning Files Lint: "of a number in percent, \"+5%\" may mean five points or a twentieth more";
    /// Nothing says how it proves the objective.
    KrWhy "KR-WHY" Warning Files Lint: "a number proves an aim only if somebody can say how";
    /// It counts what is done.
    KrActivity "KR-ACTIVITY" Info Files Lint: "effort is not outcome: much may be done and nothing change";
    /// A volume without a guardrail.
    KrPair "KR-PAIR" Info Files Lint: "a volume alone is reached most easily at the cost of what nobody measures";
    /// A window that is long for its cycle.
    KrWindow "KR-WINDOW" Warning Files Lint: "most of the first window lies before the cycle, and what is done now shows late";
    /// Distinct counts that are added up.
    KrDistinct "KR-DISTINCT" Warning Files Lint: "whoever comes on ten days is counted ten times";
    /// A title that tells other numbers.
    KrTitle "KR-TITLE" Warning Files Lint: "a title that tells another number than the target makes two truths";
    /// A first value that is not the baseline.
    KrStart "KR-START" Warning History Lint: "progress that starts with a jump was made before anybody tried";
    /// A target that is met at the start.
    KrDone "KR-DONE" Warning History Lint: "a target that is met already leaves nothing to achieve";
    /// A target far from the past trend.
    KrReach "KR-REACH" Info History Lint: "what goes on as before needs no objective, and a multiple of it is a fantasy";
    /// A draft that those who wrote it are sure of, or do not believe.
    KrConf "KR-CONF" Info History Lint: "what is almost certain is too safe, and what nobody believes in moves nobody";
    /// A parent that does not exist or leads in a circle.
    AlnCycle "ALN-CYCLE" Error Files Firm: "objectives that lead in a circle or to nothing are a broken tree";
    /// A company objective under a team.
    AlnLevel "ALN-LEVEL" Error Files Firm: "a company objective that serves a team turns the tree upside down";
    /// A team's objective that serves none of the company's.
    AlnOrphan "ALN-ORPHAN" Warning Files Lint: "work that serves no aim of the company competes with the work that does";
    /// A company objective that nothing serves.
    AlnEmpty "ALN-EMPTY" Info Files Lint: "an aim that nobody works for is a wish";
    /// A secret in the file.
    SrcSecret "SRC-SECRET" Error Files Firm: "configuration is reviewed, copied and kept in git: a secret in it is no secret";
    /// A query that is no single read.
    SrcWrite "SRC-WRITE" Error Files Firm: "okrd reads sources and never writes to them";
    /// Trailing days where the cycle is counted.
    SrcReldate "SRC-RELDATE" Warning Files Lint: "trailing days turn a count since the start of the cycle into a rolling one, and nobody sees it";
    /// Days that begin where the server is.
    SrcTz "SRC-TZ" Warning Files Lint: "days that begin in another time zone put the last hours into the wrong one";
    /// Asked more often than there is news.
    SrcFast "SRC-FAST" Warning Files Lint: "asking more often than the data changes is load, and makes old data look fresh";
    /// Two key results that ask the same.
    SrcDup "SRC-DUP" Warning Files Lint: "one number that stands twice counts twice";
    /// A source that does not answer.
    SrcAnswer "SRC-ANSWER" Error Sources Lint: "a source that does not answer now may not answer the daemon either";
    /// An answer that is not one number.
    SrcOne "SRC-ONE" Error Sources Lint: "a key result is exactly one number";
    /// Two answers for one instant.
    SrcSame "SRC-SAME" Warning Sources Lint: "a number that changes while nothing does measures something else too";
    /// An answer that takes long.
    SrcSlow "SRC-SLOW" Warning Sources Lint: "a question that takes so long is a load on its source each time";
    /// More questions than a source answers in time.
    SrcLoad "SRC-LOAD" Warning Sources Lint: "a source that is asked nearly all the time has no room for a slow day, and its numbers come late";
    /// A number in the title of an objective.
    ObjNum "OBJ-NUM" Warning Files Lint: "an objective says what shall change, its key results say how much";
    /// An objective that names a deliverable.
    ObjVerb "OBJ-VERB" Info Files Lint: "what is built or launched is output; an objective is the change that it is for";
    /// Too few or too many key results.
    ObjKrs "OBJ-KRS" Warning Files Lint: "one key result rarely proves an aim, none never does, and more than five are no focus";
    /// Too many objectives at a time.
    ObjCount "OBJ-COUNT" Warning Files Lint: "whoever has many aims has none that comes first";
    /// Nobody whose objectives these are.
    ObjOwner "OBJ-OWNER" Error Files Firm: "nobody acts on objectives that are nobody's";
    /// One team in two cycles at once.
    CycOverlap "CYC-OVERLAP" Error Files Firm: "work that serves two cycles of one kind at once is scored twice";
    /// Days between two cycles.
    CycGap "CYC-GAP" Info Files Lint: "what happens on days without a cycle is seen by nobody";
    /// A cycle that is over and not closed.
    CycOpen "CYC-OPEN" Warning History Lint: "a cycle that nobody closes teaches nothing";
    /// A goalpost that moved without a word.
    ChgGoal "CHG-GOAL" Error Base Firm: "a goalpost that moves unseen makes every score before it worthless";
    /// Another definition without a bridge to the one before.
    ChgEpoch "CHG-EPOCH" Error Base Firm: "numbers of two definitions on one line show a change that never happened";
    /// Easier when the end is near.
    ChgLate "CHG-LATE" Warning Base Firm: "a goal that becomes easier when its end is near is reached by the change and not by the work";
    /// Given up without a word.
    ChgDrop "CHG-DROP" Error Base Firm: "a key result that goes when it goes badly takes its score along";
    /// Renamed without a word.
    ChgId "CHG-ID" Error Base Firm: "under another id nobody finds what was measured before";
    /// A person where a label or a level would name them.
    PplLabel "PPL-LABEL" Error Files Firm: "okrd judges aims, so no person may stand beside a figure";
    /// A value that is too old.
    RunStale "RUN-STALE" Warning History Lint: "a number that no longer comes is no progress and no standstill either";
    /// An objective of which too little is known.
    RunCover "RUN-COVER" Warning History Lint: "silence is not progress: a score of less than half of the weights says little";
    /// A key result that nobody began.
    RunNotStarted "RUN-NOTSTARTED" Info History Lint: "what nobody moves and nobody speaks of was forgotten";
}

impl Code {
    /// The code of this word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.as_str() == word)
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
    /// It is an error only because `[lints]` says so: the configuration can be used.
    pub raised: bool,
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
            raised: false,
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

    /// Whether the configuration cannot be used with it.
    #[must_use]
    pub fn refuses(&self) -> bool {
        self.severity == Severity::Error && !self.raised && self.code.needs() == Needs::Files
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
