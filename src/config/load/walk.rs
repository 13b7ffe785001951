//! Finds the files that a pattern of `include` matches. Looks at names only, in a bounded number of places: a loop of
//! links under `**` or a whole disk must not hold up a daemon. Opens no file and knows nothing of what files say.

use std::collections::BTreeSet;
use std::fs::DirEntry;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use glob::{MatchOptions, Pattern};

/// The most names that are looked at while one configuration is read.
pub(super) const MAX_NAMES: usize = 100_000;

/// How names are compared: by case, as file systems do; `*` leaves out names with a leading dot, and with them `..data`
/// and its kin, which hold every file of a Kubernetes volume a second time.
const OPTIONS: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: true,
};

/// What a pattern matches.
#[derive(Debug, Default)]
pub(super) struct Matches {
    /// The files, in the order of their names.
    pub(super) files: BTreeSet<PathBuf>,
    /// What could not be looked at, and why.
    pub(super) faults: Vec<Fault>,
}

/// Why a pattern may match more than was found.
#[derive(Debug)]
pub(super) enum Fault {
    /// A folder that cannot be read.
    Unreadable(PathBuf, std::io::Error),
    /// A name that matches but is no text.
    NotText(PathBuf),
    /// There are too many names.
    TooMany,
}

/// One part of a pattern, from slash to slash.
enum Part {
    /// `**`: any folders, none among them.
    Folders,
    /// Names that match.
    Names(Pattern),
    /// Exactly this.
    Plain(String),
}

/// Everything below `folder` that matches. `budget` is how many names may still be looked at.
///
/// # Errors
/// What is wrong with the pattern.
pub(super) fn matches(
    folder: &Path,
    pattern: &str,
    budget: &mut usize,
) -> Result<Matches, &'static str> {
    let parts = parts(pattern)?;
    let start = if pattern.starts_with('/') {
        PathBuf::from("/")
    } else {
        folder.to_owned()
    };
    let mut walk = Walk {
        budget,
        found: Matches::default(),
    };
    walk.follow(start, &parts);
    Ok(walk.found)
}

fn parts(pattern: &str) -> Result<Vec<Part>, &'static str> {
    let part = |text: &str| -> Result<Part, &'static str> {
        let pattern = Pattern::new(text).map_err(|error| error.msg)?;
        Ok(match text {
            "**" => Part::Folders,
            text if text.contains(['*', '?', '[']) => Part::Names(pattern),
            text => Part::Plain(text.to_owned()),
        })
    };
    let texts = pattern.split('/').filter(|text| !text.is_empty());
    let mut parts: Vec<Part> = texts.map(part).collect::<Result<_, _>>()?;
    // Two in a row mean no more than one, and at the end stand the files of all folders.
    parts.dedup_by(|a, b| matches!((a, b), (Part::Folders, Part::Folders)));
    if let Some(Part::Folders) = parts.last() {
        parts.push(part("*")?);
    }
    Ok(parts)
}

struct Walk<'w> {
    budget: &'w mut usize,
    found: Matches,
}

