//! The other side of a diff: a folder, or a revision of the git repository in which the configuration stands. Git is asked
//! through its own program and nothing in the repository is written.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::path::{Component, Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::cli::exit::Failure;
use crate::config::check;
use crate::config::diff::{Diff, Subject};
use crate::config::files::{File, Files};
use crate::config::finding::{Finding, Severity};
use crate::config::load;
use crate::config::spec::Config;

/// The other side.
#[derive(Debug)]
pub(super) struct Base {
    /// Its files, as if they stood where those of today stand.
    pub files: Files,
    /// What it is called, for people.
    pub label: String,
}

impl Base {
    /// Reads it. A path that exists is meant as a path, and everything else as a revision.
    ///
    /// # Errors
    /// When there is neither such a path nor such a revision, or git cannot be asked.
    pub(super) fn read(base: &str, main: &Path) -> Result<Self, Failure> {
        let folder = Path::new(base);
        if folder.exists() {
            return of_folder(folder, main);
        }
        of_revision(base, main)
    }

    /// Takes what could not be read in the base out of the diff, since it only seems new; tells what it was.
    pub(super) fn leave_out_unread(
        &self,
        findings: &[Finding],
        old: &Config,
        diff: &mut Diff,
    ) -> Vec<String> {
        let errors: Vec<&Finding> = findings
            .iter()
            .filter(|finding| finding.severity == Severity::Error)
            .collect();
        if errors.is_empty() {
            return Vec::new();
        }
        let sound: BTreeSet<String> = old
            .goals
            .key_results()
            .map(|(_, kr)| kr.id.full())
            .collect();
        let written = check::ids(&self.files);
        let seems_new = |subject: &Subject| match subject {
            Subject::KeyResult(id) => {
                written.contains(&(id.cycle.clone(), id.to_string())) && !sound.contains(&id.full())
            }
            _ => false,
        };
        let mut unread: Vec<String> = Vec::new();
        diff.changes.retain(|change| {
            let out = change.before.is_none() && seems_new(&change.subject);
            if let (true, Subject::KeyResult(id)) = (out, &change.subject) {
                unread.push(format!(
                    "{} has errors in the base and was not compared",
                    id
                ));
            }
            !out
        });
        let first = errors.iter().take(5).map(|finding| {
            let (code, message) = (finding.code, &finding.message);
            format!("{}:{}: {code}: {message}", finding.file, finding.line)
        });
        let many = errors.len().saturating_sub(5);
        unread.extend(first);
        if many > 0 {
            unread.push(format!("and {many} more errors in the base"));
        }
        unread
    }
}

fn of_folder(folder: &Path, main: &Path) -> Result<Base, Failure> {
    let here = if main.is_dir() {
        main.join("okrd.toml")
    } else {
        main.to_owned()
    };
    let named = here.file_name().map(|name| folder.join(name));
    let there = match named {
        Some(named) if folder.is_dir() && named.is_file() => named,
        _ if folder.is_dir() => folder.join("okrd.toml"),
        _ => folder.to_owned(),
    };
    let files = load::load(&there).map_err(|error| Failure::usage(format!("--base: {error}")))?;
    let folder_of = |path: &Path| {
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        absolute.parent().map_or(absolute.clone(), Path::to_owned)
    };
    let (from, to) = (folder_of(&there), folder_of(&here));
    let files = moved(files, |folder| swap(folder, &from, &to), str::to_owned);
    Ok(Base {
        files,
        label: there.display().to_string(),
    })
}

/// The path with one beginning instead of another.
fn swap(path: &Path, from: &Path, to: &Path) -> PathBuf {
    match path.strip_prefix(from) {
        Ok(rest) => to.join(rest),
        Err(_) => path.to_owned(),
    }
}

/// The same files as they would be told in another place.
fn moved(files: Files, folder: impl Fn(&Path) -> PathBuf, shown: impl Fn(&str) -> String) -> Files {
    let each = |file: &File| {
        File::new(
            shown(file.shown()),
            folder(file.folder()),
            file.text().to_owned(),
        )
    };
    let told = |mut finding: Finding| {
        finding.file = shown(&finding.file);
        finding.message = shown(&finding.message);
        finding
    };
    Files {
        files: files.files.iter().map(each).collect(),
        findings: files.findings.into_iter().map(told).collect(),
    }
}

