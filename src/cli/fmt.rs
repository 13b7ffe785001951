//! `okrd fmt`: the white space of configuration files in order. How that looks is `config::format`'s; here is which files
//! and how they are replaced.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::args::FmtArgs;
use super::exit::{Failure, Verdict, complain, say};
use super::{configuration, write};
use crate::config::files::{File, Files};
use crate::config::finding::Severity;
use crate::config::format::{Unformatted, changed_lines, format};
use crate::config::{load, render};

/// Formats the files, or lists those that would change. A file at fault is told and left alone; the others are formatted.
///
/// # Errors
/// When a file cannot be read or written, or is not TOML.
pub fn run(config: Option<&Path>, args: &FmtArgs) -> Result<Verdict, Failure> {
    if args.files.iter().any(|path| path == Path::new("-")) {
        return match args.files.as_slice() {
            [_] => stdin(args.check),
            _ => Err(Failure::usage(
                "found `-` beside other files: format stdin alone, or name files only",
            )),
        };
    }
    let (files, mut failed) = files(config, &args.files)?;
    let mut changed = 0;
    for file in &files {
        match formatted(file) {
            Err(why) => {
                complain(&why);
                failed = true;
            }
            Ok(text) if text == file.text() => {}
            Ok(text) if args.check => {
                changed += 1;
                say(&format!("{}\n", file.shown()))?;
                complain(&format!(
                    "{}: {}\n",
                    file.shown(),
                    places(file.text(), &text)
                ));
            }
            Ok(text) => match write::replace(Path::new(file.shown()), file.text(), &text) {
                Ok(()) => {
                    changed += 1;
                    complain(&format!("formatted {}\n", file.shown()));
                }
                Err(why) => {
                    complain(&format!("error: {why}\n"));
                    failed = true;
                }
            },
        }
    }
    if failed {
        return Err(Failure::usage(String::new()));
    }
    if args.check && changed > 0 {
        let s = if changed == 1 { "" } else { "s" };
        complain(&format!("{changed} file{s} would change; run `okrd fmt`\n"));
    }
    Ok(Verdict::of(!args.check || changed == 0))
}

/// Where the white space of a text is out of order: a few line numbers.
fn places(text: &str, formatted: &str) -> String {
    const MOST: usize = 10;
    let lines = changed_lines(text, formatted);
    let shown: Vec<String> = lines.iter().take(MOST).map(usize::to_string).collect();
    let s = if lines.len() == 1 { "" } else { "s" };
    let more = match lines.len().saturating_sub(MOST) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("line{s} {}{more}", shown.join(", "))
}

/// The files to format, and whether some could not be read.
fn files(config: Option<&Path>, named: &[PathBuf]) -> Result<(Vec<File>, bool), Failure> {
    let mut failed = false;
    if named.is_empty() {
        let read = configuration::read(&configuration::locate(config)?)?;
        complain(&render::text(&read.findings, &read));
        failed = read
            .findings
            .iter()
            .any(|finding| finding.severity == Severity::Error);
        return Ok((read.files, failed));
    }
    let mut files = Vec::new();
    for path in named {
        match load::one(path) {
            Ok(file) => files.push(file),
            Err(error) => {
                complain(&format!("error: {error}\n"));
                failed = true;
            }
        }
    }
    Ok((files, failed))
}

/// The formatted text, or why there is none, ready to be shown.
fn formatted(file: &File) -> Result<String, String> {
    format(file).map_err(|why| match why {
        Unformatted::Faulty(findings) => render::text(&findings, &Files::one(file.clone())),
        Unformatted::Altered => format!(
            "error: {}: formatting would change what the file says, so it was left alone; this is a fault of okrd, \
             please report it\n",
            file.shown()
        ),
    })
}

/// What an editor does: text in, formatted text out, nothing at all where there is a fault.
fn stdin(check: bool) -> Result<Verdict, Failure> {
    let mut bytes = Vec::new();
    let input = std::io::stdin().lock();
    input
        .take(load::MAX_FILE + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::usage(format!("cannot read stdin: {error}")))?;
    if bytes.len() as u64 > load::MAX_FILE {
        let most = load::MAX_FILE >> 20;
        return Err(Failure::usage(format!(
            "stdin is larger than {most} MiB, the most that is read"
        )));
    }
    let text = String::from_utf8(bytes)
        .map_err(|_| Failure::usage("stdin is not UTF-8 text: write TOML in UTF-8"))?;
    let file = File::new("stdin", "/", text);
    let formatted = formatted(&file).map_err(|why| {
        complain(&why);
        Failure::usage(String::new())
    })?;
    if check {
        let same = formatted == file.text();
        if !same {
            say("-\n")?;
        }
        return Ok(Verdict::of(same));
    }
    say(&formatted)?;
    Ok(Verdict::Yes)
}
