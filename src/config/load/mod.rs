//! Reads the files of a configuration: the main file and what it includes. Touches the file system and nothing
//! else; a bad include becomes a finding, never an abort. Knows only one key of the files: `include`.

pub mod trail;
mod walk;

use std::collections::BTreeSet;
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::de::DeTable;

use self::trail::Trail;
use self::walk::{Fault, MAX_NAMES};
use super::files::{File, Files};
use super::finding::{Code, Finding, Severity, quoted};

/// The largest file that is read, in bytes: 16 MiB.
pub const MAX_FILE: u64 = 16 * 1024 * 1024;
/// The most files that one configuration may have.
pub const MAX_FILES: usize = 10_000;
/// The most bytes that all files together may have: 64 MiB.
pub const MAX_TOTAL: usize = 64 * 1024 * 1024;
/// The most findings about one pattern.
const MOST_FAULTS: usize = 10;
/// The deepest chain of includes.
const MAX_DEPTH: usize = 16;

/// Why there is nothing to check: the main file cannot be read at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot read configuration {path}: {why}")]
pub struct LoadError {
    /// The path as given, or the file looked for in the directory given.
    pub path: String,
    /// What is wrong.
    pub why: String,
}

/// Reads a file, or `okrd.toml` in a directory, and everything it includes, each file once.
///
/// # Errors
/// When the main file is absent, unreadable or no regular file. Everything else, a main file that is no text
/// among it, comes back as a finding.
pub fn load(path: &Path) -> Result<Files, LoadError> {
    follow(path).0
}

/// The same, and where it was looked for, for whoever wants to see it change.
pub fn follow(path: &Path) -> (Result<Files, LoadError>, Trail) {
    let mut trail = Trail::default();
    let loaded = load_along(path, &mut trail);
    (loaded, trail)
}

fn load_along(path: &Path, trail: &mut Trail) -> Result<Files, LoadError> {
    let main = if path.is_dir() {
        path.join("okrd.toml")
    } else {
        path.to_owned()
    };
    let failed = |why: String| LoadError {
        path: main.display().to_string(),
        why,
    };
    trail.file(&main);
    let text = match read(&main) {
        Ok(text) => text,
        Err(Unreadable::Absent) => return Err(failed("the file does not exist".into())),
        Err(Unreadable::System(why)) => return Err(failed(why)),
        Err(Unreadable::Content(why, line)) => {
            let shown = main.display().to_string();
            let finding = Finding::new(Code::CfgFile, format!("{shown}: {why}"))
                .in_file(&shown, line)
                .help("write the configuration as TOML in UTF-8");
            let mut files = Files::one(File::new(shown, "/", String::new()));
            files.findings.push(finding);
            return Ok(files);
        }
    };
    let mut loader = Loader {
        names: MAX_NAMES,
        ..Loader::default()
    };
    let added = loader.add(&main, text, 0);
    trail.append(loader.trail);
    added.map_err(|e| failed(e.to_string()))?;
    Ok(loader.files)
}

/// Reads one file and follows no include.
///
/// # Errors
/// When it is absent, unreadable, no regular file or no text.
pub fn one(path: &Path) -> Result<File, LoadError> {
    let failed = |why: String| LoadError {
        path: path.display().to_string(),
        why,
    };
    let text = read(path).map_err(|error| match error {
        Unreadable::Absent => failed("the file does not exist".into()),
        Unreadable::System(why) | Unreadable::Content(why, _) => failed(why),
    })?;
    let absolute = std::path::absolute(path).map_err(|e| failed(e.to_string()))?;
    let folder = absolute.parent().unwrap_or(Path::new("/"));
    Ok(File::new(path.display().to_string(), folder, text))
}

/// Why a file gives no text.
enum Unreadable {
    Absent,
    System(String),
    /// Why, and the line where it shows.
    Content(String, usize),
}