fn of_revision(revision: &str, main: &Path) -> Result<Base, Failure> {
    if revision.starts_with('-') || revision.is_empty() {
        return Err(Failure::usage(format!(
            "--base `{}` is neither a path nor a revision: name a folder, a branch, a tag or a commit",
            revision.escape_debug()
        )));
    }
    let main = if main.is_dir() {
        main.join("okrd.toml")
    } else {
        main.to_owned()
    };
    let real = main
        .canonicalize()
        .map_err(|e| Failure::usage(format!("{}: {e}", main.display())))?;
    let folder = real.parent().unwrap_or(Path::new("/"));
    let git = Git::around(folder)?;
    let commit = git.commit(revision)?;
    let inside = real.strip_prefix(&git.root).map_err(|_| {
        Failure::usage(format!(
            "{} stands outside of the repository {}: name a folder with --base",
            real.display(),
            git.root.display()
        ))
    })?;
    let short: String = commit.chars().take(7).collect();
    let label = if commit.starts_with(revision) {
        short
    } else {
        format!("{revision} ({short})")
    };
    let scratch = Scratch::new()?;
    git.lay_out(&commit, &scratch.path)?;
    let there = scratch.path.join(inside);
    if !there.exists() {
        // Everything is new then.
        let nothing = File::new(
            format!("{revision}:{}", inside.display()),
            folder,
            String::new(),
        );
        return Ok(Base {
            files: Files::one(nothing),
            label: format!("{label}, which has no {}", inside.display()),
        });
    }
    let files = load::load(&there).map_err(|error| Failure::usage(format!("--base: {error}")))?;
    let beginning = format!("{}/", scratch.path.display());
    let files = moved(
        files,
        |folder| swap(folder, &scratch.path, &git.root),
        |text| text.replace(&beginning, &format!("{revision}:")),
    );
    Ok(Base { files, label })
}

/// A repository.
struct Git {
    root: PathBuf,
}

impl Git {
    /// The repository around a folder.
    fn around(folder: &Path) -> Result<Self, Failure> {
        let output = run(git(folder).args(["rev-parse", "--show-toplevel"]))?;
        if !output.status.success() {
            let said = first_line(&output.stderr);
            return Err(Failure::usage(format!(
                "{} stands in no git repository that can be read ({said}): name a folder with --base, or run it in a clone",
                folder.display()
            )));
        }
        let root = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim_end());
        let root = root
            .canonicalize()
            .map_err(|e| Failure::usage(format!("{}: {e}", root.display())))?;
        Ok(Self { root })
    }

    /// The commit that a revision means.
    fn commit(&self, revision: &str) -> Result<String, Failure> {
        let wanted = format!("{revision}^{{commit}}");
        let asked = ["rev-parse", "--verify", "--quiet", "--end-of-options"];
        let output = run(git(&self.root).args(asked).arg(wanted))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
        }
        Err(Failure::usage(format!(
            "--base `{}` is no path and no revision of {}: fetch it first (`git fetch origin`; in a shallow clone with --unshallow, in a CI job with full history), or name a folder",
            revision.escape_debug(),
            self.root.display()
        )))
    }

    /// Writes what a configuration may consist of into an empty folder: every TOML file, and links that stay inside.
    fn lay_out(&self, commit: &str, folder: &Path) -> Result<(), Failure> {
        let listed = run(git(&self.root)
            .args(["ls-tree", "-r", "-z", "-l", "--full-tree"])
            .arg(commit))?;
        if !listed.status.success() {
            let said = first_line(&listed.stderr);
            return Err(Failure::usage(format!("git cannot list {commit}: {said}")));
        }
        let entries = listed
            .stdout
            .split(|byte| *byte == 0)
            .filter_map(Entry::parse);
        let wanted: Vec<Entry> = entries.filter(Entry::may_be_ours).collect();
        let texts = self.read(&wanted)?;
        for entry in &wanted {
            let failed = |e: std::io::Error| {
                Failure::usage(format!("cannot lay out {}: {e}", entry.path.display()))
            };
            let place = folder.join(&entry.path);
            if let Some(parent) = place.parent() {
                std::fs::create_dir_all(parent).map_err(failed)?;
            }
            let Some(bytes) = texts.get(&entry.object) else {
                // Too large to be read: a file of that size without content says so by itself.
                let file = std::fs::File::create(&place).map_err(failed)?;
                file.set_len(entry.size).map_err(failed)?;
                continue;
            };
            if entry.is_link {
                link(&place, bytes, folder).map_err(failed)?;
            } else {
                std::fs::write(&place, bytes).map_err(failed)?;
            }
        }
        Ok(())
    }

    /// The content of each object that is not too large.
    fn read(&self, entries: &[Entry]) -> Result<BTreeMap<String, Vec<u8>>, Failure> {
        let objects: BTreeSet<&str> = entries
            .iter()
            .filter(|entry| entry.size <= load::MAX_FILE)
            .map(|entry| entry.object.as_str())
            .collect();
        let failed = |e: std::io::Error| Failure::usage(format!("git cat-file: {e}"));
        let mut child = git(&self.root)
            .args(["cat-file", "--batch"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(failed)?;
        let asked: String = objects.iter().map(|object| format!("{object}\n")).collect();
        let stdin = child.stdin.take();
        let writer = std::thread::spawn(move || {
            // Git that ends early closes the pipe; what is missing then shows below.
            stdin.map(|mut stdin| stdin.write_all(asked.as_bytes()))
        });
        let mut all = Vec::new();
        if let Some(mut stdout) = child.stdout.take() {
            stdout.read_to_end(&mut all).map_err(failed)?;
        }
        drop(writer.join());
        child.wait().map_err(failed)?;
        Ok(contents(&all))
    }
}

/// `SHA blob SIZE\n` and that many bytes, over and over. <https://git-scm.com/docs/git-cat-file>
fn contents(mut rest: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let head = String::from_utf8_lossy(rest.get(..end).unwrap_or_default()).into_owned();
        rest = rest.get(end + 1..).unwrap_or_default();
        let words: Vec<&str> = head.split(' ').collect();
        if let [object, _, size] = words.as_slice()
            && let Ok(size) = size.parse::<usize>()
            && let Some(bytes) = rest.get(..size)
        {
            found.insert((*object).to_owned(), bytes.to_vec());
            rest = rest.get(size + 1..).unwrap_or_default();
        }
    }
    found
}