impl Walk<'_> {
    fn follow(&mut self, start: PathBuf, parts: &[Part]) {
        let mut waiting = vec![(start, parts)];
        while let Some((path, parts)) = waiting.pop().filter(|_| *self.budget > 0) {
            match parts {
                [] if path.is_dir() || path.symlink_metadata().is_err() => {}
                [] => {
                    self.found.files.insert(path);
                }
                [Part::Plain(name), rest @ ..] => waiting.push((path.join(name), rest)),
                [Part::Names(pattern), rest @ ..] => {
                    let names = self.names(&path, pattern);
                    waiting.extend(names.into_iter().map(|path| (path, rest)));
                }
                [Part::Folders, rest @ ..] => {
                    let below = self.folders(&path);
                    waiting.extend(below.into_iter().map(|folder| (folder, parts)));
                    waiting.push((path, rest));
                }
            }
        }
    }

    /// What stands in a folder under a name that matches.
    fn names(&mut self, folder: &Path, pattern: &Pattern) -> Vec<PathBuf> {
        let mut found = Vec::new();
        for entry in self.read(folder) {
            let name = entry.file_name();
            if !pattern.matches_with(&name.to_string_lossy(), OPTIONS) {
                continue;
            }
            match name.to_str() {
                Some(_) => found.push(entry.path()),
                None => self.found.faults.push(Fault::NotText(entry.path())),
            }
        }
        found
    }

    /// The folders in a folder. A link to one is none: it may lead back here.
    fn folders(&mut self, folder: &Path) -> Vec<PathBuf> {
        let is_open = |entry: &DirEntry| !entry.file_name().as_encoded_bytes().starts_with(b".");
        self.read(folder)
            .iter()
            .filter(|entry| is_open(entry) && entry.file_type().is_ok_and(|kind| kind.is_dir()))
            .map(DirEntry::path)
            .collect()
    }

    fn read(&mut self, folder: &Path) -> Vec<DirEntry> {
        let mut entries = Vec::new();
        let read = std::fs::read_dir(if folder.as_os_str().is_empty() {
            Path::new(".")
        } else {
            folder
        });
        let fault = |error| Fault::Unreadable(folder.to_owned(), error);
        let listed = match read {
            Ok(listed) => listed,
            // What is not there matches nothing.
            Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return entries;
            }
            Err(error) => {
                self.found.faults.push(fault(error));
                return entries;
            }
        };
        for entry in listed {
            let Some(left) = self.budget.checked_sub(1).filter(|left| *left > 0) else {
                *self.budget = 0;
                self.found.faults.push(Fault::TooMany);
                break;
            };
            *self.budget = left;
            match entry {
                Ok(entry) => entries.push(entry),
                Err(error) => self.found.faults.push(fault(error)),
            }
        }
        entries
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::fs::symlink;

    fn folder(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        folder
    }

    fn found(folder: &Path, pattern: &str) -> Vec<String> {
        let found = matches(folder, pattern, &mut 1000).unwrap();
        assert!(found.faults.is_empty(), "{:?}", found.faults);
        let name = |path: &PathBuf| path.strip_prefix(folder).unwrap().display().to_string();
        found.files.iter().map(name).collect()
    }

    #[test]
    fn patterns_match_by_name_and_case() {
        let folder = folder(&[
            "a.toml",
            "B.TOML",
            "sub/c.toml",
            "sub/deep/d.toml",
            ".hid/e.toml",
            "sub/.f.toml",
        ]);
        for (pattern, files) in [
            ("*.toml", vec!["a.toml"]),
            ("[A-Z].TOML", vec!["B.TOML"]),
            ("*/*.toml", vec!["sub/c.toml"]),
            ("**/*.toml", vec!["a.toml", "sub/c.toml", "sub/deep/d.toml"]),
            ("**/**/d.toml", vec!["sub/deep/d.toml"]),
            ("sub/**", vec!["sub/c.toml", "sub/deep/d.toml"]),
            (".hid/*", vec![".hid/e.toml"]),
            ("none/*.toml", vec![]),
            ("a.toml/*", vec![]),
        ] {
            assert_eq!(found(folder.path(), pattern), files, "{pattern}");
        }
        for bad in ["a[", "a**", "sub/***"] {
            assert!(matches(folder.path(), bad, &mut 1000).is_err(), "{bad}");
        }
    }

    /// Kubernetes makes every file of a volume a link; links to folders may lead anywhere.
    #[test]
    fn f57_links_to_files_are_followed_and_loops_are_not() {
        let folder = folder(&["okrs/a.toml"]);
        let okrs = folder.path().join("okrs");
        symlink(".", okrs.join("l1")).unwrap();
        symlink(".", okrs.join("l2")).unwrap();
        symlink("a.toml", okrs.join("b.toml")).unwrap();
        assert_eq!(
            found(folder.path(), "okrs/**/*.toml"),
            ["okrs/a.toml", "okrs/b.toml"]
        );
        assert_eq!(
            found(folder.path(), "okrs/l?/b.toml").len(),
            2,
            "named outright"
        );
    }

    #[test]
    fn f57_only_so_many_names_are_looked_at() {
        let folder = folder(&["a/1", "a/2", "b/1", "b/2"]);
        let mut budget = 4;
        let found = matches(folder.path(), "**/*", &mut budget).unwrap();
        assert!(matches!(found.faults.as_slice(), [Fault::TooMany]));
        assert_eq!(budget, 0);
    }

    #[test]
    fn f57_a_name_that_is_no_text_is_told() {
        let folder = folder(&["a.toml"]);
        let name = std::ffi::OsStr::from_bytes(b"\xff.toml");
        std::fs::write(folder.path().join(name), "").unwrap();
        let found = matches(folder.path(), "*.toml", &mut 1000).unwrap();
        assert_eq!(found.files.len(), 1);
        assert!(matches!(found.faults.as_slice(), [Fault::NotText(_)]));
        let below = folder.path().join(std::ffi::OsStr::from_bytes(b"\xfe"));
        std::fs::create_dir(&below).unwrap();
        std::fs::write(below.join("b.toml"), "").unwrap();
        assert_eq!(matches(&below, "*.toml", &mut 1000).unwrap().files.len(), 1);
    }
}