/// Reads a regular file up to the cap. Looks before it opens: opening a pipe would wait for ever.
fn read(path: &Path) -> Result<String, Unreadable> {
    let system = |e: std::io::Error| match e.kind() {
        std::io::ErrorKind::NotFound => Unreadable::Absent,
        _ => Unreadable::System(e.to_string()),
    };
    let too_large = || {
        let most = MAX_FILE >> 20;
        Unreadable::Content(format!("larger than {most} MiB, the most that is read"), 1)
    };
    let metadata = std::fs::metadata(path).map_err(system)?;
    if !metadata.is_file() {
        let kind = if metadata.is_dir() {
            "a directory"
        } else {
            "a pipe, device or socket"
        };
        return Err(Unreadable::System(format!(
            "found {kind}, expected a regular file"
        )));
    }
    if metadata.len() > MAX_FILE {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(system)?;
    file.take(MAX_FILE + 1)
        .read_to_end(&mut bytes)
        .map_err(system)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(too_large());
    }
    String::from_utf8(bytes).map_err(|e| {
        let before = e
            .as_bytes()
            .get(..e.utf8_error().valid_up_to())
            .unwrap_or_default();
        let line = before.iter().filter(|b| **b == b'\n').count() + 1;
        let why = format!("not UTF-8 text: line {line} holds a byte that is none");
        Unreadable::Content(why, line)
    })
}

/// The state of one load.
#[derive(Default)]
struct Loader {
    files: Files,
    /// The folders of the files as the user named them, so that findings show paths that can be opened from here.
    folders: Vec<PathBuf>,
    seen: BTreeSet<PathBuf>,
    trail: Trail,
    bytes: usize,
    /// How many names may still be looked at for patterns.
    names: usize,
}

/// One entry of `include` and where it stands.
struct Include {
    from: usize,
    span: Range<usize>,
    text: String,
    depth: usize,
}

impl Loader {
    /// Adds a file that was read and follows its includes, depth first.
    fn add(&mut self, path: &Path, text: String, depth: usize) -> std::io::Result<()> {
        self.seen.insert(path.canonicalize()?);
        let absolute = std::path::absolute(path)?;
        let folder = absolute.parent().unwrap_or(Path::new("/")).to_owned();
        self.bytes += text.len();
        let includes = includes_of(&text);
        let from = self.files.files.len();
        self.folders
            .push(path.parent().unwrap_or(Path::new("")).to_owned());
        self.files
            .files
            .push(File::new(path.display().to_string(), folder, text));
        for (span, text) in includes {
            self.include(&Include {
                from,
                span,
                text,
                depth,
            });
        }
        Ok(())
    }

    fn complain(&mut self, include: &Include, message: String, help: &str) {
        if let Some(file) = self.files.files.get(include.from) {
            let finding = file
                .finding(&include.span, Code::CfgFile, message)
                .help(help);
            self.files.findings.push(finding);
        }
    }

    fn include(&mut self, include: &Include) {
        if include.text.starts_with('~') {
            let message = format!("include {} starts with `~`", quoted(&include.text));
            return self.complain(
                include,
                message,
                "write the path out; `~` means something to shells only",
            );
        }
        if include.depth >= MAX_DEPTH {
            let message = format!("includes are nested deeper than {MAX_DEPTH} files");
            return self.complain(include, message, "include the file from a file further up");
        }
        let Some(folder) = self.folders.get(include.from).cloned() else {
            return;
        };
        if include.text.contains(['*', '?', '[']) {
            self.include_glob(include, &folder);
        } else {
            self.include_file(include, &folder.join(&include.text), true);
        }
    }

    fn include_glob(&mut self, include: &Include, folder: &Path) {
        self.trail.pattern(folder, &include.text);
        let found = match walk::matches(folder, &include.text, &mut self.names) {
            Ok(found) => found,
            Err(why) => {
                let message = format!("include {} is not a pattern: {why}", quoted(&include.text));
                return self.complain(
                    include,
                    message,
                    "use `*` for any name, `**` for any folders",
                );
            }
        };
        if found.files.is_empty() && found.faults.is_empty() {
            self.complain(
                include,
                format!("include {} matches no file", quoted(&include.text)),
                "correct the pattern, or remove it; it is relative to the file that names it",
            );
            if let Some(last) = self.files.findings.last_mut() {
                last.severity = Severity::Warning;
            }
        }
        for fault in found.faults.iter().take(MOST_FAULTS) {
            self.unseen(include, fault);
        }
        for path in found.files {
            self.include_file(include, &path, false);
        }
    }

