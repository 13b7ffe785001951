//! What could not be read, and what may therefore be nothing but its consequence: a key that seems absent may stand in
//! the broken line, a source that seems unknown in the missing file. Everything else is told all the same.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::config::files::{File, Files};
use crate::config::finding::{Code, Finding, Rests, Severity};

/// The broken parts of all files.
pub(super) struct Faults<'f> {
    /// Whether a file is missing or has a broken part.
    any: bool,
    files: BTreeMap<&'f str, Vec<Broken>>,
    all: &'f Files,
}

/// One broken line and what it may have held.
struct Broken {
    line: usize,
    /// The lines from the header above to the one below.
    section: Range<usize>,
    /// The words of that header.
    path: Vec<String>,
    /// Whether it is a header itself, so that a whole table may be missing.
    header: bool,
    /// Whether what follows was swallowed.
    open: bool,
}

impl<'f> Faults<'f> {
    pub(super) fn of(findings: &[Finding], all: &'f Files) -> Self {
        let mut files: BTreeMap<&str, Vec<Broken>> = BTreeMap::new();
        let mut headers: BTreeMap<&str, Vec<(usize, &str)>> = BTreeMap::new();
        for finding in findings.iter().filter(|f| f.code == Code::CfgSyntax) {
            if let Some(file) = all.get(&finding.file) {
                let headers = headers
                    .entry(file.shown())
                    .or_insert_with(|| headers_of(file));
                let broken = files.entry(file.shown()).or_default();
                broken.push(Broken::of(file, headers, finding));
            }
        }
        let missing = |f: &Finding| f.code == Code::CfgFile && f.severity == Severity::Error;
        Self {
            any: !files.is_empty() || findings.iter().any(missing),
            files,
            all,
        }
    }

    /// Whether a finding may be nothing but a consequence.
    pub(super) fn explain(&self, finding: &Finding) -> bool {
        if finding.rests == Rests::AllFiles && self.any {
            return true;
        }
        let Some(broken) = self.files.get(finding.file.as_str()) else {
            return false;
        };
        let Some(file) = self.all.get(&finding.file) else {
            return false;
        };
        broken
            .iter()
            .any(|broken| broken.line == finding.line || broken.explains(finding.rests, file))
    }
}

impl Broken {
    fn of(file: &File, headers: &[(usize, &str)], finding: &Finding) -> Self {
        let text = file.slice(&file.line(finding.span.start));
        let header = is_header(text);
        let nth = headers.partition_point(|(line, _)| *line < finding.line);
        let above = nth.checked_sub(1).and_then(|nth| headers.get(nth));
        let below = headers
            .iter()
            .skip(nth)
            .find(|(line, _)| *line > finding.line);
        let path = match above {
            _ if header => words(text),
            Some((_, header)) => words(header),
            None => Vec::new(),
        };
        // What is wrong inside of brackets often is that they were never closed.
        let swallows = ["array", "inline table", "key-value pairs", "multi-line"];
        Self {
            line: finding.line,
            section: above.map_or(0, |(line, _)| *line)
                ..below.map_or(usize::MAX, |(line, _)| *line),
            path,
            header,
            open: swallows.iter().any(|what| finding.message.contains(what)),
        }
    }

    fn explains(&self, rests: Rests, file: &File) -> bool {
        match rests {
            Rests::Itself => false,
            Rests::File | Rests::AllFiles => true,
            _ if self.open => true,
            Rests::Top => self.section.start == 0,
            Rests::Table(start) => self.holds(start, file, &[]),
            Rests::KeyResults(start) => {
                self.holds(start, file, &[]) || self.holds(start, file, &["key_results"])
            }
        }
    }

    /// Whether the line may belong to the table that starts here, or to the one called so within it.
    fn holds(&self, start: usize, file: &File, within: &[&str]) -> bool {
        let text = file.slice(&file.line(start));
        if !is_header(text) {
            // A table in braces stands in its own line; keys with dots stand in the section around them.
            let inline = file.text().get(start..).is_some_and(|t| t.starts_with('{'));
            return !inline && self.section.contains(&file.place(start).line);
        }
        let mut path = words(text);
        path.extend(within.iter().map(|word| (*word).to_owned()));
        if self.header {
            return self.path.starts_with(&path) || self.section.contains(&file.place(start).line);
        }
        self.path == path
    }
}

/// The lines of a file that look like headers, with their numbers.
fn headers_of(file: &File) -> Vec<(usize, &str)> {
    let lines = file.text().split('\n').zip(1..);
    lines
        .filter(|(line, _)| is_header(line))
        .map(|(line, nth)| (nth, line))
        .collect()
}

fn is_header(line: &str) -> bool {
    line.trim_start().starts_with('[')
}

/// The names in a header, however broken it is.
fn words(header: &str) -> Vec<String> {
    let parts = header.split(['[', ']', '.', '"', '\'', ' ', '\t', '\r']);
    parts
        .take_while(|part| !part.starts_with('#'))
        .filter(|part| !part.is_empty())
        .map(str::to_owned)
        .collect()
}
