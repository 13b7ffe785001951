//! The files of a configuration as text, with places in them told the way editors do. Pure: `load` reads them,
//! tests write them down. Knows nothing of what the text means.

use std::ops::Range;
use std::path::{Path, PathBuf};

use super::finding::{Code, Finding};

/// One file.
#[derive(Clone, Debug)]
pub struct File {
    shown: String,
    folder: PathBuf,
    text: String,
    /// Byte offset at which each line begins.
    lines: Vec<usize>,
}

/// All files of a configuration in the order in which they were named; the first is the main file.
#[derive(Clone, Debug, Default)]
pub struct Files {
    /// The files; the main file first.
    pub files: Vec<File>,
    /// What was wrong with finding and reading them.
    pub findings: Vec<Finding>,
}

/// A line and a column as editors count them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1, in characters.
    pub column: usize,
}

impl File {
    /// A file: its path as the user should read it, the absolute folder that its own paths are relative to, its text.
    #[must_use]
    pub fn new(shown: impl Into<String>, folder: impl Into<PathBuf>, text: String) -> Self {
        let starts = text.match_indices('\n').map(|(at, _)| at + 1);
        let lines = std::iter::once(0).chain(starts).collect();
        Self {
            shown: shown.into(),
            folder: folder.into(),
            text,
            lines,
        }
    }

    /// The path as the user should read it.
    #[must_use]
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// The absolute folder that paths written in the file are relative to.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What the file says.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where a byte offset stands. Offsets beyond the end mean the end; a byte order mark counts for nothing.
    #[must_use]
    pub fn place(&self, offset: usize) -> Place {
        let offset = self.char_boundary(offset);
        let line = self.lines.partition_point(|start| *start <= offset).max(1);
        let start = self.lines.get(line - 1).copied().unwrap_or(0);
        let before = self.text.get(start..offset).unwrap_or("");
        let before = before.strip_prefix('\u{feff}').unwrap_or(before);
        Place {
            line,
            column: before.chars().count() + 1,
        }
    }

    /// The bytes of the line at `offset`, without its line break.
    #[must_use]
    pub fn line(&self, offset: usize) -> Range<usize> {
        let offset = self.char_boundary(offset);
        let line = self.lines.partition_point(|start| *start <= offset).max(1);
        let start = self.lines.get(line - 1).copied().unwrap_or(0);
        let end = self
            .lines
            .get(line)
            .map_or(self.text.len(), |next| next - 1);
        let text = self.text.get(start..end).unwrap_or("");
        let start = start + (text.len() - text.trim_start_matches('\u{feff}').len());
        start..end - usize::from(text.ends_with('\r'))
    }

    /// The text of a span; empty where the span is none of this file.
    #[must_use]
    pub fn slice(&self, span: &Range<usize>) -> &str {
        self.text.get(span.clone()).unwrap_or("")
    }

    fn char_boundary(&self, offset: usize) -> usize {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        offset
    }

    /// A finding at a span of this file.
    #[must_use]
    pub fn finding(&self, span: &Range<usize>, code: Code, message: impl AsRef<str>) -> Finding {
        Finding::new(code, message).at(self, span)
    }
}

impl Files {
    /// The file of this shown path.
    #[must_use]
    pub fn get(&self, shown: &str) -> Option<&File> {
        self.files.iter().find(|file| file.shown == shown)
    }

    /// One file alone, as tests and editors have it.
    #[must_use]
    pub fn one(file: File) -> Self {
        Self {
            files: vec![file],
            findings: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str, offset: usize) -> (usize, usize) {
        let place = File::new("x", "/", text.into()).place(offset);
        (place.line, place.column)
    }

    #[test]
    fn columns_count_characters_from_one() {
        assert_eq!(place("", 0), (1, 1));
        assert_eq!(place("ab\ncd", 4), (2, 2));
        assert_eq!(place("é = 1", 3), (1, 3));
        assert_eq!(place("é", 1), (1, 1), "inside a character");
        assert_eq!(place("a\r\nb", 3), (2, 1));
        assert_eq!(place("a", 99), (1, 2));
        assert_eq!(
            place("\u{feff}abc", 4),
            (1, 2),
            "a byte order mark is no column"
        );
    }

    #[test]
    fn lines_come_without_their_break() {
        let file = File::new("x", "/", "\u{feff}ab\r\ncd".into());
        assert_eq!(file.slice(&file.line(4)), "ab");
        assert_eq!(file.slice(&file.line(8)), "cd");
    }
}