    /// What a pattern may match, but okrd could not see.
    fn unseen(&mut self, include: &Include, fault: &Fault) {
        let include_text = quoted(&include.text);
        let (message, help) = match fault {
            Fault::Unreadable(path, error) => (
                format!("include {include_text}: {}: {error}", path.display()),
                "make the folder readable for okrd",
            ),
            Fault::NotText(path) => (
                format!(
                    "include {include_text} matches {}, whose name is not UTF-8 text",
                    path.display()
                ),
                "rename the file, or write a pattern that leaves it out",
            ),
            Fault::TooMany => (
                format!("include {include_text}: more than {MAX_NAMES} names to look at"),
                "name a folder that holds only the files you mean, such as \"okrs/*.toml\"",
            ),
        };
        self.complain(include, message, help);
    }

    /// A folder stands for its `okrd.toml`, as on the command line.
    fn include_folder(&mut self, include: &Include, folder: &Path) {
        let main = folder.join("okrd.toml");
        self.trail.file(&main);
        if main.exists() {
            return self.include_file(include, &main, true);
        }
        let message = format!(
            "include {}: found a directory without okrd.toml",
            quoted(&include.text)
        );
        let files = quoted(&format!("{}/*.toml", include.text.trim_end_matches('/')));
        self.complain(
            include,
            message,
            &format!("write \"{}\" to include its files", files.trim_matches('`')),
        );
    }

    /// Includes one file. Named outright it must not be there already; a pattern may match it again.
    fn include_file(&mut self, include: &Include, path: &Path, outright: bool) {
        if path.is_dir() {
            return self.include_folder(include, path);
        }
        self.trail.file(path);
        let shown = path.display().to_string();
        if let Ok(real) = path.canonicalize()
            && self.seen.contains(&real)
        {
            if outright {
                self.complain(
                    include,
                    format!("{} is included already", quoted(&shown)),
                    "remove this entry; each file is read once",
                );
                if let Some(last) = self.files.findings.last_mut() {
                    last.severity = Severity::Warning;
                }
            }
            return;
        }
        if self.files.files.len() >= MAX_FILES || self.bytes > MAX_TOTAL {
            let message = format!("more than {MAX_FILES} files or {} MiB", MAX_TOTAL >> 20);
            return self.complain(include, message, "include fewer files");
        }
        match read(path) {
            Ok(text) => {
                if let Err(e) = self.add(path, text, include.depth + 1) {
                    self.complain(
                        include,
                        format!("{}: {e}", quoted(&shown)),
                        "make the file readable for okrd",
                    );
                }
            }
            Err(Unreadable::Absent) => self.complain(
                include,
                format!("included file {} does not exist", quoted(&shown)),
                "correct the path; it is relative to the file that names it",
            ),
            Err(Unreadable::System(why) | Unreadable::Content(why, _)) => self.complain(
                include,
                format!("included file {}: {why}", quoted(&shown)),
                "include regular files that hold TOML in UTF-8 and that okrd may read",
            ),
        }
    }
}

/// The entries of `include` with their places. Whatever else is wrong with the file, checking will tell.
fn includes_of(text: &str) -> Vec<(Range<usize>, String)> {
    let (table, _) = DeTable::parse_recoverable(text);
    let Some(list) = table
        .get_ref()
        .get("include")
        .and_then(|v| v.get_ref().as_array())
    else {
        return Vec::new();
    };
    let entry = |v: &toml::Spanned<toml::de::DeValue<'_>>| {
        Some((v.span(), v.get_ref().as_str()?.to_owned()))
    };
    list.iter().filter_map(entry).collect()
}