/// One file of a revision.
struct Entry {
    is_link: bool,
    object: String,
    size: u64,
    path: PathBuf,
}

impl Entry {
    /// `MODE blob SHA SIZE\tPATH`.
    fn parse(line: &[u8]) -> Option<Self> {
        use std::os::unix::ffi::OsStrExt;
        let tab = line.iter().position(|byte| *byte == b'\t')?;
        let head = std::str::from_utf8(line.get(..tab)?).ok()?;
        let path = std::ffi::OsStr::from_bytes(line.get(tab + 1..)?);
        let mut words = head.split_whitespace();
        let (mode, kind, object, size) =
            (words.next()?, words.next()?, words.next()?, words.next()?);
        (kind == "blob").then(|| Self {
            is_link: mode == "120000",
            object: object.to_owned(),
            size: size.parse().unwrap_or(u64::MAX),
            path: PathBuf::from(path),
        })
    }

    fn may_be_ours(&self) -> bool {
        self.is_link
            || self
                .path
                .extension()
                .is_some_and(|extension| extension == "toml")
    }
}

/// A link as in the revision, if it leads to something in it: nothing of this machine belongs to another revision.
fn link(place: &Path, bytes: &[u8], folder: &Path) -> std::io::Result<()> {
    use std::os::unix::ffi::OsStrExt;
    let target = Path::new(std::ffi::OsStr::from_bytes(bytes));
    let mut depth = place
        .strip_prefix(folder)
        .map_or(0, |inside| inside.components().count().saturating_sub(1));
    for part in target.components() {
        match part {
            Component::Normal(_) => depth += 1,
            Component::CurDir => {}
            Component::ParentDir if depth > 0 => depth -= 1,
            _ => return Ok(()),
        }
    }
    std::os::unix::fs::symlink(target, place)
}

/// Git in a folder, away from what a hook that calls us has set.
fn git(folder: &Path) -> Command {
    let mut command = Command::new("git");
    command.arg("-C").arg(folder).env("GIT_OPTIONAL_LOCKS", "0");
    for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"] {
        command.env_remove(name);
    }
    command
}

fn run(command: &mut Command) -> Result<Output, Failure> {
    command.stdin(Stdio::null()).output().map_err(|e| {
        Failure::usage(format!(
            "cannot run git ({e}): install it, or name a folder with --base"
        ))
    })
}

fn first_line(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.lines().next().unwrap_or("no word of git").to_owned()
}

/// A folder that is gone with its owner.
struct Scratch {
    path: PathBuf,
}

impl Scratch {
    fn new() -> Result<Self, Failure> {
        let path = std::env::temp_dir().join(format!("okrd-{}", uuid::Uuid::new_v4()));
        let made = std::fs::create_dir(&path).and_then(|()| path.canonicalize());
        let path = made.map_err(|e| {
            Failure::usage(format!("cannot make a folder in {}: {e}", path.display()))
        })?;
        Ok(Self { path })
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.path));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_git_says_is_read_whole() {
        let said = b"aa blob 3\na\nb\nbb missing\ncc blob 0\n\n";
        let found = contents(said);
        assert_eq!(found["aa"], b"a\nb");
        assert_eq!(found["cc"], b"");
        assert_eq!(found.len(), 2);
        let entry = Entry::parse(b"100644 blob abc     12\tokrs/a b.toml").unwrap();
        assert_eq!((entry.size, entry.object.as_str()), (12, "abc"));
        assert!(entry.may_be_ours() && entry.path == Path::new("okrs/a b.toml"));
        assert!(Entry::parse(b"160000 commit abc       -\tmodule").is_none());
    }
}
