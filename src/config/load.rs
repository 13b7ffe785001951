//! Reads the files of a configuration: the main file and what it includes. Touches the file system and nothing
//! else; a bad include becomes a finding, never an abort. Knows only one key of the files: `include`.

use std::collections::BTreeSet;
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::de::DeTable;

use super::files::{File, Files};
use super::finding::{Code, Finding, Severity, quoted};

/// The largest file that is read, in bytes: 16 MiB.
pub const MAX_FILE: u64 = 16 * 1024 * 1024;
/// The most files that one configuration may have.
pub const MAX_FILES: usize = 10_000;
/// The most bytes that all files together may have: 64 MiB.
pub const MAX_TOTAL: usize = 64 * 1024 * 1024;
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
    let main = if path.is_dir() {
        path.join("okrd.toml")
    } else {
        path.to_owned()
    };
    let failed = |why: String| LoadError {
        path: main.display().to_string(),
        why,
    };
    let text = match read(&main) {
        Ok(text) => text,
        Err(Unreadable::Absent) => return Err(failed("the file does not exist".into())),
        Err(Unreadable::System(why)) => return Err(failed(why)),
        Err(Unreadable::Content(why)) => {
            let shown = main.display().to_string();
            let finding = Finding::new(Code::CfgFile, format!("{shown}: {why}")).in_file(&shown);
            let mut files = Files::one(File::new(shown, "/", String::new()));
            files
                .findings
                .push(finding.help("write the configuration as TOML in UTF-8"));
            return Ok(files);
        }
    };
    let mut loader = Loader::default();
    loader
        .add(&main, text, 0)
        .map_err(|e| failed(e.to_string()))?;
    Ok(loader.files)
}

/// Why a file gives no text.
enum Unreadable {
    Absent,
    System(String),
    Content(String),
}

/// Reads a regular file up to the cap. Looks before it opens: opening a pipe would wait for ever.
fn read(path: &Path) -> Result<String, Unreadable> {
    let system = |e: std::io::Error| match e.kind() {
        std::io::ErrorKind::NotFound => Unreadable::Absent,
        _ => Unreadable::System(e.to_string()),
    };
    let too_large = || {
        Unreadable::Content(format!(
            "larger than {} MiB, the most that is read",
            MAX_FILE >> 20
        ))
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
        Unreadable::Content(format!(
            "not UTF-8 text: line {line} holds a byte that is none"
        ))
    })
}

/// The state of one load.
#[derive(Default)]
struct Loader {
    files: Files,
    seen: BTreeSet<PathBuf>,
    bytes: usize,
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
        // The folder as the user named it, so that findings show paths that can be opened from here.
        let Some(file) = self.files.files.get(include.from) else {
            return;
        };
        let folder = Path::new(file.shown())
            .parent()
            .unwrap_or(Path::new(""))
            .to_owned();
        if include.text.contains(['*', '?', '[']) {
            self.include_glob(include, &folder);
        } else {
            self.include_file(include, &folder.join(&include.text), true);
        }
    }

    fn include_glob(&mut self, include: &Include, folder: &Path) {
        let base = glob::Pattern::escape(&folder.to_string_lossy());
        let pattern = Path::new(&base).join(&include.text);
        let options = glob::MatchOptions {
            require_literal_separator: true,
            // Leaves out `..data` and its kin, which hold every file of a Kubernetes volume a second time.
            require_literal_leading_dot: true,
            ..glob::MatchOptions::default()
        };
        let paths = match glob::glob_with(&pattern.to_string_lossy(), options) {
            Ok(paths) => paths,
            Err(e) => {
                let message = format!(
                    "include {} is not a pattern: {}",
                    quoted(&include.text),
                    e.msg
                );
                return self.complain(
                    include,
                    message,
                    "use `*` for any name, `**` for any folders",
                );
            }
        };
        let mut found: Vec<PathBuf> = Vec::new();
        for path in paths.take(MAX_FILES + 1) {
            match path {
                Ok(path) if path.is_dir() => {}
                Ok(path) => found.push(path),
                Err(e) => {
                    let message = format!("include {}: {}", quoted(&include.text), e);
                    self.complain(include, message, "make the folder readable for okrd");
                }
            }
        }
        if found.is_empty() {
            self.complain(
                include,
                format!("include {} matches no file", quoted(&include.text)),
                "correct the pattern, or remove it; it is relative to the file that names it",
            );
            if let Some(last) = self.files.findings.last_mut() {
                last.severity = Severity::Warning;
            }
        }
        found.sort();
        for path in found {
            self.include_file(include, &path, false);
        }
    }

    /// Includes one file. Named outright it must not be there already; a pattern may match it again.
    fn include_file(&mut self, include: &Include, path: &Path, outright: bool) {
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
            Err(Unreadable::System(why) | Unreadable::Content(why)) => self.complain(
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
